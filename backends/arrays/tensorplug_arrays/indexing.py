"""Gather, scatter, sort and search, by arithmetic on flat places.

The standard has ``take`` along one dimension and ``argsort``, and no way to write at places: so indices
become places in the flat array, sorting is stable and ascending with the rest made of it, and nothing depends
on how a library orders NaN.
"""

from __future__ import annotations

import math
from typing import Any, Final

from tensorplug_dispatcher import dtypes
from tensorplug_dispatcher.dtypes import DType
from tensorplug_dispatcher.errors import IndexRangeError

from .adapter import Adapter, Array, Call, Definition, compute_dtype


def _arange(lib: Adapter, count: int) -> Array:
    return lib.xp.arange(count, dtype=lib.dtype(dtypes.int64))


def _number(lib: Adapter, value: int) -> Array:
    return lib.scalar(value, dtypes.int64)


def _along(lib: Adapter, shape: tuple[int, ...], dim: int) -> Array:
    """0, 1, ... along a dimension, of size 1 in the others."""
    line = tuple(n if d == dim else 1 for d, n in enumerate(shape))
    return lib.xp.reshape(_arange(lib, shape[dim]), line)


def _checked(call: Call, index: Array, size: int) -> Array:
    """The index as int64; it is an error where it lies outside [0, size)."""
    lib, xp = call.lib, call.lib.xp
    index = lib.astype(index, dtypes.int64)
    if math.prod(index.shape):
        low, high = xp.min(index), xp.max(index)
        outside = (low < _number(lib, 0)) | (high >= _number(lib, size))

        def error(low: int, high: int) -> IndexRangeError:
            return IndexRangeError(
                f"index out of range in {call.op.name}: the indices lie in [{low}, {high}], the dimension "
                f"has {size} places; check the indices' minimum and maximum"
            )

        call.refuse(outside, error, low, high)
    return index


def _places(lib: Adapter, index: Array, dim: int, shape: tuple[int, ...]) -> Array:
    """Where ``index`` along ``dim`` points in a flat array of ``shape``: int64, one dimension."""
    step, places = 1, None
    for d in reversed(range(len(shape))):
        part = index if d == dim else _along(lib, index.shape, d)
        part = part * _number(lib, step) if step != 1 else part
        places = part if places is None else places + part
        step *= shape[d]
    return lib.xp.reshape(places, (-1,))


def _flat(lib: Adapter, x: Array) -> Array:
    return lib.xp.reshape(x, (-1,))


def take(lib: Adapter, x: Array, index: Array, dim: int) -> Array:
    """Elements of ``x`` by an index in range along ``dim``."""
    found = lib.xp.take(_flat(lib, x), _places(lib, index, dim, x.shape), axis=0)
    return lib.xp.reshape(found, index.shape)


def gather(call: Call, x: Array, index: Array) -> Array:
    lib = call.lib
    if not math.prod(index.shape):
        return lib.xp.zeros(index.shape, dtype=x.dtype)
    if x.ndim == 0 or index.ndim == 0:
        x, index = _flat(lib, x), _flat(lib, index)
    dim = call.attrs["dim"] if x.ndim else 0
    return take(lib, x, _checked(call, index, x.shape[dim]), dim)


def _scatter(add: bool) -> Definition:
    def run(call: Call, x: Array, index: Array, source: Array) -> Array:
        lib = call.lib
        if not math.prod(index.shape):
            return x
        if x.ndim == 0 or index.ndim == 0 or source.ndim == 0:
            x, index, source = _flat(lib, x), _flat(lib, index), _flat(lib, source)
        dim = call.attrs["dim"]
        index = _checked(call, index, x.shape[dim])
        for d, n in enumerate(index.shape):  # the corner of the source that the index reads
            if source.shape[d] != n:
                source = source[tuple(slice(n) if k == d else slice(None) for k in range(source.ndim))]
        dtype = lib.dtype_of(x)
        if add:
            wide = compute_dtype(dtype)
            x, source = lib.astype(x, wide), lib.astype(source, wide)
        if add and dtype is dtypes.bool_:
            count = lib.astype(_flat(lib, source), dtypes.int64)
            flat = lib.astype(_flat(lib, x), dtypes.int64)
            return lib.put(flat, _places(lib, index, dim, x.shape), count, True)
        return lib.put(_flat(lib, x), _places(lib, index, dim, x.shape), _flat(lib, source), add)

    return run


def put(lib: Adapter, x: Array, places: Array, values: Array, add: bool) -> Array:
    """``Adapter.put`` out of sorting: places in order, each run of equal ones summed, or its last taken."""
    xp = lib.xp
    order = xp.argsort(places, stable=True)
    ordered, values = xp.take(places, order, axis=0), xp.take(values, order, axis=0)
    count, size = ordered.shape[0], x.shape[0]
    distance = 1
    while add and distance < count:
        same = ordered[distance:] == ordered[:-distance]
        zero = lib.scalar(0, lib.dtype_of(values))
        values = xp.concat(
            [values[:distance], values[distance:] + xp.where(same, values[:-distance], zero)], axis=0
        )
        distance *= 2
    last = _search(lib, ordered, _arange(lib, size), dtypes.int64, True) - _number(lib, 1)
    near = xp.where(last < _number(lib, 0), _number(lib, 0), last)
    named = (last >= _number(lib, 0)) & (xp.take(ordered, near, axis=0) == _arange(lib, size))
    found = xp.take(values, near, axis=0)
    return xp.where(named, x + found if add else found, x)


# ---- order


def _key(call: Call, x: Array) -> Array:
    """What to compare in place of ``x``: bools as integers, halves as float32."""
    dtype = call.lib.dtype_of(x)
    return call.lib.astype(x, dtypes.uint8 if dtype is dtypes.bool_ else compute_dtype(dtype))


def _order(lib: Adapter, key: Array, dim: int) -> Array:
    """The places that sort ``key`` upwards, NaN last, equal ones in their order."""
    xp, dtype = lib.xp, lib.dtype_of(key)
    if not dtype.is_floating_point:
        return lib.astype(xp.argsort(key, axis=dim, stable=True), dtypes.int64)
    nan = key != key
    plain = xp.where(nan, lib.scalar(math.inf, dtype), key)
    order = lib.astype(xp.argsort(plain, axis=dim, stable=True), dtypes.int64)
    moved = take(lib, lib.astype(nan, dtypes.uint8), order, dim)  # infinities and NaN are mixed at the end
    return take(lib, order, lib.astype(xp.argsort(moved, axis=dim, stable=True), dtypes.int64), dim)


def sort(call: Call, x: Array) -> Any:
    lib, xp = call.lib, call.lib.xp
    if x.ndim == 0 or not math.prod(x.shape):
        return x, xp.zeros(x.shape, dtype=lib.dtype(dtypes.int64))
    dim = call.attrs["dim"]
    key = _key(call, x)
    if call.attrs["descending"]:  # of the mirrored array, so that equal ones keep their order
        last = _number(lib, x.shape[dim] - 1)
        order = last - xp.flip(_order(lib, xp.flip(key, axis=dim), dim), axis=dim)
    else:
        order = _order(lib, key, dim)
    return take(lib, x, order, dim), order


def nonzero(call: Call, x: Array) -> Array:
    """The true places in order come first in a stable sort by truth; then the flat place is taken apart."""
    lib, xp, count = call.lib, call.lib.xp, call.attrs["count"]
    if not count or not x.ndim:
        return xp.zeros(call.out.shape, dtype=lib.dtype(dtypes.int64))
    absent = lib.astype(_flat(lib, x) == lib.scalar(0, lib.dtype_of(x)), dtypes.uint8)
    places = lib.astype(xp.argsort(absent, stable=True)[:count], dtypes.int64)
    columns = []
    for n in reversed(x.shape):
        size = _number(lib, n)
        columns.append(xp.remainder(places, size))
        places = xp.floor_divide(places, size)
    return xp.stack(columns[::-1], axis=1)


def searchsorted(call: Call, sequence: Array, values: Array) -> Array:
    lib = call.lib
    keys = _key(call, sequence), _key(call, values)
    return _search(lib, *keys, compute_dtype(lib.dtype_of(sequence)), call.attrs["right"])


def _search(lib: Adapter, sequence: Array, values: Array, dtype: DType, right: bool) -> Array:
    """How many of each sorted line lie below each value (``right``: or equal it),
    by halving; NaN is the largest.
    """
    xp = lib.xp
    length = sequence.shape[-1]
    low = xp.zeros(values.shape, dtype=lib.dtype(dtypes.int64))
    if not length or not math.prod(values.shape):
        return low
    high = xp.full(values.shape, length, dtype=lib.dtype(dtypes.int64))
    one, flat, start = _number(lib, 1), _flat(lib, sequence), _number(lib, 0)
    if sequence.ndim > 1:
        lines = math.prod(sequence.shape[:-1])
        start = xp.reshape(_arange(lib, lines) * _number(lib, length), (*sequence.shape[:-1], 1))
    top = _number(lib, length - 1)
    for _ in range(length.bit_length()):
        middle = xp.bitwise_right_shift(low + high, one)
        near = xp.where(middle > top, top, middle) + start
        found = xp.reshape(xp.take(flat, _flat(lib, near), axis=0), values.shape)
        below = found <= values if right else found < values
        if dtype.is_floating_point:
            below = below | (values != values) & ((found == found) | right)
        below = below & (low < high)
        low, high = xp.where(below, middle + one, low), xp.where(below, high, middle)
    return low


DEFINITIONS: Final[dict[str, Definition]] = {
    "gather": gather,
    "scatter": _scatter(False),
    "scatter_add": _scatter(True),
    "sort": sort,
    "nonzero": nonzero,
    "searchsorted": searchsorted,
}
