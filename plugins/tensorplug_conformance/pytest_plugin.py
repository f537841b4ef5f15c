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
        "seed": {"type": int, "default": 0, "help": "of the operands (default: 0)"},
        "suite": {"action": "append", "metavar": "S0...S10", "help": "only this suite; may be repeated"},
    }
    for option, about in options.items():
        names = [f"--conformance-{option}", *([f"--{option}"] if asked else [])]
        group.addoption(*names, dest=f"conformance_{option}", **about)


def pytest_report_header(config: pytest.Config) -> str | None:
    device = config.getoption("conformance_device")
    if not device:
        return None
    depth, seed = config.getoption("conformance_depth"), config.getoption("conformance_seed")
    return f"conformance: {device}, depth {depth}, seed {seed}"


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
        about = {name: option(f"conformance_{name}") for name in ("device", "depth", "seed")}
        for case in all_cases(suites, about["device"], about["depth"]).values():
            yield _Item.from_parent(self, name=case.id, case=case, about=about)


class _Item(pytest.Item):
    def __init__(self, *, case: Any, about: dict[str, Any], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.case = case
        self.about = about

    def runtest(self) -> None:
        from tensorplug_dispatcher.devices.registry import host_fallback

        from .case import BAD, DECOMPOSED, FALLBACK, PASS, UNSUPPORTED
        from .page import reproduction
        from .runner import run
        from .samples import seeded
        from .worker import attempt

        case, device, depth, seed = self.case, *(self.about[n] for n in ("device", "depth", "seed"))
        with host_fallback("allow"), seeded(seed):
            result = attempt(case, device)
        if result.status in BAD:  # perhaps for what ran in this process before it
            result = run({case.id: case}, [case.suite], device, depth, seed=seed, workers=1)[case.id]
        self.add_report_section("call", "conformance", result.status)
        if result.status in (UNSUPPORTED, DECOMPOSED, FALLBACK):
            pytest.skip(f"{result.status}: {result.message}")
        if result.status != PASS:
            again = reproduction(self.about, case.id)
            raise AssertionError(f"{result.message}\nto run it again: {again}")

    def repr_failure(self, excinfo: Any, style: Any = None) -> str:
        return str(excinfo.value)

    def reportinfo(self) -> tuple[Any, int, str]:
        return self.path, 0, self.name
