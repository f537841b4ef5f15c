"""What can be made to fail, and when: faults count a device's calls and strike at the nth of their kind."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from tensorplug_dispatcher.errors import DeviceLostError, KernelError, UnknownDeviceError

T = TypeVar("T")
TRANSFERS = ("upload", "download", "transfer")


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a device: ``kind`` is kernel or the runtime's method, ``op`` the op's name for a kernel."""

    device: str
    kind: str
    op: str = ""

    def __str__(self) -> str:
        return f"{self.op or self.kind} on {self.device}"


@dataclass(kw_only=True, slots=True)
class Fault:
    """Strikes at the ``call``th of the calls that it counts (from 1), and at the next ``times - 1``.

    ``on``: which calls count, kinds (``"kernel"``, ``"allocate"``, ``"upload"``…) or ops' names; None: all.
    """

    call: int
    on: tuple[str, ...] | str | None = None
    times: int = 1
    seen: int = field(default=0, init=False)

    def strikes(self, call: Call) -> bool:
        """Count a call; whether this is one to fail in."""
        wanted = (self.on,) if isinstance(self.on, str) else self.on
        if wanted is not None and call.kind not in wanted and call.op not in wanted:
            return False
        self.seen += 1
        return self.call <= self.seen < self.call + self.times

    def strike(self, device: Faulty, call: Call, work: Callable[[], T]) -> T:
        """What happens in the place of ``work``."""
        raise NotImplementedError


@dataclass(kw_only=True, slots=True)
class OutOfMemory(Fault):
    """An allocation that the device refuses. Where the core's cache holds something, the core empties it and
    asks a second time, which ``times=2`` refuses too.
    """

    on: tuple[str, ...] | str | None = "allocate"

    def strike(self, device: Faulty, call: Call, work: Callable[[], T]) -> T:
        raise MemoryError(f"injected: {call.device} is out of memory")


@dataclass(kw_only=True, slots=True)
class KernelFault(Fault):
    """A kernel that fails, at once or (``later``) at the next synchronization, having computed nothing."""

    on: tuple[str, ...] | str | None = "kernel"
    later: bool = False

    def strike(self, device: Faulty, call: Call, work: Callable[[], T]) -> Any:
        error = KernelError(f"injected: {call.op or call.kind}() failed on {call.device}")
        if not self.later:
            raise error
        device.pending.append(error)


@dataclass(kw_only=True, slots=True)
class Lost(Fault):
    """The device goes away with all that is on it, and refuses every later call.

    After ``back_after`` refused calls it answers again (None: never), but its memory is gone: whatever was
    allocated before stays lost.
    """

    back_after: int | None = None

    def strike(self, device: Faulty, call: Call, work: Callable[[], T]) -> T:
        device.go_away(self.back_after)
        raise device.lost_error(call)


@dataclass(kw_only=True, slots=True)
class Slow(Fault):
    """Calls that take ``seconds`` longer."""

    seconds: float = 0.1

    def strike(self, device: Faulty, call: Call, work: Callable[[], T]) -> T:
        time.sleep(self.seconds)
        return work()


@dataclass(kw_only=True, slots=True)
class Corrupt(Fault):
    """A transfer in which the lowest bit of the byte at ``place`` (modulo the size) arrives changed."""

    on: tuple[str, ...] | str | None = TRANSFERS
    place: int = 0

    def strike(self, device: Faulty, call: Call, work: Callable[[], T]) -> T:
        device.corrupt_at = self.place
        try:
            return work()
        finally:
            device.corrupt_at = None


@dataclass(kw_only=True, slots=True)
class WrongResult(Fault):
    """A kernel that returns an array of its own, of a wrong shape and dtype,
    and leaves its outputs as they were.
    """

    on: tuple[str, ...] | str | None = "kernel"

    def strike(self, device: Faulty, call: Call, work: Callable[[], T]) -> Any:
        return bytearray(3)


class Faulty:
    """One wrapped device: which faults are injected, what they have done to it."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.injections: list[Injection] = []
        self.pending: list[Exception] = []  # errors of kernels that are told of later
        self.lost = False
        self.back_after: int | None = None
        self.generation = 0  # of memory: what was allocated before a loss is no longer there
        self.corrupt_at: int | None = None

    def run(self, call: Call, work: Callable[[], T]) -> T:
        """Do ``work``, or what the injected faults make of it."""
        struck: list[Fault] = []
        for injection in self.injections:
            injection.calls.append(call)
            struck += [fault for fault in injection.faults if fault.strikes(call)]
        if self.lost:
            self._refuse(call)
        if self.pending and call.kind in ("synchronize", *TRANSFERS):
            raise self.pending.pop(0)
        for fault in struck:
            work = _instead(fault, self, call, work)
        return work()

    def _refuse(self, call: Call) -> None:
        if self.back_after is not None:
            if self.back_after <= 0:
                self.lost = False
                return
            self.back_after -= 1
        raise self.lost_error(call)

    def go_away(self, back_after: int | None) -> None:
        self.lost = True
        self.back_after = back_after
        self.generation += 1
        self.pending.clear()

    def lost_error(self, call: Call) -> DeviceLostError:
        text = f"injected: {call.device} went away"
        return DeviceLostError(text, device=call.device, op=call.op or call.kind)

    def spoil(self, data: bytearray) -> None:
        """Change the bit that a ``Corrupt`` fault has chosen."""
        if self.corrupt_at is not None and data:
            data[self.corrupt_at % len(data)] ^= 1


def _instead(fault: Fault, device: Faulty, call: Call, work: Callable[[], T]) -> Callable[[], T]:
    return lambda: fault.strike(device, call, work)


class Injection:
    """Faults that are in force on one device; ``calls`` are those that it has seen meanwhile."""

    def __init__(self, device: Faulty, faults: tuple[Fault, ...]) -> None:
        self.device = device
        self.faults = faults
        self.calls: list[Call] = []

    def __enter__(self) -> Injection:
        for fault in self.faults:
            fault.seen = 0
        self.device.injections.append(self)
        return self

    def __exit__(self, *exc: object) -> None:
        self.device.injections.remove(self)
        if not self.device.injections:  # what the faults have left behind ends with them
            self.device.lost = False
            self.device.pending.clear()


def inject(device: Any, *faults: Fault) -> Injection:
    """Context manager: the faults are in force on a wrapped device (or its name) inside; none: count calls.

    A device that was lost answers again at the end, empty; the core keeps it in quarantine until
    ``tensorplug.devices.health`` finds it well.
    """
    from tensorplug_dispatcher.devices.registry import device as device_named

    opened = device_named(device)
    wrapped = getattr(opened.runtime, "faulty_device", None)
    if wrapped is None:
        raise UnknownDeviceError(
            f"faults cannot be injected into {opened.name}: it is not wrapped; use "
            f"tensorplug_faults.wrap({opened.type!r}), and the device 'faulty-{opened.name}' in its place"
        )
    return Injection(wrapped(opened.index), faults)
