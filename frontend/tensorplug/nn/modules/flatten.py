"""Reshaping modules: Flatten, Unflatten."""

from __future__ import annotations

from ..._arguments import is_integer, several
from .module import Module

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from tensorplug import Tensor


class Flatten(Module):
    """Joins the dimensions ``start_dim`` to ``end_dim`` into one.

    Formula: ``y = x with the sizes from start_dim to end_dim multiplied``.

    Shapes: [N, *S] -> [N, product of S].

    >>> nn.Flatten()(tp.ones(2, 3, 4)).shape
    tensorplug.Size([2, 12])
    """

    def __init__(self, start_dim: int = 1, end_dim: int = -1) -> None:
        super().__init__()
        self.start_dim = start_dim
        self.end_dim = end_dim

    def forward(self, input: Tensor) -> Tensor:
        return input.flatten(self.start_dim, self.end_dim)

    def extra_repr(self) -> str:
        return f"start_dim={self.start_dim}, end_dim={self.end_dim}"


class Unflatten(Module):
    """Splits the dimension ``dim`` into ``unflattened_size``; one of its sizes may be -1.

    Formula: ``y = x with the size at dim cut into unflattened_size``.

    Shapes: [*A, n, *B] -> [*A, *unflattened_size, *B], n at ``dim``.

    >>> nn.Unflatten(1, (2, 3))(tp.ones(4, 6)).shape
    tensorplug.Size([4, 2, 3])
    """

    def __init__(self, dim: int, unflattened_size: Any) -> None:
        super().__init__()
        if not is_integer(dim):
            raise TypeError("invalid argument type for dim parameter")
        sizes = several(unflattened_size)
        for position, size in enumerate(sizes):
            if not is_integer(size):
                raise TypeError(
                    "unflattened_size must be tuple of ints, but found element of type "
                    f"{type(size).__name__} at pos {position}"
                )
        self.dim = dim
        self.unflattened_size = sizes

    def forward(self, input: Tensor) -> Tensor:
        return input.unflatten(self.dim, self.unflattened_size)

    def extra_repr(self) -> str:
        return f"dim={self.dim}, unflattened_size={self.unflattened_size}"
