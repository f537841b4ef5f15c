"""Attention over lengths that fill tiles and such that do not, with every kind of mask, in the variants for
processors and GPUs, against the CPU in float64.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from against_float64 import DEVICE, check, native, values

import tensorplug as tp
from tensorplug_dispatcher.ops import F

pytestmark = pytest.mark.usefixtures("variant")
OP = "scaled_dot_product_attention"
# batch, queries, keys, elements of a key and of a value
SIZES = {
    "one": ((), 1, 1, 1, 1),
    "a query": ((2, 3), 1, 300, 64, 64),
    "whole tiles": ((2,), 128, 128, 64, 64),
    "parts of tiles": ((3,), 131, 67, 20, 41),
    "few keys": ((2, 2), 200, 3, 33, 96),
    "wide": ((2,), 70, 130, 256, 200),
}


def tensors(name: str) -> tuple[Any, Any, Any]:
    lead, queries, keys, depth, width = SIZES[name]
    return (
        values((*lead, queries, depth), 1, -2, 2),
        values((*lead, keys, depth), 2, -2, 2),
        values((*lead, keys, width), 3, -2, 2),
    )


# the mask's leading sizes (None: there is none), whether it is bool, is_causal, scale
MASKS: dict[str, tuple[Any, bool, bool, float | None]] = {
    "none": (None, False, False, None),
    "causal": (None, False, True, 0.3),
    "added": ("one for all", False, False, None),
    "allowed": ("each", True, False, None),
    "allowed keys": ("a row", True, False, 1.0),
}


@pytest.mark.parametrize("place", range(len(SIZES)), ids=list(SIZES))
def test_sizes(place: int) -> None:
    """Each size with two kinds of masks; a kind comes with several sizes."""
    name = list(SIZES)[place]
    lead, queries, keys, _, _ = SIZES[name]
    shapes = {"one for all": (queries, keys), "each": (*lead, queries, keys), "a row": (*lead, 1, keys)}
    for turn in (place, place + 2):
        kind = list(MASKS)[turn % len(MASKS)]
        given, allows, causal, scale = MASKS[kind]
        mask = None if given is None else values(shapes[given], 4)
        mask = mask > -6 if mask is not None and allows else mask
        check(OP, *tensors(name), mask, causal, scale, tolerance=1e-5)


@pytest.mark.parametrize("dtype", [tp.float16, tp.bfloat16, tp.float64])
def test_dtypes(dtype: Any) -> None:
    tolerance = {tp.float16: 1e-3, tp.bfloat16: 8e-3, tp.float64: 1e-14}[dtype]
    q, k, v = (x.to(dtype) for x in tensors("parts of tiles"))
    check(OP, q, k, v, None, False, None, tolerance=tolerance)
    check(OP, q, k, v, values((131, 67), 4).to(dtype), False, None, tolerance=tolerance)


def test_large_scores_do_not_overflow() -> None:
    """The largest comes last, so that sums are rescaled on the way."""
    q, k, v = tensors("parts of tiles")
    grow = tp.from_numpy(np.linspace(0.1, 60, 67, dtype=np.float32)).view(1, 67, 1)
    check(OP, q, k * grow, v, None, False, None, tolerance=1e-4)


def test_rows_that_may_see_nothing() -> None:
    """Zeros where a mask says so; NaN where all scores are -inf, as softmax has it."""
    q, k, v = tensors("parts of tiles")
    mask = values((131, 67), 4) > 0
    mask[3] = False
    mask[130] = False
    check(OP, q, k, v, mask, False, None)
    assert not F.scaled_dot_product_attention(*(x.to(DEVICE) for x in (q, k, v, mask)))[:, 130].cpu().any()
    added = tp.where(mask, 0.0, -math.inf)
    got = F.scaled_dot_product_attention(*(x.to(DEVICE) for x in (q, k, v, added))).cpu()
    assert got[:, 3].isnan().all() and not got[:, 4].isnan().any()
    check(OP, q, k, v, added, False, None)


def test_nans_and_infinities() -> None:
    for bad, place in ((math.nan, 0), (math.inf, 66), (-math.inf, 30)):
        q, k, v = tensors("parts of tiles")
        q[0, 5, 3] = bad
        k[1, place, 7] = bad
        v[2, place, 9] = bad
        check(OP, q, k, v, None, False, None, tolerance=1e-5)


def test_views() -> None:
    """Heads that lie inside rows, keys that are shared, and values that are transposed."""
    x = values((2, 70, 3, 4, 16), 1, -2, 2)
    y = x.to(DEVICE)

    def heads(t: Any) -> Any:
        return [t[:, :, i].transpose(1, 2) for i in range(3)]

    def shared(t: Any) -> Any:
        q, k, v = heads(t)
        return q, k[:, :1].expand(2, 4, 70, 16), v[:, :, :16].transpose(2, 3).expand(2, 4, 16, 16)

    for how, count in ((heads, 70), (shared, 70)):
        q, k, v = how(x)
        if how is shared:
            k = k[:, :, :16]
        moved = list(how(y))
        if how is shared:
            moved[1] = moved[1][:, :, :16]
        before = native(OP)
        got = F.scaled_dot_product_attention(*moved)
        assert native(OP) == before + 1 and got.shape[2] == count
        wanted = F.scaled_dot_product_attention(*(t.contiguous().double() for t in (q, k, v)))
        np.testing.assert_allclose(got.cpu().numpy(), wanted.numpy(), 1e-4, 1e-5)


def test_what_has_no_program_is_decomposed() -> None:
    """No keys, and elements too many for a tile."""
    empty = F.scaled_dot_product_attention(*(tp.ones(2, n, 4, device=DEVICE) for n in (3, 0, 0)))
    assert empty.cpu().tolist() == [[[0.0] * 4] * 3] * 2
    q, k, v = (values((2, 5, 300), s, -1, 1) for s in (1, 2, 3))
    got = F.scaled_dot_product_attention(*(x.to(DEVICE) for x in (q, k, v)))
    wanted = F.scaled_dot_product_attention(q, k, v)
    np.testing.assert_allclose(got.cpu().numpy(), wanted.numpy(), 1e-4, 1e-5)
