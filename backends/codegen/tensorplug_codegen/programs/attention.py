"""Scaled dot-product attention in one kernel: scores exist a tile at a time, and softmax goes on from tile
to tile with the largest score so far and the sum of exponentials, so that memory grows with the lengths, not
with their product. Source: T. Dao et al., FlashAttention (2022).

On a processor a work-item has some rows of the query; tiles of the keys and values are copied so that
products of vectors stay in registers. On a GPU a work-group has a tile of rows, and tiles go through local
memory.

A masked score counts as -inf. What a value that is not finite does to rows that may not see it is left open,
as in PyTorch: tiles that lie wholly beyond a causal row are not looked at.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from tensorplug_dispatcher import dtypes
from tensorplug_dispatcher.dtypes import DType
from tensorplug_dispatcher.layout import Layout
from tensorplug_dispatcher.thresholds import Threshold

from ..dialect import TYPES, Target
from ..indexing import collapse
from ..program import Argument, Constant, Launch, Memory, Program
from .elementwise import compute_dtype
from .rows_text import helpers
from .space import Index, space

ROWS: Final = 128  # of the query that a processor's work-item has
DOWN: Final = 8  # of them whose products are in registers at once
KEYS: Final = 64  # of a tile
STEP: Final = 16  # of the depth of a tile in local memory
WIDEST: Final = 256  # elements of a key or a value: tiles are private memory
VECTOR: Final = 64  # bytes
CAUSAL, ALLOWED, ADDED = "causal", "allowed", "added"  # what restricts the keys of a row


@dataclass(frozen=True, slots=True)
class Form:
    """Everything that shows in the source. ``widths`` are a key's and a value's elements, rounded up;
    ``units`` says of the operands q, k, v and o whether their elements lie side by side. ``across``: lanes of
    a group along each side of a tile.
    """

    dtype: DType
    mask: str
    mask_dtype: DType
    batch: Index
    widths: tuple[int, int]
    units: tuple[bool, ...]
    across: int

    @property
    def type(self) -> str:
        return TYPES[compute_dtype(self.dtype).name]

    @property
    def lowest(self) -> str:
        return f"-INF_{self.type[0].upper()}"

    def place(self, name: str, row: str, column: str) -> str:
        """Pointer and index of an element of a matrix."""
        k = "qkvom".index(name)
        step = "" if k < len(self.units) and self.units[k] else f" * {name}_column"
        return f"{name}_p, {name}_first + b{k} + ({row}) * {name}_row + ({column}){step}"

    def load(self, name: str, row: str, column: str) -> str:
        return f"({self.type})LOAD_{self.dtype.name}({self.place(name, row, column)})"

    def score(self, value: str, row: str, column: str, seen: str) -> str:
        """The score of a row and a key from their product; ``seen`` is set where a mask allows a key."""
        if self.mask == CAUSAL:
            return f"({column}) <= ({row}) ? {value} * scale : {self.lowest}"
        if self.mask == ADDED:
            given = f"LOAD_{self.mask_dtype.name}({self.place('m', row, column)})"
            return f"{value} * scale + ({self.type}){given}"
        if self.mask == ALLOWED:
            return f"LOAD_bool({self.place('m', row, column)}) ? ({seen}, {value} * scale) : {self.lowest}"
        return f"{value} * scale"


def build(
    target: Target,
    name: str,
    outs: tuple[Layout, ...],
    ins: tuple[Layout | None, ...],
    attrs: Mapping[str, Any],
    numbers: frozenset[int],
) -> Program | None:
    """``scaled_dot_product_attention(query, key, value, attn_mask, is_causal, scale)``."""
    (out,), (query, key, value, mask) = outs, ins
    if query is None or key is None or value is None or numbers or not target.takes(out.dtype):
        return None
    if any(x.dtype is not out.dtype for x in (query, key, value)):
        return None
    if not out.numel:
        return Program(())
    rows, depth, keys, width = *query.shape[-2:], *value.shape[-2:]
    if not keys or not depth or max(depth, width) > WIDEST:
        return None
    matrices = [query, key, value, out]
    kind = CAUSAL if attrs["is_causal"] else ""
    if mask is not None:
        if mask.dtype is not dtypes.bool_ and not (mask.dtype.is_floating_point and target.takes(mask.dtype)):
            return None
        kind = ALLOWED if mask.dtype is dtypes.bool_ else ADDED
    leads = [x.strides[:-2] for x in matrices]
    steps = [x.strides[-2:] for x in matrices]
    if mask is not None:
        full = (*out.shape[:-1], keys)
        missing = (0,) * (len(full) - mask.ndim)
        given = (0 if n == 1 else s for n, s in zip(mask.shape, mask.strides, strict=True))
        strides = (*missing, *given)
        leads.append(strides[:-2])
        steps.append(strides[-2:])
    batch = space("b", *collapse(out.shape[:-2], leads))
    if batch is None:
        return None
    dtype = compute_dtype(out.dtype)
    group = VECTOR // dtype.itemsize * 2
    widths = (-(-depth // group) * group, -(-width // group) * group)
    across = 16 if target.max_lanes >= 256 and dtype.itemsize == 4 else 8
    form = Form(
        out.dtype,
        kind,
        dtypes.bool_ if mask is None else mask.dtype,
        batch.index,
        widths,
        tuple(s[1] == 1 for s in steps[:4]),
        across,
    )
    tile = ROWS if target.wide else 4 * across
    if not target.wide and (_local_bytes(form) > target.local_bytes or target.max_lanes < across * across):
        return None
    scale = 1 / math.sqrt(depth) if attrs["scale"] is None else attrs["scale"]
    blocks = -(-rows // tile)
    arguments: list[Argument] = [Memory(place) for place in (1, 2, 3, 0, *((4,) if mask is not None else ()))]
    arguments.append(Constant(scale, dtype))
    sizes = (rows, keys, depth, width, blocks, *(s for pair in steps for s in pair))
    arguments += [Constant(n, dtypes.int64) for n in sizes]
    arguments += batch.arguments()
    lanes = 1 if target.wide else across * across
    source, title = _kernel(form, target.wide)
    groups = out.numel // (rows * width) * blocks
    return Program((Launch(source, title, tuple(arguments), (groups,), (lanes,)),))


@cache
def _kernel(form: Form, wide: bool) -> tuple[str, str]:
    """Source and name."""
    names = "qkvo" + ("m" if form.mask in (ALLOWED, ADDED) else "")
    parameters = []
    for name in names:
        stored = form.mask_dtype if name == "m" else form.dtype
        const = "" if name == "o" else "const "
        parameters.append(f"GLOBAL {const}{TYPES[stored.name]} *RESTRICT {name}_p, const i64 {name}_first")
    parameters.append(f"const {form.type} scale")
    parameters += [f"const i64 {n}" for n in ("rows", "keys", "depth", "width", "blocks")]
    parameters += [f"const i64 {name}_{way}" for name in names for way in ("row", "column")]
    parameters += form.batch.parameters()
    title = f"attention_{form.dtype.name}"
    head = helpers(form.type) if wide else []
    lines = [
        "const i64 block = GROUP(0) % blocks, batch = GROUP(0) / blocks;",
        *form.batch.offsets("batch"),
        *(_vectors(form) if wide else _tiles(form)),
    ]
    body = "\n".join(f"    {line}" for line in lines)
    return "\n".join([*head, f"KERNEL void {title}({', '.join(parameters)}) {{", body, "}", ""]), title


def _limit(form: Form, rows: str) -> str:
    """Keys from here on no row of the tile may see."""
    end = f"const i64 end = i0 + {rows};"
    return (
        f"{end} const i64 limit = end < keys ? end : keys;"
        if form.mask == CAUSAL
        else "const i64 limit = keys;"
    )


# -- processors ----------------------------------------------------------------------------------------------


def _vectors(form: Form) -> list[str]:
    t, (deep, broad) = form.type, form.widths
    n = VECTOR // compute_dtype(form.dtype).itemsize
    vectors, down = f"VECTORS({n})", range(DOWN)

    def product(left: str, right: str, pitch: int, depth: str, start: str, to: str) -> list[str]:
        """``DOWN`` rows at two vectors of ``to``: ``start`` and the product of ``left`` and ``right``."""
        return [
            *(f"{t}{n} c{r}_{h} = {start.format(r=r, h=h)};" for r in down for h in (0, 1)),
            f"for (i64 d = 0; d < {depth}; d++) {{",
            f"const {t}{n} b0 = vload{n}(0, {right} + d * {pitch}), b1 = vload{n}(1, {right} + d * {pitch});",
            *(
                f"{{ const {t}{n} a = {left.format(r=r)}[d]; c{r}_0 += a * b0; c{r}_1 += a * b1; }}"
                for r in down
            ),
            "}",
            *(f"vstore{n}(c{r}_{h}, {h}, {to.format(r=r)});" for r in down for h in (0, 1)),
        ]

    return [
        f"const i64 i0 = block * {ROWS}, height = rows - i0 < {ROWS} ? rows - i0 : {ROWS};",
        f"{t} q[{ROWS * deep}], sums[{ROWS * broad}], most[{ROWS}], total[{ROWS}];",
        f"{t} keys_t[{deep * KEYS}], values[{KEYS * broad}];",
        *([f"int seen[{ROWS}];"] if form.mask == ALLOWED else []),
        f"const i64 padded = (height + {DOWN - 1}) / {DOWN} * {DOWN};",
        "for (i64 r = 0; r < padded; r++) {",
        f"most[r] = {form.lowest};",
        "total[r] = 0;",
        *(["seen[r] = 0;"] if form.mask == ALLOWED else []),
        f"for (i64 d = 0; d < {broad}; d++) sums[r * {broad} + d] = 0;",
        "if (r < height) for (i64 d = 0; d < depth; d++)",
        f"q[r * {deep} + d] = {form.load('q', 'i0 + r', 'd')};",
        f"else for (i64 d = 0; d < depth; d++) q[r * {deep} + d] = 0;",
        "}",
        _limit(form, "height"),
        f"for (i64 j0 = 0; j0 < limit; j0 += {KEYS}) {{",
        f"const i64 some = keys - j0 < {KEYS} ? keys - j0 : {KEYS};",
        f"if (some < {KEYS}) for (i64 d = 0; d < depth * {KEYS}; d++) keys_t[d] = 0;",
        "for (i64 d = 0; d < depth; d++)",
        f"for (i64 j = 0; j < some; j++) keys_t[d * {KEYS} + j] = {form.load('k', 'j0 + j', 'd')};",
        "for (i64 j = 0; j < some; j++) {",
        f"for (i64 d = 0; d < width; d++) values[j * {broad} + d] = {form.load('v', 'j0 + j', 'd')};",
        f"for (i64 d = width; d < {broad}; d++) values[j * {broad} + d] = 0;",
        "}",
        f"for (i64 r0 = 0; r0 < padded; r0 += {DOWN}) {{",
        *([f"if (j0 > i0 + r0 + {DOWN - 1}) continue;"] if form.mask == CAUSAL else []),
        f"{t} scores[{DOWN * KEYS}], factor[{DOWN}];",
        f"for (i64 c = 0; c < {KEYS}; c += {2 * n}) {{",
        *product(
            f"(q + (r0 + {{r}}) * {deep})", "keys_t + c", KEYS, "depth", "0", f"scores + {{r}} * {KEYS} + c"
        ),
        "}",
        f"for (i64 r = 0; r < {DOWN}; r++) {{",
        f"{t} *const x = scores + r * {KEYS};",
        "const i64 i = i0 + r0 + r < rows ? i0 + r0 + r : rows - 1;",
        *(["int any = 0;"] if form.mask == ALLOWED else []),
        vectors,
        f"for (i64 j = 0; j < some; j++) x[j] = {form.score('x[j]', 'i', 'j0 + j', 'any = 1')};",
        *(["seen[r0 + r] |= any;"] if form.mask == ALLOWED else []),
        f"for (i64 j = some; j < {KEYS}; j++) x[j] = {form.lowest};",
        f"const {t} before = most[r0 + r], top = largest(x, {KEYS}), now = top > before ? top : before;",
        f"const {t} zero = now == {form.lowest} ? 0 : now;",
        "most[r0 + r] = now;",
        "factor[r] = before == now ? 1 : exp(before - now);",
        vectors,
        f"for (i64 j = 0; j < {KEYS}; j++) x[j] = exp(x[j] - zero);",
        f"total[r0 + r] = total[r0 + r] * factor[r] + added(x, {KEYS});",
        "}",
        f"for (i64 c = 0; c < {broad}; c += {2 * n}) {{",
        f"{t} *const to = sums + r0 * {broad} + c;",
        *product(
            f"(scores + {{r}} * {KEYS})",
            "values + c",
            broad,
            "some",
            f"vload{n}({{h}}, to + {{r}} * {broad}) * factor[{{r}}]",
            f"to + {{r}} * {broad}",
        ),
        "}",
        "}",
        "}",
        "for (i64 r = 0; r < height; r++) {",
        f"const {t} share = {'!seen[r] ? 0 : ' if form.mask == ALLOWED else ''}1 / total[r];",
        "for (i64 d = 0; d < width; d++)",
        f"STORE_{form.dtype.name}({form.place('o', 'i0 + r', 'd')}, sums[r * {broad} + d] * share);",
        "}",
    ]


# -- GPUs ----------------------------------------------------------------------------------------------------


def _local_bytes(form: Form) -> int:
    tile = 4 * form.across
    numbers = (2 * STEP + tile) * (tile + 1) + STEP * form.widths[1] + form.across**2 + 3 * tile
    return numbers * compute_dtype(form.dtype).itemsize + 4 * tile


def _tiles(form: Form) -> list[str]:
    t, broad, a = form.type, form.widths[1], form.across
    tile, lanes = 4 * a, a * a
    pitch, share, columns = tile + 1, lanes // tile, broad // a
    each = "for (int r = 0; r < 4; r++)"
    return [
        f"LOCAL({t}, ta, {STEP * pitch});",
        f"LOCAL({t}, tb, {STEP * pitch});",
        f"LOCAL({t}, p, {tile * pitch});",
        f"LOCAL({t}, values, {STEP * broad});",
        f"LOCAL({t}, part, {lanes});",
        f"LOCAL({t}, most, {tile});",
        f"LOCAL({t}, total, {tile});",
        f"LOCAL({t}, factor, {tile});",
        *([f"LOCAL(i32, seen, {tile});"] if form.mask == ALLOWED else []),
        f"const int lane = (int)LANE(0), tx = lane % {a}, ty = lane / {a};",
        f"const int row = lane / {share}, turn = lane % {share};",
        f"const i64 i0 = block * {tile};",
        f"{t} sums[4][{columns}];",
        f"{each} for (int c = 0; c < {columns}; c++) sums[r][c] = 0;",
        f"if (lane < {tile}) {{",
        f"most[lane] = {form.lowest};",
        "total[lane] = 0;",
        *(["seen[lane] = 0;"] if form.mask == ALLOWED else []),
        "}",
        _limit(form, str(tile)),
        f"for (i64 j0 = 0; j0 < limit; j0 += {tile}) {{",
        f"{t} s[4][4];",
        f"{each} for (int c = 0; c < 4; c++) s[r][c] = 0;",
        f"for (i64 d0 = 0; d0 < depth; d0 += {STEP}) {{",
        "BARRIER;",
        f"for (int n = lane; n < {tile * STEP}; n += {lanes}) {{",
        f"const int own = n / {STEP}, at = n % {STEP};",
        "const i64 i = i0 + own, j = j0 + own, d = d0 + at;",
        f"{t} x = 0, y = 0;",
        f"if (i < rows && d < depth) x = {form.load('q', 'i', 'd')};",
        f"if (j < keys && d < depth) y = {form.load('k', 'j', 'd')};",
        f"ta[at * {pitch} + own] = x;",
        f"tb[at * {pitch} + own] = y;",
        "}",
        "BARRIER;",
        f"for (int d = 0; d < {STEP}; d++) {{",
        f"{t} x[4], y[4];",
        f"{each} x[r] = ta[d * {pitch} + ty + r * {a}];",
        f"{each} y[r] = tb[d * {pitch} + tx + r * {a}];",
        f"{each} for (int c = 0; c < 4; c++) s[r][c] += x[r] * y[c];",
        "}",
        "}",
        f"{each} for (int c = 0; c < 4; c++) {{",
        f"const int own = ty + r * {a}, at = tx + c * {a};",
        "const i64 i = i0 + own < rows ? i0 + own : rows - 1, j = j0 + at;",
        f"{t} x = {form.lowest};",
        f"if (j < keys) x = {form.score('s[r][c]', 'i', 'j', 'seen[own] = 1')};",
        f"p[own * {pitch} + at] = x;",
        "}",
        "BARRIER;",
        f"{t} top = {form.lowest}, sum = 0;",
        f"for (int c = turn; c < {tile}; c += {share}) {{",
        f"const {t} x = p[row * {pitch} + c];",
        "top = x > top ? x : top;",
        "}",
        "part[lane] = top;",
        "BARRIER;",
        f"const {t} before = most[row];",
        f"{t} now = before;",
        f"for (int n = 0; n < {share}; n++) {{",
        f"const {t} x = part[row * {share} + n];",
        "now = x > now ? x : now;",
        "}",
        f"const {t} zero = now == {form.lowest} ? 0 : now;",
        f"for (int c = turn; c < {tile}; c += {share}) {{",
        f"const {t} x = exp(p[row * {pitch} + c] - zero);",
        f"p[row * {pitch} + c] = x;",
        "sum += x;",
        "}",
        "BARRIER;",
        "part[lane] = sum;",
        "BARRIER;",
        "if (turn == 0) {",
        f"const {t} f = before == now ? 1 : exp(before - now);",
        f"for (int n = 1; n < {share}; n++) sum += part[lane + n];",
        "most[row] = now;",
        "factor[row] = f;",
        "total[row] = total[row] * f + sum;",
        "}",
        "BARRIER;",
        f"{each} {{",
        f"const {t} f = factor[ty + r * {a}];",
        f"for (int c = 0; c < {columns}; c++) sums[r][c] *= f;",
        "}",
        f"const int some = keys - j0 < {tile} ? (int)(keys - j0) : {tile};",
        f"for (int c0 = 0; c0 < some; c0 += {STEP}) {{",
        f"for (int n = lane; n < {STEP * broad}; n += {lanes}) {{",
        f"const int j = c0 + n / {broad}, d = n % {broad};",
        f"{t} x = 0;",
        f"if (j < some && d < width) x = {form.load('v', 'j0 + j', 'd')};",
        "values[n] = x;",
        "}",
        "BARRIER;",
        f"for (int k = 0; k < {STEP}; k++) {{",
        f"{t} x[4];",
        f"{each} x[r] = p[(ty + r * {a}) * {pitch} + c0 + k];",
        f"for (int c = 0; c < {columns}; c++) {{",
        f"const {t} y = values[k * {broad} + tx + c * {a}];",
        f"{each} sums[r][c] += x[r] * y;",
        "}",
        "}",
        "BARRIER;",
        "}",
        "}",
        f"{each} {{",
        f"const int own = ty + r * {a};",
        "const i64 i = i0 + own;",
        "if (i >= rows) continue;",
        f"const {t} portion = {'!seen[own] ? 0 : ' if form.mask == ALLOWED else ''}1 / total[own];",
        f"for (int c = 0; c < {columns}; c++) {{",
        f"const i64 d = tx + c * {a};",
        f"if (d < width) STORE_{form.dtype.name}({form.place('o', 'i', 'd')}, sums[r][c] * portion);",
        "}",
        "}",
    ]


BUILDERS: Final = {"scaled_dot_product_attention": build}

THRESHOLDS: Final = {
    "scaled_dot_product_attention": (
        Threshold("rows", ROWS, "queries of a work-item", every=True),
        Threshold("rows", DOWN, "queries whose products are in registers", every=True),
        Threshold("columns", KEYS, "keys of a tile", every=True),
        Threshold("inner", STEP, "the depth of a tile", every=True),
        Threshold("inner", WIDEST, "wider heads are decomposed"),
    )
}
