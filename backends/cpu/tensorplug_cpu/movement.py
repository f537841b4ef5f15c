"""copy, cast and fill: any strides to any strides, any dtype to any other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from tensorplug_codegen.indexing import collapse, is_linear
from tensorplug_dispatcher import dtypes
from tensorplug_dispatcher.dtypes import DType
from tensorplug_dispatcher.layout import Layout, strided

from . import native_library
from .elementwise import HALVES, Prepared, walk
from .parameters import CAT, CAT_PART, COPY
from .sizes import (
    CAT_MOST_PARTS,
    COPY_GRAIN_BYTES,
    COPY_SMALLEST_TILE,
    COPY_TILE_BYTES,
    MAX_DIMS,
    STREAM_BYTES,
)

LINEAR, RUNS, PLANE = 0, 1, 2  # shared with native/movement.c


def _copy(out: Layout, shape: Sequence[int], in_strides: Sequence[int]) -> Prepared | None:
    item = out.itemsize
    address = native_library.address("tp_copy")
    sizes, (to, source) = collapse(shape, (out.strides, in_strides))
    if len(sizes) > MAX_DIMS:
        return None
    total, grain = out.numel, COPY_GRAIN_BYTES // item
    linear_target = is_linear(sizes, to)
    streamed = linear_target and out.nbytes >= STREAM_BYTES and (is_linear(sizes, source) or not any(source))
    if is_linear(sizes, source) and linear_target:
        kind = LINEAR
    else:
        kind = RUNS
        plane = next(
            (d for d, step in enumerate(source[:-1]) if step == 1 and sizes[d] >= COPY_SMALLEST_TILE), None
        )
        if (
            plane is not None
            and to[-1] == 1
            and source[-1] not in (0, 1, -1)
            and sizes[-1] >= COPY_SMALLEST_TILE
        ):
            kind = PLANE
            order = [d for d in range(len(sizes)) if d not in (plane, len(sizes) - 1)] + [
                plane,
                len(sizes) - 1,
            ]
            sizes, to, source = ([values[d] for d in order] for values in (sizes, to, source))
            tile = COPY_TILE_BYTES // item
            bands = -(-sizes[-2] // tile)
            total = bands * (total // (sizes[-2] * sizes[-1]))
            grain = max(1, COPY_GRAIN_BYTES // (tile * sizes[-1] * item))
    return address, COPY(
        kind=kind,
        itemsize=item,
        ndim=len(sizes),
        total=total,
        grain=grain,
        streamed=int(streamed),
        sizes=[*sizes, *(s * item for s in to), *(s * item for s in source)],
    )


def prepare_copy(
    name: str, outs: tuple[Layout, ...], ins: tuple[Layout | None, ...], attrs: Mapping[str, Any]
) -> Prepared | None:
    """``copy(input)``: the same dtype, any strides on both sides."""
    (out,), (source,) = outs, ins
    if source is None or source.dtype is not out.dtype or source.shape != out.shape:
        return None
    return _copy(out, out.shape, source.strides)


def prepare_fill(
    name: str, outs: tuple[Layout, ...], ins: tuple[Layout | None, ...], attrs: Mapping[str, Any]
) -> Prepared | None:
    """``fill(shape, value, dtype)``: the value comes as one element of the result's dtype."""
    (out,) = outs
    return _copy(out, out.shape, (0,) * out.ndim)


def prepare_cat(
    name: str, outs: tuple[Layout, ...], ins: tuple[Layout | None, ...], attrs: Mapping[str, Any]
) -> Prepared | None:
    """``cat(tensors, dim)`` and ``stack(tensors, dim)``:
    tensors of the result's dtype, each copied to its part.
    """
    (out,) = outs
    if len(ins) > CAT_MOST_PARTS or any(x is None or x.dtype is not out.dtype for x in ins):
        return None
    dim = attrs["dim"] % out.ndim
    parts: list[int] = []
    start = 0
    for source in ins:
        assert source is not None
        shape, strides = list(source.shape), list(source.strides)
        if name == "stack":
            shape.insert(dim, 1)
            strides.insert(dim, 0)
        copy: Sequence[int] = ()
        first = start * out.strides[dim] * out.itemsize
        if source.numel:
            made = _copy(strided(shape, out.strides, out.dtype), shape, strides)
            if made is None:
                return None
            copy = made[1]
            start += shape[dim]
        parts += CAT_PART(first=first, length=len(copy), copy=copy)
    return native_library.address("tp_cat"), CAT(count=len(ins), parts=parts)


def _compute(dtype: DType) -> DType:
    return dtypes.float32 if dtype in HALVES else dtype


def prepare_cast(
    name: str, outs: tuple[Layout, ...], ins: tuple[Layout | None, ...], attrs: Mapping[str, Any]
) -> Prepared | None:
    """``cast(input, dtype)``; to the same dtype it is a copy."""
    (out,), (source,) = outs, ins
    if source is None or source.shape != out.shape:
        return None
    if source.dtype is out.dtype:
        return _copy(out, out.shape, source.strides)
    loop = native_library.address(f"tp_cast_{_compute(source.dtype).name}_{_compute(out.dtype).name}")
    return walk(loop, (out, source), outputs=1)


KERNELS: Final = {
    "copy": prepare_copy,
    "cast": prepare_cast,
    "fill": prepare_fill,
    "cat": prepare_cat,
    "stack": prepare_cat,
}
