"""S7: several threads on the device, memory that comes back, and when."""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Final

import tensorplug as tp
from tensorplug._streams import current_stream
from tensorplug_dispatcher.errors import DeviceError

from .. import facts
from ..case import PASS, Case, Result, check

COLLECTIONS: Final = 10  # for each repeat
DELAYS: Final = 20  # turns until the collector comes: anywhere in an allocation and what follows
REPEATS: Final = {"smoke": 20, "nightly": 200, "release": 1000}


def cases(device: str, depth: str) -> Iterator[Case]:
    n = REPEATS[depth]
    for name, work in WORK.items():
        yield Case(f"S7/threads/float32/{name}", partial(_threads, work, n))
        yield Case(f"S7/leak/float32/{name}", partial(_leak, work, n))
    yield Case("S7/leak/float32/errors", partial(_leak_of_errors, n))
    yield Case("S7/order/float32/one", partial(_order, n))
    yield Case("S7/collector/float32/allocations", partial(_collected, n))
    yield Case("S7/switch/float32/devices", partial(_two_devices, n))
    if facts.of(device)["streams"]:
        for name, run in {"order": _streams, "memory": _stream_memory, "threads": _stream_threads}.items():
            yield Case(f"S7/streams/float32/{name}", partial(run, n))
    else:
        yield Case("S7/streams/float32/refused", _no_streams)


def _no_streams(device: str) -> Result:
    """A device whose plugin offers no streams says so."""
    try:
        tp.Stream(device)
    except DeviceError as error:
        check("streams" in str(error), f"the error says nothing of streams: {error}")
        return Result(PASS, "the plugin offers no streams")
    raise AssertionError("a device without streams gave one")


def _streams(n: int, device: str) -> Result:
    """Work of a stream that waits for another's sees what that wrote;
    what was queued in one is done in order.
    """
    first, second = tp.Stream(device), tp.Stream(device)
    for i in range(n):
        x = tp.full((5000,), float(i), device=device)
        first.wait_stream(current_stream(device))
        with first:
            y = x * 2 + 1
            event = first.record_event()
        with second:
            second.wait_event(event)
            z = y - 1
        second.synchronize()
        check(
            z[::1000].cpu().tolist() == [2.0 * i] * 5, f"round {i}: a stream ran ahead of what it waited for"
        )
    return Result(PASS)


def _stream_memory(n: int, device: str) -> Result:
    """Memory that one stream still uses is not handed out to another."""
    side = tp.Stream(device)
    for i in range(n):
        x = tp.full((5000,), float(i), device=device)
        side.wait_stream(current_stream(device))
        with side:
            y = x + 1
        del x
        other = tp.full((5000,), -1.0, device=device)
        side.synchronize()
        check(y[::1000].cpu().tolist() == [i + 1.0] * 5, f"round {i}: memory was given out while it was used")
        del other
    return Result(PASS)


def _stream_threads(n: int, device: str) -> Result:
    """The current stream is a thread's own."""
    default = current_stream(device)
    with tp.Stream(device) as stream:
        seen: list[Any] = []
        thread = threading.Thread(target=lambda: seen.append(current_stream(device)))
        thread.start()
        thread.join()
        check(seen == [default], "another thread has this one's stream")
        check(current_stream(device) == stream, "the stream is not the current one inside")
    check(current_stream(device) == default, "the stream is still the current one after its end")
    return Result(PASS)


def _arithmetic(device: str, seed: int) -> Any:
    x = tp.full((64, 64), float(seed % 7), device=device)
    return ((x * 2 + 1) @ (x + 1)).sum(-1).cpu().tolist()


def _views(device: str, seed: int) -> Any:
    x = tp.arange(600, dtype=tp.float32).reshape(20, 30).to(device) + float(seed % 5)
    y = x.t()[3:, ::2].clone()
    y[1] = -1.0
    return y.cpu().tolist()


def _training(device: str, seed: int) -> Any:
    w = tp.full((8, 4), 0.1 * (seed % 3 + 1), device=device).requires_grad_(True)
    x = tp.arange(32, dtype=tp.float32).reshape(4, 8).to(device) / 32
    for _ in range(3):
        loss = ((x @ w).relu() ** 2).mean()
        loss.backward()
        with tp.no_grad():
            w -= 0.1 * w.grad
        w.grad = None
    return w.detach().cpu().tolist()


WORK: Final[dict[str, Callable[[str, int], Any]]] = {
    "arithmetic": _arithmetic,
    "views": _views,
    "training": _training,
}


def _threads(work: Callable[[str, int], Any], n: int, device: str) -> Result:
    wanted = {seed: work(device, seed) for seed in range(7)}
    wrong: list[str] = []

    def run(number: int) -> None:
        try:
            for i in range(n):
                if work(device, i + number) != work(device, (i + number) % 105):
                    wrong.append(f"thread {number}, round {i}: two runs of the same differ")
                    return
            if work(device, number % 7) != wanted[number % 7]:
                wrong.append(f"thread {number} computes something else than the main thread")
        except Exception as error:
            wrong.append(f"thread {number}: {type(error).__name__}: {error}")

    threads = [threading.Thread(target=run, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    check(not wrong, "; ".join(wrong[:3]))
    return Result(PASS)


def _leak(work: Callable[[str, int], Any], n: int, device: str) -> Result:
    found: Any = tp.device(device)
    for i in range(3):
        work(device, i)
    gc.collect()
    before = found.allocated
    for i in range(n):
        work(device, i)
    gc.collect()
    check(found.allocated == before, f"{found.allocated - before} bytes more are in use after {n} rounds")
    return Result(PASS)


def _leak_of_errors(n: int, device: str) -> Result:
    found: Any = tp.device(device)
    x, y = tp.ones(100, 3, device=device), tp.ones(7, 5, device=device)
    gc.collect()
    before = found.allocated
    for _ in range(n):
        try:
            x @ y
        except RuntimeError:
            continue
        raise AssertionError("a matmul of shapes that do not fit raised nothing")
    gc.collect()
    check(found.allocated == before, f"{found.allocated - before} bytes more are in use after {n} errors")
    return Result(PASS)


def _order(n: int, device: str) -> Result:
    """A long chain of queued work gives what it gives one by one."""
    x = tp.zeros(1000, device=device)
    for i in range(10 * n):
        x = x + float(i % 3)
    wanted = float(sum(i % 3 for i in range(10 * n)))
    check(
        x[::333].cpu().tolist() == [wanted] * 4, f"a chain of {10 * n} sums gives {x[0].item()}, not {wanted}"
    )
    return Result(PASS)


def _collected(n: int, device: str) -> Result:
    """The garbage collector frees tensors in the midst of calls: in an allocation, or wherever Python makes
    an object. What the plugin does when a buffer ends must wait for nothing that an allocation holds.
    """
    found: Any = tp.device(device)
    kept, was_on, limit = gc.get_threshold(), gc.isenabled(), found.cache_limit
    live: list[tuple[float, Any]] = []
    odd: Any = None  # an object more, so that turns come at other objects
    try:
        found.empty_cache()
        found.cache_limit = 0  # so that every buffer goes back to the plugin at once
        gc.enable()
        for i in range(COLLECTIONS * n):
            gc.set_threshold(0)
            rings: list[list[Any]] = [[tp.full((size,), 7.0, device=device)] for size in (1, 300, 5000)]
            for ring in rings:
                ring.append(ring)
            gc.collect(0)  # after which they are older, and are collected after some turns of the younger
            del rings, ring
            odd = {i} if i % 2 else None
            gc.set_threshold(1, gc.get_count()[1] + i // 2 % DELAYS, kept[2])
            live.append((i + 1.0, tp.full((1 + 37 * (i % 50),), float(i), device=device) + 1))
            if len(live) > 10:
                due, x = live.pop(0)
                got = x.cpu()
                check(
                    got.min().item() == got.max().item() == due,
                    f"round {i}: a tensor holds {got[0].item()}, not {due}, after garbage was collected",
                )
            del odd
    finally:
        gc.set_threshold(*kept)
        if not was_on:
            gc.disable()
        found.cache_limit = limit
    return Result(PASS)


def _two_devices(n: int, device: str) -> Result:
    """Numbers that go to and fro between the device and the host stay what they are."""
    x = tp.arange(777, dtype=tp.float32)
    y = x
    for _ in range(n):
        y = (y.to(device) + 1).cpu() - 1
    check(y.tolist() == x.tolist(), "numbers changed on their way to and fro")
    return Result(PASS)
