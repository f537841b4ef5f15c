"""Tensors of more dimensions than a kernel has loops: copied, written, computed and reduced all the same."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tensorplug as tp
from tensorplug_dispatcher.errors import MissingKernelError
from tensorplug_dispatcher.ops import F
from tensorplug_faults.distributions import install_distributions

RANKS = (9, 17)  # beyond the loops of generated kernels, and of those for the CPU


def pair(rank: int, device: str) -> tuple[Any, Any]:
    """A permuted tensor, whose neighbouring dimensions cannot be joined, and the same of NumPy."""
    order = (*range(0, rank, 2), *range(1, rank, 2))
    shape = (2,) * rank
    return tp.arange(2**rank).to(device).view(shape).permute(order), np.arange(2**rank).reshape(
        shape
    ).transpose(order)


@pytest.fixture(params=["cpu", "mirror", "opencl:0"])
def device(request: Any, need: Any) -> str:
    name: str = request.param
    if name == "opencl:0":
        need("opencl")
    return name


@pytest.mark.parametrize("rank", RANKS)
def test_they_are_made_dense(rank: int, device: str) -> None:
    x, due = pair(rank, device)
    dense = x.contiguous()
    assert dense.is_contiguous()
    np.testing.assert_array_equal(dense.cpu().numpy(), due)


@pytest.mark.parametrize("rank", RANKS)
def test_they_are_written(rank: int, device: str) -> None:
    x, due = pair(rank, device)
    for dtype in (tp.int64, tp.float32):
        target = tp.zeros((2,) * rank, dtype=dtype, device=device).permute(*reversed(range(rank)))
        target.copy_(x)
        np.testing.assert_array_equal(target.cpu().numpy(), due)


@pytest.mark.parametrize("rank", RANKS)
def test_they_are_computed_and_reduced(rank: int, device: str) -> None:
    x, due = pair(rank, device)
    np.testing.assert_array_equal((x + x.contiguous()).cpu().numpy(), due + due)
    np.testing.assert_array_equal(x.sum((0, 3, 5)).cpu().numpy(), due.sum((0, 3, 5)))
    np.testing.assert_array_equal(tp.flip(x, (1,)).cpu().numpy(), due[:, ::-1])
    np.testing.assert_array_equal(x[0, :, 1].cpu().numpy(), due[0, :, 1])


NARROW = """
from tensorplug_conformance.reference import FUNCTIONS, ReferenceRuntime
from tensorplug_dispatcher import STRIDED, Kernel, dtypes

tensorplug_api = (1, 0)


def tensorplug_runtime():
    return ReferenceRuntime()


def tensorplug_kernels():
    return [Kernel("copy", FUNCTIONS["copy"], frozenset((dtypes.float32,)), STRIDED)]
"""


def test_slices_are_not_promised_where_none_would_be_copied() -> None:
    """A dtype that the device's copy does not take is missing at once, with the whole call's layout."""
    with install_distributions(
        {"tensorplug-narrow": {"narrow": "tensorplug_narrow"}}, {"tensorplug_narrow": NARROW}
    ):
        try:
            assert F.copy(tp.zeros((2, 3)).to("narrow").t()).shape == (3, 2)
            x = tp.zeros((2, 3), dtype=tp.int32).to("narrow").t()
            with pytest.raises(MissingKernelError, match=r"int32\[3, 2\].*does not take int32"):
                F.copy(x)
        finally:
            tp.devices.unload("narrow", move_to="cpu")
