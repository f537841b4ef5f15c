"""JAX's devices: memory that is replaced, programs that are kept, errors that come out of programs."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from typing import Any

import jax
import pytest
from op_on_device import compare, paths, refusals

import tensorplug as tp
from tensorplug_dispatcher.errors import IndexRangeError, OutOfMemoryError
from tensorplug_dispatcher.ops import OPS, F

DEVICE = "jax:0"
# What is defined for JAX alone, or for arrays without expressions. Samples of expressions have subnormal
# numbers, which XLA takes as zeros; the conformance kit knows of that.
DEFINED = [name for name, op in OPS.items() if op.tier < 4 and not op.is_view and not op.elementwise]
OWN = ["softmax", "log_softmax", "logsumexp", "conv", "conv_input_grad"]


@pytest.fixture(autouse=True)
def plugin(examples: None) -> Iterator[None]:
    yield
    gc.collect()
    tp.devices.unload("jax", move_to="cpu")


def programs() -> Any:
    """The adapter's programs, by what they are for."""
    from tensorplug_jax.library import LIBRARY

    return LIBRARY.programs


@pytest.mark.slow
@pytest.mark.parametrize("name", [*DEFINED, *OWN])
def test_same_as_the_cpu(name: str) -> None:
    """Values, dtypes, shapes, strides and refusals of all samples, by the device alone."""
    before = paths(name, DEVICE)
    problems = compare(name, DEVICE) + refusals(name, DEVICE)
    ran = paths(name, DEVICE) - before
    if name != "to_device" and not set(ran) <= {"native", "decomposed" if name in OWN else "native"}:
        problems.append(f"ran {dict(ran)}, not native alone")
    assert not problems, "\n".join(problems)


def test_a_step_of_training_is_that_of_the_host() -> None:
    def losses(device: str) -> list[float]:
        tp.manual_seed(0)
        model = tp.nn.Sequential(tp.nn.Linear(4, 8), tp.nn.ReLU(), tp.nn.Linear(8, 3)).to(device)
        optimizer = tp.optim.AdamW(model.parameters(), lr=0.01)
        x, target = tp.randn(8, 4, device=device), tp.randint(0, 3, (8,), device=device)
        found = []
        for step in range(4):
            for group in optimizer.param_groups:
                group["lr"] = 0.01 / (1 + step)
            optimizer.zero_grad()
            loss = tp.nn.functional.cross_entropy(model(x), target)
            loss.backward()
            optimizer.step()
            found.append(loss.item())
            counts.append(len(programs()) if device == DEVICE else 0)
        return found

    counts: list[int] = []
    tp.devices.reset_report()
    assert tp.ones(1, device=DEVICE).item() == 1
    there = losses(DEVICE)
    assert "host" not in {path for _, kind, path, _, _ in tp.devices.report() if kind == "jax"}
    assert there == pytest.approx(losses("cpu"), rel=1e-5)
    assert len(set(counts[1:4])) == 1, "steps with other numbers compile nothing"


def test_views_are_written_through() -> None:
    base = tp.arange(12.0, device=DEVICE).reshape(3, 4)
    rows, column = base[1:], base[:, 2]
    rows[:, ::2] = -1
    column.add_(10)
    base.t()[3].mul_(2)
    assert base.tolist() == [[0, 1, 12, 6], [-1, 5, 9, 14], [-1, 9, 9, 22]]
    assert column.tolist() == [12, 9, 9] and rows[1, 3].item() == 22


def test_bytes_are_seen_in_another_dtype() -> None:
    x = tp.tensor([1.0, -2.0], device=DEVICE)
    assert x.view(tp.int32).tolist() == [0x3F800000, -0x40000000]
    assert x.view(tp.uint8).tolist() == [0, 0, 128, 63, 0, 0, 0, 192]
    x.view(tp.int32)[0] = 0x40400000
    assert x.tolist() == [3.0, -2.0]


def test_places_of_views_are_arguments_of_a_program() -> None:
    x = tp.arange(32.0, device=DEVICE)
    assert x[0:4].sum().item() == 6
    before = len(programs())
    assert [x[i : i + 4].sum().item() for i in (4, 5, 12)] == [22, 26, 54]
    assert len(programs()) == before


def test_errors_of_data_come_out_of_programs() -> None:
    x = tp.arange(6.0, device=DEVICE).reshape(2, 3)
    with pytest.raises(IndexRangeError) as caught:
        F.gather(x, 1, tp.tensor([[0, 3], [-2, 1]], device=DEVICE))
    assert str(caught.value) == (
        "index out of range in gather: the indices lie in [-2, 3], the dimension has 3 places; check the "
        "indices' minimum and maximum"
    )
    whole = tp.tensor([1, 2], device=DEVICE)
    with pytest.raises(ZeroDivisionError, match="floor_divide divided an integer by zero"):
        whole.floor_divide_(tp.tensor([1, 0], device=DEVICE))
    assert whole.tolist() == [1, 2], "nothing was written"


def test_sixty_four_bits_without_the_switch_of_the_process() -> None:
    big = tp.tensor([2**53 + 1], device=DEVICE)
    assert (big + 1).tolist() == [2**53 + 2]
    assert tp.tensor([1.0], dtype=tp.float64, device=DEVICE).div(3).item() == 1 / 3
    assert not jax.config.jax_enable_x64 and jax.numpy.ones(1).dtype == jax.numpy.float32


def test_the_last_write_to_a_place_stays() -> None:
    index = tp.tensor([1] * 500 + [0, 1], device=DEVICE)
    assert tp.zeros(3, device=DEVICE).scatter(0, index, tp.arange(502.0, device=DEVICE)).tolist() == [
        500,
        501,
        0,
    ]


def test_random_numbers_are_those_of_the_host() -> None:
    found = []
    for device in ("cpu", DEVICE):
        tp.manual_seed(2**63 + 5)
        found.append(tp.rand(7, device=device).tolist())
    assert found[0] == found[1]


def test_memory_that_there_is_not() -> None:
    with pytest.raises(OutOfMemoryError, match=f"device '{DEVICE}' is out of memory"):
        tp.empty(1 << 48, device=DEVICE)
    assert tp.ones(2, device=DEVICE).tolist() == [1, 1]


def test_moves_and_back() -> None:
    weight = tp.randn(3, 4)
    rows, before = weight[1:], weight.tolist()
    for device in (DEVICE, "mirror:1", DEVICE, "cpu"):
        tp.migrate(weight, device)
        assert str(rows.device).startswith(device) and weight.tolist() == before
