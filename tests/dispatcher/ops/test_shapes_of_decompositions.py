"""What an op says of its results' layouts is what its decomposition makes, on tensors that have no memory."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("torch")

import torch
from op_samples import torch_args

import tensorplug as tp
from tensorplug_dispatcher import dtypes
from tensorplug_dispatcher.devices.registry import device
from tensorplug_dispatcher.op import Op
from tensorplug_dispatcher.ops import OPS, F
from tensorplug_dispatcher.request import Request, derived
from tensorplug_dispatcher.signatures import normalize_attributes

NAMES = [n for n, op in OPS.items() if op.infer and op.decompose and not op.elementwise and not op.is_view]


def meta(value: Any) -> Any:
    if isinstance(value, torch.Tensor):
        return tp.empty(tuple(value.shape), dtype=getattr(tp, str(value.dtype)[6:]), device="meta")
    if isinstance(value, (tuple, list)) and value and isinstance(value[0], torch.Tensor):
        return tuple(map(meta, value))
    return value


def request(op: Op, args: tuple[Any, ...]) -> tuple[Request, tuple[Any, ...]] | None:
    positional = sum(not p.keyword_only for p in op.parameters)
    named = zip((p.name for p in op.parameters[positional:]), args[positional:], strict=False)
    try:
        bound = normalize_attributes(op, getattr(F, op.name).bind(args[:positional], dict(named)))
        return Request(op, device("meta"), bound, None), bound
    except tp.TensorplugError:  # this dtype is refused
        return None


@pytest.mark.parametrize("name", NAMES)
def test_results_have_the_layouts_of_the_decomposition(name: str) -> None:
    op, seen = OPS[name], 0
    assert op.samples is not None
    for sample in op.samples():
        for dtype in (dtypes.float32, dtypes.float16, dtypes.int32, dtypes.uint8, dtypes.bool_):
            try:
                args = tuple(map(meta, torch_args(sample.args, dtype, name)))
            except OverflowError:  # an infinity, as an integer
                continue
            made = request(op, args)
            if made is None or op.decompose(*made[1]) is NotImplemented:  # type: ignore[misc]
                continue
            assert derived(op, made[0].given) == made[0].outs, (sample, dtype)
            seen += 1
    assert seen
