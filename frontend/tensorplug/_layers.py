"""Dispatch layers for users: a block that switches one on, and the one that measures."""

from __future__ import annotations

from tensorplug_dispatcher.layers import switched as layer
from tensorplug_layers.profile.layer import profile

__all__ = ["layer", "profile"]
