"""Elementwise ops, all from the op table's expressions.

An expression is evaluated node by node on whole arrays, in the dtype of the elements (halves in float32) and
rounded once. So there is no list of elementwise ops here, only what each primitive of expressions means.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any, Final

from tensorplug_dispatcher import dtypes
from tensorplug_dispatcher import expr as e
from tensorplug_dispatcher.dtypes import DType
from tensorplug_dispatcher.kinds import told_apart
from tensorplug_dispatcher.layout import Layout
from tensorplug_dispatcher.op import Op
from tensorplug_dispatcher.ops.elementwise import erfc

from .adapter import Adapter, Array, Call, compute_dtype

_NUMBER = (bool, int, float)


# ---- what the primitives mean: for floating, integer and boolean elements


def _no_zero(call: Call, b: Array) -> Array:
    """The divisor with 1 where it is 0, which is an error."""
    zero = b == call.lib.scalar(0, call.lib.dtype_of(b))
    call.refuse(call.lib.xp.any(zero), lambda: _division_by_zero(call.op.name))
    return call.lib.xp.where(zero, call.lib.scalar(1, call.lib.dtype_of(b)), b)


def _division_by_zero(name: str) -> ZeroDivisionError:
    return ZeroDivisionError(
        f"ZeroDivisionError: {name} divided an integer by zero; mask the zeros with where()"
    )


def _integer_remainder(call: Call, a: Array, b: Array) -> Array:
    xp, b = call.lib.xp, _no_zero(call, b)
    one = call.lib.scalar(1, call.lib.dtype_of(b))
    # the integer minimum has no quotient by -1; its remainder is 0 like that by 1
    return xp.remainder(a, b if not _signed(call, b) else xp.where(b == -one, one, b))


def _integer_floor_divide(call: Call, a: Array, b: Array) -> Array:
    xp, b = call.lib.xp, _no_zero(call, b)
    if not _signed(call, b):
        return xp.floor_divide(a, b)
    one = call.lib.scalar(1, call.lib.dtype_of(b))
    negated = b == -one
    return xp.where(negated, -a, xp.floor_divide(a, xp.where(negated, one, b)))


def _integer_fmod(call: Call, a: Array, b: Array) -> Array:
    """The remainder with the sign of the dividend."""
    xp, found = call.lib.xp, _integer_remainder(call, a, b)
    if not _signed(call, b):
        return found
    zero = call.lib.scalar(0, call.lib.dtype_of(b))
    return xp.where((found != zero) & ((a < zero) != (b < zero)), found - b, found)


def _signed(call: Call, x: Array) -> bool:
    return call.lib.dtype_of(x).is_signed


def _float_floor_divide(call: Call, a: Array, b: Array) -> Array:
    """The quotient as Python's: of what fmod leaves, which is a multiple of b; infinite by zero."""
    xp, zero = call.lib.xp, call.lib.scalar(0, call.lib.dtype_of(a))
    half, one = call.lib.scalar(0.5, call.lib.dtype_of(a)), call.lib.scalar(1, call.lib.dtype_of(a))
    left = _float_fmod(call, a, b)
    quotient = (a - left) / b
    quotient = xp.where((left != zero) & ((left < zero) != (b < zero)), quotient - one, quotient)
    near = xp.floor(quotient)
    near = xp.where(quotient - near > half, near + one, near)
    near = xp.where(quotient == zero, xp.copysign(zero, a / b), near)
    return xp.where(b == zero, a / b, near)


def _float_fmod(call: Call, a: Array, b: Array) -> Array:
    remainder = call.lib.functions.get("remainder", call.lib.xp.remainder)
    return call.lib.xp.copysign(remainder(call.lib.xp.abs(a), call.lib.xp.abs(b)), a)


def _float_remainder(call: Call, a: Array, b: Array) -> Array:
    """The remainder with the sign of the divisor, but that of a zero is the dividend's, as PyTorch has it."""
    xp, zero = call.lib.xp, call.lib.scalar(0, call.lib.dtype_of(a))
    left = _float_fmod(call, a, b)
    return xp.where((left != zero) & ((left < zero) != (b < zero)), left + b, left)


def _integer_pow(call: Call, a: Array, b: Array) -> Array:
    xp, dtype = call.lib.xp, call.lib.dtype_of(a)
    if not dtype.is_signed:
        return call.lib.whole_power(a, b)
    zero, one = call.lib.scalar(0, dtype), call.lib.scalar(1, dtype)
    odd = xp.where((b & one) == one, -one, one)
    below = xp.where(a == one, one, xp.where(a == -one, odd, zero))
    return xp.where(b < zero, below, call.lib.whole_power(a, xp.where(b < zero, zero, b)))


def _shift(left: bool) -> Callable[[Call, Array, Array], Array]:
    def run(call: Call, a: Array, b: Array) -> Array:
        xp, dtype = call.lib.xp, call.lib.dtype_of(a)
        zero = call.lib.scalar(0, dtype)
        outside = (b < zero) | (b >= call.lib.scalar(8 * dtype.itemsize, dtype))
        amount = xp.where(outside, zero, b)
        if left:
            return xp.where(outside, zero, xp.bitwise_left_shift(a, amount))
        rest = xp.where(a < zero, -call.lib.scalar(1, dtype), zero) if dtype.is_signed else zero
        return xp.where(outside, rest, xp.bitwise_right_shift(a, amount))

    return run


def _extremum(larger: bool) -> Callable[[Call, Array, Array], Array]:
    """NaN wins, whichever operand it is."""

    def run(call: Call, a: Array, b: Array) -> Array:
        wins = a > b if larger else a < b
        return call.lib.xp.where(wins | (a != a), a, b)

    return run


# erf(x) / x as a polynomial of x * x over [0, 1]: interpolated at the Chebyshev points, relative error 8e-18
_ERF: Final = (
    1.1283791670955126, -0.37612638903183543, 0.11283791670945006, -0.02686617064323777,
    0.0052239776071164225, -0.0008548325975389692, 0.00012055294904839707, -1.492473690741966e-05,
    1.6447424703317362e-06, -1.6208483801871705e-07, 1.3720064546777686e-08, -7.795898827002142e-10,
)  # fmt: skip


def _erf_expression(x: e.Expr) -> e.Expr:
    a = e.abs_(x)
    s = a * a
    p: Any = _ERF[-1]
    for coefficient in _ERF[-2::-1]:
        p = p * s + coefficient
    far = 1.0 - erfc(a)
    return e.where(a < 1.0, x * p, e.where(x < 0, -far, e.where(0 < x, far, x)))


def _in_wide(function: Callable[[e.Expr], e.Expr]) -> Callable[[Call, Array], Array]:
    """A function by its expression, in the widest floating dtype: erfc loses digits in the exponent."""
    root = e.expand_intrinsics(function(e.arg("x")))

    def run(call: Call, x: Array) -> Array:
        dtype = call.lib.dtype_of(x)
        found = evaluate(call, root, {"x": call.lib.astype(x, call.lib.wide)}, call.lib.wide)
        return call.lib.astype(found, dtype)

    return run


def _xp(name: str) -> Callable[..., Array]:
    return lambda call, *operands: getattr(call.lib.xp, name)(*operands)


def _same(call: Call, x: Array) -> Array:
    return x


def _constant(value: bool) -> Callable[[Call, Array], Array]:
    def run(call: Call, x: Array) -> Array:
        return x == x if value else x != x

    return run


_COMPARED: Final[dict[str, Callable[..., Array]]] = {
    "eq": lambda call, a, b: a == b,
    "ne": lambda call, a, b: a != b,
    "where": lambda call, c, a, b: call.lib.xp.where(c, a, b),
}
_ORDERED: Final[dict[str, Callable[..., Array]]] = {
    "lt": lambda call, a, b: a < b,
    "le": lambda call, a, b: a <= b,
    "neg": lambda call, x: -x,
    "add": lambda call, a, b: a + b,
    "sub": lambda call, a, b: a - b,
    "mul": lambda call, a, b: a * b,
    "abs": _xp("abs"),
    "maximum": _extremum(True),
    "minimum": _extremum(False),
}
_BITS: Final[dict[str, Callable[..., Array]]] = {
    "and_": lambda call, a, b: a & b,
    "or_": lambda call, a, b: a | b,
    "xor": lambda call, a, b: a ^ b,
    "not_": lambda call, x: ~x,
}
_STANDARD = (
    *("exp", "log", "sqrt", "sin", "cos", "tanh", "floor", "round", "log1p", "expm1", "atan2", "pow"),
    *("ceil", "trunc", "isnan", "isinf", "isfinite", "signbit", "copysign", "hypot", "log2"),
    *("log10", "sinh", "cosh", "tan", "asin", "acos", "atan", "asinh", "acosh", "atanh"),
)
FLOATING: Final[Mapping[str, Callable[..., Array]]] = {
    **_COMPARED,
    **_ORDERED,
    "div": lambda call, a, b: a / b,
    **{name: _xp(name) for name in _STANDARD},
    "remainder": _float_remainder,
    "floor_divide": _float_floor_divide,
    "fmod": _float_fmod,
    "erf": _in_wide(_erf_expression),
    "erfc": _in_wide(erfc),
    "normal_cdf": _in_wide(lambda x: 0.5 * erfc(x * -0.7071067811865476)),
}
INTEGER: Final[Mapping[str, Callable[..., Array]]] = {
    **_COMPARED,
    **_ORDERED,
    **_BITS,
    **dict.fromkeys(("floor", "ceil", "trunc", "round"), _same),
    "remainder": _integer_remainder,
    "floor_divide": _integer_floor_divide,
    "fmod": _integer_fmod,
    "pow": _integer_pow,
    "shift_left": _shift(True),
    "shift_right": _shift(False),
    "isnan": _constant(False),
    "isinf": _constant(False),
    "isfinite": _constant(True),
    "signbit": lambda call, x: x < call.lib.scalar(0, call.lib.dtype_of(x)),
}
BOOLEAN: Final[Mapping[str, Callable[..., Array]]] = {
    **_COMPARED,
    **_BITS,
    "add": lambda call, a, b: a | b,
    "mul": lambda call, a, b: a & b,
    "maximum": lambda call, a, b: a | b,
    "minimum": lambda call, a, b: a & b,
    "lt": lambda call, a, b: ~a & b,
    "le": lambda call, a, b: ~a | b,
    **dict.fromkeys(("floor", "ceil", "trunc", "round"), _same),
    "isnan": _constant(False),
    "isinf": _constant(False),
    "isfinite": _constant(True),
    "signbit": _constant(False),
}


def _functions(dtype: DType) -> Mapping[str, Callable[..., Array]]:
    if dtype is dtypes.bool_:
        return BOOLEAN
    return FLOATING if dtype.is_floating_point else INTEGER


# ---- expressions


@cache
def traced(
    op: Op, static: tuple[tuple[str, Any, Any], ...], element: DType, inexact: frozenset[str] = frozenset()
) -> tuple[e.Expr, ...]:
    """The op's expressions, one an output, for static attributes (name, what tells them apart, value);
    what has no meaning of its own here, or is ``inexact`` in the library, is written out.
    """
    assert op.expr is not None
    values = {name: value for name, _, value in static}
    result = op.expr(
        *(
            e.arg(p.name) if p.is_tensor else e.param(p.name) if p.is_dynamic else values[p.name]
            for p in op.parameters
        )
    )
    roots = result if isinstance(result, tuple) else (result,)
    known = [name for name in _functions(element) if name not in inexact]
    return tuple(e.expand_intrinsics(e.as_expr(root), known) for root in roots)


def _static(op: Op, attrs: Mapping[str, Any], element: DType) -> tuple[tuple[str, Any, Any], ...]:
    found = []
    for p in op.parameters:
        if not p.is_tensor and not p.is_dynamic:
            value = attrs[p.name]
            if isinstance(value, float) and value.is_integer() and not element.is_floating_point:
                value = int(value)
            found.append((p.name, told_apart(value), value))
    return tuple(found)


def possible(op: Op) -> Callable[[Sequence[Layout], Sequence[Layout | None], Mapping[str, Any]], bool]:
    """Whether the op's expressions are made of what has a meaning for these elements:
    the ``when`` of its kernel.
    """

    def when(outs: Sequence[Layout], ins: Sequence[Layout | None], attrs: Mapping[str, Any]) -> bool:
        layouts = [g for p, g in zip(_tensors(op), ins, strict=True) if p != "condition"]
        if any(g is None for g in layouts):
            return False
        element = compute_dtype(layouts[0].dtype)  # type: ignore[union-attr]
        static = _static(op, attrs, element)
        if not element.is_floating_point and any(isinstance(value, float) for _, _, value in static):
            return False
        roots = traced(op, static, element)
        known = _functions(element)
        return all(node.op in known or not node.args or node.op == "cast" or node.is_boolean
                   for node in e.nodes(roots))  # fmt: skip

    return when


def _tensors(op: Op) -> list[str]:
    return [p.name for p in op.parameters if p.is_tensor]


def definition(call: Call, *arrays: Array) -> Any:
    """Any elementwise op."""
    lib, op = call.lib, call.op
    names = _tensors(op)
    data = [x for name, x in zip(names, arrays, strict=True) if name != "condition"]
    element = compute_dtype(lib.dtype_of(data[0]))
    values = {
        name: x if name == "condition" else lib.astype(x, element)
        for name, x in zip(names, arrays, strict=True)
    }
    values |= {p.name: call.attrs[p.name] for p in op.parameters if p.is_dynamic}
    roots = traced(op, _static(op, call.attrs, element), element, lib.inexact)
    found = tuple(evaluate(call, root, values, element) for root in roots)
    shape = data[0].shape if names[0] != "condition" else arrays[0].shape
    return tuple(x if tuple(x.shape) == tuple(shape) else lib.xp.broadcast_to(x, shape) for x in found)


def evaluate(call: Call, root: e.Expr, values: Mapping[str, Any], element: DType) -> Array:
    """An expression on arrays. What is the same for all elements is computed from Python's numbers in
    Python, from arrays in the widest dtype, and rounded when it meets an element.
    """
    lib: Adapter = call.lib
    done: dict[int, Any] = {}
    for node in e.nodes((root,)):
        if not node.args:
            done[id(node)] = node.value if node.op == "const" else values[node.value]
            continue
        operands = [done[id(a)] for a in node.args]
        if node.op == "cast":
            done[id(node)] = lib.scalar(operands[0], node.value)
        elif all(type(x) in _NUMBER for x in operands):  # NumPy's float64 scalars are floats too, and arrays
            done[id(node)] = e.fold(node.op, operands)
        else:
            kind = lib.wide if node.is_uniform and element.is_floating_point else element
            # what is made of truth values is logic, whatever the elements are
            table = BOOLEAN if _logical(node) else _functions(kind)
            arrays = [_array(lib, a, x, kind) for a, x in zip(node.args, operands, strict=True)]
            own = lib.functions.get(node.op) if table is FLOATING else None
            done[id(node)] = table[node.op](call, *arrays) if own is None else own(*arrays)
    return _array(lib, root, done[id(root)], element)


def _array(lib: Adapter, node: e.Expr, value: Any, kind: DType) -> Array:
    """The value of a node where arrays of ``kind`` are computed with."""
    if isinstance(value, bool):
        return lib.scalar(value, dtypes.bool_)
    return lib.scalar(value, kind) if node.is_uniform and not node.is_boolean else value


def _logical(node: e.Expr) -> bool:
    operands = node.args[1:] if node.op == "where" else node.args
    return all(a.is_boolean for a in operands)
