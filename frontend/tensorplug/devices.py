"""The devices that plugins offer: which there are, how they come and go, and what ran where.

``print(tensorplug.devices)`` shows a table; ``load``, ``reload``, ``unload`` and ``rescan`` change it while
the program runs; ``choose`` measures which device suits a function, ``place`` puts parts of a model on
several; ``explain(op)`` says which kernel runs an op and why, ``report()`` counts what ran where.
"""

from __future__ import annotations

import sys
from types import ModuleType

from tensorplug_dispatcher import explanation
from tensorplug_dispatcher.devices import lifecycle, plugins
from tensorplug_dispatcher.devices import registry as core
from tensorplug_dispatcher.devices.lifecycle import DeviceRecord, Health, load, reload, rescan, unload
from tensorplug_dispatcher.devices.registry import (
    default_device,
    device,
    host_fallback,
    host_policy,
    set_default_device,
    set_host_policy,
    use_device,
)
from tensorplug_dispatcher.errors import DeviceError, PluginError
from tensorplug_dispatcher.ops import OPS

from .later import later

TYPE_CHECKING = False
if TYPE_CHECKING:
    import builtins
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from typing import Any

    from . import nn
    from .choice import Choice
    from .placement import Placement
measured = later(".choice", "choose")
placed = later(".placement", "place")


def list(load: bool = False) -> builtins.list[DeviceRecord]:
    """A record of every device, and of every installed plugin whose devices are not known.

    Nothing is imported, unless ``load`` asks for every plugin's devices. Plugins that are broken or absent
    are listed with the reason.
    """
    return lifecycle.records(load)


def available(kind: str) -> bool:
    """Whether the plugin of a device type is installed, loads, and has a device."""
    return count(kind) > 0


def count(kind: str) -> int:
    """How many devices of a type there are; 0 where its plugin is not installed or does not work."""
    try:
        return len(core.infos_of(kind))
    except (DeviceError, PluginError):
        return 0


def explain(op: str, device: Any = None, dtype: Any = None) -> str:
    """Which kernel runs ``op`` on ``device`` for ``dtype``, which others there are, and why not those."""
    return explanation.explain(op, device, dtype)


def report() -> builtins.list[tuple[str, str, str, str, int]]:
    """What ran so far: (op, device type, path, provider, calls), most calls first.

    Paths are native, view, decomposed, host, and transfer: then ``provider`` says from which device type.
    """
    return explanation.report()


def reset_report() -> None:
    """Start counting anew."""
    explanation.reset_report()


def synchronize(spec: Any = None) -> None:
    """Wait until all work on a device is done."""
    one: Any = _one(spec)
    one.runtime.synchronize(one.index)


def _one(spec: Any) -> Any:
    return default_device() if spec is None else device(spec)


def memory(spec: Any = None) -> dict[str, int]:
    """A device's memory in bytes: ``allocated`` (in use), ``peak`` (the most so far), ``cached`` (kept for
    later), ``total`` and ``free`` as far as its runtime tells (else 0); and how many ``allocations`` it was
    asked for.
    """
    return lifecycle.memory(_one(spec))


def reset_peak(spec: Any = None) -> None:
    """Start measuring the largest number of bytes in use anew."""
    one = _one(spec)
    one.peak = one.allocated


def empty_cache(spec: Any = None) -> int:
    """Give a device's cached free memory back to it; returns how many bytes that were."""
    return lifecycle.empty_cache(_one(spec))


def health(spec: Any = None, nbytes: int = 1 << 20, timeout: float = 30.0) -> Health:
    """Send ``nbytes`` to a device, copy them there, fetch them back, compare and time it; then its copy.

    The outcome is true for a device that is ready; its ``state`` is else lost, hanging (``timeout`` in
    seconds) or wrong, with the ``reason``. A device that was lost and passes is ready again, and empty.
    """
    return lifecycle.health(_one(spec), nbytes, timeout)


def choose(
    fn: Callable[..., Any],
    *args: Any,
    candidates: Iterable[Any] | None = None,
    repeat: int = 5,
    timeout: float = 60.0,
    **kwargs: Any,
) -> Choice:
    """Run ``fn(*args, **kwargs)`` on each device and say which suits it best, and why.

    Every device gets copies of ``fn`` (if it is a module) and the arguments; modules, optimizers and
    containers among them are copied as a whole, and nothing of the caller's changes. ``candidates`` are
    devices or their names, None takes all that work. The outcome has ``.device``, ``.reason`` and
    ``.measurements``, and prints as a table: the median time of ``repeat`` calls, the memory at its peak, how
    many ops ran native, decomposed or on the host, and whether the results agree with the first device's
    that worked (the CPU's, if it takes part and no order is given). A device on which it fails, or takes
    longer than ``timeout`` seconds, is listed with the error.

    Raises DeviceError where it works on no device.

    >>> choice = tp.devices.choose(model, images)
    >>> model.to(choice.device)
    """
    return measured(fn, args, kwargs, candidates, repeat, timeout)


def place(model: nn.Module, devices: Mapping[str, Any]) -> Placement:
    """Put parts of a model on several devices: ``place(model, {"features": "mirror:0", "head": "cpu"})``.

    ``devices``: names of submodules (``fnmatch`` patterns such as ``"layers.*"``; ``""`` is the model itself)
    to devices; of two that match one module the later counts. What is below a module goes with it.
    Parameters, buffers and optimizer state are moved. From then on what a part is called with is moved to
    its device, and what a part inside another part returns is moved back to that one's, with gradients; the
    report and ``.transfers`` of what is returned count it. ``.remove()`` ends that; placing the model again
    replaces it.

    Raises SignatureError for a name that is no submodule's, DeviceError where a shared parameter would have
    to be on two devices; then nothing is changed.
    """
    return placed(model, devices)


def table(load: bool = False) -> str:
    """All devices as text; ``load``: load the plugins that are not yet, to see what they offer."""
    return table_of(list(load))


def table_of(records: Iterable[DeviceRecord]) -> str:
    """Records of devices as text."""
    ops = sum(not op.is_view for op in OPS.values())
    notes: dict[str, builtins.list[str]] = {}
    rows = [("device", "state", "plugin", "API", "in use", "memory", f"native of {ops}", "")]
    for one in records:
        known = bool(one.title)
        notes.setdefault(one.type, [f"note: plugin {one.type!r}: {note}" for note in one.notes])
        rows.append(
            (
                one.name,
                one.state,
                f"{one.distribution} {one.version}",
                one.api or "-",
                _size(one.allocated) if known else "-",
                _size(one.memory) if one.memory else "-",
                str(one.native) if known else "-",
                one.reason.partition("\n")[0]
                or " ".join(filter(None, (one.title, f"({one.details})" * bool(one.details)))),
            )
        )
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = ["  ".join(c.ljust(w) for c, w in zip(row, widths)).rstrip() for row in rows]
    return "\n".join([*lines, *(note for of_type in notes.values() for note in of_type)])


def _size(nbytes: int) -> str:
    for shift, unit in ((40, "TiB"), (30, "GiB"), (20, "MiB"), (10, "KiB")):
        if nbytes >= 1 << shift:
            return f"{nbytes / (1 << shift):.1f} {unit}"
    return f"{nbytes} B"


class _Devices(ModuleType):
    """The module, which also prints as a table and iterates over its records."""

    def __repr__(self) -> str:
        return table()

    def __iter__(self) -> Iterator[DeviceRecord]:
        return iter(lifecycle.records())

    def __len__(self) -> int:
        return len(lifecycle.records())

    def __contains__(self, name: str) -> bool:
        """Whether a device type's plugin is installed, or a device of this name is known."""
        return name in plugins.installed(core.GROUP) or any(one.name == name for one in lifecycle.records())


sys.modules[__name__].__class__ = _Devices

__all__ = [
    "DeviceRecord",
    "Health",
    "available",
    "choose",
    "count",
    "default_device",
    "device",
    "empty_cache",
    "explain",
    "health",
    "host_fallback",
    "host_policy",
    "list",
    "load",
    "memory",
    "place",
    "reload",
    "report",
    "rescan",
    "reset_peak",
    "reset_report",
    "set_default_device",
    "set_host_policy",
    "synchronize",
    "table",
    "table_of",
    "unload",
    "use_device",
]
