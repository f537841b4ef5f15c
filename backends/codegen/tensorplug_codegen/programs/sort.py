"""Sorting, selection by rank and binary search. Operands are dense.

Values become unsigned keys in the same order (NaN the largest, -0.0 equal to 0.0, all bits inverted for
descending order). An item sorts a few elements by insertion; then runs are merged, two by two, where an item
finds by bisection what its piece of the result is made of. Equal keys keep their order. At last the places
are known, and the values are fetched from the input.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cache
from typing import Any, Final

from tensorplug_dispatcher import dtypes
from tensorplug_dispatcher.dtypes import DType
from tensorplug_dispatcher.layout import Layout
from tensorplug_dispatcher.ops import OPS
from tensorplug_dispatcher.thresholds import Threshold

from ..dialect import TYPES, Target
from ..program import Argument, Constant, Launch, Memory, Program
from .elementwise import compute_dtype

RUN: Final = 16  # elements that are sorted by insertion
PIECE: Final = 4096  # elements that a work-item of a processor merges at most
RAW: Final = {1: "u8", 2: "u16", 4: "u32", 8: "u64"}
INFINITY: Final = {"float16": 0x7C00, "bfloat16": 0x7F80, "float32": 0x7F800000, "float64": 0x7FF << 52}


def build(
    target: Target,
    name: str,
    outs: tuple[Layout, ...],
    ins: tuple[Layout | None, ...],
    attrs: Mapping[str, Any],
    numbers: frozenset[int],
) -> Program | None:
    """``sort(input, dim, descending)``, ``argsort``, ``topk(input, k, dim, largest)``, ``kthvalue``."""
    (source,) = ins
    if source is None or not source.dense or any(not o.dense for o in outs):
        return None
    if not outs[0].numel:
        return Program(())
    shape, dim = source.shape or (1,), attrs["dim"]
    outer, length, inner = math.prod(shape[:dim]), shape[dim], math.prod(shape[dim + 1 :])
    if length >= 1 << 32:
        return None
    descending = bool(attrs["largest"] if name == "topk" else attrs.get("descending", False))
    count, skipped = (1, attrs["k"] - 1) if name == "kthvalue" else (attrs.get("k", length), 0)
    key = "u64" if source.itemsize == 8 else "u32"
    lines, given = outer * inner, Memory(len(outs))
    # keys and places, and where the next merge puts them
    halves = [
        (Memory(len(outs) + 1), Memory(len(outs) + 2)),
        (Memory(len(outs) + 3), Memory(len(outs) + 4)),
    ]

    def sizes(*values: int) -> list[Argument]:
        return [Constant(n, dtypes.int64) for n in values]

    lanes = 16 if target.wide else min(256, target.max_lanes)

    def items(n: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
        return (-(-n // lanes),), (lanes,)

    runs = -(-length // RUN)
    launches = [
        Launch(
            *_runs(source.dtype, descending),
            (*halves[0], given, *sizes(lines, length, inner, runs)),
            *items(lines * runs),
        )
    ]
    width = RUN
    while width < length:
        piece = min(2 * width, PIECE) if target.wide else RUN
        pieces = -(-length // piece)
        launches.append(
            Launch(
                *_merge(key),
                (*halves[1], *halves[0], *sizes(lines * pieces, length, width, piece, pieces)),
                *items(lines * pieces),
            )
        )
        halves.reverse()
        width *= 2
    outputs: list[Argument] = [Memory(k) for k in range(len(outs))]
    fetched = given if len(outs) > 1 else None
    launches.append(
        Launch(
            *_fetch(source.itemsize if fetched else 0),
            (
                *outputs,
                *([fetched] if fetched else []),
                halves[0][1],
                *sizes(lines, length, inner, count, skipped),
            ),
            *items(lines * count),
        )
    )
    keys, places = source.numel * (8 if key == "u64" else 4), source.numel * 4
    twice = (keys, places) if len(launches) > 2 else ()
    return Program(tuple(launches), (keys, places, *twice))


@cache
def _runs(source: DType, descending: bool) -> tuple[str, str]:
    """Reads a run of a line, makes keys of the values, and sorts them."""
    raw, bits = RAW[source.itemsize], 8 * source.itemsize
    key = "u64" if bits == 64 else "u32"
    mark = "ul" if bits == 64 else "u"
    sign, ones = f"{hex(1 << (bits - 1))}{mark}", f"{hex((1 << bits) - 1)}{mark}"
    if source.is_floating_point:
        magnitude = f"(x & {hex((1 << (bits - 1)) - 1)}{mark})"
        made = (
            f"{magnitude} > {hex(INFINITY[source.name])}{mark} ? {ones} : {magnitude} == 0 ? {sign} : "
            f"x & {sign} ? x ^ {ones} : x | {sign}"
        )
    else:
        made = "x" if source in (dtypes.bool_, dtypes.uint8) else f"x ^ {sign}"
    kernel = f"sort_runs_{source.name}{'_descending' if descending else ''}"
    text = f"""
KERNEL void {kernel}(
    GLOBAL {key} *RESTRICT keys, const i64 keys_first, GLOBAL u32 *RESTRICT places, const i64 places_first,
    GLOBAL const {raw} *RESTRICT p, const i64 p_first, const i64 lines, const i64 length, const i64 inner,
    const i64 runs)
{{
    const i64 item = GROUP(0) * LANES(0) + LANE(0), line = item / runs, begin = item % runs * {RUN};
    if (line >= lines) return;
    const i64 from = p_first + line / inner * length * inner + line % inner;
    const i64 n = length - begin < {RUN} ? length - begin : {RUN};
    {key} key[{RUN}];
    u32 place[{RUN}];
    for (i64 k = 0; k < n; k++) {{
        const {key} x = p[from + (begin + k) * inner];
        const {key} mine = {"~" if descending else ""}({made});
        i64 at = k;
        for (; at > 0 && key[at - 1] > mine; at--) {{
            key[at] = key[at - 1];
            place[at] = place[at - 1];
        }}
        key[at] = mine;
        place[at] = (u32)(begin + k);
    }}
    for (i64 k = 0; k < n; k++) {{
        keys[keys_first + line * length + begin + k] = key[k];
        places[places_first + line * length + begin + k] = place[k];
    }}
}}
"""
    return text, kernel


@cache
def _merge(key: str) -> tuple[str, str]:
    """Merges runs of ``width`` elements: an item makes ``piece`` elements of the result."""
    kernel = f"sort_merge_{key}"
    text = f"""
KERNEL void {kernel}(
    GLOBAL {key} *RESTRICT keys, const i64 keys_first, GLOBAL u32 *RESTRICT places, const i64 places_first,
    GLOBAL const {key} *RESTRICT old_keys, const i64 old_keys_first,
    GLOBAL const u32 *RESTRICT old_places, const i64 old_places_first,
    const i64 items, const i64 length, const i64 width, const i64 piece, const i64 pieces)
{{
    const i64 item = GROUP(0) * LANES(0) + LANE(0);
    if (item >= items) return;
    const i64 line = item / pieces * length, begin = item % pieces * piece;
    const i64 pair = begin / (2 * width) * (2 * width), left = length - pair;
    const i64 n = left < width ? left : width, m = left - n < width ? left - n : width;
    GLOBAL const {key} *const a = old_keys + old_keys_first + line + pair, *const b = a + n;
    GLOBAL const u32 *const a_places = old_places + old_places_first + line + pair;
    GLOBAL const u32 *const b_places = a_places + n;
    const i64 done = begin - pair, stop = n + m - done < piece ? n + m : done + piece;
    i64 low = done > m ? done - m : 0, high = done < n ? done : n;
    while (low < high) {{
        const i64 i = (low + high) / 2;
        if (a[i] <= b[done - 1 - i]) low = i + 1;
        else high = i;
    }}
    i64 i = low, j = done - low;
    for (i64 k = done; k < stop; k++) {{
        const int first = j >= m || (i < n && a[i] <= b[j]);
        keys[keys_first + line + pair + k] = first ? a[i] : b[j];
        places[places_first + line + pair + k] = first ? a_places[i] : b_places[j];
        i += first;
        j += !first;
    }}
}}
"""
    return text, kernel


@cache
def _fetch(itemsize: int) -> tuple[str, str]:
    """Writes ``count`` results a line from number ``skipped`` on; values where ``itemsize`` is not 0."""
    kernel = f"sort_fetch_{itemsize}"
    raw = RAW.get(itemsize)
    values = f"GLOBAL {raw} *RESTRICT values, const i64 values_first, " if raw else ""
    given = f"GLOBAL const {raw} *RESTRICT p, const i64 p_first, " if raw else ""
    fetch = "values[values_first + to] = p[p_first + (line / inner * length + place) * inner + line % inner];"
    text = f"""
KERNEL void {kernel}(
    {values}GLOBAL i64 *RESTRICT indices, const i64 indices_first, {given}
    GLOBAL const u32 *RESTRICT places, const i64 places_first,
    const i64 lines, const i64 length, const i64 inner, const i64 count, const i64 skipped)
{{
    const i64 to = GROUP(0) * LANES(0) + LANE(0);
    if (to >= lines * count) return;
    const i64 rank = to / inner % count, line = to / inner / count * inner + to % inner;
    const i64 place = places[places_first + line * length + skipped + rank];
    indices[indices_first + to] = place;
    {fetch if raw else ""}
}}
"""
    return text, kernel


# -- binary search -------------------------------------------------------------------------------------------


def build_search(
    target: Target,
    name: str,
    outs: tuple[Layout, ...],
    ins: tuple[Layout | None, ...],
    attrs: Mapping[str, Any],
    numbers: frozenset[int],
) -> Program | None:
    """``searchsorted(sorted_sequence, values, right)``."""
    boundaries, values = ins
    if boundaries is None or values is None or not (boundaries.dense and values.dense and outs[0].dense):
        return None
    if not target.takes(values.dtype):
        return None
    if not values.numel:
        return Program(())
    own = values.shape[-1] if boundaries.ndim > 1 else values.numel  # values that share a row of boundaries
    lanes = 64 if target.wide else min(256, target.max_lanes)
    return Program(
        (
            Launch(
                *_search(values.dtype, bool(attrs["right"])),
                (
                    *(Memory(k) for k in range(3)),
                    *(Constant(n, dtypes.int64) for n in (values.numel, boundaries.shape[-1], own)),
                ),
                (-(-values.numel // lanes),),
                (lanes,),
            ),
        )
    )


@cache
def _search(kind: DType, right: bool) -> tuple[str, str]:
    kernel = f"searchsorted_{kind.name}{'_right' if right else ''}"
    stored, element, sign = TYPES[kind.name], TYPES[compute_dtype(kind).name], ">" if right else ">="
    text = f"""
KERNEL void {kernel}(
    GLOBAL i64 *RESTRICT o, const i64 o_first, GLOBAL const {stored} *RESTRICT p, const i64 p_first,
    GLOBAL const {stored} *RESTRICT x, const i64 x_first, const i64 total, const i64 length, const i64 own)
{{
    const i64 item = GROUP(0) * LANES(0) + LANE(0);
    if (item >= total) return;
    const {element} value = LOAD_{kind.name}(x, x_first + item);
    const i64 first = p_first + item / own * length;
    i64 low = 0, high = length;
    while (low < high) {{
        const i64 middle = low + (high - low) / 2;
        const int reached = LOAD_{kind.name}(p, first + middle) {sign} value; /* NaN comes after everything */
        low = reached ? low : middle + 1;
        high = reached ? middle : high;
    }}
    o[o_first + item] = low;
}}
"""
    return text, kernel


BUILDERS: Final = {
    **dict.fromkeys(("sort", "argsort", "topk", "kthvalue"), build),
    "searchsorted": build_search,
}

_OF_SORTS: Final = (
    Threshold("line", RUN, "runs that insertion sorts, and another merge", every=True),
    Threshold("line", PIECE, "a merge is cut among work-items", every=True),
)
THRESHOLDS: Final = dict.fromkeys(
    (op for op in BUILDERS if "line" in (OPS[op].sizes or {}) and op != "searchsorted"), _OF_SORTS
)
