"""Sizes of products: of matrices, quantized ones, attention."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from math import isqrt
from typing import Final

from ... import dtypes
from ...op import Input, Numbers, Op, Sample
from .calls import MANY, Measures, Shape, number

Product = Callable[[Shape, int, int, int], Iterable[Sample]]  # batch, M, N, K


def _sides(n: int) -> Iterable[tuple[int, int, int]]:
    """M, N and K whose product is ``n``, or the nearest below and above it."""
    side = next(s for s in range(1, n + 2) if (s + 1) ** 3 > n)
    square = side * side
    for inner in sorted({n // square, -(-n // square)}):
        yield side, side, inner


def _product(make: Product, batch: bool = True) -> Measures:
    """The other sides are multiples of 8 in the first call of each size, odd in the second."""

    def rows(n: int) -> Iterable[Sample]:
        return [*make((), n, 40, 24), *make((), n, 7, 13)] if n < MANY else make((), n, 3, 4)

    def columns(n: int) -> Iterable[Sample]:
        return [*make((), 16, n, 24), *make((), 5, n, 13)] if n < MANY else make((), 3, n, 4)

    def inner(n: int) -> Iterable[Sample]:
        return [*make((), 16, 24, n), *make((), 5, 7, n)]

    def work(n: int) -> Iterable[Sample]:
        return [item for m, k, terms in _sides(n) for item in make((), m, k, terms)]

    found = {"rows": rows, "columns": columns, "inner": inner, "work": work}
    return (
        {**found, "batch": lambda n: make((n,), *((3, 5, 4) if n < MANY else (2, 1, 2)))} if batch else found
    )


def matmul(op: Op) -> Measures:
    def make(batch: Shape, m: int, n: int, k: int) -> Iterable[Sample]:
        yield Sample((Input((*batch, m, k)), Input((*batch, k, n))))

    def inner(n: int) -> Iterable[Sample]:
        yield from make((), 16, 24, n)
        yield from make((), 5, 7, n)
        yield from make((), 5, 1, n)
        yield from make((), 1, 7, n)
        yield from make((), 1, 1, n)
        yield Sample((Input((5, n), layout="transposed"), Input((n, 7), layout="transposed")))

    def batch(n: int) -> Iterable[Sample]:
        yield from sizes["batch"](n)
        yield Sample((Input((n, 2, 3)), Input((n, 3, 2), layout="expanded")))  # one matrix for all

    sizes = _product(make)
    return {**sizes, "inner": inner, "batch": batch}


def addmm(op: Op) -> Measures:
    def make(batch: Shape, m: int, n: int, k: int) -> Iterable[Sample]:
        yield Sample((Input((m, n)), Input((m, k)), Input((k, n))))

    return _product(make, batch=False)


def linear(op: Op) -> Measures:
    def make(batch: Shape, m: int, n: int, k: int) -> Iterable[Sample]:
        yield Sample((Input((*batch, m, k)), Input((n, k)), Input((n,))))

    return _product(make)


def dot(op: Op) -> Measures:
    def inner(n: int) -> Iterable[Sample]:
        return [Sample((Input((n,)), Input((n,))))]

    return {"inner": inner, "work": inner}


def attention(op: Op) -> Measures:
    """Rows are queries, columns are keys, inner is the width of a head."""

    def make(batch: Shape, m: int, n: int, k: int, causal: bool = False) -> Iterable[Sample]:
        drawn = (Input((*batch, m, k), -2, 2), Input((*batch, n, k), -2, 2), Input((*batch, n, k), -2, 2))
        yield Sample((*drawn, None, causal, None))

    def mask(m: int, n: int, k: int) -> Iterable[Sample]:
        for item in make((2, 1), m, n, k):
            yield Sample((*item.args[:3], Input((m, n), -1, 1), False, None))

    def rows(n: int) -> Iterable[Sample]:
        yield from make((1, 2), n, 5, 4)
        if n < MANY:
            yield from make((1, 2), n, 65, 8, True)
            yield from mask(n, 9, 8)

    def columns(n: int) -> Iterable[Sample]:
        yield from make((1, 2), 2, n, 4)
        if n < MANY:
            yield from make((1, 2), 65, n, 8, True)
            yield from mask(5, n, 8)

    return {
        "rows": rows,
        "columns": columns,
        "inner": lambda n: [*make((1, 2), 5, 9, n), *make((1, 2), 5, 5, n, True)],
        "batch": lambda n: make((1, n), *((3, 5, 4) if n < MANY else (2, 2, 2))),
    }


LEVELS: Final = {"x": Input((), 0, 256, "uint8"), "w": Input((), -128, 128, "int8")}


def quantized_linear(op: Op) -> Measures:
    def make(batch: Shape, m: int, n: int, k: int) -> Iterable[Sample]:
        x, w = replace(LEVELS["x"], shape=(*batch, m, k)), replace(LEVELS["w"], shape=(n, k))
        scale, point = number("float32", 0.25), number("int32", 117)
        bias, each = Input((n,), dtype="float32"), Input((n, 1), 0.1, 1.0, "float32")
        yield Sample((x, w, bias, scale, point, each, None, None, None, dtypes.float32))
        coarse = number("float32", 4.0 * (1 + isqrt(k)))
        yield Sample((x, w, None, scale, point, scale, None, coarse, point, dtypes.uint8))

    return _product(make)


def quantized_matmul(op: Op) -> Measures:
    def make(batch: Shape, m: int, n: int, k: int) -> Iterable[Sample]:
        x, y = replace(LEVELS["x"], shape=(*batch, m, k)), replace(LEVELS["w"], shape=(*batch, k, n))
        scale = number("float32", 0.25)
        yield Sample((x, y, scale, number("int32", 3), scale, None, dtypes.float32))

    return _product(make)


def _scales(count: int, period: int, first: int, parts: int) -> Input:
    """Scales of rows with few bits: levels times a scale are then exact in float32, which scales are in."""
    values = Numbers(count, lambda: [(i % period + first) / parts for i in range(count)])
    return Input((count, 1), values=values, dtype="float32")


def weight_only_linear(op: Op) -> Measures:
    def make(batch: Shape, m: int, n: int, k: int) -> Iterable[Sample]:
        x, w = Input((*batch, m, k)), replace(LEVELS["w"], shape=(n, k))
        yield Sample((x, w, _scales(n, 7, 1, 64), None, Input((n,)), 8, True))
        packed = Input((n, (k + 1) // 2), 0, 256, "uint8")
        yield Sample((x, packed, _scales(n, 13, 4, 16), None, None, 4, True))

    return _product(make)
