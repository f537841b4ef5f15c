"""Shapes: views, joining, splitting, repeating, in PyTorch's spellings over the table's view ops."""

from __future__ import annotations

from tensorplug_dispatcher import dtypes
from tensorplug_dispatcher.dtypes import DType
from tensorplug_dispatcher.errors import DTypeError, IndexRangeError, ShapeError
from tensorplug_dispatcher.layout import Size, strided
from tensorplug_dispatcher.layout import broadcast_shapes as common_shape
from tensorplug_dispatcher.ops import F
from tensorplug_dispatcher.signatures import wrap_dim
from tensorplug_dispatcher.tensor import TensorBase, view_of

from ._arguments import integer, is_integer, named, several, sizes
from ._public import public
from .later import later

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from ._tensor import Tensor

Quantizer = later("tensorplug_layers.quantization.quantizer", "Quantizer")
quantized_of = later("tensorplug_layers.quantization.quantizer", "made")
stored = later("tensorplug_layers.quantization.quantizer", "stored")


# -- one tensor under another shape --------------------------------------------------------------------------


@public("method", sizes=F.view)
def view(self: Tensor, *size: Any, dtype: DType | None = None, **given: Any) -> Tensor:
    """``x.view(2, -1)``, ``x.view((2, -1))``: the same memory under another shape.
    ``x.view(dtype)``: its bits.

    Raises ShapeError where the strides do not permit it.

    Shapes: [*S] -> [*size] of as many elements; dtypes: any. Source: torch.Tensor.view.
    """
    if dtype is not None or (size and isinstance(size[0], DType)):
        return _view_dtype(self, size[0] if dtype is None else dtype)
    return F.view(self, sizes(named(size, given, "view", "size"), "view"))


def _view_dtype(x: Any, dtype: DType) -> Tensor:
    """The memory under a dtype of another size too: the last dimension shrinks or grows."""
    have, wanted = x.dtype.itemsize, dtype.itemsize
    if x.dtype.stored is not None or dtype.stored is not None:
        return _view_float8(x, dtype)
    if have == wanted:
        return F.view_dtype(x, dtype)
    if x.ndim == 0 or x.layout.strides[-1] != 1:
        raise ShapeError(
            "view(): self.dim() must be at least 1 and self.stride(-1) "
            f"must be 1 to view {x.dtype.name} as {dtype.name} (different element sizes), "
            f"but shape is {list(x.shape)} and strides are {list(x.layout.strides)}; make it contiguous first"
        )
    if wanted > have and (
        x.shape[-1] * have % wanted
        or x.offset * have % wanted
        or any(s * have % wanted for s in x.layout.strides[:-1])
    ):
        raise ShapeError(
            f"view(): sizes and strides of shape {list(x.shape)} must be divisible by "
            f"{wanted // have} to view {x.dtype.name} as {dtype.name}"
        )
    shape = (*x.shape[:-1], x.shape[-1] * have // wanted)
    strides = (*[s * have // wanted for s in x.layout.strides[:-1]], 1)
    made: Any = view_of(x, strided(shape, strides, dtype), x.offset * have // wanted)
    return made


def _view_float8(x: Any, dtype: DType) -> Any:
    """Floats of eight bits as their bytes, bytes as floats of eight bits."""
    if any(d.stored is not None and d not in dtypes.FLOAT8 for d in (x.dtype, dtype)):
        raise DTypeError(
            f"view(): a {x.dtype.name} tensor cannot be seen as {dtype.name}, whose numbers need a scale; "
            f"x.int_repr() gives levels, quantize_per_tensor() makes them"
        )
    levels = x if x.dtype.stored is None else stored(x)
    if dtype.stored is None:
        return view(levels, dtype)
    if levels.dtype.itemsize != 1:
        raise ShapeError(
            f"view(): {x.dtype.name} has elements of {x.dtype.itemsize} bytes and {dtype.name} of 1; "
            "see it as uint8 first"
        )
    return quantized_of(levels, levels.shape, dtype, Quantizer(None))


@public("method")
def view_as(self: Tensor, other: Tensor) -> Tensor:
    """``self`` as a view of the shape of ``other``.

    Shapes: [*S] -> the shape of ``other``; dtypes: any. Source: torch.Tensor.view_as.
    """
    return F.view(self, tuple(other.shape))


@public("function", "method")
def reshape(input: Tensor, *shape: Any, **given: Any) -> Tensor:
    """``input`` under another shape: a view where the strides permit, else a copy.

    Shapes: [*S] -> [*size] of as many elements; dtypes: any. Source: torch.reshape.
    """
    return reshaped(input, sizes(named(shape, given, "reshape", "shape"), "reshape", "shape"))


def reshaped(input: Any, shape: tuple[int, ...]) -> Any:
    """``input`` as ``shape``; that of a dense tensor is always a view, which costs a tenth of the op."""
    return F.view.call((input, shape)) if input.layout.dense else F.reshape(input, shape)


@public("method")
def reshape_as(self: Tensor, other: Tensor) -> Tensor:
    """``self`` reshaped to the shape of ``other``.

    Shapes: [*S] -> the shape of ``other``; dtypes: any. Source: torch.Tensor.reshape_as.
    """
    return reshaped(self, tuple(other.shape))


@public("function", "method")
def t(input: Tensor) -> Tensor:
    """The transpose of a matrix; a vector or a 0-d tensor as it is.

    Shapes: [M, N] -> [N, M]; dtypes: any. Raises ShapeError for sizes that do not fit. Source: torch.t.
    """
    if input.ndim > 2:
        raise ShapeError(
            f"t() expects a tensor with <= 2 dimensions, but self is {input.ndim}D (shape "
            f"{list(input.shape)}); use .mT or transpose()"
        )
    return F.transpose.call((input, 0, 1)) if input.ndim == 2 else F.alias(input)


@public("function", "method")
def adjoint(input: Tensor) -> Tensor:
    """The last two dimensions swapped.

    Shapes: [*S, M, N] -> [*S, N, M]; dtypes: any. Raises ShapeError for sizes that do not fit. Source:
    torch.adjoint.
    """
    if input.ndim < 2:
        raise ShapeError(
            "tensor.mT is only supported on matrices or batches of matrices. Got "
            f"{input.ndim}-D tensor of shape {list(input.shape)}"
        )
    return F.transpose.call((input, input.ndim - 2, input.ndim - 1))


def reverse_dims(input: Tensor) -> Tensor:
    """All dimensions in reverse: ``x.T``."""
    if input.ndim == 2:
        return F.transpose.call((input, 0, 1))
    return F.permute.call((input, tuple(range(input.ndim))[::-1]))


@public("function", "method")
def flatten(input: Tensor, start_dim: int = 0, end_dim: int = -1) -> Tensor:
    """The dimensions from ``start_dim`` to ``end_dim`` (included) as one.

    Shapes: [*A, *D, *B] -> [*A, product of D, *B]; dtypes: any. Raises ShapeError for sizes that do not fit.
    Source: torch.flatten.
    """
    ndim = input.ndim
    if start_dim == 0 and end_dim == -1:
        return input if ndim == 1 else reshaped(input, (input.numel(),))
    if ndim == 0:
        return F.reshape(input, (1,))
    first, last = wrap_dim(start_dim, ndim), wrap_dim(end_dim, ndim)
    if first > last:
        raise ShapeError(
            f"flatten() has invalid args: start_dim ({start_dim}) cannot come after end_dim "
            f"({end_dim}) for shape {list(input.shape)}"
        )
    if first == last:
        return input
    count = 1
    for n in input.shape[first : last + 1]:
        count *= n
    return reshaped(input, (*input.shape[:first], count, *input.shape[last + 1 :]))


@public("function", "method")
def ravel(input: Tensor) -> Tensor:
    """All elements in one dimension; a view where possible.

    Shapes: [*S] -> [product of S]; dtypes: any. Source: torch.ravel.
    """
    return F.reshape(input, (-1,) if input.numel() else (0,))


@public("function", "method")
def unflatten(input: Tensor, dim: int, sizes: Sequence[int]) -> Tensor:
    """Dimension ``dim`` as several of these ``sizes``, of which one may be -1.

    Shapes: [*A, n, *B], n at ``dim`` -> [*A, *sizes, *B]; dtypes: any. Raises ShapeError for sizes that do
    not fit. Source: torch.unflatten.
    """
    place = wrap_dim(dim, input.ndim)
    parts = list(sizes)
    have = input.shape[place]
    known = 1
    for n in parts:
        known *= n if n != -1 else 1
    if -1 in parts and known and have % known == 0:
        parts[parts.index(-1)] = have // known
        known = have
    if known != have:
        raise ShapeError(
            f"unflatten: Provided sizes {list(sizes)} don't multiply up to the size of dim "
            f"{dim} ({have}) in the input tensor of shape {list(input.shape)}"
        )
    return F.view(input, (*input.shape[:place], *parts, *input.shape[place + 1 :]))


@public("function", "method")
def squeeze(input: Tensor, *dim: Any, axis: Any = None, **given: Any) -> Tensor:
    """Without the dimensions of size 1: all, or those that are named.

    Shapes: [*S] -> [*S] without sizes of 1; dtypes: any. Source: torch.squeeze.
    """
    dim = named(dim, given, "squeeze", "dim")
    if not dim:
        return F.squeeze(input, axis)
    places = dim[0] if len(dim) == 1 else dim
    if isinstance(places, (tuple, list)) and not places:
        return F.alias(input)
    return F.squeeze(input, places)


@public("method")
def expand_as(self: Tensor, other: Tensor) -> Tensor:
    """``self`` expanded to the shape of ``other``.

    Shapes: [*S] -> the shape of ``other``; dtypes: any. Source: torch.Tensor.expand_as.
    """
    return F.expand(self, tuple(other.shape))


@public("function", "method")
def broadcast_to(input: Tensor, size: Sequence[int]) -> Tensor:
    """``input`` expanded to ``size``.

    Shapes: [*S] -> [*size]; dtypes: any. Source: torch.broadcast_to.
    """
    return F.expand(input, sizes((size,), "broadcast_to"))


@public("function")
def broadcast_shapes(*shapes: Any) -> Size:
    """The shape that tensors of these shapes broadcast to; raises ShapeError where they do not.

    Source: torch.broadcast_shapes.
    """
    return Size(common_shape(*[several(s) for s in shapes]))


@public("function")
def broadcast_tensors(*tensors: Any) -> tuple[Tensor, ...]:
    """The tensors, all expanded to their common shape.

    Shapes: operands broadcast to the result; dtypes: any. Source: torch.broadcast_tensors.
    """
    given = tensors_of(tensors)
    shape = tuple(common_shape(*[x.shape for x in given]))
    return tuple([F.expand(x, shape) for x in given])


def tensors_of(args: Any) -> tuple[Any, ...]:
    return tuple(args[0]) if len(args) == 1 and isinstance(args[0], (list, tuple)) else tuple(args)


@public("function")
def atleast_1d(*tensors: Any) -> Any:
    """Each tensor with at least 1 dimension.

    Shapes: [] -> [1], others as they are; dtypes: any. Source: torch.atleast_1d.
    """
    return _at_least(tensors, lambda x: F.view(x, (1,)) if x.ndim == 0 else x)


@public("function")
def atleast_2d(*tensors: Any) -> Any:
    """Each tensor with at least 2 dimensions, new ones in front.

    Shapes: [N] -> [1, N], others as they are; dtypes: any. Source: torch.atleast_2d.
    """
    return _at_least(
        tensors, lambda x: F.view(x, (1, 1)) if x.ndim == 0 else F.unsqueeze(x, 0) if x.ndim == 1 else x
    )


@public("function")
def atleast_3d(*tensors: Any) -> Any:
    """Each tensor with at least 3 dimensions.

    Shapes: [M, N] -> [M, N, 1], [N] -> [1, N, 1], others as they are; dtypes: any. Source: torch.atleast_3d.
    """

    def three(x: Any) -> Any:
        if x.ndim == 0:
            return F.view(x, (1, 1, 1))
        if x.ndim == 1:
            return F.unsqueeze(F.unsqueeze(x, 0), 2)
        return F.unsqueeze(x, 2) if x.ndim == 2 else x

    return _at_least(tensors, three)


def _at_least(tensors: tuple[Any, ...], change: Any) -> Any:
    if len(tensors) == 1 and isinstance(tensors[0], TensorBase):
        return change(tensors[0])
    return tuple([change(x) for x in tensors_of(tensors)])


# -- pieces --------------------------------------------------------------------------------------------------


@public("function", "method")
def unbind(input: Tensor, dim: int = 0) -> tuple[Tensor, ...]:
    """The slices along ``dim``, without that dimension.

    Shapes: [*A, n, *B], n at ``dim`` -> n of [*A, *B]; dtypes: any. Raises IndexRangeError for a place that
    is not there. Source: torch.unbind.
    """
    if input.ndim == 0:
        raise IndexRangeError("unbind(): dimension specified as 0 but tensor has no dimensions; use .item()")
    place = wrap_dim(dim, input.ndim)
    return tuple([F.select(input, place, i) for i in range(input.shape[place])])


@public("function", "method")
def split(tensor: Tensor, split_size_or_sections: Any, dim: int = 0) -> tuple[Tensor, ...]:
    """Views of pieces along ``dim``: of one size (the last may be smaller), or of the sizes listed.

    Shapes: [*A, n, *B], n at ``dim`` -> pieces [*A, nᵢ, *B]; dtypes: any. Raises ShapeError for sizes that do
    not fit. Source: torch.split.
    """
    if tensor.ndim == 0:
        raise ShapeError("split expects at least a 1-dimensional tensor; unsqueeze it first")
    place = wrap_dim(dim, tensor.ndim)
    length = tensor.shape[place]
    if isinstance(split_size_or_sections, (list, tuple)):
        parts = [integer(n, "split", "split_sizes") for n in split_size_or_sections]
        if sum(parts) != length or min(parts, default=0) < 0:
            raise ShapeError(
                f"split_with_sizes expects split_sizes to sum exactly to {length} (input "
                f"tensor's size at dimension {dim}), but got split_sizes={parts}"
            )
    else:
        size = integer(split_size_or_sections, "split", "split_size")
        if size < 0 or (size == 0 and length):
            raise ShapeError(
                "split expects split_size be non-negative, and positive where there is something to split, "
                f"but got split_size={size} for a dimension of size {length}"
            )
        parts = [min(size, length - i) for i in range(0, length, size)] if length else [0]
    pieces = []
    start = 0
    for n in parts:
        pieces.append(F.narrow(tensor, place, start, n))
        start += n
    return tuple(pieces)


@public("function", "method")
def chunk(input: Tensor, chunks: int, dim: int = 0) -> tuple[Tensor, ...]:
    """At most ``chunks`` views of equal size along ``dim``; the last may be smaller.

    Shapes: [*A, n, *B], n at ``dim`` -> pieces [*A, nᵢ, *B]; dtypes: any. Raises ShapeError for sizes that do
    not fit. Source: torch.chunk.
    """
    if chunks <= 0:
        raise ShapeError(f"chunk expects `chunks` to be greater than 0, got: {chunks}")
    if input.ndim == 0:
        raise ShapeError("chunk expects at least a 1-dimensional tensor; unsqueeze it first")
    length = input.shape[wrap_dim(dim, input.ndim)]
    if length == 0:
        return split(input, [0] * chunks, dim)
    return split(input, -(-length // chunks), dim)


@public("function", "method")
def tensor_split(input: Tensor, indices_or_sections: Any, dim: int = 0) -> tuple[Tensor, ...]:
    """Views along ``dim``: a number of nearly equal ones, or cut at the indices listed.

    Shapes: [*A, n, *B], n at ``dim`` -> pieces [*A, nᵢ, *B]; dtypes: any. Raises ShapeError for sizes that do
    not fit. Source: torch.tensor_split.
    """
    place = wrap_dim(dim, input.ndim)
    length = input.shape[place] if input.ndim else 1
    if isinstance(indices_or_sections, TensorBase):
        indices_or_sections = indices_or_sections.tolist()
    if is_integer(indices_or_sections):
        if indices_or_sections <= 0:
            raise ShapeError(f"number of sections must be larger than 0, got {indices_or_sections}")
        size, extra = divmod(length, indices_or_sections)
        return split(input, [size + (i < extra) for i in range(indices_or_sections)], dim)
    cuts = [0]
    pieces = []
    for index in (*indices_or_sections, length):
        stop = min(max(index + length if index < 0 else index, 0), length)
        pieces.append(F.narrow(input, place, min(cuts[-1], length), max(stop - cuts[-1], 0)))
        cuts.append(stop)
    return tuple(pieces)


def _check_divides(name: str, input: Any, sections: Any, dim: int) -> None:
    if is_integer(sections) and sections and input.shape[dim] % sections:
        raise ShapeError(
            f"{name} attempted to split along dimension {dim}, "
            f"but the size of the dimension {input.shape[dim]} is not divisible "
            f"by the split_size {sections}; tensor_split() takes any number"
        )


@public("function", "method")
def hsplit(input: Tensor, indices_or_sections: Any) -> tuple[Tensor, ...]:
    """Pieces by column (along dimension 0 for vectors).

    Shapes: [N, M, *S] -> pieces [N, Mᵢ, *S], [N] -> pieces [Nᵢ]; dtypes: any. Raises ShapeError for sizes
    that do not fit. Source: torch.hsplit.
    """
    if input.ndim < 1:
        raise ShapeError("hsplit requires a tensor with at least 1 dimension, but got one with none")
    _check_divides("hsplit", input, indices_or_sections, 0 if input.ndim == 1 else 1)
    return tensor_split(input, indices_or_sections, 0 if input.ndim == 1 else 1)


@public("function", "method")
def vsplit(input: Tensor, indices_or_sections: Any) -> tuple[Tensor, ...]:
    """Pieces by row.

    Shapes: [N, *S] -> pieces [Nᵢ, *S]; dtypes: any. Raises ShapeError for sizes that do not fit. Source:
    torch.vsplit.
    """
    if input.ndim < 2:
        raise ShapeError(
            f"vsplit requires a tensor with at least 2 dimension, but got a tensor with {input.ndim} "
            f"dimensions"
        )
    _check_divides("vsplit", input, indices_or_sections, 0)
    return tensor_split(input, indices_or_sections, 0)


@public("function", "method", out="out")
def diag(input: Tensor, diagonal: int = 0) -> Tensor:
    """``diag``: the diagonal of a matrix as a vector, or the square matrix with a vector as diagonal.

    Shapes: [M, N] -> [n], or [n] -> [n +; dtypes: diagonal|, n + |diagonal|] | any. Raises ShapeError for
    sizes that do not fit. Source: torch.diag.
    """
    if input.ndim == 1:
        return diag_embed(input, diagonal)
    if input.ndim == 2:
        return F.copy(F.diagonal(input, diagonal))
    raise ShapeError(
        f"diag(): Supports 1D or 2D tensors. Got {input.ndim}D (shape {list(input.shape)}); use diagonal()"
    )


@public("function", "method")
def diag_embed(input: Tensor, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Tensor:
    """Matrices with the last dimension of ``input`` on a diagonal, zeros elsewhere.

    Shapes: [*S, n] -> [*S, m, m], m = n +; dtypes: offset| | any. Raises IndexRangeError for a place that is
    not there. Raises ShapeError for sizes that do not fit. Source: torch.diag_embed.
    """
    if not input.ndim:
        raise IndexRangeError("diag_embed(): a tensor with no dimensions has no diagonal; unsqueeze it")
    size = input.shape[-1] + abs(offset)
    ndim = input.ndim + 1
    first, second = wrap_dim(dim1, ndim), wrap_dim(dim2, ndim)
    if first == second:
        raise ShapeError(
            f"diagonal dimensions cannot be identical {dim1}, {dim2}; name two different dimensions"
        )
    shape = list(input.shape[:-1])
    for place in sorted((first, second)):
        shape.insert(place, size)
    return F.diagonal_backward(input, tuple(shape), offset, first, second)


@public("function", "method")
def as_strided(
    input: Tensor, size: Sequence[int], stride: Sequence[int], storage_offset: int | None = None
) -> Tensor:
    """A view with these sizes and strides; ``storage_offset`` counts from the storage's first element.

    Shapes: [*S] -> [*size]; dtypes: any. Raises ShapeError for sizes that do not fit. Source:
    torch.as_strided.
    """
    shape, strides = sizes((size,), "as_strided"), sizes((stride,), "as_strided", "stride")
    source: Any = input
    start = source.offset if storage_offset is None else storage_offset
    if min(strides, default=0) < 0 or start < 0:
        raise ShapeError(
            f"as_strided: Negative strides and offsets are not supported, got strides: {list(strides)} "
            f"and storage_offset {start}; use flip() to go backwards"
        )
    return F.as_strided(input, shape, strides, start - source.offset)


# -- sizes --------------------------------------------------------------------------------------------------


@public("method", names="size")
def size_of(self: Tensor, dim: int | None = None) -> Any:
    """``x.size()``: the shape; ``x.size(dim)``: one size.

    Shapes: any shape; dtypes: any. Source: torch.Tensor.size.
    """
    shape = self.shape
    if dim is None:
        return shape
    if not -self.ndim <= dim < self.ndim:
        _no_such_dim(self, dim)
    return shape[dim]


@public("method", names="stride")
def stride_of(self: Tensor, dim: int | None = None) -> Any:
    """``x.stride()``: the strides in elements; ``x.stride(dim)``: one of them.

    Shapes: any shape; dtypes: any. Source: torch.Tensor.stride.
    """
    strides = self.layout.strides
    if dim is None:
        return strides
    if not -self.ndim <= dim < self.ndim:
        _no_such_dim(self, dim)
    return strides[dim]


def _no_such_dim(x: Any, dim: int) -> None:
    if x.ndim == 0:
        raise IndexRangeError(f"Dimension specified as {dim} but tensor has no dimensions")
    raise IndexRangeError(
        f"Dimension out of range (expected to be in range of [{-x.ndim}, {x.ndim - 1}], but got {dim})"
    )
