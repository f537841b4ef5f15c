"""The runtime: eight methods over PyTorch's devices and tensors."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
import torch

from tensorplug_dispatcher import DeviceInfo

WIDEST = 8  # bytes of the largest element: memory is a multiple of it, so that it can be seen in any dtype


@cache
def all_devices() -> tuple[torch.device, ...]:
    """What PyTorch can compute on here: the accelerator's devices, if there are any, then the CPU."""
    found = []
    if torch.accelerator.is_available():
        kind = torch.accelerator.current_accelerator().type  # type: ignore[union-attr]
        found = [torch.device(kind, i) for i in range(torch.accelerator.device_count())]
    return (*found, torch.device("cpu"))


class Buffer:
    """Memory of one device: bytes, as a tensor."""

    __slots__ = ("device", "memory", "nbytes")

    def __init__(self, device: torch.device, nbytes: int) -> None:
        self.device = device
        self.nbytes = nbytes
        self.memory = torch.empty(-(-nbytes // WIDEST) * WIDEST, dtype=torch.uint8, device=device)


class View:
    """A tensor of tensorplug as one of PyTorch's, and the dimensions along which that runs backwards:
    PyTorch has no negative strides.
    """

    __slots__ = ("dtype", "shape", "tensor", "turned")

    def __init__(self, tensor: torch.Tensor, turned: tuple[int, ...]) -> None:
        self.tensor = tensor
        self.turned = turned
        self.shape = tensor.shape
        self.dtype = tensor.dtype


class TorchRuntime:
    def devices(self) -> Sequence[DeviceInfo]:
        return [
            DeviceInfo(index, _name(found), _total(found), f"PyTorch {torch.__version__}, {found}")
            for index, found in enumerate(all_devices())
        ]

    def allocate(self, index: int, nbytes: int) -> Buffer:
        try:
            return Buffer(all_devices()[index], nbytes)
        except (torch.OutOfMemoryError, RuntimeError) as error:
            raise MemoryError(str(error)) from error

    def upload(self, dst: Buffer, src: memoryview) -> None:
        # a copy of its own: PyTorch wants to be allowed to write, and may read after this returns
        dst.memory[: len(src)].copy_(torch.from_numpy(np.frombuffer(src, np.uint8).copy()))

    def download(self, src: Buffer, dst: memoryview) -> None:
        dst[:] = memoryview(src.memory[: len(dst)].cpu().numpy())

    def transfer(self, src: Buffer, dst: Buffer) -> bool:
        count = min(src.nbytes, dst.nbytes)
        dst.memory[:count].copy_(src.memory[:count])
        return True

    def bind(self, array: Any) -> View:
        memory = array.storage.handle.memory.view(torch_dtype(array.dtype))
        turned = tuple(d for d, stride in enumerate(array.strides) if stride < 0 and 0 not in array.shape)
        first = array.offset + sum((array.shape[d] - 1) * array.strides[d] for d in turned)
        return View(memory.as_strided(tuple(array.shape), [abs(s) for s in array.strides], first), turned)

    def synchronize(self, index: int) -> None:
        if all_devices()[index].type != "cpu":
            torch.accelerator.synchronize(all_devices()[index])

    def close(self) -> None:
        if torch.accelerator.is_available():
            torch.accelerator.empty_cache()


def torch_dtype(dtype: Any) -> torch.dtype:
    return getattr(torch, dtype.name)


def _name(found: torch.device) -> str:
    if found.type == "cpu":
        return "PyTorch's CPU"
    module = torch.get_device_module(found)
    return str(module.get_device_name(found.index)) if hasattr(module, "get_device_name") else found.type


def _total(found: torch.device) -> int:
    """The bytes of a device's memory, 0 where PyTorch does not say."""
    if found.type == "cpu":
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    module = torch.get_device_module(found)
    return int(module.mem_get_info(found.index)[1]) if hasattr(module, "mem_get_info") else 0
