"""Tier 0: what every device must do itself. Copying, converting and filling memory."""

from __future__ import annotations

from collections.abc import Iterable

from .. import dtypes
from ..errors import ShapeError
from ..layout import Layout, broadcast_shapes, dense, non_overlapping_dense, with_dtype
from ..op import ErrorCase, Input, Op, Sample
from . import F
from .common import Shape, Tensor, checked_shape, sample, sum_to, to_dtype


def _copy_samples() -> Iterable[Sample]:
    for layout in ("dense", "transposed", "sliced", "expanded", "offset"):
        yield sample(Input((3, 4), layout=layout), note=layout)
    yield sample(Input((2, 3, 4, 5), layout="transposed"))
    yield sample(Input(()), note="0-d")
    yield sample(Input((0, 3)), note="empty")
    yield sample(
        Input((3,), values=(float("nan"), float("inf"), -0.0), dtype="float32"), note="special values"
    )


def _infer_cast(input: Layout, dtype: dtypes.DType) -> Layout:
    """The input's strides where it is dense in any order, as PyTorch keeps them."""
    return with_dtype(input, dtype) if non_overlapping_dense(input) else dense(input.shape, dtype)


def _cast_vjp(grad: Tensor, input_layout: Layout) -> Tensor:
    return F.cast.call((grad, input_layout.dtype))


def _cast_samples() -> Iterable[Sample]:
    for dtype in dtypes.ALL:
        yield sample(Input((3, 4), 0.0, 100.0), dtype, note=f"to {dtype.name}")
    yield sample(Input((3, 4), layout="transposed"), dtypes.float32)
    yield sample(Input((5,), -100, 100, dtype="int64"), dtypes.uint8, note="integers wrap")
    yield sample(Input((3,), values=(float("nan"), float("inf"), 0.0), dtype="float32"), dtypes.bool_)
    yield sample(Input(()), dtypes.float64, note="0-d")
    yield sample(Input((0, 2)), dtypes.int32, note="empty")


def _to_device_vjp(grad: Tensor, input: Tensor) -> Tensor:
    return F.to_device(grad, input.device)


def _infer_assign(input: Layout, source: Layout) -> Layout:
    if broadcast_shapes(input.shape, source.shape) != tuple(input.shape):
        raise ShapeError(
            f"assign: a source of shape {list(source.shape)} cannot be written over {list(input.shape)}; "
            "it must broadcast to that"
        )
    return dense(input.shape, input.dtype)


def _decompose_assign(input: Tensor, source: Tensor) -> Tensor:
    return F.copy(F.expand(to_dtype(source, input.dtype), tuple(input.shape)))


def _assign_vjp(grad: Tensor, source_layout: Layout) -> Tensor:
    return to_dtype(sum_to(grad, source_layout.shape), source_layout.dtype)


def _infer_fill(shape: Shape, value: float, dtype: dtypes.DType, device: object = None) -> Layout:
    return dense(checked_shape(shape), dtype)


def _fill_samples() -> Iterable[Sample]:
    for dtype in dtypes.ALL:
        yield sample((2, 3), 1, dtype, note=dtype.name)
    yield sample((3,), 1.5, dtypes.float32)
    yield sample((3,), float("-inf"), dtypes.float64)
    yield sample((3,), -7, dtypes.int64)
    yield sample((2,), 2**53 + 1, dtypes.int64, note="an integer that float64 does not hold")
    yield sample((), 2.0, dtypes.float32, note="0-d")
    yield sample((0, 3), 2.0, dtypes.float32, note="empty")


def _fill_errors() -> Iterable[ErrorCase]:
    yield ErrorCase(((2, -1), 0, dtypes.float32), "ShapeError", "negative dimension -1")


OPS: tuple[Op, ...] = (
    Op(
        "copy(Tensor input)",
        tier=0,
        role="copy",
        family="storage",
        autocast="none",
        infer=lambda input: dense(input.shape, input.dtype),
        vjp={"input": lambda grad: grad},
        samples=_copy_samples,
        torch_name="clone",
        doc="A dense copy of a tensor of any strides. Source: torch.clone.",
    ),
    Op(
        "cast(Tensor input, dtype dtype)",
        tier=0,
        family="storage",
        autocast="none",
        infer=_infer_cast,
        vjp={"input": _cast_vjp},
        samples=_cast_samples,
        torch_name="Tensor.to",
        doc="A copy converted to dtype; floating to integer cuts towards zero. Source: torch.Tensor.to.",
    ),
    Op(
        "to_device(Tensor input, device device)",
        tier=0,
        role="transfer",
        family="storage",
        autocast="none",
        infer=lambda input, device: dense(input.shape, input.dtype),
        vjp={"input": _to_device_vjp},
        samples=lambda: [sample(Input((3, 4), layout="transposed"), "cpu")],
        torch_name="Tensor.to",
        doc="A dense copy on another device, the tensor itself on its own; the core moves it, "
        "no kernel does. Source: torch.Tensor.to.",
    ),
    Op(
        "assign(Tensor input, Tensor source)",
        tier=4,
        family="storage",
        autocast="none",
        infer=_infer_assign,
        decompose=_decompose_assign,
        vjp={"source": _assign_vjp},
        samples=lambda: [
            sample(Input((3, 4)), Input((3, 4), layout="transposed")),
            sample(Input((3, 4)), Input((4,))),
            sample(Input((3, 4), layout="transposed"), Input(())),
        ],
        errors=lambda: [ErrorCase((Input((3,)), Input((2, 3))), "ShapeError", "cannot be written over [3]")],
        torch_name="Tensor.copy_",
        doc="The source, broadcast to the input and in its dtype: what copy_ leaves there. Source: "
        "torch.Tensor.copy_.",
        shapes="input [*S], source [*T] -> [*S]",
    ),
    Op(
        "fill(int[] shape, Scalar! value, dtype dtype, device? device=None)",
        tier=0,
        family="storage",
        autocast="none",
        infer=_infer_fill,
        samples=_fill_samples,
        errors=_fill_errors,
        torch_name="full",
        doc="A dense tensor with every element set to value. Source: torch.full.",
        shapes="-> [*shape]",
    ),
)
