"""Ratios in one run: ours and the peer's alternately,
the best of several rounds of each, as a table and as JSON.
"""

from __future__ import annotations

import json
import os
import platform
import sys
import timeit
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Any

os.environ.pop("OPENBLAS_CORETYPE", None)  # for both sides; must happen before a BLAS is loaded
RESULTS = Path(__file__).parent / "results"


@dataclass
class Row:
    name: str
    threads: int
    ours: float
    theirs: float
    unit: str
    limit: float | None

    @property
    def ratio(self) -> float:
        return self.ours / self.theirs


def measure(
    ours: Callable[[], Any], theirs: Callable[[], Any], *, rounds: int = 9, seconds: float = 0.05
) -> tuple[float, float]:
    """The best time per call of both, in seconds; the rounds alternate,
    so that both meet the same machine.
    """
    timers = [timeit.Timer(ours), timeit.Timer(theirs)]
    counts = []
    for timer in timers:
        timer.timeit(3)
        once = max(timer.timeit(3) / 3, 1e-8)
        counts.append(max(1, int(seconds / once)))
    best = [float("inf"), float("inf")]
    for _ in range(rounds):
        for i, timer in enumerate(timers):
            best[i] = min(best[i], timer.timeit(counts[i]) / counts[i])
    return best[0], best[1]


class Report:
    """Rows as they are measured; written to ``results/NAME.json`` at the end, with ``facts`` beside them."""

    def __init__(self, name: str, peer: str, **facts: Any) -> None:
        self.name = name
        self.peer = peer
        self.facts = facts
        self.rows: list[Row] = []
        print(f"{'':34}{'threads':>8}{'ours':>12}{peer:>12}{'ratio':>8}{'limit':>7}")

    def add(
        self,
        name: str,
        threads: int,
        ours: float,
        theirs: float,
        *,
        scale: float = 1e9,
        unit: str = "ns",
        limit: float | None = None,
    ) -> None:
        row = Row(name, threads, ours * scale, theirs * scale, unit, limit)
        self.rows.append(row)
        mark = "" if limit is None else f"{limit:7.2f}{'' if row.ratio <= limit else '  over'}"
        print(
            f"{name:34}{threads:8}{row.ours:9.1f} {unit:2}{row.theirs:9.1f} {unit:2}{row.ratio:8.3f}{mark}",
            flush=True,
        )

    def save(self) -> None:
        RESULTS.mkdir(exist_ok=True)
        record = {
            "benchmark": self.name,
            "peer": self.peer,
            "date": date.today().isoformat(),
            "processor": processor(),
            "cores": os.cpu_count(),
            "python": platform.python_version(),
            "platform": platform.platform(terse=True),
            **self.facts,
            "rows": [asdict(row) | {"ratio": round(row.ratio, 4)} for row in self.rows],
        }
        path = RESULTS / f"{self.name}.json"
        path.write_text(json.dumps(record, indent=1) + "\n")
        over = [row.name for row in self.rows if row.limit is not None and row.ratio > row.limit]
        print(
            f"written to {path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path}"
            + (f"; over the limit: {', '.join(over)}" if over else "")
        )


def processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or "unknown"


def thread_counts() -> list[int]:
    cores = os.cpu_count() or 1
    return [1] if cores == 1 else [1, cores]


def require_torch() -> Any:
    try:
        import torch
    except ModuleNotFoundError:
        sys.exit("this benchmark compares with PyTorch, which is not installed: pip install torch==2.13.0")
    return torch
