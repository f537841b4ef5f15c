"""The source of programs that work on rows; see ``rows`` for what they do."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final

from tensorplug_dispatcher.dtypes import DType

from ..dialect import TYPES
from .reduction_kinds import COLUMNS, GROUP, LANES_0, ROWS
from .reduction_text import lane_head, tree
from .space import Index
from .walk import ANY, STILL, STRIP, UNIT

BLOCK: Final = 2048  # elements of a row that are taken at once
NEAR: Final = 4096  # elements of a row whose exponentials are kept in the first-level cache
BAND: Final = 256  # rows that lie side by side and are taken together
DEEP: Final = 64  # elements of each of them that are summed before their sum is added to others
ITEMS: Final = 16  # elements that a lane keeps


@dataclass(frozen=True, slots=True)
class Fold:
    """One walk over a row: ``sums`` are names and what is added up of an element; ``then`` are names and
    values that follow from them. With ``exponentials``, an expression of an element, ``@most`` is the largest
    of those and ``@total`` the sum of the exponentials of their distances to it, or of the exponentials
    themselves where that is ``infinite`` and the flag set, or -inf.

    In expressions a row's values are ``@name``, and an element's those of the operand's name; ``e`` is the
    exponential of an element's distance.
    """

    sums: tuple[tuple[str, str], ...] = ()
    then: tuple[tuple[str, str], ...] = ()
    exponentials: str = ""
    infinite: bool = False


@dataclass(frozen=True, slots=True)
class Work:
    """What is done with a row: walks over it, then ``results`` of the row and ``stores`` of each element,
    both as an operand's name and the value. ``givens`` are operands that have one value a row. ``adds`` are
    added up over the rows of each work-item of a processor, at each place of a row.
    """

    type: DType
    folds: tuple[Fold, ...]
    stores: tuple[tuple[str, str], ...] = ()
    results: tuple[tuple[str, str], ...] = ()
    givens: tuple[str, ...] = ()
    adds: tuple[tuple[str, str], ...] = ()

    @property
    def written(self) -> set[str]:
        return {name for name, _ in (*self.stores, *self.results, *self.adds)}


@dataclass(frozen=True, slots=True)
class Seen:
    """What shows of an operand in the source: ``move`` is how it moves along the innermost loop."""

    name: str
    dtype: DType
    move: str


@dataclass(frozen=True, slots=True)
class Form:
    """Everything that shows in a kernel's source. ``registers``: lanes keep their elements; ``near``: the
    exponentials of a row are kept; ``streamed``: elements' results go past the caches; ``wide_sums``: sums of
    blocks are added up in float64.
    """

    work: Work
    mode: str
    operands: tuple[Seen, ...]
    numbers: tuple[str, ...]
    kept: Index
    reduced: Index
    registers: bool
    near: bool
    streamed: bool
    wide_sums: bool

    @property
    def type(self) -> str:
        return TYPES[self.work.type.name]

    @property
    def sum(self) -> str:
        return "double" if self.wide_sums else self.type

    @property
    def vectors(self) -> str:
        return f"VECTORS({64 // self.work.type.itemsize})"


def _names(text: str) -> set[str]:
    """The operands that an expression has the elements of."""
    return set(re.findall(r"(?<![@\w])[a-z]\w*", text))


@cache
def kernel(wide: bool, form: Form) -> tuple[str, str]:
    """Source and name of the kernel."""
    work = form.work
    parameters = [
        f"GLOBAL {'' if x.name in work.written else 'const '}{TYPES[x.dtype.name]} *RESTRICT {x.name}_p, "
        f"const i64 {x.name}_first"
        for x in form.operands
    ]
    parameters += [f"const {form.sum} {name}" for name in form.numbers]
    parameters += [f"const i64 {n}" for n in ("rows", "length", "parts", "each", "grain", "columns")]
    parameters += [f"const i64 {x.name}_step" for x in form.operands]
    parameters += [*form.kept.parameters(), *form.reduced.parameters()]
    writer = (_Columns if form.mode == COLUMNS else _Rows if form.mode == ROWS else _Lanes)(form)
    head = helpers(form.type) if form.mode == ROWS else []
    if not wide:
        head = ["#define ADDED(a, b) ((a) + (b))", "#define LARGER(a, b) ((b) > (a) ? (b) : (a))"]
    body = "\n".join(f"    {line}" for line in writer.body())
    title = f"rows_{form.mode}_{work.type.name}"
    source = "\n".join([*head, f"KERNEL void {title}({', '.join(parameters)}) {{", body, "}", ""])
    return source, title


def helpers(t: str) -> list[str]:
    """The sum and the largest of numbers of type ``t`` that lie side by side, by vectors."""
    lines = [
        f"FUNCTION {t} across(const {t}16 x) {{",
        f"const {t}8 h = x.lo + x.hi;",
        f"const {t}4 q = h.lo + h.hi;",
        f"const {t}2 p = q.lo + q.hi;",
        "return p.x + p.y;",
        "}",
    ]
    for name, start, join in (("added", "0", "a + b"), ("largest", f"-INF_{t[0].upper()}", "b > a ? b : a")):

        def joined(a: str, b: str, join: str = join) -> str:
            return re.sub(r"\b[ab]\b", lambda m: a if m[0] == "a" else b, join)

        lines += [
            f"FUNCTION {t} {name}(const {t} *x, const i64 n) {{",
            f"{t} all = {start};",
            "i64 i = 0;",
            "if (n >= 16) {",
            f"{t}16 a0 = {start}, a1 = a0, a2 = a0, a3 = a0;",
            "for (; i + 64 <= n; i += 64) {",
        ]
        for k in range(4):
            lines.append(f"const {t}16 b{k} = vload16(0, x + i + {16 * k});")
            lines.append(f"a{k} = {joined(f'a{k}', f'b{k}')};")
        lines += [
            "}",
            "for (; i + 16 <= n; i += 16) {",
            f"const {t}16 b = vload16(0, x + i);",
            f"a0 = {joined('a0', 'b')};",
            "}",
            f"a0 = {joined('a0', 'a1')}; a2 = {joined('a2', 'a3')}; a0 = {joined('a0', 'a2')};",
            f"const {t}8 h = {joined('a0.lo', 'a0.hi')};",
            f"const {t}4 q = {joined('h.lo', 'h.hi')};",
            f"const {t}2 p = {joined('q.lo', 'q.hi')};",
            f"all = {joined('p.x', 'p.y')};",
            "}",
            f"for (; i < n; i++) all = {joined('all', 'x[i]')};",
            "return all;",
            "}",
        ]
    return lines


class _Writer:
    """What the ways of walking have in common: expressions, and loads of what they need."""

    row = r"row_\1"  # how a row's value is written

    def __init__(self, form: Form) -> None:
        self.form = form
        self.work = form.work
        self.lowest = f"-INF_{form.type[0].upper()}"
        self.seen = {x.name: x for x in form.operands}
        self.place = {x.name: k for k, x in enumerate(form.operands)}
        rowwise = {*self.work.givens, *(name for name, _ in self.work.results)}
        self.elements = [x for x in form.operands if x.name not in rowwise]
        self.exponent = next((f.exponentials for f in self.work.folds if f.exponentials), "")

    def text(self, expression: str) -> str:
        return re.sub(r"@(\w+)", self.row, expression)

    def at(self, name: str) -> str:
        """Pointer and index of an operand's element, as LOAD and STORE take them."""
        return f"{name}_here, {_indexed(self.seen[name], 'j')}"

    def load(self, x: Seen) -> str:
        return f"({self.form.type})LOAD_{x.dtype.name}({self.at(x.name)})"

    def exponential(self) -> str:
        return f"exp({self.text(self.exponent)} - {self.text('@most')})"

    def loads(self, *expressions: str) -> list[str]:
        """Statements that give the elements which the expressions name."""
        names = set().union(*map(_names, expressions))
        distance = self.exponential()
        if "e" in names and not self.form.near:
            names |= _names(self.exponent)
        t = self.form.type
        lines = [f"const {t} {x.name} = {self.load(x)};" for x in self.elements if x.name in names]
        return [*lines, *([f"const {t} e = {distance};"] if "e" in names else [])]

    def pointers(self, across: bool = False) -> list[str]:
        """``x_here``: where the innermost loop begins in each operand."""
        lines = []
        for x in self.elements:
            k, const = self.place[x.name], "" if x.name in self.work.written else "const "
            beside = f" + {_indexed(x, 'first')}" if across else ""
            if any(x.name == name for name, _ in self.work.adds):
                beside = " + GROUP(0) * length"
            lines.append(
                f"GLOBAL {const}{TYPES[x.dtype.name]} *const {x.name}_here = {x.name}_p + "
                f"({x.name}_first + k{k} + r{k}{beside});"
            )
        return lines

    def given(self, name: str, beside: str = "") -> str:
        return f"({self.form.type})LOAD_{self.seen[name].dtype.name}({self.place_of(name, beside)})"

    def result(self, name: str, text: str, beside: str = "") -> str:
        where = f"{self.place_of(name, beside)} + part * rows"
        return f"STORE_{self.seen[name].dtype.name}({where}, ({self.form.type})({self.text(text)}));"

    def place_of(self, name: str, beside: str) -> str:
        more = f" + {_indexed(self.seen[name], beside)}" if beside else ""
        return f"{name}_p, {name}_first + k{self.place[name]}{more}"

    def store(self, name: str, text: str, to: str = "") -> str:
        return f"STORE_{self.seen[name].dtype.name}({to or self.at(name)}, {self.text(text)});"

    def near_zero(self, fold: Fold, most: str) -> str:
        """What exponents are measured from: where all are -inf, nothing is what their distance would be."""
        condition = f"isinf({most})" if fold.infinite else f"{most} == {self.lowest}"
        return f"{condition} ? 0 : {most}"


def _indexed(x: Seen, index: str) -> str:
    return "0" if x.move == STILL else f"({index}) * {x.name}_step" if x.move == ANY else index


class _Rows(_Writer):
    """A work-item has some rows, or a part of one."""

    def at(self, name: str) -> str:
        return f"{name}_here, {_indexed(self.seen[name], 'from + j')}"

    def exponential(self) -> str:
        return "near[from + j]" if self.form.near else super().exponential()

    def body(self) -> list[str]:
        form, work, t = self.form, self.work, self.form.type
        lines = [
            "const i64 part = GROUP(0) % parts, first_row = GROUP(0) / parts * grain;",
            "const i64 begin = part * each, end = begin + each < length ? begin + each : length;",
            "const i64 last_row = first_row + grain < rows ? first_row + grain : rows;",
            "for (i64 row = first_row; row < last_row; row++) {",
            *form.kept.offsets("row"),
            *(f"const {t} row_{name} = {self.given(name)};" for name in work.givens),
        ]
        for fold in work.folds:
            lines += self.exponentials(fold) if fold.exponentials else self.sums(fold)
            lines += [f"const {t} row_{name} = ({t})({self.text(text)});" for name, text in fold.then]
        lines += [self.result(name, text) for name, text in work.results]
        if work.stores:
            lines += self.stores()
        return [*lines, "}", *(["STREAM_END;"] if form.streamed else [])]

    def each(self, block: int, lines: Sequence[str]) -> list[str]:
        """``lines`` for blocks of ``m`` elements, the first of which is number ``from`` of those that
        ``x_here`` points at.
        """
        last = self.form.reduced.dims - 1
        blocks = [
            f"for (i64 from = 0; from < run; from += {block}) {{",
            f"const i64 m = run - from < {block} ? run - from : {block};",
            *lines,
            "}",
        ]
        here = [*self.form.reduced.offsets("at"), *self.pointers()]
        if not last:
            return ["{", "const i64 at = begin, run = end - begin;", *here, *blocks, "}"]
        return [
            "for (i64 at = begin, run; at < end; at += run) {",
            *here,
            f"const i64 r_left = (i64)r_n{last} - r_c{last};",
            "run = r_left < end - at ? r_left : end - at;",
            *blocks,
            "}",
        ]

    def sums(self, fold: Fold) -> list[str]:
        form = self.form
        texts = [text for _, text in fold.sums]
        names = set().union(*map(_names, texts))
        plain = all(
            x.move == STILL or (x.move == UNIT and x.dtype is form.work.type)
            for x in self.elements
            if x.name in names
        )
        vectors = plain and not re.search(r"\w\(", " ".join(texts))
        block = self._by_vectors(texts) if vectors else self._by_buffers(texts)
        block += [
            f"row_{name} += {f'all{k}' if vectors else f'added(v{k}, m)'};"
            for k, (name, _) in enumerate(fold.sums)
        ]
        return [
            f"{form.sum} {', '.join(f'row_{name} = 0' for name, _ in fold.sums)};",
            *self.each(BLOCK, block),
        ]

    def _by_buffers(self, texts: Sequence[str]) -> list[str]:
        """Elements of any dtype and step: what is added up is written down first."""
        return [
            *(f"{self.form.type} v{k}[{BLOCK}];" for k in range(len(texts))),
            self.form.vectors,
            "for (i64 j = 0; j < m; j++) {",
            *self.loads(*texts),
            *(f"v{k}[j] = {self.text(text)};" for k, text in enumerate(texts)),
            "}",
        ]

    def _by_vectors(self, texts: Sequence[str]) -> list[str]:
        """Elements that are vectors as they lie in memory."""
        t, count = self.form.type, range(len(texts))
        names = set().union(*map(_names, texts))
        lines = [f"{t}16 {', '.join(f'a{k}_{h} = 0' for k in count for h in (0, 1))};", "i64 j = 0;"]
        lines.append("for (; j + 32 <= m; j += 32) {")
        for h in (0, 1):
            lines.append("{")
            for x in self.elements:
                if x.name in names and x.move == UNIT:
                    lines.append(f"const {t}16 {x.name} = vload16(0, {x.name}_here + from + j + {16 * h});")
                elif x.name in names:
                    lines.append(f"const {t} {x.name} = {self.load(x)};")
            lines += [*(f"a{k}_{h} += {self.text(text)};" for k, text in enumerate(texts)), "}"]
        lines.append("}")
        for k in count:
            lines.append(f"{t} all{k} = across(a{k}_0 + a{k}_1);")
        loads = self.loads(*texts)
        adds = [f"all{k} += {self.text(text)};" for k, text in enumerate(texts)]
        return [*lines, "for (; j < m; j++) {", *loads, *adds, "}"]

    def exponentials(self, fold: Fold) -> list[str]:
        form, t = self.form, self.form.type
        size = NEAR if form.near else BLOCK
        block = [
            form.vectors,
            "for (i64 j = 0; j < m; j++) {",
            *self.loads(fold.exponentials),
            f"near[j] = {self.text(fold.exponentials)};",
            "}",
            f"const {t} top = largest(near, m);",
            "if (top > row_most) { row_total *= exp(row_most - top); row_most = top; }",
            f"const {t} zero = {self.near_zero(fold, 'row_most')};",
            form.vectors,
            "for (i64 j = 0; j < m; j++) near[j] = exp(near[j] - zero);",
            "row_total += added(near, m);",
        ]
        return [
            f"{t} row_most = {self.lowest}, near[{size}];",
            f"{form.sum} row_total = 0;",
            *self.each(size, block),
        ]

    def stores(self) -> list[str]:
        form, t, found = self.form, self.form.type, self.work.stores
        texts = [text for _, text in (*found, *self.work.adds)]
        loop = [form.vectors, "for (i64 j = 0; j < m; j++) {", *self.loads(*texts)]
        loop += [
            self.store(name, text, f"out{k}, j" if form.streamed else "")
            for k, (name, text) in enumerate(found)
        ]
        for name, text in self.work.adds:
            to, before = f"{name}_here[from + j]", f"(row == first_row ? 0 : {name}_here[from + j])"
            loop.append(f"{to} = {before} + {self.text(text)};")
        loop.append("}")
        if not form.streamed:
            return self.each(BLOCK, loop)
        buffers = [f"{t} out{k}[{STRIP}];" for k in range(len(found))]
        ends = [f"STREAM({name}_here + from, out{k}, m * sizeof({t}));" for k, (name, _) in enumerate(found)]
        return self.each(STRIP, [*buffers, *loop, *ends])


class _Columns(_Writer):
    """A work-item has a band of rows that lie side by side, or a part of them."""

    row = r"row_\1[j]"
    side = "for (i64 j = 0; j < width; j++)"

    def body(self) -> list[str]:
        form, work, t = self.form, self.work, self.form.type
        lines = [
            f"const i64 bands = (columns + {BAND - 1}) / {BAND}, part = GROUP(0) % parts;",
            f"const i64 first = GROUP(0) / parts % bands * {BAND}, outer = GROUP(0) / parts / bands;",
            f"const i64 width = columns - first < {BAND} ? columns - first : {BAND};",
            "const i64 begin = part * each, end = begin + each < length ? begin + each : length;",
            *form.kept.offsets("outer"),
        ]
        for name in work.givens:
            lines.append(f"{t} row_{name}[{BAND}];")
            lines.append(f"{self.side} row_{name}[j] = {self.given(name, 'first + j')};")
        for fold in work.folds:
            lines += self.exponentials(fold) if fold.exponentials else self.sums(fold)
            for name, text in fold.then:
                lines.append(f"{t} row_{name}[{BAND}];")
                lines.append(f"{self.side} row_{name}[j] = ({t})({self.text(text)});")
        lines += [f"{self.side} {self.result(name, text, 'first + j')}" for name, text in work.results]
        if work.stores:
            stores = [self.store(name, text) for name, text in work.stores]
            lines += self.over("begin", "end", [*self.loads(*(text for _, text in work.stores)), *stores])
        return lines

    def over(self, begin: str, end: str, lines: Sequence[str]) -> list[str]:
        """``lines`` for the band's elements number ``begin`` to ``end``."""
        return [
            f"for (i64 i = {begin}; i < {end}; i++) {{",
            *self.form.reduced.offsets("i"),
            *self.pointers(across=True),
            self.form.vectors,
            f"{self.side} {{",
            *lines,
            "}",
            "}",
        ]

    def deep(self, lines: Sequence[str]) -> list[str]:
        return [
            f"for (i64 from = begin; from < end; from += {DEEP}) {{",
            f"const i64 stop = from + {DEEP} < end ? from + {DEEP} : end;",
            *lines,
            "}",
        ]

    def sums(self, fold: Fold) -> list[str]:
        form, t = self.form, self.form.type
        lines, start, joins = [], [], []
        for k, (name, _) in enumerate(fold.sums):
            lines += [f"{form.sum} row_{name}[{BAND}];", f"{self.side} row_{name}[j] = 0;"]
            start += [f"{t} v{k}[{BAND}];", f"{self.side} v{k}[j] = 0;"]
            joins.append(f"{self.side} row_{name}[j] += v{k}[j];")
        texts = [text for _, text in fold.sums]
        adds = [f"v{k}[j] += {self.text(text)};" for k, text in enumerate(texts)]
        return [
            *lines,
            *self.deep([*start, *self.over("from", "stop", [*self.loads(*texts), *adds]), *joins]),
        ]

    def exponentials(self, fold: Fold) -> list[str]:
        form, t = self.form, self.form.type
        loads, exponent = self.loads(fold.exponentials), self.text(fold.exponentials)
        return [
            f"{t} row_most[{BAND}];",
            f"{form.sum} row_total[{BAND}];",
            f"{self.side} {{ row_most[j] = {self.lowest}; row_total[j] = 0; }}",
            *self.deep(
                [
                    f"{t} top[{BAND}], zero[{BAND}], v[{BAND}];",
                    f"{self.side} top[j] = row_most[j];",
                    *self.over(
                        "from",
                        "stop",
                        [*loads, f"const {t} one = {exponent};", "top[j] = one > top[j] ? one : top[j];"],
                    ),
                    f"{self.side} {{",
                    "row_total[j] *= top[j] == row_most[j] ? 1 : exp(row_most[j] - top[j]);",
                    "row_most[j] = top[j];",
                    f"zero[j] = {self.near_zero(fold, 'top[j]')};",
                    "v[j] = 0;",
                    "}",
                    *self.over("from", "stop", [*loads, f"v[j] += exp({exponent} - zero[j]);"]),
                    f"{self.side} row_total[j] += v[j];",
                ]
            ),
        ]


class _Lanes(_Writer):
    """The lanes of a work-group share a row, or a part of one, or several."""

    def __init__(self, form: Form) -> None:
        super().__init__(form)
        named = [text for f in self.work.folds for text in (f.exponentials, *(text for _, text in f.sums))]
        names = set().union(*map(_names, named))
        self.kept = [x for x in self.elements if form.registers and x.name in names]

    def at(self, name: str) -> str:
        k = self.place[name]
        return f"{name}_p, {name}_first + k{k} + r{k}"

    def load(self, x: Seen) -> str:
        return f"{x.name}_kept[k]" if x in self.kept else super().load(x)

    def each(self, lines: Sequence[str]) -> list[str]:
        """``lines`` for all elements of a lane."""
        if not self.form.registers:
            return [
                "for (i64 i = begin + lane; i < end; i += lanes) {",
                *self.form.reduced.offsets("i"),
                *lines,
                "}",
            ]
        return [
            "UNROLL",
            f"for (int k = 0; k < {ITEMS}; k++) {{",
            "const i64 i = begin + lane + k * lanes;",
            "if (i < end) {",
            *self.form.reduced.offsets("i"),
            *lines,
            "}",
            "}",
        ]

    def body(self) -> list[str]:
        form, work, t = self.form, self.work, self.form.type
        shared = max(len(f.sums) or 1 for f in work.folds)
        lines = [
            *lane_head(0 if form.mode == LANES_0 else 1),
            *(f"LOCAL({t}, shared{k}, {GROUP});" for k in range(shared)),
            "const i64 part = GROUP(1), begin = part * each;",
            "const i64 end = output < rows ? (begin + each < length ? begin + each : length) : begin;",
            *form.kept.offsets("output < rows ? output : 0"),
            *(f"const {t} row_{name} = {self.given(name)};" for name in work.givens),
        ]
        if self.kept:
            lines += [f"{t} {x.name}_kept[{ITEMS}];" for x in self.kept]
            lines += self.each([f"{x.name}_kept[k] = {super(_Lanes, self).load(x)};" for x in self.kept])
        for fold in work.folds:
            lines += self.exponentials(fold) if fold.exponentials else self.sums(fold)
            lines += [f"const {t} row_{name} = ({t})({self.text(text)});" for name, text in fold.then]
        if work.results:
            lines.append("if (lane == 0 && output < rows) {")
            lines += [*(self.result(name, text) for name, text in work.results), "}"]
        if work.stores:
            stores = [self.store(name, text) for name, text in work.stores]
            lines += self.each([*self.loads(*(text for _, text in work.stores)), *stores])
        return lines

    def sums(self, fold: Fold) -> list[str]:
        texts = [text for _, text in fold.sums]
        adds = [f"v_{name} += {self.text(text)};" for name, text in fold.sums]
        return [
            f"{self.form.type} {', '.join(f'v_{name} = 0' for name, _ in fold.sums)};",
            *self.each([*self.loads(*texts), *adds]),
            *self.together([name for name, _ in fold.sums], "ADDED"),
        ]

    def together(self, names: Sequence[str], join: str) -> list[str]:
        """A row's value ``name``: what ``v_name`` of all lanes that share it are together."""
        lines = []
        for k, name in enumerate(names):
            lines += tree(f"shared{k}", f"v_{name}", join)
        lines.append("BARRIER;")
        lines += [
            f"const {self.form.type} row_{name} = shared{k}[slot - lane * apart];"
            for k, name in enumerate(names)
        ]
        return [*lines, "BARRIER;"]

    def exponentials(self, fold: Fold) -> list[str]:
        t, exponent = self.form.type, self.text(fold.exponentials)
        found = [*self.loads(fold.exponentials), f"const {t} one = {exponent};"]
        if self.form.registers:
            return [
                f"{t} v_most = {self.lowest}, v_total = 0;",
                *self.each([*found, "v_most = one > v_most ? one : v_most;"]),
                *self.together(["most"], "LARGER"),
                f"const {t} zero = {self.near_zero(fold, 'row_most')};",
                *self.each([*found, "v_total += exp(one - zero);"]),
                *self.together(["total"], "ADDED"),
            ]
        return [
            f"{t} v_most = {self.lowest}, v_total = 0, zero = 0;",
            *self.each(
                [
                    *found,
                    "if (one > v_most) {",
                    "v_total *= exp(v_most - one);",
                    "v_most = one;",
                    f"zero = {self.near_zero(fold, 'v_most')};",
                    "}",
                    "v_total += exp(one - zero);",
                ]
            ),
            *self.together(["most"], "LARGER"),
            "v_total *= v_most == row_most ? 1 : exp(v_most - row_most);",
            *self.together(["total"], "ADDED"),
        ]
