"""One element of a tensor as a Python number."""

from __future__ import annotations

import ctypes
import struct
from typing import Any

from .tensor import view_of

_FORMATS = {0: "?", 1: "B", 2: "b", 3: "h", 4: "i", 5: "q", 6: "e", 8: "f", 9: "d"}


def read_scalar(tensor: Any) -> Any:
    """The value of a one-element tensor; waits for its device."""
    device = tensor.device
    if not device.host or device.type != "cpu":
        from .devices import host_device
        from .writing import transfer

        tensor = transfer(view_of(tensor, tensor.layout, tensor.offset), host_device())
    dtype = tensor.dtype
    raw = ctypes.string_at(tensor.data_ptr(), dtype.itemsize)
    if dtype.name == "bfloat16":
        return struct.unpack("<f", b"\0\0" + raw)[0]
    return struct.unpack("<" + _FORMATS[dtype.code], raw)[0]
