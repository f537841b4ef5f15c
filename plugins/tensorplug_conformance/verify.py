"""Whether a report can be believed, as far as can be said without the device, and with it.

Without plugin and device: its form, its digest, the manifest, the list of cases of its suite version, that
summary and level follow from the results, and that the results can be. Cases are run again on the executable
specification, with the report's seed: what was computed from must be the same, exact results must be the same
numbers, and no error may be below that of a result that was rounded once. ``again`` runs cases on the device.

What nobody can see without the device is a result that is consistent with everything and yet untrue.
"""

from __future__ import annotations

import itertools
import json
import random
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from tensorplug_dispatcher.errors import DeviceError, PluginError, TensorplugError
from tensorplug_dispatcher.ops import OPS

from . import SCHEMA_VERSION, SUITE_VERSION, evidence, facts, form, manifest, reference
from .case import DECOMPOSED, NOT_RUN, PASS, UNSUPPORTED, WAIVED, Case
from .manifest import LEVELS, Manifest
from .report import RIGHT, describe, digest, judged, run_of, summary
from .samples import seeded
from .suites import SUITES
from .suites.ops import MOVES
from .worker import all_cases, attempt

DRAWN: Final = 6000  # cases that are computed again where not all are asked for
LARGE: Final = 5000  # elements of a result; of such cases only these many are computed again
LARGE_DRAWN: Final = 24
ROUNDING: Final = 0.002  # units in the last place between errors that are written with three digits
SHOWN: Final = 20  # problems of a kind


@dataclass(slots=True)
class Verdict:
    """What verification found. Where not ``known``, the report was not checked: it is of another suite."""

    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    known: bool = True

    @property
    def right(self) -> bool:
        return self.known and not self.problems


def verified(
    content: Mapping[str, Any],
    everything: bool = False,
    draw: random.Random | None = None,
    count: int = DRAWN,
) -> Verdict:
    """Check a report. With ``everything`` all cases that can be are computed again, else at most ``count``,
    and of large ones LARGE_DRAWN.
    """
    known = content.get("suite") == SUITE_VERSION and content.get("schema") == SCHEMA_VERSION
    if not known:
        text = (
            f"not checked: it is of suite {content.get('suite')!r}, schema {content.get('schema')!r}; this "
            f"version knows suite {SUITE_VERSION!r}, schema {SCHEMA_VERSION}"
        )
        return Verdict([text], known=False)
    wrong = schema_problems(content)
    if content.get("digest") != digest(content):
        wrong.append("the digest does not fit: the report was changed after it was made")
    if wrong:
        return Verdict(wrong)
    verdict = Verdict()
    try:
        verdict.problems += _of_head(content)
        if not verdict.problems:
            due = cases_due(content)
            for check in (_list, _rows, _levels, _plausible):
                verdict.problems += check(content, due)
            if not verdict.problems:
                chosen = draw or random.SystemRandom()
                _computed_again(content, due, None if everything else count, chosen, verdict)
    except (TensorplugError, KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        verdict.problems.append(f"it cannot be judged: {type(error).__name__}: {error}")
    return verdict


def schema_problems(content: Any) -> list[str]:
    """Where a report does not have the form of ``report.schema.json``."""
    schema = json.loads((Path(__file__).parent / "report.schema.json").read_text())
    found = []
    for text in form.problems(content, schema):
        found.append(text[:300])
        if len(found) == SHOWN:
            break
    return found


def cases_due(content: Mapping[str, Any]) -> dict[str, Case]:
    """The cases that a report must have, from its suites, its depth and the device's traits that it gives."""
    with facts.given(content["device"], content["facts"]):
        return all_cases(content["suites"], content["device"], content["depth"])


def _of_head(content: Mapping[str, Any]) -> list[str]:
    made = datetime.fromisoformat(content["made"])
    claims, traits, kind = content["manifest"], content["facts"], content["device"].partition(":")[0]
    today = datetime.now(UTC).date()
    found = manifest.problems_of(claims, made.date())
    for waiver in claims["waivers"]:
        if date.fromisoformat(waiver["expires"]) < today:
            found.append(f"waiver {waiver['id']!r} expired on {waiver['expires']}, and the report with it")
    if made.tzinfo is None or made > datetime.now(UTC) + timedelta(days=1):
        found.append(f"made {content['made']} is not a moment of the past with its time zone")
    if len(set(content["plugin"]["hash"])) < 6:
        found.append(f"the plugin's hash {content['plugin']['hash']} is no SHA-256 of anything")
    if content["run"] != run_of(content):
        found.append("run is not the hash of the head: the head was changed after the run")
    if not kind == content["plugin"]["name"] == traits["type"]:
        names = f"{kind!r}, {content['plugin']['name']!r} and {traits['type']!r}"
        found.append(f"device, plugin and traits are of {names}; they are one")
    for name in ("flushes_subnormals", "accumulator", "unsupported_dtypes"):
        if traits[name] != claims[name]:
            found.append(f"{name} is {claims[name]} in the manifest and {traits[name]} among the traits")
    strange = [s for s in content["suites"] if s not in SUITES]
    found += [f"{s} is no suite" for s in strange]
    return found


def _list(content: Mapping[str, Any], due: Mapping[str, Case]) -> list[str]:
    ids = [row["id"] for row in content["results"]]
    there = set(ids)
    found = [f"{case_id} is there {n} times" for case_id, n in Counter(ids).items() if n > 1][:SHOWN]
    found += [f"{case_id} is missing" for case_id in due if case_id not in there][:SHOWN]
    found += [f"{case_id} is no case of the suite" for case_id in sorted(there - due.keys())][:SHOWN]
    return found


def _levels(content: Mapping[str, Any], due: Mapping[str, Case]) -> list[str]:
    claims = Manifest.of_json(content["manifest"])
    again = summary(content["results"], claims, content["suites"])
    found = [
        f"{key} says {content['summary'][key]}, the results give {again[key]}"
        for key in again
        if content["summary"][key] != again[key]
    ]
    partial_run = set(content["suites"]) != set(SUITES)
    if not partial_run and LEVELS.index(again["level"]) < LEVELS.index(claims.level):
        found.append(f"the manifest claims {claims.level}, the results reach {again['level']}")
    return found


def _rows(content: Mapping[str, Any], due: Mapping[str, Case]) -> list[str]:
    """Each result against the case that it is of, and against the manifest."""
    claims = Manifest.of_json(content["manifest"])
    found = (
        f"{row['id']}: {text}"
        for row in content["results"]
        if row["id"] in due
        for text in _of_row(row, due[row["id"]], claims, content["facts"])
    )
    return list(itertools.islice(found, SHOWN))


def _of_row(row: Mapping[str, Any], case: Case, claims: Manifest, traits: Mapping[str, Any]) -> Iterator[str]:
    status, waiver = row["status"], claims.waiver_of(case.id)
    if row["tier"] != case.tier:
        yield f"tier {row['tier']}, the op table says {case.tier}"
    if (status == UNSUPPORTED) != claims.declares(case):
        does = "declares" if claims.declares(case) else "does not declare"
        yield f"{status}, and the manifest {does} it absent"
    if status in RIGHT:
        if row["message"]:
            yield f"{status} with the message of a failure, {row['message'][:80]!r}"
        if "raised" in row or "excess" in row:
            yield f"{status} with an error that is not allowed"
        if row["max_ulp"] > case.bound + ROUNDING:
            yield f"{status} with an error of {row['max_ulp']} ulp; {case.bound:g} can pass"
    elif not row["message"]:
        yield f"{status} without saying why"
    if status == WAIVED:
        if waiver is None or not row["message"].startswith(f"{waiver.id}: "):
            yield "waived, and the manifest has no waiver of it"
        elif "raised" not in row and not row.get("excess", manifest.EXCUSABLE + 1) <= manifest.EXCUSABLE:
            yield f"waived, without a typed error, at {row.get('excess', 'many')} times the tolerance"
    elif waiver is not None and status in (PASS, DECOMPOSED):
        yield "it passes, and is waived"
    if row["p99_ulp"] > row["max_ulp"]:
        yield f"p99_ulp {row['p99_ulp']} is above max_ulp {row['max_ulp']}"
    if (row["seconds"] > 0) == (status in (UNSUPPORTED, NOT_RUN)):
        yield f"{status} in {row['seconds']} s"
    if case.exact and row["max_ulp"] > 0.5:
        yield f"an error of {row['max_ulp']} ulp where results are exact"
    if status == PASS and "results" in row and not _can_be_native(case, traits):
        yield "native, and the device has no kernel of it"


def _can_be_native(case: Case, traits: Mapping[str, Any]) -> bool:
    """Whether the device has a kernel of the op, in whatever dtype: arguments may be converted."""
    op = OPS.get(case.subject)
    if case.suite != "S2" or op is None or op.is_view or case.subject in MOVES:
        return True
    return case.subject in traits["kernels"]


def _plausible(content: Mapping[str, Any], due: Mapping[str, Case]) -> list[str]:
    """What no run gives: times of one value; cases without operands that are of another run."""
    ran = [row for row in content["results"] if row["status"] not in (UNSUPPORTED, NOT_RUN)]
    found = []
    if len(ran) >= 20:
        (seconds, n), *_ = Counter(row["seconds"] for row in ran).most_common(1)
        if 4 * n > 3 * len(ran):
            found.append(f"{n} of {len(ran)} cases took {seconds} s")
    due_blank = evidence.blank(content["run"])
    found += [
        f"{row['id']}: operands {row.get('operands')}, of this run {due_blank}"
        for row in ran
        if row["id"].startswith("S0/") and row.get("operands") != due_blank
    ]
    return found[:SHOWN]


def _computed_again(
    content: Mapping[str, Any],
    due: Mapping[str, Case],
    count: int | None,
    draw: random.Random,
    verdict: Verdict,
) -> None:
    """Run cases on the executable specification, and compare digests and errors."""
    import tensorplug as tp
    from tensorplug_dispatcher.observation import observe

    able = [
        row
        for row in content["results"]
        if row["status"] in RIGHT
        and (due[row["id"]].exact or due[row["id"]].suite == "S2" and "operands" in row)
    ]
    chosen = able if count is None else _drawn(able, count, draw)
    traits = {**content["facts"], "type": reference.NAME}
    exact = 0
    with ExitStack() as stack:
        stack.enter_context(facts.given(reference.NAME, traits))
        stack.enter_context(tp.devices.host_fallback("allow"))
        stack.enter_context(seeded(content["seed"]))
        stack.enter_context(observe())  # once, so that cases that look at calls do not make all plans anew
        for row in chosen:
            case = due[row["id"]]
            result = attempt(case, reference.NAME, content["run"])
            if result.status not in RIGHT:
                continue
            exact += case.exact
            for name in ("operands", "results"):
                here, there = result.data.get(name), row.get(name)
                if here != there and (case.exact or name == "operands" or None in (here, there)):
                    verdict.problems.append(
                        f"{case.id}: {name} {row.get(name)}, computed again {result.data.get(name)}"
                    )
            if row["elements"] != result.elements:
                verdict.problems.append(f"{case.id}: {row['elements']} elements, there are {result.elements}")
            if result.status == PASS and row["max_ulp"] < result.max_ulp - ROUNDING:
                verdict.problems.append(
                    f"{case.id}: largest error {row['max_ulp']} ulp, below {result.max_ulp:.3f}, that of "
                    "results that are rounded once"
                )
            if len(verdict.problems) >= SHOWN:
                break
    verdict.notes.append(
        f"{len(chosen)} of {len(able)} cases computed again on the reference, {exact} of them to the digit"
    )


def _drawn(rows: Sequence[Any], count: int, draw: random.Random) -> list[Any]:
    large = [row for row in rows if row["elements"] > LARGE]
    small = [row for row in rows if row["elements"] <= LARGE]
    chosen = draw.sample(small, min(count, len(small)))
    return chosen + draw.sample(large, min(LARGE_DRAWN, len(large)))


def again(
    content: Mapping[str, Any],
    count: int | None,
    *,
    workers: int = 2,
    limit: float = 60.0,
    draw: random.Random | None = None,
) -> Verdict:
    """Run ``count`` drawn cases of a report (None: all) once more on its device, which is here, and compare.
    Raises PluginError where the device is not here.
    """
    import tensorplug as tp

    from .runner import run

    device = content["device"]
    try:
        tp.device(device)
    except (DeviceError, PluginError) as error:
        raise PluginError(
            f"{device} is not on this machine, so that nothing can be run again on it: {error}"
        ) from error
    verdict = Verdict(_other_device(content))
    due = cases_due(content)
    rows = [row for row in content["results"] if row["id"] in due]
    rows = [row for row in rows if row["status"] not in (UNSUPPORTED, NOT_RUN)]
    if count is not None:
        rows = (draw or random.SystemRandom()).sample(rows, min(count, len(rows)))
    chosen = {row["id"]: due[row["id"]] for row in rows}
    results = run(
        chosen,
        content["suites"],
        device,
        content["depth"],
        seed=content["seed"],
        salt=content["run"],
        workers=workers,
        limit=limit,
    )
    final = judged(chosen, results, Manifest.of_json(content["manifest"]))
    for row in rows:
        case, result = chosen[row["id"]], final[row["id"]]
        if result.status != row["status"]:
            verdict.problems.append(
                f"{case.id}: {row['status']} in the report, {result.status} here: {result.message[:300]}"
            )
        elif row.get("operands") != result.data.get("operands"):
            verdict.problems.append(f"{case.id}: the operands were others than here")
        elif case.exact and row.get("results") != result.data.get("results"):
            verdict.problems.append(f"{case.id}: the results were others than here, and they are exact")
    verdict.notes.append(f"{len(rows)} cases run again on {device}")
    return verdict


def _other_device(content: Mapping[str, Any]) -> list[str]:
    """How the device that is here differs from the report's."""
    here = describe(content["device"])
    found = [
        f"the {part}'s {name} is {here[part][name]!r} here, {content[part][name]!r} in the report"
        for part, names in (("plugin", ("distribution", "version", "hash")), ("hardware", ("name",)))
        for name in names
        if here[part][name] != content[part][name]
    ]
    traits = json.loads(json.dumps(dict(facts.of(content["device"]))))
    different = [k for k in traits if k != "layers" and traits[k] != content["facts"].get(k)]
    return found + [f"the device's {name} are others here" for name in different]
