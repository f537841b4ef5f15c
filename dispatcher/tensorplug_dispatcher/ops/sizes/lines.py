"""Sizes of ops that work along lines: reductions, scans, sorts, softmax, normalization."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from math import log
from typing import Any, Final

from ...op import Input, Numbers, Op, Sample
from .calls import MANY, Measures, Shape, call, inputs

Pattern = Callable[[int, int], list[float]]  # (length of the line, number of the line) → its numbers


def _patterned(shape: Shape, axis: int, pattern: Pattern) -> Input:
    """A tensor whose lines along ``axis`` are those of a pattern, three in turn."""
    length, inner = shape[axis], 1
    for n in shape[axis + 1 :]:
        inner *= n
    count = 1
    for n in shape:
        count *= n

    def numbers() -> list[float]:
        lines = [pattern(length, k) for k in range(3)]
        flat: list[float] = [0.0] * count
        for k in range(count // max(length, 1)):
            at = k // inner * length * inner + k % inner
            flat[at : at + length * inner : inner] = lines[k % 3]
        return flat

    return Input(shape, values=Numbers(count, numbers))


def peaks(n: int, k: int) -> list[float]:
    """Numbers with ties; the largest is the last, or is in the middle too, or is where it happens to be."""
    line: list[float] = [i * 37 % 101 for i in range(n)]
    if k < 2:
        line[n - 1] = 101
    if k == 1:
        line[n // 2] = 101
    return line


def valleys(n: int, k: int) -> list[float]:
    return [101 - v for v in peaks(n, k)]


def lone(most: float, one: float) -> Pattern:
    """All the same; but the last; but that in the middle."""

    def line(n: int, k: int) -> list[float]:
        values = [most] * n
        if k:
            values[n - 1 if k == 1 else n // 2] = one
        return values

    return line


def thirds(n: int, k: int) -> list[float]:
    return [float((i * 37 % 101 + k) % 3) for i in range(n)]


def few_factors(n: int, k: int) -> list[float]:
    """Ones, with a few other numbers at the ends and in the middle, so that no product overflows."""
    values = [1.0] * n
    for place in ((0, n - 1), (n // 2,), (n - 1, n // 3))[k]:
        values[place] = float(k + 2)
    return values


def lines(pattern: Pattern | None = None, **further: Callable[[int], Any]) -> Callable[[Op], Measures]:
    """Ops that work along ``dim``; ``further`` gives attributes for a length of the line."""

    def measures(op: Op) -> Measures:
        def at(shape: Shape, axis: int | None) -> Sample:
            length = shape[0 if axis is None else axis]
            given = inputs(op, shape)
            if pattern is not None:
                given[op.parameters[0].name] = _patterned(shape, axis or 0, pattern)
            return call(op, **given, dim=axis, **{name: make(length) for name, make in further.items()})

        whole = {p.name: p.kind for p in op.parameters}["dim"] in ("dims", "dim?") and op.name != "logsumexp"
        found: dict[str, Callable[[int], Iterable[Sample]]] = {
            "line": lambda n: [
                at((3, n), 1),
                at((n, 3), 0),
                *([at((n, 40), 0)] if 1000 < n < MANY else ()),  # long, and many beside each other
            ],
            "lines": lambda n: [at((5 if n < MANY else 2, n), 0)],
            "outer": lambda n: [at((n, 5), 1), at((n, 4, 3), 1)] if n < MANY else [at((n, 2), 1)],
        }
        if whole:
            found["elements"] = lambda n: [at((n,), None)]
        return found

    return measures


def softmax(op: Op) -> Measures:
    """Backwards the results are what a softmax of that length gives, so that sums stay of one size."""
    if not op.name.endswith("_backward"):
        return lines()(op)
    logarithms = op.name.startswith("log")

    def like_results(item: Sample) -> Sample:
        grad, out, dim = item.args
        length = out.shape[dim]
        low, high = (-log(length) - 1, -log(length) + 0.8) if logarithms else (0.5 / length, 1.5 / length)
        return Sample((grad, replace(out, low=low, high=high), dim))

    def with_results(size: Callable[[int], Iterable[Sample]]) -> Callable[[int], Iterable[Sample]]:
        return lambda n: map(like_results, size(n))

    return {measure: with_results(size) for measure, size in lines()(op).items()}


def searchsorted(op: Op) -> Measures:
    def line(n: int, k: int) -> list[float]:
        return [float((i + k) * 100 // (n + 2)) for i in range(n)]

    def at(shape: Shape, values: Shape, right: bool) -> Sample:
        return Sample((_patterned(shape, len(shape) - 1, line), Input(values, -2, 103), right))

    return {
        "line": lambda n: [at((n,), (40,), False), at((2, n), (2, 40), True)],
        "outer": lambda n: [at((n, 5), (n, 2), True)],
        "elements": lambda n: [at((50,), (n,), False)],
    }


# what is normalized backwards: numbers from -4 to 4 have such a mean and deviation
RANGES: Final = {"mean": (-0.5, 0.5), "rstd": (0.3, 0.6), "weight": (0.5, 2.0)}


def _statistics(name: str, item: Input, shape: Shape) -> Input:
    low, high = RANGES.get(name, (item.low, item.high))
    return replace(item, shape=shape, low=low, high=high)


def normalized(op: Op) -> Measures:
    """Layer and RMS norm: lines are the last dimension."""

    def at(outer: int, n: int) -> Sample:
        shapes = {"mean": (outer, 1), "rstd": (outer, 1), "weight": (n,), "bias": (n,)}
        given = {
            name: _statistics(name, item, shapes.get(name, (outer, n)))
            for name, item in inputs(op, (outer, n)).items()
        }
        return call(op, **given, normalized_shape=(n,))

    return {"line": lambda n: [at(3, n)], "outer": lambda n: [at(n, 5)]}


def by_channel(op: Op) -> Measures:
    """Batch norm: a line is all of one channel, over the batch and the places of an image."""

    def at(*shape: int) -> Sample:
        given = {
            name: _statistics(name, item, shape if name in ("input", "grad_output") else (shape[1],))
            for name, item in inputs(op, shape).items()
        }
        return call(op, **given)

    def line(n: int) -> Iterable[Sample]:
        return [at(n, 3), at(1, 3, n), at(2, 3, -(-n // 2))] if n > 1 else [at(2, 3)]

    return {
        "line": line,
        "channels": lambda n: [at(4, n), at(2, n, 3)],
        "pixels": lambda n: [at(2, 3, n)],
        "batch": lambda n: [at(max(n, 2), 3), at(max(n, 2), 2, 3)],
        "elements": lambda n: [at(2, 3, -(-n // 6))],
    }


def by_group(op: Op) -> Measures:
    def at(batch: int, channels: int, places: int, groups: int) -> Sample:
        each = {name: Input((channels,)) for name in ("weight", "bias")}
        return call(op, input=Input((batch, channels, places)), num_groups=groups, **each)

    return {
        "line": lambda n: [at(2, 2, n, 2), at(1, n, 1, 1)],
        "channels": lambda n: [at(2, n, 3, n), at(2, 2 * n, 3, 2)],
        "pixels": lambda n: [at(1, 4, n, 2)],
        "batch": lambda n: [at(n, 4, 2, 2)],
    }
