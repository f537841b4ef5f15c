"""Softmax and its kin on rows of every length and place, in the variants for processors and GPUs.

The table's samples are small; these take the ways that are left. float64 on the CPU is the reference.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from against_float64 import DEVICE, check, native, values

import tensorplug as tp
from tensorplug_codegen.programs import builders
from tensorplug_dispatcher.layout import dense, strided
from tensorplug_dispatcher.ops import F
from tensorplug_dispatcher.tensor import view_of

pytestmark = pytest.mark.usefixtures("variant")
INF, NAN = float("inf"), float("nan")

# shape and the dimension of the rows: short ones, such as fit into registers and a cache and such as do not,
# next to each other and far apart
SHAPES = {
    "short": ((5000, 7), 1),
    "of the registers' size": ((9, 4096), 1),
    "longer": ((5, 4097), 1),
    "much longer": ((2, 70_001), 1),
    "one": ((9001,), 0),
    "side by side": ((300, 700), 0),
    "side by side, long": ((5000, 9), 0),
    "between": ((3, 65, 129), 1),
    "of one element": ((70, 1), 1),
}


@pytest.mark.parametrize("name", SHAPES)
def test_softmax(name: str) -> None:
    shape, dim = SHAPES[name]
    x, g = values(shape), values(shape, 4)
    check("softmax", x, dim)
    check("log_softmax", x, dim)
    check("logsumexp", x, (dim,), False)
    check("softmax_backward", g, tp.softmax(x, dim), dim, tolerance=2e-5)
    check("log_softmax_backward", g, tp.log_softmax(x, dim), dim, tolerance=2e-5)


@pytest.mark.parametrize("dtype", [tp.float16, tp.bfloat16, tp.float64])
def test_softmax_of_other_dtypes(dtype: Any) -> None:
    for shape, dim in ((5, 4097), 1), ((300, 70), 0):
        tolerance = {tp.float16: 1e-3, tp.bfloat16: 8e-3, tp.float64: 1e-14}[dtype]
        x = values(shape).to(dtype)
        check("softmax", x, dim, tolerance=tolerance)
        check("log_softmax", x, dim, tolerance=tolerance)
        check("logsumexp", x, (dim,), True, tolerance=tolerance)


@pytest.mark.parametrize("length", [3, 5000])
@pytest.mark.parametrize("dim", [0, 1])
def test_infinities_and_nans(length: int, dim: int) -> None:
    """Of each kind a row: a whole one, one at its ends, and with others."""
    rows = np.random.default_rng(5).uniform(-3, 3, (9, length)).astype(np.float32)
    rows[0] = -INF
    rows[1, :-1] = -INF
    rows[2, 1:] = -INF
    rows[3, 0] = INF
    rows[4, -1] = INF
    rows[5, 0], rows[5, 1] = INF, -INF
    rows[6, -1] = NAN
    rows[7, 0], rows[7, -1] = NAN, INF
    x = tp.from_numpy(np.ascontiguousarray(rows if dim else rows.T))
    for op in ("softmax", "log_softmax"):
        check(op, x, dim)
    check("logsumexp", x, (dim,), False)


@pytest.mark.parametrize(
    ("shape", "strides", "offset"),
    [
        ((20, 30, 9), (540, -9, 2), 800),
        ((60, 40, 9), (9, 540, 1), 5),
        ((7, 60, 9), (0, 9, 1), 0),
        ((40, 600), (-1, 36), 39),
        ((9, 500), (0, 0), 7),
    ],
)
def test_views(shape: tuple[int, ...], strides: tuple[int, ...], offset: int) -> None:
    """Steps of any size and sign, and 0."""
    base = values((21_700,))
    moved = base.to(DEVICE)
    for dim in range(len(shape)):
        layout = strided(shape, strides, base.dtype)
        x, y = view_of(base, layout, offset).contiguous(), view_of(moved, layout, offset)
        before = native("softmax")
        np.testing.assert_allclose(tp.softmax(y, dim).cpu().numpy(), tp.softmax(x, dim).numpy(), 1e-5, 1e-7)
        assert native("softmax") == before + 1
        got, wanted = (F.softmax_backward(z, tp.softmax(z, dim), dim) for z in (y, x))
        np.testing.assert_allclose(got.cpu().numpy(), wanted.numpy(), 1e-5, 1e-5)


def test_logsumexp_of_several_dimensions() -> None:
    x = values((6, 30, 20, 4))
    for dims in ((1, 2), (0, 3), (0, 1, 2, 3), (0, 2)):
        check("logsumexp", x, dims, True)
    assert F.logsumexp(values((0, 3)).to(DEVICE), (0,), False).cpu().tolist() == [-INF] * 3


def test_results_past_the_caches() -> None:
    """Large enough to be written so, from a start that is not at a cache line."""
    rows = values((1 << 14, 514)).to(DEVICE)
    for x in (rows, rows[1:]):
        sums = tp.softmax(x, 1).sum(1).cpu().numpy()
        np.testing.assert_allclose(sums, 1, rtol=1e-5)


def test_few_long_rows_are_left_to_reductions_of_a_gpu() -> None:
    """One work-group would have a row by itself, and the others nothing to do."""
    target = replace(tp.device(DEVICE).runtime.opened(0).target, kind="gpu", units=132)

    def program(rows: int, length: int) -> Any:
        layout = dense((rows, length), tp.float32)
        return builders()["softmax"](target, "softmax", (layout,), (layout,), {"dim": 1}, frozenset())

    assert program(1, 1 << 20) is None
    assert len(program(1, 1 << 16).launches) == len(program(64, 1 << 20).launches) == 1
