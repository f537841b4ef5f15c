"""Host memory as buffers: aligned blocks of our own, and memory that somebody else owns."""

from __future__ import annotations

from typing import Any

import cython

from .boundary import ffi, lib
from .interpreter import HostMemory

ALIGNMENT = 64
_HUGE = 1 << 22
_ADDRESSES = 1 << 62  # bytes: more than any address space holds


class HostBuffer:
    """``nbytes`` of host memory at ``ptr``; ``owner`` is kept alive where the memory is somebody else's."""

    def __init__(self, ptr: int, nbytes: int, owner: Any) -> None:
        self.ptr = ptr
        self.nbytes = nbytes
        self.owner = owner

    def memory(self) -> memoryview:
        """The bytes, writable, without a copy."""
        return memoryview(HostMemory(self.ptr, self.nbytes, self))


class OwnedBuffer(HostBuffer):
    """Host memory that is freed with the object.

    Compiled, because a finalizer in Python swallows the interrupt that comes in it, and may leave the memory.
    """

    def __init__(self, nbytes: int) -> None:
        size = max((nbytes + ALIGNMENT - 1) // ALIGNMENT * ALIGNMENT, ALIGNMENT)
        if size >= _ADDRESSES:
            raise MemoryError(f"{nbytes} bytes are more than an address space holds")
        huge = size >= _HUGE
        ptr = int(ffi.cast("size_t", lib.tp_allocate(_HUGE // 2 if huge else ALIGNMENT, size, huge)))
        if not ptr:
            raise MemoryError(f"the system has no {nbytes} bytes of memory left")
        self.ptr = ptr
        self.nbytes = nbytes
        self.owner = None

    def __dealloc__(self) -> None:
        free(cython.cast(cython.p_void, self.ptr))


def _finalize(buffer: OwnedBuffer, free: Any = lib.free, cast: Any = ffi.cast) -> None:
    """The finalizer of uncompiled buffers; at the end of the process the module's names are gone."""
    if getattr(buffer, "ptr", 0):
        free(cast("void *", buffer.ptr))
        buffer.ptr = 0


if not cython.compiled:
    OwnedBuffer.__del__ = _finalize  # type: ignore[attr-defined]
