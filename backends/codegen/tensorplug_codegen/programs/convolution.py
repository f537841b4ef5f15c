"""Convolutions in one to three dimensions and their cotangents, all as three-dimensional ones.

Each is a product of matrices of which one is made of windows: it is never stored whole. On a processor the
images go through the panels in pieces of ``PANELS`` bytes, so that they stay in a cache; a depthwise
convolution, whose matrices would have one row, adds up shifted lines instead.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from tensorplug_dispatcher import dtypes
from tensorplug_dispatcher.dtypes import DType
from tensorplug_dispatcher.layout import Layout, dense
from tensorplug_dispatcher.thresholds import Threshold

from ..dialect import TYPES, Target
from ..program import Argument, Constant, Launch, Memory, Program
from .elementwise import HALVES, compute_dtype
from .gemm import Result, Side, Sizes, launches, panel_bytes
from .storage import copy_launch

PANELS: Final = 1 << 22  # bytes of windows at a time
FEW_CHANNELS: Final = 4  # of a group's results, from which on products pay
LINE: Final = 512  # results that are added up together

AXES: Final = ("z", "y", "x")


@dataclass(frozen=True, slots=True)
class Windows:
    """A convolution's numbers; three of each for the spatial dimensions."""

    dtype: DType
    images: int
    groups: int
    channels: int  # of a group
    results: int  # of a group
    input: tuple[int, ...]
    kernel: tuple[int, ...]
    output: tuple[int, ...]
    stride: tuple[int, ...]
    padding: tuple[int, ...]
    dilation: tuple[int, ...]

    @property
    def taps(self) -> int:
        return math.prod(self.kernel)

    @property
    def places(self) -> int:
        return math.prod(self.output)

    @property
    def points(self) -> int:
        return math.prod(self.input)

    def names(self) -> dict[str, int]:
        """The numbers as a kernel's parameters call them."""
        found = {
            "groups": self.groups,
            "channels": self.channels,
            "results": self.results,
            "taps": self.taps,
            "places": self.places,
            "points": self.points,
        }
        sizes = {"i": self.input, "k": self.kernel, "o": self.output, "s": self.stride}
        for letter, values in {**sizes, "p": self.padding, "d": self.dilation}.items():
            found |= {letter + axis: value for axis, value in zip(AXES, values, strict=True)}
        return found


def _numbers(prefix: str, values: Mapping[str, int]) -> tuple[list[str], list[Constant]]:
    return (
        [f"const i64 {prefix}{name}" for name in values],
        [Constant(value, dtypes.int64) for value in values.values()],
    )


def _named(text: str, prefix: str, values: Mapping[str, int]) -> str:
    """``$name`` in a text stands for the parameter of that name."""
    for name in sorted(values, key=len, reverse=True):
        text = text.replace(f"${name}", prefix + name)
    return text


def _side(
    w: Windows,
    prefix: str,
    place: int,
    mark: str,
    images: tuple[int, int],
    base: Sequence[str],
    lane: Sequence[tuple[str, str]],
    depth: Sequence[tuple[str, str, Sequence[str]]],
    value: str,
    which: str,
    count: int,
    along: bool,
) -> Side:
    """A side whose texts call the convolution's numbers ``$name`` and its memory ``$m``."""
    values = {**w.names(), "image": images[0], "images": images[1]}
    names, numbers = _numbers(prefix, values)
    pointer = f"GLOBAL const {TYPES[w.dtype.name]} *RESTRICT {prefix}m, const i64 {prefix}m_first"

    def named(text: str) -> str:
        return _named(text.replace("$m", prefix + "m"), prefix, values)

    return Side(
        w.dtype,
        (pointer, *names),
        (Memory(place), *numbers),
        tuple((v, named(size), tuple(map(named, statements))) for v, size, statements in depth),
        named(value),
        tuple((name, named(text)) for name, text in lane),
        tuple(map(named, base)),
        named(which),
        count,
        along,
        mark,
    )


_TAPS: Final = (("tz", "$kz", ()), ("ty", "$ky", ()), ("tx", "$kx", ()))
_INSIDE: Final = "(u64)({z}) < (u64)$iz && (u64)({y}) < (u64)$iy && (u64)({x}) < (u64)$ix"


def _windows(w: Windows, place: int, first: int, images: int) -> Side:
    """[channel and tap, place of the result]: what each result sees."""
    lane = [
        ("wz", "@index / ($oy * $ox) * $sz - $pz"),
        ("wy", "@index / $ox % $oy * $sy - $py"),
        ("wx", "@index % $ox * $sx - $px"),
        ("at", "(@wz * $iy + @wy) * $ix + @wx"),
    ]
    z, y, x = (f"@w{axis} + t{axis} * $d{axis}" for axis in AXES)
    step = "(tz * $dz * $iy + ty * $dy) * $ix + tx * $dx"
    return _side(
        w,
        "b",
        place,
        "_windows",
        (first, images),
        ["const i64 origin = $m_first + ($image * $groups + which) * $channels * $points;"],
        lane,
        [("c", "$channels", ()), *_TAPS],
        f"{_INSIDE.format(z=z, y=y, x=x)} ? LOAD_{w.dtype.name}($m, origin + c * $points + {step} + @at) : 0",
        "batch",
        images * w.groups,
        False,
    )


def _window_rows(w: Windows, place: int, first: int, images: int) -> Side:
    """[image and place of the result, channel and tap]: the same, transposed, over all images."""
    lane = [
        ("wc", "@index / $taps"),
        ("wz", "@index / ($ky * $kx) % $kz * $dz - $pz"),
        ("wy", "@index / $kx % $ky * $dy - $py"),
        ("wx", "@index % $kx * $dx - $px"),
        ("at", "@wc * $points + (@wz * $iy + @wy) * $ix + @wx"),
    ]
    z, y, x = (f"@w{axis} + q{axis} * $s{axis}" for axis in AXES)
    step = "(qz * $sz * $iy + qy * $sy) * $ix + qx * $sx"
    start = "$m_first + (($image + n) * $groups + which) * $channels * $points"
    return _side(
        w,
        "b",
        place,
        "_rows",
        (first, images),
        [],
        lane,
        [
            ("n", "$images", [f"const i64 origin = {start};"]),
            ("qz", "$oz", ()),
            ("qy", "$oy", ()),
            ("qx", "$ox", ()),
        ],
        f"{_INSIDE.format(z=z, y=y, x=x)} ? LOAD_{w.dtype.name}($m, origin + {step} + @at) : 0",
        "batch",
        w.groups,
        False,
    )


def _spread(w: Windows, place: int, first: int, images: int) -> Side:
    """[result and tap, point of the input]: the cotangents of the results that see each point. A result
    exists where the distance is a multiple of the stride.
    """
    lane = []
    for axis, at in zip(AXES, ("@index / ($iy * $ix)", "@index / $ix % $iy", "@index % $ix"), strict=True):
        lane.append((f"r{axis}", f"({at} + $p{axis}) % $s{axis}"))
        lane.append((f"w{axis}", f"({at} + $p{axis}) / $s{axis}"))
    lane.append(("at", "(@wz * $oy + @wy) * $ox + @wx"))
    taps = []
    for axis in AXES:
        parts = [
            f"const i64 e{axis} = t{axis} * $d{axis} % $s{axis}, f{axis} = t{axis} * $d{axis} / $s{axis};"
        ]
        taps.append((f"t{axis}", f"$k{axis}", parts))
    whole = " && ".join(f"@r{axis} == e{axis} && (u64)(@w{axis} - f{axis}) < (u64)$o{axis}" for axis in AXES)
    step = "(fz * $oy + fy) * $ox + fx"
    return _side(
        w,
        "b",
        place,
        "_spread",
        (first, images),
        ["const i64 origin = $m_first + ($image * $groups + which) * $results * $places;"],
        lane,
        [("c", "$results", ()), *taps],
        f"{whole} ? LOAD_{w.dtype.name}($m, origin + c * $places - ({step}) + @at) : 0",
        "batch",
        images * w.groups,
        False,
    )


def _weight(w: Windows, place: int) -> Side:
    """[result, channel and tap]."""
    return _side(
        w,
        "a",
        place,
        "_weight",
        (0, 0),
        ["const i64 origin = $m_first + which * $results * $channels * $taps;"],
        [],
        [("c", "$channels * $taps", ())],
        f"LOAD_{w.dtype.name}($m, origin + @index * $channels * $taps + c)",
        "batch % c_groups",
        w.groups,
        True,
    )


def _weight_turned(w: Windows, place: int) -> Side:
    """[channel, result and tap]."""
    return _side(
        w,
        "a",
        place,
        "_turned",
        (0, 0),
        ["const i64 origin = $m_first + which * $results * $channels * $taps;"],
        [],
        [("c", "$results", ()), ("t", "$taps", ())],
        f"LOAD_{w.dtype.name}($m, origin + (c * $channels + @index) * $taps + t)",
        "batch % c_groups",
        w.groups,
        True,
    )


def _cotangents(w: Windows, place: int, first: int, images: int) -> Side:
    """[result, image and place]."""
    start = "$m_first + (($image + n) * $groups + which) * $results * $places"
    return _side(
        w,
        "a",
        place,
        "_cotangents",
        (first, images),
        [],
        [],
        [("n", "$images", [f"const i64 origin = {start};"]), ("q", "$places", ())],
        f"LOAD_{w.dtype.name}($m, origin + @index * $places + q)",
        "batch",
        w.groups,
        True,
    )


def _result(
    w: Windows,
    place: int,
    dtype: DType,
    rows: int,
    columns: int,
    first: int = 0,
    bias: int = -1,
    adds: bool = False,
) -> Result:
    """Dense matrices one behind the other, the first at element ``first``; ``bias`` is its operand."""
    type_ = TYPES[dtype.name]
    parameters = [
        f"GLOBAL {type_} *c, const i64 c_first, const i64 c_start, const i64 c_rows, const i64 c_columns",
        "const i64 c_groups",
    ]
    numbers = (Constant(n, dtypes.int64) for n in (first, columns, 1, w.groups))
    arguments: list[Argument] = [Memory(place), *numbers]
    text = ""
    if bias >= 0:
        parameters.append(f"GLOBAL const {type_} *bias, const i64 bias_first")
        arguments.append(Memory(bias))
        text = f"LOAD_{dtype.name}(bias, bias_first + batch % c_groups * rows + i)"
    marks = ("b" if text else "") + ("a" if adds else "")
    return Result(
        dtype,
        tuple(parameters),
        tuple(arguments),
        (),
        "c_first + c_start + batch * (rows * columns)",
        text,
        adds,
        f"_{marks}",
    )


def _chunks(target: Target, w: Windows, sizes: Sizes, images: int) -> list[tuple[int, int]]:
    """How the images are divided: (first, how many)."""
    if not target.wide:
        return [(0, images)]
    each = panel_bytes(w.dtype, sizes, (0, 1))[1]
    count = max(1, min(images, PANELS // max(each, 1)))
    return [(i, min(count, images - i)) for i in range(0, images, count)]


def _forward(target: Target, w: Windows, bias: bool) -> Program | None:
    if target.wide and w.results < FEW_CHANNELS:
        return Program((_lines(w, bias),))
    depth = w.channels * w.taps
    found: list[Launch] = []
    scratch: tuple[int, ...] = ()
    for first, images in _chunks(target, w, Sizes(w.groups, w.results, w.places, depth * w.groups), w.images):
        sizes = Sizes(images * w.groups, w.results, w.places, depth)
        start = first * w.groups * w.results * w.places
        result = _result(w, 0, w.dtype, w.results, w.places, start, 3 if bias else -1)
        made = launches(target, sizes, _weight(w, 2), _windows(w, 1, first, images), result, 4)
        if made is None:
            return None
        found += made[0][1:] if found and target.wide else made[0]  # the weights are packed already
        scratch = scratch or made[1]
    return Program(tuple(found), scratch)


def _input_grad(target: Target, w: Windows) -> Program | None:
    depth = w.results * w.taps
    found: list[Launch] = []
    scratch: tuple[int, ...] = ()
    for first, images in _chunks(
        target, w, Sizes(w.groups, w.channels, w.points, depth * w.groups), w.images
    ):
        sizes = Sizes(images * w.groups, w.channels, w.points, depth)
        start = first * w.groups * w.channels * w.points
        result = _result(w, 0, w.dtype, w.channels, w.points, start)
        made = launches(target, sizes, _weight_turned(w, 2), _spread(w, 1, first, images), result, 3)
        if made is None:
            return None
        found += made[0][1:] if found and target.wide else made[0]
        scratch = scratch or made[1]
    return Program(tuple(found), scratch)


def _weight_grad(target: Target, w: Windows) -> Program | None:
    """Sums over all images: in pieces, which are added up in the result, or beside it for halves."""
    rows, columns = w.results, w.channels * w.taps
    one = Sizes(w.groups, rows, columns, w.places * w.groups)
    pieces = _chunks(target, w, one, w.images)
    aside = w.dtype in HALVES and len(pieces) > 1
    found: list[Launch] = []
    scratch: tuple[int, ...] = ()
    place, dtype = (3, dtypes.float32) if aside else (0, w.dtype)
    for first, images in pieces:
        sizes = Sizes(w.groups, rows, columns, images * w.places)
        result = _result(w, place, dtype, rows, columns, adds=bool(found))
        a, b = _cotangents(w, 1, first, images), _window_rows(w, 2, first, images)
        made = launches(target, sizes, a, b, result, 4 if aside else 3)
        if made is None:
            return None
        found += made[0]
        scratch = scratch or made[1]
    if aside:
        out = dense((w.groups * rows, columns), w.dtype)
        last = copy_launch(target, out, dense(out.shape, dtypes.float32), 0, 3)
        assert last is not None
        return Program((*found, last), (out.numel * 4, *scratch))
    return Program(tuple(found), scratch)


_LINES = """
    const i64 row = GROUP(0), oy = row % {oy}, oz = row / {oy} % {oz}, plane = row / {oy} / {oz};
    const i64 group = plane / {results} % {groups}, image = plane / {results} / {groups};
    for (i64 x0 = 0; x0 < {ox}; x0 += {LINE}) {{
        const i64 n = {ox} - x0 < {LINE} ? {ox} - x0 : {LINE};
        {T} sums[{LINE}];
        const {T} start = {bias};
        VECTORS({V})
        for (i64 l = 0; l < n; l++) sums[l] = start;
        for (i64 c = 0; c < {channels}; c++)
        for (i64 tz = 0; tz < {kz}; tz++)
        for (i64 ty = 0; ty < {ky}; ty++) {{
            const i64 z = oz * {sz} - {pz} + tz * {dz}, y = oy * {sy} - {py} + ty * {dy};
            if ((u64)z >= (u64){iz} || (u64)y >= (u64){iy}) continue;
            const i64 sheet = (image * {groups} + group) * {channels} + c;
            const i64 line = m_first + ((sheet * {iz} + z) * {iy} + y) * {ix};
            const i64 own = plane % ({groups} * {results}) * {channels} + c;
            const i64 tap = w_first + ((own * {kz} + tz) * {ky} + ty) * {kx};
            for (i64 tx = 0; tx < {kx}; tx++) {{
                const {T} v = LOAD_{D}(w, tap + tx);
                const i64 shift = tx * {dx} - {px};  /* results from low to high see a point of the line */
                const i64 under = -shift - x0 * {sx}, over = {ix} - shift - x0 * {sx};
                const i64 low = under > 0 ? (under + {sx} - 1) / {sx} : 0;
                const i64 last = over > 0 ? (over + {sx} - 1) / {sx} : 0, high = last < n ? last : n;
                const i64 from = line + shift + x0 * {sx};
                if ({sx} == 1) {{
                    VECTORS({V})
                    for (i64 l = low; l < high; l++) sums[l] += v * LOAD_{D}(m, from + l);
                }} else {{
                    VECTORS({V})
                    for (i64 l = low; l < high; l++) sums[l] += v * LOAD_{D}(m, from + l * {sx});
                }}
            }}
        }}
        VECTORS({V})
        for (i64 l = 0; l < n; l++) STORE_{D}(o, o_first + row * {ox} + x0 + l, sums[l]);
    }}
"""


def _lines(w: Windows, bias: bool) -> Launch:
    """Groups with few results, on a processor: lines of results, tap by tap."""
    acc = compute_dtype(w.dtype)
    values = w.names()
    stored, number = TYPES[w.dtype.name], TYPES[acc.name]
    body = _LINES.format(
        T=number,
        D=w.dtype.name,
        V=64 // acc.itemsize,
        LINE=LINE,
        bias=f"LOAD_{w.dtype.name}(bias, bias_first + plane % (n_groups * n_results))" if bias else "0",
        **{name: f"n_{name}" for name in values},
    )
    names, numbers = _numbers("n_", values)
    parameters = [
        f"GLOBAL {stored} *RESTRICT o, const i64 o_first",
        f"GLOBAL const {stored} *RESTRICT m, const i64 m_first",
        f"GLOBAL const {stored} *RESTRICT w, const i64 w_first",
    ]
    arguments: list[Argument] = [Memory(0), Memory(1), Memory(2)]
    if bias:
        parameters.append(f"GLOBAL const {stored} *RESTRICT bias, const i64 bias_first")
        arguments.append(Memory(3))
    kernel = f"conv_lines_{w.dtype.name}{'_bias' if bias else ''}"
    source = f"KERNEL void {kernel}({', '.join([*parameters, *names])}) {{{body}}}\n"
    rows = w.images * w.groups * w.results * w.output[0] * w.output[1]
    return Launch(source, kernel, (*arguments, *numbers), (rows,), (1,))


# -- builders


def _three(values: Sequence[int], filler: int) -> tuple[int, ...]:
    return (*(filler for _ in range(3 - len(values))), *values)


def build(
    target: Target,
    name: str,
    outs: tuple[Layout, ...],
    ins: tuple[Layout | None, ...],
    attrs: Mapping[str, Any],
    given: frozenset[int],
) -> Program | None:
    """``conv(input, weight, bias, ...)``, ``conv_input_grad(grad_output, weight, input_shape, ...)`` and
    ``conv_weight_grad(grad_output, input, weight_shape, ...)``.
    """
    out, first, second = outs[0], ins[0], ins[1]
    if first is None or second is None or given or out.ndim > 5:
        return None
    present = [x for x in (*outs, *ins) if x is not None]
    if any(not x.dense or x.dtype is not out.dtype for x in present):
        return None
    if out.dtype not in dtypes.FLOATS or not target.takes(out.dtype):
        return None
    kind = name.removeprefix("conv")
    if kind == "":
        source, weight, output = first, second, out
    elif kind == "_input_grad":
        source, weight, output = out, second, first
    else:
        source, weight, output = second, out, first
    groups = attrs["groups"]
    w = Windows(
        out.dtype,
        source.shape[0],
        groups,
        weight.shape[1],
        weight.shape[0] // groups,
        _three(source.shape[2:], 1),
        _three(weight.shape[2:], 1),
        _three(output.shape[2:], 1),
        _three(attrs["stride"], 1),
        _three(attrs["padding"], 0),
        _three(attrs["dilation"], 1),
    )
    if any(x.numel == 0 for x in present):
        return None if out.numel else Program(())
    if kind == "":
        return _forward(target, w, len(ins) > 2 and ins[2] is not None)
    return _input_grad(target, w) if kind == "_input_grad" else _weight_grad(target, w)


BUILDERS: Final = dict.fromkeys(("conv", "conv_input_grad", "conv_weight_grad"), build)

_OF_RESULTS: Final = (
    Threshold("channels", FEW_CHANNELS - 1, "too few results for products"),
    Threshold("pixels", LINE, "results that are added up together", every=True),
)
THRESHOLDS: Final = dict.fromkeys(BUILDERS, _OF_RESULTS)
