"""S2 at working sizes: every op at the standard sizes and on both sides of what the device's kernels declare.

A case is an op with one of its measures at a size, ``S2/sum/float32/line-1025``: tails of vectors, second
passes, borders of blocks, grids of more than 2^16 pieces. The executable specification computes the same in
float64 with NumPy's own loops.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any, Final

from tensorplug_dispatcher import dtypes, errors
from tensorplug_dispatcher.dtypes import DType
from tensorplug_dispatcher.observation import observe
from tensorplug_dispatcher.op import Input, Op, Sample
from tensorplug_dispatcher.ops import OPS
from tensorplug_dispatcher.thresholds import STANDARD, Threshold, samples

from .. import facts, reference, tolerance
from ..case import FAIL, UNSUPPORTED, Case, Result
from ..samples import call, dtypes_for, dtypes_named, operands
from .ops import PATHS, accumulator, run, way

DRAWN: Final = 2  # at smoke, this many dtypes beside the first one, each at one size


def cases(device: str, depth: str) -> Iterator[Case]:
    at = facts.of(device)["thresholds"]
    for op in OPS.values():
        if op.sizes:
            yield from of_op(op, [_threshold(*one) for one in at.get(op.name, ())], depth)
    yield from _biases()


# calls of many results in which each rounding shows, by op: shapes and least and largest number
MANY_RESULTS: Final[dict[str, tuple[Any, ...]]] = {
    "add": (Input((70_000,)), Input((70_000,))),
    "mul": (Input((70_000,)), Input((70_000,))),
    "div": (Input((70_000,)), Input((70_000,), 1, 4)),
    "sqrt": (Input((70_000,), 0.01, 9),),
    "sum": (Input((20_000, 9)), 1),
    "mean": (Input((20_000, 9)), 1),
    "matmul": (Input((150, 70)), Input((70, 150))),
    "linear": (Input((150, 70)), Input((150, 70))),
}
LARGEST_BIAS: Final = 0.03  # units in the last place; of 20,000 roundings the mean error is within 0.01


def _biases() -> Iterator[Case]:
    """Over many values the mean error of rounding vanishes; that of truncation is half a unit."""
    for dtype in (dtypes.float16, dtypes.bfloat16):
        for source in (dtypes.float32, dtypes.float64):
            item = Sample((Input((70_000,), dtype=source.name), dtype))
            name = f"S2/cast/{dtype.name}/bias-{source.name}"
            yield Case(name, partial(_unbiased, OPS["cast"], source, item), OPS["cast"].tier, (source.name,))
        for name, args in MANY_RESULTS.items():
            work = partial(_unbiased, OPS[name], dtype, Sample(args))
            yield Case(f"S2/{name}/{dtype.name}/bias", work, OPS[name].tier)


def _unbiased(op: Op, dtype: DType, item: Sample, device: str) -> Result:
    key = f"{op.name} bias"
    with observe() as calls:
        try:
            (got,) = call(op.name, operands(item.args, dtype, key, device), device)
        except errors.MissingKernelError as error:
            return Result(UNSUPPORTED, str(error))
    path = PATHS[way(calls, device)[0]]
    narrow = accumulator(device) not in ("float32", "float64")
    if narrow and op.tolerance in tolerance.SUMS:
        return Result(path, f"sums are kept in {accumulator(device)}, as the manifest says")
    args = operands(item.args, dtype, key, reference.NAME, widen=op.name != "cast")
    if op.name == "cast":
        exact = args[0].cpu().to(dtypes.float64).numpy()
    else:
        exact = call(op.name, args, reference.NAME)[0].cpu().numpy()
    outward, upward = tolerance.bias(got.dtype.name, got.cpu().to(dtypes.float64).numpy(), exact)
    if max(abs(outward), abs(upward)) > LARGEST_BIAS:
        text = f"{outward:+.3f} units in the last place away from zero and {upward:+.3f} upwards"
        return Result(FAIL, f"the mean error of {exact.size} results is {text}; {LARGEST_BIAS} is allowed")
    return Result(path, "", max(abs(outward), abs(upward)), 0.0, exact.size)


def _threshold(measure: str, at: int, every: bool, dtypes: Iterable[str]) -> Threshold:
    return Threshold(measure, at, "", every, tuple(dtypes))


def of_op(op: Op, thresholds: Iterable[Threshold], depth: str) -> Iterator[Case]:
    """The op's first dtype at every size; the others at every size too, or at smoke two at one size each.

    Elementwise ops are many and mostly made by one generator: at smoke each has a third of what is declared.
    """
    found = list(samples(op, thresholds, STANDARD))
    taken = [_kinds(op, item, names) for _, item, names in found]
    turn = zlib.crc32(op.name.encode())
    others = sorted({d for kinds in taken for d in kinds[1:]}, key=lambda d: d.code)
    drawn = {others[(turn + i * (len(others) // 2)) % len(others)] for i in range(DRAWN) if others}
    standard = {name for name, _, _ in samples(op, (), STANDARD)}
    for place, ((name, item, _), kinds) in enumerate(zip(found, taken, strict=True)):
        if depth == "smoke" and op.elementwise and name not in standard and (turn + place) % 3:
            continue
        for dtype in kinds:
            fitting = [i for i, those in enumerate(taken) if dtype in those]
            chosen = fitting[(turn // 16 + 7 * dtype.code) % len(fitting)]
            if depth != "smoke" or dtype is kinds[0] or (dtype in drawn and place == chosen):
                work = partial(run, op, dtype, item, name, None)
                yield Case(f"S2/{op.name}/{dtype.name}/{name}", work, op.tier, dtypes_named(item.args))


def _kinds(op: Op, item: Sample, names: tuple[str, ...]) -> tuple[DType, ...]:
    """The dtypes of a sample, that which is asked at every size first."""
    kinds = [d for d in dtypes_for(op, item.args) if not names or d.name in names]
    kinds = kinds or list(dtypes_for(op, item.args))[:1]
    first = next((d for d in (dtypes.float32, dtypes.int64) if d in kinds), kinds[0])
    return (first, *(d for d in kinds if d is not first))
