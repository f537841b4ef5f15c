"""Everything that the backend asks of CUDA, through CuPy: devices, memory, copies, streams, events, programs.

One class, so that the rest can be run on another: the tests put one over host memory in its place. Streams,
events, functions and memory are plain integers here, as CUDA's own functions take them; what keeps them alive
comes beside them. Errors are CuPy's; ``failure`` reads them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from typing import Any, Final

from tensorplug_dispatcher.boundary import Library
from tensorplug_dispatcher.errors import DeviceAbsentError, KernelError

INSTALL: Final = "pip install 'tensorplug[cuda]'"
OUT_OF_MEMORY: Final = 2
INSUFFICIENT_DRIVER: Final = 35  # also where there is none
NOT_READY: Final = 600
PEER_ACCESS_ALREADY_ENABLED: Final = 704
# Codes after which the device's context is of no more use in this process, the same in driver and runtime:
# devices that are busy or gone, ECC and link errors, every fault of a kernel, a context that was destroyed.
LOST: Final = frozenset(
    (46, 100, 101, 214, 220, 226, 700, 702, 709, 710, 714, 715, 716, 717, 718, 719, 721, 802, 999)
)
HOST_TO_DEVICE: Final = 1
DEVICE_TO_HOST: Final = 2
DEVICE_TO_DEVICE: Final = 3


@dataclass(frozen=True, slots=True)
class Properties:
    """What a GPU is: ``capability`` is (major, minor), sizes are bytes, ``units`` are its multiprocessors."""

    name: str
    memory: int
    capability: tuple[int, int]
    units: int
    max_lanes: int
    local_bytes: int
    details: str = ""


@dataclass(frozen=True, slots=True)
class Failure:
    """An error of CUDA: its code (in the driver's numbers), and its name with what it means."""

    code: int
    text: str

    @property
    def lost(self) -> bool:
        return self.code in LOST

    @property
    def out_of_memory(self) -> bool:
        return self.code == OUT_OF_MEMORY


class Driver:
    """CUDA through CuPy. Raises DeviceAbsentError, with the reason, where it cannot be used."""

    def __init__(self) -> None:
        try:
            import cupy
            from cupy.cuda import runtime
            from cupy_backends.cuda.api import driver
        except ImportError as error:
            raise DeviceAbsentError(f"CuPy cannot be imported ({error}); {INSTALL}") from error
        try:
            self.count = int(runtime.getDeviceCount())
        except runtime.CUDARuntimeError as error:
            hint = " (NVIDIA's driver is missing or old)" if int(error.status) == INSUFFICIENT_DRIVER else ""
            raise DeviceAbsentError(f"CUDA cannot be used: {_first_line(error)}{hint}") from error
        if not self.count:
            raise DeviceAbsentError("CUDA works and lists no device; is CUDA_VISIBLE_DEVICES empty?")
        self.cupy = cupy
        self.runtime = runtime
        self.driver = driver
        self.pool = cupy.cuda.MemoryPool()
        self.version = str(runtime.driverGetVersion())
        self.absences: dict[str, str] = {}

    def properties(self, index: int) -> Properties:
        found = self.runtime.getDeviceProperties(index)
        capability = int(found["major"]), int(found["minor"])
        return Properties(
            found["name"].decode(),
            int(found["totalGlobalMem"]),
            capability,
            int(found["multiProcessorCount"]),
            int(found["maxThreadsPerBlock"]),
            int(found["sharedMemPerBlock"]),
            f"compute capability {capability[0]}.{capability[1]}, CUDA driver {self.version}, "
            f"CuPy {self.cupy.__version__}",
        )

    def failure(self, error: BaseException) -> Failure | None:
        """What an error of CuPy says, None where it is not about CUDA."""
        if isinstance(error, self.cupy.cuda.memory.OutOfMemoryError):
            return Failure(OUT_OF_MEMORY, _first_line(error))
        kinds = (self.runtime.CUDARuntimeError, self.driver.CUDADriverError)
        return Failure(int(error.status), _first_line(error)) if isinstance(error, kinds) else None

    def failure_of(self, code: int) -> Failure:
        """The failure of a code that a function of the driver returned."""
        try:
            self.driver.check_status(code)
        except self.driver.CUDADriverError as error:
            return Failure(code, _first_line(error))
        return Failure(code, f"code {code}")

    # -- devices

    def use(self, index: int) -> int:
        """Make a device this thread's current one; returns the one before."""
        before = int(self.runtime.getDevice())
        self.runtime.setDevice(index)  # also where it is the same: the thread's first call makes a context
        return before

    def synchronize(self) -> None:
        """Wait for all work of the current device."""
        self.runtime.deviceSynchronize()

    def memory_info(self) -> tuple[int, int]:
        """Free and total bytes of the current device."""
        free, total = self.runtime.memGetInfo()
        return int(free), int(total)

    # -- memory, of the current device

    def allocate(self, nbytes: int) -> tuple[Any, int]:
        """Memory from CuPy's pool, in the order of the current stream: its owner, and its address."""
        pointer = self.pool.malloc(nbytes)
        return pointer, int(pointer.ptr)

    def reserved(self) -> int:
        """Bytes that the pool holds, in use or free."""
        return int(self.pool.total_bytes())

    def trim(self) -> None:
        """Give what the pool has free back to the device."""
        self.pool.free_all_blocks()

    def pinned(self, nbytes: int) -> tuple[Any, int]:
        """Host memory that the device copies from and to by itself."""
        memory = self.cupy.cuda.PinnedMemory(nbytes)
        return memory, int(memory.ptr)

    def array(self, owner: Any, address: int, nbytes: int, index: int, layout: Any, offset: int) -> Any:
        """A ``cupy.ndarray`` over memory that ``owner`` keeps."""
        cuda = self.cupy.cuda
        size = layout.itemsize
        memory = cuda.UnownedMemory(address, nbytes, owner, index)
        if layout.dtype.name == "bfloat16":
            import ml_dtypes

            dtype: Any = ml_dtypes.bfloat16
        else:
            dtype = layout.dtype.name
        return self.cupy.ndarray(
            tuple(layout.shape),
            dtype,
            cuda.MemoryPointer(memory, offset * size),
            tuple([stride * size for stride in layout.strides]),
        )

    def copy(self, target: int, source: int, nbytes: int, kind: int, stream: int) -> None:
        self.runtime.memcpyAsync(target, source, nbytes, kind, stream)

    def copy_to_peer(
        self, target: int, target_index: int, source: int, source_index: int, nbytes: int, stream: int
    ) -> None:
        self.runtime.memcpyPeerAsync(target, target_index, source, source_index, nbytes, stream)

    def link(self, index: int, other: int) -> None:
        """Let two devices copy between each other without a stop at the host, where the machine can."""
        for one, two in ((index, other), (other, index)):
            if self.runtime.deviceCanAccessPeer(one, two):
                before = self.use(one)
                try:
                    self.runtime.deviceEnablePeerAccess(two)
                except self.runtime.CUDARuntimeError as error:
                    if int(error.status) != PEER_ACCESS_ALREADY_ENABLED:
                        raise
                finally:
                    self.use(before)

    def clear(self, address: int, nbytes: int, stream: int) -> None:
        """Set memory to zero."""
        self.runtime.memsetAsync(address, 0, nbytes, stream)

    # -- streams and events, of the current device

    def create_stream(self, priority: int) -> tuple[Any, int]:
        stream = self.cupy.cuda.Stream(non_blocking=True, priority=priority)
        return stream, int(stream.ptr)

    def use_stream(self, owner: Any) -> None:
        """Make a stream (None: the default one) the current one of this thread for CuPy's own calls too."""
        (self.cupy.cuda.Stream.null if owner is None else owner).use()

    def synchronize_stream(self, stream: int) -> None:
        self.runtime.streamSynchronize(stream)

    def stream_done(self, stream: int) -> bool:
        return self._done(self.runtime.streamQuery, stream)

    def create_event(self, timing: bool) -> tuple[Any, int]:
        event = self.cupy.cuda.Event(disable_timing=not timing)
        return event, int(event.ptr)

    def record(self, event: int, stream: int) -> None:
        self.runtime.eventRecord(event, stream)

    def wait(self, stream: int, event: int) -> None:
        """Let a stream wait for an event; the host does not."""
        self.runtime.streamWaitEvent(stream, event)

    def synchronize_event(self, event: int) -> None:
        self.runtime.eventSynchronize(event)

    def event_done(self, event: int) -> bool:
        return self._done(self.runtime.eventQuery, event)

    def elapsed(self, start: int, end: int) -> float:
        """Milliseconds between two events that have come."""
        return float(self.runtime.eventElapsedTime(start, end))

    def _done(self, query: Any, handle: int) -> bool:
        """``query`` returns CUDA's code: success, "not ready", or an error of the work."""
        code = int(query(handle))
        if code not in (0, NOT_READY):
            self.runtime.check_status(code)
        return code == 0

    # -- programs

    @cached_property
    def launch_address(self) -> int:
        """The address of ``cuLaunchKernel``: called from compiled code, which CuPy's wrapper is not."""
        return Library("libcuda.so.1").address("cuLaunchKernel")

    @cached_property
    def compiler_version(self) -> str:
        from cupy.cuda import nvrtc

        major, minor = nvrtc.getVersion()
        return f"NVRTC {major}.{minor}"

    def compile(self, text: str, capability: tuple[int, int]) -> bytes:
        """The program as the device takes it. Raises CompileError with the log."""
        from .compiler import compiled

        return compiled(text, capability)

    def load(self, program: bytes) -> int:
        """A compiled program in the current device's memory, for good."""
        return int(self.driver.moduleLoadData(program))

    def function(self, module: int, name: str) -> int:
        return int(self.driver.moduleGetFunction(module, name))

    # -- libraries: each is loaded when it is first wanted, and says why where it cannot be

    @cached_property
    def blas(self) -> Any:
        """cuBLAS, as CuPy binds it."""
        from cupy_backends.cuda.libs import cublas

        return cublas

    def blas_absent(self) -> str:
        """Why cuBLAS cannot be used, "" where it can."""
        return self._absence("blas", "cuBLAS", INSTALL)

    def multiply(self, *arguments: int) -> None:
        """``cublasGemmStridedBatchedEx`` on the current device and stream, from ``transa`` on."""
        handle = self.cupy.cuda.device.get_cublas_handle()
        try:
            self.blas.gemmStridedBatchedEx(handle, *arguments)
        except self.blas.CUBLASError as error:
            raise KernelError(f"cuBLAS failed: {_first_line(error)}") from error

    @cached_property
    def light(self) -> Any:
        """cuBLASLt, as nvmath-python binds it."""
        return import_module("nvmath.bindings.cublasLt")

    def light_absent(self) -> str:
        """Why cuBLASLt cannot be used, "" where it can."""
        return self._absence("light", "nvmath-python", "pip install nvmath-python")

    @cached_property
    def cudnn(self) -> Any:
        """cuDNN's graphs, as nvidia-cudnn-frontend binds them."""
        found = import_module("cudnn")
        found.backend_version()  # cuDNN itself is another package
        return found

    def cudnn_absent(self) -> str:
        """Why cuDNN cannot be used, "" where it can."""
        install = "pip install nvidia-cudnn-frontend nvidia-cudnn-cu12"
        return self._absence("cudnn", "nvidia-cudnn-frontend", install)

    def _absence(self, name: str, library: str, install: str) -> str:
        if name not in self.absences:
            try:
                getattr(self, name)
                self.absences[name] = ""
            except Exception as error:  # a library that is not there says so in many ways
                self.absences[name] = f"{library} cannot be loaded ({_first_line(error)}); {install}"
        return self.absences[name]


def _first_line(error: BaseException) -> str:
    return str(error).strip().partition("\n")[0] or type(error).__name__
