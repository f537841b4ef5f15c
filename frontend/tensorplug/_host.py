"""Between tensors and host memory: bytes, Python numbers, and memory that belongs to somebody else."""

from __future__ import annotations

from array import array

from tensorplug_dispatcher import dtypes
from tensorplug_dispatcher.conversion import number_of
from tensorplug_dispatcher.devices import host_device
from tensorplug_dispatcher.dtypes import DType
from tensorplug_dispatcher.errors import NumberRangeError
from tensorplug_dispatcher.layout import Layout, dense
from tensorplug_dispatcher.ops import F
from tensorplug_dispatcher.tensor import Storage, from_storage

from ._public import public

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from tensorplug_dispatcher.tensor import Device

    from ._tensor import Tensor

# The struct module's letters, by dtype; float16 and bfloat16 go through float32.
LETTERS = {
    dtypes.bool_: "?",
    dtypes.uint8: "B",
    dtypes.int8: "b",
    dtypes.int16: "h",
    dtypes.int32: "i",
    dtypes.int64: "q",
    dtypes.float32: "f",
    dtypes.float64: "d",
}


def on_host(tensor: Tensor) -> Tensor:
    """``tensor`` without history, dense and in host memory; itself where it is so already."""
    plain = tensor.detach()
    if plain.device is not host_device():
        plain = F.to_device(plain, host_device())
    return plain if plain.layout.dense else F.copy(plain)


def host_memory(tensor: Tensor) -> memoryview:
    """The bytes of a dense host tensor, writable, without a copy. The caller keeps the tensor alive."""
    from tensorplug_dispatcher.writing import host_bytes

    return host_bytes(tensor)


@public("method", names="tolist")
def as_list(tensor: Tensor) -> Any:
    """The values as nested lists of Python numbers; a number for a 0-d tensor."""
    if tensor.ndim == 0:
        return tensor.item()
    if tensor.numel() == 0:
        return _empty_lists(tuple(tensor.shape))
    letter: Any = LETTERS.get(tensor.dtype)
    if tensor.dtype.stored is not None:
        tensor = F.cast(tensor, dtypes.float32)
    host = on_host(tensor)
    if letter is None:
        host = F.cast(host, dtypes.float32)
        letter = "f"
    return host_memory(host).cast(letter, tuple(host.shape)).tolist()


def _empty_lists(shape: tuple[int, ...]) -> Any:
    if not shape or shape[0] == 0:
        return []
    return [_empty_lists(shape[1:]) for _ in range(shape[0])]


def foreign(ptr: int, owner: Any, layout: Layout, nbytes: int, offset: int = 0) -> Tensor:
    """A host tensor over memory that ``owner`` keeps alive; ``offset`` counts elements from ``ptr``."""
    from tensorplug_dispatcher.memory import HostBuffer

    storage = Storage(host_device(), nbytes, HostBuffer(ptr, nbytes, owner))
    made: Any = from_storage(storage, layout, offset)
    return made


def from_numbers(numbers: list[Any], shape: tuple[int, ...], dtype: DType, device: Device) -> Tensor:
    """A tensor of these flat values; raises NumberRangeError where one does not fit the dtype."""
    if not numbers:
        from ._creation import filled

        return filled(shape, 0, dtype, device)
    if dtype.stored is not None:
        from ._conversion import to_quantized

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
