"""Kernels of the elementwise ops: which loop, and how the operands are walked.

Few contiguous elements go to the generated inner loop itself. All else goes to ``tp_elementwise`` (C), which
gets the collapsed index space: dimensions ordered by the output's strides, neighbours merged where that is
possible for all operands.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from typing import Any, Final

from tensorplug_codegen.indexing import collapse, is_linear
from tensorplug_codegen.names import compute_dtypes, loop_name, numbers
from tensorplug_dispatcher import dtypes
from tensorplug_dispatcher.dtypes import DType
from tensorplug_dispatcher.layout import Layout
from tensorplug_dispatcher.op import Op
from tensorplug_dispatcher.ops import activation, elementwise, optimizer

from . import native_library
from .parameters import ELEMENTWISE, ELEMENTWISE_OPERAND, LOOP
from .sizes import (
    ELEMENTWISE_BUFFER_BYTES,
    ELEMENTWISE_GRAIN,
    ELEMENTWISE_HEAVY_GRAIN,
    ELEMENTWISE_LINE,
    ELEMENTWISE_LONGEST_BLOCK,
    ELEMENTWISE_ROW,
    ELEMENTWISE_SHORTEST_BLOCK,
    MAX_DIMS,
    STREAM_BYTES,
)

Prepared = tuple[int, Sequence[int]]

OPS: Final[dict[str, Op]] = {op.name: op for op in (*elementwise.OPS, *activation.OPS, *optimizer.OPS)}
HALVES: Final = (dtypes.float16, dtypes.bfloat16)
LINEAR, ROW, CONSTANT, STREAMED = 1, 2, 4, 8  # shared with native/elementwise.c
CHEAP_TOLERANCES: Final = ("exact", "add")


def _stored_dtype(op: Op, ins: Sequence[Layout | None]) -> DType | None:
    """The dtype of the elements, None where the operands have no common one; a number beside halves may be
    float32, in which halves are computed.
    """
    tensors = [p.name for p in op.parameters if p.is_tensor]
    found: DType | None = None
    for name, layout in zip(tensors, ins, strict=True):
        if layout is None:
            return None
        if name == "condition":
            if layout.dtype is not dtypes.bool_:
                return None
        elif found is None:
            found = layout.dtype
        elif found is dtypes.float32 and layout.dtype in HALVES:
            found = layout.dtype
        elif found is not layout.dtype and not (found in HALVES and layout.dtype is dtypes.float32):
            return None
    return found


def _static_values(op: Op, attrs: Mapping[str, Any], dtype: DType) -> list[int] | None:
    """The numbers among the attributes as 64-bit integers, None where the dtype cannot hold one."""
    values = []
    static = {p.name: attrs[p.name] for p in op.parameters if p.name in attrs and not p.is_dynamic}
    for name in numbers(op, static):
        value = attrs[name]
        if dtype.is_floating_point:
            values.append(struct.unpack("<q", struct.pack("<d", value))[0])
        elif int(value) != value or not -(1 << 63) <= value < 1 << 63:
            return None
        else:
            values.append(int(value))
    return values


def prepare(
    name: str, outs: tuple[Layout, ...], ins: tuple[Layout | None, ...], attrs: Mapping[str, Any]
) -> Prepared | None:
    """The C function and its parameters for these layouts; see the contract of ``KERNELS``."""
    op = OPS[name]
    storage = _stored_dtype(op, ins)
    if storage is None:
        return None
    dtype = dtypes.float32 if storage in HALVES else storage
    if dtype not in compute_dtypes(op):
        return None
    wanted = dtypes.bool_ if op.promotion == "bool" else storage
    statics = _static_values(op, attrs, dtype)
    if statics is None or any(out.dtype is not wanted for out in outs):
        return None
    symbol = loop_name(
        op, {p.name: attrs[p.name] for p in op.parameters if p.name in attrs and not p.is_dynamic}, dtype
    )
    if not native_library.has(symbol):
        return None
    loop = native_library.address(symbol)
    dynamic = sum(p.is_dynamic for p in op.parameters)
    return walk(
        loop,
        [*outs, *(i for i in ins if i is not None)],
        len(outs),
        dynamic,
        statics,
        ELEMENTWISE_GRAIN if op.tolerance in CHEAP_TOLERANCES else ELEMENTWISE_HEAVY_GRAIN,
    )


def walk(
    loop: int,
    operands: Sequence[Layout],
    outputs: int,
    dynamic: int = 0,
    statics: Sequence[int] = (),
    grain: int = ELEMENTWISE_GRAIN,
) -> Prepared | None:
    """How an inner loop is run over these operands (outputs first, all of one shape)."""
    first = operands[0]
    total = first.numel
    if total == 0:
        return loop, LOOP(count=0, numbers=statics)
    sizes, strides = collapse(first.shape, [o.strides for o in operands])
    if len(sizes) > MAX_DIMS or any(o.shape != first.shape for o in operands):
        return None
    linear = [is_linear(sizes, s) for s in strides]
    if total <= grain and all(linear) and not any(o.dtype in HALVES for o in operands):
        return loop, LOOP(count=total, numbers=statics)
    return native_library.address("tp_elementwise"), _plan(
        loop, operands, outputs, dynamic, statics, sizes, strides, linear, total, grain
    )


def _plan(
    loop: int,
    operands: Sequence[Layout],
    outputs: int,
    dynamic: int,
    statics: Sequence[int],
    sizes: Sequence[int],
    strides: Sequence[Sequence[int]],
    linear: Sequence[bool],
    total: int,
    grain: int,
) -> list[int]:
    """The parameters of ``tp_elementwise``."""
    inner = sizes[-1]
    row_mode = inner >= ELEMENTWISE_ROW or len(sizes) == 1
    flags, buffered = [], 0
    for k, (operand, s) in enumerate(zip(operands, strides, strict=True)):
        half = operand.dtype in HALVES
        flag = (LINEAR if linear[k] else 0) | (ROW if s[-1] == 1 or inner == 1 else 0)
        if k >= outputs and not linear[k] and not any(s[:-1]) and (s[-1] == 0 or not row_mode):
            flag |= CONSTANT
        if k < outputs and linear[k] and operand.nbytes >= STREAM_BYTES and grain >= ELEMENTWISE_GRAIN:
            flag |= STREAMED
        if half or flag & STREAMED or not (linear[k] or (row_mode and flag & ROW)):
            buffered += 4 if half else operand.itemsize
        flags.append(flag)
    if buffered:
        longest = min(ELEMENTWISE_BUFFER_BYTES // buffered, ELEMENTWISE_LONGEST_BLOCK)
        block = max(longest // ELEMENTWISE_LINE * ELEMENTWISE_LINE, ELEMENTWISE_SHORTEST_BLOCK)
        if not row_mode:
            block = max(block // inner, 1) * inner
        grain = (grain + block - 1) // block * block
    else:
        block = total
    params = ELEMENTWISE(
        loop=loop,
        outputs=outputs,
        tensors=len(operands) - outputs,
        dynamic=dynamic,
        statics=len(statics),
        ndim=len(sizes),
        total=total,
        grain=grain,
        block=block,
        row_mode=int(row_mode),
        sizes=sizes,
    )
    for operand, s, flag in zip(operands, strides, flags, strict=True):
        params += ELEMENTWISE_OPERAND(
            flags=flag,
            code=operand.dtype.code,
            itemsize=operand.itemsize,
            strides=[stride * operand.itemsize for stride in s],
        )
    return [*params, *statics]


KERNELS: Final = dict.fromkeys(OPS, prepare)
