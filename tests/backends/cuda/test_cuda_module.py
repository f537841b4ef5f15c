"""``tensorplug.cuda`` on the simulated machine, and where there is no GPU."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest

import tensorplug as tp
from tensorplug_dispatcher.errors import DeviceAbsentError, DeviceMismatchError, UnknownDeviceError


@pytest.fixture
def cuda(simulated: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The module, about the simulated machine."""
    monkeypatch.setattr(tp.cuda, "TYPE", "simulated")
    yield tp.cuda
    for index in range(2):
        tp.cuda.set_stream(tp.cuda.default_stream(index))
    tp.cuda.set_device(0)


def test_what_there_is(cuda: Any) -> None:
    assert cuda.is_available() and cuda.device_count() == 2
    assert cuda.get_device_name(1) == "simulated 1" and cuda.get_device_capability() == (9, 0)
    found = cuda.get_device_properties("simulated:0")
    assert (found.name, found.multi_processor_count, found.shared_memory_per_block) == (
        "simulated 0",
        8,
        49152,
    )
    with pytest.raises(UnknownDeviceError) as caught:
        cuda.get_device_name("cpu")
    assert str(caught.value) == "expected a simulated device, but got 'cpu'; give its index, or 'simulated:0'"


def test_the_current_device(cuda: Any) -> None:
    assert cuda.current_device() == 0 and str(tp.ones(1, device="simulated").device) == "simulated:0"
    with cuda.device(1):
        assert cuda.current_device() == 1 and str(tp.ones(1, device="simulated").device) == "simulated:1"
        with cuda.device(None), cuda.device(-1), cuda.device_of(tp.ones(1)):
            assert cuda.current_device() == 1
    x = tp.ones(2, device="simulated:1")
    with cuda.device_of(x):
        assert cuda.current_device() == 1
    assert cuda.current_device() == 0
    cuda.set_device("simulated:1")
    assert cuda.current_device() == 1 and cuda.is_initialized()
    seen = []
    thread = threading.Thread(target=lambda: seen.append(cuda.current_device()))
    thread.start()
    thread.join()
    assert seen == [0], "a thread begins with the first"
    with pytest.raises(UnknownDeviceError, match="device simulated:7 does not exist"):
        cuda.set_device(7)


def test_streams_and_events(cuda: Any) -> None:
    assert cuda.current_stream() == cuda.default_stream() and cuda.current_stream().stream_id == 0
    stream = cuda.Stream()
    x = tp.arange(6, dtype=tp.float32, device="simulated:0")
    start, end = cuda.Event(enable_timing=True), cuda.Event(enable_timing=True)
    assert start.query()
    start.record()
    with cuda.stream(stream):
        assert cuda.current_stream() == stream
        stream.wait_stream(cuda.default_stream())
        y = x * 2 + 1
    assert cuda.current_stream() == cuda.default_stream() != stream
    cuda.current_stream().wait_stream(stream)
    end.record()
    end.synchronize()
    assert end.query() and stream.query() and start.elapsed_time(end) > 0
    assert y.tolist() == [1, 3, 5, 7, 9, 11]
    with cuda.stream(None):
        assert cuda.current_stream() == cuda.default_stream()
    with stream:
        assert cuda.current_stream() == stream
    cuda.synchronize()


def test_a_stream_of_another_device(cuda: Any) -> None:
    stream = cuda.Stream(1)
    with cuda.stream(stream):
        assert cuda.current_device() == 1
        x = tp.ones(3, device="simulated")
    assert str(x.device) == "simulated:1" and cuda.current_device() == 0
    event = cuda.Event()
    with pytest.raises(DeviceMismatchError) as caught:
        event.record(stream)
    assert str(caught.value) == (
        "the event belongs to simulated:0 and the stream to simulated:1; make an event there"
    )


def test_launches_go_to_the_current_stream(cuda: Any, simulated: Any) -> None:
    x = tp.ones(3, device="simulated:0")
    stream = cuda.Stream()
    with cuda.stream(stream):
        simulated.launches.clear()
        _ = x + 1
        m = tp.ones(4, 4, device="simulated:0")
        _ = m @ m
    assert {launch.stream for launch in simulated.launches} == {stream.stream_id}
    assert not tp.device("simulated:0").pooled, "the core keeps no memory beside streams"


def test_memory(cuda: Any) -> None:
    cuda.set_device(1)
    before = cuda.memory_allocated()
    cuda.reset_peak_memory_stats()
    x = tp.empty(1 << 16, dtype=tp.uint8, device="simulated")
    assert cuda.memory_allocated() == before + (1 << 16) == cuda.max_memory_allocated()
    assert cuda.memory_reserved() >= cuda.memory_allocated() and cuda.memory_stats()["allocated"] > before
    free, total = cuda.mem_get_info()
    assert 0 < free < total
    del x
    assert cuda.memory_allocated() == before and cuda.max_memory_allocated() == before + (1 << 16)
    cuda.empty_cache()
    assert tp.device("simulated:1").cached == 0


def test_random_numbers_are_those_of_every_device(cuda: Any) -> None:
    cuda.manual_seed(7)
    x = tp.rand(5)
    cuda.manual_seed_all(7)
    assert tp.rand(5).tolist() == x.tolist() and cuda.initial_seed() == 7


def test_where_there_is_no_gpu() -> None:
    if tp.cuda.is_available():
        pytest.skip("there is a GPU here")
    assert tp.cuda.device_count() == 0 and tp.cuda.current_device() == 0
    for call in (
        tp.cuda.current_stream,
        tp.cuda.Stream,
        tp.cuda.Event,
        tp.cuda.synchronize,
        tp.cuda.get_device_name,
        tp.cuda.memory_allocated,
        lambda: tp.ones(1).cuda(),
    ):
        with pytest.raises(DeviceAbsentError, match="device type 'cuda' of tensorplug .* is absent: "):
            call()
    (record,) = [r for r in tp.devices.list() if r.type == "cuda"]
    assert record.state == "absent" and record.reason
