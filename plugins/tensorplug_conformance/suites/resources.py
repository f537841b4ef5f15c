"""S7, resources: what a plugin takes for itself, streams that wait for each other, and its other devices."""

from __future__ import annotations

import gc
import math
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextvars import Context
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import tensorplug as tp
from tensorplug._streams import current_stream
from tensorplug_dispatcher.boundary import lib
from tensorplug_dispatcher.errors import IndexRangeError, TensorplugError

from .. import facts
from ..case import PASS, Case, Result, check
from .host import DEFERRED

CALLS: Final = {"smoke": 1000, "nightly": 5000, "release": 20_000}
SIDE: Final = 64  # of square matrices: 16 KiB in float32
# A plugin that keeps one result or operand of each call grows by 16 KiB a call; an eighth of that is more
# than what the heap and its fragments were seen to do.
ALLOWED: Final = 2 << 10
SHAPED: Final = 18  # the logarithm of the elements of tensors in ever new shapes: 1 MiB in float32
BALLAST: Final = 128  # side of the matrices that make work long
PATIENCE: Final = 0.5  # seconds until an event is waited for that has not come
APART: Final = 0.1  # seconds between two events whose distance is asked for
STATM: Final = Path("/proc/self/statm")


def cases(device: str, depth: str) -> Iterator[Case]:
    for name, work in WORK.items():
        yield Case(f"S7/resident/float32/{name}", partial(_resident, work, CALLS[depth]))
    if depth != "smoke":
        for name in ("add", "sum", "softmax", "cast", "in-place"):
            yield Case(f"S7/resident/float32/shapes-{name}", partial(_resident_at_any_shape, WORK[name]))
        yield Case("S7/resident/float32/bad-index", partial(_resident, _bad_index, CALLS["smoke"]))
    if facts.of(device)["streams"]:
        for name, run in {**STREAMS, **({} if depth == "smoke" else MORE_STREAMS)}.items():
            yield Case(f"S7/streams/float32/{name}", run)
        yield Case("S7/second-device/float32/streams", partial(_second, _moved))
    for name, pair in {"apart": _apart, "between": _between, "together": _together}.items():
        yield Case(f"S7/second-device/float32/{name}", partial(_second, pair))


def _resident(work: Callable[[Any, str], Any], calls: int, device: str) -> Result:
    """The process stays as large, with as many threads and open files, over many calls at fixed shapes."""
    x = tp.full((SIDE, SIDE), 1.0 / SIDE, device=device)

    def run(count: int) -> tuple[tuple[int, int], int, int]:
        for _ in range(count):
            work(x, device)
        tp.devices.synchronize(device)
        gc.collect()
        return _size(), threading.active_count(), _files()

    def rounds(count: int) -> tuple[tuple[int, int], int, int]:
        return Context().run(run, count)  # where nobody notes the calls

    rounds(max(calls // 4, 50))  # so that caches and pools are full
    seen = [rounds(10), *(rounds(calls // 3) for _ in range(3))]
    steps = [(after[0], before[0]) for before, after in pairwise(seen)]
    grown = max(min(after[i] - before[i] for after, before in steps) for i in range(2))  # each time
    check(
        grown <= ALLOWED * (calls // 3),
        f"the process grows by {grown} bytes in {calls // 3} calls each time; {ALLOWED} a call are allowed",
    )
    (_, threads, files), (_, more_threads, more_files) = seen[0], seen[-1]
    check(more_threads <= threads, f"{more_threads - threads} threads more after {calls} calls")
    check(more_files <= files, f"{more_files - files} files more are open after {calls} calls")
    return Result(PASS, data={"grown": grown})


def _resident_at_any_shape(work: Callable[[Any, str], Any], device: str) -> Result:
    """The process does not grow by an operand with each new shape of as many bytes."""
    sides = [(i, j) for i in range(1, SHAPED) for j in range(1, SHAPED - i)]
    shapes: list[tuple[int, ...]] = [(1 << i, 1 << j, 1 << (SHAPED - i - j)) for i, j in sides]
    x = tp.full((1 << SHAPED,), 1.0, device=device)

    def run(chosen: list[tuple[int, ...]]) -> int:
        for shape in chosen:
            work(x.view(shape), device)
        tp.devices.synchronize(device)
        gc.collect()
        return max(_size())

    def over(chosen: list[tuple[int, ...]]) -> int:
        return Context().run(run, chosen)

    over(shapes[::8])
    begin = over(shapes[::8])
    rest = [shape for i, shape in enumerate(shapes) if i % 8]
    grown = over(rest) - begin
    check(
        grown <= len(rest) << (SHAPED - 1),
        f"the process grows by {grown} bytes over {len(rest)} new shapes of {4 << SHAPED} bytes",
    )
    return Result(PASS, data={"grown": grown})


def _size() -> tuple[int, int]:
    """Bytes of the process in memory (the most that there ever were, where the system tells no more), and
    bytes that the C library has given out, which show growth into memory that was freed before.
    """
    if STATM.exists():
        resident = int(STATM.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    else:
        import resource

        resident = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return resident, int(lib.tp_bytes_given_out())


def _files() -> int:
    folder = Path("/proc/self/fd")
    return len(os.listdir(folder)) if folder.exists() else 0


def _to_and_fro(x: Any, device: str) -> Any:
    return x.cpu().to(device) if tp.device(device).type != "cpu" else x.clone()


def _refused(x: Any, device: str) -> Any:
    try:
        return x @ x[:5]
    except (TensorplugError, RuntimeError):
        return None


def _bad_index(x: Any, device: str) -> Any:
    """A call that the kernel itself refuses, at the latest when the device is waited for."""
    try:
        y = x.gather(0, tp.full((1, SIDE), SIDE, dtype=tp.int64).to(device))
        tp.devices.synchronize(device)
        return y
    except (TensorplugError, RuntimeError):
        return None


WORK: Final[dict[str, Callable[[Any, str], Any]]] = {
    "add": lambda x, d: x + x,
    "copy": lambda x, d: x.t().contiguous(),
    "matmul": lambda x, d: x @ x,
    "sum": lambda x, d: x.sum(0),
    "softmax": lambda x, d: tp.softmax(x, -1),
    "cast": lambda x, d: x.to(tp.int32),
    "views": lambda x, d: x[3:, ::2] + 1,
    "in-place": lambda x, d: x.mul_(1),
    "sort": lambda x, d: x[:8].sort(-1),
    "index": lambda x, d: x[tp.tensor([3, 1, 2]).to(d)],
    "transfers": _to_and_fro,
    "errors": _refused,
}


def _long(x: Any, count: int) -> Any:
    for _ in range(count):
        x = (x @ x) * 0.5 + x * 0.5
    return x


def _ballast(device: str) -> Any:
    return tp.full((BALLAST, BALLAST), 1.0 / BALLAST, device=device)


def _all_are(x: Any, wanted: float, said: str) -> None:
    """Every number of a tensor is ``wanted``; ``said`` is what is wrong where one is not."""
    got = x.cpu()
    check(got.min().item() == got.max().item() == wanted, f"{got[0].item()}, not {wanted}: {said}")


def _ping_pong(device: str) -> Result:
    """Two streams that write the same memory in turn, each waiting for the other."""
    first, second = tp.Stream(device), tp.Stream(device)
    x = tp.zeros(300_000, device=device)
    ballast = _ballast(device)
    first.wait_stream(current_stream(device))
    for i in range(20):
        with first:
            _long(ballast, 8)
            x.add_(1)
            event = first.record_event()
        second.wait_event(event)
        with second:
            _long(ballast, 8)
            x.mul_(2)
            event = second.record_event()
        first.wait_event(event)
        if i % 5 == 4:
            with first:
                x.sub_(2.0**6 - 2)
    second.synchronize()
    first.synchronize()
    wanted = 0.0
    for i in range(20):
        wanted = (wanted + 1) * 2 - (2.0**6 - 2 if i % 5 == 4 else 0)
    _all_are(x, wanted, "two streams did not wait for each other")
    return Result(PASS)


def _waits(device: str) -> Result:
    """A stream, and the current one, that waits for another sees all that it was given before."""
    side = tp.Stream(device)
    ballast = _ballast(device)
    for i in range(20):
        x = tp.full((300_000,), float(i), device=device)
        side.wait_stream(current_stream(device))
        with side:
            _long(ballast, 8)
            y = x * 3
        current_stream(device).wait_stream(side)
        _all_are(y + 1, 3.0 * i + 1, f"a stream did not wait for another in round {i}")
    return Result(PASS)


def _recorded_again(device: str) -> Result:
    """An event stands for where it was recorded last."""
    first, second = tp.Stream(device), tp.Stream(device)
    ballast = _ballast(device)
    first.wait_stream(current_stream(device))
    x = tp.zeros(300_000, device=device)
    event = first.record_event()
    for i in range(1, 21):
        first.wait_stream(second)
        with first:
            _long(ballast, 8)
            x.add_(i)
            first.record_event(event)
        second.wait_event(event)
        with second:
            x.mul_(2)
    second.synchronize()
    wanted = 0.0
    for i in range(1, 21):
        wanted = (wanted + i) * 2
    _all_are(x, wanted, "an event that was recorded again was not waited for")
    return Result(PASS)


def _arrived(device: str) -> Result:
    """Once an event has come, or a stream has nothing left, what was computed before is there for all."""
    side = tp.Stream(device)
    ballast = _ballast(device)
    patience = [PATIENCE, PATIENCE]
    for i in range(20):
        x = tp.full((300_000,), float(i), device=device)
        side.wait_stream(current_stream(device))
        with side:
            _long(ballast, 8)
            y = x * 3
            event = side.record_event()
        asked, late = (event, side)[i % 2], time.monotonic() + patience[i % 2]
        while not asked.query() and time.monotonic() < late:
            pass
        if not asked.query():
            patience[i % 2] /= 4  # it may say so only when it is waited for
            asked.synchronize()
        who = ("an event", "a stream")[i % 2]  # y + 1 is the current stream's, which waits for no other
        _all_are(y + 1, 3.0 * i + 1, f"{who} said too early that its work is done, in round {i}")
        side.synchronize()
    return Result(PASS)


def _errors(device: str) -> Result:
    """An index outside, in work of a stream, raises at the latest when the device is waited for."""
    side = tp.Stream(device)
    for name, work in DEFERRED.items():
        x = tp.arange(8, dtype=tp.float32).to(device)
        side.wait_stream(current_stream(device))
        try:
            with side:
                work(x, device)
            tp.devices.synchronize(device)
        except IndexRangeError:
            continue
        raise AssertionError(f"{name} on a stream: an index outside raised nothing until synchronize")
    return Result(PASS)


def _side_by_side(device: str) -> Result:
    """What two streams compute at the same time stays apart, whatever an op keeps beside its result."""
    streams = tp.Stream(device), tp.Stream(device)
    for name, (work, shape) in SCRATCH.items():
        count = math.prod(shape)
        numbers = tp.arange(count) * 7 % 97, tp.arange(count) * 31 % 53
        operands = [x.to(tp.float32).reshape(shape).to(device) for x in numbers]
        wanted = [work(x).cpu() for x in operands]
        tp.devices.synchronize(device)
        for i in range(4):
            found = []
            for stream, x in zip(streams, operands, strict=True):
                with stream:
                    found.append(work(x))
            for stream in streams[:: (1, -1)[i % 2]]:
                stream.synchronize()
            for number, (y, due) in enumerate(zip(found, wanted, strict=True)):
                text = f"round {i}: {name} on stream {number + 1} of two differs from what it gives alone"
                check(bool(tp.allclose(y.cpu(), due, 1e-4)), text)
    return Result(PASS)


SCRATCH: Final[dict[str, tuple[Callable[[Any], Any], tuple[int, ...]]]] = {
    "sum": (lambda x: x.sum(), (300_000,)),
    "rows": (lambda x: x.sum(-1), (5, 60_000)),
    "amax": (lambda x: x.amax(), (300_000,)),
    "argmax": (lambda x: x.argmax(), (300_000,)),
    "cumsum": (lambda x: x.cumsum(0), (70_000,)),
    "softmax": (lambda x: tp.softmax(x, -1), (5, 20_000)),
    "norm": (lambda x: tp.nn.functional.layer_norm(x, (20_000,)), (5, 20_000)),
    "sort": (lambda x: x.sort(-1)[0], (20_000,)),
    "topk": (lambda x: x.topk(50)[0], (20_000,)),
    "matmul": (lambda x: x @ x.t(), (33, 4_000)),
    "conv2d": (lambda x: tp.nn.functional.conv2d(x, x[:3, :, :3, :3]), (4, 8, 30, 31)),
    "index": (lambda x: x[x > 30.0], (20_000,)),
    "dot": (lambda x: x.dot(x), (70_000,)),
}


def _elapsed(device: str) -> Result:
    """The time between two events is told in milliseconds."""
    begin, end = tp.Event(device, enable_timing=True), tp.Event(device, enable_timing=True)
    tp.devices.synchronize(device)
    start = time.perf_counter()
    begin.record()
    begin.synchronize()
    time.sleep(APART)
    end.record()
    end.synchronize()
    passed, told = 1e3 * (time.perf_counter() - start), begin.elapsed_time(end)
    text = f"elapsed_time() tells {told:.3f} ms of two events that lie {passed:.3f} ms apart"
    check(500 * APART <= told <= 1.5 * passed, text)
    return Result(PASS)


def _of_another_thread(device: str) -> Result:
    """A device that is waited for has done what any thread has given it, on any stream."""
    ballast = _ballast(device)
    for _ in range(4):
        found: list[Any] = []

        def work(found: list[Any] = found) -> None:
            stream = tp.Stream(device)
            with stream:
                found.extend((stream, _long(ballast, 64), tp.full((70_000,), 2.0, device=device) * 3))

        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
        tp.devices.synchronize(device)
        check(found[0].query(), "a stream of another thread has work to do after the device was waited for")
        _all_are(found[2], 6.0, "another thread's work is not done after the device was waited for")
    return Result(PASS)


MORE_STREAMS: Final[dict[str, Callable[[str], Result]]] = {
    "elapsed": _elapsed,
    "another-thread": _of_another_thread,
}
STREAMS: Final[dict[str, Callable[[str], Result]]] = {
    "ping-pong": _ping_pong,
    "waits": _waits,
    "again": _recorded_again,
    "arrived": _arrived,
    "side-by-side": _side_by_side,
    "errors": _errors,
}


def _moved(here: str, there: str) -> None:
    """What moves to another device is what the current stream of the first was given before."""
    for first, second in ((here, there), (there, here)):
        side = tp.Stream(first)
        ballast = _ballast(first)
        for i in range(10):
            x = tp.full((300_000,), float(i), device=first)
            side.wait_stream(current_stream(first))
            with side:
                _long(ballast, 8)
                y = x * 3
                z = y.to(second)
            _all_are(z, 3.0 * i, f"came from a stream of {first} to {second} in round {i}")
            del y  # memory that was copied from is given out once
            fresh = [tp.full((300_000,), float(k), device=first) for k in range(8)]
            for k, one in enumerate(fresh):
                text = f"round {i}: memory of {first} is two tensors', after what was there moved to {second}"
                check(one[::1000].cpu().tolist() == [float(k)] * 300, text)
            with side:
                _long(ballast, 8)
                y = x * 5
            tp.devices.synchronize(first)
            text = f"after synchronize({first!r}) a stream of it is not done in round {i}"
            _all_are(y + 1, 5.0 * i + 1, text)  # by the current stream, which did not wait


def _second(run: Callable[[str, str], None], device: str) -> Result:
    found: Any = tp.device(device)
    others = [i.index for i in found.runtime.devices() if i.index != found.index]
    if not others:
        return Result(PASS, "the plugin has one device")
    run(f"{found.type}:{found.index}", f"{found.type}:{others[0]}")
    return Result(PASS)


def _apart(here: str, there: str) -> None:
    """Memory of two devices is not each other's, and each counts its own."""
    first: Any = tp.device(here)
    before = first.allocated
    x = [tp.full((1000,), float(i), device=there if i % 2 else here) for i in range(40)]
    check(first.allocated - before <= 20 * 8192, "what the second device holds is counted for the first")
    for i, t in enumerate(x):
        check(t.device == tp.device(there if i % 2 else here), f"tensor {i} is on {t.device}")
        t.add_(1)
    for i, t in enumerate(x):
        check(t.cpu().tolist() == [i + 1.0] * 1000, f"tensor {i} of two devices holds another's numbers")


def _between(here: str, there: str) -> None:
    """Numbers move from one to the other, whole and as views, and stay where they were."""
    for shape in ((7,), (33, 65), (25_001,), (300, 1001)):  # also one that no block is rounded up from
        x = tp.arange(shape[0] * (shape[1] if len(shape) > 1 else 1), dtype=tp.float32).reshape(shape)
        a = x.to(here)
        for where in (there, here):  # memory that was read from, and is given out again for what moves
            tp.full(shape, -1.0, device=where).cpu()
        b = a.to(there)
        a.zero_()
        check(bool((b.cpu() == x).all()), f"{list(shape)} changed from {here} to {there}")
        tp.full(shape, -1.0, device=here).cpu()
        check(bool((b.to(here).cpu() == x).all()), f"{list(shape)} changed from {there} to {here}")
        c = b.t().to(here) if len(shape) > 1 else b[::2].to(here)
        due = x.t() if len(shape) > 1 else x[::2]
        check(bool((c.cpu() == due).all()), f"a view of {list(shape)} changed from {there} to {here}")
        a.copy_(b)
        check(bool((a.cpu() == x).all()), f"copy_ of {list(shape)} from {there} to {here} is wrong")
        b.mul_(2)
        a.copy_(b)
        text = f"copy_ of {list(shape)} from {there} to {here} is wrong after {here} was read"
        check(bool((a.cpu() == 2 * x).all()), text)


def _together(here: str, there: str) -> None:
    """The same calls in turn on both give each its own results."""
    a, b = (tp.full((64, 64), value, device=d) for value, d in ((1.0 / 64, here), (2.0 / 64, there)))
    for i in range(10):
        x, y = (a @ a) * 2 + i, (b @ b) * 2 + i
        check(
            x.device == a.device and y.device == b.device, "a result is on another device than its operands"
        )
        got, other = x.cpu(), y.cpu()
        check(bool((got == 2.0 / 64 + i).all()), f"round {i}: {here} gives {got[0, 0].item()}")
        check(bool((other == 8.0 / 64 + i).all()), f"round {i}: {there} gives {other[0, 0].item()}")
    try:
        a + b
    except (TensorplugError, RuntimeError):
        return
    raise AssertionError("a sum of tensors on two devices raised nothing")
