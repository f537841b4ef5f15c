"""Calls that may hang, given up after a while."""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Callable
from typing import Any


def within(seconds: float, function: Callable[..., Any], *args: Any) -> Any:
    """``function(*args)``, run in a thread of its own; raises TimeoutError where it takes longer.

    What hangs goes on in its thread, which does not keep the process alive.
    """
    done = threading.Event()
    outcome: list[Any] = [None, None]

    def run() -> None:
        try:
            outcome[0] = function(*args)
        except BaseException as error:
            outcome[1] = error
        finally:
            done.set()

    name = getattr(function, "__qualname__", "call")
    context = contextvars.copy_context()
    threading.Thread(target=context.run, args=(run,), daemon=True, name=f"within {name}").start()
    if not done.wait(seconds):
        raise TimeoutError(f"{name}() had not finished after {seconds:g} s")
    if outcome[1] is not None:
        raise outcome[1]
    return outcome[0]
