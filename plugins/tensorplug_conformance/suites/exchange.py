"""S9: state that leaves the device and comes back: checkpoints, DLPack, NumPy, migration."""

from __future__ import annotations

import copy
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import tensorplug as tp

from ..case import PASS, Case, Result, check


def cases(device: str, depth: str) -> Iterator[Case]:
    for name, run in {
        "checkpoint": _checkpoint,
        "checkpoint-optimizer": _optimizer,
        "truncated": _truncated,
        "dlpack": _dlpack,
        "numpy": _numpy,
        "module-to": _module_to,
        "migrate": _migrate,
        "migrate-graph": _migrate_graph,
        "migrate-shared": _migrate_shared,
    }.items():
        yield Case(f"S9/{name}/float32/one", run)


def _model(device: str) -> Any:
    tp.manual_seed(0)
    # no bias before the norm: its gradient is nothing but rounding, which Adam makes steps of
    first = tp.nn.Linear(6, 5, bias=False)
    model = tp.nn.Sequential(first, tp.nn.BatchNorm1d(5), tp.nn.ReLU(), tp.nn.Linear(5, 2))
    return model.to(device)


def _state(model: Any) -> dict[str, Any]:
    return {name: value.cpu().tolist() for name, value in model.state_dict().items()}


def _checkpoint(device: str) -> Result:
    model = _model(device)
    wanted = _state(model)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.safetensors"
        tp.save(model.state_dict(), path)
        other = _model(device)
        for p in other.parameters():
            p.data.zero_()
        other.load_state_dict(tp.load(path))
    check(_state(other) == wanted, "a saved and loaded state differs")
    check(
        {p.device.type for p in other.parameters()} == {tp.device(device).type}, "parameters left the device"
    )
    return Result(PASS)


def _steps(model: Any, optimizer: Any, device: str, count: int) -> None:
    x = (tp.arange(24, dtype=tp.float32).reshape(4, 6) / 24).to(device)
    for _ in range(count):
        optimizer.zero_grad()
        (model(x) ** 2).mean().backward()
        optimizer.step()


def _optimizer(device: str) -> Result:
    model = _model(device)
    optimizer = tp.optim.Adam(model.parameters(), lr=0.01)
    _steps(model, optimizer, device, 2)
    other = _model(device)
    other.load_state_dict(model.state_dict())
    resumed = tp.optim.Adam(other.parameters(), lr=0.01)
    resumed.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    _steps(model, optimizer, device, 2)
    _steps(other, resumed, device, 2)
    check(_state(other) == _state(model), "training resumed from a checkpoint differs")
    return Result(PASS)


def _truncated(device: str) -> Result:
    """A checkpoint that is cut short is refused, and the model stays as it was."""
    model = _model(device)
    before = _state(model)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.safetensors"
        tp.save(model.state_dict(), path)
        path.write_bytes(path.read_bytes()[:-20])
        try:
            model.load_state_dict(tp.load(path))
        except (RuntimeError, ValueError, OSError):
            check(_state(model) == before, "a refused checkpoint changed the model")
            return Result(PASS)
    raise AssertionError("a checkpoint that is cut short was loaded")


def _dlpack(device: str) -> Result:
    x = tp.arange(12, dtype=tp.float32).reshape(3, 4).to(device)
    y = tp.from_dlpack(x.cpu())
    check(y.tolist() == x.cpu().tolist(), "numbers changed by way of DLPack")
    return Result(PASS)


def _numpy(device: str) -> Result:
    x = tp.arange(12, dtype=tp.float32).reshape(3, 4).to(device)
    y = tp.from_numpy(x.t().cpu().numpy()).to(device)
    check(y.cpu().tolist() == x.t().cpu().tolist(), "numbers changed by way of NumPy")
    return Result(PASS)


def _module_to(device: str) -> Result:
    model = _model("cpu")
    parameters = list(model.parameters())
    wanted = _state(model)
    model.to(device)
    check(
        all(a is b for a, b in zip(parameters, model.parameters(), strict=True)), "parameters were replaced"
    )
    check(_state(model) == wanted, "numbers changed on the way to the device")
    model.to("cpu")
    check(_state(model) == wanted, "numbers changed on the way back")
    return Result(PASS)


def _migrate(device: str) -> Result:
    """Training state moves in the midst of training, and training goes on as if it had not."""
    still = _model(device)
    keeper = tp.optim.Adam(still.parameters(), lr=0.01)
    _steps(still, keeper, device, 4)
    model = _model("cpu" if device != "cpu" else "mirror:0")
    here = str(next(model.parameters()).device)
    model.load_state_dict(_model(device).state_dict())
    optimizer = tp.optim.Adam(model.parameters(), lr=0.01)
    _steps(model, optimizer, here, 2)
    parameters = list(model.parameters())
    tp.migrate([model, optimizer], device)
    check(
        all(a is b for a, b in zip(parameters, model.parameters(), strict=True)), "parameters were replaced"
    )
    _steps(model, optimizer, device, 2)
    a, b = _state(still), _state(model)
    for name, wanted in a.items():
        _close(name, wanted, b[name])
    return Result(PASS)


def _close(name: str, wanted: Any, got: Any) -> None:
    if isinstance(wanted, list):
        for w, g in zip(wanted, got, strict=True):
            _close(name, w, g)
    else:
        check(
            abs(wanted - got) <= 1e-5 * max(1.0, abs(wanted)),
            f"{name}: {got!r} after a move, {wanted!r} without",
        )


def _migrate_graph(device: str) -> Result:
    """A backward pass works whose forward pass was before the move."""
    away = "cpu" if device != "cpu" else "mirror:0"
    x = tp.tensor([1.0, 2.0, 3.0]).to(away).requires_grad_(True)
    y = (x * x).exp().sum()
    tp.migrate([x, y], device)
    y.backward()
    z = tp.tensor([1.0, 2.0, 3.0]).requires_grad_(True)
    (z * z).exp().sum().backward()
    for got, wanted in zip(x.grad.cpu().tolist(), z.grad.tolist(), strict=True):
        check(abs(got - wanted) <= 1e-4 * abs(wanted), f"the gradient after a move is {got}, not {wanted}")
    return Result(PASS)


def _migrate_shared(device: str) -> Result:
    away = "cpu" if device != "cpu" else "mirror:0"
    base = tp.arange(12, dtype=tp.float32).reshape(3, 4).to(away)
    view = base[1:, ::2]
    tp.migrate(base, device)
    check(view.device == base.device, "a view stayed behind")
    view.zero_()
    wanted = [0, 1, 2, 3, 0, 5, 0, 7, 0, 9, 0, 11]
    check(base.cpu().reshape(-1).tolist() == wanted, "a view does not share its base's memory after a move")
    return Result(PASS)
