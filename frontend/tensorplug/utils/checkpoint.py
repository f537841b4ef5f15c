"""Trading computation for memory: ``checkpoint`` runs a function again in the backward pass instead of keeping what it saved."""

from __future__ import annotations

from tensorplug_layers.autograd import checkpoint

__all__ = ["checkpoint"]
