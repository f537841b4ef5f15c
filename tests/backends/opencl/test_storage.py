"""Copies between layouts, joining, and steps of optimizers in place."""

from __future__ import annotations

from typing import Any

import pytest

import tensorplug as tp
from tensorplug_dispatcher.explanation import report
from tensorplug_dispatcher.ops import F

DEVICE = "opencl:0"


@pytest.mark.parametrize("dtype", [tp.uint8, tp.float16, tp.float32, tp.int64])
@pytest.mark.parametrize("shape", [(8, 9), (33, 65), (100, 31), (257, 40)])
def test_transposed(shape: tuple[int, int], dtype: Any) -> None:
    x = tp.randint(0, 100, shape).to(dtype)
    y = x.to(DEVICE)
    views = (
        lambda t: t.t(),
        lambda t: t.t()[3:, 1:],
        lambda t: t[1:, ::2].t(),
        lambda t: t.flip(0).t(),
        lambda t: t.view(1, *shape).expand(3, *shape).permute(0, 2, 1),
    )
    for view in views:
        assert view(y).contiguous().cpu().tolist() == view(x).contiguous().tolist()
    folded = tp.randint(0, 100, (4, 9, 3, 33)).to(dtype)
    for order in ((2, 3, 0, 1), (3, 1, 0, 2), (0, 2, 1, 3), (0, 3, 1, 2), (3, 2, 1, 0)):
        found = folded.to(DEVICE).permute(*order).contiguous().cpu()
        assert found.tolist() == folded.permute(*order).contiguous().tolist(), order


def test_joined() -> None:
    parts = [tp.rand(5, n, 3) for n in (1, 4, 0, 2)] + [tp.rand(3, 2, 5).permute(2, 1, 0)]
    moved = [x.to(DEVICE) for x in parts]
    assert tp.cat(moved, 1).cpu().tolist() == tp.cat(parts, 1).tolist()
    mixed = [parts[0].half(), parts[1].double(), parts[3].int()]
    found = tp.cat([x.to(DEVICE) for x in mixed], 1).cpu()
    assert found.dtype is tp.float64 and found.tolist() == tp.cat(mixed, 1).tolist()
    same = [tp.rand(6, 7), tp.rand(7, 6).t(), tp.rand(6, 14)[:, ::2]]
    for dim in (0, 1, 2, -1):
        assert tp.stack([x.to(DEVICE) for x in same], dim).cpu().tolist() == tp.stack(same, dim).tolist()


def test_small_innermost_dimensions_and_large_offsets() -> None:
    base = tp.rand(300_000)
    moved = base.to(DEVICE)
    for view in (
        lambda t: t[7:30_007].view(-1, 3) * t[:3],
        lambda t: t[1:200_001].view(2, 50_000, 2)[:, ::3, 1] + 1,
        lambda t: t[:120].view(2, 3, 4, 5).permute(3, 1, 0, 2) - t[5:10].view(5, 1, 1, 1),
        lambda t: t[250_000:].sin() + (t[:50_000] * 1e7).cos(),
    ):
        found = view(moved).cpu()
        assert tp.allclose(found, view(base), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("optimizer", ["SGD", "Adam", "AdamW"])
def test_optimizers_step_in_place_on_the_device(optimizer: str) -> None:
    results = []
    for device in ("cpu", DEVICE):
        tp.manual_seed(0)
        start = tp.randn(37, 5)
        weight = start.to(device).requires_grad_()
        options = {"momentum": 0.9} if optimizer == "SGD" else {}
        step = getattr(tp.optim, optimizer)([weight], lr=0.1, **options)
        where = weight.data_ptr() if device == "cpu" else weight.storage.handle
        for _ in range(3):
            step.zero_grad()
            (weight * weight).mul(0.5).backward(tp.ones(37, 5, device=device))
            step.step()
        assert where == (weight.data_ptr() if device == "cpu" else weight.storage.handle)
        results.append(weight.detach().cpu())
    assert tp.allclose(*results, rtol=1e-6, atol=1e-6)
    op = {"SGD": "sgd_momentum_step"}.get(optimizer, "adam_step")
    ran = [entry for entry in report() if getattr(entry, "op", "") == op and "opencl" in str(entry)]
    assert all("native" in str(entry) for entry in ran)


def test_a_step_into_other_tensors() -> None:
    x, g = tp.rand(100), tp.rand(100)
    y, h = x.to(DEVICE), g.to(DEVICE)
    F.sgd_step.call_into((y, h, 0.1, 0.01, False), (y,))
    F.sgd_step.call_into((x, g, 0.1, 0.01, False), (x,))
    assert tp.allclose(y.cpu(), x, rtol=1e-6, atol=0)
