"""Interrupts at random moments of training with moves, and threads that meet an op for the first time.

    python tools/interrupts.py signals                 15 runs of 200 interrupts
    python tools/interrupts.py cold --device mirror    200 fresh processes, 10 threads each on one op
    python tools/interrupts.py leaf --device mirror    10 runs, 8 threads add into one shared leaf

Every run is a process of its own, so that a crash is seen. It ends with "N of N runs were right" and the
status 0, or with what went wrong and 1.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import Any


class Interrupted(BaseException):
    """What the handler raises; not KeyboardInterrupt, so that Ctrl-C ends the run."""


def training_with_moves(seed: int, interrupts: int, device: str) -> None:
    """Train, move and save in the main thread while signals come; another thread computes all the time."""
    import tensorplug as tp
    from tensorplug_dispatcher.devices import states

    draw = random.Random(seed)
    tp.devices.set_host_policy("allow")
    tp.manual_seed(seed)
    nn = tp.nn
    model = nn.Sequential(nn.Linear(8, 16), nn.Tanh(), nn.Linear(16, 1))
    optimizer = tp.optim.Adam(model.parameters(), lr=0.01)
    optimizer.register_step_post_hook(lambda *args: None)
    scheduler = tp.optim.lr_scheduler.StepLR(optimizer, 10)
    mark = tp.full((257,), 3.0)  # moves with the model and never changes: a torn move would show in it
    x = tp.randn(16, 8)
    other = Other(device)

    def step() -> None:
        here = model[0].weight.device
        with tp.no_migration(), tp.autocast("cpu", enabled=False):
            loss = model(x.to(here)).square().mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        scheduler.step()
        with tp.no_grad(), tp.random.fork_rng():
            model(x.to(here))
        tp.migrate([model, mark], draw.choice((device, "cpu")), lean=draw.random() < 0.5)
        with tp.inference_mode():
            (mark * 2).sum().item()

    def check() -> None:
        assert tp.is_grad_enabled() and not tp.is_inference_mode_enabled(), "gradients are off"
        places = {str(t.device) for t in (*model.parameters(), mark)}
        assert len(places) == 1, f"a move was torn: {places}"
        assert mark.tolist() == [3.0] * 257, "a tensor was torn"
        for name, param in model.named_parameters():
            assert tp.isfinite(param).all().item(), f"{name} is not finite"
        assert not optimizer._in_step and not states._closing, "a block was never left"
        for one in states.opened():
            assert one.ready and one.calls_in_work()[0] == 0, f"{one} is {one.state}, {one.calls_in_work()}"

    def interrupt(number: int, frame: Any) -> None:
        raise Interrupted

    for _ in range(3):
        step()
    signal.signal(signal.SIGALRM, interrupt)
    took = time.perf_counter()
    step()
    took = time.perf_counter() - took
    for _ in range(interrupts):
        try:
            signal.setitimer(signal.ITIMER_REAL, max(1e-5, draw.random() * 3 * took))
            while True:
                step()
        except Interrupted:
            pass
        check()
        other.goes_on()
    other.end()


class Other:
    """A thread that computes on both devices, and counts."""

    def __init__(self, device: str) -> None:
        self.device = device
        self.count = 0
        self.over = False
        self.error: BaseException | None = None
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self) -> None:
        import tensorplug as tp

        try:
            a, b = tp.ones(300), tp.ones(300, device=self.device)
            while not self.over:
                assert (a + a).tolist() == [2.0] * 300 and (b * 3).tolist() == [3.0] * 300
                self.count += 1
                time.sleep(0.0005)
        except BaseException as error:
            self.error = error

    def goes_on(self) -> None:
        target, end = self.count + 1, time.monotonic() + 60
        while self.count < target:
            assert self.error is None, f"the other thread failed: {self.error!r}"
            assert time.monotonic() < end, "the other thread hangs"
            time.sleep(0.0005)

    def end(self) -> None:
        self.over = True
        self.thread.join(60)
        assert self.error is None, f"the other thread failed: {self.error!r}"


def at_once(count: int, work: Callable[[int], None]) -> None:
    """Run ``work(0)`` … ``work(count - 1)`` in threads that begin together; raises what the first raised."""
    barrier = threading.Barrier(count)
    errors: list[BaseException] = []

    def run(i: int) -> None:
        try:
            barrier.wait()
            work(i)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(i,), daemon=True) for i in range(count)]
    sys.setswitchinterval(1e-5)
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
        assert not thread.is_alive(), "a thread hangs"
    if errors:
        raise errors[0]


def cold_threads(device: str) -> None:
    """Ten threads call one op that nobody has called before, at several shapes: plans are pushed out."""
    import tensorplug as tp

    tp.devices.set_host_policy("allow")
    operands = [tp.full((size,), 2.0).to(device) for size in (3, 5, 7, 300)]

    def work(i: int) -> None:
        for turn in range(20):
            x = operands[(i + turn) % len(operands)]
            assert (x * x).tolist() == [4.0] * x.numel()
            assert tp.clamp(x, 0.0, float(1 + turn % 3)).tolist() == [min(2.0, 1.0 + turn % 3)] * x.numel()

    at_once(10, work)


def one_leaf(device: str) -> None:
    """Eight threads run ``backward`` into one shared leaf."""
    import tensorplug as tp

    tp.devices.set_host_policy("allow")
    leaf = tp.zeros(1000, device=device, requires_grad=True)

    def work(i: int) -> None:
        for _ in range(40):
            (leaf * 1.0).sum().backward()

    at_once(8, work)
    assert leaf.grad.tolist() == [320.0] * 1000, f"{leaf.grad[0].item():g} of 320 contributions arrived"


def runs(count: int, what: str, argv: list[str], word: str) -> int:
    """Run this program ``count`` times with ``argv``; tell what went wrong."""
    right = 0
    for i in range(count):
        done = subprocess.run(
            [sys.executable, os.path.abspath(__file__), what, "--seed", str(i), "--one", *argv],
            capture_output=True,
            text=True,
            timeout=600,
        )
        right += not done.returncode
        if done.returncode:
            said = done.stdout + done.stderr[-3000:]
            print(f"number {i} of the {word} ended with {done.returncode}:\n{said}", flush=True)
    print(f"{right} of {count} {word} were right")
    return int(right != count)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("what", choices=("signals", "cold", "leaf"))
    parser.add_argument("--runs", "--processes", type=int, default=0)
    parser.add_argument("--interrupts", type=int, default=200)
    parser.add_argument("--device", default="mirror")
    parser.add_argument("--seed", type=int, default=0, help=argparse.SUPPRESS)
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if not given.one:
        argv = ["--interrupts", str(given.interrupts), "--device", given.device]
        count = given.runs or {"signals": 15, "cold": 200, "leaf": 10}[given.what]
        return runs(count, given.what, argv, "processes" if given.what == "cold" else "runs")
    if given.what == "signals":
        training_with_moves(given.seed, given.interrupts, given.device)
    elif given.what == "cold":
        cold_threads(given.device)
    else:
        one_leaf(given.device)
    return 0


if __name__ == "__main__":
    sys.exit(main())
