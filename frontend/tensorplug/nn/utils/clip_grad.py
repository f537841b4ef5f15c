"""Limits on the size of gradients."""

from __future__ import annotations

import math

import tensorplug as tp

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from tensorplug import Tensor


def get_total_norm(
    tensors: Tensor | Iterable[Tensor], norm_type: float = 2.0, error_if_nonfinite: bool = False
) -> Tensor:
    """The p-norm of all ``tensors`` together, as a 0-d tensor; raises RuntimeError where it is not finite and
    ``error_if_nonfinite``."""
    grads = [tensors] if isinstance(tensors, tp.Tensor) else list(tensors)
    norm_type = float(norm_type)
    if not grads:
        return tp.tensor(0.0)
    device = grads[0].device
    norms = [tp.norm(grad, norm_type) for grad in grads]
    total = tp.norm(tp.stack([norm.to(device=device) for norm in norms]), norm_type)
    if error_if_nonfinite and not math.isfinite(float(total)):
        raise RuntimeError(
            f"The total norm of order {norm_type} for gradients from `parameters` is "
            "non-finite, so it cannot be clipped. To disable this error and scale the "
            "gradients by the non-finite norm anyway, set `error_if_nonfinite=False`"
        )
    return total


def clip_grad_norm_(
    parameters: Tensor | Iterable[Tensor],
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """Scale all gradients, in place, so that their p-norm together is
    at most ``max_norm``; returns the norm before.

    Raises RuntimeError where the norm is not finite and ``error_if_nonfinite``.
    """
    params = [parameters] if isinstance(parameters, tp.Tensor) else parameters
    grads = [param.grad for param in params if param.grad is not None]
    with tp.no_grad():
        total = get_total_norm(grads, norm_type, error_if_nonfinite)
        factor = (float(max_norm) / (total + 1e-6)).clamp(max=1.0)
        for grad in grads:
            grad.mul_(factor.to(device=grad.device))
    return total


def clip_grad_value_(
    parameters: Tensor | Iterable[Tensor], clip_value: float, foreach: bool | None = None
) -> None:
    """Limit every element of all gradients, in place, to [-clip_value, clip_value]."""
    params = [parameters] if isinstance(parameters, tp.Tensor) else parameters
    clip_value = float(clip_value)
    with tp.no_grad():
        for param in params:
            if param.grad is not None:
                param.grad.clamp_(-clip_value, clip_value)
