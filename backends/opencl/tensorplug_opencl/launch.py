"""From a program to something that runs: compiled, its fixed arguments set once, then queued."""

from __future__ import annotations

import struct
import threading
from typing import Any

import pyopencl as cl

from tensorplug_codegen.launching import packed
from tensorplug_codegen.program import Constant, Launch, Memory, Number, Program, Status, Value
from tensorplug_dispatcher.dtypes import DType
from tensorplug_dispatcher.errors import KernelError

from . import compiler


class _Bound:
    """A kernel with its fixed arguments set, and where the others come from."""

    __slots__ = ("buffers", "global_size", "kernel", "lanes", "memory", "numbers", "offsets")

    def __init__(self, device: Any, op: str, launch: Launch) -> None:
        self.kernel = compiler.kernel(device, op, launch.source, launch.name)
        self.memory: list[tuple[int, int]] = []
        self.numbers: list[tuple[int, bool, int, DType]] = []
        position = 0
        for argument in launch.arguments:
            if isinstance(argument, Memory):
                self.memory.append((position, argument.place))
                position += 1  # the pointer, then the first element
            elif isinstance(argument, Constant):
                self.kernel.set_arg(position, packed(argument.value, argument.dtype))
            elif isinstance(argument, Number):
                self.numbers.append((position, True, argument.place, argument.dtype))
            elif isinstance(argument, Value):
                self.numbers.append((position, False, argument.place, argument.dtype))
            else:
                self.kernel.set_arg(position, device.status)
            position += 1
        self.buffers = [0] * len(self.memory)
        self.offsets = [-1] * len(self.memory)
        self.lanes = launch.lanes
        self.global_size = tuple(g * n for g, n in zip(launch.groups, launch.lanes, strict=True))


class Launcher:
    """``launcher(operands, offsets, values)`` queues the program's kernels. Arguments that have not changed
    since the last call are not set again: that costs more than all the rest.
    """

    def __init__(self, device: Any, op: str, program: Program) -> None:
        self.device = device
        self.op = op
        self.bound = [_Bound(device, op, launch) for launch in program.launches]
        self.fallible = any(isinstance(a, Status) for launch in program.launches for a in launch.arguments)
        self.lock = threading.Lock()

    def __call__(self, operands: list[Any], offsets: list[int], values: list[Any]) -> None:
        queue = self.device.queue
        with self.lock:  # setting arguments and queueing belong together
            try:
                for bound in self.bound:
                    kernel = bound.kernel
                    for i, (position, place) in enumerate(bound.memory):
                        handle = operands[place]
                        if handle.serial != bound.buffers[i]:
                            kernel.set_arg(position, handle.memory)
                            bound.buffers[i] = handle.serial
                        first = offsets[place]
                        if first != bound.offsets[i]:
                            kernel.set_arg(position + 1, struct.pack("q", first))
                            bound.offsets[i] = first
                    for position, operand, place, dtype in bound.numbers:
                        kernel.set_arg(position, packed(operands[place] if operand else values[place], dtype))
                    cl.enqueue_nd_range_kernel(queue, kernel, bound.global_size, bound.lanes)
            except cl.Error as error:
                for bound in self.bound:
                    bound.buffers = [0] * len(bound.memory)
                raise self.device.guard(error, self.op) from error
            except AttributeError as error:
                raise KernelError(
                    f"{self.op}() on {self.device.name} was given memory that is not this device's: {error}"
                ) from error
        if self.fallible:
            self.device.suspects.append(self.op)
