"""Streams and events on a device that has them, and on one that has none."""

from __future__ import annotations

import os
from typing import Any

import pytest

import tensorplug as tp
from tensorplug_dispatcher.errors import DeviceError, DeviceMismatchError

DEVICE = os.environ.get("TENSORPLUG_TEST_DEVICE", "opencl:0")


@pytest.fixture
def device() -> Any:
    try:
        return tp.device(DEVICE)
    except DeviceError as reason:
        pytest.skip(str(reason))


def test_work_of_two_streams_in_order(device: Any) -> None:
    first, second = tp.Stream(device), tp.Stream(device=DEVICE, priority=-1)
    x = tp.arange(1 << 16, dtype=tp.float32, device=device)
    first.wait_stream(tp._streams.current_stream(device))
    with first:
        y = x * 2
        event = first.record_event()
    with second:
        second.wait_event(event)
        z = y + 1
    event.synchronize()
    assert event.query() and str(event.device) == DEVICE
    second.synchronize()
    assert second.query() and z[-1].item() == 2 * 65535 + 1
    assert first != second and first == first and len({first, second}) == 2
    assert repr(first) == f"<tensorplug._streams.Stream device={DEVICE} stream_id={first.stream_id:#x}>"


def test_streams_nest_and_belong_to_their_thread(device: Any) -> None:
    default, first, second = tp._streams.default_stream(device), tp.Stream(device), tp.Stream(device)
    with first:
        with second, first:
            assert tp._streams.current_stream(device) == first
        assert tp._streams.current_stream(device) == first
        from threading import Thread

        seen: list[Any] = []
        thread = Thread(target=lambda: seen.append(tp._streams.current_stream(device)))
        thread.start()
        thread.join()
        assert seen == [default]
    assert tp._streams.current_stream(device) == default


def test_time_between_events(device: Any) -> None:
    start, end = tp.Event(device, enable_timing=True), tp.Event(device, enable_timing=True)
    x = tp.ones(1 << 20, device=device)
    x = x + 1
    tp.devices.synchronize(device)
    start.record()
    for _ in range(20):
        x = x * 1.5
    end.record()
    end.synchronize()
    assert start.elapsed_time(end) > 0 > end.elapsed_time(start)


def test_memory_is_not_shared_between_streams_too_early(device: Any) -> None:
    """A result that the reader has not read yet is dropped, and the next one is written at once."""
    writer, reader = tp.Stream(device), tp.Stream(device)
    sums = []
    for n in range(30):
        with writer:
            x = tp.full((1 << 16,), float(n), device=device)
            ready = writer.record_event()
        with reader:
            reader.wait_event(ready)
            sums.append(x * 2)
        del x
    reader.synchronize()
    assert [s[-1].item() for s in sums] == [2.0 * n for n in range(30)]


def test_errors(device: Any) -> None:
    event = tp.Event(device)
    assert event.query()
    event.synchronize()
    event.wait()
    for call, text in (
        (lambda: tp.Event(device, interprocess=True), "events for other processes are not supported; "
         "use interprocess=False"),
        (lambda: event.elapsed_time(event), "elapsed_time() "
         "needs events that were made with enable_timing=True"),
        (lambda: tp.Event(device, enable_timing=True).elapsed_time(tp.Event(device, enable_timing=True)),
         "elapsed_time() needs events that were recorded; call record() first"),
        (lambda: tp.Stream("cpu"), "device cpu has no streams: its plugin offers none, and what it is asked "
         "to do, it does in order. Streams are for devices such as cuda and opencl"),
    ):  # fmt: skip
        with pytest.raises(DeviceError) as caught:
            call()
        assert str(caught.value) == text
    with pytest.raises(DeviceMismatchError) as mismatch:
        tp.Event("cpu").record(tp.Stream(device))
    assert str(mismatch.value) == f"the event belongs to cpu and the stream to {DEVICE}; make an event there"


def test_what_a_kernel_reports_is_raised_by_the_stream(device: Any) -> None:
    stream = tp.Stream(device)
    with stream:
        x = tp.ones(3, dtype=tp.int32, device=device)
        y = x // tp.zeros(3, dtype=tp.int32, device=device)
    with pytest.raises(ZeroDivisionError, match="in one of: floor_divide divided an integer by zero"):
        stream.synchronize()
    del y
