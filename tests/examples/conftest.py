"""The example backends as if they were installed: their folders on the path, with metadata from their
``pyproject.toml``. Nothing is written outside a temporary folder.
"""

from __future__ import annotations

import os
import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from remote_server import TOKEN, Process

import tensorplug as tp
from tensorplug_dispatcher.devices import plugins

EXAMPLES = Path(__file__).resolve().parents[2] / "examples/backends"


def install(site: Path, *folders: Path) -> list[str]:
    """Write the metadata of these projects into ``site``; returns what belongs on the path."""
    for folder in folders:
        project = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
        info = site / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
        info.mkdir()
        name = f"Name: {project['name']}\nVersion: {project['version']}\n"
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\n{name}")
        groups = project["entry-points"].items()
        text = "".join(f"[{g}]\n" + "".join(f"{k} = {v}\n" for k, v in e.items()) for g, e in groups)
        (info / "entry_points.txt").write_text(text)
    return [str(site), *map(str, folders)]


@pytest.fixture(scope="session")
def example_paths(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """What belongs on the path so that every example backend is installed."""
    folders = sorted(p.parent for p in EXAMPLES.glob("*/pyproject.toml"))
    return install(tmp_path_factory.mktemp("site"), *folders)


@pytest.fixture(scope="session")
def child_environment(example_paths: list[str]) -> dict[str, str]:
    """The environment of a child process in which every example backend is installed."""
    path = [*example_paths, *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(path)}


@pytest.fixture
def examples(example_paths: list[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Every example backend is installed, in this process."""
    monkeypatch.setattr(sys, "path", [*example_paths, *sys.path])
    plugins.rescan()
    yield
    monkeypatch.undo()
    plugins.rescan()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, child_environment: dict[str, str]) -> Iterator[Process]:
    made = Process(tmp_path_factory.mktemp("server"), child_environment)
    yield made
    made.stop()
    assert made.process.returncode == 0


@pytest.fixture
def configured(examples: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """A function that names servers to the plugin, which is unloaded at the end."""
    for name in [name for name in os.environ if name.startswith("TENSORPLUG_REMOTE")]:
        monkeypatch.delenv(name)

    def configure(*addresses: str, token: str = TOKEN, **more: str) -> None:
        monkeypatch.setenv("TENSORPLUG_REMOTE", ", ".join(addresses))
        monkeypatch.setenv("TENSORPLUG_REMOTE_TOKEN", token)
        for name, value in more.items():
            monkeypatch.setenv(f"TENSORPLUG_REMOTE_{name.upper()}", value)

    yield configure
    tp.devices.unload("remote", move_to="cpu")


@pytest.fixture
def remote(configured: Callable[..., None], server: Process) -> str:
    configured(server.address)
    return "remote:0"
