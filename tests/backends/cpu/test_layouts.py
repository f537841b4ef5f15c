"""Reductions and their like over every layout, at the sizes at which their kernels change paths.

Dimensions of size 1 with odd strides, transposed, repeated, backwards, with gaps. Numbers are whole, so that
every order of a sum is exact; NumPy is the reference.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

import guarded
import numpy as np
import pytest

import tensorplug as tp
from tensorplug_cpu import sizes
from tensorplug_dispatcher.layout import strided
from tensorplug_dispatcher.ops import F
from tensorplug_dispatcher.tensor import from_storage

LENGTHS = sorted(
    {1, 7, 8, 9, 31, 33}
    | {
        n + d
        for n in (sizes.REDUCE_SHORT_ROW, sizes.REDUCE_SHORT_RUN, sizes.REDUCE_BLOCK)
        for d in (-1, 0, 1)
    }
    | {sizes.REDUCE_LONG_BLOCK + d for d in (0, 1)}
)
SHAPES = ((1, 3), (3, 1), (2, 3), (sizes.REDUCE_SHORT_ROWS + 1, 1), (1, sizes.REDUCE_BLOCK + 1))


def laid(values: Any, kind: str, dtype: Any) -> Any:
    """The numbers of an array as a tensor in one of many layouts."""
    room = tp.from_numpy(np.ascontiguousarray(values)).to(dtype)
    if kind == "turned":
        return room.permute(*range(room.ndim)[::-1]).contiguous().permute(*range(room.ndim)[::-1])
    if kind == "middle first":
        return room.transpose(0, 1).contiguous().transpose(0, 1)
    if kind == "gaps":
        wide = tp.full((*room.shape[:-1], 2 * room.shape[-1] + 3), 77, dtype=dtype)
        wide[..., 3::2] = room
        return wide[..., 3::2]
    if kind == "backwards":
        back = room.flip(tuple(range(room.ndim))).contiguous()
        steps = [-s for s in back.layout.strides]
        return from_storage(back.storage, strided(tuple(back.shape), steps, dtype), back.numel() - 1)
    if kind == "odd strides of 1":
        steps = [
            s if n > 1 else 12345 + i
            for i, (n, s) in enumerate(zip(room.shape, room.layout.strides, strict=True))
        ]
        return from_storage(room.storage, strided(tuple(room.shape), steps, dtype), room.offset)
    return room


LARGEST = 40_000  # elements
KINDS = ("dense", "turned", "middle first", "gaps", "backwards", "odd strides of 1")
REDUCED: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
    "sum": (lambda x, d: (F.sum, x, (d,), False), lambda x, d: x.sum(d)),
    "sum of two": (lambda x, d: (F.sum, x, (0, d), True), lambda x, d: x.sum((0, d), keepdims=True)),
    "amax": (lambda x, d: (F.amax, x, (d,), False), lambda x, d: x.max(d)),
    "amin": (lambda x, d: (F.amin, x, (d,), True), lambda x, d: x.min(d, keepdims=True)),
    "argmax": (lambda x, d: (F.argmax, x, d, False), lambda x, d: x.argmax(d)),
    "argmin": (lambda x, d: (F.argmin, x, d, True), lambda x, d: x.argmin(d, keepdims=True)),
    "count": (lambda x, d: (F.count_nonzero, x, (d,)), lambda x, d: (x != 0).sum(d)),
    "cumsum": (lambda x, d: (F.cumsum, x, d), lambda x, d: x.cumsum(d)),
    "sort": (lambda x, d: (F.sort, x, d, False), lambda x, d: np.sort(x, d)),
}


@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16", "int64", "int16"])
@pytest.mark.parametrize("name", REDUCED)
def test_every_layout(name: str, dtype: str) -> None:
    ours, exact = REDUCED[name]
    draw, kind = np.random.default_rng(0), getattr(tp, dtype)
    few = dtype == "bfloat16"  # it holds whole numbers up to 256
    for number, n in enumerate(LENGTHS):
        lead, tail = SHAPES[number % len(SHAPES)]
        for dim in (1, 2):
            shape = (lead, n, tail) if dim == 1 else (lead, tail, n)
            if prod(shape) > LARGEST:
                continue
            values = draw.integers(-1 if few else -9, 2 if few else 10, shape)
            if few and name.startswith(("sum", "cumsum")):
                values[...] = 0
                values.reshape(-1)[:: max(values.size // 100, 1)] = 1
            wanted = exact(values, dim)
            for layout in KINDS:
                x = laid(values, layout, kind)
                found = guarded.numbers(guarded.run(*ours(x, dim))[0])
                assert np.array_equal(found, wanted), f"{name} {dtype} {shape} dim {dim} {layout}"


@pytest.mark.parametrize("name", ["sum", "amax", "argmax", "count", "cumsum", "sort"])
@pytest.mark.parametrize("dtype", ["float32", "int64"])
def test_repeated_rows(name: str, dtype: str) -> None:
    """Strides of 0, along and across the lines."""
    ours, exact = REDUCED[name]
    for n in LENGTHS:
        line = np.random.default_rng(n).integers(-9, 10, n)
        x = tp.from_numpy(line).to(getattr(tp, dtype))
        for view, wide, dim in (
            (x.expand(5, n), np.broadcast_to(line, (5, n)), 1),
            (x.expand(5, n), np.broadcast_to(line, (5, n)), 0),
            (x.reshape(n, 1).expand(n, 300), np.broadcast_to(line[:, None], (n, 300)), 1),
            (x[:1].expand(3, n), np.broadcast_to(line[:1], (3, n)), 1),
        ):
            found = guarded.numbers(guarded.run(*ours(view, dim))[0])
            assert np.array_equal(found, exact(wide, dim)), f"{name} {dtype} {n} dim {dim}"
