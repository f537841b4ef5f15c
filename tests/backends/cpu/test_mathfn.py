"""Accuracy of the vectorized functions, in units in the last place, over the whole range of float32."""

from __future__ import annotations

import math
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from launch import launch  # noqa: E402

pytestmark = pytest.mark.oracle

ROOT_HALF = math.sqrt(0.5)
REFERENCES = {
    "gelu": lambda x: x * 0.5 * torch.special.erfc(-x * ROOT_HALF),
    "silu": lambda x: x * torch.sigmoid(x),
    "erfc": torch.special.erfc,
}
# allowed units, and where the function is looked at (|x| within)
LIMITS: dict[str, tuple[float, float]] = {
    "exp": (1.0, math.inf),
    "log": (1.0, math.inf),
    "sqrt": (0.5, math.inf),
    "sin": (1.6, math.inf),
    "cos": (1.6, math.inf),
    "tan": (3.5, math.inf),
    "tanh": (2.5, math.inf),
    "erf": (1.5, math.inf),
    "log1p": (1.5, math.inf),
    "expm1": (1.6, math.inf),
    "exp2": (1.2, math.inf),
    "log2": (1.0, math.inf),
    "log10": (1.0, math.inf),
    "rsqrt": (1.6, math.inf),
    "reciprocal": (0.5, math.inf),
    "sinh": (2.5, math.inf),
    "cosh": (1.6, math.inf),
    "asin": (2.5, math.inf),
    "acos": (2.0, math.inf),
    "atan": (1.6, math.inf),
    "asinh": (2.0, math.inf),
    "acosh": (2.5, math.inf),
    "atanh": (2.5, math.inf),
    "sigmoid": (2.5, math.inf),
    "erfc": (6.0, math.inf),
    "gelu": (9.0, math.inf),
    "silu": (4.0, 87.0),
}


def ulps(result: Any, exact: Any) -> Any:
    """The distance in units of float32 at the exact value; 0 where both round to the same or are NaN."""
    exact = exact.double()
    same = (exact.float() == result) | (exact.isnan() & result.isnan())
    exponent = torch.frexp(exact.abs().clamp(min=2.0**-126)).exponent - 1
    error = (result.double() - exact).abs() / torch.ldexp(torch.full_like(exact, 2.0**-23), exponent)
    return torch.where(same, 0.0, error.nan_to_num(math.inf))


def every_nth_float(step: int) -> Any:
    return torch.arange(-(2**31), 2**31, step).to(torch.int32).view(torch.float32)


@pytest.mark.parametrize("name", LIMITS)
def test_float32(name: str) -> None:
    limit, reach = LIMITS[name]
    x = every_nth_float(10007)
    x = x[(x.abs() <= reach) | x.isnan()]
    out = torch.empty_like(x)
    assert launch("elementwise", name, [out], [x], {"approximate": "none"} if name == "gelu" else {}) == 0
    error = ulps(out, REFERENCES.get(name, getattr(torch, name, None))(x.double()))
    worst = int(error.argmax())
    told = f"{name}({x[worst].item()!r}) = {out[worst].item()!r}: {error[worst]:.2f} units"
    assert error[worst] <= limit, told


@pytest.mark.parametrize("name", ["exp", "log", "tanh", "erf", "erfc", "log1p", "expm1"])
def test_float64(name: str) -> None:
    x = torch.cat(
        [
            torch.linspace(-20, 20, 100001, dtype=torch.float64),
            torch.logspace(-300, 300, 5000).double(),
            torch.tensor([0.0, -0.0, math.inf, -math.inf, math.nan, 1e-310], dtype=torch.float64),
        ]
    )
    out = torch.empty_like(x)
    assert launch("elementwise", name, [out], [x]) == 0
    expected = REFERENCES.get(name, getattr(torch, name))(x)
    torch.testing.assert_close(out, expected, rtol=4e-15, atol=5e-324, equal_nan=True)


def test_pow() -> None:
    sizes = [0.0, 1.0, 2.0, 3.0, 0.5, 1e30, math.inf, math.nan]
    specials = torch.tensor([*sizes, *(-v for v in sizes)])
    x, y = (v.flatten() for v in torch.meshgrid(specials, specials, indexing="ij"))
    x = torch.cat([x, torch.rand(100000) * 20])
    y = torch.cat([y, torch.rand(100000) * 40 - 20])
    out = torch.empty_like(x)
    assert launch("elementwise", "pow", [out], [x, y]) == 0
    assert ulps(out, torch.pow(x.double(), y.double())).max() <= 1.0
