"""What the units compute, in NumPy: the vector unit by tensorplug_arrays, the matrix unit tile by tile."""

from __future__ import annotations

import itertools
import threading
from contextlib import AbstractContextManager
from typing import Any, Final

import ml_dtypes
import numpy

from tensorplug_arrays import Adapter, Call
from tensorplug_dispatcher import dtypes
from tensorplug_dispatcher.dtypes import DType

DTYPES: Final = tuple(d for d in dtypes.ALL if d.name not in ("float16", "float64"))
BYTES: Final = (dtypes.int8, dtypes.uint8)

_bfloat16: Final = numpy.dtype(ml_dtypes.bfloat16)


def numpy_dtype(dtype: DType) -> Any:
    return _bfloat16 if dtype.name == "bfloat16" else numpy.dtype(dtype.numpy_name)


class Units(Adapter):
    """The vector unit. Which chip a command runs on is the worker's own business."""

    def __init__(self) -> None:
        super().__init__(numpy, DTYPES)
        self.local = threading.local()

    def dtype(self, dtype: DType) -> Any:
        return numpy_dtype(dtype)

    def scope(self, handle: Any) -> AbstractContextManager[Any]:
        return numpy.errstate(all="ignore")

    def convert(self, array: Any, dtype: Any) -> Any:
        return array.astype(dtype)

    def put(self, x: Any, places: Any, values: Any, add: bool) -> Any:
        found = x.copy()
        if add:
            numpy.add.at(found, places, values)
        else:
            found[places] = values
        return found


def tiled(chip: Any, a: Any, b: Any) -> Any:
    """``a @ b`` by the matrix unit: bfloat16 gives float32, int8 and uint8 (mixed too) give int32.

    Operands pass through the scratchpad in tiles, and the sums stay there until a tile of them is whole.
    """
    machine = chip.machine
    floating = a.dtype == _bfloat16
    wide = numpy.float32 if floating else numpy.int32
    deep = machine.tile_k if floating else 2 * machine.tile_k
    m, k, n = a.shape[-2], a.shape[-1], b.shape[-1]
    batch = numpy.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    a = numpy.broadcast_to(a, (*batch, m, k))
    b = numpy.broadcast_to(b, (*batch, k, n))
    out = numpy.zeros((*batch, m, n), wide)
    for place in numpy.ndindex(*batch):
        for row, column in itertools.product(range(0, m, machine.tile_m), range(0, n, machine.tile_n)):
            rows, columns = min(machine.tile_m, m - row), min(machine.tile_n, n - column)
            pad = _Pad(chip.scratchpad)
            sums = pad.region((rows, columns), wide)
            sums[...] = 0
            left = pad.region((rows, deep), a.dtype)
            right = pad.region((deep, columns), b.dtype)
            for at in range(0, k, deep):
                depth = min(deep, k - at)
                left[:, :depth] = a[place][row : row + rows, at : at + depth]
                right[:depth] = b[place][at : at + depth, column : column + columns]
                sums += left[:, :depth].astype(wide) @ right[:depth].astype(wide)
            out[place][row : row + rows, column : column + columns] = sums
    return out


class _Pad:
    """The scratchpad, given out from its start on."""

    def __init__(self, memory: Any) -> None:
        self.memory = memory
        self.used = 0

    def region(self, shape: tuple[int, int], dtype: Any) -> Any:
        found = numpy.ndarray(shape, dtype, self.memory, self.used)  # raises where it does not fit
        self.used += found.nbytes
        return found


# -- what is defined here and not by tensorplug_arrays -------------------------------------------------------


def _chip(call: Call) -> Any:
    units = call.lib
    assert isinstance(units, Units)
    return units.local.chip


def matmul(call: Call, a: Any, b: Any) -> Any:
    """bfloat16 and int8 by the matrix unit, the others by the vector unit."""
    if a.dtype == _bfloat16 or call.lib.dtype_of(a) in BYTES:
        return tiled(_chip(call), a, b)
    return numpy.matmul(a, b)


def quantized_matmul(
    call: Call, a: Any, b: Any, a_scale: Any, a_point: Any, b_scale: Any, b_point: Any
) -> Any:
    total = _product(call, a, b, a_point, b_point)
    return total.astype(numpy.float32) * (a_scale.reshape(()) * b_scale.reshape(()))


def quantized_linear(
    call: Call,
    x: Any,
    weight: Any,
    bias: Any,
    x_scale: Any,
    x_point: Any,
    weight_scale: Any,
    weight_sum: Any,
    out_scale: Any,
    out_point: Any,
) -> Any:
    """Sums of products by the matrix unit; scales, bias and levels by the vector unit, in float32."""
    rows = x.reshape(-1, x.shape[-1])
    total = _product(call, rows, weight.T, x_point, None)
    result = total.astype(numpy.float32) * (weight_scale.reshape(-1) * x_scale.reshape(()))
    if bias is not None:
        result = result + bias
    if out_scale is not None:
        result = numpy.where(result == result, result, numpy.float32(0))
        result = numpy.round(result * (numpy.float32(1) / out_scale.reshape(()).astype(numpy.float32)))
        if out_point is not None:
            result = result + out_point.reshape(())
        low, high = int(call.out.dtype.min), int(call.out.dtype.max)
        result = numpy.clip(result, low, high).astype(numpy.int32)
    return result


def _product(call: Call, a: Any, b: Any, a_point: Any, b_point: Any) -> Any:
    """(a - a_point) @ (b - b_point) in int32, of which the matrix unit does a @ b."""
    total = tiled(_chip(call), a, b)
    if a_point is not None:
        total = total - a_point.reshape(()) * b.astype(numpy.int32).sum(-2, keepdims=True)
    if b_point is not None:
        total = total - b_point.reshape(()) * a.astype(numpy.int32).sum(-1, keepdims=True)
        if a_point is not None:
            total = total + a.shape[-1] * a_point.reshape(()) * b_point.reshape(())
    return total


OWN: Final = {
    "matmul": matmul,
    "quantized_matmul": quantized_matmul,
    "quantized_linear": quantized_linear,
}
