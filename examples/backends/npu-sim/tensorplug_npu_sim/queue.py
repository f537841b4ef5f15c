"""The command queue of a chip: the host appends, one worker takes in order; and events in it."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from typing import Any

from tensorplug_dispatcher.errors import DeviceLostError, KernelError, TensorplugError


class CommandQueue:
    """Commands run after each other in a thread of their own. The first one that fails is told of by the next
    call that waits; those behind it run all the same.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.waiting: queue.SimpleQueue[tuple[str, int, Callable[[], Any]] | None] = queue.SimpleQueue()
        self.cycles = 0  # of all commands that are done
        self.failure: tuple[str, Exception] | None = None
        self.closed = False
        self.lock = threading.Lock()
        self.thread: threading.Thread | None = None

    def put(self, op: str, cycles: int, work: Callable[[], Any]) -> None:
        """Append a command, which takes so many cycles of the machine's time."""
        with self.lock:
            if self.closed:
                raise DeviceLostError(f"device {self.name} was closed", device=self.name, op=op)
            if self.thread is None:
                self.thread = threading.Thread(target=self._work, name=self.name, daemon=True)
                self.thread.start()
            self.waiting.put((op, cycles, work))

    def _work(self) -> None:
        while True:
            command = self.waiting.get()
            if command is None:
                return
            op, cycles, work = command
            try:
                work()
            except Exception as error:
                error.__traceback__ = None  # its frames would hold the operands
                if self.failure is None:
                    self.failure = op, error
            self.cycles += cycles
            del command, work

    def wait(self, op: str, cycles: int = 0, work: Callable[[], Any] = bool) -> None:
        """Append a command and wait for it; raises what has failed since the last wait."""
        done = threading.Event()

        def signal() -> None:
            try:
                work()
            finally:
                done.set()

        self.put(op, cycles, signal)
        done.wait()
        self.look()

    def look(self) -> None:
        """Raise what has failed, once."""
        failure, self.failure = self.failure, None
        if failure is not None:
            op, error = failure
            text = f"{error} (in {op}() on {self.name}, which was known after the call had returned)"
            kind = KernelError
            if isinstance(error, (TensorplugError, ZeroDivisionError)):
                kind = type(error)  # type: ignore[assignment]
            else:
                text = f"{type(error).__name__}: {text}"
            raise kind(text) from error

    def close(self) -> None:
        """Let what is queued run to its end, then no more."""
        with self.lock:
            self.closed = True
            thread, self.thread = self.thread, None
        if thread is not None:
            self.waiting.put(None)
            thread.join()


class Stream:
    """A stream of a chip. There is one queue, so that all streams are in order with each other."""

    def __init__(self, chip: Any) -> None:
        self.chip = chip
        self.handle = chip.queue

    def synchronize(self) -> None:
        self.handle.wait("synchronize")

    def done(self) -> bool:
        event = Event(self.chip)
        event.record(self)
        return event.done()

    def wait(self, event: Event) -> None:
        """Events of this chip lie in the same queue; those of another one are waited for here."""
        if event.chip is not self.chip and event.passed is not None:
            event.passed.wait()


class Event:
    """A mark in the queue, with the machine's time at which it was passed."""

    def __init__(self, chip: Any) -> None:
        self.chip = chip
        self.passed: threading.Event | None = None
        self.cycles = 0

    def record(self, stream: Stream) -> None:
        passed = self.passed = threading.Event()

        def mark() -> None:
            self.cycles = self.chip.queue.cycles
            passed.set()

        self.chip.queue.put("record", 0, mark)

    def synchronize(self) -> None:
        assert self.passed is not None
        self.passed.wait()
        self.chip.queue.look()

    def done(self) -> bool:
        assert self.passed is not None
        if self.passed.is_set():
            self.chip.queue.look()
            return True
        return False

    def elapsed(self, end: Event) -> float:
        """Milliseconds of the machine's time."""
        for event in (self, end):
            assert event.passed is not None
            event.passed.wait()
        return (end.cycles - self.cycles) / self.chip.machine.clock * 1e3
