"""The uncompiled twin of ``plans.launch``: the same pointers, through cffi."""

from __future__ import annotations

from array import array
from typing import Any

from .boundary import address_of, ffi, lib
from .conversion import checked_float, checked_int, half_bits, wrapped
from .dtypes import int64
from .kinds import Kind

_C_TYPES: dict[int, str] = {
    0: "uint8_t", 1: "uint8_t", 2: "int8_t", 3: "int16_t", 4: "int32_t", 5: "int64_t",
    6: "uint16_t", 7: "uint16_t", 8: "float", 9: "double",
}  # fmt: skip


def scalar_slot(value: Any, code: int) -> Any:
    """C memory that holds ``value`` as the dtype with this code."""
    if code in (6, 7):
        number: Any = half_bits(value, code)
    elif code >= 8:
        number = checked_float(value)
    elif code == 0:
        number = bool(value)
    else:
        number = ffi.cast(_C_TYPES[code], wrapped(checked_int(value), int64))  # the upper bits go, as in C
    return ffi.new(_C_TYPES[code] + " *", number)


def launch(plan: Any, args: tuple[Any, ...], outs: tuple[Any, ...]) -> int:
    """Call the plan's kernel; returns its code."""
    pointers = array("Q", [t.data_ptr() for t in outs])
    slots: list[Any] = []  # numbers, which must live until the kernel has run
    late: list[Any] = []
    for i, (kind, arg) in enumerate(zip(plan.kinds, args, strict=True)):
        if kind == Kind.TENSOR:
            pointers.append(arg.data_ptr())
        elif kind == Kind.NUMBER:
            slots.append(scalar_slot(arg, plan.codes[i]))
            pointers.append(address_of(slots[-1]))
        elif kind == Kind.NOTHING:
            pointers.append(0)
        elif kind == Kind.LIST:
            pointers.extend(t.data_ptr() for t in arg)
        elif kind == Kind.DYNAMIC_FLOAT:
            late.append(ffi.new("double *", arg))
        elif kind == Kind.DYNAMIC_INT:
            late.append(scalar_slot(arg, 5))
        elif kind == Kind.DYNAMIC_SCALAR:
            late.append(scalar_slot(arg, plan.codes[i]))
    pointers.extend(address_of(slot) for slot in late)
    return int(lib.tp_launch(plan.address, pointers.buffer_info()[0], plan.params))
