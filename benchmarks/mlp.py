"""Eager training steps against PyTorch: an MLP (784-256-256-10, batch 64, Adam)
and a small CNN; time and peak memory.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Any

from harness import Report, measure, require_torch, thread_counts


def mlp_step(library: Any) -> Callable[[], None]:
    nn = library.nn
    library.manual_seed(0)
    model = nn.Sequential(nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 256), nn.ReLU(), nn.Linear(256, 10))
    return step(library, model, library.randn(64, 784), library.randint(0, 10, (64,)))


def cnn_step(library: Any) -> Callable[[], None]:
    nn = library.nn
    library.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(1, 32, 3, padding=1),
        nn.BatchNorm2d(32),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 3, padding=1),
        nn.BatchNorm2d(64),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(64 * 7 * 7, 10),
    )
    return step(library, model, library.randn(64, 1, 28, 28), library.randint(0, 10, (64,)))


def step(library: Any, model: Any, x: Any, y: Any) -> Callable[[], None]:
    optimizer = library.optim.Adam(model.parameters(), lr=1e-3)
    loss_function = library.nn.CrossEntropyLoss()

    def run() -> None:
        optimizer.zero_grad()
        loss_function(model(x), y).backward()
        optimizer.step()

    return run


PEAK = """
import sys; sys.path.insert(0, {folder!r})
import importlib
library = importlib.import_module({library!r})
library.set_num_threads(2)
from mlp import mlp_step, cnn_step
run = {step}(library)
for _ in range(20): run()
print(next(line for line in open("/proc/self/status") if line.startswith("VmHWM")).split()[1])
"""


def peak(library: str, step_name: str) -> float:
    """Peak resident memory, in bytes, of a fresh process that takes 20 steps."""
    folder = str(__import__("pathlib").Path(__file__).parent)
    code = PEAK.format(folder=folder, library=library, step=step_name)
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return float(out.stdout.split()[-1]) * 1024


def main() -> None:
    torch = require_torch()
    import tensorplug as tp

    report = Report("mlp", "torch")
    for threads in thread_counts():
        tp.set_num_threads(threads)
        torch.set_num_threads(threads)
        report.add(
            "MLP step, Adam",
            threads,
            *measure(mlp_step(tp), mlp_step(torch), seconds=0.2),
            scale=1e6,
            unit="us",
            limit=0.7,
        )
        report.add(
            "CNN step, Adam",
            threads,
            *measure(cnn_step(tp), cnn_step(torch), seconds=0.5, rounds=5),
            scale=1e3,
            unit="ms",
        )
    for name, step_name in (("MLP", "mlp_step"), ("CNN", "cnn_step")):
        report.add(
            f"{name}: peak memory of the process",
            2,
            peak("tensorplug", step_name),
            peak("torch", step_name),
            scale=2**-20,
            unit="MB",
            limit=1.0,
        )
    report.save()


if __name__ == "__main__":
    main()
