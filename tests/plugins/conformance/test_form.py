"""The small checker of forms says what a whole implementation of JSON Schema says."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tensorplug_conformance import form, report
from tensorplug_conformance.case import Case, Result
from tensorplug_conformance.manifest import Manifest

SCHEMA = json.loads((Path(form.__file__).parent / "report.schema.json").read_text())


def words(schema: Any) -> Iterator[str]:
    """Every word of the schema, at any depth."""
    for word, asked in schema.items():
        yield word
        if word == "properties":
            for inner in asked.values():
                yield from words(inner)
        elif isinstance(asked, dict):
            yield from words(asked)


def test_every_word_of_the_schema_is_known() -> None:
    assert set(words(SCHEMA)) <= set(form.CHECKS) | form.SILENT
    assert set(form.CHECKS) - set(words(SCHEMA)) == set(), "a check that nothing asks for"


@pytest.fixture(scope="module")
def content() -> Any:
    cases = {i: Case(i, lambda device: Result("pass"), 1) for i in ("S2/add/float32/0", "S2/exp/float32/0")}
    results = {
        "S2/add/float32/0": Result("pass", "", 0.5, 0.4, 12, 0.01, {"operands": "0" * 16, "note": "n"}),
        "S2/exp/float32/0": Result("fail", "far", 9.0, 4.0, 12, 0.02, {"excess": 3.0}),
    }
    waiver = {
        "id": "W1",
        "test": "S2/exp/float32/0",
        "issue": "i",
        "measured": "m",
        "reason": "r",
        "expires": "2026-12-31",
        "reviewer": "s",
    }
    claims = Manifest.of_json({**Manifest(unsupported_dtypes=("float64",)).as_json(), "waivers": [waiver]})
    return report.make(report.head("mirror:0", "smoke", ["S2"], 0, claims), cases, results)


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    if isinstance(value, (dict, list)):
        for key, inner in list(value.items() if isinstance(value, dict) else enumerate(value))[:12]:
            yield from places(inner, (*path, key))


def edits(content: Any) -> Iterator[Any]:
    """The report with each place changed to something else, taken away, or given more."""
    others = (None, True, -1, 1.5, 10**9, "", "x", "2026-13-45", [], ["x", "x"], {}, {"x": 1})
    for path in places(content):
        for other in others:
            yield changed(content, path, other)
        if path:
            yield changed(content, path)
            yield changed(content, (*path[:-1], "strange"), 1) if isinstance(path[-1], str) else content


def changed(content: Any, path: tuple[Any, ...], *other: Any) -> Any:
    if not path:
        return other[0]
    whole = copy.deepcopy(content)
    inner = whole
    for key in path[:-1]:
        inner = inner[key]
    if other:
        inner[path[-1]] = other[0]
    else:
        del inner[path[-1]]
    return whole


def test_a_report_has_the_form(content: Any) -> None:
    assert list(form.problems(content, SCHEMA)) == []


def test_the_checker_agrees_with_jsonschema(content: Any) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    checker = jsonschema.Draft202012Validator(SCHEMA, format_checker=jsonschema.FormatChecker())
    seen = [0, 0]
    for edited in edits(content):
        ours = list(form.problems(edited, SCHEMA))
        theirs = [e.message for e in checker.iter_errors(edited)]
        if not theirs and ours and all("date" in text for text in ours):
            continue  # without another package it does not check moments
        assert bool(ours) == bool(theirs), (ours, theirs)
        seen[bool(ours)] += 1
    assert seen[0] > 50 and seen[1] > 500


def test_numbers_that_are_none(content: Any) -> None:
    for value in (float("nan"), float("inf")):
        edited = changed(content, ("results", 0, "seconds"), value)
        assert list(form.problems(edited, SCHEMA)) == [f"results.0.seconds: {value!r} is no number"]


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        (("results", 0, "status"), "splendid", "results.0.status: 'splendid' is none of pass, fail"),
        (("results", 1, "id"), "S2/exp", "results.1.id: 'S2/exp' does not match"),
        (("made",), "soon", "made: 'soon' is no date-time"),
        (("summary", "blocked", "L9"), [], "summary.blocked: the name 'L9' is none of L0"),
        (("remark",), 1, "the report: 'remark' is no member"),
    ],
)
def test_what_is_said(content: Any, path: tuple[Any, ...], value: Any, said: str) -> None:
    (text,) = form.problems(changed(content, path, value), SCHEMA)
    assert text.startswith(said)
