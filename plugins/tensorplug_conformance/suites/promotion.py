"""S4: type promotion, casts between all dtypes, and integers that wrap."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any, Final

import numpy as np

import tensorplug as tp
from tensorplug_dispatcher import dtypes, errors
from tensorplug_dispatcher.dtypes import DType, promote

from .. import evidence, reference
from ..case import FAIL, PASS, UNSUPPORTED, Case, Result, check
from ..samples import differing

ENDS: Final = ("floor_divide", "remainder", "div", "abs", "neg")
WRAPS: Final = ("add", "sub", "mul", "neg", "cumsum")


def cases(device: str, depth: str) -> Iterator[Case]:
    for a in dtypes.ALL:
        for b in dtypes.ALL:
            yield Case(f"S4/promote/{a.name}/{b.name}", partial(_promote, a, b), uses=(b.name,), exact=True)
            yield Case(f"S4/cast/{a.name}/{b.name}", partial(_cast, a, b), uses=(b.name,), exact=True)
        yield Case(f"S4/number/{a.name}/python", partial(_number, a))
    for dtype in dtypes.INTEGERS:
        for op in WRAPS:
            yield Case(f"S4/wrap/{dtype.name}/{op}", partial(_wrap, dtype, op), exact=True)
        for op in ("floor_divide", "remainder"):
            yield Case(f"S4/zero-division/{dtype.name}/{op}", partial(_zero_division, dtype, op))
        for op in ENDS if dtype.is_signed else ():
            yield Case(f"S4/minimum/{dtype.name}/{op}", partial(_minimum, dtype, op), exact=True)


def _same(got: Any, wanted: Any) -> str:
    if got.dtype is not wanted.dtype:
        return f"dtype {got.dtype}, reference {wanted.dtype}"
    a, b = (_array(t) for t in (got, wanted))
    evidence.result(a, got.dtype.name)
    return differing(a, b)


def _array(tensor: Any) -> Any:
    tensor = tensor.cpu()
    return (tensor.to(tp.float64) if tensor.dtype.is_floating_point else tensor).numpy()


def _judged(message: str) -> Result:
    return Result(FAIL, message) if message else Result(PASS)


def _promote(a: DType, b: DType, device: str) -> Result:
    def run(where: str) -> Any:
        x = tp.tensor([1, 0, 2], dtype=tp.int64).to(a).to(where)
        y = tp.tensor([1, 1, 0], dtype=tp.int64).to(b).to(where)
        return x + y

    try:
        got = run(device)
    except errors.MissingKernelError as error:
        return Result(UNSUPPORTED, str(error))
    check(got.dtype is promote(a, b), f"{a.name} + {b.name} gives {got.dtype.name}, not {promote(a, b).name}")
    return _judged(_same(got, run(reference.NAME)))


def _cast(a: DType, b: DType, device: str) -> Result:
    numbers: list[Any] = [0, 1, 2, 3, 100]
    if a.is_floating_point:
        numbers += [2.5, -0.0, 0.3, 7.99]
        if b is not dtypes.uint8:  # the array API standard leaves negative numbers to unsigned ones open
            numbers.append(-1.5)
        if b.is_floating_point or b is dtypes.bool_:
            numbers += [float("nan"), float("inf"), float("-inf")]
    elif a.is_signed:
        numbers += [-1, -100]
    values = tp.tensor(numbers, dtype=tp.float64 if a.is_floating_point else tp.int64).to(a)
    try:
        got = values.to(device).to(b)
        tp.devices.synchronize(device)
    except errors.MissingKernelError as error:
        return Result(UNSUPPORTED, str(error))
    return _judged(_same(got, values.to(reference.NAME).to(b)))


def _number(dtype: DType, device: str) -> Result:
    """Python numbers do not widen a tensor of their own kind."""

    def run(where: str) -> list[Any]:
        x = tp.tensor([1, 0, 2], dtype=tp.int64).to(dtype).to(where)
        return [x + 1, x * 0.5, x == 1, x + True]

    try:
        got = run(device)
    except errors.MissingKernelError as error:
        return Result(UNSUPPORTED, str(error))
    problems = [_same(g, w) for g, w in zip(got, run(reference.NAME), strict=True)]
    return _judged("; ".join(p for p in problems if p))


def _wrap(dtype: DType, op: str, device: str) -> Result:
    info = np.iinfo(dtype.numpy_name)
    numbers = [int(info.max), int(info.min), int(info.max) - 1, 1]

    def run(where: str) -> Any:
        x = tp.tensor(numbers, dtype=dtype).to(where)
        y = tp.tensor([1, 1, 7, int(info.max)], dtype=dtype).to(where)
        if op == "neg":
            return -x
        if op == "cumsum":
            return tp.cumsum(x, 0, dtype=dtype)
        return {"add": x + y, "sub": y - x, "mul": x * y}[op]

    try:
        got = run(device)
    except errors.MissingKernelError as error:
        return Result(UNSUPPORTED, str(error))
    return _judged(_same(got, run(reference.NAME)))


def _minimum(dtype: DType, op: str, device: str) -> Result:
    """The least integer divided by -1, and its absolute value, wrap; processors trap on them if they may."""
    least = int(np.iinfo(dtype.numpy_name).min)

    def run(where: str) -> Any:
        x = tp.tensor([least, least, least + 1, least, 7], dtype=dtype).to(where)
        y = tp.tensor([-1, 1, -1, least, -1], dtype=dtype).to(where)
        found = getattr(tp, op)(x) if op in ("abs", "neg") else getattr(tp, op)(x, y)
        tp.devices.synchronize(where)
        return found

    try:
        got = run(device)
    except errors.MissingKernelError as error:
        return Result(UNSUPPORTED, str(error))
    return _judged(_same(got, run(reference.NAME)))


def _zero_division(dtype: DType, op: str, device: str) -> Result:
    """An integer divided by zero raises, at the latest when the device is waited for; it goes on."""
    x = tp.tensor([5, 6, 7], dtype=dtype).to(device)
    zero = tp.tensor([1, 0, 2], dtype=dtype).to(device)
    try:
        getattr(tp, op)(x, zero)
        tp.devices.synchronize(device)
    except errors.MissingKernelError as error:
        return Result(UNSUPPORTED, str(error))
    except ZeroDivisionError:
        check((x + 1).cpu().tolist() == [6, 7, 8], "the device does not go on after it")
        return Result(PASS)
    raise AssertionError(f"{op} of {dtype.name} by zero raised nothing")
