"""Memory that is replaced and never written: every kind of layout, against NumPy's strides."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tensorplug_arrays.flat import FlatAdapter, FlatBuffer, FlatHandle, reach
from tensorplug_dispatcher import dtypes
from tensorplug_dispatcher.layout import dense, strided


class Frozen(FlatAdapter):
    """NumPy whose arrays are never written."""

    def convert_bits(self, buffer: FlatBuffer, array: Any, dtype: Any) -> Any:
        missing = -array.nbytes % dtype.itemsize
        whole = np.concatenate([array.view(np.uint8), np.zeros(missing, np.uint8)])
        found = whole.view(self.dtype(dtype))
        found.flags.writeable = False
        return found

    def put(self, x: Any, places: Any, values: Any, add: bool) -> Any:
        found = x.copy()
        found[places] = values
        return found


LIBRARY = Frozen(np, tuple(d for d in dtypes.ALL if d is not dtypes.bfloat16))


@st.composite
def layouts(draw: st.DrawFn) -> Any:
    """Permutations, gaps, repeats, overlapping rows, backwards, empty."""
    ndim = draw(st.integers(0, 4))
    shape = tuple(draw(st.integers(0 if draw(st.integers(0, 9)) == 0 else 1, 4)) for _ in range(ndim))
    strides = [0] * ndim
    step = 1
    for d in draw(st.permutations(range(ndim))):
        strides[d] = step * draw(st.sampled_from((1, 1, 1, -1)))
        step = max(step * shape[d], 1) + draw(st.sampled_from((0, 0, 1, 5)))
        kind = draw(st.integers(0, 9))
        if kind == 0:
            strides[d] = 0
        elif kind == 1:
            step = draw(st.integers(1, 3))
    return strided(shape, strides, dtypes.int32)


def seen(memory: Any, handle: FlatHandle) -> Any:
    layout = handle.layout
    strides = [4 * s for s in layout.strides]
    return np.ndarray(tuple(layout.shape), np.int32, memory, 4 * handle.first, strides)


def handle_of(layout: Any, first: int) -> tuple[Any, FlatHandle]:
    count = 2 * first + reach(layout)[1] + 3
    memory = np.arange(100, 100 + count, dtype=np.int32)
    buffer = FlatBuffer(0, memory.nbytes)
    buffer.array = memory.copy()
    return memory, FlatHandle(buffer, layout, first + reach(layout)[0])


@settings(max_examples=300, deadline=None)
@given(layouts(), st.integers(0, 3))
def test_reading(layout: Any, first: int) -> None:
    memory, handle = handle_of(layout, first)
    assert np.array_equal(LIBRARY.read(handle), seen(memory, handle))


@settings(max_examples=300, deadline=None)
@given(layouts(), st.integers(0, 3))
def test_writing(layout: Any, first: int) -> None:
    memory, handle = handle_of(layout, first)
    if np.unique(places := seen(np.arange(memory.size, dtype=np.int32), handle)).size != places.size:
        return  # no output's elements overlap
    before = handle.buffer.array
    kept = before.copy()
    value = np.arange(-1, -1 - layout.numel, -1, dtype=np.int32).reshape(tuple(layout.shape))
    LIBRARY.write(handle, value)
    seen(memory, handle)[...] = value
    assert np.array_equal(LIBRARY.flat(handle), memory[: len(LIBRARY.flat(handle))])
    assert np.array_equal(LIBRARY.read(handle), value)
    assert np.array_equal(before, kept), "the old array is as it was"


def test_fresh_memory_takes_what_is_written_first() -> None:
    buffer = FlatBuffer(0, 512)
    value = np.arange(6, dtype=np.int32).reshape(2, 3)
    LIBRARY.write(FlatHandle(buffer, dense((2, 3), dtypes.int32), 0), value)
    assert buffer.array.size == 6  # no more than that
    LIBRARY.write(FlatHandle(buffer, dense((2,), dtypes.int32), 100), value[0, :2])
    assert LIBRARY.read(FlatHandle(buffer, dense((3,), dtypes.int32), 99)).tolist() == [0, 0, 1]
    assert LIBRARY.read(FlatHandle(buffer, dense((6,), dtypes.int32), 0)).tolist() == [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize("dtype", [dtypes.uint8, dtypes.int64, dtypes.float16])
def test_bytes_are_the_same_in_another_dtype(dtype: Any) -> None:
    buffer = FlatBuffer(0, 24)
    LIBRARY.write(FlatHandle(buffer, dense((5,), dtypes.int32), 0), np.arange(5, dtype=np.int32))
    count = 24 // dtype.itemsize
    found = LIBRARY.read(FlatHandle(buffer, dense((count,), dtype), 0))
    assert found.tobytes() == np.array([0, 1, 2, 3, 4, 0], np.int32).tobytes()
