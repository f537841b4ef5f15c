"""Devices whose streams are queues, worked off when somebody waits: right, or wrong in the order of work.

Work of the default stream is done at once. Each device has the executable specification's kernels, which
queue themselves while another stream is the thread's current one.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import Any, Final

from tensorplug_dispatcher.errors import IndexRangeError

from .reference import FUNCTIONS, Buffer, ReferenceRuntime

Function = Callable[[Any, Any, Any], None]


class Queue:
    """A stream. ``put`` counts what it was given, ``ran`` what is done."""

    def __init__(self) -> None:
        self.handle = id(self)
        self.waiting: deque[Callable[[], Any]] = deque()
        self.put = self.ran = 0

    def append(self, work: Callable[[], Any]) -> None:
        self.waiting.append(work)
        self.put += 1

    def next(self) -> Callable[[], Any]:
        return self.waiting.popleft()

    def run_to(self, count: int) -> None:
        while self.ran < count:
            work = self.next()
            self.ran += 1
            work()

    def synchronize(self) -> None:
        self.run_to(self.put)

    def done(self) -> bool:
        return self.ran >= self.put

    def wait(self, event: Mark) -> None:
        stream, at = event.stream, event.at  # of now: it may be recorded again
        if stream is not None:
            self.append(lambda: stream.run_to(at))


class AtOnce(Queue):
    """The default stream."""

    def append(self, work: Callable[[], Any]) -> None:
        work()


class Mark:
    """An event."""

    def __init__(self) -> None:
        self.stream: Queue | None = None
        self.at = 0

    def record(self, stream: Queue) -> None:
        self.stream, self.at = stream, stream.put

    def synchronize(self) -> None:
        if self.stream is not None:
            self.stream.run_to(self.at)

    def done(self) -> bool:
        return self.stream is None or self.stream.ran >= self.at

    def elapsed(self, end: Mark) -> float:
        return 0.0


class Deaf(Queue):
    """Waits for no other stream."""

    def wait(self, event: Mark) -> None:
        return None


class NewestFirst(Queue):
    """Works off what was queued last first."""

    def next(self) -> Callable[[], Any]:
        return self.waiting.pop()


class EarlyMark(Mark):
    """Marks the place before the last piece of work."""

    def record(self, stream: Queue) -> None:
        self.stream, self.at = stream, max(stream.put - 1, 0)


class FirstMark(Mark):
    """Keeps the place where it was recorded first."""

    def record(self, stream: Queue) -> None:
        if self.stream is None:
            super().record(stream)


def device(
    stream: type[Queue] = Queue, mark: type[Mark] = Mark
) -> tuple[dict[str, Function], type[ReferenceRuntime]]:
    """Kernels and runtime of a device with these streams and events."""
    here = threading.local()
    default = AtOnce()
    made: list[Queue] = []

    def current() -> Queue:
        return getattr(here, "stream", default)

    def queued(function: Function) -> Function:
        def run(outs: Any, ins: Any, attrs: Any) -> None:
            current().append(lambda: function(outs, ins, attrs))

        return run

    class Streams(ReferenceRuntime):
        def create_stream(self, index: int, priority: int = 0) -> Queue:
            made.append(stream())
            return made[-1]

        def default_stream(self, index: int) -> Queue:
            return default

        def current_stream(self, index: int) -> Queue:
            return current()

        def use_stream(self, index: int, chosen: Queue) -> None:
            here.stream = chosen

        def create_event(self, index: int, timing: bool = False) -> Mark:
            return mark()

        def upload(self, dst: Buffer, src: memoryview) -> None:
            current().synchronize()
            super().upload(dst, src)

        def download(self, src: Buffer, dst: memoryview) -> None:
            current().synchronize()
            super().download(src, dst)

        def synchronize(self, index: int) -> None:
            for one in made:
                one.synchronize()

    return {name: queued(function) for name, function in FUNCTIONS.items()}, Streams


# -- errors that are told of later


def nameless() -> tuple[dict[str, Function], type[ReferenceRuntime]]:
    """A device that tells of an index outside when it is waited for, and not in which op it was."""
    found: list[Exception] = []

    def gather(outs: Any, ins: Any, attrs: Any) -> None:
        try:
            FUNCTIONS["gather"](outs, ins, attrs)
        except IndexRangeError:
            found[:] = [IndexRangeError("an index is out of range")]

    class Late(ReferenceRuntime):
        def download(self, src: Buffer, dst: memoryview) -> None:
            self.synchronize(0)
            super().download(src, dst)

        def synchronize(self, index: int) -> None:
            if found:
                raise found.pop()

    return {"gather": gather}, Late


# name: what is wrong, the beginnings of cases that find it, kernels, runtime
WRONG: Final[dict[str, tuple[Any, ...]]] = {
    "deaf-streams": ("streams wait for no events", ("S7/streams/",), *device(Deaf)),
    "newest-first": ("a stream does its work in the wrong order", ("S7/streams/",), *device(NewestFirst)),
    "early-events": ("events come before the last piece of work", ("S7/streams/",), *device(mark=EarlyMark)),
    "first-marks": (
        "an event recorded again keeps its first place",
        ("S7/streams/float32/again",),
        *device(mark=FirstMark),
    ),
    "nameless-errors": ("late errors do not name the op", ("S1/deferred/float32/gather",), *nameless()),
}
RIGHT: Final[dict[str, tuple[Any, ...]]] = {
    "queues": ("nothing: streams that are worked off late", ("S7/streams/", "S1/streams-done/"), *device())
}
