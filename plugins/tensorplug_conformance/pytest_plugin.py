"""The cases as pytest tests: ``pytest --pyargs tensorplug_conformance --conformance-device opencl:0``.

pytest imports this module at every start, so that it imports the kit only when it is asked for.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

DEPTHS = ("smoke", "nightly", "release")


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("tensorplug conformance")
    group.addoption(
        "--conformance-device", metavar="DEVICE", help="run the conformance suites on this device"
    )
    group.addoption("--conformance-depth", choices=DEPTHS, default="smoke")
    group.addoption("--conformance-suite", action="append", metavar="S0...S10")


def pytest_collect_file(parent: pytest.Collector, file_path: Any) -> pytest.Collector | None:
    if parent.config.getoption("--conformance-device") and file_path.parts[-2:] == (
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
        suites = option("--conformance-suite") or list(SUITES)
        device, depth = option("--conformance-device"), option("--conformance-depth")
        for case in all_cases(suites, device, depth).values():
            yield _Item.from_parent(self, name=case.id, case=case, device=device)


class _Item(pytest.Item):
    def __init__(self, *, case: Any, device: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
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
            raise AssertionError(result.message)

    def repr_failure(self, excinfo: Any, style: Any = None) -> str:
        return str(excinfo.value)

    def reportinfo(self) -> tuple[Any, int, str]:
        return self.path, 0, self.name
