"""Wrong backends that are right but for what calls ask seldom: op → function, by the mutant's name."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Final

import numpy as np

from .reference import FUNCTIONS, is_float, put, wide
from .specified import specified

Function = Callable[[Any, Any, Any], None]


def _window_in_a_byte(outs: Any, ins: Any, attrs: Any) -> None:
    """The places of a window are counted in eight bits."""
    specified("avg_pool")(outs, ins, attrs)
    count = math.prod(attrs["kernel_size"])
    if count > 255:
        put(outs[0], wide(outs[0]) * (count / max(count % 256, 1)))


def _places_in_a_half_word(outs: Any, ins: Any, attrs: Any) -> None:
    """Places in a plane are kept in sixteen bits."""
    specified("max_pool")(outs, ins, attrs)
    outs[1][...] &= 0xFFFF


def _norm_without_nan(outs: Any, ins: Any, attrs: Any) -> None:
    """The largest magnitude passes over NaN, as a comparison does."""
    x = ins[0]
    if attrs["p"] == math.inf and is_float(x):
        ins = [np.where(np.isnan(wide(x)), 0.0, wide(x)).astype(x.dtype)]
    specified("norm")(outs, ins, attrs)


def _workspaces() -> Function:
    """A workspace as large as the operand is kept for each shape."""
    kept: dict[tuple[int, ...], Any] = {}

    def run(outs: Any, ins: Any, attrs: Any) -> None:
        if ins[0].nbytes >= 1 << 20 and ins[0].shape not in kept:
            kept[ins[0].shape] = np.full(ins[0].nbytes, 1, np.uint8)
        FUNCTIONS["sum"](outs, ins, attrs)

    return run


def _short_shift(outs: Any, ins: Any, attrs: Any) -> None:
    """Shifts are kept in sixteen bits with a sign."""
    short = tuple((n + 0x8000 & 0xFFFF) - 0x8000 for n in attrs["shifts"])
    specified("roll")(outs, ins, {**attrs, "shifts": short})


def _nothing_added(outs: Any, ins: Any, attrs: Any) -> None:
    """Adding the number 0 is left out, which -0.0 + 0 is not."""
    FUNCTIONS["add"](outs, ins, attrs)
    for x, number in (ins[:2], ins[1::-1]):
        if not any(number.strides) and any(x.strides) and not number.any() and is_float(x):
            put(outs[0], wide(x))  # a number is an array that repeats it


def _unsigned_nan(outs: Any, ins: Any, attrs: Any) -> None:
    """NaN with its sign set is none."""
    specified("isnan")(outs, ins, attrs)
    if is_float(ins[0]):
        outs[0][...] &= ~np.signbit(wide(ins[0]))


def _bare_border(outs: Any, ins: Any, attrs: Any) -> None:
    """Where a window of one place lies in the border alone, the bias is left out."""
    specified("conv")(outs, ins, attrs)
    if tuple(ins[1].shape[2:]) == (1, 1) and any(attrs["padding"]) and ins[2] is not None:
        for dim, border in zip((-2, -1), attrs["padding"], strict=True):
            if border:
                np.moveaxis(outs[0], dim, 0)[0] = 0


def _reciprocal(outs: Any, ins: Any, attrs: Any) -> None:
    """Small integers are divided by way of a reciprocal in float32."""
    FUNCTIONS["floor_divide"](outs, ins, attrs)
    if outs[0].dtype.kind in "iu" and outs[0].itemsize == 1:
        a, b = (np.asarray(x).astype(np.float32) for x in ins[:2])
        put(outs[0], np.floor(a * (np.float32(1) / b)).astype(np.int64))


def _kept_refusal() -> Function:
    """What a refused call has taken is not given back."""
    kept = []

    def run(outs: Any, ins: Any, attrs: Any) -> None:
        try:
            specified("gather")(outs, ins, attrs)
        except IndexError:
            kept.append(np.full(ins[0].nbytes, 1, np.uint8))
            raise

    return run


def _tall_matrix(outs: Any, ins: Any, attrs: Any) -> None:
    """Matrices that share the other operand are taken for one tall matrix, gaps between them forgotten."""
    x, y = ins
    if x.ndim == 3 and y.ndim == 3 and y.strides[0] == 0 and x.strides[2] == x.itemsize:
        x = np.lib.stride_tricks.as_strided(x, x.shape, (x.shape[1] * x.strides[1], *x.strides[1:]))
    FUNCTIONS["matmul"](outs, [x, y], attrs)


def _mode_left() -> dict[str, Function]:
    """Rounding down sets the mode of the unit, which the next rounding finds."""
    left = {"down": False}

    def floor(outs: Any, ins: Any, attrs: Any) -> None:
        left["down"] = True
        FUNCTIONS["floor"](outs, ins, attrs)

    def rounds(outs: Any, ins: Any, attrs: Any) -> None:
        down, left["down"] = left["down"], False
        FUNCTIONS["floor" if down else "round"](outs, ins, attrs)

    return {"floor": floor, "round": rounds}


def _packed_weight() -> Function:
    """A packed weight is known again by its memory and its first numbers."""
    packed: dict[Any, Any] = {}

    def run(outs: Any, ins: Any, attrs: Any) -> None:
        x, weight = ins
        if weight.size >= 256 and weight.dtype == np.float32:
            key = weight.__array_interface__["data"][0], weight.shape, weight.flat[:16].tobytes()
            weight = packed.setdefault(key, weight.copy())
        FUNCTIONS["matmul"](outs, [x, weight], attrs)

    return run


WRONG: Final[dict[str, tuple[str, tuple[str, ...], dict[str, Function]]]] = {
    "short-shift": ("shifts are kept in sixteen bits", ("S2/roll/float32/far",), {"roll": _short_shift}),
    "nothing-added": ("adding 0 is left out", ("S2/add/float32/beside",), {"add": _nothing_added}),
    "unsigned-nan": (
        "NaN with a sign is no NaN",
        ("S2/isnan/float32/special-0",),
        {"isnan": _unsigned_nan},
    ),
    "bare-border": ("the border has no bias", ("S2/conv/float32/points",), {"conv": _bare_border}),
    "reciprocal": (
        "bytes are divided by a reciprocal",
        ("S2/floor_divide/uint8/bytes",),
        {"floor_divide": _reciprocal},
    ),
    "kept-refusal": (
        "a refused call keeps its memory",
        ("S7/resident/float32/bad-index",),
        {"gather": _kept_refusal()},
    ),
    "tall-matrix": (
        "gaps between matrices are forgotten",
        ("S2/matmul/float32/gaps",),
        {"matmul": _tall_matrix},
    ),
    "window-in-a-byte": (
        "windows of more than 255 places are counted in a byte",
        ("S2/avg_pool/float32/windows",),
        {"avg_pool": _window_in_a_byte},
    ),
    "places-in-a-half-word": (
        "places beyond the 65,535th of a plane wrap around",
        ("S2/max_pool/float32/windows",),
        {"max_pool": _places_in_a_half_word},
    ),
    "norm-without-nan": (
        "the norm by the largest magnitude passes over NaN",
        ("S2/norm/float32/missing",),
        {"norm": _norm_without_nan},
    ),
    "mode-left": ("rounding down leaves its mode", ("S2/round/float32/after",), _mode_left()),
    "packed-weight": (
        "a packed weight is known again by its first numbers",
        ("S2/matmul/float32/rewritten",),
        {"matmul": _packed_weight()},
    ),
    "workspaces": (
        "each new shape keeps a workspace",
        ("S7/resident/float32/shapes-sum",),
        {"sum": _workspaces()},
    ),
}
