"""Result dtypes: PyTorch's rules for tensors with dimensions, 0-d tensors and Python numbers in one call."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from . import dtypes, epoch
from .dtypes import BOOL, FLOATING, INTEGER, DType, promote
from .errors import DTypeError
from .layout import Layout

_default: DType = dtypes.float32


def default_dtype() -> DType:
    """The dtype of new floating tensors and of Python floats."""
    return _default


def set_default_dtype(dtype: DType) -> None:
    """Set the default floating dtype of the process; raises DTypeError for a dtype that is not floating."""
    global _default
    if dtype.kind != FLOATING:
        raise DTypeError(
            f"only floating-point dtypes can be the default, and {dtype.name} is not one; "
            f"choose float16, "
            f"bfloat16, float32 or float64"
        )
    _default = dtype
    epoch.invalidate()


def dtype_of_number(value: Any) -> DType:
    """The dtype of a number, Python's or NumPy's, or of the types bool, int and float themselves."""
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, bool) or value is bool:
        return dtypes.bool_
    if isinstance(value, int) or value is int:
        return dtypes.int64
    return _default


def result_type(operands: Sequence[Any]) -> DType:
    """The common dtype of layouts (tensors) and Python numbers, as ``torch.result_type`` gives it.

    Tensors with dimensions decide unless a 0-d tensor, or then a number, is of a higher kind (bool < integer
    < floating).
    """
    groups: list[DType | None] = [None, None, None]  # dimensioned, 0-d, numbers
    for operand in operands:
        if operand is None:
            continue
        if isinstance(operand, Layout):  # NumPy's numbers have strides and a dtype too
            place, dtype = (0 if operand.ndim else 1), operand.dtype
        else:
            place, dtype = 2, dtype_of_number(operand)
        have = groups[place]
        groups[place] = dtype if have is None else promote(have, dtype)
    result: DType | None = None
    for candidate in groups:
        if candidate is None:
            continue
        if result is None:
            result = candidate
        elif candidate.kind > result.kind:
            result = candidate
    if result is None:
        raise DTypeError("a result dtype was asked for with no operand; give at least one tensor or number")
    return result


def compute_dtype(promotion: str, operands: Sequence[Any]) -> DType:
    """The dtype that an elementwise op computes in: the common one, floating where the op says ``float``."""
    common = result_type(operands)
    if promotion == "float" and common.kind != FLOATING:
        return _default
    return common


def can_cast(source: DType, target: DType) -> bool:
    """Whether a result of ``source`` may be written into ``target``: never to a lower kind (PyTorch's
    ``can_cast``).
    """
    if source.kind == FLOATING and target.kind != FLOATING:
        return False
    return not (source.kind == INTEGER and target.kind == BOOL)
