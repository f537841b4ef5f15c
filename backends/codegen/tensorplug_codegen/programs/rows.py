"""Programs that work on rows: sums over a row, then results for the row, and for each of its elements.

A ``Work`` says what is done with a row in expressions; an index space that is kept and one that the rows
lie along say where rows are. How rows are walked is chosen here. On a processor a work-item has some rows
(``ROWS``) or some hundred rows whose elements lie side by side (``COLUMNS``), and runs over blocks of them
that stay in the first-level cache, in loops that vectorize. On a GPU the lanes of a work-group share one or
more rows, and combine what they have in a tree; of rows that are short enough a lane keeps its elements in
registers.

Halves and float32 are computed with in float32, and their sums taken in blocks. ``sums`` cuts rows into parts
whose sums a second kernel adds up, always in the same order.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from tensorplug_dispatcher import dtypes
from tensorplug_dispatcher.dtypes import DType
from tensorplug_dispatcher.layout import dense
from tensorplug_dispatcher.ops import OPS
from tensorplug_dispatcher.thresholds import Threshold

from ..dialect import Target
from ..indexing import collapse
from ..program import Argument, Constant, Launch, Memory, Program
from .elementwise import compute_dtype
from .reduction import PIECES, ROWS_OF_A_PART, SHORT, TURNS, WORK, group_lanes, power
from .reduction_kinds import COLUMNS, GROUP, LANES_0, LANES_1, ROWS
from .rows_text import BAND, BLOCK, DEEP, ITEMS, NEAR, Form, Seen, Work, kernel
from .space import space
from .walk import ANY, STILL, STREAM_BYTES, UNIT

ELEMENTS_OF_A_LANE: Final = 8  # at least, where that leaves enough of them
LONG: Final = 1 << 16  # elements of a row that a GPU's work-group takes by itself where there are few rows


@dataclass(frozen=True, slots=True)
class Operand:
    """An operand of a work, under its name there. ``strides`` are those along the kept dimensions and then
    the rows'; ``place`` is the memory's, as in ``Memory``.
    """

    name: str
    dtype: DType
    strides: tuple[int, ...]
    place: int


def arithmetic(dtype: DType) -> DType:
    """The dtype that rows of this dtype are computed with."""
    return compute_dtype(dtype)


def program(
    target: Target,
    work: Work,
    operands: Sequence[Operand],
    kept: Sequence[int],
    row: Sequence[int],
    numbers: Mapping[str, float],
    parts: int = 1,
    grain: int = 0,
) -> Launch | None:
    """``work`` on rows of the shape ``row``, one for each index into the shape ``kept``. The first operand
    decides on the order of the walk. ``numbers`` are those that the work names. With several ``parts`` the
    results are those of parts of rows, ``[parts, *kept]``; ``grain`` is the number of rows of a work-item.
    """
    depth = len(kept)
    kept_sizes, kept_strides = collapse(kept, [x.strides[:depth] for x in operands])
    sizes, strides = collapse(row, [x.strides[depth:] for x in operands])
    rows, count = math.prod(kept), math.prod(row)
    mode = _mode(target, count, kept_sizes[-1], kept_strides[0][-1], strides[0][-1])
    columns, steps = 1, [s[-1] for s in strides]
    if mode == COLUMNS:
        columns, steps = kept_sizes.pop(), [s.pop() for s in kept_strides]
    outer = space("k", kept_sizes or [1], [s or [0] for s in kept_strides])
    inner = space("r", sizes, strides)
    if outer is None or inner is None or rows == 0 or count == 0:
        return None
    each = -(-count // parts)
    registers = False
    if target.wide:
        lanes: tuple[int, ...] = (1,)
        if mode == ROWS and not grain:
            grain = max(1, min(WORK // count, rows // (4 * target.units)))
        items = rows // columns * -(-columns // BAND) if mode == COLUMNS else -(-rows // grain)
        groups: tuple[int, ...] = (items * parts,)
    else:
        if parts == 1 and count > LONG and 4 * rows < target.units:
            return None
        groups, lanes = lanes_of(target, mode, rows, count)
        groups = (groups[0], parts)
        registers = parts == 1 and count <= ITEMS * lanes[0 if mode == LANES_0 else 1]
    stored = {name for name, _ in work.stores}
    nbytes = min((rows * count * x.dtype.itemsize for x in operands if x.name in stored), default=0)
    long = all(s == 1 for s, x in zip(steps, operands, strict=True) if x.name in stored)
    streamed = target.wide and mode == ROWS and long and nbytes >= STREAM_BYTES
    streamed = (
        streamed and sizes[-1] >= 256 and all(x.dtype is work.type for x in operands if x.name in stored)
    )
    near = target.wide and mode == ROWS and len(sizes) == 1 and count <= NEAR
    near = near and any(fold.exponentials for fold in work.folds)
    seen = tuple(
        Seen(x.name, x.dtype, UNIT if s == 1 else ANY if s else STILL)
        for x, s in zip(operands, steps, strict=True)
    )
    form = Form(
        work,
        mode,
        seen,
        tuple(sorted(numbers)),
        outer.index,
        inner.index,
        registers,
        near,
        streamed,
        target.wide and target.float64,
    )
    number = dtypes.float64 if form.wide_sums else work.type
    arguments: list[Argument] = [Memory(x.place) for x in operands]
    arguments += [Constant(numbers[n], number) for n in form.numbers]
    arguments += [Constant(n, dtypes.int64) for n in (rows, count, parts, each, grain, columns, *steps)]
    arguments += [*outer.arguments(), *inner.arguments()]
    return Launch(*kernel(target.wide, form), tuple(arguments), groups, lanes)


def _mode(target: Target, count: int, beside: int, kept_step: int, step: int) -> str:
    side_by_side = kept_step == 1 and beside > 1 and step != 1 and count > 1
    if not target.wide:
        return LANES_1 if side_by_side else LANES_0
    return COLUMNS if side_by_side or (beside > SHORT and count <= SHORT) else ROWS


def along_rows(target: Target, operands: Sequence[Operand], kept: Sequence[int], row: Sequence[int]) -> bool:
    """Whether a processor's work-items walk along rows, each of which is one run of elements."""
    depth = len(kept)
    sizes, strides = collapse(kept, [x.strides[:depth] for x in operands])
    lengths, steps = collapse(row, [x.strides[depth:] for x in operands])
    mode = _mode(target, math.prod(row), sizes[-1], strides[0][-1], steps[0][-1])
    return mode == ROWS and len(lengths) == 1


def lanes_of(target: Target, mode: str, rows: int, count: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Groups and lanes for rows that lanes share."""
    group = group_lanes(target)
    if mode == LANES_0:
        along = min(group, power(-(-count // ELEMENTS_OF_A_LANE)))
        lanes, across = (along, group // along), group // along
    else:
        across = min(32, power(rows), group)
        lanes = (across, min(group // across, power(count)))
    return (-(-rows // across), 1), lanes


def sums(
    target: Target,
    work: Work,
    operands: Sequence[Operand],
    kept: Sequence[int],
    row: Sequence[int],
    numbers: Mapping[str, float],
    scratch: int,
) -> Program | None:
    """The same as one or two launches, for a work that is one fold and results: where there are few rows they
    are cut into parts. ``scratch`` is the place that the first scratch memory will have.
    """
    (fold,) = work.folds
    rows, count = math.prod(kept), math.prod(row)
    depth = len(kept)
    _, strides = collapse(row, [x.strides[depth:] for x in operands])
    sizes, kept_strides = collapse(kept, [x.strides[:depth] for x in operands])
    mode = _mode(target, count, sizes[-1], kept_strides[0][-1], strides[0][-1])
    if not target.wide:
        groups, lanes = lanes_of(target, mode, rows, count)
        along = lanes[0 if mode == LANES_0 else 1]
        wanted = min(8 * target.units // groups[0], count // (along * TURNS), 32768)
    elif mode == COLUMNS:
        wanted = min(PIECES // max(1, rows // sizes[-1] * -(-sizes[-1] // BAND)), count // ROWS_OF_A_PART)
    else:
        wanted = min(PIECES // rows, count // WORK) if rows else 1
    parts = -(-count // -(-count // max(1, wanted))) if count else 1
    if parts == 1:
        launch = program(target, work, operands, kept, row, numbers)
        return None if launch is None else Program((launch,))
    results = {name for name, _ in work.results}
    names = [name for name, _ in fold.sums]
    steps = dense(tuple(kept), work.type).strides
    nothing = (0,) * len(row)
    states = [Operand(f"{n}_part", work.type, (*steps, *nothing), scratch + i) for i, n in enumerate(names)]
    used = " ".join(text for _, text in fold.sums)
    first_work = replace(
        work,
        folds=(replace(fold, then=()),),
        results=tuple((f"{n}_part", f"@{n}") for n in names),
        givens=tuple(n for n in work.givens if f"@{n}" in used),
    )
    given = [
        x for x in operands if x.name not in results and (x.name not in work.givens or f"@{x.name}" in used)
    ]
    first = program(
        target,
        first_work,
        [*given, *states],
        kept,
        row,
        numbers,
        parts,
    )
    second_work = replace(work, folds=(replace(fold, sums=tuple((n, f"{n}_part") for n in names)),))
    joined = [replace(x, strides=(*steps, rows)) for x in states]
    joined += [
        replace(x, strides=(*x.strides[:depth], 0))
        for x in operands
        if x.name in results or x.name in work.givens
    ]
    second = program(target, second_work, joined, kept, (parts,), numbers)
    if first is None or second is None:
        return None
    return Program((first, second), (parts * rows * work.type.itemsize,) * len(names))


# sizes at which another variant is made, for all ops that work on rows
THRESHOLDS_OF_ROWS: Final = (
    Threshold("line", SHORT, "rows lie side by side up to here"),
    Threshold("line", DEEP, "sums of columns are added to others", every=True),
    Threshold("line", ITEMS * GROUP, "a row fits the registers of a work-group"),
    Threshold("line", NEAR, "a row fits the first-level cache"),
    Threshold("line", BLOCK, "a row is taken in blocks", every=True),
    Threshold("line", ELEMENTS_OF_A_LANE * GROUP, "all lanes of a work-group take part"),
    Threshold("line", 2 * ROWS_OF_A_PART - 1, "columns are cut into parts"),
    Threshold("line", 2 * TURNS * GROUP - 1, "several work-groups share a row"),
    Threshold("line", 2 * WORK - 1, "several work-items share a row"),
    Threshold("line", LONG, "a work-group takes a row by itself up to here"),
    Threshold("outer", PIECES, "rows enough to share"),
    Threshold("lines", BAND, "rows side by side that are taken together", every=True),
)


def thresholds_of_rows(ops: Iterable[str]) -> dict[str, tuple[Threshold, ...]]:
    """Those of THRESHOLDS_OF_ROWS that an op has a measure for, by op."""
    return {
        op: tuple(one for one in THRESHOLDS_OF_ROWS if one.measure in (OPS[op].sizes or {})) for op in ops
    }
