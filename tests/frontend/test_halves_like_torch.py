"""float16 and bfloat16: a function made of several ops rounds once, as PyTorch's does.

Each call is made in a half by both frameworks, and by PyTorch in float64 from the same operands; the distance
to the exact result, in units of the half, must be within one of PyTorch's.
"""

from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch")

import tensorplug  # noqa: E402

pytestmark = [pytest.mark.oracle, pytest.mark.filterwarnings("ignore")]

CALLS = """
T.sinc(x) | N.celu(x, 2.0) | N.celu(x) | N.selu(x) | N.elu(x) | N.softsign(x) | N.tanhshrink(x)
N.logsigmoid(x)
N.softshrink(x) | N.hardshrink(x) | N.softmin(x, -1) | N.softmax(x, -1) | N.log_softmax(x, -1) | N.gelu(x)
N.silu(x) | N.mish(x) | N.hardswish(x) | N.hardsigmoid(x) | N.softplus(x) | N.threshold(x, 0.1, 0.2)
N.glu(x)
N.normalize(x) | N.pairwise_distance(x, y) | N.mse_loss(x, y) | N.mse_loss(x, y, reduction='none')
N.smooth_l1_loss(x, y, reduction='none') | N.smooth_l1_loss(x, y, reduction='none', beta=0.3)
N.huber_loss(x, y, reduction='none', delta=0.5) | N.kl_div(x, p, reduction='none')
N.binary_cross_entropy(p, q, reduction='none') | N.binary_cross_entropy_with_logits(x, q, reduction='none')
N.poisson_nll_loss(x, p, reduction='none') | N.gaussian_nll_loss(x, y, p, reduction='none')
N.layer_norm(x, (64,))
N.rms_norm(x, (64,)) | N.rms_norm(x, (64,), w) | N.scaled_dot_product_attention(a, b, d)
N.scaled_dot_product_attention(a, b, d, is_causal=True) | N.scaled_dot_product_attention(a, b, d, scale=2.0)
T.logit(p) | T.logaddexp2(x, y) | T.lerp(x, y, 0.3) | T.lerp(x, y, p) | T.addcmul(x, y, p, value=0.3)
T.round(x, decimals=1) | T.round(x, decimals=-1) | T.add(x, y, alpha=0.3) | T.sub(x, y, alpha=0.3)
T.var(x, -1)
T.rsub(x, y, alpha=0.3) | T.addmm(s, x, z, beta=0.5, alpha=0.3)
T.addmv(s[0], z.t(), x[0], alpha=0.3, beta=0.7)
T.addr(s, s[0], s[1], alpha=0.3, beta=0.7) | T.baddbmm(s[None], x[None], z[None], alpha=0.3, beta=0.7)
T.addbmm(s, x[None], z[None], alpha=0.3, beta=0.7) | T.norm(x) | T.norm(x, 3, -1) | T.std(x, -1)
T.mean(x, -1)
T.logsumexp(x, -1) | T.cumsum(x, -1) | T.matmul(x, z) | N.linear(x, y) | T.nansum(x, -1)
x.clone().lerp_(y, 0.3)
x.clone().add_(y, alpha=0.3) | x.clone().sub_(y, alpha=0.3)
""".replace("\n", "|").split("|")
SHAPES = {
    **dict.fromkeys(("x", "y", "p", "q"), (16, 64)),
    "z": (64, 16),
    "s": (16, 16),
    "w": (64,),
    "a": (2, 2, 33, 16),
    "b": (2, 2, 40, 16),
    "d": (2, 2, 40, 24),
}
BITS = {"float16": (10, 2.0**-14), "bfloat16": (7, 2.0**-126)}


def operands(dtype: str) -> dict[str, Any]:
    draw = torch.Generator().manual_seed(0)
    made = {}
    for name, shape in SHAPES.items():
        numbers = torch.randn(shape, generator=draw)
        if name in "pq":
            numbers = numbers.sigmoid() * 0.9 + 0.05
        made[name] = numbers.to(getattr(torch, dtype))
    return made


def units(result: Any, exact: Any, dtype: str) -> float:
    """The largest distance to the exact result, in units of the half at that result, near zero apart."""
    bits, tiny = BITS[dtype]
    scale = exact.abs().clamp(min=max(tiny, float(exact.abs().max()) * 1e-3))
    unit = torch.ldexp(torch.ones_like(exact), torch.frexp(scale).exponent - 1 - bits)
    return float(((result.double() - exact).abs() / unit).max())


@pytest.mark.parametrize("dtype", BITS)
@pytest.mark.parametrize("text", [t.strip() for t in CALLS if t.strip()])
def test_rounds_once(text: str, dtype: str) -> None:
    given = operands(dtype)
    mine = {n: tensorplug.tensor(x.tolist(), dtype=getattr(tensorplug, dtype)) for n, x in given.items()}
    functional = torch.nn.functional
    exact = eval(text, {"T": torch, "N": functional, **{n: x.double() for n, x in given.items()}})
    theirs = eval(text, {"T": torch, "N": functional, **given})
    result = eval(text, {"T": tensorplug, "N": tensorplug.nn.functional, **mine})
    assert str(result.dtype).split(".")[1] == dtype
    numbers = torch.tensor(result.double().tolist(), dtype=torch.float64).reshape(exact.shape)
    off, allowed = units(numbers, exact, dtype), units(theirs, exact, dtype) + 1
    assert off <= allowed, f"{text} in {dtype}: {off:.2f} units off, PyTorch {allowed - 1:.2f}"
