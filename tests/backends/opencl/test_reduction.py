"""Reductions, scans and sorting on operands that are large enough to be cut, and of every kind of strides.

The table's samples are small; these take the ways that are left, in the variants for processors and GPUs.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import tensorplug as tp
from tensorplug_dispatcher.layout import strided
from tensorplug_dispatcher.ops import F
from tensorplug_dispatcher.tensor import view_of

pytestmark = pytest.mark.usefixtures("variant")
DEVICE = "opencl:0"
RNG = np.random.default_rng(7)

# name: shape, strides, offset of a view into 600,000 elements
VIEWS = {
    "one long row": ((600_000,), (1,), 0),
    "backwards": ((300_000,), (-2,), 599_999),
    "rows": ((37, 4099), (4099, 1), 5),
    "few long rows": ((3, 150_001), (150_001, 1), 0),
    "short rows": ((5000, 7), (7, 1), 0),
    "rows with gaps": ((37, 2003), (5003, 2), 3),
    "columns": ((4099, 37), (1, 4099), 0),
    "few columns": ((150_001, 3), (1, 150_001), 0),
    "one row over and over": ((2000, 600), (0, 1), 11),
    "one column over and over": ((600, 2000), (1, 0), 0),
    "four dimensions": ((6, 35, 8, 41), (35 * 8 * 41, 8 * 41, 41, 1), 0),
    "four dimensions, mixed": ((6, 35, 8, 41), (1, 6, 35 * 6 * 41, -35 * 6), 35 * 6 * 40),
    "nothing": ((0, 5), (5, 1), 0),
    "one element": ((1, 1), (1, 1), 9),
}


def both(values: Any, view: str) -> tuple[Any, Any]:
    """The view on the CPU and on the device."""
    shape, strides, offset = VIEWS[view]
    cpu = tp.from_numpy(values)
    layout = strided(shape, strides, cpu.dtype)
    return view_of(cpu, layout, offset), view_of(cpu.to(DEVICE), layout, offset)


def dims_of(view: str) -> list[Any]:
    n = len(VIEWS[view][0])
    return [None, *[(d,) for d in range(n)], *([(0, 2), (1, 3), (1, 2, 3), (0, 1, 3)] if n == 4 else [])]


def close(got: Any, wanted: Any, tolerance: float) -> bool:
    got, wanted = np.asarray(got.cpu().numpy()), np.asarray(wanted.numpy())
    assert (got.shape, got.dtype) == (wanted.shape, wanted.dtype)
    if tolerance == 0:
        return bool(np.array_equal(got, wanted, equal_nan=got.dtype.kind == "f"))
    return bool(np.allclose(got, wanted, rtol=tolerance, atol=tolerance, equal_nan=True))


@pytest.mark.parametrize("view", VIEWS)
def test_floats(view: str) -> None:
    cpu, device = both(RNG.uniform(-1, 1, 600_000).astype(np.float32), view)
    for dim in dims_of(view):
        where = f"{view} {dim}"
        assert close(F.sum(device, dim, False), F.sum(cpu, dim, False), 2e-4), where
        for got, wanted in zip(F.var_mean(device, dim), F.var_mean(cpu, dim), strict=True):
            assert close(got, wanted, 2e-5), where
        assert close(F.norm(device, 2, dim), F.norm(cpu, 2, dim), 1e-5), where
        if cpu.numel():
            assert close(F.amax(device, dim), F.amax(cpu, dim), 0), where
        if cpu.numel() and (dim is None or len(dim) == 1):
            one = None if dim is None else dim[0]
            assert close(F.argmin(device, one), F.argmin(cpu, one), 0), where


@pytest.mark.parametrize("view", VIEWS)
def test_integers(view: str) -> None:
    cpu, device = both(RNG.integers(-3, 3, 600_000).astype(np.int8), view)
    for dim in dims_of(view):
        assert close(F.sum(device, dim, True), F.sum(cpu, dim, True), 0), dim
        assert close(F.count_nonzero(device, dim), F.count_nonzero(cpu, dim), 0), dim
        if cpu.numel() and (dim is None or len(dim) == 1):  # ties: the first place
            one = None if dim is None else dim[0]
            assert close(F.argmax(device, one), F.argmax(cpu, one), 0), dim


def test_sums_and_products_of_integers_wrap() -> None:
    values = RNG.integers(-(1 << 63), (1 << 63) - 1, 300_000)
    x, y = tp.from_numpy(values), tp.from_numpy(values).to(DEVICE)
    assert close(F.sum(y), F.sum(x), 0) and close(F.prod(y | 1), F.prod(x | 1), 0)
    assert close(F.sum(y.view(300, 1000), 0), F.sum(x.view(300, 1000), 0), 0)


def test_a_mean_far_from_zero() -> None:
    """The variance of numbers whose squares need more bits than there are."""
    values = (1e4 + RNG.uniform(0, 1, 600_000)).astype(np.float32)
    exact = np.var(values.astype(np.float64), ddof=1)
    for shape, dim in (((600_000,), 0), ((600_000 // 8, 8), 0), ((8, 600_000 // 8), 1)):
        part = values.reshape(shape).astype(np.float64).var(axis=dim, ddof=1)
        got = tp.from_numpy(values.reshape(shape)).to(DEVICE).var(dim).cpu().numpy()
        assert np.allclose(got, part, rtol=1e-3), shape
    assert math.isclose(float(tp.from_numpy(values).to(DEVICE).std()), exact**0.5, rel_tol=1e-3)


def test_a_nan_anywhere_is_the_extremum() -> None:
    for place in (0, 31, 64, 2047, 2048, 150_000, 299_999):
        values = RNG.uniform(-1, 1, 300_000).astype(np.float32)
        values[place] = np.nan
        for x in (tp.from_numpy(values).to(DEVICE), tp.from_numpy(values).to(DEVICE).view(300, 1000)):
            assert math.isnan(float(x.amax())) and math.isnan(float(x.amin())), place
            assert int(x.argmax()) == place and int(x.argmin()) == place
        row, column = divmod(place, 1000)
        y = tp.from_numpy(values).to(DEVICE).view(300, 1000)
        assert int(y.argmin(0)[column]) == row and int(y.argmax(1)[row]) == column


@pytest.mark.parametrize(
    "shape", [(70_000,), (3, 70_000), (3, 2500, 7), (2, 40_000, 3), (90_000, 3), (900, 65), (5, 300)]
)
def test_scans(shape: tuple[int, ...]) -> None:
    values = RNG.uniform(-1, 1, math.prod(shape)).astype(np.float32).reshape(shape)
    values.flat[values.size // 3] = np.nan
    x, y = tp.from_numpy(values), tp.from_numpy(values).to(DEVICE)
    whole = tp.from_numpy(RNG.integers(-3, 3, shape))
    for dim in range(len(shape)):
        near = 2e-3 if shape[dim] == 90_000 else 2e-4  # where a work-item adds thousands in float32
        exact = tp.from_numpy(np.cumsum(values.astype(np.float64), dim).astype(np.float32))
        assert close(F.cumsum(y, dim), exact, near), dim
        assert close(F.cumsum(whole.to(DEVICE), dim), F.cumsum(whole, dim), 0), dim
        ones = 1 + 1e-3 * x
        exact = tp.from_numpy(np.cumprod(ones.numpy().astype(np.float64), dim).astype(np.float32))
        assert close(F.cumprod(ones.to(DEVICE), dim), exact, 2e-3), dim
        for op in (F.cummax, F.cummin):
            for got, wanted in zip(op(y, dim), op(x, dim), strict=True):
                assert close(got, wanted, 0), dim
            for got, wanted in zip(op(whole.to(DEVICE), dim), op(whole, dim), strict=True):
                assert close(got, wanted, 0), dim


@pytest.mark.parametrize("length", [1, 15, 16, 17, 33, 1000, 4096, 50_001])
def test_sorting(length: int) -> None:
    shape = (3, length, 2) if length < 50_000 else (length,)
    dim = 1 if length < 50_000 else 0
    for values in (
        RNG.normal(size=shape).astype(np.float32),
        RNG.integers(-5, 5, shape),
        RNG.normal(size=shape),
    ):
        if values.dtype.kind == "f":
            values[RNG.uniform(size=shape) < 0.1] = np.nan
            values[RNG.uniform(size=shape) < 0.1] = -0.0
            values[RNG.uniform(size=shape) < 0.1] = 0.0
        x, y = tp.from_numpy(values), tp.from_numpy(values).to(DEVICE)
        for descending in (False, True):
            for got, wanted in zip(F.sort(y, dim, descending), F.sort(x, dim, descending), strict=True):
                assert close(got, wanted, 0)
        k = max(1, length // 3)
        for got, wanted in zip(F.kthvalue(y, k, dim), F.kthvalue(x, k, dim), strict=True):
            assert close(got, wanted, 0)
        got, wanted = F.topk(y, k, dim)[0], F.topk(x, k, dim)[0]
        assert close(got, wanted, 0)


@pytest.mark.parametrize("shape", [(100_000,), (300, 401), (7, 50, 60, 9)])
@pytest.mark.parametrize("share", [0.0, 0.01, 0.7, 1.0])
def test_places_of_what_is_not_zero(shape: tuple[int, ...], share: float) -> None:
    values = (RNG.uniform(size=shape) < share).astype(np.float32)
    places = tp.from_numpy(values).to(DEVICE).nonzero()
    assert np.array_equal(places.cpu().numpy(), np.argwhere(values))
    few = F.nonzero(tp.from_numpy(values).to(DEVICE), 5).cpu().numpy()
    wanted = np.argwhere(values)[:5]
    assert np.array_equal(few[: len(wanted)], wanted) and not few[len(wanted) :].any()


def test_binary_search() -> None:
    edges = np.sort(RNG.normal(size=1000)).astype(np.float32)
    values = np.concatenate([RNG.normal(size=5000).astype(np.float32), edges[::7], [np.nan, np.inf, -np.inf]])
    values = values.astype(np.float32)
    x, y = tp.from_numpy(edges), tp.from_numpy(values)
    for right in (False, True):
        assert close(F.searchsorted(x.to(DEVICE), y.to(DEVICE), right), F.searchsorted(x, y, right), 0)
