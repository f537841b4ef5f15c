"""Autocast and functions of one's own: autograd Functions, and functions that are composed of several ops."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

from tensorplug_dispatcher.context import CONTEXT
from tensorplug_dispatcher.dtypes import DType, bfloat16, float16, float32
from tensorplug_dispatcher.ops import F
from tensorplug_dispatcher.steps import in_context
from tensorplug_dispatcher.tensor import TensorBase
from tensorplug_layers.autocast.policies import AUTOCAST

from .modes import autocast, get_autocast_dtype, is_autocast_enabled
from .state import CASTABLE, regions_of


def _cast(value: Any, kind: str, dtype: DType) -> Any:
    """Tensors of a device type as ``dtype``, in tuples, lists and mappings too."""
    if isinstance(value, TensorBase):
        wanted = value.device.type == kind and value.dtype in CASTABLE and value.dtype is not dtype
        return F.cast(value, dtype) if wanted else value
    if isinstance(value, Mapping):
        return {key: _cast(item, kind, dtype) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)([_cast(item, kind, dtype) for item in value])
    return value


def custom_fwd(
    fwd: Callable[..., Any] | None = None, *, device_type: str, cast_inputs: DType | None = None
) -> Any:
    """Decorator of a Function's forward: it runs as the region around it says; with ``cast_inputs``, on
    inputs of that dtype and with nothing cast inside. Source: torch.amp.custom_fwd.
    """
    if fwd is None:
        return functools.partial(custom_fwd, device_type=device_type, cast_inputs=cast_inputs)

    @functools.wraps(fwd)
    def wrapped(ctx: Any, *args: Any, **kwargs: Any) -> Any:
        on = is_autocast_enabled(device_type)
        ctx._dtype = get_autocast_dtype(device_type)
        if cast_inputs is None or not on:
            ctx._fwd_used_autocast = on if cast_inputs is None else False
            return fwd(ctx, *args, **kwargs)
        ctx._fwd_used_autocast = False
        with autocast(device_type, enabled=False):
            return fwd(ctx, *_cast(args, device_type, cast_inputs), **_cast(kwargs, device_type, cast_inputs))

    return wrapped


def custom_bwd(bwd: Callable[..., Any] | None = None, *, device_type: str) -> Any:
    """Decorator of a Function's backward: it runs as its forward did. Source: torch.amp.custom_bwd."""
    if bwd is None:
        return functools.partial(custom_bwd, device_type=device_type)

    @functools.wraps(bwd)
    def wrapped(ctx: Any, *grads: Any) -> Any:
        with autocast(device_type, ctx._dtype, enabled=ctx._fwd_used_autocast):
            return bwd(ctx, *grads)

    return wrapped


def float32_function(function: Callable[..., Any]) -> Any:
    """Decorator of a function that is composed of several ops: inside a region it gets its tensors as
    float32 and nothing in it is cast, as if it were one op of that policy.
    """

    @functools.wraps(function)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        state = CONTEXT.get()
        if not state.included & AUTOCAST:
            return function(*args, **kwargs)
        regions = regions_of(state)

        def widened(value: Any) -> Any:
            if isinstance(value, TensorBase) and value.dtype in (float16, bfloat16):
                return value if regions.dtypes.get(value.device.type) is None else F.cast(value, float32)
            return value

        with in_context(regions.below(state)):
            given = {name: widened(value) for name, value in kwargs.items()}
            return function(*[widened(value) for value in args], **given)

    return wrapped
