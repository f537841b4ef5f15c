"""What several families of the table share: shape arithmetic, small pieces of derivatives, samples."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeAlias

from .. import dtypes
from ..errors import DTypeError, IndexRangeError, ShapeError
from ..layout import Layout, dense, strided
from ..op import ErrorCase, Input, Sample
from . import F

# F's callables are looked up by name, so that a type checker knows nothing of what they take and give
Tensor: TypeAlias = Any
Shape: TypeAlias = tuple[int, ...]


def sample(*args: Any, note: str = "") -> Sample:
    """A sample call with these arguments."""
    return Sample(args, note)


def cases(*calls: tuple[Any, ...]) -> Callable[[], Iterable[Sample]]:
    """A column of samples from argument tuples; a bare shape in the first place stands for a tensor of it."""
    return lambda: [sample(_tensor_of(first), *rest) for first, *rest in calls]


def error_cases(*calls: tuple[tuple[Any, ...], str, str]) -> Callable[[], Iterable[ErrorCase]]:
    """A column of errors from (arguments as of ``cases``, name of the error, part of its text)."""
    return lambda: [
        ErrorCase((_tensor_of(first), *rest), error, match) for (first, *rest), error, match in calls
    ]


def _tensor_of(first: Any) -> Any:
    return Input(first) if isinstance(first, tuple) else first


def index_input(shape: Shape, high: int, *values: int) -> Input:
    """An int64 tensor of indices in [0, high), or of these values."""
    return Input(shape, 0, high, dtype="int64", values=values or None)


def wrap_dim(dim: int, ndim: int) -> int:
    """``dim`` as a non-negative number; a 0-d tensor is taken as 1-d. Raises IndexRangeError."""
    limit = max(ndim, 1)
    if not -limit <= dim < limit:
        raise IndexRangeError(
            f"Dimension out of range (expected to be in range of [{-limit}, {limit - 1}], but got "
            f"{dim}); the tensor has {ndim} dimensions: give one of them"
        )
    return dim % limit


def wrap_dims(dims: Sequence[int], ndim: int) -> Shape:
    """Each of ``dims`` as a non-negative number, in the order given; raises where one is given twice."""
    wrapped = tuple(wrap_dim(dim, ndim) for dim in dims)
    if len(set(wrapped)) != len(wrapped):
        twice = next(d for d in wrapped if wrapped.count(d) > 1)
        raise IndexRangeError(
            f"dim {twice} appears multiple times in the list of dims {list(dims)}; give each once"
        )
    return wrapped


def numel_of(shape: Sequence[int]) -> int:
    count = 1
    for n in shape:
        count *= n
    return count


def checked_shape(shape: Sequence[int]) -> Shape:
    """``shape`` as a tuple; raises ShapeError where a size is negative."""
    for n in shape:
        if n < 0:
            raise ShapeError(
                f"Trying to create tensor with negative dimension {n}: {list(shape)}; give sizes of 0 or more"
            )
    return tuple(shape)


def same_shape(name: str, a: Layout, b: Layout, what: str) -> None:
    if a.shape != b.shape:
        raise ShapeError(
            f"{name}: {what} must have the same shape, but got {list(a.shape)} and {list(b.shape)}; "
            f"expand or reshape one of them"
        )


def same_dtype(name: str, a: Layout, b: Layout, what: str) -> None:
    if a.dtype is not b.dtype:
        raise DTypeError(
            f"{name}: expected {what} to have the same dtype, but got {a.dtype.name} and {b.dtype.name}; "
            f"convert one with .to()"
        )


def floating_only(name: str, layout: Layout) -> None:
    if not layout.dtype.is_floating_point:
        raise DTypeError(
            f"{name}: expected a floating-point tensor, but got {layout.dtype.name}; convert it with "
            f".float() or .to(dtype)"
        )


def index_only(name: str, layout: Layout) -> None:
    if layout.dtype is not dtypes.int64 and layout.dtype is not dtypes.int32:
        raise DTypeError(
            f"{name}: expected the index to have dtype int64 or int32, but got {layout.dtype.name}; "
            f"convert it with .long()"
        )


def reduced_dims(layout: Layout, dims: Sequence[int]) -> Shape:
    """The dimensions to reduce: no dimensions named means all of them."""
    return tuple(dims) if dims and layout.ndim else tuple(range(layout.ndim))


def reduced_shape(layout: Layout, dims: Sequence[int], keepdim: bool) -> Shape:
    dims = reduced_dims(layout, dims)
    if keepdim:
        return tuple(1 if i in dims else n for i, n in enumerate(layout.shape))
    return tuple(n for i, n in enumerate(layout.shape) if i not in dims)


def reduced_count(layout: Layout, dims: Sequence[int]) -> int:
    return numel_of([layout.shape[i] for i in reduced_dims(layout, dims)])


def restore(reduced: Tensor, layout: Layout, dims: Sequence[int]) -> Tensor:
    """A result of a reduction of ``layout``, with the reduced dimensions put back as size 1."""
    return F.view(reduced, reduced_shape(layout, dims, True))


def zeros(shape: Sequence[int], like: Tensor, dtype: dtypes.DType | None = None) -> Tensor:
    return F.fill(tuple(shape), 0, dtype or like.dtype, device=like.device)


def filled(shape: Sequence[int], value: float, like: Tensor, dtype: dtypes.DType | None = None) -> Tensor:
    return F.fill(tuple(shape), value, dtype or like.dtype, device=like.device)


def positions(length: int, like: Tensor, dtype: dtypes.DType = dtypes.int64) -> Tensor:
    """0, 1, ... length - 1 on the device of ``like``."""
    return F.iota(length, dtype, device=like.device)


def positions_along(shape: Sequence[int], dim: int, like: Tensor) -> Tensor:
    """The index along ``dim`` of every element: int64, of shape ``shape`` with 1 in the other dimensions."""
    return F.view(positions(shape[dim], like), tuple(n if i == dim else 1 for i, n in enumerate(shape)))


def to_dtype(x: Tensor, dtype: dtypes.DType) -> Tensor:
    return x if x.dtype is dtype else F.cast(x, dtype)


def wide_dtype(dtype: dtypes.DType) -> dtypes.DType:
    """What sums over values of ``dtype`` are held in: float32 for the half-width floating types."""
    return dtypes.float32 if dtype is dtypes.float16 or dtype is dtypes.bfloat16 else dtype


def widen(x: Tensor) -> Tensor:
    return to_dtype(x, wide_dtype(x.dtype))


def materialize(x: Tensor) -> Tensor:
    """``x`` itself where it is dense, else a dense copy."""
    return x if x.layout.dense else F.copy(x)


def sum_to(x: Tensor, shape: Sequence[int]) -> Tensor:
    """The sum of ``x`` over the dimensions along which ``shape`` was broadcast to its shape."""
    shape = tuple(shape)
    if x.shape == shape:
        return x
    lead = x.ndim - len(shape)
    dims = (*range(lead), *(i + lead for i, n in enumerate(shape) if n == 1 and x.shape[i + lead] != 1))
    if dims:
        x = F.sum(x, dims, True)
    return F.view(x, shape) if x.shape != shape else x


def lowest(dtype: dtypes.DType) -> float:
    """The value that every other is at least as large as: -inf, or the smallest integer."""
    return float("-inf") if dtype.is_floating_point else int(dtype.min)


def shifted(x: Tensor, dim: int, distance: int, value: float) -> Tensor:
    """``x`` moved by ``distance`` > 0 towards the end of ``dim``;
    ``value`` comes in, what goes over is lost.
    """
    length = x.shape[dim]
    head = filled((*x.shape[:dim], min(distance, length), *x.shape[dim + 1 :]), value, x)
    if distance >= length:
        return head
    return F.cat([head, F.slice(x, dim, 0, length - distance, 1)], dim)


def view_strides(layout: Layout, shape: Sequence[int]) -> Shape | None:
    """Strides under which ``layout`` is seen as ``shape`` with nothing moved, None where there are none.

    PyTorch's rule (``computeStride_impl``): a run of dimensions that are contiguous with each other may be
    cut anew.
    """
    if layout.numel == 0 and tuple(shape) == layout.shape:
        return tuple(layout.strides)
    if layout.numel == 0:
        return tuple(dense(shape, layout.dtype).strides)
    strides = [0] * len(shape)
    if layout.ndim == 0:
        return (1,) * len(shape)
    view_dim = len(shape) - 1
    chunk_stride = layout.strides[-1]
    chunk = view_chunk = 1
    for i in range(layout.ndim - 1, -1, -1):
        chunk *= layout.shape[i]
        joined = i > 0 and (layout.shape[i - 1] == 1 or layout.strides[i - 1] == chunk * chunk_stride)
        if joined:
            continue
        while view_dim >= 0 and (view_chunk < chunk or shape[view_dim] == 1):
            strides[view_dim] = view_chunk * chunk_stride
            view_chunk *= shape[view_dim]
            view_dim -= 1
        if view_chunk != chunk:
            return None
        if i > 0:
            chunk_stride = layout.strides[i - 1]
            chunk = view_chunk = 1
    return tuple(strides) if view_dim == -1 else None


def inferred_shape(layout: Layout, shape: Sequence[int]) -> Shape:
    """``shape`` with its -1, if any, put in; raises ShapeError where the counts differ."""
    known = 1
    unknown = None
    for i, n in enumerate(shape):
        if n == -1:
            if unknown is not None:
                raise ShapeError(
                    f"only one dimension can be inferred, but shape {list(shape)} has more than one -1"
                )
            unknown = i
        elif n < 0:
            raise ShapeError(f"invalid shape dimension {n} in {list(shape)}; sizes are 0 or more, or one -1")
        else:
            known *= n
    if unknown is not None:
        if known == 0:
            if layout.numel == 0:
                raise ShapeError(
                    f"cannot reshape tensor of 0 elements into shape {list(shape)} because the "
                    f"unspecified dimension size -1 can be any value and is ambiguous; give the size"
                )
        elif layout.numel % known == 0:
            return (*shape[:unknown], layout.numel // known, *shape[unknown + 1 :])
    elif known == layout.numel:
        return tuple(shape)
    raise ShapeError(
        f"shape '{list(shape)}' is invalid for input of size {layout.numel}: a tensor of shape "
        f"{list(layout.shape)} cannot be seen so; the sizes must multiply to {layout.numel}"
    )


def reshape(x: Tensor, shape: Sequence[int]) -> Tensor:
    """``x`` as ``shape``: a view where that is possible, else a dense copy."""
    shape = inferred_shape(x.layout, shape)
    if shape == x.shape:
        return x
    return F.view(x if view_strides(x.layout, shape) is not None else F.copy(x), shape)


def padded_layout(layout: Layout, pad: Sequence[int]) -> Layout:
    """``layout`` with ``pad`` = (before, after) of the last dimension, then of the one before it, ..."""
    if len(pad) % 2 or len(pad) // 2 > layout.ndim:
        raise ShapeError(
            f"pad: the padding {list(pad)} must have two numbers a dimension and at most {2 * layout.ndim} "
            f"for a tensor with {layout.ndim} dimensions"
        )
    shape = list(layout.shape)
    for k in range(len(pad) // 2):
        dim = layout.ndim - 1 - k
        size = shape[dim] + pad[2 * k] + pad[2 * k + 1]
        if size < 0:
            raise ShapeError(
                f"The input size {shape[dim]}, plus negative padding {pad[2 * k]} and {pad[2 * k + 1]}, "
                f"resulted in a negative output size ({size}) in dimension {dim}; crop less"
            )
        shape[dim] = size
    return dense(shape, layout.dtype)


def transposed_layout(layout: Layout, dim0: int, dim1: int) -> Layout:
    shape, strides = list(layout.shape), list(layout.strides)
    shape[dim0], shape[dim1] = shape[dim1], shape[dim0]
    strides[dim0], strides[dim1] = strides[dim1], strides[dim0]
    return strided(shape, strides, layout.dtype)
