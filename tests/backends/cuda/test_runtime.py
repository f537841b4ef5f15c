"""The CUDA backend's own duties on a simulated machine: memory, launches, errors, compiled programs."""

from __future__ import annotations

import builtins
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from simulated import CUDAError, SimulatedDriver

import tensorplug as tp
from tensorplug_codegen import program_cache
from tensorplug_codegen.program import Constant, Launch, Memory, Number, Program, Status, Value
from tensorplug_cuda import compiler, staging
from tensorplug_cuda.device import GPU
from tensorplug_cuda.driver import Driver
from tensorplug_cuda.launch import Launcher
from tensorplug_cuda.runtime import CUDARuntime
from tensorplug_dispatcher import dtypes
from tensorplug_dispatcher.devices import lifecycle
from tensorplug_dispatcher.errors import DeviceAbsentError, DeviceLostError, KernelError


@pytest.fixture
def gpu() -> GPU:
    """A device of a machine of its own."""
    return CUDARuntime(SimulatedDriver()).opened(0)


def program(*arguments: Any, source: str = "", groups: Any = (3, 2), lanes: Any = (64,)) -> Program:
    return Program((Launch(source, "kernel", arguments, groups, lanes),))


def launcher(gpu: GPU, parameters: str, *arguments: Any) -> Launcher:
    source = f"KERNEL void kernel({parameters}) {{}}\n"
    made = program(*arguments, source=source)
    return Launcher(gpu, "op", made, [gpu.function("op", source, "kernel")])


# -- what is not there ---------------------------------------------------------------------------------------


def test_without_cupy_the_device_is_absent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cupy", None)
    with pytest.raises(DeviceAbsentError) as caught:
        Driver()
    assert str(caught.value) == (
        "CuPy cannot be imported (import of cupy halted; None in sys.modules); pip install 'tensorplug[cuda]'"
    )


class FakeCUDARuntimeError(Exception):
    status = 35

    @classmethod
    def check(cls, code: int) -> None:
        raise cls(str(code))


def fake_cupy(monkeypatch: pytest.MonkeyPatch, count: Any) -> None:
    def device_count() -> int:
        if isinstance(count, Exception):
            raise count
        return count

    names = ("cupy", "cupy.cuda", "cupy_backends", "cupy_backends.cuda", "cupy_backends.cuda.api")
    modules = {name: ModuleType(name) for name in names}
    runtime: Any = ModuleType("runtime")
    runtime.getDeviceCount, runtime.CUDARuntimeError = device_count, FakeCUDARuntimeError
    modules["cupy"].cuda = modules["cupy.cuda"]  # type: ignore[attr-defined]
    modules["cupy.cuda"].runtime = runtime  # type: ignore[attr-defined]
    modules["cupy_backends.cuda.api"].driver = ModuleType("driver")  # type: ignore[attr-defined]
    for name, module in modules.items():
        monkeypatch.setitem(sys.modules, name, module)


@pytest.mark.parametrize(
    "count, text",
    [
        (
            FakeCUDARuntimeError("cudaErrorInsufficientDriver: too old\nand more"),
            "CUDA cannot be used: cudaErrorInsufficientDriver: too old (NVIDIA's driver is missing or old)",
        ),
        (0, "CUDA works and lists no device; is CUDA_VISIBLE_DEVICES empty?"),
    ],
)
def test_without_a_driver_or_a_gpu_the_device_is_absent(
    monkeypatch: pytest.MonkeyPatch, count: Any, text: str
) -> None:
    fake_cupy(monkeypatch, count)
    with pytest.raises(DeviceAbsentError) as caught:
        Driver()
    assert str(caught.value) == text


def test_the_plugin_imports_no_cupy(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(name: str, *rest: Any) -> Any:
        assert not name.startswith(("cupy", "nvmath", "cudnn")), name
        return original(name, *rest)

    original = builtins.__import__
    monkeypatch.setattr(builtins, "__import__", refuse)
    for name in [n for n in sys.modules if n == "tensorplug_cuda"]:
        monkeypatch.delitem(sys.modules, name)
    import tensorplug_cuda

    assert tensorplug_cuda.tensorplug_api == (1, 0)


# -- launches ------------------------------------------------------------------------------------------------


def test_arguments_reach_the_kernel_as_its_signature_says(gpu: GPU) -> None:
    memory, other = gpu.allocate(100), gpu.allocate(100)
    run = launcher(
        gpu,
        "GLOBAL float *a, const i64 a0, GLOBAL const u8 *RESTRICT b, const i64 b0, const i32 c, const i64 d, "
        "const float e, const double f, const u8 g, const i16 h, GLOBAL i32 *status, const float i, "
        "const u32 j",
        Memory(0),
        Memory(2),
        Constant(-7, dtypes.int32),
        Constant(1 << 40, dtypes.int64),
        Number(1, dtypes.float32),
        Number(1, dtypes.float64),
        Value(0, dtypes.bool_),
        Value(1, dtypes.int16),
        Status(),
        Value(2, dtypes.float32),
        Constant(0xFFFFFFFF, dtypes.int32),
    )
    run([memory, 0.5, other], [3, 0, 1 << 33], [2, 70000, 1e300])
    (launch,) = gpu.driver.launches
    assert launch.values == [
        memory.address,
        3,
        other.address,
        1 << 33,
        -7,
        1 << 40,
        0.5,
        0.5,
        1,
        70000 - (1 << 16),
        gpu.status,
        float("inf"),
        0xFFFFFFFF,
    ]
    assert launch.groups == (3, 2, 1) and launch.lanes == (64, 1, 1) and launch.stream == 0
    assert gpu.suspects == ["op"]


def test_a_kernel_of_too_many_arguments_is_refused(gpu: GPU) -> None:
    with pytest.raises(KernelError) as caught:
        launcher(gpu, "const i64 a", *[Constant(0, dtypes.int64)] * 513)
    assert str(caught.value) == (
        "the program of op() has 513 arguments, but CUDA takes at most 512; call it on parts"
    )


def test_launchers_may_be_shared_by_threads(gpu: GPU) -> None:
    run = launcher(gpu, "GLOBAL float *a, const i64 a0, const i64 b", Memory(0), Value(0, dtypes.int64))
    memory = gpu.allocate(64)

    def work(number: int) -> None:
        for _ in range(50):
            run([memory], [number], [number])

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(gpu.driver.launches) == 200
    assert all(launch.values[1] == launch.values[2] for launch in gpu.driver.launches)


def test_a_thread_without_a_context_gets_one_and_the_launch_is_repeated(gpu: GPU) -> None:
    run = launcher(gpu, "GLOBAL float *a, const i64 a0", Memory(0))
    memory = gpu.allocate(64)
    run([memory], [0], [])
    gpu.driver.next_launch = 201  # CUDA_ERROR_INVALID_CONTEXT, as a thread gets that has a dead one's number
    gpu.driver.current_device = -1
    run([memory], [0], [])
    assert len(gpu.driver.launches) == 2 and gpu.driver.current_device == 0


def test_with_several_devices_the_one_before_is_current_again() -> None:
    runtime = CUDARuntime(SimulatedDriver(2))
    second = runtime.opened(1)
    run = launcher(second, "GLOBAL float *a, const i64 a0", Memory(0))
    seen = []
    runtime.driver._queue = lambda stream, work: seen.append(runtime.driver.current_device)
    run([second.allocate(8)], [0], [])
    assert seen == [1] and runtime.driver.current_device == 0


# -- memory --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lazy", [False, True])
@pytest.mark.parametrize("size", [0, 1, staging.SLOT - 1, staging.SLOT, 6 * staging.SLOT + 5])
def test_copies_of_every_size_through_the_ring(lazy: bool, size: int) -> None:
    runtime = CUDARuntime(SimulatedDriver(lazy=lazy))
    data = bytes(range(251)) * (size // 251 + 1)
    source, target = memoryview(data)[:size], bytearray(size)
    buffer, other = runtime.allocate(0, size), runtime.allocate(0, size)
    scribbled = bytearray(source)
    runtime.upload(buffer, memoryview(scribbled))
    scribbled[:] = b"\xff" * size  # what was given may be changed as soon as the call is over
    assert runtime.transfer(buffer, other)
    runtime.download(other, memoryview(target))
    assert target == source


def test_between_devices_both_streams_are_waited_for() -> None:
    runtime = CUDARuntime(SimulatedDriver(2, lazy=True))
    source, target = runtime.allocate(0, 8), runtime.allocate(1, 8)
    runtime.upload(source, memoryview(b"12345678"))
    assert runtime.transfer(source, target)
    result = bytearray(8)
    runtime.download(target, memoryview(result))
    assert result == b"12345678"


def test_too_much_memory_is_a_typed_error_and_the_device_goes_on(simulated: Any) -> None:
    with pytest.raises(tp.OutOfMemoryError, match=r"device 'simulated:0' is out of memory: \d+ bytes"):
        tp.empty(1 << 40, device="simulated:0")
    assert tp.ones(2, device="simulated:0").cpu().tolist() == [1, 1]


def test_memory_numbers(simulated: Any) -> None:
    device = tp.device("simulated:1")
    x = tp.ones(1000, device=device)
    found = lifecycle.memory(device)
    assert found["allocated"] >= 4000 and 0 < found["free"] < found["total"] == simulated.size
    assert device.runtime.memory_reserved(1) >= 4000
    del x


# -- errors --------------------------------------------------------------------------------------------------


def test_a_fault_that_comes_later_is_a_lost_device(gpu: GPU) -> None:
    gpu.driver.failing = 700
    for call in (
        lambda: gpu.synchronize(),
        lambda: gpu.allocate(8),
        lambda: gpu.default.synchronize(),
        lambda: gpu.create_stream(0) and gpu.default.done(),
    ):
        with pytest.raises(DeviceLostError) as caught:
            call()
        assert caught.value.device == "cuda:0"
    with pytest.raises(DeviceLostError) as caught:
        gpu.synchronize()
    assert caught.value.op == "synchronize"
    assert str(caught.value) == (
        "CUDA reports simulated error 700. synchronize() or a call that was queued before it is the cause; "
        "CUDA_LAUNCH_BLOCKING=1 in the environment tells which"
    )


def test_a_query_is_done_not_ready_or_an_error() -> None:
    driver = Driver.__new__(Driver)
    driver.runtime = SimpleNamespace(check_status=FakeCUDARuntimeError.check)
    assert driver._done(lambda handle: 0, 1) and not driver._done(lambda handle: 600, 1)
    with pytest.raises(FakeCUDARuntimeError, match="700"):
        driver._done(lambda handle: 700, 1)


@pytest.mark.parametrize("code, error", [(700, DeviceLostError), (214, DeviceLostError), (1, KernelError)])
def test_a_launch_that_fails(gpu: GPU, code: int, error: type) -> None:
    run = launcher(gpu, "GLOBAL float *a, const i64 a0", Memory(0))
    memory = gpu.allocate(64)
    gpu.driver.next_launch = code
    with pytest.raises(error) as caught:
        run([memory], [0], [])
    if error is KernelError:
        assert str(caught.value) == "op() failed on cuda:0 (simulated 0): simulated error 1"


def test_a_lost_device_is_quarantined_and_others_go_on(machines: Any) -> None:
    driver = machines.breakable.driver
    x = tp.ones(3, device="breakable:0")
    driver.next_launch = 719
    with pytest.raises(DeviceLostError) as caught:
        _ = x + x
    assert caught.value.device == "breakable:0" and caught.value.op == "add"
    assert str(caught.value).startswith(
        "add() failed on breakable:0 (plugin 'breakable' of tensorplug-simulated 1.0): it was lost in add(): "
        "CUDA reports simulated error 719. add() or a call that was queued before it is the cause; "
        "CUDA_LAUNCH_BLOCKING=1 in the environment tells which. What lived there is gone"
    )
    with pytest.raises(DeviceLostError):
        _ = x * x
    assert (tp.ones(2) + 1).tolist() == [2, 2]
    lifecycle.reload("breakable")
    assert tp.ones(3, device="breakable:0").shape == (3,)


def test_a_division_by_zero_is_reported_when_the_device_is_waited_for(simulated: Any) -> None:
    x = tp.ones(3, dtype=tp.int32, device="simulated:0")
    y = x // tp.zeros(3, dtype=tp.int32, device="simulated:0")
    with pytest.raises(ZeroDivisionError) as caught:
        y.cpu()
    assert "in one of: floor_divide divided an integer by zero" in str(caught.value)
    assert (x + 1).cpu().tolist() == [2, 2, 2], "the device goes on"


# -- programs ------------------------------------------------------------------------------------------------


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("TENSORPLUG_CACHE", str(tmp_path))
    yield tmp_path / "programs"


def test_programs_are_kept_on_disk_and_damaged_ones_compiled_again(cache: Path) -> None:
    driver = SimulatedDriver()
    compiled: list[str] = []
    driver.compile = lambda text, capability: compiled.append(text) or text.encode()
    compiler.load(driver, "text", (9, 0))
    compiler.load(driver, "text", (9, 0))
    assert compiled == ["text"]
    (entry,) = cache.iterdir()
    whole = entry.read_bytes()
    for number, damaged in enumerate((whole[:-3], whole[:-1] + b"x", b""), 2):
        entry.write_bytes(damaged)
        compiler.load(driver, "text", (9, 0))
        assert len(compiled) == number and entry.read_bytes() == whole
    compiler.load(driver, "text", (8, 0))
    assert len(compiled) == 5, "another device is another program"
    driver.version = "newer"
    compiler.load(driver, "text", (8, 0))
    assert len(compiled) == 6, "another driver too"


def test_a_program_that_the_driver_refuses_is_compiled_again(cache: Path) -> None:
    driver = SimulatedDriver()
    compiler.load(driver, "text", (9, 0))
    assert program_cache.load(next(cache.iterdir()).name) == b"text"
    refused = [CUDAError(209), None]  # no binary for this device

    def load(program: bytes) -> int:
        error = refused.pop(0)
        if error is not None:
            raise error
        return 1

    driver.load = load
    assert compiler.load(driver, "text", (9, 0)) == 1 and not refused


def test_a_source_that_does_not_compile_shows_log_and_source(gpu: GPU) -> None:
    def refuse(text: str, capability: tuple[int, int]) -> bytes:
        raise compiler.CompileError("line 3: nonsense")

    gpu.driver.compile = refuse
    with pytest.raises(KernelError) as caught:
        gpu.function("broken", "KERNEL void f() { nonsense }", "f")
    text = str(caught.value)
    assert text.startswith(
        "the program of broken() does not compile for cuda:0 (simulated 0). The compiler's log:\n"
        "line 3: nonsense\nThe source:\n"
    )
    assert text.endswith(" KERNEL void f() { nonsense }")
