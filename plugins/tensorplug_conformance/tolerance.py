"""How far a result may lie from the exact one, and how far it does: units in the last place.

The classes and their bounds are WebNN's and OpenCL's (see the table in ``docs/conformance.md``). Under
cancellation units in the last place alone are unfair: sums and products also pass where the error is within
``2 n u`` of the sum of absolute values. Beyond 64 terms that bound, with the accumulator's ``u``, and one
unit of the result are all that is allowed: a sum of half precision is rounded once, at its end, unless the
manifest declares a narrower accumulator. Rounding has no direction: ``bias`` measures it over many values.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from tensorplug_dispatcher.op import Op

Bound = Callable[[int], float]


def _fixed(value: float) -> Bound:
    return lambda n: value


FLOAT32: Final[dict[str, Bound]] = {
    "exact": _fixed(0),
    "add": _fixed(1),
    "mul": _fixed(1),
    "div": _fixed(2.5),
    "sqrt": _fixed(3),
    "rsqrt": _fixed(2),
    "exp": _fixed(3),
    "log": _fixed(3),
    "log1p": _fixed(2),
    "sin": _fixed(4),
    "tan": _fixed(5),
    "tanh": _fixed(5),
    "erf": _fixed(16),
    "pow": _fixed(16),
    "usable": _fixed(34),
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
FLOAT16: Final[dict[str, Bound]] = {
    **FLOAT32,
    "div": _fixed(1),
    "sqrt": _fixed(1.5),
    "rsqrt": _fixed(1),
    "exp": _fixed(2),
    "log": _fixed(2),
    "log1p": _fixed(2),
    "sin": _fixed(2),
    "tan": _fixed(2.5),
    "tanh": _fixed(2),
    "erf": _fixed(4),
    "pow": _fixed(4),
}
CANCELLING: Final = frozenset(
    ("sum", "mean", "norm", "logsumexp", "softmax", "normalization", "matmul", "conv", "step")
)
# dtype: distance from 1 to the next number, smallest normal number
PRECISION: Final = {
    "float16": (2.0**-10, 2.0**-14),
    "bfloat16": (2.0**-7, 2.0**-126),
    "float32": (2.0**-23, 2.0**-126),
    "float64": (2.0**-52, 2.0**-1022),
}


SUMS: Final = frozenset(("sum", "mean", "matmul", "conv"))  # what is accumulated
FEW: Final = 64  # terms up to which units in the last place of the result are allowed for each
# products to which nothing is added after they were rounded
PLAIN: Final = frozenset(("matmul", "dot", "conv_input_grad", "conv_weight_grad"))
# sums into places that many writers share: they are accumulated where they are kept
SHARED: Final = frozenset(
    ("scatter_add", "index_add", "index_put", "embedding_backward", "max_pool_backward")
    + ("as_strided_backward", "unfold_backward")
)
# units, of the dtype in which it is computed, that half a unit of what an exponential is taken of makes: erfc
# falls like exp(-x * x)
STEEP: Final[dict[str, Callable[[Any], Any]]] = {
    "erfc": lambda x: np.square(np.clip(np.nan_to_num(x), 0, 28)),  # beyond it is 0, in float64 too
}


@dataclass(frozen=True, slots=True)
class Errors:
    """What one comparison found: ``message`` is empty where all is well. Units in the last place; ``excess``
    is the largest error as a multiple of what is allowed, ``place`` the flat index of the worst element.
    """

    message: str = ""
    maximum: float = 0.0
    p99: float = 0.0
    elements: int = 0
    excess: float = math.inf
    place: int = -1


def bound(op: Op, dtype: str, n: int) -> float:
    """Units in the last place that a result of ``n`` elements each may be off."""
    return float((FLOAT16 if dtype in ("float16", "bfloat16") else FLOAT32)[op.tolerance](n))


def terms(op: Op, results: int, inputs: Sequence[Any]) -> int:
    """How many terms a result is made of, from the inputs of a call (arrays) and its number of results."""
    shapes = [x.shape for x in inputs]
    if op.name == "addmm":
        return max(shapes[1][-1], 1)
    if op.tolerance == "matmul" and len(shapes[0]) and op.name != "scaled_dot_product_attention":
        return max(shapes[0][-1], 1)
    largest_input = max((x.size for x in inputs), default=1)
    count = max(math.ceil(largest_input / max(results, 1)), 1)
    along = max([0, *(max(shape, default=1) for shape in shapes)])
    if op.name in SHARED:
        return max([count, *(x.size for x in inputs[1:])])
    if op.family == "scan_sort" or op.name in ("scaled_dot_product_attention", "group_norm"):
        return max(count, along)
    if op.name == "conv_input_grad":  # output channels times the window
        return max(inputs[1].size // max(shapes[1][1], 1), 1)
    if op.name == "conv_weight_grad":  # batch times places of the output
        return max(inputs[0].size // max(shapes[0][1], 1), 1)
    if op.name == "conv":
        return max(inputs[1].size // max(shapes[1][0], 1), 1)
    if op.tolerance in ("conv", "step", "sum", "normalization"):
        return max([count, *(shape[-1] for shape in shapes if shape)])
    return count


def line(op: Op, args: Sequence[Any]) -> int:
    """How many elements of its input a result of softmax or normalization is made of, from the arguments of
    a call in the schema's order: those along ``dim``, of the normalized shape, of a channel or of a group; of
    what flows back through a pool of means, those of a window.
    """
    given = {p.name: arg for p, arg in zip(op.parameters, args, strict=False)}
    if "kernel_size" in given and op.tolerance == "mean":
        return math.prod(given["kernel_size"])
    if op.tolerance not in ("softmax", "normalization"):
        return 1
    shape = tuple(args[0].shape)
    if "dim" in given:
        return int(shape[given["dim"]]) if shape else 1
    if "normalized_shape" in given:
        return math.prod(given["normalized_shape"])
    parts = shape[0] * given["num_groups"] if "num_groups" in given else shape[1]
    return math.prod(shape) // max(parts, 1)


def _largest(x: Any) -> float:
    with np.errstate(all="ignore"):
        return float(np.nan_to_num(np.abs(x), nan=0, posinf=0).max(initial=0.0))


# what is added to the first operand: it is rounded first, so where both nearly cancel, units of it count
ADDED: Final = {
    "addcmul": lambda inputs: _largest(inputs[1]) * _largest(inputs[-1]),
    "addcdiv": lambda inputs: _largest(inputs[1] / np.where(inputs[-1] == 0, np.inf, inputs[-1])),
}
CENTRED: Final = ("layer_norm", "group_norm", "batch_norm_train")
LEAST: Final = 1e-5  # what is added to a variance, where a call adds least


def stretch(op: Op, inputs: Sequence[Any], along: int) -> float:
    """By how much a normalization of lines magnifies the rounding of their means: a line of nearly equal
    numbers is divided by little.
    """
    if op.name not in CENTRED or along < 1 or not inputs[0].size:
        return 1.0
    x = np.moveaxis(inputs[0], 1, 0) if op.name == "batch_norm_train" else inputs[0]
    with np.errstate(all="ignore"):
        spread = np.nan_to_num(x.reshape(-1, along).var(-1), nan=1.0, posinf=1.0)
    return float(max(1.0, (1.0 / np.sqrt(spread + LEAST)).max()))


def compared(
    op: Op,
    dtype: str,
    got: Any,
    exact: Any,
    inputs: Sequence[Any],
    flush: bool = False,
    accumulator: str = "float32",
    along: int = 1,
) -> Errors:
    """Compare a floating result with the exact one. All arrays are float64; ``exact`` is not rounded yet.

    NaN and infinities must be where they are in the exact result (rounded to ``dtype``); then the distance
    counts. With ``flush`` a result that is subnormal may be zero. ``accumulator`` is the dtype in which sums
    of a narrower dtype are kept, as the manifest declares it. ``along`` is what ``line`` says of the call.
    """
    eps, smallest = PRECISION[dtype]
    if got.shape != exact.shape:
        return Errors(f"shape {list(got.shape)}, reference {list(exact.shape)}")
    if not np.array_equal(np.isnan(got), np.isnan(exact)):
        at = int((np.isnan(got) != np.isnan(exact)).reshape(-1).nonzero()[0][0])
        return Errors(f"NaN differs, {_said(at, got, exact)}", elements=got.size, place=at)
    if ((got == exact) | np.isnan(exact)).all():
        return Errors("", 0.0, 0.0, got.size, 0.0)
    count = max(terms(op, got.size, inputs), along)
    allowed_ulp = bound(op, dtype, count)
    unit = eps if eps <= 2.0**-23 else PRECISION[accumulator][0]
    # what flows back to an image is added up where its windows overlap
    shared = op.name in SHARED or op.name.endswith("_input_grad")
    long = op.tolerance in SUMS and count > FEW
    narrow = eps > unit and op.tolerance in CANCELLING and op.tolerance != "step"  # rounded once, at the end
    strict = (long or narrow) and not shared and not op.elementwise
    with np.errstate(all="ignore"):
        end = largest(dtype)
        limit = np.where(np.abs(exact) > end * (1 + eps / 4), np.sign(exact) * np.inf, exact)
        ulp = np.maximum(2.0 ** np.floor(np.log2(np.maximum(np.abs(limit), smallest))) * eps, smallest * eps)
        ulp = np.where(np.isfinite(limit), ulp, 1.0)
        size = np.where(np.isfinite(limit), np.abs(limit), 0.0)
        allowed = (allowed_ulp + 0.5) * ulp  # the reference is not rounded: half a unit is the result's own
        sizes = [float(np.nan_to_num(np.abs(x), nan=0, posinf=0).max()) for x in inputs if x.size]
        scale = max([1.0, *sizes])
        if op.elementwise and op.name.endswith(("_backward", "_step")):  # they cross zero
            allowed = np.maximum(allowed, allowed_ulp * eps * scale)
        if op.elementwise and eps > unit:  # steps are not rounded between
            once = 1.5 * ulp + 2 * bound(op, "float32", count) * unit * np.maximum(size, scale)
            allowed = np.minimum(allowed, once)
        if op.name in STEEP and inputs[0].shape == got.shape:
            allowed = np.maximum(allowed, (1.0 + STEEP[op.name](inputs[0]) * min(1.0, unit / eps)) * ulp)
        if op.name in ADDED:
            allowed = np.maximum(allowed, ulp + 4 * min(eps, unit) * max([*sizes, ADDED[op.name](inputs)]))
        if op.tolerance in CANCELLING:
            product = op.tolerance in ("matmul", "conv", "step")
            # the cotangents of normalization are sums of products too: of cotangent, input and deviation
            power = 2 if product or op.name.endswith("_backward") else 1
            slack = 4 * count * (eps if op.name in SHARED else unit) * scale**power
            slack *= stretch(op, inputs, along)
            if product and eps > unit and (op.name not in PLAIN or not strict):
                slack += 4 * eps * scale**power  # rounded before the bias is added
            if op.name == "softmax":  # parts of one: nothing cancels but in the exponent
                small = 4 * unit * (count + scale)
                allowed_ulp = 1.0 if eps > unit else allowed_ulp
                allowed = 1.5 * ulp + small * size
            elif strict:
                allowed_ulp = 1.0
                allowed = 1.5 * ulp + slack + 2 * count * unit * size
            else:
                allowed = np.maximum(allowed, ulp + slack)
        distance = np.where((got == limit) | np.isnan(exact), 0.0, np.abs(got - limit))
        if op.tolerance in CANCELLING:  # a sum may lie on the other side of what rounds to infinity
            edge = end * (1 + eps / 4)
            crossed = np.isfinite(exact) & (np.isinf(got) != np.isinf(limit)) & (got * exact > 0)
            reached = np.where(np.abs(got) >= end, np.copysign(edge, got), got)
            distance = np.where(crossed, np.abs(reached - exact), distance)
            allowed = np.where(crossed, allowed + 2 * count * unit * end, allowed)
        subnormal = (np.abs(limit) < smallest) & (np.abs(got) <= smallest)
        distance = np.where(subnormal & (distance <= smallest * eps * (allowed_ulp + 1)), 0.0, distance)
        if flush:
            distance = np.where(subnormal & (got == 0), 0.0, distance)
        units = np.nan_to_num(distance / ulp, nan=np.inf, posinf=np.inf).reshape(-1)
    wrong = ~((distance == 0) | (distance <= allowed))  # what NaN is allowed is no number
    finite = units[np.isfinite(units)]
    maximum = float(finite.max()) if finite.size else 0.0
    p99 = float(np.partition(finite, rank := (finite.size - 1) * 99 // 100)[rank]) if finite.size else 0.0
    with np.errstate(all="ignore"):
        share = np.nan_to_num(np.where(distance == 0, 0.0, distance / allowed), nan=np.inf, posinf=np.inf)
    excess = float(share.max()) if share.size else 0.0
    if not wrong.any():
        return Errors("", maximum, p99, got.size, excess)
    at = int(np.where(wrong, share, -1.0).reshape(-1).argmax())
    with np.errstate(all="ignore"):
        due = float((np.broadcast_to(allowed, got.shape) / ulp).reshape(-1)[at])
    text = (
        f"{int(wrong.sum())} of {wrong.size} elements are too far off, worst {_said(at, got, exact)} "
        f"({units[at]:.1f} ulp, {due:.1f} allowed)"
    )
    return Errors(text, maximum, p99, got.size, excess, at)


def bias(dtype: str, got: Any, exact: Any) -> tuple[float, float]:
    """The mean error over all values in units of the last place: away from zero, and upwards."""
    eps, smallest = PRECISION[dtype]
    ulp = 2.0 ** np.floor(np.log2(np.maximum(np.abs(exact), smallest))) * eps
    error = (got - exact) / ulp
    return float((np.sign(exact) * error).mean()), float(error.mean())


def largest(dtype: str) -> float:
    """The largest finite number of a floating dtype."""
    return {
        "float16": 65504.0,
        "bfloat16": 2.0**127 * (2 - 2.0**-7),
        "float32": 2.0**127 * (2 - 2.0**-23),
        "float64": 1.7976931348623157e308,
    }[dtype]


def _said(at: int, got: Any, exact: Any) -> str:
    place = [int(i) for i in np.unravel_index(at, got.shape)]
    return f"at {place}: {got.reshape(-1)[at].item()!r}, reference {exact.reshape(-1)[at].item()!r}"
