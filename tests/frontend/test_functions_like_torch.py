"""The functions and methods of the top namespace, as PyTorch has them."""

from __future__ import annotations

import pytest

pytest.importorskip("torch")

from alike import check

SHAPES = """
x.view(4, 3) | x.view(-1) | x.view((2, 6)) | x.view(2, -1) | xt.view(-1) | x.view(5, 3) | x.view(-1, -1)
x.view(T.int32) | x.view(T.uint8) | x.view(T.float16) | f64.view(T.float32) | x[:, ::2].view(T.uint8)
x.view_as(T.zeros(4, 3)) | xt.reshape(-1) | x.reshape(2, 2, -1) | x.reshape((6, 2)) | T.reshape(x, (2, -1))
x.reshape(7) | e.reshape(3, 0) | e.reshape(-1) | e.view(-1, 3) | c.permute(2, 0, 1) | c.permute((1, 0, 2))
T.permute(c, (0, 2, 1)) | c.permute(0, 1) | c.permute(0, 0, 1) | c.transpose(0, -1) | T.transpose(c, 0, 1)
c.transpose(0, 5) | x.t() | v.t() | s.t() | c.t() | x.T | c.mT | v.mT | T.swapaxes(c, 0, 1) | c.movedim(0, -1)
T.moveaxis(c, (0, 1), (1, 2)) | c.flatten() | c.flatten(1) | c.flatten(0, 1) | c.flatten(1, 1)
c.flatten(2, 1) | cp.flatten() | s.flatten() | T.flatten(c, start_dim=1) | x.ravel() | xt.ravel()
x.unflatten(1, (2, 2)) | x.unflatten(1, (2, -1)) | x.unflatten(1, (3, 2)) | x.unsqueeze(0) | x.unsqueeze(-1)
x.unsqueeze(3) | T.zeros(1, 3, 1).squeeze() | T.zeros(1, 3, 1).squeeze(0) | T.zeros(1, 3, 1).squeeze(1)
T.zeros(1, 3, 1).squeeze((0, 2)) | T.zeros(1, 3, 1).squeeze(5) | T.zeros(1, 3, 1).squeeze(0, 2) | s.squeeze()
w.unsqueeze(1).expand(3, 5) | w.unsqueeze(1).expand(-1, 5) | w.expand(2, 3) | w.expand(2, 4) | w.expand(-1, 3)
x.expand(3) | w.expand((2, -1)) | w.expand_as(T.zeros(4, 3)) | T.broadcast_to(w, (2, 3))
T.broadcast_shapes((2, 1), (3,), (1, 3)) | T.broadcast_shapes((2,), (3,))
T.broadcast_tensors(x, w.unsqueeze(1)) | x.repeat(2) | x.repeat(2, 1) | x.repeat(2, 1, 2) | x.tile((2,))
x.tile(2, 2, 1) | T.tile(v, (2, 2)) | v.repeat_interleave(2) | x.repeat_interleave(2, dim=0)
T.repeat_interleave(w, T.tensor([1, 0, 2])) | T.repeat_interleave(x, T.tensor([1, 0, 2]), dim=0)
T.repeat_interleave(T.tensor([1, 0, 2])) | x.chunk(2, 1) | x.chunk(5) | x.chunk(0) | T.chunk(v, 3)
x.split(2) | x.split([1, 2]) | x.split([1, 1]) | x.split(3, dim=1) | T.split(v, [1, 3]) | x.split(0)
x.tensor_split(3, 1) | x.tensor_split([1, 2], 1) | T.tensor_split(v, 3) | x.hsplit(2) | x.vsplit(3)
x.unbind() | x.unbind(1) | s.unbind() | T.unbind(c, -1) | T.cat([x, y]) | T.cat((x, y), dim=1) | T.cat([x, i])
T.cat([x, v]) | T.cat([]) | T.cat([T.zeros(0), x]) | T.cat(x) | T.concat([v, w]) | T.stack([x, y])
T.stack([x, y], -1) | T.stack([x, xt]) | T.hstack([v, w]) | T.vstack([v, v]) | T.dstack([v, v])
T.column_stack([w, x]) | T.hstack([x, y]) | T.flip(x, (0,)) | x.flip(0, 1) | x.flip([1]) | T.fliplr(x)
T.flipud(x) | T.rot90(x) | T.rot90(x, 2) | T.rot90(x, -1, (1, 0)) | x.roll(1) | x.roll(1, 0)
T.roll(x, (1, -1), (0, 1)) | T.roll(x, shifts=2, dims=1) | x.narrow(0, 1, 2) | x.narrow(1, -2, 2)
x.narrow(0, 2, 2) | x.select(0, -1) | x.select(0, 7) | x.diagonal() | x.diagonal(1) | c.diagonal(0, 1, 2)
T.diag(v) | T.diag(x) | T.diag(x, 1) | T.diag(v, -1) | T.diag_embed(x) | T.diag_embed(x, 1, 0, 2)
T.diagonal(x, -1) | x.unfold(1, 2, 1) | v.unfold(0, 3, 2) | x.as_strided((2, 2), (1, 2))
x.as_strided((2, 2), (1, 2), 3) | x[1:].as_strided((2,), (1,)) | T.tril(p) | p.triu(1) | T.tril(c, -1)
v.tril() | T.atleast_1d(s) | T.atleast_2d(v) | T.atleast_3d(v, x) | T.block_diag(x, v.unsqueeze(0))
x.contiguous() | xt.contiguous() | cp.clone() | x.expand(2, 3, 4).clone() | cp.contiguous().stride()
x.clone() | T.clone(xt) | xt.clone() | x.swapdims(0, 1) | x.adjoint() | T.numel(c)
T.slice_scatter(x, T.zeros(3, 2), 1, 1, 3) | T.select_scatter(x, v, 0, 1) | x.view(dtype=T.int32)
x.size(dim=1) | c.unflatten(-1, (2, 2)) | s.movedim(0, -1) | x.permute(dims=(1, 0)) | x.view(size=(4, 3))
x.reshape(shape=(2, 6)) | w.expand(size=(2, 3)) | x.repeat(repeats=(2, 1)) | x.flip(dims=(0,))
x.permute(foo=1)
x.as_strided((2, 2), (-1, 1)) | x.as_strided((100, 100), (100, 1)) | x.as_strided((0,), (1,), 100)
x._is_view() | x.requires_grad_()[0]._is_view()
""".replace("\n", "|").split("|")

ARITHMETIC = """
x + y | x + 1 | 1 + x | x + i.float() | i + 1 | i + 1.5 | i + T.tensor(1.5) | x + f64 | f16 + x | f16 + b16
f16 + 1.0 | u8 + i8 | m + m | m + 1 | x + s | x - y | 1 - x | m - m | x * 2 | x * y | i / 2 | x / y | 1 / y
i / i | i // 2 | x // y | i % 3 | x % 2 | -7 % i | x ** 2 | y ** 0.5 | 2 ** x | i ** 2 | T.pow(i, -1) | x ** y
-x | -m | +x | abs(x) | ~m | ~i | ~x | m & m | i & 3 | i.__or__(1) | i ^ 2 | m.__or__(m) | i << 1 | i >> 1
x & 1 | x == y | x != 1 | x < y | x >= 0 | x > i | x == 'a' | x + 'a' | x + None | x + [1, 2, 3, 4] | x @ w
x + w | x + xt | xt + xt | cp + cp | cp * 2 | x[:, ::2] + 1 | xt + x.t().contiguous() | T.add(x, y, alpha=2)
T.add(x, 1, alpha=0.5) | T.add(i, 1, alpha=0.5) | T.sub(x, y, alpha=2) | T.rsub(x, 3) | T.mul(x, 2)
T.div(x, y) | T.div(x, y, rounding_mode='floor') | T.div(x, y, rounding_mode='trunc')
T.div(i, 3, rounding_mode='trunc') | T.div(i, 3, rounding_mode='floor') | T.div(i, 2, rounding_mode='up')
T.true_divide(i, 4) | T.floor_divide(i, -2) | T.remainder(i, -3) | T.fmod(i, 3) | T.fmod(x, 1.5) | T.pow(x, 3)
T.pow(2, v) | T.pow(x, i.float()) | T.float_power(i, 2) | T.float_power(x, 2) | T.square(x) | T.sqrt(y)
T.rsqrt(y) | T.exp(x) | T.log(y) | T.log(i) | T.log2(y) | T.log10(y) | T.log1p(y) | T.expm1(x) | T.sin(x)
T.cos(i) | T.tan(x) | T.asin(x / 5) | T.acos(x / 5) | T.atan(x) | T.sinh(x) | T.cosh(x) | T.tanh(x)
T.asinh(x) | T.acosh(y + 1) | T.atanh(x / 5) | T.atan2(x, y) | T.hypot(x, y) | T.sigmoid(x) | T.relu(x)
x.relu() | T.erf(x) | T.erfc(x) | T.exp2(x) | T.floor(x) | T.ceil(x) | T.trunc(x) | T.round(x)
T.round(x, decimals=1) | T.round(x * 100, decimals=-1) | T.frac(x) | T.sign(x) | T.sgn(i) | T.abs(i)
T.neg(i) | T.reciprocal(y) | T.reciprocal(i) | T.clamp(x, -1, 1) | T.clamp(x, min=0) | x.clamp(max=0.5)
T.clamp(x, y, y + 1) | T.clamp(i, 0.5) | T.clamp(x) | T.clip(x, 0, 1) | x.clamp_min(0) | T.clamp_max(x, 1)
T.clamp(special, 0, 1) | T.maximum(x, y) | T.minimum(x, y) | T.fmax(special, T.zeros(7))
T.maximum(special, T.zeros(7)) | T.lerp(x, y, 0.25) | T.lerp(x, y, y) | T.addcmul(x, y, y, value=2)
T.addcdiv(x, y, y, value=-1) | T.logaddexp(x, y) | T.logaddexp2(x, y) | T.xlogy(x, y) | T.copysign(y, x)
T.copysign(y, -1) | T.heaviside(x, T.tensor(0.5)) | T.heaviside(x, T.tensor(1)) | T.nan_to_num(special)
T.nan_to_num(special, nan=1, posinf=2, neginf=3) | T.isnan(special) | T.isinf(special) | T.isfinite(special)
T.isposinf(special) | T.isneginf(special) | T.signbit(special) | T.isreal(x) | T.logical_not(x)
T.logical_and(x, m) | T.logical_or(i, m) | T.logical_xor(m, m) | T.eq(x, 1) | T.ne(x, y) | T.gt(i, 2)
T.greater(x, y) | T.less_equal(x, y) | T.where(m, x, y) | T.where(m, x, 0) | T.where(m, 1, 0)
T.where(m, 1.0, x) | T.where(x, x, y) | T.where(m, x, i) | T.where(bv.unsqueeze(1), x, v) | x.where(m, y)
T.where(m) | T.isclose(x, x + 1e-9) | T.allclose(x, x) | T.allclose(x, f64) | T.isclose(i, i) | T.equal(x, x)
T.isclose(special, special) | T.isclose(special, special, equal_nan=True) | T.equal(x, xt)
T.isin(i, T.tensor([1, 2])) | T.isin(x, 1.0) | T.sinc(x) | T.isin(i, T.tensor([1, 2]), invert=True)
T.logit(y / 4) | T.logit(x, eps=0.1) | T.ldexp(x, T.tensor([1, 2, 3, 4])) | T.gcd(i, T.tensor(6))
T.lcm(i, T.tensor(4)) | T.deg2rad(x) | T.rad2deg(x) | T.positive(x) | T.softmax(x, 1) | x.softmax(0)
T.log_softmax(x, -1) | x.softmax(1, dtype=T.float64) | T.softmax(i, 1) | T.bitwise_and(i, 3)
T.bitwise_or(i, 3) | T.bitwise_xor(i, 3) | T.bitwise_not(u8) | T.bitwise_left_shift(i, 2)
T.bitwise_right_shift(i, 1) | T.multiply(x, 2) | T.absolute(x) | T.negative(x) | T.arctan2(x, y) | T.fix(x)
T.subtract(x, 1) | T.divide(x, 2) | T.not_equal(x, y) | T.add(1, x) | T.add(x) | T.exp(x, out=T.zeros(3, 4))
T.add(x, y, out=T.zeros(0)) | T.add(x, y, out=T.zeros(3, 4, dtype=T.int64))
T.add(x, 1, out=T.zeros(3, 4, dtype=T.float64)) | f16 * 2 + f16 | b16 * b16 | f16.sum() | b16.mean()
m - x | x - m | x.sub(m[0]) | m - 1 | T.rsub(x, m) | T.add(m, m, alpha=True) | T.add(m, m, alpha=2)
T.add(x, y, alpha=True) | T.clamp(i, True) | T.clamp(x, 0, True) | T.clamp(i8, u8[2], u8) | T.clamp(x, i32)
T.logit(u8) | T.ldexp(x, u8) | T.ldexp(b16[0, 0], u8) | T.ldexp(T.tensor([1e-30]), T.tensor([200]))
T.gcd(i8, u8) | T.gcd(i8, bv4) | T.gcd(bv, bv) | T.heaviside(x, 1.0) | T.isclose(x, 1.0) | T.isclose(2, i)
T.sqrt(-y) | T.log(-y) | y / 0 | x / 0 | -y // 0 | T.tensor([1, -1]) // T.tensor([3, 3])
""".replace("\n", "|").split("|")

REDUCTIONS = """
x.sum() | x.sum(0) | x.sum(1, keepdim=True) | x.sum((0, 1)) | x.sum(dim=-1) | T.sum(x, (0,), True) | i.sum()
m.sum() | u8.sum() | x.sum(dtype=T.float64) | i.sum(dtype=T.float32) | x.sum(2) | x.sum((0, 0)) | e.sum()
e.sum(0) | s.sum() | s.sum(0) | c.sum((0, 2)) | cp.sum(1) | xt.sum(0) | x.mean() | x.mean(0)
x.mean((0, 1), True) | i.mean() | i.float().mean(1) | x.mean(dtype=T.float64) | e.mean() | x.prod()
x.prod(1) | i.prod(0, keepdim=True) | x.max() | x.min() | x.max(0) | x.min(1, True)
x.max(dim=1, keepdim=True) | x.max(y) | T.max(x, y) | T.min(i, T.tensor(2)) | x.max(5) | e.max() | e.max(0)
e.max(1).values.shape | T.max(special) | T.min(special, 0) | x.max(1).values | x.max(1)[1] | i.max(1)
s.max() | s.max(0) | m.max() | x.amax() | x.amax(0) | x.amin((0, 1)) | x.amax(1, keepdim=True) | x.aminmax()
x.argmax() | x.argmax(0) | x.argmin(1, True) | T.argmax(x, dim=1) | e.argmax() | T.argmax(T.tensor([1, 3, 3]))
T.argmax(special) | i.argmin() | x.any() | m.all() | m.any(0) | m.all(1, keepdim=True) | i.all() | T.any(x, 0)
e.all() | e.any() | x.std() | x.var() | x.std(0) | x.var(1, keepdim=True) | x.var(0, unbiased=False)
x.std(False) | x.var(0, False, True) | x.std(correction=0) | x.var(1, correction=2) | T.var_mean(x)
T.std_mean(x, 0) | i.std() | T.var_mean(x, 1, keepdim=True) | T.tensor([1.0]).std(unbiased=False)
T.tensor([1.0]).std() | x.norm() | x.norm(1) | x.norm(p=inf) | x.norm(2, 1) | x.norm(dim=0, keepdim=True)
x.norm('fro') | T.norm(x, 3) | x.norm(0) | T.norm(x, dim=(0, 1)) | T.dist(x, y) | T.dist(x, y, 1)
x.logsumexp(0) | T.logsumexp(x, (0, 1)) | x.median() | x.median(1) | x.median(0, True) | T.median(special)
v.median(0).values | i.median() | T.nanmedian(special) | T.mode(T.tensor([1, 2, 2, 3, 3])) | i.mode(1).values
x.quantile(0.3) | x.quantile(T.tensor([0.25, 0.5]), dim=1) | T.quantile(x, 0.5, dim=0, keepdim=True)
x.quantile(0.4, interpolation='nearest') | x.quantile(0.4, interpolation='lower') | x.quantile(1.5)
i.quantile(0.5) | T.nansum(special[:2]) | T.nanmean(special[:2]) | x.cumsum(0) | x.cumsum(1) | i.cumsum(-1)
m.cumsum(0) | x.cumprod(1) | T.cumsum(i, 0, dtype=T.float32) | T.cummax(x, 1) | T.cummin(x, 0).indices
T.diff(x) | T.diff(x, n=2) | T.diff(x, dim=0, prepend=y) | p.trace() | x.trace() | T.count_nonzero(i)
T.count_nonzero(m, 0) | x.count_nonzero(dim=1) | T.sum(x, dim=[0, 1]) | x.sum(None) | x.sum(dim=())
x.sum(axis=0) | x.mean(axis=(0, 1), keepdims=True) | x.amax(axis=1) | x.argmax(axis=-1) | x.sum(axis=0, dim=0)
T.softmax(x, axis=0) | x.cumsum(axis=1) | x.std(axis=0) | x.var(axis=(0, 1)) | x.max(axis=1)
T.cat([x, y], axis=1)
T.stack([x, y], axis=1) | T.zeros(1, 3).squeeze(axis=0) | x.log_softmax(axis=1) | x.min(axis=0, keepdims=True)
m.max(0) | m.min(1, True) | i.logsumexp(0) | u8.logsumexp(0, True) | m.logsumexp((0, 1)) | i.nanmean()
x.diff(-1) | T.max(x, 0, out=(T.zeros(0), T.zeros(0, dtype=T.int64)))
x.max(dim=0).indices | T.amax(i, 1) | x.argmax(keepdim=True) | T.all(T.tensor([]))
""".replace("\n", "|").split("|")

PRODUCTS = """
p @ p | x @ xt | x @ v | w @ x | v @ v | x @ w | v @ w | c @ p | c @ v | p @ c.mT | c @ c.mT | d @ d.mT
d[0] @ d[:, :1].mT | g @ q.t() | x @ s | s @ x | x @ f64.t() | i @ i.t() | T.matmul(x, xt) | T.mm(x, xt)
T.mm(x, x) | T.mm(c, p) | T.bmm(c, c.mT) | T.bmm(x, x) | T.mv(x, v) | T.mv(x, w) | T.dot(v, v) | T.dot(x, v)
T.dot(v, w) | T.inner(x, v) | T.inner(x, y) | T.outer(v, w) | T.outer(x, v) | T.ger(v, w)
T.addmm(p, x.t(), x) | T.addmm(v, x.t(), x, beta=2, alpha=0.5) | T.addmv(w, x, v) | T.addr(x, w, v, alpha=2)
T.baddbmm(T.ones(2, 3, 3), c, c.mT) | T.addbmm(T.ones(3, 3), c, c.mT, beta=0.5) | T.tensordot(c, p, 1)
T.tensordot(c, c, ([0, 1], [0, 1])) | T.tensordot(c, d, dims=([1, 2], [1, 2])) | T.tensordot(x, y, 2)
T.tensordot(x, y, 1) | T.kron(x, p) | T.kron(v, w) | T.cross(x[:, :3], y[:, :3], dim=1)
T.einsum('ij,jk->ik', p, p) | T.einsum('ij,kj', x, y) | T.einsum('ij->ji', x) | T.einsum('ii->i', p)
T.einsum('ii', p) | T.einsum('bij,bkj->bik', c, c) | T.einsum('...ij,...kj->...ik', d, d)
T.einsum('i,j->ij', v, w) | T.einsum('ij,ij->', x, y) | T.einsum('ij,j', x, v)
T.einsum('bij,jk,bkl->bil', c, p, c.mT) | T.einsum('ij->', x) | T.einsum('ij,jk->ik', x, x)
T.einsum(x, [0, 1], p, [1, 2], [0, 2]) | T.einsum(d, [..., 1, 2], d, [..., 30, 2])
p.tril(2**62) | p.tril(2**63 - 1) | p.triu(-2**62) | p.triu(2**63 - 1)
T.repeat_interleave(v, T.tensor([0, 2, 1, 0])) | T.repeat_interleave(T.tensor([0, 2, 0, 3]))
T.repeat_interleave(x, k, 0) | T.repeat_interleave(x, k.int(), 0) | T.repeat_interleave(k[:0])
T.einsum(x, [1, 0]) | T.einsum(x, [0, 1], []) | T.einsum(p, [3, 3])
T.einsum('i->ij', v) | T.einsum('ij', x, y)
T.einsum('bn,anm,bm->ba', T.ones(2, 3), T.ones(5, 3, 4), T.ones(2, 4)) | x.mm(xt) | x.matmul(xt) | v.dot(v)
T.cosine_similarity(x, v) | T.cosine_similarity(v, x, dim=0) | T.cosine_similarity(x, y)
T.cosine_similarity(x, y, dim=0) | e @ T.ones(3, 2) | T.ones(2, 0) @ T.ones(0, 3)
b16 @ b16.t()
""".replace("\n", "|").split("|")

SELECTION = """
x.nonzero() | i.nonzero(as_tuple=True) | T.nonzero(m) | s.nonzero() | s.nonzero(as_tuple=True) | T.argwhere(m)
T.masked_select(x, m) | x.masked_select(bv.unsqueeze(1)) | T.masked_select(x, i) | x.masked_fill(m, 0)
x.masked_fill(m, s) | x.masked_fill(m, v) | x.masked_fill(i, 0) | x.masked_fill(bv.unsqueeze(1), -inf)
x.masked_scatter(m, T.arange(12.0)) | T.gather(x, 1, i.abs() % 4) | x.gather(0, k.unsqueeze(0))
x.gather(1, k) | x.gather(0, T.tensor([[7]])) | T.take_along_dim(x, x.argsort(1), dim=1)
T.take_along_dim(x, T.tensor([1, 5])) | x.take(T.tensor([0, 5, -1])) | x.scatter(1, k.unsqueeze(1), 9.0)
T.scatter(x, 0, k.unsqueeze(0), T.ones(1, 3)) | x.scatter(1, k.unsqueeze(1), y)
x.scatter_add(0, k.unsqueeze(0), T.ones(1, 3)) | x.scatter(1, k.unsqueeze(1), y, reduce='add')
T.zeros(3).scatter_reduce(0, T.tensor([0, 0, 2, 2]), v, 'sum')
T.zeros(3).scatter_reduce(0, T.tensor([0, 0, 2, 2]), v, 'amax', include_self=False)
T.ones(3).scatter_reduce(0, T.tensor([0, 0, 2, 2]), v, 'prod')
T.ones(3).scatter_reduce(0, T.tensor([0, 0, 2, 2]), v, 'mean') | x.index_select(0, k)
x.index_select(1, T.tensor([0, 0, 3])) | x.index_select(0, T.tensor([5])) | x.index_select(0, i)
x.index_add(0, T.tensor([0, 0]), T.ones(2, 4)) | x.index_add(0, T.tensor([0, 0]), T.ones(2, 4), alpha=2)
x.index_fill(1, T.tensor([0, 2]), 7) | x.index_copy(0, T.tensor([2, 0]), T.ones(2, 4))
x.index_put((T.tensor([0, 2]),), T.tensor(5.0))
x.index_put((T.tensor([0, 0]), T.tensor([1, 1])), T.tensor([1.0, 2.0]), accumulate=True) | x.sort()
x.sort(0, descending=True) | T.sort(special) | T.sort(x, dim=1).indices | i.sort(stable=True) | x.argsort()
T.argsort(x, dim=0, descending=True) | x.topk(2) | x.topk(2, 0, largest=False) | v.topk(9)
T.topk(v, 1).values | x.kthvalue(2) | T.kthvalue(x, 1, dim=0) | x.kthvalue(9) | T.msort(x)
T.searchsorted(sorted5, T.tensor([3.0, 6.0, 9.0])) | T.searchsorted(sorted5, T.tensor([3.0, 6.0]), right=True)
T.searchsorted(sorted5, 4.0) | T.bucketize(T.tensor([3.0, 6.0, 9.0]), sorted5)
T.searchsorted(sorted5, k) | T.searchsorted(k.sort()[0], v) | T.searchsorted(bv.sort()[0], bv)
T.bucketize(i, sorted5) | u8.masked_fill(bv4, 300) | x.masked_fill(m, 1e39) | i8.masked_fill(bv4, -129)
u8.index_fill(0, k, 256) | u8.scatter(0, k, 300) | f16.masked_fill(m, 70000.0) | f16.masked_fill(m, inf)
T.searchsorted(sorted5, v, side='right') | T.searchsorted(sorted5, v, out_int32=True) | T.bincount(k)
T.bincount(T.tensor([1, 1, 3]), minlength=6) | T.bincount(T.tensor([1, 1, 3]), T.tensor([0.5, 1.0, 2.0]))
T.bincount(T.tensor([-1])) | T.bincount(v) | T.histc(x, bins=4) | T.histc(x, bins=4, min=-2, max=2)
T.unique(T.tensor([3, 1, 3, 2])) | T.unique(i, return_inverse=True) | T.unique(i, return_counts=True)
i.unique(return_inverse=True, return_counts=True) | T.unique(T.tensor([[1, 2], [0, 1], [1, 2]]), dim=0)
T.unique(T.tensor([[1, 2], [0, 1], [1, 2]]), dim=0, return_inverse=True, return_counts=True)
T.unique_consecutive(T.tensor([1, 1, 2, 1]))
T.unique_consecutive(T.tensor([1, 1, 2, 1]), return_inverse=True, return_counts=True) | T.unique(T.tensor([]))
T.unique(special[2:6]) | T.bincount(T.tensor([], dtype=T.int64), minlength=3) | T.tril(i)
T.index_select(v, 0, k) | m.nonzero().shape | e.nonzero().shape
""".replace("\n", "|").split("|")

NARROW = """
T.nn.functional.pad(c, (-1, 2), mode='circular') | T.nn.functional.pad(c, (2, -2), mode='circular')
T.nn.functional.pad(d, (-1, 2, 1, -1), mode='circular') | T.nn.functional.pad(c, (-3, 3), mode='circular')
T.nn.functional.pad(c, (-1, 2), mode='reflect') | T.nn.functional.pad(c, (-1, 2), mode='replicate')
T.diff(v, n=0, prepend=v) | T.diff(v, n=0, append=v) | T.diff(v, n=0) | T.diff(s) | T.diff(s, n=0)
T.diff(v, prepend=w) | T.diff(x, n=9) | T.nn.functional.prelu(-s, T.tensor([0.5]))
T.nn.functional.prelu(-s, T.tensor(0.5)) | T.nn.functional.prelu(x, v) | T.nn.functional.prelu(x, w)
T.nn.functional.prelu(v, v) | T.nn.functional.prelu(x, T.tensor(0.5)) | T.nn.functional.prelu(c, w)
T.quantile(s, 0.5) | T.quantile(s, 0.5, dim=0) | T.quantile(s, 0.5, dim=0, keepdim=True) | T.quantile(s, v)
T.quantile(s, T.tensor([0.5, 0.2]), dim=0, keepdim=True) | T.quantile(s, T.tensor([0.5, 0.2]))
T.quantile(c, 0.5, dim=0) | T.quantile(c, 0.5, dim=1) | T.quantile(c, T.tensor([0.1, 0.5]), dim=0)
T.quantile(c, T.tensor([0.1, 0.5]), dim=1, keepdim=True) | T.quantile(e, 0.5) | T.quantile(x, x.abs() / 9)
T.masked_scatter(v, m, T.arange(12.0)) | T.zeros(2, 1).masked_scatter(bv, T.arange(9.0))
T.masked_scatter(x, bv4, T.arange(12.0)) | x.masked_scatter(T.ones(2, 3, 4) > 0, T.arange(24.0))
T.cat([T.zeros(0), x], 1) | T.cat([T.zeros(0), x], -1) | T.cat([x, T.zeros(0)], 1) | T.cat([T.zeros(0)] * 2)
T.cat([T.zeros(0, dtype=T.int64), x], 1) | T.cat([T.zeros(0, dtype=T.float64), x], 1) | T.cat([e, x], 1)
T.cat([T.zeros(0), c], 2) | T.cat([T.zeros(0), c], 3) | T.hstack([T.zeros(0), x]) | T.vstack([T.zeros(0), x])
T.linalg.norm(e) | T.linalg.norm(e, 1) | T.linalg.norm(e, -1) | T.linalg.norm(e, inf) | T.linalg.norm(e, -inf)
T.linalg.norm(e.t(), 1) | T.linalg.norm(e.t(), -1) | T.linalg.norm(e.t(), inf) | T.linalg.norm(e.t(), 'fro')
T.linalg.matrix_norm(e) | T.linalg.vector_norm(e) | T.linalg.vector_norm(e, inf) | T.norm(e, inf)
T.linalg.vector_norm(e, inf, 0) | T.linalg.vector_norm(e, inf, 1) | T.linalg.vector_norm(e, -1.0, 0)
T.linalg.matrix_norm(T.zeros(0, 2, 0), 1) | T.linalg.matrix_norm(T.zeros(2, 0, 3), inf, keepdim=True)
T.diag(k) | T.diag(bv) | T.diag(i) | T.diag(u8, 1) | T.diag_embed(i) | T.diag_embed(m, 1) | T.diag_embed(s)
T.diag_embed(i8) | T.zeros(1, 2, 1).squeeze(()) | T.zeros(1, 2, 1).squeeze_(()) | T.zeros(1, 2, 1).squeeze_()
T.zeros(1, 2, 1).squeeze_((0, 2)) | T.zeros(1, 2, 1).squeeze_(0) | T.zeros(1, 2, 1).squeeze_(axis=0)
T.scatter_reduce(s, 0, T.tensor(0), s, 'prod')
T.scatter_reduce(s, 0, T.tensor([0]), T.tensor([3.0]), 'amax')
T.scatter_reduce(s, 0, T.tensor([0, 0]), w[:2], 'prod') | T.scatter(s, 0, T.tensor(0), s, reduce='multiply')
T.scatter(s, 0, T.tensor(0), s, reduce='add') | T.scatter(s, 0, T.tensor(0), s) | s.index_fill(0, k[1], 7)
y = s.clone(); y.scatter_(0, T.tensor(0), 3.0, reduce='multiply'); y | x.index_fill(0, T.tensor([0, 0]), s)
x.index_fill(0, T.tensor([-1]), s) | x.index_fill(1, T.tensor([4]), s) | x.index_fill(0, k, v)
i.index_fill(0, k, s)
u = s.clone().requires_grad_(); x.index_fill(0, T.tensor([1, 1, 0]), u).sum().backward(); u.grad
u = x.clone(); u.index_fill_(1, T.tensor([0, 0, -1]), s); u
u = y.clone().requires_grad_(); T.normal(u, 2.0).sum().backward(); u.grad
u = y.clone().requires_grad_(); T.normal(x, u).sum().backward(); u.grad
u = (y / 4).clone().requires_grad_(); T.bernoulli(u).sum().backward(); u.grad
T.xlogy(-T.zeros(2), y[0, :2]).signbit() | x.unbind(axis=1) | x.chunk(2, axis=1) | x.diff(axis=0)
""".replace("\n", "|").split("|")

INPLACE = """
y = x.clone(); r = y.add_(1); r is y | y = x.clone(); y.add_(v, alpha=2); y | y = x.clone(); y.sub_(1); y
y = x.clone(); y.mul_(y); y | y = x.clone(); y.div_(2, rounding_mode='floor'); y | y = i.clone(); y.div_(2); y
y = i.clone(); y += 1.5; y | y = x.clone(); y += i; y | y = x.clone(); y.add_(T.ones(2, 3, 4)); y
y = x.clone(); y.clamp_(0, 1); y | y = x.clone(); y.clamp_(min=0); y | y = x.clone(); y.relu_(); y
y = x.clone(); T.relu_(y); y | y = x.clone(); y.zero_(); y | y = x.clone(); y.fill_(3); y
y = x.clone(); y.fill_(s); y | y = x.clone(); y.fill_(v); y | y = i.clone(); y.fill_(2.7); y
y = x.clone(); y.copy_(v); y | y = x.clone(); y.copy_(i); y | y = x.clone(); y.copy_(T.ones(5)); y
y = i.clone(); y.copy_(x); y | y = x.t().clone(); y.copy_(xt); y | y = x.clone(); y.masked_fill_(m, 1); y
y = x.clone(); y.scatter_(1, k.unsqueeze(1), 9.0); y
y = x.clone(); y.scatter_add_(1, k.unsqueeze(1), T.ones(3, 1)); y
y = x.clone(); y.index_add_(0, T.tensor([0, 0]), T.ones(2, 4)); y | y = x.clone(); y.index_copy_(0, k, x); y
y = x.clone(); y.index_put_((T.tensor([0, 2]),), T.tensor(5.0)); y
y = x.clone(); y.index_fill_(0, T.tensor([0]), 1); y
y = i.clone(); y.masked_fill_(m, 2.7); y | y = m.clone(); y.masked_fill_(i > 2, 1); y
y = x.clone(); y.masked_fill_(T.ones(2, 3, 4).bool(), 0); y | y = x.clone(); y.masked_fill_(i, 0); y
y = x.clone(); y.index_fill_(-1, T.tensor([0, -1]), s); y | y = x.clone(); y.index_put_((k, k), v[:3]); y
y = x.clone(); y[k] = T.ones(1, 1, 4); y | y = x.clone(); y[k, k] += 1; y
y = x.clone(); y.index_put_((k, k), v); y | y = x.clone(); y.index_put_((k + 1,), v); y
y = i.clone(); y[k] = x; y | y = p.clone(); y.tril_(); y
y = p.clone(); y.fill_diagonal_(0); y | y = x.clone(); y.cumsum_(0); y | y = x.clone(); y.pow_(2); y
y = x.clone(); y **= 2; y | y = x.clone(); y.unsqueeze_(0); y | y = x.clone(); y.squeeze_(); y
y = x.clone(); y.t_(); y | y = x.clone(); y.transpose_(0, 1); y | y = x.clone(); y.resize_(2, 2); y
y = x.clone(); y.resize_(12, 1); y | y = x.clone(); y.data = v; y | y = x.clone(); y.data.add_(1); y
y = x.clone(); y.lerp_(x + 1, 0.5); y | y = x.clone(); y.addcmul_(x, x, value=2); y
y = x.clone(); y.addcdiv_(x, v, value=2); y | y = x.clone(); y.neg_(); y | y = x.clone(); y.exp_(); y
y = y.clone(); y.sqrt_(); y | y = x.clone(); y.sigmoid_(); y | y = x.clone(); y.round_(); y
y = x.clone(); y.floor_(); y | y = m.clone(); y.logical_not_(); y | y = m.clone(); y &= m; y
y = i.clone(); y <<= 1; y | y = i.clone(); y.bitwise_and_(3); y | y = x.clone(); y.eq_(1.0); y
y = x.clone(); y -= 1; y *= 2; y /= 3; y //= 1; y %= 2; y | y = x.expand(2, 3, 4); y.add_(1)
y = i.clone(); y.pow_(-1); y | y = i.clone(); y.clamp_(0.5); y | y = i.clone(); y.clamp_(2, 4); y
y = i.clone(); y.logit_(); y | y = i.clone(); y.sinc_(); y | y = u8.clone(); y.fill_(256); y
y = u8.clone(); y.fill_(-1); y | y = u8.clone(); y.fill_(255.5); y | y = i8.clone(); y[1:] = 200; y
y = i8.clone(); y[[0, 1]] = 200; y | y = i8.clone(); y[0] = -128; y | y = f16.clone(); y.fill_(1e6); y
y = x.clone(); y.fill_(1e39); y | y = x.clone(); y.fill_(inf); y | y = m.clone(); y.fill_(300); y
y = T.zeros(3).expand(2, 3).fill_(1); y | y = T.ones(3, 1).expand(3, 4).zero_(); y
y = x.clone(); y[0].expand(2, 4).fill_(7); y | y = v.clone(); y.as_strided_((2, 2), (1, 1)); y
y = v.clone(); y.as_strided_((99, 99), (99, 1)); y
y = x.clone(); y.set_(v); y | y = x.clone(); y.swapaxes_(0, 1); y | y = x.clone(); y[0].add_(5); y
y = x.clone(); y.t().mul_(w); y | y = x.clone(); y[:, 1:3].zero_(); y
y = x.clone(); y.view(-1)[::5].fill_(0); y | y = x.clone(); y.nan_to_num_(); y | y = x.clone(); y.triu_(1); y
""".replace("\n", "|").split("|")

CONVERSIONS = """
x.to(T.float64) | x.to(T.int32) | x.to(T.bool) | x.to(x.dtype) is x | x.to('cpu') is x
x.to('cpu', T.float16) | x.to(f64) | x.to(dtype=T.int8) | x.to(device='cpu', dtype=T.int64)
x.to(T.float32, copy=True) is x | x.to(T.device('cpu')) is x | x.float() is x | x.double() | x.half()
x.bfloat16() | x.int() | x.long() | x.short() | x.char() | i.byte() | x.bool() | x.cpu() is x | x.type_as(i)
i.type(T.float32) | x.to('nowhere') | x.to(float) | x.clone().detach() is x | special.bool()
T.tensor([300, -1]).to(T.uint8) | T.tensor([1.9, -1.9]).int() | T.tensor([65520.0]).half()
T.tensor([1.0 + 2**-9]).bfloat16() | f16.float() | b16.double() | m.float() | xt.double() | cp.half()
x.to(T.float64, non_blocking=True) | x.untyped_storage().data_ptr() == x.data_ptr()
x.untyped_storage().nbytes() >= 48 | x[1:].storage_offset() | x.is_set_to(x)
x.requires_grad_().requires_grad | i.requires_grad_() | x.detach().requires_grad | x.is_cuda
x.contiguous() is x
""".replace("\n", "|").split("|")

GROUPS = {
    "shapes": SHAPES,
    "arithmetic": ARITHMETIC,
    "reductions": REDUCTIONS,
    "products": PRODUCTS,
    "selection": SELECTION,
    "narrow": NARROW,
    "inplace": INPLACE,
    "conversions": CONVERSIONS,
}


@pytest.mark.parametrize(
    ("group", "text"), [(g, t.strip()) for g, texts in GROUPS.items() for t in texts if t.strip()]
)
def test_like_torch(group: str, text: str) -> None:
    coarse = "16" in text
    check(text, rtol=1e-2 if coarse else 1e-5, atol=1e-2 if coarse else 2e-6, strides=not places(text))


def places(text: str) -> bool:
    """Whether the result is one of ``nonzero``'s, whose strides PyTorch does not promise."""
    return any(name in text for name in ("nonzero()", "nonzero(m)", "nonzero(as", "argwhere", "where(m)"))
