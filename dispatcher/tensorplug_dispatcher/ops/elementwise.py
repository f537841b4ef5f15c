"""Elementwise ops: arithmetic, mathematical functions, comparisons, logic, bits.

One row an op. ``x``, ``y``, ``z`` are the tensor parameters in the schema's order. Cotangents need not be
reduced to a broadcast operand's shape nor cast; autograd does that. At kinks they are PyTorch's: abs 0 at 0,
maximum and minimum share at ties, clamp passes inside the closed interval. Activations and optimizer steps
have files of their own.
"""

from __future__ import annotations

import math
from typing import Any, Final

from .. import expr as e
from ..dtypes import bool_
from ..errors import DTypeError
from ..layout import Layout
from ..op import Input, Op, Sample
from . import F
from .composed import elementwise as op
from .composed import on_tensors, rounding_once, zeros_like

_LN2: Final = math.log(2.0)
_LN10: Final = math.log(10.0)
_TWO_OVER_ROOT_PI: Final = 2.0 / math.sqrt(math.pi)
_TWO: Final = ("input", "other")
_FIRST: Final = ("input",)
_SECOND: Final = ("other",)
_FLAT: Final = {"input": lambda grad: zeros_like(grad)}
_FLAT2: Final = {"input": lambda grad: zeros_like(grad), "other": lambda grad: zeros_like(grad)}
_FLOAT: Final[dict[str, Any]] = {"promotion": "float", "autocast": "float32"}


# ---- expressions and cotangents that need more than a line


def _no_bools(*operands: Any) -> None:
    """``sub`` of a bool is refused, though numbers and bools have a common dtype."""
    if any(isinstance(x, bool) or isinstance(x, Layout) and x.dtype is bool_ for x in operands):
        raise DTypeError(
            "Subtraction, the `-` operator, with a bool tensor is not supported. If you are trying to invert "
            "a mask, use the `~` or `logical_not()` operator instead."
        )


def ceil(x: e.Expr) -> e.Expr:
    return e.intrinsic("ceil", (x,), -e.floor(-x))


def trunc(x: e.Expr) -> e.Expr:
    return e.intrinsic("trunc", (x,), e.where(x < 0, ceil(x), e.floor(x)))


def isnan(x: e.Expr) -> e.Expr:
    return e.intrinsic("isnan", (x,), e.ne(x, x))


def isinf(x: e.Expr) -> e.Expr:
    return e.intrinsic("isinf", (x,), e.eq(x, math.inf) | e.eq(x, -math.inf))


def isfinite(x: e.Expr) -> e.Expr:
    return e.intrinsic("isfinite", (x,), (x < math.inf) & (-math.inf < x))


def signbit(x: e.Expr) -> e.Expr:
    return e.intrinsic("signbit", (x,), (x < 0) | (e.eq(x, 0) & (1.0 / x < 0)))


# exp(x*x) * erfc(x) / t for x >= 0 as a polynomial of u, with t = 1 / (1 + 0.3 x) and u = 2.2469... t -
# 1.2469..., which runs over [-1, 1] for x in [0, 27]: interpolated at the Chebyshev points, relative error
# 6e-16 fmt: off
_ERFC: Final = (
    0.3579337561385727,
    0.2891346043425454,
    0.19199417005444938,
    0.10319960243673718,
    0.043280086390491405,
    0.012957388132056224,
    0.0020106647956642043,
    -0.0002856788946223175,
    -0.00022279003660323013,
    -2.0745953290514356e-05,
    1.6662966318270634e-05,
    3.9517336214384095e-06,
    -1.3596666545725782e-06,
    -4.88105997549867e-07,
    1.4212794446504038e-07,
    5.5098592077743706e-08,
    -1.86893429594463e-08,
    -5.510660942850502e-09,
    2.4944015299536576e-09,
    3.6460374079583334e-10,
    -2.1882596195866733e-10,
)
# fmt: on


def erfc(x: e.Expr) -> e.Expr:
    a = e.abs_(x)
    t = 1.0 / (1.0 + 0.3 * a)
    u = t * 2.2469135802469136 - 1.2469135802469136
    p: Any = _ERFC[-1]
    for coefficient in _ERFC[-2::-1]:
        p = p * u + coefficient
    tail = e.exp(-(a * a)) * (t * p)
    return e.intrinsic("erfc", (x,), e.where(x < 0, 2.0 - tail, tail))


def _odd(x: e.Expr, positive: e.Expr) -> e.Expr:
    """The odd function whose value at |x| is ``positive``; -0.0 stays itself."""
    return e.where(e.eq(x, 0), x, e.where(x < 0, -positive, positive))


def _half_of_exp(a: e.Expr) -> e.Expr:
    """exp(a) / 2 of large numbers, also where exp(a) itself is beyond the dtype's range."""
    root = e.exp(0.5 * a)
    return root * (0.5 * root)


def _sinh(x: e.Expr) -> e.Expr:
    a = e.abs_(x)
    t = e.expm1(a)
    return e.intrinsic("sinh", (x,), _odd(x, e.where(a > 80.0, _half_of_exp(a), 0.5 * (t + t / (t + 1.0)))))


def _cosh(x: e.Expr) -> e.Expr:
    a = e.abs_(x)
    t = e.exp(a)
    return e.intrinsic("cosh", (x,), e.where(a > 80.0, _half_of_exp(a), 0.5 * t + 0.5 / t))


def _asinh(x: e.Expr) -> e.Expr:
    a = e.abs_(x)
    near = e.log1p(a + a * a / (1.0 + e.sqrt(1.0 + a * a)))
    return e.intrinsic("asinh", (x,), _odd(x, e.where(a > 1e9, e.log(a) + _LN2, near)))


def _acosh(x: e.Expr) -> e.Expr:
    t = x - 1.0
    return e.intrinsic(
        "acosh", (x,), e.where(x > 1e9, e.log(x) + _LN2, e.log1p(t + e.sqrt(t) * e.sqrt(t + 2.0)))
    )


def _atanh(x: e.Expr) -> e.Expr:
    a = e.abs_(x)
    return e.intrinsic("atanh", (x,), _odd(x, 0.5 * e.log1p(2.0 * a / (1.0 - a))))


def _cosine_of_sine(x: e.Expr) -> e.Expr:
    return e.sqrt((1.0 - x) * (1.0 + x))


def _fmod(x: e.Expr, y: e.Expr) -> e.Expr:
    signed = e.where((x < 0) ^ (y < 0), -y, y)  # remainder has the sign of its divisor, fmod that of x
    left = e.remainder(x, signed)
    wrapped = e.ne(left, 0) & ((left < 0) ^ (x < 0))  # the least integer has no negative
    return e.intrinsic("fmod", (x, y), e.where(wrapped, left - signed, left))


def _hypot(x: e.Expr, y: e.Expr) -> e.Expr:
    a, b = e.maximum(e.abs_(x), e.abs_(y)), e.minimum(e.abs_(x), e.abs_(y))
    scaled = a * e.sqrt(1.0 + (b / a) * (b / a))
    finite = e.where(e.eq(a, 0.0), a, scaled)
    return e.intrinsic("hypot", (x, y), e.where(isinf(x) | isinf(y), math.inf, finite))


def _logaddexp(x: e.Expr, y: e.Expr) -> e.Expr:
    return e.where(isinf(x) & e.eq(x, y), x, e.maximum(x, y) + e.log1p(e.exp(-e.abs_(x - y))))


def _xlogy(x: e.Expr, y: e.Expr) -> e.Expr:
    return e.where(isnan(y), y, e.where(e.eq(x, 0), 0, x * e.log(y)))


def _copysign(x: e.Expr, y: e.Expr) -> e.Expr:
    return e.intrinsic("copysign", (x, y), e.where(signbit(x) ^ signbit(y), -x, x))


def _bounded(x: e.Expr, bound: Any, outside: Any) -> e.Expr:
    """x, or the bound where x lies ``outside``; a bound that is NaN takes everything over."""
    if not isinstance(bound, e.Expr):
        return x + bound if bound != bound else e.where(outside, bound, x)
    return e.where(outside | e.ne(bound, bound), bound, x)


def clamp(x: e.Expr, low: Any, high: Any) -> e.Expr:
    """x limited to [low, high], either None for no limit; NaN in x or in a bound gives NaN."""
    if low is not None:
        x = _bounded(x, low, x < low)
    return x if high is None else _bounded(x, high, high < x)


def _clamp_vjp(grad: Any, input: Any, min: Any, max: Any) -> Any:
    if min is None and max is None:
        return grad
    inside = F.ge(input, min) if max is None else F.le(input, max)
    if min is not None and max is not None:
        inside = F.bitwise_and(F.ge(input, min), inside)
    return F.where(inside, grad, 0.0)


def _pow_vjp(grad: Any, input: Any, other: Any) -> Any:
    if isinstance(other, (int, float)):
        if other == 0:
            return zeros_like(grad)
        return F.mul(grad, F.mul(F.pow(input, other - 1), other) if other != 2 else F.mul(input, 2))
    return _pow_base_vjp(grad, input, other)


@on_tensors
def _pow_base_vjp(grad: Any, input: Any, other: Any) -> Any:
    slope = F.mul(other, F.pow(input, F.sub(other, 1)))
    return F.mul(grad, F.where(F.eq(other, 0), 0.0, slope))


@on_tensors
def _pow_exponent_vjp(grad: Any, input: Any, other: Any, out: Any) -> Any:
    flat = F.bitwise_and(F.eq(input, 0), F.ge(other, 0))
    return F.mul(grad, F.where(flat, 0.0, F.mul(out, F.log(input))))


def _share(larger: Any) -> dict[str, Any]:
    """The cotangents of maximum and minimum: the winner takes it, a tie halves it, NaN passes to both."""

    def give(grad: Any, mine: Any, other: Any) -> Any:
        return F.where(larger(other, mine), 0.0, F.where(F.eq(mine, other), F.div(grad, 2), grad))

    return {
        "input": lambda grad, input, other: give(grad, input, other),
        "other": lambda grad, input, other: give(grad, other, input),
    }


def _take_first(wins: Any) -> dict[str, Any]:
    """The cotangents of fmax and fmin: all to the first operand at ties, none to a NaN beside a number."""

    def first(input: Any, other: Any) -> Any:
        return F.bitwise_or(wins(input, other), F.isnan(other))

    return {
        "input": on_tensors(lambda grad, input, other: F.where(first(input, other), grad, 0.0)),
        "other": on_tensors(lambda grad, input, other: F.where(first(input, other), 0.0, grad)),
    }


def _radius2(a: Any, b: Any) -> Any:
    return F.add(F.mul(a, a), F.mul(b, b))


def _turn(way: Any, a: Any, b: Any) -> Any:
    """``way`` by the square of the distance from the origin; there, 0."""
    square = _radius2(a, b)
    return F.where(F.eq(square, 0), 0.0, F.div(way, square))


# fmt: off
UNARY: Final[tuple[Op, ...]] = (
    op("neg(Tensor input)", 1, lambda x: -x, {"input": lambda grad: F.neg(grad)}, dtypes="numeric",
       out_dtype="same", also="negative", doc="-x."),
    op("abs(Tensor input)", 1, e.abs_, {"input": lambda grad, input: F.mul(grad, F.sign(input))},
       dtypes="numeric", out_dtype="same",
       also="absolute", doc="The absolute value; the integer minimum stays itself."),
    op("exp(Tensor input)", 1, e.exp, {"input": lambda grad, out: F.mul(grad, out)}, **_FLOAT,
       tolerance="exp", doc="e to the power x."),
    op("log(Tensor input)", 1, e.log, {"input": lambda grad, input: F.div(grad, input)}, **_FLOAT,
       tolerance="log", domain=(0.01, 9.0), doc="The natural logarithm; NaN below 0, -inf at 0."),
    op("sqrt(Tensor input)", 1, e.sqrt, {"input": lambda grad, out: F.div(grad, F.mul(out, 2))},
       promotion="float", tolerance="sqrt", domain=(0.01, 9.0), doc="The square root; NaN below 0."),
    op("sin(Tensor input)", 1, e.sin, {"input": lambda grad, input: F.mul(grad, F.cos(input))},
       promotion="float", tolerance="sin", doc="The sine; x in radians."),
    op("cos(Tensor input)", 1, e.cos, {"input": lambda grad, input: F.neg(F.mul(grad, F.sin(input)))},
       promotion="float", tolerance="sin", doc="The cosine; x in radians."),
    op("tanh(Tensor input)", 1, e.tanh, {"input": lambda grad, out: F.tanh_backward(grad, out)},
       promotion="float", tolerance="tanh",
       public="function method inplace inplace_function out", doc="The hyperbolic tangent."),
    op("erf(Tensor input)", 1, e.erf,
       {"input": lambda grad, input: F.mul(grad, F.mul(F.exp(F.neg(F.square(input))), _TWO_OVER_ROOT_PI))},
       promotion="float", tolerance="erf", doc="The error function."),
    op("floor(Tensor input)", 1, e.floor, _FLAT, dtypes="numeric", out_dtype="same",
       doc="The largest integer not above x."),
    op("round(Tensor input)", 2, e.round_, _FLAT, dtypes="numeric",
       out_dtype="same", doc="The nearest integer, halves to even."),
    op("bitwise_not(Tensor input)", 2, lambda x: ~x, dtypes="integral",
       out_dtype="same", doc="Every bit inverted; logical on bool."),
    op("log1p(Tensor input)", 3, e.log1p, {"input": lambda grad, input: F.div(grad, F.add(input, 1))},
       **_FLOAT,
       tolerance="log1p", domain=(-0.9, 9.0), doc="log(1 + x), accurate near 0."),
    op("expm1(Tensor input)", 3, e.expm1, {"input": lambda grad, out: F.mul(grad, F.add(out, 1))}, **_FLOAT,
       tolerance="exp", doc="exp(x) - 1, accurate near 0."),
    op("reciprocal(Tensor input)", 4, lambda x: 1.0 / x,
       {"input": lambda grad, out: F.neg(F.mul(grad, F.mul(out, out)))}, **_FLOAT,
       tolerance="div", domain=(0.1, 4.0), doc="1 / x."),
    op("rsqrt(Tensor input)", 4, lambda x: 1.0 / e.sqrt(x),
       {"input": lambda grad, out: F.mul(F.mul(grad, -0.5), F.mul(out, F.mul(out, out)))}, **_FLOAT,
       tolerance="rsqrt", domain=(0.1, 9.0), doc="1 / sqrt(x)."),
    op("square(Tensor input)", 4, lambda x: x * x, {"input": lambda grad, input: F.mul(grad, F.mul(input,
       2))},
       dtypes="numeric", tolerance="add", doc="x * x."),
    op("sign(Tensor input)", 4, lambda x: e.where(x > 0, 1, e.where(x < 0, -1, 0)), _FLAT,
       dtypes="numeric", out_dtype="same", also="sgn", doc="-1, 0 or 1; 0 for NaN."),
    op("ceil(Tensor input)", 4, ceil, _FLAT, dtypes="numeric", out_dtype="same",
       doc="The smallest integer not below x."),
    op("trunc(Tensor input)", 4, trunc, _FLAT, dtypes="numeric", out_dtype="same",
       also="fix",
       doc="The integer part, rounded towards 0."),
    op("frac(Tensor input)", 4, lambda x: x - trunc(x), {"input": lambda grad: grad}, dtypes="floating",
       out_dtype="same", doc="x - trunc(x)."),
    op("log2(Tensor input)", 4, lambda x: e.intrinsic("log2", (x,), e.log(x) * (1.0 / _LN2)),
       {"input": lambda grad, input: F.div(grad, F.mul(input, _LN2))}, **_FLOAT,
       tolerance="log", domain=(0.01, 9.0), doc="The logarithm to base 2."),
    op("log10(Tensor input)", 4, lambda x: e.intrinsic("log10", (x,), e.log(x) * (1.0 / _LN10)),
       {"input": lambda grad, input: F.div(grad, F.mul(input, _LN10))}, **_FLOAT,
       tolerance="log", domain=(0.01, 9.0), doc="The logarithm to base 10."),
    op("exp2(Tensor input)", 4, lambda x: e.intrinsic("exp2", (x,), e.pow_(2.0, x)),
       {"input": lambda grad, out: F.mul(grad, F.mul(out, _LN2))}, promotion="float", tolerance="exp",
       doc="2 to the power x."),
    op("sinh(Tensor input)", 4, _sinh, {"input": lambda grad, input: F.mul(grad, F.cosh(input))}, **_FLOAT,
       tolerance="tan", doc="The hyperbolic sine."),
    op("cosh(Tensor input)", 4, _cosh, {"input": lambda grad, input: F.mul(grad, F.sinh(input))}, **_FLOAT,
       tolerance="tan", doc="The hyperbolic cosine."),
    op("tan(Tensor input)", 4, lambda x: e.intrinsic("tan", (x,), e.sin(x) / e.cos(x)),
       {"input": lambda grad, out: F.mul(grad, F.add(F.mul(out, out), 1))}, **_FLOAT, tolerance="tan",
       doc="The tangent; x in radians."),
    op("asin(Tensor input)", 4, lambda x: e.intrinsic("asin", (x,), e.atan2(x, _cosine_of_sine(x))),
       {"input": lambda grad, input: F.mul(grad, F.rsqrt(F.sub(1, F.mul(input, input))))}, **_FLOAT,
       tolerance="tan", domain=(-0.95, 0.95),
       also="arcsin", doc="The inverse sine in radians; NaN outside [-1, 1]."),
    op("acos(Tensor input)", 4, lambda x: e.intrinsic("acos", (x,), e.atan2(_cosine_of_sine(x), x)),
       {"input": lambda grad, input: F.neg(F.mul(grad, F.rsqrt(F.sub(1, F.mul(input, input)))))}, **_FLOAT,
       tolerance="tan", domain=(-0.95, 0.95),
       also="arccos", doc="The inverse cosine in radians; NaN outside [-1, 1]."),
    op("atan(Tensor input)", 4, lambda x: e.intrinsic("atan", (x,), e.atan2(x, 1.0)),
       {"input": lambda grad, input: F.div(grad, F.add(F.mul(input, input), 1))}, promotion="float",
        tolerance="tan", also="arctan", doc="The inverse tangent in radians."),
    op("asinh(Tensor input)", 4, _asinh,
       {"input": lambda grad, input: F.mul(grad, F.rsqrt(F.add(F.mul(input, input), 1)))}, promotion="float",
        tolerance="tan", also="arcsinh", doc="The inverse hyperbolic sine."),
    op("acosh(Tensor input)", 4, _acosh,
       {"input": lambda grad, input: F.mul(grad, F.rsqrt(F.sub(F.mul(input, input), 1)))}, promotion="float",
        tolerance="tan", domain=(1.1, 9.0),
       also="arccosh", doc="The inverse hyperbolic cosine; NaN below 1."),
    op("atanh(Tensor input)", 4, _atanh,
       {"input": lambda grad, input: F.div(grad, F.sub(1, F.mul(input, input)))}, promotion="float",
        tolerance="tan", domain=(-0.9, 0.9),
       also="arctanh", doc="The inverse hyperbolic tangent; NaN outside [-1, 1]."),
    op("erfc(Tensor input)", 4, erfc,
       {"input": lambda grad, input: F.mul(grad, F.mul(F.exp(F.neg(F.square(input))), -_TWO_OVER_ROOT_PI))},
       promotion="float", tolerance="erf", doc="1 - erf(x), accurate for large x."),
    op("deg2rad(Tensor input)", 4, lambda x: x * (math.pi / 180.0),
       {"input": lambda grad: F.mul(grad, math.pi / 180.0)}, promotion="float", tolerance="add",
       doc="Degrees as radians."),
    op("rad2deg(Tensor input)", 4, lambda x: x * (180.0 / math.pi),
       {"input": lambda grad: F.mul(grad, 180.0 / math.pi)}, promotion="float", tolerance="add",
       doc="Radians as degrees."),
    op("isnan(Tensor input)", 4, isnan, promotion="bool",
       public="function method", doc="Whether x is not a number."),
    op("isinf(Tensor input)", 4, isinf, promotion="bool",
       public="function method", doc="Whether x is +inf or -inf."),
    op("isfinite(Tensor input)", 4, isfinite, promotion="bool",
       public="function method", doc="Whether x is neither infinite nor NaN."),
    op("signbit(Tensor input)", 4, signbit, promotion="bool", out_dtype="same",
       public="function method out",
       doc="Whether x is negative, -0.0 included."),
    op("logical_not(Tensor input)", 4, lambda x: e.eq(x, 0), promotion="bool", doc="Whether x is 0."),
)

BINARY: Final[tuple[Op, ...]] = (
    op("add(Tensor input, Tensor other)", 1, lambda x, y: x + y,
       {"input": lambda grad: grad, "other": lambda grad: grad}, tolerance="add", doc="x + y; on bool: or."),
    op("sub(Tensor input, Tensor other)", 1, lambda x, y: x - y,
       {"input": lambda grad: grad, "other": lambda grad: F.neg(grad)}, dtypes="numeric", tolerance="add",
       infer=_no_bools, doc="x - y."),
    op("mul(Tensor input, Tensor other)", 1, lambda x, y: x * y,
       {"input": lambda grad, other: F.mul(grad, other), "other": lambda grad, input: F.mul(grad, input)},
       tolerance="add", wide_numbers=_TWO, also="multiply", doc="x * y; on bool: and."),
    op("div(Tensor input, Tensor other)", 1, lambda x, y: x / y,
       {"input": lambda grad, other: F.div(grad, other),
        "other": lambda grad, other, out: F.neg(F.div(F.mul(grad, out), other))},
       promotion="float", tolerance="div", wide_numbers=_TWO,
       also="true_divide", doc="The true quotient x / y."),
    op("pow(Tensor input, Tensor other)", 1, e.pow_, {"input": _pow_vjp, "other": _pow_exponent_vjp},
       dtypes="numeric", autocast="float32", tolerance="pow", domain=(0.1, 3.0),
       doc="x to the power y. On integers a negative power gives 0, except of 1 and -1."),
    op("maximum(Tensor input, Tensor other)", 1, e.maximum, _share(lambda a, b: F.lt(b, a)),
       no_numbers=_TWO,
       public="function method out",
       doc="The larger of x and y; NaN if one is NaN."),
    op("minimum(Tensor input, Tensor other)", 1, e.minimum, _share(lambda a, b: F.gt(b, a)),
       no_numbers=_TWO,
       public="function method out",
       doc="The smaller of x and y; NaN if one is NaN."),
    op("eq(Tensor input, Tensor other)", 1, e.eq, promotion="bool", no_numbers=_FIRST,
       doc="Whether x equals y."),
    op("lt(Tensor input, Tensor other)", 1, lambda x, y: x < y, promotion="bool",
       no_numbers=_FIRST,
       also="less",
       doc="Whether x is below y."),
    op("bitwise_and(Tensor input, Tensor other)", 1, lambda x, y: x & y, dtypes="integral",
       doc="Bits in both."),
    op("bitwise_or(Tensor input, Tensor other)", 1, lambda x, y: x | y, dtypes="integral",
       doc="Bits in either."),
    op("bitwise_xor(Tensor input, Tensor other)", 2, lambda x, y: x ^ y, dtypes="integral",
       doc="Bits in one only."),
    op("where(Tensor condition, Tensor input, Tensor other)", 1, e.where,
       {"input": lambda grad, condition: F.where(condition, grad, 0.0),
        "other": lambda grad, condition: F.where(condition, 0.0, grad)},
       samples=lambda: _where_samples(), out_dtype="same",
       public="function out", doc="x where the condition (bool) holds, else y."),
    op("remainder(Tensor input, Tensor other)", 2, e.remainder,
       {"input": lambda grad: grad,
        "other": lambda grad, input, other: F.neg(F.mul(grad, F.floor_divide(input, other)))},
       dtypes="numeric", tolerance="pow", domain=(1.0, 9.0),
       doc="x modulo y, with the sign of y as in Python. Raises ZeroDivisionError for an integer 0."),
    op("floor_divide(Tensor input, Tensor other)", 2, e.floor_divide, _FLAT2, dtypes="numeric", domain=(1.0,
       9.0),
       tolerance="pow", wide_numbers=_SECOND, doc="floor(x / y). Raises ZeroDivisionError for an integer 0."),
    op("bitwise_left_shift(Tensor input, Tensor other)", 2, e.shift_left, dtypes="integer", domain=(0, 7),
       doc="x times 2**y; 0 where y is negative or not below the number of bits."),
    op("bitwise_right_shift(Tensor input, Tensor other)", 2, e.shift_right, dtypes="integer", domain=(0, 7),
       doc="x divided by 2**y, the sign kept; a y out of range shifts all bits out."),
    op("atan2(Tensor input, Tensor other)", 3, e.atan2,
       {"input": on_tensors(lambda grad, input, other: _turn(F.mul(grad, other), input, other)),
        "other": on_tensors(lambda grad, input, other: F.neg(_turn(F.mul(grad, input), input, other)))},
       promotion="float", tolerance="tan", no_numbers=_TWO,
       also="arctan2",
       doc="The angle of the point (y, x) in (-pi, pi]."),
    op("ne(Tensor input, Tensor other)", 4, e.ne, promotion="bool", no_numbers=_FIRST,
       also="not_equal",
       doc="Whether x differs from y."),
    op("le(Tensor input, Tensor other)", 4, e.le, promotion="bool", no_numbers=_FIRST,
       also="less_equal",
       doc="Whether x is at most y."),
    op("gt(Tensor input, Tensor other)", 4, lambda x, y: x > y, promotion="bool",
       no_numbers=_FIRST,
       also="greater",
       doc="Whether x is above y."),
    op("ge(Tensor input, Tensor other)", 4, lambda x, y: x >= y, promotion="bool",
       no_numbers=_FIRST,
       also="greater_equal",
       doc="Whether x is at least y."),
    op("logical_and(Tensor input, Tensor other)", 4, lambda x, y: e.ne(x, 0) & e.ne(y, 0), promotion="bool",
       no_numbers=_TWO,
       doc="Whether both differ from 0."),
    op("logical_or(Tensor input, Tensor other)", 4, lambda x, y: e.ne(x, 0) | e.ne(y, 0), promotion="bool",
       no_numbers=_TWO,
       doc="Whether one differs from 0."),
    op("logical_xor(Tensor input, Tensor other)", 4, lambda x, y: e.ne(x, 0) ^ e.ne(y, 0), promotion="bool",
       no_numbers=_TWO,
       doc="Whether exactly one differs from 0."),
    op("fmod(Tensor input, Tensor other)", 4, _fmod,
       {"input": lambda grad: grad,
        "other": rounding_once(lambda grad, input, other:
            F.neg(F.mul(grad, F.trunc(F.div(input, other)))))},  # 2.99 must not be rounded to 3
       dtypes="numeric", tolerance="pow", domain=(1.0, 9.0),
       no_numbers=_FIRST,
       doc="The remainder of x / y with the sign of x, as in C. Raises ZeroDivisionError for an integer 0."),
    op("fmax(Tensor input, Tensor other)", 4,
       lambda x, y: e.where(isnan(x), y, e.where(isnan(y), x, e.maximum(x, y))),
       _take_first(lambda a, b: F.ge(a, b)), no_numbers=_TWO,
       public="function method out",
       doc="The larger of x and y; a number beats NaN."),
    op("fmin(Tensor input, Tensor other)", 4,
       lambda x, y: e.where(isnan(x), y, e.where(isnan(y), x, e.minimum(x, y))),
       _take_first(lambda a, b: F.le(a, b)), no_numbers=_TWO,
       public="function method out",
       doc="The smaller of x and y; a number beats NaN."),
    op("hypot(Tensor input, Tensor other)", 4, _hypot,
       {"input": lambda grad, input, out: F.mul(grad, F.div(input, out)),
        "other": lambda grad, other, out: F.mul(grad, F.div(other, out))},
       dtypes="floating", tolerance="tan", no_numbers=_TWO,
       doc="sqrt(x*x + y*y) without overflow on the way."),
    op("logaddexp(Tensor input, Tensor other)", 4, _logaddexp,
       {"input": on_tensors(lambda grad, input, other: F.mul(grad, F.sigmoid(F.sub(input, other)))),
        "other": on_tensors(lambda grad, input, other: F.mul(grad, F.sigmoid(F.sub(other, input))))},
       dtypes="floating", tolerance="usable", domain=(0.0, 4.0),
       no_numbers=_TWO,
       public="function method out",
       doc="log(exp(x) + exp(y)) without overflow."),
    op("xlogy(Tensor input, Tensor other)", 4, _xlogy,
       {"input": on_tensors(lambda grad, input, other:
            F.where(F.bitwise_and(F.eq(input, 0), F.le(other, 0)), 0.0, F.xlogy(grad, other))),
        "other": lambda grad, input, other: F.div(F.mul(grad, input), other)},
       promotion="float", tolerance="pow", domain=(0.1, 4.0),  # the logarithm of a power
       doc="x * log(y); 0 where x is 0 (NaN where y is NaN)."),
    op("copysign(Tensor input, Tensor other)", 4, _copysign,
       {"input": lambda grad, input, out: F.mul(grad, F.where(F.eq(input, 0), 0.0, F.div(out, input))),
        "other": lambda grad: zeros_like(grad)},
       promotion="float", no_numbers=_FIRST,
       doc="The magnitude of x with the sign of y."),
)

TERNARY: Final[tuple[Op, ...]] = (
    op("clamp(Tensor input, Scalar? min=None, Scalar? max=None)", 4, clamp, {"input": _clamp_vjp},
       dtypes="numeric", attributes=(-1, 2),
       out_dtype="same",
       doc="x limited to [min, max]; max wins if they cross. NaN in x or as a bound gives NaN."),
    op("lerp(Tensor input, Tensor end, Tensor weight)", 4,
       lambda x, y, w: e.where(e.abs_(w) < 0.5, x + w * (y - x), y - (y - x) * (1.0 - w)),
       {"input": rounding_once(lambda grad, weight: F.sub(grad, F.mul(grad, weight))),
        "end": lambda grad, weight: F.mul(grad, weight),
        "weight": rounding_once(on_tensors(lambda grad, input, end: F.mul(grad, F.sub(end, input))))},
       dtypes="floating", tolerance="usable", domain=(0.1, 0.9), no_numbers=("input", "end"),
       doc="x + weight * (end - x)."),
    op("addcmul(Tensor input, Tensor tensor1, Tensor tensor2, *, Scalar value=1)", 4,
       lambda x, y, z, value: x + value * y * z,
       {"input": lambda grad: grad,
        "tensor1": lambda grad, tensor2, value: F.mul(F.mul(grad, tensor2), value),
        "tensor2": lambda grad, tensor1, value: F.mul(F.mul(grad, tensor1), value)},
       dtypes="numeric", tolerance="usable", domain=(0.1, 4.0),
       no_numbers=("input", "tensor1", "tensor2"),
       doc="x + value * tensor1 * tensor2."),
    op("addcdiv(Tensor input, Tensor tensor1, Tensor tensor2, *, Scalar value=1)", 4,
       lambda x, y, z, value: x + value * (y / z),
       {"input": lambda grad: grad,
        "tensor1": lambda grad, tensor2, value: F.mul(F.div(grad, tensor2), value),
        "tensor2": lambda grad, tensor1, tensor2, value:
            F.neg(F.div(F.mul(F.mul(grad, tensor1), value), F.mul(tensor2, tensor2)))},
       dtypes="floating", tolerance="usable", domain=(0.5, 4.0),
       no_numbers=("input", "tensor1", "tensor2"),
       doc="x + value * tensor1 / tensor2."),
)
# fmt: on


def _where_samples() -> Any:
    mask: dict[str, Any] = {"low": 0, "high": 1, "dtype": "bool"}
    return [
        Sample((Input((3, 5), **mask), Input((3, 5)), Input((3, 5)))),
        Sample((Input((), **mask), Input(()), Input(())), "0-d"),
        Sample((Input((0, 3), **mask), Input((0, 3)), Input((0, 3))), "empty"),
        Sample((Input((4, 1, 3), **mask), Input((2, 1)), Input((1, 3))), "broadcast"),
        Sample(
            (Input((3, 5), **mask, layout="transposed"), Input((3, 5), layout="sliced"), Input((3, 5))),
            "strided",
        ),
    ]


OPS: Final[tuple[Op, ...]] = UNARY + BINARY + TERNARY

# The values of string and boolean attributes that kernels are generated for ahead of time.
CHOICES: Final[dict[str, dict[str, tuple[Any, ...]]]] = {
    "clamp": {"min": (None, float), "max": (None, float)},
}
