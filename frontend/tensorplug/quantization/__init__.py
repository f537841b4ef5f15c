"""Quantization of tensors and of unmodified models. ``docs/quantization.md`` is the guide."""

from __future__ import annotations

from importlib import import_module

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_PLACES = {
    "_tensors": (
        *("Scheme", "dequantize", "fake_quantize_per_channel_affine", "fake_quantize_per_tensor_affine"),
        *("quantize_per_channel", "quantize_per_group", "quantize_per_tensor"),
        *("quantize_per_tensor_dynamic",),
    ),
    "_config": ("Config",),
    "_flows": (
        *("Calibration", "Training", "calibrate", "quantize_dynamic", "quantize_weights", "train"),
        *("quantized_weight",),
    ),
    "_sensitivity": ("Sensitivity", "sensitivity"),
    "observers": (
        *("HistogramObserver", "MSEObserver", "MinMaxObserver", "MovingAverageMinMaxObserver"),
        *("Observer", "PercentileObserver"),
    ),
}
_WHERE = {name: place for place, names in _PLACES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name in _WHERE:
        value = globals()[name] = getattr(import_module(f"{__name__}.{_WHERE[name]}"), name)
        return value
    if name == "observers":
        return import_module(f"{__name__}.observers")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_WHERE})


__all__ = list(_WHERE)
