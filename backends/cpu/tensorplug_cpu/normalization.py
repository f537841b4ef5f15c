"""Normalization over layers, groups and batches, and the cotangents: sizes and pieces for the C kernels."""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping
from typing import Any, Final

from tensorplug_dispatcher import dtypes
from tensorplug_dispatcher.layout import Layout

from . import native_library
from .elementwise import HALVES, Prepared
from .parameters import NORM
from .sizes import (
    NORM_COLUMN_ROWS,
    NORM_FEWEST_ROWS,
    NORM_MOST_ROWS,
    NORM_PIECES,
    NORM_SHORT_PLANE,
    STREAM_BYTES,
)


def _eps(attrs: Mapping[str, Any]) -> int:
    return int(struct.unpack("<q", struct.pack("<d", float(attrs.get("eps", 0.0))))[0])


def _clamp(value: int, low: int, high: int) -> int:
    return max(low, min(value, high))


def _takes(operands: list[Layout | None], source: Layout) -> bool:
    """Whether all are dense, and computed with in the same precision as the input."""
    kind = source.dtype
    if kind not in dtypes.FLOATS or source.numel == 0:
        return False
    allowed = (*HALVES, dtypes.float32) if kind is not dtypes.float64 else (kind,)
    return all(x is None or (x.dense and x.dtype in allowed) for x in operands)


def _code(layout: Layout | None) -> int:
    return 0 if layout is None else layout.dtype.code


def _wide(source: Layout) -> Any:
    return dtypes.float64 if source.dtype is dtypes.float64 else dtypes.float32


def prepare_layer(
    name: str, outs: tuple[Layout, ...], ins: tuple[Layout | None, ...], attrs: Mapping[str, Any]
) -> Prepared | None:
    """``layer_norm(input, normalized_shape, weight, bias, eps) -> out, mean, rstd``, ``rms_norm``, and
    ``layer_norm_backward(grad_output, input, mean, rstd, weight, normalized_shape) -> d_input, d_weight,
    d_bias``.
    """
    backward = name == "layer_norm_backward"
    source, weight = ins[1 if backward else 0], ins[4 if backward else 1]
    if source is None or not _takes([*outs, *ins], source) or outs[0].dtype is not source.dtype:
        return None
    statistics = ins[2:4] if backward else outs[1:]
    if any(x is None or x.dtype is not _wide(source) for x in statistics):
        return None
    if backward and (
        ins[0] is None or ins[0].dtype is not source.dtype or outs[1].dtype is not outs[2].dtype
    ):
        return None
    n = math.prod(attrs["normalized_shape"])
    outer = source.numel // n
    bias = ins[2] if name == "layer_norm" else None
    return native_library.address(f"tp_{name}"), NORM(
        dtype=source.dtype.code,
        outer=outer,
        n=n,
        inner=1,
        groups=1,
        eps=_eps(attrs),
        stream=int(outs[0].nbytes >= STREAM_BYTES),
        piece=_clamp(-(-outer // NORM_PIECES), NORM_FEWEST_ROWS, NORM_MOST_ROWS),
        columns=0,
        weight=_code(weight),
        bias=_code(bias),
        mean=0,
        parameter=_code(outs[1] if backward else None),
    )


def prepare_batch(
    name: str, outs: tuple[Layout, ...], ins: tuple[Layout | None, ...], attrs: Mapping[str, Any]
) -> Prepared | None:
    """``batch_norm_train(input, weight, bias, eps) -> out, mean, rstd``,
    ``batch_norm_eval(input, mean, variance, weight, bias, eps)`` and
    ``batch_norm_backward(grad_output, input, mean, rstd, weight) -> d_input, d_weight, d_bias``.
    """
    backward, evaluation = name == "batch_norm_backward", name == "batch_norm_eval"
    source = ins[1 if backward else 0]
    if source is None or not _takes([*outs, *ins], source) or outs[0].dtype is not source.dtype:
        return None
    weight = ins[4 if backward else 3 if evaluation else 1]
    bias = None if backward else ins[4 if evaluation else 2]
    statistics = ins[2:4] if backward else ins[1:3] if evaluation else outs[1:]
    first = statistics[0]
    if first is None or any(x is None or x.dtype is not first.dtype for x in statistics):
        return None
    if not evaluation and first.dtype is not _wide(source):
        return None
    if backward and (
        ins[0] is None or ins[0].dtype is not source.dtype or outs[1].dtype is not outs[2].dtype
    ):
        return None
    outer, channels, inner = source.shape[0], source.shape[1], math.prod(source.shape[2:])
    columns = inner < NORM_SHORT_PLANE
    piece = NORM_COLUMN_ROWS if columns else max(1, outer * channels // max(NORM_PIECES, channels))
    return native_library.address(f"tp_{name}"), NORM(
        dtype=source.dtype.code,
        outer=outer,
        n=channels,
        inner=inner,
        groups=1,
        eps=_eps(attrs),
        stream=int(outs[0].nbytes >= STREAM_BYTES),
        piece=piece,
        columns=int(columns),
        weight=_code(weight),
        bias=_code(bias),
        mean=_code(first),
        parameter=_code(outs[1] if backward else None),
    )


def prepare_group(
    name: str, outs: tuple[Layout, ...], ins: tuple[Layout | None, ...], attrs: Mapping[str, Any]
) -> Prepared | None:
    """``group_norm(input, num_groups, weight, bias, eps)``."""
    source, weight, bias = ins
    if source is None or not _takes([*outs, *ins], source) or outs[0].dtype is not source.dtype:
        return None
    return native_library.address("tp_group_norm"), NORM(
        dtype=source.dtype.code,
        outer=source.shape[0],
        n=source.shape[1],
        inner=math.prod(source.shape[2:]),
        groups=attrs["num_groups"],
        eps=_eps(attrs),
        stream=int(outs[0].nbytes >= STREAM_BYTES),
        piece=1,
        columns=0,
        weight=_code(weight),
        bias=_code(bias),
        mean=0,
        parameter=0,
    )


KERNELS: Final = {
    **dict.fromkeys(("layer_norm", "layer_norm_backward", "rms_norm"), prepare_layer),
    **dict.fromkeys(("batch_norm_train", "batch_norm_eval", "batch_norm_backward"), prepare_batch),
    "group_norm": prepare_group,
}
