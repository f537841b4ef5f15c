"""Normalization of every shape that takes a way of its own, in the variants for processors and GPUs,
against the CPU in float64.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from against_float64 import DEVICE, check, values

import tensorplug as tp
from tensorplug_dispatcher.ops import F

pytestmark = pytest.mark.usefixtures("variant")
EPS = 1e-5
# input and normalized shape: in registers and not, in a block of a processor and not, few and many
LAYERS = {
    "short": ((3000, 6), (6,)),
    "of the registers' size": ((7, 4096), (4096,)),
    "longer": ((40, 5001), (5001,)),
    "two dimensions": ((5, 3, 30, 70), (30, 70)),
    "one row": ((9000,), (9000,)),
    "one element": ((5, 1), (1,)),
}
BATCHES = {
    "rows": (5000, 33),
    "few channels": (64, 3, 40, 40),
    "short planes": (70, 20, 3, 3),
    "long planes": (2, 5, 30_000),
    "one image": (1, 16, 12, 11),
}


def statistics(x: Any, dims: Any, shape: Any) -> tuple[Any, Any]:
    """Mean and 1 / sqrt(variance + eps), as the forward pass gives them."""
    wide = x.double().numpy()
    mean, rstd = wide.mean(dims), 1 / np.sqrt(wide.var(dims) + EPS)
    return tuple(tp.from_numpy(np.asarray(v, np.float32).reshape(shape)) for v in (mean, rstd))


@pytest.mark.parametrize("place", range(len(LAYERS)), ids=list(LAYERS))
def test_layers(place: int) -> None:
    """Every other one with weight and bias."""
    shape, normalized = list(LAYERS.values())[place]
    affine = place % 2 == 0
    x, g = values(shape, 1, 2.0, 5.0), values(shape, 2)
    weight, bias = (values(normalized, k, 0.5, 2.0) if affine else None for k in (3, 4))
    check("layer_norm", x, normalized, weight, bias, EPS)
    check("rms_norm", x, normalized, weight, EPS)
    lead = len(shape) - len(normalized)
    mean, rstd = statistics(x, tuple(range(lead, len(shape))), (*shape[:lead], *(1 for _ in normalized)))
    if normalized != (1,):  # one element has no deviation, and rstd would be large
        check("layer_norm_backward", g, x, mean, rstd, weight, normalized, tolerance=1e-5)


@pytest.mark.parametrize("place", range(len(BATCHES)), ids=list(BATCHES))
def test_batches(place: int) -> None:
    """Every other one with weight and bias."""
    shape, affine = list(BATCHES.values())[place], place % 2 == 0
    x, g = values(shape, 1, 2.0, 5.0), values(shape, 2)
    channels = shape[1:2]
    weight, bias = (values(channels, k, 0.5, 2.0) if affine else None for k in (3, 4))
    check("batch_norm_train", x, weight, bias, EPS)
    mean, rstd = statistics(x, (0, *range(2, x.ndim)), channels)
    check("batch_norm_eval", x, mean, rstd, weight, bias, EPS)
    check("batch_norm_backward", g, x, mean, rstd, weight, tolerance=1e-5)


def test_groups() -> None:
    cases = (
        ((5, 6, 30, 31), 3, True),
        ((300, 8), 2, True),
        ((2, 4, 9000), 4, False),
        ((3, 6, 20, 21), 6, True),
    )
    for shape, groups, affine in cases:
        x = values(shape, 1, 2.0, 5.0)
        weight, bias = (values(shape[1:2], k, 0.5, 2.0) if affine else None for k in (3, 4))
        check("group_norm", x, groups, weight, bias, EPS)
    check("group_norm", values((3, 5, 6, 4)).transpose(1, 3), 2, None, None, EPS)


@pytest.mark.parametrize("dtype", [tp.float16, tp.bfloat16, tp.float64])
def test_other_dtypes(dtype: Any) -> None:
    """Parameters may be of another dtype than the input where both are computed with in float32."""
    tolerance = {tp.float16: 1e-3, tp.bfloat16: 8e-3, tp.float64: 1e-13}[dtype]
    x, g = values((300, 70), 1, 2.0, 5.0).to(dtype), values((300, 70), 2).to(dtype)
    wide = tp.float64 if dtype is tp.float64 else tp.float32
    weight, bias = values((70,), 3, 0.5, 2.0).to(wide), values((70,), 4, 0.5, 2.0).to(dtype)
    check("layer_norm", x, (70,), weight, bias, EPS, tolerance=tolerance)
    check("rms_norm", x, (70,), weight.to(dtype), EPS, tolerance=tolerance)
    check("batch_norm_train", x, weight, bias, EPS, tolerance=tolerance)
    check("group_norm", x, 7, weight, bias, EPS, tolerance=tolerance)
    for name, dims, shape in (("layer", 1, (300, 1)), ("batch", 0, (70,))):
        mean, rstd = (each.to(wide) for each in statistics(x, dims, shape))
        rest = ((70,),) if name == "layer" else ()
        check(f"{name}_norm_backward", g, x, mean, rstd, weight, *rest, tolerance=10 * tolerance)


def test_a_mean_far_from_zero() -> None:
    """The variance of numbers whose squares need more bits than there are."""
    x = values((20, 3000), 1, 1e4, 1e4 + 1)
    check("layer_norm", x, (3000,), None, None, EPS, tolerance=1e-5)
    check("batch_norm_train", x.t().contiguous(), None, None, EPS, tolerance=5e-3)  # its mean is rounded


def test_equal_elements_have_no_deviation() -> None:
    x = tp.full((7, 3001), 0.1)
    out, _, rstd = F.layer_norm(x.to(DEVICE), (3001,), None, None, 1e-5)
    assert float(out.cpu().abs().max()) < 1e-4
    np.testing.assert_allclose(rstd.cpu().numpy(), 1e-5**-0.5, 1e-4)
    out, _, _ = F.layer_norm(x.to(DEVICE), (3001,), None, None, 0.0)
    assert not ((out.cpu() > 1.5) | (out.cpu() < -1.5)).any()


def test_infinities_and_nans_stay_in_their_row() -> None:
    x = values((6, 500))
    x[1, 3], x[2, 499], x[3, 0] = float("inf"), float("nan"), float("-inf")
    for op, rest in (("layer_norm", (None, None)), ("rms_norm", (None,))):
        got = getattr(F, op)(x.to(DEVICE), (500,), *rest, EPS)
        wanted = getattr(F, op)(x, (500,), *rest, EPS)
        pairs = zip(got, wanted, strict=True) if isinstance(got, tuple) else [(got, wanted)]
        for mine, theirs in pairs:
            np.testing.assert_allclose(mine.cpu().numpy(), theirs.numpy(), 1e-4, 1e-5, equal_nan=True)


def test_views() -> None:
    base = values((30, 9, 40), 1, 2.0, 5.0)
    for how in (lambda t: t[::2, :, ::3], lambda t: t.transpose(0, 2), lambda t: t[:1].expand(30, 9, 40)):
        x, y = how(base).contiguous(), how(base.to(DEVICE))
        size = x.shape[-1]
        pairs = [(F.layer_norm(z, (size,), None, None, EPS)[0] for z in (y, x))]
        pairs.append(F.batch_norm_train(z, None, None, EPS)[0] for z in (y, x))
        pairs.append(F.group_norm(z, 3, None, None, EPS) for z in (y, x))
        for got, wanted in pairs:
            np.testing.assert_allclose(got.cpu().numpy(), wanted.numpy(), 1e-4, 1e-5)


def test_results_past_the_caches() -> None:
    """Large enough to be written so, from a start that is not at a cache line."""
    rows = values((1 << 14, 514), 1, 2.0, 5.0).to(DEVICE)
    for x in (rows, rows[1:]):
        out = F.layer_norm(x, (514,), None, None, EPS)[0].cpu().numpy()
        np.testing.assert_allclose(out.mean(1), 0, atol=1e-4)
        np.testing.assert_allclose(out.std(1), 1, rtol=1e-3)
        out = F.batch_norm_train(x.view(-1, 2, 257), None, None, EPS)[0].cpu().numpy()
        np.testing.assert_allclose(out.std((0, 2)), 1, rtol=1e-3)
