"""How devices come and go: which there are, load, unload, reload, and whether one is well.

Whatever changes a device holds ``states.lock`` and closes the device meanwhile, so that calls of other
threads wait and then find their operands where they are. A change happens as a whole or not at all.
"""

from __future__ import annotations

import gc
import hashlib
import itertools
import time
import warnings
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from .. import epoch, kernels
from ..call import F
from ..dtypes import uint8
from ..errors import (
    DeviceAbsentError,
    DeviceError,
    DeviceInUseError,
    DeviceLostError,
    PluginError,
    UnknownDeviceError,
)
from ..layout import strided
from ..request import LAYOUTS_ONLY
from ..steps import carry_through
from ..storage import Device, Storage
from ..tensor import TensorBase, from_storage
from ..writing import host_bytes
from . import plugins, states
from . import registry as devices
from .deadline import within
from .migration import migrate_storages
from .registry import GROUP, HOST_TYPE
from .states import CLOSING, LOST, READY, UNLOADED

OPTIONAL: Final = ("memory_info", "empty_cache", "create_stream")  # methods that a runtime may have


@dataclass(frozen=True, slots=True)
class DeviceRecord:
    """A device, or an installed plugin whose devices are not known.

    ``state``: installed (never used), loaded (its plugin is, the device is not used yet), ready, closing,
    lost, absent, broken, hanging, too-old, too-new or duplicate; ``reason`` says why it cannot be used.
    ``api`` is the plugin API that the plugin was written for, ``memory`` the device's bytes (0: unknown),
    ``allocated`` those in use, ``native`` how many ops it runs itself, ``dtypes`` for how many of them it
    takes each dtype, ``features`` what else its runtime can do, ``notes`` what the plugin offers and is not
    used, and whether it was uninstalled since.
    """

    name: str
    type: str
    state: str
    reason: str
    distribution: str
    version: str
    api: str
    title: str = ""
    details: str = ""
    memory: int = 0
    allocated: int = 0
    native: int = 0
    dtypes: tuple[tuple[str, int], ...] = ()
    features: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Health:
    """What ``health`` found: ``state`` is ready, lost, hanging or wrong,
    ``reason`` says why it is not ready (or was not).

    ``seconds`` is the time that ``nbytes`` took to the device, over it and back.
    """

    device: str
    state: str
    reason: str
    seconds: float
    nbytes: int

    def __bool__(self) -> bool:
        return self.state == READY

    def __str__(self) -> str:
        speed = f"{self.nbytes} bytes there and back in {self.seconds * 1e3:.3g} ms" if self.seconds else ""
        return f"{self.device}: {self.state}; " + "; ".join(filter(None, (self.reason, speed)))


# -- what there is -------------------------------------------------------------------------------------------


def records(load: bool = False) -> list[DeviceRecord]:
    """Every device of every installed plugin. Without ``load`` no plugin is imported."""
    plugins.marked()
    found: list[DeviceRecord] = []
    for kind in sorted(plugins.installed(GROUP)):
        found.extend(records_of(kind, load))
    return found


def records_of(kind: str, load: bool = False) -> list[DeviceRecord]:
    """The devices of one plugin."""
    failure: Exception | None = None
    infos: dict[int, devices.DeviceInfo] = {}
    if load or devices.is_loaded(kind):
        try:
            infos = devices.infos_of(kind)
        except (DeviceError, PluginError) as error:
            failure = error
    opened = {device.index: device for device in states.opened() if device.type == kind}
    if opened and not infos:  # they are in use; their runtime does not answer now
        infos = devices.last_infos_of(kind)
    record = plugins.installed(GROUP)[kind]
    plugin: dict[str, Any] = {
        "type": kind,
        "distribution": record.distribution,
        "version": record.version,
        "api": "" if record.api is None else f"{record.api[0]}.{record.api[1]}",
        "notes": record.remarks,
    }
    if not infos:
        state, reason = record.status, record.reason
        if failure is not None and state in ("loaded", "installed"):
            state = "absent" if isinstance(failure, DeviceAbsentError) else "broken"
            reason = _why(failure)
        return [DeviceRecord(name=kind, state=state, reason=reason, **plugin)]
    capabilities = _capabilities(kind)
    trouble = "" if failure is None else _why(failure)
    return [
        DeviceRecord(
            name=kind if kind == HOST_TYPE else f"{kind}:{index}",
            state=opened[index].state if index in opened else "loaded",
            reason=(opened[index].reason if index in opened else "") or trouble,
            title=info.name,
            details=info.details,
            memory=info.memory,
            allocated=opened[index].allocated if index in opened else 0,
            **plugin,
            **capabilities,
        )
        for index, info in sorted(infos.items())
    ]


def _why(failure: Exception) -> str:
    """The cause of an error in its own words, where it has one."""
    cause = failure.__cause__
    return str(failure if cause is None or not str(cause) else cause)


def _capabilities(kind: str) -> dict[str, Any]:
    native = kernels.native_ops(kind)
    counts: dict[str, int] = {}
    for found in native.values():
        for dtype in kernels.ALL_DTYPES:
            if any(kernels.takes(one, dtype) for one in found):
                counts[dtype.name] = counts.get(dtype.name, 0) + 1
    runtime = devices.runtime_of(kind)
    features = [name for name in OPTIONAL if callable(getattr(runtime, name, None))]
    features += [name for name in ("host", "caches") if getattr(runtime, name, False)]
    dtypes = tuple(sorted(counts.items(), key=lambda item: (-item[1], item[0])))
    return {"native": len(native), "dtypes": dtypes, "features": tuple(features)}


def rescan() -> list[str]:
    """Look again for installed plugins; returns the device types that are new.
    What had failed may be tried again.
    """
    before = set(plugins.installed(GROUP))
    plugins.rescan()
    return sorted(set(plugins.installed(GROUP)) - before)


# -- coming and going ----------------------------------------------------------------------------------------


def load(name: str) -> list[DeviceRecord]:
    """Load the plugin of a device type (``"mirror"``) and open its devices, or only one (``"mirror:0"``).

    What had failed or was absent is tried again. Raises UnknownDeviceError, DeviceAbsentError or PluginError.
    """
    kind, colon, _ = name.partition(":")
    with states.locked(f"load({name!r})"):
        devices.check_installed(kind)
        plugins.retry(GROUP, kind)
        names = [name] if colon else [f"{kind}:{index}" for index in sorted(devices.infos_of(kind))]
        for one in names:
            devices.device(one)
        return records_of(kind)


def unload(name: str, move_to: Any = None) -> None:
    """Unload the plugin of a device type; its name may be used again, which loads it anew.

    Tensors that live on its devices are moved to the device ``move_to`` and stay the same objects; without it
    they are a DeviceInUseError that counts them. On failure the plugin and its tensors are as before. Tensors
    on a lost device stay lost.
    """
    kind = _kind(name, "unload")
    with states.locked(f"unload({name!r})"):
        devices.check_installed(kind)
        target = None if move_to is None else devices.device(move_to)
        if target is not None and target.type == kind:
            raise DeviceError(
                f"unload({kind!r}, move_to={str(target)!r}): the tensors would stay on devices of the same "
                f"plugin; name a device of another one, for instance 'cpu'"
            )
        here = [device for device in states.opened() if device.type == kind]
        runtime = devices.runtime_of(kind) if devices.is_loaded(kind) else None
        with states.closing(here):
            homes = {} if target is None else _homes(here)
            try:
                _clear(kind, here, target)
                carry_through(_take_out, kind, here)
            except BaseException:
                if devices.is_loaded(kind):
                    carry_through(_bring_home, homes)
                raise
        if runtime is not None:
            _close(kind, runtime)


def _homes(here: Iterable[Device]) -> dict[Device, list[Storage]]:
    return {device: device.live_storages() for device in here if device.state != LOST}


def _bring_home(homes: dict[Device, list[Storage]]) -> None:
    for device, living in homes.items():
        migrate_storages(living, device)


def _take_out(kind: str, here: Iterable[Device]) -> None:
    """Take a plugin on whose devices nothing lives out of force; may be called again."""
    for device in here:
        if device.state == LOST:
            devices.give_up(device)
        device.forget_blocks()
        states.set_state(device, UNLOADED)
    plugins.forget(GROUP, kind)
    devices.detach(kind)


def _clear(kind: str, here: list[Device], target: Device | None) -> None:
    """Move all that lives on these devices (unless they are lost) to ``target``."""
    living = _living(here)
    if living and target is None:
        living = []  # or they would be held here
        gc.collect()
        living = _living(here)
        if living:
            raise _in_use(kind, living)
    if living:
        assert target is not None
        migrate_storages(living, target)


def _living(here: Iterable[Device]) -> list[Storage]:
    return [storage for device in here if device.state != LOST for storage in device.live_storages()]


def _in_use(kind: str, living: list[Storage]) -> DeviceInUseError:
    own = set(map(id, living))
    # type(), because isinstance() runs the code of strangers whose __class__ is a property
    tensors = sum(issubclass(type(x), TensorBase) and id(x.storage) in own for x in gc.get_objects())
    nbytes = sum(storage.nbytes for storage in living)
    where = sorted({storage.device.name for storage in living})
    return DeviceInUseError(
        f"device type {kind!r} cannot be unloaded: {_counted(tensors, 'tensor')} in "
        f"{_counted(len(living), 'storage')} of {nbytes} bytes live on {', '.join(where)}. Move them with "
        f"tensorplug.devices.unload({kind!r}, move_to='cpu'), or drop them first",
        tensors=tensors,
        storages=len(living),
        nbytes=nbytes,
    )


def _counted(count: int, word: str) -> str:
    return f"{count} {word}" + ("" if count == 1 else "s")


def _kind(name: str, what: str) -> str:
    if not isinstance(name, str) or ":" in name or name == "":
        raise UnknownDeviceError(
            f"{what}() takes a device type, for instance 'mirror', not {str(name)!r}: a plugin comes and "
            f"goes with all its devices"
        )
    if name == HOST_TYPE:
        raise DeviceError(
            f"{what}({name!r}): the host's memory is where transfers pass and results are read; its plugin "
            f"stays"
        )
    return name


def _close(kind: str, runtime: Any) -> None:
    try:
        runtime.close()
    except Exception as error:
        warnings.warn(
            f"the runtime of device type {kind!r} failed in close(), and is gone all the same: "
            f"{type(error).__name__}: {error}",
            RuntimeWarning,
            stacklevel=4,
        )


def reload(name: str, timeout: float | None = None) -> list[DeviceRecord]:
    """Import a plugin again from its files, and put it in the place of the loaded one.

    Tensors that live on its devices pass through host memory and stay the same objects; those on a lost
    device stay lost, and the device is ready again. On failure (PluginError, DeviceAbsentError, whatever a
    device raises) the old plugin stays in force, with everything that lives there. Modules of the plugin's
    own package are imported anew, extension modules and other packages are not. ``timeout`` in seconds is
    the plugin's to load in.
    """
    kind = _kind(name, "reload")
    with states.locked(f"reload({name!r})"):
        devices.check_installed(kind)
        if not devices.is_loaded(kind):
            plugins.retry(GROUP, kind)
            devices.infos_of(kind)
            return records_of(kind)
        try:
            old = devices.runtime_of(kind)
            fresh = plugins.Replacement(GROUP, kind, timeout)
            try:
                _exchange(kind, fresh)
            except BaseException:
                if devices.runtime_of(kind) is old:
                    carry_through(fresh.undo)
                raise
        except BaseException as error:
            if devices.runtime_of(kind) is old:
                error.add_note(f"The plugin {kind!r} that was loaded before stays in force.")
            else:
                error.add_note(f"The plugin {kind!r} as it is now is in force.")
                _close(kind, old)
            raise
        _close(kind, old)
        return records_of(kind)


def _exchange(kind: str, fresh: plugins.Replacement) -> None:
    """Put a plugin in the place of the one in force, its tensors in its memory."""
    runtime = fresh.plugin.tensorplug_runtime()
    infos = devices.infos_of(kind, runtime)
    here = [device for device in states.opened() if device.type == kind]
    host = devices.host_device()
    old_runtime, old_kernels = devices.runtime_of(kind), kernels.registered(kind, kind)
    with states.closing([*here, host]):  # also the host: for a while the tensors are there
        homes = {device: device.live_storages() for device in here if device.state == CLOSING}
        for device, living in homes.items():
            if living and device.index not in infos:
                raise PluginError(
                    f"the plugin {kind!r} as it is now no longer offers {device}, where "
                    f"{_counted(len(living), 'storage')} of {sum(s.nbytes for s in living)} bytes live",
                    plugin=kind,
                )
        handed = settled = False
        try:
            migrate_storages(itertools.chain(*homes.values()), host)
            handed = True
            devices.hand_over(kind, runtime, fresh.plugin.tensorplug_kernels(), homes)
            _bring_home(homes)
            settled = True  # what follows is carried through
            carry_through(_settle, fresh, here, infos, runtime)
        except BaseException as error:
            if not settled:
                try:
                    if handed:
                        carry_through(_put_old_back, kind, homes, host, old_runtime, old_kernels)
                    else:
                        carry_through(_bring_home, homes)
                except Exception as second:
                    error.add_note(
                        f"What lived there could not all be put back and is in host memory: {second}"
                    )
            raise


def _put_old_back(
    kind: str, homes: dict[Device, list[Storage]], host: Device, runtime: Any, old: list[kernels.Kernel]
) -> None:
    """Put the old runtime and its kernels into force again, and what lived there home."""
    migrate_storages([s for s in itertools.chain(*homes.values()) if s.device.state != LOST], host)
    devices.hand_over(kind, runtime, old, homes)
    for device, living in homes.items():
        states.set_state(device, CLOSING)  # what the new plugin has lost, the old one may have
        migrate_storages(living, device)


def _settle(fresh: plugins.Replacement, here: list[Device], infos: Any, runtime: Any) -> None:
    """Make the records of the devices those of the new plugin; may be called again."""
    fresh.commit()
    for device in here:
        device.plugin = fresh.record
        if device.index not in infos:
            states.set_state(device, UNLOADED)
        elif device.state == LOST:
            devices.give_up(device)
            devices.attach(device, runtime)
            states.set_state(device, READY)


# -- how one is ----------------------------------------------------------------------------------------------


def memory(device: Device) -> dict[str, int]:
    """Bytes in use, the most so far, bytes cached, how often memory was asked for; ``total`` and ``free`` of
    the device as far as its runtime tells (else 0).
    """
    found = {
        "allocated": device.allocated,
        "peak": device.peak,
        "cached": device.cached,
        "allocations": device.allocations,
        "total": 0,
        "free": 0,
    }
    if device.state != UNLOADED:
        tell = getattr(device.runtime, "memory_info", None)
        if tell is not None:
            found["free"], found["total"] = _told(device, "memory_info", tell, 2)
        else:
            found["total"] = devices.last_infos_of(device.type)[device.index].memory
    return found


def empty_cache(device: Device) -> int:
    """Give free memory that is kept for later back to the device; returns how many bytes that were."""
    released = device.empty_cache()
    own = getattr(device.runtime, "empty_cache", None)
    return released if own is None else _told(device, "empty_cache", own, 1)[0]  # which ours went through


def _told(device: Device, method: str, tell: Any, count: int) -> list[int]:
    """The ``count`` numbers of bytes that a method of a runtime tells. Raises DeviceError for others."""
    try:
        given = tell(device.index)
    except Exception as error:
        states.raise_failed(device, method, error, DeviceError)
    numbers = given if isinstance(given, (tuple, list)) else (given,) if given is not None else (0,)
    if len(numbers) != count or not all(map(devices.whole, numbers)):
        wanted = "a number" if count == 1 else "(free, total)"
        raise DeviceError(
            f"{method}({device.index}) on {device}{states.whose(device)} returned {given!r}; it must return "
            f"{wanted} of bytes"
        )
    return [int(number) for number in numbers]


def health(device: Device, nbytes: int = 1 << 20, timeout: float = 30.0) -> Health:
    """Send ``nbytes`` to the device, copy them there, fetch them back and compare; then run its copy kernel.

    A device that turns out to be lost is quarantined; one that was lost and passes is ready again, empty.
    Nothing is raised: the outcome says what was wrong. ``timeout`` in seconds is for the whole.
    """
    runtime = device.runtime.runtime if isinstance(device.runtime, states.Guard) else device.runtime
    was_lost = device.state == LOST
    seconds, state, reason = 0.0, READY, ""
    if device.state == UNLOADED:
        return Health(device.name, UNLOADED, "its plugin was unloaded", 0.0, nbytes)
    if device.type == LAYOUTS_ONLY:
        return Health(device.name, READY, "it holds layouts and no data", 0.0, 0)
    try:
        seconds = within(timeout, _there_and_back, runtime, device.index, nbytes)
        if device.ready:
            within(timeout, _copied, device)
    except TimeoutError:
        state, reason = "hanging", f"it had not answered after {timeout:g} s"
    except DeviceLostError as error:
        state, reason = LOST, str(error)
        if device.ready:
            states.quarantine(device, f"it was lost in health(): {reason}")
    except _Difference as error:
        state, reason = "wrong", str(error)
    except Exception as error:
        state, reason = "wrong", f"{type(error).__name__}: {error}"
    if was_lost and state == READY:
        _returned(device)
        reason = "it was lost and has returned, empty"
    return Health(device.name, state, reason, seconds, nbytes)


class _Difference(Exception):
    """Bytes came back changed."""


def _returned(device: Device) -> None:
    with states.locked("health()"):
        if device.state == LOST:
            devices.give_up(device)
            device.forget_blocks()
            states.set_state(device, READY)
            epoch.invalidate()


def _there_and_back(runtime: Any, index: int, nbytes: int) -> float:
    sent = hashlib.shake_128(b"tensorplug").digest(nbytes)
    returned = bytearray(nbytes)
    first, second = runtime.allocate(index, nbytes), runtime.allocate(index, nbytes)
    began = time.perf_counter()
    runtime.upload(first, memoryview(sent))
    copied = runtime.transfer(first, second)
    runtime.synchronize(index)
    runtime.download(second if copied else first, memoryview(returned))
    seconds = time.perf_counter() - began
    _compare(sent, returned, "went there and back")
    return seconds


def _copied(device: Device) -> None:
    """Check the copy kernel on a transposed matrix."""
    side = 64
    sent = hashlib.shake_128(b"tensorplug").digest(side * side)
    storage = Storage(device, len(sent))
    device.runtime.upload(storage.handle, memoryview(sent))
    tensor = from_storage(storage, strided((side, side), (1, side), uint8))
    copy = F.to_device(F.copy(tensor), devices.host_device())
    wanted = b"".join(sent[i::side] for i in range(side))
    _compare(wanted, host_bytes(copy), "were copied by its kernel")


def _compare(sent: bytes, returned: Any, how: str) -> None:
    if bytes(returned) != sent:
        raise _Difference(
            f"{len(sent)} bytes that {how} came back changed: their CRC-32 was {zlib.crc32(sent):08x} and is "
            f"now {zlib.crc32(bytes(returned)):08x}"
        )
