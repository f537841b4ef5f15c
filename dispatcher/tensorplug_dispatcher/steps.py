"""What an interrupt cannot break off: blocks that change the context, commits, and what is carried through.

Python raises KeyboardInterrupt, and whatever another signal's handler raises, between two bytecodes: on
entry of a function, after a call, at the end of a loop's turn. Compiled code has no such point, except where
it calls Python or waits. So what must happen as a whole is one function of a compiled module, like this one;
what cannot be compiled is written so that it may be done again, and ``carry_through`` does it.
docs/decisions/0021 has the rule.
"""

from __future__ import annotations

from typing import Any

import cython

from .context import CONTEXT

if not cython.compiled:
    from .context import Context, current
    from .storage import Storage
    from .tensor import TensorBase

PATIENCE = 100  # interrupts that one call of ``carry_through`` sits out
FAILURES = 2  # attempts after which an error counts as the function's own, not as a signal handler's
_ABSENT = object()


def carry_through(function: Any, *args: Any) -> Any:
    """``function(*args)``, done again where an exception breaks it off, which is raised once it is done.

    For what undoes or completes a change: ``function`` must come to the same whether it is begun once or
    several times. An Exception (a handler of SIGALRM may raise one) is believed at the second attempt.
    """
    broken: Any = None
    attempts: cython.int = 0
    while True:
        try:
            result = function(*args)
            break
        except BaseException as error:
            attempts += 1
            if attempts >= (FAILURES if isinstance(error, Exception) else PATIENCE):
                raise
            if broken is None:
                broken = error
    if broken is not None:
        try:
            raise broken
        finally:
            broken = None  # or it would hold itself, with all that its traceback's frames hold
    return result


def swap(storages: Any, copies: Any, written: bool = False) -> None:
    """Give each storage the memory (and device) of its copy, and its old memory back to the runtime: all at
    once. ``written``: their contents are others now, which their versions shall say.
    """
    pairs: list[Any] = list(zip(storages, copies, strict=True))
    storage: Storage
    copy: Storage
    for first, second in pairs:  # whatever can fail fails here
        if not (isinstance(first, Storage) and isinstance(second, Storage)):
            raise TypeError(f"swap() takes storages, not {type(first).__name__} and {type(second).__name__}")
    for first, second in pairs:
        storage, copy = first, second
        storage.replace(copy)
        copy.discard()  # not into the cache: NumPy may look at this memory
        if written:
            storage.version += 1


def give(tensor: Any, data: Any, grad: Any) -> None:
    """Give a tensor the memory of ``data`` and a gradient that fits it."""
    given: TensorBase = tensor
    given.become(data)
    given.grad_ = grad


class Scope:
    """A block whose calls have another context. Subclasses say which, in ``_changed``.

    At the end what ``_changed`` has changed is as it was before; what else was set inside stays. Scopes are
    reentrant. One that is ``immediate`` is in force from ``_enter`` on, which its ``__init__`` calls; one
    that is ``named`` is what ``with ... as`` gives; one that ``tidies`` has ``_left`` called.
    """

    def __init__(self, immediate: bool = False, named: bool = False, tidies: bool = False) -> None:
        self.entered = []
        self.immediate = immediate
        self.named = named
        self.tidies = tidies

    def _changed(self, state: Context) -> Any:
        """The context inside, made from the one outside."""
        raise NotImplementedError

    def _given(self) -> Any:
        """What ``with ... as`` gives, of a block that is ``named``."""
        return self

    def _left(self, after: Context) -> None:
        """Tidy up after the block whose context was ``after``; may be called twice."""

    def _enter(self) -> None:
        before: Context = current()
        after: Context = self._changed(before)
        self.entered.append((before, after))
        try:
            CONTEXT.set(after)
        except BaseException:
            self.entered.pop()
            raise

    def __enter__(self) -> Any:
        if not self.immediate:
            self._enter()
        return self._given() if self.named else None

    def __exit__(self, *exc: Any) -> None:
        before, after = self.entered[-1]
        CONTEXT.set(restored(current(), before, after))
        if not self.immediate:
            self.entered.pop()
        if self.tidies:
            carry_through(self._left, after)


def restored(now: Context, before: Context, after: Context) -> Any:
    """``now``, but with all that differs between ``before`` and ``after`` as it is in ``before``."""
    if now is after:
        return before
    included: cython.ulonglong = before.included ^ after.included
    excluded: cython.ulonglong = before.excluded ^ after.excluded
    extra: Any = now.extra
    if before.extra is not after.extra:
        extra = _restored_extra(now.extra or {}, before.extra or {}, after.extra or {})
    return Context(
        (now.included & ~included) | (before.included & included),
        (now.excluded & ~excluded) | (before.excluded & excluded),
        now.default_device if before.default_device is after.default_device else before.default_device,
        now.host_policy if before.host_policy is after.host_policy else before.host_policy,
        now.inference if before.inference == after.inference else before.inference,
        extra,
    )


def _restored_extra(now: dict[Any, Any], before: dict[Any, Any], after: dict[Any, Any]) -> Any:
    made = dict(now)
    for key in {**before, **after}:
        old = before.get(key, _ABSENT)
        if old is after.get(key, _ABSENT):
            continue
        if old is _ABSENT:
            made.pop(key, None)
        else:
            made[key] = old
    return made or None


class in_context(Scope):
    """Context manager: calls inside have the context ``state``."""

    def __init__(self, state: Context) -> None:
        self.entered = []
        self.immediate = self.named = self.tidies = False
        self.state = state

    def _changed(self, state: Context) -> Any:
        return self.state


class held:
    """Context manager: a ContextVar, or with a name the attribute of an object, has a value inside."""

    def __init__(self, owner: Any, value: Any, name: str = "") -> None:
        self.owner = owner
        self.value = value
        self.name = name

    def __enter__(self) -> None:
        if self.name:
            self.before = getattr(self.owner, self.name)
            setattr(self.owner, self.name, self.value)
        else:
            self.before = self.owner.set(self.value)

    def __exit__(self, *exc: Any) -> None:
        if self.name:
            setattr(self.owner, self.name, self.before)
        else:
            self.owner.reset(self.before)


class Restoring:
    """A block that changes what only Python can change. Subclasses say how, in three methods.

    ``_before()`` gives what the others take, and changes nothing; ``_apply(before)`` changes, and gives what
    ``with ... as`` gives; ``_restore(before)`` makes all as it was, however far ``_apply`` or an earlier
    ``_restore`` has come.
    """

    def _before(self) -> Any:
        return None

    def _apply(self, before: Any) -> Any:
        return self

    def _restore(self, before: Any) -> None:
        raise NotImplementedError

    def _enter(self, immediate: bool = False) -> Any:
        """Enter the block; ``immediate``: for an ``__init__``, and ``with`` does not enter it once more."""
        before = self._before()
        entered: list[Any] = entered_of(self)
        entered.append(before)
        self.immediate = immediate
        try:
            return self._apply(before)
        except BaseException:
            self.__exit__()
            raise

    def __enter__(self) -> Any:
        if entered_of(self) and self.immediate:
            return None
        return self._enter()

    def __exit__(self, *exc: Any) -> None:
        entered: list[Any] = entered_of(self)
        try:
            carry_through(self._restore, entered[-1])
        finally:
            if not self.immediate:
                entered.pop()


def entered_of(block: Restoring) -> list[Any]:
    """What ``before`` gave in the blocks that are open, the innermost last."""
    if not cython.compiled:
        found: list[Any] = block.__dict__.setdefault("entered", [])
        return found
    if block.entered is None:
        block.entered = []
    return block.entered
