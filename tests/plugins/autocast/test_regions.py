"""Regions: where they begin and end, what is cast in them, once, and how gradients flow back."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest

import tensorplug as tp
from tensorplug_dispatcher.context import CONTEXT
from tensorplug_dispatcher.errors import DTypeError, SignatureError, UnknownDeviceError
from tensorplug_dispatcher.ops import F
from tensorplug_layers.autocast.policies import AUTOCAST

nnf = tp.nn.functional


@pytest.fixture(autouse=True)
def same_context_afterwards() -> Iterator[None]:
    before = CONTEXT.get()
    yield
    assert CONTEXT.get() is before


@pytest.fixture
def casts(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The dtypes that the layer has cast to, in order."""
    from tensorplug_layers.autocast import state

    seen: list[Any] = []

    def counting(tensor: Any, dtype: Any) -> Any:
        seen.append(dtype)
        return F.cast(tensor, dtype)

    monkeypatch.setattr(state, "cast_to", counting)
    return seen


def product(x: Any = None) -> Any:
    x = tp.ones(2, 2) if x is None else x
    return (x @ x).dtype


def test_inside_and_outside() -> None:
    assert product() is tp.float32 and not tp.is_autocast_enabled("cpu")
    with tp.autocast("cpu") as region:
        assert product() is tp.bfloat16 and tp.is_autocast_enabled("cpu") and tp.is_autocast_enabled()
        assert region.fast_dtype is tp.bfloat16
    assert product() is tp.float32 and not tp.is_autocast_enabled()


def test_nested_and_disabled() -> None:
    with tp.autocast("cpu", tp.float16):
        assert product() is tp.float16 and tp.get_autocast_dtype("cpu") is tp.float16
        with tp.autocast("cpu", enabled=False):
            assert product() is tp.float32 and not tp.is_autocast_enabled("cpu")
            with tp.autocast("cpu", tp.bfloat16):
                assert product() is tp.bfloat16
            assert product() is tp.float32
        assert product() is tp.float16
    with tp.autocast("cpu", enabled=False):
        assert product() is tp.float32


def test_ends_with_an_exception() -> None:
    with pytest.raises(ZeroDivisionError), tp.autocast("cpu"):
        raise ZeroDivisionError
    assert product() is tp.float32


def test_as_decorator_also_of_a_function_that_calls_itself() -> None:
    @tp.autocast("cpu", tp.bfloat16)
    def down(n: int) -> list[Any]:
        return [product(), *(down(n - 1) if n else ())]

    assert down(2) == [tp.bfloat16] * 3 and down.__name__ == "down"
    assert product() is tp.float32


def test_one_object_may_be_entered_again() -> None:
    region = tp.autocast("cpu")
    with region, region:
        assert product() is tp.bfloat16
    assert product() is tp.float32
    with region:
        assert product() is tp.bfloat16


def test_each_thread_has_its_own() -> None:
    seen: list[Any] = []
    with tp.autocast("cpu"):
        thread = threading.Thread(target=lambda: seen.append(product()))
        thread.start()
        thread.join()
        assert product() is tp.bfloat16
    assert seen == [tp.float32]


def test_several_device_types_at_once() -> None:
    here, there = tp.ones(2, 2), tp.ones(2, 2, device="mirror:0")
    with tp.autocast("cpu", tp.bfloat16), tp.autocast("mirror", tp.float16):
        assert product(here) is tp.bfloat16 and product(there) is tp.float16
        with tp.autocast("cpu", enabled=False):
            assert product(here) is tp.float32 and product(there) is tp.float16
    with tp.autocast("mirror"):
        assert product(here) is tp.float32 and product(there) is tp.bfloat16


def test_the_dtype_that_regions_take() -> None:
    import contextvars

    def run() -> None:
        tp.set_autocast_dtype("cpu", tp.float16)
        assert tp.get_autocast_dtype("cpu") is tp.float16
        with tp.autocast("cpu"):
            assert product() is tp.float16
        tp.set_autocast_enabled("cpu", True)
        assert product() is tp.float16
        tp.set_autocast_dtype("cpu", tp.bfloat16)
        assert product() is tp.bfloat16
        tp.set_autocast_enabled("cpu", False)
        assert product() is tp.float32

    contextvars.copy_context().run(run)
    assert tp.get_autocast_dtype("cpu") is tp.bfloat16


# -- what is cast ------------------------------


def test_operands_of_other_kinds_stay_as_they_are() -> None:
    with tp.autocast("cpu"):
        assert product(tp.ones(2, 2, dtype=tp.float64)) is tp.float64
        assert product(tp.ones(2, 2, dtype=tp.int64)) is tp.int64
        assert product(tp.ones(2, 2, dtype=tp.float16)) is tp.bfloat16
        assert tp.where(tp.ones(2).bool(), tp.ones(2).bfloat16(), tp.ones(2)).dtype is tp.float32


def test_operands_of_two_dtypes_meet() -> None:
    wide, low = tp.ones(2, 3, 3), tp.ones(2, 3, 3).bfloat16()
    with tp.autocast("cpu"):
        assert (wide @ low).dtype is tp.bfloat16 and tp.bmm(low, wide).dtype is tp.bfloat16
        assert tp.cat([wide, low]).dtype is tp.float32 and tp.cat([low, low]).dtype is tp.bfloat16
        assert tp.dot(wide[0, 0], low[0, 0]).dtype is tp.float32
        assert wide[0].index_copy(0, tp.tensor([1]), low[0, :1]).dtype is tp.float32
        assert nnf.layer_norm(low, (3,), wide[0, 0], wide[0, 0]).dtype is tp.bfloat16


def test_an_explicit_dtype_wins() -> None:
    x = tp.ones(3, device="mirror:0").bfloat16()
    with tp.autocast("mirror"):
        assert x.sum().dtype is tp.float32
        assert x.sum(dtype=tp.bfloat16).dtype is tp.bfloat16


def test_in_place_and_out_keep_their_dtypes() -> None:
    x, out = tp.ones(2, 2), tp.empty(2, 2)
    with tp.autocast("cpu"):
        tp.addmm(x, x, x, out=out)
        x.exp_()
    assert out.dtype is tp.float32 and x.dtype is tp.float32


@pytest.mark.parametrize("grad", [False, True])
def test_a_decomposition_runs_in_the_dtypes_that_the_op_got(grad: bool) -> None:
    """sigmoid is made of exp, which alone would be float32 there."""
    x = tp.ones(3, device="mirror:0").bfloat16().requires_grad_(grad)
    with tp.autocast("mirror"):
        assert tp.sigmoid(x).dtype is tp.bfloat16 and nnf.gelu(x).dtype is tp.bfloat16
        assert nnf.elu(x).dtype is tp.bfloat16
        assert tp.exp(x).dtype is tp.float32


def test_norms_keep_their_statistics_in_float32() -> None:
    x = (tp.randn(64, 3, 4) + 100).bfloat16()
    mean, variance = tp.zeros(3), tp.ones(3)
    with tp.autocast("cpu"):
        out = nnf.batch_norm(x, mean, variance, tp.ones(3), tp.zeros(3), True, 1.0)
    assert out.dtype is tp.bfloat16 and mean.dtype is tp.float32
    assert float((mean - x.float().mean((0, 2))).abs().max()) < 1e-3  # bfloat16 would be 0.5 wrong


# -- weights are cast once ------------------------------


def test_a_weight_is_cast_once_a_region(casts: list[Any]) -> None:
    layer, x = tp.nn.Linear(3, 3), tp.ones(2, 3)
    with tp.autocast("cpu"):
        layer(x)
        assert casts == [tp.bfloat16] * 3
        layer(x)
        with tp.autocast("cpu"):
            layer(x)
        assert casts == [tp.bfloat16] * 5  # the input alone
        tp.clear_autocast_cache()
        layer(x)
        assert len(casts) == 8
    with tp.autocast("cpu"):
        layer(x)
    assert len(casts) == 11


def test_without_the_cache(casts: list[Any]) -> None:
    layer, x = tp.nn.Linear(3, 3), tp.ones(2, 3)
    with tp.autocast("cpu", cache_enabled=False):
        assert not tp.is_autocast_cache_enabled()
        layer(x)
        layer(x)
    assert len(casts) == 6 and tp.is_autocast_cache_enabled()


def test_what_is_no_leaf_is_not_kept(casts: list[Any]) -> None:
    weight = tp.ones(3, 3, requires_grad=True)
    with tp.autocast("cpu"):
        made = weight * 2
        nnf.linear(tp.ones(2, 3), made)
        nnf.linear(tp.ones(2, 3), made)
    assert len(casts) == 4


def test_a_changed_weight_is_seen() -> None:
    layer, x = tp.nn.Linear(2, 2, bias=False), tp.ones(1, 2)
    with tp.autocast("cpu"):
        layer(x)
        with tp.no_grad():
            layer.weight.fill_(3.0)
        assert layer(x).tolist() == [[6.0, 6.0]]
        layer.weight.data = tp.full((2, 2), 4.0)
        assert layer(x).tolist() == [[8.0, 8.0]]
        tp.optim.SGD([layer.weight], lr=1.0)
        layer.weight.grad = tp.ones(2, 2)
        tp.optim.SGD([layer.weight], lr=1.0).step()
        assert layer(x).tolist() == [[6.0, 6.0]]


def test_a_cast_without_history_is_not_used_where_one_is_wanted() -> None:
    layer, x = tp.nn.Linear(2, 2), tp.ones(1, 2)
    with tp.autocast("cpu"):
        with tp.no_grad():
            layer(x)
        layer(x).sum().backward()
    assert layer.weight.grad is not None


def test_a_moved_weight_is_cast_where_it_is() -> None:
    layer = tp.nn.Linear(2, 2)
    with tp.autocast("cpu"), tp.autocast("mirror"):
        layer(tp.ones(1, 2))
        tp.migrate(layer, "mirror:0")
        assert layer(tp.ones(1, 2, device="mirror:0")).dtype is tp.bfloat16


def test_nothing_is_kept_after_the_region() -> None:
    import weakref

    from tensorplug_layers.autocast.state import regions_of

    layer = tp.nn.Linear(2, 2)
    with tp.autocast("cpu"):
        layer(tp.ones(1, 2))
        kept = regions_of(CONTEXT.get()).casts
        assert len(kept.kept) == 2
    assert not kept.kept
    weight = weakref.ref(layer.weight)
    del layer
    assert weight() is None


# -- gradients ------------------------------


def test_gradients_have_the_dtype_of_the_weights() -> None:
    layer, x = tp.nn.Linear(4, 4), tp.randn(3, 4, requires_grad=True)
    with tp.autocast("cpu"):
        loss = layer(x).float().square().mean()
    loss.backward()
    assert layer.weight.grad.dtype is layer.bias.grad.dtype is x.grad.dtype is tp.float32
    low = layer.weight.grad.clone()
    layer.zero_grad()
    layer(x).square().mean().backward()
    assert float((low - layer.weight.grad).abs().max()) < 0.02 * float(layer.weight.grad.abs().max()) + 1e-3


def test_two_losses_of_one_region() -> None:
    layer, x = tp.nn.Linear(4, 4), tp.randn(3, 4)
    with tp.autocast("cpu"):
        first, second = layer(x).sum(), layer(x).sum() * 2
    first.backward()
    one = layer.weight.grad.clone()
    second.backward()
    assert bool((layer.weight.grad == 3 * one).all())


def test_derivatives_are_not_cast_again() -> None:
    """Inside the region or outside, a backward pass gives the same."""
    grads = []
    for inside in (False, True):
        x = tp.ones(3, 3, device="mirror:0").bfloat16().requires_grad_()
        with tp.autocast("mirror"):
            out = tp.sigmoid(x @ x).sum()
            if inside:
                out.backward()
        if not inside:
            out.backward()
        grads.append(x.grad)
    assert grads[0].dtype is grads[1].dtype is tp.bfloat16 and grads[0].tolist() == grads[1].tolist()


def test_a_checkpoint_runs_again_as_it_ran_first() -> None:
    from tensorplug_layers.autograd import checkpoint

    seen: list[Any] = []
    layer = tp.nn.Linear(3, 3)

    def part(x: Any) -> Any:
        out = layer(x)
        seen.append(out.dtype)
        return out.float().square()

    with tp.autocast("cpu"):
        out = checkpoint(part, tp.ones(2, 3, requires_grad=True))
    out.sum().backward()
    assert seen == [tp.bfloat16, tp.bfloat16] and layer.weight.grad.dtype is tp.float32


# -- functions of one's own ------------------------------


def build(library: Any, cast_inputs: Any, seen: list[Any]) -> Any:
    amp = library.amp

    class Product(library.autograd.Function):  # type: ignore[misc, name-defined]
        @staticmethod
        @amp.custom_fwd(device_type="cpu", cast_inputs=cast_inputs)
        def forward(ctx: Any, a: Any, b: Any) -> Any:
            ctx.save_for_backward(a, b)
            out = a @ b
            seen.append(("forward", str(out.dtype).rpartition(".")[2], library.is_autocast_enabled("cpu")))
            return out

        @staticmethod
        @amp.custom_bwd(device_type="cpu")
        def backward(ctx: Any, grad: Any) -> Any:
            a, b = ctx.saved_tensors
            out = grad @ b.t()
            seen.append(("backward", str(out.dtype).rpartition(".")[2], library.is_autocast_enabled("cpu")))
            return out.to(a.dtype), (a.t() @ grad.to(a.dtype)).to(b.dtype)

    return Product


@pytest.mark.oracle
@pytest.mark.parametrize("enabled", [True, False])
@pytest.mark.parametrize("cast_inputs", [None, "float32", "bfloat16"])
def test_custom_functions_run_as_in_pytorch(cast_inputs: str | None, enabled: bool) -> None:
    torch = pytest.importorskip("torch")
    records = []
    for library in (torch, tp):
        seen: list[Any] = []
        function = build(library, cast_inputs and getattr(library, cast_inputs), seen)
        a = library.ones(2, 2, requires_grad=True)
        b = library.ones(2, 2, dtype=library.float32, requires_grad=True)
        with library.autocast("cpu", library.bfloat16, enabled=enabled):
            out = function.apply(a, b)
        out.float().sum().backward()
        seen.append((str(a.grad.dtype).rpartition(".")[2], a.grad.tolist()))
        records.append(seen)
    assert records[0] == records[1]


# -- errors ------------------------------


def test_errors() -> None:
    cases: list[tuple[Any, type[Exception], str]] = [
        (
            lambda: tp.autocast(tp.device("cpu")),
            SignatureError,
            "Expected `device_type` of type `str`, got: `<class 'tensorplug_dispatcher.storage.Device'>`; "
            "for instance autocast('cpu')",
        ),
        (
            lambda: tp.autocast("mirror:0"),
            UnknownDeviceError,
            "autocast takes a type of devices, not the one device 'mirror:0'; write 'mirror'",
        ),
        (
            lambda: tp.autocast("cpu", "bfloat16"),
            DTypeError,
            "autocast expects a dtype, not 'bfloat16'; for instance tensorplug.bfloat16",
        ),
        (
            lambda: tp.set_autocast_dtype("cpu", tp.int8),
            DTypeError,
            "autocast on cpu takes bfloat16, float16, not int8",
        ),
    ]
    for call, kind, message in cases:
        with pytest.raises(kind) as caught:
            call()
        assert str(caught.value) == message
    with pytest.raises(UnknownDeviceError, match="nowhere"):
        tp.autocast("nowhere")
    assert tp.amp.is_autocast_available("cpu") and not tp.amp.is_autocast_available("nowhere")


def test_a_dtype_that_is_not_wanted_switches_the_region_off() -> None:
    with pytest.warns(UserWarning) as caught:
        region = tp.autocast("cpu", tp.float64)
    assert str(caught[0].message) == (
        "In cpu autocast, but the target dtype float64 is not supported. Disabling autocast. cpu autocast "
        "only supports bfloat16, float16; give one of them as dtype"
    )
    with region:
        assert product() is tp.float32


def test_an_inactive_layer_is_not_in_the_chain() -> None:
    """What is called outside regions has the entries that it had before."""
    x = tp.ones(2, 2)
    x @ x
    before = set(F.matmul.entries)
    with tp.autocast("cpu"):
        x @ x
        x @ x
    added = set(F.matmul.entries) - before
    assert all(key & AUTOCAST for key in added)
    x @ x
    assert set(F.matmul.entries) - before == added


def test_moves_between_devices_cast_nothing() -> None:
    with tp.autocast("mirror", dtype=tp.bfloat16):
        x = tp.ones(2, 3).to("mirror")
        there = x @ x.t()
        back = x.cpu()
    assert (x.dtype, there.dtype, back.dtype) == (tp.float32, tp.bfloat16, tp.float32)
    assert str(back.device) == "cpu" and there.tolist() == [[3, 3], [3, 3]]
