"""Other dtypes, other devices, and what a tensor says about itself."""

from __future__ import annotations

from tensorplug_dispatcher import dtypes, promotion
from tensorplug_dispatcher.devices.registry import host_device
from tensorplug_dispatcher.dtypes import FLOATING, DType
from tensorplug_dispatcher.errors import DTypeError
from tensorplug_dispatcher.ops import F
from tensorplug_dispatcher.storage import Device
from tensorplug_dispatcher.tensor import TensorBase

from ._arguments import device_argument, dtype_argument
from ._creation import empty, full, ones, tensor, zeros
from ._public import public
from ._values import converted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ._tensor import Tensor


class MemoryFormat:
    """The name of an order of memory; only the row-major one and "as it is" exist here."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return f"tensorplug.{self.name}"


contiguous_format = MemoryFormat("contiguous_format")
preserve_format = MemoryFormat("preserve_format")


@public("method")
def to(
    self: Tensor,
    *args: Any,
    dtype: Any = None,
    device: Any = None,
    other: Any = None,
    non_blocking: bool = False,
    copy: bool = False,
    memory_format: Any = None,
) -> Tensor:
    """``x.to(dtype)``, ``x.to(device, dtype)``, ``x.to(other)``: converted; itself where nothing is to do.

    Shapes: [*S] -> [*S]; dtypes: any. Source: torch.Tensor.to.
    """
    flags = 0
    for arg in args:
        if isinstance(arg, DType) or arg in (float, int, bool) and isinstance(arg, type):
            dtype = arg
        elif isinstance(arg, TensorBase):
            other = arg
        elif isinstance(arg, bool):
            flags += 1  # the first is non_blocking, the second copy
            copy = arg if flags == 2 else copy
        elif arg is not None:
            device = arg
    if other is not None:
        dtype, device = other.dtype, other.device
    return converted(
        self,
        None if dtype is None else dtype_argument(dtype),
        None if device is None else device_argument(device),
        copy,
    )


@public("method", names="bfloat16")
def to_bfloat16(self: Tensor, memory_format: Any = None) -> Tensor:
    """The values as bfloat16; the tensor itself where it is so already.

    Shapes: [*S] -> [*S]; dtypes: any. Source: torch.Tensor.bfloat16.
    """
    return self if self.dtype is dtypes.bfloat16 else F.cast(self, dtypes.bfloat16)


@public("method", names="bool")
def to_bool(self: Tensor, memory_format: Any = None) -> Tensor:
    """The values as bool; the tensor itself where it is so already.

    Shapes: [*S] -> [*S]; dtypes: any. Source: torch.Tensor.bool.
    """
    return self if self.dtype is dtypes.bool_ else F.cast(self, dtypes.bool_)


@public("method", names="byte")
def to_byte(self: Tensor, memory_format: Any = None) -> Tensor:
    """The values as uint8; the tensor itself where it is so already.

    Shapes: [*S] -> [*S]; dtypes: any. Source: torch.Tensor.byte.
    """
    return self if self.dtype is dtypes.uint8 else F.cast(self, dtypes.uint8)


@public("method", names="char")
def to_char(self: Tensor, memory_format: Any = None) -> Tensor:
    """The values as int8; the tensor itself where it is so already.

    Shapes: [*S] -> [*S]; dtypes: any. Source: torch.Tensor.char.
    """
    return self if self.dtype is dtypes.int8 else F.cast(self, dtypes.int8)


@public("method", names="double")
def to_double(self: Tensor, memory_format: Any = None) -> Tensor:
    """The values as float64; the tensor itself where it is so already.

    Shapes: [*S] -> [*S]; dtypes: any. Source: torch.Tensor.double.
    """
    return self if self.dtype is dtypes.float64 else F.cast(self, dtypes.float64)


@public("method", names="float")
def to_float(self: Tensor, memory_format: Any = None) -> Tensor:
    """The values as float32; the tensor itself where it is so already.

    Shapes: [*S] -> [*S]; dtypes: any. Source: torch.Tensor.float.
    """
    return self if self.dtype is dtypes.float32 else F.cast(self, dtypes.float32)


@public("method", names="half")
def to_half(self: Tensor, memory_format: Any = None) -> Tensor:
    """The values as float16; the tensor itself where it is so already.

    Shapes: [*S] -> [*S]; dtypes: any. Source: torch.Tensor.half.
    """
    return self if self.dtype is dtypes.float16 else F.cast(self, dtypes.float16)


@public("method", names="int")
def to_int(self: Tensor, memory_format: Any = None) -> Tensor:
    """The values as int32; the tensor itself where it is so already.

    Shapes: [*S] -> [*S]; dtypes: any. Source: torch.Tensor.int.
    """
    return self if self.dtype is dtypes.int32 else F.cast(self, dtypes.int32)


@public("method", names="long")
def to_long(self: Tensor, memory_format: Any = None) -> Tensor:
    """The values as int64; the tensor itself where it is so already.

    Shapes: [*S] -> [*S]; dtypes: any. Source: torch.Tensor.long.
    """
    return self if self.dtype is dtypes.int64 else F.cast(self, dtypes.int64)


@public("method", names="short")
def to_short(self: Tensor, memory_format: Any = None) -> Tensor:
    """The values as int16; the tensor itself where it is so already.

    Shapes: [*S] -> [*S]; dtypes: any. Source: torch.Tensor.short.
    """
    return self if self.dtype is dtypes.int16 else F.cast(self, dtypes.int16)


LEGACY_NAMES = {
    dtypes.bool_: "BoolTensor",
    dtypes.uint8: "ByteTensor",
    dtypes.int8: "CharTensor",
    dtypes.int16: "ShortTensor",
    dtypes.int32: "IntTensor",
    dtypes.int64: "LongTensor",
    dtypes.float16: "HalfTensor",
    dtypes.bfloat16: "BFloat16Tensor",
    dtypes.float32: "FloatTensor",
    dtypes.float64: "DoubleTensor",
}


@public("method", names="type")
def type_of(self: Tensor, dtype: Any = None, non_blocking: bool = False) -> Any:
    """``x.type()``: the type's old name, like ``tensorplug.FloatTensor``; ``x.type(dtype)``: converted.

    Shapes: [*S] -> [*S]; dtypes: any. Raises DTypeError for a dtype that is not taken. Source:
    torch.Tensor.type.
    """
    if dtype is None:
        where = "" if self.device.type == "cpu" else f"{self.device.type}."
        return f"tensorplug.{where}{LEGACY_NAMES.get(self.dtype, self.dtype.name)}"
    if isinstance(dtype, str):
        found = {f"tensorplug.{name}": kind for kind, name in LEGACY_NAMES.items()}.get(dtype)
        if found is None:
            raise DTypeError(f"invalid type: {dtype!r}; give a dtype such as tensorplug.float32")
        dtype = found
    return converted(self, dtype_argument(dtype), None)


@public("method")
def type_as(self: Tensor, other: Tensor) -> Tensor:
    """``self`` with the dtype and device of ``other``.

    Shapes: [*S] -> [*S]; dtypes: any. Source: torch.Tensor.type_as.
    """
    return converted(self, other.dtype, other.device)


@public("method")
def cpu(self: Tensor, memory_format: Any = None) -> Tensor:
    """``self`` in host memory; itself where it is there already.

    Shapes: [*S] -> [*S]; dtypes: any. Source: torch.Tensor.cpu.
    """
    return converted(self, None, host_device())


@public("method")
def cuda(self: Tensor, device: Any = None, non_blocking: bool = False, memory_format: Any = None) -> Tensor:
    """``self`` on a CUDA device, where a plugin offers one.

    Shapes: [*S] -> [*S]; dtypes: any. Source: torch.Tensor.cuda.
    """
    return converted(
        self,
        None,
        device_argument(
            "cuda" if device is None else f"cuda:{device}" if isinstance(device, int) else device
        ),
    )


@public("method")
def record_stream(self: Tensor, stream: Any) -> None:
    """Nothing: memory is not handed out again while a stream uses it. See torch.Tensor.record_stream.

    Shapes: [*S] -> [*S]; dtypes: any. Source: torch.Tensor.record_stream.
    """


@public("function")
def is_tensor(obj: object) -> bool:
    """Whether ``obj`` is a tensor.

    Shapes: any shape; dtypes: any. Source: torch.is_tensor.
    """
    return isinstance(obj, TensorBase)


@public("function", "method")
def is_floating_point(input: Tensor) -> bool:
    """Whether the dtype is a floating one.

    Shapes: any shape; dtypes: any. Source: torch.is_floating_point.
    """
    return input.dtype.kind == FLOATING


@public("function", "method")
def is_complex(input: Tensor) -> bool:
    """False: there are no complex dtypes.

    Shapes: any shape; dtypes: any. Source: torch.is_complex.
    """
    return False


@public("function", "method")
def is_signed(input: Tensor) -> bool:
    """Whether the dtype holds negative numbers.

    Shapes: any shape; dtypes: any. Source: torch.is_signed.
    """
    return input.dtype.is_signed


@public("function", "method")
def is_nonzero(input: Tensor) -> bool:
    """Whether the one element of ``input`` is not zero.

    Shapes: one element in any shape; dtypes: any. Source: torch.is_nonzero.
    """
    return bool(input)


@public("function")
def numel(input: Tensor) -> int:
    """The number of elements.

    Shapes: any shape; dtypes: any. Source: torch.numel.
    """
    return input.numel()


@public("method")
def nelement(self: Tensor) -> int:
    """The number of elements.

    Shapes: any shape; dtypes: any. Source: torch.Tensor.nelement.
    """
    return self.numel()


@public("method")
def ndimension(self: Tensor) -> int:
    """The number of dimensions.

    Shapes: any shape; dtypes: any. Source: torch.Tensor.ndimension.
    """
    return self.ndim


@public("function")
def result_type(tensor1: Any, tensor2: Any) -> DType:
    """The dtype of an arithmetic result of two tensors or numbers.

    Shapes: any two shapes or numbers; dtypes: any. Source: torch.result_type.
    """
    return promotion.result_type([x.layout if isinstance(x, TensorBase) else x for x in (tensor1, tensor2)])


@public("function")
def promote_types(type1: DType, type2: DType) -> DType:
    """The smallest dtype that both convert to.

    Source: torch.promote_types.
    """
    return dtypes.promote(dtype_argument(type1), dtype_argument(type2))


@public("function")
def can_cast(from_: DType, to: DType) -> bool:
    """Whether a result of one dtype may be written into the other: never to a lower kind.

    Source: torch.can_cast.
    """
    return promotion.can_cast(dtype_argument(from_), dtype_argument(to))


# -- what a tensor says about itself -------------------------------------------------------------------------


@public("method")
def element_size(self: Tensor) -> int:
    """Bytes of one element.

    Shapes: any shape; dtypes: any. Source: torch.Tensor.element_size.
    """
    return self.dtype.itemsize


@public("method")
def storage_offset(self: Any) -> int:
    """Elements before the first one in the storage.

    Shapes: any shape; dtypes: any. Source: torch.Tensor.storage_offset.
    """
    return self.offset


@public("method")
def get_device(self: Tensor) -> int:
    """The device's index; -1 for the CPU.

    Shapes: any shape; dtypes: any. Source: torch.Tensor.get_device.
    """
    return -1 if self.device.type == "cpu" else self.device.index


@public("method")
def is_same_size(self: Tensor, other: Tensor) -> bool:
    """Whether the shapes are equal.

    Shapes: any two shapes; dtypes: any. Source: torch.Tensor.is_same_size.
    """
    return tuple(self.shape) == tuple(other.shape)


@public("method")
def is_set_to(self: Any, other: Any) -> bool:
    """Whether both look at the same memory in the same way.

    Shapes: any two shapes; dtypes: any. Source: torch.Tensor.is_set_to.
    """
    return self.storage is other.storage and self.layout is other.layout and self.offset == other.offset


class UntypedStorage:
    """The memory behind a tensor, as PyTorch's ``untyped_storage()`` shows it: bytes."""

    def __init__(self, storage: Any) -> None:
        self._storage = storage

    @property
    def device(self) -> Device:
        return self._storage.device

    def data_ptr(self) -> int:
        """The host address of the first byte, 0 where the host cannot read the memory."""
        return self._storage.data_ptr()

    def nbytes(self) -> int:
        """Bytes, as they were asked for."""
        return self._storage.extent

    size = __len__ = nbytes

    def __eq__(self, other: object) -> bool:
        return isinstance(other, UntypedStorage) and other._storage is self._storage

    def __hash__(self) -> int:
        return hash(id(self._storage))


@public("method")
def untyped_storage(self: Tensor) -> UntypedStorage:
    """The memory behind the tensor.

    Shapes: any shape; dtypes: any. Source: torch.Tensor.untyped_storage.
    """
    return UntypedStorage(self.storage)


# -- new tensors like this one -------------------------------------------------------------------------------


def _defaults(self: Any, dtype: Any, device: Any) -> dict[str, Any]:
    return {
        "dtype": self.dtype if dtype is None else dtype,
        "device": self.device if device is None else device,
    }


@public("method")
def new_empty(
    self: Tensor,
    *size: Any,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    **options: Any,
) -> Tensor:
    """An undefined tensor with the dtype and device of this one unless others are given.

    Shapes: -> [*size]; dtypes: any. Source: torch.Tensor.new_empty.
    """
    return empty(*size, requires_grad=requires_grad, **_defaults(self, dtype, device), **options)


@public("method")
def new_ones(
    self: Tensor,
    *size: Any,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    **options: Any,
) -> Tensor:
    """A tensor of ones, with the dtype and device of this one unless others are given.

    Shapes: -> [*size]; dtypes: any. Source: torch.Tensor.new_ones.
    """
    return ones(*size, requires_grad=requires_grad, **_defaults(self, dtype, device), **options)


@public("method")
def new_zeros(
    self: Tensor,
    *size: Any,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    **options: Any,
) -> Tensor:
    """A tensor of zeros, with the dtype and device of this one unless others are given.

    Shapes: -> [*size]; dtypes: any. Source: torch.Tensor.new_zeros.
    """
    return zeros(*size, requires_grad=requires_grad, **_defaults(self, dtype, device), **options)


@public("method")
def new_full(
    self: Tensor,
    size: Any,
    fill_value: Any,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    **options: Any,
) -> Tensor:
    """``full`` with the dtype and device of this tensor unless others are given.

    Shapes: -> [*size]; dtypes: any. Source: torch.Tensor.new_full.
    """
    return full(size, fill_value, requires_grad=requires_grad, **_defaults(self, dtype, device), **options)


@public("method")
def new_tensor(
    self: Tensor, data: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """``tensor(data)`` with the dtype and device of this tensor unless others are given.

    Shapes: the shape of ``data``; dtypes: any. Source: torch.Tensor.new_tensor.
    """
    return tensor(data, requires_grad=requires_grad, **_defaults(self, dtype, device))
