"""Products of matrices and convolutions beyond the table's small samples: edges of tiles, batches, pieces."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

import tensorplug as tp
from tensorplug_dispatcher.ops import F

DEVICE = "opencl:0"


def close(found: Any, expected: Any, within: float = 2e-6) -> None:
    """``expected`` is float64; the bound is relative to the largest number."""
    found, expected = found.cpu().double(), expected.double()
    assert tuple(found.shape) == tuple(expected.shape)
    assert float((found - expected).abs().max()) <= within * max(float(expected.abs().max()), 1.0)


@pytest.mark.parametrize(
    "rows, depth, columns", [*itertools.product((1, 7, 8, 61), (1, 33), (1, 15, 32, 130))]
)
def test_edges(rows: int, depth: int, columns: int) -> None:
    a, b, bias = tp.randn(rows, depth), tp.randn(depth, columns), tp.randn(columns)
    x, y = a.to(DEVICE), b.to(DEVICE)
    expected = a.double() @ b.double()
    for left, right in itertools.product((x, x.t().contiguous().t()), (y, y.t().contiguous().t())):
        close(left @ right, expected)
    close(F.addmm(bias.to(DEVICE), x, y), expected + bias)
    close(tp.nn.functional.linear(x, y.t(), bias.to(DEVICE)), expected + bias)


@pytest.mark.parametrize(
    "dtype", [tp.float64, tp.float16, tp.bfloat16, tp.int64, tp.int32, tp.int16, tp.uint8]
)
def test_dtypes(dtype: Any) -> None:
    for rows, depth, columns in ((3, 20, 5), (40, 70, 50)):
        a, b = ((tp.rand(*s) * 20 - 5).to(dtype) for s in ((rows, depth), (depth, columns)))
        expected = a.double() @ b.double()
        found = (a.to(DEVICE) @ b.to(DEVICE)).cpu()
        assert found.dtype is dtype
        if dtype.is_floating_point:
            close(found, expected, {tp.float64: 1e-14, tp.float16: 1e-3, tp.bfloat16: 8e-3}[dtype])
        else:
            assert found.tolist() == (a @ b).tolist(), "wraps as the CPU does"


def test_batches() -> None:
    a, b = tp.randn(3, 4, 20, 30), tp.randn(3, 4, 30, 40)
    x, y = a.to(DEVICE), b.to(DEVICE)
    close(x @ y, a.double() @ b.double())
    close(x[:, 1:] @ y[:1, 1:].expand(3, 3, 30, 40), a[:, 1:].double() @ b[:1, 1:].double())
    close(x @ y[0, 0], a.double() @ b[0, 0].double())
    close(x.transpose(0, 1) @ y.transpose(0, 1), (a.double() @ b.double()).transpose(0, 1))
    close(x @ y[:, :1].expand(3, 4, 30, 40), a.double() @ b[:, :1].double())
    close(
        x.transpose(1, 2) @ y[:, :1].expand(3, 20, 30, 40)[..., :7],
        a.transpose(1, 2).double() @ b[:, :1].double()[..., :7],
    )
    out = tp.zeros(40, 12, device=DEVICE).t()[::2]
    close(tp.matmul(x[0, 0][:6], y[0, 0], out=out), a[0, 0][:6].double() @ b[0, 0].double())
    close(out, a[0, 0][:6].double() @ b[0, 0].double())
    close(tp.zeros(2, 3, 0, device=DEVICE) @ tp.zeros(2, 0, 9, device=DEVICE), tp.zeros(2, 3, 9))


CONVOLUTIONS = {
    "plain": ((5, 6, 19, 23), (10, 6, 3, 3), 1, 1, 1, 1),
    "strided": ((5, 6, 19, 23), (10, 6, 5, 4), 3, 2, 1, 1),
    "dilated": ((5, 6, 19, 23), (10, 6, 3, 3), 1, 2, 2, 1),
    "grouped": ((5, 8, 12, 13), (12, 4, 3, 3), 2, 1, 1, 2),
    "depthwise": ((5, 8, 12, 40), (8, 1, 3, 3), 1, 1, 1, 8),
    "depthwise strided": ((5, 8, 12, 600), (16, 1, 3, 5), 2, 2, 1, 8),
    "points": ((5, 8, 12, 13), (40, 8, 1, 1), 1, 0, 1, 1),
}


@pytest.mark.parametrize("pieces", [False, True])
@pytest.mark.parametrize("case", CONVOLUTIONS)
def test_convolutions(case: str, pieces: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Forward and both cotangents, with all images at once and with one at a time."""
    from tensorplug_codegen.programs import convolution

    if pieces:
        monkeypatch.setattr(convolution, "PANELS", 1)
    shape, kernel, stride, padding, dilation, groups = CONVOLUTIONS[case]
    shape = (shape[0] + pieces, *shape[1:])  # plans are kept by layouts
    rest = ((stride,) * 2, (padding,) * 2, (dilation,) * 2, groups)
    x, w, bias = tp.randn(*shape), tp.randn(*kernel), tp.randn(kernel[0])
    for dtype, within in ((tp.float32, 3e-6), (tp.float16, 2e-3)):
        u, v, c = (t.to(dtype).to(DEVICE) for t in (x, w, bias))
        a, b, d = (t.cpu().double() for t in (u, v, c))
        expected = F.conv(a, b, d, *rest)
        close(F.conv(u, v, c, *rest), expected, within)
        grad = tp.randn(*expected.shape).to(dtype)
        g = grad.to(DEVICE)
        close(
            F.conv_input_grad(g, v, shape, *rest),
            F.conv_input_grad(grad.double(), b, shape, *rest),
            within,
        )
        close(
            F.conv_weight_grad(g, u, kernel, *rest),
            F.conv_weight_grad(grad.double(), a, kernel, *rest),
            within,
        )


@pytest.mark.parametrize("kernel, stride, padding", [(2, 2, 0), (3, 1, 1), (3, 2, 1), (5, 3, 2)])
def test_pooling_of_long_rows(kernel: int, stride: int, padding: int) -> None:
    x = tp.randn(2, 3, 9, 700)
    y = x.to(DEVICE)
    place = ((kernel,) * 2, (stride,) * 2, (padding,) * 2)
    for found, expected in zip(
        F.max_pool(y, *place, (1, 1), True), F.max_pool(x, *place, (1, 1), True), strict=True
    ):
        assert found.cpu().tolist() == expected.tolist()
    for rest in ((False, True, None), (True, False, None), (True, True, 7)):
        expected = F.avg_pool(x.double(), *place, *rest)
        close(F.avg_pool(y, *place, *rest), expected)
        grad = tp.randn(*expected.shape)
        found = F.avg_pool_backward(grad.to(DEVICE), tuple(x.shape), *place, *rest)
        close(found, F.avg_pool_backward(grad.double(), tuple(x.shape), *place, *rest))


def test_long_sums_do_not_lose_what_is_small() -> None:
    for rows, columns in ((20, 40), (2, 40), (40, 2)):
        a, b = tp.rand(rows, 70_000), tp.rand(70_000, columns)
        close(a.to(DEVICE) @ b.to(DEVICE), a.double() @ b.double(), 2e-6)
