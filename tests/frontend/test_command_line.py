"""``tensorplug devices``, ``explain`` and ``demo``."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

import tensorplug as tp
from tensorplug.cli import main


def test_devices() -> None:
    """In a process of its own: other tests may have installed devices here that are not well."""
    command = [sys.executable, "-m", "tensorplug", "devices", "--check"]
    shown = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    lines = {line.split()[0]: line for line in shown.splitlines() if line}
    assert lines["device"].split()[:4] == ["device", "state", "plugin", "API"]
    assert "host processor" in lines["cpu"] and "loopback (host memory, poisoned)" in lines["mirror:1"]
    assert "\nmirror:0: ready; 1048576 bytes there and back in " in shown


def test_devices_without_loading_any() -> None:
    """The table that reads metadata alone imports no plugin."""
    program = (
        "import sys; from tensorplug.cli import main\n"
        "assert main(['devices', '--quick']) == 0\n"
        "assert not {'tensorplug_cpu', 'tensorplug_mirror', 'numpy'} & set(sys.modules)\n"
    )
    shown = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout
    assert re.search(r"^mirror +installed +tensorplug \S+ +- +- +- +-$", shown, re.M)


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
def test_the_demo_moves_and_learns_the_same(
    tmp_path: Path, minimal: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("matplotlib", "sklearn", "tqdm"):
        pytest.importorskip(name)
    picture = tmp_path / "demo.png"
    policy = tp.devices.host_policy()
    assert main(["demo", "--epochs", "3", "--device", minimal, "--picture", str(picture)]) == 0
    shown = capsys.readouterr().out
    assert "moves: to minimal:0 before step 22, to cpu before step 44" in shown
    assert all(path in shown for path in ("native", "decomposed", "host"))
    assert picture.read_bytes().startswith(b"\x89PNG") and tp.devices.host_policy() == policy
