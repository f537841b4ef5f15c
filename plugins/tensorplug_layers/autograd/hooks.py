"""Handles of registered hooks."""

from __future__ import annotations

import itertools
from typing import Any

from tensorplug_dispatcher.steps import Restoring

_ids = itertools.count()


class RemovableHandle(Restoring):
    """Takes a hook out again with ``remove()``, or at the end of a ``with`` block."""

    def __init__(self, hooks: dict[int, Any], key: int) -> None:
        self._hooks = hooks
        self.id = key

    def remove(self) -> None:
        self._hooks.pop(self.id, None)

    def _restore(self, before: Any) -> None:
        self.remove()


def add_hook(hooks: dict[int, Any], hook: Any) -> RemovableHandle:
    key = next(_ids)
    hooks[key] = hook
    return RemovableHandle(hooks, key)
