"""Reading and writing at indexed places against PyTorch."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from launch import TORCH, launch  # noqa: E402

from tensorplug_dispatcher import dtypes  # noqa: E402

ALL = [TORCH[d] for d in dtypes.ALL]
FLOATS = [TORCH[d] for d in dtypes.FLOATS]
OUT_OF_RANGE = 1


def values(shape, dtype, seed=0):
    generator = torch.Generator().manual_seed(seed)
    if dtype is torch.bool:
        return torch.rand(shape, generator=generator) < 0.3
    if dtype.is_floating_point:
        return (torch.randint(-64, 64, shape, generator=generator) / 8).to(dtype)
    return torch.randint(0, 100, shape, generator=generator).to(dtype)


def places(shape, n, dtype=torch.int64, seed=1):
    return torch.randint(0, n, shape, generator=torch.Generator().manual_seed(seed)).to(dtype)


def run(name, out, *ins, **attrs):
    assert launch("indexing", name, [out], ins, attrs) == 0
    return out


def added(x, dim, index, source):
    """index_add and scatter_add in a dtype that PyTorch adds exactly."""
    wide = torch.float64 if x.dtype.is_floating_point else torch.int64
    if index.ndim == 1 and x.ndim > 1:
        return x.to(wide).index_add(dim, index, source.to(wide)).to(x.dtype)
    return x.to(wide).scatter_add(dim, index, source.to(wide)).to(x.dtype)


@pytest.mark.parametrize("dtype", ALL)
@pytest.mark.parametrize("index_dtype", [torch.int64, torch.int32])
@pytest.mark.parametrize(
    ("shape", "dim", "counts"),
    [
        ((7, 5), 0, (4, 5)),
        ((7, 5), 1, (7, 40)),
        ((3, 70, 9), 1, (2, 30, 9)),
        ((40, 300), 0, (50, 300)),
        ((60,), 0, (90,)),
        ((9, 40), 1, (9, 1)),
        ((300, 80), 1, (300, 70)),
    ],
)
def test_along(shape, dim, counts, dtype, index_dtype):
    x, index, source = values(shape, dtype), places(counts, shape[dim], index_dtype), values(counts, dtype, 2)
    long = index.long()
    assert torch.equal(
        run("gather", torch.empty(counts, dtype=dtype), x, index, dim=dim), x.gather(dim, long)
    )
    flipped = x.transpose(0, -1).contiguous().transpose(0, -1)
    assert torch.equal(
        run("gather", torch.empty(counts, dtype=dtype), flipped, index, dim=dim), x.gather(dim, long)
    )
    found = run("scatter_add", torch.empty_like(x), x, index, source, dim=dim)
    assert torch.equal(found, added(x, dim, long, source))
    last = x.clone()  # the last index that names a place says its value
    for q in range(counts[dim]):
        last.scatter_(dim, long.narrow(dim, q, 1), source.narrow(dim, q, 1))
    assert torch.equal(run("scatter", torch.empty_like(x), flipped, index, source, dim=dim), last)


@pytest.mark.parametrize("dtype", ALL)
@pytest.mark.parametrize(
    ("shape", "dim", "count"),
    [
        ((5,), 0, 9),
        ((7, 5), 0, 12),
        ((7, 5), 1, 30),
        ((2, 9, 33), 1, 100),
        ((3, 50000), 0, 2),
        ((2000, 8), 0, 9000),
        ((4, 0), 0, 3),
    ],
)
def test_slices(shape, dim, count, dtype):
    x, index = values(shape, dtype), places((count,), shape[dim])
    slices = x.index_select(dim, index)
    source = values(tuple(slices.shape), dtype, 3)
    for each in (x, x.transpose(0, -1).contiguous().transpose(0, -1)):
        assert torch.equal(run("index_select", torch.empty_like(source), each, index, dim=dim), slices)
    strided = torch.stack([source, source], -1)[..., 1]
    assert torch.equal(
        run("index_add", torch.empty_like(x), x, index, strided, dim=dim), added(x, dim, index, source)
    )
    last = torch.full((shape[dim],), -1).scatter_reduce(0, index, torch.arange(count), "amax")
    written = (last >= 0).reshape(-1, *[1] * (len(shape) - 1 - dim))
    expected = torch.where(written, source.index_select(dim, last.clamp(min=0)), x)
    assert torch.equal(run("index_copy", torch.empty_like(x), x, index, source, dim=dim), expected)


@pytest.mark.parametrize("dtype", [torch.bool, torch.int64, torch.bfloat16, torch.float32])
def test_advanced(dtype):
    x = values((6, 7, 8), dtype)
    rows, columns = places((4, 1), 6) - 3, places((3,), 7, torch.int32)
    picked = x[rows, columns.long()]
    assert torch.equal(run("index", torch.empty_like(picked), x, rows, columns), picked)
    for source in (
        values(tuple(picked.shape), dtype, 4),
        values((8,), dtype, 4),
        values((3, 1), dtype, 4),
        values((), dtype, 4),
    ):
        for accumulate in (False, True):
            if accumulate and dtype is torch.bool:
                continue
            target = (torch.zeros(1).float() if dtype.is_floating_point else torch.zeros(1).long()).dtype
            expected = x.to(target).index_put((rows, columns.long()), source.to(target), accumulate).to(dtype)
            found = run("index_put", torch.empty_like(x), x, rows, columns, source, accumulate=accumulate)
            assert (
                torch.equal(found, expected) or not accumulate
            )  # PyTorch's order among equal places is its own
            if not accumulate:
                wide = source.expand(picked.shape)
                assert all(
                    (found[r, c] == wide.reshape(-1, 8)).all(-1).any()
                    for r, c in zip((rows + 0).expand(4, 3).flatten(), columns.expand(4, 3).flatten())
                )


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize(
    ("count", "width", "shape"), [(5, 3, (4,)), (50, 64, (6, 70)), (10, 1, (30000,)), (9, 5, ())]
)
def test_embedding(count, width, shape, dtype):
    weight, indices = values((count, width), dtype), places(shape, count)
    found = run("embedding", torch.empty(*shape, width, dtype=dtype), weight, indices, padding_idx=-1)
    assert torch.equal(found, weight[indices])
    grad = values((*shape, width), dtype, 5)
    for padding in (-1, 2):
        expected = torch.zeros(count, width, dtype=torch.float64)
        expected.index_add_(0, indices.flatten(), grad.reshape(-1, width).double())
        if padding >= 0:
            expected[padding] = 0
        found = run(
            "embedding_backward",
            torch.empty(count, width, dtype=dtype),
            grad,
            indices,
            num_embeddings=count,
            padding_idx=padding,
        )
        assert torch.equal(found, expected.to(dtype))


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("shape", [(5, 3), (70, 10, 6), (2, 4, 3, 5)])
def test_nll(shape, weighted, dtype):
    logp, target = values(shape, dtype), places((shape[0], *shape[2:]), shape[1])
    target[0] = -100
    weight = values((shape[1],), dtype, 6).abs() if weighted else None
    losses, weights = torch.empty(target.shape, dtype=dtype), torch.empty(target.shape, dtype=dtype)
    assert (
        launch(
            "indexing", "nll_loss_forward", [losses, weights], [logp, target, weight], {"ignore_index": -100}
        )
        == 0
    )
    leaf = logp.double().requires_grad_()
    expected = torch.nn.functional.nll_loss(
        leaf, target, None if weight is None else weight.double(), reduction="none"
    )
    assert torch.equal(losses, expected.detach().to(dtype))
    factor = torch.ones(shape[1], dtype=dtype) if weight is None else weight
    assert torch.equal(weights, torch.where(target < 0, 0, factor[target.clamp(min=0)]))
    grad = values(tuple(target.shape), dtype, 7)
    expected.backward(grad.double())
    found = run(
        "nll_loss_backward",
        torch.empty(shape, dtype=dtype),
        grad,
        target,
        weight,
        ignore_index=-100,
        num_classes=shape[1],
    )
    assert torch.equal(found, leaf.grad.to(dtype))


@pytest.mark.parametrize("bad", [-1, 5, 2**31 - 1, -(2**31)])
@pytest.mark.parametrize("index_dtype", [torch.int64, torch.int32])
def test_range_is_checked_before_writing(bad, index_dtype):
    index = torch.tensor([0, 4, bad, 1], dtype=index_dtype)
    x, rows, many = torch.zeros(5, 3), torch.ones(4, 3), index[:, None].expand(4, 3).contiguous()
    calls = [
        ("gather", x, (x, many), {"dim": 0}),
        ("scatter", x, (x, many, rows), {"dim": 0}),
        ("scatter_add", x, (x, many, rows), {"dim": 0}),
        ("index_select", x, (x, index), {"dim": 0}),
        ("index_add", x, (x, index, rows), {"dim": 0}),
        ("embedding", x, (x, index), {}),
        ("embedding_backward", x, (rows, index), {"padding_idx": -1}),
        ("nll_loss_backward", x, (rows[:, 0].contiguous(), index, None), {"ignore_index": -100}),
    ]
    if bad != -1:
        calls += [("index", x, (x, index), {}), ("index_put", x, (x, index, rows), {"accumulate": False})]
    for name, _, ins, attrs in calls:
        shape = (
            (4, 3)
            if name in ("gather", "index_select", "embedding", "index")
            else (4, 5)
            if "nll" in name
            else (5, 3)
        )
        out = torch.full(shape, 7.0)
        assert launch("indexing", name, [out], ins, attrs) == OUT_OF_RANGE, name
        assert bool((out == 7).all()), name


@pytest.mark.parametrize("dtype", ALL)
def test_iota(dtype):
    for length, start, step in ((0, 0, 1), (5, 3, 2), (60, 100, -1), (40000, 0, 0)):
        out = torch.empty(length, dtype=dtype)
        run("iota", out, length=length, start=start, step=step)
        assert torch.equal(out, (torch.arange(length) * step + start).to(dtype))
    if dtype.is_floating_point:
        out = run("iota", torch.empty(9, 2, dtype=dtype)[:, 1], length=9, start=-0.5, step=0.25)
        assert torch.equal(out, (torch.arange(9) * 0.25 - 0.5).to(dtype))
