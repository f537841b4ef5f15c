"""``torch.autograd.function``'s names: differentiable operations of one's own."""

from __future__ import annotations

from tensorplug_layers.autograd import Function, FunctionCtx, once_differentiable

__all__ = ["Function", "FunctionCtx", "once_differentiable"]
