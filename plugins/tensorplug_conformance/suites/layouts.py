"""S2, layouts: all samples of an op, each operand under a layout that is drawn for it alone.

Where an operand has several dimensions, its batches may lie transposed, a middle dimension may be repeated,
rows may lie apart, backwards, or begin in the midst of other numbers. The numbers in between are ones that no
result may show.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Any, Final

import numpy as np

from tensorplug_dispatcher import dtypes
from tensorplug_dispatcher.dtypes import DType
from tensorplug_dispatcher.op import Input, Op, Sample
from tensorplug_dispatcher.ops import OPS

from ..case import Case, Result
from ..placing import drawn, placed
from ..probes import worst
from ..samples import dtypes_for, dtypes_named, numbers_of, seed_of
from .ops import OWN_DTYPE_ONLY, UNFIT, flushes, judge

ENDS: Final = "special values"
TOGETHER: Final = 6  # samples in a case: a device that compiles each layout has a limit of time
ROUNDS: Final = {"smoke": 1, "nightly": 3, "release": 8}
# equal sides, so that dimensions that are taken for each other do not show in the shape
SIDES: Final = ((4, 4), (3, 3, 3), (2, 3, 3, 2))


def cases(device: str, depth: str) -> Iterator[Case]:
    for op in OPS.values():
        if op.name == "as_strided":  # which would show what lies between
            continue
        items = [s for s in (op.samples() if op.samples is not None else ()) if any_tensor(s.args)]
        if op.name.endswith(("_backward", "_step")):
            items = [s for s in items if s.note != ENDS]
        items += sided(op, items)
        kinds = sorted({d for s in items for d in dtypes_for(op, s.args)}, key=lambda d: d.code)
        if depth == "smoke" and kinds:
            kinds = [d for d in kinds if d is dtypes.float32] + [kinds[seed_of(op.name) % len(kinds)]]
        for dtype in dict.fromkeys(kinds):
            fitting = [s for s in items if dtype in dtypes_for(op, s.args)]
            uses = tuple(sorted({name for s in fitting for name in dtypes_named(s.args)}))
            for turn in range(ROUNDS[depth]):
                for first in range(0, len(fitting), TOGETHER):
                    run = partial(_drawn, op, dtype, fitting[first : first + TOGETHER], turn, first)
                    yield Case(f"S2/{op.name}/{dtype.name}/layouts-{turn}-{first}", run, op.tier, uses)


def any_tensor(args: Any) -> bool:
    return any(any_tensor(a) if isinstance(a, list) else isinstance(a, Input) for a in args)


def sided(op: Op, items: list[Sample]) -> list[Sample]:
    """Further samples with equal sides, where the op takes any shape: elementwise ones and reductions."""
    free = [s for s in items if all(not isinstance(a, Input) or a.values is None for a in s.args)]
    if not free or not (op.elementwise or op.family == "reduction"):
        return []
    found = []
    for shape in SIDES:
        args = [replace(a, shape=shape) if isinstance(a, Input) else a for a in free[0].args]
        if op.elementwise:
            found.append(Sample(tuple(args)))
            continue
        place = [p.name for p in op.parameters].index("dim")
        several = op.parameters[place].kind == "dims"
        for dim in range(len(shape)):
            chosen = (dim, (dim, len(shape) - 1)) if several and dim < len(shape) - 1 else (dim,)
            found += [Sample((args[0], dims)) for dims in chosen]
    return found


def _drawn(op: Op, dtype: DType, items: list[Sample], turn: int, first: int, device: str) -> Result:
    """The samples, the first of which is number ``first`` of the op's."""

    def key(number: int) -> str:
        return f"{op.name} layouts {turn} {number}"

    return worst(
        (f"sample {i}, {arguments(item.args)}", _one(op, dtype, item, key(i), device))
        for i, item in enumerate(items, first)
    )


def _one(op: Op, dtype: DType, item: Sample, key: str, device: str) -> Result:
    flush = flushes(device)
    repeats = ("expanded", op.name) not in UNFIT and op.name not in OWN_DTYPE_ONLY
    repeats = repeats and not op.name.endswith("_backward")  # whose operands belong together

    def make(where: str, widen: bool) -> list[Any]:
        seed = seed_of(key)
        draw = random.Random(seed)

        def convert(arg: Any, place: int) -> Any:
            if isinstance(arg, list):
                return [convert(a, place + 100 * (i + 1)) for i, a in enumerate(arg)]
            if not isinstance(arg, Input):
                return arg
            chosen = dtypes.dtype_named(arg.dtype) if arg.dtype else dtype
            array = array_of(arg, chosen, seed + place, flush)
            # places that are written must differ, what was given must stay
            again = repeats and arg.values is None and not (op.updates and arg.dtype)
            return placed(array, chosen, drawn(draw, arg.shape, again), where, widen)

        return [convert(arg, i) for i, arg in enumerate(item.args)]

    return judge(op, dtype, make, device)


def array_of(spec: Input, dtype: DType, seed: int, flush: bool = False) -> Any:
    """The numbers of an input as an array."""
    plain = np.float64 if dtype.is_floating_point else np.dtype(dtype.numpy_name)
    array = np.array(numbers_of(spec, dtype, seed), plain).reshape(spec.shape)
    if flush and dtype.is_floating_point:
        array = np.where(np.abs(array) < dtype.smallest_normal, np.copysign(0.0, array), array)
    return array


def arguments(args: Any) -> str:
    """A sample's arguments in a few words."""

    def said(arg: Any) -> str:
        if isinstance(arg, list):
            return "[" + ", ".join(map(said, arg)) + "]"
        return str(list(arg.shape)) if isinstance(arg, Input) else repr(arg)

    return ", ".join(map(said, args))
