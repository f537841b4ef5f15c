"""Host memory as buffers: aligned blocks of our own, and memory that somebody else owns."""

from __future__ import annotations

import ctypes
import mmap
from typing import Any

import cython

ALIGNMENT = 64
_HUGE = 1 << 22

_libc = ctypes.CDLL(None)
_allocate = _libc.aligned_alloc
_allocate.restype = ctypes.c_void_p
_allocate.argtypes = (ctypes.c_size_t, ctypes.c_size_t)
_free = _libc.free
_free.restype = None
_free.argtypes = (ctypes.c_void_p,)
_advise = _libc.madvise
_advise.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)


class HostBuffer:
    """``nbytes`` of host memory at ``ptr``; ``owner`` is kept alive where the memory is somebody else's."""

    def __init__(self, ptr: int, nbytes: int, owner: Any) -> None:
        self.ptr = ptr
        self.nbytes = nbytes
        self.owner = owner

    def memory(self) -> memoryview:
        """The bytes, writable, without a copy."""
        view = memoryview((ctypes.c_uint8 * self.nbytes).from_address(self.ptr)).cast("B")
        return view


class OwnedBuffer(HostBuffer):
    """Host memory that is freed with the object.

    Compiled, because a finalizer in Python swallows the interrupt that comes in it, and may leave the memory.
    """

    def __init__(self, nbytes: int) -> None:
        size = max((nbytes + ALIGNMENT - 1) // ALIGNMENT * ALIGNMENT, ALIGNMENT)
        if size >= 1 << 62:
            raise MemoryError(f"{nbytes} bytes are more than an address space holds")
        ptr = _allocate(_HUGE // 2 if size >= _HUGE else ALIGNMENT, size)
        if not ptr:
            raise MemoryError(f"the system has no {nbytes} bytes of memory left")
        if size >= _HUGE and hasattr(mmap, "MADV_HUGEPAGE"):
            _advise(ptr, size, mmap.MADV_HUGEPAGE)  # page faults cost ten times the write otherwise
        self.ptr = ptr
        self.nbytes = nbytes
        self.owner = None

    def __dealloc__(self) -> None:
        free(cython.cast(cython.p_void, self.ptr))


def _finalize(buffer: OwnedBuffer, free: Any = _free) -> None:
    """The finalizer of uncompiled buffers; at the end of the process the module's names are gone."""
    if getattr(buffer, "ptr", 0):
        free(buffer.ptr)
        buffer.ptr = 0


if not cython.compiled:
    OwnedBuffer.__del__ = _finalize  # type: ignore[attr-defined]
