"""Calls that PyTorch refuses are refused: with a typed error, and a text that says what was wrong.

The table holds one call a kind of mistake: wrong dtypes, shapes, dimensions, ranges, numbers where tensors
belong, values that a dtype cannot hold.
"""

from __future__ import annotations

import itertools
from functools import partial
from typing import Any

import pytest
from op_inputs import invoke, with_tensors

import tensorplug as tp
from tensorplug_dispatcher.dtypes import GROUPS
from tensorplug_dispatcher.ops import OPS as ALL_OPS
from tensorplug_dispatcher.ops import F

REFUSED = """
T.nn.functional.binary_cross_entropy(T.tensor([1.5]),T.tensor([1.]))
T.nn.functional.binary_cross_entropy(T.tensor([-.1]),T.tensor([1.]))
T.nn.functional.binary_cross_entropy(T.tensor([.5]),T.tensor([2.]))
T.nn.functional.binary_cross_entropy(T.tensor([nan]),T.tensor([1.]))
T.nn.functional.binary_cross_entropy(T.tensor([.5]),T.tensor([nan]))
T.nn.functional.one_hot(T.tensor([-1])) | T.nn.functional.one_hot(T.tensor([-1]),3)
T.nn.functional.one_hot(T.tensor([3]),3) | T.nn.functional.one_hot(T.tensor([1.]))
T.nn.functional.one_hot(T.tensor([1],dtype=T.int32)) | T.nn.functional.one_hot(T.tensor([1]),0)
T.normal(0.,-1.,(2,)) | T.normal(T.zeros(2),T.tensor([1.,-1.])) | T.normal(0.,T.tensor([-1.]))
T.normal(T.zeros(2),-1.) | T.zeros(2).normal_(0,-1) | T.randn(2).uniform_(2,1)
T.randn(2).exponential_(-1) | T.randn(2).bernoulli_(1.5) | T.bernoulli(T.tensor([1.5]))
T.multinomial(T.tensor([-1.,2.]),1) | T.multinomial(T.tensor([0.,0.]),1)
T.multinomial(T.tensor([nan,1.]),1) | T.multinomial(T.tensor([1.,1.]),3)
T.multinomial(T.ones(2),1,out=T.zeros(1)) | T.multinomial(T.ones(2),1,out=T.zeros(1,dtype=T.int32))
T.gather(x,0,k.unsqueeze(0),out=T.zeros(1,3,dtype=T.float64))
T.gather(x,0,k.unsqueeze(0),out=T.zeros(1,3,dtype=T.int64)) | T.max(x,0,out=(T.zeros(4),T.zeros(4)))
T.cat([x,x],out=T.zeros(6,4,dtype=T.int64)) | T.stack([x,x],out=T.zeros(2,3,4,dtype=T.int64))
T.var(x,out=T.zeros((),dtype=T.int64)) | T.where(m,x,x,out=T.zeros(3,4,dtype=T.int64))
T.clamp(x,0,1,out=T.zeros(3,4,dtype=T.int64))
T.div(x,2,rounding_mode='trunc',out=T.zeros(3,4,dtype=T.int64))
T.round(x,decimals=1,out=T.zeros(3,4,dtype=T.int64)) | x.masked_scatter(x,x) | x.masked_fill(x,1)
x.masked_fill(i,1) | x.masked_select(x) | T.masked_select(x,i) | x.index_fill(0,bv,1.)
T.rot90(x,1,(1,1)) | T.rot90(x,1,(0,)) | T.rot90(x,1,(0,1,0)) | T.rot90(v,1,(0,1)) | T.rot90(x,1,(0,5))
T.nn.functional.group_norm(T.ones(1,2),2) | T.nn.functional.group_norm(T.ones(1,2,1),2)
T.nn.functional.group_norm(T.ones(2,3),2) | T.nn.functional.group_norm(T.ones(2),1)
T.nn.functional.group_norm(T.ones(1,1,1,1),1) | T.nn.GroupNorm(2,2)(T.ones(1,2))
T.nn.functional.instance_norm(T.ones(2,3,1))
T.nn.functional.batch_norm(T.ones(1,3),T.zeros(3),T.ones(3),training=True)
T.nn.functional.batch_norm(T.ones(1,3,1),T.zeros(3),T.ones(3),training=True)
T.nn.BatchNorm1d(3)(T.ones(1,3)) | T.nn.BatchNorm2d(3)(T.ones(1,3,1,1))
T.nn.functional.batch_norm(T.ones(4,3),T.zeros(3),T.ones(3),training=True,eps=0)
T.nn.functional.batch_norm(T.ones(4,3),T.zeros(3),T.ones(3),training=True,eps=-1.)
T.nn.BatchNorm1d(3,eps=0)(T.ones(4,3)) | T.nn.functional.layer_norm(T.ones(2,3),(2,))
T.nn.functional.batch_norm(T.ones(4,3),T.zeros(2),T.ones(3))
T.nn.functional.batch_norm(T.ones(4,3),T.zeros(3),T.ones(3),weight=T.ones(2))
T.nn.functional.cross_entropy(T.ones(2,3),T.tensor([0,1],dtype=T.int32))
T.nn.functional.cross_entropy(T.ones(2,3),T.tensor([0,1],dtype=T.int32),ignore_index=1)
T.nn.functional.cross_entropy(T.ones(2,3),T.tensor([0.,1.]))
T.nn.functional.cross_entropy(T.ones(2,3),T.ones(2,3),ignore_index=1)
T.nn.functional.cross_entropy(T.ones(2,3),T.tensor([0,3]))
T.nn.functional.cross_entropy(T.ones(2,3),T.tensor([0,-1]))
T.nn.functional.cross_entropy(T.ones(2,3),T.tensor([0,1,2]))
T.nn.functional.cross_entropy(T.ones(2,3),T.ones(2,3,dtype=T.int64))
T.nn.functional.cross_entropy(T.ones(2,3),T.tensor([0,1]),weight=T.ones(2))
T.nn.functional.nll_loss(T.ones(2,3),T.tensor([0.,1.]))
T.nn.functional.nll_loss(T.ones(2,3),T.tensor([0,1],dtype=T.int32))
T.nn.functional.nll_loss(T.ones(2,3),T.tensor([0,5])) | T.nn.functional.max_pool1d(T.ones(1,1,3),5)
T.nn.functional.max_pool2d(T.ones(1,1,3,3),5) | T.nn.functional.max_pool2d(T.ones(1,1,3,3),2,padding=2)
T.nn.functional.avg_pool1d(T.ones(1,1,3),5) | T.nn.functional.avg_pool2d(T.ones(1,1,3,3),5)
T.nn.functional.avg_pool2d(T.ones(1,1,3,3),2,padding=2) | T.nn.functional.avg_pool3d(T.ones(1,1,3,3,3),5)
T.nn.functional.max_pool3d(T.ones(1,1,3,3,3),5) | T.nn.functional.max_pool2d(T.ones(1,1,3,3),0)
T.nn.functional.max_pool2d(T.ones(1,1,3,3),2,stride=0)
T.nn.functional.max_pool2d(T.ones(1,1,3,3),2,dilation=0)
T.nn.functional.max_pool2d(T.ones(1,1,3,3),2,dilation=3) | T.nn.functional.max_pool2d(T.ones(1,1,0,3),1)
T.nn.functional.max_pool2d(T.ones(3,3),1) | T.nn.functional.avg_pool2d(T.ones(1,1,3,3),-1)
T.nn.functional.max_pool2d(T.ones(1,1,3,3),-2) | T.nn.functional.max_pool2d(T.ones(1,1,3,3),2,padding=-1)
T.nn.functional.adaptive_avg_pool2d(T.ones(1,1,3,3),-1)
T.nn.functional.conv2d(T.ones(1,1,3,3),T.ones(1,1,5,5))
T.nn.functional.conv2d(T.ones(1,1,3,3),T.ones(1,2,1,1))
T.nn.functional.conv2d(T.ones(1,1,3,3),T.ones(1,1,2,2),stride=0)
T.nn.functional.conv2d(T.ones(1,1,3,3),T.ones(1,1,2,2),padding=-1)
T.nn.functional.conv2d(T.ones(1,1,3,3),T.ones(1,1,2,2),dilation=0)
T.nn.functional.conv2d(T.ones(1,1,3,3),T.ones(3,1,2,2),groups=2)
T.nn.functional.conv2d(T.ones(1,1,3,3),T.ones(3,1,2,2),groups=0)
T.nn.functional.conv2d(T.ones(1,1,3,3),T.ones(1,1,2,2),bias=T.ones(2))
T.nn.functional.conv2d(T.ones(1,1,3,3),T.ones(1,1,2,2).double())
T.nn.functional.conv1d(T.ones(1,1,3),T.ones(1,1,5)) | T.nn.functional.linear(T.ones(2,3),T.ones(2,4))
T.nn.functional.linear(T.ones(2,3),T.ones(2,3).double())
T.nn.functional.linear(T.ones(2,3),T.ones(2,3),T.ones(3))
T.nn.functional.embedding(T.tensor([5]),T.ones(3,2))
T.nn.functional.embedding(T.tensor([-1]),T.ones(3,2))
T.nn.functional.embedding(T.tensor([1.]),T.ones(3,2)) | T.nn.functional.softmax(x,5)
T.nn.functional.pad(x,(1,)) | T.nn.functional.pad(x,(1,1,1,1,1,1))
T.nn.functional.pad(T.ones(1,1,3),(4,0),mode='reflect') | T.nn.functional.pad(T.ones(1,1,3),(-5,0))
T.where(m,i.int(),2**40) | i8.clamp(0,1000) | i8.masked_fill(bv4,1000) | i8.pow(1000)
T.where(bv4,i8,1000) | T.where(bv4,1000,i8) | T.full((2,),1000,dtype=T.int8) | T.where(m,x,1e300)
f16.clamp(0,1e10) | x.clamp(max=1e300) | T.tensor(2**64) | T.full((2,),2**64) | i8.index_fill(0,k,1000)
i8.scatter(0,k,1000) | i8.new_full((2,),1000) | T.cumsum(x,5) | T.bincount(T.tensor([-1]))
T.bincount(T.tensor([1.])) | T.bincount(T.ones(2,2).long()) | T.histc(x,0) | T.histc(x,4,5,1)
T.histc(x,4,nan,1) | T.take(x,T.tensor([12])) | T.gather(x,0,T.tensor([[3]]))
T.gather(x,0,T.tensor([[1.]])) | T.gather(x,0,T.tensor([1])) | T.scatter(x,0,T.tensor([[3]]),1.)
T.scatter(x,0,T.tensor([[0]]),y.double()) | x.scatter(0,T.tensor([[0]]),y,reduce='bad')
T.index_select(x,0,T.tensor([3])) | T.index_select(x,0,T.tensor([-1]))
T.index_select(x,0,T.tensor([[0]])) | x.index_add(0,k,T.ones(2,4))
x.index_add(0,T.tensor([5]),T.ones(1,4)) | x.index_copy(0,T.tensor([5]),T.ones(1,4))
T.diag_embed(x,0,1,1) | T.diagonal(x,0,0,0) | T.tril(v) | T.triu(s) | T.trace(c) | T.dot(x,x) | T.dot(v,w)
T.dot(v,v.double()) | T.mv(x,w) | T.mm(x,x) | T.mm(x,x.double()) | T.matmul(x,i) | T.bmm(c,c)
T.addmm(x,x,x) | T.addr(x,v,v) | T.outer(x,v) | T.cross(w,w.double()) | T.linalg.norm(x,'x') | T.norm(i)
T.norm(x,'x') | T.dist(i,i) | T.var(i) | T.std(i) | T.mean(i) | T.median(T.tensor([True]))
T.kthvalue(x,0) | T.kthvalue(x,9) | T.topk(x,9) | T.topk(x,-1) | T.quantile(x,1.5) | T.quantile(i,0.5)
T.quantile(x,T.tensor([[0.5]])) | T.quantile(x,0.5,interpolation='bad') | T.searchsorted(x,v)
T.bucketize(v,x) | T.unique(x,dim=5) | T.roll(x,(1,2),(0,)) | T.flip(x,(0,0)) | T.permute(x,(0,0))
T.transpose(x,0,2) | T.squeeze(x,2) | T.unsqueeze(x,4) | T.stack([x,v]) | T.cat([x,v]) | T.cat([x,c])
T.cat([x,x],5) | T.hstack([x,c]) | T.vsplit(x,2) | T.hsplit(x,3) | T.chunk(x,-1) | T.split(x,-1)
T.split(x,[1,1]) | T.narrow(x,0,2,5) | T.narrow(x,0,-5,1) | T.select(x,0,5) | x.unfold(0,1,0)
x.unfold(0,-1,1) | T.repeat_interleave(v,T.tensor([1,2])) | T.repeat_interleave(v,-1)
T.repeat_interleave(v,T.tensor([-1,1,1,1])) | T.tile(x,(-1,)) | x.repeat(-1) | x.repeat(2) | x.expand(2,2)
x.expand(-1) | T.meshgrid(v,i32) | T.tril_indices(-1,2) | T.eye(-1) | T.zeros(-1) | T.arange(5,0)
T.arange(0,5,0) | T.arange(0,nan) | T.linspace(0,1,-1) | T.logspace(0,1,-1) | T.randint(5,1,(2,))
T.randint(5,(-2,)) | T.randperm(-1) | T.rand(-1) | T.einsum('ij,jk',x,x) | T.einsum('i->ii',v)
T.einsum('ij',v) | T.tensordot(x,x,1) | T.tensordot(x,x,3) | T.bitwise_and(x,x) | T.bitwise_not(x) | ~x
x<<1 | T.logical_not('a') | T.gcd(x,x) | T.lcm(x,x) | -m | T.abs(m) | T.ceil(m) | T.floor(m) | T.neg(m)
m-m | T.sub(m,m) | T.frac(i) | T.erf('a') | T.lerp(x,y.double(),0.5) | T.lerp(i,i,0.5)
T.addcmul(x,y,y,value='a') | T.addcdiv(i,i,i) | T.hypot(i,i) | T.logaddexp(i,i) | T.heaviside(x,i)
T.copysign('a',x) | T.isin(m,m) | T.isclose(x,i) | T.isclose(x,x,rtol=-1) | T.allclose(x,1)
T.promote_types(1,2) | T.can_cast(1,2) | T.finfo(T.int8) | T.broadcast_to(x,(2,2))
T.broadcast_tensors(x,T.ones(2)) | T.block_diag(c) | T.cartesian_prod(x) | T.masked_fill(x,m,T.ones(2))
T.index_put(x,(k,k,k),T.tensor(1.)) | x.index_put((k,),T.ones(5)) | x.index_put((k.float(),),T.tensor(1.))
x[5] | x[:,5] | x[[5]] | x[x] | x[m[:2]] | x['a'] | x[1.5] | x[0,0,0] | x.view(5) | x.reshape(5)
T.as_strided(x,(2,2),(-1,1)) | T.as_strided(x,(9,9),(9,1)) | T.as_strided(x,(2,),(1,1))
T.as_strided(x,(2,),(1,),-1) | T.as_strided(T.zeros(12),(13,),(1,)) | T.zeros(12).as_strided((2,),(1,),11)
T.zeros(12)[4:].as_strided((9,),(1,)) | T.zeros(12).as_strided_((2,),(12,)) | i8.as_strided((5,),(1,))
T.zeros(()).as_strided((2,),(1,)) | T.zeros(0).as_strided((1,),(1,)) | T.cumsum(x,0,dtype=T.bool)
x.cumsum_(0,dtype=T.float64) | bv.cumsum_(0) | T.Tensor(1.5)
T.tensor([1,'a']) | T.from_numpy([1]) | T.nn.Linear(-1,2)
T.nn.BatchNorm1d(3)(T.ones(2,4)) | T.nn.LayerNorm(3)(T.ones(2,4)) | T.nn.Softmax(5)(x)
T.nn.Flatten(5)(x) | T.nn.MaxPool2d(2)(T.ones(2)) | T.nn.functional.triplet_margin_loss(x,y,T.ones(3,5))
T.nn.functional.triplet_margin_loss(x,y,v) | T.nn.functional.cosine_embedding_loss(x,y,T.ones(5))
T.nn.functional.margin_ranking_loss(x,y,v) | T.nn.functional.margin_ranking_loss(x,v,T.ones(3))
T.nn.functional.binary_cross_entropy(T.ones(2)/2,T.ones(3))
T.nn.functional.binary_cross_entropy(T.ones(2)/2,T.ones(2),weight=T.ones(3))
T.nn.functional.binary_cross_entropy_with_logits(x,v)
T.nn.functional.binary_cross_entropy_with_logits(x,y,pos_weight=T.ones(3))
T.nn.functional.binary_cross_entropy(T.ones(2)/2,T.ones(2).long())
T.nn.functional.nll_loss(x,T.tensor([0,1])) | T.nn.functional.normalize(x,dim=5)
T.nn.functional.cosine_similarity(x,v,dim=3)
T.nn.functional.scaled_dot_product_attention(x,y,y.double())
T.nn.functional.scaled_dot_product_attention(c,c,c,attn_mask=T.ones(5,5))
T.nn.functional.scaled_dot_product_attention(c,c,c,attn_mask=T.ones(3,3,dtype=T.int64))
T.nn.functional.scaled_dot_product_attention(c,c,c,attn_mask=T.ones(3,3).bool(),is_causal=True)
T.nn.functional.hardshrink(i) | T.nn.functional.softshrink(i) | T.nn.functional.celu(i)
T.nn.functional.elu(i) | T.nn.functional.gelu(i) | T.nn.functional.silu(i) | T.nn.functional.mish(i)
T.nn.functional.softplus(i) | T.nn.functional.leaky_relu(i) | T.nn.functional.hardswish(i)
T.nn.functional.hardsigmoid(i) | T.nn.functional.logsigmoid(i) | T.nn.functional.glu(i)
T.nn.functional.prelu(i,T.ones(1)) | T.nn.functional.prelu(x,T.ones(3)) | T.nn.functional.relu6(m)
T.nn.functional.one_hot(T.tensor([[1,2]]),2) | T.nn.init.normal_(T.zeros(2),0,-1)
T.nn.init.uniform_(T.zeros(2),2,1) | T.maximum(x,2) | T.maximum(2,x) | T.minimum(x,2) | T.fmax(x,2)
T.fmin(2,x) | T.logical_and(x,2) | T.logical_or(2,x) | T.logical_xor(x,True) | T.logaddexp(x,2)
T.hypot(x,2) | T.atan2(x,2) | T.arctan2(2,x) | T.addcmul(2,y,y) | T.addcmul(x,2,y) | T.addcmul(x,y,2)
T.addcdiv(x,2,y) | T.lerp(2,y,y) | T.lerp(x,2,y) | T.copysign(2,x) | T.eq(2,x) | T.ne(2,x) | T.lt(2,x)
T.le(2,x) | T.gt(2,x) | T.ge(2,x) | T.greater(2,x) | T.dist(x,2) | T.dist(2,x) | x.sum(dim=True)
x.softmax(True) | x.cumsum(True) | x.argmax(dim=True) | x.unbind(True) | x.sum(1,keepdim=None)
x.sum(1,keepdim=2) | x.amax(1,keepdim=0) | x.topk(2,0,largest=2) | x.select(0,s) | x.unfold(1,s,1)
T.diag(x,s) | T.tril(c,s) | x.narrow(1,1,s) | T.stack([x,y],s) | T.addcmul(x,y,y,value=None)
T.nn.functional.elu(x,None) | T.nn.functional.leaky_relu(x,None)
T.fmod(2,x) | T.rsub(2,x) | T.ldexp(2,x) | T.equal(x,2.) | T.equal(2.,x) | x.equal(2) | x.float_power_(2)
f16.float_power_(2) | i.float_power_(2) | T.logaddexp2(i,i) | T.logaddexp2(x,2.0)
T.zeros(4).as_strided((2,),(2**62,))
T.zeros(4).as_strided((3,),(2**61,)) | T.zeros(4).as_strided((3,3),(2**62,2**61))
T.zeros(4).as_strided((1,),(1,),2**62) | T.zeros(4).as_strided((1,),(1,),2**63-1)
T.nn.functional.conv2d(T.ones(1,2,5,5),T.ones(0,2,2,2)) | T.nn.functional.conv1d(c,T.ones(0,3,2))
T.nn.functional.cross_entropy(T.ones(2,3),T.tensor([0,9],dtype=T.uint8))
T.empty_strided((2,),(-1,)) | T.nn.functional.avg_pool1d(T.ones(1,1,3),2**62,padding=2**61)
T.repeat_interleave(v[:2],T.tensor([2**62,2**62])) | T.repeat_interleave(v[:2],T.tensor([2**63-1,1]))
T.tril_indices(3,3,dtype=T.float32) | T.triu_indices(3,3,dtype=T.bool) | T.tril_indices(-1,2)
x.flip() | T.cross(T.ones(2,3),w) | T.einsum(x,[0,60]) | T.einsum(x,3) | T.einsum(3,x) | T.einsum(x)
T.histc(T.tensor([1.,inf]),3) | T.histc(x,3,-inf,1) | T.histc(x,3,0,inf) | T.histc(i,3)
T.rand(3,out=T.zeros(3,dtype=T.int64)) | T.randn(3,out=T.zeros(3,dtype=T.bool))
T.normal(0.,1.,(3,),out=T.zeros(3,dtype=T.int32)) | T.randint(5,(3,),out=T.zeros(3,dtype=T.bool))
T.randperm(5,out=T.zeros(5,dtype=T.bool)) | T.randperm(500,dtype=T.uint8) | T.randperm(5,dtype=T.bool)
T.randperm(2050,dtype=T.float16) | T.rand_like(x,out=x) | T.randn_like(x,out=x) | T.randint_like(x,5,out=x)
T.zeros(4).as_strided((2,),(1,),2**63-1) | T.zeros(4)[1:].as_strided((5,),(2**62,),2**61)
"""


@pytest.mark.oracle
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("text", [t.strip() for t in REFUSED.replace("\n", "|").split("|") if t.strip()])
def test_what_pytorch_refuses(text: str) -> None:
    import alike
    import torch

    theirs = alike.evaluate(text, torch)
    assert isinstance(theirs, Exception), f"PyTorch takes {text}: {theirs!r}"
    mine = alike.evaluate(text, tp)
    assert isinstance(mine, Exception), f"{text} gives {mine!r}; PyTorch: {theirs}"
    assert isinstance(mine, tp.TensorplugError), f"{text}: {type(mine).__name__}: {mine}"
    assert len(str(mine)) > 20


def functional() -> Any:
    return tp.nn.functional


TEXTS = [
    (
        lambda: functional().binary_cross_entropy(tp.tensor([1.5]), tp.ones(1)),
        "input should be between 0 and 1",
    ),
    (
        lambda: functional().binary_cross_entropy(tp.tensor([0.5]), tp.full((1,), 2.0)),
        "target should be between",
    ),
    (lambda: functional().one_hot(tp.tensor([-1])), "Class values must be non-negative"),
    (lambda: functional().one_hot(tp.tensor([3]), 3), "must be smaller than num_classes, which is 3"),
    (lambda: tp.normal(tp.zeros(2), tp.tensor([1.0, -1.0])), "all elements of std >= 0.0"),
    (lambda: tp.ones(2).masked_scatter(tp.ones(2), tp.ones(2)), "only supports boolean masks"),
    (lambda: tp.rot90(tp.ones(2, 3), 1, (1, -1)), "rotation dims to be different"),
    (lambda: functional().group_norm(tp.ones(1, 2), 2), "Expected more than 1 value per channel"),
    (lambda: tp.nn.BatchNorm1d(3)(tp.ones(1, 3)), "Expected more than 1 value per channel"),
    (lambda: tp.nn.BatchNorm1d(3, eps=0)(tp.ones(4, 3)), "eps must be positive during training, but got 0"),
    (
        lambda: functional().cross_entropy(tp.ones(2, 3), tp.zeros(2, dtype=tp.int32)),
        "int64 or uint8, but got",
    ),
    (
        lambda: functional().cross_entropy(tp.ones(2, 3), tp.ones(2, 3), ignore_index=1),
        "ignore_index=1 is not",
    ),
    (
        lambda: tp.gather(tp.ones(2), 0, tp.tensor([0]), out=tp.ones(1).double()),
        "to have dtype float32, but got",
    ),
    (lambda: tp.multinomial(tp.ones(2), 1, out=tp.zeros(1)), "to have dtype int64, but got float32"),
    (lambda: tp.where(tp.tensor([True]), tp.zeros(1, dtype=tp.int32), 2**40), "without overflow"),
    (lambda: tp.maximum(tp.ones(2), 2), "argument 'other' must be a Tensor, not 2 .int."),
    (lambda: tp.ones(2, 2).sum(dim=True), "must be an int or a sequence of ints, not True"),
    (lambda: tp.ones(4).as_strided((2,), (2**62,)), "Storage size calculation overflowed"),
    (lambda: tp.ones(4).as_strided((2,), (2**63,)), "Storage size calculation overflowed"),
    (lambda: tp.ones(4).as_strided((1,), (1,), 2**64), "Storage size calculation overflowed"),
    (lambda: tp.ones(4).as_strided((0,), (1,), 2**62), "Storage size calculation overflowed"),
    (lambda: tp.equal(tp.ones(2), 1.0), "argument 'other' must be Tensor, not float"),
    (lambda: tp.ones(2, 2).sum(1, keepdim=None), "'keepdim' must be a bool, not None"),
]


@pytest.mark.parametrize(("call", "text"), TEXTS, ids=[text[:30] for _, text in TEXTS])
def test_texts(call: Any, text: str) -> None:
    with pytest.raises(tp.TensorplugError, match=text):
        call()


@pytest.mark.parametrize("device", ["cpu", "mirror:0"])
def test_views_end_with_the_elements(device: str) -> None:
    """Memory comes in larger blocks than was asked for: what lies behind the last element is nobody's."""
    for dtype, count in itertools.product((tp.int8, tp.float16, tp.float64), range(70)):
        made = tp.zeros(count, dtype=dtype, device=device)
        half = tp.neg(made)[count // 2 :]
        for x, behind in ((made, 0), (half, count // 2)):
            left = count - behind
            assert F.as_strided(x, (left,), (1,)).shape == (left,)
            for call in (
                lambda x=x, n=left: F.as_strided(x, (n + 1,), (1,)),
                lambda x=x, n=left: F.as_strided(x, (1,), (1,), n),
                lambda x=x, n=behind: F.as_strided(x, (1,), (1,), -n - 1),
                lambda x=x, n=left: x.as_strided((n + 1,), (1,)),
                lambda x=x, n=left: tp.as_strided(x, (2,), (n,)) if n else x.as_strided((1,), (1,)),
            ):
                with pytest.raises(tp.ShapeError, match="are out of bounds for storage of size"):
                    call()
        assert made.untyped_storage().nbytes() == count * dtype.itemsize


WITH_RESULTS = [
    op for op in ALL_OPS.values() if not op.is_view and op.samples and op.name not in ("assign", "to_device")
]


@pytest.mark.parametrize("op", WITH_RESULTS, ids=[op.name for op in WITH_RESULTS])
def test_out_is_where_the_operands_are(op: Any) -> None:
    """A result is never moved into an ``out=`` elsewhere; one element on the host is no exception."""
    dtype = next(d for d in (tp.float32, tp.int64, tp.bool) if d in GROUPS[op.dtypes])
    function = getattr(F, op.name)
    for sample in op.samples():
        try:
            args = with_tensors(sample.args, dtype, 0)
            results = invoke(function, op, args)
        except tp.TensorplugError:
            continue  # not in this dtype
        far = [to_mirror(a) for a in args]
        if all(a is b for a, b in zip(far, args, strict=True)):
            continue  # makes a tensor
        outs = tuple(tp.zeros(tuple(r.shape), dtype=r.dtype) for r in results)
        with pytest.raises(tp.DeviceMismatchError, match="on several devices"):
            invoke(partial(function, out=outs), op, far)


def to_mirror(arg: Any) -> Any:
    if isinstance(arg, (list, tuple)) and any(isinstance(a, tp.Tensor) for a in arg):
        return [to_mirror(a) for a in arg]
    return arg.to("mirror:0") if isinstance(arg, tp.Tensor) else arg


OPENCL = pytest.param("opencl:0", marks=pytest.mark.needs("opencl"))


@pytest.mark.parametrize("device", ["cpu", "mirror:0", OPENCL])
def test_values_are_checked_wherever_they_are(device: str) -> None:
    """What a call refuses for its values is refused on every device, which is waited for."""
    near, ones = tp.tensor([0.5], device=device), tp.ones(1, device=device)
    for bad in (1.5, -0.5, float("nan")):
        far = tp.tensor([bad], device=device)
        for call in (
            lambda far=far: functional().binary_cross_entropy(far, ones),
            lambda far=far: functional().binary_cross_entropy(near, far),
        ):
            with pytest.raises(tp.TensorplugError, match="should be between"):
                call()
    assert functional().binary_cross_entropy(near, ones).item() > 0
    for bad in (-1, 3):
        with pytest.raises(tp.TensorplugError):
            functional().one_hot(tp.tensor([0, bad], device=device), 3)
    with pytest.raises(tp.TensorplugError, match="std >= 0"):
        tp.normal(tp.zeros(2, device=device), tp.tensor([1.0, -1.0], device=device))


def test_formulas_may_still_join_numbers() -> None:
    x = tp.tensor([-1.0, 2.0], requires_grad=True)
    x.clamp(min=0.0).sum().backward()
    assert x.grad.tolist() == [0, 1]
