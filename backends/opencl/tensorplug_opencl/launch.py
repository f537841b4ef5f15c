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

_first = struct.Struct("q").pack


class _Bound:
    """A kernel with its fixed arguments set, and where the others come from.

    ``set_bytes`` is how pyopencl sets a number once it knows that it is one; its public ``set_arg`` tries
    what else it might be first, which takes 10 to 40 microseconds.
    """

    __slots__ = ("buffers", "global_size", "kernel", "lanes", "memory", "numbers", "packed", "set_bytes")

    def __init__(self, device: Any, op: str, launch: Launch) -> None:
        self.kernel = compiler.kernel(device, op, launch.source, launch.name)
        self.set_bytes = getattr(self.kernel, "_set_arg_buf", self.kernel.set_arg)
        self.memory: list[tuple[int, int, int]] = []  # number, argument, operand
        self.numbers: list[tuple[int, int, bool, int, DType]] = []
        position = 0
        for argument in launch.arguments:
            if isinstance(argument, Memory):
                self.memory.append((len(self.memory), position, argument.place))
                position += 1  # the pointer, then the first element
            elif isinstance(argument, Constant):
                self.set_bytes(position, packed(argument.value, argument.dtype))
            elif isinstance(argument, (Number, Value)):
                number = len(self.numbers), position, isinstance(argument, Number), argument.place
                self.numbers.append((*number, argument.dtype))
            else:
                self.kernel.set_arg(position, device.status)
            position += 1
        self.buffers = [0] * len(self.memory)
        self.packed = [b""] * len(self.numbers)
        self.lanes = launch.lanes
        self.global_size = tuple(g * n for g, n in zip(launch.groups, launch.lanes, strict=True))

    def set_offsets(self, offsets: list[int]) -> None:
        for _, position, place in self.memory:
            self.set_bytes(position + 1, _first(offsets[place]))

    def set_numbers(self, operands: list[Any], values: list[Any]) -> None:
        for i, position, operand, place, dtype in self.numbers:
            number = packed(operands[place] if operand else values[place], dtype)
            if number != self.packed[i]:
                self.set_bytes(position, number)
                self.packed[i] = number


class Launcher:
    """``launcher(operands, offsets, values)`` queues the program's kernels. Arguments that have not changed
    since the last call are not set again: that costs more than all the rest.
    """

    def __init__(self, device: Any, op: str, program: Program) -> None:
        self.device = device
        self.op = op
        self.bound = [_Bound(device, op, launch) for launch in program.launches]
        self.offsets: list[int] | None = None
        self.fallible = any(isinstance(a, Status) for launch in program.launches for a in launch.arguments)
        self.lock = threading.Lock()

    def __call__(self, operands: list[Any], offsets: list[int], values: list[Any]) -> None:
        queue = self.device.queue
        with self.lock:  # setting arguments and queueing belong together
            try:
                if offsets != self.offsets:
                    for bound in self.bound:
                        bound.set_offsets(offsets)
                    self.offsets = offsets
                for bound in self.bound:
                    kernel, buffers = bound.kernel, bound.buffers
                    for i, position, place in bound.memory:
                        handle = operands[place]
                        serial = handle.serial
                        if serial != buffers[i]:
                            kernel.set_arg(position, handle.memory)
                            buffers[i] = serial
                    if bound.numbers:
                        bound.set_numbers(operands, values)
                    cl.enqueue_nd_range_kernel(queue, kernel, bound.global_size, bound.lanes)
            except cl.Error as error:
                for bound in self.bound:
                    bound.buffers = [0] * len(bound.memory)
                self.offsets = None
                raise self.device.guard(error, self.op) from error
            except AttributeError as error:
                raise KernelError(
                    f"{self.op}() on {self.device.name} was given memory that is not this device's: {error}"
                ) from error
        if self.fallible:
            self.device.suspects.append(self.op)
