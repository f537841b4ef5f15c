"""Distributions that exist for the running process alone: a folder with metadata, on ``sys.path``."""

from __future__ import annotations

import atexit
import shutil
import sys
import tempfile
import textwrap
from collections.abc import Mapping
from pathlib import Path

from tensorplug_dispatcher.devices import plugins

GROUP = "tensorplug.backends"


class Installation:
    """An installed distribution; ``remove`` (or leaving the ``with`` block) takes it away."""

    def __init__(self, folder: Path, modules: tuple[str, ...]) -> None:
        self.folder = folder
        self.modules = modules
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        sys.path.append(str(folder))
        plugins.rescan()

    def remove(self) -> None:
        """Take the distribution away; the modules that were imported from it are forgotten."""
        if str(self.folder) in sys.path:
            sys.path.remove(str(self.folder))
        for name in self.modules:
            sys.modules.pop(name, None)
        shutil.rmtree(self.folder, ignore_errors=True)
        plugins.rescan()

    def __enter__(self) -> Installation:
        return self

    def __exit__(self, *exc: object) -> None:
        self.remove()


def install_distributions(
    distributions: Mapping[str, Mapping[str, str]], modules: Mapping[str, str] | None = None
) -> Installation:
    """Install distributions (name → device plugins: name → entry point) and modules (name → source)."""
    folder = Path(tempfile.mkdtemp(prefix="tensorplug-faults-"))
    for name, found in distributions.items():
        info = folder / f"{name.replace('-', '_')}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        lines = [f"{plugin} = {value}" for plugin, value in found.items()]
        (info / "entry_points.txt").write_text("\n".join([f"[{GROUP}]", *lines, ""]))
    for module, source in (modules or {}).items():
        (folder / f"{module}.py").write_text(textwrap.dedent(source))
    return Installation(folder, tuple(modules or ()))
