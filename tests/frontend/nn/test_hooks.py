"""Hooks around the call of a module and around its backward pass. Needs no PyTorch."""

from __future__ import annotations

from typing import Any

import pytest

import tensorplug as tp
from tensorplug import nn


class Twice(nn.Module):
    def forward(self, x: Any, plus: float = 0.0) -> Any:
        return x * 2 + plus


def test_forward_hooks_run_in_order_and_replace() -> None:
    module = Twice()
    seen: list[str] = []
    module.register_forward_pre_hook(lambda m, args: seen.append("pre") or (args[0] + 1,))
    module.register_forward_pre_hook(lambda m, args: seen.append("first"), prepend=True)
    module.register_forward_hook(lambda m, args, out: seen.append("post") or out * 10)
    assert float(module(tp.tensor(1.0))) == 40.0
    assert seen == ["first", "pre", "post"]


def test_hooks_with_keywords() -> None:
    module = Twice()
    module.register_forward_pre_hook(
        lambda m, args, kwargs: (args, {"plus": kwargs["plus"] + 1}), with_kwargs=True
    )
    module.register_forward_hook(lambda m, args, kwargs, out: out + kwargs["plus"], with_kwargs=True)
    assert float(module(tp.tensor(1.0), plus=3.0)) == 2 + 4 + 4
    module.register_forward_pre_hook(lambda m, args, kwargs: 3, with_kwargs=True)
    with pytest.raises(RuntimeError, match="forward pre-hook must return None or a tuple of"):
        module(tp.tensor(1.0), plus=3.0)


def test_handles_remove() -> None:
    module = Twice()
    with module.register_forward_hook(lambda m, args, out: out * 0):
        assert float(module(tp.tensor(1.0))) == 0
    handle = module.register_forward_hook(lambda m, args, out: out * 0)
    handle.remove()
    handle.remove()
    assert float(module(tp.tensor(1.0))) == 2


def test_always_called_hooks_see_failures() -> None:
    class Broken(nn.Module):
        def forward(self, x: Any) -> Any:
            raise ZeroDivisionError

    module = Broken()
    seen: list[Any] = []
    module.register_forward_hook(lambda m, args, out: seen.append("plain"))
    module.register_forward_hook(lambda m, args, out: seen.append(out), always_call=True)
    with pytest.raises(ZeroDivisionError):
        module(1)
    assert seen == [None]


def test_hooks_of_all_modules() -> None:
    seen: list[str] = []
    handles = [
        nn.register_module_forward_pre_hook(lambda m, args: seen.append("pre " + type(m).__name__)),
        nn.register_module_forward_hook(lambda m, args, out: seen.append("post " + type(m).__name__)),
    ]
    net = nn.Sequential(Twice())
    net(tp.ones(1))
    for handle in handles:
        handle.remove()
    net(tp.ones(1))
    assert seen == ["pre Sequential", "pre Twice", "post Twice", "post Sequential"]


def test_full_backward_hooks_see_both_gradients() -> None:
    module = Twice()
    seen: list[Any] = []
    module.register_full_backward_pre_hook(lambda m, grads: seen.append(("pre", grads[0].tolist())))
    module.register_full_backward_hook(
        lambda m, to, of: seen.append(("post", to[0].tolist(), of[0].tolist()))
    )
    x = tp.ones(2, requires_grad=True)
    (module(x * 3) * 5).sum().backward()
    assert seen == [("pre", [5, 5]), ("post", [10, 10], [5, 5])]
    assert x.grad.tolist() == [30, 30]


def test_full_backward_hooks_replace_gradients() -> None:
    module = Twice()
    module.register_full_backward_pre_hook(lambda m, grads: (grads[0] * 0 + 1,))
    module.register_full_backward_hook(lambda m, to, of: (to[0] + 100,))
    x = tp.ones(2, requires_grad=True)
    module(x).sum().backward()
    assert x.grad.tolist() == [102, 102]


def test_full_backward_hook_without_a_gradient_at_the_input() -> None:
    module = nn.Linear(2, 1)
    seen: list[Any] = []
    module.register_full_backward_hook(lambda m, to, of: seen.append((to, of[0].tolist())))
    module(tp.ones(1, 2)).sum().backward()
    assert seen == [((None,), [[1.0]])]
    assert module.weight.grad is not None


def test_full_backward_hook_returning_too_much() -> None:
    module = Twice()
    module.register_full_backward_hook(lambda m, to, of: (to[0], to[0]))
    x = tp.ones(2, requires_grad=True)
    with pytest.raises(
        RuntimeError, match="Backward hook returned an invalid number of grad_input, got 2, but exp"
    ):
        module(x).sum().backward()


def test_hooks_survive_a_copy() -> None:
    import copy

    module = Twice()
    module.register_forward_hook(_tenfold)
    assert float(copy.deepcopy(module)(tp.tensor(1.0))) == 20


def _tenfold(module: Any, args: Any, out: Any) -> Any:
    return out * 10
