"""Random numbers: Philox4x32-10, the same words as every other device's; see the op table's ``random``.

A unit of work is one block of the generator: four words, so four elements, or two of those that take two
words. Normal numbers come in pairs, from a block and from the words half the numbers further on.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from tensorplug_dispatcher import dtypes
from tensorplug_dispatcher.dtypes import DType
from tensorplug_dispatcher.layout import Layout

from ..dialect import TYPES, Target, language, literal
from ..program import Argument, Constant, Launch, Memory, Program, Value
from .elementwise import HALVES, compute_dtype

BLOCKS: Final = 2048  # of a work-item on a processor
LARGEST_EXACT: Final = 1 << 24  # numbers that go to halves by way of float32 must be exact there
BITS: Final = {dtypes.float16: 11, dtypes.bfloat16: 8, dtypes.float32: 24}

_PHILOX = """
#define MUL_HI(a, b) {high}
FUNCTION void philox(u64 seed, u64 counter, u32 *w) {{
    u32 k0 = (u32)seed, k1 = (u32)(seed >> 32), a = (u32)counter, b = (u32)(counter >> 32), c = 0, d = 0;
    {rounds}
    w[0] = a; w[1] = b; w[2] = c; w[3] = d;
}}
"""
_ROUND = """{
        u32 p = MUL_HI(0xD2511F53u, a), q = MUL_HI(0xCD9E8D57u, c), low = 0xD2511F53u * a;
        a = q ^ b ^ k0; b = 0xCD9E8D57u * c; c = p ^ d ^ k1; d = low;
        k0 += 0x9E3779B9u; k1 += 0xBB67AE85u;
    }"""


def _philox(target: Target) -> str:
    high = "(u32)(((u64)(a) * (b)) >> 32)" if target.wide else "MUL_HI_U32(a, b)"
    return _PHILOX.format(high=high, rounds=" ".join([_ROUND] * 10))


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
    blocks = -(-positions * words // 4)
    groups = -(-blocks // (BLOCKS if target.wide else lanes))
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
    body = _normal(target, dtype, per) if name == "randn" else _plain(name, dtype, per)
    full = ["philox((u64)seed, (u64)offset + (u64)block, w);", *body(False)]
    part = ["philox((u64)seed, (u64)offset + (u64)block, w);", *body(True)]
    whole = "(total - positions)" if name == "randn" else "positions"  # elements whose partners exist too
    if target.wide:
        lines = [
            f"const i64 blocks = (positions + {per - 1}) / {per}, begin = GROUP(0) * {BLOCKS};",
            f"const i64 end = begin + {BLOCKS} < blocks ? begin + {BLOCKS} : blocks;",
            f"const i64 filled = {whole} / {per} < end ? {whole} / {per} : end;",
            f"VECTORS({8 if dtype.itemsize == 8 else 16})",
            "for (i64 block = begin; block < filled; block++) {",
            *("u32 w[4];" if name != "randn" else "u32 w[4], z[8];",),
            *full,
            "}",
            "for (i64 block = filled > begin ? filled : begin; block < end; block++) {",
            *("u32 w[4];" if name != "randn" else "u32 w[4], z[8];",),
            *part,
            "}",
        ]
    else:
        lines = ["const i64 block = GROUP(0) * LANES(0) + LANE(0);", "u32 w[4], z[8];", *part]
    kernel = f"{name}_{dtype.name}"
    text = "\n".join(f"    {line}" for line in lines)
    two = "#define TWO(low, high) (((u64)(low) | (u64)(high) << 32) & 0x7fffffffffffffff)\n"
    return (
        f"{_philox(target)}{two}KERNEL void {kernel}({', '.join(parameters)}) {{\n{text}\n}}\n",
        kernel,
    )


def _plain(name: str, dtype: DType, per: int) -> Any:
    """Statements that store the elements of a block whose words are ``w``."""

    def body(checked: bool) -> list[str]:
        lines = []
        for k in range(per):
            low, high = (f"w[{k}]", "0") if per == 4 else (f"w[{2 * k}]", f"w[{2 * k + 1}]")
            place = f"block * {per} + {k}"
            if name == "random_bits":
                value = f"({TYPES[dtype.name]})({low if per == 4 else f'TWO({low}, {high})'})"
            elif name == "rand":
                value = _uniform(dtype, low, high)
            elif name == "dropout_mask":
                value = f"p <= {_uniform(dtypes.float32, low, high)}"
            elif name == "bernoulli":
                wide = dtype if dtype is dtypes.float64 else dtypes.float32
                one = TYPES[wide.name]
                value = (
                    f"{_uniform(wide, low, high)} < LOAD_{dtype.name}(p, p_first + {place}) "
                    f"? ({one})1 : ({one})0"
                )
            else:
                value = _converted(f"low + (i64)(TWO({low}, {high}) % (u64)range)", dtype)
            check = f"if ({place} < positions) " if checked else ""
            lines.append(f"{check}STORE_{dtype.name}(o, o_first + {place}, {value});")
        return lines

    return body


def _normal(target: Target, dtype: DType, per: int) -> Any:
    """Box and Muller: numbers ``i`` and ``positions + i`` from the uniform numbers of these places."""
    wide = dtype if dtype is dtypes.float64 else dtypes.float32
    type_ = TYPES[wide.name]
    functions = language(target).templates(wide)

    def apply(function: str, x: str) -> str:
        return functions[function].format(x, T=type_, D=wide.name)

    def body(checked: bool) -> list[str]:
        words = 4 // per
        lines = [
            f"const i64 second = positions / {per};",
            f"const int shift = (int)(positions % {per}) * {words};",
            "philox((u64)seed, (u64)offset + (u64)(block + second), z);",
            "philox((u64)seed, (u64)offset + (u64)(block + second + 1), z + 4);",
        ]
        for k in range(per):
            place = f"block * {per} + {k}"
            picked = []
            for i in range(words):
                choices = [f"z[{k * words + i + s * words}]" for s in range(per)]
                text = choices[-1]
                for s in range(per - 2, -1, -1):
                    text = f"shift == {s * words} ? {choices[s]} : {text}"
                picked.append(f"({text})")
            own = [f"w[{k * words + i}]" for i in range(words)]
            u, v = (_uniform(wide, *pair, *["0"] * (2 - words)) for pair in (own, picked))
            one, two, turn = (literal(c, wide) for c in (1.0, -2.0, 6.283185307179586))
            lines += [
                "{",
                f"const {type_} radius = sqrt({apply('log', f'{one} - {u}')} * {two});",
                f"const {type_} angle = ({v}) * {turn};",
            ]
            for i, (first, end, function) in enumerate(
                (("", "positions", "cos"), ("positions + ", "total", "sin"))
            ):
                check = f"if ({first}{place} < {end}) " if checked else ""
                value = f"radius * {apply(function, 'angle')}"
                if i and checked:
                    check = f"if ({place} < positions && {first}{place} < total) "
                lines.append(f"{check}STORE_{dtype.name}(o, o_first + {first}{place}, {value});")
            lines.append("}")
        return lines

    return body


BUILDERS: Final = dict.fromkeys(
    ("random_bits", "rand", "dropout_mask", "bernoulli", "randn", "randint"), build
)
