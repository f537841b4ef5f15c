"""Convolution and its cotangents: each is bilinear, and the cotangents of each are the other two."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import prod
from typing import Any

from ..errors import ShapeError
from ..layout import Layout, dense
from ..op import ErrorCase, Input, Op, Sample
from . import F
from .common import Shape, Tensor, numel_of, reshape, same_dtype, sample, to_dtype, widen, zeros


def window_count(size: int, kernel: int, stride: int, padding: int, dilation: int) -> int:
    """How many windows a dimension of ``size`` has."""
    return (size + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1


def padded(x: Tensor, before: Sequence[int], after: Sequence[int], value: float) -> Tensor:
    """``x`` [N, C, *spatial] with its spatial dimensions padded."""
    pad = tuple(n for pair in zip(reversed(before), reversed(after), strict=True) for n in pair)
    return F.constant_pad_nd(x, pad, value) if any(pad) else x


def windows(x: Tensor, kernel: Shape, stride: Shape, dilation: Shape) -> Tensor:
    """Views [N, C, *places, *kernel] of ``x`` [N, C, *spatial], which is padded already."""
    count = len(kernel)
    for i in range(count):
        reach = dilation[i] * (kernel[i] - 1) + 1
        x = F.unfold(x, 2 + i, reach, stride[i])
        if dilation[i] > 1:
            x = F.slice(x, x.ndim - 1, 0, kernel[i], dilation[i])
    return x


def overlapping_sum(pieces: Tensor, shape: Shape, stride: Shape, dilation: Shape) -> Tensor:
    """The cotangent of ``windows``: pieces [N, C, *places, *kernel] added up into zeros of ``shape``."""
    count = len(stride)
    places, kernel = pieces.shape[2 : 2 + count], pieces.shape[2 + count :]
    result = zeros(shape, pieces)
    for flat in range(numel_of(kernel)):
        target, source, rest = result, pieces, flat
        for i in reversed(range(count)):
            rest, at = divmod(rest, kernel[i])
            target = F.slice(target, 2 + i, at * dilation[i], places[i], stride[i])
            source = F.select(source, 2 + count + i, at)
        F.copy_into(target, F.add(target, source))
    return result


def _check(
    name: str, input: Shape, weight: Shape, stride: Shape, padding: Shape, dilation: Shape, groups: int
) -> Shape:
    """The shape of the result; raises ShapeError with PyTorch's texts."""
    count = len(weight) - 2
    if count < 1 or len(input) != len(weight):
        raise ShapeError(
            f"{name}: expected an input [N, C, ...] with as many dimensions as the weight "
            f"[out, C / groups, ...], but got input {list(input)} and weight {list(weight)}"
        )
    for label, each in (("stride", stride), ("padding", padding), ("dilation", dilation)):
        if len(each) != count:
            raise ShapeError(
                f"{name}: {label} {list(each)} should have {count} numbers, one a spatial dimension"
            )
    if min(stride) < 1 or min(dilation) < 1 or min(padding) < 0:
        raise ShapeError(
            f"{name}: stride {list(stride)} and dilation {list(dilation)} must be positive, and padding "
            f"{list(padding)} must not be negative"
        )
    if groups < 1 or weight[0] < groups or weight[0] % groups:
        raise ShapeError(
            f"Given groups={groups}, expected weight to be at least {groups} at dimension 0 and divisible by "
            f"it, but got weight of size {list(weight)} instead"
        )
    if input[1] != weight[1] * groups:
        raise ShapeError(
            f"Given groups={groups}, weight of size {list(weight)}, expected input{list(input)} to have "
            f"{weight[1] * groups} channels, but got {input[1]} channels instead"
        )
    sizes = []
    for i in range(count):
        size = window_count(input[2 + i], weight[2 + i], stride[i], padding[i], dilation[i])
        if size < 1:
            padded_sizes = [input[2 + k] + 2 * padding[k] for k in range(count)]
            reach = [dilation[k] * (weight[2 + k] - 1) + 1 for k in range(count)]
            raise ShapeError(
                f"Calculated padded input size per channel: ({' x '.join(map(str, padded_sizes))}). Kernel "
                f"size: ({' x '.join(map(str, reach))}). Kernel size can't be greater than actual input size"
            )
        sizes.append(size)
    return (input[0], weight[0], *sizes)


def _infer_conv(
    input: Layout,
    weight: Layout,
    bias: Layout | None,
    stride: Shape,
    padding: Shape,
    dilation: Shape,
    groups: int,
) -> Layout:
    same_dtype("conv", input, weight, "input and weight")
    shape = _check("conv", tuple(input.shape), tuple(weight.shape), stride, padding, dilation, groups)
    if bias is not None:
        same_dtype("conv", input, bias, "input and bias")
        if tuple(bias.shape) != (weight.shape[0],):
            raise ShapeError(
                f"Given weight of size {list(weight.shape)}, expected bias to be 1-dimensional with "
                f"{weight.shape[0]} elements, but got bias of size {list(bias.shape)} instead"
            )
    return dense(shape, input.dtype)


def _columns(
    input: Tensor, kernel: Shape, stride: Shape, padding: Shape, dilation: Shape, groups: int
) -> Tensor:
    """Windows as matrices [groups, N * places, C / groups * kernel]."""
    count = len(kernel)
    seen = windows(padded(input, padding, padding, 0), kernel, stride, dilation)
    batch, channels, places = input.shape[0], input.shape[1], seen.shape[2 : 2 + count]
    seen = (
        F.view(seen, (batch, groups, channels // groups, *places, *kernel))
        if groups > 1
        else F.unsqueeze(seen, 1)
    )
    spatial = tuple(range(3, 3 + count))
    seen = F.permute(seen, (1, 0, *spatial, 2, *(i + count for i in spatial)))
    return reshape(seen, (groups, batch * numel_of(places), channels // groups * numel_of(kernel)))


def _result_rows(grad: Tensor, groups: int) -> Tensor:
    """A result [N, out, *places] as [groups, N * places, out / groups]."""
    batch, out, places = grad.shape[0], grad.shape[1], grad.shape[2:]
    rows = reshape(grad, (batch, groups, out // groups, numel_of(places)))
    return reshape(F.permute(rows, (1, 0, 3, 2)), (groups, batch * numel_of(places), out // groups))


def _decompose_conv(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: Shape,
    padding: Shape,
    dilation: Shape,
    groups: int,
) -> Tensor:
    """Windows as rows of a matrix, times the weights."""
    shape = _check("conv", tuple(input.shape), tuple(weight.shape), stride, padding, dilation, groups)
    batch, out, places = shape[0], shape[1], shape[2:]
    if numel_of(shape) == 0:
        return zeros(shape, input)
    columns = _columns(input, tuple(weight.shape[2:]), stride, padding, dilation, groups)
    matrix = reshape(weight, (groups, out // groups, numel_of(weight.shape[1:])))
    if bias is not None:  # a sum of halves is rounded once, with its bias
        columns, matrix, bias = widen(columns), widen(matrix), widen(bias)
    product = F.matmul(columns, F.transpose(matrix, 1, 2))
    product = F.permute(F.view(product, (groups, batch, numel_of(places), out // groups)), (1, 0, 3, 2))
    result = reshape(product, shape)
    if bias is None:
        return result
    return to_dtype(F.add(result, F.view(bias, (1, out) + (1,) * len(places))), input.dtype)


def _infer_grad(wanted: str, other: str) -> Any:
    """Of the cotangent of ``wanted``, "input" or "weight", given that of the result and the ``other`` one."""
    name = f"conv_{wanted}_grad"

    def infer(grad: Layout, given: Layout, shape: Shape, *settings: Any) -> Layout:
        same_dtype(name, grad, given, f"grad and {other}")
        shapes = {wanted: shape, other: tuple(given.shape)}
        expected = _check(name, shapes["input"], shapes["weight"], *settings)
        if expected != tuple(grad.shape):
            raise ShapeError(
                f"{name}: {'an' if wanted == 'input' else 'a'} {wanted} {list(shape)} gives a result "
                f"{list(expected)}, but grad has shape {list(grad.shape)}"
            )
        return dense(shape, grad.dtype)

    return infer


def _decompose_input_grad(
    grad: Tensor,
    weight: Tensor,
    input_shape: Shape,
    stride: Shape,
    padding: Shape,
    dilation: Shape,
    groups: int,
) -> Tensor:
    """Rows times weights give every window's cotangent; they are added up where windows overlap."""
    batch, channels, spatial = input_shape[0], input_shape[1], input_shape[2:]
    kernel, places, count = tuple(weight.shape[2:]), tuple(grad.shape[2:]), len(spatial)
    if grad.numel() == 0 or weight.numel() == 0:
        return zeros(input_shape, grad)
    matrix = reshape(weight, (groups, weight.shape[0] // groups, numel_of(weight.shape[1:])))
    pieces = F.matmul(widen(_result_rows(grad, groups)), widen(matrix))
    pieces = F.view(pieces, (groups, batch, *places, channels // groups, *kernel))
    inner = tuple(range(2, 2 + count))
    pieces = F.permute(pieces, (1, 0, 2 + count, *inner, *(i + count + 1 for i in inner)))
    pieces = reshape(pieces, (batch, channels, *places, *kernel))
    full = (batch, channels, *(n + 2 * p for n, p in zip(spatial, padding, strict=True)))
    result = to_dtype(overlapping_sum(pieces, full, stride, dilation), grad.dtype)
    return padded(result, tuple(-p for p in padding), tuple(-p for p in padding), 0)


def _decompose_weight_grad(
    grad: Tensor,
    input: Tensor,
    weight_shape: Shape,
    stride: Shape,
    padding: Shape,
    dilation: Shape,
    groups: int,
) -> Tensor:
    if grad.numel() == 0 or numel_of(weight_shape) == 0:
        return zeros(weight_shape, grad)
    columns = _columns(input, weight_shape[2:], stride, padding, dilation, groups)
    return F.view(F.matmul(F.transpose(_result_rows(grad, groups), 1, 2), columns), weight_shape)


# The first attribute of the two gradients is the shape of their result.
_VJP: dict[str, dict[str, Any]] = {
    "conv": {
        "input": lambda grad, weight, input_layout, *attributes: F.conv_input_grad(
            grad, weight, tuple(input_layout.shape), *attributes
        ),
        "weight": lambda grad, input, weight_layout, *attributes: F.conv_weight_grad(
            grad, input, tuple(weight_layout.shape), *attributes
        ),
        "bias": lambda grad: F.sum(grad, (0, *range(2, grad.ndim)), False),
    },
    "input_grad": {
        "grad_output": lambda grad, weight, *attributes: F.conv(grad, weight, None, *attributes[1:]),
        "weight": lambda grad, grad_output, weight_layout, *attributes: F.conv_weight_grad(
            grad_output, grad, tuple(weight_layout.shape), *attributes[1:]
        ),
    },
    "weight_grad": {
        "grad_output": lambda grad, input, *attributes: F.conv(input, grad, None, *attributes[1:]),
        "input": lambda grad, grad_output, input_layout, *attributes: F.conv_input_grad(
            grad_output, grad, tuple(input_layout.shape), *attributes[1:]
        ),
    },
}


# -- samples -------------------------------------------------------------------------------------------------


# input, weight, bias, stride, padding, dilation, groups
_CASES: tuple[Any, ...] = (
    ((2, 3, 6, 5), (4, 3, 3, 3), True, (1, 1), (0, 0), (1, 1), 1),
    ((2, 3, 6, 5), (4, 3, 3, 2), False, (1, 1), (1, 1), (1, 1), 1),
    ((1, 2, 7, 8), (3, 2, 3, 3), True, (2, 3), (1, 2), (1, 1), 1),
    ((1, 2, 9, 8), (2, 2, 3, 2), False, (1, 2), (2, 1), (2, 3), 1),
    ((2, 4, 5, 5), (6, 2, 3, 3), True, (1, 1), (1, 1), (1, 1), 2),
    ((2, 3, 5, 5), (3, 1, 3, 3), False, (2, 2), (1, 1), (1, 1), 3),
    ((2, 3, 4, 4), (5, 3, 1, 1), True, (1, 1), (0, 0), (1, 1), 1),
    ((0, 3, 4, 4), (5, 3, 3, 3), True, (1, 1), (1, 1), (1, 1), 1),
    ((2, 3, 9), (4, 3, 3), True, (1,), (0,), (1,), 1),
    ((2, 4, 9), (6, 2, 3), False, (2,), (2,), (2,), 2),
    ((2, 2, 4, 5, 4), (3, 2, 2, 3, 2), True, (1, 1, 1), (0, 1, 0), (1, 1, 1), 1),
    ((1, 4, 4, 5, 4), (4, 2, 2, 2, 2), False, (2, 1, 2), (1, 1, 1), (1, 2, 1), 2),
)


def _result_shape(case: tuple[Any, ...]) -> Shape:
    shape, weight, _, *rest = case
    return _check("sample", shape, weight, *rest)


def first_of_each(cases: Iterable[Any]) -> Iterable[Any]:
    """Of cases that begin with a shape, the first of each number of dimensions."""
    found: dict[int, Any] = {}
    for case in cases:
        found.setdefault(len(case[0]), case)
    return found.values()


def _conv_samples() -> Iterable[Sample]:
    for shape, weight, bias, *rest in _CASES:
        yield sample(
            Input(shape, -1.0, 1.0),
            Input(weight, -1.0, 1.0),
            Input((weight[0],), -1.0, 1.0) if bias else None,
            *rest,
        )
    for shape, weight, _, *rest in first_of_each(_CASES):
        yield sample(
            Input(shape, -1.0, 1.0, layout="transposed"),
            Input(weight, -1.0, 1.0, layout="sliced"),
            None,
            *rest,
            note="strided",
        )


def _grad_samples(of_weight: bool) -> Any:
    """The result's cotangent, the other operand, and the shape of what the cotangent is wanted of."""

    def samples() -> Iterable[Sample]:
        for case in _CASES:
            wanted, other = (case[1], case[0]) if of_weight else (case[0], case[1])
            yield sample(Input(_result_shape(case), -1.0, 1.0), Input(other, -1.0, 1.0), wanted, *case[3:])

    return samples


def _conv_errors() -> Iterable[ErrorCase]:
    plain = ((1, 1), (0, 0), (1, 1), 1)
    yield ErrorCase(
        (Input((1, 4, 8, 8)), Input((6, 3, 3, 3)), None, *plain),
        "ShapeError",
        "expected input[1, 4, 8, 8] to have 3 channels, but got 4 channels instead",
    )
    yield ErrorCase(
        (Input((1, 3, 2, 2)), Input((6, 3, 3, 3)), None, *plain),
        "ShapeError",
        "Calculated padded input size per channel: (2 x 2). Kernel size: (3 x 3)",
    )
    yield ErrorCase((Input((3, 8, 8)), Input((6, 3, 3, 3)), None, *plain), "ShapeError", "as many dimensions")
    yield ErrorCase(
        (Input((1, 3, 8, 8)), Input((6, 3, 3, 3)), Input((5,)), *plain), "ShapeError", "with 6 elements"
    )
    yield ErrorCase(
        (Input((1, 3, 8, 8)), Input((6, 3, 3, 3)), None, (1,), (0, 0), (1, 1), 1), "ShapeError", "stride [1]"
    )
    yield ErrorCase((Input((1, 3)), Input((6, 3)), None, (), (), (), 1), "ShapeError", "as many dimensions")


def _op(schema: str, autocast: str, **columns: Any) -> Op:
    name, _, rest = schema.partition("(")
    settings = "int[] stride, int[] padding, int[] dilation, int groups"
    part = name.removeprefix("conv")
    return Op(
        f"{name}({rest}, {settings})",
        tier=4,
        family="convolution",
        tolerance="conv",
        autocast=autocast,
        vjp=_VJP[part.removeprefix("_") or "conv"],
        formerly={f"conv{count}d{part}": 2 + count for count in (1, 2, 3)},
        **columns,
    )


OPS: tuple[Op, ...] = (
    _op(
        "conv(Tensor input, Tensor weight, Tensor? bias",
        "low",
        infer=_infer_conv,
        flops=lambda out, input, weight, bias, *_: (
            out.numel * (2 * prod(weight.shape[1:]) + (bias is not None))
        ),
        decompose=_decompose_conv,
        dtypes="numeric",
        samples=_conv_samples,
        errors=_conv_errors,
        torch_name="nn.functional.conv2d",
        shapes="input [N, C, *S], weight [O, C // groups, *K], bias [O] -> [N, O, *P]",
        doc="Cross-correlation of an input [N, C, ...] with a weight [out, C / groups, ...], over one "
        "spatial dimension or more. Source: torch.nn.functional.conv2d.",
    ),
    _op(
        "conv_input_grad(Tensor grad_output, Tensor weight, int[] input_shape",
        "low",
        infer=_infer_grad("input", "weight"),
        flops=lambda out, grad_output, weight, *_: 2 * grad_output.numel * prod(weight.shape[1:]),
        decompose=_decompose_input_grad,
        dtypes="floating",
        samples=_grad_samples(False),
        torch_name="nn.grad.conv2d_input",
        shapes="grad_output [N, O, *P], weight [O, *K] -> [*input_shape]",
        doc="The cotangent of the input of conv; also the transposed convolution. Source: "
        "torch.nn.grad.conv2d_input.",
    ),
    _op(
        "conv_weight_grad(Tensor grad_output, Tensor input, int[] weight_shape",
        "none",
        infer=_infer_grad("weight", "input"),
        flops=lambda out, grad_output, input, weight_shape, *_: (
            2 * grad_output.numel * prod(weight_shape[1:])
        ),
        decompose=_decompose_weight_grad,
        dtypes="floating",
        samples=_grad_samples(True),
        torch_name="nn.grad.conv2d_weight",
        shapes="grad_output [N, O, *P], input [N, C, *S] -> [*weight_shape]",
        doc="The cotangent of the weight of conv. Source: torch.nn.grad.conv2d_weight.",
    ),
)
