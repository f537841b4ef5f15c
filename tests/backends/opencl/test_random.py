"""The same seed gives the same numbers on every device, bit by bit."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

import tensorplug as tp
from tensorplug_dispatcher import ops

SIZES = (0, 1, 2, 3, 4, 7, 8, 1023, 40_001)
SEEDS = ((0, 0), (1234, 5), (2**63 - 1, 2**40 + 3), (-1, 2**32 - 2))
DEVICES = ("opencl:0", "mirror:0")
pytestmark = pytest.mark.usefixtures("variant")


@pytest.fixture(autouse=True)
def hosted() -> Iterator[None]:
    """The mirror borrows what it has no kernel for."""
    before = tp.devices.host_policy()
    tp.devices.set_host_policy("allow")
    yield
    tp.devices.set_host_policy(before)


def same(name: str, *args: Any, within: float = 0.0) -> None:
    draw = getattr(ops.F, name)
    expected = draw(*args, device=tp.device("cpu"))
    for device in DEVICES:
        found = draw(*args, device=tp.device(device)).cpu()
        assert found.dtype is expected.dtype
        if within:
            assert tp.allclose(found.double(), expected.double(), rtol=within, atol=within), (device, args)
        else:
            assert found.tolist() == expected.tolist(), (device, args)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("seed, offset", SEEDS)
def test_words_uniforms_and_masks_are_equal(size: int, seed: int, offset: int) -> None:
    for dtype in (tp.int32, tp.int64):
        same("random_bits", (size,), seed, offset, dtype)
    for dtype in (tp.float32, tp.float64, tp.float16, tp.bfloat16):
        same("rand", (size,), seed, offset, dtype)
    same("dropout_mask", (size,), 0.3, seed, offset)


@pytest.mark.parametrize("size", SIZES)
def test_whole_numbers_are_equal(size: int) -> None:
    for dtype in (tp.int64, tp.int32, tp.int16, tp.int8, tp.float32, tp.float64, tp.float16, tp.bfloat16):
        same("randint", -100, 101, (size,), 7, 3, dtype)
    same("randint", 0, 2, (size,), 7, 3, tp.bool)
    same("randint", 0, 256, (size,), 7, 3, tp.uint8)
    same("randint", -(2**62), 2**62 - 1, (size,), 7, 3, tp.int64)


@pytest.mark.parametrize("size", SIZES)
def test_normal_numbers_agree(size: int) -> None:
    for dtype, within in ((tp.float32, 2e-6), (tp.float64, 1e-14), (tp.float16, 1e-3), (tp.bfloat16, 1e-2)):
        same("randn", (size,), 7, 3, dtype, within=within)


def test_trials_are_equal() -> None:
    for dtype in (tp.float32, tp.float64, tp.float16):
        p = tp.rand(1025, dtype=dtype)
        for probabilities in (p, p.reshape(25, 41).t()):
            found = ops.F.bernoulli(probabilities.to("opencl:0"), 7, 3).cpu()
            assert found.tolist() == ops.F.bernoulli(probabilities, 7, 3).tolist()
