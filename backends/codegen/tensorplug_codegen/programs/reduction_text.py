"""The source of reductions: the kernels that fold elements and combine parts, and what lanes do; see
``reduction``.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from ..dialect import TYPES
from .reduction_kinds import (
    BAND,
    COLUMNS,
    COLUMNS_BY_STEPS,
    GROUP,
    LANES_0,
    LARGEST,
    SMALLEST,
    VALUES,
    VARIANCE,
    Reduction,
    finish,
)
from .reduction_vectors import columns, functions, rows


@cache
def folding(what: Reduction, wide: bool) -> tuple[str, str]:
    """Source and name of the kernel that folds elements."""
    vertical = what.mode in (COLUMNS, COLUMNS_BY_STEPS)
    body = (columns(what) if vertical else rows(what)) if wide else _lanes(what)
    helpers = functions(what) if wide else []
    kernel = "_".join(
        (what.name, what.source.name, what.out.name, what.mode, what.kept.form, what.reduced.form)
    ) + ("_part" if what.partial else "")
    parameters = [
        *(["GLOBAL State *states, const i64 states_first"] if what.partial else _results(what)),
        f"GLOBAL const {TYPES[what.source.name]} *RESTRICT p, const i64 p_first",
        f"const {what.element if what.fold == VARIANCE else 'float'} freedom",
        *(
            f"const i64 {n}"
            for n in ("total", "outputs", "parts", "each", "grain", "columns", "step", "out_step")
        ),
        *what.kept.parameters(),
        *what.reduced.parameters(),
    ]
    return _program(what, helpers, kernel, parameters, body), kernel


@cache
def combining(what: Reduction, axis: int) -> tuple[str, str]:
    """Source and name of the kernel that combines the accumulators of parts: ``what.kept`` is the space of
    the results. Lanes along ``axis`` of the work-group share the parts; -1: a work-item has them all.
    """
    kernel = f"{what.name}_{what.source.name}_{what.out.name}_combine_{axis % 3}_{what.kept.form}"
    parameters = [
        *_results(what),
        "GLOBAL const State *RESTRICT states, const i64 states_first",
        f"const {what.element if what.fold == VARIANCE else 'float'} freedom",
        "const i64 total",
        "const i64 outputs",
        "const i64 parts",
        *what.kept.parameters(),
    ]
    if axis < 0:
        body = [
            f"const i64 first = GROUP(0) * {BAND};",
            f"const i64 width = outputs - first < {BAND} ? outputs - first : {BAND};",
            f"State all[{BAND}];",
            "for (i64 j = 0; j < width; j++) all[j] = NOTHING;",
            "for (i64 i = 0; i < parts; i++) {",
            "GLOBAL const State *const from = states + states_first + i * outputs + first;",
            "for (i64 j = 0; j < width; j++) { const State one = from[j]; all[j] = TOGETHER(all[j], one); }",
            "}",
            "for (i64 j = 0; j < width; j++) {",
            *what.kept.offsets("first + j"),
            *finish(what, "all[j]", "(first + j)", "k0"),
            "}",
        ]
    else:
        body = [
            *lane_head(axis),
            f"LOCAL(State, shared, {GROUP});",
            "State mine = NOTHING;",
            "if (output < outputs) for (i64 i = lane; i < parts; i += lanes) {",
            "const State other = states[states_first + i * outputs + output];",
            "mine = TOGETHER(mine, other);",
            "}",
            *tree("shared", "mine", "TOGETHER"),
            "if (lane == 0 && output < outputs) {",
            *what.kept.offsets("output"),
            *finish(what, "shared[slot]", "output", "k0"),
            "}",
        ]
    return _program(what, [], kernel, parameters, body), kernel


def _results(what: Reduction) -> list[str]:
    type_ = TYPES[what.out.name]
    return [f"GLOBAL {type_} *RESTRICT o{k}, const i64 o{k}_first" for k in range(what.outs)]


def _program(
    what: Reduction, helpers: Sequence[str], kernel: str, parameters: Sequence[str], body: Sequence[str]
) -> str:
    element = what.element
    lines = [
        f"#define VALUE(x) {VALUES.get(what.fold, '(x)')}",
        f"#define JOIN(a, b) {what.join}",
        f"#define ELEMENT(p, i) (({element})LOAD_{what.source.name}(p, i))",
    ]
    if what.fold in (LARGEST, SMALLEST):
        lines.append(f"#define BETTER(a, b) {what.better}")
    if what.places:
        lines += [
            "#define SAME(a, b) (((a) == (b)) | (((a) != (a)) & ((b) != (b))))",
            f"typedef struct {{ {element} value; i64 place; }} State;",
            f"FUNCTION State nothing() {{ State a; a.value = {what.start}; a.place = -1; return a; }}",
            "FUNCTION State together(State a, State b) {",
            "if (b.place < 0) return a;",
            "if (a.place < 0 || BETTER(a.value, b.value)) return b;",
            "return SAME(a.value, b.value) && b.place < a.place ? b : a;",
            "}",
        ]
    elif what.fold == VARIANCE:
        lines += [
            f"typedef struct {{ {element} count, mean, squares; }} State;",
            "FUNCTION State nothing() { State a; a.count = 0; a.mean = 0; a.squares = 0; return a; }",
            "FUNCTION State together(State a, State b) {",
            "if (b.count == 0) return a;",
            "if (a.count == 0) return b;",
            "State c;",
            f"const {element} apart = b.mean - a.mean;",
            "c.count = a.count + b.count;",
            "c.mean = a.mean + apart * (b.count / c.count);",
            "c.squares = a.squares + b.squares + apart * apart * (a.count * (b.count / c.count));",
            "return c;",
            "}",
        ]
    if what.structured:
        lines += ["#define NOTHING nothing()", "#define TOGETHER(a, b) together(a, b)"]
    else:
        lines.append(f"typedef {what.accumulator} State;")
        lines += [f"#define NOTHING ({what.start})", "#define TOGETHER(a, b) JOIN(a, b)"]
    inside = "\n".join(f"    {line}" for line in body)
    head = "\n".join([*lines, *helpers])
    return f"{head}\nKERNEL void {kernel}({', '.join(parameters)}) {{\n{inside}\n}}\n"


def lane_head(axis: int) -> list[str]:
    other = 1 - axis
    return [
        f"const i64 lane = LANE({axis}), lanes = LANES({axis});",
        f"const i64 output = GROUP(0) * LANES({other}) + LANE({other});",
        "const i64 slot = LANE(1) * LANES(0) + LANE(0);",
        f"const i64 apart = {'1' if axis == 0 else 'LANES(0)'};",
    ]


def tree(shared: str, mine: str, join: str) -> list[str]:
    """``mine`` of all lanes that share a result, combined in the slot of the first of them."""
    return [
        f"{shared}[slot] = {mine};",
        "for (i64 reach = lanes / 2; reach > 0; reach /= 2) {",
        "BARRIER;",
        f"if (lane < reach) {shared}[slot] = {join}({shared}[slot], {shared}[slot + reach * apart]);",
        "}",
    ]


def _lanes(what: Reduction) -> list[str]:
    """Lanes take turns over the elements of one result;
    there are several results in a group where they are short.
    """
    axis = 0 if what.mode == LANES_0 else 1
    head = [
        *lane_head(axis),
        "const i64 part = GROUP(1), begin = part * each;",
        "const i64 end = output < outputs ? (begin + each < total ? begin + each : total) : begin;",
        *what.kept.offsets("output < outputs ? output : 0"),
        "const i64 base = p_first + k0;",
    ]
    loop = ["for (i64 i = begin + lane; i < end; i += lanes) {", *what.reduced.offsets("i")]
    loop += [f"const {what.element} x = ELEMENT(p, base + r0);"]
    last = ["if (lane == 0 && output < outputs) {", *finish(what, "shared[slot]", "output", "k1"), "}"]
    if what.fold == VARIANCE:
        element = what.element
        return [
            *head,
            f"LOCAL(State, shared, {GROUP});",
            f"LOCAL({element}, sums, {GROUP});",
            f"LOCAL({element}, squares, {GROUP});",
            f"{element} sum = 0, square = 0;",
            *loop,
            "sum += x;",
            "}",
            *tree("sums", "sum", "JOIN"),
            "BARRIER;",
            f"const {element} count = ({element})(end - begin), mean = sums[slot - lane * apart] / count;",
            "BARRIER;",
            "sum = 0;",
            *loop,
            f"const {element} off = x - mean;",
            "sum += off;",
            "square += off * off;",
            "}",
            *tree("sums", "sum", "JOIN"),
            *tree("squares", "square", "JOIN"),
            "if (lane == 0) {",
            "shared[slot].count = count;",
            "shared[slot].mean = mean + sums[slot] / count;",
            "shared[slot].squares = squares[slot] - sums[slot] * sums[slot] / count;",
            "}",
            *last,
        ]
    take = "mine = JOIN(mine, VALUE(x));"
    if what.places:
        take = "if (mine.place < 0 || BETTER(mine.value, x)) { mine.value = x; mine.place = i; }"
    return [
        *head,
        f"LOCAL(State, shared, {GROUP});",
        "State mine = NOTHING;",
        *loop,
        take,
        "}",
        *tree("shared", "mine", "TOGETHER"),
        *last,
    ]
