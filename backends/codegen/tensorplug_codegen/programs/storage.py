"""Copy, cast and fill: any strides to any strides. Other families begin and end with them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from tensorplug_dispatcher import dtypes
from tensorplug_dispatcher.dtypes import DType
from tensorplug_dispatcher.layout import Layout
from tensorplug_dispatcher.ops import OPS
from tensorplug_dispatcher.thresholds import Threshold

from ..dialect import TYPES, Target
from ..indexing import collapse
from ..program import Argument, Constant, Launch, Memory, Program, Value
from .elementwise import compute_dtype
from .walk import ELEMENTS, RUNS, walk

_UNITS: Final = {1: "u8", 2: "u16", 4: "u32", 8: "u64"}
TILE: Final = 32  # rows and columns that are transposed together
SMALLEST_PLANE: Final = 8  # rows or columns of a matrix that is not worth tiles


def copy_launch(
    target: Target, out: Layout, source: Layout, to: int = 0, origin: int = 1, shift: int = 0
) -> Launch | None:
    """``source``, operand ``origin``, into the operand ``to`` from element ``shift`` on; it is converted
    where the dtypes differ. There must be elements. None where there are too many dimensions.
    """
    places = (Memory(to), Constant(shift, dtypes.int64), Memory(origin))
    if out.dtype is source.dtype:
        plane = _plane(target, out, source, places)
        if plane is not None:
            return plane
    steps = walk([out, source])
    if steps is None:
        return None
    if out.dtype is source.dtype:
        unit = _UNITS[out.itemsize]
        kernel, types = f"copy_{unit}_{steps.form}", (unit, unit)
        move = "o[o_first + shift + i0] = p[p_first + i1];"
    else:
        kernel = f"cast_{source.dtype.name}_{out.dtype.name}_{steps.form}"
        types = (TYPES[out.dtype.name], TYPES[source.dtype.name])
        move = f"STORE_{out.dtype.name}(o, o_first + shift + i0, {_converted(source.dtype, out.dtype)});"
    widest = max(out.itemsize, source.itemsize)
    lines = "\n".join(f"    {line}" for line in steps.loop(target, widest, [move], stored=widest))
    text = (
        f"KERNEL void {kernel}(GLOBAL {types[0]} *RESTRICT o, const i64 o_first, const i64 shift, "
        f"GLOBAL const {types[1]} *RESTRICT p, const i64 p_first, {steps.parameters()}) {{\n{lines}\n}}\n"
    )
    groups, lanes = steps.range(target, widest)
    return Launch(text, kernel, (*places, *steps.arguments()), groups, lanes)


def fill_launch(target: Target, out: Layout, to: int, value: Argument) -> Launch | None:
    """Operand ``to`` filled with a number; there must be elements."""
    steps = walk([out])
    if steps is None:
        return None
    kernel = f"fill_{out.dtype.name}_{steps.form}"
    store = f"STORE_{out.dtype.name}(o, o_first + i0, value);"
    lines = "\n".join(
        f"    {line}" for line in steps.loop(target, out.itemsize, [store], stored=out.itemsize)
    )
    text = (
        f"KERNEL void {kernel}(GLOBAL {TYPES[out.dtype.name]} *RESTRICT o, const i64 o_first, "
        f"const {TYPES[compute_dtype(out.dtype).name]} value, {steps.parameters()}) {{\n{lines}\n}}\n"
    )
    groups, lanes = steps.range(target, out.itemsize)
    return Launch(text, kernel, (Memory(to), value, *steps.arguments()), groups, lanes)


def _converted(source: DType, out: DType) -> str:
    """The element converted, floating to integer as ``conversion.integer_of`` has it: a cast alone gives what
    the device happens to give.
    """
    value = f"LOAD_{source.name}(p, p_first + i1)"
    if out is dtypes.bool_:
        return f"{value} != 0"
    if source.is_floating_point and not out.is_floating_point:
        wide = out is dtypes.int64 or (
            out is dtypes.uint8 and source is dtypes.float64
        )  # float32 has none below 256
        bits, lowest = (63, "i64") if wide else (31, "i32")
        bound = f"{2.0**bits}{'' if source is dtypes.float64 else 'f'}"
        inside = f"{value} > -{bound} && {value} < {bound}"
        return f"({TYPES[out.name]})({inside} ? ({lowest}){value} : ({lowest})1 << {bits})"
    return f"({TYPES[compute_dtype(out).name]}){value}"


# -- transposed matrices: by tiles, so that memory is read and written in whole lines

_WIDE_PLANE = """
    const i64 across = (rows + {N} - 1) / {N};
    const i64 row = GROUP(0) % across * {N}, which = GROUP(0) / across;
    const i64 height = rows - row < {N} ? rows - row : {N};
    GLOBAL {T} *RESTRICT to = o + o_first + shift + {to};
    GLOBAL const {T} *RESTRICT from = p + p_first + {from};
    {T} tile[{N}][{N}];
    for (i64 column = 0; column < columns; column += {N}) {{
        const i64 width = columns - column < {N} ? columns - column : {N};
        for (i64 j = 0; j < width; j++)
            for (i64 i = 0; i < height; i++) tile[j][i] = from[row + i + (column + j) * from_step];
        for (i64 i = 0; i < height; i++)
            for (i64 j = 0; j < width; j++) to[(row + i) * to_step + column + j] = tile[j][i];
    }}
"""
_GPU_PLANE = """
    LOCAL({T}, tile, {N} * ({N} + 1));
    const i64 across = (rows + {N} - 1) / {N}, along = (columns + {N} - 1) / {N};
    const i64 column = GROUP(0) % along * {N}, row = GROUP(0) / along % across * {N};
    const i64 which = GROUP(0) / along / across;
    GLOBAL {T} *to = o + o_first + shift + {to};
    GLOBAL const {T} *from = p + p_first + {from};
    for (i64 j = LANE(0) / {N}; j < {N}; j += LANES(0) / {N}) {{
        const i64 i = LANE(0) % {N};
        if (column + j < columns && row + i < rows)
            tile[j * ({N} + 1) + i] = from[row + i + (column + j) * from_step];
    }}
    BARRIER;
    for (i64 i = LANE(0) / {N}; i < {N}; i += LANES(0) / {N}) {{
        const i64 j = LANE(0) % {N};
        if (column + j < columns && row + i < rows)
            to[(row + i) * to_step + column + j] = tile[j * ({N} + 1) + i];
    }}
"""


def _plane(
    target: Target, out: Layout, source: Layout, places: tuple[Memory, Constant, Memory]
) -> Launch | None:
    """The last dimension contiguous in the result, another in the source; None for other strides."""
    sizes, (to, origin) = collapse(out.shape, (out.strides, source.strides))
    turned = next((d for d, s in enumerate(origin[:-1]) if s == 1 and sizes[d] >= SMALLEST_PLANE), None)
    if turned is None or to[-1] != 1 or abs(origin[-1]) <= 1 or sizes[-1] < SMALLEST_PLANE or len(sizes) > 5:
        return None
    others = [d for d in range(len(sizes) - 1) if d != turned]
    rows, columns = sizes[turned], sizes[-1]
    lanes = 1 if target.wide else min(256, target.max_lanes)
    if lanes % TILE and not target.wide:
        return None
    unit = _UNITS[out.itemsize]
    names, terms, rest = [], (["0"], ["0"]), "which"
    for k, _ in enumerate(others):
        at = f"({rest} % z{k})" if k + 1 < len(others) else rest
        rest = f"({rest} / z{k})"
        names.append(f"const i64 z{k}, const i64 t{k}, const i64 f{k}")
        terms[0].append(f"{at} * t{k}")
        terms[1].append(f"{at} * f{k}")
    body = (_WIDE_PLANE if target.wide else _GPU_PLANE).format(
        T=unit, N=TILE, to=" + ".join(terms[0]), **{"from": " + ".join(terms[1])}
    )
    kernel = f"transpose_{unit}_{len(others)}"
    tail = "".join(f", {name}" for name in names)
    text = (
        f"KERNEL void {kernel}(GLOBAL {unit} *o, const i64 o_first, const i64 shift, GLOBAL const {unit} *p, "
        f"const i64 p_first, const i64 rows, const i64 columns, const i64 to_step, const i64 from_step{tail})"
        f" {{{body}}}\n"
    )
    numbers = [rows, columns, to[turned], origin[-1]]
    count = -(-rows // TILE) * (1 if target.wide else -(-columns // TILE))
    for d in others:
        numbers += [sizes[d], to[d], origin[d]]
        count *= sizes[d]
    arguments: tuple[Argument, ...] = (*places, *(Constant(n, dtypes.int64) for n in numbers))
    return Launch(text, kernel, arguments, (count,), (lanes,))


# -- builders


def build_copy(
    target: Target,
    name: str,
    outs: tuple[Layout, ...],
    ins: tuple[Layout | None, ...],
    attrs: Mapping[str, Any],
    numbers: frozenset[int],
) -> Program | None:
    """``copy`` moves bits, whatever they mean; ``cast`` converts."""
    out, source = outs[0], ins[0]
    if source is None or not (target.takes(out.dtype) and target.takes(source.dtype)):
        return None
    if not out.numel:
        return Program(())
    launch = copy_launch(target, out, source)
    return None if launch is None else Program((launch,))


def build_fill(
    target: Target,
    name: str,
    outs: tuple[Layout, ...],
    ins: tuple[Layout | None, ...],
    attrs: Mapping[str, Any],
    numbers: frozenset[int],
) -> Program | None:
    out = outs[0]
    if not target.takes(out.dtype):
        return None
    if not out.numel:
        return Program(())
    launch = fill_launch(target, out, 0, Value(0, compute_dtype(out.dtype)))
    return None if launch is None else Program((launch,))


def build_cat(
    target: Target,
    name: str,
    outs: tuple[Layout, ...],
    ins: tuple[Layout | None, ...],
    attrs: Mapping[str, Any],
    numbers: frozenset[int],
) -> Program | None:
    """``cat(tensors, dim)`` and ``stack(tensors, dim)``: one copy an input, into its part of the result."""
    from tensorplug_dispatcher.layout import strided

    out = outs[0]
    dim = attrs["dim"] % out.ndim
    launches, start = [], 0
    for place, source in enumerate(ins):
        if source is None or not (target.takes(out.dtype) and target.takes(source.dtype)):
            return None
        if name == "stack":
            shape, strides = list(source.shape), list(source.strides)
            shape.insert(dim, 1)
            strides.insert(dim, 0)
            source = strided(shape, strides, source.dtype)
        if not source.numel:
            continue
        part = strided(source.shape, out.strides, out.dtype)
        launch = copy_launch(target, part, source, 0, 1 + place, start * out.strides[dim])
        if launch is None:
            return None
        launches.append(launch)
        start += source.shape[dim]
    return Program(tuple(launches))


BUILDERS: Final = {
    "copy": build_copy,
    "cast": build_copy,
    "fill": build_fill,
    "cat": build_cat,
    "stack": build_cat,
}

_PLANES: Final = (
    Threshold("side", SMALLEST_PLANE - 1, "a matrix that is not worth tiles"),
    Threshold("side", TILE, "rows and columns that are transposed together", every=True),
)
THRESHOLDS: Final = {
    op: tuple(one for one in (*ELEMENTS, *RUNS, *_PLANES) if one.measure in (OPS[op].sizes or {}))
    for op in BUILDERS
}
