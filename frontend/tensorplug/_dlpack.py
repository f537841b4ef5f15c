"""DLPack capsules (https://dmlc.github.io/dlpack/latest/c_api.html), of host memory only."""

from __future__ import annotations

from tensorplug_dispatcher import dtypes
from tensorplug_dispatcher.devices.registry import host_device
from tensorplug_dispatcher.errors import DeviceError, DTypeError
from tensorplug_dispatcher.interpreter import new_capsule, read_capsule, take_capsule
from tensorplug_dispatcher.layout import row_major_strides, span, strided
from tensorplug_dispatcher.ops import F
from tensorplug_dispatcher.writing import host_address

from ._arguments import device_argument
from ._host import foreign
from ._interop import refuse_quantized
from ._public import public

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ._tensor import Tensor

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


# -- what users call -----------------------------------------------------------------------------------------


@public("method", names="__dlpack__")
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

    Shapes: any shape; dtypes: any but quantized ones. Source: torch.Tensor.__dlpack__.
    """
    refuse_quantized("__dlpack__", self)
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
                f"only host memory is exported through DLPack, and the tensor is on {self.device}; "
                "use .cpu(), or ask for a copy with dl_device=(1, 0)"
            )
        source, copied = F.to_device(source, host_device()), True
    elif copy:
        source, copied = F.copy(source), True
    else:
        copied = False
    return export(source, max_version is not None and tuple(max_version) >= (1, 0), copied)


@public("method", names="__dlpack_device__")
def dlpack_device(self: Tensor) -> tuple[int, int]:
    """(device type, index) in DLPack's numbers: 1 is host memory.

    Shapes: any shape; dtypes: any but quantized ones. Raises BufferError for memory that cannot be handed
    over. Source: torch.Tensor.__dlpack_device__.
    """
    if self.device is not host_device():
        raise BufferError(
            f"only host memory is exported through DLPack, and the tensor is on {self.device}; use .cpu()"
        )
    return 1, 0


@public("function")
def from_dlpack(ext_tensor: Any, *, device: Any = None, copy: bool | None = None) -> Tensor:
    """A tensor over the memory of an object with ``__dlpack__``, or of a DLPack capsule.

    ``copy`` True always copies; False raises BufferError where that is needed; None copies where it is: what
    is read-only (a tensor could write to it), what is to go to another ``device``, and, with
    ``device="cpu"``, what lies elsewhere. Signs and conjugations that PyTorch has put off are carried out
    first. Raises BufferError for memory of other devices without ``device``, DTypeError for dtypes that do
    not exist here.

    Shapes: the object's shape; dtypes: the object's. Source: torch.from_dlpack.
    """
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
    wanted: dict[str, Any] = {"max_version": VERSION}
    if to_host and hasattr(array, "__dlpack_device__") and array.__dlpack_device__()[0] != HOST:
        wanted["dl_device"] = (HOST, 0)
    if copy is not None:
        wanted["copy"] = copy
    try:
        return array.__dlpack__(**wanted)
    except TypeError:  # one that knows no keywords
        return array.__dlpack__()
