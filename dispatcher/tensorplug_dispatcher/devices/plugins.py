"""Which plugins are installed, and how one is loaded in a guard.

Plugins are found in the metadata of installed distributions (entry-point groups ``tensorplug.backends`` and
``tensorplug.layers``); nothing of theirs is imported until ``load``. A plugin that raises, hangs, speaks
another API version or breaks the contract of its hooks is marked so, and ``load`` says why; nothing else is
affected. (A plugin that crashes the process in native code is beyond this guard.)

Two distributions may claim one name. If one is tensorplug itself, it keeps the name and the other is refused
with a warning when the name is used; otherwise the name is unavailable until one of them is uninstalled.
Which distribution came first on the path never decides.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from ..autocast import DEFAULT
from ..contracts import API_ATTRIBUTE, DoorError
from ..errors import DeviceAbsentError, PluginError, TensorplugError
from . import discovery
from .discovery import FIRST_PARTY, GROUPS, PluginRecord
from .features import Agreement, NegotiationError, Without, agreed, missing_attributes

CORE: Final = ("tensorplug", "tensorplug_dispatcher")  # no plugin takes these packages along
DEFAULT_TIMEOUT: Final = 30.0
ENDING: Final = 1.0  # seconds that a load that hangs may take to end


@dataclass(frozen=True, slots=True)
class Plugin:
    """A loaded plugin: its module (or object), and its hooks; each was called once and gives that result."""

    record: PluginRecord
    module: object
    results: Mapping[str, Any]

    def tensorplug_runtime(self) -> Any:
        """The backend's Runtime, None for a layers plugin."""
        return self.results.get("tensorplug_runtime")

    def tensorplug_kernels(self) -> tuple[Any, ...]:
        return tuple(self.results.get("tensorplug_kernels", ()))

    def tensorplug_layers(self) -> tuple[Any, ...]:
        return tuple(self.results.get("tensorplug_layers", ()))

    def tensorplug_autocast(self) -> Any:
        """The plugin's ``Autocast`` record, the default one where it gives none."""
        return self.results.get("tensorplug_autocast", DEFAULT)

    def tensorplug_manifest(self) -> dict[str, Any]:
        return dict(self.results.get("tensorplug_manifest", {}))


_lock: Final = threading.RLock()
_found: dict[str, dict[str, PluginRecord]] | None = None


def installed(group: str) -> Mapping[str, PluginRecord]:
    """The plugins of a group by name, from metadata alone; read once, until ``rescan``."""
    with _lock:
        found = _found if _found is not None else rescan()
        return MappingProxyType(found[group])


def rescan() -> dict[str, dict[str, PluginRecord]]:
    """Read the metadata again. Loaded plugins stay; what had failed may be tried again, also what hung at its
    import and was mended since.
    """
    global _found
    fresh = discovery.found()
    with _lock:
        before = _found or {}
    for group, records in before.items():
        for name, record in records.items():
            if _is_loaded(record):
                record.mark = _mark(record, fresh[group].get(name))
                fresh[group][name] = record
            elif _still_loads(record) and not (record.work.mended() and record.work.end()):
                fresh[group][name] = record
    with _lock:
        _found = fresh
        return fresh


def marked() -> None:
    """Look whether the distributions of loaded plugins are still installed: ``PluginRecord.mark``."""
    with _lock:
        loaded = [r for of in (_found or {}).values() for r in of.values() if _is_loaded(r)]
    if any(record.distribution != FIRST_PARTY for record in loaded):
        fresh = discovery.found()
        for record in loaded:
            record.mark = _mark(record, fresh[record.group].get(record.name))


def _mark(record: PluginRecord, now: PluginRecord | None) -> str:
    if now is None:
        return f"{record.distribution} {record.version} was uninstalled; what is loaded stays until unload"
    if record.distribution != FIRST_PARTY and now.source != record.source:
        return f"{now.source} is installed now, what is loaded is {record.version}; reload takes the new one"
    return ""


def _is_loaded(record: PluginRecord) -> bool:
    """Whether it is, perhaps since its time was up."""
    if record.status == "hanging" and record.work is not None and isinstance(record.work.outcome, Plugin):
        record.status = "loaded"
    return record.status == "loaded"


def _still_loads(record: PluginRecord) -> bool:
    return record.status == "hanging" and record.work is not None and not record.work.over


def load(group: str, name: str, timeout: float | None = None) -> Plugin:
    """Import the plugin and call its hooks, once. ``timeout`` in seconds; None takes
    TENSORPLUG_PLUGIN_TIMEOUT or 30.

    Raises:
        PluginError: it is not installed, or broken, hanging, of another API version, or there twice.
        DeviceAbsentError: it says that its device is not there.
    """
    limit = timeout_seconds() if timeout is None else timeout
    with _lock:
        record = installed(group).get(name)
        if record is None:
            names = ", ".join(installed(group)) or "none"
            raise PluginError(
                f"no installed distribution has a plugin {name!r} in the group {group}; "
                f"installed are: {names}. After a 'pip install' call rescan().",
                plugin=name,
            )
        if record.status not in ("installed", "loaded", "hanging"):
            raise _error(record)
        if record.work is None:
            _warn_of_rivals(record)
            record.work = _Work(record)
        work = record.work
    return _finished(record, work, limit)


def loaded(group: str, name: str) -> Plugin | None:
    """The plugin of that name if it is loaded."""
    record = installed(group).get(name)
    outcome = None if record is None or record.work is None else record.work.outcome
    return outcome if isinstance(outcome, Plugin) else None


def _finished(record: PluginRecord, work: _Work, limit: float) -> Plugin:
    """The plugin that ``work`` loads, within ``limit`` seconds; notes in the record what went wrong."""
    name = record.name
    if work.thread is threading.current_thread():
        raise PluginError(
            f"plugin {name!r} of {record.source} asks for itself while it is being loaded; "
            f"move that into a function that runs later.",
            **_fields(record),
        )
    if not work.done.wait(0 if record.status == "hanging" else limit):
        if record.status != "hanging":
            record.status = "hanging"
            record.reason = f"had not finished loading after {limit:g} s"
            record.traceback = work.stack()
        raise _error(record)
    if isinstance(work.outcome, Plugin):
        record.status = "loaded"
        return work.outcome
    if isinstance(work.outcome, KeyboardInterrupt):
        record.work = None
        raise work.outcome
    raise _error(record)


class Replacement:
    """A plugin loaded anew from its files, beside the one in force: ``commit`` puts it in its place.

    While it is made, and until ``commit`` or ``undo``, the plugin's modules in ``sys.modules`` are the new
    ones. Raises PluginError or DeviceAbsentError where the new one is not fit for use; the old are back.
    """

    def __init__(self, group: str, name: str, timeout: float | None = None) -> None:
        limit = timeout_seconds() if timeout is None else timeout
        self.record = _fresh(group, name)
        self._old = _modules_of(self.record)
        try:
            _take_modules(self.record)
            self.record.work = _Work(self.record)
            self.plugin = _finished(self.record, self.record.work, limit)
        except BaseException:
            self.undo()
            raise

    def commit(self) -> None:
        with _lock:
            installed(self.record.group)
            assert _found is not None
            _found[self.record.group][self.record.name] = self.record

    def undo(self) -> None:
        _take_modules(self.record)
        sys.modules.update(self._old)


def forget(group: str, name: str) -> None:
    """Make a plugin that was loaded one that is only installed: its next use imports it from its files."""
    with _lock:
        record = installed(group).get(name)
        assert _found is not None
        if record is not None:
            _take_modules(record)
            del _found[group][name]
            rescan()


def retry(group: str, name: str) -> None:
    """Let a plugin that could not be used be tried again. One that still hangs is ended for that, and stays
    as it is where it cannot be.
    """
    record = installed(group).get(name)
    if record is None or record.status == "installed" or _is_loaded(record):
        return
    if _still_loads(record) and not record.work.end():
        record.reason = f"still hangs in its import of {record.work.seconds():.0f} s ago, and cannot be ended"
        record.traceback = record.work.stack()
        return
    assert _found is not None
    with _lock:
        _found[group].pop(name, None)
    _take_modules(record)
    rescan()


def _fresh(group: str, name: str) -> PluginRecord:
    """The plugin's record from the metadata as they are now."""
    found = discovery.found()[group].get(name)
    if found is None:
        raise PluginError(
            f"plugin {name!r} of the group {group} is no longer installed; what is loaded stays until it is "
            f"unloaded. Install its package again with pip",
            plugin=name,
        )
    if found.status == "duplicate":
        raise _error(found)
    return found


def _modules_of(record: PluginRecord) -> dict[str, Any]:
    """A plugin's modules in ``sys.modules``: that of its entry point, and the package around it.

    Without extension modules, since a process cannot load one twice.
    """
    from importlib.machinery import EXTENSION_SUFFIXES

    module = record.module
    package = module.rpartition(".")[0] or module
    if package.partition(".")[0] in CORE:
        package = module
    found = {}
    for name in [n for n in sys.modules if n in (module, package) or n.startswith(f"{package}.")]:
        spec = getattr(sys.modules[name], "__spec__", None)
        if spec is None or not str(spec.origin).endswith(tuple(EXTENSION_SUFFIXES)):
            found[name] = sys.modules[name]
    return found


def _take_modules(record: PluginRecord) -> None:
    """Take a plugin's modules out of ``sys.modules``.

    Cached bytecode goes: it would hide a change of the source within the same second.
    """
    import linecache

    for name, found in _modules_of(record).items():
        spec = getattr(found, "__spec__", None)
        if spec is not None and spec.cached:
            with contextlib.suppress(OSError):
                os.remove(spec.cached)
        sys.modules.pop(name, None)
    linecache.checkcache()


class _GivenUp(BaseException):
    """Raised in a thread whose plugin hangs, to end it."""


class _Work:
    """The loading of one plugin in a thread of its own, so that one that hangs can be given up."""

    def __init__(self, record: PluginRecord) -> None:
        import contextvars
        import time

        self.record = record
        self.done = threading.Event()
        self.outcome: Plugin | KeyboardInterrupt | None = None
        self.began = time.time()
        self.thread = threading.Thread(
            target=contextvars.copy_context().run,
            args=(self.run,),
            daemon=True,
            name=f"load {record.group} {record.name}",
        )
        self.thread.start()

    @property
    def over(self) -> bool:
        return self.done.is_set()

    def run(self) -> None:
        try:
            self.outcome = _loaded(self.record)
        except KeyboardInterrupt as interrupt:
            self.outcome = interrupt
        except _GivenUp:
            pass
        finally:
            self.done.set()

    def seconds(self) -> float:
        """How long it has been loading."""
        import time

        return time.time() - self.began

    def frames(self) -> list[Any]:
        """Where the thread is now, from the plugin's first frame on."""
        import traceback

        frames = traceback.extract_stack(sys._current_frames().get(self.thread.ident or 0))
        theirs = next((i for i, frame in enumerate(frames) if not _is_loading(frame.filename)), 0)
        return frames[theirs:]

    def stack(self) -> str:
        """The same as a traceback's text."""
        import traceback

        return "".join(traceback.format_list(self.frames()))

    def mended(self) -> bool:
        """Whether a file in which it hangs was changed since it began."""
        for path in {frame.filename for frame in self.frames()}:
            with contextlib.suppress(OSError):
                if os.stat(path).st_mtime > self.began:
                    return True
        return False

    def end(self) -> bool:
        """End it where that is possible: it runs Python, and does not catch everything. Else False: what
        waits in C, in a system call for instance, hears nothing.
        """
        from ..interpreter import raise_in_thread

        if not self.over:
            raise_in_thread(self.thread.ident or 0, _GivenUp)
            self.done.wait(ENDING)
        if self.over:
            _take_modules(self.record)
        return self.over


def _loaded(record: PluginRecord) -> Plugin | None:
    """Load the plugin; notes in ``record`` what went wrong and returns None if it is not fit for use."""
    from importlib.metadata import EntryPoint

    from .hooks import HookError, call_hooks  # which bring pluggy: only where a plugin is loaded

    stage = "could not be imported"
    try:
        discovery.reach(record)
        module = EntryPoint(record.name, record.value, record.group).load()
        agreement = agreed(module, getattr(module, API_ATTRIBUTE, None))
        stage = "failed while its hooks were checked"
        results, ignored = call_hooks(record.group, module, agreement.newer)
        _fit(results, agreement)
        record.status = "loaded"
        record.api = getattr(module, API_ATTRIBUTE)
        record.reason = record.traceback = ""
        record.notes = (*agreement.notes, *ignored)
        return Plugin(record, module, MappingProxyType(results))
    except (KeyboardInterrupt, _GivenUp):
        raise
    except NegotiationError as error:
        status, reason = error.status, str(error)
    except DoorError as error:
        status, reason = "broken", f"does not keep the plugin contract: {error}"
    except DeviceAbsentError as error:
        status, reason = "absent", str(error)
    except HookError as error:
        _failed(record, f"failed in its hook {error.hook}()", error.__cause__ or error)
        return None
    except BaseException as error:
        _failed(record, stage, error)
        return None
    record.status = status
    record.reason = reason
    return None


def _failed(record: PluginRecord, stage: str, error: BaseException) -> None:
    text = f"{type(error).__name__}: {error}".rstrip(": ")
    record.status = "broken"
    record.reason = f"{stage}: {text}"
    record.traceback = _traceback(error)


def _fit(results: dict[str, Any], agreement: Agreement) -> None:
    """Make the runtime one that has what the agreement says. Raises DoorError."""
    runtime = results.get("tensorplug_runtime")
    if runtime is None:
        return
    lacking = missing_attributes(runtime, agreement)
    if lacking:
        raise DoorError(f"it offers the feature {lacking}, which its runtime lacks")
    if agreement.hidden:
        results["tensorplug_runtime"] = Without(runtime, agreement.hidden)


def absent(record: PluginRecord, reason: str) -> DeviceAbsentError:
    """The error of a device whose plugin says that it is not there."""
    return DeviceAbsentError(
        f"device type {record.name!r} of {record.source} is absent: {reason.rstrip('.')}. "
        f"Once it is there, call tensorplug.devices.rescan()"
    )


def _error(record: PluginRecord) -> PluginError | DeviceAbsentError:
    """The error of a plugin that cannot be used: what, whose, why, the way out, and its own traceback."""
    if record.status == "absent":
        return absent(record, record.reason)
    kind = "device plugin" if record.group == "tensorplug.backends" else "layer plugin"
    if record.status == "duplicate":
        text = (
            f"{kind} {record.name!r} {record.reason}. Uninstall all but one of them "
            f"('pip uninstall NAME'), then call rescan()."
        )
        return PluginError(text, **_fields(record))
    remedies = {
        "broken": f"{_unreached(record) or discovery.remedy(record)}"
        f"{'' if record.distribution == FIRST_PARTY else ', then call rescan()'}.",
        "hanging": _after_hanging(record),
        "too-old": f"{discovery.upgrade(record)}.",
        "too-new": f"{discovery.upgrade_of_ours(installed(GROUPS[0]).values())}.",
    }
    text = f"{kind} {record.name!r} of {record.source} {record.reason}. {remedies[record.status]}"
    if record.traceback:
        where = "It is waiting here" if record.status == "hanging" else "Its traceback"
        text += f"\n{where}:\n" + "".join(f"  {line}\n" for line in record.traceback.splitlines()).rstrip()
    return PluginError(text, **_fields(record))


def _unreached(record: PluginRecord) -> str:
    """What to do where the module of an editable installation is not found; "" if it is not that."""
    top = record.module.partition(".")[0]
    if not record.checkout or f"ModuleNotFoundError: No module named {top!r}" not in record.reason:
        return ""
    return (
        f"Its module is not where its editable installation of {record.checkout} says; if it was installed "
        f"while this process ran, start a new one, else install it again"
    )


def _after_hanging(record: PluginRecord) -> str:
    if "cannot be ended" in record.reason:
        return (
            "The thread that loads it keeps its modules, so that this process cannot import them again, "
            "mended or not: start a new process."
        )
    call = f"load({record.name!r})" if record.group == GROUPS[0] else "rescan()"
    remove = "" if record.checkout else f", or remove it ('pip uninstall {record.distribution}')"
    return (
        f"Set TENSORPLUG_PLUGIN_TIMEOUT (seconds) higher if it is only slow{remove}. Once it is mended, "
        f"tensorplug.devices.{call} ends this load and tries again."
    )


def _fields(record: PluginRecord) -> dict[str, str]:
    return {
        "plugin": record.name,
        "distribution": record.distribution,
        "version": record.version,
        "entry_point": record.value,
        "cause_traceback": record.traceback,
    }


def _warn_of_rivals(record: PluginRecord) -> None:
    if record.rivals:
        import warnings

        others = " and ".join(rival.source for rival in record.rivals)
        warnings.warn(
            f"the plugin name {record.name!r} belongs to tensorplug; {others} claims it too and is "
            f"ignored. Uninstall it, or ask its authors for another name.",
            RuntimeWarning,
            stacklevel=3,
        )


def timeout_seconds() -> float:
    """How long a plugin may take: TENSORPLUG_PLUGIN_TIMEOUT, else 30 s. Raises TensorplugError."""
    text = os.environ.get("TENSORPLUG_PLUGIN_TIMEOUT", "")
    try:
        seconds = float(text or DEFAULT_TIMEOUT)
    except ValueError:
        seconds = -1.0
    if not 0 < seconds < threading.TIMEOUT_MAX:
        raise TensorplugError(
            f"TENSORPLUG_PLUGIN_TIMEOUT is {text!r}; it must be a positive number of seconds"
        )
    return seconds


def _traceback(error: BaseException) -> str:
    """The text of the error's traceback, from the plugin's first frame on."""
    import traceback

    trace = error.__traceback__
    while trace is not None and _is_loading(trace.tb_frame.f_code.co_filename):
        trace = trace.tb_next
    return "".join(traceback.format_exception(type(error), error, trace))


def _is_loading(filename: str) -> bool:
    """Whether a frame of this file belongs to the machinery that loads plugins, not to the plugin."""
    return (
        os.path.dirname(filename) == os.path.dirname(__file__)
        or filename == threading.__file__
        or "importlib" in filename
        or f"{os.sep}pluggy{os.sep}" in filename
    )
