"""Memory: devices, their cached blocks, and the storages that tensors share.

The core owns the shape of memory, devices own the memory. Every device gets the caching allocator here unless
its runtime says ``caches = True``: freed blocks wait in buckets by size, and go back to the device when it is
out of memory or ``empty_cache`` is called.
"""

from __future__ import annotations

from threading import get_ident
from typing import Any
from weakref import WeakSet

import cython

from .context import CONTEXT
from .errors import OutOfMemoryError, UnknownDeviceError

if not cython.compiled:
    from .context import Context

    # of the sizes of blocks, in bytes; compiled code has them as C constants (storage.pxd)
    GRAIN = 64  # a cache line: each size is a multiple
    SMALL = 512  # up to here every multiple is a size of its own
    STEPS = 16  # sizes between one power of two and the next are that many at most
    LARGEST_STEP = 65536

CACHE_LIMIT = 1 << 29  # bytes of free blocks that a device keeps unless it is told otherwise


class Bucket:
    """Free blocks of one size on one device. One that is not ``live`` takes none back:
    what they come from is gone.
    """

    def __init__(self, nbytes: int) -> None:
        self.nbytes = nbytes
        self.free = None
        self.live = True


@cython.freelist(64)
@cython.cclass
class Block:
    """A piece of a device's memory: the runtime's opaque handle,
    and its address where the host can read it.
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
        self.cache_limit = CACHE_LIMIT
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
    """Empty rings of the device's storages and of the calls in work there; uncompiled,
    Python's own containers do.
    """
    if cython.compiled:
        device.storages.next = device.storages.previous = cython.address(device.storages)
        device.runs.next = device.runs.previous = cython.address(device.runs)
    else:
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
    if nbytes <= SMALL:
        return max(GRAIN, (nbytes + GRAIN - 1) // GRAIN * GRAIN)
    step: cython.Py_ssize_t = GRAIN
    while step * STEPS < nbytes:
        step *= 2
    if step > LARGEST_STEP:
        step = LARGEST_STEP
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
        """Take over the memory (and device) of ``other``, which gets this one's:
        how a move keeps identity.
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


_init_storage()
