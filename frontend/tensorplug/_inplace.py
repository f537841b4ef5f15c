"""Writing into tensors: ``copy_``, ``fill_``, random fills, and changes of shape in place."""

from __future__ import annotations

import math

from tensorplug_dispatcher import dtypes
from tensorplug_dispatcher.dtypes import BOOL, FLOATING
from tensorplug_dispatcher.errors import DTypeError, InplaceError, ShapeError, SignatureError
from tensorplug_dispatcher.layout import dense, non_overlapping_dense, strided
from tensorplug_dispatcher.ops import F
from tensorplug_dispatcher.tensor import TensorBase, empty, view_of

from . import random
from ._arguments import check_fits, shape_argument
from ._public import public, recording
from ._shape import as_strided, squeeze
from .later import later

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ._tensor import Tensor

copy_into = later("tensorplug_layers.quantization.quantizer", "copy_into")


@public("method")
def copy_(self: Tensor, src: Any, non_blocking: bool = False) -> Tensor:
    """Write ``src``, moved, converted and broadcast as needed, over ``self``; gradients flow to ``src``.

    Shapes: [*S], changed in place, src broadcasts to it; dtypes: any. Raises SignatureError for arguments
    that do not go together. Source: torch.Tensor.copy_.
    """
    if not isinstance(src, TensorBase):
        raise SignatureError(
            f"copy_(): argument 'src' must be a Tensor, not {type(src).__name__}; use fill_() for numbers"
        )
    source: Any = src
    if self.dtype.stored is not None or source.dtype.stored is not None:
        copy_into(self, source)
        self.storage.version += 1
        return self
    if source.dtype is not self.dtype:
        source = F.cast(source, self.dtype)
    if source.device is not self.device:
        source = F.to_device(source, self.device)
    if source.shape != self.shape:
        source = F.expand(source, tuple(self.shape))
    if source.storage is self.storage:
        check_overlap(self, source)
    if recording(self, source):
        return F.assign.inplace(self, source)
    F.copy.call_into((source,), (self,))
    return self


def check_overlap(target: Any, source: Any) -> None:
    """Raise InplaceError where two gapless regions of one storage meet in part (PyTorch's
    ``assert_no_overlap``).
    """
    if not non_overlapping_dense(target.layout) or not non_overlapping_dense(source.layout):
        return
    if target.layout is source.layout and target.offset == source.offset:
        return
    if target.offset < source.offset + source.numel() and source.offset < target.offset + target.numel():
        raise InplaceError(
            f"unsupported operation: some elements of the input tensor (shape {list(source.shape)}, "
            f"offset {source.offset}) and the written-to tensor (shape {list(target.shape)}, "
            f"offset {target.offset}) refer to a single memory location. Please clone() "
            "the tensor before performing the operation."
        )


@public("method")
def fill_(self: Tensor, value: Any) -> Tensor:
    """Set every element to ``value``, a number or a 0-d tensor.

    Shapes: [*S], changed in place; dtypes: any. Raises ShapeError for sizes that do not fit. Source:
    torch.Tensor.fill_.
    """
    if isinstance(value, TensorBase):
        if value.ndim:
            raise ShapeError(
                f"fill_ only supports 0-dimension value tensor but got tensor with {value.ndim} "
                f"dimensions (shape {list(value.shape)}); use copy_()"
            )
        copy_(_without_repeats(self), value)
        return self
    check_fits("fill_", value, self.dtype)
    target = _without_repeats(self)
    if recording(self):
        F.assign.inplace(target, F.fill((), value, self.dtype, device=self.device))
    else:
        F.fill.call_into((target.shape, value, self.dtype, self.device), (target,))
    return self


def _without_repeats(self: Any) -> Any:
    """``self``, or a view of it that has each element of expanded dimensions once."""
    if self.layout.dense:
        return self
    target = self
    for dim, (size, stride) in enumerate(zip(self.shape, self.layout.strides, strict=True)):
        if stride == 0 and size > 1:
            target = F.narrow(target, dim, 0, 1)
    return target


@public("method")
def zero_(self: Tensor) -> Tensor:
    """Set every element to 0.

    Shapes: [*S], changed in place; dtypes: any. Source: torch.Tensor.zero_.
    """
    if self.requires_grad or not self.layout.dense:
        return fill_(self, 0)
    F.fill.call_into((self.shape, 0, self.dtype, self.device), (self,))
    return self


@public("method")
def fill_diagonal_(self: Tensor, fill_value: float, wrap: bool = False) -> Tensor:
    """Set the main diagonal of a matrix (or of a tensor whose sizes are all equal).

    Shapes: [M, N] or [N, ..., N], changed in place; dtypes: any. Raises ShapeError for sizes that do not fit.
    Source: torch.Tensor.fill_diagonal_.
    """
    if self.ndim < 2 or (self.ndim > 2 and len(set(self.shape)) != 1):
        raise ShapeError(
            "fill_diagonal_: dimensions must larger than 1, and all of equal length beyond "
            f"two, but the shape is {list(self.shape)}"
        )
    step = sum(self.layout.strides)
    length = min(self.shape)
    rows, columns = self.shape[0], self.shape[1]
    if wrap and self.ndim == 2 and rows > columns + 1:
        for start in range(0, rows, columns + 1):
            part = F.narrow(self, 0, start, min(columns, rows - start))
            F.diagonal(part).fill_(fill_value)
        return self
    F.as_strided(self, (length,), (step,), 0).fill_(fill_value)
    return self


# -- random --------------------------------------------------------------------------------------------------


def _floating(self: Any, name: str) -> Any:
    if self.dtype.kind != FLOATING:
        raise DTypeError(
            f'{name}: "{name}" not implemented for {self.dtype.name!r}; it fills floating-point tensors'
        )
    return self


@public("method")
def uniform_(
    self: Tensor, *args: float, generator: random.Generator | None = None, **bounds: float
) -> Tensor:
    """``uniform_(from=0, to=1)``: fill with uniform numbers in [from, to).

    Shapes: [*S], changed in place; dtypes: floating. Raises ShapeError for sizes that do not fit. Raises
    SignatureError for arguments that do not go together. Source: torch.Tensor.uniform_.
    """
    low, high = (*args, *(0.0, 1.0)[len(args) :])
    low, high = bounds.pop("from", low), bounds.pop("to", high)
    if bounds:
        raise SignatureError(f"uniform_() got an unexpected keyword argument {next(iter(bounds))!r}")
    if low > high:
        raise ShapeError(f"uniform_ expects to return a [from, to) range, but found from={low} > to={high}")
    made = random.uniform(tuple(self.shape), _floating(self, "uniform_").dtype, self.device, generator)
    if (low, high) != (0, 1):
        made = F.add(F.mul(made, high - low), low)
    return copy_(self, made)


@public("method")
def normal_(
    self: Tensor, mean: float = 0.0, std: float = 1.0, *, generator: random.Generator | None = None
) -> Tensor:
    """Fill with normal numbers.

    Shapes: [*S], changed in place; dtypes: floating. Raises ShapeError for sizes that do not fit. Source:
    torch.Tensor.normal_.
    """
    if not std >= 0:
        raise ShapeError(f"normal_ expects std >= 0.0, but found std {std}")
    made = random.standard_normal(tuple(self.shape), _floating(self, "normal_").dtype, self.device, generator)
    if std != 1:
        made = F.mul(made, std)
    return copy_(self, F.add(made, mean) if mean else made)


@public("method")
def exponential_(self: Tensor, lambd: float = 1.0, *, generator: random.Generator | None = None) -> Tensor:
    """Fill with numbers of the exponential distribution of rate ``lambd``.

    Shapes: [*S], changed in place; dtypes: floating. Raises ShapeError for sizes that do not fit. Source:
    torch.Tensor.exponential_.
    """
    if not lambd > 0:
        raise ShapeError(f"exponential_ expects lambda > 0.0, but found lambda={lambd}")
    made = random.uniform(tuple(self.shape), _floating(self, "exponential_").dtype, self.device, generator)
    return copy_(self, F.div(F.neg(F.log1p(F.neg(made))), lambd))


@public("method")
def log_normal_(
    self: Tensor, mean: float = 1.0, std: float = 2.0, *, generator: random.Generator | None = None
) -> Tensor:
    """Fill with numbers whose logarithm is normal.

    Shapes: [*S], changed in place; dtypes: floating. Source: torch.Tensor.log_normal_.
    """
    made = random.standard_normal(
        tuple(self.shape), _floating(self, "log_normal_").dtype, self.device, generator
    )
    return copy_(self, F.exp(F.add(F.mul(made, std), mean)))


@public("method")
def random_(self: Tensor, *args: int, generator: random.Generator | None = None, **bounds: int) -> Tensor:
    """``random_(from=0, to)``: fill with whole numbers in [from, to);
    by default all that the dtype holds exactly.

    Shapes: [*S], changed in place; dtypes: any. Raises SignatureError for arguments that do not go together.
    Source: torch.Tensor.random_.
    """
    low, high = (args[0], args[1]) if len(args) > 1 else (0, args[0] if args else None)
    low, high = bounds.pop("from", low), bounds.pop("to", high)
    if bounds:
        raise SignatureError(f"random_() got an unexpected keyword argument {next(iter(bounds))!r}")
    if high is None:
        if self.dtype.kind == FLOATING:
            high = int(2 / self.dtype.eps) + 1
        else:
            high = 2 if self.dtype.kind == BOOL else min(int(self.dtype.max) + 1, (1 << 63) - 1)
    wide = self.dtype if self.dtype.kind not in (BOOL, FLOATING) else dtypes.int64
    return copy_(self, random.integers(low, high, tuple(self.shape), wide, self.device, generator))


@public("method")
def bernoulli_(self: Tensor, p: Any = 0.5, *, generator: random.Generator | None = None) -> Tensor:
    """Fill with 1 with probability ``p`` (a number or a tensor), else 0.

    Shapes: [*S], changed in place; dtypes: any. Source: torch.Tensor.bernoulli_.
    """
    if isinstance(p, TensorBase):
        return copy_(self, random.bernoulli(F.expand(p, tuple(self.shape)), generator=generator))
    return copy_(self, random.bernoulli(self, p, generator=generator))


# -- shape in place ------------------------------------------------------------------------------------------


def _become(self: Any, name: str, view: Any) -> Any:
    """Point ``self`` at a view of itself; refused where autograd would have to know."""
    if self.grad_fn is not None or self.requires_grad or self._base is not None and recording(self):
        raise InplaceError(
            f"{name}() on a tensor that requires grad (shape {list(self.shape)}) is not "
            f"supported; use {name[:-1]}()"
        )
    self.become(view)
    return self


@public("method")
def squeeze_(self: Tensor, *dim: Any, axis: Any = None) -> Tensor:
    """Drop dimensions of size 1, in place.

    Shapes: [*S] -> [*S] without sizes of 1, in place; dtypes: any. Source: torch.Tensor.squeeze_.
    """
    return _become(self, "squeeze_", squeeze(self.detach(), *dim, axis=axis))


@public("method")
def unsqueeze_(self: Tensor, dim: int) -> Tensor:
    """Insert a dimension of size 1, in place.

    Shapes: [*S] -> [*S] with a 1 at ``dim``, in place; dtypes: any. Source: torch.Tensor.unsqueeze_.
    """
    return _become(self, "unsqueeze_", F.unsqueeze(self.detach(), dim))


@public("method", names="transpose_ swapaxes_ swapdims_")
def transpose_(self: Tensor, dim0: int, dim1: int) -> Tensor:
    """Swap two dimensions, in place.

    Shapes: [*S] -> [*S] with two sizes swapped, in place; dtypes: any. Source: torch.Tensor.transpose_.
    """
    return _become(self, "transpose_", F.transpose(self.detach(), dim0, dim1))


@public("method")
def t_(self: Tensor) -> Tensor:
    """Transpose a matrix in place.

    Shapes: [M, N] -> [N, M], in place; dtypes: any. Source: torch.Tensor.t_.
    """
    return self if self.ndim < 2 else _become(self, "t_", F.transpose(self.detach(), 0, 1))


@public("method")
def as_strided_(self: Tensor, size: Any, stride: Any, storage_offset: int | None = None) -> Tensor:
    """Other sizes and strides, in place.

    Shapes: [*S] -> [*size], in place; dtypes: any. Source: torch.Tensor.as_strided_.
    """
    return _become(self, "as_strided_", as_strided(self.detach(), size, stride, storage_offset))


@public("method")
def resize_(self: Any, *size: Any) -> Tensor:
    """Another shape in place, dense; new elements, if any, are undefined.

    Shapes: [*S] -> [*size], in place; dtypes: any. Raises InplaceError where the memory cannot be changed.
    Source: torch.Tensor.resize_.
    """
    shape = shape_argument(size, "resize_")
    if tuple(self.shape) == shape:
        return self
    if self.requires_grad:
        raise InplaceError("cannot resize variables that require grad; use reshape() or detach() first")
    count = math.prod(shape)
    end = (self.offset + count) * self.dtype.itemsize
    if end <= self.storage.nbytes:  # there is room in its block
        self.storage.extent = max(self.storage.extent, end)
        self.become(view_of(self, dense(shape, self.dtype), self.offset))
        return self
    bigger: Any = empty(dense(shape, self.dtype), self.device)
    if self.numel():
        flat = view_of(bigger, dense((self.numel(),), self.dtype), 0)
        F.copy.call_into((F.reshape(self.detach(), (self.numel(),)),), (flat,))
    self.become(bigger)
    return self


@public("method")
def resize_as_(self: Tensor, other: Tensor) -> Tensor:
    """The shape of ``other``, in place.

    Shapes: [*S] -> the shape of ``other``, in place; dtypes: any. Source: torch.Tensor.resize_as_.
    """
    return resize_(self, tuple(other.shape))


@public("method")
def set_(self: Any, source: Tensor | None = None) -> Tensor:
    """Share the memory of ``source``; without one, become empty.

    Shapes: [*S] -> the shape of ``source``, in place; dtypes: any. Source: torch.Tensor.set_.
    """
    self.become(empty(dense((0,), self.dtype), self.device) if source is None else source)
    return self


def set_data(self: Any, value: Tensor) -> None:
    """``self.data = value``: share the memory of ``value``; history and hooks stay."""
    check_data(self, value)
    self.become(value)


def check_data(self: Tensor, value: Tensor) -> None:
    """Raise SignatureError or DTypeError for what cannot become a tensor's data."""
    if not isinstance(value, TensorBase):
        raise SignatureError(f"Variable data has to be a tensor, but got {type(value).__name__}")
    if self.requires_grad and value.dtype.kind != FLOATING:
        raise DTypeError(
            f"data set to a tensor that requires gradients must be floating point, not {value.dtype.name}"
        )


@public("function")
def detach(input: Tensor) -> Tensor:
    """The same memory with no history.

    Shapes: [*S] -> [*S]; dtypes: any. Source: torch.detach.
    """
    return input.detach()


@public("method")
def contiguous(self: Tensor, memory_format: Any = None) -> Tensor:
    """``self`` where it is dense and row-major, else a dense copy.

    Shapes: [*S] -> [*S]; dtypes: any. Source: torch.Tensor.contiguous.
    """
    return self if self.layout.dense else F.copy(self)


@public("function", "method")
def clone(input: Tensor, *, memory_format: Any = None) -> Tensor:
    """A copy with memory of its own; gradients flow through. Strides of dense permuted tensors are kept.

    Shapes: [*S] -> [*S]; dtypes: any. Source: torch.clone.
    """
    layout = input.layout
    if layout.dense or memory_format is not None:
        return F.copy(input)
    if not non_overlapping_dense(layout):
        return F.copy(input)
    made: Any
    order = sorted(range(layout.ndim), key=lambda d: (-layout.strides[d], -layout.shape[d]))
    back = tuple(order.index(i) for i in range(layout.ndim))
    made = F.permute(F.copy(F.permute(input, tuple(order))), back)
    if made.layout is not layout and not recording(input):
        made = view_of(made, strided(tuple(layout.shape), layout.strides, layout.dtype), made.offset)
    return made
