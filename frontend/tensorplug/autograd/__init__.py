"""Automatic differentiation (https://pytorch.org/docs/stable/autograd.html):
the autograd layer under PyTorch's names.
"""

from __future__ import annotations

from importlib import import_module

from tensorplug_layers import autograd as layer
from tensorplug_layers.autograd import (
    backward,
    detect_anomaly,
    enable_grad,
    grad,
    inference_mode,
    is_anomaly_enabled,
    is_grad_enabled,
    is_inference_mode_enabled,
    no_grad,
    set_detect_anomaly,
    set_grad_enabled,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from tensorplug_layers.autograd import (
        Function,
        FunctionCtx,
        gradcheck,
        gradgradcheck,
        once_differentiable,
    )

    from . import function

LATER = ("Function", "FunctionCtx", "gradcheck", "gradgradcheck", "once_differentiable")

if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        """What is used rarely is imported on its first use."""
        if name == "function":
            return import_module(f"{__name__}.function")
        if name in LATER:
            value = globals()[name] = getattr(layer, name)
            return value
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__all__ = [
    "Function",
    "FunctionCtx",
    "backward",
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
    "set_detect_anomaly",
    "set_grad_enabled",
]
