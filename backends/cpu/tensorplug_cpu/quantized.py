"""Quantized ops: products of bytes summed in int32 (AMX, AVX512-VNNI or plain C), and levels."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, Final

from tensorplug_dispatcher import dtypes
from tensorplug_dispatcher.layout import Layout

from . import blas, native_library
from .parameters import (
    CHOOSE_QPARAMS,
    DEQUANTIZE,
    QUANTIZE,
    QUANTIZED,
    QUANTIZED_CONV,
    QUANTIZED_LINEAR,
    WEIGHT_ONLY,
)
from .sizes import DOT_MOST

Prepared = tuple[int, Sequence[int]]

LEVELS: Final = ("plain", "vnni", "amx")  # in the order of dot.h
OUTPUTS: Final = {dtypes.float32: 0, dtypes.uint8: 1, dtypes.int8: 2}


@cache
def dot_level() -> int:
    """How bytes are multiplied here, as a place in ``LEVELS``; ``TENSORPLUG_DOT`` chooses a lower one."""
    best = int(native_library.library().tp_dot_level())
    wanted = os.environ.get("TENSORPLUG_DOT")
    if wanted:
        if wanted not in LEVELS:
            from tensorplug_dispatcher.errors import PluginError

            raise PluginError(f"TENSORPLUG_DOT={wanted!r} is not known; it may be {' or '.join(LEVELS)}")
        best = min(best, LEVELS.index(wanted))
    return best


def _common(outs: tuple[Layout, ...], ins: tuple[Layout | None, ...]) -> dict[str, int] | None:
    """The fields of both products in ``QUANTIZED``; None for operands that they do not take."""
    x, weight, bias, scale, _, weight_scale, _, output_scale, _ = ins
    if x is None or weight is None or scale is None or weight_scale is None:
        return None
    if any(part is not None and not part.dense for part in (*outs, *ins)) or outs[0].dtype not in OUTPUTS:
        return None
    if any(
        s is not None and s.dtype is not dtypes.float32 for s in (bias, scale, weight_scale, output_scale)
    ):
        return None
    if weight.numel > DOT_MOST * max(weight.shape[0], 1):
        return None
    return {
        "level": dot_level(),
        "signed_input": int(x.dtype is dtypes.int8),
        "kind": OUTPUTS[outs[0].dtype],
        "row_scales": int(weight_scale.numel > 1),
        "bias": int(bias is not None),
    }


def prepare_linear(
    name: str, outs: tuple[Layout, ...], ins: tuple[Layout | None, ...], attrs: Mapping[str, Any]
) -> Prepared | None:
    """``quantized_linear`` of dense operands with float32 scales."""
    common = _common(outs, ins)
    x, weight = ins[:2]
    if common is None or x is None or weight is None:
        return None
    inner = weight.shape[1]
    rows = x.numel // inner if inner else outs[0].numel // max(weight.shape[0], 1)
    product = QUANTIZED_LINEAR(m=rows, n=weight.shape[0], k=inner)
    return native_library.address("tp_quantized_linear"), QUANTIZED(**common, product=product)


def prepare_conv2d(
    name: str, outs: tuple[Layout, ...], ins: tuple[Layout | None, ...], attrs: Mapping[str, Any]
) -> Prepared | None:
    """``quantized_conv2d`` of dense operands with float32 scales."""
    common = _common(outs, ins)
    x, weight = ins[:2]
    if common is None or x is None or weight is None or not outs[0].numel:
        return None
    groups = attrs["groups"]
    product = QUANTIZED_CONV(
        batch=x.shape[0],
        groups=groups,
        c=weight.shape[1],
        o=weight.shape[0] // groups,
        k=weight.shape[2:],
        out=outs[0].shape[2:],
        stride=attrs["stride"],
        padding=attrs["padding"],
        dilation=attrs["dilation"],
        **{"in": x.shape[2:]},
    )
    return native_library.address("tp_quantized_conv2d"), QUANTIZED(**common, product=product)


def _rows(x: Layout, scale: Layout) -> tuple[int, int] | None:
    """(elements in a row that share a scale, scales) where neighbours do; None where they do not."""
    if scale.numel == 1:
        return max(x.numel, 1), 1
    inner, place = 1, x.ndim - 1
    while place >= 0 and scale.shape[place] == 1:
        inner *= x.shape[place]
        place -= 1
    if place < 0 or not scale.shape[place]:
        return None
    inner *= x.shape[place] // scale.shape[place]
    if tuple(scale.shape[:place]) != tuple(x.shape[:place]):  # an outer dimension shares, this one does not
        if any(n != 1 for n in scale.shape[:place]):
            return None
    return max(inner, 1), scale.numel


def prepare_levels(
    name: str, outs: tuple[Layout, ...], ins: tuple[Layout | None, ...], attrs: Mapping[str, Any]
) -> Prepared | None:
    """``quantize`` and ``dequantize`` between float32 and bytes, with scales of runs of elements."""
    x, scale, _ = ins
    numbers = x if name == "quantize" else outs[0]
    if x is None or scale is None or numbers is None or numbers.dtype is not dtypes.float32:
        return None
    if scale.dtype is not dtypes.float32 or any(
        part is not None and not part.dense for part in (*outs, *ins)
    ):
        return None
    rows = _rows(x, scale)
    if rows is None or (name == "dequantize" and x.dtype not in (dtypes.int8, dtypes.uint8)):
        return None
    inner, scales = rows
    packed = (
        QUANTIZE(count=x.numel, inner=inner, scales=scales, low=attrs["low"], high=attrs["high"])
        if name == "quantize"
        else DEQUANTIZE(count=x.numel, inner=inner, scales=scales, signed_levels=int(x.dtype is dtypes.int8))
    )
    return native_library.address(f"tp_{name}"), packed


def prepare_weight_only(
    name: str, outs: tuple[Layout, ...], ins: tuple[Layout | None, ...], attrs: Mapping[str, Any]
) -> Prepared | None:
    """``weight_only_linear`` in float32: some rows of the weight at a time are made numbers of."""
    x, weight, scale, _, bias = ins
    if x is None or weight is None or scale is None:
        return None
    if any(part is not None and not part.dense for part in (*outs, *ins)):
        return None
    if any(part is not None and part.dtype is not dtypes.float32 for part in (x, scale, bias)):
        return None
    inner, rows = x.shape[-1], weight.shape[0]
    if not inner or not outs[0].numel:
        return None
    groups = scale.shape[1] if scale.ndim else 1
    per_row = scale.ndim == 2 and scale.shape[0] == rows
    if scale.ndim and not per_row and scale.shape[0] != 1:
        return None
    blas.connect()
    return native_library.address("tp_weight_only_linear"), WEIGHT_ONLY(
        m=x.numel // inner,
        n=rows,
        k=inner,
        bits=attrs["bits"],
        signed_levels=int(attrs["signed"]),
        group=inner // groups,
        own=int(per_row),
        groups=groups,
        bias=int(bias is not None),
    )


def prepare_choose(
    name: str, outs: tuple[Layout, ...], ins: tuple[Layout | None, ...], attrs: Mapping[str, Any]
) -> Prepared | None:
    """``choose_qparams`` of dense float32, in one pass."""
    x = ins[0]
    if x is None or not x.dense or x.dtype is not dtypes.float32:
        return None
    return native_library.address("tp_choose_qparams"), CHOOSE_QPARAMS(
        count=x.numel, low=attrs["low"], high=attrs["high"], symmetric=int(attrs["symmetric"])
    )


KERNELS: Final = {
    "choose_qparams": prepare_choose,
    "weight_only_linear": prepare_weight_only,
    "quantized_linear": prepare_linear,
    "quantized_conv2d": prepare_conv2d,
    "quantize": prepare_levels,
    "dequantize": prepare_levels,
}
