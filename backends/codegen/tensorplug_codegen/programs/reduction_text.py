"""The source of reductions; see ``reduction`` for what they do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final

from tensorplug_dispatcher import dtypes
from tensorplug_dispatcher.dtypes import DType

from ..dialect import TYPES, literal
from .elementwise import compute_dtype
from .space import Index

# What is accumulated.
SUM, PRODUCT, LARGEST, SMALLEST, COUNT, SQUARES, ABSOLUTE, VARIANCE = (
    *("sum", "product", "largest", "smallest", "count", "squares", "absolute", "variance"),
)
VALUES: Final = {COUNT: "((x) != 0)", SQUARES: "((x) * (x))", ABSOLUTE: "fabs(x)"}  # of an element
# The result of an accumulator ``a``; ``count`` is the elements' number as a floating one.
RESULTS: Final = {
    "mean": "a / count",
    "any": "a != 0",
    "all": "a == total",
    "norm": "sqrt(a)",
    "var": "a.squares / freedom",
    "std": "sqrt(a.squares / freedom)",
    "var_mean": "a.squares / freedom",
    "argmax": "a.place",
    "argmin": "a.place",
}
# How the elements are walked: by processors' vector units, along a result's own or across many results', each
# with or without a step of one; or by lanes that take turns, along dimension 0 or 1 of the work-group.
ROWS, ROWS_BY_STEPS, COLUMNS, COLUMNS_BY_STEPS, LANES_0, LANES_1 = (
    *("rows", "rows_by_steps", "columns", "columns_by_steps", "lanes0", "lanes1"),
)
LINES: Final = 32  # accumulators of a row
BLOCK: Final = 2048  # elements that these take before they are combined
BAND: Final = 256  # columns that a work-item folds together
DEEP: Final = 64  # rows that their accumulators take before they are combined
GROUP: Final = 256  # lanes of a work-group at most


@dataclass(frozen=True, slots=True)
class Reduction:
    """Everything that shows in a kernel's source. ``kept`` and ``reduced`` are the spaces' indices;
    ``partial``: the accumulators of parts are the result.
    """

    name: str
    fold: str
    source: DType
    out: DType
    outs: int
    mode: str
    kept: Index
    reduced: Index
    partial: bool

    @property
    def places(self) -> bool:
        return self.name in ("argmax", "argmin")

    @property
    def structured(self) -> bool:
        return self.places or self.fold == VARIANCE

    @property
    def arithmetic(self) -> DType:
        """The dtype that elements are converted to."""
        if self.places or self.fold in (LARGEST, SMALLEST, COUNT):
            return compute_dtype(self.source)
        return compute_dtype(self.out) if self.out.is_floating_point else dtypes.int64

    @property
    def element(self) -> str:
        return TYPES[self.arithmetic.name]

    @property
    def accumulator(self) -> str:
        """Unsigned where sums wrap."""
        if self.fold == COUNT:
            return "i64"
        wraps = self.fold in (SUM, PRODUCT) and not self.out.is_floating_point
        return "u64" if wraps else self.element

    @property
    def inner(self) -> str:
        """The type of the many accumulators, for as long as a block lasts."""
        small = self.source.itemsize <= 2 and not self.source.is_floating_point
        short = self.fold == COUNT or (self.fold == SUM and small and self.accumulator == "u64")
        return "i32" if short else self.accumulator

    @property
    def state(self) -> str:
        return "State" if self.structured else self.accumulator

    @property
    def state_bytes(self) -> int:
        width = 8 if self.accumulator in ("double", "i64", "u64") else 4
        return 16 if self.places else 3 * width if self.fold == VARIANCE else width

    @property
    def start(self) -> str:
        """The accumulator of no elements."""
        if self.fold not in (LARGEST, SMALLEST):
            return "1" if self.fold == PRODUCT else "0"
        kind, largest = self.arithmetic, self.fold == LARGEST
        if kind.is_floating_point:
            return literal(float("-inf" if largest else "inf"), kind)
        unsigned = kind in (dtypes.bool_, dtypes.uint8)
        bits = 8 * kind.itemsize
        lowest, highest = (0, (1 << bits) - 1) if unsigned else (-(1 << (bits - 1)), (1 << (bits - 1)) - 1)
        return literal(lowest if largest else highest, dtypes.int64 if bits == 64 else dtypes.int32)

    @property
    def better(self) -> str:
        """Whether b replaces a: NaN is the extremum."""
        wins = "((b) > (a))" if self.fold == LARGEST else "((b) < (a))"
        return f"({wins} | (((b) != (b)) & ((a) == (a))))" if self.arithmetic.is_floating_point else wins

    @property
    def join(self) -> str:
        if self.fold in (LARGEST, SMALLEST):
            return "(BETTER(a, b) ? (b) : (a))"
        return "((a) * (b))" if self.fold == PRODUCT else "((a) + (b))"


@cache
def folding(what: Reduction, wide: bool) -> tuple[str, str]:
    """Source and name of the kernel that folds elements."""
    vertical = what.mode in (COLUMNS, COLUMNS_BY_STEPS)
    body = (_columns(what) if vertical else _rows(what)) if wide else _lanes(what)
    helpers = _helpers(what) if wide else []
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
    the results, lanes along ``axis`` of the work-group share the parts.
    """
    kernel = f"{what.name}_{what.source.name}_{what.out.name}_combine_{axis}_{what.kept.form}"
    parameters = [
        *_results(what),
        "GLOBAL const State *RESTRICT states, const i64 states_first",
        f"const {what.element if what.fold == VARIANCE else 'float'} freedom",
        "const i64 total",
        "const i64 outputs",
        "const i64 parts",
        *what.kept.parameters(),
    ]
    body = [
        *_lane_head(axis),
        f"LOCAL(State, shared, {GROUP});",
        "State mine = NOTHING;",
        "if (output < outputs) for (i64 i = lane; i < parts; i += lanes) {",
        "const State other = states[states_first + i * outputs + output];",
        "mine = TOGETHER(mine, other);",
        "}",
        *_tree("shared", "mine", "TOGETHER"),
        "if (lane == 0 && output < outputs) {",
        *what.kept.offsets("output"),
        *_finish(what, "shared[slot]", "output", "k0"),
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


def _finish(what: Reduction, state: str, output: str, place: str) -> list[str]:
    """Statements that store the result number ``output``, which lies at ``place``."""
    if what.partial:
        return [f"states[states_first + part * outputs + {output}] = {state};"]
    result = "a" if what.fold == ABSOLUTE else RESULTS.get(what.name, "a")
    lines = ["{", f"const State a = {state};"]
    if what.name == "mean":
        lines.append(f"const {what.accumulator} count = ({what.accumulator})total;")
    lines.append(f"STORE_{what.out.name}(o0, o0_first + {place}, {result});")
    if what.outs > 1:
        lines.append(f"STORE_{what.out.name}(o1, o1_first + {place}, a.mean);")
    return [*lines, "}"]


# -- lanes ---------------------------------------------------------------------------------------------------


def _lane_head(axis: int) -> list[str]:
    other = 1 - axis
    return [
        f"const i64 lane = LANE({axis}), lanes = LANES({axis});",
        f"const i64 output = GROUP(0) * LANES({other}) + LANE({other});",
        "const i64 slot = LANE(1) * LANES(0) + LANE(0);",
        f"const i64 apart = {'1' if axis == 0 else 'LANES(0)'};",
    ]


def _tree(shared: str, mine: str, join: str) -> list[str]:
    """``mine`` of all lanes that share a result, combined in the slot of the first of them."""
    return [
        f"{shared}[slot] = {mine};",
        "for (i64 reach = lanes / 2; reach > 0; reach /= 2) {",
        "BARRIER;",
        f"if (lane < reach) {shared}[slot] = {join}({shared}[slot], {shared}[slot + reach * apart]);",
        "}",
    ]


def _lanes(what: Reduction) -> list[str]:
    """Lanes take turns over the elements of one result; there are several results in a group where they are
    short.
    """
    axis = 0 if what.mode == LANES_0 else 1
    head = [
        *_lane_head(axis),
        "const i64 part = GROUP(1), begin = part * each;",
        "const i64 end = output < outputs ? (begin + each < total ? begin + each : total) : begin;",
        *what.kept.offsets("output < outputs ? output : 0"),
        "const i64 base = p_first + k0;",
    ]
    loop = ["for (i64 i = begin + lane; i < end; i += lanes) {", *what.reduced.offsets("i")]
    loop += [f"const {what.element} x = ELEMENT(p, base + r0);"]
    last = ["if (lane == 0 && output < outputs) {", *_finish(what, "shared[slot]", "output", "k1"), "}"]
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
            *_tree("sums", "sum", "JOIN"),
            "BARRIER;",
            f"const {element} count = ({element})(end - begin), mean = sums[slot - lane * apart] / count;",
            "BARRIER;",
            "sum = 0;",
            *loop,
            f"const {element} off = x - mean;",
            "sum += off;",
            "square += off * off;",
            "}",
            *_tree("sums", "sum", "JOIN"),
            *_tree("squares", "square", "JOIN"),
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
        *_tree("shared", "mine", "TOGETHER"),
        *last,
    ]


# -- vector units --------------------------------------------------------------------------------------------


def _step(what: Reduction) -> str:
    return "1" if what.mode in (ROWS, COLUMNS) else "step"


def _helpers(what: Reduction) -> list[str]:
    """Functions that fold a run of elements of one result."""
    if what.mode in (COLUMNS, COLUMNS_BY_STEPS):
        return []
    source = f"GLOBAL const {TYPES[what.source.name]} *p, const i64 step"
    at = "i + j" if what.mode == ROWS else "(i + j) * step"
    type_, inner = what.accumulator, what.inner
    lines = [
        f"FUNCTION {type_} fold_run({source}, const i64 n) {{",
        f"{type_} all = {what.start};",
        "i64 i = 0;",
        f"while (n - i >= {LINES}) {{",
        f"{inner} mine[{LINES}];",
        f"for (int j = 0; j < {LINES}; j++) mine[j] = {what.start};",
        f"const i64 stop = n - i >= {BLOCK} ? i + {BLOCK} : i + (n - i) / {LINES} * {LINES};",
        f"for (; i < stop; i += {LINES})",
        f"for (int j = 0; j < {LINES}; j++) {{",
        f"const {what.element} x = ELEMENT(p, {at});",
        f"const {inner} v = VALUE(x);",
        "mine[j] = JOIN(mine[j], v);",
        "}",
        *_halved("mine"),
        f"const {type_} some = mine[0];",
        "all = JOIN(all, some);",
        "}",
        "for (int j = 0; i < n; i++) {",
        f"const {what.element} x = ELEMENT(p, {at});",
        f"const {type_} v = VALUE(x);",
        "all = JOIN(all, v);",
        "}",
        "return all;",
        "}",
    ]
    if what.places:
        lines += [
            f"FUNCTION State find_run(State a, {source}, const i64 n, const i64 first) {{",
            "for (i64 i = 0, m; i < n; i += m) {",
            f"m = n - i < {BLOCK} ? n - i : {BLOCK};",
            f"const {type_} best = fold_run(p + i * {_step(what)}, step, m);",
            "if (a.place < 0 || BETTER(a.value, best)) {",
            "i64 j = 0;",
            f"while (!SAME(ELEMENT(p, {at}), best)) j++;",
            "a.value = best;",
            "a.place = first + i + j;",
            "}",
            "}",
            "return a;",
            "}",
        ]
    if what.fold == VARIANCE:
        lines += [
            f"FUNCTION void deviate_run({source}, const i64 n, const {type_} mean, {type_} *sum, "
            f"{type_} *square) {{",
            "i64 i = 0;",
            f"while (n - i >= {LINES}) {{",
            f"{type_} sums[{LINES}], squares[{LINES}];",
            f"for (int j = 0; j < {LINES}; j++) sums[j] = squares[j] = 0;",
            f"const i64 stop = n - i >= {BLOCK} ? i + {BLOCK} : i + (n - i) / {LINES} * {LINES};",
            f"for (; i < stop; i += {LINES})",
            f"for (int j = 0; j < {LINES}; j++) {{",
            f"const {type_} off = ELEMENT(p, {at}) - mean;",
            "sums[j] += off;",
            "squares[j] += off * off;",
            "}",
            *_halved("sums"),
            *_halved("squares"),
            "*sum += sums[0];",
            "*square += squares[0];",
            "}",
            "for (int j = 0; i < n; i++) {",
            f"const {type_} off = ELEMENT(p, {at}) - mean;",
            "*sum += off;",
            "*square += off * off;",
            "}",
            "}",
        ]
    return lines


def _halved(name: str) -> list[str]:
    return [
        f"for (int j = 0; j < {half}; j++) {name}[j] = JOIN({name}[j], {name}[j + {half}]);"
        for half in (16, 8, 4, 2, 1)
    ]


def _runs(what: Reduction, body: str) -> list[str]:
    """``body`` for every run of elements along the last reduced dimension: ``run`` elements from ``here``,
    the first of which is element ``at`` of the part.
    """
    last = what.reduced.dims - 1
    if not last:
        here = f"GLOBAL const {TYPES[what.source.name]} *const here = base + at * {_step(what)};"
        return ["{", "const i64 at = begin, run = end - begin;", here, body, "}"]
    return [
        "for (i64 at = begin, run; at < end; at += run) {",
        *what.reduced.offsets("at"),
        f"const i64 left = (i64)r_n{last} - r_c{last};",
        "run = left < end - at ? left : end - at;",
        f"GLOBAL const {TYPES[what.source.name]} *const here = base + r0;",
        body,
        "}",
    ]


def _rows(what: Reduction) -> list[str]:
    """A work-item folds ``grain`` results, or one part of one."""
    lines = [
        "const i64 part = GROUP(0) % parts, first = GROUP(0) / parts * grain;",
        "const i64 begin = part * each, end = begin + each < total ? begin + each : total;",
        "const i64 last = first + grain < outputs ? first + grain : outputs;",
        "for (i64 output = first; output < last; output++) {",
        *what.kept.offsets("output"),
        f"GLOBAL const {TYPES[what.source.name]} *const base = p + p_first + k0;",
        "State all = NOTHING;",
    ]
    if what.places:
        lines += _runs(what, "all = find_run(all, here, step, run, at);")
    elif what.fold == VARIANCE:
        element = what.element
        lines += [
            f"{element} sum = 0, off = 0, square = 0;",
            *_runs(what, "sum += fold_run(here, step, run);"),
            f"const {element} count = ({element})(end - begin), mean = sum / count;",
            *_runs(what, "deviate_run(here, step, run, mean, &off, &square);"),
            "all.count = count;",
            "all.mean = mean + off / count;",
            "all.squares = square - off * off / count;",
        ]
    else:
        lines += _runs(what, "const State some = fold_run(here, step, run); all = JOIN(all, some);")
    return [*lines, *_finish(what, "all", "output", "k1"), "}"]


def _columns(what: Reduction) -> list[str]:
    """A work-item folds a band of results that lie side by side, or one part of them."""
    type_, element, step = what.accumulator, what.element, _step(what)
    each_column = "for (i64 j = 0; j < width; j++)"
    at = "j" if step == "1" else "j * step"
    row = [*what.reduced.offsets("i"), f"GLOBAL const {TYPES[what.source.name]} *const row = base + r0;"]
    lines = [
        f"const i64 bands = (columns + {BAND - 1}) / {BAND}, part = GROUP(0) % parts;",
        f"const i64 first = GROUP(0) / parts % bands * {BAND}, outer = GROUP(0) / parts / bands;",
        f"const i64 width = columns - first < {BAND} ? columns - first : {BAND};",
        "const i64 begin = part * each, end = begin + each < total ? begin + each : total;",
        *what.kept.offsets("outer"),
        f"GLOBAL const {TYPES[what.source.name]} *const base = p + p_first + k0 + first * {step};",
    ]
    state = "all[j]"
    if what.places:
        lines += [
            f"{type_} best[{BAND}];",
            f"i64 place[{BAND}];",
            f"{each_column} {{ best[j] = {what.start}; place[j] = -1; }}",
            "for (i64 i = begin; i < end; i++) {",
            *row,
            "VECTORS(8)",
            f"{each_column} {{",
            f"const {element} x = ELEMENT(row, {at});",
            "const int replaces = (place[j] < 0) | BETTER(best[j], x);",
            "best[j] = replaces ? x : best[j];",
            "place[j] = replaces ? i : place[j];",
            "}",
            "}",
        ]
        states = ["State all;", "all.value = best[j];", "all.place = place[j];"]
        state = "all"
    else:
        inner = what.inner
        lines += [
            f"{type_} all[{BAND}];",
            f"{each_column} all[j] = {what.start};",
            f"for (i64 from = begin; from < end; from += {DEEP}) {{",
            f"const i64 stop = from + {DEEP} < end ? from + {DEEP} : end;",
            f"{inner} mine[{BAND}];",
            f"{each_column} mine[j] = {what.start};",
            "for (i64 i = from; i < stop; i++) {",
            *row,
            "VECTORS(16)",
            f"{each_column} {{",
            f"const {element} x = ELEMENT(row, {at});",
            f"const {inner} v = VALUE(x);",
            "mine[j] = JOIN(mine[j], v);",
            "}",
            "}",
            f"{each_column} {{ const {type_} some = mine[j]; all[j] = JOIN(all[j], some); }}",
            "}",
        ]
        states = []
    if what.fold == VARIANCE:
        lines += [
            f"const {element} count = ({element})(end - begin);",
            f"{element} off[{BAND}], square[{BAND}];",
            f"{each_column} {{ all[j] /= count; off[j] = square[j] = 0; }}",
            "for (i64 i = begin; i < end; i++) {",
            *row,
            "VECTORS(16)",
            f"{each_column} {{",
            f"const {element} x = ELEMENT(row, {at}) - all[j];",
            "off[j] += x;",
            "square[j] += x * x;",
            "}",
            "}",
        ]
        states = [
            "State one;",
            "one.count = count;",
            "one.mean = all[j] + off[j] / count;",
            "one.squares = square[j] - off[j] * off[j] / count;",
        ]
        state = "one"
    return [
        *lines,
        f"{each_column} {{",
        *states,
        *_finish(what, state, "(outer * columns + first + j)", "k1 + (first + j) * out_step"),
        "}",
    ]
