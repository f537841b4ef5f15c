"""``autograd.Function``: inputs changed in place, views, what is saved or handed through, like PyTorch.

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


def made(T: Any, forward: Any, backward: Any) -> Any:
    members = {"forward": staticmethod(forward), "backward": staticmethod(backward)}
    return type("Fn", (T.autograd.Function,), members)


def tripled(T: Any) -> Any:
    """A Function that multiplies its input in place by 3."""

    def forward(ctx: Any, x: Any) -> Any:
        x.mul_(3)
        ctx.mark_dirty(x)
        return x

    return made(T, forward, lambda ctx, g: g * 3)


@scenario
def dirty_view(T: Any) -> Any:
    x = leaf(T)
    b = x * 1
    v = b[1:3]
    tripled(T).apply(v)
    b.sum().backward()
    return x.grad


@scenario
def dirty_view_and_use(T: Any) -> Any:
    x = leaf(T)
    b = x * 1
    v = b[1:3]
    o = tripled(T).apply(v)
    (b.sum() + 2 * o.sum()).backward()
    return x.grad


@scenario
def dirty_base_then_view(T: Any) -> Any:
    x = leaf(T)
    b = x * 1
    v = b[1:3]
    tripled(T).apply(b)
    v.sum().backward()
    return x.grad


@scenario
def dirty_two_views(T: Any) -> Any:
    x = leaf(T)
    b = x * 1
    v = b[:2]
    w = b[1:3]
    F = tripled(T)
    F.apply(v)
    F.apply(w)
    (b * b).sum().backward()
    return x.grad


@scenario
def dirty_leaf(T: Any) -> Any:
    x = leaf(T)
    tripled(T).apply(x)
    return 1


@scenario
def dirty_leaf_view(T: Any) -> Any:
    x = leaf(T)
    tripled(T).apply(x[1:])
    return 1


@scenario
def dirty_no_grad_input(T: Any) -> Any:
    x = T.tensor([1.0, 2.0])
    o = tripled(T).apply(x)
    return (o, o.requires_grad, o is x)


@scenario
def dirty_not_returned(T: Any) -> Any:

    def f(ctx, x):
        x.mul_(2)
        ctx.mark_dirty(x)
        return x.clone()

    x = leaf(T)
    b = x * 1
    made(T, f, lambda ctx, g: g).apply(b)
    return 1


@scenario
def dirty_two_outputs_view(T: Any) -> Any:

    def f(ctx, x):
        x.mul_(2)
        ctx.mark_dirty(x)
        return (x, x.clone())

    x = leaf(T)
    b = x * 1
    made(T, f, lambda ctx, g, h: g + h).apply(b[1:])
    return 1


@scenario
def dirty_two_outputs(T: Any) -> Any:

    def f(ctx, x):
        x.mul_(2)
        ctx.mark_dirty(x)
        return (x, x.clone())

    x = leaf(T)
    b = x * 1
    o, p = made(T, f, lambda ctx, g, h: (g + h) * 2).apply(b)
    (o + p * 2).sum().backward()
    return x.grad


@scenario
def dirty_version(T: Any) -> Any:
    x = leaf(T)
    b = x * 1
    s = b * b
    tripled(T).apply(b)
    s.sum().backward()
    return x.grad


@scenario
def dirty_saved(T: Any) -> Any:

    def f(ctx, x):
        x.exp_()
        ctx.mark_dirty(x)
        ctx.save_for_backward(x)
        return x

    def bw(ctx, g):
        (y,) = ctx.saved_tensors
        return g * y

    x = leaf(T, 0.5, 1.0)
    b = x * 1
    o = made(T, f, bw).apply(b)
    (o * o).sum().backward()
    return x.grad


@scenario
def dirty_saved_view(T: Any) -> Any:

    def f(ctx, x):
        x.exp_()
        ctx.mark_dirty(x)
        ctx.save_for_backward(x)
        return x

    def bw(ctx, g):
        (y,) = ctx.saved_tensors
        return g * y

    x = leaf(T, 0.5, 1.0, 0.2)
    b = x * 1
    made(T, f, bw).apply(b[1:])
    (b * b).sum().backward()
    return x.grad


@scenario
def return_input(T: Any) -> Any:
    x = leaf(T)
    F = made(T, lambda ctx, x: x, lambda ctx, g: g * 5)
    y = F.apply(x)
    y.sum().backward()
    return (x.grad, y is x, y._is_view())


@scenario
def return_input_inplace(T: Any) -> Any:
    x = leaf(T)
    b = x * 1
    F = made(T, lambda ctx, x: x, lambda ctx, g: g * 5)
    y = F.apply(b)
    y.mul_(2)
    b.sum().backward()
    return x.grad


@scenario
def return_view_inplace(T: Any) -> Any:
    x = leaf(T)
    b = x * 1
    F = made(T, lambda ctx, x: x[1:], lambda ctx, g: T.nn.functional.pad(g * 5, (1, 0)))
    y = F.apply(b)
    y.mul_(2)
    b.sum().backward()
    return x.grad


@scenario
def return_fresh_view_inplace(T: Any) -> Any:
    x = leaf(T)
    F = made(T, lambda ctx, x: (x * 2).view(2, 2), lambda ctx, g: (g * 2).view(4))
    y = F.apply(x)
    y.mul_(2)
    y.sum().backward()
    return x.grad


@scenario
def return_view(T: Any) -> Any:
    x = leaf(T)
    b = x * 1
    F = made(T, lambda ctx, x: x[1:], lambda ctx, g: T.nn.functional.pad(g * 5, (1, 0)))
    y = F.apply(b)
    y.sum().backward()
    return (x.grad, y._is_view())


@scenario
def view_base_modified_after(T: Any) -> Any:
    x = leaf(T)
    b = x * 1
    F = made(T, lambda ctx, x: x[1:], lambda ctx, g: T.nn.functional.pad(g * 5, (1, 0)))
    y = F.apply(b)
    b.mul_(3)
    y.sum().backward()
    return x.grad


@scenario
def nondiff(T: Any) -> Any:

    def f(ctx, x):
        i = x > 2
        ctx.mark_non_differentiable(i)
        return (x * 2, i)

    x = leaf(T)
    a, i = made(T, f, lambda ctx, g, h: g * 2).apply(x)
    a.sum().backward()
    return (x.grad, i.requires_grad, a.requires_grad)


@scenario
def nondiff_float(T: Any) -> Any:
    seen = []

    def f(ctx, x):
        y = x + 1
        ctx.mark_non_differentiable(y)
        return (x * 2, y)

    def bw(ctx, g, h):
        seen.append(None if h is None else h.tolist())
        return g * 2

    x = leaf(T)
    a, i = made(T, f, bw).apply(x)
    a.sum().backward()
    return (x.grad, i.requires_grad, seen)


@scenario
def nondiff_input(T: Any) -> Any:

    def f(ctx, x, y):
        ctx.mark_non_differentiable(y)
        return (x * 2, y)

    x = leaf(T)
    y = leaf(T)
    a, i = made(T, f, lambda ctx, g, h: (g * 2, None)).apply(x, y)
    return (i.requires_grad, i is y)


@scenario
def materialize(T: Any) -> Any:
    seen = []

    def f(ctx, x):
        return (x * 2, x * 3)

    def bw(ctx, g, h):
        seen.append(h.tolist())
        return g * 2 + h * 3

    x = leaf(T)
    a, b = made(T, f, bw).apply(x)
    a.sum().backward()
    return (x.grad, seen)


@scenario
def no_materialize(T: Any) -> Any:
    seen = []

    def f(ctx, x):
        ctx.set_materialize_grads(False)
        return (x * 2, x * 3)

    def bw(ctx, g, h):
        seen.append(h)
        return g * 2

    x = leaf(T)
    a, b = made(T, f, bw).apply(x)
    a.sum().backward()
    return (x.grad, seen)


@scenario
def too_many(T: Any) -> Any:
    x = leaf(T)
    made(T, lambda ctx, x: x * 2, lambda ctx, g: (g, g)).apply(x).sum().backward()


@scenario
def wrong_shape(T: Any) -> Any:
    x = leaf(T)
    made(T, lambda ctx, x: x * 2, lambda ctx, g: g[:2]).apply(x).sum().backward()


@scenario
def output_not_tensor(T: Any) -> Any:
    x = leaf(T)
    o = made(T, lambda ctx, x: (x * 2, "a", 5), lambda ctx, g, s, t: g).apply(x)
    o[0].sum().backward()
    return (x.grad, o[1:])


@scenario
def once(T: Any) -> Any:

    def bw(ctx, g):
        (x,) = ctx.saved_tensors
        return g * 2 * x

    def f(ctx, x):
        ctx.save_for_backward(x)
        return x * x

    F = made(T, f, T.autograd.function.once_differentiable(bw))
    x = leaf(T)
    (g,) = T.autograd.grad(F.apply(x).sum(), x, create_graph=True)
    return g.requires_grad


@scenario
def once_twice(T: Any) -> Any:

    def bw(ctx, g):
        (x,) = ctx.saved_tensors
        return g * 2 * x

    def f(ctx, x):
        ctx.save_for_backward(x)
        return x * x

    F = made(T, f, T.autograd.function.once_differentiable(bw))
    x = leaf(T)
    (g,) = T.autograd.grad((F.apply(x) * F.apply(x)).sum(), x, create_graph=True)
    g.sum().backward()
    return x.grad


@scenario
def retain_dirty(T: Any) -> Any:
    x = leaf(T)
    y = x * 2
    y.retain_grad()
    o = tripled(T).apply(y)
    (o * o).sum().backward()
    return (y.grad, x.grad)


@scenario
def double_backward_dirty_view(T: Any) -> Any:

    def f(ctx, x):
        x.mul_(3)
        ctx.mark_dirty(x)
        return x

    x = leaf(T)
    b = x * x
    v = b[1:3]
    made(T, f, lambda ctx, g: g * 3).apply(v)
    (g,) = T.autograd.grad((b * b).sum(), x, create_graph=True)
    g.sum().backward()
    return x.grad


@scenario
def mark_dirty_noninput(T: Any) -> Any:

    def f(ctx, x):
        y = x * 2
        ctx.mark_dirty(y)
        return y

    x = leaf(T)
    o = made(T, f, lambda ctx, g: g * 2).apply(x)
    o.sum().backward()
    return x.grad


def test_a_view_changed_in_place_by_a_function_rebases_its_base() -> None:
    x = leaf(tp)
    base = x * 1
    tripled(tp).apply(base[1:3])
    base.sum().backward()
    assert x.grad.tolist() == [1, 3, 3, 1]


def test_the_changed_view_may_be_any_argument() -> None:
    """PyTorch takes the first gradient for the view's, whichever argument that is."""

    def forward(ctx: Any, factor: Any, x: Any) -> Any:
        ctx.save_for_backward(factor)
        ctx.x = x.clone()
        x.mul_(factor)
        ctx.mark_dirty(x)
        return x

    def backward(ctx: Any, g: Any) -> Any:
        (factor,) = ctx.saved_tensors
        return (g * ctx.x).sum(), g * factor

    x, factor = leaf(tp), tp.tensor(2.0, requires_grad=True)
    base = x * 1
    made(tp, forward, backward).apply(factor, base[1:3])
    base.sum().backward()
    assert x.grad.tolist() == [1, 2, 2, 1] and factor.grad.item() == 5


def test_what_a_function_must_not_do_is_said() -> None:
    def keeps(ctx: Any, x: Any) -> Any:
        x.mul_(2)
        ctx.mark_dirty(x)
        return x.clone()

    with pytest.raises(tp.TensorplugError, match="were not returned as output"):
        made(tp, keeps, lambda ctx, g: g).apply(leaf(tp) * 1)
    handed = made(tp, lambda ctx, x: x, lambda ctx, g: g).apply(leaf(tp) * 1)
    with pytest.raises(tp.TensorplugError, match="a view that a Function returned"):
        handed.mul_(2)
    with tp.no_grad():
        handed.mul_(2)


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
