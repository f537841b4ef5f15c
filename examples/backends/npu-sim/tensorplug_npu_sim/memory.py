"""DRAM: a range of addresses, given out first fit and joined again when it comes back."""

from __future__ import annotations

import bisect
import threading
import weakref
from collections import deque
from typing import Any, Final

import numpy

ALIGNMENT: Final = 64


class Dram:
    """``nbytes`` of memory from address 0 on. The system gives it pages as they are touched."""

    def __init__(self, nbytes: int) -> None:
        self.nbytes = nbytes
        self.bytes = numpy.zeros(nbytes, numpy.uint8)
        self.lock = threading.Lock()
        self.back: deque[tuple[int, int]] = deque()  # (address, size) of blocks that nobody holds any more
        self._free: list[tuple[int, int]] = [(0, nbytes)]  # likewise, sorted, no two side by side

    def take(self, nbytes: int) -> int:
        """The address of a block. Raises MemoryError, which says how much there is in one piece."""
        size = max(-(-nbytes // ALIGNMENT), 1) * ALIGNMENT
        with self.lock:
            self._join()
            for place, (address, length) in enumerate(self._free):
                if length >= size:
                    rest = [(address + size, length - size)] if length > size else []
                    self._free[place : place + 1] = rest
                    return address
            left, largest = self._sizes()
            raise MemoryError(
                f"{nbytes} bytes do not fit: {left} of {self.nbytes} bytes of DRAM are free, the "
                f"largest piece has {largest}"
            )

    def give(self, address: int, nbytes: int) -> None:
        """A block is free. The collector calls this at any moment,
        in a thread that is taking a block too, so it waits for nothing.
        """
        self.back.append((address, max(-(-nbytes // ALIGNMENT), 1) * ALIGNMENT))

    def _join(self) -> None:
        """Put what came back among the free blocks; under the lock."""
        while self.back:
            address, size = self.back.popleft()
            place = bisect.bisect_left(self._free, (address, 0))
            if place < len(self._free) and self._free[place][0] == address + size:
                size += self._free.pop(place)[1]
            if place and sum(self._free[place - 1]) == address:
                place -= 1
                address, before = self._free.pop(place)
                size += before
            self._free.insert(place, (address, size))

    def _sizes(self) -> tuple[int, int]:
        """The bytes that are free, and those of the largest block."""
        sizes = [length for _, length in self._free]
        return sum(sizes), max(sizes, default=0)

    @property
    def free(self) -> list[tuple[int, int]]:
        """(address, size) of the free blocks, sorted, no two side by side."""
        with self.lock:
            self._join()
            return list(self._free)

    @property
    def left(self) -> int:
        """The bytes that are free."""
        return sum(length for _, length in self.free)


class Buffer:
    """A block of a chip's DRAM. It goes back when nobody holds it, queued commands included."""

    __slots__ = ("__weakref__", "address", "chip", "nbytes")

    def __init__(self, chip: Any, nbytes: int) -> None:
        self.chip = chip
        self.nbytes = nbytes
        self.address = chip.dram.take(nbytes)
        weakref.finalize(self, chip.dram.give, self.address, nbytes).atexit = False

    def view(self, nbytes: int) -> Any:
        """The first bytes, as an array."""
        return self.chip.dram.bytes[self.address : self.address + nbytes]
