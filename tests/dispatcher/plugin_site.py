"""Fake distributions with plugins, installed into this process; the fixture ``site`` has their folder."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from tensorplug_dispatcher.devices import plugins
from tensorplug_dispatcher.errors import PluginError

GOOD = """
tensorplug_api = (1, 0)

class Runtime:
    def devices(self): return ()
    def allocate(self, index, nbytes): ...
    def upload(self, dst, src): ...
    def download(self, src, dst): ...
    def transfer(self, src, dst): return False
    def bind(self, array): ...
    def synchronize(self, index): ...
    def close(self): ...

def tensorplug_runtime():
    return Runtime()
"""
REPAIR = (
    "Upgrade or repair it ('pip install --upgrade acme-device') or remove it ('pip uninstall acme-device'), "
    "then call rescan()."
)


class Site:
    """A folder of fake distributions on ``sys.path``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def install(
        self,
        source: str,
        *,
        distribution: str = "acme-device",
        version: str = "1.2",
        name: str = "acme",
        module: str = "acme_device",
        group: str = "tensorplug.backends",
        entry_points: str = "",
    ) -> None:
        (self.folder / f"{module}.py").write_text(textwrap.dedent(source))
        info = self.folder / f"{distribution.replace('-', '_')}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n")
        (info / "entry_points.txt").write_text(entry_points or f"[{group}]\n{name} = {module}\n")
        plugins.rescan()


def failure(name: str = "acme", group: str = "tensorplug.backends", **options) -> PluginError:
    with pytest.raises(PluginError) as caught:
        plugins.load(group, name, **options)
    return caught.value
