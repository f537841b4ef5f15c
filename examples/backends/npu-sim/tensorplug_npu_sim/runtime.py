"""The runtime: chips with DRAM, scratchpad and queue."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

import numpy

from tensorplug_dispatcher import DeviceInfo

from . import costs
from .library import numpy_dtype
from .machine import Machine
from .memory import Buffer, Dram
from .queue import CommandQueue, Event, Stream


class Chip:
    def __init__(self, index: int, machine: Machine) -> None:
        self.name = f"npu-sim:{index}"
        self.machine = machine
        self.dram = Dram(machine.dram)
        self.scratchpad = numpy.zeros(machine.scratchpad, numpy.uint8)
        self.queue = CommandQueue(self.name)
        self.stream = Stream(self)
        self.current = threading.local()  # each thread's stream


class Operand:
    """A tensor as a command names it: a block of DRAM, and a layout. ``array`` is for the units alone."""

    __slots__ = ("buffer", "dtype", "offset", "shape", "strides")

    def __init__(self, buffer: Buffer, tensor: Any) -> None:
        self.buffer = buffer
        self.dtype = tensor.dtype
        self.shape = tuple(tensor.shape)
        self.strides = tuple(tensor.strides)
        self.offset = tensor.offset

    @property
    def chip(self) -> Chip:
        found: Chip = self.buffer.chip
        return found

    def array(self) -> Any:
        size = self.dtype.itemsize
        return numpy.ndarray(
            self.shape,
            numpy_dtype(self.dtype),
            self.chip.dram.bytes,
            self.buffer.address + self.offset * size,
            [stride * size for stride in self.strides],
        )


class NpuRuntime:
    """The eight methods, and streams and events in the machine's time."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.chips = [Chip(index, machine) for index in range(machine.chips)]

    def devices(self) -> Sequence[DeviceInfo]:
        m = self.machine
        details = (
            f"{m.clock / 1e9:g} GHz, matrix tile {m.tile_k} x {m.tile_n}, {m.lanes} lanes, "
            f"{m.scratchpad >> 10} KiB scratchpad"
        )
        return [DeviceInfo(i, "simulated accelerator", m.dram, details) for i in range(m.chips)]

    def allocate(self, index: int, nbytes: int) -> Buffer:
        return Buffer(self.chips[index], nbytes)

    def upload(self, dst: Buffer, src: memoryview) -> None:
        """The bytes are read before it returns; they are on their way then."""
        content = numpy.frombuffer(bytes(src), numpy.uint8)
        cycles = costs.moved(dst.chip, "upload", len(content))
        dst.chip.queue.put("upload", cycles, lambda: numpy.copyto(dst.view(len(content)), content))

    def download(self, src: Buffer, dst: memoryview) -> None:
        into = numpy.frombuffer(dst, numpy.uint8) if len(dst) else numpy.zeros(0, numpy.uint8)
        cycles = costs.moved(src.chip, "download", len(into))
        src.chip.queue.wait("download", cycles, lambda: numpy.copyto(into, src.view(len(into))))

    def transfer(self, src: Buffer, dst: Buffer) -> bool:
        if src.chip is not dst.chip:
            return False  # there is no link between chips
        nbytes = min(src.nbytes, dst.nbytes)
        cycles = costs.moved(dst.chip, "transfer", nbytes)
        dst.chip.queue.put("transfer", cycles, lambda: numpy.copyto(dst.view(nbytes), src.view(nbytes)))
        return True

    def bind(self, array: Any) -> Operand:
        return Operand(array.storage.handle, array)

    def synchronize(self, index: int) -> None:
        self.chips[index].queue.wait("synchronize")

    def close(self) -> None:
        for chip in self.chips:
            chip.queue.close()

    def memory_info(self, index: int) -> tuple[int, int]:
        dram = self.chips[index].dram
        return dram.left, dram.nbytes

    def properties(self, index: int) -> dict[str, Any]:
        """The machine's description."""
        return {name: getattr(self.machine, name) for name in Machine.__slots__}

    # -- streams

    def create_stream(self, index: int, priority: int = 0) -> Stream:
        return Stream(self.chips[index])

    def default_stream(self, index: int) -> Stream:
        return self.chips[index].stream

    def current_stream(self, index: int) -> Stream:
        chip = self.chips[index]
        return getattr(chip.current, "stream", chip.stream)

    def use_stream(self, index: int, stream: Stream) -> None:
        """Every stream is the same queue; a thread may still ask which one it chose."""
        self.chips[index].current.stream = stream

    def create_event(self, index: int, timing: bool = False) -> Event:
        return Event(self.chips[index])
