"""Products of quantized operands: sums of integers, and weights of few bits.
See ``quantized`` for the levels.

A symmetric weight has one scale, or one a row; what it meets has one scale and perhaps a zero point.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import prod
from typing import Any

from .. import dtypes
from ..dtypes import DType
from ..errors import DTypeError, ShapeError
from ..layout import Layout, dense
from ..op import ErrorCase, Input, Op, Sample
from . import F
from .common import Shape, Tensor, floating_only, reshape, sample, sum_to, to_dtype
from .convolution import _check as conv_shape
from .convolution import _decompose_conv
from .quantized import (
    BYTES,
    GROUP_POINTS,
    GROUPS,
    POINT,
    ROWS,
    SCALE,
    check_blocks,
    check_points,
    levels_input,
    op,
    point_like,
    rounded,
)


def _check_bias(name: str, weight: Layout, bias: Layout | None) -> None:
    if bias is not None and tuple(bias.shape) != (weight.shape[0],):
        raise ShapeError(
            f"{name}: the bias has shape {list(bias.shape)}, but there are {weight.shape[0]} outputs; give "
            "one number an output"
        )


def _check_rest(
    name: str,
    weight: Layout,
    bias: Layout | None,
    sums: Layout | None,
    scale: Layout | None,
    *zero_points: Layout | None,
) -> None:
    """What is added and taken off: the bias, the sums of the weight's rows, scales and zero points of all."""
    _check_bias(name, weight, bias)
    if sums is not None and sums.numel != weight.shape[0]:
        raise ShapeError(
            f"{name}: weight_sum has shape {list(sums.shape)}, but the weight has {weight.shape[0]} rows; it "
            "is the sum of each"
        )
    if sums is not None and sums.dtype is not dtypes.int32:
        raise DTypeError(f"{name}: weight_sum is int32, not {sums.dtype.name}; convert it first")
    check_points(name, *zero_points)
    for each in (scale, *zero_points):
        if each is not None and each.numel != 1:
            raise ShapeError(
                f"{name}: a scale or zero point of the whole tensor has shape {list(each.shape)}; give one "
                "number"
            )


def _checked_product(
    name: str,
    input: Layout,
    weight: Layout,
    input_scale: Layout,
    weight_scale: Layout,
    dtype: DType,
    output_scale: Layout | None,
) -> None:
    if input.dtype not in BYTES or weight.dtype is not dtypes.int8:
        raise DTypeError(
            f"{name}: expected an input of int8 or uint8 and a weight of int8, "
            f"but got {input.dtype.name} and {weight.dtype.name}; quantize them first"
        )
    if input_scale.numel != 1:
        raise ShapeError(
            f"{name}: the input's scale has shape {list(input_scale.shape)}, but sums of integers need one "
            f"for the whole input; quantize it per tensor"
        )
    rows = (weight.shape[0], *(1 for _ in weight.shape[1:]))
    if weight_scale.numel != 1 and tuple(weight_scale.shape) != rows:
        raise ShapeError(
            f"{name}: the weight's scale has shape {list(weight_scale.shape)}, but sums of integers need () "
            f"or {list(rows)}; quantize the weight per tensor or per channel 0"
        )
    if (output_scale is None) != dtype.is_floating_point or not (dtype.is_floating_point or dtype in BYTES):
        raise DTypeError(
            f"{name}: a result of {dtype.name} {'needs' if output_scale is None else 'takes no'} "
            f"output_scale;"
            f" give one with int8 or uint8, and none with a floating dtype"
        )


def _centered(x: Tensor, zero_point: Tensor | None) -> Tensor:
    wide = F.cast(x, dtypes.int32)
    return wide if zero_point is None else F.sub(wide, reshape(zero_point, ()))


def _finished(
    total: Tensor,
    factor: Tensor,
    bias: Tensor | None,
    output_scale: Tensor | None,
    output_zero_point: Tensor | None,
    dtype: DType,
) -> Tensor:
    """The sums of products as numbers, or as levels of the output."""
    result = F.mul(to_dtype(total, factor.dtype), factor)
    if bias is not None:
        result = F.add(result, bias)
    if output_scale is None:
        return to_dtype(result, dtype)
    scale, point = reshape(output_scale, ()), output_zero_point
    point = None if point is None else reshape(point, ())
    levels = rounded(result, scale, point, int(dtype.min), int(dtype.max))
    return F.cast(F.cast(levels, dtypes.int32), dtype)


def _infer_linear(
    input: Layout,
    weight: Layout,
    bias: Layout | None,
    input_scale: Layout,
    input_zero_point: Layout | None,
    weight_scale: Layout,
    weight_sum: Layout | None,
    output_scale: Layout | None,
    output_zero_point: Layout | None,
    dtype: DType,
) -> Layout:
    name = "quantized_linear"
    _checked_product(name, input, weight, input_scale, weight_scale, dtype, output_scale)
    if weight.ndim != 2 or input.ndim < 1 or input.shape[-1] != weight.shape[1]:
        raise ShapeError(
            f"{name} takes an input [..., in_features] and a weight [out_features, in_features], but got "
            f"{list(input.shape)} and {list(weight.shape)}"
        )
    _check_rest(name, weight, bias, weight_sum, output_scale, input_zero_point, output_zero_point)
    return dense((*input.shape[:-1], weight.shape[0]), dtype)


def _decompose_linear(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    input_scale: Tensor,
    input_zero_point: Tensor | None,
    weight_scale: Tensor,
    weight_sum: Tensor | None,
    output_scale: Tensor | None,
    output_zero_point: Tensor | None,
    dtype: DType,
) -> Tensor:
    total = F.linear(_centered(input, input_zero_point), F.cast(weight, dtypes.int32), None)
    factor = F.mul(reshape(weight_scale, (-1,)), reshape(input_scale, ()))
    return _finished(total, factor, bias, output_scale, output_zero_point, dtype)


def _infer_matmul(
    input: Layout,
    other: Layout,
    input_scale: Layout,
    input_zero_point: Layout | None,
    other_scale: Layout,
    other_zero_point: Layout | None,
    dtype: DType,
) -> Layout:
    name = "quantized_matmul"
    if input.dtype not in BYTES or other.dtype not in BYTES or not dtype.is_floating_point:
        raise DTypeError(
            f"{name}: expected int8 or uint8 and a floating result, but got {input.dtype.name}, "
            f"{other.dtype.name} and {dtype.name}; quantize both operands"
        )
    check_points(name, input_zero_point, other_zero_point)
    if input_scale.numel != 1 or other_scale.numel != 1:
        raise ShapeError(
            f"{name}: the scales have shapes {list(input_scale.shape)} and {list(other_scale.shape)}, "
            "but sums of integers need one for each operand; quantize both per tensor"
        )
    if (
        input.ndim < 2
        or other.ndim != input.ndim
        or input.shape[:-2] != other.shape[:-2]
        or (input.shape[-1] != other.shape[-2])
    ):
        raise ShapeError(
            f"{name} takes [..., M, K] and [..., K, N] with the same batch dimensions, but got "
            f"{list(input.shape)} and {list(other.shape)}"
        )
    return dense((*input.shape[:-1], other.shape[-1]), dtype)


def _decompose_matmul(
    input: Tensor,
    other: Tensor,
    input_scale: Tensor,
    input_zero_point: Tensor | None,
    other_scale: Tensor,
    other_zero_point: Tensor | None,
    dtype: DType,
) -> Tensor:
    total = F.matmul(_centered(input, input_zero_point), _centered(other, other_zero_point))
    factor = F.mul(reshape(input_scale, ()), reshape(other_scale, ()))
    return _finished(total, factor, None, None, None, dtype)


def _infer_conv2d(
    input: Layout,
    weight: Layout,
    bias: Layout | None,
    input_scale: Layout,
    input_zero_point: Layout | None,
    weight_scale: Layout,
    weight_sum: Layout | None,
    output_scale: Layout | None,
    output_zero_point: Layout | None,
    stride: Shape,
    padding: Shape,
    dilation: Shape,
    groups: int,
    dtype: DType,
) -> Layout:
    name = "quantized_conv2d"
    _checked_product(name, input, weight, input_scale, weight_scale, dtype, output_scale)
    shape = conv_shape(name, tuple(input.shape), tuple(weight.shape), stride, padding, dilation, groups)
    _check_rest(name, weight, bias, weight_sum, output_scale, input_zero_point, output_zero_point)
    return dense(shape, dtype)


def _decompose_conv2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    input_scale: Tensor,
    input_zero_point: Tensor | None,
    weight_scale: Tensor,
    weight_sum: Tensor | None,
    output_scale: Tensor | None,
    output_zero_point: Tensor | None,
    stride: Shape,
    padding: Shape,
    dilation: Shape,
    groups: int,
    dtype: DType,
) -> Tensor:
    total = _decompose_conv(
        _centered(input, input_zero_point),
        F.cast(weight, dtypes.int32),
        None,
        stride,
        padding,
        dilation,
        groups,
    )
    factor = F.mul(reshape(weight_scale, (-1, 1, 1)), reshape(input_scale, ()))
    wide = None if bias is None else reshape(bias, (bias.numel(), 1, 1))
    return _finished(total, factor, wide, output_scale, output_zero_point, dtype)


def _weight_shape(input: Any, weight: Any, bits: int) -> Shape:
    return (weight.shape[0], input.shape[-1] if bits == 4 else weight.shape[1])


def _infer_weight_only(
    input: Layout,
    weight: Layout,
    scale: Layout,
    zero_point: Layout | None,
    bias: Layout | None,
    bits: int,
    signed: bool,
) -> Layout:
    name = "weight_only_linear"
    floating_only(name, input)
    wanted = dtypes.uint8 if bits == 4 or not signed else dtypes.int8
    if bits not in (4, 8) or weight.dtype is not wanted:
        raise DTypeError(
            f"{name}: a weight of {weight.dtype.name} with bits={bits} and signed={signed}; 8 bits are int8 "
            f"(signed) or uint8, 4 bits are packed in uint8 by pack_int4"
        )
    inner = input.shape[-1] if input.ndim else 0
    stored = (inner + 1) // 2 if bits == 4 else inner
    if weight.ndim != 2 or not input.ndim or weight.shape[1] != stored:
        raise ShapeError(
            f"{name} takes an input [..., {inner}] and so a weight [out_features, {stored}] of {bits} bits, "
            f"but got {list(input.shape)} and {list(weight.shape)}"
        )
    check_blocks(name, (weight.shape[0], inner), scale, zero_point)
    _check_bias(name, weight, bias)
    return dense((*input.shape[:-1], weight.shape[0]), input.dtype)


def _whole_weight(
    input: Tensor, weight: Tensor, scale: Tensor, zero_point: Tensor | None, bits: int, signed: bool
) -> Tensor:
    if bits == 4:
        weight = F.unpack_int4(weight, input.shape[input.ndim - 1], signed)
    return F.dequantize(weight, scale, zero_point, input.dtype)


def _decompose_weight_only(
    input: Tensor,
    weight: Tensor,
    scale: Tensor,
    zero_point: Tensor | None,
    bias: Tensor | None,
    bits: int,
    signed: bool,
) -> Tensor:
    return F.linear(input, _whole_weight(input, weight, scale, zero_point, bits, signed), bias)


def _weight_only_vjp(
    grad: Tensor,
    weight: Tensor,
    scale: Tensor,
    zero_point: Tensor | None,
    input_layout: Layout,
    bits: int,
    signed: bool,
) -> Tensor:
    if bits == 4:
        weight = F.unpack_int4(weight, input_layout.shape[-1], signed)
    whole = F.dequantize(weight, scale, zero_point, grad.dtype)
    return F.linear(grad, F.transpose(whole, 0, 1), None)


# -- samples


def _product(
    levels: Input,
    weight: Input,
    *window: Any,
    bias: Input | None = None,
    point: Input | None = POINT,
    scale: Input = ROWS,
    output: float | None = None,
    output_point: Input | None = None,
    dtype: DType = dtypes.float32,
    note: str = "",
) -> Sample:
    """A call of quantized_linear or quantized_conv2d; with ``output``, the scale of levels that come out."""
    scaled = None if output is None else Input((), values=(output,), dtype="float32")
    rest = (None, scaled, output_point, *window, dtype)
    return sample(levels, weight, bias, SCALE, point, scale, *rest, note=note)


def _linear_samples() -> Iterable[Sample]:
    weight, bias = levels_input(3, 8), Input((3,), dtype="float32")
    for name in ("uint8", "int8"):
        levels, point, dtype = levels_input(5, 8, dtype=name), point_like(name), getattr(dtypes, name)
        yield _product(levels, weight, bias=bias, point=point, note="per channel")
        whole: dict[str, Any] = {"output": 16.0, "output_point": point, "dtype": dtype}
        yield _product(levels, weight, point=point, scale=SCALE, **whole, note="integers come out")
    levels = levels_input(5, 8, dtype="uint8")
    both: dict[str, Any] = {"output": 16.0, "output_point": POINT, "dtype": dtypes.uint8}
    yield _product(levels, weight, bias=bias, **both, note="bias, and both zero points")
    odd = levels_input(2, 3, 7, dtype="uint8"), levels_input(3, 7)
    yield _product(*odd, note="3-d, an odd size")
    large = levels_input(70, 65, dtype="uint8"), levels_input(33, 65)
    yield _product(*large, scale=SCALE, note="larger, no round numbers")
    yield _product(levels_input(0, 8, dtype="uint8"), weight, note="empty")
    turned = levels_input(5, 8, dtype="uint8", layout="transposed"), levels_input(3, 8, layout="sliced")
    yield _product(*turned, note="strided")


def _linear_errors() -> Iterable[ErrorCase]:
    levels, weight = levels_input(5, 8, dtype="uint8"), levels_input(3, 8)
    yield ErrorCase(
        (
            Input((5, 8), dtype="float32"),
            weight,
            None,
            SCALE,
            None,
            SCALE,
            None,
            None,
            None,
            dtypes.float32,
        ),
        "DTypeError",
        "but got float32 and int8; quantize them first",
    )
    yield ErrorCase(
        (levels, weight, None, SCALE, None, GROUPS, None, None, None, dtypes.float32),
        "ShapeError",
        "need () or [3, 1]; quantize the weight per tensor or per channel 0",
    )
    yield ErrorCase(
        (levels, weight, None, SCALE, None, SCALE, None, None, None, dtypes.int8),
        "DTypeError",
        "a result of int8 needs output_scale",
    )


def _matmul_samples() -> Iterable[Sample]:
    yield sample(
        levels_input(5, 8, dtype="uint8"), levels_input(8, 3), SCALE, POINT, SCALE, None, dtypes.float32
    )
    yield sample(
        levels_input(2, 5, 8),
        levels_input(2, 8, 3, dtype="uint8"),
        SCALE,
        None,
        SCALE,
        POINT,
        dtypes.float32,
        note="batched",
    )
    for point in (POINT, None):
        yield sample(
            levels_input(5, 8, dtype="uint8"),
            levels_input(8, 3, dtype="uint8"),
            SCALE,
            point,
            SCALE,
            point,
            dtypes.float32,
            note="both zero points, or none",
        )


def _conv_samples() -> Iterable[Sample]:
    rows = Input((4, 1, 1, 1), values=(0.25, 0.5, 0.125, 1.0), dtype="float32")
    plain: tuple[Any, ...] = ((1, 1), (1, 1), (1, 1), 1)
    given = levels_input(2, 3, 6, 5, dtype="uint8"), levels_input(4, 3, 3, 3)
    bias = Input((4,), dtype="float32")
    whole: dict[str, Any] = {"output": 32.0, "output_point": POINT, "dtype": dtypes.uint8}
    yield _product(*given, *plain, bias=bias, scale=rows, note="padded")
    groups = levels_input(1, 4, 7, 9), levels_input(4, 2, 3, 2), (2, 1), (1, 0), (1, 2), 2
    text = "groups, stride, dilation; integers come out"
    yield _product(*groups, point=None, scale=rows, **whole, note=text)
    yield _product(*given, *plain, bias=bias, scale=rows, **whole, note="bias, and both zero points")
    large = levels_input(1, 19, 12, 21, dtype="uint8"), levels_input(4, 19, 3, 3)
    yield _product(*large, *plain, scale=rows, note="larger, no round numbers")


def _weight_only_samples() -> Iterable[Sample]:
    yield sample(Input((5, 4)), levels_input(3, 4), ROWS, None, Input((3,)), 8, True, note="per channel")
    yield sample(Input((2, 5, 4)), levels_input(3, 4), GROUPS, GROUP_POINTS, None, 8, True, note="groups")
    yield sample(
        Input((5, 4)), Input((3, 2), 0, 255, "uint8"), GROUPS, None, None, 4, True, note="4 bits, groups"
    )
    yield sample(
        Input((1, 7)),
        Input((3, 4), 0, 255, "uint8"),
        ROWS,
        _first_points(),
        Input((3,)),
        4,
        False,
        note="4 bits without sign, an odd size",
    )


def _first_points() -> Input:
    return Input((3, 1), values=(8, 7, 9), dtype="int32")


OPS: tuple[Op, ...] = (
    op(
        "quantized_linear(Tensor input, Tensor weight, Tensor? bias, Tensor input_scale, "
        "Tensor? input_zero_point, Tensor weight_scale, Tensor? weight_sum, Tensor? output_scale, "
        "Tensor? output_zero_point, dtype dtype)",
        infer=_infer_linear,
        flops=lambda out, input, *_: 2 * out.numel * input.shape[-1],
        decompose=_decompose_linear,
        vjp={"bias": lambda grad: F.sum(grad, tuple(range(grad.ndim - 1)), False)},
        samples=_linear_samples,
        errors=_linear_errors,
        onnx="DequantizeLinear, MatMul, Add, QuantizeLinear",
        doc="input [..., K] of levels times the transposed symmetric weight [N, K], summed as integers; "
        "numbers come out, or levels where there is an output_scale: what lies midway between two goes to "
        "the even one. weight_sum: the sums of the weight's rows, int32 [N], worked out where they are not "
        "given. Source: ONNX QLinearMatMul.",
        shapes="input [*S, K], weight [N, K], bias [N] -> [*S, N]",
    ),
    op(
        "quantized_matmul(Tensor input, Tensor other, Tensor input_scale, Tensor? input_zero_point, "
        "Tensor other_scale, Tensor? other_zero_point, dtype dtype)",
        infer=_infer_matmul,
        flops=lambda out, input, *_: 2 * out.numel * input.shape[-1],
        decompose=_decompose_matmul,
        samples=_matmul_samples,
        onnx="DequantizeLinear, MatMul",
        doc="Products of matrices of levels [..., M, K] and [..., K, N], summed as integers. "
        "Source: ONNX MatMulInteger.",
        shapes="input [*batch, M, K], other [*batch, K, N] -> [*batch, M, N]",
    ),
    op(
        "quantized_conv2d(Tensor input, Tensor weight, Tensor? bias, Tensor input_scale, "
        "Tensor? input_zero_point, Tensor weight_scale, Tensor? weight_sum, Tensor? output_scale, "
        "Tensor? output_zero_point, int[] stride, int[] padding, int[] dilation, int groups, dtype dtype)",
        infer=_infer_conv2d,
        flops=lambda out, input, weight, *_: 2 * out.numel * prod(weight.shape[1:]),
        decompose=_decompose_conv2d,
        vjp={"bias": lambda grad: F.sum(grad, (0, 2, 3), False)},
        samples=_conv_samples,
        onnx="DequantizeLinear, Conv, QuantizeLinear",
        doc="Cross-correlation of levels [N, C, H, W] with a symmetric weight [out, C / groups, h, w], "
        "summed as integers; the border is filled with zeros, which are the zero point. Otherwise as "
        "quantized_linear. Source: ONNX QLinearConv.",
        shapes="input [N, C, *S], weight [O, C // groups, *K], bias [O] -> [N, O, *P]",
    ),
    op(
        "weight_only_linear(Tensor input, Tensor weight, Tensor scale, Tensor? zero_point, Tensor? bias, "
        "int bits, bool signed)",
        infer=_infer_weight_only,
        flops=lambda out, input, *_: 2 * out.numel * input.shape[-1],
        decompose=_decompose_weight_only,
        vjp={"input": _weight_only_vjp, "bias": lambda grad, bias_layout: sum_to(grad, bias_layout.shape)},
        samples=_weight_only_samples,
        dtypes="floating",
        tolerance="matmul",
        onnx="DequantizeLinear, MatMul, Add",
        doc="input [..., K] times the transposed weight [N, K] of 8 bits, or of 4 packed two a byte, with "
        "the bias added. Source: arXiv:2210.17323.",
        shapes="input [*S, K], weight [N, *W], scale [*Q], zero_point [*Q], bias [N] -> [*S, N]",
    ),
)
