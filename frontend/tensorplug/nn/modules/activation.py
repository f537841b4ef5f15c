"""Activations as modules; the formulas stand in ``nn.functional``."""

from __future__ import annotations

import tensorplug as tp
from tensorplug_dispatcher.ops import F as _ops

from .. import functional as F
from ..parameter import Parameter
from .module import Module

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from tensorplug import Tensor


class _Inplace(Module):
    """An activation that can overwrite its input."""

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self.inplace = inplace

    def extra_repr(self) -> str:
        return "inplace=True" if self.inplace else ""


class ReLU(_Inplace):
    """Negative numbers as zero.

    Formula: ``y = max(x, 0)``.

    Shapes: [*S] -> [*S].

    >>> nn.ReLU()(tp.tensor([-1.0, 0.0, 2.0]))
    tensor([0., 0., 2.])
    """

    def forward(self, input: Tensor) -> Tensor:
        return input.relu_() if self.inplace else _ops.relu(input)


class SiLU(_Inplace):
    """A number times its sigmoid, also called swish.

    Formula: ``y = x σ(x) = x / (1 + e⁻ˣ)``.

    Shapes: [*S] -> [*S].

    >>> nn.SiLU()(tp.tensor([-1.0, 0.0, 2.0]))
    tensor([-0.2689,  0.0000,  1.7616])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.silu(input, self.inplace)


class Mish(_Inplace):
    """A number times the tanh of its softplus.

    Formula: ``y = x tanh(log(1 + eˣ))``.

    Shapes: [*S] -> [*S].

    >>> nn.Mish()(tp.tensor([-1.0, 0.0, 2.0]))
    tensor([-0.3034,  0.0000,  1.9440])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.mish(input, self.inplace)


class SELU(_Inplace):
    """An ``elu`` whose scale keeps mean 0 and variance 1 (Klambauer et al., arXiv:1706.02515).

    Formula: ``y = 1.0507 x where x > 0, else 1.0507 · 1.6733 · (eˣ - 1)``.

    Shapes: [*S] -> [*S].

    >>> nn.SELU()(tp.tensor([-1.0, 0.0, 2.0]))
    tensor([-1.1113,  0.0000,  2.1014])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.selu(input, self.inplace)


class Hardswish(_Inplace):
    """``silu`` made of straight lines.

    Formula: ``y = x · min(max(x + 3, 0), 6) / 6``.

    Shapes: [*S] -> [*S].

    >>> nn.Hardswish()(tp.tensor([-1.0, 0.0, 2.0]))
    tensor([-0.3333,  0.0000,  1.6667])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.hardswish(input, self.inplace)

    def extra_repr(self) -> str:
        return ""


class Hardsigmoid(_Inplace):
    """``sigmoid`` made of straight lines.

    Formula: ``y = min(max(x + 3, 0), 6) / 6``.

    Shapes: [*S] -> [*S].

    >>> nn.Hardsigmoid()(tp.tensor([-1.0, 0.0, 2.0]))
    tensor([0.3333, 0.5000, 0.8333])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.hardsigmoid(input, self.inplace)

    def extra_repr(self) -> str:
        return ""


class Sigmoid(Module):
    """The logistic function.

    Formula: ``y = 1 / (1 + e⁻ˣ)``.

    Shapes: [*S] -> [*S].

    >>> nn.Sigmoid()(tp.tensor([-1.0, 0.0, 2.0]))
    tensor([0.2689, 0.5000, 0.8808])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.sigmoid(input)


class LogSigmoid(Module):
    """The logarithm of the logistic function, without overflow.

    Formula: ``y = -log(1 + e⁻ˣ)``.

    Shapes: [*S] -> [*S].

    >>> nn.LogSigmoid()(tp.tensor([-1.0, 0.0, 2.0]))
    tensor([-1.3133, -0.6931, -0.1269])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.logsigmoid(input)


class Tanh(Module):
    """The hyperbolic tangent.

    Formula: ``y = (eˣ - e⁻ˣ) / (eˣ + e⁻ˣ)``.

    Shapes: [*S] -> [*S].

    >>> nn.Tanh()(tp.tensor([-1.0, 0.0, 2.0]))
    tensor([-0.7616,  0.0000,  0.9640])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.tanh(input)


class Tanhshrink(Module):
    """What tanh takes away.

    Formula: ``y = x - tanh x``.

    Shapes: [*S] -> [*S].

    >>> nn.Tanhshrink()(tp.tensor([-1.0, 0.0, 2.0]))
    tensor([-0.2384,  0.0000,  1.0360])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.tanhshrink(input)


class Softsign(Module):
    """A number over one more than its size.

    Formula: ``y = x / (1 + |x|)``.

    Shapes: [*S] -> [*S].

    >>> nn.Softsign()(tp.tensor([-1.0, 0.0, 2.0]))
    tensor([-0.5000,  0.0000,  0.6667])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.softsign(input)


class GELU(Module):
    """A number times the normal distribution's cumulative function,
    exactly or (``approximate="tanh"``) by tanh.

    Formula: ``y = x Φ(x), Φ(x) = (1 + erf(x / √2)) / 2``.

    Shapes: [*S] -> [*S].

    >>> nn.GELU()(tp.tensor([-1.0, 0.0, 2.0]))
    tensor([-0.1587,  0.0000,  1.9545])
    """

    def __init__(self, approximate: str = "none") -> None:
        super().__init__()
        self.approximate = approximate

    def forward(self, input: Tensor) -> Tensor:
        return F.gelu(input, self.approximate)

    def extra_repr(self) -> str:
        return f"approximate={self.approximate!r}"


class Hardtanh(Module):
    """A number limited to [min_val, max_val].

    Formula: ``y = min(max(x, min_val), max_val)``.

    Shapes: [*S] -> [*S].

    >>> nn.Hardtanh()(tp.tensor([-1.0, 0.0, 2.0]))
    tensor([-1.,  0.,  1.])
    """

    def __init__(self, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> None:
        super().__init__()
        self.min_val = min_val
        self.max_val = max_val
        self.inplace = inplace
        if min_val >= max_val:
            raise AssertionError("max_val must be larger than min_val")

    def forward(self, input: Tensor) -> Tensor:
        return F.hardtanh(input, self.min_val, self.max_val, self.inplace)

    def extra_repr(self) -> str:
        return f"min_val={self.min_val}, max_val={self.max_val}" + (", inplace=True" if self.inplace else "")


class ReLU6(Hardtanh):
    """A number limited to [0, 6].

    Formula: ``y = min(max(x, 0), 6)``.

    Shapes: [*S] -> [*S].

    >>> nn.ReLU6()(tp.tensor([-1.0, 2.0, 8.0]))
    tensor([0., 2., 6.])
    """

    def __init__(self, inplace: bool = False) -> None:
        super().__init__(0.0, 6.0, inplace)

    def extra_repr(self) -> str:
        return "inplace=True" if self.inplace else ""


class Threshold(Module):
    """Numbers that are not above ``threshold`` replaced.

    Formula: ``y = x where x > threshold, else value``.

    Shapes: [*S] -> [*S].

    >>> nn.Threshold(1.0, 20.0)(tp.tensor([-1.0, 0.0, 2.0]))
    tensor([20., 20.,  2.])
    """

    def __init__(self, threshold: float, value: float, inplace: bool = False) -> None:
        super().__init__()
        self.threshold = threshold
        self.value = value
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        return F.threshold(input, self.threshold, self.value, self.inplace)

    def extra_repr(self) -> str:
        return f"threshold={self.threshold}, value={self.value}" + (", inplace=True" if self.inplace else "")


class LeakyReLU(Module):
    """Negative numbers made small.

    Formula: ``y = max(x, 0) + negative_slope · min(x, 0)``.

    Shapes: [*S] -> [*S].

    >>> nn.LeakyReLU(0.1)(tp.tensor([-1.0, 0.0, 2.0]))
    tensor([-0.1000,  0.0000,  2.0000])
    """

    def __init__(self, negative_slope: float = 1e-2, inplace: bool = False) -> None:
        super().__init__()
        self.negative_slope = negative_slope
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        return F.leaky_relu(input, self.negative_slope, self.inplace)

    def extra_repr(self) -> str:
        return f"negative_slope={self.negative_slope}" + (", inplace=True" if self.inplace else "")


class _Alpha(Module):
    def __init__(self, alpha: float = 1.0, inplace: bool = False) -> None:
        super().__init__()
        self.alpha = alpha
        self.inplace = inplace

    def extra_repr(self) -> str:
        return f"alpha={self.alpha}" + (", inplace=True" if self.inplace else "")


class ELU(_Alpha):
    """Negative numbers bent towards ``-alpha``.

    Formula: ``y = max(x, 0) + alpha · (e^min(x, 0) - 1)``.

    Shapes: [*S] -> [*S].

    >>> nn.ELU()(tp.tensor([-1.0, 0.0, 2.0]))
    tensor([-0.6321,  0.0000,  2.0000])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.elu(input, self.alpha, self.inplace)


class CELU(_Alpha):
    """``elu`` with a derivative that has no step (Barron, arXiv:1704.07483).

    Formula: ``y = max(x, 0) + min(0, alpha · (e^(x / alpha) - 1))``.

    Shapes: [*S] -> [*S].

    >>> nn.CELU()(tp.tensor([-1.0, 0.0, 2.0]))
    tensor([-0.6321,  0.0000,  2.0000])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.celu(input, self.alpha, self.inplace)


class PReLU(Module):
    """``leaky_relu`` with ``num_parameters`` learned slopes (1, or one a channel).

    Formula: ``y = max(x, 0) + weight · min(x, 0)``.

    Shapes: [N, C, *S] -> [N, C, *S], weight [1] or [C].

    >>> nn.PReLU()(tp.tensor([-1.0, 0.0, 2.0])).tolist()
    [-0.25, 0.0, 2.0]
    """

    weight: Tensor

    def __init__(
        self, num_parameters: int = 1, init: float = 0.25, device: Any = None, dtype: Any = None
    ) -> None:
        super().__init__()
        self.num_parameters = num_parameters
        self.init = init
        self.weight = Parameter(
            tp.full((num_parameters,), init, device=device, dtype=dtype or tp.get_default_dtype())
        )

    def forward(self, input: Tensor) -> Tensor:
        return F.prelu(input, self.weight)

    def extra_repr(self) -> str:
        return f"num_parameters={self.num_parameters}"


class Softplus(Module):
    """A smooth ``relu``; linear where beta · x > threshold.

    Formula: ``y = log(1 + e^(beta · x)) / beta``.

    Shapes: [*S] -> [*S].

    >>> nn.Softplus()(tp.tensor([-1.0, 0.0, 2.0]))
    tensor([0.3133, 0.6931, 2.1269])
    """

    def __init__(self, beta: float = 1.0, threshold: float = 20.0) -> None:
        super().__init__()
        self.beta = beta
        self.threshold = threshold

    def forward(self, input: Tensor) -> Tensor:
        return F.softplus(input, self.beta, self.threshold)

    def extra_repr(self) -> str:
        return f"beta={self.beta}, threshold={self.threshold}"


class Hardshrink(Module):
    """Numbers near zero as zero.

    Formula: ``y = x where |x| > lambd, else 0``.

    Shapes: [*S] -> [*S].

    >>> nn.Hardshrink()(tp.tensor([-1.0, 0.25, 2.0]))
    tensor([-1.,  0.,  2.])
    """

    def __init__(self, lambd: float = 0.5) -> None:
        super().__init__()
        self.lambd = lambd

    def forward(self, input: Tensor) -> Tensor:
        return F.hardshrink(input, self.lambd)

    def extra_repr(self) -> str:
        return f"{self.lambd}"


class Softshrink(Hardshrink):
    """Numbers moved by ``lambd`` towards zero.

    Formula: ``y = sign(x) · max(|x| - lambd, 0)``.

    Shapes: [*S] -> [*S].

    >>> nn.Softshrink()(tp.tensor([-1.0, 0.25, 2.0]))
    tensor([-0.5000,  0.0000,  1.5000])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.softshrink(input, self.lambd)


class GLU(Module):
    """Halves along ``dim``, a and b, of which b gates a.

    Formula: ``y = a · σ(b)``.

    Shapes: [*A, 2 n, *B] -> [*A, n, *B], 2 n at ``dim``.

    >>> nn.GLU()(tp.tensor([1.0, 2.0, 0.0, 0.0]))
    tensor([0.5000, 1.0000])
    """

    def __init__(self, dim: int = -1) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, input: Tensor) -> Tensor:
        return F.glu(input, self.dim)

    def extra_repr(self) -> str:
        return f"dim={self.dim}"


class Softmax(Module):
    """Numbers as probabilities along ``dim``.

    Formula: ``yᵢ = e^xᵢ / Σⱼ e^xⱼ``.

    Shapes: [*S] -> [*S].

    >>> nn.Softmax(dim=0)(tp.tensor([0.0, 0.0]))
    tensor([0.5000, 0.5000])
    """

    def __init__(self, dim: int | None = None) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, input: Tensor) -> Tensor:
        return F.softmax(input, self.dim)

    def extra_repr(self) -> str:
        return f"dim={self.dim}"


class Softmin(Softmax):
    """``softmax`` of the numbers' negatives.

    Formula: ``yᵢ = e^-xᵢ / Σⱼ e^-xⱼ``.

    Shapes: [*S] -> [*S].

    >>> nn.Softmin(dim=0)(tp.tensor([0.0, 1.0]))
    tensor([0.7311, 0.2689])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.softmin(input, self.dim)


class LogSoftmax(Softmax):
    """The logarithm of ``softmax`` along ``dim``.

    Formula: ``yᵢ = xᵢ - log Σⱼ e^xⱼ``.

    Shapes: [*S] -> [*S].

    >>> nn.LogSoftmax(dim=0)(tp.tensor([0.0, 0.0]))
    tensor([-0.6931, -0.6931])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.log_softmax(input, self.dim)


class Softmax2d(Module):
    """``softmax`` over the channels of [N, C, H, W] or [C, H, W].

    Formula: ``y[n, c] = e^x[n, c] / Σₖ e^x[n, k]``.

    Shapes: [N, C, H, W] -> [N, C, H, W], or without N.

    >>> nn.Softmax2d()(tp.zeros(2, 1, 1)).flatten()
    tensor([0.5000, 0.5000])
    """

    def forward(self, input: Tensor) -> Tensor:
        if input.ndim not in (3, 4):
            raise ValueError(f"Softmax2d: expected input to be 3D or 4D, got {input.ndim}D instead")
        return F.softmax(input, -3)
