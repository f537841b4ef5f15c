"""Reading and writing at places that tensors of indices name; counting; the negative log likelihood.

Where an index names whole slices (index_select, embedding, advanced indexing, or a gather whose index is
expanded over all other dimensions) whole rows are moved; otherwise every element has an index of its own.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping, Sequence
from typing import Any, Final

from tensorplug_codegen.indexing import collapse
from tensorplug_dispatcher import dtypes
from tensorplug_dispatcher.dtypes import DType
from tensorplug_dispatcher.layout import Layout, broadcast_shapes, expand, strided

from . import native_library
from .elementwise import HALVES, Prepared
from .movement import prepare_copy, prepare_fill
from .parameters import INDEX, INDEX_ELEMENTS, INDEX_ROWS, IOTA, NLL
from .sizes import INDEX_FEW, INDEX_MOST, MAX_DIMS

TAKE, PUT, ADD = range(3)  # shared with native/index.c
INDEX_DTYPES: Final = (dtypes.int64, dtypes.int32)

Strides = Sequence[int]
Layouts = tuple[Layout | None, ...]


def _at_least_1d(layout: Layout) -> Layout:
    return layout if layout.ndim else strided((1,), (1,), layout.dtype)


def _bytes(strides: Strides, itemsize: int) -> list[int]:
    return [s * itemsize for s in strides]


def _data_itemsize(mode: int, dtype: DType) -> int:
    """Halves are added up in a float32 copy of the result."""
    return 4 if mode == ADD and dtype in HALVES else dtype.itemsize


def _before_writing(mode: int, out: Layout, source: Layout | None) -> list[int] | None:
    """COPY for what the result holds at first: the input, or zeros; empty for TAKE, None where it cannot."""
    if mode == TAKE:
        return []
    if not out.dense:
        return None
    made = (
        prepare_copy("copy", (out,), (source,), {})
        if source is not None
        else prepare_fill("fill", (out,), (), {})
    )
    return None if made is None else list(made[1])


class Places:
    """What indices name: the space of the indices, the row side's strides over it, and for each index its
    strides over it, how many places it chooses from, and the steps between those on the data side.
    """

    def __init__(self, shape: Sequence[int], row_strides: Strides) -> None:
        self.shape, self.row_strides = tuple(shape), tuple(row_strides)
        self.indices: list[tuple[DType, Strides, int, int]] = []

    def add(self, dtype: DType, strides: Strides, length: int, step: int) -> None:
        self.indices.append((dtype, tuple(strides), length, step))


def _rows(
    mode: int,
    out: Layout,
    source: Layout | None,
    operands: tuple[int, int, int, int],
    places: Places,
    free: Sequence[tuple[int, int, int]],
    wrap: bool = False,
    padding: int = -1,
) -> Prepared | None:
    """``operands``: the numbers of the data side, the first index, the row side and the input (0: none)
    among the kernel's pointers; ``free``: size, data stride and row stride of every dimension that is not
    indexed.
    """
    dtype, copy = out.dtype, _before_writing(mode, out, source)
    if copy is None or not 0 < len(places.indices) <= INDEX_MOST:
        return None
    item, data_item = dtype.itemsize, _data_itemsize(mode, dtype)
    shape, (row_strides, *index_strides) = collapse(
        places.shape, (places.row_strides, *(strides for _, strides, _, _ in places.indices)), ordered=True
    )
    main, other = (2, 1) if mode == TAKE else (1, 2)
    sizes, (main_strides, other_strides) = collapse(
        [f[0] for f in free], ([f[main] for f in free], [f[other] for f in free])
    )
    data_strides, row_free = (other_strides, main_strides) if mode == TAKE else (main_strides, other_strides)
    if max(len(shape), len(sizes)) > MAX_DIMS:
        return None
    count = math.prod(places.shape)
    nearest = row_strides[-1] if mode == TAKE else places.indices[-1][3]
    run, run_data, run_row = 1, 0, 0
    if count < INDEX_FEW or abs(main_strides[-1]) <= abs(nearest):
        run, run_data, run_row = sizes.pop(), data_strides.pop(), row_free.pop()
    span = 1 + sum(max(length - 1, 0) * step for _, _, length, step in places.indices) * data_item
    params = INDEX_ROWS(
        mode=mode,
        dtype=dtype.code,
        itemsize=data_item,
        wrap=int(wrap),
        padding=padding,
        indices=len(places.indices),
        count=count,
        run=run,
        run_data=run_data * data_item,
        run_row=run_row * item,
        units=math.prod(sizes),
        span=span,
        numel=out.numel,
        data=operands[0],
        first=operands[1],
        rows=operands[2],
        input=operands[3],
        places_ndim=len(shape),
        free_ndim=len(sizes),
        sizes=[*shape, *_bytes(row_strides, item)],
    )
    for (kind, _, length, step), strides in zip(places.indices, index_strides, strict=True):
        params += INDEX(
            width=kind.itemsize, length=length, step=step * data_item, strides=_bytes(strides, kind.itemsize)
        )
    params += [*sizes, *_bytes(data_strides, data_item), *_bytes(row_free, item), *copy]
    return native_library.address("tp_index_rows"), params


def _elements(
    mode: int, out: Layout, data: Layout, rows: Layout, source: Layout, dim: int, index: Layout
) -> Prepared | None:
    copy = _before_writing(mode, out, source)
    if copy is None:
        return None
    item, data_item = out.itemsize, _data_itemsize(mode, out.dtype)
    dims = range(index.ndim)
    data_strides = [0 if d == dim else data.strides[d] for d in dims]
    step, count = data.strides[dim], index.shape[dim]
    lines = line_row = line_index = 0
    if mode == TAKE:
        sizes, (row, at, place) = collapse(index.shape, (rows.strides, data_strides, index.strides))
        lines, splits = 1, True
    else:
        others = [d for d in dims if d != dim]
        sizes, (at, row, place) = collapse(
            [index.shape[d] for d in others],
            (
                [data_strides[d] for d in others],
                [rows.strides[d] for d in others],
                [index.strides[d] for d in others],
            ),
        )
        splits = bool(others) and (count < INDEX_FEW or abs(at[-1]) < abs(step))
        if splits:
            lines, line_row, line_index = count, rows.strides[dim], index.strides[dim]
        else:
            lines = 1
            sizes, at = [*sizes, count], [*at, 0]
            row, place = [*row, rows.strides[dim]], [*place, index.strides[dim]]
    check, (check_strides,) = collapse(
        [1 if s == 0 else n for n, s in zip(index.shape, index.strides, strict=True)], (index.strides,)
    )
    if max(len(sizes), len(check)) > MAX_DIMS:
        return None
    wide = index.itemsize
    run, run_data, run_row, run_index = sizes.pop(), at.pop(), row.pop(), place.pop()
    return native_library.address("tp_index_elements"), INDEX_ELEMENTS(
        mode=mode,
        dtype=out.dtype.code,
        itemsize=data_item,
        width=wide,
        length=data.shape[dim],
        step=step * data_item,
        lines=lines,
        line_row=line_row * item,
        line_index=line_index * wide,
        run=run,
        run_data=run_data * data_item,
        run_row=run_row * item,
        run_index=run_index * wide,
        splits=int(splits),
        numel=out.numel,
        check_ndim=len(check),
        free_ndim=len(sizes),
        sizes=[
            *check,
            *_bytes(check_strides, wide),
            *sizes,
            *_bytes(at, data_item),
            *_bytes(row, item),
            *_bytes(place, wide),
            *copy,
        ],
    )


def prepare_along(
    name: str, outs: tuple[Layout, ...], ins: Layouts, attrs: Mapping[str, Any]
) -> Prepared | None:
    """``gather(input, dim, index)``, ``scatter(input, dim, index, src)`` and ``scatter_add``."""
    (out,), (source, index, *rest) = outs, ins
    mode, dim = {"gather": TAKE, "scatter": PUT, "scatter_add": ADD}[name], attrs["dim"]
    if source is None or index is None or source.dtype is not out.dtype or index.dtype not in INDEX_DTYPES:
        return None
    if index.numel == 0:  # nothing to do but to copy
        return prepare_copy("copy", outs, (out if mode == TAKE else source,), {})
    rows = out if mode == TAKE else rest[0]
    if rows is None or rows.dtype is not out.dtype:
        return None
    index, rows = _at_least_1d(index), _at_least_1d(rows)
    data = _at_least_1d(source if mode == TAKE else out)
    others = [d for d in range(index.ndim) if d != dim]
    if not others or any(index.strides[d] and index.shape[d] != 1 for d in others):
        return _elements(mode, out, data, rows, source, dim, index)
    places = Places((index.shape[dim],), (rows.strides[dim],))
    places.add(index.dtype, (index.strides[dim],), data.shape[dim], data.strides[dim])
    return _rows(
        mode,
        out,
        source,
        (1, 2, 0, 0) if mode == TAKE else (0, 2, 3, 1),
        places,
        [(index.shape[d], data.strides[d], rows.strides[d]) for d in others],
    )


def prepare_slices(
    name: str, outs: tuple[Layout, ...], ins: Layouts, attrs: Mapping[str, Any]
) -> Prepared | None:
    """``index_select(input, dim, index)``, ``index_add(input, dim, index, source)`` and ``index_copy``."""
    (out,), (source, index, *rest) = outs, ins
    mode, dim = {"index_select": TAKE, "index_copy": PUT, "index_add": ADD}[name], attrs["dim"]
    rows = out if mode == TAKE else rest[0]
    if source is None or index is None or rows is None or index.dtype not in INDEX_DTYPES:
        return None
    if source.dtype is not out.dtype or rows.dtype is not out.dtype:
        return None
    index, rows = _at_least_1d(index), _at_least_1d(rows)
    data = _at_least_1d(source if mode == TAKE else out)
    places = Places(index.shape, (rows.strides[dim],))
    places.add(index.dtype, index.strides, data.shape[dim], data.strides[dim])
    return _rows(
        mode,
        out,
        source,
        (1, 2, 0, 0) if mode == TAKE else (0, 2, 3, 1),
        places,
        [(data.shape[d], data.strides[d], rows.strides[d]) for d in range(data.ndim) if d != dim],
    )


def prepare_index(
    name: str, outs: tuple[Layout, ...], ins: Layouts, attrs: Mapping[str, Any]
) -> Prepared | None:
    """``index(input, indices)`` and ``index_put(input, indices, values, accumulate)``."""
    (out,), source = outs, ins[0]
    mode = TAKE if name == "index" else ADD if attrs["accumulate"] else PUT
    indices = [i for i in (ins[1:] if mode == TAKE else ins[1:-1]) if i is not None]
    if source is None or source.dtype is not out.dtype or any(i.dtype not in INDEX_DTYPES for i in indices):
        return None
    shape = broadcast_shapes(*[i.shape for i in indices])
    lead, data = len(indices), source if mode == TAKE else out
    rows: Layout | None = out
    if mode != TAKE:
        values = ins[-1]
        if values is None or values.dtype is not out.dtype:
            return None
        rows = expand(values, (*shape, *source.shape[lead:]))
    assert rows is not None
    places = Places(shape, rows.strides[: len(shape)])
    for d, each in enumerate(indices):
        places.add(each.dtype, expand(each, shape).strides, data.shape[d], data.strides[d])
    return _rows(
        mode,
        out,
        source,
        (1, 2, 0, 0) if mode == TAKE else (0, 2, 2 + lead, 1),
        places,
        [
            (data.shape[d], data.strides[d], rows.strides[d - lead + len(shape)])
            for d in range(lead, data.ndim)
        ],
        wrap=True,
    )


def prepare_embedding(
    name: str, outs: tuple[Layout, ...], ins: Layouts, attrs: Mapping[str, Any]
) -> Prepared | None:
    """``embedding(weight, indices)`` and ``embedding_backward(grad, indices, ...)``."""
    (out,), (first, index) = outs, ins
    if first is None or index is None or first.dtype is not out.dtype or index.dtype not in INDEX_DTYPES:
        return None
    forward = name == "embedding"
    data, rows = (first, out) if forward else (out, first)
    places = Places(index.shape, rows.strides[:-1])
    places.add(index.dtype, index.strides, data.shape[0], data.strides[0])
    return _rows(
        TAKE if forward else ADD,
        out,
        None,
        (1, 2, 0, 0) if forward else (0, 2, 1, 0),
        places,
        [(data.shape[1], data.strides[1], rows.strides[-1])],
        padding=-1 if forward else attrs["padding_idx"],
    )


def _word(value: float, dtype: DType) -> int:
    if dtype.is_floating_point:
        return struct.unpack("<q", struct.pack("<d", value))[0]
    return (int(value) + (1 << 63)) % (1 << 64) - (1 << 63)


def prepare_iota(
    name: str, outs: tuple[Layout, ...], ins: Layouts, attrs: Mapping[str, Any]
) -> Prepared | None:
    """``iota(length, dtype, start, step)``: computed in int64, or in float64 for floating dtypes."""
    (out,) = outs
    return native_library.address("tp_iota"), IOTA(
        dtype=out.dtype.code,
        length=out.numel,
        stride=out.strides[0] * out.itemsize,
        start=_word(attrs["start"], out.dtype),
        step=_word(attrs["step"], out.dtype),
    )


def prepare_nll(
    name: str, outs: tuple[Layout, ...], ins: Layouts, attrs: Mapping[str, Any]
) -> Prepared | None:
    """``nll_loss_forward(logp, target, weight, ignore_index)`` and ``nll_loss_backward``."""
    first, target, weight = ins
    out, backward = outs[0], name == "nll_loss_backward"
    if first is None or target is None or target.dtype not in INDEX_DTYPES or out.dtype not in dtypes.FLOATS:
        return None
    if any(
        x is not None and (not x.dense or (x is not target and x.dtype is not out.dtype))
        for x in (*ins, *outs)
    ):
        return None
    shape = out.shape if backward else first.shape
    made = prepare_fill("fill", outs, (), {}) if backward else (0, ())
    if made is None:
        return None
    return native_library.address("tp_nll"), NLL(
        backward=int(backward),
        dtype=out.dtype.code,
        width=target.itemsize,
        outer=shape[0],
        classes=shape[1],
        inner=math.prod(shape[2:]),
        ignored=attrs["ignore_index"],
        fill=made[1],
    )


KERNELS: Final = {
    **dict.fromkeys(("gather", "scatter", "scatter_add"), prepare_along),
    **dict.fromkeys(("index_select", "index_copy", "index_add"), prepare_slices),
    **dict.fromkeys(("index", "index_put"), prepare_index),
    **dict.fromkeys(("embedding", "embedding_backward"), prepare_embedding),
    **dict.fromkeys(("nll_loss_forward", "nll_loss_backward"), prepare_nll),
    "iota": prepare_iota,
}
