"""``tensorplug conformance run|verify|diff|fuzz|list|sign|keygen|schema``."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from . import report
from .case import BAD, DEPTHS, SEED, Result
from .manifest import LEVELS, of_device
from .page import LEAKED, badge, failures, partial_run, write
from .runner import made_of
from .runner import run as run_cases
from .samples import seeded
from .suites import SUITES
from .worker import all_cases, attempt

FUZZ_SEED = 2026


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
    run.add_argument("--seed", type=_seed, default=SEED, help="of the operands (default: %(default)s)")
    run.add_argument("--workers", type=int, default=min(4, os.cpu_count() or 1), help="processes at a time")
    run.add_argument("--timeout", type=float, default=60.0, help="seconds that a case may take")
    run.add_argument("--resume", action="store_true", help="go on where an earlier run into FOLDER ended")
    run.add_argument(
        "--not-below", type=Path, metavar="REPORT", help="fail where the level is below that of this report"
    )
    actions.add_parser("schema", help="print the JSON schema of reports")
    verify = actions.add_parser("verify", help="check a report, without the device or with it")
    verify.add_argument("report", type=Path, help="report.json, which may be gzipped")
    verify.add_argument(
        "--all", action="store_true", help="compute again all cases that can be, large ones too"
    )
    verify.add_argument(
        "--rerun", metavar="K", type=_count, help="run K drawn cases again on the device, or 'all' of them"
    )
    verify.add_argument(
        "--workers", type=int, default=min(4, os.cpu_count() or 1), help="processes at a time"
    )
    verify.add_argument("--timeout", type=float, default=60.0, help="seconds that a case may take")
    verify.add_argument(
        "--trusted", metavar="KEYS", type=Path, help="a file of keys; one must have signed it"
    )
    verify.add_argument("--signature", metavar="FILE", type=Path, help="default: the report's name with .sig")
    sign = actions.add_parser("sign", help="sign a report: who ran it")
    sign.add_argument("report", type=Path)
    sign.add_argument("--key", type=Path, required=True, metavar="FILE", help="made by keygen")
    sign.add_argument("--signature", metavar="FILE", type=Path, help="default: the report's name with .sig")
    key = actions.add_parser("keygen", help="make a key to sign reports with, and its public half")
    key.add_argument("file", type=Path, help="the new key; its public half is FILE.pub")
    key.add_argument("--name", required=True, help="who signs with it")
    diff = actions.add_parser("diff", help="what changed between two reports")
    diff.add_argument("old", type=Path)
    diff.add_argument("new", type=Path)
    fuzz = actions.add_parser("fuzz", help="run random programs on two devices and show where they differ")
    fuzz.add_argument("device", metavar="DEVICE")
    fuzz.add_argument("--against", metavar="OTHER", default="reference", help="default: %(default)s")
    fuzz.add_argument("--seed", type=int, default=FUZZ_SEED, help="default: %(default)s")
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
    if given.action in _ACTIONS:
        return _ACTIONS[given.action](given)
    suites = given.suite or list(SUITES)
    if given.action == "list":
        for case in all_cases(suites, given.device, given.depth):
            print(case)
        return 0
    if given.case:
        return one(given.device, given.depth, given.case, given.seed)
    return _run(given, suites)


def _seed(text: str) -> int:
    seed = int(text)
    if seed < 0:
        raise argparse.ArgumentTypeError(f"{seed} is below 0")
    return seed


def _count(text: str) -> int:
    """A number of cases; -1 for all."""
    return -1 if text == "all" else _seed(text)


def _run(given: argparse.Namespace, suites: Sequence[str]) -> int:
    content = conformance(
        given.device,
        given.depth,
        suites,
        seed=given.seed,
        workers=given.workers,
        limit=given.timeout,
        folder=given.report,
        resume=given.resume,
        quiet=False,
    )
    bad = [row for row in content["results"] if row["status"] in BAD]
    for line in failures(content)[:40]:
        print(line)
    leaked = [row for row in content["results"] if LEAKED in row.get("note", "")]
    for row in leaked[:10]:
        print(f"{row['id']}: {row['status']}; {row['note']}")
    if partial_run(content):
        counts = ", ".join(f"{n} {status}" for status, n in content["summary"]["counts"].items() if n)
        print(f"{given.device}, {', '.join(content['suites'])} alone: {counts}; no level follows from a part")
    else:
        print(f"{given.device}: {badge(content)}")
        for level, ids in list(content["summary"]["blocked"].items())[:1]:
            print(f"in the way of {level}: {', '.join(ids[:5])}{' …' if len(ids) > 5 else ''}")
    lower = below(content, report.load(given.not_below)) if given.not_below else ""
    if lower:
        print(lower)
    return 1 if bad or lower else 0


def _verify(given: argparse.Namespace) -> int:
    """0 where nothing is wrong, 1 where something is, 2 where the report is of a suite that is not known."""
    from . import signature
    from .verify import again, verified

    content = report.load(given.report)
    verdict = verified(content, given.all)
    problems, notes = list(verdict.problems), list(verdict.notes)
    if verdict.right:
        problems += _beside(content, given.report)
    if verdict.right and given.rerun is not None:
        count = None if given.rerun < 0 else given.rerun
        there = again(content, count, workers=given.workers, limit=given.timeout)
        problems += there.problems
        notes += there.notes
    name = ""
    if given.trusted is not None and verdict.known:
        name = signature.signer(content, given.signature or _signature_of(given.report), given.trusted)
    for line in (*problems, *notes):
        print(line)
    if not verdict.known:
        return 2
    if not problems:
        told = "a part of the suites, no level" if partial_run(content) else badge(content)
        print(f"{given.report}: nothing is wrong with it: {told}")
    if name:
        print(f"run by {name}, who signed it")
    return 1 if problems else 0


def _beside(content: Mapping[str, Any], path: Path) -> list[str]:
    """Whether the badge and the page beside a report are the report's."""
    from .page import markdown

    found = []
    for name, due in {"badge.txt": badge(content) + "\n", "report.md": markdown(content)}.items():
        file = path.with_name(name)
        if path.name.startswith("report.json") and file.exists() and file.read_text() != due:
            found.append(f"{name} beside it does not follow from it")
    return found


def _signature_of(path: Path) -> Path:
    return path.with_name(path.name + ".sig")


def _sign(given: argparse.Namespace) -> int:
    from . import signature

    content = report.load(given.report)
    print(f"written: {signature.sign(content, given.key, given.signature or _signature_of(given.report))}")
    return 0


def _keygen(given: argparse.Namespace) -> int:
    from . import signature

    key, public = signature.keygen(given.file, given.name)
    print(f"written: {key} (keep it to yourself) and {public} (give it to those who shall trust it)")
    return 0


def _diff(given: argparse.Namespace) -> int:
    print("\n".join(report.difference(report.load(given.old), report.load(given.new))) or "no change")
    return 0


def _schema(given: argparse.Namespace) -> int:
    print((Path(__file__).parent / "report.schema.json").read_text(), end="")
    return 0


def _fuzz(given: argparse.Namespace) -> int:
    return differing(given.device, given.against, given.seed, given.count, given.out)


_ACTIONS = {
    "verify": _verify,
    "sign": _sign,
    "keygen": _keygen,
    "diff": _diff,
    "schema": _schema,
    "fuzz": _fuzz,
}


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
    seed: int = SEED,
    workers: int = 2,
    limit: float = 60.0,
    folder: Path | None = None,
    resume: bool = False,
    quiet: bool = True,
) -> dict[str, Any]:
    """Run suites on a device and return the report; with ``folder``, write it there in all its forms."""
    journal, made = None, ""
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        journal = folder / "results.jsonl"
        if resume:
            made = made_of(journal)
        elif journal.exists():
            journal.unlink()
    manifest = of_device(device)
    head = report.head(device, depth, suites, seed, manifest, made)
    cases = all_cases(suites, device, depth)
    progress = None if quiet else Bar()
    todo = {case_id: case for case_id, case in cases.items() if not manifest.declares(case)}
    results = run_cases(
        todo,
        suites,
        device,
        depth,
        seed=seed,
        salt=report.run_of(head),
        made=head["made"],
        workers=workers,
        limit=limit,
        journal=journal,
        progress=progress,
    )
    if progress is not None:
        progress.end()
    content = report.make(head, cases, report.judged(cases, results, manifest))
    if folder is not None:
        for path in write(content, folder):
            if not quiet:
                print(f"written: {path}")
    return content


class Bar:
    """How far, how many of what, how long still: a line on standard error that is written over. The time that
    is left is said from when there is something to tell it by.
    """

    def __init__(self) -> None:
        self.shown = time.monotonic()
        self.first: tuple[float, int] | None = None  # when the first case ended, and how many had by then
        self.counts: dict[str, int] = {}
        self.terminal = sys.stderr.isatty()

    def __call__(self, done: int, total: int, case: str, result: Result) -> None:
        self.counts[result.status] = self.counts.get(result.status, 0) + 1
        now = time.monotonic()
        if self.first is None:
            self.first = now, done
        if now - self.shown < (0.2 if self.terminal else 10.0) and done < total:
            return
        self.shown = now
        counts = ", ".join(f"{n} {status}" for status, n in sorted(self.counts.items()))
        end = "\r" if self.terminal else "\n"
        text = f"{done}/{total} ({counts}){self.left(now, done, total)}   "
        print(text, end=end, file=sys.stderr, flush=True)

    def left(self, now: float, done: int, total: int) -> str:
        start, before = self.first or (now, done)
        if now - start < 5.0 or done - before < max(30, total // 50) or done == total:
            return ""
        return f", {(now - start) / (done - before) * (total - done):.0f} s left"

    def end(self) -> None:
        if self.terminal:
            print(file=sys.stderr)


def one(device: str, depth: str, case_id: str, seed: int = SEED) -> int:
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
    with seeded(seed):
        result = attempt(found[case_id], device)
    print(f"{case_id}: {result.status} in {result.seconds:.3f} s\n{result.message}".rstrip())
    print(
        f"largest error {result.max_ulp:.2f} ulp, 99th percentile {result.p99_ulp:.2f}, "
        f"{result.elements} elements"
    )
    return 1 if result.status in BAD else 0
