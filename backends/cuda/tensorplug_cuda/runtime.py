"""The runtime's methods on the GPUs of this machine."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from typing import Any

from tensorplug_codegen.programs import builders
from tensorplug_dispatcher import DeviceInfo, Layout

from .device import GPU, Event, Stream
from .driver import DEVICE_TO_DEVICE
from .launch import Buffer, Launcher


class CUDARuntime:
    """Every device that the driver lists; opened on its first use."""

    def __init__(self, driver: Any) -> None:
        self.driver = driver
        self._open: dict[int, GPU] = {}
        self._linked: set[frozenset[int]] = set()
        self._lock = threading.Lock()

    def devices(self) -> Sequence[DeviceInfo]:
        found = [self.driver.properties(i) for i in range(self.driver.count)]
        return [DeviceInfo(i, p.name, p.memory, p.details) for i, p in enumerate(found)]

    def opened(self, index: int) -> GPU:
        found = self._open.get(index)
        if found is None:
            with self._lock:
                found = self._open.get(index)
                if found is None:
                    found = self._open[index] = GPU(self.driver, index)
        return found

    # -- memory

    def allocate(self, index: int, nbytes: int) -> Buffer:
        return self.opened(index).allocate(nbytes)

    def upload(self, dst: Buffer, src: memoryview) -> None:
        self.opened(dst.index).upload(dst, src)

    def download(self, src: Buffer, dst: memoryview) -> None:
        self.opened(src.index).download(src, dst)

    def transfer(self, src: Buffer, dst: Buffer) -> bool:
        source, target = self.opened(src.index), self.opened(dst.index)
        size = min(src.nbytes, dst.nbytes)
        here = source.current()
        if source is target:
            with source.at("transfer"):
                self.driver.copy(dst.address, src.address, size, DEVICE_TO_DEVICE, here)
            target.touch(dst, here)
        else:
            self._link(source.index, target.index)
            ready, done = Event(target, False), Event(source, False)
            ready.record(target.stream)  # what may still use the target's memory comes first
            source.stream.wait(ready)
            with source.at("transfer"):
                self.driver.copy_to_peer(dst.address, dst.index, src.address, src.index, size, here)
            done.record(source.stream)
            target.stream.wait(done)
            target.touch(dst, target.current())
        source.touch(src, here)
        return True

    def _link(self, index: int, other: int) -> None:
        pair = frozenset((index, other))
        if pair not in self._linked:
            self._linked.add(pair)
            with self.opened(index).at("transfer"):
                self.driver.link(index, other)

    def bind(self, array: Any) -> Any:
        """A ``cupy.ndarray`` over the tensor's memory; work on it belongs into the current stream."""
        buffer = array.storage.handle
        device = self.opened(buffer.index)
        if device.streamed:
            device.touch(buffer, device.current())
        return self.driver.array(
            buffer.memory.owner, buffer.address, buffer.nbytes, buffer.index, array.layout, array.offset
        )

    def synchronize(self, index: int) -> None:
        if index in self._open:
            self._open[index].synchronize()

    def close(self) -> None:
        opened, self._open = self._open, {}
        for device in opened.values():
            with device.at("close"):
                self.driver.synchronize()
                device.reap(wait=True)
                self.driver.trim()

    # -- what there is

    def properties(self, index: int) -> dict[str, Any]:
        """Facts of a device, under PyTorch's names."""
        p = self.driver.properties(index)
        return {
            "name": p.name,
            "major": p.capability[0],
            "minor": p.capability[1],
            "total_memory": p.memory,
            "multi_processor_count": p.units,
            "shared_memory_per_block": p.local_bytes,
        }

    def memory_info(self, index: int) -> tuple[int, int]:
        """Free and total bytes of the device."""
        with self.opened(index).at("memory_info"):
            free, total = self.driver.memory_info()
        return free, total

    def memory_reserved(self, index: int) -> int:
        """Bytes that the pool has taken from the device."""
        with self.opened(index).at("memory_reserved"):
            return int(self.driver.reserved())

    def empty_cache(self, index: int) -> int:
        """Give what the pool has free back to the device; returns how many bytes that were."""
        device = self.opened(index)
        with device.at("empty_cache"):
            device.reap()
            before = self.driver.reserved()
            self.driver.trim()
            return int(before - self.driver.reserved())

    # -- streams

    def create_stream(self, index: int, priority: int = 0) -> Stream:
        return self.opened(index).create_stream(priority)

    def default_stream(self, index: int) -> Stream:
        return self.opened(index).default

    def current_stream(self, index: int) -> Stream:
        return self.opened(index).stream

    def use_stream(self, index: int, stream: Stream) -> None:
        self.opened(index).choose(stream)

    def create_event(self, index: int, timing: bool = False) -> Event:
        return Event(self.opened(index), timing)

    # -- kernels

    def prepare(
        self,
        index: int,
        op: str,
        outs: tuple[Layout, ...],
        ins: tuple[Layout | None, ...],
        attrs: Mapping[str, Any],
        numbers: frozenset[int],
    ) -> tuple[Launcher, tuple[int, ...]] | None:
        """A launcher of the op's program for these layouts; see ``prepared_kernels``."""
        device = self.opened(index)
        program = builders()[op](device.target, op, outs, ins, attrs, numbers)
        if program is None:
            return None
        with device.at(op):
            functions = [device.function(op, launch.source, launch.name) for launch in program.launches]
        return Launcher(device, op, program, functions), program.scratch
