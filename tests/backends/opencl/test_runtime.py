"""The OpenCL backend's own duties: memory, queues, errors, compiled programs. Ops are tested by the table."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import tensorplug as tp
from tensorplug_codegen import program_cache
from tensorplug_dispatcher.errors import KernelError


def test_round_trip_of_every_dtype() -> None:
    for dtype in (
        tp.float32,
        tp.float16,
        tp.bfloat16,
        tp.int8,
        tp.uint8,
        tp.int16,
        tp.int32,
        tp.int64,
        tp.bool,
    ):
        x = tp.arange(7).to(dtype)
        assert x.to("opencl:0").cpu().tolist() == x.tolist(), dtype


def test_arithmetic_on_views_with_numbers() -> None:
    x = tp.arange(24, dtype=tp.float32).reshape(4, 6)
    y = x.to("opencl:0")
    assert (y.t()[1:, ::2] * 2.5 + y[0, 1]).cpu().tolist() == (x.t()[1:, ::2] * 2.5 + x[0, 1]).tolist()
    y[1:3].add_(1)
    x[1:3].add_(1)
    assert y.cpu().tolist() == x.tolist()


def test_a_division_by_zero_is_reported_when_the_device_is_waited_for() -> None:
    x = tp.ones(3, dtype=tp.int32, device="opencl:0")
    y = x // tp.zeros(3, dtype=tp.int32, device="opencl:0")
    with pytest.raises(ZeroDivisionError) as caught:
        y.cpu()
    assert str(caught.value) == (
        "ZeroDivisionError on opencl:0 in one of: floor_divide divided an integer by zero; mask the zeros "
        "with where(). The device found it after the call had returned"
    )
    assert (x + 1).cpu().tolist() == [2, 2, 2], "the device goes on"


def test_too_much_memory_is_a_typed_error_and_the_device_goes_on() -> None:
    with pytest.raises(tp.OutOfMemoryError, match=r"device 'opencl:0' is out of memory: \d+ bytes"):
        tp.empty(1 << 50, device="opencl:0")
    assert tp.ones(2, device="opencl:0").cpu().tolist() == [1, 1]


def test_a_damaged_program_on_disk_is_built_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tensorplug_opencl import compiler

    monkeypatch.setenv("TENSORPLUG_CACHE", str(tmp_path))  # and so away from the user's own
    source = "KERNEL void nothing(GLOBAL float *p, const i64 first) { p[first] = 7; }\n"
    device = tp.device("opencl:0").runtime.opened(0)

    def build() -> Any:
        device.programs.pop(source, None)
        return compiler.kernel(device, "nothing", source, "nothing")

    build()
    (entry,) = (tmp_path / "programs").iterdir()
    whole = entry.read_bytes()
    for damaged in (whole[: len(whole) // 2], whole[:-1] + b"x", b"", b"somebody else's"):
        entry.write_bytes(damaged)
        assert build().function_name == "nothing"
        assert program_cache.load(entry.name) is not None and entry.read_bytes() != damaged


def test_a_source_that_does_not_build_shows_log_and_source() -> None:
    from tensorplug_opencl import compiler

    device = tp.device("opencl:0").runtime.opened(0)
    with pytest.raises(KernelError) as caught:
        compiler.kernel(device, "broken", "KERNEL void f() { nonsense }", "f")
    text = str(caught.value)
    assert text.startswith("the program of broken() does not build on opencl:0 (")
    assert "build log" in text and "KERNEL void f() { nonsense }" in text


def test_two_runtimes_in_one_process_share_nothing() -> None:
    """A second one, closed, takes no memory and no program from the first."""
    import tensorplug_faults as faults

    x = tp.ones(5, device="opencl:0")
    assert (x + 1).cpu().tolist() == [2.0] * 5
    other = f"{faults.wrap('opencl')}:0"
    assert (tp.ones(5, device=other) + 1).cpu().tolist() == [2.0] * 5
    assert tp.device(other).runtime.inner.opened(0).context != tp.device("opencl:0").runtime.opened(0).context
    tp.devices.reload("faulty-opencl")
    assert (x + 1).cpu().tolist() == [2.0] * 5
    assert (tp.ones(5, device=other) * 3).cpu().tolist() == [3.0] * 5


def test_a_transfer_of_no_bytes() -> None:
    runtime = tp.device("opencl:0").runtime
    assert runtime.transfer(runtime.allocate(0, 0), runtime.allocate(0, 0))
