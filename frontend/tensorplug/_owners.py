"""Kinds of objects that hold tensors, each made known by the module that defines it.

``migrate`` walks through all of them without importing any: whoever has one has imported its module.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any, TypeVar

    T = TypeVar("T", bound=type)

OWNERS: list[type] = []  # whose attributes are looked through
OPTIMIZERS: list[type] = []  # with param_groups and state
SCHEDULERS: list[type] = []  # with an optimizer
BESIDE: list[Callable[[Any], Iterable[Any]]] = []  # storages → what is kept beside them


def known_as(kind: list[type]) -> Callable[[T], T]:
    """A decorator: the class is of this kind."""

    def known(cls: T) -> T:
        kind.append(cls)
        return cls

    return known
