"""What layers do without a reference: shapes, errors with their text, dropout,
utilities. Needs no PyTorch.
"""

from __future__ import annotations

from typing import Any

import pytest

import tensorplug as tp
from tensorplug import nn
from tensorplug.nn import functional as F


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: nn.Conv2d(3, 4, 3, groups=2), ValueError, "in_channels must be divisible by groups"),
        (lambda: nn.Conv2d(4, 3, 3, groups=2), ValueError, "out_channels must be divisible by groups"),
        (
            lambda: nn.Conv2d(4, 4, 3, padding="same", stride=2),
            ValueError,
            "padding='same' is not supported for strided convolutions",
        ),
        (lambda: nn.GroupNorm(4, 6), ValueError, "num_channels (6) must be divisible by num_groups (4)"),
        (lambda: nn.Dropout(1.5), ValueError, "dropout probability has to be between 0 and 1, but got 1.5"),
        (
            lambda: nn.Embedding(3, 2, padding_idx=3),
            AssertionError,
            "Padding_idx must be within num_embeddings",
        ),
        (
            lambda: nn.Embedding(3, 2, sparse=True),
            NotImplementedError,
            "nn.Embedding(sparse=True) is not supported; leave it at its default",
        ),
        (lambda: nn.MultiheadAttention(5, 2), AssertionError, "embed_dim must be divisible by num_heads"),
        (lambda: nn.BatchNorm2d(3)(tp.ones(2, 3)), ValueError, "expected 4D input (got 2D input)"),
        (
            lambda: nn.BatchNorm1d(3)(tp.ones(1, 3)),
            ValueError,
            "Expected more than 1 value per channel when training",
        ),
        (
            lambda: nn.GroupNorm(2, 4)(tp.ones(2, 3)),
            RuntimeError,
            "Expected number of channels in input to be divisible by num_groups",
        ),
        (lambda: nn.Unflatten(1, (2, "a")), TypeError, "unflattened_size must be tuple of ints"),
        (
            lambda: F.cross_entropy(tp.ones(2, 3), tp.ones(2)),
            TypeError,
            "expected classes as integers (int64) for target",
        ),
        (
            lambda: F.cross_entropy(tp.ones(2, 3), tp.ones(2, 3, dtype=tp.int64)),
            TypeError,
            "Expected floating point type for target with class probabilities, got",
        ),
        (
            lambda: F.mse_loss(tp.ones(2), tp.ones(2), reduction="avg"),
            ValueError,
            "avg is not a valid value for reduction",
        ),
        (lambda: F.binary_cross_entropy(tp.ones(2), tp.ones(3)), ValueError, "Using a target size ("),
        (lambda: F.binary_cross_entropy_with_logits(tp.ones(2), tp.ones(3)), ValueError, "Target size ("),
        (
            lambda: F.glu(tp.ones(3)),
            RuntimeError,
            "Halving dimension must be even, but dimension 0 is size 3",
        ),
        (
            lambda: F.pad(tp.ones(3), (1,)),
            RuntimeError,
            "pad: the padding [1] must have two numbers a dimension",
        ),
        (
            lambda: F.pad(tp.ones(2, 3), (3, 0), "reflect"),
            RuntimeError,
            "Padding size should be less than the corresponding input dimension",
        ),
        (
            lambda: F.scaled_dot_product_attention(*[tp.ones(2, 2)] * 3, tp.ones(2, 2), is_causal=True),
            RuntimeError,
            "Explicit attn_mask should not be set when is_causal=True",
        ),
    ],
)
def test_errors(call: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error) as caught:
        call()
    assert text in str(caught.value)


def test_classes_outside_are_refused() -> None:
    with pytest.raises((IndexError, RuntimeError)):
        F.cross_entropy(tp.ones(2, 3), tp.tensor([0, 3]))


def test_dropout_keeps_the_mean_and_scales() -> None:
    tp.manual_seed(0)
    x = tp.ones(4000, requires_grad=True)
    out = F.dropout(x, 0.25)
    kept = sum(v > 0 for v in out.tolist())
    assert 0.7 < kept / 4000 < 0.8
    assert {round(v, 4) for v in out.tolist()} == {0.0, 1.3333}
    out.sum().backward()
    assert x.grad.tolist() == out.tolist()
    assert F.dropout(x, 0.5, training=False) is x
    assert float(F.dropout(x, 1.0).abs().sum()) == 0
    tp.manual_seed(3)
    first = F.dropout(x, 0.5).tolist()
    tp.manual_seed(3)
    assert F.dropout(x, 0.5).tolist() == first


def test_channel_dropout_drops_whole_channels() -> None:
    tp.manual_seed(0)
    out = nn.Dropout2d(0.5)(tp.ones(20, 10, 2, 3)).reshape(200, 6).tolist()
    assert all(len(set(channel)) == 1 for channel in out) and {channel[0] for channel in out} == {0.0, 2.0}


def test_embedding_from_pretrained_and_padding() -> None:
    table = nn.Embedding.from_pretrained(tp.ones(3, 2), padding_idx=1)
    assert not table.weight.requires_grad and table(tp.tensor([0])).tolist() == [[1, 1]]
    padded = nn.Embedding(4, 2, padding_idx=2)
    assert padded.weight[2].tolist() == [0, 0]
    padded(tp.tensor([2, 2, 1])).sum().backward()
    assert padded.weight.grad.tolist() == [[0, 0], [1, 1], [0, 0], [0, 0]]


def test_mse_warns_about_broadcasting() -> None:
    with pytest.warns(UserWarning, match="This will likely lead to incorrect results due to broadcasting"):
        F.mse_loss(tp.ones(2, 1), tp.ones(2))


def model() -> nn.Module:
    module = nn.Linear(2, 2)
    module(
        tp.tensor([[3.0, 4.0]])
    ).sum().backward()  # gradients 3 and 4 in each row, 1 for each bias: norm √52
    return module


def test_clip_grad_norm() -> None:
    module = model()
    norm = nn.utils.clip_grad_norm_(module.parameters(), 1.0)
    assert float(norm) == pytest.approx(52**0.5)
    total = sum(float((p.grad * p.grad).sum()) for p in module.parameters()) ** 0.5
    assert total == pytest.approx(1.0, rel=1e-4)
    before = module.weight.grad.tolist()
    nn.utils.clip_grad_norm_(module.weight, 100.0)
    assert module.weight.grad.tolist() == before
    module = model()
    assert float(nn.utils.clip_grad_norm_(module.parameters(), 2.0, float("inf"))) == 4.0
    assert float(nn.utils.clip_grad_norm_(module.parameters(), 2.0, 1)) == pytest.approx(8.0)
    module.weight.grad.fill_(float("inf"))
    with pytest.raises(
        RuntimeError, match="The total norm of order 2.0 for gradients from `parameters` is non-finite"
    ):
        nn.utils.clip_grad_norm_(module.parameters(), 1.0, error_if_nonfinite=True)
    assert float(nn.utils.clip_grad_norm_([], 1.0)) == 0.0


def test_clip_grad_value() -> None:
    module = model()
    nn.utils.clip_grad_value_(module.parameters(), 2.0)
    assert module.weight.grad.tolist() == [[2, 2], [2, 2]] and module.bias.grad.tolist() == [1, 1]


def test_parameters_as_a_vector() -> None:
    module = nn.Linear(3, 2)
    vector = nn.utils.parameters_to_vector(module.parameters())
    assert tuple(vector.shape) == (8,)
    nn.utils.vector_to_parameters(tp.arange(8.0), module.parameters())
    assert module.bias.tolist() == [6, 7] and isinstance(module.weight, nn.Parameter)
