"""Memory for libraries whose arrays cannot be written in place and have no strides: flat arrays, replaced.

A ``FlatBuffer`` holds one array of one dimension, in the dtype in which it was written or read last; a tensor
is a ``FlatHandle``: buffer, layout, first element. Reading unrolls the layout by slices and reshapes (by an
index only where rows overlap), writing makes another flat array. The allocator of such a library is its own:
its runtime says ``caches = True``.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from tensorplug_dispatcher import dtypes
from tensorplug_dispatcher.dtypes import DType
from tensorplug_dispatcher.layout import Layout, non_overlapping_dense

from .adapter import Adapter, Array, Spec


class FlatBuffer:
    """``nbytes`` of a device's memory; ``array`` is None until something is written."""

    __slots__ = ("__weakref__", "array", "index", "nbytes")

    def __init__(self, index: int, nbytes: int) -> None:
        self.index = index
        self.nbytes = nbytes
        self.array: Any = None


class FlatHandle:
    """A tensor: elements of a layout (strides in elements) from ``first`` on in a buffer."""

    __slots__ = ("buffer", "first", "layout")

    def __init__(self, buffer: FlatBuffer, layout: Layout, first: int) -> None:
        self.buffer = buffer
        self.layout = layout
        self.first = first

    @property
    def spec(self) -> Spec:
        return Spec(tuple(self.layout.shape), self.layout.dtype)

    @property
    def begin(self) -> int:
        """The lowest element."""
        return self.first - reach(self.layout)[0]

    @property
    def end(self) -> int:
        """Behind the highest element."""
        return self.begin + reach(self.layout)[1]


@lru_cache(maxsize=4096)
def reach(layout: Layout) -> tuple[int, int]:
    """How far a layout goes below its first element, and how many elements it spans."""
    if not layout.numel:
        return 0, 0
    steps = [(n - 1) * s for n, s in zip(layout.shape, layout.strides, strict=True)]
    return -sum(s for s in steps if s < 0), 1 + sum(map(abs, steps))


class FlatAdapter(Adapter):
    """An adapter over ``FlatBuffer`` memory. Three functions are the library's own affair: ``convert_bits``,
    ``part`` and ``with_part``.
    """

    def convert_bits(self, buffer: FlatBuffer, array: Any, dtype: DType) -> Array:
        """A flat array, or one that the runtime's ``upload`` has left, as the same bytes in another dtype, on
        the buffer's device; a last element that is not whole is filled up with zeros.
        """
        raise NotImplementedError

    def part(self, flat: Array, begin: Any, count: int) -> Array:
        """``count`` elements from ``begin`` on."""
        return flat[begin : begin + count]

    def with_part(self, flat: Array, begin: Any, values: Array) -> Array:
        """``flat`` with ``values`` from ``begin`` on."""
        return self.xp.concat([flat[:begin], values, flat[begin + values.shape[0] :]])

    # -- reading and writing

    def flat(self, handle: FlatHandle) -> Array:
        """The buffer's array in the handle's dtype, long enough for it."""
        buffer, dtype = handle.buffer, handle.layout.dtype
        array = buffer.array
        if array is None:
            array = self.xp.zeros(buffer.nbytes // dtype.itemsize, dtype=self.dtype(dtype))
        array = self.convert_bits(buffer, array, dtype)
        if array.shape[0] < handle.end:
            missing = max(buffer.nbytes // dtype.itemsize, handle.end) - array.shape[0]
            array = self.xp.concat([array, self.xp.zeros(missing, dtype=array.dtype)])
        buffer.array = array
        return array

    def spec(self, handle: FlatHandle) -> Spec:
        return handle.spec

    def read(self, handle: FlatHandle) -> Array:
        return self.unroll(self.flat(handle), handle.begin, handle.layout)

    def write(self, handle: FlatHandle, value: Array) -> None:
        self.store(handle, self.roll(value, handle.layout))

    def unroll(self, flat: Array, begin: Any, layout: Layout) -> Array:
        """The elements of a layout as an array of its shape."""
        xp, shape = self.xp, tuple(layout.shape)
        if not layout.numel:
            return xp.zeros(shape, dtype=flat.dtype)
        flat = self.part(flat, begin, reach(layout)[1])
        if layout.dense:
            return xp.reshape(flat, shape)
        turned = tuple(d for d, s in enumerate(layout.strides) if s < 0)
        repeated = [s == 0 for s in layout.strides]
        order = [d for d in range(len(shape)) if not repeated[d]]
        order.sort(key=lambda d: -abs(layout.strides[d]))
        x = _rows(self, flat, [(shape[d], abs(layout.strides[d])) for d in order])
        x = xp.permute_dims(x, tuple(sorted(range(len(order)), key=order.__getitem__)))
        x = xp.reshape(x, tuple(1 if once else n for n, once in zip(shape, repeated, strict=True)))
        x = xp.flip(x, axis=turned) if turned else x
        return xp.broadcast_to(x, shape) if any(repeated) else x

    def roll(self, value: Array, layout: Layout) -> Array:
        """An array as flat elements: in memory's order where the layout leaves no gaps, else row-major."""
        xp = self.xp
        if not layout.dense and non_overlapping_dense(layout):
            order = sorted(range(len(layout.shape)), key=lambda d: (-layout.strides[d], d))
            value = xp.permute_dims(value, tuple(order))
        return xp.reshape(value, (-1,))

    def store(self, handle: FlatHandle, values: Array) -> None:
        """Put what ``roll`` gave into the handle's buffer."""
        buffer, layout = handle.buffer, handle.layout
        if not layout.numel:
            return
        array, size = buffer.array, layout.dtype.itemsize
        whole = non_overlapping_dense(layout)
        if whole and not handle.first and (array is None or values.shape[0] * size >= array.nbytes):
            buffer.array = values
        elif whole:
            buffer.array = self.with_part(self.flat(handle), handle.begin, values)
        else:
            buffer.array = self.scattered(self.flat(handle), handle.begin, values, layout)

    def scattered(self, flat: Array, begin: Any, values: Array, layout: Layout) -> Array:
        """``flat`` with ``values`` at the places of a layout that leaves gaps."""
        places = self.xp.zeros((), dtype=self.dtype(dtypes.int64))
        for n, stride in zip(layout.shape, layout.strides, strict=True):
            line = self.xp.arange(n, dtype=self.dtype(dtypes.int64)) * self.scalar(stride, dtypes.int64)
            places = self.xp.expand_dims(places, axis=-1) + line
        places = self.xp.reshape(places, (-1,)) + self.scalar(begin + reach(layout)[0], dtypes.int64)
        return self.put(flat, places, values, False)


def _rows(lib: Adapter, flat: Array, dims: list[tuple[int, int]]) -> Array:
    """``flat``, which spans exactly the dims (size, stride; strides falling), as an array of their sizes."""
    xp = lib.xp
    spans = [1 + sum((n - 1) * s for n, s in dims[k:]) for k in range(len(dims) + 1)]
    if any(stride < spans[k + 1] for k, (n, stride) in enumerate(dims) if n > 1):  # rows overlap
        places = xp.zeros((), dtype=lib.dtype(dtypes.int64))
        for n, stride in dims:
            line = xp.arange(n, dtype=lib.dtype(dtypes.int64)) * lib.scalar(stride, dtypes.int64)
            places = xp.expand_dims(places, axis=-1) + line
        found = xp.take(flat, xp.reshape(places, (-1,)), axis=0)
        return xp.reshape(found, tuple(n for n, _ in dims))
    x, lead = xp.reshape(flat, (1, -1)), 1
    for k, (n, stride) in enumerate(dims):
        if n > 1:
            missing = n * stride - x.shape[1]
            if missing > 0:
                x = xp.concat([x, xp.zeros((lead, missing), dtype=x.dtype)], axis=1)
            lead *= n
            x = xp.reshape(x, (lead, stride))
        x = x[:, : spans[k + 1]]
    return xp.reshape(x, tuple(n for n, _ in dims))
