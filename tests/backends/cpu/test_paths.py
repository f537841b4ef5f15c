"""Paths through the C kernels that no size of a sample decides: results past the caches, indices of 32 bits
and of other strides. Each gives what the usual path gives, bit for bit.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import guarded
import numpy as np
import pytest
from test_sizes import arguments

import tensorplug as tp
from tensorplug_cpu import elementwise, movement, normalization, softmax
from tensorplug_dispatcher import dtypes, epoch
from tensorplug_dispatcher.ops import OPS, F

STREAMED = (
    "add",
    "copy",
    "fill",
    "layer_norm",
    "layer_norm_backward",
    "rms_norm",
    "group_norm",
    "batch_norm_train",
)
STREAMED += ("batch_norm_eval", "batch_norm_backward", "softmax", "log_softmax", "softmax_backward")
STREAMED += ("log_softmax_backward",)


@pytest.fixture
def streaming(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A function after whose call every result is written past the caches, however small."""

    def begin() -> None:
        for module in (elementwise, movement, normalization, softmax):
            monkeypatch.setattr(module, "STREAM_BYTES", 1)
        epoch.invalidate()

    yield begin
    monkeypatch.undo()
    epoch.invalidate()


@pytest.mark.parametrize("name", STREAMED)
def test_results_past_the_caches(name: str, streaming: Any) -> None:
    op = OPS[name]
    assert op.samples is not None and op.sizes is not None
    large = [i for m in ("line", "elements", "pixels") if m in op.sizes for i in op.sizes[m](1025)]
    cases = [(item, dtype) for item in (*op.samples(), *large) for dtype in dtypes.FLOATS]
    found = [(arguments(item, dtype, 7), item, dtype) for item, dtype in cases]
    usual = [[guarded.bits(r) for r in guarded.run(getattr(F, name), *args)] for args, _, _ in found]
    streaming()
    for (args, item, dtype), before in zip(found, usual, strict=True):
        for one, two in zip(before, guarded.run(getattr(F, name), *args), strict=True):
            assert np.array_equal(one, guarded.bits(two)), f"{item} {dtype.name}"


INDEXED = ("gather", "scatter", "scatter_add", "index_select", "index_add", "index_copy", "embedding")
INDEXED += ("embedding_backward", "nll_loss_forward", "nll_loss_backward", "index", "index_put")


def changed(args: Any, how: Any) -> Any:
    """Arguments whose indices are given in another way."""
    if isinstance(args, list):
        return [changed(a, how) for a in args]
    return how(args) if hasattr(args, "dtype") and args.dtype is tp.int64 else args


def apart(index: Any) -> Any:
    """The same indices with others between them."""
    if not index.ndim:
        return index
    room = tp.full((*index.shape[:-1], 3 * index.shape[-1]), 1 << 40, dtype=index.dtype)
    room[..., 1::3] = index
    return room[..., 1::3]


@pytest.mark.parametrize("name", [n for n in INDEXED if n in OPS])
def test_indices_of_32_bits_and_of_other_strides(name: str) -> None:
    op = OPS[name]
    assert op.samples is not None and op.sizes is not None
    for item in (*op.samples(), *op.sizes["indices"](1025)):
        args = arguments(item, dtypes.float32, 3)
        usual = [guarded.bits(r) for r in guarded.run(getattr(F, name), *args)]
        for how in (
            apart,
            lambda index: index.to(tp.int32),
            lambda index: apart(index.to(tp.int64)).to(tp.int32),
        ):
            for one, two in zip(usual, guarded.run(getattr(F, name), *changed(args, how)), strict=True):
                assert np.array_equal(one, guarded.bits(two)), str(item)
