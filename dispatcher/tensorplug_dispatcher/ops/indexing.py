"""Counting, and the primitives that read and write at places that a tensor of indices names."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .. import dtypes
from ..errors import ShapeError
from ..layout import Layout, dense
from ..op import Input, Op, Sample
from . import F
from .common import (
    Shape,
    Tensor,
    cases,
    error_cases,
    index_input,
    index_only,
    positions,
    positions_along,
    reshape,
    same_dtype,
    sample,
    to_dtype,
    zeros,
)

# -- primitives ----------------------------------------------------------------------------------------------


def _infer_iota(length: int, dtype: dtypes.DType, start: float, step: float, device: object = None) -> Layout:
    if length < 0:
        raise ShapeError(f"iota: the length must not be negative, but got {length}")
    return dense((length,), dtype)


def _check_index(name: str, input: Layout, dim: int, index: Layout) -> None:
    """The index has as many dimensions as the input and is no larger but along ``dim``."""
    index_only(name, index)
    if max(index.ndim, 1) != max(input.ndim, 1):
        raise ShapeError(
            f"{name}(): Index tensor must have the same number of dimensions as input tensor: index has "
            f"shape {list(index.shape)} and the input {list(input.shape)}; unsqueeze or expand the index"
        )
    for i, n in enumerate(index.shape):
        if i != dim and input.ndim and n > input.shape[i]:
            raise ShapeError(
                f"{name}(): Size does not match at dimension {i} expected index {list(index.shape)} to be "
                f"no larger than self {list(input.shape)} apart from dimension {dim}"
            )


def _infer_gather(input: Layout, dim: int, index: Layout) -> Layout:
    if index.numel:
        _check_index("gather", input, dim, index)
    else:
        index_only("gather", index)
    return dense(index.shape, input.dtype)


def _gather_vjp(grad: Tensor, input_layout: Layout, dim: int, index: Tensor) -> Tensor:
    return F.scatter_add(zeros(input_layout.shape, grad), dim, index, grad)


def _infer_scatter(name: str) -> Any:
    def infer(input: Layout, dim: int, index: Layout, src: Layout) -> Layout:
        same_dtype(name, input, src, "self and src")
        if index.numel:
            _check_index(name, input, dim, index)
            if max(src.ndim, 1) != max(index.ndim, 1) or any(n > m for n, m in zip(index.shape, src.shape)):
                raise ShapeError(
                    f"{name}(): Expected index {list(index.shape)} to be no larger than src "
                    f"{list(src.shape)} and to have as many dimensions"
                )
        else:
            index_only(name, index)
        return dense(input.shape, input.dtype)

    return infer


def _cropped(src: Tensor, shape: Shape) -> Tensor:
    """The leading corner of ``src`` that the index reads."""
    for dim, n in enumerate(shape):
        if src.shape[dim] != n:
            src = F.slice(src, dim, 0, n, 1)
    return src


def _matches(input: Tensor, dim: int, index: Tensor) -> Tensor:
    """Where ``index[..., j, ...] == i``: bool, with the input's place i along a new dimension behind
    ``dim``.
    """
    shape = (input.shape[dim],) + (1,) * (index.ndim - 1 - dim)
    return F.eq(F.unsqueeze(index, dim + 1), F.view(positions(input.shape[dim], index, index.dtype), shape))


def _scatter_parts(
    input: Tensor, dim: int, index: Tensor, src: Tensor
) -> tuple[Tensor, Tensor, Tensor, Shape]:
    """0-d made 1-d, the source cut to the index, and the shape of the input's part that can be written."""
    if input.ndim == 0:
        input, index, src = (reshape(t, (t.numel(),)) for t in (input, index, src))
    index = reshape(index, (1,)) if index.ndim == 0 else index
    src = reshape(src, (1,)) if src.ndim == 0 else src
    part = tuple(input.shape[i] if i == dim else n for i, n in enumerate(index.shape))
    # reading every place that the index names changes nothing, but raises where there is none
    index = F.gather(F.expand(positions_along(part, dim, index), part), dim, index)
    return input, index, _cropped(src, index.shape), part


def _decompose_scatter_add(input: Tensor, dim: int, index: Tensor, src: Tensor) -> Tensor:
    """Every place compared with every index: memory and time of the input's size times the index's."""
    if index.numel() == 0:
        return F.copy(input)
    shape = input.shape
    input, index, src, part = _scatter_parts(input, dim, index, src)
    added = F.sum(F.where(_matches(input, dim, index), F.unsqueeze(src, dim + 1), 0), (dim,), False)
    return F.view(F.add(input, _grown(to_dtype(added, input.dtype), part, input.shape)), shape)


def _grown(x: Tensor, part: Shape, shape: Shape) -> Tensor:
    """``x`` of shape ``part``, zeros put behind it up to ``shape``."""
    pad = [n for i in reversed(range(len(shape))) for n in (0, shape[i] - part[i])]
    return F.constant_pad_nd(x, tuple(pad), 0) if any(pad) else x


def _decompose_scatter(input: Tensor, dim: int, index: Tensor, src: Tensor) -> Tensor:
    """For every place the last index that names it, if there is one, says which value it takes."""
    if index.numel() == 0:
        return F.copy(input)
    shape = input.shape
    input, index, src, part = _scatter_parts(input, dim, index, src)
    number = F.view(positions(index.shape[dim], index), (index.shape[dim],) + (1,) * (index.ndim - dim))
    writer = F.amax(F.where(_matches(input, dim, index), number, -1), (dim,), False)
    value = F.gather(src, dim, F.maximum.call((writer, 0)))
    writer = F.sub(_grown(F.add(writer, 1), part, input.shape), 1)
    return F.view(F.where(F.lt(writer, 0), input, _grown(value, part, input.shape)), shape)


def _scatter_input_vjp(grad: Tensor, dim: int, index: Tensor) -> Tensor:
    return F.scatter(grad, dim, index, zeros(index.shape, grad))


def _scatter_src_vjp(grad: Tensor, dim: int, index: Tensor, src_layout: Layout) -> Tensor:
    cotangent = F.gather(grad, dim, index)
    if index.shape == src_layout.shape:
        return cotangent
    return _grown(reshape(cotangent, index.shape), index.shape, src_layout.shape)


def _decompose_nonzero(input: Tensor, count: int) -> Tensor:
    """The flat place of the n-th true element, written to row n, then taken apart into coordinates."""
    total = input.numel()
    if count == 0 or input.ndim == 0:
        return zeros((count, input.ndim), input, dtypes.int64)
    truth = F.ne(reshape(input, (total,)), 0)
    row = F.sub(F.cumsum(truth, 0), 1)
    row = F.where(truth, row, count)
    flat = F.scatter(zeros((count + 1,), input, dtypes.int64), 0, row, positions(total, input))
    flat = F.slice(flat, 0, 0, count, 1)
    columns = []
    for n in reversed(input.shape):
        columns.append(F.remainder(flat, n))
        flat = F.floor_divide(flat, n)
    return F.stack(columns[::-1], 1)


def _infer_searchsorted(sorted_sequence: Layout, values: Layout, right: bool) -> Layout:
    if sorted_sequence.ndim == 0:
        raise ShapeError(
            "searchsorted(): the sorted sequence must have at least 1 dimension; give a 1-d tensor"
        )
    if sorted_sequence.ndim > 1 and sorted_sequence.shape[:-1] != values.shape[:-1]:
        raise ShapeError(
            f"searchsorted(): boundaries tensor should be 1 dimension or the first N-1 dimensions of "
            f"boundaries tensor and input value tensor must match, but we got boundaries tensor "
            f"{list(sorted_sequence.shape)} and input value tensor {list(values.shape)}"
        )
    same_dtype("searchsorted", sorted_sequence, values, "boundaries and values")
    return dense(values.shape, dtypes.int64)


def _decompose_searchsorted(sorted_sequence: Tensor, values: Tensor, right: bool) -> Tensor:
    """How many boundaries lie below each value (or at it, from the right)."""
    boundaries, wanted = (
        F.unsqueeze(sorted_sequence, sorted_sequence.ndim - 1),
        F.unsqueeze(values, values.ndim),
    )
    if sorted_sequence.ndim == 1:
        boundaries = sorted_sequence
    below = F.le(boundaries, wanted) if right else F.lt(boundaries, wanted)
    return F.sum(below, (below.ndim - 1,), False)


def _scatter_samples(add: bool) -> Any:
    """Indices that name no place twice, but where values are added."""

    def samples() -> Iterable[Sample]:
        yield sample(Input((3, 4)), 0, index_input((2, 4), 3, 0, 1, 2, 0, 1, 2, 0, 2), Input((2, 4)))
        yield sample(Input((3, 4)), -1, index_input((3, 2), 4, 3, 0, 1, 2, 0, 1), Input((3, 2)))
        yield sample(
            Input((3, 5)), 1, index_input((2, 3), 5, 4, 0, 2, 1, 3, 0), Input((3, 4)), note="larger src"
        )
        yield sample(
            Input((4, 6), layout="transposed"),
            1,
            index_input((4, 2), 6, 0, 5, 1, 4, 2, 3, 3, 0),
            Input((4, 2), layout="sliced"),
        )
        yield sample(Input((2, 3, 2)), 1, index_input((2, 1, 2), 3, 2, 0, 1, 2), Input((2, 1, 2)))
        yield sample(Input((5,)), 0, index_input((3,), 5, 4, 0, 2), Input((3,)))
        yield sample(Input((3, 4)), 0, index_input((0, 4), 3), Input((0, 4)), note="nothing written")
        yield sample(Input((3, 4)), 0, Input((1, 4), 0, 3, dtype="int32"), Input((1, 4)), note="int32 index")
        if add:
            yield sample(Input((3, 4)), 0, index_input((6, 4), 3), Input((6, 4)), note="places named twice")

    return samples


def _op(schema: str, tier: int, **columns: Any) -> Op:
    return Op(schema, tier=tier, family="indexing", autocast=columns.pop("autocast", "none"), **columns)


_scatter_errors = error_cases(
    ((Input((3, 4)), 0, index_input((2, 4), 3), Input((1, 4))), "ShapeError", "no larger than src [1, 4]"),
    ((Input((3, 4)), 0, index_input((2, 5), 3), Input((2, 5))), "ShapeError", "apart from dimension 0"),
    ((Input((3, 4)), 0, Input((2, 4), dtype="float32"), Input((2, 4))), "DTypeError", "float32"),
    (
        (Input((3, 4)), 0, index_input((1, 4), 3, 0, 1, 2, 3), Input((1, 4))),
        "IndexRangeError",
        "out of range",
    ),
)

OPS: tuple[Op, ...] = (
    _op(
        "iota(int length, dtype dtype, Scalar start=0, Scalar step=1, device? device=None)",
        1,
        infer=_infer_iota,
        samples=lambda: [
            sample(5, dtypes.int64),
            sample(5, dtypes.float32, 0.5, 0.25),
            sample(0, dtypes.int32),
            sample(4, dtypes.int64, 7, -2),
            sample(4, dtypes.float64, -1),
            sample(300, dtypes.int16),
            sample(4, dtypes.float16, 1, 2),
            sample(4, dtypes.uint8),
            sample(3, dtypes.int8, -1),
        ],
        errors=error_cases(((-1, dtypes.int64), "ShapeError", "must not be negative, but got -1")),
        torch_name="arange",
        doc="start, start + step, ...: length numbers. Source: torch.arange.",
        shapes="-> [length]",
    ),
    _op(
        "gather(Tensor input, dim dim, Tensor index)",
        1,
        infer=_infer_gather,
        vjp={"input": _gather_vjp},
        samples=cases(
            ((3, 4), 0, index_input((2, 4), 3)),
            ((3, 4), 1, index_input((3, 7), 4)),
            ((3, 4), -1, index_input((2, 2), 4)),
            ((2, 3, 4), 1, index_input((2, 5, 4), 3)),
            (Input((4, 6), layout="transposed"), 0, index_input((3, 6), 4)),
            (Input((4, 6), layout="sliced"), 1, Input((4, 3), 0, 6, dtype="int64", layout="transposed")),
            ((), 0, index_input((), 1)),
            ((3, 4), 0, index_input((0, 4), 3)),
            ((3, 4), 0, Input((2, 4), 0, 3, dtype="int32")),
        ),
        errors=error_cases(
            ((Input((3, 4)), 0, index_input((4,), 3)), "ShapeError", "same number of dimensions"),
            ((Input((3, 4)), 0, index_input((2, 5), 3)), "ShapeError", "apart from dimension 0"),
            ((Input((3, 4)), 0, Input((2, 4), dtype="float32")), "DTypeError", "float32"),
            ((Input((3, 4)), 0, index_input((1, 4), 3, 0, 1, 2, 3)), "IndexRangeError", "out of range"),
            ((Input((3, 4)), 0, index_input((1, 4), 3, 0, 1, 2, -1)), "IndexRangeError", "out of range"),
        ),
        doc="out[i][j] = input[index[i][j]][j] for dim 0. Source: torch.gather.",
        shapes="input [*S], index integer [*T] -> [*T]",
    ),
    _op(
        "scatter(Tensor input, dim dim, Tensor index, Tensor src)",
        2,
        infer=_infer_scatter("scatter"),
        updates=True,
        decompose=_decompose_scatter,
        vjp={"input": _scatter_input_vjp, "src": _scatter_src_vjp},
        samples=_scatter_samples(False),
        errors=_scatter_errors,
        doc="The input with out[index[i][j]][j] = src[i][j] for dim 0. Source: torch.scatter.",
        shapes="input [*S], index integer [*T], src [*U] -> [*S]",
    ),
    _op(
        "scatter_add(Tensor input, dim dim, Tensor index, Tensor src)",
        2,
        infer=_infer_scatter("scatter_add"),
        updates=True,
        decompose=_decompose_scatter_add,
        vjp={"input": lambda grad: grad, "src": _scatter_src_vjp},
        tolerance="sum",
        autocast="promote",
        samples=_scatter_samples(True),
        errors=_scatter_errors,
        public="function method inplace out",
        doc="The input with out[index[i][j]][j] += src[i][j] for dim 0. Source: torch.scatter_add.",
        shapes="input [*S], index integer [*T], src [*U] -> [*S]",
    ),
    _op(
        "nonzero(Tensor input, int count)",
        3,
        decompose=_decompose_nonzero,
        vjp={},
        samples=cases(
            (Input((2, 3), values=(0, 1, 0, 1, 1, 0)), 3),
            (Input((4,), values=(1, 0, 0, 1)), 2),
            (Input((2, 2), values=(0, 0, 0, 0)), 0),
            (Input((2, 2, 2), values=(1,) * 8), 8),
            (Input((), values=(1,)), 1),
            (Input((0, 3)), 0),
            (Input((3, 2), values=(0, 1, 1, 0, 1, 1), layout="transposed"), 4),
        ),
        doc="The coordinates, one row each, of the first count values that are not zero; "
        "count is what count_nonzero says, so that the shape is known. Source: torch.nonzero.",
        shapes="input [*S] -> int64 [count, len(S)]",
    ),
    _op(
        "searchsorted(Tensor sorted_sequence, Tensor values, bool right=False)",
        3,
        infer=_infer_searchsorted,
        dtypes="numeric",
        decompose=_decompose_searchsorted,
        vjp={},
        samples=cases(
            (Input((5,), values=(1, 3, 5, 7, 9)), Input((2, 3), values=(3, 6, 9, 0, 1, 10)), False),
            (Input((5,), values=(1, 3, 5, 7, 9)), Input((2, 3), values=(3, 6, 9, 0, 1, 10)), True),
            (Input((2, 3), values=(1, 3, 5, 2, 4, 6)), Input((2, 2), values=(3, 6, 3, 6)), False),
            (Input((4,), values=(1, 2, 2, 3)), Input((), values=(2,)), True),
        ),
        errors=error_cases(((Input((2, 3)), Input((3, 2))), "ShapeError", "must match, but we got")),
        doc="Where each value goes into a sorted sequence, as int64. Source: torch.searchsorted.",
        shapes="sorted_sequence [*A, n], values [*T] -> [*T]",
    ),
)
