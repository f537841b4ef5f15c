"""Sizes beyond what int64 counts: refused with the sizes, whatever makes the tensor, on every device."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

import tensorplug as tp

HUGE = 1 << 62


@pytest.mark.parametrize("device", ["cpu", "mirror:0"])
@pytest.mark.parametrize("make", ["empty", "zeros", "ones", "rand", "randn"])
@pytest.mark.parametrize(
    "shape", [(HUGE, 4), (HUGE,), (1 << 40, 1 << 40), (1 << 63,), (1 << 61,), (1 << 63, 0)]
)
def test_a_size_that_overflows(make: str, shape: tuple[int, ...], device: str) -> None:
    with pytest.raises(tp.ShapeError, match="Storage size calculation overflowed with sizes=") as caught:
        getattr(tp, make)(shape, device=device)
    assert str(list(shape)) in str(caught.value)


@pytest.mark.parametrize(
    "call",
    [
        lambda x: tp.full((HUGE, 4), 1),
        lambda x: tp.arange(HUGE),
        lambda x: tp.linspace(0, 1, HUGE),
        lambda x: x.expand(HUGE, 4),
        lambda x: x.repeat(HUGE),
        lambda x: x.new_zeros(HUGE, 4),
        lambda x: x.resize_(HUGE, 4),
        lambda x: tp.empty_strided((HUGE, 4), (4, 1)),
        lambda x: tp.empty_strided((3, 4), (HUGE, HUGE)),
        lambda x: tp.randperm(HUGE),
        lambda x: tp.nn.functional.pad(x, (0, HUGE)),
    ],
)
def test_calls_that_overflow(call: Any) -> None:
    with pytest.raises(tp.ShapeError, match="overflow"):
        call(tp.ones(1))


def test_nothing_is_huge_where_a_size_is_zero() -> None:
    assert tp.empty((HUGE, 0)).shape == (HUGE, 0) and tp.empty((1 << 40, 1 << 40, 0)).numel() == 0


def test_running_out_of_memory_says_one_thing() -> None:
    code = (
        "import tensorplug as tp\n"
        "for i in range(20):\n"
        "    try:\n        tp.zeros(1 << 45, device='mirror:0')\n"
        "    except tp.OutOfMemoryError:\n        pass\n"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stderr == ""
