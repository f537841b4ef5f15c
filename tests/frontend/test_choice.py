"""``devices.choose``: measures candidates, says why it chose, and changes nothing of the caller's."""

from __future__ import annotations

import re
import time
from typing import Any

import pytest

import tensorplug as tp
from tensorplug import devices, nn


@pytest.fixture
def slow_mirror(monkeypatch: pytest.MonkeyPatch) -> None:
    """Timings must not decide a test: the mirror takes 20 ms to come to an end."""
    devices.load("mirror")
    runtime: Any = tp.device("mirror").runtime
    monkeypatch.setattr(type(runtime.runtime), "synchronize", lambda self, index: time.sleep(0.02))


@pytest.mark.usefixtures("slow_mirror")
def test_chooses_the_faster_and_says_why() -> None:
    x = tp.ones(64, 64)
    choice = devices.choose(lambda a: (a * a + a).exp(), x, candidates=["mirror", "cpu"], repeat=3)
    assert str(choice.device) == "cpu"
    mirror, cpu = choice.measurements
    assert (mirror.native, mirror.decomposed, mirror.host, mirror.agrees) == (3, 0, 0, True)
    assert cpu.seconds < mirror.seconds and cpu.peak >= 64 * 64 * 4
    assert re.fullmatch(
        r"cpu is chosen: \S+ (ms|us) a call, \S+ times as fast as mirror:0 \(\S+ ms\); it takes \S+ KiB, and "
        r"nothing falls back to the host",
        choice.reason,
    )
    lines = str(choice).splitlines()
    assert lines[0].split()[:4] == ["device", "a", "call", "peak"] and lines[-1] == choice.reason
    assert re.match(r"mirror:0 +\S+ ms +\S+ KiB +3 +0 +0 +0 +agree$", lines[1])
    assert str(x.device) == "cpu"


def test_what_the_host_serves_is_named(minimal: str) -> None:
    with devices.host_fallback():
        choice = devices.choose(lambda a: a.sin() + 1, tp.ones(8), candidates=[minimal], repeat=2)
    (one,) = choice.measurements
    assert one.host == 1 and one.borrowed == ("sin",) and one.transfers == 2
    assert choice.reason.endswith("and the host serves 1 calls of sin")
    assert ", and no other device gives the result; " in choice.reason


def test_a_device_that_fails_is_listed_with_its_error(minimal: str) -> None:
    choice = devices.choose(lambda a: a.sin(), tp.ones(8), candidates=["cpu", minimal])
    assert str(choice.device) == "cpu"
    assert choice.measurements[1].error.startswith("MissingKernelError: sin() cannot run on minimal:0")
    assert "MissingKernelError: sin() cannot run on minimal:0" in str(choice)
    with pytest.raises(tp.DeviceError) as caught:
        devices.choose(lambda a: a.sin(), tp.ones(8), candidates=[minimal])
    assert str(caught.value).startswith(
        "choose() found no device on which <lambda> works: minimal:0: MissingKernelError: sin() cannot run on"
    )


def test_a_device_that_gives_another_result_is_not_chosen() -> None:
    def wrong(a: Any) -> Any:
        if a.device.type == "mirror":
            return a + 0.5
        time.sleep(0.02)
        return a

    choice = devices.choose(wrong, tp.ones(8), candidates=["cpu", "mirror"], repeat=2)
    assert str(choice.device) == "cpu"
    assert choice.measurements[1].difference == 0.5 and not choice.measurements[1].agrees
    assert "differ by 0.5" in str(choice)
    for results in (
        lambda a: a.log() if a.device.type == "cpu" else a,
        lambda a: a[: 8 - (a.device.type == "cpu")],
    ):
        choice = devices.choose(results, tp.zeros(8) - 1, candidates=["cpu", "mirror"], repeat=1)
        assert not choice.measurements[1].agrees


def test_a_hanging_device_is_given_up() -> None:
    def hangs(a: Any) -> Any:
        if a.device.type == "mirror":
            time.sleep(1)
        return a

    choice = devices.choose(hangs, tp.ones(8), candidates=["mirror", "cpu"], timeout=0.3)
    assert choice.measurements[0].error == "had not finished after 0.3 s" and str(choice.device) == "cpu"


def test_training_steps_are_measured_on_copies() -> None:
    tp.manual_seed(3)
    model = nn.Sequential(nn.Linear(4, 8), nn.Dropout(0.5), nn.Linear(8, 1))
    optimizer = tp.optim.Adam(model.parameters())
    before = [p.tolist() for p in model.parameters()]
    random = tp.get_rng_state().tolist()
    ids = [id(p) for p in model.parameters()]

    def step(model: Any, optimizer: Any, batch: dict[str, Any]) -> Any:
        optimizer.zero_grad()
        loss = (model(batch["x"]) ** 2).mean()
        loss.backward()
        optimizer.step()
        assert next(iter(optimizer.state))[0] is not None
        return loss.item()

    with devices.host_fallback():
        choice = devices.choose(step, model, optimizer, {"x": tp.ones(5, 4)}, candidates=["cpu", "mirror:1"])
    assert all(not m.error and m.agrees for m in choice.measurements), choice
    assert [p.tolist() for p in model.parameters()] == before and [id(p) for p in model.parameters()] == ids
    assert all(p.grad is None and str(p.device) == "cpu" for p in model.parameters())
    assert tp.get_rng_state().tolist() == random and not optimizer.state


def test_modules_and_their_methods_are_functions_too() -> None:
    model = nn.Linear(4, 2)
    for fn in (model, model.forward):
        choice = devices.choose(fn, tp.ones(3, 4), candidates=["cpu", "mirror"], repeat=1)
        assert [m.error for m in choice.measurements] == ["", ""]
    assert str(model.weight.device) == "cpu"


def test_all_devices_are_candidates_and_creations_follow() -> None:
    with devices.host_fallback():
        choice = devices.choose(lambda: tp.ones(4) + tp.zeros(4), repeat=1)
    names = [m.device.name for m in choice.measurements]
    assert names[0] == "cpu" and {"mirror:0", "mirror:1"} <= set(names)
    assert all(not m.error for m in choice.measurements if m.device.type == "mirror")
    assert str(tp.ones(1).device) == "cpu"


def test_bad_arguments_are_said() -> None:
    with pytest.raises(tp.SignatureError, match=r"choose\(\): repeat must be 1 or more, not 0"):
        devices.choose(lambda: tp.ones(1), repeat=0)
    with pytest.raises(tp.UnknownDeviceError, match="no installed plugin offers device type 'nowhere'"):
        devices.choose(lambda: tp.ones(1), candidates=["nowhere"])


def test_the_peak_of_the_process_is_kept() -> None:
    before = devices.memory("mirror")["peak"]
    devices.choose(lambda a: a + 1, tp.ones(4), candidates=["mirror"], repeat=1)
    assert devices.memory("mirror")["peak"] >= before
