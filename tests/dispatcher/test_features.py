"""What a plugin offers and needs is negotiated feature by feature."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

import tensorplug as tp
from tensorplug_dispatcher.devices import discovery, features, plugins
from tensorplug_dispatcher.errors import PluginError


@pytest.fixture
def offers(plugin: Any) -> Any:
    """A function that gives the plugin these attributes, an API, and more source."""

    def edit(api: str = "(1, 1)", more: str = "", **attributes: object) -> Any:
        lines = "".join(f"tensorplug_{name} = {value!r}\n" for name, value in attributes.items())
        source = re.sub(r"tensorplug_api = \(1, 0\)\n", f"tensorplug_api = {api}\n{lines}", plugin.source)
        plugin.write(source + more)
        plugins.rescan()
        return plugin

    return edit


STREAMS = """
for name in ("create_stream", "default_stream", "current_stream", "use_stream", "create_event"):
    setattr(Runtime, name, lambda self, index, *rest: object())
"""


def refusal(plugin: Any) -> str:
    with pytest.raises(PluginError) as raised:
        plugin.device()
    (record,) = [r for r in tp.devices.list() if r.type == plugin.name]
    assert record.state in ("too-new", "broken")
    said = str(raised.value)
    start = f"device plugin {plugin.name!r} of acme-{plugin.name} 1.2 (entry point {plugin.module}) "
    assert said.startswith(start)
    return said.removeprefix(start)


def test_what_is_known_is_used_without_a_word(offers: Any) -> None:
    plugin = offers(features={"memory-info": (1, 0)}, requires={"memory-info": (1, 0)})
    (record,) = [r for r in tp.devices.load(plugin.name) if r.name.endswith(":0")]
    assert record.notes == () and "memory_info" in record.features and record.api == "1.1"


def test_a_later_feature_is_left_alone_with_a_note(offers: Any) -> None:
    plugin = offers("(1, 4)", features={"memory-info": (1, 0), "graph-capture": (1, 4)})
    assert tp.ones(3, device=plugin.device()).tolist() == [1.0] * 3
    assert tp.devices.memory(plugin.device())["total"] == 1 << 20
    notes = [
        "it was written for plugin API 1.4; this tensorplug has 1.1",
        "its feature 'graph-capture' of plugin API 1.4 is not used: this tensorplug does not know it",
    ]
    record = tp.devices.load(plugin.name)[0]
    assert record.notes == tuple(notes) and record.api == "1.4"
    table = tp.devices.table().splitlines()
    explanation = tp.devices.explain("add", plugin.device()).splitlines()
    for note in notes:
        assert table.count(f"note: plugin {plugin.name!r}: {note}") == 1
        assert f"  note  plugin {plugin.name!r}: {note}" in explanation


def test_a_feature_as_of_a_later_api_is_not_seen_at_all(offers: Any) -> None:
    """Its methods may mean something else by then."""
    plugin = offers("(1, 3)", STREAMS, features={"streams": (1, 3), "memory-info": (1, 2)})
    with pytest.raises(tp.DeviceError, match="has no streams"):
        tp.Stream(plugin.device())
    assert tp.devices.memory(plugin.device())["total"] == 1 << 20  # what devices() said
    record = tp.devices.load(plugin.name)[0]
    assert record.features == ("empty_cache",)
    assert record.notes[1:] == (
        "its feature 'streams' of plugin API 1.3 is not used: this tensorplug has that of 1.0",
        "its feature 'memory-info' of plugin API 1.2 is not used: this tensorplug has that of 1.0",
    )
    assert not hasattr(plugin.device().runtime, "create_stream")
    assert (tp.ones(3, device=plugin.device()) + 1).tolist() == [2.0] * 3


def test_streams_are_there_as_of_their_own_api(offers: Any) -> None:
    plugin = offers("(1, 3)", STREAMS, features={"streams": (1, 0)})
    assert hasattr(plugin.device().runtime, "create_stream")


@pytest.mark.parametrize(
    ("requires", "text"),
    [
        ({"graph-capture": (1, 4)}, "the feature 'graph-capture' of plugin API 1.4"),
        ({"streams": (1, 2)}, "the feature 'streams' of plugin API 1.2"),
        ({"streams": (2, 0)}, "the feature 'streams' of plugin API 2.0"),
        (
            {"streams": (1, 0), "graph-capture": (1, 4), "parts": (1, 5)},
            "the feature 'graph-capture' of plugin API 1.4 and the feature 'parts' of plugin API 1.5",
        ),
    ],
)
def test_what_is_needed_and_not_there_refuses_the_plugin(offers: Any, requires: Any, text: str) -> None:
    upgrade = discovery.upgrade_of_ours(plugins.installed("tensorplug.backends").values())
    assert refusal(offers("(1, 4)", requires=requires)) == (
        f"needs {text}, which this tensorplug (plugin API 1.1) does not have. {upgrade}."
    )


def test_a_hook_of_a_later_api_is_left_alone(offers: Any) -> None:
    later = "\ndef tensorplug_graphs():\n    raise AssertionError('was called')\n"
    plugin = offers("(1, 2)", later)
    assert tp.ones(2, device=plugin.device()).tolist() == [1.0, 1.0]
    assert tp.devices.load(plugin.name)[0].notes == (
        "it was written for plugin API 1.2; this tensorplug has 1.1",
        "its hook tensorplug_graphs is not called: this tensorplug does not have it",
    )


def test_a_hook_that_there_never_was_is_still_a_mistake(offers: Any) -> None:
    assert refusal(offers("(1, 1)", "\ndef tensorplug_kernel(): ...\n")).startswith(
        "does not keep the plugin contract: it implements the hook tensorplug_kernel, which does not exist; "
        "did you mean tensorplug_kernels?"
    )


def test_a_feature_that_is_offered_must_be_there(offers: Any) -> None:
    assert refusal(offers(features={"streams": (1, 0), "memory-info": (1, 0)})).startswith(
        "does not keep the plugin contract: it offers the feature 'streams' without create_stream, "
        "default_stream, current_stream, use_stream, create_event, which its runtime lacks."
    )


@pytest.mark.parametrize("attribute", ["features", "requires"])
@pytest.mark.parametrize(
    "value", [["streams"], {"streams": "1.0"}, {"streams": (1,)}, {1: (1, 0)}, "streams"]
)
def test_what_is_no_list_of_features_is_refused(offers: Any, attribute: str, value: object) -> None:
    assert refusal(offers(**{attribute: value})).startswith(
        f"says tensorplug_{attribute} = {value!r}; it maps names of features to the plugin API that defines "
        f"them, for instance {{'streams': (1, 0)}}. "
    )


def test_every_optional_attribute_belongs_to_a_feature() -> None:
    """What the core reads of a runtime beside the eight methods can be hidden, and so negotiated."""
    from tensorplug_dispatcher.devices.lifecycle import OPTIONAL

    known = {name for feature in features.FEATURES.values() for name in feature.attributes}
    assert set(OPTIONAL) <= known
    folder = Path(features.__file__).parent
    read = {
        name
        for path in folder.glob("*.py")
        for name in re.findall(r"(?:get|has)attr\((?:\w+\.)*runtime, \"(\w+)\"", path.read_text())
    }
    assert read and read <= known


def test_the_table_of_features_is_of_this_api() -> None:
    assert all(feature.api <= features.API for feature in features.FEATURES.values())
    names: list[str] = [name for feature in features.FEATURES.values() for name in feature.attributes]
    assert len(names) == len(set(names))
