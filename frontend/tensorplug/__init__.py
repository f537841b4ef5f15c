"""tensorplug: a deep-learning framework with PyTorch's interface whose devices are plugins.

Importing it imports no plugin, no device library and no NumPy; the modules ``nn``, ``optim``, ``utils``,
``linalg`` and the
rest come on their first use.
"""

from __future__ import annotations

from importlib import import_module

from tensorplug_dispatcher import keys, layers
from tensorplug_dispatcher.dtypes import (
    DType,
    bfloat16,
    float8_e4m3fn,
    float8_e5m2,
    float16,
    float32,
    float64,
    int8,
    int16,
    int32,
    int64,
    qint4,
    qint8,
    quint4,
    quint8,
    uint8,
)
from tensorplug_dispatcher.dtypes import bool_ as bool
from tensorplug_dispatcher.dtypes import float16 as half
from tensorplug_dispatcher.dtypes import float32 as float
from tensorplug_dispatcher.dtypes import float64 as double
from tensorplug_dispatcher.dtypes import int16 as short
from tensorplug_dispatcher.dtypes import int32 as int
from tensorplug_dispatcher.dtypes import int64 as long
from tensorplug_dispatcher.errors import (
    AutogradError,
    CorruptTransferError,
    DeviceError,
    DeviceLostError,
    DeviceMismatchError,
    DTypeError,
    IndexRangeError,
    InplaceError,
    KernelError,
    MissingKernelError,
    OutOfMemoryError,
    PluginError,
    QuantizationError,
    ShapeError,
    SignatureError,
    TensorplugError,
    UnknownDeviceError,
)
from tensorplug_dispatcher.layout import Size
from tensorplug_dispatcher.promotion import default_dtype as get_default_dtype
from tensorplug_dispatcher.promotion import set_default_dtype

from . import _generated
from ._conversion import contiguous_format, preserve_format
from ._generated import *  # noqa: F403
from ._settings import device
from ._tensor import Tensor
from ._typeinfo import finfo, iinfo
from .autograd import (
    enable_grad,
    inference_mode,
    is_grad_enabled,
    is_inference_mode_enabled,
    no_grad,
    set_grad_enabled,
)
from .later import found
from .random import Generator, default_generator

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from . import (
        amp,
        autograd,
        backends,
        cuda,
        demo,
        devices,
        linalg,
        nn,
        optim,
        quantization,
        random,
        return_types,
        serialization,
        utils,
    )
    from ._layers import layer, profile
    from ._streams import Event, Stream
    from .amp import (
        autocast,
        clear_autocast_cache,
        get_autocast_dtype,
        is_autocast_cache_enabled,
        is_autocast_enabled,
        set_autocast_cache_enabled,
        set_autocast_dtype,
        set_autocast_enabled,
    )
    from .migration import no_migration
    from .quantization._tensors import (
        per_channel_affine,
        per_channel_symmetric,
        per_group_affine,
        per_group_symmetric,
        per_tensor_affine,
        per_tensor_symmetric,
    )

__version__ = "0.2.0"

dtype = DType
strided = "strided"
e, inf, nan, newaxis, pi = 2.718281828459045, 1e999, 1e999 - 1e999, None, 3.141592653589793

MODULES = (
    "amp",
    "autograd",
    "backends",
    "cuda",
    "demo",
    "devices",
    "linalg",
    "nn",
    "optim",
    "quantization",
    "random",
    "return_types",
    "serialization",
    "utils",
)
layers.claim("autograd", keys.HISTORY)
layers.claim("quantization", keys.LEVELS)

AUTOCAST = (
    *("autocast", "clear_autocast_cache", "get_autocast_dtype", "is_autocast_cache_enabled"),
    *("is_autocast_enabled", "set_autocast_cache_enabled", "set_autocast_dtype", "set_autocast_enabled"),
)
SCHEMES = (
    *("per_channel_affine", "per_channel_symmetric", "per_group_affine", "per_group_symmetric"),
    *("per_tensor_affine", "per_tensor_symmetric"),
)
LATER = {
    **_generated.LATER,
    **dict.fromkeys(AUTOCAST, "amp"),
    **dict.fromkeys(SCHEMES, "quantization._tensors"),
    "Event": "_streams",
    "Stream": "_streams",
    "layer": "_layers",
    "profile": "_layers",
    "no_migration": "migration",
}

if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        """Submodules and rarely used functions, imported on their first use."""
        if name in MODULES:
            return import_module(f"{__name__}.{name}")
        if name in LATER:
            value = globals()[name] = found(f".{LATER[name]}", name)
            return value
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *MODULES, *LATER})


__all__ = [
    "AutogradError",
    "CorruptTransferError",
    "DTypeError",
    "DeviceError",
    "DeviceLostError",
    "DeviceMismatchError",
    "Event",
    "Generator",
    "IndexRangeError",
    "InplaceError",
    "KernelError",
    "MissingKernelError",
    "OutOfMemoryError",
    "PluginError",
    "QuantizationError",
    "ShapeError",
    "SignatureError",
    "Size",
    "Stream",
    "Tensor",
    "TensorplugError",
    "UnknownDeviceError",
    "autocast",
    "bfloat16",
    "bool",
    "clear_autocast_cache",
    "contiguous_format",
    "default_generator",
    "device",
    "double",
    "dtype",
    "e",
    "enable_grad",
    "finfo",
    "float",
    "float16",
    "float32",
    "float64",
    "float8_e4m3fn",
    "float8_e5m2",
    "get_autocast_dtype",
    "get_default_dtype",
    "half",
    "iinfo",
    "inf",
    "inference_mode",
    "int",
    "int16",
    "int32",
    "int64",
    "int8",
    "is_autocast_cache_enabled",
    "is_autocast_enabled",
    "is_grad_enabled",
    "is_inference_mode_enabled",
    "layer",
    "long",
    "nan",
    "newaxis",
    "no_grad",
    "no_migration",
    "per_channel_affine",
    "per_channel_symmetric",
    "per_group_affine",
    "per_group_symmetric",
    "per_tensor_affine",
    "per_tensor_symmetric",
    "pi",
    "preserve_format",
    "profile",
    "qint4",
    "qint8",
    "quint4",
    "quint8",
    "set_autocast_cache_enabled",
    "set_autocast_dtype",
    "set_autocast_enabled",
    "set_default_dtype",
    "set_grad_enabled",
    "short",
    "strided",
    "uint8",
]
__all__ += _generated.__all__
if not TYPE_CHECKING:  # the stub has them in its own
    __all__.extend(_generated.LATER)
