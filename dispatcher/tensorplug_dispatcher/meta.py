"""The device ``meta``: tensors have layouts and no memory, so that shapes, dtypes and memory of a program are
known without running it. A plugin like any other, which every op is native to; the core asks it for the
shapes of ops whose record has no ``infer``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NoReturn

from .devices.registry import DeviceInfo
from .errors import DeviceError
from .kernels import STRIDED, Kernel
from .ops import OPS

tensorplug_api = (1, 0)


class Nothing:
    """Memory of so many bytes that nobody can look at."""

    def __init__(self, nbytes: int) -> None:
        self.nbytes = nbytes


class MetaRuntime:
    """One device that holds nothing."""

    def devices(self) -> Sequence[DeviceInfo]:
        return [DeviceInfo(0, "layouts without memory")]

    def allocate(self, index: int, nbytes: int) -> Nothing:
        return Nothing(nbytes)

    def upload(self, dst: Nothing, src: memoryview) -> None:
        """What is put there is gone: PyTorch's ``tensor(..., device="meta")``."""

    def download(self, src: Nothing, dst: memoryview) -> NoReturn:
        raise DeviceError(
            "Cannot copy out of meta tensor; no data! Such a tensor has a shape and a dtype alone; make it "
            "anew on another device, a module with to_empty(device=...), and fill it"
        )

    def transfer(self, src: Nothing, dst: Nothing) -> bool:
        return True

    def bind(self, array: Any) -> Any:
        return array

    def synchronize(self, index: int) -> None:
        """Nothing is ever under way."""

    def close(self) -> None:
        """Nothing is held."""


def compute(outs: Any, ins: Any, attrs: Any) -> None:
    """The kernel of every op: the results have their layouts already."""


def tensorplug_runtime() -> MetaRuntime:
    return MetaRuntime()


def tensorplug_kernels() -> Iterable[Kernel]:
    for name, op in OPS.items():
        if not op.is_view and op.role != "transfer":
            yield Kernel(name, compute, None, STRIDED)
