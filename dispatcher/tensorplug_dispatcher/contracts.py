"""What plugins must keep to, for what reads it without loading one."""

from __future__ import annotations

from typing import Any, Final

API_ATTRIBUTE: Final = "tensorplug_api"


class DoorError(Exception):
    """A plugin breaks its contract; the text says where and how to mend it."""


def layer_fault(layer: Any) -> str:
    """What an object lacks to be a layer, as a text; "" if nothing."""
    if isinstance(layer, type):
        return "is a class; give an object of it"
    for attribute in ("name", "rank", "wrap"):
        if not hasattr(layer, attribute):
            return f"has no {attribute!r}; a layer has name, rank and wrap(function, key, inner)"
    if not isinstance(layer.name, str) or not layer.name:
        return f"has the name {layer.name!r}; it must be a text"
    if not isinstance(layer.rank, (int, float)) or layer.rank != layer.rank:
        return f"has the rank {layer.rank!r}; it must be a number, lower is further out"
    return "" if callable(layer.wrap) else f"has wrap = {layer.wrap!r}; it must be a function"
