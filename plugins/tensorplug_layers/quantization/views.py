"""Views of quantized tensors: the levels seen so, and the scales with them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from tensorplug_dispatcher.ops import F
from tensorplug_dispatcher.signatures import normalize_attributes

from .products import Refused
from .quantizer import FOUR_BITS, Tensor, made, quantizer_of, stored

# views that any one scale for all survives
VIEWS: Final = (
    *("slice", "narrow", "select", "transpose", "permute", "movedim", "view", "expand", "unsqueeze"),
    *("squeeze", "alias", "detach", "as_strided", "diagonal", "unfold"),
)


def viewed(name: str, args: tuple[Any, ...]) -> Tensor:
    """A view that shares the levels' memory; Refused where the scales or packed levels do not allow one."""
    tensor = args[0]
    quantizer = quantizer_of(tensor)
    if name in ("alias", "detach"):
        return made(stored(tensor), tensor.shape, tensor.dtype, quantizer)
    args = normalize_attributes(getattr(F, name).op, args)
    if tensor.dtype in FOUR_BITS:
        return _rows(name, tensor, args)
    if quantizer.per_tensor:
        levels = getattr(F, name)(stored(tensor), *args[1:])
        scale, point = (None if t is None else F.view(t, ()) for t in (quantizer.scale, quantizer.zero_point))
        return made(
            levels,
            levels.shape,
            tensor.dtype,
            replace(quantizer, scale=scale, zero_point=point, weight_sum=None),
        )
    if name in ("transpose", "permute"):
        return _both(name, tensor, args[1:], args[1:])
    if name in ("slice", "narrow"):
        return _both(name, tensor, args[1:], _of_scale(tensor, args))
    if name == "select":
        return _both(name, tensor, args[1:], (args[1], _place_of_scale(tensor, args[1], args[2])))
    raise Refused(f"{name} of a tensor with scales {_shape(quantizer.scale)} would tear groups apart")


def _place_of_scale(tensor: Tensor, dim: int, index: int) -> int:
    """Where along ``dim`` the scale of an index is."""
    size, count = quantizer_of(tensor).scale.shape[dim], tensor.shape[dim]  # type: ignore[union-attr]
    if not -count <= index < count:
        return index  # refused with the tensor's own shape
    return index % count // (count // size)


def _shape(scale: Any) -> list[int]:
    return list(scale.shape)


def _of_scale(tensor: Tensor, args: tuple[Any, ...]) -> tuple[Any, ...] | None:
    """The arguments of ``slice`` or ``narrow`` for the scales; None where they stay whole."""
    _, dim, start, length, *step = args
    size = quantizer_of(tensor).scale.shape[dim]  # type: ignore[union-attr]
    group = tensor.shape[dim] // size if size else 1
    if size == 1:
        return None
    if start % group or length % group or (group > 1 and step and step[0] != 1):
        raise Refused(
            f"a part from {start} of length {length} does not begin and end with a group of {group}"
        )
    return (dim, start // group, length // group, *step)


def _both(name: str, tensor: Tensor, args: tuple[Any, ...], scale_args: tuple[Any, ...] | None) -> Tensor:
    quantizer = quantizer_of(tensor)
    function = getattr(F, name)

    def of_scale(part: Tensor | None) -> Tensor | None:
        return part if part is None or scale_args is None else F.copy(function(part, *scale_args))

    levels = function(stored(tensor), *args)
    sums = quantizer.weight_sum
    if sums is not None:
        along_rows = name in ("slice", "narrow") and args[0] == 0
        sums = F.copy(function(sums, *args)) if along_rows else None
    changed = replace(
        quantizer, scale=of_scale(quantizer.scale), zero_point=of_scale(quantizer.zero_point), weight_sum=sums
    )
    return made(levels, levels.shape, tensor.dtype, changed)


def _rows(name: str, tensor: Tensor, args: tuple[Any, ...]) -> Tensor:
    """Of levels packed two a byte only whole rows can be taken."""
    if name not in ("slice", "narrow", "select") or tensor.ndim < 2 or args[1] == tensor.ndim - 1:
        raise Refused(f"{name} would move levels that lie two a byte")
    quantizer = quantizer_of(tensor)
    if not quantizer.scale.ndim:  # type: ignore[union-attr]
        scale_args = None
    elif name == "select":
        scale_args = (args[1], _place_of_scale(tensor, args[1], args[2]))
    else:
        scale_args = _of_scale(tensor, args)
    function = getattr(F, name)
    levels = function(stored(tensor), *args[1:])

    def of_scale(part: Tensor | None) -> Tensor | None:
        return part if part is None or scale_args is None else F.copy(function(part, *scale_args))

    changed = replace(quantizer, scale=of_scale(quantizer.scale), zero_point=of_scale(quantizer.zero_point))
    return made(levels, (*levels.shape[:-1], tensor.shape[-1]), tensor.dtype, changed)
