"""Pooling functions."""

from __future__ import annotations

import tensorplug as tp
from tensorplug_dispatcher.ops import F as _ops

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from tensorplug import Tensor


def _pair(value: Any) -> tuple[int, int]:
    if isinstance(value, int):
        return value, value
    values = tuple(value)
    return (values[0], values[0]) if len(values) == 1 else values  # type: ignore[return-value]


def _one(value: Any) -> int:
    return value if isinstance(value, int) else int(value[0])


def max_pool2d_with_indices(input: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0,
                            dilation: Any = 1, ceil_mode: bool = False) -> tuple[Tensor, Tensor]:
    """``max_pool2d`` and the int64 places of the maxima, flat in each H·W plane."""
    kernel = _pair(kernel_size)
    arguments = (kernel, _pair(stride) if stride is not None and stride != [] else kernel, _pair(padding),
                 _pair(dilation), ceil_mode)
    if input.ndim == 3:
        out, indices = _ops.max_pool2d(input.unsqueeze(0), *arguments)
        return out.squeeze(0), indices.squeeze(0)
    return _ops.max_pool2d(input, *arguments)


def max_pool2d(input: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1,
               ceil_mode: bool = False, return_indices: bool = False) -> Any:
    """The maximum of every window of [N, C, H, W] (or without N); ``stride`` None: the kernel's size."""
    result = max_pool2d_with_indices(input, kernel_size, stride, padding, dilation, ceil_mode)
    return result if return_indices else result[0]


def max_pool1d(input: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1,
               ceil_mode: bool = False, return_indices: bool = False) -> Any:
    """The maximum of every window of [N, C, L] (or [C, L])."""
    step = kernel_size if stride is None else stride
    out, indices = max_pool2d_with_indices(input.unsqueeze(-2), (1, _one(kernel_size)), (1, _one(step)),
                                           (0, _one(padding)), (1, _one(dilation)), ceil_mode)
    return (out.squeeze(-2), indices.squeeze(-2)) if return_indices else out.squeeze(-2)


def avg_pool2d(input: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0, ceil_mode: bool = False,
               count_include_pad: bool = True, divisor_override: int | None = None) -> Tensor:
    """The mean of every window of [N, C, H, W] (or without N); ``stride`` None: the kernel's size."""
    if divisor_override == 0:
        raise RuntimeError("divisor must be not zero")
    kernel = _pair(kernel_size)
    arguments = (kernel, _pair(stride) if stride is not None and stride != [] else kernel, _pair(padding),
                 ceil_mode,
                 count_include_pad, divisor_override)
    if input.ndim == 3:
        return _ops.avg_pool2d(input.unsqueeze(0), *arguments).squeeze(0)
    return _ops.avg_pool2d(input, *arguments)


def avg_pool1d(input: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0, ceil_mode: bool = False,
               count_include_pad: bool = True) -> Tensor:
    """The mean of every window of [N, C, L] (or [C, L])."""
    step = kernel_size if stride is None else stride
    return avg_pool2d(input.unsqueeze(-2), (1, _one(kernel_size)), (1, _one(step)), (0, _one(padding)),
                      ceil_mode,
                      count_include_pad).squeeze(-2)


def _windows(size: int, count: int) -> list[tuple[int, int]]:
    """The windows of adaptive pooling: from ⌊i·size/count⌋ to ⌈(i+1)·size/count⌉."""
    return [(i * size // count, -(-(i + 1) * size // count)) for i in range(count)]


def _output_size(input: Tensor, output_size: Any) -> tuple[int, int]:
    wanted = (output_size, output_size) if output_size is None or isinstance(output_size,
                                                                             int) else tuple(output_size)
    if len(wanted) != 2:
        raise RuntimeError(f"adaptive pooling: output_size must be 1 or 2 numbers, got {output_size}")
    return tuple(  # type: ignore[return-value]
        size if want is None else want for size, want in zip(input.shape[-2:], wanted))


def _averaging(size: int, count: int, like: Tensor) -> Tensor:
    """[count, size]: row i holds 1/length over window i."""
    rows = [[1.0 / (end - start) if start <= j < end else 0.0 for j in range(size)]
            for start, end in _windows(size, count)]
    return tp.tensor(rows, dtype=like.dtype, device=like.device)


def adaptive_avg_pool2d(input: Tensor, output_size: Any) -> Tensor:
    """Means of windows that tile [..., H, W] into ``output_size`` (None keeps a size).

    Where the sizes divide, it is ``avg_pool2d``; elsewhere a product with an averaging matrix from each side.
    """
    if input.ndim not in (3, 4):
        raise RuntimeError(f"adaptive_avg_pool2d(): Expected 3D or 4D tensor, but got {input.shape}")
    height, width = input.shape[-2:]
    rows, columns = _output_size(input, output_size)
    if rows == 1 and columns == 1:
        return tp.mean(input, (-2, -1), True)
    if rows and columns and height % rows == 0 and width % columns == 0:
        return avg_pool2d(input, (height // rows, width // columns))
    return tp.matmul(tp.matmul(_averaging(height, rows, input), input), _averaging(width, columns, input).t())


def adaptive_avg_pool1d(input: Tensor, output_size: Any) -> Tensor:
    """Means of windows that tile [..., L] into ``output_size``."""
    return adaptive_avg_pool2d(input.unsqueeze(-2), (1, _one(output_size))).squeeze(-2)


def adaptive_max_pool2d(input: Tensor, output_size: Any) -> Tensor:
    """Maxima of windows that tile [..., H, W] into ``output_size`` (None keeps a size)."""
    if input.ndim not in (3, 4):
        raise RuntimeError(f"adaptive_max_pool2d(): Expected 3D or 4D tensor, but got {input.shape}")
    height, width = input.shape[-2:]
    rows, columns = _output_size(input, output_size)
    if rows and columns and height % rows == 0 and width % columns == 0:
        return max_pool2d(input, (height // rows, width // columns))
    bands = [input.narrow(-2, start, end - start) for start, end in _windows(height, rows)]
    return tp.stack([tp.stack([tp.amax(band.narrow(-1, start, end - start), (-2, -1))
                               for start, end in _windows(width, columns)], -1) for band in bands], -2)
