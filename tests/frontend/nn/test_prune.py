"""Pruning masks: PyTorch's, N of M, training with them, and quantization after them."""

from __future__ import annotations

from typing import Any

import pytest

import tensorplug as tp
from tensorplug import nn, quantization
from tensorplug.nn.utils import prune
from tensorplug_dispatcher.errors import IndexRangeError, QuantizationError, ShapeError, SignatureError


def pair() -> tuple[Any, Any, Any]:
    torch = pytest.importorskip("torch")
    pytest.importorskip("torch.nn.utils.prune")
    ours, theirs = nn.Conv2d(4, 6, 3), torch.nn.Conv2d(4, 6, 3)
    with torch.no_grad():
        theirs.weight.copy_(torch.from_numpy(ours.weight.detach().numpy().copy()))
    return ours, theirs, torch


@pytest.mark.oracle
@pytest.mark.parametrize(
    ("name", "args"),
    [
        ("l1_unstructured", (0.3,)),
        ("l1_unstructured", (17,)),
        ("ln_structured", (0.5, 2, 0)),
        ("ln_structured", (1, 1, 1)),
    ],
)
def test_masks_are_pytorchs(name: str, args: tuple[Any, ...]) -> None:
    """Also when a parameter is pruned again: amounts are of what is left."""
    ours, theirs, torch = pair()
    reference = getattr(torch.nn.utils.prune, name)
    for _ in range(2):
        getattr(prune, name)(ours, "weight", *args)
        reference(theirs, "weight", *args)
        assert ours.weight_mask.tolist() == theirs.weight_mask.tolist()
        assert ours.weight.tolist() == theirs.weight.tolist()
    assert set(dict(ours.named_parameters())) == set(dict(theirs.named_parameters()))
    assert set(ours.state_dict()) == set(theirs.state_dict())


@pytest.mark.oracle
def test_all_together_is_pytorchs() -> None:
    ours, theirs, torch = pair()
    both = [nn.Linear(5, 7), torch.nn.Linear(5, 7)]
    with torch.no_grad():
        both[1].weight.copy_(torch.from_numpy(both[0].weight.detach().numpy().copy()))
    prune.global_unstructured([(ours, "weight"), (both[0], "weight")], prune.L1Unstructured, 0.4)
    torch.nn.utils.prune.global_unstructured(
        [(theirs, "weight"), (both[1], "weight")], torch.nn.utils.prune.L1Unstructured, amount=0.4
    )
    assert ours.weight_mask.tolist() == theirs.weight_mask.tolist()
    assert both[0].weight_mask.tolist() == both[1].weight_mask.tolist()


def test_two_of_four() -> None:
    layer = nn.Linear(16, 5)
    prune.n_of_m(layer, "weight")
    groups = layer.weight_mask.reshape(-1, 4)
    assert groups.sum(1).tolist() == [2.0] * 20
    sizes = layer.weight_orig.detach().abs().reshape(-1, 4)
    kept, gone = tp.where(groups > 0, sizes, 9.0).amin(1), tp.where(groups > 0, -1.0, sizes).amax(1)
    assert (kept >= gone).all().item()


def test_random_masks_have_the_amount() -> None:
    layer = prune.random_unstructured(nn.Linear(10, 10), "weight", 0.25)
    assert layer.weight_mask.sum().item() == 75
    layer = prune.random_structured(nn.Linear(10, 6), "weight", 2, 0)
    assert sorted(layer.weight_mask.sum(1).tolist()) == [0.0, 0.0, 10.0, 10.0, 10.0, 10.0]
    assert prune.identity(nn.Linear(2, 2), "weight").weight_mask.sum().item() == 4


def test_training_keeps_the_zeros() -> None:
    layer = prune.l1_unstructured(nn.Linear(8, 8), "weight", 0.5)
    optimizer = tp.optim.SGD(layer.parameters(), lr=0.1)
    gone = layer.weight_mask == 0
    for _ in range(3):
        optimizer.zero_grad()
        layer(tp.randn(4, 8)).pow(2).sum().backward()
        optimizer.step()
    layer(tp.randn(4, 8))
    assert (layer.weight[gone] == 0).all().item() and layer.weight_orig.grad[gone].abs().sum().item() == 0
    x = tp.randn(4, 8)
    wanted = layer(x)
    original = layer.weight_orig
    prune.remove(layer, "weight")
    assert layer.weight is original and layer(x).tolist() == wanted.tolist()
    assert not prune.is_pruned(layer) and prune.sparsity(layer) == 0.5


def test_then_quantized() -> None:
    """Zeros stay zeros in a symmetric scale; a model that is still pruned says what to do first."""
    model = nn.Sequential(nn.Linear(16, 16), nn.ReLU(), nn.Linear(16, 4))
    prune.n_of_m(model[0], "weight")
    prune.n_of_m(model[2], "weight")
    assert prune.is_pruned(model)
    with pytest.raises(QuantizationError) as caught:
        quantization.quantize_weights(model)
    assert str(caught.value) == (
        "parameter 'weight' of layer '0' is pruned; make that permanent first, with "
        "tensorplug.nn.utils.prune.remove_all(model)"
    )
    prune.remove_all(model)
    made = quantization.quantize_weights(model, bits=4, group_size=8)
    assert prune.sparsity(made) >= 0.5
    assert (made(tp.ones(1, 16)) - model(tp.ones(1, 16))).abs().max().item() < 0.5


def test_errors() -> None:
    def error(kind: Any, function: Any, *args: Any) -> str:
        with pytest.raises(kind) as caught:
            function(*args)
        return str(caught.value)

    layer = nn.Linear(6, 4)
    assert error(SignatureError, prune.l1_unstructured, layer, "wieght", 0.5) == (
        "prune: Linear has no parameter 'wieght'; its parameters are 'weight', 'bias'"
    )
    assert error(ShapeError, prune.l1_unstructured, layer, "weight", 1.5) == (
        "prune: amount=1.5 is no part of a whole; give 0.0 to 1.0, or an int"
    )
    assert error(ShapeError, prune.l1_unstructured, layer, "weight", 25) == (
        "prune: amount=25 elements should be dropped of 24; give 0 to 24"
    )
    assert error(SignatureError, prune.l1_unstructured, layer, "weight", "half") == (
        "prune: amount must be a number, not str; give a part from 0.0 to 1.0, or how many elements"
    )
    assert error(IndexRangeError, prune.ln_structured, layer, "weight", 1, 2, 2) == (
        "prune: dim 2 is no dimension of a parameter of shape [4, 6]; give one of -2 to 1"
    )
    assert error(ShapeError, prune.n_of_m, layer, "weight") == (
        "prune: 2 of every 4 cannot be kept in a parameter of shape [4, 6]; n must be 1 to m, "
        "and m divide the last dimension"
    )
    assert error(ShapeError, prune.custom_from_mask, layer, "weight", tp.ones(6, 4)) == (
        "prune: the mask has shape [6, 4], parameter 'weight' [4, 6]; they must be the same"
    )
    assert error(SignatureError, prune.remove, layer, "weight") == (
        "prune: parameter 'weight' of Linear is not pruned; is_pruned(module) tells"
    )
