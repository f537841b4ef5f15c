"""matmul, addmm and linear: any strides, batches broadcast by strides of 0.

On a processor three ways, by the sizes: packed panels; for few rows, sums along rows of the second matrix;
for few columns, inner products. All but the first read the matrices where they lie.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

from tensorplug_dispatcher import dtypes
from tensorplug_dispatcher.dtypes import DType
from tensorplug_dispatcher.layout import Layout, dense, strided
from tensorplug_dispatcher.thresholds import Threshold

from ..dialect import TYPES, Target
from ..indexing import collapse
from ..program import Argument, Constant, Launch, Memory, Program
from .gemm import ITEM, ROWS, RUN, STEP, VECTOR, Result, Side, Sizes, accumulator, launches

FEW_ROWS: Final = 8
FEW_COLUMNS: Final = 16
SMALL: Final = 1 << 15  # multiplications that are not worth packing
COLUMNS: Final = 256  # of a work-item with few rows
TOGETHER: Final = 4  # rows of it
DOTS: Final = 4096  # elements that a work-item's inner products read at least


class _Batch:
    """The batch dimensions of the operands, collapsed, as parameters of a kernel."""

    def __init__(self, shape: Sequence[int], strides: Sequence[Sequence[int]]) -> None:
        self.sizes, self.strides = collapse(shape, strides, ordered=True)
        self.count = math.prod(shape)

    def side(self, operand: int, name: str, given: str) -> tuple[list[str], list[Constant], list[str]]:
        """Parameters, arguments, and the statements that give ``name``0, where matrix ``given`` begins."""
        steps = self.strides[operand]
        if self.count == 1:
            return [], [], []
        names, numbers, terms, rest = [], [], [], given
        for d in range(len(self.sizes) - 1, -1, -1):
            names += [f"{name}n{d}", f"{name}s{d}"]
            numbers += [self.sizes[d], steps[d]]
            terms.append(f"({rest} % {name}n{d}) * {name}s{d}" if d else f"({rest}) * {name}s{d}")
            rest = f"({rest} / {name}n{d})"
        return (
            [f"const i64 {n}" for n in names],
            [Constant(n, dtypes.int64) for n in numbers],
            [f"const i64 {name}0 = {' + '.join(terms)};"],
        )


def _side(name: str, place: int, dtype: DType, lane: int, deep: int, batch: _Batch, operand: int) -> Side:
    """A strided matrix: ``lane`` and ``deep`` are its strides along its rows (or columns) and the depth."""
    still = not any(batch.strides[operand])
    parameters, numbers, base = batch.side(operand, name, "which")
    if still:
        parameters, numbers, base = [], [], []
    start = f"{name}_first" + (f" + {name}0" if base else "")
    steps = ("" if lane == 1 else f" * {name}_lane", "" if deep == 1 else f" * {name}_deep")
    given = [(n, s) for n, s in ((f"{name}_lane", lane), (f"{name}_deep", deep)) if s != 1]
    return Side(
        dtype,
        (
            f"GLOBAL const {TYPES[dtype.name]} *RESTRICT {name}, const i64 {name}_first",
            *(f"const i64 {n}" for n, _ in given),
            *parameters,
        ),
        (Memory(place), *(Constant(s, dtypes.int64) for _, s in given), *numbers),
        (("k", "depth", ()),),
        f"LOAD_{dtype.name}({name}, {start} + @index{steps[0]} + k{steps[1]})",
        base=tuple(base),
        which="0" if still else "batch",
        count=1 if still else batch.count,
        along=deep == 1,
        mark=f"_{name}{len(parameters)}{'l' if lane == 1 else ''}{'d' if deep == 1 else ''}",
    )


def build_product(
    target: Target,
    out: Layout,
    a: Layout,
    b: Layout,
    places: tuple[int, int, int],
    operands: int,
    bias: tuple[int, int] = (0, 0),
) -> Program | None:
    """``out = a @ b``; ``places``: the operands a, b and bias (-1: none), whose steps by row and column are
    ``bias``; ``operands`` counts all of the op's.
    """
    dtype = out.dtype
    if dtype is dtypes.bool_ or not (target.takes(dtype) and a.dtype is dtype and b.dtype is dtype):
        return None
    if out.numel == 0:
        return Program(())
    rows, depth, columns = a.shape[-2], a.shape[-1], b.shape[-1]
    (a_row, a_deep), (b_deep, b_column) = a.strides[-2:], b.strides[-2:]
    c_row, c_column = out.strides[-2:]
    shape = list(out.shape[:-2])
    steps = [list(x.strides[:-2]) for x in (a, b, out)]
    if shape and not steps[1][-1] and not bias[0]:
        # one matrix for all of b: the last batch dimension of a and its rows may be one
        own = (steps[0][-1], a_row), (steps[2][-1], c_row)
        if rows == 1 or all(outer == rows * inner for outer, inner in own):
            (a_row, c_row) = (own[0][0], own[1][0]) if rows == 1 else (a_row, c_row)
            rows *= shape.pop()
            for each in steps:
                each.pop()
    batch = _Batch(shape, steps)
    first = _side("a", places[0], dtype, a_row, a_deep, batch, 0)
    second = _side("b", places[1], dtype, b_column, b_deep, batch, 1)
    parameters, numbers, statements = batch.side(2, "c", "batch")
    base = "c_first + c0" if statements else "c_first"
    type_ = TYPES[dtype.name]
    c_parameters = [f"GLOBAL {type_} *c, const i64 c_first, const i64 c_rows, const i64 c_columns"]
    c_arguments: list[Argument] = [Memory(0)]
    c_arguments += [Constant(c_row, dtypes.int64), Constant(c_column, dtypes.int64)]
    text = ""
    if places[2] >= 0:
        c_parameters.append(
            f"GLOBAL const {type_} *bias, const i64 bias_first, const i64 bias_row, const i64 bias_column"
        )
        c_arguments += [Memory(places[2]), *(Constant(s, dtypes.int64) for s in bias)]
        text = f"LOAD_{dtype.name}(bias, bias_first + i * bias_row + j * bias_column)"
    result = Result(
        dtype,
        (*c_parameters, *parameters),
        (*c_arguments, *numbers),
        tuple(statements),
        base,
        text,
        mark=f"_c{len(parameters)}{'b' if text else ''}",
    )
    sizes = Sizes(batch.count, rows, columns, depth)
    if target.wide and (
        rows < FEW_ROWS or columns < FEW_COLUMNS or rows * columns * depth * batch.count < SMALL
    ):
        along_columns = b_column == 1 and columns >= FEW_COLUMNS or abs(b_column) < abs(b_deep)
        return Program((_direct(sizes, first, second, result, along_columns),))
    made = launches(target, sizes, first, second, result, operands)
    return None if made is None else Program(tuple(made[0]), made[1])


_COLUMNS = """
    const i64 block = GROUP(0) % blocks, rest = GROUP(0) / blocks;
    const i64 i0 = rest % row_blocks * {R}, batch = rest / row_blocks;
    const i64 j0 = block * {C}, width = columns - j0 < {C} ? columns - j0 : {C};
    const i64 height = rows - i0 < {R} ? rows - i0 : {R};
    {T} sums[{R}][{C}], part[{R}][{C}];
    {base}
    for (i64 r = 0; r < {R}; r++)
        for (i64 l = 0; l < width; l++) sums[r][l] = part[r][l] = 0;
    for (i64 k = 0; k < depth; k++) {{
        {T} line[{C}];
        VECTORS({V})
        for (i64 l = 0; l < width; l++) line[l] = {b};
        for (i64 r = 0; r < height; r++) {{
            const {T} x = {a};
            VECTORS({V})
            for (i64 l = 0; l < width; l++) part[r][l] += x * line[l];
        }}
        if (k % {RUN} != {RUN} - 1 && k + 1 < depth) continue;
        for (i64 r = 0; r < height; r++) {{
            VECTORS({V})
            for (i64 l = 0; l < width; l++) {{ sums[r][l] += part[r][l]; part[r][l] = 0; }}
        }}
    }}
    {statements}
    const i64 start = {start};
    for (i64 r = 0; r < height; r++)
        for (i64 l = 0; l < width; l++) {{
            const i64 i = i0 + r, j = j0 + l, at = start + i * c_rows + j * c_columns;
            {T} sum = sums[r][l];
            {epilogue}
            STORE_{D}(c, at, sum);
        }}
"""
_DOTS = """
    const i64 begin = GROUP(0) * block, last = batches * rows * columns;
    const i64 end = begin + block < last ? begin + block : last;
    for (i64 which = begin; which < end; which++) {{
        const i64 j = which % columns, i = which / columns % rows, batch = which / columns / rows;
        {T} part[{L}], sum = 0;
        {base}
        for (int l = 0; l < {L}; l++) part[l] = 0;
        i64 k0 = 0;
        for (; k0 + {L} <= depth; k0 += {L}) {{
            VECTORS({V})
            for (int l = 0; l < {L}; l++) {{ const i64 k = k0 + l; part[l] += {a} * {b}; }}
        }}
        for (i64 k = k0; k < depth; k++) sum += {a} * {b};
        for (int l = 0; l < {L}; l++) sum += part[l];
        {statements}
        const i64 at = {start} + i * c_rows + j * c_columns;
        {epilogue}
        STORE_{D}(c, at, sum);
    }}
"""


def _direct(sizes: Sizes, a: Side, b: Side, result: Result, along_columns: bool) -> Launch:
    """Products of matrices where they lie, on a processor."""
    acc = accumulator(result.dtype)
    type_, lanes = TYPES[acc.name], VECTOR // acc.itemsize
    base = []
    for side in (a, b):
        base += [text.replace("which", f"({side.which})") for text in side.base]
    epilogue = f"sum += ({type_})({result.bias});" if result.bias else ""
    a_at, b_at = ("(i0 + r)", "(j0 + l)") if along_columns else ("i", "j")
    text = (_COLUMNS if along_columns else _DOTS).format(
        T=type_,
        D=result.dtype.name,
        R=TOGETHER,
        C=COLUMNS,
        V=lanes,
        L=2 * lanes,
        RUN=RUN,
        base="\n    ".join(base),
        a=f"({type_}){a.value.replace('@index', a_at)}",
        b=f"({type_}){b.value.replace('@index', b_at)}",
        statements="\n    ".join(result.statements),
        start=result.base,
        epilogue=epilogue,
    )
    names = ["batches", "rows", "columns", "depth"]
    numbers = [sizes.batch, sizes.rows, sizes.columns, sizes.depth]
    if along_columns:
        blocks, row_blocks = -(-sizes.columns // COLUMNS), -(-sizes.rows // TOGETHER)
        names, numbers = [*names, "blocks", "row_blocks"], [*numbers, blocks, row_blocks]
        groups = sizes.batch * blocks * row_blocks
    else:
        block = max(1, DOTS // max(sizes.depth, 1))
        names, numbers = [*names, "block"], [*numbers, block]
        groups = -(-sizes.batch * sizes.rows * sizes.columns // block)
    kernel = f"{'few_rows' if along_columns else 'dots'}_{result.dtype.name}{a.mark}{b.mark}{result.mark}"
    parameters = [*(f"const i64 {n}" for n in names), *a.parameters, *b.parameters, *result.parameters]
    source = f"KERNEL void {kernel}({', '.join(parameters)}) {{{text}}}\n"
    arguments = (
        *(Constant(n, dtypes.int64) for n in numbers),
        *a.arguments,
        *b.arguments,
        *result.arguments,
    )
    return Launch(source, kernel, arguments, (groups,), (1,))


def build_matmul(
    target: Target,
    name: str,
    outs: tuple[Layout, ...],
    ins: tuple[Layout | None, ...],
    attrs: Mapping[str, Any],
    given: frozenset[int],
) -> Program | None:
    a, b = ins
    if a is None or b is None or given:
        return None
    return build_product(target, outs[0], a, b, (1, 2, -1), 3)


def build_addmm(
    target: Target,
    name: str,
    outs: tuple[Layout, ...],
    ins: tuple[Layout | None, ...],
    attrs: Mapping[str, Any],
    given: frozenset[int],
) -> Program | None:
    """``addmm(bias, a, b)``: the bias broadcasts to the product."""
    bias, a, b = ins
    if bias is None or a is None or b is None or given or bias.dtype is not a.dtype:
        return None
    shape, strides = (1, 1, *bias.shape)[-2:], (0, 0, *bias.strides)[-2:]
    row, column = (0 if n == 1 else s for n, s in zip(shape, strides, strict=True))
    return build_product(target, outs[0], a, b, (2, 3, 1), 4, (row, column))


def build_linear(
    target: Target,
    name: str,
    outs: tuple[Layout, ...],
    ins: tuple[Layout | None, ...],
    attrs: Mapping[str, Any],
    given: frozenset[int],
) -> Program | None:
    """``linear(input, weight, bias)``: leading dimensions that are not one stride apart are a batch."""
    x, weight, bias = ins
    out = outs[0]
    if x is None or weight is None or given or (bias is not None and bias.dtype is not x.dtype):
        return None
    lead, (x_steps, out_steps) = collapse(x.shape[:-1], (x.strides[:-1], out.strides[:-1]), ordered=True)
    inner, outer = x.shape[-1], weight.shape[0]
    if x.numel == 0 and out.numel:  # sums over nothing
        x, lead, x_steps = dense((out.numel // outer, 0), x.dtype), [out.numel // outer], [0]
        lead, (x_steps, out_steps) = collapse(out.shape[:-1], (out.strides[:-1],) * 2, ordered=True)
    a = strided((*lead, inner), (*x_steps, x.strides[-1]), x.dtype)
    c = strided((*lead, outer), (*out_steps, out.strides[-1]), x.dtype)
    b = strided((*lead[:-1], inner, outer), (*(0 for _ in lead[1:]), *weight.strides[::-1]), weight.dtype)
    bias_place, bias_step = (-1, 0) if bias is None else (3, bias.strides[0])
    return build_product(target, c, a, b, (1, 2, bias_place), 4, (0, bias_step))


BUILDERS: Final = {"matmul": build_matmul, "addmm": build_addmm, "linear": build_linear}

_OF_PRODUCTS: Final = (
    Threshold("rows", FEW_ROWS - 1, "too few rows to pack"),
    Threshold("columns", FEW_COLUMNS - 1, "too few columns to pack"),
    Threshold("work", SMALL - 1, "too few multiplications to pack"),
    Threshold("work", ITEM, "several work-items share a panel"),
    Threshold("columns", COLUMNS, "of a work-item with few rows", every=True),
    Threshold("rows", TOGETHER, "rows of it", every=True),
    Threshold("inner", DOTS, "a work-item has one inner product"),
    Threshold("rows", ROWS, "a block in registers", every=True),
    Threshold("columns", 2 * VECTOR // 4, "two vectors of a block", every=True),
    Threshold("inner", STEP, "the depth of a tile", every=True),
    Threshold("inner", RUN, "sums are added to others", every=True),
    Threshold("rows", 64, "a tile of a work-group", every=True),
    Threshold("columns", 64, "a tile of a work-group", every=True),
)
THRESHOLDS: Final = dict.fromkeys(BUILDERS, _OF_PRODUCTS)
