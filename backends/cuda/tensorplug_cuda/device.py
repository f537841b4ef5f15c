"""One GPU: its memory, streams, compiled programs, the status word, and its errors as ours.

**Memory and streams.** A piece of memory belongs to the stream that was current when it was allocated. The
pool hands it out again in that stream alone, in whose order everything that used it there comes first. What
other streams do with it is noted at each call; when nobody holds it any more, it goes back to the pool only
once those streams have passed the point of that moment. So memory is never written while a stream still
reads it, and no tensor needs a ``record_stream``. (Reading what another stream writes is the program's
business: ``Stream.wait_event`` and ``wait_stream`` put streams in order.)
"""

from __future__ import annotations

import contextlib
import sys
import threading
from collections import deque
from functools import cached_property
from typing import Any, Final

from tensorplug_codegen.dialect import CUDA, Target
from tensorplug_codegen.launching import reported
from tensorplug_dispatcher.errors import DeviceLostError, KernelError

from . import compiler
from .driver import Failure
from .launch import Buffer, Queue
from .staging import Staging

STREAMS: Final = 32  # of one priority on one device


class Memory:
    """A piece of the pool. It belongs to ``stream``; ``others`` are the streams that used it too."""

    __slots__ = ("device", "others", "owner", "stream")

    def __init__(self, device: GPU, owner: Any, stream: int) -> None:
        self.device = device
        self.owner = owner
        self.stream = stream
        self.others: set[int] = set()

    def __del__(self) -> None:
        if self.others and not sys.is_finalizing():
            self.device.park(self.owner, self.others)


class Stream:
    """A queue of work on one device. The default stream has the handle 0."""

    def __init__(self, device: GPU, owner: Any, handle: int) -> None:
        self.device = device
        self.owner = owner
        self.handle = handle

    def synchronize(self) -> None:
        """Wait on the host for all that is queued here."""
        device = self.device
        with device.at("synchronize"):
            device.driver.synchronize_stream(self.handle)
        device.look()

    def done(self) -> bool:
        """Whether all that is queued here is done."""
        with self.device.at("query"):
            return bool(self.device.driver.stream_done(self.handle))

    def wait(self, event: Event) -> None:
        """What is queued here from now on comes after the event; the host goes on."""
        with self.device.at("wait_event"):
            self.device.driver.wait(self.handle, event.handle)


class Event:
    """A mark in a stream."""

    def __init__(self, device: GPU, timing: bool) -> None:
        self.device = device
        with device.at("event"):
            self.owner, self.handle = device.driver.create_event(timing)

    def record(self, stream: Stream) -> None:
        """Mark the point that the stream has been queued to by now."""
        with self.device.at("record"):
            self.device.driver.record(self.handle, stream.handle)

    def synchronize(self) -> None:
        """Wait on the host until the stream has come here."""
        with self.device.at("synchronize"):
            self.device.driver.synchronize_event(self.handle)
        self.device.look()

    def done(self) -> bool:
        with self.device.at("query"):
            return bool(self.device.driver.event_done(self.handle))

    def elapsed(self, end: Event) -> float:
        """Milliseconds from here to ``end``; both must have come and been made with timing."""
        with self.device.at("elapsed_time"):
            return float(self.device.driver.elapsed(self.handle, end.handle))


class At:
    """Context manager: the device is current inside, and CUDA's errors leave as ours, naming ``op``."""

    __slots__ = ("before", "device", "op")

    def __init__(self, device: GPU, op: str) -> None:
        self.device = device
        self.op = op
        self.before = -1

    def __enter__(self) -> None:
        try:
            self.before = self.device.use()
        except Exception as error:
            self._translate(error)
            raise

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        if self.before != self.device.index:
            self.device.leave(self.before)
        if error is not None:
            self._translate(error)

    def _translate(self, error: BaseException) -> None:
        failure = self.device.driver.failure(error)
        if failure is not None:
            raise self.device.error(failure, self.op) from error


class GPU(Queue):
    """A device that is in use."""

    def __init__(self, driver: Any, index: int) -> None:
        self.driver = driver
        self.properties = driver.properties(index)
        self.memory, address = self._status_word(driver, index)
        super().__init__(index, driver.launch_address, address, driver.count == 1)
        self.name = f"cuda:{index}"
        self.default = Stream(self, None, 0)
        self.local = threading.local()
        self.lock = threading.Lock()
        self.modules: dict[str, int] = {}
        self.parked: deque[tuple[Any, list[tuple[Any, int]]]] = deque()
        self.streams: dict[int, deque[Stream]] = {}
        self.staging = Staging(driver)

    def _status_word(self, driver: Any, index: int) -> tuple[Any, int]:
        before = driver.use(index)
        try:
            memory, address = driver.allocate(4)
            driver.clear(address, 4, 0)
            driver.synchronize()
            return memory, address
        finally:
            driver.use(before)

    @cached_property
    def target(self) -> Target:
        """What programs are made for."""
        p = self.properties
        return Target(CUDA, "gpu", p.units, p.max_lanes, p.local_bytes)

    @property
    def light_handle(self) -> int:
        """This thread's handle of cuBLASLt; the device must be current."""
        found = getattr(self.local, "light", 0)
        if not found:
            found = self.local.light = int(self.driver.light.create())
        return found

    @property
    def cudnn_handle(self) -> Any:
        """This thread's handle of cuDNN, on its current stream; the device must be current."""
        cudnn = self.driver.cudnn
        found = getattr(self.local, "cudnn", None)
        if found is None:
            found = self.local.cudnn = cudnn.create_handle()
        cudnn.set_stream(found, self.current())
        return found

    # -- being current, and errors

    def use(self) -> int:
        return int(self.driver.use(self.index))

    def leave(self, before: int) -> None:
        self.driver.use(before)

    def at(self, op: str) -> At:
        return At(self, op)

    def failed(self, code: int, op: str) -> Exception:
        return self.error(self.driver.failure_of(code), op)

    def error(self, failure: Failure, op: str) -> Exception:
        """CUDA's error as one of ours."""
        if failure.out_of_memory:
            return MemoryError(failure.text)
        if failure.lost:
            return DeviceLostError(
                f"CUDA reports {failure.text}. {op}() or a call that was queued before it is the cause; "
                f"CUDA_LAUNCH_BLOCKING=1 in the environment tells which",
                device=self.name,
                op=op,
            )
        return KernelError(f"{op}() failed on {self.name} ({self.properties.name}): {failure.text}")

    # -- streams

    @property
    def stream(self) -> Stream:
        """This thread's current stream."""
        return getattr(self.local, "stream", self.default)

    def current(self) -> int:
        return self.stream.handle

    def choose(self, stream: Stream) -> None:
        """Make a stream this thread's current one."""
        with self.at("stream"):
            self.driver.use_stream(stream.owner)
        self.local.stream = stream

    def create_stream(self, priority: int) -> Stream:
        """One of the device's streams of a priority: from the ``STREAMS``-th on, the oldest serves again.

        Streams are never destroyed, because memory remembers by which ones it was used.
        """
        made = self.streams.setdefault(priority, deque())
        if len(made) == STREAMS:
            made.rotate(-1)
            return made[-1]
        with self.at("stream"):
            made.append(Stream(self, *self.driver.create_stream(priority)))
        self.streamed = True
        return made[-1]

    # -- memory

    def allocate(self, nbytes: int) -> Buffer:
        with self.at("allocate"):
            self.reap()
            try:
                owner, address = self.driver.allocate(max(nbytes, 1))
            except MemoryError:
                if not self.parked:
                    raise
                self.reap(wait=True)
                owner, address = self.driver.allocate(max(nbytes, 1))
        return Buffer(self.index, address, nbytes, Memory(self, owner, self.current()))

    def touch(self, buffer: Buffer, stream: int) -> None:
        memory = buffer.memory
        if memory.stream != stream:
            memory.others.add(stream)

    def park(self, owner: Any, streams: set[int]) -> None:
        """Keep memory that nobody holds until these streams have come to where they are queued to now."""
        events = []
        with contextlib.suppress(DeviceLostError), self.at("free"):
            for stream in streams:
                event = self.driver.create_event(False)
                self.driver.record(event[1], stream)
                events.append(event)
        self.parked.append((owner, events))

    def reap(self, wait: bool = False) -> None:
        """Let the pool have parked memory whose streams have passed, after waiting for them if asked to."""
        for _ in range(len(self.parked)):
            owner, events = self.parked.popleft()
            if wait:
                for _, event in events:
                    self.driver.synchronize_event(event)
            elif not all(self.driver.event_done(event) for _, event in events):
                self.parked.append((owner, events))

    def upload(self, dst: Buffer, src: memoryview) -> None:
        stream = self.current()
        with self.at("upload"):
            self.staging.upload(dst.address, src, stream)
        self.touch(dst, stream)

    def download(self, src: Buffer, dst: memoryview) -> None:
        stream = self.current()
        with self.at("download"):
            self.staging.download(src.address, dst, stream)
        self.touch(src, stream)
        self.look()

    # -- programs

    def function(self, op: str, source: str, name: str) -> int:
        """A kernel of this name in this source, compiled and loaded."""
        with self.lock:
            module = self.modules.get(source)
            if module is None:
                text = self.target.text + source
                try:
                    module = compiler.load(self.driver, text, self.properties.capability)
                except compiler.CompileError as error:
                    numbered = "\n".join(f"{i:4} {line}" for i, line in enumerate(text.splitlines(), 1))
                    raise KernelError(
                        f"the program of {op}() does not compile for {self.name} ({self.properties.name}). "
                        f"The compiler's log:\n{error}\nThe source:\n{numbered}"
                    ) from error
                self.modules[source] = module
        return int(self.driver.function(module, name))

    # -- the status word

    def synchronize(self) -> None:
        """Wait for all streams; raises what a kernel reported."""
        with self.at("synchronize"):
            self.driver.synchronize()
            self.reap()
        self.look()

    def look(self) -> None:
        """Raise what a kernel wrote to the status word, if one was queued that may have."""
        if not self.suspects:
            return
        with self.lock:
            suspects, self.suspects = self.suspects, []
            word = bytearray(4)
            with self.at("synchronize"):
                self.driver.synchronize()
                self.staging.download(self.status, memoryview(word), 0)
                code = int.from_bytes(word, "little")
                if code:
                    self.driver.clear(self.status, 4, 0)
                    self.driver.synchronize()
        if code:
            raise reported(code, self.name, suspects)
