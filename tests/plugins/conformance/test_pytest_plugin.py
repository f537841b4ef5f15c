"""The kit as a pytest plugin, as a stranger runs it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tensorplug_conformance import mutants

KIT = ["--pyargs", "tensorplug_conformance"]


def pytest_of(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *arguments]
    given = {**os.environ, **environment}
    return subprocess.run(command, capture_output=True, text=True, cwd=folder, env=given, timeout=200)


@pytest.mark.parametrize("workers", [[], ["-n", "2"]])
def test_a_right_device_passes(workers: list[str], tmp_path: Path) -> None:
    ran = pytest_of(tmp_path, *KIT, "--device", "mirror:0", "--suite", "S0", "--suite", "S1", *workers)
    assert ran.returncode == 0, ran.stdout
    assert "conformance: mirror:0, depth smoke, seed 0" in ran.stdout
    assert " passed" in ran.stdout and "failed" not in ran.stdout


def test_a_wrong_device_fails_and_says_how_to_run_it_again(tmp_path: Path) -> None:
    with mutants.install() as installed:
        path = os.pathsep.join([str(installed.folder), *filter(None, [os.environ.get("PYTHONPATH")])])
        arguments = ["--device", "mutant-last-tie:0", "--suite", "S2", "-k", "argmax and int64"]
        ran = pytest_of(tmp_path, *KIT, *arguments, PYTHONPATH=path)
    assert ran.returncode == 1, ran.stdout
    assert (
        "to run it again: tensorplug conformance run mutant-last-tie:0 --depth smoke --case S2/argmax/int64/"
        in (ran.stdout)
    )


def test_other_tests_may_have_an_option_of_that_name(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text("def pytest_addoption(parser): parser.addoption('--device')\n")
    (tmp_path / "test_own.py").write_text(
        "def test_own(request): assert request.config.getoption('--device') == 'mine'\n"
    )
    ran = pytest_of(tmp_path, "--device", "mine", "test_own.py")
    assert ran.returncode == 0 and "1 passed" in ran.stdout, ran.stdout
