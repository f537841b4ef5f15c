"""The device ``remote``: memory and kernels in another process or on another host, over a socket.

``remote:0``, ``remote:1``… are the servers that the configuration names (``config.py``), each with one device
of any backend that is installed there. Every op of the table is a kernel of its own here: a request names the
op, layouts, attributes and buffers, and tensorplug over there does the rest. Launches are sent without
waiting; what goes wrong with one is raised by the next call that waits.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

tensorplug_api = (1, 0)

_made: Any = None
_asked: set[str] = set()


def tensorplug_runtime() -> Any:
    """The runtime of the servers that are configured. Raises DeviceAbsentError where none can be used."""
    return _runtime_for("runtime")


def tensorplug_kernels() -> Iterable[Any]:
    from tensorplug_dispatcher import prepared_kernels

    runtime = _runtime_for("kernels")
    return prepared_kernels(dict.fromkeys(runtime.ops(), runtime.prepare), provider="server")


def _runtime_for(hook: str) -> Any:
    """One runtime for the two hooks, and another one, with connections of its own, whenever they are called
    again: whoever loads the plugin a second time may close what it got.
    """
    global _made
    if _made is None or hook in _asked:
        from .config import servers
        from .runtime import RemoteRuntime

        _made = RemoteRuntime(servers())
        _asked.clear()
    _asked.add(hook)
    return _made
