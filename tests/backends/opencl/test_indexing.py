"""What the table's small samples do not show of reading and writing by indices: order, errors, sizes."""

from __future__ import annotations

from typing import Any

import pytest

import tensorplug as tp
from tensorplug_dispatcher.errors import IndexRangeError
from tensorplug_dispatcher.ops import F

DEVICE = "opencl:0"
pytestmark = pytest.mark.usefixtures("variant")


def ordered() -> bool:
    """Whether the device writes in the order of the indices, as the CPU does."""
    return bool(tp.device(DEVICE).runtime.opened(0).target.kind == "cpu")


def both(name: str, *args: Any) -> tuple[Any, Any]:
    """The CPU's result and the device's, twice."""

    def moved(x: Any) -> Any:
        return (
            [moved(a) for a in x] if isinstance(x, list) else x.to(DEVICE) if isinstance(x, tp.Tensor) else x
        )

    op = getattr(F, name)
    expected = op(*args)
    first, second = (op(*map(moved, args)).cpu() for _ in range(2))
    if ordered():
        assert first.tolist() == second.tolist(), "the same bits each time"
    return expected, first


def agree(name: str, *args: Any) -> None:
    expected, found = both(name, *args)
    if ordered() or not expected.dtype.is_floating_point:
        assert found.tolist() == expected.tolist()
    else:
        assert tp.allclose(found.double(), expected.double(), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    "dtype", [tp.float32, tp.float16, tp.bfloat16, tp.int64, tp.int32, tp.int8, tp.uint8, tp.bool]
)
def test_sums_at_places_named_often(dtype: Any) -> None:
    index = tp.randint(0, 7, (20_000,))
    values = (tp.rand(20_000) * 3).to(dtype)
    agree("scatter_add", tp.zeros(7, dtype=dtype), 0, index, values)
    agree("index_add", tp.ones(5, 7, dtype=dtype), 1, index[:300], values[:1500].reshape(5, 300))
    agree("index_put", tp.ones(9, 7, dtype=dtype), [index[:900] - 9 + 2, index[:900] - 7], values[:900], True)


@pytest.mark.parametrize("width", [1, 5, 64, 300])
def test_rows(width: int) -> None:
    table, index = tp.rand(100, width), tp.randint(0, 100, (40, 30))
    agree("embedding", table, index)
    agree("embedding_backward", tp.rand(40, 30, width), index, 100, 3)
    agree("index_select", table, 0, index.view(-1)[::7].int())
    agree("index_select", table.t(), 1, index.view(-1)[::7])


def test_every_element_has_an_index() -> None:
    x, index = tp.rand(60, 50, 3), tp.randint(0, 50, (60, 70, 3))
    agree("gather", x, 1, index)
    agree("scatter_add", x, 1, index, tp.rand(60, 70, 3))
    agree("scatter_add", x.transpose(0, 1), 0, index.transpose(0, 1), tp.rand(70, 60, 3))
    agree("gather", x[:1].expand(60, 50, 3), 1, index[:, :, :1].expand(60, 70, 3))
    agree("scatter_add", tp.zeros(7, 3000), 0, tp.randint(0, 7, (50, 3000)), tp.rand(50, 3000))


def test_indices_that_are_broadcast() -> None:
    """Their places have dimensions that no step of memory joins."""
    down, across = tp.randint(0, 6, (40, 1)), tp.randint(0, 5, (30,))
    agree("index_put", tp.zeros(6, 5, 4), [down, across], tp.rand(40, 30, 4), True)
    agree("index", tp.rand(6, 5, 4), [down, across])


def test_the_last_of_several_stays() -> None:
    if not ordered():
        pytest.skip("a GPU does not say which of several writers is last")
    index = tp.randint(0, 50, (4_000,))
    agree("scatter", tp.zeros(50), 0, index, tp.rand(4_000))
    agree("index_copy", tp.zeros(50, 17), 0, index, tp.rand(4_000, 17))
    agree("index_put", tp.zeros(50, 17), [index], tp.rand(4_000, 17), False)


def test_sums_of_halves_do_not_stop_growing() -> None:
    ones = tp.ones(4096, dtype=tp.float16, device=DEVICE)
    index = tp.zeros(4096, dtype=tp.int64, device=DEVICE)
    total = F.scatter_add(tp.zeros(1, dtype=tp.float16, device=DEVICE), 0, index, ones)
    assert total.cpu().tolist() == [4096], "float16 alone stays at 2048"


@pytest.mark.parametrize("bad", [5, -1, 2**40])
def test_a_place_that_does_not_exist(bad: int) -> None:
    x = tp.arange(5, dtype=tp.float32, device=DEVICE)
    index = tp.tensor([1, bad, 3], device=DEVICE)
    for name, result in (
        ("gather", lambda: F.gather(x, 0, index)),
        ("scatter_add", lambda: F.scatter_add(x, 0, index, x[:3])),
        ("embedding", lambda: F.embedding(x.view(5, 1), index)),
    ):
        found = result()
        with pytest.raises(IndexRangeError) as caught:
            found.cpu()
        assert str(caught.value) == (
            f"index out of range on opencl:0 in one of: {name}; check the indices' minimum and maximum. The "
            f"device found it after the call had returned"
        )
    assert F.gather(x, 0, index[::2]).cpu().tolist() == [1, 3], "the device goes on"


def test_losses_of_classes() -> None:
    logp, target = tp.randn(30, 7, 11), tp.randint(0, 7, (30, 11))
    weight = tp.rand(7)
    target[3] = -100
    on = [x.to(DEVICE) for x in (logp, target, weight)]
    for expected, found in zip(
        F.nll_loss_forward(logp, target, weight, -100), F.nll_loss_forward(*on, -100), strict=True
    ):
        assert found.cpu().tolist() == expected.tolist()
    expected = F.nll_loss_backward(logp[:, 0], target, weight, 7, -100)
    assert F.nll_loss_backward(on[0][:, 0], on[1], on[2], 7, -100).cpu().tolist() == expected.tolist()


@pytest.mark.parametrize("dtype", [tp.float16, tp.bfloat16, tp.int8, tp.float32, tp.float64])
@pytest.mark.parametrize("name", ["scatter_add", "index_add", "index_put", "embedding_backward"])
def test_sums_into_a_strided_result(name: str, dtype: Any) -> None:
    """What is summed in wider memory finds its places there, whatever the result's strides are."""
    if name == "embedding_backward" and not dtype.is_floating_point:
        pytest.skip("gradients are floating")
    places = tp.tensor([3, 0, 3, 5, 1], device=DEVICE)
    x, rows = (tp.ones(n, 8, dtype=dtype, device=DEVICE) for n in (6, 5))
    args: dict[str, tuple[Any, ...]] = {
        "scatter_add": (x, 0, places.reshape(5, 1).expand(5, 8), rows),
        "index_add": (x, 0, places, rows),
        "index_put": (x, [places], rows, True),
        "embedding_backward": (rows, places, 6, -1),
    }
    base = tp.full((6, 80), 7, dtype=dtype, device=DEVICE)
    out = base[:, 3:75:9]
    getattr(F, name)(*args[name], out=out)
    begun = 0 if name == "embedding_backward" else 1
    due = [[begun + n] * 8 for n in (1, 1, 0, 2, 0, 1)]
    assert out.tolist() == due
    out.fill_(7)
    assert (base == 7).all().item(), "what lies between was written over"
