"""The report: every result as it was, the device and system it was on, and the level that follows."""

from __future__ import annotations

import gzip
import hashlib
import json
import platform
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import numpy as np

from tensorplug_dispatcher.errors import PluginError

from . import SCHEMA_VERSION, SUITE_VERSION
from .case import (
    DECOMPOSED,
    FALLBACK,
    NOT_RUN,
    PASS,
    SEEDS,
    STATUSES,
    UNSUPPORTED,
    WAIVED,
    Case,
    Result,
)
from .manifest import LEVELS, Manifest, source_file

# what each level adds: suites, with the tiers that count of S2 and the part that counts of S10
NEEDS: Final[tuple[tuple[str, tuple[str, ...]], ...]] = (
    ("L0", ("S0", "S1")),
    ("L1", ("S2:0-1", "S4")),
    ("L2", ("S2", "S10:inference")),
    ("L3", ("S3", "S5", "S10:training")),
    ("L4", ("S6", "S7", "S9")),
    ("L5", ("S8", "S8:soak")),
)
GATED: Final = "S1/big/"  # tensors larger than 2^31 and 2^32 bytes, not run where there is no memory for them


def judged(cases: Mapping[str, Case], results: Mapping[str, Result], manifest: Manifest) -> dict[str, Result]:
    """Results with the manifest applied: what is declared as absent is named so, whatever came of it, what is
    undeclared fails, what is waived is marked, and a waiver that is not needed any more is said to be so.
    """
    found: dict[str, Result] = {}
    for case_id, case in cases.items():
        if manifest.declares(case):
            found[case_id] = Result(UNSUPPORTED, "the manifest says that the device does not have it")
            continue
        if case_id not in results:
            continue
        result, waiver = results[case_id], manifest.waiver_of(case_id)
        if result.status == UNSUPPORTED:
            text = f"the device does not have it, and its manifest does not say so: {result.message}"
            result = _changed(result, "fail", text)
        if waiver is not None:
            if result.status == PASS:
                text = f"waiver {waiver.id} is not needed any more: the test passes; remove the waiver"
                result = _changed(result, "fail", text)
            else:
                result = _changed(result, WAIVED, f"{waiver.id}: {waiver.reason}; {result.message}")
        found[case_id] = result
    return found


def _changed(result: Result, status: str, message: str) -> Result:
    return Result(
        status, message, result.max_ulp, result.p99_ulp, result.elements, result.seconds, dict(result.data)
    )


def level_of(rows: Iterable[Mapping[str, Any]]) -> tuple[str, dict[str, list[str]]]:
    """The level that these results reach, and for each level what stands in its way (case ids)."""
    by_suite: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        by_suite.setdefault(row["id"].partition("/")[0], []).append(row)
    reached, blocked = "none", {}
    open_ = True
    for level, needs in NEEDS:
        obstacles: list[str] = []
        for need in needs:
            suite, _, part = need.partition(":")
            chosen = [r for r in by_suite.get(suite, ()) if _counts(r, part)]
            if not chosen:
                obstacles.append(f"{need}: nothing was run")
            obstacles += [r["id"] for r in chosen if not _good(r)]
        blocked[level] = obstacles
        open_ = open_ and not obstacles
        if open_:
            reached = level
    return reached, blocked


def _counts(row: Mapping[str, Any], part: str) -> bool:
    if part == "0-1":
        return int(row["tier"]) in (0, 1)
    return not part or row["id"].split("/")[1].startswith(part)


def _good(row: Mapping[str, Any]) -> bool:
    """Whether a result stands in no level's way. A decomposed op is right and not the device's own: an op of
    tier 4 may be so, a primitive may not; a borrowed one never.
    """
    status = row["status"]
    if status == NOT_RUN:
        return row["id"].startswith(GATED) and row["message"].startswith("it needs ")
    if status == DECOMPOSED:
        return int(row["tier"]) == 4 or int(row["tier"]) < 0
    return status in (PASS, UNSUPPORTED, WAIVED)


def summary(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Everything that follows from the rows; ``verify`` makes it again."""
    level, blocked = level_of(rows)
    counts = Counter(row["status"] for row in rows)
    ops: dict[str, set[str]] = {}
    for row in rows:
        if row["id"].startswith("S2/") and row["tier"] >= 0 and row["status"] in (PASS, DECOMPOSED, FALLBACK):
            ops.setdefault(row["id"].split("/")[1], set()).add(row["status"])
    kinds = Counter(
        FALLBACK if FALLBACK in used else DECOMPOSED if DECOMPOSED in used else "native"
        for used in ops.values()
    )
    return {
        "level": level,
        "blocked": {key: found[:20] for key, found in blocked.items() if found},
        "counts": {status: counts.get(status, 0) for status in STATUSES},
        "ops": {key: kinds.get(key, 0) for key in ("native", DECOMPOSED, FALLBACK)},
    }


def make(
    device: str,
    depth: str,
    cases: Mapping[str, Case],
    results: Mapping[str, Result],
    manifest: Manifest,
    about: Mapping[str, Any],
) -> dict[str, Any]:
    """A report. ``about`` is what ``describe`` says of device and plugin."""
    rows = []
    for case_id, case in cases.items():
        result = results.get(case_id, Result(NOT_RUN, "it was not run"))
        rows.append(
            {
                "id": case_id,
                "tier": case.tier,
                "status": result.status,
                "message": result.message,
                "max_ulp": round(result.max_ulp, 3),
                "p99_ulp": round(result.p99_ulp, 3),
                "elements": result.elements,
                "seconds": round(result.seconds, 5),
            }
        )
    content = {
        "schema": SCHEMA_VERSION,
        "suite": SUITE_VERSION,
        "device": device,
        "depth": depth,
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
        "seeds": dict(SEEDS),
        **about,
        "system": {
            "platform": platform.platform(),
            "processor": platform.processor() or platform.machine(),
            "python": platform.python_version(),
            "numpy": np.__version__,
        },
        "manifest": manifest.as_json(),
        "results": rows,
        "summary": summary(rows),
    }
    content = json.loads(json.dumps(content))  # as it will be read: no tuples
    content["digest"] = digest(content)
    return dict(content)


def digest(content: Mapping[str, Any]) -> str:
    """SHA-256 of everything but the digest itself."""
    plain = {key: value for key, value in content.items() if key != "digest"}
    return hashlib.sha256(json.dumps(plain, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def describe(device: str) -> dict[str, Any]:
    """Device and plugin, with a hash of the plugin's source, as a report states them."""
    import tensorplug as tp
    from tensorplug_dispatcher import plugins

    found = tp.device(device)
    record = plugins.installed("tensorplug.backends")[found.type]
    info = next(i for i in found.runtime.devices() if i.index == found.index)
    module = plugins.load("tensorplug.backends", found.type).module
    return {
        "plugin": {
            "name": found.type,
            "distribution": record.distribution,
            "version": record.version,
            "api": list(getattr(module, "tensorplug_api", ())),
            "hash": _source_hash(module),
        },
        "hardware": {"name": info.name, "memory": info.memory, "details": info.details},
        "tensorplug": tp.__version__,
    }


def _source_hash(module: Any) -> str:
    """SHA-256 over the plugin's Python files, names and contents."""
    found = hashlib.sha256()
    source = source_file(module)
    if source is None:
        return found.hexdigest()
    folder = source.parent
    for file in sorted(folder.rglob("*.py")) if source.name == "__init__.py" else [source]:
        found.update(str(file.relative_to(folder)).encode() + b"\0" + file.read_bytes())
    return found.hexdigest()


def load(path: Path) -> dict[str, Any]:
    """A report from a file, which may be gzipped; raises PluginError where it is no JSON object."""
    try:
        raw = path.read_bytes()
        content = json.loads(gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw)
    except (OSError, EOFError, ValueError) as error:
        raise PluginError(f"the report {path} cannot be read: {error}; give a report.json") from error
    if not isinstance(content, dict):
        raise PluginError(f"the report {path} holds a {type(content).__name__}; give a report.json")
    return content


def as_json(content: Mapping[str, Any]) -> str:
    """A report as JSON, a line for each result."""
    lines = [json.dumps(row, separators=(",", ":"), sort_keys=True) for row in content["results"]]
    rest = json.dumps({**content, "results": []}, indent=1, sort_keys=True)
    return rest.replace('"results": []', '"results": [\n' + ",\n".join(lines) + "\n ]") + "\n"


def schema_problems(content: Any) -> list[str]:
    """Where a report does not have the form of ``report.schema.json``. Raises PluginError where the package
    that checks it is not installed.
    """
    try:
        import jsonschema
    except ImportError as error:
        raise PluginError(
            "jsonschema, which checks the form of reports, is not installed; "
            "pip install 'tensorplug[conformance]'"
        ) from error
    schema = json.loads((Path(__file__).parent / "report.schema.json").read_text())
    checker = jsonschema.Draft202012Validator(schema, format_checker=jsonschema.FormatChecker())
    found = sorted(checker.iter_errors(content), key=lambda e: list(map(str, e.absolute_path)))
    return [f"{'.'.join(map(str, e.absolute_path)) or 'the report'}: {e.message[:200]}" for e in found[:20]]


def verified(content: Mapping[str, Any]) -> list[str]:
    """What is wrong with a report: its form, an edit, a level that does not follow, missing cases."""
    if content.get("schema") != SCHEMA_VERSION:
        return [f"schema {content.get('schema')!r} is not {SCHEMA_VERSION}, which this version reads"]
    problems = schema_problems(content)
    if content.get("digest") != digest(content):
        problems.append("the digest does not fit: the report was changed after it was made")
    try:
        return problems + _disagreements(content)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        return [*problems, f"the results cannot be judged: {type(error).__name__}: {error}"]


def _disagreements(content: Mapping[str, Any]) -> list[str]:
    """Where parts of a report do not fit each other, or the suite that they are said to be from."""
    rows = content["results"]
    again = summary(rows)
    problems = [
        f"{key} says {content['summary'].get(key)}, the results give {again[key]}"
        for key in again
        if content["summary"].get(key) != again[key]
    ]
    ids = [row["id"] for row in rows]
    problems += [f"{case_id} is there {n} times" for case_id, n in Counter(ids).items() if n > 1]
    waived = {w["test"]: w["id"] for w in content["manifest"]["waivers"]}
    for row in rows:
        excused = row["id"] in waived and row["message"].startswith(f"{waived[row['id']]}: ")
        if row["status"] == WAIVED and not excused:
            problems.append(f"{row['id']} is waived, and the manifest has no waiver of it")
        if row["p99_ulp"] > row["max_ulp"]:
            problems.append(f"{row['id']}: p99_ulp {row['p99_ulp']} is above max_ulp {row['max_ulp']}")
    if content["seeds"] != SEEDS:
        problems.append(f"seeds {content['seeds']} are not the suite's, {dict(SEEDS)}")
    if content["suite"] == SUITE_VERSION:
        from .suites import SUITES
        from .suites.layers import OF_LAYER  # where others are installed, others are due
        from .worker import all_cases

        suites = [s for s in SUITES if any(i.startswith(s + "/") for i in ids)]
        due = all_cases(suites, content["device"], content["depth"])
        missing, strange = due.keys() - set(ids), set(ids) - due.keys()
        problems += [f"{i} is missing" for i in sorted(missing) if not i.startswith(OF_LAYER)][:20]
        problems += [f"{i} is no case of the suite" for i in sorted(strange) if not i.startswith(OF_LAYER)][
            :20
        ]
        problems += [
            f"{row['id']} says tier {row['tier']}, the op table {due[row['id']].tier}"
            for row in rows
            if row["id"] in due and row["tier"] != due[row["id"]].tier
        ]
    claim = content["manifest"]["level"]
    if LEVELS.index(again["level"]) < LEVELS.index(claim):
        problems.append(f"the manifest claims {claim}, the results reach {again['level']}")
    return problems


def difference(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """What changed between two reports, worst first, a line each."""
    before = {row["id"]: row for row in old["results"]}
    after = {row["id"]: row for row in new["results"]}
    lines = []
    if old["summary"]["level"] != new["summary"]["level"]:
        lines.append(f"level: {old['summary']['level']} -> {new['summary']['level']}")
    changed = [
        (
            row["status"],
            f"{case_id}: {before[case_id]['status']} -> {row['status']} {row['message']}".rstrip(),
        )
        for case_id, row in after.items()
        if case_id in before and before[case_id]["status"] != row["status"]
    ]
    order = ["crash", "timeout", "fail", FALLBACK, DECOMPOSED, UNSUPPORTED, WAIVED, NOT_RUN, PASS]
    lines += [text for _, text in sorted(changed, key=lambda c: order.index(c[0]))]
    lines += [f"{case_id}: new, {after[case_id]['status']}" for case_id in after if case_id not in before]
    lines += [
        f"{case_id}: gone, was {before[case_id]['status']}" for case_id in before if case_id not in after
    ]
    for case_id, row in after.items():
        was = before.get(case_id)
        if was is not None and row["max_ulp"] > 1.5 * was["max_ulp"] + 0.5:
            lines.append(f"{case_id}: largest error {was['max_ulp']} -> {row['max_ulp']} ulp")
    return lines
