"""Memory and the tensor record: devices, cached blocks, storages, tensors, and the context of a call.

The core owns the shape of memory, devices own the memory. Every device gets the caching allocator here
unless its
runtime says ``caches = True``: freed blocks wait in buckets by size, and go back to the device when it is
out of
memory or ``empty_cache`` is called.
"""

from __future__ import annotations

from contextvars import ContextVar
from threading import get_ident
from typing import Any

import cython

from .errors import OutOfMemoryError, UnknownDeviceError

if not cython.compiled:
    from .layout import Layout

# Dispatch key: dtypes in bits 0-15, devices in 16-47, layers in 48-62.
DEVICE_SHIFT = 16
LAYER_SHIFT = 48
DTYPE_MASK = (1 << DEVICE_SHIFT) - 1
DEVICE_MASK = ((1 << (LAYER_SHIFT - DEVICE_SHIFT)) - 1) << DEVICE_SHIFT
LAYER_MASK = ((1 << 15) - 1) << LAYER_SHIFT
LAYER_BITS = {
    "profile": 1 << 48,
    "trace": 1 << 49,
    "autocast": 1 << 50,
    "quantization": 1 << 51,
    "autograd": 1 << 52,
}
AUTOCAST = 1 << 50
AUTOGRAD = 1 << 52
_AUTOGRAD = 1 << 52  # the same, as a C integer

# Flags of a tensor.
REQUIRES_GRAD = 1  # a leaf that accumulates gradients
RETAINS_GRAD = 2
INFERENCE = 4  # made in inference mode
NO_GRAD_VIEW = 8  # made while gradients were off, of a base that has a history
FUNCTION_VIEW = 16  # made by a Function: its derivative is the Function's, and no write can be added to it
_UNRECORDABLE = NO_GRAD_VIEW | FUNCTION_VIEW  # the same, as a C integer


class Bucket:
    """Free blocks of one size on one device. One that is not ``live`` takes none back: what they come from is
    gone.
    """

    def __init__(self, nbytes: int) -> None:
        self.nbytes = nbytes
        self.free = None
        self.live = True


@cython.freelist(64)
@cython.cclass
class Block:
    """A piece of a device's memory: the runtime's opaque handle, and its address where the host can read
    it.
    """

    def __init__(self, handle: Any, ptr: int, nbytes: int, bucket: Any) -> None:
        self.handle = handle
        self.ptr = ptr
        self.nbytes = nbytes
        self.bucket = bucket
        self.next = None


class Device:
    """One device of a plugin, ``type:index``. Interned: the same name gives the same object."""

    def __init__(self, type: str, index: int, bits: int) -> None:
        self.type = type
        self.index = index
        self.bits = bits
        unset: Any = None
        self.runtime = unset
        self.plugin = unset
        self.host = False
        self.pooled = True
        self.ready = True
        self.state = "ready"
        self.reason = ""
        self.buckets = {}
        self.allocated = 0
        self.peak = 0
        self.cached = 0
        self.cache_limit = 1 << 29
        self.allocations = 0
        start_rings(self)

    @property
    def name(self) -> str:
        return self.type if self.type == "cpu" else f"{self.type}:{self.index}"

    @property
    def key_bits(self) -> int:
        return self.bits

    def __repr__(self) -> str:
        if self.type == "cpu":
            return "device(type='cpu')"
        return f"device(type='{self.type}', index={self.index})"

    def __str__(self) -> str:
        return self.name

    def __reduce__(self) -> Any:
        from .devices import device

        return device, (self.name,)

    def __enter__(self) -> Device:
        """Tensors are made here when nothing else is said, in this context, until the block ends."""
        state: Context = CONTEXT.get()
        extra = state.extra or {}
        outer = (*extra.get("outer devices", ()), state.default_device)
        CONTEXT.set(state.replace(default_device=self, extra={**extra, "outer devices": outer}))
        return self

    def __exit__(self, *exc: Any) -> None:
        state: Context = CONTEXT.get()
        outer = state.extra["outer devices"]
        extra = {**state.extra, "outer devices": outer[:-1]}
        CONTEXT.set(state.replace(default_device=outer[-1], extra=extra))

    def bucket(self, nbytes: cython.Py_ssize_t) -> Any:
        found = self.buckets.get(nbytes)
        if found is None:
            size = size_class(nbytes)
            found = self.buckets.get(size)
            if found is None:
                found = Bucket(size)
                self.buckets[size] = found
            self.buckets[nbytes] = found
        return found

    def acquire(self, bucket: Bucket) -> Block:
        block: Block = bucket.free
        if block is not None:
            bucket.free = block.next  # at once: uncompiled, a call in between could let another thread in
        if not cython.compiled:  # uncompiled storages are collected, which can finalize what they gave back
            while block is not None and getattr(block.handle, "ptr", None) == 0:
                self.cached -= bucket.nbytes
                block = bucket.free
                if block is not None:
                    bucket.free = block.next
        if block is not None:
            block.next = None
            self.cached -= bucket.nbytes
        else:
            block = grow(self, bucket)
        self.allocated += bucket.nbytes
        if self.allocated > self.peak:
            self.peak = self.allocated
        return block

    def empty_cache(self) -> int:
        """Give all cached blocks back to the runtime; returns how many bytes that were."""
        released = self.cached
        chains: list[Any] = []
        block: Block
        for found in self.buckets.values():  # first all is taken out: a runtime that frees may run Python
            bucket: Bucket = found
            if bucket.free is not None:
                chains.append(bucket.free)
                bucket.free = None
        self.cached = 0
        while chains:
            block = chains.pop()
            while block is not None:  # one by one: a chain that frees itself would need as deep a stack
                following: Block = block.next
                block.next = None
                block = following
        return int(released)

    def forget_blocks(self) -> None:
        """Drop the cache, and cache none of the blocks that are in use now: their runtime is gone."""
        self.empty_cache()
        for found in self.buckets.values():
            bucket: Bucket = found
            bucket.live = False
        self.buckets = {}

    def retire(self) -> None:
        """Give up the key bit, for another device to take; only where nothing lives here."""
        self.bits = 0

    def live_storages(self) -> list[Storage]:
        """Every storage that lives on this device, youngest first, whoever holds it."""
        found: list[Any] = []
        if not cython.compiled:
            return list(self.storages)
        else:
            link: cython.pointer(Link) = self.storages.next
            # nothing in this loop runs Python code, so that no storage comes or goes meanwhile; one that has
            # no reference left is being freed and waits for the callback of a weak reference to it
            while link != cython.address(self.storages):
                owner: cython.pointer(PyObject) = cython.cast(
                    cython.pointer(PyObject), cython.cast(cython.size_t, link) - link_offset
                )
                if Py_REFCNT_pointer(owner) > 0:
                    found.append(cython.cast(object, owner))
                link = link.next
            return found

    def calls_in_work(self) -> tuple[int, int]:
        """How many kernels and transfers run on this device now: (in this thread, in other threads)."""
        here: cython.int = 0
        count: cython.int = 0
        if not cython.compiled:
            own = get_ident()
            here = self.runs.count(own)
            return here, len(self.runs) - here
        else:
            mine: cython.ulong = PyThread_get_thread_ident()
            run: cython.pointer(Run) = self.runs.next
            while run != cython.address(self.runs):
                count += 1
                here += run.thread == mine
                run = run.next
            return here, count - here

    def forget_other_calls(self) -> None:
        """Drop the calls in work of other threads, which are gone in a forked child."""
        if not cython.compiled:
            own = get_ident()
            self.runs = [thread for thread in self.runs if thread == own]
        else:
            mine: cython.ulong = PyThread_get_thread_ident()
            run: cython.pointer(Run) = self.runs.next
            while run != cython.address(self.runs):
                following: cython.pointer(Run) = run.next
                if run.thread != mine:
                    end_run(run)
                run = following


class at_work:
    """Context manager: a call in work on a device, for what waits until it comes to rest."""

    def __init__(self, device: Device) -> None:
        self.device = device
        if not cython.compiled:
            self.run = None

    def __enter__(self) -> None:
        if cython.compiled:
            end_run(cython.address(self.run))
            begin_run(self.device, cython.address(self.run))
        else:
            self.run = get_ident()
            self.device.runs.append(self.run)

    def __exit__(self, *exc: Any) -> None:
        if cython.compiled:
            end_run(cython.address(self.run))
        elif self.run is not None:
            thread, self.run = self.run, None
            self.device.runs.remove(thread)

    def __dealloc__(self) -> None:
        """Leave the ring: whatever has broken off the block, no freed link stays in it."""
        if cython.compiled:
            end_run(cython.address(self.run))
        else:
            self.__exit__()


def start_rings(device: Device) -> None:
    """Empty rings of the device's storages and of the calls in work there; uncompiled, Python's own
    containers do.
    """
    if cython.compiled:
        device.storages.next = device.storages.previous = cython.address(device.storages)
        device.runs.next = device.runs.previous = cython.address(device.runs)
    else:
        from weakref import WeakSet

        device.storages = WeakSet()
        device.runs = []


def enlist(storage: Storage) -> None:
    """Add a storage to its device's ring of live ones: four stores, where a weak set takes 100 ns."""
    if cython.compiled:
        first: cython.pointer(Link) = cython.address(storage.device.storages)
        storage.link.previous = first
        storage.link.next = first.next
        first.next.previous = cython.address(storage.link)
        first.next = cython.address(storage.link)
    else:
        storage.device.storages.add(storage)


def delist(storage: Storage) -> None:
    """Take a storage out of its device's ring; nothing happens to one that never got in."""
    if cython.compiled:
        if storage.link.next != cython.NULL:
            storage.link.next.previous = storage.link.previous
            storage.link.previous.next = storage.link.next
            storage.link.next = cython.NULL
    elif storage.device is not None:
        storage.device.storages.discard(storage)


def size_class(nbytes: cython.Py_ssize_t) -> cython.Py_ssize_t:
    """The block size that serves ``nbytes``: at most an eighth of it is wasted above 512 bytes."""
    if nbytes <= 512:
        return max(64, (nbytes + 63) // 64 * 64)
    step: cython.Py_ssize_t = 64
    while step * 16 < nbytes:
        step *= 2
    if step > 65536:
        step = 65536
    return (nbytes + step - 1) // step * step


def grow(device: Device, bucket: Bucket) -> Any:
    """A new block from the runtime; on refusal the cache is emptied and the runtime asked once more."""
    if device.runtime is None:
        raise UnknownDeviceError(f"device {device.name} is not loaded; see tensorplug.devices")
    for attempt in range(2):
        try:
            handle = device.runtime.allocate(device.index, bucket.nbytes)
            break
        except MemoryError as error:
            released = device.empty_cache()
            if attempt or not released:
                raise OutOfMemoryError(device.name, bucket.nbytes, device.allocated, device.cached) from error
    device.allocations += 1
    return Block(handle, getattr(handle, "ptr", 0), bucket.nbytes, bucket)


def release(device: Device, block: Block) -> None:
    bucket: Bucket = block.bucket
    device.allocated -= block.nbytes
    if bucket.live and device.cached + block.nbytes <= device.cache_limit and device.pooled:
        block.next = bucket.free
        bucket.free = block
        device.cached += block.nbytes


# The collector must not finalize a buffer whose block returns to the cache because its tensor was in a cycle:
# compiled storages are hidden from it (a .pxd cannot say so), the blocks of uncompiled ones are held here.
HELD: set[Any] = set()


@cython.no_gc
@cython.freelist(256)
@cython.cclass
class Storage:
    """Device memory that tensors share: a block and a version that every in-place write raises.

    The block may be larger than the ``extent``, the bytes that were asked for: no view reaches further.
    """

    def __init__(self, device: Device, nbytes: int = -1, handle: Any = None) -> None:
        delist(self)  # in case of a second __init__
        self.device = device
        self.version = 0
        if handle is None:
            block: Block = device.acquire(device.bucket(nbytes))
        else:
            block = Block(handle, getattr(handle, "ptr", 0), nbytes, None)
        self.block = block
        self.ptr = block.ptr
        self.extent = nbytes
        self.bits = device.bits
        enlist(self)
        if not cython.compiled and handle is None:
            HELD.add(block)

    def __dealloc__(self) -> None:
        delist(self)
        block: Block = self.block
        if not cython.compiled:
            HELD.discard(block)
        if block is not None and block.bucket is not None:
            release(self.device, block)

    @property
    def handle(self) -> Any:
        """The runtime's own handle of the memory."""
        return self.block.handle

    @property
    def nbytes(self) -> int:
        return self.block.nbytes

    def data_ptr(self) -> int:
        return self.ptr

    def replace(self, other: Storage) -> None:
        """Take over the memory (and device) of ``other``, which gets this one's: how a move keeps
        identity.
        """
        if other is self:
            return
        delist(self)
        delist(other)
        self.device, other.device = other.device, self.device
        self.block, other.block = other.block, self.block
        self.ptr, other.ptr = other.ptr, self.ptr
        self.bits, other.bits = other.bits, self.bits
        enlist(self)
        enlist(other)

    def discard(self) -> None:
        """Let the memory go back to the runtime, past the device's cache, once nobody holds its handle.

        What was exported (to NumPy, say) or is bound in a kernel that still runs holds it that long.
        """
        block: Block = self.block
        if block.bucket is not None:
            self.device.allocated -= block.nbytes
            block.bucket = None


def new_storage(device: Device, bucket: Bucket, extent: cython.Py_ssize_t) -> Storage:
    storage: Storage = Storage.__new__(Storage)
    block: Block = device.acquire(bucket)
    storage.device = device
    storage.version = 0
    storage.block = block
    storage.ptr = block.ptr
    storage.extent = extent
    storage.bits = device.bits
    enlist(storage)
    if not cython.compiled:
        HELD.add(block)
    return storage


def _init_storage() -> None:
    """The finalizer of uncompiled storages; where a compiled one has its link."""
    global link_offset
    if not cython.compiled:
        Storage.__del__ = Storage.__dealloc__  # type: ignore[attr-defined]
        at_work.__del__ = at_work.__dealloc__  # type: ignore[attr-defined]
        Storage.device = Storage.block = None  # type: ignore[assignment]
    else:
        storage: Storage = Storage.__new__(Storage)
        here = cython.cast(cython.size_t, cython.cast(cython.pointer(PyObject), storage))
        link_offset = cython.cast(cython.size_t, cython.address(storage.link)) - here


OWN_FIELDS = frozenset(("storage", "layout", "offset", "shape", "strides", "dtype", "device", "ndim"))


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
        self.handle_ = None
        self.quantizer_ = other.quantizer_


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
    if cython.compiled and not _NUMBER_METHODS.intersection(cls.__dict__):
        # CPython gives a Python subclass slots that look the method up by name, which costs more than the
        # call
        tensorplug_inherit_slots(cls, cls.__mro__[1])


_NUMBER_METHODS = frozenset(
    f"__{prefix}{name}__"
    for prefix in ("", "r", "i")
    for name in "add sub mul truediv floordiv mod pow and or xor lshift rshift matmul neg abs invert pos "
    "bool float int "
    "index".split()
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
    tensor.handle_ = None
    tensor.quantizer_ = None
    tensor.attributes = None


def empty(layout: Layout, device: Device) -> TensorBase:
    """A tensor of this layout (which must not reach outside its elements' span) with undefined contents."""
    return wrap(new_storage(device, device.bucket(layout.nbytes), layout.nbytes), layout, 0)


def view_of(tensor: TensorBase, layout: Layout, offset: int) -> TensorBase:
    """Another look at the same storage, with no autograd history and no base: ``detach`` with a new
    layout.
    """
    made: TensorBase = wrap(tensor.storage_, layout, offset)
    made.quantizer_ = tensor.quantizer_
    return made


def from_storage(storage: Storage, layout: Layout, offset: int = 0) -> TensorBase:
    """A tensor over memory that exists already."""
    return wrap(storage, layout, offset)


class Context:
    """The state of a call that is not in its arguments: immutable, one a context (thread or task)."""

    def __init__(
        self,
        included: int = 0,
        excluded: int = 0,
        default_device: Any = None,
        host_policy: Any = None,
        inference: bool = False,
        extra: Any = None,
    ) -> None:
        self.included = included
        self.excluded = excluded
        self.default_device = default_device
        self.host_policy = host_policy
        self.grad_enabled = not excluded & AUTOGRAD
        self.inference = inference
        self.extra = extra

    def replace(self, **changes: Any) -> Context:
        values = {
            "included": self.included,
            "excluded": self.excluded,
            "default_device": self.default_device,
            "host_policy": self.host_policy,
            "inference": self.inference,
            "extra": self.extra,
        }
        values.update(changes)
        return Context(**values)


DEFAULT_CONTEXT = Context()
CONTEXT = ContextVar("tensorplug", default=DEFAULT_CONTEXT)
_CONTEXT = CONTEXT  # the same, as a C variable


def current() -> Context:
    if not cython.compiled:
        return CONTEXT.get()
    else:
        value: cython.pointer(PyObject)
        PyContextVar_Get(_CONTEXT, cython.NULL, cython.address(value))
        state: Context = cython.cast(Context, value)
        Py_DECREF_pointer(value)
        return state


def context() -> Context:
    """The context that calls made here run in."""
    return current()


_init_storage()
