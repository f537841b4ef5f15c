"""Pooling functions."""

from __future__ import annotations

from tensorplug_dispatcher.errors import ShapeError
from tensorplug_dispatcher.ops import F as _ops

from .._arguments import several
from .._public import public

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from tensorplug import Tensor


def _tuple(value: Any, size: int) -> tuple[int, ...]:
    values = several(value, size)
    return values * size if len(values) == 1 else values


def _max_pool(
    size: int, input: Tensor, kernel_size: Any, stride: Any, padding: Any, dilation: Any, ceil_mode: bool
) -> tuple[Tensor, Tensor]:
    kernel = _tuple(kernel_size, size)
    step = kernel if stride is None or stride == [] else _tuple(stride, size)
    arguments = (kernel, step, _tuple(padding, size), _tuple(dilation, size), ceil_mode)
    if input.ndim == size + 1:
        out, indices = _ops.max_pool(input.unsqueeze(0), *arguments)
        return out.squeeze(0), indices.squeeze(0)
    return _ops.max_pool(input, *arguments)


def max_pool1d(
    input: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """The maximum of every window of [N, C, L] (or without N); ``stride`` None: the kernel's size.

    Shapes: [N, C, L] -> [N, C, L_out], N may be absent; dtypes: any but bool, indices are int64. Source:
    torch.nn.functional.max_pool1d.
    """
    result = _max_pool(1, input, kernel_size, stride, padding, dilation, ceil_mode)
    return result if return_indices else result[0]


def max_pool2d(
    input: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """The maximum of every window of [N, C, H, W] (or without N); ``stride`` None: the kernel's size.

    ``return_indices``: also the int64 places of the maxima, flat in each H·W plane.

    Shapes: [N, C, H, W] -> [N, C, H_out, W_out], N may be absent; dtypes: any but bool, indices are int64.
    Source: torch.nn.functional.max_pool2d.
    """
    result = _max_pool(2, input, kernel_size, stride, padding, dilation, ceil_mode)
    return result if return_indices else result[0]


def max_pool3d(
    input: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """The maximum of every window of [N, C, D, H, W] (or without N); ``stride`` None: the kernel's size.

    Shapes: [N, C, D, H, W] -> [N, C, D_out, H_out, W_out], N may be absent; dtypes: any but bool, indices are
    int64. Source: torch.nn.functional.max_pool3d.
    """
    result = _max_pool(3, input, kernel_size, stride, padding, dilation, ceil_mode)
    return result if return_indices else result[0]


def max_pool2d_with_indices(
    input: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
) -> tuple[Tensor, Tensor]:
    """``max_pool2d`` with ``return_indices``.

    Shapes: [N, C, H, W] -> [N, C, H_out, W_out], N may be absent; dtypes: any but bool, indices are int64.
    Source: torch.nn.functional.max_pool2d_with_indices.
    """
    return _max_pool(2, input, kernel_size, stride, padding, dilation, ceil_mode)


def _avg_pool(
    size: int,
    input: Tensor,
    kernel_size: Any,
    stride: Any,
    padding: Any,
    ceil_mode: bool,
    count_include_pad: bool,
    divisor_override: int | None,
) -> Tensor:
    if divisor_override == 0:
        raise RuntimeError("divisor must be not zero")
    kernel = _tuple(kernel_size, size)
    step = kernel if stride is None or stride == [] else _tuple(stride, size)
    arguments = (kernel, step, _tuple(padding, size), ceil_mode, count_include_pad, divisor_override)
    if input.ndim == size + 1:
        return _ops.avg_pool(input.unsqueeze(0), *arguments).squeeze(0)
    return _ops.avg_pool(input, *arguments)


def avg_pool1d(
    input: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Tensor:
    """The mean of every window of [N, C, L] (or without N); ``stride`` None: the kernel's size.

    Shapes: [N, C, L] -> [N, C, L_out], N may be absent; dtypes: floating and int64. Source:
    torch.nn.functional.avg_pool1d.
    """
    return _avg_pool(1, input, kernel_size, stride, padding, ceil_mode, count_include_pad, None)


@public("function", out="out")
def avg_pool2d(
    input: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Tensor:
    """The mean of every window of [N, C, H, W] (or without N); ``stride`` None: the kernel's size.

    ``count_include_pad``: whether padded zeros count; ``divisor_override``: divide by this number instead.

    Shapes: [N, C, H, W] -> [N, C, H_out, W_out], N may be absent; dtypes: floating and int64. Source:
    torch.nn.functional.avg_pool2d.
    """
    return _avg_pool(2, input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override)


@public("function", out="out")
def avg_pool3d(
    input: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Tensor:
    """The mean of every window of [N, C, D, H, W] (or without N); ``stride`` None: the kernel's size.

    Shapes: [N, C, D, H, W] -> [N, C, D_out, H_out, W_out], N may be absent; dtypes: floating and int64.
    Source: torch.nn.functional.avg_pool3d.
    """
    return _avg_pool(3, input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override)


def _output_size(name: str, input: Tensor, output_size: Any, count: int) -> tuple[int, ...]:
    if input.ndim not in (count + 1, count + 2):
        raise ShapeError(f"{name}: Expected {count + 1}D or {count + 2}D tensor, but got {input.shape}")
    wanted = (None,) * count if output_size is None else several(output_size, count)
    if len(wanted) != count:
        raise ShapeError(f"{name}: output_size must be 1 or {count} numbers, got {output_size}")
    return tuple(size if want is None else want for size, want in zip(input.shape[-count:], wanted))


def adaptive_avg_pool1d(input: Tensor, output_size: Any) -> Tensor:
    """Means of windows that tile [..., L] into ``output_size``.

    Shapes: [*A, L] -> [*A, output_size]; dtypes: floating. Source: torch.nn.functional.adaptive_avg_pool1d.
    """
    return _ops.adaptive_avg_pool(input, _output_size("adaptive_avg_pool1d", input, output_size, 1))


def adaptive_avg_pool2d(input: Tensor, output_size: Any) -> Tensor:
    """Means of windows that tile [..., H, W] into ``output_size`` (None keeps a size).

    Shapes: [*A, H, W] -> [*A, *output_size]; dtypes: floating. Source:
    torch.nn.functional.adaptive_avg_pool2d.
    """
    return _ops.adaptive_avg_pool(input, _output_size("adaptive_avg_pool2d", input, output_size, 2))


def adaptive_max_pool1d(input: Tensor, output_size: Any, return_indices: bool = False) -> Any:
    """Maxima of windows that tile [..., L] into ``output_size``, and where they are.

    Shapes: [*A, L] -> [*A, output_size]; dtypes: floating, indices are int64. Source:
    torch.nn.functional.adaptive_max_pool1d.
    """
    result = _ops.adaptive_max_pool(input, _output_size("adaptive_max_pool1d", input, output_size, 1))
    return result if return_indices else result[0]


def adaptive_max_pool2d(input: Tensor, output_size: Any, return_indices: bool = False) -> Any:
    """Maxima of windows that tile [..., H,
    W] into ``output_size`` (None keeps a size), and where they are.

    Shapes: [*A, H, W] -> [*A, *output_size]; dtypes: floating, indices are int64. Source:
    torch.nn.functional.adaptive_max_pool2d.
    """
    result = _ops.adaptive_max_pool(input, _output_size("adaptive_max_pool2d", input, output_size, 2))
    return result if return_indices else result[0]
