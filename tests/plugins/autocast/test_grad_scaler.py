"""GradScaler: PyTorch's scales, skipped steps and parameters; its errors; few questions of the host."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import pytest

import tensorplug as tp
from tensorplug_dispatcher.errors import DTypeError, GradScalerError


def trace(library: Any, infinite: set[int], unscale: bool, steps: int = 24) -> list[Any]:
    """(scale, tracker, weights) after each step of a training whose gradients overflow in some steps."""
    weight = library.tensor([1.0, -2.0, 3.0], requires_grad=True)
    optimizer = library.optim.SGD([weight], lr=0.125, momentum=0.5)
    scaler = library.amp.GradScaler(
        "cpu", init_scale=1024.0, growth_factor=4.0, backoff_factor=0.25, growth_interval=3
    )
    found = []
    for step in range(steps):
        optimizer.zero_grad()
        loss = (weight * weight).sum() * (float("inf") if step in infinite else 1.0)
        scaler.scale(loss).backward()
        if unscale:
            scaler.unscale_(optimizer)
            library.nn.utils.clip_grad_norm_([weight], 1.0)
        scaler.step(optimizer)
        scaler.update()
        state = scaler.state_dict()
        found.append((state["scale"], state["_growth_tracker"], weight.tolist()))
    return found


@pytest.mark.oracle
@pytest.mark.parametrize("unscale", [False, True])
@pytest.mark.parametrize(
    "infinite", [set(), {0}, {4, 5, 11}, set(range(24))], ids=["none", "first", "some", "all"]
)
def test_the_trace_is_pytorchs(infinite: set[int], unscale: bool) -> None:
    torch = pytest.importorskip("torch")
    ours, theirs = trace(tp, infinite, unscale), trace(torch, infinite, unscale)
    for a, b in zip(ours, theirs, strict=True):
        assert a[:2] == b[:2]
        assert a[2] == pytest.approx(b[2], rel=1e-5)


@pytest.mark.oracle
def test_two_optimizers_are_judged_apart() -> None:
    torch = pytest.importorskip("torch")
    records = []
    for library in (tp, torch):
        good, bad = (library.ones(2, requires_grad=True) for _ in range(2))
        optimizers = [library.optim.SGD([w], lr=1.0) for w in (good, bad)]
        scaler = library.amp.GradScaler("cpu", init_scale=4.0)
        losses = scaler.scale([good.sum(), bad.sum() * float("nan")])
        assert isinstance(losses, list)
        for loss in losses:
            loss.backward()
        for optimizer in optimizers:
            scaler.step(optimizer)
        scaler.update()
        records.append((good.tolist(), bad.tolist(), scaler.get_scale()))
    assert records[0] == records[1] == ([0.0, 0.0], [1.0, 1.0], 2.0)


def test_a_scale_that_would_not_be_finite_stays() -> None:
    weight = tp.ones(1, requires_grad=True)
    optimizer = tp.optim.SGD([weight], lr=0.0)
    scaler = tp.amp.GradScaler("cpu", init_scale=2.0**127, growth_interval=1)
    scaler.scale((weight * 2.0**-100).sum()).backward()
    scaler.step(optimizer)
    scaler.update()
    assert scaler.get_scale() == 2.0**127


def test_the_host_asks_once_a_step(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    before = tp.Tensor.__float__
    layers = tp.nn.Sequential(*[tp.nn.Linear(4, 4) for _ in range(6)])
    optimizer = tp.optim.SGD(layers.parameters(), lr=0.1)
    scaler = tp.amp.GradScaler("cpu")
    scaler.scale(layers(tp.ones(2, 4)).sum()).backward()
    monkeypatch.setattr(tp.Tensor, "__float__", lambda self: asked.append(self) or before(self))
    scaler.unscale_(optimizer)
    assert not asked
    scaler.step(optimizer)
    scaler.update()
    assert len(asked) == 1


def test_parameters_on_two_devices() -> None:
    here, there = tp.ones(2, requires_grad=True), tp.ones(2, device="mirror:0", requires_grad=True)
    optimizer = tp.optim.SGD([here, there], lr=1.0)
    scaler = tp.amp.GradScaler("cpu", init_scale=8.0)
    for factor, expected in ((1.0, [0.0, 0.0]), (float("inf"), [0.0, 0.0])):
        optimizer.zero_grad()
        scaler.scale(here.sum()).backward()
        scaler.scale((there * factor).sum()).backward()
        scaler.step(optimizer)
        scaler.update()
        assert here.tolist() == there.tolist() == expected
    assert scaler.get_scale() == 4.0


def test_the_state_is_saved_and_loaded() -> None:
    first, second = tp.amp.GradScaler("cpu", init_scale=8.0), tp.amp.GradScaler("cpu")
    weight = tp.ones(1, requires_grad=True)
    optimizer = tp.optim.SGD([weight], lr=1.0)
    first.scale(weight.sum()).backward()
    first.step(optimizer)
    first.update()
    assert first.state_dict() == {
        "scale": 8.0,
        "growth_factor": 2.0,
        "backoff_factor": 0.5,
        "growth_interval": 2000,
        "_growth_tracker": 1,
    }
    second.load_state_dict(first.state_dict())
    assert second.state_dict() == first.state_dict()
    for again in (pickle.loads(pickle.dumps(first)), copy.deepcopy(first)):
        assert again.state_dict() == first.state_dict()
        assert again.scale(tp.ones(())).item() == 8.0
    first.update(32.0)
    assert first.get_scale() == 32.0
    first.update(tp.tensor([16.0]))
    assert first.get_scale() == 16.0


def test_switched_off_it_does_nothing() -> None:
    weight = tp.ones(1, requires_grad=True)
    optimizer = tp.optim.SGD([weight], lr=1.0)
    scaler = tp.amp.GradScaler("cpu", enabled=False)
    loss = weight.sum()
    assert scaler.scale(loss) is loss and not scaler.is_enabled()
    loss.backward()
    scaler.unscale_(optimizer)
    scaler.step(optimizer)
    scaler.update()
    assert weight.tolist() == [0.0] and scaler.get_scale() == 1.0 and scaler.state_dict() == {}
    scaler.load_state_dict({})


def test_settings() -> None:
    scaler = tp.amp.GradScaler("cpu")
    scaler.set_growth_factor(3.0)
    scaler.set_backoff_factor(0.1)
    scaler.set_growth_interval(7)
    assert (scaler.get_growth_factor(), scaler.get_backoff_factor(), scaler.get_growth_interval()) == (
        3.0,
        0.1,
        7,
    )


NO_SCALE = (
    "Attempted {} but _scale is None.  This may indicate your script did not use scaler.scale(loss "
    "or outputs) earlier in the iteration."
)


def ready() -> tuple[Any, Any, Any]:
    weight = tp.ones(2, requires_grad=True)
    scaler, optimizer = tp.amp.GradScaler("cpu"), tp.optim.SGD([weight], lr=1.0)
    scaler.scale(weight.sum()).backward()
    return scaler, optimizer, weight


def twice(name: str, between: str = "") -> Callable[[], None]:
    def run() -> None:
        scaler, optimizer, _ = ready()
        getattr(scaler, between or name)(optimizer)
        getattr(scaler, name)(optimizer)

    return run


def half_gradients() -> None:
    weight = tp.ones(2, dtype=tp.float16, requires_grad=True)
    scaler = tp.amp.GradScaler("cpu", init_scale=2.0)
    scaler.scale(weight.sum()).backward()
    scaler.unscale_(tp.optim.SGD([weight], lr=1.0))


def pickled_between() -> None:
    scaler, optimizer, _ = ready()
    scaler.unscale_(optimizer)
    pickle.dumps(scaler)


def without_gradients() -> None:
    scaler, _, _ = ready()
    scaler.step(tp.optim.SGD([tp.ones(1, requires_grad=True)], lr=1.0))


ERRORS: list[tuple[Callable[[], Any], type[Exception], str]] = [
    (
        lambda: tp.amp.GradScaler(growth_factor=1.0),
        GradScalerError,
        "The growth factor must be > 1.0, but got 1.0",
    ),
    (
        lambda: tp.amp.GradScaler(backoff_factor=2.0),
        GradScalerError,
        "The backoff factor must be < 1.0, but got 2.0",
    ),
    (
        twice("unscale_"),
        GradScalerError,
        "unscale_() has already been called on this optimizer since the last update().",
    ),
    (twice("unscale_", "step"), GradScalerError, "unscale_() is being called after step()."),
    (twice("step"), GradScalerError, "step() has already been called since the last update()."),
    (
        lambda: ready()[0].step(ready()[1], closure=int),
        GradScalerError,
        "Closure use is not currently supported if GradScaler is enabled.",
    ),
    (lambda: tp.amp.GradScaler().update(), GradScalerError, NO_SCALE.format("update")),
    (lambda: tp.amp.GradScaler().unscale_(ready()[1]), GradScalerError, NO_SCALE.format("unscale_")),
    (lambda: ready()[0].update(), GradScalerError, "No inf checks were recorded prior to update."),
    (without_gradients, GradScalerError, "No inf checks were recorded for this optimizer."),
    (
        lambda: tp.amp.GradScaler().load_state_dict({}),
        GradScalerError,
        "The source state dict is empty, possibly because it was saved from a disabled "
        "instance of GradScaler.",
    ),
    (
        pickled_between,
        GradScalerError,
        "A GradScaler instance may only be pickled at the beginning of an iteration, or at the end after "
        "scaler.update().",
    ),
    (
        lambda: tp.amp.GradScaler().scale(3),
        GradScalerError,
        "outputs must be a Tensor or an iterable of Tensors, not int; give what backward() is called on",
    ),
    (
        lambda: ready()[0].update(tp.ones(2)),
        GradScalerError,
        "new_scale should be a float or a 1-element floating-point tensor with requires_grad=False, not "
        "tensorplug.float32 of shape [2]",
    ),
    (
        half_gradients,
        DTypeError,
        "Attempting to unscale FP16 gradients: keep the parameters in float32 and let autocast cast them",
    ),
]


@pytest.mark.parametrize(("call", "kind", "message"), ERRORS, ids=[message[:40] for _, _, message in ERRORS])
def test_errors(call: Callable[[], Any], kind: type[Exception], message: str) -> None:
    with pytest.raises(kind) as caught:
        call()
    assert str(caught.value) == message
