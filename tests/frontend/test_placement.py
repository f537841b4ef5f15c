"""``devices.place``: a model split over unlike devices trains as on one, with transfers at the boundaries."""

from __future__ import annotations

import copy
from collections import namedtuple
from collections.abc import Iterator
from typing import Any

import pytest

import tensorplug as tp
from tensorplug import devices, nn


@pytest.fixture(autouse=True)
def host_may_help() -> Iterator[None]:
    before = devices.host_policy()
    devices.set_host_policy("allow")
    yield
    devices.set_host_policy(before)


class Network(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(nn.Linear(6, 8), nn.ReLU())
        self.middle = nn.Linear(8, 8)
        self.head = nn.Linear(8, 3)

    def forward(self, x: Any) -> Any:
        return self.head(self.middle(self.features(x)))


def train(model: Any, steps: int = 6) -> list[float]:
    optimizer = tp.optim.Adam(model.parameters(), lr=0.05)
    x, y = tp.arange(24.0).reshape(4, 6) / 24, tp.tensor([0, 1, 2, 1])
    losses = []
    for _ in range(steps):
        optimizer.zero_grad()
        out = model(x)
        loss = nn.functional.cross_entropy(out, y.to(out.device))
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


@pytest.mark.parametrize(
    "split",
    [
        {"features": "mirror:0", "middle": "cpu", "head": "cpu"},
        {"features": "mirror:0", "middle": "mirror:1", "head": "cpu"},
        {"": "cpu", "middle": "mirror:0"},
        {"": "mirror:1", "features.0": "cpu"},
        {"*": "mirror:0"},
    ],
)
def test_a_split_model_trains_as_on_one_device(split: dict[str, str]) -> None:
    tp.manual_seed(1)
    model = Network()
    expected = train(copy.deepcopy(model))
    placement = devices.place(model, split)
    assert train(model) == pytest.approx(expected, rel=1e-4)
    assert expected[-1] < expected[0]
    for name, device in placement.devices.items():
        part = model.get_submodule(name)
        own = part.parameters(recurse=not any(n.startswith(name) for n in split if n != name))
        assert all(str(p.device) == str(device) == str(p.grad.device) for p in own)


def test_transfers_are_counted() -> None:
    model = Network()
    placement = devices.place(model, {"features": "mirror", "middle": "mirror", "head": "cpu"})
    devices.reset_report()
    out = model(tp.ones(2, 6))
    assert str(out.device) == "cpu"
    assert placement.transfers == {("features", "into"): 1, ("head", "into"): 1}
    rows = {(kind, provider): n for op, kind, path, provider, n in devices.report() if path == "transfer"}
    assert rows[("mirror", "from cpu")] >= 1 and rows[("cpu", "from mirror")] >= 1
    assert str(placement).splitlines() == [
        "features  mirror:0  1 tensors moved in, 0 out",
        "middle    mirror:0  0 tensors moved in, 0 out",
        "head      cpu  1 tensors moved in, 0 out",
    ]


def test_a_part_inside_a_part_gives_back_to_where_it_is_used() -> None:
    class Residual(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = nn.Linear(4, 4)

        def forward(self, x: Any) -> Any:
            return x + self.inner(x)

    model = Residual()
    x = tp.ones(2, 4, requires_grad=True)
    expected = model(x)
    placement = devices.place(model, {"": "cpu", "inner": "mirror"})
    result = model(x)
    assert str(result.device) == "cpu" and tp.allclose(result, expected, atol=1e-6)
    assert placement.transfers == {("inner", "into"): 1, ("inner", "out of"): 1}
    result.sum().backward()
    assert x.grad is not None and str(x.grad.device) == "cpu"
    assert str(model.inner.weight.grad.device) == "mirror:0"


Pair = namedtuple("Pair", "left right")


def test_containers_and_keywords_are_moved_and_keep_their_types() -> None:
    class Part(nn.Module):
        def forward(self, pair: Any, *, scale: Any, rest: Any) -> Any:
            assert isinstance(pair, Pair) and isinstance(rest, dict)
            return {"sum": (pair.left + pair.right) * scale, "rest": [rest["a"], rest["b"]]}

    model = nn.ModuleDict({"part": Part()})
    placement = devices.place(model, {"part": "mirror:1"})
    there = tp.ones(2, device="mirror:1")
    found = model["part"](Pair(tp.ones(2), there), scale=tp.tensor(2.0), rest={"a": tp.ones(1), "b": 5})
    assert found["sum"].tolist() == [4, 4] and found["rest"][1] == 5
    assert str(found["sum"].device) == str(found["rest"][0].device) == "mirror:1"
    assert placement.transfers == {("part", "into"): 3}


def test_optimizer_state_goes_along() -> None:
    model = Network()
    optimizer = tp.optim.Adam(model.parameters())
    model(tp.ones(2, 6)).sum().backward()
    optimizer.step()
    devices.place(model, {"head": "mirror"})
    state = optimizer.state[model.head.weight]
    assert str(state["exp_avg"].device) == "mirror:0" == str(model.head.weight.grad.device)
    assert str(optimizer.state[model.middle.weight]["exp_avg"].device) == "cpu"
    optimizer.step()


def test_a_part_that_is_migrated_takes_its_boundary_along() -> None:
    model = Network()
    devices.place(model, {"features": "cpu", "middle": "mirror:0", "head": "cpu"})
    tp.migrate(model.middle, "mirror:1")
    assert str(model(tp.ones(2, 6)).device) == "cpu"


def test_placing_again_replaces_and_remove_ends() -> None:
    model = Network()
    first = devices.place(model, {"features": "mirror"})
    second = devices.place(model, {"features": "cpu", "head": "mirror"})
    model(tp.ones(2, 6))
    assert not first.transfers and second.transfers == {("head", "into"): 1}
    second.remove()
    second.remove()
    with pytest.raises(tp.DeviceMismatchError):
        model(tp.ones(2, 6))


def test_patterns_and_the_later_of_two() -> None:
    model = nn.Sequential(*[nn.Linear(2, 2) for _ in range(12)])
    placement = devices.place(model, {"*": "mirror:0", "1*": "cpu", "11": "mirror:1"})
    where = {name: str(device) for name, device in placement.devices.items()}
    assert (where["0"], where["1"], where["10"], where["11"], where["2"]) == (
        "mirror:0",
        "cpu",
        "cpu",
        "mirror:1",
        "mirror:0",
    )
    assert str(model(tp.ones(1, 2)).device) == "mirror:0", "the model itself, which * names too"


def test_unknown_names_are_said_and_nothing_is_moved() -> None:
    model = Network()
    with pytest.raises(tp.SignatureError) as caught:
        devices.place(model, {"features": "mirror", "haed": "cpu"})
    assert str(caught.value) == (
        "place(): no submodule of Network is called 'haed'; did you mean 'head'? There are: features, "
        "features.0, features.1, middle, head"
    )
    assert all(str(p.device) == "cpu" for p in model.parameters())
    with pytest.raises(tp.UnknownDeviceError):
        devices.place(model, {"features": "nowhere"})


def test_a_shared_parameter_cannot_be_on_two_devices() -> None:
    model = Network()
    model.head.weight = nn.Parameter(tp.ones(3, 8))
    model.middle.weight = model.head.weight
    with pytest.raises(tp.DeviceError) as caught:
        devices.place(model, {"middle": "mirror", "head": "cpu"})
    assert str(caught.value) == (
        "place(): 'middle.weight' and 'head.weight' are one tensor, which cannot be both on mirror:0 and on "
        "cpu; put both parts on one device, or untie them"
    )
    assert str(model.middle.weight.device) == "cpu"


def test_a_move_that_fails_moves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    model = Network()
    runtime: Any = tp.device("mirror:1").runtime
    plain = type(runtime.runtime).allocate

    def allocate(self: Any, index: int, nbytes: int) -> Any:
        if index == 1:
            raise MemoryError("full")
        return plain(self, index, nbytes)

    devices.empty_cache("mirror:1")
    monkeypatch.setattr(type(runtime.runtime), "allocate", allocate)
    with pytest.raises(tp.OutOfMemoryError):
        devices.place(model, {"features": "mirror:0", "head": "mirror:1"})
    assert all(str(p.device) == "cpu" for p in model.parameters())


def test_a_placed_model_can_be_copied() -> None:
    model = Network()
    devices.place(model, {"features": "mirror", "middle": "cpu"})
    twin = copy.deepcopy(model)
    x = tp.ones(2, 6)
    assert twin(x).tolist() == model(x).tolist()
    assert str(twin.features[0].weight.device) == "mirror:0"


def test_without_placing_a_mixed_model_is_an_error() -> None:
    model = Network()
    model.head.to("mirror")
    with pytest.raises(tp.DeviceMismatchError, match="got operands on several devices"):
        model(tp.ones(2, 6))
