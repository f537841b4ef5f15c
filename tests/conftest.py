"""PyTorch is the specification and a test-only dependency: a run without it says what it left out.

Mark a test ``@pytest.mark.oracle``, or call ``pytest.importorskip("torch")``, where it compares with
PyTorch. With
``TENSORPLUG_ORACLE=1`` a run without PyTorch is an error, so that a check that means to have it cannot pass
by
leaving those tests out.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

HAS_TORCH = find_spec("torch") is not None
LEFT_OUT = "compares with PyTorch, which is not installed"


def pytest_configure(config: pytest.Config) -> None:
    if os.environ.get("TENSORPLUG_ORACLE") == "1" and not HAS_TORCH:
        raise pytest.UsageError(
            "TENSORPLUG_ORACLE=1 asks for the comparisons with PyTorch, but PyTorch is not installed; "
            "run 'pip install torch==2.13.0', or unset the variable to leave those tests out"
        )


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if not HAS_TORCH:
        for item in items:
            if item.get_closest_marker("oracle"):
                item.add_marker(pytest.mark.skip(reason=LEFT_OUT))


@pytest.fixture
def minimal() -> Iterator[str]:
    """The device ``minimal`` of ``examples/backends``, a device in its first days: it has kernels for
    arithmetic, and for nothing else.
    """
    from tensorplug import devices
    from tensorplug_faults.distributions import install_distributions

    source = Path(__file__).parent.parent / "examples/backends/minimal/tensorplug_minimal.py"
    with install_distributions(
        {"tensorplug-minimal": {"minimal": "tensorplug_minimal"}}, {"tensorplug_minimal": source.read_text()}
    ):
        yield "minimal"
        devices.unload("minimal", move_to="cpu")


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """List, by file, the tests that were left out for want of PyTorch."""
    if HAS_TORCH:
        return
    left_out: Counter[str] = Counter()
    whole_files = set()
    for report in terminalreporter.stats.get("skipped", []):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        if LEFT_OUT in reason or "could not import 'torch'" in reason:
            path, _, test = report.nodeid.partition("::")
            left_out[path] += 1
            if not test:
                whole_files.add(path)
    terminalreporter.section("comparisons with PyTorch")
    if not left_out:
        terminalreporter.line("PyTorch is not installed; no test was left out for that.")
        return
    terminalreporter.line(
        "PyTorch is not installed, so these tests were left out (TENSORPLUG_ORACLE=1 has them run):"
    )
    for path, count in sorted(left_out.items()):
        amount = "the whole file" if path in whole_files else f"{count} test{'s' if count > 1 else ''}"
        terminalreporter.line(f"  {path}: {amount}")
