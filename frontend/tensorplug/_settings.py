"""Process-wide choices: the default device, the number of threads, and ``device`` as PyTorch spells it."""

from __future__ import annotations

from tensorplug_dispatcher import precision as products
from tensorplug_dispatcher.devices import registry as core
from tensorplug_dispatcher.epoch import invalidate
from tensorplug_dispatcher.errors import DeviceError, ShapeError
from tensorplug_dispatcher.storage import Device

from ._public import public

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class DeviceType(type):
    """Makes ``device("cpu")`` give the one ``Device`` of that name,
    and ``isinstance(x.device, device)`` hold.
    """

    def __call__(cls, type: Any = None, index: int | None = None) -> Device:
        if isinstance(type, int):
            raise DeviceError(
                f"a device is given by name, for instance device('cpu'), not by the number {type}"
            )
        return core.default_device() if type is None else core.device(type, index)

    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, Device)


if TYPE_CHECKING:

    class device(Device):
        def __init__(self, type: Any = None, index: int | None = None) -> None: ...

else:

    class device(metaclass=DeviceType):
        """``device("mirror:0")``, ``device("mirror", 0)``: the device of that name; its plugin is loaded.

        Raises UnknownDeviceError where no plugin offers it, PluginError where the plugin is broken.
        """


@public("function")
def set_default_device(device: Any) -> None:
    """Where tensors are made when nothing else is said; None is the CPU.

    Source: torch.set_default_device.
    """
    core.set_default_device(device)


@public("function")
def get_default_device() -> Device:
    """Where tensors are made when nothing else is said.

    Source: torch.get_default_device.
    """
    return core.default_device()


def _threads(name: str) -> Any:
    runtime = core.host_device().runtime
    function = getattr(runtime, name, None)
    if function is None:
        raise DeviceError(f"the runtime of device 'cpu' ({type(runtime).__module__}) has no {name}()")
    return function


@public("function")
def set_num_threads(num: int) -> None:
    """How many threads the CPU's kernels may use; raises ShapeError for less than 1.

    Source: torch.set_num_threads.
    """
    if not isinstance(num, int) or num < 1:
        raise ShapeError(f"set_num_threads expects a positive integer, but got {num!r}")
    if num != get_num_threads():
        _threads("set_num_threads")(num)
        invalidate()  # some kernels are split for a number of threads when they are planned


@public("function")
def get_num_threads() -> int:
    """How many threads the CPU's kernels use.

    Source: torch.get_num_threads.
    """
    return int(_threads("get_num_threads")())


@public("function")
def get_float32_matmul_precision() -> str:
    """How exactly products of float32 matrices are computed: highest, high or medium.

    Source: torch.get_float32_matmul_precision.
    """
    return products.float32_matmul_precision()


@public("function")
def set_float32_matmul_precision(precision: str) -> None:
    """Choose ``highest`` (in float32), ``high`` or ``medium`` (fewer bits, TF32 for instance, where a device
    has that); raises ValueError for others. Source: torch.set_float32_matmul_precision.
    """
    products.set_float32_matmul_precision(precision)
