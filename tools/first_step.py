"""A network learns and a device answers: what a wheel must be able to do where nothing but it is installed.

``.github/workflows/release.yml`` runs it on every wheel, ``tests/test_wheel.py`` on one.
"""

from __future__ import annotations

import sys
from pathlib import Path

import tensorplug as tp
import tensorplug_dispatcher.plans
from tensorplug import nn


def main() -> None:
    compiled = tensorplug_dispatcher.plans.__file__
    assert Path(compiled).suffix != ".py", f"nothing is compiled: {compiled}"
    tp.manual_seed(0)
    model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 1))
    optimizer = tp.optim.Adam(model.parameters(), lr=0.05)
    x = tp.randn(32, 8)
    y = x.sum(1, keepdim=True)
    losses = []
    for _ in range(10):
        optimizer.zero_grad()
        loss = nn.functional.mse_loss(model(x), y)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0], losses
    model.to("mirror:0")
    assert model(x.to("mirror:0")).shape == (32, 1)
    here = f"tensorplug {tp.__version__} on Python {sys.version.split()[0]}"
    print(f"{here}: {losses[0]:.3f} -> {losses[-1]:.3f}")


if __name__ == "__main__":
    main()
