"""Losses and attention."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from .. import dtypes
from ..errors import DTypeError, ShapeError
from ..layout import Layout, broadcast_shapes, dense
from ..op import ErrorCase, Input, Op, Sample
from . import F
from .common import Tensor, filled, floating_only, index_input, index_only, positions, sample, to_dtype, widen

# -- negative log likelihood ---------------------------------------------------------------------------------


def _check_nll(logp: Any, target: Layout, weight: Layout | None) -> None:
    index_only("nll_loss", target)
    if logp.ndim < 2 or (logp.shape[0], *logp.shape[2:]) != tuple(target.shape):
        raise ShapeError(
            f"nll_loss: expected log-probabilities [N, C, ...] and a target [N, ...], but got "
            f"{list(logp.shape)} and {list(target.shape)}"
        )
    if weight is not None and tuple(weight.shape) != (logp.shape[1],):
        raise ShapeError(
            f"weight tensor should be defined either for all {logp.shape[1]} classes or no classes but got "
            f"weight tensor of shape: {list(weight.shape)}"
        )


def _infer_nll(
    logp: Layout, target: Layout, weight: Layout | None, ignore_index: int
) -> tuple[Layout, Layout]:
    floating_only("nll_loss", logp)
    _check_nll(logp, target, weight)
    _check_weight_dtype("nll_loss", logp, weight)
    result = dense(target.shape, logp.dtype)
    return result, result


def _check_weight_dtype(name: str, numbers: Layout, weight: Layout | None) -> None:
    if weight is not None and weight.dtype is not numbers.dtype:
        raise DTypeError(
            f"{name}: expected a weight of {numbers.dtype.name}, as its numbers are, but got "
            f"{weight.dtype.name}; convert one of them"
        )


def _row_weights(
    target: Tensor, weight: Tensor | None, ignore_index: int, dtype: dtypes.DType
) -> tuple[Tensor, Tensor]:
    """The target with ignored rows set to class 0, and each row's weight, 0 where it is ignored."""
    ignored = F.eq(target, ignore_index)
    classes = F.masked_fill(target, ignored, 0)
    if weight is None:
        weights = filled(target.shape, 1, target, dtype)
    else:
        weights = F.view(F.index_select(weight, 0, F.reshape(classes, (classes.numel(),))), target.shape)
    return classes, F.masked_fill(weights, ignored, 0)


def _decompose_nll(
    logp: Tensor, target: Tensor, weight: Tensor | None, ignore_index: int
) -> tuple[Tensor, Tensor]:
    classes, weights = _row_weights(target, weight, ignore_index, logp.dtype)
    chosen = F.squeeze(F.gather(logp, 1, F.unsqueeze(classes, 1)), 1)
    losses = F.masked_fill(F.neg(F.mul(chosen, weights)), F.eq(target, ignore_index), 0)
    return losses, weights


def _nll_vjp(
    grad: Tensor, target: Tensor, weight: Tensor | None, logp_layout: Layout, ignore_index: int
) -> Tensor:
    return F.nll_loss_backward(grad, target, weight, logp_layout.shape[1], ignore_index)


def _infer_nll_backward(
    grad_output: Layout, target: Layout, weight: Layout | None, num_classes: int, ignore_index: int
) -> Layout:
    if grad_output.shape != target.shape:
        raise ShapeError(
            f"nll_loss_backward: grad_output has shape {list(grad_output.shape)} and the target "
            f"{list(target.shape)}; both must be [N, ...]"
        )
    if weight is not None and tuple(weight.shape) != (num_classes,):
        raise ShapeError(
            f"nll_loss_backward: the weight has shape {list(weight.shape)}, but there are {num_classes} "
            "classes; give one number a class"
        )
    _check_weight_dtype("nll_loss_backward", grad_output, weight)
    return dense((target.shape[0], num_classes, *target.shape[1:]), grad_output.dtype)


def _decompose_nll_backward(
    grad_output: Tensor, target: Tensor, weight: Tensor | None, num_classes: int, ignore_index: int
) -> Tensor:
    """Zero but at the target's class, by comparing with every class."""
    _, weights = _row_weights(target, weight, ignore_index, grad_output.dtype)
    share = F.unsqueeze(F.neg(F.mul(grad_output, weights)), 1)
    classes = F.view(positions(num_classes, target, target.dtype), (num_classes,) + (1,) * (target.ndim - 1))
    return F.where(F.eq(F.unsqueeze(target, 1), classes), share, 0.0)


def _nll_backward_vjp(grad: Tensor, target: Tensor, weight: Tensor | None, ignore_index: int) -> Tensor:
    return F.nll_loss_forward(grad, target, weight, ignore_index)[0]


# -- attention -----------------------------------------------------------------------------------------------


def _infer_attention(
    query: Layout, key: Layout, value: Layout, attn_mask: Layout | None, is_causal: bool, scale: float | None
) -> Layout:
    floating_only("scaled_dot_product_attention", query)
    shapes = f"query {list(query.shape)}, key {list(key.shape)}, value {list(value.shape)}"
    if query.ndim < 2 or key.ndim != query.ndim or value.ndim != query.ndim:
        raise ShapeError(
            f"scaled_dot_product_attention: expected query [..., L, E], key [..., S, E] and value "
            f"[..., S, V] with as many dimensions, but got {shapes}"
        )
    if query.shape[-1] != key.shape[-1] or key.shape[-2] != value.shape[-2]:
        raise ShapeError(
            f"scaled_dot_product_attention: query and key must agree in the last size, key and value in the "
            f"one before, but got {shapes}"
        )
    if query.shape[:-2] != key.shape[:-2] or query.shape[:-2] != value.shape[:-2]:
        raise ShapeError(f"scaled_dot_product_attention: the batch dimensions differ: {shapes}; expand them")
    if attn_mask is not None:
        if is_causal:
            raise ShapeError(
                "scaled_dot_product_attention: Explicit attn_mask should not be set when is_causal=True; "
                "give one of them"
            )
        full = (*query.shape[:-1], key.shape[-2])
        if broadcast_shapes(attn_mask.shape, full) != full:
            raise ShapeError(
                f"scaled_dot_product_attention: attn_mask of shape {list(attn_mask.shape)} does not "
                f"broadcast to {list(full)}"
            )
    return dense((*query.shape[:-1], value.shape[-1]), query.dtype)


def _decompose_attention(
    query: Tensor, key: Tensor, value: Tensor, attn_mask: Tensor | None, is_causal: bool, scale: float | None
) -> Tensor:
    """softmax(query @ key.T * scale + mask) @ value; a row with nothing to attend to gives zeros."""
    last, dtype = query.ndim - 1, query.dtype
    query, key, value = widen(query), widen(key), widen(value)  # scores and shares are not rounded
    factor = 1.0 / math.sqrt(max(query.shape[last], 1)) if scale is None else scale
    scores = F.mul(F.matmul(query, F.transpose(key, last - 1, last)), factor)
    allowed: Tensor | None = None
    if is_causal:
        rows, columns = query.shape[last - 1], key.shape[last - 1]
        allowed = F.le(positions(columns, query), F.unsqueeze(positions(rows, query), 1))
    elif attn_mask is not None and attn_mask.dtype is dtypes.bool_:
        allowed = attn_mask
    elif attn_mask is not None:
        scores = F.add(scores, to_dtype(attn_mask, scores.dtype))
    if allowed is None:
        return to_dtype(F.matmul(F.softmax(scores, last), value), dtype)
    shares = F.softmax(F.where(allowed, scores, float("-inf")), last)
    return to_dtype(F.matmul(F.where(allowed, shares, 0.0), value), dtype)


# -- samples -------------------------------------------------------------------------------------------------


def _nll_samples() -> Iterable[Sample]:
    yield sample(Input((4, 5), -4.0, 0.0), index_input((4,), 5), None, -100)
    yield sample(Input((4, 5), -4.0, 0.0), index_input((4,), 5), Input((5,), 0.5, 2.0), -100, note="weights")
    yield sample(
        Input((4, 5), -4.0, 0.0),
        index_input((4,), 5, 0, -100, 4, 2),
        Input((5,), 0.5, 2.0),
        -100,
        note="an ignored row",
    )
    yield sample(Input((4, 5), -4.0, 0.0), index_input((4,), 5, 0, 2, 4, 2), None, 2, note="an ignored class")
    yield sample(Input((2, 3, 4), -4.0, 0.0), index_input((2, 4), 3), Input((3,), 0.5, 2.0), -100, note="3-d")
    yield sample(Input((4, 5), -4.0, 0.0, layout="transposed"), index_input((4,), 5), None, -100)
    yield sample(Input((0, 5), -4.0, 0.0), index_input((0,), 5), None, -100, note="empty")


def _nll_backward_samples() -> Iterable[Sample]:
    yield sample(Input((4,)), index_input((4,), 5), None, 5, -100)
    yield sample(Input((4,)), index_input((4,), 5, 0, -100, 4, 2), Input((5,), 0.5, 2.0), 5, -100)
    yield sample(Input((2, 4)), index_input((2, 4), 3), Input((3,), 0.5, 2.0), 3, -100)


def _attention_samples() -> Iterable[Sample]:
    def tensors(*lead: int, keys: int = 5) -> tuple[Input, Input, Input]:
        return (
            Input((*lead, 4, 3), -2.0, 2.0),
            Input((*lead, keys, 3), -2.0, 2.0),
            Input((*lead, keys, 6), -2.0, 2.0),
        )

    yield sample(*tensors(2, 2), None, False, None)
    yield sample(*tensors(), None, False, 0.3, note="a scale")
    yield sample(*tensors(2, keys=4), None, True, None, note="causal")
    yield sample(
        *tensors(2), Input((4, 5), dtype="bool", values=(1, 1, 0, 0, 1) * 4), False, None, note="a bool mask"
    )
    yield sample(*tensors(2), Input((2, 1, 5)), False, None, note="an added mask")


def _nll_errors() -> Iterable[ErrorCase]:
    yield ErrorCase((Input((4, 5)), index_input((3,), 5), None, -100), "ShapeError", "[4, 5] and [3]")
    yield ErrorCase((Input((4, 5)), index_input((4,), 5), Input((4,)), -100), "ShapeError", "all 5 classes")
    yield ErrorCase((Input((1, 5)), index_input((1,), 5, 5), None, -100), "IndexRangeError", "out of range")
    yield ErrorCase((Input((4, 5)), Input((4,), dtype="float32"), None, -100), "DTypeError", "float32")


def _attention_errors() -> Iterable[ErrorCase]:
    yield ErrorCase(
        (Input((2, 4, 3)), Input((2, 5, 4)), Input((2, 5, 6)), None, False, None), "ShapeError", "last size"
    )
    yield ErrorCase(
        (Input((4, 3)), Input((4, 3)), Input((4, 6)), Input((4, 4)), True, None),
        "ShapeError",
        "should not be set when is_causal=True",
    )


def _op(schema: str, **columns: Any) -> Op:
    return Op(schema, tier=4, family="nn", dtypes="floating", **columns)


OPS: tuple[Op, ...] = (
    _op(
        "nll_loss_forward(Tensor logp, Tensor target, Tensor? weight, int ignore_index) -> losses, weights",
        infer=_infer_nll,
        decompose=_decompose_nll,
        vjp={"logp": _nll_vjp},
        autocast="float32",
        tolerance="mul",
        samples=_nll_samples,
        errors=_nll_errors,
        torch_name="nn.functional.nll_loss",
        doc="Each row's -weight[target] * logp[target], and its weight: both 0 where target is ignore_index. "
        "Source: torch.nn.functional.nll_loss with reduction='none'.",
        shapes="logp [N, C, *P], target integer [N, *P], weight [C] -> losses [N, *P], weights [N, *P]",
    ),
    _op(
        "nll_loss_backward(Tensor grad_output, Tensor target, Tensor? weight, int num_classes, int "
        "ignore_index)",
        infer=_infer_nll_backward,
        decompose=_decompose_nll_backward,
        vjp={"grad_output": _nll_backward_vjp},
        autocast="none",
        tolerance="mul",
        samples=_nll_backward_samples,
        doc="The cotangent of the log-probabilities of nll_loss_forward. Source: "
        "torch.nn.functional.nll_loss.",
        shapes="grad_output [N, *P], target integer [N, *P], weight [num_classes] -> [N, num_classes, *P]",
    ),
    _op(
        "scaled_dot_product_attention(Tensor query, Tensor key, Tensor value, Tensor? attn_mask=None, "
        "bool is_causal=False, float? scale=None)",
        infer=_infer_attention,
        flops=lambda out, query, key, value, *_: (
            2 * key.shape[-2] * (query.numel + query.numel // max(query.shape[-1], 1) * value.shape[-1])
        ),
        decompose=_decompose_attention,
        autocast="low",
        tolerance="matmul",
        samples=_attention_samples,
        errors=_attention_errors,
        torch_name="nn.functional.scaled_dot_product_attention",
        doc="Attention of query [..., L, E] to key [..., S, E] and value [..., S, V]; "
        "a bool mask is true where attention is allowed, another one is added. Source: "
        "torch.nn.functional.scaled_dot_product_attention.",
        shapes="query [*B, L, E], key [*B, S, E], value [*B, S, V], attn_mask [*M] -> [*B, L, V]",
    ),
)
