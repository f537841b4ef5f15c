"""``tensorplug conformance run|verify|diff|fuzz|list``."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from .case import DEPTHS, SEEDS, Result
from .manifest import LEVELS, of_device
from .page import BAD, badge, reproduction, write
from .report import describe, difference, judged, load, make, verified
from .runner import run as run_cases
from .suites import SUITES
from .worker import all_cases, attempt


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The grammar of the subcommand, on a parser of ``tensorplug``."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    run = actions.add_parser("run", help="run the suites on a device and write a report")
    run.add_argument("device", metavar="DEVICE", help="for instance opencl:0")
    run.add_argument("--depth", choices=DEPTHS, default="smoke", help="how much (default: %(default)s)")
    run.add_argument("--report", type=Path, metavar="FOLDER", help="where the report goes")
    run.add_argument(
        "--suite", action="append", choices=list(SUITES), help="only this suite; may be repeated"
    )
    run.add_argument("--case", metavar="ID", help="run one case, in this process, and show its error whole")
    run.add_argument("--workers", type=int, default=min(4, os.cpu_count() or 1), help="processes at a time")
    run.add_argument("--timeout", type=float, default=60.0, help="seconds that a case may take")
    run.add_argument("--resume", action="store_true", help="go on where an earlier run into FOLDER ended")
    run.add_argument(
        "--not-below", type=Path, metavar="REPORT", help="fail where the level is below that of this report"
    )
    actions.add_parser("schema", help="print the JSON schema of reports")
    verify = actions.add_parser("verify", help="check a report: nothing edited, nothing missing, level right")
    verify.add_argument("report", type=Path, help="report.json, which may be gzipped")
    diff = actions.add_parser("diff", help="what changed between two reports")
    diff.add_argument("old", type=Path)
    diff.add_argument("new", type=Path)
    fuzz = actions.add_parser("fuzz", help="run random programs on two devices and show where they differ")
    fuzz.add_argument("device", metavar="DEVICE")
    fuzz.add_argument("--against", metavar="OTHER", default="reference", help="default: %(default)s")
    fuzz.add_argument("--seed", type=int, default=SEEDS["fuzz"], help="default: %(default)s")
    fuzz.add_argument("--count", type=int, default=500, help="how many programs (default: %(default)s)")
    fuzz.add_argument(
        "--out", type=Path, metavar="FOLDER", default=Path(), help="where the file that shows a failure goes"
    )
    listing = actions.add_parser("list", help="list the cases")
    listing.add_argument("device", metavar="DEVICE")
    listing.add_argument("--depth", choices=DEPTHS, default="smoke")
    listing.add_argument("--suite", action="append", choices=list(SUITES))


def main(given: argparse.Namespace) -> int:
    """Run an action; the exit status is 1 where a test failed or a report is not right, else 0."""
    if given.action == "verify":
        problems = verified(load(given.report))
        print("\n".join(problems) or f"{given.report}: nothing is wrong with it")
        return 1 if problems else 0
    if given.action == "diff":
        lines = difference(load(given.old), load(given.new))
        print("\n".join(lines) or "no change")
        return 0
    if given.action == "schema":
        print((Path(__file__).parent / "report.schema.json").read_text(), end="")
        return 0
    if given.action == "fuzz":
        return differing(given.device, given.against, given.seed, given.count, given.out)
    suites = given.suite or list(SUITES)
    if given.action == "list":
        for case in all_cases(suites, given.device, given.depth):
            print(case)
        return 0
    if given.case:
        return one(given.device, given.depth, given.case)
    print("seeds: " + ", ".join(f"{name} {seed}" for name, seed in SEEDS.items()) + "; operands by case")
    content = conformance(
        given.device,
        given.depth,
        suites,
        workers=given.workers,
        limit=given.timeout,
        folder=given.report,
        resume=given.resume,
        quiet=False,
    )
    bad = [row for row in content["results"] if row["status"] in BAD]
    for row in bad[:20]:
        print(f"{row['status']}: {row['id']}: {row['message']}\n    {reproduction(content, row['id'])}")
    if len(bad) > 20:
        print(f"… and {len(bad) - 20} more, all in the report")
    print(f"{given.device}: {badge(content)}")
    for level, ids in list(content["summary"]["blocked"].items())[:1]:
        print(f"in the way of {level}: {', '.join(ids[:5])}{' …' if len(ids) > 5 else ''}")
    lower = below(content, load(given.not_below)) if given.not_below else ""
    if lower:
        print(lower)
    return 1 if bad or lower else 0


def below(content: Mapping[str, Any], before: Mapping[str, Any]) -> str:
    """What to say where a report's level is below that of an earlier one, else nothing. Without a soak run,
    which smoke depth has not, L5 cannot be asked for.
    """
    due, got = before["summary"]["level"], content["summary"]["level"]
    if content["depth"] == "smoke" and due == "L5":
        due = "L4"
    if LEVELS.index(got) >= LEVELS.index(due):
        return ""
    return f"{content['device']} reaches {got}; the report of {before['made'][:10]} says {due}"


def differing(device: str, other: str, seed: int, count: int, out: Path) -> int:
    """Fuzz two devices; where they differ, write the smallest program that shows it."""
    import tensorplug as tp

    from .fuzz import fuzz, save

    tp.devices.set_host_policy("allow")
    print(f"seed {seed}, {count} programs on {device} and {other}")
    failure = fuzz(device, other, seed, count)
    if failure is None:
        print("they agree")
        return 0
    path = save(failure, device, other, out)
    print(f"{failure.message}\nthe smallest program that shows it: {path}; run it with python {path}")
    return 1


def conformance(
    device: str,
    depth: str,
    suites: Sequence[str],
    *,
    workers: int = 2,
    limit: float = 60.0,
    folder: Path | None = None,
    resume: bool = False,
    quiet: bool = True,
) -> dict[str, Any]:
    """Run suites on a device and return the report; with ``folder``, write it there in all its forms."""
    about = describe(device)
    manifest = of_device(device)
    cases = all_cases(suites, device, depth)
    journal = None
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        journal = folder / "results.jsonl"
        if not resume and journal.exists():
            journal.unlink()
    progress = None if quiet else Bar()
    todo = {case_id: case for case_id, case in cases.items() if not manifest.declares(case)}
    results = run_cases(
        todo, suites, device, depth, workers=workers, limit=limit, journal=journal, progress=progress
    )
    if progress is not None:
        progress.end()
    content = make(device, depth, cases, judged(cases, results, manifest), manifest, about)
    if folder is not None:
        for path in write(content, folder):
            if not quiet:
                print(f"written: {path}")
    return content


class Bar:
    """How far, how many of what, how long still: a line on standard error that is written over."""

    def __init__(self) -> None:
        self.start = self.shown = time.monotonic()
        self.counts: dict[str, int] = {}
        self.terminal = sys.stderr.isatty()

    def __call__(self, done: int, total: int, case: str, result: Result) -> None:
        self.counts[result.status] = self.counts.get(result.status, 0) + 1
        now = time.monotonic()
        if now - self.shown < (0.2 if self.terminal else 10.0) and done < total:
            return
        self.shown = now
        left = (now - self.start) / max(done, 1) * (total - done)
        counts = ", ".join(f"{n} {status}" for status, n in sorted(self.counts.items()))
        end = "\r" if self.terminal else "\n"
        print(f"{done}/{total} ({counts}), {left:.0f} s left   ", end=end, file=sys.stderr, flush=True)

    def end(self) -> None:
        if self.terminal:
            print(file=sys.stderr)


def one(device: str, depth: str, case_id: str) -> int:
    """One case in this process, so that a debugger sees it."""
    import tensorplug as tp

    tp.devices.set_host_policy("allow")
    suite = case_id.partition("/")[0]
    found = all_cases([suite], device, depth) if suite in SUITES else {}
    if case_id not in found:
        import difflib

        close = difflib.get_close_matches(case_id, list(found), 3)
        print(
            f"no case is called {case_id} at depth {depth}"
            + (f"; near it: {', '.join(close)}" if close else "")
        )
        return 2
    result = attempt(found[case_id], device)
    print(f"{case_id}: {result.status} in {result.seconds:.3f} s\n{result.message}")
    print(
        f"largest error {result.max_ulp:.2f} ulp, 99th percentile {result.p99_ulp:.2f}, "
        f"{result.elements} elements"
    )
    return 1 if result.status in BAD else 0
