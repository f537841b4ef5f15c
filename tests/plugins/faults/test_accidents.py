"""Plugins that are broken, processes that fork in the midst of work, files that end too early."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pytest

import tensorplug as tp
import tensorplug_faults as faults

WHY = {
    "import raises": "could not be imported: OSError: injected: no board in slot 3",
    "missing symbol": "could not be imported: AttributeError:",
    "hanging start": "had not finished loading after 0.5 s",
    "zero devices": "it found no device",
    "older api": "was written for plugin API 0.9, but this tensorplug has 1.1",
    "newer api": "needs plugin API 2.0, but this tensorplug has 1.1",
    "duplicate name": "is claimed by other-",
}


@pytest.mark.parametrize("fault", faults.BROKEN)
def test_a_broken_plugin_says_why_and_harms_nothing(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TENSORPLUG_PLUGIN_TIMEOUT", "0.5")
    name = f"broken{list(faults.BROKEN).index(fault)}"
    with faults.install(fault, name) as installation:
        began = time.monotonic()
        with pytest.raises((tp.PluginError, tp.DeviceError)) as caught:
            tp.ones(2, device=name)
        assert WHY[fault] in str(caught.value) and name in str(caught.value)
        assert time.monotonic() - began < 20
        assert tp.ones(2).tolist() == [1, 1] and tp.ones(2, device="mirror").tolist() == [1, 1]
    assert not installation.folder.exists()
    if fault in ("hanging start", "zero devices"):
        return  # what was loaded, or still loads, stays known
    with pytest.raises(tp.UnknownDeviceError, match=f"no installed plugin offers device type '{name}'"):
        tp.ones(2, device=name)


def test_an_unknown_way_to_be_broken() -> None:
    with pytest.raises(ValueError, match="no broken plugin is known as 'rusty'; there are 'import raises', "):
        faults.install("rusty")


# -- fork ----------------------------------------------------------------------------------------------------


def train(device: str) -> float:
    x = tp.ones(200, 200, device=device)
    weight = tp.full((200, 200), 0.01, device=device, requires_grad=True)
    (x @ weight).sum().backward()
    return weight.grad.sum().item()


@pytest.mark.parametrize("device", ["cpu", "faulty-mirror"])
def test_a_forked_child_works(device: str) -> None:
    faults.wrap("mirror")
    wanted = train(device)  # starts threads and queues
    assert faults.forked(lambda: train(device)) == faults.Outcome("returned", repr(wanted))
    assert train(device) == wanted


def test_a_device_whose_driver_does_not_survive_a_fork(monkeypatch: pytest.MonkeyPatch) -> None:
    faults.wrap("mirror")
    x = tp.ones(3, device="faulty-mirror:1")
    monkeypatch.setattr(x.device.runtime.runtime.inner, "survives_fork", False, raising=False)
    outcome = faults.forked(lambda: x + x)
    assert outcome.status == "raised"
    assert outcome.text.startswith(
        "DeviceLostError: add() cannot run on faulty-mirror:1: the process was forked, and in the child its "
        "driver no longer works; start processes with the method 'spawn', or use the device in one of both "
        "only."
    )
    assert (x + x).tolist() == [2, 2, 2]


def test_a_child_that_is_forked_while_a_move_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    import threading

    from tensorplug_dispatcher.devices import migration

    x = tp.ones(100)
    moving, forked = threading.Event(), threading.Event()
    real = migration.copied

    def slowly(*args: Any) -> Any:
        moving.set()
        forked.wait(30)
        return real(*args)

    monkeypatch.setattr(migration, "copied", slowly)
    thread = threading.Thread(target=lambda: tp.migrate(x, "mirror"), daemon=True)
    thread.start()
    assert moving.wait(10)
    try:
        outcome = faults.forked(lambda: (tp.ones(3) + 1).tolist(), timeout=10)
    finally:
        forked.set()
        thread.join(10)
    assert outcome == faults.Outcome("returned", "[2.0, 2.0, 2.0]") and str(x.device) == "mirror:0"


def test_what_becomes_of_a_child() -> None:
    assert faults.forked(lambda: 1 / 0) == faults.Outcome("raised", "ZeroDivisionError: division by zero")
    assert faults.forked(lambda: time.sleep(60), timeout=0.2).status == "hung"
    assert faults.forked(lambda: os._exit(3)) == faults.Outcome("died", "without a word")


# -- files ---------------------------------------------------------------------------------------------------


def test_a_truncated_checkpoint_is_refused_as_a_whole(tmp_path: Path) -> None:
    model = tp.nn.Linear(20, 20)
    before = model.weight.tolist()
    path = tmp_path / "model.safetensors"
    tp.save(tp.nn.Linear(20, 20).state_dict(), path)
    size = path.stat().st_size
    whole = path.read_bytes()
    for keep in (0, 4, 8, 60, size // 2, size - 1, -64):
        path.write_bytes(whole)
        faults.truncate(path, keep)
        with pytest.raises(tp.TensorplugError, match=f"cannot load '{path}'"):
            model.load_state_dict(tp.load(path))
        assert model.weight.tolist() == before
