"""Wrong backends that are right where shapes, strides and numbers are the usual ones:
op → function, by the mutant's name.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import ml_dtypes
import numpy as np

from .reference import FUNCTIONS, _dims, is_float, put, wide

Function = Callable[[Any, Any, Any], None]


def _square(x: Any) -> bool:
    return bool(x.ndim == 2 and x.shape[0] == x.shape[1] > 1)


def _transposed(x: Any) -> bool:
    return bool(0 < x.strides[0] < x.strides[1])


def _half_turned(outs: Any, ins: Any, attrs: Any) -> None:
    """Of two transposed squares the second is read as if it were dense."""
    a, b = ins
    if all(_square(x) and _transposed(x) for x in ins):
        b = b.T
    FUNCTIONS["matmul"](outs, [a, b], attrs)


def _turned_scan(outs: Any, ins: Any, attrs: Any) -> None:
    """Runs along the other dimension of a transposed square."""
    if _square(ins[0]) and _transposed(ins[0]):
        attrs = {**attrs, "dim": 1 - attrs["dim"] % 2}
    FUNCTIONS["cumsum"](outs, ins, attrs)


def _outer_batches(outs: Any, ins: Any, attrs: Any) -> None:
    """Takes what is outermost in memory for the batches."""
    a, b = ins
    if a.ndim == 3 and a.shape[0] == a.shape[1] and 0 < a.strides[0] < a.strides[1]:
        a = np.swapaxes(a, 0, 1)
    FUNCTIONS["matmul"](outs, [a, b], attrs)


def _confused_middle(outs: Any, ins: Any, attrs: Any) -> None:
    """Walks the first dimension backwards where one in the middle is repeated."""

    def read(x: Any) -> Any:
        middle = x.ndim > 2 and x.strides[0] and x.strides[-1] and 0 in x.strides[1:-1]
        return np.flip(x, 0) if middle else x

    FUNCTIONS["add"](outs, [read(x) for x in ins], attrs)


def _few_dimensions(outs: Any, ins: Any, attrs: Any) -> None:
    """Of more than four dimensions the first is not walked along."""
    read = [np.broadcast_to(x[:1], x.shape) if x.ndim > 4 else x for x in ins]
    FUNCTIONS["sub"](outs, read, attrs)


def _kept_number() -> Function:
    """Keeps a number among its operands under the result's shape."""
    kept: dict[Any, Any] = {}

    def run(outs: Any, ins: Any, attrs: Any) -> None:
        key = (outs[0].shape, str(outs[0].dtype))

        def read(place: int, x: Any) -> Any:
            if x.size < 2 or any(x.strides):
                return x
            return np.broadcast_to(kept.setdefault((place, *key), x.flat[0]), x.shape).astype(x.dtype)

        FUNCTIONS["mul"](outs, [read(i, x) for i, x in enumerate(ins)], attrs)

    return run


def _no_negative_power(outs: Any, ins: Any, attrs: Any) -> None:
    """Whole numbers to a negative power are 0, those of 1 and -1 too."""
    FUNCTIONS["pow"](outs, ins, attrs)
    if not is_float(ins[0]):
        outs[0][...] = np.where(ins[1] < 0, 0, outs[0])


def _byte_quotient(outs: Any, ins: Any, attrs: Any) -> None:
    """Takes a divisor of 255 for -1."""
    FUNCTIONS["floor_divide"](outs, ins, attrs)
    if ins[0].dtype == np.uint8:
        outs[0][...] = np.where(ins[1] == 255, (0 - ins[0].astype(np.int64)) & 255, outs[0])


def _skipped_zeros(outs: Any, ins: Any, attrs: Any) -> None:
    """What a zero is multiplied by does not count, NaN and infinities neither."""
    a, b = ins
    if is_float(a) and (a == 0).any():
        b = np.where(np.isfinite(b.astype(np.float64)), b, np.zeros((), b.dtype))
    FUNCTIONS["matmul"](outs, [a, b], attrs)


def _last_columns(outs: Any, ins: Any, attrs: Any) -> None:
    """An index that is narrower than its operand takes from the last columns."""
    x, index = ins
    if index.ndim == 2 and attrs["dim"] % 2 == 0 and index.shape[1] < x.shape[1]:
        x = x[:, 1:]
    FUNCTIONS["gather"](outs, [x, index], attrs)


def _filled_by_double(outs: Any, ins: Any, attrs: Any) -> None:
    """Numbers of an attribute go through float64."""
    value = attrs["value"]
    if isinstance(value, int) and not isinstance(value, bool):
        value = max(min(int(float(value)), (1 << 63) - 1), -(1 << 63))
    FUNCTIONS["fill"](outs, ins, {**attrs, "value": value})


def _added_steps(outs: Any, ins: Any, attrs: Any) -> None:
    """A range in float32 by adding the step to what came before."""
    FUNCTIONS["iota"](outs, ins, attrs)
    if outs[0].dtype == np.float32 and outs[0].size > 1:
        steps = np.full(outs[0].size, attrs["step"], np.float32)
        steps[0] = attrs["start"]
        outs[0][...] = np.cumsum(steps, dtype=np.float32).reshape(outs[0].shape)


def _finite_begin(outs: Any, ins: Any, attrs: Any) -> None:
    """Looks for the largest from the lowest finite number on."""
    FUNCTIONS["amax"](outs, ins, attrs)
    if is_float(outs[0]):
        outs[0][...] = np.where(np.isneginf(outs[0]), ml_dtypes.finfo(outs[0].dtype).min, outs[0])


def _nan_is_zero(outs: Any, ins: Any, attrs: Any) -> None:
    """NaN is not among what differs from 0: the place before it stands twice."""
    FUNCTIONS["nonzero"](outs, ins, attrs)
    if is_float(ins[0]):
        for row in range(1, len(outs[0])):
            if np.isnan(ins[0][tuple(outs[0][row])].astype(np.float64)):
                outs[0][row] = outs[0][row - 1]


def _memory_order(outs: Any, ins: Any, attrs: Any) -> None:
    """Runs over dense images as they lie in memory, the second as the first lies."""
    a, b = ins
    if a.ndim == b.ndim == 4 and a.shape == b.shape and all(_packed(x) for x in ins):
        b = np.lib.stride_tricks.as_strided(b, b.shape, a.strides)
    FUNCTIONS["maximum"](outs, [a, b], attrs)


def _own_rows(outs: Any, ins: Any, attrs: Any) -> None:
    """Rows that begin inside of the one before are taken for copies of the first."""
    (x,) = ins
    if x.ndim == 2 and 0 < x.strides[0] < x.strides[1] * x.shape[1] and x.strides[1] == x.itemsize:
        x = np.broadcast_to(x[:1], x.shape)
    FUNCTIONS["neg"](outs, [x], attrs)


def _by_bits(outs: Any, ins: Any, attrs: Any) -> None:
    """Sorts floats by their bits, by which -0.0 comes before 0.0."""
    FUNCTIONS["sort"](outs, ins, attrs)
    x = ins[0]
    if not is_float(x) or not x.ndim:
        return
    dim, values, places = attrs["dim"] % x.ndim, *(np.array(o) for o in outs)
    after = (values == 0) & (np.signbit(values) == attrs["descending"])
    rank = np.cumsum(np.diff(values, axis=dim, prepend=values.take([0], dim)) != 0, dim)
    order = np.argsort(2 * rank + after, axis=dim, kind="stable")
    for out, found in zip(outs, (values, places), strict=True):
        out[...] = np.take_along_axis(found, order, dim)


def _first_mask(outs: Any, ins: Any, attrs: Any) -> None:
    """The mask of the first batch serves them all where the heads share one."""
    q, k, v, mask = ins
    scale = attrs["scale"] if attrs["scale"] is not None else q.shape[-1] ** -0.5
    with np.errstate(all="ignore"):
        scores = wide(q) @ np.swapaxes(wide(k), -1, -2) * scale
        if mask is not None:
            mask = mask[:1] if mask.ndim == 4 and mask.shape[1] == 1 else mask
            scores = np.where(mask, scores, -np.inf) if mask.dtype == bool else scores + wide(mask)
        if attrs["is_causal"]:
            scores = np.where(np.tril(np.ones(scores.shape[-2:], bool)), scores, -np.inf)
        top = scores.max(-1, keepdims=True)
        parts = np.exp(scores - np.where(np.isfinite(top), top, 0))
        total = parts.sum(-1, keepdims=True)
        put(outs[0], np.where(total == 0, 0, parts / total) @ wide(v))


def _mean_of_overflow(outs: Any, ins: Any, attrs: Any) -> None:
    """A mean of float16 whose sum is a float16."""
    (x,) = ins
    dims = _dims(attrs, x.ndim)
    with np.errstate(all="ignore"):
        total = np.sum(wide(x), axis=dims)
        if x.dtype == np.float16:
            total = total.astype(np.float16).astype(np.float64)
        found = total / max(int(np.prod([x.shape[d] for d in dims])), 1)
        put(outs[0], np.asarray(found).reshape(outs[0].shape))


def _packed(x: Any) -> bool:
    """Whether the elements lie without gaps, in whatever order."""
    step = x.itemsize
    for stride, size in sorted(zip(x.strides, x.shape, strict=True)):
        if stride != step:
            return False
        step *= size
    return bool(x.size)


# name: what is wrong, the beginnings of cases that find it, kernels
WRONG: Final[dict[str, tuple[str, tuple[str, ...], dict[str, Function]]]] = {
    "half-turned": (
        "of two transposed squares one is taken for dense",
        ("S2/matmul/float32/square",),
        {"matmul": _half_turned},
    ),
    "turned-scan": (
        "transposed squares are scanned along the other dimension",
        ("S2/cumsum/float32/square",),
        {"cumsum": _turned_scan},
    ),
    "outer-batches": (
        "what is outermost in memory is taken for batches",
        ("S2/matmul/float32/square",),
        {"matmul": _outer_batches},
    ),
    "confused-middle": (
        "a repeated dimension in the middle turns the first",
        ("S2/add/float32/square",),
        {"add": _confused_middle},
    ),
    "own-rows": (
        "windows do not overlap",
        ("S2/neg/float32/square",),
        {"neg": _own_rows},
    ),
    "sorted-by-bits": (
        "of equal numbers -0.0 is sorted before 0.0",
        ("S2/sort/float32/order-ties",),
        {"sort": _by_bits},
    ),
    "first-mask": (
        "all batches see what the first one sees",
        ("S2/scaled_dot_product_attention/float32/fused",),
        {"scaled_dot_product_attention": _first_mask},
    ),
    "mean-of-overflow": (
        "the sum of a mean ends at 65504",
        ("S2/mean/float16/fused",),
        {"mean": _mean_of_overflow},
    ),
    "memory-order": (
        "images are run over as they lie in memory",
        ("S2/maximum/float32/square",),
        {"maximum": _memory_order},
    ),
    "few-dimensions": (
        "the fifth dimension is not walked along",
        ("S2/sub/float32/rank-",),
        {"sub": _few_dimensions},
    ),
    "kept-number": ("a number is kept under the shape", ("S2/mul/any/state",), {"mul": _kept_number()}),
    "no-negative-power": (
        "1 to a negative power is 0",
        ("S2/pow/int64/pairs", "S2/pow/int8/pairs"),
        {"pow": _no_negative_power},
    ),
    "byte-quotient": (
        "uint8 divides by 255 as by -1",
        ("S2/floor_divide/uint8/pairs",),
        {"floor_divide": _byte_quotient},
    ),
    "skipped-zeros": (
        "nothing is computed where a factor is 0",
        ("S2/matmul/float32/fused",),
        {"matmul": _skipped_zeros},
    ),
    "last-columns": (
        "a narrow index takes from the last columns",
        ("S2/gather/float32/fused",),
        {"gather": _last_columns},
    ),
    "filled-by-double": (
        "numbers to fill with go through float64",
        ("S2/fill/int64/bits",),
        {"fill": _filled_by_double},
    ),
    "added-steps": ("a range by adding steps", ("S2/iota/float32/fused",), {"iota": _added_steps}),
    "finite-begin": (
        "the largest of nothing but -inf is finite",
        ("S2/amax/float32/order-equal",),
        {"amax": _finite_begin},
    ),
    "nan-is-zero": ("nonzero overlooks NaN", ("S4/truth/float32/nonzero",), {"nonzero": _nan_is_zero}),
}
