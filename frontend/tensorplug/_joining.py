"""Tensors joined, repeated, turned, and grids of them."""

from __future__ import annotations

from tensorplug_dispatcher import dtypes
from tensorplug_dispatcher.errors import ShapeError, SignatureError
from tensorplug_dispatcher.ops import F
from tensorplug_dispatcher.signatures import wrap_dim
from tensorplug_dispatcher.tensor import TensorBase

from ._arguments import check_same_dtype, integer, named, several, sizes
from ._public import public
from ._shape import atleast_1d, atleast_2d, atleast_3d, ravel, tensors_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from ._tensor import Tensor


@public("function", names="cat concat concatenate")
def cat(tensors: Sequence[Tensor], dim: int = 0, *, out: Tensor | None = None) -> Tensor:
    """The tensors joined along ``dim``; the dtype is their common one. Raises ShapeError for none.

    Shapes: [*A, nᵢ, *B], nᵢ at ``dim`` -> [*A, Σ nᵢ, *B]; dtypes: any, promoted. Source: torch.cat.
    """
    if not isinstance(tensors, TensorBase) and not len(tensors):
        raise ShapeError("cat(): expected a non-empty list of Tensors")
    return F.cat(tensors, dim) if out is None else F.cat(tensors, dim, out=out)


@public("function", out="out~")
def hstack(tensors: Sequence[Tensor]) -> Tensor:
    """Joined by column (along dimension 0 for vectors).

    Shapes: [N, Mᵢ, *S] -> [N, Σ Mᵢ, *S], vectors [Nᵢ] -> [Σ Nᵢ]; dtypes: any, promoted. Source: torch.hstack.
    """
    given = atleast_1d(tuple(tensors))
    return F.cat(given, 0 if given[0].ndim == 1 else 1)


@public("function", names="vstack row_stack", out="out~")
def vstack(tensors: Sequence[Tensor]) -> Tensor:
    """Joined by row.

    Shapes: [Nᵢ, *S] -> [Σ Nᵢ, *S], vectors count as [1, N]; dtypes: any, promoted. Source: torch.vstack.
    """
    return F.cat(atleast_2d(tuple(tensors)), 0)


@public("function", out="out~")
def dstack(tensors: Sequence[Tensor]) -> Tensor:
    """Joined along the third dimension.

    Shapes: [M, N, Kᵢ, *S] -> [M, N, Σ Kᵢ, *S]; dtypes: any, promoted. Source: torch.dstack.
    """
    return F.cat(atleast_3d(tuple(tensors)), 2)


@public("function", out="out~")
def column_stack(tensors: Sequence[Tensor]) -> Tensor:
    """Vectors as columns joined with matrices.

    Shapes: [N] or [N, Mᵢ] -> [N, Σ Mᵢ], a vector counts as one column; dtypes: any, promoted. Source:
    torch.column_stack.
    """
    return F.cat(tuple([F.view(x, (x.numel(), 1)) if x.ndim <= 1 else x for x in tensors]), 1)


@public("function", "method")
def repeat_interleave(
    input: Tensor, repeats: Any = None, dim: int | None = None, *, output_size: int | None = None
) -> Tensor:
    """Every element repeated in place: ``repeats`` times, or as often as a tensor of counts says.

    Shapes: [*A, n, *B], n at ``dim`` -> [*A, n repeats, *B], or the sum of a tensor's counts; dtypes: any,
    counts are integers. Raises ShapeError for sizes that do not fit. Source: torch.repeat_interleave.
    """
    source: Any = input
    if repeats is None:
        repeats, source = input, None
    elif not isinstance(repeats, TensorBase):
        return F.repeat_interleave(input, repeats, dim)
    elif repeats.numel() == 1:
        return F.repeat_interleave(input, int(repeats.item()), dim)
    counts: list[int] = repeats.tolist()
    if min(counts, default=0) < 0:
        raise ShapeError(f"repeats can not be negative, but got {min(counts)}")
    every = F.iota(sum(counts), dtypes.int64, device=repeats.device)
    places: Any = F.cast(F.searchsorted(F.cumsum(repeats, 0), every, True), repeats.dtype)
    if source is None:
        return places
    if dim is None:
        source, dim = ravel(source), 0
    if len(counts) != source.shape[dim]:
        raise ShapeError(
            "repeats must have the same size as input along dim, but got repeats.size(0) = "
            f"{len(counts)} and input.size({dim}) = {source.shape[dim]}"
        )
    return F.index_select(source, dim, places)


@public("function", "method", sizes=F.flip)
def flip(input: Tensor, *dims: Any, **given: Any) -> Tensor:
    """The order reversed along ``dims``.

    Shapes: [*S] -> [*S]; dtypes: any. Raises SignatureError for arguments that do not go together. Source:
    torch.flip.
    """
    if not dims and not given:
        raise SignatureError("flip() misses its argument 'dims'; give the dimensions to reverse")
    return F.flip(input, sizes(named(dims, given, "flip", "dims"), "flip", "dims"))


@public("function", "method")
def fliplr(input: Tensor) -> Tensor:
    """The columns in reverse order.

    Shapes: [M, N, *S] -> [M, N, *S]; dtypes: any. Source: torch.fliplr.
    """
    return F.flip(input, (1,))


@public("function", "method")
def flipud(input: Tensor) -> Tensor:
    """The rows in reverse order.

    Shapes: [N, *S] -> [N, *S]; dtypes: any. Source: torch.flipud.
    """
    return F.flip(input, (0,))


@public("function", "method")
def rot90(input: Tensor, k: int = 1, dims: Sequence[int] = (0, 1)) -> Tensor:
    """Turned by ``k`` quarters in the plane of ``dims``, from the first towards the second.

    Shapes: [*S] -> [*S], for odd ``k`` with the sizes of ``dims`` swapped; dtypes: any. Raises ShapeError for
    sizes that do not fit. Source: torch.rot90.
    """
    k = integer(k, "rot90", "k")
    places = several(dims)
    if len(places) != 2:
        raise ShapeError(f"expected total rotation dims == 2, but got dims = {list(places)}")
    first, second = places
    if wrap_dim(first, input.ndim) == wrap_dim(second, input.ndim):
        raise ShapeError(
            f"expected rotation dims to be different, but got dim0 = {first} and dim1 = {second}"
        )
    turns = k % 4
    if turns == 1:
        return F.transpose(F.flip(input, (second,)), first, second)
    if turns == 2:
        return F.flip(input, (first, second))
    if turns == 3:
        return F.transpose(F.flip(input, (first,)), first, second)
    return F.copy(input)


@public("function", "method")
def roll(input: Tensor, shifts: Any, dims: Any = None) -> Tensor:
    """Elements moved by ``shifts`` along ``dims``; what goes over the end comes back at the start.

    Shapes: [*S] -> [*S]; dtypes: any. Source: torch.roll.
    """
    return F.roll(input, several(shifts), () if dims is None else several(dims))


@public("function")
def meshgrid(*tensors: Any, indexing: str = "ij") -> tuple[Tensor, ...]:
    """Coordinate grids from vectors; ``indexing`` "ij" (matrix) or "xy" (Cartesian: first two swapped).

    Shapes: [Nᵢ] each -> [N₁, N₂, ...] each; dtypes: any, the same for all. Raises ShapeError for sizes that
    do not fit. Raises SignatureError for arguments that do not go together. Source: torch.meshgrid.
    """
    if indexing not in ("ij", "xy"):
        raise SignatureError(f'meshgrid: indexing must be one of "xy" or "ij", but received: {indexing!r}')
    vectors = list(tensors_of(tensors))
    if not vectors:
        raise ShapeError("meshgrid expects a non-empty TensorList")
    for x in vectors:
        if x.ndim > 1:
            raise ShapeError(
                f"meshgrid expects 0D or 1D tensors, but one has shape {list(x.shape)}; flatten it"
            )
    check_same_dtype("meshgrid", **{f"tensor {i}": x for i, x in enumerate(vectors)})
    swap = indexing == "xy" and len(vectors) > 1
    if swap:
        vectors[0], vectors[1] = vectors[1], vectors[0]
    shape = tuple([x.numel() for x in vectors])
    grids = [
        F.expand(F.view(x, tuple([n if i == k else 1 for k, n in enumerate(shape)])), shape)
        for i, x in enumerate(vectors)
    ]
    if swap:
        grids[0], grids[1] = grids[1], grids[0]
    return tuple(grids)


@public("function")
def cartesian_prod(*tensors: Any) -> Tensor:
    """All combinations of the vectors' elements, one a row.

    Shapes: k vectors [Nᵢ] -> [Π Nᵢ, k]; dtypes: any, the same for all. Raises ShapeError for sizes that do
    not fit. Source: torch.cartesian_prod.
    """
    given = tensors_of(tensors)
    for x in given:
        if x.ndim != 1:
            raise ShapeError(f"cartesian_prod: expected a 1D vector, but got shape {list(x.shape)}")
    if len(given) == 1:
        return given[0]
    return F.stack(tuple([F.reshape(g, (-1,)) for g in meshgrid(*given)]), 1)


@public("function")
def block_diag(*tensors: Any) -> Tensor:
    """A matrix with these matrices along its diagonal and zeros elsewhere.

    Shapes: [Mᵢ, Nᵢ] each -> [Σ Mᵢ, Σ Nᵢ]; dtypes: any, promoted. Raises ShapeError for sizes that do not fit.
    Source: torch.block_diag.
    """
    for x in tensors_of(tensors):
        if x.ndim > 2:
            raise ShapeError(f"block_diag: tensors must have 2 or fewer dimensions, but one has {x.ndim}")
    blocks = [x if x.ndim == 2 else atleast_2d(x) for x in tensors_of(tensors)]
    width = sum(x.shape[1] for x in blocks)
    rows = []
    before = 0
    for x in blocks:
        after = width - before - x.shape[1]
        rows.append(F.constant_pad_nd(x, (before, after)))
        before += x.shape[1]
    return F.cat(tuple(rows), 0)
