"""tensorplug: a deep-learning framework with PyTorch's interface whose devices are plugins.

Importing it imports no plugin, no device library and no NumPy; the modules ``nn``, ``optim``, ``utils``,
``linalg`` and the
rest come on their first use.
"""

from __future__ import annotations

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

from ._conversion import contiguous_format, preserve_format
from ._creation import (
    as_tensor,
    asarray,
    empty,
    empty_like,
    empty_strided,
    full,
    full_like,
    ones,
    ones_like,
    scalar_tensor,
    tensor,
    zeros,
    zeros_like,
)
from ._interop import from_dlpack, from_numpy, frombuffer
from ._ranges import arange, eye, linspace, logspace, range_, tril_indices, triu_indices
from ._settings import (
    device,
    get_default_device,
    get_num_threads,
    set_default_device,
    set_num_threads,
)
from ._tensor import FUNCTIONS, Tensor
from ._typeinfo import finfo, iinfo
from .autograd import (
    enable_grad,
    inference_mode,
    is_grad_enabled,
    is_inference_mode_enabled,
    no_grad,
    set_grad_enabled,
)
from .random import (
    Generator,
    bernoulli,
    default_generator,
    get_rng_state,
    initial_seed,
    manual_seed,
    multinomial,
    normal,
    rand,
    rand_like,
    randint,
    randint_like,
    randn,
    randn_like,
    randperm,
    seed,
    set_rng_state,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__version__ = "0.2.0"

dtype = DType
range = range_
strided = "strided"
e, inf, nan, newaxis, pi = 2.718281828459045, 1e999, 1e999 - 1e999, None, 3.141592653589793

globals().update(FUNCTIONS)

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
AUTOCAST = (
    *("autocast", "clear_autocast_cache", "get_autocast_dtype", "is_autocast_cache_enabled"),
    *("is_autocast_enabled", "set_autocast_cache_enabled", "set_autocast_dtype", "set_autocast_enabled"),
)
QUANTIZATION = (
    *("dequantize", "fake_quantize_per_channel_affine", "fake_quantize_per_tensor_affine"),
    *("per_channel_affine", "per_channel_symmetric", "per_group_affine", "per_group_symmetric"),
    *("per_tensor_affine", "per_tensor_symmetric", "quantize_per_channel", "quantize_per_group"),
    *("quantize_per_tensor", "quantize_per_tensor_dynamic"),
)
LATER = {
    **dict.fromkeys(AUTOCAST, "amp"),
    **dict.fromkeys(QUANTIZATION, "quantization._tensors"),
    "Event": "_streams",
    "Stream": "_streams",
    "get_float32_matmul_precision": "_settings",
    "set_float32_matmul_precision": "_settings",
    "load": "serialization",
    "migrate": "migration",
    "no_migration": "migration",
    "resilient": "resilience",
    "save": "serialization",
    "set_printoptions": "_printing",
    "get_printoptions": "_printing",
}


def __getattr__(name: str) -> Any:
    """Submodules and rarely used functions, imported on their first use."""
    from importlib import import_module

    if name in MODULES:
        return import_module(f"{__name__}.{name}")
    if name in LATER:
        value = globals()[name] = getattr(import_module(f"{__name__}.{LATER[name]}"), name)
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
    "arange",
    "as_tensor",
    "asarray",
    "autocast",
    "bernoulli",
    "bfloat16",
    "bool",
    "clear_autocast_cache",
    "contiguous_format",
    "default_generator",
    "device",
    "double",
    "dtype",
    "e",
    "empty",
    "empty_like",
    "empty_strided",
    "enable_grad",
    "eye",
    "finfo",
    "float",
    "float16",
    "float32",
    "float64",
    "float8_e4m3fn",
    "float8_e5m2",
    "from_dlpack",
    "from_numpy",
    "frombuffer",
    "full",
    "full_like",
    "get_autocast_dtype",
    "get_default_device",
    "get_default_dtype",
    "get_float32_matmul_precision",
    "get_num_threads",
    "get_printoptions",
    "get_rng_state",
    "half",
    "iinfo",
    "inf",
    "inference_mode",
    "initial_seed",
    "int",
    "int16",
    "int32",
    "int64",
    "int8",
    "is_autocast_cache_enabled",
    "is_autocast_enabled",
    "is_grad_enabled",
    "is_inference_mode_enabled",
    "linspace",
    "load",
    "logspace",
    "long",
    "manual_seed",
    "migrate",
    "multinomial",
    "nan",
    "newaxis",
    "no_grad",
    "no_migration",
    "normal",
    "ones",
    "ones_like",
    "pi",
    "preserve_format",
    "qint4",
    "qint8",
    "quint4",
    "quint8",
    "rand",
    "rand_like",
    "randint",
    "randint_like",
    "randn",
    "randn_like",
    "randperm",
    "range",
    "resilient",
    "save",
    "scalar_tensor",
    "seed",
    "set_autocast_cache_enabled",
    "set_autocast_dtype",
    "set_autocast_enabled",
    "set_default_device",
    "set_default_dtype",
    "set_float32_matmul_precision",
    "set_grad_enabled",
    "set_num_threads",
    "set_printoptions",
    "set_rng_state",
    "short",
    "strided",
    "tensor",
    "tril_indices",
    "triu_indices",
    "uint8",
    "zeros",
    "zeros_like",
]
__all__.extend(FUNCTIONS)
__all__.extend(QUANTIZATION)
