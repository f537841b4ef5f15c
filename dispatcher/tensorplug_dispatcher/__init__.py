"""The mechanism: keys, registry, resolution, layers, storage and layout, plugins.
It knows no device and no library.
"""

from __future__ import annotations

from typing import Any

from ._pure import install_if_requested

install_if_requested()

_EXPORTS = {
    "DENSE": "kernels",
    "STRIDED": "kernels",
    "Kernel": "kernels",
    "Refusal": "kernels",
    "kernel": "kernels",
    "native_kernels": "kernels",
    "prepared_kernels": "kernels",
    "DeviceInfo": "devices.registry",
    "Runtime": "devices.registry",
    "device": "devices.registry",
    "Layer": "layers",
    "Layout": "layout",
    "dense": "layout",
    "strided": "layout",
    "HostBuffer": "memory",
    "OwnedBuffer": "memory",
    "OPS": "ops",
    "F": "call",
    "Threshold": "thresholds",
    "hookimpl": "devices.hooks",
    "hookspec": "devices.hooks",
    "explain": "explanation",
    "report": "explanation",
}


def __getattr__(name: str) -> Any:
    """Public names are imported on their first use, so that importing the package costs nothing."""
    from importlib import import_module

    if name in _EXPORTS:
        value = getattr(import_module(f"{__name__}.{_EXPORTS[name]}"), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_EXPORTS])
