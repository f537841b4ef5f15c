"""Random numbers: counter-based, so that every element is drawn by itself and threads share no state."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Any, Final

from tensorplug_dispatcher import dtypes
from tensorplug_dispatcher.layout import Layout

from . import native_library
from .elementwise import Prepared
from .parameters import RANDOM

FUNCTIONS: Final = (
    "random_bits",
    "rand",
    "dropout_mask",
    "bernoulli",
    "randn",
    "randint",
)  # order of native/random.c


def prepare(
    name: str, outs: tuple[Layout, ...], ins: tuple[Layout | None, ...], attrs: Mapping[str, Any]
) -> Prepared | None:
    """Every op of ``FUNCTIONS``: seed and offset come with the call, all else with the plan."""
    (out,) = outs
    if not out.dense or any(x is None or not x.dense or x.dtype is not out.dtype for x in ins):
        return None
    probability = low = span = 0
    if name == "random_bits" and out.dtype not in (dtypes.int32, dtypes.int64):
        return None
    if name in ("rand", "randn", "bernoulli") and not out.dtype.is_floating_point:
        return None
    if name == "dropout_mask":
        if out.dtype is not dtypes.bool_:
            return None
        (probability,) = struct.unpack("<q", struct.pack("<d", attrs["p"]))
    if name == "randint":
        low, high = attrs["low"], attrs["high"]
        span = high - low
        # numbers go to float16 and bfloat16 by way of float32, which must hold them exactly
        if span >= 1 << 63 or (
            out.dtype.itemsize == 2 and out.dtype.is_floating_point and max(-low, high) > 1 << 24
        ):
            return None
    return native_library.address("tp_random"), RANDOM(
        function=FUNCTIONS.index(name),
        dtype=out.dtype.code,
        count=out.numel,
        probability=probability,
        low=low,
        range=span,
    )


KERNELS: Final = dict.fromkeys(FUNCTIONS, prepare)
