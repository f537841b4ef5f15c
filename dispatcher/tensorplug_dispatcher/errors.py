"""What can go wrong, as types: catch :class:`TensorplugError` for all of it.

Every error is also the built-in that Python programmers (and PyTorch's users) would catch, for instance
:class:`ShapeError` is a ``ValueError``. Messages say what was asked, with the values, and what to do.
"""

from __future__ import annotations


class TensorplugError(RuntimeError):
    """The base of all errors that tensorplug raises on purpose."""


class ShapeError(TensorplugError, ValueError):
    """Shapes, strides or sizes that do not fit together or do not fit the op."""


class DTypeError(TensorplugError, TypeError):
    """A dtype that an op does not take, or that does not fit the other operands."""


class NumberRangeError(DTypeError, ValueError, OverflowError):
    """A number does not fit the dtype that it was to have."""


class SignatureError(TensorplugError, TypeError):
    """A call whose arguments do not fit the op's signature."""


class QuantizationError(TensorplugError, ValueError):
    """A scale, zero point, granularity or calibration that quantization cannot work with."""


class IndexRangeError(TensorplugError, IndexError):
    """An index or a dimension that lies outside the tensor."""


class DeviceError(TensorplugError):
    """A device was asked for something that it cannot do; the base of the errors about devices."""


class UnknownDeviceError(DeviceError):
    """No installed plugin offers a device of this name, or the device has no such index."""


class DeviceAbsentError(UnknownDeviceError):
    """A plugin is installed and its hardware, driver or platform is not there.

    A backend raises it with the reason, while it is imported, in ``tensorplug_runtime`` or in ``devices()``.
    """


class DeviceInUseError(DeviceError):
    """A device cannot be unloaded: so many ``tensors`` live there, in ``storages`` of ``nbytes`` together."""

    def __init__(self, message: str, *, tensors: int = 0, storages: int = 0, nbytes: int = 0) -> None:
        super().__init__(message)
        self.tensors = tensors
        self.storages = storages
        self.nbytes = nbytes


class DeviceBusyError(DeviceError, TimeoutError):
    """A device, or what is being done to it, did not come to an end in time."""


class DeviceMismatchError(DeviceError):
    """Operands of one call live on different devices."""


class DeviceLostError(DeviceError):
    """A device has gone away (unplugged, crashed, reset) with the work that was on it."""

    def __init__(self, message: str, *, device: str = "", op: str = "") -> None:
        super().__init__(message)
        self.device = device
        self.op = op


class OutOfMemoryError(DeviceError, MemoryError):
    """A device could not allocate ``requested`` bytes.

    ``in_use`` and ``cached`` are bytes that live buffers and the device's cache held then (None: unknown).
    """

    def __init__(
        self, device: str, requested: int, in_use: int | None = None, cached: int | None = None
    ) -> None:
        self.device = device
        self.requested = requested
        self.in_use = in_use
        self.cached = cached
        held = ""
        if in_use is not None:
            held += f"; {_size(in_use)} are in use"
        if cached is not None:
            held += f"; {_size(cached)} are cached"
        super().__init__(
            f"device '{device}' is out of memory: {_size(requested)} were asked for{held}. Use smaller "
            "batches, drop tensors that are no longer needed, or run what needs no gradient under no_grad()."
        )

    def __reduce__(self) -> tuple[type, tuple[str, int, int | None, int | None]]:
        return type(self), (self.device, self.requested, self.in_use, self.cached)


class CorruptTransferError(DeviceError):
    """Bytes that were copied to ``device`` arrived changed."""

    def __init__(self, message: str, *, device: str = "", nbytes: int = 0) -> None:
        super().__init__(message)
        self.device = device
        self.nbytes = nbytes


class MissingKernelError(TensorplugError, NotImplementedError):
    """No kernel, no decomposition and no permitted host fallback exists for an op with these operands."""


class KernelError(TensorplugError):
    """A kernel reported a failure or returned something that does not fit what was asked."""


class AutogradError(TensorplugError):
    """A derivative that cannot be computed: a freed graph, no gradient function, a shape that is wrong."""


class GradScalerError(TensorplugError, AssertionError):
    """Steps of gradient scaling in an order, or with settings, that cannot be meant."""


class InplaceError(TensorplugError):
    """An in-place change that would make gradients wrong, or that the tensor does not permit."""


class PluginError(TensorplugError):
    """A plugin that is broken, hangs, speaks another API version, or is there twice.

    ``plugin`` is the entry point's name, ``entry_point`` its value; ``cause_traceback`` is the text of the
    plugin's own traceback, if it raised.
    """

    def __init__(
        self,
        message: str,
        *,
        plugin: str = "",
        distribution: str = "",
        version: str = "",
        entry_point: str = "",
        cause_traceback: str = "",
    ) -> None:
        super().__init__(message)
        self.plugin = plugin
        self.distribution = distribution
        self.version = version
        self.entry_point = entry_point
        self.cause_traceback = cause_traceback


class PluginNameError(PluginError, ValueError):
    """A name that cannot be a device type's, or is another plugin's."""


class TargetExistsError(TensorplugError, FileExistsError):
    """A file or folder that was to be written is there already."""


def _size(nbytes: int) -> str:
    """``1536`` → ``"1536 bytes"``, ``3 << 20`` → ``"3145728 bytes (3.0 MiB)"``."""
    for shift, unit in ((30, "GiB"), (20, "MiB")):
        if nbytes >= 1 << shift:
            return f"{nbytes} bytes ({nbytes / (1 << shift):.1f} {unit})"
    return f"{nbytes} bytes"
