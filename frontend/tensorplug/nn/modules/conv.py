"""Convolutions: Conv1d, Conv2d, Conv3d."""

from __future__ import annotations

import math

import tensorplug as tp

from ..._arguments import several
from .. import functional as F
from .. import init
from ..parameter import Parameter
from .linear import reset_bias
from .module import Module

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from tensorplug import Tensor

_PADDING_MODES = ("zeros", "reflect", "replicate", "circular")


def _tuple(value: int | tuple[int, ...], size: int) -> tuple[int, ...]:
    return several(value, size)


class _Convolution(Module):
    """What convolutions share; the parameters start as U(-1/√fan_in, 1/√fan_in)."""

    dimensions: int
    _function: Callable[..., Tensor]  # of nn.functional
    weight: Tensor
    bias: Tensor | None

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | tuple[int, ...],
        stride: int | tuple[int, ...] = 1,
        padding: int | str | tuple[int, ...] = 0,
        dilation: int | tuple[int, ...] = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        if groups <= 0:
            raise ValueError("groups must be a positive integer")
        if in_channels % groups:
            raise ValueError("in_channels must be divisible by groups")
        if out_channels % groups:
            raise ValueError("out_channels must be divisible by groups")
        size = self.dimensions
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.kernel_size = _tuple(kernel_size, size)
        self.stride = _tuple(stride, size)
        self.dilation = _tuple(dilation, size)
        self.groups = groups
        if isinstance(padding, str):
            if padding not in ("same", "valid"):
                raise ValueError(f"Invalid padding string {padding!r}, should be one of {{'same', 'valid'}}")
            if padding == "same" and any(s != 1 for s in self.stride):
                raise ValueError("padding='same' is not supported for strided convolutions")
        if padding_mode not in _PADDING_MODES:
            raise ValueError(
                f"padding_mode must be one of {set(_PADDING_MODES)}, but got padding_mode='{padding_mode}'"
            )
        self.padding: Any = padding if isinstance(padding, str) else _tuple(padding, size)
        self.padding_mode = padding_mode
        self.weight = Parameter(
            tp.empty(out_channels, in_channels // groups, *self.kernel_size, device=device, dtype=dtype)
        )
        self.register_parameter(
            "bias", Parameter(tp.empty(out_channels, device=device, dtype=dtype)) if bias else None
        )
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw new values."""
        init.kaiming_uniform_(self.weight, a=math.sqrt(5))
        reset_bias(self.weight, self.bias)

    def forward(self, input: Tensor) -> Tensor:
        padding = self.padding
        if self.padding_mode != "zeros":
            input, padding = self._padded(input), 0
        return self._function(input, self.weight, self.bias, self.stride, padding, self.dilation, self.groups)

    def _padded(self, input: Tensor) -> Tensor:
        """The input with its border filled as ``padding_mode`` says."""
        around: list[int] = []
        for axis in reversed(range(self.dimensions)):
            if self.padding == "valid":
                around += (0, 0)
            elif self.padding == "same":
                total = self.dilation[axis] * (self.kernel_size[axis] - 1)
                around += (total // 2, total - total // 2)
            else:
                around += (self.padding[axis], self.padding[axis])
        return F.pad(input, tuple(around), mode=self.padding_mode)

    def extra_repr(self) -> str:
        text = (
            f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, stride={self.stride}"
        )
        ones = (1,) * self.dimensions
        if self.padding != (0,) * self.dimensions:
            text += f", padding={self.padding}"
        if self.dilation != ones:
            text += f", dilation={self.dilation}"
        if self.groups != 1:
            text += f", groups={self.groups}"
        if self.bias is None:
            text += ", bias=False"
        if self.padding_mode != "zeros":
            text += f", padding_mode={self.padding_mode}"
        return text


class Conv1d(_Convolution):
    """Cross-correlation: input [N, C_in, L] or [C_in, L] → [N, C_out, L_out] or [C_out, L_out].

    weight [C_out, C_in/groups, K]; ``padding``: an int, a tuple, "same" or "valid".

    Formula: ``y[o] = bias[o] + Σᵢ weight[o, i] ⋆ x[i], L_out = ⌊(L + 2 padding - dilation · (K - 1) - 1)
    / stride⌋ + 1``.

    Shapes: [N, C, L] -> [N, O, L_out].

    >>> nn.Conv1d(2, 4, 3)(tp.ones(1, 2, 10)).shape
    tensorplug.Size([1, 4, 8])
    """

    dimensions = 1
    _function = staticmethod(F.conv1d)


class Conv2d(_Convolution):
    """Cross-correlation: input [N, C_in, H, W] or [C_in, H, W] → [N, C_out, H_out, W_out] or without N.

    weight [C_out, C_in/groups, KH, KW]; ``padding``: an int, a tuple, "same" or "valid".

    Formula: ``y[o] = bias[o] + Σᵢ weight[o, i] ⋆ x[i], H_out = ⌊(H + 2 padding - dilation · (K - 1) - 1)
    / stride⌋ + 1``.

    Shapes: [N, C, H, W] -> [N, O, H_out, W_out].

    >>> nn.Conv2d(3, 8, 3, padding=1)(tp.ones(1, 3, 6, 6)).shape
    tensorplug.Size([1, 8, 6, 6])
    """

    dimensions = 2
    _function = staticmethod(F.conv2d)


class Conv3d(_Convolution):
    """Cross-correlation: input [N, C_in, D, H, W] or [C_in, D, H, W] → [N, C_out, ...] or without N.

    weight [C_out, C_in/groups, KD, KH, KW]; ``padding``: an int, a tuple, "same" or "valid".

    Formula: ``y[o] = bias[o] + Σᵢ weight[o, i] ⋆ x[i], D_out = ⌊(D + 2 padding - dilation · (K - 1) - 1)
    / stride⌋ + 1``.

    Shapes: [N, C, D, H, W] -> [N, O, D_out, H_out, W_out].

    >>> nn.Conv3d(1, 2, 2)(tp.ones(1, 1, 3, 3, 3)).shape
    tensorplug.Size([1, 2, 2, 2, 2])
    """

    dimensions = 3
    _function = staticmethod(F.conv3d)
