"""``x[index]`` and ``x[index] = value``: one strided view for the basic part,
then one gather for tensor indices.

Semantics are PyTorch's (https://pytorch.org/docs/stable/tensor_view.html and NumPy's advanced indexing, save
that a Python int beside tensor indices selects first and takes no part in their placement).
"""

from __future__ import annotations

import operator
from contextlib import suppress

from tensorplug_dispatcher.context import context
from tensorplug_dispatcher.dtypes import BOOL, INTEGER, int32, int64, uint8
from tensorplug_dispatcher.errors import DTypeError, IndexRangeError, ShapeError, SignatureError
from tensorplug_dispatcher.keys import LAYER_MASK
from tensorplug_dispatcher.layout import broadcast_shapes
from tensorplug_dispatcher.ops import F
from tensorplug_dispatcher.tensor import TensorBase

from ._arguments import check_fits
from ._creation import as_tensor, tensor

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ._tensor import Tensor


class View:
    """Basic indexing as it goes on: the steps taken, and the shape, strides and offset reached so far."""

    __slots__ = ("dim", "masked", "offset", "shape", "source", "steps", "strides", "tensors")

    def __init__(self, source: Tensor) -> None:
        self.source = source
        self.shape = list(source.shape)
        self.strides = list(source.layout.strides)
        self.offset = 0
        self.dim = 0  # the dimension of the result that the next item indexes
        self.steps: list[tuple[Any, tuple[Any, ...]]] = []
        self.tensors: list[Any] = []  # tensor indices by dimension of the result, None where there is none
        self.masked = False  # whether a mask gave the last of them

    def select(self, index: int) -> None:
        dim = self.dim
        if not self.shape:
            raise IndexRangeError(
                "invalid index of a 0-dim tensor. Use `tensor.item()` to convert a 0-dim tensor to a number"
            )
        size = self.shape[dim]
        if not -size <= index < size:
            raise IndexRangeError(
                f"index {index} is out of bounds for dimension {self.source_dim()} with size {size}"
            )
        if index < 0:
            index += size
        self.offset += index * self.strides[dim]
        del self.shape[dim], self.strides[dim]
        self.steps.append((F.select, (dim, index)))

    def source_dim(self) -> int:
        """The dimension of the indexed tensor that is indexed now, for messages."""
        return self.source.ndim - (len(self.shape) - self.dim)

    def slice(self, index: slice) -> None:
        dim = self.dim
        size = self.shape[dim]
        step = 1 if index.step is None else operator.index(index.step)
        if step <= 0:
            raise ValueError(
                f"step must be greater than zero, but the step of {index} is {step}; use flip() "
                "to reverse a dimension"
            )
        start, stop, _ = index.indices(size)
        self.dim = dim + 1
        length = max(0, (stop - start + step - 1) // step)
        if length == size and step == 1:
            return
        self.offset += start * self.strides[dim] if length else 0
        self.shape[dim] = length
        self.strides[dim] *= step
        self.steps.append((F.slice, (dim, start if length else 0, length, step)))

    def insert(self) -> None:
        dim = self.dim
        stride = self.shape[dim] * self.strides[dim] if dim < len(self.shape) else 1
        self.shape.insert(dim, 1)
        self.strides.insert(dim, stride)
        self.steps.append((F.unsqueeze, (dim,)))
        self.dim = dim + 1

    def record(self, index: Any) -> None:
        """A tensor index for the current dimension, and as many more as a mask has."""
        if index.dtype.kind == BOOL or index.dtype is uint8:
            self.check_mask(index)
            self.masked = True
            mask = index.detach() if index.dtype.kind == BOOL else F.ne(index, 0)
            columns = F.nonzero(mask, int(F.count_nonzero(mask).item()))
            indices = [F.select(columns, 1, i) for i in range(index.ndim)]
        elif index.dtype is int64 or index.dtype is int32:
            indices = [index]
        else:
            raise IndexRangeError(
                "tensors used as indices must be long, int, byte or bool tensors, but one "
                f"has dtype {index.dtype.name}; convert it with .long()"
            )
        self.tensors.extend([None] * (self.dim - len(self.tensors)))
        self.tensors.extend(indices)
        self.dim += len(indices)

    def check_mask(self, mask: Any) -> None:
        for i, n in enumerate(mask.shape):
            dim = self.dim + i
            if dim >= len(self.shape) or self.shape[dim] != n:
                raise IndexRangeError(
                    f"The shape of the mask {list(mask.shape)} at index {i} does not match "
                    f"the shape of the indexed tensor {self.shape} at index {dim}"
                )

    def flag(self, value: bool) -> None:
        """A 0-d mask: a new dimension of size 1, or 0 where it is False."""
        self.insert()
        self.dim -= 1
        self.tensors.extend([None] * (self.dim - len(self.tensors)))
        self.tensors.append(F.fill((1 if value else 0,), 0, int64, device=self.source.device))
        self.dim += 1

    def result(self) -> Tensor:
        """The basic part as a view of the source."""
        source: Any = self.source
        if not self.steps:
            return F.alias(source)
        if len(self.steps) > 1 and not (source.key_bits | context().included) & LAYER_MASK:
            return F.as_strided(source, tuple(self.shape), tuple(self.strides), self.offset)
        for function, arguments in self.steps:
            source = function(source, *arguments)
        return source


def is_sequence(value: object) -> bool:
    return isinstance(value, (list, tuple, range))


def as_items(index: Any) -> tuple[Any, ...]:
    """The items of an index. A list that holds slices, sequences, tensors, None or ...
    is a tuple, as in PyTorch.
    """
    if type(index) is tuple:
        return index
    if isinstance(index, (list, range)) and len(index) < 32:
        for item in index:
            if item is None or item is ... or isinstance(item, (slice, TensorBase)) or is_sequence(item):
                return tuple(index)
        if isinstance(index, range):
            return (list(index),)
    return (index,)


def consumed(item: Any) -> int:
    """How many dimensions of the source an item takes."""
    if item is None or item is ... or item is True or item is False:
        return 0
    if isinstance(item, TensorBase) and (item.dtype.kind == BOOL or item.dtype is uint8):
        return item.ndim
    return 1


def as_index_tensor(item: Any, device: Any) -> Any:
    """A list or array as a tensor on ``device``; an empty one is int64."""
    if is_sequence(item) and len(item) == 0:
        return tensor(list(item), dtype=int64, device=device)
    made = tensor(item, device=device)
    if is_sequence(item) and made.dtype.kind == INTEGER:  # of NumPy's narrow integers
        made = F.cast(made, int64)
    return made


def resolve(source: Tensor, index: Any) -> View:
    """Apply the basic parts of ``index``; tensor indices are recorded."""
    items = list(as_items(index))
    device = source.device
    for i, item in enumerate(items):
        if is_sequence(item) or hasattr(item, "__array_interface__") and not isinstance(item, TensorBase):
            if getattr(item, "ndim", 1) == 0:
                items[i] = bool(item) if item.dtype.kind == "b" else operator.index(item)
            else:
                items[i] = as_index_tensor(item, device)
    count = 0
    for item in items:
        count += consumed(item)
    if count > source.ndim:
        if source.ndim == 0 and len(items) == 1 and not isinstance(items[0], slice):
            raise IndexRangeError(
                "invalid index of a 0-dim tensor. Use `tensor.item()` to convert a 0-dim tensor to a number"
            )
        raise IndexRangeError(
            f"too many indices for tensor of dimension {source.ndim}: {count} dimensions are indexed"
        )
    view = View(source)
    for item in items:
        kind = type(item)
        if kind is int:
            view.select(item)
        elif kind is slice:
            view.slice(item)
        elif item is None:
            view.insert()
        elif item is ...:
            view.dim += source.ndim - count
        elif kind is bool:
            view.flag(item)
        elif isinstance(item, TensorBase):
            if item.ndim == 0 and item.dtype.kind == INTEGER and item.dtype is not uint8:
                view.select(int(item.item()))
            elif item.ndim == 0 and item.dtype.kind != INTEGER and item.dtype.kind == BOOL:
                view.flag(bool(item.item()))
            else:
                view.record(item)
        elif hasattr(item, "__index__"):
            view.select(operator.index(item))
        elif kind is str:
            raise SignatureError(f"new(): invalid data type 'str': {item!r} is no index")
        else:
            raise IndexRangeError(
                "only integers, slices (`:`), ellipsis (`...`), None and long or byte "
                f"Variables are valid indices (got {kind.__name__})"
            )
    return view


def prepare_indices(view: View) -> tuple[list[Any], bool]:
    """The tensor indices broadcast together, on the source's device;
    whether they stand in neighbouring dimensions.
    """
    present = [t for t in view.tensors if t is not None]
    device = view.source.device
    try:
        shape = broadcast_shapes(*[t.shape for t in present])
    except ShapeError:
        shapes = ", ".join(str(list(t.shape)) for t in present)
        raise IndexRangeError(
            f"shape mismatch: indexing tensors could not be broadcast together with shapes {shapes}"
        ) from None
    indices: list[Any] = []
    for t in view.tensors:
        if t is None:
            indices.append(None)
            continue
        if t.device is not device:
            t = t.to(device)
        indices.append(t if t.shape == shape else F.expand(t, tuple(shape)))
    places = [i for i, t in enumerate(indices) if t is not None]
    return indices, places[-1] - places[0] + 1 == len(places)


def moved_to_front(view: View) -> tuple[Tensor, list[Any], bool]:
    """The basic part with its indexed dimensions first, the indices for them,
    and whether they were neighbours.
    """
    basic = view.result()
    indices, adjacent = prepare_indices(view)
    places = [i for i, t in enumerate(indices) if t is not None]
    if places != list(range(len(places))):
        rest = [i for i in range(basic.ndim) if i not in places]
        basic = F.permute(basic, (*places, *rest))
    return basic, [indices[i] for i in places], adjacent


def restore_order(result: Tensor, first: int, width: int) -> Tensor:
    """Move the leading ``width`` dimensions of the gathered result to where the first tensor index stood."""
    if first == 0 or width == 0:
        return result
    order = (*range(width, width + first), *range(width), *range(width + first, result.ndim))
    return F.permute(result, order)


def plain_view(tensor: Any, index: Any) -> Any:
    """The view for a slice, or a tuple of ints, slices, None and one ``...``, in one pass; None for all else.

    Where a layer listens it is made of ``select``, ``slice`` and ``unsqueeze``, whose derivatives are cheap.
    """
    if type(index) is not tuple:
        if type(index) is not slice:
            return None
        index = (index,)
    layout = tensor.layout
    shape, strides = layout.shape, layout.strides
    ndim = len(shape)
    listened = (tensor.key_bits | context().included) & LAYER_MASK
    made = tensor
    offset = dim = 0
    sizes: list[int] = []
    steps: list[int] = []
    for number, item in enumerate(index):
        if item is None:
            sizes.append(1)
            steps.append(shape[dim] * strides[dim] if dim < ndim else 1)
            if listened:
                made = F.unsqueeze.call((made, len(sizes) - 1))
            continue
        if item is ...:
            rest = index[number + 1 :]
            last = ndim - len(rest)
            for other in rest:
                if other is ...:
                    return None
                last += other is None
            if last < dim:
                return None
            sizes += shape[dim:last]
            steps += strides[dim:last]
            dim = last
            continue
        if dim >= ndim:
            return None
        size, stride = shape[dim], strides[dim]
        dim += 1
        if type(item) is int:
            if not -size <= item < size:
                return None
            item = item + size if item < 0 else item
            offset += item * stride
            if listened:
                made = F.select.call((made, len(sizes), item))
        elif type(item) is slice:
            start, stop, step = item.indices(size)
            if step < 1:
                return None
            length = (stop - start + step - 1) // step if stop > start else 0
            start = start if length else 0
            offset += start * stride
            sizes.append(length)
            steps.append(stride * step)
            if listened and (length != size or step != 1):
                made = F.slice.call((made, len(sizes) - 1, start, length, step))
        else:
            return None
    if listened:
        return F.alias(tensor) if made is tensor else made
    sizes += shape[dim:]
    steps += strides[dim:]
    return F.as_strided.call((tensor, tuple(sizes), tuple(steps), offset))


def getitem(tensor: Tensor, index: Any) -> Tensor:
    """``tensor[index]``; raises IndexRangeError (an IndexError) for what lies outside."""
    if type(index) is slice:
        shape = tensor.shape
        if shape:
            start, stop, step = index.indices(shape[0])
            if step > 0:
                length = (stop - start + step - 1) // step if stop > start else 0
                return F.slice.call((tensor, 0, start if length else 0, length, step))
    elif type(index) is tuple:
        made = plain_view(tensor, index)
        if made is not None:
            return made
    if isinstance(index, TensorBase) and index.dtype is int64 and index.ndim and tensor.ndim:
        if index.device is tensor.device:
            with suppress(IndexRangeError):  # said below, with the index
                return F.index.call((tensor, (index,)))
    view = resolve(tensor, index)
    if not view.tensors:
        return view.result()
    front, indices, adjacent = moved_to_front(view)
    try:
        result = F.index(front, indices)
    except IndexRangeError as error:
        raise _out_of_bounds(error, view) from None
    if not adjacent:
        return result
    first = next(i for i, t in enumerate(view.tensors) if t is not None)
    return restore_order(result, first, indices[0].ndim)


def setitem(tensor: Tensor, index: Any, value: Any) -> None:
    """``tensor[index] = value``, with ``value`` a number or a tensor that broadcasts to the place."""
    if isinstance(index, TensorBase) and isinstance(value, TensorBase) and index.dtype is int64:
        here = value.device is tensor.device and index.device is tensor.device
        alike = here and value.dtype is tensor.dtype
        if alike and index.ndim and tensor.ndim and value.ndim <= index.ndim + tensor.ndim - 1:
            with suppress(IndexRangeError):  # said below, with the index
                F.index_put.call_into((tensor, (index,), value, False), (tensor,))
                return
    target: Any = plain_view(tensor, (index,) if type(index) is int else index)
    view = resolve(tensor, index) if target is None else None
    number = not isinstance(value, TensorBase)
    if not isinstance(value, TensorBase):
        if hasattr(value, "__array_interface__"):
            value = as_tensor(value, dtype=tensor.dtype, device=tensor.device)
            number = False
        elif not isinstance(value, (int, float)):
            if isinstance(value, complex) or not hasattr(value, "__float__"):
                raise SignatureError(
                    f"can't assign a {type(value).__name__} to a tensor of dtype "
                    f"{tensor.dtype.name}; assign a number or a tensor"
                )
            value = float(value)
    if view is None or not view.tensors:
        target = target if view is None else view.result()
        if number:
            target.fill_(value)
        else:
            target.copy_(_strip_leading_ones(value, target.ndim))
        return
    put(view, value, number, False)


def put(view: View, value: Any, number: bool, accumulate: bool) -> None:
    """Write ``value`` through the view's tensor indices."""
    tensor = view.source
    front, indices, adjacent = moved_to_front(view)
    width = indices[0].ndim
    shape = (*indices[0].shape, *tuple(front.shape)[len(indices) :])
    if number:
        check_fits("index_put_", value, tensor.dtype)
        value = F.fill((), value, tensor.dtype, device=tensor.device)
    else:
        first = next(i for i, t in enumerate(view.tensors) if t is not None) if adjacent else 0
        placed = (*shape[width : width + first], *shape[:width], *shape[width + first :])
        value = _strip_leading_ones(value, len(placed))
        if value.device is not tensor.device and value.ndim == 0:
            value = value.to(tensor.device)
        if value.dtype is not tensor.dtype:
            if value.ndim or not view.masked:
                raise DTypeError(
                    f"Index put requires the source and destination dtypes match, got {tensor.dtype.name} "
                    f"for the destination and {value.dtype.name} for the source; convert it with .to()"
                )
            value = F.cast(value, tensor.dtype)
        try:
            value = F.expand(value, placed) if tuple(value.shape) != placed else value
        except ShapeError:
            raise ShapeError(
                f"shape mismatch: value tensor of shape {list(value.shape)} cannot be broadcast "
                f"to indexing result of shape {list(placed)}"
            ) from None
        if first:
            value = F.permute(
                value, (*range(first, first + width), *range(first), *range(first + width, len(placed)))
            )
    if tuple(value.shape) != shape:
        value = F.expand(value, shape)
    try:
        F.index_put.call_into((front, tuple(indices), value, accumulate), (front,))
    except IndexRangeError as error:
        raise _out_of_bounds(error, view) from None


def _strip_leading_ones(value: Any, ndim: int) -> Tensor:
    extra = value.ndim - ndim
    if extra > 0 and all(n == 1 for n in value.shape[:extra]):
        return (
            F.view(value, tuple(value.shape)[extra:])
            if value.layout.dense
            else F.reshape(value, tuple(value.shape)[extra:])
        )
    return value


def _out_of_bounds(error: IndexRangeError, view: View) -> IndexRangeError:
    """The error with the offending value, looked for only now."""
    for dim, index in enumerate(view.tensors):
        if index is None or index.numel() == 0:
            continue
        size = view.shape[dim]
        low, high = int(F.amin(index).item()), int(F.amax(index).item())
        if high >= size or low < -size:
            return IndexRangeError(
                f"index {high if high >= size else low} is out of bounds for dimension {dim} with size {size}"
            )
    return error
