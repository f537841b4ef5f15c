"""Where gradients are recorded: ``no_grad``, ``enable_grad``, ``inference_mode``, anomaly detection."""

from __future__ import annotations

import functools
import inspect
from typing import Any

from tensorplug_dispatcher.context import CONTEXT
from tensorplug_dispatcher.keys import HISTORY
from tensorplug_dispatcher.steps import Restoring, Scope

from ..sweep import anomaly_mode, set_anomaly_mode


class _Mode(Scope):
    """A context manager, reentrant and usable as a decorator (generators included)."""

    __slots__ = ()

    def _again(self) -> _Mode:
        return type(self)()

    def __call__(self, function: Any) -> Any:
        if inspect.isclass(function):
            raise TypeError(
                f"{type(self).__name__} decorates functions, not classes; "
                f"decorate the methods of {function.__name__}"
            )
        if inspect.isgeneratorfunction(function):
            return _around_generator(self, function)

        @functools.wraps(function)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            with self._again():
                return function(*args, **kwargs)

        return wrapped


def _around_generator(mode: _Mode, function: Any) -> Any:
    @functools.wraps(function)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        generator = function(*args, **kwargs)
        try:
            with mode._again():
                value = next(generator)
            while True:
                try:
                    sent = yield value
                except GeneratorExit:
                    generator.close()
                    raise
                except BaseException as error:
                    with mode._again():
                        value = generator.throw(error)
                else:
                    with mode._again():
                        value = generator.send(sent)
        except StopIteration as stop:
            return stop.value

    return wrapped


class no_grad(_Mode):
    """Nothing inside is recorded. Also a decorator. Source: torch.no_grad."""

    __slots__ = ()

    def __new__(cls, function: Any = None) -> Any:
        mode = super().__new__(cls)
        if function is None:
            return mode
        mode.__init__()  # type: ignore[misc]
        return mode(function)

    def __init__(self, function: Any = None) -> None:
        super().__init__()

    def _changed(self, state: Any) -> Any:
        return state.replace(excluded=state.excluded | HISTORY)


class enable_grad(no_grad):
    """What is inside a no_grad block, but in this one, is recorded. Source: torch.enable_grad."""

    __slots__ = ()

    def _changed(self, state: Any) -> Any:
        return state.replace(excluded=state.excluded & ~HISTORY)


class inference_mode(_Mode):
    """no_grad whose results can never take part in a recorded graph. Source: torch.inference_mode."""

    __slots__ = ("_mode",)

    def __new__(cls, mode: Any = True) -> Any:
        made = super().__new__(cls)
        if isinstance(mode, bool):
            return made
        made.__init__()  # type: ignore[misc]
        return made(mode)

    def __init__(self, mode: bool = True) -> None:
        super().__init__()
        self._mode = mode

    def _again(self) -> _Mode:
        return type(self)(self._mode)

    def _changed(self, state: Any) -> Any:
        excluded = state.excluded | HISTORY if self._mode else state.excluded & ~HISTORY
        return state.replace(excluded=excluded, inference=self._mode)


class set_grad_enabled(_Mode):
    """Record or not, from the call on; as a context manager, until the block ends. Source:
    torch.set_grad_enabled.
    """

    __slots__ = ("_mode",)

    def __init__(self, mode: bool) -> None:
        super().__init__(immediate=True)
        self._mode = bool(mode)
        self._enter()

    def _changed(self, state: Any) -> Any:
        return state.replace(excluded=state.excluded & ~HISTORY if self._mode else state.excluded | HISTORY)

    def __call__(self, function: Any) -> Any:
        self.__exit__()
        mode = self._mode

        @functools.wraps(function)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            with set_grad_enabled(mode):
                return function(*args, **kwargs)

        return wrapped


def is_grad_enabled() -> bool:
    """Whether calls made here are recorded."""
    return bool(CONTEXT.get().grad_enabled)


def is_inference_mode_enabled() -> bool:
    """Whether ``inference_mode`` is in force."""
    return bool(CONTEXT.get().inference)


class _Anomaly(Restoring):
    """A block with another anomaly mode."""

    def __init__(self, mode: bool, check_nan: bool) -> None:
        self.mode = bool(mode), bool(check_nan)

    def _before(self) -> tuple[bool, bool]:
        return anomaly_mode()

    def _apply(self, before: Any) -> None:
        set_anomaly_mode(*self.mode)

    def _restore(self, before: tuple[bool, bool]) -> None:
        set_anomaly_mode(*before)


class set_detect_anomaly(_Anomaly):
    """Remember where nodes are made, and stop a backward pass at the first NaN. Source:
    torch.autograd.set_detect_anomaly.
    """

    def __init__(self, mode: bool, check_nan: bool = True) -> None:
        super().__init__(mode, check_nan)
        self._enter(immediate=True)


class detect_anomaly(_Anomaly):
    """``with detect_anomaly():`` around forward and backward. Source: torch.autograd.detect_anomaly."""

    def __init__(self, check_nan: bool = True) -> None:
        super().__init__(True, check_nan)


def is_anomaly_enabled() -> bool:
    return anomaly_mode()[0]
