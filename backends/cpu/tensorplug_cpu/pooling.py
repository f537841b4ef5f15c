"""Pooling over one to three dimensions, and the cotangents.

The C kernels get three dimensions; fewer are led by such of size 1.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

from tensorplug_dispatcher import dtypes
from tensorplug_dispatcher.layout import Layout

from . import native_library
from .elementwise import Prepared
from .parameters import POOL
from .sizes import POOL_LARGEST_PLANE


def _three(values: Sequence[int], lead: int = 1) -> list[int]:
    return [lead] * (3 - len(values)) + list(values)


def _params(
    inside: Sequence[int], outside: Sequence[int], dtype: int, attrs: Mapping[str, Any], dims: int
) -> list[int] | None:
    """The C struct ``Pool`` for planes of the last ``dims`` dimensions of the input's and result's shapes."""
    spatial = inside[len(inside) - dims :]
    if (
        dims > 3
        or math.prod(spatial) > POOL_LARGEST_PLANE
        or math.prod(inside) == 0
        or math.prod(outside) == 0
    ):
        return None
    kernel = attrs.get("kernel_size", ())
    return POOL(
        dtype=dtype,
        planes=math.prod(inside[: len(inside) - dims]),
        **{"in": _three(spatial)},
        out=_three(outside[len(outside) - dims :]),
        kernel=_three(kernel),
        stride=_three(attrs.get("stride", ())),
        padding=_three(attrs.get("padding", ()), 0),
        dilation=_three(attrs.get("dilation", ())),
        adaptive=int(not kernel),
        include_pad=int(attrs.get("count_include_pad", True)),
        divisor=attrs.get("divisor_override") or 0,
    )


def _prepare(
    symbol: str,
    outs: tuple[Layout, ...],
    ins: tuple[Layout | None, ...],
    attrs: Mapping[str, Any],
    inside: Sequence[int],
    outside: Sequence[int],
    dims: int,
) -> Prepared | None:
    dtype = outs[0].dtype
    if dtype not in dtypes.FLOATS or any(x is None or not x.dense for x in (*outs, *ins)):
        return None
    others = [x.dtype for x in (*outs[1:], *ins) if x is not None]
    if any(other is not dtype and other is not dtypes.int64 for other in others):
        return None
    params = _params(inside, outside, dtype.code, attrs, dims)
    return None if params is None else (native_library.address(symbol), params)


def prepare_forward(
    name: str, outs: tuple[Layout, ...], ins: tuple[Layout | None, ...], attrs: Mapping[str, Any]
) -> Prepared | None:
    """``max_pool(input, ...) -> out, indices``, ``avg_pool(input, ...)`` and
    ``adaptive_*_pool(input, output_size)``.
    """
    source = ins[0]
    if source is None:
        return None
    dims = len(attrs.get("kernel_size") or attrs["output_size"])
    return _prepare(
        "tp_max_pool" if "max" in name else "tp_avg_pool", outs, ins, attrs, source.shape, outs[0].shape, dims
    )


def prepare_backward(
    name: str, outs: tuple[Layout, ...], ins: tuple[Layout | None, ...], attrs: Mapping[str, Any]
) -> Prepared | None:
    """``max_pool_backward(grad_output, indices, input_shape)`` and
    ``avg_pool_backward(grad_output, input_shape, ...)``.
    """
    grad = ins[0]
    if grad is None:
        return None
    shape = attrs["input_shape"]
    return _prepare(
        "tp_max_pool_backward" if "max" in name else "tp_avg_pool_backward",
        outs,
        ins,
        attrs,
        shape,
        grad.shape,
        len(shape) - 2,
    )


KERNELS: Final = {
    **dict.fromkeys(("max_pool", "avg_pool"), prepare_forward),
    **dict.fromkeys(("max_pool_backward", "avg_pool_backward"), prepare_backward),
    "adaptive_max_pool": prepare_forward,
    "adaptive_avg_pool": prepare_forward,
}
