"""Products of matrices: matmul, addmm and linear, through OpenBLAS where the dtype is one of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any, Final

from tensorplug_dispatcher import dtypes
from tensorplug_dispatcher.dtypes import DType
from tensorplug_dispatcher.layout import Layout

from . import blas, native_library
from .parameters import MATMUL
from .sizes import PRODUCT_SMALL

Prepared = tuple[int, Sequence[int]]
Matrix = tuple[int, int]  # the strides of its rows and columns
Outs = tuple[Layout, ...]
Ins = tuple[Layout | None, ...]

_INT_MAX: Final = 2**31 - 1


def _matrix(shape: Sequence[int], strides: Sequence[int]) -> Matrix | None:
    """The strides as BLAS takes them: one is 1, the other at least the extent; None where it cannot."""
    rows, columns = shape
    rs, cs = strides
    if (columns == 1 or cs == 1) and (rows == 1 or rs >= max(columns, 1)):
        found = (max(rs, columns, 1), 1) if rows != 1 else (max(columns, 1), 1)
    elif (rows == 1 or rs == 1) and (columns == 1 or cs >= max(rows, 1)):
        found = (1, max(cs, rows, 1)) if columns != 1 else (1, max(rows, 1))
    else:
        return None
    return found if max(found) <= _INT_MAX else None


def _merge(sizes: Sequence[int], strides: Sequence[Sequence[int]]) -> tuple[list[int], list[list[int]]]:
    """Batch dimensions without those of size 1, neighbours joined where all operands allow it."""
    kept: list[int] = []
    joined: list[list[int]] = [[] for _ in strides]
    for d, n in enumerate(sizes):
        if n == 1:
            continue
        if kept and all(j[-1] == s[d] * n for j, s in zip(joined, strides, strict=True)):
            kept[-1] *= n
            for j, s in zip(joined, strides, strict=True):
                j[-1] = s[d]
        else:
            kept.append(n)
            for j, s in zip(joined, strides, strict=True):
                j.append(s[d])
    return kept, joined


@dataclass(slots=True)
class Product:
    """Products of matrices, ``c[…, m, n] = a[…, m, k] b[…, k, n] (+ bias[m, n])``,
    c dense; strides are in elements.

    ``places``: where a, b and the bias (-1: none) are among the kernel's pointers. ``sizes`` are the
    batch's, with the steps that a, b and c take in each.
    """

    dtype: DType
    rows: int
    columns: int
    inner: int
    places: tuple[int, int, int]
    a: Matrix
    b: Matrix
    bias: Matrix
    sizes: list[int]
    steps: list[list[int]]

    @property
    def batch(self) -> int:
        return prod(self.sizes)


def _product(
    out: Layout, a: Layout, b: Layout, places: tuple[int, int, int], bias: Matrix = (0, 0)
) -> Product | None:
    if out.dtype is dtypes.bool_ or not out.dense:
        return None
    rows, inner = a.shape[-2:]
    columns = b.shape[-1]
    sizes, (a_batch, b_batch, c_batch) = _merge(
        out.shape[:-2], (a.strides[:-2], b.strides[:-2], out.strides[:-2])
    )
    a_rows = a.strides[-2] if rows != 1 else max(inner, 1)
    if sizes and not b_batch[-1] and not bias[0] and a_rows * rows == a_batch[-1]:
        # one matrix for all of b: the last batch dimension of a and its rows are one
        rows *= sizes.pop()
        for steps in (a_batch, b_batch, c_batch):
            steps.pop()
    a_strides, b_strides = (a_rows, a.strides[-1]), (b.strides[-2], b.strides[-1])
    if rows * columns * inner > PRODUCT_SMALL:
        found = _matrix((rows, inner), a_strides), _matrix((inner, columns), b_strides)
        if found[0] is None or found[1] is None:
            return None
        a_strides, b_strides = found[0], found[1]
    steps_of_batch = [a_batch, b_batch, c_batch]
    return Product(out.dtype, rows, columns, inner, places, a_strides, b_strides, bias, sizes, steps_of_batch)


def _kernel(p: Product | None) -> Prepared | None:
    if p is None:
        return None
    name = "tp_matmul_small"
    if p.rows * p.columns * p.inner > PRODUCT_SMALL:
        name = "tp_matmul"
        blas.connect()
    return native_library.address(name), MATMUL(
        dtype=p.dtype.code,
        m=p.rows,
        n=p.columns,
        k=p.inner,
        a=p.places[0],
        b=p.places[1],
        bias=p.places[2],
        a_rs=p.a[0],
        a_cs=p.a[1],
        b_rs=p.b[0],
        b_cs=p.b[1],
        ldc=max(p.columns, 1),
        bias_rs=p.bias[0],
        bias_cs=p.bias[1],
        batch=p.batch,
        batch_dims=len(p.sizes),
        dims=[*p.sizes, *p.steps[0], *p.steps[1], *p.steps[2]],
    )


def product_of_matmul(outs: Outs, ins: Ins) -> Product | None:
    """``matmul(input, other)``: matrices that are row-major or transposed,
    the same batch dimensions on both sides.
    """
    a, b = ins
    if a is None or b is None:
        return None
    return _product(outs[0], a, b, (1, 2, -1))


def product_of_addmm(outs: Outs, ins: Ins) -> Product | None:
    """``addmm(bias, a, b)``: the bias broadcasts to the product."""
    bias, a, b = ins
    if bias is None or a is None or b is None:
        return None
    shape, strides = (1, 1, *bias.shape)[-2:], (0, 0, *bias.strides)[-2:]
    steps = tuple(0 if n == 1 else s for n, s in zip(shape, strides, strict=True))
    return _product(outs[0], a, b, (2, 3, 1), (steps[0], steps[1]))


def product_of_linear(outs: Outs, ins: Ins) -> Product | None:
    """``linear(input, weight, bias)``: leading dimensions that are not one stride apart are a batch."""
    from tensorplug_dispatcher.layout import dense, strided

    x, weight, bias = ins
    if x is None or weight is None or not outs[0].dense:
        return None
    if x.ndim == 1:
        x = strided((1, *x.shape), (max(x.numel, 1), *x.strides), x.dtype)
    lead, (steps,) = _merge(x.shape[:-1], (x.strides[:-1],))
    if not lead:
        lead, steps = [1], [max(x.shape[-1], 1)]
    out = dense((*lead, weight.shape[0]), x.dtype)
    x = strided((*lead, x.shape[-1]), (*steps, x.strides[-1]), x.dtype)
    other = strided(
        (*lead[:-1], *weight.shape[::-1]), (*(0 for _ in lead[1:]), *weight.strides[::-1]), weight.dtype
    )
    return _product(
        out, x, other, (1, 2, -1 if bias is None else 3), (0, 0 if bias is None else bias.strides[0])
    )


PRODUCTS: Final = {"matmul": product_of_matmul, "addmm": product_of_addmm, "linear": product_of_linear}


def prepare(name: str, outs: Outs, ins: Ins, attrs: Mapping[str, Any]) -> Prepared | None:
    return _kernel(PRODUCTS[name](outs, ins))


KERNELS: Final = dict.fromkeys(PRODUCTS, prepare)
