"""DRAM: a range of addresses, given out first fit and joined again when it comes back."""

from __future__ import annotations

import bisect
import threading
import weakref
from typing import Any, Final

import numpy

ALIGNMENT: Final = 64


class Dram:
    """``nbytes`` of memory from address 0 on. The system gives it pages as they are touched."""

    def __init__(self, nbytes: int) -> None:
        self.nbytes = nbytes
        self.bytes = numpy.zeros(nbytes, numpy.uint8)
        self.lock = threading.Lock()
        self.free: list[tuple[int, int]] = [(0, nbytes)]  # (address, size), sorted, no two side by side

    def take(self, nbytes: int) -> int:
        """The address of a block. Raises MemoryError, which says how much there is in one piece."""
        size = max(-(-nbytes // ALIGNMENT), 1) * ALIGNMENT
        with self.lock:
            for place, (address, length) in enumerate(self.free):
                if length >= size:
                    rest = [(address + size, length - size)] if length > size else []
                    self.free[place : place + 1] = rest
                    return address
            largest = max((length for _, length in self.free), default=0)
            raise MemoryError(
                f"{nbytes} bytes do not fit: {self.left} of {self.nbytes} bytes of DRAM are free, the "
                f"largest piece has {largest}"
            )

    def give(self, address: int, nbytes: int) -> None:
        size = max(-(-nbytes // ALIGNMENT), 1) * ALIGNMENT
        with self.lock:
            place = bisect.bisect_left(self.free, (address, 0))
            if place < len(self.free) and self.free[place][0] == address + size:
                size += self.free.pop(place)[1]
            if place and sum(self.free[place - 1]) == address:
                place -= 1
                address, before = self.free.pop(place)
                size += before
            self.free.insert(place, (address, size))

    @property
    def left(self) -> int:
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
