"""Making quantized tensors, and what they tell about themselves. Names are PyTorch's where it has them."""

from __future__ import annotations

from tensorplug_dispatcher import dtypes
from tensorplug_dispatcher.dtypes import DType
from tensorplug_dispatcher.errors import DTypeError, QuantizationError
from tensorplug_dispatcher.ops import F
from tensorplug_dispatcher.tensor import TensorBase
from tensorplug_layers.quantization import quantizer as q

from .._creation import tensor
from .._public import public

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from tensorplug import Tensor


class Scheme:
    """The kind of a quantizer: what ``qscheme()`` says."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return f"tensorplug.{self.name}"


per_tensor_affine = Scheme("per_tensor_affine")
per_tensor_symmetric = Scheme("per_tensor_symmetric")
per_channel_affine = Scheme("per_channel_affine")
per_channel_symmetric = Scheme("per_channel_symmetric")
per_group_affine = Scheme("per_group_affine")
per_group_symmetric = Scheme("per_group_symmetric")


def checked_dtype(name: str, dtype: Any) -> DType:
    """``dtype`` where it is one of integers with a scale."""
    if not isinstance(dtype, DType) or dtype not in q.INTEGER:
        raise DTypeError(
            f"{name}: the dtype must be one of {', '.join(d.name for d in q.INTEGER)}, not "
            f"{getattr(dtype, 'name', dtype)}; floats of eight bits are made with x.to(float8_e4m3fn)"
        )
    return dtype


def _numbers(value: Any) -> list[Any]:
    flat = value.reshape(-1).tolist() if isinstance(value, TensorBase) else value
    return flat if isinstance(flat, list) else list(flat) if isinstance(flat, tuple) else [flat]


def checked_scales(name: str, value: Any) -> None:
    """Raise QuantizationError for a scale that is not finite and positive."""
    for i, scale in enumerate(_numbers(value)):
        if not 0.0 < scale < float("inf"):
            which = f"scale number {i}" if len(_numbers(value)) > 1 else "the scale"
            raise QuantizationError(
                f"{name}: {which} is {scale}, but scales must be finite and greater than 0; "
                f"quantize_per_tensor_dynamic() chooses one from the numbers"
            )


def checked_zero_points(name: str, value: Any, dtype: DType) -> None:
    """Raise QuantizationError for a zero point that is no level of ``dtype``."""
    for point in _numbers(value):
        if point != int(point) or not dtype.min <= point <= dtype.max:
            raise QuantizationError(
                f"{name}: zero point {point} is no level of {dtype.name}, which go from {int(dtype.min)} to "
                f"{int(dtype.max)}; choose one of these"
            )


def _floating(name: str, input: Any) -> None:
    if not input.dtype.is_floating_point:
        raise DTypeError(
            f"{name}: expected a floating-point tensor, but got {input.dtype.name}; convert it with .float() "
            f"or .dequantize()"
        )


def _parameter(value: Any, shape: tuple[int, ...], dtype: DType, input: Any) -> Any:
    made = value if isinstance(value, TensorBase) else tensor(value)
    return F.copy(made.detach().to(input.device, dtype).reshape(shape))


@public("function")
def quantize_per_tensor(input: Tensor, scale: Any, zero_point: Any, dtype: DType) -> Tensor:
    """``input`` (floating, any shape) as levels of ``dtype`` with one scale and zero point.

    Raises QuantizationError for a scale that is not finite and positive, or a zero point outside the dtype's
    levels. Source: torch.quantize_per_tensor.

    Shapes: [*S] -> [*S]; dtypes: floating to quantized.

    >>> quantize_per_tensor(tensor([-1.0, 0.0, 2.0]), 0.1, 10, quint8).int_repr().tolist()
    [0, 10, 30]
    """
    name = "quantize_per_tensor"
    dtype = checked_dtype(name, dtype)
    _floating(name, input)
    checked_scales(name, scale)
    checked_zero_points(name, zero_point, dtype)
    points = _parameter(zero_point, (), dtypes.int32, input) if any(_numbers(zero_point)) else None
    return q.quantized(input, dtype, _parameter(scale, (), dtypes.float32, input), points)


@public("function")
def quantize_per_tensor_dynamic(input: Tensor, dtype: DType, reduce_range: bool = False) -> Tensor:
    """``quantize_per_tensor`` with the scale and zero point that the range of the numbers gives.

    ``reduce_range`` leaves the outer half of the levels unused. Source: torch.quantize_per_tensor_dynamic.

    Shapes: [*S] -> [*S]; dtypes: floating to quantized.
    """
    dtype = checked_dtype("quantize_per_tensor_dynamic", dtype)
    _floating("quantize_per_tensor_dynamic", input)
    if not reduce_range:
        return q.chosen(input, dtype)
    low, high = int(dtype.min) // 2, int(dtype.max) // 2
    scale, point = F.choose_qparams(input.detach(), low, high, False)
    return q.quantized(input, dtype, scale, point)


@public("function")
def quantize_per_channel(input: Tensor, scales: Any, zero_points: Any, axis: int, dtype: DType) -> Tensor:
    """``input`` with a scale and zero point for each index of dimension ``axis``. Source:
    torch.quantize_per_channel.

    Shapes: input [*A, n, *B], n at ``axis``, scales and zero_points [n] -> input's shape; dtypes: floating to
    quantized. Raises QuantizationError for scales that do not fit.
    """
    name = "quantize_per_channel"
    dtype = checked_dtype(name, dtype)
    _floating(name, input)
    if not -input.ndim <= axis < input.ndim:
        raise QuantizationError(
            f"{name}: axis {axis} is no dimension of a tensor of shape {list(input.shape)}; give one of "
            f"{-input.ndim} to {input.ndim - 1}"
        )
    axis %= input.ndim
    count = input.shape[axis]
    for what, values in (("scales", scales), ("zero points", zero_points)):
        if len(_numbers(values)) != count:
            raise QuantizationError(
                f"{name}: {len(_numbers(values))} {what} were given for the {count} channels of dimension "
                f"{axis} of a tensor of shape {list(input.shape)}; give one a channel"
            )
    checked_scales(name, scales)
    checked_zero_points(name, zero_points, dtype)
    shape = tuple(count if i == axis else 1 for i in range(input.ndim))
    points = _parameter(zero_points, shape, dtypes.int32, input) if any(_numbers(zero_points)) else None
    return q.quantized(input, dtype, _parameter(scales, shape, dtypes.float32, input), points)


@public("function")
def quantize_per_group(
    input: Tensor, scales: Tensor, zero_points: Tensor | None, group_size: int, dtype: DType
) -> Tensor:
    """``input`` [..., K] with a scale (and zero point) for every ``group_size`` elements of its rows.

    ``scales``: [..., K / group_size]; ``zero_points``: the same, None for zeros.

    Shapes: input [*S, K], scales and zero_points [*S, K / group_size] -> [*S, K]; dtypes: floating to
    quantized. Raises QuantizationError for scales that do not fit. Source: arXiv:2210.17323.
    """
    name = "quantize_per_group"
    dtype = checked_dtype(name, dtype)
    _floating(name, input)
    shape = group_shape(name, input, group_size)
    if tuple(scales.shape) != shape:
        raise QuantizationError(
            f"{name}: the scales have shape {list(scales.shape)}, "
            f"but a tensor of shape {list(input.shape)} in groups of {group_size} needs {list(shape)}"
        )
    checked_scales(name, scales)
    if zero_points is not None:
        checked_zero_points(name, zero_points, dtype)
        zero_points = _parameter(zero_points, shape, dtypes.int32, input)
    return q.quantized(input, dtype, _parameter(scales, shape, dtypes.float32, input), zero_points)


def group_shape(name: str, input: Any, group_size: int) -> tuple[int, ...]:
    """The shape of scales, one for ``group_size`` elements of the last dimension."""
    width = input.shape[-1] if input.ndim else 0
    if group_size < 1 or not width or width % group_size:
        raise QuantizationError(
            f"{name}: groups of {group_size} do not divide the last dimension of a tensor of shape "
            f"{list(input.shape)}; choose a divisor of {width}, or quantize per channel"
        )
    return (*input.shape[:-1], width // group_size)


@public("function")
def fake_quantize_per_tensor_affine(
    input: Tensor, scale: Any, zero_point: Any, quant_min: int, quant_max: int
) -> Tensor:
    """``input`` rounded to what its levels stand for; gradients pass through where it is not cut off.

    Source: torch.fake_quantize_per_tensor_affine.

    Shapes: [*S] -> [*S]; dtypes: floating.
    """
    checked_scales("fake_quantize_per_tensor_affine", scale)
    points = _parameter(zero_point, (), dtypes.int32, input)
    return F.fake_quantize(input, _parameter(scale, (), dtypes.float32, input), points, quant_min, quant_max)


@public("function")
def fake_quantize_per_channel_affine(
    input: Tensor, scale: Tensor, zero_point: Tensor, axis: int, quant_min: int, quant_max: int
) -> Tensor:
    """``fake_quantize_per_tensor_affine`` with a scale and zero point a channel. Source:
    torch.fake_quantize_per_channel_affine.

    Shapes: input [*A, n, *B], n at ``axis``, scale and zero_point [n] -> input's shape; dtypes: floating.
    """
    checked_scales("fake_quantize_per_channel_affine", scale)
    shape = tuple(-1 if i == axis % input.ndim else 1 for i in range(input.ndim))
    return F.fake_quantize(
        input, scale.detach().reshape(shape), zero_point.reshape(shape).to(dtypes.int32), quant_min, quant_max
    )


# -- what a quantized tensor tells


@public("function", "method")
def dequantize(input: Tensor) -> Tensor:
    """The numbers that the levels stand for; a plain tensor itself. Source: torch.dequantize.

    Shapes: [*S] -> [*S]; dtypes: quantized to floating.
    """
    return q.dequantized(input)


@public("method")
def int_repr(self: Tensor) -> Tensor:
    """The levels, one an element: int8 or uint8 (also those of four bits, which lie two a byte in memory).

    Shapes: [*S] -> [*S]; dtypes: quantized, the result is int8 or uint8. Source: torch.Tensor.int_repr.
    """
    q.expect_quantized(self, "int_repr()")
    return F.copy(q.levels_of(self))


def _scheme(self: Any) -> Scheme:
    found = q.expect_quantized(self, "qscheme()")
    if found.scale is None or found.per_tensor:
        return per_tensor_affine if found.zero_point is not None else per_tensor_symmetric
    channels = all(s in (1, n) for n, s in zip(self.shape, found.scale.shape))
    if channels:
        return per_channel_affine if found.zero_point is not None else per_channel_symmetric
    return per_group_affine if found.zero_point is not None else per_group_symmetric


@public("method")
def qscheme(self: Tensor) -> Scheme:
    """The kind of the scales: per tensor, channel or group, with zero points (affine) or without.

    Shapes: any shape; dtypes: quantized. Source: torch.Tensor.qscheme.
    """
    return _scheme(self)


def _one(self: Any, what: str) -> Any:
    found = q.expect_quantized(self, what)
    if found.scale is None or not found.per_tensor:
        raise QuantizationError(
            f"{what}: the tensor is {_scheme(self).name} "
            f"with scales of shape {[] if found.scale is None else list(found.scale.shape)}; "
            f"use q_per_channel_{what[2:-2]}s()"
        )
    return found


@public("method")
def q_scale(self: Tensor) -> float:
    """The scale of a tensor that has one for all.

    Shapes: any shape; dtypes: quantized. Source: torch.Tensor.q_scale.
    """
    return float(_one(self, "q_scale()").scale.item())


@public("method")
def q_zero_point(self: Tensor) -> int:
    """The zero point of a tensor that has one for all.

    Shapes: any shape; dtypes: quantized. Source: torch.Tensor.q_zero_point.
    """
    point = _one(self, "q_zero_point()").zero_point
    return 0 if point is None else int(point.item())


@public("method")
def q_per_channel_scales(self: Tensor) -> Tensor:
    """The scales: [channels], or [..., groups] where there is one a group.

    Shapes: [*A, n, *B] -> [n], or [*S, groups]; dtypes: quantized. Source: torch.Tensor.q_per_channel_scales.
    """
    found = q.expect_quantized(self, "q_per_channel_scales()")
    grouped = _scheme(self) in (per_group_affine, per_group_symmetric)
    return F.copy(found.scale if grouped else found.scale.reshape(-1))  # type: ignore[union-attr]


@public("method")
def q_per_channel_zero_points(self: Tensor) -> Tensor:
    """The zero points, int32, as ``q_per_channel_scales`` gives the scales.

    Shapes: [*A, n, *B] -> [n], or [*S, groups]; dtypes: quantized. Source:
    torch.Tensor.q_per_channel_zero_points.
    """
    found = q.expect_quantized(self, "q_per_channel_zero_points()")
    scales = q_per_channel_scales(self)
    if found.zero_point is None:
        return F.fill(tuple(scales.shape), 0, dtypes.int32, device=self.device)
    return F.copy(found.zero_point).reshape(scales.shape)


@public("method")
def q_per_channel_axis(self: Tensor) -> int:
    """The dimension whose indices have a scale each.

    Shapes: any shape; dtypes: quantized. Raises QuantizationError for scales that do not fit. Source:
    torch.Tensor.q_per_channel_axis.
    """
    found = q.expect_quantized(self, "q_per_channel_axis()")
    axes = [i for i, n in enumerate(found.scale.shape) if n != 1]  # type: ignore[union-attr]
    if not axes:
        raise QuantizationError("q_per_channel_axis(): the tensor has one scale for all; use q_scale()")
    return axes[0]
