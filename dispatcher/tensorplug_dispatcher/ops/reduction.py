"""Reductions: one number out of many along some dimensions.
Sums of integers and bools are int64, as PyTorch's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from .. import dtypes
from ..errors import DTypeError, IndexRangeError
from ..layout import Layout, dense
from ..op import ErrorCase, Input, Op, Sample
from . import F
from .common import (
    Shape,
    Tensor,
    filled,
    positions,
    reduced_count,
    reduced_dims,
    reduced_shape,
    reshape,
    restore,
    sample,
    to_dtype,
    widen,
)


def sum_dtype(input: dtypes.DType, dtype: dtypes.DType | None) -> dtypes.DType:
    """The dtype of a sum: ``dtype`` where it is given, int64 for integers and bools, else the input's."""
    if dtype is not None:
        return dtype
    return input if input.is_floating_point else dtypes.int64


def _infer_sum(input: Layout, dim: Shape, keepdim: bool, dtype: dtypes.DType | None = None) -> Layout:
    return dense(reduced_shape(input, dim, keepdim), sum_dtype(input.dtype, dtype))


def decompose_by_converting(function: Callable[[], Any]) -> Callable[..., Any]:
    """The rewrite for a kernel that takes only its output's dtype: convert the input first.

    Here and in prod's a decomposition names its own op; the second call has nothing left to convert, and
    then the rewrite gives NotImplemented.
    """

    def decompose(input: Tensor, *attributes: Any) -> Any:
        target = sum_dtype(input.dtype, attributes[-1])
        if target is input.dtype:
            return NotImplemented
        return function()(F.cast(input, target), *attributes[:-1])

    return decompose


def expanded(grad: Tensor, layout: Layout, dim: Shape) -> Tensor:
    """The cotangent of a sum, at every element that was summed."""
    return F.expand(restore(grad, layout, dim), layout.shape)


def _sum_vjp(grad: Tensor, input_layout: Layout, dim: Shape) -> Tensor:
    return to_dtype(expanded(grad, input_layout, dim), input_layout.dtype)


def _infer_extremum(name: str) -> Callable[..., Layout]:
    def infer(input: Layout, dim: Shape, keepdim: bool) -> Layout:
        for i in reduced_dims(input, dim):
            if input.shape[i] == 0:
                raise IndexRangeError(
                    f"{name}(): Expected reduction dim {i} to have non-zero size, but the input has "
                    f"shape {list(input.shape)}; reduce over other dimensions or test numel() first"
                )
        return dense(reduced_shape(input, dim, keepdim), input.dtype)

    return infer


def _extremum_vjp(grad: Tensor, input: Tensor, out: Tensor, dim: Shape) -> Tensor:
    """Elements that tie share the cotangent equally."""
    layout = input.layout
    ties = to_dtype(F.eq(input, restore(out, layout, dim)), grad.dtype)
    return F.mul(ties, F.div(restore(grad, layout, dim), F.sum(ties, reduced_dims(layout, dim), True)))


def _decompose_amin(input: Tensor, dim: Shape, keepdim: bool) -> Tensor:
    if input.dtype.is_floating_point:
        return F.neg(F.amax(F.neg(input), dim, keepdim))
    return F.bitwise_not(F.amax(F.bitwise_not(input), dim, keepdim))


def _infer_arg(name: str) -> Callable[..., Layout]:
    def infer(input: Layout, dim: int | None, keepdim: bool) -> Layout:
        if dim is None:
            if input.numel == 0:
                raise IndexRangeError(
                    f"{name}(): Expected reduction dim to be specified for input.numel() == 0 (shape "
                    f"{list(input.shape)}); give dim"
                )
            return dense((1,) * input.ndim if keepdim else (), dtypes.int64)
        if input.ndim and input.shape[dim] == 0:
            raise IndexRangeError(
                f"{name}(): Expected reduction dim {dim} to have non-zero size, but the input has "
                f"shape {list(input.shape)}; reduce over another dimension"
            )
        return dense(reduced_shape(input, (dim,), keepdim), dtypes.int64)

    return infer


def _decompose_arg(name: str) -> Callable[..., Tensor]:
    """The first place that equals the extremum; NaN counts as the extremum."""

    def decompose(input: Tensor, dim: int | None, keepdim: bool) -> Tensor:
        shape = _infer_arg(name)(input.layout, dim, keepdim).shape
        if dim is None or input.ndim == 0:
            input, dim = reshape(input, (input.numel(),)), 0
        best = F.amax(input, (dim,), True) if name == "argmax" else F.amin(input, (dim,), True)
        found = F.eq(input, best)
        if input.dtype.is_floating_point:
            found = F.bitwise_or(found, F.bitwise_not(F.eq(input, input)))
        length = input.shape[dim]
        place = F.view(positions(length, input), (length,) + (1,) * (input.ndim - 1 - dim))
        first = F.neg(F.amax(F.where(found, F.neg(place), -length), (dim,), False))
        return F.view(first, shape)

    return decompose


def _merged(input: Tensor, dim: Shape) -> Tensor:
    """``input`` with the reduced dimensions moved to the end and made one."""
    dim = reduced_dims(input.layout, dim)
    kept = tuple(i for i in range(input.ndim) if i not in dim)
    return reshape(
        F.permute(input, (*kept, *dim)), (*(input.shape[i] for i in kept), reduced_count(input.layout, dim))
    )


def _decompose_prod(input: Tensor, dim: Shape, keepdim: bool, dtype: dtypes.DType | None = None) -> Tensor:
    """In the result's dtype, where there may be a kernel; else multiply the two halves until one is left."""
    layout = _infer_sum(input.layout, dim, keepdim, dtype)
    if layout.dtype is not input.dtype:
        return F.prod(F.cast(input, layout.dtype), dim, keepdim)
    x = _merged(input, dim)
    last = x.ndim - 1
    if x.shape[last] == 0:
        return filled(layout.shape, 1, input, layout.dtype)
    while (length := x.shape[last]) > 1:
        half = length // 2
        product = F.mul(F.slice(x, last, 0, half, 1), F.slice(x, last, half, half, 1))
        x = F.cat([product, F.slice(x, last, 2 * half, 1, 1)], last) if length % 2 else product
    return reshape(x, layout.shape)


def _prod_vjp(grad: Tensor, input: Tensor, dim: Shape) -> Tensor:
    """grad times the product of all others, from cumulative products on both sides,
    so that zeros are no matter.
    """
    layout = input.layout
    if layout.numel == 0:
        return filled(layout.shape, 0, input)
    dims = reduced_dims(layout, dim)
    x = to_dtype(_merged(input, dim), grad.dtype)
    last, length = x.ndim - 1, x.shape[x.ndim - 1]
    one = filled((*x.shape[:last], 1), 1, x)
    before = F.cumprod(F.cat([one, F.slice(x, last, 0, length - 1, 1)], last), last)
    after = F.flip(
        F.cumprod(F.cat([one, F.slice(F.flip(x, (last,)), last, 0, length - 1, 1)], last), last), (last,)
    )
    others = F.mul(before, after)
    kept = tuple(i for i in range(layout.ndim) if i not in dims)
    order = (*kept, *dims)
    others = F.view(others, tuple(layout.shape[i] for i in order))
    others = F.permute(others, tuple(order.index(i) for i in range(layout.ndim)))
    return to_dtype(F.mul(restore(grad, layout, dim), others), input.dtype)


def _infer_truth(input: Layout, dim: Shape, keepdim: bool) -> Layout:
    """Bool; uint8 stays uint8."""
    dtype = dtypes.uint8 if input.dtype is dtypes.uint8 else dtypes.bool_
    return dense(reduced_shape(input, dim, keepdim), dtype)


def _truth(comparison: str) -> Callable[..., Tensor]:
    """``ne``: some are not 0, so that their count is not 0; ``eq``: of those that are 0 there are 0."""

    def decompose(input: Tensor, dim: Shape, keepdim: bool) -> Tensor:
        compare = getattr(F, comparison)
        found = compare(F.sum(compare(input, 0), dim, keepdim), 0)
        return to_dtype(found, _infer_truth(input.layout, dim, keepdim).dtype)

    return decompose


def _infer_mean(input: Layout, dim: Shape, keepdim: bool, dtype: dtypes.DType | None = None) -> Layout:
    result = dtype or input.dtype
    if not result.is_floating_point:
        raise DTypeError(
            f"mean(): could not infer output dtype. Input dtype must be either a floating point or complex "
            f"dtype. Got: {result.name}; give dtype=float32, or convert the input with .float()"
        )
    return dense(reduced_shape(input, dim, keepdim), result)


def _decompose_mean(input: Tensor, dim: Shape, keepdim: bool, dtype: dtypes.DType | None = None) -> Tensor:
    result = dtype or input.dtype
    count = reduced_count(input.layout, dim)
    total = F.sum(widen(to_dtype(input, result)), dim, keepdim)
    return to_dtype(F.div(total, float(count)), result)


def _mean_vjp(grad: Tensor, input_layout: Layout, dim: Shape) -> Tensor:
    count = reduced_count(input_layout, dim)
    if count == 0:
        return filled(input_layout.shape, 0, grad, input_layout.dtype)
    return to_dtype(expanded(F.mul(grad, 1.0 / count), input_layout, dim), input_layout.dtype)


def reduction_samples(
    *extra: Any, low: float = -4.0, high: float = 4.0, empty: bool = True
) -> Iterable[Sample]:
    """Calls ``(input, dim, keepdim)`` over every kind of ``dim``, with and without ``keepdim``."""
    shape = (3, 4, 5)
    for dim in (None, 0, 1, -1, (0, 2), (-1, 1), (0, 1, 2)):
        for keepdim in (False, True):
            yield sample(Input(shape, low, high), dim, keepdim, *extra, note=f"dim={dim} keepdim={keepdim}")
    for layout in ("transposed", "sliced", "expanded", "offset"):
        for dim in (None, 0, -1):
            yield sample(
                Input((4, 6), low, high, layout=layout), dim, False, *extra, note=f"{layout} dim={dim}"
            )
    yield sample(Input((), low, high), None, False, *extra, note="0-d")
    yield sample(Input((), low, high), 0, True, *extra, note="0-d, dim 0")
    yield sample(Input((1,), low, high), 0, False, *extra, note="one element")
    yield sample(Input((2, 1, 3), low, high), 1, False, *extra, note="size 1")
    yield sample(Input((7, 130), low, high), -1, False, *extra, note="long rows")
    yield sample(Input((130, 7), low, high), 0, False, *extra, note="long columns")
    yield sample(Input((0, 3), low, high), 1, False, *extra, note="no rows")
    if empty:
        yield sample(Input((0, 3), low, high), 0, False, *extra, note="over nothing")
        yield sample(Input((0,), low, high), None, False, *extra, note="nothing at all")


def _sum_samples() -> Iterable[Sample]:
    yield from reduction_samples()
    yield sample(Input((3, 4)), 1, False, dtypes.float64, note="dtype")
    yield sample(Input((3, 4)), None, False, dtypes.float32, note="dtype")


def _prod_samples() -> Iterable[Sample]:
    yield from reduction_samples(low=0.5, high=1.9)
    yield sample(Input((2, 3), values=(1, 0, 3, 0, 5, 0)), 1, False, note="one and two zeros")
    yield sample(Input((3, 4), 0.5, 1.9), None, False, dtypes.float64, note="dtype")


def _extremum_samples() -> Iterable[Sample]:
    yield from reduction_samples(empty=False)
    yield sample(Input((2, 4), values=(1, 3, 3, 2, 0, 0, 0, 0)), 1, False, note="ties")
    yield sample(
        Input((2, 3), values=(1, float("nan"), 3, float("-inf"), 2, float("inf")), dtype="float32"),
        1,
        False,
        note="NaN and infinities",
    )


def _extremum_errors(name: str) -> Callable[[], Iterable[ErrorCase]]:
    def errors() -> Iterable[ErrorCase]:
        yield ErrorCase((Input((0, 3)), 0, False), "IndexRangeError", f"{name}(): Expected reduction dim 0")
        yield ErrorCase((Input((0,)), None, False), "IndexRangeError", f"{name}(): Expected reduction dim")
        yield ErrorCase((Input((2, 3)), 2, False), "IndexRangeError", "Dimension out of range")

    return errors


def _arg_samples() -> Iterable[Sample]:
    for dim in (None, 0, 1, -1):
        for keepdim in (False, True):
            yield sample(Input((3, 4, 5)), dim, keepdim, note=f"dim={dim} keepdim={keepdim}")
    for layout in ("transposed", "sliced", "expanded", "offset"):
        yield sample(Input((4, 6), layout=layout), 1, False, note=layout)
    yield sample(Input(()), None, False, note="0-d")
    yield sample(Input(()), 0, True, note="0-d, dim 0")
    yield sample(Input((2, 4), values=(1, 3, 3, 1, 0, 0, 0, 0)), 1, False, note="ties: the first")
    yield sample(
        Input((2, 3), values=(1, float("nan"), 3, float("-inf"), 2, float("inf")), dtype="float32"),
        1,
        False,
        note="NaN is the extremum",
    )
    yield sample(Input((0, 3)), 1, False, note="no rows")


def _truth_samples() -> Iterable[Sample]:
    yield from reduction_samples()
    yield sample(Input((2, 3), values=(0, 0, 0, 1, 0, 1)), 1, False)
    yield sample(
        Input((2, 3), values=(float("nan"), 0, 0, 1, -0.0, 1), dtype="float32"), 1, False, note="NaN is true"
    )


def _count_samples() -> Iterable[Sample]:
    for dim in (None, 0, -1, (0, 1)):
        yield sample(Input((3, 4), -1.0, 2.0), dim, note=f"dim={dim}")
    yield sample(Input((2, 3), values=(0, 0, 0, 1, 0, 1)), 1)
    yield sample(Input(()), None, note="0-d")
    yield sample(Input((0, 3)), 0, note="empty")


def _mean_samples() -> Iterable[Sample]:
    yield from reduction_samples()
    yield sample(Input((3, 4), dtype="int64"), None, False, dtypes.float32, note="integers with a dtype")
    yield sample(Input((3, 4)), 1, False, dtypes.float64, note="dtype")


def _mean_errors() -> Iterable[ErrorCase]:
    yield ErrorCase((Input((2, 3), dtype="int64"), None, False), "DTypeError", "Got: int64")


def _dim_errors() -> Iterable[ErrorCase]:
    yield ErrorCase((Input((2, 3)), 2, False), "IndexRangeError", "Dimension out of range")
    yield ErrorCase((Input((2, 3)), (0, 0), False), "IndexRangeError", "multiple times")


def _op(schema: str, tier: int, **columns: Any) -> Op:
    return Op(schema, tier=tier, family="reduction", **{"public": "function method out", **columns})


OPS: tuple[Op, ...] = (
    _op(
        "sum(Tensor input, dims dim=None, bool keepdim=False, *, dtype? dtype=None)",
        1,
        infer=_infer_sum,
        decompose=decompose_by_converting(lambda: F.sum),
        vjp={"input": _sum_vjp},
        autocast="float32",
        tolerance="sum",
        samples=_sum_samples,
        errors=_dim_errors,
        doc="The sum over dim. Source: torch.sum.",
    ),
    _op(
        "amax(Tensor input, dims dim=None, bool keepdim=False)",
        1,
        infer=_infer_extremum("amax"),
        vjp={"input": _extremum_vjp},
        samples=_extremum_samples,
        errors=_extremum_errors("amax"),
        doc="The largest value over dim; NaN wins. Source: torch.amax.",
    ),
    _op(
        "amin(Tensor input, dims dim=None, bool keepdim=False)",
        2,
        infer=_infer_extremum("amin"),
        decompose=_decompose_amin,
        vjp={"input": _extremum_vjp},
        samples=_extremum_samples,
        errors=_extremum_errors("amin"),
        doc="The smallest value over dim; NaN wins. Source: torch.amin.",
    ),
    _op(
        "prod(Tensor input, dims dim=None, bool keepdim=False, *, dtype? dtype=None)",
        2,
        infer=_infer_sum,
        decompose=_decompose_prod,
        vjp={"input": _prod_vjp},
        autocast="float32",
        tolerance="sum",
        samples=_prod_samples,
        errors=_dim_errors,
        doc="The product over dim. Source: torch.prod.",
    ),
    *(
        _op(
            f"{name}(Tensor input, dim? dim=None, bool keepdim=False)",
            2,
            infer=_infer_arg(name),
            dtypes="numeric",
            decompose=_decompose_arg(name),
            vjp={},
            samples=_arg_samples,
            errors=_extremum_errors(name),
            doc=f"The int64 index of the {which} value along dim, or of the flattened tensor. Source: "
            f"torch.{name}.",
        )
        for name, which in (("argmax", "largest"), ("argmin", "smallest"))
    ),
    *(
        _op(
            f"{name}(Tensor input, dims dim=None, bool keepdim=False)",
            4,
            infer=_infer_truth,
            out_dtype="truth",
            decompose=_truth(comparison),
            vjp={},
            samples=_truth_samples,
            errors=_dim_errors,
            doc=f"Whether {what} zero. Source: torch.{name}.",
        )
        for name, comparison, what in (
            ("any", "ne", "any value over dim is not"),
            ("all", "eq", "no value over dim is"),
        )
    ),
    _op(
        "count_nonzero(Tensor input, dims dim=None)",
        4,
        decompose=lambda input, dim: F.sum(F.ne(input, 0), dim, False),
        vjp={},
        samples=_count_samples,
        public="function method",
        doc="How many values over dim are not zero, as int64. Source: torch.count_nonzero.",
        shapes="input [*S] -> int64 [*reduced(S, dim)]",
    ),
    _op(
        "mean(Tensor input, dims dim=None, bool keepdim=False, *, dtype? dtype=None)",
        4,
        infer=_infer_mean,
        decompose=_decompose_mean,
        vjp={"input": _mean_vjp},
        autocast="promote",
        tolerance="mean",
        samples=_mean_samples,
        errors=_mean_errors,
        doc="The mean over dim. Source: torch.mean.",
    ),
)
