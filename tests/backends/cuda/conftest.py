"""Device types of a machine that has no GPU: ``simulated`` runs kernels by OpenCL, ``unrun`` runs none."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tensorplug_dispatcher.devices import plugins

HERE = str(Path(__file__).parent)


@pytest.fixture(scope="session")
def machines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The module that holds the machines, whose plugins are installed while tests of this folder run."""
    folder = tmp_path_factory.mktemp("site")
    info = folder / "tensorplug_simulated-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: tensorplug-simulated\nVersion: 1.0\n")
    names = ("simulated", "unrun", "breakable")
    lines = [f"{name} = simulated_plugin:{name}" for name in names]
    (info / "entry_points.txt").write_text("\n".join(["[tensorplug.backends]", *lines, ""]))
    sys.path[:0] = [str(folder), HERE]
    plugins.rescan()
    import simulated_plugin

    yield simulated_plugin
    sys.path.remove(str(folder))
    plugins.rescan()


@pytest.fixture(scope="session")
def simulated(need: Any, machines: Any) -> Any:
    """The driver of ``simulated:0`` and ``simulated:1``, which run kernels by OpenCL."""
    need("opencl")
    return machines.simulated.driver
