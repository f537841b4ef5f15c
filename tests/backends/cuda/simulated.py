"""A machine with GPUs that is none: the backend's driver over host memory.

It keeps CUDA's rules as far as the backend can see them: memory with addresses, streams whose work is done in
order, as late as the rules allow (``lazy``) or at once, events, errors that come later than their cause, and
``cuLaunchKernel`` at an address, which reads its arguments as the kernel's signature says. Kernels are run by
an OpenCL device, from the same source under the other dialect; products of matrices by NumPy.
"""

from __future__ import annotations

import ctypes
import re
from collections import deque
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import ml_dtypes
import numpy as np

from tensorplug_codegen.dialect import CUDA, OPENCL, Target
from tensorplug_cuda.driver import OUT_OF_MEMORY, Failure, Properties

ALIGNMENT = 512
LAUNCH = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, *[ctypes.c_uint] * 7, *[ctypes.c_void_p] * 3)
SCALARS = {
    "char": ctypes.c_int8,
    "uchar": ctypes.c_uint8,
    "short": ctypes.c_int16,
    "ushort": ctypes.c_uint16,
    "int": ctypes.c_int32,
    "uint": ctypes.c_uint32,
    "long": ctypes.c_int64,
    "ulong": ctypes.c_uint64,
    "float": ctypes.c_float,
    "double": ctypes.c_double,
}
TYPES = {"i8": "char", "u8": "uchar", "i16": "short", "u16": "ushort", "i32": "int", "u32": "uint"}
TYPES |= {"i64": "long", "u64": "ulong", "float": "float", "double": "double", "int": "int"}
DTYPES = {0: np.float32, 1: np.float64, 2: np.float16, 14: ml_dtypes.bfloat16}


class CUDAError(Exception):
    """Stands for CuPy's errors."""

    def __init__(self, code: int, text: str = "") -> None:
        super().__init__(text or f"simulated error {code}")
        self.code = code


class Owner:
    """Keeps a piece of the heap."""

    def __init__(self, driver: SimulatedDriver, address: int, size: int, stream: int) -> None:
        self.driver, self.address, self.size, self.stream = driver, address, size, stream

    def __del__(self) -> None:
        self.driver.pool.setdefault((self.size, self.stream), []).append(self.address)


class SimulatedDriver:
    """``count`` devices. ``run``: called with (source, name, groups, lanes, arguments) for every launch."""

    version = "simulated"
    compiler_version = "none"

    def __init__(
        self,
        count: int = 1,
        *,
        lazy: bool = False,
        megabytes: int = 256,
        run: Callable[..., None] | None = None,
        capability: tuple[int, int] = (9, 0),
    ) -> None:
        self.count = count
        self.lazy = lazy
        self.capability = capability
        self.size = megabytes << 20
        # pages are taken when they are written to; not filled, as on a device
        self.heap = np.empty(self.size + ALIGNMENT, np.uint8)
        base = self.heap.ctypes.data
        self.base = -(-base // ALIGNMENT) * ALIGNMENT
        self.free = self.base
        self.pool: dict[tuple[int, int], list[int]] = {}
        self.current_device = 0
        self.current_stream = 0
        self.queues: dict[int, deque[tuple[Callable[[], None], int]]] = {0: deque()}
        self.events: dict[int, int] = {}  # event → the step that it marks
        self.steps = 0
        self.done: set[int] = set()
        self.texts: list[str] = []
        self.functions: list[tuple[str, str]] = []
        self.launches: list[SimpleNamespace] = []
        self.run = run
        self.failing = 0  # the code that every call gives from now on
        self.next_launch = 0  # the code that the next launch gives
        self.raised: BaseException | None = None
        self.absences = {
            "blas": "",
            "light": "nvmath-python is not simulated",
            "cudnn": "nvidia-cudnn-frontend is not simulated",
        }
        self._launch = LAUNCH(self._launched)
        self.launch_address = ctypes.cast(self._launch, ctypes.c_void_p).value

    # -- errors

    def check(self) -> None:
        if self.failing:
            raise CUDAError(self.failing)

    def failure(self, error: BaseException) -> Failure | None:
        if isinstance(error, MemoryError):
            return Failure(OUT_OF_MEMORY, str(error))
        return Failure(error.code, str(error)) if isinstance(error, CUDAError) else None

    def failure_of(self, code: int) -> Failure:
        if self.raised is not None:
            error, self.raised = self.raised, None
            raise error
        return Failure(code, f"simulated error {code}")

    # -- devices

    def properties(self, index: int) -> Properties:
        return Properties(f"simulated {index}", self.size, self.capability, 8, 1024, 48 << 10, "no hardware")

    def use(self, index: int) -> int:
        before, self.current_device = self.current_device, index
        return before

    def synchronize(self) -> None:
        for stream in list(self.queues):
            self._drain(stream)
        self.check()

    def memory_info(self) -> tuple[int, int]:
        return self.base + self.size - self.free, self.size

    # -- memory

    def allocate(self, nbytes: int) -> tuple[Any, int]:
        self.check()
        size = -(-nbytes // ALIGNMENT) * ALIGNMENT
        kept = self.pool.get((size, self.current_stream))
        if kept:
            return Owner(self, kept[-1], size, self.current_stream), kept.pop()
        if self.free + size > self.base + self.size:
            raise MemoryError(f"{nbytes} bytes are more than the {self.size} of the simulated device")
        address, self.free = self.free, self.free + size
        return Owner(self, address, size, self.current_stream), address

    def reserved(self) -> int:
        return self.free - self.base

    def trim(self) -> None:
        pass

    def pinned(self, nbytes: int) -> tuple[Any, int]:
        memory = (ctypes.c_ubyte * nbytes)()
        return memory, ctypes.addressof(memory)

    def array(self, owner: Any, address: int, nbytes: int, index: int, layout: Any, offset: int) -> Any:
        raise NotImplementedError("there is no CuPy here")

    def copy(self, target: int, source: int, nbytes: int, kind: int, stream: int) -> None:
        self._queue(stream, lambda: ctypes.memmove(target, source, nbytes))

    def copy_to_peer(self, target: int, to: int, source: int, of: int, nbytes: int, stream: int) -> None:
        self.copy(target, source, nbytes, 3, stream)

    def link(self, index: int, other: int) -> None:
        pass

    def clear(self, address: int, nbytes: int, stream: int) -> None:
        self._queue(stream, lambda: ctypes.memset(address, 0, nbytes))

    # -- streams and events

    def _queue(self, stream: int, work: Callable[[], Any]) -> int:
        self.check()
        self.steps += 1
        self.queues[stream].append((work, self.steps))
        if not self.lazy:
            self._drain(stream)
        return self.steps

    def _drain(self, stream: int, until: int | None = None) -> None:
        queue = self.queues[stream]
        while queue and (until is None or until not in self.done):
            work, step = queue[0]
            work()  # may drain others first
            queue.popleft()
            self.done.add(step)

    def _reach(self, step: int) -> None:
        """Work a stream off as far as the step that an event marks."""
        for stream, queue in self.queues.items():
            if any(number == step for _, number in queue):
                self._drain(stream, step)

    def create_stream(self, priority: int) -> tuple[Any, int]:
        handle = 1000 + len(self.queues)
        self.queues[handle] = deque()
        return SimpleNamespace(handle=handle), handle

    def use_stream(self, owner: Any) -> None:
        self.current_stream = 0 if owner is None else owner.handle

    def synchronize_stream(self, stream: int) -> None:
        self._drain(stream)
        self.check()

    def stream_done(self, stream: int) -> bool:
        self.check()
        return not self.queues[stream]

    def create_event(self, timing: bool) -> tuple[Any, int]:
        handle = 5000 + len(self.events)
        self.events[handle] = 0
        return SimpleNamespace(), handle

    def record(self, event: int, stream: int) -> None:
        self.events[event] = self._queue(stream, lambda: None)

    def wait(self, stream: int, event: int) -> None:
        step = self.events[event]
        self._queue(stream, lambda: self._reach(step))

    def synchronize_event(self, event: int) -> None:
        self._reach(self.events[event])
        self.check()

    def event_done(self, event: int) -> bool:
        self.check()
        return not self.events[event] or self.events[event] in self.done

    def elapsed(self, start: int, end: int) -> float:
        return float(self.events[end] - self.events[start])

    # -- programs

    def compile(self, text: str, capability: tuple[int, int]) -> bytes:
        return text.encode()

    def load(self, program: bytes) -> int:
        self.texts.append(program.decode())
        return len(self.texts) - 1

    def function(self, module: int, name: str) -> int:
        self.functions.append((self.texts[module], name))
        return len(self.functions)

    def _launched(self, function: int, *rest: Any) -> int:
        """``cuLaunchKernel``: reads the arguments now, runs the kernel when its stream comes to it."""
        try:
            if self.failing or self.next_launch:
                code, self.next_launch = self.failing or self.next_launch, 0
                return code
            gx, gy, gz, lx, ly, lz, shared, stream, arguments, extra = rest
            text, name = self.functions[function - 1]
            kinds = signature(text, name)
            pointers = ctypes.cast(arguments, ctypes.POINTER(ctypes.c_void_p))
            values = [
                (ctypes.c_uint64 if kind.endswith("*") else SCALARS[kind]).from_address(pointers[i]).value
                for i, kind in enumerate(kinds)
            ]
            record = SimpleNamespace(
                name=name,
                groups=(gx, gy, gz),
                lanes=(lx, ly, lz),
                stream=stream or 0,
                kinds=kinds,
                values=values,
            )
            assert (shared, extra) == (0, None)
            self.launches.append(record)
            run = self.run
            self._queue(record.stream, lambda: run and run(text, record))
        except BaseException as error:
            self.raised = error
            return -7
        return 0

    # -- libraries

    def blas_absent(self) -> str:
        return self.absences["blas"]

    def multiply(self, ta: int, tb: int, m: int, n: int, k: int, alpha: int, *rest: Any) -> None:
        a, a_type, lda, a_step, b, b_type, ldb, b_step, beta, c, c_type, ldc, c_step, count = rest[:14]
        kind = DTYPES[c_type]
        number = ctypes.c_double if c_type == 1 else ctypes.c_float
        assert a_type == b_type == c_type and rest[14] in {1: (70,), 0: (68, 77)}.get(c_type, (68,))
        scale, keep = number.from_address(alpha).value, number.from_address(beta).value

        def columns(address: int, rows: int, width: int, leading: int) -> Any:
            size = np.dtype(kind).itemsize
            assert leading >= max(rows, 1)
            span = ((width - 1) * leading + rows) * size
            flat = np.frombuffer((ctypes.c_ubyte * span).from_address(address), kind)
            return np.lib.stride_tricks.as_strided(flat, (rows, width), (size, leading * size))

        def work() -> None:
            size = np.dtype(kind).itemsize
            for i in range(count):
                left = columns(a + i * a_step * size, *((k, m) if ta else (m, k)), lda)
                right = columns(b + i * b_step * size, *((n, k) if tb else (k, n)), ldb)
                out = columns(c + i * c_step * size, m, n, ldc)
                wide = (left.T if ta else left).astype(np.float64) @ (right.T if tb else right).astype(
                    np.float64
                )
                out[...] = (scale * wide + (keep * out.astype(np.float64) if keep else 0)).astype(kind)

        self._queue(self.current_stream, work)

    def light_absent(self) -> str:
        return self.absences["light"]

    def cudnn_absent(self) -> str:
        return self.absences["cudnn"]


def signature(text: str, name: str) -> list[str]:
    """The kinds of a kernel's parameters: ``"float*"`` or ``"long"``."""
    found = re.search(rf"KERNEL void (?:\w+\([^)]*\)\s*)?{name}\(([^)]*)\)", text)
    assert found is not None, f"{name} is not in:\n{text}"
    kinds = []
    for parameter in found[1].split(","):
        words = re.sub(r"\b(GLOBAL|const|restrict|RESTRICT|__restrict__|volatile)\b", " ", parameter)
        kind = TYPES[re.match(r"\s*(\w+)", words)[1]]  # type: ignore[index]
        kinds.append(kind + "*" if "*" in words else kind)
    return kinds


class OpenCLDevice:
    """Runs the kernels of a simulated machine: ``driver.run = OpenCLDevice(driver)``."""

    def __init__(self, driver: SimulatedDriver) -> None:
        import pyopencl as cl

        self.cl = cl
        self.driver = driver
        device = cl.get_platforms()[0].get_devices()[0]
        self.context = cl.Context([device])
        self.queue = cl.CommandQueue(self.context)
        offset = driver.base - driver.heap.ctypes.data
        flags = cl.mem_flags.READ_WRITE | cl.mem_flags.USE_HOST_PTR
        self.heap = cl.Buffer(self.context, flags, hostbuf=driver.heap[offset : offset + driver.size])
        self.pieces: dict[int, Any] = {}
        self.kernels: dict[tuple[str, str], Any] = {}
        self.head, self.own = (Target(d, "gpu", 8, 1024, 48 << 10).text for d in (CUDA, OPENCL))

    def __call__(self, text: str, launch: SimpleNamespace) -> None:
        cl = self.cl
        kernel = self.kernels.get((text, launch.name))
        if kernel is None:
            assert text.startswith(self.head)
            program = cl.Program(cl._cl._Program(self.context, self.own + text[len(self.head) :]))
            kernel = self.kernels[text, launch.name] = cl.Kernel(program.build("-cl-std=CL1.2"), launch.name)
        for i, (kind, value) in enumerate(zip(launch.kinds, launch.values)):
            kernel.set_arg(i, self.piece(value) if kind.endswith("*") else bytes(SCALARS[kind](value)))
        sizes = tuple(g * n for g, n in zip(launch.groups, launch.lanes))
        cl.enqueue_nd_range_kernel(self.queue, kernel, sizes, launch.lanes)
        self.queue.finish()

    def piece(self, address: int) -> Any:
        """The heap from an address on."""
        found = self.pieces.get(address)
        if found is None:
            origin = address - self.driver.base
            found = self.pieces[address] = self.heap.get_sub_region(origin, self.driver.size - origin)
        return found
