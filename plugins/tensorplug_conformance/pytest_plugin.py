"""The cases as pytest tests: ``pytest --pyargs tensorplug_conformance --device opencl:0``.

pytest imports this module at every start, so that it imports the kit only when it is asked for. ``--device``
is an option only where the kit is named on the command line: other projects' tests may have one of that name.
Its other name, ``--conformance-device``, is always there.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from typing import Any

import pytest

DEPTHS = ("smoke", "nightly", "release")
NAMED = "TENSORPLUG_CONFORMANCE_NAMED"


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("tensorplug conformance")
    asked = any("tensorplug_conformance" in argument for argument in sys.argv[1:])
    asked = asked or "PYTEST_XDIST_WORKER" in os.environ and NAMED in os.environ
    if asked:
        os.environ[NAMED] = "1"  # for xdist's workers, which are given the same options
    options: dict[str, dict[str, Any]] = {
        "device": {"metavar": "DEVICE", "help": "run the conformance suites on this device"},
        "depth": {"choices": DEPTHS, "default": "smoke", "help": "how much (default: smoke)"},
        "suite": {"action": "append", "metavar": "S0...S10", "help": "only this suite; may be repeated"},
    }
    for option, about in options.items():
        names = [f"--conformance-{option}", *([f"--{option}"] if asked else [])]
        group.addoption(*names, dest=f"conformance_{option}", **about)


def pytest_report_header(config: pytest.Config) -> str | None:
    device = config.getoption("conformance_device")
    if not device:
        return None
    from .case import SEEDS

    seeds = ", ".join(f"{name} {seed}" for name, seed in SEEDS.items())
    return f"conformance: {device}, depth {config.getoption('conformance_depth')}, seeds {seeds}"


def pytest_collect_file(parent: pytest.Collector, file_path: Any) -> pytest.Collector | None:
    if parent.config.getoption("conformance_device") and file_path.parts[-2:] == (
        "tensorplug_conformance",
        "pytest_plugin.py",
    ):
        return _File.from_parent(parent, path=file_path)
    return None


class _File(pytest.File):
    def collect(self) -> Iterator[pytest.Item]:
        from .suites import SUITES
        from .worker import all_cases

        option = self.config.getoption
        suites = option("conformance_suite") or list(SUITES)
        device, depth = option("conformance_device"), option("conformance_depth")
        for case in all_cases(suites, device, depth).values():
            yield _Item.from_parent(self, name=case.id, case=case, device=device, depth=depth)


class _Item(pytest.Item):
    def __init__(self, *, case: Any, device: str, depth: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.depth = depth
        self.case = case
        self.device = device

    def runtest(self) -> None:
        from tensorplug_dispatcher.devices import host_fallback

        from .case import DECOMPOSED, FALLBACK, PASS, UNSUPPORTED
        from .worker import attempt

        with host_fallback("allow"):
            result = attempt(self.case, self.device)
        self.add_report_section("call", "conformance", result.status)
        if result.status in (UNSUPPORTED, DECOMPOSED, FALLBACK):
            pytest.skip(f"{result.status}: {result.message}")
        if result.status != PASS:
            again = f"tensorplug conformance run {self.device} --depth {self.depth} --case {self.case.id}"
            raise AssertionError(f"{result.message}\nto run it again: {again}")

    def repr_failure(self, excinfo: Any, style: Any = None) -> str:
        return str(excinfo.value)

    def reportinfo(self) -> tuple[Any, int, str]:
        return self.path, 0, self.name
