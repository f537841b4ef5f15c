"""What is handed to BLAS: dimensions of size 1, whose strides mean nothing, at sizes on both sides of the
limit of plain loops, in every layout; and what comes of a complaint. NumPy is the reference.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import guarded
import numpy as np
import pytest

import tensorplug as tp
from tensorplug import nn
from tensorplug_cpu import blas, native_library, sizes
from tensorplug_dispatcher.boundary import ffi
from tensorplug_dispatcher.errors import KernelError
from tensorplug_dispatcher.layout import strided
from tensorplug_dispatcher.ops import F
from tensorplug_dispatcher.tensor import from_storage

FLOATS = ("float32", "float64", "float16", "bfloat16")
DTYPES = (*FLOATS, "int64", "int32", "int16", "int8", "uint8")
SIDES = (1, 2, 17)
BOUNDS = {"float64": 1e-12, "float32": 2e-5, "float16": 2e-3, "bfloat16": 2e-2}
N = sizes.PRODUCT_SMALL + 1


@pytest.fixture(autouse=True)
def silent(capfd: pytest.CaptureFixture[str]) -> Iterator[None]:
    """No library prints a complaint."""
    yield
    printed = "".join(capfd.readouterr())
    assert "illegal value" not in printed, printed


def matrix(rows: int, columns: int, dtype: str, kind: str, seed: int) -> Any:
    """A matrix [rows, columns] of small whole numbers in one of many layouts."""
    draw = np.random.default_rng(seed).integers(-3, 4, (rows, columns))
    values = tp.tensor(draw.tolist(), dtype=getattr(tp, dtype)).reshape(rows, columns)
    if kind == "dense":
        return values
    if kind == "transposed":
        return values.t().contiguous().t()
    if kind == "sliced":
        room = tp.zeros(rows, 2 * columns, dtype=values.dtype)
        room[:, ::2] = values
        return room[:, ::2]
    if kind == "padded":  # rows farther apart than they are long, behind some elements
        room = tp.zeros(rows, columns + 5, dtype=values.dtype)
        room[:, 3 : 3 + columns] = values
        return room[:, 3 : 3 + columns]
    if kind == "backwards":
        room = values.flip((0, 1)).contiguous()
        last = rows * columns - 1
        return from_storage(
            room.storage, strided((rows, columns), (-columns, -1), room.dtype), room.offset + last
        )
    if kind == "rows repeat":
        return values[:1].expand(rows, columns)
    assert kind == "columns repeat", kind
    return values[:, :1].expand(rows, columns)


KINDS = ("dense", "transposed", "sliced", "padded", "backwards", "rows repeat", "columns repeat")


def check(function: Any, wanted: Any, *args: Any) -> None:
    (result,) = guarded.run(function, *args)
    got, dtype = guarded.numbers(result), result.dtype.name
    if dtype in BOUNDS:
        np.testing.assert_allclose(got, wanted, rtol=BOUNDS[dtype], atol=BOUNDS[dtype])
    else:
        width = 8 * result.dtype.itemsize
        signed = np.asarray(wanted).astype(np.int64).astype(f"int{width}")
        np.testing.assert_array_equal(
            got, signed.astype(f"uint{width}" if dtype == "uint8" else f"int{width}")
        )


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    "shape",
    [
        (1, 1, N),
        (1, N, 1),
        (N, 1, 1),
        (1, N, 2),
        (N, 1, 2),
        (2, 1, N),
        (1, 2, N),
        (2, N, 1),
        (17, 16, 1),
        (3, 5, 17),
        (4, 4, 17),
    ],
    ids=str,
)
def test_products_with_sides_of_one(dtype: str, shape: tuple[int, int, int]) -> None:
    m, n, k = shape
    for kind in KINDS:
        for other in KINDS if dtype == "float32" else ("dense", "transposed"):
            a, b = matrix(m, k, dtype, kind, 1), matrix(k, n, dtype, other, 2)
            exact = guarded.numbers(a) @ guarded.numbers(b)
            check(F.matmul, exact, a, b)
            bias = matrix(1, n, dtype, "dense", 3)
            check(F.addmm, exact + guarded.numbers(bias), bias, a, b)
            check(F.linear, exact, a, b.t(), None)
            check(F.linear, exact + guarded.numbers(bias), a, b.t(), bias[0])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n", [N - 2, N - 1, N, 1025])
def test_dot_of_long_vectors(dtype: str, n: int) -> None:
    ones = tp.ones(n, dtype=getattr(tp, dtype))
    wanted = np.array([n]).astype("int64" if dtype not in FLOATS else "float64")
    check(F.matmul, wanted.reshape(1, 1), ones.reshape(1, n), ones.reshape(n, 1))
    assert tp.dot(ones, ones).item() == tp.tensor(n).to(getattr(tp, dtype)).item()


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize(
    "images, c, o, side, kernel",
    [
        (2, 512, 1, 4, 4),
        (1, 1, 1, 17, 17),
        (3, 1, 1, 20, 1),
        (2, 300, 1, 1, 1),
        (1, 1, 300, 1, 1),
        (5, 300, 2, 1, 1),
        (300, 1, 1, 1, 1),
    ],
)
def test_convolutions_with_sides_of_one(
    dtype: str, images: int, c: int, o: int, side: int, kernel: int
) -> None:
    image = matrix(images, c * side * side, dtype, "dense", 1).reshape(images, c, side, side)
    weight = matrix(o, c * kernel * kernel, dtype, "dense", 2).reshape(o, c, kernel, kernel)
    x, w = guarded.numbers(image), guarded.numbers(weight)
    places = side - kernel + 1
    windows = np.lib.stride_tricks.sliding_window_view(x, (kernel, kernel), (2, 3))
    bias = matrix(1, o, dtype, "dense", 3)[0]
    exact = np.einsum("nchwij,ocij->nohw", windows, w) + guarded.numbers(bias).reshape(1, o, 1, 1)
    geometry = ((1, 1), (0, 0), (1, 1), 1)
    check(F.conv, exact, image, weight, bias, *geometry)
    grad = matrix(images, o * places * places, dtype, "dense", 4).reshape(images, o, places, places)
    g = guarded.numbers(grad)
    check(
        F.conv_weight_grad,
        np.einsum("nchwij,nohw->ocij", windows, g),
        grad,
        image,
        tuple(weight.shape),
        *geometry,
    )
    back = np.zeros_like(x)
    for i in range(kernel):
        for j in range(kernel):
            back[:, :, i : i + places, j : j + places] += np.einsum("nohw,oc->nchw", g, w[:, :, i, j])
    check(F.conv_input_grad, back, grad, weight, tuple(image.shape), *geometry)


def test_the_gradient_of_one_weight_over_many_rows() -> None:
    layer = nn.Linear(1, 1)
    layer(tp.ones(300, 1)).sum().backward()
    assert layer.weight.grad.item() == 300


def test_a_complaint_of_the_library_is_not_printed() -> None:
    if not blas.connect() or not blas.library().has(blas.HANDLER):
        pytest.skip("BLAS is absent, or takes no handler for its complaints")
    kind = "void(*)(int, int, int, int, float, float *, int, float *, int, float, float *, int)"
    sgemv = ffi.cast(kind, blas.library().address("scipy_cblas_sgemv"))
    x = ffi.new("float[2]")
    sgemv(101, 111, 1, 2, 1, x, 0, x, 1, 0, x, 1)


def test_a_complaint_is_an_error_with_op_and_shapes() -> None:
    """A BLAS that refuses everything."""
    handler = "void(*)(char *, int *, size_t)"
    heard: list[Any] = []

    @ffi.callback(f"void({handler})")
    def set_handler(given: Any) -> None:
        heard.append(given)

    @ffi.callback("void(void)")
    def refuses() -> None:
        heard[0](ffi.new("char[]", b"SGEMM "), ffi.new("int *", 9), 6)

    blas.connect()
    try:
        native_library.library().tp_set_blas(refuses, refuses, refuses, refuses, set_handler)
        for a, b in (((20, 30), (30, 40)), ((1, 300), (300, 1)), ((300, 1), (1, 2))):
            shapes = re.escape(f"(operands of shape {list(a)}, {list(b)})")
            with pytest.raises(KernelError, match=rf"matmul: the library .* refused the call {shapes}"):
                F.matmul(tp.ones(*a), tp.ones(*b))
        with pytest.raises(KernelError, match="conv: the library .* refused the call"):
            F.conv(tp.ones(2, 3, 8, 8), tp.ones(4, 3, 3, 3), None, (1, 1), (0, 0), (1, 1), 1)
    finally:
        native_library.library().tp_set_blas(*[ffi.NULL] * 5)
        blas.connect.cache_clear()
        blas.connect()
    assert F.matmul(tp.ones(20, 30), tp.ones(30, 40))[0, 0].item() == 30


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_without_blas_the_own_loops_are_right(dtype: str) -> None:
    blas.connect()
    native_library.library().tp_set_blas(*[ffi.NULL] * 5)
    try:
        for m, n, k in ((1, 1, N), (N, 1, 2), (20, 30, 40), (5, 300, 67)):
            a, b = matrix(m, k, dtype, "dense", 1), matrix(k, n, dtype, "transposed", 2)
            exact, bias = guarded.numbers(a) @ guarded.numbers(b), matrix(1, n, dtype, "dense", 3)
            check(F.matmul, exact, a, b)
            check(F.addmm, exact + guarded.numbers(bias), bias, a, b)
        image, weight = matrix(3, 32, dtype, "dense", 4), matrix(3, 4, dtype, "dense", 5)
        grad = np.einsum("nop,ncp->oc", *(guarded.numbers(x).reshape(3, -1, 4) for x in (weight, image)))
        x, g = image.reshape(3, 8, 2, 2), weight.reshape(3, 1, 2, 2)
        settings = ((1, 1), (0, 0), (1, 1), 1)
        check(F.conv_weight_grad, grad.reshape(1, 8, 1, 1), g, x, (1, 8, 1, 1), *settings)
    finally:
        blas.connect.cache_clear()
        blas.connect()
