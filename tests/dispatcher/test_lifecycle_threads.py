"""Plugins are loaded, reloaded and unloaded while other threads compute; nothing hangs, nothing leaks."""

from __future__ import annotations

import gc
import sys
import threading
import time
import warnings
from collections.abc import Callable
from typing import Any

import pytest

import tensorplug as tp
from tensorplug_dispatcher.devices import lifecycle, states
from tensorplug_dispatcher.errors import (
    DeviceBusyError,
    DeviceError,
)

pytestmark = pytest.mark.usefixtures("quick")


# -- threads -------------------------------------------------------------------------------------------------


class Worker:
    """A thread that calls ``step`` again and again, and keeps what it raised."""

    def __init__(self, step: Callable[[], None]) -> None:
        self.step = step
        self.steps = 0
        self.error: BaseException | None = None
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self) -> None:
        try:
            while not self.stop.is_set():
                self.step()
                self.steps += 1
        except BaseException as error:
            self.error = error

    def more(self, count: int = 5) -> None:
        """Wait until the thread has made so many steps more."""
        target, end = self.steps + count, time.monotonic() + 20
        while self.steps < target and self.error is None:
            assert time.monotonic() < end, "the thread hangs"
            time.sleep(0.001)

    def end(self) -> None:
        self.stop.set()
        self.thread.join(20)
        assert not self.thread.is_alive()
        if self.error is not None:
            raise self.error


def test_a_plugin_is_reloaded_under_a_thread_that_computes(plugin: Any) -> None:
    x = tp.arange(12.0).reshape(3, 4).to(plugin.device())
    w = tp.arange(4.0).to(plugin.device())
    expected = ((tp.arange(12.0).reshape(3, 4) * tp.arange(4.0) + 1) * 2 + tp.arange(4.0)).tolist()

    def step() -> None:
        assert ((x * w + 1) * 2 + w).tolist() == expected

    worker = Worker(step)
    for _ in range(20):
        worker.more()
        lifecycle.reload(plugin.name)
    worker.more()
    worker.end()
    assert str(x.device) == f"{plugin.name}:0"


def test_a_plugin_is_unloaded_under_a_thread_that_computes(plugin: Any) -> None:
    x, w = tp.arange(12.0).reshape(3, 4), tp.arange(4.0)
    expected = ((x * w + w) * x).tolist()
    there = 0

    def step() -> None:
        nonlocal there
        try:
            tp.migrate([x, w], plugin.name)
        except DeviceError as error:
            assert "its plugin was unloaded" in str(error)  # just then: nothing has moved
        there += x.device.type == plugin.name
        assert ((x * w + w) * x).tolist() == expected

    worker = Worker(step)
    for _ in range(20):
        worker.more(2)
        lifecycle.unload(plugin.name, move_to="cpu")
    worker.more()
    worker.end()
    assert there > 20


def test_a_call_in_work_goes_to_its_end_before_an_unload(plugin: Any) -> None:
    x = tp.ones(3, device=plugin.device())
    begun, go = threading.Event(), threading.Event()

    def slow() -> None:
        begun.set()
        go.wait(5)

    plugin.faults["add"] = slow
    results: list[Any] = []
    caller = threading.Thread(target=lambda: results.append(x + x))
    caller.start()
    begun.wait(5)
    unloader = threading.Thread(target=lambda: lifecycle.unload(plugin.name, move_to="cpu"))
    unloader.start()
    time.sleep(0.05)
    assert unloader.is_alive() and x.device.state == "closing"
    late = threading.Thread(target=lambda: results.append(x * 3))
    late.start()
    time.sleep(0.05)
    assert late.is_alive(), "a new call waits"
    go.set()
    for thread in (caller, unloader, late):
        thread.join(10)
    assert [r.tolist() for r in sorted(results, key=lambda r: r[0].item())] == [[2, 2, 2], [3, 3, 3]]
    assert all(str(r.device) == "cpu" for r in results)


def test_a_call_that_does_not_end_stops_the_unload(plugin: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(states, "REST", 0.2)
    device = plugin.device()
    x = tp.ones(3, device=device)
    begun, go = threading.Event(), threading.Event()
    plugin.faults["add"] = lambda: (begun.set(), go.wait(5))
    caller = threading.Thread(target=lambda: x + x)
    caller.start()
    begun.wait(5)
    try:
        with pytest.raises(DeviceBusyError) as caught:
            lifecycle.unload(plugin.name, move_to="cpu")
    finally:
        go.set()
        caller.join(5)
    assert str(caught.value) == (
        f"device {device} does not come to rest: after 0.2 s 1 calls of other threads are still in work on "
        f"it; nothing was changed. Let them end, then try again"
    )
    assert device.ready and x.device is device


def test_a_kernel_that_calls_ops_passes_a_closing_device(plugin: Any) -> None:
    """The nested call is part of one in work, so it must not wait for the unload that waits for it."""
    x = tp.ones(3, device=plugin.device())
    begun = threading.Event()

    def nested() -> None:
        begun.set()
        time.sleep(0.1)
        assert (x * 2).tolist() == [2, 2, 2]

    plugin.faults["add"] = nested
    results: list[Any] = []
    caller = threading.Thread(target=lambda: results.append(x + x))
    caller.start()
    begun.wait(5)
    lifecycle.unload(plugin.name, move_to="cpu")
    caller.join(5)
    assert results[0].tolist() == [2, 2, 2] and str(results[0].device) == "cpu"


def test_many_threads_load_and_unload(plugin: Any) -> None:
    errors: list[BaseException] = []

    def run(turns: int) -> None:
        try:
            for _ in range(turns):
                try:
                    assert (tp.ones(3, device=plugin.name) + 1).tolist() == [2, 2, 2]
                except DeviceError as error:
                    assert "its plugin was unloaded" in str(error), error
                lifecycle.unload(plugin.name, move_to="cpu")
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(10,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not any(thread.is_alive() for thread in threads) and not errors, errors


def test_nothing_leaks_over_many_reloads(plugin: Any) -> None:
    x = tp.ones(100, device=plugin.device())
    lifecycle.reload(plugin.name)
    gc.collect()
    storages, modules = len(tp.device("cpu").live_storages()), len(sys.modules)
    for _ in range(30):
        lifecycle.reload(plugin.name)
    gc.collect()
    assert len(tp.device("cpu").live_storages()) == storages and len(sys.modules) == modules
    assert len(x.device.live_storages()) == 1 and x.device.allocated == x.storage.nbytes
    runtimes = [
        o for o in gc.get_objects() if type(o).__module__ == plugin.module and type(o).__name__ == "Runtime"
    ]
    assert len(runtimes) <= 1


def test_no_warning_is_given_by_a_quiet_life(plugin: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        lifecycle.load(plugin.name)
        lifecycle.reload(plugin.name)
        lifecycle.unload(plugin.name)
