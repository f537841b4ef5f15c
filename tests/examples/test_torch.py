"""PyTorch's devices: every op of the table, memory, and what its library lacks."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from op_on_device import compare, paths, refusals

import tensorplug as tp
from tensorplug_dispatcher.errors import OutOfMemoryError
from tensorplug_dispatcher.layout import strided
from tensorplug_dispatcher.ops import OPS, F
from tensorplug_dispatcher.tensor import from_storage

pytestmark = pytest.mark.filterwarnings("ignore:.*degrees of freedom is <= 0")
CPU = f"torch:{torch.accelerator.device_count() if torch.accelerator.is_available() else 0}"
CORE = {"to_device"}


@pytest.fixture(autouse=True)
def plugin(examples: None) -> Iterator[None]:
    yield
    gc.collect()
    tp.devices.unload("torch", move_to="cpu")


@pytest.mark.slow
def test_every_op_of_the_table() -> None:
    """Values, dtypes, shapes, strides and refusals of all samples; ops of T0 to T3 by the device alone."""
    problems = []
    for name, op in OPS.items():
        before = paths(name, CPU)
        found = compare(name, CPU) + refusals(name, CPU)
        ran = paths(name, CPU) - before
        if op.tier < 4 and not op.is_view and name not in CORE and set(ran) != {"native"}:
            found.append(f"ran {dict(ran)}, not native alone")
        problems += [f"{name}: {text}" for text in found]
    assert not problems, "\n".join(problems)


def test_a_step_of_training_is_that_of_the_host() -> None:
    def losses(device: str) -> list[float]:
        tp.manual_seed(0)
        model = tp.nn.Sequential(tp.nn.Conv2d(1, 4, 3), tp.nn.ReLU(), tp.nn.Flatten(), tp.nn.Linear(144, 3))
        model.to(device)
        optimizer = tp.optim.AdamW(model.parameters(), lr=0.01)
        x, target = tp.randn(8, 1, 8, 8, device=device), tp.randint(0, 3, (8,), device=device)
        found = []
        for _ in range(4):
            optimizer.zero_grad()
            loss = tp.nn.functional.cross_entropy(model(x), target)
            loss.backward()
            optimizer.step()
            found.append(loss.item())
        return found

    tp.devices.reset_report()
    there = losses(CPU)
    ran = {(op, path) for op, kind, path, _, _ in tp.devices.report() if kind == "torch"}
    assert there == pytest.approx(losses("cpu"), rel=1e-5)
    assert {("conv_weight_grad", "native"), ("relu", "native"), ("adam_step", "native")} <= ran
    assert "host" not in {path for _, path in ran}


def test_backwards_and_repeated() -> None:
    """Negative strides, which PyTorch has not, are read and written."""
    x = tp.arange(6.0, device=CPU)
    back: Any = from_storage(x.storage, strided((3,), (-2,), x.dtype), 5)
    assert F.copy(back).tolist() == [5, 3, 1]
    back.add_(10)
    assert x.tolist() == [0, 11, 2, 13, 4, 15]
    assert x[1:2].expand(3).sum().item() == 33


def test_the_last_write_to_a_place_stays() -> None:
    x = tp.zeros(3, device=CPU)
    index = tp.tensor([1] * 5000 + [0, 1], device=CPU)
    found = x.scatter(0, index, tp.arange(5002.0, device=CPU))
    assert found.tolist() == [5000, 5001, 0]


def test_memory_that_there_is_not() -> None:
    with pytest.raises(OutOfMemoryError, match=f"device '{CPU}' is out of memory"):
        tp.empty(1 << 48, device=CPU)
    assert tp.ones(2, device=CPU).tolist() == [1, 1]


def test_devices_say_what_they_are() -> None:
    line = next(line for line in tp.devices.table(load=True).splitlines() if line.startswith(CPU))
    assert f"PyTorch's CPU (PyTorch {torch.__version__}, cpu)" in line
