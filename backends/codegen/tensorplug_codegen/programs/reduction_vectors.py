"""The source of reductions by a processor's vector units:
along a result's own elements, or across many results.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from ..dialect import TYPES
from .reduction_kinds import (
    BAND,
    BLOCK,
    COLUMNS,
    COLUMNS_BY_STEPS,
    COUNT,
    DEEP,
    LINES,
    ROWS,
    VALUES,
    VARIANCE,
    Reduction,
    finish,
)


def _step(what: Reduction) -> str:
    return "1" if what.mode in (ROWS, COLUMNS) else "step"


def functions(what: Reduction) -> list[str]:
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


def rows(what: Reduction) -> list[str]:
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
    return [*lines, *finish(what, "all", "output", "k1"), "}"]


def columns(what: Reduction) -> list[str]:
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
        *finish(what, "all", "(outer * columns + first + j)", "k1 + (first + j) * out_step"),
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
