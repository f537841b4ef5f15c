"""Layouts: shape, strides and dtype, interned, so that "the same layout" is one pointer comparison.

A layout holds no offset: two rows of a matrix share one layout, and so share every plan made for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any
from weakref import WeakValueDictionary

import cython

from . import dtypes
from .errors import ShapeError

LARGEST = (1 << 63) - 1  # sizes, and bytes of a tensor

_interned: Any = WeakValueDictionary()


class Size(tuple):  # type: ignore[type-arg]
    """A shape: a tuple of ints that prints as PyTorch's ``torch.Size`` does and can count its elements."""

    __slots__ = ()

    def numel(self) -> int:
        count = 1
        for n in self:
            count *= n
        return count

    def __repr__(self) -> str:
        return f"tensorplug.Size([{', '.join(map(str, self))}])"

    def __add__(self, other: Any) -> Any:
        return Size(tuple.__add__(self, tuple(other)))


class Layout:
    """Shape, strides (both in elements) and dtype of a tensor. Made by ``dense`` or ``strided`` only."""

    def __init__(self, shape: Any, strides: tuple[int, ...], dtype: Any) -> None:
        numel: cython.Py_ssize_t = _count(shape)
        self.shape = Size(shape)
        self.strides = strides
        self.dtype = dtype
        self.ndim = len(self.shape)
        self.numel = numel
        self.itemsize = dtype.itemsize
        self.nbytes = numel * dtype.itemsize
        self.code = dtype.code
        self.floating = dtype.kind == 2
        self.bits = dtype.bits
        self.dense = numel == 0 or _is_row_major(shape, strides)
        self.dropped = None

    def __repr__(self) -> str:
        return f"Layout({list(self.shape)}, strides={list(self.strides)}, {self.dtype.name})"

    def __reduce__(self) -> tuple[object, tuple[Any, ...]]:
        return strided, (tuple(self.shape), self.strides, self.dtype)

    def without_leading(self) -> Any:
        """The layout of ``tensor[i]``: the first dimension gone."""
        if self.dropped is None:
            self.dropped = strided(tuple(self.shape)[1:], self.strides[1:], self.dtype)
        return self.dropped


def _count(shape: Sequence[int]) -> int:
    count = 1
    for n in shape:
        count *= n
    return count


def _check_size(shape: Sequence[int], dtype: dtypes.DType) -> None:
    """Raise ShapeError where a size or the bytes of all elements go beyond int64."""
    if shape and (min(shape) < 0 or max(shape) > LARGEST or _count(shape) * dtype.itemsize > LARGEST):
        if min(shape) < 0:
            raise ShapeError(
                f"a tensor of shape {list(shape)} cannot be made: sizes must not be negative; "
                f"give sizes of 0 or more"
            )
        raise ShapeError(
            f"Storage size calculation overflowed with sizes={list(shape)}: {_count(shape)} elements of "
            f"{dtype.name} ({dtype.itemsize} bytes each) are more than 2**63 - 1 bytes; give smaller sizes"
        )


def _is_row_major(shape: Sequence[int], strides: Sequence[int]) -> bool:
    expected = 1
    for n, stride in zip(reversed(shape), reversed(strides), strict=True):
        if n != 1:
            if stride != expected:
                return False
            expected *= n
    return True


def row_major_strides(shape: Sequence[int]) -> tuple[int, ...]:
    """Strides, in elements, of a contiguous row-major array of this shape (size-0 dimensions count as 1)."""
    strides = []
    step = 1
    for n in reversed(shape):
        strides.append(step)
        step *= n if n > 0 else 1
    return tuple(reversed(strides))


def dense(shape: Iterable[int], dtype: dtypes.DType) -> Layout:
    """The row-major contiguous layout of ``shape``."""
    shape = tuple(shape)
    key = (shape, dtype.code)
    found = _interned.get(key)
    if found is None:
        _check_size(shape, dtype)
        found = strided(shape, row_major_strides(shape), dtype)
        _interned[key] = found
    return found  # type: ignore[no-any-return]


def strided(shape: Iterable[int], strides: Iterable[int], dtype: dtypes.DType) -> Layout:
    """The layout with these strides (in elements)."""
    shape = tuple(shape)
    strides = tuple(strides)
    key = (shape, strides, dtype.code)
    found = _interned.get(key)
    if found is None:
        if len(shape) != len(strides):
            raise ShapeError(
                f"shape {list(shape)} and strides {list(strides)} differ in length; "
                "give one stride a dimension"
            )
        _check_size(shape, dtype)
        found = _interned.setdefault(key, Layout(shape, strides, dtype))
    return found  # type: ignore[no-any-return]


def with_dtype(layout: Layout, dtype: dtypes.DType) -> Layout:
    """The same shape and strides with another dtype."""
    return strided(tuple(layout.shape), layout.strides, dtype)


def non_overlapping_dense(layout: Layout) -> bool:
    """True where the layout is a permutation of a row-major one: every element once, no gaps."""
    if layout.dense:
        return True
    expected = 1
    for stride, n in sorted((s, n) for s, n in zip(layout.strides, layout.shape, strict=True) if n != 1):
        if stride != expected:
            return False
        expected *= n
    return True


def expand(layout: Layout, shape: Sequence[int]) -> Layout:
    """Broadcast to ``shape`` with strides of 0; raises ShapeError where the shapes do not broadcast."""
    shape = tuple(shape)
    if shape == layout.shape:
        return layout
    lead = len(shape) - layout.ndim
    if lead < 0:
        raise ShapeError(
            f"a tensor of shape {list(layout.shape)} cannot be expanded to {list(shape)}, which "
            "has fewer dimensions; reshape it first"
        )
    strides = [0] * lead
    for n, stride, wanted in zip(layout.shape, layout.strides, shape[lead:], strict=True):
        if n == wanted:
            strides.append(stride)
        elif n == 1:
            strides.append(0)
        else:
            raise ShapeError(
                f"a tensor of shape {list(layout.shape)} cannot be expanded to {list(shape)}: "
                f"size {n} "
                f"is neither 1 nor {wanted}; reshape it first"
            )
    return strided(shape, strides, layout.dtype)


def broadcast_shapes(*shapes: Sequence[int]) -> tuple[int, ...]:
    """The shape that all broadcast to; raises ShapeError that names the dimension."""
    ndim = max((len(s) for s in shapes), default=0)
    result = [1] * ndim
    for shape in shapes:
        lead = ndim - len(shape)
        for i, n in enumerate(shape):
            have = result[lead + i]
            if n != have and n != 1:
                if have != 1:
                    raise ShapeError(
                        f"The size of tensor a ({have}) must match the size of tensor b ({n}) "
                        f"at non-singleton dimension {lead + i}: "
                        f"shapes {' and '.join(str(list(s)) for s in shapes)} do not broadcast; "
                        "reshape or expand one of them"
                    )
                result[lead + i] = n
    return tuple(result)


def span(layout: Layout, offset: int) -> tuple[int, int]:
    """The first and one past the last element of the storage that the layout touches."""
    if layout.numel == 0:
        return offset, offset
    low = high = offset
    for n, stride in zip(layout.shape, layout.strides, strict=True):
        reach = (n - 1) * stride
        if reach < 0:
            low += reach
        else:
            high += reach
    return low, high + 1
