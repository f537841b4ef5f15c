"""Sessions: while one is open, the layer shows it every product of a float model that has a weight.

That is how calibration, training and the sensitivity report see the inputs of an unmodified model.
"""

from __future__ import annotations

from typing import Any, Final, Protocol

from tensorplug_dispatcher.context import CONTEXT, Context
from tensorplug_dispatcher.keys import LEVELS
from tensorplug_dispatcher.steps import Scope

WATCHED: Final = {"linear": 1, "conv": 1, "embedding": 0}  # op → the place of its weight


def watched(name: str, args: tuple[Any, ...]) -> bool:
    """Whether a session sees the call: what can be quantized, convolutions over two dimensions among it."""
    return name in WATCHED and (name != "conv" or args[1].ndim == 4)


class Session(Protocol):
    """What an open session does with a call: ``inner(args)`` computes it."""

    def watch(self, name: str, args: tuple[Any, ...], inner: Any) -> Any: ...


_KEY: Final = "quantization session"


def current() -> Session | None:
    extra = CONTEXT.get().extra
    return None if extra is None else extra.get(_KEY)


class opened(Scope):
    """Context manager: ``session`` watches the calls inside; None: nothing does."""

    def __init__(self, session: Session | None) -> None:
        super().__init__()
        self.session = session

    def _changed(self, state: Context) -> Context:
        return with_session(state, self.session)


def with_session(state: Context, session: Session | None) -> Context:
    """The context with another session; the layer is in every key where there is one."""
    bits = state.included | LEVELS if session is not None else state.included & ~LEVELS
    return state.replace(included=bits, extra={**(state.extra or {}), _KEY: session})
