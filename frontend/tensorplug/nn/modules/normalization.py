"""Normalisation within a sample: LayerNorm, GroupNorm, RMSNorm."""

from __future__ import annotations

import tensorplug as tp

from ..._arguments import several
from .. import functional as F
from .. import init
from ..parameter import Parameter
from .module import Module

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from tensorplug import Tensor


def _shape(normalized_shape: int | list[int] | tuple[int, ...]) -> tuple[int, ...]:
    return several(normalized_shape)


class Affine(Module):
    """What multiplies by a ``weight`` and adds a ``bias``, each a parameter or None."""

    weight: Tensor | None
    bias: Tensor | None

    def _register_affine(
        self, shape: int | tuple[int, ...], weight: bool, bias: bool, device: Any, dtype: Any
    ) -> None:
        for name, wanted in (("weight", weight), ("bias", bias)):
            self.register_parameter(
                name, Parameter(tp.empty(shape, device=device, dtype=dtype)) if wanted else None
            )

    def reset_parameters(self) -> None:
        """Weight 1, bias 0."""
        if self.weight is not None:
            init.ones_(self.weight)
        if self.bias is not None:
            init.zeros_(self.bias)


class LayerNorm(Affine):
    """Normalises over the last dimensions, ``normalized_shape`` of them (Ba et al., arXiv:1607.06450).

    weight and bias have ``normalized_shape`` and start as 1 and 0.

    Formula: ``y = (x - mean) / √(var + eps) · weight + bias``.

    Shapes: [*A, *normalized_shape] -> [*A, *normalized_shape].

    >>> nn.LayerNorm(2)(tp.tensor([1.0, 3.0])).round().tolist()
    [-1.0, 1.0]
    """

    def __init__(
        self,
        normalized_shape: int | list[int] | tuple[int, ...],
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.normalized_shape = _shape(normalized_shape)
        self.eps = eps
        self.elementwise_affine = elementwise_affine
        self._register_affine(
            self.normalized_shape, elementwise_affine, elementwise_affine and bias, device, dtype
        )
        self.reset_parameters()

    def forward(self, input: Tensor) -> Tensor:
        return F.layer_norm(input, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        return (
            f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}, "
            f"bias={self.bias is not None}"
        )


class RMSNorm(Module):
    """Divides by the root mean square over the last dimensions (Zhang & Sennrich, arXiv:1910.07467).

    ``eps`` None means the machine epsilon of the input's dtype.

    Formula: ``y = x / √(mean(x²) + eps) · weight``.

    Shapes: [*A, *normalized_shape] -> [*A, *normalized_shape].

    >>> nn.RMSNorm(2)(tp.tensor([3.0, -3.0])).round().tolist()
    [1.0, -1.0]
    """

    weight: Tensor | None

    def __init__(
        self,
        normalized_shape: int | list[int] | tuple[int, ...],
        eps: float | None = None,
        elementwise_affine: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.normalized_shape = _shape(normalized_shape)
        self.eps = eps
        self.elementwise_affine = elementwise_affine
        self.register_parameter(
            "weight",
            Parameter(tp.empty(self.normalized_shape, device=device, dtype=dtype))
            if elementwise_affine
            else None,
        )
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Weight 1."""
        if self.weight is not None:
            init.ones_(self.weight)

    def forward(self, x: Tensor) -> Tensor:
        return F.rms_norm(x, self.normalized_shape, self.weight, self.eps)

    def extra_repr(self) -> str:
        return f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}"


class GroupNorm(Affine):
    """Normalises the channels (dimension 1) in ``num_groups`` groups (Wu & He, arXiv:1803.08494).

    Formula: ``y = (x - mean) / √(var + eps) · weight + bias, of each group``.

    Shapes: [N, C, *S] -> [N, C, *S], weight and bias [C].

    >>> nn.GroupNorm(1, 2)(tp.tensor([[1.0, 3.0]])).round().tolist()
    [[-1.0, 1.0]]
    """

    def __init__(
        self,
        num_groups: int,
        num_channels: int,
        eps: float = 1e-5,
        affine: bool = True,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__()
        if num_channels % num_groups:
            raise ValueError(f"num_channels ({num_channels}) must be divisible by num_groups ({num_groups})")
        self.num_groups = num_groups
        self.num_channels = num_channels
        self.eps = eps
        self.affine = affine
        self._register_affine(num_channels, affine, affine and bias, device, dtype)
        self.reset_parameters()

    def forward(self, input: Tensor) -> Tensor:
        return F.group_norm(input, self.num_groups, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        return (
            f"{self.num_groups}, {self.num_channels}, eps={self.eps}, affine={self.affine}, "
            f"bias={self.bias is not None}"
        )
