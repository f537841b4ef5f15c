"""Quantized arithmetic on plain integer tensors: what the quantization layer calls,
and devices may do faster.

A value is ``(level - zero_point) * scale``. The shape of the scale is its granularity: it has as many
dimensions as what it scales and divides its sizes, so that ``()`` is one scale for all, ``[N, 1]`` one a row
(per channel) and ``[N, K / g]`` one for each ``g`` elements of a row (per group). No zero point means zero:
symmetric.

Sums of products of integers are exact, in int32: up to 66,000 products of two bytes. Results that are
integers may be one step off between devices (the tolerance ``step``), since what is rounded was worked out in
float32.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from .. import dtypes
from ..dtypes import DType
from ..errors import DTypeError, ShapeError
from ..layout import Layout, dense
from ..op import ErrorCase, Input, Op, Sample
from . import F
from .common import Tensor, floating_only, reshape, sample, to_dtype, widen

BYTES: Final = (dtypes.int8, dtypes.uint8)


# -- granularity


def check_blocks(name: str, shape: Sequence[int], scale: Layout, zero_point: Layout | None) -> None:
    """Raise ShapeError where a scale of this shape cannot belong to a tensor of ``shape``."""
    fits = not scale.ndim or scale.ndim == len(shape)
    if not fits or any(n % s if s else n for n, s in zip(shape, scale.shape)):
        raise ShapeError(
            f"{name}: a scale of shape {list(scale.shape)} does not fit a tensor of shape {list(shape)}; "
            "give a 0-d scale, or one with as many dimensions whose sizes divide the tensor's: 1 along a "
            "dimension shares the scale, the full size gives one an element, between them one a group"
        )
    check_points(name, zero_point)
    if zero_point is not None and zero_point.shape != scale.shape:
        raise ShapeError(
            f"{name}: the zero points have shape {list(zero_point.shape)}, the scales {list(scale.shape)}; "
            f"give one zero point a scale, or None for zeros"
        )


def check_points(name: str, *zero_points: Layout | None) -> None:
    """Raise DTypeError for zero points of another dtype than int32: kernels read them as they lie."""
    for given in zero_points:
        if given is not None and given.dtype is not dtypes.int32:
            raise DTypeError(f"{name}: zero points are int32, not {given.dtype.name}; convert them first")


def _is_grouped(shape: Sequence[int], scale: Any) -> bool:
    return any(s not in (1, n) for n, s in zip(shape, scale.shape))


def _grouped(x: Tensor, scale: Any) -> Tensor:
    """``x`` with each dimension of n elements cut into the scale's groups: [s, n / s]."""
    return reshape(x, tuple(k for n, s in zip(x.shape, scale.shape) for k in (s, n // s if s else 0)))


def _beside_groups(x: Tensor) -> Tensor:
    return reshape(x, tuple(k for n in x.shape for k in (n, 1)))


def by_group(function: Any, x: Tensor, scale: Tensor, zero_point: Tensor | None) -> Tensor:
    """``function(x, scale, zero_point)`` with the scales broadcast over their groups."""
    if not _is_grouped(x.shape, scale):
        return function(x, scale, zero_point)
    points = None if zero_point is None else _beside_groups(zero_point)
    return reshape(function(_grouped(x, scale), _beside_groups(scale), points), tuple(x.shape))


# -- between numbers and levels


def rounded(x: Tensor, scale: Tensor, zero_point: Tensor | None, low: int, high: int) -> Tensor:
    """The level of each number, still floating: rounded to the nearest, even on a tie; NaN is the highest."""
    level = F.round(F.mul(x, to_dtype(F.reciprocal(scale), x.dtype)))
    if zero_point is not None:
        level = F.add(level, to_dtype(zero_point, level.dtype))
    level = F.minimum.call((F.maximum.call((level, float(low))), float(high)))
    return F.where(F.eq(level, level), level, float(high))


def _infer_quantize(
    input: Layout, scale: Layout, zero_point: Layout | None, dtype: DType, low: int, high: int
) -> Layout:
    floating_only("quantize", input)
    check_blocks("quantize", input.shape, scale, zero_point)
    if dtype not in BYTES:
        raise DTypeError(f"quantize: levels are int8 or uint8, not {dtype.name}; give one of these")
    return dense(input.shape, dtype)


def _decompose_quantize(
    input: Tensor, scale: Tensor, zero_point: Tensor | None, dtype: DType, low: int, high: int
) -> Tensor:
    def levels(x: Tensor, s: Tensor, z: Tensor | None) -> Tensor:
        return F.cast(F.cast(rounded(x, s, z, low, high), dtypes.int32), dtype)

    return F.copy(by_group(levels, widen(input), scale, zero_point))


def _infer_dequantize(input: Layout, scale: Layout, zero_point: Layout | None, dtype: DType) -> Layout:
    check_blocks("dequantize", input.shape, scale, zero_point)
    if not dtype.is_floating_point:
        raise DTypeError(f"dequantize: numbers are floating, not {dtype.name}; give float32, say")
    return dense(input.shape, dtype)


def _numbers(level: Tensor, scale: Tensor, zero_point: Tensor | None) -> Tensor:
    if zero_point is None:
        return F.mul(to_dtype(level, scale.dtype), scale)
    return F.mul(to_dtype(F.sub(to_dtype(level, dtypes.int32), zero_point), scale.dtype), scale)


def _decompose_dequantize(input: Tensor, scale: Tensor, zero_point: Tensor | None, dtype: DType) -> Tensor:
    return F.copy(to_dtype(by_group(_numbers, input, widen(scale), zero_point), dtype))


def _infer_fake(input: Layout, scale: Layout, zero_point: Layout | None, low: int, high: int) -> Layout:
    floating_only("fake_quantize", input)
    check_blocks("fake_quantize", input.shape, scale, zero_point)
    return dense(input.shape, input.dtype)


def _decompose_fake(input: Tensor, scale: Tensor, zero_point: Tensor | None, low: int, high: int) -> Tensor:
    def there_and_back(x: Tensor, s: Tensor, z: Tensor | None) -> Tensor:
        level = rounded(x, s, z, low, high)
        return F.mul(level if z is None else F.sub(level, to_dtype(z, level.dtype)), to_dtype(s, x.dtype))

    return F.copy(to_dtype(by_group(there_and_back, widen(input), scale, zero_point), input.dtype))


def _fake_vjp(
    grad: Tensor, input: Tensor, scale: Tensor, zero_point: Tensor | None, low: int, high: int
) -> Tensor:
    """Straight through where the number has a level, nothing where it was cut off. Source:
    arXiv:1308.3432."""

    def inside(x: Tensor, s: Tensor, z: Tensor | None) -> Tensor:
        level = F.round(F.mul(x, to_dtype(F.reciprocal(s), x.dtype)))
        if z is not None:
            level = F.add(level, to_dtype(z, level.dtype))
        return F.logical_and(F.ge(level, float(low)), F.le(level, float(high)))

    return F.where(by_group(inside, widen(input), scale, zero_point), grad, 0.0)


def _infer_choose(input: Layout, low: int, high: int, symmetric: bool) -> tuple[Layout, Layout]:
    floating_only("choose_qparams", input)
    if not input.numel:
        raise ShapeError(
            f"choose_qparams: a tensor of shape {list(input.shape)} has no numbers to choose a scale by; "
            "give one with elements"
        )
    return dense((), dtypes.float32), dense((), dtypes.int32)


SMALLEST_SCALE: Final = 2.0**-126 * 2**23  # 1 / scale stays finite, and numbers of this size keep their bits


def _decompose_choose(input: Tensor, low: int, high: int, symmetric: bool) -> tuple[Tensor, Tensor]:
    """The range of the numbers and 0, spread over the levels."""
    x = to_dtype(widen(input), dtypes.float32)
    least = F.minimum.call((F.amin(x, None, False), 0.0))
    most = F.maximum.call((F.amax(x, None, False), 0.0))
    if symmetric:
        reach = F.maximum(F.neg(least), most)
        scale = F.maximum.call((F.mul(reach, 2.0 / (high - low)), SMALLEST_SCALE))
        middle = (low + high + 1) // 2
        return scale, F.fill((), middle, dtypes.int32, device=input.device)
    scale = F.maximum.call((F.mul(F.sub(most, least), 1.0 / (high - low)), SMALLEST_SCALE))
    point = F.sub(float(low), F.round(F.mul(least, F.reciprocal(scale))))
    return scale, F.cast(F.minimum.call((F.maximum.call((point, float(low))), float(high))), dtypes.int32)


# -- four bits, and floats of eight


def _infer_pack(input: Layout) -> Layout:
    if input.dtype not in BYTES or not input.ndim:
        raise DTypeError(
            f"pack_int4: expected levels [..., K] in int8 or uint8, but got {input.dtype.name} "
            f"{list(input.shape)}; quantize with 4 bits first"
        )
    return dense((*input.shape[:-1], (input.shape[-1] + 1) // 2), dtypes.uint8)


def _sixteenths(x: Tensor) -> Tensor:
    """floor(x / 16), by arithmetic alone, which the smallest device has: bytes are exact in float32."""
    return F.floor(F.mul(x, 1 / 16))


def _decompose_pack(input: Tensor) -> Tensor:
    last, width = input.ndim - 1, input.shape[input.ndim - 1]
    if width % 2:
        input = F.constant_pad_nd(input, (0, 1), 0)
    levels = F.cast(input, dtypes.float32)
    halves = F.sub(levels, F.mul(_sixteenths(levels), 16.0))  # two's complement of four bits
    count = (width + 1) // 2
    even, odd = F.slice(halves, last, 0, count, 2), F.slice(halves, last, min(1, width), count, 2)
    return F.cast(F.add(even, F.mul(odd, 16.0)), dtypes.uint8)


def _infer_unpack(input: Layout, length: int, signed: bool) -> Layout:
    if input.dtype is not dtypes.uint8 or not input.ndim or input.shape[-1] != (length + 1) // 2:
        raise DTypeError(
            f"unpack_int4: expected uint8 [..., {(length + 1) // 2}] for {length} levels, but got "
            f"{input.dtype.name} {list(input.shape)}; give what pack_int4 made"
        )
    return dense((*input.shape[:-1], length), dtypes.int8 if signed else dtypes.uint8)


def _decompose_unpack(input: Tensor, length: int, signed: bool) -> Tensor:
    pairs = F.cast(input, dtypes.float32)
    high = _sixteenths(pairs)
    both = F.stack([F.sub(pairs, F.mul(high, 16.0)), high], input.ndim)
    both = reshape(both, (*input.shape[: input.ndim - 1], 2 * input.shape[input.ndim - 1]))
    if signed:
        both = F.sub(both, F.mul(_sixteenths(F.add(both, 8.0)), 16.0))
    return F.cast(F.slice(both, both.ndim - 1, 0, length, 1), dtypes.int8 if signed else dtypes.uint8)


# exponent bits, mantissa bits, bias, largest finite number, whether there are infinities
FLOAT8: Final = {"e4m3fn": (4, 3, 7, 448.0, False), "e5m2": (5, 2, 15, 57344.0, True)}


def _checked_format(name: str, format: str) -> tuple[int, int, int, float, bool]:
    if format not in FLOAT8:
        raise DTypeError(f"{name}: the format {format!r} is unknown; choose one of {', '.join(FLOAT8)}")
    return FLOAT8[format]


def _infer_float8_encode(input: Layout, format: str) -> Layout:
    floating_only("float8_encode", input)
    _checked_format("float8_encode", format)
    return dense(input.shape, dtypes.uint8)


def _decompose_float8_encode(input: Tensor, format: str) -> Tensor:
    """Round to the mantissa's bits, even on a tie, by adding and taking away in float32's own bits.

    Out of range: the largest number in e4m3fn, infinity in e5m2, as PyTorch has it.
    """
    exponent_bits, mantissa, bias, largest, infinite = FLOAT8[format]
    x = F.copy(to_dtype(input, dtypes.float32))
    bits = F.view_dtype(x, dtypes.int32)
    sign = F.bitwise_and(F.bitwise_right_shift(bits, 24), 128)
    size = F.bitwise_and(bits, 0x7FFFFFFF)
    cut = 23 - mantissa
    odd = F.bitwise_and(F.bitwise_right_shift(size, cut), 1)
    rounded = F.bitwise_right_shift(F.add(F.add(size, (1 << (cut - 1)) - 1), odd), cut)
    normal = F.sub(rounded, (127 - bias) << mantissa)
    step = 2.0 ** (bias - 1 + mantissa)  # subnormals are multiples of 1 / step
    magnitude = F.view_dtype(F.copy(size), dtypes.float32)
    small = F.lt(magnitude, 2.0 ** (1 - bias))
    finite = F.where(small, magnitude, 0.0)
    subnormal = F.cast(F.round(F.mul(finite, step)), dtypes.int32)
    code = F.where(small, subnormal, normal)
    top = ((1 << exponent_bits) - 1) << mantissa
    beyond = top if infinite else 0x7E
    limit = (top - 1) if infinite else 0x7E
    code = F.where(F.gt(code, limit), beyond, code)
    code = F.where(F.ne(x, x), 0x7F, code)
    return F.cast(F.bitwise_or(code, sign), dtypes.uint8)


def _infer_float8_decode(input: Layout, format: str, dtype: DType) -> Layout:
    _checked_format("float8_decode", format)
    if input.dtype is not dtypes.uint8 or not dtype.is_floating_point:
        raise DTypeError(
            f"float8_decode: expected uint8 codes and a floating result, but got {input.dtype.name} and "
            f"{dtype.name}; give what float8_encode made"
        )
    return dense(input.shape, dtype)


def _decompose_float8_decode(input: Tensor, format: str, dtype: DType) -> Tensor:
    exponent_bits, mantissa, bias, largest, infinite = FLOAT8[format]
    code = F.cast(input, dtypes.int32)
    size = F.bitwise_and(code, 127)
    exponent = F.bitwise_right_shift(size, mantissa)
    bits = F.add(F.bitwise_left_shift(size, 23 - mantissa), (127 - bias) << 23)
    normal = F.view_dtype(F.copy(bits), dtypes.float32)
    fraction = F.cast(F.bitwise_and(size, (1 << mantissa) - 1), dtypes.float32)
    value = F.where(F.eq(exponent, 0), F.mul(fraction, 2.0 ** (1 - bias - mantissa)), normal)
    top = ((1 << exponent_bits) - 1) << mantissa
    if infinite:
        value = F.where(F.eq(size, top), float("inf"), value)
        value = F.where(F.gt(size, top), float("nan"), value)
    else:
        value = F.where(F.eq(size, 127), float("nan"), value)
    return F.copy(to_dtype(F.where(F.gt(code, 127), F.neg(value), value), dtype))


# -- samples

SCALE = Input((), values=(0.25,), dtype="float32")
POINT = Input((), values=(3,), dtype="int32")
LONG_POINT = Input((), values=(3,), dtype="int64")
ROWS = Input((3, 1), values=(0.25, 0.5, 0.125), dtype="float32")
GROUPS = Input((3, 2), values=(0.25, 0.5, 0.125, 1.0, 0.5, 2.0), dtype="float32")
GROUP_POINTS = Input((3, 2), values=(0, 1, -2, 3, 0, 7), dtype="int32")
_EDGES = Input(
    (8,),
    dtype="float32",
    values=(float("nan"), float("inf"), float("-inf"), -0.0, 1e30, -1e-40, 0.375, -0.125),
)


def _quantize_samples() -> Iterable[Sample]:
    yield sample(Input((3, 4), -20.0, 20.0), SCALE, POINT, dtypes.uint8, 0, 255, note="per tensor")
    yield sample(Input((3, 4), -20.0, 20.0), ROWS, None, dtypes.int8, -128, 127, note="per channel")
    yield sample(Input((3, 4)), GROUPS, GROUP_POINTS, dtypes.int8, -8, 7, note="per group, 4 bits")
    yield sample(_EDGES, SCALE, POINT, dtypes.uint8, 0, 255, note="NaN, infinities, ties")
    yield sample(Input((3, 4), layout="transposed"), ROWS, None, dtypes.int8, -127, 127)
    yield sample(Input((0, 4)), SCALE, None, dtypes.int8, -128, 127, note="empty")
    yield sample(Input(()), SCALE, POINT, dtypes.uint8, 0, 255, note="0-d")


def _quantize_errors() -> Iterable[ErrorCase]:
    yield ErrorCase(
        (Input((3, 4)), Input((3,), values=(1, 1, 1), dtype="float32"), None, dtypes.int8, -128, 127),
        "ShapeError",
        "a scale of shape [3] does not fit a tensor of shape [3, 4]",
    )
    yield ErrorCase(
        (Input((3, 5)), GROUPS, None, dtypes.int8, -8, 7), "ShapeError", "whose sizes divide the tensor's"
    )
    yield ErrorCase((Input((3, 4)), SCALE, None, dtypes.int32, 0, 9), "DTypeError", "not int32")
    yield ErrorCase((Input((3, 4)), SCALE, LONG_POINT, dtypes.int8, 0, 9), "DTypeError", "not int64")
    yield ErrorCase(
        (Input((3, 4)), GROUPS, POINT, dtypes.int8, 0, 9), "ShapeError", "give one zero point a scale"
    )


def levels_input(*shape: int, dtype: str = "int8", layout: str = "dense") -> Input:
    return Input(
        shape, 0 if dtype == "uint8" else -128, 255 if dtype == "uint8" else 127, dtype, layout=layout
    )


def _dequantize_samples() -> Iterable[Sample]:
    yield sample(levels_input(3, 4, dtype="uint8"), SCALE, POINT, dtypes.float32, note="per tensor")
    yield sample(levels_input(3, 4), ROWS, None, dtypes.float32, note="per channel")
    yield sample(levels_input(3, 4), GROUPS, GROUP_POINTS, dtypes.float32, note="per group")
    yield sample(levels_input(3, 4, layout="transposed"), ROWS, None, dtypes.bfloat16)
    yield sample(levels_input(0, 4), SCALE, None, dtypes.float32, note="empty")


def _fake_samples() -> Iterable[Sample]:
    yield sample(Input((3, 4), -20.0, 20.0), SCALE, POINT, -8, 7, note="per tensor, some cut off")
    yield sample(Input((3, 4), -20.0, 20.0), ROWS, None, -128, 127, note="per channel")
    yield sample(Input((3, 4)), GROUPS, GROUP_POINTS, -8, 7, note="per group")
    yield sample(Input((3, 4), layout="sliced"), SCALE, None, -128, 127)


def _choose_samples() -> Iterable[Sample]:
    yield sample(Input((4,), values=(-1.0, 3.0, 0.5, 2.0)), 0, 255, False)
    yield sample(Input((2, 2), values=(-1.0, 3.0, 0.5, 2.0)), -128, 127, True)
    yield sample(Input((2,), values=(2.0, 4.0)), 0, 255, False, note="0 is always in the range")
    yield sample(Input((2,), values=(0.0, 0.0)), 0, 255, False, note="nothing but zeros")


def _four(*shape: int, dtype: str = "int8") -> Input:
    return Input(shape, -8 if dtype == "int8" else 0, 7 if dtype == "int8" else 15, dtype)


def _float8_samples() -> Iterable[Sample]:
    for format in FLOAT8:
        yield sample(Input((5, 7), -500.0, 500.0), format)
        yield sample(Input((64,), -0.02, 0.02, dtype="float32"), format, note="subnormals")
        yield sample(_EDGES, format, note="special values")


def _float8_decode_samples() -> Iterable[Sample]:
    for format in FLOAT8:
        yield sample(
            Input((16, 16), values=tuple(range(256)), dtype="uint8"),
            format,
            dtypes.float32,
            note="every code",
        )


def point_like(dtype: str) -> Input | None:
    return Input((), values=(117,), dtype="int32") if dtype == "uint8" else None


def op(schema: str, **columns: Any) -> Op:
    return Op(schema, tier=4, family="quantized", autocast="none", **{"tolerance": "step", **columns})


OPS: tuple[Op, ...] = (
    op(
        "quantize(Tensor input, Tensor scale, Tensor? zero_point, dtype dtype, int low, int high)",
        infer=_infer_quantize,
        decompose=_decompose_quantize,
        samples=_quantize_samples,
        dtypes="floating",
        errors=_quantize_errors,
        onnx="QuantizeLinear",
        doc="The levels of numbers: round(input / scale) + zero_point, halves to even, "
        "cut off at low and high. Source: torch.quantize_per_tensor, ONNX QuantizeLinear (with blocks).",
        shapes="input [*S], scale [*Q], zero_point [*Q] -> [*S]",
    ),
    op(
        "dequantize(Tensor input, Tensor scale, Tensor? zero_point, dtype dtype)",
        infer=_infer_dequantize,
        decompose=_decompose_dequantize,
        samples=_dequantize_samples,
        onnx="DequantizeLinear",
        doc="The numbers of levels: (input - zero_point) * scale. Source: ONNX DequantizeLinear.",
        shapes="input [*S], scale [*Q], zero_point [*Q] -> [*S]",
    ),
    op(
        "fake_quantize(Tensor input, Tensor scale, Tensor? zero_point, int low, int high)",
        infer=_infer_fake,
        decompose=_decompose_fake,
        vjp={"input": _fake_vjp},
        samples=_fake_samples,
        dtypes="floating",
        onnx="QuantizeLinear, DequantizeLinear",
        doc="Numbers rounded to what their levels stand for; gradients pass straight through. Source: "
        "torch.fake_quantize_per_tensor_affine.",
        shapes="input [*S], scale [*Q], zero_point [*Q] -> [*S]",
    ),
    op(
        "choose_qparams(Tensor input, int low, int high, bool symmetric) -> scale, zero_point",
        infer=_infer_choose,
        decompose=_decompose_choose,
        samples=_choose_samples,
        dtypes="floating",
        onnx="DynamicQuantizeLinear",
        doc="The scale and zero point that spread the range of the input, with 0, "
        "over the levels low to high. Source: ONNX DynamicQuantizeLinear.",
        shapes="input [*S] -> scale [], zero_point []",
    ),
    op(
        "pack_int4(Tensor input)",
        infer=_infer_pack,
        decompose=_decompose_pack,
        samples=lambda: [sample(_four(3, 4)), sample(_four(2, 5, dtype="uint8")), sample(_four(2, 0))],
        tolerance="exact",
        doc="Levels of four bits [..., K], two a byte [..., ceil(K / 2)]: the first in the low half. "
        "Source: ONNX INT4.",
        shapes="input [*S, K] -> [*S, (K + 1) // 2]",
    ),
    op(
        "unpack_int4(Tensor input, int length, bool signed)",
        infer=_infer_unpack,
        decompose=_decompose_unpack,
        samples=lambda: [
            sample(Input((3, 2), 0, 255, "uint8"), 4, True),
            sample(Input((2, 3), 0, 255, "uint8"), 5, False, note="an odd length"),
        ],
        tolerance="exact",
        doc="What pack_int4 packed: levels [..., length] in int8 (signed) or uint8. Source: ONNX INT4.",
        shapes="input [*S, K] -> [*S, length]",
    ),
    op(
        "float8_encode(Tensor input, str format)",
        infer=_infer_float8_encode,
        decompose=_decompose_float8_encode,
        samples=_float8_samples,
        dtypes="floating",
        tolerance="exact",
        doc="The codes of numbers rounded to floats of eight bits, e4m3fn or e5m2. Source: arXiv:2209.05433.",
    ),
    op(
        "float8_decode(Tensor input, str format, dtype dtype)",
        infer=_infer_float8_decode,
        decompose=_decompose_float8_decode,
        samples=_float8_decode_samples,
        tolerance="exact",
        doc="The numbers of codes of eight bits, e4m3fn or e5m2. Source: arXiv:2209.05433.",
    ),
)
