"""Sessions: while one is open, the layer shows it every product of a float model that has a weight.

That is how calibration, training and the sensitivity report see the inputs of an unmodified model.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any, Final, Protocol

from tensorplug_dispatcher.dtypes import QUANTIZATION
from tensorplug_dispatcher.tensor import CONTEXT

WATCHED: Final = {"linear": 1, "conv2d": 1, "embedding": 0}  # op → the place of its weight


class Session(Protocol):
    """What an open session does with a call: ``inner(args)`` computes it."""

    def watch(self, name: str, args: tuple[Any, ...], inner: Any) -> Any: ...


_open: ContextVar[Session | None] = ContextVar("quantization session", default=None)


def current() -> Session | None:
    return _open.get()


class opened:
    """Context manager: ``session`` watches the calls inside; None: nothing does."""

    def __init__(self, session: Session | None) -> None:
        self.session = session

    def __enter__(self) -> None:
        state = CONTEXT.get()
        bits = state.included | QUANTIZATION if self.session is not None else state.included & ~QUANTIZATION
        self.tokens = _open.set(self.session), CONTEXT.set(state.replace(included=bits))

    def __exit__(self, *exc: Any) -> None:
        session, state = self.tokens
        CONTEXT.reset(state)
        _open.reset(session)
