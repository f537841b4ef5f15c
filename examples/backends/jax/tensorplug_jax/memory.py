"""The runtime: eight methods over JAX's devices and arrays."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import numpy as np

from tensorplug_arrays.flat import FlatBuffer, FlatHandle
from tensorplug_dispatcher import DeviceInfo


def device_of(index: int) -> Any:
    return jax.devices()[index]


class JaxRuntime:
    """``caches``: XLA's allocator keeps memory itself, and a buffer costs nothing before it is written."""

    caches = True

    def devices(self) -> Sequence[DeviceInfo]:
        return [
            DeviceInfo(
                index,
                f"{found.platform} {found.device_kind}",
                _limit(found),
                f"JAX {jax.__version__}, {found}",
            )
            for index, found in enumerate(jax.devices())
        ]

    def allocate(self, index: int, nbytes: int) -> FlatBuffer:
        if nbytes > _limit(device_of(index)):
            raise MemoryError(f"{nbytes} bytes are more than the device has")
        return FlatBuffer(index, nbytes)

    def upload(self, dst: FlatBuffer, src: memoryview) -> None:
        fresh = np.frombuffer(src, np.uint8).copy()  # becomes an XLA array at its first use, in its dtype
        if dst.array is not None and dst.array.nbytes > fresh.size:
            fresh = np.concatenate([fresh, self._bytes(dst)[fresh.size :]])
        dst.array = fresh

    def download(self, src: FlatBuffer, dst: memoryview) -> None:
        found = self._bytes(src)
        count = min(len(dst), found.size)
        dst[:count] = memoryview(found)[:count]
        dst[count:] = bytes(len(dst) - count)

    def transfer(self, src: FlatBuffer, dst: FlatBuffer) -> bool:
        """Arrays are never written, so that a copy on one device is the same array."""
        array = src.array
        if array is not None and not isinstance(array, np.ndarray) and src.index != dst.index:
            with jax.enable_x64(True):
                array = jax.device_put(array, device_of(dst.index))
        dst.array = array
        return True

    def bind(self, array: Any) -> FlatHandle:
        return FlatHandle(array.storage.handle, array.layout, array.offset)

    def synchronize(self, index: int) -> None:
        """XLA runs what one device is given in order; a small program behind the rest comes last."""
        with jax.enable_x64(True):
            jax.device_put(np.zeros(1, np.int8), device_of(index)).block_until_ready()
        jax.effects_barrier()

    def close(self) -> None:
        jax.clear_caches()

    def properties(self, index: int) -> Mapping[str, Any]:
        found = device_of(index)
        return {"platform": found.platform, "kind": found.device_kind, "jax": jax.__version__}

    def memory_info(self, index: int) -> tuple[int, int]:
        found = device_of(index)
        total = _limit(found)
        used = (found.memory_stats() or {}).get("bytes_in_use", 0)
        return max(total - used, 0), total

    def _bytes(self, buffer: FlatBuffer) -> Any:
        if buffer.array is None:
            return np.zeros(0, np.uint8)
        return np.ascontiguousarray(buffer.array).view(np.uint8)


def _limit(found: Any) -> int:
    """The bytes of a device's memory."""
    stats = found.memory_stats() or {}
    if "bytes_limit" in stats:
        return int(stats["bytes_limit"])
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
