"""Small models learn in bfloat16 and float16 as they do in float32, on every device."""

from __future__ import annotations

from typing import Any

import pytest
from sequences import Characters, digit_rows, language_model, row_classifier

import tensorplug as tp

nn = tp.nn
DEVICES = ("cpu", "mirror:0", "opencl:0")
LOW = (tp.bfloat16, tp.float16)


def place(name: str) -> Any:
    try:
        return tp.device(name)
    except tp.UnknownDeviceError as error:  # no OpenCL platform on this machine
        pytest.skip(str(error))


def mlp() -> Any:
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 64), nn.LayerNorm(64), nn.ReLU(), nn.Linear(64, 10))


def cnn() -> Any:
    return nn.Sequential(
        nn.Unflatten(1, (1, 8)), nn.Conv2d(1, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(8, 16, 3, padding=1), nn.ReLU(), nn.AvgPool2d(2), nn.Flatten(), nn.Linear(64, 10),
    )  # fmt: skip


def transformer() -> Any:
    return row_classifier(tp, width=16, heads=2, layers=1)


def train(build: Any, device: Any, dtype: Any, steps: int) -> tuple[list[float], Any]:
    """The losses, and the model; dtype None is float32 without a region."""
    tp.manual_seed(0)
    (rows, labels), _ = digit_rows()
    model = build().to(device)
    optimizer = tp.optim.Adam(model.parameters(), lr=5e-3)
    scaler = tp.amp.GradScaler(device, enabled=dtype is tp.float16, init_scale=1024.0, growth_interval=10)
    found = []
    for step in range(steps):
        at = step * 64 % (len(labels) - 64)
        x, y = rows[at : at + 64].to(device), labels[at : at + 64].to(device)
        with tp.autocast(device.type, dtype, enabled=dtype is not None):
            out = model(x)
            loss = nn.functional.cross_entropy(out, y)
        if dtype is not None:
            assert out.dtype is dtype and loss.dtype is tp.float32
        optimizer.zero_grad()
        scaler.scale(loss).backward()
        scaler.step(optimizer)
        scaler.update()
        found.append(loss.item())
    assert all(p.dtype is tp.float32 and p.grad.dtype is tp.float32 for p in model.parameters())
    return found, model


@pytest.mark.parametrize("dtype", LOW, ids=lambda d: d.name)
@pytest.mark.parametrize("build", [mlp, cnn, transformer], ids=lambda f: f.__name__)
@pytest.mark.parametrize("name", DEVICES)
def test_models_learn_in_low_precision(name: str, build: Any, dtype: Any) -> None:
    device = place(name)
    steps = 40 if name == "cpu" else 12
    wide, _ = train(build, device, None, steps)
    low, _ = train(build, device, dtype, steps)
    assert low[0] == pytest.approx(wide[0], rel=0.02)
    assert sum(low[-4:]) == pytest.approx(sum(wide[-4:]), rel=0.12)
    assert sum(low[-4:]) / 4 < (0.7 if name == "cpu" else 0.95) * low[0]


def test_what_is_learnt_in_bfloat16_is_right_in_float32() -> None:
    _, (held_out, answers) = digit_rows()
    _, model = train(cnn, tp.device("cpu"), tp.bfloat16, 60)
    model.eval()
    with tp.no_grad():
        accuracy = float((model(held_out).argmax(1) == answers).float().mean())
        with tp.autocast("cpu"):
            low = float((model(held_out).argmax(1) == answers).float().mean())
    assert accuracy > 0.8 and abs(accuracy - low) < 0.03


def test_a_language_model_after_500_steps() -> None:
    text = Characters()
    means = []
    for low in (False, True):
        tp.manual_seed(0)
        model = language_model(tp, text.vocabulary, 32, 2, 1, 16)
        optimizer = tp.optim.AdamW(model.parameters(), lr=3e-3)
        losses = []
        for step in range(500):
            inputs, targets = text.batch(8, 16, step)
            with tp.autocast("cpu", tp.bfloat16, enabled=low):
                loss = nn.functional.cross_entropy(model(inputs).flatten(0, 1), targets.flatten())
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        means.append(sum(losses[-50:]) / 50)
    assert means[1] == pytest.approx(means[0], rel=0.01)
