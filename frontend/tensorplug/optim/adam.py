"""Adam (Kingma & Ba, arXiv:1412.6980)."""

from __future__ import annotations

import tensorplug as tp
from tensorplug_dispatcher.ops import F as _ops

from .optimizer import Optimizer, check_modes, check_settings, run_closure

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


class Adam(Optimizer):
    """Steps by the mean of the gradients over the root of the mean of their squares.

    Settings, state and numbers are those of ``torch.optim.Adam``; every parameter is one fused op in place.
    ``decoupled_weight_decay``: decay as AdamW does. ``foreach``, ``fused`` and ``capturable`` change nothing.
    """

    _number_state = ("step",)

    def __init__(
        self,
        params: Any,
        lr: Any = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        amsgrad: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
        decoupled_weight_decay: bool = False,
    ) -> None:
        if isinstance(lr, tp.Tensor) and lr.numel() != 1:
            raise ValueError("Tensor lr must be 1-element")
        check_settings(lr=lr, eps=eps)
        for position, beta in enumerate(betas):
            if not 0.0 <= beta < 1.0:
                raise ValueError(f"Invalid beta parameter at index {position}: {beta}")
        check_settings(weight_decay=weight_decay)
        check_modes(differentiable, foreach, fused)
        super().__init__(
            params,
            {
                "lr": lr,
                "betas": tuple(float(beta) for beta in betas),
                "eps": eps,
                "weight_decay": weight_decay,
                "amsgrad": amsgrad,
                "maximize": maximize,
                "foreach": foreach,
                "capturable": capturable,
                "differentiable": differentiable,
                "fused": fused,
                "decoupled_weight_decay": decoupled_weight_decay,
            },
        )

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        for group in self.param_groups:
            for name, value in (
                ("amsgrad", False),
                ("maximize", False),
                ("foreach", None),
                ("capturable", False),
                ("differentiable", False),
                ("decoupled_weight_decay", False),
                ("fused", None),
            ):
                group.setdefault(name, value)

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        loss = run_closure(closure)
        states = self.state
        update = _ops.adam_step.call_into  # without the look at out= that a call pays for
        update_with_peak = _ops.adam_amsgrad_step.call_into
        with tp.no_grad():
            for group in self.param_groups:
                lr, eps, decay = float(group["lr"]), group["eps"], group["weight_decay"]
                beta1, beta2 = group["betas"]
                amsgrad, maximize = group["amsgrad"], group["maximize"]
                decoupled = group["decoupled_weight_decay"]
                corrected = None
                for param in group["params"]:
                    grad = param.grad
                    if grad is None:
                        continue
                    state = states[param]
                    if not state:
                        fresh = {
                            "step": 0.0,
                            "exp_avg": tp.zeros_like(param),
                            "exp_avg_sq": tp.zeros_like(param),
                        }
                        if amsgrad:
                            fresh["max_exp_avg_sq"] = tp.zeros_like(param)
                        state.update(fresh)  # at once: half a state would be in every later step's way
                    step = state["step"] = state["step"] + 1.0
                    if step != corrected:  # the same for nearly all parameters
                        correction1, correction2 = 1 - beta1**step, 1 - beta2**step
                        corrected = step
                    mean, square = state["exp_avg"], state["exp_avg_sq"]
                    numbers = lr, beta1, beta2, eps, decay, correction1, correction2, decoupled, maximize
                    if amsgrad:
                        peak = state["max_exp_avg_sq"]
                        update_with_peak(
                            (param, grad, mean, square, peak, *numbers), (param, mean, square, peak)
                        )
                    else:
                        update((param, grad, mean, square, *numbers), (param, mean, square))
        return loss
