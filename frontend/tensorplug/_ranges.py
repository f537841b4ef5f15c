"""Ranges and patterns of numbers: ``arange``, ``linspace``, ``eye``, the indices of triangles."""

from __future__ import annotations

import math

from tensorplug_dispatcher import dtypes, promotion
from tensorplug_dispatcher.dtypes import BOOL, FLOATING, INTEGER, DType
from tensorplug_dispatcher.errors import DTypeError, ShapeError
from tensorplug_dispatcher.ops import F

from ._arguments import (
    check_fits,
    check_layout_options,
    device_argument,
    dtype_argument,
    dtype_of_out,
    finished,
    floating_dtype,
    integer,
    shape_argument,
)
from ._joining import repeat_interleave
from ._public import public
from ._values import converted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ._tensor import Tensor


def _check_countable(function: str, dtype: DType) -> None:
    if dtype.kind == BOOL:
        raise DTypeError(f"\"{function}\" not implemented for 'bool'; make integers and compare them")


@public("function")
def arange(
    start: Any,
    end: Any = None,
    step: Any = 1,
    *,
    dtype: Any = None,
    device: Any = None,
    out: Tensor | None = None,
    requires_grad: bool = False,
    **options: Any,
) -> Tensor:
    """``start``, ``start + step``, ... below ``end``; ``arange(end)`` starts at 0.
    int64 where all numbers are ints.

    Shapes: -> [⌈(end - start) / step⌉]; dtypes: any but bool. Raises ShapeError for sizes that do not fit.
    Source: torch.arange.
    """
    check_layout_options("arange", options)
    if end is None:
        start, end = 0, start
    start, end, step = (v.item() if hasattr(v, "item") else v for v in (start, end, step))
    if not math.isfinite(end - start):
        raise ShapeError(f"arange(): unsupported range: {start} -> {end}; both ends must be finite")
    dtype = dtype_of_out(dtype, out)
    if dtype is not None and dtype_argument(dtype) is dtypes.int64:  # which is counted in whole numbers
        start, end, step = int(start), int(end), int(step)
    if dtype is not None and dtype_argument(dtype).kind == INTEGER:
        for v in (start, end, step):
            check_fits("arange", v, dtypes.int64)
    if step == 0:
        raise ShapeError("arange(): step must be nonzero, also as a whole number where the dtype is int64")
    span = end - start
    if (span > 0) != (step > 0) and span != 0:
        raise ShapeError(
            f"arange(): upper bound and lower bound inconsistent with step sign: from {start} "
            f"to {end} by {step}"
        )
    if dtype is not None:
        kind = dtype_argument(dtype)
    elif all(isinstance(v, int) for v in (start, end, step)):
        kind = dtypes.int64
    else:
        kind = promotion.default_dtype()
    _check_countable("arange", kind)
    length = -(-span // step) if all(isinstance(v, int) for v in (span, step)) else math.ceil(span / step)
    if kind.kind != FLOATING:
        start, step = int(start), int(step)
    made = F.iota(int(length), kind, start, step, device=device_argument(device))
    return finished(made, out, requires_grad, dtype, True)


@public("function", names="range")
def range_(start: Any, end: Any = None, step: Any = 1, **options: Any) -> Tensor:
    """``start``, ``start + step``, ... up to and including ``end``, floating. PyTorch's deprecated
    ``torch.range``.

    Shapes: -> [⌊(end - start) / step⌋ + 1]; dtypes: any but bool. Raises ShapeError for sizes that do not
    fit. Source: torch.range.
    """
    if end is None:
        start, end = 0, start
    out, requires_grad = options.pop("out", None), options.pop("requires_grad", False)
    dtype = options.pop("dtype", None)
    kind = floating_dtype(dtype_of_out(dtype, out))
    _check_countable("range", kind)
    if not math.isfinite(end - start):
        raise ShapeError(f"range(): unsupported range: {start} -> {end}; both ends must be finite")
    if kind.kind != FLOATING:
        start, end, step = int(start), int(end), int(step)
    if not step:
        raise ShapeError("range(): step must be nonzero, as a whole number where the dtype is an integer's")
    if (end > start) != (step > 0) and start != end:
        raise ShapeError(
            f"range(): upper bound and lower bound inconsistent with step sign: from {start} to {end} by "
            f"{step}"
        )
    count = math.floor((end - start) / step) + 1
    check_layout_options("range", options)
    where = device_argument(options.get("device"))
    if kind.kind != FLOATING:
        made = F.iota(count, kind, start, step, device=where)
    else:
        made = F.add(F.mul(F.iota(count, kind, 0, 1, device=where), step), start)
    return finished(made, out, requires_grad, dtype, True)


@public("function")
def linspace(
    start: Any,
    end: Any,
    steps: int,
    *,
    dtype: Any = None,
    device: Any = None,
    out: Tensor | None = None,
    requires_grad: bool = False,
    **options: Any,
) -> Tensor:
    """``steps`` numbers evenly spaced from ``start`` to ``end``, both included.

    Shapes: -> [steps]; dtypes: any but bool. Raises ShapeError for sizes that do not fit. Source:
    torch.linspace.
    """
    check_layout_options("linspace", options)
    start, end = (v.item() if hasattr(v, "item") else v for v in (start, end))
    count = integer(steps, "linspace", "steps")
    if count < 0:
        raise ShapeError(f"linspace(): number of steps must be non-negative, but got {count}")
    kind, where = floating_dtype(dtype_of_out(dtype, out)), device_argument(device)
    if count > 1:
        _check_countable("linspace", kind)
    for v in (start, end):
        check_fits("linspace", v, kind)
    made = _spaced(start, end, count, kind, where, kind.kind != FLOATING)
    return finished(made, out, requires_grad, dtype, True)


def _spaced(start: float, end: float, count: int, kind: DType, device: Any, whole: bool) -> Any:
    """PyTorch's formula: the first half counts from the start, the second from the end. ``whole``: the ends
    of a result of integers lose their fractions first, where there is more than one number.
    """
    if count == 0:
        return F.fill((0,), 0, kind, device=device)
    if count == 1:
        return F.fill((1,), start, kind, device=device)
    work = (
        kind
        if kind in (dtypes.float32, dtypes.float64)
        else dtypes.float64
        if kind.kind != FLOATING
        else dtypes.float32
    )
    if whole:
        start, end = int(start), int(end)
    step = (end - start) / (count - 1)
    half = count // 2
    first = F.add(F.mul(F.iota(half, work, 0, 1, device=device), step), start)
    last = F.sub(end, F.mul(F.iota(count - half, work, count - half - 1, -1, device=device), step))
    made = F.cat((first, last), 0)
    return made if kind is work else F.cast(made, kind)


@public("function")
def logspace(
    start: Any,
    end: Any,
    steps: int,
    base: float = 10.0,
    *,
    dtype: Any = None,
    device: Any = None,
    out: Tensor | None = None,
    requires_grad: bool = False,
    **options: Any,
) -> Tensor:
    """``base`` to the powers ``linspace(start, end, steps)``.

    Shapes: -> [steps]; dtypes: any but bool. Source: torch.logspace.
    """
    check_layout_options("logspace", options)
    start, end = (v.item() if hasattr(v, "item") else v for v in (start, end))
    kind, where = floating_dtype(dtype_of_out(dtype, out)), device_argument(device)
    _check_countable("logspace", kind)
    work = kind if kind in (dtypes.float32, dtypes.float64) else dtypes.float64
    count = integer(steps, "logspace", "steps")
    made = F.pow(float(base), _spaced(start, end, count, work, where, kind.kind != FLOATING))
    return finished(made if kind is work else F.cast(made, kind), out, requires_grad, dtype, True)


@public("function")
def eye(
    n: int,
    m: int | None = None,
    *,
    dtype: Any = None,
    device: Any = None,
    out: Tensor | None = None,
    requires_grad: bool = False,
    **options: Any,
) -> Tensor:
    """The (``n``, ``m``) matrix with ones on the diagonal; ``m`` defaults to ``n``.

    Shapes: -> [n, m]; dtypes: any. Source: torch.eye.
    """
    check_layout_options("eye", options)
    rows, columns = shape_argument((n, n if m is None else m), "eye")
    where = device_argument(device)
    row = F.view(F.iota(rows, dtypes.int64, device=where), (rows, 1))
    made = converted(F.eq(row, F.iota(columns, dtypes.int64, device=where)), floating_dtype(dtype), None)
    return finished(made, out, requires_grad, dtype)


def _triangle(row: int, col: int, offset: int, upper: bool, dtype: Any, device: Any) -> Tensor:
    if row < 0 or col < 0:
        raise ShapeError(f"row and col must be non-negative, got {row} and {col}")
    kind = dtypes.int64 if dtype is None else dtype_argument(dtype)
    if kind.kind != INTEGER:
        raise DTypeError(f'"tril_indices" and "triu_indices" not implemented for {kind.name}; give int64')
    offset = max(-row - 1, min(offset, col + 1))  # beyond which all are alike
    where = device_argument(device)
    bound = F.clamp(F.iota(row, dtypes.int64, offset + (not upper), 1, device=where), 0, col)
    first = bound if upper else F.mul(bound, 0)
    length = F.sub(col, bound) if upper else bound
    rows: Any = repeat_interleave(length)
    shift = F.sub(F.sub(F.cumsum(length, 0), length), first)  # from the place in the result to the column
    columns = F.sub(F.iota(len(rows), dtypes.int64, device=where), F.index_select(shift, 0, rows))
    made = F.stack((rows, columns), 0)
    return F.cast(made, kind)


@public("function")
def tril_indices(row: int, col: int, offset: int = 0, *, dtype: Any = None, device: Any = None) -> Tensor:
    """The (2, n) row and column numbers of the lower triangle of a (``row``, ``col``) matrix.

    Shapes: -> [2, n]; dtypes: integers, int64 unless given. Source: torch.tril_indices.
    """
    return _triangle(row, col, offset, False, dtype, device)


@public("function")
def triu_indices(row: int, col: int, offset: int = 0, *, dtype: Any = None, device: Any = None) -> Tensor:
    """The (2, n) row and column numbers of the upper triangle of a (``row``, ``col``) matrix.

    Shapes: -> [2, n]; dtypes: integers, int64 unless given. Source: torch.triu_indices.
    """
    return _triangle(row, col, offset, True, dtype, device)
