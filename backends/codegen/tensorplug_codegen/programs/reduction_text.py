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
LINES: Final = 64  # elements of a row that are taken at once, by four vectors
BLOCK: Final = 2048  # elements that these take before they are combined
BAND: Final = 512  # columns that a work-item folds together
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
        small = self.source.itemsize <= 2 and not self.source.is_floating_point
        if small and self.fold == SUM and self.arithmetic is dtypes.int64:
            return "i32"  # for as long as a block lasts
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
        return "i32" if self.fold == COUNT or self.element == "i32" else self.accumulator

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
            *_finish(what, "all[j]", "(first + j)", "k0"),
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


# -- vector units --------------------------------------------------------------------------------------------


def _step(what: Reduction) -> str:
    return "1" if what.mode in (ROWS, COLUMNS) else "step"


def _helpers(what: Reduction) -> list[str]:
    """Functions that fold a run of elements of one result."""
    if what.mode in (COLUMNS, COLUMNS_BY_STEPS):
        return []
    element, type_, inner = what.element, what.accumulator, what.inner
    source = f"GLOBAL const {TYPES[what.source.name]} *p, const i64 step"
    nothing = f"(V_{inner})({what.start})"
    lines = [
        *_vectors(what),
        f"FUNCTION {type_} fold_run({source}, const i64 n) {{",
        f"{type_} all = {what.start};",
        *_blocks(what),
        f"V_{inner} a0 = {nothing}, a1 = a0, a2 = a0, a3 = a0;",
        f"for (; i + {LINES} <= m; i += {LINES}) {{",
        *(f"a{k} = JOIN(a{k}, VALUES(vload16(0, x + i + {16 * k})));" for k in range(4)),
        "}",
        "for (; i + 16 <= m; i += 16) a0 = JOIN(a0, VALUES(vload16(0, x + i)));",
        "a0 = JOIN(a0, a1);",
        "a2 = JOIN(a2, a3);",
        "a0 = JOIN(a0, a2);",
        *_halved(inner, "a0", "some"),
        "for (; i < m; i++) {",
        f"const {inner} one = VALUE(x[i]);",
        "some = JOIN(some, one);",
        "}",
        f"const {type_} block = some;",
        "all = JOIN(all, block);",
        "}",
        "return all;",
        "}",
    ]
    if what.places:
        at = "i + j" if what.mode == ROWS else "(i + j) * step"
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
            f"FUNCTION void deviate_run({source}, const i64 n, const {element} mean, {element} *sum, "
            f"{element} *square) {{",
            *_blocks(what),
            f"V_{element} a = 0, b = 0, c = 0, d = 0;",
            "for (; i + 32 <= m; i += 32) {",
            f"const V_{element} v = vload16(0, x + i) - mean, w = vload16(0, x + i + 16) - mean;",
            "a += v;",
            "b += w;",
            "c += v * v;",
            "d += w * w;",
            "}",
            "a += b;",
            "c += d;",
            *_halved(element, "a", "some"),
            *_halved(element, "c", "squares"),
            "for (; i < m; i++) {",
            f"const {element} v = x[i] - mean;",
            "some += v;",
            "squares += v * v;",
            "}",
            "*sum += some;",
            "*square += squares;",
            "}",
            "}",
        ]
    return lines


_OPENCL: Final = {"u8": "uchar", "i8": "char", "i16": "short", "i32": "int", "i64": "long", "u64": "ulong"}


def _vectors(what: Reduction) -> list[str]:
    """Vectors ``V_<type>`` of 16, and ``VALUES``: of a vector of elements what is accumulated."""
    element, inner = what.element, what.inner
    found = []
    for type_ in sorted({element, inner}):
        name = _OPENCL.get(type_, type_)
        found += [f"typedef {name}{n or 16} V{n or ''}_{type_};" for n in (0, 8, 4, 2)]
    if what.fold == COUNT:
        values = f"(-convert_int16((x) != (V_{element})(0)))"
    elif inner != element:
        values = f"convert_{_OPENCL.get(inner, inner)}16(x)"
    else:
        values = VALUES.get(what.fold, "(x)")
    return [*found, f"#define VALUES(x) {values}"]


def _blocks(what: Reduction) -> list[str]:
    """Opens a loop over blocks of ``m`` elements at ``x``, in their type of arithmetic and side by side."""
    element = what.element
    lines = [
        f"for (i64 from = 0; from < n; from += {BLOCK}) {{",
        f"const i64 m = n - from < {BLOCK} ? n - from : {BLOCK};",
        "i64 i = 0;",
    ]
    if what.mode == ROWS and TYPES[what.source.name] == element:
        return [*lines, f"GLOBAL const {element} *const x = p + from;"]
    at = "from + j" if what.mode == ROWS else "(from + j) * step"
    return [
        *lines,
        f"{element} x[{BLOCK}];",
        f"VECTORS({64 // (8 if element in ('double', 'i64') else 4)})",
        f"for (i64 j = 0; j < m; j++) x[j] = ELEMENT(p, {at});",
    ]


def _halved(type_: str, vector: str, result: str) -> list[str]:
    """``result``: what the 16 of a vector are together."""
    lines, name = [], vector
    for n in (8, 4, 2):
        lines.append(f"const V{n}_{type_} {result}{n} = JOIN({name}.lo, {name}.hi);")
        name = f"{result}{n}"
    return [*lines, f"{type_} {result} = JOIN({name}.x, {name}.y);"]


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
    lines = [
        f"const i64 bands = (columns + {BAND - 1}) / {BAND}, part = GROUP(0) % parts;",
        f"const i64 first = GROUP(0) / parts % bands * {BAND}, outer = GROUP(0) / parts / bands;",
        f"const i64 width = columns - first < {BAND} ? columns - first : {BAND};",
        "const i64 begin = part * each, end = begin + each < total ? begin + each : total;",
        *what.kept.offsets("outer"),
        f"GLOBAL const {TYPES[what.source.name]} *const base = p + p_first + k0 + first * {step};",
    ]
    if what.places:
        lines += [
            f"{type_} best[{BAND}];",
            f"i64 place[{BAND}];",
            f"{each_column} {{ best[j] = {what.start}; place[j] = -1; }}",
            *_over_rows(
                what,
                "begin",
                "end",
                1,
                [
                    f"const {element} x = ELEMENT(row0, {at});",
                    "const int replaces = (place[j] < 0) | BETTER(best[j], x);",
                    "best[j] = replaces ? x : best[j];",
                    "place[j] = replaces ? i : place[j];",
                ],
            ),
        ]
        state = ["State all;", "all.value = best[j];", "all.place = place[j];"]
    elif what.fold == VARIANCE:
        lines += [
            f"const {element} count = ({element})(end - begin);",
            f"{element} mean[{BAND}], off[{BAND}], square[{BAND}];",
            f"{each_column} mean[j] = off[j] = square[j] = 0;",
            *_over_rows(
                what,
                "begin",
                "end",
                4,
                [f"mean[j] += {_sum_of_rows(at)};"],
                [f"mean[j] += ELEMENT(row0, {at});"],
            ),
            f"{each_column} mean[j] /= count;",
            *_over_rows(
                what,
                "begin",
                "end",
                1,
                [
                    f"const {element} x = ELEMENT(row0, {at}) - mean[j];",
                    "off[j] += x;",
                    "square[j] += x * x;",
                ],
            ),
        ]
        state = [
            "State all;",
            "all.count = count;",
            "all.mean = mean[j] + off[j] / count;",
            "all.squares = square[j] - off[j] * off[j] / count;",
        ]
    else:
        inner = what.inner
        values = [
            part
            for k in range(4)
            for part in (
                f"const {element} x{k} = ELEMENT(row{k}, {at});",
                f"const {inner} v{k} = VALUE(x{k});",
            )
        ]
        join = ["const {inner} v01 = JOIN(v0, v1);", "const {inner} v23 = JOIN(v2, v3);"]
        lines += [
            f"{type_} some[{BAND}];",
            f"{each_column} some[j] = {what.start};",
            f"for (i64 from = begin; from < end; from += {DEEP}) {{",
            f"const i64 stop = from + {DEEP} < end ? from + {DEEP} : end;",
            f"{inner} mine[{BAND}];",
            f"{each_column} mine[j] = {what.start};",
            *_over_rows(
                what,
                "from",
                "stop",
                4,
                [
                    *values,
                    *(line.format(inner=inner) for line in join),
                    f"const {inner} v = JOIN(v01, v23);",
                    "mine[j] = JOIN(mine[j], v);",
                ],
                [*values[:2], "mine[j] = JOIN(mine[j], v0);"],
            ),
            f"{each_column} {{ const {type_} block = mine[j]; some[j] = JOIN(some[j], block); }}",
            "}",
        ]
        state = ["const State all = some[j];"]
    return [
        *lines,
        f"{each_column} {{",
        *state,
        *_finish(what, "all", "(outer * columns + first + j)", "k1 + (first + j) * out_step"),
        "}",
    ]


def _sum_of_rows(at: str) -> str:
    a, b, c, d = (f"ELEMENT(row{k}, {at})" for k in range(4))
    return f"({a} + {b}) + ({c} + {d})"


def _over_rows(
    what: Reduction, begin: str, end: str, rows: int, lines: Sequence[str], single: Sequence[str] = ()
) -> list[str]:
    """``lines`` for every column ``j`` of ``row0``…, as many as ``rows`` at a time;
    ``single`` for what is left of them.
    """
    type_ = TYPES[what.source.name]

    def loop(count: int, body: Sequence[str]) -> list[str]:
        found = [f"for (; i + {count} <= {end}; i += {count}) {{"]
        for k in range(count):
            found.append(f"GLOBAL const {type_} *row{k};")
            found += ["{", *what.reduced.offsets(f"i + {k}"), f"row{k} = base + r0;", "}"]
        width = 8 if what.places or what.accumulator in ("double", "i64", "u64") else 16
        return [*found, f"VECTORS({width})", "for (i64 j = 0; j < width; j++) {", *body, "}", "}"]

    inner = loop(rows, lines)
    if rows > 1:
        inner += loop(1, single)
    return ["{", f"i64 i = {begin};", *inner, "}"]
