"""S2, layouts: all samples of an op, each operand under a layout that is drawn for it alone.

Where an operand has several dimensions, its batches may lie transposed, a middle dimension may be repeated,
rows may lie apart, backwards, or begin in the midst of other numbers. The numbers in between are ones that no
result may show.

``square`` leaves nothing to the draw: operands whose sides are all equal, so that no shape tells a dimension
from another, every subset of them transposed, and each of them with a dimension that is repeated.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import count, product
from typing import Any, Final

import numpy as np

from tensorplug_dispatcher import dtypes
from tensorplug_dispatcher.dtypes import DType
from tensorplug_dispatcher.op import Input, Op, Sample
from tensorplug_dispatcher.ops import OPS

from ..case import Case, Result
from ..placing import Plan, dense, drawn, placed
from ..probes import worst
from ..samples import dtypes_for, dtypes_named, numbers_of, seed_of
from .ops import OWN_DTYPE_ONLY, UNFIT, flushes, judge

ENDS: Final = "special values"
TOGETHER: Final = 6  # samples in a case: a device that compiles each layout has a limit of time
ROUNDS: Final = {"smoke": 1, "nightly": 3, "release": 8}
# equal sides, so that dimensions that are taken for each other do not show in the shape
SIDES: Final = ((4, 4), (3, 3, 3), (2, 3, 3, 2))
SIDE: Final = 4  # of all dimensions of an operand of ``square``
LAST: Final = (0, 2, 3, 1)  # the order in memory of images whose channels are innermost
FORMS: Final = 2  # kinds of operands, by their numbers of dimensions, that ``square`` takes of an op
SHAPES: Final = ("normalized_shape", "input_shape", "weight_shape")  # attributes that change with the sides
# what is searched in must be in order, and the count of nonzero is told
UNSQUARED: Final = ("searchsorted", "nonzero")


def cases(device: str, depth: str) -> Iterator[Case]:
    for op in OPS.values():
        if op.name == "as_strided":  # which would show what lies between
            continue
        items = [s for s in (op.samples() if op.samples is not None else ()) if any_tensor(s.args)]
        if op.name.endswith(("_backward", "_step")):
            items = [s for s in items if s.note != ENDS]
        squares = list(squared(op, items))
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
            if dtype is kinds[0] or depth != "smoke":
                for number, item in enumerate(squares):
                    if dtype in dtypes_for(op, item.args):
                        name, uses = f"S2/{op.name}/{dtype.name}/square-{number}", dtypes_named(item.args)
                        yield Case(name, partial(_squares, op, dtype, item, number), op.tier, uses)


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


def squared(op: Op, items: list[Sample]) -> Iterator[Sample]:
    """The op's samples with all sides equal: one for each kind of operands (by their numbers of dimensions),
    and along each dimension of a matrix. What does not fit then raises, on a device as by the specification.
    """
    seen: set[tuple[int, ...]] = set()
    names = [p.name for p in op.parameters]
    for item in items if op.name not in UNSQUARED else ():
        given = inputs_of(item.args)
        form = tuple(len(a.shape) for a in given)
        if form in seen or max(form) < 2 or len(seen) == FORMS or item.note == ENDS:
            continue
        if any(math.prod(a.shape) == 0 or a.layout != "dense" for a in given):
            continue
        if op.elementwise:
            for shape in ((SIDE,) * 2, (SIDE,) * 3, (SIDE,) * 4):
                yield Sample(tuple(_square(arg, shape) for arg in item.args))
            return
        seen.add(form)
        args = tuple(
            (SIDE,) * len(arg) if name in SHAPES else _square(arg)
            for name, arg in zip(names, item.args, strict=False)
        )
        yield Sample(args)
        place = names.index("dim") if "dim" in names[: len(args)] else -1
        if place >= 0 and form[0] == 2 and args[place] in (0, 1, -1):
            yield Sample((*args[:place], 0 if args[place] else 1, *args[place + 1 :]))
    if items and op.family == "reduction" and any(p.kind == "dims" for p in op.parameters):
        yield Sample((Input((SIDE,) * 4), (0, 2, 3)))  # of images, by channel


def inputs_of(args: Any) -> list[Input]:
    """The tensors of a sample, those of lists too."""
    found: list[Input] = []
    for arg in args:
        found += inputs_of(arg) if isinstance(arg, list) else [arg] if isinstance(arg, Input) else []
    return found


def _square(arg: Any, shape: tuple[int, ...] = ()) -> Any:
    """An argument with equal sides, of ``shape`` if that is given; indices that are given stay."""
    if isinstance(arg, list):
        return [_square(a, shape) for a in arg]
    if not isinstance(arg, Input) or (arg.dtype is not None and arg.values is not None):
        return arg
    return replace(arg, shape=shape or tuple(n if n == 1 else SIDE for n in arg.shape), values=None)


def _arrangements(shapes: list[tuple[int, ...]], op: Op) -> Iterator[tuple[str, tuple[Plan, ...]]]:
    """Every subset of the operands with its last two dimensions swapped in memory (of elementwise ops, which
    know no last two, where they are matrices), and of those of four dimensions with the second one innermost,
    as the channels of images are; each operand with its first two swapped, with a middle dimension that is
    repeated, and as windows that overlap.
    """
    plain = tuple(dense(len(shape)) for shape in shapes)
    many = [i for i, shape in enumerate(shapes) if len(shape) > 1]
    deep = [i for i in many if len(shapes[i]) > 2]
    images = [i for i in many if len(shapes[i]) == 4]
    for among, words in ((() if op.elementwise and deep else many, "transposed"), (images, "channels last")):
        for taken in _subsets(among):
            turned = {
                i: replace(plain[i], order=LAST if among is images else _swapped(len(shapes[i]), -2))
                for i in taken
            }
            yield f"{_places(taken)} {words}", tuple(turned.get(i, p) for i, p in enumerate(plain))
    for i in deep:
        if not op.elementwise:
            plan = replace(plain[i], order=_swapped(len(shapes[i]), 0))
            yield f"{_places([i])} with its first dimension inside", (*plain[:i], plan, *plain[i + 1 :])
        apart = (*(2 + 2 * d for d in range(len(shapes[i]) - 1)), 0)
        plan = replace(plain[i], pitch=apart)
        yield f"{_places([i])} as part of a larger one", (*plain[:i], plan, *plain[i + 1 :])
        if _repeats(op) and not op.updates:
            plan = replace(plain[i], repeated=tuple(d == len(shapes[i]) - 2 for d in range(len(shapes[i]))))
            yield f"{_places([i])} with a dimension repeated", (*plain[:i], plan, *plain[i + 1 :])
    for i in many if _repeats(op) and not op.updates else ():
        yield f"{_places([i])} of windows", (*plain[:i], replace(plain[i], windows=True), *plain[i + 1 :])


def _swapped(ndim: int, at: int) -> tuple[int, ...]:
    """The order of dimensions in which two neighbours are swapped."""
    order = list(range(ndim))
    at %= ndim
    order[at], order[at + 1] = order[at + 1], order[at]
    return tuple(order)


def _subsets(places: Sequence[int]) -> list[list[int]]:
    """All subsets but the empty one; of more than three each alone, and all."""
    if len(places) > 3:
        return [*([i] for i in places), list(places)]
    chosen = product((False, True), repeat=len(places))
    return [[i for i, one in zip(places, some, strict=True) if one] for some in chosen if any(some)]


def _places(taken: list[int]) -> str:
    return f"tensor{'s' * (len(taken) > 1)} {', '.join(map(str, taken))}"


def _arranged(plans: tuple[Plan, ...], draw: random.Random, arg: Input, again: bool, turn: int) -> Plan:
    return plans[turn]


def _squares(op: Op, dtype: DType, item: Sample, number: int, device: str) -> Result:
    shapes = [a.shape for a in inputs_of(item.args)]

    def every() -> Iterator[tuple[str, Result]]:
        for words, plans in _arrangements(shapes, op):
            key = f"{op.name} square {number}"
            result = judged_at(op, dtype, item, key, device, partial(_arranged, plans))
            yield f"{arguments(item.args)}, {words}", result

    return worst(every())


def _drawn(op: Op, dtype: DType, items: list[Sample], turn: int, first: int, device: str) -> Result:
    """The samples, the first of which is number ``first`` of the op's."""

    def key(number: int) -> str:
        return f"{op.name} layouts {turn} {number}"

    return worst(
        (f"sample {i}, {arguments(item.args)}", judged_at(op, dtype, item, key(i), device, _by_draw))
        for i, item in enumerate(items, first)
    )


def _by_draw(draw: random.Random, arg: Input, repeats: bool, turn: int) -> Plan:
    return drawn(draw, arg.shape, repeats)


def _repeats(op: Op) -> bool:
    """Whether a dimension of the op's operands may be one that is repeated."""
    fit = ("expanded", op.name) not in UNFIT and op.name not in OWN_DTYPE_ONLY
    return fit and not op.name.endswith("_backward")  # whose operands belong together


def judged_at(
    op: Op,
    dtype: DType,
    item: Sample,
    key: str,
    device: str,
    plan_of: Callable[[random.Random, Input, bool, int], Plan],
) -> Result:
    """The call; ``plan_of`` says how a tensor lies: of a draw, the tensor, whether it may have repeated
    dimensions, and its number among the tensors.
    """
    flush, repeats = flushes(device), _repeats(op)

    def make(where: str, widen: bool) -> list[Any]:
        seed = seed_of(key)
        draw, turn = random.Random(seed), count()

        def convert(arg: Any, place: int) -> Any:
            if isinstance(arg, list):
                return [convert(a, place + 100 * (i + 1)) for i, a in enumerate(arg)]
            if not isinstance(arg, Input):
                return arg
            chosen = dtypes.dtype_named(arg.dtype) if arg.dtype else dtype
            array = array_of(arg, chosen, seed + place, flush)
            # places that are written must differ, what was given must stay
            again = repeats and arg.values is None and not (op.updates and arg.dtype)
            return placed(array, chosen, plan_of(draw, arg, again, next(turn)), where, widen)

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
