"""The OpenCL backend on a processor (PoCL) against the CPU backend: the same calls with as many threads; and
what a small call costs before and until its kernel has run.
"""

from __future__ import annotations

import os
import sys
import timeit
from collections.abc import Callable
from typing import Any

from harness import Report, measure

import tensorplug as tp
import tensorplug.nn.functional as F

DEVICE = "opencl:0"
LAUNCHES = 1000
ROUNDS = 15


def large() -> list[tuple[str, Callable[..., Any], list[Any], float | None]]:
    """Name, function, operands on the CPU, and the limit."""
    n = 1 << 24
    a, b, c = (tp.rand(n) for _ in range(3))
    rows, line, column = a.view(-1, 1024), tp.rand(1024), tp.rand(n // 1024, 1)
    planes, channels, flat = a.view(64, 256, 1024), tp.rand(256, 1), tp.rand(256)
    m, heads = tp.rand(1024, 1024), tp.rand(4, 8, 512, 64)
    image, weight, bias = tp.rand(8, 64, 56, 56), tp.rand(64, 64, 3, 3), tp.rand(64)
    index = tp.randint(0, 1 << 16, (1 << 16,))
    table = tp.rand(1 << 16, 64)
    return [
        ("add, 16 M", lambda x, y: x + y, [a, b], 1.3),
        ("a*b+c, 16 M", lambda x, y, z: tp.addcmul(z, x, y), [a, b, c], 1.3),
        ("relu, 16 M", F.relu, [a], 1.3),
        ("gelu, 16 M", F.gelu, [a], 1.3),
        ("exp, 16 M", tp.exp, [a], 1.3),
        ("sin, 16 M", tp.sin, [a], 1.3),
        ("add a row, 16 M", lambda x, y: x + y, [rows, line], 1.3),
        ("add a column, 16 M", lambda x, y: x + y, [rows, column], 1.3),
        ("add a channel's number, 16 M", lambda x, y: x + y, [planes, channels], 1.3),
        ("sum, 16 M", lambda x: x.sum(), [a], 1.3),
        ("sum, rows of 1024", lambda x: x.sum(-1), [rows], 1.3),
        ("sum, columns of 16384", lambda x: x.sum(0), [rows], 1.3),
        ("amax, rows of 1024", lambda x: x.amax(-1), [rows], 1.3),
        ("transposed copy, 16 M", lambda x: x.t().contiguous(), [rows], None),
        ("softmax, rows of 1024", lambda x: F.softmax(x, -1), [rows], 1.3),
        ("log_softmax, rows of 1024", lambda x: F.log_softmax(x, -1), [rows], 1.3),
        ("softmax, columns of 16384", lambda x: F.softmax(x, 0), [rows], 1.3),
        ("layer_norm, rows of 1024", lambda x, w, b: F.layer_norm(x, (1024,), w, b), [rows, line, line], 1.3),
        ("rms_norm, rows of 1024", lambda x, w: F.rms_norm(x, (1024,), w), [rows, line], 1.3),
        ("group_norm, 8 groups", lambda x, w, b: F.group_norm(x, 8, w, b), [planes, flat, flat], 1.3),
        (
            "batch_norm",
            lambda x, w, b: F.batch_norm(x, None, None, w, b, training=True),
            [planes, flat, flat],
            1.3,
        ),
        ("attention, 32 heads, 512 of 64", F.scaled_dot_product_attention, [heads] * 3, 1.3),
        ("matmul 1024", lambda x, y: x @ y, [m, m], 2.5),
        ("matmul 1024, transposed", lambda x, y: x @ y.t(), [m, m], 2.5),
        ("conv2d 64-64 3x3 56x56, batch 8", lambda *x: F.conv2d(*x, padding=1), [image, weight, bias], 3.0),
        ("max_pool2d 2x2", lambda x: F.max_pool2d(x, 2), [image], None),
        ("embedding, 64 K rows of 64", F.embedding, [index, table], None),
    ]


def best(call: Callable[[], Any], count: int, wait: Callable[[], Any]) -> float:
    """The best time of a call, in seconds; ``wait`` comes behind ``count`` of them and is not counted."""
    found = float("inf")
    timer = timeit.Timer(call)
    for _ in range(ROUNDS):
        wait()
        found = min(found, timer.timeit(count) / count)
    wait()
    return found


def driver(runtime: Any) -> float:
    """What OpenCL itself needs to launch a kernel that does nothing, and to wait for it; in seconds."""
    import pyopencl as cl

    device = runtime.opened(0)
    kernel = cl.Program(device.context, "__kernel void nothing() {}").build().nothing
    queue = cl.CommandQueue(device.context)

    def launch() -> None:
        cl.enqueue_nd_range_kernel(queue, kernel, (1,), (1,))
        queue.finish()

    return best(launch, LAUNCHES, queue.finish)


def main() -> None:
    try:
        device = tp.device(DEVICE)
        runtime = device.runtime
    except Exception as reason:  # no library, no platform, no device
        sys.exit(f"this benchmark needs an OpenCL device: {reason}")

    def wait() -> None:
        runtime.synchronize(0)

    threads = os.cpu_count() or 1
    tp.set_num_threads(threads)
    report = Report("opencl", "cpu")
    with tp.no_grad():
        for name, call, operands, limit in large():
            moved = [x.to(device) for x in operands]

            def ours(call: Any = call, moved: Any = moved) -> None:
                call(*moved)
                wait()

            def theirs(call: Any = call, operands: Any = operands) -> None:
                call(*operands)

            times = measure(ours, theirs, rounds=ROUNDS, seconds=0.1)
            report.add(name, threads, *times, scale=1e3, unit="ms", limit=limit)
        a = tp.rand(4, 4, device=device)
        floor = driver(runtime)
        report.add("an empty kernel, waited for", threads, floor, floor, scale=1e6, unit="us")
        cases = (
            ("a + b, 4x4, waited for", lambda: (a + a, wait()), 25e-6),
            ("a + b, 4x4, queued", lambda: a + a, 6e-6),
            ("a * 2.5, 4x4, queued", lambda: a * 2.5, None),
        )
        for name, call, allowed in cases:
            time = best(call, LAUNCHES, wait)
            limit = None if allowed is None else 1.0  # the peer's column holds what is allowed
            report.add(name, threads, time, allowed or time, scale=1e6, unit="us", limit=limit)
    report.save()


if __name__ == "__main__":
    main()
