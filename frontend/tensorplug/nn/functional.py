"""Functions of neural networks, without state (https://pytorch.org/docs/stable/nn.functional.html).

Names, parameters and results are those of ``torch.nn.functional``. Tensors are floating-point unless said
otherwise.
"""

from __future__ import annotations

import math

import tensorplug as tp
from tensorplug_dispatcher.errors import ShapeError
from tensorplug_dispatcher.ops import F as _ops

from .._arguments import outside, several
from .._public import HALVES, public, widened
from ._activations import (
    celu,
    elu,
    gelu,
    glu,
    hardshrink,
    hardsigmoid,
    hardswish,
    hardtanh,
    leaky_relu,
    logsigmoid,
    mish,
    prelu,
    relu,
    relu6,
    selu,
    sigmoid,
    silu,
    softplus,
    softshrink,
    softsign,
    tanh,
    tanhshrink,
    threshold,
)
from ._attention import multi_head_attention_forward, scaled_dot_product_attention
from ._dropout import dropout, dropout1d, dropout2d
from ._losses import (
    binary_cross_entropy,
    binary_cross_entropy_with_logits,
    cosine_embedding_loss,
    cross_entropy,
    gaussian_nll_loss,
    hinge_embedding_loss,
    huber_loss,
    kl_div,
    l1_loss,
    margin_ranking_loss,
    mse_loss,
    nll_loss,
    poisson_nll_loss,
    smooth_l1_loss,
    triplet_margin_loss,
)
from ._padding import pad
from ._pooling import (
    adaptive_avg_pool1d,
    adaptive_avg_pool2d,
    adaptive_max_pool1d,
    adaptive_max_pool2d,
    avg_pool1d,
    avg_pool2d,
    avg_pool3d,
    max_pool1d,
    max_pool2d,
    max_pool2d_with_indices,
    max_pool3d,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from tensorplug import Tensor

__all__ = [
    "adaptive_avg_pool1d",
    "adaptive_avg_pool2d",
    "adaptive_max_pool1d",
    "adaptive_max_pool2d",
    "avg_pool1d",
    "avg_pool2d",
    "avg_pool3d",
    "batch_norm",
    "bilinear",
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "celu",
    "conv1d",
    "conv2d",
    "conv3d",
    "cosine_embedding_loss",
    "cosine_similarity",
    "cross_entropy",
    "dropout",
    "dropout1d",
    "dropout2d",
    "elu",
    "embedding",
    "gaussian_nll_loss",
    "gelu",
    "glu",
    "group_norm",
    "hardshrink",
    "hardsigmoid",
    "hardswish",
    "hardtanh",
    "hinge_embedding_loss",
    "huber_loss",
    "instance_norm",
    "kl_div",
    "l1_loss",
    "layer_norm",
    "leaky_relu",
    "linear",
    "log_softmax",
    "logsigmoid",
    "margin_ranking_loss",
    "max_pool1d",
    "max_pool2d",
    "max_pool2d_with_indices",
    "max_pool3d",
    "mish",
    "mse_loss",
    "multi_head_attention_forward",
    "nll_loss",
    "normalize",
    "one_hot",
    "pad",
    "pairwise_distance",
    "poisson_nll_loss",
    "prelu",
    "relu",
    "relu6",
    "rms_norm",
    "scaled_dot_product_attention",
    "selu",
    "sigmoid",
    "silu",
    "smooth_l1_loss",
    "softmax",
    "softmin",
    "softplus",
    "softshrink",
    "softsign",
    "tanh",
    "tanhshrink",
    "threshold",
    "triplet_margin_loss",
]


# -- linear maps and lookups ---------------------------------------------------------------------------------


linear = _ops.linear  # the op itself, without a Python frame around it


@widened
def bilinear(input1: Tensor, input2: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """``x₁ᵀ W x₂ + b``: [..., I] and [..., J] by [O, I, J] → [..., O].

    Shapes: [*S, I], [*S, J], weight [O, I, J], bias [O] -> [*S, O]; dtypes: floating. Source:
    torch.nn.functional.bilinear.
    """
    out, left, right = weight.shape
    rows = input1.reshape(-1, left)
    mixed = tp.matmul(rows, weight.permute(1, 0, 2).reshape(left, out * right)).reshape(-1, out, right)
    result = tp.sum(mixed * input2.reshape(-1, 1, right), -1).reshape(*input1.shape[:-1], out)
    return result if bias is None else result + bias


def embedding(
    input: Tensor,
    weight: Tensor,
    padding_idx: int | None = None,
    max_norm: float | None = None,
    norm_type: float = 2.0,
) -> Tensor:
    """Rows of ``weight`` [V, D] by integer ``input`` [...] → [..., D]; the row ``padding_idx`` gets no
    gradient. With ``max_norm``, the rows that are asked for and whose ``norm_type``-norm is greater are
    first scaled down to it, in place.

    Raises AssertionError for a ``padding_idx`` outside the table, IndexRangeError for indices outside it.

    Shapes: integers [*S], weight [V, D] -> [*S, D]; dtypes: floating, input int64 or int32. Source:
    torch.nn.functional.embedding.
    """
    if max_norm is not None:
        with tp.no_grad():
            used = tp.unique(input)
            rows = _ops.embedding(weight, used)
            lengths = tp.norm(rows, norm_type, 1, True)
            scale = tp.where(lengths > max_norm, max_norm / (lengths + 1e-7), 1.0)
            weight.index_copy_(0, used, rows * scale)
    if padding_idx is None:
        return _ops.embedding(weight, input)
    size = weight.shape[0]
    if not -size <= padding_idx < size:
        raise AssertionError("Padding_idx must be within num_embeddings")
    return _ops.embedding(weight, input, padding_idx % size)


def one_hot(tensor: Tensor, num_classes: int = -1) -> Tensor:
    """int64 [..., num_classes] with a one at each index of ``tensor`` (int64 [...]); -1: as many as needed.

    Shapes: [*S] -> [*S, num_classes]; dtypes: int64. Raises RuntimeError for what cannot be done. Raises
    ShapeError for sizes that do not fit. Source: torch.nn.functional.one_hot.
    """
    if num_classes == -1:
        if tensor.numel() == 0:
            raise RuntimeError("Can not infer total number of classes from empty tensor.")
        num_classes = max(int(tensor.max()) + 1, 1)
    if tensor.dtype is tp.int64 and outside(tensor, 0, num_classes - 1):
        least = int(tensor.min())
        raise ShapeError(
            "Class values must be non-negative."
            if least < 0
            else f"Class values must be smaller than num_classes, which is {num_classes}."
        )
    return _ops.one_hot(tensor, num_classes)


# -- convolution ---------------------------------------------------------------------------------------------


def _tuple(value: int | tuple[int, ...], size: int) -> tuple[int, ...]:
    values = several(value, size)
    return values * size if len(values) == 1 else values


def _convolve(
    size: int,
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: Any,
    padding: Any,
    dilation: Any,
    groups: int,
) -> Tensor:
    stride, dilation = _tuple(stride, size), _tuple(dilation, size)
    if isinstance(padding, str):
        input, padding = _named_padding(padding, input, tuple(weight.shape[2:]), stride, dilation)
    padding = _tuple(padding, size)
    if input.ndim == size + 1:
        return _ops.conv(input.unsqueeze(0), weight, bias, stride, padding, dilation, groups).squeeze(0)
    return _ops.conv(input, weight, bias, stride, padding, dilation, groups)


def conv1d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Tensor:
    """Cross-correlation of [N, C, L] (or without N) with [O, C/groups, K] → [N, O, L_out].

    Shapes: [N, C, L], weight [O, C / groups, K], bias [O] -> [N, O, L_out]; dtypes: any but bool, the same
    for all. Source: torch.nn.functional.conv1d.
    """
    return _convolve(1, input, weight, bias, stride, padding, dilation, groups)


def conv2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Tensor:
    """Cross-correlation of [N, C, H, W] (or without N) with [O, C/groups, KH, KW] → [N, O, H_out, W_out].

    Shapes: [N, C, H, W], weight [O, C / groups, KH, KW], bias [O] -> [N, O, H_out, W_out]; dtypes: any but
    bool, the same for all. Source: torch.nn.functional.conv2d.
    """
    return _convolve(2, input, weight, bias, stride, padding, dilation, groups)


def conv3d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Tensor:
    """Cross-correlation of [N, C, D, H, W] (or without N) with [O, C/groups, KD, KH, KW].

    Shapes: [N, C, D, H, W], weight [O, C / groups, KD, KH, KW], bias [O] -> [N, O, D_out, H_out, W_out];
    dtypes: any but bool, the same for all. Source: torch.nn.functional.conv3d.
    """
    return _convolve(3, input, weight, bias, stride, padding, dilation, groups)


def _named_padding(
    name: str, input: Tensor, kernel: tuple[int, ...], stride: tuple[int, ...], dilation: tuple[int, ...]
) -> tuple[Tensor, tuple[int, ...]]:
    """ "same" or "valid" as numbers; where "same" is uneven, the input comes back padded."""
    if name == "valid":
        return input, (0,) * len(kernel)
    if name != "same":
        raise RuntimeError(f"Invalid padding string: '{name}'; use 'valid', 'same' or numbers")
    if any(step != 1 for step in stride):
        raise RuntimeError("padding='same' is not supported for strided convolutions")
    totals = [d * (k - 1) for d, k in zip(dilation, kernel)]
    around: list[int] = []
    for total in reversed(totals):
        around += (0, total % 2)
    if any(around):
        input = pad(input, tuple(around))
    return input, tuple(total // 2 for total in totals)


# -- normalisation -------------------------------------------------------------------------------------------


def layer_norm(
    input: Tensor,
    normalized_shape: tuple[int, ...] | list[int],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """Normalise over the last dimensions (``normalized_shape``), then scale and shift.

    Shapes: input [*A, *normalized_shape], weight and bias [*normalized_shape] -> input's shape; dtypes:
    floating. Source: torch.nn.functional.layer_norm.
    """
    return _ops.layer_norm(input, normalized_shape, weight, bias, eps)[0]


def rms_norm(
    input: Tensor,
    normalized_shape: tuple[int, ...] | list[int],
    weight: Tensor | None = None,
    eps: float | None = None,
) -> Tensor:
    """``x / √(mean(x²) + eps) · weight`` over the last dimensions; ``eps`` None:
    the dtype's machine epsilon.

    Shapes: input [*A, *normalized_shape], weight [*normalized_shape] -> input's shape; dtypes: floating.
    Source: torch.nn.functional.rms_norm.
    """
    if eps is None:  # that of the dtype in which the mean is taken
        eps = tp.finfo(tp.float32 if input.dtype in HALVES else input.dtype).eps
    return _ops.rms_norm(input, normalized_shape, weight, eps)


def _check_values_per_channel(count: int, input: Tensor) -> None:
    if count == 1:
        raise ShapeError(
            f"Expected more than 1 value per channel when training, got input size "
            f"{list(input.shape)}: one value alone has no variance"
        )


def group_norm(
    input: Tensor,
    num_groups: int,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """Normalise the channels of [N, C, ...] in ``num_groups`` groups, then scale and shift every channel.

    Shapes: input [N, C, *S], weight and bias [C] -> [N, C, *S]; dtypes: floating. Raises ShapeError for sizes
    that do not fit. Source: torch.nn.functional.group_norm.
    """
    if input.ndim > 1 and input.shape[1] % num_groups:
        raise ShapeError(
            "Expected number of channels in input to be divisible by num_groups, but got input "
            f"of shape {list(input.shape)} and num_groups={num_groups}"
        )
    if input.ndim > 1:
        per_group = input.shape[1] // num_groups * math.prod(input.shape[2:])
        _check_values_per_channel(input.shape[0] * per_group, input)
    return _ops.group_norm(input, num_groups, weight, bias, eps)


def instance_norm(
    input: Tensor,
    running_mean: Tensor | None = None,
    running_var: Tensor | None = None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Normalise every channel of every sample; running statistics are not kept (NotImplementedError).

    Shapes: input [N, C, *S], weight and bias [C] -> [N, C, *S]; dtypes: floating. Raises ShapeError for sizes
    that do not fit. Source: torch.nn.functional.instance_norm.
    """
    if running_mean is not None or running_var is not None or not use_input_stats:
        raise NotImplementedError(
            "instance_norm with running statistics is not supported; pass "
            "use_input_stats=True and no running_mean or running_var"
        )
    if math.prod(input.shape[2:]) == 1:
        raise ShapeError(
            f"Expected more than 1 spatial element when training, got input size {list(input.shape)}"
        )
    return group_norm(input, input.shape[1], weight, bias, eps)


def batch_norm(
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Normalise every channel of [N, C, ...]: by the batch while training,
    by the running statistics otherwise.

    While training, running statistics move by ``momentum`` towards the batch's (the unbiased variance), in
    place.

    Shapes: input [N, C, *S], the others [C] -> [N, C, *S]; dtypes: floating. Raises RuntimeError for what
    cannot be done. Raises ShapeError for sizes that do not fit. Source: torch.nn.functional.batch_norm.
    """
    if not training:
        if running_mean is None or running_var is None:
            raise RuntimeError("Expected running_mean and running_var to be defined when training=False")
        return _ops.batch_norm_eval(input, running_mean, running_var, weight, bias, eps)
    count = input.numel() // max(input.shape[1], 1)
    _check_values_per_channel(count, input)
    if not eps > 0:
        raise ShapeError(f"batch_norm eps must be positive during training, but got {eps}")
    out, mean, rstd = _ops.batch_norm_train(input, weight, bias, eps)
    if running_mean is not None and running_var is not None and count:
        unbiased = count / (count - 1)
        with tp.no_grad():
            running_mean.lerp_(mean, momentum)
            running_var.lerp_(tp.pow(rstd, -2.0) * unbiased - eps * unbiased, momentum)
    return out


@public("function", out="out~", wide=True)
def normalize(input: Tensor, p: float = 2.0, dim: int = 1, eps: float = 1e-12) -> Tensor:
    """``input`` divided by its p-norm along ``dim`` (at least ``eps``).

    Shapes: [*S] -> [*S]; dtypes: floating. Source: torch.nn.functional.normalize.
    """
    return input / tp.norm(input, p, dim, True).clamp(min=eps)


cosine_similarity = tp.cosine_similarity


@public("function", wide=True)
def pairwise_distance(
    x1: Tensor, x2: Tensor, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False
) -> Tensor:
    """The p-norm of ``x1 - x2 + eps`` along the last dimension.

    Shapes: both broadcast to [*S, D] -> [*S]; dtypes: floating. Source:
    torch.nn.functional.pairwise_distance.
    """
    return tp.norm(x1 - x2 + eps, p, -1, keepdim)


# -- activations ---------------------------------------------------------------------------------------------


def _softmax_dim(dim: int | None, ndim: int) -> int:
    if dim is not None:
        return dim
    import warnings

    warnings.warn(
        "Implicit dimension choice for softmax has been deprecated. Change the call to include "
        "dim=X as an argument.",
        stacklevel=3,
    )
    return 0 if ndim in (0, 1, 3) else 1


def softmax(input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None) -> Tensor:
    """``eˣ / Σ eˣ`` along ``dim``; ``dtype``: cast the input first.

    Shapes: [*S] -> [*S]; dtypes: floating, or any with ``dtype``. Source: torch.nn.functional.softmax.
    """
    if dtype is not None:
        input = input.to(dtype)
    return _ops.softmax(input, _softmax_dim(dim, input.ndim))


def softmin(input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None) -> Tensor:
    """``softmax`` of ``-input``.

    Shapes: [*S] -> [*S]; dtypes: floating, or any with ``dtype``. Source: torch.nn.functional.softmin.
    """
    return softmax(-input, dim, dtype=dtype)


def log_softmax(input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None) -> Tensor:
    """``x - log Σ eˣ`` along ``dim``; ``dtype``: cast the input first.

    Shapes: [*S] -> [*S]; dtypes: floating, or any with ``dtype``. Source: torch.nn.functional.log_softmax.
    """
    if dtype is not None:
        input = input.to(dtype)
    return _ops.log_softmax(input, _softmax_dim(dim, input.ndim))
