"""Whole models train as in torch: the same losses step by step, from the same parameters on the same data.

A bias before batch normalisation has a gradient of rounding errors, which Adam makes as large as any; so
there is none.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tensorplug as tp

torch = pytest.importorskip("torch")


def perceptron(nn: Any) -> Any:
    return nn.Sequential(
        nn.Linear(12, 16),
        nn.ReLU(),
        nn.BatchNorm1d(16),
        nn.Linear(16, 16),
        nn.GELU(),
        nn.LayerNorm(16),
        nn.Linear(16, 4),
    )


def convolutional(nn: Any) -> Any:
    return nn.Sequential(
        nn.Unflatten(1, (1, 3, 4)),
        nn.Conv2d(1, 4, 3, padding=1, bias=False),
        nn.BatchNorm2d(4),
        nn.SiLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(4, 6, 1),
        nn.GroupNorm(2, 6),
        nn.Tanh(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(6, 4),
    )


def attentive(nn: Any) -> Any:
    class Block(nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.embed = nn.Linear(4, 8)
            self.norm = nn.RMSNorm(8)
            self.attention = nn.MultiheadAttention(8, 2, batch_first=True)
            self.head = nn.Linear(8, 4)

        def forward(self, x: Any) -> Any:
            x = self.embed(x.reshape(-1, 3, 4))
            y = self.norm(x)
            x = x + self.attention(y, y, y, need_weights=False)[0]
            return self.head(x.mean(1))

    return Block()


TRAININGS: dict[str, Any] = {
    "Adam": lambda lib, params: lib.optim.Adam(params, lr=0.01),
    "AdamW": lambda lib, params: lib.optim.AdamW(params, lr=0.01, amsgrad=True),
    "SGD": lambda lib, params: lib.optim.SGD(params, lr=0.05, momentum=0.9, nesterov=True, weight_decay=1e-3),
    "RMSprop": lambda lib, params: lib.optim.RMSprop(params, lr=0.003),
}


def train(lib: Any, model: Any, make: Any, steps: int = 12) -> list[float]:
    rng = np.random.default_rng(0)
    optimizer = make(lib, model.parameters())
    schedule = (
        lib.optim.lr_scheduler.OneCycleLR(optimizer, 0.02, steps) if make is TRAININGS["Adam"] else None
    )
    criterion = lib.nn.CrossEntropyLoss(label_smoothing=0.1)
    losses = []
    for _ in range(steps):
        x = lib.tensor(rng.normal(size=(8, 12)).astype("float32"))
        y = lib.tensor(rng.integers(0, 4, 8))
        optimizer.zero_grad()
        loss = criterion(model(x), y)
        loss.backward()
        lib.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        if schedule is not None:
            schedule.step()
        losses.append(float(loss.detach()))
    model.eval()
    with lib.no_grad():
        losses.append(float(model(lib.ones(3, 12)).sum()))
    return losses


@pytest.mark.parametrize("optimizer", TRAININGS)
@pytest.mark.parametrize("build", [perceptron, convolutional, attentive])
def test_losses(build: Any, optimizer: str) -> None:
    torch.manual_seed(0)
    theirs = build(torch.nn)
    own = build(tp.nn)
    own.load_state_dict({k: tp.from_numpy(v.detach().numpy().copy()) for k, v in theirs.state_dict().items()})
    expected = train(torch, theirs, TRAININGS[optimizer])
    np.testing.assert_allclose(train(tp, own, TRAININGS[optimizer]), expected, rtol=2e-3, atol=2e-3)
    assert expected[0] != pytest.approx(expected[-2], rel=0.01)
