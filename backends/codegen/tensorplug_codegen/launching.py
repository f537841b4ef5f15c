"""What backends that launch device programs share: numbers as arguments, and what the status word says."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from typing import Any, Final

from tensorplug_dispatcher.conversion import checked_int
from tensorplug_dispatcher.dtypes import DType
from tensorplug_dispatcher.errors import IndexRangeError, KernelError

from .program import DIVISION_BY_ZERO, INDEX_RANGE

_FORMATS: Final = {"float32": "f", "float64": "d"}


def packed(value: Any, dtype: DType) -> bytes:
    """A number as a kernel argument: integers wrap, a float32 overflows to infinity."""
    if dtype.is_floating_point:
        try:
            return struct.pack(_FORMATS[dtype.name], value)
        except OverflowError:
            return struct.pack(_FORMATS[dtype.name], float("inf") if value > 0 else float("-inf"))
    if dtype.name == "bool":
        return b"\1" if value else b"\0"
    return (checked_int(value) & ((1 << 8 * dtype.itemsize) - 1)).to_bytes(dtype.itemsize, "little")


def reported(code: int, device: str, suspects: Iterable[str]) -> Exception:
    """The error for what a kernel wrote to a device's status word; ``suspects`` are the ops that may have."""
    names = ", ".join(sorted(set(suspects)))
    if code == INDEX_RANGE:
        return IndexRangeError(
            f"index out of range on {device} in one of: {names}; check the indices' minimum and "
            f"maximum. The device found it after the call had returned"
        )
    if code == DIVISION_BY_ZERO:
        return ZeroDivisionError(
            f"ZeroDivisionError on {device} in one of: {names} divided an integer by zero; mask the "
            f"zeros with where(). The device found it after the call had returned"
        )
    return KernelError(f"a kernel on {device} reported code {code}; one of: {names}")
