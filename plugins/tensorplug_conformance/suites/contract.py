"""S0: the plugin loads, its runtime has the eight methods, and its kernels are what they say."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any, Final

import tensorplug as tp
from tensorplug_dispatcher import DeviceInfo, kernels
from tensorplug_dispatcher.devices import plugins
from tensorplug_dispatcher.ops import OPS

from ..case import PASS, Case, Result, check

METHODS: Final = (
    "devices",
    "allocate",
    "upload",
    "download",
    "transfer",
    "bind",
    "synchronize",
    "close",
)


def cases(device: str, depth: str) -> Iterator[Case]:
    for name, run in {
        "loads": _loads,
        "api": _api,
        "methods": _methods,
        "devices": _devices,
        "kernels": _kernels,
        "storage-ops": _storage_ops,
        "not-the-default": _not_default,
        "manifest": _manifest,
    }.items():
        yield Case(f"S0/plugin/any/{name}", run)
    for nbytes in (0, 1, 63, 64, 4096, 70_001, 1 << 20, 1_200_003):
        yield Case(f"S0/bytes/any/{nbytes}", partial(_bytes, nbytes))


def _loads(device: str) -> Result:
    found = tp.device(device)
    check(found.state == "ready", f"{device} is {found.state}")
    return Result(PASS)


def _api(device: str) -> Result:
    module = plugins.load("tensorplug.backends", tp.device(device).type).module
    version = getattr(module, "tensorplug_api", None)
    check(
        isinstance(version, tuple) and len(version) == 2 and all(isinstance(n, int) for n in version),
        f"tensorplug_api is {version!r}; it is a pair of ints, (major, minor)",
    )
    return Result(PASS)


def _methods(device: str) -> Result:
    runtime = tp.device(device).runtime
    missing = [m for m in METHODS if not callable(getattr(runtime, m, None))]
    check(not missing, f"the runtime lacks {', '.join(missing)}")
    return Result(PASS)


def _devices(device: str) -> Result:
    found: Any = tp.device(device)
    infos = list(found.runtime.devices())
    check(all(isinstance(i, DeviceInfo) for i in infos), "devices() gives something that is no DeviceInfo")
    indices = [i.index for i in infos]
    check(len(set(indices)) == len(indices), f"devices() gives an index twice: {indices}")
    check(found.index in indices, f"devices() does not give index {found.index}: {indices}")
    check(all(i.name for i in infos), "a device has no name")
    check(all(i.memory >= 0 for i in infos), "a device has a negative memory")
    return Result(PASS)


def _kernels(device: str) -> Result:
    found = kernels.native_ops(tp.device(device).type)
    unknown = sorted(set(found) - set(OPS))
    check(not unknown, f"kernels for no op of the table: {', '.join(unknown)}")
    return Result(PASS, f"{len(found)} ops have kernels")


def _storage_ops(device: str) -> Result:
    found = kernels.native_ops(tp.device(device).type)
    missing = [op for op in ("copy", "cast", "fill") if op not in found]
    check(not missing, f"no kernel for {', '.join(missing)}, which every device has")
    return Result(PASS)


def _not_default(device: str) -> Result:
    check(
        tp.empty(1).device.type == "cpu" or device == "cpu",
        "the device became the default by being installed",
    )
    return Result(PASS)


def _manifest(device: str) -> Result:
    from ..manifest import of_plugin

    of_plugin(plugins.load("tensorplug.backends", tp.device(device).type).module)
    return Result(PASS)


def _bytes(nbytes: int, device: str) -> Result:
    """Bytes go there and come back; a second buffer stays as it was; a third gets them by transfer."""
    found: Any = tp.device(device)
    runtime, index = found.runtime, found.index
    first, second, third = (runtime.allocate(index, nbytes) for _ in range(3))
    pattern = bytes((7 * i + 3) & 255 for i in range(nbytes))
    other = bytes((11 * i + 5) & 255 for i in range(nbytes))
    runtime.upload(first, memoryview(pattern))
    runtime.upload(second, memoryview(other))
    for source, wanted in ((first, pattern), (second, other), (first, pattern)):
        runtime.synchronize(index)
        back = bytearray(nbytes)
        runtime.download(source, memoryview(back))
        check(bytes(back) == wanted, f"{nbytes} bytes came back changed")
    if runtime.transfer(first, third):
        runtime.synchronize(index)
        back = bytearray(nbytes)
        runtime.download(third, memoryview(back))
        check(bytes(back) == pattern, f"{nbytes} bytes came back changed after a transfer")
    return Result(PASS)
