"""NumPy's arrays and the buffer protocol."""

from __future__ import annotations

import sys
import warnings

from tensorplug_dispatcher import dtypes
from tensorplug_dispatcher.devices.registry import host_device
from tensorplug_dispatcher.dtypes import DType
from tensorplug_dispatcher.errors import AutogradError, DeviceError, DTypeError
from tensorplug_dispatcher.layout import dense, span, strided

from ._arguments import dtype_argument
from ._host import foreign, host_address
from ._public import public

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


def refuse_quantized(name: str, tensor: Any) -> None:
    if tensor.dtype.stored is not None:
        raise DTypeError(
            f"{name}(): other libraries do not know {tensor.dtype.name}; give them the numbers, "
            f"x.dequantize(), "
            f"or the levels, x.int_repr()"
        )


@public("method", names="numpy")
def to_numpy(self: Tensor, *, force: bool = False) -> Any:
    """The values as a NumPy array over the same memory; bfloat16 as ``ml_dtypes.bfloat16``.

    Raises AutogradError (requires a gradient) or DeviceError (not in host memory) unless ``force``, which
    copies.

    Shapes: [*S] -> [*S]; dtypes: any that NumPy has. Raises HostOnlyError. Source: torch.Tensor.numpy.
    """
    import numpy

    tensor: Any = self
    refuse_quantized("numpy", self)
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
            f"At least one stride in the given numpy array is negative (shape {list(array.shape)}, "
            f"strides {list(array.strides)} bytes), and tensors with negative strides are not currently "
            "supported. (You can probably work around this by making a copy of your array with array.copy().)"
        )
    if any(s % size for s in array.strides):
        raise ValueError(
            f"given numpy array strides not a multiple of the element byte size ({list(array.strides)} and "
            f"{size}). Copy the numpy array to reallocate the memory."
        )
    layout = strided(array.shape, tuple(s // size for s in array.strides), dtype)
    address = array.__array_interface__["data"][0]
    return foreign(address, array, layout, span(layout, 0)[1] * size)


def array_operand(value: Any) -> Tensor | None:
    """A tensor over the memory of an array beside an operator, ``x * array``; None for what is no array."""
    return from_array(value) if hasattr(value, "__array_interface__") else None


@public("function")
def from_numpy(ndarray: Any) -> Tensor:
    """A tensor over the memory of a NumPy array: writes go both ways.

    Raises DTypeError for dtypes that do not exist here, ValueError for negative strides. Warns where the
    array is read-only, because writes to the tensor would reach it.

    Shapes: [*S] -> [*S]; dtypes: any that NumPy has. Source: torch.from_numpy.
    """
    import numpy

    if not isinstance(ndarray, numpy.ndarray):
        raise DTypeError(f"expected np.ndarray (got {type(ndarray).__name__})")
    if not ndarray.flags.writeable:
        warnings.warn(
            "The given NumPy array is not writable, and tensorplug does not support non-writable tensors. "
            "This means writing to this tensor will result in undefined behavior. You may want to copy the "
            "array to protect its data or make it writable before converting it to a tensor.",
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


@public("method", names="__array__")
def array_protocol(self: Tensor, dtype: Any = None, copy: bool | None = None) -> Any:
    """``numpy.asarray(tensor)``.

    Shapes: [*S] -> [*S]; dtypes: any that NumPy has. Raises ValueError for a value that is not allowed.
    Source: torch.Tensor.__array__.
    """
    array = to_numpy(self)
    if dtype is not None and array.dtype != dtype:
        if copy is False:
            raise ValueError(f"a tensor of dtype {self.dtype.name} cannot become {dtype} without a copy")
        return array.astype(dtype)
    return array.copy() if copy else array


@public("method", names="__array_wrap__")
def array_wrap(self: Tensor, array: Any, context: Any = None, return_scalar: bool = False) -> Any:
    """The result of a NumPy function on tensors, as a tensor.

    Shapes: [*S] -> [*S]; dtypes: any that NumPy has. Source: torch.Tensor.__array_wrap__.
    """
    return from_array(array if array.flags.writeable else array.copy())


@public("function")
def frombuffer(
    buffer: Any, *, dtype: Any, count: int = -1, offset: int = 0, requires_grad: bool = False
) -> Tensor:
    """A 1-d tensor over an object with Python's buffer protocol; ``offset`` in bytes, ``count`` elements (-1:
    all).

    Raises ValueError where the buffer is too small or its size no multiple of the element's. Warns where it
    is read-only.

    Shapes: -> [count]; dtypes: any. Source: torch.frombuffer.
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
