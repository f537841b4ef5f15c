"""Optimizers: numbers, state and settings of torch's, over several steps."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest

import tensorplug as tp

torch = pytest.importorskip("torch")

OPTIMIZERS: dict[str, tuple[str, dict[str, Any]]] = {
    "SGD": ("SGD", {"lr": 0.1}),
    "SGD decay": ("SGD", {"lr": 0.1, "weight_decay": 0.2}),
    "SGD momentum": ("SGD", {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.1}),
    "SGD dampening": ("SGD", {"lr": 0.1, "momentum": 0.9, "dampening": 0.4}),
    "SGD nesterov": ("SGD", {"lr": 0.1, "momentum": 0.9, "nesterov": True}),
    "SGD maximize": ("SGD", {"lr": 0.1, "momentum": 0.9, "maximize": True, "weight_decay": 0.1}),
    "Adam": ("Adam", {"lr": 0.05}),
    "Adam decay": ("Adam", {"lr": 0.05, "weight_decay": 0.1, "betas": (0.8, 0.95), "eps": 1e-3}),
    "Adam amsgrad": ("Adam", {"lr": 0.05, "amsgrad": True}),
    "Adam maximize": ("Adam", {"lr": 0.05, "maximize": True}),
    "Adam decoupled": ("Adam", {"lr": 0.05, "weight_decay": 0.1, "decoupled_weight_decay": True}),
    "AdamW": ("AdamW", {"lr": 0.05, "weight_decay": 0.3}),
    "AdamW amsgrad": ("AdamW", {"lr": 0.05, "amsgrad": True, "maximize": True}),
    "Adagrad": (
        "Adagrad",
        {"lr": 0.1, "lr_decay": 0.1, "weight_decay": 0.1, "initial_accumulator_value": 0.2},
    ),
    "Adagrad maximize": ("Adagrad", {"maximize": True}),
    "RMSprop": ("RMSprop", {"lr": 0.05}),
    "RMSprop all": ("RMSprop", {"lr": 0.05, "momentum": 0.9, "centered": True, "weight_decay": 0.1}),
    "RMSprop maximize": ("RMSprop", {"lr": 0.05, "maximize": True}),
}


def parameters(library: Any, dtype: str = "float32") -> list[Any]:
    rng = np.random.default_rng(0)
    made = [
        library.nn.Parameter(library.tensor(rng.normal(size=shape).tolist(), dtype=getattr(library, dtype)))
        for shape in ((4, 3), (3,), (2, 2))
    ]
    made[2].grad = None
    return made


def give_gradients(library: Any, params: list[Any], step: int) -> None:
    rng = np.random.default_rng(step + 1)
    for param in params[:2]:  # the third never has a gradient
        values = rng.normal(size=tuple(param.shape)) * (10.0 if step == 1 else 1.0)
        param.grad = library.tensor(values.tolist(), dtype=param.dtype)


def both(case: str, steps: int = 5, dtype: str = "float32") -> tuple[Any, Any, list[Any], list[Any]]:
    name, options = OPTIMIZERS[case]
    own_params, params = parameters(tp, dtype), parameters(torch, dtype)
    own, theirs = (
        getattr(tp.optim, name)(own_params, **options),
        getattr(torch.optim, name)(params, **options),
    )
    for step in range(steps):
        give_gradients(tp, own_params, step)
        give_gradients(torch, params, step)
        own.step()
        theirs.step()
    return own, theirs, own_params, params


def assert_same(own: Any, theirs: Any, tolerance: float) -> None:
    if isinstance(theirs, torch.Tensor):
        assert isinstance(own, tp.Tensor)
        np.testing.assert_allclose(
            own.detach().numpy(), theirs.detach().numpy(), rtol=tolerance, atol=tolerance
        )
        assert str(own.dtype).partition(".")[2] == str(theirs.dtype).partition(".")[2]
    elif isinstance(theirs, dict):
        assert list(own) == list(theirs)
        for key in theirs:
            assert_same(own[key], theirs[key], tolerance)
    elif isinstance(theirs, (list, tuple)):
        assert type(own) is type(theirs) and len(own) == len(theirs)
        for a, b in zip(own, theirs):
            assert_same(a, b, tolerance)
    else:
        assert own == theirs and type(own) is type(theirs)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("case", OPTIMIZERS)
def test_parameters_and_state(case: str, dtype: str) -> None:
    own, theirs, own_params, params = both(case, dtype=dtype)
    tolerance = 1e-5 if dtype == "float32" else 1e-12
    for a, b in zip(own_params, params):
        np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), rtol=tolerance, atol=tolerance)
        assert a.requires_grad and a.is_leaf
    assert_same(own.state_dict(), theirs.state_dict(), tolerance)
    assert repr(own) == repr(theirs)


@pytest.mark.parametrize("case", OPTIMIZERS)
def test_a_checkpoint_goes_on_where_it_stopped(case: str) -> None:
    name, options = OPTIMIZERS[case]
    own, _, own_params, _ = both(case, 3)
    saved = copy.deepcopy(own.state_dict())  # loading takes the tensors themselves, as torch does
    resumed_params = [tp.nn.Parameter(param.detach().clone()) for param in own_params]
    resumed = getattr(tp.optim, name)(resumed_params, lr=7.0)
    resumed.load_state_dict(saved)
    for step in (3, 4):
        for optimizer, params in ((own, own_params), (resumed, resumed_params)):
            give_gradients(tp, params, step)
            optimizer.step()
    for a, b in zip(own_params, resumed_params):
        assert a.tolist() == b.tolist()


@pytest.mark.parametrize("case", OPTIMIZERS)
def test_torch_s_checkpoints_load(case: str) -> None:
    own, theirs, own_params, params = both(case, 3)

    def convert(value: Any) -> Any:
        if isinstance(value, torch.Tensor):
            return tp.from_numpy(value.detach().numpy().copy())
        return {k: convert(v) for k, v in value.items()} if isinstance(value, dict) else value

    own.load_state_dict(convert(theirs.state_dict()))
    for step in (3, 4):
        give_gradients(tp, own_params, step)
        give_gradients(torch, params, step)
        own.step()
        theirs.step()
    for a, b in zip(own_params, params):
        np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), rtol=1e-5, atol=1e-6)


def test_groups_have_settings_of_their_own() -> None:
    results = []
    for library in (tp, torch):
        params = parameters(library)
        optimizer = library.optim.SGD([{"params": params[0], "lr": 0.5}, {"params": params[1:2]}], lr=0.1)
        optimizer.add_param_group({"params": [params[2]], "momentum": 0.3})
        give_gradients(library, params, 0)
        optimizer.step()
        results.append(
            ([p.tolist() for p in params], optimizer.state_dict()["param_groups"], repr(optimizer))
        )
    assert results[0][1:] == results[1][1:]
    for a, b in zip(results[0][0], results[1][0]):
        np.testing.assert_allclose(a, b, rtol=1e-6)
