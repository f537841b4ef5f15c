"""Interrupts at every place where Python may raise one, for tests of what must not be torn.

An action is run again and again; in run n KeyboardInterrupt is raised at the nth entry of a function or line
of ours that it comes to. CPython itself looks for signals at fewer places: on entry, after a call, at the end
of a loop's turn. Left out are the lines of compiled modules, whose functions are one step also where
TENSORPLUG_PURE=1 runs their source, and the moment between the body of a ``with`` and its ``__exit__``, in
which CPython looks for none.
"""

from __future__ import annotations

import dis
import os
import sys
import threading
from collections.abc import Callable, Iterator
from functools import cache
from types import CodeType, FrameType
from typing import Any, Final

import tensorplug as tp
import tensorplug_dispatcher
import tensorplug_layers
import tensorplug_mirror
from tensorplug_dispatcher import observation
from tensorplug_dispatcher.context import CONTEXT
from tensorplug_dispatcher.devices import registry as devices
from tensorplug_dispatcher.devices import states
from tensorplug_layers.sweep import anomaly_mode

ROOMS: Final = tuple(
    os.path.dirname(os.path.abspath(str(package.__file__))) + os.sep
    for package in (tp, tensorplug_dispatcher, tensorplug_layers)
) + (os.path.abspath(str(tensorplug_mirror.__file__)),)
MOST: Final = 20_000  # lines of one action


@cache
def interruptible(path: str) -> bool:
    """Whether a file is Python of ours that is never compiled."""
    return path.startswith(ROOMS) and not os.path.exists(os.path.splitext(path)[0] + ".pxd")


@cache
def exits(code: CodeType) -> frozenset[int]:
    """Where ``__exit__`` is about to be called for the ``with`` statements of a function."""
    steps = [step for step in dis.get_instructions(code) if step.opname != "PRECALL"]
    found = set()
    for i, step in enumerate(steps):
        names = [one.opname for one in steps[i : i + 4]]
        nones = [one.argval for one in steps[i : i + 3]]
        if names == ["LOAD_CONST"] * 3 + ["CALL"] and nones == [None] * 3 and steps[i + 3].arg == 2:
            found.update((step.offset, steps[i - 1].offset))  # before it, the value to return is put aside
        if names[:2] == ["PUSH_EXC_INFO", "WITH_EXCEPT_START"]:
            found.add(step.offset)
    return frozenset(found)


class Breaker:
    """A trace function that raises at the nth place, once; ``place`` is where that was."""

    def __init__(self, at: int, wanted: Callable[[str], bool]) -> None:
        self.left = at
        self.wanted = wanted
        self.place = ""

    def __call__(self, frame: FrameType, event: str, arg: Any) -> Any:
        if not self.wanted(frame.f_code.co_filename) or frame.f_code.co_name == "<genexpr>":
            return None  # what is raised while a generator is dropped is nobody's
        self.hit(frame)
        return self.line

    def line(self, frame: FrameType, event: str, arg: Any) -> Any:
        if event == "line" and frame.f_lasti not in exits(frame.f_code):
            self.hit(frame)
        return self.line

    def hit(self, frame: FrameType) -> None:
        self.left -= 1
        if not self.left:
            code = frame.f_code
            self.place = f"{os.path.basename(code.co_filename)}:{frame.f_lineno} in {code.co_qualname}"
            raise KeyboardInterrupt(self.place)


def at_each_line(
    action: Callable[[], Any], only: tuple[str, ...] = (), step: int = 1
) -> Iterator[tuple[str, bool]]:
    """Run the action with an interrupt at one place after the other, until it comes to its end without one.

    Gives each place, and whether the interrupt came out of the action. ``only``: names of files to which it
    is restricted; ``step``: every how many places.
    """

    def wanted(path: str) -> bool:
        return interruptible(path) and (not only or os.path.basename(path) in only)

    for at in range(1, MOST, step):
        breaker = Breaker(at, wanted)
        raised = False
        outer = sys.gettrace()
        try:
            sys.settrace(breaker)
            action()
        except KeyboardInterrupt:
            raised = True
        finally:
            sys.settrace(outer)
        if not breaker.place:
            assert not raised
            return
        yield breaker.place, raised
    raise AssertionError(f"the action has more than {MOST} lines")


def settings() -> dict[str, Any]:
    """All that a block may set for the calls inside it, and what no block may leave behind."""
    state = CONTEXT.get()
    return {
        "grad": (tp.is_grad_enabled(), tp.is_inference_mode_enabled()),
        "bits": (state.included, state.excluded),
        "default device": str(devices.default_device()),
        "host policy": devices.host_policy(),
        "extra": {key: value for key, value in (state.extra or {}).items() if value},
        "anomaly": anomaly_mode(),
        "observing": observation.observing(),
        "closing": (list(states._closing), states._closer),
        "devices": {device.name: device.state for device in states.opened()},
        "calls in work": {device.name: device.calls_in_work() for device in states.opened()},
    }


def others_go_on() -> None:
    """Another thread may compute, move, and open devices."""
    failed: list[BaseException] = []

    def work() -> None:
        try:
            with tp.no_migration():
                assert (tp.ones(2) + 1).tolist() == [2, 2]
            with states.locked("a test"):
                pass
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join(20)
    assert not thread.is_alive() and not failed, failed
