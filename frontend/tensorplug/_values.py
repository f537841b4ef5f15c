"""The values of tensors: one value everywhere, given numbers, other dtypes, other devices."""

from __future__ import annotations

from array import array

from tensorplug_dispatcher import dtypes
from tensorplug_dispatcher.conversion import number_of
from tensorplug_dispatcher.dtypes import DType
from tensorplug_dispatcher.errors import DTypeError, NumberRangeError
from tensorplug_dispatcher.layout import dense
from tensorplug_dispatcher.ops import F
from tensorplug_dispatcher.tensor import empty as empty_of_layout

from ._host import LETTERS, foreign
from .later import later

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from tensorplug_dispatcher.storage import Device

    from ._tensor import Tensor

quantized = later("tensorplug_layers.quantization.quantizer", "quantized")


def filled(shape: tuple[int, ...], value: Any, dtype: DType, device: Any) -> Any:
    """A tensor of one value; floats of eight bits are encoded from float32.
    Raises DTypeError for dtypes that need a scale.
    """
    if dtype.stored is None:
        return F.fill.call((shape, value, dtype, device))
    return to_quantized(F.fill(shape, value, dtypes.float32, device=device), dtype)


def undefined(shape: tuple[int, ...], dtype: DType, device: Any) -> Any:
    """A dense tensor whose values are whatever the memory holds (floats of eight bits: zeros)."""
    if dtype in dtypes.FLOAT8:
        return filled(shape, 0, dtype, device)
    return empty_of_layout(dense(shape, dtype), device)


def from_numbers(numbers: list[Any], shape: tuple[int, ...], dtype: DType, device: Device) -> Tensor:
    """A tensor of these flat values; raises NumberRangeError where one does not fit the dtype."""
    if not numbers:
        return filled(shape, 0, dtype, device)
    if dtype.stored is not None:
        return to_quantized(from_numbers(numbers, shape, dtypes.float32, device), dtype)
    stored = dtype if dtype in LETTERS else dtypes.float32
    try:
        if dtype.kind == dtypes.BOOL:
            packed = array("B", bytes(map(bool, numbers)))
        elif dtype.kind == dtypes.INTEGER:
            wrap = dtype is dtypes.uint8  # PyTorch takes -1 as 255 and refuses 256
            whole = [v if type(v) is int else number_of("tensor", v, dtype) for v in numbers]
            packed = array(LETTERS[stored], [n & 255 if wrap and -255 <= n < 0 else n for n in whole])
        else:
            packed = array(LETTERS[stored], numbers)
    except NumberRangeError:
        raise
    except (OverflowError, ValueError):
        bad = next((v for v in numbers if v != v or not dtype.min <= v <= dtype.max), numbers[0])
        raise NumberRangeError(
            f"value {bad!r} cannot be converted to type {dtype.name} without overflow; it "
            f"holds {dtype.min} to {dtype.max}"
        ) from None
    address, count = packed.buffer_info()
    tensor = foreign(address, packed, dense(shape, stored), count * packed.itemsize)
    if stored is not dtype:
        tensor = F.cast(tensor, dtype)
    return tensor if device is tensor.device else F.to_device(tensor, device)


def converted(x: Any, dtype: DType | None, device: Device | None, copy: bool = False) -> Any:
    """``x`` with this dtype on this device; ``x`` itself where it is so already, unless ``copy``."""
    before = x
    if dtype is not None and dtype is not x.dtype:
        x = F.cast(x, dtype) if dtype.stored is None else to_quantized(x, dtype)
    if device is not None and device is not x.device:
        x = F.to_device(x, device)
    return F.copy(x) if copy and x is before else x


def to_quantized(x: Any, dtype: DType) -> Any:
    """``x`` as floats of eight bits; raises DTypeError for dtypes that need a scale."""
    if dtype in dtypes.FLOAT8 and x.dtype.stored is None:
        return quantized(x if x.dtype.is_floating_point else F.cast(x, dtypes.float32), dtype, None, None)
    if x.dtype.stored is not None:
        return F.cast(x, dtype)
    raise DTypeError(
        f"a {x.dtype.name} tensor cannot be converted to {dtype.name} without a scale; use "
        f"quantize_per_tensor(x, scale, zero_point, {dtype.name}), quantize_per_channel(), or "
        f"quantize_per_tensor_dynamic(), which chooses the scale"
    )
