"""The loopback device: host memory behind the full contract of a device, and the smallest complete backend.

Its memory cannot be reached by address, and fresh memory is poisoned, so that a kernel that forgets to write
is seen. Its kernels are tensorplug_arrays' over NumPy: every primitive op is native, and so is every fused op
that is an expression; what else is fused is decomposed by the core.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tensorplug_dispatcher import DeviceInfo, Kernel

tensorplug_api = (1, 0)
POISON = 0xA7
BLOCK = 1 << 20  # bytes that are poisoned at once
COUNT = 2  # mirror:0 and mirror:1


class Buffer:
    """A device's memory as the runtime sees it; it has no ``ptr``,
    so nobody reads it behind the contract's back.
    """

    __slots__ = ("data", "index")

    def __init__(self, index: int, nbytes: int) -> None:
        self.index = index
        self.data = bytearray(nbytes)  # a product out of memory makes CPython print
        memory, block = memoryview(self.data), bytes([POISON]) * min(nbytes, BLOCK)
        for start in range(0, nbytes, BLOCK):
            memory[start : start + BLOCK] = block[: nbytes - start]


class MirrorRuntime:
    survives_fork = True

    def devices(self) -> Sequence[DeviceInfo]:
        return [DeviceInfo(i, "loopback", details="host memory, poisoned") for i in range(COUNT)]

    def allocate(self, index: int, nbytes: int) -> Buffer:
        return Buffer(index, nbytes)

    def upload(self, dst: Buffer, src: memoryview) -> None:
        memoryview(dst.data)[: len(src)] = src

    def download(self, src: Buffer, dst: memoryview) -> None:
        dst[:] = memoryview(src.data)[: len(dst)]

    def read(self, src: Buffer, offset: int, dst: memoryview) -> None:
        dst[:] = memoryview(src.data)[offset : offset + len(dst)]

    def write(self, dst: Buffer, offset: int, src: memoryview) -> None:
        memoryview(dst.data)[offset : offset + len(src)] = src

    def transfer(self, src: Buffer, dst: Buffer) -> bool:
        size = min(len(src.data), len(dst.data))
        memoryview(dst.data)[:size] = memoryview(src.data)[:size]
        return True

    def bind(self, array: Any) -> Any:
        """A NumPy array over the buffer, with the array's shape, strides and offset."""
        import numpy

        size, strides = array.dtype.itemsize, array.strides
        return numpy.ndarray(
            tuple(array.shape),
            numpy_dtype(array.dtype),
            array.storage.handle.data,
            array.offset * size,
            [stride * size for stride in strides],
        )

    def synchronize(self, index: int) -> None:
        return None

    def close(self) -> None:
        return None


def numpy_dtype(dtype: Any) -> Any:
    import numpy

    if dtype.name == "bfloat16":
        import ml_dtypes

        return numpy.dtype(ml_dtypes.bfloat16)
    return numpy.dtype(dtype.numpy_name)


def tensorplug_runtime() -> MirrorRuntime:
    return MirrorRuntime()


def tensorplug_kernels() -> list[Kernel]:
    from tensorplug_arrays import kernels

    from .library import NumPy

    return kernels(NumPy())
