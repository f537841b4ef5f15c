"""Reductions whose PyTorch signature has overloads or named results."""

from __future__ import annotations

from tensorplug_dispatcher import dtypes
from tensorplug_dispatcher.dtypes import FLOATING, DType
from tensorplug_dispatcher.errors import DTypeError, IndexRangeError, ShapeError, SignatureError
from tensorplug_dispatcher.ops import F
from tensorplug_dispatcher.signatures import wrap_dim
from tensorplug_dispatcher.tensor import TensorBase

from . import return_types
from ._arguments import check_same_dtype
from ._arithmetic import tensors_only
from ._creation import as_tensor
from ._public import public

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ._tensor import Tensor


def _extreme(name: str, input: Any, dim: Any, keepdim: bool, other: Any) -> Any:
    """``f(x)``, ``f(x, dim, keepdim)`` with the places, ``f(x, other)``."""
    largest = name == "max"
    if isinstance(dim, TensorBase):
        other, dim = dim, None
    if other is not None:
        return (F.maximum if largest else F.minimum)(input, other)
    if dim is None:
        if keepdim:
            raise SignatureError(f"{name}() takes keepdim with dim; use {'amax' if largest else 'amin'}()")
        if not input.numel():
            raise ShapeError(
                f"{name}(): Expected reduction dim to be specified for input.numel() == 0. "
                f"Specify the reduction dim with the 'dim' argument (shape {list(input.shape)})"
            )
        return F.amax(input) if largest else F.amin(input)
    place = wrap_dim(dim, input.ndim)
    if input.ndim and not input.shape[place]:
        raise IndexRangeError(
            f"{name}(): Expected reduction dim {place} to have non-zero size, but the shape "
            f"is {list(input.shape)}"
        )
    ordered = F.cast(input, dtypes.uint8) if input.dtype is dtypes.bool_ else input
    indices = (F.argmax if largest else F.argmin)(ordered, place, True)
    values = F.gather(input, place, indices)
    if not keepdim and input.ndim:
        values, indices = F.squeeze(values, place), F.squeeze(indices, place)
    return (return_types.max if largest else return_types.min)((values, indices))


@public("function", "method", out="values~ indices")
def max(input: Tensor, dim: Any = None, keepdim: bool = False, *, other: Tensor | None = None) -> Any:
    """``max(x)``; ``max(x, dim, keepdim=False)`` → (values, indices); ``max(x, other)`` elementwise.

    Shapes: [*S] -> [], or values and indices of [*S] without ``dim``; dtypes: any, indices are int64. Source:
    torch.max.
    """
    return _extreme("max", input, dim, keepdim, other)


@public("function", "method", out="values~ indices")
def min(input: Tensor, dim: Any = None, keepdim: bool = False, *, other: Tensor | None = None) -> Any:
    """``min(x)``; ``min(x, dim, keepdim=False)`` → (values, indices); ``min(x, other)`` elementwise.

    Shapes: [*S] -> [], or values and indices of [*S] without ``dim``; dtypes: any, indices are int64. Source:
    torch.min.
    """
    return _extreme("min", input, dim, keepdim, other)


@public("function", "method", out="min max")
def aminmax(input: Tensor, *, dim: int | None = None, keepdim: bool = False) -> Any:
    """The smallest and the largest, over all or along ``dim``.

    Shapes: [*S] -> [*S] without ``dim``, or with size 1 there (``keepdim``), min and max; dtypes: any.
    Source: torch.aminmax.
    """
    return return_types.aminmax((F.amin(input, dim, keepdim), F.amax(input, dim, keepdim)))


def _spread_arguments(name: str, dim: Any, unbiased: Any, correction: Any) -> tuple[Any, Any]:
    """``dim`` and ``correction``, where ``unbiased``, which may also stand at ``dim``, says 1 or 0."""
    if isinstance(dim, bool):  # f(x, unbiased)
        dim, unbiased = None, dim
    if unbiased is not None and correction is not None:
        raise SignatureError(f"{name}() takes 'unbiased' or 'correction', not both")
    if correction is None:
        correction = 1 if unbiased is None or unbiased else 0
    return dim, correction


@public("function", "method", out="out~")
def var(
    input: Tensor,
    dim: Any = None,
    unbiased: bool | None = None,
    keepdim: bool = False,
    *,
    correction: float | None = None,
) -> Tensor:
    """The variance over ``dim`` (None: all); divided by n - ``correction`` (1, or 0 if not ``unbiased``).

    Shapes: [*S] -> [*S] without ``dim``, or with size 1 there (``keepdim``); dtypes: floating. Source:
    torch.var.
    """
    dim, correction = _spread_arguments("var", dim, unbiased, correction)
    return F.var(input, dim, correction, keepdim)


@public("function", "method", out="out~")
def std(
    input: Tensor,
    dim: Any = None,
    unbiased: bool | None = None,
    keepdim: bool = False,
    *,
    correction: float | None = None,
) -> Tensor:
    """The standard deviation; arguments as of ``var``.

    Shapes: [*S] -> [*S] without ``dim``, or with size 1 there (``keepdim``); dtypes: floating. Source:
    torch.std.
    """
    dim, correction = _spread_arguments("std", dim, unbiased, correction)
    return F.std(input, dim, correction, keepdim)


@public("function")
def var_mean(
    input: Tensor,
    dim: Any = None,
    unbiased: bool | None = None,
    keepdim: bool = False,
    *,
    correction: float | None = None,
) -> tuple[Tensor, Tensor]:
    """Variance and mean; arguments as of ``var``.

    Shapes: [*S] -> [*S] without ``dim``, or with size 1 there (``keepdim``); dtypes: floating. Source:
    torch.var_mean.
    """
    dim, correction = _spread_arguments("var_mean", dim, unbiased, correction)
    return F.var_mean(input, dim, correction, keepdim)


@public("function")
def std_mean(
    input: Tensor,
    dim: Any = None,
    unbiased: bool | None = None,
    keepdim: bool = False,
    *,
    correction: float | None = None,
) -> tuple[Tensor, Tensor]:
    """Standard deviation and mean; arguments as of ``var``.

    Shapes: [*S] -> [*S] without ``dim``, or with size 1 there (``keepdim``); dtypes: floating. Source:
    torch.std_mean.
    """
    dim, correction = _spread_arguments("std_mean", dim, unbiased, correction)
    return F.std(input, dim, correction, keepdim), F.mean(input, dim, keepdim)


@public("function", "method", out="out")
def norm(
    input: Tensor,
    p: Any = "fro",
    dim: Any = None,
    keepdim: bool = False,
    dtype: DType | None = None,
) -> Tensor:
    """The ``p``-norm of the elements over ``dim`` (None: all); "fro" is 2.

    Shapes: [*S] -> [*S] without ``dim``, or with size 1 there (``keepdim``); dtypes: floating. Raises
    SignatureError for arguments that do not go together. Source: torch.norm.
    """
    if p is None or p == "fro":
        p = 2
    elif isinstance(p, str):
        raise SignatureError(f"norm(): p={p!r} is not offered; give a number or 'fro'")
    if dtype is not None:
        input = F.cast(input, dtype)
    return F.norm(input, float(p), dim, keepdim)


@public("function", "method")
def dist(input: Tensor, other: Tensor, p: float = 2) -> Tensor:
    """The ``p``-norm of the difference.

    Shapes: operands broadcast to the result, which is reduced to []; dtypes: floating. Source: torch.dist.
    """
    tensors_only("dist", input=input, other=other)
    return F.norm(F.sub(input, other), float(p))


@public("function", "method", out="out~")
def nansum(input: Tensor, dim: Any = None, keepdim: bool = False, *, dtype: DType | None = None) -> Tensor:
    """The sum with NaN taken as 0.

    Shapes: [*S] -> [*S] without ``dim``, or with size 1 there (``keepdim``); dtypes: any, integers and bool
    give int64. Source: torch.nansum.
    """
    kept = F.where(F.isnan(input), 0, input) if input.dtype.kind == FLOATING else input
    return F.sum(kept, dim, keepdim, dtype=dtype)


@public("function", "method", out="out~")
def nanmean(input: Tensor, dim: Any = None, keepdim: bool = False, *, dtype: DType | None = None) -> Tensor:
    """The mean of what is not NaN.

    Shapes: [*S] -> [*S] without ``dim``, or with size 1 there (``keepdim``); dtypes: floating. Raises
    DTypeError for a dtype that is not taken. Source: torch.nanmean.
    """
    if input.dtype.kind != FLOATING:
        raise DTypeError(
            f"nanmean(): expected input to have floating point dtype but got {input.dtype.name}; use mean() "
            f"with dtype="
        )
    count = F.sum(F.logical_not(F.isnan(input)), dim, keepdim)
    return F.div(nansum(input, dim, keepdim, dtype=dtype), count)


@public("function", "method", out="values indices")
def median(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Any:
    """The lower median of all elements, or (values, indices) along ``dim``; NaN where there is one.

    Shapes: [*S] -> [], or values and indices of [*S] without ``dim``; dtypes: any but bool, indices are
    int64. Source: torch.median.
    """
    return _median("median", input, dim, keepdim, False)


@public("function", "method", out="values indices")
def nanmedian(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Any:
    """As ``median``, without the NaNs.

    Shapes: [*S] -> [], or values and indices of [*S] without ``dim``; dtypes: any but bool, indices are
    int64. Source: torch.nanmedian.
    """
    return _median("nanmedian", input, dim, keepdim, True)


def _median(name: str, input: Any, dim: int | None, keepdim: bool, skip: bool) -> Any:
    if input.dtype is dtypes.bool_:
        raise DTypeError(f'"{name}" not implemented for bool; convert with .int()')
    if dim is None:
        flat = F.reshape(input, (input.numel(),))
        if not flat.numel():
            return F.fill((), float("nan"), input.dtype, device=input.device)
        return _median(name, flat, 0, False, skip)[0]
    place = wrap_dim(dim, input.ndim)
    if input.ndim == 0:
        return getattr(return_types, name)((input, F.fill((), 0, dtypes.int64, device=input.device)))
    length = input.shape[place]
    if not length:
        raise IndexRangeError(
            f"{name}(): Expected reduction dim {place} to have non-zero size, but the "
            f"shape is {list(input.shape)}"
        )
    ordered, order = F.sort(input, place)
    middle: Any = (length - 1) // 2
    if input.dtype.kind == FLOATING:
        missing = F.sum(F.isnan(input), place, True)
        if skip:
            present = F.maximum.call((F.sub(length, missing), 1))
            rank = F.floor_divide(F.sub(present, 1), 2)
        else:  # the first NaN stands behind the last number
            rank = F.where(F.gt(missing, 0), F.sub(length, missing), middle)
    else:
        shape = tuple(1 if i == place else n for i, n in enumerate(input.shape))
        rank = F.fill(shape, middle, dtypes.int64, device=input.device)
    values, indices = F.gather(ordered, place, rank), F.gather(order, place, rank)
    if not keepdim:
        values, indices = F.squeeze(values, place), F.squeeze(indices, place)
    return getattr(return_types, name)((values, indices))


@public("function", "method", out="values indices")
def mode(input: Tensor, dim: int = -1, keepdim: bool = False) -> Any:
    """The most frequent value along ``dim`` (the smallest of several) and its last place.

    Shapes: [*S] -> values and indices of [*S] without ``dim``; dtypes: any, indices are int64. Source:
    torch.mode.
    """
    place = wrap_dim(dim, input.ndim)
    if input.ndim == 0:
        return return_types.mode((input, F.fill((), 0, dtypes.int64, device=input.device)))
    x = F.transpose(input, place, -1)
    same = F.eq(F.unsqueeze(x, -1), F.unsqueeze(x, -2))
    count = F.sum(same, -1)
    most = F.eq(count, F.amax(count, -1, True))
    extreme = float("inf") if x.dtype.kind == FLOATING else x.dtype.max
    winner = F.amin(F.where(most, x, extreme), -1, True)
    steps = F.iota(x.shape[-1], dtypes.int64, device=x.device)
    indices = F.amax(F.where(F.eq(x, winner), steps, -1), -1, True)
    indices = F.copy(F.transpose(indices, place, -1))
    values = F.gather(input, place, indices)
    if not keepdim:
        values, indices = F.squeeze(values, place), F.squeeze(indices, place)
    return return_types.mode((values, indices))


@public("function", "method", out="out")
def quantile(
    input: Tensor, q: Any, dim: int | None = None, keepdim: bool = False, *, interpolation: str = "linear"
) -> Tensor:
    """The quantiles ``q`` (numbers in [0, 1], 0-d or 1-d; a 1-d q gives a first dimension)
    over ``dim`` (None: all).

    Shapes: [*S] -> [*Q, *T], Q the shape of ``q``, T that of S without ``dim``; dtypes: float32 and float64.
    Raises DTypeError for a dtype that is not taken. Raises ShapeError for sizes that do not fit. Raises
    SignatureError for arguments that do not go together. Source: torch.quantile.
    """
    if input.dtype not in (dtypes.float32, dtypes.float64):
        raise DTypeError(
            f"quantile() input tensor must be either float or double dtype, not {input.dtype.name}"
        )
    check_same_dtype("quantile", input=input, q=q)
    points = as_tensor(q, dtype=input.dtype, device=input.device)
    if points.ndim > 1:
        raise ShapeError(
            f"quantile() q must be a scalar or 1D tensor, but its shape is {list(points.shape)}; flatten it"
        )
    if not input.numel():
        raise ShapeError(f"quantile() input tensor must be non-empty, but its shape is {list(input.shape)}")
    place = 0 if dim is None else wrap_dim(dim, input.ndim)
    if not bool(F.all(F.logical_and(F.ge(points, 0), F.le(points, 1))).item()):
        raise ShapeError(f"quantile() q values must be in the range [0, 1], but got {q}")
    flat = dim is None or not input.ndim
    x = F.reshape(input, (input.numel(),)) if flat else F.movedim(input, (place,), (-1,))
    ordered, _ = F.sort(x, -1)
    position = F.mul(F.reshape(points, (-1,)), x.shape[-1] - 1)
    low, high = F.floor(position), F.ceil(position)
    if interpolation in ("lower", "higher", "nearest"):
        chosen = {"lower": low, "higher": high, "nearest": F.round(position)}[interpolation]
        picked = F.index_select(ordered, -1, F.cast(chosen, dtypes.int64))
    elif interpolation in ("linear", "midpoint"):
        weight = F.sub(position, low) if interpolation == "linear" else F.mul(F.sub(high, low), 0.5)
        first = F.index_select(ordered, -1, F.cast(low, dtypes.int64))
        second = F.index_select(ordered, -1, F.cast(high, dtypes.int64))
        picked = F.lerp(first, second, weight)
    else:
        raise SignatureError(
            "quantile() interpolation must be one of linear, lower, higher, midpoint or "
            f"nearest, but got {interpolation!r}"
        )
    bad = F.any(F.isnan(x), -1, True)
    picked = F.where(bad, float("nan"), picked)
    picked = F.movedim(picked, (-1,), (0,))
    if keepdim and input.ndim:
        shape = (1,) * input.ndim if flat else [1 if i == place else n for i, n in enumerate(input.shape)]
        picked = F.reshape(picked, (points.numel(), *shape))
    return F.select(picked, 0, 0) if points.ndim == 0 else picked


def _scan_inplace(function: Any, x: Tensor, dim: int, dtype: DType | None) -> Any:
    if dtype is not None and dtype is not x.dtype:
        raise DTypeError(
            f"Bad in-place call: input tensor dtype {x.dtype.name} and output tensor dtype "
            f"{dtype.name} should match; use {function.name}()"
        )
    return function.inplace(x, dim, dtype=x.dtype)


@public("method")
def cumsum_(self: Tensor, dim: int, *, dtype: DType | None = None) -> Tensor:
    """In place ``cumsum``, in the tensor's own dtype.

    Shapes: [*S], changed in place; dtypes: any but bool. Source: torch.Tensor.cumsum_.
    """
    return _scan_inplace(F.cumsum, self, dim, dtype)


@public("method")
def cumprod_(self: Tensor, dim: int, *, dtype: DType | None = None) -> Tensor:
    """In place ``cumprod``, in the tensor's own dtype.

    Shapes: [*S], changed in place; dtypes: any but bool. Source: torch.Tensor.cumprod_.
    """
    return _scan_inplace(F.cumprod, self, dim, dtype)


@public("function", "method", out="out~")
def diff(
    input: Tensor, n: int = 1, dim: int = -1, prepend: Tensor | None = None, append: Tensor | None = None
) -> Tensor:
    """Differences of neighbours along ``dim``, ``n`` times.

    Shapes: [*A, m, *B], m at ``dim`` -> [*A, m - n, *B]; dtypes: any. Raises ShapeError for sizes that do not
    fit. Source: torch.diff.
    """
    if n < 0:
        raise ShapeError(f"diff(): order must be non-negative but got {n}")
    if not input.ndim:
        raise ShapeError("diff expects input to be at least one-dimensional; unsqueeze it first")
    if n == 0:
        return F.copy(input)  # prepend and append take no part
    place = wrap_dim(dim, input.ndim)
    parts = [x for x in (prepend, input, append) if x is not None]
    x = F.cat(tuple(parts), place) if len(parts) > 1 else input
    for _ in range(n):
        length = x.shape[place]
        if length < 2:
            return F.narrow(x, place, 0, 0)
        after, before = F.narrow(x, place, 1, length - 1), F.narrow(x, place, 0, length - 1)
        x = F.ne(after, before) if x.dtype is dtypes.bool_ else F.sub(after, before)
    return x


@public("function", "method")
def trace(input: Tensor) -> Tensor:
    """The sum of a matrix's diagonal.

    Shapes: [M, N] -> []; dtypes: any, integers and bool give int64. Raises ShapeError for sizes that do not
    fit. Source: torch.trace.
    """
    if input.ndim != 2:
        raise ShapeError(
            f"trace: expected a matrix, but got tensor with dim {input.ndim} (shape {list(input.shape)})"
        )
    return F.sum(F.diagonal(input))
