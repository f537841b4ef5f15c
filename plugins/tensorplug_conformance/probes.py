"""Calls of an op that are compared in ways of their own, and several results that make one case."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

import tensorplug as tp
from tensorplug_dispatcher import errors
from tensorplug_dispatcher.dtypes import DType
from tensorplug_dispatcher.observation import observe
from tensorplug_dispatcher.op import Op

from . import reference
from .case import DECOMPOSED, FAIL, FALLBACK, PASS, UNSUPPORTED, Result
from .placing import strange
from .samples import call, tensors_in

_ORDER = (PASS, DECOMPOSED, FALLBACK, UNSUPPORTED, FAIL)  # the last that occurs is the case's


def worst(results: Iterable[tuple[str, Result]]) -> Result:
    """The worst of several results, with the largest errors of all; stops at the first failure, whose message
    begins with the words that it came with. No result at all is a failure: nothing was asked.
    """
    found, asked_for = Result(PASS), 0
    for asked_for, (words, result) in enumerate(results, 1):  # noqa: B007
        if result.status not in _ORDER:
            return result
        if _ORDER.index(result.status) >= _ORDER.index(found.status):
            found.status = result.status
            found.message = f"{words}: {result.message}" if result.message else ""
        found.max_ulp = max(found.max_ulp, result.max_ulp)
        found.p99_ulp = max(found.p99_ulp, result.p99_ulp)
        found.elements += result.elements
        if result.status == FAIL:
            break
    return found if asked_for else Result(FAIL, "nothing was asked")


def array_of(tensor: Any) -> Any:
    """A tensor's numbers on the host: floats as float64, others as they are."""
    tensor = tensor.cpu()
    return (tensor.to(tp.float64) if tensor.dtype.is_floating_point else tensor.contiguous()).numpy()


def asked(
    op: Op,
    make: Callable[[str], list[Any]],
    device: str,
    compare: Callable[[list[Any], list[Any]], str],
    **further: Any,
) -> Result:
    """An op on the device; ``compare`` is given the results as arrays and the arguments, and says what is
    wrong with them. Raises what the call raises, but for a kernel that the device does not have.
    """
    from .suites.ops import PATHS, way

    args = make(device)
    before = [array_of(t) for t in tensors_in(args)]
    try:
        with observe() as calls:
            results = call(op.name, args, device, **further)
            tp.devices.synchronize(device)
    except errors.MissingKernelError as error:
        return Result(UNSUPPORTED, str(error))
    path, hidden = way(calls, device)
    if hidden:
        return Result(FAIL, f"it says that it ran {op.name} itself, and ran {hidden} on the host")
    arrays = [array_of(r) for r in results]
    message = compare(arrays, args) or ("" if further else written_over(args, before))
    return Result(FAIL if message else PATHS[path], message, elements=sum(a.size for a in arrays))


def written_over(args: list[Any], before: list[Any]) -> str:
    """Which operand of a call no longer holds the numbers that it held before; nothing where all do."""
    for place, (operand, due) in enumerate(zip(tensors_in(args), before, strict=True)):
        seen = array_of(operand)
        wrong = ~((seen == due) | ((seen != seen) & (due != due)))
        if wrong.any():
            at = tuple(int(i) for i in np.argwhere(wrong)[0])
            return (
                f"operand {place} was written over: {int(wrong.sum())} of {wrong.size} elements, the first "
                f"at {list(at)}, is {seen[at].item()!r}, was {due[at].item()!r}"
            )
    return ""


def used_before(results: Iterable[tuple[Any, DType]], device: str) -> None:
    """Leave what no result may show in the memory that a device is likely to give out for such results next:
    that nothing was written does not show in memory that holds zeros.
    """
    with contextlib.suppress(errors.TensorplugError):
        for shape, dtype in results:
            tp.full(tuple(shape), strange(dtype), dtype=dtype, device=device)


def bits(op: Op, make: Callable[[str], list[Any]], device: str) -> Result:
    """An op on the device and by the specification in the same dtype: the same numbers, zeros of the same
    sign, NaN where it has NaN; or the same error.
    """
    try:
        wanted = [array_of(r) for r in call(op.name, make(reference.NAME), reference.NAME)]
    except (errors.TensorplugError, ArithmeticError) as error:
        return _raises(op, make, device, error)

    def compare(got: list[Any], args: list[Any]) -> str:
        return next((text for g, w in zip(got, wanted, strict=True) if (text := differs(g, w))), "")

    return asked(op, make, device, compare)


def _raises(op: Op, make: Callable[[str], list[Any]], device: str, due: Exception) -> Result:
    try:
        call(op.name, make(device), device)
        tp.devices.synchronize(device)
    except errors.MissingKernelError as error:
        return Result(UNSUPPORTED, str(error))
    except type(due):
        return Result(PASS)
    except (errors.TensorplugError, ArithmeticError) as error:
        return Result(FAIL, f"{type(error).__name__}: {error}; due is {type(due).__name__}: {due}")
    return Result(FAIL, f"it raised nothing; due is {type(due).__name__}: {due}")


def differs(got: Any, wanted: Any) -> str:
    """Where two arrays are not the same, zeros of other sign included; nothing where they are."""
    if got.shape != wanted.shape:
        return f"shape {list(got.shape)}, not {list(wanted.shape)}"
    if got.dtype != wanted.dtype:
        return f"dtype {got.dtype}, not {wanted.dtype}"
    same = got == wanted
    if got.dtype.kind == "f":
        same = same & (np.signbit(got) == np.signbit(wanted)) | (np.isnan(got) & np.isnan(wanted))
    if same.all():
        return ""
    at = int(np.flatnonzero(~same)[0])
    return (
        f"element {at} is {got.reshape(-1)[at].item()!r}, not {wanted.reshape(-1)[at].item()!r}; "
        f"{int((~same).sum())} of {same.size} differ"
    )
