"""What each op of the table is in PyTorch: functions that take the arguments
of the op's schema, in its order.

Ops that are not here are looked up by name in ``torch``, ``torch.nn.functional``, ``torch.special`` and
``torch.Tensor``.
``None`` says that PyTorch has no counterpart.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import quantized_references
import torch
import torch.nn.functional as nnf

from tensorplug_dispatcher import dtypes

aten = torch.ops.aten


def _dtype(dtype: Any) -> Any:
    return getattr(torch, dtype.name) if isinstance(dtype, dtypes.DType) else dtype


def _all(x: torch.Tensor, dim: Any) -> tuple[int, ...]:
    return tuple(range(x.ndim)) if dim is None else dim


def _prod(x: torch.Tensor, dim: Any, keepdim: bool, dtype: Any = None) -> torch.Tensor:
    for i in sorted(
        (d % max(x.ndim, 1) for d in ([dim] if isinstance(dim, int) else _all(x, dim))), reverse=True
    ):
        x = torch.prod(x, i, keepdim, dtype=_dtype(dtype))
    return torch.prod(x, dtype=_dtype(dtype)) if x.ndim == 0 and dim is None else x


def _truth(function: Callable[..., torch.Tensor]) -> Callable[..., torch.Tensor]:
    def run(x: torch.Tensor, dim: Any, keepdim: bool) -> torch.Tensor:
        if x.ndim == 0:
            return function(x)
        return function(x, dim=_all(x, dim), keepdim=keepdim)

    return run


def _arg(function: Callable[..., torch.Tensor]) -> Callable[..., torch.Tensor]:
    def run(x: torch.Tensor, dim: Any, keepdim: bool) -> torch.Tensor:
        return function(x, dim, keepdim)

    return run


def _backward(
    function: Callable[..., torch.Tensor], grad: torch.Tensor, shape: Any, *args: Any
) -> torch.Tensor:
    """The cotangent that PyTorch gives for ``function`` of a tensor of ``shape``."""
    x = torch.zeros(shape, dtype=grad.dtype, requires_grad=True)
    (result,) = torch.autograd.grad(function(x, *args), x, grad, create_graph=True)
    return result


def _as_strided(x: torch.Tensor, size: Any, stride: Any, offset: int = 0) -> torch.Tensor:
    if min(stride, default=0) >= 0:
        return torch.as_strided(x, size, stride, x.storage_offset() + offset)
    places = torch.tensor(offset)
    for n, step in zip(size, stride, strict=True):
        places = places.unsqueeze(-1) + torch.arange(n) * step
    return x.as_strided((int(places.max()) + 1,), (1,))[places]


def _as_strided_backward(
    grad: torch.Tensor, shape: Any, strides: Any, size: Any, stride: Any, offset: int
) -> torch.Tensor:
    x = torch.zeros(100, dtype=grad.dtype).as_strided(shape, strides).requires_grad_()
    return torch.autograd.grad(x.as_strided(size, stride, offset), x, grad, create_graph=True)[0]


def _slice(x: torch.Tensor, dim: int, start: int, length: int, step: int = 1) -> torch.Tensor:
    return aten.slice.Tensor(x, dim, start, start + (length - 1) * step + 1 if length else start, step)


def _squeeze(x: torch.Tensor, dim: Any = None) -> torch.Tensor:
    return torch.squeeze(x) if dim is None else torch.squeeze(x, dim)


def _searchsorted(boundaries: torch.Tensor, values: torch.Tensor, right: bool = False) -> torch.Tensor:
    return torch.searchsorted(boundaries.contiguous(), values.contiguous(), right=right)


def _scatter(add: bool) -> Callable[..., torch.Tensor]:
    def run(x: torch.Tensor, dim: int, index: torch.Tensor, src: torch.Tensor) -> torch.Tensor:
        return (
            torch.scatter_add(x, dim, index.long(), src) if add else torch.scatter(x, dim, index.long(), src)
        )

    return run


def _index_put(x: torch.Tensor, indices: Any, values: torch.Tensor, accumulate: bool = False) -> torch.Tensor:
    return x.index_put(tuple(indices), values, accumulate)


def _nonzero(x: torch.Tensor, count: int) -> torch.Tensor:
    result = torch.nonzero(x)
    assert result.shape[0] == count
    return result


def _embedding(weight: torch.Tensor, indices: torch.Tensor, padding_idx: int = -1) -> torch.Tensor:
    return nnf.embedding(indices, weight, padding_idx if padding_idx >= 0 else None)


def _softmax_backward(grad: torch.Tensor, out: torch.Tensor, dim: int) -> torch.Tensor:
    return out * (grad - (grad * out).sum(dim, keepdim=True))


def _log_softmax_backward(grad: torch.Tensor, out: torch.Tensor, dim: int) -> torch.Tensor:
    return grad - out.exp() * grad.sum(dim, keepdim=True)


def _layer_norm(x: torch.Tensor, shape: Any, weight: Any, bias: Any, eps: float) -> Any:
    return torch.native_layer_norm(x, shape, weight, bias, eps)


def _normalization_backward(
    grad: torch.Tensor,
    x: torch.Tensor,
    mean: torch.Tensor,
    rstd: torch.Tensor,
    weight: Any,
    dims: Any,
    parameter_dims: Any,
) -> Any:
    normal = (x - mean) * rstd
    scaled = grad if weight is None else grad * weight
    of_input = rstd * (
        scaled - scaled.mean(dims, keepdim=True) - normal * (scaled * normal).mean(dims, keepdim=True)
    )
    if not parameter_dims:
        return of_input, grad * normal, grad
    return of_input, (grad * normal).sum(parameter_dims), grad.sum(parameter_dims)


def _layer_norm_backward(grad: Any, x: Any, mean: Any, rstd: Any, weight: Any, shape: Any) -> Any:
    lead = x.ndim - len(shape)
    return _normalization_backward(
        grad, x, mean, rstd, weight, tuple(range(lead, x.ndim)), tuple(range(lead))
    )


def _batch_norm(x: torch.Tensor, weight: Any, bias: Any, eps: float) -> Any:
    dims = (0, *range(2, x.ndim))
    out = nnf.batch_norm(x, None, None, weight, bias, True, 0.0, eps)
    return out, x.mean(dims), (x.var(dims, correction=0) + eps).rsqrt()


def _batch_norm_backward(grad: Any, x: Any, mean: Any, rstd: Any, weight: Any) -> Any:
    shape = (1, -1) + (1,) * (x.ndim - 2)
    dims = (0, *range(2, x.ndim))
    return _normalization_backward(
        grad,
        x,
        mean.view(shape),
        rstd.view(shape),
        None if weight is None else weight.view(shape),
        dims,
        dims,
    )


def _conv(
    x: Any, weight: Any, bias: Any, stride: Any, padding: Any, dilation: Any, groups: int
) -> torch.Tensor:
    function = getattr(nnf, f"conv{len(stride)}d")
    return function(x, weight, bias, stride, padding, dilation, groups)


def _conv_backward(mask: tuple[bool, bool, bool]) -> Callable[..., torch.Tensor]:
    def run(
        grad: Any, other: Any, shape: Any, stride: Any, padding: Any, dilation: Any, groups: int
    ) -> torch.Tensor:
        blank = torch.zeros(shape, dtype=grad.dtype)
        x, weight = (blank, other) if mask[0] else (other, blank)
        results = aten.convolution_backward(
            grad, x, weight, None, stride, padding, dilation, False, [0] * len(stride), groups, mask
        )
        return results[0] if mask[0] else results[1]

    return run


def _max_pool(x: Any, kernel: Any, stride: Any, padding: Any, dilation: Any, ceil_mode: bool) -> Any:
    function = getattr(nnf, f"max_pool{len(kernel)}d")
    return function(x, kernel, stride, padding, dilation, ceil_mode, return_indices=True)


def _max_pool_backward(grad: torch.Tensor, indices: torch.Tensor, shape: Any) -> torch.Tensor:
    flat = (
        torch.zeros(
            (*shape[:2], -1 if 0 in shape[:2] else int(torch.Size(shape[2:]).numel())), dtype=grad.dtype
        )
        if 0 not in shape
        else torch.zeros((*shape[:2], torch.Size(shape[2:]).numel()), dtype=grad.dtype)
    )
    if grad.numel() == 0:
        return flat.view(shape)
    return flat.scatter_add(2, indices.flatten(2), grad.flatten(2)).view(shape)


def _avg_pool(
    x: Any,
    kernel: Any,
    stride: Any,
    padding: Any,
    ceil_mode: bool,
    count_include_pad: bool,
    divisor: Any = None,
) -> torch.Tensor:
    if len(kernel) == 1:
        return nnf.avg_pool1d(x, kernel, stride, padding, ceil_mode, count_include_pad)
    function = getattr(nnf, f"avg_pool{len(kernel)}d")
    return function(x, kernel, stride, padding, ceil_mode, count_include_pad, divisor)


def _nll(logp: torch.Tensor, target: torch.Tensor, weight: Any, ignore_index: int) -> Any:
    weights = torch.ones(logp.shape[1], dtype=logp.dtype) if weight is None else weight
    kept = target != ignore_index
    rows = torch.where(kept, weights[target.where(kept, torch.tensor(0))], torch.tensor(0, dtype=logp.dtype))
    return nnf.nll_loss(logp, target, weight, ignore_index=ignore_index, reduction="none"), rows


def _nll_backward(
    grad: torch.Tensor, target: torch.Tensor, weight: Any, classes: int, ignore_index: int
) -> torch.Tensor:
    shape = (target.shape[0], classes, *target.shape[1:])
    return _backward(
        lambda x: nnf.nll_loss(x, target, weight, ignore_index=ignore_index, reduction="none"), grad, shape
    )


def _attention(
    query: Any, key: Any, value: Any, mask: Any = None, is_causal: bool = False, scale: Any = None
) -> Any:
    mask = mask.to(query.dtype) if mask is not None and mask.dtype != torch.bool else mask
    return nnf.scaled_dot_product_attention(query, key, value, mask, 0.0, is_causal, scale=scale)


REFERENCES: dict[str, Callable[..., Any] | None] = {
    **quantized_references.REFERENCES,
    "threshold_backward": aten.threshold_backward,
    "relu_backward": lambda grad, out: torch.where(out <= 0, torch.zeros((), dtype=grad.dtype), grad),
    "sigmoid_backward": lambda grad, out: grad * ((1 - out) * out),  # the order matters where that overflows
    "tanh_backward": aten.tanh_backward,
    "gelu_backward": lambda grad, x, approximate: aten.gelu_backward(
        *torch.broadcast_tensors(grad, x), approximate=approximate
    ),
    "silu_backward": aten.silu_backward,
    # PyTorch has these as optimizers only; the tests of tensorplug.optim compare them
    **dict.fromkeys(("sgd_step", "sgd_momentum_step", "adam_step", "adam_amsgrad_step")),
    "gelu": lambda x, approximate: nnf.gelu(x, approximate=approximate),
    "addcmul": lambda x, a, b, value: torch.addcmul(x, a, b, value=value),
    "addcdiv": lambda x, a, b, value: torch.addcdiv(x, a, b, value=value),
    "assign": lambda x, source: source.to(x.dtype).expand(x.shape).contiguous().clone(),
    "copy": lambda x: x.contiguous().clone(),
    "cast": lambda x, dtype: x.to(_dtype(dtype), copy=True),
    "to_device": lambda x, device: x,
    "fill": lambda shape, value, dtype: torch.full(shape, value, dtype=_dtype(dtype)),
    "sum": lambda x, dim, keepdim, dtype=None: (
        torch.sum(x, dim=_all(x, dim), keepdim=keepdim, dtype=_dtype(dtype))
        if x.ndim
        else torch.sum(x, dtype=_dtype(dtype))
    ),
    "amax": lambda x, dim, keepdim: torch.amax(x, _all(x, dim), keepdim),
    "amin": lambda x, dim, keepdim: torch.amin(x, _all(x, dim), keepdim),
    "prod": _prod,
    "argmax": _arg(torch.argmax),
    "argmin": _arg(torch.argmin),
    "any": _truth(torch.any),
    "all": _truth(torch.all),
    "mean": lambda x, dim, keepdim, dtype=None: torch.mean(
        x, dim=_all(x, dim), keepdim=keepdim, dtype=_dtype(dtype)
    ),
    "var": lambda x, dim, correction, keepdim: torch.var(x, dim, correction=correction, keepdim=keepdim),
    "var_mean": lambda x, dim, correction, keepdim: torch.var_mean(
        x, dim, correction=correction, keepdim=keepdim
    ),
    "std": lambda x, dim, correction, keepdim: torch.std(x, dim, correction=correction, keepdim=keepdim),
    "norm": torch.linalg.vector_norm,
    "as_strided": _as_strided,
    "slice": _slice,
    "squeeze": _squeeze,
    "narrow": torch.narrow,
    "view": lambda x, shape: x.view(shape),
    "expand": lambda x, size: x.expand(size),
    "unfold": lambda x, dim, size, step: x.unfold(dim, size, step),
    "alias": lambda x: x[...],
    "detach": lambda x: x.detach(),
    "view_dtype": lambda x, dtype: x.view(_dtype(dtype)),
    "roll": lambda x, shifts, dims=(): torch.roll(x, shifts, dims),
    "repeat": lambda x, repeats: x.repeat(repeats),
    "repeat_interleave": torch.repeat_interleave,
    "constant_pad_nd": lambda x, pad, value=0: nnf.pad(x, pad, "constant", value),
    "pad": lambda x, pad, mode="constant", value=0: nnf.pad(
        x, pad, mode, value if mode == "constant" else None
    ),
    "slice_backward": lambda grad, shape, *args: _backward(_slice, grad, shape, *args),
    "select_backward": lambda grad, shape, *args: _backward(torch.select, grad, shape, *args),
    "diagonal_backward": lambda grad, shape, *args: torch.ops.aten.diagonal_backward(grad, shape, *args),
    "unfold_backward": lambda grad, shape, *args: _backward(lambda x, *a: x.unfold(*a), grad, shape, *args),
    "as_strided_backward": _as_strided_backward,
    "iota": lambda length, dtype, start=0, step=1: (torch.arange(length) * step + start).to(_dtype(dtype)),
    "gather": lambda x, dim, index: torch.gather(x, dim, index.long()),
    "scatter": _scatter(False),
    "scatter_add": _scatter(True),
    "nonzero": _nonzero,
    "searchsorted": _searchsorted,
    "index": lambda x, indices: x[tuple(indices)],
    "index_put": _index_put,
    "take_along_dim": torch.take_along_dim,
    "one_hot": nnf.one_hot,
    "embedding": _embedding,
    "embedding_backward": lambda grad, indices, count, padding: _backward(
        lambda w: _embedding(w, indices, padding), grad, (count, grad.shape[-1])
    ),
    "cumsum": torch.cumsum,
    "cumprod": torch.cumprod,
    "sort": lambda x, dim=-1, descending=False: torch.sort(x, dim=dim, descending=descending, stable=True),
    "argsort": lambda x, dim=-1, descending=False: torch.argsort(
        x, dim=dim, descending=descending, stable=True
    ),
    "linear": nnf.linear,
    "addmm": torch.addmm,
    "random_bits": None,
    "rand": None,
    "randn": None,
    "randint": None,
    "dropout_mask": None,
    "bernoulli": None,
    "randperm": None,
    "softmax_backward": _softmax_backward,
    "log_softmax_backward": _log_softmax_backward,
    "layer_norm": _layer_norm,
    "layer_norm_backward": _layer_norm_backward,
    "batch_norm_train": _batch_norm,
    "batch_norm_backward": _batch_norm_backward,
    "batch_norm_eval": lambda x, mean, var, weight, bias, eps: nnf.batch_norm(
        x, mean, var, weight, bias, False, 0, eps
    ),
    "group_norm": nnf.group_norm,
    "conv": _conv,
    "conv_input_grad": _conv_backward((True, False, False)),
    "conv_weight_grad": _conv_backward((False, True, False)),
    "max_pool": _max_pool,
    "max_pool_backward": _max_pool_backward,
    "avg_pool": _avg_pool,
    "avg_pool_backward": lambda grad, shape, *args: _backward(_avg_pool, grad, shape, *args),
    "adaptive_avg_pool": nnf.adaptive_avg_pool2d,
    "adaptive_max_pool": lambda x, size: nnf.adaptive_max_pool2d(x, size, return_indices=True),
    "nll_loss_forward": _nll,
    "nll_loss_backward": _nll_backward,
    "scaled_dot_product_attention": _attention,
}


def reference(name: str) -> Callable[..., Any] | None:
    """PyTorch's function of the op called ``name``; None where there is none."""
    if name in REFERENCES:
        return REFERENCES[name]
    for place in (torch, nnf, torch.special, torch.Tensor):
        if hasattr(place, name):
            return getattr(place, name)
    return None
