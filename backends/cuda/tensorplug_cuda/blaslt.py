"""Products with a bias in one go through cuBLASLt, by nvmath-python where that is installed.

cuBLAS alone reads and writes the result once more for the bias; cuBLASLt adds it as its epilogue, before the
result leaves the registers.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any, Final

from tensorplug_dispatcher import Layout, dtypes, prepared_kernels
from tensorplug_dispatcher.boundary import address_of, ffi
from tensorplug_dispatcher.errors import KernelError
from tensorplug_dispatcher.kernels import Kernel

from .blas import TYPES, compute_type, numbers
from .products import Matrix, Product, product_of

OPS: Final = ("addmm", "linear")
PRIORITY: Final = 20
WORKSPACE: Final = 32 << 20  # bytes; what NVIDIA advises for Hopper


def kernels(runtime: Any) -> list[Kernel]:
    """The provider "cublaslt"."""

    def prepare(
        index: int,
        op: str,
        outs: tuple[Layout, ...],
        ins: tuple[Layout | None, ...],
        attrs: Mapping[str, Any],
        given: frozenset[int],
    ) -> Any:
        product = product_of(op, outs, ins, given)
        if product is None or not _is_row(product) or product.dtype is dtypes.float64:
            return None
        device = runtime.opened(index)
        return MultiplyAdd(device, op, product), (WORKSPACE,)

    return prepared_kernels(
        dict.fromkeys(OPS, prepare),
        provider="cublaslt",
        priority=PRIORITY,
        dtypes={dtypes.float32, dtypes.float16, dtypes.bfloat16},
        absent=runtime.driver.light_absent,
    )


def _is_row(product: Product) -> bool:
    """Whether the bias is one number a column of the result, one beside the other."""
    bias = product.bias_layout
    if bias is None or product.count != 1 or product.swapped:
        return False
    shape = tuple(n for n in bias.shape if n != 1)
    return shape == (product.out.columns,) and bias.strides[-1] == 1 and bias.shape[-1] != 1


class MultiplyAdd:
    """``a @ b + bias`` for given layouts. Descriptors are made once, the algorithm once an alignment."""

    def __init__(self, device: Any, op: str, product: Product) -> None:
        self.device = device
        self.op = op
        self.product = product
        self.scalars = numbers(product, 1.0, 0.0)
        self.lock = threading.Lock()
        self.algorithms: dict[int, Any] = {}
        light = self.light = device.driver.light
        kind = TYPES[product.dtype.name]
        with device.at(op):
            self.operation = light.matmul_desc_create(compute_type(product), TYPES["float32"])
            self._set(light.MatmulDescAttribute.TRANSA, ffi.new("int32_t *", product.b.flipped))
            self._set(light.MatmulDescAttribute.TRANSB, ffi.new("int32_t *", product.a.flipped))
            self._set(light.MatmulDescAttribute.EPILOGUE, ffi.new("int32_t *", int(light.Epilogue.BIAS)))
            self._set(light.MatmulDescAttribute.BIAS_DATA_TYPE, ffi.new("int32_t *", kind))
            self.layouts = [_stored(light, kind, m) for m in (product.b, product.a, product.out)]

    def _set(self, attribute: int, value: Any) -> None:
        self.light.matmul_desc_set_attribute(
            self.operation, int(attribute), address_of(value), ffi.sizeof(ffi.typeof(value).item)
        )

    def __call__(self, operands: list[Any], offsets: list[int], values: list[Any]) -> None:
        device, product, light = self.device, self.product, self.light
        size = product.dtype.itemsize
        stream = device.current()
        places = (product.b.place, product.a.place, 0, product.bias)
        first, second, out, bias = [operands[p].address + offsets[p] * size for p in places]
        if device.streamed:
            for place in places:
                device.touch(operands[place], stream)
        workspace = operands[-1].address
        alpha, beta = map(address_of, self.scalars)
        with device.at(self.op), self.lock:  # the bias's address is part of the operation
            self._set(light.MatmulDescAttribute.BIAS_POINTER, ffi.new("uint64_t *", bias))
            algorithm = self._algorithm(first | second | out | bias)
            left, right, result = self.layouts
            light.matmul(
                device.light_handle,
                self.operation,
                alpha,
                first,
                left,
                second,
                right,
                beta,
                out,
                result,
                out,
                result,
                algorithm,
                workspace,
                WORKSPACE,
                stream,
            )

    def _algorithm(self, address: int) -> int:
        """The address of the best algorithm for operands that are aligned as these are."""
        alignment = min(address & -address, 256)
        found = self.algorithms.get(alignment)
        if found is None:
            found = self.algorithms[alignment] = self._best(alignment)
        return int(found.ptr)

    def _best(self, alignment: int) -> Any:
        light = self.light
        preference = light.matmul_preference_create()
        try:
            kind = light.MatmulPreferenceAttribute
            settings: list[tuple[int, Any]] = [(kind.MAX_WORKSPACE_BYTES, ffi.new("uint64_t *", WORKSPACE))]
            settings += [
                (getattr(kind, f"MIN_ALIGNMENT_{operand}_BYTES"), ffi.new("uint32_t *", alignment))
                for operand in "ABCD"
            ]
            for attribute, value in settings:
                light.matmul_preference_set_attribute(
                    preference, int(attribute), address_of(value), ffi.sizeof(ffi.typeof(value).item)
                )
            result = light.MatmulHeuristicResult()
            count = ffi.new("int *")
            left, right, out = self.layouts
            light.matmul_algo_get_heuristic(
                self.device.light_handle,
                self.operation,
                left,
                right,
                out,
                out,
                preference,
                1,
                int(result.ptr),
                address_of(count),
            )
        finally:
            light.matmul_preference_destroy(preference)
        if not count[0]:
            raise KernelError(
                f"{self.op}(): cuBLASLt has no algorithm for {self.product}; uninstall nvmath-python to use "
                f"cuBLAS"
            )
        return result  # begins with the algorithm


def _stored(light: Any, kind: int, matrix: Matrix) -> int:
    """cuBLASLt's record of a matrix as it lies in memory, read by columns."""
    rows, columns = (matrix.rows, matrix.columns) if matrix.flipped else (matrix.columns, matrix.rows)
    return int(light.matrix_layout_create(kind, rows, columns, matrix.leading))
