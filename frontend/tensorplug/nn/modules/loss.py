"""Losses as modules; the formulas stand in ``nn.functional``. ``reduction``: "mean", "sum" or "none"."""

from __future__ import annotations

from .. import functional as F
from .module import Module

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from tensorplug import Tensor


class _Loss(Module):
    reduction: str

    def __init__(self, size_average: Any = None, reduce: Any = None, reduction: str = "mean") -> None:
        super().__init__()
        self.reduction = legacy_reduction(size_average, reduce, reduction)


class _WeightedLoss(_Loss):
    weight: Tensor | None

    def __init__(
        self,
        weight: Tensor | None = None,
        size_average: Any = None,
        reduce: Any = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.register_buffer("weight", weight)


def legacy_reduction(size_average: Any, reduce: Any, reduction: str) -> str:
    """What PyTorch's old parameters ``size_average`` and ``reduce`` mean as a ``reduction``."""
    if size_average is None and reduce is None:
        return reduction
    if reduce is not None and not reduce:
        return "none"
    return "mean" if size_average is None or size_average else "sum"


class MSELoss(_Loss):
    """The squared error.

    Formula: ``l = (x - y)²``.

    Shapes: input and target [*S] -> [], or [*S] with ``reduction="none"``.

    >>> nn.MSELoss()(tp.tensor([1.0, 2.0]), tp.tensor([1.0, 4.0]))
    tensor(2.)
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.mse_loss(input, target, reduction=self.reduction)


class L1Loss(_Loss):
    """The absolute error.

    Formula: ``l = |x - y|``.

    Shapes: input and target [*S] -> [], or [*S] with ``reduction="none"``.

    >>> nn.L1Loss()(tp.tensor([1.0, 2.0]), tp.tensor([1.0, 4.0]))
    tensor(1.)
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.l1_loss(input, target, reduction=self.reduction)


class SmoothL1Loss(_Loss):
    """Quadratic below ``beta``, linear above, over beta.

    Formula: ``l = d² / (2 beta) where d = |x - y| < beta, else d - beta / 2``.

    Shapes: input and target [*S] -> [], or [*S] with ``reduction="none"``.

    >>> nn.SmoothL1Loss()(tp.tensor([1.0, 2.0]), tp.tensor([1.5, 4.0]))
    tensor(0.8125)
    """

    def __init__(
        self, size_average: Any = None, reduce: Any = None, reduction: str = "mean", beta: float = 1.0
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.beta = beta

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.smooth_l1_loss(input, target, reduction=self.reduction, beta=self.beta)


class HuberLoss(_Loss):
    """Quadratic below ``delta``, linear above.

    Formula: ``l = d² / 2 where d = |x - y| ≤ delta, else delta · (d - delta / 2)``.

    Shapes: input and target [*S] -> [], or [*S] with ``reduction="none"``.

    >>> nn.HuberLoss()(tp.tensor([1.0, 2.0]), tp.tensor([1.5, 4.0]))
    tensor(0.8125)
    """

    def __init__(self, reduction: str = "mean", delta: float = 1.0) -> None:
        super().__init__(reduction=reduction)
        self.delta = delta

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.huber_loss(input, target, reduction=self.reduction, delta=self.delta)


class NLLLoss(_WeightedLoss):
    """Negative log-likelihood of int64 classes under log-probabilities.

    Formula: ``l = -w[y] · x[y], the mean over Σ w[y]``.

    Shapes: input [N, C, *S], target int64 [N, *S], weight [C] -> [], or [N, *S] with
    ``reduction="none"``.

    >>> nn.NLLLoss()(tp.tensor([[-1.0, -2.0], [-3.0, -4.0]]), tp.tensor([0, 1]))
    tensor(2.5000)
    """

    def __init__(
        self,
        weight: Tensor | None = None,
        size_average: Any = None,
        ignore_index: int = -100,
        reduce: Any = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(weight, size_average, reduce, reduction)
        self.ignore_index = ignore_index

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.nll_loss(
            input, target, self.weight, ignore_index=self.ignore_index, reduction=self.reduction
        )


class CrossEntropyLoss(_WeightedLoss):
    """Cross entropy of scores with int64 classes or class probabilities.

    Formula: ``l = -w[y] · log(e^x[y] / Σⱼ e^xⱼ), the mean over Σ w[y]``.

    Shapes: input [N, C, *S], target int64 [N, *S] or [N, C, *S], weight [C] -> [], or [N, *S] with
    ``reduction="none"``.

    >>> nn.CrossEntropyLoss()(tp.tensor([[0.0, 0.0], [0.0, 0.0]]), tp.tensor([0, 1]))
    tensor(0.6931)
    """

    def __init__(
        self,
        weight: Tensor | None = None,
        size_average: Any = None,
        ignore_index: int = -100,
        reduce: Any = None,
        reduction: str = "mean",
        label_smoothing: float = 0.0,
    ) -> None:
        super().__init__(weight, size_average, reduce, reduction)
        self.ignore_index = ignore_index
        self.label_smoothing = label_smoothing

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.cross_entropy(
            input,
            target,
            self.weight,
            ignore_index=self.ignore_index,
            reduction=self.reduction,
            label_smoothing=self.label_smoothing,
        )


class BCELoss(_WeightedLoss):
    """Binary cross entropy of probabilities.

    Formula: ``l = -w · (y log x + (1 - y) log(1 - x)), logarithms at least -100``.

    Shapes: input and target [*S] -> [], or [*S] with ``reduction="none"``.

    >>> nn.BCELoss()(tp.tensor([0.5, 0.5]), tp.tensor([1.0, 0.0]))
    tensor(0.6931)
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.binary_cross_entropy(input, target, self.weight, reduction=self.reduction)


class BCEWithLogitsLoss(_Loss):
    """Binary cross entropy of logits; ``pos_weight`` weighs the positive class.

    Formula: ``l = -w · (p y log σ(x) + (1 - y) log(1 - σ(x))), p = pos_weight``.

    Shapes: input and target [*S] -> [], or [*S] with ``reduction="none"``.

    >>> nn.BCEWithLogitsLoss()(tp.tensor([0.0, 2.0]), tp.tensor([1.0, 1.0]))
    tensor(0.4100)
    """

    weight: Tensor | None
    pos_weight: Tensor | None

    def __init__(
        self,
        weight: Tensor | None = None,
        size_average: Any = None,
        reduce: Any = None,
        reduction: str = "mean",
        pos_weight: Tensor | None = None,
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.register_buffer("weight", weight)
        self.register_buffer("pos_weight", pos_weight)

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.binary_cross_entropy_with_logits(
            input, target, self.weight, pos_weight=self.pos_weight, reduction=self.reduction
        )


class KLDivLoss(_Loss):
    """Kullback–Leibler divergence; ``reduction="batchmean"`` is the mathematical one.

    Formula: ``l = y · (log y - x)``.

    Shapes: input and target [*S] -> [], or [*S] with ``reduction="none"``.

    >>> nn.KLDivLoss(reduction="sum")(tp.tensor([0.5, 0.5]).log(), tp.tensor([0.25, 0.75]))
    tensor(0.1308)
    """

    def __init__(
        self, size_average: Any = None, reduce: Any = None, reduction: str = "mean", log_target: bool = False
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.log_target = log_target

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.kl_div(input, target, reduction=self.reduction, log_target=self.log_target)


class MarginRankingLoss(_Loss):
    """Whether the first of two scores is the larger (target 1) or the smaller (target -1).

    Formula: ``l = max(0, -y · (x₁ - x₂) + margin)``.

    Shapes: all [*S] -> [], or [*S] with ``reduction="none"``.

    >>> nn.MarginRankingLoss()(tp.tensor([1.0, 2.0]), tp.tensor([3.0, 1.0]), tp.tensor([1.0, 1.0]))
    tensor(1.)
    """

    def __init__(self, margin: float = 0.0, reduction: str = "mean") -> None:
        super().__init__(reduction=reduction)
        self.margin = margin

    def forward(self, input1: Tensor, input2: Tensor, target: Tensor) -> Tensor:
        return F.margin_ranking_loss(input1, input2, target, self.margin, self.reduction)


class HingeEmbeddingLoss(_Loss):
    """Distances that are to be small (target 1) or large (target -1).

    Formula: ``l = x where y = 1, max(0, margin - x) where y = -1``.

    Shapes: input and target [*S] -> [], or [*S] with ``reduction="none"``.

    >>> nn.HingeEmbeddingLoss()(tp.tensor([0.5, 0.25]), tp.tensor([1.0, -1.0]))
    tensor(0.6250)
    """

    def __init__(self, margin: float = 1.0, reduction: str = "mean") -> None:
        super().__init__(reduction=reduction)
        self.margin = margin

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.hinge_embedding_loss(input, target, self.margin, self.reduction)


class CosineEmbeddingLoss(_Loss):
    """Vectors that are to be alike (target 1) or not (target -1).

    Formula: ``l = 1 - cos(x₁, x₂) where y = 1, max(0, cos(x₁, x₂) - margin) where y = -1``.

    Shapes: inputs [N, D], target [N] -> [], or [N] with ``reduction="none"``.

    >>> nn.CosineEmbeddingLoss()(tp.tensor([[1.0, 0.0]]), tp.tensor([[0.0, 1.0]]), tp.tensor([1.0]))
    tensor(1.)
    """

    def __init__(self, margin: float = 0.0, reduction: str = "mean") -> None:
        super().__init__(reduction=reduction)
        self.margin = margin

    def forward(self, input1: Tensor, input2: Tensor, target: Tensor) -> Tensor:
        return F.cosine_embedding_loss(input1, input2, target, self.margin, self.reduction)


class TripletMarginLoss(_Loss):
    """An anchor that is to be nearer to the positive than to the negative by ``margin``.

    Formula: ``l = max(0, ‖a - p‖ - ‖a - n‖ + margin)``.

    Shapes: all [N, D] -> [], or [N] with ``reduction="none"``.

    >>> nn.TripletMarginLoss()(tp.tensor([[0.0]]), tp.tensor([[2.0]]), tp.tensor([[1.0]]))
    tensor(2.)
    """

    def __init__(
        self,
        margin: float = 1.0,
        p: float = 2.0,
        eps: float = 1e-6,
        swap: bool = False,
        reduction: str = "mean",
    ) -> None:
        super().__init__(reduction=reduction)
        if margin <= 0:
            raise ValueError(f"TripletMarginLoss: expected margin to be greater than 0, got {margin} instead")
        self.margin = margin
        self.p = p
        self.eps = eps
        self.swap = swap

    def forward(self, anchor: Tensor, positive: Tensor, negative: Tensor) -> Tensor:
        return F.triplet_margin_loss(
            anchor, positive, negative, self.margin, self.p, self.eps, self.swap, self.reduction
        )


class PoissonNLLLoss(_Loss):
    """Negative log-likelihood of Poisson counts.

    Formula: ``l = e^x - y x, without ``log_input`` x - y log(x + eps)``.

    Shapes: input and target [*S] -> [], or [*S] with ``reduction="none"``.

    >>> nn.PoissonNLLLoss()(tp.tensor([0.0, 1.0]), tp.tensor([1.0, 2.0]))
    tensor(0.8591)
    """

    def __init__(
        self, log_input: bool = True, full: bool = False, eps: float = 1e-8, reduction: str = "mean"
    ) -> None:
        super().__init__(reduction=reduction)
        self.log_input = log_input
        self.full = full
        self.eps = eps

    def forward(self, log_input: Tensor, target: Tensor) -> Tensor:
        return F.poisson_nll_loss(log_input, target, self.log_input, self.full, self.eps, self.reduction)


class GaussianNLLLoss(_Loss):
    """Negative log-likelihood under normal distributions of given variances.

    Formula: ``l = (log v + (x - y)² / v) / 2, v = max(var, eps)``.

    Shapes: input, target and var [*S] -> [], or [*S] with ``reduction="none"``.

    >>> nn.GaussianNLLLoss()(tp.tensor([1.0]), tp.tensor([3.0]), tp.tensor([1.0]))
    tensor(2.)
    """

    def __init__(self, *, full: bool = False, eps: float = 1e-6, reduction: str = "mean") -> None:
        super().__init__(reduction=reduction)
        self.full = full
        self.eps = eps

    def forward(self, input: Tensor, target: Tensor, var: Tensor | float) -> Tensor:
        return F.gaussian_nll_loss(input, target, var, self.full, self.eps, self.reduction)
