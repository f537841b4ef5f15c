"""Cumulative sums, products and extrema, and the places of what is not zero. Operands are dense.

A line is what one dimension runs through. An item follows a line from its begin; on a processor some hundred
lines that lie side by side go together, and on a GPU the lanes of a work-group share a long line in tiles.
Where there are few lines they are cut into parts, whose totals are found first.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Final

from tensorplug_dispatcher import dtypes
from tensorplug_dispatcher.dtypes import DType
from tensorplug_dispatcher.layout import Layout
from tensorplug_dispatcher.thresholds import Threshold

from ..dialect import TYPES, Target, literal
from ..program import Argument, Constant, Launch, Memory, Program
from .elementwise import HALVES, compute_dtype
from .space import Index

ITEMS, SIDE_BY_SIDE, TILES = "items", "side_by_side", "tiles"
BAND: Final = 256  # lines side by side
GROUP: Final = 256  # lanes that share a tile
DEEP: Final = 4  # elements of a lane in a tile
PIECES: Final = 32  # lines and parts together that are enough to share
PART: Final = 65536  # elements of a part at least, on a processor
TILES_OF_A_PART: Final = 8
PIECE: Final = 16384  # elements among which one item, or work-group, looks for what is not zero

Where = Memory


@dataclass(frozen=True, slots=True)
class Scan:
    """What shows in the source. ``cut``: lines have parts; ``totals``: only their totals are wanted."""

    name: str
    source: DType
    out: DType
    accumulator: str
    mode: str
    cut: bool
    totals: bool

    @property
    def places(self) -> bool:
        return self.name in ("cummax", "cummin")

    @property
    def nothing(self) -> str:
        if self.places:
            return "nothing()"
        return "1" if self.name == "cumprod" else "0"


def build(
    target: Target,
    name: str,
    outs: tuple[Layout, ...],
    ins: tuple[Layout | None, ...],
    attrs: Mapping[str, Any],
    numbers: frozenset[int],
) -> Program | None:
    """``cumsum(input, dim, dtype)``, ``cumprod``; ``cummax(input, dim)``, ``cummin`` with places."""
    (source,), out = ins, outs[0]
    if source is None or not source.dense or any(not o.dense for o in outs):
        return None
    if not (target.takes(source.dtype) and target.takes(out.dtype)) or not _scans(source.dtype, out.dtype):
        return None
    if not out.numel:
        return Program(())
    shape, dim = source.shape or (1,), attrs["dim"]
    lines = math.prod(shape[:dim]), shape[dim], math.prod(shape[dim + 1 :])
    places: list[Where] = [Memory(k) for k in range(len(outs))]
    state = Memory(len(outs) + 1)
    launches, scratch = scanning(
        target, name, source.dtype, out.dtype, *lines, Memory(len(outs)), places, state
    )
    return Program(tuple(launches), scratch)


def _scans(source: DType, out: DType) -> bool:
    """Whether converting on the way gives what converting first would."""
    return source is out or (out not in HALVES and out is not dtypes.bool_)


def scanning(
    target: Target,
    name: str,
    source: DType,
    out: DType,
    outer: int,
    length: int,
    inner: int,
    given: Where,
    results: Sequence[Where],
    states: Where,
) -> tuple[list[Launch], tuple[int, ...]]:
    """Launches that scan [outer, length, inner], and the scratch that they need, which is at ``states``."""
    what = Scan(name, source, out, _accumulator(target, name, source, out), ITEMS, False, False)
    lines, side = outer * inner, min(inner, BAND)
    if target.wide:
        mode = SIDE_BY_SIDE if inner > 1 else ITEMS
        units = outer * -(-inner // BAND)
        parts = min(max(PIECES, 4 * target.units) // units, length * side // PART)
        lanes = 1 if mode == SIDE_BY_SIDE or length > 1024 else 16
    else:
        group = min(GROUP, 1 << (target.max_lanes.bit_length() - 1))
        mode = ITEMS if inner > 1 or length <= 64 else TILES
        units, lanes = (lines, group) if mode == TILES else (-(-lines // group), group)
        least = group * DEEP * TILES_OF_A_PART if mode == TILES else TILES_OF_A_PART
        parts = min(8 * target.units // units, length // least, 32768)
    each = -(-length // max(1, parts))
    parts = -(-length // each)
    groups = -(-lines // lanes) if mode == ITEMS else units
    sizes = tuple(Constant(n, dtypes.int64) for n in (length, inner, lines, parts, each))
    what = replace(what, mode=mode, cut=parts > 1)
    arguments: list[Argument] = [*([states] if what.cut else []), given, *results, *sizes]
    launches = [Launch(*_kernel(what), tuple(arguments), (groups, parts), (lanes, 1))]
    if not what.cut:
        return launches, ()
    totals = replace(what, totals=True)
    first = Launch(*_kernel(totals), (states, given, *sizes), (groups, parts), (lanes, 1))
    width = 16 if what.places else 4 if what.accumulator in ("float", "i32") else 8
    return [first, *launches], (parts * lines * width,)


def _accumulator(target: Target, name: str, source: DType, out: DType) -> str:
    if name in ("cummax", "cummin"):
        return TYPES[compute_dtype(source).name]
    if not out.is_floating_point:
        return "u64"  # sums wrap
    return "double" if target.wide and target.float64 else TYPES[compute_dtype(out).name]


@cache
def _kernel(what: Scan) -> tuple[str, str]:
    """Source and name."""
    kernel = f"{what.name}_{what.source.name}_{what.out.name}_{what.mode}"
    kernel += ("_totals" if what.totals else "_cut") if what.cut else ""
    parameters = []
    if what.cut:
        kind = "State *" if what.totals else "const State *"
        parameters.append(f"GLOBAL {kind}RESTRICT states, const i64 states_first")
    parameters.append(f"GLOBAL const {TYPES[what.source.name]} *RESTRICT p, const i64 p_first")
    if not what.totals:
        parameters.append(f"GLOBAL {TYPES[what.out.name]} *RESTRICT o, const i64 o_first")
        if what.places:
            parameters.append("GLOBAL i64 *RESTRICT q, const i64 q_first")
    parameters += [f"const i64 {n}" for n in ("length", "inner", "lines", "parts", "each")]
    body = {ITEMS: _items, SIDE_BY_SIDE: _side_by_side, TILES: _tiles}[what.mode](what)
    head = [
        "const i64 part = GROUP(1), begin = part * each;",
        "const i64 end = begin + each < length ? begin + each : length;",
    ]
    inside = "\n".join(f"    {line}" for line in (*head, *body))
    text = "\n".join(_states(what))
    return f"{text}\nKERNEL void {kernel}({', '.join(parameters)}) {{\n{inside}\n}}\n", kernel


def _states(what: Scan) -> list[str]:
    """What is carried along a line, and ``JOINED(a, b)`` of what came before and what comes behind it."""
    element = what.accumulator
    convert = "i64" if element == "u64" and what.source.is_floating_point else element
    lines = [f"#define ELEMENT(i) (({element})({convert})LOAD_{what.source.name}(p, p_first + (i)))"]
    if not what.places:
        sign = "*" if what.name == "cumprod" else "+"
        return [
            *lines,
            f"typedef {element} State;",
            f"#define JOINED(a, b) ((a) {sign} (b))",
            "#define MADE(x, i) (x)",
            f"#define STORED(at, a) STORE_{what.out.name}(o, o_first + (at), a)",
        ]
    kind = compute_dtype(what.source)
    wins = "b >= a" if what.name == "cummax" else "b <= a"
    takes = f"b != b || (a == a && {wins})" if kind.is_floating_point else wins
    start = literal(0, kind)
    return [
        *lines,
        f"typedef struct {{ {element} value; i64 place; }} State;",
        f"FUNCTION int takes_over({element} a, {element} b) {{ return {takes}; }}",
        f"FUNCTION State nothing() {{ State a; a.value = {start}; a.place = -1; return a; }}",
        f"FUNCTION State made({element} x, i64 i) {{ State a; a.value = x; a.place = i; return a; }}",
        # in whatever order they come: of equal ones the last
        "FUNCTION State joined(State a, State b) {",
        "if (a.place > b.place) { const State c = a; a = b; b = c; }",
        "return a.place < 0 || takes_over(a.value, b.value) ? b : a;",
        "}",
        "#define JOINED(a, b) joined(a, b)",
        "#define MADE(x, i) made(x, i)",
        f"#define STORED(at, a) {{ STORE_{what.out.name}(o, o_first + (at), (a).value); "
        "q[q_first + (at)] = (a).place; }",
    ]


def _items(what: Scan) -> list[str]:
    """An item has a line, or a part of one."""
    before = "for (i64 k = 0; k < part; k++) { const State b = states[states_first + k * lines + line]; "
    before += "all = JOINED(all, b); }"
    return [
        "const i64 line = GROUP(0) * LANES(0) + LANE(0);",
        "if (line >= lines) return;",
        "const i64 first = line / inner * length * inner + line % inner;",
        f"State all = {what.nothing};",
        *([before] if what.cut and not what.totals else []),
        "for (i64 i = begin; i < end; i++) {",
        "const i64 at = first + i * inner;",
        "const State one = MADE(ELEMENT(at), i);",
        "all = JOINED(all, one);",
        *([] if what.totals else ["STORED(at, all);"]),
        "}",
        *(["states[states_first + part * lines + line] = all;"] if what.totals else []),
    ]


def _side_by_side(what: Scan) -> list[str]:
    """A work-item has a band of lines, or a part of them."""
    each_line = "for (i64 j = 0; j < width; j++)"
    states = "states[states_first + {} * lines + outer * inner + column + j]"
    lines = [
        f"const i64 bands = (inner + {BAND - 1}) / {BAND}, outer = GROUP(0) / bands;",
        f"const i64 column = GROUP(0) % bands * {BAND};",
        f"const i64 width = inner - column < {BAND} ? inner - column : {BAND};",
        f"State all[{BAND}];",
        f"{each_line} all[j] = {what.nothing};",
    ]
    if what.cut and not what.totals:
        lines.append(
            f"for (i64 k = 0; k < part; k++) {each_line} "
            f"{{ const State b = {states.format('k')}; all[j] = JOINED(all[j], b); }}"
        )
    lines += [
        "for (i64 i = begin; i < end; i++) {",
        "const i64 at = (outer * length + i) * inner + column;",
        *(["VECTORS(8)"] if not what.places else []),
        f"{each_line} {{",
        "const State one = MADE(ELEMENT(at + j), i);",
        "all[j] = JOINED(all[j], one);",
        *([] if what.totals else ["STORED(at + j, all[j]);"]),
        "}",
        "}",
    ]
    return [*lines, *([f"{each_line} {states.format('part')} = all[j];"] if what.totals else [])]


def _tiles(what: Scan) -> list[str]:
    """A work-group has a line, or a part of one: tiles in which each lane has some elements in a row."""
    head = [
        f"LOCAL(State, shared, {GROUP});",
        "const i64 line = GROUP(0), lane = LANE(0), lanes = LANES(0), first = line * length;",
        f"State all = {what.nothing};",
    ]
    tree = [
        "shared[lane] = all;",
        "for (i64 reach = lanes / 2; reach > 0; reach /= 2) {",
        "BARRIER;",
        "if (lane < reach) shared[lane] = JOINED(shared[lane], shared[lane + reach]);",
        "}",
    ]
    if what.totals:
        return [
            *head,
            "for (i64 i = begin + lane; i < end; i += lanes) {",
            "const State one = MADE(ELEMENT(first + i), i);",
            "all = JOINED(all, one);",
            "}",
            *tree,
            "if (lane == 0) states[states_first + part * lines + line] = shared[0];",
        ]
    before = [
        "for (i64 k = lane; k < part; k += lanes) {",
        "const State b = states[states_first + k * lines + line];",
        "all = JOINED(all, b);",
        "}",
        *tree,
        "BARRIER;",
        "all = shared[0];",
        "BARRIER;",
    ]
    return [
        *head,
        *(before if what.cut else []),
        f"for (i64 tile = begin; tile < end; tile += lanes * {DEEP}) {{",
        f"State mine[{DEEP}], left;",
        f"const i64 from = tile + lane * {DEEP};",
        f"left = {what.nothing};",
        f"for (int k = 0; k < {DEEP}; k++) {{",
        "if (from + k < end) { const State one = MADE(ELEMENT(first + from + k), from + k); "
        "left = JOINED(left, one); }",
        "mine[k] = left;",
        "}",
        "shared[lane] = left;",
        "for (i64 reach = 1; reach < lanes; reach *= 2) {",
        "BARRIER;",
        "if (lane >= reach) left = JOINED(shared[lane - reach], left);",
        "BARRIER;",
        "shared[lane] = left;",
        "}",
        "BARRIER;",
        "left = lane > 0 ? JOINED(all, shared[lane - 1]) : all;",
        "all = JOINED(all, shared[lanes - 1]);",
        "BARRIER;",
        f"for (int k = 0; k < {DEEP}; k++) if (from + k < end) {{",
        "const State one = JOINED(left, mine[k]);",
        "STORED(first + from + k, one);",
        "}",
        "}",
    ]


# -- what is not zero ----------------------------------------------------------------------------------------


def build_nonzero(
    target: Target,
    name: str,
    outs: tuple[Layout, ...],
    ins: tuple[Layout | None, ...],
    attrs: Mapping[str, Any],
    numbers: frozenset[int],
) -> Program | None:
    """``nonzero(input, count)``: the true elements of each piece are counted, the counts added up, and then
    each piece knows where its rows begin.
    """
    (source,), (out,) = ins, outs
    if source is None or not source.dense or not out.dense or not target.takes(source.dtype):
        return None
    if not out.numel:
        return Program(())
    pieces = max(1, -(-source.numel // PIECE))
    counts, sums = Memory(2), Memory(3)
    lanes = 1 if target.wide else min(GROUP, 1 << (target.max_lanes.bit_length() - 1))
    sizes = (Constant(source.numel, dtypes.int64), Constant(attrs["count"], dtypes.int64))
    index = Index("d", source.ndim, 0, source.numel >= 1 << 31)
    shape = [Constant(n, dtypes.int64 if index.wide else dtypes.int32) for n in source.shape[1:]]
    counting = _nonzero_kernel(source.dtype, index, True, target.wide)
    writing = _nonzero_kernel(source.dtype, index, False, target.wide)
    added, scratch = scanning(
        target, "cumsum", dtypes.int64, dtypes.int64, 1, pieces, 1, counts, [sums], Memory(4)
    )
    return Program(
        (
            Launch(*counting, (counts, Memory(1), *sizes, *shape), (pieces,), (lanes,)),
            *added,
            Launch(*writing, (sums, Memory(1), Memory(0), *sizes, *shape), (pieces,), (lanes,)),
        ),
        (pieces * 8, pieces * 8, *scratch),
    )


@cache
def _nonzero_kernel(source: DType, index: Index, counting: bool, wide: bool) -> tuple[str, str]:
    kernel = f"nonzero_{source.name}_{'count' if counting else 'write'}_{index.form}"
    parameters = [f"GLOBAL {'' if counting else 'const '}i64 *RESTRICT sums, const i64 sums_first"]
    parameters.append(f"GLOBAL const {TYPES[source.name]} *RESTRICT p, const i64 p_first")
    if not counting:
        parameters.append("GLOBAL i64 *RESTRICT o, const i64 o_first")
    parameters += ["const i64 total", "const i64 count", *index.parameters()]
    true = f"LOAD_{source.name}(p, p_first + i) != 0"
    row = [
        "if (row < count) {",
        *index.offsets("i"),
        *(f"o[o_first + row * {index.dims} + {d}] = d_c{d};" for d in range(index.dims)),
        "}",
    ]
    body = [
        f"const i64 piece = GROUP(0), begin = piece * {PIECE};",
        f"const i64 end = begin + {PIECE} < total ? begin + {PIECE} : total;",
    ]
    if not wide:
        body += [f"LOCAL(i32, shared, {GROUP});", "const i64 lane = LANE(0), lanes = LANES(0);"]
    if counting and wide:
        body += [
            "i32 found = 0;",
            "VECTORS(16)",
            f"for (i64 i = begin; i < end; i++) found += {true};",
            "sums[sums_first + piece] = found;",
        ]
    elif counting:
        body += [
            "i32 found = 0;",
            f"for (i64 i = begin + lane; i < end; i += lanes) found += {true};",
            "shared[lane] = found;",
            "for (i64 reach = lanes / 2; reach > 0; reach /= 2) {",
            "BARRIER;",
            "if (lane < reach) shared[lane] += shared[lane + reach];",
            "}",
            "if (lane == 0) sums[sums_first + piece] = shared[0];",
        ]
    else:
        body.append("i64 next = piece > 0 ? sums[sums_first + piece - 1] : 0;")
        if wide:
            body += [
                f"for (i64 i = begin; i < end; i++) if ({true}) {{",
                "const i64 row = next++;",
                *row,
                "}",
            ]
        else:
            body += [
                "for (i64 tile = begin; tile < end; tile += lanes) {",
                "const i64 i = tile + lane;",
                f"const i32 here = i < end && {true};",
                "i32 upto = here;",
                "shared[lane] = upto;",
                "for (i64 reach = 1; reach < lanes; reach *= 2) {",
                "BARRIER;",
                "if (lane >= reach) upto += shared[lane - reach];",
                "BARRIER;",
                "shared[lane] = upto;",
                "}",
                "BARRIER;",
                "const i64 row = next + upto - 1;",
                "next += shared[lanes - 1];",
                "BARRIER;",
                "if (here)",
                *row,
                "}",
            ]
        first = "0" if wide else "lane"
        step = "1" if wide else "lanes"
        body += [  # rows that nothing was found for
            "if (piece == GROUPS(0) - 1)",
            f"for (i64 k = next * {index.dims} + {first}; k < count * {index.dims}; k += {step}) "
            "o[o_first + k] = 0;",
        ]
    inside = "\n".join(f"    {line}" for line in body)
    return f"KERNEL void {kernel}({', '.join(parameters)}) {{\n{inside}\n}}\n", kernel


BUILDERS: Final = {
    **dict.fromkeys(("cumsum", "cumprod", "cummax", "cummin"), build),
    "nonzero": build_nonzero,
}

_OF_SCANS: Final = (
    Threshold("line", 64, "a work-item has a line by itself up to here"),
    Threshold("line", DEEP * GROUP, "tiles of a work-group", every=True),
    Threshold("line", 2 * TILES_OF_A_PART * DEEP * GROUP - 1, "several work-groups share a line"),
    Threshold("line", 2 * PART - 1, "several work-items share a line: a second pass"),
    Threshold("lines", BAND, "lines side by side", every=True),
    Threshold("outer", PIECES, "lines enough to share"),
)
THRESHOLDS: Final = {
    **dict.fromkeys((op for op in BUILDERS if op.startswith("cum")), _OF_SCANS),
    "nonzero": (Threshold("elements", PIECE, "pieces whose counts a scan adds up", every=True),),
}
