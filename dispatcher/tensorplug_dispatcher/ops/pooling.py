"""Pooling: the largest value or the mean of windows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from ..dtypes import int64
from ..errors import ShapeError
from ..layout import Layout, dense
from ..op import ErrorCase, Input, Op, Sample
from . import F
from .common import (
    Shape,
    Tensor,
    lowest,
    numel_of,
    positions,
    positions_along,
    reshape,
    sample,
    to_dtype,
    widen,
    zeros,
)
from .convolution import first_of_each, overlapping_sum, padded, windows

_FAR = 1 << 62  # farther than any place


def _count(size: int, kernel: int, stride: int, padding: int, dilation: int, ceil_mode: bool) -> int:
    """How many windows a dimension has; in ceil mode the last may reach over the end,
    but must start before it.
    """
    reach = dilation * (kernel - 1) + 1
    over = size + 2 * padding - reach
    count = (-(-over // stride) if ceil_mode else over // stride) + 1
    if ceil_mode and (count - 1) * stride >= size + padding:
        count -= 1
    return count


class Placement(NamedTuple):
    """Where the windows of a pooling lie; one number a spatial dimension in each of the tuples."""

    kernel: Shape
    stride: Shape
    padding: Shape
    dilation: Shape
    ceil_mode: bool

    def check(self, name: str, input: Layout) -> Shape:
        """The shape of the result; raises ShapeError with PyTorch's texts."""
        count = len(self.kernel)
        if count < 1:
            raise ShapeError(f"{name}: kernel_size () should have a number a spatial dimension, one at least")
        if input.ndim != count + 2:
            raise ShapeError(
                f"{name}: expected an input [N, C, ...] with {count + 2} dimensions, but got "
                f"{list(input.shape)}; unsqueeze a missing batch dimension"
            )
        for label in ("stride", "padding", "dilation"):
            each = getattr(self, label)
            if len(each) != count:
                raise ShapeError(
                    f"{name}: {label} {list(each)} should have {count} numbers, as kernel_size has"
                )
        kernel, stride, padding, dilation, ceil_mode = self
        if min(kernel) < 1 or min(stride) < 1 or min(dilation) < 1:
            raise ShapeError(
                f"{name}: kernel_size {list(kernel)}, stride {list(stride)} and dilation {list(dilation)} "
                f"must be positive"
            )
        if max(*kernel, *stride, *padding, *dilation) >= 1 << 31:
            raise ShapeError(
                f"{name}: kernel_size {list(kernel)}, stride {list(stride)}, padding {list(padding)} and "
                f"dilation {list(dilation)} must be below 2**31"
            )
        for k, p in zip(kernel, padding, strict=True):
            if not 0 <= p <= k // 2:
                raise ShapeError(
                    f"pad should be at most half of effective kernel size, but got pad={p}, kernel_size={k}"
                )
        sizes = [
            _count(input.shape[2 + i], kernel[i], stride[i], padding[i], dilation[i], ceil_mode)
            for i in range(count)
        ]
        if min(sizes) < 1 or 0 in input.shape[1:]:
            raise ShapeError(
                f"Given input size: {list(input.shape[1:])}. Calculated output size: "
                f"{[input.shape[1], *sizes]}. Output size is too small; "
                f"use a smaller kernel than {list(kernel)}, or padding"
            )
        return (*input.shape[:2], *sizes)

    def after(self, spatial: Shape, places: Shape) -> Shape:
        """The padding behind each dimension that lets the last window end inside."""
        return tuple(
            (count - 1) * stride + dilation * (kernel - 1) + 1 - n - padding
            for n, count, kernel, stride, padding, dilation in zip(spatial, places, *self[:4], strict=True)
        )

    def elements(self, x: Tensor, places: Shape, value: float) -> Tensor:
        """What the windows of ``x`` show, [N, C, *places, *kernel]; ``value`` where they show padding."""
        x = padded(x, self.padding, self.after(x.shape[2:], places), value)
        return windows(x, self.kernel, self.stride, self.dilation)

    @property
    def inner(self) -> Shape:
        """The dimensions of ``elements`` that run over a window."""
        return tuple(range(2 + len(self.kernel), 2 + 2 * len(self.kernel)))


# -- maximum -------------------------------------------------------------------------------------------------


def _infer_max_pool(input: Layout, *settings: Any) -> tuple[Layout, Layout]:
    shape = Placement(*settings).check("max_pool", input)
    return dense(shape, input.dtype), dense(shape, int64)


def _decompose_max_pool(input: Tensor, *settings: Any) -> tuple[Tensor, Tensor]:
    """The first place of the largest value, or the last of a NaN; padding never counts."""
    over = Placement(*settings)
    shape = over.check("max_pool", input.layout)
    if numel_of(shape) == 0:
        return zeros(shape, input), zeros(shape, input, int64)
    places, spatial = shape[2:], input.shape[2:]
    values = over.elements(input, places, lowest(input.dtype))
    largest = F.amax(values, over.inner, True)
    place = F.view(positions(numel_of(spatial), input), (1, 1, *spatial))
    place = over.elements(place, places, -1)
    rank = F.where(F.eq(values, largest), F.sub(-1, place), -_FAR)
    if input.dtype.is_floating_point:
        rank = F.where(F.eq(values, values), rank, place)
    rank = F.amax(F.where(F.lt(place, 0), -_FAR, rank), over.inner, False)
    return F.view(largest, shape), F.where(F.lt(rank, 0), F.sub(-1, rank), rank)


def _max_pool_vjp(grad: Tensor, indices: Tensor, input_layout: Layout) -> Tensor:
    return F.max_pool_backward(grad, indices, tuple(input_layout.shape))


def _infer_max_pool_backward(grad_output: Layout, indices: Layout, input_shape: Shape) -> Layout:
    if grad_output.shape != indices.shape:
        raise ShapeError(
            f"max_pool_backward: grad_output has shape {list(grad_output.shape)} and indices "
            f"{list(indices.shape)}; both come from one call"
        )
    shape = grad_output.shape
    if len(shape) < 3 or len(shape) != len(input_shape) or tuple(shape[:2]) != tuple(input_shape[:2]):
        raise ShapeError(
            f"max_pool_backward: grad_output has shape {list(shape)} and input_shape is {list(input_shape)}; "
            "both are [N, C, ...], with the same batch and channels"
        )
    return dense(input_shape, grad_output.dtype)


def _planes(x: Tensor) -> Tensor:
    return reshape(x, (*x.shape[:2], numel_of(x.shape[2:])))


def _decompose_max_pool_backward(grad_output: Tensor, indices: Tensor, input_shape: Shape) -> Tensor:
    if numel_of(input_shape) == 0 or grad_output.numel() == 0:
        return zeros(input_shape, grad_output)
    flat = zeros((*input_shape[:2], numel_of(input_shape[2:])), grad_output)
    return F.view(F.scatter_add(flat, 2, _planes(indices), _planes(grad_output)), input_shape)


def _max_pool_backward_vjp(grad: Tensor, indices: Tensor) -> Tensor:
    return F.view(F.gather(_planes(grad), 2, _planes(indices)), indices.shape)


# -- mean ----------------------------------------------------------------------------------------------------


class Mean(NamedTuple):
    """The windows of a mean, and what their sums are divided by."""

    over: Placement
    count_include_pad: bool
    divisor_override: int | None

    def divisor(self, spatial: Sequence[int], places: Sequence[int], like: Tensor) -> Any:
        """How many elements each window averages: a number, or a tensor [*places]."""
        number = float if like.dtype.is_floating_point else int
        if self.divisor_override is not None:
            return number(self.divisor_override)
        kernel, stride, padding, _, _ = self.over
        total: Any = number(1)
        for i, n in enumerate(spatial):
            # every window is full unless padding is left out or the last reaches over the padded end
            longer = (places[i] - 1) * stride[i] + kernel[i] > n + 2 * padding[i]
            if not longer and (self.count_include_pad or not padding[i]):
                total = total * kernel[i] if isinstance(total, number) else F.mul(total, number(kernel[i]))
                continue
            low, high = (-padding[i], n + padding[i]) if self.count_include_pad else (0, n)
            start = F.iota(places[i], int64, -padding[i], stride[i], device=like.device)
            end = F.minimum.call((F.add(start, kernel[i]), min(high, n + padding[i])))
            count = F.cast(F.sub(end, F.maximum.call((start, low))), like.dtype)
            count = F.view(count, tuple(places[i] if k == i else 1 for k in range(len(spatial))))
            total = F.mul(count, total)
        return total


def _mean(
    kernel_size: Shape,
    stride: Shape,
    padding: Shape,
    ceil_mode: bool,
    count_include_pad: bool,
    divisor_override: int | None,
) -> Mean:
    if divisor_override == 0:
        raise ShapeError("avg_pool: divisor must be not zero; give divisor_override=None or another number")
    over = Placement(kernel_size, stride, padding, (1,) * len(kernel_size), ceil_mode)
    return Mean(over, count_include_pad, divisor_override)


def _infer_avg_pool(input: Layout, *settings: Any) -> Layout:
    return dense(_mean(*settings).over.check("avg_pool", input), input.dtype)


def _decompose_avg_pool(input: Tensor, *settings: Any) -> Tensor:
    mean = _mean(*settings)
    shape = mean.over.check("avg_pool", input.layout)
    if numel_of(shape) == 0:
        return zeros(shape, input)
    x = widen(input)
    total = F.sum(mean.over.elements(x, shape[2:], 0), mean.over.inner, False)
    count = mean.divisor(input.shape[2:], shape[2:], x)
    if not input.dtype.is_floating_point:
        return F.floor_divide(F.sub(total, F.fmod(total, count)), count)
    return to_dtype(F.div(total, count), input.dtype)


def _avg_pool_vjp(grad: Tensor, input_layout: Layout, *attributes: Any) -> Tensor:
    return F.avg_pool_backward(grad, tuple(input_layout.shape), *attributes)


def _infer_avg_pool_backward(grad_output: Layout, input_shape: Shape, *settings: Any) -> Layout:
    result = dense(input_shape, grad_output.dtype)
    expected = _mean(*settings).over.check("avg_pool_backward", result)
    if expected != tuple(grad_output.shape):
        raise ShapeError(
            f"avg_pool_backward: an input {list(input_shape)} gives a result {list(expected)}, but "
            f"grad_output has shape {list(grad_output.shape)}"
        )
    return result


def _decompose_avg_pool_backward(grad_output: Tensor, input_shape: Shape, *settings: Any) -> Tensor:
    if grad_output.numel() == 0:
        return zeros(input_shape, grad_output)
    mean = _mean(*settings)
    kernel, stride, padding, once, _ = mean.over
    places, spatial = tuple(grad_output.shape[2:]), input_shape[2:]
    g = widen(grad_output)
    share = F.div(g, mean.divisor(spatial, places, g))
    pieces = F.expand(reshape(share, (*share.shape, *once)), (*share.shape, *kernel))
    after = mean.over.after(spatial, places)
    full = (
        *input_shape[:2],
        *(max(n + p + a, n + p) for n, p, a in zip(spatial, padding, after, strict=True)),
    )
    result = overlapping_sum(pieces, full, stride, once)
    for i, n in enumerate(spatial):
        result = F.slice(result, 2 + i, padding[i], n, 1)
    return to_dtype(F.copy(result), grad_output.dtype)


def _avg_pool_backward_vjp(grad: Tensor, *attributes: Any) -> Tensor:
    return F.avg_pool(grad, *attributes[1:])


# -- a given number of results -------------------------------------------------------------------------------


def _ranges(size: int, count: int) -> list[tuple[int, int]]:
    """Where each of ``count`` windows over ``size`` elements starts, and its length."""
    starts = [i * size // count for i in range(count)]
    ends = [-(-(i + 1) * size // count) for i in range(count)]
    return [(start, end - start) for start, end in zip(starts, ends, strict=True)]


def _infer_adaptive(input: Layout, output_size: Shape) -> Layout:
    if input.ndim < len(output_size) + 1 or 0 in input.shape[input.ndim - len(output_size) :]:
        raise ShapeError(
            f"adaptive_pool: expected an input with {len(output_size)} spatial dimensions of non-zero size "
            f"behind at least one other, but got {list(input.shape)}"
        )
    if min(output_size) < 0:
        raise ShapeError(
            f"adaptive_pool: elements of output_size must be 0 or more, but got {list(output_size)}"
        )
    return dense((*input.shape[: input.ndim - len(output_size)], *output_size), input.dtype)


def _decompose_adaptive_avg(input: Tensor, output_size: Shape) -> Tensor:
    """A mean over a block is the mean along one dimension after the other."""
    x = widen(input)
    for i, count in enumerate(output_size):
        dim = input.ndim - len(output_size) + i
        parts = [
            F.mean(F.slice(x, dim, start, length, 1), (dim,), True)
            for start, length in _ranges(input.shape[dim], count)
        ]
        if not parts:
            return zeros(_infer_adaptive(input.layout, output_size).shape, input)
        x = F.cat(parts, dim) if len(parts) > 1 else parts[0]
    return to_dtype(x, input.dtype)


def _decompose_adaptive_max(input: Tensor, output_size: Shape) -> tuple[Tensor, Tensor]:
    """Along one dimension after the other, each keeping the place of what it chose."""
    lead = input.ndim - len(output_size)
    spatial = tuple(input.shape[lead:])
    values = input
    place = F.expand(F.view(positions(numel_of(spatial), input), (1,) * lead + spatial), input.shape)
    if 0 in output_size:
        shape = _infer_adaptive(input.layout, output_size).shape
        return zeros(shape, input), zeros(shape, input, int64)
    for i, count in reversed(list(enumerate(output_size))):
        dim = lead + i
        parts = []
        for start, length in _ranges(spatial[i], count):
            block = F.slice(values, dim, start, length, 1)
            best = _best(block, dim)
            parts.append(
                (F.gather(block, dim, best), F.gather(F.slice(place, dim, start, length, 1), dim, best))
            )
        values, place = (F.cat([part[k] for part in parts], dim) for k in range(2))
    return values, place


def _best(block: Tensor, dim: int) -> Tensor:
    """The first of the largest along ``dim``; of several NaN the last, as PyTorch's pooling has it."""
    first = F.argmax(block, dim, True)
    last = F.argmax(F.where(F.isnan(block), positions_along(block.shape, dim, block), -1), dim, True)
    return F.where(F.isnan(F.gather(block, dim, first)), last, first)


def _adaptive_max_vjp(grad: Tensor, indices: Tensor, input_layout: Layout, output_size: Shape) -> Tensor:
    shape, lead = tuple(input_layout.shape), input_layout.ndim - len(output_size)
    flat = zeros((*shape[:lead], numel_of(shape[lead:])), grad)
    index, source = (reshape(t, (*shape[:lead], numel_of(output_size))) for t in (indices, grad))
    return F.view(F.scatter_add(flat, lead, index, source), shape)


# -- samples -------------------------------------------------------------------------------------------------

# input, kernel_size, stride, padding, dilation, ceil_mode
_MAX_CASES: tuple[Any, ...] = (
    ((2, 3, 6, 6), (2, 2), (2, 2), (0, 0), (1, 1), False),
    ((2, 3, 7, 5), (3, 3), (2, 2), (1, 1), (1, 1), False),
    ((1, 2, 7, 6), (3, 2), (2, 3), (1, 0), (1, 1), True),
    ((1, 2, 9, 8), (3, 2), (1, 2), (1, 1), (2, 3), False),
    ((1, 1, 5, 5), (2, 2), (1, 1), (0, 0), (1, 1), False),
    ((0, 2, 4, 4), (2, 2), (2, 2), (0, 0), (1, 1), False),
    ((2, 3, 7), (3,), (2,), (1,), (1,), True),
    ((1, 2, 4, 5, 4), (2, 2, 2), (2, 1, 2), (1, 0, 1), (1, 1, 1), False),
)


def _max_samples() -> Iterable[Sample]:
    for shape, *rest in _MAX_CASES:
        yield sample(Input(shape, -100.0, 100.0), *rest)
    for shape, *rest in first_of_each(_MAX_CASES):
        yield sample(Input(shape, -100.0, 100.0, layout="transposed"), *rest, note="strided")
    least, nan = float("-inf"), float("nan")
    values = (1, 1, least, least, 1, 0, least, least, 0, nan, 2, 2, 0, 0, nan, 2)
    for kind in ("float16", "bfloat16", "float32", "float64"):
        yield sample(
            Input((1, 1, 4, 4), values=values, dtype=kind),
            (2, 2),
            (2, 2),
            (0, 0),
            (1, 1),
            False,
            note=f"ties, NaN, infinities, {kind}",
        )
        yield sample(
            Input((1, 1, 2, 2), values=(least,) * 4, dtype=kind),
            (2, 2),
            (1, 1),
            (1, 1),
            (1, 1),
            False,
            note=f"nothing above the padding, {kind}",
        )


def _max_backward_samples() -> Iterable[Sample]:
    for shape, *rest in _MAX_CASES:
        result = Placement(*rest).check("sample", dense(shape, int64))
        yield sample(Input(result), Input(result, 0, numel_of(shape[2:]), dtype="int64"), shape)


# input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override
_AVG_CASES: tuple[Any, ...] = (
    ((2, 3, 6, 6), (2, 2), (2, 2), (0, 0), False, True, None),
    ((2, 3, 7, 5), (3, 3), (2, 2), (1, 1), False, True, None),
    ((2, 3, 7, 5), (3, 3), (2, 2), (1, 1), False, False, None),
    ((1, 2, 7, 6), (3, 2), (2, 3), (1, 1), True, True, None),
    ((1, 2, 7, 6), (3, 2), (2, 3), (1, 1), True, False, None),
    ((1, 2, 8, 6), (3, 2), (2, 2), (0, 0), True, True, None),
    ((1, 2, 4, 4), (2, 2), (1, 1), (0, 0), False, True, 3),
    ((0, 2, 4, 4), (2, 2), (2, 2), (0, 0), False, True, None),
    ((2, 3, 7), (3,), (2,), (1,), True, False, None),
    ((1, 2, 4, 5, 4), (2, 2, 2), (2, 1, 2), (1, 0, 1), False, False, None),
)


def _avg_samples() -> Iterable[Sample]:
    for shape, *rest in _AVG_CASES:
        yield sample(Input(shape), *rest)
    for shape, *rest in first_of_each(_AVG_CASES):
        yield sample(Input(shape, layout="transposed"), *rest, note="strided")


def _avg_backward_samples() -> Iterable[Sample]:
    for shape, *rest in _AVG_CASES:
        result = _mean(*rest).over.check("sample", dense(shape, int64))
        yield sample(Input(result), shape, *rest)


def _adaptive_samples() -> Iterable[Sample]:
    yield sample(Input((2, 3, 6, 6)), (3, 2))
    yield sample(Input((2, 3, 7, 5)), (3, 2))
    yield sample(Input((2, 3, 7, 5)), (1, 1))
    yield sample(Input((1, 3, 2, 3)), (4, 5))
    yield sample(Input((2, 3, 6, 6), layout="transposed"), (2, 3))


def _pool_errors(*rest: Any) -> Any:
    def errors() -> Iterable[ErrorCase]:
        yield ErrorCase(
            (Input((1, 1, 2, 2)), (3, 3), (1, 1), (0, 0), *rest), "ShapeError", "Output size is too small"
        )
        yield ErrorCase((Input((1, 1, 4, 4)), (2, 2), (1, 1), (2, 2), *rest), "ShapeError", "at most half")
        yield ErrorCase((Input((1, 4, 4)), (2, 2), (1, 1), (0, 0), *rest), "ShapeError", "with 4 dimensions")
        yield ErrorCase((Input((1, 4)), (), (), (), *rest), "ShapeError", "a number a spatial dimension")

    return errors


def _op(schema: str, tolerance: str = "exact", dtypes: str = "floating", **columns: Any) -> Op:
    return Op(
        schema,
        tier=4,
        family="pooling",
        dtypes=dtypes,
        autocast="promote",
        tolerance=tolerance,
        **columns,
    )


def _formerly(name: str, of: str = "") -> dict[str, int]:
    return {f"{name}{count}d{of}": 2 + count for count in (1, 2, 3)}


_SETTINGS = "int[] kernel_size, int[] stride, int[] padding"
_OF_MEAN = f"{_SETTINGS}, bool ceil_mode, bool count_include_pad, int? divisor_override=None"

OPS: tuple[Op, ...] = (
    _op(
        f"max_pool(Tensor input, {_SETTINGS}, int[] dilation, bool ceil_mode) -> out, indices",
        dtypes="numeric",
        infer=_infer_max_pool,
        decompose=_decompose_max_pool,
        vjp={"input": _max_pool_vjp},
        samples=_max_samples,
        errors=_pool_errors((1, 1), False),
        torch_name="nn.functional.max_pool2d",
        formerly=_formerly("max_pool"),
        shapes="input [N, C, *S] -> out [N, C, *P], indices int64 [N, C, *P]",
        doc="The largest value of each window and its flat place in the plane, over as many dimensions as "
        "kernel_size has numbers. Source: torch.nn.functional.max_pool2d.",
    ),
    _op(
        "max_pool_backward(Tensor grad_output, Tensor indices, int[] input_shape)",
        "sum",
        infer=_infer_max_pool_backward,
        decompose=_decompose_max_pool_backward,
        vjp={"grad_output": _max_pool_backward_vjp},
        samples=_max_backward_samples,
        formerly=_formerly("max_pool", "_backward"),
        shapes="grad_output [N, C, *P], indices int64 [N, C, *P] -> [*input_shape]",
        doc="The cotangent of max_pool; also max_unpool. Source: torch.nn.functional.max_pool2d.",
    ),
    _op(
        f"avg_pool(Tensor input, {_OF_MEAN})",
        "mean",
        "floating or int64",
        infer=_infer_avg_pool,
        decompose=_decompose_avg_pool,
        vjp={"input": _avg_pool_vjp},
        samples=_avg_samples,
        errors=_pool_errors(False, True, None),
        torch_name="nn.functional.avg_pool2d",
        formerly=_formerly("avg_pool"),
        shapes="input [N, C, *S] -> [N, C, *P]",
        doc="The mean of each window, over as many dimensions as kernel_size has numbers. Source: "
        "torch.nn.functional.avg_pool2d.",
    ),
    _op(
        f"avg_pool_backward(Tensor grad_output, int[] input_shape, {_OF_MEAN})",
        "mean",
        infer=_infer_avg_pool_backward,
        decompose=_decompose_avg_pool_backward,
        vjp={"grad_output": _avg_pool_backward_vjp},
        samples=_avg_backward_samples,
        formerly=_formerly("avg_pool", "_backward"),
        shapes="grad_output [N, C, *P] -> [*input_shape]",
        doc="The cotangent of avg_pool. Source: torch.nn.functional.avg_pool2d.",
    ),
    _op(
        "adaptive_avg_pool(Tensor input, int[] output_size)",
        "mean",
        infer=_infer_adaptive,
        decompose=_decompose_adaptive_avg,
        samples=_adaptive_samples,
        torch_name="nn.functional.adaptive_avg_pool2d",
        doc="Means of output_size blocks of the last dimensions. Source: "
        "torch.nn.functional.adaptive_avg_pool2d.",
        shapes="input [*S] -> [*S[:-len(output_size)], *output_size]",
    ),
    _op(
        "adaptive_max_pool(Tensor input, int[] output_size) -> out, indices",
        decompose=_decompose_adaptive_max,
        vjp={"input": _adaptive_max_vjp},
        samples=_adaptive_samples,
        torch_name="nn.functional.adaptive_max_pool2d",
        doc="The largest values of output_size blocks of the last dimensions, and their flat places. "
        "Source: torch.nn.functional.adaptive_max_pool2d.",
        shapes="input [*S] "
        "-> out [*S[:-len(output_size)], *output_size], indices int64 [*S[:-len(output_size)], *output_size]",
    ),
)
