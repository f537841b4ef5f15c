"""Every fault strikes at the call that it names, becomes an error that names device and op, and passes."""

from __future__ import annotations

import gc
import time
from typing import Any

import pytest

import tensorplug as tp
import tensorplug_faults as faults
from tensorplug_dispatcher.errors import (
    CorruptTransferError,
    DeviceLostError,
    KernelError,
    OutOfMemoryError,
    UnknownDeviceError,
)

PLUGIN = "(plugin 'faulty-mirror' of tensorplug-faulty-mirror 1.0)"


def test_a_wrapped_device_computes_as_the_other_does(device: Any) -> None:
    def results(where: str) -> list[Any]:
        tp.manual_seed(0)
        x = tp.randn(4, 6).to(where).requires_grad_()
        y = tp.nn.functional.softmax(x @ x.t() / 3, -1)
        (y * y).sum().backward()
        return [y.tolist(), x.grad.tolist(), (x[::2].t() + 1).sort()[0].tolist(), (x > 0).half().tolist()]

    with faults.inject(device) as injection:
        assert results("faulty-mirror") == results("mirror")
    kinds = {call.kind for call in injection.calls}
    assert kinds == {"allocate", "upload", "download", "kernel", "synchronize"}
    assert {call.op for call in injection.calls} >= {"", "add", "mul", "matmul"}
    assert str(injection.calls[0]).endswith("on faulty-mirror:0")


def test_kernels_with_an_address_are_wrapped_too() -> None:
    assert faults.wrap("cpu") == faults.wrap("cpu") == "faulty-cpu"
    for dtype in (tp.float32, tp.float16, tp.bfloat16, tp.int64, tp.uint8):
        x, y = tp.arange(12).reshape(3, 4).to(dtype), tp.arange(12).reshape(3, 4).to("faulty-cpu", dtype)
        assert str(y.device) == "faulty-cpu:0" and y.data_ptr() == 0
        for f in (
            lambda t: t * 3 + 1,
            lambda t: 5 - t.t(),
            lambda t: t.sum(1),
            lambda t: t.index_select(0, i(t)),
        ):
            assert f(y).tolist() == f(x).tolist()
    model = tp.nn.Linear(3, 2).to("faulty-cpu")
    optimizer = tp.optim.Adam(model.parameters(), lr=0.1)
    with faults.inject("faulty-cpu:0", faults.KernelFault(call=1, on="adam_step")) as injection:
        model(tp.ones(1, 3, device="faulty-cpu")).sum().backward()
        with pytest.raises(KernelError, match=r"injected: adam_step\(\) failed on faulty-cpu:0"):
            optimizer.step()
    assert injection.calls[-1] == faults.Call("faulty-cpu:0", "kernel", "adam_step")


def i(t: Any) -> Any:
    return tp.tensor([2, 0], device=t.device)


def test_index_errors_pass_through(device: Any) -> None:
    faults.wrap("cpu")
    x = tp.ones(3, device="faulty-cpu")
    with pytest.raises(IndexError, match="code 1"):
        x.index_select(0, tp.tensor([7], device="faulty-cpu"))


def test_out_of_memory_and_then_it_works_again(device: Any) -> None:
    tp.devices.empty_cache(device)
    with faults.inject(device, faults.OutOfMemory(call=2)):
        x = tp.ones(1000, device=device)
        with pytest.raises(OutOfMemoryError) as caught:
            x + x
        assert caught.value.device == "faulty-mirror:0" and caught.value.requested >= 4000
        assert (x + x).sum().item() == 2000


def test_a_refusal_that_an_empty_cache_cures(device: Any) -> None:
    tp.ones(1000, device=device)  # leaves its memory in the cache
    with faults.inject(device, faults.OutOfMemory(call=1)):
        assert tp.ones(3000, device=device).sum().item() == 3000


def test_a_kernel_that_fails_at_once(device: Any) -> None:
    x = tp.ones(3, device=device)
    with faults.inject(device, faults.KernelFault(call=2, on="mul")):
        assert (x * 2).tolist() == [2, 2, 2]
        with pytest.raises(KernelError, match=r"^injected: mul\(\) failed on faulty-mirror:0$"):
            x * 2
        assert (x * 2).tolist() == [2, 2, 2] and (x + 1).tolist() == [2, 2, 2]


def test_a_kernel_that_fails_later(device: Any) -> None:
    x = tp.ones(3, device=device)
    with faults.inject(device, faults.KernelFault(call=1, on="add", later=True)):
        y = x + x
        with pytest.raises(KernelError, match=r"^injected: add\(\) failed on faulty-mirror:0$"):
            tp.devices.synchronize(device)
        y = x + x
        assert y.tolist() == [2, 2, 2]
        with faults.inject(device, faults.KernelFault(call=1, later=True)):
            y = x * x
            with pytest.raises(KernelError, match=r"injected: mul\(\) failed"):
                y.cpu()


def test_a_kernel_that_returns_something_else(device: Any) -> None:
    x = tp.ones(3, device=device)
    with faults.inject(device, faults.WrongResult(call=1)), pytest.raises(KernelError) as caught:
        x + x
    assert str(caught.value) == (
        "add() failed on faulty-mirror:0: its kernel (provider 'faulty-mirror') returned bytearray; a kernel "
        "writes its results into outs and returns None"
    )


@pytest.mark.parametrize("on", ["upload", "download"])
def test_a_corrupt_transfer(device: Any, on: str) -> None:
    x = tp.zeros(5, dtype=tp.uint8)
    with faults.inject(device, faults.Corrupt(call=1, on=on, place=3)):
        assert x.to(device).tolist() == [0, 0, 0, 1, 0]
        assert x.to(device).tolist() == [0, 0, 0, 0, 0]
    with (
        faults.inject(device, faults.Corrupt(call=1, place=1)),
        pytest.raises(CorruptTransferError) as caught,
    ):
        tp.migrate(x, device)
    assert x.is_cpu and x.tolist() == [0] * 5
    assert str(caught.value) == (
        "64 bytes were copied from cpu to faulty-mirror:0, and what is there now differs; try again, and "
        "have the device checked if it happens again"
    )
    assert caught.value.__notes__ == ["Nothing was moved to faulty-mirror:0: everything is where it was."]
    assert (caught.value.device, caught.value.nbytes) == ("faulty-mirror:0", 64)
    with faults.inject(device, faults.Corrupt(call=1, place=1)):
        tp.migrate(x, device, verify=False)
    assert x.tolist() == [0, 1, 0, 0, 0]


def test_a_corrupt_transfer_between_two_devices(device: Any) -> None:
    x = tp.zeros(8, dtype=tp.uint8, device=device)
    with (
        faults.inject("faulty-mirror:1", faults.Corrupt(call=1, on=("transfer", "upload"))),
        pytest.raises(CorruptTransferError),
    ):
        tp.migrate(x, "faulty-mirror:1")
    assert x.device is device and x.tolist() == [0] * 8
    tp.migrate(x, "faulty-mirror:1")
    assert x.tolist() == [0] * 8


def test_a_slow_device(device: Any) -> None:
    x = tp.ones(3, device=device)
    with faults.inject(device, faults.Slow(call=1, on="add", seconds=0.1, times=2)):
        began = time.perf_counter()
        assert (x + x + x).tolist() == [3, 3, 3]
        assert time.perf_counter() - began >= 0.2


def test_a_lost_device(device: Any) -> None:
    x, y = tp.ones(3, device=device), tp.ones(3, device="faulty-mirror:1")
    with faults.inject(device, faults.Lost(call=2, on="kernel")):
        assert (x + x).tolist() == [2, 2, 2]
        with pytest.raises(DeviceLostError) as caught:
            x * x
        assert (caught.value.device, caught.value.op) == ("faulty-mirror:0", "mul")
        assert str(caught.value) == (
            f"mul() failed on faulty-mirror:0 {PLUGIN}: it was lost in mul(): injected: faulty-mirror:0 went "
            "away. What lived there is gone: restore it from a copy elsewhere. Other devices go on; "
            "tensorplug.devices.reload('faulty-mirror') brings this one back, empty, and "
            "tensorplug.devices.unload('faulty-mirror') removes it"
        )
        with pytest.raises(DeviceLostError):
            x.cpu()
        assert (y + y).tolist() == [2, 2, 2]  # the other goes on


def test_a_lost_device_returns_empty(device: Any) -> None:
    x = tp.ones(3, device=device)
    with faults.inject(device, faults.Lost(call=1, back_after=1)):
        with pytest.raises(DeviceLostError):
            x + x
        assert tp.devices.health(device).state == "lost"  # refused once more
        assert tp.devices.health(device).state == "ready"
        with pytest.raises(DeviceLostError):
            x + x  # what was there is gone
        assert tp.ones(2, device=device).tolist() == [1, 1]


def test_the_same_calls_every_time(device: Any) -> None:
    model = tp.nn.Linear(4, 2)
    calls = []
    for _ in range(3):
        with faults.inject(device) as injection:
            tp.migrate(model, device)
            model(tp.ones(1, 4, device=device)).sum().backward()
            tp.migrate(model, "cpu")
            model.zero_grad()
        calls.append([call for call in injection.calls if call.kind != "allocate"])
    assert calls[1] == calls[2]


def test_unload_with_live_tensors(device: Any) -> None:
    x = tp.ones(3, device=device)
    with pytest.raises(tp.DeviceError, match="cannot be unloaded: 1 tensor in 1 storage of 64 bytes"):
        tp.devices.unload("faulty-mirror")
    with faults.inject(device, faults.Lost(call=2)), pytest.raises(DeviceLostError):
        tp.devices.unload("faulty-mirror", move_to="cpu")
    assert not x.is_cpu
    tp.devices.reload("faulty-mirror")


def test_only_wrapped_devices_take_faults() -> None:
    with pytest.raises(UnknownDeviceError) as caught:
        faults.inject("mirror:0", faults.Lost(call=1))
    assert str(caught.value) == (
        "faults cannot be injected into mirror:0: it is not wrapped; use tensorplug_faults.wrap('mirror'), "
        "and the device 'faulty-mirror:0' in its place"
    )
    with pytest.raises(UnknownDeviceError) as caught:
        faults.wrap("abacus")
    assert str(caught.value) == (
        "device type 'abacus' cannot be wrapped: no installed plugin offers it; see tensorplug.devices"
    )


# -- moves that fail -----------------------------------------------------------------------------------------


def places(tensors: list[Any]) -> list[str]:
    return [str(tensor.device) for tensor in tensors]


@pytest.mark.parametrize("lean", [False, True])
@pytest.mark.parametrize(
    "fault",
    [
        faults.OutOfMemory(call=3),
        faults.KernelFault(call=3, on="upload"),
        faults.KernelFault(call=2, on="download"),
        faults.Corrupt(call=5),
    ],
)
def test_a_move_that_fails_half_way_is_taken_back(device: Any, fault: faults.Fault, lean: bool) -> None:
    tensors = [tp.full((40,), float(i)) for i in range(5)]
    objects = [(id(t.storage), t.tolist()) for t in tensors]
    tp.devices.empty_cache(device)
    allocated = device.allocated
    with faults.inject(device, fault), pytest.raises((tp.DeviceError, tp.KernelError)) as caught:
        tp.migrate(tensors, device, lean=lean)
    (note,) = caught.value.__notes__
    rest = "what had been was moved back." if lean else "everything is where it was."
    assert note == f"Nothing was moved to faulty-mirror:0: {rest}"
    assert places(tensors) == ["cpu"] * 5 and objects == [(id(t.storage), t.tolist()) for t in tensors]
    assert device.allocated <= allocated + tensors[0].storage.nbytes  # what the traceback holds
    del caught
    gc.collect()
    assert device.allocated == allocated
    tp.migrate(tensors, device, lean=lean)
    assert places(tensors) == ["faulty-mirror:0"] * 5 and objects == [
        (id(t.storage), t.tolist()) for t in tensors
    ]


def test_the_loss_of_the_new_device_half_way(device: Any) -> None:
    tensors = [tp.full((40,), float(i)) for i in range(5)]
    with faults.inject(device, faults.Lost(call=4, on="upload")), pytest.raises(DeviceLostError) as caught:
        tp.migrate(tensors, device)
    assert caught.value.__notes__ == ["Nothing was moved to faulty-mirror:0: everything is where it was."]
    assert places(tensors) == ["cpu"] * 5 and [t[0].item() for t in tensors] == [0, 1, 2, 3, 4]
    assert tp.devices.health(device)
    with faults.inject(device, faults.Lost(call=4, on="upload")), pytest.raises(DeviceLostError) as caught:
        tp.migrate(tensors, device, lean=True)
    assert caught.value.__notes__ == [
        "3 of 5 storages (576 bytes) had been moved to faulty-mirror:0 and could not be moved back; they are "
        "there, the others where they were. Without lean=True a move never comes to that."
    ]
    assert places(tensors) == ["faulty-mirror:0"] * 3 + ["cpu"] * 2
    assert [t[0].item() for t in tensors[3:]] == [3, 4]


def test_the_loss_of_the_old_device_half_way(device: Any) -> None:
    """With ``lean`` what has left it is safe; without, all are where they were, and lost with it."""
    tensors = [tp.full((40,), float(i), device=device) for i in range(5)]
    with faults.inject(device, faults.Lost(call=7, on="download")), pytest.raises(DeviceLostError):
        tp.migrate(tensors, "cpu", lean=True)
    assert places(tensors) == ["cpu"] * 3 + ["faulty-mirror:0"] * 2
    assert [t[0].item() for t in tensors[:3]] == [0, 1, 2]
    assert tp.devices.health(device)
    tensors = [tp.full((40,), float(i), device=device) for i in range(5)]
    with faults.inject(device, faults.Lost(call=7, on="download")), pytest.raises(DeviceLostError):
        tp.migrate(tensors, "cpu")
    assert places(tensors) == ["faulty-mirror:0"] * 5


def test_module_to_moves_as_a_whole_or_not_at_all(device: Any) -> None:
    model = tp.nn.Sequential(tp.nn.Linear(30, 40), tp.nn.Linear(40, 50))
    tp.devices.empty_cache(device)
    with faults.inject(device, faults.OutOfMemory(call=3)), pytest.raises(OutOfMemoryError):
        model.to(device)
    assert places(list(model.parameters())) == ["cpu"] * 4
    assert model(tp.ones(1, 30)).shape == (1, 50)
