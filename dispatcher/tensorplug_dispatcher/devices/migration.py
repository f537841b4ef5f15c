"""Moving storages to another device as a transaction: copy, verify, then swap the memory inside each storage.

A storage keeps its identity, so that whatever shares it (tensors, views, saved tensors, gradients) is on the
other device afterwards. Other threads wait meanwhile (``states.closing``). docs/decisions/0007 says what is
guaranteed when a device fails in the midst of a move.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from ..errors import CorruptTransferError
from ..interpreter import HostMemory, same_bytes
from ..memory import OwnedBuffer
from ..steps import carry_through, swap
from ..storage import Device, Storage
from .states import closing

PIECE: Final = 1 << 18  # bytes: copied, read back and compared within a processor's second cache


def migrate_storages(
    storages: Iterable[Storage], device: Device, *, verify: bool = True, lean: bool = False
) -> int:
    """Move storages to ``device``; returns how many bytes were moved. Those that are there already stay.

    On any failure everything is where it was, and the error says so. ``verify`` reads back what was copied
    and compares it byte by byte. ``lean`` gives the old memory of a storage back as soon as it has moved, so
    that at no time there is more than one storage twice; then what has moved is moved back on failure, and
    where that fails too (the new device is lost) the error says how much is lost with it.

    Raises CorruptTransferError, OutOfMemoryError, DeviceLostError, another DeviceError that a runtime has
    failed with, or DeviceBusyError where other threads do not come to rest.
    """
    wanted = [storage for storage in dict.fromkeys(storages) if storage.device is not device]
    if not wanted:
        return 0
    sources = list(dict.fromkeys(storage.device for storage in wanted))
    nbytes = sum(storage.nbytes for storage in wanted)
    with closing([*sources, device]):
        move = _move_each if lean else _move_all
        move(wanted, sources, device, verify)
    return nbytes


def _move_all(storages: Sequence[Storage], sources: list[Device], device: Device, verify: bool) -> None:
    """Copy everything, then swap everything: the old memory is there until nothing can fail any more."""
    carrier = Carrier()
    copies: list[Storage] = []
    try:
        _synchronize(sources)
        copies.extend(copied(storage, device, verify, carrier) for storage in storages)
        _synchronize([device])
    except BaseException as error:
        copies.clear()  # whoever holds the error holds its traceback, and with it what is here
        error.add_note(f"Nothing was moved to {device}: everything is where it was.")
        raise
    swap(storages, copies)


def _move_each(storages: Sequence[Storage], sources: list[Device], device: Device, verify: bool) -> None:
    """Copy, swap and give back storage by storage; on failure, all that has moved goes back."""
    carrier = Carrier()
    moved: list[tuple[Storage, Device]] = []
    try:
        _synchronize(sources)
        for storage in storages:
            source = storage.device
            copy = copied(storage, device, verify, carrier)
            moved.append((storage, source))
            swap((storage,), (copy,))
            del copy  # with the old memory
        _synchronize([device])
    except BaseException as error:
        left = carry_through(_move_back, moved, verify, carrier)
        if not left:
            error.add_note(f"Nothing was moved to {device}: what had been was moved back.")
        else:
            nbytes = sum(storage.nbytes for storage in left)
            error.add_note(
                f"{len(left)} of {len(storages)} storages ({nbytes} bytes) had been moved to {device} and "
                f"could not be moved back; they are there, the others where they were. Without lean=True a "
                f"move never comes to that."
            )
        raise


def _move_back(moved: list[tuple[Storage, Device]], verify: bool, carrier: Carrier) -> list[Storage]:
    """Put storages back to where they came from, if they left; returns those for which that failed."""
    left = []
    for storage, source in reversed(moved):
        if storage.device is source:
            continue
        try:
            copy = copied(storage, source, verify, carrier)
        except Exception:
            left.append(storage)
        else:
            swap((storage,), (copy,))
    return left


def copied(storage: Storage, device: Device, verify: bool, carrier: Carrier) -> Storage:
    """A new storage on ``device`` with the same bytes."""
    copy = Storage(device, storage.nbytes)
    if not carrier.carry(storage, copy, verify):
        raise CorruptTransferError(
            f"{storage.nbytes} bytes were copied from {storage.device} to {device}, and what is there now "
            f"differs; try again, and have the device checked if it happens again",
            device=device.name,
            nbytes=storage.nbytes,
        )
    return copy


class Carrier:
    """Copies storages between any two devices, and compares; its host memory is used again and again.

    Where the runtimes can read and write parts of a buffer it goes piece by piece: what was copied is then
    compared while it is in the processor's cache, and little host memory is needed.
    """

    def __init__(self) -> None:
        self.buffers: list[OwnedBuffer | None] = [None, None]

    def carry(self, source: Storage, target: Storage, verify: bool) -> bool:
        """Write the bytes of ``source`` over the first of ``target``;
        False where ``verify`` finds them different.
        """
        a, b = End(source), End(target)
        size = source.nbytes
        whole = a.view is None and b.view is None and a.device.type == b.device.type and size > 0
        done = whole and a.device.runtime.transfer(a.handle, b.handle)
        step = PIECE if a.parts and b.parts else max(size, 1)
        for start in range(0, size, step):
            count = min(step, size - start)
            if not done:
                if b.view is not None:
                    a.read(start, b.view[start : start + count])
                else:
                    b.write(start, self.bytes_of(a, start, count, 0))
            if verify:
                sent, arrived = self.bytes_of(a, start, count, 0), self.bytes_of(b, start, count, 1)
                if not same_bytes(sent, arrived):
                    return False
        return True

    def bytes_of(self, end: End, start: int, count: int, place: int) -> memoryview:
        """A piece of a storage: its own memory, or a copy that is good until the next of this place."""
        if end.view is not None:
            return end.view[start : start + count]
        buffer = self.buffers[place]
        if buffer is None or buffer.nbytes < count:
            buffer = self.buffers[place] = OwnedBuffer(count)
        view = buffer.memory()[:count]
        end.read(start, view)
        return view


class End:
    """One end of a copy: a storage, as memory that the host can address or
    as what its runtime reads and writes.
    """

    def __init__(self, storage: Storage) -> None:
        self.device = storage.device
        self.handle = storage.handle
        self.view = host_view(storage)
        runtime = self.device.runtime
        self.parts = self.view is not None or (
            callable(getattr(runtime, "read", None)) and callable(getattr(runtime, "write", None))
        )

    def read(self, start: int, over: memoryview) -> None:
        """Copy as many bytes as ``over`` has, from ``start`` on, there."""
        if self.view is not None:
            over[:] = self.view[start : start + len(over)]
        elif self.parts:
            self.device.runtime.call("read", self.handle, start, over)
        else:
            self.device.runtime.download(self.handle, over)

    def write(self, start: int, data: memoryview) -> None:
        """Copy ``data`` over the bytes from ``start`` on, of memory that the host cannot address."""
        if self.parts:
            self.device.runtime.call("write", self.handle, start, data)
        else:
            self.device.runtime.upload(self.handle, data)


def host_view(storage: Storage) -> memoryview | None:
    """The bytes of a storage that the host can address; None where it cannot. Keeps the memory alive."""
    handle = storage.handle
    if not storage.device.host or not getattr(handle, "ptr", 0):
        return None
    return memoryview(HostMemory(handle.ptr, storage.nbytes, handle))


def _synchronize(devices: Iterable[Device]) -> None:
    for device in devices:
        device.runtime.synchronize(device.index)
