"""Large results are written past a processor's caches, in pieces that begin anywhere: the ends are right."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tensorplug as tp
from tensorplug_codegen.programs import walk

DEVICE = "opencl:0"


@pytest.fixture(autouse=True)
def everything_streams(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Also small results: plans of before are forgotten, and those made here are, afterwards."""
    from tensorplug_dispatcher.epoch import invalidate

    monkeypatch.setattr(walk, "STREAM_BYTES", 1)
    invalidate()
    yield
    invalidate()


def both(function: Callable[..., Any], *inputs: Any) -> None:
    expected = function(*inputs)
    got = function(*[x.to(DEVICE) for x in inputs])
    assert got.device.type == "opencl"
    np.testing.assert_array_equal(got.cpu().numpy(), expected.numpy())


@pytest.mark.parametrize("count", [1, 15, 16, 17, 511, 512, 513, 8191, 8192, 8193, 20011])
@pytest.mark.parametrize("dtype", [tp.float32, tp.float64, tp.int32, tp.int64])
def test_any_length(count: int, dtype: Any) -> None:
    both(lambda x, y: x * 3 - y, tp.arange(count).to(dtype), tp.arange(count, 0, -1).to(dtype))


@pytest.mark.parametrize("first", [0, 1, 3, 16, 31])
def test_results_that_begin_anywhere(first: int) -> None:
    x = tp.arange(5003, dtype=tp.float32)
    for device in ("cpu", DEVICE):
        result = tp.full((6000,), -1.0, device=device)
        tp.add(x.to(device), 1, out=result[first : first + 5003])
        assert result[:first].eq(-1).all() and result[first + 5003 :].eq(-1).all()
        assert result[first : first + 5003].cpu().equal(x + 1)


@pytest.mark.parametrize("width", [256, 257, 700])
def test_rows(width: int) -> None:
    rows = tp.randn(41, width)
    both(lambda x, y: x + y, rows, tp.randn(width))
    both(lambda x, y: x + y, rows, tp.randn(41, 1))
    both(lambda x: x[::2].neg(), rows)
    both(lambda x: x.expand(3, 41, width).abs(), rows)


def test_elements_that_need_the_general_way() -> None:
    x = tp.randn(3000)
    x[7], x[700], x[1501], x[2999] = float("nan"), 1e30, float("-inf"), float("inf")
    both(lambda x: x.relu(), x)
    got, expected = x.to(DEVICE).exp().cpu(), x.exp()
    np.testing.assert_allclose(got.numpy(), expected.numpy(), rtol=1e-6)


def test_several_results() -> None:
    def step(device: str) -> Any:
        weight = tp.linspace(-1, 1, 3001, device=device).requires_grad_()
        optimizer = tp.optim.Adam([weight], lr=0.1)
        for _ in range(3):
            optimizer.zero_grad()
            (weight * weight).sum().backward()
            optimizer.step()
        return weight.detach().cpu()

    np.testing.assert_allclose(step(DEVICE).numpy(), step("cpu").numpy(), rtol=1e-6, atol=1e-6)
