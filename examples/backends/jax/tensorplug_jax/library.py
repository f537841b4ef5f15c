"""jax.numpy as tensorplug_arrays sees it, compiled by XLA; and a few fused ops that XLA has in one go.

A call is one program: it unrolls its inputs from flat arrays, computes, and rolls the results up again. It is
compiled once for the op, the layouts and the static attributes; first elements of views and numbers that
change (seeds, learning rates, the value of ``fill``) are its arguments. float64 and int64 need JAX's 64-bit
mode, which is switched on around each call and never for the process.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from functools import cache, partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from tensorplug_arrays import Call, Definition, Spec, compute_dtype, kernels
from tensorplug_arrays.flat import FlatAdapter, FlatBuffer, FlatHandle
from tensorplug_dispatcher import Kernel, dtypes
from tensorplug_dispatcher.dtypes import DType
from tensorplug_dispatcher.kinds import told_apart
from tensorplug_dispatcher.op import Op

from .memory import device_of

# Attributes that the table plans with and that change often: as arguments they need no program of their own.
CHANGING: Mapping[str, frozenset[str]] = {"fill": frozenset({"value"})}


def _expm1(x: Any) -> Any:
    """exp(x) - 1, which XLA gives to 5 units in the last place: corrected by the logarithm of what exp gave.
    Source: Kahan, in Higham, Accuracy and Stability of Numerical Algorithms, 1.14.1.
    """
    wide = x.astype(jnp.float64)
    grown = lax.optimization_barrier(jnp.exp(wide))  # or the logarithm of it would be x, exactly
    near = (grown - 1) * (wide / jnp.log(grown))
    found = jnp.where(grown == 1, wide, jnp.where(jnp.abs(wide) < 1, near, grown - 1))
    return found.astype(x.dtype)


def _log1p(x: Any) -> Any:
    """log(1 + x); XLA loses seven bits of float64 near x = sqrt(1/2) - 1. Source: as above, 1.14.1."""
    wide = x.astype(jnp.float64)
    grown = lax.optimization_barrier(1 + wide)
    found = jnp.log(grown) * (wide / (grown - 1))
    return jnp.where(grown == 1, wide, jnp.where(grown == jnp.inf, grown, found)).astype(x.dtype)


def _with_nan(reduction: Callable[..., Any]) -> Callable[..., Any]:
    """The largest or smallest of floats, NaN where one is among them, which XLA's own reduction on the CPU
    overlooks from 4,096 elements on.
    """
    return lambda x, axis: jnp.where(jnp.any(x != x, axis=axis), jnp.nan, reduction(x, axis=axis))


class Jax(FlatAdapter):
    functions = {
        "erf": lax.erf,
        "expm1": _expm1,
        "log1p": _log1p,
        "amax": _with_nan(jnp.max),
        "amin": _with_nan(jnp.min),
    }
    # written out: 73 units in the last place in float64; 19 of large numbers; zero for the smallest
    inexact = frozenset({"atanh", "sinh", "cosh", "asin"})

    def __init__(self) -> None:
        super().__init__(jnp)
        self.programs: dict[Any, Program] = {}

    def dtype(self, dtype: DType) -> Any:
        return jnp.dtype(getattr(jnp, dtype.name))

    def scope(self, handle: FlatHandle) -> AbstractContextManager[Any]:
        return jax.enable_x64(True)

    def whole_power(self, a: Any, b: Any) -> Any:
        def step(bit: Any, state: tuple[Any, Any]) -> tuple[Any, Any]:  # jnp.power looks at six bits alone
            found, base = state
            taken = (b >> bit.astype(b.dtype)) & 1 == 1
            return jnp.where(taken, found * base, found), base * base

        first = jnp.ones_like(a), a
        return lax.fori_loop(0, 8 * a.dtype.itemsize, step, first)[0]

    def matmul(self, a: Any, b: Any) -> Any:
        return jnp.matmul(a, b, precision=lax.Precision.HIGHEST)

    def put(self, x: Any, places: Any, values: Any, add: bool) -> Any:
        if add:
            return x.at[places].add(values, mode="promise_in_bounds")
        # XLA may write twice in any order: of places that are named twice, only the last write is kept
        turn = jnp.full(x.shape, -1, jnp.int64)
        number = jnp.arange(places.shape[0], dtype=jnp.int64)
        turn = turn.at[places].max(number, mode="promise_in_bounds")
        return jnp.where(turn < 0, x, jnp.take(values, jnp.maximum(turn, 0), axis=0))

    # -- memory

    def convert_bits(self, buffer: FlatBuffer, array: Any, dtype: DType) -> Any:
        wanted = self.dtype(dtype)
        if isinstance(array, np.ndarray):
            if array.size % wanted.itemsize:
                array = np.pad(array, (0, wanted.itemsize - array.size % wanted.itemsize))
            return jax.device_put(array.view(wanted), device_of(buffer.index))
        return array if array.dtype == wanted else _bits(array, wanted)

    def part(self, flat: Any, begin: Any, count: int) -> Any:
        return lax.dynamic_slice(flat, (begin,), (count,))

    def with_part(self, flat: Any, begin: Any, values: Any) -> Any:
        return _with_part(flat, values, begin)

    def scattered(self, flat: Any, begin: Any, values: Any, layout: Any) -> Any:
        return _scattered(self, layout)(flat, begin, values)

    # -- calls

    def run(self, op: Op, definition: Definition, outs: Any, ins: Any, attrs: Mapping[str, Any]) -> None:
        changing = CHANGING.get(op.name, frozenset())
        dynamic = {p.name for p in op.parameters if p.is_dynamic} | changing
        static = tuple([(k, told_apart(v)) for k, v in attrs.items() if k not in dynamic])
        key = (op, *[h.layout for h in outs], *[None if h is None else h.layout for h in ins], static)
        program = self.programs.get(key)
        if program is None:
            names = tuple(name for name in attrs if name in dynamic)
            program = self.programs[key] = Program(self, op, definition, outs, ins, attrs, names)
        with jax.enable_x64(True), jax.default_device(device_of(outs[0].buffer.index)):
            results = program(ins, attrs)
            for handle, values in zip(outs, results, strict=True):
                self.store(handle, values)


class Program:
    """One op for given layouts and static attributes, compiled."""

    def __init__(
        self,
        lib: Jax,
        op: Op,
        definition: Definition,
        outs: Any,
        ins: Any,
        attrs: Any,
        names: tuple[str, ...],
    ) -> None:
        self.lib = lib
        self.names = names
        self.layouts = [None if h is None else h.layout for h in ins]
        self.outs = [h.layout for h in outs]
        self.specs: tuple[Spec, ...] = tuple(h.spec for h in outs)
        self.errors: list[tuple[Callable[..., Exception], int]] = []
        self.op = op
        self.definition = definition
        self.static = {k: v for k, v in attrs.items() if k not in names}
        self.compiled = jax.jit(self.traced)

    def traced(self, flats: list[Any], begins: list[Any], numbers: list[Any]) -> tuple[list[Any], list[Any]]:
        """Flat results, and the verdicts and values of what is refused."""
        lib = self.lib
        call = Call(lib, self.op, self.specs, {**self.static, **dict(zip(self.names, numbers, strict=True))})
        call.refusals = []
        arrays = [
            None if layout is None else lib.unroll(flat, begin, layout)
            for flat, begin, layout in zip(flats, begins, self.layouts, strict=True)
        ]
        results = lib.results(call, self.definition, arrays)
        self.errors = [(refusal.error, len(refusal.values)) for refusal in call.refusals]
        found = [item for refusal in call.refusals for item in (refusal.refused, *refusal.values)]
        return [lib.roll(x, layout) for x, layout in zip(results, self.outs, strict=True)], found

    def __call__(self, ins: Any, attrs: Mapping[str, Any]) -> list[Any]:
        flats = [None if h is None else self.lib.flat(h) for h in ins]
        begins = [None if h is None else np.int64(h.begin) for h in ins]
        results, found = self.compiled(flats, begins, [_number(attrs[name]) for name in self.names])
        place = 0
        for error, count in self.errors:
            refused, values = found[place], found[place + 1 : place + 1 + count]
            place += 1 + count
            if bool(refused):
                raise error(*(int(value) for value in values))
        return results


def _number(value: Any) -> Any:
    """A Python number as an argument of a program: integers as two's complement of 64 bits."""
    if isinstance(value, float):
        return np.float64(value)
    return np.int64((int(value) + (1 << 63)) % (1 << 64) - (1 << 63))


@partial(jax.jit, static_argnums=1)
def _bits(array: Any, dtype: Any) -> Any:
    if array.dtype == jnp.bool_:
        array = array.astype(jnp.uint8)
    target = jnp.dtype(jnp.uint8) if dtype == jnp.bool_ else dtype
    missing = -array.nbytes % target.itemsize // array.dtype.itemsize
    array = jnp.pad(array, (0, missing))
    if array.dtype.itemsize < target.itemsize:
        array = array.reshape(-1, target.itemsize // array.dtype.itemsize)
    array = lax.bitcast_convert_type(array, target).reshape(-1)
    return array != 0 if dtype == jnp.bool_ else array


@jax.jit
def _with_part(flat: Any, values: Any, begin: Any) -> Any:
    return lax.dynamic_update_slice(flat, values, (begin,))


@cache
def _scattered(lib: Jax, layout: Any) -> Any:
    def run(flat: Any, begin: Any, values: Any) -> Any:
        return FlatAdapter.scattered(lib, flat, begin, values, layout)

    return jax.jit(run)


# ---- ops that XLA does in one go


def _wide(call: Call, *arrays: Any) -> list[Any]:
    """Halves as float32."""
    return [None if x is None else call.lib.astype(x, compute_dtype(call.lib.dtype_of(x))) for x in arrays]


def _along(function: Callable[..., Any]) -> Definition:
    def run(call: Call, x: Any) -> Any:
        (x,) = _wide(call, x)
        return function(x, axis=call.attrs["dim"]) if x.ndim else function(x[None], axis=0)[0]

    return run


def _logsumexp(call: Call, x: Any) -> Any:
    (x,) = _wide(call, x)
    return jax.scipy.special.logsumexp(x, axis=call.attrs["dim"] or None)


def _convolved(attrs: Mapping[str, Any], x: Any, weight: Any) -> Any:
    return lax.conv_general_dilated(
        x,
        weight,
        attrs["stride"],
        [(p, p) for p in attrs["padding"]],
        rhs_dilation=attrs["dilation"],
        feature_group_count=attrs["groups"],
        precision=lax.Precision.HIGHEST,
    )


def _convolution(call: Call, x: Any, weight: Any, bias: Any) -> Any:
    x, weight, bias = _wide(call, x, weight, bias)
    found = _convolved(call.attrs, x, weight)
    return found if bias is None else found + bias.reshape(-1, *(1,) * (x.ndim - 2))


def _convolution_input_grad(call: Call, grad: Any, weight: Any) -> Any:
    grad, weight = _wide(call, grad, weight)
    x = jax.ShapeDtypeStruct(call.attrs["input_shape"], grad.dtype)
    return jax.linear_transpose(lambda x: _convolved(call.attrs, x, weight), x)(grad)[0]


def _convolution_weight_grad(call: Call, grad: Any, x: Any) -> Any:
    grad, x = _wide(call, grad, x)
    weight = jax.ShapeDtypeStruct(call.attrs["weight_shape"], grad.dtype)
    return jax.linear_transpose(lambda weight: _convolved(call.attrs, x, weight), weight)(grad)[0]


def _running(best_of: Callable[..., Any], first_wins: Callable[..., Any]) -> Definition:
    """The extremum up to each element, NaN from the first on, and the last place that holds it."""

    def run(call: Call, x: Any) -> tuple[Any, Any]:
        if not x.size or not x.ndim:
            return x, jnp.zeros(x.shape, jnp.int64)
        dim = call.attrs["dim"]
        keys = x.astype(jnp.uint8) if x.dtype == jnp.bool_ else x
        best = best_of(keys, axis=dim)
        new = lax.slice_in_dim(keys, 1, None, axis=dim)
        before = lax.slice_in_dim(best, 0, -1, axis=dim)
        later = ~first_wins(before, new) & (before == before) | (new != new)
        first = jnp.ones(tuple(1 if d == dim else n for d, n in enumerate(x.shape)), bool)
        later = jnp.concatenate([first, later], axis=dim)
        places = lax.cummax(jnp.where(later, lax.broadcasted_iota(jnp.int64, x.shape, dim), 0), axis=dim)
        return jnp.take_along_axis(x, places, axis=dim), places

    return run


OWN: Mapping[str, Definition] = {
    "cummax": _running(lax.cummax, jnp.greater),
    "cummin": _running(lax.cummin, jnp.less),
    "softmax": _along(jax.nn.softmax),
    "log_softmax": _along(jax.nn.log_softmax),
    "logsumexp": _logsumexp,
    "conv": _convolution,
    "conv_input_grad": _convolution_input_grad,
    "conv_weight_grad": _convolution_weight_grad,
}


LIBRARY = Jax()


def jax_kernels() -> list[Kernel]:
    floats = frozenset(dtypes.FLOATS)
    own = OWN.keys() - {"cummax", "cummin"}  # those take any dtype
    return [replace(k, dtypes=floats) if k.op in own else k for k in kernels(LIBRARY, OWN)]
