"""Hooks, kept gradients and in-place changes of views and bases, beside PyTorch.

Each scenario is run in both frameworks; values must be alike, and what one refuses the other must refuse.
"""

from __future__ import annotations

from typing import Any

import pytest

import tensorplug as tp

SCENARIOS: dict[str, Any] = {}


def scenario(function: Any) -> Any:
    SCENARIOS[function.__name__] = function
    return function


def leaf(T: Any, *values: float) -> Any:
    return T.tensor(list(values) or [1.0, 2.0, 3.0, 4.0], requires_grad=True)


@scenario
def retain_inplace(T: Any) -> Any:
    x = leaf(T)
    y = x * 2
    y.retain_grad()
    y.mul_(3)
    (y * y).sum().backward()
    return (y.grad, x.grad)


@scenario
def retain_inplace_twice(T: Any) -> Any:
    x = leaf(T)
    y = x * 2
    y.retain_grad()
    y.mul_(3)
    y.add_(1)
    (y * y).sum().backward()
    return (y.grad, x.grad, y.retains_grad)


@scenario
def retain_then_hook(T: Any) -> Any:
    x = leaf(T)
    y = x * 2
    y.retain_grad()
    y.register_hook(lambda g: g * 10)
    (y * y).sum().backward()
    return (y.grad, x.grad)


@scenario
def hook_then_inplace(T: Any) -> Any:
    log = []
    x = leaf(T)
    y = x * 2
    y.register_hook(lambda g: log.append(g.tolist()))
    y.mul_(3)
    (y * y).sum().backward()
    return (log, x.grad)


@scenario
def hook_inplace_hook(T: Any) -> Any:
    log = []
    x = leaf(T)
    y = x * 2
    y.register_hook(lambda g: log.append(("a", g.tolist())))
    y.mul_(3)
    y.register_hook(lambda g: log.append(("b", g.tolist())))
    (y * y).sum().backward()
    return log


@scenario
def retain_view(T: Any) -> Any:
    x = leaf(T)
    y = x * 2
    v = y[1:]
    v.retain_grad()
    (v * v).sum().backward()
    return (v.grad, x.grad)


@scenario
def retain_view_inplace(T: Any) -> Any:
    x = leaf(T)
    y = x * 2
    v = y[1:]
    v.retain_grad()
    v.mul_(3)
    (y * y).sum().backward()
    return (v.grad, x.grad)


@scenario
def retain_view_inplace_used(T: Any) -> Any:
    x = leaf(T)
    y = x * 2
    v = y[1:]
    v.retain_grad()
    v.mul_(3)
    (v * v).sum().backward()
    return (v.grad, x.grad)


@scenario
def retain_base_view_inplace(T: Any) -> Any:
    x = leaf(T)
    y = x * 2
    y.retain_grad()
    y[1:].mul_(3)
    (y * y).sum().backward()
    return (y.grad, x.grad)


@scenario
def retain_view_base_inplace(T: Any) -> Any:
    x = leaf(T)
    y = x * 2
    v = y[1:]
    v.retain_grad()
    y.mul_(3)
    (v * v).sum().backward()
    return (v.grad, x.grad)


@scenario
def hook_view_base_inplace(T: Any) -> Any:
    log = []
    x = leaf(T)
    y = x * 2
    v = y[1:]
    v.register_hook(lambda g: log.append(g.tolist()))
    y.mul_(3)
    (v * v).sum().backward()
    return (log, x.grad)


@scenario
def hook_base_view_inplace(T: Any) -> Any:
    log = []
    x = leaf(T)
    y = x * 2
    y.register_hook(lambda g: log.append(g.tolist()))
    y[1:].mul_(3)
    (y * y).sum().backward()
    return (log, x.grad)


@scenario
def hook_on_inplaced_view(T: Any) -> Any:
    log = []
    x = leaf(T)
    y = x * 2
    v = y[1:]
    v.mul_(3)
    v.register_hook(lambda g: log.append(g.tolist()))
    (v * v).sum().backward()
    return (log, x.grad)


@scenario
def retain_setitem(T: Any) -> Any:
    x = leaf(T)
    y = x * 2
    y.retain_grad()
    y[0] = 5.0
    (y * y).sum().backward()
    return (y.grad, x.grad)


@scenario
def retain_two_backward(T: Any) -> Any:
    x = leaf(T)
    y = x * 2
    y.retain_grad()
    z = (y * y).sum()
    z.backward(retain_graph=True)
    z.backward()
    return (y.grad, x.grad)


@scenario
def retain_multi_out(T: Any) -> Any:
    x = leaf(T)
    a, b = T.sort(x * 1)
    a.retain_grad()
    a.mul_(2)
    (a * a).sum().backward()
    return (a.grad, x.grad)


@scenario
def retain_under_detach_(T: Any) -> Any:
    x = leaf(T)
    y = x * 2
    y.retain_grad()
    y.detach_()
    return (y.requires_grad, y.retains_grad)


@scenario
def retain_leaf_set_data(T: Any) -> Any:
    x = leaf(T)
    x.retain_grad()
    (x * x).sum().backward()
    return (x.grad, x.retains_grad)


@scenario
def nograd_view_inplace(T: Any) -> Any:
    x = leaf(T)
    y = x * 2
    with T.no_grad():
        v = y[1:]
    v.mul_(3)
    y.sum().backward()
    return x.grad


@scenario
def nograd_view_of_leaf_inplace(T: Any) -> Any:
    x = leaf(T)
    with T.no_grad():
        v = x[1:]
    v.mul_(3)
    return x


@scenario
def inplace_view_in_nograd(T: Any) -> Any:
    x = leaf(T)
    y = x * 2
    v = y[1:]
    with T.no_grad():
        v.mul_(3)
    (y * y).sum().backward()
    return x.grad


@scenario
def detach_inplace(T: Any) -> Any:
    x = leaf(T)
    y = x * 2
    z = y * y
    y.detach().mul_(3)
    z.sum().backward()
    return x.grad


@scenario
def expand_view_inplace_err(T: Any) -> Any:
    x = leaf(T)
    y = (x * 2)[:1].expand(4)
    y.mul_(2)
    return 1


@scenario
def inplace_on_const_base(T: Any) -> Any:
    b = T.zeros(4)
    x = leaf(T, 1.0, 2.0)
    b[1:3] = x
    b.mul_(2)
    (b * b).sum().backward()
    return (x.grad, b.requires_grad)


@scenario
def view_const_base_then_grad(T: Any) -> Any:
    b = T.zeros(4)
    v = b[1:3]
    x = leaf(T, 1.0, 2.0)
    v.copy_(x)
    (b * 3).sum().backward()
    return (x.grad, v.requires_grad, b.requires_grad)


@scenario
def other_view_sees(T: Any) -> Any:
    b = T.zeros(4)
    v = b[1:3]
    w = b[:2]
    x = leaf(T, 1.0, 2.0)
    v.add_(x)
    (w * 3).sum().backward()
    return (x.grad, w.requires_grad)


@scenario
def grad_wrt_view(T: Any) -> Any:
    x = leaf(T)
    y = x * 2
    v = y[1:]
    g = T.autograd.grad((y * y).sum(), v, allow_unused=True)
    return g


@scenario
def grad_inputs_before_inplace(T: Any) -> Any:
    x = leaf(T)
    y = x * 2
    y.mul_(3)
    return T.autograd.grad((y * y).sum(), y)


@scenario
def leaf_hook_order(T: Any) -> Any:
    log = []
    x = leaf(T)
    x.register_hook(lambda g: g * 2)
    x.register_hook(lambda g: log.append(g.tolist()))
    x.sum().backward()
    return (log, x.grad)


@scenario
def post_acc(T: Any) -> Any:
    log = []
    x = leaf(T)
    x.register_post_accumulate_grad_hook(lambda p: log.append(p.grad.tolist()))
    (x * 2).sum().backward()
    return log


@scenario
def hook_removed(T: Any) -> Any:
    x = leaf(T)
    y = x * 2
    h = y.register_hook(lambda g: g * 10)
    h.remove()
    y.sum().backward()
    return x.grad


@scenario
def hook_wrong_shape(T: Any) -> Any:
    x = leaf(T)
    y = x * 2
    y.register_hook(lambda g: g[:2])
    y.sum().backward()
    return x.grad


@scenario
def hook_wrong_type(T: Any) -> Any:
    x = leaf(T)
    y = x * 2
    y.register_hook(lambda g: 3.0)
    y.sum().backward()
    return x.grad


@scenario
def leaf_hook_wrong_shape(T: Any) -> Any:
    x = leaf(T)
    x.register_hook(lambda g: g[:2])
    (x * 2).sum().backward()
    return x.grad


@scenario
def set_requires_grad_false_view(T: Any) -> Any:
    x = leaf(T)
    v = x[1:]
    v.requires_grad_(False)
    return 1


@scenario
def requires_grad_nonleaf(T: Any) -> Any:
    x = leaf(T)
    y = x * 2
    y.requires_grad = False
    return 1


@scenario
def detach_view_inplace(T: Any) -> Any:
    x = leaf(T)
    y = x * 2
    v = y[1:]
    v.detach_()
    return 1


@scenario
def inplace_saved_mul(T: Any) -> Any:
    x = leaf(T)
    y = x * 2
    z = y * y
    y.add_(1)
    z.sum().backward()
    return x.grad


@scenario
def set_grad_ctx(T: Any) -> Any:
    x = leaf(T)
    with T.no_grad():
        y = x * 2
        with T.enable_grad():
            z = x * 2
    return (y.requires_grad, z.requires_grad)


@scenario
def backward_twice(T: Any) -> Any:
    x = leaf(T)
    y = (x * x).sum()
    y.backward()
    y.backward()


@scenario
def backward_inputs_nonleaf(T: Any) -> Any:
    x = leaf(T)
    y = x * 2
    (y * y).sum().backward(inputs=[y])
    return (y.grad, x.grad)


def test_a_kept_gradient_is_that_of_the_present_value() -> None:
    x = leaf(tp)
    y = x * 2
    y.retain_grad()
    y.mul_(3)
    (y * y).sum().backward()
    assert y.grad.tolist() == [12, 24, 36, 48] and x.grad.tolist() == [72, 144, 216, 288]


def test_a_view_made_without_gradients_is_not_written_with_them() -> None:
    y = leaf(tp) * 2
    with tp.no_grad():
        view = y[1:]
    with pytest.raises(tp.TensorplugError, match="made under no_grad"):
        view.mul_(3)
    with tp.no_grad():
        view.mul_(3)
    assert y.tolist() == [2, 12, 18, 24]


def test_a_hook_gives_back_a_gradient_of_the_same_shape() -> None:
    for tensor in (leaf(tp), leaf(tp) * 2):
        tensor.register_hook(lambda g: g[:2])
        with pytest.raises(tp.TensorplugError, match="changed the size"):
            (tensor * 2).sum().backward()


def plain(value: Any) -> Any:
    if hasattr(value, "tolist"):
        return value.tolist()
    return [plain(v) for v in value] if isinstance(value, (tuple, list)) else value


def outcome(run: Any, T: Any) -> Any:
    try:
        return plain(run(T))
    except (RuntimeError, TypeError, ValueError, IndexError) as error:
        return error


@pytest.mark.oracle
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", list(SCENARIOS))
def test_like_torch(name: str) -> None:
    import torch

    mine, theirs = outcome(SCENARIOS[name], tp), outcome(SCENARIOS[name], torch)
    if isinstance(theirs, Exception):
        assert isinstance(mine, tp.TensorplugError | TypeError), f"PyTorch: {theirs}; here: {mine!r}"
    else:
        assert mine == theirs
