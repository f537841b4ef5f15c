"""The tensor record: a storage, a layout, an offset, and what layers hang on to it."""

from __future__ import annotations

from typing import Any

import cython

from .context import CONTEXT as CONTEXT  # plugins of API 1.0 take it from here

if not cython.compiled:
    from .layout import Layout
    from .storage import Device, Storage, new_storage

# Flags of a tensor.
REQUIRES_GRAD = 1  # a leaf that accumulates gradients
RETAINS_GRAD = 2
INFERENCE = 4  # made in inference mode
NO_GRAD_VIEW = 8  # made while gradients were off, of a base that has a history
FUNCTION_VIEW = 16  # made by a Function: its derivative is the Function's, and no write can be added to it
_UNRECORDABLE = NO_GRAD_VIEW | FUNCTION_VIEW  # the same, as a C integer


# What no attribute of a user may hide: the record's properties, and its fields, which C alone reaches.
OWN_FIELDS = frozenset(
    ("storage", "layout", "offset", "shape", "strides", "dtype", "device", "ndim")
    + ("grad_fn_", "base_", "grad_", "hooks_", "output_nr", "base_version")
)


class TensorBase:
    """Storage, layout, offset, and a place for the autograd layer's record. Users meet it as
    ``tensorplug.Tensor``.
    """

    @property
    def storage(self) -> Any:
        return self.storage_

    @property
    def layout(self) -> Any:
        return self.layout_

    @property
    def offset(self) -> int:
        return self.offset_

    @property
    def shape(self) -> Any:
        return self.layout_.shape

    @property
    def strides(self) -> tuple[int, ...]:
        return self.layout_.strides

    @property
    def dtype(self) -> Any:
        return self.layout_.dtype

    @property
    def device(self) -> Any:
        return self.storage_.device

    @property
    def ndim(self) -> int:
        return self.layout_.ndim

    @property
    def _version(self) -> int:
        return self.storage_.version

    @property
    def key_bits(self) -> int:
        return tensor_bits(self)

    def numel(self) -> int:
        return self.layout_.numel

    def dim(self) -> int:
        return self.layout_.ndim

    def data_ptr(self) -> int:
        """The host address of the first element, 0 where the host cannot read the memory."""
        if not self.storage_.ptr:
            return 0
        return self.storage_.ptr + self.offset_ * self.layout_.itemsize

    def is_contiguous(self) -> bool:
        return self.layout_.dense

    def mark(self, bits: int, set: bool = True) -> None:
        """Set or clear layer bits of this tensor's dispatch key."""
        if set:
            self.bits |= bits
        else:
            self.bits &= ~bits

    def marked(self, bits: int) -> bool:
        return (self.bits & bits) != 0

    def __getattr__(self, name: str) -> Any:
        """Attributes that a user has set; kept apart, so that a tensor without any needs no dictionary."""
        if self.attributes is not None and name in self.attributes:
            return self.attributes[name]
        raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'")

    def __setattr__(self, name: str, value: Any) -> None:
        try:
            if cython.compiled:
                PyObject_GenericSetAttr(self, name, value)
            else:
                object.__setattr__(self, name, value)
        except AttributeError:
            if hasattr(type(self), name) or name in OWN_FIELDS:
                raise
            if self.attributes is None:
                self.attributes = {}
            self.attributes[name] = value

    def __delattr__(self, name: str) -> None:
        if self.attributes is None or name not in self.attributes:
            raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'")
        del self.attributes[name]

    @property
    def user_attributes(self) -> dict[str, Any]:
        """What users have set on this tensor, by name."""
        return {} if self.attributes is None else dict(self.attributes)

    def become(self, other: TensorBase) -> None:
        """Point this tensor at the storage, layout and offset of ``other`` (``tensor.data = other``,
        ``set_``).
        """
        self.storage_ = other.storage_
        self.layout_ = other.layout_
        self.offset_ = other.offset_
        self.slots = other.slots


def tensor_bits(tensor: TensorBase) -> cython.ulonglong:
    """The tensor's part of a dispatch key; a view also carries its base's layer bits."""
    bits: cython.ulonglong = tensor.bits | tensor.storage_.bits | tensor.layout_.bits
    if tensor.base_ is not None:
        base: TensorBase = tensor.base_
        bits |= base.bits
    return bits


tensor_class: Any = TensorBase
NO_ARGS = ()


def set_tensor_class(cls: Any) -> None:
    """Results of ops become instances of ``cls``, a subclass of TensorBase."""
    global tensor_class
    tensor_class = cls
    owner = next((c for c in cls.__mro__ if _NUMBER_METHODS.intersection(c.__dict__)), cls)
    if cython.compiled and owner is not cls:
        # CPython gives a Python subclass, and each below it, slots that look the method up by name, which
        # costs more than the call
        tensorplug_inherit_slots(cls, owner)


_NUMBER_METHODS = frozenset(
    f"__{prefix}{name}__"
    for prefix in ("", "r", "i")
    for name in "add sub mul truediv floordiv mod pow and or xor lshift rshift matmul neg abs invert "
    "pos bool float int index".split()
)


def wrap(storage: Storage, layout: Layout, offset: cython.Py_ssize_t) -> TensorBase:
    if cython.compiled:  # tp_new itself: calling the class costs three times as much
        tensor: TensorBase = cython.cast(TensorBase, tensorplug_new(tensor_class, NO_ARGS))
    else:
        tensor = tensor_class.__new__(tensor_class)
    tensor.storage_ = storage
    tensor.layout_ = layout
    tensor.offset_ = offset
    tensor.bits = 0
    tensor.output_nr = 0
    tensor.flags = 0
    tensor.base_version = 0
    if not cython.compiled:
        _pure_fields(tensor)
    return tensor


def _pure_fields(tensor: TensorBase) -> None:
    tensor.grad_fn_ = None
    tensor.base_ = None
    tensor.grad_ = None
    tensor.hooks_ = None
    tensor.slots = None
    tensor.attributes = None


# -- the record of how a tensor was made, for layers that are not compiled


def flags_of(tensor: TensorBase) -> int:
    """``REQUIRES_GRAD`` and its like, united."""
    return tensor.flags


def set_flags(tensor: TensorBase, added: int = 0, removed: int = 0) -> None:
    tensor.flags = tensor.flags & ~removed | added


def origin(tensor: TensorBase) -> Any:
    """The node that a tensor is noted to come from; a view's may have to be made anew (``grad_fn`` does)."""
    return tensor.grad_fn_


def set_origin(tensor: TensorBase, node: Any, output: int = 0) -> None:
    """Note that a tensor is the result ``output`` of ``node``; None: that nothing is known."""
    tensor.grad_fn_ = node
    tensor.output_nr = output


def set_base(tensor: TensorBase, base: Any) -> None:
    """Note what a tensor is a view of, which may be a view itself, and that it shows its present value."""
    found: TensorBase = base
    tensor.base_ = None if base is None else base if found.base_ is None else found.base_
    tensor.base_version = tensor.storage_.version


def hooks_of(tensor: TensorBase) -> dict[int, Any]:
    """The hooks of a leaf, to which more may be added."""
    if tensor.hooks_ is None:
        tensor.hooks_ = {}
    return tensor.hooks_


def slots_of(tensor: TensorBase) -> dict[str, Any]:
    """What layers keep on a tensor, by layer. It belongs to the data: another look at the same memory,
    below layers, has it too.
    """
    return tensor.slots or {}


def set_slot(tensor: TensorBase, layer: str, value: Any) -> None:
    """Keep ``value`` on a tensor for a layer; None for nothing. Tensors that had the same keep theirs."""
    kept: dict[str, Any] = dict(tensor.slots or {})
    if value is None:
        kept.pop(layer, None)
    else:
        kept[layer] = value
    tensor.slots = kept or None


def empty(layout: Layout, device: Device) -> TensorBase:
    """A tensor of this layout (which must not reach outside its elements' span) with undefined contents."""
    return wrap(new_storage(device, device.bucket(layout.nbytes), layout.nbytes), layout, 0)


def view_of(tensor: TensorBase, layout: Layout, offset: int) -> TensorBase:
    """Another look at the same storage, with no autograd history and no base:
    ``detach`` with a new layout.
    """
    made: TensorBase = wrap(tensor.storage_, layout, offset)
    made.slots = tensor.slots
    return made


def from_storage(storage: Storage, layout: Layout, offset: int = 0) -> TensorBase:
    """A tensor over memory that exists already."""
    return wrap(storage, layout, offset)
