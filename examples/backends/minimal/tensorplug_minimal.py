"""The device ``minimal``: NumPy arrays in host memory. Copy this file to start a backend of your own.

What is here runs natively, what is not is decomposed into it; what cannot be decomposed either runs on the
host if the user allows that (``tensorplug.devices.set_host_policy``). So begin with the three kernels of tier
0, and add kernels where the report shows that time is spent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import ml_dtypes  # noqa: F401
import numpy as np

from tensorplug_dispatcher import STRIDED, DeviceInfo, Kernel, kernel
from tensorplug_dispatcher.dtypes import float32, float64

tensorplug_api = (1, 0)  # the plugin API that this file was written for


class Runtime:
    """Memory and devices. A buffer may be any object; here it is a bytearray."""

    def devices(self) -> Sequence[DeviceInfo]:
        return [DeviceInfo(0, "NumPy arrays in host memory")]

    def allocate(self, index: int, nbytes: int) -> bytearray:
        return bytearray(nbytes)  # a MemoryError becomes tensorplug's OutOfMemoryError

    def upload(self, dst: bytearray, src: memoryview) -> None:
        memoryview(dst)[: len(src)] = src

    def download(self, src: bytearray, dst: memoryview) -> None:
        dst[:] = memoryview(src)[: len(dst)]

    def transfer(self, src: bytearray, dst: bytearray) -> bool:
        return False  # between devices of ours: through the host

    def bind(self, array: Any) -> np.ndarray[Any, Any]:
        """What kernels get for a tensor: a NumPy view of its buffer with its dtype,
        shape, strides and offset.
        """
        dtype = np.dtype(array.dtype.numpy_name)
        strides = [stride * dtype.itemsize for stride in array.strides]
        return np.ndarray(array.shape, dtype, array.storage.handle, array.offset * dtype.itemsize, strides)

    def synchronize(self, index: int) -> None: ...  # nothing here runs behind the caller's back

    def close(self) -> None: ...


# Tier 0: with these three every program runs, on the host where need be. Outputs are allocated by the core.


@kernel("copy", layout=STRIDED)
def copy(outs: Any, ins: Any, attrs: Any) -> None:
    np.copyto(outs[0], ins[0])


@kernel("cast", layout=STRIDED)
def cast(outs: Any, ins: Any, attrs: Any) -> None:
    with np.errstate(invalid="ignore"):  # NaN has no integer value; any will do
        np.copyto(outs[0], ins[0], casting="unsafe")


@kernel("fill")
def fill(outs: Any, ins: Any, attrs: Any) -> None:
    outs[0].fill(attrs["value"])


# And a few more, where it is worth it. Types are promoted and shapes broadcast before a kernel is called.


@kernel("matmul", dtypes={float32, float64}, layout=STRIDED)
def matmul(outs: Any, ins: Any, attrs: Any) -> None:
    outs[0][...] = ins[0] @ ins[1]


@kernel("sum", dtypes={float32, float64}, layout=STRIDED)
def sum(outs: Any, ins: Any, attrs: Any) -> None:
    np.sum(ins[0], axis=attrs["dim"], keepdims=attrs["keepdim"], out=outs[0])


def elementwise(op: str, function: Callable[..., Any]) -> Kernel:
    """A kernel out of a NumPy function that takes ``out``."""

    @kernel(op, dtypes={float32, float64}, layout=STRIDED)
    def run(outs: Any, ins: Any, attrs: Any) -> None:
        with np.errstate(all="ignore"):
            function(*ins, out=outs[0])

    return run


ELEMENTWISE = [
    elementwise(op, function)
    for op, function in {
        "neg": np.negative, "abs": np.abs, "exp": np.exp, "log": np.log, "sqrt": np.sqrt,
        "add": np.add, "sub": np.subtract, "mul": np.multiply, "div": np.divide,
        "maximum": np.maximum, "minimum": np.minimum, "eq": np.equal, "lt": np.less,
    }.items()
]  # fmt: skip


def tensorplug_runtime() -> Runtime:
    return Runtime()


def tensorplug_kernels() -> Iterable[Kernel]:
    return [copy, cast, fill, matmul, sum, *ELEMENTWISE]
