"""Copy, cast and fill: any strides to any strides."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from tensorplug_dispatcher import dtypes
from tensorplug_dispatcher.dtypes import DType
from tensorplug_dispatcher.layout import Layout

from ..dialect import TYPES, Target
from ..program import Launch, Memory, Program, Value
from .elementwise import compute_dtype
from .walk import walk

_UNITS: Final = {1: "u8", 2: "u16", 4: "u32", 8: "u64"}


def build_copy(
    target: Target,
    name: str,
    outs: tuple[Layout, ...],
    ins: tuple[Layout | None, ...],
    attrs: Mapping[str, Any],
    numbers: frozenset[int],
) -> Program | None:
    """``copy`` moves bits, whatever they mean; ``cast`` converts."""
    out, source = outs[0], ins[0]
    if source is None or not (target.takes(out.dtype) and target.takes(source.dtype)):
        return None
    steps = walk([out, source])
    if steps is None:
        return None
    if not steps.total:
        return Program(())
    if out.dtype is source.dtype:
        unit = _UNITS[out.itemsize]
        kernel, types = f"copy_{unit}_{steps.form}", (unit, unit)
        move = "o[o_first + i0] = p[p_first + i1];"
    else:
        kernel = f"cast_{source.dtype.name}_{out.dtype.name}_{steps.form}"
        types = (TYPES[out.dtype.name], TYPES[source.dtype.name])
        move = f"STORE_{out.dtype.name}(o, o_first + i0, {_converted(source.dtype, out.dtype)});"
    lines = "\n".join(
        f"    {line}" for line in steps.loop(target, max(out.itemsize, source.itemsize), [move])
    )
    text = (
        f"KERNEL void {kernel}(GLOBAL {types[0]} *RESTRICT o, const i64 o_first, "
        f"GLOBAL const {types[1]} *RESTRICT p, const i64 p_first, {steps.parameters()}) {{\n{lines}\n}}\n"
    )
    groups, lanes = steps.range(target)
    return Program((Launch(text, kernel, (Memory(0), Memory(1), *steps.arguments()), groups, lanes),))


def _converted(source: DType, out: DType) -> str:
    """The element converted: towards zero, then wrapped, as PyTorch does on a processor."""
    value = f"LOAD_{source.name}(p, p_first + i1)"
    if out is dtypes.bool_:
        return f"{value} != 0"
    if source.is_floating_point and not out.is_floating_point:
        return f"({TYPES[out.name]})(i64){value}" if out is not dtypes.int32 else f"(i32)(i64){value}"
    return f"({TYPES[compute_dtype(out).name]}){value}"


def build_fill(
    target: Target,
    name: str,
    outs: tuple[Layout, ...],
    ins: tuple[Layout | None, ...],
    attrs: Mapping[str, Any],
    numbers: frozenset[int],
) -> Program | None:
    out = outs[0]
    if not target.takes(out.dtype):
        return None
    steps = walk([out])
    if steps is None:
        return None
    if not steps.total:
        return Program(())
    dtype = compute_dtype(out.dtype)
    kernel = f"fill_{out.dtype.name}_{steps.form}"
    store = f"STORE_{out.dtype.name}(o, o_first + i0, value);"
    lines = "\n".join(f"    {line}" for line in steps.loop(target, out.itemsize, [store]))
    text = (
        f"KERNEL void {kernel}(GLOBAL {TYPES[out.dtype.name]} *o, const i64 o_first, "
        f"const {TYPES[dtype.name]} value, {steps.parameters()}) {{\n{lines}\n}}\n"
    )
    groups, lanes = steps.range(target)
    return Program((Launch(text, kernel, (Memory(0), Value(0, dtype), *steps.arguments()), groups, lanes),))


BUILDERS: Final = {"copy": build_copy, "cast": build_copy, "fill": build_fill}
