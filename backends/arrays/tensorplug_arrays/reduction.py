"""Reductions, scans and products of matrices."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from tensorplug_dispatcher import dtypes

from .adapter import Array, Call, Definition, compute_dtype


def _dims(call: Call, x: Array) -> tuple[int, ...]:
    """The dimensions to reduce; none named means all."""
    dim = call.attrs["dim"]
    if dim is None or dim == ():
        return tuple(range(x.ndim))
    return tuple(dim) if isinstance(dim, tuple) else (dim,) if x.ndim else ()


def _folded(function: str) -> Definition:
    """A sum or product, computed in the result's dtype (halves in float32)."""

    def run(call: Call, x: Array) -> Array:
        dtype = compute_dtype(call.out.dtype)
        x = call.lib.astype(x, dtype)
        # the standard's sums of small integers are wider: the dtype says to keep it
        return getattr(call.lib.xp, function)(x, axis=_dims(call, x), dtype=call.lib.dtype(dtype))

    return run


def _ordered(call: Call, x: Array) -> Array:
    """``x`` in a dtype that the library can compare: halves as float32, bool as uint8."""
    dtype = call.lib.dtype_of(x)
    return call.lib.astype(x, dtypes.uint8 if dtype is dtypes.bool_ else compute_dtype(dtype))


def _extremum(function: str) -> Definition:
    def run(call: Call, x: Array) -> Array:
        x = _ordered(call, x)
        own = call.lib.functions.get(f"a{function}") if call.lib.dtype_of(x).is_floating_point else None
        return (own or getattr(call.lib.xp, function))(x, axis=_dims(call, x))

    return run


def _place(function: str) -> Definition:
    """The first place of the extremum; NaN counts as it."""

    def run(call: Call, x: Array) -> Array:
        lib, xp, dim = call.lib, call.lib.xp, call.attrs["dim"]
        x = _ordered(call, x)
        if dim is None or x.ndim == 0:
            x, dim = xp.reshape(x, (-1,)), 0
        dtype = lib.dtype_of(x)
        if dtype.is_floating_point:
            nan = x != x
            found = xp.any(nan, axis=dim, keepdims=True)
            mark = lib.scalar(1 if function == "argmax" else -1, dtype)
            x = xp.where(found, xp.where(nan, mark, lib.scalar(0, dtype)), x)
        return getattr(xp, function)(x, axis=dim)

    return run


def _scan(function: Callable[[Any], Callable[..., Array]]) -> Definition:
    def run(call: Call, x: Array) -> Array:
        dtype = compute_dtype(call.out.dtype)
        x = call.lib.astype(x, dtype)
        if x.ndim == 0:
            return x
        return function(call.lib.xp)(x, axis=call.attrs["dim"], dtype=call.lib.dtype(dtype))

    return run


def matmul(call: Call, a: Array, b: Array) -> Array:
    dtype = compute_dtype(call.out.dtype)
    return call.lib.matmul(call.lib.astype(a, dtype), call.lib.astype(b, dtype))


DEFINITIONS: Final[dict[str, Definition]] = {
    "sum": _folded("sum"),
    "prod": _folded("prod"),
    "amax": _extremum("max"),
    "amin": _extremum("min"),
    "argmax": _place("argmax"),
    "argmin": _place("argmin"),
    "cumsum": _scan(lambda xp: xp.cumulative_sum),
    "cumprod": _scan(lambda xp: xp.cumulative_prod),
    "matmul": matmul,
}
