"""Normalizations and their cotangents against PyTorch in float64."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from launch import launch  # noqa: E402

from tensorplug_cpu import native_library  # noqa: E402

DTYPES = [torch.float32, torch.float64, torch.float16, torch.bfloat16]
BOUNDS = {torch.float64: 1e-12, torch.float32: 1e-5, torch.float16: 3e-3, torch.bfloat16: 2e-2}
WIDE = {torch.float64: torch.float64}
PARAMETERS = [(True, True), (True, False), (False, False)]


def _random(shape, dtype, seed=0, mean=0.0):
    return (torch.randn(shape, generator=torch.Generator().manual_seed(seed)) + mean).to(dtype)


def _close(actual, expected, dtype, scale=1.0):
    bound = BOUNDS[dtype]
    torch.testing.assert_close(actual.double(), expected.detach().double(), rtol=bound, atol=bound * scale)


def _parameters(size, dtype, weighted, biased):
    return (_random(size, dtype, 1) if weighted else None), (_random(size, dtype, 2) if biased else None)


def _leaf(x):
    return None if x is None else x.double().requires_grad_()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("weighted", "biased"), PARAMETERS)
@pytest.mark.parametrize(
    ("shape", "inner"),
    [
        ((5, 3), (3,)),
        ((300, 70), (70,)),
        ((2, 3, 40, 33), (40, 33)),
        ((9,), (9,)),
        ((3, 5000), (5000,)),
        ((9000, 4), (4,)),
    ],
)
def test_layer_norm(dtype, weighted, biased, shape, inner):
    x, grad = _random(shape, dtype, mean=3.0), _random(shape, dtype, 3)
    weight, bias = _parameters(inner, dtype, weighted, biased)
    leaves = [_leaf(t) for t in (x, weight, bias)]
    expected = torch.nn.functional.layer_norm(leaves[0], inner, leaves[1], leaves[2], 1e-5)
    statistics = shape[: len(shape) - len(inner)] + (1,) * len(inner)
    out, wide = torch.empty(shape, dtype=dtype), WIDE.get(dtype, torch.float32)
    mean, rstd = (torch.empty(statistics, dtype=wide) for _ in range(2))
    attrs = {"normalized_shape": inner, "eps": 1e-5}
    assert launch("normalization", "layer_norm", [out, mean, rstd], [x, weight, bias], attrs) == 0
    _close(out, expected, dtype)
    expected.backward(grad.double())
    results = [torch.empty_like(x), torch.empty(inner, dtype=dtype), torch.empty(inner, dtype=dtype)]
    assert launch("normalization", "layer_norm_backward", results, [grad, x, mean, rstd, weight], attrs) == 0
    _close(results[0], leaves[0].grad, dtype, 3.0)
    rows = x.numel() // results[1].numel()
    for result, leaf in zip(results[1:], leaves[1:], strict=True):
        if leaf is not None:
            _close(result, leaf.grad, dtype, rows**0.5 * 2)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("weighted", "biased"), PARAMETERS)
@pytest.mark.parametrize(
    "shape", [(700, 3), (4, 300), (2, 3, 4, 5), (6, 40, 7, 7), (9, 2, 33, 40), (5, 70, 100)]
)
def test_batch_norm(dtype, weighted, biased, shape):
    x, grad = _random(shape, dtype, mean=3.0), _random(shape, dtype, 3)
    weight, bias = _parameters(shape[1:2], dtype, weighted, biased)
    leaves = [_leaf(t) for t in (x, weight, bias)]
    expected = torch.nn.functional.batch_norm(leaves[0], None, None, leaves[1], leaves[2], True, 0.1, 1e-5)
    out, wide = torch.empty(shape, dtype=dtype), WIDE.get(dtype, torch.float32)
    mean, rstd = (torch.empty(shape[1], dtype=wide) for _ in range(2))
    assert (
        launch("normalization", "batch_norm_train", [out, mean, rstd], [x, weight, bias], {"eps": 1e-5}) == 0
    )
    _close(out, expected, dtype)
    expected.backward(grad.double())
    results = [torch.empty_like(x), *(torch.empty(shape[1], dtype=dtype) for _ in range(2))]
    assert launch("normalization", "batch_norm_backward", results, [grad, x, mean, rstd, weight]) == 0
    _close(results[0], leaves[0].grad, dtype, 4.0)
    count = x.numel() // shape[1]
    for result, leaf in zip(results[1:], leaves[1:], strict=True):
        if leaf is not None:
            _close(result, leaf.grad, dtype, count**0.5 * 2)
    variance = rstd.double().pow(-2).sub(1e-5).to(wide)
    expected = torch.nn.functional.batch_norm(
        x.double(), mean.double(), variance.double(), *leaves[1:], False, 0, 1e-5
    )
    assert (
        launch("normalization", "batch_norm_eval", [out], [x, mean, variance, weight, bias], {"eps": 1e-5})
        == 0
    )
    _close(out, expected, dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("weighted", "biased"), PARAMETERS)
@pytest.mark.parametrize(("shape", "groups"), [((3, 6), 2), ((2, 6, 5, 7), 3), ((2, 8, 40, 40), 2)])
def test_group_norm(dtype, weighted, biased, shape, groups):
    x, out = _random(shape, dtype, mean=1.0), torch.empty(shape, dtype=dtype)
    weight, bias = _parameters(shape[1:2], dtype, weighted, biased)
    expected = torch.nn.functional.group_norm(x.double(), groups, _leaf(weight), _leaf(bias), 1e-5)
    attrs = {"num_groups": groups, "eps": 1e-5}
    assert launch("normalization", "group_norm", [out], [x, weight, bias], attrs) == 0
    _close(out, expected, dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("weighted", [True, False])
@pytest.mark.parametrize("shape", [(5, 3), (7, 300), (2, 5000)])
def test_rms_norm(dtype, weighted, shape):
    x, out = _random(shape, dtype, mean=1.0), torch.empty(shape, dtype=dtype)
    weight, _ = _parameters(shape[1:], dtype, weighted, False)
    expected = torch.nn.functional.rms_norm(x.double(), shape[1:], _leaf(weight), 1e-5)
    attrs = {"normalized_shape": shape[1:], "eps": 1e-5}
    assert launch("normalization", "rms_norm", [out], [x, weight], attrs) == 0
    _close(out, expected, dtype)


def test_statistics_of_a_large_mean():
    x = _random((4, 100_000), torch.float32, mean=1000.0)
    out, mean, rstd = torch.empty_like(x), torch.empty(4, 1), torch.empty(4, 1)
    attrs = {"normalized_shape": (100_000,), "eps": 0.0}
    assert launch("normalization", "layer_norm", [out, mean, rstd], [x, None, None], attrs) == 0
    torch.testing.assert_close(mean, x.double().mean(1, True).float(), rtol=1e-7, atol=0)
    torch.testing.assert_close(
        rstd, x.double().var(1, correction=0, keepdim=True).rsqrt().float(), rtol=1e-6, atol=0
    )


def test_half_width_inputs_with_parameters_of_float32():
    x, weight, bias = (
        _random((6, 50), torch.bfloat16),
        _random(50, torch.float32, 1),
        _random(50, torch.float32, 2),
    )
    out, mean, rstd = torch.empty_like(x), torch.empty(6, 1), torch.empty(6, 1)
    attrs = {"normalized_shape": (50,), "eps": 1e-5}
    assert launch("normalization", "layer_norm", [out, mean, rstd], [x, weight, bias], attrs) == 0
    expected = torch.nn.functional.layer_norm(x.double(), (50,), weight.double(), bias.double())
    _close(out, expected, torch.bfloat16)


def test_results_larger_than_the_caches():
    x, weight = _random((8200, 1031), torch.float32), _random(1031, torch.float32, 1)
    out, mean, rstd = torch.empty_like(x), torch.empty(8200, 1), torch.empty(8200, 1)
    attrs = {"normalized_shape": (1031,), "eps": 1e-5}
    assert launch("normalization", "layer_norm", [out, mean, rstd], [x, weight, None], attrs) == 0
    torch.testing.assert_close(out, torch.nn.functional.layer_norm(x, (1031,), weight), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", ["layer_norm_backward", "batch_norm_backward"])
def test_the_number_of_threads_changes_no_bit(name):
    layer = name.startswith("layer")
    x, grad, weight = (_random((5000, 120), torch.float32, seed) for seed in range(3))
    size = (5000, 1) if layer else (120,)
    mean, rstd = torch.randn(size), torch.rand(size)
    set_num_threads = native_library.library().tp_set_num_threads
    before = native_library.library().tp_get_num_threads()
    seen = []
    try:
        for threads in (1, 2, 3):
            set_num_threads(threads)
            seen.append([torch.empty_like(x), torch.empty(120), torch.empty(120)])
            operands = [grad, x, mean, rstd, weight[0].clone()]
            assert launch("normalization", name, seen[-1], operands, {"normalized_shape": (120,)}) == 0
    finally:
        set_num_threads(before)
    assert all(torch.equal(a, b) for results in seen[1:] for a, b in zip(seen[0], results, strict=True))
