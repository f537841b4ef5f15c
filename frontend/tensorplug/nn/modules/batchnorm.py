"""Batch normalisation: BatchNorm1d, BatchNorm2d (Ioffe & Szegedy, arXiv:1502.03167)."""

from __future__ import annotations

import tensorplug as tp

from .. import functional as F
from .normalization import Affine

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from tensorplug import Tensor


class _BatchNorm(Affine):
    """Normalises every channel (dimension 1) over the batch, and keeps running statistics for evaluation."""

    _version = 2
    running_mean: Tensor | None
    running_var: Tensor | None
    num_batches_tracked: Tensor | None

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__()
        self.num_features = num_features
        self.eps = eps
        self.momentum = momentum
        self.affine = affine
        self.track_running_stats = track_running_stats
        self._register_affine(num_features, affine, affine and bias, device, dtype)
        for name in ("running_mean", "running_var"):
            self.register_buffer(
                name, tp.empty(num_features, device=device, dtype=dtype) if track_running_stats else None
            )
        self.register_buffer(
            "num_batches_tracked",
            tp.tensor(0, dtype=tp.int64, device=device) if track_running_stats else None,
        )
        self.reset_parameters()

    def reset_running_stats(self) -> None:
        """Mean 0, variance 1, no batches."""
        if self.running_mean is not None and self.running_var is not None:
            self.running_mean.zero_()
            self.running_var.fill_(1)
        if self.num_batches_tracked is not None:
            self.num_batches_tracked.zero_()

    def reset_parameters(self) -> None:
        """Weight 1, bias 0, and ``reset_running_stats``."""
        self.reset_running_stats()
        super().reset_parameters()

    def _check_input_dim(self, input: Tensor) -> None:
        raise NotImplementedError

    def forward(self, input: Tensor) -> Tensor:
        self._check_input_dim(input)
        momentum = self.momentum
        if self.training and self.track_running_stats and self.num_batches_tracked is not None:
            self.num_batches_tracked.add_(1)
            if momentum is None:  # a cumulative average
                momentum = 1.0 / float(self.num_batches_tracked)
        running = not self.training or self.track_running_stats
        return F.batch_norm(
            input,
            self.running_mean if running else None,
            self.running_var if running else None,
            self.weight,
            self.bias,
            self.training or self.running_mean is None,
            0.0 if momentum is None else momentum,
            self.eps,
        )

    def extra_repr(self) -> str:
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, affine={self.affine}, "
            f"bias={self.bias is not None}, track_running_stats={self.track_running_stats}"
        )

    def _load_from_state_dict(
        self, state_dict: dict[str, Any], prefix: str, local_metadata: dict[str, Any], *rest: Any
    ) -> None:
        version = local_metadata.get("version")
        key = prefix + "num_batches_tracked"
        if (
            (version is None or version < 2)
            and self.num_batches_tracked is not None
            and key not in state_dict
        ):
            state_dict[key] = self.num_batches_tracked  # states older than this buffer
        super()._load_from_state_dict(state_dict, prefix, local_metadata, *rest)


class BatchNorm1d(_BatchNorm):
    """Normalises every channel of [N, C] or [N, C, L] (Ioffe & Szegedy, arXiv:1502.03167).

    Formula: ``y = (x - mean) / √(var + eps) · weight + bias, of each channel``.

    Shapes: [N, C] or [N, C, L] -> the same.

    >>> nn.BatchNorm1d(1)(tp.tensor([[1.0], [3.0]])).round().tolist()
    [[-1.0], [1.0]]
    """

    def _check_input_dim(self, input: Tensor) -> None:
        if input.ndim not in (2, 3):
            raise ValueError(f"expected 2D or 3D input (got {input.ndim}D input)")


class BatchNorm2d(_BatchNorm):
    """Normalises every channel of [N, C, H, W] (Ioffe & Szegedy, arXiv:1502.03167).

    Formula: ``y = (x - mean) / √(var + eps) · weight + bias, of each channel``.

    Shapes: [N, C, H, W] -> [N, C, H, W].

    >>> nn.BatchNorm2d(3)(tp.ones(2, 3, 4, 4)).shape
    tensorplug.Size([2, 3, 4, 4])
    """

    def _check_input_dim(self, input: Tensor) -> None:
        if input.ndim != 4:
            raise ValueError(f"expected 4D input (got {input.ndim}D input)")
