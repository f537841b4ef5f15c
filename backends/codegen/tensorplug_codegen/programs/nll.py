"""The negative log likelihood: of each row of a table, the entry that an index names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from tensorplug_dispatcher import dtypes
from tensorplug_dispatcher.layout import Layout, strided
from tensorplug_dispatcher.ops import OPS

from ..dialect import TYPES, Target
from ..program import Argument, Constant, Launch, Memory, Program, Status
from .elementwise import compute_dtype
from .indexing import INDEX_DTYPES, OF_INDICES, Layouts, report, reporting, taken
from .storage import fill_launch
from .walk import walk


def build_nll(
    target: Target,
    name: str,
    outs: tuple[Layout, ...],
    ins: Layouts,
    attrs: Mapping[str, Any],
    given: frozenset[int],
) -> Program | None:
    """``nll_loss_forward(logp, target, weight, ignore_index)`` and ``nll_loss_backward``."""
    first, classes, weight = ins
    out, backward = outs[0], name == "nll_loss_backward"
    dtype = out.dtype
    if first is None or classes is None or classes.dtype not in INDEX_DTYPES or given:
        return None
    if not taken(target, (first, *outs, *((weight,) if weight is not None else ())), dtype):
        return None
    per_class = out if backward else first  # [N, C, ...]; the others are [N, ...]
    rest = (per_class.strides[0], *per_class.strides[2:])
    chosen = strided(classes.shape, rest, dtype)
    others = [first] if backward else list(outs)
    steps = walk([*others, classes, chosen])
    if steps is None:
        return None
    launches = []
    places: list[Argument] = [Memory(k) for k in range(len(outs) + len(ins)) if k < len(outs) + 2]
    if backward and out.numel:
        cleared = fill_launch(target, out, 0, Constant(0, compute_dtype(dtype)))
        if cleared is None:
            return None
        launches.append(cleared)
    type_, arithmetic = TYPES[dtype.name], TYPES[compute_dtype(dtype).name]
    names = ("grad",) if backward else ("losses", "weights")
    target_at, chosen_at = (f"i{len(others)}", f"i{len(others) + 1}")
    given_weight = f"LOAD_{dtype.name}(weight, weight_first + t * weight_step)" if weight is not None else "1"
    lines = [
        f"const i64 t = target[target_first + {target_at}];",
        "const int ignored = t == ignore, good = (u64)t < (u64)classes;",
        report(target, "!ignored && !good"),
        f"const {arithmetic} w = (ignored || !good) ? 0 : {given_weight};",
    ]
    entry = f"table, table_first + {chosen_at} + t * step"
    if backward:
        value = f"-(LOAD_{dtype.name}(grad, grad_first + i0) * w)"
        lines.append(f"if (!ignored && good) STORE_{dtype.name}({entry}, {value});")
    else:
        value = f"-(LOAD_{dtype.name}({entry}) * w)"
        lines.append(f"STORE_{dtype.name}(losses, losses_first + i0, (ignored || !good) ? 0 : {value});")
        lines.append(f"STORE_{dtype.name}(weights, weights_first + i1, w);")
    const = "const " if backward else ""
    tables = "" if backward else "const "
    parameters = [f"GLOBAL {const}{type_} *{n}, const i64 {n}_first" for n in names]
    ordered = (
        [f"GLOBAL {tables}{type_} *table, const i64 table_first", *parameters]
        if backward
        else [*parameters, f"GLOBAL {tables}{type_} *table, const i64 table_first"]
    )
    ordered.append(f"GLOBAL const {TYPES[classes.dtype.name]} *target, const i64 target_first")
    numbers: list[Argument] = []
    if weight is not None:
        ordered.append(f"GLOBAL const {type_} *weight, const i64 weight_first, const i64 weight_step")
        places.append(Memory(len(outs) + 2))
        numbers.append(Constant(weight.strides[0], dtypes.int64))
    ordered.append("const i64 classes, const i64 step, const i64 ignore, GLOBAL i32 *status")
    known = (per_class.shape[1], per_class.strides[1], attrs["ignore_index"])
    numbers += [Constant(number, dtypes.int64) for number in known]
    kind = "q" if classes.dtype.itemsize == 8 else "i"
    kernel = f"{name}_{dtype.name}_{kind}{'' if weight is None else 'w'}_{steps.form}"
    body = "\n".join(reporting(target, steps.loop(target, dtype.itemsize, lines)))
    source = f"KERNEL void {kernel}({', '.join([*ordered, steps.parameters()])}) {{\n{body}\n}}\n"
    if steps.total:
        groups, lanes = steps.range(target)
        arguments = (*places, *numbers, Status(), *steps.arguments())
        launches.append(Launch(source, kernel, arguments, groups, lanes))
    return Program(tuple(launches))


BUILDERS: Final = dict.fromkeys(("nll_loss_forward", "nll_loss_backward"), build_nll)
THRESHOLDS: Final = {
    op: tuple(one for one in OF_INDICES if one.measure in (OPS[op].sizes or {})) for op in BUILDERS
}
