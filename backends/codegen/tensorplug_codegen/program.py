"""A device program: launches of kernels over operands, made once for given layouts by a builder.

A *builder* is ``build(target, op, outs, ins, attrs, numbers) -> Program | None`` (None: "not these").
``outs`` and ``ins`` are layouts, ``numbers`` the positions in ``ins`` for which a Python number comes. It
says what to run and with what; a backend compiles and launches it and knows nothing of ops.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tensorplug_dispatcher.dtypes import DType
from tensorplug_dispatcher.layout import Layout

from .dialect import Target

# Error codes that a kernel may leave in the device's status word, the same as the CPU's kernels return.
INDEX_RANGE, DIVISION_BY_ZERO = 1, 3


@dataclass(frozen=True, slots=True)
class Memory:
    """Operand ``place`` (outputs, inputs, scratch in that order): two kernel arguments, a pointer and an
    ``i64``, the first element.
    """

    place: int


@dataclass(frozen=True, slots=True)
class Constant:
    """A number that is known already, as an argument of this dtype (its type of arithmetic for halves)."""

    value: Any
    dtype: DType


@dataclass(frozen=True, slots=True)
class Number:
    """Operand ``place`` is a Python number, converted to this dtype at the call."""

    place: int
    dtype: DType


@dataclass(frozen=True, slots=True)
class Value:
    """The op's dynamic number ``place``, converted to this dtype at the call."""

    place: int
    dtype: DType


@dataclass(frozen=True, slots=True)
class Status:
    """The device's status word, a ``GLOBAL i32 *``: a kernel that finds bad data writes a code there."""


Argument = Memory | Constant | Number | Value | Status


@dataclass(frozen=True, slots=True)
class Launch:
    """One kernel: ``name`` in ``source`` (which follows the target's preamble), its arguments, and the range:
    ``groups`` work-groups of ``lanes`` work-items, up to three dimensions each.
    """

    source: str
    name: str
    arguments: tuple[Argument, ...]
    groups: tuple[int, ...]
    lanes: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Program:
    """Launches in order; ``scratch`` are the bytes of memory that they need between them."""

    launches: tuple[Launch, ...]
    scratch: tuple[int, ...] = ()


Builder = Callable[
    [Target, str, tuple[Layout, ...], tuple[Layout | None, ...], Mapping[str, Any], frozenset[int]],
    Program | None,
]
