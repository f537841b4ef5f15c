"""Selecting: slices, elements, masks and embeddings by index, made of gather and scatter."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from .. import dtypes
from ..errors import DTypeError, IndexRangeError, ShapeError
from ..layout import Layout, broadcast_shapes, dense
from ..op import Input, Op
from . import F
from .common import (
    Shape,
    Tensor,
    cases,
    error_cases,
    filled,
    index_input,
    index_only,
    numel_of,
    positions,
    reshape,
    same_dtype,
    sum_to,
    to_dtype,
    zeros,
)


def _infer_index_select(input: Layout, dim: int, index: Layout) -> Layout:
    index_only("index_select", index)
    if index.ndim > 1:
        raise IndexRangeError(
            f"index_select(): Index is supposed to be a vector, but got dim: {index.ndim} with shape "
            f"{list(index.shape)}; flatten it"
        )
    if input.ndim == 0:
        if index.numel != 1:
            raise ShapeError(
                f"index_select(): Index to scalar can have only 1 value, got {index.numel} value(s)"
            )
        return dense((), input.dtype)
    return dense((*input.shape[:dim], index.numel, *input.shape[dim + 1 :]), input.dtype)


def _along(index: Tensor, dim: int, shape: Shape) -> Tensor:
    """A vector of indices as an index tensor for ``gather`` and ``scatter`` over all other dimensions."""
    count = index.numel()
    index = reshape(index, (1,) * dim + (count,) + (1,) * (len(shape) - 1 - dim))
    return F.expand(index, (*shape[:dim], count, *shape[dim + 1 :]))


def _decompose_index_select(input: Tensor, dim: int, index: Tensor) -> Tensor:
    if input.ndim == 0:
        return reshape(F.gather(reshape(input, (1,)), 0, reshape(index, (1,))), ())
    return F.gather(input, dim, _along(index, dim, input.shape))


def _index_select_vjp(grad: Tensor, input_layout: Layout, dim: int, index: Tensor) -> Tensor:
    return F.index_add(zeros(input_layout.shape, grad), dim, index, grad)


def _infer_slices(name: str) -> Callable[..., Layout]:
    """What ``index_add`` and ``index_copy`` take: a source with one slice along ``dim`` for each index."""

    def infer(input: Layout, dim: int, index: Layout, source: Layout) -> Layout:
        index_only(name, index)
        same_dtype(name, input, source, "self and source")
        expected = _infer_index_select(input, dim, index)
        if source.shape != expected.shape:
            raise ShapeError(
                f"{name}(): source has shape {list(source.shape)}, but an index of {index.numel} along "
                f"dimension {dim} of {list(input.shape)} takes one of shape {list(expected.shape)}"
            )
        return dense(input.shape, input.dtype)

    return infer


def _scattering_slices(scatter: str) -> Callable[..., Tensor]:
    def decompose(input: Tensor, dim: int, index: Tensor, source: Tensor) -> Tensor:
        function = getattr(F, scatter)
        if input.ndim == 0:
            one = [reshape(t, (1,)) for t in (input, index, source)]
            return reshape(function(one[0], 0, one[1], one[2]), ())
        return function(input, dim, _along(index, dim, source.shape), source)

    return decompose


def _infer_index(input: Layout, indices: Sequence[Layout]) -> Layout:
    if len(indices) > input.ndim:
        raise IndexRangeError(
            f"too many indices for tensor of dimension {input.ndim}: got {len(indices)} for shape "
            f"{list(input.shape)}"
        )
    for each in indices:
        index_only("index", each)
    try:
        shape = broadcast_shapes(*(each.shape for each in indices))
    except ShapeError:
        raise IndexRangeError(
            f"shape mismatch: indexing tensors could not be broadcast together with shapes "
            f"{', '.join(str(list(each.shape)) for each in indices)}"
        ) from None
    if numel_of(shape) and 0 in input.shape[: len(indices)]:
        raise IndexRangeError(
            f"index is out of bounds for dimension with size 0: shape {list(input.shape)} indexed "
            f"with {numel_of(shape)} places"
        )
    return dense((*shape, *input.shape[len(indices) :]), input.dtype)


def _flat_places(shape: Shape, indices: Sequence[Tensor]) -> Tensor:
    """One flat place over the leading dimensions ``shape``;
    the place behind the last for what lies outside.
    """
    total = numel_of(shape)
    flat: Any = 0
    outside: Any = None
    for n, each in zip(shape, indices, strict=True):
        each = to_dtype(each, dtypes.int64)
        bad = F.bitwise_or(F.lt(each, -n), F.gt(each, n - 1))
        outside = bad if outside is None else F.bitwise_or(outside, bad)
        place = F.where(F.lt(each, 0), F.add(each, n), each)
        flat = place if isinstance(flat, int) else F.add(F.mul(flat, n), place)
    return F.where(outside, total, flat)


def _decompose_index(input: Tensor, indices: Sequence[Tensor]) -> Tensor:
    layout = _infer_index(input.layout, [each.layout for each in indices])
    lead, rest = input.shape[: len(indices)], input.shape[len(indices) :]
    flat = _flat_places(lead, indices)
    rows = F.index_select(reshape(input, (numel_of(lead), *rest)), 0, reshape(flat, (flat.numel(),)))
    return F.view(rows, layout.shape)


def _index_vjp(grad: Tensor, input_layout: Layout, indices: Sequence[Tensor]) -> Tensor:
    return F.index_put(zeros(input_layout.shape, grad), indices, grad, True)


def _infer_index_put(input: Layout, indices: Sequence[Layout], values: Layout, accumulate: bool) -> Layout:
    target = _infer_index(input, indices)
    same_dtype("index_put", input, values, "the destination and the values")
    shape = (1,) * (target.ndim - values.ndim) + tuple(values.shape)
    if len(shape) != target.ndim or any(n not in (1, m) for n, m in zip(shape, target.shape, strict=True)):
        raise ShapeError(
            f"shape mismatch: value tensor of shape {list(values.shape)} cannot be broadcast to indexing "
            f"result of shape {list(target.shape)}"
        )
    return dense(input.shape, input.dtype)


def _decompose_index_put(
    input: Tensor, indices: Sequence[Tensor], values: Tensor, accumulate: bool
) -> Tensor:
    target = _infer_index(input.layout, [each.layout for each in indices])
    lead, rest = input.shape[: len(indices)], input.shape[len(indices) :]
    flat = _flat_places(lead, indices)
    source = reshape(F.expand(values, target.shape), (flat.numel(), *rest))
    rows = reshape(input, (numel_of(lead), *rest))
    index = reshape(flat, (flat.numel(),))
    return F.view(
        F.index_add(rows, 0, index, source) if accumulate else F.index_copy(rows, 0, index, source),
        input.shape,
    )


def _index_put_input_vjp(grad: Tensor, indices: Sequence[Tensor], accumulate: bool) -> Tensor:
    return grad if accumulate else F.index_put(grad, indices, zeros((), grad), False)


def _index_put_values_vjp(grad: Tensor, indices: Sequence[Tensor], values_layout: Layout) -> Tensor:
    return sum_to(F.index(grad, indices), values_layout.shape)


def _take_shapes(input: Layout, indices: Layout, dim: int) -> tuple[Shape, Shape]:
    """The shapes that the input and the indices are expanded to."""
    if input.ndim != indices.ndim:
        raise ShapeError(
            f"take_along_dim(): input and indices should have the same number of dimensions, but got "
            f"{input.ndim} dimensions for input, and {indices.ndim} dimensions for indices"
        )
    others = broadcast_shapes(
        [1 if i == dim else n for i, n in enumerate(input.shape)],
        [1 if i == dim else n for i, n in enumerate(indices.shape)],
    )
    return (
        tuple(input.shape[i] if i == dim else n for i, n in enumerate(others)),
        tuple(indices.shape[i] if i == dim else n for i, n in enumerate(others)),
    )


def _infer_take_along(input: Layout, indices: Layout, dim: int) -> Layout:
    index_only("take_along_dim", indices)
    return dense(_take_shapes(input, indices, dim)[1], input.dtype)


def _decompose_take_along(input: Tensor, indices: Tensor, dim: int) -> Tensor:
    wide, wanted = _take_shapes(input.layout, indices.layout, dim)
    return F.gather(F.expand(input, wide), dim, F.expand(indices, wanted))


def _infer_masked_fill(input: Layout, mask: Layout, value: float) -> Layout:
    if mask.dtype is not dtypes.bool_:
        raise DTypeError(
            f"masked_fill only supports boolean masks, but got mask with dtype {mask.dtype.name}; compare "
            f"it, for instance mask != 0"
        )
    return dense(broadcast_shapes(input.shape, mask.shape), input.dtype)


def _decompose_masked_fill(input: Tensor, mask: Tensor, value: float) -> Tensor:
    return F.where(mask, filled((), value, input), input)


def _masked_fill_vjp(grad: Tensor, input_layout: Layout, mask: Tensor) -> Tensor:
    return sum_to(F.masked_fill(grad, mask, 0), input_layout.shape)


def _infer_one_hot(input: Layout, num_classes: int) -> Layout:
    if input.dtype is not dtypes.int64:
        raise DTypeError(
            f"one_hot is only applicable to index tensor of type LongTensor, but got {input.dtype.name}; "
            f"convert it with .long()"
        )
    if num_classes < 0:
        raise ShapeError(f"one_hot: num_classes must be given as 0 or more, but got {num_classes}")
    return dense((*input.shape, num_classes), dtypes.int64)


def _decompose_one_hot(input: Tensor, num_classes: int) -> Tensor:
    return F.cast(F.eq(F.unsqueeze(input, input.ndim), positions(num_classes, input)), dtypes.int64)


def _infer_embedding(weight: Layout, indices: Layout, padding_idx: int) -> Layout:
    index_only("embedding", indices)
    if weight.ndim != 2:
        raise ShapeError(
            f"'weight' must be 2-D, but has shape {list(weight.shape)}; give [num_embeddings, dim]"
        )
    return dense((*indices.shape, weight.shape[1]), weight.dtype)


def _decompose_embedding(weight: Tensor, indices: Tensor, padding_idx: int) -> Tensor:
    rows = F.index_select(weight, 0, reshape(indices, (indices.numel(),)))
    return F.view(rows, (*indices.shape, weight.shape[1]))


def _embedding_vjp(grad: Tensor, weight_layout: Layout, indices: Tensor, padding_idx: int) -> Tensor:
    return F.embedding_backward(grad, indices, weight_layout.shape[0], padding_idx)


def _infer_embedding_backward(grad: Layout, indices: Layout, num_embeddings: int, padding_idx: int) -> Layout:
    if tuple(grad.shape[:-1]) != tuple(indices.shape):
        raise ShapeError(
            f"embedding_backward: grad has shape {list(grad.shape)}, but indices of shape "
            f"{list(indices.shape)} take {[*indices.shape, 'dim']}"
        )
    return dense((num_embeddings, grad.shape[-1]), grad.dtype)


def _decompose_embedding_backward(
    grad: Tensor, indices: Tensor, num_embeddings: int, padding_idx: int
) -> Tensor:
    width = grad.shape[grad.ndim - 1]
    rows, index = reshape(grad, (indices.numel(), width)), reshape(indices, (indices.numel(),))
    if padding_idx >= 0:
        rows = F.masked_fill(rows, F.unsqueeze(F.eq(index, padding_idx), 1), 0)
    return F.index_add(zeros((num_embeddings, width), grad), 0, index, rows)


def _op(schema: str, tier: int, **columns: Any) -> Op:
    return Op(schema, tier=tier, family="selection", autocast=columns.pop("autocast", "none"), **columns)


OPS: tuple[Op, ...] = (
    _op(
        "index_select(Tensor input, dim dim, Tensor index)",
        4,
        infer=_infer_index_select,
        decompose=_decompose_index_select,
        vjp={"input": _index_select_vjp},
        samples=cases(
            ((3, 4), 0, index_input((5,), 3)),
            ((3, 4), -1, index_input((2,), 4)),
            ((2, 3, 4), 1, index_input((4,), 3)),
            ((), 0, index_input((1,), 1)),
            (Input((4, 6), layout="transposed"), 1, index_input((3,), 6)),
            ((3, 4), 0, index_input((0,), 3)),
            ((3, 4), 0, Input((2,), 0, 3, dtype="int32")),
        ),
        errors=error_cases(
            ((Input((3, 4)), 0, index_input((1, 2), 3)), "IndexRangeError", "supposed to be a vector"),
            ((Input((3, 4)), 0, index_input((2,), 3, 0, 3)), "IndexRangeError", "out of range"),
        ),
        public="function method out",
        doc="The slices along dim that index names. Source: torch.index_select.",
        shapes="input [*A, n at dim, *B], index integer [m] -> [*A, m, *B]",
    ),
    _op(
        "index_add(Tensor input, dim dim, Tensor index, Tensor source)",
        4,
        infer=_infer_slices("index_add"),
        updates=True,
        decompose=_scattering_slices("scatter_add"),
        tolerance="sum",
        vjp={"input": lambda grad: grad, "source": lambda grad, dim, index: F.index_select(grad, dim, index)},
        samples=cases(
            ((3, 4), 0, index_input((5,), 3), Input((5, 4))),
            ((3, 4), -1, index_input((2,), 4), Input((3, 2))),
            ((2, 3, 4), 1, index_input((4,), 3), Input((2, 4, 4))),
            ((3, 4), 0, index_input((0,), 3), Input((0, 4))),
        ),
        errors=error_cases(
            (
                (Input((3, 4)), 0, index_input((2,), 3), Input((3, 4))),
                "ShapeError",
                "takes one of shape [2, 4]",
            )
        ),
        doc="The input with the slices of source added along dim. Source: torch.index_add.",
        shapes="input [*A, n at dim, *B], index integer [m], source [*A, m, *B] -> [*A, n, *B]",
    ),
    _op(
        "index_copy(Tensor input, dim dim, Tensor index, Tensor source)",
        4,
        infer=_infer_slices("index_copy"),
        autocast="promote",
        updates=True,
        decompose=_scattering_slices("scatter"),
        samples=cases(
            ((3, 4), 0, index_input((2,), 3, 2, 0), Input((2, 4))),
            ((3, 4), -1, index_input((2,), 4, 3, 1), Input((3, 2))),
            ((3, 4), 0, index_input((0,), 3), Input((0, 4))),
        ),
        errors=error_cases(
            (
                (Input((3, 4)), 0, index_input((2,), 3), Input((3, 4))),
                "ShapeError",
                "takes one of shape [2, 4]",
            )
        ),
        public="function method inplace out",
        doc="The input with slices along dim replaced by those of source. Source: torch.index_copy.",
        shapes="input [*A, n at dim, *B], index integer [m], source [*A, m, *B] -> [*A, n, *B]",
    ),
    _op(
        "index(Tensor input, Tensor[] indices)",
        4,
        infer=_infer_index,
        decompose=_decompose_index,
        vjp={"input": _index_vjp},
        samples=cases(
            ((3, 4), [index_input((5,), 3)]),
            ((3, 4), [index_input((2, 2), 3), index_input((2,), 4)]),
            ((3, 4, 2), [index_input((2,), 3, -1, -3), index_input((2,), 4, 1, -4)]),
            ((3, 4), [index_input((), 3)]),
            ((3, 4), [index_input((0,), 3)]),
            (Input((4, 6), layout="transposed"), [index_input((3,), 4), index_input((3,), 6)]),
        ),
        errors=error_cases(
            (
                (Input((3, 4)), [index_input((2,), 3), index_input((3,), 4)]),
                "IndexRangeError",
                "could not be broadcast",
            ),
            ((Input((3,)), [index_input((2,), 3)] * 2), "IndexRangeError", "too many indices"),
            (
                (Input((3, 4)), [index_input((1,), 3, 0), index_input((1,), 4, 4)]),
                "IndexRangeError",
                "out of range",
            ),
        ),
        torch_name="Tensor.__getitem__",
        doc="The elements at tensors of places in the leading dimensions, which are broadcast together; "
        "negative ones count from the end. Source: torch.ops.aten.index.",
        shapes="input [*S], indices -> [*broadcast(*indices), *S[len(indices):]]",
    ),
    _op(
        "index_put(Tensor input, Tensor[] indices, Tensor values, bool accumulate=False)",
        4,
        infer=_infer_index_put,
        autocast="promote",
        updates=True,
        decompose=_decompose_index_put,
        vjp={"input": _index_put_input_vjp, "values": _index_put_values_vjp},
        tolerance="sum",
        samples=cases(
            ((3, 4), [index_input((2,), 3, 2, 0)], Input((2, 4))),
            ((3, 4), [index_input((2,), 3, 2, -3), index_input((2,), 4, 1, -2)], Input((2,))),
            ((3, 4), [index_input((2,), 3, 2, 0)], Input((4,))),
            ((3, 4), [index_input((5,), 3)], Input(()), True),
            ((3, 4), [index_input((6,), 3), index_input((6,), 4)], Input((6,)), True),
        ),
        errors=error_cases(
            (
                (Input((3, 4)), [index_input((2,), 3)], Input((3,))),
                "ShapeError",
                "value tensor of shape [3] cannot be broadcast to indexing result of shape [2, 4]",
            )
        ),
        torch_name="Tensor.index_put",
        doc="The input with values written (or added) at tensors of places in the leading dimensions. "
        "Source: torch.Tensor.index_put_.",
        shapes="input [*S], indices, values [*V] -> [*S]",
    ),
    _op(
        "take_along_dim(Tensor input, Tensor indices, dim dim)",
        4,
        infer=_infer_take_along,
        decompose=_decompose_take_along,
        samples=cases(
            ((3, 4), index_input((3, 2), 4), 1),
            ((3, 4), index_input((1, 2), 4), 1),
            ((1, 4), index_input((3, 2), 4), -1),
        ),
        errors=error_cases(
            ((Input((3, 4)), index_input((2,), 3), 0), "ShapeError", "2 dimensions for input, and 1")
        ),
        doc="gather with input and indices broadcast in the other dimensions. Source: torch.take_along_dim.",
        shapes="input [*S], indices integer [*T] -> [*along(S, T, dim)]",
    ),
    _op(
        "masked_fill(Tensor input, Tensor mask, Scalar value)",
        4,
        infer=_infer_masked_fill,
        decompose=_decompose_masked_fill,
        vjp={"input": _masked_fill_vjp},
        samples=cases(
            ((3, 4), Input((3, 4), dtype="bool"), 1),
            ((3, 4), Input((4,), dtype="bool"), 0),
            ((1, 4), Input((3, 1), dtype="bool"), 2),
            ((), Input((), dtype="bool"), 3),
            (Input((4, 6), layout="transposed"), Input((4, 6), dtype="bool"), 1),
        ),
        errors=error_cases(
            ((Input((3,)), Input((3,), dtype="int64"), 1), "DTypeError", "only supports boolean masks")
        ),
        doc="The input with value where mask is true. Source: torch.Tensor.masked_fill.",
        shapes="input [*S], mask bool [*T] -> [*broadcast(S, T)]",
    ),
    _op(
        "one_hot(Tensor input, int num_classes)",
        4,
        infer=_infer_one_hot,
        decompose=_decompose_one_hot,
        vjp={},
        samples=cases((index_input((3,), 4), 4), (index_input((2, 3), 4), 6), (index_input((), 2), 2)),
        errors=error_cases(((Input((3,), dtype="float32"), 4), "DTypeError", "float32")),
        torch_name="nn.functional.one_hot",
        doc="1 at the class and 0 elsewhere, as int64, classes last. Source: torch.nn.functional.one_hot.",
        shapes="input integer [*S] -> int64 [*S, num_classes]",
    ),
    _op(
        "embedding(Tensor weight, Tensor indices, int padding_idx=-1)",
        4,
        infer=_infer_embedding,
        decompose=_decompose_embedding,
        vjp={"weight": _embedding_vjp},
        dtypes="floating",
        samples=cases(
            ((5, 3), index_input((4,), 5)),
            ((5, 3), index_input((2, 3), 5), 1),
            ((5, 3), index_input((), 5)),
            ((5, 3), index_input((0,), 5)),
            ((5, 3), Input((4,), 0, 5, dtype="int32")),
        ),
        errors=error_cases(
            ((Input((5,)), index_input((4,), 5)), "ShapeError", "must be 2-D"),
            ((Input((5, 3)), Input((4,), dtype="float32")), "DTypeError", "float32"),
            ((Input((5, 3)), index_input((1,), 5, 5)), "IndexRangeError", "out of range"),
        ),
        torch_name="nn.functional.embedding",
        doc="The rows of weight [num_embeddings, dim] that indices name; row padding_idx gets no gradient. "
        "Source: torch.nn.functional.embedding.",
        shapes="weight [n, d], indices integer [*S] -> [*S, d]",
    ),
    _op(
        "embedding_backward(Tensor grad_output, Tensor indices, int num_embeddings, int padding_idx)",
        4,
        infer=_infer_embedding_backward,
        decompose=_decompose_embedding_backward,
        tolerance="sum",
        dtypes="floating",
        samples=cases(
            ((4, 3), index_input((4,), 5), 5, -1),
            ((2, 6, 3), index_input((2, 6), 5), 5, 1),
            ((0, 3), index_input((0,), 5), 5, -1),
        ),
        errors=error_cases(
            ((Input((4, 3)), index_input((5,), 5), 5, -1), "ShapeError", "grad has shape [4, 3]")
        ),
        doc="The cotangent of embedding's weight. Source: torch.ops.aten.embedding_dense_backward.",
        shapes="grad_output [*S, d], indices integer [*S] -> [num_embeddings, d]",
    ),
)
