"""``torch.cuda``'s names, on the device type that the CUDA plugin offers. Source: torch.cuda.

Importing it loads no plugin. Where there is no GPU, ``is_available()`` is false and ``device_count()`` 0, and
what needs one raises DeviceAbsentError with the reason. Random numbers are the same on every device, so that
the seeds here are those of ``tensorplug.manual_seed``.
"""

from __future__ import annotations

from dataclasses import dataclass

from tensorplug_dispatcher.context import Context
from tensorplug_dispatcher.devices import lifecycle, states
from tensorplug_dispatcher.devices import registry as core
from tensorplug_dispatcher.errors import DeviceError, UnknownDeviceError
from tensorplug_dispatcher.steps import Restoring, Scope
from tensorplug_dispatcher.storage import Device

from . import _streams, devices
from .random import initial_seed, seed
from .random import manual_seed as _manual_seed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

TYPE = "cuda"


class Stream(_streams.Stream):
    """A queue of work on one GPU; ``device`` None is the current one."""

    def __init__(self, device: Any = None, priority: int = 0) -> None:
        super().__init__(_one(device), priority)


class Event(_streams.Event):
    """A mark in a stream of the GPU that is the current one when the event is made."""

    def __init__(
        self, enable_timing: bool = False, blocking: bool = False, interprocess: bool = False
    ) -> None:
        super().__init__(
            _one(None), enable_timing=enable_timing, blocking=blocking, interprocess=interprocess
        )


@dataclass(frozen=True, slots=True)
class DeviceProperties:
    """What a GPU is. ``total_memory`` and ``shared_memory_per_block`` in bytes."""

    name: str
    major: int
    minor: int
    total_memory: int
    multi_processor_count: int
    shared_memory_per_block: int


def _index(device: Any) -> int:
    """The index that ``device`` (None, a number, a name, a Device) means."""
    if device is None:
        return current_device()
    if isinstance(device, int):
        return device if device >= 0 else current_device()
    kind, _, index = str(device).partition(":")
    if kind != TYPE:
        raise UnknownDeviceError(
            f"expected a {TYPE} device, but got {str(device)!r}; give its index, or '{TYPE}:0'"
        )
    return int(index) if index.isdigit() else current_device()


def _one(device: Any) -> Device:
    return core.device(TYPE, _index(device))


def is_available() -> bool:
    """Whether there is a GPU, and its plugin works."""
    return devices.available(TYPE)


def device_count() -> int:
    """How many GPUs there are."""
    return devices.count(TYPE)


def is_initialized() -> bool:
    """Whether a GPU was used so far."""
    return any(one.type == TYPE for one in states.opened())


def init() -> None:
    """Load the plugin; it is loaded anyway where a GPU is used first."""
    core.runtime_of(TYPE)


def current_device() -> int:
    """The index of the GPU that ``"cuda"`` means here."""
    return core.current_index(TYPE)


def set_device(device: Any) -> None:
    """Choose the GPU that ``"cuda"`` means, in this context (thread or task)."""
    core.use_index(TYPE, _one(device).index)


class device(Scope):
    """Context manager: ``"cuda"`` means this GPU inside. None and negative numbers change nothing."""

    def __init__(self, device: Any) -> None:
        super().__init__()
        self.index = _index(device)

    def _changed(self, state: Context) -> Context:
        core.device(TYPE, self.index)
        return core.with_index(state, TYPE, self.index)


class device_of(device):
    """Context manager: ``"cuda"`` means the GPU that a tensor is on; other tensors change nothing."""

    def __init__(self, obj: Any) -> None:
        super().__init__(obj.device.index if obj.device.type == TYPE else None)


class stream(Restoring):
    """Context manager: work inside goes to this stream,
    and ``"cuda"`` means its device; None changes nothing.
    """

    def __init__(self, stream: _streams.Stream | None) -> None:
        self.stream = stream

    def _before(self) -> tuple[int, _streams.Stream] | None:
        return None if self.stream is None else (current_device(), current_stream(self.stream.device))

    def _apply(self, before: Any) -> None:
        if self.stream is not None:
            core.use_index(TYPE, self.stream.device.index)
            set_stream(self.stream)

    def _restore(self, before: tuple[int, _streams.Stream] | None) -> None:
        if before is not None:
            index, outer = before
            set_stream(outer)
            core.use_index(TYPE, index)


StreamContext = stream


def set_stream(stream: _streams.Stream) -> None:
    """Make a stream this thread's current one of its device."""
    _streams.set_stream(stream)


def current_stream(device: Any = None) -> _streams.Stream:
    """This thread's current stream of a GPU."""
    return _streams.current_stream(_one(device))


def default_stream(device: Any = None) -> _streams.Stream:
    """The stream that a GPU's work goes to where no other is chosen."""
    return _streams.default_stream(_one(device))


def synchronize(device: Any = None) -> None:
    """Wait until all work on a GPU is done; raises what that work reports."""
    devices.synchronize(_one(device))


# -- what a GPU is


def get_device_properties(device: Any = None) -> DeviceProperties:
    """What a GPU is: name, compute capability, memory, multiprocessors."""
    one = _one(device)
    tell = getattr(one.runtime, "properties", None)
    if tell is None:
        raise DeviceError(f"the plugin of {one} does not tell its properties; it has no properties(index)")
    return DeviceProperties(**tell(one.index))


def get_device_name(device: Any = None) -> str:
    """A GPU's name."""
    index = _one(device).index
    return core.infos_of(TYPE)[index].name


def get_device_capability(device: Any = None) -> tuple[int, int]:
    """A GPU's compute capability, (major, minor)."""
    found = get_device_properties(device)
    return found.major, found.minor


# -- memory, in bytes


def mem_get_info(device: Any = None) -> tuple[int, int]:
    """Free and total memory of a GPU, whoever uses it."""
    found = lifecycle.memory(_one(device))
    return found["free"], found["total"]


def memory_allocated(device: Any = None) -> int:
    """What tensors hold now."""
    return _one(device).allocated


def max_memory_allocated(device: Any = None) -> int:
    """The most that tensors held since the start or ``reset_peak_memory_stats``."""
    return _one(device).peak


def memory_reserved(device: Any = None) -> int:
    """What was taken from the GPU: held by tensors, or kept for later."""
    one = _one(device)
    tell = getattr(one.runtime, "memory_reserved", None)
    return one.allocated + one.cached if tell is None else int(tell(one.index))


def reset_peak_memory_stats(device: Any = None) -> None:
    """Measure ``max_memory_allocated`` anew from here on."""
    devices.reset_peak(_one(device))


def memory_stats(device: Any = None) -> dict[str, int]:
    """See ``tensorplug.devices.memory``."""
    return devices.memory(_one(device))


def empty_cache() -> None:
    """Give what is kept for later on every GPU in use back to it."""
    for one in states.opened():
        if one.type == TYPE:
            devices.empty_cache(one)


# -- random numbers


def manual_seed(seed: int) -> None:
    """The same as ``tensorplug.manual_seed``: all devices draw the same numbers."""
    _manual_seed(seed)


def manual_seed_all(seed: int) -> None:
    """The same as ``tensorplug.manual_seed``."""
    _manual_seed(seed)


seed_all = seed

__all__ = [
    "DeviceProperties",
    "Event",
    "Stream",
    "StreamContext",
    "current_device",
    "current_stream",
    "default_stream",
    "device",
    "device_count",
    "device_of",
    "empty_cache",
    "get_device_capability",
    "get_device_name",
    "get_device_properties",
    "init",
    "initial_seed",
    "is_available",
    "is_initialized",
    "manual_seed",
    "manual_seed_all",
    "max_memory_allocated",
    "mem_get_info",
    "memory_allocated",
    "memory_reserved",
    "memory_stats",
    "reset_peak_memory_stats",
    "seed",
    "seed_all",
    "set_device",
    "set_stream",
    "stream",
    "synchronize",
]
