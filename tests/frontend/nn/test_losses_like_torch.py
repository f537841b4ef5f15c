"""Losses give torch's values and gradients for every reduction and option."""

from __future__ import annotations

from typing import Any

import pytest
from twins import mine, same_calls

import tensorplug as tp

torch = pytest.importorskip("torch")
GENERATOR = torch.Generator().manual_seed(3)


def x(*shape: int) -> Any:
    return torch.randn(shape, generator=GENERATOR)


def p(*shape: int) -> Any:
    return torch.rand(shape, generator=GENERATOR)


def classes(*shape: int, high: int = 4) -> Any:
    return torch.randint(high, shape, generator=GENERATOR)


def signs(*shape: int) -> Any:
    return torch.randint(2, shape, generator=GENERATOR) * 2.0 - 1.0


W = p(4)
IGNORED = classes(5).index_fill(0, torch.tensor([1, 3]), -100)
SECOND = classes(5).index_fill(0, torch.tensor([1]), 2)
LOSSES: dict[str, tuple[str, dict[str, Any], tuple[Any, ...]]] = {
    "MSELoss": ("MSELoss", {}, (x(3, 4), x(3, 4))),
    "L1Loss": ("L1Loss", {}, (x(3, 4), x(3, 4))),
    "SmoothL1Loss": ("SmoothL1Loss", {"beta": 0.7}, (x(3, 4), x(3, 4))),
    "SmoothL1Loss 0": ("SmoothL1Loss", {"beta": 0.0}, (x(3, 4), x(3, 4))),
    "HuberLoss": ("HuberLoss", {"delta": 0.6}, (x(3, 4), x(3, 4))),
    "CrossEntropyLoss": ("CrossEntropyLoss", {}, (x(5, 4), classes(5))),
    "CrossEntropyLoss 1-D": ("CrossEntropyLoss", {}, (x(4), classes())),
    "CrossEntropyLoss images": ("CrossEntropyLoss", {"weight": W}, (x(2, 4, 3, 2), classes(2, 3, 2))),
    "CrossEntropyLoss weight": ("CrossEntropyLoss", {"weight": W}, (x(5, 4), classes(5))),
    "CrossEntropyLoss ignore": ("CrossEntropyLoss", {}, (x(5, 4), IGNORED)),
    "CrossEntropyLoss ignore 2": ("CrossEntropyLoss", {"ignore_index": 2, "weight": W}, (x(5, 4), SECOND)),
    "CrossEntropyLoss smooth": ("CrossEntropyLoss", {"label_smoothing": 0.2}, (x(5, 4), IGNORED)),
    "CrossEntropyLoss smooth weight": (
        "CrossEntropyLoss",
        {"label_smoothing": 0.2, "weight": W},
        (x(5, 4), IGNORED),
    ),
    "CrossEntropyLoss smooth images": (
        "CrossEntropyLoss",
        {"label_smoothing": 0.2, "weight": W},
        (x(2, 4, 3), classes(2, 3)),
    ),
    "CrossEntropyLoss soft": ("CrossEntropyLoss", {}, (x(5, 4), x(5, 4).softmax(1))),
    "CrossEntropyLoss soft 1-D": ("CrossEntropyLoss", {"weight": W}, (x(4), x(4).softmax(0))),
    "CrossEntropyLoss soft weight": (
        "CrossEntropyLoss",
        {"weight": W, "label_smoothing": 0.1},
        (x(2, 4, 3), x(2, 4, 3).softmax(1)),
    ),
    "NLLLoss": ("NLLLoss", {}, (x(5, 4).log_softmax(1), classes(5))),
    "NLLLoss images": ("NLLLoss", {"weight": W}, (x(2, 4, 3, 2).log_softmax(1), classes(2, 3, 2))),
    "NLLLoss ignore": ("NLLLoss", {}, (x(5, 4), IGNORED)),
    "CrossEntropyLoss bytes": ("CrossEntropyLoss", {"weight": W}, (x(5, 4), classes(5).to(torch.uint8))),
    "NLLLoss bytes": ("NLLLoss", {"ignore_index": 2}, (x(5, 4).log_softmax(1), SECOND.to(torch.uint8))),
    "BCELoss": ("BCELoss", {}, (p(3, 4), p(3, 4))),
    "BCELoss weight": ("BCELoss", {"weight": W}, (p(3, 4), p(3, 4))),
    "BCEWithLogitsLoss": ("BCEWithLogitsLoss", {}, (x(3, 4) * 9, p(3, 4))),
    "BCEWithLogitsLoss both": (
        "BCEWithLogitsLoss",
        {"weight": W, "pos_weight": p(4) * 3},
        (x(3, 4), p(3, 4)),
    ),
    "KLDivLoss": ("KLDivLoss", {}, (x(3, 4).log_softmax(1), x(3, 4).softmax(1))),
    "KLDivLoss log": ("KLDivLoss", {"log_target": True}, (x(3, 4).log_softmax(1), x(3, 4).log_softmax(1))),
    "MarginRankingLoss": ("MarginRankingLoss", {"margin": 0.3}, (x(6), x(6), signs(6))),
    "HingeEmbeddingLoss": ("HingeEmbeddingLoss", {"margin": 0.7}, (x(6), signs(6))),
    "CosineEmbeddingLoss": ("CosineEmbeddingLoss", {"margin": 0.1}, (x(6, 3), x(6, 3), signs(6))),
    "TripletMarginLoss": ("TripletMarginLoss", {"margin": 0.9}, (x(6, 3), x(6, 3), x(6, 3))),
    "TripletMarginLoss swap": ("TripletMarginLoss", {"swap": True}, (x(6, 3), x(6, 3), x(6, 3))),
    "PoissonNLLLoss": ("PoissonNLLLoss", {}, (x(6), p(6) * 5)),
    "GaussianNLLLoss": ("GaussianNLLLoss", {"full": True}, (x(6), x(6), p(6) + 0.1)),
}


@pytest.mark.filterwarnings("ignore:reduction")
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("case", LOSSES)
def test_loss(case: str, reduction: str) -> None:
    name, options, inputs = LOSSES[case]
    theirs = getattr(torch.nn, name)(**options, reduction=reduction)
    own = getattr(tp.nn, name)(
        **{key: mine(value) if isinstance(value, torch.Tensor) else value for key, value in options.items()},
        reduction=reduction,
    )
    assert repr(own) == repr(theirs)
    assert list(own.state_dict()) == list(theirs.state_dict())
    floats = 1 if name in ("MarginRankingLoss", "HingeEmbeddingLoss", "CosineEmbeddingLoss") else 0
    same_calls(
        lambda *a: own(*a, *(mine(t) for t in inputs[len(inputs) - floats :])),
        lambda *a: theirs(*a, *inputs[len(inputs) - floats :]),
        *inputs[: len(inputs) - floats],
    )


def test_kl_div_batchmean() -> None:
    inputs = x(3, 4).log_softmax(1), x(3, 4).softmax(1)
    same_calls(tp.nn.KLDivLoss(reduction="batchmean"), torch.nn.KLDivLoss(reduction="batchmean"), *inputs)


def test_binary_cross_entropy_is_finite_at_the_ends() -> None:
    ends = torch.tensor([0.0, 1.0, 0.0, 1.0]), torch.tensor([0.0, 1.0, 1.0, 0.0])
    same_calls(tp.nn.BCELoss(reduction="sum"), torch.nn.BCELoss(reduction="sum"), *ends)


def test_mean_over_nothing_is_nan() -> None:
    target = torch.full((5,), -100)
    expected = torch.nn.functional.cross_entropy(x(5, 4), target)
    assert expected.isnan() and bool(tp.isnan(tp.nn.functional.cross_entropy(mine(x(5, 4)), mine(target))))


@pytest.mark.parametrize(("scores", "target"), [((3, 4), (2,)), ((3, 4), (3, 4, 1)), ((2, 4, 3), (2, 2))])
def test_sizes_that_do_not_fit(scores: tuple[int, ...], target: tuple[int, ...]) -> None:
    with pytest.raises((ValueError, RuntimeError)):
        torch.nn.functional.cross_entropy(torch.zeros(scores), torch.zeros(target, dtype=torch.int64))
    with pytest.raises(ValueError, match="Expected"):
        tp.nn.functional.cross_entropy(tp.zeros(scores), tp.zeros(target, dtype=tp.int64))
