"""What all optimizers share: groups, errors, closures, hooks, copies. Needs no PyTorch."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest

import tensorplug as tp
from tensorplug import optim
from tensorplug.nn import Parameter


def param(*values: float) -> Parameter:
    made = Parameter(tp.tensor(values or (1.0, 2.0)))
    made.grad = tp.ones(made.shape)
    return made


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (
            lambda: optim.SGD(param()),
            TypeError,
            "params argument given to the optimizer should be an iterable of Tensors or dicts, but got",
        ),
        (lambda: optim.SGD([]), ValueError, "optimizer got an empty parameter list"),
        (
            lambda: optim.SGD([3]),
            TypeError,
            "optimizer can only optimize Tensors, but one of the params is int",
        ),
        (lambda: optim.SGD([param() * 2]), ValueError, "can't optimize a non-leaf Tensor"),
        (
            lambda: optim.SGD([{"params": {param()}}]),
            TypeError,
            "optimizer parameters need to be organized in ordered collections",
        ),
        (lambda: optim.SGD([param()], lr=-1), ValueError, "Invalid learning rate: -1"),
        (lambda: optim.SGD([param()], momentum=-0.5), ValueError, "Invalid momentum value: -0.5"),
        (lambda: optim.SGD([param()], weight_decay=-1), ValueError, "Invalid weight_decay value: -1"),
        (
            lambda: optim.SGD([param()], nesterov=True),
            ValueError,
            "Nesterov momentum requires a momentum and zero dampening",
        ),
        (lambda: optim.Adam([param()], lr=-1), ValueError, "Invalid learning rate: -1"),
        (lambda: optim.Adam([param()], eps=-1), ValueError, "Invalid epsilon value: -1"),
        (
            lambda: optim.Adam([param()], betas=(0.9, 1.0)),
            ValueError,
            "Invalid beta parameter at index 1: 1.0",
        ),
        (
            lambda: optim.Adam([param()], weight_decay=float("nan")),
            ValueError,
            "Invalid weight_decay value: nan",
        ),
        (
            lambda: optim.Adam([param()], fused=True, foreach=True),
            RuntimeError,
            "`fused` and `foreach` cannot be `True` together.",
        ),
        (
            lambda: optim.Adam([param()], differentiable=True),
            NotImplementedError,
            "differentiable=True is not supported",
        ),
        (lambda: optim.Optimizer([param()], {}).step(), NotImplementedError, ""),
    ],
)
def test_errors(call: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error) as caught:
        call()
    assert text in str(caught.value)


def test_groups_are_checked() -> None:
    first = param()
    optimizer = optim.SGD([first], lr=0.1)
    with pytest.raises(ValueError, match="some parameters appear in more than one parameter group"):
        optimizer.add_param_group({"params": [first]})
    with pytest.raises(TypeError, match="param_group must be a dict, but got <class 'list'>"):
        optimizer.add_param_group([first])  # type: ignore[arg-type]
    with pytest.raises(
        ValueError, match="with/without names. cannot add param group with names to the optimizer"
    ):
        optimizer.add_param_group({"params": [("a", param())]})
    with pytest.warns(UserWarning, match="duplicate parameters"):
        twice = param()
        optim.SGD([twice, twice])
    named = optim.SGD([("w", param()), ("b", param())])
    assert named.param_groups[0]["param_names"] == ["w", "b"]
    with pytest.raises(ValueError, match="Some param names are missing"):
        optim.SGD([("w", param()), param()])


def test_a_required_setting_must_be_given() -> None:
    class Mine(optim.Optimizer):
        def __init__(self, params: Any) -> None:
            super().__init__(params, {"lr": optim.optimizer.required})

    with pytest.raises(ValueError, match="didn't specify a value of required optimization parameter lr"):
        Mine([param()])
    Mine([{"params": [param()], "lr": 1.0}])


def test_closure_runs_with_gradients_and_its_loss_comes_back() -> None:
    weight = param(2.0)
    optimizer = optim.SGD([weight], lr=0.5)

    def closure() -> Any:
        optimizer.zero_grad()
        loss = (weight * weight).sum()
        loss.backward()
        return loss

    with tp.no_grad():
        assert float(optimizer.step(closure)) == 4.0
    assert weight.tolist() == [0.0]


def test_zero_grad() -> None:
    weight = param()
    optimizer = optim.SGD([weight])
    optimizer.zero_grad(set_to_none=False)
    assert weight.grad.tolist() == [0, 0]
    optimizer.zero_grad()
    assert weight.grad is None
    optimizer.step()


def test_step_keeps_the_tensor_and_its_memory() -> None:
    for make in (optim.SGD, optim.Adam, optim.AdamW, optim.Adagrad, optim.RMSprop):
        weight = param()
        address = weight.data_ptr()
        make([weight], lr=0.1).step()
        assert weight.data_ptr() == address and weight.tolist() != [1, 2]


def test_settings_can_change_between_steps() -> None:
    weight = param(1.0)
    optimizer = optim.SGD([weight], lr=tp.tensor(0.5))
    optimizer.step()
    optimizer.param_groups[0]["lr"] = 0.25
    optimizer.step()
    assert weight.tolist() == [0.25]


def test_hooks_around_the_step() -> None:
    optimizer = optim.SGD([param()])
    seen: list[str] = []
    handles = [
        optimizer.register_step_pre_hook(lambda o, args, kwargs: seen.append("pre")),
        optimizer.register_step_post_hook(lambda o, args, kwargs: seen.append("post")),
        optim.optimizer.register_optimizer_step_pre_hook(lambda o, args, kwargs: seen.append("all")),
    ]
    optimizer.step()
    for handle in handles:
        handle.remove()
    optimizer.step()
    assert seen == ["all", "pre", "post"]
    optimizer.register_step_pre_hook(lambda o, args, kwargs: 3)
    with pytest.raises(RuntimeError, match="must return None or a tuple of"):
        optimizer.step()


def test_hooks_run_once_where_a_subclass_calls_its_base() -> None:
    class Mine(optim.SGD):
        def step(self, closure: Any = None) -> Any:
            return super().step(closure)

    optimizer = Mine([param()])
    seen: list[int] = []
    optimizer.register_step_post_hook(lambda *a: seen.append(1))
    optimizer.step()
    assert seen == [1]


def test_hooks_around_the_state() -> None:
    optimizer = optim.SGD([param()], momentum=0.5)
    optimizer.register_state_dict_post_hook(lambda o, state: {**state, "note": 1})
    optimizer.register_load_state_dict_pre_hook(
        lambda o, state: {k: v for k, v in state.items() if k != "note"}
    )
    seen: list[int] = []
    optimizer.register_load_state_dict_post_hook(lambda o: seen.append(1))
    optimizer.load_state_dict(optimizer.state_dict())
    assert optimizer.state_dict()["note"] == 1 and seen == [1]


def test_loading_checks_the_groups() -> None:
    state = optim.SGD([param(), param()]).state_dict()
    with pytest.raises(ValueError, match="doesn't match the size of optimizer's group"):
        optim.SGD([param()]).load_state_dict(state)
    with pytest.raises(ValueError, match="loaded state dict has a different number of parameter groups"):
        optim.SGD([{"params": [param()]}, {"params": [param()]}]).load_state_dict(state)


def test_loading_casts_state_to_the_parameter() -> None:
    single = optim.Adam([param()])
    single.step()
    weight = Parameter(tp.ones(2, dtype=tp.float64))
    double = optim.Adam([weight])
    double.load_state_dict(single.state_dict())
    assert double.state[weight]["exp_avg"].dtype is tp.float64
    assert double.state_dict()["state"][0]["step"].dtype is tp.float32


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda value: pickle.loads(pickle.dumps(value))])
def test_copies(copied: Any) -> None:
    optimizer = optim.Adam([param()])
    optimizer.step()
    twin = copied(optimizer)
    assert repr(twin) == repr(optimizer)
    twin.param_groups[0]["params"][0].grad = tp.ones(2)
    twin.step()
    assert float(twin.state_dict()["state"][0]["step"]) == 2
    assert float(optimizer.state_dict()["state"][0]["step"]) == 1


def test_a_subclass_of_ones_own() -> None:
    class Sign(optim.Optimizer):
        def __init__(self, params: Any, lr: float) -> None:
            super().__init__(params, {"lr": lr})

        def step(self, closure: Any = None) -> None:
            with tp.no_grad():
                for group in self.param_groups:
                    for weight in group["params"]:
                        weight.sub_(weight.grad.sign(), alpha=group["lr"])
                        self.state[weight]["step"] = self.state[weight].get("step", 0) + 1

    weight = param(1.0, -1.0)
    optimizer = Sign([weight], 0.5)
    optimizer.step()
    assert weight.tolist() == [0.5, -1.5] and optimizer.state_dict()["state"] == {0: {"step": 1}}
