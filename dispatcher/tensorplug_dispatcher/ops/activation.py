"""Activation functions, and the derivatives of the common ones as fused ops of their own.

The parameters of the ``*_backward`` ops are named as PyTorch names them: ``grad_output`` is the cotangent of
the activation's result, ``output`` that result. Each is differentiable again.
"""

from __future__ import annotations

import math
from functools import partial
from typing import Any, Final

from .. import expr as e
from ..dtypes import uint8
from ..errors import DTypeError
from ..layout import Layout
from ..op import Op
from . import F
from .composed import elementwise, rounding_once
from .elementwise import clamp, erfc

op = partial(elementwise, public="")  # seen in nn.functional, unless a record says otherwise
_ROOT_HALF: Final = math.sqrt(0.5)
_ROOT_TWO_PI: Final = math.sqrt(2.0 * math.pi)
_TANH_GELU: Final = 2.0 * math.sqrt(2.0 / math.pi)  # twice the factor, since 1 + tanh(u) = 2 sigmoid(2u)


def _sigmoid(x: e.Expr) -> e.Expr:
    t = e.exp(-e.abs_(x))  # never overflows, and keeps the small values of large negative x
    return e.where(x < 0, t, 1.0) / (1.0 + t)


def _softplus(x: e.Expr, beta: Any = 1.0, threshold: Any = 20.0) -> e.Expr:
    return e.where(x * beta > threshold, x, e.log1p(e.exp(x * beta)) / beta)


def _gelu_argument(x: e.Expr) -> e.Expr:
    return _TANH_GELU * (x + 0.044715 * x * x * x)


def _normal_cdf(x: e.Expr) -> e.Expr:
    return e.intrinsic("normal_cdf", (x,), 0.5 * erfc(-_ROOT_HALF * x))


def _gelu(x: e.Expr, approximate: str = "none") -> e.Expr:
    return x * _sigmoid(_gelu_argument(x)) if approximate == "tanh" else x * _normal_cdf(x)


def _gelu_slope(x: e.Expr, approximate: str) -> e.Expr:
    if approximate == "tanh":
        s = _sigmoid(_gelu_argument(x))
        return s + x * s * (1.0 - s) * (_TANH_GELU * (1.0 + 3.0 * 0.044715 * x * x))
    return _normal_cdf(x) + x * e.exp(-0.5 * x * x) * (1.0 / _ROOT_TWO_PI)


def _gelu_backward(g: e.Expr, x: e.Expr, approximate: str = "none") -> e.Expr:
    return g * _gelu_slope(x, approximate)


def _silu_backward(g: e.Expr, x: e.Expr) -> e.Expr:
    s = _sigmoid(x)
    return g * s * (1.0 + x * (1.0 - s))


def _gelu_curvature(grad: Any, grad_output: Any, input: Any, approximate: str) -> Any:
    """The cotangent of gelu_backward's ``input``: its slope's slope."""
    if approximate == "none":
        density = F.mul(F.exp(F.mul(F.square(input), -0.5)), 1.0 / _ROOT_TWO_PI)
        return F.mul(F.mul(grad, grad_output), F.mul(density, F.sub(2, F.square(input))))
    square = F.square(input)
    u = F.mul(F.mul(input, F.add(F.mul(square, 0.044715), 1)), _TANH_GELU)
    du = F.mul(F.add(F.mul(square, 3.0 * 0.044715), 1), _TANH_GELU)
    ddu = F.mul(input, 6.0 * 0.044715 * _TANH_GELU)
    s = F.sigmoid(u)
    ds = F.mul(s, F.sub(1, s))
    bend = F.add(F.mul(F.mul(du, du), F.sub(1, F.mul(s, 2))), ddu)
    return F.mul(F.mul(grad, grad_output), F.mul(ds, F.add(F.mul(du, 2), F.mul(input, bend))))


def _silu_curvature(grad: Any, grad_output: Any, input: Any) -> Any:
    s = F.sigmoid(input)
    bend = F.add(F.mul(F.mul(input, F.sub(1, F.mul(s, 2))), 1), 2)
    return F.mul(F.mul(grad, grad_output), F.mul(F.mul(s, F.sub(1, s)), bend))


@rounding_once
def _mish_vjp(grad: Any, input: Any) -> Any:
    t = F.tanh(F.softplus(input))
    return F.mul(grad, F.add(t, F.mul(F.mul(input, F.sigmoid(input)), F.sub(1, F.mul(t, t)))))


@rounding_once
def _hardswish_vjp(grad: Any, input: Any) -> Any:
    middle = F.where(F.lt(input, 3), F.mul(grad, F.add(F.div(input, 3.0), 0.5)), grad)
    return F.where(F.le(input, -3), 0.0, middle)


def _no_negative_limits(input: Layout, min_val: float, max_val: float) -> None:
    if input.dtype is uint8 and (min_val < 0 or max_val < 0):
        raise DTypeError(
            f"cannot do hardtanh on an unsigned type with negative limits {min_val} and {max_val}; "
            f"convert the tensor with .int()"
        )


# fmt: off
OPS: Final[tuple[Op, ...]] = (
    op("relu(Tensor input)", 4, lambda x: e.where(x < 0, 0, x),
       {"input": lambda grad, out: F.relu_backward(grad, out)}, dtypes="numeric",
       public="function method inplace inplace_function out",
       doc="max(x, 0); NaN stays. The derivative at 0 is 0."),
    op("sigmoid(Tensor input)", 4, _sigmoid, {"input": lambda grad, out: F.sigmoid_backward(grad, out)},
       promotion="float", tolerance="usable",
       public="function method inplace inplace_function out", doc="1 / (1 + exp(-x))."),
    op("silu(Tensor input)", 4, lambda x: x * _sigmoid(x),
       {"input": lambda grad, input: F.silu_backward(grad, input)}, dtypes="floating", tolerance="usable",
       doc="x * sigmoid(x). Source: Hendrycks and Gimpel, arXiv:1606.08415."),
    op("gelu(Tensor input, *, str approximate='none')", 4, _gelu,
       {"input": lambda grad, input, approximate: F.gelu_backward(grad, input, approximate=approximate)},
       dtypes="floating", tolerance="usable", domain=(-1.5, 4.0),  # below, 1 + erf of the references cancels
       doc="x times the normal distribution's cumulative function at x; approximate='tanh' takes the paper's "
           "approximation. Source: Hendrycks and Gimpel, arXiv:1606.08415."),
    op("leaky_relu(Tensor input, Scalar negative_slope=0.01)", 4,
       lambda x, slope: e.where(x > 0, x, x * slope),
       {"input": lambda grad, input, negative_slope: F.where(F.gt(input, 0), grad, F.mul(grad,
        negative_slope))},
       dtypes="floating", tolerance="add", doc="x above 0, else negative_slope * x."),
    op("elu(Tensor input, Scalar alpha=1.0)", 4, lambda x, alpha: e.where(x < 0, alpha * e.expm1(x), x),
       {"input": rounding_once(lambda grad, input, alpha:
            F.where(F.le(input, 0), F.mul(grad, F.mul(F.exp(F.minimum.call((input, 0.0))), alpha)), grad))},
       dtypes="floating", tolerance="usable",
       doc="x above 0, else alpha * (exp(x) - 1). Source: arXiv:1511.07289."),
    op("softplus(Tensor input, Scalar beta=1.0, Scalar threshold=20.0)", 4, _softplus,
       {"input": rounding_once(lambda grad, input, beta, threshold:
            F.where(F.gt(F.mul(input, beta), threshold), grad, F.mul(grad, F.sigmoid(F.mul(input, beta)))))},
       dtypes="floating", autocast="float32", tolerance="usable",
       out_dtype="same", doc="log(1 + exp(beta * x)) / beta; x itself where beta * x exceeds the threshold."),
    op("hardtanh(Tensor input, Scalar min_val=-1.0, Scalar max_val=1.0)", 4,
       clamp,
       {"input": lambda grad, input, min_val, max_val:
            F.where(F.bitwise_or(F.le(input, min_val), F.ge(input, max_val)), 0.0, grad)},
       dtypes="numeric", attributes=(0, 2), infer=_no_negative_limits,
       doc="x limited to [min_val, max_val]. The derivative at the bounds is 0."),
    op("relu6(Tensor input)", 4, lambda x: e.where(x > 6, 6, e.where(x < 0, 0, x)),
       {"input": lambda grad, input: F.where(F.bitwise_or(F.le(input, 0), F.ge(input, 6)), 0.0, grad)},
       dtypes="numeric", doc="x limited to [0, 6]."),
    op("hardsigmoid(Tensor input)", 4,
       lambda x: e.where(x > 3.0, 6.0, e.where(x < -3.0, 0.0, x + 3.0)) * (1.0 / 6.0),
       {"input": lambda grad, input:
            F.where(F.bitwise_and(F.gt(input, -3), F.lt(input, 3)), F.mul(grad, 1.0 / 6.0), 0.0)},
       dtypes="floating", tolerance="usable", doc="x / 6 + 1 / 2 limited to [0, 1]."),
    op("hardswish(Tensor input)", 4,
       lambda x: x * (e.where(x > 3.0, 6.0, e.where(x < -3.0, 0.0, x + 3.0)) * (1.0 / 6.0)),
       {"input": _hardswish_vjp}, dtypes="floating", tolerance="usable",
       doc="x * hardsigmoid(x). Source: arXiv:1905.02244."),
    op("mish(Tensor input)", 4, lambda x: x * e.tanh(_softplus(x)), {"input": _mish_vjp}, dtypes="floating",
       tolerance="usable", doc="x * tanh(softplus(x)). Source: arXiv:1908.08681."),
    op("threshold_backward(Tensor grad_output, Tensor input, Scalar threshold)", 4,
       lambda g, x, threshold: e.where(x <= threshold, 0, g),
       {"grad_output": lambda grad, input, threshold: F.threshold_backward(grad, input, threshold)},
       dtypes="numeric", attributes=(0.5,), doc="grad_output where x exceeds the threshold, else 0."),
    op("relu_backward(Tensor grad_output, Tensor output)", 4, lambda g, out: e.where(out <= 0, 0, g),
       {"grad_output": lambda grad, output: F.relu_backward(grad, output)}, dtypes="numeric",
       doc="grad_output where relu's output is above 0 (or NaN), else 0. Source: torch.relu."),
    op("sigmoid_backward(Tensor grad_output, Tensor output)", 4, lambda g, out: g * ((1.0 - out) * out),
       {"grad_output": lambda grad, output: F.sigmoid_backward(grad, output),
        "output": lambda grad, grad_output, output: F.mul(F.mul(grad, grad_output), F.sub(1, F.mul(output,
        2)))},
       dtypes="floating", tolerance="usable", doc="grad_output * output * (1 - output)."),
    op("tanh_backward(Tensor grad_output, Tensor output)", 4, lambda g, out: g * (1.0 - out * out),
       {"grad_output": lambda grad, output: F.tanh_backward(grad, output),
        "output": lambda grad, grad_output, output: F.mul(F.mul(grad, grad_output), F.mul(output, -2))},
       dtypes="floating", tolerance="usable", doc="grad_output * (1 - output * output)."),
    op("gelu_backward(Tensor grad_output, Tensor input, *, str approximate='none')", 4, _gelu_backward,
       {"grad_output": lambda grad, input, approximate: F.gelu_backward(grad, input, approximate=approximate),
        "input": _gelu_curvature},
       dtypes="floating", tolerance="usable", doc="grad_output times gelu's derivative at x."),
    op("silu_backward(Tensor grad_output, Tensor input)", 4, _silu_backward,
       {"grad_output": lambda grad, input: F.silu_backward(grad, input), "input": _silu_curvature},
       dtypes="floating", tolerance="usable", doc="grad_output times silu's derivative at x."),
)
# fmt: on

CHOICES: Final[dict[str, dict[str, tuple[Any, ...]]]] = {
    "gelu": {"approximate": ("none", "tanh")},
    "gelu_backward": {"approximate": ("none", "tanh")},
}
