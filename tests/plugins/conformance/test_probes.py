"""Several results that make one case."""

from __future__ import annotations

from tensorplug_conformance.case import DECOMPOSED, FAIL, PASS, Result
from tensorplug_conformance.probes import worst


def test_the_worst_is_the_cases() -> None:
    assert worst([("a", Result(PASS)), ("b", Result(DECOMPOSED)), ("c", Result(PASS))]).status == DECOMPOSED
    found = worst([("a", Result(PASS)), ("b", Result(FAIL, "is wrong")), ("c", Result(PASS))])
    assert (found.status, found.message) == (FAIL, "b: is wrong")


def test_a_case_that_asks_nothing_is_no_pass() -> None:
    assert worst([]).status == FAIL
