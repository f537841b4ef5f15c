"""Cumulative sums and products, sorting and selection by rank."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from .. import dtypes
from ..errors import DTypeError, ShapeError
from ..layout import Layout, dense
from ..op import ErrorCase, Input, Op, Sample
from . import F
from .common import (
    Tensor,
    positions,
    reshape,
    sample,
    shifted,
    to_dtype,
    widen,
    zeros,
)
from .reduction import sum_dtype

# -- scans ---------------------------------------------------------------------------------------------------


def _infer_scan(input: Layout, dim: int, dtype: dtypes.DType | None = None) -> Layout:
    result = sum_dtype(input.dtype, dtype)
    if result is dtypes.bool_:
        raise DTypeError("cumulative sums and products are not implemented for 'bool'; give another dtype")
    return dense(input.shape, result)


def _doubling(combine: Callable[..., Tensor], neutral: float) -> Callable[..., Any]:
    """A scan in log2(n) steps:
    after step k every element holds what the 2**k elements up to it combine to.
    """

    def decompose(input: Tensor, dim: int, dtype: dtypes.DType | None = None) -> Tensor:
        result = sum_dtype(input.dtype, dtype)
        x = widen(to_dtype(input, result))
        distance = 1
        while x.ndim and distance < x.shape[dim]:
            x = combine(x, shifted(x, dim, distance, neutral))
            distance *= 2
        return F.copy(x) if x is input else to_dtype(x, result)

    return decompose


def _reverse(x: Tensor, dim: int) -> Tensor:
    return F.flip(x, (dim,)) if x.ndim else x


def _cumsum_vjp(grad: Tensor, input_layout: Layout, dim: int) -> Tensor:
    return to_dtype(_reverse(F.cumsum(_reverse(grad, dim), dim), dim), input_layout.dtype)


def linear_recurrence(factor: Tensor, term: Tensor, dim: int) -> Tensor:
    """s[0] = term[0], s[k] = term[k] + factor[k] s[k - 1] along ``dim``, in log2(n)
    steps that can be differentiated.
    """
    distance = 1
    while distance < term.shape[dim]:
        term = F.add(term, F.mul(factor, shifted(term, dim, distance, 0)))
        factor = F.mul(factor, shifted(factor, dim, distance, 0))
        distance *= 2
    return term


def _cumprod_vjp(grad: Tensor, input: Tensor, dim: int) -> Tensor:
    """The product of what comes before times a recurrence over what comes after;
    no division, so zeros are no matter.
    """
    x = to_dtype(input, grad.dtype)
    if x.ndim == 0 or x.numel() == 0:
        return to_dtype(grad, input.dtype)
    before = shifted(F.cumprod(x, dim), dim, 1, 1)
    after = linear_recurrence(shifted(_reverse(x, dim), dim, 1, 0), _reverse(grad, dim), dim)
    return to_dtype(F.mul(before, _reverse(after, dim)), input.dtype)


def _infer_cumulative_extremum(input: Layout, dim: int) -> tuple[Layout, Layout]:
    return dense(input.shape, input.dtype), dense(input.shape, dtypes.int64)


def _cumulative_extremum(largest: bool) -> Callable[..., Any]:
    """Values and the last place that holds them, by doubling; NaN wins."""

    def decompose(input: Tensor, dim: int) -> tuple[Tensor, Tensor]:
        if input.ndim == 0 or input.numel() == 0:
            return F.copy(input), zeros(input.shape, input, dtypes.int64)
        length = input.shape[dim]
        index = F.view(positions(length, input), (length,) + (1,) * (input.ndim - 1 - dim))
        values, index = input, F.copy(F.expand(index, input.shape))
        distance = 1
        while distance < length:
            head, tail = (
                F.slice(values, dim, 0, length - distance, 1),
                F.slice(values, dim, distance, length - distance, 1),
            )
            better = F.le(head, tail) if largest else F.le(tail, head)
            keep = F.bitwise_or(better, F.ne(tail, tail)) if input.dtype.is_floating_point else better
            chosen = F.where(keep, tail, head)
            place = F.where(
                keep,
                F.slice(index, dim, distance, length - distance, 1),
                F.slice(index, dim, 0, length - distance, 1),
            )
            values = F.cat([F.slice(values, dim, 0, distance, 1), chosen], dim)
            index = F.cat([F.slice(index, dim, 0, distance, 1), place], dim)
            distance *= 2
        return F.copy(values) if values is input else values, index

    return decompose


def _cumulative_extremum_vjp(grad: Tensor, input_layout: Layout, indices: Tensor, dim: int) -> Tensor:
    return F.scatter_add(zeros(input_layout.shape, grad), dim, indices, grad)


# -- sorting -------------------------------------------------------------------------------------------------


def _infer_sort(input: Layout, dim: int, descending: bool) -> tuple[Layout, Layout]:
    return dense(input.shape, input.dtype), dense(input.shape, dtypes.int64)


def _precedes(a: tuple[Tensor, Tensor], b: tuple[Tensor, Tensor], length: int, descending: bool) -> Tensor:
    """Whether (value, place) ``a`` comes before ``b``: by value, NaN as the largest,
    then by place; padding last.
    """
    (x, i), (y, j) = a, b
    before, tie = (F.lt(y, x) if descending else F.lt(x, y)), F.eq(x, y)
    if x.dtype.is_floating_point:
        x_nan, y_nan = F.ne(x, x), F.ne(y, y)
        first, second = (x_nan, y_nan) if descending else (y_nan, x_nan)
        before = F.bitwise_or(before, F.bitwise_and(first, F.bitwise_not(second)))
        tie = F.bitwise_or(tie, F.bitwise_and(x_nan, y_nan))
    before = F.bitwise_or(before, F.bitwise_and(tie, F.lt(i, j)))
    i_real, j_real = F.lt(i, length), F.lt(j, length)
    return F.bitwise_and(i_real, F.bitwise_or(before, F.bitwise_not(j_real)))


def _decompose_sort(input: Tensor, dim: int, descending: bool) -> tuple[Tensor, Tensor]:
    """Batcher's bitonic network over (value, place), padded to a power of two: log2(n)**2 / 2 steps."""
    if input.ndim == 0 or input.numel() == 0:
        return F.copy(input), zeros(input.shape, input, dtypes.int64)
    length, last = input.shape[dim], input.ndim - 1
    x = F.transpose(input, dim, last)
    rows = tuple(x.shape[:last])
    total = 1
    while total < length:
        total *= 2
    values = F.constant_pad_nd(x, (0, total - length), 0)
    places = F.copy(F.expand(positions(total, input), (*rows, total)))
    block = 2
    while block <= total:
        for half in _halves(block):
            # the first step of a block compares mirrored places, so that all blocks run in one direction
            mirrored = half * 2 == block
            shape = (*rows, total // (2 * half), 2, half)
            v, p = F.view(values, shape), F.view(places, shape)
            side = len(rows) + 1
            low, high = (
                (F.select(v, side, 0), F.select(p, side, 0)),
                (F.select(v, side, 1), F.select(p, side, 1)),
            )
            if mirrored:
                high = (F.flip(high[0], (side,)), F.flip(high[1], (side,)))
            keep = _precedes(low, high, length, descending)
            pairs = []
            for a, b in zip(low, high, strict=True):
                upper = F.where(keep, b, a)
                pairs.append(
                    F.stack([F.where(keep, a, b), F.flip(upper, (side,)) if mirrored else upper], side)
                )
            values, places = (F.view(t, (*rows, total)) for t in pairs)
        block *= 2
    values, places = (
        F.copy(F.transpose(F.slice(t, last, 0, length, 1), dim, last)) for t in (values, places)
    )
    return values, places


def _halves(block: int) -> Iterable[int]:
    half = block // 2
    while half:
        yield half
        half //= 2


def _sort_vjp(grad: Tensor, input_layout: Layout, indices: Tensor, dim: int) -> Tensor:
    if input_layout.ndim == 0:
        return grad
    return F.scatter(zeros(input_layout.shape, grad), dim, indices, grad)


def _infer_topk(input: Layout, k: int, dim: int, largest: bool, sorted: bool) -> tuple[Layout, Layout]:
    size = input.shape[dim] if input.ndim else 1
    if not 0 <= k <= size:
        raise ShapeError(
            f"selected index k out of range: k is {k} and dimension {dim} of {list(input.shape)} has size "
            f"{size}; give k in [0, {size}]"
        )
    shape = (*input.shape[:dim], k, *input.shape[dim + 1 :]) if input.ndim else ()
    return dense(shape, input.dtype), dense(shape, dtypes.int64)


def _decompose_topk(input: Tensor, k: int, dim: int, largest: bool, sorted: bool) -> tuple[Tensor, Tensor]:
    values, indices = F.sort(input, dim, largest)
    if input.ndim == 0:
        return values, indices
    return F.copy(F.slice(values, dim, 0, k, 1)), F.copy(F.slice(indices, dim, 0, k, 1))


def _infer_kthvalue(input: Layout, k: int, dim: int, keepdim: bool) -> tuple[Layout, Layout]:
    size = input.shape[dim] if input.ndim else 1
    if not 1 <= k <= size:
        raise ShapeError(
            f"kthvalue(): selected number k out of range for dimension {dim}: k is {k} and the size "
            f"{size} (shape {list(input.shape)}); give k in [1, {size}]"
        )
    shape = tuple(1 if i == dim else n for i, n in enumerate(input.shape) if keepdim or i != dim)
    return dense(shape, input.dtype), dense(shape, dtypes.int64)


def _decompose_kthvalue(input: Tensor, k: int, dim: int, keepdim: bool) -> tuple[Tensor, Tensor]:
    values, indices = F.sort(input, dim, False)
    if input.ndim == 0:
        return values, indices
    if keepdim:
        return F.copy(F.slice(values, dim, k - 1, 1, 1)), F.copy(F.slice(indices, dim, k - 1, 1, 1))
    return F.copy(F.select(values, dim, k - 1)), F.copy(F.select(indices, dim, k - 1))


def _kthvalue_vjp(grad: Tensor, input_layout: Layout, indices: Tensor, dim: int) -> Tensor:
    if input_layout.ndim == 0:
        return grad
    shape = tuple(1 if i == dim else n for i, n in enumerate(input_layout.shape))
    return F.scatter(zeros(input_layout.shape, grad), dim, reshape(indices, shape), reshape(grad, shape))


# -- samples -------------------------------------------------------------------------------------------------

_NAN = float("nan")


def _scan_samples(low: float, high: float) -> Callable[[], Iterable[Sample]]:
    def samples() -> Iterable[Sample]:
        for dim in (0, 1, -1):
            yield sample(Input((3, 4, 5), low, high), dim, note=f"dim={dim}")
        for layout in ("transposed", "sliced", "expanded", "offset"):
            yield sample(Input((4, 6), low, high, layout=layout), 1, note=layout)
        yield sample(Input((), low, high), 0, note="0-d")
        yield sample(Input((0, 3), low, high), 0, note="empty")
        yield sample(Input((2, 5), values=(1, 0, 2, 3, 1, 2, 0, 0, 1, 2)), 1, note="zeros")
        yield sample(Input((37,), low, high), 0, note="long")

    return samples


def _sort_samples() -> Iterable[Sample]:
    for descending in (False, True):
        for dim in (0, -1):
            yield sample(
                Input((3, 5), -100.0, 100.0), dim, descending, note=f"dim={dim} descending={descending}"
            )
        yield sample(
            Input((2, 6), values=(1, 3, 1, 2, 3, 1, 0, 0, 0, 0, 0, 0)), 1, descending, note="ties are stable"
        )
        yield sample(
            Input((6,), values=(1, _NAN, float("inf"), -1, _NAN, float("-inf")), dtype="float32"),
            0,
            descending,
            note="NaN is the largest",
        )
        yield sample(Input((4, 6), layout="transposed"), 0, descending, note="transposed")
        yield sample(Input((37,), -100.0, 100.0), 0, descending, note="long")
    yield sample(Input(()), 0, False, note="0-d")
    yield sample(Input((0, 3)), 0, False, note="empty")
    yield sample(Input((3, 1)), 1, False, note="one element")


def _topk_samples() -> Iterable[Sample]:
    shuffled = tuple(
        float((7 * i) % 15) for i in range(15)
    )  # no ties: PyTorch's order among them is not defined
    for largest in (True, False):
        yield sample(Input((3, 5), values=shuffled), 2, -1, largest, True, note=f"largest={largest}")
        yield sample(Input((3, 5), values=shuffled), 2, 0, largest, True, note=f"dim 0 largest={largest}")
        yield sample(
            Input((3, 5), values=shuffled, layout="transposed"), 5, 1, largest, True, note="all of them"
        )
    yield sample(Input((3, 5), values=shuffled), 0, 1, True, True, note="none of them")


def _kth_samples() -> Iterable[Sample]:
    shuffled = tuple(float((7 * i) % 15) for i in range(15))
    for keepdim in (False, True):
        yield sample(Input((3, 5), values=shuffled), 2, 1, keepdim, note=f"keepdim={keepdim}")
        yield sample(Input((3, 5), values=shuffled), 3, 0, keepdim, note=f"dim 0 keepdim={keepdim}")
    yield sample(Input(()), 1, 0, False, note="0-d")


def _op(schema: str, tier: int, **columns: Any) -> Op:
    return Op(schema, tier=tier, family="scan_sort", autocast=columns.pop("autocast", "none"), **columns)


def _dim_errors() -> Iterable[ErrorCase]:
    yield ErrorCase((Input((2, 3)), 2), "IndexRangeError", "Dimension out of range")


def _rank_errors(*rest: Any) -> Callable[[], Iterable[ErrorCase]]:
    return lambda: [ErrorCase((Input((2, 3)), 4, *rest), "ShapeError", "k is 4")]


OPS: tuple[Op, ...] = (
    _op(
        "cumsum(Tensor input, dim dim, *, dtype? dtype=None)",
        2,
        infer=_infer_scan,
        out_dtype="same",
        decompose=_doubling(lambda a, b: F.add(a, b), 0),
        vjp={"input": _cumsum_vjp},
        tolerance="sum",
        autocast="float32",
        samples=_scan_samples(-4.0, 4.0),
        errors=_dim_errors,
        public="function method out",
        doc="The sum of all elements up to each along dim. Source: torch.cumsum.",
    ),
    _op(
        "cumprod(Tensor input, dim dim, *, dtype? dtype=None)",
        3,
        infer=_infer_scan,
        out_dtype="same",
        decompose=_doubling(lambda a, b: F.mul(a, b), 1),
        vjp={"input": _cumprod_vjp},
        tolerance="sum",
        autocast="float32",
        samples=_scan_samples(0.5, 1.9),
        errors=_dim_errors,
        public="function method out",
        doc="The product of all elements up to each along dim. Source: torch.cumprod.",
    ),
    *(
        _op(
            f"{name}(Tensor input, dim dim) -> values, indices",
            4,
            infer=_infer_cumulative_extremum,
            decompose=_cumulative_extremum(which == "largest"),
            vjp={"input": _cumulative_extremum_vjp},
            samples=_scan_samples(-4.0, 4.0),
            errors=_dim_errors,
            public="function method named out",
            doc=f"The {which} element up to each along dim, and its last place. Source: torch.{name}.",
        )
        for name, which in (("cummax", "largest"), ("cummin", "smallest"))
    ),
    _op(
        "sort(Tensor input, dim dim=-1, bool descending=False) -> values, indices",
        3,
        infer=_infer_sort,
        decompose=_decompose_sort,
        vjp={"input": _sort_vjp},
        samples=_sort_samples,
        errors=_dim_errors,
        doc="Values in order along dim, and where each came from; stable, NaN is the largest. Source: "
        "torch.sort.",
    ),
    _op(
        "topk(Tensor input, int k, dim dim=-1, bool largest=True, bool sorted=True) -> values, indices",
        4,
        infer=_infer_topk,
        decompose=_decompose_topk,
        vjp={"input": _sort_vjp},
        dtypes="numeric",
        samples=_topk_samples,
        errors=_rank_errors(),
        public="function method named out",
        doc="The k largest (or smallest) values along dim in order, and their places. Source: torch.topk.",
        shapes="input [*A, n at dim, *B] -> values [*A, k, *B], indices int64 [*A, k, *B]",
    ),
    _op(
        "argsort(Tensor input, dim dim=-1, bool descending=False)",
        4,
        decompose=lambda input, dim, descending: F.sort(input, dim, descending)[1],
        vjp={},
        samples=_sort_samples,
        errors=_dim_errors,
        doc="The places that sort the values along dim; stable. Source: torch.argsort.",
        shapes="input [*S] -> int64 [*S]",
    ),
    _op(
        "kthvalue(Tensor input, int k, dim dim=-1, bool keepdim=False) -> values, indices",
        4,
        infer=_infer_kthvalue,
        decompose=_decompose_kthvalue,
        vjp={"input": _kthvalue_vjp},
        dtypes="numeric",
        samples=_kth_samples,
        errors=_rank_errors(),
        public="function method named out",
        doc="The k-th smallest value along dim and its place. Source: torch.kthvalue.",
        shapes="input [*S] -> values [*reduced(S, dim, keepdim)], indices int64 [*reduced(S, dim, keepdim)]",
    ),
)
