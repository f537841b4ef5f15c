"""The device ``meta``: a program's shapes, dtypes and memory without its numbers."""

from __future__ import annotations

import pytest

import tensorplug as tp
from tensorplug import nn


def test_a_training_step_without_numbers() -> None:
    layers = nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 36, 10)
    model = nn.Sequential(*layers)
    model.to("meta")
    optimizer = tp.optim.AdamW(model.parameters())
    images, classes = tp.empty(2, 3, 8, 8, device="meta"), tp.zeros(2, dtype=tp.int64, device="meta")
    loss = nn.functional.cross_entropy(model(images), classes)
    loss.backward()
    optimizer.step()
    assert loss.shape == () and loss.dtype is tp.float32 and loss.is_meta
    assert {p.grad.shape == p.shape and p.grad.is_meta for p in model.parameters()} == {True}


def test_memory_is_counted_and_not_taken() -> None:
    huge = tp.empty(1 << 40, device="meta")
    assert (huge * 2 + huge).sum().shape == () and huge.nbytes == 1 << 42
    del huge
    before = tp.device("meta").allocated
    kept = tp.zeros(1024, 8, device="meta") @ tp.zeros(8, 16, device="meta")
    assert tp.device("meta").allocated - before == kept.nbytes


@pytest.mark.parametrize(
    "look",
    [
        lambda x: x.tolist(),
        lambda x: x.cpu(),
        lambda x: x.sum().item(),
        lambda x: x.nonzero(),
        lambda x: bool(x.any()),
        lambda x: tp.cat([x, x]).tolist(),
    ],
)
def test_no_look_at_numbers(look: object) -> None:
    with pytest.raises(tp.DeviceError, match="Cannot copy out of meta tensor; no data!"):
        look(tp.ones(2, 2, device="meta"))  # type: ignore[operator]


def test_made_there_and_filled_elsewhere() -> None:
    with tp.device("meta"):
        layer = nn.Linear(3, 2)
    assert layer.weight.is_meta and tp.tensor([1.0, 2.0], device="meta").shape == (2,)
    layer.to_empty(device="cpu")
    nn.init.ones_(layer.weight)
    nn.init.zeros_(layer.bias)
    assert layer(tp.ones(1, 3)).tolist() == [[3.0, 3.0]]


def test_it_prints_and_mixes_with_nothing() -> None:
    x = tp.ones(2, device="meta")
    assert repr(x) == "tensor(..., device='meta', size=(2,))" and str(x.device) == "meta:0"
    with pytest.raises(tp.DeviceMismatchError):
        x + tp.ones(2)
