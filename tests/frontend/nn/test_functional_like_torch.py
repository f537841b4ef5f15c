"""Functions that no module covers give torch's values and gradients."""

from __future__ import annotations

from typing import Any

import pytest
from twins import close, mine, same_calls

import tensorplug as tp

torch = pytest.importorskip("torch")


def x(*shape: int) -> Any:
    return torch.randn(shape, generator=torch.Generator().manual_seed(1))


CASES: dict[str, tuple[Any, ...]] = {
    "pad": (lambda F, a: F.pad(a, (1, 2)), x(3, 4)),
    "pad two": (lambda F, a: F.pad(a, (1, 2, 0, 3), value=2.5), x(2, 3, 4)),
    "pad crop": (lambda F, a: F.pad(a, (-1, 2, 1, -2)), x(2, 3, 4)),
    "pad reflect": (lambda F, a: F.pad(a, (3, 2), mode="reflect"), x(2, 3, 4)),
    "pad replicate": (lambda F, a: F.pad(a, (5, 2), mode="replicate"), x(2, 3, 4)),
    "pad circular": (lambda F, a: F.pad(a, (4, 1), mode="circular"), x(2, 3, 4)),
    "normalize": (lambda F, a: F.normalize(a, dim=1), x(3, 4)),
    "normalize 1": (lambda F, a: F.normalize(a, p=1.0, dim=0), x(3, 4)),
    "cosine_similarity": (lambda F, a, b: F.cosine_similarity(a, b), x(3, 4), x(3, 4) + 1),
    "cosine_similarity broadcast": (lambda F, a, b: F.cosine_similarity(a, b), x(3, 4), x(4) + 1),
    "pairwise_distance": (lambda F, a, b: F.pairwise_distance(a, b), x(3, 4), x(3, 4) + 1),
    "attention": (
        lambda F, q, k, v: F.scaled_dot_product_attention(q, k, v),
        x(2, 2, 4, 3),
        x(2, 2, 5, 3),
        x(2, 2, 5, 6),
    ),
    "attention causal": (
        lambda F, q, k, v: F.scaled_dot_product_attention(q, k, v, is_causal=True),
        x(2, 4, 3),
        x(2, 4, 3) * 2,
        x(2, 4, 3) + 1,
    ),
    "attention scale": (
        lambda F, q, k, v: F.scaled_dot_product_attention(q, k, v, scale=0.5),
        x(2, 4, 3),
        x(2, 4, 3) * 2,
        x(2, 4, 3) + 1,
    ),
    "attention mask": (
        lambda F, q, k, v, m: F.scaled_dot_product_attention(q, k, v, m),
        x(2, 4, 3),
        x(2, 4, 3) * 2,
        x(2, 4, 3) + 1,
        x(4, 4),
    ),
    "attention groups": (
        lambda F, q, k, v: F.scaled_dot_product_attention(q, k, v, enable_gqa=True),
        x(2, 4, 4, 3),
        x(2, 2, 5, 3),
        x(2, 2, 5, 3),
    ),
    "instance_norm": (lambda F, a: F.instance_norm(a), x(2, 3, 4, 5)),
    "celu below 0": (lambda F, a: F.celu(a, -0.5), x(3, 4)),
    "softmax dtype": (lambda F, a: F.softmax(a, 1), x(3, 4)),
}


@pytest.mark.parametrize("case", CASES)
def test_function(case: str) -> None:
    call, *inputs = CASES[case]
    same_calls(lambda *a: call(tp.nn.functional, *a), lambda *a: call(torch.nn.functional, *a), *inputs)


def test_threshold_keeps_integers() -> None:
    made = [T.nn.functional.threshold(T.tensor([1, 2, 3]), 1, 2.5) for T in (tp, torch)]
    assert made[0].dtype is tp.int64 and made[0].tolist() == made[1].tolist()


def test_gelu_knows_two_ways() -> None:
    with pytest.raises(RuntimeError) as caught:
        tp.nn.functional.gelu(tp.ones(1), "exact")
    assert str(caught.value) == "approximate argument must be either none or tanh, but is 'exact'"


def test_batch_norm_by_running_statistics() -> None:
    values, mean, variance = x(5, 4), x(4) * 2, x(4) ** 2 + 0.1
    same_calls(
        lambda a: tp.nn.functional.batch_norm(a, mine(mean), mine(variance)),
        lambda a: torch.nn.functional.batch_norm(a, mean, variance),
        values,
    )


@pytest.mark.parametrize("mask", [torch.ones(4, 5).tril(1).bool(), torch.zeros(4, 5) - 2])
def test_attention_with_masks_of_both_kinds(mask: Any) -> None:
    q, k = x(2, 4, 3), x(2, 5, 3)
    expected = torch.nn.functional.scaled_dot_product_attention(q, k, k, mask)
    close(tp.nn.functional.scaled_dot_product_attention(mine(q), mine(k), mine(k), mine(mask)), expected)


def test_one_hot() -> None:
    labels = torch.tensor([[0, 2], [1, 1]])
    for options in ({}, {"num_classes": 5}):
        own = tp.nn.functional.one_hot(mine(labels), **options)
        expected = torch.nn.functional.one_hot(labels, **options)
        assert own.tolist() == expected.tolist() and str(own.dtype).endswith("int64")


@pytest.mark.parametrize("name", ["relu", "relu6", "silu", "elu", "leaky_relu", "hardtanh", "selu"])
def test_inplace_overwrites_its_input(name: str) -> None:
    values = x(3, 4)
    own = mine(values)
    out = getattr(tp.nn.functional, name)(own, inplace=True)
    assert out is own
    close(own, getattr(torch.nn.functional, name)(values))


def test_inplace_relu_has_the_gradient() -> None:
    same_calls(
        lambda a: tp.nn.functional.relu(a * 2, inplace=True) * 3,
        lambda a: torch.nn.functional.relu(a * 2, inplace=True) * 3,
        x(3, 4),
    )
