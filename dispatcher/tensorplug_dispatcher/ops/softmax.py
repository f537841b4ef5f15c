"""Softmax and its logarithm, forward and backward."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..layout import Layout, dense
from ..op import ErrorCase, Input, Op, Sample
from . import F
from .common import (
    Shape,
    Tensor,
    floating_only,
    sample,
    to_dtype,
    widen,
)


def _infer_softmax(input: Layout, dim: int) -> Layout:
    floating_only("softmax", input)
    return dense(input.shape, input.dtype)


def _dims(x: Tensor, dim: int) -> Shape:
    return (dim,) if x.ndim else ()


def _decompose_softmax(input: Tensor, dim: int) -> Tensor:
    if input.numel() == 0:
        return F.copy(input)
    x = widen(input)
    exponential = F.exp(F.sub(x, F.amax(x, _dims(x, dim), True)))
    return to_dtype(F.div(exponential, F.sum(exponential, _dims(x, dim), True)), input.dtype)


def _decompose_log_softmax(input: Tensor, dim: int) -> Tensor:
    if input.numel() == 0:
        return F.copy(input)
    x = widen(input)
    centred = F.sub(x, F.amax(x, _dims(x, dim), True))
    return to_dtype(F.sub(centred, F.log(F.sum(F.exp(centred), _dims(x, dim), True))), input.dtype)


def _decompose_softmax_backward(grad: Tensor, out: Tensor, dim: int) -> Tensor:
    g, y = widen(grad), widen(out)
    return to_dtype(F.mul(y, F.sub(g, F.sum(F.mul(g, y), _dims(y, dim), True))), out.dtype)


def _decompose_log_softmax_backward(grad: Tensor, out: Tensor, dim: int) -> Tensor:
    g, y = widen(grad), widen(out)
    return to_dtype(F.sub(g, F.mul(F.exp(y), F.sum(g, _dims(y, dim), True))), out.dtype)


def _softmax_samples() -> Iterable[Sample]:
    for dim in (0, 1, -1):
        yield sample(Input((3, 4, 5)), dim, note=f"dim={dim}")
    for layout in ("transposed", "sliced", "expanded", "offset"):
        yield sample(Input((4, 6), layout=layout), 1, note=layout)
    yield sample(Input((2, 130), -20.0, 20.0), 1, note="long rows")
    yield sample(Input((2, 5), 1000.0, 1010.0), 1, note="exp alone would overflow")
    yield sample(Input((2, 3), values=(float("-inf"), 1, 2, 1, 2, 3)), 1, note="minus infinity")
    yield sample(Input(()), 0, note="0-d")
    yield sample(Input((3, 1)), 1, note="one element")
    yield sample(Input((0, 3)), 1, note="empty")


def _softmax_backward_samples(low: float, high: float) -> Any:
    def samples() -> Iterable[Sample]:
        for dim in (0, -1):
            yield sample(Input((3, 4, 5)), Input((3, 4, 5), low, high), dim, note=f"dim={dim}")
        yield sample(Input((4, 6), layout="transposed"), Input((4, 6), low, high, layout="sliced"), 1)
        yield sample(Input((0, 3)), Input((0, 3), low, high), 1, note="empty")

    return samples


def _integer_errors(*rest: Any) -> Any:
    return lambda: [ErrorCase((Input((2, 3), dtype="int64"), *rest), "DTypeError", "int64")]


def _op(schema: str, **columns: Any) -> Op:
    return Op(
        schema,
        tier=4,
        family="softmax",
        dtypes="floating",
        tolerance="softmax",
        **columns,
    )


OPS: tuple[Op, ...] = (
    _op(
        "softmax(Tensor input, dim dim)",
        infer=_infer_softmax,
        decompose=_decompose_softmax,
        vjp={"input": lambda grad, out, dim: F.softmax_backward(grad, out, dim)},
        autocast="float32",
        samples=_softmax_samples,
        errors=_integer_errors(0),
        doc="exp(input) divided by its sum along dim. Source: torch.softmax.",
    ),
    _op(
        "log_softmax(Tensor input, dim dim)",
        infer=_infer_softmax,
        decompose=_decompose_log_softmax,
        vjp={"input": lambda grad, out, dim: F.log_softmax_backward(grad, out, dim)},
        autocast="float32",
        samples=_softmax_samples,
        errors=_integer_errors(0),
        doc="The logarithm of softmax along dim. Source: torch.log_softmax.",
    ),
    _op(
        "softmax_backward(Tensor grad_output, Tensor out, dim dim)",
        decompose=_decompose_softmax_backward,
        autocast="none",
        samples=_softmax_backward_samples(0.0, 1.0),
        doc="The cotangent of softmax's input from its result. Source: "
        "torch.ops.aten._softmax_backward_data.",
        shapes="grad_output [*S], out [*S] -> [*S]",
    ),
    _op(
        "log_softmax_backward(Tensor grad_output, Tensor out, dim dim)",
        decompose=_decompose_log_softmax_backward,
        autocast="none",
        samples=_softmax_backward_samples(-4.0, 0.0),
        doc="The cotangent of log_softmax's input from its result. Source: "
        "torch.ops.aten._log_softmax_backward_data.",
        shapes="grad_output [*S], out [*S] -> [*S]",
    ),
)
