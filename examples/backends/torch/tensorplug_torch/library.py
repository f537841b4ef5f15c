"""PyTorch as tensorplug_arrays sees it, and a few fused ops that PyTorch has in one go."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from typing import Any

import array_api_compat.torch
import torch

from tensorplug_arrays import Adapter, Call, Definition, Spec, compute_dtype, kernels
from tensorplug_dispatcher import Kernel, dtypes

from .memory import View, torch_dtype


def _remainder(a: Any, b: Any) -> Any:
    """PyTorch's vectorized one gives NaN where the quotient is more than the dtype holds; what is not dense
    is taken one by one, by the C library, which is exact.
    """
    left = torch.fmod(_apart(a), _apart(b))
    return torch.where((left != 0) & ((left < 0) != (b < 0)), left + b, left)


def _apart(x: Any) -> Any:
    """The numbers with gaps between them."""
    return torch.empty((*x.shape, 2), dtype=x.dtype, device=x.device)[..., 0].copy_(x)


def _in_double(function: Callable[..., Any]) -> Callable[..., Any]:
    """PyTorch's vectorized one overflows in float32 where exp does, its result would not yet."""
    return lambda x: function(x.double()).to(x.dtype)


class Torch(Adapter):
    functions = {
        "erf": torch.special.erf,
        "remainder": _remainder,
        "sinh": _in_double(torch.sinh),
        "cosh": _in_double(torch.cosh),
    }

    def __init__(self) -> None:
        super().__init__(array_api_compat.torch)

    def dtype(self, dtype: Any) -> Any:
        return torch_dtype(dtype)

    def read(self, handle: View) -> Any:
        return handle.tensor.flip(handle.turned) if handle.turned else handle.tensor

    def write(self, handle: View, value: Any) -> None:
        handle.tensor.copy_(value.flip(handle.turned) if handle.turned else value)

    def spec(self, handle: View) -> Spec:
        return Spec(tuple(handle.shape), self.dtype_of(handle))

    def scope(self, handle: View) -> AbstractContextManager[Any]:
        device = handle.tensor.device
        return nullcontext() if device.type == "cpu" else device

    def convert(self, array: Any, dtype: Any) -> Any:
        return array.to(dtype)

    def put(self, x: Any, places: Any, values: Any, add: bool) -> Any:
        if add:
            return x.index_add(0, places, values)
        # which of several writes to one place comes last is not defined: only the last one is kept
        turn = torch.full(x.shape, -1, dtype=torch.int64, device=x.device)
        turn.scatter_reduce_(0, places, torch.arange(len(places), device=x.device), "amax")
        return torch.where(turn < 0, x, values[turn.clamp_min(0)])


# ---- ops that PyTorch does in one go


def _wide(call: Call, *arrays: Any) -> list[Any]:
    """Halves as float32."""
    return [None if x is None else call.lib.astype(x, compute_dtype(call.lib.dtype_of(x))) for x in arrays]


def _along(function: Callable[..., Any]) -> Definition:
    def run(call: Call, x: Any) -> Any:
        (x,) = _wide(call, x)
        return function(x, call.attrs["dim"])

    return run


def _logsumexp(call: Call, x: Any) -> Any:
    (x,) = _wide(call, x)
    return torch.logsumexp(x, call.attrs["dim"] or tuple(range(x.ndim)))


def _geometry(attrs: Mapping[str, Any]) -> tuple[Any, ...]:
    """What torch.ops.aten's convolutions take after their tensors."""
    places = [0] * len(attrs["stride"])
    geometry = (attrs["stride"], attrs["padding"], attrs["dilation"])
    return (*map(list, geometry), False, places, attrs["groups"])


def _convolution(call: Call, x: Any, weight: Any, bias: Any) -> Any:
    return torch.ops.aten.convolution(*_wide(call, x, weight, bias), *_geometry(call.attrs))


def _convolution_input_grad(call: Call, grad: Any, weight: Any) -> Any:
    grad, weight = _wide(call, grad, weight)
    x = grad.new_empty(call.attrs["input_shape"])  # its numbers are not read
    needed = [True, False, False]
    return torch.ops.aten.convolution_backward(grad, x, weight, None, *_geometry(call.attrs), needed)[0]


def _convolution_weight_grad(call: Call, grad: Any, x: Any) -> Any:
    grad, x = _wide(call, grad, x)
    weight = grad.new_empty(call.attrs["weight_shape"])
    needed = [False, True, False]
    return torch.ops.aten.convolution_backward(grad, x, weight, None, *_geometry(call.attrs), needed)[1]


OWN: Mapping[str, Definition] = {
    "softmax": _along(torch.softmax),
    "log_softmax": _along(torch.log_softmax),
    "logsumexp": _logsumexp,
    "conv": _convolution,
    "conv_input_grad": _convolution_input_grad,
    "conv_weight_grad": _convolution_weight_grad,
}


def _up_to_three(kernel: Kernel) -> Kernel:
    """PyTorch convolves over one, two and three dimensions, the op over any number."""
    when = kernel.when

    def few(outs: Any, ins: Any, attrs: Any) -> Any:
        return outs[0].ndim <= 5 and (when is None or when(outs, ins, attrs))

    return replace(kernel, when=few) if kernel.op.startswith("conv") else kernel


def torch_kernels() -> list[Kernel]:
    floats = frozenset(dtypes.FLOATS)
    made = (replace(k, dtypes=floats) if k.op in OWN else k for k in kernels(Torch(), OWN))
    return [_up_to_three(kernel) for kernel in made]
