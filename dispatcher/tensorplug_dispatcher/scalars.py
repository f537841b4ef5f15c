"""One element of a tensor as a Python number."""

from __future__ import annotations

import struct
from typing import Any

from .dtypes import float32
from .interpreter import HostMemory
from .ops import F
from .writing import host_address

_FORMATS = {0: "?", 1: "B", 2: "b", 3: "h", 4: "i", 5: "q", 6: "e", 8: "f", 9: "d"}


def read_scalar(tensor: Any) -> Any:
    """The value of a one-element tensor; waits for its device."""
    dtype = tensor.dtype
    if dtype.stored is not None:  # levels of a scale: the number that they stand for
        return read_scalar(F.cast(tensor, float32))

    address, owner = host_address(tensor)
    raw = bytes(HostMemory(address, dtype.itemsize, owner))
    if dtype.name == "bfloat16":
        return struct.unpack("<f", b"\0\0" + raw)[0]
    return struct.unpack("<" + _FORMATS[dtype.code], raw)[0]
