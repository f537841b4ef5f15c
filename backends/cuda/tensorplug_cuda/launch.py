"""The way of every kernel to the device: operands into an array of arguments, then ``cuLaunchKernel``.

Compiled from this source, because it is what a call of a small op costs beside the driver's own 2 µs: 0.2 µs,
against 1.5 µs through ``cupy.cuda.Function``. The driver's function comes as an address, so that a test can
put its own there.
"""

from __future__ import annotations

import threading
from array import array
from typing import Any

import cython

from tensorplug_codegen.launching import packed
from tensorplug_codegen.program import Constant, Launch, Memory, Number, Program, Status, Value
from tensorplug_dispatcher.boundary import ffi
from tensorplug_dispatcher.dtypes import float32
from tensorplug_dispatcher.errors import KernelError

SLOTS = 512  # arguments of a kernel: CUDA takes 4 KiB of them
NO_CONTEXT = 201
LAUNCH = f"int(*)(void *, {'unsigned int, ' * 7}void *, void **, void **)"  # as launch_t in launch.pxd


class Buffer:
    """A piece of a device's memory at ``address``; ``memory`` keeps it, and knows its streams."""

    def __init__(self, index: int, address: int, nbytes: int, memory: Any) -> None:
        self.index = index
        self.address = address
        self.nbytes = nbytes
        self.memory = memory


class Queue:
    """What launching needs to know of a device. ``alone``: it is the only one of its process; ``streamed``:
    it has more streams than the default one; ``suspects``: ops queued since the last look at the status word
    (at address ``status``) that may have written there.
    """

    def __init__(self, index: int, launch_address: int, status: int, alone: bool) -> None:
        self.index = index
        self.launch_address = launch_address
        self.status = status
        self.alone = alone
        self.streamed = False
        self.suspects = []
        self.thread = 0

    def start(self) -> cython.int:
        """Make the device this thread's current one; gives the one to go back to, -1 if that is the same.

        A thread needs this once where the device is alone, since nobody chooses another.
        """
        if cython.compiled:
            ident: cython.ulong = PyThread_get_thread_ident()
        else:
            ident = threading.get_ident()
        if self.alone and self.thread == ident:
            return -1
        before: cython.int = self.use()
        self.thread = ident
        return -1 if before == self.index else before

    def use(self) -> int:
        """Make the device current; gives the one before."""
        raise NotImplementedError

    def leave(self, before: int) -> None:
        """Go back to the device that ``start`` gave."""
        raise NotImplementedError

    def current(self) -> int:
        """This thread's stream."""
        raise NotImplementedError

    def touch(self, buffer: Buffer, stream: int) -> None:
        """Note that work on a stream uses the memory."""
        raise NotImplementedError

    def failed(self, code: int, op: str) -> Exception:
        """The error of a call of the driver that returned ``code``."""
        raise NotImplementedError


class Bound:
    """A kernel with its fixed arguments in their slots, 8 bytes each, and where the others come from."""

    def __init__(self, queue: Queue, op: str, launch: Launch, function: int) -> None:
        slots = array("Q")
        memory = []
        numbers = []
        for argument in launch.arguments:
            if isinstance(argument, Memory):
                memory.append((len(slots), argument.place))
                slots.extend((0, 0))  # the pointer, then the first element
            elif isinstance(argument, Constant):
                slots.append(int.from_bytes(packed(argument.value, argument.dtype), "little"))
            elif isinstance(argument, (Number, Value)):
                numbers.append((len(slots), isinstance(argument, Number), argument.place, argument.dtype))
                slots.append(0)
            else:
                slots.append(queue.status)
        if len(slots) > SLOTS:
            raise KernelError(
                f"the program of {op}() has {len(slots)} arguments, but CUDA takes at most {SLOTS}; "
                f"call it on parts"
            )
        self.template = slots
        self.slots = slots.buffer_info()[0]
        self.count = len(slots)
        self.memory = tuple(memory)
        self.numbers = tuple(numbers)
        self.function = function
        grid = (*launch.groups, 1, 1)
        lanes = (*launch.lanes, 1, 1)
        if cython.compiled:
            for d in range(3):
                self.grid[d] = grid[d]
                self.lanes[d] = lanes[d]
        else:
            self.grid = grid[:3]
            self.lanes = lanes[:3]

    def launch(
        self, queue: Queue, stream: cython.size_t, operands: list[Any], offsets: list[Any], values: list[Any]
    ) -> cython.int:
        """The driver's code; 0 is success."""
        buffer: Buffer
        position: cython.Py_ssize_t
        place: cython.Py_ssize_t
        if cython.compiled:
            slots: cython.ulonglong[512]
            arguments: cython.p_void[512]
            i: cython.Py_ssize_t
            code: cython.int
            template: cython.p_ulonglong = cython.cast(cython.p_ulonglong, self.slots)
            for i in range(self.count):
                slots[i] = template[i]
                arguments[i] = cython.address(slots[i])
        else:
            slots = array("Q", self.template)
        for position, place in self.memory:
            buffer = operands[place]
            slots[position] = buffer.address
            slots[position + 1] = offsets[place]
            if queue.streamed:
                queue.touch(buffer, stream)
        for position, operand, place, dtype in self.numbers:
            value = operands[place] if operand else values[place]
            if cython.compiled and dtype is float32:
                cython.cast(cython.p_float, cython.address(slots[position]))[0] = cython.cast(
                    cython.float, cython.cast(cython.double, value)
                )
            else:
                slots[position] = int.from_bytes(packed(value, dtype), "little")
        if cython.compiled:
            function: launch_t = cython.cast(launch_t, queue.launch_address)
            with cython.nogil:
                code = function(
                    cython.cast(cython.p_void, self.function),
                    self.grid[0], self.grid[1], self.grid[2],
                    self.lanes[0], self.lanes[1], self.lanes[2],
                    0,
                    cython.cast(cython.p_void, stream),
                    cython.address(arguments[0]),
                    cython.NULL,
                )  # fmt: skip
            return code
        else:
            return _launch(queue.launch_address, self.function, (*self.grid, *self.lanes), stream, slots)


def _launch(address: int, function: int, sizes: tuple[int, ...], stream: int, slots: Any) -> int:
    """The uncompiled call."""
    first = slots.buffer_info()[0]
    arguments = [ffi.cast("void *", first + 8 * i) for i in range(len(slots))]
    return int(ffi.cast(LAUNCH, address)(function, *sizes, 0, stream, arguments, ffi.NULL))


class Launcher:
    """``launcher(operands, offsets, values)`` queues a program's kernels on the thread's stream.

    It keeps no state of a call, so that threads may share it; the GIL is let go meanwhile, since the driver
    waits where its queue is full.
    """

    def __init__(self, queue: Queue, op: str, program: Program, functions: list[int]) -> None:
        self.queue = queue
        self.op = op
        self.bound = [Bound(queue, op, launch, f) for launch, f in zip(program.launches, functions)]
        self.fallible = any(isinstance(a, Status) for launch in program.launches for a in launch.arguments)

    def __call__(self, operands: list[Any], offsets: list[Any], values: list[Any]) -> None:
        queue: Queue = self.queue
        bound: Bound
        code: cython.int = 0
        before: cython.int = queue.start()
        stream: cython.size_t = queue.current() if queue.streamed else 0
        try:
            for bound in self.bound:
                code = bound.launch(queue, stream, operands, offsets, values)
                if code == NO_CONTEXT:  # a new thread with the number of an old one
                    queue.use()
                    code = bound.launch(queue, stream, operands, offsets, values)
                if code:
                    raise queue.failed(code, self.op)
        finally:
            if before >= 0:
                queue.leave(before)
        if self.fallible:
            queue.suspects.append(self.op)
