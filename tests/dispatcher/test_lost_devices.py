"""A lost device is quarantined and may return; health and memory of devices."""

from __future__ import annotations

import time
from typing import Any

import pytest

import tensorplug as tp
from tensorplug_dispatcher.devices import lifecycle
from tensorplug_dispatcher.errors import (
    DeviceError,
    DeviceLostError,
)

pytestmark = pytest.mark.usefixtures("quick")


# -- loss ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("where", ["add", "allocate", "bind"])
def test_a_lost_device_is_quarantined_and_others_go_on(plugin: Any, where: str) -> None:
    device, other = plugin.device(), plugin.device(1)
    x, z, here = tp.ones(3, device=device), tp.ones(3, device=other), tp.ones(3)
    device.empty_cache()
    plugin.faults[where] = DeviceLostError("it fell off the bus.")
    with pytest.raises(DeviceLostError) as caught:
        x + x
    plugin.faults.clear()
    method = "allocate" if where == "allocate" else "add"
    after = (
        f"What lived there is gone: restore it from a copy elsewhere. Other devices go on; "
        f"tensorplug.devices.reload('{plugin.name}') brings this one back, empty, and "
        f"tensorplug.devices.unload('{plugin.name}') removes it"
    )
    assert str(caught.value) == (
        f"add() failed on {device} (plugin '{plugin.name}' of acme-{plugin.name} 1.2): it was lost in "
        f"{method}(): it fell off the bus. {after}"
    )
    assert (caught.value.device, caught.value.op) == (device.name, "add")
    assert plugin.states == ["lost", "ready"]
    for op, call in {
        "mul": lambda: x * x,
        "fill": lambda: tp.zeros(2, device=device),
        "to_device": lambda: x.cpu(),
        "allocate": lambda: tp.empty(3, device=device),
        "add": lambda: x + here,
    }.items():
        with pytest.raises(DeviceLostError) as again:
            call()
        assert str(again.value) == (
            f"{op}() cannot run on {device}: it was lost in {method}(): it fell off the bus. {after}"
        )
        assert (again.value.device, again.value.op) == (device.name, op)
    assert (z + z).tolist() == [2, 2, 2] and (here + here).tolist() == [2, 2, 2]


def test_a_lost_device_is_listed_though_its_runtime_is_lost_too(plugin: Any) -> None:
    x = tp.ones(3, device=plugin.device())
    plugin.faults.update(dict.fromkeys(("add", "devices", "close"), DeviceLostError("gone")))
    with pytest.raises(DeviceLostError):
        x + x
    records = lifecycle.records_of(plugin.name)
    assert [(r.name, r.state, r.reason) for r in records] == [
        (f"{plugin.name}:0", "lost", "it was lost in add(): gone"),
        (f"{plugin.name}:1", "loaded", "gone"),
    ]
    assert lifecycle.memory(tp.device("mirror"))["total"] == 0


@pytest.mark.parametrize("method", ["upload", "download", "synchronize"])
def test_a_loss_in_a_transfer_names_it(plugin: Any, method: str) -> None:
    device = plugin.device()
    x = tp.ones(3, device=device)
    plugin.faults[method] = DeviceLostError("gone")
    with pytest.raises(
        DeviceLostError, match=rf"{method}\(\) failed on {device} .*: it was lost in {method}\(\)"
    ):
        x.cpu() if method != "upload" else tp.ones(3).to(device)
    assert device.state == "lost"


def test_a_loss_that_names_another_device_is_that_ones(plugin: Any) -> None:
    x, z = tp.ones(3, device=plugin.device()), tp.ones(3, device=plugin.device(1))
    plugin.faults["add"] = DeviceLostError("the link is down", device=f"{plugin.name}:1")
    with pytest.raises(DeviceLostError) as caught:
        x + x
    plugin.faults.clear()
    assert caught.value.device == f"{plugin.name}:1" and plugin.states == ["ready", "lost"]
    assert (x + x).tolist() == [2, 2, 2]
    with pytest.raises(DeviceLostError):
        z + z


@pytest.mark.parametrize("way", ["reload", "health", "unload"])
def test_lost_and_returned(plugin: Any, way: str) -> None:
    device = plugin.device()
    x, kept = tp.ones(3, device=device), tp.ones(3, device=plugin.device(1))
    plugin.faults["add"] = DeviceLostError("gone")
    with pytest.raises(DeviceLostError):
        x + x
    plugin.faults.clear()
    if way == "reload":
        lifecycle.reload(plugin.name)
    elif way == "health":
        found = lifecycle.health(device)
        assert (found.state, found.reason) == ("ready", "it was lost and has returned, empty") and found
    else:
        lifecycle.unload(plugin.name, move_to="cpu")
        assert str(kept.device) == "cpu"
    fresh = tp.ones(3, device=plugin.name)
    assert fresh.device is device is plugin.device() and (fresh + fresh).tolist() == [2, 2, 2]
    assert (kept + kept).tolist() == [2, 2, 2]
    for call in (lambda: x + x, lambda: x + fresh, lambda: x.cpu(), lambda: fresh + x):
        with pytest.raises(DeviceLostError, match=rf"cannot run on {device}: it was lost in add\(\): gone"):
            call()
    assert fresh.to(x.device) is fresh, "the name of a lost tensor's device is that of the one that is back"
    assert not device.live_storages() or device.live_storages() == [fresh.storage]


def test_a_lost_device_that_is_lost_again_keeps_both_apart(plugin: Any) -> None:
    device = plugin.device()
    lost = []
    for turn in range(3):
        x = tp.ones(3, device=device)
        plugin.faults["add"] = DeviceLostError(f"gone {turn}")
        with pytest.raises(DeviceLostError):
            x + x
        plugin.faults.clear()
        assert lifecycle.health(device)
        lost.append(x)
    for x in lost:
        with pytest.raises(DeviceLostError):
            x + x
    assert (tp.ones(3, device=device) + 1).tolist() == [2, 2, 2]


def test_memory_of_a_lost_device_is_not_used_again(plugin: Any) -> None:
    device = plugin.device()
    x, spare = tp.ones(1000, device=device), tp.ones(1000, device=device)
    handle, other = x.storage.handle, spare.storage.handle
    more = tp.ones(1000, device=device)
    del spare, more
    assert device.cached == 2 * 4096
    plugin.faults["add"] = DeviceLostError("gone")
    with pytest.raises(DeviceLostError):
        x + x
    plugin.faults.clear()
    assert device.cached == 0
    lifecycle.health(device)
    del x
    made = [tp.ones(1000, device=device) for _ in range(3)]
    assert not {id(handle), id(other)} & {id(m.storage.handle) for m in made}


def test_backward_and_step_name_the_loss(plugin: Any) -> None:
    x = tp.ones(3, device=plugin.device(), requires_grad=True)
    loss = x * x
    plugin.faults["mul"] = DeviceLostError("gone")
    with pytest.raises(DeviceLostError) as caught:
        loss.backward(tp.ones(3, device=plugin.device()))
    assert caught.value.op == "mul" and x.grad is None


# -- health and memory ---------------------------------------------------------------------------------------


def test_health_of_every_device_here() -> None:
    for name in ("cpu", "mirror:0", "mirror:1"):
        found = lifecycle.health(tp.device(name))
        assert found and found.state == "ready" and found.seconds > 0 and found.reason == ""
        assert str(found).startswith(f"{name}: ready; 1048576 bytes there and back in ")


def test_health_finds_what_is_wrong(plugin: Any) -> None:
    device = plugin.device()
    x = tp.ones(3, device=device)
    plugin.faults["upload"] = lambda: time.sleep(1)
    assert lifecycle.health(device, timeout=0.2).state == "hanging"
    plugin.faults["upload"] = ValueError("what?")
    found = lifecycle.health(device)
    assert (found.state, found.reason) == ("wrong", "ValueError: what?")
    plugin.faults.clear()
    plugin.edit("dst.data[: len(src)] = src", "dst.data[: len(src)] = bytes(src)[::-1]")
    with pytest.raises(DeviceError):
        lifecycle.reload(plugin.name)  # the move back compares what has arrived
    del x
    lifecycle.reload(plugin.name)
    found = lifecycle.health(device, nbytes=1000)
    assert found.state == "wrong" and "1000 bytes that went there and back came back changed" in found.reason
    plugin.edit("dst.data[: len(src)] = bytes(src)[::-1]", "dst.data[: len(src)] = src")
    plugin.edit("outs[0][...] = ins[0]\n", "outs[0][...] = ins[0].T\n")
    lifecycle.reload(plugin.name)
    found = lifecycle.health(device)
    assert (
        found.state == "wrong"
        and "4096 bytes that were copied by its kernel came back changed" in found.reason
    )
    plugin.edit("outs[0][...] = ins[0].T\n", "outs[0][...] = ins[0]\n")
    lifecycle.reload(plugin.name)
    plugin.faults["synchronize"] = DeviceLostError("reset")
    found = lifecycle.health(device)
    assert (found.state, found.reason) == ("lost", "reset") and device.state == "lost" and not found
    assert device.reason == "it was lost in health(): reset"


def test_memory(plugin: Any) -> None:
    device = plugin.device()
    x = tp.ones(16, device=device)
    assert lifecycle.memory(device) == {
        "allocated": 64,
        "peak": 64,
        "cached": 0,
        "allocations": 1,
        "total": 1 << 20,
        "free": 1000,
    }
    del x
    assert lifecycle.memory(device)["cached"] == 64 and lifecycle.empty_cache(device) == 7
    assert lifecycle.memory(tp.device("mirror"))["free"] == 0
