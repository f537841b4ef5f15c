"""Dropout: random zeros while training."""

from __future__ import annotations

import math

import tensorplug as tp
from tensorplug_dispatcher.ops import F

from ..random import take

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tensorplug import Tensor


def _keep(input: Tensor, p: float, shape: tuple[int, ...], inplace: bool) -> Tensor:
    """``input`` where a mask of ``shape`` drawn with probability 1 - p is true,
    over 1 - p; zero elsewhere.
    """
    mask = F.dropout_mask(shape, p, *take(math.prod(shape)), device=input.device)
    kept = tp.where(mask, input * (1.0 / (1.0 - p) if p < 1.0 else 0.0), 0.0)
    return input.copy_(kept) if inplace else kept


def _drops(p: float, training: bool) -> bool:
    if not 0.0 <= p <= 1.0:
        raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")
    return training and p > 0.0


def dropout(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """While training, zero with probability ``p``, and divide the others by ``1 - p``.

    Shapes: [*S] -> [*S]; dtypes: floating. Source: torch.nn.functional.dropout.
    """
    return _keep(input, p, input.shape, inplace) if _drops(p, training) else input


def _channel_dropout(input: Tensor, p: float, training: bool, inplace: bool, dimensions: int) -> Tensor:
    if not _drops(p, training):
        return input
    return _keep(input, p, (*input.shape[: input.ndim - dimensions], *(1,) * dimensions), inplace)


def dropout1d(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """``dropout`` of whole channels of [N, C, L] or [C, L].

    Shapes: [N, C, L] -> [N, C, L], N may be absent; dtypes: floating. Raises RuntimeError for what cannot be
    done. Source: torch.nn.functional.dropout1d.
    """
    if input.ndim not in (2, 3):
        raise RuntimeError(f"dropout1d: Expected 2D or 3D input, but received a {input.ndim}D input.")
    return _channel_dropout(input, p, training, inplace, 1)


def dropout2d(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """``dropout`` of whole channels of [N, C, H, W] or [C, H, W].

    Shapes: [N, C, H, W] -> [N, C, H, W], N may be absent; dtypes: floating. Raises RuntimeError for what
    cannot be done. Source: torch.nn.functional.dropout2d.
    """
    if input.ndim not in (3, 4):
        raise RuntimeError(f"dropout2d: Expected 3D or 4D input, but received a {input.ndim}D input.")
    return _channel_dropout(input, p, training, inplace, 2)
