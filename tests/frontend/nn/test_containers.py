"""Containers behave as the lists and mappings that they are. Needs no PyTorch."""

from __future__ import annotations

from collections import OrderedDict

import pytest

import tensorplug as tp
from tensorplug import nn


def three() -> list[nn.Module]:
    return [nn.ReLU(), nn.Tanh(), nn.Sigmoid()]


@pytest.mark.parametrize("make", [lambda modules: nn.Sequential(*modules), nn.ModuleList])
def test_numbered_containers(make: object) -> None:
    modules = three()
    box = make(modules)  # type: ignore[operator]
    assert len(box) == 3 and list(box) == modules
    assert box[-1] is modules[2] and [*box[1:]] == modules[1:]
    assert type(box[1:]) is type(box)
    with pytest.raises(IndexError, match="index 3 is out of range"):
        box[3]
    extra = nn.GELU()
    box.insert(1, extra)
    assert list(box) == [modules[0], extra, *modules[1:]]
    assert [name for name, _ in box.named_children()] == ["0", "1", "2", "3"]
    del box[0]
    assert list(box) == [extra, *modules[1:]] and list(box._modules) == ["0", "1", "2"]
    box[0] = modules[0]
    assert box.pop(1) is modules[1] and list(box) == [modules[0], modules[2]]
    assert box.append(extra) is box and len(box.extend(three())) == 6
    del box[1:4]
    assert len(box) == 3


def test_sequential_arithmetic() -> None:
    a, b = nn.Sequential(nn.ReLU()), nn.Sequential(nn.Tanh(), nn.GELU())
    assert [type(m).__name__ for m in a + b] == ["ReLU", "Tanh", "GELU"]
    assert len(b * 2) == 4 and len(2 * b) == 4
    b += a
    b *= 2
    assert len(b) == 6
    with pytest.raises(ValueError, match="add operator supports only objects of Sequential class"):
        a + [nn.ReLU()]  # type: ignore[operator]
    with pytest.raises(ValueError, match="Non-positive multiplication factor 0"):
        a * 0


def test_sequential_with_names() -> None:
    box = nn.Sequential(OrderedDict(linear=nn.Linear(2, 2), act=nn.ReLU()))
    assert box.linear is box[0] and list(box.state_dict()) == ["linear.weight", "linear.bias"]
    assert tuple(box(tp.ones(1, 2)).shape) == (1, 2)
    assert list(box[:1]._modules) == ["linear"]


def test_module_list_shows_repeated_modules_once() -> None:
    box = nn.ModuleList([nn.ReLU(), nn.ReLU(), nn.Tanh()])
    assert repr(box) == "ModuleList(\n  (0-1): 2 x ReLU()\n  (2): Tanh()\n)"
    assert repr(nn.ModuleList()) == "ModuleList()"
    with pytest.raises(NotImplementedError):
        box(1)


def test_module_dict() -> None:
    box = nn.ModuleDict({"a": nn.ReLU()})
    box["b"] = nn.Tanh()
    box.update([("c", nn.GELU())])
    assert list(box) == ["a", "b", "c"] and "b" in box and len(box) == 3
    assert [name for name, _ in box.items()] == list(box.keys()) and len(list(box.values())) == 3
    assert isinstance(box.pop("a"), nn.ReLU)
    del box["b"]
    box.clear()
    assert len(box) == 0
    with pytest.raises(KeyError, match="attribute 'train' already exists"):
        box["train"] = nn.ReLU()
    with pytest.raises(
        TypeError, match="ModuleDict.update should be called with an iterable of key/value pairs"
    ):
        box.update(3)  # type: ignore[arg-type]


def test_parameter_list() -> None:
    box = nn.ParameterList([nn.Parameter(tp.ones(1)), tp.zeros(2)])
    assert len(box) == 2 and isinstance(box[1], nn.Parameter) and box[-1] is box[1]
    box.append(tp.ones(3))
    box += [nn.Parameter(tp.ones(4))]
    box[0] = nn.Parameter(tp.zeros(5))
    assert [tuple(p.shape) for p in box] == [(5,), (2,), (3,), (4,)]
    assert list(box.state_dict()) == ["0", "1", "2", "3"] and len(box[1:3]) == 2
    with pytest.raises(IndexError, match="index 4 is out of range"):
        box[4]
    assert repr(box).count("Parameter containing: [") == 4


def test_parameter_dict() -> None:
    box = nn.ParameterDict({"a": tp.ones(1)})
    box["b"] = nn.Parameter(tp.ones(2))
    box.update({"c": tp.ones(3)})
    assert list(box) == ["a", "b", "c"] and box["b"] is box.b and "c" in box
    assert [name for name, _ in box.named_parameters()] == ["a", "b", "c"]
    assert tuple(box.pop("a").shape) == (1,) and box.get("a") is None
    assert list(box.keys()) == ["b", "c"]
    with pytest.raises(KeyError):
        box["a"]
    box.clear()
    assert len(box) == 0 and not list(box.parameters())
