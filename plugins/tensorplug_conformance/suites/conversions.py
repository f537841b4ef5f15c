"""S4, conversions and sums at the ends: numbers beyond a dtype's range and between its numbers, whole
numbers that are large, counts that do not fit a byte, integers that wrap.

What a negative number becomes in an unsigned dtype, and one beyond the range in an integer dtype, is not
asked here; nor whether float64 goes to 16 bits in one step or two.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import partial
from typing import Any, Final

import ml_dtypes
import numpy as np

import tensorplug as tp
from tensorplug_dispatcher import dtypes, errors
from tensorplug_dispatcher.dtypes import DType
from tensorplug_dispatcher.ops import OPS, F

from .. import tolerance
from ..case import FAIL, PASS, UNSUPPORTED, Case, Result
from ..placing import dense, placed
from ..probes import array_of, asked, differs
from .ops import flushes

LENGTH: Final = 1031  # the numbers are repeated to this, so that vectors and their tails see them


def cases(device: str, depth: str) -> Iterator[Case]:
    for a in dtypes.ALL:
        for b in dtypes.ALL:
            yield Case(f"S4/convert/{a.name}/{b.name}", partial(_convert, a, b), 0, (b.name,))
    for a in dtypes.FLOATS:
        for b in dtypes.FLOATS:
            yield Case(f"S4/convert-nan/{a.name}/{b.name}", partial(_nan_bits, a, b), 0, (b.name,))
    for a in (*dtypes.INTEGERS, dtypes.bool_):
        for op in ("sum", "prod", "cumsum", "cumprod"):
            for b in dict.fromkeys(
                (dtypes.int64, a if a is not dtypes.bool_ else dtypes.int32, dtypes.uint8)
            ):
                run = partial(_total, op, a, b)
                yield Case(f"S4/total/{a.name}/{op}-{b.name}", run, OPS[op].tier, (b.name,))
    for name in ("any", "all", "count_nonzero", "nonzero"):
        uses = ("int64",) if name.endswith("nonzero") else ()
        for a in dtypes.ALL:
            yield Case(f"S4/truth/{a.name}/{name}", partial(_truth, name, a), OPS[name].tier, uses)


# the bits of NaN: the usual one, that of a negative one, all ones, the least
NAN_BITS: Final = {
    "float16": (np.uint16, (0x7E00, 0xFE00, 0x7FFF, 0xFFFF, 0x7E01)),
    "bfloat16": (np.uint16, (0x7FC0, 0xFFC0, 0x7FFF, 0xFFFF, 0x7FC1)),
    "float32": (np.uint32, (0x7FC00000, 0xFFC00000, 0x7FFFFFFF, 0xFFFFFFFF, 0x7FC00001)),
    "float64": (np.uint64, (0x7FF8 << 48, 0xFFF8 << 48, (1 << 63) - 1, (1 << 64) - 1, (0x7FF8 << 48) + 1)),
}


def _nan_bits(a: DType, b: DType, device: str) -> Result:
    """NaN of any bits stays NaN; those that signal are not asked."""
    word, bits = NAN_BITS[a.name]
    words = np.array(bits * (LENGTH // len(bits)), word)
    whole = tp.from_numpy(words.view(f"i{words.itemsize}")).view(a)

    def compare(got: list[Any], args: list[Any]) -> str:
        lost = np.flatnonzero(~np.isnan(got[0]))
        if not len(lost):
            return ""
        return f"{a.name} of the bits {bits[lost[0] % len(bits)]:#x} becomes {got[0][lost[0]]!r}, not NaN"

    return asked(OPS["cast"], lambda where: [whole.to(where), b], device, compare)


def _rounded(values: Any, dtype: DType) -> Any:
    """Float64 numbers rounded to a floating dtype by way of float32, to even."""
    with np.errstate(all="ignore"):
        if dtype is dtypes.float64:
            return values
        single = values.astype(np.float32)
        kinds = {"float32": np.float32, "float16": np.float16, "bfloat16": ml_dtypes.bfloat16}
        return single.astype(kinds[dtype.name]).astype(np.float64)


def _numbers(a: DType, b: DType, flush: bool) -> Any:
    if a is dtypes.bool_:
        return np.array([True, False, True])
    if not a.is_floating_point:
        low, high = int(a.min), int(a.max)
        found: list[Any] = [
            low,
            low + 1,
            -1,
            0,
            1,
            127,
            128,
            255,
            256,
            257,
            32767,
            32768,
            65504,
            65535,
            65536,
            70000,
            high,
            high - 1,
        ]
        for power in (11, 24, 31, 32, 53, 62):
            found += [s * (1 << power) + d for d in (-1, 0, 1, 2, 3) for s in (1, -1)]
        return np.array([n for n in found if low <= n <= high], np.dtype(a.numpy_name))
    if not b.is_floating_point and b is not dtypes.bool_:
        low, high = int(b.min), int(b.max)
        found = [0.0, -0.0, 0.3, 0.5, 0.99, 1.5, 2.5, 3.999, 100.7, 126.9, 127.0]
        found += [
            s * (2.0**p + d)
            for p in (7, 15, 24, 31, 32, 40, 53, 62)
            for d in (-1.0, 0.0, 1.0)
            for s in (1, -1)
        ]
        found += [-n for n in found] if b.is_signed else []
        values = _rounded(np.array(found), a)
        # the largest float that is an int64 lies below 2^63
        inside = (
            (np.trunc(values) >= low)
            & (np.trunc(values) < high + 1.0)
            & (values > -1.0 if not b.is_signed else True)
        )
        values = values[inside & np.isfinite(values)]
        return values[(values >= 0) | (b.is_signed)]
    found = [
        0.0,
        1e-30,
        1e30,
        0.3,
        65504.0,
        65519.0,
        65520.0,
        65535.0,
        1e5,
        256.0,
        2.0**32,
        3.3e38,
        3.39e38,
        3.4e38,
    ]
    for eps in (2.0**-10, 2.0**-7, 2.0**-23):  # halves between neighbours, and what lies beside them
        for n in (1.0, 1 + eps, 3.0, 1000.0):
            found += [
                n * (1 + eps / 2),
                n * (1 + eps / 2 + 2.0**-23),
                n * (1 + eps / 2 - 2.0**-23),
                n * (1 + 0.9 * eps),
            ]
    if not flush:
        found += [2.0**-24, 2.0**-25, 3 * 2.0**-25, 2.0**-14, 2.0**-15 * 1.25, 1e-40]
    if a is dtypes.float64 and b is dtypes.float32:
        found += [
            1 + 2.0**-24,
            1 + 2.0**-24 + 2.0**-40,
            1 + 3 * 2.0**-24,
            3.5e38,
            1e60,
            *(() if flush else (2.0**-149, 1e-45)),
            1e-60,
        ]
    values = np.array([*found, *(-n for n in found), math.nan, math.inf, -math.inf])
    if a is dtypes.float64 and b is dtypes.float32:
        return values
    return _rounded(values, dtypes.float32 if a is dtypes.float64 else a)


def _converted(values: Any, a: DType, b: DType) -> Any:
    if b is dtypes.bool_:
        return values != 0
    with np.errstate(all="ignore"):
        if not b.is_floating_point:
            return (np.trunc(values).astype(np.int64) if a.is_floating_point else values).astype(b.numpy_name)
        if a.is_floating_point:
            return _rounded(values, b)
        if b in (dtypes.float32, dtypes.float64):
            return values.astype(b.numpy_name).astype(np.float64)
        return _rounded(values.astype(np.float32).astype(np.float64), b)


def _convert(a: DType, b: DType, device: str) -> Result:
    """Numbers are rounded to the nearest, halves to even; what is too large becomes infinite; whole numbers
    wrap around; what is not 0 is true.
    """
    flush = flushes(device)
    values = _numbers(a, b, flush or b is dtypes.bool_)
    values = np.resize(values, LENGTH)
    due = _converted(values, a, b)

    def make(where: str) -> list[Any]:
        return [placed(values, a, dense(1), where), b]

    def compare(got: list[Any], args: list[Any]) -> str:
        text = differs(got[0], due)
        if not text or not text.startswith("element"):
            return text
        at = int(text.split()[1])
        return f"of {values[at].item()!r}: {text}"

    return asked(OPS["cast"], make, device, compare)


def _total(op: str, a: DType, b: DType, device: str) -> Result:
    """Sums and products in the dtype that is asked for: counts beyond a byte, and what wraps around."""
    if a is dtypes.bool_:
        x = np.ones((3, 1031), bool)
        x[1, ::3] = False
    else:
        low, high = int(a.min), int(a.max)
        line = (
            [high, high - 1, low, 3, 7, high, 1, 5]
            if op in ("sum", "cumsum")
            else [3, 5, 1, 7, high, 1, 9, 11]
        )
        x = np.resize(np.array(line, np.dtype(a.numpy_name)), (3, 1031))
    function: Any = {"sum": np.sum, "prod": np.prod, "cumsum": np.cumsum, "cumprod": np.cumprod}[op]
    try:
        for dim in (1, 0):
            with np.errstate(all="ignore"):
                due = function(x.astype(np.int64), axis=dim).astype(b.numpy_name)
            got = getattr(F, op)(placed(x, a, dense(2), device), dim, dtype=b)
            text = differs(array_of(got), due)
            if text:
                return Result(FAIL, f"along {dim}: {text}")
        if op == "sum":
            got = F.sum(placed(x, a, dense(2), device), dtype=b)
            text = differs(array_of(got), np.asarray(np.sum(x.astype(np.int64)).astype(b.numpy_name)))
            if text:
                return Result(FAIL, f"over all: {text}")
    except errors.MissingKernelError as error:
        return Result(UNSUPPORTED, str(error))
    return Result(PASS)


def _truth(name: str, a: DType, device: str) -> Result:
    """What is not 0 counts: parts of 1, NaN, numbers whose low bytes are 0."""
    small = (
        0.0 if a.is_floating_point and flushes(device) else tolerance.PRECISION.get(a.name, (0, 0.0))[1] / 4
    )
    if a.is_floating_point:
        lines = [[0.3], [math.nan], [-0.0], [small], [1e-7], [math.inf], [0.0], [256.0]]
    elif a is dtypes.bool_:
        lines = [[True], [False]]
    else:
        lines = [
            [n]
            for n in (0, 1, 64, 128, 256, 1 << 16, 1 << 31, 1 << 32, -(1 << 40), -1)
            if a.min <= n <= a.max
        ]
    plain = np.float64 if a.is_floating_point else np.dtype(a.numpy_name)
    x = np.zeros((len(lines), 300), plain)
    x[:, 270] = np.array(lines, plain)[:, 0]
    some = x.copy()
    some[:] = np.array(lines, plain)
    along = {"axis": 1} if name != "nonzero" else {}
    function: Any = {
        "any": np.any,
        "all": np.all,
        "count_nonzero": np.count_nonzero,
        "nonzero": np.argwhere,
    }[name]
    for values in (x, some):
        due = function(values, **along)
        if a is dtypes.uint8 and name in ("any", "all"):  # as PyTorch has it
            due = due.astype(np.uint8)

        def compare(got: list[Any], args: list[Any], due: Any = due) -> str:
            return differs(got[0], np.asarray(due))

        second = len(due) if name == "nonzero" else 1  # how many there are, or the dimension

        def make(where: str, values: Any = values, second: int = second) -> list[Any]:
            return [placed(values, a, dense(2), where), second]

        result = asked(OPS[name], make, device, compare)
        if result.status == FAIL:
            return result
    return result
