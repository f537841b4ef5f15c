"""DLPack capsules by ctypes (https://dmlc.github.io/dlpack/latest/c_api.html), host memory only."""

from __future__ import annotations

import ctypes

from tensorplug_dispatcher import dtypes
from tensorplug_dispatcher.errors import DTypeError
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


class DLDevice(ctypes.Structure):
    _fields_ = [("device_type", ctypes.c_int32), ("device_id", ctypes.c_int32)]


class DLDataType(ctypes.Structure):
    _fields_ = [("code", ctypes.c_uint8), ("bits", ctypes.c_uint8), ("lanes", ctypes.c_uint16)]


class DLTensor(ctypes.Structure):
    _fields_ = [
        ("data", ctypes.c_void_p),
        ("device", DLDevice),
        ("ndim", ctypes.c_int32),
        ("dtype", DLDataType),
        ("shape", ctypes.POINTER(ctypes.c_int64)),
        ("strides", ctypes.POINTER(ctypes.c_int64)),
        ("byte_offset", ctypes.c_uint64),
    ]


class DLManagedTensor(ctypes.Structure):
    pass


class DLManagedTensorVersioned(ctypes.Structure):
    pass


DELETER = ctypes.CFUNCTYPE(None, ctypes.c_void_p)
DLManagedTensor._fields_ = [("dl_tensor", DLTensor), ("manager_ctx", ctypes.c_void_p), ("deleter", DELETER)]
DLManagedTensorVersioned._fields_ = [
    ("major", ctypes.c_uint32),
    ("minor", ctypes.c_uint32),
    ("manager_ctx", ctypes.c_void_p),
    ("deleter", DELETER),
    ("flags", ctypes.c_uint64),
    ("dl_tensor", DLTensor),
]
VERSION = (1, 0)  # the one that is spoken; later minor versions lay out nothing differently
READ_ONLY, IS_COPIED = 1, 2

_api = ctypes.pythonapi
_new = _api.PyCapsule_New
_new.restype = ctypes.py_object
_new.argtypes = (ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p)
_pointer = _api.PyCapsule_GetPointer
_pointer.restype = ctypes.c_void_p
_pointer.argtypes = (ctypes.py_object, ctypes.c_char_p)
_is_valid = _api.PyCapsule_IsValid
_is_valid.argtypes = (ctypes.py_object, ctypes.c_char_p)
_set_name = _api.PyCapsule_SetName
_set_name.argtypes = (ctypes.py_object, ctypes.c_char_p)
CAPSULE_DESTRUCTOR = ctypes.CFUNCTYPE(None, ctypes.c_void_p)
_raw_is_valid = ctypes.PYFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_char_p)(("PyCapsule_IsValid", _api))
_raw_pointer = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p, ctypes.c_char_p)(
    ("PyCapsule_GetPointer", _api)
)

NAME, USED = b"dltensor", b"used_dltensor"
VERSIONED, VERSIONED_USED = b"dltensor_versioned", b"used_dltensor_versioned"

_exported: dict[int, Any] = {}  # what each managed tensor keeps alive, by its address


@DELETER
def _delete(managed: Any) -> None:
    _exported.pop(managed, None)


@CAPSULE_DESTRUCTOR
def _drop_unused(capsule: int) -> None:
    """A capsule that nobody consumed frees what it holds."""
    for name in (NAME, VERSIONED):
        if _raw_is_valid(capsule, name):
            _exported.pop(_raw_pointer(capsule, name), None)


def export(tensor: Any, versioned: bool = False, copied: bool = False) -> Any:
    """A capsule that keeps ``tensor`` alive until its consumer is done: named ``dltensor``, or, for consumers
    that know DLPack 1.0, ``dltensor_versioned``, which also says whether it is a copy.
    """
    ndim = tensor.ndim
    shape = (ctypes.c_int64 * max(ndim, 1))(*tensor.shape)
    strides = (ctypes.c_int64 * max(ndim, 1))(*tensor.layout.strides)
    code, bits = CODES[tensor.dtype]
    first, handle = host_address(tensor)
    managed: Any = DLManagedTensor()
    if versioned:
        managed = DLManagedTensorVersioned(*VERSION, flags=IS_COPIED if copied else 0)
    managed.dl_tensor = DLTensor(
        first,
        DLDevice(HOST, 0),
        ndim,
        DLDataType(code, bits, 1),
        ctypes.cast(shape, ctypes.POINTER(ctypes.c_int64)),
        ctypes.cast(strides, ctypes.POINTER(ctypes.c_int64)),
        0,
    )
    managed.deleter = _delete
    address = ctypes.addressof(managed)
    _exported[address] = (managed, shape, strides, tensor, handle)
    return _new(address, VERSIONED if versioned else NAME, ctypes.cast(_drop_unused, ctypes.c_void_p))


class Imported:
    """Keeps foreign memory until the last tensor over it is gone, then tells its owner."""

    def __init__(self, managed: Any) -> None:
        self.managed = managed

    def __del__(self) -> None:
        if self.managed.contents.deleter:
            self.managed.contents.deleter(ctypes.addressof(self.managed.contents))


def load(capsule: Any) -> tuple[Any, bool, bool]:
    """(a tensor over the memory of a DLPack capsule, whether that is read-only, whether it is a copy made for
    us); the capsule is used up.
    """
    versioned = bool(_is_valid(capsule, VERSIONED))
    if not versioned and not _is_valid(capsule, NAME):
        raise DTypeError(
            "from_dlpack expects an object with __dlpack__ or an unused DLPack capsule; a "
            "capsule can be consumed only once"
        )
    kind: Any = DLManagedTensorVersioned if versioned else DLManagedTensor
    managed = ctypes.cast(_pointer(capsule, VERSIONED if versioned else NAME), ctypes.POINTER(kind))
    if versioned and managed.contents.major != VERSION[0]:
        raise BufferError(
            f"from_dlpack speaks DLPack {VERSION[0]}.{VERSION[1]}, but the array came in version "
            f"{managed.contents.major}.{managed.contents.minor}, though 1.0 was asked for; hand it over "
            f"through "
            f"NumPy, or upgrade tensorplug"
        )
    flags = managed.contents.flags if versioned else 0
    source = managed.contents.dl_tensor
    if source.device.device_type != HOST:
        raise BufferError(
            f"from_dlpack takes host memory, but the array is on DLPack device type "
            f"{source.device.device_type}; copy it to the host first"
        )
    dtype = BY_CODE.get((source.dtype.code, source.dtype.bits)) if source.dtype.lanes == 1 else None
    if dtype is None:
        raise DTypeError(
            f"from_dlpack: no dtype here has DLPack code {source.dtype.code} with "
            f"{source.dtype.bits} bits and {source.dtype.lanes} lanes"
        )
    shape = tuple(source.shape[i] for i in range(source.ndim))
    strides = (
        tuple(source.strides[i] for i in range(source.ndim)) if source.strides else row_major_strides(shape)
    )
    if min(strides, default=0) < 0:
        raise BufferError(
            f"from_dlpack: negative strides {list(strides)} are not supported; copy the array first"
        )
    layout = strided(shape, strides, dtype)
    _set_name(capsule, VERSIONED_USED if versioned else USED)
    tensor = foreign(
        (source.data or 0) + source.byte_offset,
        Imported(managed),
        layout,
        span(layout, 0)[1] * dtype.itemsize,
    )
    return tensor, bool(flags & READ_ONLY), bool(flags & IS_COPIED)
