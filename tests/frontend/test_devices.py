"""``tensorplug.devices`` as users meet it: the list, the table, loading and unloading, memory, health."""

from __future__ import annotations

import gc

import pytest

import tensorplug as tp
from tensorplug import devices
from tensorplug_dispatcher.errors import DeviceInUseError


def test_list_and_table() -> None:
    records = {one.name: one for one in devices.list(load=True)}
    cpu, mirror = records["cpu"], records["mirror:1"]
    assert cpu.state in ("loaded", "ready") and cpu.api == "1.0" and cpu.memory > 0 and cpu.native > 100
    assert mirror.title == "loopback" and dict(mirror.dtypes)["float32"] == mirror.native < cpu.native
    assert (mirror.distribution, mirror.version) == ("tensorplug", tp.__version__)
    lines = devices.table(load=True).splitlines()
    assert lines[0].split()[:5] == ["device", "state", "plugin", "API", "in"]
    ours = [line for line in lines[1:] if line.split()[0] in ("cpu", "mirror:0", "mirror:1")]
    assert len({line.index("tensorplug") for line in ours}) == 1 < len(ours), "columns are aligned"
    assert repr(devices) == devices.table() and len(devices) == len(list(devices)) >= len(records)
    assert "mirror" in devices and "mirror:1" in devices and "nowhere" not in devices


def test_what_is_in_use_is_shown() -> None:
    x = tp.zeros(1 << 18, device="mirror:1")
    record = next(one for one in devices.list() if one.name == "mirror:1")
    assert record.state == "ready" and record.allocated >= x.storage.nbytes
    assert "MiB" in next(line for line in devices.table().splitlines() if line.startswith("mirror:1"))


def test_memory() -> None:
    gc.collect()
    devices.empty_cache("mirror:1")
    devices.reset_peak("mirror:1")
    before = devices.memory("mirror:1")
    x = tp.zeros(1000, device="mirror:1")
    during = devices.memory("mirror:1")
    assert during["allocated"] - before["allocated"] == x.storage.nbytes == 4096
    assert during["peak"] == during["allocated"] and during["allocations"] == before["allocations"] + 1
    del x
    after = devices.memory("mirror:1")
    assert after["allocated"] == before["allocated"] and after["peak"] == during["peak"]
    assert after["cached"] == 4096 == devices.empty_cache("mirror:1")
    devices.reset_peak("mirror:1")
    assert devices.memory("mirror:1")["peak"] == before["allocated"]
    assert devices.memory()["total"] > 0


def test_unload_and_back() -> None:
    model = tp.nn.Linear(3, 2).to("mirror")
    weight, storage = model.weight, model.weight.storage
    optimizer = tp.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    x = tp.ones(1, 3, device="mirror")
    with devices.host_fallback():
        model(x).sum().backward()
        optimizer.step()
    gc.collect()
    with pytest.raises(DeviceInUseError, match="Move them with tensorplug.devices.unload"):
        devices.unload("mirror")
    devices.unload("mirror", move_to="cpu")
    assert model.weight is weight and weight.storage is storage
    moved = [weight, weight.grad, x, optimizer.state[weight]["momentum_buffer"]]
    assert {str(t.device) for t in moved} == {"cpu"}
    model(x).sum().backward()
    optimizer.step()
    assert [one.state for one in devices.list() if one.type == "mirror"] == ["installed"]
    assert [one.state for one in devices.load("mirror")] == ["ready", "ready"]
    assert tp.ones(2, device="mirror").tolist() == [1, 1]


def test_reload_of_a_plugin_of_ours() -> None:
    x = tp.arange(4.0).to("mirror")
    devices.reload("mirror")
    assert (x + x).tolist() == [0, 2, 4, 6] and str(x.device) == "mirror:0"


def test_health() -> None:
    assert devices.health("mirror") and devices.health().device == "cpu"


def test_installing_changes_no_default() -> None:
    """A plugin becomes nobody's default device by being there, or by being loaded."""
    devices.load("mirror")
    assert str(devices.default_device()) == "cpu" and str(tp.ones(1).device) == "cpu"


def test_a_device_is_the_default_inside_its_block() -> None:
    """As in PyTorch: ``with device(...)``, also nested, in this thread only, and given back on errors."""
    import threading

    elsewhere: list[str] = []
    with tp.device("mirror:1") as one:
        assert one is tp.device("mirror:1") and tp.ones(2).device is one
        with tp.no_grad(), one, tp.device("cpu"):
            assert str(tp.zeros(1).device) == "cpu" and not tp.is_grad_enabled()
            tp.set_default_device("mirror:0")
            assert str(tp.full((3,), 2).device) == "mirror:0"
        assert tp.get_default_device() is one and tp.ones(1, device="cpu").device.type == "cpu"
        thread = threading.Thread(target=lambda: elsewhere.append(str(tp.ones(1).device)))
        thread.start()
        thread.join()
    with pytest.raises(ZeroDivisionError), tp.device("mirror"):
        _ = 1 // 0
    assert elsewhere == ["cpu"] and str(tp.ones(1).device) == "cpu"


def test_transfers_are_counted() -> None:
    devices.reset_report()
    x = tp.ones(3)
    y = x.to("mirror").to("mirror:1").cpu()
    assert y.tolist() == [1, 1, 1]
    rows = {(kind, provider): n for op, kind, path, provider, n in devices.report() if path == "transfer"}
    assert rows == {("mirror", "from cpu"): 1, ("mirror", "from mirror"): 1, ("cpu", "from mirror"): 1}
