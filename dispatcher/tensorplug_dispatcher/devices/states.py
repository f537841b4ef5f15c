"""The states of a device, and who may call it when.

``ready``: everybody. ``closing``: its storages are being moved, or its plugin unloaded or reloaded; calls in
work go to their end, new ones of other threads wait, then look again where their operands are. ``lost``: it
went away with all that was on it; every call raises DeviceLostError until it is brought back. ``unloaded``:
its plugin is gone; the name may be asked for again.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterable
from typing import Any, Final, NoReturn

import cython

from ..context import CONTEXT
from ..errors import DeviceBusyError, DeviceError, DeviceLostError, KernelError, TensorplugError
from ..keys import LAYER_MASK
from ..steps import in_context

if not cython.compiled:
    from ..storage import Device, at_work
    from ..tensor import TensorBase

READY: Final = "ready"
CLOSING: Final = "closing"
LOST: Final = "lost"
UNLOADED: Final = "unloaded"
HOST_TYPE: Final = "cpu"  # of the device whose memory is the host's

RUNTIME_METHODS: Final = ("allocate", "upload", "download", "transfer", "read", "write", "synchronize")
PATIENCE: Final = 60.0  # seconds that a call waits for a device that is closing
REST: Final = 30.0  # seconds that closing waits for calls in work
FIRST_PAUSE, LONGEST_PAUSE = 1e-4, 1e-2  # seconds between looks whether a device is at rest

lock: Final = threading.RLock()  # held by whoever opens, closes or changes devices
known: Final[dict[tuple[str, int], Device]] = {}  # by type and index; those of unloaded plugins too
_closing: list[Device] = []
_closer = 0


def opened() -> list[Device]:
    """The devices that have been used so far and whose plugin was not unloaded since."""
    return [device for device in list(known.values()) if device.state != UNLOADED]


def set_state(device: Device, state: str, reason: str = "") -> None:
    device.state = state
    device.reason = reason
    device.ready = state == READY


class closing:
    """Context manager: inside, no other thread works on these devices.

    Calls in work are waited for, new ones wait until the end of the block. A call that is part of one in work
    goes through, and so do those of this thread. Raises DeviceBusyError where a call in work does not end
    within ``REST`` seconds; then nothing has changed.
    """

    def __init__(self, devices: Iterable[Device]) -> None:
        self.devices = list(devices)
        self.closed = []
        self.held = False
        self.before = None

    def __enter__(self) -> None:
        global _closer
        try:
            self.held = lock.acquire(timeout=PATIENCE)
            _check_held(self.held, "closing a device")
            self.before = _closer
            self.closed = [device for device in self.devices if device.ready]
            _closing.extend(self.closed)
            _closer = threading.get_ident()
            for device in self.closed:
                set_state(device, CLOSING)
            _rest(self.closed)
        except BaseException:
            self.__exit__()
            raise

    def __exit__(self, *exc: Any) -> None:
        global _closer
        if not self.held:
            return
        for device in self.closed:
            if device in _closing:
                _closing.remove(device)
            if device.state == CLOSING:
                set_state(device, READY)
        self.closed = []
        if self.before is not None:
            _closer = self.before
        self.held = False
        lock.release()


def _rest(devices: list[Device]) -> None:
    end = time.monotonic() + REST
    pause = FIRST_PAUSE
    while busy := [device for device in devices if device.calls_in_work()[1]]:
        if time.monotonic() > end:
            raise DeviceBusyError(
                f"device {busy[0]} does not come to rest: after {REST:g} s {busy[0].calls_in_work()[1]} "
                f"calls of other threads are still in work on it; nothing was changed. Let them end, then "
                f"try again"
            )
        time.sleep(pause)
        pause = min(pause * 2, LONGEST_PAUSE)


class locked:
    """Context manager: no other thread opens, closes or changes devices inside."""

    def __init__(self, what: str) -> None:
        self.what = what
        self.held = False

    def __enter__(self) -> None:
        try:
            self.held = lock.acquire(timeout=PATIENCE)
            _check_held(self.held, self.what)
        except BaseException:
            self.__exit__()
            raise

    def __exit__(self, *exc: Any) -> None:
        if self.held:
            self.held = False
            lock.release()


def _check_held(held: bool, what: str) -> None:
    if not held:
        names = ", ".join([str(device) for device in _closing]) or "other devices"
        raise DeviceBusyError(
            f"{what} waited {PATIENCE:g} s for another thread that opens, moves or unloads {names}; "
            f"try again, or end that thread"
        )


def passes() -> bool:
    """Whether this thread may use devices that are closing: it closes them, or is in the midst of a call."""
    return _closer == threading.get_ident() or any(device.calls_in_work()[0] for device in _closing)


def admitted(device: Device, function: Any, args: tuple[Any, ...], outs: Any) -> bool:
    """Whether a planned call may run on a device that was not ready; else look again where its operands are.

    Waits for a device that is closing. Raises DeviceLostError, or DeviceError where the plugin was unloaded.
    """
    if device.state == CLOSING:
        if passes():
            return True
        wait(device, function.name)
        return False
    if device.ready or not _belongs(device, args, outs):
        return False
    raise unusable(device, function.name)


def _belongs(device: Device, args: tuple[Any, ...], outs: Any) -> bool:
    """Whether a call with these arguments is still one for the device: its tensors were not moved away."""
    flat: list[Any] = [*(outs or ())]
    for arg in args:
        flat.extend(arg if isinstance(arg, tuple) else (arg,))
    tensors = [arg for arg in flat if isinstance(arg, TensorBase)]
    named = [arg for arg in flat if isinstance(arg, Device)]
    if not tensors and not named:
        return True  # a creation on the default device
    return device in named or any(tensor.device is device for tensor in tensors)


def rerouted(function: Any, args: tuple[Any, ...], outs: Any) -> Any:
    """Dispatch a planned call anew, below the layers: its operands have moved since its key was made."""
    state = CONTEXT.get()
    with in_context(state.replace(excluded=state.excluded | LAYER_MASK)):
        return function.call(args) if outs is None else function.write_into(args, outs)


def wait(device: Device, op: str) -> None:
    """Wait until the device is no longer closing."""
    with locked(f"{op}() on {device}"):
        pass


def await_closing(device: Device, op: str) -> None:
    """Wait as long as the device is closing by another thread."""
    while device.state == CLOSING and not passes():
        wait(device, op)


def admit(device: Device, op: str) -> bool:
    """Wait for a device that is closing; False where it was, so that the caller looks again what is where.

    Raises DeviceLostError, or DeviceError where the plugin was unloaded.
    """
    if device.ready or (device.state == CLOSING and passes()):
        return True
    if device.state == CLOSING:
        wait(device, op)
        return False
    raise unusable(device, op)


class working:
    """Context manager: a call in work on these devices. Gives False, and there is none, where one of them was
    closing or is unloaded, so that the caller looks again what is where. Raises DeviceLostError.
    """

    def __init__(self, devices: Iterable[Device], op: str) -> None:
        self.devices = list(devices)
        self.op = op
        self.work = []

    def __enter__(self) -> bool:
        inside = passes()
        for device in self.devices:
            state = device.state  # read once: it may change from one moment to the next
            if state == LOST:
                raise unusable(device, self.op)
            if state == CLOSING and not inside:
                wait(device, self.op)
            if state == UNLOADED or (state == CLOSING and not inside):
                return False
        try:
            for device in self.devices:
                self.work.append(at_work(device))
                self.work[-1].__enter__()
            # who closes marks the device first and then looks for work, so that one of both sees the other
            if inside or all(device.ready for device in self.devices):
                return True
        except BaseException:
            self.__exit__()
            raise
        self.__exit__()
        return False

    def __exit__(self, *exc: Any) -> None:
        while self.work:
            self.work.pop().__exit__(None, None, None)


class no_migration:
    """Context manager: a move of another thread waits for the end of the block, and the block for its.

    For several calls that must find their operands on one device: a model's forward pass in one thread while
    another may move the model. Raises DeviceBusyError where a move that is going on does not end.
    """

    def __init__(self) -> None:
        self.work = []

    def __enter__(self) -> None:
        while True:
            work = working([d for d in opened() if d.state in (READY, CLOSING)], "no_migration")
            try:
                if work.__enter__():
                    self.work.append(work)
                    return
            except BaseException:
                work.__exit__()
                raise

    def __exit__(self, *exc: Any) -> None:
        self.work.pop().__exit__()


def unusable(device: Device, op: str) -> DeviceError:
    """The error of a call on a device that is lost or unloaded."""
    if device.state == LOST:
        text = f"{op}() cannot run on {device}: {device.reason}. {_after_loss(device)}"
        return DeviceLostError(text, device=device.name, op=op)
    return DeviceError(
        f"{op}() cannot run on {device}: its plugin was unloaded; "
        f"tensorplug.devices.load({device.type!r}) brings it back"
    )


def _after_loss(device: Device) -> str:
    return (
        f"What lived there is gone: restore it from a copy elsewhere. Other devices go on; "
        f"tensorplug.devices.reload({device.type!r}) brings this one back, empty, and "
        f"tensorplug.devices.unload({device.type!r}) removes it"
    )


def _after_fork() -> None:
    """In a forked child: what other threads of the parent were doing is over, as far as it got."""
    global _closer
    for device in opened():
        device.forget_other_calls()
        if device.type != HOST_TYPE and not getattr(device.runtime, "survives_fork", False):
            quarantine(
                device,
                "the process was forked, and in the child its driver no longer works; start processes with "
                "the method 'spawn', or use the device in one of both only",
            )
    if _closer == threading.get_ident():
        return
    lock._at_fork_reinit()  # type: ignore[attr-defined]
    for device in _closing:
        if device.state == CLOSING:
            set_state(device, READY)
    _closing.clear()
    _closer = 0


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


# -- losing a device -----------------------------------------------------------------------------------------


def raise_lost(device: Device, op: str, cause: DeviceLostError) -> NoReturn:
    """Quarantine the device on which ``op`` raised DeviceLostError, and raise the error that names both.

    What a call inside this one has raised already goes on unchanged.
    """
    if cause.device and cause.device != device.name:
        device = next((other for other in opened() if other.name == cause.device), device)
    if device.state == LOST and cause.op and cause.op not in RUNTIME_METHODS:
        raise cause
    if device.state != LOST:
        quarantine(device, f"it was lost in {op}(): {str(cause).rstrip('.') or 'its runtime gave no reason'}")
    raise DeviceLostError(
        f"{op}() failed on {device}{whose(device)}: {device.reason}. {_after_loss(device)}",
        device=device.name,
        op=op,
    ) from cause


def whose(device: Device) -> str:
    """The plugin of a device, in brackets, for messages."""
    record = device.plugin
    return f" (plugin {record.name!r} of {record.distribution} {record.version})" if record else ""


def raise_failed(
    device: Device, op: str, error: Exception, kind: type[TensorplugError] = KernelError
) -> NoReturn:
    """Raise what ``op`` has failed with on a device: what is no error of ours, and none of the call's own
    (an index, a division by zero, a lack of memory), as an error of this kind that names both.
    """
    if isinstance(error, DeviceLostError):
        raise_lost(device, op, error)
    if isinstance(error, (TensorplugError, IndexError, ZeroDivisionError, MemoryError)):
        try:
            raise error
        finally:
            del error  # or it would hold itself, with all that its traceback's frames hold
    raise kind(f"{op}() failed on {device}{whose(device)}: {type(error).__name__}: {error}") from error


def quarantine(device: Device, reason: str) -> None:
    """Mark a device as lost; its free memory is forgotten. What lives there raises on use.

    Takes no lock: who closes the device may be waiting for the very call that found it lost.
    """
    set_state(device, LOST, reason)
    device.forget_blocks()


class Guard:
    """A device's runtime as the core calls it.

    A method that raises DeviceLostError quarantines the device; on a device that is not ready none is called.
    ``runtime`` is the plugin's own; what else it has can be read here too.
    """

    __slots__ = ("bind", "device", "runtime")

    def __init__(self, device: Device, runtime: Any) -> None:
        self.device = device
        self.runtime = runtime
        self.bind = runtime.bind  # called with every kernel, whose plan looks after it

    def allocate(self, index: int, nbytes: int) -> Any:
        if not self.device.ready and not admit(self.device, "allocate"):
            return self.device.runtime.allocate(index, nbytes)
        handle = self.call("allocate", index, nbytes)
        pointer = getattr(handle, "ptr", None if self.device.host else 0)
        if handle is None or not hasattr(type(pointer), "__index__"):
            lacks = "" if handle is None else f", whose address 'ptr' is {pointer!r}, not a number"
            raise DeviceError(
                f"allocate({index}, {nbytes}) on {self.device}{whose(self.device)} returned {handle!r}"
                f"{lacks}; it must return the plugin's own buffer, or raise MemoryError"
            )
        return handle

    def upload(self, dst: Any, src: memoryview) -> None:
        self.call("upload", dst, src)

    def download(self, src: Any, dst: memoryview) -> None:
        self.call("download", src, dst)

    def transfer(self, src: Any, dst: Any) -> bool:
        return bool(self.call("transfer", src, dst))

    def synchronize(self, index: int) -> None:
        self.call("synchronize", index)

    def call(self, method: str, *args: Any) -> Any:
        """Call a method of the runtime, also an optional one."""
        device = self.device
        if not device.ready and not admit(device, method):
            raise DeviceBusyError(
                f"{method}() on {device} was overtaken by a move of what it works on; call it again"
            )
        try:
            return getattr(self.runtime, method)(*args)
        except Exception as error:
            raise_failed(device, method, error, DeviceError)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.runtime, name)
