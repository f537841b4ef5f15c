"""Memory and streams: what the rule in ``tensorplug_dispatcher.streams`` promises,
on a machine that does its work as late as it may.
"""

from __future__ import annotations

import random
from typing import Any

import pytest
from simulated import SimulatedDriver

from tensorplug_cuda.device import STREAMS, Event
from tensorplug_cuda.runtime import CUDARuntime


@pytest.fixture
def runtime() -> CUDARuntime:
    return CUDARuntime(SimulatedDriver(lazy=True, megabytes=8))


def put(runtime: CUDARuntime, number: int) -> Any:
    buffer = runtime.allocate(0, 8)
    runtime.upload(buffer, memoryview(number.to_bytes(8, "little")))
    return buffer


def get(runtime: CUDARuntime, buffer: Any) -> int:
    found = bytearray(8)
    runtime.download(buffer, memoryview(found))
    return int.from_bytes(found, "little")


def test_the_simulated_machine_is_lazy(runtime: CUDARuntime) -> None:
    stream = runtime.create_stream(0)
    runtime.use_stream(0, stream)
    put(runtime, 1)
    assert not stream.done()
    event = Event(runtime.opened(0), True)
    event.record(stream)
    assert not event.done()
    event.synchronize()
    assert event.done() and stream.done()


def test_memory_that_another_stream_still_reads_is_not_handed_out(runtime: CUDARuntime) -> None:
    """The case that needs ``record_stream`` elsewhere."""
    reader = runtime.create_stream(0)
    source = put(runtime, 1)
    address = source.address
    ready = Event(runtime.opened(0), False)
    ready.record(runtime.current_stream(0))
    runtime.use_stream(0, reader)
    reader.wait(ready)
    copy = runtime.allocate(0, 8)
    runtime.transfer(source, copy)
    del source
    runtime.use_stream(0, runtime.default_stream(0))
    other = put(runtime, 2)
    assert other.address != address
    assert get(runtime, other) == 2
    runtime.use_stream(0, reader)
    assert get(runtime, copy) == 1
    runtime.use_stream(0, runtime.default_stream(0))
    assert put(runtime, 3).address == address, "once the reader has passed, the memory is used again"


def test_memory_of_one_stream_is_used_again_at_once(runtime: CUDARuntime) -> None:
    stream = runtime.create_stream(0)
    runtime.use_stream(0, stream)
    buffer = put(runtime, 1)
    address = buffer.address
    del buffer
    assert put(runtime, 2).address == address and not stream.done()
    runtime.use_stream(0, runtime.default_stream(0))
    assert put(runtime, 3).address != address, "another stream may not have it"


@pytest.mark.parametrize("seed", range(20))
def test_random_work_on_several_streams(runtime: CUDARuntime, seed: int) -> None:
    """Buffers are written once, read by any stream, dropped at any time; none may change while it lives."""
    draw = random.Random(seed)
    device = runtime.opened(0)
    streams = [runtime.default_stream(0), *(runtime.create_stream(0) for _ in range(3))]
    alive: list[tuple[Any, int, Event]] = []
    for number in range(150):
        stream = draw.choice(streams)
        runtime.use_stream(0, stream)
        action = draw.random()
        if action < 0.3 or not alive:
            buffer, value = put(runtime, number), number
        elif action < 0.7:
            source, value, written = draw.choice(alive)
            stream.wait(written)
            buffer = runtime.allocate(0, 8)
            runtime.transfer(source, buffer)
            del source
        elif action < 0.95:
            alive.pop(draw.randrange(len(alive)))
            continue
        else:
            source, value, written = draw.choice(alive)
            stream.wait(written)
            assert get(runtime, source) == value
            continue
        written = Event(device, False)
        written.record(stream)
        alive.append((buffer, value, written))
    for buffer, value, written in alive:
        stream.wait(written)
        assert get(runtime, buffer) == value
    assert runtime.driver.free - runtime.driver.base < 150 * 512, "memory is used again"


def test_when_memory_is_short_what_other_streams_use_is_waited_for() -> None:
    runtime = CUDARuntime(SimulatedDriver(lazy=True, megabytes=1))
    reader = runtime.create_stream(0)
    large = runtime.allocate(0, 600 << 10)
    runtime.use_stream(0, reader)
    runtime.upload(large, memoryview(bytes(8)))
    del large
    runtime.use_stream(0, runtime.default_stream(0))
    assert runtime.allocate(0, 600 << 10).nbytes == 600 << 10
    with pytest.raises(MemoryError):
        runtime.allocate(0, 900 << 10)


def test_streams_serve_in_turn(runtime: CUDARuntime) -> None:
    made = [runtime.create_stream(0) for _ in range(2 * STREAMS)]
    assert len({s.handle for s in made}) == STREAMS and made[:STREAMS] == made[STREAMS:]
    assert runtime.create_stream(0, priority=-1) not in made


def test_closing_waits_for_what_is_parked(runtime: CUDARuntime) -> None:
    reader = runtime.create_stream(0)
    buffer = put(runtime, 1)
    runtime.use_stream(0, reader)
    runtime.upload(buffer, memoryview(bytes(8)))
    del buffer
    assert runtime.opened(0).parked
    device = runtime.opened(0)
    runtime.close()
    assert not device.parked
