"""Random numbers: Philox4x32-10, the same words as every other device's; see the op table's ``random``.

An element takes one of the four words of a block, or two. Normal numbers come in pairs, from an element's
own words and from those half the numbers further on. On a GPU a lane makes a block; on a processor a
work-item makes the words of many blocks, then their elements, and both loops vectorize.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from tensorplug_dispatcher import dtypes
from tensorplug_dispatcher.dtypes import DType
from tensorplug_dispatcher.layout import Layout
from tensorplug_dispatcher.thresholds import Threshold

from ..dialect import TYPES, Target, language, literal
from ..program import Argument, Constant, Launch, Memory, Program, Value
from .elementwise import HALVES, compute_dtype

CHUNK: Final = 1024  # elements of a processor's work-item whose words are made together
CHUNKS: Final = 8  # of a work-item
LARGEST_EXACT: Final = 1 << 24  # numbers that go to halves by way of float32 must be exact there
BITS: Final = {dtypes.float16: 11, dtypes.bfloat16: 8, dtypes.float32: 24}

_PHILOX = """
#define MUL_HI(a, b) {high}
FUNCTION void philox(u64 seed, u64 counter, u32 *w) {{
    u32 k0 = (u32)seed, k1 = (u32)(seed >> 32), a = (u32)counter, b = (u32)(counter >> 32), c = 0, d = 0;
    {rounds}
    w[0] = a; w[1] = b; w[2] = c; w[3] = d;
}}
#define TWO(low, high) (((u64)(low) | (u64)(high) << 32) & 0x7fffffffffffffff)
"""
_DRAW = """
FUNCTION void draw(u64 seed, u64 counter, u32 *words, i64 blocks) {
    VECTORS(16)
    for (i64 b = 0; b < blocks; b++) {
        u32 w[4];
        philox(seed, counter + (u64)b, w);
        words[4 * b] = w[0]; words[4 * b + 1] = w[1]; words[4 * b + 2] = w[2]; words[4 * b + 3] = w[3];
    }
}
"""
_ROUND = """{
        u32 p = MUL_HI(0xD2511F53u, a), q = MUL_HI(0xCD9E8D57u, c), low = 0xD2511F53u * a;
        a = q ^ b ^ k0; b = 0xCD9E8D57u * c; c = p ^ d ^ k1; d = low;
        k0 += 0x9E3779B9u; k1 += 0xBB67AE85u;
    }"""


def _philox(target: Target) -> str:
    high = "(u32)(((u64)(a) * (b)) >> 32)" if target.wide else "MUL_HI_U32(a, b)"
    text = _PHILOX.format(high=high, rounds=" ".join([_ROUND] * 10))
    return text + _DRAW if target.wide else text


def _uniform(dtype: DType, low: str, high: str) -> str:
    """A number in [0, 1) from a word, or from two for float64."""
    if dtype is dtypes.float64:
        return f"(double)(i64)(TWO({low}, {high}) & 0x1fffffffffffff) * 0x1p-53"
    bits = BITS[dtype]
    return f"(float)(i32)({low} & {(1 << bits) - 1}u) * 0x1p-{bits}f"


def _converted(value: str, dtype: DType) -> str:
    """A whole number as one of another dtype."""
    return f"({value}) != 0" if dtype is dtypes.bool_ else f"({TYPES[compute_dtype(dtype).name]})({value})"


def build(
    target: Target,
    name: str,
    outs: tuple[Layout, ...],
    ins: tuple[Layout | None, ...],
    attrs: Mapping[str, Any],
    given: frozenset[int],
) -> Program | None:
    out = outs[0]
    dtype = out.dtype
    if not out.dense or given or not target.takes(dtype):
        return None
    if any(x is None or not x.dense or x.dtype is not dtype for x in ins):
        return None
    extra: list[Constant] = []
    if name == "dropout_mask":
        extra = [Constant(attrs["p"], dtypes.float32)]
    elif name == "randint":
        low, high = attrs["low"], attrs["high"]
        if high - low >= 1 << 63 or (dtype in HALVES and max(-low, high) > LARGEST_EXACT):
            return None
        extra = [Constant(low, dtypes.int64), Constant(high - low, dtypes.int64)]
    if not out.numel:
        return Program(())
    positions = (out.numel + 1) // 2 if name == "randn" else out.numel
    words = 2 if name == "randint" or dtype.itemsize == 8 else 1
    source, kernel = _source(target, name, dtype, 4 // words)
    lanes = 1 if target.wide else min(256, target.max_lanes)
    each = CHUNK * CHUNKS if target.wide else lanes * 4 // words
    groups = -(-positions // each)
    arguments: list[Argument] = [Memory(k) for k in range(1 + len(ins))]
    arguments += [Value(0, dtypes.int64), Value(1, dtypes.int64), *extra]
    arguments += [Constant(positions, dtypes.int64), Constant(out.numel, dtypes.int64)]
    return Program((Launch(source, kernel, tuple(arguments), (groups,), (lanes,)),))


def _source(target: Target, name: str, dtype: DType, per: int) -> tuple[str, str]:
    """Text and name of the kernel, which makes ``per`` elements of a block."""
    parameters = [f"GLOBAL {TYPES[dtype.name]} *RESTRICT o, const i64 o_first"]
    if name == "bernoulli":
        parameters.append(f"GLOBAL const {TYPES[dtype.name]} *RESTRICT p, const i64 p_first")
    parameters.append("const i64 seed, const i64 offset")
    parameters += {"dropout_mask": ["const float p"], "randint": ["const i64 low, const i64 range"]}.get(
        name, []
    )
    parameters.append("const i64 positions, const i64 total")
    normal = name == "randn"
    element = _normal(target, dtype) if normal else _plain(name, dtype)
    words = 4 // per
    if target.wide:
        lines = [
            f"const i64 begin = GROUP(0) * {CHUNK * CHUNKS}, past = begin + {CHUNK * CHUNKS};",
            "const i64 end = past < positions ? past : positions;",
            f"u32 own[{CHUNK * words}];",
            *([f"u32 others[{CHUNK * words + 4}];"] if normal else []),
            f"for (i64 first = begin; first < end; first += {CHUNK}) {{",
            f"const i64 n = end - first < {CHUNK} ? end - first : {CHUNK};",
            f"draw((u64)seed, (u64)offset + (u64)(first / {per}), own, (n + {per - 1}) / {per});",
        ]
        if normal:
            lines += [
                f"const i64 second = positions + first, shift = second % {per} * {words};",
                f"draw((u64)seed, (u64)offset + (u64)(second / {per}), others, (n + {per - 1}) / {per} + 1);",
            ]
        own = ["own[l]", "0"] if words == 1 else ["own[2 * l]", "own[2 * l + 1]"]
        other = [text.replace("own[", "others[shift + ") for text in own]
        lines += [
            *(["const i64 both = total - second < n ? total - second : n;"] if normal else []),
            f"VECTORS({64 // (8 if words == 2 else 4)})",
            f"for (i64 l = 0; l < {'both' if normal else 'n'}; l++) {{",
            "const i64 i = first + l;",
            *element(own, other, True),
            "}",
        ]
        if normal:  # the last of an odd number has no partner
            lines += ["for (i64 l = both; l < n; l++) {", "const i64 i = first + l;"]
            lines += [*element(own, other, False), "}"]
        lines.append("}")
    else:
        lines = [
            "const i64 block = GROUP(0) * LANES(0) + LANE(0);",
            "u32 w[4], z[8];",
            "philox((u64)seed, (u64)offset + (u64)block, w);",
        ]
        if normal:
            lines += [
                f"const i64 second = block + positions / {per};",
                f"const int shift = (int)(positions % {per}) * {words};",
                "philox((u64)seed, (u64)offset + (u64)second, z);",
                "philox((u64)seed, (u64)offset + (u64)second + 1, z + 4);",
            ]
        for k in range(per):
            own = [f"w[{k * words + i}]" for i in range(words)] + ["0"] * (2 - words)
            other = [f"z[shift + {k * words + i}]" for i in range(words)] + ["0"] * (2 - words)
            lines += ["{", f"const i64 i = block * {per} + {k};"]
            if normal:
                lines += ["if (positions + i < total) {", *element(own, other, True), "}"]
                lines += ["else if (i < positions) {", *element(own, other, False), "}"]
            else:
                lines += ["if (i < positions) {", *element(own, other, True), "}"]
            lines.append("}")
    kernel = f"{name}_{dtype.name}"
    text = "\n".join(f"    {line}" for line in lines)
    return f"{_philox(target)}KERNEL void {kernel}({', '.join(parameters)}) {{\n{text}\n}}\n", kernel


def _plain(name: str, dtype: DType) -> Any:
    """Statements that store element ``i``, of which ``own`` are the words."""

    def element(own: Sequence[str], other: Sequence[str], both: bool) -> list[str]:
        low, high = own
        if name == "random_bits":
            value = f"({TYPES[dtype.name]})({low if dtype.itemsize == 4 else f'TWO({low}, {high})'})"
        elif name == "rand":
            value = _uniform(dtype, low, high)
        elif name == "dropout_mask":
            value = f"p <= {_uniform(dtypes.float32, low, high)}"
        elif name == "bernoulli":
            wide = dtype if dtype is dtypes.float64 else dtypes.float32
            one = TYPES[wide.name]
            chance = f"LOAD_{dtype.name}(p, p_first + i)"
            value = f"{_uniform(wide, low, high)} < {chance} ? ({one})1 : ({one})0"
        else:
            value = _converted(f"low + (i64)(TWO({low}, {high}) % (u64)range)", dtype)
        return [f"STORE_{dtype.name}(o, o_first + i, {value});"]

    return element


def _normal(target: Target, dtype: DType) -> Any:
    """Box and Muller: numbers ``i`` and ``positions + i`` from the uniform numbers of these places."""
    wide = dtype if dtype is dtypes.float64 else dtypes.float32
    type_ = TYPES[wide.name]
    functions = language(target).templates(wide)
    one, two, turn = (literal(c, wide) for c in (1.0, -2.0, 6.283185307179586))

    def apply(function: str, x: str) -> str:
        return functions[function].format(x, T=type_, D=wide.name)

    def element(own: Sequence[str], other: Sequence[str], both: bool) -> list[str]:
        u, v = (_uniform(wide, *words) for words in (own, other))
        lines = [
            f"const {type_} radius = sqrt({apply('log', f'{one} - {u}')} * {two});",
            f"const {type_} angle = ({v}) * {turn};",
            f"STORE_{dtype.name}(o, o_first + i, radius * {apply('cos', 'angle')});",
        ]
        if both:
            sine = f"radius * {apply('sin', 'angle')}"
            lines.append(f"STORE_{dtype.name}(o, o_first + positions + i, {sine});")
        return lines

    return element


BUILDERS: Final = dict.fromkeys(
    ("random_bits", "rand", "dropout_mask", "bernoulli", "randn", "randint"), build
)

_OF_CHUNKS: Final = (
    Threshold("elements", CHUNK, "elements whose words are made together", every=True),
    Threshold("elements", CHUNK * CHUNKS, "elements of a work-item", every=True),
)
THRESHOLDS: Final = dict.fromkeys(BUILDERS, _OF_CHUNKS)
