"""Scans, sorting, ranks, binary search and nonzero against PyTorch."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from launch import TORCH, launch  # noqa: E402

from tensorplug_dispatcher import dtypes  # noqa: E402

ALL = [TORCH[d] for d in dtypes.ALL]
FLOATS = [TORCH[d] for d in dtypes.FLOATS]
BOUNDS = {torch.float64: 1e-13, torch.float32: 1e-6, torch.float16: 1e-3, torch.bfloat16: 8e-3}
SHAPES = [
    ((), 0),
    ((1,), 0),
    ((7,), 0),
    ((6, 300), 1),
    ((300, 6), 0),
    ((3, 41, 5), 1),
    ((2, 700, 300), 1),
    ((0, 3), 0),
    ((3, 0), 0),
    ((3, 270000), 1),
]


def values(shape, dtype, special=True):
    generator = torch.Generator().manual_seed(len(shape))
    if dtype is torch.bool:
        return torch.rand(shape, generator=generator) < 0.5
    if not dtype.is_floating_point:
        low, high = (0, 256) if dtype is torch.uint8 else (-128, 128)
        return torch.randint(low, high, shape, generator=generator).to(dtype) * (
            1 if dtype.itemsize == 1 else 77
        )
    x = (torch.randint(-500, 500, shape, generator=generator) / 16).to(dtype)
    if special and x.numel() > 40:
        flat = x.view(-1)
        flat[3], flat[9], flat[17], flat[20] = float("nan"), float("inf"), float("-inf"), -0.0
        flat[25] = -torch.tensor(float("nan"))
    return x


def result_dtype(dtype):
    return dtype if dtype.is_floating_point else torch.int64


@pytest.mark.parametrize("dtype", ALL)
@pytest.mark.parametrize(("shape", "dim"), SHAPES)
def test_sums_and_products(shape, dim, dtype):
    x = values(shape, dtype, special=False)
    out = torch.empty(shape, dtype=result_dtype(dtype))
    wide = x.double() if dtype.is_floating_point else x.long()
    assert launch("scan_sort", "cumsum", [out], [x], {"dim": dim}) == 0
    expected = wide.cumsum(dim)
    if dtype.is_floating_point:  # sixteenths: exact up to the last rounding
        torch.testing.assert_close(out, expected.to(dtype), rtol=BOUNDS[dtype], atol=0)
        x = (1 + x / 1000).to(dtype)
    assert launch("scan_sort", "cumprod", [out], [x], {"dim": dim}) == 0
    expected = (x.double() if dtype.is_floating_point else x.long()).cumprod(dim)
    bound = BOUNDS.get(dtype, 0)
    torch.testing.assert_close(out, expected.to(out.dtype), rtol=bound, atol=0)


def test_sums_of_another_dtype():
    x = values((5, 70), torch.float16, special=False)
    for source, dtype in ((x, torch.float32), (x, torch.float64), (x.to(torch.int8), torch.float64)):
        out = torch.empty(5, 70, dtype=dtype)
        assert launch("scan_sort", "cumsum", [out], [source], {"dim": 1}) == 0
        assert torch.equal(out, source.to(dtype).cumsum(1))
    assert launch("scan_sort", "cumsum", [x], [x.float()], {"dim": 1}) is None


@pytest.mark.parametrize("dtype", ALL)
@pytest.mark.parametrize(("shape", "dim"), SHAPES)
def test_extrema(shape, dim, dtype):
    x = values(shape, dtype)
    for name in ("cummax", "cummin"):
        out, index = torch.empty(shape, dtype=dtype), torch.empty(shape, dtype=torch.int64)
        assert launch("scan_sort", name, [out, index], [x], {"dim": dim}) == 0
        expected = getattr(torch, name)(x, dim)
        torch.testing.assert_close(out, expected.values, rtol=0, atol=0, equal_nan=True)
        assert torch.equal(index, expected.indices)


@pytest.mark.parametrize("dtype", ALL)
@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize(("shape", "dim"), SHAPES)
def test_sort(shape, dim, descending, dtype):
    x = values(shape, dtype)
    out, index = torch.empty(shape, dtype=dtype), torch.empty(shape, dtype=torch.int64)
    attrs = {"dim": dim, "descending": descending}
    expected = torch.sort(x, dim=dim, descending=descending, stable=True)
    assert launch("scan_sort", "sort", [out, index], [x], attrs) == 0
    torch.testing.assert_close(out, expected.values, rtol=0, atol=0, equal_nan=True)
    assert torch.equal(index, expected.indices)
    assert launch("scan_sort", "argsort", [index.fill_(-1)], [x], attrs) == 0
    assert torch.equal(index, expected.indices)
    length = x.shape[dim] if x.ndim else 1
    for k in {0, 1, length // 7, length // 2, length} if x.ndim else {1}:
        if x.numel() == 0:
            continue
        top = expected.indices.narrow(dim, 0, k) if x.ndim else expected.indices
        best, places = torch.empty(top.shape, dtype=dtype), torch.empty(top.shape, dtype=torch.int64)
        assert (
            launch("scan_sort", "topk", [best, places], [x], {"dim": dim, "k": k, "largest": descending}) == 0
        )
        assert torch.equal(places, top)
        if k and not descending:
            last = top.select(dim, k - 1) if x.ndim else top
            one, place = torch.empty(last.shape, dtype=dtype), torch.empty(last.shape, dtype=torch.int64)
            assert launch("scan_sort", "kthvalue", [one, place], [x], {"dim": dim, "k": k}) == 0
            assert torch.equal(place, last)


@pytest.mark.parametrize("dtype", [d for d in ALL if d is not torch.bool])
@pytest.mark.parametrize("right", [False, True])
def test_searchsorted(right, dtype):
    boundaries, wanted = (
        values((4, 50), dtype, special=False).sort(1).values,
        values((4, 70), dtype, special=False),
    )
    if dtype.is_floating_point:
        boundaries[0, -2:], wanted[0, 5], wanted[1, 5], wanted[2, 0] = (
            float("nan"),
            float("nan"),
            float("nan"),
            -0.0,
        )
    wide = torch.float64 if dtype.is_floating_point else torch.int64
    for b, w in (
        (boundaries, wanted),
        (boundaries[1].clone(), wanted),
        (boundaries[0].clone(), wanted[0, 0].clone()),
        (boundaries[:, :0].clone(), wanted),
    ):
        out = torch.empty(w.shape, dtype=torch.int64)
        assert launch("scan_sort", "searchsorted", [out], [b, w], {"right": right}) == 0
        assert torch.equal(out, torch.searchsorted(b.to(wide), w.to(wide), right=right))


@pytest.mark.parametrize("dtype", ALL)
@pytest.mark.parametrize("shape", [(5,), (0,), (3, 0), (7, 11), (2, 3, 4), (50, 3, 700), (), (40000, 1)])
def test_nonzero(shape, dtype):
    x = values(shape, dtype, special=False)
    x = x * (torch.rand(shape, generator=torch.Generator().manual_seed(3)) < 0.3).to(dtype)
    if dtype.is_floating_point and x.numel() > 4:
        x.view(-1)[1], x.view(-1)[3] = -0.0, float("nan")
    expected = torch.nonzero(x)
    found = torch.empty(expected.shape, dtype=torch.int64)
    assert launch("scan_sort", "nonzero", [found], [x], {"count": len(expected)}) == 0
    assert torch.equal(found, expected)
    if len(expected) > 2 and x.ndim:
        found = torch.full((len(expected) - 1, x.ndim), 7)
        assert launch("scan_sort", "nonzero", [found], [x], {"count": len(expected) - 1}) == 0
        assert torch.equal(found, expected[:-1])
