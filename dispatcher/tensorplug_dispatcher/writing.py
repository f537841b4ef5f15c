"""Writing into tensors that exist already, and moving bytes between devices: for in-place ops and copies."""

from __future__ import annotations

import warnings
from typing import Any

from . import ops
from .context import Context
from .devices import registry as devices
from .devices import states
from .dtypes import DType
from .errors import AutogradError, DeviceMismatchError, DTypeError, InplaceError, ShapeError, SignatureError
from .interpreter import HostMemory
from .keys import LAYER_MASK
from .layout import dense, expand, span
from .promotion import can_cast
from .steps import Scope
from .storage import Device
from .tensor import FUNCTION_VIEW, TensorBase, empty, flags_of, view_of


class without_layers(Scope):
    """Calls made inside skip the layers with these bits: what runs below a layer must not meet it again."""

    def __init__(self, bits: int) -> None:
        super().__init__()
        self.bits = bits

    def _changed(self, state: Context) -> Context:
        return state.replace(excluded=state.excluded | self.bits)


def overlaps(function: Any, out: Any, arg: Any) -> bool:
    """Two tensors in one storage: False where they do not meet;
    elementwise ops raise where they do in part.
    """
    a, b = span(out.layout, out.offset), span(arg.layout, arg.offset)
    if a[1] <= b[0] or b[1] <= a[0]:
        return False
    if function.op.elementwise and tuple(out.shape) == tuple(arg.shape) and not _interleaved(out, arg):
        raise InplaceError(
            f"{function.name}: some elements of the input tensor (shape {list(arg.shape)}, "
            f"offset {arg.offset}) and the written-to tensor (shape {list(out.shape)}, offset {out.offset}) "
            "refer to a single memory location; clone() the input first"
        )
    return True


def _interleaved(out: Any, arg: Any) -> bool:
    """True for two views with the same strides whose elements never meet, like x[::2] and x[1::2]."""
    if out.strides != arg.strides:
        return False
    steps = [abs(s) for s, n in zip(out.strides, out.shape, strict=True) if n > 1]
    return bool(steps) and (out.offset - arg.offset) % min(steps) != 0


def check_writable(name: str, out: Any) -> None:
    """Raise InplaceError where several elements of ``out`` are one memory location;
    none are where it has no elements.
    """
    if 0 in out.shape:
        return
    for n, stride in zip(out.shape, out.strides, strict=True):
        if n > 1 and stride == 0:
            raise InplaceError(
                f"{name}: more than one element of the written-to tensor (shape {list(out.shape)}, "
                f"strides {list(out.strides)}) refers to a single memory location; clone() "
                "the tensor before writing to it"
            )


def unrecorded(name: str, out: Any) -> InplaceError:
    """The error of a write into a view whose history cannot take it in."""
    if flags_of(out) & FUNCTION_VIEW:
        return InplaceError(
            f"{name}_: the tensor written to (shape {list(out.shape)}) is a view that a Function returned, "
            "or an input that it handed through; its derivative is the Function's own, "
            "which a write would make wrong. Write into a clone() of it, or let the Function return one"
        )
    return InplaceError(
        f"{name}_: the tensor written to (shape {list(out.shape)}) is a view that was made under no_grad() "
        "of a tensor that has a history, and gradients are on now, so that it is not clear whether this "
        "write belongs to it. Make the view outside no_grad(), or write under no_grad() too"
    )


def write_results(name: str, names: tuple[str, ...], made: Any, outs: Any) -> Any:
    """``out=`` of a function made of several ops: its results, computed already, written into ``outs`` as an
    op writes its own. ``names`` are the results'; one that ends in ``~`` may go into a wider dtype.

    Wrong shapes are resized, with PyTorch's warning where there was something; raises SignatureError,
    AutogradError, DeviceMismatchError, DTypeError or InplaceError before anything is written.
    """
    given = tuple(outs) if isinstance(outs, (tuple, list)) else (outs,)
    single = not isinstance(made, tuple)
    results: tuple[Any, ...] = (made,) if single else made
    if len(given) != len(results) or not all(isinstance(o, TensorBase) for o in given):
        labels = ", ".join(names).replace("~", "")
        raise SignatureError(f"{name}(): out= takes {len(results)} tensors ({labels}), not {outs!r}")
    for label, out, result in zip(names, given, results, strict=False):  # max(x, other) has one of its two
        if out.requires_grad or result.requires_grad:
            raise AutogradError(
                f"{name}(): functions with out=... arguments don't support automatic differentiation, but "
                f"one of the arguments requires grad; use the functional form, or call it under no_grad()"
            )
        if out.device is not result.device:
            raise DeviceMismatchError(
                f"{name}(): the result is on {result.device}, but out= is on {out.device}; give one on "
                f"{result.device}"
            )
        check_result_dtype(name, result.dtype, out.dtype, not label.endswith("~"))
        check_writable(name, out)
    for out, result in zip(given, results, strict=True):
        fit(name, out, tuple(result.shape), 4)
        copy_into(out, result)
        out.storage.version += 1
    return given[0] if single else type(made)(given)


def check_result_dtype(name: str, result: DType, out: DType, exact: bool) -> None:
    """Raise DTypeError where a result may not be written into a tensor of the dtype ``out``."""
    if not can_cast(result, out):
        raise DTypeError(
            f"result type {result.name} of {name}() can't be cast to the desired output type {out.name}; "
            f"give an output of that dtype"
        )
    if exact and out is not result:
        raise DTypeError(
            f"{name}(): Expected out tensor to have dtype {result.name}, but got {out.name} instead; give "
            f"one of that dtype"
        )


def fit(name: str, out: Any, shape: tuple[int, ...], stacklevel: int) -> None:
    """Give ``out`` the shape of a result; with a warning where it had elements."""
    if tuple(out.shape) == shape:
        return
    if out.numel():
        warnings.warn(
            f"An output with one or more elements was resized since it had shape {list(out.shape)}, which "
            f"does not match the required output shape {list(shape)} of {name}()",
            stacklevel=stacklevel + 1,
        )
    out.become(empty(dense(shape, out.dtype), out.device))


def copy_results(function: Any, results: Any, outs: tuple[Any, ...]) -> None:
    """Write computed results into ``outs``; raises ShapeError or DTypeError before anything is written."""
    computed = results if isinstance(results, tuple) else (results,)
    for out, result in zip(outs, computed, strict=True):
        if tuple(out.shape) != tuple(result.shape):
            raise ShapeError(
                f"output with shape {list(out.shape)} doesn't match the shape {list(result.shape)} of "
                f"{function.name}(); give an output of that shape"
            )
        check_result_dtype(function.name, result.dtype, out.dtype, False)
    for out, result in zip(outs, computed, strict=True):
        copy_into(out, result)


def copy_into(target: Any, source: Any) -> None:
    """Write ``source``, moved, cast and broadcast, over ``target``, below all layers.
    Versions are the caller's.
    """
    if source.device is not target.device:
        source = transfer(source, target.device)
    target = view_of(target, target.layout, target.offset)
    source = view_of(source, expand(source.layout, target.shape), source.offset)
    if target.storage is source.storage:
        if target.layout is source.layout and target.offset == source.offset:
            return
        a, b = span(target.layout, target.offset), span(source.layout, source.offset)
        if not (a[1] <= b[0] or b[1] <= a[0]):
            source = ops.F.copy(source)
    with without_layers(LAYER_MASK):
        if target.dtype is source.dtype:
            ops.F.copy.write_into((source,), (target,))
        else:
            ops.F.cast.write_into((source, target.dtype), (target,))


def to_device(args: tuple[Any, ...], outs: Any) -> Any:
    result = transfer(args[0], args[1])
    if outs is None:
        return result
    copy_into(outs[0], result)
    return outs[0]


def host_bytes(tensor: Any) -> memoryview:
    """The bytes of a dense tensor in host memory, without a copy; the view keeps the memory alive."""
    nbytes = tensor.layout.nbytes
    if not nbytes:
        return memoryview(bytearray(0))

    address, handle = host_address(tensor)
    return memoryview(HostMemory(address, nbytes, handle))


def host_address(tensor: Any) -> tuple[int, Any]:
    """The address of the first element of a tensor in host memory, and the handle that keeps the memory, read
    at one time: another thread may move the tensor away, and then this is the address of a copy.
    """
    storage = tensor.storage
    device, handle = storage.device, storage.handle
    if device.type != devices.HOST_TYPE or storage.device is not device:
        return host_address(transfer(view_of(tensor, tensor.layout, tensor.offset), devices.host_device()))
    return handle.ptr + tensor.offset * tensor.layout.itemsize, handle


def transfer(tensor: Any, device: Device) -> Any:
    """A dense copy of the tensor on ``device`` (the tensor itself where it is there already)."""
    source_device = tensor.device
    if source_device is device:
        return tensor
    with states.working((source_device, device), "to_device") as open_:
        if open_ and tensor.device is source_device:
            return _transferred(tensor, source_device, device)
    for one in (source_device, device):
        if one.state == states.UNLOADED and (one is device or tensor.device is one):
            raise states.unusable(one, "to_device")
    return transfer(tensor, device)  # it has moved meanwhile


def _transferred(tensor: Any, source_device: Device, device: Device) -> Any:
    plain = view_of(tensor, tensor.layout, tensor.offset)
    if not plain.layout.dense or plain.offset:
        with without_layers(LAYER_MASK):
            plain = ops.F.copy(plain)
    result = empty(dense(plain.shape, plain.dtype), device)
    if not plain.numel():
        return result
    if source_device.host and source_device.type == devices.HOST_TYPE:
        device.runtime.upload(result.storage.handle, host_bytes(plain))
    elif device.type == devices.HOST_TYPE:
        source_device.runtime.synchronize(source_device.index)
        source_device.runtime.download(plain.storage.handle, host_bytes(result))
    elif source_device.type != device.type or not device.runtime.transfer(
        plain.storage.handle, result.storage.handle
    ):
        return transfer(transfer(plain, devices.host_device()), device)
    count_transfer(source_device, device)
    return result


def count_transfer(source: Device, target: Device) -> None:
    """Count a transfer of one tensor between two devices, for the report."""
    counts = ops.F.to_device.counts
    key = (target.type, "transfer", f"from {source.type}")
    counts[key] = counts.get(key, 0) + 1
