"""Linear algebra under PyTorch's names (https://pytorch.org/docs/stable/linalg.html): norms and products."""

from __future__ import annotations

from tensorplug_dispatcher.dtypes import DType
from tensorplug_dispatcher.errors import ShapeError, SignatureError
from tensorplug_dispatcher.ops import F

from ._arguments import is_integer
from ._products import cross as _cross
from ._products import matmul
from ._public import public
from ._ranges import eye

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from ._tensor import Tensor


@public("function", out="out")
def vector_norm(
    x: Tensor, ord: float = 2, dim: Any = None, keepdim: bool = False, *, dtype: DType | None = None
) -> Tensor:
    """The ``ord``-norm of the elements over ``dim`` (None: all).

    Shapes: [*S] -> [*S] without ``dim``, or with size 1 there (``keepdim``); dtypes: floating. Source:
    torch.linalg.vector_norm.
    """
    return F.norm(x if dtype is None else F.cast(x, dtype), float(ord), dim, keepdim)


@public("function", out="out")
def matrix_norm(A: Tensor, ord: Any = "fro", dim: Sequence[int] = (-2, -1), keepdim: bool = False) -> Tensor:
    """A norm of the matrices in ``dim``: "fro", 1, -1, inf or -inf.
    (Norms by singular values are not offered.)

    Shapes: [*S, M, N] -> [*S]; dtypes: floating. Raises ShapeError for sizes that do not fit. Raises
    SignatureError for arguments that do not go together. Source: torch.linalg.matrix_norm.
    """
    rows, columns = dim
    if rows % A.ndim == columns % A.ndim:
        raise ShapeError(f"linalg.matrix_norm: dims must be different. Got ({rows}, {columns})")
    if ord == "fro":
        return F.norm(A, 2.0, (rows, columns), keepdim)
    if ord in (1, -1, float("inf"), float("-inf")):
        inner, outer = (rows, columns) if abs(ord) == 1 else (columns, rows)
        sums = F.sum(F.abs(A), inner, True)
        if ord > 0 and not sums.shape[outer]:  # the largest of no sums is 0
            sums = F.constant_pad_nd(F.movedim(sums, (outer,), (-1,)), (0, 1))
            sums = F.movedim(sums, (-1,), (outer,))
        extreme = F.amax if ord > 0 else F.amin
        made = extreme(sums, outer, True)
        return made if keepdim else F.squeeze(made, (rows, columns))
    raise SignatureError(f"linalg.matrix_norm: ord={ord!r} is not offered; give 'fro', 1, -1, inf or -inf")


@public("function", out="out")
def norm(
    A: Tensor, ord: Any = None, dim: Any = None, keepdim: bool = False, *, dtype: DType | None = None
) -> Tensor:
    """The norm of a vector, or of matrices where ``dim`` names two dimensions and ``ord`` is given.

    Shapes: [*S] -> [*S] without ``dim``, or with size 1 there (``keepdim``); dtypes: floating. Source:
    torch.linalg.norm.
    """
    if dtype is not None:
        A = F.cast(A, dtype)
    if ord is None:
        return F.norm(A, 2.0, dim, keepdim)
    if is_integer(dim) or (dim is None and A.ndim == 1) or (isinstance(dim, (tuple, list)) and len(dim) == 1):
        return vector_norm(A, ord, dim, keepdim)
    return matrix_norm(A, ord, (-2, -1) if dim is None else dim, keepdim)


@public("function", out="out")
def cross(input: Tensor, other: Tensor, *, dim: int = -1) -> Tensor:
    """The cross product of vectors of size 3 along ``dim``.

    Shapes: operands broadcast to the result, of size 3 along ``dim``; dtypes: any but bool, the same for
    both. Source: torch.linalg.cross.
    """
    return _cross(input, other, dim)


@public("function", out="out")
def vecdot(x: Tensor, y: Tensor, *, dim: int = -1) -> Tensor:
    """Sums of products along ``dim``.

    Shapes: both broadcast to [*S] -> [*S] without ``dim``; dtypes: any but bool, the same for both. Source:
    torch.linalg.vecdot.
    """
    return F.sum(F.mul(x, y), dim)


def diagonal(A: Tensor, *, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Tensor:
    """The diagonals of matrices.

    Shapes: [*S, M, N] -> [*S, n]; dtypes: any. Source: torch.linalg.diagonal.
    """
    return F.diagonal(A, offset, dim1, dim2)


@public("function", out="out")
def multi_dot(tensors: Sequence[Tensor]) -> Tensor:
    """The product of two or more matrices (the first and last may be vectors), from left to right.

    Shapes: [N₀, N₁], [N₁, N₂], ... -> [N₀, Nₖ]; dtypes: any but bool, the same for all. Raises ShapeError for
    sizes that do not fit. Source: torch.linalg.multi_dot.
    """
    if len(tensors) < 2:
        raise ShapeError(f"linalg.multi_dot: expected at least 2 tensors, but got {len(tensors)}")
    product = tensors[0]
    for x in tensors[1:]:
        product = matmul(product, x)
    return product


@public("function", out="out", wide=True)
def matrix_power(A: Tensor, n: int) -> Tensor:
    """``A`` multiplied with itself ``n`` times; ``n`` = 0 gives the identity.

    Shapes: [*S, N, N] -> [*S, N, N]; dtypes: floating. Raises ShapeError for sizes that do not fit. Source:
    torch.linalg.matrix_power.
    """
    if n < 0:
        raise ShapeError(f"linalg.matrix_power: n must be 0 or more, but is {n}; inverses are not offered")
    if n == 0:
        return F.expand(eye(A.shape[-1], dtype=A.dtype, device=A.device), tuple(A.shape))
    result: Any = None
    while n:
        if n & 1:
            result = A if result is None else matmul(result, A)
        n >>= 1
        A = matmul(A, A) if n else A
    return result


__all__ = [
    "cross",
    "diagonal",
    "matmul",
    "matrix_norm",
    "matrix_power",
    "multi_dot",
    "norm",
    "vecdot",
    "vector_norm",
]
