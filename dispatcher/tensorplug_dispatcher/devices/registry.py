"""Devices: names to ``Device`` records, and the loading of the plugin behind one on its first use."""

from __future__ import annotations

import copyreg
import os
from collections.abc import Iterable, Sequence
from typing import Any, Protocol

from .. import epoch, kernels
from ..context import CONTEXT, Context
from ..errors import DeviceAbsentError, PluginError, UnknownDeviceError
from ..keys import device_words
from ..steps import Scope, swap
from ..storage import Device, Storage
from . import plugins, states
from .deadline import within
from .states import HOST_TYPE as HOST_TYPE
from .states import known as _devices

GROUP = "tensorplug.backends"


class DeviceInfo:
    """What a runtime says of one device: its index, a name for people, its memory in bytes (0: unknown),
    free text.
    """

    __slots__ = ("details", "index", "memory", "name")

    def __init__(self, index: int, name: str, memory: int = 0, details: str = "") -> None:
        self.index = index
        self.name = name
        self.memory = memory
        self.details = details

    def __repr__(self) -> str:
        return (
            f"DeviceInfo(index={self.index}, name={self.name!r}, memory={self.memory}, "
            f"details={self.details!r})"
        )


class Runtime(Protocol):
    """What a backend implements: eight methods, the whole obligation.

    Non-goals: views, promotion, broadcasting, autograd, in-place semantics; a runtime sees none of them.
    A runtime whose memory host kernels may address sets ``host = True`` and gives buffers with an integer
    ``ptr``;
    one with a pool of its own sets ``caches = True``. ``devices`` raises DeviceAbsentError with the reason
    where there is no hardware, driver or platform; any method raises DeviceLostError where the device has
    gone away.

    Optional: ``memory_info(index) -> (free, total)`` in bytes; of a pool of its own,
    ``memory_reserved(index)``, the bytes that it holds, and ``empty_cache(index) -> int``, those that it
    gives back now, what the core has let go just before included; ``properties(index)``, a mapping of
    facts; streams and events (``StreamRuntime`` in streams.py). ``survives_fork = True`` says that the
    devices work on in a forked child, which finds them lost otherwise; ``read(src, offset, dst)`` and
    ``write(dst, offset, src)`` are ``download`` and ``upload`` of a part, from a byte on.
    """

    def devices(self) -> Sequence[DeviceInfo]: ...
    def allocate(self, index: int, nbytes: int) -> Any: ...
    def upload(self, dst: Any, src: memoryview) -> None: ...
    def download(self, src: Any, dst: memoryview) -> None: ...
    def transfer(self, src: Any, dst: Any) -> bool: ...
    def bind(self, array: Any) -> Any: ...
    def synchronize(self, index: int) -> None: ...
    def close(self) -> None: ...


_lock = states.lock
_words = device_words()  # of which each device gets the next
_ghosts: dict[tuple[str, int], Device] = {}  # where tensors live that were on a device when it was lost
_runtimes: dict[str, Any] = {}
_infos: dict[str, dict[int, DeviceInfo]] = {}
MOST_DEVICES = 4096  # of one plugin


def device(spec: Any, index: int | None = None) -> Device:
    """The device called ``spec``: ``"cpu"``, ``"mirror:0"``, or a Device. A type without an index means the
    current device of that type (``use_index``), the first one where none was chosen.

    Its plugin is loaded here. Raises UnknownDeviceError (no such plugin or index) or PluginError (its plugin
    is broken, with the stored cause).
    """
    if isinstance(spec, Device):
        if spec.ready:
            return spec
        found = _devices.get((spec.type, spec.index))
        return found if found is not None and found.state != states.UNLOADED else _open(spec.type, spec.index)
    if not isinstance(spec, str):
        raise UnknownDeviceError(
            f"a device is given as 'type' or 'type:index', not as {spec!r} "
            f"({type(spec).__name__}); for instance tensorplug.device('cpu')"
        )
    kind, colon, tail = spec.partition(":")
    if colon:
        if index is not None:
            raise UnknownDeviceError(f"device {spec!r} was given with a second index {index}; give it once")
        if not tail.isdigit():
            raise UnknownDeviceError(
                f"device {spec!r} has the index {tail!r}, which is no whole number; write '{kind}:0'"
            )
        index = int(tail)
    elif index is None:
        index = current_index(kind)
    found = _devices.get((kind, index))
    return found if found is not None and found.state != states.UNLOADED else _open(kind, index)


def _open(kind: str, index: int) -> Device:
    with _lock:
        runtime = runtime_of(kind)
        infos = infos_of(kind)
        if index not in infos:
            have = ", ".join(f"{kind}:{i}" for i in sorted(infos))
            raise UnknownDeviceError(f"device {kind}:{index} does not exist; plugin {kind!r} offers: {have}")
        found = _devices.get((kind, index))
        if found is None:
            found = Device(kind, index, next(_words))
        elif found.state != states.UNLOADED:
            return found
        attach(found, runtime)
        states.set_state(found, states.READY)
        _devices[(kind, index)] = found  # last: from here on it is found as it is
        return found


def attach(found: Device, runtime: Any) -> None:
    """Put a device into the hands of a runtime, which finds nothing of an earlier one there."""
    found.forget_blocks()
    found.runtime = runtime if found.type == HOST_TYPE else states.Guard(found, runtime)
    found.host = bool(getattr(runtime, "host", False))
    found.pooled = not getattr(runtime, "caches", False)
    found.plugin = plugins.installed(GROUP).get(found.type)


def is_loaded(kind: str) -> bool:
    """Whether the plugin of a device type is loaded and in force."""
    return kind in _runtimes


def detach(kind: str) -> Any:
    """Take a device type out of force; returns its runtime, None where it was not loaded."""
    kernels.unregister(kind, kind)
    return _runtimes.pop(kind, None)


def hand_over(kind: str, runtime: Any, items: Iterable[kernels.Kernel], found: Iterable[Device]) -> None:
    """Put another runtime and its kernels into force, also for these devices, on which nothing lives."""
    kernels.exchange(kind, items, kind)
    _runtimes[kind] = runtime
    for one in found:
        attach(one, runtime)


def runtime_of(kind: str) -> Any:
    """The runtime of a device type, its plugin loaded and its kernels registered if that is not done yet."""
    with _lock:
        found = _runtimes.get(kind)
        if found is None:
            check_installed(kind)
            plugin = plugins.load(GROUP, kind)
            found = plugin.tensorplug_runtime()
            try:
                kernels.exchange(kind, plugin.tensorplug_kernels(), kind)  # twice is once
            except PluginError as error:
                plugin.record.status, plugin.record.reason = "broken", str(error)
                raise
            _runtimes[kind] = found
        return found


def check_installed(kind: str) -> None:
    """Raise UnknownDeviceError where no installed plugin offers a device type."""
    records = plugins.installed(GROUP)
    if kind not in records:
        have = ", ".join(sorted(records)) or "none"
        raise UnknownDeviceError(
            f"no installed plugin offers device type {kind!r}; installed are: {have}. Install the plugin's "
            f"package with pip, then call tensorplug.devices.rescan()"
        )


def infos_of(kind: str, runtime: Any = None) -> dict[int, DeviceInfo]:
    """What a runtime (None: the loaded one) says of its devices, by index.

    Raises DeviceAbsentError where there are none, PluginError where the runtime fails to say.
    """
    found = runtime_of(kind) if runtime is None else runtime
    record = plugins.installed(GROUP)[kind]

    def listed() -> list[DeviceInfo]:
        return _listed(found.devices())

    listed.__qualname__ = getattr(found.devices, "__qualname__", "devices")
    try:
        infos = {int(info.index): info for info in within(plugins.timeout_seconds(), listed)}
    except DeviceAbsentError as error:
        raise plugins.absent(record, str(error)) from error
    except Exception as error:
        what = str(error) if isinstance(error, _Nonsense) else f"{type(error).__name__}: {error}"
        raise PluginError(
            f"device plugin {kind!r} of {record.source} failed in devices(): {what}",
            plugin=kind,
            distribution=record.distribution,
            version=record.version,
            entry_point=record.value,
        ) from error
    if not infos:
        raise plugins.absent(record, "it found no device")
    if runtime is None:
        _infos[kind] = infos
    return infos


def whole(value: Any) -> bool:
    """Whether it is a whole number from 0 on, also one of NumPy's."""
    return hasattr(type(value), "__index__") and not isinstance(value, bool) and bool(value >= 0)


def text(value: Any) -> bool:
    return isinstance(value, str)


class _Nonsense(Exception):
    """A runtime gave what cannot be; the text says what."""


def _listed(given: Any) -> list[DeviceInfo]:
    """What a runtime's ``devices()`` gave, checked. Indices may have gaps. Raises _Nonsense."""
    try:
        items = iter(given)
    except TypeError:
        raise _Nonsense(
            f"it returned {given!r}; it must return a list of DeviceInfo, an empty one where there is none"
        ) from None
    found: dict[int, DeviceInfo] = {}
    for item in items:
        for attribute, fits in (("index", whole), ("name", text), ("memory", whole), ("details", text)):
            value = getattr(item, attribute, None)
            if not fits(value):
                raise _Nonsense(
                    f"it returned {item!r}, which has {attribute} = {value!r}; give DeviceInfo(index, name, "
                    f"memory, details): whole numbers from 0 on, and texts"
                )
        if item.index in found:
            raise _Nonsense(
                f"it returned the index {item.index} twice, for {found[item.index]!r} and {item!r}"
            )
        if len(found) >= MOST_DEVICES:
            raise _Nonsense(f"it returned more than {MOST_DEVICES} devices, and may never end")
        found[item.index] = item
    return list(found.values())


def last_infos_of(kind: str) -> dict[int, DeviceInfo]:
    """What ``infos_of`` gave last, without asking a runtime that may be lost or slow."""
    return _infos.get(kind, {})


def ghost_of(lost: Device) -> Device:
    """The device for tensors that lived on ``lost``: of the same name, and lost for good."""
    place = (lost.type, lost.index)
    found = _ghosts.get(place)
    if found is None:
        found = Device(lost.type, lost.index, next(_words))
        found.runtime = states.Guard(found, lost.runtime.runtime)
        found.plugin = lost.plugin
        _ghosts[place] = found
    states.set_state(found, states.LOST, lost.reason)
    return found


def give_up(lost: Device) -> None:
    """Set what lived on a lost device apart, so that the device may serve again: its contents are gone."""
    ghost = ghost_of(lost)
    living = lost.live_storages()
    swap(living, [Storage(ghost, storage.nbytes, _GONE) for storage in living])


_GONE = object()  # the handle of memory that was lost


def host_device() -> Device:
    """The device whose memory is the host's and whose kernels serve host fallback."""
    found = _devices.get((HOST_TYPE, 0))
    return found if found is not None else device(HOST_TYPE)


def default_device() -> Device:
    """Where tensors are made when nothing else is said: the context's device, else the CPU."""
    chosen = CONTEXT.get().default_device
    return chosen if chosen is not None else host_device()


def chosen_device() -> Device | None:
    """The default device that was chosen, by ``set_default_device``
    or ``with device(...)``; None where none was.
    """
    chosen: Device | None = CONTEXT.get().default_device
    return chosen


def current_index(kind: str) -> int:
    """Which device of a type is meant where no index is given."""
    chosen = CONTEXT.get().extra
    return 0 if chosen is None else int(chosen.get(("index", kind), 0))


def use_index(kind: str, index: int) -> int:
    """Choose, in this context, the device of a type that is meant where no index
    is given; returns the one before.
    """
    before = current_index(kind)
    if index != before:
        CONTEXT.set(with_index(CONTEXT.get(), kind, index))
    return before


def with_index(state: Context, kind: str, index: int) -> Context:
    """The context in which a type without an index means the device of this one."""
    return state.replace(extra={**(state.extra or {}), ("index", kind): index})


def use_device(spec: Any) -> Device:
    """``with use_device("mirror"):`` makes tensors there when nothing else is said; the device itself,
    which is a context manager.
    """
    return device(spec)


def set_default_device(spec: Any) -> None:
    """Creations in this context happen on ``spec`` from now on; None means the CPU."""
    CONTEXT.set(CONTEXT.get().replace(default_device=None if spec is None else device(spec)))


HOST_POLICIES = ("error", "warn", "allow")
_process_policy = os.environ.get("TENSORPLUG_HOST_FALLBACK", "error")


def host_policy(state: Context | None = None) -> str:
    """What happens to an op that a device neither has nor can decompose: ``error``, ``warn`` or ``allow``."""
    chosen = (state or CONTEXT.get()).host_policy
    return str(chosen) if chosen is not None else _process_policy


def set_host_policy(policy: str) -> None:
    """Set the host fallback policy of the process: ``error`` (the default), ``warn`` or ``allow``."""
    if policy not in HOST_POLICIES:
        raise ValueError(
            f"host fallback policy {policy!r} is unknown; choose one of {', '.join(HOST_POLICIES)}"
        )
    epoch.renew(globals(), "_process_policy", policy)


class host_fallback(Scope):
    """Context manager: the host fallback policy of the calls made inside (``error``, ``warn`` or
    ``allow``).
    """

    def __init__(self, policy: str = "allow") -> None:
        super().__init__()
        if policy not in HOST_POLICIES:
            raise ValueError(
                f"host fallback policy {policy!r} is unknown; choose one of {', '.join(HOST_POLICIES)}"
            )
        self.policy = policy

    def _changed(self, state: Context) -> Context:
        return state.replace(host_policy=self.policy)


def with_bits(bits: int) -> Device:
    """The device of a dispatch key's device bit, in whatever state."""
    return next(d for d in (*_devices.values(), *_ghosts.values()) if d.key_bits == bits)


copyreg.pickle(Device, lambda found: (device, (found.name,)))
