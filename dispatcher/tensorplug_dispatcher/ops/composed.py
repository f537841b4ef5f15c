"""What the elementwise families derive from an op's expression: decomposition and samples.

Tolerance classes are named after the rows of the conformance table (``exact``, ``add``, ``div``, ``sqrt``,
``rsqrt``, ``exp``, ``log``, ``log1p``, ``sin``, ``tan``, ``tanh``, ``erf``, ``pow``); ``usable`` is its
looser grade.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from functools import cache, wraps
from typing import Any

from .. import dtypes
from .. import expr as e
from ..dtypes import DType
from ..kinds import told_apart
from ..op import ErrorCase, Input, Op, Parameter, Sample, parse_schema
from ..promotion import compute_dtype
from ..tensor import TensorBase
from . import F
from .common import wide_dtype, widen

_NUMBER = (int, float)
_OP_NAMES = {
    "not_": "bitwise_not",
    "and_": "bitwise_and",
    "or_": "bitwise_or",
    "xor": "bitwise_xor",
    "shift_left": "bitwise_left_shift",
    "shift_right": "bitwise_right_shift",
}
EDGES = (0.0, -0.0, 1.0, -1.0, 0.5, -2.5, float("inf"), float("-inf"), float("nan"), 1e-40, -1e-40, 3e38)
INTEGER_EDGES = (0, 1, -1, 2**31 - 1, -(2**31), 7, -7, 2)


def evaluate(root: e.Expr, values: Mapping[str, Any], element: DType) -> Any:
    """Evaluate an expression on tensors (and numbers) through the ops, in the dtype ``element``.

    float16 and bfloat16 compute in float32 and are rounded once.
    """
    wide = dtypes.float32 if element in (dtypes.float16, dtypes.bfloat16) else element
    values = {
        k: v if isinstance(v, _NUMBER) or k == "condition" or v.dtype is wide else F.cast(v, wide)
        for k, v in values.items()
    }

    def apply(op: str, operands: tuple[Any, ...], value: Any) -> Any:
        if op == "cast":
            return F.cast(operands[0], value)
        if all(isinstance(operand, _NUMBER) for operand in operands):
            return e.fold(op, operands)  # step sizes and such, which fused ops take as numbers
        if op == "where" and wide.is_floating_point and all(isinstance(n, _NUMBER) for n in operands[1:]):
            condition, chosen, other = operands  # of two numbers the default dtype would be made
            if not isinstance(chosen, bool):
                chosen = F.fill((), float(chosen), wide, device=condition.device)
            operands = (condition, chosen, other)
        return getattr(F, _OP_NAMES.get(op, op)).call(operands)  # where no number may stand, too

    result = e.evaluate(root, values, apply)
    return F.cast(result, element) if wide is not element and result.dtype is wide else result


def on_tensors(formula: Callable[..., Any]) -> Callable[..., Any]:
    """A derivative whose formula joins operands with each other: where a call gave numbers for them, it gets
    0-d tensors, since an op needs one tensor to know where it runs, and operands of another dtype than the
    result's come cast to that, as the op itself took them.
    """

    @wraps(formula)
    def formula_of_tensors(grad: Any, *operands: Any) -> Any:
        given = []
        for x in operands:
            if isinstance(x, _NUMBER):
                x = F.fill((), float(x), wide_dtype(grad.dtype), device=grad.device)
            elif x.dtype is not grad.dtype:
                x = F.cast(x, grad.dtype)
            given.append(x)
        return formula(grad, *given)

    return formula_of_tensors


def rounding_once(formula: Callable[..., Any]) -> Callable[..., Any]:
    """A derivative of several steps: float16 and bfloat16 are computed in float32 and rounded at the end, as
    in PyTorch's kernels for it.
    """

    @wraps(formula)
    def formula_in_float32(grad: Any, *operands: Any) -> Any:
        dtype = grad.dtype
        if wide_dtype(dtype) is dtype:
            return formula(grad, *operands)
        given = [widen(x) if isinstance(x, TensorBase) else x for x in (grad, *operands)]
        return F.cast(formula(*given), dtype)

    return formula_in_float32


def _is_static(p: Parameter) -> bool:
    return not (p.is_tensor or p.is_dynamic)


def decomposition(
    expr: Callable[..., Any], parameters: tuple[Parameter, ...], promotion: str
) -> Callable[..., Any]:
    """The op as a composition of ops with primitive expressions."""

    @cache
    def traced(
        static: tuple[Any, ...], apart: tuple[Any, ...]
    ) -> tuple[e.Expr, ...]:  # static ones alone would be equal for 1 and 1.0, and for both zeros
        values = iter(static)
        result = expr(
            *(
                e.arg(p.name) if p.is_tensor else e.param(p.name) if p.is_dynamic else next(values)
                for p in parameters
            )
        )
        return tuple(
            e.expand_intrinsics(e.as_expr(r)) for r in (result if isinstance(result, tuple) else (result,))
        )

    def decompose(*args: Any) -> Any:
        bound = list(zip(args, parameters, strict=True))
        element = compute_dtype(
            promotion,
            [
                a if isinstance(a, _NUMBER) else a.layout
                for a, p in bound
                if p.is_tensor and p.name != "condition"
            ],
        )
        static = tuple(
            int(a) if isinstance(a, float) and a.is_integer() and not element.is_floating_point else a
            for a, p in bound
            if _is_static(p)
        )
        values = {p.name: a for a, p in bound if not _is_static(p)}
        results = tuple(
            in_dtype(evaluate(root, values, element), dtypes.bool_ if promotion == "bool" else element)
            for root in traced(static, tuple(map(told_apart, static)))
        )
        return results if len(results) > 1 else results[0]

    return decompose


def in_dtype(result: Any, dtype: DType) -> Any:
    """A choice between constants (``sign``) has the dtype of Python's numbers until it is told better."""
    return result if not isinstance(result, TensorBase) or result.dtype is dtype else F.cast(result, dtype)


def zeros_like(x: Any) -> Any:
    """Zeros of x's shape, dtype and device, whatever values x has (0 * inf would be NaN)."""
    return F.cast(F.lt(x, x), x.dtype)


def _samples(
    tensors: int, low: float, high: float, floating: bool, extra: tuple[Any, ...], exchanged: bool
) -> list[Sample]:
    """The calls of an elementwise op; whether its two numbers may be ``exchanged``, as bounds that cross."""

    def call(*inputs: Input, note: str = "") -> Sample:
        return Sample((*inputs, *extra), note)

    def same(note: str = "", **settings: Any) -> Sample:
        shape = settings.pop("shape", (3, 5))
        return call(*(Input(shape, low, high, **settings) for _ in range(tensors)), note=note)

    found = [
        same(),
        same("0-d", shape=()),
        same("empty", shape=(0, 3)),
        same("long", shape=(2, 1031)),
        same("transposed", layout="transposed"),
        same("sliced", layout="sliced"),
        same("expanded", layout="expanded"),
        same("offset", layout="offset"),
    ]
    if tensors > 1:
        shapes = ((4, 1, 3), (2, 1), (1, 3))
        found.append(call(*(Input(shapes[i % 3], low, high) for i in range(tensors)), note="broadcast"))
    values: tuple[float, ...] = EDGES if floating else INTEGER_EDGES
    if floating and tensors > 2:
        values = tuple(v for v in values if abs(v) != 3e38)  # sums and products on the way would overflow
    n = len(values)
    pairs = n ** min(tensors, 2)
    edge = [tuple(values[i // n ** (k % 2) % n] for i in range(pairs)) for k in range(tensors)]
    found.append(
        call(
            *(Input((pairs,), dtype="float32" if floating else "int32", values=v) for v in edge),
            note="special values",
        )
    )
    for i, value in enumerate(extra):  # a bound that is NaN must not be one that is never reached
        if floating and isinstance(value, _NUMBER):
            changed = (*extra[:i], math.nan, *extra[i + 1 :])
            inputs = (Input((n,), dtype="float32", values=values) for _ in range(tensors))
            found.append(Sample((*inputs, *changed), f"attribute {i} NaN"))
    if exchanged and len(extra) == 2 and all(isinstance(value, _NUMBER) for value in extra):
        same_numbers = Input((n,), dtype="float32" if floating else "int32", values=values)
        found.append(Sample((*[same_numbers] * tensors, *extra[::-1]), "attributes exchanged"))
    return found


def mismatch() -> Iterable[ErrorCase]:
    return (ErrorCase((Input((2, 3)), Input((4,))), "ShapeError", "must match"),)


def elementwise(
    schema: str,
    tier: int,
    expr: Callable[..., Any],
    vjp: Any = None,
    *,
    doc: str,
    promotion: str = "promote",
    dtypes: str = "all",
    tolerance: str = "exact",
    autocast: str = "promote",
    domain: tuple[float, float] = (-4.0, 4.0),
    attributes: tuple[Any, ...] | None = None,
    samples: Callable[[], Iterable[Sample]] | None = None,
    infer: Callable[..., None] | None = None,
    no_numbers: tuple[str, ...] = (),
    out_dtype: str = "",
    wide_numbers: tuple[str, ...] = (),
    **seen: str | None,
) -> Op:
    """An elementwise op; ``domain`` bounds the samples' values, ``infer`` may refuse operands;
    ``seen`` are the columns ``public`` and ``also``.

    Tier 4 ops get the decomposition that follows from their expression.
    """
    _, parameters, _ = parse_schema(schema)
    tensors = sum(p.is_tensor for p in parameters)
    extra = attributes if attributes is not None else tuple(p.default for p in parameters if not p.is_tensor)
    floating = dtypes in ("all", "floating", "numeric")
    exchanged = infer is None and tolerance == "exact"
    return Op(
        schema,
        tier,
        family="elementwise",
        dtypes=dtypes,
        promotion=promotion,
        expr=expr,
        decompose=decomposition(expr, parameters, promotion) if tier == 4 else None,
        vjp=vjp,
        autocast=autocast,
        tolerance=tolerance,
        samples=samples or (lambda: _samples(tensors, *domain, floating, extra, exchanged)),
        infer=infer,
        no_numbers=no_numbers,
        out_dtype=out_dtype,
        wide_numbers=wide_numbers,
        errors=mismatch if tensors == 2 and not extra else None,
        doc=doc,
        **seen,  # type: ignore[arg-type]
    )
