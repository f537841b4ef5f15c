"""What a move costs: a model of 10 M parameters with Adam's state from the CPU to a device and back.

Against the plain copy of its bytes (``tensor.to`` for each of its tensors), and the peak of the process's
memory against the state's own bytes.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from harness import Report

LAYERS, WIDTH = 10, 1000
ROUNDS = 9
LIMIT_TIME, LIMIT_MEMORY = 1.5, 1.1


def training_state() -> tuple[Any, list[Any]]:
    """A model with its optimizer after one step, without gradients; and all tensors of both."""
    import tensorplug as tp
    from tensorplug.migration import tensors_of

    model = tp.nn.Sequential(*[tp.nn.Linear(WIDTH, WIDTH) for _ in range(LAYERS)])
    optimizer = tp.optim.Adam(model.parameters())
    model(tp.randn(2, WIDTH)).sum().backward()
    optimizer.step()
    optimizer.zero_grad()
    state = [model, optimizer]
    return state, tensors_of(state)


def timed(work: Any) -> tuple[float, Any]:
    begin = time.perf_counter()
    kept = work()
    return time.perf_counter() - begin, kept


def measure(device: str, **options: Any) -> tuple[list[float], list[float]]:
    """Best times there and back: of the move, of the plain copy."""
    import tensorplug as tp

    state, tensors = training_state()
    moves, copies = [float("inf")] * 2, [float("inf")] * 2
    for _ in range(ROUNDS):
        for way, target in enumerate((device, "cpu")):
            spent, kept = timed(lambda target=target: [tensor.to(target) for tensor in tensors])
            copies[way] = min(copies[way], spent)
            del kept
            tp.devices.empty_cache("cpu")
            tp.devices.empty_cache(device)
            spent, _ = timed(lambda target=target: tp.migrate(state, target, **options))
            moves[way] = min(moves[way], spent)
    return moves, copies


def peak(device: str, lean: bool) -> tuple[float, float]:
    """The peak of a fresh process's memory while its state moves there and back, above what it has without
    the state; and the state's bytes.
    """
    code = f"import migrate; migrate.print_peak({device!r}, {lean})"
    folder = str(Path(__file__).parent)
    variables = {**os.environ, "MALLOC_MMAP_THRESHOLD_": "131072"}  # freed memory leaves the process
    out = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, env=variables, capture_output=True, text=True, check=True
    )
    high, own = out.stdout.split()[-2:]
    return float(high), float(own)


def print_peak(device: str, lean: bool) -> None:
    import tensorplug as tp

    state, tensors = training_state()
    tp.migrate(tp.zeros(8), device)  # what the plugin needs for itself
    nbytes = sum(tensor.storage.nbytes for tensor in tensors)
    tp.devices.empty_cache("cpu")
    before = _status("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew
    tp.migrate(state, device, lean=lean)
    tp.migrate(state, "cpu", lean=lean)
    print(_status("VmHWM") - before + nbytes, nbytes)


def _status(name: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(name)).split()[1]) * 1024


def main() -> None:
    device = sys.argv[1] if len(sys.argv) > 1 else "mirror"
    report = Report("migrate", "plain copy")
    for name, options in (("", {}), (", lean", {"lean": True}), (", unverified", {"verify": False})):
        moves, copies = measure(device, **options)
        for way, label in enumerate((f"cpu to {device}", f"{device} to cpu")):
            limit = LIMIT_TIME if "verify" not in options else None
            report.add(label + name, 1, moves[way], copies[way], scale=1e3, unit="ms", limit=limit)
    for lean in (True, False):
        high, own = peak(device, lean)
        label = "peak memory against the state" + (", lean" if lean else "")
        report.add(label, 1, high, own, scale=2**-20, unit="MB", limit=LIMIT_MEMORY if lean else None)
    report.save()


if __name__ == "__main__":
    main()
