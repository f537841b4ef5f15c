"""Scans, sorting, selection by rank, binary search and nonzero. All take dense operands."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

from tensorplug_dispatcher import dtypes
from tensorplug_dispatcher.dtypes import DType
from tensorplug_dispatcher.layout import Layout

from . import native_library, parameters
from .elementwise import HALVES, Prepared
from .sizes import MAX_DIMS, SORT_LONGEST

SCANS: Final = ("cumsum", "cumprod", "cummax", "cummin")  # the order of native/scan.c
SORT, TOPK, KTH = range(3)  # shared with native/sort.c

Layouts = tuple[Layout | None, ...]


def _lines(layout: Layout, dim: int) -> tuple[int, int, int]:
    """The dense layout as [outer, length, inner] around ``dim``."""
    shape = layout.shape or (1,)
    return math.prod(shape[:dim]), shape[dim], math.prod(shape[dim + 1 :])


def _scans(source: DType, out: DType) -> bool:
    """Whether converting on the way gives what converting first would."""
    if source is out or out in (dtypes.int64, dtypes.float64):
        return out is not dtypes.bool_ and (out.is_floating_point or not source.is_floating_point)
    return out is dtypes.float32 and source in HALVES


def prepare_scan(
    name: str, outs: tuple[Layout, ...], ins: Layouts, attrs: Mapping[str, Any]
) -> Prepared | None:
    """``cumsum(input, dim, dtype)``, ``cumprod``; ``cummax(input, dim)``, ``cummin`` with places."""
    (source,), out = ins, outs[0]
    if source is None or not source.dense or any(not o.dense for o in outs):
        return None
    if not (source.dtype is out.dtype if len(outs) == 2 else _scans(source.dtype, out.dtype)):
        return None
    outer, length, inner = _lines(source, attrs["dim"])
    return native_library.address("tp_scan"), parameters.SCAN(
        function=SCANS.index(name),
        **{"from": source.dtype.code},
        to=out.dtype.code,
        outer=outer,
        length=length,
        inner=inner,
    )


def prepare_sort(
    name: str, outs: tuple[Layout, ...], ins: Layouts, attrs: Mapping[str, Any]
) -> Prepared | None:
    """``sort(input, dim, descending)``, ``argsort``, ``topk(input, k, dim, largest)``, ``kthvalue``."""
    (source,) = ins
    if source is None or not source.dense or any(not o.dense for o in outs):
        return None
    outer, length, inner = _lines(source, attrs["dim"])
    if length >= SORT_LONGEST:
        return None
    function = {"topk": TOPK, "kthvalue": KTH}.get(name, SORT)
    count = {SORT: length, TOPK: attrs.get("k"), KTH: 1}[function]
    descending = attrs["largest"] if function == TOPK else attrs.get("descending", False)
    return native_library.address("tp_sort"), parameters.SORT(
        function=function,
        dtype=source.dtype.code,
        outer=outer,
        length=length,
        inner=inner,
        count=count,
        descending=int(descending),
        wants_values=len(outs) - 1,
        kth=attrs.get("k", 0),
    )


def prepare_searchsorted(
    name: str, outs: tuple[Layout, ...], ins: Layouts, attrs: Mapping[str, Any]
) -> Prepared | None:
    """``searchsorted(sorted_sequence, values, right)``."""
    boundaries, values = ins
    if boundaries is None or values is None or not (boundaries.dense and values.dense and outs[0].dense):
        return None
    own = boundaries.ndim > 1
    return native_library.address("tp_searchsorted"), parameters.SEARCHSORTED(
        dtype=boundaries.dtype.code,
        right=int(attrs["right"]),
        own=int(own),
        length=boundaries.shape[-1],
        values=values.shape[-1] if own else 1,
        total=values.numel,
    )


def prepare_nonzero(
    name: str, outs: tuple[Layout, ...], ins: Layouts, attrs: Mapping[str, Any]
) -> Prepared | None:
    """``nonzero(input, count)``."""
    (source,), (out,) = ins, outs
    if source is None or not source.dense or not out.dense or source.ndim > MAX_DIMS:
        return None
    return native_library.address("tp_nonzero"), parameters.NONZERO(
        itemsize=source.itemsize,
        floating=int(source.dtype.is_floating_point),
        numel=source.numel,
        count=attrs["count"],
        ndim=source.ndim,
        sizes=source.shape,
    )


KERNELS: Final = {
    **dict.fromkeys(SCANS, prepare_scan),
    **dict.fromkeys(("sort", "argsort", "topk", "kthvalue"), prepare_sort),
    "searchsorted": prepare_searchsorted,
    "nonzero": prepare_nonzero,
}
