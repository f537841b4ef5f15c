"""Where entry points find wrapped plugins: ``tensorplug_faults.wrapped:KIND`` wraps the device type KIND."""

from __future__ import annotations

from .wrapping import Plugin, plugin_of

_plugins: dict[str, Plugin] = {}


def __getattr__(kind: str) -> Plugin:
    if kind.startswith("_"):
        raise AttributeError(kind)
    if kind not in _plugins:
        _plugins[kind] = plugin_of(kind)
    return _plugins[kind]
