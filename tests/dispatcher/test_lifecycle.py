"""Plugins come and go while tensors live on their devices: load, unload, reload, absence."""

from __future__ import annotations

import gc
import itertools
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import tensorplug as tp
from tensorplug_dispatcher import kernels
from tensorplug_dispatcher.devices import lifecycle, plugins
from tensorplug_dispatcher.devices import registry as devices
from tensorplug_dispatcher.errors import (
    DeviceAbsentError,
    DeviceError,
    DeviceInUseError,
    PluginError,
    UnknownDeviceError,
)

pytestmark = pytest.mark.usefixtures("quick")


# -- coming and going ----------------------------------------------------------------------------------------


def test_from_installed_to_ready_and_back(plugin: Any) -> None:
    assert plugin.states == ["installed"] and plugin.module not in sys.modules
    records = lifecycle.load(plugin.name)
    assert [(r.name, r.state, r.api, r.native, r.memory) for r in records] == [
        (f"{plugin.name}:0", "ready", "1.0", 5, 1 << 20),
        (f"{plugin.name}:1", "ready", "1.0", 5, 1 << 20),
    ]
    assert records[0].features == ("memory_info", "empty_cache") and dict(records[0].dtypes)["float32"] == 5
    x = tp.ones(3, device=plugin.device())
    assert (x + x).tolist() == [2, 2, 2]
    del x
    module = sys.modules[plugin.module]
    lifecycle.unload(plugin.name)
    assert plugin.states == ["installed"] and len(module.closed) == 1
    assert plugin.module not in sys.modules and not kernels.native_ops(plugin.name)
    lifecycle.unload(plugin.name)  # once more is nothing


def test_a_device_object_survives_unload_and_load(plugin: Any) -> None:
    device = plugin.device()
    lifecycle.unload(plugin.name)
    with pytest.raises(DeviceError) as caught:
        tp.zeros(2, device="cpu").storage.__class__(device, 64)
    assert str(caught.value) == (
        f"allocate() cannot run on {device}: its plugin was unloaded; "
        f"tensorplug.devices.load('{plugin.name}') brings it back"
    )
    assert plugin.device() is device and device.state == "ready"
    assert tp.ones(2, device=device).tolist() == [1, 1]


def test_a_creation_on_an_unloaded_default_device_says_so(plugin: Any) -> None:
    with devices.use_device(plugin.name):
        tp.zeros(2)
        lifecycle.unload(plugin.name)
        with pytest.raises(
            DeviceError, match=rf"fill\(\) cannot run on {plugin.name}:0: its plugin was unloaded"
        ):
            tp.zeros(2)
        lifecycle.load(plugin.name)
        assert tp.zeros(2).tolist() == [0, 0]


def test_unload_with_tensors_is_refused_and_counts_them(plugin: Any) -> None:
    x = tp.ones(3, 4, device=plugin.device())
    y = x[1:]
    z = tp.zeros(5, device=plugin.device(1))
    with pytest.raises(DeviceInUseError) as caught:
        lifecycle.unload(plugin.name)
    assert str(caught.value) == (
        f"device type '{plugin.name}' cannot be unloaded: 3 tensors in 2 storages of 128 bytes live on "
        f"{plugin.name}:0, {plugin.name}:1. Move them with "
        f"tensorplug.devices.unload('{plugin.name}', move_to='cpu'), or drop them first"
    )
    error = caught.value
    assert (error.tensors, error.storages, error.nbytes) == (3, 2, 128)
    assert (y + y).tolist() == [[2] * 4] * 2 and z.device.ready


def test_unload_collects_garbage_first(plugin: Any) -> None:
    cycle: list[Any] = [tp.ones(3, device=plugin.device())]
    cycle.append(cycle)
    del cycle
    gc.disable()
    try:
        lifecycle.unload(plugin.name)
    finally:
        gc.enable()


def test_unload_moves_what_lives_there(plugin: Any) -> None:
    x = tp.ones(3, 4, device=plugin.device())
    view = x[1]
    z = tp.zeros(5, device=plugin.device(1))
    lifecycle.unload(plugin.name, move_to="mirror:1")
    assert str(x.device) == str(view.device) == str(z.device) == "mirror:1"
    view.fill_(3.0)
    assert x.tolist() == [[1] * 4, [3] * 4, [1] * 4]


def test_a_move_that_fails_leaves_all_as_it_was(plugin: Any) -> None:
    x, z = tp.ones(3, device=plugin.device()), tp.ones(3, device=plugin.device(1))
    calls = itertools.count()

    def second() -> None:
        if next(calls) == 1:
            raise OSError("the cable is out")

    plugin.faults["download"] = second
    with pytest.raises(DeviceError, match="the cable is out"):
        lifecycle.unload(plugin.name, move_to="cpu")
    plugin.faults.clear()
    assert plugin.states == ["ready", "ready"]
    assert str(x.device) == f"{plugin.name}:0" and (x + x).tolist() == [2, 2, 2]
    assert str(z.device) == f"{plugin.name}:1" and (z + z).tolist() == [2, 2, 2]


@pytest.mark.parametrize(
    ("call", "kind", "text"),
    [
        (
            lambda: lifecycle.unload("mirror:0"),
            UnknownDeviceError,
            "unload() takes a device type, for instance 'mirror', not 'mirror:0': a plugin comes and goes "
            "with all its devices",
        ),
        (
            lambda: lifecycle.unload("cpu"),
            DeviceError,
            "unload('cpu'): the host's memory is where transfers pass and results are read; its plugin stays",
        ),
        (
            lambda: lifecycle.reload("cpu"),
            DeviceError,
            "reload('cpu'): the host's memory is where transfers pass and results are read; its plugin stays",
        ),
        (
            lambda: lifecycle.unload("mirror", move_to="mirror:1"),
            DeviceError,
            "unload('mirror', move_to='mirror:1'): the tensors would stay on devices of the same plugin; "
            "name a device of another one, for instance 'cpu'",
        ),
    ],
)
def test_what_cannot_be_is_said(call: Callable[[], Any], kind: type, text: str) -> None:
    with pytest.raises(kind) as caught:
        call()
    assert str(caught.value) == text


@pytest.mark.parametrize("call", [lifecycle.load, lifecycle.unload, lifecycle.reload])
def test_unknown_names_are_said(call: Callable[[str], Any]) -> None:
    with pytest.raises(UnknownDeviceError, match="no installed plugin offers device type 'nowhere'"):
        call("nowhere")


def test_a_runtime_that_fails_to_close_is_gone_all_the_same(plugin: Any) -> None:
    lifecycle.load(plugin.name)
    plugin.faults["close"] = OSError("stuck")
    with pytest.warns(RuntimeWarning, match=r"failed in close\(\), and is gone all the same: OSError: stuck"):
        lifecycle.unload(plugin.name)
    assert plugin.states == ["installed"]


def test_bits_of_unloaded_devices_are_used_again(plugin: Any) -> None:
    """There are 32 device bits; 40 devices that come and go do with them."""
    plugin.edit("COUNT = 2", "COUNT = 40")
    first = plugin.device(0)
    for index in range(1, 40):
        lifecycle.unload(plugin.name)
        assert (tp.ones(2, device=f"{plugin.name}:{index}") + 1).tolist() == [2, 2]
    assert first.state == "unloaded"
    assert (tp.ones(2, device=first) + 1).tolist() == [2, 2]


# -- reload --------------------------------------------------------------------------------------------------


def test_reload_takes_the_edited_source_and_keeps_the_tensors(plugin: Any) -> None:
    x = tp.ones(3, device=plugin.device(), requires_grad=True)
    y = tp.ones(2, device=plugin.device(1))
    view, storage, device = x.detach()[1:], x.storage, x.device
    loss = x * 2
    assert (x + x).tolist() == [2, 2, 2]
    old = sys.modules[plugin.module]
    plugin.edit("ADDED = 0", "ADDED = 5")  # as long as before and within the same second
    lifecycle.reload(plugin.name)
    assert (x + x).tolist() == [7, 7, 7] and (y + y).tolist() == [7, 7]
    assert x.storage is storage and x.device is device and plugin.device() is device
    view.fill_(4.0)
    assert x.tolist() == [1, 4, 4]
    assert sys.modules[plugin.module] is not old and len(old.closed) == 1
    plugin.edit("ADDED = 5", "ADDED = 0")
    lifecycle.reload(plugin.name)
    loss.backward(tp.ones(3, device=device))
    assert x.grad is not None and x.grad.tolist() == [2, 2, 2] and x.grad.device is device


def test_reload_after_an_upgrade_shows_the_new_version(plugin: Any) -> None:
    x = tp.ones(3, device=plugin.device())
    plugin.install("2.0")
    (record, _) = lifecycle.reload(plugin.name)
    assert record.version == "2.0" and x.device.plugin.version == "2.0"
    with pytest.raises(tp.MissingKernelError, match=f"acme-{plugin.name} 2.0"):
        x.exp()


def test_reload_of_what_is_not_loaded_loads_it(plugin: Any) -> None:
    assert [r.state for r in lifecycle.reload(plugin.name)] == ["loaded", "loaded"]


BROKEN_EDITS = {
    "raises": ("import numpy", "import numpy\nraise OSError('no board')", "OSError: no board"),
    "syntax": ("def fault(name):", "def fault(name)", "SyntaxError"),
    "hook": ("def tensorplug_runtime", "def tensorplug_runtimes", "does not keep the plugin contract"),
    "api": ("(1, 0)", "(9, 0)", "needs plugin API 9.0"),
    "op": ('kernel("mul"', 'kernel("mull"', "registered a kernel for 'mull', which is no op of the table"),
    "fewer": ("COUNT = 2", "COUNT = 1", "no longer offers"),
    "absent": ("COUNT = 2", "COUNT = 0", "is absent: it found no device"),
    "devices": (
        "faults = {}",
        "faults = {'devices': OSError('bus')}",
        r"failed in devices\(\): OSError: bus",
    ),
    "memory": ("faults = {}", "faults = {'allocate': MemoryError('full')}", "out of memory"),
    "upload": ("faults = {}", "faults = {'upload': OSError('bus')}", "OSError: bus"),
    "lost": (
        "faults = {}",
        "from tensorplug_dispatcher.errors import DeviceLostError\n"
        "faults = {'upload': DeviceLostError('unplugged')}",
        "unplugged",
    ),
}


@pytest.mark.parametrize("name", BROKEN_EDITS)
def test_a_reload_that_fails_leaves_the_old_plugin_in_force(plugin: Any, name: str) -> None:
    old, new, message = BROKEN_EDITS[name]
    x, y = tp.ones(3, device=plugin.device()), tp.ones(3, device=plugin.device(1))
    module = sys.modules[plugin.module]
    plugin.edit(old, new)
    with pytest.raises((PluginError, DeviceError), match=message) as caught:
        lifecycle.reload(plugin.name)
    assert f"The plugin '{plugin.name}' that was loaded before stays in force." in caught.value.__notes__
    assert sys.modules[plugin.module] is module and not module.closed
    assert str(x.device) == f"{plugin.name}:0" and str(y.device) == f"{plugin.name}:1"
    assert (x + x).tolist() == [2, 2, 2] and (y * y).tolist() == [1, 1, 1]
    assert plugin.states == ["ready", "ready"]
    plugin.edit(new, old)
    plugin.edit("ADDED = 0", "ADDED = 3")
    lifecycle.reload(plugin.name)
    assert (x + x).tolist() == [5, 5, 5]


def test_a_reload_that_hangs_is_given_up(plugin: Any) -> None:
    x = tp.ones(3, device=plugin.device())
    plugin.edit("import numpy", "import numpy, time\ntime.sleep(1.5)")
    with pytest.raises(PluginError, match=r"had not finished loading after 0.3 s"):
        lifecycle.reload(plugin.name, timeout=0.3)
    assert (x + x).tolist() == [2, 2, 2]
    time.sleep(1.6)
    assert (x + x).tolist() == [2, 2, 2]


def test_a_plugin_in_a_package_is_reloaded_with_its_modules(plugin: Any, tmp_path: Path) -> None:
    package = tmp_path / "acme_parts"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "number.py").write_text("ADDED = 1\n")
    (package / "backend.py").write_text(plugin.source.replace("ADDED = 0", "from .number import ADDED"))
    info = tmp_path / f"acme_{plugin.name}-1.2.dist-info"
    (info / "entry_points.txt").write_text(f"[tensorplug.backends]\n{plugin.name} = acme_parts.backend\n")
    plugins.rescan()
    x = tp.ones(3, device=plugin.device())
    assert (x + x).tolist() == [3, 3, 3]
    (package / "number.py").write_text("ADDED = 2\n")
    lifecycle.reload(plugin.name)
    assert (x + x).tolist() == [4, 4, 4]


# -- absence -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("place", "edit"),
    [
        (
            "devices()",
            (
                'fault("devices")',
                "from tensorplug_dispatcher.errors import DeviceAbsentError as E\n"
                '        raise E("no platform")',
            ),
        ),
        (
            "the hook",
            (
                "    return Runtime()",
                "    from tensorplug_dispatcher.errors import DeviceAbsentError\n"
                '    raise DeviceAbsentError("no platform")',
            ),
        ),
        (
            "the import",
            (
                "import numpy",
                "import numpy\nfrom tensorplug_dispatcher.errors import DeviceAbsentError\n"
                'raise DeviceAbsentError("no platform")',
            ),
        ),
    ],
)
def test_an_absent_device_says_why_and_may_come_later(plugin: Any, place: str, edit: tuple[str, str]) -> None:
    plugin.edit(*edit)
    with pytest.raises(DeviceAbsentError) as caught:
        tp.ones(3, device=plugin.name)
    assert str(caught.value) == (
        f"device type '{plugin.name}' of acme-{plugin.name} 1.2 (entry point {plugin.module}) is absent: "
        f"no platform. Once it is there, call tensorplug.devices.rescan()"
    )
    assert isinstance(caught.value, UnknownDeviceError)
    (record,) = lifecycle.records_of(plugin.name)
    assert (record.name, record.state, record.reason) == (plugin.name, "absent", "no platform")
    plugin.edit(*edit[::-1])
    if place == "devices()":
        lifecycle.reload(plugin.name)
    assert [r.state for r in lifecycle.load(plugin.name)] == ["ready", "ready"]


def test_a_plugin_without_a_device_is_absent(plugin: Any) -> None:
    plugin.edit("COUNT = 2", "COUNT = 0")
    (record,) = [r for r in lifecycle.records(load=True) if r.type == plugin.name]
    assert (record.state, record.reason) == (
        "absent",
        f"device type '{plugin.name}' of acme-{plugin.name} 1.2 (entry point {plugin.module}) is absent: it "
        f"found no device. Once it is there, call tensorplug.devices.rescan()",
    )


def test_a_broken_plugin_is_listed_with_its_reason_and_load_tries_again(plugin: Any) -> None:
    plugin.edit("import numpy", "import numpyy")
    with pytest.raises(PluginError, match="No module named 'numpyy'"):
        lifecycle.load(plugin.name)
    (record,) = lifecycle.records_of(plugin.name)
    assert (record.state, record.reason) == (
        "broken",
        "could not be imported: ModuleNotFoundError: No module named 'numpyy'",
    )
    plugin.edit("import numpyy", "import numpy")
    assert [r.state for r in lifecycle.load(f"{plugin.name}:1")] == ["loaded", "ready"]


def test_kernels_that_are_none_break_the_plugin_and_register_nothing(plugin: Any) -> None:
    plugin.edit("return [copy, cast", "return [copy, 5, cast")
    with pytest.raises(PluginError, match="registered 5, which is not a Kernel"):
        plugin.device()
    assert not kernels.native_ops(plugin.name) and plugin.states == ["broken"]


def test_rescan_names_what_is_new(plugin: Any, tmp_path: Path) -> None:
    other = type(plugin)(tmp_path, f"{plugin.name}b")
    other.install()
    assert lifecycle.rescan() == [other.name]
    assert tp.ones(2, device=other.name).tolist() == [1, 1]
    lifecycle.unload(other.name)


def test_a_hanging_devices_call_is_given_up(plugin: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TENSORPLUG_PLUGIN_TIMEOUT", "0.3")
    plugin.edit('fault("devices")', "import time; time.sleep(1)")
    with pytest.raises(
        PluginError,
        match=r"failed in devices\(\): TimeoutError: Runtime.devices\(\) had not "
        r"finished after 0.3 s",
    ):
        plugin.device()
    plugin.edit("import time; time.sleep(1)", 'fault("devices")')
    monkeypatch.delenv("TENSORPLUG_PLUGIN_TIMEOUT")
    lifecycle.reload(plugin.name)
