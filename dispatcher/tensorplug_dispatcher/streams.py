"""Streams and events: several queues of work on one device, an optional capability of a runtime.

What a stream is given is done in order; two streams know nothing of each other but what events tell them.
Every device has a default stream, which needs none of this.

**The memory rule.** A piece of memory that nobody holds any more may be handed out while kernels that use it
are still queued: within one stream, the order makes that harmless. From the first ``create_stream`` on, the
core keeps no free memory of that device, and every request goes to the runtime, which hands memory to a
stream only when no other stream can still be using it. A runtime that offers streams keeps to that; it sees
every use, because kernels are launched through it. Programs need no ``record_stream``; they order what one
stream writes and another reads, by ``wait_stream`` or events.
"""

from __future__ import annotations

from typing import Any, Protocol, cast

from .errors import DeviceError
from .storage import Device


class EventHandle(Protocol):
    """A mark in a stream. Its methods, and a stream's, raise what the queued work reports."""

    def record(self, stream: Any) -> None:
        """Mark the point that the stream is queued to by now."""

    def synchronize(self) -> None:
        """Wait on the host until the stream has come to the mark."""

    def done(self) -> bool:
        """Whether it has. Once it says so, what was computed before the mark is there for every stream."""

    def elapsed(self, end: Any) -> float:
        """Milliseconds from this mark to ``end``; both were made with timing, and have come."""


class StreamHandle(Protocol):
    """A queue of one device. ``handle`` is the library's own."""

    handle: Any

    def synchronize(self) -> None:
        """Wait on the host for all that is queued."""

    def done(self) -> bool:
        """Whether all that is queued is done, and there for every stream."""

    def wait(self, event: Any) -> None:
        """What is queued from now on comes after the event; the host goes on."""


class StreamRuntime(Protocol):
    """What a runtime with streams has beside the eight methods. The current stream is the thread's own."""

    def create_stream(self, index: int, priority: int = 0) -> StreamHandle: ...
    def default_stream(self, index: int) -> StreamHandle: ...
    def current_stream(self, index: int) -> StreamHandle: ...
    def use_stream(self, index: int, stream: StreamHandle) -> None: ...
    def create_event(self, index: int, timing: bool = False) -> EventHandle: ...


def runtime(device: Device) -> StreamRuntime:
    """The device's runtime, which has streams. Raises DeviceError where it has none."""
    if not has_streams(device):
        raise DeviceError(
            f"device {device} has no streams: its plugin offers none, and what it is asked to do, it does in "
            f"order. Streams are for devices such as cuda and opencl"
        )
    return cast(StreamRuntime, device.runtime)


def has_streams(device: Device) -> bool:
    return hasattr(device.runtime, "create_stream")


def create_stream(device: Device, priority: int = 0) -> StreamHandle:
    """A new stream. From the first one on, the device's memory comes from its runtime alone."""
    found = runtime(device)
    device.pooled = False
    device.empty_cache()
    return found.create_stream(device.index, priority)
