"""The record of a quantized tensor, and the way between it and plain tensors.

A quantized tensor has the shape of its numbers, a quantized dtype, and storage that holds levels: bytes, or
two four-bit levels a byte, each row beginning with a byte of its own. Its ``Quantizer`` says what the levels
mean.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final

from tensorplug_dispatcher import dtypes
from tensorplug_dispatcher.dtypes import DType
from tensorplug_dispatcher.errors import DTypeError, QuantizationError
from tensorplug_dispatcher.layers import Slot
from tensorplug_dispatcher.layout import dense, strided
from tensorplug_dispatcher.ops import F
from tensorplug_dispatcher.tensor import from_storage

Tensor = Any

FOUR_BITS: Final = (dtypes.qint4, dtypes.quint4)
FLOAT8: Final = {dtypes.float8_e4m3fn: "e4m3fn", dtypes.float8_e5m2: "e5m2"}
INTEGER: Final = (dtypes.qint8, dtypes.quint8, *FOUR_BITS)
UNPACKED: Final = {
    dtypes.qint8: dtypes.int8,
    dtypes.quint8: dtypes.uint8,
    dtypes.qint4: dtypes.int8,
    dtypes.quint4: dtypes.uint8,
}


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a product with a quantized weight is worked out.

    ``activation``: the dtype that the other operand is quantized to, None to leave it (weight only).
    ``scale``
    and ``zero_point``: 0-d, known from calibration; without a scale they are chosen from each input's range.
    """

    activation: DType | None = None
    symmetric: bool = False
    scale: Tensor | None = None
    zero_point: Tensor | None = None


@dataclass(frozen=True, slots=True)
class Quantizer:
    """What levels mean: ``(level - zero_point) * scale``.

    ``scale``: float32; its shape is the granularity (see ``tensorplug_dispatcher.ops.quantized``); None for
    floats of eight bits, which need none. ``zero_point``: int32 of the same shape, None for zeros.
    ``number``:
    the dtype of the numbers. ``weight_sum``: the sums of a weight's rows of levels, which follow from them.
    """

    scale: Tensor | None
    zero_point: Tensor | None = None
    number: DType = dtypes.float32
    recipe: Recipe | None = None
    weight_sum: Tensor | None = None

    @property
    def per_tensor(self) -> bool:
        return self.scale is None or self.scale.numel() == 1


def quantizer_of(tensor: Tensor) -> Quantizer:
    """The quantizer of a tensor of a quantized dtype; raises QuantizationError where it has lost it."""
    found: Quantizer | None = SLOT.get(tensor)
    if found is None:
        raise QuantizationError(
            f"a tensor of dtype {tensor.dtype.name} and shape {list(tensor.shape)} has no scale; make "
            "quantized tensors with quantize_per_tensor() and its like, not with empty() or from raw memory"
        )
    return found


def is_quantized(value: Any) -> bool:
    dtype = getattr(value, "dtype", None)
    return isinstance(dtype, DType) and dtype.stored is not None


def made(levels: Tensor, shape: Any, dtype: DType, quantizer: Quantizer) -> Tensor:
    """A quantized tensor over stored levels: plain bytes as ``stored`` gives them."""
    if dtype in FOUR_BITS:
        levels = levels if levels.layout.dense else F.copy(levels)
        layout = dense(tuple(shape), dtype)
    else:
        layout = strided(tuple(levels.shape), levels.layout.strides, dtype)
    result = from_storage(levels.storage, layout, levels.offset)
    SLOT.set(result, quantizer)
    return result


def stored(tensor: Tensor) -> Tensor:
    """The levels as they lie in memory: int8 or uint8, four bits packed [..., ceil(K / 2)]."""
    if tensor.dtype in FOUR_BITS:
        shape = tuple(tensor.shape)
        return from_storage(
            tensor.storage, dense((*shape[:-1], (shape[-1] + 1) // 2), dtypes.uint8), tensor.offset
        )
    layout = strided(tuple(tensor.shape), tensor.layout.strides, tensor.dtype.stored)
    return from_storage(tensor.storage, layout, tensor.offset)


def levels_of(tensor: Tensor) -> Tensor:
    """The levels, one an element: int8 for signed dtypes, uint8 for others (floats of eight bits: codes)."""
    if tensor.dtype in FOUR_BITS:
        return F.unpack_int4(stored(tensor), tensor.shape[tensor.ndim - 1], tensor.dtype is dtypes.qint4)
    return stored(tensor)


def dequantized(tensor: Tensor, dtype: DType | None = None) -> Tensor:
    """The numbers that a quantized tensor stands for; plain tensors as they are."""
    if not is_quantized(tensor):
        return tensor
    quantizer = quantizer_of(tensor)
    wanted = quantizer.number if dtype is None else dtype
    if tensor.dtype in FLOAT8:
        return F.float8_decode(stored(tensor), FLOAT8[tensor.dtype], wanted)
    return F.dequantize(levels_of(tensor), quantizer.scale, quantizer.zero_point, wanted)


def quantized(
    tensor: Tensor,
    dtype: DType,
    scale: Tensor | None,
    zero_point: Tensor | None,
    recipe: Recipe | None = None,
) -> Tensor:
    """A floating tensor quantized by this scale and zero point, which are not looked at."""
    with _unrecorded():
        plain = tensor.detach()
        if dtype in FLOAT8:
            codes = F.float8_encode(plain, FLOAT8[dtype])
            return made(codes, plain.shape, dtype, Quantizer(None, None, plain.dtype, recipe))
        if dtype in FOUR_BITS and not plain.ndim:
            raise QuantizationError(
                f"{dtype.name} packs two levels a byte along the last dimension, and a 0-d tensor has none; "
                f"use qint8, or give it a dimension"
            )
        levels = F.quantize(plain, scale, zero_point, UNPACKED[dtype], int(dtype.min), int(dtype.max))
        if dtype in FOUR_BITS:
            levels = F.pack_int4(levels)
        quantizer = Quantizer(scale, zero_point, plain.dtype, recipe)
        return made(levels, plain.shape, dtype, with_sums(levels, dtype, quantizer))


def with_sums(levels: Tensor, dtype: DType, quantizer: Quantizer) -> Quantizer:
    """With the sums of a weight's rows, where products of integers will want them."""
    wanted = quantizer.recipe is not None and quantizer.recipe.activation is not None
    if not wanted or dtype is not dtypes.qint8 or levels.ndim < 2:
        return quantizer
    sums = F.sum(F.cast(levels, dtypes.int32), tuple(range(1, levels.ndim)), False)
    return replace(quantizer, weight_sum=F.cast(sums, dtypes.int32))


def like(tensor: Tensor, numbers: Tensor) -> Tensor:
    """``numbers`` quantized as ``tensor`` is."""
    quantizer = quantizer_of(tensor)
    return quantized(numbers, tensor.dtype, quantizer.scale, quantizer.zero_point, quantizer.recipe)


def chosen(numbers: Tensor, dtype: DType, symmetric: bool = False) -> Tensor:
    """``numbers`` quantized per tensor by their own range."""
    with _unrecorded():
        if dtype in FLOAT8 or not numbers.numel():
            one = None if dtype in FLOAT8 else F.fill((), 1.0, dtypes.float32, device=numbers.device)
            return quantized(numbers, dtype, one, None)
        scale, point = F.choose_qparams(numbers.detach(), int(dtype.min), int(dtype.max), symmetric)
        return quantized(numbers, dtype, scale, None if symmetric and dtype.is_signed else point)


def mapped(tensor: Tensor, function: Any) -> Tensor:
    """``function`` of every plain tensor that makes up a quantized one: moved or copied as a whole."""
    quantizer = quantizer_of(tensor)

    def each(part: Tensor | None) -> Tensor | None:
        return None if part is None else function(part)

    recipe = quantizer.recipe
    if recipe is not None:
        recipe = replace(recipe, scale=each(recipe.scale), zero_point=each(recipe.zero_point))
    changed = Quantizer(
        each(quantizer.scale),
        each(quantizer.zero_point),
        quantizer.number,
        recipe,
        each(quantizer.weight_sum),
    )
    return made(function(stored(tensor)), tensor.shape, tensor.dtype, changed)


def scales_of(quantizer: Quantizer) -> list[Tensor]:
    """The plain tensors beside the levels: scales and zero points, its own and those of its recipe."""
    recipe = quantizer.recipe or Recipe()
    parts = (quantizer.scale, quantizer.zero_point, quantizer.weight_sum, recipe.scale, recipe.zero_point)
    return [part for part in parts if part is not None]


SLOT: Final = Slot("quantization", scales_of)


def copy_into(target: Tensor, source: Tensor) -> Tensor:
    """Write ``source`` over ``target``, either quantized. A quantized target keeps its scales for numbers,
    and takes over those of a source of its own dtype and shape.
    """
    with _unrecorded():
        if not is_quantized(target):
            F.copy_into(target, dequantized(source))
            return target
        same = is_quantized(source) and source.dtype is target.dtype and source.shape == target.shape
        if is_quantized(source) and not same:
            source = dequantized(source)
        if source.device is not target.device:
            source = F.to_device(source, target.device)
        if same:
            fresh = mapped(source, F.copy)
            F.copy_into(stored(target), stored(fresh))
            SLOT.set(target, SLOT.get(fresh))
            return target
        if source.shape != target.shape:
            source = F.expand(source, tuple(target.shape))
        fresh = like(target, source)
        F.copy_into(stored(target), stored(fresh))
        SLOT.set(target, SLOT.get(fresh))
        return target


def expect_quantized(tensor: Tensor, what: str) -> Quantizer:
    """The quantizer; raises DTypeError for a plain tensor, which ``what`` cannot be asked of."""
    if not is_quantized(tensor):
        raise DTypeError(
            f"{what}: expected a quantized tensor, but got one of dtype {tensor.dtype.name}; make one with "
            f"quantize_per_tensor(), quantize_per_channel() or quantize_per_group()"
        )
    return quantizer_of(tensor)


def _unrecorded() -> Any:
    from ..autograd import no_grad

    return no_grad()
