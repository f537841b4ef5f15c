"""Normalization over layers, batches and groups, forward and backward."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from ..errors import ShapeError
from ..layout import Layout, dense
from ..op import ErrorCase, Input, Op, Sample
from . import F
from .common import (
    Shape,
    Tensor,
    floating_only,
    numel_of,
    reshape,
    same_shape,
    sample,
    to_dtype,
    wide_dtype,
    widen,
)

# -- what layer and batch normalization share ----------------------------------------------------------------


def _statistics(x: Tensor, dims: Shape, eps: float) -> tuple[Tensor, Tensor]:
    """Mean and 1 / sqrt(variance + eps) over ``dims``, kept as size 1."""
    count = float(max(numel_of([x.shape[i] for i in dims]), 1))
    mean = F.div(F.sum(x, dims, True), count)
    centred = F.sub(x, mean)
    variance = F.div(F.sum(F.mul(centred, centred), dims, True), count)
    return mean, F.div(1.0, F.sqrt(F.add(variance, eps)))


def _mean(x: Tensor, dims: Shape) -> Tensor:
    return F.div(F.sum(x, dims, True), float(max(numel_of([x.shape[i] for i in dims]), 1)))


def _project(g: Tensor, normal: Tensor, rstd: Tensor, dims: Shape) -> Tensor:
    """The cotangent of the input of ``(x - mean) rstd``, given the cotangent ``g`` and the values
    ``normal`` of that.
    """
    inner = F.add(_mean(g, dims), F.mul(normal, _mean(F.mul(g, normal), dims)))
    return F.mul(rstd, F.sub(g, inner))


def _double_backward(
    cotangents: Sequence[Tensor | None],
    grad: Tensor,
    input: Tensor,
    weight: Tensor | None,
    rstd: Tensor,
    dims: Shape,
) -> tuple[Tensor, Tensor, Tensor | None]:
    """Cotangents of grad, input and weight of a normalization's backward pass.

    ``cotangents`` are those of its results (of the input, weight and bias), broadcast to the input. Mean and
    rstd are taken as functions of the input, which is why rstd only says what eps was.
    """
    v, v_weight, v_bias = cotangents
    x = input
    mean = _mean(x, dims)
    centred = F.sub(x, mean)
    variance = _mean(F.mul(centred, centred), dims)
    eps = F.detach(F.sub(F.div(1.0, F.mul(rstd, rstd)), variance))
    rstd = F.div(1.0, F.sqrt(F.add(variance, eps)))
    normal = F.mul(centred, rstd)
    scaled = grad if weight is None else F.mul(grad, weight)
    of_grad = of_normal = of_weight = None
    if v is not None:
        projected = _project(v, normal, rstd, dims)
        of_grad = projected if weight is None else F.mul(projected, weight)
        of_weight = None if weight is None else F.mul(grad, projected)
        of_normal = F.neg(
            F.mul(
                rstd,
                F.add(
                    F.mul(scaled, _mean(F.mul(v, normal), dims)), F.mul(v, _mean(F.mul(scaled, normal), dims))
                ),
            )
        )
    if v_weight is not None:
        part = F.mul(v_weight, grad)
        of_normal = part if of_normal is None else F.add(of_normal, part)
        part = F.mul(v_weight, normal)
        of_grad = part if of_grad is None else F.add(of_grad, part)
    if v_bias is not None:
        part = F.expand(v_bias, x.shape)
        of_grad = part if of_grad is None else F.add(of_grad, part)
    if of_normal is None:
        of_input = F.mul(x, 0.0)
    else:
        of_input = _project(of_normal, normal, rstd, dims)
    if v is not None:
        result = _project(scaled, normal, rstd, dims)
        of_input = F.sub(of_input, F.mul(F.mul(rstd, normal), _mean(F.mul(v, result), dims)))
    return F.mul(x, 0.0) if of_grad is None else of_grad, of_input, of_weight


class Form(NamedTuple):
    """How statistics and parameters lie in an input."""

    dims: Shape  # the statistics are taken over these
    outer: Shape  # the parameters do not depend on these
    statistics: Shape  # of mean and rstd, so that they broadcast
    parameters: Shape  # of weight and bias, so that they broadcast

    def seen(self, parameter: Tensor | None) -> Tensor | None:
        return None if parameter is None else F.view(widen(parameter), self.parameters)


def _affine(out: Tensor, weight: Tensor | None, bias: Tensor | None) -> Tensor:
    if weight is not None:
        out = F.mul(out, weight)
    return out if bias is None else F.add(out, bias)


def _normalized(
    form: Form, input: Tensor, weight: Tensor | None, bias: Tensor | None, eps: float
) -> tuple[Tensor, Tensor, Tensor]:
    """The result, mean and rstd."""
    x = widen(input)
    mean, rstd = _statistics(x, form.dims, eps)
    out = _affine(F.mul(F.sub(x, mean), rstd), form.seen(weight), form.seen(bias))
    return to_dtype(out, input.dtype), mean, rstd


def _decompose_backward(form_of: Callable[..., Form]) -> Callable[..., Any]:
    """The cotangents of input, weight and bias."""

    def decompose(
        grad: Tensor, input: Tensor, mean: Tensor, rstd: Tensor, weight: Tensor | None, *attributes: Any
    ) -> tuple[Tensor, Tensor, Tensor]:
        form = form_of(input, *attributes)
        g, x = widen(grad), widen(input)
        mean, rstd = F.view(mean, form.statistics), F.view(rstd, form.statistics)
        normal = F.mul(F.sub(x, mean), rstd)
        scaled = _affine(g, form.seen(weight), None)
        parameter = input.dtype if weight is None else weight.dtype
        d_weight = to_dtype(_summed(F.mul(g, normal), form.outer), parameter)
        d_bias = to_dtype(_summed(g, form.outer), parameter)
        return to_dtype(_project(scaled, normal, rstd, form.dims), input.dtype), d_weight, d_bias

    return decompose


def _backward_vjp(form_of: Callable[..., Form]) -> Callable[..., Any]:
    def vjp(
        grad_d_input: Tensor | None,
        grad_d_weight: Tensor | None,
        grad_d_bias: Tensor | None,
        grad_output: Tensor,
        input: Tensor,
        rstd: Tensor,
        weight: Tensor | None,
        *attributes: Any,
    ) -> tuple[Tensor | None, ...]:
        form = form_of(input, *attributes)
        wide = None if grad_d_input is None else widen(grad_d_input)
        of_grad, of_input, of_weight = _double_backward(
            (wide, form.seen(grad_d_weight), form.seen(grad_d_bias)),
            widen(grad_output),
            widen(input),
            form.seen(weight),
            F.view(rstd, form.statistics),
            form.dims,
        )
        if of_weight is not None and weight is not None:
            of_weight = to_dtype(_summed(of_weight, form.outer), weight.dtype)
        return to_dtype(of_grad, grad_output.dtype), to_dtype(of_input, input.dtype), None, None, of_weight

    return vjp


def _summed(x: Tensor, dims: Shape) -> Tensor:
    return F.sum(x, dims, False) if dims else x


# -- layer normalization -------------------------------------------------------------------------------------


def _lead(input: Any, normalized_shape: Shape) -> int:
    return int(input.ndim) - len(normalized_shape)


def _layer_form(input: Any, normalized_shape: Shape) -> Form:
    lead = _lead(input, normalized_shape)
    statistics = (*input.shape[:lead], *(1,) * len(normalized_shape))
    return Form(tuple(range(lead, input.ndim)), tuple(range(lead)), statistics, normalized_shape)


def _check_layer_norm(
    input: Layout, normalized_shape: Shape, weight: Layout | None, bias: Layout | None
) -> None:
    floating_only("layer_norm", input)
    if not normalized_shape:
        raise ShapeError(
            "Expected normalized_shape to be at least 1-dimensional, i.e., containing at least one element, "
            "but got normalized_shape = []"
        )
    if tuple(input.shape[max(_lead(input, normalized_shape), 0) :]) != tuple(normalized_shape):
        raise ShapeError(
            f"Given normalized_shape={list(normalized_shape)}, expected input with shape "
            f"[*, {', '.join(map(str, normalized_shape))}], but got input of size {list(input.shape)}"
        )
    for name, each in (("weight", weight), ("bias", bias)):
        if each is not None and tuple(each.shape) != tuple(normalized_shape):
            raise ShapeError(
                f"Expected {name} to be of same shape as normalized_shape, but got {name} of shape "
                f"{list(each.shape)} and normalized_shape = {list(normalized_shape)}"
            )


def _infer_layer_norm(
    input: Layout, normalized_shape: Shape, weight: Layout | None, bias: Layout | None, eps: float
) -> tuple[Layout, ...]:
    _check_layer_norm(input, normalized_shape, weight, bias)
    statistics = dense(_layer_form(input, normalized_shape).statistics, wide_dtype(input.dtype))
    return dense(input.shape, input.dtype), statistics, statistics


def _decompose_layer_norm(
    input: Tensor, normalized_shape: Shape, weight: Tensor | None, bias: Tensor | None, eps: float
) -> tuple[Tensor, Tensor, Tensor]:
    return _normalized(_layer_form(input, normalized_shape), input, weight, bias, eps)


def _layer_norm_vjp(
    grad: Tensor,
    input: Tensor,
    mean: Tensor,
    rstd: Tensor,
    weight: Tensor | None,
    normalized_shape: Shape,
    needs: tuple[bool, ...],
) -> tuple[Tensor | None, ...]:
    d_input, d_weight, d_bias = F.layer_norm_backward(grad, input, mean, rstd, weight, normalized_shape)
    return (d_input if needs[0] else None, d_weight if needs[1] else None, d_bias if needs[2] else None)


def _infer_layer_norm_backward(
    grad: Layout, input: Layout, mean: Layout, rstd: Layout, weight: Layout | None, normalized_shape: Shape
) -> tuple[Layout, ...]:
    _check_layer_norm(input, normalized_shape, weight, None)
    same_shape("layer_norm_backward", grad, input, "grad and input")
    rows = (*input.shape[: input.ndim - len(normalized_shape)], *(1 for _ in normalized_shape))
    for each in (mean, rstd):
        if tuple(each.shape) != rows:
            raise ShapeError(
                f"layer_norm_backward: mean and rstd have shapes {list(mean.shape)} and {list(rstd.shape)}, "
                f"but {list(rows)} belongs to an input {list(input.shape)}"
            )
    parameter = dense(normalized_shape, input.dtype if weight is None else weight.dtype)
    return dense(input.shape, input.dtype), parameter, parameter


# -- batch normalization -------------------------------------------------------------------------------------


def _channels(input: Any) -> int:
    return int(input.shape[1])


def _check_batch_norm(name: str, input: Layout, *parameters: Layout | None) -> None:
    floating_only(name, input)
    if input.ndim < 2:
        raise ShapeError(
            f"{name}: expected an input [N, C, ...] with at least 2 dimensions, but got {list(input.shape)}"
        )
    for each in parameters:
        if each is not None and tuple(each.shape) != (_channels(input),):
            raise ShapeError(
                f"{name}: weight, bias and statistics should contain {_channels(input)} elements, one a "
                f"channel of the input {list(input.shape)}, not {each.numel} (shape {list(each.shape)})"
            )


def _batch_form(input: Any) -> Form:
    dims = (0, *range(2, input.ndim))
    shape = (1, _channels(input), *(1,) * (input.ndim - 2))
    return Form(dims, dims, shape, shape)


def _infer_batch_norm(
    input: Layout, weight: Layout | None, bias: Layout | None, eps: float
) -> tuple[Layout, ...]:
    _check_batch_norm("batch_norm", input, weight, bias)
    if numel_of([input.shape[i] for i in _batch_form(input).dims]) <= 1 and input.numel:
        raise ShapeError(
            f"Expected more than 1 value per channel when training, got input size {list(input.shape)}; use "
            f"a larger batch, or eval()"
        )
    statistics = dense((_channels(input),), wide_dtype(input.dtype))
    return dense(input.shape, input.dtype), statistics, statistics


def _decompose_batch_norm(
    input: Tensor, weight: Tensor | None, bias: Tensor | None, eps: float
) -> tuple[Tensor, Tensor, Tensor]:
    out, mean, rstd = _normalized(_batch_form(input), input, weight, bias, eps)
    shape = (_channels(input),)
    return out, F.view(mean, shape), F.view(rstd, shape)


def _batch_norm_vjp(
    grad: Tensor, input: Tensor, mean: Tensor, rstd: Tensor, weight: Tensor | None, needs: tuple[bool, ...]
) -> tuple[Tensor | None, ...]:
    results = F.batch_norm_backward(grad, input, mean, rstd, weight)
    return tuple(result if need else None for result, need in zip(results, needs, strict=True))


def _infer_batch_norm_backward(
    grad: Layout, input: Layout, mean: Layout, rstd: Layout, weight: Layout | None
) -> tuple[Layout, ...]:
    _check_batch_norm("batch_norm_backward", input, mean, rstd, weight)
    same_shape("batch_norm_backward", grad, input, "grad and input")
    parameter = dense((_channels(input),), input.dtype if weight is None else weight.dtype)
    return dense(input.shape, input.dtype), parameter, parameter


def _infer_batch_norm_eval(
    input: Layout, mean: Layout, variance: Layout, weight: Layout | None, bias: Layout | None, eps: float
) -> Layout:
    _check_batch_norm("batch_norm_eval", input, mean, variance, weight, bias)
    return dense(input.shape, input.dtype)


def _decompose_batch_norm_eval(
    input: Tensor, mean: Tensor, variance: Tensor, weight: Tensor | None, bias: Tensor | None, eps: float
) -> Tensor:
    """One multiplication and one addition an element; what they take is worked out per channel."""
    scale = F.div(1.0, F.sqrt(F.add(widen(variance), eps)))
    if weight is not None:
        scale = F.mul(scale, widen(weight))
    shift = F.neg(F.mul(widen(mean), scale))
    if bias is not None:
        shift = F.add(shift, widen(bias))
    form = _batch_form(input)
    return to_dtype(_affine(widen(input), form.seen(scale), form.seen(shift)), input.dtype)


# -- groups and root mean square -----------------------------------------------------------------------------


def _infer_group_norm(
    input: Layout, num_groups: int, weight: Layout | None, bias: Layout | None, eps: float
) -> Layout:
    _check_batch_norm("group_norm", input, weight, bias)
    if num_groups < 1 or _channels(input) % num_groups:
        raise ShapeError(
            f"Expected number of channels in input to be divisible by num_groups, but got input of shape "
            f"{list(input.shape)} and num_groups={num_groups}"
        )
    return dense(input.shape, input.dtype)


def _decompose_group_norm(
    input: Tensor, num_groups: int, weight: Tensor | None, bias: Tensor | None, eps: float
) -> Tensor:
    shape, form = input.shape, _batch_form(input)
    width = numel_of(shape[1:]) // num_groups
    x = reshape(widen(input), (shape[0] * num_groups, width))
    out = reshape(F.layer_norm(x, (width,), None, None, eps)[0], shape)
    return to_dtype(_affine(out, form.seen(weight), form.seen(bias)), input.dtype)


def _infer_rms_norm(input: Layout, normalized_shape: Shape, weight: Layout | None, eps: float) -> Layout:
    _check_layer_norm(input, normalized_shape, weight, None)
    return dense(input.shape, input.dtype)


def _decompose_rms_norm(input: Tensor, normalized_shape: Shape, weight: Tensor | None, eps: float) -> Tensor:
    x, form = widen(input), _layer_form(input, normalized_shape)
    out = F.div(x, F.sqrt(F.add(_mean(F.mul(x, x), form.dims), eps)))
    return to_dtype(_affine(out, form.seen(weight), None), input.dtype)


# -- samples -------------------------------------------------------------------------------------------------


def _layer_norm_samples() -> Iterable[Sample]:
    yield sample(Input((3, 5)), (5,), Input((5,)), Input((5,)), 1e-5)
    yield sample(Input((2, 3, 4)), (3, 4), Input((3, 4)), Input((3, 4)), 1e-5, note="two dimensions")
    yield sample(Input((2, 3, 4)), (4,), None, None, 1e-3, note="no parameters")
    yield sample(Input((2, 6)), (6,), Input((6,)), None, 1e-5, note="no bias")
    yield sample(Input((2, 6)), (6,), None, Input((6,)), 1e-5, note="no weight")
    yield sample(Input((6,)), (6,), Input((6,)), Input((6,)), 1e-5, note="1-d")
    yield sample(Input((4, 6), layout="transposed"), (6,), Input((6,), layout="sliced"), Input((6,)), 1e-5)
    yield sample(
        Input((3, 130), 100.0, 101.0), (130,), Input((130,)), Input((130,)), 1e-5, note="a large mean"
    )
    yield sample(Input((0, 5)), (5,), Input((5,)), Input((5,)), 1e-5, note="empty")


def _layer_norm_backward_samples() -> Iterable[Sample]:
    for shape, normalized in (((3, 5), (5,)), ((2, 3, 4), (3, 4)), ((6,), (6,))):
        statistics = shape[: len(shape) - len(normalized)] + (1,) * len(normalized)
        for weight in (Input(normalized), None):
            yield sample(
                Input(shape), Input(shape), Input(statistics), Input(statistics, 0.5, 2.0), weight, normalized
            )


def _batch_norm_samples() -> Iterable[Sample]:
    yield sample(Input((4, 3)), Input((3,)), Input((3,)), 1e-5)
    yield sample(Input((2, 3, 4, 5)), Input((3,)), Input((3,)), 1e-5, note="images")
    yield sample(Input((2, 3, 4)), None, None, 1e-3, note="no parameters")
    yield sample(Input((2, 3, 4)), None, Input((3,)), 1e-3, note="no weight")
    yield sample(Input((4, 6), layout="transposed"), Input((6,)), None, 1e-5, note="transposed")
    yield sample(Input((2, 3, 4, 5), layout="sliced"), Input((3,), layout="sliced"), Input((3,)), 1e-5)


def _batch_norm_backward_samples() -> Iterable[Sample]:
    for shape in ((4, 3), (2, 3, 4, 5)):
        for weight in (Input((3,)), None):
            yield sample(Input(shape), Input(shape), Input((3,)), Input((3,), 0.5, 2.0), weight)


def _batch_norm_eval_samples() -> Iterable[Sample]:
    for shape in ((4, 3), (2, 3, 4, 5), (1, 3), (0, 3, 2)):
        yield sample(Input(shape), Input((3,)), Input((3,), 0.5, 2.0), Input((3,)), Input((3,)), 1e-5)
    yield sample(Input((4, 3), layout="transposed"), Input((3,)), Input((3,), 0.5, 2.0), None, None, 1e-3)
    for weight, bias in ((Input((3,)), None), (None, Input((3,)))):
        yield sample(Input((2, 3, 5)), Input((3,)), Input((3,), 0.5, 2.0), weight, bias, 1e-3)


def _group_norm_samples() -> Iterable[Sample]:
    yield sample(Input((2, 6, 4)), 3, Input((6,)), Input((6,)), 1e-5)
    yield sample(Input((2, 6, 2, 3)), 1, Input((6,)), None, 1e-5)
    yield sample(Input((2, 6)), 2, None, None, 1e-3)
    yield sample(Input((2, 6, 2, 2, 3)), 2, None, Input((6,)), 1e-3, note="volumes, no weight")
    yield sample(Input((2, 4, 3), layout="transposed"), 4, None, None, 1e-5)


def _rms_norm_samples() -> Iterable[Sample]:
    yield sample(Input((3, 5)), (5,), Input((5,)), 1e-5)
    yield sample(Input((2, 3, 4)), (3, 4), None, 1e-3)
    yield sample(Input((4, 6), layout="transposed"), (6,), Input((6,)), 1e-5)


def _layer_norm_errors() -> Iterable[ErrorCase]:
    yield ErrorCase((Input((3, 5)), (4,), None, None, 1e-5), "ShapeError", "expected input with shape [*, 4]")
    yield ErrorCase((Input((3, 5)), (5,), Input((4,)), None, 1e-5), "ShapeError", "weight of shape [4]")


def _batch_norm_errors() -> Iterable[ErrorCase]:
    yield ErrorCase((Input((3, 5)), Input((4,)), None, 1e-5), "ShapeError", "should contain 5 elements")
    yield ErrorCase((Input((1, 5)), None, None, 1e-5), "ShapeError", "more than 1 value per channel")
    yield ErrorCase((Input((5,)), None, None, 1e-5), "ShapeError", "at least 2 dimensions")


def _group_norm_errors() -> Iterable[ErrorCase]:
    yield ErrorCase((Input((2, 6)), 4, None, None, 1e-5), "ShapeError", "num_groups=4")


def _op(schema: str, **columns: Any) -> Op:
    return Op(schema, tier=4, family="normalization", dtypes="floating", **columns)


OPS: tuple[Op, ...] = (
    _op(
        "layer_norm(Tensor input, int[] normalized_shape, Tensor? weight, Tensor? bias, float eps) -> out, "
        "mean, rstd",
        infer=_infer_layer_norm,
        decompose=_decompose_layer_norm,
        vjp=_layer_norm_vjp,
        autocast="float32",
        tolerance="normalization",
        samples=_layer_norm_samples,
        errors=_layer_norm_errors,
        torch_name="ops.aten.native_layer_norm",
        doc="Normalized over the last dimensions, scaled and shifted; "
        "mean and rstd are float32 for the half-width types. Source: torch.nn.functional.layer_norm.",
        shapes="input [*A, *normalized_shape], weight [*normalized_shape], bias [*normalized_shape] "
        "-> out [*A, *normalized_shape], mean [*M], rstd [*M]",
    ),
    _op(
        "layer_norm_backward(Tensor grad_output, Tensor input, Tensor mean, Tensor rstd, Tensor? weight, "
        "int[] normalized_shape) -> d_input, d_weight, d_bias",
        infer=_infer_layer_norm_backward,
        decompose=_decompose_backward(_layer_form),
        vjp=_backward_vjp(_layer_form),
        autocast="none",
        tolerance="normalization",
        samples=_layer_norm_backward_samples,
        doc="The cotangents of layer_norm. Source: torch.ops.aten.native_layer_norm_backward.",
        shapes="grad_output [*S], input [*S], mean [*M], rstd [*M], weight [*normalized_shape] "
        "-> d_input [*S], d_weight [*normalized_shape], d_bias [*normalized_shape]",
    ),
    _op(
        "batch_norm_train(Tensor input, Tensor? weight, Tensor? bias, float eps) -> out, mean, rstd",
        infer=_infer_batch_norm,
        decompose=_decompose_batch_norm,
        vjp=_batch_norm_vjp,
        autocast="round",
        tolerance="normalization",
        samples=_batch_norm_samples,
        errors=_batch_norm_errors,
        torch_name="ops.aten.native_batch_norm",
        doc="Normalized with each channel's own mean and (biased) variance; channels are dimension 1. "
        "Source: torch.nn.functional.batch_norm with training=True.",
        shapes="input [N, C, *S], weight [C], bias [C] -> out [N, C, *S], mean [C], rstd [C]",
    ),
    _op(
        "batch_norm_backward(Tensor grad_output, Tensor input, Tensor mean, Tensor rstd, Tensor? weight) -> "
        "d_input, d_weight, d_bias",
        infer=_infer_batch_norm_backward,
        decompose=_decompose_backward(_batch_form),
        vjp=_backward_vjp(_batch_form),
        autocast="none",
        tolerance="normalization",
        samples=_batch_norm_backward_samples,
        doc="The cotangents of batch_norm_train. Source: torch.ops.aten.native_batch_norm_backward.",
        shapes="grad_output [N, C, *S], input [N, C, *S], mean [C], rstd [C], weight [C] "
        "-> d_input [N, C, *S], d_weight [C], d_bias [C]",
    ),
    _op(
        "batch_norm_eval(Tensor input, Tensor mean, Tensor variance, Tensor? weight, Tensor? bias, float "
        "eps)",
        infer=_infer_batch_norm_eval,
        decompose=_decompose_batch_norm_eval,
        autocast="round",
        tolerance="normalization",
        samples=_batch_norm_eval_samples,
        doc="Normalized with given statistics. Source: torch.nn.functional.batch_norm with training=False.",
        shapes="input [N, C, *S], mean [C], variance [C], weight [C], bias [C] -> [N, C, *S]",
    ),
    _op(
        "group_norm(Tensor input, int num_groups, Tensor? weight, Tensor? bias, float eps)",
        infer=_infer_group_norm,
        decompose=_decompose_group_norm,
        autocast="float32",
        tolerance="normalization",
        samples=_group_norm_samples,
        errors=_group_norm_errors,
        torch_name="nn.functional.group_norm",
        doc="Normalized within groups of channels. Source: torch.nn.functional.group_norm.",
        shapes="input [N, C, *S], weight [C], bias [C] -> [N, C, *S]",
    ),
    _op(
        "rms_norm(Tensor input, int[] normalized_shape, Tensor? weight, float eps)",
        infer=_infer_rms_norm,
        decompose=_decompose_rms_norm,
        autocast="round",
        tolerance="normalization",
        samples=_rms_norm_samples,
        torch_name="nn.functional.rms_norm",
        doc="Divided by the root mean square of the last dimensions, scaled. Source: "
        "torch.nn.functional.rms_norm.",
        shapes="input [*A, *normalized_shape], weight [*normalized_shape] -> [*A, *normalized_shape]",
    ),
)
