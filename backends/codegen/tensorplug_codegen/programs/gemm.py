"""Products of matrices of any origin: strided ones, windows of images, whatever a ``Side`` can read.

On a processor both sides are first packed into panels, ``ROWS`` rows of the one and two vectors' width of
columns of the other, depth by depth, filled up with zeros; then a block of results stays in registers while
the depth runs. Packing costs one pass, and takes care of strides, halves, edges and windows at once. On a GPU
a work-group brings tiles of both sides into local memory, and each lane has a block of results.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from tensorplug_dispatcher import dtypes
from tensorplug_dispatcher.dtypes import DType

from ..dialect import TYPES, Target
from ..program import Argument, Constant, Launch, Memory
from .elementwise import compute_dtype

ROWS: Final = 8  # of a block in registers
VECTOR: Final = 64  # bytes; a block has two vectors of columns
ITEM: Final = 1 << 21  # multiplications of a work-item, about 20 microseconds
STEP: Final = 16  # depth of a tile in local memory
RUN: Final = 512  # products that are added up before their sum is added to others: errors grow with it


@dataclass(frozen=True, slots=True)
class Side:
    """One matrix of each product of a batch, as source text over named numbers.

    ``parameters`` and ``arguments`` belong together. ``which`` says, as an expression of ``batch``, which of
    the ``count`` different matrices is meant; ``base`` are statements that use it. ``lane`` are numbers that
    a row (or column) ``index`` has, as (name, expression); ``depth`` are the loops that the depth consists
    of, as (variable, size, statements of each turn); ``value`` is the element. In expressions ``@name`` is a
    lane's number and ``@index`` the lane. ``along`` says that neighbours in memory are neighbours in depth.
    """

    dtype: DType
    parameters: tuple[str, ...]
    arguments: tuple[Argument, ...]
    depth: tuple[tuple[str, str, tuple[str, ...]], ...]
    value: str
    lane: tuple[tuple[str, str], ...] = ()
    base: tuple[str, ...] = ()
    which: str = "batch"
    count: int = 1
    along: bool = False
    mark: str = ""  # tells sources apart in a kernel's name


@dataclass(frozen=True, slots=True)
class Result:
    """Where the products go: matrix ``batch`` begins at ``base``, an expression; ``bias`` is one, too, of
    ``batch``, ``i`` and ``j``, of what is added; ``adds`` keeps what is there and adds to it.
    """

    dtype: DType
    parameters: tuple[str, ...]
    arguments: tuple[Argument, ...]
    statements: tuple[str, ...]
    base: str
    bias: str = ""
    adds: bool = False
    mark: str = ""


@dataclass(frozen=True, slots=True)
class Sizes:
    batch: int
    rows: int
    columns: int
    depth: int


def accumulator(dtype: DType) -> DType:
    """The dtype of sums of products; what is narrower wraps when it is stored."""
    wide = compute_dtype(dtype)
    return wide if wide.is_floating_point or wide.itemsize == 8 else dtypes.int32


def panel_columns(dtype: DType) -> int:
    return 2 * VECTOR // accumulator(dtype).itemsize


def panel_bytes(dtype: DType, sizes: Sizes, counts: tuple[int, int]) -> tuple[int, int]:
    """Scratch memory for the panels of both sides."""
    acc, columns = accumulator(dtype), panel_columns(dtype)
    return (
        counts[0] * -(-sizes.rows // ROWS) * ROWS * sizes.depth * acc.itemsize,
        counts[1] * -(-sizes.columns // columns) * columns * sizes.depth * acc.itemsize,
    )


def _lanes(text: str, wide: bool) -> str:
    text = text.replace("@index", "(first + l)" if wide else "index")
    return re.sub(r"@(\w+)", r"\1[l]" if wide else r"\1", text)


def _text(lines: Sequence[str]) -> str:
    return "\n".join(f"    {line}" for line in lines)


# -- processors


def pack(side: Side, width: int, lanes: int, depth: int, to: int, acc: DType) -> Launch:
    """Panels of ``width`` lanes of every matrix of a side, into operand ``to``."""
    type_ = TYPES[acc.name]
    panels = -(-lanes // width)
    lines = [
        "const i64 panel = GROUP(0) % panels, which = GROUP(0) / panels;",
        f"const i64 first = panel * {width}, some = lanes - first < {width} ? lanes - first : {width};",
        f"GLOBAL {type_} *RESTRICT to = o + (o_first + GROUP(0) * depth * {width});",
        *side.base,
    ]
    if side.lane:
        lines += [f"i64 {name}[{width}];" for name, _ in side.lane]
        lines += [f"for (i64 l = 0; l < {width}; l++) {{", "const i64 index = l < some ? first + l : first;"]
        lines += [f"{name}[l] = {_lanes(text, True)};" for name, text in side.lane]
        lines.append("}")
    for variable, size, statements in side.depth:
        lines.append(f"for (i64 {variable} = 0; {variable} < {size}; {variable}++) {{")
        lines += statements
    vectors = f"VECTORS({VECTOR // acc.itemsize if width * acc.itemsize >= VECTOR else width})"
    value = f"({type_})({_lanes(side.value, True)})"
    lines += [
        f"if (some == {width}) {{",
        vectors,
        f"for (i64 l = 0; l < {width}; l++) to[l] = {value};",
        "} else {",
        f"for (i64 l = 0; l < some; l++) to[l] = {value};",
        f"for (i64 l = some; l < {width}; l++) to[l] = 0;",
        "}",
        f"to += {width};",
    ]
    lines += ["}"] * len(side.depth)
    kernel = f"pack{width}_{side.dtype.name}_{acc.name}{side.mark}"
    parameters = [f"GLOBAL {type_} *RESTRICT o, const i64 o_first, const i64 lanes, const i64 depth"]
    parameters += ["const i64 panels", *side.parameters]
    source = f"KERNEL void {kernel}({', '.join(parameters)}) {{\n{_text(lines)}\n}}\n"
    numbers = (Constant(n, dtypes.int64) for n in (lanes, depth, panels))
    return Launch(source, kernel, (Memory(to), *numbers, *side.arguments), (side.count * panels,), (1,))


def product(sizes: Sizes, a: Side, b: Side, result: Result, places: tuple[int, int]) -> Launch:
    """The products of packed sides, whose panels are the operands ``places``."""
    acc = accumulator(result.dtype)
    type_, columns = TYPES[acc.name], panel_columns(result.dtype)
    n = columns // 2
    vector = {"float": "float", "double": "double", "i32": "int", "i64": "long"}[type_] + str(n)
    row_panels, column_panels = -(-sizes.rows // ROWS), -(-sizes.columns // columns)
    block = max(1, min(row_panels, ITEM // max(ROWS * columns * sizes.depth, 1)))
    blocks = -(-row_panels // block)
    stored = result.dtype
    lines = [
        "const i64 part = GROUP(0) % blocks, rest = GROUP(0) / blocks;",
        "const i64 panel = rest % column_panels, batch = rest / column_panels;",
        f"const i64 which_a = {a.which}, which_b = {b.which};",
        f"const i64 from = (which_b * column_panels + panel) * depth * {columns};",
        f"GLOBAL const {type_} *RESTRICT right = b + (b_first + from);",
        f"const i64 j0 = panel * {columns}, some = columns - j0 < {columns} ? columns - j0 : {columns};",
        "const i64 end = (part + 1) * block < row_panels ? (part + 1) * block : row_panels;",
        *result.statements,
        f"const i64 start = {result.base};",
        "for (i64 row = part * block; row < end; row++) {",
        f"GLOBAL const {type_} *RESTRICT x = a + (a_first + (which_a * row_panels + row) * depth * {ROWS});",
        f"GLOBAL const {type_} *RESTRICT y = right;",
        f"{type_} sums[{ROWS}][{columns}];",
        f"for (i64 k0 = 0; k0 == 0 || k0 < depth; k0 += {RUN}) {{",
        f"const i64 k1 = k0 + {RUN} < depth ? k0 + {RUN} : depth;",
        *(f"{vector} c{r}_0 = 0, c{r}_1 = 0;" for r in range(ROWS)),
        "for (i64 k = k0; k < k1; k++) {",
        f"const {vector} b0 = vload{n}(0, y), b1 = vload{n}(1, y);",
        *(f"{{ const {vector} v = x[{r}]; c{r}_0 += v * b0; c{r}_1 += v * b1; }}" for r in range(ROWS)),
        f"x += {ROWS}; y += {columns};",
        "}",
        "if (k0) {",
        *(f"c{r}_{h} += vload{n}({h}, sums[{r}]);" for r in range(ROWS) for h in range(2)),
        "}",
        *(f"vstore{n}(c{r}_{h}, {h}, sums[{r}]);" for r in range(ROWS) for h in range(2)),
        "}",
        f"const i64 i0 = row * {ROWS};",
    ]
    general = [
        f"const i64 rows_here = rows - i0 < {ROWS} ? rows - i0 : {ROWS};",
        "for (i64 r = 0; r < rows_here; r++) {",
        f"VECTORS({n})",
        "for (i64 l = 0; l < some; l++) {",
        "const i64 i = i0 + r, j = j0 + l, at = start + i * c_rows + j * c_columns;",
        f"{type_} sum = sums[r][l];",
        *_epilogue(result, type_),
        f"STORE_{stored.name}(c, at, sum);",
        "}",
        "}",
    ]
    if stored is acc and not result.bias and not result.adds:
        lines += [
            f"if (some == {columns} && i0 + {ROWS} <= rows && c_columns == 1) {{",
            f"GLOBAL {type_} *to = c + (start + i0 * c_rows + j0);",
            *(
                f"vstore{n}(vload{n}({h}, sums[{r}]), {h}, to + {r} * c_rows);"
                for r in range(ROWS)
                for h in range(2)
            ),
            "} else {",
            *general,
            "}",
        ]
    else:
        lines += general
    lines.append("}")
    kernel = f"product_{stored.name}{a.mark}{b.mark}{result.mark}"
    names = ["rows", "columns", "depth", "row_panels", "column_panels", "block", "blocks"]
    numbers = [sizes.rows, sizes.columns, sizes.depth, row_panels, column_panels, block, blocks]
    parameters = [
        f"GLOBAL const {type_} *RESTRICT a, const i64 a_first",
        f"GLOBAL const {type_} *RESTRICT b, const i64 b_first",
        *(f"const i64 {name}" for name in names),
        *result.parameters,
    ]
    source = f"KERNEL void {kernel}({', '.join(parameters)}) {{\n{_text(lines)}\n}}\n"
    arguments = (
        *map(Memory, places),
        *(Constant(x, dtypes.int64) for x in numbers),
        *result.arguments,
    )
    return Launch(source, kernel, arguments, (sizes.batch * column_panels * blocks,), (1,))


def _epilogue(result: Result, type_: str) -> list[str]:
    lines = []
    if result.adds:
        lines.append(f"sum += LOAD_{result.dtype.name}(c, at);")
    if result.bias:
        lines.append(f"sum += ({type_})({result.bias});")
    return lines


# -- GPUs


def tiled(target: Target, sizes: Sizes, a: Side, b: Side, result: Result) -> Launch | None:
    """The products through local memory."""
    acc = accumulator(result.dtype)
    type_ = TYPES[acc.name]
    across = 16 if target.max_lanes >= 256 else 8
    lanes, tile = across * across, 4 * across
    pitch = tile + 1
    if target.max_lanes < lanes or 2 * STEP * pitch * acc.itemsize > target.local_bytes:
        return None
    down, along = -(-sizes.rows // tile), -(-sizes.columns // tile)
    lines = [
        f"LOCAL({type_}, ta, {STEP * pitch});",
        f"LOCAL({type_}, tb, {STEP * pitch});",
        "const i64 tile_j = GROUP(0) % along, rest = GROUP(0) / along;",
        "const i64 tile_i = rest % down, batch = rest / down;",
        f"const int lane = (int)LANE(0), tx = lane % {across}, ty = lane / {across};",
        f"{type_} sums[4][4], totals[4][4];",
        "for (int r = 0; r < 4; r++) for (int s = 0; s < 4; s++) sums[r][s] = totals[r][s] = 0;",
        f"for (i64 k0 = 0; k0 < depth; k0 += {STEP}) {{",
        *_load(a, "ta", f"tile_i * {tile}", "rows", tile, pitch, lanes, type_),
        *_load(b, "tb", f"tile_j * {tile}", "columns", tile, pitch, lanes, type_),
        "BARRIER;",
        f"for (int k = 0; k < {STEP}; k++) {{",
        f"{type_} x[4], y[4];",
        f"for (int r = 0; r < 4; r++) x[r] = ta[k * {pitch} + ty + r * {across}];",
        f"for (int s = 0; s < 4; s++) y[s] = tb[k * {pitch} + tx + s * {across}];",
        "for (int r = 0; r < 4; r++) for (int s = 0; s < 4; s++) sums[r][s] += x[r] * y[s];",
        "}",
        "BARRIER;",
        f"if (k0 % {RUN} == {RUN - STEP})",
        "for (int r = 0; r < 4; r++) for (int s = 0; s < 4; s++) {",
        "totals[r][s] += sums[r][s]; sums[r][s] = 0;",
        "}",
        "}",
        *result.statements,
        f"const i64 start = {result.base};",
        "for (int r = 0; r < 4; r++) for (int s = 0; s < 4; s++) {",
        f"const i64 i = tile_i * {tile} + ty + r * {across}, j = tile_j * {tile} + tx + s * {across};",
        "if (i >= rows || j >= columns) continue;",
        "const i64 at = start + i * c_rows + j * c_columns;",
        f"{type_} sum = totals[r][s] + sums[r][s];",
        *_epilogue(result, type_),
        f"STORE_{result.dtype.name}(c, at, sum);",
        "}",
    ]
    kernel = f"tiled_{result.dtype.name}{a.mark}{b.mark}{result.mark}"
    names = ["rows", "columns", "depth", "down", "along"]
    numbers = [sizes.rows, sizes.columns, sizes.depth, down, along]
    parameters = [*(f"const i64 {n}" for n in names), *a.parameters, *b.parameters, *result.parameters]
    source = f"KERNEL void {kernel}({', '.join(parameters)}) {{\n{_text(lines)}\n}}\n"
    arguments = (
        *(Constant(x, dtypes.int64) for x in numbers),
        *a.arguments,
        *b.arguments,
        *result.arguments,
    )
    return Launch(source, kernel, arguments, (sizes.batch * down * along,), (lanes,))


def _load(
    side: Side, tile: str, first: str, limit: str, size: int, pitch: int, lanes: int, type_: str
) -> list[str]:
    """A tile of one side into local memory, neighbouring lanes from neighbouring memory."""
    at = (f"e / {STEP}", f"e % {STEP}") if side.along else (f"e % {size}", f"e / {size}")
    decode = []
    rest = "k"
    for position, (variable, extent, _) in reversed(list(enumerate(side.depth))):
        if position:
            decode.append(f"const i64 {variable} = {rest} % {extent};")
            decode.append(f"const i64 {variable}_rest = {rest} / {extent};")
            rest = f"{variable}_rest"
        else:
            decode.append(f"const i64 {variable} = {rest};")
    if len(side.depth) == 1 and side.depth[0][0] == "k":
        decode = []
    for _, _, statements in side.depth:
        decode += statements
    return [
        f"for (int e = lane; e < {size * STEP}; e += {lanes}) {{",
        f"const int own = {at[0]}, at = {at[1]};",
        f"const i64 index = {first} + own, k = k0 + at, which = {side.which};",
        f"{type_} value = 0;",
        f"if (index < {limit} && k < depth) {{",
        *side.base,
        *(f"const i64 {name} = {_lanes(text, False)};" for name, text in side.lane),
        *decode,
        f"value = ({type_})({_lanes(side.value, False)});",
        "}",
        f"{tile}[at * {pitch} + own] = value;",
        "}",
    ]


def launches(
    target: Target, sizes: Sizes, a: Side, b: Side, result: Result, scratch: int
) -> tuple[list[Launch], tuple[int, ...]] | None:
    """What computes the products, and its scratch memory, which comes from operand ``scratch`` on."""
    if math.prod((sizes.batch, sizes.rows, sizes.columns)) == 0:
        return [], ()
    if not target.wide:
        launch = tiled(target, sizes, a, b, result)
        return None if launch is None else ([launch], ())
    acc = accumulator(result.dtype)
    found = []
    if sizes.depth:
        found = [
            pack(a, ROWS, sizes.rows, sizes.depth, scratch, acc),
            pack(b, panel_columns(result.dtype), sizes.columns, sizes.depth, scratch + 1, acc),
        ]
    found.append(product(sizes, a, b, result, (scratch, scratch + 1)))
    first, second = panel_bytes(result.dtype, sizes, (a.count, b.count))
    return found, (max(first, 64), max(second, 64))
