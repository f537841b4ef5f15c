"""Tensors put together out of others: joining, moving, repeating, padding, triangles."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..dtypes import int64, promote
from ..errors import ShapeError
from ..layout import Layout, dense
from ..op import Input, Op
from . import F
from .common import (
    Shape,
    Tensor,
    cases,
    checked_shape,
    error_cases,
    filled,
    padded_layout,
    positions_along,
    reshape,
    to_dtype,
    wrap_dim,
    wrap_dims,
    zeros,
)

# -- joining -------------------------------------------------------------------------------------------------


def _joined(tensors: Sequence[Any]) -> list[Any]:
    """The tensors that take part: 1-d tensors of size 0 do not,
    whatever the others' shapes (PyTorch's old rule).
    """
    return [t for t in tensors if tuple(t.shape) != (0,)] or list(tensors[:1])


def _infer_cat(tensors: Sequence[Layout], dim: int) -> Layout:
    if not tensors:
        raise ShapeError("cat(): expected a non-empty list of Tensors")
    dtype = tensors[0].dtype
    for t in tensors[1:]:
        dtype = promote(dtype, t.dtype)
    joined = _joined(tensors)
    first = joined[0]
    if first.ndim == 0:
        raise ShapeError("zero-dimensional tensor (at position 0) cannot be concatenated; use stack()")
    dim = wrap_dim(dim, first.ndim)
    total = 0
    for number, t in enumerate(joined):
        if t.ndim != first.ndim:
            raise ShapeError(
                f"Tensors must have same number of dimensions: got {first.ndim} and {t.ndim} (tensor number "
                f"{number} of cat has shape {list(t.shape)}); unsqueeze it"
            )
        for i, n in enumerate(t.shape):
            if i != dim and n != first.shape[i]:
                raise ShapeError(
                    f"Sizes of tensors must match except in dimension {dim}. Expected size "
                    f"{first.shape[i]} but got size {n} for tensor number {number} in the list (shapes "
                    f"{list(first.shape)} and {list(t.shape)} in dimension {i})"
                )
        total += t.shape[dim]
    return dense((*first.shape[:dim], total, *first.shape[dim + 1 :]), dtype)


def _decompose_cat(tensors: Sequence[Tensor], dim: int) -> Tensor:
    layout = _infer_cat([t.layout for t in tensors], dim)
    result = F.empty(layout.shape, layout.dtype, tensors[0].device)
    dim = wrap_dim(dim, layout.ndim)
    start = 0
    for t in _joined(tensors):
        length = t.shape[dim]
        if length:
            F.copy_into(F.slice(result, dim, start, length, 1), t)
        start += length
    return result


def _cat_vjp(grad: Tensor, tensors_layout: Sequence[Layout], dim: int) -> tuple[Tensor, ...]:
    dim = wrap_dim(dim, grad.ndim)
    cotangents = []
    start = 0
    for layout in tensors_layout:
        if tuple(layout.shape) == (0,) and grad.ndim != 1:
            cotangents.append(zeros((0,), grad, layout.dtype))
            continue
        length = layout.shape[dim]
        cotangents.append(to_dtype(F.slice(grad, dim, start, length, 1), layout.dtype))
        start += length
    return tuple(cotangents)


def _infer_stack(tensors: Sequence[Layout], dim: int) -> Layout:
    if not tensors:
        raise ShapeError("stack expects a non-empty TensorList")
    first = tensors[0]
    dtype = first.dtype
    for number, t in enumerate(tensors):
        if t.shape != first.shape:
            raise ShapeError(
                f"stack expects each tensor to be equal size, but got {list(first.shape)} at entry 0 and "
                f"{list(t.shape)} at entry {number}; expand or pad them"
            )
        dtype = promote(dtype, t.dtype)
    dim = wrap_dim(dim, first.ndim + 1)
    return dense((*first.shape[:dim], len(tensors), *first.shape[dim:]), dtype)


def _decompose_stack(tensors: Sequence[Tensor], dim: int) -> Tensor:
    dim = wrap_dim(dim, tensors[0].ndim + 1)
    return F.cat([F.unsqueeze(t, dim) for t in tensors], dim)


# -- moving elements -----------------------------------------------------------------------------------------


def _infer_flip(input: Layout, dims: Shape) -> Layout:
    wrap_dims(dims, input.ndim)
    return dense(input.shape, input.dtype)


def _decompose_flip(input: Tensor, dims: Shape) -> Tensor:
    """A copy of the view with negative strides."""
    shape, strides = input.shape, list(input.layout.strides)
    if input.numel() == 0 or input.ndim == 0:
        return F.copy(input)
    offset = 0
    for dim in wrap_dims(dims, input.ndim):
        offset += (shape[dim] - 1) * strides[dim]
        strides[dim] = -strides[dim]
    return F.copy(F.as_strided(input, shape, tuple(strides), offset))


def _infer_roll(input: Layout, shifts: Shape, dims: Shape) -> Layout:
    if not shifts or (len(dims) != len(shifts) if dims else len(shifts) != 1):
        raise ShapeError(
            f"shifts and dimensions must align. shifts: {len(shifts)}, dims: {len(dims)}; give one shift a "
            f"dimension, or one shift and no dims to roll the flattened tensor"
        )
    wrap_dims(dims, input.ndim)
    return dense(input.shape, input.dtype)


def _decompose_roll(input: Tensor, shifts: Shape, dims: Shape) -> Tensor:
    if input.numel() == 0:
        return F.copy(input)
    if not dims:
        return F.view(_decompose_roll(reshape(input, (input.numel(),)), shifts, (0,)), input.shape)
    if input.ndim == 0:
        return F.copy(input)
    result = input
    for shift, dim in zip(shifts, wrap_dims(dims, input.ndim), strict=True):
        length = input.shape[dim]
        cut = -shift % length
        if cut:
            result = F.cat([F.slice(result, dim, cut, length - cut, 1), F.slice(result, dim, 0, cut, 1)], dim)
    return F.copy(input) if result is input else result


def _roll_vjp(grad: Tensor, shifts: Shape, dims: Shape) -> Tensor:
    return F.roll(grad, tuple(-s for s in shifts), dims)


def _infer_repeat(input: Layout, repeats: Shape) -> Layout:
    lead = len(repeats) - input.ndim
    if lead < 0:
        raise ShapeError(
            f"Number of dimensions of repeat dims can not be smaller than number of dimensions of tensor: "
            f"repeats {list(repeats)}, shape {list(input.shape)}; put 1s in front, or use tile()"
        )
    return dense(
        checked_shape([r * (input.shape[i - lead] if i >= lead else 1) for i, r in enumerate(repeats)]),
        input.dtype,
    )


def _decompose_repeat(input: Tensor, repeats: Shape) -> Tensor:
    """Every dimension doubled to (repeats, size), expanded, and made one again."""
    layout = _infer_repeat(input.layout, repeats)
    shape = (1,) * (len(repeats) - input.ndim) + tuple(input.shape)
    pairs = tuple(n for size in shape for n in (1, size))
    wanted = tuple(n for repeat, size in zip(repeats, shape, strict=True) for n in (repeat, size))
    return F.view(F.copy(F.expand(reshape(input, pairs), wanted)), layout.shape)


def _full_repeats(ndim: int, dims: Shape) -> Shape:
    return (1,) * (ndim - len(dims)) + tuple(dims)


def _infer_repeat_interleave(input: Layout, repeats: int, dim: int | None) -> Layout:
    if repeats < 0:
        raise ShapeError(f"repeats can not be negative, but got {repeats}")
    if dim is None or input.ndim == 0:
        return dense((input.numel * repeats,), input.dtype)
    return dense((*input.shape[:dim], input.shape[dim] * repeats, *input.shape[dim + 1 :]), input.dtype)


def _decompose_repeat_interleave(input: Tensor, repeats: int, dim: int | None) -> Tensor:
    if dim is None or input.ndim == 0:
        input, dim = reshape(input, (input.numel(),)), 0
    shape = input.shape
    wide = F.expand(F.unsqueeze(input, dim + 1), (*shape[: dim + 1], repeats, *shape[dim + 1 :]))
    return F.view(F.copy(wide), (*shape[:dim], shape[dim] * repeats, *shape[dim + 1 :]))


# -- padding -------------------------------------------------------------------------------------------------


def _infer_constant_pad(input: Layout, pad: Shape, value: float) -> Layout:
    return padded_layout(input, pad)


def _overlap(shape: Shape, padded: Shape, pad: Shape) -> list[tuple[int, int, int]]:
    """For each dimension: where the kept part starts in the input, where in the result, and its length."""
    parts = []
    for dim, n in enumerate(shape):
        k = len(shape) - 1 - dim
        before = pad[2 * k] if 2 * k < len(pad) else 0
        start, target = max(-before, 0), max(before, 0)
        parts.append((start, target, max(min(n - start, padded[dim] - target), 0)))
    return parts


def _decompose_constant_pad(input: Tensor, pad: Shape, value: float) -> Tensor:
    layout = padded_layout(input.layout, pad)
    result = filled(layout.shape, value, input)
    source, target = input, result
    for dim, (start, place, length) in enumerate(_overlap(input.shape, layout.shape, pad)):
        source = F.slice(source, dim, start, length, 1)
        target = F.slice(target, dim, place, length, 1)
    if target.numel():
        F.copy_into(target, source)
    return result


def _constant_pad_vjp(grad: Tensor, pad: Shape) -> Tensor:
    return F.constant_pad_nd(grad, tuple(-n for n in pad), 0)


def _infer_pad(input: Layout, pad: Shape, mode: str, value: float) -> Layout:
    layout = padded_layout(input, pad)
    if mode not in ("constant", "reflect", "replicate", "circular"):
        raise ShapeError(
            f"pad: unrecognised padding mode {mode!r}; there are constant, reflect, replicate, circular"
        )
    for k in range(len(pad) // 2):
        dim = input.ndim - 1 - k
        size, largest = input.shape[dim], max(pad[2 * k], pad[2 * k + 1])
        if mode == "reflect" and largest >= size:
            raise ShapeError(
                f"Padding size should be less than the corresponding input dimension, but got: padding "
                f"({pad[2 * k]}, {pad[2 * k + 1]}) at dimension {dim} of input {list(input.shape)}; use "
                f"mode='replicate', or pad twice"
            )
        left = size + min(pad[2 * k], 0) + min(pad[2 * k + 1], 0)
        if mode == "circular" and largest > (size if left > 0 else 0):
            raise ShapeError(
                f"Padding value causes wrapping around more than once: padding ({pad[2 * k]}, "
                f"{pad[2 * k + 1]}) at dimension {dim} of input {list(input.shape)}; crop less, or pad twice"
            )
        if mode == "replicate" and size == 0 and largest > 0:
            raise ShapeError(
                f"pad: there is nothing to replicate at dimension {dim} of input {list(input.shape)}"
            )
    return layout


def _decompose_pad(input: Tensor, pad: Shape, mode: str, value: float) -> Tensor:
    if mode == "constant":
        return F.constant_pad_nd(input, pad, value)
    result = input
    for k in range(len(pad) // 2):
        before, after = pad[2 * k], pad[2 * k + 1]
        if before or after:
            dim = input.ndim - 1 - k
            result = F.index_select(
                result, dim, _source_positions(input.shape[dim], before, after, mode, input)
            )
    return F.copy(input) if result is input else result


def _source_positions(size: int, before: int, after: int, mode: str, like: Tensor) -> Tensor:
    """Which element of a dimension of ``size`` stands at each place of the padded one."""
    place = F.iota(size + before + after, int64, -before, device=like.device)
    if mode == "reflect":
        place = F.sub(size - 1, F.abs(F.sub(size - 1, F.abs(place))))
    elif mode == "replicate":
        place = F.minimum.call((F.maximum.call((place, 0)), size - 1))
    else:
        first, last = max(0, -before), min(size, size + after)  # what a negative number crops is not there
        left = last - first
        if max(before, after) > left > 0:
            return F.add(F.remainder(F.sub(place, first), left), first)
        place = F.where(F.lt(place, first), F.add(place, left), place)
        place = F.where(F.lt(place, last), place, F.sub(place, left))
    return place


# -- triangles -----------------------------------------------------------------------------------------------


def _infer_triangle(input: Layout, diagonal: int) -> Layout:
    if input.ndim < 2:
        raise ShapeError(
            f"tril/triu: input tensor must have at least 2 dimensions, but has shape {list(input.shape)}"
        )
    return dense(input.shape, input.dtype)


def _triangle(lower: bool) -> Any:
    def decompose(input: Tensor, diagonal: int) -> Tensor:
        shape = tuple(input.shape[-2:])
        far = max(shape) + 1  # beyond which all diagonals are alike
        diagonal = max(-far, min(diagonal, far))
        row, column = positions_along(shape, 0, input), positions_along(shape, 1, input)
        if lower:
            inside = F.lt(F.sub(column, row), diagonal + 1)
        else:
            inside = F.gt(F.sub(column, row), diagonal - 1)
        return to_dtype(F.where(inside, input, 0), input.dtype)

    return decompose


def _triangle_vjp(name: str) -> Any:
    return lambda grad, diagonal: getattr(F, name)(grad, diagonal)


# -- the table -----------------------------------------------------------------------------------------------


def _lists(*calls: tuple[Any, ...]) -> Any:
    """Samples whose first argument is a list of tensors, given by shape or as Input."""
    return cases(
        *[([s if isinstance(s, Input) else Input(s) for s in shapes], *rest) for shapes, *rest in calls]
    )


def _op(schema: str, **columns: Any) -> Op:
    return Op(schema, tier=4, family="composition", autocast=columns.pop("autocast", "none"), **columns)


OPS: tuple[Op, ...] = (
    _op(
        "cat(Tensor[] tensors, dim dim=0)",
        infer=_infer_cat,
        decompose=_decompose_cat,
        vjp={"tensors": _cat_vjp},
        autocast="promote",
        samples=_lists(
            ([(2, 3), (4, 3)], 0),
            ([(2, 3), (2, 1)], 1),
            ([(2, 3), (2, 5), (2, 1)], -1),
            ([(2, 3)], 0),
            ([(0, 3), (2, 3)], 0),
            ([(2, 3), (0,)], 1),
            ([(3,), (0,)], 0),
            ([Input((4, 6), layout="transposed"), Input((4, 6), layout="sliced")], 0),
            ([Input((2,), dtype="int64"), Input((2,), dtype="float32")], 0),
        ),
        errors=error_cases(
            (([Input((2, 3)), Input((3, 2))], 0), "ShapeError", "Expected size 3 but got size 2"),
            (([Input((2, 3)), Input((3,))], 0), "ShapeError", "same number of dimensions: got 2 and 1"),
            (([Input(())], 0), "ShapeError", "zero-dimensional"),
        ),
        doc="Tensors joined along a dimension. Source: torch.cat.",
        shapes="tensors [*A, n at dim, *B] -> [*A, sum(n), *B]",
    ),
    _op(
        "stack(Tensor[] tensors, int dim=0)",
        infer=_infer_stack,
        decompose=_decompose_stack,
        autocast="promote",
        samples=_lists(
            ([(2, 3), (2, 3)], 0),
            ([(2, 3), (2, 3)], -1),
            ([(2, 3), (2, 3)], 1),
            ([(), (), ()], 0),
            ([Input((4, 6), layout="transposed"), Input((4, 6))], 1),
        ),
        errors=error_cases(
            (([Input((2,)), Input((3,))], 0), "ShapeError", "got [2] at entry 0 and [3] at entry 1")
        ),
        public="function out",
        doc="Tensors joined along a new dimension. Source: torch.stack.",
        shapes="tensors [*S] -> [*inserted(S, dim, len(tensors))]",
    ),
    _op(
        "flip(Tensor input, int[] dims)",
        infer=_infer_flip,
        decompose=_decompose_flip,
        vjp={"input": lambda grad, dims: F.flip(grad, dims)},
        samples=cases(
            ((3, 4), (0,)),
            ((3, 4), (-1,)),
            ((3, 4), (0, 1)),
            ((3, 4), ()),
            ((0, 3), (0,)),
            ((), ()),
            (Input((4, 6), layout="transposed"), (0,)),
            (Input((4, 6), layout="expanded"), (0, 1)),
        ),
        errors=error_cases(((Input((2, 3)), (2,)), "IndexRangeError", "Dimension out of range")),
        doc="The order reversed along dims. Source: torch.flip.",
    ),
    _op(
        "roll(Tensor input, int[] shifts, int[] dims=())",
        infer=_infer_roll,
        decompose=_decompose_roll,
        vjp={"input": _roll_vjp},
        samples=cases(
            ((3, 4), (1,), (0,)),
            ((3, 4), (-2,), (1,)),
            ((3, 4), (5, -1), (0, 1)),
            ((3, 4), (5,)),
            ((3, 4), (0,), (0,)),
            ((0, 3), (1,), (0,)),
            (Input((4, 6), layout="transposed"), (1,), (1,)),
        ),
        errors=error_cases(((Input((2, 3)), (1, 2), (0,)), "ShapeError", "must align")),
        doc="Elements moved along dims, what goes over the end comes back at the start. Source: torch.roll.",
    ),
    _op(
        "repeat(Tensor input, int[] repeats)",
        infer=_infer_repeat,
        decompose=_decompose_repeat,
        samples=cases(
            ((2, 3), (2, 1)),
            ((2, 3), (2, 1, 3)),
            ((3,), (2,)),
            ((), (2, 2)),
            ((2, 3), (0, 1)),
            (Input((4, 6), layout="transposed"), (1, 2)),
        ),
        errors=error_cases(((Input((2, 3)), (2,)), "ShapeError", "can not be smaller")),
        torch_name="Tensor.repeat",
        public="method sizes",
        doc="The tensor repeated along each dimension. Source: torch.Tensor.repeat.",
        shapes="input [*S] -> [*repeated(S, repeats)]",
    ),
    _op(
        "tile(Tensor input, int[] dims)",
        decompose=lambda input, dims: F.repeat(input, _full_repeats(input.ndim, dims)),
        samples=cases(((2, 3), (2,)), ((2, 3), (2, 1, 3)), ((2, 3), ())),
        public="function method sizes",
        doc="As repeat, with ones put in front of dims. Source: torch.tile.",
        shapes="input [*S] -> [*repeated(S, dims)]",
    ),
    _op(
        "repeat_interleave(Tensor input, int repeats, dim? dim=None)",
        infer=_infer_repeat_interleave,
        decompose=_decompose_repeat_interleave,
        samples=cases(((2, 3), 2, 0), ((2, 3), 3, -1), ((2, 3), 2), ((), 2), ((2, 3), 0, 1)),
        errors=error_cases(((Input((2,)), -1, 0), "ShapeError", "can not be negative")),
        doc="Every element repeated in place along dim. Source: torch.repeat_interleave.",
        shapes="input [*S] -> [*interleaved(S, repeats, dim)]",
    ),
    _op(
        "constant_pad_nd(Tensor input, int[] pad, Scalar value=0)",
        infer=_infer_constant_pad,
        decompose=_decompose_constant_pad,
        vjp={"input": _constant_pad_vjp},
        samples=cases(
            ((2, 3), (1, 2)),
            ((2, 3), (1, 0, 0, 2), 1),
            ((2, 3), (-1, 1)),
            ((2, 5), (-1, -2)),
            ((0, 3), (0, 0, 1, 1), 2),
            (Input((4, 6), layout="transposed"), (1, 1, 1, 1)),
        ),
        errors=error_cases(
            ((Input((2, 3)), (-2, -2)), "ShapeError", "negative output size (-1)"),
            ((Input((2, 3)), (1,)), "ShapeError", "two numbers a dimension"),
        ),
        doc="Padded with a value, cropped where pad is negative; pairs from the last dimension on. "
        "Source: torch.nn.functional.pad.",
        shapes="input [*S] -> [*padded(S, pad)]",
    ),
    _op(
        "pad(Tensor input, int[] pad, str mode='constant', Scalar value=0)",
        infer=_infer_pad,
        decompose=_decompose_pad,
        torch_name="nn.functional.pad",
        samples=cases(
            ((1, 2, 3), (1, 2), "constant", 1),
            ((1, 2, 4), (3, 2), "reflect"),
            ((1, 2, 4), (5, 2), "replicate"),
            ((1, 2, 4), (3, 4), "circular"),
            ((1, 2, 4, 5), (1, 2, 3, 1), "reflect"),
            ((1, 2, 4, 5), (1, 2, 3, 1), "replicate"),
            ((1, 2, 4, 5), (1, 2, 3, 1), "circular"),
            ((1, 2, 4), (-1, 2), "replicate"),
            ((1, 2, 9), (-2, 3), "circular"),
            ((1, 2, 9), (3, -3), "circular"),
            ((1, 2, 4, 5), (-1, 2, 1, -1), "circular"),
        ),
        errors=error_cases(
            ((Input((1, 2, 3)), (3, 0), "reflect"), "ShapeError", "less than the corresponding"),
            ((Input((1, 2, 9)), (-9, 5), "circular"), "ShapeError", "wrapping around more than once"),
            ((Input((1, 2, 3)), (1, 0), "mirror"), "ShapeError", "unrecognised padding mode 'mirror'"),
        ),
        doc="Padded with a value, by reflection, by the edge, or around. Source: torch.nn.functional.pad.",
        shapes="input [*S] -> [*padded(S, pad)]",
    ),
    *(
        _op(
            f"{name}(Tensor input, int diagonal=0)",
            infer=_infer_triangle,
            out_dtype="same",
            decompose=_triangle(name == "tril"),
            vjp={"input": _triangle_vjp(name)},
            samples=cases(
                ((3, 4),),
                ((3, 4), 1),
                ((3, 4), -1),
                ((2, 3, 3), 0),
                ((4, 3), -9),
                ((4, 3), 9),
                ((0, 3),),
                (Input((4, 6), layout="transposed"), 1),
            ),
            errors=error_cases((((3,),), "ShapeError", "at least 2 dimensions")),
            public="function method inplace out",
            doc=f"The {which} triangle, zeros {where} it. Source: torch.{name}.",
        )
        for name, which, where in (("tril", "lower", "above"), ("triu", "upper", "below"))
    ),
)
