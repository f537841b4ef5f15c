"""Pooling and its cotangents against PyTorch."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from launch import launch  # noqa: E402

DTYPES = [torch.float32, torch.float64, torch.float16, torch.bfloat16]
BOUNDS = {torch.float64: 1e-13, torch.float32: 2e-6, torch.float16: 2e-3, torch.bfloat16: 1.6e-2}
# input, kernel, stride, padding, dilation, ceil_mode
CASES = [
    ((2, 3, 12, 12), (2, 2), (2, 2), (0, 0), (1, 1), False),
    ((2, 3, 31, 27), (3, 3), (2, 2), (1, 1), (1, 1), False),
    ((1, 2, 20, 33), (3, 2), (2, 3), (1, 1), (1, 1), True),
    ((1, 2, 19, 18), (3, 2), (1, 2), (1, 1), (2, 3), False),
    ((2, 2, 7, 7), (7, 7), (7, 7), (0, 0), (1, 1), False),
    ((1, 1, 4, 1300), (2, 3), (1, 1), (1, 1), (1, 1), False),
    ((3, 2, 40), (5,), (2,), (2,), (1,), True),
    ((1, 2, 6, 7, 20), (2, 3, 2), (1, 2, 2), (1, 0, 1), (1, 2, 1), True),
]


def _random(shape, dtype):
    return torch.randn(shape, generator=torch.Generator().manual_seed(0)).to(dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("shape", "kernel", "stride", "padding", "dilation", "ceil_mode"), CASES)
def test_max_pool(dtype, shape, kernel, stride, padding, dilation, ceil_mode):
    x, name = _random(shape, dtype), "max_pool"
    pool = getattr(torch.nn.functional, f"max_pool{len(kernel)}d")
    leaf = x.double().requires_grad_()
    expected, places = pool(leaf, kernel, stride, padding, dilation, ceil_mode, return_indices=True)
    attrs = {
        "kernel_size": kernel,
        "stride": stride,
        "padding": padding,
        "dilation": dilation,
        "ceil_mode": ceil_mode,
    }
    out, indices = torch.empty(expected.shape, dtype=dtype), torch.empty(expected.shape, dtype=torch.int64)
    assert launch("pooling", name, [out, indices], [x], attrs) == 0
    assert torch.equal(out.double(), expected.detach())
    if dtype in (torch.float32, torch.float64):  # halves are rounded to ties
        assert torch.equal(indices, places)
    lead = len(shape) - len(kernel)
    assert torch.equal(x.flatten(lead).gather(lead, indices.flatten(lead)).view(out.shape), out)
    grad = _random(out.shape, dtype)
    wide = torch.zeros(shape, dtype=torch.float64).flatten(lead)
    wide.scatter_add_(lead, indices.flatten(lead), grad.double().flatten(lead))
    d_input = torch.empty(shape, dtype=dtype)
    assert launch("pooling", f"{name}_backward", [d_input], [grad, indices], {"input_shape": shape}) == 0
    torch.testing.assert_close(d_input.double(), wide.view(shape), rtol=BOUNDS[dtype], atol=BOUNDS[dtype])


@pytest.mark.parametrize("width", [4, 40])
def test_max_pool_of_ties_nan_and_infinities(width):
    x = torch.zeros(1, 2, 6, width)
    x[0, 0, 0, 1] = x[0, 1, 3, 2] = x[0, 1, 2, 3] = float("nan")
    x[0, 0, 2:4] = float("-inf")
    x[0, 0, 5, 3] = float("inf")
    expected, places = torch.nn.functional.max_pool2d(x, 2, 1, 1, return_indices=True)
    out, indices = torch.empty_like(expected), torch.empty_like(places)
    attrs = {
        "kernel_size": (2, 2),
        "stride": (1, 1),
        "padding": (1, 1),
        "dilation": (1, 1),
        "ceil_mode": False,
    }
    assert launch("pooling", "max_pool", [out, indices], [x], attrs) == 0
    torch.testing.assert_close(out, expected, equal_nan=True)
    assert torch.equal(indices, places)


def test_a_place_outside_the_plane_is_an_error():
    indices = torch.full((1, 1, 1, 1), 4)
    outcome = launch(
        "pooling",
        "max_pool_backward",
        [torch.empty(1, 1, 2, 2)],
        [torch.ones(1, 1, 1, 1), indices],
        {"input_shape": (1, 1, 2, 2)},
    )
    assert outcome == 1


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("include_pad", "divisor"), [(True, None), (False, None), (True, 3)])
@pytest.mark.parametrize(
    ("shape", "kernel", "stride", "padding", "dilation", "ceil_mode"),
    [case for case in CASES if set(case[4]) == {1}],
)
def test_avg_pool(dtype, shape, kernel, stride, padding, dilation, ceil_mode, include_pad, divisor):
    x, name = _random(shape, dtype), "avg_pool"
    leaf = x.double().requires_grad_()
    rest = (divisor,) if len(kernel) > 1 else ()
    if not rest:
        divisor = None
    expected = getattr(torch.nn.functional, f"avg_pool{len(kernel)}d")(
        leaf, kernel, stride, padding, ceil_mode, include_pad, *rest
    )
    attrs = {
        "kernel_size": kernel,
        "stride": stride,
        "padding": padding,
        "ceil_mode": ceil_mode,
        "count_include_pad": include_pad,
        "divisor_override": divisor,
    }
    out = torch.empty(expected.shape, dtype=dtype)
    assert launch("pooling", name, [out], [x], attrs) == 0
    torch.testing.assert_close(out.double(), expected.detach(), rtol=BOUNDS[dtype], atol=BOUNDS[dtype])
    grad = _random(out.shape, dtype)
    expected.backward(grad.double())
    d_input = torch.empty(shape, dtype=dtype)
    attrs["input_shape"] = shape
    assert launch("pooling", f"{name}_backward", [d_input], [grad], attrs) == 0
    torch.testing.assert_close(d_input.double(), leaf.grad, rtol=BOUNDS[dtype], atol=BOUNDS[dtype])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("shape", "size"),
    [
        ((2, 3, 7, 50), (3, 20)),
        ((3, 7, 5), (3, 7)),
        ((2, 3, 9), (4,)),
        ((2, 16, 14, 14), (1, 1)),
        ((2, 4, 5, 6), (2, 3, 4)),
    ],
)
def test_adaptive_pool(dtype, shape, size):
    x = _random(shape, dtype)
    mean = getattr(torch.nn.functional, f"adaptive_avg_pool{len(size)}d")(x.double(), size)
    out = torch.empty(mean.shape, dtype=dtype)
    assert launch("pooling", "adaptive_avg_pool", [out], [x], {"output_size": size}) == 0
    torch.testing.assert_close(out.double(), mean, rtol=BOUNDS[dtype], atol=BOUNDS[dtype])
    most, _ = getattr(torch.nn.functional, f"adaptive_max_pool{len(size)}d")(
        x.double(), size, return_indices=True
    )
    indices = torch.empty(mean.shape, dtype=torch.int64)
    assert launch("pooling", "adaptive_max_pool", [out, indices], [x], {"output_size": size}) == 0
    assert torch.equal(out.double(), most)
    lead = len(shape) - len(size)
    assert torch.equal(x.flatten(lead).gather(lead, indices.flatten(lead)).view(out.shape), out)
