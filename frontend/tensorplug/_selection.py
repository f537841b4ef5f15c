"""Reading and writing at places: PyTorch's signatures over the table's indexing ops."""

from __future__ import annotations

from contextlib import suppress

from tensorplug_dispatcher import dtypes
from tensorplug_dispatcher.conversion import check_fits, number_of
from tensorplug_dispatcher.dtypes import BOOL, FLOATING, INTEGER
from tensorplug_dispatcher.errors import DTypeError, IndexRangeError, ShapeError, SignatureError
from tensorplug_dispatcher.ops import F
from tensorplug_dispatcher.signatures import wrap_dim
from tensorplug_dispatcher.tensor import TensorBase

from ._arguments import check_out, check_same_dtype
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

    Shapes: [*S] -> [n, len(S)]; dtypes: any, the result is int64. Source: torch.nonzero.
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
    """The places of the values that are not zero, one a row.

    Shapes: [*S] -> [n, len(S)]; dtypes: any, the result is int64. Source: torch.argwhere.
    """
    return nonzero(input)


@public("function", "method")
def masked_select(input: Tensor, mask: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The elements where ``mask`` holds, as a vector.

    Shapes: both broadcast to [*S] -> [n]; dtypes: any, mask bool. Raises DTypeError for a dtype that is not
    taken. Source: torch.masked_select.
    """
    if mask.dtype.kind != BOOL:
        raise DTypeError(
            f"masked_select: expected BoolTensor for mask, but got {mask.dtype.name}; compare "
            "it with something"
        )
    values, where = broadcast_tensors(input, mask)
    return into("masked_select", out, getitem(values, where), "out")


@public("function", "method")
def masked_fill(input: Tensor, mask: Tensor, value: Any) -> Tensor:
    """``input`` with ``value`` (a number or a 0-d tensor) where ``mask`` holds.

    Shapes: operands broadcast to the result; dtypes: any, mask bool. Raises DTypeError for a dtype that is
    not taken. Raises ShapeError for sizes that do not fit. Source: torch.masked_fill.
    """
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
    """In place ``masked_fill``.

    Shapes: [*S], changed in place, mask broadcasts to it; dtypes: any, mask bool. Source:
    torch.Tensor.masked_fill_.
    """
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
    """``input`` with the elements of ``source``, in order, where ``mask`` holds.

    Shapes: input and mask broadcast to the result, source has at least as many elements as are true; dtypes:
    any, mask bool. Raises DTypeError for a dtype that is not taken. Raises ShapeError for sizes that do not
    fit. Source: torch.masked_scatter.
    """
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
    """``out[i][j] = input[index[i][j]][j]`` for dim 0, and so on.

    Shapes: input [*S], index [*T] -> [*T], no size of T above that of S but at ``dim``; dtypes: any, index
    int64 or int32. Source: torch.gather.
    """
    check_out("gather", out, input.dtype)
    return F.gather(input, dim, index) if out is None else F.gather(input, dim, index, out=out)


@public("function", "method", out="out")
def take_along_dim(input: Tensor, indices: Tensor, dim: int | None = None) -> Tensor:
    """``gather`` with broadcasting; without ``dim``, of the flattened tensors.

    Shapes: input and indices broadcast but along ``dim``, where the result has the size of indices; dtypes:
    any, indices int64 or int32. Source: torch.take_along_dim.
    """
    if dim is None:
        return F.gather(F.reshape(input, (-1,)), 0, F.reshape(indices, (-1,)))
    return F.take_along_dim(input, indices, dim)


@public("function", "method", out="out")
def take(input: Tensor, index: Tensor) -> Tensor:
    """The elements at these places of the flattened tensor.

    Shapes: input [*S], index [*T] -> [*T]; dtypes: any, index int64 or int32. Source: torch.take.
    """
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

    Shapes: input [*S], index and src [*T], no size of T above that of S but at ``dim`` -> [*S]; dtypes: any,
    index int64 or int32. Raises SignatureError for arguments that do not go together. Source: torch.scatter.
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
    """In place ``scatter``.

    Shapes: input [*S], index and src [*T], no size of T above that of S but at ``dim`` -> [*S]; dtypes: any,
    index int64 or int32. Source: torch.Tensor.scatter_.
    """
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

    Shapes: input [*S], index and src [*T], no size of T above that of S but at ``dim`` -> [*S]; dtypes: any,
    index int64 or int32. Raises SignatureError for arguments that do not go together. Source:
    torch.scatter_reduce.
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
    """``input`` with ``alpha`` times the slices of ``source`` added at the places ``index`` of ``dim``.

    Shapes: input [*A, n, *B], n at ``dim``, index [m], source [*A, m, *B] -> [*A, n, *B]; dtypes: any, index
    int64 or int32. Source: torch.index_add.
    """
    return F.index_add(input, dim, index, source) if alpha == 1 else _added(input, dim, index, source, alpha)


@public("method")
def index_add_(self: Tensor, dim: int, index: Tensor, source: Tensor, *, alpha: float = 1) -> Tensor:
    """In place ``index_add``.

    Shapes: input [*A, n, *B], n at ``dim``, index [m], source [*A, m, *B] -> [*A, n, *B]; dtypes: any, index
    int64 or int32. Source: torch.Tensor.index_add_.
    """
    if alpha != 1 and self.dtype in HALVES:
        return self.copy_(_added(self, dim, index, source, alpha))
    alpha = number_of("index_add", alpha, self.dtype)
    return F.index_add.inplace(self, dim, index, source if alpha == 1 else F.mul(source, alpha))


@widened
def _added(input: Any, dim: int, index: Any, source: Any, alpha: float) -> Any:
    return F.index_add(input, dim, index, F.mul(source, number_of("index_add", alpha, input.dtype)))


@public("function", "method")
def index_fill(input: Tensor, dim: int, index: Tensor, value: Any) -> Tensor:
    """``input`` with ``value`` in the slices ``index`` of ``dim``.

    Shapes: input [*S], index [m] -> [*S]; dtypes: any, index int64 or int32. Raises DTypeError for a dtype
    that is not taken. Source: torch.index_fill.
    """
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
    """In place ``index_fill``.

    Shapes: input [*S], index [m] -> [*S]; dtypes: any, index int64 or int32. Source:
    torch.Tensor.index_fill_.
    """
    where, filler = _filled_places(self, dim, index), _filler(self, value)
    if recording(self, filler):
        return self.copy_(F.where(where, filler, self))
    F.where.call_into((where, filler, self), (self,))
    return self


@public("method")
def index_put_(self: Tensor, indices: Sequence[Any], values: Any, accumulate: bool = False) -> Tensor:
    """In place, ``self[indices] = values``, or ``+=`` (repeated places add up) with ``accumulate``.

    Shapes: input [*S], indices broadcast to [*T], values broadcast to what they choose -> [*S]; dtypes: any,
    indices integers or bool. Source: torch.Tensor.index_put_.
    """
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
    """A copy of ``input`` after ``index_put_``.

    Shapes: input [*S], indices broadcast to [*T], values broadcast to what they choose -> [*S]; dtypes: any,
    indices integers or bool. Source: torch.index_put.
    """
    return index_put_(F.copy(input), indices, values, accumulate)


@public("function", "method")
def select_scatter(input: Tensor, src: Tensor, dim: int, index: int) -> Tensor:
    """A copy of ``input`` with ``src`` in its slice ``index`` of ``dim``.

    Shapes: input [*A, n, *B], n at ``dim``, src [*A, *B] -> [*A, n, *B]; dtypes: any. Source:
    torch.select_scatter.
    """
    made = F.copy(input)
    F.select(made, dim, index).copy_(src)
    return made


@public("function", "method", out="out")
def slice_scatter(
    input: Tensor, src: Tensor, dim: int = 0, start: int | None = None, end: int | None = None, step: int = 1
) -> Tensor:
    """A copy of ``input`` with ``src`` in ``start:end:step`` of ``dim``.

    Shapes: input [*A, n, *B], n at ``dim``, src [*A, m, *B] -> [*A, n, *B]; dtypes: any. Source:
    torch.slice_scatter.
    """
    made = F.copy(input)
    index = [slice(None)] * made.ndim
    index[wrap_dim(dim, made.ndim)] = slice(start, end, step)
    setitem(made, tuple(index), src)
    return made
