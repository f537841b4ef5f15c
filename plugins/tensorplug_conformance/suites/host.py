"""S1, the host's side of the contract: whose memory is whose, and when work is done.

``upload`` has taken the bytes when it returns; ``download`` writes what it was given and nothing else;
``synchronize`` returns when all that was called is computed, and raises what went wrong, once.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Final

import numpy as np

import tensorplug as tp
from tensorplug_dispatcher import errors
from tensorplug_dispatcher.observation import observe
from tensorplug_dispatcher.ops import F

from ..case import PASS, Case, Result, check

SIZES: Final = (1, 60, 64, 1000, 4096, 70_001, 1 << 20)
TURNS: Final = 5
LONG: Final = 0.03  # seconds that work should take, to see who waits for it


def cases(device: str, depth: str) -> Iterator[Case]:
    for nbytes in SIZES:
        yield Case(f"S1/upload-kept/any/{nbytes}", partial(_upload, nbytes))
        yield Case(f"S1/download/any/{nbytes}", partial(_download, nbytes))
    for name, run in {
        "source-overwritten": _overwritten,
        "downloads-fresh": _fresh,
        "operand-overwritten": _operand,
        "equal-numbers": _equal,
        "offsets": _offsets,
        "synchronize": _synchronize,
        "streams-done": _done,
    }.items():
        yield Case(f"S1/{name}/float32/one", run)
    for name, work in DEFERRED.items():
        yield Case(f"S1/deferred/float32/{name}", partial(_deferred, name, work))


def _parts(device: str) -> tuple[Any, int]:
    found: Any = tp.device(device)
    return found.runtime, found.index


def _pattern(nbytes: int, by: int) -> bytearray:
    return bytearray((np.arange(nbytes) * by + 3).astype(np.uint8).tobytes())


def _upload(nbytes: int, device: str) -> Result:
    """The source, which may begin at any address, is the caller's again when ``upload`` returns."""
    runtime, index = _parts(device)
    buffer = runtime.allocate(index, nbytes)
    for before in (1, 3, 0):
        source = _pattern(nbytes + before, 7)
        wanted = bytes(source[before:])
        runtime.upload(buffer, memoryview(source)[before:])
        source[:] = bytes(nbytes + before)
        runtime.synchronize(index)
        back = bytearray(nbytes)
        runtime.download(buffer, memoryview(back))
        text = f"{nbytes} bytes changed on the device when their source was written over"
        if before:
            text += f", or came from another place than {before} past a word's address"
        check(bytes(back) == wanted, text)
    back[:] = bytes(nbytes)
    runtime.download(buffer, memoryview(back))
    check(bytes(back) == wanted, f"{nbytes} bytes changed on the device when a download of them was")
    return Result(PASS)


def _download(nbytes: int, device: str) -> Result:
    """A download writes the bytes that it was given, in the midst of others, and gives the same twice."""
    runtime, index = _parts(device)
    buffer, wanted = runtime.allocate(index, nbytes), bytes(_pattern(nbytes, 11))
    runtime.upload(buffer, memoryview(wanted))
    runtime.synchronize(index)
    for before in (64, 3, 1):
        room = bytearray(b"\x5a") * (nbytes + before + 64)
        for _ in range(2):
            runtime.download(buffer, memoryview(room)[before : before + nbytes])
            check(bytes(room[before : before + nbytes]) == wanted, f"{nbytes} bytes came back changed")
        around = room[:before] + room[before + nbytes :]
        check(around == bytearray(b"\x5a") * len(around), f"a download of {nbytes} bytes wrote beyond them")
    other = bytes(_pattern(nbytes, 13))
    runtime.upload(buffer, memoryview(other))
    room = bytearray(nbytes)
    runtime.download(buffer, memoryview(room))
    check(bytes(room) == other, f"after a second upload the first {nbytes} bytes came back")
    return Result(PASS)


def _overwritten(device: str) -> Result:
    """Tensors made of host memory keep their numbers when that is written over."""
    for n in (3, 1000, 70_001):
        array = np.arange(n, dtype=np.float32)
        host = tp.from_numpy(array)
        x = tp.tensor(array, device=device) if tp.device(device).type == "cpu" else host.to(device)
        y = x + 1
        array[:] = -1
        tp.devices.synchronize(device)
        wanted = np.arange(n, dtype=np.float32)
        check((x.cpu().numpy() == wanted).all(), f"{n} numbers changed when their source was written over")
        check((y.cpu().numpy() == wanted + 1).all(), "a result changed when its operand's source was")
    return Result(PASS)


def _fresh(device: str) -> Result:
    """A download shows what the memory holds now, and is nobody else's memory."""
    x = tp.zeros(1000, device=device)
    seen = []
    for i in range(TURNS):
        x.add_(1)
        seen.append(x.clone().cpu().numpy() if tp.device(device).type == "cpu" else x.cpu().numpy())
        check((seen[i] == i + 1).all(), f"download {i} shows {seen[i][0]}, not {i + 1}")
    check(
        [float(s[-1]) for s in seen] == [1.0, 2.0, 3.0, 4.0, 5.0], "a later download changed an earlier one"
    )
    return Result(PASS)


def _equal(device: str) -> Result:
    """Tensors of equal numbers are two, of any size: one is written over and the other stays."""
    for n in (1, 2, 16, 1000):
        for number in (1.0, 0.0):
            first, second = (tp.full((n,), number).to(device) for _ in range(2))
            other = tp.from_numpy(np.full(n, number, np.float32)).to(device)
            third = first.clone()
            first.add_(3)
            for what, x in (("a tensor", second), ("an array's tensor", other), ("a copy", third)):
                seen = x.cpu().numpy()
                check((seen == number).all(), f"{what} of {n} times {number} changed with another: {seen[0]}")
    return Result(PASS)


def _operand(device: str) -> Result:
    """What was called before an operand is written over used its old numbers."""
    for n in (100, 300_000):
        x = tp.full((n,), 1.0, device=device)
        for i in range(TURNS):
            y = x * 2 + 1
            x.copy_(tp.full((n,), float(i + 2)))
            z = x * 2 + 1
            check(
                (y.cpu().numpy() == 2 * (i + 1) + 1).all() and (z.cpu().numpy() == 2 * (i + 2) + 1).all(),
                f"round {i}: a result was computed from numbers that were written later",
            )
    return Result(PASS)


def _offsets(device: str) -> Result:
    """Parts of one memory, of the same shape and strides, are each what lies at their own place."""
    x = tp.arange(60, dtype=tp.float32).reshape(6, 10).to(device)
    for turn in range(2):
        for i in (0, 3, 1, 5, 0, 2):
            wanted = [2.0 * (10 * i + j) for j in range(10)]
            check((x[i] * 2).cpu().tolist() == wanted, f"turn {turn}: row {i} of one memory is another")
            both = (x[:, i] + x[:, i + 1]).cpu()[0].item()
            check(both == 2 * i + 1, f"column {i} of one memory is another")
    for i in range(6):
        x[i].fill_(float(i))
    check(x.cpu()[:, 3].tolist() == [0.0, 1.0, 2.0, 3.0, 4.0, 5.0], "a row was written where another lies")
    return Result(PASS)


def _chain(device: str, x: Any, count: int) -> Any:
    y = x
    for _ in range(count):
        y = (y @ x) * 0.5 + x
    return y


def _synchronize(device: str) -> Result:
    """After ``synchronize`` nothing is left to wait for.

    Work is made long enough to be seen. Where reading a result after ``synchronize`` takes, in each of
    several turns, more than half of what all the work takes, the work was still going on.
    """
    runtime, index = _parts(device)
    x = tp.full((160, 160), 1.0 / 160, device=device)
    count, whole = 1, 0.0
    while whole < LONG and count < 4096:
        count *= 2
        tp.devices.synchronize(device)
        start = time.perf_counter()
        wanted = _chain(device, x, count)[0, 0].item()
        whole = time.perf_counter() - start
    late = 0
    for _ in range(TURNS):
        result = _chain(device, x, count)
        part = result[0, 0]
        runtime.synchronize(index)
        start = time.perf_counter()
        got = part.item()
        late += time.perf_counter() - start > whole / 2
        check(got == wanted, f"after synchronize a result is {got!r}, not {wanted!r}")
    check(late < TURNS, "synchronize returns while what was called is still being computed")
    return Result(PASS)


def _done(device: str) -> Result:
    """After the device was waited for, events of all its streams have come."""
    found: Any = tp.device(device)
    if not hasattr(found.runtime, "create_stream"):
        return Result(PASS, "the plugin offers no streams")
    x = tp.full((160, 160), 1.0 / 160, device=device)
    stream = tp.Stream(device)
    for _ in range(TURNS):
        with stream:
            y = _chain(device, x, 64)
            event = stream.record_event()
        tp.devices.synchronize(device)
        check(event.query(), "an event has not come after its device was waited for")
        del y
    return Result(PASS)


def _taken(device: str, index: int) -> Any:
    return tp.tensor([0, index]).to(device)


DEFERRED: Final[dict[str, Callable[[Any, str], Any]]] = {
    "gather": lambda x, d: F.gather(x, 0, _taken(d, 99)),
    "index_select": lambda x, d: F.index_select(x, 0, _taken(d, -99)),
    "scatter": lambda x, d: F.scatter(x, 0, _taken(d, 99), x[:2]),
    "scatter_add": lambda x, d: F.scatter_add(x, 0, _taken(d, 99), x[:2]),
    "embedding": lambda x, d: F.embedding(x.reshape(4, 2), _taken(d, 99), -1),
}


def _deferred(name: str, work: Callable[[Any, str], Any], device: str) -> Result:
    """An index outside raises at the latest when the device is waited for, once, and the device goes on. An
    error that comes after its call names the op, or what served it.
    """
    x = tp.arange(8, dtype=tp.float32).to(device)
    for _ in range(3):
        late, served = False, {name}
        try:
            with observe() as calls:
                work(x, device)
            late = True
            served |= {inner.op for one in calls for inner in one.every()}
            y = x + 1  # what comes after it does not hide it
            tp.devices.synchronize(device)
        except errors.IndexRangeError as error:
            named = any(op in str(error) for op in served)
            check(not late or named, f"an error of {name} came after its call and does not name it: {error}")
        else:
            raise AssertionError(f"an index outside of {name}'s operand raised nothing until synchronize")
        try:
            tp.devices.synchronize(device)
            y = x * 2
            tp.devices.synchronize(device)
        except errors.TensorplugError as error:
            raise AssertionError(f"an error that was raised is raised again: {error}") from error
        check(y.cpu().tolist() == [2.0 * i for i in range(8)], f"after an error of {name} numbers are wrong")
    return Result(PASS)
