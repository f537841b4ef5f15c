"""The two languages of device programs, OpenCL C and CUDA C, as one.

A program is written once, in C with the names that a dialect's preamble defines, and means the same in both:

``KERNEL void f(...)``; ``GLOBAL T *p`` (device memory); ``LOCAL(T, name, n);`` (an array that a work-group
shares); ``GROUP(d)``, ``LANE(d)``, ``LANES(d)``, ``GROUPS(d)`` (``i64``); ``BARRIER;``; ``FUNCTION`` before a
helper; the types ``i8 u8 i16 u16 i32 u32 i64 u64``; ``BITS_F(x)`` and ``F_BITS(u)`` between float and its
bits; ``RESTRICT`` behind a pointer that no other writes through; ``ATOMIC_ADD_I32(p, v)``,
``ATOMIC_CAS_U32(p, expected, value)``; ``T LOAD_<dtype>(p, i)`` and ``STORE_<dtype>(p, i, value)`` for
storage that is not the type of arithmetic (halves); ``INF_F NAN_F``.
Math functions have OpenCL's names (``exp``, ``fmax``, ``rint``…), which CUDA overloads by type as well.

Programs for processors have more: the functions of ``mathfn.h``, under their own names and, for ``exp log
log1p expm1 tanh erf``, under the common ones, so that loops over them vectorize; ``VECTORS(n)`` before a loop
that does ``n`` iterations at once; ``STREAM(to, from, nbytes)``, which copies private memory past the caches,
and ``STREAM_END`` behind the last of them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from tensorplug_dispatcher import dtypes
from tensorplug_dispatcher.dtypes import DType

from .language import MODERATE, NO_NATIVE_SINGLE, Language

TYPES: Final[Mapping[str, str]] = {
    "bool": "u8",
    "uint8": "u8",
    "int8": "i8",
    "int16": "i16",
    "int32": "i32",
    "int64": "i64",
    "float16": "u16",
    "bfloat16": "u16",
    "float32": "float",
    "float64": "double",
}


@dataclass(frozen=True, slots=True)
class Dialect:
    """``name`` is ``"opencl"`` or ``"cuda"``; ``preamble`` defines the common names in that language;
    ``atomics64`` says whether ``ATOMIC_CAS_U64`` is among them.
    """

    name: str
    preamble: str
    atomics64: bool


@dataclass(frozen=True, slots=True)
class Target:
    """What a program is made for. ``kind`` is ``"cpu"`` (few wide cores, caches) or ``"gpu"`` (many lanes,
    local memory); a builder chooses its variant by it. Sizes are bytes or work-items.
    """

    dialect: Dialect
    kind: str
    units: int  # compute units
    max_lanes: int  # work-items that a group may have
    local_bytes: int  # shared by a work-group
    float64: bool = True

    def takes(self, dtype: DType) -> bool:
        return self.float64 or dtype is not dtypes.float64

    @property
    def wide(self) -> bool:
        """Whether a work-item is a loop for vector units."""
        return self.kind == "cpu" and self.dialect is OPENCL

    @property
    def text(self) -> str:
        """What every program starts with."""
        return _text(self.dialect, self.wide, self.float64)


OPENCL: Final = Dialect(
    "opencl",
    """
#ifdef cl_khr_fp64
#pragma OPENCL EXTENSION cl_khr_fp64 : enable
#endif
typedef char i8; typedef uchar u8; typedef short i16; typedef ushort u16;
typedef int i32; typedef uint u32; typedef long i64; typedef ulong u64;
#define KERNEL __kernel
#define GLOBAL __global
#define FUNCTION static inline
#define LOCAL(T, name, n) __local T name[n]
#define SHARED __local
#define GROUP(d) ((i64)get_group_id(d))
#define GROUPS(d) ((i64)get_num_groups(d))
#define LANE(d) ((i64)get_local_id(d))
#define LANES(d) ((i64)get_local_size(d))
#define BARRIER barrier(CLK_LOCAL_MEM_FENCE)
#define UNROLL
#define RESTRICT restrict
#define BITS_F(x) as_uint(x)
#define F_BITS(u) as_float(u)
#define INF_F INFINITY
#define NAN_F NAN
#define INF_D ((double)INFINITY)
#define NAN_D ((double)NAN)
#define MUL_HI_U32(a, b) mul_hi((u32)(a), (u32)(b))
#define ATOMIC_ADD_I32(p, v) atomic_add((volatile __global int *)(p), v)
#define ATOMIC_CAS_U32(p, expected, value) atomic_cmpxchg((volatile __global uint *)(p), expected, value)
""",
    False,  # an extension that many devices lack
)

CUDA: Final = Dialect(
    "cuda",
    """
typedef signed char i8; typedef unsigned char u8; typedef short i16; typedef unsigned short u16;
typedef int i32; typedef unsigned int u32; typedef long long i64; typedef unsigned long long u64;
#define KERNEL extern "C" __global__
#define GLOBAL
#define FUNCTION static __device__ __forceinline__
#define LOCAL(T, name, n) __shared__ T name[n]
#define SHARED
#define GROUP(d) ((i64)(d == 0 ? blockIdx.x : d == 1 ? blockIdx.y : blockIdx.z))
#define GROUPS(d) ((i64)(d == 0 ? gridDim.x : d == 1 ? gridDim.y : gridDim.z))
#define LANE(d) ((i64)(d == 0 ? threadIdx.x : d == 1 ? threadIdx.y : threadIdx.z))
#define LANES(d) ((i64)(d == 0 ? blockDim.x : d == 1 ? blockDim.y : blockDim.z))
#define BARRIER __syncthreads()
#define UNROLL _Pragma("unroll")
#define RESTRICT __restrict__
#define BITS_F(x) __float_as_uint(x)
#define F_BITS(u) __uint_as_float(u)
#define INF_F __uint_as_float(0x7f800000u)
#define NAN_F __uint_as_float(0x7fc00000u)
#define INF_D __longlong_as_double(0x7ff0000000000000ll)
#define NAN_D __longlong_as_double(0x7ff8000000000000ll)
#define MUL_HI_U32(a, b) __umulhi((u32)(a), (u32)(b))
#define ATOMIC_ADD_I32(p, v) atomicAdd((int *)(p), v)
#define ATOMIC_CAS_U32(p, expected, value) atomicCAS((unsigned int *)(p), expected, value)
#define ATOMIC_CAS_U64(p, expected, value) atomicCAS((unsigned long long *)(p), expected, value)
#define BITS_D(x) ((u64)__double_as_longlong(x))
#define D_BITS(u) __longlong_as_double((long long)(u))
""",
    True,
)

_HALVES = {
    "cuda": """
FUNCTION float HALF_LOAD(const u16 *p, i64 i) {
    float x; asm("cvt.f32.f16 %0, %1;" : "=f"(x) : "h"(p[i])); return x;
}
FUNCTION void HALF_STORE(u16 *p, i64 i, float x) {
    u16 h; asm("cvt.rn.f16.f32 %0, %1;" : "=h"(h) : "f"(x)); p[i] = h;
}
""",
    "opencl": """
FUNCTION float HALF_LOAD(GLOBAL const u16 *p, i64 i) { return vload_half(i, (GLOBAL const half *)p); }
FUNCTION void HALF_STORE(GLOBAL u16 *p, i64 i, float x) { vstore_half_rte(x, i, (GLOBAL half *)p); }
""",
    # vload_half is a call for each element where a processor's half type is not the language's
    "wide": """
#if defined(__FLT16_MAX__) && defined(__F16C__)
FUNCTION float HALF_LOAD(GLOBAL const u16 *p, i64 i) { return (float)((GLOBAL const _Float16 *)p)[i]; }
FUNCTION void HALF_STORE(GLOBAL u16 *p, i64 i, float x) { ((GLOBAL _Float16 *)p)[i] = (_Float16)x; }
#else
FUNCTION float HALF_LOAD(GLOBAL const u16 *p, i64 i) {
    u32 h = p[i], b = (h & 0x7fffu) << 13, u = BITS_F(F_BITS(b) * 0x1p112f);
    return F_BITS(((h & 0x7c00u) == 0x7c00u ? b | 0x7f800000u : u) | (h & 0x8000u) << 16);
}
FUNCTION void HALF_STORE(GLOBAL u16 *p, i64 i, float x) {
    u32 b = BITS_F(x), u = b & 0x7fffffffu, normal = (u + 0xc8000fffu + ((u >> 13) & 1u)) >> 13;
    u32 h = u < 0x38800000u ? BITS_F(F_BITS(u) + 0.5f) - 0x3f000000u : normal;
    h = u >= 0x47800000u ? (u > 0x7f800000u ? 0x7e00u : 0x7c00u) : h;
    p[i] = (u16)(h | ((b >> 16) & 0x8000u));
}
#endif
""",
}

_BFLOAT = """
FUNCTION float BFLOAT_LOAD(GLOBAL const u16 *p, i64 i) { return F_BITS((u32)p[i] << 16); }
FUNCTION void BFLOAT_STORE(GLOBAL u16 *p, i64 i, float x) {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 800
    u16 h;
    asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(h) : "f"(x));
    p[i] = h;
#else
    u32 u = BITS_F(x);
    p[i] = x != x ? (u16)0x7fc0 : (u16)((u + 0x7fffu + ((u >> 16) & 1u)) >> 16);
#endif
}
#define LOAD_float16(p, i) HALF_LOAD(p, i)
#define STORE_float16(p, i, x) HALF_STORE(p, i, x)
#define LOAD_bfloat16(p, i) BFLOAT_LOAD(p, i)
#define STORE_bfloat16(p, i, x) BFLOAT_STORE(p, i, x)
#define STORE_bool(p, i, x) ((p)[i] = (x) ? 1 : 0)
"""


# two vectors of 512 bits at once: left to itself the compiler takes 256, half as fast in exp and log
_WIDE = """
#define VECTORS(n) _Pragma(STRING(clang loop vectorize_width(n) interleave_count(2)))
#define STRING(x) #x
#define PAST_CACHES(p, v) *(p) = (v)
#if defined(__has_builtin)
#if __has_builtin(__builtin_nontemporal_store)
#undef PAST_CACHES
#define PAST_CACHES(p, v) __builtin_nontemporal_store(v, p)
#endif
#endif
#define STREAM(to, from, nbytes) stream_bytes(to, from, nbytes)
#define STREAM_END mem_fence(CLK_GLOBAL_MEM_FENCE)
FUNCTION void stream_bytes(GLOBAL void *target, const void *source, i64 n) {
    GLOBAL u8 *to = (GLOBAL u8 *)target;
    const u8 *from = (const u8 *)source;
    i64 i = 0;
    for (; i < n && ((u64)(to + i) & 63); i++) to[i] = from[i];
    for (; i + 64 <= n; i += 64)
        PAST_CACHES((GLOBAL uint16 *)(to + i), as_uint16(vload8(0, (const u64 *)(from + i))));
    for (; i < n; i++) to[i] = from[i];
}
"""
_OVERLOADED = ("exp", "log", "log1p", "expm1", "tanh", "erf")


@cache
def _text(dialect: Dialect, wide: bool, float64: bool) -> str:
    halves = _halves("wide" if wide else dialect.name)
    mathematics = _mathematics() if wide and float64 else ""
    return dialect.preamble + (_WIDE if wide else "") + halves + mathematics + _functions(float64, wide)


def _mathematics() -> str:
    """The functions of ``mathfn.h``; they need float64."""
    parts = [Path(__file__).with_name("mathfn.h").read_text()]
    for name in _OVERLOADED:
        parts += [
            f"static inline {type_} __attribute__((overloadable)) wide_{name}({type_} x) "
            f"{{ return tpm_{name}_{dtype}(x); }}\n"
            for type_, dtype in (("float", "float32"), ("double", "float64"))
        ]
        parts.append(f"#undef {name}\n#define {name}(x) wide_{name}(x)\n")  # PoCL's are macros
    return "".join(parts)


@cache
def _halves(name: str) -> str:
    plain = [d.name for d in dtypes.ALL if d.itemsize != 2 or not d.is_floating_point]
    lines = [f"#define LOAD_{name}(p, i) ((p)[i])" for name in plain]
    lines += [f"#define STORE_{name}(p, i, x) ((p)[i] = (x))" for name in plain if name != "bool"]
    return _HALVES[name] + _BFLOAT + "\n".join(lines) + "\n"


_INTEGER = """
FUNCTION {T} remainder_{D}({T} a, {T} b) {{
    if (b == 0 || (({T})-1 < 0 && b == ({T})-1)) return 0;
    {T} r = a % b;
    return (r != 0 && ((r < 0) != (b < 0))) ? ({T})(r + b) : r;
}}
FUNCTION {T} floor_divide_{D}({T} a, {T} b) {{
    if (b == 0) return 0;
    if (({T})-1 < 0 && b == ({T})-1) return ({T})(0 - ({U})a);
    {T} q = a / b;
    return (a % b != 0 && ((a < 0) != (b < 0))) ? ({T})(q - 1) : q;
}}
FUNCTION {T} fmod_{D}({T} a, {T} b) {{ return (b == 0 || (({T})-1 < 0 && b == ({T})-1)) ? 0 : a % b; }}
FUNCTION {T} pow_{D}({T} a, {T} b) {{
    if (b < 0) return a == 1 ? 1 : a == ({T})-1 ? (b % 2 ? ({T})-1 : 1) : 0;
    {U} r = 1, x = ({U})a;
    while (b > 0) {{ if (b & 1) r *= x; x *= x; b >>= 1; }}
    return ({T})r;
}}
FUNCTION {T} shift_left_{D}({T} a, {T} b) {{ return (b < 0 || b >= {N}) ? 0 : ({T})(({U})a << b); }}
FUNCTION {T} shift_right_{D}({T} a, {T} b) {{
    return (b < 0 || b >= {N}) ? (a < 0 ? ({T})-1 : 0) : ({T})(a >> b);
}}
"""

_FLOATING = """
FUNCTION {T} remainder_{D}({T} a, {T} b) {{
    {T} r = fmod(a, b);
    return (r != 0 && ((r < 0) != (b < 0))) ? r + b : r;
}}
FUNCTION {T} floor_divide_{D}({T} a, {T} b) {{
    if (b == 0) return a / b;
    {T} r = fmod(a, b), q = (a - r) / b;
    if (r != 0 && ((b < 0) != (r < 0))) q -= 1;
    if (q == 0) return copysign(({T})0, a / b);
    {T} f = floor(q);
    return q - f > ({T})0.5 ? f + 1 : f;
}}
"""
_NORMAL_CDF = """
FUNCTION {T} tpm_normal_cdf_{D}({T} x) {{ return ({T})0.5 * erfc(-x * ({T})0.70710678118654752440); }}
"""


def _functions(float64: bool, wide: bool) -> str:
    parts = []
    for dtype in dtypes.INTEGERS:
        type_ = TYPES[dtype.name]
        unsigned = "u64" if dtype.itemsize == 8 else "u32"
        parts.append(_INTEGER.format(T=type_, U=unsigned, D=dtype.name, N=8 * dtype.itemsize))
    floating = _FLOATING if wide and float64 else _FLOATING + _NORMAL_CDF
    parts.append(floating.format(T="float", D="float32"))
    if float64:
        parts.append(floating.format(T="double", D="float64"))
    return "".join(parts)


def literal(value: float, dtype: DType) -> str:
    """A number as source of this dtype, exactly."""
    if isinstance(value, bool) or not dtype.is_floating_point:
        if isinstance(value, float) and not value.is_integer():
            raise ValueError(
                f"the constant {value} has no {dtype.name} value; mark the op as floating in the table"
            )
        number = int(value)
        if number == -(1 << 63):
            return "((i64)-9223372036854775807 - 1)"
        return f"((i64){number})" if dtype.name == "int64" else str(number)
    mark, suffix = ("D", "") if dtype.itemsize == 8 else ("F", "f")
    if math.isnan(value):
        return f"NAN_{mark}"
    if math.isinf(value):
        return f"{'-' if value < 0 else ''}INF_{mark}"
    return f"{float(value).hex()}{suffix}"


_LOGIC = {
    "eq": "{0} == {1}",
    "ne": "{0} != {1}",
    "lt": "{0} < {1}",
    "le": "{0} <= {1}",
    "where": "{0} ? {1} : {2}",
}
_BITS = {"and_": "{0} & {1}", "or_": "{0} | {1}", "xor": "{0} ^ {1}"}
_ARITHMETIC = {**_LOGIC, "neg": "-{0}", "add": "{0} + {1}", "sub": "{0} - {1}", "mul": "{0} * {1}"}
_UNARY = (
    *("exp", "log", "sin", "cos", "tan", "tanh", "erf", "erfc", "log1p", "expm1", "log2", "log10", "exp2"),
    *("sinh", "cosh", "asin", "acos", "atan", "asinh", "acosh", "atanh", "sqrt", "floor", "ceil", "trunc"),
)
_FLOAT = {
    **_ARITHMETIC,
    "div": "{0} / {1}",
    "maximum": "(({0} > {1}) | ({0} != {0})) ? {0} : {1}",
    "minimum": "(({0} < {1}) | ({0} != {0})) ? {0} : {1}",
    "isnan": "{0} != {0}",
    "isinf": "isinf({0})",
    "isfinite": "isfinite({0})",
    "signbit": "signbit({0})",
    "abs": "fabs({0})",
    "round": "rint({0})",
    "normal_cdf": "tpm_normal_cdf_{D}({0})",
    **{op: f"{op}({{0}})" for op in _UNARY},
    **{op: f"{op}({{0}}, {{1}})" for op in ("pow", "atan2", "fmod", "hypot", "copysign")},
    **{op: f"{op}_{{D}}({{0}}, {{1}})" for op in ("remainder", "floor_divide")},
}
_INTEGRAL = {
    **_ARITHMETIC,
    **_BITS,
    "not_": "~{0}",
    "abs": "{0} < 0 ? -{0} : {0}",
    "floor": "{0}",
    "ceil": "{0}",
    "trunc": "{0}",
    "round": "{0}",
    "maximum": "{0} > {1} ? {0} : {1}",
    "minimum": "{0} < {1} ? {0} : {1}",
    "isnan": "0 & {0}",
    "isinf": "0 & {0}",
    "isfinite": "1 | {0}",
    "signbit": "{0} < 0",
    **{
        op: f"{op}_{{D}}({{0}}, {{1}})"
        for op in ("pow", "remainder", "floor_divide", "fmod", "shift_left", "shift_right")
    },
}
_TRUTH = {
    **_LOGIC,
    **_BITS,
    "not_": "!{0}",
    "add": "{0} | {1}",
    "mul": "{0} & {1}",
    "maximum": "{0} | {1}",
    "minimum": "{0} & {1}",
    "isnan": "0 & {0}",
    "isinf": "0 & {0}",
    "isfinite": "1 | {0}",
    "signbit": "0 & {0}",
}


_WIDE_UNARY = (
    *("exp", "log", "sin", "cos", "tan", "tanh", "erf", "erfc", "log1p", "expm1", "log2", "log10", "exp2"),
    *("sinh", "cosh"),
)
_WIDE_FLOAT32 = {
    **{op: text for op, text in _FLOAT.items() if op not in NO_NATIVE_SINGLE},
    **{op: f"tpm_{op}_{{D}}({{0}})" for op in _WIDE_UNARY},
    **{op: f"tpm_{op}_{{D}}({{0}}, {{1}})" for op in ("pow", "atan2", "hypot")},
}
_WIDE_FLOAT64 = {
    **_FLOAT,
    **{op: f"tpm_{op}_{{D}}({{0}})" for op in ("exp", "log", "tanh", "erf", "erfc", "log1p", "expm1")},
    "pow": "tpm_pow_{D}({0}, {1})",
}


@cache
def language(target: Target) -> Language:
    """How expressions are written for a target."""
    types = {name: text for name, text in TYPES.items() if target.float64 or name != "float64"}
    wide = target.wide and target.float64
    return Language(
        target.dialect.name,
        types=types,
        operations={
            "float32": _WIDE_FLOAT32 if wide else _FLOAT,
            "float64": _WIDE_FLOAT64 if wide else _FLOAT,
            "integer": _INTEGRAL,
            "bool": _TRUTH,
        },
        moderate=MODERATE if wide else {},
        literal=literal,
        fallible=dict.fromkeys(("remainder", "floor_divide", "fmod"), ("{1} == 0", 3)),
        truth="bool",
    )
