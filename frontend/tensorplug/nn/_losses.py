"""Loss functions. ``reduction``: "mean", "sum" or "none" (one loss an element or row)."""

from __future__ import annotations

import math

import tensorplug as tp
from tensorplug_dispatcher.errors import DTypeError, ShapeError, SignatureError
from tensorplug_dispatcher.ops import F as _ops
from tensorplug_layers.autocast import float32_function

from .._arguments import check_same_dtype, outside
from .._public import widened

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from tensorplug import Tensor


def _reduce(losses: Tensor, reduction: str) -> Tensor:
    if reduction == "mean":
        return tp.mean(losses)
    if reduction == "sum":
        return tp.sum(losses)
    if reduction == "none":
        return losses
    raise ValueError(f"{reduction} is not a valid value for reduction")


def _check_same_size(input: Tensor, target: Tensor) -> None:
    if target.shape != input.shape:
        import warnings

        warnings.warn(
            f"Using a target size ({target.shape}) that is different to the input size "
            f"({input.shape}). This will likely lead to incorrect results due to broadcasting. "
            "Please ensure they have the same size.",
            stacklevel=3,
        )


# -- regression ----------------------------------------------------------------------------------------------


def _difference(input: Tensor, target: Tensor) -> Tensor:
    """``input - target``, where a mask as target counts as 0 and 1."""
    return input - (target.to(input.dtype) if target.dtype is tp.bool else target)


@float32_function
@widened
def mse_loss(
    input: Tensor,
    target: Tensor,
    size_average: Any = None,
    reduce: Any = None,
    reduction: str = "mean",
    weight: Tensor | None = None,
) -> Tensor:
    """``(x - y)²``, times ``weight`` if given (then "mean" divides by the weights' sum).

    Shapes: input and target [*S] -> [], or [*S] with ``reduction="none"``; dtypes: floating. Source:
    torch.nn.functional.mse_loss.
    """
    _check_same_size(input, target)
    difference = _difference(input, target)
    losses = difference * difference
    if weight is None:
        return _reduce(losses, reduction)
    losses = losses * weight
    return tp.sum(losses) / tp.sum(weight) if reduction == "mean" else _reduce(losses, reduction)


@float32_function
def l1_loss(
    input: Tensor, target: Tensor, size_average: Any = None, reduce: Any = None, reduction: str = "mean"
) -> Tensor:
    """``|x - y|``.

    Shapes: input and target [*S] -> [], or [*S] with ``reduction="none"``; dtypes: floating. Source:
    torch.nn.functional.l1_loss.
    """
    _check_same_size(input, target)
    return _reduce(tp.abs(input - target), reduction)


@float32_function
@widened
def smooth_l1_loss(
    input: Tensor,
    target: Tensor,
    size_average: Any = None,
    reduce: Any = None,
    reduction: str = "mean",
    beta: float = 1.0,
) -> Tensor:
    """``½ d²/beta`` where d = |x - y| < beta, else ``d - ½ beta``.

    Shapes: input and target [*S] -> [], or [*S] with ``reduction="none"``; dtypes: floating. Raises
    RuntimeError for what cannot be done. Source: torch.nn.functional.smooth_l1_loss.
    """
    if beta < 0:
        raise RuntimeError("smooth_l1_loss does not support negative values for beta.")
    if beta == 0:
        return l1_loss(input, target, reduction=reduction)
    _check_same_size(input, target)
    distance = tp.abs(_difference(input, target))
    return _reduce(
        tp.where(distance < beta, distance * distance * (0.5 / beta), distance - 0.5 * beta), reduction
    )


@float32_function
@widened
def huber_loss(
    input: Tensor, target: Tensor, reduction: str = "mean", delta: float = 1.0, weight: Tensor | None = None
) -> Tensor:
    """``½ d²`` where d = |x - y| ≤ delta, else ``delta (d - ½ delta)``.

    Shapes: input and target [*S] -> [], or [*S] with ``reduction="none"``; dtypes: floating. Raises
    RuntimeError for what cannot be done. Source: torch.nn.functional.huber_loss.
    """
    if delta <= 0:
        raise RuntimeError("huber_loss does not support non-positive values for delta.")
    _check_same_size(input, target)
    distance = tp.abs(_difference(input, target))
    losses = tp.where(distance <= delta, distance * distance * 0.5, (distance - 0.5 * delta) * delta)
    if weight is None:
        return _reduce(losses, reduction)
    losses = losses * weight
    return tp.sum(losses) / tp.sum(weight) if reduction == "mean" else _reduce(losses, reduction)


# -- classification ------------------------------------------------------------------------------------------


def _class_dim(input: Tensor) -> int:
    return 0 if input.ndim == 1 else 1


@float32_function
def nll_loss(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: Any = None,
    ignore_index: int = -100,
    reduce: Any = None,
    reduction: str = "mean",
) -> Tensor:
    """``-weight[y] · x[y]`` for log-probabilities [N, C, ...] (or [C]) and int64 classes [N, ...].

    "mean" divides by the sum of the targets' weights; ``ignore_index`` takes no part.
    Raises ValueError where batch sizes differ, IndexError for classes outside [0, C).

    Shapes: input [N, C, *S], target [N, *S], weight [C] -> [], or [N, *S] with ``reduction="none"``; dtypes:
    floating, classes are int64. Source: torch.nn.functional.nll_loss.
    """
    return _nll(input, target, weight, ignore_index, reduction)


def _check_classes(input: Tensor, target: Tensor) -> None:
    if input.ndim == 0:
        raise ShapeError(f"Expected 1 or more dimensions (got {input.ndim})")
    batch = () if input.ndim == 1 else (input.shape[0], *input.shape[2:])
    if input.ndim > 1 and target.ndim and input.shape[0] != target.shape[0]:
        raise ShapeError(
            f"Expected input batch_size ({input.shape[0]}) to match target batch_size ({target.shape[0]})."
        )
    if tuple(target.shape) != batch:
        raise ShapeError(f"Expected target size {list(batch)}, got {list(target.shape)}")
    if target.is_floating_point() or target.dtype == tp.bool:
        raise DTypeError(
            f"expected classes as integers (int64) for target, got {target.dtype}; targets of "
            "the same shape as the input are class probabilities"
        )


def _classes(target: Tensor) -> Tensor:
    """Classes in int64, given in that or in uint8."""
    if target.dtype in (tp.int8, tp.int16, tp.int32):
        raise DTypeError(
            f"expected target dtype to be int64 or uint8, but got {target.dtype}; convert it with .long()"
        )
    return target.long() if target.dtype is tp.uint8 else target


def _nll(input: Tensor, target: Tensor, weight: Tensor | None, ignore_index: int, reduction: str) -> Tensor:
    target = _classes(target)
    single = input.ndim == 1
    logp, classes = (input.unsqueeze(0), target.unsqueeze(0)) if single else (input, target)
    try:
        losses, weights = _ops.nll_loss_forward(logp, classes, weight, ignore_index)
    except (ShapeError, DTypeError):
        _check_classes(input, target)  # PyTorch's texts for what usually goes wrong
        raise
    if reduction == "mean":
        return tp.sum(losses) / tp.sum(weights)
    return _reduce(losses.squeeze(0) if single else losses, reduction)


@float32_function
def cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: Any = None,
    ignore_index: int = -100,
    reduce: Any = None,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Tensor:
    """``-log softmax(x)[y]`` for scores [N, C, ...] (or [C]).

    ``target``: int64 classes [N, ...], or class probabilities of the input's shape. ``weight`` [C];
    ``label_smoothing`` in [0, 1] mixes the target with the uniform distribution (Szegedy et al.,
    arXiv:1512.00567).

    Shapes: input [N, C, *S], target [N, *S] or [N, C, *S], weight [C] -> [], or [N, *S] with
    ``reduction="none"``; dtypes: floating, classes are int64. Raises RuntimeError for what cannot be done.
    Raises SignatureError for arguments that do not go together. Source: torch.nn.functional.cross_entropy.
    """
    if label_smoothing < 0.0 or label_smoothing > 1.0:
        raise RuntimeError(f"label_smoothing must be between 0.0 and 1.0. Got: {label_smoothing}")
    dim = _class_dim(input)
    if target.shape == input.shape:
        if ignore_index >= 0 and target.is_floating_point():
            raise SignatureError(
                f"ignore_index={ignore_index} is not supported for floating point target: "
                "class probabilities take part one and all"
            )
        return _soft_cross_entropy(input, target, weight, reduction, label_smoothing, dim)
    log_probabilities = _ops.log_softmax(input, dim)
    target = _classes(target)
    loss = _nll(log_probabilities, target, weight, ignore_index, reduction)
    if not label_smoothing:
        return loss
    size = input.shape[dim]
    valid = target != ignore_index
    spread = -tp.sum(_weighted(log_probabilities, weight, dim), dim)
    spread = tp.where(valid, spread, 0.0)
    if reduction == "mean":
        weights = valid if weight is None else weight[tp.where(valid, target, 0)] * valid
        spread = tp.sum(spread) / tp.sum(weights)
    else:
        spread = _reduce(spread, reduction)
    return loss * (1 - label_smoothing) + spread * (label_smoothing / size)


def _weighted(values: Tensor, weight: Tensor | None, dim: int) -> Tensor:
    if weight is None:
        return values
    return values * (weight if dim == 0 else weight.reshape((1, -1) + (1,) * (values.ndim - 2)))


def _soft_cross_entropy(
    input: Tensor, target: Tensor, weight: Tensor | None, reduction: str, label_smoothing: float, dim: int
) -> Tensor:
    if not target.is_floating_point():
        raise DTypeError(
            f"Expected floating point type for target with class probabilities, got {target.dtype}"
        )
    size = input.shape[dim]
    if label_smoothing:
        target = target * (1 - label_smoothing) + label_smoothing / size
    losses = _weighted(_ops.log_softmax(input, dim) * target, weight, dim)
    if reduction == "mean":
        return -tp.sum(losses) / (input.numel() // size)
    if reduction == "sum":
        return -tp.sum(losses)
    return _reduce(-tp.sum(losses, dim), reduction)


@float32_function
@widened
def binary_cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: Any = None,
    reduce: Any = None,
    reduction: str = "mean",
) -> Tensor:
    """``-(y log x + (1-y) log(1-x))`` for probabilities x in [0, 1]; logarithms are at least -100.

    Raises ValueError where shapes differ and where a value of either is outside [0, 1], or NaN; a device is
    waited for to know.

    Shapes: input and target [*S] -> [], or [*S] with ``reduction="none"``; dtypes: floating. Raises
    ShapeError for sizes that do not fit. Source: torch.nn.functional.binary_cross_entropy.
    """
    if target.shape != input.shape:
        raise ShapeError(
            f"Using a target size ({target.shape}) that is different to the input size "
            f"({input.shape}) is deprecated. Please ensure they have the same size."
        )
    for name, given in (("input", input), ("target", target)):
        if outside(given, 0, 1):
            raise ShapeError(
                f"binary_cross_entropy: all elements of {name} should be between 0 and 1; apply sigmoid() "
                "first, or use binary_cross_entropy_with_logits()"
            )
    check_same_dtype("binary_cross_entropy", input=input, target=target)
    losses = _binary_entropy().apply(input, target)
    return _reduce(losses if weight is None else losses * weight, reduction)


_binary_entropy_function: Any = None


def _binary_entropy() -> Any:
    """Binary cross entropy with PyTorch's finite gradient at 0 and 1;
    made on first use, when autograd is there.
    """
    global _binary_entropy_function
    if _binary_entropy_function is None:

        class BinaryCrossEntropy(tp.autograd.Function):
            @staticmethod
            def forward(ctx: Any, input: Tensor, target: Tensor) -> Tensor:
                ctx.save_for_backward(input, target)
                positive = tp.log(input).clamp(min=-100)
                negative = tp.log(1 - input).clamp(min=-100)
                return (target - 1) * negative - target * positive

            @staticmethod
            def backward(ctx: Any, grad: Tensor) -> Any:
                input, target = ctx.saved_tensors
                to_input = to_target = None
                if ctx.needs_input_grad[0]:
                    to_input = grad * (input - target) / ((1 - input) * input).clamp(min=1e-12)
                if ctx.needs_input_grad[1]:
                    to_target = grad * (tp.log(1 - input) - tp.log(input))
                return to_input, to_target

        _binary_entropy_function = BinaryCrossEntropy
    return _binary_entropy_function


@float32_function
@widened
def binary_cross_entropy_with_logits(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: Any = None,
    reduce: Any = None,
    reduction: str = "mean",
    pos_weight: Tensor | None = None,
) -> Tensor:
    """``-(p y log σ(x) + (1-y) log(1-σ(x)))`` without overflow;
    ``pos_weight`` p broadcasts. Raises ValueError.

    Shapes: input and target [*S] -> [], or [*S] with ``reduction="none"``; dtypes: floating. Raises
    ShapeError for sizes that do not fit. Source: torch.nn.functional.binary_cross_entropy_with_logits.
    """
    if target.shape != input.shape:
        raise ShapeError(f"Target size ({target.shape}) must be the same as input size ({input.shape})")
    miss = _ops.softplus(-input, 1.0, 40.0)  # -log σ(x); beyond 40, e⁻ˣ vanishes in float64
    if pos_weight is not None:
        miss = miss * ((pos_weight - 1) * target + 1)
    losses = (1 - target) * input + miss
    return _reduce(losses if weight is None else losses * weight, reduction)


@float32_function
@widened
def kl_div(
    input: Tensor,
    target: Tensor,
    size_average: Any = None,
    reduce: Any = None,
    reduction: str = "mean",
    log_target: bool = False,
) -> Tensor:
    """``y (log y - x)`` for log-probabilities x; ``log_target``: y is given as its logarithm.

    ``reduction="batchmean"`` divides the sum by the first dimension's size, which is the divergence.

    Shapes: input and target [*S] -> [], or [*S] with ``reduction="none"``; dtypes: floating. Source:
    torch.nn.functional.kl_div.
    """
    losses = tp.exp(target) * (target - input) if log_target else tp.xlogy(target, target) - target * input
    if reduction == "batchmean":
        return tp.sum(losses) / input.shape[0] if input.ndim else tp.sum(losses)
    if reduction == "mean":
        import warnings

        warnings.warn(
            "reduction: 'mean' divides the total loss by both the batch size and the support "
            "size.'batchmean' divides only by the batch size, and aligns with the KL div math "
            "definition.'mean' will be changed to behave the same as 'batchmean' in the next major release.",
            stacklevel=2,
        )
    return _reduce(losses, reduction)


# -- distances, margins and likelihoods ----------------------------------------------------------------------


def _check_dimensions(name: str, *tensors: Tensor) -> None:
    if len({t.ndim for t in tensors}) > 1:
        raise ShapeError(
            f"{name}: all tensors are expected to have the same number of dimensions, but got "
            f"{', '.join(str(list(t.shape)) for t in tensors)}"
        )


@float32_function
def margin_ranking_loss(
    input1: Tensor, input2: Tensor, target: Tensor, margin: float = 0, reduction: str = "mean"
) -> Tensor:
    """``max(0, -y (x₁ - x₂) + margin)`` with y of 1 or -1.

    Shapes: all [*S] -> [], or [*S] with ``reduction="none"``; dtypes: floating. Source:
    torch.nn.functional.margin_ranking_loss.
    """
    _check_dimensions("margin_ranking_loss", input1, input2, target)
    return _reduce((-target * (input1 - input2) + margin).clamp(min=0), reduction)


@float32_function
def hinge_embedding_loss(
    input: Tensor, target: Tensor, margin: float = 1.0, reduction: str = "mean"
) -> Tensor:
    """``x`` where y = 1, ``max(0, margin - x)`` where y = -1.

    Shapes: input and target [*S] -> [], or [*S] with ``reduction="none"``; dtypes: floating. Source:
    torch.nn.functional.hinge_embedding_loss.
    """
    near = tp.where(target == -1, 0.0, input)
    far = tp.where(target == 1, 0.0, (margin - input).clamp(min=0))
    return _reduce(near + far, reduction)


@float32_function
@widened
def cosine_embedding_loss(
    input1: Tensor, input2: Tensor, target: Tensor, margin: float = 0, reduction: str = "mean"
) -> Tensor:
    """``1 - cos`` where y = 1, ``max(0, cos - margin)`` where y = -1; cos along the last dimension.

    Shapes: inputs [N, D], target [N] -> [], or [N] with ``reduction="none"``; dtypes: floating. Source:
    torch.nn.functional.cosine_embedding_loss.
    """
    epsilon = 1e-12
    inner = tp.sum(input1 * input2, -1)
    cos = inner * tp.rsqrt((tp.sum(input1 * input1, -1) + epsilon) * (tp.sum(input2 * input2, -1) + epsilon))
    near = tp.where(target == 1, 1 - cos, 0.0)
    far = tp.where(target == -1, (cos - margin).clamp(min=0), 0.0)
    return _reduce(near + far, reduction)


@float32_function
@widened
def triplet_margin_loss(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    margin: float = 1.0,
    p: float = 2,
    eps: float = 1e-6,
    swap: bool = False,
    reduction: str = "mean",
) -> Tensor:
    """``max(0, d(a, p) - d(a, n) + margin)`` with the p-norm along the last dimension.

    Shapes: all [N, D] -> [], or [N] with ``reduction="none"``; dtypes: floating. Raises ValueError for a
    value that is not allowed. Source: torch.nn.functional.triplet_margin_loss.
    """
    if margin <= 0:
        raise ValueError(f"margin must be greater than 0, got {margin}")
    _check_dimensions("triplet_margin_loss", anchor, positive, negative)
    near = tp.norm(anchor - positive + eps, p, -1)
    far = tp.norm(anchor - negative + eps, p, -1)
    if swap:
        far = tp.minimum(far, tp.norm(positive - negative + eps, p, -1))
    return _reduce((near - far + margin).clamp(min=0), reduction)


@float32_function
@widened
def poisson_nll_loss(
    input: Tensor,
    target: Tensor,
    log_input: bool = True,
    full: bool = False,
    eps: float = 1e-8,
    reduction: str = "mean",
) -> Tensor:
    """``eˣ - y x`` (``log_input``) or ``x - y log(x + eps)``; ``full`` adds Stirling's term for y > 1.

    Shapes: input and target [*S] -> [], or [*S] with ``reduction="none"``; dtypes: floating. Source:
    torch.nn.functional.poisson_nll_loss.
    """
    losses = tp.exp(input) - target * input if log_input else input - target * tp.log(input + eps)
    if full:
        stirling = target * tp.log(target) - target + 0.5 * tp.log(2 * math.pi * target)
        losses = losses + tp.where(target > 1, stirling, 0.0)
    return _reduce(losses, reduction)


@widened
def gaussian_nll_loss(
    input: Tensor,
    target: Tensor,
    var: Tensor | float,
    full: bool = False,
    eps: float = 1e-6,
    reduction: str = "mean",
) -> Tensor:
    """``½ (log v + (x - y)² / v)`` with v = max(var, eps); ``full`` adds ½ log 2π.
    Raises ValueError for var < 0.

    Shapes: input, target and var [*S] -> [], or [*S] with ``reduction="none"``; dtypes: floating. Source:
    torch.nn.functional.gaussian_nll_loss.
    """
    if isinstance(var, tp.Tensor):
        variances = var
        if variances.shape != input.shape:
            if variances.shape == input.shape[:-1]:
                variances = variances.unsqueeze(-1)
            elif variances.shape != (*input.shape[:-1], 1):
                raise ValueError("var is of incorrect size")
        negative = bool((variances < 0).any())
    else:
        variances = tp.full(input.shape, var, dtype=input.dtype, device=input.device)
        negative = var < 0
    if negative:
        raise ValueError("var has negative entry/entries")
    lifted = variances.detach()
    variance = variances + (lifted.clamp(min=eps) - lifted)  # limited from below, with the gradient of var
    difference = input - target
    losses = 0.5 * (tp.log(variance) + difference * difference / variance)
    if full:
        losses = losses + 0.5 * math.log(2 * math.pi)
    return _reduce(losses, reduction)
