"""A GPU against PyTorch and CuPy on the same one: products of matrices, memory-bound ops, small ops.

What is measured, and its limit: products in every dtype at 4096 and 8192 at 0.95 of PyTorch's rate;
elementwise ops, softmax and layer norm at 0.9 of the bandwidth that a plain copy reaches; the host's time for
a small op 0.8 of PyTorch's. ``--device`` chooses the GPU, ``--quick`` takes fewer and smaller cases.
"""

from __future__ import annotations

import argparse
import re
import sys
import time
from collections.abc import Callable
from typing import Any

from harness import RESULTS, Report, require_torch

ROUNDS = 7
LIMITS = {"matmul": 1 / 0.95, "bandwidth": 1 / 0.9, "small": 0.8}
DTYPES = ("float32", "bfloat16", "float16", "float64")


def best(calls: dict[str, Callable[[], Any]], wait: Callable[[], None], seconds: float) -> dict[str, float]:
    """The best time of each call on the device, in seconds; rounds alternate: all meet the same GPU."""
    counts = {}
    for name, call in calls.items():
        for _ in range(3):
            call()
        wait()
        start = time.perf_counter()
        for _ in range(3):
            call()
        wait()
        counts[name] = max(3, int(seconds * 3 / (time.perf_counter() - start)))
    found = dict.fromkeys(calls, float("inf"))
    for _ in range(ROUNDS):
        for name, call in calls.items():
            wait()
            start = time.perf_counter()
            for _ in range(counts[name]):
                call()
            wait()
            found[name] = min(found[name], (time.perf_counter() - start) / counts[name])
    return found


def host_time(calls: dict[str, Callable[[], Any]], wait: Callable[[], None]) -> dict[str, float]:
    """The host's time per call while the device keeps up: few enough calls for its queue, then a wait."""
    found = dict.fromkeys(calls, float("inf"))
    for _ in range(60):
        for name, call in calls.items():
            wait()
            start = time.perf_counter()
            for _ in range(200):
                call()
            found[name] = min(found[name], (time.perf_counter() - start) / 200)
    return found


class Bench:
    """The libraries on one device, and the report."""

    def __init__(self, index: int, quick: bool) -> None:
        import tensorplug as tp

        self.torch = require_torch()
        try:
            import cupy
        except ModuleNotFoundError:
            sys.exit("this benchmark needs CuPy: pip install 'tensorplug[cuda]'")
        if not tp.cuda.is_available():
            sys.exit(f"tensorplug finds no GPU:\n{tp.devices.table(load=True)}")
        if not self.torch.cuda.is_available():
            sys.exit("PyTorch finds no GPU; install one of its CUDA builds")
        self.tp, self.cupy, self.quick = tp, cupy, quick
        self.here, self.there = f"cuda:{index}", f"cuda:{index}"
        cupy.cuda.Device(index).use()
        self.torch.cuda.set_device(index)
        name = tp.cuda.get_device_name(index)
        slug = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")
        self.report = Report(
            f"gpu_{slug}",
            "peer",
            gpu=name,
            driver=self.cupy.cuda.runtime.driverGetVersion(),
            torch=self.torch.__version__,
            cupy=cupy.__version__,
        )

    def wait(self) -> None:
        self.cupy.cuda.runtime.deviceSynchronize()

    def pair(self, shape: tuple[int, ...], dtype: str) -> tuple[Any, Any, Any]:
        """The same random numbers for tensorplug, PyTorch and (None for bfloat16) CuPy."""
        theirs = self.torch.rand(shape, device=self.there).to(getattr(self.torch, dtype))
        ours = self.tp.rand(shape, device=self.here).to(getattr(self.tp, dtype))
        cupy = None if dtype == "bfloat16" else self.cupy.random.rand(*shape).astype(dtype)
        return ours, theirs, cupy

    def rows(self, name: str, found: dict[str, float], limit: float | None) -> None:
        """Ours against PyTorch, then against CuPy where it ran."""
        self.report.add(name, 0, found["ours"], found["torch"], scale=1e6, unit="us", limit=limit)
        if "cupy" in found:
            self.report.add(f"{name}, CuPy", 0, found["ours"], found["cupy"], scale=1e6, unit="us")

    # -- products

    def matmul(self) -> None:
        for dtype in DTYPES:
            for n in (2048,) if self.quick else (4096, 8192):
                self._matmul(f"matmul {dtype} {n}", n, dtype)
        self.tp.backends.cuda.matmul.allow_tf32 = self.torch.backends.cuda.matmul.allow_tf32 = True
        for n in (2048,) if self.quick else (4096, 8192):
            self._matmul(f"matmul tf32 {n}", n, "float32", peer=False)
        self.tp.backends.cuda.matmul.allow_tf32 = self.torch.backends.cuda.matmul.allow_tf32 = False

    def _matmul(self, name: str, n: int, dtype: str, peer: bool = True) -> None:
        a, ta, ca = self.pair((n, n), dtype)
        b, tb, cb = self.pair((n, n), dtype)
        calls = {"ours": lambda: a @ b, "torch": lambda: ta @ tb}
        if peer and ca is not None:
            calls["cupy"] = lambda: ca @ cb
        self.rows(name, best(calls, self.wait, 0.2), LIMITS["matmul"])

    # -- memory

    def bandwidth(self) -> None:
        """Against the time that a plain copy takes for as many bytes read and written."""
        count = 1 << (22 if self.quick else 26)
        for dtype in ("float32", "bfloat16", "float16"):
            self._bandwidth(dtype, count)

    def _bandwidth(self, dtype: str, count: int) -> None:
        import torch.nn.functional as theirs

        import tensorplug.nn.functional as ours

        size = 4 if dtype == "float32" else 2
        a, ta, _ = self.pair((count,), dtype)
        b, tb, _ = self.pair((count,), dtype)
        rows, trows = a.view(-1, 1024), ta.view(-1, 1024)
        source = self.cupy.empty(count * size, self.cupy.uint8)
        target = self.cupy.empty_like(source)
        pointers = target.data.ptr, source.data.ptr
        kind = self.cupy.cuda.runtime.memcpyDeviceToDevice
        copied = best(
            {"copy": lambda: self.cupy.cuda.runtime.memcpyAsync(*pointers, count * size, kind, 0)},
            self.wait,
            0.1,
        )["copy"] / (2 * count * size)
        cases: list[tuple[str, int, Callable[[], Any], Callable[[], Any]]] = [
            ("add", 3, lambda: a + b, lambda: ta + tb),
            ("mul by a number", 2, lambda: a * 2.5, lambda: ta * 2.5),
            ("gelu", 2, lambda: ours.gelu(a), lambda: theirs.gelu(ta)),
            ("softmax, rows of 1024", 2, lambda: ours.softmax(rows, -1), lambda: theirs.softmax(trows, -1)),
            (
                "layer_norm, rows of 1024",
                2,
                lambda: ours.layer_norm(rows, (1024,)),
                lambda: theirs.layer_norm(trows, (1024,)),
            ),
            ("sum, rows of 1024", 1, lambda: rows.sum(-1), lambda: trows.sum(-1)),
        ]
        with self.tp.no_grad(), self.torch.no_grad():
            for name, passes, our, their in cases:
                found = best({"ours": our, "torch": their}, self.wait, 0.1)
                ideal = copied * passes * count * size
                limit = None if name.startswith("sum") else LIMITS["bandwidth"]
                label = f"{name} {dtype}"
                self.report.add(f"{label}, copy", 0, found["ours"], ideal, scale=1e6, unit="us", limit=limit)
                self.report.add(label, 0, found["ours"], found["torch"], scale=1e6, unit="us")

    # -- small ops

    def small(self) -> None:
        a, ta, ca = self.pair((4, 4), "float32")
        b, tb, cb = self.pair((4, 4), "float32")
        cases: list[tuple[str, dict[str, Callable[[], Any]]]] = [
            ("a + b", {"ours": lambda: a + b, "torch": lambda: ta + tb, "cupy": lambda: ca + cb}),
            ("a * 2.0", {"ours": lambda: a * 2.0, "torch": lambda: ta * 2.0, "cupy": lambda: ca * 2.0}),
            ("relu", {"ours": lambda: self.tp.relu(a), "torch": lambda: self.torch.relu(ta)}),
            ("a.sum()", {"ours": lambda: a.sum(), "torch": lambda: ta.sum(), "cupy": lambda: ca.sum()}),
            ("a @ b", {"ours": lambda: a @ b, "torch": lambda: ta @ tb, "cupy": lambda: ca @ cb}),
        ]
        for name, calls in cases:
            limit = LIMITS["small"] if name in ("a + b", "a * 2.0", "relu") else None
            self.rows(f"host: {name}, 4x4", host_time(calls, self.wait), limit)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--device", type=int, default=0, metavar="N", help="the GPU (default: %(default)s)")
    options.add_argument("--quick", action="store_true", help="fewer and smaller cases")
    given = options.parse_args()
    bench = Bench(given.device, given.quick)
    bench.small()
    bench.matmul()
    bench.bandwidth()
    bench.report.save()
    over = [row.name for row in bench.report.rows if row.limit is not None and row.ratio > row.limit]
    print(f"{RESULTS / bench.report.name}.json")
    sys.exit(1 if over else 0)


if __name__ == "__main__":
    main()
