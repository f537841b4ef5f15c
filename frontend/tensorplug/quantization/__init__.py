"""Quantization of tensors and of unmodified models. ``docs/quantization.md`` is the guide."""

from __future__ import annotations

from importlib import import_module

from ..later import found

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from . import observers
    from ._config import Config
    from ._flows import (
        Calibration,
        Training,
        calibrate,
        quantize_dynamic,
        quantize_weights,
        quantized_weight,
        train,
    )
    from ._sensitivity import Sensitivity, sensitivity
    from ._tensors import (
        Scheme,
        dequantize,
        fake_quantize_per_channel_affine,
        fake_quantize_per_tensor_affine,
        quantize_per_channel,
        quantize_per_group,
        quantize_per_tensor,
        quantize_per_tensor_dynamic,
    )
    from .observers import (
        HistogramObserver,
        MinMaxObserver,
        MovingAverageMinMaxObserver,
        MSEObserver,
        Observer,
        PercentileObserver,
    )

_PLACES = {
    "_config": ("Config",),
    "_flows": (
        *("Calibration", "Training", "calibrate", "quantize_dynamic", "quantize_weights", "train"),
        *("quantized_weight",),
    ),
    "_sensitivity": ("Sensitivity", "sensitivity"),
    "_tensors": (
        *("Scheme", "dequantize", "fake_quantize_per_channel_affine", "fake_quantize_per_tensor_affine"),
        *("quantize_per_channel", "quantize_per_group", "quantize_per_tensor"),
        *("quantize_per_tensor_dynamic",),
    ),
    "observers": (
        *("HistogramObserver", "MSEObserver", "MinMaxObserver", "MovingAverageMinMaxObserver"),
        *("Observer", "PercentileObserver"),
    ),
}
_WHERE = {name: place for place, names in _PLACES.items() for name in names}

if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        if name in _WHERE:
            value = globals()[name] = found(f".quantization.{_WHERE[name]}", name)
            return value
        if name == "observers":
            return import_module(f"{__name__}.observers")
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_WHERE})


__all__ = [
    "Calibration",
    "Config",
    "HistogramObserver",
    "MSEObserver",
    "MinMaxObserver",
    "MovingAverageMinMaxObserver",
    "Observer",
    "PercentileObserver",
    "Scheme",
    "Sensitivity",
    "Training",
    "calibrate",
    "dequantize",
    "fake_quantize_per_channel_affine",
    "fake_quantize_per_tensor_affine",
    "quantize_dynamic",
    "quantize_per_channel",
    "quantize_per_group",
    "quantize_per_tensor",
    "quantize_per_tensor_dynamic",
    "quantize_weights",
    "quantized_weight",
    "sensitivity",
    "train",
]
