"""Pooling over one to three dimensions, and the cotangents; what has fewer is led by dimensions of size 1.

On a processor a work-item has a row of results and folds their windows tap by tap, so that it vectorizes; on
a GPU a lane has one result. Equal values do not replace an earlier one, NaN replaces all. Cotangents of means
are gathered, those of maxima written through the places that the forward pass kept.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

from tensorplug_dispatcher import dtypes
from tensorplug_dispatcher.dtypes import DType
from tensorplug_dispatcher.layout import Layout, dense
from tensorplug_dispatcher.thresholds import Threshold

from ..dialect import TYPES, Target, literal
from ..program import Argument, Constant, Launch, Memory, Program
from .elementwise import compute_dtype
from .indexing import ADD, Access, Index, write
from .storage import fill_launch

ROW: Final = 256  # results that are folded together
LANES: Final = 256

_NAMES: Final = tuple(f"{kind}{axis}" for kind in "iokspd" for axis in "zyx")

_FUNCTIONS = """
FUNCTION i64 ceiling(i64 a, i64 b) { return a > 0 ? (a + b - 1) / b : -(-a / b); }
/* the elements [first, last) that result number o sees along a dimension, `step` apart */
FUNCTION void window(i64 o, i64 size, i64 results, i64 taps, i64 stride, i64 padding, i64 step,
                     i64 adaptive, i64 *first, i64 *last) {
    if (adaptive) {
        *first = o * size / results;
        *last = ceiling((o + 1) * size, results);
        return;
    }
    i64 from = o * stride - padding, end = from + (taps - 1) * step + 1;
    *last = end < size ? end : size;
    *first = from < 0 ? from + ceiling(-from, step) * step : from;
}
/* how many elements the mean of result number o counts along a dimension */
FUNCTION i64 counted(i64 o, i64 size, i64 results, i64 taps, i64 stride, i64 padding, i64 adaptive,
                     i64 with_padding) {
    i64 first, last;
    if (adaptive || !with_padding) {
        window(o, size, results, taps, stride, padding, 1, adaptive, &first, &last);
        return last > first ? last - first : 0;
    }
    first = o * stride - padding;
    last = first + taps < size + padding ? first + taps : size + padding;
    return last - first;
}
"""

# one result: its window after another
_ONE = """
        i64 z0, z1, y0, y1, x0, x1;
        window(qz, iz, oz, kz, sz, pz, dz, adaptive, &z0, &z1);
        window(qy, iy, oy, ky, sy, py, dy, adaptive, &y0, &y1);
        window(qx, ix, ox, kx, sx, px, dx, adaptive, &x0, &x1);
        {begin}
        for (i64 z = z0; z < z1; z += dz)
            for (i64 y = y0; y < y1; y += dy)
                for (i64 x = x0; x < x1; x += dx) {{
                    const i64 at = (z * iy + y) * ix + x;
                    const {T} v = LOAD_{D}(m, m_first + plane * iz * iy * ix + at);
                    {fold}
                }}
        {store}
"""
_MAX = (
    "{T} best = {lowest}; i64 place = -1;",
    "if (v > best || v != v || place < 0) {{ best = v; place = at; }}",
    "STORE_{D}(o, o_first + result, best); places[places_first + result] = place;",
)
_MEAN = (
    "{T} sum = 0;",
    "sum += v;",
    "STORE_{D}(o, o_first + result, sum / ({T})count);",
)
_COUNT = """
        const i64 count = divisor ? divisor : counted(qz, iz, oz, kz, sz, pz, adaptive, with_padding)
            * counted(qy, iy, oy, ky, sy, py, adaptive, with_padding)
            * counted(qx, ix, ox, kx, sx, px, adaptive, with_padding);
"""

# a row of results on a processor, tap by tap
_ROWS = """
    const i64 row = GROUP(0), qy = row % oy, qz = row / oy % oz, plane = row / oy / oz;
    i64 z0, z1, y0, y1;
    window(qz, iz, oz, kz, sz, pz, dz, 0, &z0, &z1);
    window(qy, iy, oy, ky, sy, py, dy, 0, &y0, &y1);
    {outer}
    for (i64 q0 = 0; q0 < ox; q0 += {ROW}) {{
        const i64 n = ox - q0 < {ROW} ? ox - q0 : {ROW};
        {begin}
        for (i64 z = z0; z < z1; z += dz)
            for (i64 y = y0; y < y1; y += dy)
                for (i64 tap = 0; tap < kx; tap++) {{
                    const i64 shift = q0 * sx + tap * dx - px;
                    const i64 lowest = ceiling(-shift, sx), highest = ceiling(ix - shift, sx);
                    const i64 low = lowest > 0 ? lowest : 0, high = highest < n ? highest : n;
                    const i64 line = (z * iy + y) * ix + shift, from = m_first + plane * iz * iy * ix + line;
                    if (sx == 1) {{
                        VECTORS({V})
                        for (i64 l = low; l < high; l++) {{
                            const {T} v = LOAD_{D}(m, from + l);
                            {fold}
                        }}
                    }} else {{
                        VECTORS({V})
                        for (i64 l = low; l < high; l++) {{
                            const {T} v = LOAD_{D}(m, from + l * sx);
                            {fold}
                        }}
                    }}
                }}
        VECTORS({V})
        for (i64 l = 0; l < n; l++) {{
            const i64 qx = q0 + l, result = row * ox + qx;
            {store}
        }}
    }}
"""
# every window of a row is full, or counts as if it were
_OUTER = """
    const i64 outer = counted(qz, iz, oz, kz, sz, pz, 0, with_padding)
        * counted(qy, iy, oy, ky, sy, py, 0, with_padding);
    const int even = (ox - 1) * sx + kx <= ix + 2 * px && (px == 0 || with_padding);
"""
_MAX_ROW = (
    "{T} best[{ROW}]; {I} place[{ROW}]; for (i64 l = 0; l < n; l++) {{ best[l] = {lowest}; place[l] = -1; }}",
    "const int take = (v > best[l]) | (v != v) | (place[l] < 0); best[l] = take ? v : best[l]; "
    "place[l] = take ? ({I})(line + l * sx) : place[l];",
    "STORE_{D}(o, o_first + result, best[l]); places[places_first + result] = place[l];",
)
_MEAN_ROW = (
    "{T} sum[{ROW}]; for (i64 l = 0; l < n; l++) sum[l] = 0;",
    "sum[l] += v;",
    "const i64 own = even ? kx : counted(qx, ix, ox, kx, sx, px, 0, with_padding); "
    "STORE_{D}(o, o_first + result, sum[l] / ({T})(divisor ? divisor : outer * own));",
)


def _three(values: Sequence[int], lead: int = 1) -> list[int]:
    return [lead] * (3 - len(values)) + list(values)


def _numbers(inside: Sequence[int], outside: Sequence[int], attrs: Mapping[str, Any], dims: int) -> list[int]:
    """The kernels' numbers, named ``_NAMES`` and what follows them."""
    kernel = attrs.get("kernel_size", ())
    return [
        *_three(inside[len(inside) - dims :]),
        *_three(outside[len(outside) - dims :]),
        *_three(kernel),
        *_three(attrs.get("stride", ())),
        *_three(attrs.get("padding", ()), 0),
        *_three(attrs.get("dilation", ())),
        int(not kernel),
        int(attrs.get("count_include_pad", True)),
        attrs.get("divisor_override") or 0,
    ]


def _parameters(pointers: Sequence[str]) -> str:
    names = (*_NAMES, "adaptive", "with_padding", "divisor", "total")
    return ", ".join([*pointers, *(f"const i64 {n}" for n in names)])


def _taken(target: Target, dtype: DType, layouts: Sequence[Layout | None]) -> bool:
    if dtype not in dtypes.FLOATS or not target.takes(dtype):
        return False
    return all(x is not None and x.dense and x.dtype in (dtype, dtypes.int64) for x in layouts)


def build_forward(
    target: Target,
    name: str,
    outs: tuple[Layout, ...],
    ins: tuple[Layout | None, ...],
    attrs: Mapping[str, Any],
    given: frozenset[int],
) -> Program | None:
    """``max_pool(input, ...) -> out, indices``, ``avg_pool(input, ...)`` and
    ``adaptive_*_pool(input, output_size)``.
    """
    source, out = ins[0], outs[0]
    dtype = out.dtype
    if source is None or given or not _taken(target, dtype, (*outs, source)):
        return None
    if out.numel == 0:
        return Program(())
    dims = len(attrs.get("kernel_size") or attrs["output_size"])
    if dims > 3 or source.numel == 0:
        return None
    largest, adaptive = "max" in name, not attrs.get("kernel_size")
    numbers = _numbers(source.shape, out.shape, attrs, dims)
    rows = target.wide and not adaptive
    number, wide = TYPES[dtype.name], compute_dtype(dtype)
    index = "i64" if wide is dtypes.float64 or math.prod(numbers[:3]) >= 1 << 31 else "i32"
    names = {
        "T": TYPES[wide.name],
        "D": dtype.name,
        "I": index,
        "ROW": ROW,
        "V": 64 // wide.itemsize,
        "lowest": literal(-math.inf, wide),
        "outer": "" if largest else _OUTER,
    }
    parts = (_MAX_ROW if largest else _MEAN_ROW) if rows else (_MAX if largest else _MEAN)
    begin, fold, store = (text.format(**names) for text in parts)
    body = (_ROWS if rows else _ONE).format(begin=begin, fold=fold, store=store, **names)
    lanes, total = 1, out.numel
    if rows:
        groups = total // out.shape[-1]
    else:
        lanes = 1 if target.wide else min(LANES, target.max_lanes)
        each = 64 if target.wide else lanes
        groups = -(-total // each)
        body = ("" if largest else _COUNT) + body
        place = (
            "const i64 qx = result % ox, qy = result / ox % oy, qz = result / ox / oy % oz;"
            "const i64 plane = result / ox / oy / oz;"
        )
        if target.wide:
            body = (
                f"const i64 past = (GROUP(0) + 1) * {each}, end = past < total ? past : total;"
                f"for (i64 result = GROUP(0) * {each}; result < end; result++) {{ {place} {body} }}\n"
            )
        else:
            body = (
                "const i64 result = GROUP(0) * LANES(0) + LANE(0);"
                f"if (result >= total) return; {place} {body}"
            )
    pointers = [f"GLOBAL {number} *RESTRICT o, const i64 o_first"]
    arguments: list[Argument] = [Memory(0)]
    if largest:
        pointers.append("GLOBAL i64 *RESTRICT places, const i64 places_first")
        arguments.append(Memory(1))
    pointers.append(f"GLOBAL const {number} *RESTRICT m, const i64 m_first")
    arguments.append(Memory(len(outs)))
    arguments += [Constant(n, dtypes.int64) for n in (*numbers, total)]
    kernel = f"{'max' if largest else 'mean'}_windows_{dtype.name}"
    source_text = f"{_FUNCTIONS}KERNEL void {kernel}({_parameters(pointers)}) {{\n{body}}}\n"
    return Program((Launch(source_text, kernel, tuple(arguments), (groups,), (lanes,)),))


# one point of the input: the windows that see it
_SPREAD = """
        const i64 x = point % ix, y = point / ix % iy, z = point / ix / iy % iz, plane = point / ix / iy / iz;
        const i64 z0 = ceiling(z + pz - kz + 1, sz), z1 = (z + pz) / sz + 1;
        const i64 y0 = ceiling(y + py - ky + 1, sy), y1 = (y + py) / sy + 1;
        const i64 x0 = ceiling(x + px - kx + 1, sx), x1 = (x + px) / sx + 1;
        {T} sum = 0;
        for (i64 qz = z0 > 0 ? z0 : 0; qz < z1 && qz < oz; qz++)
            for (i64 qy = y0 > 0 ? y0 : 0; qy < y1 && qy < oy; qy++) {{
                const i64 outer = divisor ? 0 : counted(qz, iz, oz, kz, sz, pz, 0, with_padding)
                    * counted(qy, iy, oy, ky, sy, py, 0, with_padding);
                for (i64 qx = x0 > 0 ? x0 : 0; qx < x1 && qx < ox; qx++) {{
                    const i64 count = divisor ? divisor
                        : outer * counted(qx, ix, ox, kx, sx, px, 0, with_padding);
                    sum += LOAD_{D}(g, g_first + ((plane * oz + qz) * oy + qy) * ox + qx) / ({T})count;
                }}
            }}
        STORE_{D}(o, o_first + point, sum);
"""
# a row of the input on a processor: the shares of the results above it, added tap by tap
_SPREAD_ROW = """
    const i64 row = GROUP(0), y = row % iy, z = row / iy % iz, plane = row / iy / iz;
    const i64 z0 = ceiling(z + pz - kz + 1, sz), z1 = (z + pz) / sz + 1;
    const i64 y0 = ceiling(y + py - ky + 1, sy), y1 = (y + py) / sy + 1;
    const int even = (ox - 1) * sx + kx <= ix + 2 * px && (px == 0 || with_padding);
    for (i64 x0 = 0; x0 < ix; x0 += {ROW}) {{
        const i64 n = ix - x0 < {ROW} ? ix - x0 : {ROW};
        {T} sum[{ROW}], share[{ROW}];
        for (i64 l = 0; l < n; l++) sum[l] = 0;
        for (i64 qz = z0 > 0 ? z0 : 0; qz < z1 && qz < oz; qz++)
            for (i64 qy = y0 > 0 ? y0 : 0; qy < y1 && qy < oy; qy++) {{
                const i64 outer = counted(qz, iz, oz, kz, sz, pz, 0, with_padding)
                    * counted(qy, iy, oy, ky, sy, py, 0, with_padding);
                const i64 line = g_first + ((plane * oz + qz) * oy + qy) * ox;
                for (i64 tap = 0; tap < kx; tap++) {{
                    const i64 lowest = ceiling(x0 + px - tap, sx), highest = ceiling(x0 + n + px - tap, sx);
                    const i64 low = lowest > 0 ? lowest : 0, high = highest < ox ? highest : ox;
                    const i64 to = low * sx + tap - px - x0;
                    if (even) {{
                        const {T} count = ({T})(divisor ? divisor : outer * kx);
                        VECTORS({V})
                        for (i64 q = low; q < high; q++) share[q - low] = LOAD_{D}(g, line + q) / count;
                    }} else {{
                        for (i64 q = low; q < high; q++) {{
                            const i64 own = counted(q, ix, ox, kx, sx, px, 0, with_padding);
                            share[q - low] = LOAD_{D}(g, line + q) / ({T})(divisor ? divisor : outer * own);
                        }}
                    }}
                    if (sx == 1) {{
                        VECTORS({V})
                        for (i64 q = 0; q < high - low; q++) sum[to + q] += share[q];
                    }} else {{
                        for (i64 q = 0; q < high - low; q++) sum[to + q * sx] += share[q];
                    }}
                }}
            }}
        VECTORS({V})
        for (i64 l = 0; l < n; l++) STORE_{D}(o, o_first + row * ix + x0 + l, sum[l]);
    }}
"""


def build_mean_backward(
    target: Target,
    name: str,
    outs: tuple[Layout, ...],
    ins: tuple[Layout | None, ...],
    attrs: Mapping[str, Any],
    given: frozenset[int],
) -> Program | None:
    """``avg_pool_backward(grad_output, input_shape, ...)``: a point sums over the windows that see it."""
    grad, out = ins[0], outs[0]
    dtype = out.dtype
    if grad is None or given or not _taken(target, dtype, (out, grad)):
        return None
    if out.numel == 0:
        return Program(())
    if len(attrs["kernel_size"]) > 3:
        return None
    numbers = _numbers(out.shape, grad.shape, attrs, len(attrs["kernel_size"]))
    number = TYPES[dtype.name]
    wide = compute_dtype(dtype)
    names = {"T": TYPES[wide.name], "D": dtype.name, "ROW": ROW, "V": 64 // wide.itemsize}
    body = (_SPREAD_ROW if target.wide else _SPREAD).format(**names)
    lanes = 1 if target.wide else min(LANES, target.max_lanes)
    groups = out.numel // out.shape[-1] if target.wide else -(-out.numel // lanes)
    if not target.wide:
        body = f"    const i64 point = GROUP(0) * LANES(0) + LANE(0); if (point >= total) return;{body}"
    pointers = [
        f"GLOBAL {number} *RESTRICT o, const i64 o_first",
        f"GLOBAL const {number} *RESTRICT g, const i64 g_first",
    ]
    kernel = f"mean_windows_backward_{dtype.name}"
    source = f"{_FUNCTIONS}KERNEL void {kernel}({_parameters(pointers)}) {{\n{body}}}\n"
    sizes = [Constant(n, dtypes.int64) for n in (*numbers, out.numel)]
    launch = Launch(source, kernel, (Memory(0), Memory(1), *sizes), (groups,), (lanes,))
    return Program((launch,))


def build_max_backward(
    target: Target,
    name: str,
    outs: tuple[Layout, ...],
    ins: tuple[Layout | None, ...],
    attrs: Mapping[str, Any],
    given: frozenset[int],
) -> Program | None:
    """``max_pool_backward(grad_output, indices, input_shape)``: added up at the places."""
    grad, places = ins
    out = outs[0]
    if grad is None or places is None or given or not _taken(target, out.dtype, (out, grad, places)):
        return None
    if out.numel == 0:
        return Program(())
    if grad.numel == 0:
        cleared = fill_launch(target, out, 0, Constant(0, compute_dtype(out.dtype)))
        return None if cleared is None else Program((cleared,))
    planes = math.prod(out.shape[:2])
    points, seen = out.numel // planes, grad.numel // planes
    access = Access(
        ADD,
        out.dtype,
        (planes, seen),
        0,
        (points, 0),
        1,
        (seen, 1),
        (Index(2, places.dtype, (seen, 1), points, 1),),
    )
    return write(target, access, dense((planes, points), out.dtype), None, 0, 3)


BUILDERS: Final = {
    **dict.fromkeys(("max_pool", "avg_pool"), build_forward),
    "max_pool_backward": build_max_backward,
    "avg_pool_backward": build_mean_backward,
    "adaptive_max_pool": build_forward,
    "adaptive_avg_pool": build_forward,
}

_OF_WINDOWS: Final = (
    Threshold("pixels", ROW, "results that are folded together", every=True),
    Threshold("pixels", LANES, "lanes of a work-group", every=True),
)
THRESHOLDS: Final = dict.fromkeys(BUILDERS, _OF_WINDOWS)
