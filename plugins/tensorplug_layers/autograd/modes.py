"""Where gradients are recorded: ``no_grad``, ``enable_grad``, ``inference_mode``, anomaly detection."""

from __future__ import annotations

import functools
import inspect
from typing import Any

from tensorplug_dispatcher.tensor import AUTOGRAD, CONTEXT

_anomaly = {"enabled": False, "check_nan": True}


class _Mode:
    """A context manager, reentrant and usable as a decorator (generators included)."""

    __slots__ = ("_tokens",)

    def __init__(self) -> None:
        self._tokens: list[Any] = []

    def _changed(self, state: Any) -> Any:
        raise NotImplementedError

    def __enter__(self) -> None:
        self._tokens.append(CONTEXT.set(self._changed(CONTEXT.get())))

    def __exit__(self, *exc: Any) -> None:
        CONTEXT.reset(self._tokens.pop())

    def _again(self) -> _Mode:
        return type(self)()

    def __call__(self, function: Any) -> Any:
        if inspect.isclass(function):
            raise TypeError(
                f"{type(self).__name__} decorates functions, not classes; decorate the methods "
                f"of "
                f"{function.__name__}"
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
        mode = object.__new__(cls)
        if function is None:
            return mode
        mode.__init__()  # type: ignore[misc]
        return mode(function)

    def __init__(self, function: Any = None) -> None:
        super().__init__()

    def _changed(self, state: Any) -> Any:
        return state.replace(excluded=state.excluded | AUTOGRAD)


class enable_grad(no_grad):
    """What is inside a no_grad block, but in this one, is recorded. Source: torch.enable_grad."""

    __slots__ = ()

    def _changed(self, state: Any) -> Any:
        return state.replace(excluded=state.excluded & ~AUTOGRAD)


class inference_mode(_Mode):
    """no_grad whose results can never take part in a recorded graph. Source: torch.inference_mode."""

    __slots__ = ("_mode",)

    def __new__(cls, mode: Any = True) -> Any:
        made = object.__new__(cls)
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
        excluded = state.excluded | AUTOGRAD if self._mode else state.excluded & ~AUTOGRAD
        return state.replace(excluded=excluded, inference=self._mode)


class set_grad_enabled(_Mode):
    """Record or not, from the call on; as a context manager, until the block ends. Source:
    torch.set_grad_enabled.
    """

    __slots__ = ("_mode", "_token")

    def __init__(self, mode: bool) -> None:
        super().__init__()
        self._mode = bool(mode)
        self._token = CONTEXT.set(self._changed(CONTEXT.get()))

    def _changed(self, state: Any) -> Any:
        return state.replace(excluded=state.excluded & ~AUTOGRAD if self._mode else state.excluded | AUTOGRAD)

    def __enter__(self) -> None:
        return None

    def __exit__(self, *exc: Any) -> None:
        CONTEXT.reset(self._token)

    def __call__(self, function: Any) -> Any:
        CONTEXT.reset(self._token)
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
    return bool(CONTEXT.get().inference)


class set_detect_anomaly:
    """Remember where nodes are made, and stop a backward pass at the first NaN. Source:
    torch.autograd.set_detect_anomaly.
    """

    def __init__(self, mode: bool, check_nan: bool = True) -> None:
        self._before = dict(_anomaly)
        _set_anomaly(bool(mode), check_nan)

    def __enter__(self) -> None:
        return None

    def __exit__(self, *exc: Any) -> None:
        _set_anomaly(**self._before)


class detect_anomaly(set_detect_anomaly):
    """``with detect_anomaly():`` around forward and backward. Source: torch.autograd.detect_anomaly."""

    def __init__(self, check_nan: bool = True) -> None:
        super().__init__(True, check_nan)


def is_anomaly_enabled() -> bool:
    return _anomaly["enabled"]


def _set_anomaly(enabled: bool, check_nan: bool) -> None:
    from ..sweep import set_checks_nan
    from ..tape import set_anomaly

    _anomaly.update(enabled=enabled, check_nan=check_nan)
    set_anomaly(enabled)
    set_checks_nan(enabled and check_nan)
