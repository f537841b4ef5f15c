"""Copies of tensors (``copy.copy``, ``copy.deepcopy``) and pickling."""

from __future__ import annotations

from copy import deepcopy as copy_of

from tensorplug_dispatcher import dtypes
from tensorplug_dispatcher.devices.registry import host_device
from tensorplug_dispatcher.dtypes import DType
from tensorplug_dispatcher.errors import AutogradError, ShapeError
from tensorplug_dispatcher.layout import dense
from tensorplug_dispatcher.ops import F
from tensorplug_dispatcher.tensor import from_storage, view_of
from tensorplug_layers.quantization.quantizer import mapped

from ._arguments import device_argument
from ._host import host_memory, on_host
from ._interop import frombuffer
from ._public import public
from .quantization._text import parts_of, with_parts

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ._tensor import Tensor


@public("method", names="__deepcopy__")
def deepcopy(self: Tensor, memo: dict[int, Any]) -> Tensor:
    """A copy for ``copy.deepcopy``: leaves only; tensors that shared memory share it again.

    Shapes: [*S] -> [*S]; dtypes: any. Raises AutogradError where a gradient is required. Source:
    torch.Tensor.__deepcopy__.
    """
    known = memo.get(id(self))
    if known is not None:
        return known
    if not self.is_leaf:
        raise AutogradError(
            "Only Tensors created explicitly by the user (graph leaves) support the deepcopy "
            "protocol at the moment; use clone() or detach() first"
        )
    if self.dtype.stored is not None:
        whole: Any = mapped(self.detach(), lambda part: deepcopy(part, memo))
        whole.__class__ = type(self)
        memo[id(self)] = whole
        return whole
    source: Any = self
    storage = source.storage
    found = memo.get(id(storage))
    if found is None:
        raw = view_of(source, dense((storage.extent,), dtypes.uint8), 0)
        found = memo[id(storage)] = F.copy(raw).storage
        memo.setdefault(id(memo), []).append(storage)
    made: Any = from_storage(found, source.layout, source.offset)
    made.__class__ = type(self)
    if self.requires_grad:
        made.requires_grad_(True)
    if self.grad is not None:
        made.grad = deepcopy(self.grad, memo)
    for name, value in source.user_attributes.items():
        setattr(made, name, copy_of(value, memo))
    memo[id(self)] = made
    return made


@public("method", names="__copy__")
def shallow_copy(self: Tensor) -> Tensor:
    """``copy.copy``: another tensor over the same memory.

    Shapes: [*S] -> [*S]; dtypes: any. Source: copy.copy.
    """
    made: Any = self.detach()
    made.__class__ = type(self)
    return made.requires_grad_(True) if self.requires_grad and self.is_leaf else made


@public("method", names="__reduce_ex__")
def reduce(self: Tensor, protocol: Any) -> Any:
    """For pickle: the bytes, shape, dtype and device. Models are saved by ``save``, without pickle.

    Shapes: any shape; dtypes: any. Raises AutogradError where a gradient is required. Source:
    torch.Tensor.__reduce_ex__.
    """
    if not self.is_leaf:
        raise AutogradError("Only leaf tensors can be pickled; use detach() first")
    if self.dtype.stored is not None:
        return with_parts, (type(self), *parts_of(self))
    dense_copy = on_host(self)
    data = bytes(host_memory(dense_copy))
    return rebuild, (type(self), data, tuple(self.shape), self.dtype, str(self.device), self.requires_grad)


def rebuild(
    cls: Any, data: bytes, shape: tuple[int, ...], dtype: DType, device: str, requires_grad: bool
) -> Any:
    """A tensor from what ``reduce`` gave."""
    if len(data) != dense(shape, dtype).nbytes:
        raise ShapeError(f"{len(data)} bytes cannot be a {dtype.name} tensor of shape {list(shape)}")
    if data:
        raw = frombuffer(bytearray(data), dtype=dtypes.uint8)
        made = from_storage(raw.storage, dense(shape, dtype), 0)
    else:
        made = F.fill(shape, 0, dtype, device=host_device())
    where = device_argument(device)
    if where is not made.device:
        made = F.to_device(made, where)
    made.__class__ = cls
    return made.requires_grad_(True) if requires_grad else made
