"""Views: layout arithmetic over the same storage. No backend ever sees one of these."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from .. import dtypes
from ..errors import DTypeError, IndexRangeError, ShapeError
from ..layout import Layout, strided, with_dtype
from ..layout import expand as expand_layout
from ..op import ErrorCase, Input, Op, Sample
from . import F
from .common import (
    Shape,
    Tensor,
    cases,
    error_cases,
    inferred_shape,
    reshape,
    sample,
    sum_to,
    transposed_layout,
    view_strides,
    wrap_dim,
    wrap_dims,
)

View = tuple[Layout, int]


def _as_strided(input: Layout, size: Shape, stride: Shape, offset: int) -> View:
    if len(size) != len(stride):
        raise ShapeError(
            f"as_strided: mismatch in length of strides and shape: size {list(size)} has {len(size)} "
            f"numbers and stride {list(stride)} has {len(stride)}; give one stride a dimension"
        )
    return strided(size, stride, input.dtype), offset


def _as_strided_vjp(grad: Tensor, input_layout: Layout, size: Shape, stride: Shape, offset: int) -> Tensor:
    return F.as_strided_backward(grad, input_layout.shape, input_layout.strides, size, stride, offset)


def _permute(input: Layout, dims: Shape) -> View:
    if len(dims) != input.ndim:
        raise ShapeError(
            f"permute: number of dimensions in the tensor input does not match the length of the desired "
            f"ordering of dimensions i.e. input.dim() = {input.ndim} is not equal to len(dims) = "
            f"{len(dims)}; dims {list(dims)} must name each dimension once"
        )
    order = wrap_dims(dims, input.ndim)
    return strided([input.shape[i] for i in order], [input.strides[i] for i in order], input.dtype), 0


def _permute_vjp(grad: Tensor, dims: Shape) -> Tensor:
    order = wrap_dims(dims, len(dims))
    return F.permute(grad, tuple(order.index(i) for i in range(len(order))))


def _transpose(input: Layout, dim0: int, dim1: int) -> View:
    dim0, dim1 = wrap_dim(dim0, input.ndim), wrap_dim(dim1, input.ndim)
    return (transposed_layout(input, dim0, dim1) if input.ndim else input), 0


def _movedim(input: Layout, source: Shape, destination: Shape) -> View:
    return _permute(input, _movedim_order(input.ndim, source, destination))


def _movedim_order(ndim: int, source: Shape, destination: Shape) -> Shape:
    if len(source) != len(destination):
        raise ShapeError(
            f"movedim: Invalid source or destination dims: source ({list(source)} dims) should contain the "
            f"same number of dims as destination ({list(destination)} dims)"
        )
    source, destination = wrap_dims(source, ndim), wrap_dims(destination, ndim)
    if ndim == 0:
        return ()
    order = [-1] * ndim
    for come_from, go_to in zip(source, destination, strict=True):
        order[go_to] = come_from
    rest = iter(i for i in range(ndim) if i not in source)
    return tuple(next(rest) if i < 0 else i for i in order)


def _movedim_vjp(grad: Tensor, source: Shape, destination: Shape) -> Tensor:
    return F.movedim(grad, destination, source)


def _view(input: Layout, shape: Shape) -> View:
    wanted = inferred_shape(input, shape)
    strides = view_strides(input, wanted)
    if strides is None:
        raise ShapeError(
            f"view size is not compatible with input tensor's size and stride (at least one dimension "
            f"spans across two contiguous subspaces). Use .reshape(...) instead: shape "
            f"{list(input.shape)} with strides {list(input.strides)} cannot be seen as {list(wanted)}"
        )
    return strided(wanted, strides, input.dtype), 0


def _reshape_vjp(grad: Tensor, input_layout: Layout) -> Tensor:
    return reshape(grad, input_layout.shape)


def _expand(input: Layout, size: Shape) -> View:
    """-1 keeps a size; new dimensions come in front."""
    lead = len(size) - input.ndim
    if lead < 0:
        raise ShapeError(
            f"expand: the number of sizes provided ({len(size)}) must be greater or equal to the number of "
            f"dimensions in the tensor ({input.ndim}): shape {list(input.shape)} cannot become {list(size)}"
        )
    wanted = []
    for i, n in enumerate(size):
        if n == -1:
            if i < lead:
                raise ShapeError(
                    f"The expanded size of the tensor (-1) isn't allowed in a leading, non-existing "
                    f"dimension {i}: {list(size)}; give the size"
                )
            n = input.shape[i - lead]
        elif i >= lead and input.shape[i - lead] not in (1, n):
            raise ShapeError(
                f"The expanded size of the tensor ({n}) must match the existing size "
                f"({input.shape[i - lead]}) at non-singleton dimension {i}.  Target sizes: {list(size)}.  "
                f"Tensor sizes: {list(input.shape)}; only dimensions of size 1 expand"
            )
        wanted.append(n)
    return expand_layout(input, wanted), 0


def _expand_vjp(grad: Tensor, input_layout: Layout) -> Tensor:
    return sum_to(grad, input_layout.shape)


def _slice(input: Layout, dim: int, start: int, length: int, step: int) -> View:
    if input.ndim == 0:
        raise ShapeError("slice() cannot be applied to a 0-dim tensor; use .item(), or unsqueeze it first")
    size = input.shape[dim]
    last = start + (length - 1) * step
    if step < 1:
        raise ShapeError(f"slice step must be positive, but got {step}; use flip() to go backwards")
    if start < 0 or length < 0 or start > size or (length and last >= size):
        raise IndexRangeError(
            f"start ({start}) + length ({length}) exceeds dimension size ({size}) of dimension {dim} "
            f"of shape {list(input.shape)}, step {step}; give a range within it"
        )
    shape, strides = list(input.shape), list(input.strides)
    shape[dim] = length
    strides[dim] *= step
    return strided(shape, strides, input.dtype), start * input.strides[dim] if length else 0


def _slice_vjp(grad: Tensor, input_layout: Layout, dim: int, start: int, length: int, step: int) -> Tensor:
    return F.slice_backward(grad, input_layout.shape, dim, start, length, step)


def _narrow(input: Layout, dim: int, start: int, length: int) -> View:
    size = input.shape[dim] if input.ndim else 0
    if length < 0:
        raise ShapeError(f"narrow(): length must be non-negative, but got {length}")
    return _slice(input, dim, start + size if start < 0 else start, length, 1)


def _narrow_vjp(grad: Tensor, input_layout: Layout, dim: int, start: int, length: int) -> Tensor:
    start = start + input_layout.shape[dim] if start < 0 else start
    return F.slice_backward(grad, input_layout.shape, dim, start, length, 1)


def _select(input: Layout, dim: int, index: int) -> View:
    if input.ndim == 0:
        raise IndexRangeError("select() cannot be applied to a 0-dim tensor; use .item() to read it")
    size = input.shape[dim]
    if not -size <= index < size:
        raise IndexRangeError(
            f"select(): index {index} out of range for tensor of size {list(input.shape)} at "
            f"dimension {dim}; give one in [{-size}, {size - 1}]"
        )
    shape, strides = list(input.shape), list(input.strides)
    del shape[dim], strides[dim]
    return strided(shape, strides, input.dtype), index % size * input.strides[dim]


def _select_vjp(grad: Tensor, input_layout: Layout, dim: int, index: int) -> Tensor:
    return F.select_backward(grad, input_layout.shape, dim, index)


def _unsqueeze(input: Layout, dim: int) -> View:
    dim = wrap_dim(dim, input.ndim + 1)
    stride = input.shape[dim] * input.strides[dim] if dim < input.ndim else 1
    return strided(
        (*input.shape[:dim], 1, *input.shape[dim:]),
        (*input.strides[:dim], stride, *input.strides[dim:]),
        input.dtype,
    ), 0


def _squeeze(input: Layout, dim: Shape) -> View:
    kept = [i for i, n in enumerate(input.shape) if n != 1 or i not in dim]
    return strided([input.shape[i] for i in kept], [input.strides[i] for i in kept], input.dtype), 0


def _view_back_vjp(grad: Tensor, input_layout: Layout) -> Tensor:
    """Dimensions of size 1 came or went: always a view."""
    return F.view(grad, input_layout.shape)


def _diagonal(input: Layout, offset: int, dim1: int, dim2: int) -> View:
    first, second = wrap_dim(dim1, input.ndim), wrap_dim(dim2, input.ndim)
    if first == second or input.ndim < 2:
        raise ShapeError(
            f"diagonal dimensions cannot be identical {dim1}, {dim2}; shape {list(input.shape)}: name two "
            f"different dimensions"
        )
    rows, columns = input.shape[first], input.shape[second]
    length = max(min(rows, columns - offset) if offset >= 0 else min(rows + offset, columns), 0)
    delta = 0
    if length:
        delta = offset * input.strides[second] if offset >= 0 else -offset * input.strides[first]
    kept = [i for i in range(input.ndim) if i not in (first, second)]
    return strided(
        (*(input.shape[i] for i in kept), length),
        (*(input.strides[i] for i in kept), input.strides[first] + input.strides[second]),
        input.dtype,
    ), delta


def _diagonal_vjp(grad: Tensor, input_layout: Layout, offset: int, dim1: int, dim2: int) -> Tensor:
    return F.diagonal_backward(grad, input_layout.shape, offset, dim1, dim2)


def _unfold(input: Layout, dimension: int, size: int, step: int) -> View:
    length = input.shape[dimension] if input.ndim else 1
    if not 0 <= size <= length:
        raise ShapeError(
            f"maximum size for tensor at dimension {dimension} is {length} but size is {size}; give a "
            f"window of at most {length}"
        )
    if step <= 0:
        raise ShapeError(f"step is {step} but must be > 0")
    if input.ndim == 0:
        return strided((size,), (1,), input.dtype), 0
    shape, strides = list(input.shape), list(input.strides)
    shape[dimension] = (length - size) // step + 1
    strides[dimension] *= step
    return strided((*shape, size), (*strides, input.strides[dimension]), input.dtype), 0


def _unfold_vjp(grad: Tensor, input_layout: Layout, dimension: int, size: int, step: int) -> Tensor:
    if input_layout.ndim == 0:
        return reshape(F.sum(grad, None, False), ())
    return F.unfold_backward(grad, input_layout.shape, dimension, size, step)


def _view_dtype(input: Layout, dtype: dtypes.DType) -> View:
    if dtype.itemsize != input.dtype.itemsize:
        raise DTypeError(
            f"view_dtype: {input.dtype.name} has elements of {input.dtype.itemsize} bytes and "
            f"{dtype.name} of {dtype.itemsize}; give a dtype of the same size, or convert with .to()"
        )
    return with_dtype(input, dtype), 0


def layout_samples(*args: Any, shape: Shape = (4, 6)) -> Iterable[Sample]:
    """The same call on every kind of layout."""
    for layout in ("dense", "transposed", "sliced", "expanded", "offset"):
        yield sample(Input(shape, layout=layout), *args, note=layout)


def _layout_cases(args: Sequence[Any], *calls: tuple[Any, ...], shape: Shape = (4, 6)) -> Any:
    def samples() -> Iterable[Sample]:
        yield from layout_samples(*args, shape=shape)
        yield from cases(*calls)()

    return samples


def _op(schema: str, view: Any, vjp: Any, samples: Any, doc: str, **columns: Any) -> Op:
    return Op(
        schema,
        tier=0,
        family="movement",
        view=view,
        vjp={"input": vjp} if vjp else None,
        autocast="none",
        samples=samples,
        doc=doc,
        **columns,
    )


OPS: tuple[Op, ...] = (
    _op(
        "as_strided(Tensor input, int[] size, int[] stride, int offset=0)",
        _as_strided,
        _as_strided_vjp,
        cases(
            ((12,), (3, 4), (4, 1)),
            ((12,), (3,), (2,), 5),
            ((12,), (5, 4), (1, 2)),
            ((3, 4), (2, 2), (1, 0), 3),
            (Input((4, 6), layout="transposed"), (3, 2), (2, 1)),
            ((4,), (), (), 2),
            ((4,), (0,), (1,)),
            ((4,), (4,), (-1,), 3),
        ),
        "A view with these sizes and strides; offset counts elements from the input's first. Source: "
        "torch.as_strided (whose storage_offset counts from the storage's first).",
        shapes="input [*S] -> [*size]",
    ),
    _op(
        "permute(Tensor input, int[] dims)",
        _permute,
        _permute_vjp,
        _layout_cases(
            ((1, 0),), ((2, 3, 4), (2, 0, 1)), ((2, 3, 4), (-1, 0, -2)), ((), ()), ((0, 3), (1, 0))
        ),
        "The dimensions in another order. Source: torch.permute.",
        errors=error_cases(
            (((2, 3), (0,)), "ShapeError", "is not equal to len(dims) = 1;"),
            (((2, 3), (0, 0)), "IndexRangeError", "multiple times"),
            (((2, 3), (0, 2)), "IndexRangeError", "Dimension out of range"),
        ),
        public="function method sizes",
        shapes="input [*S] -> [S[d] for d in dims]",
    ),
    _op(
        "transpose(Tensor input, int dim0, int dim1)",
        _transpose,
        lambda grad, dim0, dim1: F.transpose(grad, dim0, dim1),
        _layout_cases((0, 1), ((2, 3, 4), 0, -1), ((2, 3), 1, 1), ((), 0, -1)),
        "Two dimensions swapped. Source: torch.transpose.",
        errors=error_cases((((2, 3), 0, 2), "IndexRangeError", "[-2, 1], but got 2")),
        also="swapaxes swapdims",
        public="function method",
        shapes="input [*S] -> [*swapped(S, dim0, dim1)]",
    ),
    _op(
        "movedim(Tensor input, int[] source, int[] destination)",
        _movedim,
        _movedim_vjp,
        cases(
            ((2, 3, 4), (0,), (2,)), ((2, 3, 4), (0, 1), (-1, 0)), ((2, 3, 4), (-1,), (0,)), ((), (0,), (-1,))
        ),
        "Dimensions moved to new places, the others kept in order. Source: torch.movedim.",
        errors=error_cases((((2, 3), (0, 1), (0,)), "ShapeError", "same number of dims")),
        also="moveaxis",
        public="function method",
        shapes="input [*S] -> [*moved(S, source, destination)]",
    ),
    _op(
        "view(Tensor input, int[] shape)",
        _view,
        _reshape_vjp,
        cases(
            ((3, 4), (12,)),
            ((3, 4), (2, -1)),
            ((3, 4), (3, 2, 2)),
            ((), (1, 1)),
            ((1, 1), ()),
            ((0, 3), (3, 0)),
            ((0, 3), (-1, 3)),
            ((2, 1, 3), (6,)),
            (Input((4, 6), layout="sliced"), (4, 2, -1)),
            (Input((4, 6), layout="transposed"), (2, 2, 6)),
            (Input((4, 6), layout="expanded"), (4, 2, 3)),
        ),
        "The same elements under another shape, without a copy. Source: torch.Tensor.view.",
        torch_name="Tensor.view",
        errors=error_cases(
            (((3, 4), (5, 2)), "ShapeError", "shape '[5, 2]' is invalid for input of size 12"),
            (((3, 4), (-1, -1)), "ShapeError", "only one dimension can be inferred"),
            (((0, 3), (-1, 0)), "ShapeError", "is ambiguous"),
        ),
        shapes="input [*S] -> [*shape]",
    ),
    _op(
        "expand(Tensor input, int[] size)",
        _expand,
        _expand_vjp,
        cases(
            ((1, 4), (3, 4)),
            ((4,), (2, 3, 4)),
            ((3, 1), (-1, 5)),
            ((), (2, 2)),
            ((1,), (0,)),
            ((3, 4), (3, 4)),
            (Input((6, 1), layout="transposed"), (6, 3)),
        ),
        "Dimensions of size 1 repeated with stride 0. Source: torch.Tensor.expand.",
        torch_name="Tensor.expand",
        errors=error_cases(
            (((2, 3), (2, 4)), "ShapeError", "must match the existing size (3)"),
            (((2, 3), (3,)), "ShapeError", "number of sizes provided (1)"),
            (((3,), (-1, 3)), "ShapeError", "leading, non-existing dimension 0"),
        ),
        public="method sizes",
        shapes="input [*S] -> [*size]",
    ),
    _op(
        "slice(Tensor input, dim dim, int start, int length, int step=1)",
        _slice,
        _slice_vjp,
        _layout_cases(
            (1, 1, 3, 1),
            ((4, 6), 0, 1, 2),
            ((4, 6), -1, 0, 3, 2),
            ((4, 6), 1, 5, 1, 3),
            ((4, 6), 0, 4, 0),
            ((0, 3), 0, 0, 0),
        ),
        "length elements along dim from start on, every step-th. Source: torch.ops.aten.slice.Tensor, "
        "with the end already worked out.",
        torch_name="narrow",
        errors=error_cases(
            (((4, 6), 1, 4, 3), "IndexRangeError", "start (4) + length (3) exceeds dimension size (6)"),
            (((4, 6), 1, 0, 2, 0), "ShapeError", "step must be positive"),
            (((), 0, 0, 0), "ShapeError", "0-dim"),
        ),
        shapes="input [*A, n at dim, *B] -> [*A, length, *B]",
    ),
    _op(
        "narrow(Tensor input, dim dim, int start, int length)",
        _narrow,
        _narrow_vjp,
        _layout_cases((0, 1, 2), ((4, 6), -1, -2, 2), ((4, 6), 0, 4, 0)),
        "length elements along dim from start on. Source: torch.narrow.",
        errors=error_cases(
            (((4, 6), 1, 4, 3), "IndexRangeError", "exceeds dimension size (6)"),
            (((4, 6), 1, 4, -1), "ShapeError", "non-negative"),
        ),
        public="function method",
        shapes="input [*A, n at dim, *B] -> [*A, length, *B]",
    ),
    _op(
        "select(Tensor input, dim dim, int index)",
        _select,
        _select_vjp,
        _layout_cases((0, 1), ((4, 6), 1, -1), ((2, 3, 4), 1, 2), ((4,), 0, 0)),
        "One index along dim; the dimension goes. Source: torch.select.",
        errors=error_cases(
            (
                ((3, 4), 0, 5),
                "IndexRangeError",
                "index 5 out of range for tensor of size [3, 4] at dimension 0",
            ),
            (((), 0, 0), "IndexRangeError", "0-dim"),
        ),
        public="function method",
        shapes="input [*A, n at dim, *B] -> [*A, *B]",
    ),
    _op(
        "unsqueeze(Tensor input, int dim)",
        _unsqueeze,
        _view_back_vjp,
        _layout_cases((1,), ((2, 3), 0), ((2, 3), 2), ((2, 3), -1), ((2, 3), -3), ((), 0)),
        "A new dimension of size 1. Source: torch.unsqueeze.",
        errors=error_cases((((2, 3), 3), "IndexRangeError", "[-3, 2], but got 3")),
        public="function method",
        shapes="input [*S] -> [*inserted(S, dim, 1)]",
    ),
    _op(
        "squeeze(Tensor input, dims dim=None)",
        _squeeze,
        _view_back_vjp,
        cases(
            ((1, 3, 1), None),
            ((1, 3, 1), 0),
            ((1, 3, 1), (0, 2)),
            ((1, 3, 1), 1),
            ((), None),
            ((0, 1), None),
            (Input((1, 6), layout="transposed"), 0),
        ),
        "Dimensions of size 1 taken away. Source: torch.squeeze.",
        shapes="input [*S] -> [*squeezed(S, dim)]",
    ),
    _op(
        "diagonal(Tensor input, int offset=0, int dim1=0, int dim2=1)",
        _diagonal,
        _diagonal_vjp,
        _layout_cases(
            (), ((3, 4), 1), ((3, 4), -2), ((3, 4), 9), ((2, 3, 4), 0, 0, 2), ((2, 3, 4), 1, -1, -2)
        ),
        "The diagonal of two dimensions as a new last one. Source: torch.diagonal.",
        errors=error_cases((((3, 4), 0, 1, -1), "ShapeError", "cannot be identical 1, -1")),
        public="function method",
        shapes="input [*S] -> [*without(S, dim1, dim2), n]",
    ),
    _op(
        "unfold(Tensor input, dim dimension, int size, int step)",
        _unfold,
        _unfold_vjp,
        _layout_cases(
            (1, 3, 1),
            ((7,), 0, 3, 2),
            ((2, 7, 3), 1, 2, 2),
            ((2, 7, 3), 1, 2, 3),
            ((5,), 0, 5, 1),
            ((), 0, 1, 1),
        ),
        "All windows of size along dimension, step apart, as a new last dimension. Source: "
        "torch.Tensor.unfold.",
        torch_name="Tensor.unfold",
        errors=error_cases(
            (((4,), 0, 5, 1), "ShapeError", "maximum size for tensor at dimension 0 is 4 but size is 5"),
            (((4,), 0, 2, 0), "ShapeError", "step is 0"),
        ),
        public="method",
        shapes="input [*A, n at dimension, *B] -> [*A, (n - size) // step + 1, *B, size]",
    ),
    _op(
        "alias(Tensor input)",
        lambda input: (input, 0),
        lambda grad: grad,
        _layout_cases(()),
        "The tensor itself as a view. Source: torch.ops.aten.alias.",
        torch_name="ops.aten.alias",
    ),
    _op(
        "detach(Tensor input)",
        lambda input: (input, 0),
        None,
        _layout_cases(()),
        "The tensor as a constant: no gradient passes. Source: torch.Tensor.detach.",
        torch_name="Tensor.detach",
    ),
    _op(
        "view_dtype(Tensor input, dtype dtype)",
        _view_dtype,
        None,
        cases(
            (Input((2, 3), dtype="float32"), dtypes.int32),
            (Input((2, 3), dtype="int64"), dtypes.float64),
            (Input((2, 3), dtype="float16"), dtypes.int16),
        ),
        "The same bits read as another dtype of the same size. Source: torch.Tensor.view(dtype).",
        torch_name="Tensor.view",
        errors=lambda: [
            ErrorCase((Input((2,), dtype="float32"), dtypes.int64), "DTypeError", "of the same size")
        ],
    ),
)
