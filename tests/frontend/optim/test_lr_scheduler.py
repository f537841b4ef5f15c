"""Schedules give torch's rates to the last bit, and torch's state dicts."""

from __future__ import annotations

import math
from typing import Any

import pytest

import tensorplug as tp

torch = pytest.importorskip("torch")

SCHEDULES: dict[str, Any] = {
    "StepLR": lambda s, o: s.StepLR(o, 3, 0.5),
    "MultiStepLR": lambda s, o: s.MultiStepLR(o, [2, 5, 5], 0.3),
    "ExponentialLR": lambda s, o: s.ExponentialLR(o, 0.9),
    "CosineAnnealingLR": lambda s, o: s.CosineAnnealingLR(o, 4, 0.01),
    "CosineAnnealingWarmRestarts": lambda s, o: s.CosineAnnealingWarmRestarts(o, 2, 2, 0.01),
    "LambdaLR": lambda s, o: s.LambdaLR(o, lambda epoch: 1 / (epoch + 1)),
    "LambdaLR two": lambda s, o: s.LambdaLR(o, [lambda epoch: 0.5**epoch, lambda epoch: math.sqrt(epoch)]),
    "MultiplicativeLR": lambda s, o: s.MultiplicativeLR(o, lambda epoch: 0.95),
    "LinearLR": lambda s, o: s.LinearLR(o, 0.2, 0.8, 5),
    "ConstantLR": lambda s, o: s.ConstantLR(o, 0.5, 3),
    "PolynomialLR": lambda s, o: s.PolynomialLR(o, 6, 2.0),
    "OneCycleLR": lambda s, o: s.OneCycleLR(o, 0.5, 12),
    "OneCycleLR linear": lambda s, o: s.OneCycleLR(
        o, [0.5, 0.2], epochs=3, steps_per_epoch=4, pct_start=0.4, anneal_strategy="linear", three_phase=True
    ),
    "OneCycleLR plain": lambda s, o: s.OneCycleLR(o, 0.5, 12, cycle_momentum=False),
    "SequentialLR": lambda s, o: s.SequentialLR(
        o, [s.LinearLR(o, 0.1, 1.0, 3), s.CosineAnnealingLR(o, 5), s.ExponentialLR(o, 0.5)], [3, 8]
    ),
    "ChainedScheduler": lambda s, o: s.ChainedScheduler([s.ConstantLR(o, 0.1, 2), s.ExponentialLR(o, 0.9)]),
}


def optimizer_of(library: Any, kind: str = "SGD") -> Any:
    weights = [library.nn.Parameter(library.ones(1)) for _ in range(2)]
    options: dict[str, Any] = {"momentum": 0.9} if kind == "SGD" else {}
    return getattr(library.optim, kind)(
        [{"params": weights[:1]}, {"params": weights[1:], "lr": 0.03}], lr=0.1, **options
    )


def settings(optimizer: Any) -> list[Any]:
    return [
        {key: value for key, value in group.items() if key != "params"} for group in optimizer.param_groups
    ]


def run(library: Any, make: Any, steps: int, kind: str = "SGD") -> tuple[list[Any], Any, Any]:
    optimizer = optimizer_of(library, kind)
    schedule = make(library.optim.lr_scheduler, optimizer)
    history = [(schedule.get_last_lr(), settings(optimizer))]
    for _ in range(steps):
        optimizer.step()
        schedule.step()
        history.append((schedule.get_last_lr(), settings(optimizer)))
    return history, schedule, optimizer


@pytest.mark.parametrize("kind", ["SGD", "Adam"])
@pytest.mark.parametrize("case", SCHEDULES)
def test_rates(case: str, kind: str) -> None:
    own, schedule, _ = run(tp, SCHEDULES[case], 11, kind)
    expected, theirs, _ = run(torch, SCHEDULES[case], 11, kind)
    for epoch, (a, b) in enumerate(zip(own, expected)):
        assert a == b, epoch
    assert schedule.state_dict() == theirs.state_dict()
    assert list(schedule.state_dict()) == list(theirs.state_dict())


@pytest.mark.parametrize("case", SCHEDULES)
def test_a_saved_schedule_goes_on(case: str) -> None:
    expected, _, _ = run(tp, SCHEDULES[case], 10)
    _, schedule, optimizer = run(tp, SCHEDULES[case], 5)
    resumed_optimizer = optimizer_of(tp)
    resumed = SCHEDULES[case](tp.optim.lr_scheduler, resumed_optimizer)
    resumed.load_state_dict(schedule.state_dict())
    resumed_optimizer.load_state_dict(optimizer.state_dict())
    for epoch in range(6, 11):
        resumed_optimizer.step()
        resumed.step()
        assert resumed.get_last_lr() == expected[epoch][0]


@pytest.mark.parametrize(
    "case",
    ["StepLR", "MultiStepLR", "ExponentialLR", "CosineAnnealingLR", "LinearLR", "ConstantLR", "PolynomialLR"],
)
@pytest.mark.filterwarnings("ignore:The epoch parameter", "ignore:Detected call")
def test_closed_forms(case: str) -> None:
    for epoch in (0, 2, 7):
        rates = []
        for library in (tp, torch):
            _, schedule, _ = run(library, SCHEDULES[case], 1)
            schedule.step(epoch)
            rates.append(schedule.get_last_lr())
        assert rates[0] == rates[1]


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"mode": "max"},
        {"threshold_mode": "abs", "threshold": 0.1},
        {"cooldown": 2, "min_lr": 0.01},
        {"factor": 0.5, "min_lr": [0.02, 0.001]},
        {"mode": "max", "threshold_mode": "abs"},
    ],
)
def test_plateau(options: dict[str, Any]) -> None:
    metrics = [1.0, 0.9, 0.95, 0.93, 0.94, 0.5, 0.7, 0.7, 0.6, 0.8, 0.9, 1.1, 1.0]
    results = []
    for library in (tp, torch):
        optimizer = optimizer_of(library)
        schedule = library.optim.lr_scheduler.ReduceLROnPlateau(optimizer, patience=2, **options)
        rates = []
        for value in metrics:
            schedule.step(library.tensor(value))
            rates.append(schedule.get_last_lr())
        results.append((rates, schedule.state_dict()))
    assert results[0] == results[1]


def test_rate_as_a_tensor_is_changed_in_place() -> None:
    weight = tp.nn.Parameter(tp.ones(1))
    rate = tp.tensor(0.5, dtype=tp.float64)
    optimizer = tp.optim.SGD([weight], lr=rate)
    schedule = tp.optim.lr_scheduler.ExponentialLR(optimizer, 0.5)
    optimizer.step()
    schedule.step()
    assert optimizer.param_groups[0]["lr"] is rate and float(rate) == 0.25


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (lambda s, o: s.StepLR(3, 1), TypeError),
        (lambda s, o: s.StepLR(o, 1, last_epoch=3), KeyError),
        (lambda s, o: s.LambdaLR(o, [abs]), ValueError),
        (lambda s, o: s.MultiplicativeLR(o, 3), TypeError),
        (lambda s, o: s.ConstantLR(o, 2.0), ValueError),
        (lambda s, o: s.LinearLR(o, 0.0), ValueError),
        (lambda s, o: s.LinearLR(o, 1.0, 2.0), ValueError),
        (lambda s, o: s.CosineAnnealingWarmRestarts(o, 0), ValueError),
        (lambda s, o: s.OneCycleLR(o, 0.1), ValueError),
        (lambda s, o: s.OneCycleLR(o, 0.1, 0), ValueError),
        (lambda s, o: s.OneCycleLR(o, 0.1, 5, pct_start=2.0), ValueError),
        (lambda s, o: s.OneCycleLR(o, 0.1, 5, anneal_strategy="sin"), ValueError),
        (lambda s, o: s.OneCycleLR(o, [0.1], 5), ValueError),
        (lambda s, o: s.SequentialLR(o, [], []), ValueError),
        (lambda s, o: s.SequentialLR(o, [s.StepLR(o, 1)], [1]), ValueError),
        (lambda s, o: s.SequentialLR(o, [s.ReduceLROnPlateau(o)], []), ValueError),
        (lambda s, o: s.ChainedScheduler([]), ValueError),
        (lambda s, o: s.ReduceLROnPlateau(o, factor=1.0), ValueError),
        (lambda s, o: s.ReduceLROnPlateau(o, mode="least"), ValueError),
        (lambda s, o: s.ReduceLROnPlateau(o, min_lr=[1.0]), ValueError),
    ],
)
def test_errors_are_torch_s(make: Any, error: type[Exception]) -> None:
    messages = []
    for library in (tp, torch):
        with pytest.raises(error) as caught:
            make(library.optim.lr_scheduler, optimizer_of(library))
        messages.append(str(caught.value))
    assert messages[0] == messages[1]


def test_steps_beyond_the_cycle() -> None:
    with pytest.raises(ValueError, match="Tried to step 4 times. The specified number of total steps is 3"):
        run(tp, lambda s, o: s.OneCycleLR(o, 0.5, 3), 4)


def test_stepping_before_the_optimizer_warns() -> None:
    schedule = tp.optim.lr_scheduler.StepLR(optimizer_of(tp), 1)
    with pytest.warns(
        UserWarning,
        match=r"Detected call of `lr_scheduler.step\(\)` before "
        r"`optimizer.step\(\)`",
    ):
        schedule.step()
    with pytest.warns(UserWarning, match="please use `get_last_lr"):
        schedule.get_lr()
