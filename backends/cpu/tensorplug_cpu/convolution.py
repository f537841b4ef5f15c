"""Convolutions in one to three dimensions and their cotangents; all are done as three-dimensional ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from tensorplug_dispatcher import dtypes
from tensorplug_dispatcher.layout import Layout

from . import blas, native_library
from .elementwise import Prepared
from .parameters import CONV


def _three(values: Sequence[int], filler: int) -> tuple[int, ...]:
    return (*(filler for _ in range(3 - len(values))), *values)


def _prepare(
    function: str,
    input: Sequence[int],
    weight: Sequence[int],
    result: Sequence[int],
    layouts: Sequence[Layout | None],
    attrs: Mapping[str, Any],
) -> Prepared | None:
    """The shapes of the forward convolution's operands, and all layouts that the kernel sees."""
    present = [x for x in layouts if x is not None]
    if (
        len(input) > 5
        or any(not x.dense or x.dtype is not present[0].dtype for x in present)
        or present[0].dtype not in dtypes.FLOATS
    ):
        return None
    blas.connect()
    groups = attrs["groups"]
    return native_library.address(function), CONV(
        dtype=present[0].dtype.code,
        images=input[0],
        groups=groups,
        c=weight[1],
        o=weight[0] // groups,
        **{"in": _three(input[2:], 1)},
        k=_three(weight[2:], 1),
        out=_three(result[2:], 1),
        stride=_three(attrs["stride"], 1),
        padding=_three(attrs["padding"], 0),
        dilation=_three(attrs["dilation"], 1),
    )


def prepare_forward(
    name: str, outs: tuple[Layout, ...], ins: tuple[Layout | None, ...], attrs: Mapping[str, Any]
) -> Prepared | None:
    """``conv(input [N, C, ...], weight [O, C / groups, ...], bias [O] or None, ...)``."""
    source, weight, bias = ins
    if source is None or weight is None:
        return None
    return _prepare(
        "tp_conv", source.shape, weight.shape, outs[0].shape, (*outs, source, weight, bias), attrs
    )


def prepare_input_grad(
    name: str, outs: tuple[Layout, ...], ins: tuple[Layout | None, ...], attrs: Mapping[str, Any]
) -> Prepared | None:
    """``conv_input_grad(grad_output, weight, input_shape, ...)``."""
    grad, weight = ins
    if grad is None or weight is None:
        return None
    return _prepare(
        "tp_conv_input_grad", outs[0].shape, weight.shape, grad.shape, (*outs, grad, weight), attrs
    )


def prepare_weight_grad(
    name: str, outs: tuple[Layout, ...], ins: tuple[Layout | None, ...], attrs: Mapping[str, Any]
) -> Prepared | None:
    """``conv_weight_grad(grad_output, input, weight_shape, ...)``."""
    grad, source = ins
    if grad is None or source is None:
        return None
    return _prepare(
        "tp_conv_weight_grad", source.shape, outs[0].shape, grad.shape, (*outs, grad, source), attrs
    )


KERNELS: Final = {
    "conv": prepare_forward,
    "conv_input_grad": prepare_input_grad,
    "conv_weight_grad": prepare_weight_grad,
}
