"""Reports that say more than was shown: what ``verify`` refuses, and what only the device itself can tell.

Every forgery is made with care: digest, head and summary are made anew where the forger can. The reports that
are forged are of devices that are wrong on purpose, so that there are failures to hide.
"""

from __future__ import annotations

import copy
import gzip
import os
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import tensorplug as tp
from tensorplug_conformance import manifest, mutants, report, verify
from tensorplug_conformance.case import BAD, DECOMPOSED, PASS
from tensorplug_conformance.manifest import Manifest
from tensorplug_conformance.suites import ops
from tensorplug_conformance.worker import all_cases, attempt
from tensorplug_dispatcher.errors import PluginError
from tensorplug_dispatcher.observation import observe

COARSE, WORDS, RIGHT = "mutant-coarse-exp:0", "mutant-word-uploads:0", "mirror:0"
FEW = ("exp", "mul", "sigmoid", "sort", "gather", "scatter", "scatter_add")  # of the op table


def made(device: str, suites: list[str]) -> dict[str, Any]:
    """An honest report, made in this process."""
    with tp.devices.host_fallback("allow"):
        head = report.head(device, "smoke", suites, 3, Manifest())
        cases = all_cases(suites, device, "smoke")
        with verify.seeded(3), observe():
            results = {i: attempt(c, device, report.run_of(head)) for i, c in cases.items()}
        return report.make(head, cases, report.judged(cases, results, Manifest()))


@pytest.fixture(scope="module")
def honest() -> Iterator[dict[str, Any]]:
    with pytest.MonkeyPatch.context() as patch, mutants.install() as installed:
        patch.setattr(ops, "OPS", {name: ops.OPS[name] for name in FEW})
        patch.setattr("tensorplug_conformance.suites.MODULES", {})  # a short report shows as much
        folders = [str(installed.folder), *filter(None, [os.environ.get("PYTHONPATH")])]
        patch.setenv("PYTHONPATH", os.pathsep.join(folders))
        suites = ["S0", "S2"]
        yield {COARSE: made(COARSE, suites), WORDS: made(WORDS, ["S0"]), RIGHT: made(RIGHT, suites)}
        for device in (COARSE, WORDS):
            tp.devices.unload(device.partition(":")[0])


def rows(c: Any, *statuses: str, begins: str = "S") -> list[Any]:
    return [r for r in c["results"] if r["status"] in statuses and r["id"].startswith(begins)]


def hidden(row: Any, **changes: Any) -> None:
    """A failure made a pass, with nothing left of it."""
    for name in ("excess", "raised", "note"):
        row.pop(name, None)
    row.update({"status": PASS, "message": "", **changes})


def waiver(test: str, **changes: str) -> dict[str, str]:
    fields = {"id": f"W{test}", "issue": "i", "measured": "m", "reason": "r", "reviewer": "somebody"}
    return {**fields, "test": test, "expires": "2027-03-01", **changes}


def waived(c: Any, row: Any, **changes: str) -> None:
    c["manifest"]["waivers"].append(waiver(row["id"], **changes))
    row.update(status="waived", message=f"W{row['id']}: r; it raised KernelError")
    row.pop("excess", None)
    row["raised"] = "KernelError"


Forgery = Callable[[Any, Any], Any]
FORGERIES: dict[str, Forgery] = {}


def forgery(function: Forgery) -> Forgery:
    FORGERIES[function.__name__.replace("_", " ")] = function
    return function


@forgery
def failures_pass_with_their_message(c: Any, all_: Any) -> None:
    for row in rows(c, *BAD):
        row["status"] = PASS


@forgery
def failures_pass_with_their_errors(c: Any, all_: Any) -> None:
    for row in rows(c, *BAD):
        hidden(row)


@forgery
def failures_pass_with_small_errors(c: Any, all_: Any) -> None:
    for row in rows(c, *BAD, begins="S2/exp/"):
        hidden(row, max_ulp=0.6, p99_ulp=0.55)


@forgery
def failures_pass_where_there_are_no_numbers(c: Any, all_: Any) -> Any:
    other = copy.deepcopy(all_[WORDS])
    for row in rows(other, *BAD):
        hidden(row)
    return other


@forgery
def exact_results_are_others(c: Any, all_: Any) -> None:
    rows(c, PASS, begins="S2/sort/float32/")[0]["results"] = "0123456789abcdef"


@forgery
def digests_are_left_out(c: Any, all_: Any) -> None:
    for row in rows(c, PASS, DECOMPOSED, begins="S2/sort/"):
        row.pop("results", None)
        row.pop("operands", None)


@forgery
def a_future_suite_with_invented_cases(c: Any, all_: Any) -> None:
    c["suite"] = "2027.1"
    c["results"].append({**c["results"][0], "id": "S8/soak/float32/year"})
    c["summary"]["level"] = "L5"


@forgery
def an_invented_case(c: Any, all_: Any) -> None:
    c["results"].append({**c["results"][0], "id": "S0/plugin/any/splendid"})


@forgery
def decomposed_called_native(c: Any, all_: Any) -> None:
    for row in rows(c, DECOMPOSED, begins="S2/sigmoid"):
        row["status"] = PASS


@forgery
def decomposed_called_native_with_a_kernel(c: Any, all_: Any) -> None:
    c["facts"]["kernels"]["sigmoid"] = []
    decomposed_called_native(c, all_)


@forgery
def failures_called_undeclared_absent(c: Any, all_: Any) -> None:
    for row in rows(c, *BAD):
        hidden(row, status="unsupported-declared", message="it has it not", seconds=0)


@forgery
def failures_declared_absent_afterwards(c: Any, all_: Any) -> None:
    c["manifest"]["unsupported_ops"] = sorted({row["id"].split("/")[1] for row in rows(c, *BAD)})
    for row in c["results"]:
        if row["id"].split("/")[1] in c["manifest"]["unsupported_ops"]:
            hidden(row, status="unsupported-declared", message="it has it not", seconds=0)
            row.update(max_ulp=0, p99_ulp=0, elements=0)


@forgery
def everything_declared_absent(c: Any, all_: Any) -> None:
    c["manifest"]["unsupported_dtypes"] = ["float32"]


@forgery
def a_waiver_that_expired(c: Any, all_: Any) -> None:
    waived(c, rows(c, *BAD)[0], expires="2026-01-01")


@forgery
def a_waiver_for_ever(c: Any, all_: Any) -> None:
    waived(c, rows(c, *BAD)[0], expires="2999-12-31")


@forgery
def a_waiver_of_what_every_plugin_has(c: Any, all_: Any) -> None:
    waived(c, rows(c, PASS, begins="S0")[0])


@forgery
def a_waiver_of_wrong_numbers(c: Any, all_: Any) -> None:
    row = rows(c, *BAD)[0]
    waived(c, row)
    del row["raised"]
    row["excess"] = 40.0


@forgery
def many_waivers(c: Any, all_: Any) -> None:
    for row in rows(c, PASS, begins="S2/mul")[:13]:
        waived(c, row)


@forgery
def a_waiver_given_afterwards(c: Any, all_: Any) -> None:
    waived(c, rows(c, *BAD)[0])


@forgery
def waived_without_a_waiver(c: Any, all_: Any) -> None:
    waived(c, rows(c, *BAD)[0])
    c["manifest"]["waivers"] = []


@forgery
def no_times(c: Any, all_: Any) -> None:
    for row in c["results"]:
        row["seconds"] = 0


@forgery
def one_time_for_all(c: Any, all_: Any) -> None:
    for row in c["results"]:
        row["seconds"] = 0.01


@forgery
def no_errors(c: Any, all_: Any) -> None:
    for row in c["results"]:
        row.update(max_ulp=0, p99_ulp=0)


@forgery
def one_error_below_rounding(c: Any, all_: Any) -> None:
    row = next(r for r in rows(c, PASS, begins="S2/mul/float32") if r["max_ulp"] > 0.3)
    row.update(max_ulp=0.05, p99_ulp=0.05)


@forgery
def huge_errors_pass(c: Any, all_: Any) -> None:
    for row in rows(c, PASS, DECOMPOSED):
        row.update(max_ulp=1e9)


@forgery
def another_number_of_elements(c: Any, all_: Any) -> None:
    rows(c, PASS, begins="S2/mul/float32")[0]["elements"] += 100_000


@forgery
def a_hash_of_zeros(c: Any, all_: Any) -> None:
    c["plugin"]["hash"] = "0" * 64


@forgery
def another_hash(c: Any, all_: Any) -> None:
    c["plugin"]["hash"] = c["plugin"]["hash"][::-1]


@forgery
def a_case_removed(c: Any, all_: Any) -> None:
    c["results"].remove(rows(c, *BAD)[0])


@forgery
def a_suite_removed(c: Any, all_: Any) -> None:
    c["results"] = [row for row in c["results"] if not row["id"].startswith("S2/")]


@forgery
def a_suite_removed_and_named_no_more(c: Any, all_: Any) -> None:
    a_suite_removed(c, all_)
    c["suites"].remove("S2")


@forgery
def a_case_twice(c: Any, all_: Any) -> None:
    c["results"].append(dict(rows(c, PASS)[0]))


@forgery
def a_part_called_the_whole(c: Any, all_: Any) -> None:
    c["suites"] = [f"S{i}" for i in range(11)]


@forgery
def another_depth(c: Any, all_: Any) -> None:
    c["depth"] = "nightly"


@forgery
def another_name_of_the_device(c: Any, all_: Any) -> None:
    c["device"], c["plugin"]["name"], c["facts"]["type"] = "acme:0", "acme", "acme"


@forgery
def only_the_device_renamed(c: Any, all_: Any) -> None:
    c["device"] = "acme:0"


@forgery
def another_hardware(c: Any, all_: Any) -> None:
    c["hardware"]["name"] = "a better one"


@forgery
def another_system(c: Any, all_: Any) -> None:
    c["system"]["platform"] = "a better one"


@forgery
def results_of_another_device(c: Any, all_: Any) -> None:
    c["results"] = copy.deepcopy(all_[RIGHT]["results"])


@forgery
def another_seed(c: Any, all_: Any) -> None:
    c["seed"] = 4


@forgery
def another_version(c: Any, all_: Any) -> None:
    c["plugin"]["version"] = "9.9"


@forgery
def an_old_run_with_a_new_date(c: Any, all_: Any) -> None:
    c["made"] = "2026-01-02T03:04:05+00:00"


@forgery
def a_run_of_tomorrow(c: Any, all_: Any) -> None:
    c["made"] = "2999-01-02T03:04:05+00:00"


@forgery
def a_claim_made_afterwards(c: Any, all_: Any) -> None:
    c["manifest"]["level"] = "L4"


@forgery
def flushing_declared_afterwards(c: Any, all_: Any) -> None:
    c["manifest"]["flushes_subnormals"] = c["facts"]["flushes_subnormals"] = True


@forgery
def another_tier(c: Any, all_: Any) -> None:
    rows(c, PASS, begins="S2/sort/")[0]["tier"] = 4


@forgery
def another_level(c: Any, all_: Any) -> Any:
    c["summary"]["level"] = "L4"
    return sealed(c)


@forgery
def other_counts(c: Any, all_: Any) -> Any:
    c["summary"]["counts"].update({"pass": 10_000, "fail": 0})
    return sealed(c)


@forgery
def more_native_ops(c: Any, all_: Any) -> Any:
    c["summary"]["ops"]["native"] += 40
    return sealed(c)


@forgery
def a_negative_time(c: Any, all_: Any) -> None:
    c["results"][0]["seconds"] = -1.0


@forgery
def a_time_that_is_no_number(c: Any, all_: Any) -> None:
    c["results"][0]["seconds"] = float("nan")


@forgery
def an_unknown_status(c: Any, all_: Any) -> None:
    for row in rows(c, *BAD):
        row["status"] = "splendid"


@forgery
def an_old_digest(c: Any, all_: Any) -> Any:
    for row in rows(c, *BAD):
        hidden(row, max_ulp=0.6, p99_ulp=0.55)
    return c


def sealed(c: Any) -> Any:
    """With a head and a digest that fit."""
    c["run"] = report.run_of(c)
    c["digest"] = report.digest(c)
    return c


def forged(name: str, honest: Any) -> Any:
    c = copy.deepcopy(honest[COARSE])
    given = FORGERIES[name](c, honest)
    if given is not None and given["digest"] in (report.digest(given), honest[COARSE]["digest"]):
        return given
    c = c if given is None else given
    try:
        c["summary"] = report.summary(c["results"], Manifest.of_json(c["manifest"]), c["suites"])
    except ValueError:  # a status that is none
        pass
    return sealed(c)


# consistent with everything but the truth: only the device can tell
ACCEPTED = {"failures pass with small errors", "failures pass where there are no numbers"}


def test_there_are_forgeries_enough() -> None:
    assert len(FORGERIES) >= 22 and len(ACCEPTED) <= 3


def test_the_honest_reports_are_right(honest: Any) -> None:
    for device, content in honest.items():
        assert verify.verified(content, everything=True).problems == [], device
        assert len(rows(content, *BAD)) > 0 or device == RIGHT


@pytest.mark.parametrize("name", FORGERIES)
def test_forgeries(name: str, honest: Any) -> None:
    content = forged(name, honest)
    assert content != honest[COARSE]
    verdict = verify.verified(content, draw=random.Random(1))
    assert verdict.right == (name in ACCEPTED), verdict.problems


@pytest.mark.parametrize(
    "name", ["failures pass with small errors", "failures pass where there are no numbers"]
)
def test_what_is_accepted_falls_when_it_is_run_again(name: str, honest: Any) -> None:
    content = forged(name, honest)
    changed = {r["id"] for r in content["results"]} - {
        r["id"] for r in honest[content["device"]]["results"] if r in content["results"]
    }
    assert changed
    few = [r for r in content["results"] if r["id"] in changed or r["id"].startswith("S2/mul/float32")]
    found = verify.again({**content, "results": few}, None, limit=30.0)
    assert {text.partition(": ")[0] for text in found.problems} == changed
    untouched = {**content, "results": [r for r in few if r["id"] not in changed]}
    assert verify.again(untouched, 5, draw=random.Random(2)).problems == []


def test_another_source_of_the_plugin_is_seen_when_it_is_run_again(honest: Any) -> None:
    content = copy.deepcopy(honest[RIGHT])
    content["plugin"]["hash"] = content["plugin"]["hash"][::-1]
    found = verify.again(content, 0).problems
    assert len(found) == 1 and found[0].startswith("the plugin's hash is ")


def test_a_device_that_is_not_here_cannot_be_run_again(honest: Any) -> None:
    content = copy.deepcopy(honest[RIGHT])
    content["device"] = "acme:0"
    with pytest.raises(PluginError, match="acme:0 is not on this machine"):
        verify.again(content, 3)


def test_neither_plugin_nor_device_is_needed(honest: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from tensorplug_dispatcher.devices import plugins

    def refuse(*args: Any) -> Any:
        raise AssertionError(f"verify asked for a plugin: {args}")

    for where, name in ((manifest, "of_device"), (report, "describe"), (plugins, "load")):
        monkeypatch.setattr(where, name, refuse)
    assert verify.verified(honest[COARSE], draw=random.Random(0), count=50).problems == []


@pytest.mark.parametrize("cut", [1, 100, -9])
def test_a_file_that_is_cut_short(cut: int, honest: Any, tmp_path: Path) -> None:
    packed = gzip.compress(report.as_json(honest[WORDS]).encode())
    path = tmp_path / "report.json.gz"
    path.write_bytes(packed[:cut])
    with pytest.raises(PluginError, match="cannot be read"):
        report.load(path)


def test_a_foreign_suite_is_not_checked(honest: Any) -> None:
    content = forged("a future suite with invented cases", honest)
    verdict = verify.verified(content)
    assert not verdict.known and not verdict.right
    assert verdict.problems == [
        "not checked: it is of suite '2027.1', schema 3; this version knows suite '2026.3', schema 3"
    ]
