"""softmax and log_softmax along any dimension, and their cotangents."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

from tensorplug_dispatcher import dtypes
from tensorplug_dispatcher.layout import Layout

from . import native_library
from .elementwise import Prepared
from .parameters import SOFTMAX
from .sizes import SOFTMAX_LONGEST_BUFFERED_ROW, STREAM_BYTES

FUNCTIONS: Final = ("softmax", "log_softmax", "softmax_backward", "log_softmax_backward")


def prepare(
    name: str, outs: tuple[Layout, ...], ins: tuple[Layout | None, ...], attrs: Mapping[str, Any]
) -> Prepared | None:
    """``softmax(input, dim)``, ``softmax_backward(grad_output, out, dim)`` and the same of
    ``log_softmax``.
    """
    (out,) = outs
    if out.dtype not in dtypes.FLOATS or any(
        x is None or not x.dense or x.dtype is not out.dtype or x.shape != out.shape for x in (*ins, out)
    ):
        return None
    shape, dim = out.shape or (1,), attrs["dim"]
    inner = math.prod(shape[dim + 1 :])
    stream = (
        out.dtype is dtypes.float32
        and inner == 1
        and out.nbytes >= STREAM_BYTES
        and shape[dim] <= SOFTMAX_LONGEST_BUFFERED_ROW
    )
    return native_library.address("tp_softmax"), SOFTMAX(
        dtype=out.dtype.code,
        function=FUNCTIONS.index(name),
        outer=math.prod(shape[:dim]),
        length=shape[dim],
        inner=inner,
        stream=int(stream),
    )


KERNELS: Final = dict.fromkeys(FUNCTIONS, prepare)
