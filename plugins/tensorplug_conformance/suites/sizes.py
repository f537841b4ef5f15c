"""S2 at working sizes: every op at the standard sizes and on both sides of what the device's kernels declare.

A case is an op with one of its measures at a size, ``S2/sum/float32/line-1025``: tails of vectors, second
passes, borders of blocks, grids of more than 2^16 pieces. The executable specification computes the same in
float64 with NumPy's own loops.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any, Final

from tensorplug_dispatcher import dtypes, errors
from tensorplug_dispatcher.dtypes import DType
from tensorplug_dispatcher.observation import observe
from tensorplug_dispatcher.op import Input, Numbers, Op, Sample
from tensorplug_dispatcher.ops import OPS
from tensorplug_dispatcher.thresholds import STANDARD, Threshold, samples

from .. import facts, reference, tolerance
from ..case import FAIL, UNSUPPORTED, Case, Result
from ..samples import call, dtypes_for, dtypes_named, operands
from .ops import PATHS, accumulator, run, way

# sizes at which all but elementwise ops are asked once more, of numbers below zero
AGAIN: Final = frozenset(
    "line-1025 line-70000 elements-70000 lines-257 outer-257 run-257 side-257 rows-129 columns-129 inner-257 "
    "batch-17 channels-33 pixels-1025 window-25 indices-257 width-257 table-1025 parts-17".split()
)


# from nightly on: more than one byte counts, of what smoke asks less
BEYOND: Final = {
    "rows": (257,),
    "columns": (257,),
    "inner": (70_000,),
    "batch": (257,),
    "channels": (257,),
    "window": (289,),
    "width": (65_537,),
    "parts": (257,),
}
HALVES: Final = (dtypes.float16, dtypes.bfloat16)
LONGEST: Final = "elements-300000"
COUNTED: Final = "line-70000"  # beyond what 16 bits count, which a kernel may do for narrow dtypes alone


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
    """The op's first dtype at every size; the others at every size too, or at smoke one of each width at one.

    Elementwise ops are many and mostly made by one generator: at smoke each has a third of what is declared,
    and a third of them the longest.
    """
    further = {} if depth == "smoke" else BEYOND
    asked = {measure: (*sizes, *further.get(measure, ())) for measure, sizes in STANDARD.items()}
    found = list(samples(op, thresholds, asked))
    taken = [_kinds(op, item, names) for _, item, names in found]
    names, turn = [name for name, _, _ in found], zlib.crc32(op.name.encode())
    others = sorted({d for kinds in taken for d in kinds[1:]}, key=lambda d: d.code)
    drawn = {wide[turn % len(wide)] for wide in by_width(others)}
    chosen: dict[DType, int] = {}
    for dtype in {d for kinds in taken for d in kinds}:
        fitting = [i for i, those in enumerate(taken) if dtype in those]
        chosen[dtype] = _place(names, fitting, dtype, turn)
    every = {name for name, _, _ in samples(op, (), STANDARD)} - {LONGEST}
    for place, ((name, item, _), kinds) in enumerate(zip(found, taken, strict=True)):
        if depth == "smoke" and op.elementwise and name not in every and (turn + place) % 3:
            continue
        for dtype in kinds:
            counted = dtype is dtypes.uint8 and not op.elementwise and name == COUNTED
            its_turn = dtype in drawn and place == chosen[dtype]
            if depth != "smoke" or dtype is kinds[0] or counted or its_turn:
                work = partial(run, op, dtype, item, name, None)
                yield Case(f"S2/{op.name}/{dtype.name}/{name}", work, op.tier, dtypes_named(item.args))
        if not op.elementwise and name in AGAIN and kinds[0] is dtypes.float32:
            if (other := below(item)) is not None:
                many = name == COUNTED and op.tolerance in tolerance.SUMS  # more than float16 counts
                halves = [d for d in kinds if many and d in drawn and d in HALVES]
                for dtype in (dtypes.float32, *halves):
                    work, id = partial(_again, op, dtype, item, other, name), f"S2/{op.name}/{dtype.name}"
                    yield Case(f"{id}/{name}-again", work, op.tier, dtypes_named(item.args))


def by_width(kinds: list[DType]) -> list[list[DType]]:
    """The dtypes that are not the first, by how many bytes an element has: at smoke one of each."""
    widths: dict[int, list[DType]] = {}
    for dtype in kinds:
        widths.setdefault(dtype.itemsize, []).append(dtype)
    return list(widths.values())


def _place(names: list[str], fitting: list[int], dtype: DType, turn: int) -> int:
    """The size at which a dtype is asked at smoke: for bytes, which are moved several at once, an odd one."""
    odd = [i for i in fitting if int(names[i].split("-")[1]) % 4] if dtype.itemsize == 1 else []
    return (odd or fitting)[(turn // 16 + 7 * dtype.code) % len(odd or fitting)]


def below(item: Sample) -> Sample | None:
    """The sample with floating numbers below zero; None where its operands have a range of their own."""

    def lowered(arg: Any) -> Any:
        if isinstance(arg, list):
            return [lowered(a) for a in arg]
        if not isinstance(arg, Input) or arg.dtype is not None:
            return arg
        if isinstance(arg.values, Numbers):
            numbers = arg.values
            return replace(arg, values=Numbers(len(numbers), partial(_lowered, numbers)))
        return replace(arg, low=-3.0, high=-1.0) if arg.values is None else arg

    inputs = [a for a in item.args if isinstance(a, Input) and a.dtype is None]
    if not inputs or any(a.values is None and a.low >= 0 for a in inputs):
        return None
    return Sample(tuple(lowered(arg) for arg in item.args))


def _lowered(numbers: Numbers) -> list[float]:
    found = list(numbers)
    by = max(found, default=0.0) + 1.0
    return [n - by for n in found]


def _again(op: Op, dtype: DType, item: Sample, other: Sample, name: str, device: str) -> Result:
    """A call at the size, and then another of numbers below zero: nothing of the first may be left, and what
    is padded or begun with must not be taken for a number.
    """
    try:
        call(op.name, operands(item.args, dtype, f"{op.name} {name} before", device), device)
    except errors.MissingKernelError as error:
        return Result(UNSUPPORTED, str(error))
    return run(op, dtype, other, f"{name} again", None, device)


def _kinds(op: Op, item: Sample, names: tuple[str, ...]) -> tuple[DType, ...]:
    """The dtypes of a sample, that which is asked at every size first."""
    kinds = [d for d in dtypes_for(op, item.args) if not names or d.name in names]
    kinds = kinds or list(dtypes_for(op, item.args))[:1]
    first = next((d for d in (dtypes.float32, dtypes.int64) if d in kinds), kinds[0])
    return (first, *(d for d in kinds if d is not first))
