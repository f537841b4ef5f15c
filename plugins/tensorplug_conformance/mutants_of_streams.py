"""Devices whose streams are queues, worked off when somebody waits: right, or wrong in the order of work.

Work of the default stream is done at once. Each device has the executable specification's kernels, which
queue themselves while another stream is the thread's current one.
"""

from __future__ import annotations

import threading
import time
import weakref
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, ClassVar, Final

import numpy as np

from tensorplug_dispatcher.devices.registry import DeviceInfo
from tensorplug_dispatcher.errors import IndexRangeError

from .reference import FUNCTIONS, Buffer, ReferenceRuntime, is_float

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
        self.time = 0.0

    def record(self, stream: Queue) -> None:
        self.stream, self.at, self.time = stream, stream.put, time.perf_counter()

    def synchronize(self) -> None:
        if self.stream is not None:
            self.stream.run_to(self.at)

    def done(self) -> bool:
        return self.stream is None or self.stream.ran >= self.at

    def elapsed(self, end: Mark) -> float:
        return 1e3 * (end.time - self.time)


class MicroMark(Mark):
    """Tells microseconds."""

    def elapsed(self, end: Mark) -> float:
        return 1e3 * super().elapsed(end)


class SecondMark(Mark):
    """Tells seconds."""

    def elapsed(self, end: Mark) -> float:
        return 1e-3 * super().elapsed(end)


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


class HastyMark(Mark):
    """Has come as soon as it is recorded."""

    def done(self) -> bool:
        return True


class Alongside(Queue):
    """Goes on piece by piece in turn with the others."""

    every: ClassVar[list[Alongside]] = []

    def __init__(self) -> None:
        super().__init__()
        self.every.append(self)

    def synchronize(self) -> None:
        while not self.done():
            for one in (self, *(q for q in self.every if q is not self)):
                one.run_to(min(one.ran + 1, one.put))


class Silent(Queue):
    """Loses what its work raises."""

    def append(self, work: Callable[[], Any]) -> None:
        def quietly() -> None:
            with suppress(IndexRangeError):
                work()

        super().append(quietly)


def device(
    stream: type[Queue] = Queue, mark: type[Mark] = Mark, waits: bool = True, everyones: bool = True
) -> tuple[dict[str, Function], type[ReferenceRuntime]]:
    """Kernels and runtime of two devices with these streams and events; whether what moves between them
    ``waits`` for the current stream, and whether a device that is waited for does ``everyones`` work.
    """
    here = threading.local()
    default = AtOnce()
    made: list[tuple[int, Queue]] = []  # threads' streams

    def current() -> Queue:
        return getattr(here, "stream", default)

    def queued(function: Function) -> Function:
        def run(outs: Any, ins: Any, attrs: Any) -> None:
            current().append(lambda: function(outs, ins, attrs))

        return run

    class Streams(ReferenceRuntime):
        def devices(self) -> Sequence[DeviceInfo]:
            return [DeviceInfo(i, "executable specification, with queues") for i in range(2)]

        def create_stream(self, index: int, priority: int = 0) -> Queue:
            made.append((threading.get_ident(), stream()))
            return made[-1][1]

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

        def transfer(self, src: Buffer, dst: Buffer) -> bool:
            if waits:
                current().synchronize()
            dst.data[: len(src.data)] = src.data
            return True

        def synchronize(self, index: int) -> None:
            for thread, one in made:
                if everyones or thread == threading.get_ident():
                    one.synchronize()

    return {name: queued(function) for name, function in FUNCTIONS.items()}, Streams


def waits_for_first() -> tuple[dict[str, Function], type[ReferenceRuntime]]:
    """Whichever device is waited for, it is the first."""
    kernels, runtime = device()
    of: dict[int, list[Queue]] = {0: [], 1: []}

    class First(runtime):  # type: ignore[misc, valid-type]
        def create_stream(self, index: int, priority: int = 0) -> Queue:
            of[index].append(super().create_stream(index, priority))
            return of[index][-1]

        def synchronize(self, index: int) -> None:
            for one in of[0]:
                one.synchronize()

    return kernels, First


class Ending(Buffer):
    """Memory of which somebody is told when it ends."""

    __slots__ = ("__weakref__",)


def given_twice() -> tuple[dict[str, Function], type[ReferenceRuntime]]:
    """Memory that was copied to the other device is let go by the copy and by its owner."""
    kernels, runtime = device()
    free: dict[tuple[int, int], list[bytearray]] = {}
    copied: set[int] = set()

    def let_go(index: int, data: bytearray) -> None:
        times = 2 if id(data) in copied else 1
        copied.discard(id(data))
        free.setdefault((index, len(data)), []).extend([data] * times)

    class Twice(runtime):  # type: ignore[misc, valid-type]
        def allocate(self, index: int, nbytes: int) -> Buffer:
            found = Ending(index, nbytes)
            if nbytes >= 1024:
                waiting = free.get((index, nbytes))
                if waiting:
                    found.data = waiting.pop()
                weakref.finalize(found, let_go, index, found.data).atexit = False
            return found

        def transfer(self, src: Buffer, dst: Buffer) -> bool:
            copied.add(id(src.data))
            return bool(super().transfer(src, dst))

    return kernels, Twice


def shared_scratch() -> tuple[dict[str, Function], type[ReferenceRuntime]]:
    """A device whose sums of everything take two steps, between which one place keeps the parts."""
    kernels, runtime = device(Alongside)
    parts: list[Any] = []

    def first(outs: Any, ins: Any, attrs: Any) -> None:
        flat = ins[0].reshape(-1)
        parts[:] = [flat[at : at + 1024].sum(dtype=np.float64) for at in range(0, flat.size, 1024)]

    def second(outs: Any, ins: Any, attrs: Any) -> None:
        outs[0][...] = np.sum(parts)

    def total(outs: Any, ins: Any, attrs: Any) -> None:
        if outs[0].size == 1 and ins[0].size > 1024 and is_float(outs[0]):
            for step in (first, second):
                queue = runtime.current_stream(None, 0)  # type: ignore[attr-defined]
                queue.append(partial(step, outs, ins, attrs))
        else:
            kernels["sum"](outs, ins, attrs)

    return {**kernels, "sum": total}, runtime


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
    "hasty-events": (
        "events have come as soon as they are recorded",
        ("S7/streams/float32/arrived",),
        *device(mark=HastyMark),
    ),
    "shared-scratch": (
        "sums on two streams keep their parts in one place",
        ("S7/streams/float32/side-by-side",),
        *shared_scratch(),
    ),
    "hasty-transfers": (
        "what moves to another device does not wait for its stream",
        ("S7/second-device/float32/streams",),
        *device(waits=False),
    ),
    "first-device-waits": (
        "whichever device is waited for, it is the first",
        ("S7/second-device/float32/streams",),
        *waits_for_first(),
    ),
    "given-twice": (
        "memory that was copied to another device is let go twice",
        ("S7/second-device/float32/streams",),
        *given_twice(),
    ),
    "microseconds": (
        "the time between events is told in microseconds",
        ("S7/streams/float32/elapsed",),
        *device(mark=MicroMark),
    ),
    "seconds": (
        "the time between events is told in seconds",
        ("S7/streams/float32/elapsed",),
        *device(mark=SecondMark),
    ),
    "own-streams": (
        "a device that is waited for does the work of the waiting thread alone",
        ("S7/streams/float32/another-thread",),
        *device(everyones=False),
    ),
    "silent-streams": (
        "what work of a stream raises is lost",
        ("S7/streams/float32/errors",),
        *device(Silent),
    ),
    "nameless-errors": ("late errors do not name the op", ("S1/deferred/float32/gather",), *nameless()),
}
RIGHT: Final[dict[str, tuple[Any, ...]]] = {
    "queues": (
        "nothing: streams that are worked off late",
        ("S7/streams/", "S7/second-device/", "S1/streams-done/"),
        *device(),
    ),
    "alongside": (
        "nothing: streams that go on in turn",
        ("S7/streams/", "S7/second-device/", "S1/streams-done/"),
        *device(Alongside),
    ),
}
