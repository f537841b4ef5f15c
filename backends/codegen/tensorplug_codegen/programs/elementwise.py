"""Elementwise ops: the table's expressions as kernels, a lane an element."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, Final

from tensorplug_dispatcher import dtypes
from tensorplug_dispatcher.dtypes import DType
from tensorplug_dispatcher.layout import Layout
from tensorplug_dispatcher.op import Op
from tensorplug_dispatcher.ops import activation, elementwise, optimizer

from ..dialect import TYPES, Target, language
from ..elementwise import traced
from ..names import NUMBER, compute_dtypes, numbers, variant_suffix
from ..program import Argument, Constant, Launch, Memory, Number, Program, Status, Value
from ..render import Body
from .walk import ELEMENTS, RUNS, Strip, Walk, walk

OPS: Final[dict[str, Op]] = {op.name: op for op in (*elementwise.OPS, *activation.OPS, *optimizer.OPS)}
HALVES: Final = (dtypes.float16, dtypes.bfloat16)


def compute_dtype(storage: DType) -> DType:
    """The dtype of arithmetic on elements of this dtype."""
    return dtypes.float32 if storage in HALVES else storage


def number_dtype(target: Target, dtype: DType) -> DType:
    """The dtype in which numbers of a call come: what is computed from them alone is rounded once."""
    return dtypes.float64 if dtype.is_floating_point and target.float64 else dtype


def build(
    target: Target,
    name: str,
    outs: tuple[Layout, ...],
    ins: tuple[Layout | None, ...],
    attrs: Mapping[str, Any],
    given: frozenset[int],
) -> Program | None:
    op = OPS[name]
    tensors = [p for p in op.parameters if p.is_tensor]
    data = [g for p, g in zip(tensors, ins, strict=True) if g is not None and p.name != "condition"]
    if len(data) + sum(p.name == "condition" for p in tensors) != len(ins) or not data:
        return None
    storage = next((g.dtype for g in data if g.dtype in HALVES), data[0].dtype)
    dtype = compute_dtype(storage)
    wanted = dtypes.bool_ if op.promotion == "bool" else storage
    mixed = {g.dtype for g in data} - {storage}  # a number beside halves may be float32
    if mixed - {dtype} or any(o.dtype is not wanted for o in outs):
        return None
    if dtype not in compute_dtypes(op) or not target.takes(dtype):
        return None
    static = {p.name: attrs[p.name] for p in op.parameters if p.name in attrs and not p.is_dynamic}
    statics = [static[n] for n in numbers(op, static)]
    if not dtype.is_floating_point and any(int(v) != v or not -(1 << 63) <= v < 1 << 63 for v in statics):
        return None
    places = [k for k in range(len(ins)) if k not in given]
    steps = walk([*outs, *(layout for k in places if (layout := ins[k]) is not None)])
    if steps is None:
        return None
    attributes = tuple((k, NUMBER if k in numbers(op, static) else v) for k, v in static.items())
    names = tuple(sorted(given))
    stream = storage.itemsize >= 4 and steps.streams(target, len(outs), min(o.nbytes for o in outs))
    widened = tuple([k for k in places if mixed and (g := ins[k]) is not None and g.dtype in mixed])
    source, kernel, fallible = _kernel(
        target, name, attributes, storage, names, widened, steps.template(), stream
    )
    arguments: list[Argument] = [Memory(k) for k in range(len(outs))]
    arguments += [Memory(len(outs) + k) for k in places]
    arguments += [
        Number(len(outs) + k, dtypes.bool_ if tensors[k].name == "condition" else dtype) for k in names
    ]
    dynamic = sum(p.is_dynamic for p in op.parameters)
    number = number_dtype(target, dtype)
    arguments += [Value(i, number) for i in range(dynamic)]
    arguments += [Constant(v, number) for v in statics]
    arguments += [Status()] if fallible else []
    groups, lanes = steps.range(target, storage.itemsize)
    if not steps.total:
        return Program(())
    return Program((Launch(source, kernel, (*arguments, *steps.arguments()), groups, lanes),))


@cache
def _kernel(
    target: Target,
    name: str,
    static: tuple[tuple[str, Any], ...],
    storage: DType,
    given: tuple[int, ...],
    widened: tuple[int, ...],
    steps: Walk,
    stream: bool,
) -> tuple[str, str, bool]:
    """Source and name of the kernel, and whether it writes a status."""
    op, dtype, attributes = OPS[name], compute_dtype(storage), dict(static)
    roots = traced(op, attributes)
    lang = language(target)
    wide = TYPES[number_dtype(target, dtype).name]
    tensors = [p for p in op.parameters if p.is_tensor]
    leaves = {p.name: f"x{k}" for k, p in enumerate(tensors)}
    parameters, loads = [], []
    for i, root in enumerate(roots):
        stored = dtypes.bool_ if root.is_boolean else storage
        parameters.append(f"GLOBAL {TYPES[stored.name]} *RESTRICT o{i}, const i64 o{i}_first")
    place = len(roots)
    for k, p in enumerate(tensors):
        kind = dtypes.bool_ if p.name == "condition" else dtype if k in widened else storage
        if k in given:
            continue
        parameters.append(f"GLOBAL const {TYPES[kind.name]} *RESTRICT p{k}, const i64 p{k}_first")
        value = TYPES["bool" if p.name == "condition" else dtype.name]
        loads.append(f"const {value} x{k} = LOAD_{kind.name}(p{k}, p{k}_first + i{place});")
        place += 1
    for k in given:
        kind = dtypes.bool_ if tensors[k].name == "condition" else dtype
        parameters.append(f"const {TYPES[kind.name]} x{k}")
    for p in op.parameters:
        if p.is_dynamic:
            leaves[p.name] = p.name + "_"
            parameters.append(f"const {wide} {p.name}_")
    for number in numbers(op, attributes):
        leaves[number] = number + "_"
        parameters.append(f"const {wide} {number}_")

    def element(body: Body) -> list[str]:
        stores = []
        for i, (root, result) in enumerate(zip(roots, body.results, strict=True)):
            stored = dtypes.bool_ if root.is_boolean else storage
            to = f"t{i}, i - first" if stream else f"o{i}, o{i}_first + i{i}"
            stores.append(f"STORE_{stored.name}({to}, {result});")
        return [*loads, *checks, *body.lines, *stores]

    body = Body(lang, roots, dtype, leaves)
    checks = [f"if ({condition}) *status = {code};" for condition, code in body.checks]
    if checks:
        parameters.append("GLOBAL i32 *status")
    parameters.append(steps.parameters())
    strip = None
    if body.moderate:
        general = Body(lang, roots, dtype, leaves, general=True)
        strip = Strip(tuple(loads), " && ".join(body.moderate), tuple(element(general)))
    types = [TYPES["bool" if root.is_boolean else storage.name] for root in roots if stream]
    loop = steps.loop(target, dtype.itemsize, element(body), strip, stored=storage.itemsize, streamed=types)
    lines = [*body.once, *loop]
    kernel = (
        f"{name}{variant_suffix(op, attributes)}_{storage.name}_{steps.form}{'_streamed' if stream else ''}"
        f"{''.join(f'_wide{k}' for k in widened)}"
    )
    text = "\n".join(f"    {line}" for line in lines)
    return f"KERNEL void {kernel}({', '.join(parameters)}) {{\n{text}\n}}\n", kernel, bool(checks)


BUILDERS: Final = dict.fromkeys(OPS, build)

THRESHOLDS: Final = dict.fromkeys(OPS, (*ELEMENTS, *RUNS))
