"""Reductions: how the index space is cut into kept and reduced dimensions,
rows or columns, and parts for threads.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Any, Final

from tensorplug_codegen.indexing import collapse
from tensorplug_dispatcher import dtypes
from tensorplug_dispatcher.layout import Layout

from . import native_library
from .elementwise import HALVES, Prepared
from .parameters import REDUCE
from .sizes import MAX_DIMS, REDUCE_BLOCK, REDUCE_PART, REDUCE_UNITS

# Shared with native/reduce.c.
SUM, PROD, MAX, MIN, COUNT, ARGMAX, ARGMIN, SQUARE, VARIANCE = range(9)
TO_VALUE, TO_MEAN, TO_ANY, TO_ALL, TO_COUNT, TO_PLACE, TO_VARIANCE, TO_DEVIATION, TO_NORM = range(9)
ROWS, COLUMNS = 0, 1

OPS: Final = {
    "sum": (SUM, TO_VALUE),
    "prod": (PROD, TO_VALUE),
    "amax": (MAX, TO_VALUE),
    "amin": (MIN, TO_VALUE),
    "argmax": (ARGMAX, TO_PLACE),
    "argmin": (ARGMIN, TO_PLACE),
    "any": (COUNT, TO_ANY),
    "all": (COUNT, TO_ALL),
    "count_nonzero": (COUNT, TO_COUNT),
    "mean": (SUM, TO_MEAN),
    "var": (VARIANCE, TO_VARIANCE),
    "std": (VARIANCE, TO_DEVIATION),
    "var_mean": (VARIANCE, TO_VARIANCE),
    "norm": (SQUARE, TO_NORM),
}


def _takes(name: str, op: int, out: Layout, source: Layout) -> bool:
    """Whether the kernel gives a result of this dtype."""
    if name in ("any", "all"):
        return out.dtype in (dtypes.bool_, dtypes.uint8)
    if op in (COUNT, ARGMAX, ARGMIN):
        return out.dtype is dtypes.int64
    if source.dtype.is_floating_point:
        return out.dtype is source.dtype or (
            op not in (MAX, MIN) and source.dtype in HALVES and out.dtype is dtypes.float32
        )
    if op in (SUM, PROD) and name != "mean":
        return not out.dtype.is_floating_point and out.dtype is not dtypes.bool_
    return op in (MAX, MIN) and out.dtype is source.dtype


def prepare(
    name: str, outs: tuple[Layout, ...], ins: tuple[Layout | None, ...], attrs: Mapping[str, Any]
) -> Prepared | None:
    """The C function and its parameters for these layouts; see the contract of ``KERNELS``."""
    op, finish = OPS[name]
    source, out = ins[0], outs[0]
    if source is None or not _takes(name, op, out, source) or (name == "norm" and attrs["p"] != 2):
        return None
    if any((o.strides, o.dtype) != (out.strides, out.dtype) for o in outs):
        return None
    dim = attrs.get("dim")
    dims = (
        (dim,)
        if isinstance(dim, int) and source.ndim
        else tuple(dim)
        if dim and source.ndim
        else tuple(range(source.ndim))
    )
    keep = [d for d in range(source.ndim) if d not in dims]
    if len(out.shape) == source.ndim and dims:
        out_strides = [out.strides[d] for d in keep]
    else:
        out_strides = list(out.strides)
    kept, (kept_strides, kept_out) = collapse(
        [source.shape[d] for d in keep], ([source.strides[d] for d in keep], out_strides)
    )
    reduced, (reduced_strides,) = collapse(
        [source.shape[d] for d in dims], ([source.strides[d] for d in dims],), ordered=op in (ARGMAX, ARGMIN)
    )
    if max(len(kept), len(reduced)) > MAX_DIMS:
        return None
    outputs = out.numel
    count = source.numel // outputs if outputs else 0
    columns = (
        outputs > 0 and count > 0 and kept_strides[-1] == 1 and kept[-1] > 1 and abs(reduced_strides[-1]) != 1
    )
    units = outputs // kept[-1] * -(-kept[-1] // REDUCE_BLOCK) if columns else outputs
    parts = max(1, min(REDUCE_UNITS // max(units, 1), source.numel // REDUCE_PART, count))
    grain = max(1, REDUCE_PART // max(1, source.numel // max(1, units * parts)))
    correction = struct.unpack("<q", struct.pack("<d", float(attrs.get("correction", 0))))[0]
    item = source.itemsize
    params = REDUCE(
        op=op,
        code=source.dtype.code,
        out_code=out.dtype.code,
        itemsize=item,
        finish=finish,
        count=count,
        outputs=outputs,
        mode=COLUMNS if columns else ROWS,
        parts=parts,
        grain=grain,
        correction=correction,
        second=int(len(outs) > 1),
        kept=len(kept),
        reduced=len(reduced),
        sizes=[
            *kept,
            *(s * item for s in kept_strides),
            *(s * out.itemsize for s in kept_out),
            *reduced,
            *(s * item for s in reduced_strides),
        ],
    )
    return native_library.address("tp_reduce"), params


KERNELS: Final = dict.fromkeys(OPS, prepare)
