"""Runs cases in guarded workers: several at once, each with a time limit, with a file to resume from.

A case that fails after others in its worker is run once more in a process of its own, in which nothing ran
before it. That verdict counts, so that a failure does not leak into the cases after it; where it is another
than the first, the result says so.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from . import facts
from .case import BAD, CRASH, TIMEOUT, Case, Result

ALONE: Final = "alone"  # in a result's data: no other case ran in its process before
Progress = Callable[[int, int, str, Result], None]


class _Worker:
    """One child process. ``ask`` gives a case's result, whatever becomes of the child."""

    def __init__(self, asked: Mapping[str, Any], limit: float) -> None:
        self.command = [sys.executable, "-m", f"{__package__}.worker", json.dumps(asked)]
        self.limit = limit
        self.asked = 0  # cases, of this process
        self.process: subprocess.Popen[str] | None = None
        self.answers: queue.Queue[str | None] = queue.Queue()
        self.complaints = ""

    def start(self) -> str:
        """Start the child; returns what went wrong, or nothing."""
        self.process = subprocess.Popen(
            self.command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,  # so that its own children end with it
        )
        self.asked = 0
        self.answers = queue.Queue()
        self.complaints = ""
        for stream, take in ((self.process.stdout, self._answer), (self.process.stderr, self._complain)):
            threading.Thread(target=_drain, args=(stream, take), daemon=True).start()
        first = self._wait(max(self.limit, 120.0))
        if first is None or '"ready"' not in first:
            reason = f"the worker did not start: {self._end()}"
            self.close()
            return reason
        return ""

    def _answer(self, line: str | None) -> None:
        self.answers.put(line)

    def _complain(self, line: str | None) -> None:
        self.complaints = (self.complaints + (line or ""))[-4000:]

    def _wait(self, limit: float) -> str | None:
        try:
            return self.answers.get(timeout=limit)
        except queue.Empty:
            return None

    def ask(self, case: Case) -> Result:
        if self.process is None or self.process.poll() is not None:
            problem = self.start()
            if problem:
                return Result(CRASH, problem)
        self.asked += 1
        process = self.process
        assert process is not None and process.stdin is not None
        start = time.perf_counter()
        try:
            process.stdin.write(case.id + "\n")
            process.stdin.flush()
        except OSError:
            return Result(CRASH, self._end())
        try:
            line = self.answers.get(timeout=self.limit)
        except queue.Empty:
            self.close()
            text = (
                f"no end after {self.limit:g} s; where the device compiles for each shape, give it more time "
                "with --timeout SECONDS"
            )
            return Result(TIMEOUT, text, seconds=time.perf_counter() - start)
        if line is None:
            text = self._end()
            self.close()
            return Result(CRASH, text, seconds=time.perf_counter() - start)
        return Result(**json.loads(line))

    def _end(self) -> str:
        """How the child ended, with the last that it said."""
        if self.process is None:
            return "there is no process"
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(timeout=5)
        code = self.process.poll()
        how = f"it ended with status {code}"
        if code is not None and code < 0:
            how = f"it was killed by {signal.Signals(-code).name}"
        elif code is None:
            how = "it still runs"
        last = self.complaints.strip().splitlines()[-6:]
        return how + (f"; it said last: {' | '.join(last)}" if last else "")

    def close(self) -> None:
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.kill()
            self.process.wait()
            for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
                if stream is not None:
                    with contextlib.suppress(OSError):
                        stream.close()
            self.process = None


def _drain(stream: Any, take: Callable[[str | None], None]) -> None:
    with contextlib.suppress(ValueError):
        for line in stream:
            take(line)
    take(None)


def run(
    cases: Mapping[str, Case],
    suites: Sequence[str],
    device: str,
    depth: str,
    *,
    seed: int = 0,
    salt: str = "",
    made: str = "",
    workers: int = 2,
    limit: float = 60.0,
    journal: Path | None = None,
    progress: Progress | None = None,
) -> dict[str, Result]:
    """Results by case id, in the cases' order. With ``journal``, results that it holds already are not made
    again, and new ones are appended as they come. Digests begin with ``salt``; ``made``, which the
    journal keeps, is when the run began.
    """
    about = {"device": device, "depth": depth, "cases": len(cases), "seed": seed, "salt": salt, "made": made}
    head = json.dumps(about)
    done = _resumed(journal, head, cases) if journal is not None else {}
    asked = {"suites": list(suites), "device": device, "depth": depth, "seed": seed, "salt": salt}
    lock = threading.Lock()
    with contextlib.ExitStack() as stack:
        file = stack.enter_context(journal.open("a")) if journal is not None else None
        if file is not None and file.tell() == 0:
            file.write(head + "\n")

        def kept(case: Case, result: Result) -> None:
            with lock:
                done[case.id] = result
                if file is not None:
                    file.write(json.dumps([case.id, _plain(result)]) + "\n")
                    file.flush()
                if progress is not None:
                    progress(len(done), len(cases), case.id, result)

        todo = [case for case in cases.values() if case.id not in done]
        _serve(todo, {**asked, "alone": False}, workers, limit, kept)
        bad = [case for case in cases.values() if done[case.id].status in BAD]
        doubted = [case for case in bad if not done[case.id].data.get(ALONE)]
        first = {case.id: done[case.id] for case in doubted}

        def confirmed(case: Case, result: Result) -> None:
            before = first[case.id]
            result.data[ALONE] = True
            if result.status != before.status:
                result.data["note"] = (
                    f"after other cases in one process it ended as {before.status} ({before.message[:200]}); "
                    "alone it does not"
                )
            kept(case, result)

        if doubted:
            traits = dict(facts.of(device)) if hasattr(os, "fork") else {}
            _serve(doubted, {**asked, "alone": bool(traits), "facts": traits}, workers, limit, confirmed)
    return {case_id: done[case_id] for case_id in cases}


def _serve(
    todo: Sequence[Case],
    asked: Mapping[str, Any],
    workers: int,
    limit: float,
    take: Callable[[Case, Result], None],
) -> None:
    """Run cases in as many workers, and hand each result on."""
    waiting: queue.SimpleQueue[Case] = queue.SimpleQueue()
    for case in todo:
        waiting.put(case)
    always_new = "facts" in asked and not asked["alone"]  # where processes cannot fork

    def serve() -> None:
        worker = _Worker(asked, limit)
        try:
            while True:
                try:
                    case = waiting.get_nowait()
                except queue.Empty:
                    return
                result = worker.ask(case)
                if worker.asked <= 1 and not asked["alone"]:
                    result.data[ALONE] = True  # nothing ran in this process before it
                take(case, result)
                if always_new:
                    worker.close()
        finally:
            worker.close()

    threads = [threading.Thread(target=serve) for _ in range(max(1, min(workers, len(todo))))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def made_of(journal: Path) -> str:
    """When the run began that a journal is of, nothing where there is none."""
    try:
        with journal.open() as file:
            return str(json.loads(file.readline())["made"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def _plain(result: Result) -> dict[str, Any]:
    return {name: getattr(result, name) for name in Result.__slots__}


def _resumed(journal: Path, head: str, cases: Iterable[str]) -> dict[str, Result]:
    """What an earlier run of the same cases left; a file of another run, or a line cut short, is dropped."""
    found: dict[str, Result] = {}
    known = set(cases)
    if not journal.exists():
        journal.parent.mkdir(parents=True, exist_ok=True)
        return found
    lines = journal.read_text().splitlines()
    if not lines or lines[0] != head:
        journal.unlink()
        return found
    for line in lines[1:]:
        try:
            case_id, content = json.loads(line)
        except ValueError:
            continue
        if case_id in known:
            found[case_id] = Result(**content)
    return found
