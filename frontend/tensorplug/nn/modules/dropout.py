"""Dropout (Srivastava et al., JMLR 15, 2014)."""

from __future__ import annotations

from .. import functional as F
from .module import Module

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tensorplug import Tensor


class _Dropout(Module):
    def __init__(self, p: float = 0.5, inplace: bool = False) -> None:
        super().__init__()
        if p < 0 or p > 1:
            raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")
        self.p = p
        self.inplace = inplace

    def extra_repr(self) -> str:
        return f"p={self.p}, inplace={self.inplace}"


class Dropout(_Dropout):
    """While training, sets elements to zero with probability ``p`` and scales the others by 1/(1-p).

    Formula: ``y = m x / (1 - p), m = 0 with probability p, else 1``.

    Shapes: [*S] -> [*S].

    >>> layer = nn.Dropout(0.5).eval()
    >>> layer(tp.tensor([1.0, 2.0]))
    tensor([1., 2.])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.dropout(input, self.p, self.training, self.inplace)


class Dropout1d(_Dropout):
    """Dropout of whole channels of [N, C, L] or [C, L].

    Formula: ``y = m x / (1 - p), m = 0 with probability p, else 1, one m a channel``.

    Shapes: [N, C, L] -> [N, C, L].

    >>> nn.Dropout1d(0.5).eval()(tp.ones(1, 2, 3)).shape
    tensorplug.Size([1, 2, 3])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.dropout1d(input, self.p, self.training, self.inplace)


class Dropout2d(_Dropout):
    """Dropout of whole channels of [N, C, H, W] or [C, H, W].

    Formula: ``y = m x / (1 - p), m = 0 with probability p, else 1, one m a channel``.

    Shapes: [N, C, H, W] -> [N, C, H, W].

    >>> nn.Dropout2d(0.5).eval()(tp.ones(1, 2, 3, 3)).shape
    tensorplug.Size([1, 2, 3, 3])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.dropout2d(input, self.p, self.training, self.inplace)
