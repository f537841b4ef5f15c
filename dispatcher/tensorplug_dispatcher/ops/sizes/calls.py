"""Calls of an op like its first sample, with other shapes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import cache
from typing import Any, Final

from ...op import Input, Numbers, Op, Sample

Shape = tuple[int, ...]
Measures = Mapping[str, Callable[[int], Iterable[Sample]]]
INT64: Final = "int64"
MANY: Final = 10_000  # from here on other sides are small, and a size has one sample


@cache
def first_of(op: Op) -> tuple[Any, ...]:
    assert op.samples is not None
    return next(iter(op.samples())).args


def call(op: Op, **given: Any) -> Sample:
    """The op's first sample with arguments in the place of its own, by name."""
    first, names = first_of(op), [p.name for p in op.parameters]
    last = max([len(first) - 1, *(names.index(name) for name in given)])
    args = (
        given[p.name] if p.name in given else first[i] if i < len(first) else p.default
        for i, p in enumerate(op.parameters[: last + 1])
    )
    return Sample(tuple(args))


def inputs(op: Op, *shapes: Shape) -> dict[str, Any]:
    """The tensors of the first sample with other shapes, the last shape for all that are left."""
    found: dict[str, Any] = {}
    for parameter, arg in zip(op.parameters, first_of(op), strict=False):
        if isinstance(arg, Input):
            shape = shapes[min(len(found), len(shapes) - 1)]
            found[parameter.name] = replace(arg, shape=shape, values=None, layout="dense")
    return found


def indices(shape: Shape, size: int) -> Input:
    return Input(shape, 0, size, INT64)


def distinct(n: int, size: int, width: int = 0) -> Input:
    """``n`` of ``size`` places, each at most once, in no order; with ``width`` each for a whole row."""
    step = next(p for p in (7919, 7907, 7901, 1) if size % p)
    each = max(width, 1)
    values = Numbers(n * each, lambda: [i // each * step % size for i in range(n * each)])
    return Input((n, width) if width else (n,), dtype=INT64, values=values)


def number(dtype: str, *values: float) -> Input:
    return Input(() if len(values) == 1 else (len(values),), dtype=dtype, values=values)
