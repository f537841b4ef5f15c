"""Switches of single device types, under PyTorch's names. Source: torch.backends."""

from __future__ import annotations

from . import cuda

__all__ = ["cuda"]
