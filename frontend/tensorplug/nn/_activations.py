"""Activations (https://pytorch.org/docs/stable/nn.functional.html#non-linear-activation-functions)."""

from __future__ import annotations

import math

import tensorplug as tp
from tensorplug_dispatcher.conversion import number_of
from tensorplug_dispatcher.errors import DTypeError, ShapeError
from tensorplug_dispatcher.ops import F as _ops

from .._arguments import check_floating, check_same_dtype
from .._public import public, widened

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tensorplug import Tensor


def _put(input: Tensor, result: Tensor, inplace: bool) -> Tensor:
    return input.copy_(result) if inplace else result


def relu(input: Tensor, inplace: bool = False) -> Tensor:
    """``max(x, 0)``.

    Shapes: [*S] -> [*S]; dtypes: any but bool. Source: torch.nn.functional.relu.
    """
    return input.relu_() if inplace else _ops.relu(input)


def relu6(input: Tensor, inplace: bool = False) -> Tensor:
    """``min(max(x, 0), 6)``.

    Shapes: [*S] -> [*S]; dtypes: any but bool. Source: torch.nn.functional.relu6.
    """
    return _ops.relu6.inplace(input) if inplace else _ops.relu6(input)


def hardtanh(input: Tensor, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> Tensor:
    """``x`` limited to [min_val, max_val]; raises ValueError where min_val > max_val.

    Shapes: [*S] -> [*S]; dtypes: any but bool. Source: torch.nn.functional.hardtanh.
    """
    if min_val > max_val:
        raise ValueError("min_val cannot be greater than max_val")
    function = _ops.hardtanh.inplace if inplace else _ops.hardtanh
    return function(input, min_val, max_val)


def threshold(input: Tensor, threshold: float, value: float, inplace: bool = False) -> Tensor:
    """``x`` where x > threshold, else ``value``.

    Shapes: [*S] -> [*S]; dtypes: any but bool. Source: torch.nn.functional.threshold.
    """
    return _put(input, _threshold(input, threshold, value), inplace)


@widened
def _threshold(input: Tensor, threshold: float, value: float) -> Tensor:
    if input.dtype is tp.bool:
        raise DTypeError("threshold() is not implemented for 'bool'; convert the tensor with .int()")
    threshold = number_of("threshold", threshold, input.dtype)
    filler = tp.full((), value, dtype=input.dtype, device=input.device)
    return tp.where(input <= threshold, filler, input)


def leaky_relu(input: Tensor, negative_slope: float = 0.01, inplace: bool = False) -> Tensor:
    """``x`` where positive, else ``negative_slope · x``.

    Shapes: [*S] -> [*S]; dtypes: floating. Source: torch.nn.functional.leaky_relu.
    """
    return (_ops.leaky_relu.inplace if inplace else _ops.leaky_relu)(input, negative_slope)


def prelu(input: Tensor, weight: Tensor) -> Tensor:
    """``leaky_relu`` with a learned slope: ``weight`` [1], or [C] for dimension 1.

    Shapes: input [N, C, *S], weight [1] or [C] -> [N, C, *S]; dtypes: floating. Raises ShapeError for sizes
    that do not fit. Source: torch.nn.functional.prelu.
    """
    check_same_dtype("prelu", input=input, weight=weight)
    if weight.numel() != 1:
        channels = input.shape[1] if input.ndim > 1 else 1
        if weight.ndim != 1 or weight.numel() != channels:
            raise ShapeError(
                "prelu: Mismatch of parameter numbers and input channel size. Found parameter "
                f"numbers = {weight.numel()} (shape {list(weight.shape)}) and channel size = "
                f"{channels} (shape {list(input.shape)})"
            )
        weight = weight.reshape((1, -1) + (1,) * (input.ndim - 2))
    elif input.ndim < weight.ndim:
        weight = weight.reshape(())
    return tp.where(input > 0, input, input * weight)


def elu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """``x`` where positive, else ``alpha · (eˣ - 1)``.

    Shapes: [*S] -> [*S]; dtypes: floating. Source: torch.nn.functional.elu.
    """
    return _ops.elu.inplace(input, alpha) if inplace else _ops.elu(input, alpha)


def celu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """``max(0, x) + min(0, alpha · (e^(x/alpha) - 1))``.

    Shapes: [*S] -> [*S]; dtypes: floating. Raises ZeroDivisionError. Source: torch.nn.functional.celu.
    """
    check_floating("celu", input)
    if alpha == 0:
        raise ZeroDivisionError("alpha cannot be 0 for CELU")
    if not 0 < alpha < math.inf:  # the sides of x and of x / alpha differ
        below = _ops.mul(_ops.expm1(input / alpha), alpha)
        return _put(input, _ops.where(_ops.le(input, 0), below, input), inplace)
    return _put(input, _scaled_elu(input, 1.0 / alpha, 1.0, alpha), inplace)


@widened
def _scaled_elu(input: Tensor, inner: float, alpha: float, outer: float) -> Tensor:
    return _ops.elu(input if inner == 1.0 else input * inner, alpha) * outer


def selu(input: Tensor, inplace: bool = False) -> Tensor:
    """``elu`` with the constants of Klambauer et al., arXiv:1706.02515.

    Shapes: [*S] -> [*S]; dtypes: floating. Source: torch.nn.functional.selu.
    """
    return _put(
        input,
        _scaled_elu(input, 1.0, 1.6732632423543772848170429916717, 1.0507009873554804934193349852946),
        inplace,
    )


def glu(input: Tensor, dim: int = -1) -> Tensor:
    """``a · σ(b)``, a and b being the halves of ``input`` along ``dim``.

    Shapes: [*A, 2 n, *B], 2 n at ``dim`` -> [*A, n, *B]; dtypes: floating. Raises RuntimeError for what
    cannot be done. Source: torch.nn.functional.glu.
    """
    check_floating("glu", input)
    size = input.shape[dim]
    if size % 2:
        raise RuntimeError(f"Halving dimension must be even, but dimension {dim % input.ndim} is size {size}")
    half = size // 2
    return input.narrow(dim, 0, half) * sigmoid(input.narrow(dim, half, half))


@public("function", out="out")
def gelu(input: Tensor, approximate: str = "none") -> Tensor:
    """``x Φ(x)``; ``approximate="tanh"``: by tanh (Hendrycks & Gimpel, arXiv:1606.08415).

    Shapes: [*S] -> [*S]; dtypes: floating. Raises RuntimeError for what cannot be done. Source:
    torch.nn.functional.gelu.
    """
    if approximate not in ("none", "tanh"):
        raise RuntimeError(f"approximate argument must be either none or tanh, but is {approximate!r}")
    return _ops.gelu(input, approximate=approximate)


def silu(input: Tensor, inplace: bool = False) -> Tensor:
    """``x σ(x)``.

    Shapes: [*S] -> [*S]; dtypes: floating. Source: torch.nn.functional.silu.
    """
    return _ops.silu.inplace(input) if inplace else _ops.silu(input)


def mish(input: Tensor, inplace: bool = False) -> Tensor:
    """``x tanh(softplus(x))``.

    Shapes: [*S] -> [*S]; dtypes: floating. Source: torch.nn.functional.mish.
    """
    return _ops.mish.inplace(input) if inplace else _ops.mish(input)


def hardswish(input: Tensor, inplace: bool = False) -> Tensor:
    """``x · relu6(x + 3) / 6``.

    Shapes: [*S] -> [*S]; dtypes: floating. Source: torch.nn.functional.hardswish.
    """
    return _ops.hardswish.inplace(input) if inplace else _ops.hardswish(input)


def hardsigmoid(input: Tensor, inplace: bool = False) -> Tensor:
    """``relu6(x + 3) / 6``.

    Shapes: [*S] -> [*S]; dtypes: floating. Source: torch.nn.functional.hardsigmoid.
    """
    return _ops.hardsigmoid.inplace(input) if inplace else _ops.hardsigmoid(input)


sigmoid, tanh, softplus = _ops.sigmoid, _ops.tanh, _ops.softplus


@public("function", out="out", wide=True)
def logsigmoid(input: Tensor) -> Tensor:
    """``log σ(x)``, without overflow.

    Shapes: [*S] -> [*S]; dtypes: floating. Source: torch.nn.functional.logsigmoid.
    """
    return -softplus(-input, 1.0, 40.0)


@public("function", wide=True)
def tanhshrink(input: Tensor) -> Tensor:
    """``x - tanh x``.

    Shapes: [*S] -> [*S]; dtypes: floating. Source: torch.nn.functional.tanhshrink.
    """
    return input - tanh(input)


@public("function", out="out")
def hardshrink(input: Tensor, lambd: float = 0.5) -> Tensor:
    """Zero where |x| ≤ lambd, else ``x``.

    Shapes: [*S] -> [*S]; dtypes: floating. Source: torch.nn.functional.hardshrink.
    """
    check_floating("hardshrink", input)
    return tp.where((input >= -lambd) & (input <= lambd), 0.0, input)


@public("function", out="out", wide=True)
def softshrink(input: Tensor, lambd: float = 0.5) -> Tensor:
    """``x`` moved by ``lambd`` towards zero.

    Shapes: [*S] -> [*S]; dtypes: floating. Raises RuntimeError for what cannot be done. Source:
    torch.nn.functional.softshrink.
    """
    check_floating("softshrink", input)
    if not lambd >= 0:
        raise RuntimeError(f"lambda must be greater or equal to 0, but found to be {lambd}")
    return input - input.clamp(-lambd, lambd)


@public("function", wide=True)
def softsign(input: Tensor) -> Tensor:
    """``x / (1 + |x|)``.

    Shapes: [*S] -> [*S]; dtypes: floating. Source: torch.nn.functional.softsign.
    """
    return input / (tp.abs(input) + 1)
