"""Samples of the op table as tensors of the CPU, made without PyTorch."""

from __future__ import annotations

import math
from typing import Any

import tensorplug as tp
from tensorplug_dispatcher import dtypes
from tensorplug_dispatcher.op import Input


def with_tensors(args: Any, dtype: Any, seed: int) -> list[Any]:
    """``args`` of a sample with tensors in the place of its inputs; the numbers depend on ``seed`` alone."""

    def convert(arg: Any, place: int) -> Any:
        if isinstance(arg, (list, tuple)) and any(isinstance(a, Input) for a in arg):
            return [convert(a, place + 7 * i) for i, a in enumerate(arg)]
        if not isinstance(arg, Input):
            return arg
        chosen = dtypes.dtype_named(arg.dtype) if arg.dtype else dtype
        count = math.prod(arg.shape)
        if arg.values is not None:
            values = list(arg.values)
        else:
            steps = [((i * 37 + 11 * place) % 64) / 64 for i in range(count)]
            values = [arg.low + (arg.high - arg.low) * s for s in steps]
        if not chosen.is_floating_point:
            values = [int(v) if v == v and abs(v) < 2**62 else 0 for v in values]
        return (
            tp.tensor(values, dtype=tp.float64 if chosen.is_floating_point else tp.int64)
            .to(chosen)
            .reshape(arg.shape)
        )

    return [convert(arg, seed + i) for i, arg in enumerate(args)]


def invoke(function: Any, op: Any, args: list[Any]) -> list[Any]:
    """The results of an op for arguments in the schema's order."""
    positional = [a for p, a in zip(op.parameters, args) if not p.keyword_only]
    named = {p.name: a for p, a in zip(op.parameters, args) if p.keyword_only}
    result = function(*positional, **named)
    return list(result) if isinstance(result, (tuple, list)) else [result]
