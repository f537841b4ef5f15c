"""Reading and writing at places, sorting, counting: PyTorch's signatures over the table's indexing and
sorting ops.
"""

from __future__ import annotations

import math
from contextlib import suppress

from tensorplug_dispatcher import dtypes, promotion
from tensorplug_dispatcher.conversion import check_fits, number_of
from tensorplug_dispatcher.dtypes import BOOL, FLOATING, INTEGER, DType
from tensorplug_dispatcher.errors import DTypeError, IndexRangeError, ShapeError, SignatureError
from tensorplug_dispatcher.ops import F
from tensorplug_dispatcher.signatures import wrap_dim
from tensorplug_dispatcher.tensor import TensorBase

from . import return_types
from ._arguments import check_floating, check_out, check_same_dtype
from ._creation import tensor
from ._indexing import getitem, put, resolve, setitem
from ._public import HALVES, into, public, recording, widened
from ._shape import broadcast_tensors

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from ._tensor import Tensor


# -- places --------------------------------------------------------------------------------------------------


@public("function", "method")
def nonzero(input: Tensor, *, as_tuple: bool = False, out: Tensor | None = None) -> Any:
    """The places of the values that are not zero: int64 [n, ndim], or one vector a dimension with
    ``as_tuple``.
    """
    plain: Any = input.detach()
    if as_tuple and plain.ndim == 0:
        plain = F.view(plain, (1,))
    places = F.nonzero(plain, int(F.count_nonzero(plain).item()))
    if as_tuple:
        return tuple([F.select(places, 1, i) for i in range(plain.ndim)])
    return into("nonzero", out, places, "out")


@public("function", "method")
def argwhere(input: Tensor) -> Tensor:
    """The places of the values that are not zero, one a row."""
    return nonzero(input)


@public("function", "method")
def masked_select(input: Tensor, mask: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The elements where ``mask`` holds, as a vector."""
    if mask.dtype.kind != BOOL:
        raise DTypeError(
            f"masked_select: expected BoolTensor for mask, but got {mask.dtype.name}; compare "
            "it with something"
        )
    values, where = broadcast_tensors(input, mask)
    return into("masked_select", out, getitem(values, where), "out")


@public("function", "method")
def masked_fill(input: Tensor, mask: Tensor, value: Any) -> Tensor:
    """``input`` with ``value`` (a number or a 0-d tensor) where ``mask`` holds."""
    if isinstance(value, TensorBase):
        if value.ndim:
            raise ShapeError(
                "masked_fill only supports a 0-dimensional value tensor, but got tensor with "
                f"{value.ndim} dimension(s) (shape {list(value.shape)}); use where()"
            )
        if mask.dtype.kind != BOOL:
            raise DTypeError(f"masked_fill only supports boolean masks, but got {mask.dtype.name}")
        made = F.where(mask, value, input)
        return made if made.dtype is input.dtype else F.cast(made, input.dtype)
    check_fits("masked_fill", value, input.dtype)
    return F.masked_fill(input, mask, value)


@public("method")
def masked_fill_(self: Tensor, mask: Tensor, value: Any) -> Tensor:
    """In place ``masked_fill``."""
    if isinstance(value, TensorBase):
        return self.copy_(masked_fill(self, mask, value))
    check_fits("masked_fill_", value, self.dtype)
    if recording(self) or mask.dtype.kind != BOOL or not isinstance(value, (int, float)):
        return F.masked_fill.inplace(self, mask, value)
    kind = self.dtype.kind
    value = value if kind == FLOATING else bool(value) if kind == BOOL else int(value)
    F.where.call_into((mask, value, self), (self,))  # elementwise, and so with no copy of self
    return self


@public("function", "method", "inplace")
def masked_scatter(input: Tensor, mask: Tensor, source: Tensor) -> Tensor:
    """``input`` with the elements of ``source``, in order, where ``mask`` holds."""
    if mask.dtype is not dtypes.bool_:
        raise DTypeError(
            f"masked_scatter only supports boolean masks, but got a mask of dtype {mask.dtype.name}"
        )
    check_same_dtype("masked_scatter", input=input, source=source)
    input, where = broadcast_tensors(input, mask)
    place = F.sub(F.cumsum(F.cast(F.reshape(where, (-1,)), dtypes.int64), 0), 1)
    count = int(F.count_nonzero(where).item())
    if count > source.numel():
        raise ShapeError(
            f"masked_scatter: expected at least {count} elements in source, but got {source.numel()}"
        )
    if not source.numel():
        return F.copy(input)
    taken = F.index_select(F.reshape(source, (-1,)), 0, F.clamp(place, 0, source.numel() - 1))
    return F.where(where, F.reshape(taken, tuple(input.shape)), input)


@public("function", "method", op=F.gather)
def gather(
    input: Tensor, dim: int, index: Tensor, *, sparse_grad: bool = False, out: Tensor | None = None
) -> Tensor:
    """``out[i][j] = input[index[i][j]][j]`` for dim 0, and so on."""
    check_out("gather", out, input.dtype)
    return F.gather(input, dim, index) if out is None else F.gather(input, dim, index, out=out)


@public("function", "method", out="out")
def take_along_dim(input: Tensor, indices: Tensor, dim: int | None = None) -> Tensor:
    """``gather`` with broadcasting; without ``dim``, of the flattened tensors."""
    if dim is None:
        return F.gather(F.reshape(input, (-1,)), 0, F.reshape(indices, (-1,)))
    return F.take_along_dim(input, indices, dim)


@public("function", "method", out="out")
def take(input: Tensor, index: Tensor) -> Tensor:
    """The elements at these places of the flattened tensor."""
    return F.index(F.reshape(input, (-1,)), (index,))


def _scatter_source(input: Any, index: Any, src: Any) -> Any:
    if isinstance(src, TensorBase):
        return src
    check_fits("scatter", src, input.dtype)
    return F.fill(tuple(index.shape), src, input.dtype, device=input.device)


@public("function", "method", out="out", op=F.scatter)
def scatter(
    input: Tensor, dim: int, index: Tensor, src: Any = None, *, value: Any = None, reduce: str | None = None
) -> Tensor:
    """``input`` with ``out[index[i][j]][j] = src[i][j]`` for dim 0; ``src`` a tensor or a number.

    ``reduce`` "add" or "multiply" combines with what is there.
    """
    source = _scatter_source(input, index, value if src is None else src)
    if reduce is None:
        return F.scatter(input, dim, index, source)
    if reduce == "add":
        return F.scatter_add(input, dim, index, source)
    if reduce == "multiply":
        return scatter_reduce(input, dim, index, source, "prod")
    raise SignatureError(f"reduce argument must be either add or multiply, but got {reduce!r}")


@public("method")
def scatter_(
    self: Tensor, dim: int, index: Tensor, src: Any = None, *, value: Any = None, reduce: str | None = None
) -> Tensor:
    """In place ``scatter``."""
    source = _scatter_source(self, index, value if src is None else src)
    if reduce is None:
        return F.scatter.inplace(self, dim, index, source)
    return self.copy_(scatter(self, dim, index, source, reduce=reduce))


@public("function", "method", "inplace", out="out", wide=True)
def scatter_reduce(
    input: Tensor, dim: int, index: Tensor, src: Tensor, reduce: str, *, include_self: bool = True
) -> Tensor:
    """``input`` combined with the elements of ``src`` that go to each place: "sum", "prod", "mean", "amax",
    "amin".
    """
    if reduce not in ("sum", "prod", "mean", "amax", "amin"):
        raise SignatureError(f"reduce argument must be either sum, prod, mean, amax or amin, got {reduce!r}")
    place = wrap_dim(dim, input.ndim)
    ones = F.fill(tuple(index.shape), 1, dtypes.int64, device=input.device)
    none = F.fill(tuple(input.shape), 0, dtypes.int64, device=input.device)
    count = F.scatter_add(none, place, index, ones)
    if reduce in ("sum", "mean"):
        start = input if include_self else F.where(F.gt(count, 0), 0, input)
        total = F.scatter_add(start, place, index, src)
        if reduce == "sum":
            return total
        divisor = F.clamp(F.add(count, 1) if include_self else count, 1, None)
        return F.div(total, divisor) if input.dtype.kind == FLOATING else F.floor_divide(total, divisor)
    return _scatter_combined(input, place, index, src, reduce, include_self, count)


def _scatter_combined(
    input: Any, dim: int, index: Any, src: Any, reduce: str, include_self: bool, count: Any
) -> Any:
    """Products and extremes: one round of plain scatter for each repeat of a place."""
    combine = {"prod": F.mul, "amax": F.maximum, "amin": F.minimum}[reduce]
    if not input.ndim:
        flat, places, values = F.reshape(input, (1,)), F.reshape(index, (-1,)), F.reshape(src, (-1,))
        return F.reshape(_scatter_combined(flat, 0, places, values, reduce, include_self, count), ())
    length = index.shape[dim]
    made = input
    touched = F.fill(tuple(input.shape), include_self, dtypes.bool_, device=input.device)
    for i in range(length):
        where = F.narrow(index, dim, i, 1)
        value = F.narrow(src, dim, i, 1)
        have, known = F.gather(made, dim, where), F.gather(touched, dim, where)
        made = F.scatter(made, dim, where, F.where(known, combine(have, value), value))
        touched = F.scatter(
            touched, dim, where, F.fill(tuple(where.shape), True, dtypes.bool_, device=input.device)
        )
    return made


@public("function", "method", out="out", op=F.index_add)
def index_add(input: Tensor, dim: int, index: Tensor, source: Tensor, *, alpha: float = 1) -> Tensor:
    """``input`` with ``alpha`` times the slices of ``source`` added at the places ``index`` of ``dim``."""
    return F.index_add(input, dim, index, source) if alpha == 1 else _added(input, dim, index, source, alpha)


@public("method")
def index_add_(self: Tensor, dim: int, index: Tensor, source: Tensor, *, alpha: float = 1) -> Tensor:
    """In place ``index_add``."""
    if alpha != 1 and self.dtype in HALVES:
        return self.copy_(_added(self, dim, index, source, alpha))
    alpha = number_of("index_add", alpha, self.dtype)
    return F.index_add.inplace(self, dim, index, source if alpha == 1 else F.mul(source, alpha))


@widened
def _added(input: Any, dim: int, index: Any, source: Any, alpha: float) -> Any:
    return F.index_add(input, dim, index, F.mul(source, number_of("index_add", alpha, input.dtype)))


@public("function", "method")
def index_fill(input: Tensor, dim: int, index: Tensor, value: Any) -> Tensor:
    """``input`` with ``value`` in the slices ``index`` of ``dim``."""
    if index.dtype.kind != INTEGER:
        raise DTypeError(f"index_fill(): Expected dtype int64 for index, not {index.dtype.name}")
    return F.where(_filled_places(input, dim, index), _filler(input, value), input)


def _filled_places(input: Any, dim: int, index: Any) -> Any:
    """True at the slices ``index`` (negative ones count from the end) of ``dim``, in a shape that broadcasts.

    Each place is filled once, however often ``index`` names it, and so is once in the value's gradient.
    """
    place = wrap_dim(dim, input.ndim)
    length = input.shape[place] if input.ndim else 1
    flat = F.reshape(index, (index.numel(),))
    flat = F.where(F.lt(flat, 0), F.add(flat, length), flat)
    none = F.fill((length,), False, dtypes.bool_, device=input.device)
    found = F.index_copy(none, 0, flat, F.fill((flat.numel(),), True, dtypes.bool_, device=input.device))
    return F.reshape(found, tuple([length if i == place else 1 for i in range(input.ndim)]))


def _filler(input: Any, value: Any) -> Any:
    """``value`` as a 0-d tensor of the dtype of ``input``."""
    if isinstance(value, TensorBase):
        if value.ndim:
            raise ShapeError(
                "index_fill_ only supports a 0-dimensional value tensor, but got tensor with "
                f"{value.ndim} dimension(s) (shape {list(value.shape)}); use index_copy()"
            )
        return F.cast(value, input.dtype)
    check_fits("index_fill", value, input.dtype)
    return F.fill((), value, input.dtype, device=input.device)


@public("method")
def index_fill_(self: Tensor, dim: int, index: Tensor, value: Any) -> Tensor:
    """In place ``index_fill``."""
    where, filler = _filled_places(self, dim, index), _filler(self, value)
    if recording(self, filler):
        return self.copy_(F.where(where, filler, self))
    F.where.call_into((where, filler, self), (self,))
    return self


@public("method")
def index_put_(self: Tensor, indices: Sequence[Any], values: Any, accumulate: bool = False) -> Tensor:
    """In place, ``self[indices] = values``, or ``+=`` (repeated places add up) with ``accumulate``."""
    if isinstance(values, TensorBase) and values.dtype is self.dtype and values.ndim <= 1:
        if all(isinstance(i, TensorBase) and i.dtype is dtypes.int64 for i in indices):
            with suppress(IndexRangeError):  # said below, with the index
                F.index_put.call_into((self, tuple(indices), values, accumulate), (self,))
                return self
    view = resolve(self, tuple(slice(None) if i is None else i for i in indices))
    put(view, values, not isinstance(values, TensorBase), accumulate)
    return self


@public("function", "method")
def index_put(input: Tensor, indices: Sequence[Any], values: Any, accumulate: bool = False) -> Tensor:
    """A copy of ``input`` after ``index_put_``."""
    return index_put_(F.copy(input), indices, values, accumulate)


@public("function", "method")
def select_scatter(input: Tensor, src: Tensor, dim: int, index: int) -> Tensor:
    """A copy of ``input`` with ``src`` in its slice ``index`` of ``dim``."""
    made = F.copy(input)
    F.select(made, dim, index).copy_(src)
    return made


@public("function", "method", out="out")
def slice_scatter(
    input: Tensor, src: Tensor, dim: int = 0, start: int | None = None, end: int | None = None, step: int = 1
) -> Tensor:
    """A copy of ``input`` with ``src`` in ``start:end:step`` of ``dim``."""
    made = F.copy(input)
    index = [slice(None)] * made.ndim
    index[wrap_dim(dim, made.ndim)] = slice(start, end, step)
    setitem(made, tuple(index), src)
    return made


# -- order ---------------------------------------------------------------------------------------------------


@public("function", "method", out="values indices")
def sort(input: Tensor, dim: int = -1, descending: bool = False, stable: bool = True) -> Any:
    """(values, indices) in order along ``dim``; always stable, NaN is the largest."""
    return return_types.sort(F.sort(input, dim, descending))


@public("function", "method", out="out")
def argsort(input: Tensor, dim: int = -1, descending: bool = False, stable: bool = True) -> Tensor:
    """The places that sort ``input`` along ``dim``; always stable."""
    return F.argsort(input, dim, descending)


@public("function", "method", out="out")
def msort(input: Tensor) -> Tensor:
    """The values in order along the first dimension."""
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
    """Where each of ``input`` goes into a sorted sequence; behind equal ones with ``right``."""
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
    """The number of the bucket, between sorted ``boundaries``, that each of ``input`` is in."""
    return searchsorted(boundaries, input, out_int32=out_int32, right=right)


# -- counting ------------------------------------------------------------------------------------------------


@public("function", "method")
def bincount(input: Tensor, weights: Tensor | None = None, minlength: int = 0) -> Tensor:
    """How often each number occurs in a vector of non-negative integers, or the sum of its ``weights``."""
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
    """How many elements are in each of ``bins`` equal intervals from ``min`` to ``max`` (both 0: those of the
    data).
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
    """The distinct values in order; with the place of each element among them, and how often each occurs."""
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
    """As ``unique``, where only equal neighbours count as one."""
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
    results = [F.index_select(x, dim, tensor(groups, dtype=dtypes.int64, device=x.device))]
    if return_inverse:
        results.append(tensor(inverse, dtype=dtypes.int64, device=x.device))
    if return_counts:
        results.append(tensor(counts, dtype=dtypes.int64, device=x.device))
    return results[0] if len(results) == 1 else tuple(results)
