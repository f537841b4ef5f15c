"""S2, mixed: calls in which everything is drawn at once, at sizes at which kernels change their path.

The other suites turn one thing at a time: a size, a layout, a dtype, what numbers there are. A fault of a
driver is often where two of them meet: rows beyond one block *and* the largest number late, an operand that
begins off a vector's border *and* is long, a shape never seen before *and* a result in place. A sample of the
table gives the op and its attributes; from there its sides are stretched, equal ones alike, its numbers
rise, fall, repeat or fill the dtype's range, each operand lies as it is drawn, and so does the result. What
the specification refuses of such a call is drawn again.
"""

from __future__ import annotations

import math
import random
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import count
from typing import Any, Final

import numpy as np

from tensorplug_dispatcher import dtypes
from tensorplug_dispatcher.dtypes import DType
from tensorplug_dispatcher.op import Input, Op, Sample
from tensorplug_dispatcher.ops import OPS, F

from .. import reference
from ..case import FAIL, Case, Result
from ..placing import Plan, dense, drawn, placed, strange
from ..probes import array_of as numbers_in
from ..probes import worst
from ..samples import dtypes_for, dtypes_named, seed_of
from .layouts import ENDS, LAST, SHAPES, UNSQUARED, any_tensor, arguments, array_of, inputs_of
from .ops import OWN_DTYPE_ONLY, attempt, flushes, judge
from .sizes import by_width
from .values import PRODUCTS, SECOND, is_wide, pool_of, wide_attributes

TURNS: Final = {"smoke": 3, "nightly": 16, "release": 60}
CALLS: Final = 3  # in a case
TRIES: Final = 6  # until the specification takes a call
# on both sides of what blocks, groups of them and vectors have
SIDES: Final = (33, 65, 70, 129, 131, 200, 257, 260, 300, 333, 515, 520, 1025, 1030, 1100, 2051, 4100)
ELEMENTS: Final = 40_000  # of an operand
RESULTS: Final = 300_000  # elements
WORK: Final = 2_000_000  # the product of all sides
# what numbers are like: as the table has them, in order along a line, few that repeat, whole ones of all of
# the range, a line whose largest come late
KINDS: Final = ("plain", "rising", "falling", "ties", "wide", "blocks")
ORDERED: Final = ("rising", "falling", "blocks")
MEASURED: Final = (
    *(("line", 2051), ("lines", 300), ("outer", 300), ("side", 131), ("rows", 333), ("columns", 333)),
    *(("inner", 1030), ("batch", 18), ("channels", 70), ("pixels", 1100), ("indices", 1030), ("width", 300)),
    ("table", 1100),
)
GOLDEN: Final = (math.sqrt(5) - 1) / 2
# where results go, as shares of calls: into the first operand, if the op is elementwise and the shapes allow;
# into memory that is given, of every other fortieth in another order; into new memory
GIVEN: Final = 0.36
TURNED: Final = 0.385
NEW: Final = 0.6
LINES: Final = ("line", "lines")
MAGNIFYING: Final = (
    "matmul",
    "conv",
    "normalization",
    "step",
)  # an infinity of these need not stay where it is
MOMENTS: Final = ("var", "std", "var_mean")  # whether the mean of an infinity is one is open
UNMIXED: Final = frozenset((*UNSQUARED, *OWN_DTYPE_ONLY, "as_strided"))


def cases(device: str, depth: str) -> Iterator[Case]:
    for op in OPS.values():
        items = [s for s in (op.samples() if op.samples is not None else ()) if any_tensor(s.args)]
        items = [s for s in items if s.note != ENDS and _fits(s)]
        if op.is_view or op.name in UNMIXED or not items:
            continue
        kinds = sorted({d for s in items for d in dtypes_for(op, s.args)}, key=lambda d: d.code)
        first = next((d for d in (dtypes.float32, dtypes.int64) if d in kinds), kinds[0])
        turn = zlib.crc32(op.name.encode())
        for number in range(TURNS[depth]):
            yield _case(op, first, items, turn + number * CALLS, f"mixed-{number}", CALLS)
        halves = [d for d in kinds if d.is_floating_point and d.itemsize == 2]
        if op.elementwise and halves:
            half = halves[turn % len(halves)]
            fitting = [s for s in items if half in dtypes_for(op, s.args)]
            run = partial(_cut, op, half, fitting[turn % len(fitting)])
            yield Case(f"S2/{op.name}/{half.name}/mixed-pairs", run, op.tier)
        others = [d for d in kinds if d is not first]
        if depth == "smoke":  # one of each width, and the widest integers
            drawn_one = {wide[turn % len(wide)] for wide in by_width(others)}
            others = [d for d in others if d in drawn_one or d is dtypes.int64]
        for dtype in others:
            few = depth == "smoke" and dtype.itemsize != 2  # halves are often taken two at a time
            yield _case(op, dtype, items, turn + dtype.code, "mixed", 1 if few else CALLS)
        at_sizes = list(_measured(op))
        if at_sizes and not op.elementwise and first is dtypes.float32:
            uses = tuple(sorted({name for s, _ in at_sizes for name in dtypes_named(s.args)}))
            narrow = [d for d in kinds if d.itemsize == 2 and d.is_floating_point]
            for dtype in (first, *narrow[turn % max(len(narrow), 1) :][:1]):
                run = partial(_at_sizes, op, dtype, at_sizes)
                yield Case(f"S2/{op.name}/{dtype.name}/mixed-sizes", run, op.tier, uses)


def _case(op: Op, dtype: DType, items: list[Sample], turn: int, name: str, calls: int) -> Case:
    fitting = [s for s in items if dtype in dtypes_for(op, s.args)]
    kinds = KINDS if dtype.is_floating_point else ("wide", *KINDS)
    taken = [(fitting[(turn + 3 * i) % len(fitting)], kinds[(turn + i) % len(kinds)]) for i in range(calls)]
    if not dtype.is_floating_point:
        taken[0] = taken[0][0], "wide"
    uses = tuple(sorted({name for s, _ in taken for name in dtypes_named(s.args)}))
    return Case(f"S2/{op.name}/{dtype.name}/{name}", partial(_mixed, op, dtype, taken, name), op.tier, uses)


def _measured(op: Op) -> Iterator[tuple[Sample, str]]:
    """Calls of the op at sizes beyond a block, with numbers that come in an order."""
    for turn, (measure, n) in enumerate(MEASURED):
        for item in list((op.sizes or {}).get(measure, lambda n: ())(n))[:1]:
            kinds: tuple[str, ...] = (ORDERED[turn % len(ORDERED)],)
            if measure in LINES and op.tolerance not in MAGNIFYING and op.name not in MOMENTS:
                kinds = (*ORDERED, "infinite")
            yield from ((item, kind) for kind in kinds)


def _at_sizes(op: Op, dtype: DType, items: list[tuple[Sample, str]], device: str) -> Result:
    def each() -> Iterator[tuple[str, Result]]:
        for number, (item, kind) in enumerate(items):
            one = Mixed(op, dtype, item, f"{op.name} sizes {number}", kind, 1.0, flushes(device))
            yield f"{arguments(item.args)}, {kind}", one.judged(device)

    return worst(each())


def _fits(item: Sample) -> bool:
    """Whether the sides of a sample can be stretched: none of them is nothing."""
    given = inputs_of(item.args)
    return all(math.prod(a.shape) > 0 and a.layout == "dense" for a in given) and any(a.shape for a in given)


def _mixed(op: Op, dtype: DType, items: list[tuple[Sample, str]], name: str, device: str) -> Result:
    def each() -> Iterator[tuple[str, Result]]:
        for number, (item, kind) in enumerate(items):
            one = _call(op, dtype, item, kind, f"{op.name} {dtype.name} {name} {number}", device)
            yield f"{arguments(one.item.args)}, {one.kind}", one.judged(device)

    return worst(each())


def _cut(op: Op, dtype: DType, item: Sample, device: str) -> Result:
    """Rows of even width that lie an odd one apart, for kernels that take numbers two at a time."""
    table = (35, 66)
    args = [replace(a, shape=table) if isinstance(a, Input) and a.values is None else a for a in item.args]
    one = Cut(op, dtype, Sample(tuple(args)), f"{op.name} pairs", "plain", 1.0, flushes(device))
    if not one.taken():
        one = Cut(op, dtype, item, f"{op.name} pairs", "plain", 1.0, flushes(device))
    return one.judged(device)


def _call(op: Op, dtype: DType, item: Sample, kind: str, key: str, device: str) -> Mixed:
    """The first call that is drawn and that the specification takes; the sample as it is where there is none,
    as of derivatives, whose operands belong together.
    """
    of_results = op.name.endswith("_backward") and op.tolerance in ("softmax", "normalization")
    for turn in range(0 if of_results else TRIES):  # any mean and any deviation would cancel
        draw = random.Random(seed_of(f"{key} {turn}"))
        longer, where = stretched(op, item, draw), draw.random()
        found = Mixed(op, dtype, longer, f"{key} {turn}", kind, where, flushes(device))
        if found.taken():
            return found
    return Mixed(op, dtype, item, key, "plain", 1.0, flushes(device))


def stretched(op: Op, item: Sample, draw: random.Random) -> Sample:
    """The sample with longer sides, equal ones equally long: one or two of them beyond a block."""
    given, names = inputs_of(item.args), [p.name for p in op.parameters]
    fixed = {n for a in given if op.updates and a.values is not None for n in a.shape}
    sides = sorted({n for a in given for n in a.shape if n > 1} - fixed)
    shapes = [a.shape for a in given]
    shapes += [arg for arg, name in zip(item.args, names, strict=False) if name in SHAPES]
    now = {n: n + draw.randrange(4) for n in sides}
    draw.shuffle(sides)
    for side in sides[: draw.choice((1, 1, 2, 2, 3))]:
        for longer in draw.sample(SIDES[: draw.choice((9, len(SIDES)))], 6):
            then = {**now, side: longer}
            largest = max(math.prod(then.get(n, n) for n in shape) for shape in shapes)
            if math.prod(then.values()) <= WORK and largest <= ELEMENTS:
                now = then
                break

    def changed(arg: Any, name: str) -> Any:
        if isinstance(arg, list):
            return [changed(a, name) for a in arg]
        if isinstance(arg, Input):
            shape = tuple(now.get(n, n) for n in arg.shape)
            values = arg.values
            if values is not None and shape != arg.shape:
                values = tuple(np.resize(np.array(list(values)).reshape(-1), math.prod(shape)).tolist())
            return replace(arg, shape=shape, values=values)
        return tuple(now.get(n, n) for n in arg) if name in SHAPES else arg

    return Sample(tuple(changed(a, name) for a, name in zip(item.args, names, strict=False)))


def mark(dtype: DType) -> Any:
    """What lies around a result: a number that nearly every op changes, as it does not change NaN."""
    return -2.5 if dtype.is_floating_point else strange(dtype)


def harm(tensor: Any) -> str:
    """What was written between and around a tensor's numbers, where ``mark`` lay."""
    size = tensor.storage.extent // tensor.dtype.itemsize
    memory = numbers_in(F.as_strided(tensor, (size,), (1,), -tensor.offset))
    inside = np.zeros(size, bool)
    bytes_of = tuple(tensor.strides)
    np.ndarray(tuple(tensor.shape), bool, inside, tensor.offset, bytes_of)[...] = True
    wrong = ~inside & (memory != mark(tensor.dtype))
    if not wrong.any():
        return ""
    at = int(np.flatnonzero(wrong)[0])
    return (
        f"{int(wrong.sum())} numbers around the result were written over, the first at {at} of {size}, where "
        f"it has shape {list(tensor.shape)}, strides {list(tensor.strides)} and offset {tensor.offset}"
    )


@dataclass(frozen=True, slots=True)
class Mixed:
    """A call that was drawn: ``kind`` says what its numbers are like,
    ``where`` (0 to 1) where its result goes.
    """

    op: Op
    dtype: DType
    item: Sample
    key: str
    kind: str
    where: float
    flush: bool
    number: int = -1  # of several calls, among which the layouts are spread evenly
    wanted: list[Any] = field(default_factory=list)  # by the specification, which was called with
    given: list[Any] = field(default_factory=list)
    memory: list[Any] = field(default_factory=list)  # that was given for the result

    def taken(self) -> bool:
        """Whether the specification takes the call, and gives results that a device has memory for."""
        given = self.arguments(reference.NAME, True)
        found = attempt(self.op, given, reference.NAME)
        if isinstance(found, Exception) or sum(t.numel() for t in found) > RESULTS:
            return False
        self.wanted.extend(found)
        self.given.extend(given)
        return True

    def judged(self, device: str) -> Result:
        self.memory.clear()
        known = self.wanted or None, self.into, self.given or None
        found = judge(self.op, self.dtype, self.arguments, device, *known)
        written = "" if found.status == FAIL else "".join(map(harm, self.memory))
        return replace(found, status=FAIL, message=written) if written else found

    def into(self, args: list[Any], results: Any, device: str) -> tuple[Any, bool]:
        """Memory that the result shall go to, and whether that is the first operand; None where it is new."""
        refused = isinstance(results, Exception)
        if refused or len(results) != 1 or self.op.is_view or self.where >= NEW:
            return None, False
        if any(isinstance(a, DType) for a in self.item.args):  # which is the result's
            return None, False
        due, first = results[0], args[0]
        own = self.dtype if self.dtype.is_floating_point else dtypes.float32  # what float64 stands for
        dtype = own if due.dtype.is_floating_point else due.dtype
        fits = hasattr(first, "strides") and all(first.strides) and first.dtype is dtype
        in_place = self.op.elementwise and self.where < GIVEN
        if in_place and fits and tuple(first.shape) == tuple(due.shape):
            self.memory.append(first)
            return first, True
        if dtype is dtypes.bool_ or self.dtype is not dtype:
            return None, False
        shape, draw = tuple(due.shape), random.Random(seed_of(f"{self.key} result"))
        plan = dense(len(shape), 1, 2)
        if len(shape) > 1 and int(self.where * 40) % 2:
            backwards = tuple(range(len(shape)))[::-1]
            plan = replace(plan, order=draw.choice((backwards, (*backwards[1:], backwards[0]))))
        plain = np.dtype(np.float64 if dtype.is_floating_point else dtype.numpy_name)
        nothing = np.full(shape, mark(dtype), plain)
        self.memory.append(placed(nothing, dtype, plan, device, around=mark(dtype)))
        return self.memory[0], False

    def arguments(self, where: str, widen: bool) -> list[Any]:
        draw, places = random.Random(seed_of(self.key)), count()

        def convert(arg: Any) -> Any:
            if isinstance(arg, list):
                return [convert(a) for a in arg]
            if isinstance(arg, Input):
                place = next(places)
                chosen = dtypes.dtype_named(arg.dtype) if arg.dtype else self.dtype
                around = mark(chosen) if place == 0 and self.where < GIVEN else strange(chosen)
                plan = self.plan(draw, arg, place)
                return placed(self.numbers(arg, chosen, place), chosen, plan, where, widen, around)
            return arg

        found = [convert(arg) for arg in self.item.args]
        return wide_attributes(self.op, self.dtype, found, draw) if self.kind == "wide" else found

    def plan(self, draw: random.Random, arg: Input, place: int) -> Plan:
        ndim, kind = len(arg.shape), draw.random()
        if self.number >= 0:
            begin = random.Random(seed_of(f"{self.op.name} {self.dtype.name} plan {place}")).random()
            kind = (begin + self.number * GOLDEN) % 1.0
        free = arg.values is None and arg.dtype is None and not self.op.updates
        if ndim > 2 and free:
            if kind < 0.2:  # as batches are
                long = [d for d, n in enumerate(arg.shape[:-2]) if n > 1]
                chosen = draw.sample(long, draw.choice((1, 1, len(long)))) if long else []
                return replace(dense(ndim), repeated=tuple(d in chosen for d in range(ndim)))
            kind = (kind - 0.2) / 0.8
        if kind < 0.2:
            return dense(ndim)
        if kind < 0.4:
            return dense(ndim, draw.choice((1, 1, 2, 3)), 1)
        if kind < 0.6 and ndim > 1:  # cut from something wider, now and then from a square
            rows, columns = arg.shape[-2:]
            wider = rows - columns if rows > columns else 8
            apart = (*(0,) * (ndim - 2), draw.choice((1, 3, wider)), 0)
            return replace(dense(ndim, draw.choice((0, 0, 1, 2))), pitch=apart)
        if kind < 0.8 and ndim > 1:  # dense, in another order
            last = ndim == len(LAST) and draw.random() < 0.5
            order = LAST if last else tuple(draw.sample(range(ndim), ndim))
            return replace(dense(ndim, draw.choice((0, 0, 1))), order=order)
        return drawn(draw, arg.shape, repeats=False)

    def numbers(self, arg: Input, dtype: DType, place: int) -> Any:
        seed = seed_of(self.key) + place
        if self.op.name in PRODUCTS and arg.values is None and dtype.is_floating_point:
            arg = replace(arg, low=0.9, high=1.1)  # or what came before decides whether it overflows
        array = array_of(arg, dtype, seed, self.flush)
        given = dtype is not dtypes.bool_ and (arg.dtype is not None or arg.values is not None)
        if not array.ndim or given:
            return array
        line = self.line(arg)
        if self.kind in ("rising", "falling") and self.op.name in PRODUCTS:  # order decides what overflows
            return array
        if dtype is dtypes.bool_:
            if self.kind in ("plain", "ties", "wide"):
                return array
            edge = array.shape[line] * (1 + seed % 3) // 4  # the first of each line, or the last
            early = np.arange(array.shape[line]) < edge
            mask = early if self.kind == "falling" else ~early
            return array & np.moveaxis(np.broadcast_to(mask, np.moveaxis(array, line, -1).shape), -1, line)
        if self.kind in ("rising", "falling"):
            array = np.sort(array, line)
            return array if self.kind == "rising" else np.flip(array, line)
        if self.kind == "missing":  # NaN in some rows or images of the first operand is none in the others
            if place == 0 and array.ndim > 1:
                array = array.copy()
                np.moveaxis(array, -2 if line == array.ndim - 1 else -1, 0)[seed % 3 :: 5] = np.nan
            return array
        if self.kind == "ties":
            few = array.reshape(-1)[:3]
            return few[np.arange(array.size).reshape(array.shape) * 7 // 3 % len(few)]
        if self.kind == "infinite" and dtype.is_floating_point and place == 0:
            lines = np.moveaxis(array.copy(), line, -1)
            lines[..., lines.shape[-1] // 5] = np.inf  # and after it no NaN but where it is due
            return np.moveaxis(lines, -1, line)
        if self.kind == "blocks" and dtype.is_floating_point:  # a line of one number but for a late place
            late = np.arange(array.shape[line]) >= array.shape[line] * 3 // 4
            lines = np.moveaxis(array, line, -1)
            return np.moveaxis(np.where(late, lines, np.minimum(lines, lines[..., :1])), -1, line)
        narrow = dtype.is_floating_point and dtype is not dtypes.float64  # of which float64 is the reference
        if self.kind == "wide" and narrow and self.op.elementwise and arg.low < 0:
            # where exponentials are large; far below zero what is left of them is too little to be asked
            return np.where(array > 0, array * 20, array)
        if self.kind == "wide" and is_wide(self.op, dtype) and not dtype.is_floating_point:
            return self.wide(arg, dtype, place, seed)
        return array

    def line(self, arg: Input) -> int:
        """The dimension along which numbers are ordered: the call's, or the last."""
        names = [p.name for p in self.op.parameters]
        dim: Any = self.item.args[names.index("dim")] if "dim" in names[: len(self.item.args)] else -1
        dim = dim[0] if isinstance(dim, (tuple, list)) and dim else dim
        fits = isinstance(dim, int) and -len(arg.shape) <= dim < len(arg.shape)
        return dim % len(arg.shape) if fits else len(arg.shape) - 1

    def wide(self, arg: Input, dtype: DType, place: int, seed: int) -> Any:
        """Whole numbers of the dtype's whole range, small ones among them."""
        chosen: Sequence[int] = pool_of(dtype, True)
        if place and self.op.name in SECOND:
            chosen = [n for n in SECOND[self.op.name] if n >= 0 or dtype.is_signed]
            chosen = [n for n in chosen if n >= 0] if seed % 2 else chosen
        elif seed % 3 == 0 or self.op.name == "pow":
            chosen = range(-40 if dtype.is_signed else 0, 128)
        taken = np.random.Philox(key=seed).random_raw(math.prod(arg.shape)) >> np.uint64(11)
        found = np.array(list(chosen), np.dtype(dtype.numpy_name))[taken % np.uint64(len(chosen))]
        return found.reshape(arg.shape)


class Cut(Mixed):
    """Operands that are cut from tables one number wider."""

    __slots__ = ()

    def plan(self, draw: random.Random, arg: Input, place: int) -> Plan:
        ndim = len(arg.shape)
        return replace(dense(ndim), pitch=(*(0,) * (ndim - 2), 1, 0)) if ndim > 1 else dense(ndim)
