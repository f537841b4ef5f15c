"""What a call costs beside its arithmetic: 4x4 float32, one thread, against PyTorch;
and the cost of importing.
"""

from __future__ import annotations

import os
import subprocess
import sys

from harness import Report, measure, require_torch

IMPORT = """
import time
def peak():  # of this program alone: getrusage would inherit its parent's
    return int(next(line for line in open("/proc/self/status") if line.startswith("VmHWM")).split()[1])
a = peak(); t = time.perf_counter()
import {name}
print(time.perf_counter() - t, peak() - a)
"""


def imports(report: Report) -> None:
    # as installed: with bytecode
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    best: dict[str, list[float]] = {"tensorplug": [9e9, 9e9], "torch": [9e9, 9e9]}
    for _ in range(5):
        for name, found in best.items():
            out = subprocess.run(
                [sys.executable, "-c", IMPORT.format(name=name)],
                capture_output=True,
                text=True,
                check=True,
                env=environment,
            )
            seconds, kib = map(float, out.stdout.split())
            found[0], found[1] = min(found[0], seconds), min(found[1], kib)
    ours, theirs = best["tensorplug"], best["torch"]
    report.add("import: time", 1, ours[0], theirs[0], scale=1e3, unit="ms", limit=0.15)
    report.add("import: memory", 1, ours[1], theirs[1], scale=1 / 1024, unit="MB", limit=0.15)


def main() -> None:
    torch = require_torch()
    import tensorplug as tp

    tp.set_num_threads(1)
    torch.set_num_threads(1)
    report = Report("overhead", "torch")
    a, b, g, s = (
        tp.rand(4, 4),
        tp.rand(4, 4),
        tp.rand(4, 4, requires_grad=True),
        tp.tensor(0.5, requires_grad=True),
    )
    ta, tb, tg, ts = (
        torch.rand(4, 4),
        torch.rand(4, 4),
        torch.rand(4, 4, requires_grad=True),
        torch.tensor(0.5, requires_grad=True),
    )

    def add(name: str, ours, theirs, limit: float) -> None:  # type: ignore[no-untyped-def]
        report.add(name, 1, *measure(ours, theirs), limit=limit)

    add("a + b", lambda: a + b, lambda: ta + tb, 0.25)
    add("a + b, recorded", lambda: g + b, lambda: tg + tb, 0.25)
    add("a + 1.0", lambda: a + 1.0, lambda: ta + 1.0, 0.5)
    add("relu(a)", lambda: tp.relu(a), lambda: torch.relu(ta), 0.5)
    add("a @ b", lambda: a @ b, lambda: ta @ tb, 0.5)
    add("a.sum()", lambda: a.sum(), lambda: ta.sum(), 0.5)
    add("a.view(16)", lambda: a.view(16), lambda: ta.view(16), 0.5)
    add("a[0]", lambda: a[0], lambda: ta[0], 0.5)
    add("a.transpose(0, 1)", lambda: a.transpose(0, 1), lambda: ta.transpose(0, 1), 0.5)

    def five(library, x):  # type: ignore[no-untyped-def]
        y = x * x
        y = y + x
        y = library.exp(y)
        y = y * 2.0
        library.tanh(y).backward()

    add("five-op scalar graph, both ways", lambda: five(tp, s), lambda: five(torch, ts), 0.5)
    imports(report)
    report.save()


if __name__ == "__main__":
    main()
