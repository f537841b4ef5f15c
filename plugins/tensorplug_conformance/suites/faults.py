"""S8: faults, injected by the nth call into a wrapped copy of the device.

After every fault: a typed error that names the device, no hang, every tensor either all old or all new, other
devices usable, and no memory lost.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Final

import tensorplug as tp
from tensorplug_dispatcher.errors import (
    DeviceError,
    DeviceLostError,
    KernelError,
    OutOfMemoryError,
    PluginError,
    TensorplugError,
)

from .. import facts
from ..case import PASS, Case, Result, check

SOAK: Final = {"smoke": 0, "nightly": 30, "release": 600}  # seconds
POINTS: Final = {"smoke": 4, "nightly": 40, "release": 200}


def cases(device: str, depth: str) -> Iterator[Case]:
    for name, run in {
        "out-of-memory": _out_of_memory,
        "kernel-later": _kernel_later,
        "corrupt-transfer": _corrupt,
        "slow": _slow,
        "lost-and-returned": _returned,
        "others-go-on": _others,
    }.items():
        yield Case(f"S8/{name}/float32/one", run)
    if facts.of(device)["python_add"]:  # the others return nothing that could be wrong
        yield Case("S8/wrong-result/float32/one", _wrong_result)
    from tensorplug_faults import BROKEN

    for fault in BROKEN:
        if fault != "hanging start" or depth != "smoke":  # which takes as long as one waits for a plugin
            yield Case(f"S8/broken-plugin/any/{fault.replace(' ', '-')}", partial(_broken, fault))
    yield Case("S8/unload/float32/one", _unload)
    yield Case("S8/fork/float32/one", _fork)
    for place in LOST_IN:
        yield Case(f"S8/lost-in/float32/{place}", partial(_lost_in, place))
    if SOAK[depth]:
        yield Case("S8/soak/float32/one", partial(_soak, SOAK[depth]))
    for kind in ("kernel", "lost"):
        for point in range(1, POINTS[depth] + 1):
            yield Case(f"S8/training-{kind}/float32/{point}", partial(_training, kind, point))
    for point in range(1, POINTS[depth] // 4 + 2):
        yield Case(f"S8/migration/float32/{point}", partial(_migration, point))


def _wrapped(device: str) -> tuple[str, Any]:
    """The name of a wrapped copy of the device, well again, and the module of the faults."""
    import tensorplug_faults as faults

    found: Any = tp.device(device)
    name = f"{faults.wrap(found.type)}:{found.index}"
    _heal(name)
    return name, faults


def _heal(name: str) -> None:
    """Bring a copy that an earlier case lost back into service."""
    if tp.device(name).state == "lost":
        tp.devices.reload(name.partition(":")[0])


def _sums(name: str) -> Any:
    return (tp.ones(5, device=name) * 2 + 1).cpu().tolist()


def _works(name: str) -> None:
    got = _sums(name)
    check(got == [3.0] * 5, f"{name} does not work any more: {got}")


def _raised(error_type: type[Exception], name: str, work: Callable[[], Any]) -> Exception:
    try:
        work()
    except error_type as error:
        check(name in str(error) or name in "".join(getattr(error, "__notes__", ())), f"not named: {error}")
        return error
    raise AssertionError(f"no {error_type.__name__} was raised")


def _out_of_memory(device: str) -> Result:
    name, faults = _wrapped(device)
    _works(name)
    times = 2 if tp.device(name).cached else 1  # where the core keeps memory it lets that go and asks again
    with faults.inject(name, faults.OutOfMemory(call=1, times=times)):
        _raised(OutOfMemoryError, name, lambda: tp.empty(123457, device=name))
        x = tp.ones(123457, device=name)
    check(x.sum().item() == 123457.0, "an allocation after the refusal holds other numbers")
    return Result(PASS)


def _kernel_later(device: str) -> Result:
    name, faults = _wrapped(device)
    x = tp.ones(4, device=name)
    with faults.inject(name, faults.KernelFault(call=1, later=True)):

        def work() -> None:
            (x + 1).cpu()
            tp.devices.synchronize(name)

        _raised(KernelError, name, work)
    _works(name)
    return Result(PASS)


def _corrupt(device: str) -> Result:
    """A verified move notices a bit that changed on the way, and nothing has moved."""
    name, faults = _wrapped(device)
    x = tp.arange(1000, dtype=tp.float32)
    with faults.inject(name, faults.Corrupt(call=1, place=17)):
        _raised(DeviceError, name, lambda: tp.migrate(x, name))
    check(
        x.device.type == "cpu" and x.tolist() == list(map(float, range(1000))), "the refused move changed x"
    )
    tp.migrate(x, name)
    check(x.cpu().tolist() == list(map(float, range(1000))), "the move after it changed x")
    return Result(PASS)


def _wrong_result(device: str) -> Result:
    """A kernel that hands back something of its own is caught."""
    name, faults = _wrapped(device)
    x = tp.ones(4, device=name)
    with faults.inject(name, faults.WrongResult(call=1)) as injection:
        try:
            got = (x + 1).cpu().tolist()
        except (KernelError, DeviceError):
            got = None
    check(got is None or not injection.calls or got == [2.0] * 4, f"a wrong result went through: {got}")
    _works(name)
    return Result(PASS)


def _slow(device: str) -> Result:
    name, faults = _wrapped(device)
    with faults.inject(name, faults.Slow(call=1, times=3, seconds=0.05)):
        _works(name)
    return Result(PASS)


def _returned(device: str) -> Result:
    name, faults = _wrapped(device)
    with faults.inject(name, faults.Lost(call=1)):
        error = _raised(DeviceLostError, name, lambda: _sums(name))
        check(bool(getattr(error, "device", "")), "the error names no device")
    _raised(DeviceLostError, name, lambda: _sums(name))
    _heal(name)
    _works(name)
    return Result(PASS)


def _others(device: str) -> Result:
    name, faults = _wrapped(device)
    with faults.inject(name, faults.Lost(call=1)):
        _raised(DeviceLostError, name, lambda: _sums(name))
    _works("cpu")
    _works(device)
    _heal(name)
    return Result(PASS)


def _fault(faults: Any, kind: str, point: int) -> Any:
    return faults.KernelFault(call=point) if kind == "kernel" else faults.Lost(call=point, on=None)


def _training(kind: str, point: int, device: str) -> Result:
    """The ``point``th call of training steps fails: every parameter is that of before or after a step."""
    name, faults = _wrapped(device)
    history = _history(device, 6)
    tp.manual_seed(3)
    w = tp.full((4, 3), 0.5).to(name).requires_grad_(True)
    x = (tp.arange(8, dtype=tp.float32).reshape(2, 4) / 8).to(name)
    done = 0
    try:
        with faults.inject(name, _fault(faults, kind, 3 * point)):
            for _ in range(6):
                _step(w, x)
                done += 1
    except (KernelError, DeviceLostError) as error:
        check(name in str(error), f"the error does not name the device: {error}")
    if kind == "kernel":
        now = w.detach().cpu().tolist()
        check(
            _near(now, history[done]) or _near(now, history[min(done + 1, 6)]), f"after {done} steps: {now}"
        )
        w.grad = None
        _step(w, x)
    else:
        _heal(name)
        _works(name)
    del w, x
    gc.collect()
    return Result(PASS)


def _step(w: Any, x: Any) -> None:
    ((x @ w).tanh() ** 2).mean().backward()
    with tp.no_grad():
        w -= 0.1 * w.grad
    w.grad = None


def _history(device: str, steps: int) -> list[Any]:
    w = tp.full((4, 3), 0.5).to(device).requires_grad_(True)
    x = (tp.arange(8, dtype=tp.float32).reshape(2, 4) / 8).to(device)
    found = [w.detach().cpu().tolist()]
    for _ in range(steps):
        _step(w, x)
        found.append(w.detach().cpu().tolist())
    return found


def _near(a: Any, b: Any) -> bool:
    if isinstance(a, list):
        return all(_near(x, y) for x, y in zip(a, b, strict=True))
    return abs(a - b) < 1e-5


def _migration(point: int, device: str) -> Result:
    """The ``point``th call of a move fails: everything is where it was."""
    name, faults = _wrapped(device)
    held = [tp.full((1000 + i,), float(i)) for i in range(5)]
    views = [x[10:] for x in held]
    kinds = ("allocate", "upload", "download", "transfer")
    with faults.inject(name, faults.KernelFault(call=point, on=kinds)) as injection:
        try:
            tp.migrate(held, name)
            moved = True
        except TensorplugError:
            moved = False
    struck = sum(call.kind in kinds for call in injection.calls) >= point
    check(not (moved and struck), "the fault struck and the move says that it went well")
    kind = tp.device(name).type if moved else "cpu"
    check({x.device.type for x in (*held, *views)} == {kind}, "the tensors are on several devices")
    for i, x in enumerate(held):
        check(x.cpu().tolist() == [float(i)] * (1000 + i), f"tensor {i} changed")
    return Result(PASS)


def _broken(fault: str, device: str) -> Result:
    """Beside a plugin that is broken, the device works, and the broken one says what is wrong."""
    import tensorplug_faults as faults

    name = f"broken-{list(faults.BROKEN).index(fault)}"
    with faults.install(fault, name):
        try:
            tp.ones(2, device=name)
        except (PluginError, DeviceError) as error:
            check(name in str(error), f"the error does not name the plugin: {error}")
        else:
            raise AssertionError(f"a plugin whose fault is {fault!r} was loaded")
        _works(device)
        _works("cpu")
    return Result(PASS)


def _unload(device: str) -> Result:
    """With live tensors a device is not unloaded, or they are moved first; nothing is lost."""
    name, _ = _wrapped(device)
    kind = name.partition(":")[0]
    x = tp.arange(100, dtype=tp.float32).to(name)
    view = x[::7]
    try:
        tp.devices.unload(kind)
    except DeviceError as error:
        check(name in str(error) or kind in str(error), f"the error does not name the device: {error}")
    else:
        raise AssertionError("a device with live tensors was unloaded")
    tp.devices.unload(kind, move_to="cpu")
    check(x.device.type == "cpu" == view.device.type, f"the tensors are on {x.device} and {view.device}")
    check(x.tolist() == list(map(float, range(100))), "the tensor changed")
    check(view.tolist() == list(map(float, range(0, 100, 7))), "the view changed")
    tp.devices.load(kind)
    _works(name)
    return Result(PASS)


def _fork(device: str) -> Result:
    """A forked child works or is refused by a typed error at once; the parent goes on."""
    import tensorplug_faults as faults

    _works(device)
    outcome = faults.forked(lambda: (tp.ones(3, device=device) + 1).cpu().tolist(), timeout=15.0)
    fine = outcome.status == "returned" and outcome.text == "[2.0, 2.0, 2.0]"
    refused = outcome.status == "raised" and outcome.text.startswith(("Device", "tensorplug"))
    check(fine or refused, f"in a forked child: {outcome.status}, {outcome.text}")
    _works(device)
    return Result(PASS)


def _forward(w: Any, x: Any, optimizer: Any) -> Callable[[], Any]:
    return lambda: (x @ w).tanh().sum().item()


def _backward(w: Any, x: Any, optimizer: Any) -> Callable[[], Any]:
    loss = (x @ w).tanh().sum()
    return lambda: (loss.backward(), w.grad.cpu())


def _optimizer(w: Any, x: Any, optimizer: Any) -> Callable[[], Any]:
    (x @ w).tanh().sum().backward()
    return lambda: (optimizer.step(), w.detach().cpu())


def _copied(w: Any, x: Any, optimizer: Any) -> Callable[[], Any]:
    return lambda: w.detach().clone().cpu()


LOST_IN: Final = {"forward": _forward, "backward": _backward, "optimizer": _optimizer, "copy": _copied}


def _lost_in(place: str, device: str) -> Result:
    """The device is lost in the midst of this; the error says so, others go on, and it can be had again."""
    name, faults = _wrapped(device)
    w = tp.full((4, 3), 0.5).to(name).requires_grad_(True)
    x = (tp.arange(8, dtype=tp.float32).reshape(2, 4) / 8).to(name)
    optimizer = tp.optim.SGD([w], lr=0.1)
    work = LOST_IN[place](w, x, optimizer)
    with faults.inject(name, faults.Lost(call=1, on=None)):
        error = _raised(DeviceLostError, name, work)
        check(bool(getattr(error, "op", "")), f"the error names no op: {error}")
        _works("cpu")
        _works(device)
    del w, x, optimizer, work
    gc.collect()
    _heal(name)
    _works(name)
    return Result(PASS)


def _soak(seconds: int, device: str) -> Result:
    """Training, moves, views and refused calls in turn for a while: the same numbers in every round, no
    memory lost, no errors but those that are due.
    """
    found: Any = tp.device(device)

    def once() -> list[float]:
        tp.manual_seed(5)
        model = tp.nn.Sequential(tp.nn.Linear(16, 32), tp.nn.Tanh(), tp.nn.Linear(32, 4)).to(device)
        optimizer = tp.optim.Adam(model.parameters(), lr=0.01)
        losses = []
        for step in range(8):
            data = tp.randn(5 + step, 16).to(device)
            optimizer.zero_grad()
            loss = (model(data[:, ::1])[1:] ** 2).mean()
            loss.backward()
            optimizer.step()
            if step == 3:
                model.to("cpu")
                model.to(device)
            try:
                data @ data
            except RuntimeError:
                losses.append(loss.item())
        return losses

    wanted = once()
    once()
    gc.collect()
    before, rounds, end = found.allocated, 0, time.monotonic() + seconds
    while time.monotonic() < end:
        got = once()
        check(got == wanted, f"round {rounds} gives {got}, the first gave {wanted}")
        rounds += 1
    gc.collect()
    check(found.allocated <= before, f"{found.allocated - before} bytes more in use after {rounds} rounds")
    return Result(PASS, f"{rounds} rounds in {seconds} s", data={"rounds": rounds})
