"""An interrupt at any line leaves nothing torn: blocks, moves, steps of optimizers, schedules and scalers."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from broken_off import at_each_line, others_go_on, settings
from second_device import KIND, ZERO

import tensorplug as tp
from tensorplug_dispatcher import observation, steps
from tensorplug_dispatcher.context import CONTEXT
from tensorplug_dispatcher.devices import registry as devices
from tensorplug_dispatcher.devices import states
from tensorplug_dispatcher.keys import LAYER_MASK
from tensorplug_dispatcher.writing import without_layers
from tensorplug_layers.quantization import sessions

nn = tp.nn
TOOL = Path(__file__).parent.parent.parent / "tools/interrupts.py"


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Nothing waits long for a device; the host may help, so that any second device will do."""
    monkeypatch.setattr(states, "REST", 5.0)
    monkeypatch.setattr(states, "PATIENCE", 10.0)
    before = devices.host_policy()
    devices.set_host_policy("allow")
    yield
    devices.set_host_policy(before)


def two() -> list[Any]:
    return [tp.device("cpu"), tp.device(ZERO)]


def hooked() -> Any:
    leaf = tp.ones(2, requires_grad=True)
    return leaf.register_hook(lambda g: None)


MODEL = nn.Sequential(nn.Linear(2, 2))

BLOCKS: dict[str, Callable[[], Any]] = {
    "no_grad": tp.no_grad,
    "enable_grad": tp.enable_grad,
    "inference_mode": tp.inference_mode,
    "set_grad_enabled": lambda: tp.set_grad_enabled(False),
    "autocast": lambda: tp.autocast("cpu"),
    "autocast off": lambda: tp.autocast("cpu", enabled=False),
    "detect_anomaly": tp.autograd.detect_anomaly,
    "set_detect_anomaly": lambda: tp.autograd.set_detect_anomaly(True, False),
    "a device": lambda: tp.device(ZERO),
    "host_fallback": lambda: devices.host_fallback("warn"),
    "fork_rng": tp.random.fork_rng,
    "observe": observation.observe,
    "no_migration": tp.no_migration,
    "closing": lambda: states.closing(two()),
    "locked": lambda: states.locked("a test"),
    "working": lambda: states.working(two(), "a test"),
    "without_layers": lambda: without_layers(LAYER_MASK),
    "in_context": lambda: steps.in_context(CONTEXT.get().replace(inference=True)),
    "a session": lambda: sessions.opened(None),
    "calibrate": lambda: tp.quantization.calibrate(MODEL),
    "a hook": hooked,
    "a hook of a module": lambda: MODEL.register_forward_hook(lambda *args: None),
}


@pytest.mark.parametrize("name", BLOCKS)
def test_a_block_that_is_broken_off_leaves_all_as_it_was(name: str) -> None:
    x = tp.ones(2)

    def action() -> None:
        with BLOCKS[name]():
            (x * 2).tolist()
            with BLOCKS[name]():
                tp.rand(2)

    action()
    before = settings()
    count = 0
    for place, raised in at_each_line(action):
        assert raised, f"swallowed at {place}"
        assert settings() == before, place
        count += 1
    assert count > 3 or name in ("a device",)
    others_go_on()


@pytest.mark.parametrize("name", ["closing", "locked", "working", "no_migration"])
def test_a_block_that_is_broken_off_while_it_waits_was_never_entered(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Compiled code has no lines; what it waits for are the places where it can be interrupted."""
    before = settings()
    device = tp.device("cpu")

    class Broken:
        """A lock, or the pauses of a wait, of which the nth is broken off."""

        def __init__(self, left: int) -> None:
            self.left = left

        def acquire(self, **named: Any) -> bool:
            self.hit()
            return real.acquire(**named)

        def release(self) -> None:
            real.release()

        def hit(self, *args: Any) -> None:
            self.left -= 1
            if self.left < 0:
                raise KeyboardInterrupt

    real = states.lock
    for left in range(3):
        broken = Broken(left)
        monkeypatch.setattr(states, "lock", broken)
        monkeypatch.setattr(states.time, "sleep", broken.hit)
        try:
            with BLOCKS[name](), BLOCKS[name]():
                device.state, device.ready = "closing", False  # so that an inner block waits
                with BLOCKS[name]():
                    pass
        except KeyboardInterrupt:
            pass
        finally:
            states.set_state(device, "ready")
            monkeypatch.setattr(states, "lock", real)
            monkeypatch.undo()
        assert settings() == before
        others_go_on()


def test_a_call_in_work_whose_owner_dies_leaves_the_ring() -> None:
    device = tp.device("cpu")
    for _ in range(3):
        work = states.working([device], "a test")
        work.__enter__()
        assert device.calls_in_work()[0] == 1
        del work
        assert device.calls_in_work() == (0, 0)


def test_what_else_was_set_inside_a_block_stays() -> None:
    with tp.no_grad():
        tp.devices.set_default_device(ZERO)
    assert tp.is_grad_enabled() and str(devices.default_device()) == ZERO
    with tp.device("cpu"):
        tp.set_grad_enabled(False)
    assert not tp.is_grad_enabled() and str(devices.default_device()) == ZERO
    tp.devices.set_default_device(None)
    tp.set_grad_enabled(True)
    with tp.set_grad_enabled(False), tp.autocast("cpu"):
        tp.set_grad_enabled(True)
        assert tp.is_autocast_enabled("cpu")
    assert tp.is_grad_enabled() and not tp.is_autocast_enabled("cpu")


# -- carry_through and swap ----------------------------------------------------------------------------------


def test_what_is_carried_through_is_done_and_the_interrupt_raised() -> None:
    done: list[int] = []

    def work() -> str:
        done.append(len(done))
        if len(done) < 4:
            raise KeyboardInterrupt(str(len(done)))
        return "done"

    with pytest.raises(KeyboardInterrupt, match="1"):
        steps.carry_through(work)
    assert len(done) == 4 and steps.carry_through(work) == "done"

    def failing() -> None:
        done.append(0)
        raise ValueError("of its own")

    done.clear()
    with pytest.raises(ValueError, match="of its own"):
        steps.carry_through(failing)
    assert len(done) == 2


def test_a_swap_is_of_all_or_of_none() -> None:
    a, b, c, d = (tp.full((3,), float(i)) for i in range(4))
    with pytest.raises(TypeError):
        steps.swap([a.storage, b.storage], [c.storage, "no storage"])
    with pytest.raises(ValueError):
        steps.swap([a.storage, b.storage], [c.storage])
    assert [t[0].item() for t in (a, b, c, d)] == [0, 1, 2, 3]
    steps.swap([a.storage, b.storage], [c.storage, d.storage])
    assert [t[0].item() for t in (a, b)] == [2, 3]


# -- moves ---------------------------------------------------------------------------------------------------


class Training:
    """A small model that has made a step with Adam."""

    def __init__(self) -> None:
        tp.manual_seed(1)
        self.model = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1))
        self.optimizer = tp.optim.Adam(self.model.parameters(), lr=0.01)
        self.scheduler = tp.optim.lr_scheduler.StepLR(self.optimizer, 2)
        self.x = tp.randn(5, 3)
        self.step()

    def step(self) -> None:
        x = self.x.to(self.model[0].weight.device)
        self.optimizer.zero_grad()
        self.model(x).square().mean().backward()
        self.optimizer.step()

    def tensors(self) -> list[Any]:
        kept = [t for state in self.optimizer.state.values() for t in state.values() if hasattr(t, "device")]
        params = list(self.model.parameters())
        return [*params, *[p.grad for p in params], *kept]


MOVES: dict[str, Callable[[Training, str], Any]] = {
    "migrate": lambda t, to: tp.migrate([t.model, t.optimizer], to),
    "lean": lambda t, to: tp.migrate([t.model, t.optimizer], to, lean=True),
    "Module.to": lambda t, to: t.model.to(to),
}


@pytest.mark.parametrize("name", MOVES)
def test_a_move_that_is_broken_off_moved_all_or_nothing(name: str) -> None:
    training = Training()
    values = [t.tolist() for t in training.tensors()]
    before = None
    where = ["cpu", ZERO]
    for place, raised in at_each_line(lambda: MOVES[name](training, where[-1]), step=3):
        assert raised, f"swallowed at {place}"
        places = {str(t.device) for t in training.tensors()}
        assert len(places) == 1, (place, places)
        assert [t.tolist() for t in training.tensors()] == values, place
        before = before or settings()
        assert settings() == before, place
        if where[-1] in places:  # it was done by then; the next one goes the other way
            where.reverse()
    others_go_on()
    training.step()


def test_training_goes_on_after_an_interrupt_at_any_line_of_a_step() -> None:
    """With an optimizer whose state may only just have been made, and hooks."""
    for make in (tp.optim.Adam, tp.optim.RMSprop, tp.optim.Adagrad, tp.optim.SGD):
        model = nn.Linear(2, 2)
        model(tp.ones(1, 2)).sum().backward()
        kinds = {"momentum": 0.9} if make in (tp.optim.SGD, tp.optim.RMSprop) else {}
        calls: list[int] = []

        def fresh(make: Any = make, model: Any = model, kinds: Any = kinds, calls: Any = calls) -> Any:
            optimizer = make(model.parameters(), lr=0.01, **kinds)
            optimizer.register_step_post_hook(lambda *args: calls.append(1))
            return optimizer

        held = [fresh()]
        before = settings()
        for place, _ in at_each_line(
            lambda held=held: held[0].step(),
            only=("adam.py", "rmsprop.py", "adagrad.py", "sgd.py", "optimizer.py"),
        ):
            assert settings() == before, place
            calls.clear()
            held[0].step()
            assert calls == [1], f"the hooks are off since {place}"
            held[0] = fresh()


def test_a_schedule_and_a_scaler_are_whole_after_an_interrupt() -> None:
    weight = tp.ones(2, requires_grad=True)
    optimizer = tp.optim.SGD([weight], lr=1.0)
    scheduler = tp.optim.lr_scheduler.LambdaLR(optimizer, lambda epoch: 1.0)
    optimizer.step()
    for place, _ in at_each_line(scheduler.step, only=("_schedule.py", "lr_scheduler.py")):
        assert not scheduler._get_lr_called_within_step and not scheduler._is_initial, place

    scaler = tp.amp.GradScaler("cpu", init_scale=8.0, growth_interval=1)

    def ready() -> None:
        weight.grad = None
        scaler.scale((weight * 2).sum()).backward()
        scaler.step(optimizer)

    ready()
    scale = 8.0
    for place, _ in at_each_line(scaler.update, only=("grad_scaler.py",)):
        if scaler._per_optimizer_states:
            assert scaler.get_scale() == scale, place
            scaler.update()
        assert scaler.get_scale() == 2 * scale, f"doubled once, whatever happened at {place}"
        scale *= 2
        ready()


def test_a_backward_pass_that_is_broken_off_can_be_made_again() -> None:
    from tensorplug.utils.checkpoint import checkpoint

    weight = tp.ones(3, requires_grad=True)
    x = tp.arange(3.0)
    before = settings()

    def action() -> None:
        weight.grad = None
        y = checkpoint(lambda w: (w * x).exp(), weight)
        y.sum().backward()

    for place, raised in at_each_line(action, step=2):
        assert raised and settings() == before, place
    action()
    expected = (x * x.exp()).tolist()
    assert tp.allclose(weight.grad, tp.tensor(expected))


def test_a_run_goes_on_from_a_loss_though_it_is_broken_off() -> None:
    """What is done again after a loss is finished by the next step; no step is lost."""
    from tensorplug_dispatcher.errors import DeviceLostError

    x = tp.ones(2, 2)

    def made(device: str) -> tuple[Any, Callable[[], None]]:
        model = nn.Linear(2, 1).to(device)
        with tp.no_grad():
            model.weight.fill_(0.5)
            model.bias.fill_(0.25)
        optimizer = tp.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)

        def step() -> None:
            optimizer.zero_grad()
            model(x.to(model.weight.device)).square().sum().backward()
            optimizer.step()

        return (model, optimizer), step

    state, step = made("cpu")
    wanted = []
    for _ in range(8):
        wanted.append(state[0].weight[0, 0].item())
        step()

    def action() -> None:
        state, step = made(ZERO)
        run = tp.resilient(list(state), every=10, devices=["cpu"])
        lose = [True]

        def losing() -> None:
            step()
            if run.steps == 2 and lose:
                lose.pop()
                raise DeviceLostError("gone", device=ZERO, op="a test")

        while run.steps < 4:
            try:
                run.step(losing)
            except KeyboardInterrupt:
                pass  # after a step was done and before it was counted: then it is done once more
        found = state[0].weight[0, 0].item()
        ended.append(any(abs(found - one) < 1e-6 for one in wanted[4:6]))
        assert tp.devices.health(ZERO)

    ended: list[bool] = []
    for place, raised in at_each_line(action, only=("resilience.py", "_snapshot.py"), step=5):
        assert raised or ended[-1], place  # raised: before there was a run
    assert len(ended) > 20 and all(ended)


# -- compiled: signals at random moments, cold threads -------------------------------------------------------


def tool(*args: str) -> str:
    done = subprocess.run(
        [sys.executable, str(TOOL), *args], capture_output=True, text=True, timeout=300, env={**os.environ}
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.slow
def test_signals_at_random_moments_tear_nothing() -> None:
    assert "3 of 3 runs" in tool("signals", "--runs", "3", "--interrupts", "60", "--device", ZERO)


@pytest.mark.slow
@pytest.mark.parametrize("device", ["cpu", KIND])
def test_ten_cold_threads_on_one_op(device: str) -> None:
    assert "3 of 3 processes" in tool("cold", "--processes", "3", "--device", device)


def test_threads_that_add_to_one_leaf_lose_nothing() -> None:
    from concurrent.futures import ThreadPoolExecutor

    for device in ("cpu", ZERO):
        leaf = tp.zeros(50, device=device, requires_grad=True)
        kept: list[Any] = []

        def work(leaf: Any = leaf) -> None:
            for _ in range(20):
                (leaf * 1.0).sum().backward()

        leaf.register_post_accumulate_grad_hook(lambda t, kept=kept: kept.append(1))
        plain = tp.zeros(50, device=device, requires_grad=True)

        def other(plain: Any = plain) -> None:
            for _ in range(20):
                (plain * 1.0).sum().backward()
                (plain * 1.0).sum().backward(inputs=[plain])

        switch = sys.getswitchinterval()
        sys.setswitchinterval(1e-5)
        try:
            with ThreadPoolExecutor(8) as pool:
                for done in [pool.submit(f) for f in (work, other) * 4]:
                    done.result(60)
        finally:
            sys.setswitchinterval(switch)
        assert leaf.grad.tolist() == [80.0] * 50 and len(kept) == 80
        assert plain.grad.tolist() == [160.0] * 50
