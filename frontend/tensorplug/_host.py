"""Between tensors and host memory: bytes, Python numbers, and memory that belongs to somebody else."""

from __future__ import annotations

from tensorplug_dispatcher import dtypes
from tensorplug_dispatcher.devices.registry import host_device
from tensorplug_dispatcher.layout import Layout
from tensorplug_dispatcher.ops import F
from tensorplug_dispatcher.storage import Storage
from tensorplug_dispatcher.tensor import from_storage

from ._public import public
from .later import later

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ._tensor import Tensor

host_address = later("tensorplug_dispatcher.writing", "host_address")
host_bytes = later("tensorplug_dispatcher.writing", "host_bytes")
HostBuffer = later("tensorplug_dispatcher.memory", "HostBuffer")

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
    return host_bytes(tensor)


@public("method", names="tolist")
def as_list(tensor: Tensor) -> Any:
    """The values as nested lists of Python numbers; a number for a 0-d tensor.

    Shapes: [*S] -> lists nested as deep as S is long; dtypes: any. Source: torch.Tensor.tolist.
    """
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
    storage = Storage(host_device(), nbytes, HostBuffer(ptr, nbytes, owner))
    made: Any = from_storage(storage, layout, offset)
    return made
