"""Initialisation: bounds, moments and errors; PyTorch's own tests are statistical too. Needs no PyTorch."""

from __future__ import annotations

import math
from typing import Any

import pytest

import tensorplug as tp
from tensorplug import nn
from tensorplug.nn import init


def values(tensor: Any) -> list[float]:
    return tensor.detach().reshape(-1).tolist()


def moments(tensor: Any) -> tuple[float, float]:
    flat = values(tensor)
    mean = sum(flat) / len(flat)
    return mean, math.sqrt(sum((v - mean) ** 2 for v in flat) / len(flat))


@pytest.mark.parametrize(
    ("fill", "std"),
    [
        (lambda t: init.uniform_(t, -1.0, 3.0), 4 / math.sqrt(12)),
        (lambda t: init.normal_(t, 1.0, 2.0), 2.0),
        (lambda t: init.xavier_uniform_(t, 2.0), 2 * math.sqrt(2 / 150)),
        (lambda t: init.xavier_normal_(t), math.sqrt(2 / 150)),
        (lambda t: init.kaiming_uniform_(t, nonlinearity="relu"), math.sqrt(2 / 50)),
        (lambda t: init.kaiming_normal_(t, 0.5, "fan_out"), math.sqrt(2 / 1.25 / 100)),
        (lambda t: init.trunc_normal_(t, 0.0, 1.0, -50.0, 50.0), 1.0),
    ],
)
def test_spread(fill: Any, std: float) -> None:
    tp.manual_seed(0)
    tensor = nn.Parameter(tp.empty(100, 50))
    assert fill(tensor) is tensor and tensor.requires_grad and tensor.grad_fn is None
    assert moments(tensor)[1] == pytest.approx(std, rel=0.05)


@pytest.mark.parametrize(
    ("mean", "std", "low", "high"), [(0, 1, -1, 2), (0.5, 0.2, 0.4, 0.5), (0, 1, 1.5, 2.0)]
)
def test_truncated_normal_stays_inside(mean: float, std: float, low: float, high: float) -> None:
    tp.manual_seed(0)
    got = values(init.trunc_normal_(tp.empty(2000), mean, std, low, high))
    assert low <= min(got) and max(got) <= high
    density = [
        math.exp(-0.5 * ((low + (i + 0.5) * (high - low) / 200 - mean) / std) ** 2) for i in range(200)
    ]
    expected = sum(d * (low + (i + 0.5) * (high - low) / 200) for i, d in enumerate(density)) / sum(density)
    assert sum(got) / 2000 == pytest.approx(expected, abs=0.05 * (high - low))


@pytest.mark.parametrize("shape", [(5, 5), (3, 7), (7, 3), (4, 2, 3)])
def test_orthogonal(shape: tuple[int, ...]) -> None:
    tensor = init.orthogonal_(tp.empty(*shape), gain=2.0).reshape(shape[0], -1)
    small = tensor if tensor.shape[0] <= tensor.shape[1] else tensor.t()
    product = tp.matmul(small, small.t()) - 4 * tp.eye(small.shape[0])
    assert max(abs(v) for v in values(product)) < 1e-4


def test_constants_and_identities() -> None:
    assert values(init.constant_(tp.empty(3), 2.5)) == [2.5] * 3
    assert values(init.ones_(tp.empty(2))) == [1, 1] and values(init.zeros_(tp.ones(2))) == [0, 0]
    assert init.eye_(tp.empty(2, 3)).tolist() == [[1, 0, 0], [0, 1, 0]]
    convolved = init.dirac_(tp.empty(2, 2, 3, 3))
    assert float(convolved.sum()) == 2 and float(convolved[1, 1, 1, 1]) == 1
    sparse = init.sparse_(tp.empty(10, 4), 0.3)
    assert [sum(v == 0 for v in column) for column in zip(*sparse.tolist())] == [3] * 4


@pytest.mark.parametrize(
    ("name", "param", "gain"),
    [
        ("linear", None, 1),
        ("conv2d", None, 1),
        ("sigmoid", None, 1),
        ("tanh", None, 5 / 3),
        ("relu", None, 2**0.5),
        ("leaky_relu", None, math.sqrt(2 / (1 + 1e-4))),
        ("leaky_relu", 0.2, math.sqrt(2 / 1.04)),
        ("selu", None, 0.75),
    ],
)
def test_gain(name: str, param: float | None, gain: float) -> None:
    assert init.calculate_gain(name, param) == gain


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: init.calculate_gain("step"), "Unsupported nonlinearity step"),
        (lambda: init.calculate_gain("leaky_relu", True), "negative_slope True not a valid number"),
        (
            lambda: init.xavier_normal_(tp.empty(3)),
            "Fan in and fan out can not be computed for tensor with fewer than 2 dimensions",
        ),
        (
            lambda: init.kaiming_normal_(tp.empty(3, 3), mode="fan"),
            "Mode fan not supported, please use one of ['fan_in', 'fan_out']",
        ),
        (lambda: init.eye_(tp.empty(3)), "Only tensors with 2 dimensions are supported"),
        (lambda: init.orthogonal_(tp.empty(3)), "Only tensors with 2 or more dimensions are supported"),
        (lambda: init.dirac_(tp.empty(3, 3)), "Only tensors with 3, 4, or 5 dimensions are supported"),
    ],
)
def test_errors(call: Any, text: str) -> None:
    with pytest.raises(ValueError) as caught:
        call()
    assert str(caught.value) == text


@pytest.mark.parametrize(
    ("module", "name", "bound"),
    [
        (lambda: nn.Linear(400, 30), "weight", 0.05),
        (lambda: nn.Linear(400, 30), "bias", 0.05),
        (lambda: nn.Conv2d(16, 8, 5), "weight", 0.05),
        (lambda: nn.Bilinear(400, 2, 3), "weight", 0.05),
    ],
)
def test_default_bounds(module: Any, name: str, bound: float) -> None:
    tp.manual_seed(0)
    got = [abs(v) for v in values(getattr(module(), name))]
    assert max(got) <= bound * 1.0001 and max(got) > 0.85 * bound


def test_the_same_seed_gives_the_same_parameters() -> None:
    tp.manual_seed(7)
    first = values(nn.Linear(5, 5).weight)
    tp.manual_seed(7)
    assert values(nn.Linear(5, 5).weight) == first
