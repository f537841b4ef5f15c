"""Threads: two train on two devices; one moves a model while others use it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from second_device import KIND, ONE, ZERO

import tensorplug as tp

nn = tp.nn


@pytest.fixture(autouse=True)
def host_may_help() -> Iterator[None]:
    before = tp.devices.host_policy()
    tp.devices.set_host_policy("allow")  # of all threads
    yield
    tp.devices.set_host_policy(before)


def together(*works: Callable[[], Any], timeout: float = 120.0) -> list[Any]:
    """The results of functions that run at the same time, each in a thread; raises the first error."""
    results: list[Any] = [None] * len(works)
    errors: list[BaseException] = []

    def call(i: int) -> None:
        try:
            results[i] = works[i]()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=call, args=(i,), daemon=True) for i in range(len(works))]
    for thread in threads:
        thread.start()
    end = time.monotonic() + timeout
    for thread in threads:
        thread.join(max(0.0, end - time.monotonic()))
    assert not any(thread.is_alive() for thread in threads), "a thread hangs"
    if errors:
        raise errors[0]
    return results


def training(device: str, seed: int) -> list[float]:
    generator = tp.Generator().manual_seed(seed)
    model = nn.Sequential(nn.Linear(8, 32), nn.Tanh(), nn.Linear(32, 1))
    with tp.no_grad():
        for p in model.parameters():
            p.copy_(tp.randn(tuple(p.shape), generator=generator) * 0.3)
    model.to(device)
    optimizer = tp.optim.Adam(model.parameters(), lr=0.01)
    x = tp.randn(16, 8, generator=generator).to(device)
    y = x.sum(1, keepdim=True)
    losses = []
    for _ in range(30):
        optimizer.zero_grad()
        loss = nn.functional.mse_loss(model(x), y)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def test_two_threads_train_on_two_devices() -> None:
    alone = [training(ZERO, 1), training("cpu", 2)]
    assert together(lambda: training(ZERO, 1), lambda: training("cpu", 2)) == alone


def test_one_thread_moves_while_another_infers() -> None:
    """Inside ``no_migration`` a forward pass finds everything in one place; it sees many moves."""
    tp.manual_seed(0)
    model = nn.Sequential(nn.Linear(64, 256), nn.Tanh(), nn.Linear(256, 256), nn.Tanh(), nn.Linear(256, 8))
    x = tp.randn(128, 64)
    with tp.no_grad():
        wanted = model(x)
    over = threading.Event()
    seen: set[str] = set()

    def infer() -> int:
        count = 0
        while not over.is_set() or count < 3:
            with tp.no_grad(), tp.no_migration():
                device = model[0].weight.device
                found = model(x.to(device))
                assert found.device is device
            seen.add(str(device))
            assert tp.allclose(found.cpu(), wanted, rtol=1e-4, atol=1e-5)
            count += 1
        return count

    def move() -> int:
        try:
            for i in range(40):
                tp.migrate(model, (ZERO, "cpu", ONE, "cpu")[i % 4], lean=bool(i % 3))
                time.sleep(0.002)
        finally:
            over.set()
        return 40

    counts = together(infer, infer, move)
    assert all(counts) and "cpu" in seen and len(seen) > 1
    assert {str(p.device) for p in model.parameters()} == {"cpu"}


def test_calls_of_their_own_are_right_or_refused() -> None:
    """Without ``no_migration`` a call finds its operands where they are, or says that they are apart."""
    a, b = tp.full((300, 300), 1.0), tp.full((300, 300), 2.0)
    over = threading.Event()

    def infer() -> int:
        count = 0
        while not over.is_set() or count < 3:
            found = a * b + a  # both move together
            assert found.tolist()[7][:3] == [3.0, 3.0, 3.0]
            count += 1
        return count

    def move() -> None:
        try:
            for i in range(60):
                tp.migrate([a, b], (ZERO, "cpu")[i % 2])
        finally:
            over.set()

    counted = 0
    try:
        counted = sum(filter(None, together(infer, move)))
    except tp.DeviceMismatchError as error:  # the product is from before a move, and ``a`` from after it
        assert "operands on several devices" in str(error)
    over.set()
    assert counted >= 0 and a.is_cpu and a[0, 0].item() == 1


def test_writes_are_not_lost() -> None:
    """One thread adds in place, on whatever device the tensor is, while another moves it about."""
    x = tp.zeros(20_000)
    over = threading.Event()

    def add() -> int:
        count = 0
        while not over.is_set() or count < 3:
            x.add_(1)
            count += 1
        return count

    def move() -> None:
        try:
            for i in range(60):
                tp.migrate(x, (ZERO, "cpu", ONE)[i % 3], lean=bool(i % 2))
        finally:
            over.set()

    count = together(add, move)[0]
    assert tp.migrate(x, "cpu").eq(count).all().item() and count < 1 << 24


def test_a_move_waits_for_the_block_and_the_block_for_the_move(monkeypatch: pytest.MonkeyPatch) -> None:
    from tensorplug_dispatcher.devices import migration

    x = tp.ones(10)
    order: list[str] = []
    inside, copying = threading.Event(), threading.Event()
    real = migration.copied

    def slowly(*args: Any) -> Any:
        copying.set()
        time.sleep(0.05)
        order.append("copied")
        return real(*args)

    monkeypatch.setattr(migration, "copied", slowly)

    def hold() -> None:
        with tp.no_migration():
            with tp.no_migration():  # one may lie in another
                inside.set()
            time.sleep(0.1)
            order.append("held" if x.is_cpu else "moved under it")
        copying.wait(10)
        with tp.no_migration():
            order.append("again" if not x.is_cpu else "too early")

    def move() -> None:
        inside.wait(10)
        tp.migrate(x, KIND)

    together(hold, move)
    assert order == ["held", "copied", "again"]


def test_a_thread_may_move_in_its_own_block() -> None:
    x = tp.ones(3)
    with tp.no_migration():
        tp.migrate(x, KIND)
        assert (x + x).tolist() == [2, 2, 2]
    assert str(x.device) == ZERO


def test_a_move_that_never_gets_rest_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    from tensorplug_dispatcher.devices import states
    from tensorplug_dispatcher.errors import DeviceBusyError

    monkeypatch.setattr(states, "REST", 0.2)
    x = tp.ones(3)
    inside, over = threading.Event(), threading.Event()

    def hold() -> None:
        with tp.no_migration():
            inside.set()
            over.wait(20)

    def move() -> None:
        inside.wait(10)
        try:
            with pytest.raises(DeviceBusyError, match="does not come to rest"):
                tp.migrate(x, KIND)
        finally:
            over.set()

    together(hold, move)
    assert x.is_cpu and (x + x).tolist() == [2, 2, 2]
    tp.migrate(x, KIND)
