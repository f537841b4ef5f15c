"""float16 and bfloat16: a function made of several ops rounds once, as PyTorch's does; its gradient too.

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
x.clone().add_(y, alpha=0.3) | x.clone().sub_(y, alpha=0.3) | N.elu(x, 0.7) | N.bilinear(x, y, W)
T.linalg.matrix_power(M, 3) | T.linalg.matrix_power(M, 6) | T.scatter_reduce(x, 1, I, y, 'prod')
T.scatter_reduce(x, 1, I, y, 'mean') | T.index_add(x, 0, K, y[:4], alpha=0.3) | N.cosine_similarity(x, y)
x.clone().index_add_(0, K, y[:4], alpha=0.3) | N.conv2d(im, k, e) | N.conv2d(im, k, padding=1, stride=2)
N.conv1d(im[:, :, 0], k[:, :, 0], e) | N.group_norm(im, 2) | N.batch_norm(x, None, None, training=True)
N.cross_entropy(x, C) | T.atan2(x, y) | T.hypot(x, y) | T.pow(p, q) | T.addcdiv(x, y, p, value=0.3)
""".replace("\n", "|").split("|")
SHAPES = {
    **dict.fromkeys(("x", "y", "p", "q"), (16, 64)),
    "z": (64, 16),
    "s": (16, 16),
    "w": (64,),
    "a": (2, 2, 33, 16),
    "b": (2, 2, 40, 16),
    "d": (2, 2, 40, 24),
    "W": (5, 64, 64),
    "M": (8, 8),
    "im": (2, 4, 9, 9),
    "k": (6, 4, 3, 3),
    "e": (6,),
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
    made["I"] = torch.randint(0, 64, (16, 64), generator=draw)
    made["C"] = torch.randint(0, 64, (16,), generator=draw)
    made["K"] = torch.tensor([3, 1, 0, 3])
    return made


def here(x: Any, device: str = "cpu") -> Any:
    """A tensor of tensorplug with the same numbers."""
    return tensorplug.tensor(x.tolist(), dtype=getattr(tensorplug, str(x.dtype).split(".")[1]), device=device)


def exactly(x: Any) -> Any:
    return x.double() if x.is_floating_point() else x


def there(x: Any) -> Any:
    """PyTorch's float64 of the same numbers."""
    return torch.tensor(x.to("cpu").double().tolist(), dtype=torch.float64).reshape(tuple(x.shape))


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
    mine = {n: here(x) for n, x in given.items()}
    functional = torch.nn.functional
    exact = eval(text, {"T": torch, "N": functional, **{n: exactly(x) for n, x in given.items()}})
    theirs = eval(text, {"T": torch, "N": functional, **given})
    result = eval(text, {"T": tensorplug, "N": tensorplug.nn.functional, **mine})
    assert str(result.dtype).split(".")[1] == dtype
    off, allowed = units(there(result), exact, dtype), units(theirs, exact, dtype) + 1
    assert off <= allowed, f"{text} in {dtype}: {off:.2f} units off, PyTorch {allowed - 1:.2f}"


def gradients(text: str, T: Any, names: dict[str, Any]) -> dict[str, Any]:
    """The gradients of a call's result, weighted by fixed numbers, for each operand that takes part."""
    leaves = {n: x.requires_grad_() if x.is_floating_point() else x for n, x in names.items()}
    out = eval(text, {"T": T, "N": T.nn.functional, **leaves})
    weights = [((i * 29 + 7) % 64 - 31.5) / 16 for i in range(out.numel())]
    made = T.tensor(weights, dtype=T.float64).reshape(tuple(out.shape)).to(out.dtype)
    out.backward(made if T is torch else made.to(out.device))
    return {n: x.grad for n, x in leaves.items() if x.is_floating_point() and x.grad is not None}


@pytest.mark.parametrize("device", ["cpu", "mirror:0"])
@pytest.mark.parametrize("dtype", BITS)
@pytest.mark.parametrize("text", [t.strip() for t in CALLS if t.strip() and "clone" not in t])
def test_gradients_round_once(text: str, dtype: str, device: str) -> None:
    given = operands(dtype)
    exact = gradients(text, torch, {n: exactly(x) for n, x in given.items()})
    theirs = gradients(text, torch, {n: x.clone() for n, x in given.items()})
    mine = gradients(text, tensorplug, {n: here(x, device) for n, x in given.items()})
    for name, wanted in exact.items():
        off, theirs_off = units(there(mine[name]), wanted, dtype), units(theirs[name], wanted, dtype)
        told = f"d {text} / d {name} in {dtype}: {off:.2f} units off, PyTorch {theirs_off:.2f}"
        assert off <= theirs_off + 1, told
