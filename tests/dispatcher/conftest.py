"""A device plugin for tests that is installed, edited, made to fail and unloaded while the program runs."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy  # noqa: F401 - the plugin imports it, which may take long the first time
import pytest
from plugin_site import Site

import tensorplug as tp
from tensorplug_dispatcher import epoch, kernels
from tensorplug_dispatcher.devices import lifecycle, plugins, states

SOURCE = '''
"""A device of host memory whose faults are switched on from outside."""
import numpy
from tensorplug_dispatcher import STRIDED, DeviceInfo, kernel

tensorplug_api = (1, 0)
ADDED = 0  # what add() adds besides
COUNT = 2
faults = {}  # method or op -> exception to raise, or function to call
closed = []

def fault(name):
    found = faults.get(name)
    if isinstance(found, BaseException):
        raise found
    if found is not None:
        found()

class Buffer:
    def __init__(self, nbytes):
        self.data = bytearray(nbytes)

class Runtime:
    def devices(self):
        fault("devices")
        return [DeviceInfo(i, "soft", 1 << 20) for i in range(COUNT)]
    def allocate(self, index, nbytes):
        fault("allocate")
        return Buffer(nbytes)
    def upload(self, dst, src):
        fault("upload")
        dst.data[: len(src)] = src
    def download(self, src, dst):
        fault("download")
        dst[:] = memoryview(src.data)[: len(dst)]
    def transfer(self, src, dst):
        fault("transfer")
        size = min(len(src.data), len(dst.data))
        dst.data[:size] = src.data[:size]
        return True
    def bind(self, array):
        fault("bind")
        size = array.dtype.itemsize
        return numpy.ndarray(tuple(array.shape), array.dtype.numpy_name, array.storage.handle.data,
                             array.offset * size, tuple(s * size for s in array.strides))
    def synchronize(self, index):
        fault("synchronize")
    def memory_info(self, index):
        return 1000, 1 << 20
    def empty_cache(self, index):
        return 7
    def close(self):
        fault("close")
        closed.append(self)

@kernel("copy", layout=STRIDED)
def copy(outs, ins, attrs):
    fault("copy")
    outs[0][...] = ins[0]

@kernel("cast", layout=STRIDED)
def cast(outs, ins, attrs):
    outs[0][...] = ins[0].astype(outs[0].dtype)

@kernel("fill", layout=STRIDED)
def fill(outs, ins, attrs):
    outs[0][...] = attrs["value"]

@kernel("add", layout=STRIDED)
def add(outs, ins, attrs):
    fault("add")
    outs[0][...] = ins[0] + ins[1] + ADDED

@kernel("mul", layout=STRIDED)
def mul(outs, ins, attrs):
    fault("mul")
    outs[0][...] = ins[0] * ins[1]

def tensorplug_runtime():
    return Runtime()

def tensorplug_kernels():
    return [copy, cast, fill, add, mul]
'''
_names = (f"soft{i}" for i in itertools.count())  # a name of its own for every test: nothing is left over


class Plugin:
    """A plugin in a folder on ``sys.path``, installed and edited while the program runs."""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder = folder
        self.name = name
        self.module = f"acme_{name}"
        self.write(SOURCE)

    def write(self, source: str) -> None:
        (self.folder / f"{self.module}.py").write_text(source)

    def edit(self, old: str, new: str) -> None:
        assert old in self.source
        self.write(self.source.replace(old, new))

    def install(self, version: str = "1.2") -> None:
        for old in self.folder.glob(f"acme_{self.name}-*.dist-info"):
            for file in old.iterdir():
                file.unlink()
            old.rmdir()
        info = self.folder / f"acme_{self.name}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: acme-{self.name}\nVersion: {version}\n")
        (info / "entry_points.txt").write_text(f"[tensorplug.backends]\n{self.name} = {self.module}\n")

    @property
    def source(self) -> str:
        return (self.folder / f"{self.module}.py").read_text()

    @property
    def states(self) -> list[str]:
        return [record.state for record in lifecycle.records_of(self.name)]

    @property
    def faults(self) -> dict[str, Any]:
        return sys.modules[self.module].faults

    def device(self, index: int = 0) -> Any:
        return tp.device(f"{self.name}:{index}")


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Plugin]:
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    monkeypatch.setattr(sys, "dont_write_bytecode", False)  # stale bytecode must not hide an edit
    made = Plugin(tmp_path, next(_names))
    made.install()
    plugins.rescan()
    yield made
    if made.module in sys.modules:
        made.faults.clear()
    lifecycle.unload(made.name, move_to="cpu")
    monkeypatch.undo()
    plugins.rescan()


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing waits long for a device."""
    monkeypatch.setattr(states, "REST", 5.0)
    monkeypatch.setattr(states, "PATIENCE", 10.0)


@pytest.fixture
def registry() -> Any:
    """Kernels registered in a test are forgotten after it."""
    tp.zeros(1)  # those of the CPU are registered with its first use
    before = {key: list(found) for key, found in kernels._registry.items()}
    yield kernels
    kernels._registry.clear()
    kernels._registry.update(before)
    epoch.invalidate()


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """A folder of fake distributions on ``sys.path``, which is gone at the end with what was loaded of it."""
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    before = set(sys.modules)
    yield Site(tmp_path)
    for record in plugins.installed("tensorplug.backends").values():
        if record.status == "hanging" and record.value.startswith(("acme", "other")):
            record.work.thread.join(20)
    for name in set(sys.modules) - before:
        if name.startswith(("acme", "other")):
            del sys.modules[name]
    monkeypatch.undo()
    plugins.rescan()
    for group in plugins.GROUPS:
        for name in [n for n, r in plugins._found[group].items() if r.value.startswith(("acme", "other"))]:
            del plugins._found[group][name]
