"""matmul, addmm and linear of bfloat16 through oneDNN, which knows the processors' matrix units."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from itertools import product as all_of
from math import ceil
from typing import Any, Final

from tensorplug_dispatcher.boundary import ffi
from tensorplug_dispatcher.dtypes import DType, bfloat16
from tensorplug_dispatcher.layout import Layout

from .. import native_library
from ..linalg import PRODUCTS, Prepared, Product
from ..sizes import ONEDNN_MOST_TASKS, ONEDNN_SMALLEST, ONEDNN_SMALLEST_SHARE
from . import library
from .library import BIAS, DST, SRC, WEIGHTS, Argument, Primitive

DTYPES: Final = frozenset((bfloat16,))

Extent = tuple[
    int, int, int, int
]  # how many matrices (0: one, with no batch dimension), rows, columns, inner


@cache
def _matmul(
    extent: Extent, dtype: DType, strides: tuple[tuple[int, ...], ...]
) -> tuple[Primitive, tuple[int, ...]] | None:
    """The primitive and the descriptors of a, b, c (and the bias); None where oneDNN has only its slow
    reference, and of strides that go backwards, which it does not know.
    """
    if any(step < 0 for steps in strides for step in steps):
        return None
    count, m, n, k = extent
    lead = (count,) if count else ()
    shapes = [(*lead, m, k), (*lead, k, n), (*lead, m, n), (*(1 for _ in lead), 1, n)]
    found = tuple(library.descriptor(s, t, dtype) for s, t in zip(shapes, strides, strict=False))
    a, b, c, *bias = [ffi.cast("void *", d) for d in found]
    made = library.make_primitive(
        lambda description, engine, attributes: library.library().dnnl_matmul_primitive_desc_create(
            description, engine, a, b, bias[0] if bias else ffi.NULL, c, attributes
        ),
        library.new_attributes(),
    )
    return None if made is None or "ref" in made.implementation else (made, found)


def _pieces(extent: int, parts: int, step: int) -> list[tuple[int, int]]:
    """(begin, length) of at most ``parts`` pieces, multiples of ``step`` long but for the last."""
    length = (ceil(extent / parts) + step - 1) // step * step
    return [(i, min(length, extent - i)) for i in range(0, extent, length)]


def _split(p: Product, slab: bool) -> Iterator[tuple[Extent, tuple[int, int, int, int]]]:
    """Tasks: an extent, and where it begins in a, b, c and the bias (in elements).

    A slab is many matrices of the batch, which has one dimension then; else every matrix is a task, or
    several.
    """
    threads = native_library.library().tp_get_num_threads()
    work = p.rows * p.columns * p.inner
    shares = max(1, min(threads, p.batch * work // ONEDNN_SMALLEST_SHARE))
    if slab:
        for first, count in _pieces(p.batch, shares, 1):
            a, b, c = (first * steps[-1] for steps in p.steps)
            yield (count, p.rows, p.columns, p.inner), (a, b, c, 0)
        return
    parts = 1 if p.batch >= shares else shares
    by_rows = p.rows >= p.columns
    rows = _pieces(p.rows, parts if by_rows else 1, 32)
    columns = _pieces(p.columns, 1 if by_rows else parts, 32)
    for at in all_of(*[range(n) for n in p.sizes]):
        a, b, c = (sum(i * step for i, step in zip(at, steps, strict=True)) for steps in p.steps)
        for (i, m), (j, n) in all_of(rows, columns):
            offsets = (a + i * p.a[0], b + j * p.b[1], c + i * p.columns + j, j * p.bias[1])
            yield (0, m, n, p.inner), offsets


def _tasks(p: Product, slab: bool) -> list[tuple[Primitive, list[Argument]]] | None:
    tasks = []
    size = p.dtype.itemsize
    for extent, offsets in _split(p, slab):
        strides: list[tuple[int, ...]] = [p.a, p.b, (p.columns, 1)]
        if slab:
            strides = [(steps[-1], *own) for steps, own in zip(p.steps, strides, strict=True)]
        places: tuple[int, ...] = (p.places[0], p.places[1], 0)
        numbers: tuple[int, ...] = (SRC, WEIGHTS, DST)
        if p.places[2] >= 0:
            line = (p.columns, p.bias[1])
            strides.append((p.columns, *line) if slab else line)
            places, numbers = (*places, p.places[2]), (*numbers, BIAS)
        found = _matmul(extent, p.dtype, tuple(strides))
        if found is None:
            return None
        primitive, descriptors = found
        given = zip(numbers, descriptors, places, offsets, strict=False)
        tasks.append((primitive, [Argument(n, d, place, offset * size) for n, d, place, offset in given]))
    return tasks


def _one_line(p: Product) -> bool:
    """Whether oneDNN takes the bias: one line for all rows."""
    return p.places[2] < 0 or (p.bias[0] == 0 and (p.bias[1] == 1 or p.columns == 1))


def prepare(
    name: str, outs: tuple[Layout, ...], ins: tuple[Layout | None, ...], attrs: Mapping[str, Any]
) -> Prepared | None:
    """As in ``linalg``, for products that are large enough."""
    p = PRODUCTS[name](outs, ins)
    if p is None or p.rows * p.columns * p.inner * p.batch < ONEDNN_SMALLEST or not _one_line(p):
        return None
    slabs = [True, False] if len(p.sizes) == 1 else [False]
    for slab in slabs:
        if slab or p.batch <= ONEDNN_MOST_TASKS:
            tasks = _tasks(p, slab)
            if tasks:
                work = p.rows * p.columns * p.inner * p.batch // len(tasks)
                return library.run(tasks, ceil(ONEDNN_SMALLEST_SHARE / max(work, 1)))
    return None


KERNELS: Final = dict.fromkeys(PRODUCTS, prepare)
