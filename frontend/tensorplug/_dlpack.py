"""DLPack capsules (https://dmlc.github.io/dlpack/latest/c_api.html), host memory only."""

from __future__ import annotations

from tensorplug_dispatcher import dtypes
from tensorplug_dispatcher.errors import DTypeError
from tensorplug_dispatcher.interpreter import new_capsule, read_capsule, take_capsule
from tensorplug_dispatcher.layout import row_major_strides, span, strided
from tensorplug_dispatcher.writing import host_address

from ._host import foreign

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

HOST = 1
SIGNED, UNSIGNED, FLOAT, BFLOAT, BOOLEAN = 0, 1, 2, 4, 6
CODES = {
    dtypes.bool_: (BOOLEAN, 8),
    dtypes.uint8: (UNSIGNED, 8),
    dtypes.int8: (SIGNED, 8),
    dtypes.int16: (SIGNED, 16),
    dtypes.int32: (SIGNED, 32),
    dtypes.int64: (SIGNED, 64),
    dtypes.float16: (FLOAT, 16),
    dtypes.bfloat16: (BFLOAT, 16),
    dtypes.float32: (FLOAT, 32),
    dtypes.float64: (FLOAT, 64),
}
BY_CODE = {code: dtype for dtype, code in CODES.items()}
VERSION = (1, 0)  # the one that is spoken; later minor versions lay out nothing differently
READ_ONLY, IS_COPIED = 1, 2


def export(tensor: Any, versioned: bool = False, copied: bool = False) -> Any:
    """A capsule that keeps ``tensor`` alive until its consumer is done: named ``dltensor``, or, for consumers
    that know DLPack 1.0, ``dltensor_versioned``, which also says whether it is a copy.
    """
    first, handle = host_address(tensor)
    return new_capsule(
        (tensor, handle),
        first,
        tensor.shape,
        tensor.layout.strides,
        CODES[tensor.dtype],
        VERSION if versioned else None,
        IS_COPIED if copied else 0,
    )


def load(capsule: Any) -> tuple[Any, bool, bool]:
    """(a tensor over the memory of a DLPack capsule, whether that is read-only, whether it is a copy made for
    us); the capsule is used up.
    """
    source = read_capsule(capsule)
    if source is None:
        raise DTypeError(
            "from_dlpack expects an object with __dlpack__ or an unused DLPack capsule; a "
            "capsule can be consumed only once"
        )
    if source.version is not None and source.version[0] != VERSION[0]:
        raise BufferError(
            f"from_dlpack speaks DLPack {VERSION[0]}.{VERSION[1]}, but the array came in version "
            f"{source.version[0]}.{source.version[1]}, though 1.0 was asked for; hand it over through "
            f"NumPy, or upgrade tensorplug"
        )
    if source.device_type != HOST:
        raise BufferError(
            f"from_dlpack takes host memory, but the array is on DLPack device type "
            f"{source.device_type}; copy it to the host first"
        )
    dtype = BY_CODE.get(source.kind) if source.lanes == 1 else None
    if dtype is None:
        code, bits = source.kind
        raise DTypeError(
            f"from_dlpack: no dtype here has DLPack code {code} with {bits} bits and {source.lanes} lanes"
        )
    shape = source.shape
    strides = row_major_strides(shape) if source.strides is None else source.strides
    if min(strides, default=0) < 0:
        raise BufferError(
            f"from_dlpack: negative strides {list(strides)} are not supported; copy the array first"
        )
    layout = strided(shape, strides, dtype)
    tensor = foreign(source.address, take_capsule(capsule), layout, span(layout, 0)[1] * dtype.itemsize)
    return tensor, bool(source.flags & READ_ONLY), bool(source.flags & IS_COPIED)
