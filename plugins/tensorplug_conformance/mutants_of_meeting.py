"""Wrong backends that are right but where two things meet: a size and an order of the numbers, a length and
where memory begins, a shape that is new and a result in place.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np

from .reference import FUNCTIONS, put, wide

Function = Callable[[Any, Any, Any], None]
BLOCK: Final = 1024


def _late_largest(outs: Any, ins: Any, attrs: Any) -> None:
    """Rows by blocks: what was summed is not scaled down when a later block has a larger number."""
    FUNCTIONS["softmax"](outs, ins, attrs)
    x, dim = wide(ins[0]), attrs["dim"]
    if not x.ndim or x.shape[dim] <= BLOCK or not np.isfinite(x).all():
        return
    rows = np.moveaxis(x, dim, -1)
    largest, total = np.full((*rows.shape[:-1], 1), -np.inf), 0.0
    for at in range(0, rows.shape[-1], BLOCK):
        block = rows[..., at : at + BLOCK]
        largest = np.maximum(largest, block.max(-1, keepdims=True))
        total = total + np.exp(block - largest).sum(-1, keepdims=True)
    put(outs[0], np.moveaxis(np.exp(rows - largest) / total, -1, dim))


def _tile_groups(outs: Any, ins: Any, attrs: Any) -> None:
    """Tiles of 32 go by groups of 8 rows of them; in a last group that has fewer, some are not reached."""
    FUNCTIONS["matmul"](outs, ins, attrs)
    out = outs[0]
    if out.ndim < 2 or out.shape[-2] <= 256 or out.shape[-1] <= 32:
        return
    rows = -(-out.shape[-2] // 32)
    if rows % 8:
        out[..., rows // 8 * 256 + 32 * (rows % 8) // 2 :, 32:] = 0


def _off_the_line(outs: Any, ins: Any, attrs: Any) -> None:
    """Long operands that begin off a line of 16 bytes: what comes before the line is not done."""
    out, first = outs[0], ins[0]
    dense = all(isinstance(x, np.ndarray) and x.shape == out.shape and x.flags.c_contiguous for x in ins)
    head = -first.__array_interface__["data"][0] % 16 // first.itemsize if dense else 0
    before = out.reshape(-1)[:head].copy()
    FUNCTIONS["add"](outs, ins, attrs)
    if dense and out.size >= 256 and out.flags.c_contiguous:
        out.reshape(-1)[:head] = before


def _tuned_in_place() -> Function:
    """The first call of a long shape is made twice, to be timed, whether its result is an operand or not."""
    seen: set[Any] = set()

    def run(outs: Any, ins: Any, attrs: Any) -> None:
        FUNCTIONS["add"](outs, ins, attrs)
        shape = outs[0].shape
        if outs[0].size >= BLOCK and shape not in seen:
            seen.add(shape)
            FUNCTIONS["add"](outs, ins, attrs)

    return run


def _bounds_in_double(outs: Any, ins: Any, attrs: Any) -> None:
    """Whole numbers are limited as float64."""
    x, low, high = ins[0], attrs["min"], attrs["max"]
    if x.dtype != np.int64 or not all(isinstance(n, (int, type(None))) for n in (low, high)):
        FUNCTIONS["clamp"](outs, ins, attrs)
        return
    found = np.clip(
        x.astype(np.float64), -np.inf if low is None else low, np.inf if high is None else float(high)
    )
    whole = np.minimum(found, float(1 << 62)).astype(np.int64)
    outs[0][...] = np.where(found >= 2.0**63, np.iinfo(np.int64).max, np.where(found > 1 << 62, x, whole))


def _later_negative(outs: Any, ins: Any, attrs: Any) -> None:
    """Only in the first index do negative places count from the end; of others they are the first one."""
    later = [np.maximum(i, 0) for i in ins[2:]]
    FUNCTIONS["index"](outs, [*ins[:2], *later], attrs)


def _few_a_launch(outs: Any, ins: Any, attrs: Any) -> None:
    """Of more than 64 tensors those from the 65th on are taken to be the first ones again."""
    FUNCTIONS["cat"](outs, [x if i < 64 else ins[i % 64] for i, x in enumerate(ins)], attrs)


def _dead_block(outs: Any, ins: Any, attrs: Any) -> None:
    """Keys by blocks of 64: of a row that sees none of the first block comes infinity less infinity."""
    FUNCTIONS["scaled_dot_product_attention"](outs, ins, attrs)
    mask = ins[3] if len(ins) > 3 else None
    if mask is not None and mask.dtype == np.bool_ and ins[1].shape[-2] > 64:
        seen = np.broadcast_to(mask, (*ins[0].shape[:-1], ins[1].shape[-2]))
        dead = ~seen[..., :64].any(-1) & seen.any(-1)
        outs[0][dead] = np.nan


# name: what is wrong, the beginnings of cases that find it, kernels
WRONG: Final[dict[str, tuple[str, tuple[str, ...], dict[str, Function]]]] = {
    "late-largest": (
        "the softmax of long rows is wrong where the largest comes late",
        ("S2/softmax/float32/mixed-sizes",),
        {"softmax": _late_largest},
    ),
    "tile-groups": (
        "of a last group of tiles some are not reached",
        ("S2/matmul/float32/mixed-",),
        {"matmul": _tile_groups},
    ),
    "off-the-line": (
        "the first numbers of long operands at an offset are not added",
        ("S2/add/float32/mixed-",),
        {"add": _off_the_line},
    ),
    "tuned-in-place": (
        "the first sum in place of a shape is added twice",
        ("S2/add/float32/mixed-",),
        {"add": _tuned_in_place()},
    ),
    "bounds-in-double": (
        "clamp takes whole numbers for float64",
        ("S2/clamp/int64/wide",),
        {"clamp": _bounds_in_double},
    ),
    "later-negative": (
        "negative places do not count from the end in a second index",
        ("S2/index/",),
        {"index": _later_negative},
    ),
    "few-a-launch": (
        "of more than 64 tensors the rest are the first ones again",
        ("S2/cat/float32/parts-130",),
        {"cat": _few_a_launch},
    ),
    "dead-block": (
        "a row that sees none of the first 64 keys is NaN",
        ("S2/scaled_dot_product_attention/float32/fused",),
        {"scaled_dot_product_attention": _dead_block},
    ),
}
