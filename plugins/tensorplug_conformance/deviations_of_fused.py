"""Backends that are wrong on purpose in ops that are several in one: softmax, normalization, attention."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from .reference import put, wide
from .specified import only


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


# name: what is wrong, where it is caught, kernels
OF_FUSED: Final[dict[str, tuple[Any, ...]]] = {
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
