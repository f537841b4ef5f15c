"""Stochastic gradient descent."""

from __future__ import annotations

import tensorplug as tp
from tensorplug_dispatcher.ops import F as _ops

from .optimizer import Optimizer, check_modes, check_settings, run_closure

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


class SGD(Optimizer):
    """``p -= lr · b`` with b = momentum · b + (1 - dampening) · (g + weight_decay · p).

    Settings, state and numbers are those of ``torch.optim.SGD``; every parameter is one fused op in place.
    """

    def __init__(
        self,
        params: Any,
        lr: Any = 1e-3,
        momentum: float = 0,
        dampening: float = 0,
        weight_decay: float = 0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        if isinstance(lr, tp.Tensor) and lr.numel() != 1:
            raise ValueError("Tensor lr must be 1-element")
        check_settings(lr=lr, momentum=momentum, weight_decay=weight_decay)
        if nesterov and (momentum <= 0 or dampening != 0):
            raise ValueError("Nesterov momentum requires a momentum and zero dampening")
        check_modes(differentiable, foreach, fused)
        super().__init__(
            params,
            {
                "lr": lr,
                "momentum": momentum,
                "dampening": dampening,
                "weight_decay": weight_decay,
                "nesterov": nesterov,
                "maximize": maximize,
                "foreach": foreach,
                "differentiable": differentiable,
                "fused": fused,
            },
        )

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        for group in self.param_groups:
            for name, value in (
                ("nesterov", False),
                ("maximize", False),
                ("foreach", None),
                ("differentiable", False),
                ("fused", False),
            ):
                group.setdefault(name, value)

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        loss = run_closure(closure)
        states = self.state
        with tp.no_grad():
            for group in self.param_groups:
                lr = float(group["lr"])
                decay = group["weight_decay"]
                momentum = group["momentum"]
                maximize = group["maximize"]
                if momentum == 0:
                    update = _ops.sgd_step.call_into  # without the look at out= that a call pays for
                    for param in group["params"]:
                        grad = param.grad
                        if grad is not None:
                            update((param, grad, lr, decay, maximize), (param,))
                    continue
                nesterov = group["nesterov"]
                update = _ops.sgd_momentum_step.call_into
                for param in group["params"]:
                    grad = param.grad
                    if grad is None:
                        continue
                    state = states[param]
                    buffer = state.get("momentum_buffer")
                    dampening = group["dampening"]
                    if buffer is None:  # the first buffer is the gradient, undamped
                        buffer = state["momentum_buffer"] = tp.zeros_like(param)
                        dampening = 0.0
                    update(
                        (param, grad, buffer, lr, decay, momentum, dampening, nesterov, maximize),
                        (param, buffer),
                    )
        return loss
