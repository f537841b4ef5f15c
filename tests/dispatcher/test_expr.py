"""The scalar expression IR: tracing, sharing, folding, intrinsics, and rendering to C."""

from __future__ import annotations

import math
import sys
from typing import Any

import pytest

from tensorplug_codegen.elementwise import loop
from tensorplug_codegen.language import c_literal
from tensorplug_dispatcher import dtypes, op
from tensorplug_dispatcher import expr as e


def test_equal_expressions_are_one_object() -> None:
    x = e.arg("x")
    assert (x + 1) * (x + 1) is (x + 1) * (x + 1)
    assert x * 0.0 is not x * -0.0
    assert x * 1 is not x * 1.0
    assert e.const(math.nan) is e.const(math.nan)


def test_constants_fold() -> None:
    x = e.arg("x")
    assert x * (e.const(2.0) * 3.0) is x * 6.0
    assert e.const(1.0) / 0.0 is e.const(math.inf)
    assert e.where(e.const(True), e.const(1.0), e.const(2.0)) is e.const(1.0)


def test_operators() -> None:
    x, y = e.arg("x"), e.arg("y")
    assert repr(e.trace(lambda x, y: e.where(x < y, x * 2, y), ("x", "y"))) == "where((x < y), (x * 2), y)"
    assert (x > y) is (y < x)
    assert repr(-x - 1 / y) == "(neg(x) - (1 / y))"
    assert repr(~(x <= y)) == "not_((x <= y))"
    with pytest.raises(TypeError, match=r"no truth value while it is traced; use where\(condition, a, b\)"):
        bool(x < y)


def test_intrinsics_fall_back() -> None:
    x = e.arg("x")
    half = e.intrinsic("half", (x,), x * 0.5)
    assert e.expand_intrinsics(half + 1) is x * 0.5 + 1
    assert e.expand_intrinsics(half + 1, keep=("half",)) is half + 1


def test_nodes_come_once_and_in_order() -> None:
    x = e.arg("x")
    shared = e.exp(x)
    assert e.nodes((shared * shared + shared,)) == [x, shared, shared * shared, shared * shared + shared]


def test_evaluation_by_an_interpreter() -> None:
    def apply(name: str, operands: tuple[Any, ...], value: Any) -> Any:
        return {"add": lambda a, b: a + b, "exp": math.exp}[name](*operands)

    root = e.trace(lambda x: e.exp(x) + 1, ("x",))
    assert e.evaluate(root, {"x": 0.0}, apply) == 2.0


@pytest.mark.parametrize(
    ("value", "dtype", "text"),
    [(0.1, dtypes.float64, "0x1.999999999999ap-4"), (2, dtypes.float32, "0x1.0000000000000p+1f"),
     (7, dtypes.int64, "7LL"), (True, dtypes.float32, "1"), (-math.inf, dtypes.float32, "-__builtin_inff()")],
)  # fmt: skip
def test_literals_are_exact(value: float, dtype: dtypes.DType, text: str) -> None:
    assert c_literal(value, dtype) == text


def test_a_rendered_loop() -> None:
    scale = op.Op("scale(Tensor input, float! by, Scalar offset)", 4, promotion="promote",
                  expr=lambda x, by, offset: x * by + (by - offset))  # fmt: skip
    source = loop(scale, {"offset": float}, dtypes.float32)
    assert "int32_t tp_scale_float32(void *const *data, const int64_t *params)" in source
    assert "*(const double *)data[2]" in source  # after one output and one input
    assert "int64_t count, offset;" in source and "tpm_real(given->offset)" in source
    before, _, inside = source.partition("for (")
    assert " - " in before  # what is the same for all elements is computed once
    assert " - " not in inside


def test_imports_no_numpy() -> None:
    assert "numpy" not in getattr(sys.modules[e.__name__], "__dict__", {})
