"""S2, values: the sign of zero, whole numbers beyond 2^31 and 2^53, what does not fit float32, hard points of
elementwise functions, and NaN, infinities and ends of the range in everything that only moves numbers.

``zeros`` and ``points`` compare with NumPy in float64 and with what IEEE 754 and the array API standard say,
the others with the executable specification. Where those leave the sign of a zero open (maximum and minimum
of zeros, clamp to a zero, remainder, sums), it is not asked.
"""

from __future__ import annotations

import math
import operator
import random
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Final

import numpy as np

from tensorplug_dispatcher import dtypes
from tensorplug_dispatcher.dtypes import DType
from tensorplug_dispatcher.op import REQUIRED, Input, Op, Sample
from tensorplug_dispatcher.ops import OPS

from .. import reference, tolerance
from ..case import Case, Result
from ..placing import dense, placed
from ..probes import array_of as numbers_in
from ..probes import asked, bits, differs, worst
from ..samples import call, dtypes_for, dtypes_named, seed_of
from .layouts import any_tensor, arguments, array_of
from .ops import OWN_DTYPE_ONLY, flushes, judge

Function = Callable[..., Any]
_ERF: Final = np.vectorize(math.erf, otypes=[np.float64])
_ERFC: Final = np.vectorize(math.erfc, otypes=[np.float64])


def _sigmoid(x: Any) -> Any:
    return np.where(x < 0, np.exp(-np.abs(x)), 1.0) / (1.0 + np.exp(-np.abs(x)))


# elementwise functions of one operand in NumPy, and whether their zeros have a sign
UNARY: Final[dict[str, Function]] = {
    "neg": np.negative, "abs": np.abs, "exp": np.exp, "log": np.log, "sqrt": np.sqrt, "sin": np.sin,
    "cos": np.cos, "tanh": np.tanh, "erf": _ERF, "floor": np.floor, "round": np.rint, "log1p": np.log1p,
    "expm1": np.expm1, "reciprocal": lambda x: 1.0 / x, "rsqrt": lambda x: 1.0 / np.sqrt(x),
    "square": np.square, "sign": lambda x: np.where(np.isnan(x), 0.0, np.sign(x)), "ceil": np.ceil,
    "trunc": np.trunc, "log2": np.log2, "log10": np.log10, "exp2": np.exp2, "sinh": np.sinh, "cosh": np.cosh,
    "tan": np.tan, "asin": np.arcsin, "acos": np.arccos, "atan": np.arctan, "asinh": np.arcsinh,
    "acosh": np.arccosh, "atanh": np.arctanh, "erfc": _ERFC, "deg2rad": np.deg2rad, "rad2deg": np.rad2deg,
    "relu": lambda x: np.where(x < 0, 0.0, x), "sigmoid": _sigmoid, "silu": lambda x: x * _sigmoid(x),
    "gelu": lambda x: x * 0.5 * _ERFC(-x / math.sqrt(2)),
    "leaky_relu": lambda x: np.where(x > 0, x, 0.01 * x), "elu": lambda x: np.where(x > 0, x, np.expm1(x)),
}  # fmt: skip
UNSIGNED: Final = ("sign", "relu")  # a zero there has whichever sign
BINARY: Final[dict[str, Function]] = {
    "add": np.add, "sub": np.subtract, "mul": np.multiply, "div": np.divide, "fmod": np.fmod,
    "copysign": np.copysign, "atan2": np.arctan2, "pow": np.power, "hypot": np.hypot,
    "floor_divide": lambda a, b: np.where(b == 0, a / b, np.floor_divide(a, b)),
}  # fmt: skip
COMPARED: Final[dict[str, Function]] = {
    "eq": np.equal, "ne": np.not_equal, "lt": np.less, "le": np.less_equal, "gt": np.greater,
    "ge": np.greater_equal, "logical_and": np.logical_and, "logical_or": np.logical_or,
    "logical_xor": np.logical_xor, "logical_not": np.logical_not, "isnan": np.isnan, "isinf": np.isinf,
    "isfinite": np.isfinite, "signbit": np.signbit,
}  # fmt: skip
EXTREME: Final[dict[str, Function]] = {  # which of two zeros is left open
    "maximum": np.maximum, "minimum": np.minimum, "fmax": np.fmax, "fmin": np.fmin,
}  # fmt: skip
# of all pairs of whole numbers; what is beyond the range wraps
WHOLE: Final[dict[str, Callable[[int, int], int]]] = {
    "add": operator.add, "sub": operator.sub, "mul": operator.mul,
    "floor_divide": operator.floordiv, "remainder": operator.mod,
    "fmod": lambda a, b: int(math.copysign(1, a)) * (abs(a) % abs(b)),
    "pow": lambda a, b: pow(a, b, 1 << 64) if b >= 0 else {1: 1, -1: 1 - 2 * (b % 2)}.get(a, 0),
    "bitwise_and": operator.and_, "bitwise_or": operator.or_, "bitwise_xor": operator.xor,
}  # fmt: skip
DIVIDING: Final = ("floor_divide", "remainder", "fmod")
# where rounding in one step more or less decides what comes out, or the argument must be reduced by hand
LIMITS: Final[dict[str, float]] = {"sin": 1e4, "cos": 1e4, "tan": 1e4, "gelu": 5.0}

ZEROS: Final = (-0.0, 0.0, -0.3, 0.3, -0.5, 0.5, 2.0, -2.0, 3.0, -3.0, math.inf, -math.inf)
POINTS: Final = (
    0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 10.0, 100.0, 0.1, 0.25, 0.75, 0.9999, 1.0001, 0.49999997, 1e-3, 1e-5,
    1e-8, 1e-20, 1e-30, 5.0, 7.0, 9.5, 11.0, 15.0, 20.5, 30.0, 50.0, 80.0, 88.5, 89.0, 104.0, 300.0, 1000.0,
    2049.0, 65519.0, 65536.0, 8388607.5, 8388609.0, 16777217.0, 2147483648.0, 3e9, 1e10, 1e19, 1e25, 3e38,
    math.pi, math.pi / 2, 100 * math.pi + 0.1,
)  # fmt: skip
WIDE: Final = tuple(
    n + d
    for n in (1 << 31, 1 << 32, 1 << 53, 1 << 62, -(1 << 31), -(1 << 32), -(1 << 53), -(1 << 62))
    for d in (-1, 0, 1, 2)
)
ALWAYS: Final = (dtypes.float32, dtypes.float64, dtypes.int64)
MOVES: Final = ("storage", "movement", "composition", "view_backward", "indexing", "selection")


def cases(device: str, depth: str) -> Iterator[Case]:
    floats = (*dtypes.FLOATS,)
    for name, function in {**UNARY, **BINARY, **COMPARED, **EXTREME}.items():
        op = OPS[name]
        for dtype in floats:
            name_of = f"S2/{name}/{dtype.name}"
            if name in UNARY or name in BINARY:
                yield Case(f"{name_of}/zeros", partial(_zeros, op, dtype, function), op.tier)
            yield Case(f"{name_of}/points", partial(_points, op, dtype, function), op.tier)
    for op in OPS.values():
        if _of_one_number(op):
            for dtype in floats:
                run = partial(_points, op, dtype, partial(_specified, op))
                yield Case(f"S2/{op.name}/{dtype.name}/points", run, op.tier)
    for name in ("eq", "ne", "lt", "le", "gt", "ge", "maximum", "minimum", "fmax", "fmin"):
        for dtype in dtypes.INTEGERS:
            function = {**COMPARED, **EXTREME}[name]
            run = partial(_pairs, OPS[name], dtype, function)
            yield Case(f"S2/{name}/{dtype.name}/pairs", run, OPS[name].tier)
    for name, whole in WHOLE.items():
        for dtype in dtypes.INTEGERS:
            run = partial(_whole, OPS[name], dtype, whole)
            yield Case(f"S2/{name}/{dtype.name}/pairs", run, OPS[name].tier)
    for dtype in dtypes.ALL:
        yield Case(f"S2/fill/{dtype.name}/bits", partial(_filled, dtype), OPS["fill"].tier)
    for name in (*WHOLE, "eq", "lt", "ge"):
        run = partial(_numbers, OPS[name])
        yield Case(f"S2/{name}/int64/numbers", run, OPS[name].tier, ("bool",) if name in COMPARED else ())
    for name in PRECISE:
        yield Case(f"S2/{name}/float64/numbers", partial(_precise, OPS[name]), OPS[name].tier)
    for op in OPS.values():
        items = [s for s in (op.samples() if op.samples is not None else ()) if any_tensor(s.args)]
        items = [s for s in items if s.note != "special values"]
        for dtype in dtypes.ALL:
            fitting = [s for s in items if dtype in dtypes_for(op, s.args)]
            if not fitting or op.name in OWN_DTYPE_ONLY:
                continue
            uses = tuple(sorted({name for s in fitting for name in dtypes_named(s.args)}))
            drawn = seed_of(op.name) % len(dtypes.ALL) == dtype.code % len(dtypes.ALL)
            if depth == "smoke" and not (drawn or dtype in ALWAYS):
                continue
            chosen = fitting if depth != "smoke" else fitting[:3]
            if _only_moves(op):
                yield Case(
                    f"S2/{op.name}/{dtype.name}/bits", partial(_bits, op, dtype, chosen), op.tier, uses
                )
            elif dtype in (*dtypes.INTEGERS, dtypes.float64) and is_wide(op, dtype):
                yield Case(
                    f"S2/{op.name}/{dtype.name}/wide", partial(_wide, op, dtype, chosen), op.tier, uses
                )


def _of_one_number(op: Op) -> bool:
    """Whether an elementwise function of one floating number has no formula in NumPy above: then the
    specification is asked, which computes in float64.
    """
    named = {**UNARY, **BINARY, **COMPARED, **EXTREME}
    tensors = [p for p in op.parameters if p.is_tensor]
    plain = op.elementwise and op.promotion != "bool" and op.dtypes in ("floating", "numeric", "all")
    alone = len(tensors) == 1 and all(p.default is not REQUIRED for p in op.parameters[1:])
    return plain and alone and op.name not in named and op.name not in UNFIT


def _specified(op: Op, x: Any) -> Any:
    """What the specification gives for an array, in float64."""
    (found,) = call(op.name, [placed(x, dtypes.float64, dense(1), reference.NAME)], reference.NAME)
    return found.cpu().numpy()


def _only_moves(op: Op) -> bool:
    """Whether every number of the result is one of an operand, unchanged, or a constant."""
    return op.family in MOVES and op.tolerance == "exact" and op.name not in ("cast", "iota", "searchsorted")


def is_wide(op: Op, dtype: DType) -> bool:
    """Whether an op is asked for wide numbers. Of what is composed of floating steps after a conversion the
    specification itself rounds in between; steps and derivatives depend on the order of work there.
    """
    composed = op.promotion == "float" and op.tier == 4 and not dtype.is_floating_point
    ordered = dtype.is_floating_point and op.name in PRODUCTS  # order decides what overflows
    return not (composed or ordered or op.name in UNFIT or op.name.endswith(("_step", "_backward")))


PRODUCTS: Final = ("prod", "cumprod")
# ops whose operands have ranges of their own
UNFIT: Final = frozenset(("bernoulli", "one_hot", "float8_decode", "unpack_int4", "nll_loss_forward"))


def _grid(points: tuple[float, ...], dtype: DType, flush: bool, binary: bool) -> list[Any]:
    """Numbers, or all pairs of them, as arrays that are exact in the dtype."""
    import tensorplug as tp

    ends = (tolerance.largest(dtype.name), float(dtype.smallest_normal), float(dtype.smallest_normal) / 4)
    numbers = [*points, *ends[: 2 if flush else 3]]
    numbers = [*numbers, *(-n for n in numbers if n > 0), math.nan, math.inf, -math.inf, 0.0, -0.0]
    rounded = tp.tensor(numbers, dtype=tp.float64).to(dtype).to(tp.float64).numpy()
    rounded = rounded[np.isfinite(rounded) | ~np.isfinite(np.array(numbers))]
    if flush:
        rounded = rounded[
            (np.abs(rounded) >= float(dtype.smallest_normal)) | (rounded == 0) | np.isnan(rounded)
        ]
    if not binary:
        return [rounded]
    a, b = np.meshgrid(rounded, rounded)
    return [np.ascontiguousarray(a).reshape(-1), np.ascontiguousarray(b).reshape(-1)]


def _zeros(op: Op, dtype: DType, function: Function, device: str) -> Result:
    """Zeros have the sign that IEEE 754 gives them, and what divides by them an infinity of that sign."""
    arrays = _grid(ZEROS, dtype, True, op.name in BINARY)

    def compare(got: list[Any], args: list[Any]) -> str:
        with np.errstate(all="ignore"):
            exact = function(*arrays)
        zero = (exact == 0) & (got[0] == 0)
        wrong = zero & (np.signbit(exact) != np.signbit(got[0]))
        if op.name in UNSIGNED:
            wrong[:] = False
        wrong |= np.isinf(exact) & (got[0] != exact) | (np.isnan(exact) != np.isnan(got[0]))
        wrong |= (exact == 0) & (got[0] != 0)
        return _place(wrong, arrays, got[0], exact)

    return asked(op, lambda where: [placed(a, dtype, dense(1), where) for a in arrays], device, compare)


def _points(op: Op, dtype: DType, function: Function, device: str) -> Result:
    """Values at which formulas for parts of the range go wrong, against NumPy in float64."""
    flush = flushes(device) or dtype is dtypes.bfloat16
    unary = op.name in UNARY or op.name in ("logical_not", "isnan", "isinf", "isfinite", "signbit")
    unary = unary or _of_one_number(op)
    points = (
        POINTS if op.name not in ("pow", "fmod", "floor_divide") else (0.5, 1.0, 1.5, 2.0, 3.0, 7.0, 20.0)
    )
    arrays = _grid(points, dtype, flush, not unary)
    limit = LIMITS.get(op.name, math.inf)
    arrays = [a[(np.abs(arrays[0]) <= limit) | ~np.isfinite(arrays[0])] for a in arrays]

    def compare(got: list[Any], args: list[Any]) -> str:
        with np.errstate(all="ignore"):
            exact = function(*arrays)
        if exact.dtype == np.bool_:
            return _place(got[0] != exact, arrays, got[0], exact)
        if op.tier == 4:  # made of steps, whose units are those of normal numbers; one may be flushed
            least = float(dtype.smallest_normal) * (128 if flush else 1)
            small = (np.abs(exact) < least) & (np.abs(got[0]) <= least)
            exact = np.where(small, got[0], exact)
        found = tolerance.compared(op, dtype.name, got[0], exact, arrays, flush)
        return found.message if not found.message else _first(found.message, arrays)

    return asked(op, lambda where: [placed(a, dtype, dense(1), where) for a in arrays], device, compare)


def _pairs(op: Op, dtype: DType, function: Function, device: str) -> Result:
    """All pairs of whole numbers at the ends of the range and on both sides of 2^31 and 2^53."""
    numbers = np.array(pool_of(dtype, True), np.dtype(dtype.numpy_name))
    a, b = (np.ascontiguousarray(x).reshape(-1) for x in np.meshgrid(numbers, numbers))
    exact = function(a, b)

    def compare(got: list[Any], args: list[Any]) -> str:
        return _place(got[0] != exact, [a, b], got[0], exact)

    return asked(op, lambda where: [placed(x, dtype, dense(1), where) for x in (a, b)], device, compare)


def _whole(op: Op, dtype: DType, function: Callable[[int, int], int], device: str) -> Result:
    """All pairs of small whole numbers, of both signs, and the ends of the range, by Python's own numbers."""
    low, high = int(dtype.min), int(dtype.max)
    ends = (low, low + 1, high - 1, high)
    numbers = dict.fromkeys(n for n in (0, 1, 2, 3, 7, 10, 63, -1, -2, -3, -7, -10, *ends) if n >= low)
    pairs = [(a, b) for a in numbers for b in numbers]
    if op.name in DIVIDING:  # by zero raises, and the least by -1 has a suite of its own
        pairs = [(a, b) for a, b in pairs if b and (a, b) != (low, -1)]
    return whole(op, dtype, function, pairs, device)


def whole(
    op: Op, dtype: DType, function: Callable[[int, int], int], pairs: list[tuple[int, int]], device: str
) -> Result:
    """Pairs of whole numbers, by Python's own; what is beyond the dtype's range wraps around."""
    low, high = int(dtype.min), int(dtype.max)
    span = high - low + 1
    exact = np.array([(function(a, b) - low) % span + low for a, b in pairs], np.dtype(dtype.numpy_name))
    arrays = [np.array(side, exact.dtype) for side in zip(*pairs, strict=True)]

    def compare(got: list[Any], args: list[Any]) -> str:
        return _place(got[0] != exact, arrays, got[0], exact)

    return asked(op, lambda where: [placed(a, dtype, dense(1), where) for a in arrays], device, compare)


def _filled(dtype: DType, device: str) -> Result:
    """Memory is filled with every kind of number as it is: both ends, NaN, -0.0, whole ones beyond 2^53."""

    def one(number: Any) -> Result:
        due = numbers_in(placed(np.array([number] * 5), dtype, dense(1), "cpu"))

        def compare(got: list[Any], args: list[Any]) -> str:
            return differs(got[0], due)

        return asked(OPS["fill"], lambda where: [(5,), number, dtype], device, compare)

    return worst((repr(number), one(number)) for number in pool_of(dtype, flushes(device)))


def _numbers(op: Op, device: str) -> Result:
    """Numbers among the operands, beyond 2^31 and 2^53 too, count as whole tensors of them do."""
    x = np.array([n for n in pool_of(dtypes.int64, True) if n not in (0, -1)] * 2, np.int64)

    def one(number: int, place: int) -> Result:
        def operands_of(other: Any, where: str) -> list[Any]:
            tensor = placed(x, dtypes.int64, dense(1), where)
            return [tensor, other] if place else [other, tensor]

        full = placed(np.full_like(x, number), dtypes.int64, dense(1), reference.NAME)
        (due,) = (numbers_in(t) for t in call(op.name, operands_of(full, reference.NAME), reference.NAME))

        def compare(got: list[Any], args: list[Any]) -> str:
            return differs(got[0], due)

        return asked(op, lambda where: operands_of(number, where), device, compare)

    wide = (3, -7, (1 << 31) + 1, -(1 << 32) - 1, (1 << 53) + 1, int(dtypes.int64.max), int(dtypes.int64.min))
    return worst(
        (f"{n} in place {place}", one(n, place))
        for n in wide
        for place in (1, 0)
        if place or (op.name in WHOLE and op.parameters[0].name not in op.no_numbers)
    )


# numbers that no float32 is, as operands beside float64
PRECISE: Final = ("add", "sub", "mul", "div", "pow", "eq", "lt", "ge", "where", "clamp", "fmod", "atan2")
FRACTIONS: Final = (0.1, -1 / 3, 16_777_217.0, 1e300, 1e-300)


def _precise(op: Op, device: str) -> Result:
    """A Python float keeps all its digits beside a tensor of float64."""

    def one(number: float) -> Result:
        x = np.array([number, 0.7, -2.5, math.nextafter(number, 9e99), math.nextafter(number, -9e99), 3.0])
        x = np.abs(x) if op.name == "pow" else x

        def make(where: str, widen: bool) -> list[Any]:
            t = placed(x, dtypes.float64, dense(1), where)
            if op.name == "where":
                return [placed(x > 0, dtypes.bool_, dense(1), where), t, number]
            return [t, number, 1e301] if op.name == "clamp" else [t, number]

        return judge(op, dtypes.float64, make, device)

    return worst((repr(n), one(n)) for n in FRACTIONS if op.name != "pow" or abs(n) < 1)


def _first(message: str, arrays: list[Any]) -> str:
    """The message with the operands at the element that it names."""
    if not message.startswith("element "):
        return message
    at = int(message.split()[1].rstrip(":"))
    return f"of {', '.join(repr(float(a[at])) for a in arrays)}: {message}"


def _place(wrong: Any, arrays: list[Any], got: Any, exact: Any) -> str:
    """Nothing, or the first place where it is wrong, with operands and both results."""
    if not wrong.any():
        return ""
    at = int(np.flatnonzero(wrong)[0])
    operands = ", ".join(repr(a.reshape(-1)[at].item()) for a in arrays)
    return (
        f"element {at}: of {operands} comes {got.reshape(-1)[at].item()!r}, "
        f"not {exact.reshape(-1)[at].item()!r}; {int(wrong.sum())} of {wrong.size} are wrong"
    )


def pool_of(dtype: DType, flush: bool) -> tuple[Any, ...]:
    """Every kind of value that a dtype has."""
    if dtype is dtypes.bool_:
        return (False, True)
    if not dtype.is_floating_point:
        low, high = int(dtype.min), int(dtype.max)
        near = [n for n in WIDE if low <= n <= high]
        return (low, high, low + 1, high - 1, 0, 1, 100, *((-1, -100) if dtype.is_signed else ()), *near)
    top, small = tolerance.largest(dtype.name), float(dtype.smallest_normal)
    eps = tolerance.PRECISION[dtype.name][0]
    ends = (top, -top, small, *(() if flush else (small / 2, -small / 4)))
    return (math.nan, math.inf, -math.inf, -0.0, 0.0, 1.0, -1.0, 1 + eps, -1 - eps, 0.3, 2.0, *ends)


def _valued(op: Op, dtype: DType, item: Sample, key: str, pool: Callable[[random.Random, Input], Any]) -> Any:
    """A function that makes a sample's arguments, with other numbers where the sample leaves them open."""

    def make(where: str, widen: bool) -> list[Any]:
        draw = random.Random(seed_of(key))

        def convert(arg: Any, place: int) -> Any:
            if isinstance(arg, list):
                return [convert(a, place + 100 * (i + 1)) for i, a in enumerate(arg)]
            if not isinstance(arg, Input):
                return arg
            if arg.dtype is not None or arg.values is not None:
                chosen = dtypes.dtype_named(arg.dtype) if arg.dtype else dtype
                array = array_of(arg, chosen, seed_of(key) + place)
            else:
                plain = np.float64 if dtype.is_floating_point else np.dtype(dtype.numpy_name)
                count = int(np.prod(arg.shape, dtype=np.int64))
                chosen, array = (
                    dtype,
                    np.array([pool(draw, arg) for _ in range(count)], plain).reshape(arg.shape),
                )
            return placed(array, chosen, dense(len(arg.shape)), where, widen)

        found = [convert(arg, i) for i, arg in enumerate(item.args)]
        return wide_attributes(op, dtype, found, draw)

    return make


def wide_attributes(op: Op, dtype: DType, args: list[Any], draw: random.Random) -> list[Any]:
    """The arguments; attributes of an elementwise op on wide integers that are numbers are wide ones too;
    bounds are ends of the range, so that something is between them.
    """
    if not op.elementwise or op.name in SECOND or dtype not in (dtypes.int32, dtypes.int64):
        return args
    kinds = zip(op.parameters, args, strict=False)
    places = [i for i, (p, arg) in enumerate(kinds) if p.kind.startswith("Scalar") and arg is not None]
    pool = sorted(pool_of(dtype, True))
    ends = (pool[:4], pool[-4:]) if len(places) == 2 else (pool,) * len(places)
    for place, numbers in zip(places, ends, strict=True):
        args[place] = draw.choice(numbers)
    return args


def _bits(op: Op, dtype: DType, items: list[Sample], device: str) -> Result:
    """What only moves numbers moves all of them as they are: NaN, signs of zero, both ends of the range."""
    values = pool_of(dtype, flushes(device))

    def one(number: int, item: Sample) -> Result:
        make = _valued(op, dtype, item, f"{op.name} bits {number}", lambda draw, arg: draw.choice(values))
        return bits(op, lambda where: make(where, False), device)

    return worst((f"sample {i}, {arguments(s.args)}", one(i, s)) for i, s in enumerate(items))


def _wide(op: Op, dtype: DType, items: list[Sample], device: str) -> Result:
    """Whole numbers at the ends of the range and on both sides of 2^31 and 2^53; float64 beyond float32."""
    pool = pool_of(dtype, True)
    second = SECOND.get(op.name)

    def number(draw: random.Random, arg: Input) -> Any:
        if dtype.is_floating_point:
            return draw.uniform(max(arg.low, -4.0), arg.high) * 10.0 ** draw.choice((-50, -45, 0, 45, 50))
        return draw.choice(pool)

    def one(turn: int, item: Sample) -> Result:
        make = _valued(op, dtype, item, f"{op.name} wide {turn}", number)
        if second is None:
            return judge(op, dtype, make, device)

        def limited(where: str, widen: bool) -> list[Any]:
            args = make(where, widen)
            if isinstance(item.args[1], Input):
                shape = item.args[1].shape
                plain = np.float64 if dtype.is_floating_point else np.dtype(dtype.numpy_name)
                chosen = [n for n in second if n >= 0 or dtype.is_signed]
                array = np.resize(np.array(chosen, plain), shape)
                args[1] = placed(array, dtype, dense(len(shape)), where, widen)
            return args

        return judge(op, dtype, limited, device)

    def narrowed(item: Sample) -> bool:  # where it is converted first, infinities may meet
        return any(isinstance(a, DType) and a.is_floating_point and a is not dtype for a in item.args)

    asked = [(i, s) for i, s in enumerate(items) if not (dtype.is_floating_point and narrowed(s))]
    return worst((f"sample {i}, {arguments(s.args)}", one(i, s)) for i, s in asked)


# second operands that do not raise, or that give more than an overflow
SECOND: Final[dict[str, tuple[int, ...]]] = {
    "floor_divide": (7, -3, 100, 1, -7, 2), "remainder": (7, -3, 100, 1, -7, 2),
    "fmod": (7, -3, 100, 1, -7, 2),
    "bitwise_left_shift": (1, 0, 7, 31, 33, 63, 8), "bitwise_right_shift": (1, 0, 7, 31, 33, 63, 8),
    "pow": (2, 3, -1, 0, -2, -3, 1, 7),
}  # fmt: skip
