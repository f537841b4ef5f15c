"""S3: derivatives, first and second.

Where the device has float64, by finite differences (eps 1e-6, atol 1e-5, rtol 1e-3); in every dtype also
against the gradients of the executable specification in float64.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, Final

import numpy as np

import tensorplug as tp
from tensorplug_dispatcher import dtypes, errors
from tensorplug_dispatcher.dtypes import DType
from tensorplug_dispatcher.op import Op, Sample
from tensorplug_dispatcher.ops import OPS
from tensorplug_dispatcher.tensor import TensorBase

from .. import reference, tolerance
from ..case import FAIL, PASS, UNSUPPORTED, Case, Result, check
from ..samples import call, dtypes_for, operands, tensors_in
from .ops import OWN_DTYPE_ONLY

# (relative, absolute) distance from the reference's gradient
TOLERANCES: Final = {
    "float64": (1e-7, 1e-9),
    "float32": (2e-3, 2e-4),
    "float16": (1e-2, 1e-2),
    "bfloat16": (1e-1, 1e-1),
}


ENDS: Final = (
    "special values"  # samples at the ends of the range, where a gradient depends on the order of work
)
# their gradient is by definition another than the slope: straight through what is rounded; and on through the
# mean and deviation of the input, which these are given
NOT_THE_SLOPE: Final = frozenset(
    (
        "layer_norm_backward",
        "batch_norm_backward",
        *(name for name, op in OPS.items() if op.family.startswith("quant")),
    )
)
EPSILON: Final = 1e-6
BROADCASTS: Final[dict[str, Callable[[Any, Any], Any]]] = {
    "add": lambda x, y: x + y,
    "mul": lambda x, y: x * y,
    "div": lambda x, y: x / y,
    "where": lambda x, y: tp.where(x > y, x, y),
    "maximum": tp.maximum,
}


def cases(device: str, depth: str) -> Iterator[Case]:
    for op in OPS.values():
        if not op.differentiable and op.decompose is None:
            continue
        if op.name in OWN_DTYPE_ONLY or op.name == "to_device" or op.dtypes in ("integer", "integral"):
            continue
        items = list(enumerate(op.samples())) if op.samples is not None else []
        items = [(i, item) for i, item in items if item.note != ENDS]
        fitting = [(i, item) for i, item in items if dtypes.float32 in dtypes_for(op, item.args)]
        for i, item in fitting if depth != "smoke" else fitting[:1]:
            for dtype in dtypes.FLOATS if depth != "smoke" else (dtypes.float32,):
                if dtype in dtypes_for(op, item.args):
                    run = partial(_against_reference, op, dtype, item, f"{i}")
                    yield Case(f"S3/{op.name}/{dtype.name}/{i}", run, op.tier)
        for i, item in [] if op.name in NOT_THE_SLOPE else fitting if depth == "release" else fitting[:1]:
            if dtypes.float64 in dtypes_for(op, item.args):
                run = partial(_by_differences, op, item, f"{i}")
                yield Case(f"S3/{op.name}/float64/{i}-differences", run, op.tier)

    for name, formula in BROADCASTS.items():
        yield Case(f"S3/broadcast/float32/{name}", partial(_broadcast, formula))


def _broadcast(formula: Callable[[Any, Any], Any], device: str) -> Result:
    """The gradient of an operand that was broadcast is the sum over its copies."""

    def run(where: str) -> list[Any]:
        found: list[Any] = []
        for a, b in (((3, 1), (1, 4)), ((2, 3, 4), (4,)), ((), (2, 3)), ((2, 1, 3), (5, 1))):
            x, y = (
                (tp.arange(math.prod(shape), dtype=tp.float32).reshape(shape) / 4 + 1).to(where)
                for shape in (a, b)
            )
            out = formula(x.requires_grad_(True), y.requires_grad_(True))
            weights = (tp.arange(out.numel(), dtype=tp.float32) % 5 - 2).reshape(tuple(out.shape)).to(where)
            found += tp.autograd.grad(out, [x, y], weights)
        return found

    for got, wanted in zip(run(device), run(reference.NAME), strict=True):
        check(got.shape == wanted.shape, f"a gradient of shape {list(got.shape)}, not {list(wanted.shape)}")
        a, b = got.cpu().numpy(), wanted.cpu().numpy()
        check(np.allclose(a, b, 2e-3, 2e-4), f"a gradient is {a.tolist()}, not {b.tolist()}")
    return Result(PASS)


def _beyond(dtype: DType, values: list[Any]) -> bool:
    """Whether a square of these numbers is too large for the dtype:
    then the order of operations decides what comes out at all.
    """
    largest = tolerance.largest(dtype.name)
    for t in values:
        a = np.abs(t.detach().cpu().to(tp.float64).numpy())
        if a.size and float(np.nanmax(np.where(np.isfinite(a), a, np.inf))) > largest**0.5:
            return True
    return False


def _against_reference(op: Op, dtype: DType, item: Sample, key: str, device: str) -> Result:
    seed = f"{op.name} {key}"
    try:
        own = _gradients(op, operands(item.args, dtype, seed, device), device)
    except errors.MissingKernelError as error:
        return Result(UNSUPPORTED, str(error))
    due = _gradients(op, operands(item.args, dtype, seed, reference.NAME, None, True), reference.NAME)
    if own is None or due is None:
        return Result(PASS, "nothing of it is differentiable")
    mine, (exact_results, theirs) = own[1], due
    beyond = _beyond(dtype, [t for t in (*exact_results, *theirs) if t is not None])
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
            if beyond:
                wrong &= np.isfinite(a)
            worst = max(
                worst, float(np.nanmax(np.where(np.isfinite(a - b), np.abs(a - b), 0) / size, initial=0))
            )
        if wrong.any():
            at = int(wrong.reshape(-1).nonzero()[0][0])
            return Result(
                FAIL, f"operand {place}, element {at}: {a.reshape(-1)[at]!r}, reference {b.reshape(-1)[at]!r}"
            )
    return Result(PASS, data={"largest": worst})


def _by_differences(op: Op, item: Sample, key: str, device: str) -> Result:
    """The derivative along one direction, by the device's own results at both sides (float64, eps 1e-6, atol
    1e-5, rtol 1e-3). Elements where the slopes at both sides differ have none and are left out.
    """
    args = operands(item.args, dtypes.float64, f"{op.name} {key}", device)

    def moved(arg: Any, by: float) -> Any:
        if isinstance(arg, (list, tuple)):
            return type(arg)(moved(a, by) for a in arg)
        if not isinstance(arg, TensorBase) or not arg.dtype.is_floating_point:
            return arg
        return arg.detach() + by * _direction(arg) if by else arg.detach().clone()

    def results(by: float) -> list[Any]:
        found = call(op.name, [moved(a, by) for a in args], device)
        return [r.detach().cpu().numpy() for r in found if r.dtype.is_floating_point]

    try:
        low, here, high = (results(by) for by in (-EPSILON, 0.0, EPSILON))
    except errors.MissingKernelError as error:
        return Result(UNSUPPORTED, str(error))
    leaves_in = [moved(a, 0.0) for a in args]
    leaves = [t.requires_grad_(True) for t in tensors_in(leaves_in) if t.dtype.is_floating_point]
    named = zip(op.outputs, call(op.name, leaves_in, device), strict=True)
    found = [(name, r) for name, r in named if r.dtype.is_floating_point]
    followed = _followed(op)
    weights, outs, slope, size, left_out = [], [], 0.0, 1.0, 0
    with np.errstate(all="ignore"):
        for (name, result), a, b, c in zip(found, low, here, high, strict=True):
            before, after = (b - a) / EPSILON, (c - b) / EPSILON
            smooth = np.abs(after - before) <= 1e-3 * np.maximum(1.0, np.abs(after + before))
            weight = np.where(smooth, np.resize([0.5, -1.0, 0.25, 1.0, -0.75], a.shape), 0.0)
            left_out += int((~smooth).sum())
            if not result.requires_grad or name not in followed:
                continue
            parts = weight * np.where(smooth, (c - a) / (2 * EPSILON), 0.0)
            slope, size = slope + float(parts.sum()), size + float(np.abs(parts).sum())
            outs.append(result)
            weights.append(tp.tensor(weight.tolist(), dtype=tp.float64).reshape(a.shape).to(result.device))
    if not outs or not leaves:
        return Result(PASS, "nothing of it is differentiable")
    grads = tp.autograd.grad(outs, leaves, weights, allow_unused=True)
    got = sum((g * _direction(t)).sum().item() for g, t in zip(grads, leaves, strict=True) if g is not None)
    if left_out and not math.isfinite(got):
        return Result(PASS, f"{left_out} elements have no slope")
    if abs(got - slope) > 1e-5 * size + 1e-3 * abs(slope):
        return Result(FAIL, f"the slope along a direction is {got!r}, by differences {slope!r}")
    return Result(PASS, f"{left_out} elements have no slope" if left_out else "")


def _followed(op: Op) -> set[str]:
    """The outputs through which an op's derivative goes; others are there for its backward pass alone."""
    if op.vjp is None:
        return set(op.outputs)
    functions = op.vjp.values() if isinstance(op.vjp, Mapping) else [op.vjp]
    asked = {name for f in functions for name in inspect.signature(f).parameters}
    return {n for i, n in enumerate(op.outputs) if f"grad_{n}" in asked or (i == 0 and "grad" in asked)}


def _direction(like: Any) -> Any:
    numbers = np.resize([1.0, -0.5, 0.25, 0.75, -1.0, 0.5, -0.25], tuple(like.shape))
    return tp.tensor(numbers.tolist(), dtype=tp.float64).reshape(tuple(like.shape)).to(like.device)


def _gradients(op: Op, args: list[Any], device: str) -> tuple[list[Any], list[Any]] | None:
    """Results, and gradients of all floating operands for cotangents that differ from element to element."""
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
    return results, list(tp.autograd.grad(results, leaves, cotangents, allow_unused=True))
