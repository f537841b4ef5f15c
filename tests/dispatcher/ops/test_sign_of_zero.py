"""The sign of zero, of every elementwise op of one and two tensors, on each device.

A comparison by value takes -0.0 for 0.0, so that this has to be asked for. The reference is mathematics: an
odd function keeps the sign of its zero, a product, quotient or remainder has the sign that IEEE 754 says.
"""

from __future__ import annotations

import math
from typing import Any

import pytest

import tensorplug as tp
from tensorplug_dispatcher.ops import OPS, F

# f(-0.0) == -0.0 and f(0.0) == 0.0
ODD = (
    *(
        "asin",
        "asinh",
        "atan",
        "atanh",
        "ceil",
        "deg2rad",
        "erf",
        "expm1",
        "floor",
        "log1p",
        "rad2deg",
        "round",
    ),
    *("sin", "sinh", "sqrt", "tan", "tanh", "trunc", "elu", "gelu", "silu", "mish", "leaky_relu", "hardtanh"),
    "round",
)
# what makes a zero of one sign out of both, or no zero at all
NOT_ODD = (
    *("abs", "acos", "acosh", "cos", "cosh", "erfc", "exp", "exp2", "frac", "hardsigmoid"),
    *("hardswish", "isfinite", "isinf", "isnan", "log", "log10", "log2", "logical_not", "neg", "reciprocal"),
    *("relu", "relu6", "rsqrt", "sigmoid", "sign", "signbit", "softplus", "square", "clamp"),
)
SIZES = (1, 5, 1000)
NUMBERS = (-0.0, 0.0, -0.3, 0.3, 1.0, -1.0, 2.0, -3.0, math.inf, -math.inf)


def devices() -> list[str]:
    return [n for n in ("cpu", "mirror:0", "opencl:0", "cuda:0") if tp.devices.available(n.partition(":")[0])]


def unary() -> list[str]:
    return [
        name
        for name, op in OPS.items()
        if op.elementwise
        and op.dtypes in ("all", "floating", "numeric")
        and sum(p.is_tensor for p in op.parameters) == 1
        and not name.endswith("_step")
    ]


def sign(x: float) -> float:
    return math.copysign(1.0, x) if x == 0 else math.nan if math.isnan(x) else x


def test_every_op_is_sorted() -> None:
    assert sorted({*ODD, *NOT_ODD} ^ set(unary())) == []


@pytest.mark.parametrize("device", devices())
@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "bfloat16"])
@pytest.mark.parametrize("name", ODD)
def test_odd_functions(name: str, dtype: str, device: str) -> None:
    for size in SIZES:
        for among in (0.0, 1e7):  # beside a large number some functions are computed another way
            x = tp.tensor([-0.0, 0.0] * size + [among], dtype=tp.float32).to(device, getattr(tp, dtype))
            got = [math.copysign(1.0, v) for v in getattr(F, name)(x).tolist()[:-1]]
            assert got == [-1.0, 1.0] * size, f"{name} of {size} pairs of zeros, {dtype} on {device}"


def quotient(a: float, b: float) -> float:
    if b:
        return a / b
    return math.nan if a == 0 or math.isnan(a) else math.copysign(math.inf, a) * math.copysign(1.0, b)


def remainder(a: float, b: float) -> float:
    if b == 0 or math.isinf(a):
        return math.nan
    left = math.fmod(a, b)
    return left + b if left and (left < 0) != (b < 0) else left


BINARY: dict[str, Any] = {
    "mul": lambda a, b: a * b,
    "div": quotient,
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "fmod": lambda a, b: math.nan if b == 0 or math.isinf(a) else math.fmod(a, b),
    "remainder": remainder,
    "atan2": math.atan2,
    "copysign": math.copysign,
    "xlogy": lambda a, b: 0.0 if a == 0 else math.nan,
}


@pytest.mark.parametrize("device", devices())
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", BINARY)
def test_binary_functions(name: str, dtype: str, device: str) -> None:
    pairs = [(a, b) for a in NUMBERS for b in NUMBERS] * 3
    x, y = (tp.tensor(list(c), dtype=getattr(tp, dtype), device=device) for c in zip(*pairs, strict=True))
    got = getattr(F, name)(x, y).tolist()
    wanted = [BINARY[name](a, b) for a, b in pairs]
    wrong = [
        (pair, g, w)
        for pair, g, w in zip(pairs, got, wanted, strict=True)
        if w == 0 and (g != 0 or sign(g) != sign(w))
    ]
    assert wrong == [], f"{name}, {dtype} on {device}: (operands), result, what it should be"
