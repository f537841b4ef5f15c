"""S3: derivatives, first and second.

Where the device has float64, by finite differences (eps 1e-6, atol 1e-5, rtol 1e-3); in every dtype also
against the gradients of the executable specification in float64.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any, Final

import numpy as np

import tensorplug as tp
from tensorplug_dispatcher import dtypes, errors
from tensorplug_dispatcher.dtypes import DType
from tensorplug_dispatcher.op import Op, Sample
from tensorplug_dispatcher.ops import OPS

from .. import reference
from ..case import FAIL, PASS, UNSUPPORTED, Case, Result
from ..samples import call, dtypes_for, operands, tensors_in
from .ops import OWN_DTYPE_ONLY

# (relative, absolute) distance from the reference's gradient
TOLERANCES: Final = {
    "float64": (1e-7, 1e-9),
    "float32": (2e-3, 2e-4),
    "float16": (1e-2, 1e-2),
    "bfloat16": (1e-1, 1e-1),
}


def cases(device: str, depth: str) -> Iterator[Case]:
    for op in OPS.values():
        if not op.differentiable and op.decompose is None:
            continue
        if op.name in OWN_DTYPE_ONLY or op.name == "to_device" or op.dtypes in ("integer", "integral"):
            continue
        items = list(op.samples()) if op.samples is not None else []
        fitting = [(i, item) for i, item in enumerate(items) if dtypes.float32 in dtypes_for(op, item.args)]
        for i, item in fitting if depth != "smoke" else fitting[:1]:
            for dtype in dtypes.FLOATS if depth != "smoke" else (dtypes.float32,):
                if dtype in dtypes_for(op, item.args):
                    run = partial(_against_reference, op, dtype, item, f"{i}")
                    yield Case(f"S3/{op.name}/{dtype.name}/{i}", run, op.tier)


def _against_reference(op: Op, dtype: DType, item: Sample, key: str, device: str) -> Result:
    seed = f"{op.name} {key}"
    try:
        mine = _gradients(op, operands(item.args, dtype, seed, device), device)
    except errors.MissingKernelError as error:
        return Result(UNSUPPORTED, str(error))
    theirs = _gradients(op, operands(item.args, dtype, seed, reference.NAME, None, True), reference.NAME)
    if mine is None or theirs is None:
        return Result(PASS, "nothing of it is differentiable")
    relative, absolute = TOLERANCES[dtype.name]
    worst = 0.0
    for place, (got, exact) in enumerate(zip(mine, theirs, strict=True)):
        if (got is None) != (exact is None):
            return Result(
                FAIL, f"operand {place}: {'no' if got is None else 'a'} gradient, unlike the reference"
            )
        if got is None:
            continue
        a = got.cpu().to(tp.float64).numpy()
        b = exact.cpu().to(tp.float64).numpy()
        if a.shape != b.shape:
            return Result(FAIL, f"operand {place}: gradient of shape {list(a.shape)}, not {list(b.shape)}")
        with np.errstate(all="ignore"):
            size = max(float(np.nanmax(np.abs(np.where(np.isfinite(b), b, 0)), initial=0.0)), 1.0)
            wrong = ~(np.abs(a - b) <= absolute * size + relative * np.abs(b)) & ~(a == b)
            wrong &= ~(np.isnan(a) & np.isnan(b))
            worst = max(
                worst, float(np.nanmax(np.where(np.isfinite(a - b), np.abs(a - b), 0) / size, initial=0))
            )
        if wrong.any():
            at = int(wrong.reshape(-1).nonzero()[0][0])
            return Result(
                FAIL, f"operand {place}, element {at}: {a.reshape(-1)[at]!r}, reference {b.reshape(-1)[at]!r}"
            )
    return Result(PASS, data={"largest": worst})


def _gradients(op: Op, args: list[Any], device: str) -> list[Any] | None:
    """Gradients of all floating operands for cotangents that differ from element to element."""
    leaves = []
    for t in tensors_in(args):
        if t.dtype.is_floating_point:
            t.requires_grad_(True) if t.grad_fn is None else None
            leaves.append(t)
    if not leaves:
        return None
    for t in leaves:
        if not t.requires_grad:
            t.requires_grad_(True)
    results = [r for r in call(op.name, args, device) if r.dtype.is_floating_point and r.requires_grad]
    if not results:
        return None
    cotangents = []
    for r in results:
        weights = tp.tensor([((i * 7) % 5 - 2) / 4 for i in range(r.numel())], dtype=tp.float64)
        cotangents.append(weights.reshape(tuple(r.shape)).to(r.dtype).to(r.device))
    return list(tp.autograd.grad(results, leaves, cotangents, allow_unused=True))
