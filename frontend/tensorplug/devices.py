"""The devices that plugins offer: which there are, what they can do, and what ran where.

``print(tensorplug.devices)`` shows a table; ``explain(op)`` says which kernel runs an op and why;
``report()`` counts what
ran native, decomposed or on the host.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from types import ModuleType

from tensorplug_dispatcher import devices as core
from tensorplug_dispatcher import plugins
from tensorplug_dispatcher.devices import (
    default_device,
    device,
    host_fallback,
    host_policy,
    set_default_device,
    set_host_policy,
    use_device,
)
from tensorplug_dispatcher.errors import DeviceError, PluginError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any


@dataclass(frozen=True, slots=True)
class DeviceRecord:
    """One line of the table: a device type with its plugin, and what is known of its devices so far.

    ``status``: installed (never used), loaded, broken, hanging, too-old, too-new or duplicate; ``reason``
    says what is
    wrong.
    """

    type: str
    distribution: str
    version: str
    status: str
    reason: str
    devices: tuple[str, ...]


def listed() -> list[DeviceRecord]:
    """All installed device plugins, from metadata alone; nothing is imported."""
    opened: dict[str, list[str]] = {}
    for one in core.opened():
        opened.setdefault(one.type, []).append(one.name)
    return [
        DeviceRecord(
            name,
            record.distribution,
            record.version,
            record.status,
            record.reason,
            tuple(opened.get(name, ())),
        )
        for name, record in sorted(plugins.installed(core.GROUP).items())
    ]


def available(kind: str) -> bool:
    """Whether the plugin of a device type is installed, loads, and has a device."""
    try:
        return bool(core.runtime_of(kind).devices())
    except (DeviceError, PluginError):
        return False


def count(kind: str) -> int:
    """How many devices of a type there are; 0 where its plugin is not installed or does not work."""
    try:
        return len(core.runtime_of(kind).devices())
    except (DeviceError, PluginError):
        return 0


def explain(op: str, device: Any = None, dtype: Any = None) -> str:
    """Which kernel runs ``op`` on ``device`` for ``dtype``, which others there are, and why not those."""
    from tensorplug_dispatcher.explanation import explain as explanation

    return explanation(op, device, dtype)


def report() -> list[tuple[str, str, str, str, int]]:
    """What ran so far: (op, device type, path, provider, calls), most calls first; paths are native, view,
    decomposed, host.
    """
    from tensorplug_dispatcher.explanation import report as rows

    return rows()


def reset_report() -> None:
    """Start counting anew."""
    from tensorplug_dispatcher.explanation import reset_report as reset

    reset()


def rescan() -> None:
    """Look again for installed plugins, after a ``pip install`` in the running process."""
    plugins.rescan()


def synchronize(spec: Any = None) -> None:
    """Wait until all work on a device is done."""
    one: Any = default_device() if spec is None else device(spec)
    one.runtime.synchronize(one.index)


def empty_cache(spec: Any = None) -> int:
    """Give a device's cached free memory back to it; returns how many bytes that were."""
    return (default_device() if spec is None else device(spec)).empty_cache()


def memory_stats(spec: Any = None) -> dict[str, int]:
    """Bytes in use, the largest number so far, bytes cached, and how often memory was asked for."""
    one = default_device() if spec is None else device(spec)
    return {
        "allocated": one.allocated,
        "peak": one.peak,
        "cached": one.cached,
        "allocations": one.allocations,
    }


def reset_peak(spec: Any = None) -> None:
    """Start measuring the largest number of bytes in use anew."""
    one = default_device() if spec is None else device(spec)
    one.peak = one.allocated


def table() -> str:
    """The installed device plugins as text."""
    rows = [("device", "plugin", "status", "in use")]
    for record in listed():
        state = record.status + (f": {record.reason}" if record.reason else "")
        rows.append(
            (record.type, f"{record.distribution} {record.version}", state, ", ".join(record.devices) or "-")
        )
    widths = [max(len(row[i]) for row in rows) for i in range(3)]
    return "\n".join("  ".join([*[cell.ljust(w) for cell, w in zip(row, widths)], row[3]]) for row in rows)


class _Devices(ModuleType):
    """The module, which also prints as a table and iterates over its records."""

    def __repr__(self) -> str:
        return table()

    def __iter__(self) -> Iterator[DeviceRecord]:
        return iter(listed())

    def __len__(self) -> int:
        return len(listed())

    def __contains__(self, kind: str) -> bool:
        return any(record.type == kind for record in listed())


sys.modules[__name__].__class__ = _Devices

__all__ = [
    "DeviceRecord",
    "available",
    "count",
    "default_device",
    "device",
    "empty_cache",
    "explain",
    "host_fallback",
    "host_policy",
    "listed",
    "memory_stats",
    "report",
    "rescan",
    "reset_peak",
    "reset_report",
    "set_default_device",
    "set_host_policy",
    "synchronize",
    "table",
    "use_device",
]
