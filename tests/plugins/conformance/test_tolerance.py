"""Sums beyond 64 terms are wide and rounded once; rounding has no direction."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

pytest.importorskip("ml_dtypes")

from tensorplug_conformance import tolerance
from tensorplug_dispatcher.ops import OPS

LENGTHS = (65, 257, 1025)


def drawn(*shape: int) -> np.ndarray:
    values = np.random.default_rng(7).uniform(-4, 4, shape).astype(np.float16)
    return values.astype(np.float64)


@pytest.mark.parametrize("n", LENGTHS)
def test_a_sum_that_is_rounded_once_passes(n: int) -> None:
    x = drawn(500, n)
    exact = x.sum(1)
    got = x.astype(np.float32).sum(1).astype(np.float16).astype(np.float64)
    assert tolerance.compared(OPS["sum"], "float16", got, exact, [x]).message == ""


@pytest.mark.parametrize("n", LENGTHS)
def test_a_sum_in_half_precision_fails_unless_the_manifest_says_so(n: int) -> None:
    x = drawn(500, n)
    total = np.zeros(500, np.float16)
    for column in x.T:
        total = (total + column.astype(np.float16)).astype(np.float16)
    got, exact = total.astype(np.float64), x.sum(1)
    assert "ulp" in tolerance.compared(OPS["sum"], "float16", got, exact, [x]).message
    declared = tolerance.compared(OPS["sum"], "float16", got, exact, [x], accumulator="float16")
    assert declared.message == ""


@pytest.mark.parametrize("k", LENGTHS)
def test_a_product_in_a_reduced_mode_fails(k: int) -> None:
    """float32 operands cut to 10 bits of fraction, as fast matrix units take them."""
    a, b = (
        np.random.default_rng(i).uniform(-4, 4, s).astype(np.float32)
        for i, s in enumerate([(16, k), (k, 24)])
    )
    cut = [(x.view(np.int32) & ~0x1FFF).view(np.float32).astype(np.float64) for x in (a, b)]
    inputs = [a.astype(np.float64), b.astype(np.float64)]
    exact = inputs[0] @ inputs[1]
    narrow = (cut[0] @ cut[1]).astype(np.float32).astype(np.float64)
    wide = (a @ b).astype(np.float64)
    assert "ulp" in tolerance.compared(OPS["matmul"], "float32", narrow, exact, inputs).message
    assert tolerance.compared(OPS["matmul"], "float32", wide, exact, inputs).message == ""


def test_sums_into_shared_places_are_kept_in_their_dtype() -> None:
    """A row of 40 numbers into one place, added one after the other in bfloat16."""
    import ml_dtypes

    source = drawn(40, 3)
    x = np.zeros((5, 3))
    total = np.zeros(3, ml_dtypes.bfloat16)
    for row in source:
        total = (total + row.astype(ml_dtypes.bfloat16)).astype(ml_dtypes.bfloat16)
    got, exact = x.copy(), x.copy()
    got[0], exact[0] = total.astype(np.float64), source.astype(ml_dtypes.bfloat16).astype(np.float64).sum(0)
    inputs = [x, np.zeros(40), source]
    assert tolerance.compared(OPS["index_add"], "bfloat16", got, exact, inputs).message == ""
    got[0] += 4.0
    assert tolerance.compared(OPS["index_add"], "bfloat16", got + 40, exact, inputs).message != ""


def test_terms_of_products_are_those_of_each_sum() -> None:
    a, b, bias = np.zeros((5, 7)), np.zeros((7, 900)), np.zeros((5, 900))
    assert tolerance.terms(OPS["matmul"], 4500, [a, b]) == 7
    assert tolerance.terms(OPS["addmm"], 4500, [bias, a, b]) == 7
    assert tolerance.terms(OPS["sum"], 5, [a]) == 7
    assert tolerance.terms(OPS["cumsum"], 35, [a]) == 7
    image, weight = np.zeros((1, 6, 9, 9)), np.zeros((4, 3, 2, 2))
    assert tolerance.terms(OPS["conv"], 256, [image, weight]) == 12
    cotangent = np.zeros((2, 33, 3, 4))
    assert tolerance.terms(OPS["conv_input_grad"], 90, [cotangent, np.zeros((33, 5, 2, 3))]) == 33 * 6
    assert tolerance.terms(OPS["conv_weight_grad"], 90, [cotangent, np.zeros((2, 5, 4, 6))]) == 24


def test_bias_shows_truncation_and_not_rounding() -> None:
    exact = np.random.default_rng(1).uniform(-4, 4, 70_000)
    rounded = exact.astype(np.float16).astype(np.float64)
    cut = (exact.astype(np.float32).view(np.int32) & ~0x1FFF).view(np.float32).astype(np.float64)
    assert max(map(abs, tolerance.bias("float16", rounded, exact))) < 0.01
    assert tolerance.bias("float16", cut, exact)[0] < -0.4
    assert tolerance.bias("float16", np.floor(exact * 256) / 256, exact)[1] < -0.2


@pytest.mark.parametrize(
    "name, args, n",
    [
        ("log_softmax", (np.empty((70, 3)), 0), 70),
        ("softmax_backward", (np.empty((70, 3)), np.empty((70, 3)), -1), 3),
        ("layer_norm", (np.empty((5, 4, 3)), (4, 3), None, None, 1e-5), 12),
        ("batch_norm_train", (np.empty((70, 3, 2)), None, None, 1e-5), 140),
        ("group_norm", (np.empty((2, 6, 5)), 3, None, None, 1e-5), 10),
        ("softmax", (np.empty(()), 0), 1),
    ],
)
def test_what_is_normalized_counts_its_line(name: str, args: tuple[Any, ...], n: int) -> None:
    assert tolerance.line(OPS[name], args) == n


def softmax(x: np.ndarray, sums: Any = None) -> np.ndarray:
    each = np.exp(x - x.max(-1, keepdims=True))
    found: np.ndarray = each / (each.sum(-1) if sums is None else sums(each))[..., None]
    return found


@pytest.mark.parametrize("n", LENGTHS)
def test_a_softmax_of_halves_is_rounded_once(n: int) -> None:
    x = drawn(50, n) / 4

    def narrow(each: np.ndarray) -> np.ndarray:
        total = np.zeros(len(each), np.float16)
        for column in each.T:
            total = (total + column).astype(np.float16)
        return total.astype(np.float64)

    exact = softmax(x)
    once = softmax(x.astype(np.float32)).astype(np.float16).astype(np.float64)
    assert tolerance.compared(OPS["softmax"], "float16", once, exact, [x], along=n).message == ""
    many = softmax(x, narrow).astype(np.float16).astype(np.float64)
    if n > 1000:  # shorter sums are nearly right
        assert "ulp" in tolerance.compared(OPS["softmax"], "float16", many, exact, [x], along=n).message


@pytest.mark.parametrize("n", [1025, 4097])
def test_a_softmax_of_long_lines_is_judged_by_its_own_size(n: int) -> None:
    """Its parts are of the size 1 / n: an error of a tenth of that is one."""
    x = np.random.default_rng(3).uniform(-1, 1, (4, n)).astype(np.float32).astype(np.float64)
    exact = softmax(x)
    plain = softmax(x.astype(np.float32)).astype(np.float64)
    assert tolerance.compared(OPS["softmax"], "float32", plain, exact, [x], along=n).message == ""
    short = tolerance.compared(OPS["softmax"], "float32", plain * 0.9, exact, [x], along=n)
    assert "too far off" in short.message


def test_what_is_due_as_nan_may_come_as_nan() -> None:
    """Also where the operands are no numbers, and with them what is allowed."""
    x = np.full((1, 3), -np.inf)
    due = np.full((1, 3), np.nan)
    assert tolerance.compared(OPS["softmax"], "float32", due, due, [x], along=3).message == ""


def test_a_step_in_16_bits_is_made_in_32() -> None:
    """A second moment of zero grows by a thousandth of the gradient's square; by none if beta2 is 1."""
    gradient = drawn(100)
    exact = 0.001 * gradient**2
    op = OPS["adam_step"]
    inputs = [gradient, gradient, gradient, 0 * gradient]
    once = exact.astype(np.float16).astype(np.float64)
    assert tolerance.compared(op, "float16", once, exact, inputs).message == ""
    assert "too far off" in tolerance.compared(op, "float16", 0 * exact, exact, inputs).message


@pytest.mark.parametrize(
    ("exact", "got", "right"),
    [
        (65519.9, np.inf, True),  # the least that rounds to infinity is 65,520
        (65520.1, 65504.0, True),
        (-65519.9, -np.inf, True),
        (65519.9, -np.inf, False),
        (60000.0, np.inf, False),
        (1e6, 65504.0, False),  # the largest in place of infinity
        (np.inf, 65504.0, False),
        (1e6, np.inf, True),
    ],
)
def test_a_sum_at_the_end_of_the_range(exact: float, got: float, right: bool) -> None:
    inputs = [np.full((1, 300), exact / 300 if np.isfinite(exact) else exact)]
    found = tolerance.compared(OPS["sum"], "float16", np.array([got]), np.array([exact]), inputs)
    assert (found.message == "") is right, found.message


@pytest.mark.parametrize("dtype", ["bfloat16", "float32", "float64"])
def test_erfc_may_round_its_square_in_the_dtype_in_which_it_is_computed(dtype: str) -> None:
    """That of halves is float32: by a square of 8 bits the result would be off by a quarter at 8."""
    import ml_dtypes

    narrow = {"bfloat16": ml_dtypes.bfloat16, "float32": np.float32, "float64": np.float64}[dtype]
    x = np.linspace(0.5, 25.0 if dtype == "float64" else 9.0, 3000).astype(narrow)
    inputs = [x.astype(np.float64)]
    exact = np.vectorize(math.erfc)(inputs[0])

    def message(square: np.ndarray) -> str:
        lost = [float(Fraction(a) ** 2 - Fraction(b)) for a, b in zip(inputs[0], square, strict=True)]
        got = (exact * np.exp(lost)).astype(narrow).astype(np.float64)
        return tolerance.compared(OPS["erfc"], dtype, got, exact, inputs).message

    computed = x.astype(np.float32) if dtype == "bfloat16" else x
    assert message((computed * computed).astype(np.float64)) == ""
    if dtype == "bfloat16":
        assert "ulp" in message((x * x).astype(np.float64))


def test_what_is_allowed_is_said_of_the_worst_element() -> None:
    """Of a long sum more than its class alone would allow."""
    x = np.ones((2, 300))
    exact = np.array([300.0, 2.0**-20])
    got = exact + np.array([0.0, 1.0])
    found = tolerance.compared(OPS["sum"], "float32", got, exact, [x])
    assert found.message.startswith("1 of 2 elements are too far off, worst at [1]: 1.00000095")
    units, allowed = (float(part.split()[0]) for part in found.message.rsplit("(", 1)[1].split(", "))
    assert units / allowed == pytest.approx(found.excess, rel=1e-3)
