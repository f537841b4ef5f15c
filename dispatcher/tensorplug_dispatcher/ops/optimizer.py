"""One step of an optimizer as one elementwise op with several outputs; updating in place is passing ``out=``.

The numbers that schedulers change (``lr``) or that change each step are ``float!``: they take no part in
planning. ``bias_correction1`` and ``2`` are 1 - beta**step. Formulas: the algorithm boxes of PyTorch's
``torch.optim`` pages.
"""

from __future__ import annotations

from functools import partial
from typing import Any, Final

from .. import expr as e
from ..op import Input, Op, Sample
from .composed import elementwise

op = partial(elementwise, public="")


def _direction(param: Any, grad: Any, weight_decay: Any, maximize: bool) -> Any:
    return (-grad if maximize else grad) + weight_decay * param


def _sgd(param: Any, grad: Any, lr: Any, weight_decay: Any, maximize: bool) -> Any:
    return param - lr * _direction(param, grad, weight_decay, maximize)


def _momentum(
    param: Any,
    grad: Any,
    buffer: Any,
    lr: Any,
    weight_decay: Any,
    momentum: Any,
    dampening: Any,
    nesterov: bool,
    maximize: bool,
) -> tuple[Any, Any]:
    d = _direction(param, grad, weight_decay, maximize)
    buffer = momentum * buffer + (1.0 - dampening) * d
    return param - lr * (d + momentum * buffer if nesterov else buffer), buffer


def _moments(
    param: Any,
    grad: Any,
    exp_avg: Any,
    exp_avg_sq: Any,
    lr: Any,
    beta1: Any,
    beta2: Any,
    weight_decay: Any,
    decoupled: bool,
    maximize: bool,
) -> tuple[Any, Any, Any]:
    """The decayed parameter and the new moments. ``decoupled`` decays the weights as AdamW does."""
    if decoupled:
        d, param = -grad if maximize else grad, param * (1.0 - lr * weight_decay)
    else:
        d = _direction(param, grad, weight_decay, maximize)
    exp_avg = exp_avg + (1.0 - beta1) * (d - exp_avg)
    return param, exp_avg, beta2 * exp_avg_sq + (1.0 - beta2) * (d * d)


def _adam(
    param: Any,
    grad: Any,
    exp_avg: Any,
    exp_avg_sq: Any,
    lr: Any,
    beta1: Any,
    beta2: Any,
    eps: Any,
    weight_decay: Any,
    bias_correction1: Any,
    bias_correction2: Any,
    decoupled: bool,
    maximize: bool,
) -> tuple[Any, ...]:
    param, m, v = _moments(
        param, grad, exp_avg, exp_avg_sq, lr, beta1, beta2, weight_decay, decoupled, maximize
    )
    denominator = e.sqrt(v) / e.sqrt(bias_correction2) + eps
    return param - (lr / bias_correction1) * (m / denominator), m, v


def _amsgrad(
    param: Any,
    grad: Any,
    exp_avg: Any,
    exp_avg_sq: Any,
    max_exp_avg_sq: Any,
    lr: Any,
    beta1: Any,
    beta2: Any,
    eps: Any,
    weight_decay: Any,
    bias_correction1: Any,
    bias_correction2: Any,
    decoupled: bool,
    maximize: bool,
) -> tuple[Any, ...]:
    param, m, v = _moments(
        param, grad, exp_avg, exp_avg_sq, lr, beta1, beta2, weight_decay, decoupled, maximize
    )
    peak = e.maximum(max_exp_avg_sq, v)
    denominator = e.sqrt(peak) / e.sqrt(bias_correction2) + eps
    return param - (lr / bias_correction1) * (m / denominator), m, v, peak


def _steps(signed: int, positive: int, *numbers: Any) -> Any:
    """Samples of ``signed`` tensors of any value and ``positive`` non-negative ones (second moments)."""

    def samples() -> list[Sample]:
        return [
            Sample(
                (
                    *(Input(shape, -2.0, 2.0) for _ in range(signed)),
                    *(Input(shape, 0.0, 2.0) for _ in range(positive)),
                    *numbers,
                ),
                str(shape),
            )
            for shape in ((3, 5), (), (0, 2), (1031,))
        ]

    return samples


_ADAM_NUMBERS: Final = (0.01, 0.9, 0.999, 1e-8, 0.1, 0.19, 0.002)
_STEP: Final[dict[str, Any]] = {"dtypes": "floating", "autocast": "none", "tolerance": "usable"}

# fmt: off
OPS: Final[tuple[Op, ...]] = (
    op("sgd_step(Tensor param, Tensor grad, float! lr, float! weight_decay, bool maximize=False) -> param",
       4, _sgd,
       samples=_steps(2, 0, 0.1, 0.01, False), **_STEP,
       doc="Stochastic gradient descent without momentum. Source: torch.optim.SGD."),
    op("sgd_momentum_step(Tensor param, Tensor grad, Tensor momentum_buffer, float! lr, float! weight_decay, "
       "float! momentum, float! dampening, bool nesterov=False, bool maximize=False) "
       "-> param, momentum_buffer", 4,
       _momentum, samples=_steps(3, 0, 0.1, 0.01, 0.9, 0.1, False, False), **_STEP,
       doc="Stochastic gradient descent with (Nesterov) momentum. Source: torch.optim.SGD."),
    op("adam_step(Tensor param, Tensor grad, Tensor exp_avg, Tensor exp_avg_sq, float! lr, float! beta1, "
       "float! beta2, float! eps, float! weight_decay, float! bias_correction1, float! bias_correction2, "
       "bool decoupled=False, bool maximize=False) -> param, exp_avg, exp_avg_sq", 4,
       _adam, samples=_steps(3, 1, *_ADAM_NUMBERS, False, False), **_STEP,
       doc="Adam; with decoupled=True AdamW. Source: torch.optim.Adam, arXiv:1412.6980, arXiv:1711.05101."),
    op("adam_amsgrad_step(Tensor param, Tensor grad, Tensor exp_avg, Tensor exp_avg_sq, "
       "Tensor max_exp_avg_sq, float! lr, float! beta1, float! beta2, float! eps, float! weight_decay, "
       "float! bias_correction1, float! bias_correction2, bool decoupled=False, bool maximize=False) "
       "-> param, exp_avg, exp_avg_sq, max_exp_avg_sq", 4,
       _amsgrad, samples=_steps(3, 2, *_ADAM_NUMBERS, False, False), **_STEP,
       doc="Adam with the largest second moment so far, as amsgrad=True. Source: torch.optim.Adam."),
)
# fmt: on

_FLAGS: Final = {"maximize": (False, True)}
CHOICES: Final[dict[str, dict[str, tuple[Any, ...]]]] = {
    "sgd_step": _FLAGS,
    "sgd_momentum_step": {"nesterov": (False, True), **_FLAGS},
    "adam_step": {"decoupled": (False, True), **_FLAGS},
    "adam_amsgrad_step": {"decoupled": (False, True), **_FLAGS},
}
