"""Streams and events: command queues of one context.

OpenCL itself keeps to the memory rule of ``tensorplug_dispatcher.streams``: a buffer that is released lives
until the commands that use it are done, on whatever queue.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

import pyopencl as cl


class Stream:
    """A ``pyopencl.CommandQueue`` that works in order."""

    def __init__(self, device: Any) -> None:
        self.device = device
        self._queue = cl.CommandQueue(device.context)
        self._idle = True  # it was waited for, and nobody has taken its handle since

    @property
    def handle(self) -> Any:
        """The queue, for more work."""
        self._idle = False
        return self._queue

    @cached_property
    def clock(self) -> Any:
        """A queue that notes times for this one's marks: noting them here costs a kernel 1 µs."""
        return cl.CommandQueue(self.device.context, properties=cl.command_queue_properties.PROFILING_ENABLE)

    def synchronize(self) -> None:
        """Wait on the host for all that is queued; raises what a kernel reported."""
        self.device.finish(self._queue)
        self._idle = True

    def done(self) -> bool:
        """Whether all that is queued is done. Where that is not known, a mark says so as soon as the queue
        has come to it.
        """
        if self._idle:
            return True
        event = Event(self.device, False)
        event.record(self)
        return event.done()

    def wait(self, event: Event) -> None:
        """What is queued from now on comes after the event; the host goes on."""
        with self.device.at("wait_event"):
            if event.mark is not None:
                event.flush()
                cl.enqueue_barrier(self.handle, wait_for=[event.mark])


class Event:
    """A mark in a stream."""

    def __init__(self, device: Any, timing: bool) -> None:
        self.device = device
        self.timing = timing
        self.mark: Any = None
        self.time: Any = None
        self.queue: Any = None

    def record(self, stream: Stream) -> None:
        """Mark the point that the stream is queued to by now."""
        with self.device.at("record"):
            self.queue = stream.handle
            self.mark = cl.enqueue_marker(self.queue)
            if self.timing:
                self.time = cl.enqueue_marker(stream.clock, wait_for=[self.mark])

    def flush(self) -> None:
        """Have the queue begin: one that nobody waits for may not."""
        self.queue.flush()

    def synchronize(self) -> None:
        """Wait on the host until the stream has come here; raises what a kernel reported."""
        with self.device.at("synchronize"):
            self.mark.wait()
        self.device.look()

    def done(self) -> bool:
        with self.device.at("query"):
            self.flush()
            return bool(self.mark.command_execution_status == cl.command_execution_status.COMPLETE)

    def elapsed(self, end: Event) -> float:
        """Milliseconds from here to ``end``; both have come."""
        with self.device.at("elapsed_time"):
            cl.wait_for_events([self.time, end.time])
            return float(end.time.profile.end - self.time.profile.end) * 1e-6
