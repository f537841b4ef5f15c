"""``Module``: registration, rules of assignment, walking, conversion, copies. Needs no PyTorch."""

from __future__ import annotations

import copy
import gc
import weakref

import pytest

import tensorplug as tp
from tensorplug import nn


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(3, 4)
        self.second = nn.Sequential(nn.ReLU(), nn.Linear(4, 2, bias=False))
        self.scale = nn.Parameter(tp.ones(2))
        self.register_buffer("steps", tp.zeros(1))
        self.register_buffer("cache", tp.ones(2), persistent=False)
        self.note = "text"

    def forward(self, x: tp.Tensor) -> tp.Tensor:
        return self.second(self.first(x)) * self.scale


NAMES = ["scale", "first.weight", "first.bias", "second.1.weight"]


def test_names_of_everything() -> None:
    net = Net()
    assert [name for name, _ in net.named_parameters()] == NAMES
    assert [name for name, _ in net.named_parameters(prefix="a", recurse=False)] == ["a.scale"]
    assert [name for name, _ in net.named_buffers()] == ["steps", "cache"]
    assert [name for name, _ in net.named_children()] == ["first", "second"]
    assert [name for name, _ in net.named_modules()] == ["", "first", "second", "second.0", "second.1"]
    assert list(net.state_dict()) == ["scale", "steps", *NAMES[1:]]
    assert len(list(net.parameters())) == 4 and len(list(net.buffers())) == 2
    assert {"first", "scale", "steps", "forward"} <= set(dir(net))


def test_a_shared_parameter_is_named_once() -> None:
    net = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    net[1].weight = net[0].weight
    assert [name for name, _ in net.named_parameters()] == ["0.weight", "0.bias", "1.bias"]
    assert len(list(net.named_parameters(remove_duplicate=False))) == 4


def test_attributes_follow_the_registries() -> None:
    net = Net()
    other = nn.Linear(3, 4)
    net._modules["first"] = other
    assert net.first is other
    net.first = None
    assert net.first is None and "first" in net._modules
    del net.second
    assert not hasattr(net, "second") and "second" not in net._modules
    net.scale = None
    assert net.scale is None and [name for name, _ in net.named_parameters()] == []
    net.note = nn.Parameter(tp.zeros(1))
    assert "note" in net._parameters
    net.plain = 3
    del net.plain
    with pytest.raises(AttributeError):
        del net.plain


def test_a_buffer_stays_a_buffer_when_it_is_assigned() -> None:
    net = Net()
    net.steps = tp.ones(1)
    assert net._buffers["steps"] is net.steps
    net.later = nn.Buffer(tp.ones(3), persistent=False)
    assert "later" in net._buffers and "later" not in net.state_dict()
    net.cache = None
    assert net.cache is None


@pytest.mark.parametrize(
    ("change", "error", "text"),
    [
        (
            lambda net: setattr(net, "scale", tp.ones(2)),
            TypeError,
            "as parameter 'scale' (tensorplug.nn.Parameter or",
        ),
        (
            lambda net: setattr(net, "first", 3),
            TypeError,
            "cannot assign 'int' as child module 'first' (tensorplug.nn.Module or None expected)",
        ),
        (lambda net: setattr(net, "steps", 3), TypeError, "cannot assign 'int' as buffer 'steps' ("),
        (lambda net: net.register_parameter("a.b", None), KeyError, 'parameter name can\\\'t contain "."'),
        (
            lambda net: net.register_parameter("", None),
            KeyError,
            'parameter name can\\\'t be empty string ""',
        ),
        (lambda net: net.register_parameter("note", None), KeyError, "attribute 'note' already exists"),
        (
            lambda net: net.register_parameter("p", 3),
            TypeError,
            "cannot assign 'int' object to parameter 'p' (",
        ),
        (
            lambda net: net.register_parameter(3, None),
            TypeError,
            "parameter name should be a string. Got int",
        ),
        (lambda net: net.register_buffer("note", None), KeyError, "attribute 'note' already exists"),
        (lambda net: net.register_buffer("b", 3), TypeError, "cannot assign 'int' object to buffer 'b' ("),
        (lambda net: net.add_module("a.b", None), KeyError, 'module name can\\\'t contain ".", got: a.b'),
        (lambda net: net.add_module("note", None), KeyError, "attribute 'note' already exists"),
        (lambda net: net.register_module("m", 3), TypeError, "int is not a Module subclass"),
        (lambda net: net.get_submodule("second.7"), AttributeError, "Sequential has no attribute `7`"),
        (lambda net: net.get_submodule("scale"), AttributeError, "`scale` is not an nn.Module"),
        (lambda net: net.get_parameter("first.none"), AttributeError, "Linear has no attribute `none`"),
        (lambda net: net.get_buffer("scale"), AttributeError, "`scale` is not a buffer"),
        (lambda net: net.missing, AttributeError, "'Net' object has no attribute 'missing'"),
        (lambda net: net.train("yes"), ValueError, "training mode is expected to be boolean"),
        (
            lambda net: net.to(tp.int64),
            TypeError,
            "nn.Module.to only accepts floating point or complex dtypes",
        ),
        (
            lambda net: nn.Module()(1),
            NotImplementedError,
            'Module [Module] is missing the required "forward" function',
        ),
    ],
)
def test_errors(change: object, error: type[Exception], text: str) -> None:
    with pytest.raises(error) as caught:
        change(Net())  # type: ignore[operator]
    assert text in str(caught.value)


def test_a_parameter_that_has_a_history_is_refused() -> None:
    leaf = nn.Parameter(tp.ones(2))
    computed = leaf * 2
    with pytest.raises(TypeError):
        nn.Module().register_parameter("p", computed)


def test_assignment_before_init_is_refused() -> None:
    class Late(nn.Module):
        def __init__(self, value: object) -> None:
            self.value = value

    for value, kind in ((nn.Parameter(tp.ones(1)), "parameters"), (nn.ReLU(), "module")):
        with pytest.raises(AttributeError, match=f"cannot assign {kind} before Module"):
            Late(value)


def test_init_takes_nothing() -> None:
    with pytest.raises(TypeError, match=r"Module.__init__\(\) takes 1 positional argument but 2 were given"):
        nn.Module(1)
    with pytest.raises(TypeError, match="got an unexpected keyword argument 'a'"):
        nn.Module(a=1)


def test_conversion_keeps_the_parameters() -> None:
    net = Net()
    before = list(net.parameters())
    net(tp.ones(1, 3)).sum().backward()
    assert net.double() is net
    assert all(a is b for a, b in zip(before, net.parameters()))
    assert {p.dtype for p in net.parameters()} == {p.grad.dtype for p in net.parameters()} == {tp.float64}
    assert net.steps.dtype is tp.float64
    net.register_buffer("count", tp.tensor(0))
    net.to(dtype=tp.float32)
    assert net.count.dtype is tp.int64 and net.scale.dtype is tp.float32
    net.to("cpu", tp.float64).to(tp.ones(1))
    assert net.scale.dtype is tp.float32
    assert net.half().scale.dtype is tp.float16
    assert net.bfloat16().float().cpu().scale.dtype is tp.float32


def test_modes_and_gradients() -> None:
    net = Net()
    assert net.training and not net.eval().training and not net.second[0].training
    assert net.train().second[0].training
    net(tp.ones(1, 3)).sum().backward()
    net.zero_grad(set_to_none=False)
    assert all(p.grad is not None and float(p.grad.abs().sum()) == 0 for p in net.parameters())
    net.zero_grad()
    assert all(p.grad is None for p in net.parameters())
    net.requires_grad_(False)
    assert not any(p.requires_grad for p in net.parameters())


def test_apply_goes_from_the_leaves_up() -> None:
    seen: list[str] = []
    net = Net()
    assert net.apply(lambda module: seen.append(type(module).__name__)) is net
    assert seen == ["Linear", "ReLU", "Linear", "Sequential", "Net"]


def test_submodules_by_path() -> None:
    net = Net()
    assert net.get_submodule("") is net and net.get_submodule("second.1") is net.second[1]
    assert net.get_parameter("second.1.weight") is net.second[1].weight
    assert net.get_buffer("steps") is net.steps
    other = nn.Tanh()
    net.set_submodule("second.0", other)
    assert net.second[0] is other
    with pytest.raises(AttributeError):
        net.set_submodule("second.9", other, strict=True)


def test_copies_are_independent() -> None:
    net = Net()
    twin = copy.deepcopy(net)
    with tp.no_grad():
        twin.first.weight.zero_()
        twin.steps.add_(1)
    assert isinstance(twin.scale, nn.Parameter) and twin.scale.requires_grad
    assert float(net.first.weight.abs().sum()) > 0 and float(net.steps) == 0
    twin._modules["first"] = nn.Identity()
    assert isinstance(net.first, nn.Linear) and isinstance(twin.first, nn.Identity)
    shallow = copy.copy(net)
    assert shallow.first is net.first


def test_a_module_is_freed_without_the_garbage_collector() -> None:
    gc.disable()
    try:
        net = Net()
        gone = weakref.ref(net.first)
        del net
        assert gone() is None
    finally:
        gc.enable()


def test_representation_of_nested_modules() -> None:
    assert repr(Net()) == (
        "Net(\n  (first): Linear(in_features=3, out_features=4, bias=True)\n  (second): Sequential(\n"
        "    (0): ReLU()\n    (1): Linear(in_features=4, out_features=2, bias=False)\n  )\n)"
    )


def test_a_parameter_shows_what_it_is() -> None:
    assert repr(nn.Parameter(tp.zeros(1))).startswith("Parameter containing:\n")
    assert not nn.Parameter(tp.zeros(1), requires_grad=False).requires_grad
