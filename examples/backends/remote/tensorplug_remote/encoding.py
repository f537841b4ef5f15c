"""Layouts, attributes and numbers as JSON, and back; what comes in is checked."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final

from tensorplug_dispatcher import Layout, dtypes, strided
from tensorplug_dispatcher.dtypes import DType

from .errors import FrameError

MAX_DIMENSIONS: Final = 64
_DTYPES: Final = {d.name: d for d in dtypes.ALL}


def encoded(value: Any) -> Any:
    """An attribute or number as JSON: dtypes and floats that JSON does not know as objects."""
    if isinstance(value, DType):
        return {"dtype": value.name}
    if isinstance(value, float) and not math.isfinite(value):
        return {"float": repr(value)}
    if isinstance(value, (tuple, list)):
        return [encoded(item) for item in value]
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    raise FrameError(f"an attribute {value!r} of type {type(value).__name__} cannot be sent")


def decoded(value: Any) -> Any:
    """What was encoded; lists become tuples."""
    if isinstance(value, list):
        return tuple([decoded(item) for item in value])
    if not isinstance(value, dict):
        return value
    match value:
        case {"dtype": str(name)} if name in _DTYPES and len(value) == 1:
            return _DTYPES[name]
        case {"float": "nan" | "inf" | "-inf" as text} if len(value) == 1:
            return float(text)
    raise FrameError(f"{str(value)[:100]} is no attribute")


def encoded_layout(layout: Layout | None) -> Any:
    if layout is None:
        return None
    return [list(layout.shape), list(layout.strides), layout.dtype.name]


def decoded_layout(value: Any) -> Layout | None:
    match value:
        case None:
            return None
        case [list(shape), list(strides), str(name)] if (
            name in _DTYPES and integers(shape) and integers(strides)
        ):
            if len(shape) == len(strides) <= MAX_DIMENSIONS and min(shape, default=0) >= 0:
                return strided(shape, strides, _DTYPES[name])
    raise FrameError(f"{str(value)[:100]} is no layout")


def integers(values: Sequence[Any]) -> bool:
    return all(type(value) is int for value in values)


def numbers(values: Any) -> list[Any]:
    """A list of Python numbers."""
    found = list(decoded(values)) if isinstance(values, list) else [None]
    if not all(isinstance(number, (bool, int, float)) for number in found):
        raise FrameError(f"{str(values)[:100]} is no list of numbers")
    return found
