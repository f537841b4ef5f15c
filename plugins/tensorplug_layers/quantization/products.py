"""Products with quantized operands, as quantized ops of the table."""

from __future__ import annotations

from typing import Any, Final

from tensorplug_dispatcher import dtypes
from tensorplug_dispatcher.context import CONTEXT
from tensorplug_dispatcher.ops import F

from .quantizer import (
    FOUR_BITS,
    UNPACKED,
    Quantizer,
    Tensor,
    dequantized,
    is_quantized,
    made,
    quantizer_of,
    stored,
)

BYTES: Final = (dtypes.qint8, dtypes.quint8)


class Refused(Exception):
    """A quantized op does not serve these operands; the text says why."""


def _scalar(part: Tensor | None) -> Tensor | None:
    return None if part is None else F.view(part, ())


def as_activation(x: Tensor, weight: Quantizer) -> tuple[Tensor, Tensor, Tensor | None]:
    """Levels, scale and zero point of the operand that meets a weight, by the weight's recipe."""
    if is_quantized(x):
        own = quantizer_of(x)
        if x.dtype not in BYTES or not own.per_tensor:
            raise Refused("the input is not quantized to bytes with one scale")
        return stored(x), _scalar(own.scale), _scalar(own.zero_point)
    recipe = weight.recipe
    if recipe is None or recipe.activation is None:
        raise Refused("the weight's recipe leaves the input as it is")
    if CONTEXT.get().grad_enabled and x.requires_grad:
        raise Refused("gradients do not pass through integers")
    kind = recipe.activation
    low, high = int(kind.min), int(kind.max)
    if recipe.scale is not None:
        scale, point = recipe.scale, recipe.zero_point
    else:
        if not x.numel():
            raise Refused("an empty input has no range")
        scale, point = F.choose_qparams(x, low, high, recipe.symmetric)
        point = None if recipe.symmetric and kind.is_signed else point
    return F.quantize(x, scale, point, UNPACKED[kind], low, high), scale, point


def _integer_weight(weight: Tensor) -> Quantizer:
    """The quantizer of a weight that sums of integers can work with."""
    quantizer = quantizer_of(weight)
    scale: Any = quantizer.scale
    if weight.dtype is not dtypes.qint8 or quantizer.zero_point is not None:
        raise Refused(
            f"sums of integers need a symmetric qint8 weight, not {weight.dtype.name} with zero points"
        )
    rows = (weight.shape[0], *(1 for _ in weight.shape[1:]))
    if scale.numel() != 1 and tuple(scale.shape) != rows:
        raise Refused(f"sums of integers need one scale a row, not scales of shape {list(scale.shape)}")
    return quantizer


def linear(name: str, args: tuple[Any, ...]) -> Tensor:
    """``linear``: of integers, or of numbers with a quantized weight."""
    x, weight, bias = args
    if not is_quantized(weight) or is_quantized(bias) or weight.ndim != 2:
        raise Refused("the weight is not quantized")
    quantizer = quantizer_of(weight)
    integers = is_quantized(x) or (quantizer.recipe is not None and quantizer.recipe.activation is not None)
    if integers:
        _integer_weight(weight)
        levels, scale, point = as_activation(x, quantizer)
        number = quantizer.number if is_quantized(x) else x.dtype
        return F.quantized_linear(
            levels,
            stored(weight),
            bias,
            scale,
            point,
            quantizer.scale,
            quantizer.weight_sum,
            None,
            None,
            number,
        )
    if weight.dtype not in UNPACKED:
        raise Refused(f"no quantized op stands for linear with a weight of {weight.dtype.name}")
    bits = 4 if weight.dtype in FOUR_BITS else 8
    return F.weight_only_linear(
        x, stored(weight), quantizer.scale, quantizer.zero_point, bias, bits, weight.dtype.is_signed
    )


def conv(name: str, args: tuple[Any, ...]) -> Tensor:
    """``conv`` of integers, over two dimensions."""
    x, weight, bias, stride, padding, dilation, groups = args
    if not is_quantized(weight) or is_quantized(bias):
        raise Refused("the weight is not quantized")
    quantizer = _integer_weight(weight)
    levels, scale, point = as_activation(x, quantizer)
    number = quantizer.number if is_quantized(x) else x.dtype
    return F.quantized_conv2d(
        levels,
        stored(weight),
        bias,
        scale,
        point,
        quantizer.scale,
        quantizer.weight_sum,
        None,
        None,
        stride,
        padding,
        dilation,
        groups,
        number,
    )


def matmul(name: str, args: tuple[Any, ...]) -> Tensor:
    """``matmul`` of two quantized operands."""
    if not all(is_quantized(t) and t.dtype in BYTES and quantizer_of(t).per_tensor for t in args):
        raise Refused("sums of integers need both operands quantized to bytes, with one scale each")
    (a, b), (p, q) = args, map(quantizer_of, args)
    return F.quantized_matmul(
        stored(a),
        stored(b),
        _scalar(p.scale),
        _scalar(p.zero_point),
        _scalar(q.scale),
        _scalar(q.zero_point),
        p.number,
    )


def embedding(name: str, args: tuple[Any, ...]) -> Tensor:
    """``embedding``: the rows that are asked for, dequantized."""
    weight, indices, padding_idx = args
    if not is_quantized(weight) or weight.dtype not in UNPACKED:
        raise Refused("the weight is not quantized to integers")
    quantizer = quantizer_of(weight)
    flat = F.view(indices if indices.layout.dense else F.copy(indices), (indices.numel(),))
    rows = F.index_select(stored(weight), 0, flat)

    def of_rows(part: Tensor | None) -> Tensor | None:
        return (
            F.index_select(part, 0, flat) if part is not None and part.ndim and part.shape[0] != 1 else part
        )

    chosen = Quantizer(of_rows(quantizer.scale), of_rows(quantizer.zero_point), quantizer.number)
    found = dequantized(made(rows, (flat.shape[0], weight.shape[1]), weight.dtype, chosen))
    return F.view(found, (*indices.shape, weight.shape[1]))


HANDLERS: Final = {"linear": linear, "conv": conv, "matmul": matmul, "embedding": embedding}


def stands(name: str, args: tuple[Any, ...]) -> bool:
    """Whether a product of integers may stand for the call: of convolutions, for those of two dimensions."""
    return name in HANDLERS and (name != "conv" or args[1].ndim == 4)


TARGETS: Final = {
    "linear": ("quantized_linear", "weight_only_linear"),
    "conv": ("quantized_conv2d",),
    "matmul": ("quantized_matmul",),
}
