"""Runs an op of the CPU into memory that was filled beforehand, with bytes around it that nobody may touch.

Needs no PyTorch. What a kernel leaves unwritten shows as a difference between two fillings (one of which is
NaN in every floating dtype), what it writes too much as a changed byte of the margin.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tensorplug_dispatcher.devices import registry as devices
from tensorplug_dispatcher.interpreter import HostMemory
from tensorplug_dispatcher.layout import Layout, dense
from tensorplug_dispatcher.memory import HostBuffer
from tensorplug_dispatcher.storage import Storage
from tensorplug_dispatcher.tensor import TensorBase, from_storage

MARGIN = 256  # bytes on both sides, as a wide vector store reaches
FILLINGS = (0xA5, 0xFF)


def filled(layout: Layout, filling: int) -> tuple[Any, Any]:
    """A dense tensor of this shape and dtype amid memory that holds ``filling``, and the memory."""
    memory = np.full(layout.numel * layout.itemsize + 2 * MARGIN, filling, np.uint8)
    buffer = HostBuffer(memory.ctypes.data, memory.size, memory)
    storage = Storage(devices.host_device(), memory.size, buffer)
    return from_storage(storage, dense(tuple(layout.shape), layout.dtype), MARGIN // layout.itemsize), memory


def bits(tensor: TensorBase) -> Any:
    """The elements of a dense tensor, one row of bytes each."""
    size = tensor.dtype.itemsize
    raw = bytes(HostMemory(tensor.storage.ptr + tensor.offset * size, tensor.numel() * size, tensor))
    return np.frombuffer(raw, np.uint8).reshape(-1, size)


def run(function: Any, *args: Any) -> list[Any]:
    """The results of an op, computed three times: as anybody calls it, and into filled memory.
    ``args`` are in the schema's order.

    Fails where a result depends on what its memory held, or anything beside it changed.
    """
    positional = function.positional
    bound = function.bind(
        args[:positional], dict(zip(function.names[positional:], args[positional:], strict=False))
    )
    plain = function.call(bound)
    results: Sequence[Any] = plain if isinstance(plain, tuple) else (plain,)
    images = []
    for filling in FILLINGS:
        made = [filled(result.layout, filling) for result in results]
        function.call_into(bound, tuple(tensor for tensor, _ in made))
        for number, (tensor, memory) in enumerate(made):
            margins = np.concatenate([memory[:MARGIN], memory[MARGIN + bits(tensor).size :]])
            touched = np.flatnonzero(margins != filling)
            assert not touched.size, (
                f"{function.name} wrote {touched.size} bytes beside its result {number} "
                f"({'before' if touched[0] < MARGIN else 'behind'} it)"
            )
        images.append([bits(tensor) for tensor, _ in made])
    for number, (first, second) in enumerate(zip(*images, strict=True)):
        differing = np.flatnonzero((first != second).any(axis=1))
        assert not differing.size, (
            f"{function.name} left {differing.size} of {len(first)} elements of its result {number} as its "
            f"memory was, the first of them number {int(differing[0])}"
        )
    return [tensor for tensor, _ in made]


def numbers(tensor: Any) -> Any:
    """The elements as an array of float64 (integers: of int64)."""
    import tensorplug as tp

    wide = tp.float64 if tensor.dtype.is_floating_point else tp.int64
    return tensor.to(wide).numpy()
