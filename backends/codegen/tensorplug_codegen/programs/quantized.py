"""Quantized ops: levels and numbers, products of bytes summed in int32, weights of few bits.

On a processor a work-item has a row of results, or some of one, with a loop that vectorizes: sums of integers
may be reordered. On a GPU a lane has one result.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from tensorplug_dispatcher import dtypes
from tensorplug_dispatcher.layout import Layout
from tensorplug_dispatcher.ops import OPS
from tensorplug_dispatcher.thresholds import Threshold

from ..dialect import TYPES, Target
from ..program import Argument, Constant, Launch, Memory, Program

LANES: Final = 64
TOGETHER: Final = 16  # results of a work-item of a processor
CHUNK: Final = 4096  # elements of one
BYTES: Final = (dtypes.int8, dtypes.uint8)
MOST: Final = 65_000  # products of two bytes whose sum int32 holds

_LEVEL = """
FUNCTION i32 level_of(float v, float inverse, float point, float low, float high) {
    v = rint(v * inverse) + point;
    return (i32)(v < low ? low : v <= high ? v : high); /* NaN: the highest */
}
"""


def _program(
    target: Target,
    name: str,
    body: str,
    operands: Sequence[tuple[str, str, int]],
    numbers: Mapping[str, int],
    total: int,
    each: int,
) -> Program:
    """One launch: ``body`` works out result ``at`` of ``total``; a work-item of a processor has ``each``.

    ``operands``: (type, name, place); where the type begins with ``const`` it is read only.
    """
    parameters = [f"GLOBAL {kind} *RESTRICT {label}, const i64 {label}_first" for kind, label, _ in operands]
    parameters += [f"const i64 {n}" for n in (*numbers, "total")]
    arguments: list[Argument] = [Memory(place) for _, _, place in operands]
    arguments += [Constant(n, dtypes.int64) for n in (*numbers.values(), total)]
    if target.wide:
        lanes, groups = 1, -(-total // each)
        text = (
            f"    const i64 begin = GROUP(0) * {each}, past = begin + {each};\n"
            f"    const i64 end = past < total ? past : total;\n"
            f"    for (i64 at = begin; at < end; at++) {{\n{body}    }}\n"
        )
    else:
        lanes = min(LANES, target.max_lanes)
        groups = -(-total // lanes)
        text = f"    const i64 at = GROUP(0) * LANES(0) + LANE(0);\n    if (at >= total) return;\n{body}"
    source = f"{_LEVEL}KERNEL void {name}({', '.join(parameters)}) {{\n{text}}}\n"
    return Program((Launch(source, name, tuple(arguments), (groups,), (lanes,)),))


def _plain(*layouts: Layout | None) -> bool:
    return all(x is None or x.dense for x in layouts)


def _runs(x: Layout, scale: Layout) -> tuple[int, int] | None:
    """(neighbours that share a scale, scales); None where neighbours do not share one."""
    if scale.numel == 1:
        return max(x.numel, 1), 1
    inner, place = 1, x.ndim - 1
    while place >= 0 and scale.shape[place] == 1:
        inner *= x.shape[place]
        place -= 1
    if place < 0 or not scale.shape[place]:
        return None
    inner *= x.shape[place] // scale.shape[place]
    outer = tuple(scale.shape[:place])
    if outer != tuple(x.shape[:place]) and any(n != 1 for n in outer):
        return None
    return max(inner, 1), scale.numel


def build_levels(
    target: Target,
    name: str,
    outs: tuple[Layout, ...],
    ins: tuple[Layout | None, ...],
    attrs: Mapping[str, Any],
    given: frozenset[int],
) -> Program | None:
    """``quantize(input, scale, zero_point, ...)`` and ``dequantize`` between float32 and bytes."""
    x, scale, point = ins
    there = name == "quantize"
    numbers = x if there else outs[0]
    if given or x is None or scale is None or numbers is None or not _plain(*outs, *ins):
        return None
    if numbers.dtype is not dtypes.float32 or scale.dtype is not dtypes.float32:
        return None
    if not there and x.dtype not in BYTES:
        return None
    runs = _runs(x, scale)
    if runs is None:
        return None
    if x.numel == 0:
        return Program(())
    source, result = TYPES[x.dtype.name], TYPES[outs[0].dtype.name]
    operands = [(result, "o", 0), (f"const {source}", "x", 1), ("const float", "scale", 2)]
    zero = "0"
    if point is not None:
        operands.append(("const i32", "point", 3))
        zero = "point[point_first + run]"
    run = "        const i64 run = at / inner % runs;\n"
    if there:
        body = f"""{run}        o[o_first + at] = ({result})level_of(
            x[x_first + at], 1.0f / scale[scale_first + run], (float){zero}, (float)low, (float)high);
"""
        more = {"low": attrs["low"], "high": attrs["high"]}
    else:
        body = f"""{run}        o[o_first + at] = (float)((i32)x[x_first + at] - {zero})
            * scale[scale_first + run];
"""
        more = {}
    mark = f"{name}_{source}_{result}_{'affine' if point is not None else 'symmetric'}"
    return _program(target, mark, body, operands, {"inner": runs[0], "runs": runs[1], **more}, x.numel, CHUNK)


def _ends(
    outs: tuple[Layout, ...], ins: tuple[Layout | None, ...]
) -> tuple[list[tuple[str, str, int]], str, str, str] | None:
    """Of a product of bytes: operands, the input's zero point,
    the end of a result whose sum is ``sum`` of row
    ``row``, and a mark of all that; None for operands that are not taken.
    """
    x, weight, bias, scale, point, weight_scale, _, out_scale, out_point = ins
    if x is None or weight is None or scale is None or weight_scale is None or not _plain(*outs, *ins):
        return None
    if any(s is not None and s.dtype is not dtypes.float32 for s in (bias, scale, weight_scale, out_scale)):
        return None
    if outs[0].dtype is not dtypes.float32 and outs[0].dtype not in BYTES:
        return None
    if weight.numel > MOST * max(weight.shape[0], 1):
        return None
    result = TYPES[outs[0].dtype.name]
    operands = [
        (result, "o", 0),
        (f"const {TYPES[x.dtype.name]}", "x", 1),
        ("const i8", "w", 2),
        ("const float", "scale", 4),
        ("const float", "factor", 6),
    ]
    row = "row" if weight_scale.numel > 1 else "0"
    value = f"(float)sum * (factor[factor_first + {row}] * scale[scale_first])"
    mark = f"{TYPES[x.dtype.name]}_{result}_{'rows' if row == 'row' else 'one'}"
    if bias is not None:
        operands.append(("const float", "bias", 3))
        value += " + bias[bias_first + row]"
        mark += "_bias"
    zero = "0"
    if point is not None:
        operands.append(("const i32", "point", 5))
        zero = "point[point_first]"
        mark += "_affine"
    if out_scale is not None:
        operands.append(("const float", "step", 8))
        shift = "0.0f"
        if out_point is not None:
            operands.append(("const i32", "shift", 9))
            shift = "(float)shift[shift_first]"
            mark += "_shift"
        low, high = int(outs[0].dtype.min), int(outs[0].dtype.max)
        value = f"level_of({value}, 1.0f / step[step_first], {shift}, {low}.0f, {high}.0f)"
    return operands, zero, f"        o[o_first + at] = ({result})({value});\n", mark


def build_linear(
    target: Target,
    name: str,
    outs: tuple[Layout, ...],
    ins: tuple[Layout | None, ...],
    attrs: Mapping[str, Any],
    given: frozenset[int],
) -> Program | None:
    """``quantized_linear(input, weight, ...)``: inner products of rows."""
    ends = _ends(outs, ins)
    x, weight = ins[0], ins[1]
    if given or ends is None or x is None or weight is None:
        return None
    if outs[0].numel == 0:
        return Program(())
    operands, zero, end, mark = ends
    vectors = "        VECTORS(64)\n" if target.wide else ""
    body = f"""        const i64 row = at % rows;
        const i64 from = x_first + at / rows * depth, to = w_first + row * depth;
        const i32 zero = {zero};
        i32 sum = 0;
{vectors}        for (i64 k = 0; k < depth; k++) sum += ((i32)x[from + k] - zero) * (i32)w[to + k];
{end}"""
    sizes = {"rows": weight.shape[0], "depth": weight.shape[1]}
    return _program(target, f"bytes_linear_{mark}", body, operands, sizes, outs[0].numel, TOGETHER)


def build_conv2d(
    target: Target,
    name: str,
    outs: tuple[Layout, ...],
    ins: tuple[Layout | None, ...],
    attrs: Mapping[str, Any],
    given: frozenset[int],
) -> Program | None:
    """``quantized_conv2d(input, weight, ...)``: what lies outside the image
    is the zero point and adds nothing.
    """
    ends = _ends(outs, ins)
    x, weight = ins[0], ins[1]
    if given or ends is None or x is None or weight is None:
        return None
    if outs[0].numel == 0:
        return Program(())
    operands, zero, end, mark = ends
    body = f"""        const i64 qx = at % ow, qy = at / ow % oh;
        const i64 row = at / ow / oh % rows, image = at / ow / oh / rows;
        const i64 first = row / (rows / groups) * channels;
        const i64 y0 = qy * sh - ph, x0 = qx * sw - pw;
        const i32 zero = {zero};
        i32 sum = 0;
        for (i64 c = 0; c < channels; c++) {{
            const i64 plane = x_first + (image * channels * groups + first + c) * ih * iw;
            const i64 tap = w_first + (row * channels + c) * kh * kw;
            for (i64 y = 0; y < kh; y++) {{
                const i64 line = y0 + y * dh;
                if (line < 0 || line >= ih) continue;
                for (i64 z = 0; z < kw; z++) {{
                    const i64 place = x0 + z * dw;
                    if (place >= 0 && place < iw)
                        sum += ((i32)x[plane + line * iw + place] - zero) * (i32)w[tap + y * kw + z];
                }}
            }}
        }}
{end}"""
    names = ("ih", "iw", "kh", "kw", "oh", "ow", "sh", "sw", "ph", "pw", "dh", "dw")
    values = (*x.shape[2:], *weight.shape[2:], *outs[0].shape[2:], *attrs["stride"], *attrs["padding"])
    sizes = dict(zip(names, (*values, *attrs["dilation"]), strict=True))
    sizes |= {"rows": weight.shape[0], "channels": weight.shape[1], "groups": attrs["groups"]}
    return _program(target, f"bytes_conv2d_{mark}", body, operands, sizes, outs[0].numel, outs[0].shape[3])


def build_weight_only(
    target: Target,
    name: str,
    outs: tuple[Layout, ...],
    ins: tuple[Layout | None, ...],
    attrs: Mapping[str, Any],
    given: frozenset[int],
) -> Program | None:
    """``weight_only_linear(input, weight, scale, zero_point, bias, bits, signed)`` in float32."""
    x, weight, scale, point, bias = ins
    if given or x is None or weight is None or scale is None or not _plain(*outs, *ins):
        return None
    if any(t is not None and t.dtype is not dtypes.float32 for t in (x, scale, bias)):
        return None
    rows, depth = weight.shape[0], x.shape[-1]
    groups = scale.shape[1] if scale.ndim else 1
    per_row = scale.ndim == 2 and scale.shape[0] == rows
    if (scale.ndim and not per_row and scale.shape[0] != 1) or depth == 0:
        return None
    if outs[0].numel == 0:
        return Program(())
    stored = TYPES[weight.dtype.name]
    operands = [
        ("float", "o", 0),
        ("const float", "x", 1),
        (f"const {stored}", "w", 2),
        ("const float", "scale", 3),
    ]
    zero = "0.0f"
    if point is not None:
        operands.append(("const i32", "point", 4))
        zero = "(float)point[point_first + which]"
    end = "sum"
    if bias is not None:
        operands.append(("const float", "bias", 5))
        end = "sum + bias[bias_first + row]"
    level = "(i32)w[to + k]"
    if attrs["bits"] == 4:
        level = "((i32)w[to + k / 2] >> (k % 2 ? 4 : 0) & 15)"
        if attrs["signed"]:
            level = f"(({level} ^ 8) - 8)"
    body = f"""        const i64 row = at % rows;
        const i64 from = x_first + at / rows * depth, to = w_first + row * stored;
        float sum = 0;
        for (i64 g = 0; g < groups; g++) {{
            const i64 which = per_row * row * groups + g;
            const float zero = {zero};
            float part[8] = {{0, 0, 0, 0, 0, 0, 0, 0}};
            i64 k = g * group;
            for (; k + 8 <= (g + 1) * group; k += 8)
                for (int l = 0; l < 8; l++) {{
                    const i64 i = k + l;
                    part[l] += x[from + i] * ((float){level.replace("k", "i")} - zero);
                }}
            for (; k < (g + 1) * group; k++) part[0] += x[from + k] * ((float){level} - zero);
            sum += (((part[0] + part[1]) + (part[2] + part[3])) + ((part[4] + part[5]) + (part[6] + part[7])))
                * scale[scale_first + which];
        }}
        o[o_first + at] = {end};
"""
    sizes = {
        "rows": rows,
        "depth": depth,
        "stored": weight.shape[1],
        "groups": groups,
        "group": depth // groups,
        "per_row": int(per_row),
    }
    mark = f"few_bits_{attrs['bits']}_{stored}_{'s' if attrs['signed'] else 'u'}"
    mark += ("_affine" if point is not None else "") + ("_bias" if bias is not None else "")
    return _program(target, mark, body, operands, sizes, outs[0].numel, TOGETHER)


BUILDERS: Final = {
    "quantize": build_levels,
    "dequantize": build_levels,
    "quantized_linear": build_linear,
    "quantized_conv2d": build_conv2d,
    "weight_only_linear": build_weight_only,
}

_OF_ELEMENTS: Final = (
    Threshold("elements", CHUNK, "elements of a work-item", every=True),
    Threshold("elements", LANES, "lanes of a work-group", every=True),
    Threshold("columns", TOGETHER, "results of a work-item", every=True),
    Threshold("inner", MOST, "int32 holds the sum up to here"),
)
THRESHOLDS: Final = {
    op: tuple(one for one in _OF_ELEMENTS if one.measure in (OPS[op].sizes or {})) for op in BUILDERS
}
