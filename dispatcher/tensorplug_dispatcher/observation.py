"""Which way calls went, as they go: a tree of what was asked for and what ran to give it.

For proofs (the conformance kit's), not for production: while anybody observes, every call passes through
Python once more. ``explanation.report`` counts calls at no cost, but cannot say which call led to which.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, Final

from . import epoch
from .entries import CallableEntry
from .steps import Restoring, held

# the calls of the innermost one that is under way; None where nobody observes this context
_inner: Final[ContextVar[list[Call] | None]] = ContextVar("tensorplug_observed", default=None)
_observers: Final[set[object]] = set()  # a mark for each block that is open


@dataclass(slots=True)
class Call:
    """One call that reached a device: ``path`` is native, view, decomposed or host, or empty where it raised
    before that was decided; ``inner`` are the calls that were made to serve it.
    """

    op: str
    device: str
    path: str = ""
    inner: list[Call] = field(default_factory=list)

    def every(self) -> Iterator[Call]:
        """This call and all below it."""
        yield self
        for below in self.inner:
            yield from below.every()


def observing() -> bool:
    """Whether chains are to be made so that their calls can be seen."""
    return bool(_observers)


def observed(entry: Any) -> Any:
    """The same entry, whose calls are noted where somebody observes."""
    name, device = entry.function.name, entry.device.type

    def run(args: tuple[Any, ...], outs: Any) -> Any:
        siblings = _inner.get()
        if siblings is None:
            return entry.call(args) if outs is None else entry.call_into(args, outs)
        this = Call(name, device)
        siblings.append(this)
        try:
            with held(_inner, this.inner):
                return entry.call(args) if outs is None else entry.call_into(args, outs)
        finally:
            plan = entry.planned(args, outs)
            this.path = "" if plan is None else plan.path

    return CallableEntry(run)


def unseen() -> Any:
    """Context manager: what is called inside is nobody's to see, such as shapes that are asked for."""
    return held(_inner, None)


class observe(Restoring):
    """Context manager: gives the calls that this thread makes within, in order, filled in as they are made.

    >>> with observe() as calls: tp.softmax(x, -1)
    >>> [c.op for c in calls[0].every()]
    """

    def _before(self) -> tuple[Any, Any]:
        return object(), _inner.get()

    def _apply(self, before: Any) -> list[Call]:
        calls: list[Call] = []
        mark, _ = before
        _observers.add(mark)
        if len(_observers) == 1:
            epoch.invalidate()
        _inner.set(calls)
        return calls

    def _restore(self, before: tuple[Any, Any]) -> None:
        mark, outer = before
        _inner.set(outer)
        _observers.discard(mark)
        if not _observers:
            epoch.invalidate()
