"""``resilient``: a run that loses its device ends as the run that does not, bit for bit."""

from __future__ import annotations

import gc
import random
from collections.abc import Iterator
from typing import Any

import numpy
import pytest
from second_device import KIND, ONE, ZERO

import tensorplug as tp
import tensorplug_faults as faults
from tensorplug.resilience import ReplayError, Resilient
from tensorplug_dispatcher.errors import DeviceLostError, KernelError, SignatureError

FIRST, SECOND = f"faulty-{ZERO}", f"faulty-{ONE}"


@pytest.fixture(autouse=True)
def devices() -> Iterator[None]:
    before = tp.devices.host_policy()
    tp.devices.set_host_policy("allow")
    faults.wrap(KIND)
    for name in (FIRST, SECOND):
        assert tp.devices.health(name)
    yield
    gc.collect()
    for name in (FIRST, SECOND):
        assert tp.devices.health(name)
    tp.devices.set_host_policy(before)


class Training:
    """A small run with all that has state: dropout, batch norm, Adam, a scheduler, a shuffling loader."""

    def __init__(self, **options: Any) -> None:
        tp.manual_seed(3)
        random.seed(3)
        numpy.random.seed(3)
        data = tp.utils.data.TensorDataset(tp.randn(24, 4), tp.randint(0, 3, (24,)))
        self.loader = tp.utils.data.DataLoader(data, batch_size=6, shuffle=True)
        self.model = tp.nn.Sequential(
            tp.nn.Linear(4, 6), tp.nn.BatchNorm1d(6), tp.nn.ReLU(), tp.nn.Dropout(0.3), tp.nn.Linear(6, 3)
        )
        tp.migrate(self.model, FIRST)
        self.optimizer = tp.optim.Adam(self.model.parameters(), lr=0.05)
        self.scheduler = tp.optim.lr_scheduler.StepLR(self.optimizer, 1, 0.7)
        self.losses: list[float] = []
        settings = {"every": 3, "devices": [FIRST, SECOND, "cpu"], **options}
        self.run = tp.resilient([self.model, self.optimizer, self.scheduler], **settings)

    def step(self, x: Any, y: Any) -> float:
        self.optimizer.zero_grad()
        x = x.to(self.run.device) * random.uniform(0.9, 1.1) + numpy.random.rand()
        loss = tp.nn.functional.cross_entropy(self.model(x), y.to(self.run.device))
        loss.backward()
        self.optimizer.step()
        return loss.item()

    def epochs(self, count: int = 2, *injected: faults.Fault) -> Training:
        with faults.inject(FIRST, *injected) as self.injection:
            for _ in range(count):
                for x, y in self.loader:
                    self.losses.append(self.run.step(self.step, x, y))
                self.scheduler.step()  # between two steps
        return self

    @property
    def result(self) -> Any:
        state = [t.cpu().tolist() for t in self.model.state_dict().values()]
        moments = [
            [v.cpu().tolist() if isinstance(v, tp.Tensor) else v for v in s.values()]
            for s in self.optimizer.state.values()
        ]
        rates = [group["lr"] for group in self.optimizer.param_groups]
        draws = [tp.rand(2).tolist(), random.random(), numpy.random.rand()]
        return self.losses, state, moments, rates, self.scheduler.last_epoch, draws


@pytest.fixture(scope="module")
def uninterrupted() -> Any:
    faults.wrap(KIND)
    with tp.devices.host_fallback():
        training = Training().epochs()
    return training.result, len(training.injection.calls)


@pytest.mark.parametrize("point", [i / 16 for i in range(16)])
def test_a_loss_changes_nothing(uninterrupted: Any, point: float) -> None:
    result, calls = uninterrupted
    began = 200  # calls until the first shadow is there
    training = Training()
    objects = [id(t) for t in (*training.model.parameters(), *training.model.buffers())]
    training.epochs(2, faults.Lost(call=int(began + point * (calls - began))))
    assert training.result == result
    (failover,) = training.run.failovers
    assert (failover.lost, failover.device) == (FIRST, SECOND) and isinstance(failover.error, DeviceLostError)
    assert failover.replayed == failover.step % 3 or failover.replayed == 3
    assert objects == [id(t) for t in (*training.model.parameters(), *training.model.buffers())]
    assert str(training.run.device) == SECOND and training.run.steps == 8


def test_two_losses_end_on_the_host(uninterrupted: Any) -> None:
    result, calls = uninterrupted
    training = Training()
    with faults.inject(SECOND, faults.Lost(call=calls // 2)):
        training.epochs(2, faults.Lost(call=calls // 4))
    assert [failover.device for failover in training.run.failovers] == [SECOND, "cpu"]
    assert training.losses == pytest.approx(result[0], rel=1e-4)


def test_a_loss_while_the_shadow_is_restored(uninterrupted: Any) -> None:
    result, calls = uninterrupted
    training = Training()
    with faults.inject(SECOND, faults.Lost(call=5)):
        training.epochs(2, faults.Lost(call=calls // 2))
    assert training.losses == pytest.approx(result[0], rel=1e-4)
    assert str(training.run.device) == "cpu" and len(training.run.failovers) == 1


def test_other_errors_of_a_device_if_asked_for(uninterrupted: Any) -> None:
    result, calls = uninterrupted
    fault = {"call": 40, "on": "mul", "later": True}
    with pytest.raises(KernelError):
        Training().epochs(2, faults.KernelFault(**fault))
    tp.devices.health(FIRST)
    training = Training(errors=(DeviceLostError, KernelError)).epochs(2, faults.KernelFault(**fault))
    assert training.result == result and str(training.run.device) == SECOND
    assert tp.device(FIRST).reason.startswith("a step has failed there: KernelError: injected: mul() failed")


def test_every_step_has_a_shadow_or_none_for_long(uninterrupted: Any) -> None:
    result, calls = uninterrupted
    for every in (1, 100):
        training = Training(every=every).epochs(2, faults.Lost(call=int(calls * 0.7), on=("kernel",)))
        assert training.losses == result[0]
        tp.devices.health(FIRST)


def test_no_device_is_left(uninterrupted: Any) -> None:
    _, calls = uninterrupted
    training = Training(devices=[FIRST, "abacus:1"])
    with pytest.raises(DeviceLostError) as caught:
        training.epochs(2, faults.Lost(call=calls // 2))
    (note,) = caught.value.__notes__
    assert note.startswith(
        f"The run cannot go on: {FIRST} is lost; abacus:1: no installed plugin offers device type 'abacus'"
    )


def test_the_shadow_is_lost() -> None:
    training = Training(shadow=SECOND)
    training.run.save()
    with faults.inject(SECOND, faults.Lost(call=1)), pytest.raises(DeviceLostError) as caught:
        training.epochs(1)
    assert caught.value.__notes__ == [f"The run cannot go on: the shadow on {SECOND} is lost."]
    assert training.run.steps == 3 and str(training.run.device) == FIRST


# -- what a step may do, and what happens between steps ------------------------------------------------------


def tiny() -> tuple[Any, Any, Resilient]:
    model = tp.nn.Linear(2, 1, bias=False).to(FIRST)
    with tp.no_grad():
        model.weight.fill_(1.0)
    optimizer = tp.optim.SGD(model.parameters(), lr=0.5)
    return model, optimizer, tp.resilient([model, optimizer], every=100, devices=[SECOND, "cpu"])


def lose() -> None:
    """Lose the first device at its next kernel."""
    with faults.inject(FIRST, faults.Lost(call=1, on="kernel")), pytest.raises(DeviceLostError):
        tp.ones(1, device=FIRST) + 1


def add(model: Any, x: Any) -> float:
    with tp.no_grad():
        model.weight.add_(x.to(model.weight.device))
    return model.weight[0, 0].item()


def test_any_other_exception_passes_and_leaves_the_state_as_it_is() -> None:
    model, _, run = tiny()

    def half(x: Any) -> None:
        add(model, x)
        raise ValueError("enough")

    assert run.step(add, model, tp.ones(1)) == 2
    with pytest.raises(ValueError, match="enough"):
        run.step(half, tp.ones(1))
    assert model.weight.tolist() == [[3, 3]] and run.steps == 1
    lose()
    assert run.step(add, model, tp.ones(1)) == 3  # the half step was not shadowed: it is gone with the device
    assert run.failovers[0].device == SECOND


def test_what_changes_between_steps_is_kept() -> None:
    model, optimizer, run = tiny()
    run.step(add, model, tp.ones(1))
    with tp.no_grad():
        model.weight.mul_(10)
    run.step(add, model, tp.ones(1))
    optimizer.param_groups[0]["lr"] = 0.25
    model.eval()
    rates = []

    def look(x: Any) -> float:
        rates.append((optimizer.param_groups[0]["lr"], model.training))
        return add(model, x)

    run.step(look, tp.ones(1))
    optimizer.param_groups[0]["lr"] = 0.125
    lose()
    assert run.step(look, tp.ones(1)) == 23
    assert rates == [(0.25, False), (0.125, False), (0.25, False), (0.125, False)] or rates == [
        (0.25, False), (0.25, False), (0.125, False)
    ]  # fmt: skip


def test_gradients_that_are_collected_over_steps() -> None:
    results = []
    for losing in (False, True):
        model, optimizer, run = tiny()

        def collect(x: Any, model: Any = model, optimizer: Any = optimizer) -> None:
            model(x.to(model.weight.device)).sum().backward()
            if x[0, 0] > 2:
                optimizer.step()

        for i in range(4):
            if losing and i == 2:
                lose()
            run.step(collect, tp.full((1, 2), float(i + 1)))
            if i == 2:
                optimizer.zero_grad()  # between two steps
        results.append((model.weight.tolist(), model.weight.grad.tolist()))
        tp.devices.health(FIRST)
    assert results[0] == results[1] == ([[-4.0, -4.0]], [[4.0, 4.0]])


def test_gradients_that_are_dropped_in_a_step_come_back() -> None:
    results = []
    for losing in (False, True):
        model, optimizer, run = tiny()
        run.every = 2

        def work(i: int, model: Any = model, optimizer: Any = optimizer) -> None:
            model(tp.full((1, 2), i + 1.0, device=model.weight.device)).sum().backward()
            if i == 2:
                optimizer.step()
                optimizer.zero_grad()

        for i in range(5):
            if losing and i == 3:
                lose()
            run.step(work, i)
        results.append((model.weight.tolist(), model.weight.grad.tolist()))
        tp.devices.health(FIRST)
    assert results[0] == results[1] == ([[-2.0, -2.0]], [[9.0, 9.0]])


def test_arguments_on_the_lost_device_come_back() -> None:
    model, _, run = tiny()
    x = tp.ones(1, device=FIRST)
    run.step(add, model, x)
    lose()
    assert run.step(add, model, tp.ones(1)) == 3
    assert str(x.device) == SECOND and x.tolist() == [1]


def test_a_step_that_writes_to_its_arguments_cannot_be_repeated() -> None:
    model, _, run = tiny()

    def greedy(x: Any) -> None:
        add(model, x)
        x.zero_()

    run.step(greedy, tp.ones(1))
    lose()
    with pytest.raises(ReplayError) as caught:
        run.step(greedy, tp.ones(1))
    assert str(caught.value) == (
        "the step test_a_step_that_writes_to_its_arguments_cannot_be_repeated.<locals>.greedy cannot be done "
        "again after the loss of a device: it has written to its arguments; clone() what it writes to"
    )


class Counter:
    def __init__(self) -> None:
        self.count = 0
        self.seen: list[int] = []
        self.average = tp.zeros(1)


def test_state_of_all_kinds() -> None:
    own, generator, extra = Counter(), tp.Generator().manual_seed(7), {"hidden": tp.zeros(2, device=FIRST)}
    run = tp.resilient({"own": own, "more": [generator, extra]}, every=100, devices=[SECOND])
    drawn = []

    def step(i: int) -> None:
        own.count += 1
        own.seen.append(i)
        drawn.append(tp.rand(1, generator=generator).item())
        extra["hidden"] = extra["hidden"] + 1

    for i in range(3):
        run.step(step, i)
    lose()
    run.step(step, 3)
    assert own.count == 4 and own.seen == [0, 1, 2, 3] and extra["hidden"].tolist() == [4, 4]
    assert drawn[:3] == drawn[-4:-1] and len({*drawn}) == 4


def test_only_what_was_written_is_shadowed_again() -> None:
    model, optimizer, run = tiny()
    frozen = tp.ones(1000, device=FIRST)
    run = tp.resilient([model, frozen], every=1, devices=["cpu"])
    run.step(add, model, tp.ones(1))
    with faults.inject(FIRST) as injection:
        run.save()
        run.save()
    assert sum(call.kind == "download" for call in injection.calls) == 0
    with faults.inject(FIRST) as injection:
        run.step(add, model, tp.ones(1))
    assert sum(call.kind == "download" for call in injection.calls) == 3  # the result, the copy, its check


def test_memory_does_not_grow() -> None:
    model, _, run = tiny()
    run.every = 2
    for _ in range(4):
        run.step(add, model, tp.ones(1))

    def held() -> Any:
        gc.collect()
        return [(d.allocated, len(d.live_storages())) for d in map(tp.device, ("cpu", FIRST))]

    before = held()
    for _ in range(20):
        run.step(add, model, tp.ones(1))
    assert held() == before


def test_what_is_refused() -> None:
    model = tp.nn.Linear(1, 1)
    with pytest.raises(SignatureError) as caught:
        tp.resilient(model, every=0)
    assert str(caught.value) == "resilient(): every must be a number of steps from 1 on, not 0"
    with pytest.raises(SignatureError) as caught:
        tp.resilient(model, devices=[])
    assert str(caught.value) == (
        "resilient(): devices is empty; name one or more on which to go on after a loss"
    )
    with pytest.raises(SignatureError) as caught:
        tp.resilient([model, numpy.ones(2)]).step(lambda: None)
    assert str(caught.value) == (
        "resilient() cannot keep state[1], which is of type numpy.ndarray: it takes modules, optimizers, "
        "schedulers, generators, tensors, containers of these, and objects with attributes"
    )


def test_a_model_on_two_devices_loses_one() -> None:
    results = []
    for losing in (False, True):
        tp.manual_seed(1)
        first, second = tp.nn.Linear(3, 4).to(FIRST), tp.nn.Linear(4, 1).to(ONE)
        optimizer = tp.optim.Adam([*first.parameters(), *second.parameters()], lr=0.1)
        run = tp.resilient([first, second, optimizer], every=4, devices=[SECOND])

        def step(x: Any, first: Any = first, second: Any = second, optimizer: Any = optimizer) -> float:
            optimizer.zero_grad()
            loss = second(first(x.to(first.weight.device)).tanh().to(ONE)).square().mean()
            loss.backward()
            optimizer.step()
            return loss.item()

        losses = []
        for i in range(10):
            if losing and i == 6:
                lose()
            losses.append(run.step(step, tp.randn(5, 3)))
        results.append((losses, first.weight.tolist(), second.weight.tolist()))
        assert str(first.weight.device) == (SECOND if losing else FIRST)
        assert str(second.weight.device) == ONE
        tp.devices.health(FIRST)
    assert results[0] == results[1]


def test_a_graph_from_before_the_loss_is_refused() -> None:
    model, _, _ = tiny()
    kept = tp.ones(2, requires_grad=True)
    run = tp.resilient([model, kept], every=100, devices=[SECOND])
    run.step(add, model, tp.ones(1))
    loss = (kept * kept).sum()
    lose()
    run.step(add, model, tp.ones(1))
    with pytest.raises(tp.InplaceError, match="modified by an inplace operation"):
        loss.backward()
