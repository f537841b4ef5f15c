"""The report: every result as it was, the device and system it was on, and the level that follows.

What a report says of device, plugin, system and run is its head. The head is fixed before the first case
runs, and the digests of all cases begin with its hash (``run``): nothing of it can be changed afterwards.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import platform
import zlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import numpy as np

from tensorplug_dispatcher.errors import PluginError
from tensorplug_dispatcher.ops import OPS

from . import SCHEMA_VERSION, SUITE_VERSION, facts
from .case import (
    BAD,
    CRASH,
    DECOMPOSED,
    FAIL,
    FALLBACK,
    NOT_RUN,
    PASS,
    STATUSES,
    TIMEOUT,
    UNSUPPORTED,
    WAIVED,
    Case,
    Result,
)
from .manifest import Manifest, excused, source_file
from .suites import SUITES

# what each level adds: suites, with the tiers that count of S2 and the part that counts of S10
NEEDS: Final[tuple[tuple[str, tuple[str, ...]], ...]] = (
    ("L0", ("S0", "S1")),
    ("L1", ("S2:0-1", "S4")),
    ("L2", ("S2", "S10:inference")),
    ("L3", ("S3", "S5", "S10:training")),
    ("L4", ("S6", "S7", "S9")),
    ("L5", ("S8", "S8:soak")),
)
SHOWN: Final = {"L1": (0, 1), "L2": (2, 3)}  # tiers of which each op must have passed a case
GATED: Final = "S1/big/"  # tensors larger than 2^31 and 2^32 bytes, not run where there is no memory for them
NO_CLAIMS: Final = Manifest()
RIGHT: Final = (PASS, DECOMPOSED, FALLBACK)
HEAD: Final = (
    "schema",
    "suite",
    "suites",
    "device",
    "depth",
    "seed",
    "made",
    "plugin",
    "hardware",
    "tensorplug",
    "system",
    "manifest",
    "facts",
)


def judged(cases: Mapping[str, Case], results: Mapping[str, Result], manifest: Manifest) -> dict[str, Result]:
    """Results with the manifest applied: what is declared as absent is named so, whatever came of it, what is
    undeclared fails, what is waived is marked where a waiver may excuse it, and a waiver that is not needed
    any more is said to be so.
    """
    found: dict[str, Result] = {}
    for case_id, case in cases.items():
        if manifest.declares(case):
            found[case_id] = Result(UNSUPPORTED, "the manifest says that the device does not have it")
            continue
        if case_id not in results:
            continue
        result, waiver = results[case_id], manifest.waiver_of(case_id)
        excuse = excused(result)
        if result.status == UNSUPPORTED:
            text = f"the device does not have it, and its manifest does not say so: {result.message}"
            result = _changed(result, FAIL, text)
        if waiver is not None:
            if result.status in (PASS, DECOMPOSED):
                text = f"waiver {waiver.id} is not needed any more: the test passes; remove the waiver"
                result = _changed(result, FAIL, text)
            elif excuse:
                result = _changed(result, WAIVED, f"{waiver.id}: {waiver.reason}; {excuse}; {result.message}")
            elif result.status in BAD:
                text = (
                    f"waiver {waiver.id} cannot excuse it: no typed error was raised, and it is too far off"
                )
                result = _changed(result, result.status, f"{text}; {result.message}")
        found[case_id] = result
    return found


def _changed(result: Result, status: str, message: str) -> Result:
    return Result(
        status, message, result.max_ulp, result.p99_ulp, result.elements, result.seconds, dict(result.data)
    )


def level_of(
    rows: Iterable[Mapping[str, Any]], manifest: Manifest = NO_CLAIMS, suites: Iterable[str] = tuple(SUITES)
) -> tuple[str, dict[str, list[str]]]:
    """The level that these results reach, and for each level what stands in its way (case ids, or what the
    manifest declares absent that the level may not lack). A run of some suites alone reaches none.
    """
    by_suite: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        by_suite.setdefault(row["id"].partition("/")[0], []).append(row)
    left_out = [f"{suite}: nothing was run" for suite in SUITES if suite not in set(suites)]
    floors, passed = manifest.floors(), _passed(by_suite.get("S2", ()))
    reached, blocked = "none", {}
    open_ = True
    for level, needs in NEEDS:
        obstacles: list[str] = left_out if level == "L0" else []
        obstacles = obstacles + floors.get(level, [])
        for need in needs:
            suite, _, part = need.partition(":")
            chosen = [r for r in by_suite.get(suite, ()) if _counts(r, part)]
            if not chosen and f"{suite}: nothing was run" not in left_out:
                obstacles.append(f"{need}: nothing was run")
            obstacles += [r["id"] for r in chosen if not _good(r)]
        if level in SHOWN and not left_out:
            obstacles += [
                f"S2/{op.name}: no case of it passed"
                for op in OPS.values()
                if op.tier in SHOWN[level] and op.name not in passed
            ]
        blocked[level] = obstacles
        open_ = open_ and not obstacles
        if open_:
            reached = level
    return reached, blocked


def _passed(rows: Iterable[Mapping[str, Any]]) -> set[str]:
    """Ops of which a case in some dtype passed, natively."""
    parts = [row["id"].split("/") for row in rows if row["status"] == PASS]
    return {subject for _, subject, dtype, _ in parts if dtype != "any"}


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


def summary(
    rows: list[dict[str, Any]], manifest: Manifest = NO_CLAIMS, suites: Iterable[str] = tuple(SUITES)
) -> dict[str, Any]:
    """Everything that follows from rows, manifest and the suites that were run; ``verify`` makes it again."""
    level, blocked = level_of(rows, manifest, suites)
    counts = Counter(row["status"] for row in rows)
    kinds = Counter(_kinds(rows).values())
    return {
        "level": level,
        "blocked": {key: found[:20] for key, found in blocked.items() if found},
        "counts": {status: counts.get(status, 0) for status in STATUSES},
        "ops": {key: kinds.get(key, 0) for key in ("native", DECOMPOSED, FALLBACK, FAIL)},
    }


def _kinds(rows: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Op → how the device serves it. Its worst case decides, so that mending a device lowers no count."""
    order = ("native", DECOMPOSED, FALLBACK, FAIL)
    as_kind = {PASS: "native", WAIVED: FAIL, FAIL: FAIL, CRASH: FAIL, TIMEOUT: FAIL}
    found: dict[str, str] = {}
    computed = set()
    for row in rows:
        suite, subject, dtype, _ = row["id"].split("/")
        if suite != "S2" or row["tier"] < 0 or row["status"] in (UNSUPPORTED, NOT_RUN):
            continue
        if dtype != "any":
            computed.add(subject)
        kind = as_kind.get(row["status"], row["status"])
        found[subject] = max(found.get(subject, "native"), kind, key=order.index)
    return {subject: kind for subject, kind in found.items() if subject in computed}


def head(
    device: str, depth: str, suites: Sequence[str], seed: int, manifest: Manifest, made: str = ""
) -> dict[str, Any]:
    """What a report says of device, plugin, system and run, all of it known before the first case."""
    content = {
        "schema": SCHEMA_VERSION,
        "suite": SUITE_VERSION,
        "suites": list(suites),
        "device": device,
        "depth": depth,
        "seed": seed,
        "made": made or datetime.now(UTC).isoformat(timespec="seconds"),
        **describe(device),
        "system": {
            "platform": platform.platform(),
            "processor": platform.processor() or platform.machine(),
            "python": platform.python_version(),
            "numpy": np.__version__,
        },
        "manifest": manifest.as_json(),
        "facts": dict(facts.of(device)),
    }
    return dict(json.loads(json.dumps(content)))  # as it will be read: no tuples


def run_of(content: Mapping[str, Any]) -> str:
    """The hash of a report's head, with which the digests of its cases begin."""
    return _hash({key: content[key] for key in HEAD})


def make(head: Mapping[str, Any], cases: Mapping[str, Case], results: Mapping[str, Result]) -> dict[str, Any]:
    """A report of judged results."""
    rows = [
        _row(case, results.get(case_id, Result(NOT_RUN, "it was not run"))) for case_id, case in cases.items()
    ]
    manifest = Manifest.of_json(head["manifest"])
    content = {
        **head,
        "run": run_of(head),
        "results": rows,
        "summary": summary(rows, manifest, head["suites"]),
    }
    content = json.loads(json.dumps(content))
    content["digest"] = digest(content)
    return dict(content)


def _row(case: Case, result: Result) -> dict[str, Any]:
    ran = result.status not in (UNSUPPORTED, NOT_RUN)
    right = result.status in RIGHT
    row: dict[str, Any] = {
        "id": case.id,
        "tier": case.tier,
        "status": result.status,
        "message": "" if right else result.message or result.status,
        "max_ulp": round(result.max_ulp, 3),
        "p99_ulp": round(result.p99_ulp, 3),
        "elements": result.elements,
        "seconds": max(round(result.seconds, 6), 1e-6) if ran else 0,
    }
    if not ran:
        return row
    row |= {name: result.data[name] for name in ("operands", "results") if name in result.data}
    if not right:
        if result.data.get("raised"):
            row["raised"] = result.data["raised"]
        elif result.data.get("excess", np.inf) < np.inf:
            row["excess"] = round(result.data["excess"], 3)
    notes = [result.message if right else "", result.data.get("note", "")]
    if any(notes):
        row["note"] = "; ".join(filter(None, notes))
    return row


def digest(content: Mapping[str, Any]) -> str:
    """SHA-256 of everything but the digest itself."""
    return _hash({key: value for key, value in content.items() if key != "digest"})


def _hash(content: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def describe(device: str) -> dict[str, Any]:
    """Device and plugin, with a hash of the plugin's source, as a report states them."""
    import tensorplug as tp
    from tensorplug_dispatcher.devices import plugins

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
        text = gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw
        content = json.loads(text, parse_constant=_no_number)
    except (OSError, EOFError, ValueError, zlib.error) as error:
        raise PluginError(f"the report {path} cannot be read: {error}; give a report.json") from error
    if not isinstance(content, dict):
        raise PluginError(f"the report {path} holds a {type(content).__name__}; give a report.json")
    return content


def _no_number(name: str) -> Any:
    raise ValueError(f"{name} is no number of JSON")


def as_json(content: Mapping[str, Any]) -> str:
    """A report as JSON, a line for each result."""
    lines = [json.dumps(row, separators=(",", ":"), sort_keys=True) for row in content["results"]]
    rest = json.dumps({**content, "results": []}, indent=1, sort_keys=True)
    return rest.replace('"results": []', '"results": [\n' + ",\n".join(lines) + "\n ]") + "\n"


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
    order = [CRASH, TIMEOUT, FAIL, FALLBACK, DECOMPOSED, UNSUPPORTED, WAIVED, NOT_RUN, PASS]
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
