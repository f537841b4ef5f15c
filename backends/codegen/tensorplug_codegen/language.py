"""A target language as a record: types, literals, and how each operation of an expression is written."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from tensorplug_dispatcher.dtypes import DType


@dataclass(frozen=True, slots=True)
class Language:
    """``operations`` maps a dtype class (``float32``, ``float64``, ``integer``, ``bool``)
    to templates by operation.

    A template has ``{0} {1} {2}`` for operands, ``{T}`` for the element type and ``{D}`` for the dtype's
    name. An intrinsic with no template is replaced by its fallback. ``fallible`` operations may fail for an
    operand: they have a guard (template, true where it fails) and the error code that the kernel then
    returns.
    """

    name: str
    types: Mapping[str, str]
    operations: Mapping[str, Mapping[str, str]]
    literal: Callable[[float, DType], str]
    fallible: Mapping[str, tuple[str, int]] = field(default_factory=dict)
    # operations with a fast form for moderate operands only: name -> (template: operand is moderate, suffix
    # that the general form's function has)
    moderate: Mapping[str, Mapping[str, tuple[str, str]]] = field(default_factory=dict)
    truth: str = "_Bool"  # the type of truth values

    def templates(self, dtype: DType) -> Mapping[str, str]:
        return self.operations[dtype_class(dtype)]


def dtype_class(dtype: DType) -> str:
    return dtype.name if dtype.is_floating_point or dtype.name == "bool" else "integer"


def c_literal(value: float, dtype: DType) -> str:
    """A number as C source of this dtype, exactly."""
    if isinstance(value, bool) or not dtype.is_floating_point:
        if isinstance(value, float) and not value.is_integer():
            raise ValueError(
                f"the constant {value} has no {dtype.name} value; mark the op as floating in the table"
            )
        text = str(int(value))
        return f"{text}LL" if dtype.name == "int64" else text
    suffix = "f" if dtype.itemsize == 4 else ""
    if math.isnan(value):
        return f'__builtin_nan{suffix}("")'
    if math.isinf(value):
        return f"{'-' if value < 0 else ''}__builtin_inf{suffix}()"
    return f"{float(value).hex()}{suffix}"


C_TYPES = {
    "bool": "uint8_t",
    "uint8": "uint8_t",
    "int8": "int8_t",
    "int16": "int16_t",
    "int32": "int32_t",
    "int64": "int64_t",
    "float32": "float",
    "float64": "double",
}
_LOGIC = {
    "eq": "{0} == {1}",
    "ne": "{0} != {1}",
    "lt": "{0} < {1}",
    "le": "{0} <= {1}",
    "where": "{0} ? {1} : {2}",
}
_BITS = {"and_": "{0} & {1}", "or_": "{0} | {1}", "xor": "{0} ^ {1}"}
_ARITHMETIC = {**_LOGIC, "neg": "-{0}", "add": "{0} + {1}", "sub": "{0} - {1}", "mul": "{0} * {1}"}
_FLOATING = {
    **_ARITHMETIC,
    "div": "{0} / {1}",
    "maximum": "({0} > {1}) | ({0} != {0}) ? {0} : {1}",
    "minimum": "({0} < {1}) | ({0} != {0}) ? {0} : {1}",
    "isnan": "{0} != {0}",
    **{
        op: f"tpm_{op}_{{D}}({{0}})"
        for op in (
            "exp",
            "log",
            "sin",
            "cos",
            "tan",
            "tanh",
            "erf",
            "erfc",
            "normal_cdf",
            "log1p",
            "expm1",
            "log2",
            "log10",
            "exp2",
            "sinh",
            "cosh",
            "asin",
            "acos",
            "atan",
            "asinh",
            "acosh",
            "atanh",
            "signbit",
        )
    },
    **{
        op: f"tpm_{op}_{{D}}({{0}}, {{1}})"
        for op in ("pow", "atan2", "remainder", "floor_divide", "fmod", "hypot", "copysign")
    },
}
NO_NATIVE_SINGLE = (
    "asin",
    "acos",
    "atan",
    "asinh",
    "acosh",
    "atanh",
)  # the fallbacks are as good, and vectorize
_FLOAT32 = {op: text for op, text in _FLOATING.items() if op not in NO_NATIVE_SINGLE}

MODERATE = {"float32": dict.fromkeys(("sin", "cos", "tan"), ("fabsf({0}) < 1e6f", "_any"))}

C = Language(
    "c",
    types=C_TYPES,
    operations={
        "float32": {
            **_FLOAT32,
            "abs": "fabsf({0})",
            "sqrt": "sqrtf({0})",
            "floor": "floorf({0})",
            "ceil": "ceilf({0})",
            "trunc": "truncf({0})",
            "round": "rintf({0})",
            "isinf": "fabsf({0}) == __builtin_inff()",
            "isfinite": "fabsf({0}) < __builtin_inff()",
        },
        "float64": {
            **_FLOATING,
            "abs": "fabs({0})",
            "sqrt": "sqrt({0})",
            "floor": "floor({0})",
            "ceil": "ceil({0})",
            "trunc": "trunc({0})",
            "round": "rint({0})",
            "isinf": "fabs({0}) == __builtin_inf()",
            "isfinite": "fabs({0}) < __builtin_inf()",
        },
        "integer": {
            **_ARITHMETIC,
            **_BITS,
            "not_": "~{0}",
            "abs": "{0} < 0 ? -{0} : {0}",
            "floor": "{0}",
            "ceil": "{0}",
            "trunc": "{0}",
            "round": "{0}",
            "maximum": "{0} > {1} ? {0} : {1}",
            "minimum": "{0} < {1} ? {0} : {1}",
            "isnan": "0 & {0}",
            "isinf": "0 & {0}",
            "isfinite": "1 | {0}",
            "signbit": "{0} < 0",
            **{
                op: f"tpm_{op}_{{D}}({{0}}, {{1}})"
                for op in ("pow", "remainder", "floor_divide", "fmod", "shift_left", "shift_right")
            },
        },
        "bool": {
            **_LOGIC,
            **_BITS,
            "not_": "!{0}",
            "add": "{0} | {1}",
            "mul": "{0} & {1}",
            "maximum": "{0} | {1}",
            "minimum": "{0} & {1}",
            "isnan": "0 & {0}",
            "isinf": "0 & {0}",
            "isfinite": "1 | {0}",
            "signbit": "0 & {0}",
        },
    },
    literal=c_literal,
    fallible=dict.fromkeys(("remainder", "floor_divide", "fmod"), ("{1} == 0", 3)),
    moderate=MODERATE,
)
