"""Streams and events as PyTorch has them, on every device whose plugin offers them.

Memory needs no care: see ``tensorplug_dispatcher.streams`` for the rule, which makes ``record_stream``
superfluous. Order does: what one stream writes and another reads is put in order by ``wait_stream`` or
events.
Source: torch.Stream, torch.Event.
"""

from __future__ import annotations

from tensorplug_dispatcher import streams
from tensorplug_dispatcher.devices.registry import default_device
from tensorplug_dispatcher.errors import DeviceError, DeviceMismatchError
from tensorplug_dispatcher.steps import Restoring
from tensorplug_dispatcher.storage import Device

from ._arguments import device_named

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Self


class Stream(Restoring):
    """A queue of work on one device, done in order; ``device`` None is the default device.

    ``with stream:`` makes it the thread's current stream of its device inside. Streams of higher priority
    have lower numbers. Raises DeviceError where the device has none.
    """

    def __init__(self, device: Any = None, priority: int = 0) -> None:
        one = default_device() if device is None else device_named(device)
        self._set(one, streams.create_stream(one, priority))

    def _set(self, device: Device, handle: Any) -> None:
        self.device = device
        self._handle = handle

    @classmethod
    def _of(cls, device: Device, handle: Any) -> Self:
        made = cls.__new__(cls)
        made._set(device, handle)
        return made

    @property
    def stream_id(self) -> int:
        """A number of the stream: the library's own handle."""
        handle = self._handle.handle
        return handle if isinstance(handle, int) else id(handle)

    cuda_stream = stream_id

    def synchronize(self) -> None:
        """Wait until all that is queued is done."""
        self._handle.synchronize()

    def query(self) -> bool:
        """Whether all that is queued is done."""
        return bool(self._handle.done())

    def record_event(self, event: Event | None = None) -> Event:
        """Mark where the stream is queued to by now, with a new event if none is given."""
        made = Event(self.device) if event is None else event
        made.record(self)
        return made

    def wait_event(self, event: Event) -> None:
        """What is queued from now on comes after the event."""
        event.wait(self)

    def wait_stream(self, stream: Stream) -> None:
        """What is queued from now on comes after what ``stream`` is queued to by now."""
        self.wait_event(stream.record_event())

    def _before(self) -> Stream:
        """The thread's current stream of the device; what ``with`` needs."""
        return current_stream(self.device)

    def _apply(self, before: Any) -> Self:
        """Make this the current one."""
        set_stream(self)
        return self

    def _restore(self, before: Stream) -> None:
        """Make the one before the current one again."""
        set_stream(before)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Stream) and self._handle is other._handle

    def __hash__(self) -> int:
        return hash(id(self._handle))

    def __repr__(self) -> str:
        return f"<{type(self).__module__}.Stream device={self.device} stream_id={self.stream_id:#x}>"


class Event:
    """A mark in a stream of one device; ``device`` None is the default device.

    ``enable_timing`` lets ``elapsed_time`` tell how long it is to another event. ``blocking`` and
    ``interprocess`` are taken for PyTorch's sake: events of other processes are not supported.
    """

    def __init__(
        self,
        device: Any = None,
        *,
        enable_timing: bool = False,
        blocking: bool = False,
        interprocess: bool = False,
    ) -> None:
        if interprocess:
            raise DeviceError("events for other processes are not supported; use interprocess=False")
        self.enable_timing = enable_timing
        self.device = default_device() if device is None else device_named(device)
        self._handle: Any = None

    def record(self, stream: Stream | None = None) -> None:
        """Mark where ``stream`` (None: the current one of the event's device) is queued to by now."""
        chosen = current_stream(self.device) if stream is None else stream
        if self.device is not chosen.device:
            raise DeviceMismatchError(
                f"the event belongs to {self.device} and the stream to {chosen.device}; make an event there"
            )
        if self._handle is None:
            found = streams.runtime(self.device)
            self._handle = found.create_event(self.device.index, self.enable_timing)
        self._handle.record(chosen._handle)

    def wait(self, stream: Stream | None = None) -> None:
        """Let ``stream`` (None: the current one) wait for the event; one never recorded has come already.

        Where the stream is of another type of device, the host waits.
        """
        if self._handle is None:
            return
        chosen = current_stream(self.device) if stream is None else stream
        if chosen.device.type != self.device.type:
            self.synchronize()
        else:
            chosen._handle.wait(self._handle)

    def query(self) -> bool:
        """Whether the stream has come to the mark."""
        return self._handle is None or bool(self._handle.done())

    def synchronize(self) -> None:
        """Wait on the host until the stream has come to the mark."""
        if self._handle is not None:
            self._handle.synchronize()

    def elapsed_time(self, end_event: Event) -> float:
        """Milliseconds from this event to ``end_event``; both were recorded, with timing, and have come."""
        for event in (self, end_event):
            if not event.enable_timing:
                raise DeviceError("elapsed_time() needs events that were made with enable_timing=True")
            if event._handle is None:
                raise DeviceError("elapsed_time() needs events that were recorded; call record() first")
            if not event.query():
                raise DeviceError(
                    "elapsed_time() needs events that have come; call synchronize() on the later one first"
                )
        return float(self._handle.elapsed(end_event._handle))

    def __repr__(self) -> str:
        return f"<{type(self).__module__}.Event device={self.device}>"


def _one(device: Any) -> Device:
    return default_device() if device is None else device_named(device)


def current_stream(device: Any = None) -> Stream:
    """This thread's current stream of a device (None: the default device)."""
    one = _one(device)
    return Stream._of(one, streams.runtime(one).current_stream(one.index))


def default_stream(device: Any = None) -> Stream:
    """The stream that a device's work goes to where no other is chosen."""
    one = _one(device)
    return Stream._of(one, streams.runtime(one).default_stream(one.index))


def set_stream(stream: Stream) -> None:
    """Make a stream this thread's current one of its device."""
    streams.runtime(stream.device).use_stream(stream.device.index, stream._handle)
