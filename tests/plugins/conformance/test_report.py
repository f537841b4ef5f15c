"""Levels, reports, what ``verify`` finds, waivers, and what a run leaves to resume from."""

from __future__ import annotations

import copy
import gzip
import json
import random
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from tensorplug_conformance import SUITE_VERSION, page, report
from tensorplug_conformance.case import Case, Result
from tensorplug_conformance.manifest import Manifest, Waiver, checked
from tensorplug_conformance.runner import run
from tensorplug_conformance.suites import SUITES
from tensorplug_conformance.verify import schema_problems, verified
from tensorplug_conformance.worker import all_cases
from tensorplug_dispatcher import dtypes
from tensorplug_dispatcher.errors import PluginError
from tensorplug_dispatcher.ops import OPS


def rows(**changes: str) -> list[dict[str, Any]]:
    """A result of every kind that a level looks at, all passed but for the changes (id with _ for /)."""
    ids = {
        **{f"S2/{op.name}/float32/shown": op.tier for op in OPS.values() if op.tier <= 3},
        "S0/plugin/any/loads": -1,
        "S1/copy/float32/one": -1,
        "S2/add/float32/0": 1,
        "S2/sort/float32/0": 3,
        "S2/gelu/float32/0": 4,
        "S3/add/float32/0": 1,
        "S4/cast/int8/bool": -1,
        "S5/twice/any/rand": -1,
        "S6/hooks/float32/one": -1,
        "S7/leak/float32/one": -1,
        "S8/slow/float32/one": -1,
        "S8/soak/float32/one": -1,
        "S9/numpy/float32/one": -1,
        "S10/inference/float32/mlp": -1,
        "S10/training/float32/mlp": -1,
    }
    return [
        {"id": i, "tier": tier, "status": changes.get(i.replace("/", "_"), "pass"), "message": ""}
        for i, tier in ids.items()
    ]


@pytest.mark.parametrize(
    ("changes", "level"),
    [
        ({}, "L5"),
        ({"S8_slow_float32_one": "fail"}, "L4"),
        ({"S8_soak_float32_one": "not-run"}, "L4"),
        ({"S7_leak_float32_one": "timeout"}, "L3"),
        ({"S10_training_float32_mlp": "fail"}, "L2"),
        ({"S10_inference_float32_mlp": "fail"}, "L1"),
        ({"S2_gelu_float32_0": "decomposed"}, "L5"),
        ({"S2_gelu_float32_0": "fallback"}, "L1"),
        ({"S2_sort_float32_0": "decomposed"}, "L1"),
        ({"S2_sort_float32_0": "unsupported-declared"}, "L5"),
        (
            {"S2_sort_float32_shown": "unsupported-declared", "S2_sort_float32_0": "unsupported-declared"},
            "L1",
        ),
        ({"S2_eq_float32_shown": "unsupported-declared"}, "L0"),
        ({"S2_add_float32_0": "fallback"}, "L0"),
        ({"S4_cast_int8_bool": "not-run"}, "L0"),
        ({"S1_copy_float32_one": "crash"}, "none"),
    ],
)
def test_levels(changes: dict[str, str], level: str) -> None:
    assert report.level_of(rows(**changes))[0] == level


def test_what_was_not_run_blocks_its_level() -> None:
    left = [row for row in rows() if not row["id"].startswith("S9")]
    level, blocked = report.level_of(left)
    assert level == "L3" and blocked["L4"] == ["S9: nothing was run"]


def test_a_run_of_some_suites_reaches_no_level() -> None:
    level, blocked = report.level_of(rows(), suites=[s for s in SUITES if s != "S8"])
    assert level == "none" and blocked["L0"] == ["S8: nothing was run"]


PRIMITIVES = [name for name, op in OPS.items() if op.tier <= 3]


@pytest.mark.parametrize(
    ("absent", "level", "said"),
    [
        ({"unsupported_dtypes": ("float16", "float64")}, "L5", ""),
        ({"unsupported_ops": ("gelu", "conv")}, "L5", ""),
        ({"unsupported_dtypes": ("float32",)}, "L0", "float32 is declared absent"),
        ({"unsupported_ops": ("matmul",)}, "L0", "matmul is declared absent"),
        ({"unsupported_ops": ("sort",)}, "L1", "sort is declared absent"),
        (
            {"unsupported_ops": tuple(n for n in OPS if n not in ("copy", "cast", "fill", "to_device"))},
            "L0",
            "add is declared absent",
        ),
    ],
)
def test_what_may_be_declared_absent_has_a_floor(
    absent: dict[str, tuple[str, ...]], level: str, said: str
) -> None:
    got, blocked = report.level_of(rows(), Manifest(**absent))
    assert got == level
    assert not said or any(said in obstacles for obstacles in blocked.values())


@pytest.mark.parametrize("name", PRIMITIVES)
def test_no_primitive_can_be_left_out(name: str) -> None:
    changes = {f"S2_{name}_float32_{v}": "unsupported-declared" for v in ("shown", "0")}
    assert report.level_of(rows(**changes))[0] == ("L0" if OPS[name].tier <= 1 else "L1")


def test_all_dtypes_but_bool_may_not_be_absent() -> None:
    dtypes_but_bool = tuple(d.name for d in dtypes.ALL if d.name != "bool")
    assert report.level_of(rows(), Manifest(unsupported_dtypes=dtypes_but_bool))[0] == "L0"


def test_mending_a_device_lowers_no_count_of_ops() -> None:
    """Every step from a worse to a better result: the native count rises or stays."""
    better = ("crash", "fail", "waived", "fallback", "decomposed", "pass")
    found = []
    for status in better:
        ops = report.summary(rows(S2_gelu_float32_0=status))["ops"]
        found.append((ops["native"], ops["native"] + ops["decomposed"], -ops["fail"]))
    assert found == sorted(found) and found[0] < found[-1]


def test_an_op_of_which_a_decomposed_case_fails_is_not_native() -> None:
    two = rows()
    two.append({**next(r for r in two if r["id"] == "S2/gelu/float32/0"), "id": "S2/gelu/float16/0"})
    right = report.summary(two)["ops"]
    two[-1]["status"] = "fail"
    assert report.summary(two)["ops"] == {**right, "native": right["native"] - 1, "fail": 1}


@pytest.fixture(scope="module")
def content(tmp_path_factory: pytest.TempPathFactory) -> Any:
    from tensorplug_conformance.cli import conformance

    return conformance("cpu", "smoke", ["S0", "S4"], workers=1, folder=tmp_path_factory.mktemp("report"))


def test_a_report_is_right_as_it_was_made(content: Any) -> None:
    assert content["summary"]["counts"]["fail"] == 0
    assert problems(json.loads(json.dumps(content))) == []


@pytest.mark.parametrize(
    "edit",
    [
        lambda c: c["results"][3].update(status="fail"),
        lambda c: c["results"][3].update(max_ulp=9.0),
        lambda c: c["results"][3].update(message="all is well"),
        lambda c: c["results"].pop(5),
        lambda c: c["results"].append(dict(c["results"][0])),
        lambda c: c["results"][2].update(id="S0/plugin/any/nothing"),
        lambda c: c["summary"].update(level="L5"),
        lambda c: c["summary"]["counts"].update({"pass": 10_000}),
        lambda c: c["hardware"].update(name="a better one"),
        lambda c: c["manifest"].update(level="L3"),
        lambda c: c.update(depth="nightly"),
    ],
)
def test_any_edit_is_found(content: Any, edit: Any) -> None:
    changed = copy.deepcopy(content)
    edit(changed)
    assert problems(changed), "the edit went through"


def problems(content: Any) -> list[str]:
    return verified(content).problems


def resealed(content: Any) -> Any:
    """The content with a digest that fits."""
    content["digest"] = report.digest(content)
    return content


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path to every number, string, truth value and empty collection."""
    if isinstance(value, (dict, list)) and value:
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from leaves(inner, (*path, key))
    else:
        yield path


def other(value: Any) -> Any:
    if isinstance(value, bool):
        return not value
    if isinstance(value, (int, float)):
        return value + 1
    return f"{value}x" if isinstance(value, str) else ["x"]


def with_edit(content: Any, path: tuple[Any, ...]) -> Any:
    changed = copy.deepcopy(content)
    inner = changed
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = other(inner[path[-1]])
    return changed


def test_an_edit_of_any_field_is_found(content: Any) -> None:
    few = {**content, "results": content["results"][:2]}
    few["digest"] = report.digest(few)
    by_kind: dict[tuple[Any, ...], list[tuple[Any, ...]]] = {}
    for path in leaves(few):  # what is said of each op is of one kind
        by_kind.setdefault(path[:2], []).append(path)
    draw = random.Random(3)
    paths = [path for kind in by_kind.values() for path in draw.sample(kind, min(len(kind), 4))]
    assert len(paths) > 50
    for path in paths:
        assert problems(with_edit(few, path)), f"{path} can be edited"


def test_an_added_or_removed_field_is_found_even_with_a_new_digest(content: Any) -> None:
    for name in content:
        if name != "digest":
            changed = {key: value for key, value in content.items() if key != name}
            changed["digest"] = report.digest(changed)
            assert problems(changed), f"{name} can be left out"
    changed = resealed({**content, "remark": "all is well"})
    assert problems(changed) == ["the report: 'remark' is no member"]


def test_the_file_has_the_schema_and_a_line_for_each_result(content: Any, tmp_path: Path) -> None:
    text = report.as_json(content)
    assert json.loads(text) == content and schema_problems(content) == []
    assert sum(line.startswith('{"elements"') for line in text.splitlines()) == len(content["results"])
    packed = tmp_path / "report.json.gz"
    packed.write_bytes(gzip.compress(text.encode()))
    assert report.load(packed) == content
    packed.write_text("[]")
    with pytest.raises(PluginError, match=r"holds a list; give a report.json"):
        report.load(packed)


def test_differences(content: Any) -> None:
    worse = copy.deepcopy(content)
    worse["results"][4].update(status="fail", message="it broke")
    assert report.difference(content, worse) == [f"{content['results'][4]['id']}: pass -> fail it broke"]
    assert report.difference(content, content) == []


def test_every_form_of_the_report(content: Any, tmp_path: Path) -> None:
    from xml.etree import ElementTree

    paths = page.write(content, tmp_path)
    assert [p.name for p in paths] == ["report.json", "report.md", "report.html", "junit.xml", "badge.txt"]
    root = ElementTree.parse(tmp_path / "junit.xml").getroot()
    assert sum(int(s.get("tests", 0)) for s in root) == len(content["results"])
    assert (tmp_path / "badge.txt").read_text() == page.badge(content) + "\n"
    html = (tmp_path / "report.html").read_text()
    assert "http://" not in html and "https://" not in html and html.count("<table") == html.count("</table>")


def waiver(**changes: str) -> dict[str, str]:
    return {
        "id": "W1",
        "test": "S2/exp/float16/0",
        "issue": "https://example.org/1",
        "measured": "2.4 ulp",
        "reason": "the exp2 unit",
        "expires": "2026-12-31",
        "reviewer": "somebody",
        **changes,
    }


TODAY = date(2026, 10, 1)


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"expires": "2026-09-30"}, "expired on 2026-09-30; renew it with a new review, or remove it"),
        ({"expires": "2027-10-01"}, "expires on 2027-10-01, more than 180 days ahead"),
        ({"expires": "soon"}, "expires 'soon' is no date like 2026-12-31"),
        ({"test": "S2/exp/*/0"}, "'S2/exp/*/0' is not one test; patterns are not allowed"),
        ({"test": "S2/exp"}, "'S2/exp' is not one test; patterns are not allowed"),
        ({"test": "S0/plugin/any/loads"}, "nothing in S0 and S1 can be waived"),
        ({"test": "S1/copy/float32/sliced"}, "nothing in S0 and S1 can be waived"),
        ({"reviewer": " "}, "reviewer must be given"),
    ],
)
def test_waivers_that_are_refused(changes: dict[str, str], text: str) -> None:
    with pytest.raises(PluginError) as caught:
        checked({"waiver": [waiver(**changes)]}, "conformance.toml", TODAY)
    assert text in str(caught.value)


def test_there_may_be_twelve_waivers_and_no_more() -> None:
    some = [waiver(id=f"W{i}", test=f"S2/exp/float16/{i}") for i in range(12)]
    assert len(checked({"waiver": some}, "conformance.toml", TODAY).waivers) == 12
    with pytest.raises(PluginError, match="13 waivers; there may be 12"):
        checked({"waiver": [*some, waiver(id="W12", test="S2/exp/float16/12")]}, "conformance.toml", TODAY)
    with pytest.raises(PluginError, match="S2/exp/float16/0 is waived twice"):
        checked({"waiver": [waiver(), waiver(id="W2")]}, "conformance.toml", TODAY)


def test_a_manifest_with_several_mistakes_says_all_of_them() -> None:
    with pytest.raises(PluginError) as caught:
        checked({"level": "L9", "unsupported_dtypes": ["float8"], "colour": "red"}, "conformance.toml", TODAY)
    assert str(caught.value) == (
        "the manifest conformance.toml is not right: 'colour' is no field; level 'L9' is none of none, L0, "
        "L1, L2, L3, L4, L5; 'float8' in unsupported_dtypes is no dtype"
    )


def test_judging() -> None:
    cases = {
        i: Case(i, lambda d: Result("pass")) for i in ("S2/exp/float16/0", "S2/exp/float64/0", "S2/a/int8/0")
    }
    manifest = Manifest(unsupported_dtypes=("float64",), waivers=(Waiver(**waiver()),))
    failed = {
        "S2/exp/float16/0": Result("fail", "2.4 ulp", data={"excess": 1.2}),
        "S2/exp/float64/0": Result("unsupported-declared", "no float64"),
        "S2/a/int8/0": Result("unsupported-declared", "no int8"),
    }
    found = report.judged(cases, failed, manifest)
    assert [r.status for r in found.values()] == ["waived", "unsupported-declared", "fail"]
    assert found["S2/a/int8/0"].message.startswith(
        "the device does not have it, and its manifest does not say so"
    )
    passed = report.judged(cases, {"S2/exp/float16/0": Result("pass")}, manifest)["S2/exp/float16/0"]
    assert passed.status == "fail" and "remove the waiver" in passed.message


@pytest.mark.parametrize(
    ("result", "status"),
    [
        (Result("fail", "far", data={"excess": 3.9}), "waived"),
        (Result("fail", "too far", data={"excess": 4.1}), "fail"),
        (Result("fail", "it raised", data={"raised": "KernelError"}), "waived"),
        (Result("unsupported-declared", "no kernel", data={"raised": "MissingKernelError"}), "waived"),
        (Result("fail", "other numbers"), "fail"),
        (Result("crash", "SIGSEGV"), "crash"),
        (Result("timeout", "no end"), "timeout"),
        (Result("fallback", ""), "fallback"),
        (Result("decomposed", ""), "fail"),
    ],
)
def test_what_a_waiver_may_excuse(result: Result, status: str) -> None:
    case = Case("S2/exp/float16/0", lambda device: result)
    manifest = Manifest(waivers=(Waiver(**waiver()),))
    found = report.judged({case.id: case}, {case.id: result}, manifest)[case.id]
    assert found.status == status
    if status in ("crash", "timeout") or "other" in result.message:
        assert "waiver W1 cannot excuse it" in found.message


@pytest.mark.parametrize(
    ("case_id", "uses", "status", "judged"),
    [
        ("S2/add/float64/0", (), "fallback", "unsupported-declared"),
        ("S2/add/float64/0", (), "", "unsupported-declared"),
        ("S2/cast/bool/13", ("float64",), "fallback", "unsupported-declared"),
        ("S4/cast/bool/float64", ("float64",), "unsupported-declared", "unsupported-declared"),
        ("S2/add/float32/0", (), "fallback", "fallback"),
        ("S2/add/float32/0", (), "unsupported-declared", "fail"),
    ],
)
def test_what_a_device_is_said_not_to_have_is_named_so(
    case_id: str, uses: tuple[str, ...], status: str, judged: str
) -> None:
    case = Case(case_id, lambda device: Result("pass"), 1, uses)
    manifest = Manifest(unsupported_dtypes=("float64",))
    results = {case_id: Result(status)} if status else {}
    assert report.judged({case_id: case}, results, manifest)[case_id].status == judged


def test_a_run_goes_on_where_another_ended(tmp_path: Path) -> None:
    cases = dict(list(all_cases(["S4"], "cpu", "smoke").items())[:6])
    journal = tmp_path / "results.jsonl"
    seen: list[str] = []
    run(cases, ["S4"], "cpu", "smoke", workers=1, journal=journal)
    lines = journal.read_text().splitlines()
    journal.write_text("\n".join(lines[:4]) + '\n["S4/cut sh')  # three results, and one that was cut short
    results = run(
        cases, ["S4"], "cpu", "smoke", workers=1, journal=journal, progress=lambda d, t, i, r: seen.append(i)
    )
    assert len(seen) == 3 and list(results) == list(cases)
    assert all(r.status == "pass" for r in results.values())


KEPT = sorted((Path(__file__).parents[3] / "docs/conformance").glob("*/report.json.gz"))


def test_the_three_devices_have_reports() -> None:
    assert {"cpu", "mirror", "opencl"} <= {path.parent.name for path in KEPT}


@pytest.mark.parametrize("path", KEPT, ids=lambda path: path.parent.name)
def test_reports_in_the_documents_are_as_they_were_made(path: Path) -> None:
    kept = report.load(path)
    if kept["suite"] != SUITE_VERSION:
        assert not verified(kept).known and kept["digest"] == report.digest(kept)
        pytest.skip(f"it is of suite {kept['suite']}; tools/conformance_reports.sh makes it anew")
    found = verified(kept, draw=random.Random(0), count=200)
    assert found.problems == []
    assert kept["summary"]["level"] >= "L4" and not kept["manifest"]["waivers"]
    assert (path.parent / "badge.txt").read_text() == page.badge(kept) + "\n"
    assert (path.parent / "report.md").read_text() == page.markdown(kept)
