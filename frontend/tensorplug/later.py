"""What is loaded on its first use: a function of a module that ``import tensorplug`` leaves alone."""

from __future__ import annotations

from importlib import import_module

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


def found(module: str, name: str) -> Any:
    """``name`` of the project's ``module``, which is imported where it is not yet."""
    return getattr(import_module(module, __package__), name)


def later(module: str, name: str) -> Callable[..., Any]:
    """A function that is ``name`` of ``module`` (".serialization"), imported at the first call."""
    known: Any = None

    def function(*args: Any, **kwargs: Any) -> Any:
        nonlocal known
        if known is None:
            known = found(module, name)
        return known(*args, **kwargs)

    function.__name__ = function.__qualname__ = name
    return function
