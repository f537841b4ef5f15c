"""Tests that need a device or a library are left out where it is not there, whichever file they are in."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
HIDDEN = ("pyopencl", "cupy", "jax", "torch", "array_api_compat", "onednn")


def run(tmp_path: Path, hidden: tuple[str, ...], *arguments: str) -> tuple[int, str]:
    """pytest in a process that finds no OpenCL platform and not the modules ``hidden``."""
    (tmp_path / "none").mkdir()
    (tmp_path / "sitecustomize.py").write_text(
        "import sys\n"
        "class Hidden:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        f"        if name.partition('.')[0] in {hidden!r}:\n"
        "            raise ModuleNotFoundError(f'No module named {name!r}', name=name)\n"
        "sys.meta_path.insert(0, Hidden())\n"
        "import importlib.util as util\n"
        "find_spec = util.find_spec\n"
        "util.find_spec = lambda name, package=None: (\n"
        f"    None if name in {hidden!r} else find_spec(name, package))\n"
    )
    environment = {
        name: value
        for name, value in os.environ.items()
        if name == "TENSORPLUG_PURE" or not name.startswith(("TENSORPLUG_", "PYTEST_", "POCL_"))
    }
    environment["PYTHONPATH"] = str(tmp_path)
    environment |= {"OCL_ICD_VENDORS": str(tmp_path / "none"), "OPENCL_VENDOR_PATH": str(tmp_path / "none")}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-q", *arguments],
        check=False,
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
    )
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("hidden", [("cupy",), HIDDEN], ids=["library without a device", "neither"])
def test_no_test_of_a_device_fails_where_it_is_not(tmp_path: Path, hidden: tuple[str, ...]) -> None:
    # what needs no device and takes long runs where it is
    status, shown = run(
        tmp_path, hidden, "tests/backends/opencl", "tests/backends/cuda", "-k", "not every_variant_is_made"
    )
    assert status == 0, shown
    assert "there is no OpenCL device" in shown
    for path in sorted((ROOT / "tests/backends/opencl").glob("test_*.py")):
        if path.name != "test_absent.py":
            assert f"tests/backends/opencl/{path.name}: the whole file" in shown


def test_what_is_left_out_is_listed_with_its_reason(tmp_path: Path) -> None:
    status, shown = run(
        tmp_path, HIDDEN, "tests/examples/test_jax.py", "tests/examples/test_torch.py", "tests/test_docs.py"
    )
    assert status == 0, shown
    assert "\njax is not installed:\n  tests/examples/test_jax.py: the whole file\n" in shown
    assert "\ntorch is not installed:\n  tests/examples/test_torch.py: the whole file\n" in shown


def test_a_run_leaves_out_what_passed_in_another(tmp_path: Path) -> None:
    cache = tmp_path / ".pytest_cache/v/tensorplug"
    cache.mkdir(parents=True)
    (cache / "passed").write_text('["tests/test_left_out.py::test_nothing_needed"]')
    names = "nothing_needed or nothing_too"
    status, shown = run(tmp_path, (), f"--not-again={tmp_path}", "tests/test_left_out.py", "-k", names)
    assert status == 0 and "1 passed, " in shown and "deselected" in shown, shown


def test_nothing_needed() -> None:
    pass


def test_nothing_too() -> None:
    pass
