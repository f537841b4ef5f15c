"""The cotangents of views: zeros everywhere, but the cotangent where the view looked."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..dtypes import int64
from ..layout import Layout, dense, span, strided
from ..op import Input, Op, Sample
from . import F
from .common import Shape, Tensor, filled, numel_of, positions, reshape, sample, zeros


def _infer_like_shape(grad: Layout, input_shape: Shape, *attributes: Any) -> Layout:
    return dense(input_shape, grad.dtype)


def _decompose_slice_backward(
    grad: Tensor, input_shape: Shape, dim: int, start: int, length: int, step: int
) -> Tensor:
    result = zeros(input_shape, grad)
    if length:
        F.copy_into(F.slice(result, dim, start, length, step), grad)
    return result


def _slice_backward_vjp(grad: Tensor, dim: int, start: int, length: int, step: int) -> Tensor:
    return F.slice(grad, dim, start, length, step)


def _decompose_select_backward(grad: Tensor, input_shape: Shape, dim: int, index: int) -> Tensor:
    result = zeros(input_shape, grad)
    F.copy_into(F.select(result, dim, index), grad)
    return result


def _decompose_diagonal_backward(
    grad: Tensor, input_shape: Shape, offset: int, dim1: int, dim2: int
) -> Tensor:
    result = zeros(input_shape, grad)
    F.copy_into(F.diagonal(result, offset, dim1, dim2), grad)
    return result


def _decompose_unfold_backward(
    grad: Tensor, input_shape: Shape, dimension: int, size: int, step: int
) -> Tensor:
    """Windows overlap, so each of their places is added in turn."""
    result = zeros(input_shape, grad)
    windows, last = grad.shape[dimension], grad.ndim - 1
    for place in range(size):
        target = F.slice(result, dimension, place, windows, step)
        F.copy_into(target, F.add(target, F.select(grad, last, place)))
    return result


def _infer_as_strided_backward(
    grad: Layout, input_shape: Shape, input_stride: Shape, size: Shape, stride: Shape, offset: int
) -> Layout:
    return dense(input_shape, grad.dtype)


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


def _cases(*calls: tuple[Any, ...]) -> Any:
    """Samples from argument tuples; the first is the cotangent's shape."""

    def samples() -> Iterable[Sample]:
        for first, *rest in calls:
            yield sample(Input(first), *rest)

    return samples


def _op(schema: str, **columns: Any) -> Op:
    return Op(schema, tier=4, family="view_backward", autocast="none", **columns)


OPS: tuple[Op, ...] = (
    _op(
        "slice_backward(Tensor grad_output, int[] input_shape, int dim, int start, int length, int step)",
        dtypes="floating",
        infer=_infer_like_shape,
        decompose=_decompose_slice_backward,
        vjp={"grad_output": _slice_backward_vjp},
        samples=_cases(
            ((4, 3), (4, 6), 1, 1, 3, 2), ((2, 6), (4, 6), 0, 1, 2, 1), ((0, 6), (4, 6), 0, 1, 0, 1)
        ),
        doc="The cotangent of slice. Source: torch.ops.aten.slice_backward.",
    ),
    _op(
        "select_backward(Tensor grad_output, int[] input_shape, int dim, int index)",
        dtypes="floating",
        infer=_infer_like_shape,
        decompose=_decompose_select_backward,
        vjp={"grad_output": lambda grad, dim, index: F.select(grad, dim, index)},
        samples=_cases(((6,), (4, 6), 0, 1), ((4,), (4, 6), 1, -1)),
        doc="The cotangent of select. Source: torch.ops.aten.select_backward.",
    ),
    _op(
        "diagonal_backward(Tensor grad_output, int[] input_shape, int offset, int dim1, int dim2)",
        dtypes="floating",
        infer=_infer_like_shape,
        decompose=_decompose_diagonal_backward,
        vjp={"grad_output": lambda grad, offset, dim1, dim2: F.diagonal(grad, offset, dim1, dim2)},
        samples=_cases(((3,), (3, 4), 0, 0, 1), ((3, 2), (2, 3, 4), 0, 0, 2), ((1,), (3, 4), -2, 0, 1)),
        doc="The cotangent of diagonal. Source: torch.ops.aten.diagonal_backward.",
    ),
    _op(
        "unfold_backward(Tensor grad_output, int[] input_shape, int dimension, int size, int step)",
        dtypes="floating",
        infer=_infer_like_shape,
        decompose=_decompose_unfold_backward,
        vjp={"grad_output": lambda grad, dimension, size, step: F.unfold(grad, dimension, size, step)},
        tolerance="sum",
        samples=_cases(((5, 3), (7,), 0, 3, 1), ((2, 3, 3, 2), (2, 7, 3), 1, 2, 2)),
        doc="The cotangent of unfold: windows added up. Source: torch.ops.aten.unfold_backward.",
    ),
    _op(
        "as_strided_backward(Tensor grad_output, int[] input_shape, int[] input_stride, int[] size, int[] "
        "stride, int offset)",
        dtypes="floating",
        infer=_infer_as_strided_backward,
        decompose=_decompose_as_strided_backward,
        tolerance="sum",
        samples=_cases(
            ((3, 4), (12,), (1,), (3, 4), (4, 1), 0),
            ((5, 4), (12,), (1,), (5, 4), (1, 2), 0),
            ((2, 2), (3, 4), (4, 1), (2, 2), (1, 0), 3),
            ((3, 2), (6, 4), (1, 6), (3, 2), (2, 1), 0),
        ),
        doc="The cotangent of as_strided. Source: torch.ops.aten.as_strided.",
    ),
)
