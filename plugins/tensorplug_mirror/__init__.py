"""The loopback device: host memory behind the full contract of a device, and the smallest complete backend.

Its memory cannot be reached by address, fresh memory is poisoned (so that a kernel that forgets to write is
seen), and
it has kernels for storage, for the arithmetic that NumPy writes in one word, and for nothing else: all the
rest is
decomposed by the core or borrowed from the host, as on a real device in its first days.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from tensorplug_dispatcher import STRIDED, DeviceInfo, Kernel, kernel

tensorplug_api = (1, 0)
POISON = 0xA7
COUNT = 2  # mirror:0 and mirror:1


class Buffer:
    """A device's memory as the runtime sees it; it has no ``ptr``, so nobody reads it behind the contract's
    back.
    """

    __slots__ = ("data", "index")

    def __init__(self, index: int, nbytes: int) -> None:
        self.index = index
        self.data = bytearray([POISON]) * nbytes


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

        dtype = _dtype(array.dtype)
        size = array.dtype.itemsize
        memory, strides = array.storage.handle.data, tuple(stride * size for stride in array.strides)
        return numpy.ndarray(tuple(array.shape), dtype, memory, array.offset * size, strides)

    def synchronize(self, index: int) -> None:
        return None

    def close(self) -> None:
        return None


def _dtype(dtype: Any) -> Any:
    import numpy

    if dtype.name == "bfloat16":
        import ml_dtypes

        return numpy.dtype(ml_dtypes.bfloat16)
    return numpy.dtype(dtype.numpy_name)


@kernel("copy", layout=STRIDED)
def copy(outs: Any, ins: Any, attrs: Any) -> None:
    outs[0][...] = ins[0]


@kernel("cast", layout=STRIDED)
def cast(outs: Any, ins: Any, attrs: Any) -> None:
    import numpy

    source, target = ins[0], outs[0].dtype
    with numpy.errstate(invalid="ignore", over="ignore"):
        if target.kind == "b":
            outs[0][...] = source != 0
        # towards zero, then wrap, as C does by way of int64
        elif target.kind in "iu" and source.dtype.kind not in "iub":
            outs[0][...] = source.astype(numpy.float64).astype(numpy.int64).astype(target)
        else:
            outs[0][...] = source.astype(target)


@kernel("fill", layout=STRIDED)
def fill(outs: Any, ins: Any, attrs: Any) -> None:
    import numpy

    value = attrs["value"]
    if outs[0].dtype.kind in "iu":
        value = numpy.array(int(value) & ((1 << 64) - 1), numpy.uint64).astype(outs[0].dtype)
    outs[0].fill(value)


def _arithmetic(op: str, name: str) -> Kernel:
    """A kernel that is one NumPy function, computed in float32 where the dtype is a half."""

    def run(outs: Any, ins: Any, attrs: Any) -> None:
        import numpy

        function: Callable[..., Any] = getattr(numpy, name)
        with numpy.errstate(all="ignore"):
            if outs[0].dtype.itemsize == 2 and outs[0].dtype.kind not in "iub":
                outs[0][...] = function(*[a.astype(numpy.float32) for a in ins])
            else:
                outs[0][...] = function(*ins)

    return kernel(op, layout=STRIDED)(run)


def tensorplug_runtime() -> MirrorRuntime:
    return MirrorRuntime()


def tensorplug_kernels() -> Iterable[Kernel]:
    from tensorplug_dispatcher import dtypes

    numeric = [d for d in dtypes.ALL if d is not dtypes.bool_]
    some = {"sub": "subtract", "neg": "negative", "exp": "exp", "log": "log", "sqrt": "sqrt", "tanh": "tanh"}
    found = [
        copy,
        cast,
        fill,
        _arithmetic("add", "add"),
        _arithmetic("mul", "multiply"),
        _arithmetic("maximum", "maximum"),
        _arithmetic("eq", "equal"),
        _arithmetic("lt", "less"),
        _arithmetic("matmul", "matmul"),
    ]
    for op, name in some.items():
        takes = numeric if op in ("sub", "neg") else dtypes.FLOATS
        found.append(Kernel(op, _arithmetic(op, name).function, frozenset(takes), STRIDED))
    return found
