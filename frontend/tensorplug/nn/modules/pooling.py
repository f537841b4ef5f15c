"""Pooling: the largest value or the mean of windows, of a given size or in a given number."""

from __future__ import annotations

from .. import functional as F
from .module import Module

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from tensorplug import Tensor

    Size = int | tuple[int, ...]


class _MaxPool(Module):
    _function: Callable[..., Any]  # of nn.functional

    def __init__(
        self,
        kernel_size: Size,
        stride: Size | None = None,
        padding: Size = 0,
        dilation: Size = 1,
        return_indices: bool = False,
        ceil_mode: bool = False,
    ) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.stride = kernel_size if stride is None else stride
        self.padding = padding
        self.dilation = dilation
        self.return_indices = return_indices
        self.ceil_mode = ceil_mode

    def forward(self, input: Tensor) -> Any:
        return self._function(
            input,
            self.kernel_size,
            self.stride,
            self.padding,
            self.dilation,
            self.ceil_mode,
            self.return_indices,
        )

    def extra_repr(self) -> str:
        return (
            f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}, "
            f"dilation={self.dilation}, ceil_mode={self.ceil_mode}"
        )


class MaxPool1d(_MaxPool):
    """The maximum of every window of [N, C, L] or [C, L].

    Formula: ``y[i] = max over k of x[stride · i + dilation · k]``.

    Shapes: [N, C, L] -> [N, C, L_out].

    >>> nn.MaxPool1d(2)(tp.tensor([[1.0, 3.0, 5.0, 7.0]]))
    tensor([[3., 7.]])
    """

    _function = staticmethod(F.max_pool1d)


class MaxPool2d(_MaxPool):
    """The maximum of every window of [N, C, H, W] or [C, H, W]; with ``return_indices`` also where it was.

    Formula: ``y[i, j] = max over k, l of x[stride · i + dilation · k, stride · j + dilation · l]``.

    Shapes: [N, C, H, W] -> [N, C, H_out, W_out].

    >>> nn.MaxPool2d(2)(tp.tensor([[[1.0, 3.0], [5.0, 7.0]]]))
    tensor([[[7.]]])
    """

    _function = staticmethod(F.max_pool2d)


class MaxPool3d(_MaxPool):
    """The maximum of every window of [N, C, D, H, W] or [C, D, H, W].

    Formula: ``y[h, i, j] = max over the window that begins at stride · (h, i, j)``.

    Shapes: [N, C, D, H, W] -> [N, C, D_out, H_out, W_out].

    >>> nn.MaxPool3d(2)(tp.ones(1, 1, 4, 4, 4)).shape
    tensorplug.Size([1, 1, 2, 2, 2])
    """

    _function = staticmethod(F.max_pool3d)


class AvgPool1d(Module):
    """The mean of every window of [N, C, L] or [C, L].

    Formula: ``y[i] = Σₖ x[stride · i + k] / kernel_size``.

    Shapes: [N, C, L] -> [N, C, L_out].

    >>> nn.AvgPool1d(2)(tp.tensor([[1.0, 3.0, 5.0, 7.0]]))
    tensor([[2., 6.]])
    """

    def __init__(
        self,
        kernel_size: Size,
        stride: Size | None = None,
        padding: Size = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
    ) -> None:
        super().__init__()
        self.kernel_size = kernel_size if isinstance(kernel_size, tuple) else (kernel_size,)
        step = self.kernel_size if stride is None else stride
        self.stride = step if isinstance(step, tuple) else (step,)
        self.padding = padding if isinstance(padding, tuple) else (padding,)
        self.ceil_mode = ceil_mode
        self.count_include_pad = count_include_pad

    def forward(self, input: Tensor) -> Tensor:
        return F.avg_pool1d(
            input, self.kernel_size, self.stride, self.padding, self.ceil_mode, self.count_include_pad
        )

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class AvgPool2d(Module):
    """The mean of every window of [N, C, H, W] or [C, H, W].

    ``count_include_pad``: whether padded zeros count; ``divisor_override``: divide by this number
    instead.

    Formula: ``y[i, j] = the mean of x[stride · i + k, stride · j + l] over k, l``.

    Shapes: [N, C, H, W] -> [N, C, H_out, W_out].

    >>> nn.AvgPool2d(2)(tp.tensor([[[1.0, 3.0], [5.0, 7.0]]]))
    tensor([[[4.]]])
    """

    def __init__(
        self,
        kernel_size: Size,
        stride: Size | None = None,
        padding: Size = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
    ) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.stride = kernel_size if stride is None else stride
        self.padding = padding
        self.ceil_mode = ceil_mode
        self.count_include_pad = count_include_pad
        self.divisor_override = divisor_override

    def forward(self, input: Tensor) -> Tensor:
        return F.avg_pool2d(
            input,
            self.kernel_size,
            self.stride,
            self.padding,
            self.ceil_mode,
            self.count_include_pad,
            self.divisor_override,
        )

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class AvgPool3d(AvgPool2d):
    """The mean of every window of [N, C, D, H, W] or [C, D, H, W].

    Formula: ``y[h, i, j] = the mean of x[stride · h + k, stride · i + l, stride · j + m] over k, l, m``.

    Shapes: [N, C, D, H, W] -> [N, C, D_out, H_out, W_out].

    >>> nn.AvgPool3d(2)(tp.ones(1, 1, 4, 4, 4)).shape
    tensorplug.Size([1, 1, 2, 2, 2])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.avg_pool3d(
            input,
            self.kernel_size,
            self.stride,
            self.padding,
            self.ceil_mode,
            self.count_include_pad,
            self.divisor_override,
        )


class _Adaptive(Module):
    def __init__(self, output_size: Any) -> None:
        super().__init__()
        self.output_size = output_size

    def extra_repr(self) -> str:
        return f"output_size={self.output_size}"


class AdaptiveAvgPool1d(_Adaptive):
    """Means of windows chosen so that the output has length ``output_size``.

    Formula: ``y[i] = the mean of x[⌊i L / L_out⌋ : ⌈(i + 1) L / L_out⌉]``.

    Shapes: [N, C, L] -> [N, C, output_size].

    >>> nn.AdaptiveAvgPool1d(2)(tp.tensor([[1.0, 3.0, 5.0, 7.0]]))
    tensor([[2., 6.]])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.adaptive_avg_pool1d(input, self.output_size)


class AdaptiveAvgPool2d(_Adaptive):
    """Means of windows chosen so that the output is ``output_size`` (None keeps the input's size).

    Formula: ``y[i, j] = the mean of x[⌊i H / H_out⌋ : ⌈(i + 1) H / H_out⌉, the same of j]``.

    Shapes: [N, C, H, W] -> [N, C, *output_size].

    >>> nn.AdaptiveAvgPool2d((1, 1))(tp.tensor([[[1.0, 3.0], [5.0, 7.0]]]))
    tensor([[[4.]]])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.adaptive_avg_pool2d(input, self.output_size)


class _AdaptiveMax(_Adaptive):
    def __init__(self, output_size: Any, return_indices: bool = False) -> None:
        super().__init__(output_size)
        self.return_indices = return_indices


class AdaptiveMaxPool1d(_AdaptiveMax):
    """Maxima of windows chosen so that the output has length ``output_size``.

    Formula: ``y[i] = max x[⌊i L / L_out⌋ : ⌈(i + 1) L / L_out⌉]``.

    Shapes: [N, C, L] -> [N, C, output_size].

    >>> nn.AdaptiveMaxPool1d(2)(tp.tensor([[1.0, 3.0, 5.0, 7.0]]))
    tensor([[3., 7.]])
    """

    def forward(self, input: Tensor) -> Any:
        return F.adaptive_max_pool1d(input, self.output_size, self.return_indices)


class AdaptiveMaxPool2d(_AdaptiveMax):
    """Maxima of windows chosen so that the output is ``output_size`` (None keeps the input's size).

    Formula: ``y[i, j] = max x[⌊i H / H_out⌋ : ⌈(i + 1) H / H_out⌉, the same of j]``.

    Shapes: [N, C, H, W] -> [N, C, *output_size].

    >>> nn.AdaptiveMaxPool2d((1, 1))(tp.tensor([[[1.0, 3.0], [5.0, 7.0]]]))
    tensor([[[7.]]])
    """

    def forward(self, input: Tensor) -> Any:
        return F.adaptive_max_pool2d(input, self.output_size, self.return_indices)
