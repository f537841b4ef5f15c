"""Reading and writing at places that tensors of indices name; counting.

One side, ``data``, is addressed by indices; the other, ``rows``, has an element for every point of a space.
Each operand moves over that space by strides: ``rows`` along all of it, an index along some dimensions, and
``data`` along those that no index stands for. Reading is then an elementwise walk. Writing has a second
concern, that several points may name one place. On a processor it is done in the order of the points: a
work-item has a part of the dimensions that data moves along, or of the places, and runs over all indices. On
a GPU the last writer of several is not determined, and sums are atomic: integers come out the same each
time, floating sums in an order that varies, as in PyTorch.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from tensorplug_dispatcher import dtypes
from tensorplug_dispatcher.dtypes import DType
from tensorplug_dispatcher.layout import Layout, broadcast_shapes, dense, expand, strided
from tensorplug_dispatcher.ops import OPS
from tensorplug_dispatcher.thresholds import Threshold

from ..dialect import TYPES, Target
from ..indexing import collapse
from ..program import INDEX_RANGE, Argument, Constant, Launch, Memory, Program, Status
from .elementwise import HALVES, compute_dtype
from .storage import copy_launch, fill_launch
from .walk import MAX_DIMS, STILL, walk

TAKE, PUT, ADD = "take", "put", "add"
INDEX_DTYPES: Final = (dtypes.int64, dtypes.int32)
CHUNK: Final = 4096  # elements of a row that a work-item adds to on a processor
NARROW: Final = 8  # elements that a work-item has at least where it shares points with others
SMALL: Final = 16384  # points that are not worth dividing

Layouts = tuple[Layout | None, ...]


@dataclass(frozen=True, slots=True)
class Index:
    """A tensor of indices: its operand, dtype and strides over the space; how many places it chooses from,
    and the elements of data between them.
    """

    place: int
    dtype: DType
    strides: tuple[int, ...]
    length: int
    step: int


@dataclass(frozen=True, slots=True)
class Access:
    """What is read or written: operands of both sides, their strides over the space, and the indices.
    ``wrap``: negative indices count from the end; ``padding``: points with this index are left out.
    """

    mode: str
    dtype: DType
    shape: tuple[int, ...]
    data: int
    data_strides: tuple[int, ...]
    rows: int
    row_strides: tuple[int, ...]
    indices: tuple[Index, ...]
    wrap: bool = False
    padding: int = -1

    @property
    def total(self) -> int:
        return math.prod(self.shape)


def _place(access: Access, position: Sequence[str]) -> list[str]:
    """Statements that give ``j``, where data is meant, and ``good``, whether there is such a place."""
    lines = ["i64 j = 0;", "int good = 1;"]
    for k, at in enumerate(position):
        lines.append(f"i64 k{k} = q{k}[q{k}_first + {at}];")
        if access.wrap:
            lines.append(f"k{k} += k{k} < 0 ? m{k} : 0;")
        lines += [f"good &= (u64)k{k} < (u64)m{k};", f"j += k{k} * d{k};"]
    return lines


def _parameters(access: Access, stored: DType) -> list[str]:
    const = "const " if access.mode == TAKE else ""
    other = "" if access.mode == TAKE else "const "
    acting = TYPES[stored.name]
    names = [
        f"GLOBAL {const}{acting} *RESTRICT x, const i64 x_first",
        f"GLOBAL {other}{TYPES[access.dtype.name]} *RESTRICT y, const i64 y_first",
    ]
    for k, index in enumerate(access.indices):
        names.append(f"GLOBAL const {TYPES[index.dtype.name]} *RESTRICT q{k}, const i64 q{k}_first")
        names.append(f"const i64 m{k}, const i64 d{k}")
    if access.padding >= 0:
        names.append("const i64 padding")
    return [*names, "GLOBAL i32 *status"]


def _arguments(access: Access, data: int) -> list[Argument]:
    found: list[Argument] = [Memory(data), Memory(access.rows)]
    for index in access.indices:
        found += [Memory(index.place), Constant(index.length, dtypes.int64)]
        found.append(Constant(index.step, dtypes.int64))
    if access.padding >= 0:
        found.append(Constant(access.padding, dtypes.int64))
    return [*found, Status()]


def _name(access: Access, stored: DType) -> str:
    kinds = "".join("q" if i.dtype.itemsize == 8 else "i" for i in access.indices)
    marks = ("w" if access.wrap else "") + ("p" if access.padding >= 0 else "")
    return f"{access.mode}_{access.dtype.name}_{stored.name}_{kinds}{marks}"


def report(target: Target, condition: str) -> str:
    """A statement for an index out of range; in a loop that should vectorize it is only noted."""
    return f"bad |= {condition};" if target.wide else f"if ({condition}) *status = {INDEX_RANGE};"


def reporting(target: Target, lines: Sequence[str]) -> list[str]:
    """The body of a kernel whose statements are ``lines``, with what ``report`` needs around them."""
    around = ["int bad = 0;", *lines, f"if (bad) *status = {INDEX_RANGE};"] if target.wide else lines
    return [f"    {line}" for line in around]


def _walked(target: Target, access: Access, stored: DType, data: int, move: Sequence[str]) -> Launch | None:
    """Every point for itself: reading, and writing on a GPU. ``move`` is what is done at a good place."""
    layouts = [
        strided(access.shape, strides, dtypes.int64)
        for strides in (access.row_strides, access.data_strides, *(i.strides for i in access.indices))
    ]
    steps = walk(layouts)
    if steps is None:
        return None
    together = target.wide and access.padding < 0 and set(steps.moves[2:]) == {STILL}
    letter = "b" if together else "i"  # whole runs at one place
    position = [f"{letter}{2 + k}" for k in range(len(access.indices))]
    place = [*_place(access, position), report(target, "!good")]
    if together:
        body = steps.loop(target, access.dtype.itemsize, move, before=[*place, "run = good ? run : 0;"])
    else:
        element = [*place, "if (good)", "{", *move, "}"]
        if access.padding >= 0:
            element = [f"if (q0[q0_first + {position[0]}] != padding) {{", *element, "}"]
        body = steps.loop(target, access.dtype.itemsize, element)
    kernel = f"{_name(access, stored)}_{steps.form}"
    text = "\n".join(reporting(target, body))
    parameters = ", ".join([*_parameters(access, stored), steps.parameters()])
    source = f"KERNEL void {kernel}({parameters}) {{\n{text}\n}}\n"
    groups, lanes = steps.range(target)
    return Launch(source, kernel, (*_arguments(access, data), *steps.arguments()), groups, lanes)


_CAS = """{{
    GLOBAL {W} *at = (GLOBAL {W} *)(x + (x_first + i1 + j));
    {W} seen = *at, before;
    do {{
        before = seen;
        const {T} sum = {load} + {value};
        seen = {swap}(at, before, {bits});
    }} while (seen != before);
}}"""


def _atomic(target: Target, access: Access, stored: DType) -> list[str] | None:
    """Statements that add an element on a GPU; None where the language has no atomic of this width."""
    value = f"LOAD_{access.dtype.name}(y, y_first + i0)"
    if stored is dtypes.int32:
        return [f"ATOMIC_ADD_I32(x + (x_first + i1 + j), (i32){value});"]
    if stored is dtypes.float32:
        text = _CAS.format(
            W="u32", T="float", load="F_BITS(before)", value=value, swap="ATOMIC_CAS_U32", bits="BITS_F(sum)"
        )
        return [text]
    if not target.dialect.atomics64:
        return None
    if stored is dtypes.float64:
        load, bits, type_ = "D_BITS(before)", "BITS_D(sum)", "double"
    else:
        load, bits, type_ = "before", "sum", "u64"
        value = f"(u64){value}"
    return [_CAS.format(W="u64", T=type_, load=load, value=value, swap="ATOMIC_CAS_U64", bits=bits)]


# -- in order: a work-item has some of the elements that data moves along, and perhaps some of the places

_ORDERED = """
    const i64 item = GROUP(0) * LANES(0) + LANE(0);
    if (item >= items) return;
    const i64 part = item % parts, unit = item / parts, most = (i64)1 << 62;
    const i64 low = part ? span / parts * part : -most;
    const i64 high = part + 1 < parts ? span / parts * (part + 1) : most;
    const i64 begin = unit % chunks * chunk, stop = begin + chunk < run ? begin + chunk : run;
    i64 rest = unit / chunks, x0 = x_first, y0 = y_first{starts};
{free}
    int bad = 0;
    for (i64 point = 0; point < points; point++) {{
{position}
        GLOBAL const {S} *RESTRICT from = y + (y0 + y_at);
        {outside}
        {vectors}
        {each}{{
            {inside}
        }}
    }}
    if (bad) *status = {code};
"""


def _ordered(target: Target, access: Access, stored: DType, data: int) -> Launch | None:
    """Points in order. Free dimensions are those that data moves along; the places have the others."""
    free = [d for d, s in enumerate(access.data_strides) if s and access.shape[d] != 1]
    fixed = [d for d in range(len(access.shape)) if d not in free]
    count = len(access.indices)
    rows, indices = access.row_strides, [i.strides for i in access.indices]
    places, steps = collapse(
        [access.shape[d] for d in fixed],
        [[s[d] for d in fixed] for s in (rows, *indices)],
        ordered=True,
    )
    sizes, strides = collapse(
        [access.shape[d] for d in free],
        [[s[d] for d in free] for s in (access.data_strides, rows, *indices)],
    )
    if max(len(places), len(sizes)) > MAX_DIMS:
        return None
    points = math.prod(places)
    each = any(s[-1] for s in strides[2:])  # every element of a run has an index of its own
    run, runs = 1, [0] * len(strides)
    if not each or abs(strides[1][-1]) <= abs(steps[0][-1]) or points == 1:
        run, runs = sizes.pop(), [s.pop() for s in strides]
    chunk, lines = min(run, CHUNK) if target.wide else 1, math.prod(sizes)
    worth = target.wide and lines < target.units and lines * points * run > SMALL
    if worth and any(runs[2:]):
        chunk = max(min(chunk, -(-run // target.units)), NARROW)
    chunks = -(-run // chunk)
    units, parts = chunks * lines, 1
    upwards = all(i.step > 0 for i in access.indices)
    if worth and upwards and units < target.units and chunk >= NARROW:
        parts = target.units  # each reads all indices
    names = ["items", "parts", "span", "chunks", "chunk", "run", "points", "x_run", "y_run"]
    span = 1 + sum(max(i.length - 1, 0) * i.step for i in access.indices)
    numbers = [units * parts, parts, span, chunks, chunk, run, points, runs[0], runs[1]]
    names += [f"z{k}_run" for k in range(count)]
    numbers += runs[2:]
    free_lines, position = [], []
    for d in range(len(sizes) - 1, -1, -1):
        free_lines.append(f"const i64 a{d} = {f'rest % f{d}; rest /= f{d}' if d else 'rest'};")
        free_lines.append(f"x0 += a{d} * fx{d}; y0 += a{d} * fy{d};")
        free_lines += [f"z{k} += a{d} * fz{k}_{d};" for k in range(count)]
        names += [f"f{d}", f"fx{d}", f"fy{d}", *(f"fz{k}_{d}" for k in range(count))]
        numbers += [sizes[d], strides[0][d], strides[1][d], *(strides[2 + k][d] for k in range(count))]
    last = len(places) - 1
    if last:
        position.append("i64 r = point;")
    for d in range(last, -1, -1):
        at = "point" if not last else f"r % g{d}; r /= g{d}" if d else "r"
        position.append(f"const i64 p{d} = {at};")
        names += [f"g{d}", f"gy{d}", *(f"gz{k}_{d}" for k in range(count))]
        numbers += [places[d], steps[0][d], *(steps[1 + k][d] for k in range(count))]
    every = range(len(places))
    position.append(f"const i64 y_at = {' + '.join(f'p{d} * gy{d}' for d in every)};")
    inner = [f" + i * z{k}_run" if runs[2 + k] else "" for k in range(count)]
    at_index = [f"z{k} + {' + '.join(f'p{d} * gz{k}_{d}' for d in every)}{inner[k]}" for k in range(count)]
    x_at, y_at = ("i" if run == 1 or runs[k] == 1 else f"i * {side}_run" for k, side in enumerate("xy"))
    value = f"LOAD_{access.dtype.name}(from, {y_at})"
    if access.mode == ADD:
        old = f"LOAD_{stored.name}(to, {x_at})"
        joined = f"{old} | {value}" if stored is dtypes.bool_ else f"{old} + {value}"
        value = f"({TYPES[compute_dtype(stored).name]})({joined})"
    padding = " && k0 != padding" if access.padding >= 0 else ""
    found = [*_place(access, at_index), f"bad |= !good{padding};"]
    found.append(f"GLOBAL {TYPES[stored.name]} *RESTRICT to = x + (x0 + j);")
    wanted = f"good && j >= low && j < high{padding}"
    store = f"STORE_{stored.name}(to, {x_at}, {value});"
    apart = any(runs[2:])
    vectors = f"VECTORS({64 // max(stored.itemsize, 4)})" if target.wide and not apart and run > 1 else ""
    loop = "for (i64 i = begin; i < stop; i++) " if run > 1 else "const i64 i = 0;\n        "
    outside = [] if apart else [*found, f"if (!({wanted})) continue;"]
    inside = [*found, f"if ({wanted}) {{ {store} }}"] if apart else [store]
    body = _ORDERED.format(
        starts="".join(f", z{k} = 0" for k in range(count)),
        free="\n".join(f"    {line}" for line in free_lines),
        position="\n".join(f"        {line}" for line in position),
        outside="\n        ".join(outside),
        inside="\n            ".join(inside),
        S=TYPES[access.dtype.name],
        vectors=vectors,
        each=loop,
        code=INDEX_RANGE,
    )
    moves = "".join("1" if m else "0" for m in runs[2:])
    moves += "".join("u" if m == 1 else "s" for m in runs[:2]) if run > 1 else ""
    kernel = f"ordered_{_name(access, stored)}_{len(sizes)}_{len(places)}_{moves}"
    parameters = ", ".join([*_parameters(access, stored), *(f"const i64 {n}" for n in names)])
    arguments = [*_arguments(access, data), *(Constant(n, dtypes.int64) for n in numbers)]
    source = f"KERNEL void {kernel}({parameters}) {{{body}}}\n"
    lanes = 1 if target.wide else min(64, target.max_lanes)
    return Launch(source, kernel, tuple(arguments), (-(-units * parts // lanes),), (lanes,))


def write(
    target: Target, access: Access, out: Layout, source: Layout | None, source_place: int, operands: int
) -> Program | None:
    """The result: a copy of ``source`` (None: zeros), then the points. ``operands`` counts all of the op's,
    behind which scratch memory comes. Halves, and on a GPU whatever has no atomic sum, are summed wider.
    """
    stored = access.dtype
    if access.mode == ADD and stored in HALVES:
        stored = dtypes.float32
    elif access.mode == ADD and not target.wide and stored.itemsize < 4:
        stored = dtypes.int32
    if not target.takes(stored):
        return None
    aside = stored is not access.dtype
    to = operands if aside else access.data
    begun = strided(out.shape, dense(out.shape, stored).strides if aside else out.strides, stored)
    if begun.strides != out.strides:  # the points were reckoned for the result's own memory
        return None
    first = (
        fill_launch(target, begun, to, Constant(0, compute_dtype(stored)))
        if source is None
        else copy_launch(target, begun, source, to, source_place)
    )
    if first is None:
        return None
    launches = [first]
    if access.total:
        launch = _write_launch(target, access, stored, to)
        if launch is None:
            return None
        launches.append(launch)
    if aside:
        last = copy_launch(target, out, begun, access.data, to)
        if last is None:
            return None
        launches.append(last)
    return Program(tuple(launches), (begun.nbytes,) if aside else ())


def _write_launch(target: Target, access: Access, stored: DType, data: int) -> Launch | None:
    if target.wide:
        return _ordered(target, access, stored, data)
    if access.mode == PUT:
        move = f"STORE_{stored.name}(x, x_first + i1 + j, LOAD_{stored.name}(y, y_first + i0));"
        return _walked(target, access, stored, data, [move])
    lines = _atomic(target, access, stored)
    if lines is None:
        return _ordered(target, access, stored, data)
    return _walked(target, access, stored, data, lines)


def read(target: Target, access: Access) -> Program | None:
    if not access.total:
        return Program(())
    name = access.dtype.name
    take = f"STORE_{name}(y, y_first + i0, LOAD_{name}(x, x_first + i1 + j));"
    launch = _walked(target, access, access.dtype, access.data, [take])
    return None if launch is None else Program((launch,))


# -- the ops


def _at_least_1d(layout: Layout) -> Layout:
    return layout if layout.ndim else strided((1,), (1,), layout.dtype)


def taken(target: Target, layouts: Sequence[Layout | None], dtype: DType) -> bool:
    return target.takes(dtype) and all(x is not None and x.dtype is dtype for x in layouts)


def build_along(
    target: Target,
    name: str,
    outs: tuple[Layout, ...],
    ins: Layouts,
    attrs: Mapping[str, Any],
    given: frozenset[int],
) -> Program | None:
    """``gather(input, dim, index)``, ``scatter(input, dim, index, src)`` and ``scatter_add``;
    ``index_select(input, dim, index)``, ``index_add(input, dim, index, source)`` and ``index_copy``.
    """
    (out,), (source, index, *rest) = outs, ins
    mode = TAKE if not rest else ADD if "add" in name else PUT
    if source is None or index is None or index.dtype not in INDEX_DTYPES or given:
        return None
    if not taken(target, (source, *rest), out.dtype):
        return None
    rows = _at_least_1d(out if mode == TAKE else rest[0])  # type: ignore[arg-type]
    data = _at_least_1d(source if mode == TAKE else out)
    index, dim = _at_least_1d(index), attrs["dim"]
    data_strides = tuple(0 if d == dim else s for d, s in enumerate(data.strides))
    if name.startswith("index"):
        shape = tuple(index.numel if d == dim else n for d, n in enumerate(data.shape))
        steps = tuple(index.strides[0] if d == dim else 0 for d in range(data.ndim))
    else:
        shape, steps = tuple(index.shape), index.strides
    found = Index(2, index.dtype, steps, data.shape[dim], data.strides[dim])
    access = Access(
        mode,
        out.dtype,
        shape,
        1 if mode == TAKE else 0,
        data_strides,
        0 if mode == TAKE else 3,
        rows.strides,
        (found,),
    )
    return read(target, access) if mode == TAKE else write(target, access, out, source, 1, 4)


def build_index(
    target: Target,
    name: str,
    outs: tuple[Layout, ...],
    ins: Layouts,
    attrs: Mapping[str, Any],
    given: frozenset[int],
) -> Program | None:
    """``index(input, indices)`` and ``index_put(input, indices, values, accumulate)``."""
    (out,), source = outs, ins[0]
    mode = TAKE if name == "index" else ADD if attrs["accumulate"] else PUT
    tensors = ins[1:] if mode == TAKE else ins[1:-1]
    indices = [i for i in tensors if i is not None and i.dtype in INDEX_DTYPES]
    if source is None or len(indices) != len(tensors) or given or not taken(target, (source,), out.dtype):
        return None
    where = broadcast_shapes(*[i.shape for i in indices])
    lead, data = len(indices), source if mode == TAKE else out
    shape = (*where, *source.shape[lead:])
    rows = out
    if mode != TAKE:
        values = ins[-1]
        if values is None or values.dtype is not out.dtype:
            return None
        rows = expand(values, shape)
    still = (0,) * (len(shape) - len(where))
    found = tuple(
        Index(2 + k, i.dtype, (*expand(i, where).strides, *still), data.shape[k], data.strides[k])
        for k, i in enumerate(indices)
    )
    access = Access(
        mode,
        out.dtype,
        shape,
        1 if mode == TAKE else 0,
        (*(0 for _ in where), *data.strides[lead:]),
        0 if mode == TAKE else 2 + lead,
        rows.strides,
        found,
        wrap=True,
    )
    return read(target, access) if mode == TAKE else write(target, access, out, source, 1, 3 + lead)


def build_embedding(
    target: Target,
    name: str,
    outs: tuple[Layout, ...],
    ins: Layouts,
    attrs: Mapping[str, Any],
    given: frozenset[int],
) -> Program | None:
    """``embedding(weight, indices)`` and ``embedding_backward(grad, indices, ...)``."""
    (out,), (first, index) = outs, ins
    if first is None or index is None or index.dtype not in INDEX_DTYPES or given:
        return None
    if not taken(target, (first,), out.dtype):
        return None
    forward = name == "embedding"
    data, rows = (first, out) if forward else (out, first)
    access = Access(
        TAKE if forward else ADD,
        out.dtype,
        tuple(rows.shape),
        1 if forward else 0,
        (*(0 for _ in index.shape), data.strides[1]),
        0 if forward else 1,
        rows.strides,
        (Index(2, index.dtype, (*index.strides, 0), data.shape[0], data.strides[0]),),
        padding=-1 if forward else attrs["padding_idx"],
    )
    return read(target, access) if forward else write(target, access, out, None, 0, 3)


def build_iota(
    target: Target,
    name: str,
    outs: tuple[Layout, ...],
    ins: Layouts,
    attrs: Mapping[str, Any],
    given: frozenset[int],
) -> Program | None:
    """``iota(length, dtype, start, step)``: computed in int64, or in float64 (float32 where the device has
    none) for floating dtypes.
    """
    out = outs[0]
    if not target.takes(out.dtype):
        return None
    steps = walk([out, strided(out.shape, (1,), dtypes.int64)])
    if steps is None or not steps.total:
        return Program(()) if not out.numel else None
    if out.dtype.is_floating_point:
        wide = dtypes.float64 if target.float64 else dtypes.float32
        value = f"({TYPES[compute_dtype(out.dtype).name]})(start + step * ({TYPES[wide.name]})i1)"
    else:
        wide = dtypes.int64
        value = "(u64)start + (u64)step * (u64)i1"
        value = f"({value}) != 0" if out.dtype is dtypes.bool_ else f"({TYPES[out.dtype.name]})({value})"
    kernel = f"iota_{out.dtype.name}_{steps.form}"
    store = f"STORE_{out.dtype.name}(o, o_first + i0, {value});"
    lines = "\n".join(f"    {line}" for line in steps.loop(target, 8, [store]))
    number = TYPES[wide.name]
    source = (
        f"KERNEL void {kernel}(GLOBAL {TYPES[out.dtype.name]} *RESTRICT o, const i64 o_first, "
        f"const {number} start, const {number} step, {steps.parameters()}) {{\n{lines}\n}}\n"
    )
    groups, lanes = steps.range(target)
    given_numbers = (Constant(attrs["start"], wide), Constant(attrs["step"], wide))
    return Program((Launch(source, kernel, (Memory(0), *given_numbers, *steps.arguments()), groups, lanes),))


BUILDERS: Final = {
    **dict.fromkeys(
        ("gather", "scatter", "scatter_add", "index_select", "index_copy", "index_add"), build_along
    ),
    **dict.fromkeys(("index", "index_put"), build_index),
    **dict.fromkeys(("embedding", "embedding_backward"), build_embedding),
    "iota": build_iota,
}

OF_INDICES: Final = (
    Threshold("indices", SMALL, "points that are worth dividing"),
    Threshold("width", NARROW, "elements that a work-item has at least"),
    Threshold("width", CHUNK, "elements of a row that a work-item has", every=True),
    Threshold("indices", 64, "lanes of a work-group", every=True),
)
THRESHOLDS: Final = {
    op: tuple(one for one in OF_INDICES if one.measure in (OPS[op].sizes or {})) for op in BUILDERS
}
