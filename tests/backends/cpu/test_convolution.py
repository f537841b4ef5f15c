"""Convolutions and their cotangents against PyTorch in float64."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from launch import launch  # noqa: E402

BOUNDS = {torch.float64: 1e-12, torch.float32: 2e-5, torch.float16: 2e-3, torch.bfloat16: 1.6e-2}
# input, weight, stride, padding, dilation, groups
CASES = [
    ((2, 3, 9, 8), (4, 3, 3, 3), (1, 1), (1, 1), (1, 1), 1),
    ((2, 3, 11, 8), (5, 3, 3, 2), (2, 3), (2, 1), (2, 1), 1),
    ((3, 4, 6, 7), (6, 2, 3, 3), (1, 1), (1, 0), (1, 1), 2),
    ((2, 6, 9, 40), (6, 1, 3, 3), (1, 1), (1, 1), (1, 1), 6),
    ((2, 3, 9, 9), (6, 1, 5, 3), (2, 2), (2, 1), (1, 1), 3),
    ((1, 2, 8, 9), (3, 2, 3, 3), (1, 1), (2, 2), (2, 2), 1),
    ((3, 4, 6, 5), (4, 4, 5, 5), (1, 1), (2, 2), (1, 1), 1),
    ((2, 4, 9, 20), (4, 1, 3, 3), (1, 3), (2, 0), (2, 2), 4),
    ((2, 2, 4, 5, 6), (4, 1, 2, 3, 3), (1, 1, 1), (1, 1, 1), (1, 1, 1), 2),
    ((2, 5, 6, 7), (4, 5, 1, 1), (1, 1), (0, 0), (1, 1), 1),
    ((1, 1, 5, 5), (1, 1, 1, 1), (1, 1), (0, 0), (1, 1), 1),
    ((2, 5, 7, 7), (4, 5, 1, 1), (2, 2), (0, 0), (1, 1), 1),
    ((1, 2, 3, 3), (3, 2, 3, 3), (1, 1), (0, 0), (1, 1), 1),
    ((1, 1, 2, 2), (2, 1, 2, 2), (1, 1), (4, 4), (3, 3), 1),
    ((9, 40, 33, 33), (24, 40, 3, 3), (1, 1), (1, 1), (1, 1), 1),
    ((2, 3, 9), (4, 3, 3), (2,), (1,), (1,), 1),
    ((2, 4, 5, 6, 7), (4, 2, 2, 3, 3), (1, 2, 1), (1, 1, 0), (1, 1, 2), 2),
    ((0, 3, 5, 5), (4, 3, 3, 3), (1, 1), (1, 1), (1, 1), 1),
]


@pytest.mark.parametrize("dtype", BOUNDS)
@pytest.mark.parametrize("case", CASES, ids=str)
@pytest.mark.parametrize("with_bias", [True, False])
def test_convolution(dtype, case, with_bias):
    shape, kernel, stride, padding, dilation, groups = case
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(shape, generator=generator).to(dtype)
    w = (torch.randn(kernel, generator=generator) * 0.2).to(dtype)
    b = torch.randn(kernel[0], generator=generator).to(dtype) if with_bias else None
    dims = len(stride)
    function = getattr(torch.nn.functional, f"conv{dims}d")
    wide_x, wide_w = x.double().requires_grad_(), w.double().requires_grad_()
    expected = function(wide_x, wide_w, None if b is None else b.double(), stride, padding, dilation, groups)
    grad = torch.randn(expected.shape, generator=generator).to(dtype)
    expected.backward(grad.double())
    attrs = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    results = [torch.full(t.shape, 7, dtype=dtype) for t in (expected, x, w)]
    for suffix, ins, out in (
        ("", [x, w, b], results[0]),
        ("_input_grad", [grad, w], results[1]),
        ("_weight_grad", [grad, x], results[2]),
    ):
        assert launch("convolution", f"conv{suffix}", [out], ins, attrs) == 0
    for out, wide in zip(results, (expected.detach(), wide_x.grad, wide_w.grad), strict=True):
        scale = wide.abs().max().item() if wide.numel() else 1.0
        torch.testing.assert_close(out.double(), wide, rtol=BOUNDS[dtype], atol=BOUNDS[dtype] * scale)


@pytest.mark.parametrize("with_bias", [True, False])
@pytest.mark.parametrize(
    "case",
    [
        ((3, 40, 17, 18), (48, 40, 3, 3), (1, 1), (1, 1), (1, 1), 1),
        ((2, 70, 9, 9), (66, 35, 3, 3), (2, 1), (1, 1), (1, 1), 2),
        ((2, 64, 12, 12), (33, 64, 1, 1), (1, 1), (0, 0), (1, 1), 1),
    ],
    ids=str,
)
def test_bfloat16_by_each_kind_of_instruction(bfloat16_instructions, case, with_bias):
    test_convolution(torch.bfloat16, case, with_bias)
