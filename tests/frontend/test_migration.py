"""``migrate``: everything stays the same object on another device, and on failure nothing has changed."""

from __future__ import annotations

import gc
from collections import OrderedDict, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy
import pytest
from second_device import KIND, ONE, ZERO

import tensorplug as tp
from tensorplug_dispatcher.errors import InplaceError, SignatureError, UnknownDeviceError

nn, data = tp.nn, tp.utils.data


@pytest.fixture(autouse=True)
def host_may_help() -> Iterator[None]:
    with tp.devices.host_fallback():
        yield


def network() -> Any:
    tp.manual_seed(0)
    return nn.Sequential(
        nn.Linear(8, 16), nn.BatchNorm1d(16), nn.Tanh(), nn.Linear(16, 16), nn.LayerNorm(16), nn.Linear(16, 4)
    )


def loss_of(model: Any, device: str = "cpu") -> Any:
    generator = tp.Generator().manual_seed(1)
    x, y = tp.randn(5, 8, generator=generator), tp.randint(0, 4, (5,), generator=generator)
    return nn.functional.cross_entropy(model(x.to(device)), y.to(device))


def trained() -> tuple[Any, Any]:
    """A model and its optimizer after a step, with gradients."""
    model = network()
    optimizer = tp.optim.Adam(model.parameters(), lr=0.01)
    loss_of(model).backward()
    optimizer.step()
    return model, optimizer


def devices_of(*things: Any) -> set[str]:
    from tensorplug.migration import tensors_of

    return {str(tensor.device) for tensor in tensors_of(list(things))}


def values_of(*things: Any) -> list[Any]:
    from tensorplug.migration import tensors_of

    return [tensor.tolist() for tensor in tensors_of(list(things))]


# -- identity ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lean", [False, True])
def test_all_stay_the_same_objects(lean: bool) -> None:
    model, optimizer = trained()
    model[0].bias.register_hook(lambda grad: grad * 2)
    tied = nn.Linear(16, 16)
    tied.weight = model[3].weight
    everything = {
        "parameters": list(model.parameters()),
        "gradients": [p.grad for p in model.parameters()],
        "buffers": list(model.buffers()),
        "state": [v for s in optimizer.state.values() for v in s.values() if isinstance(v, tp.Tensor)],
        "views": [model[0].weight[1:], model[0].weight.detach(), model.state_dict()["3.weight"].t()],
    }
    objects = [(id(t), id(t.storage), t._version, t.tolist()) for group in everything.values() for t in group]
    assert tp.migrate([model, optimizer], KIND, lean=lean)[0] is model
    for name, group in everything.items():
        assert {str(t.device) for t in group} == {ZERO}, name
    assert tied.weight is model[3].weight and str(tied.weight.device) == ZERO
    assert objects == [(id(t), id(t.storage), t._version, t.tolist()) for g in everything.values() for t in g]
    before = model[0].bias.grad.tolist()
    optimizer.zero_grad()
    loss_of(model, KIND).backward()
    assert model[0].bias.grad.tolist() != before  # the hook is there, and the weights have changed
    optimizer.step()
    tp.migrate([model, optimizer], "cpu", lean=lean)
    assert devices_of(model, optimizer) == {"cpu"}
    assert [id(p) for p in everything["parameters"]] == [id(p) for p in model.parameters()]


def test_training_goes_on_as_if_nothing_had_been() -> None:
    losses = {}
    for moves in ((), (ZERO, ONE, "cpu")):
        model, optimizer = trained()
        found = losses[moves] = []
        for step in range(8):
            device = moves[step % len(moves)] if moves else "cpu"
            tp.migrate((model, optimizer), device)
            optimizer.zero_grad()
            loss = loss_of(model, device)
            loss.backward()
            optimizer.step()
            found.append(loss.item())
    assert losses[ZERO, ONE, "cpu"] == pytest.approx(losses[()], rel=1e-5)


def test_views_share_memory_on_the_other_side() -> None:
    base = tp.arange(12.0).reshape(3, 4)
    rows, turned = base[1:], base.t()
    tp.migrate(rows, KIND)
    assert str(base.device) == ZERO and turned.tolist() == tp.arange(12.0).reshape(3, 4).t().tolist()
    rows[0, 0] = 100.0
    assert base[1, 0].item() == turned[0, 1].item() == 100


@dataclass
class Run:
    model: Any
    extra: list[Any] = field(default_factory=list)


def test_whatever_holds_tensors_moves() -> None:
    model, optimizer = trained()
    scheduler = tp.optim.lr_scheduler.StepLR(optimizer, 1)
    t = [tp.ones(2) for _ in range(8)]
    named = OrderedDict(a=t[0], b=[t[1], (t[2], {t[3]})])
    what = {"run": Run(model, [t[4], 7, "text", None, tp.float32]), "named": named, "queue": deque([t[5]])}
    tp.migrate([what, scheduler, tp.Generator()], ONE)
    assert devices_of(model, optimizer) == {ONE} and devices_of(*t[:6]) == {ONE}
    model.cached = t[6]  # no parameter and no buffer
    model.table = {"rows": [t[7]]}
    tp.migrate(model, "cpu")
    assert devices_of(model, optimizer, t[6], t[7]) == {"cpu"}


def test_a_loader_in_the_midst_of_an_epoch() -> None:
    x, y = tp.arange(24.0).reshape(12, 2), tp.arange(12)
    inner = data.TensorDataset(x, y)
    loader = data.DataLoader(
        data.Subset(data.ConcatDataset([inner]), range(12)),
        batch_size=4,
        shuffle=True,
        generator=tp.Generator().manual_seed(2),
    )
    wanted = [batch[1].tolist() for batch in loader]
    loader.sampler.generator.manual_seed(2)
    batches = iter(loader)
    found = [next(batches)[1]]
    tp.migrate(loader, KIND)
    found += [batch[1] for batch in batches]
    assert [batch.tolist() for batch in found] == wanted
    assert [str(batch.device) for batch in found] == ["cpu", ZERO, ZERO]


def test_random_streams_go_on() -> None:
    generator = tp.Generator().manual_seed(5)
    wanted = [tp.rand(3, generator=generator).tolist() for _ in range(2)]
    generator.manual_seed(5)
    found = [tp.rand(3, generator=generator).tolist()]
    tp.migrate(generator, KIND)
    found.append(tp.rand(3, generator=generator, device=KIND).tolist())
    assert found == wanted


def test_numbers_of_optimizers_stay_with_the_host() -> None:
    model = nn.Linear(3, 2)
    rate = tp.tensor(0.1)
    optimizer = tp.optim.SGD(model.parameters(), lr=rate, momentum=0.9)
    optimizer.state[model.weight]["step"] = tp.tensor(3.0)
    optimizer.state[model.weight]["momentum_buffer"] = tp.zeros(2, 3)
    tp.migrate(optimizer, KIND)
    state = optimizer.state[model.weight]
    assert [str(t.device) for t in (rate, state["step"], state["momentum_buffer"])] == [
        "cpu",
        "cpu",
        ZERO,
    ]
    scalar = nn.Parameter(tp.tensor(2.0))
    alone = tp.optim.Adam([scalar])
    scalar.sum().backward()
    alone.step()
    tp.migrate(alone, KIND)
    assert devices_of(scalar, alone.state[scalar]) == {ZERO}


def test_everything_on_a_device() -> None:
    source = tp.device(ONE)
    gc.collect()
    x = tp.ones(3, device=source)
    y = (x * 2)[1:]
    tp.migrate(ONE, ZERO)
    assert devices_of(x, y) == {ZERO} and y.tolist() == [2, 2] and source.live_storages() == []
    tp.migrate(tp.device(ZERO), source)
    assert devices_of(x, y) == {ONE}


@pytest.mark.parametrize("export", [lambda x: x.numpy(), numpy.from_dlpack])
def test_what_was_exported_keeps_its_memory(export: Any) -> None:
    x = tp.arange(100_000.0)
    seen = export(x)
    tp.migrate(x, KIND)
    others = [tp.full((100_000,), -1.0) for _ in range(20)]  # would be written over what was given back
    assert (seen == numpy.arange(100_000)).all() and others
    tp.migrate(x, "cpu")
    x += 1
    assert seen[0] == 0 and x[0].item() == 1


def test_memory_of_others_stays_theirs() -> None:
    theirs = numpy.arange(4.0)
    ours = tp.from_numpy(theirs)
    tp.migrate(ours, KIND)
    tp.migrate(ours, "cpu")
    theirs += 1
    assert ours.tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize("tensor", [tp.zeros(0, 3), tp.tensor(3.0), tp.ones(1, dtype=tp.bool)])
def test_small_and_empty(tensor: Any) -> None:
    before = tensor.tolist()
    tp.migrate(tensor, KIND)
    assert str(tensor.device) == ZERO and tensor.tolist() == before
    tp.migrate(tensor, "cpu")
    assert tensor.is_cpu and tensor.tolist() == before


# -- live graphs ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("what", ["model", "loss", "both", "everything"])
def test_backward_after_a_move(what: str) -> None:
    model = network()
    loss_of(model).backward()
    wanted = [p.grad.tolist() for p in model.parameters()]
    model = network()
    loss = loss_of(model)
    moved = {"model": model, "loss": loss, "both": [loss, model], "everything": "cpu"}[what]
    tp.migrate(moved, KIND)
    loss.backward()
    if what == "everything":
        tp.migrate(KIND, "cpu")
    for p, gradient in zip(model.parameters(), wanted, strict=True):
        assert p.grad.device is p.device
        assert numpy.allclose(p.grad.tolist(), gradient, rtol=1e-4, atol=1e-6)


class Cube(tp.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Any, weight: Any) -> Any:
        made = x * weight
        ctx.save_for_backward(x, weight, made)
        return made

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        x, weight, made = ctx.saved_tensors
        return grad * weight + 0 * made, grad * x


def test_backward_of_what_users_write() -> None:
    x, w = tp.ones(3, requires_grad=True), tp.full((3,), 2.0, requires_grad=True)
    out = Cube.apply(x * 1.0, w)
    tp.migrate(w, KIND)
    out.sum().backward()
    assert x.grad.tolist() == [2, 2, 2] and w.grad.tolist() == [1, 1, 1] and str(w.grad.device) == ZERO


def test_backward_through_writes_to_views() -> None:
    x, w = tp.ones(4, requires_grad=True), tp.full((2,), 3.0, requires_grad=True)
    y = x * 2
    y[1:3] *= w
    tp.migrate(w, KIND)
    y.sum().backward(retain_graph=True)
    y.sum().backward()
    assert x.grad.tolist() == [4, 12, 12, 4] and w.grad.tolist() == [4, 4]


def test_second_derivatives_after_a_move() -> None:
    x = tp.tensor([1.0, 2.0], requires_grad=True)
    w = tp.tensor([3.0, 4.0], requires_grad=True)
    loss = (x**3 * w).sum()
    tp.migrate(w, KIND)
    (first,) = tp.autograd.grad(loss, x, create_graph=True)
    (second,) = tp.autograd.grad(first.sum(), x)
    assert first.tolist() == [9, 48] and second.tolist() == [18, 48]


def test_a_change_in_place_is_still_seen() -> None:
    w = tp.ones(3, requires_grad=True)
    y = w.exp()
    loss = (y * y).sum()
    tp.migrate([w, y], KIND)
    with tp.no_grad():
        y.add_(1)
    with pytest.raises(InplaceError, match="modified by an inplace operation"):
        loss.backward()


def test_mixed_devices_are_still_an_error_in_backward() -> None:
    class Wrong(tp.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            return x * 1

        @staticmethod
        def backward(ctx: Any, grad: Any) -> Any:
            return grad * tp.ones(2, device=KIND)

    x = tp.ones(2, requires_grad=True)
    with pytest.raises(tp.DeviceMismatchError, match="operands on several devices"):
        Wrong.apply(x).sum().backward()


# -- Module.to -----------------------------------------------------------------------------------------------


def test_module_to_takes_the_optimizer_along() -> None:
    model, optimizer = trained()
    other = tp.optim.SGD(nn.Linear(2, 2).parameters(), momentum=0.9)
    objects = [id(t) for t in (*model.parameters(), *model.buffers())]
    alias, grad = model[0].weight.detach(), model[0].weight.grad
    assert model.to(KIND) is model
    assert objects == [id(t) for t in (*model.parameters(), *model.buffers())]
    assert devices_of(model, optimizer) == {ZERO} and devices_of(other) == {"cpu"}
    assert str(alias.device) == ZERO and model[0].weight.grad is grad
    loss_of(model, KIND).backward()
    optimizer.step()
    model.cpu()
    assert devices_of(model, optimizer) == {"cpu"}


def test_module_to_leaves_state_that_is_kept_elsewhere() -> None:
    model, optimizer = trained()
    offloaded = optimizer.state[model[0].weight]["exp_avg"]
    tp.migrate(offloaded, ONE)
    model.to(ZERO)
    assert str(offloaded.device) == ONE
    assert str(optimizer.state[model[0].weight]["exp_avg_sq"].device) == ZERO


def test_module_to_device_and_dtype() -> None:
    model = network()
    bias = model[0].bias
    model.to(KIND, tp.float64)
    assert {t.dtype for t in model.parameters()} == {tp.float64} and devices_of(model) == {ZERO}
    assert model[0].bias is bias and model[1].num_batches_tracked.dtype is tp.int64
    model.to(tp.ones(1, dtype=tp.float32))
    assert devices_of(model) == {"cpu"} and bias.dtype is tp.float32


def test_an_overridden_apply_is_heard() -> None:
    class Keeper(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.kept = tp.ones(2)

        def _apply(self, fn: Any, recurse: bool = True) -> Any:
            self.kept = fn(self.kept)
            return super()._apply(fn, recurse)

    model = Keeper().to(KIND)
    assert str(model.kept.device) == ZERO


# -- what is refused -----------------------------------------------------------------------------------------


def test_what_cannot_be_moved() -> None:
    class Thing:
        pass

    x = tp.ones(2)
    with pytest.raises(SignatureError) as caught:
        tp.migrate({"a": [x, Thing()]}, KIND)
    assert str(caught.value) == (
        "migrate() cannot move what['a'][1], "
        f"which is of type {__name__}.test_what_cannot_be_moved.<locals>.Thing: "
        "it takes tensors, modules, optimizers, schedulers, scalers, data loaders, datasets, samplers, "
        "generators, and containers or dataclasses of these, or a device for everything that lives there"
    )
    assert x.is_cpu
    with pytest.raises(UnknownDeviceError, match="no installed plugin offers device type 'nowhere'"):
        tp.migrate(x, "nowhere")


# -- nothing is left over ------------------------------------------------------------------------------------


def test_a_thousand_swaps_leak_nothing() -> None:
    model, optimizer = trained()
    devices = [tp.device(name) for name in ("cpu", ZERO, ONE)]

    def left() -> tuple[Any, ...]:
        gc.collect()
        return (
            [(d.allocated, len(d.live_storages())) for d in devices],
            len(gc.get_objects()),
        )

    before_values = values_of(model, optimizer)
    for i in range(6):
        tp.migrate([model, optimizer], devices[1 - i % 2], lean=i > 2)
    memory, objects = left()
    for i in range(1000):
        tp.migrate([model, optimizer], devices[(i + 1) % 3], lean=bool(i % 2))
    tp.migrate([model, optimizer], "cpu")
    after_memory, after_objects = left()
    assert after_memory == memory and after_objects - objects < 50
    assert values_of(model, optimizer) == before_values


def test_lean_holds_no_storage_but_one_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    from tensorplug_dispatcher.devices import migration

    tensors = [tp.ones(1000) for _ in range(50)]
    devices = [tp.device("cpu"), tp.device(KIND)]
    totals = []
    real = migration.copied

    def held() -> int:
        return sum(device.allocated + device.cached for device in devices)

    def watching(*args: Any) -> Any:
        made = real(*args)
        totals.append(held())
        return made

    monkeypatch.setattr(migration, "copied", watching)
    tp.devices.empty_cache(KIND)
    before = held()
    tp.migrate(tensors, KIND, lean=True)
    assert len(totals) == 50 and max(totals) <= before + 2 * tensors[0].storage.nbytes
    totals.clear()
    tp.migrate(tensors, "cpu")
    assert max(totals) >= before + 50 * tensors[0].storage.nbytes
    assert held() == before


def test_a_scaler_moves_with_its_model() -> None:
    model, scaler = nn.Linear(3, 2), tp.amp.GradScaler("cpu", init_scale=8.0)
    optimizer = tp.optim.SGD(model.parameters(), lr=0.1)
    scaler.scale(model(tp.ones(1, 3)).sum()).backward()
    scaler.unscale_(optimizer)
    tp.migrate([model, scaler], KIND)
    held = [scaler._scale, *scaler._per_optimizer_states[id(optimizer)]["found_inf_per_device"].values()]
    assert {str(t.device) for t in (*model.parameters(), *held)} == {ZERO}
    scaler.step(optimizer)
    scaler.update()
    scaler.scale(model(tp.ones(1, 3, device=ZERO)).sum()).backward()
    assert scaler.get_scale() == 8.0


HOLDERS: dict[str, Any] = {  # what of ours holds a tensor, made with one
    "a sampler": lambda t: tp.utils.data.WeightedRandomSampler(t, 2),
    "a batch sampler": lambda t: tp.utils.data.BatchSampler(
        tp.utils.data.WeightedRandomSampler(t, 2), 2, False
    ),
    "a dataset": lambda t: tp.utils.data.TensorDataset(t),
    "a subset": lambda t: tp.utils.data.Subset(tp.utils.data.TensorDataset(t), [0]),
    "a loader": lambda t: tp.utils.data.DataLoader(tp.utils.data.TensorDataset(t)),
    "a module": lambda t: nn.ParameterList([nn.Parameter(t)]),
    "an optimizer": lambda t: tp.optim.SGD([t], lr=0.1),
    "a scheduler": lambda t: tp.optim.lr_scheduler.StepLR(tp.optim.SGD([t], lr=0.1), 1),
    "a shape of our own": lambda t: tp.nn.modules._hooks.BackwardHooks(t, (), ()),
    "a container": lambda t: {"a": [(t,)]},
}


@pytest.mark.parametrize("name", HOLDERS)
def test_what_of_ours_holds_tensors_moves(name: str) -> None:
    tensor = tp.ones(3)
    held = HOLDERS[name](tensor)
    moved = next(iter(held.parameters())) if isinstance(held, nn.Module) else tensor
    if "ampler" in name:
        sampler = getattr(held, "sampler", held)
        moved = sampler.weights
    tp.migrate(held, KIND)
    assert str(moved.device) == ZERO
