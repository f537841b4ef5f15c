"""Products of matrices as BLAS wants them: leading dimensions and transpositions in the place of strides.

BLAS numbers by columns. A row-major matrix read so is its transpose, hence a row-major product C = A B is
asked for as C' = B' A': the second operand comes first, and nothing is copied.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tensorplug_codegen.indexing import collapse
from tensorplug_dispatcher.dtypes import DType
from tensorplug_dispatcher.layout import Layout

LARGEST = (1 << 31) - 1  # BLAS numbers rows and columns with 32 bits


@dataclass(frozen=True, slots=True)
class Matrix:
    """Operand ``place`` as a batch of matrices. ``flipped``: it lies by columns; ``leading`` is the distance
    of its rows (columns, if flipped), ``step`` that of two matrices of the batch, in elements.
    """

    place: int
    rows: int
    columns: int
    leading: int
    flipped: bool
    step: int = 0

    def transposed(self) -> Matrix:
        return Matrix(self.place, self.columns, self.rows, self.leading, not self.flipped, self.step)


@dataclass(frozen=True, slots=True)
class Product:
    """``out = a @ b`` (+ operand ``bias``, of layout ``bias_layout``, where there is one), row-major in
    ``out``, ``count`` times. ``swapped``: these are the transposes of what the op was given.
    """

    dtype: DType
    out: Matrix
    a: Matrix
    b: Matrix
    count: int
    bias: int = 0
    bias_layout: Layout | None = None
    swapped: bool = False


def product_of(
    op: str, outs: tuple[Layout, ...], ins: tuple[Layout | None, ...], numbers: frozenset[int]
) -> Product | None:
    """What an op of the table asks for, None where BLAS does not take these layouts,
    or there is nothing to multiply.
    """
    out = outs[0]
    if numbers or not out.numel:
        return None
    if op == "matmul":
        return _matmul(out, ins[0], ins[1])
    if op == "addmm":
        return _matmul(out, ins[1], ins[2], 1, ins[0])
    return _linear(out, ins[0], ins[1], ins[2])


def _matmul(
    out: Layout, a: Layout | None, b: Layout | None, first: int = 0, bias: Layout | None = None
) -> Product | None:
    assert a is not None and b is not None
    batch = _folded(out.shape[:-2], [g.strides[:-2] for g in (out, a, b)])
    if batch is None:
        return None
    count, steps = batch
    made = [
        _matrix(place, g.shape[-2], g.shape[-1], g.strides[-2], g.strides[-1], step)
        for place, g, step in zip((0, 1 + first, 2 + first), (out, a, b), steps, strict=True)
    ]
    return _product(out.dtype, made, count, 1, bias)


def _linear(out: Layout, x: Layout | None, weight: Layout | None, bias: Layout | None) -> Product | None:
    assert x is not None and weight is not None
    rows = _folded(out.shape[:-1], [out.strides[:-1], x.strides[:-1]])
    if rows is None:
        return None
    count, (out_step, x_step) = rows
    width, inner = weight.shape
    made = [
        _matrix(0, count, width, out_step, out.strides[-1]),
        _matrix(1, count, inner, x_step, x.strides[-1]),
        _matrix(2, inner, width, weight.strides[1], weight.strides[0]),
    ]
    return _product(out.dtype, made, 1, 3, bias)


def _folded(shape: Sequence[int], strides: Sequence[Sequence[int]]) -> tuple[int, list[int]] | None:
    """Several dimensions as one that all operands step through evenly, None where they do not."""
    sizes, steps = collapse(shape, strides)
    return (sizes[0], [s[0] for s in steps]) if len(sizes) == 1 else None


def _matrix(place: int, rows: int, columns: int, down: int, across: int, step: int = 0) -> Matrix | None:
    """A matrix with these strides, None where neither its rows nor its columns are contiguous."""
    for flipped, major, minor, far, near in (
        (False, rows, columns, down, across),
        (True, columns, rows, across, down),
    ):
        leading = far if major > 1 else max(minor, 1)
        if (near == 1 or minor == 1) and max(minor, 1) <= leading <= LARGEST:
            return Matrix(place, rows, columns, leading, flipped, step)
    return None


def _product(
    dtype: DType, made: Sequence[Matrix | None], count: int, bias: int, layout: Layout | None
) -> Product | None:
    out, a, b = made
    if out is None or a is None or b is None or not a.columns:
        return None
    if max(out.rows, out.columns, a.columns, count) > LARGEST or (count > 1 and not out.step):
        return None
    swapped = out.flipped
    if swapped:  # the transpose is row-major
        out, a, b = out.transposed(), b.transposed(), a.transposed()
    return Product(dtype, out, a, b, count, bias, layout, swapped)
