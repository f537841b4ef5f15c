"""Random programs: devices that are right agree, wrong ones are shown by a small file that runs by itself."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import tensorplug as tp
from tensorplug.__main__ import main
from tensorplug_conformance import fuzz, mutants


def test_right_devices_agree(tmp_path: Path) -> None:
    assert fuzz.fuzz("cpu", "reference", 3, 60, tmp_path) is None


def test_any_choices_make_a_program() -> None:
    """Every kind of step with every first choice, after one another."""
    program = [
        (kind, a, b, c) for kind in range(8) for a in (0, 3) for b in range(10) for c in range(0, 60, 7)
    ]
    for start in range(0, len(program), 40):
        lines, _ = fuzz.render(program[start : start + 40])
        assert fuzz.compare(lines, "cpu", "mirror:0") is None


@pytest.mark.parametrize("name", ["ignores-offset", "last-tie", "exclusive-scan"])
def test_a_wrong_device_is_shown_by_a_small_file(name: str, tmp_path: Path, monkeypatch: Any) -> None:
    with mutants.install() as installed:
        device = f"mutant-{name}:0"
        try:
            failure = fuzz.fuzz(device, "cpu", 1, 300, tmp_path / "kept")
            assert failure is not None and device in failure.message
            assert len(failure.lines) <= 6, failure.lines
            again = fuzz.fuzz(device, "cpu", 2, 1, tmp_path / "kept")
            assert again is not None, "a failure that was kept is not tried again"
        finally:
            tp.devices.unload(f"mutant-{name}")
        path = fuzz.save(failure, device, "cpu", tmp_path)
        monkeypatch.setenv("PYTHONPATH", str(installed.folder))
        ran = subprocess.run([sys.executable, str(path)], capture_output=True, text=True)
        assert ran.returncode == 1 and f"AssertionError: {failure.message.split()[0]}" in ran.stderr, (
            ran.stderr
        )
    right = fuzz.save(fuzz.Failure(failure.lines, ""), "mirror:0", "cpu", tmp_path)
    assert subprocess.run([sys.executable, str(right)], capture_output=True).returncode == 0


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: Any) -> None:
    monkeypatch.setenv("TENSORPLUG_CACHE", str(tmp_path))
    arguments = ["conformance", "fuzz", "mirror:0", "--against", "cpu", "--seed", "4", "--count", "20"]
    assert main(arguments) == 0
    assert capsys.readouterr().out == "seed 4, 20 programs on mirror:0 and cpu\nthey agree\n"


def test_out_that_is_an_operand_is_not_resized() -> None:
    x = tp.ones(4)
    with pytest.raises(tp.ShapeError) as caught:
        tp.sub(x, tp.ones(3, 4), out=x)
    assert str(caught.value) == (
        "output with shape [4] doesn't match the broadcast shape [3, 4] of sub(), and cannot be resized "
        "because it is an operand too; give another tensor as out="
    )
    assert x.tolist() == [1.0] * 4
