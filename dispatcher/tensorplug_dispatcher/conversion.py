"""What a number becomes in another dtype: the rules that kernels follow, as functions of one number.

The specification is PyTorch on an x86 processor; docs/decisions/0015 says what every device has to give and
what is this project's own.
"""

from __future__ import annotations

import math
import struct
from typing import Any

from .dtypes import FLOATING, DType, bool_, float16, int64, uint8
from .errors import NumberRangeError

HALF_MAX = 65504.0  # of float16: what is no larger fits every floating dtype
SIGN = 0x8000  # bits of float16 and of bfloat16
HALF_INFINITY, BRAIN_INFINITY, BRAIN_NAN = 0x7C00, 0x7F80, 0x7FC0


def fits(value: float, dtype: DType) -> bool:
    """Whether an integer ``dtype`` holds ``value`` cut towards zero: what every device converts alike."""
    return math.isfinite(value) and int(dtype.min) <= math.trunc(value) <= int(dtype.max)


def integer_of(value: float, dtype: DType) -> int:
    """The integer that a cast of a floating number gives, cut towards zero.

    What int64 or int32 cannot hold, NaN included, is the lowest number there. uint8 keeps the low bits of
    what int64 would be, int16 and int8 those of int32: -1.0 as uint8 is 255, 3e9 as int16 is 0.
    """
    if dtype is bool_:
        return int(value != 0)
    half = 1 << (bits_between(dtype) - 1)
    whole = math.trunc(value) if math.isfinite(value) else half
    return wrapped(whole if -half <= whole < half else -half, dtype)


def bits_between(dtype: DType) -> int:
    """How many bits the integer has that a floating number becomes before it is cut to ``dtype``."""
    return 64 if dtype in (int64, uint8) else 32


def wrapped(value: int, dtype: DType) -> int:
    """The low bits of an integer, as an integer ``dtype`` reads them."""
    low = int(dtype.min)
    return (value - low) % (1 << 8 * dtype.itemsize) + low


def checked_int(value: Any) -> int:
    """A Python number cut towards zero, for arithmetic with tensors of integers: 64 bits, signed or not.

    Raises NumberRangeError for what has more, and for NaN and infinities.
    """
    try:
        whole = int(value)
    except (ValueError, OverflowError):
        whole = 1 << 64
    if not -(1 << 63) <= whole < 1 << 64:
        raise NumberRangeError(
            f"value {_shown(value)} cannot be converted to an integer of 64 bits; give one from -2**63 to "
            f"2**64 - 1"
        )
    return whole


def checked_float(value: Any) -> float:
    """A Python number as a float. Raises NumberRangeError for an int that is larger than the largest."""
    try:
        return float(value)
    except OverflowError:
        raise NumberRangeError(
            f"value {_shown(value)} cannot be converted to a floating number; give one below 2**1024"
        ) from None


def check_fits(function: str, value: Any, dtype: DType) -> None:
    """Raise NumberRangeError for a number that ``dtype`` cannot hold; infinities and NaN fit floating types.

    Negative ints wrap in unsigned types, where negative floats do not fit: as PyTorch's ``Scalar.to`` has it.
    """
    kind = type(value)
    if kind is not int and kind is not float:
        return
    if dtype.kind >= FLOATING:
        if -HALF_MAX <= value <= HALF_MAX or abs(value) <= dtype.max or value - value != 0:
            return
        low = dtype.min
    elif dtype is bool_:
        checked_int(value if kind is int else 0)
        return
    else:
        low = dtype.min or (-dtype.max if kind is int else 0)
        if low <= value <= dtype.max:
            return
    raise NumberRangeError(
        f"{function}(): value {_shown(value)} cannot be converted to type {dtype.name} without overflow; "
        f"it holds {low} to {dtype.max}; give a number in that range, or a tensor of a wider dtype"
    )


def number_of(function: str, value: Any, dtype: DType) -> Any:
    """A number beside elements of ``dtype``, as those are: cut towards zero for integers, True as 1.

    Raises NumberRangeError where an integer ``dtype`` cannot hold it.
    """
    if dtype.kind >= FLOATING:
        return int(value) if isinstance(value, bool) else value
    check_fits(function, value, dtype)
    return bool(value) if dtype is bool_ else int(value)


def half_bits(value: Any, code: int) -> int:
    """The 16 bits of ``value`` as float16 (code 6) or bfloat16 (code 7), rounded to nearest even."""
    value = checked_float(value)
    if code == float16.code:
        try:
            return int(struct.unpack("<H", struct.pack("<e", value))[0])
        except OverflowError:
            return HALF_INFINITY if value > 0 else SIGN | HALF_INFINITY
    try:
        bits = int(struct.unpack("<I", struct.pack("<f", value))[0])
    except OverflowError:
        return BRAIN_INFINITY if value > 0 else SIGN | BRAIN_INFINITY
    if value != value:
        return BRAIN_NAN
    return (bits + SIGN - 1 + ((bits >> 16) & 1)) >> 16


def rounded(value: Any, dtype: DType) -> float:
    """A number as float16 or bfloat16 hold it, to the nearest, halves to even; too large is an infinity."""
    bits = half_bits(value, dtype.code)
    if dtype.name == "float16":
        return float(struct.unpack("<e", bits.to_bytes(2, "little"))[0])
    return float(struct.unpack("<f", b"\0\0" + bits.to_bytes(2, "little"))[0])


def _shown(value: Any) -> str:
    if isinstance(value, float) or abs(value) < 1 << 128:
        return repr(value)
    return f"{'-' if value < 0 else ''}2**{abs(value).bit_length() - 1} or more"
