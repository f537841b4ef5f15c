"""``tensorplug devices``, ``explain`` and ``demo``."""

from __future__ import annotations

from pathlib import Path

import pytest

import tensorplug as tp
from tensorplug.cli import main


def test_devices(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["devices"]) == 0
    shown = capsys.readouterr().out
    assert "device  plugin" in shown and "cpu:0  host processor" in shown and "mirror:1  loopback" in shown
    assert main(["devices", "--quick"]) == 0
    assert "devices:" not in capsys.readouterr().out


def test_explain(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "conv2d", "--device", "mirror", "--dtype", "float32"]) == 0
    shown = capsys.readouterr().out
    assert "on mirror:0 for float32" in shown and "→ decomposed into lower-tier ops" in shown
    assert main(["explain", "add", "--device", "cpu", "--dtype", "tensorplug.int64"]) == 0
    assert "→ native: provider" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "status", "reason"),
    [
        (["explain", "ad"], 1, "no op is called 'ad'; did you mean"),
        (["explain", "add", "--device", "nowhere"], 1, "no installed plugin offers device type 'nowhere'"),
        (["explain", "add", "--dtype", "float31"], 2, "no dtype is called 'float31'; there are bool, uint8"),
    ],
)
def test_what_is_wrong_is_said(
    capsys: pytest.CaptureFixture[str], arguments: list[str], status: int, reason: str
) -> None:
    assert main(arguments) == status
    assert reason in capsys.readouterr().err


def test_the_demo_needs_an_epoch_before_and_after_the_move(capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("matplotlib", "sklearn", "tqdm"):
        pytest.importorskip(name)
    assert main(["demo", "--epochs", "2"]) == 1
    assert "needs 3 epochs or more to move and return, not 2" in capsys.readouterr().out


@pytest.mark.slow
def test_the_demo_moves_and_learns_the_same(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("matplotlib", "sklearn", "tqdm"):
        pytest.importorskip(name)
    picture = tmp_path / "demo.png"
    policy = tp.devices.host_policy()
    assert main(["demo", "--epochs", "3", "--picture", str(picture)]) == 0
    shown = capsys.readouterr().out
    assert "moves: to mirror:0 before step 22, to cpu before step 44" in shown
    assert all(path in shown for path in ("native", "decomposed", "host"))
    assert picture.read_bytes().startswith(b"\x89PNG") and tp.devices.host_policy() == policy
