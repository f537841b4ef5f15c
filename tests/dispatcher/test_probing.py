"""Plugins that end the process, hang or talk: the list of devices says so in a line, and shows all others."""

from __future__ import annotations

from typing import Any

import pytest

import tensorplug as tp
from tensorplug.cli import main
from tensorplug_dispatcher.devices import probing

ENDS = {
    "exit": ("import os; os._exit(3)", "ended with status 3"),
    "quiet exit": ("import os; os._exit(0)", "ended with status 0"),
    "abort": ("import os; os.abort()", "died by SIGABRT"),
    "segfault": ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "died by SIGSEGV"),
}


def ending(plugin: Any, where: str, how: str) -> None:
    """Make the plugin end its process at its import, in a hook or in devices()."""
    if where == "import":
        plugin.write(f"{how}\n{plugin.source}")
    elif where == "hook":
        plugin.edit("    return Runtime()", f"    {how}")
    else:
        plugin.edit('fault("devices")', how)


@pytest.mark.parametrize("where", ["import", "hook", "devices"])
@pytest.mark.parametrize("how", ENDS)
def test_a_plugin_that_ends_the_process(plugin: Any, where: str, how: str) -> None:
    ending(plugin, where, ENDS[how][0])
    found = probing.probe(plugin.name)
    (record,) = found.records
    stage = "in devices()" if where == "devices" else "while it was imported or one of its hooks called"
    assert (record.name, record.state, record.distribution) == (plugin.name, "broken", f"acme-{plugin.name}")
    assert record.reason == f"the process that loads it {ENDS[how][1]} {stage}"
    assert found.health == []
    plugin.write("")


def test_the_command_shows_all_others(plugin: Any, capsys: pytest.CaptureFixture[str]) -> None:
    ending(plugin, "import", "import os; print('I am here', flush=True); os._exit(3)")
    assert main(["devices"]) == 0
    lines = capsys.readouterr().out.splitlines()
    (one,) = [line for line in lines if line.startswith(plugin.name)]
    assert f"acme-{plugin.name} 1.2" in one and "ended with status 3 while it was imported" in one
    for name in ("cpu", "mirror:0", "mirror:1"):
        assert sum(line.split()[:1] == [name] for line in lines) == 1, lines
    assert not any("I am here" in line for line in lines)
    plugin.write("")


def test_what_dies_while_it_is_checked_is_not_well(plugin: Any, capsys: pytest.CaptureFixture[str]) -> None:
    plugin.edit('fault("download")', "import os; os.abort()")
    assert main(["devices", "--check"]) == 1
    shown = capsys.readouterr().out
    assert f"{plugin.name}:0: wrong; died by SIGABRT while its devices were checked" in shown
    assert "cpu: ready; " in shown and "mirror:1: ready; " in shown


def test_a_plugin_that_does_not_answer_is_given_up(plugin: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where it holds the interpreter: then its own process cannot give it up."""
    monkeypatch.setenv("TENSORPLUG_PLUGIN_TIMEOUT", "0.5")
    monkeypatch.setattr(probing, "GRACE", 3.0)
    plugin.write("import ctypes; ctypes.PyDLL(None).sleep(60)")
    (record,) = probing.probe(plugin.name).records
    assert record.reason.startswith("the process that loads it did not come to an end within 4 s ")
    plugin.write("")


def test_a_plugin_that_is_well_is_told_as_in_this_process(plugin: Any) -> None:
    found = probing.probe(plugin.name, check=True)
    there = tp.devices.load(plugin.name)
    assert [one.name for one in found.records] == [one.name for one in there]
    for one, other in zip(found.records, there, strict=True):
        assert (one.dtypes, one.features, one.native, one.api) == (
            other.dtypes,
            other.features,
            other.native,
            other.api,
        )
    assert [health.state for health in found.health] == ["ready", "ready"]


def test_a_process_that_dies_after_all_is_a_note(plugin: Any) -> None:
    plugin.write(f"import atexit, os; atexit.register(os.abort)\n{plugin.source}")
    found = probing.probe(plugin.name)
    assert [one.state for one in found.records] == ["loaded", "loaded"]
    assert found.records[0].notes == ("its process died by SIGABRT after all",)
    plugin.write("")
