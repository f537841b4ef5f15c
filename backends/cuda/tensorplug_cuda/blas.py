"""Products of matrices through cuBLAS, in every floating dtype; transposed operands are not copied."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from tensorplug_dispatcher import Layout, dtypes, prepared_kernels
from tensorplug_dispatcher.boundary import address_of, ffi
from tensorplug_dispatcher.kernels import Kernel
from tensorplug_dispatcher.layout import expand
from tensorplug_dispatcher.precision import float32_matmul_precision

from .products import Matrix, Product, product_of

OPS: Final = ("matmul", "addmm", "linear")
PRIORITY: Final = 10
TYPES: Final = {"float32": 0, "float64": 1, "float16": 2, "bfloat16": 14}  # cudaDataType_t
SINGLE, DOUBLE, TENSOR_FLOAT = 68, 70, 77  # cublasComputeType_t: in float32, in float64, in TF32
DEFAULT_ALGORITHM: Final = -1


def kernels(runtime: Any) -> list[Kernel]:
    """The provider "cublas"."""

    def prepare(
        index: int,
        op: str,
        outs: tuple[Layout, ...],
        ins: tuple[Layout | None, ...],
        attrs: Mapping[str, Any],
        numbers: frozenset[int],
    ) -> Any:
        product = product_of(op, outs, ins, numbers)
        if product is None:
            return None
        bias = None
        if product.bias_layout is not None:  # copied into the result, to which the product is added
            source = expand(product.bias_layout, outs[0].shape)
            made = runtime.prepare(index, "copy", outs, (source,), {}, frozenset())
            if made is None:
                return None
            bias = made[0]
        return Multiply(runtime.opened(index), op, product, bias), ()

    return prepared_kernels(
        dict.fromkeys(OPS, prepare),
        provider="cublas",
        priority=PRIORITY,
        dtypes=dtypes.FLOATS,
        absent=runtime.driver.blas_absent,
    )


def compute_type(product: Product) -> int:
    """What cuBLAS computes in. TF32 where the program allows it for float32; halves accumulate in float32."""
    if product.dtype is dtypes.float64:
        return DOUBLE
    allowed = product.dtype is dtypes.float32 and float32_matmul_precision() != "highest"
    return TENSOR_FLOAT if allowed else SINGLE


def numbers(product: Product, *values: float) -> list[Any]:
    """alpha and beta as C numbers in host memory."""
    kind = "double *" if product.dtype is dtypes.float64 else "float *"
    return [ffi.new(kind, value) for value in values]


class Multiply:
    """A product for given layouts. ``bias`` queues the copy of the bias into the result."""

    def __init__(self, device: Any, op: str, product: Product, bias: Any) -> None:
        self.device = device
        self.op = op
        self.product = product
        self.bias = bias
        self.compute = compute_type(product)
        self.scalars = numbers(product, 1.0, 1.0 if bias is not None else 0.0)

    def __call__(self, operands: list[Any], offsets: list[int], values: list[Any]) -> None:
        device, product = self.device, self.product
        if self.bias is not None:
            place = product.bias
            self.bias([operands[0], operands[place]], [offsets[0], offsets[place]], [])
        elif device.streamed:
            device.touch(operands[0], device.current())
        kind, size = TYPES[product.dtype.name], product.dtype.itemsize
        alpha, beta = map(address_of, self.scalars)
        out, first, second = product.out, product.b, product.a
        if device.streamed:
            for matrix in (first, second):
                device.touch(operands[matrix.place], device.current())

        def address(matrix: Matrix) -> int:
            return int(operands[matrix.place].address + offsets[matrix.place] * size)

        with device.at(self.op):
            device.driver.multiply(
                int(first.flipped),
                int(second.flipped),
                out.columns,
                out.rows,
                product.a.columns,
                alpha,
                address(first),
                kind,
                first.leading,
                first.step,
                address(second),
                kind,
                second.leading,
                second.step,
                beta,
                address(out),
                kind,
                out.leading,
                out.step,
                product.count,
                self.compute,
                DEFAULT_ALGORITHM,
            )
