"""Wrong backends that are right but for some of the attributes, operands and layouts that an op may have."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np

from tensorplug_dispatcher.dtypes import float64

from .reference import FUNCTIONS, is_float, put, wide
from .specified import specified

Function = Callable[[Any, Any, Any], None]


def _half_total(outs: Any, ins: Any, attrs: Any) -> None:
    """Of long rows the sum of exponentials is kept in a narrow dtype, in which it stops to grow."""
    x, dim = ins[0], attrs["dim"]
    specified("softmax")(outs, ins, attrs)
    if not x.ndim or x.dtype.itemsize != 2 or x.shape[dim] <= 256:
        return
    rows = np.moveaxis(wide(x), dim, -1)
    each = np.exp(rows - rows.max(-1, keepdims=True))
    total = np.zeros(each.shape[:-1], x.dtype)
    for place in range(each.shape[-1]):
        total = (wide(total) + each[..., place]).astype(x.dtype)
    put(outs[0], np.moveaxis(each / wide(total)[..., None], -1, dim))


def _exclusive(outs: Any, ins: Any, attrs: Any) -> None:
    """What a block of 64 begins with is the sum to its end less its own: infinities become NaN."""
    x, dim = wide(ins[0]), attrs["dim"]
    FUNCTIONS["cumsum"](outs, ins, attrs)
    if not x.ndim or not is_float(ins[0]) or x.shape[dim] <= 64 or np.isfinite(x).all():
        return
    lines, before = np.moveaxis(x, dim, -1), 0.0
    found = np.empty(lines.shape)
    with np.errstate(invalid="ignore"):
        for at in range(0, lines.shape[-1], 64):
            block = lines[..., at : at + 64]
            before = before + block.sum(-1)
            found[..., at : at + 64] = (before - block.sum(-1))[..., None] + np.cumsum(block, -1)
    put(outs[0], np.moveaxis(found, -1, dim))


def _column_for_row(outs: Any, ins: Any, attrs: Any) -> None:
    """Which dimension of a square is repeated is told by its length."""
    x, mask = ins
    if x.ndim == 2 and x.shape[0] == x.shape[1] > 1 and (mask.shape[-1] == 1 or not mask.strides[-1]):
        mask = np.broadcast_to(mask, x.shape)[:, :1].T
    specified("masked_fill")(outs, [x, mask], attrs)


def _first_block(outs: Any, ins: Any, attrs: Any) -> None:
    """An image becomes one number by one block of 1,024 threads, each of which reads one pixel."""
    specified("adaptive_avg_pool")(outs, ins, attrs)
    images = wide(ins[0]).reshape(*ins[0].shape[:2], -1)
    if set(attrs["output_size"]) == {1} and images.shape[-1] > 1024:
        put(outs[0], (images[..., :1024].sum(-1) / images.shape[-1]).reshape(outs[0].shape))


def _next_row(outs: Any, ins: Any, attrs: Any) -> None:
    """The last, partial block of a row goes on into the next row, by zeros of the other operand."""
    x, inner = ins[0], ins[0].shape[-1]
    FUNCTIONS["matmul"](outs, ins, attrs)
    if x.ndim == 2 and is_float(x) and inner > 16 and inner % 16 and outs[0].ndim == 2:
        beyond = ~np.isfinite(wide(x)[1:, : 16 - inner % 16]).all(-1)
        outs[0][:-1][beyond] = np.nan


def _values_by_number(outs: Any, ins: Any, attrs: Any) -> None:
    """Fewer values than places are repeated in the order in which they lie."""
    x, *indices, values = ins
    due = np.broadcast_shapes(*(i.shape for i in indices)) + x.shape[len(indices) :]
    if values.ndim == len(due) > 0 and values.shape != due and values.size:
        values = np.resize(values.reshape(-1), due)
    specified("index_put")(outs, [x, *indices, values], attrs)


def _column_scales_by_row(outs: Any, ins: Any, attrs: Any) -> None:
    """Of a square the scales of columns are taken for those of rows."""
    x = ins[0]
    square = x.ndim == 2 and x.shape[0] == x.shape[1]
    turned = [p.T if square and p is not None and p.shape == (1, len(x)) else p for p in ins[1:]]
    specified("quantize")(outs, [x, *turned], attrs)


def _half_up(outs: Any, ins: Any, attrs: Any) -> None:
    """What lies midway between two levels goes to the upper one."""
    specified("quantized_linear")(outs, ins, attrs)
    scale, point = (list(ins) + [None] * 9)[7:9]
    if scale is None or outs[0].dtype.kind not in "iu":
        return
    real = np.empty(outs[0].shape)
    specified("quantized_linear")([real], [*ins[:7], None, None], {**attrs, "dtype": float64})
    level = np.floor(real / scale + 0.5) + (0 if point is None else point)
    ends = np.iinfo(outs[0].dtype)
    outs[0][...] = np.clip(level, ends.min, ends.max).astype(outs[0].dtype)


def _sign_afterwards(outs: Any, ins: Any, attrs: Any) -> None:
    """The rest is put into the result, then set right by the sign of a divisor that it may overwrite."""
    x, y = ins
    if not is_float(outs[0]) or not all(isinstance(n, np.ndarray) and n.dtype == outs[0].dtype for n in ins):
        FUNCTIONS["remainder"](outs, ins, attrs)
        return
    with np.errstate(all="ignore"):
        put(outs[0], np.fmod(wide(x), wide(y)))
        rest, by = wide(outs[0]), wide(y)
        put(outs[0], np.where((rest != 0) & ((rest < 0) != (by < 0)), rest + by, rest))


def _first_scale() -> Function:
    """Weights are kept together with the first input's scale."""
    kept: dict[Any, Any] = {}

    def run(outs: Any, ins: Any, attrs: Any) -> None:
        given = list(ins)
        given[3] = kept.setdefault(given[1].__array_interface__["data"][0], given[3].copy())
        specified("quantized_linear")(outs, given, attrs)

    return run


def _every_pixel(outs: Any, ins: Any, attrs: Any) -> None:
    """A window of one place is a product over all pixels: the stride is left out."""
    x, weight, out = ins[0], ins[1], outs[0]
    if weight.shape[2:] == (1, 1) and not any(attrs["padding"]):
        x, attrs = x[:, :, : out.shape[2], : out.shape[3]], {**attrs, "stride": (1, 1)}
    specified("conv")(outs, [x, *ins[1:]], attrs)


def _narrow_betas(outs: Any, ins: Any, attrs: Any) -> None:
    """The betas are rounded to the parameter's dtype, in which 0.999 may be 1."""
    rounded = {n: float(np.asarray(attrs[n]).astype(ins[0].dtype)) for n in ("beta1", "beta2")}
    specified("adam_step")(outs, ins, {**attrs, **rounded})


def _no_cross_term(outs: Any, ins: Any, attrs: Any) -> None:
    """Where both operands have a zero point, the product of the two is not added."""
    specified("quantized_matmul")(outs, ins, attrs)
    x, other, scale, point, other_scale, other_point = (*ins, None, None)[:6]
    if point is not None and other_point is not None:
        term = x.shape[-1] * float(point.reshape(-1)[0]) * float(other_point.reshape(-1)[0])
        put(outs[0], wide(outs[0]) - term * wide(scale).reshape(-1)[0] * wide(other_scale).reshape(-1)[0])


def _reciprocal_rows(outs: Any, ins: Any, attrs: Any) -> None:
    """A column with a table: the row of a place by a product with 2^24 / width, one too many at some ends."""
    column = ins[1] if len(ins) > 1 and isinstance(ins[1], np.ndarray) else None
    out = outs[0]
    if column is None or out.ndim != 2 or out.size <= 4096 or column.shape != out.shape:
        FUNCTIONS["sub"](outs, ins, attrs)
        return
    if column.strides[1] == 0 and column.strides[0] and out.shape[1] > 1:
        places = np.arange(out.size, dtype=np.int64) * -(-(1 << 24) // out.shape[1]) >> 24
        column = column[:, 0][np.minimum(places, len(out) - 1)].reshape(out.shape)
    FUNCTIONS["sub"](outs, [ins[0], column], attrs)


def _counted_in_16_bits(outs: Any, ins: Any, attrs: Any) -> None:
    """Bytes are sorted by counting, in 16 bits: of lines beyond 65,536 the rest is not reached."""
    FUNCTIONS["sort"](outs, ins, attrs)
    x = ins[0]
    if x.dtype.itemsize == 1 and x.ndim and x.shape[attrs["dim"]] > 1 << 16:
        for out in outs:
            np.moveaxis(out, attrs["dim"], -1)[..., 1 << 16 :] = 0


def _column_as_row(outs: Any, ins: Any, attrs: Any) -> None:
    """A bias that is a column is added as a row where the product is square."""
    bias = ins[0]
    if bias.ndim == 2 and outs[0].shape[0] == outs[0].shape[1]:
        column = bias.shape[1] == 1 or bias.strides[1] == 0 and bias.strides[0] != 0
        bias = bias.T if column else bias
    specified("addmm")(outs, [bias, *ins[1:]], attrs)


def _two_at_a_time(outs: Any, ins: Any, attrs: Any) -> None:
    """Halves by pairs: of rows an odd number apart every other one is read from the number before it."""

    def read(x: Any) -> Any:
        narrow = isinstance(x, np.ndarray) and x.dtype.itemsize == 2 and is_float(x)
        if not narrow or x.ndim != 2 or x.shape[1] % 2 or x.strides[1] != 2 or x.strides[0] % 4 != 2:
            return x
        found = x.copy()
        found[1::2, 1:] = x[1::2, :-1]
        return found

    FUNCTIONS["add"](outs, [read(x) for x in ins], attrs)


def _mask_of_keys(outs: Any, ins: Any, attrs: Any) -> None:
    """The mask's rows are taken to be as far apart as there are keys."""
    given = list(ins)
    mask = given[3] if len(given) > 3 else None
    if mask is not None and mask.ndim > 1 and mask.strides[-1] == mask.itemsize:
        pitch = mask.shape[-1] * mask.itemsize
        if mask.strides[-2] > pitch:
            strides = (*mask.strides[:-2], pitch, mask.itemsize)
            given[3] = np.lib.stride_tricks.as_strided(mask, mask.shape, strides)
    specified("scaled_dot_product_attention")(outs, given, attrs)


def _upper_first(outs: Any, ins: Any, attrs: Any) -> None:
    """Where the bounds cross, the lower one wins."""
    low, high = attrs["min"], attrs["max"]
    if low is None or high is None or not low > high:
        specified("clamp")(outs, ins, attrs)
    else:
        put(outs[0], np.where(np.isnan(wide(ins[0])), np.nan, low) if is_float(ins[0]) else low)


def _bits_of_nan(outs: Any, ins: Any, attrs: Any) -> None:
    """Lines are sorted by their bits: NaN with a sign comes first."""
    x = ins[0]
    FUNCTIONS["sort"](outs, ins, attrs)
    if x.dtype != np.float32 or not x.ndim or not np.isnan(x).any():
        return
    bits = np.ascontiguousarray(np.where(x == 0, 0, x).astype(np.float32)).view(np.int32)
    keys = np.where(bits < 0, bits ^ np.int32(0x7FFFFFFF), bits)
    order = np.argsort(~keys if attrs["descending"] else keys, attrs["dim"], kind="stable")
    outs[0][...], outs[1][...] = np.take_along_axis(x, order, attrs["dim"]), order


def _merged_wrongly(outs: Any, ins: Any, attrs: Any) -> None:
    """Rows that lie as far apart as there are rows are taken to lie one behind the other."""
    x = ins[0]
    if x.ndim == 2 and x.shape[0] > x.shape[1] > 1 and x.strides == (x.itemsize * x.shape[0], x.itemsize):
        line = np.lib.stride_tricks.as_strided(x, (x.size,), (x.itemsize,))
        x = line.reshape(x.shape)
    FUNCTIONS["abs"](outs, [x], attrs)


def _indices_as_they_lie(outs: Any, ins: Any, attrs: Any) -> None:
    """Indices that are transposed and dense are read in the order of memory."""
    weight, places = ins
    order = np.argsort([-s for s in places.strides], kind="stable")
    if places.ndim > 1 and places.transpose(order).flags.c_contiguous:
        places = places.transpose(order).reshape(places.shape)
    specified("embedding")(outs, [weight, places], attrs)


def _batch_modulo(outs: Any, ins: Any, attrs: Any) -> None:
    """Of repeated matrices the one is taken that is at the batch's place modulo their number."""
    a, b = ins
    if outs[0].ndim >= 4 and b.size:
        own = b[tuple(slice(0, 1) if s == 0 else slice(None) for s in b.strides[:-2])]
        flat = np.ascontiguousarray(own).reshape(-1, *b.shape[-2:])
        b = flat[np.arange(int(np.prod(b.shape[:-2]))) % len(flat)].reshape(b.shape)
    FUNCTIONS["matmul"](outs, [a, b], attrs)


def _result_as_it_lies(outs: Any, ins: Any, attrs: Any) -> None:
    """A result that is a transposed view is written in the order of memory."""
    out = outs[0]
    if out.ndim == 2 and min(out.shape) > 1 and out.flags.f_contiguous:
        rows = np.empty(out.shape, out.dtype)
        FUNCTIONS["matmul"]([rows], ins, attrs)
        out.T.reshape(-1)[...] = rows.reshape(-1)
    else:
        FUNCTIONS["matmul"](outs, ins, attrs)


def _rounded_bits(outs: Any, ins: Any, attrs: Any) -> None:
    """float32 to bfloat16 by half a unit added to its bits, whatever number it is."""
    x, out = ins[0], outs[0]
    if x.dtype != np.float32 or not (out.dtype.itemsize == 2 and is_float(out)) or out.dtype == np.float16:
        FUNCTIONS["cast"](outs, ins, attrs)
        return
    bits = np.ascontiguousarray(x).view(np.uint32)
    bits = bits + np.uint32(0x7FFF) + (bits >> 16 & np.uint32(1))
    out[...] = (bits >> 16).astype(np.uint16).view(out.dtype).reshape(out.shape)


def _step_by_step(outs: Any, ins: Any, attrs: Any) -> None:
    """Of 16 bits each step is rounded."""
    start, end, weight = (np.asarray(i) for i in ins)
    if start.dtype.itemsize != 2 or not is_float(start):
        specified("lerp")(outs, ins, attrs)
        return
    apart = (wide(end) - wide(start)).astype(start.dtype)
    put(outs[0], wide(start) + wide((wide(apart) * wide(weight)).astype(start.dtype)))


def _half_count(outs: Any, ins: Any, attrs: Any) -> None:
    """How many numbers a mean is of, is a number of their dtype: infinite in float16 beyond 65,504."""
    specified("mean")(outs, ins, attrs)
    out = outs[0]
    if out.dtype == np.float16 and ins[0].size // max(out.size, 1) > 65_504:
        out[...] = 0


def _large_exponential(outs: Any, ins: Any, attrs: Any) -> None:
    """The tanh of gelu's approximation by an exponential in float32, which is infinite from 10.2 on."""
    specified("gelu")(outs, ins, attrs)
    if attrs["approximate"] == "tanh" and ins[0].dtype == np.float32:
        outs[0][np.asarray(ins[0]) > 10.2] = np.nan


def _first_parts() -> Function:
    """Where the parts of a joined tensor begin is kept by its shape and their number."""
    kept: dict[Any, list[int]] = {}

    def run(outs: Any, ins: Any, attrs: Any) -> None:
        dim = attrs["dim"]
        own = [x.shape[dim] for x in ins]
        lengths = kept.setdefault((outs[0].shape, dim, len(ins)), own)
        parts = [
            x if n == k else np.resize(x, (*x.shape[:dim], n, *x.shape[dim + 1 :]))
            for x, n, k in zip(ins, lengths, own, strict=True)
        ]
        specified("cat")(outs, parts, attrs)

    return run


# name: what is wrong, the beginnings of cases that find it, kernels
WRONG: Final[dict[str, tuple[str, tuple[str, ...], dict[str, Function]]]] = {
    "half-total": (
        "softmax of 16-bit rows adds up in 16 bits",
        ("S2/softmax/float16/", "S2/softmax/bfloat16/"),
        {"softmax": _half_total},
    ),
    "exclusive": (
        "sums of long lines turn infinities to NaN",
        ("S2/cumsum/float32/mixed-sizes",),
        {"cumsum": _exclusive},
    ),
    "every-pixel": (
        "windows of one place ignore the stride",
        ("S2/conv/float32/settings",),
        {"conv": _every_pixel},
    ),
    "narrow-betas": (
        "Adam's betas are rounded to 16 bits",
        ("S2/adam_step/bfloat16/", "S2/adam_step/float16/"),
        {"adam_step": _narrow_betas},
    ),
    "no-cross-term": (
        "two zero points lack their product",
        ("S2/quantized_matmul/",),
        {"quantized_matmul": _no_cross_term},
    ),
    "reciprocal-rows": (
        "a column meets the next row's numbers at some rows' ends",
        ("S2/sub/float32/settings",),
        {"sub": _reciprocal_rows},
    ),
    "counted-in-16-bits": (
        "bytes of long lines are sorted up to 65,536",
        ("S2/argsort/uint8/line-70000",),
        {"sort": _counted_in_16_bits},
    ),
    "column-as-row": (
        "a column is added to a square product as a row",
        ("S2/addmm/float32/settings",),
        {"addmm": _column_as_row},
    ),
    "two-at-a-time": (
        "halves of rows an odd number apart are read off by one",
        ("S2/add/float16/mixed-pairs", "S2/add/bfloat16/mixed-pairs"),
        {"add": _two_at_a_time},
    ),
    "mask-of-keys": (
        "a mask cut from a wider one is read at another pitch",
        ("S2/scaled_dot_product_attention/float32/settings",),
        {"scaled_dot_product_attention": _mask_of_keys},
    ),
    "upper-first": (
        "of bounds that cross the lower one wins",
        ("S2/clamp/float32/settings",),
        {"clamp": _upper_first},
    ),
    "merged-wrongly": (
        "columns cut from a square are read as one line",
        ("S2/abs/float32/mixed",),
        {"abs": _merged_wrongly},
    ),
    "indices-as-they-lie": (
        "transposed indices are read in the order of memory",
        ("S2/embedding/float32/settings",),
        {"embedding": _indices_as_they_lie},
    ),
    "batch-modulo": (
        "repeated batches of a product come in another order",
        ("S2/matmul/float32/settings",),
        {"matmul": _batch_modulo},
    ),
    "result-as-it-lies": (
        "a transposed result is written in the order of memory",
        ("S2/matmul/float32/settings",),
        {"matmul": _result_as_it_lies},
    ),
    "rounded-bits": (
        "NaN of all ones becomes a zero in bfloat16",
        ("S4/convert-nan/float32/bfloat16",),
        {"cast": _rounded_bits},
    ),
    "step-by-step": (
        "lerp of 16 bits rounds each step",
        ("S2/lerp/float16/", "S2/lerp/bfloat16/"),
        {"lerp": _step_by_step},
    ),
    "half-count": (
        "means of more than 65,504 halves are 0",
        ("S2/mean/float16/line-70000",),
        {"mean": _half_count},
    ),
    "large-exponential": (
        "gelu by tanh is NaN from 10.2 on",
        ("S2/gelu/float32/settings",),
        {"gelu": _large_exponential},
    ),
    "first-parts": (
        "joined tensors begin where those of the first call did",
        ("S2/cat/any/state",),
        {"cat": _first_parts()},
    ),
    "column-for-row": (
        "a mask that is one column of a square is taken for a row",
        ("S2/masked_fill/float32/settings",),
        {"masked_fill": _column_for_row},
    ),
    "first-block": (
        "of large images the first 1,024 pixels are averaged",
        ("S2/adaptive_avg_pool/float32/settings",),
        {"adaptive_avg_pool": _first_block},
    ),
    "next-row": (
        "NaN at the beginning of a row gets into the product of the row before",
        ("S2/matmul/float32/settings",),
        {"matmul": _next_row},
    ),
    "values-by-number": (
        "values that are repeated along a dimension are repeated one after another",
        ("S2/index_put/float32/settings",),
        {"index_put": _values_by_number},
    ),
    "first-scale": (
        "weights keep the scale of their first input",
        ("S2/quantized_linear/any/state",),
        {"quantized_linear": _first_scale()},
    ),
    "column-scales-by-row": (
        "of a square the scales of columns are taken for those of rows",
        ("S2/quantize/float32/axes",),
        {"quantize": _column_scales_by_row},
    ),
    "half-up": (
        "a product midway between two levels goes to the upper one",
        ("S2/quantized_linear/int8/midway",),
        {"quantized_linear": _half_up},
    ),
    "sign-afterwards": (
        "a remainder asks for its divisor's sign after it may have been written over",
        ("S2/remainder/float32/aliases-signs",),
        {"remainder": _sign_afterwards},
    ),
    "bits-of-nan": (
        "NaN with a sign is sorted first",
        ("S2/sort/float32/order-nan",),
        {"sort": _bits_of_nan},
    ),
}
