"""Elementwise ops on as many elements as fill a work-group of several elements a lane, and one more or less:
the table's samples are all smaller.
"""

from __future__ import annotations

from typing import Any

import pytest

import tensorplug as tp

DEVICE = "simulated:0"
DTYPES = ("float32", "float16", "bfloat16", "float64", "int64", "int32", "uint8", "bool")

pytestmark = pytest.mark.usefixtures("simulated")


def numbers(count: int, dtype: str) -> Any:
    return (tp.arange(count) % 97).to(getattr(tp, dtype))


def same(got: Any, wanted: Any) -> bool:
    return got.dtype is wanted.dtype and bool((got.cpu() == wanted).all())


@pytest.mark.parametrize("dtype", DTYPES)
def test_whole_groups_and_what_is_left(dtype: str) -> None:
    group = 256 * min(16 // getattr(tp, dtype).itemsize, 8)
    for count in (
        group - 257,
        group - 256,
        group - 255,
        group - 1,
        group,
        group + 1,
        3 * group,
        3 * group + 1,
    ):
        x = numbers(count, dtype)
        y = x.to(DEVICE)
        assert same(y.clone(), x), "copy"
        assert same(y + y, x + x)
        assert same(y == 3, x == 3), "a result of another size"
        assert same(y.to(tp.float32), x.to(tp.float32)), "cast"
        assert same(tp.full((count,), 1, dtype=y.dtype, device=DEVICE), tp.ones(count, dtype=y.dtype))


@pytest.mark.parametrize("dtype", ["float32", "float16", "int64"])
def test_in_place_and_within_a_larger_tensor(dtype: str) -> None:
    x = numbers(5000, dtype)
    y = x.to(DEVICE)
    for t in (x, y):
        t[3:4099].mul_(2)
        t[4100:].add_(t[100:1000])
    assert y.cpu().tolist() == x.tolist()
