"""softmax, log_softmax and their cotangents against PyTorch in float64."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from launch import launch  # noqa: E402

BOUNDS = {torch.float64: 1e-13, torch.float32: 3e-6, torch.float16: 2e-3, torch.bfloat16: 1.6e-2}
SHAPES = [
    ((3, 1), 1),
    ((5, 10), 1),
    ((4, 33), 1),
    ((2, 1000), 1),
    ((7, 5), 0),
    ((3, 9, 20), 1),
    ((2, 6, 300), 1),
    ((4, 5, 6), 0),
    ((), 0),
    ((0, 3), 1),
    ((70, 5000), 1),
]


@pytest.mark.parametrize("dtype", BOUNDS)
@pytest.mark.parametrize(("shape", "dim"), SHAPES)
def test_softmax(dtype, shape, dim):
    generator = torch.Generator().manual_seed(0)
    x = (torch.randn(shape, generator=generator) * 5).to(dtype)
    grad = torch.randn(shape, generator=generator).to(dtype)
    for name, function in (("softmax", torch.softmax), ("log_softmax", torch.log_softmax)):
        leaf = x.double().requires_grad_()
        expected = function(leaf, dim)
        out = torch.empty(shape, dtype=dtype)
        assert launch("softmax", name, [out], [x], {"dim": dim}) == 0
        torch.testing.assert_close(out.double(), expected.detach(), rtol=BOUNDS[dtype], atol=BOUNDS[dtype])
        rounded = expected.detach().to(dtype)
        backward = getattr(torch.ops.aten, f"_{name}_backward_data")
        d_input = torch.empty(shape, dtype=dtype)
        assert launch("softmax", f"{name}_backward", [d_input], [grad, rounded], {"dim": dim}) == 0
        wide = backward(grad.double(), rounded.double(), dim, torch.float64)
        torch.testing.assert_close(d_input.double(), wide, rtol=BOUNDS[dtype], atol=BOUNDS[dtype] * 40)


@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
@pytest.mark.parametrize("width", [3, 40])
def test_special_values(name, width):
    x = torch.zeros(5, width)
    x[0, 1] = float("nan")
    x[1, 2] = float("inf")
    x[2] = float("-inf")
    x[3, 0] = float("-inf")
    x[4] += 1000
    out = torch.empty_like(x)
    for matrix, dim in ((x, 1), (x.T.contiguous(), 0)):
        out = torch.empty_like(matrix)
        assert launch("softmax", name, [out], [matrix], {"dim": dim}) == 0
        torch.testing.assert_close(out, getattr(torch, name)(matrix, dim), equal_nan=True)


def test_results_larger_than_the_caches():
    x = torch.randn(2050, 4095)
    out = torch.empty_like(x)
    assert launch("softmax", "softmax", [out], [x], {"dim": 1}) == 0
    torch.testing.assert_close(out, torch.softmax(x, 1), rtol=3e-6, atol=1e-7)
