"""What the quantization layer does to ops: quantized ops, reference, gradients, the report."""

from __future__ import annotations

from typing import Any

import pytest

import tensorplug as tp
import tensorplug.nn.functional as nnf
from tensorplug.quantization._text import with_recipe
from tensorplug_dispatcher.ops import OPS, F
from tensorplug_layers.quantization import Recipe


def weight(rows: int = 6, columns: int = 8, dtype: Any = None) -> Any:
    tp.manual_seed(5)
    numbers = tp.randn(rows, columns)
    scales = numbers.abs().amax(1) / 127
    return numbers, tp.quantize_per_channel(numbers, scales, [0] * rows, 0, dtype or tp.qint8)


def counts(name: str) -> dict[str, int]:
    found: dict[str, int] = {}
    for op, _, path, _, calls in tp.devices.report():
        if op == name:
            found[path] = found.get(path, 0) + calls
    return found


def test_linear_with_a_quantized_weight_only() -> None:
    _, w = weight()
    x = tp.randn(3, 8)
    before = sum(counts("weight_only_linear").values())
    assert nnf.linear(x, w).allclose(nnf.linear(x, w.dequantize()), atol=1e-6)
    assert sum(counts("weight_only_linear").values()) == before + 1


@pytest.mark.parametrize("activation", ["qint8", "quint8"])
@pytest.mark.parametrize("calibrated", [False, True])
def test_linear_of_integers(activation: str, calibrated: bool) -> None:
    """What comes out is the product of the rounded operands, but for the rounding of the result."""
    dtype = getattr(tp, activation)
    x, (_, w) = tp.randn(3, 8), weight()
    rounded = tp.quantize_per_tensor_dynamic(x, dtype)
    scale, point = rounded.q_scale(), rounded.q_zero_point()
    known = (tp.tensor(scale), tp.tensor(point, dtype=tp.int32)) if calibrated else (None, None)
    made = with_recipe(w, Recipe(dtype, False, *known))
    got = nnf.linear(x, made, tp.ones(6))
    assert got.allclose(nnf.linear(rounded.dequantize(), w.dequantize(), tp.ones(6)), atol=1e-5)


def test_operands_that_are_quantized_already() -> None:
    x, (_, w) = tp.quantize_per_tensor_dynamic(tp.randn(3, 8), tp.quint8), weight()
    assert nnf.linear(x, w).allclose(nnf.linear(x.dequantize(), w.dequantize()), atol=1e-5)
    assert (x @ w.T).allclose(x.dequantize() @ w.dequantize().T, atol=1e-5)  # by reference: scales a column
    y = tp.quantize_per_tensor_dynamic(tp.randn(8, 4), tp.qint8)
    before = sum(counts("quantized_matmul").values())
    assert (x @ y).allclose(x.dequantize() @ y.dequantize(), atol=1e-5)
    assert sum(counts("quantized_matmul").values()) == before + 1


def test_convolution_of_integers() -> None:
    numbers = tp.randn(4, 3, 3, 3)
    w = tp.quantize_per_channel(numbers, numbers.abs().amax((1, 2, 3)) / 127, [0] * 4, 0, tp.qint8)
    x = tp.randn(2, 3, 7, 7)
    assert nnf.conv2d(x, w).allclose(nnf.conv2d(x, w.dequantize()), atol=1e-5)  # no recipe: by reference
    made = with_recipe(w, Recipe(tp.quint8))
    rounded = tp.quantize_per_tensor_dynamic(x, tp.quint8).dequantize()
    got = nnf.conv2d(x, made, tp.ones(4), padding=1, stride=2)
    assert got.allclose(nnf.conv2d(rounded, w.dequantize(), tp.ones(4), padding=1, stride=2), atol=1e-4)


def test_embedding_takes_rows() -> None:
    indices = tp.tensor([[1, 5], [0, 1]])
    for w in (weight()[1], tp.quantize_per_group(tp.randn(6, 8), tp.ones(6, 2), None, 4, tp.qint4)):
        assert nnf.embedding(indices, w).tolist() == nnf.embedding(indices, w.dequantize()).tolist()


def test_packed_rows_in_groups() -> None:
    x = tp.randn(5, 8)
    for points in (None, tp.tensor([[1, -2]] * 6)):
        w = tp.quantize_per_group(tp.randn(6, 8), tp.rand(6, 2) + 0.1, points, 4, tp.qint4)
        assert nnf.linear(x, w).allclose(nnf.linear(x, w.dequantize()), atol=1e-5)
        assert nnf.linear(x, w[2:4]).allclose(nnf.linear(x, w.dequantize()[2:4]), atol=1e-5)


def test_reference_keeps_or_chooses_the_scale() -> None:
    x = tp.quantize_per_tensor(tp.randn(4, 8), 0.05, 3, tp.qint8)
    assert tp.relu(x).q_scale() == x.q_scale()
    assert tp.relu(x).tolist() == tp.relu(x.dequantize()).tolist()
    total = x + x
    assert total.dtype is tp.qint8 and total.q_scale() != x.q_scale()
    wanted = x.dequantize() + x.dequantize()
    assert (total.dequantize() - wanted).abs().max().item() <= total.q_scale() * 0.51
    mixed = x + tp.ones(4, 8)
    assert mixed.dtype is tp.float32
    assert (x > 0).dtype is tp.bool and x.argmax().item() == x.dequantize().argmax().item()
    assert tp.cat([x, x]).dequantize().shape == (8, 8)
    values, places = x.sort()
    assert values.q_scale() == x.q_scale() and places.dtype is tp.int64


@pytest.mark.parametrize("name", ["sin", "sum", "softmax", "mul", "amax", "exp", "mean", "flip", "cumsum"])
def test_any_op_works(name: str) -> None:
    """By reference: the op of the numbers, to the rounding of the result."""
    x = tp.quantize_per_tensor(tp.randn(4, 8), 0.05, 3, tp.qint8)
    plain = x.dequantize()
    args: tuple[Any, ...] = {"softmax": (1,), "mul": (plain,), "flip": ((0,),), "cumsum": (0,)}.get(name, ())
    got, want = getattr(F, name)(x, *args), getattr(F, name)(plain, *args)
    step = got.q_scale() if got.is_quantized else 1e-6
    assert (tp.dequantize(got) - want).abs().max().item() <= step * 0.51 + 1e-6
    assert counts(name).get("reference")


def test_gradients_pass_a_quantized_weight() -> None:
    x, (_, w) = tp.randn(3, 8).requires_grad_(), weight()
    for made in (w, with_recipe(w, Recipe(tp.quint8))):
        x.grad = None
        nnf.linear(x, made).sum().backward()
        assert x.grad.allclose(w.dequantize().sum(0).expand(3, 8), atol=1e-5)


def test_explain_says_which_way_and_why() -> None:
    tp.devices.reset_report()
    _, w = weight()
    text = tp.devices.explain("linear")
    assert "  quantized  runs as quantized_linear or weight_only_linear where the operands allow it\n" in text
    made = with_recipe(tp.quantize_per_tensor(tp.randn(6, 8), 0.1, 3, tp.qint8), Recipe(tp.quint8))
    nnf.linear(tp.randn(2, 8), made)
    assert (
        "  quantized  1 calls went by reference, the last since sums of integers need a symmetric qint8 "
        "weight, not qint8 with zero points\n"
    ) in tp.devices.explain("linear")
    tp.sigmoid(w)
    assert (
        "  quantized  by reference: dequantize, op, requantize\n"
        "  quantized  1 calls went by reference, the last since no quantized op stands for sigmoid\n"
    ) in tp.devices.explain("sigmoid")
    assert ("sigmoid", "cpu", "reference", "quantization", 1) in tp.devices.report()


def test_every_quantized_op_has_a_decomposition_and_the_onnx_of_the_main_ones() -> None:
    family = [op for op in OPS.values() if op.family == "quantized"]
    assert len(family) == 12 and all(op.decompose is not None and op.tier == 4 for op in family)
    assert OPS["quantize"].onnx == "QuantizeLinear" and OPS["dequantize"].onnx == "DequantizeLinear"
