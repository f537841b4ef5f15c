"""Products of bytes against PyTorch in float64,
at every level that this processor has; levels and numbers.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

torch = pytest.importorskip("torch")

import quantized_references as reference  # noqa: E402
from launch import launch  # noqa: E402

from tensorplug_cpu import quantized  # noqa: E402
from tensorplug_dispatcher import dtypes  # noqa: E402

HERE = quantized.LEVELS[: quantized.dot_level() + 1]


@pytest.fixture(params=HERE)
def level(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv("TENSORPLUG_DOT", request.param)
    quantized.dot_level.cache_clear()
    assert quantized.LEVELS[quantized.dot_level()] == request.param
    yield request.param
    monkeypatch.undo()
    quantized.dot_level.cache_clear()


def levels(*shape: int, dtype: torch.dtype) -> torch.Tensor:
    info = torch.iinfo(dtype)
    return torch.randint(info.min, info.max + 1, shape, dtype=torch.int32).to(dtype)


def parts(dtype: torch.dtype, rows: int, ndim: int, per_row: bool, known: bool, weight: torch.Tensor) -> list:
    scale = torch.tensor(0.013)
    point = torch.tensor(113 if dtype == torch.uint8 else -5, dtype=torch.int32)
    scales = torch.rand(rows) * 0.01 + 0.001 if per_row else torch.tensor([0.007])
    scales = scales.reshape(-1, *(1,) * (ndim - 1)) if per_row else scales.reshape(())
    sums = weight.int().flatten(1).sum(1, dtype=torch.int32) if known else None
    return [scale, point, scales, sums]


def close(got: torch.Tensor, want: torch.Tensor, step: float) -> None:
    if got.dtype == torch.float32:
        torch.testing.assert_close(got.double(), want.double(), rtol=1e-5, atol=1e-5 * step)
    else:
        assert (got.int() - want.int()).abs().max().item() <= 1


@pytest.mark.parametrize("out", [torch.float32, torch.uint8, torch.int8])
@pytest.mark.parametrize(
    "shape", [(1, 1, 1), (3, 5, 7), (33, 32, 64), (70, 65, 130), (300, 40, 100), (2, 31, 4)]
)
@pytest.mark.parametrize("dtype", [torch.uint8, torch.int8])
def test_linear(level: str, dtype: torch.dtype, shape: tuple[int, int, int], out: torch.dtype) -> None:
    m, n, k = shape
    x, w = levels(m, k, dtype=dtype), levels(n, k, dtype=torch.int8)
    bias = torch.randn(n) if n % 2 else None
    ours = parts(dtype, n, 2, n > 5, n % 3 == 0, w)
    ends = [None, None] if out == torch.float32 else [torch.tensor(0.4), torch.tensor(3, dtype=torch.int32)]
    got = torch.empty(m, n, dtype=out)
    name = dtypes.dtype_named(str(out).removeprefix("torch."))
    assert launch("quantized", "quantized_linear", [got], [x, w, bias, *ours, *ends], {"dtype": name}) == 0
    close(got, reference.quantized_linear(x, w, bias, *ours, *ends, out), 10)


CONVS = [
    # input, weight, stride, padding, dilation, groups
    ((1, 1, 3, 3), (1, 1, 1, 1), (1, 1), (0, 0), (1, 1), 1),
    ((2, 3, 9, 11), (5, 3, 3, 3), (1, 1), (1, 1), (1, 1), 1),
    ((1, 16, 14, 70), (33, 16, 3, 3), (1, 1), (1, 1), (1, 1), 1),
    ((2, 8, 13, 9), (6, 4, 3, 2), (2, 3), (2, 1), (1, 2), 2),
    ((1, 6, 8, 8), (6, 1, 3, 3), (1, 1), (1, 1), (1, 1), 6),
    ((1, 64, 20, 20), (64, 64, 3, 3), (1, 1), (1, 1), (1, 1), 1),
    ((1, 5, 7, 7), (4, 5, 5, 5), (2, 2), (0, 0), (1, 1), 1),
]


@pytest.mark.parametrize("case", CONVS, ids=lambda c: "x".join(map(str, c[0])))
@pytest.mark.parametrize("dtype", [torch.uint8, torch.int8])
@pytest.mark.parametrize("out", [torch.float32, torch.uint8])
def test_conv2d(level: str, dtype: torch.dtype, case: tuple, out: torch.dtype) -> None:
    shape, kernel, stride, padding, dilation, groups = case
    x, w = levels(*shape, dtype=dtype), levels(*kernel, dtype=torch.int8)
    bias = torch.randn(kernel[0])
    ours = parts(dtype, kernel[0], 4, True, kernel[0] % 2 == 0, w)
    ends = [None, None] if out == torch.float32 else [torch.tensor(2.0), torch.tensor(90, dtype=torch.int32)]
    settings = (stride, padding, dilation, groups)
    want = reference.quantized_conv2d(x, w, bias, *ours, *ends, *settings, out)
    got = torch.empty(want.shape, dtype=out)
    attributes = dict(zip(("stride", "padding", "dilation", "groups"), settings, strict=True))
    assert launch("quantized", "quantized_conv2d", [got], [x, w, bias, *ours, *ends], attributes) == 0
    close(got, want, 100)


@pytest.mark.parametrize("scale", [(), (1, 1), (6, 1), (6, 4), (6, 2)])
@pytest.mark.parametrize("affine", [False, True])
def test_levels(scale: tuple[int, ...], affine: bool) -> None:
    x = torch.randn(6, 8) * 3
    x[0, 0], x[1, 1], x[2, 2] = float("nan"), float("inf"), -1e30
    scales = torch.rand(scale) * 0.05 + 0.01
    points = torch.randint(-9, 9, scale, dtype=torch.int32) if affine else None
    got = torch.empty(6, 8, dtype=torch.int8)
    attributes = {"dtype": dtypes.int8, "low": -100, "high": 127}
    assert launch("quantized", "quantize", [got], [x, scales, points], attributes) == 0
    want = reference.quantize(x, scales, points, dtypes.int8, -100, 127)
    assert (got.int() - want.int()).abs().max().item() <= 1
    back = torch.empty(6, 8)
    assert launch("quantized", "dequantize", [back], [got, scales, points], {"dtype": dtypes.float32}) == 0
    assert torch.equal(back, reference.dequantize(got, scales, points, torch.float32))


@pytest.mark.parametrize("bits", [4, 8])
@pytest.mark.parametrize("signed", [True, False])
@pytest.mark.parametrize("shape", [(1, 5, 6), (7, 33, 130), (1, 100, 256), (2, 3, 7)])
@pytest.mark.parametrize("groups", [None, 1, 2])
def test_weight_only(bits: int, signed: bool, shape: tuple[int, int, int], groups: int | None) -> None:
    m, n, k = shape
    if groups is not None and k % groups:
        groups = 1
    x, bias = torch.randn(m, k), torch.randn(n) if n % 2 else None
    stored = torch.uint8 if bits == 4 or not signed else torch.int8
    w = levels(n, (k + 1) // 2 if bits == 4 else k, dtype=stored)
    if bits == 4 and k % 2:
        w[:, -1] &= 15
    scale = torch.rand(() if groups is None else (n, groups)) + 0.1
    point = None if signed else torch.randint(0, 9, scale.shape, dtype=torch.int32)
    got = torch.empty(m, n)
    attributes = {"bits": bits, "signed": signed}
    assert launch("quantized", "weight_only_linear", [got], [x, w, scale, point, bias], attributes) == 0
    want = reference.weight_only_linear(x.double(), w, scale.double(), point, bias, bits, signed)
    torch.testing.assert_close(got.double(), want, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("count", [1, 15, 100, 100_003])
@pytest.mark.parametrize("symmetric", [True, False])
@pytest.mark.parametrize("shift", [0.0, 5.0, -5.0])
def test_choice_of_a_scale(count: int, symmetric: bool, shift: float) -> None:
    x = torch.randn(count) + shift
    scale, point = torch.empty(()), torch.empty((), dtype=torch.int32)
    attributes = {"low": -128, "high": 127, "symmetric": symmetric}
    assert launch("quantized", "choose_qparams", [scale, point], [x], attributes) == 0
    wanted, wanted_point = reference.choose_qparams(x, -128, 127, symmetric)
    torch.testing.assert_close(scale, wanted, rtol=1e-6, atol=0)
    assert abs(point.item() - wanted_point.item()) <= 1


def test_what_is_not_taken() -> None:
    """Scales that change along an inner dimension only, and strides, are left to the decomposition."""
    x, scales = torch.randn(6, 8), torch.rand(1, 8) + 0.1
    out = torch.empty(6, 8, dtype=torch.int8)
    attributes = {"dtype": dtypes.int8, "low": -128, "high": 127}
    assert launch("quantized", "quantize", [out], [x, scales, None], attributes) == 0
    assert (out.int() - reference.quantize(x, scales, None, dtypes.int8, -128, 127).int()).abs().max() <= 1
    assert (
        launch("quantized", "quantize", [out], [torch.randn(8, 6).T, torch.tensor(0.1), None], attributes)
        is None
    )
    assert launch("quantized", "quantize", [out], [x.half(), torch.tensor(0.1), None], attributes) is None
    cube, middle = torch.randn(2, 3, 4), torch.rand(2, 1, 4)
    out = torch.empty(2, 3, 4, dtype=torch.int8)
    assert launch("quantized", "quantize", [out], [cube, middle, None], attributes) is None
