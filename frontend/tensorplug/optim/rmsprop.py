"""RMSprop (Tieleman & Hinton, lecture 6.5; centered as in Graves, arXiv:1308.0850)."""

from __future__ import annotations

import tensorplug as tp

from .optimizer import Optimizer, check_modes, check_settings, run_closure

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


class RMSprop(Optimizer):
    """Steps by the gradient over the root of a moving mean of its squares; as ``torch.optim.RMSprop``."""

    _number_state = ("step",)

    def __init__(
        self,
        params: Any,
        lr: Any = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum: float = 0,
        centered: bool = False,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        if isinstance(lr, tp.Tensor) and lr.numel() != 1:
            raise ValueError("Tensor lr must be 1-element")
        check_settings(lr=lr, eps=eps, momentum=momentum, weight_decay=weight_decay, alpha=alpha)
        check_modes(differentiable, foreach)
        super().__init__(
            params,
            {
                "lr": lr,
                "momentum": momentum,
                "alpha": alpha,
                "eps": eps,
                "centered": centered,
                "weight_decay": weight_decay,
                "capturable": capturable,
                "foreach": foreach,
                "maximize": maximize,
                "differentiable": differentiable,
            },
        )

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        loss = run_closure(closure)
        with tp.no_grad():
            for group in self.param_groups:
                for param in group["params"]:
                    if param.grad is not None:
                        self._update(param, param.grad, group)
        return loss

    def _update(self, param: Any, grad: Any, group: dict[str, Any]) -> None:
        state = self.state[param]
        if not state:
            fresh = {"step": 0.0, "square_avg": tp.zeros_like(param)}
            if group["momentum"] > 0:
                fresh["momentum_buffer"] = tp.zeros_like(param)
            if group["centered"]:
                fresh["grad_avg"] = tp.zeros_like(param)
            state.update(fresh)  # at once: half a state would be in every later step's way
        state["step"] += 1.0
        alpha, lr = group["alpha"], float(group["lr"])
        if group["maximize"]:
            grad = -grad
        if group["weight_decay"] != 0:
            grad = grad.add(param, alpha=group["weight_decay"])
        square = state["square_avg"]
        square.mul_(alpha).addcmul_(grad, grad, value=1 - alpha)
        if group["centered"]:
            mean = state["grad_avg"]
            mean.lerp_(grad, 1 - alpha)
            root = square.addcmul(mean, mean, value=-1).sqrt_()
        else:
            root = square.sqrt()
        root.add_(group["eps"])
        if group["momentum"] > 0:
            buffer = state["momentum_buffer"]
            buffer.mul_(group["momentum"]).addcdiv_(grad, root)
            param.add_(buffer, alpha=-lr)
        else:
            param.addcdiv_(grad, root, value=-lr)
