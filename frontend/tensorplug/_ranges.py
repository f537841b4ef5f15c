"""Ranges and patterns of numbers: ``arange``, ``linspace``, ``eye``, the indices of triangles."""

from __future__ import annotations

import math

from tensorplug_dispatcher import dtypes, promotion
from tensorplug_dispatcher.dtypes import FLOATING, DType
from tensorplug_dispatcher.errors import ShapeError
from tensorplug_dispatcher.ops import F

from ._arguments import (
    check_layout_options,
    device_argument,
    dtype_argument,
    finished,
    floating_dtype,
    integer,
    shape_argument,
)
from ._conversion import converted
from ._host import from_numbers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from ._tensor import Tensor


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
    """``start``, ``start + step``, ... below ``end``; ``arange(end)`` starts at 0. int64 where all numbers
    are ints.
    """
    check_layout_options("arange", options)
    if end is None:
        start, end = 0, start
    start, end, step = (v.item() if hasattr(v, "item") else v for v in (start, end, step))
    if step == 0:
        raise ShapeError("arange(): step must be nonzero")
    span = end - start
    if not math.isfinite(span):
        raise ShapeError(f"arange(): unsupported range: {start} -> {end}; both ends must be finite")
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
    length = -(-span // step) if all(isinstance(v, int) for v in (span, step)) else math.ceil(span / step)
    if kind.kind != FLOATING:
        start, step = int(start), int(step)
    made = F.iota(int(length), kind, start, step, device=device_argument(device))
    return finished(made, out, requires_grad)


def range_(start: Any, end: Any, step: Any = 1, **options: Any) -> Tensor:
    """``start``, ``start + step``, ... up to and including ``end``, floating. PyTorch's deprecated
    ``torch.range``.
    """
    count = math.floor((end - start) / step) + 1
    dtype = floating_dtype(options.pop("dtype", None))
    return arange(0, count, dtype=dtype, **options) * step + start


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
    """``steps`` numbers evenly spaced from ``start`` to ``end``, both included."""
    check_layout_options("linspace", options)
    start, end = (v.item() if hasattr(v, "item") else v for v in (start, end))
    count = integer(steps, "linspace", "steps")
    if count < 0:
        raise ShapeError(f"linspace(): number of steps must be non-negative, but got {count}")
    kind, where = floating_dtype(dtype), device_argument(device)
    return finished(_spaced(start, end, count, kind, where), out, requires_grad)


def _spaced(start: float, end: float, count: int, kind: DType, device: Any) -> Any:
    """PyTorch's formula: the first half counts from the start, the second from the end."""
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
    step = (end - start) / (count - 1)
    half = count // 2
    first = F.add(F.mul(F.iota(half, work, 0, 1, device=device), step), start)
    last = F.sub(end, F.mul(F.iota(count - half, work, count - half - 1, -1, device=device), step))
    made = F.cat((first, last), 0)
    return made if kind is work else F.cast(made, kind)


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
    """``base`` to the powers ``linspace(start, end, steps)``."""
    check_layout_options("logspace", options)
    kind, where = floating_dtype(dtype), device_argument(device)
    work = kind if kind in (dtypes.float32, dtypes.float64) else dtypes.float64
    made = F.pow(float(base), _spaced(start, end, integer(steps, "logspace", "steps"), work, where))
    return finished(made if kind is work else F.cast(made, kind), out, requires_grad)


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
    """The (``n``, ``m``) matrix with ones on the diagonal; ``m`` defaults to ``n``."""
    check_layout_options("eye", options)
    rows, columns = shape_argument((n, n if m is None else m), "eye")
    where = device_argument(device)
    row = F.view(F.iota(rows, dtypes.int64, device=where), (rows, 1))
    made = converted(F.eq(row, F.iota(columns, dtypes.int64, device=where)), floating_dtype(dtype), None)
    return finished(made, out, requires_grad)


def _triangle(rows: int, columns: int, keep: Iterable[tuple[int, int]], dtype: Any, device: Any) -> Tensor:
    if rows < 0 or columns < 0:
        raise ShapeError(f"row and col must be non-negative, got {rows} and {columns}")
    pairs = list(keep)
    numbers = [r for r, _ in pairs] + [c for _, c in pairs]
    return from_numbers(
        numbers,
        (2, len(pairs)),
        dtypes.int64 if dtype is None else dtype_argument(dtype),
        device_argument(device),
    )


def tril_indices(row: int, col: int, offset: int = 0, *, dtype: Any = None, device: Any = None) -> Tensor:
    """The (2, n) row and column numbers of the lower triangle of a (``row``, ``col``) matrix."""
    return _triangle(
        row, col, ((r, c) for r in range(row) for c in range(min(col, max(0, r + offset + 1)))), dtype, device
    )


def triu_indices(row: int, col: int, offset: int = 0, *, dtype: Any = None, device: Any = None) -> Tensor:
    """The (2, n) row and column numbers of the upper triangle of a (``row``, ``col``) matrix."""
    return _triangle(
        row, col, ((r, c) for r in range(row) for c in range(max(0, r + offset), col)), dtype, device
    )
