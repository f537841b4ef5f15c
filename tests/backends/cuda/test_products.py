"""Products of matrices through cuBLAS: what is asked for is right for every layout, and nothing is copied.

The simulated cuBLAS multiplies as BLAS defines it, by columns and leading dimensions.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

import tensorplug as tp
import tensorplug.nn.functional as functional
from tensorplug_cuda import blas
from tensorplug_cuda.products import Matrix, product_of
from tensorplug_dispatcher import dtypes
from tensorplug_dispatcher.layout import dense, strided

DEVICE = "simulated:0"
TOLERANCE = {"float64": 1e-12, "float32": 1e-5, "float16": 2e-2, "bfloat16": 2e-1}


@pytest.fixture(autouse=True)
def machine(simulated: Any) -> Iterator[Any]:
    tp.devices.reset_report()
    yield simulated
    tp.set_float32_matmul_precision("highest")


def ran() -> dict[str, set[str]]:
    """The providers that ran each op on the simulated machine."""
    found: dict[str, set[str]] = {}
    for op, kind, _, provider, _ in tp.devices.report():
        if kind == "simulated":
            found.setdefault(op, set()).add(provider)
    return found


def same(got: Any, wanted: Any) -> bool:
    limit = TOLERANCE[wanted.dtype.name]
    return got.dtype is wanted.dtype and tp.allclose(
        got.cpu().double(), wanted.double(), rtol=limit, atol=limit * 10
    )


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "bfloat16"])
@pytest.mark.parametrize("left", ["dense", "transposed", "sliced", "offset"])
@pytest.mark.parametrize("right", ["dense", "transposed", "sliced", "offset"])
def test_matmul_of_any_layout(dtype: str, left: str, right: str) -> None:
    def make(rows: int, columns: int, layout: str, device: str) -> Any:
        if layout == "offset":
            return make(rows * columns + 3, 1, "dense", device).flatten()[3:].view(rows, columns)
        x = tp.arange(4 * rows * columns, dtype=tp.float64).reshape(2 * rows, 2 * columns).sin()
        x = x.to(getattr(tp, dtype)).to(device)
        if layout == "dense":
            return x[:rows, :columns].contiguous()
        if layout == "transposed":
            return x[:rows, :columns].t().contiguous().t()
        return (
            x[:rows, :columns] if layout == "sliced" else x.flatten()[3 : 3 + rows * columns].view(rows, -1)
        )

    a, b = make(5, 7, left, DEVICE), make(7, 3, right, DEVICE)
    tp.devices.reset_report()
    result = a @ b
    assert same(result, make(5, 7, left, "cpu") @ make(7, 3, right, "cpu"))
    assert ran() == {"matmul": {"cublas"}}, "no operand is copied"


@pytest.mark.parametrize(
    "shape, other",
    [
        ((3, 4, 5), (3, 5, 6)),
        ((2, 3, 4, 5), (2, 3, 5, 6)),
        ((1, 5), (5, 1)),
        ((5, 1), (1, 5)),
        ((1, 1), (1, 1)),
    ],
)
def test_batches_and_thin_matrices(shape: tuple[int, ...], other: tuple[int, ...]) -> None:
    a, b = tp.rand(shape), tp.rand(other)
    assert same(a.to(DEVICE) @ b.to(DEVICE), a @ b)
    assert ran()["matmul"] == {"cublas"}


def test_batches_by_strides() -> None:
    a, b = tp.rand(4, 3, 5), tp.rand(5, 6)
    x, y = a.to(DEVICE), b.to(DEVICE)
    tp.devices.reset_report()
    assert same(tp.matmul(x.transpose(0, 1), y.expand(3, 5, 6)), a.transpose(0, 1) @ b.expand(3, 5, 6))
    assert ran()["matmul"] == {"cublas"} and "copy" not in ran()


def test_what_blas_cannot_read_is_copied_first() -> None:
    a, b = tp.rand(4, 10), tp.rand(5, 6)
    x = a.to(DEVICE)[:, ::2]
    assert same(x @ b.to(DEVICE), a[:, ::2] @ b)
    assert ran()["matmul"] == {"cublas"} and ran()["copy"] == {"generated"}


def test_into_a_transposed_result() -> None:
    a, b = tp.rand(4, 5), tp.rand(5, 6)
    out = tp.empty(6, 4, device=DEVICE)
    tp.devices.reset_report()
    tp.matmul(a.to(DEVICE), b.to(DEVICE), out=out.t())
    assert ran() == {"transpose": {"core"}, "to_device": {"from cpu"}, "matmul": {"cublas"}}
    assert same(out.t(), a @ b)


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "bfloat16"])
@pytest.mark.parametrize("bias", [(6,), (4, 6), (4, 1), (1, 6), ()])
def test_addmm(dtype: str, bias: tuple[int, ...]) -> None:
    c, a, b = (tp.rand(shape).to(getattr(tp, dtype)) for shape in (bias, (4, 5), (5, 6)))
    got = tp.addmm(c.to(DEVICE), a.to(DEVICE), b.to(DEVICE))
    assert same(got, tp.addmm(c, a, b)) and ran()["addmm"] == {"cublas"}


@pytest.mark.parametrize("shape", [(5,), (4, 5), (2, 3, 5)])
@pytest.mark.parametrize("biased", [True, False])
def test_linear(shape: tuple[int, ...], biased: bool) -> None:
    x, weight, bias = tp.rand(shape), tp.rand(6, 5), tp.rand(6)
    given = (x, weight, bias) if biased else (x, weight)
    got = functional.linear(*[t.to(DEVICE) for t in given])
    assert same(got, functional.linear(*given)) and ran()["linear"] == {"cublas"}


def test_linear_of_a_transposed_batch() -> None:
    x, weight = tp.rand(3, 2, 5), tp.rand(5, 6)
    got = functional.linear(x.to(DEVICE).transpose(0, 1), weight.to(DEVICE).t())
    assert same(got, functional.linear(x.transpose(0, 1), weight.t()))


def test_the_gradient_of_linear_is_made_of_products() -> None:
    x, weight = (tp.rand(4, 5, requires_grad=True), tp.rand(6, 5, requires_grad=True))
    there = [t.detach().to(DEVICE).requires_grad_() for t in (x, weight)]
    functional.linear(*there).square().sum().backward()
    functional.linear(x, weight).square().sum().backward()
    assert same(there[0].grad, x.grad) and same(there[1].grad, weight.grad)


def test_integers_are_not_for_cublas() -> None:
    text = tp.devices.explain("matmul", DEVICE, "int32")
    assert "provider 'cublas' priority 10" in text and "does not take this dtype" in text


def test_tf32_only_where_it_is_allowed() -> None:
    product = product_of(
        "matmul", (dense((2, 2), dtypes.float32),), (dense((2, 2), dtypes.float32),) * 2, frozenset()
    )
    double = product_of(
        "matmul", (dense((2, 2), dtypes.float64),), (dense((2, 2), dtypes.float64),) * 2, frozenset()
    )
    assert product is not None and double is not None
    assert (blas.compute_type(product), blas.compute_type(double)) == (blas.SINGLE, blas.DOUBLE)
    tp.set_float32_matmul_precision("high")
    assert (blas.compute_type(product), blas.compute_type(double)) == (blas.TENSOR_FLOAT, blas.DOUBLE)


def test_the_precision_holds_for_products_that_ran_before(machine: Any) -> None:
    seen = []
    multiply = machine.multiply
    machine.multiply = lambda *arguments: seen.append(arguments[-2]) or multiply(*arguments)
    try:
        a = tp.rand(3, 3).to(DEVICE)
        for precision in ("highest", "high", "highest"):
            tp.set_float32_matmul_precision(precision)
            _ = a @ a
    finally:
        del machine.multiply
    assert seen == [blas.SINGLE, blas.TENSOR_FLOAT, blas.SINGLE]


def test_the_record_of_a_product() -> None:
    """[M, K] by columns times [K, N] by rows, asked for as the transposes in the other order."""
    a, b = strided((4, 5), (1, 4), dtypes.float32), strided((5, 6), (8, 1), dtypes.float32)
    product = product_of("matmul", (dense((4, 6), dtypes.float32),), (a, b), frozenset())
    assert product is not None and not product.swapped
    assert product.out == Matrix(0, 4, 6, 6, False)
    assert product.a == Matrix(1, 4, 5, 4, True) and product.b == Matrix(2, 5, 6, 8, False)


@pytest.mark.parametrize(
    "strides", [(2, 2), (0, 1), (1, 0), (4, 1)], ids=["neither", "no rows", "no columns", "overlapping"]
)
def test_what_is_no_matrix_for_blas(strides: tuple[int, int]) -> None:
    a, b = strided((4, 5), strides, dtypes.float32), dense((5, 6), dtypes.float32)
    assert product_of("matmul", (dense((4, 6), dtypes.float32),), (a, b), frozenset()) is None
