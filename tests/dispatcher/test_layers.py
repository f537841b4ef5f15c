"""Layers of other packages: installed ones are nothing to a call, broken ones say why when asked for."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import tensorplug as tp
from tensorplug_dispatcher import epoch, layers
from tensorplug_dispatcher.context import CONTEXT
from tensorplug_dispatcher.devices import plugins
from tensorplug_dispatcher.errors import PluginError

GOOD = """
tensorplug_api = (1, 0)
seen = []
class Layer:
    name, rank = {name!r}, 45
    def wrap(self, function, key, inner):
        seen.append(function.name)
        return None
def tensorplug_layers(): return [Layer()]
"""


class Site:
    """Layer plugins in a folder on the path."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.modules: list[str] = []

    def install(self, name: str, source: str) -> str:
        module = f"acme_layer_{name.replace('-', '_')}"
        self.modules.append(module)
        (self.folder / f"{module}.py").write_text(source)
        info = self.folder / f"acme_{name}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: acme-{name}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[tensorplug.layers]\n{name} = {module}\n")
        plugins.rescan()
        return module


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    tables: tuple[dict[str, Any], ...] = (layers._bits, layers._layers, layers._sources)
    before = [dict(table) for table in tables]
    made = Site(tmp_path)
    yield made
    for table, earlier in zip(tables, before, strict=True):
        table.clear()
        table.update(earlier)
    for module in made.modules:
        sys.modules.pop(module, None)
    monkeypatch.undo()
    for name in [n for n, r in plugins.installed(layers.GROUP).items() if r.distribution.startswith("acme-")]:
        del plugins._found[layers.GROUP][name]
    plugins.rescan()
    epoch.invalidate()


def on(*names: str) -> Any:
    """The context in which these layers are switched on."""
    bits = 0
    for name in names:
        bits |= layers.bit(name)
    return CONTEXT.set(CONTEXT.get().replace(included=CONTEXT.get().included | bits))


def gradient() -> list[float]:
    epoch.invalidate()
    x = tp.ones(2, requires_grad=True)
    (x + tp.ones(2)).sum().backward()
    return x.grad.tolist()


def test_any_number_of_installed_layers_is_nothing_to_a_call(site: Site) -> None:
    bits = dict(layers._bits)
    for i in range(40):
        site.install(f"unused{i}", GOOD.format(name=f"unused{i}"))
    site.install("hangs", "import time; time.sleep(3600)")
    site.install("ends", "import os; os._exit(3)")
    assert gradient() == [1, 1]
    with tp.autocast("cpu"):
        assert (tp.ones(2, 2) @ tp.ones(2, 2)).dtype is tp.bfloat16
    assert bits == layers._bits and not set(site.modules) & set(sys.modules)


def test_registered_layers_have_no_bit_until_they_are_switched_on(site: Site) -> None:
    class Layer:
        rank = 45

        def __init__(self, name: str) -> None:
            self.name = name

        def wrap(self, function: Any, key: int, inner: Any) -> Any:
            return None

    bits = dict(layers._bits)
    for i in range(40):
        layers.register(Layer(f"unused{i}"))
    assert gradient() == [1, 1] and bits == layers._bits


def test_a_layer_is_found_whatever_its_entry_point_is_called(site: Site) -> None:
    site.install("a-broken", "raise OSError('torn')")
    site.install(
        "b-absent", "from tensorplug_dispatcher.errors import DeviceAbsentError as E\nraise E('gone')"
    )
    site.install("c-two-layers", GOOD.format(name="other-name"))
    token = on("other-name")
    try:
        assert gradient() == [1, 1]
    finally:
        CONTEXT.reset(token)
    assert {"add", "sum"} <= set(sys.modules["acme_layer_c_two_layers"].seen)


def test_more_layers_than_there_are_places(site: Site) -> None:
    free = 36 - len(layers._bits)
    for i in range(free):
        layers.bit(f"used{i}")
    with pytest.raises(PluginError) as raised:
        layers.bit("one-more")
    assert str(raised.value).startswith(
        "layer 'one-more' cannot be switched on: all 36 places are taken by layers that were switched on in "
        "this process: "
    )
    assert "used0" in str(raised.value) and layers.bit("used0") == layers._bits["used0"]
    assert gradient() == [1, 1]


def test_a_layer_that_asks_for_its_bit_while_it_is_imported(site: Site) -> None:
    source = "from tensorplug_dispatcher import layers\nMINE = layers.bit('eager')\n" + GOOD.format(
        name="eager"
    )
    site.install("eager", source)
    token = on("eager")
    try:
        assert gradient() == [1, 1]
    finally:
        CONTEXT.reset(token)
    assert sys.modules["acme_layer_eager"].MINE == layers.bit("eager")


def test_no_plugin_takes_the_place_of_a_layer_that_is_there(site: Site) -> None:
    gradient()
    source = GOOD.format(name="autograd").replace("return [Layer()]", "return [Layer(), Other()]")
    site.install("thief", f"{source}class Other(Layer):\n    name = 'honest'\n")
    token = on("honest")
    try:
        assert gradient() == [1, 1]
    finally:
        CONTEXT.reset(token)
    assert layers._sources["honest"] == "thief" and layers._sources.get("autograd") != "thief"


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("        return None", "        raise KeyError(key)", "failed in wrap() for fill(): KeyError: "),
        ("        return None", "        return 7", "returned 7 from wrap() for fill(); it must return None"),
        ("rank = {name!r}, 45", "rank = {name!r}, 'high'", "which has the rank 'high'; it must be a number"),
        ("    def wrap(self", "    def rap(self", "which has no 'wrap'; a layer has name, rank and wrap("),
        ("return [Layer()]", "return [Layer]", "which is a class; give an object of it"),
        ("return [Layer()]", "return 5", "its hook tensorplug_layers returned an object of type int; it"),
        ("return [Layer()]", "yield Layer(); raise TypeError('odd')",
         "failed in its hook tensorplug_layers(): TypeError: odd"),
        ("return [Layer()]", "import itertools; return itertools.repeat(Layer())",
         "its hook tensorplug_layers returned more than 100000 objects, and may never end"),
    ],
)  # fmt: skip
def test_a_bad_layer_is_named_when_it_is_asked_for(site: Site, old: str, new: str, reason: str) -> None:
    assert old in GOOD
    site.install("bad", GOOD.replace(old, new).format(name="bad"))
    assert gradient() == [1, 1]
    token = on("bad")
    try:
        with pytest.raises(PluginError) as raised:
            epoch.invalidate()
            tp.ones(2) + 1
    finally:
        CONTEXT.reset(token)
    assert reason in str(raised.value) and "acme-bad 1.0" in str(raised.value)
    assert gradient() == [1, 1]


def test_a_layer_that_cannot_explain_itself_hides_nothing(site: Site) -> None:
    class Layer:
        name, rank = "mumbling", 45

        def wrap(self, function: Any, key: int, inner: Any) -> Any:
            return None

        def explain(self, name: str, device: Any) -> Any:
            raise ValueError("no words")

    layers.register(Layer())
    shown = tp.devices.explain("add", "cpu")
    assert "  layer  'mumbling' does not say: ValueError: no words" in shown and "→ native" in shown
