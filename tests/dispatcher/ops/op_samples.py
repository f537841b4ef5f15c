"""Samples of the op table as tensors: ``Input`` records become PyTorch tensors,
and those tensorplug's on the CPU.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from typing import Any

import torch

import tensorplug  # noqa: F401
from tensorplug_dispatcher import dtypes
from tensorplug_dispatcher.boundary import pointer_to
from tensorplug_dispatcher.devices import registry as devices
from tensorplug_dispatcher.interpreter import HostMemory
from tensorplug_dispatcher.layout import strided
from tensorplug_dispatcher.memory import HostBuffer
from tensorplug_dispatcher.op import Input, Op
from tensorplug_dispatcher.storage import Storage
from tensorplug_dispatcher.tensor import TensorBase, from_storage

DTYPES_OF = dtypes.GROUPS


def torch_dtype(dtype: dtypes.DType) -> torch.dtype:
    return getattr(torch, dtype.name)


def values_of(spec: Input, dtype: torch.dtype, seed: int) -> torch.Tensor:
    """The numbers of an input in ``dtype``, dense."""
    count = 1
    for n in spec.shape:
        count *= n
    if spec.values is not None:
        flat = torch.tensor(list(spec.values), dtype=torch.float64)
        if not dtype.is_floating_point and dtype != torch.bool:
            flat = torch.tensor([int(v) for v in spec.values], dtype=torch.int64)
        return flat.to(dtype).reshape(spec.shape)
    generator = torch.Generator().manual_seed(seed)
    if dtype == torch.bool:
        return torch.randint(0, 2, spec.shape, generator=generator).bool()
    if dtype.is_floating_point:
        uniform = torch.rand(count, generator=generator, dtype=torch.float64)
        return (uniform * (spec.high - spec.low) + spec.low).to(dtype).reshape(spec.shape)
    info = torch.iinfo(dtype)
    low = max(int(spec.low), info.min)
    high = max(min(int(spec.high), info.max), low + 1)
    return torch.randint(low, high, spec.shape, generator=generator).to(dtype)


def with_layout(values: torch.Tensor, layout: str) -> torch.Tensor:
    """The same numbers under another layout (``expanded`` repeats the first along the first dimension)."""
    if layout == "offset":
        base = torch.zeros(values.numel() + 3, dtype=values.dtype)
        base[3:] = values.reshape(-1)
        return base[3:].view(values.shape)
    if values.ndim == 0 or layout == "dense":
        return values
    if layout == "transposed":
        return values.transpose(0, -1).contiguous().transpose(0, -1)
    if layout == "sliced":
        base = torch.zeros((*values.shape[:-1], 2 * values.shape[-1]), dtype=values.dtype)
        base[..., ::2] = values
        return base[..., ::2]
    assert layout == "expanded", layout
    return values[:1].expand(values.shape) if values.shape[0] else values


def make(spec: Input, dtype: dtypes.DType, seed: int) -> torch.Tensor:
    chosen = torch_dtype(dtypes.dtype_named(spec.dtype) if spec.dtype else dtype)
    return with_layout(values_of(spec, chosen, seed), spec.layout)


def torch_args(args: Iterable[Any], dtype: dtypes.DType, key: str) -> list[Any]:
    """The arguments of a sample with PyTorch tensors in the place of Inputs. ``key`` seeds the numbers."""
    seed = zlib.crc32(key.encode())

    def convert(arg: Any, place: int) -> Any:
        if isinstance(arg, Input):
            return make(arg, dtype, seed + place)
        if isinstance(arg, list):
            return [convert(a, place + 100 * (i + 1)) for i, a in enumerate(arg)]
        return arg

    return [convert(arg, i) for i, arg in enumerate(args)]


def to_tensorplug(value: Any, requires_grad: bool = False) -> Any:
    """A tensor with the same numbers and strides as the PyTorch one;
    lists item by item, the rest as it is.
    """
    if isinstance(value, list):
        return [to_tensorplug(v, requires_grad) for v in value]
    if not isinstance(value, torch.Tensor):
        return value
    source = value.detach()
    dtype = dtypes.dtype_named(str(source.dtype).removeprefix("torch."))
    storage = source.untyped_storage()
    nbytes = max(storage.nbytes(), dtype.itemsize)
    memory = bytearray(nbytes)
    if storage.nbytes():
        memory[: storage.nbytes()] = HostMemory(storage.data_ptr(), storage.nbytes(), storage)
    buffer = HostBuffer(pointer_to(memory), nbytes, memory)
    tensor = from_storage(
        Storage(devices.host_device(), nbytes, buffer),
        strided(source.shape, source.stride(), dtype),
        source.storage_offset(),
    )
    if requires_grad and source.is_floating_point():
        tensor.requires_grad = True
    return tensor


def to_torch(tensor: TensorBase) -> torch.Tensor:
    """A PyTorch tensor with the same numbers and strides (copied)."""
    dtype, size = torch_dtype(tensor.dtype), tensor.dtype.itemsize
    if tensor.numel() == 0:
        return torch.empty(tuple(tensor.shape), dtype=dtype).as_strided(tuple(tensor.shape), tensor.strides)
    low = high = tensor.offset
    for n, stride in zip(tensor.shape, tensor.strides, strict=True):
        low += min((n - 1) * stride, 0)
        high += max((n - 1) * stride, 0)
    raw = bytearray(HostMemory(tensor.storage.ptr + low * size, (high - low + 1) * size, tensor))
    flat = torch.frombuffer(raw, dtype=dtype)
    if low < tensor.offset:  # PyTorch has no negative strides
        places = torch.tensor(tensor.offset - low)
        for n, stride in zip(tensor.shape, tensor.strides, strict=True):
            places = places.unsqueeze(-1) + torch.arange(n) * stride
        return flat[places]
    return flat.as_strided(tuple(tensor.shape), tensor.strides, tensor.offset - low)


def dtypes_for(op: Op, args: Iterable[Any]) -> tuple[dtypes.DType, ...]:
    """The dtypes under which a sample is run: all that the op takes where an input leaves its dtype open,
    else one.
    """

    def is_open(arg: Any) -> bool:
        return (
            any(map(is_open, arg)) if isinstance(arg, list) else isinstance(arg, Input) and arg.dtype is None
        )

    return DTYPES_OF[op.dtypes] if any(map(is_open, args)) else (dtypes.float32,)
