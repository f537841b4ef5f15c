"""Quantization of tensors and of unmodified models. docs/quantization.md is the guide."""

from __future__ import annotations

from ._tensors import *  # noqa: F403
