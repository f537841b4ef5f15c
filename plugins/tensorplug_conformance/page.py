"""A report to look at: Markdown, one HTML page that needs nothing else, JUnit, and a badge."""

from __future__ import annotations

import html
import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final
from xml.etree import ElementTree

from tensorplug_dispatcher import dtypes

from .case import (
    BAD,
    CRASH,
    DECOMPOSED,
    FAIL,
    FALLBACK,
    NOT_RUN,
    PASS,
    SEED,
    STATUSES,
    TIMEOUT,
    UNSUPPORTED,
    WAIVED,
)
from .report import as_json, difference
from .suites import SUITES

LEAKED: Final = "after other cases"  # of the note of what failed after others and not alone
WORST: Final = (CRASH, TIMEOUT, FAIL, NOT_RUN, WAIVED, FALLBACK, UNSUPPORTED, DECOMPOSED, PASS)
# colours that people who do not see red and green apart can tell, with a letter each
COLOURS: Final = {
    PASS: ("#1b7f5c", "n", "native"),
    DECOMPOSED: ("#5b8fd6", "d", "decomposed"),
    FALLBACK: ("#e0a030", "h", "borrowed from the host"),
    UNSUPPORTED: ("#b9bec6", "u", "declared not to be there"),
    WAIVED: ("#8a63b8", "w", "waived"),
    NOT_RUN: ("#ffffff", "-", "not run"),
    FAIL: ("#c03030", "F", "failed"),
    CRASH: ("#701010", "C", "crashed"),
    TIMEOUT: ("#903060", "T", "timed out"),
}


def badge(content: Mapping[str, Any]) -> str:
    """One line: ``L3 · 2026.2 smoke · 412 native / 31 decomposed / 9 fallback · absent: float64 · 2 waived``.
    Of a run of some suites alone it says which, and no level.
    """
    ops, counts = content["summary"]["ops"], content["summary"]["counts"]
    level = "no level" if partial_run(content) else content["summary"]["level"]
    suites = f" ({', '.join(content['suites'])} alone)" if partial_run(content) else ""
    failed = f" / {ops[FAIL]} failing" if ops[FAIL] else ""
    return (
        f"{level} · {content['suite']} {content['depth']}{suites} · {ops['native']} native / "
        f"{ops[DECOMPOSED]} decomposed / {ops[FALLBACK]} fallback{failed} · absent: {absent(content)} · "
        f"{counts[WAIVED]} waived"
    )


def partial_run(content: Mapping[str, Any]) -> bool:
    """Whether some suites were left out, so that no level follows."""
    return set(content["suites"]) != set(SUITES)


def absent(content: Mapping[str, Any]) -> str:
    """What the manifest declares absent, in a few words: ``float16, float64, 5 ops``, or ``nothing``."""
    claims = content["manifest"]
    found: list[str] = []
    for names, kind in ((claims["unsupported_dtypes"], "dtypes"), (claims["unsupported_ops"], "ops")):
        found += names if len(names) <= 3 else [f"{len(names)} {kind}"]
    return ", ".join(found) or "nothing"


def _declared(content: Mapping[str, Any]) -> str:
    """All that the manifest declares absent, by name."""
    claims = content["manifest"]
    return ", ".join((*claims["unsupported_dtypes"], *claims["unsupported_ops"])) or "nothing"


def _waivers(content: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return list(content["manifest"]["waivers"])


def failures(content: Mapping[str, Any]) -> list[str]:
    """The cases that failed, grouped by op: a line each, and the command that runs the first again."""
    groups: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for row in content["results"]:
        if row["status"] in BAD:
            suite, subject = row["id"].split("/")[:2]
            groups.setdefault((suite, subject), []).append(row)
    lines = []
    for (suite, subject), rows in sorted(groups.items(), key=lambda g: -len(g[1])):
        names = list(dict.fromkeys(row["id"].split("/")[2] for row in rows))
        kinds = Counter(row["status"] for row in rows)
        counts = ", ".join(f"{n} {status}" for status, n in kinds.items())
        lines.append(
            f"{suite}/{subject}: {counts} ({', '.join(names)})\n"
            f"    {rows[0]['id']}: {rows[0]['message']}\n    {reproduction(content, rows[0]['id'])}"
        )
    return lines


def matrix(content: Mapping[str, Any]) -> tuple[list[str], list[str], dict[tuple[str, str], str]]:
    """Ops, dtypes, and the worst status of each pair that S2 has cases of."""
    found: dict[tuple[str, str], str] = {}
    ops: list[str] = []
    for row in content["results"]:
        suite, op, dtype, _ = row["id"].split("/")
        if suite != "S2" or dtype == "any":
            continue
        if op not in ops[-1:]:
            ops.append(op)
        before = found.get((op, dtype), PASS)
        found[op, dtype] = min(before, row["status"], key=WORST.index)
    names = [d.name for d in dtypes.ALL if any((op, d.name) in found for op in ops)]
    return list(dict.fromkeys(ops)), names, found


def by_suite(content: Mapping[str, Any]) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    for row in content["results"]:
        counts = found.setdefault(row["id"].partition("/")[0], dict.fromkeys(STATUSES, 0))
        counts[row["status"]] += 1
    return found


def markdown(content: Mapping[str, Any]) -> str:
    """The report as a page for a repository."""
    plugin, hardware = content["plugin"], content["hardware"]
    lines = [
        f"# Conformance of {content['device']}: {content['summary']['level']}",
        "",
        f"{badge(content)}",
        "",
        f"- device: {hardware['name']} ({hardware['details']})",
        f"- plugin: {plugin['name']} of {plugin['distribution']} {plugin['version']}, "
        f"source {plugin['hash'][:12]}",
        f"- system: {content['system']['platform']}, Python {content['system']['python']}",
        f"- suite {content['suite']}, depth {content['depth']}, seed {content['seed']}",
        f"- made {content['made']}",
        f"- declared absent: {_declared(content)}",
        *(
            f"- waived: `{w['test']}` until {w['expires']}: {w['reason']} ({w['issue']})"
            for w in _waivers(content)
        ),
        "",
        "| suite | what | " + " | ".join(STATUSES) + " |",
        "| --- | --- | " + " | ".join("---:" for _ in STATUSES) + " |",
    ]
    for suite, counts in by_suite(content).items():
        numbers = " | ".join(str(counts[s] or "") for s in STATUSES)
        lines.append(f"| {suite} | {SUITES[suite][1]} | {numbers} |")
    blocked = content["summary"]["blocked"]
    if blocked:
        lines += ["", "## What stands in the way of the next levels", ""]
        lines += [
            f"- {level}: {', '.join(ids[:8])}{' …' if len(ids) > 8 else ''}" for level, ids in blocked.items()
        ]
    bad = [row for row in content["results"] if row["status"] in BAD]
    if bad:
        lines += ["", "## Failures", ""]
        lines += [f"- `{row['id']}` {row['status']}: {row['message']}" for row in bad[:200]]
        lines += ["", "Reproduce one: `" + reproduction(content, bad[0]["id"]) + "`"]
    leaked = [row for row in content["results"] if LEAKED in row.get("note", "")]
    if leaked:
        lines += ["", "## Failed after other cases, and not alone", ""]
        lines += [f"- `{row['id']}` {row['note']}" for row in leaked[:200]]
    ops, names, found = matrix(content)
    lines += [
        "",
        "## Ops",
        "",
        "n native, d decomposed, h borrowed from the host, u declared unsupported, w waived,",
    ]
    lines += ["F failed, C crashed, T timed out", "", "| op | " + " | ".join(names) + " |"]
    lines += ["| --- |" + " --- |" * len(names)]
    for op in ops:
        marks = " | ".join(COLOURS[found[op, d]][1] if (op, d) in found else "" for d in names)
        lines.append(f"| {op} | {marks} |")
    return "\n".join(lines) + "\n"


def reproduction(content: Mapping[str, Any], case_id: str) -> str:
    """The command that runs one case again."""
    seed = f" --seed {content['seed']}" if content["seed"] != SEED else ""
    return f"tensorplug conformance run {content['device']} --depth {content['depth']} --case {case_id}{seed}"


def junit(content: Mapping[str, Any]) -> str:
    """JUnit XML, a test suite each of ours."""
    root = ElementTree.Element("testsuites", name=f"conformance of {content['device']}")
    for suite in by_suite(content):
        rows = [r for r in content["results"] if r["id"].startswith(suite + "/")]
        node = ElementTree.SubElement(
            root,
            "testsuite",
            name=suite,
            tests=str(len(rows)),
            failures=str(sum(r["status"] == FAIL for r in rows)),
            errors=str(sum(r["status"] in (CRASH, TIMEOUT) for r in rows)),
            skipped=str(sum(r["status"] in (UNSUPPORTED, WAIVED, NOT_RUN) for r in rows)),
        )
        for r in rows:
            case = ElementTree.SubElement(
                node, "testcase", classname=suite, name=r["id"], time=f"{r['seconds']:.5f}"
            )
            if r["status"] in BAD:
                kind = "failure" if r["status"] == FAIL else "error"
                ElementTree.SubElement(case, kind, message=_printable(r["message"])[:500])
            elif r["status"] in (UNSUPPORTED, WAIVED, NOT_RUN):
                ElementTree.SubElement(
                    case, "skipped", message=f"{r['status']}: {_printable(r['message'])[:300]}"
                )
            elif r["status"] != PASS:
                ElementTree.SubElement(case, "system-out").text = r["status"]
    return ElementTree.tostring(root, encoding="unicode")


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() or c in "\n\t" else "?" for c in text)


STYLE: Final = """
:root { color-scheme: light; font: 15px/1.45 system-ui, sans-serif; color: #1c2330; background: #f6f7f9; }
body { max-width: 1100px; margin: 0 auto; padding: 24px; }
h1 { font-size: 28px; margin: 0 0 4px; } h2 { font-size: 19px; margin: 32px 0 8px; }
.badge { display: inline-block; padding: 4px 12px; border-radius: 14px; background: #1c2330; color: #fff; }
table { border-collapse: collapse; background: #fff; } th, td { padding: 3px 9px; text-align: left; }
th { font-weight: 600; border-bottom: 2px solid #d5d9e0; } td { border-bottom: 1px solid #eceef2; }
td.n { text-align: right; font-variant-numeric: tabular-nums; }
.cell { width: 58px; text-align: center; color: #fff; font: 12px monospace; padding: 2px; }
.key span { display: inline-block; padding: 1px 8px; margin-right: 6px; color: #fff; border-radius: 4px; }
.bar { fill: #5b8fd6; } svg text { font: 11px system-ui; fill: #58606e; }
code { background: #eceef2; padding: 1px 5px; border-radius: 4px; }
.matrix { max-height: 640px; overflow: auto; border: 1px solid #d5d9e0; }
.matrix th { position: sticky; top: 0; background: #fff; }
.scroll { overflow-x: auto; }
"""


def page(content: Mapping[str, Any], before: Mapping[str, Any] | None = None) -> str:
    """One HTML page that needs nothing else; ``before`` is an earlier report to show the differences to."""
    e = html.escape
    plugin, hardware, made = content["plugin"], content["hardware"], content["made"]
    parts = [
        "<!doctype html><html lang='en'><head><meta charset='utf-8'>",
        "<meta name='viewport' content='width=device-width, initial-scale=1'>",
        f"<title>Conformance of {e(content['device'])}</title><style>{STYLE}</style></head><body>",
        f"<h1>{e(content['device'])}: {e(content['summary']['level'])}</h1>",
        f"<p><span class='badge'>{e(badge(content))}</span></p>",
        f"<p>{e(hardware['name'])} ({e(hardware['details'])})<br>plugin {e(plugin['name'])} "
        f"of {e(plugin['distribution'])} {e(plugin['version'])}, "
        f"source <code>{e(plugin['hash'][:16])}</code><br>{e(content['system']['platform'])}, "
        f"Python {e(content['system']['python'])}<br>suite {e(content['suite'])}, "
        f"depth {e(content['depth'])}, seed {content['seed']}, made {e(made)}</p>",
        f"<p>declared absent: {e(_declared(content))}</p>",
        *_waived(content),
        "<h2>Suites</h2>",
        _suites(content),
    ]
    blocked = content["summary"]["blocked"]
    if blocked:
        parts.append("<h2>What stands in the way</h2><table>")
        for level, ids in blocked.items():
            shown = ", ".join(f"<code>{e(i)}</code>" for i in ids[:6]) + (" …" if len(ids) > 6 else "")
            parts.append(f"<tr><td>{e(level)}</td><td>{shown}</td></tr>")
        parts.append("</table>")
    parts += ["<h2>Ops</h2>", _key(), _matrix(content)]
    bad = [row for row in content["results"] if row["status"] in BAD]
    if bad:
        parts.append(f"<h2>Failures ({len(bad)})</h2><div class='scroll'><table>")
        parts += [
            f"<tr><td><code>{e(row['id'])}</code></td><td>{e(row['status'])}</td><td>{e(row['message'])}"
            f"<br><code>{e(reproduction(content, row['id']))}</code></td></tr>"
            for row in bad[:300]
        ]
        parts.append("</table></div>")
    if before is not None:
        changes = difference(before, content)
        parts.append(f"<h2>Since {e(before['made'])}</h2>")
        parts.append(
            "<ul>" + "".join(f"<li>{e(c)}</li>" for c in changes[:200]) + "</ul>"
            if changes
            else "<p>No change.</p>"
        )
    parts += [
        "<h2>Errors, units in the last place</h2>",
        _histogram(content),
    ]
    parts += ["<h2>Slowest</h2>", _slowest(content), "</body></html>"]
    return "\n".join(parts)


def _waived(content: Mapping[str, Any]) -> list[str]:
    """The manifest's waivers as a table."""
    if not _waivers(content):
        return []
    parts = ["<h2>Waived</h2><div class='scroll'><table>"]
    for w in _waivers(content):
        cells = [f"<code>{html.escape(w['test'])}</code>", f"until {html.escape(w['expires'])}"]
        cells += (html.escape(w[name]) for name in ("reason", "measured", "issue", "reviewer"))
        parts.append(f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>")
    return [*parts, "</table></div>"]


def _suites(content: Mapping[str, Any]) -> str:
    head = "".join(f"<th>{s}</th>" for s in STATUSES)
    rows = "".join(
        f"<tr><td>{suite}</td><td>{html.escape(SUITES[suite][1])}</td>"
        + "".join(f"<td class='n'>{counts[s] or ''}</td>" for s in STATUSES)
        + "</tr>"
        for suite, counts in by_suite(content).items()
    )
    return f"<div class='scroll'><table><tr><th></th><th></th>{head}</tr>{rows}</table></div>"


def _key() -> str:
    spans = "".join(
        f"<span style='background:{colour};{'color:#333;' if colour in ('#ffffff', '#b9bec6') else ''}'>"
        f"{letter} {label}</span>"
        for colour, letter, label in COLOURS.values()
    )
    return f"<p class='key'>{spans}</p>"


def _matrix(content: Mapping[str, Any]) -> str:
    ops, names, found = matrix(content)
    lines = ["<div class='matrix'><table><tr><th>op</th>", *(f"<th>{n}</th>" for n in names), "</tr>"]
    for op in ops:
        cells = []
        for name in names:
            status = found.get((op, name))
            if status is None:
                cells.append("<td></td>")
                continue
            colour, letter, label = COLOURS[status]
            cells.append(
                f"<td class='cell' style='background:{colour}' title='{op} {name}: {label}'>{letter}</td>"
            )
        lines.append(f"<tr><td>{html.escape(op)}</td>{''.join(cells)}</tr>")
    lines.append("</table></div>")
    return "".join(lines)


def _histogram(content: Mapping[str, Any]) -> str:
    """Cases by their largest error, as bars."""
    edges = (0.0, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 64.0, float("inf"))
    names = ("0", "≤ ½", "≤ 1", "≤ 2", "≤ 4", "≤ 8", "≤ 16", "≤ 64", "> 64")
    counts = [0] * len(edges)
    for row in content["results"]:
        if row["elements"] and row["status"] in (PASS, DECOMPOSED, FALLBACK):
            counts[next(i for i, edge in enumerate(edges) if row["max_ulp"] <= edge)] += 1
    top = max([*counts, 1])
    bars = []
    for i, (name, count) in enumerate(zip(names, counts, strict=True)):
        height = round(120 * count / top)
        x = 10 + i * 66
        bars.append(
            f"<rect class='bar' x='{x}' y='{140 - height}' width='50' height='{height}'/>"
            f"<text x='{x + 25}' y='{134 - height}' text-anchor='middle'>{count}</text>"
            f"<text x='{x + 25}' y='156' text-anchor='middle'>{name}</text>"
        )
    return f"<svg width='620' height='165' role='img' aria-label='errors'>{''.join(bars)}</svg>"


def _slowest(content: Mapping[str, Any]) -> str:
    rows = sorted(content["results"], key=lambda r: -r["seconds"])[:15]
    lines = "".join(
        f"<tr><td><code>{html.escape(r['id'])}</code></td><td class='n'>{r['seconds']:.3f} s</td></tr>"
        for r in rows
    )
    return f"<table>{lines}</table>"


def write(content: Mapping[str, Any], folder: Path) -> list[Path]:
    """All forms of a report into a folder; an earlier ``report.json`` there gives the differences."""
    folder.mkdir(parents=True, exist_ok=True)
    earlier = folder / "report.json"
    before = None
    if earlier.exists():
        try:
            before = json.loads(earlier.read_text())
        except ValueError:
            before = None
    files = {
        "report.json": as_json(content),
        "report.md": markdown(content),
        "report.html": page(content, before),
        "junit.xml": junit(content),
        "badge.txt": badge(content) + "\n",
    }
    for name, text in files.items():
        (folder / name).write_text(text)
    return [folder / name for name in files]
