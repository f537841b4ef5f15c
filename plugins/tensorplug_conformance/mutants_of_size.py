"""Wrong backends that are right for small calls: op → function, by the mutant's name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np

from .reference import FUNCTIONS, is_float, put, wide
from .specified import only

Function = Callable[[Any, Any, Any], None]


def _above(op: str, size: int, wrong: Function) -> dict[str, Function]:
    """The op as specified, but for first operands of more than ``size`` elements."""

    def run(outs: Any, ins: Any, attrs: Any) -> None:
        (wrong if ins[0].size > size else FUNCTIONS[op])(outs, ins, attrs)

    return {op: run}


def _lost_tail(op: str) -> Function:
    """The last block of the last dimension takes no part."""

    def run(outs: Any, ins: Any, attrs: Any) -> None:
        x = ins[0]
        whole = x.shape[-1] // 1024 * 1024 or x.shape[-1]
        FUNCTIONS[op](outs, [x[..., :whole]], attrs)

    return run


def _reduced_product(outs: Any, ins: Any, attrs: Any) -> None:
    """10 bits of fraction, where every side is a multiple of 8."""
    sides = (*ins[0].shape[-2:], *ins[1].shape[-2:])
    if ins[0].dtype == np.float32 and all(n % 8 == 0 for n in sides):
        ins = [(np.ascontiguousarray(x).view(np.int32) & ~0x1FFF).view(np.float32) for x in ins]
    FUNCTIONS["matmul"](outs, ins, attrs)


def _narrow_grid(outs: Any, ins: Any, attrs: Any) -> None:
    FUNCTIONS["gather"](outs, ins, attrs)
    outs[0].reshape(-1)[65_535:] = 0


def _narrow_sum(outs: Any, ins: Any, attrs: Any) -> None:
    """Sums of halves are kept in halves."""
    x, out = ins[0], outs[0]
    if not is_float(x) or x.dtype.itemsize != 2 or attrs.get("dim") not in (1, (1,)) or x.ndim != 2:
        FUNCTIONS["sum"](outs, ins, attrs)
        return
    total = np.zeros(x.shape[0], x.dtype)
    for column in range(x.shape[1]):
        total = (total + x[:, column]).astype(x.dtype)
    put(out, total.reshape(out.shape))


def _few_candidates(outs: Any, ins: Any, attrs: Any) -> None:
    """Each block of 512 hands on 32 numbers, however many are wanted."""
    x = np.moveaxis(wide(ins[0]), attrs["dim"] % max(ins[0].ndim, 1), -1) if ins[0].ndim else ins[0]
    if not ins[0].ndim or x.shape[-1] <= 512 or not is_float(ins[0]):
        chosen = _first_of(x, attrs)
    else:
        lost = -np.inf if attrs["largest"] else np.inf
        kept = np.full_like(x, lost)
        for at in range(0, x.shape[-1], 512):
            block = x[..., at : at + 512]
            best = _first_of(block, {**attrs, "k": min(32, block.shape[-1])})
            np.put_along_axis(kept[..., at : at + 512], best, np.take_along_axis(block, best, -1), -1)
        chosen = _first_of(kept, attrs)
    dim = attrs["dim"] % max(ins[0].ndim, 1) if ins[0].ndim else None
    places = chosen if dim is None else np.moveaxis(chosen, -1, dim)
    put(outs[0], ins[0] if dim is None else np.take_along_axis(ins[0], places, dim))
    outs[1][...] = places


def _last_of_equals(outs: Any, ins: Any, attrs: Any) -> None:
    """Of equal numbers the last ones, which is as right as the first ones."""
    x = ins[0]
    if not x.ndim:
        outs[0][...], outs[1][...] = x, 0
        return
    turned = np.flip(np.moveaxis(x, attrs["dim"], -1), -1)
    order = np.argsort(wide(turned), -1, kind="stable")
    if attrs["largest"]:
        unlike = np.where(np.isnan(wide(turned)), -np.inf, -wide(turned)) if is_float(x) else None
        order = np.flip(order, -1) if unlike is None else np.lexsort((unlike, ~np.isnan(wide(turned))), -1)
    places = np.moveaxis(x.shape[attrs["dim"]] - 1 - order[..., : attrs["k"]], -1, attrs["dim"])
    outs[0][...] = np.take_along_axis(x, places, attrs["dim"])
    outs[1][...] = places


def _first_of(x: Any, attrs: Any) -> Any:
    """Where along the last dimension the k largest, or smallest, are; NaN is the largest."""
    if not x.ndim:
        return np.zeros((), np.int64)
    order = np.argsort(x, -1, kind="stable")
    return (np.flip(order, -1) if attrs["largest"] else order)[..., : attrs["k"]]


def _padded_pass(outs: Any, ins: Any, attrs: Any) -> None:
    """The results of 1024 each, of which the second pass takes the largest, are padded with zeros."""
    FUNCTIONS["amax"](outs, ins, attrs)
    if is_float(ins[0]) and outs[0].size == 1 and ins[0].size > 1 << 16:
        outs[0][...] = np.maximum(outs[0], np.zeros((), outs[0].dtype))


def _kept_carry() -> Function:
    """What a line has carried over its first 1024 is what the next line of that shape carries."""
    kept: dict[Any, Any] = {}

    def run(outs: Any, ins: Any, attrs: Any) -> None:
        FUNCTIONS["cumsum"](outs, ins, attrs)
        x, out = ins[0], outs[0]
        if not x.ndim or x.shape[attrs["dim"]] <= 1024 or not is_float(x):
            return
        lines = np.moveaxis(out, attrs["dim"], -1)
        own = lines[..., 1023:1024].copy()
        before = kept.get((x.shape, x.dtype, attrs["dim"]), own)
        kept[x.shape, x.dtype, attrs["dim"]] = own
        put(lines[..., 1024:], wide(lines[..., 1024:]) + (wide(before) - wide(own)))

    return run


def _halved_scan(outs: Any, ins: Any, attrs: Any) -> None:
    """A running sum of halves is kept in halves."""
    FUNCTIONS["cumsum"](outs, ins, attrs)
    if ins[0].ndim and ins[0].dtype == np.float16 == outs[0].dtype:
        outs[0][...] = np.add.accumulate(ins[0], attrs["dim"], dtype=np.float16)


def _dense_sums(outs: Any, ins: Any, attrs: Any) -> None:
    """Sums are made in memory of their own, by the steps of the result, which may be no dense one."""
    FUNCTIONS["scatter_add"](outs, ins, attrs)
    if not outs[0].flags.c_contiguous:
        outs[0][...] = ins[0]


def _four_bytes(outs: Any, ins: Any, attrs: Any) -> None:
    """Bytes are gathered four at a time; what is left is not written."""
    left = outs[0].reshape(-1)[outs[0].size // 4 * 4 :] if outs[0].flags.c_contiguous else None
    before = None if left is None else left.copy()
    FUNCTIONS["gather"](outs, ins, attrs)
    if left is not None and outs[0].itemsize == 1 and outs[0].size > 4:
        left[...] = before


def _same_count() -> Function:
    """The plan of a call is that of the first with as many dimensions and elements."""
    planned: dict[Any, tuple[int, ...]] = {}

    def run(outs: Any, ins: Any, attrs: Any) -> None:
        (x,) = ins
        shape = planned.setdefault((x.ndim, x.size, attrs["dim"], x.dtype), x.shape)
        if x.flags.c_contiguous and outs[0].flags.c_contiguous:
            FUNCTIONS["cumprod"]([outs[0].reshape(shape)], [x.reshape(shape)], attrs)
        else:
            FUNCTIONS["cumprod"](outs, ins, attrs)

    return run


def _tight_batches(outs: Any, ins: Any, attrs: Any) -> None:
    """The next matrix is taken to lie right behind the last row of the one before."""

    def read(x: Any) -> Any:
        step = x.shape[-2] * x.strides[-2] if x.ndim == 3 else 0
        if step <= 0 or x.strides[2] != x.itemsize or x.strides[0] <= step:
            return x
        return np.lib.stride_tricks.as_strided(x, x.shape, (step, *x.strides[1:]))

    FUNCTIONS["matmul"](outs, [read(x) for x in ins], attrs)


def _narrow_numbers(outs: Any, ins: Any, attrs: Any) -> None:
    """Numbers, which come as tensors of one element, are float32 on the way."""
    if outs[0].dtype == np.float64:
        numbers = [x.size > 1 and not any(x.strides) for x in ins]
        ins = [wide(x.astype(np.float32)) if n else x for x, n in zip(ins, numbers, strict=True)]
    FUNCTIONS["mul"](outs, ins, attrs)


def _bare_softplus(outs: Any, ins: Any, attrs: Any) -> None:
    """log(1 + exp(x)), which is 0 where x is far below."""
    x, beta = wide(ins[0]).astype(np.float32), np.float32(attrs["beta"])
    with np.errstate(all="ignore"):
        found = np.log(np.float32(1) + np.exp(x * beta)) / beta
    put(outs[0], np.where(x * beta > attrs["threshold"], wide(ins[0]), found))


def _whole_tiles(outs: Any, ins: Any, attrs: Any) -> None:
    """3 by 3 windows over 16 channels go by tiles of two rows; of an odd number the last one is missing."""
    x, weight, bias = ins
    (sy, sx), (py, px), (dy, dx) = attrs["stride"], attrs["padding"], attrs["dilation"]
    groups = attrs["groups"]
    padded = np.pad(wide(x), ((0, 0), (0, 0), (py, py), (px, px)))
    outputs, out = weight.shape[0] // groups, np.zeros(outs[0].shape)
    for g in range(groups):
        part = padded[:, g * weight.shape[1] : (g + 1) * weight.shape[1]]
        filters = wide(weight[g * outputs : (g + 1) * outputs])
        for i in range(weight.shape[2]):
            for j in range(weight.shape[3]):
                rows = part[:, :, i * dy :: sy, j * dx :: sx][:, :, : out.shape[2], : out.shape[3]]
                of_group = out[:, g * outputs : (g + 1) * outputs]
                of_group += np.einsum("nchw,oc->nohw", rows, filters[:, :, i, j])
    if bias is not None:
        out += wide(bias)[:, None, None]
    if weight.shape[2:] == (3, 3) and weight.shape[1] >= 16 and sy == sx == 1 and out.shape[2] % 2:
        out[:, :, -1] = 0
    put(outs[0], out)


# name: what is wrong, the beginnings of cases that find it, kernels
WRONG: Final[dict[str, tuple[str, tuple[str, ...], dict[str, Function]]]] = {
    "second-pass": (
        "sums of long lines leave out the last block",
        ("S2/sum/float32/line-",),
        _above("sum", 4096, _lost_tail("sum")),
    ),
    "waves": (
        "argmax does not look at the last block",
        ("S2/argmax/float32/line-",),
        _above("argmax", 1024, _lost_tail("argmax")),
    ),
    "reduced-mode": (
        "products whose sides are multiples of 8 are less exact",
        ("S2/matmul/float32/inner-",),
        {"matmul": _reduced_product},
    ),
    "narrow-grid": (
        "results after the 65,535th are not written",
        ("S2/gather/float32/indices-",),
        {"gather": _narrow_grid},
    ),
    "narrow-sums": ("sums of halves are kept in halves", ("S2/sum/float16/",), {"sum": _narrow_sum}),
    "few-candidates": (
        "of many wanted that lie side by side some are lost",
        ("S2/topk/float32/order-monotone",),
        {"topk": _few_candidates},
    ),
    "padded-pass": (
        "the largest of many numbers below zero is zero",
        ("S2/amax/float32/elements-70000-again",),
        {"amax": _padded_pass},
    ),
    "kept-carry": (
        "a running sum goes on from the call before",
        ("S2/cumsum/float32/line-1025-again",),
        {"cumsum": _kept_carry()},
    ),
    "halved-scan": (
        "running sums of halves are kept in halves",
        ("S2/cumsum/float16/",),
        {"cumsum": _halved_scan},
    ),
    "dense-sums": (
        "nothing is added where a result is strided",
        ("S2/scatter_add/float32/canary",),
        {"scatter_add": _dense_sums},
    ),
    "four-bytes": (
        "the last bytes of a gather are not written",
        ("S2/gather/uint8/", "S2/gather/int8/", "S2/gather/bool/"),
        {"gather": _four_bytes},
    ),
    "same-count": (
        "a plan is kept under the number of elements",
        ("S2/cumprod/any/state",),
        {"cumprod": _same_count()},
    ),
    "tight-batches": (
        "matrices are taken to lie behind each other",
        ("S2/matmul/float32/square",),
        {"matmul": _tight_batches},
    ),
    "narrow-numbers": (
        "numbers beside float64 are float32",
        ("S2/mul/float64/numbers",),
        {"mul": _narrow_numbers},
    ),
    "bare-softplus": (
        "softplus is zero far below zero",
        ("S2/softplus/float32/points",),
        {"softplus": _bare_softplus},
    ),
    "whole-tiles": (
        "the last row of an odd number is missing",
        ("S2/conv/float32/fused",),
        {"conv": only(2, "conv", _whole_tiles)},
    ),
}

# name: what is special, the beginnings of cases that it passes, kernels
RIGHT: Final[dict[str, tuple[str, tuple[str, ...], dict[str, Function]]]] = {
    "last-of-equals": ("of equal numbers it names the last", ("S2/topk/",), {"topk": _last_of_equals}),
}
