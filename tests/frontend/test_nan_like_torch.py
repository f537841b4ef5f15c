"""NaN, infinities and zeros, as elements, as operands and as bounds: where PyTorch says NaN, so do we.

Devices share their expressions, so that no comparison among them could see a NaN that gets lost.
"""

from __future__ import annotations

import math
from typing import Any

import pytest

pytest.importorskip("torch")

import alike
import torch

import tensorplug as tp

pytestmark = [pytest.mark.oracle, pytest.mark.filterwarnings("ignore")]

nan, inf = math.nan, math.inf
EXPRESSIONS = """
x.clamp(max=nan) | x.clamp(min=nan) | x.clamp(nan,nan) | x.clamp(nan,2) | x.clamp(1,nan)
x.clamp_min(nan) | x.clamp_max(nan) | x.clamp(3,1) | x.clamp(inf,1) | x.clamp(-inf,inf) | T.clamp(x,b)
T.clamp(x,max=b) | T.clamp(x,b,y) | T.clamp(x,y,b) | x.clamp_min(b) | x.clamp_max(b)
T.nn.functional.hardtanh(x,nan,1) | T.nn.functional.hardtanh(x,-1,nan) | T.nn.functional.hardtanh(x)
T.nn.functional.relu6(x) | T.nn.functional.relu(x) | T.nn.functional.leaky_relu(x)
T.nn.functional.threshold(x,nan,1) | T.nn.functional.threshold(x,1,nan) | T.nn.functional.hardswish(x)
T.nn.functional.hardsigmoid(x) | T.nn.functional.elu(x) | T.nn.functional.selu(x)
T.nn.functional.celu(x) | T.nn.functional.softplus(x) | T.nn.functional.softsign(x)
T.nn.functional.hardshrink(x) | T.nn.functional.softshrink(x) | T.nn.functional.hardshrink(x,nan)
T.nn.functional.softshrink(x,0.) | T.nn.functional.silu(x) | T.nn.functional.mish(x)
T.nn.functional.prelu(x,T.tensor([nan])) | T.nn.functional.logsigmoid(x) | T.nn.functional.tanhshrink(x)
T.nn.functional.softmin(x,0) | T.nn.functional.glu(x) | T.maximum(x,b) | T.minimum(x,b) | T.fmax(x,b)
T.fmin(x,b) | x==b | x!=b | x<b | x<=b | x>b | x>=b | x==nan | x!=nan | x<nan | x>=nan | x>nan | x<=nan
T.heaviside(x,b) | T.where(x>nan,x,b) | x.clip(nan) | T.sign(x) | T.sgn(x) | T.nan_to_num(x,nan=nan)
T.logical_and(x,b) | T.logical_or(x,b) | T.logical_xor(x,b) | T.logical_not(x) | T.copysign(x,b)
T.copysign(x,nan) | T.fmod(x,b) | T.remainder(x,b) | x%nan | x//nan | x//b | T.hypot(x,b) | T.atan2(x,b)
T.logaddexp(x,b) | T.logaddexp2(x,b) | T.xlogy(x,b) | T.lerp(x,b,0.3) | T.lerp(x,b,nan)
T.addcmul(x,b,b) | T.pow(x,b) | T.pow(x,0) | x**nan | 1**b | T.isclose(x,b)
T.isclose(x,b,equal_nan=True) | T.equal(x,x) | T.max(x) | T.min(x) | T.argmax(x) | T.argmin(x)
T.aminmax(x) | T.amax(x) | T.sort(x) | T.sort(x,descending=True) | T.topk(x,3) | T.kthvalue(x,7)
T.median(x) | T.median(x,0) | T.nanmedian(x,0) | T.mode(x) | T.cummax(x,0) | T.cummin(x,0) | T.unique(x)
T.searchsorted(T.tensor([0.,1.,2.]),x) | T.bucketize(x,T.tensor([0.,1.,2.])) | T.quantile(x,0.5)
T.histc(x[:3]) | T.isin(x,b) | T.any(x) | T.all(x) | T.count_nonzero(x) | T.nansum(x) | T.nanmean(x)
T.std(x) | T.var(x) | T.norm(x) | T.norm(x,inf) | T.norm(x,-inf) | T.norm(x,0)
T.nn.functional.max_pool1d(x[None,None],2) | T.nn.functional.adaptive_max_pool1d(x[None,None],3)
T.nn.functional.avg_pool1d(x[None,None],2) | T.nn.functional.softmax(x,0)
T.nn.functional.log_softmax(x,0) | T.logsumexp(x,0) | T.cumsum(x,0) | T.cumprod(x,0) | T.prod(x)
T.msort(x) | T.argsort(x,stable=True) | T.nonzero(x) | T.abs(x) | T.round(x) | T.floor(x) | T.ceil(x)
T.trunc(x) | T.frac(x) | T.relu(x) | T.sigmoid(x) | T.logit(x) | T.logit(x,0.1) | T.sinc(x) | T.erf(x)
T.erfc(x) | T.expm1(x) | T.log1p(x) | T.log(x) | T.sqrt(x) | T.rsqrt(x) | T.square(x) | T.tanh(x)
T.asinh(x) | T.acosh(x) | T.atanh(x) | T.signbit(x) | T.reciprocal(x) | T.exp2(x) | T.ldexp(x,b)
T.float_power(x,b) | T.dist(x,b) | T.nn.functional.normalize(x,dim=0)
T.nn.functional.cosine_similarity(x,b,dim=0) | T.nn.functional.pairwise_distance(x[None],b[None])
T.nn.functional.l1_loss(x,b) | T.nn.functional.smooth_l1_loss(x,b) | T.nn.functional.huber_loss(x,b)
T.nn.functional.huber_loss(x,b,reduction='none') | T.nn.functional.smooth_l1_loss(x,b,reduction='none')
T.nn.functional.margin_ranking_loss(x,b,T.ones(8)) | T.nn.functional.hinge_embedding_loss(x,T.ones(8))
T.nn.functional.kl_div(x,b.abs(),reduction='none')
T.nn.functional.poisson_nll_loss(x,b,reduction='none')
T.nn.functional.binary_cross_entropy_with_logits(x,b,reduction='none')
T.nn.functional.gaussian_nll_loss(x,b,T.ones(8),reduction='none')
T.nn.functional.triplet_margin_loss(x[None],b[None],x[None]) | x.clamp(min=T.tensor(nan))
x.clamp(max=T.tensor(nan)) | x.clamp(1,T.tensor(2.)) | i.clamp(max=2) | i.clamp(nan) | i.clamp(0.5,2.5)
i.clamp(T.tensor(nan)) | x.half().clamp(nan,1) | x.bfloat16().clamp(max=nan) | x.double().clamp(nan)
T.where(x==x,x,nan) | x.masked_fill(x!=x,nan) | T.diff(x) | T.nn.functional.dropout(x,0.)
T.nn.functional.elu(x,nan) | T.nn.functional.leaky_relu(x,nan) | T.nn.functional.celu(x,1.)
T.nn.functional.softplus(x,1,nan) | T.nn.functional.hardtanh(x,nan,nan) | T.std_mean(x) | T.var_mean(x)
T.nn.functional.layer_norm(x,(8,)) | T.quantile(x[4:],0.) | T.quantile(x[4:],1.) | T.quantile(x[4:],0.5)
T.quantile(x[5:],T.tensor([0.,0.25,0.5,1.])) | T.quantile(b[4:6],0.)
T.quantile(x[5:],0.5,interpolation='nearest') | T.quantile(x[4:6],0.5,interpolation='midpoint')
T.median(x[4:]) | T.round(x[:3]*1e38,decimals=3) | T.lerp(y,x,0.) | T.lerp(y,x,1.)
"""


def evaluate(text: str, T: Any) -> Any:
    names = {
        "T": T,
        "x": T.tensor([1.0, 2.0, 5.0, nan, -inf, inf, -0.0, 0.0]),
        "b": T.tensor([nan, 1.0, -1.0, 2.0, 0.0, inf, 3.0, -0.0]),
        "y": T.tensor([1.0] * 8),
        "i": T.tensor([1, 2, 5]),
        "nan": nan,
        "inf": inf,
    }
    try:
        return eval(text, names)
    except Exception as error:
        return error


@pytest.mark.parametrize("text", [t.strip() for t in EXPRESSIONS.replace("\n", "|").split("|") if t.strip()])
def test_like_torch(text: str) -> None:
    rtol = 1e-2 if "half" in text or "bfloat16" in text else 2e-5
    alike.compare(evaluate(text, tp), evaluate(text, torch), text, rtol=rtol, atol=2e-6)
