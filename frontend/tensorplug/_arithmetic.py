"""Elementwise functions whose PyTorch signature says more than the op's: ``alpha``, ``rounding_mode``,
overloads.
"""

from __future__ import annotations

import math

from tensorplug_dispatcher import dtypes, promotion
from tensorplug_dispatcher.conversion import checked_float
from tensorplug_dispatcher.dtypes import BOOL, FLOATING, DType
from tensorplug_dispatcher.errors import DTypeError, ShapeError, SignatureError
from tensorplug_dispatcher.ops import F
from tensorplug_dispatcher.tensor import TensorBase

from ._arguments import check_fits, check_floating, check_out, check_same_dtype, dtype_argument
from ._public import HALVES, into, public, result_of, widened

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ._tensor import Tensor

    Number = int | float


# -- arithmetic ----------------------------------------------------------------------------------------------


def _scaled(other: Any, alpha: float, name: str, input: Any) -> Any:
    """``alpha * other``, in the dtype of the result; PyTorch's rules for ``alpha``."""
    kinds = [x.dtype.kind for x in (input, other) if isinstance(x, TensorBase)]
    operands = [x.layout if isinstance(x, TensorBase) else x for x in (input, other)]
    wanted = promotion.result_type(operands)
    if isinstance(alpha, float):
        if kinds and max(kinds) != FLOATING and not any(isinstance(x, float) for x in (input, other)):
            raise DTypeError(
                f"{name}(): For integral input tensors, argument alpha must not be a floating "
                f"point number, but it is {alpha}; give an int"
            )
    elif isinstance(alpha, bool) and wanted.kind != BOOL:
        raise DTypeError(f"{name}(): Boolean alpha only supported for Boolean results; give {int(alpha)}")
    check_fits(name, alpha, wanted)
    if not isinstance(other, TensorBase):
        return other * alpha
    return F.mul(other, bool(alpha) if other.dtype.kind == BOOL and set(kinds) == {BOOL} else alpha)


@widened
def _with_scaled(op: Any, input: Any, other: Any, alpha: float) -> Any:
    """``op(input, alpha * other)``."""
    return op(input, _scaled(other, alpha, op.name, input))


@public("function", "method", op=F.add)
def add(
    input: Tensor | Number, other: Tensor | Number, *, alpha: float = 1, out: Tensor | None = None
) -> Tensor:
    """``input + alpha * other``.

    Shapes: operands broadcast to the result; dtypes: any. Source: torch.add.
    """
    if alpha != 1 or alpha is True:
        return into("add", out, _with_scaled(F.add, input, other, alpha))
    return F.add(input, other) if out is None else F.add(input, other, out=out)


@public("function", "method", names="sub subtract", op=F.sub)
def sub(
    input: Tensor | Number, other: Tensor | Number, *, alpha: float = 1, out: Tensor | None = None
) -> Tensor:
    """``input - alpha * other``; raises DTypeError for bools.

    Shapes: operands broadcast to the result; dtypes: any but bool. Source: torch.sub.
    """
    if alpha != 1 or alpha is True:
        return into("sub", out, _with_scaled(F.sub, input, other, alpha))
    return F.sub(input, other) if out is None else F.sub(input, other, out=out)


@public("function")
def rsub(input: Tensor | Number, other: Tensor | Number, *, alpha: float = 1) -> Tensor:
    """``other - alpha * input``.

    Shapes: operands broadcast to the result; dtypes: any but bool. Source: torch.rsub.
    """
    tensors_only("rsub", input=input)
    if alpha == 1 and alpha is not True:
        return F.sub(other, input)
    return _with_scaled(F.sub, other, input, alpha)


@public("function", "method", names="div divide", op=F.div)
def div(
    input: Tensor | Number,
    other: Tensor | Number,
    *,
    rounding_mode: str | None = None,
    out: Tensor | None = None,
) -> Tensor:
    """``input / other``; ``rounding_mode`` "trunc" or "floor" rounds the quotient and keeps integers.

    Shapes: operands broadcast to the result; dtypes: any, integers give the default dtype. Raises
    SignatureError for arguments that do not go together. Source: torch.div.
    """
    if rounding_mode is None:
        return result_of(F.div, out, input, other)
    if rounding_mode == "floor":
        return result_of(F.floor_divide, out, input, other)
    if rounding_mode != "trunc":
        raise SignatureError(
            f"div expected rounding_mode to be one of None, 'trunc', or 'floor' but found {rounding_mode!r}"
        )
    operands = [x.layout if isinstance(x, TensorBase) else x for x in (input, other)]
    if promotion.result_type(operands).kind == FLOATING:
        return into("div", out, _truncated_quotient(input, other))
    quotient = F.floor_divide(input, other)
    inexact = F.ne(F.mul(quotient, other), input)
    negative = F.lt(quotient, 0)
    return into("div", out, F.where(F.logical_and(inexact, negative), F.add(quotient, 1), quotient))


@widened
def _truncated_quotient(input: Any, other: Any) -> Tensor:
    return F.trunc(F.div(input, other))


@public("function", "method", op=F.pow)
def pow(input: Tensor | Number, exponent: Tensor | Number, *, out: Tensor | None = None) -> Tensor:
    """``input`` to the power ``exponent``, each a tensor or a number.
    Raises for integers to a negative number.

    Shapes: operands broadcast to the result; dtypes: any but bool. Source: torch.pow.
    """
    _check_power(input, exponent)
    if isinstance(input, TensorBase):
        _check_exponent(input, exponent)
    return result_of(F.pow, out, input, exponent)


def _check_exponent(input: Any, exponent: Any) -> None:
    if type(exponent) is int:
        check_fits("pow", exponent, input.dtype if input.dtype.kind != FLOATING else dtypes.float64)


def _check_power(input: Any, exponent: Any) -> None:
    if (
        type(exponent) is int
        and exponent < 0
        and isinstance(input, TensorBase)
        and input.dtype.kind != FLOATING
    ):
        raise ShapeError(
            f"Integers to negative integer powers are not allowed: {input.dtype.name} ** "
            f"{exponent}; convert the base with .float() first"
        )


@public("function", "method", out="out")
def float_power(input: Tensor | Number, exponent: Tensor | Number) -> Tensor:
    """The power in float64.

    Shapes: operands broadcast to the result; dtypes: any, the result is float64. Source: torch.float_power.
    """

    def wide(x: Any) -> Any:
        return F.cast(x, dtypes.float64) if isinstance(x, TensorBase) else checked_float(x)

    return F.pow(wide(input), wide(exponent))


@public("function", "method", names="clamp clip")
def clamp(
    input: Tensor,
    min: Tensor | Number | None = None,
    max: Tensor | Number | None = None,
    *,
    out: Tensor | None = None,
) -> Tensor:
    """Values below ``min`` become ``min``, above ``max`` ``max``; each a number or a tensor. NaN stays.

    Shapes: operands broadcast to the result; dtypes: any but bool. Raises SignatureError for arguments that
    do not go together. Source: torch.clamp.
    """
    if min is None and max is None:
        raise SignatureError("clamp(): At least one of 'min' or 'max' must not be None")
    if isinstance(min, TensorBase) or isinstance(max, TensorBase):
        bounds = [b.layout if isinstance(b, TensorBase) else b for b in (min, max) if b is not None]
        wanted = promotion.result_type([input.layout, *bounds])
        made: Any = input if input.dtype is wanted else F.cast(input, wanted)
        if min is not None:
            made = F.maximum.call((made, _bound(min, wanted)))
        if max is not None:
            made = F.minimum.call((made, _bound(max, wanted)))
        return into("clamp", out, made)
    if input.dtype.kind != FLOATING:
        wanted = promotion.result_type([b for b in (input.layout, min, max) if b is not None])
        if wanted is not input.dtype:
            input = F.cast(input, wanted)
    min, max = _plain(min), _plain(max)
    for bound in (min, max):
        check_fits("clamp", bound, input.dtype)
    return F.clamp.call((input, min, max)) if out is None else F.clamp(input, min, max, out=out)


def _bound(bound: Any, dtype: DType) -> Any:
    return F.cast(bound, dtype) if isinstance(bound, TensorBase) and bound.dtype is not dtype else bound


def _plain(bound: Any) -> Any:
    """Python's numbers, True and False as ints: an attribute's value goes to the kernel as it is."""
    bound = bound.item() if hasattr(bound, "item") else bound
    return int(bound) if isinstance(bound, bool) else bound


@public("function", "method", "inplace")
def clamp_min(input: Tensor, min: Tensor | Number, *, out: Tensor | None = None) -> Tensor:
    """Values below ``min`` become ``min``.

    Shapes: operands broadcast to the result; dtypes: any but bool. Source: torch.clamp_min.
    """
    return clamp(input, min, out=out)


@public("function", "method", "inplace")
def clamp_max(input: Tensor, max: Tensor | Number, *, out: Tensor | None = None) -> Tensor:
    """Values above ``max`` become ``max``.

    Shapes: operands broadcast to the result; dtypes: any but bool. Source: torch.clamp_max.
    """
    return clamp(input, None, max, out=out)


@public("function", "method", "inplace")
def round(input: Tensor, *, decimals: int = 0, out: Tensor | None = None) -> Tensor:
    """To the nearest whole number, halves to the even one; ``decimals`` places behind or before the point.

    Shapes: [*S] -> [*S]; dtypes: any but bool. Raises DTypeError for a dtype that is not taken. Source:
    torch.round.
    """
    if decimals == 0:
        return result_of(F.round, out, input)
    if input.dtype.kind != FLOATING:
        raise DTypeError(f"round: decimals={decimals} needs a floating-point tensor, not {input.dtype.name}")
    return into("round", out, _rounded(input, decimals), "out")


@widened
def _rounded(input: Tensor, decimals: int) -> Tensor:
    scale = 10.0 ** abs(decimals)
    if decimals > 0:
        return F.div(F.round(F.mul(input, scale)), scale)
    return F.mul(F.round(F.div(input, scale)), scale)


@public("function", "method")
def lerp(input: Tensor, end: Tensor, weight: Any, *, out: Tensor | None = None) -> Tensor:
    """``input + weight * (end - input)``, all of one floating dtype.

    Shapes: operands broadcast to the result; dtypes: floating. Source: torch.lerp.
    """
    check_same_dtype("lerp", input=input, end=end, weight=weight)
    if isinstance(input, TensorBase):
        check_floating("lerp", input)
    if isinstance(weight, TensorBase):
        check_out("lerp", out, weight.dtype)
    if isinstance(weight, TensorBase) or input.dtype not in HALVES:
        return result_of(F.lerp, out, input, end, weight)
    return into("lerp", out, widened(F.lerp)(input, end, weight))  # the weight is not rounded to a half


@public("method")
def lerp_(self: Tensor, end: Tensor, weight: Any) -> Tensor:
    """In place ``lerp``.

    Shapes: [*S], changed in place, end and weight broadcast to it; dtypes: floating. Source:
    torch.Tensor.lerp_.
    """
    if isinstance(weight, TensorBase) or self.dtype not in HALVES:
        return F.lerp.inplace(self, end, weight)
    return self.copy_(lerp(self, end, weight))


@public("function", "method", "inplace", out="out")
def nan_to_num(
    input: Tensor, nan: float = 0.0, posinf: float | None = None, neginf: float | None = None
) -> Tensor:
    """NaN and the infinities replaced, by default with 0 and the dtype's extremes.

    Shapes: [*S] -> [*S]; dtypes: any. Source: torch.nan_to_num.
    """
    if input.dtype.kind != FLOATING:
        return F.copy(input)
    made = F.where(F.isnan(input), nan, input)
    made = F.where(F.eq(made, math.inf), input.dtype.max if posinf is None else posinf, made)
    return F.where(F.eq(made, -math.inf), input.dtype.min if neginf is None else neginf, made)


def tensors_only(function: str, **operands: Any) -> None:
    for name, given in operands.items():
        if not isinstance(given, TensorBase):
            raise SignatureError(
                f"{function}(): argument '{name}' must be Tensor, not {type(given).__name__} ({given!r}); "
                f"make it one with tensor()"
            )


@public("function", "method", "inplace", out="out")
def heaviside(input: Tensor, values: Tensor) -> Tensor:
    """0 below zero and for NaN, 1 above, ``values`` at zero.

    Shapes: operands broadcast to the result; dtypes: any, the same for both. Raises DTypeError for a dtype
    that is not taken. Source: torch.heaviside.
    """
    tensors_only("heaviside", input=input, values=values)
    if input.dtype is not values.dtype:
        raise DTypeError(
            "heaviside is not yet implemented for tensors with different dtypes: "
            f"{input.dtype.name} and {values.dtype.name}; convert one"
        )
    return F.where(F.eq(input, 0), values, F.cast(F.gt(input, 0), input.dtype))


@public("function", "method", "inplace", out="out~", wide=True)
def logit(input: Tensor, eps: float | None = None) -> Tensor:
    """``log(x / (1 - x))``; with ``eps``, x is first clamped to [eps, 1 - eps].

    Shapes: [*S] -> [*S]; dtypes: any, integers give the default dtype. Source: torch.logit.
    """
    x = input if input.dtype.kind == FLOATING else F.cast(input, promotion.default_dtype())
    x = x if eps is None else F.clamp(x, eps, 1.0 - eps)
    return F.log(F.div(x, F.sub(1, x)))


@public("function", "method", "inplace", out="out~", wide=True)
def sinc(input: Tensor) -> Tensor:
    """``sin(pi x) / (pi x)``, 1 at zero.

    Shapes: [*S] -> [*S]; dtypes: any, integers give the default dtype. Source: torch.sinc.
    """
    x = F.mul(input, math.pi)
    zero = F.eq(x, 0)
    safe = F.where(zero, 1.0, x)
    return F.where(zero, 1.0, F.div(F.sin(safe), safe))


@public("function", "method", "inplace", out="out")
def ldexp(input: Tensor, other: Tensor) -> Tensor:
    """``input * 2 ** other``, where neither is too large though ``2 ** other`` may be.

    Shapes: operands broadcast to the result; dtypes: any, integers give the default dtype. Source:
    torch.ldexp.
    """
    tensors_only("ldexp", input=input)
    if isinstance(other, TensorBase) and other.dtype.kind == FLOATING:
        return F.mul(input, F.pow(2.0, other))
    layouts = [x.layout if isinstance(x, TensorBase) else x for x in (input, other)]
    wanted = promotion.result_type([*layouts, 1.0])
    exponent = F.cast(other, wanted) if isinstance(other, TensorBase) else float(other)
    half = F.floor(F.div(exponent, 2.0)) if isinstance(other, TensorBase) else math.floor(exponent / 2)
    rest = F.sub(exponent, half) if isinstance(other, TensorBase) else exponent - half
    return F.mul(F.mul(input, F.pow(2.0, half)), F.pow(2.0, rest))


@public("function", "method", out="out~", wide=True)
def logaddexp2(input: Tensor, other: Tensor) -> Tensor:
    """``log2(2 ** input + 2 ** other)`` without overflow.

    Shapes: operands broadcast to the result; dtypes: floating. Source: torch.logaddexp2.
    """
    tensors_only("logaddexp2", input=input, other=other)
    ln2 = math.log(2.0)
    if input.dtype is not other.dtype:  # scaled in the dtype of the result, as an op would
        wanted = promotion.result_type([input.layout, other.layout])
        input, other = F.cast(input, wanted), F.cast(other, wanted)
    check_floating("logaddexp2", input)
    return F.div(F.logaddexp(F.mul(input, ln2), F.mul(other, ln2)), ln2)


@public("function", "method")
def positive(input: Tensor) -> Tensor:
    """``input`` itself; raises DTypeError for bools.

    Shapes: [*S] -> [*S]; dtypes: any but bool. Source: torch.positive.
    """
    if input.dtype.kind == BOOL:
        raise DTypeError("The `+` operator, on a bool tensor is not supported; convert it with .int()")
    return input


@public("function", "method", out="out~")
def gcd(input: Tensor, other: Tensor) -> Tensor:
    """The greatest common divisor of integers (Euclid's algorithm).

    Shapes: operands broadcast to the result; dtypes: integers. Raises DTypeError for a dtype that is not
    taken. Source: torch.gcd.
    """
    wanted = promotion.result_type([input.layout, other.layout])
    if wanted.kind == FLOATING or wanted.kind == BOOL:
        raise DTypeError(f'"gcd" not implemented for {wanted.name!r}; give integers')
    a, b = F.abs(F.cast(input, wanted)), F.abs(F.cast(other, wanted))
    while bool(F.any(F.ne(b, 0)).item()):
        done = F.eq(b, 0)
        a, b = F.where(done, a, b), F.where(done, 0, F.remainder(a, F.where(done, 1, b)))
    return a


@public("function", "method", out="out~")
def lcm(input: Tensor, other: Tensor) -> Tensor:
    """The least common multiple of integers.

    Shapes: operands broadcast to the result; dtypes: integers. Source: torch.lcm.
    """
    divisor = gcd(input, other)
    return F.abs(F.mul(F.floor_divide(input, F.where(F.eq(divisor, 0), 1, divisor)), other))


# -- activations that are functions of the top namespace -----------------------------------------------------


@public("function", "method", op=F.softmax)
def softmax(
    input: Tensor, dim: Any = None, dtype: DType | None = None, *, out: Tensor | None = None, axis: Any = None
) -> Tensor:
    """``exp(x)`` over its sum along ``dim``; ``dtype``: convert first.

    Shapes: [*S] -> [*S]; dtypes: floating, or any with ``dtype``. Source: torch.softmax.
    """
    return result_of(F.softmax, out, _as(input, dtype), axis if dim is None else dim)


@public("function", "method", op=F.log_softmax)
def log_softmax(
    input: Tensor, dim: Any = None, dtype: DType | None = None, *, out: Tensor | None = None, axis: Any = None
) -> Tensor:
    """The logarithm of ``softmax``, computed without overflow.

    Shapes: [*S] -> [*S]; dtypes: floating, or any with ``dtype``. Source: torch.log_softmax.
    """
    return result_of(F.log_softmax, out, _as(input, dtype), axis if dim is None else dim)


def _as(input: Tensor, dtype: DType | None) -> Tensor:
    return input if dtype is None or input.dtype is dtype else F.cast(input, dtype_argument(dtype))


@public("method")
def float_power_(self: Tensor, exponent: Tensor | Number) -> Tensor:
    """In place, the power in float64, which ``self`` must have.

    Shapes: [*S], changed in place; dtypes: float64. Raises DTypeError for a dtype that is not taken. Source:
    torch.Tensor.float_power_.
    """
    if self.dtype is not dtypes.float64:
        raise DTypeError(
            f"the base given to float_power_ has dtype {self.dtype.name} but the operation's result requires "
            f"dtype float64; use float_power()"
        )
    return F.pow.inplace(self, exponent)


@public("method")
def add_(self: Tensor, other: Tensor | Number, *, alpha: float = 1) -> Tensor:
    """In place, ``self + alpha * other``.

    Shapes: [*S], changed in place, the others broadcast to it; dtypes: any that the result converts to.
    Source: torch.Tensor.add_.
    """
    if alpha == 1 and alpha is not True:
        return F.add.inplace(self, other)
    return _scaled_inplace(F.add, self, other, alpha)


def _scaled_inplace(op: Any, self: Any, other: Any, alpha: float) -> Any:
    if self.dtype in HALVES:
        return self.copy_(_with_scaled(op, self, other, alpha))
    return op.inplace(self, _scaled(other, alpha, op.name + "_", self))


@public("method", names="sub_ subtract_")
def sub_(self: Tensor, other: Tensor | Number, *, alpha: float = 1) -> Tensor:
    """In place, ``self - alpha * other``.

    Shapes: [*S], changed in place, the others broadcast to it; dtypes: any that the result converts to.
    Source: torch.Tensor.sub_.
    """
    if alpha == 1 and alpha is not True:
        return F.sub.inplace(self, other)
    return _scaled_inplace(F.sub, self, other, alpha)


@public("method", names="div_ divide_")
def div_(self: Tensor, other: Tensor | Number, *, rounding_mode: str | None = None) -> Tensor:
    """In place, ``self / other``.

    Shapes: [*S], changed in place, the others broadcast to it; dtypes: any that the result converts to.
    Source: torch.Tensor.div_.
    """
    if rounding_mode is None:
        return F.div.inplace(self, other)
    return self.copy_(div(self, other, rounding_mode=rounding_mode))


@public("method", names="clamp_ clip_")
def clamp_(self: Tensor, min: Tensor | Number | None = None, max: Tensor | Number | None = None) -> Tensor:
    """In place ``clamp``.

    Shapes: [*S], changed in place, the others broadcast to it; dtypes: any that the result converts to.
    Raises DTypeError for a dtype that is not taken. Raises SignatureError for arguments that do not go
    together. Source: torch.Tensor.clamp_.
    """
    if isinstance(min, TensorBase) or isinstance(max, TensorBase):
        if min is not None:
            F.maximum.inplace(self, min)
        return self if max is None else F.minimum.inplace(self, max)
    if min is None and max is None:
        raise SignatureError("clamp_(): At least one of 'min' or 'max' must not be None")
    if self.dtype.kind != FLOATING and (isinstance(min, float) or isinstance(max, float)):
        raise DTypeError(
            f"result type {promotion.default_dtype().name} of clamp_() can't be cast to the desired output "
            f"type {self.dtype.name}; give whole bounds, or use clamp()"
        )
    return F.clamp.inplace(self, _plain(min), _plain(max))


@public("method")
def pow_(self: Tensor, exponent: Tensor | Number) -> Tensor:
    """In place ``pow``.

    Shapes: [*S], changed in place, the others broadcast to it; dtypes: any that the result converts to.
    Source: torch.Tensor.pow_.
    """
    _check_power(self, exponent)
    _check_exponent(self, exponent)
    return F.pow.inplace(self, exponent)
