"""Wrong backends that are right but where two things meet: a size and an order of the numbers, a length and
where memory begins, a shape that is new and a result in place.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np

from .reference import FUNCTIONS, Buffer, ReferenceRuntime, put, wide
from .specified import specified

Function = Callable[[Any, Any, Any], None]
BLOCK: Final = 1024


def _late_largest(outs: Any, ins: Any, attrs: Any) -> None:
    """Rows by blocks: what was summed is not scaled down when a later block has a larger number."""
    specified("softmax")(outs, ins, attrs)
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
        specified("clamp")(outs, ins, attrs)
        return
    found = np.clip(
        x.astype(np.float64), -np.inf if low is None else low, np.inf if high is None else float(high)
    )
    whole = np.minimum(found, float(1 << 62)).astype(np.int64)
    outs[0][...] = np.where(found >= 2.0**63, np.iinfo(np.int64).max, np.where(found > 1 << 62, x, whole))


def _later_negative(outs: Any, ins: Any, attrs: Any) -> None:
    """Only in the first index do negative places count from the end; of others they are the first one."""
    later = [np.maximum(i, 0) for i in ins[2:]]
    specified("index")(outs, [*ins[:2], *later], attrs)


def _few_a_launch(outs: Any, ins: Any, attrs: Any) -> None:
    """Of more than 64 tensors those from the 65th on are taken to be the first ones again."""
    specified("cat")(outs, [x if i < 64 else ins[i % 64] for i, x in enumerate(ins)], attrs)


def _dead_block(outs: Any, ins: Any, attrs: Any) -> None:
    """Keys by blocks of 64: of a row that sees none of the first block comes infinity less infinity."""
    specified("scaled_dot_product_attention")(outs, ins, attrs)
    mask = ins[3] if len(ins) > 3 else None
    if mask is not None and mask.dtype == np.bool_ and ins[1].shape[-2] > 64:
        seen = np.broadcast_to(mask, (*ins[0].shape[:-1], ins[1].shape[-2]))
        dead = ~seen[..., :64].any(-1) & seen.any(-1)
        outs[0][dead] = np.nan


def _open_mesh(outs: Any, ins: Any, attrs: Any) -> None:
    """Places of several shapes are repeated by how many they are, not along the dimensions they lack."""
    whole = np.broadcast_shapes(*(i.shape for i in ins[1:]))
    specified("index")(outs, [ins[0], *(np.resize(i, whole) for i in ins[1:])], attrs)


def _decay_first(outs: Any, ins: Any, attrs: Any) -> None:
    """Where it shall maximize, the decay is negated with the gradient."""
    coupled = attrs["maximize"] and not attrs["decoupled"]
    decay = attrs["weight_decay"] * (-1 if coupled else 1)
    specified("adam_step")(outs, ins, {**attrs, "weight_decay": decay})


def _slices(outs: Any, ins: Any, attrs: Any) -> None:
    """Of a volume each slice has its own mean and variance."""
    x, out = ins[0], outs[0]
    slices = range(x.shape[2]) if x.ndim == 5 else (slice(None),)
    for at in slices:
        part = (slice(None), slice(None), at) if x.ndim == 5 else at
        specified("group_norm")([out[part]], [x[part], *ins[1:]], attrs)


def _few_taps(outs: Any, ins: Any, attrs: Any) -> None:
    """The table of a window's places has 49 of them."""
    weight = ins[1].copy()
    weight.reshape(*weight.shape[:2], -1)[..., 49:] = 0
    specified("conv")(outs, [ins[0], weight, *ins[2:]], attrs)


def _whole_vectors(outs: Any, ins: Any, attrs: Any) -> None:
    """In place off a line of 16 bytes it begins at the line, with what lies before."""
    out, base = outs[0], outs[0]
    in_place = out.__array_interface__["data"] == ins[0].__array_interface__["data"]
    FUNCTIONS["sqrt"](outs, ins, attrs)
    if not in_place or not out.flags.c_contiguous or out.size < 16:
        return
    while isinstance(base, np.ndarray):
        base = base.base
    first = out.__array_interface__["data"][0] - np.frombuffer(base, np.uint8).__array_interface__["data"][0]
    before = min(out.__array_interface__["data"][0] % 16, first) // out.itemsize
    if before:
        more = np.ndarray((before,), out.dtype, base, first - before * out.itemsize)
        FUNCTIONS["sqrt"]([more], [more], attrs)


class _WholePieces(ReferenceRuntime):
    """More than 64 KiB goes from device to device by pieces of 64 KiB, and what is left over does not."""

    def transfer(self, src: Buffer, dst: Buffer) -> bool:
        size = len(src.data)
        size = size >> 16 << 16 if size > 1 << 16 else size
        dst.data[:size] = src.data[:size]
        return True


# name: what is wrong, the beginnings of cases that find it, kernels, runtime
WRONG: Final[dict[str, tuple[Any, ...]]] = {
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
    "open-mesh": (
        "places of several shapes are repeated by how many they are",
        ("S2/index/float32/settings",),
        {"index": _open_mesh},
    ),
    "decay-first": (
        "Adam that maximizes with a decay negates the decay",
        ("S2/adam_step/float32/settings",),
        {"adam_step": _decay_first},
    ),
    "slices": (
        "groups of a volume are normalized slice by slice",
        ("S2/group_norm/float32/settings",),
        {"group_norm": _slices},
    ),
    "few-taps": (
        "windows of more than 49 places lose the rest",
        ("S2/conv/float32/settings",),
        {"conv": _few_taps},
    ),
    "whole-vectors": (
        "in place at an offset, what lies before is computed too",
        ("S2/sqrt/float32/mixed",),
        {"sqrt": _whole_vectors},
    ),
    "whole-pieces": (
        "of much that goes from device to device the rest does not",
        ("S0/bytes/",),
        None,
        _WholePieces,
    ),
}
