"""The quantized ops in PyTorch, written from their definitions; torch_references.py takes them over."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as nnf


def _spread(scale: Any, shape: Any) -> Any:
    """A scale, one a group, repeated to one an element."""
    for dim, n in enumerate(shape if scale.ndim else ()):
        scale = scale.repeat_interleave(n // max(scale.shape[dim], 1), dim)
    return scale


def _levels(x: Any, scale: Any, point: Any, low: int, high: int) -> Any:
    wide = x.to(torch.promote_types(x.dtype, torch.float32))
    level = torch.round(wide * (1 / _spread(scale, x.shape)).to(wide.dtype))
    level = level if point is None else level + _spread(point, x.shape)
    return level.clamp(low, high).nan_to_num(nan=high)


def quantize(x: Any, scale: Any, point: Any, dtype: Any, low: int, high: int) -> Any:
    return _levels(x, scale, point, low, high).to(getattr(torch, str(dtype).rpartition(".")[2]))


def dequantize(x: Any, scale: Any, point: Any, dtype: Any) -> Any:
    level = x.int() if point is None else x.int() - _spread(point, x.shape)
    return (level * _spread(scale, x.shape)).to(dtype if scale.dtype != torch.float64 else torch.float64)


def fake_quantize(x: Any, scale: Any, point: Any, low: int, high: int) -> Any:
    spread = _spread(scale, x.shape).detach()
    offset = 0 if point is None else _spread(point, x.shape)
    number = (_levels(x.detach(), scale.detach(), point, low, high) - offset) * spread
    level = torch.round(x.detach() / spread) + offset
    through = torch.where((level >= low) & (level <= high), x, 0.0)
    return number.to(x.dtype) + (through - through.detach())


def choose_qparams(x: Any, low: int, high: int, symmetric: bool) -> Any:
    x = x.detach().to(torch.promote_types(x.dtype, torch.float32))
    least, most = x.amin().clamp(max=0), x.amax().clamp(min=0)
    if symmetric:
        scale = (torch.maximum(-least, most) * 2 / (high - low)).clamp(min=2.0**-103)
        return scale.float(), torch.tensor((low + high + 1) // 2, dtype=torch.int32)
    scale = ((most - least) / (high - low)).clamp(min=2.0**-103)
    return scale.float(), (low - torch.round(least / scale)).clamp(low, high).int()


def pack_int4(x: Any) -> Any:
    padded = nnf.pad(x.int(), (0, x.shape[-1] % 2)) & 15
    return (padded[..., ::2] | padded[..., 1::2] << 4).to(torch.uint8)


def unpack_int4(x: Any, length: int, signed: bool) -> Any:
    both = torch.stack([x.int() & 15, x.int() >> 4], -1).flatten(-2)[..., :length]
    return (both - 16 * (both > 7)).to(torch.int8) if signed else both.to(torch.uint8)


FLOAT8 = {"e4m3fn": torch.float8_e4m3fn, "e5m2": torch.float8_e5m2}


def float8_encode(x: Any, format: str) -> Any:
    return x.detach().to(torch.float32).to(FLOAT8[format]).view(torch.uint8)


def float8_decode(x: Any, format: str, dtype: Any) -> Any:
    return x.contiguous().view(FLOAT8[format]).to(dtype)


def _centered(x: Any, point: Any) -> Any:
    return x.double() if point is None else x.double() - point.double()


def _finished(total: Any, factor: Any, bias: Any, scale: Any, point: Any, dtype: Any) -> Any:
    result = total.to(factor.dtype) * factor
    result = result if bias is None else result + bias
    if scale is None:
        return result.to(dtype) if factor.dtype != torch.float64 else result
    info = torch.iinfo(dtype)
    return _levels(result, scale, point, info.min, info.max).to(dtype)


def quantized_linear(
    x: Any, w: Any, b: Any, sx: Any, zx: Any, sw: Any, sums: Any, so: Any, zo: Any, dtype: Any
) -> Any:
    total = nnf.linear(_centered(x, zx), w.double())
    return _finished(total, (sw.reshape(-1) * sx).detach(), b, so, zo, dtype)


def quantized_matmul(x: Any, y: Any, sx: Any, zx: Any, sy: Any, zy: Any, dtype: Any) -> Any:
    return _finished(_centered(x, zx) @ _centered(y, zy), sx * sy, None, None, None, dtype)


def quantized_conv2d(
    x: Any,
    w: Any,
    b: Any,
    sx: Any,
    zx: Any,
    sw: Any,
    sums: Any,
    so: Any,
    zo: Any,
    stride: Any,
    padding: Any,
    dilation: Any,
    groups: int,
    dtype: Any,
) -> Any:
    total = nnf.conv2d(_centered(x, zx), w.double(), None, stride, padding, dilation, groups)
    b = None if b is None else b.reshape(-1, 1, 1)
    return _finished(total, (sw.reshape(-1, 1, 1) * sx).detach(), b, so, zo, dtype)


def weight_only_linear(x: Any, w: Any, scale: Any, point: Any, b: Any, bits: int, signed: bool) -> Any:
    levels = unpack_int4(w, x.shape[-1], signed) if bits == 4 else w
    return nnf.linear(
        x,
        dequantize(levels, scale.detach(), point, x.dtype).to(x.dtype),
        None if b is None else b.to(x.dtype),
    )


REFERENCES = {
    function.__name__: function
    for function in (
        quantize,
        dequantize,
        fake_quantize,
        choose_qparams,
        pack_int4,
        unpack_int4,
        float8_encode,
        float8_decode,
        quantized_linear,
        quantized_matmul,
        quantized_conv2d,
        weight_only_linear,
    )
}
