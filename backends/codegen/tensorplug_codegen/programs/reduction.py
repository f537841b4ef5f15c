"""Reductions: the index space cut into kept and reduced dimensions, and the reduced ones into parts.

On a processor a work-item folds the elements of some results (``rows``), or of some hundred results that lie
side by side (``columns``), with many accumulators at once, so that it vectorizes. On a GPU the lanes of a
work-group share the elements of one or more results and combine what they have in a tree. Where there are few
results the reduced space is cut into parts, and a second kernel combines theirs, always in the same order.

float16, bfloat16 and float32 accumulate in float32, in blocks; integers in 64 bits that wrap. Variances take
the mean of a part first, and combine means and squared deviations of parts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from tensorplug_dispatcher import dtypes
from tensorplug_dispatcher.dtypes import DType
from tensorplug_dispatcher.layout import Layout
from tensorplug_dispatcher.thresholds import Threshold

from ..dialect import Target
from ..indexing import collapse
from ..program import Argument, Constant, Launch, Memory, Program
from .elementwise import HALVES, compute_dtype
from .reduction_kinds import (
    ABSOLUTE,
    BAND,
    BLOCK,
    COLUMNS,
    COLUMNS_BY_STEPS,
    COUNT,
    DEEP,
    GROUP,
    LANES_0,
    LANES_1,
    LARGEST,
    LINES,
    PRODUCT,
    ROWS,
    ROWS_BY_STEPS,
    SMALLEST,
    SQUARES,
    SUM,
    VARIANCE,
    Reduction,
)
from .reduction_text import combining, folding
from .space import space

FOLDS: Final = {
    "sum": SUM,
    "mean": SUM,
    "prod": PRODUCT,
    "amax": LARGEST,
    "amin": SMALLEST,
    "argmax": LARGEST,
    "argmin": SMALLEST,
    **dict.fromkeys(("any", "all", "count_nonzero"), COUNT),
    **dict.fromkeys(("var", "std", "var_mean"), VARIANCE),
}
NORMS: Final = {1: ABSOLUTE, 2: SQUARES}  # by p
PIECES: Final = 32  # parts and results together that are enough to share
SHORT: Final = 32  # rows of so few elements are folded side by side
WORK: Final = 32768  # elements that a work-item of a processor has at least, where that leaves enough of them
NEAR: Final = 65536  # elements of a part whose variance is taken: it is read twice, from a cache
ROWS_OF_A_PART: Final = 128  # of columns, at least
NEAR_ROWS: Final = 512  # that are read before the pages are out of reach
TURNS: Final = 16  # elements that a lane has at least, where that leaves enough of them


def build(
    target: Target,
    name: str,
    outs: tuple[Layout, ...],
    ins: tuple[Layout | None, ...],
    attrs: Mapping[str, Any],
    numbers: frozenset[int],
) -> Program | None:
    source, out = ins[0], outs[0]
    fold = NORMS.get(attrs["p"]) if name == "norm" else FOLDS[name]
    if source is None or fold is None or any((o.strides, o.dtype) != (out.strides, out.dtype) for o in outs):
        return None
    if not (target.takes(source.dtype) and target.takes(out.dtype) and _gives(fold, source.dtype, out.dtype)):
        return None
    if not out.numel:
        return Program(())
    (kept_sizes, kept_strides), (sizes, (strides,)) = _cut(name, out, source, attrs.get("dim"))
    count = source.numel // out.numel
    mode, columns, steps = _mode(target, count, kept_sizes, kept_strides[0], sizes, strides), 1, (0, 0)
    results = space("k", kept_sizes, kept_strides[1:])
    if mode in (COLUMNS, COLUMNS_BY_STEPS):
        columns, steps = kept_sizes.pop(), (kept_strides[0].pop(), kept_strides[1].pop())
    elif mode in (ROWS, ROWS_BY_STEPS):
        steps = (strides[-1], 0)
    kept = space("k", kept_sizes or [1], [s or [0] for s in kept_strides])
    reduced = space("r", sizes, [strides])
    if kept is None or reduced is None or results is None:
        return None
    parts, grain, groups, lanes = (_share_wide if target.wide else _share_lanes)(
        target, fold, mode, out.numel, columns, count
    )
    each = -(-count // parts)
    outputs: list[Argument] = [Memory(k) for k in range(len(outs))]
    states = Memory(len(outs) + 1)
    what = Reduction(
        name, fold, source.dtype, out.dtype, len(outs), mode, kept.index, reduced.index, parts > 1
    )
    double = fold == VARIANCE and what.element == "double"
    freedom = Constant(
        max(0.0, count - float(attrs.get("correction", 0))), dtypes.float64 if double else dtypes.float32
    )
    arguments = [
        *([states] if what.partial else outputs),
        Memory(len(outs)),
        freedom,
        *(Constant(n, dtypes.int64) for n in (count, out.numel, parts, each, grain, columns, *steps)),
        *kept.arguments(),
        *reduced.arguments(),
    ]
    first = Launch(*folding(what, target.wide), tuple(arguments), groups, lanes)
    if not what.partial:
        return Program((first,))
    last = replace(what, kept=results.index, partial=False, mode="", reduced=results.index)
    axis, groups, lanes = _combining_lanes(target, out.numel, parts)
    arguments = [
        *outputs,
        states,
        freedom,
        *(Constant(n, dtypes.int64) for n in (count, out.numel, parts)),
        *results.arguments(),
    ]
    second = Launch(*combining(last, axis), tuple(arguments), groups, lanes)
    return Program((first, second), (parts * out.numel * what.state_bytes,))


def _gives(fold: str, source: DType, out: DType) -> bool:
    """Whether the kernel gives a result of this dtype: elements are converted on the way only where that
    loses nothing that converting first would keep.
    """
    if fold == COUNT or out is dtypes.int64:
        return True
    if fold == VARIANCE:
        return out in (source, compute_dtype(source))
    if fold in (LARGEST, SMALLEST) or out in HALVES:
        return source is out
    return out is not dtypes.bool_


def _cut(name: str, out: Layout, source: Layout, dim: Any) -> tuple[Any, Any]:
    """Sizes and strides of the kept dimensions (of the source and of the result) and of the reduced ones."""
    if not source.ndim:
        dims: tuple[int, ...] = ()
    elif isinstance(dim, int):
        dims = (dim,)
    else:
        dims = tuple(dim) if dim else tuple(range(source.ndim))
    keep = [d for d in range(source.ndim) if d not in dims]
    same = len(out.shape) == source.ndim
    out_strides = [out.strides[d if same else i] for i, d in enumerate(keep)]
    kept = collapse([source.shape[d] for d in keep], ([source.strides[d] for d in keep], out_strides))
    ordered = name in ("argmax", "argmin")
    reduced = collapse([source.shape[d] for d in dims], ([source.strides[d] for d in dims],), ordered)
    return kept, reduced


def _mode(
    target: Target,
    count: int,
    kept: Sequence[int],
    kept_strides: Sequence[int],
    reduced: Sequence[int],
    strides: Sequence[int],
) -> str:
    beside = kept_strides[-1] == 1 and kept[-1] > 1 and count > 1
    if not target.wide:
        return LANES_1 if beside and strides[-1] != 1 else LANES_0
    if beside and strides[-1] != 1:
        return COLUMNS
    if kept[-1] > SHORT and count <= SHORT:
        return COLUMNS_BY_STEPS
    return ROWS if strides[-1] == 1 else ROWS_BY_STEPS


def _share_wide(
    target: Target, fold: str, mode: str, outputs: int, columns: int, count: int
) -> tuple[int, int, tuple[int, ...], tuple[int, ...]]:
    """Parts, results that a work-item of rows has, groups and lanes: a work-item a group."""
    if mode in (COLUMNS, COLUMNS_BY_STEPS):
        units = outputs // columns * -(-columns // BAND)
        most = count // NEAR_ROWS if units >= 32 else count // ROWS_OF_A_PART
        parts = _parts(count, min(most, -(-2 * PIECES // units) + count // NEAR_ROWS))
        return parts, 1, (units * parts,), (1,)
    parts = min(max(PIECES, 4 * target.units) // outputs, count // WORK)
    parts = _parts(count, max(parts, count // NEAR) if fold == VARIANCE else parts)
    grain = max(1, WORK // max(count, 1)) if parts == 1 else 1
    return parts, grain, (-(-outputs // grain) * parts,), (1,)


def _parts(count: int, wanted: int) -> int:
    """About as many parts as wanted, none of them empty."""
    return -(-count // -(-count // max(1, min(wanted, count)))) if count else 1


def _share_lanes(
    target: Target, fold: str, mode: str, outputs: int, columns: int, count: int
) -> tuple[int, int, tuple[int, ...], tuple[int, ...]]:
    """The same for lanes that take turns: as many as a result keeps busy, the others take other results."""
    group = group_lanes(target)
    if mode == LANES_0:
        along = min(group, power(count))
        lanes = (along, group // along)
    else:
        beside = min(32 if count > 32 else group, power(outputs), group)
        along = min(group // beside, power(count))
        lanes = (beside, along)
    across = lanes[1] if mode == LANES_0 else lanes[0]
    groups = -(-outputs // across)
    parts = _parts(count, min(8 * target.units // groups, count // (along * TURNS), 32768))
    return parts, 1, (groups, parts), lanes


def _combining_lanes(
    target: Target, outputs: int, parts: int
) -> tuple[int, tuple[int, ...], tuple[int, ...]]:
    """The axis of the lanes that share the parts, groups and lanes."""
    if target.wide:
        return -1, (-(-outputs // BAND),), (1,)
    group = group_lanes(target)
    if outputs < 32:
        along = min(group, power(parts))
        return 0, (outputs, 1), (along, 1)
    across = min(group, 32)
    return 1, (-(-outputs // across), 1), (across, min(group // across, power(parts)))


def group_lanes(target: Target) -> int:
    """Lanes of a work-group, a power of two."""
    return min(GROUP, 1 << (target.max_lanes.bit_length() - 1))


def power(n: int) -> int:
    """The power of two that is not less."""
    return 1 << max(n - 1, 0).bit_length()


BUILDERS: Final = dict.fromkeys((*FOLDS, "norm"), build)

# sizes at which another variant is made, or another part of it begins
_OF_LINES: Final = (
    Threshold("line", SHORT, "rows are folded side by side up to here"),
    Threshold("line", LINES, "four vectors at once", every=True),
    Threshold("line", BLOCK, "accumulators are combined", every=True),
    Threshold("line", DEEP, "accumulators of columns are combined", every=True),
    Threshold("line", 2 * ROWS_OF_A_PART - 1, "columns are cut into parts, and a second pass joins them"),
    Threshold("line", 2 * NEAR_ROWS - 1, "parts of columns that are far away are cut again"),
    Threshold("line", 2 * TURNS * GROUP - 1, "several work-groups share a row"),
    Threshold("line", 2 * WORK - 1, "several work-items share a row"),
    Threshold("line", 2 * NEAR - 1, "a variance has a part a cache"),
    Threshold("lines", BAND, "columns of a work-item", every=True),
    Threshold("lines", PIECES, "lanes beside each other", every=True),
    Threshold("outer", PIECES, "results enough to share"),
    Threshold("outer", SHORT, "rows enough to be folded side by side"),
)
THRESHOLDS: Final = dict.fromkeys(BUILDERS, _OF_LINES)
