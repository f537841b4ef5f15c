"""Two hundred faults, one at a time, through moving, forward, backward, step and copying.

Whatever happens: an error that names the device, every tensor as it was before or as it is after (never in
between), all on one device, other devices usable, the device itself usable unless it is lost, nothing left
over. A kernel that fails without saying so before the next synchronization is kept out of the optimizer's
step: what is computed from its result meanwhile is wrong on every device; ``resilient`` is for that.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from typing import Any

import pytest

import tensorplug as tp
import tensorplug_faults as faults
from tensorplug_dispatcher.errors import DeviceError, DeviceLostError, KernelError

POINTS = 200
DEVICE, OTHER = "faulty-mirror:0", "faulty-mirror:1"


class Training:
    """A model with an optimizer that has taken a step, in phases that may fail."""

    def __init__(self) -> None:
        tp.manual_seed(0)
        wide = [layer for _ in range(3) for layer in (tp.nn.Linear(8, 8), tp.nn.Tanh())]
        self.model = tp.nn.Sequential(tp.nn.Linear(6, 8), tp.nn.Tanh(), *wide, tp.nn.Linear(8, 3))
        self.optimizer = tp.optim.Adam(self.model.parameters(), lr=0.1)
        self.x = tp.randn(4, 6)
        self.model(self.x).sum().backward()
        self.optimizer.step()
        self.loss: Any = None
        self.copies: list[Any] = []

    def forward(self) -> None:
        self.optimizer.zero_grad()
        self.loss = (self.model(self.x.to(DEVICE)) ** 2).sum()

    def copy(self) -> None:
        self.copies = [(p.clone(), p.cpu(), p.to(OTHER)) for p in self.model.parameters()]

    @property
    def phases(self) -> dict[str, Callable[[], Any]]:
        return {
            "migrate": lambda: tp.migrate([self.model, self.optimizer], DEVICE),
            "forward": self.forward,
            "backward": lambda: self.loss.backward(),
            "step": self.optimizer.step,
            "copy": self.copy,
            "migrate lean": lambda: tp.migrate([self.model, self.optimizer], OTHER, lean=True),
            "migrate back": lambda: tp.migrate([self.model, self.optimizer], "cpu"),
        }

    def tensors(self) -> dict[str, Any]:
        named = dict(self.model.named_parameters())
        for name, p in list(named.items()):
            named |= {f"{name}.{key}": v for key, v in self.optimizer.state[p].items() if key != "step"}
        return named


def dry_run() -> tuple[list[tuple[str, faults.Call]], dict[str, dict[str, Any]]]:
    """Every call with its phase, and every tensor's values before the first phase and after each."""
    training = Training()
    tp.devices.empty_cache(DEVICE)
    calls: list[tuple[str, faults.Call]] = []
    values = {"": {name: t.tolist() for name, t in training.tensors().items()}}
    with faults.inject(DEVICE) as injection:
        for name, phase in training.phases.items():
            seen = len(injection.calls)
            phase()
            tp.devices.synchronize(DEVICE)
            calls += [(name, call) for call in injection.calls[seen:]]
            seen = len(injection.calls)
            values[name] = {name: t.tolist() for name, t in training.tensors().items()}
            del injection.calls[seen:]  # of reading them
    return calls, values


def fault_for(number: int, calls: list[tuple[str, faults.Call]]) -> faults.Fault:
    """A loss at every second call; else what may happen to a call of this kind."""
    phase, call = calls[number - 1]
    if number % 2:
        return faults.Lost(call=number)
    if call.kind == "allocate":
        nth = sum(call.kind == "allocate" for _, call in calls[:number])
        return faults.OutOfMemory(call=nth, times=2)
    later = call.kind == "kernel" and phase != "step" and number % 4 == 0
    return faults.KernelFault(call=number, on=None, later=later)


def kill(number: int, calls: list[tuple[str, faults.Call]], values: dict[str, dict[str, Any]]) -> str:
    """Run with one fault; returns the phase in which it struck."""
    training = Training()
    tp.devices.empty_cache(DEVICE)
    tensors = training.tensors()
    began = time.monotonic()
    before, struck = "", ""
    with faults.inject(DEVICE, fault_for(number, calls)):
        for name, phase in training.phases.items():
            done = False
            try:
                phase()
                done = True
                tp.devices.synchronize(DEVICE)  # where a kernel that fails later is found out
            except (DeviceError, KernelError, MemoryError) as error:
                struck = name
                assert "faulty-mirror:0" in str(error), error
                old = values[name if done else before]
                check(tensors, old, values[name], isinstance(error, DeviceLostError), "" if done else name)
                break
            before = name
        assert (tp.ones(2, device=OTHER) + 1).tolist() == [2, 2] and (tp.ones(2) + 1).tolist() == [2, 2]
    assert time.monotonic() - began < 30
    if not tp.device(DEVICE).ready:
        assert tp.devices.health(DEVICE)
    assert (tp.ones(2, device=DEVICE) + 1).tolist() == [2, 2]
    return struck


def check(tensors: dict[str, Any], old: Any, new: Any, lost: bool, phase: str) -> None:
    where = {str(tensor.device) for tensor in tensors.values()}
    if phase.startswith("migrate") and not (lost and phase == "migrate lean"):
        assert len(where) == 1, "a move is done as a whole or not at all"
        if phase == "migrate":
            assert where == {"cpu"}
    for name, tensor in tensors.items():
        if lost and str(tensor.device) == DEVICE:
            with pytest.raises(DeviceLostError):
                tensor.tolist()
        else:
            assert tensor.tolist() in (old[name], new[name]), name


def held() -> Any:
    gc.collect()
    devices = [tp.device(name) for name in ("cpu", DEVICE, OTHER)]
    return [(device.allocated, len(device.live_storages())) for device in devices]


@pytest.mark.slow
def test_two_hundred_faults(device: Any) -> None:
    calls, values = dry_run()
    points = [1 + i * len(calls) // POINTS for i in range(POINTS)]
    assert len(set(points)) == POINTS
    kill(points[0], calls, values)  # what a first loss leaves for good
    before = held()
    struck = [kill(number, calls, values) for number in points]
    assert len(struck) == POINTS
    assert held() == before
    assert {"migrate", "forward", "backward", "step", "copy"} <= set(struck)
    # a kernel that fails later may be the last of its phase, and an empty cache may cure a lack of memory
    assert sum(map(bool, struck)) >= 0.9 * POINTS
