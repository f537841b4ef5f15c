"""Scalar expressions: what an elementwise op computes for one element.

An expression is traced by calling a lambda of the op table on ``arg`` nodes. Attributes are plain Python
values while tracing (so ``gelu(approximate="tanh")`` traces another expression than ``"none"``); a number
that only becomes known at the call is a ``param`` node. Equal expressions are one object: comparing with
``is`` compares structure, and what occurs twice is computed once.

>>> trace(lambda x, y: where(x < y, x * 2, y), ("x", "y"))
where((x < y), (x * 2), y)

Every node has the *element type* (that of the tensors) or is boolean; there is no other mixing but ``cast``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final
from weakref import WeakValueDictionary

# The operations that every renderer and interpreter knows, with their number of operands. Comparisons give
# booleans, ``and_``, ``or_``, ``xor`` and ``not_`` work on booleans and on the bits of integers.
PRIMITIVES: Final[Mapping[str, int]] = {
    "neg": 1,
    "abs": 1,
    "exp": 1,
    "log": 1,
    "sqrt": 1,
    "sin": 1,
    "cos": 1,
    "tanh": 1,
    "erf": 1,
    "floor": 1,
    "round": 1,
    "log1p": 1,
    "expm1": 1,
    "not_": 1,
    "add": 2,
    "sub": 2,
    "mul": 2,
    "div": 2,
    "pow": 2,
    "maximum": 2,
    "minimum": 2,
    "eq": 2,
    "lt": 2,
    "atan2": 2,
    "and_": 2,
    "or_": 2,
    "xor": 2,
    "remainder": 2,
    "floor_divide": 2,
    "shift_left": 2,
    "shift_right": 2,
    "where": 3,
}
COMPARISONS: Final = frozenset({"eq", "lt", "le", "ne", "isnan", "isinf", "isfinite", "signbit"})
_SYMBOLS: Final = {
    "add": "+",
    "sub": "-",
    "mul": "*",
    "div": "/",
    "lt": "<",
    "eq": "==",
    "le": "<=",
    "ne": "!=",
    "and_": "&",
    "or_": "|",
    "xor": "^",
}

_interned: WeakValueDictionary[tuple[Any, ...], Expr] = WeakValueDictionary()


class Expr:
    """One node. ``op`` is ``arg``, ``param``, ``const``, ``cast``, a primitive, or an intrinsic's name.

    ``value`` is the name (arg, param), the number (const) or the DType (cast). An *intrinsic* is a function
    that a renderer may know under its name and otherwise replaces by ``fallback``, an equal expression of
    primitives.
    """

    __slots__ = ("__weakref__", "args", "fallback", "op", "value")

    def __init__(self, op: str, args: tuple[Expr, ...], value: Any, fallback: Expr | None) -> None:
        self.op = op
        self.args = args
        self.value = value
        self.fallback = fallback

    @property
    def is_boolean(self) -> bool:
        """Whether the node is a truth value whatever the element type is."""
        if self.op == "const":
            return isinstance(self.value, bool)
        if self.op == "cast":
            return bool(self.value.name == "bool")
        if self.op in ("and_", "or_", "xor", "not_"):
            return all(a.is_boolean for a in self.args)
        if self.op == "where":
            return self.args[1].is_boolean and self.args[2].is_boolean
        return self.op in COMPARISONS or (self.op == "arg" and self.value in _boolean_names)

    @property
    def is_uniform(self) -> bool:
        """Whether the node is the same number for all elements (made from constants and params only)."""
        return self.op != "arg" and all(a.is_uniform for a in self.args)

    def __add__(self, other: Any) -> Expr:
        return _make("add", self, other)

    def __radd__(self, other: Any) -> Expr:
        return _make("add", other, self)

    def __sub__(self, other: Any) -> Expr:
        return _make("sub", self, other)

    def __rsub__(self, other: Any) -> Expr:
        return _make("sub", other, self)

    def __mul__(self, other: Any) -> Expr:
        return _make("mul", self, other)

    def __rmul__(self, other: Any) -> Expr:
        return _make("mul", other, self)

    def __truediv__(self, other: Any) -> Expr:
        return _make("div", self, other)

    def __rtruediv__(self, other: Any) -> Expr:
        return _make("div", other, self)

    def __and__(self, other: Any) -> Expr:
        return _make("and_", self, other)

    def __or__(self, other: Any) -> Expr:
        return _make("or_", self, other)

    def __xor__(self, other: Any) -> Expr:
        return _make("xor", self, other)

    def __invert__(self) -> Expr:
        return _make("not_", self)

    def __neg__(self) -> Expr:
        return _make("neg", self)

    def __lt__(self, other: Any) -> Expr:
        return _make("lt", self, other)

    def __gt__(self, other: Any) -> Expr:
        return _make("lt", other, self)

    def __le__(self, other: Any) -> Expr:
        return le(self, other)

    def __ge__(self, other: Any) -> Expr:
        return le(other, self)

    def __bool__(self) -> bool:
        raise TypeError(
            f"the expression {self} has no truth value while it is traced; use where(condition, a, b)"
        )

    def __repr__(self) -> str:
        if self.op in ("arg", "param", "const"):
            return str(self.value)
        if self.op == "cast":
            return f"{self.value.name}({self.args[0]})"
        if self.op in _SYMBOLS:
            return f"({self.args[0]} {_SYMBOLS[self.op]} {self.args[1]})"
        return f"{self.op}({', '.join(map(repr, self.args))})"


_boolean_names: Final = frozenset(
    {"condition"}
)  # tensor parameters that are boolean by the meaning of the op


def _intern(op: str, args: tuple[Expr, ...], value: Any = None, fallback: Expr | None = None) -> Expr:
    # repr tells 0.0 from -0.0 and True from 1 from 1.0, which == does not, and makes NaN equal to itself
    key = (op, *map(id, args), repr(value))
    found = _interned.get(key)
    if found is None:
        found = _interned[key] = Expr(op, args, value, fallback)
    return found


def const(value: float) -> Expr:
    return _intern("const", (), value)


def arg(name: str) -> Expr:
    """The element of the tensor parameter ``name``."""
    return _intern("arg", (), name)


def param(name: str) -> Expr:
    """A number that is the same for all elements and known only at the call."""
    return _intern("param", (), name)


def as_expr(value: Any) -> Expr:
    return value if isinstance(value, Expr) else const(value)


def cast(x: Expr, dtype: Any) -> Expr:
    """``x`` converted to a DType."""
    return _intern("cast", (as_expr(x),), dtype)


def _make(op: str, *operands: Any) -> Expr:
    args = tuple(as_expr(x) for x in operands)
    if all(a.op == "const" for a in args):
        return const(_FOLD[op](*(a.value for a in args)))
    return _intern(op, args)


def intrinsic(name: str, args: Iterable[Any], fallback: Any) -> Expr:
    """A function that renderers may know as ``name``; ``fallback`` computes the same from primitives."""
    return _intern(name, tuple(as_expr(x) for x in args), fallback=as_expr(fallback))


def _divide(a: float, b: float) -> float:
    return (
        a / b if b else math.nan if a == 0 or a != a else math.copysign(math.inf, a) * math.copysign(1.0, b)
    )


def _ieee(function: Callable[[float], float], pole: float | None = None) -> Callable[[float], float]:
    """A function of ``math``, with IEEE 754's results where that raises; ``pole``: where it is -inf."""

    def run(a: float) -> float:
        try:
            return function(a)
        except OverflowError:
            return math.inf
        except ValueError:
            return -math.inf if a == pole else math.nan

    return run


def _power(a: Any, b: Any) -> Any:
    try:
        found = a**b
    except ZeroDivisionError:
        odd = b % 2 == 1
        return math.copysign(math.inf, a) if odd else math.inf
    except OverflowError:
        return math.inf if a > 0 or b % 2 == 0 else -math.inf
    return math.nan if isinstance(found, complex) else found


def fold(op: str, operands: Iterable[Any]) -> Any:
    """A primitive of Python numbers."""
    return _FOLD[op](*operands)


_FOLD: Final[Mapping[str, Callable[..., Any]]] = {
    "neg": lambda a: -a,
    "abs": abs,
    "exp": _ieee(math.exp),
    "log": _ieee(math.log, 0.0),
    "sqrt": _ieee(math.sqrt),
    "sin": _ieee(math.sin),
    "cos": _ieee(math.cos),
    "tanh": math.tanh,
    "erf": math.erf,
    "floor": math.floor,
    "round": round,
    "log1p": _ieee(math.log1p, -1.0),
    "expm1": _ieee(math.expm1),
    "not_": lambda a: not a if isinstance(a, bool) else ~a,
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b: a * b,
    "div": _divide,
    "pow": _power,
    "maximum": max,
    "minimum": min,
    "eq": lambda a, b: a == b,
    "lt": lambda a, b: a < b,
    "atan2": math.atan2,
    "and_": lambda a, b: a & b,
    "or_": lambda a, b: a | b,
    "xor": lambda a, b: a ^ b,
    "remainder": lambda a, b: a % b,
    "floor_divide": lambda a, b: a // b,
    "shift_left": lambda a, b: a << b,
    "shift_right": lambda a, b: a >> b,
    "where": lambda c, a, b: a if c else b,
}


def _primitive(name: str) -> Callable[..., Expr]:
    def build(*operands: Any) -> Expr:
        return _make(name, *operands)

    build.__name__ = build.__qualname__ = name
    return build


abs_ = _primitive("abs")
exp = _primitive("exp")
log = _primitive("log")
sqrt = _primitive("sqrt")
sin = _primitive("sin")
cos = _primitive("cos")
tanh = _primitive("tanh")
erf = _primitive("erf")
floor = _primitive("floor")
round_ = _primitive("round")
log1p = _primitive("log1p")
expm1 = _primitive("expm1")
pow_ = _primitive("pow")
maximum = _primitive("maximum")
minimum = _primitive("minimum")
eq = _primitive("eq")
atan2 = _primitive("atan2")
remainder = _primitive("remainder")
floor_divide = _primitive("floor_divide")
shift_left = _primitive("shift_left")
shift_right = _primitive("shift_right")
where = _primitive("where")


def ne(x: Any, y: Any) -> Expr:
    return intrinsic("ne", (x, y), ~eq(x, y))


def le(x: Any, y: Any) -> Expr:
    return intrinsic("le", (x, y), (as_expr(x) < y) | eq(x, y))


def trace(function: Callable[..., Any], names: Iterable[str]) -> Any:
    """Call ``function`` on one ``arg`` a name; returns its Expr, or a tuple of them for several outputs."""
    result = function(*(arg(name) for name in names))
    return tuple(map(as_expr, result)) if isinstance(result, tuple) else as_expr(result)


def nodes(roots: Iterable[Expr]) -> list[Expr]:
    """All nodes below ``roots``, operands before users, each once."""
    ordered: dict[int, Expr] = {}

    def visit(node: Expr) -> None:
        if id(node) not in ordered:
            for operand in node.args:
                visit(operand)
            ordered[id(node)] = node

    for root in roots:
        visit(root)
    return list(ordered.values())


def expand_intrinsics(root: Expr, keep: Iterable[str] = ()) -> Expr:
    """``root`` with every intrinsic whose name is not in ``keep`` replaced by its fallback."""
    known = frozenset(keep)
    done: dict[int, Expr] = {}

    def visit(node: Expr) -> Expr:
        found = done.get(id(node))
        if found is None:
            if node.fallback is not None and node.op not in known:
                found = visit(node.fallback)
            elif node.args:
                fallback = node.fallback
                found = _intern(node.op, tuple(visit(a) for a in node.args), node.value, fallback)
            else:
                found = node
            done[id(node)] = found
        return found

    return visit(root)


def evaluate(root: Expr, values: Mapping[str, Any], apply: Callable[..., Any]) -> Any:
    """Evaluate with ``apply(op, operands, value)`` for each node that is no leaf;
    constants are given as numbers.
    """
    done: dict[int, Any] = {}
    for node in nodes((root,)):
        if node.op in ("arg", "param"):
            done[id(node)] = values[node.value]
        elif node.op == "const":
            done[id(node)] = node.value
        else:
            done[id(node)] = apply(node.op, tuple(done[id(a)] for a in node.args), node.value)
    return done[id(root)]
