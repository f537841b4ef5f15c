"""Products of matrices."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..errors import ShapeError
from ..layout import Layout, broadcast_shapes, dense
from ..op import ErrorCase, Input, Op, Sample
from . import F
from .common import Tensor, reshape, same_dtype, sample, sum_to


def _infer_matmul(input: Layout, other: Layout) -> Layout:
    same_dtype("matmul", input, other, "m1 and m2")
    if input.ndim < 2 or other.ndim != input.ndim:
        raise ShapeError(
            f"matmul takes tensors with the same number of dimensions, 2 or more, but got "
            f"{list(input.shape)} and {list(other.shape)}; unsqueeze or expand them"
        )
    if input.shape[:-2] != other.shape[:-2]:
        raise ShapeError(
            f"matmul: the batch dimensions {list(input.shape[:-2])} and {list(other.shape[:-2])} differ "
            f"(shapes {list(input.shape)} and {list(other.shape)}); expand them to a common shape"
        )
    rows, inner, columns = input.shape[-2], input.shape[-1], other.shape[-1]
    if other.shape[-2] != inner:
        raise ShapeError(
            f"mat1 and mat2 shapes cannot be multiplied ({rows}x{inner} and {other.shape[-2]}x{columns}): "
            f"{list(input.shape)} @ {list(other.shape)}; the first's columns must be the second's rows"
        )
    return dense((*input.shape[:-1], columns), input.dtype)


def _transposed(x: Tensor) -> Tensor:
    return F.transpose(x, x.ndim - 2, x.ndim - 1)


def _matmul_input_vjp(grad: Tensor, other: Tensor) -> Tensor:
    return F.matmul(grad, _transposed(other))


def _matmul_other_vjp(grad: Tensor, input: Tensor) -> Tensor:
    return F.matmul(_transposed(input), grad)


def _infer_addmm(bias: Layout, a: Layout, b: Layout) -> Layout:
    if a.ndim != 2 or b.ndim != 2:
        raise ShapeError(
            f"addmm: mat1 and mat2 must be matrices, but have shapes {list(a.shape)} and {list(b.shape)}; "
            f"use baddbmm or matmul"
        )
    product = _infer_matmul(a, b)
    same_dtype("addmm", bias, a, "the bias and the matrices")
    if broadcast_shapes(bias.shape, product.shape) != tuple(product.shape):
        raise ShapeError(
            f"addmm: the bias of shape {list(bias.shape)} does not broadcast to the product's "
            f"{list(product.shape)}"
        )
    return product


def _infer_linear(input: Layout, weight: Layout, bias: Layout | None) -> Layout:
    same_dtype("linear", input, weight, "input and weight")
    if weight.ndim != 2 or input.ndim < 1:
        raise ShapeError(
            f"linear takes an input [..., in_features] and a weight [out_features, in_features], but got "
            f"{list(input.shape)} and {list(weight.shape)}"
        )
    if input.shape[-1] != weight.shape[1]:
        rows = input.numel // max(input.shape[-1], 1)
        raise ShapeError(
            f"mat1 and mat2 shapes cannot be multiplied ({rows}x{input.shape[-1]} and {weight.shape[1]}x"
            f"{weight.shape[0]}): linear of an input {list(input.shape)} with a weight "
            f"{list(weight.shape)}; in_features must be {input.shape[-1]}"
        )
    if bias is not None:
        same_dtype("linear", input, bias, "input and bias")
        if tuple(bias.shape) != (weight.shape[0],):
            raise ShapeError(
                f"linear: the bias has shape {list(bias.shape)}, but out_features is {weight.shape[0]}"
            )
    return dense((*input.shape[:-1], weight.shape[0]), input.dtype)


def _rows(x: Tensor) -> Tensor:
    """All leading dimensions as one."""
    if x.ndim == 2:
        return x
    width = x.shape[x.ndim - 1]
    count = 1
    for n in x.shape[: x.ndim - 1]:
        count *= n
    return reshape(x, (count, width))


def _decompose_linear(input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    product = F.matmul(_rows(input), _transposed(weight))
    if bias is not None:
        product = F.add(product, bias)
    return product if input.ndim == 2 else F.view(product, (*input.shape[: input.ndim - 1], weight.shape[0]))


def _linear_input_vjp(grad: Tensor, weight: Tensor, input_layout: Layout) -> Tensor:
    product = F.matmul(_rows(grad), weight)
    return product if input_layout.ndim == 2 else F.view(product, input_layout.shape)


def _linear_weight_vjp(grad: Tensor, input: Tensor) -> Tensor:
    return F.matmul(_transposed(_rows(grad)), _rows(input))


def _linear_bias_vjp(grad: Tensor) -> Tensor:
    return F.sum(_rows(grad), (0,), False)


def _infer_dot(input: Layout, other: Layout) -> Layout:
    same_dtype("dot", input, other, "both vectors")
    if input.ndim != 1 or other.ndim != 1 or input.shape != other.shape:
        raise ShapeError(
            f"dot: expected two 1-d tensors of the same size, but got {list(input.shape)} and "
            f"{list(other.shape)}; use matmul() for others"
        )
    return dense((), input.dtype)


def _decompose_dot(input: Tensor, other: Tensor) -> Tensor:
    return F.view(F.matmul(F.unsqueeze(input, 0), F.unsqueeze(other, 1)), ())


def _matmul_samples() -> Iterable[Sample]:
    yield sample(Input((3, 4)), Input((4, 5)))
    yield sample(Input((2, 3, 4)), Input((2, 4, 5)), note="batched")
    yield sample(Input((2, 1, 3, 4)), Input((2, 1, 4, 2)), note="two batch dimensions")
    yield sample(Input((3, 4), layout="transposed"), Input((4, 5)), note="left transposed")
    yield sample(Input((3, 4)), Input((4, 5), layout="transposed"), note="right transposed")
    yield sample(Input((3, 4), layout="sliced"), Input((4, 5), layout="sliced"), note="sliced")
    yield sample(Input((2, 3, 4), layout="transposed"), Input((2, 4, 5), layout="offset"))
    yield sample(Input((3, 4), layout="expanded"), Input((4, 5), layout="expanded"), note="stride 0")
    yield sample(Input((1, 4)), Input((4, 1)), note="a dot product")
    yield sample(Input((3, 1)), Input((1, 4)), note="an outer product")
    yield sample(Input((3, 0)), Input((0, 4)), note="sums over nothing")
    yield sample(Input((0, 3)), Input((3, 4)), note="no rows")
    yield sample(Input((0, 3, 4)), Input((0, 4, 5)), note="no matrices")
    yield sample(Input((37, 65)), Input((65, 33)), note="larger, no round numbers")


def _matmul_errors() -> Iterable[ErrorCase]:
    yield ErrorCase((Input((2, 3)), Input((4, 5))), "ShapeError", "cannot be multiplied (2x3 and 4x5)")
    yield ErrorCase((Input((2, 2, 3)), Input((3, 3, 5))), "ShapeError", "batch dimensions [2] and [3] differ")
    yield ErrorCase((Input((3,)), Input((3, 2))), "ShapeError", "2 or more")
    yield ErrorCase(
        (Input((2, 3), dtype="float32"), Input((3, 2), dtype="float64")), "DTypeError", "float32 and float64"
    )


def _addmm_samples() -> Iterable[Sample]:
    yield sample(Input((3, 5)), Input((3, 4)), Input((4, 5)))
    yield sample(Input((5,)), Input((3, 4)), Input((4, 5)), note="a row")
    yield sample(Input((3, 1)), Input((3, 4)), Input((4, 5)), note="a column")
    yield sample(
        Input(()), Input((3, 4), layout="transposed"), Input((4, 5), layout="transposed"), note="a number"
    )
    yield sample(Input((5,)), Input((3, 0)), Input((0, 5)), note="sums over nothing")


def _addmm_errors() -> Iterable[ErrorCase]:
    yield ErrorCase((Input((4,)), Input((3, 4)), Input((4, 5))), "ShapeError", "size of tensor")
    yield ErrorCase((Input((5,)), Input((2, 3, 4)), Input((4, 5))), "ShapeError", "must be matrices")


def _linear_samples() -> Iterable[Sample]:
    yield sample(Input((3, 4)), Input((5, 4)), Input((5,)))
    yield sample(Input((3, 4)), Input((5, 4)), None, note="no bias")
    yield sample(Input((2, 3, 4)), Input((5, 4)), Input((5,)), note="3-d")
    yield sample(Input((4,)), Input((5, 4)), Input((5,)), note="1-d")
    yield sample(Input((0, 4)), Input((5, 4)), Input((5,)), note="empty")
    yield sample(
        Input((3, 4), layout="transposed"), Input((5, 4), layout="transposed"), Input((5,), layout="sliced")
    )
    yield sample(Input((2, 3, 4), layout="transposed"), Input((5, 4), layout="sliced"), Input((5,)))


def _linear_errors() -> Iterable[ErrorCase]:
    yield ErrorCase((Input((2, 3)), Input((5, 4)), None), "ShapeError", "cannot be multiplied (2x3 and 4x5)")
    yield ErrorCase((Input((2, 4)), Input((5, 4)), Input((4,))), "ShapeError", "out_features is 5")


def _op(schema: str, tier: int, **columns: Any) -> Op:
    low = columns.pop("autocast", "low")
    return Op(
        schema, tier=tier, family="linalg", autocast=low, tolerance="matmul", dtypes="numeric", **columns
    )


OPS: tuple[Op, ...] = (
    _op(
        "matmul(Tensor input, Tensor other)",
        1,
        infer=_infer_matmul,
        flops=lambda out, input, other: 2 * out.numel * input.shape[-1],
        vjp={"input": _matmul_input_vjp, "other": _matmul_other_vjp},
        samples=_matmul_samples,
        errors=_matmul_errors,
        doc="Products of matrices [..., M, K] and [..., K, N] with the same batch dimensions. Source: "
        "torch.matmul.",
        shapes="input [*batch, M, K], other [*batch, K, N] -> [*batch, M, N]",
    ),
    _op(
        "addmm(Tensor bias, Tensor a, Tensor b)",
        4,
        infer=_infer_addmm,
        flops=lambda out, bias, a, b: out.numel * (2 * a.shape[-1] + 1),
        decompose=lambda bias, a, b: F.add(F.matmul(a, b), bias),
        vjp={
            "bias": lambda grad, bias_layout: sum_to(grad, bias_layout.shape),
            "a": lambda grad, b: F.matmul(grad, _transposed(b)),
            "b": lambda grad, a: F.matmul(_transposed(a), grad),
        },
        samples=_addmm_samples,
        errors=_addmm_errors,
        doc="bias + a @ b for matrices. Source: torch.addmm.",
        shapes="bias [*S], a [M, K], b [K, N] -> [M, N]",
    ),
    _op(
        "linear(Tensor input, Tensor weight, Tensor? bias=None)",
        4,
        infer=_infer_linear,
        flops=lambda out, input, weight, bias: out.numel * (2 * input.shape[-1] + (bias is not None)),
        decompose=_decompose_linear,
        vjp={"input": _linear_input_vjp, "weight": _linear_weight_vjp, "bias": _linear_bias_vjp},
        samples=_linear_samples,
        errors=_linear_errors,
        torch_name="nn.functional.linear",
        doc="input [..., K] times the transposed weight [N, K], plus bias [N]. Source: "
        "torch.nn.functional.linear.",
        shapes="input [*S, K], weight [N, K], bias [N] -> [*S, N]",
    ),
    _op(
        "dot(Tensor input, Tensor other)",
        4,
        infer=_infer_dot,
        flops=lambda out, input, other: 2 * input.numel,
        decompose=_decompose_dot,
        autocast="promote",
        samples=lambda: [
            sample(Input((5,)), Input((5,))),
            sample(Input((0,)), Input((0,))),
            sample(Input((37,), layout="sliced"), Input((37,))),
        ],
        errors=lambda: [ErrorCase((Input((3,)), Input((4,))), "ShapeError", "[3] and [4]")],
        public="function method out",
        also="vdot",
        doc="The inner product of two vectors. Source: torch.dot.",
        shapes="input [n], other [n] -> []",
    ),
)
