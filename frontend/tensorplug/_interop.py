"""NumPy, DLPack, the buffer protocol, copy and pickle."""

from __future__ import annotations

import sys
import warnings

from tensorplug_dispatcher import dtypes
from tensorplug_dispatcher.devices import host_device
from tensorplug_dispatcher.dtypes import DType
from tensorplug_dispatcher.errors import AutogradError, DeviceError, DTypeError, ShapeError
from tensorplug_dispatcher.layout import dense, span, strided
from tensorplug_dispatcher.ops import F
from tensorplug_dispatcher.tensor import from_storage, view_of

from ._arguments import device_argument, dtype_argument
from ._host import foreign

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ._tensor import Tensor

ORDER = "<" if sys.byteorder == "little" else ">"
TYPE_STRINGS = {  # NumPy's array interface; bfloat16 travels as uint16
    dtypes.bool_: "|b1",
    dtypes.uint8: "|u1",
    dtypes.int8: "|i1",
    dtypes.int16: ORDER + "i2",
    dtypes.int32: ORDER + "i4",
    dtypes.int64: ORDER + "i8",
    dtypes.float16: ORDER + "f2",
    dtypes.bfloat16: ORDER + "u2",
    dtypes.float32: ORDER + "f4",
    dtypes.float64: ORDER + "f8",
}
DTYPES_BY_STRING = {text: dtype for dtype, text in TYPE_STRINGS.items() if dtype is not dtypes.bfloat16}


class Exported:
    """A tensor's memory as NumPy's array interface describes it; keeps it alive, though the tensor moves."""

    def __init__(self, tensor: Any) -> None:
        from tensorplug_dispatcher.writing import host_address

        address, self.handle = host_address(tensor)
        self.tensor = tensor
        size = tensor.dtype.itemsize
        self.__array_interface__ = {
            "version": 3,
            "shape": tuple(tensor.shape),
            "typestr": TYPE_STRINGS[tensor.dtype],
            "data": (address, False),
            "strides": tuple(s * size for s in tensor.layout.strides),
        }


def _refuse_quantized(name: str, tensor: Any) -> None:
    if tensor.dtype.stored is not None:
        raise DTypeError(
            f"{name}(): other libraries do not know {tensor.dtype.name}; give them the numbers, "
            f"x.dequantize(), "
            f"or the levels, x.int_repr()"
        )


def to_numpy(self: Tensor, *, force: bool = False) -> Any:
    """The values as a NumPy array over the same memory; bfloat16 as ``ml_dtypes.bfloat16``.

    Raises AutogradError (requires a gradient) or DeviceError (not in host memory) unless ``force``, which
    copies.
    """
    import numpy

    tensor: Any = self
    _refuse_quantized("numpy", self)
    if force:
        tensor = tensor.detach().cpu()
    if tensor.requires_grad:
        raise AutogradError(
            "Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() instead."
        )
    if tensor.device is not host_device():
        raise HostOnlyError(
            f"can't convert {tensor.device} device type tensor to numpy. Use Tensor.cpu() to "
            "copy the tensor to host memory first."
        )
    if not tensor.numel():
        array = numpy.empty(tuple(tensor.shape), TYPE_STRINGS[tensor.dtype])
    else:
        array = numpy.asarray(Exported(tensor))
    if tensor.dtype is dtypes.bfloat16:
        import ml_dtypes

        array = array.view(ml_dtypes.bfloat16)
    return array


class HostOnlyError(DeviceError, TypeError):
    """Host memory was asked for of a tensor that lives on a device."""


def from_array(array: Any) -> Tensor:
    """A tensor over the memory of anything with NumPy's array interface; see ``from_numpy``."""
    import numpy

    array = numpy.asarray(array)
    dtype = _dtype_of(array)
    size = dtype.itemsize
    if any(s < 0 for s in array.strides):
        raise ValueError(
            "At least one stride in the given numpy array is negative (shape "
            f"{list(array.shape)}, strides {list(array.strides)} bytes), and tensors with "
            "negative strides are not currently supported. (You can probably work around this "
            "by making a copy of your array with array.copy().)"
        )
    if any(s % size for s in array.strides):
        raise ValueError(
            "given numpy array strides not a multiple of the element byte size "
            f"({list(array.strides)} and {size}). Copy the numpy array to reallocate the "
            "memory."
        )
    layout = strided(array.shape, tuple(s // size for s in array.strides), dtype)
    address = array.__array_interface__["data"][0]
    return foreign(address, array, layout, span(layout, 0)[1] * size)


def array_operand(value: Any) -> Tensor | None:
    """A tensor over the memory of an array beside an operator, ``x * array``; None for what is no array."""
    return from_array(value) if hasattr(value, "__array_interface__") else None


def from_numpy(ndarray: Any) -> Tensor:
    """A tensor over the memory of a NumPy array: writes go both ways.

    Raises DTypeError for dtypes that do not exist here, ValueError for negative strides. Warns where the
    array is
    read-only, because writes to the tensor would reach it.
    """
    import numpy

    if not isinstance(ndarray, numpy.ndarray):
        raise DTypeError(f"expected np.ndarray (got {type(ndarray).__name__})")
    if not ndarray.flags.writeable:
        warnings.warn(
            "The given NumPy array is not writable, and tensorplug does not support non-writable "
            "tensors. This means writing to this tensor will result in undefined behavior. You may "
            "want to copy the array to protect its data or make it writable before converting it "
            "to a tensor.",
            stacklevel=2,
        )
    return from_array(ndarray)


def _dtype_of(array: Any) -> DType:
    found = DTYPES_BY_STRING.get(array.dtype.str)
    if found is not None:
        return found
    if array.dtype.name == "bfloat16":
        return dtypes.bfloat16
    if not array.dtype.isnative:
        raise ValueError(
            "given numpy array has byte order different from the native byte order "
            f"({array.dtype.str}). Conversion between byte orders is currently not supported."
        )
    raise DTypeError(
        f"can't convert np.ndarray of type numpy.{array.dtype.name}. The only supported types "
        f"are: {', '.join(d.name for d in dtypes.ALL)}; convert it with array.astype()"
    )


def array_protocol(self: Tensor, dtype: Any = None, copy: bool | None = None) -> Any:
    """``numpy.asarray(tensor)``."""
    array = to_numpy(self)
    if dtype is not None and array.dtype != dtype:
        if copy is False:
            raise ValueError(f"a tensor of dtype {self.dtype.name} cannot become {dtype} without a copy")
        return array.astype(dtype)
    return array.copy() if copy else array


def array_wrap(self: Tensor, array: Any, context: Any = None, return_scalar: bool = False) -> Any:
    """The result of a NumPy function on tensors, as a tensor."""
    return from_array(array if array.flags.writeable else array.copy())


def frombuffer(
    buffer: Any, *, dtype: Any, count: int = -1, offset: int = 0, requires_grad: bool = False
) -> Tensor:
    """A 1-d tensor over an object with Python's buffer protocol; ``offset`` in bytes, ``count`` elements (-1:
    all).

    Raises ValueError where the buffer is too small or its size no multiple of the element's. Warns where it
    is
    read-only.
    """
    from tensorplug_dispatcher.boundary import pointer_to

    kind = dtype_argument(dtype)
    view = memoryview(buffer).cast("B")
    size = kind.itemsize
    left = view.nbytes - offset
    if view.nbytes == 0 or left <= 0 or offset < 0:
        raise ValueError(
            f"offset must be non-negative and no greater than buffer length ({view.nbytes} "
            f"bytes) minus 1, but got {offset}"
        )
    if count < 0:
        if left % size:
            raise ValueError(
                f"buffer length ({left} bytes) after offset ({offset} bytes) must be a multiple "
                f"of element size ({size}) of {kind.name}"
            )
        count = left // size
    if count * size > left:
        raise ValueError(
            f"requested buffer length ({count} * {size} bytes) after offset ({offset} bytes) "
            f"must not be greater than actual buffer length ({view.nbytes} bytes)"
        )
    if view.readonly:
        warnings.warn(
            "The given buffer is not writable, and tensorplug does not support non-writable "
            "tensors. This means you can write to the underlying (supposedly non-writable) buffer "
            "using the tensor. You may want to copy the buffer first.",
            stacklevel=2,
        )
    made: Any = foreign(pointer_to(view) + offset, view, dense((count,), kind), count * size)
    return made.requires_grad_(True) if requires_grad else made


# -- DLPack --------------------------------------------------------------------------------------------------


def dlpack(
    self: Tensor,
    *,
    stream: Any = None,
    max_version: Any = None,
    dl_device: Any = None,
    copy: bool | None = None,
) -> Any:
    """A DLPack capsule over the tensor's memory (https://data-apis.org/array-api: ``__dlpack__``).

    ``max_version``: what the consumer knows; from (1, 0) on it gets a versioned capsule. ``dl_device``:
    where it wants the memory: (1, 0), the host, which copies from another device unless ``copy`` is False.
    Raises BufferError for what cannot be handed over, DeviceError for a ``stream``, which the host has none
    of.
    """
    from ._dlpack import HOST, export

    _refuse_quantized("__dlpack__", self)
    if self.requires_grad:
        raise BufferError("Can't export tensors that require gradient, use tensor.detach()")
    if stream is not None and stream != -1:  # -1: the consumer waits for nothing
        raise DeviceError(
            f"__dlpack__(): stream should be None for memory of the host, which has no streams, not "
            f"{stream!r}"
        )
    if dl_device is not None and tuple(dl_device) != (HOST, 0):
        raise BufferError(
            f"memory of DLPack device {tuple(dl_device)} was asked for, and a tensor on {self.device} can be "
            f"handed over as memory of the host only, which is (1, 0)"
        )
    source = self.detach()
    if self.device is not host_device():
        if dl_device is None or copy is False:
            raise BufferError(
                f"only host memory is exported through DLPack, and the tensor is on {self.device}; use "
                f".cpu(), "
                f"or ask for a copy with dl_device=(1, 0)"
            )
        source, copied = F.to_device(source, host_device()), True
    elif copy:
        source, copied = F.copy(source), True
    else:
        copied = False
    return export(source, max_version is not None and tuple(max_version) >= (1, 0), copied)


def dlpack_device(self: Tensor) -> tuple[int, int]:
    """(device type, index) in DLPack's numbers: 1 is host memory."""
    if self.device is not host_device():
        raise BufferError(
            f"only host memory is exported through DLPack, and the tensor is on {self.device}; use .cpu()"
        )
    return 1, 0


def from_dlpack(ext_tensor: Any, *, device: Any = None, copy: bool | None = None) -> Tensor:
    """A tensor over the memory of an object with ``__dlpack__``, or of a DLPack capsule.

    ``copy`` True always copies; False raises BufferError where that is needed; None copies where it is: what
    is read-only (a tensor could write to it), what is to go to another ``device``, and, with
    ``device="cpu"``, what lies elsewhere. Signs and conjugations that PyTorch has put off are carried out
    first. Raises BufferError for memory of other devices without ``device``, DTypeError for dtypes that do
    not exist here.
    """
    from ._dlpack import load

    where = None if device is None else device_argument(device)
    capsule, made = ext_tensor, False
    if hasattr(ext_tensor, "__dlpack__"):
        resolved = _resolved(ext_tensor)
        made = resolved is not ext_tensor
        capsule = _capsule(resolved, where is host_device(), copy)
    tensor, read_only, copied = load(capsule)
    moves = where is not None and where is not tensor.device
    if copy is False and (read_only or moves or made):
        why = (
            "it is read-only, and tensors can be written to"
            if read_only
            else f"it is to go to {where}"
            if moves
            else "its signs or conjugations were put off, and are not in its memory"
        )
        raise BufferError(f"from_dlpack(copy=False): {why}; leave copy=None for a copy")
    if moves:
        return F.to_device(tensor, where)
    if (copy or read_only) and not copied and not made:
        return F.copy(tensor)
    return tensor


def _resolved(array: Any) -> Any:
    """``array`` with what its library has only noted, a conjugation or a sign, carried out in memory."""
    for noted, resolve in (("is_conj", "resolve_conj"), ("is_neg", "resolve_neg")):
        asked = getattr(array, noted, None)
        if callable(asked) and callable(getattr(array, resolve, None)) and asked():
            array = getattr(array, resolve)()
    return array


def _capsule(array: Any, to_host: bool, copy: bool | None) -> Any:
    """The producer's capsule, in DLPack 1.0 where it knows that."""
    from ._dlpack import HOST, VERSION

    wanted: dict[str, Any] = {"max_version": VERSION}
    if to_host and hasattr(array, "__dlpack_device__") and array.__dlpack_device__()[0] != HOST:
        wanted["dl_device"] = (HOST, 0)
    if copy is not None:
        wanted["copy"] = copy
    try:
        return array.__dlpack__(**wanted)
    except TypeError:  # one that knows no keywords
        return array.__dlpack__()


# -- copy and pickle -----------------------------------------------------------------------------------------


def deepcopy(self: Tensor, memo: dict[int, Any]) -> Tensor:
    """A copy for ``copy.deepcopy``: leaves only; tensors that shared memory share it again."""
    known = memo.get(id(self))
    if known is not None:
        return known
    if not self.is_leaf:
        raise AutogradError(
            "Only Tensors created explicitly by the user (graph leaves) support the deepcopy "
            "protocol at the moment; use clone() or detach() first"
        )
    if self.dtype.stored is not None:
        from tensorplug_layers.quantization.quantizer import mapped

        whole: Any = mapped(self.detach(), lambda part: deepcopy(part, memo))
        whole.__class__ = type(self)
        memo[id(self)] = whole
        return whole
    storage = self.storage
    found = memo.get(id(storage))
    if found is None:
        raw = view_of(self, dense((storage.extent,), dtypes.uint8), 0)
        found = memo[id(storage)] = F.copy(raw).storage
        memo.setdefault(id(memo), []).append(storage)
    made: Any = from_storage(found, self.layout, self.offset)
    made.__class__ = type(self)
    if self.requires_grad:
        made.requires_grad_(True)
    if self.grad is not None:
        made.grad = deepcopy(self.grad, memo)
    for name, value in self.user_attributes.items():
        from copy import deepcopy as copy_of

        setattr(made, name, copy_of(value, memo))
    memo[id(self)] = made
    return made


def shallow_copy(self: Tensor) -> Tensor:
    """``copy.copy``: another tensor over the same memory."""
    made: Any = self.detach()
    made.__class__ = type(self)
    return made.requires_grad_(True) if self.requires_grad and self.is_leaf else made


def reduce(self: Tensor, protocol: Any) -> Any:
    """For pickle: the bytes, shape, dtype and device. Models are saved by ``save``, without pickle."""
    from ._host import host_memory, on_host

    if not self.is_leaf:
        raise AutogradError("Only leaf tensors can be pickled; use detach() first")
    if self.dtype.stored is not None:
        from .quantization._text import parts_of, with_parts

        return with_parts, (type(self), *parts_of(self))
    dense_copy = on_host(self)
    data = bytes(host_memory(dense_copy))
    return rebuild, (type(self), data, tuple(self.shape), self.dtype, str(self.device), self.requires_grad)


def rebuild(
    cls: Any, data: bytes, shape: tuple[int, ...], dtype: DType, device: str, requires_grad: bool
) -> Any:
    """A tensor from what ``reduce`` gave."""
    from ._arguments import device_argument

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


METHODS = {
    "__array__": array_protocol,
    "__array_wrap__": array_wrap,
    "__copy__": shallow_copy,
    "__deepcopy__": deepcopy,
    "__dlpack__": dlpack,
    "__dlpack_device__": dlpack_device,
    "__reduce_ex__": reduce,
    "numpy": to_numpy,
}
