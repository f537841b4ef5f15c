"""Reductions against PyTorch, over dimensions, strides and dtypes;
float64 is the reference of floating sums.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from launch import TORCH, launch  # noqa: E402

from tensorplug_dispatcher import dtypes  # noqa: E402

pytestmark = pytest.mark.oracle

SHAPES = (
    (3, 4, 5),
    (2, 700),
    (700, 3),
    (70, 40, 30),
    (300, 1100),
    (6, 5, 4, 7),
    (5,),
    (9000, 3),
    (3, 9000),
    (200000,),
)
SUMS = ("sum", "mean", "var", "std", "norm")
EXACT = ("amax", "amin", "any", "all", "count_nonzero")
TOLERANCE = {"float16": 2e-3, "bfloat16": 1.6e-2, "float32": 1e-6, "float64": 1e-12}


def views(shape: tuple[int, ...], dtype: dtypes.DType) -> Iterator[Any]:
    x = (torch.rand(shape) * 8 - (4 if dtype.is_signed else 0)).to(TORCH[dtype])
    yield from (x, x.transpose(0, -1), x[..., ::2], x[:1].expand(shape), x.permute(*range(1, x.ndim), 0))


def reference(name: str, x: Any, dims: tuple[int, ...]) -> Any:
    if name == "norm":
        return (x * x).sum(dims).sqrt()
    if name in ("var", "std"):
        return getattr(torch, name)(x, dims, correction=1)
    if name == "count_nonzero":
        return torch.count_nonzero(x, dims)
    return getattr(torch, name)(x, dim=dims)


def run(name: str, x: Any, dims: Any, like: Any, dtype: Any) -> Any:
    out = torch.empty(like.shape, dtype=dtype)
    assert (
        launch("reduction", name, [out], [x], {"dim": dims, "keepdim": False, "correction": 1, "p": 2}) == 0
    )
    return out


@pytest.mark.parametrize("dtype", dtypes.ALL, ids=lambda d: d.name)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_dims(shape: tuple[int, ...], dtype: dtypes.DType) -> None:
    floating = dtype.is_floating_point
    for x in views(shape, dtype):
        every = tuple(range(x.ndim))
        for dims in {every, (0,), (x.ndim - 1,), (0, x.ndim - 1) if x.ndim > 2 else (0,)}:
            for name in SUMS if floating else ("sum",):
                expected = reference(name, x.double() if floating else x, dims)
                result = run(name, x, dims, expected, x.dtype if floating else torch.int64)
                expected = expected.where(~result.isinf(), expected.to(result.dtype))  # beyond float16
                count = 1 if name == "sum" else x.numel() / expected.numel()
                scale = x.double().abs().sum(dims) / count
                bound = TOLERANCE.get(dtype.name, 0.0) * (scale + expected.abs()) + 1e-300
                near = (result.double() - expected.double()).abs() <= bound
                assert bool((near | (result == expected)).all()), (name, dims, x.stride())
            for name in EXACT:
                expected = reference(name, x, dims)
                assert torch.equal(run(name, x, dims, expected, expected.dtype), expected), (
                    name,
                    dims,
                    x.stride(),
                )
        if dtype is not dtypes.bool_:
            for name in ("argmax", "argmin"):
                for dim in (None, 0, x.ndim - 1):
                    expected = getattr(x, name)(dim)
                    assert torch.equal(run(name, x, dim, expected, torch.int64), expected), (
                        name,
                        dim,
                        x.stride(),
                    )


@pytest.mark.parametrize("dtype", ["int32", "int64", "float32", "float64"])
def test_prod(dtype: str) -> None:
    x = (torch.rand(37, 21, 50) * 1.5 + 0.6).to(getattr(torch, dtype))
    for view in (x, x.transpose(0, 2)):
        for dim in range(3):
            expected = view.double().prod(dim) if view.is_floating_point() else view.prod(dim)
            result = run(
                "prod", view, (dim,), expected, view.dtype if view.is_floating_point() else torch.int64
            )
            torch.testing.assert_close(result.to(expected.dtype), expected, rtol=1e-6, atol=0)


@pytest.mark.parametrize("repeats", [1, 300])
@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
@pytest.mark.parametrize("name", ["amax", "amin", "argmax", "argmin"])
def test_nan_wins(name: str, dtype: str, repeats: int) -> None:
    nan, inf = math.nan, math.inf
    rows = torch.tensor([[1, nan, 3, nan], [2, 2, 1, 2], [-inf, -inf, -inf, -inf], [inf, 1, 2, inf]])
    x = rows.to(getattr(torch, dtype)).repeat(1, repeats)
    for view in (x, x.t().contiguous().t()):
        for dim in (0, 1):
            expected = getattr(view, name)(dim)
            result = run(name, view, dim if name.startswith("arg") else (dim,), expected, expected.dtype)
            torch.testing.assert_close(result, expected, rtol=0, atol=0, equal_nan=True)


def test_long_sums_are_accurate() -> None:
    """A plain loop over float32 would be off by some 1e-3 here."""
    x = torch.full((1 << 22,), 0.1)
    for view in (x, x.view(-1, 64)):
        dims = (0,)
        expected = view.double().sum(dims)
        assert ((run("sum", view, dims, expected, torch.float32).double() / expected - 1).abs() < 1e-6).all()


def test_nothing_to_reduce() -> None:
    x = torch.empty(3, 0)
    assert torch.equal(run("sum", x, (1,), x.sum(1), torch.float32), torch.zeros(3))
    assert torch.equal(run("prod", x, (1,), x.prod(1), torch.float32), torch.ones(3))
    assert run("sum", x, (0,), x.sum(0), torch.float32).shape == (0,)
