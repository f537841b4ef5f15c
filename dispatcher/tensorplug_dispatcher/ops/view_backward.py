"""The cotangents of views: zeros everywhere, but the cotangent where the view looked."""

from __future__ import annotations

from typing import Any

from ..dtypes import int64
from ..layout import span, strided
from ..op import Op
from . import F
from .common import Shape, Tensor, cases, filled, numel_of, positions, reshape, to_dtype, widen, zeros


def _decompose_unfold_backward(
    grad: Tensor, input_shape: Shape, dimension: int, size: int, step: int
) -> Tensor:
    """Windows overlap, so each of their places is added in turn, half precision in float32."""
    dtype, grad = grad.dtype, widen(grad)
    result = zeros(input_shape, grad)
    windows, last = grad.shape[dimension], grad.ndim - 1
    for place in range(size):
        target = F.slice(result, dimension, place, windows, step)
        F.copy_into(target, F.add(target, F.select(grad, last, place)))
    return to_dtype(result, dtype)


def _decompose_as_strided_backward(
    grad: Tensor, input_shape: Shape, input_stride: Shape, size: Shape, stride: Shape, offset: int
) -> Tensor:
    """Add each cotangent to the element of the input that the view showed at its place.

    Where several elements of the input share their memory, one of them gets it all.
    """
    count = numel_of(input_shape)
    if count == 0 or grad.numel() == 0:
        return zeros(input_shape, grad)
    low, high = span(strided(input_shape, input_stride, int64), 0)
    view_low, view_high = span(strided(size, stride, int64), offset)
    low, high = min(low, view_low), max(high, view_high)
    owner = filled(
        (high - low,), count, grad, int64
    )  # memory that no element of the input has belongs to a spare one
    F.copy_into(
        F.as_strided(owner, input_shape, input_stride, -low), F.view(positions(count, grad), input_shape)
    )
    place = reshape(F.as_strided(owner, size, stride, offset - low), (numel_of(size),))
    flat = F.scatter_add(zeros((count + 1,), grad), 0, place, reshape(grad, (numel_of(size),)))
    return F.view(F.slice(flat, 0, 0, count, 1), input_shape)


def _op(schema: str, **columns: Any) -> Op:
    return Op(schema, tier=4, family="view_backward", autocast="none", **{"dtypes": "floating", **columns})


def _of(view: str, attributes: str, *calls: Any, note: str = "", **columns: Any) -> Op:
    """The cotangent of the view op called ``view``:
    zeros into which the cotangent is written through the view.
    """

    def decompose(grad: Tensor, input_shape: Shape, *attributes: Any) -> Tensor:
        result = zeros(input_shape, grad)
        if grad.numel():
            F.copy_into(getattr(F, view)(result, *attributes), grad)
        return result

    return _op(
        f"{view}_backward(Tensor grad_output, int[] input_shape, {attributes})",
        vjp={"grad_output": lambda grad, *attributes: getattr(F, view)(grad, *attributes[1:])},
        samples=cases(*calls),
        shapes="grad_output [*G] -> [*input_shape]",
        doc=f"The cotangent of {view}{note}. Source: torch.ops.aten.{view}_backward.",
        **{"decompose": decompose, **columns},
    )


OPS: tuple[Op, ...] = (
    _of(
        "slice",
        "int dim, int start, int length, int step",
        ((4, 3), (4, 6), 1, 1, 3, 2),
        ((2, 6), (4, 6), 0, 1, 2, 1),
        ((0, 6), (4, 6), 0, 1, 0, 1),
    ),
    _of("select", "int dim, int index", ((6,), (4, 6), 0, 1), ((4,), (4, 6), 1, -1)),
    _of(
        "diagonal",
        "int offset, int dim1, int dim2",
        ((3,), (3, 4), 0, 0, 1),
        ((3, 2), (2, 3, 4), 0, 0, 2),
        ((1,), (3, 4), -2, 0, 1),
        dtypes="all",  # diag_embed is made of it
    ),
    _of(
        "unfold",
        "int dimension, int size, int step",
        ((5, 3), (7,), 0, 3, 1),
        ((2, 3, 3, 2), (2, 7, 3), 1, 2, 2),
        note=": windows added up",
        decompose=_decompose_unfold_backward,
        tolerance="sum",
    ),
    _op(
        "as_strided_backward(Tensor grad_output, int[] input_shape, int[] input_stride, int[] size, int[] "
        "stride, int offset)",
        decompose=_decompose_as_strided_backward,
        tolerance="sum",
        samples=cases(
            ((3, 4), (12,), (1,), (3, 4), (4, 1), 0),
            ((5, 4), (12,), (1,), (5, 4), (1, 2), 0),
            ((2, 2), (3, 4), (4, 1), (2, 2), (1, 0), 3),
            ((3, 2), (6, 4), (1, 6), (3, 2), (2, 1), 0),
        ),
        doc="The cotangent of as_strided. Source: torch.ops.aten.as_strided.",
        shapes="grad_output [*G] -> [*input_shape]",
    ),
)
