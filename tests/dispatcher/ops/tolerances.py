"""How far a result may lie from the exact one: the table's tolerance classes as numbers.

Everything is float64 arrays of NumPy, so that results of any device and any reference can be compared.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from tensorplug_dispatcher.op import Op

# units in the last place by tolerance class, as a function of the number of elements that one result is made
# of
ULPS = {
    "exact": lambda n: 0,
    "add": lambda n: 1,
    "mul": lambda n: 1,
    "div": lambda n: 2.5,
    "sqrt": lambda n: 3,
    "rsqrt": lambda n: 2,
    "exp": lambda n: 3,
    "log": lambda n: 3,
    "log1p": lambda n: 2,
    "sin": lambda n: 4,
    "tan": lambda n: 5,
    "tanh": lambda n: 5,
    "erf": lambda n: 16,
    "pow": lambda n: 16,
    "usable": lambda n: 34,
    "sum": lambda n: n,
    "mean": lambda n: n + 2,
    "norm": lambda n: 2 * n + 1,
    "logsumexp": lambda n: 2 * n + 18,
    "softmax": lambda n: 3 * n + 3,
    "normalization": lambda n: 3 * n + 3,
    "matmul": lambda n: 2 * n,
    "conv": lambda n: 2 * n,
    "step": lambda n: 2 * n,
}
CANCELLING = {"sum", "mean", "norm", "logsumexp", "softmax", "normalization", "matmul", "conv", "step"}
# name: (distance from 1 to the next number, smallest normal number)
PRECISION = {
    "float16": (2.0**-10, 2.0**-14),
    "bfloat16": (2.0**-7, 2.0**-126),
    "float32": (2.0**-23, 2.0**-126),
    "float64": (2.0**-52, 2.0**-1022),
}


def float_differences(
    op: Op, dtype: str, got: Any, wanted: Any, inputs: Sequence[Any], whose: str = "PyTorch"
) -> str:
    """What is wrong with a result of floating ``dtype``, or nothing.

    ``wanted`` is the exact result rounded to ``dtype``, ``inputs`` are the call's tensors, those of other
    dtypes as zeros; ``whose`` says where ``wanted`` comes from.
    """
    if not np.array_equal(np.isnan(got), np.isnan(wanted)):
        return f"NaN differs: {got.flatten()[:8].tolist()}, {whose} {wanted.flatten()[:8].tolist()}"
    eps, smallest = PRECISION[dtype]
    whole = max((x.size for x in inputs), default=1)
    n = max(math.ceil(whole / max(got.size, 1)), 1)
    if op.tolerance in ("matmul", "conv", "step", "sum", "normalization"):
        n = max([n, *(x.shape[-1] for x in inputs if x.ndim)])
    sizes = [float(np.nan_to_num(np.abs(x), nan=0, posinf=0).max()) for x in inputs if x.size]
    scale = max([1.0, *sizes])
    with np.errstate(all="ignore"):
        ulp = np.maximum(np.abs(wanted) * eps, smallest * eps)
        allowed = ULPS[op.tolerance](n) * ulp
        if op.name.endswith(("_backward", "_step")) and op.elementwise:  # slopes and steps cross zero
            allowed = np.maximum(allowed, ULPS[op.tolerance](n) * eps * scale)
        if op.tolerance in CANCELLING:
            # float16 and bfloat16 count as accumulated in float32, but products are rounded once before what
            # is added
            product = op.tolerance in ("matmul", "conv", "step")
            accumulator = eps if eps <= 2.0**-23 else eps / n if product else 2.0**-23
            allowed = np.maximum(allowed, ulp + 4 * n * accumulator * scale ** (2 if product else 1))
        difference = np.where(got == wanted, 0.0, np.abs(got - wanted))
    wrong = ~(difference <= allowed) & ~np.isnan(wanted) & (got != wanted)
    if not wrong.any():
        return ""
    at = int(wrong.flatten().nonzero()[0][0])
    return (
        f"element {at}: {got.flatten()[at].item()!r}, {whose} {wanted.flatten()[at].item()!r} "
        f"({(difference / ulp).flatten()[at].item():.1f} ulp, {ULPS[op.tolerance](n)} allowed)"
    )
