"""Mixed precision as a dispatch layer: inside a region, ops run in the dtypes that the op table says."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module
from typing import Any

TYPE_CHECKING = False

tensorplug_api = (1, 0)

_LAZY = {
    "autocast": "modes",
    "custom_bwd": "functions",
    "custom_fwd": "functions",
    "float32_function": "functions",
    "clear_autocast_cache": "modes",
    "get_autocast_dtype": "modes",
    "is_autocast_available": "modes",
    "is_autocast_cache_enabled": "modes",
    "is_autocast_enabled": "modes",
    "set_autocast_cache_enabled": "modes",
    "set_autocast_dtype": "modes",
    "set_autocast_enabled": "modes",
}

if TYPE_CHECKING:
    from .functions import custom_bwd, custom_fwd, float32_function
    from .modes import (
        autocast,
        clear_autocast_cache,
        get_autocast_dtype,
        is_autocast_available,
        is_autocast_cache_enabled,
        is_autocast_enabled,
        set_autocast_cache_enabled,
        set_autocast_dtype,
        set_autocast_enabled,
    )
else:

    def __getattr__(name: str) -> Any:
        if name in _LAZY:
            value = globals()[name] = getattr(import_module(f"{__name__}.{_LAZY[name]}"), name)
            return value
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def tensorplug_layers() -> Iterable[Any]:
    from .layer import AutocastLayer

    return (AutocastLayer(),)


__all__ = [
    "autocast",
    "clear_autocast_cache",
    "custom_bwd",
    "custom_fwd",
    "float32_function",
    "get_autocast_dtype",
    "is_autocast_available",
    "is_autocast_cache_enabled",
    "is_autocast_enabled",
    "set_autocast_cache_enabled",
    "set_autocast_dtype",
    "set_autocast_enabled",
]
