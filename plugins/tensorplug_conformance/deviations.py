"""Further backends that are wrong on purpose: a small deviation for every kind that drivers are known for.

Each is the executable specification with one thing changed, as in ``mutants``, which takes them over.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np

from tensorplug_dispatcher import DeviceInfo
from tensorplug_dispatcher.boundary import ffi

from . import reference
from .reference import FUNCTIONS, Buffer, ReferenceRuntime, put, wide
from .specified import only

Function = Callable[..., None]


def _after(op: str, change: Callable[[Any, Any, Any], Any]) -> Function:
    """The op, and then ``change(out, ins, attrs)``, which gives what stands in the result; None: as it is."""

    def run(outs: Any, ins: Any, attrs: Any) -> None:
        given = [np.array(x) for x in ins]
        FUNCTIONS[op](outs, ins, attrs)
        with np.errstate(all="ignore"):
            other = change(np.array(outs[0]), given, attrs)
        if other is not None:
            outs[0][...] = other

    return run


def _given(op: str, change: Callable[[Any], Any], place: int = 0) -> Function:
    """The op of another operand than the one that it was given."""

    def run(outs: Any, ins: Any, attrs: Any) -> None:
        changed = list(ins)
        with np.errstate(all="ignore"):
            changed[place] = change(ins[place])
        FUNCTIONS[op](outs, changed, attrs)

    return run


def _by_double(op: str, places: bool = False) -> Function:
    """Whole numbers by way of float64, but for the operands behind the first where those are places."""

    def run(outs: Any, ins: Any, attrs: Any) -> None:
        through = [x.astype(np.float64) if x.dtype.kind in "iu" else x for x in ins]
        through[1:] = ins[1:] if places else through[1:]
        if outs[0].dtype.kind not in "iu":
            FUNCTIONS[op](outs, through, attrs)
            return
        found = np.empty(outs[0].shape, np.float64)
        FUNCTIONS[op]([found, *outs[1:]], through, attrs)
        with np.errstate(all="ignore"):
            outs[0][...] = found.astype(np.int64).astype(outs[0].dtype)

    return run


# -- sizes


def _lost_carry(out: Any, ins: Any, attrs: Any) -> Any:
    x = ins[0]
    if x.ndim != 1 or len(x) <= 65536:
        return None
    out[65536:] = np.cumsum(wide(x[65536:])).astype(out.dtype)
    return out


def _unmerged(outs: Any, ins: Any, attrs: Any) -> None:
    """Sorts blocks of 4,096, and does not merge them."""
    FUNCTIONS["sort"](outs, ins, attrs)
    x = ins[0]
    if x.ndim == 1 and len(x) > 4096:
        FUNCTIONS["sort"]([outs[0][:4096], outs[1][:4096]], [x[:4096]], attrs)


def _lost_updates(out: Any, ins: Any, attrs: Any) -> Any:
    x, index, source = ins
    if x.ndim != 1 or len(index) < 1000:
        return None
    out[...] = x
    out[index] += source.astype(out.dtype)  # of those that collide, the last
    return out


def _narrow_rows(x: Any) -> Any:
    return x & 0xFFFF


def _short_period(outs: Any, ins: Any, attrs: Any) -> None:
    FUNCTIONS["random_bits"](outs, ins, {**attrs, "offset": attrs["offset"] & 0xFFFF})


# -- numbers


def _bottom_ties(outs: Any, ins: Any, attrs: Any) -> None:
    """argmin: within a line of over 64 the last of equals."""
    FUNCTIONS["argmin"](outs, ins, attrs)
    x, dim = wide(ins[0]), attrs.get("dim")
    if x.ndim and dim is not None and x.shape[dim] > 64:
        last = x.shape[dim] - 1 - np.argmin(np.flip(x, dim), axis=dim)
        outs[0][...] = last.reshape(outs[0].shape)


def _first_nan(outs: Any, ins: Any, attrs: Any) -> None:
    """amax sees NaN in the first 32 of a line alone."""
    x = wide(ins[0])
    dims = reference._dims(attrs, x.ndim)
    if x.dtype.kind == "f" and dims and x.shape[dims[-1]] > 32:
        keep = np.moveaxis(np.array(x), dims[-1], -1)
        keep[..., 32:] = np.where(np.isnan(keep[..., 32:]), -np.inf, keep[..., 32:])
        x = np.moveaxis(keep, -1, dims[-1])
    FUNCTIONS["amax"](outs, [x], attrs)


def _nan_first(outs: Any, ins: Any, attrs: Any) -> None:
    """Of descending order NaN is last."""
    FUNCTIONS["sort"](outs, ins, attrs)
    x = ins[0]
    if attrs["descending"] and x.ndim and x.size:
        dim = attrs["dim"] % x.ndim
        order = np.argsort(-wide(x) if x.dtype != bool else ~x, axis=dim, kind="stable")
        outs[1][...] = order
        outs[0][...] = np.take_along_axis(np.asarray(x), order, dim)


def _nan_before(outs: Any, ins: Any, attrs: Any) -> None:
    """searchsorted puts NaN before everything."""
    FUNCTIONS["searchsorted"](outs, ins, attrs)
    outs[0][...] = np.where(ins[1] != ins[1], 0, outs[0])


def _logical_shift(outs: Any, ins: Any, attrs: Any) -> None:
    a, b = ins
    if a.dtype.kind == "i":
        plain = np.dtype(f"u{a.dtype.itemsize}")
        shifted = np.right_shift(a.astype(plain), np.clip(b, 0, 8 * a.dtype.itemsize - 1).astype(plain))
        outs[0][...] = shifted.astype(a.dtype)
    else:
        FUNCTIONS["bitwise_right_shift"](outs, ins, attrs)


def _whole_power(outs: Any, ins: Any, attrs: Any) -> None:
    a, b = ins
    if a.dtype.kind in "iu":
        b = np.abs(b).astype(b.dtype)
    FUNCTIONS["pow"](outs, [a, b], attrs)


def _byte_counts(outs: Any, ins: Any, attrs: Any) -> None:
    if ins[0].dtype == bool:
        with np.errstate(all="ignore"):
            found = np.sum(ins[0], axis=reference._dims(attrs, ins[0].ndim), dtype=np.uint8)
        put(outs[0], np.asarray(found).reshape(outs[0].shape))
    else:
        FUNCTIONS["sum"](outs, ins, attrs)


def _saturating_half(out: Any, ins: Any, attrs: Any) -> Any:
    if out.dtype != np.float16:
        return None
    return np.where(np.isinf(out) & np.isfinite(ins[0].astype(np.float64)), np.copysign(65504, out), out)


def _cut_halves(outs: Any, ins: Any, attrs: Any) -> None:
    """Conversion to 16 bits cuts off where it should round."""
    FUNCTIONS["cast"](outs, ins, attrs)
    if outs[0].dtype == np.float16 and reference.is_float(ins[0]):
        x = ins[0].astype(np.float64)
        with np.errstate(all="ignore"):
            larger = np.abs(outs[0].astype(np.float64)) > np.abs(x)
            outs[0][...] = np.where(larger & np.isfinite(x), np.nextafter(outs[0], np.float16(0)), outs[0])


def _single(outs: Any, ins: Any, attrs: Any) -> None:
    """float64 by way of float32."""
    with np.errstate(all="ignore"):
        FUNCTIONS["add"](outs, [x.astype(np.float32) if x.dtype == np.float64 else x for x in ins], attrs)


def _blended(outs: Any, ins: Any, attrs: Any) -> None:
    """where as a sum of products, in which NaN and infinities of the other side show."""
    c, x, y = ins
    if reference.is_float(x):
        with np.errstate(all="ignore"):
            put(outs[0], c * wide(x) + ~c * wide(y))
    else:
        FUNCTIONS["where"](outs, ins, attrs)


def _floor_by_int(outs: Any, ins: Any, attrs: Any) -> None:
    """floor through int32."""
    x = wide(ins[0])
    if x.dtype.kind != "f":
        FUNCTIONS["floor"](outs, ins, attrs)
        return
    with np.errstate(all="ignore"):
        whole = np.clip(x, -(2.0**31), 2.0**31 - 1)
        put(outs[0], np.where(np.isfinite(x), np.floor(whole), x))


# -- layouts


def _one_batch(outs: Any, ins: Any, attrs: Any) -> None:
    """A batch of stride 0 makes one product for all."""
    a, b = ins
    if outs[0].ndim == 3 and a.ndim == 3 and b.ndim == 3 and (a.strides[0] == 0 or b.strides[0] == 0):
        found = np.empty(outs[0].shape[1:], outs[0].dtype)
        FUNCTIONS["matmul"]([found], [a[0], b[0]], attrs)
        outs[0][...] = found
    else:
        FUNCTIONS["matmul"](outs, ins, attrs)


def _confused_sides(outs: Any, ins: Any, attrs: Any) -> None:
    """A sum over the first of three equal sides comes transposed."""
    FUNCTIONS["sum"](outs, ins, attrs)
    x = ins[0]
    if x.ndim == 3 and len(set(x.shape)) == 1 and reference._dims(attrs, 3) == (0,) and outs[0].ndim == 2:
        outs[0][...] = np.array(outs[0]).T


# -- writes


def _beyond(op: str, count: int) -> Function:
    """Writes up to ``count`` elements behind a dense result, as a vector's store does."""

    def run(outs: Any, ins: Any, attrs: Any) -> None:
        FUNCTIONS[op](outs, ins, attrs)
        out = outs[0]
        if not out.flags.c_contiguous or not out.size or out.base is None:
            return
        whole = np.frombuffer(out.base, np.uint8) if not isinstance(out.base, np.ndarray) else out.base
        end = out.__array_interface__["data"][0] + out.nbytes
        limit = whole.__array_interface__["data"][0] + whole.nbytes
        more = (-out.size) % count * out.itemsize or (out.itemsize if count == 1 else 0)
        beyond = max(min(more, limit - end), 0)
        ffi.memmove(ffi.cast("char *", end), bytes(beyond), beyond)

    return run


def _in_steps(outs: Any, ins: Any, attrs: Any) -> None:
    """Copies the first operand to the result, and then subtracts the second."""
    a, b = ins
    outs[0][...] = a
    with np.errstate(all="ignore"):
        put(outs[0], wide(np.array(outs[0])) - wide(b))


# -- state


def _planned(op: str, attribute: str) -> Function:
    """Keeps an attribute under the operand's shape, from the first call on."""
    plans: dict[Any, Any] = {}

    def run(outs: Any, ins: Any, attrs: Any) -> None:
        key = (ins[0].shape, outs[0].shape) if ins else outs[0].shape
        kept = plans.setdefault(key, attrs[attribute])
        FUNCTIONS[op](outs, ins, {**attrs, attribute: kept})

    return run


def _packed() -> Function:
    """Keeps a packed second operand under its memory, whatever is written there later."""
    kept: dict[Any, Any] = {}

    def run(outs: Any, ins: Any, attrs: Any) -> None:
        b = ins[1]
        key = (b.__array_interface__["data"][0], b.shape, b.strides, b.dtype.str)
        FUNCTIONS["matmul"](outs, [ins[0], kept.setdefault(key, np.array(b))], attrs)

    return run


def _of_first_dtype() -> Function:
    """A result is rounded to the dtype in which its shape was seen first."""
    kept: dict[Any, Any] = {}

    def run(outs: Any, ins: Any, attrs: Any) -> None:
        if not reference.is_float(outs[0]):
            FUNCTIONS["mul"](outs, ins, attrs)
            return
        dtype = kept.setdefault(outs[0].shape, outs[0].dtype)
        found = np.empty(outs[0].shape, dtype)
        FUNCTIONS["mul"]([found], ins, attrs)
        with np.errstate(all="ignore"):
            outs[0][...] = found.astype(np.float64).astype(outs[0].dtype)

    return run


class _BoundOnce(ReferenceRuntime):
    """Keeps bound arrays under memory and layout, without the offset."""

    def __init__(self) -> None:
        self.bound: dict[Any, Any] = {}

    def bind(self, array: Any) -> Any:
        handle = array.storage.handle
        key = (id(handle), array.dtype.name, tuple(array.shape), tuple(array.strides))
        if key not in self.bound:
            self.bound[key] = (handle, super().bind(array))
        return self.bound[key][1]


# -- the host's side


class _KeepsSource(ReferenceRuntime):
    """Takes the bytes of an upload when they are first needed."""

    def __init__(self) -> None:
        self.waiting: dict[int, tuple[Buffer, memoryview]] = {}

    def upload(self, dst: Buffer, src: memoryview) -> None:
        self.settle(dst)
        self.waiting[id(dst)] = dst, src

    def settle(self, buffer: Buffer) -> None:
        _, src = self.waiting.pop(id(buffer), (None, None))
        if src is not None:
            super().upload(buffer, src)

    def download(self, src: Buffer, dst: memoryview) -> None:
        self.settle(src)
        super().download(src, dst)

    def bind(self, array: Any) -> Any:
        self.settle(array.storage.handle)
        return super().bind(array)


class _OldDownloads(ReferenceRuntime):
    """Downloads once, and again from what it kept."""

    def __init__(self) -> None:
        self.seen: dict[int, tuple[Buffer, bytes]] = {}

    def download(self, src: Buffer, dst: memoryview) -> None:
        _, kept = self.seen.get(id(src), (src, b""))
        if len(kept) < len(dst):
            kept = bytes(memoryview(src.data)[: len(dst)])
            self.seen[id(src)] = src, kept
        dst[:] = memoryview(kept)[: len(dst)]


class _TwoMixed(ReferenceRuntime):
    """Two devices, between which nothing moves."""

    def devices(self) -> Sequence[DeviceInfo]:
        return [DeviceInfo(i, "specification", details="two of them") for i in range(2)]

    def transfer(self, src: Buffer, dst: Buffer) -> bool:
        if src.index == dst.index:
            return False
        return True


class _Late(ReferenceRuntime):
    """Errors wait until something is downloaded; ``synchronize`` looks for none."""

    def __init__(self) -> None:
        self.error: list[Exception] = []

    def download(self, src: Buffer, dst: memoryview) -> None:
        if LATE:
            raise LATE.pop()
        super().download(src, dst)


LATE: list[Exception] = []


def _late_gather(outs: Any, ins: Any, attrs: Any) -> None:
    try:
        FUNCTIONS["gather"](outs, ins, attrs)
    except Exception as error:
        LATE[:] = [error.with_traceback(None)]  # whose frames hold tensors


def _hoards() -> Function:
    """Keeps a copy of each operand for itself."""
    kept: list[Any] = []

    def run(outs: Any, ins: Any, attrs: Any) -> None:
        FUNCTIONS["add"](outs, ins, attrs)
        kept.append(np.array(ins[0]))

    return run


# -- fused


def _bare_softmax(outs: Any, ins: Any, attrs: Any) -> None:
    """Without the maximum."""
    x = ins[0].astype(np.float32)
    with np.errstate(all="ignore"):
        parts = np.exp(x)
        put(outs[0], parts / parts.sum(attrs["dim"] % max(x.ndim, 1), keepdims=True))


def _one_pass(outs: Any, ins: Any, attrs: Any) -> None:
    """The variance as the mean of squares less the square of the mean, in float32."""
    x, weight, bias = ins
    last = len(attrs["normalized_shape"])
    axes = tuple(range(x.ndim - last, x.ndim))
    wide_x = x.astype(np.float64 if x.dtype == np.float64 else np.float32)
    with np.errstate(all="ignore"):
        mean = wide_x.mean(axes, keepdims=True)
        variance = np.maximum((wide_x * wide_x).mean(axes, keepdims=True) - mean * mean, 0)
        rstd = 1 / np.sqrt(variance + attrs["eps"])
        found = (wide_x - mean) * rstd
        found = found * (1 if weight is None else wide(weight)) + (0 if bias is None else wide(bias))
    put(outs[0], found)
    put(outs[1], mean.reshape(outs[1].shape))
    put(outs[2], rstd.reshape(outs[2].shape))


def _half_up(outs: Any, ins: Any, attrs: Any) -> None:
    """Levels from exact halves go up."""
    x, scale, zero = ins
    if scale.ndim:
        scale = scale.reshape((*scale.shape, *(1,) * (x.ndim - scale.ndim)))
    point = 0 if zero is None else zero.astype(np.float64)
    with np.errstate(all="ignore"):
        found = np.floor(x.astype(np.float64) / scale.astype(np.float64) + 0.5) + point
    outs[0][...] = np.clip(np.nan_to_num(found), attrs["low"], attrs["high"]).astype(outs[0].dtype)


def _tail_causal(outs: Any, ins: Any, attrs: Any) -> None:
    """Causal attention in which the last query sees the last key, whatever the lengths are."""
    q, k, v, mask = ins
    with np.errstate(all="ignore"):
        scale = attrs["scale"] if attrs["scale"] is not None else 1 / np.sqrt(q.shape[-1])
        scores = wide(q) @ np.swapaxes(wide(k), -1, -2) * scale
        if mask is not None:
            scores = np.where(mask, scores, -np.inf) if mask.dtype == bool else scores + wide(mask)
        if attrs["is_causal"]:
            rows, columns = scores.shape[-2:]
            scores = np.where(np.tril(np.ones((rows, columns), bool), columns - rows), scores, -np.inf)
        top = scores.max(-1, keepdims=True)
        parts = np.exp(scores - np.where(np.isfinite(top), top, 0))
        total = parts.sum(-1, keepdims=True)
        put(outs[0], np.where(total == 0, 0, parts / total) @ wide(v))


def _padded_with_zero(outs: Any, ins: Any, attrs: Any) -> None:
    """max_pool that takes its padding for zeros."""
    x = wide(ins[0])
    pad, kernel, stride, dilation = (attrs[n] for n in ("padding", "kernel_size", "stride", "dilation"))
    full = np.zeros(
        (
            *x.shape[:2],
            *(n + 2 * p + k * d for n, p, k, d in zip(x.shape[2:], pad, kernel, dilation, strict=True)),
        )
    )
    full[..., pad[0] : pad[0] + x.shape[2], pad[1] : pad[1] + x.shape[3]] = x
    for i, j in np.ndindex(*outs[0].shape[2:]):
        best = np.full(x.shape[:2], -np.inf)
        place = np.zeros(x.shape[:2], np.int64)
        for a, b in np.ndindex(*kernel):
            r, c = i * stride[0] + a * dilation[0], j * stride[1] + b * dilation[1]
            value = full[..., r, c]
            better = (value > best) | (value != value)
            best = np.where(better, value, best)
            place = np.where(better, (r - pad[0]) * x.shape[3] + c - pad[1], place)
        put(outs[0][..., i, j], best)
        outs[1][..., i, j] = place


def _undilated(outs: Any, ins: Any, attrs: Any) -> None:
    """conv that forgets dilation where there are groups."""
    x, w, bias = ins
    groups, (stride,), (padding,), (dilation,) = (
        attrs[n] for n in ("groups", "stride", "padding", "dilation")
    )
    step = 1 if groups > 1 else dilation
    padded = np.pad(wide(x), ((0, 0), (0, 0), (padding, padding + w.shape[2] * dilation)))
    per, outs_per = w.shape[1], w.shape[0] // groups
    found = np.zeros(outs[0].shape)
    for g in range(groups):
        part, kernel = padded[:, g * per : (g + 1) * per], wide(w[g * outs_per : (g + 1) * outs_per])
        for i in range(found.shape[2]):
            at = i * stride + np.arange(w.shape[2]) * step
            found[:, g * outs_per : (g + 1) * outs_per, i] = np.einsum("nck,ock->no", part[:, :, at], kernel)
    put(outs[0], found + (0 if bias is None else wide(bias)[:, None]))


def _counted_padding(outs: Any, ins: Any, attrs: Any) -> None:
    """embedding_backward that forgets ``padding_idx``."""
    grad, index = ins
    total = np.zeros(outs[0].shape)
    np.add.at(total, index.reshape(-1), wide(grad).reshape(-1, grad.shape[-1]))
    put(outs[0], total)


# name: what is wrong, where it is caught, kernels, runtime
DEVIATIONS: Final[dict[str, tuple[Any, ...]]] = {
    "lost-carry": (
        "a scan's blocks do not carry",
        ("S2/cumsum/",),
        {"cumsum": _after("cumsum", _lost_carry)},
    ),
    "unmerged": ("a sort of blocks that are not merged", ("S2/sort/",), {"sort": _unmerged}),
    "lost-updates": (
        "of many that collide, one is added",
        ("S2/scatter_add/",),
        {"scatter_add": _after("scatter_add", _lost_updates)},
    ),
    "narrow-rows": (
        "row numbers of 16 bits",
        ("S2/gather/float32/long",),
        {"gather": _given("gather", _narrow_rows, 1)},
    ),
    "short-period": ("a counter of 16 bits", ("S5/long-bits/",), {"random_bits": _short_period}),
    "zero-neg": (
        "0.0 negated is 0.0",
        ("S2/neg/float32/zeros",),
        {"neg": _after("neg", lambda o, i, a: 0 + o)},
    ),
    "zero-mul": (
        "products lose the sign of zero",
        ("S2/mul/float32/zeros",),
        {"mul": _after("mul", lambda o, i, a: o + 0)},
    ),
    "zero-floor": (
        "floor of -0.0 is 0.0",
        ("S2/floor/float32/zeros",),
        {"floor": _after("floor", lambda o, i, a: o + 0)},
    ),
    "zero-copy": (
        "copies lose the sign of zero",
        ("S2/copy/float32/bits", "S2/flip/float32/bits"),
        {"copy": _after("copy", lambda o, i, a: o + 0 if reference.is_float(o) else None)},
    ),
    "eq-double": ("whole numbers compared as float64", ("S2/eq/int64/pairs",), {"eq": _by_double("eq")}),
    "maximum-double": (
        "their maximum as float64",
        ("S2/maximum/int64/wide",),
        {"maximum": _by_double("maximum")},
    ),
    "sum-double": ("their sum as float64", ("S2/sum/int64/wide",), {"sum": _by_double("sum")}),
    "amax-double": ("their largest as float64", ("S2/amax/int64/",), {"amax": _by_double("amax")}),
    "argmax-double": ("their place as float64", ("S2/argmax/int64/order",), {"argmax": _by_double("argmax")}),
    "where-double": ("chosen by way of float64", ("S2/where/int64/",), {"where": _by_double("where")}),
    "gather-double": (
        "gathered by way of float64",
        ("S2/gather/int64/bits",),
        {"gather": _by_double("gather", places=True)},
    ),
    "byte-counts": ("counts of bools in a byte", ("S4/total/bool/sum",), {"sum": _byte_counts}),
    "logical-shift": (
        "negative numbers are shifted as bits",
        ("S2/bitwise_right_shift/int64/wide",),
        {"bitwise_right_shift": _logical_shift},
    ),
    "whole-power": (
        "negative exponents of integers lose their sign",
        ("S2/pow/int64/wide",),
        {"pow": _whole_power},
    ),
    "saturating-half": (
        "float16 has no overflow",
        ("S4/convert/float32/float16",),
        {"cast": _after("cast", _saturating_half)},
    ),
    "cut-halves": ("conversion to float16 cuts off", ("S4/convert/float32/float16",), {"cast": _cut_halves}),
    "single": ("float64 by way of float32", ("S2/add/float64/",), {"add": _single}),
    "bottom-ties": (
        "argmin of long lines finds the last",
        ("S2/argmin/int64/order-ties",),
        {"argmin": _bottom_ties},
    ),
    "first-nan": (
        "amax sees NaN at a line's begin alone",
        ("S2/amax/float32/order-nan",),
        {"amax": _first_nan},
    ),
    "nan-last": ("NaN last in descending order", ("S2/sort/float32/order-nan",), {"sort": _nan_first}),
    "nan-before": (
        "NaN found before everything",
        ("S2/searchsorted/float32/order-nan",),
        {"searchsorted": _nan_before},
    ),
    "blended-where": ("where adds products", ("S2/where/float32/",), {"where": _blended}),
    "int-floor": ("floor through int32", ("S2/floor/float32/points",), {"floor": _floor_by_int}),
    "one-batch": (
        "a batch of stride 0 is one product",
        ("S2/matmul/float32/layouts",),
        {"matmul": _one_batch},
    ),
    "confused-sides": ("equal sides are confused", ("S2/sum/float32/layouts",), {"sum": _confused_sides}),
    "one-beyond": (
        "writes one element behind a result",
        ("S2/exp/float32/canary",),
        {"exp": _beyond("exp", 1)},
    ),
    "vector-store": ("stores whole vectors", ("S2/add/float32/canary",), {"add": _beyond("add", 4)}),
    "in-steps": ("sub in two steps, whatever the result is", ("S2/sub/float32/aliases",), {"sub": _in_steps}),
    "plan-dim": ("a plan without dim", ("S2/cumsum/any/state",), {"cumsum": _planned("cumsum", "dim")}),
    "plan-order": (
        "a plan without descending",
        ("S2/sort/any/state",),
        {"sort": _planned("sort", "descending")},
    ),
    "plan-right": (
        "a plan without right",
        ("S2/searchsorted/any/state",),
        {"searchsorted": _planned("searchsorted", "right")},
    ),
    "packed": ("keeps a packed operand", ("S2/matmul/any/state",), {"matmul": _packed()}),
    "plan-dtype": ("a plan without the dtype", ("S2/mul/any/state",), {"mul": _of_first_dtype()}),
    "bound-once": ("bound arrays without the offset", ("S1/offsets",), None, _BoundOnce),
    "keeps-source": (
        "takes uploads when they are needed",
        ("S1/upload-kept", "S1/source-overwritten"),
        None,
        _KeepsSource,
    ),
    "old-download": (
        "downloads what it downloaded before",
        ("S1/download", "S1/downloads-fresh"),
        None,
        _OldDownloads,
    ),
    "two-mixed": ("nothing moves between two devices", ("S7/second-device/",), None, _TwoMixed),
    "late-errors": ("synchronize looks for no errors", ("S1/deferred/",), {"gather": _late_gather}, _Late),
    "hoards": ("keeps a copy of each operand", ("S7/resident/",), {"add": _hoards()}),
    "bare-softmax": (
        "softmax without the maximum",
        ("S2/softmax/float32/fused",),
        {"softmax": _bare_softmax},
    ),
    "one-pass": ("variance in one pass", ("S2/layer_norm/float32/fused",), {"layer_norm": _one_pass}),
    "half-up": ("halves go up", ("S2/quantize/float32/halves",), {"quantize": _half_up}),
    "tail-causal": (
        "causal attention from the end",
        ("S2/scaled_dot_product_attention/float32/fused",),
        {"scaled_dot_product_attention": _tail_causal},
    ),
    "zero-padding": (
        "pooling pads with zeros",
        ("S2/max_pool/float32/order-pooled",),
        {"max_pool": only(2, "max_pool", _padded_with_zero)},
    ),
    "undilated": (
        "no dilation with groups",
        ("S2/conv/float32/fused",),
        {"conv": only(1, "conv", _undilated)},
    ),
    "padding-learns": (
        "padding_idx has a gradient",
        ("S2/embedding_backward/float32/fused",),
        {"embedding_backward": _counted_padding},
    ),
}
