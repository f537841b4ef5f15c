"""The state of a call that is not in its arguments: what is included and excluded, the default device."""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any

import cython

from .keys import HISTORY, LAYER_MASK

_HISTORY = HISTORY  # the same, as C integers
_LAYERS = LAYER_MASK


class Context:
    """The state of a call that is not in its arguments: immutable, one a context (thread or task)."""

    def __init__(
        self,
        included: int = 0,
        excluded: int = 0,
        default_device: Any = None,
        host_policy: Any = None,
        inference: bool = False,
        extra: Any = None,
    ) -> None:
        self.included = included
        self.excluded = excluded
        self.default_device = default_device
        self.host_policy = host_policy
        self.grad_enabled = not excluded & _HISTORY
        self.inference = inference
        self.extra = extra

    def replace(self, **changes: Any) -> Context:
        values = {
            "included": self.included,
            "excluded": self.excluded,
            "default_device": self.default_device,
            "host_policy": self.host_policy,
            "inference": self.inference,
            "extra": self.extra,
        }
        values.update(changes)
        return Context(**values)


DEFAULT_CONTEXT = Context()
CONTEXT = ContextVar("tensorplug", default=DEFAULT_CONTEXT)
_CONTEXT = CONTEXT  # the same, as a C variable


def current() -> Context:
    if not cython.compiled:
        return CONTEXT.get()
    else:
        value: cython.pointer(PyObject)
        PyContextVar_Get(_CONTEXT, cython.NULL, cython.address(value))
        state: Context = cython.cast(Context, value)
        Py_DECREF_pointer(value)
        return state


def context() -> Context:
    """The context that calls made here run in."""
    return current()
