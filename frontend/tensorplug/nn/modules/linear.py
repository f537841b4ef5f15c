"""Linear maps: Identity, Linear, Bilinear."""

from __future__ import annotations

import math

import tensorplug as tp

from .. import functional as F
from .. import init
from ..parameter import Parameter
from .module import Module

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from tensorplug import Tensor


class Identity(Module):
    """Returns its input; takes any arguments.

    Formula: ``y = x``.

    Shapes: [*S] -> [*S].

    >>> nn.Identity()(tp.tensor([1.0, 2.0]))
    tensor([1., 2.])
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__()

    def forward(self, input: Any) -> Any:
        return input


class Linear(Module):
    """An affine map: input [..., in_features] → [..., out_features], floating-point.

    weight [out_features, in_features] and bias [out_features] start as U(-1/√in_features,
    1/√in_features).

    Formula: ``y = x Wᵀ + b``.

    Shapes: [*S, in_features] -> [*S, out_features].

    >>> layer = nn.Linear(3, 2)
    >>> layer(tp.ones(4, 3)).shape
    tensorplug.Size([4, 2])
    """

    weight: Tensor
    bias: Tensor | None

    def __init__(
        self, in_features: int, out_features: int, bias: bool = True, device: Any = None, dtype: Any = None
    ) -> None:
        super().__init__()
        self.in_features = in_features
        self.out_features = out_features
        self.weight = Parameter(tp.empty(out_features, in_features, device=device, dtype=dtype))
        self.register_parameter(
            "bias", Parameter(tp.empty(out_features, device=device, dtype=dtype)) if bias else None
        )
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw new values."""
        init.kaiming_uniform_(self.weight, a=math.sqrt(5))
        reset_bias(self.weight, self.bias)

    def forward(self, input: Tensor) -> Tensor:
        return F.linear(input, self.weight, self.bias)

    def extra_repr(self) -> str:
        return (
            f"in_features={self.in_features}, out_features={self.out_features}, bias={self.bias is not None}"
        )


class Bilinear(Module):
    """A map that is linear in two inputs: [..., in1_features] and [..., in2_features] → [..., out_features].

    weight [out_features, in1_features, in2_features] and bias start as U(-1/√in1_features,
    1/√in1_features).

    Formula: ``yₖ = x₁ᵀ Aₖ x₂ + bₖ``.

    Shapes: [*S, in1_features] and [*S, in2_features] -> [*S, out_features].

    >>> nn.Bilinear(3, 4, 2)(tp.ones(5, 3), tp.ones(5, 4)).shape
    tensorplug.Size([5, 2])
    """

    weight: Tensor
    bias: Tensor | None

    def __init__(
        self,
        in1_features: int,
        in2_features: int,
        out_features: int,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        if in1_features <= 0:
            raise ValueError(f"in1_features must be > 0, but got {in1_features}")
        self.in1_features = in1_features
        self.in2_features = in2_features
        self.out_features = out_features
        self.weight = Parameter(
            tp.empty(out_features, in1_features, in2_features, device=device, dtype=dtype)
        )
        self.register_parameter(
            "bias", Parameter(tp.empty(out_features, device=device, dtype=dtype)) if bias else None
        )
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw new values."""
        bound = 1 / math.sqrt(self.weight.shape[1])
        init.uniform_(self.weight, -bound, bound)
        if self.bias is not None:
            init.uniform_(self.bias, -bound, bound)

    def forward(self, input1: Tensor, input2: Tensor) -> Tensor:
        return F.bilinear(input1, input2, self.weight, self.bias)

    def extra_repr(self) -> str:
        return (
            f"in1_features={self.in1_features}, in2_features={self.in2_features}, "
            f"out_features={self.out_features}, bias={self.bias is not None}"
        )


def reset_bias(weight: Tensor, bias: Tensor | None) -> None:
    """Fill ``bias`` with U(-1/√fan_in, 1/√fan_in), the fan of ``weight``."""
    if bias is not None:
        fan_in, _ = init._calculate_fan_in_and_fan_out(weight)
        bound = 1 / math.sqrt(fan_in) if fan_in > 0 else 0
        init.uniform_(bias, -bound, bound)
