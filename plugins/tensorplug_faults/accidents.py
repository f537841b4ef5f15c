"""What accidents do to processes and files: a fork in the midst of work, a file that ends too early."""

from __future__ import annotations

import json
import os
import select
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a forked child ended: ``status`` is returned, raised, died or hung; ``text`` says what."""

    status: str
    text: str


def forked(function: Callable[[], Any], timeout: float = 20.0) -> Outcome:
    """Call ``function`` in a forked child of this process,
    and say how that has ended after ``timeout`` seconds at most.
    """
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        status, text = "died", ""
        try:
            status, text = "returned", repr(function())
        except BaseException as error:
            status, text = "raised", f"{type(error).__name__}: {error}"
        finally:
            os.write(writing, json.dumps([status, text[:2000]]).encode())
            os._exit(0)
    os.close(writing)
    try:
        ready, _, _ = select.select([reading], [], [], timeout)
        if not ready:
            os.kill(child, signal.SIGKILL)
            return Outcome("hung", f"no answer after {timeout:g} s")
        answer = os.read(reading, 1 << 16)
        return Outcome(*json.loads(answer)) if answer else Outcome("died", "without a word")
    finally:
        os.close(reading)
        _reap(child)


def _reap(child: int) -> None:
    for _ in range(200):
        if os.waitpid(child, os.WNOHANG)[0]:
            return
        time.sleep(0.01)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)


def truncate(path: str | os.PathLike[str], nbytes: int) -> None:
    """Cut a file to its first ``nbytes`` bytes (or, negative, that many from its end)."""
    data = Path(path).read_bytes()
    Path(path).write_bytes(data[:nbytes])
