"""The autograd layer: what is recorded, what comes back, and what is refused with which words."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import pytest

import tensorplug as tp
from tensorplug import autograd
from tensorplug_dispatcher.errors import AutogradError, InplaceError, ShapeError


def leaf(*values: float) -> tp.Tensor:
    return tp.tensor(list(values), dtype=tp.float64, requires_grad=True)


def test_accumulates_and_keeps_the_gradient_object() -> None:
    x = leaf(1, 2)
    (x * x).sum().backward()
    first = x.grad
    (x * x).sum().backward()
    assert x.grad is first
    assert x.grad.tolist() == [4, 8]


def test_two_leaves_never_share_a_gradient() -> None:
    a, b = leaf(1, 2), leaf(3, 4)
    (a + b).backward(tp.ones(2, dtype=tp.float64))
    a.grad.mul_(10)
    assert b.grad.tolist() == [1, 1]


def test_gradient_given_to_backward_is_not_adopted() -> None:
    a = leaf(1, 2)
    given = tp.ones(2, dtype=tp.float64)
    (a + 0.0).backward(given)
    a.grad.mul_(10)
    assert given.tolist() == [1, 1]


def test_a_gradient_handed_to_two_nodes_belongs_to_one_leaf() -> None:
    """``add`` gives one tensor to both operands; what a leaf collects later must not reach the other leaf."""
    for sum_first in (False, True):
        x, y = leaf(1, 1), leaf(1, 1)
        scaled = x * 3
        both = (y + x) if sum_first else (x + y)
        ((both * 2).sum() + scaled.sum()).backward()
        assert x.grad.tolist() == [5, 5] and y.grad.tolist() == [2, 2]
        assert x.grad.data_ptr() != y.grad.data_ptr()


def test_what_hooks_and_functions_keep_does_not_change() -> None:
    kept: list[tp.Tensor] = []

    class Keeping(autograd.Function):
        @staticmethod
        def forward(ctx: object, x: tp.Tensor) -> tp.Tensor:
            return x * 2

        @staticmethod
        def backward(ctx: object, grad: tp.Tensor) -> tp.Tensor:
            kept.append(grad * 2)
            return kept[-1]

    x = leaf(1, 2)
    x.register_hook(kept.append)
    for _ in range(2):
        (x * x).sum().backward()
    assert [t.tolist() for t in kept] == [[2, 4], [2, 4]] and x.grad.tolist() == [4, 8]
    kept.clear()
    y = leaf(1, 2)
    for _ in range(2):
        Keeping.apply(y).sum().backward()
    assert [t.tolist() for t in kept] == [[2, 2], [2, 2]] and y.grad.tolist() == [4, 4]


def test_a_gradient_that_nobody_else_holds_is_adopted() -> None:
    x = leaf(1, 2)
    seen: list[int] = []

    class Watched(autograd.Function):
        @staticmethod
        def forward(ctx: object, x: tp.Tensor) -> tp.Tensor:
            return x * 2

        @staticmethod
        def backward(ctx: object, grad: tp.Tensor) -> tp.Tensor:
            made = grad * 2
            seen.append(made.data_ptr())
            return made

    Watched.apply(x).sum().backward()
    assert x.grad.data_ptr() == seen[0]


def test_a_graph_that_saved_no_tensor_can_be_used_again() -> None:
    x, y = leaf(1, 2), leaf(3)
    total = (tp.cat([x, y]).sum() - x.mean()).reshape(1)[0]
    total.backward()
    total.backward()
    assert x.grad.tolist() == [1, 1] and y.grad.tolist() == [2]
    product = (x * x).sum()
    product.backward()
    with pytest.raises(AutogradError, match="MulBackward0 has freed what it saved"):
        product.backward()


def test_a_node_keeps_no_tensor_that_its_derivative_does_not_read() -> None:
    x = leaf(1, 2)
    parts = [x * 2, x * 3]
    memory = [weakref.ref(part) for part in parts]
    joined = tp.cat(parts)
    del parts
    assert [ref() for ref in memory] == [None, None]
    joined.sum().backward()
    assert x.grad.tolist() == [5, 5]


def test_ops_made_of_others_refuse_what_they_refuse_without_gradients() -> None:
    x = tp.ones(3, 4, requires_grad=True)
    index, short = tp.tensor([0]), tp.ones(1, 3)
    texts = []
    for tensor in (x.detach(), x * 1):
        with pytest.raises(ShapeError) as caught:
            tensor.index_copy_(0, index, short)
        texts.append(str(caught.value))
        assert tensor.detach().tolist() == [[1.0] * 4] * 3
    assert (
        texts
        == [
            "index_copy(): source has shape [1, 3], but an index of 1 along dimension 0 of [3, 4] takes one "
            "of shape [1, 4]"
        ]
        * 2
    )


def test_hooks_of_a_leaf_see_its_whole_gradient_once() -> None:
    x, seen = leaf(1, 2), []
    x.register_hook(lambda grad: seen.append(("grad", grad.tolist())))
    x.register_hook(lambda grad: grad * 10)
    x.register_post_accumulate_grad_hook(lambda t: seen.append(("post", t.grad.tolist())))
    y = x * 2
    (x * 3 + y * y).sum().backward()
    assert seen == [("grad", [11, 19]), ("post", [110, 190])]
    seen.clear()
    (given,) = autograd.grad((x * 3 + x * 5).sum(), x)
    assert given.tolist() == [80, 80] and seen == [("grad", [8, 8])] and x.grad.tolist() == [110, 190]


def test_broadcasting_is_summed_and_dtypes_are_restored() -> None:
    a = tp.ones(3, 1, requires_grad=True)
    b = tp.ones(4, dtype=tp.float64, requires_grad=True)
    (a * b).sum().backward()
    assert a.grad.shape == (3, 1) and a.grad.dtype is tp.float32 and a.grad.tolist() == [[4], [4], [4]]
    assert b.grad.dtype is tp.float64 and b.grad.tolist() == [3, 3, 3, 3]


def test_second_derivatives() -> None:
    x = leaf(2.0)
    y = (x**3).sum()
    (g,) = autograd.grad(y, x, create_graph=True)
    (h,) = autograd.grad(g.sum(), x)
    assert g.tolist() == [12] and h.tolist() == [12]


def test_freed_graph_says_how_to_go_on() -> None:
    x = leaf(1.0)
    y = x.exp()
    y.backward(tp.ones(1, dtype=tp.float64))
    with pytest.raises(AutogradError) as caught:
        y.backward(tp.ones(1, dtype=tp.float64))
    assert str(caught.value) == (
        "Trying to backward through the graph a second time (or directly access saved tensors after they "
        "have already been freed): ExpBackward0 has freed what it saved. Specify retain_graph=True at the "
        "first backward() or grad() call if you need to go through the graph again"
    )
    y = x.exp()
    y.backward(tp.ones(1, dtype=tp.float64), retain_graph=True)
    y.backward(tp.ones(1, dtype=tp.float64))


def test_changed_saved_tensor() -> None:
    x = leaf(1.0, 2.0)
    w = x * 2
    y = w * w
    w.add_(1)
    with pytest.raises(InplaceError) as caught:
        y.sum().backward()
    assert str(caught.value) == (
        "one of the variables needed for gradient computation has been modified by an inplace operation: "
        "[float64 [2]], saved by MulBackward0, is at version 1; expected version 0 instead. Hint: "
        "use a clone() before the in-place operation, or enable anomaly detection "
        "(autograd.set_detect_anomaly(True)) to find the operation that failed to compute its gradient"
    )


def test_inplace_on_a_leaf() -> None:
    x = leaf(1.0, 2.0)
    with pytest.raises(InplaceError) as caught:
        x.add_(1)
    assert str(caught.value) == (
        "a leaf Variable that requires grad is being used in an in-place operation (add_ on shape [2]); "
        "do it under no_grad(), or on a clone()"
    )
    with pytest.raises(InplaceError, match="a view of a leaf Variable that requires grad"):
        x[0].mul_(2)
    assert x.tolist() == [1, 2]
    with tp.no_grad():
        x.add_(1)
    assert x.tolist() == [2, 3] and x.requires_grad and x.is_leaf


def test_out_does_not_differentiate() -> None:
    x = leaf(1.0)
    with pytest.raises(
        AutogradError,
        match=r"functions with out=\.\.\. arguments don't support automatic "
        r"differentiation",
    ):
        tp.add(x, x, out=tp.empty(1, dtype=tp.float64))


def test_backward_without_a_history() -> None:
    with pytest.raises(AutogradError, match="does not require grad and does not have a grad_fn"):
        tp.ones(1).backward()
    with pytest.raises(
        AutogradError,
        match=r"grad can be implicitly created only for scalar outputs, not "
        r"for shape \[2\]",
    ):
        (leaf(1, 2) * 2).backward()


def test_inplace_through_a_view_rewrites_the_history_of_the_base() -> None:
    x = leaf(1, 2, 3)
    y = x * 1
    y[1].mul_(10)
    assert y.tolist() == [1, 20, 3]
    y.sum().backward()
    assert x.grad.tolist() == [1, 10, 1]


def test_a_view_taken_before_sees_the_new_history() -> None:
    x, w = leaf(1, 2, 3), leaf(5)
    y = x * 1
    v = y[0:2]
    y.mul_(w)
    (v * 1).sum().backward()
    assert x.grad.tolist() == [5, 5, 0]
    assert w.grad.tolist() == [3]


def test_plain_base_gets_a_history_from_a_view() -> None:
    base = tp.zeros(3, dtype=tp.float64)
    w = leaf(4)
    base[1:2].add_(w)
    assert base.requires_grad and not base.is_leaf
    (base * tp.tensor([1.0, 2.0, 3.0], dtype=tp.float64)).sum().backward()
    assert w.grad.tolist() == [2]


def test_inplace_that_needs_its_own_input() -> None:
    x, w = leaf(2, 3), leaf(5, 7)
    y = x * 1
    y.mul_(w)
    y.sum().backward()
    assert x.grad.tolist() == [5, 7] and w.grad.tolist() == [2, 3]


def test_composite_inplace_through_a_view() -> None:
    x = leaf(1, 2, 3)

    def f(a: tp.Tensor) -> tp.Tensor:
        b = a * 1.0
        b[1:].index_copy_(0, tp.tensor([1]), a[:1] * 3)
        b.mul_(2.0)
        return b * b

    assert autograd.gradcheck(f, x)


def test_setitem_history() -> None:
    x, w = leaf(1, 2, 3), leaf(9)
    y = x * 1
    y[0] = w[0]
    (y * y).sum().backward()
    assert x.grad.tolist() == [0, 4, 6] and w.grad.tolist() == [18]


def test_double_backward_through_inplace_views() -> None:
    def f(a: tp.Tensor) -> tp.Tensor:
        b = a * a
        b[1:].mul_(a[:2])
        return b * b

    assert autograd.gradcheck(f, leaf(0.5, 1.5, -2.0))
    assert autograd.gradgradcheck(f, leaf(0.5, 1.5, -2.0))


def test_hooks_on_tensors_and_nodes() -> None:
    seen: list[str] = []
    x = leaf(1.0)
    y = x * 3
    handle = y.register_hook(lambda g: seen.append("y") or g * 2)
    x.register_hook(lambda g: seen.append("x"))
    x.register_post_accumulate_grad_hook(lambda t: seen.append("post"))
    y.grad_fn.register_hook(lambda gi, go: seen.append("node"))
    y.retain_grad()
    (y * 1).backward(tp.ones(1, dtype=tp.float64))
    assert seen == ["y", "node", "x", "post"]
    assert x.grad.tolist() == [6] and y.grad.tolist() == [2]
    handle.remove()
    (x * 3).backward(tp.ones(1, dtype=tp.float64))
    assert x.grad.tolist() == [9]


def test_grad_touches_no_leaf_and_reports_unused() -> None:
    x, z = leaf(1.0), leaf(2.0)
    assert autograd.grad((x * 2).sum(), x)[0].tolist() == [2]
    assert x.grad is None
    with pytest.raises(AutogradError, match="appears to not have been used in the graph"):
        autograd.grad((x * 2).sum(), [x, z])
    assert autograd.grad((x * 2).sum(), [x, z], allow_unused=True)[1] is None
    middle = x * 2
    assert autograd.grad((middle * middle).sum(), middle)[0].tolist() == [4]


def test_modes() -> None:
    x = leaf(1.0)
    with tp.no_grad():
        assert not (x * 2).requires_grad
        with tp.enable_grad():
            assert (x * 2).requires_grad
    assert (x * 2).requires_grad

    @tp.no_grad()
    def f() -> tp.Tensor:
        return x * 2

    assert not f().requires_grad
    with tp.inference_mode():
        assert not (x * 2).requires_grad
    with tp.set_grad_enabled(False):
        assert not tp.is_grad_enabled()
    assert tp.is_grad_enabled()
    assert not x.detach().requires_grad


def test_custom_function() -> None:
    class Cube(autograd.Function):
        @staticmethod
        def forward(ctx, x):  # type: ignore[no-untyped-def]
            ctx.save_for_backward(x)
            return x * x * x

        @staticmethod
        def backward(ctx, grad):  # type: ignore[no-untyped-def]
            (x,) = ctx.saved_tensors
            return grad * 3 * x * x

    x = leaf(2.0, -1.0)
    y = Cube.apply(x)
    assert y.grad_fn.name() == "CubeBackward"
    y.sum().backward()
    assert x.grad.tolist() == [12, 3]
    assert autograd.gradcheck(Cube.apply, x) and autograd.gradgradcheck(Cube.apply, x)


def test_custom_function_with_wrong_number_of_gradients() -> None:
    class Wrong(autograd.Function):
        @staticmethod
        def forward(ctx, a, b):  # type: ignore[no-untyped-def]
            return a * b

        @staticmethod
        def backward(ctx, grad):  # type: ignore[no-untyped-def]
            return grad

    with pytest.raises(
        AutogradError,
        match=r"returned an incorrect number of gradients \(expected 2, got "
        r"1\)",
    ):
        Wrong.apply(leaf(1.0), leaf(2.0)).sum().backward()


def test_anomaly_mode_names_the_culprit() -> None:
    x = leaf(0.0)
    with autograd.detect_anomaly(), pytest.warns(UserWarning, match="Traceback of forward call"):
        y = (x * 0.0).sqrt() * 0.0
        with pytest.raises(
            AutogradError, match="Function 'SqrtBackward0' returned nan values in its 0th output"
        ):
            y.sum().backward()


def test_checkpoint_runs_again_with_the_same_numbers() -> None:
    from tensorplug.utils.checkpoint import checkpoint

    w = leaf(0.5, -0.5)
    calls: list[int] = []

    def block(x: tp.Tensor) -> tp.Tensor:
        calls.append(1)
        noise = tp.rand(2, dtype=tp.float64)
        return (x * w + noise).tanh() * noise

    x = leaf(1.0, 2.0)
    tp.manual_seed(3)
    plain = block(x).sum()
    plain.backward()
    expected = x.grad.tolist(), w.grad.tolist()
    x.grad = w.grad = None
    calls.clear()
    tp.manual_seed(3)
    out = checkpoint(block, x, use_reentrant=False)
    assert out.sum().item() == plain.item()
    out.sum().backward()
    assert len(calls) == 2 and (x.grad.tolist(), w.grad.tolist()) == expected


def test_deep_graphs_neither_recurse_nor_leak() -> None:
    x = leaf(1.0)
    y = x
    for _ in range(100_000):
        y = y + 1.0
    alive = weakref.ref(y)
    y.backward(tp.ones(1, dtype=tp.float64))
    assert x.grad.tolist() == [1]
    y = x
    for _ in range(100_000):
        y = y * 1.0
    del y
    gc.collect()
    assert alive() is None


def test_a_graph_is_freed_without_the_collector() -> None:
    gc.disable()
    try:
        x = leaf(1.0)
        y = x.exp()
        node = weakref.ref(y.grad_fn)
        del y
        assert node() is None
    finally:
        gc.enable()


def test_gradcheck_finds_a_wrong_derivative() -> None:
    class Wrong(autograd.Function):
        @staticmethod
        def forward(ctx, x):  # type: ignore[no-untyped-def]
            return x * 2

        @staticmethod
        def backward(ctx, grad):  # type: ignore[no-untyped-def]
            return grad * 3

    assert not autograd.gradcheck(Wrong.apply, leaf(1.0), raise_exception=False)


def test_a_hook_may_go_back_into_another_leaf() -> None:
    """While it is one leaf's turn, another's begins and ends."""
    outer, inner = tp.zeros(3, requires_grad=True), tp.zeros(3, requires_grad=True)
    inner.register_post_accumulate_grad_hook(lambda leaf: None)

    def back_again(leaf: Any) -> None:
        with tp.enable_grad():
            (inner * 2.0).sum().backward()

    outer.register_post_accumulate_grad_hook(back_again)
    for turn in (1, 2):
        (outer * 3.0).sum().backward()
        assert outer.grad.tolist() == [3.0 * turn] * 3 and inner.grad.tolist() == [2.0 * turn] * 3
