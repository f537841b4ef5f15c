"""Spread and size over dimensions: variance, deviation, logsumexp, norms."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..dtypes import DType
from ..errors import IndexRangeError
from ..layout import Layout, dense
from ..op import ErrorCase, Input, Op, Sample
from ..promotion import default_dtype
from . import F
from .common import (
    Shape,
    Tensor,
    filled,
    floating_only,
    reduced_count,
    reduced_dims,
    reduced_shape,
    restore,
    sample,
    to_dtype,
    widen,
    zeros,
)


def _infer_spread(name: str) -> Any:
    def infer(input: Layout, dim: Shape, correction: float, keepdim: bool) -> Layout:
        floating_only(name, input)
        return dense(reduced_shape(input, dim, keepdim), input.dtype)

    return infer


def _deviation(input: Tensor, dim: Shape) -> Tensor:
    """``input`` minus its mean over ``dim``."""
    count = max(reduced_count(input.layout, dim), 1)
    mean = F.div(F.sum(input, reduced_dims(input.layout, dim), True), float(count))
    return F.sub(input, mean)


def _decompose_var(input: Tensor, dim: Shape, correction: float, keepdim: bool) -> Tensor:
    deviation = _deviation(widen(input), dim)
    freedom = max(0.0, float(reduced_count(input.layout, dim) - correction))
    return to_dtype(F.div(F.sum(F.mul(deviation, deviation), dim, keepdim), freedom), input.dtype)


def _var_vjp(grad: Tensor, input: Tensor, dim: Shape, correction: float) -> Tensor:
    freedom = reduced_count(input.layout, dim) - correction
    scale = 2.0 / freedom if freedom > 0 else float("inf")
    wide = widen(input)
    cotangent = F.mul(
        F.mul(restore(to_dtype(grad, wide.dtype), input.layout, dim), scale), _deviation(wide, dim)
    )
    return to_dtype(cotangent, input.dtype)


def _decompose_var_mean(input: Tensor, dim: Shape, correction: float, keepdim: bool) -> tuple[Tensor, Tensor]:
    return F.var(input, dim, keepdim=keepdim, correction=correction), F.mean(input, dim, keepdim)


def _decompose_std(input: Tensor, dim: Shape, correction: float, keepdim: bool) -> Tensor:
    return to_dtype(F.sqrt(F.var(widen(input), dim, keepdim=keepdim, correction=correction)), input.dtype)


def _std_vjp(grad: Tensor, input: Tensor, out: Tensor, dim: Shape, correction: float) -> Tensor:
    """Where the deviation is 0 the gradient is 0, as PyTorch has it."""
    scaled = F.where(F.eq(out, 0.0), 0.0, F.div(grad, F.mul(out, 2.0)))
    return _var_vjp(scaled, input, dim, correction)


def _floating(dtype: DType) -> DType:
    """Integers and bools are taken as the default floating dtype."""
    return dtype if dtype.is_floating_point else default_dtype()


def _decompose_logsumexp(input: Tensor, dim: Shape, keepdim: bool) -> Tensor:
    input = to_dtype(input, _floating(input.dtype))
    x = widen(input)
    dims = reduced_dims(x.layout, dim)
    shape = reduced_shape(x.layout, dim, keepdim)
    if reduced_count(x.layout, dim) == 0:
        return filled(shape, float("-inf"), x, input.dtype)
    largest = F.amax(x, dims, True)
    largest = F.where(F.eq(F.abs(largest), float("inf")), 0.0, largest)
    total = F.add(F.log(F.sum(F.exp(F.sub(x, largest)), dims, True)), largest)
    return to_dtype(F.view(total, shape), input.dtype)


def _logsumexp_vjp(grad: Tensor, input: Tensor, out: Tensor, dim: Shape) -> Tensor:
    layout = input.layout
    share = F.exp(F.sub(input, restore(out, layout, dim)))
    return F.mul(restore(grad, layout, dim), share)


def _infer_norm(input: Layout, p: float, dim: Shape, keepdim: bool) -> Layout:
    floating_only("norm", input)
    if abs(p) == float("inf") or p < 0:
        for i in reduced_dims(input, dim):
            if input.shape[i] == 0:
                raise IndexRangeError(
                    f"norm: cannot compute the {p} norm over dimension {i} of shape "
                    f"{list(input.shape)} because it is empty and the norm of nothing is not "
                    f"defined; use another order or other dimensions"
                )
    return dense(reduced_shape(input, dim, keepdim), input.dtype)


def _decompose_norm(input: Tensor, p: float, dim: Shape, keepdim: bool) -> Tensor:
    x = F.abs(widen(input))
    if p == float("inf"):
        result = F.amax(x, dim, keepdim)
    elif p == float("-inf"):
        result = F.amin(x, dim, keepdim)
    elif p == 0:
        result = F.sum(to_dtype(F.ne(x, 0.0), x.dtype), dim, keepdim)
    elif p == 1:
        result = F.sum(x, dim, keepdim)
    elif p == 2:
        result = F.sqrt(F.sum(F.mul(x, x), dim, keepdim))
    else:
        result = F.pow(F.sum(F.pow(x, float(p)), dim, keepdim), 1.0 / p)
    return to_dtype(result, input.dtype)


def _norm_vjp(grad: Tensor, input: Tensor, out: Tensor, p: float, dim: Shape) -> Tensor:
    """The formulas of PyTorch's ``norm_backward``; where the norm is 0 the gradient is 0."""
    layout = input.layout
    grad, out = restore(grad, layout, dim), restore(out, layout, dim)
    if p == 0:
        return zeros(layout.shape, input)
    if p == 1:
        return F.mul(grad, F.sign(input))
    if p == 2:
        return F.mul(input, F.where(F.eq(out, 0.0), 0.0, F.div(grad, out)))
    if abs(p) == float("inf"):
        ties = to_dtype(F.eq(F.abs(input), out), input.dtype)
        share = F.div(ties, F.sum(ties, reduced_dims(layout, dim), True))
        return F.mul(F.mul(F.sign(input), share), grad)
    size = F.where(F.eq(input, 0.0), 1.0, F.abs(input))
    scale = F.where(F.eq(out, 0.0), 0.0, F.mul(grad, F.pow(F.where(F.eq(out, 0.0), 1.0, out), 1.0 - p)))
    return F.where(F.eq(input, 0.0), 0.0, F.mul(F.mul(F.sign(input), F.pow(size, p - 1.0)), scale))


def _spread_samples() -> Iterable[Sample]:
    for dim in (None, 0, -1, (0, 2)):
        for keepdim in (False, True):
            yield sample(Input((3, 4, 5)), dim, 1, keepdim, note=f"dim={dim} keepdim={keepdim}")
    yield sample(Input((3, 4)), 1, 0, False, note="correction=0")
    yield sample(Input((3, 4)), 1, 2, False, note="correction=2")
    yield sample(Input((3, 4)), 1, 0.5, False, note="correction=0.5")
    yield sample(Input((4, 6), layout="transposed"), 0, 1, False, note="transposed")
    yield sample(Input((4, 6), layout="sliced"), 1, 1, False, note="sliced")
    yield sample(Input(()), None, 0, False, note="0-d")
    yield sample(Input((3, 1)), 1, 1, False, note="one element: NaN")
    yield sample(Input((2, 0)), 1, 1, False, note="over nothing")
    yield sample(Input((5, 64), 1000.0, 1001.0), 1, 1, False, note="a large mean")


def _logsumexp_samples() -> Iterable[Sample]:
    for dim in (0, -1, (0, 1)):
        for keepdim in (False, True):
            yield sample(Input((3, 4)), dim, keepdim, note=f"dim={dim} keepdim={keepdim}")
    infinity = float("inf")
    yield sample(
        Input((3, 2), values=(-infinity, -infinity, infinity, 1, -infinity, 2), dtype="float32"),
        1,
        False,
        note="infinities",
    )
    yield sample(Input((2, 3), 1000.0, 1010.0), 1, False, note="exp alone would overflow")
    yield sample(Input((4, 6), layout="transposed"), 0, False, note="transposed")
    yield sample(Input(()), 0, False, note="0-d")
    yield sample(Input((2, 0)), 1, False, note="over nothing")


def _norm_samples() -> Iterable[Sample]:
    for p in (2, 1, 0, 3, 0.5, 2.5, -1, float("inf"), float("-inf")):
        yield sample(Input((3, 4)), p, 1, False, note=f"p={p}")
        yield sample(Input((3, 4)), p, None, True, note=f"p={p}, all")
    yield sample(Input((2, 3), values=(0, 0, 0, 1, 0, 2)), 2, 1, False, note="a zero row")
    yield sample(Input((2, 3), values=(0, 0, 0, 1, 0, 2)), 3, 1, False, note="a zero row")
    yield sample(Input((2, 3, 4), layout="transposed"), 2, (0, 2), False)
    yield sample(Input(()), 2, None, False, note="0-d")
    yield sample(Input((2, 0)), 2, 1, False, note="over nothing")


def _spread_errors() -> Iterable[ErrorCase]:
    yield ErrorCase((Input((2, 3), dtype="int64"), None, 1, False), "DTypeError", "floating")


def _norm_errors() -> Iterable[ErrorCase]:
    yield ErrorCase((Input((2, 0)), float("inf"), 1, False), "IndexRangeError", "is empty")


def _op(schema: str, **columns: Any) -> Op:
    return Op(schema, **{"tier": 4, "family": "statistics", "dtypes": "floating", **columns})


OPS: tuple[Op, ...] = (
    _op(
        "var(Tensor input, dims dim=None, Scalar correction=1, bool keepdim=False)",
        infer=_infer_spread("var"),
        decompose=_decompose_var,
        vjp={"input": _var_vjp},
        tolerance="norm",
        samples=_spread_samples,
        errors=_spread_errors,
        doc="The variance over dim with count - correction degrees of freedom. Source: torch.var.",
    ),
    _op(
        "var_mean(Tensor input, dims dim=None, Scalar correction=1, bool keepdim=False) -> var, mean",
        infer=lambda input, dim, correction, keepdim: (
            (_infer_spread("var_mean")(input, dim, correction, keepdim),) * 2
        ),
        decompose=_decompose_var_mean,
        tolerance="norm",
        samples=_spread_samples,
        errors=_spread_errors,
        doc="The variance and the mean over dim. Source: torch.var_mean.",
    ),
    _op(
        "std(Tensor input, dims dim=None, Scalar correction=1, bool keepdim=False)",
        infer=_infer_spread("std"),
        decompose=_decompose_std,
        vjp={"input": _std_vjp},
        tolerance="norm",
        samples=_spread_samples,
        errors=_spread_errors,
        doc="The standard deviation over dim. Source: torch.std.",
    ),
    _op(
        "logsumexp(Tensor input, dims dim, bool keepdim=False)",
        decompose=_decompose_logsumexp,
        vjp={"input": _logsumexp_vjp},
        autocast="float32",
        tolerance="logsumexp",
        samples=_logsumexp_samples,
        dtypes="all",
        public="function method out",
        shapes="input [*S] -> floating [*reduced(S, dim, keepdim)]",
        doc="log(sum(exp(input))) over dim, safe from overflow. Source: torch.logsumexp.",
    ),
    _op(
        "norm(Tensor input, Scalar p=2, dims dim=None, bool keepdim=False)",
        infer=_infer_norm,
        decompose=_decompose_norm,
        vjp={"input": _norm_vjp},
        autocast="float32",
        tolerance="norm",
        samples=_norm_samples,
        errors=_norm_errors,
        torch_name="linalg.vector_norm",
        doc="The vector p-norm over dim, with p any number or an infinity. Source: torch.linalg.vector_norm.",
    ),
)
