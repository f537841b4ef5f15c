"""The executable specification: a device that defines every primitive op in NumPy, computed in float64.

It knows no shortcuts but NumPy's own. Ops of tier 4 run on it by their decompositions, so that it gives a
reference for every op of the table. Floating results are rounded once, from float64 to the result's dtype. It
shares no code with any other backend.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, Final

import ml_dtypes
import numpy as np

from tensorplug_dispatcher import STRIDED, DeviceInfo, Kernel

NAME: Final = "reference"  # of the device type


class Buffer:
    __slots__ = ("data", "index")

    def __init__(self, index: int, nbytes: int) -> None:
        self.index = index
        self.data = bytearray(b"\xa7") * nbytes


class ReferenceRuntime:
    """Host memory behind the eight methods; arrays are NumPy views of it."""

    def devices(self) -> Sequence[DeviceInfo]:
        return [DeviceInfo(0, "executable specification", details="NumPy, float64")]

    def allocate(self, index: int, nbytes: int) -> Buffer:
        return Buffer(index, nbytes)

    def upload(self, dst: Buffer, src: memoryview) -> None:
        dst.data[: len(src)] = src

    def download(self, src: Buffer, dst: memoryview) -> None:
        dst[:] = memoryview(src.data)[: len(dst)]

    def transfer(self, src: Buffer, dst: Buffer) -> bool:
        return False

    def bind(self, array: Any) -> Any:
        dtype, size = numpy_dtype(array.dtype), array.dtype.itemsize
        strides = tuple(stride * size for stride in array.strides)
        memory = array.storage.handle.data
        return np.ndarray(tuple(array.shape), dtype, memory, array.offset * size, strides)

    def synchronize(self, index: int) -> None:
        return None

    def close(self) -> None:
        return None


def numpy_dtype(dtype: Any) -> Any:
    return np.dtype(ml_dtypes.bfloat16) if dtype.name == "bfloat16" else np.dtype(dtype.numpy_name)


tensorplug_api = (1, 0)


def tensorplug_runtime() -> ReferenceRuntime:
    return ReferenceRuntime()


def tensorplug_kernels() -> list[Kernel]:
    return KERNELS


# -- arithmetic


def is_float(array: Any) -> bool:
    return bool(array.dtype.kind == "f" or array.dtype.itemsize == 2 and array.dtype.kind == "V") or (
        array.dtype == np.dtype(ml_dtypes.bfloat16)
    )


def wide(array: Any) -> Any:
    """Floating arrays as float64, others as they are."""
    return array.astype(np.float64) if is_float(array) else array


def put(out: Any, value: Any) -> None:
    """Round once, to the result's dtype; integers wrap."""
    value = np.asarray(value)
    if out.dtype.kind in "iu" and value.dtype.kind == "f":
        value = value.astype(np.int64)
    with np.errstate(all="ignore"):
        out[...] = value.astype(out.dtype)


def _unary(function: Any) -> Callable[..., None]:
    def run(outs: Any, ins: Any, attrs: Any) -> None:
        with np.errstate(all="ignore"):
            put(outs[0], function(wide(ins[0])))

    return run


def _binary(function: Any) -> Callable[..., None]:
    def run(outs: Any, ins: Any, attrs: Any) -> None:
        with np.errstate(all="ignore"):
            put(outs[0], function(wide(ins[0]), wide(ins[1])))

    return run


def _whole(function: Any) -> Any:
    """Rounding, which whole numbers do not need."""
    return lambda x: function(x) if x.dtype.kind == "f" else x


def _erf(x: Any) -> Any:
    return np.vectorize(math.erf, otypes=[np.float64])(x) if x.size else x


def _no_zero(b: Any) -> None:
    if b.dtype.kind in "iu" and (b == 0).any():
        raise ZeroDivisionError("integer division by zero")


def _remainder(a: Any, b: Any) -> Any:
    _no_zero(b)
    if a.dtype.kind in "iu":
        return np.remainder(a, b)
    left = np.fmod(a, b)  # a zero keeps the dividend's sign, which NumPy's remainder does not
    return np.where((left != 0) & ((left < 0) != (b < 0)), left + b, left)


def _floor_divide(a: Any, b: Any) -> Any:
    _no_zero(b)
    if a.dtype.kind in "iu":
        return np.floor_divide(a, b)
    return np.where(b == 0, a / b, np.floor_divide(a, b))


def _power(a: Any, b: Any) -> Any:
    if a.dtype.kind not in "iu":
        return np.power(a, b)
    positive = np.power(a, np.where(b < 0, 0, b).astype(b.dtype))
    negative = (
        np.where(a == 1, 1, np.where(a == -1, np.where(b % 2 == 0, 1, -1), 0))
        if a.dtype.kind == "i"
        else (a == 1)
    )
    return np.where(b < 0, negative, positive)


def _shift(left: bool) -> Callable[[Any, Any], Any]:
    def run(a: Any, b: Any) -> Any:
        bits = 8 * a.dtype.itemsize
        outside = (b < 0) | (b >= bits)
        amount = np.where(outside, 0, b).astype(a.dtype)
        shifted = np.left_shift(a, amount) if left else np.right_shift(a, amount)
        filled = 0 if left else np.where(a < 0, -1, 0)
        return np.where(outside, filled, shifted)

    return run


def _invert(x: Any) -> Any:
    return ~x


def _where(outs: Any, ins: Any, attrs: Any) -> None:
    put(outs[0], np.where(ins[0], wide(ins[1]), wide(ins[2])))


# -- storage and creation


def _copy(outs: Any, ins: Any, attrs: Any) -> None:
    outs[0][...] = ins[0]


def _cast(outs: Any, ins: Any, attrs: Any) -> None:
    source, out = ins[0], outs[0]
    if out.dtype.kind == "b":
        out[...] = source != 0
    elif is_float(source) and not is_float(out):
        with np.errstate(all="ignore"):
            wide = source.astype(np.float64)
            half = 2.0**63 if out.dtype in (np.int64, np.uint8) else 2.0**31  # conversion.integer_of
            inside = np.abs(wide) < half
            whole = np.where(inside, wide, 0).astype(np.int64)
            out[...] = np.where(inside, whole, -int(half)).astype(out.dtype)
    else:
        with np.errstate(all="ignore"):
            out[...] = source.astype(out.dtype)


def _fill(outs: Any, ins: Any, attrs: Any) -> None:
    value, out = attrs["value"], outs[0]
    if out.dtype.kind in "iu":
        value = np.array(int(value) & ((1 << 64) - 1), np.uint64).astype(out.dtype)
    with np.errstate(all="ignore"):
        out[...] = np.asarray(value).astype(out.dtype)


def _iota(outs: Any, ins: Any, attrs: Any) -> None:
    n, start, step = attrs["length"], attrs["start"], attrs["step"]
    exact = isinstance(start, int) and isinstance(step, int)
    count = np.arange(n, dtype=np.int64 if exact else np.float64)
    put(outs[0], start + count * step)


# -- reductions


def _dims(attrs: Any, ndim: int) -> tuple[int, ...]:
    dim = attrs.get("dim")
    if dim is None or dim == ():
        return tuple(range(ndim))
    return tuple(d % ndim for d in (dim if isinstance(dim, (tuple, list)) else (dim,))) if ndim else ()


def _reduction(function: Callable[..., Any]) -> Callable[..., None]:
    def run(outs: Any, ins: Any, attrs: Any) -> None:
        x = wide(ins[0])
        if x.dtype.kind in "biu" and function in (np.sum, np.prod):
            x = x.astype(np.float64 if is_float(outs[0]) else np.int64)
        with np.errstate(all="ignore"):
            found = function(x, axis=_dims(attrs, x.ndim))
        put(outs[0], np.asarray(found).reshape(outs[0].shape))

    return run


def _place(largest: bool) -> Callable[..., None]:
    def run(outs: Any, ins: Any, attrs: Any) -> None:
        x = wide(ins[0])
        dim = attrs.get("dim")
        if dim is None or x.ndim == 0:
            x, axis = x.reshape(-1), 0
        else:
            axis = dim % x.ndim
        found = np.argmax(x, axis=axis) if largest else np.argmin(x, axis=axis)  # NumPy's NaN wins too
        put(outs[0], np.asarray(found).reshape(outs[0].shape))

    return run


def _running(accumulate: Any) -> Callable[..., None]:
    """The largest or smallest so far and its last place; NaN is both."""

    def run(outs: Any, ins: Any, attrs: Any) -> None:
        x = ins[0]
        if not x.ndim:
            outs[0][...], outs[1][...] = x, 0
            return
        lines = np.moveaxis(x, attrs["dim"], -1)
        with np.errstate(invalid="ignore"):
            found = accumulate(wide(lines), axis=-1)
            new = (wide(lines) == found) | (lines != lines)
        places = np.where(new, np.arange(lines.shape[-1]), 0)
        put(np.moveaxis(outs[0], attrs["dim"], -1), found)
        np.moveaxis(outs[1], attrs["dim"], -1)[...] = np.maximum.accumulate(places, axis=-1)

    return run


def _scan(function: Callable[..., Any]) -> Callable[..., None]:
    def run(outs: Any, ins: Any, attrs: Any) -> None:
        x = wide(ins[0])
        x = x if x.dtype.kind == "f" else x.astype(np.float64 if is_float(outs[0]) else np.int64)
        with np.errstate(all="ignore"):
            put(outs[0], function(x, axis=attrs["dim"] % x.ndim) if x.ndim else x)

    return run


# -- indexing


def _check(index: Any, size: int) -> None:
    if index.size and (index.min() < 0 or index.max() >= size):
        from tensorplug_dispatcher.errors import IndexRangeError

        raise IndexRangeError(f"index out of range: {index.min()} to {index.max()} for a dimension of {size}")


def _gather(outs: Any, ins: Any, attrs: Any) -> None:
    x, index = ins
    if x.ndim == 0:
        outs[0][...] = x.reshape(1)[index.reshape(-1)].reshape(outs[0].shape) if index.size else 0
        return
    dim = attrs["dim"] % x.ndim
    _check(index, x.shape[dim])
    outs[0][...] = x[_places(index, dim)]


def _places(index: Any, dim: int) -> tuple[Any, ...]:
    """What indexes the elements that ``index`` names along ``dim``."""
    grid = list(np.ogrid[tuple(slice(n) for n in index.shape)])
    grid[dim] = index
    return tuple(grid)


def _scatter(add: bool) -> Callable[..., None]:
    """Where places are named twice, sums have all, and the last of the others stays."""

    def run(outs: Any, ins: Any, attrs: Any) -> None:
        x, index, source = ins
        out = outs[0]
        if x.ndim == 0:
            if index.size:
                value = source.reshape(-1)[0]
                out[...] = x + value if add else value
            else:
                out[...] = x
            return
        dim = attrs["dim"] % x.ndim
        _check(index, x.shape[dim])
        source = source[tuple(slice(n) for n in index.shape)]
        total = wide(np.array(x)) if add else np.array(x)
        if add:
            np.add.at(total, _places(index, dim), wide(source))
            put(out, total)
        else:
            total[_places(index, dim)] = source
            np.copyto(out, total)

    return run


def _matmul(outs: Any, ins: Any, attrs: Any) -> None:
    a, b = (x if is_float(x) else x.astype(np.int64) for x in ins)
    if a.dtype.kind == "i" and a.size and b.size:
        most = float(np.abs(a).max()) * float(np.abs(b).max()) * a.shape[-1]
        if most < 2.0**53:  # float64 is exact, and NumPy's product of integers is slow
            put(outs[0], np.matmul(a.astype(np.float64), b.astype(np.float64)).astype(np.int64))
            return
    with np.errstate(all="ignore"):
        put(outs[0], np.matmul(wide(a), wide(b)))


def _sort(outs: Any, ins: Any, attrs: Any) -> None:
    """Stable both ways; NaN is the largest, as NumPy has it."""
    x = wide(ins[0])
    if x.ndim == 0:
        outs[0][...], outs[1][...] = ins[0], 0
        return
    dim = attrs["dim"] % x.ndim
    if attrs["descending"]:
        order = x.shape[dim] - 1 - np.flip(np.argsort(np.flip(x, dim), dim, kind="stable"), dim)
    else:
        order = np.argsort(x, dim, kind="stable")
    outs[0][...] = np.take_along_axis(np.asarray(ins[0]), order, dim)
    outs[1][...] = order


def _nonzero(outs: Any, ins: Any, attrs: Any) -> None:
    outs[0][...] = np.argwhere(ins[0])[: attrs["count"]].reshape(outs[0].shape)


def _searchsorted(outs: Any, ins: Any, attrs: Any) -> None:
    """The numbers of a line that are less than a value, or not greater; NaN is the largest."""
    sequence, values = wide(ins[0]), wide(ins[1])
    if sequence.ndim == 1:
        outs[0][...] = np.searchsorted(sequence, values, "right" if attrs["right"] else "left")
        return
    lines = sequence.reshape(-1, sequence.shape[-1])
    asked = values.reshape(len(lines), -1)
    found = np.empty(asked.shape, np.int64)
    for line, wanted, here in zip(lines, asked, found, strict=True) if len(lines) < 64 else ():
        here[...] = np.searchsorted(line, wanted, "right" if attrs["right"] else "left")
    if len(lines) >= 64:
        a, v = lines[:, None, :], asked[:, :, None]
        found = (~_less(v, a) if attrs["right"] else _less(a, v)).sum(-1)
    outs[0][...] = found.reshape(outs[0].shape)


def _less(a: Any, b: Any) -> Any:
    return (a < b) | ((b != b) & (a == a))


# -- random numbers: Philox4x32-10 (Salmon et al., 2011), written out again from the paper


def philox(counter: Any, carry: Any, seed: int) -> list[Any]:
    """Four 32-bit words, in arrays of 64 bits, for each counter and a 64-bit key;
    ``carry`` are the bits of the counters above 64.
    """
    mask, half = np.uint64(0xFFFFFFFF), np.uint64(32)
    c = [counter & mask, counter >> half, carry & mask, carry >> half]
    k0, k1 = seed & 0xFFFFFFFF, seed >> 32 & 0xFFFFFFFF
    for _ in range(10):
        first, second = np.uint64(0xD2511F53) * c[0], np.uint64(0xCD9E8D57) * c[2]
        high = second >> half ^ c[1] ^ np.uint64(k0), first >> half ^ c[3] ^ np.uint64(k1)
        c = [high[0], second & mask, high[1], first & mask]
        k0, k1 = (k0 + 0x9E3779B9) & 0xFFFFFFFF, (k1 + 0xBB67AE85) & 0xFFFFFFFF
    return c


def _random_bits(outs: Any, ins: Any, attrs: Any) -> None:
    out, seed, offset = outs[0], attrs["seed"] & ((1 << 64) - 1), attrs["offset"] & ((1 << 64) - 1)
    narrow = out.dtype.itemsize == 4
    blocks = -(-out.size // (4 if narrow else 2))
    counter = np.arange(blocks, dtype=np.uint64) + np.uint64(offset)  # wraps
    words = np.stack(philox(counter, (counter < np.uint64(offset)).astype(np.uint64), seed), -1)
    if narrow:
        numbers = words.astype(np.uint32).view(np.int32)
    else:
        numbers = (words[:, ::2] | words[:, 1::2] << np.uint64(32)) & np.uint64((1 << 63) - 1)
    out[...] = numbers.reshape(-1)[: out.size].reshape(out.shape).astype(out.dtype)


FUNCTIONS: Final[dict[str, Callable[..., None]]] = {
    "copy": _copy,
    "cast": _cast,
    "fill": _fill,
    "iota": _iota,
    **{
        op: _unary(function)
        for op, function in {
            "neg": np.negative,
            "abs": np.abs,
            "exp": np.exp,
            "log": np.log,
            "sqrt": np.sqrt,
            "sin": np.sin,
            "cos": np.cos,
            "tanh": np.tanh,
            "erf": _erf,
            "floor": _whole(np.floor),
            "round": _whole(np.rint),
            "log1p": np.log1p,
            "expm1": np.expm1,
            "bitwise_not": _invert,
        }.items()
    },
    **{
        op: _binary(function)
        for op, function in {
            "add": np.add,
            "sub": np.subtract,
            "mul": np.multiply,
            "div": np.divide,
            "pow": _power,
            "maximum": np.maximum,
            "minimum": np.minimum,
            "eq": np.equal,
            "lt": np.less,
            "atan2": np.arctan2,
            "remainder": _remainder,
            "floor_divide": _floor_divide,
            "bitwise_and": np.bitwise_and,
            "bitwise_or": np.bitwise_or,
            "bitwise_xor": np.bitwise_xor,
            "bitwise_left_shift": _shift(True),
            "bitwise_right_shift": _shift(False),
        }.items()
    },
    "where": _where,
    "sum": _reduction(np.sum),
    "prod": _reduction(np.prod),
    "amax": _reduction(np.max),
    "amin": _reduction(np.min),
    "argmax": _place(True),
    "argmin": _place(False),
    "cumsum": _scan(np.cumsum),
    "cumprod": _scan(np.cumprod),
    # these two are not primitive: what they are made of is slow at working sizes
    "cummax": _running(np.maximum.accumulate),
    "cummin": _running(np.minimum.accumulate),
    "gather": _gather,
    "scatter": _scatter(False),
    "scatter_add": _scatter(True),
    "matmul": _matmul,
    "sort": _sort,
    "nonzero": _nonzero,
    "searchsorted": _searchsorted,
    "random_bits": _random_bits,
}
KERNELS: Final = [Kernel(op, function, None, STRIDED) for op, function in FUNCTIONS.items()]
