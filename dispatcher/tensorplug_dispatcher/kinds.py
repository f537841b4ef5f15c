"""The kinds of parameters and arguments, one byte each: in ``OpFunction.kinds`` what a parameter takes, in a
plan's what an argument is. Compiled modules have them as C constants (``kinds.pxd``).
"""

from __future__ import annotations

from enum import IntEnum
from math import copysign
from typing import Any

import cython


class Kind(IntEnum):
    """What stands at a place of a call."""

    TENSOR = ord("T")  # a tensor
    OPTIONAL = ord("O")  # a tensor or None
    LIST = ord("L")  # a tuple of tensors
    NUMBER = ord("N")  # of a plan: a number where a tensor is taken
    NOTHING = ord("0")  # of a plan: None where a tensor may be
    ATTRIBUTE = ord("A")  # part of the plan's key
    SCALAR = ord("S")  # a number whose type matters too
    DYNAMIC_FLOAT = ord("F")  # not part of the plan's key, as the others that are dynamic
    DYNAMIC_INT = ord("I")  # an int of 64 bits
    DYNAMIC_SCALAR = ord("V")  # a number of the first result's dtype
    DEVICE = ord("D")  # the device to run on


# of a schema's kinds; those that are not here are attributes
KIND_OF = {
    "Tensor": Kind.TENSOR,
    "Tensor?": Kind.OPTIONAL,
    "Tensor[]": Kind.LIST,
    "Scalar": Kind.SCALAR,
    "Scalar?": Kind.SCALAR,
    "float!": Kind.DYNAMIC_FLOAT,
    "int!": Kind.DYNAMIC_INT,
    "Scalar!": Kind.DYNAMIC_SCALAR,
    "device": Kind.DEVICE,
    "device?": Kind.DEVICE,
}

ZERO, MINUS_ZERO, NAN = (float, "0.0"), (float, "-0.0"), (float, "nan")


def told_apart(value: Any) -> Any:
    """What stands for an attribute in a key, equal where results are alone: 1, 1.0 and True are of other
    types, zeros have signs, and one NaN is as good as another.
    """
    if type(value) is float:
        if value == 0.0:
            return MINUS_ZERO if copysign(1.0, value) < 0 else ZERO
        if value != value:
            return NAN
    return (type(value), value)


if not cython.compiled:
    TENSOR = Kind.TENSOR
    OPTIONAL = Kind.OPTIONAL
    LIST = Kind.LIST
    NUMBER = Kind.NUMBER
    NOTHING = Kind.NOTHING
    ATTRIBUTE = Kind.ATTRIBUTE
    SCALAR = Kind.SCALAR
    DYNAMIC_FLOAT = Kind.DYNAMIC_FLOAT
    DYNAMIC_INT = Kind.DYNAMIC_INT
    DYNAMIC_SCALAR = Kind.DYNAMIC_SCALAR
    DEVICE = Kind.DEVICE

    def is_dynamic(kind: int) -> bool:
        """Whether an argument of this kind is a number that each launch gets, and no part of the plan."""
        return kind in (DYNAMIC_FLOAT, DYNAMIC_INT, DYNAMIC_SCALAR)
