"""The device type ``torch``: the devices that PyTorch has here, accelerators first, then its CPU.

Memory is PyTorch's, seen through ``torch.as_strided`` (``memory.py``); kernels are tensorplug_arrays' over
array-api-compat's namespace of PyTorch, and a few fused ops that PyTorch has in one go (``library.py``).
"""

from __future__ import annotations

from tensorplug_dispatcher import Kernel

from .memory import TorchRuntime

tensorplug_api = (1, 0)


def tensorplug_runtime() -> TorchRuntime:
    return TorchRuntime()


def tensorplug_kernels() -> list[Kernel]:
    from .library import torch_kernels

    return torch_kernels()
