"""Backends that are wrong on purpose are caught, each by the cases that should; a right one passes them."""

from __future__ import annotations

import gc
import os
import re
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest

import tensorplug as tp
from tensorplug_conformance import facts, mutants, reference
from tensorplug_conformance.case import CRASH, FAIL, TIMEOUT, Case
from tensorplug_conformance.runner import run
from tensorplug_conformance.suites import after, cases, corners, further, ops, resources
from tensorplug_conformance.worker import attempt

# what a mutant raises that does not do what it says, as the case's failure or as the cause of one
BROKEN = re.compile(
    r"\b(Key|Attribute|Name|Index|Type|UnboundLocal|Signature|ZeroDivision|Assertion|Recursion)Error\b"
)
DEADLY = {"aborts": CRASH, "hangs": TIMEOUT}


@pytest.fixture(scope="module")
def installed() -> Iterator[Any]:
    installation = mutants.install()
    yield installation
    installation.remove()


@cache
def of_suite(suite: str, streams: bool) -> tuple[Case, ...]:
    """The cases of a suite, which are the same for all mutants with streams, and for all without: their
    kernels declare no thresholds. At smoke, and those that are asked at nightly alone.
    """
    with facts.given(reference.NAME, {**facts.of(reference.NAME), "streams": streams}):
        seldom = {"S2": (ops, further, corners, after), "S7": (resources,)}.get(suite, ())
        usual = tuple(cases(suite, reference.NAME, "smoke"))
        known = {case.id for case in usual}
        more = [case for module in seldom for case in module.cases(reference.NAME, "nightly")]
        found = (*usual, *(case for case in more if case.id not in known))
    gc.freeze()  # they stay to the end: no collection has to look through them
    return found


def chosen(beginnings: tuple[str, ...], streams: bool = False) -> list[Case]:
    suites = dict.fromkeys(b.partition("/")[0] for b in beginnings)
    return [c for suite in suites for c in of_suite(suite, streams) if c.id.startswith(beginnings)]


def those_that_catch(mutant: mutants.Mutant) -> list[Case]:
    return chosen(mutant.caught_by, hasattr(mutant.runtime, "create_stream"))


def remove(device: str) -> None:
    """Unplug a mutant, with all that it holds."""
    getattr(tp.device(device).runtime.runtime, "kept", []).clear()
    gc.collect()
    tp.devices.unload(device.partition(":")[0])


def test_there_are_mutants_enough() -> None:
    assert len(mutants.MUTANTS) >= 20


@pytest.mark.parametrize("name", [n for n in mutants.MUTANTS if n not in DEADLY])
def test_a_mutant_is_caught(name: str, installed: Any) -> None:
    device = f"mutant-{name}:0"
    failed = []
    try:
        with tp.devices.host_fallback("allow"):
            for case in those_that_catch(mutants.MUTANTS[name]):
                found = attempt(case, device)
                if found.status == FAIL:
                    assert not BROKEN.search(found.message), found.message  # the mutant, not its answer
                    failed.append(case.id)
                    break
    finally:
        remove(device)
    assert failed, f"{name} ({mutants.MUTANTS[name].wrong}) passes {mutants.MUTANTS[name].caught_by}"


PARTS = 6  # so that no worker has them all when the others are done


@pytest.mark.parametrize("part", range(PARTS))
def test_the_specification_passes_what_mutants_fail(part: int) -> None:
    beginnings = tuple({b for m in mutants.MUTANTS.values() for b in m.caught_by})
    failed = []
    for case in chosen(beginnings)[part::PARTS]:
        result = attempt(case, reference.NAME)
        if result.status == FAIL:
            failed.append(f"{case.id}: {result.message}")
    assert not failed


@pytest.mark.parametrize("name", mutants.RIGHT)
def test_a_right_device_passes_what_wrong_ones_fail(name: str, installed: Any) -> None:
    device = f"mutant-{name}:0"
    try:
        found = {case.id: attempt(case, device) for case in those_that_catch(mutants.RIGHT[name])}
    finally:
        remove(device)
    assert len(found) > 4
    assert not {id: result.message for id, result in found.items() if result.status == FAIL}


@pytest.mark.parametrize("name", DEADLY)
def test_a_crash_or_a_hang_is_a_result(name: str, installed: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    device = f"mutant-{name}:0"
    folders = [str(installed.folder), *filter(None, [os.environ.get("PYTHONPATH")])]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(folders))
    deadly = chosen(("S2/cumprod/float32/",))[:1]
    harmless = chosen(("S2/neg/float32/",))[:1]
    todo = {case.id: case for case in (*deadly, *harmless)}
    results = run(todo, ["S2"], device, "smoke", workers=1, limit=5.0)
    assert results[deadly[0].id].status == DEADLY[name]
    assert results[harmless[0].id].status == "pass", results[harmless[0].id].message
    if name == "aborts":
        assert "SIGABRT" in results[deadly[0].id].message
