"""A failure does not leak into the cases after it, seeds change operands, and messages say where and what."""

from __future__ import annotations

import os
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tensorplug as tp
from tensorplug.__main__ import main
from tensorplug_conformance import evidence, mutants, page, report, samples
from tensorplug_conformance.case import BAD, FAIL, PASS, TIMEOUT, Result
from tensorplug_conformance.cli import Bar
from tensorplug_conformance.runner import ALONE, run
from tensorplug_conformance.worker import all_cases, attempt
from tensorplug_dispatcher import dtypes
from tensorplug_dispatcher.ops import OPS
from tensorplug_faults.distributions import install_distributions

# once cumprod ran, neg fails in that process; sign fails always
PLUGIN = """
from tensorplug_conformance.reference import FUNCTIONS, ReferenceRuntime
from tensorplug_dispatcher import STRIDED, Kernel

tensorplug_api = (1, 0)
ran = []


def cumprod(outs, ins, attrs):
    ran.append(1)
    FUNCTIONS["cumprod"](outs, ins, attrs)


def neg(outs, ins, attrs):
    FUNCTIONS["neg" if not ran else "abs"](outs, ins, attrs)


def floor(outs, ins, attrs):
    FUNCTIONS["round"](outs, ins, attrs)


def tensorplug_runtime():
    return ReferenceRuntime()


def tensorplug_kernels():
    own = {**FUNCTIONS, "cumprod": cumprod, "neg": neg, "floor": floor}
    return [Kernel(op, function, None, STRIDED) for op, function in own.items()]
"""


@pytest.fixture(autouse=True)
def allowed() -> Iterator[None]:
    """The reference borrows what it lacks, as in a worker."""
    with tp.devices.host_fallback("allow"):
        yield


@pytest.fixture
def device(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    (tmp_path / "poisoned_plugin.py").write_text(textwrap.dedent(PLUGIN))
    monkeypatch.syspath_prepend(str(tmp_path))
    installed = install_distributions({"poisoned": {"poisoned": "poisoned_plugin"}})
    folders = [str(tmp_path), str(installed.folder), *filter(None, [os.environ.get("PYTHONPATH")])]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(folders))
    yield "poisoned:0"
    tp.devices.unload("poisoned")
    installed.remove()


def chosen(device: str, *beginnings: str) -> dict[str, Any]:
    found = all_cases(["S2"], device, "smoke")
    return {i: case for begin in beginnings for i, case in found.items() if i.startswith(begin)}


def test_what_fails_after_other_cases_runs_again_alone(device: str, tmp_path: Path) -> None:
    cases = chosen(device, "S2/cumprod/float32/0", "S2/neg/float32/0", "S2/floor/float32/0")
    journal = tmp_path / "results.jsonl"
    results = run(cases, ["S2"], device, "smoke", workers=1, journal=journal)
    negs = [r for i, r in results.items() if i.startswith("S2/neg")]
    assert negs and all(r.status == PASS for r in negs)
    noted = [r for r in negs if r.data.get(ALONE)]  # of negative numbers alone it would have been right
    assert noted
    for result in noted:
        assert result.data["note"].startswith("after other cases in one process it ended as fail (")
    floors = [r for i, r in results.items() if i.startswith("S2/floor") and r.status == FAIL]
    assert floors and all(r.data[ALONE] and "note" not in r.data for r in floors)
    seen: list[str] = []
    again = run(
        cases, ["S2"], device, "smoke", workers=1, journal=journal, progress=lambda d, t, i, r: seen.append(i)
    )
    assert again == results and not seen, "what was confirmed is not run again"


def test_a_note_is_in_the_report_and_on_its_pages() -> None:
    cases = chosen("mirror:0", "S2/neg/float32/0")
    note = "after other cases in one process it ended as fail (x); alone it does not"
    head = report.head("mirror:0", "smoke", ["S2"], 0, report.NO_CLAIMS)
    content = report.make(head, cases, {i: Result(PASS, data={"note": note}) for i in cases})
    assert all(row["note"] == note for row in content["results"])
    assert "## Failed after other cases, and not alone" in page.markdown(content)
    assert "no level · " in page.badge(content) and "(S2 alone)" in page.badge(content)


def test_a_time_limit_names_the_option(monkeypatch: pytest.MonkeyPatch) -> None:
    with mutants.install() as installed:
        folders = [str(installed.folder), *filter(None, [os.environ.get("PYTHONPATH")])]
        monkeypatch.setenv("PYTHONPATH", os.pathsep.join(folders))
        cases = chosen("mutant-hangs:0", "S2/cumprod/float32/0")
        few = dict(list(cases.items())[:1])
        (result,) = run(few, ["S2"], "mutant-hangs:0", "smoke", workers=1, limit=2.0).values()
        tp.devices.unload("mutant-hangs")
    assert result.status == TIMEOUT
    assert result.message == (
        "no end after 2 s; where the device compiles for each shape, give it more time with --timeout SECONDS"
    )


def test_operands_depend_on_the_seed() -> None:
    case = next(iter(chosen("mirror:0", "S2/neg/float32/0").values()))
    found = []
    for seed in (0, 1, 1):
        with samples.seeded(seed):
            found.append(attempt(case, "mirror:0", "salt").data)
    assert found[0] != found[1] == found[2]
    assert attempt(case, "mirror:0", "salt").data == found[0], "the seed is put back"
    assert attempt(case, "mirror:0", "pepper").data != found[0]


def test_equal_numbers_have_equal_digests() -> None:
    def digest(numbers: Any) -> Any:
        with evidence.collected("") as found:
            evidence.result(np.asarray(numbers))
        return found.as_data()

    nan = np.array([0x7FF8000000000001], np.uint64).view(np.float64)
    assert digest([0.0, 1.0]) == digest([-0.0, 1.0]) and digest([np.nan]) == digest(nan)
    assert digest(np.float32([0.5])) == digest(np.float64([0.5]))
    assert len({str(digest(n)) for n in ([1.0], [1], [True], [[1.0]], [2.0])}) == 5


def test_a_failure_names_operands_layouts_and_the_place() -> None:
    with mutants.install():
        message = {}
        for name, begin in {"last-tie": "S2/argmax/int8/", "coarse-exp": "S2/exp/float32/"}.items():
            device = f"mutant-{name}:0"
            try:
                results = [attempt(c, device) for c in chosen(device, begin).values()]
            finally:
                tp.devices.unload(f"mutant-{name}")
            message[name] = [r.message for r in results if r.status in BAD]
    assert any("elements differ, first at [" in text and "reference" in text for text in message["last-tie"])
    assert any("argmax(input=int8[" in text and "dim=" in text for text in message["last-tie"])
    assert any("elements are too far off, worst at [" in text for text in message["coarse-exp"])
    assert any("exp(input=float32[" in text and "] = " in text for text in message["coarse-exp"])
    assert any(" strides [" in text or " offset " in text for text in message["coarse-exp"])


def test_a_call_in_words() -> None:
    x = samples.laid_out(tp.arange(6, dtype=tp.float32).reshape(2, 3), "transposed")
    words = samples.described(OPS["add"], [x, tp.ones(3)], 5)
    assert words == "add(input=float32[2, 3] strides [1, 2] = 5.0, other=float32[3] = 1.0)"
    assert samples.described(OPS["sum"], [x, 0]) == "sum(input=float32[2, 3] strides [1, 2], dim=0)"


def test_where_arrays_differ() -> None:
    a = np.array([[1.0, np.nan], [3.0, 4.0]])
    b = a.copy()
    assert samples.differing(a, b) == ""
    b[1, 0] = 7
    assert samples.differing(a, b) == "1 of 4 elements differ, first at [1, 0]: 3.0, reference 7.0"
    assert samples.differing(a, b[:1]) == "shape [2, 2], reference [1, 2]"


def test_a_result_of_a_dtype_that_is_absent_is_declared() -> None:
    case = next(c for c in chosen("mirror:0", "S2/argmax/float32/0").values())
    assert "int64" in case.uses and report.Manifest(unsupported_dtypes=("int64",)).declares(case)


@pytest.mark.parametrize(
    "op", [o for o in OPS.values() if o.name not in ("to_device",)], ids=lambda o: o.name
)
def test_dtypes_of_results_are_known_before_anything_runs(op: Any) -> None:
    for number, item in enumerate(list(op.samples())[:6]):
        for dtype in samples.dtypes_for(op, item.args)[-3:]:
            try:
                with tp.devices.host_fallback("allow"):
                    results = samples.call(op.name, samples.operands(item.args, dtype, "x", "cpu"), "cpu")
            except (RuntimeError, ValueError, TypeError, IndexError, ArithmeticError):
                continue
            due = {r.dtype.name for r in results} - {dtype.name}
            assert due <= set(samples.dtypes_used(op, item.args, dtype)), (number, dtype)
    assert dtypes.ALL


def test_failures_are_grouped_and_a_part_gives_no_verdict(
    device: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    head = report.head(device, "smoke", ["S2"], 7, report.NO_CLAIMS)
    cases = chosen(device, "S2/floor/float32/", "S2/floor/float64/", "S2/sign/float32/0")
    results = {
        i: Result(FAIL if "floor" in i else PASS, "it is wrong" if "floor" in i else "") for i in cases
    }
    (text,) = page.failures(report.make(head, cases, results))
    n = sum("floor" in i for i in cases)
    first = next(iter(cases))
    assert text == (
        f"S2/floor: {n} fail (float32, float64)\n    {first}: it is wrong\n"
        f"    tensorplug conformance run poisoned:0 --depth smoke --case {first} --seed 7"
    )
    assert main(["conformance", "run", "mirror:0", "--suite", "S0", "--workers", "1"]) == 0
    out = capsys.readouterr().out
    assert out.endswith("mirror:0, S0 alone: 16 pass; no level follows from a part\n") and "L4" not in out
    assert main(["conformance", "run", "mirror:0", "--case", first, "--seed", "7"]) == 0
    assert f"{first}: pass in" in capsys.readouterr().out


def test_the_time_left_is_said_when_there_is_something_to_tell_it_by() -> None:
    bar = Bar()
    bar.first = (100.0, 1)
    assert bar.left(101.0, 2, 1000) == "" and bar.left(110.0, 11, 1000) == ""
    assert bar.left(110.0, 101, 1000) == ", 90 s left"
    assert Bar().left(50.0, 500, 1000) == ""


def test_the_cases_are_the_same_at_any_seed() -> None:
    from tensorplug_conformance.samples import seeded
    from tensorplug_conformance.worker import all_cases

    with seeded(3):
        there = list(all_cases(["S2"], "cpu", "smoke"))
    assert there == list(all_cases(["S2"], "cpu", "smoke"))
