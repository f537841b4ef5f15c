"""What a test needs beside the package, and what a run has left out for want of it.

A folder or file whose tests need a device or a library is in ``NEEDS``: where that is not there, none of its
files is imported, and all are left out. Single tests say ``@pytest.mark.needs("opencl")``, fixtures take the
fixture ``need``. A run ends with a list of what was left out, and why.

PyTorch is the specification and a test-only dependency. Mark a test ``@pytest.mark.oracle``, or call
``pytest.importorskip("torch")``, where it compares with PyTorch. With ``TENSORPLUG_ORACLE=1`` a run without
PyTorch is an error, so that a check that means to have it cannot pass by leaving those tests out.

A run keeps the names of the tests that passed in pytest's cache; ``--not-again FOLDER`` leaves out those that
passed in the run of that checkout, which had less installed.
"""

from __future__ import annotations

import gc
import json
import os
from collections import Counter
from collections.abc import Callable, Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import pytest

HERE = Path(__file__).parent
PASSED = "tensorplug/passed"

# A folder or file below tests → what it needs. Of several that hold, the longest counts.
NEEDS: dict[str, tuple[str, ...]] = {
    "backends/opencl": ("opencl",),
    "backends/opencl/test_absent.py": (),
    "backends/opencl/test_two_devices.py": ("pocl",),
    "examples/test_jax.py": ("jax",),
    "test_wheel.py": ("wheel",),
    "examples/test_torch.py": ("torch", "array_api_compat"),
}


def _opencl() -> str:
    try:
        import pyopencl
    except (ImportError, OSError) as error:
        return f"there is no OpenCL device: pyopencl cannot be imported ({error})"
    try:
        devices = [device for platform in pyopencl.get_platforms() for device in platform.get_devices()]
    except pyopencl.Error as error:
        return f"there is no OpenCL device ({error})"
    return "" if devices else "there is no OpenCL device: no platform has one"


def _pocl() -> str:
    if reason := why_not("opencl"):
        return reason
    import pyopencl

    found = any("Portable" in platform.name for platform in pyopencl.get_platforms())
    return "" if found else "only PoCL gives two devices on any machine, and it is not installed"


def _nvrtc() -> str:
    try:
        from cupy.cuda import nvrtc

        nvrtc.getVersion()
    except Exception as error:  # whatever its loader raises
        return f"there is no compiler of CUDA C ({type(error).__name__}); pip install 'tensorplug[nvrtc]'"
    return ""


def _conformance() -> str:
    if os.environ.get("TENSORPLUG_CONFORMANCE") == "1":
        return ""
    return "whole runs of the conformance kit take minutes; TENSORPLUG_CONFORMANCE=1 asks for them"


def _wheel() -> str:
    if os.environ.get("TENSORPLUG_WHEEL") == "1":
        return ""
    return "a wheel is compiled from the source distribution, for minutes; TENSORPLUG_WHEEL=1 asks for it"


# Every other need is a module's name.
WHY_NOT: dict[str, Callable[[], str]] = {
    "opencl": _opencl,
    "pocl": _pocl,
    "nvrtc": _nvrtc,
    "conformance": _conformance,
    "wheel": _wheel,
}


@cache
def why_not(need: str) -> str:
    """Why what a test needs is not here; "" where it is."""
    if need in WHY_NOT:
        return WHY_NOT[need]()
    return "" if find_spec(need) is not None else f"{need} is not installed"


HAS_TORCH = not why_not("torch")
LEFT_OUT = "compares with PyTorch, which is not installed"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--not-again", metavar="FOLDER", help="leave out the tests that passed in the last run of a checkout"
    )


def pytest_configure(config: pytest.Config) -> None:
    if os.environ.get("TENSORPLUG_ORACLE") == "1" and not HAS_TORCH:
        raise pytest.UsageError(
            "TENSORPLUG_ORACLE=1 asks for the comparisons with PyTorch, but PyTorch is not installed; "
            "run 'pip install torch==2.13.0', or unset the variable to leave those tests out"
        )


def needs_of(path: Path) -> tuple[str, ...]:
    """What the tests in a file need, as ``NEEDS`` says it."""
    place = path.relative_to(HERE).as_posix() if path.is_relative_to(HERE) else ""
    holding = [known for known in NEEDS if place == known or place.startswith(f"{known}/")]
    return NEEDS[max(holding, key=len)] if holding else ()


class LeftOut(pytest.Module):
    """A file whose tests are left out; it is not imported."""

    def collect(self) -> Iterator[pytest.Item]:
        _need(*needs_of(self.path))
        yield from ()


def pytest_pycollect_makemodule(module_path: Path, parent: pytest.Collector) -> pytest.Module | None:
    if not any(map(why_not, needs_of(module_path))):
        return None
    left_out: pytest.Module = LeftOut.from_parent(parent, path=module_path)
    return left_out


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    for marker in item.iter_markers("needs"):
        _need(*marker.args)


def _need(*names: str) -> None:
    for name in names:
        if reason := why_not(name):
            pytest.skip(reason)


@pytest.fixture(scope="session")
def need() -> Callable[..., None]:
    """``need("opencl", "jax")`` leaves a test out where one of them is not here."""
    return _need


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not HAS_TORCH:
        for item in items:
            if item.get_closest_marker("oracle"):
                item.add_marker(pytest.mark.skip(reason=LEFT_OUT))
    if folder := config.getoption("--not-again"):
        passed = passed_in(Path(folder))
        config.hook.pytest_deselected(items=[item for item in items if item.nodeid in passed])
        items[:] = [item for item in items if item.nodeid not in passed]


def passed_in(folder: Path) -> set[str]:
    """The names of the tests that passed in the last run of a checkout; none where there was no run."""
    try:
        return set(json.loads((folder / ".pytest_cache/v" / PASSED).read_text()))
    except (OSError, ValueError):
        return set()


@pytest.fixture
def minimal() -> Iterator[str]:
    """The device ``minimal`` of ``examples/backends``, a device in its first days: it has kernels for
    arithmetic, and for nothing else.
    """
    from tensorplug import devices
    from tensorplug_faults.distributions import install_distributions

    source = HERE.parent / "examples/backends/minimal/tensorplug_minimal.py"
    with install_distributions(
        {"tensorplug-minimal": {"minimal": "tensorplug_minimal"}}, {"tensorplug_minimal": source.read_text()}
    ):
        yield "minimal"
        devices.unload("minimal", move_to="cpu")


@pytest.hookimpl(trylast=True)
def pytest_collection_finish(session: pytest.Session) -> None:
    """Thousands of tests and their parameters stay to the end: no later collection looks through them, and
    tests of memory ask for many.
    """
    gc.collect()
    gc.freeze()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """List, by reason and file, the tests that were left out; keep the names of those that passed."""
    left_out: dict[str, Counter[str]] = {}
    whole_files = set()
    for report in terminalreporter.stats.get("skipped", []):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        reason = reason.removeprefix("Skipped: ")
        if "could not import 'torch'" in reason:
            reason = LEFT_OUT
        path, _, test = report.nodeid.partition("::")
        left_out.setdefault(reason, Counter())[path] += 1
        if not test:
            whole_files.add(path)
    terminalreporter.section("left out")
    for reason, files in sorted(left_out.items()):
        terminalreporter.line(f"{reason}:")
        for path, count in sorted(files.items()):
            amount = "the whole file" if path in whole_files else f"{count} test{'s' if count > 1 else ''}"
            terminalreporter.line(f"  {path}: {amount}")
    if not left_out:
        terminalreporter.line("nothing")
    cached = getattr(config, "cache", None)
    if cached is not None and not hasattr(config, "workerinput"):
        passed = {report.nodeid for report in terminalreporter.stats.get("passed", [])}
        others = ("failed", "error", "xfailed", "xpassed", "skipped")
        passed -= {report.nodeid for name in others for report in terminalreporter.stats.get(name, [])}
        cached.set(PASSED, sorted(passed))
