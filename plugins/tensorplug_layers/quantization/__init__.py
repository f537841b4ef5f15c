"""Quantized tensors on any device, as a dispatch layer. docs/decisions/0010 says how they are represented."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .quantizer import Quantizer, Recipe

tensorplug_api = (1, 0)


def tensorplug_layers() -> Iterable[Any]:
    from .layer import QuantizationLayer

    return (QuantizationLayer(),)


__all__ = ["Quantizer", "Recipe"]
