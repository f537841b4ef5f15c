"""Streams and events: command queues of one context.

OpenCL itself keeps to the memory rule of ``tensorplug_dispatcher.streams``: a buffer that is released lives
until the commands that use it are done, on whatever queue.
"""

from __future__ import annotations

from typing import Any

import pyopencl as cl


class Stream:
    """A ``pyopencl.CommandQueue`` that works in order."""

    def __init__(self, device: Any) -> None:
        self.device = device
        self._queue = cl.CommandQueue(device.context)
        self._notes_times = False
        self._taken = self._awaited = 0  # how often the handle was; how often before the last wait

    @property
    def handle(self) -> Any:
        """The queue, for more work."""
        self._taken += 1
        return self._queue

    def timed(self) -> Any:
        """The queue, which notes times from now on: that costs each kernel 1 us."""
        if not self._notes_times:
            self._queue.finish()
            notes_times = cl.command_queue_properties.PROFILING_ENABLE
            self._queue = cl.CommandQueue(self.device.context, properties=notes_times)
            self._notes_times = True
        return self.handle

    def synchronize(self) -> None:
        """Wait on the host for all that is queued; raises what a kernel reported."""
        self.device.finish(self)

    def finish(self) -> None:
        """Wait on the host for all that is queued so far."""
        taken = self._taken
        self._queue.finish()
        self._awaited = taken

    def done(self) -> bool:
        """Whether all that is queued is done. Where that is not known,
        a mark says so as soon as the queue has come to it.
        """
        if self._awaited == self._taken:
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
        self.queue: Any = None

    def record(self, stream: Stream) -> None:
        """Mark the point that the stream is queued to by now."""
        with self.device.at("record"):
            self.queue = stream.timed() if self.timing else stream.handle
            self.mark = cl.enqueue_marker(self.queue)

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
            if self.mark.command_execution_status != cl.command_execution_status.COMPLETE:
                return False
            self.mark.wait()  # at once: what is asked is no point of synchronization in OpenCL, waiting is
            return True

    def elapsed(self, end: Event) -> float:
        """Milliseconds from here to ``end``; both have come."""
        with self.device.at("elapsed_time"):
            cl.wait_for_events([self.mark, end.mark])
            return float(end.mark.profile.end - self.mark.profile.end) * 1e-6
