"""Reverse-mode differentiation as a dispatch layer: define-by-run, differentiable again, on any device."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module
from typing import Any

from .engine import (
    AccumulateGrad,
    backward,
    grad,
    register_hook,
    register_post_accumulate_grad_hook,
    retain_grad,
)
from .modes import (
    detect_anomaly,
    enable_grad,
    inference_mode,
    is_anomaly_enabled,
    is_grad_enabled,
    is_inference_mode_enabled,
    no_grad,
    set_detect_anomaly,
    set_grad_enabled,
)

TYPE_CHECKING = False

tensorplug_api = (1, 0)

_LAZY = {
    "Function": "function",
    "FunctionCtx": "function",
    "once_differentiable": "function",
    "gradcheck": "gradient_check",
    "gradgradcheck": "gradient_check",
    "checkpoint": "checkpointing",
}

if TYPE_CHECKING:
    from .checkpointing import checkpoint
    from .function import Function, FunctionCtx, once_differentiable
    from .gradient_check import gradcheck, gradgradcheck
else:

    def __getattr__(name: str) -> Any:
        if name in _LAZY:
            value = getattr(import_module(f"{__name__}.{_LAZY[name]}"), name)
            globals()[name] = value
            return value
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def tensorplug_layers() -> Iterable[Any]:
    from .layer import AutogradLayer

    return (AutogradLayer(),)


__all__ = [
    "AccumulateGrad",
    "Function",
    "FunctionCtx",
    "backward",
    "checkpoint",
    "detect_anomaly",
    "enable_grad",
    "grad",
    "gradcheck",
    "gradgradcheck",
    "inference_mode",
    "is_anomaly_enabled",
    "is_grad_enabled",
    "is_inference_mode_enabled",
    "no_grad",
    "once_differentiable",
    "register_hook",
    "register_post_accumulate_grad_hook",
    "retain_grad",
    "set_detect_anomaly",
    "set_grad_enabled",
]
