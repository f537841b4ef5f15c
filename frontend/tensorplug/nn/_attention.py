"""Attention functions (Vaswani et al., arXiv:1706.03762)."""

from __future__ import annotations

import math

import tensorplug as tp
from tensorplug_dispatcher.errors import DTypeError, ShapeError
from tensorplug_dispatcher.ops import F as _ops

from ._dropout import dropout
from ._padding import pad

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from tensorplug import Tensor


def scaled_dot_product_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Tensor:
    """``softmax(Q Kᵀ · scale + mask) V``: [..., L, E], [..., S, E], [..., S, Ev] → [..., L, Ev].

    ``attn_mask`` broadcasts to [..., L, S]: bool (True takes part) or added to the scores. ``is_causal``:
    query i sees keys up to i. ``scale`` None: 1/√E. ``enable_gqa``: heads (dimension -3) of key and value are
    repeated.

    Shapes: query [*B, L, E], key [*B, S, E], value [*B, S, Ev] -> [*B, L, Ev]; dtypes: floating. Raises
    DTypeError for a dtype that is not taken. Raises ShapeError for sizes that do not fit. Source:
    torch.nn.functional.scaled_dot_product_attention.
    """
    if enable_gqa:
        heads = query.shape[-3]
        key = key.repeat_interleave(heads // key.shape[-3], -3)
        value = value.repeat_interleave(heads // value.shape[-3], -3)
    if query.shape[:-2] != key.shape[:-2] or query.shape[:-2] != value.shape[:-2]:
        lead = tp.broadcast_shapes(query.shape[:-2], key.shape[:-2], value.shape[:-2])
        query, key, value = (x.expand(*lead, *x.shape[-2:]) for x in (query, key, value))
    if attn_mask is not None and attn_mask.dtype not in (tp.bool, tp.float32, query.dtype):
        raise DTypeError(
            f"Expected attn_mask dtype to be bool or float or to match query dtype, but got "
            f"{attn_mask.dtype} and {query.dtype}; convert it"
        )
    if dropout_p == 0.0:
        return _ops.scaled_dot_product_attention(query, key, value, attn_mask, is_causal, scale)
    if is_causal:
        if attn_mask is not None:
            raise ShapeError(
                "scaled_dot_product_attention: Explicit attn_mask should not be set when "
                "is_causal=True; give one of them"
            )
        attn_mask = tp.ones(query.shape[-2], key.shape[-2], dtype=tp.bool, device=query.device).tril()
    weights = _attention_weights(query, key, attn_mask, scale)
    return tp.matmul(dropout(weights, dropout_p), value)


def _attention_weights(query: Tensor, key: Tensor, mask: Tensor | None, scale: float | None = None) -> Tensor:
    factor = 1.0 / math.sqrt(query.shape[-1]) if scale is None else scale
    scores = tp.matmul(query * factor, key.transpose(-2, -1))
    if mask is not None:
        scores = tp.where(mask, scores, -math.inf) if mask.dtype == tp.bool else scores + mask
    return tp.softmax(scores, -1)


def multi_head_attention_forward(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    embed_dim_to_check: int,
    num_heads: int,
    in_proj_weight: Tensor | None,
    in_proj_bias: Tensor | None,
    bias_k: Tensor | None,
    bias_v: Tensor | None,
    add_zero_attn: bool,
    dropout_p: float,
    out_proj_weight: Tensor,
    out_proj_bias: Tensor | None,
    training: bool = True,
    key_padding_mask: Tensor | None = None,
    need_weights: bool = True,
    attn_mask: Tensor | None = None,
    use_separate_proj_weight: bool = False,
    q_proj_weight: Tensor | None = None,
    k_proj_weight: Tensor | None = None,
    v_proj_weight: Tensor | None = None,
    average_attn_weights: bool = True,
    is_causal: bool = False,
) -> tuple[Tensor, Tensor | None]:
    """Attention of ``num_heads`` heads with projections before and after.

    query [L, N, E], key and value [S, N, ...] (or without N) → output [L, N, E] and the weights [N, L, S]
    (``average_attn_weights`` False: [N, heads, L, S]; ``need_weights`` False: None). ``key_padding_mask`` [N,
    S] and ``attn_mask`` [L, S] or [N·heads, L, S]: bool (True is left out) or added to the scores.

    Shapes: query [L, N, E], key and value [S, N, *] -> [L, N, E] and [N, L, S]; dtypes: floating. Raises
    AssertionError for a value that is not allowed. Raises RuntimeError for what cannot be done. Source:
    torch.nn.functional.multi_head_attention_forward.
    """
    batched = query.ndim == 3
    _check_dimensions(query, key, value, key_padding_mask, attn_mask)
    if is_causal and attn_mask is None:
        raise RuntimeError(
            "Need attn_mask if specifying the is_causal hint. You may use the Transformer "
            "module method `generate_square_subsequent_mask` to create this mask."
        )
    if not batched:
        query, key, value = query.unsqueeze(1), key.unsqueeze(1), value.unsqueeze(1)
        key_padding_mask = None if key_padding_mask is None else key_padding_mask.unsqueeze(0)
    target, batch, width = query.shape
    if width != embed_dim_to_check:
        raise AssertionError(f"was expecting embedding dimension of {embed_dim_to_check}, but got {width}")
    head = width // num_heads
    if head * num_heads != width:
        raise AssertionError(f"embed_dim {width} not divisible by num_heads {num_heads}")
    if use_separate_proj_weight:
        if tuple(key.shape[:2]) != tuple(value.shape[:2]):
            raise AssertionError(
                f"key's sequence and batch dims {key.shape[:2]} do not match value's {value.shape[:2]}"
            )
        weights: Any = (q_proj_weight, k_proj_weight, v_proj_weight)
    else:
        if key.shape != value.shape:
            raise AssertionError(f"key shape {key.shape} does not match value shape {value.shape}")
        weights = in_proj_weight
    q, k, v = _project(query, key, value, weights, in_proj_bias)
    added = 0
    if bias_k is not None and bias_v is not None:
        k = tp.cat([k, bias_k.expand(1, batch, width)])
        v = tp.cat([v, bias_v.expand(1, batch, width)])
        added += 1
    q, k, v = (x.reshape(x.shape[0], batch, num_heads, head).permute(1, 2, 0, 3) for x in (q, k, v))
    if add_zero_attn:
        zeros = tp.zeros(batch, num_heads, 1, head, dtype=k.dtype, device=k.device)
        k, v = tp.cat([k, zeros], 2), tp.cat([v, zeros], 2)
        added += 1
    mask = _merged_mask(attn_mask, key_padding_mask, (batch, num_heads, target, key.shape[0]), query.dtype)
    if mask is not None and added:
        mask = pad(mask, (0, added))
    dropping = dropout_p if training else 0.0
    if need_weights:
        attention = _attention_weights(q, k, mask)
        if dropping > 0.0:
            attention = dropout(attention, dropping)
        heads = tp.matmul(attention, v)
    else:
        attention = None
        heads = scaled_dot_product_attention(q, k, v, mask, dropping)
    out = _ops.linear(heads.permute(2, 0, 1, 3).reshape(target, batch, width), out_proj_weight, out_proj_bias)
    if attention is not None and average_attn_weights:
        attention = tp.mean(attention, 1)
    if not batched:
        out = out.squeeze(1)
        attention = None if attention is None else attention.squeeze(0)
    return out, attention


def _check_dimensions(
    query: Tensor, key: Tensor, value: Tensor, key_padding_mask: Tensor | None, attn_mask: Tensor | None
) -> None:
    if query.ndim not in (2, 3):
        raise AssertionError(
            f"query should be unbatched 2D or batched 3D tensor but received {query.ndim}-D query tensor"
        )
    kind, ndim = ("batched", 3) if query.ndim == 3 else ("unbatched", 2)
    if key.ndim != ndim or value.ndim != ndim:
        raise AssertionError(
            f"For {kind} ({ndim}-D) `query`, expected `key` and `value` to be {ndim}-D but "
            f"found {key.ndim}-D and {value.ndim}-D tensors respectively"
        )
    if key_padding_mask is not None and key_padding_mask.ndim != ndim - 1:
        raise AssertionError(
            f"For {kind} ({ndim}-D) `query`, expected `key_padding_mask` to be `None` or "
            f"{ndim - 1}-D but found {key_padding_mask.ndim}-D tensor instead"
        )
    if attn_mask is not None and attn_mask.ndim not in (2, 3):
        raise AssertionError(
            f"For {kind} ({ndim}-D) `query`, expected `attn_mask` to be `None`, 2-D or 3-D "
            f"but found {attn_mask.ndim}-D tensor instead"
        )


def _project(
    query: Tensor, key: Tensor, value: Tensor, weights: Any, bias: Tensor | None
) -> tuple[Tensor, Tensor, Tensor]:
    """The in-projections; the packed weight [3E, E] is applied once where query,
    key and value are one tensor.
    """
    width = query.shape[-1]
    if isinstance(weights, tuple):
        parts = weights
    elif query is key and key is value:
        return tuple(_ops.linear(query, weights, bias).split(width, -1))
    else:
        parts = weights.split(width, 0)
    biases = (None, None, None) if bias is None else bias.split(width, 0)
    return tuple(_ops.linear(x, w, b) for x, w, b in zip((query, key, value), parts, biases))


def _merged_mask(
    attn_mask: Tensor | None, key_padding_mask: Tensor | None, shape: tuple[int, int, int, int], dtype: Any
) -> Tensor | None:
    """The sum of both masks, as numbers to add to the scores, broadcastable to ``shape`` = [N, heads, L,
    S]."""
    batch, heads, target, source = shape
    merged = None
    if attn_mask is not None:
        merged = _additive(attn_mask, "attn_mask", dtype)
        if merged.ndim == 2:
            if tuple(merged.shape) != (target, source):
                raise RuntimeError(
                    f"The shape of the 2D attn_mask is {merged.shape}, but should be {(target, source)}."
                )
        else:
            if tuple(merged.shape) != (batch * heads, target, source):
                raise RuntimeError(
                    f"The shape of the 3D attn_mask is {merged.shape}, but should be "
                    f"{(batch * heads, target, source)}."
                )
            merged = merged.reshape(shape)
    if key_padding_mask is not None:
        if tuple(key_padding_mask.shape) != (batch, source):
            raise AssertionError(
                f"expecting key_padding_mask shape of {(batch, source)}, but got {key_padding_mask.shape}"
            )
        padding = _additive(key_padding_mask, "key_padding_mask", dtype).reshape(batch, 1, 1, source)
        merged = padding if merged is None else merged + padding
    return merged


def _additive(mask: Tensor, name: str, dtype: Any) -> Tensor:
    if mask.dtype == tp.bool:
        return tp.zeros(mask.shape, dtype=dtype, device=mask.device).masked_fill(mask, -math.inf)
    if not mask.is_floating_point():
        raise AssertionError(f"only bool and floating types of {name} are supported")
    return mask
