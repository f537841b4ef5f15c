"""Normalization over layers, groups and batches, and the cotangents.

Layers and groups are rows: one kernel takes a row's statistics and writes its results, from a cache or from
registers. Channels of a batch are few and lie apart: their statistics are a reduction, which is cut into
parts; a second kernel makes of them the numbers of a channel, and a third is elementwise. Means are taken
first, and what their rounding left out is made good when the squares are summed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from tensorplug_dispatcher import dtypes
from tensorplug_dispatcher.dtypes import DType
from tensorplug_dispatcher.layout import Layout, dense, strided

from ..dialect import TYPES, Target
from ..program import Argument, Constant, Launch, Memory, Program
from . import reduction
from .reduction import PIECES
from .rows import Operand, along_rows, arithmetic, program, sums, thresholds_of_rows
from .rows_text import Fold, Work
from .walk import walk

_MEAN: Final = Fold((("sum", "x"),), (("guess", "@sum / count"),))
_MOMENTS: Final = Fold(
    (("rest", "x - @guess"), ("squares", "(x - @guess) * (x - @guess)")),
    (
        ("left", "@rest / count"),
        ("mean", "@guess + @rest / count"),
        ("variance", "(@squares - @rest * @rest / count) / count"),
        ("rstd", "1 / sqrt((@variance < 0 ? 0 : @variance) + eps)"),
    ),
)
_SQUARES: Final = Fold((("squares", "x * x"),), (("rstd", "1 / sqrt(@squares / count + eps)"),))
_NORMAL: Final = "(x - @guess - @left) * @rstd"  # more exact than with the mean, which is rounded
Layouts = tuple[Layout | None, ...]


def _takes(
    target: Target, source: Layout, operands: Sequence[Layout | None], numbers: frozenset[int]
) -> bool:
    """Whether all are there or may be absent, and computed with in the same precision as the input."""
    kind = arithmetic(source.dtype)
    if not kind.is_floating_point or not target.takes(kind) or numbers or not source.numel:
        return False
    return all(x is None or arithmetic(x.dtype) is kind for x in operands)


def _affine(value: str, weight: Layout | None, bias: Layout | None) -> str:
    return value + ("" if weight is None else " * w") + ("" if bias is None else " + b")


def _operand(name: str, layout: Layout, strides: Sequence[int], place: int) -> Operand:
    return Operand(name, layout.dtype, tuple(strides), place)


# -- rows ----------------------------------------------------------------------------------------------------


def build_layer(
    target: Target,
    name: str,
    outs: tuple[Layout, ...],
    ins: Layouts,
    attrs: Mapping[str, Any],
    numbers: frozenset[int],
) -> Program | None:
    """``layer_norm(input, normalized_shape, weight, bias, eps) -> out, mean, rstd`` and
    ``rms_norm(input, normalized_shape, weight, eps)``.
    """
    x, weight, bias = (*ins, None)[:3]
    if x is None or not _takes(target, x, (*ins, *outs), numbers):
        return None
    shape = tuple(attrs["normalized_shape"])
    lead, nothing = x.ndim - len(shape), (0,) * len(shape)
    operands = [_operand("x", x, x.strides, len(outs)), _operand("o", outs[0], outs[0].strides, 0)]
    for label, layout, place in (("w", weight, 1), ("b", bias, 2)):
        if layout is not None:
            operands.append(_operand(label, layout, (*(0,) * lead, *layout.strides), len(outs) + place))
    for place, layout in enumerate(outs[1:], 1):
        label = ("mean", "rstd")[place - 1]
        operands.append(_operand(label, layout, (*layout.strides[:lead], *nothing), place))
    centred = name == "layer_norm"
    value = _affine(_NORMAL if centred else "x * @rstd", weight, bias)
    work = Work(
        arithmetic(x.dtype),
        (_MEAN, _MOMENTS) if centred else (_SQUARES,),
        (("o", value),),
        (("mean", "@mean"), ("rstd", "@rstd")) if centred else (),
    )
    known = {"count": float(math.prod(shape)), "eps": attrs["eps"]}
    launch = program(target, work, operands, x.shape[:lead], shape, known)
    return None if launch is None else Program((launch,))


def build_group(
    target: Target,
    name: str,
    outs: tuple[Layout, ...],
    ins: Layouts,
    attrs: Mapping[str, Any],
    numbers: frozenset[int],
) -> Program | None:
    """``group_norm(input, num_groups, weight, bias, eps)``."""
    (out,), (x, weight, bias) = outs, ins
    if x is None or not _takes(target, x, (*ins, *outs), numbers):
        return None
    groups = attrs["num_groups"]
    each = x.shape[1] // groups
    operands = []
    for label, layout, place in (("x", x, 1), ("o", out, 0)):
        outer, channel, *inner = layout.strides
        operands.append(_operand(label, layout, (outer, channel * each, channel, *inner), place))
    for label, parameter, place in (("w", weight, 2), ("b", bias, 3)):
        if parameter is not None:
            (step,) = parameter.strides
            strides = (0, step * each, step, *(0 for _ in x.shape[2:]))
            operands.append(_operand(label, parameter, strides, place))
    value = _affine(_NORMAL, weight, bias)
    work = Work(arithmetic(x.dtype), (_MEAN, _MOMENTS), (("o", value),))
    row = (each, *x.shape[2:])
    known = {"count": float(math.prod(row)), "eps": attrs["eps"]}
    launch = program(target, work, operands, (x.shape[0], groups), row, known)
    return None if launch is None else Program((launch,))


def build_layer_backward(
    target: Target,
    name: str,
    outs: tuple[Layout, ...],
    ins: Layouts,
    attrs: Mapping[str, Any],
    numbers: frozenset[int],
) -> Program | None:
    """``layer_norm_backward(grad_output, input, mean, rstd, weight, normalized_shape) -> d_input, d_weight,
    d_bias``: the rows, and then the columns.
    """
    grad, x, mean, rstd, weight = ins
    if grad is None or x is None or mean is None or rstd is None:
        return None
    if not _takes(target, x, (*ins, *outs), numbers):
        return None
    shape = tuple(attrs["normalized_shape"])
    lead = x.ndim - len(shape)
    kept, kind = x.shape[:lead], arithmetic(x.dtype)
    operands = [_operand("x", x, x.strides, 4), _operand("g", grad, grad.strides, 3)]
    statistics = [
        _operand(label, layout, (*layout.strides[:lead], *(0 for _ in shape)), place)
        for label, layout, place in (("mean", mean, 5), ("rstd", rstd, 6))
    ]
    rows = [*operands, *statistics, _operand("o", outs[0], outs[0].strides, 0)]
    scaled = "g" if weight is None else "g * w"
    if weight is not None:
        rows.append(_operand("w", weight, (*(0 for _ in kept), *weight.strides), 7))
    fold = Fold(
        (("plain", scaled), ("centred", f"{scaled} * ((x - @mean) * @rstd)")),
        (("of_x", "-@rstd * @rstd * @centred / count"), ("shift", "-@rstd * @plain / count")),
    )
    value = f"{scaled} * @rstd + (x - @mean) * @of_x + @shift"
    work = Work(kind, (fold,), (("o", value),), givens=("mean", "rstd"))
    known = {"count": float(math.prod(shape))}
    results = [
        _operand(label, outs[place], (*outs[place].strides, *(0 for _ in kept)), place)
        for label, place in (("d_weight", 1), ("d_bias", 2))
    ]
    if target.wide and along_rows(target, rows, kept, shape):
        return _backward_in_one(target, work, rows, results, kept, shape, known)
    first = program(target, work, rows, kept, shape, known)
    columns = [
        replace(each, strides=(*each.strides[lead:], *each.strides[:lead]))
        for each in (*operands, *statistics)
    ]
    fold = Fold((("plain", "g"), ("centred", "g * ((x - mean) * rstd)")))
    work = Work(kind, (fold,), results=(("d_weight", "@centred"), ("d_bias", "@plain")))
    second = sums(target, work, [*columns, *results], shape, kept, {}, 8)
    if first is None or second is None:
        return None
    return Program((first, *second.launches), second.scratch)


def _backward_in_one(
    target: Target,
    work: Work,
    operands: Sequence[Operand],
    results: Sequence[Operand],
    kept: tuple[int, ...],
    row: tuple[int, ...],
    known: Mapping[str, float],
) -> Program | None:
    """Each work-item of a processor adds up its rows' part of d_weight and d_bias while it has them."""
    rows, count = math.prod(kept), math.prod(row)
    grain = max(8, min(1024, -(-rows // PIECES)))
    items = -(-rows // grain)
    nothing = tuple(0 for _ in kept)
    along = dense(row, work.type).strides
    parts = [Operand(n, work.type, (*nothing, *along), 8 + k) for k, n in enumerate(("weights", "biases"))]
    adding = replace(work, adds=(("weights", "g * ((x - @mean) * @rstd)"), ("biases", "g")))
    first = program(target, adding, [*operands, *parts], kept, row, known, grain=grain)
    joined = Work(
        work.type,
        (Fold((("plain", "biases"), ("centred", "weights"))),),
        results=(("d_weight", "@centred"), ("d_bias", "@plain")),
    )
    columns = [replace(each, strides=(*along, count)) for each in parts]
    columns += [replace(each, strides=(*each.strides[: len(row)], 0)) for each in results]
    second = program(target, joined, columns, row, (items,), {})
    if first is None or second is None:
        return None
    return Program((first, second), (items * count * work.type.itemsize,) * 2)


# -- channels ------------------------------------------------------------------------------------------------


def _channels(x: Layout, strides: tuple[int, ...] | None, dtype: DType) -> Layout:
    """One number a channel, laid out as if there were one an element of ``x``."""
    (step,) = (1,) if strides is None else strides
    return strided(x.shape, tuple(step if d == 1 else 0 for d in range(x.ndim)), dtype)


def _elementwise(
    target: Target,
    kind: DType,
    operands: Sequence[tuple[str, Layout, int]],
    stores: Sequence[tuple[str, str]],
    known: Mapping[str, float],
) -> Launch | None:
    """A kernel of elements; the operands that are stored come first."""
    steps = walk([layout for _, layout, _ in operands])
    if steps is None:
        return None
    type_, written = TYPES[kind.name], [layout for _, layout, _ in operands[: len(stores)]]
    streamed = all(each.dtype is kind for each in written)
    streamed = streamed and steps.streams(target, len(stores), min(each.nbytes for each in written))
    number = dtypes.float64 if target.float64 else kind
    lines, parameters, values = [], [], dict(stores)
    for k, (label, layout, _) in enumerate(operands):
        store = label in values
        parameters.append(
            f"GLOBAL {'' if store else 'const '}{TYPES[layout.dtype.name]} *RESTRICT o{k}, "
            f"const i64 o{k}_first"
        )
        if not store:
            lines.append(
                f"const {type_} {label} = ({type_})LOAD_{layout.dtype.name}(o{k}, o{k}_first + i{k});"
            )
    for k, (label, layout, _) in enumerate(operands[: len(stores)]):
        to = f"t{k}, i - first" if streamed else f"o{k}, o{k}_first + i{k}"
        lines.append(f"const {type_} {label} = ({type_})({values[label]});")
        lines.append(f"STORE_{layout.dtype.name}({to}, {label});")
    types = [type_ for _ in stores] if streamed else []
    loop = steps.loop(target, kind.itemsize, lines, stored=written[0].itemsize, streamed=types)
    parameters += [f"const {TYPES[number.name]} {label}" for label in known]
    body = "\n".join(f"    {line}" for line in loop)
    source = f"KERNEL void channels({', '.join([*parameters, steps.parameters()])}) {{\n{body}\n}}\n"
    arguments: list[Argument] = [Memory(place) for _, _, place in operands]
    arguments += [Constant(value, number) for value in known.values()]
    groups, lanes = steps.range(target, written[0].itemsize)
    return Launch(source, "channels", (*arguments, *steps.arguments()), groups, lanes)


def _scale(weight: Layout | None) -> str:
    return "1 / sqrt(variance + eps)" + ("" if weight is None else " * w")


def build_batch(
    target: Target,
    name: str,
    outs: tuple[Layout, ...],
    ins: Layouts,
    attrs: Mapping[str, Any],
    numbers: frozenset[int],
) -> Program | None:
    """``batch_norm_train(input, weight, bias, eps) -> out, mean, rstd`` and
    ``batch_norm_eval(input, mean, variance, weight, bias, eps)``.
    """
    training, out = name == "batch_norm_train", outs[0]
    x, weight, bias = ins[0], ins[-2], ins[-1]
    if x is None or not _takes(target, x, (*ins, *outs), numbers):
        return Program(()) if not out.numel and not training else None
    kind = arithmetic(x.dtype)
    one = dense((x.shape[1],), kind)
    scratch = len(outs) + len(ins)
    launches: list[Launch] = []
    more: tuple[int, ...] = ()
    known = {"eps": float(attrs["eps"])}
    scale = ("scale", one, scratch)
    parameter = [] if weight is None else [("w", weight, scratch - 2)]
    if training:
        dims = (0, *range(2, x.ndim))
        given = {"dim": dims, "correction": 0}
        statistics = reduction.build(target, "var_mean", (one, outs[1]), (x,), given, frozenset())
        if statistics is None:
            return None
        places = {0: scratch + 1, 1: 1, 2: len(outs), 3: scratch + 2}
        launches += [
            replace(
                launch,
                arguments=tuple(
                    Memory(places[a.place]) if isinstance(a, Memory) else a for a in launch.arguments
                ),
            )
            for launch in statistics.launches
        ]
        more = (one.nbytes, *statistics.scratch)
        mean: tuple[str, Layout, int] = ("mean", outs[1], 1)
        operands = [("rstd", outs[2], 2), scale, ("variance", one, scratch + 1), *parameter]
        stores = [
            ("rstd", "1 / sqrt(variance + eps)"),
            ("scale", "rstd" + ("" if weight is None else " * w")),
        ]
    else:
        _, middle, variance = ins[:3]
        if middle is None or variance is None:
            return None
        mean = ("mean", middle, 2)
        operands, stores = [scale, ("variance", variance, 3), *parameter], [("scale", _scale(weight))]
    made = [_elementwise(target, kind, operands, stores, known)]
    spread = [(n, _channels(x, each.strides, each.dtype), place) for n, each, place in (mean, scale)]
    if bias is not None:
        spread.append(("b", _channels(x, bias.strides, bias.dtype), scratch - 1))
    value = "(x - mean) * scale" + ("" if bias is None else " + b")
    made.append(_elementwise(target, kind, [("o", out, 0), ("x", x, len(outs)), *spread], [("o", value)], {}))
    launches += [launch for launch in made if launch is not None]
    return Program(tuple(launches), (one.nbytes, *more)) if None not in made else None


def build_batch_backward(
    target: Target,
    name: str,
    outs: tuple[Layout, ...],
    ins: Layouts,
    attrs: Mapping[str, Any],
    numbers: frozenset[int],
) -> Program | None:
    """``batch_norm_backward(grad_output, input, mean, rstd, weight) -> d_input, d_weight, d_bias``."""
    grad, x, mean, rstd, weight = ins
    if grad is None or x is None or mean is None or rstd is None:
        return None
    if not _takes(target, x, (*ins, *outs), numbers):
        return None
    kind, count = arithmetic(x.dtype), x.numel // x.shape[1]
    one = dense((x.shape[1],), kind)
    nothing = (0,) * (x.ndim - 1)

    def apart(label: str, layout: Layout, place: int) -> Operand:
        outer, channel, *inner = layout.strides
        return _operand(label, layout, (channel, outer, *inner), place)

    channel = [("mean", mean, 5), ("rstd", rstd, 6), *([] if weight is None else [("w", weight, 7)])]
    made = [("of_g", one, 8), ("of_x", one, 9), ("shift", one, 10)]
    results = [("d_weight", outs[1], 1), ("d_bias", outs[2], 2), *made]
    operands = [apart("x", x, 4), apart("g", grad, 3)]
    operands += [
        _operand(n, each, (*each.strides, *nothing), place) for n, each, place in (*channel, *results)
    ]
    scale = "@rstd" if weight is None else "@rstd * @w"
    work = Work(
        kind,
        (Fold((("plain", "g"), ("centred", "g * (x - @mean)"))),),
        results=(
            ("d_weight", "@centred * @rstd"),
            ("d_bias", "@plain"),
            ("of_g", scale),
            ("of_x", f"-{scale} * @rstd * @rstd * @centred / count"),
            ("shift", f"-{scale} * @plain / count"),
        ),
        givens=tuple(label for label, _, _ in channel),
    )
    row = (x.shape[0], *x.shape[2:])
    first = sums(target, work, operands, x.shape[1:2], row, {"count": float(count)}, 11)
    spread = [(n, _channels(x, each.strides, each.dtype), place) for n, each, place in (channel[0], *made)]
    last = _elementwise(
        target,
        kind,
        [("o", outs[0], 0), ("g", grad, 3), ("x", x, 4), *spread],
        [("o", "g * of_g + (x - mean) * of_x + shift")],
        {},
    )
    if first is None or last is None:
        return None
    return Program((*first.launches, last), (one.nbytes,) * 3 + first.scratch)


BUILDERS: Final = {
    "layer_norm": build_layer,
    "rms_norm": build_layer,
    "group_norm": build_group,
    "layer_norm_backward": build_layer_backward,
    "batch_norm_train": build_batch,
    "batch_norm_eval": build_batch,
    "batch_norm_backward": build_batch_backward,
}
THRESHOLDS: Final = thresholds_of_rows(BUILDERS)
