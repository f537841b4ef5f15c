"""Devices, queues and memory through pyopencl.

Each device has a context, and one queue that works in order, its default stream: memory that a tensor gave
back may be handed out again at once, because whatever used it was queued before. (Where there are more
streams, the core keeps no memory.) Uploads return when the host memory has been read; downloads wait for the
queue.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from itertools import count
from typing import Any, Final

import pyopencl as cl

from tensorplug_codegen.dialect import OPENCL, Target
from tensorplug_codegen.launching import reported
from tensorplug_codegen.programs import builders
from tensorplug_dispatcher import DeviceInfo, Layout
from tensorplug_dispatcher.errors import DeviceAbsentError, DeviceLostError, KernelError

from .launch import Launcher
from .streams import Event, Stream

_serials: Final = count(1)
STREAMS: Final = 32  # beside the default one
_LOST: Final = (-2, -36)  # CL_DEVICE_NOT_AVAILABLE, CL_INVALID_COMMAND_QUEUE


class Buffer:
    """A piece of a device's memory. ``serial`` is never used twice, unlike ``id``."""

    __slots__ = ("index", "memory", "nbytes", "serial")

    def __init__(self, index: int, memory: Any, nbytes: int) -> None:
        self.index = index
        self.memory = memory
        self.nbytes = nbytes
        self.serial = next(_serials)


class OpenCLDevice:
    """One device: its context, its queue, what programs are made for, and the status word."""

    def __init__(self, index: int, device: Any) -> None:
        self.index = index
        self.device = device
        self.context = cl.Context([device])
        self.programs: dict[str, Any] = {}  # built for this context, by source
        self.default = Stream(self)
        self.streams = [self.default]
        self.local = threading.local()
        processor = bool(device.type & cl.device_type.CPU)
        kind = os.environ.get("TENSORPLUG_OPENCL_VARIANT", "cpu" if processor else "gpu")
        self.target = Target(
            OPENCL,
            kind,
            device.max_compute_units,
            device.max_work_group_size,
            device.local_mem_size,
            bool(device.double_fp_config),
        )
        self.unified = bool(device.host_unified_memory)
        self.status = cl.Buffer(
            self.context,
            cl.mem_flags.READ_WRITE | cl.mem_flags.COPY_HOST_PTR,
            hostbuf=bytearray(4),
        )
        self.suspects: list[str] = []  # ops queued since the last look at the status word that may fail
        self.lock = threading.Lock()

    @property
    def name(self) -> str:
        return f"opencl:{self.index}"

    @property
    def stream(self) -> Stream:
        """This thread's current stream."""
        return getattr(self.local, "stream", self.default)

    @property
    def queue(self) -> Any:
        """This thread's current ``pyopencl.CommandQueue``."""
        return self.stream.handle

    @contextlib.contextmanager
    def at(self, op: str) -> Iterator[None]:
        """pyopencl's errors inside leave as ours, naming ``op``."""
        try:
            yield
        except cl.Error as error:
            raise self.guard(error, op) from error

    def guard(self, error: Exception, op: str) -> Exception:
        """pyopencl's error as one of ours."""
        code = getattr(error, "code", 0)
        if isinstance(error, cl.MemoryError):
            return MemoryError(str(error))
        if code in _LOST:
            return DeviceLostError(
                f"device {self.name} ({self.device.name.strip()}) was lost in {op}(): {error}. Other devices "
                f"go on; see tensorplug.devices.health('{self.name}')",
                device=self.name,
                op=op,
            )
        return KernelError(f"{op}() failed on {self.name} ({self.device.name.strip()}): {error}")

    def finish(self, *streams: Stream) -> None:
        """Wait for streams (none given: all); raises what a kernel reported through the status word."""
        with self.at("synchronize"):
            for stream in streams or tuple(self.streams):
                stream.finish()
        self.look()

    def look(self) -> None:
        """Raise what a kernel wrote to the status word, if one was queued that may have."""
        if not self.suspects:
            return
        with self.lock, self.at("synchronize"):
            for stream in self.streams:
                stream.finish()
            suspects, self.suspects = self.suspects, []
            word = bytearray(4)
            cl.enqueue_copy(self.queue, word, self.status)
            code = int.from_bytes(word, "little")
            if code:
                cl.enqueue_copy(self.queue, self.status, bytearray(4))
        if code:
            raise reported(code, self.name, suspects)


class OpenCLRuntime:
    """Every device of every platform."""

    def __init__(self) -> None:
        try:
            platforms = cl.get_platforms()
        except cl.Error as error:
            raise DeviceAbsentError(
                f"no OpenCL platform is installed ({error}); a processor is one with PoCL: "
                f"apt install pocl-opencl-icd"
            ) from error
        self._found = [d for p in platforms for d in p.get_devices()]
        if not self._found:
            names = ", ".join(p.name.strip() for p in platforms)
            raise DeviceAbsentError(f"the OpenCL platforms that are installed ({names}) have no device")
        self._open: dict[int, OpenCLDevice] = {}
        self._lock = threading.Lock()

    def devices(self) -> Sequence[DeviceInfo]:
        return [
            DeviceInfo(
                i,
                d.name.strip(),
                d.global_mem_size,
                f"{d.platform.name.strip()}, {d.version.strip()}, driver {d.driver_version.strip()}, "
                f"{d.max_compute_units} compute units",
            )
            for i, d in enumerate(self._found)
        ]

    def opened(self, index: int) -> OpenCLDevice:
        found = self._open.get(index)
        if found is None:
            with self._lock:
                found = self._open.get(index)
                if found is None:
                    found = self._open[index] = OpenCLDevice(index, self._found[index])
        return found

    # -- memory

    def allocate(self, index: int, nbytes: int) -> Buffer:
        device = self.opened(index)
        flags: Any = cl.mem_flags.READ_WRITE
        if device.unified:  # not USE_HOST_PTR: a released buffer must live until its last command is done
            flags |= cl.mem_flags.ALLOC_HOST_PTR
        try:
            return Buffer(index, cl.Buffer(device.context, flags, max(nbytes, 1)), nbytes)
        except cl.Error as error:
            if isinstance(error, cl.MemoryError) or error.code == cl.status_code.INVALID_BUFFER_SIZE:
                raise MemoryError(str(error)) from error
            raise device.guard(error, "allocate") from error

    def upload(self, dst: Buffer, src: memoryview) -> None:
        device = self.opened(dst.index)
        try:
            cl.enqueue_copy(device.queue, dst.memory, src, is_blocking=True)
        except cl.Error as error:
            raise device.guard(error, "upload") from error

    def download(self, src: Buffer, dst: memoryview) -> None:
        device = self.opened(src.index)
        try:
            cl.enqueue_copy(device.queue, dst, src.memory, is_blocking=True)
        except cl.Error as error:
            raise device.guard(error, "download") from error
        device.look()

    def transfer(self, src: Buffer, dst: Buffer) -> bool:
        if src.index != dst.index:
            return False  # contexts of different platforms share nothing
        device = self.opened(src.index)
        size = min(src.nbytes, dst.nbytes)
        if not size:  # which OpenCL refuses to copy
            return True
        try:
            cl.enqueue_copy(device.queue, dst.memory, src.memory, byte_count=size)
        except cl.Error as error:
            raise device.guard(error, "transfer") from error
        return True

    def bind(self, array: Any) -> Any:
        """The tensor itself: ``array.storage.handle.memory`` is the ``pyopencl.Buffer``."""
        return array

    def synchronize(self, index: int) -> None:
        if index in self._open:
            self._open[index].finish()

    def close(self) -> None:
        for device in self._open.values():
            for stream in device.streams:
                stream.finish()
        self._open = {}

    # -- streams

    def create_stream(self, index: int, priority: int = 0) -> Stream:
        """A queue beside the others; OpenCL 1.2 knows no priorities.
        The ``STREAMS`` of a device serve in turn.
        """
        device = self.opened(index)
        if len(device.streams) <= STREAMS:
            with device.at("stream"):
                made = Stream(device)
        else:
            made = device.streams.pop(1)
        device.streams.append(made)
        return made

    def default_stream(self, index: int) -> Stream:
        return self.opened(index).default

    def current_stream(self, index: int) -> Stream:
        return self.opened(index).stream

    def use_stream(self, index: int, stream: Stream) -> None:
        self.opened(index).local.stream = stream

    def create_event(self, index: int, timing: bool = False) -> Event:
        return Event(self.opened(index), timing)

    # -- kernels

    def prepare(
        self,
        index: int,
        op: str,
        outs: tuple[Layout, ...],
        ins: tuple[Layout | None, ...],
        attrs: Mapping[str, Any],
        numbers: frozenset[int],
    ) -> tuple[Launcher, tuple[int, ...]] | None:
        """A launcher of the op's program for these layouts; see ``prepared_kernels``."""
        device = self.opened(index)
        program = builders()[op](device.target, op, outs, ins, attrs, numbers)
        return None if program is None else (Launcher(device, op, program), program.scratch)
