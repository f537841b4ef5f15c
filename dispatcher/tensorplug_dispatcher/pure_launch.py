"""The uncompiled twin of ``plans.launch``: the same pointers, through ctypes."""

from __future__ import annotations

import ctypes
from functools import cache
from typing import Any

from .conversion import checked_float, checked_int, half_bits, wrapped
from .dtypes import int64
from .kinds import Kind

_C_TYPES: dict[int, Any] = {0: ctypes.c_uint8, 1: ctypes.c_uint8, 2: ctypes.c_int8, 3: ctypes.c_int16,
                            4: ctypes.c_int32, 5: ctypes.c_int64, 8: ctypes.c_float, 9: ctypes.c_double}
_PROTOTYPE = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_void_p, ctypes.c_void_p)


@cache
def _function(address: int) -> Any:
    return _PROTOTYPE(address)


def scalar_slot(value: Any, code: int) -> Any:
    """A ctypes object that holds ``value`` as the dtype with this code."""
    if code in (6, 7):
        return ctypes.c_uint16(half_bits(value, code))
    if code >= 8:
        return _C_TYPES[code](checked_float(value))
    if code == 0:
        return ctypes.c_uint8(bool(value))
    return _C_TYPES[code](wrapped(checked_int(value), int64))


def launch(plan: Any, args: tuple[Any, ...], outs: tuple[Any, ...]) -> int:
    """Call the plan's kernel; returns its code."""
    pointers: list[int | None] = [t.data_ptr() for t in outs]
    keep: list[Any] = []
    late: list[Any] = []
    for i, (kind, arg) in enumerate(zip(plan.kinds, args, strict=True)):
        if kind == Kind.TENSOR:
            pointers.append(arg.data_ptr())
        elif kind == Kind.NUMBER:
            keep.append(scalar_slot(arg, plan.codes[i]))
            pointers.append(ctypes.addressof(keep[-1]))
        elif kind == Kind.NOTHING:
            pointers.append(None)
        elif kind == Kind.LIST:
            pointers.extend(t.data_ptr() for t in arg)
        elif kind == Kind.DYNAMIC_FLOAT:
            late.append(ctypes.c_double(arg))
        elif kind == Kind.DYNAMIC_INT:
            late.append(scalar_slot(arg, 5))
        elif kind == Kind.DYNAMIC_SCALAR:
            late.append(scalar_slot(arg, plan.codes[i]))
    pointers.extend(ctypes.addressof(slot) for slot in late)
    data = (ctypes.c_void_p * max(len(pointers), 1))(*pointers)
    return int(_function(plan.address)(ctypes.cast(data, ctypes.c_void_p), plan.params))
