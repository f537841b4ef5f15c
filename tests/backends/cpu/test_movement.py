"""copy, cast and fill against PyTorch, over strides and all pairs of dtypes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from launch import TORCH, launch  # noqa: E402

from tensorplug_dispatcher import dtypes  # noqa: E402

pytestmark = pytest.mark.oracle


def same(a: Any, b: Any) -> bool:
    return torch.equal(a.isnan(), b.isnan()) and torch.equal(a.nan_to_num(), b.nan_to_num())


def views(x: Any) -> Iterator[Any]:
    yield from (
        x,
        x.t(),
        x[:, ::3],
        x[1:, 2:],
        x[:1].expand(x.shape),
        x[:, :1].expand(x.shape),
        x.t()[3:, 1:].t(),
    )
    folded = x.reshape(4, x.shape[0] // 4, 3, -1)
    for order in ((2, 3, 0, 1), (3, 1, 0, 2), (0, 2, 1, 3), (0, 3, 1, 2), (3, 2, 1, 0)):
        yield folded.permute(order)


@pytest.mark.parametrize("dtype", dtypes.ALL, ids=lambda d: d.name)
@pytest.mark.parametrize("shape", [(8, 9), (100, 75), (64, 96), (256, 303)], ids=str)
def test_copy(shape: tuple[int, int], dtype: dtypes.DType) -> None:
    for x in views(torch.randint(-100, 100, shape).to(TORCH[dtype])):
        wider = torch.zeros((*x.shape[:-1], x.shape[-1] * 2), dtype=x.dtype)[..., ::2]
        for out in (
            torch.empty(x.shape, dtype=x.dtype),
            torch.empty(x.shape[::-1], dtype=x.dtype).permute(*reversed(range(x.ndim))),
            wider,
        ):
            assert launch("movement", "copy", [out], [x]) == 0
            assert torch.equal(out, x), (x.shape, x.stride(), out.stride())


@pytest.mark.parametrize("target", dtypes.ALL, ids=lambda d: d.name)
@pytest.mark.parametrize("source", dtypes.ALL, ids=lambda d: d.name)
def test_cast(source: dtypes.DType, target: dtypes.DType) -> None:
    unsigned = dtypes.uint8 in (source, target)
    for shape in ((), (0, 2), (3, 5), (70, 33), (3000,), (300, 400)):
        x = (torch.rand(shape) * 200 - (0 if unsigned else 100)).to(TORCH[source])
        for view in (x, x.t()) if x.ndim == 2 else (x,):
            out = torch.empty(view.shape, dtype=TORCH[target])
            assert launch("movement", "cast", [out], [view]) == 0
            assert torch.equal(out, view.to(out.dtype))


@pytest.mark.parametrize("half", [torch.float16, torch.bfloat16], ids=str)
def test_halves_round_to_nearest_even(half: Any) -> None:
    every = torch.arange(65536, dtype=torch.int32).to(torch.int16).view(half)
    wide = torch.empty(65536)
    assert launch("movement", "cast", [wide], [every]) == 0
    assert same(wide, every.float())
    x = torch.arange(-(2**31), 2**31, 4099).to(torch.int32).view(torch.float32)
    narrow = torch.empty(x.shape, dtype=half)
    assert launch("movement", "cast", [narrow], [x]) == 0
    assert same(narrow, x.to(half))


@pytest.mark.parametrize("dtype", dtypes.ALL, ids=lambda d: d.name)
def test_fill(dtype: dtypes.DType) -> None:
    value = torch.tensor([1.5 if dtype.is_floating_point else 1], dtype=TORCH[dtype])
    for out in (
        torch.zeros(3, 4, dtype=value.dtype),
        torch.zeros(5000, dtype=value.dtype)[::3],
        torch.zeros(3000, 3000, dtype=value.dtype),
        torch.zeros((), dtype=value.dtype),
    ):
        assert launch("movement", "fill", [out], [], pointers=[value]) == 0
        assert torch.equal(out, value.reshape(()).expand(out.shape))


@pytest.mark.parametrize("dtype", dtypes.ALL, ids=lambda d: d.name)
@pytest.mark.parametrize("dim", [0, 1, -1])
def test_cat_and_stack(dim: int, dtype: dtypes.DType) -> None:
    x = torch.randint(-100, 100, (20, 30, 7)).to(TORCH[dtype])
    parts = [x.narrow(dim, 0, n) for n in (1, 4, 0, 2)]
    parts += [x.permute(2, 1, 0).contiguous().permute(2, 1, 0), x.flip(0).narrow(dim, 2, 5)]
    expected = torch.cat(parts, dim)
    for out in (
        torch.zeros_like(expected),
        torch.zeros(expected.shape[::-1], dtype=x.dtype).permute(2, 1, 0),
    ):
        assert launch("movement", "cat", [out], parts, {"dim": dim}) == 0
        assert torch.equal(out, expected)
    same_size = [x, x.flip(0), x.permute(2, 1, 0).contiguous().permute(2, 1, 0)]
    expected = torch.stack(same_size, dim)
    out = torch.zeros_like(expected)
    assert launch("movement", "stack", [out], same_size, {"dim": dim}) == 0
    assert torch.equal(out, expected)
    assert launch("movement", "cat", [out], [x] * 33, {"dim": 0}) is None, "more than a call has pointers for"
    other = x.to(torch.float32 if x.dtype is not torch.float32 else torch.int8)
    assert launch("movement", "cat", [out], [x, other], {"dim": 0}) is None, "converted by the core"
