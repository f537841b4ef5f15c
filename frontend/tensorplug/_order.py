"""Comparing, sorting, counting: which of two, in which order, how many."""

from __future__ import annotations

import math

from tensorplug_dispatcher import dtypes, promotion
from tensorplug_dispatcher.conversion import check_fits
from tensorplug_dispatcher.dtypes import BOOL, FLOATING, DType
from tensorplug_dispatcher.errors import DTypeError, ShapeError, SignatureError
from tensorplug_dispatcher.ops import F
from tensorplug_dispatcher.signatures import wrap_dim
from tensorplug_dispatcher.tensor import TensorBase

from . import return_types
from ._arguments import check_floating
from ._arithmetic import tensors_only
from ._creation import as_tensor
from ._creation import tensor as tensor_of
from ._public import public, result_of
from ._selection import masked_select, nonzero

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ._tensor import Tensor

    Number = int | float


# -- choosing and comparing ----------------------------------------------------------------------------------


@public("method", names="where")
def where_method(self: Tensor, condition: Tensor, other: Any) -> Tensor:
    """``self`` where ``condition`` holds, else ``other``.

    Shapes: operands broadcast to the result; the places of a condition alone are int64 [n] each; dtypes:
    condition bool, the others any. Source: torch.Tensor.where.
    """
    return where(condition, self, other)


@public("function")
def where(condition: Tensor, input: Any = None, other: Any = None, *, out: Tensor | None = None) -> Any:
    """``input`` where ``condition`` holds, else ``other``; with the condition alone,
    its true places by dimension.

    Shapes: operands broadcast to the result; the places of a condition alone are int64 [n] each; dtypes:
    condition bool, the others any. Raises DTypeError for a dtype that is not taken. Source: torch.where.
    """
    if input is None and other is None:
        return nonzero(condition, as_tuple=True)
    if not isinstance(condition, TensorBase) or condition.dtype.kind != BOOL:
        if not isinstance(condition, TensorBase) or condition.dtype is not dtypes.uint8:
            given = condition.dtype.name if isinstance(condition, TensorBase) else type(condition).__name__
            raise DTypeError(
                f"where expected condition to be a boolean tensor, but got {given}; compare it with something"
            )
        condition = F.ne(condition, 0)
    for number, tensor in ((input, other), (other, input)):
        if isinstance(tensor, TensorBase) and not isinstance(number, TensorBase):
            wanted = promotion.result_type([tensor.layout, number])
            check_fits("where", number, dtypes.float32 if wanted.itemsize == 2 and wanted.eps else wanted)
    return result_of(F.where, out, condition, input, other)


@public("function", "method")
def isclose(
    input: Tensor, other: Tensor, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False
) -> Tensor:
    """Where ``|input - other| <= atol + rtol * |other|``; infinities are close to themselves.

    Shapes: operands broadcast to the result; dtypes: any, the result is bool. Raises DTypeError for a dtype
    that is not taken. Raises ShapeError for sizes that do not fit. Source: torch.isclose.
    """
    tensors_only("isclose", input=input, other=other)
    if input.dtype is not other.dtype:
        raise DTypeError(f"{input.dtype.name} did not match {other.dtype.name}; convert one with .to()")
    if rtol < 0 or atol < 0:
        raise ShapeError(
            f"isclose(): rtol and atol must be greater than or equal to zero, but got {rtol} and {atol}"
        )
    close = F.eq(input, other)
    if input.dtype.kind != FLOATING:
        if rtol == 0 and atol == 0:
            return close
        input, other = F.cast(input, dtypes.float64), F.cast(other, dtypes.float64)
    elif equal_nan:
        close = F.logical_or(close, F.logical_and(F.isnan(input), F.isnan(other)))
    allowed = F.add(F.mul(F.abs(other), rtol), atol)
    near = F.logical_and(F.le(F.abs(F.sub(input, other)), allowed), F.isfinite(other))
    return F.logical_or(close, near)


@public("function", "method")
def allclose(
    input: Tensor, other: Tensor, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False
) -> bool:
    """Whether ``isclose`` holds everywhere.

    Shapes: both broadcast, the result is a Python bool; dtypes: any. Source: torch.allclose.
    """
    return bool(F.all(isclose(input, other, rtol, atol, equal_nan)).item())


@public("function", "method")
def equal(input: Tensor, other: Tensor) -> bool:
    """Whether both have the same shape and the same values.

    Shapes: any two shapes, the result is a Python bool; dtypes: any. Source: torch.equal.
    """
    tensors_only("equal", input=input, other=other)
    if tuple(input.shape) != tuple(other.shape):
        return False
    return bool(F.all(F.eq(input, other)).item())


@public("function", out="out")
def isin(elements: Any, test_elements: Any, *, invert: bool = False) -> Tensor:
    """Where ``elements`` are among ``test_elements``; each a tensor or a number.

    Shapes: elements [*S], test_elements [*T] -> [*S]; dtypes: any, the result is bool. Raises DTypeError for
    a dtype that is not taken. Source: torch.isin.
    """
    for given in (elements, test_elements):
        if isinstance(given, bool) or isinstance(given, TensorBase) and given.dtype.kind == BOOL:
            raise DTypeError("isin(): tensors of dtype bool are not supported; convert with .int()")
    where = next((x.device for x in (elements, test_elements) if isinstance(x, TensorBase)), None)
    elements, tests = as_tensor(elements, device=where), as_tensor(test_elements, device=where)
    if not tests.numel():
        return F.fill(tuple(elements.shape), invert, dtypes.bool_, device=elements.device)
    found = F.any(F.eq(F.unsqueeze(elements, -1), F.reshape(tests, (-1,))), -1)
    return F.logical_not(found) if invert else found


@public("function", "method", out="out")
def isposinf(input: Tensor) -> Tensor:
    """Where the value is +inf.

    Shapes: [*S] -> [*S]; dtypes: any, the result is bool. Source: torch.isposinf.
    """
    return F.eq(input, math.inf)


@public("function", "method", out="out")
def isneginf(input: Tensor) -> Tensor:
    """Where the value is -inf.

    Shapes: [*S] -> [*S]; dtypes: any, the result is bool. Source: torch.isneginf.
    """
    return F.eq(input, -math.inf)


@public("function", "method")
def isreal(input: Tensor) -> Tensor:
    """True everywhere: there are no complex dtypes.

    Shapes: [*S] -> [*S]; dtypes: any, the result is bool. Source: torch.isreal.
    """
    return F.fill(tuple(input.shape), True, dtypes.bool_, device=input.device)


# -- order ---------------------------------------------------------------------------------------------------


@public("function", "method", out="values indices")
def sort(input: Tensor, dim: int = -1, descending: bool = False, stable: bool = True) -> Any:
    """(values, indices) in order along ``dim``; always stable, NaN is the largest.

    Shapes: [*S] -> values and indices [*S]; dtypes: any, indices are int64. Source: torch.sort.
    """
    return return_types.sort(F.sort(input, dim, descending))


@public("function", "method", out="out")
def argsort(input: Tensor, dim: int = -1, descending: bool = False, stable: bool = True) -> Tensor:
    """The places that sort ``input`` along ``dim``; always stable.

    Shapes: [*S] -> [*S]; dtypes: any, the result is int64. Source: torch.argsort.
    """
    return F.argsort(input, dim, descending)


@public("function", "method", out="out")
def msort(input: Tensor) -> Tensor:
    """The values in order along the first dimension.

    Shapes: [N, *S] -> [N, *S]; dtypes: any. Source: torch.msort.
    """
    return F.sort(input, 0, False)[0]


@public("function", out="out")
def searchsorted(
    sorted_sequence: Tensor,
    input: Any,
    *,
    out_int32: bool = False,
    right: bool = False,
    side: str | None = None,
) -> Tensor:
    """Where each of ``input`` goes into a sorted sequence; behind equal ones with ``right``.

    Shapes: sorted_sequence [*A, n], input [*A, m] -> [*A, m]; or [n], [*T] -> [*T]; dtypes: any but bool, the
    result is int64. Raises SignatureError for arguments that do not go together. Source: torch.searchsorted.
    """
    if side is not None:
        if side not in ("left", "right"):
            raise SignatureError(f"torch.searchsorted(): side can only be 'left' or 'right' but got {side}")
        right = side == "right"
    values = (
        input
        if isinstance(input, TensorBase)
        else F.fill((), input, _dtype_beside(sorted_sequence, input), device=sorted_sequence.device)
    )
    if values.dtype is not sorted_sequence.dtype:
        wanted = promotion.result_type([sorted_sequence.layout, values.layout])
        sorted_sequence, values = F.cast(sorted_sequence, wanted), F.cast(values, wanted)
    places = F.searchsorted(sorted_sequence, values, right)
    return F.cast(places, dtypes.int32) if out_int32 else places


def _dtype_beside(sequence: Any, value: Any) -> DType:
    """The dtype of a number that is looked for: a fraction among integers is one."""
    return promotion.result_type([sequence.layout, value])


@public("function", out="out")
def bucketize(input: Any, boundaries: Tensor, *, out_int32: bool = False, right: bool = False) -> Tensor:
    """The number of the bucket, between sorted ``boundaries``, that each of ``input`` is in.

    Shapes: input [*S], boundaries [n] -> [*S]; dtypes: any but bool, the result is int64. Source:
    torch.bucketize.
    """
    return searchsorted(boundaries, input, out_int32=out_int32, right=right)


# -- counting ------------------------------------------------------------------------------------------------


@public("function", "method")
def bincount(input: Tensor, weights: Tensor | None = None, minlength: int = 0) -> Tensor:
    """How often each number occurs in a vector of non-negative integers, or the sum of its ``weights``.

    Shapes: [n] -> [max(minlength, largest + 1)]; dtypes: integers; the result is int64, with weights their
    dtype. Raises ShapeError for sizes that do not fit. Source: torch.bincount.
    """
    if input.ndim != 1 or input.dtype.kind == FLOATING:
        raise ShapeError(
            "bincount only supports 1-d non-negative integral inputs, but got "
            f"{input.dtype.name} of shape {list(input.shape)}"
        )
    if minlength < 0:
        raise ShapeError(f"minlength should be >= 0, but is {minlength}")
    size = minlength
    if input.numel():
        low, high = int(F.amin(input).item()), int(F.amax(input).item())
        if low < 0:
            raise ShapeError(
                f"bincount only supports 1-d non-negative integral inputs, but the smallest is {low}"
            )
        size = max(minlength, high + 1)
    index = F.cast(input, dtypes.int64)
    each: Any = weights
    if weights is None:
        each = F.fill(tuple(input.shape), 1, dtypes.int64, device=input.device)
    elif tuple(weights.shape) != tuple(input.shape):
        raise ShapeError(
            f"weights should be 1-d and have the same length as input: {list(weights.shape)} "
            f"and {list(input.shape)}"
        )
    elif weights.dtype is not dtypes.float32:
        each = F.cast(weights, dtypes.float64)
    counts = F.fill((size,), 0, each.dtype, device=input.device)
    return F.scatter_add(counts, 0, index, each)


@public("function", "method", out="out")
def histc(input: Tensor, bins: int = 100, min: float = 0, max: float = 0) -> Tensor:
    """How many elements are in each of ``bins`` equal intervals from ``min``
    to ``max`` (both 0: those of the data).

    Shapes: [*S] -> [bins]; dtypes: floating. Raises ShapeError for sizes that do not fit. Source:
    torch.histc.
    """
    check_floating("histc", input)
    if bins <= 0:
        raise ShapeError(f"bins must be > 0, but is {bins}")
    flat = F.reshape(input.detach(), (-1,))
    if min == max and flat.numel():
        min, max = F.amin(flat).item(), F.amax(flat).item()
    if min == max:
        min, max = min - 1, max + 1
    if not math.isfinite(max - min):
        raise ShapeError(f"histc(): the range from {min} to {max} is not finite; give min and max")
    if not max > min:
        raise ShapeError(f"torch.histc: max must be larger than min, but the range is {min} to {max}")
    kept = masked_select(flat, F.logical_and(F.ge(flat, min), F.le(flat, max)))
    place = F.cast(F.floor(F.div(F.mul(F.sub(kept, min), bins), max - min)), dtypes.int64)
    counts = bincount(F.clamp(place, 0, bins - 1), minlength=bins)
    return F.cast(counts, input.dtype)


@public("function", "method")
def unique(
    input: Tensor,
    sorted: bool = True,
    return_inverse: bool = False,
    return_counts: bool = False,
    dim: int | None = None,
) -> Any:
    """The distinct values in order; with the place of each element among them, and how often each occurs.

    Shapes: [*S] -> [n], inverse [*S], counts [n]; with ``dim`` [*A, n, *B]; dtypes: any, inverse and counts
    are int64. Source: torch.unique.
    """
    plain: Any = input.detach()
    if dim is not None:
        return _unique_slices(plain, wrap_dim(dim, plain.ndim), return_inverse, return_counts, False)
    flat = F.reshape(plain, (plain.numel(),))
    ordered, order = F.sort(flat, 0)
    return _distinct(ordered, order, tuple(plain.shape), return_inverse, return_counts)


@public("function", "method")
def unique_consecutive(
    input: Tensor, return_inverse: bool = False, return_counts: bool = False, dim: int | None = None
) -> Any:
    """As ``unique``, where only equal neighbours count as one.

    Shapes: [*S] -> [n], inverse [*S], counts [n]; with ``dim`` [*A, n, *B]; dtypes: any, inverse and counts
    are int64. Source: torch.unique_consecutive.
    """
    plain: Any = input.detach()
    if dim is not None:
        return _unique_slices(plain, wrap_dim(dim, plain.ndim), return_inverse, return_counts, True)
    return _distinct(
        F.reshape(plain, (plain.numel(),)), None, tuple(plain.shape), return_inverse, return_counts
    )


def _distinct(
    ordered: Any, order: Any, shape: tuple[int, ...], return_inverse: bool, return_counts: bool
) -> Any:
    """From values in which equal ones are neighbours, and where each came from (None: where it stands)."""
    count = ordered.numel()
    device = ordered.device
    first = F.fill((min(count, 1),), True, dtypes.bool_, device=device)
    if count > 1:
        changed = F.ne(F.narrow(ordered, 0, 1, count - 1), F.narrow(ordered, 0, 0, count - 1))
        first = F.cat((first, changed), 0)
    starts = nonzero(first, as_tuple=True)[0]
    results = [F.index_select(ordered, 0, starts)]
    if return_inverse:
        group = F.sub(F.cumsum(F.cast(first, dtypes.int64), 0), 1)
        results.append(F.reshape(group if order is None else F.scatter(group, 0, order, group), shape))
    if return_counts:
        ends = F.cat(
            (
                F.narrow(starts, 0, min(1, starts.numel()), max(starts.numel() - 1, 0)),
                F.fill((min(count, 1),), count, dtypes.int64, device=device),
            ),
            0,
        )
        results.append(F.sub(ends, starts))
    return results[0] if len(results) == 1 else tuple(results)


def _unique_slices(x: Any, dim: int, return_inverse: bool, return_counts: bool, consecutive: bool) -> Any:
    """Distinct slices along ``dim``, compared as lists on the host."""
    rows = F.movedim(x, (dim,), (0,)).tolist()
    keys = [repr(row) for row in rows]
    places = (
        list(range(len(rows)))
        if consecutive
        else [i for _, i in sorted((row, i) for i, row in enumerate(rows))]
    )
    groups: list[int] = []
    inverse = [0] * len(rows)
    counts: list[int] = []
    for k, i in enumerate(places):
        if not k or keys[i] != keys[places[k - 1]]:
            groups.append(i)
            counts.append(0)
        counts[-1] += 1
        inverse[i] = len(groups) - 1
    results = [F.index_select(x, dim, tensor_of(groups, dtype=dtypes.int64, device=x.device))]
    if return_inverse:
        results.append(tensor_of(inverse, dtype=dtypes.int64, device=x.device))
    if return_counts:
        results.append(tensor_of(counts, dtype=dtypes.int64, device=x.device))
    return results[0] if len(results) == 1 else tuple(results)
