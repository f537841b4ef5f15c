"""Gradients through what the frontend composes: indexing, in-place writes, reductions, products."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from alike import compare, inputs  # noqa: E402

import tensorplug as tp  # noqa: E402

# Each text computes ``z`` from ``x`` [3, 4], ``p`` [4, 4] and ``v`` [4], which require gradients (``h`` is
# a non-leaf copy of x).
TEXTS = """
z = x[0] | z = x[1:, ::2] | z = x[:, [0, 0, 2]] | z = x[[0, 2], [1, 1]] | z = x[m] | z = x[..., None, 1]
z = x[bv] | z = x[0, [1, 2]] | h[0] = 5.0; z = h * x | h[:, 1] = v[:3]; z = h | h[m] = 2.0; z = h
h[[0, 1]] = v; z = h | h[0, [1, 1]] = v[:2]; z = h * 2 | h[:, [0, 2]] = x[:, [1, 3]]; z = h
h[1] = h[0] * 2; z = h | h.copy_(v); z = h * x | h.fill_(v[0]); z = h | h.zero_(); z = h * x
h.add_(v); z = h | h.mul_(x); z = h | h[0].mul_(v); z = h * h | h.t()[0] = v[:3]; z = h
h.view(-1)[:4] = v; z = h | h.clamp_(min=0); z = h | h.masked_fill_(m, 0.0); z = h
h.index_add_(0, k, x); z = h | h += v; z = h ** 2 | g1 = h[0]; h.mul_(2); z = g1 * 3
g1 = h[0]; g1.add_(1); z = h * x | z = x.max(1).values | z = x.min(0)[0] | z = x.max() | z = x.max(y)
z = x.median(1).values | z = x.sort(1).values | z = x.topk(2).values | z = x.kthvalue(2).values
z = x.amax(1) | z = x.var(1) | z = x.std() | z = x.norm() | z = x.norm(1, 1) | z = x.norm(dim=0)
z = x.logsumexp(1) | z = x.prod(1) | z = x.cumsum(0) | z = x.cumprod(1) | z = T.var_mean(x, 1)[0]
z = x.mean(0) | z = x.quantile(0.3) | z = T.nansum(x) | z = x.cummax(1).values | z = x @ p | z = x @ v
z = v @ p | z = v @ v | z = x @ x.t() | z = c @ p | z = c @ v | z = (x @ p.expand(2, 4, 4))
z = T.einsum('ij,kj,j->ik', x, x, v) | z = T.einsum('ii->i', p) | z = T.outer(v, v) | z = T.tensordot(x, p, 1)
z = T.addmm(v, x, p, beta=2, alpha=0.5) | z = T.kron(v, v) | z = T.cosine_similarity(x, y) | z = T.cat([x, p])
z = T.stack([v, v * 2]) | z = x.chunk(2, 1)[1] | z = x.split([1, 2])[1] | z = x.unbind(1)[2]
z = x.repeat(2, 1) | z = x.expand(2, 3, 4) | z = x.flatten()[2:7] | z = x.t().reshape(-1)
z = x.permute(1, 0).contiguous() | z = x.flip(0) | z = x.roll(1, 1) | z = T.diag(v) | z = T.diag(p)
z = p.tril() | z = x.unfold(1, 2, 1) | z = x.diagonal() | z = T.rot90(x) | z = T.where(m, x, y)
z = T.where(m, x, 0.0) | z = x.masked_fill(m, 1.0) | z = x.masked_select(m) | z = x.gather(1, k.unsqueeze(1))
z = x.scatter(1, k.unsqueeze(1), v[:3].unsqueeze(1)) | z = x.index_select(1, k) | z = x.take(k)
z = x.clamp(-1, 1) | z = x.clamp(y, y + 1) | z = T.lerp(x, y, 0.3) | z = x.pow(2) | z = y ** x | z = x / y
z = T.div(x, y, rounding_mode='floor') | z = x.abs() | z = T.sinc(x) | z = T.logit(y / 4) | z = x.softmax(1)
z = x.log_softmax(0) | z = x.to(T.float64) | z = x.half().float() | z = x.clone() * v | z = x.detach() * v
z = x.double().sum().float() | z = T.meshgrid(v, v, indexing='ij')[0] * v | z = x.view(2, 6)[:, ::2]
z = x.squeeze() | z = x[None].squeeze(0) | z = T.atleast_3d(v) | z = T.tensor_split(x, 3, 1)[1]
z = x.movedim(0, 1) | z = x.unflatten(1, (2, 2)) | z = T.diff(x) | z = T.index_fill(x, 0, k[:1], 3.0)
z = x.index_put((k,), v.expand(3, 4)) | h.index_copy_(0, k, x * 2); z = h
z = T.cosine_similarity(x, v)
z = T.logaddexp(x, y) | z = T.nan_to_num(x) | z = T.xlogy(y, y)
""".replace("\n", "|").split("|")


def gradients(text: str, T: object) -> list[object]:
    names = inputs(T)
    leaves = [names[n].requires_grad_(True) for n in ("x", "p", "v", "y")]
    names["h"] = names["x"] * 1.0
    exec(text.replace("; ", "\n").strip(), names)
    z = names["z"]
    weights = T.linspace(0.5, 1.5, z.numel()).reshape(tuple(z.shape)).to(z.dtype)  # type: ignore[attr-defined]
    (z * weights).sum().backward()
    return [z.detach(), *[leaf.grad for leaf in leaves]]


@pytest.mark.parametrize("text", [t.strip() for t in TEXTS if t.strip()])
def test_like_torch(text: str) -> None:
    mine, theirs = gradients(text, tp), gradients(text, torch)
    for a, b in zip(mine, theirs, strict=True):
        if a is None or b is None:  # no gradient may also be given as zeros
            given = b if a is None else a
            assert given is None or not given.any(), text
        else:
            compare(a, b, text, rtol=2e-3 if "half" in text else 2e-5, atol=1e-5, strides=False)


ACTIVATIONS = """
celu elu gelu hardshrink hardsigmoid hardswish hardtanh leaky_relu logsigmoid mish relu relu6 selu silu
softplus softshrink softsign tanhshrink
""".split()
EDGES = [0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 3.0, -3.0, 6.0, -6.0, 20.0, 100.0, -100.0, float("nan")]


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_where_an_activation_bends(name: str) -> None:
    """At the limits themselves, and for NaN, which belongs to neither side."""
    found = []
    for T in (tp, torch):
        x = T.tensor(EDGES, requires_grad=True)
        getattr(T.nn.functional, name)(x).sum().backward()
        found.append(x.grad)
    compare(*found, name, atol=1e-6)


def test_the_angle_at_the_origin_has_no_slope() -> None:
    found = []
    for T in (tp, torch):
        y, x = (T.tensor(v, requires_grad=True) for v in ([0.0, 0.0, 1.0, -0.0], [0.0, 1.0, 0.0, -0.0]))
        T.atan2(y, x).sum().backward()
        found.append([y.grad, x.grad])
    compare(*found, "atan2")


def test_a_leaf_refuses_to_be_written() -> None:
    x = tp.ones(3, requires_grad=True)
    for write in (
        lambda: x.add_(1),
        lambda: x.copy_(tp.ones(3)),
        lambda: x.zero_(),
        lambda: x.__setitem__(0, 1.0),
        lambda: x[1:].fill_(2),
    ):
        with pytest.raises(tp.InplaceError, match="leaf Variable that requires grad"):
            write()
    assert x.tolist() == [1.0, 1.0, 1.0]


def test_a_saved_tensor_refuses_to_be_written_unnoticed() -> None:
    x = tp.ones(3, requires_grad=True)
    y = x * 2
    z = y * y
    y[0] = 5.0
    with pytest.raises(tp.InplaceError, match="modified by an inplace operation"):
        z.sum().backward()
