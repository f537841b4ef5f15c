"""Copies between host and device through pinned memory.

A GPU copies by itself from and to pinned memory alone. An upload is done when the host memory has been read
into a slot of the ring, so that the caller goes on while the GPU still works; in a download one slot is
emptied while the next is filled.
"""

from __future__ import annotations

import threading
from collections import deque
from typing import Any, Final

from tensorplug_dispatcher.interpreter import HostMemory

from .driver import DEVICE_TO_HOST, HOST_TO_DEVICE

SLOT: Final = 1 << 20
COUNT: Final = 4


class _Slot:
    def __init__(self, driver: Any) -> None:
        self.memory, self.address = driver.pinned(SLOT)
        self.owner, self.event = driver.create_event(False)
        self.view = memoryview(HostMemory(self.address, SLOT, self.memory))
        self.filled = False  # a copy from or to it was queued


class Staging:
    """The ring of slots of one device, which must be the current one in all calls."""

    def __init__(self, driver: Any) -> None:
        self.driver = driver
        self.slots: deque[_Slot] = deque()
        self.lock = threading.Lock()

    def _next(self) -> _Slot:
        """A slot that no copy uses any more."""
        if len(self.slots) < COUNT:
            slot = _Slot(self.driver)
        else:
            slot = self.slots.popleft()
            if slot.filled:
                self.driver.synchronize_event(slot.event)
        self.slots.append(slot)
        return slot

    def _queue(self, slot: _Slot, target: int, source: int, size: int, kind: int, stream: int) -> None:
        self.driver.copy(target, source, size, kind, stream)
        slot.filled = True
        self.driver.record(slot.event, stream)

    def upload(self, target: int, source: memoryview, stream: int) -> None:
        """Queue the copy; on return the host memory has been read."""
        source = source.cast("B")
        with self.lock:
            for begin in range(0, len(source), SLOT):
                size = min(SLOT, len(source) - begin)
                slot = self._next()
                slot.view[:size] = source[begin : begin + size]
                self._queue(slot, target + begin, slot.address, size, HOST_TO_DEVICE, stream)

    def download(self, source: int, target: memoryview, stream: int) -> None:
        """Copy after all that the stream has to do."""
        target = target.cast("B")
        with self.lock:
            waiting: deque[tuple[_Slot, int, int]] = deque()
            for begin in range(0, len(target), SLOT):
                if len(waiting) == COUNT:
                    self._empty(target, *waiting.popleft())
                size = min(SLOT, len(target) - begin)
                slot = self._next()
                self._queue(slot, slot.address, source + begin, size, DEVICE_TO_HOST, stream)
                waiting.append((slot, begin, size))
            while waiting:
                self._empty(target, *waiting.popleft())

    def _empty(self, target: memoryview, slot: _Slot, begin: int, size: int) -> None:
        self.driver.synchronize_event(slot.event)
        target[begin : begin + size] = slot.view[:size]
