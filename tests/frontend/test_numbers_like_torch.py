"""Numbers beside tensors of integers: every function that takes one refuses what PyTorch refuses, wraps or
cuts what it wraps or cuts.

``N`` stands for each of the numbers in turn, ``a`` is a vector of the dtype, ``r`` a matrix of ones.
"""

from __future__ import annotations

import itertools
import math
import re
from typing import Any

import pytest

import tensorplug as tp
from tensorplug_dispatcher.dtypes import GROUPS
from tensorplug_dispatcher.errors import NumberRangeError
from tensorplug_dispatcher.ops import OPS, F

NUMBERS = "1000 -1000 300 -1 2**40 2**70 1.5 -1.5 255.5 -128.5 1e30 inf -inf nan True".split()
DTYPES = ("int8", "uint8", "int32", "int64", "bool")

CALLS = """
T.add(a, N) | a - N | N - a | a * N | a / N | N / a | a // N | a % N | T.rsub(a, N) | T.fmod(a, N)
T.div(a, N, rounding_mode='trunc') | T.div(a, N, rounding_mode='floor') | T.remainder(a, N)
a.add_(N) | a.sub_(N) | a.mul_(N) | a.floor_divide_(N) | a.remainder_(N) | T.add(a, 1, alpha=N)
T.add(a, a, alpha=N) | T.sub(a, 1, alpha=N) | T.rsub(a, 1, alpha=N) | a.add_(1, alpha=N) | a.add_(a, alpha=N)
a.sub_(a, alpha=N) | T.subtract(a, a, alpha=N) | a == N | a < N | a >= N | a.eq_(N) | a & N | a | N | a ^ N
a << N | T.bitwise_or(a, N) | T.pow(a, N) | T.pow(N, a) | T.float_power(a, N) | a.pow_(N) | T.clamp(a, N)
T.clamp(a, max=N) | T.clamp(a, 0, N) | a.clamp_(N) | a.clamp_(max=N) | a.clamp_min_(N) | a.clamp_max_(N)
T.clamp_min(a, N) | T.clip(a, N) | T.full_like(a, N) | a.new_full((2,), N) | T.full((2,), N, dtype=a.dtype)
a.fill_(N) | T.masked_fill(a, bv4, N) | a.masked_fill_(bv4, N) | a.index_fill(0, k, N)
a.index_fill_(0, k, N)
T.where(bv4, a, N) | T.where(bv4, N, a) | a.where(bv4, N) | T.scatter(a, 0, k, N) | a.scatter_(0, k, N)
a.scatter(0, k, N, reduce='add') | T.nn.functional.pad(a, (1, 1), value=N)
T.nn.functional.threshold(a, N, 1) | T.nn.functional.threshold(a, 1, N)
T.nn.functional.hardtanh(a, -1, N) | T.nn.functional.hardtanh(a, N, 2000) | T.addcmul(a, a, a, value=N)
a.addcmul_(a.clone(), a.clone(), value=N) | T.ldexp(a, T.tensor(N)) | T.ldexp(bv4, a) | T.ldexp(a, bv4)
T.xlogy(a, N) | T.xlogy(N, a) | T.copysign(a, N) | T.bucketize(N, a) | T.searchsorted(a.sort().values, N)
T.isin(a, N) | T.isin(N, a) | a.index_add(0, k, a[:3], alpha=N) | a.index_add_(0, k, a[:3].clone(), alpha=N)
T.addmm(r, r, r, beta=N) | T.addmm(r, r, r, alpha=N) | T.addmv(a, r, a, beta=N) | T.addmv(a, r, a, alpha=N)
T.addr(r, a, a, beta=N) | T.addr(r, a, a, alpha=N) | T.baddbmm(r[None], r[None], r[None], beta=N)
T.baddbmm(r[None], r[None], r[None], alpha=N) | T.addbmm(r, r[None], r[None], alpha=N)
T.addbmm(r, r[None], r[None], beta=N) | T.tensor(N, dtype=a.dtype) | T.tensor([N], dtype=a.dtype)
T.tensor([3, N], dtype=a.dtype) | T.arange(N, N + 2, dtype=a.dtype) | T.linspace(0, N, 3, dtype=a.dtype)
T.nan_to_num(a, N) | r.fill_diagonal_(N) | a.put_(k, N) | [a.__setitem__(0, N), a]
[a.__setitem__(bv4, N), a]
[a.__setitem__(k, N), a] | T.lerp(a, a, N) | T.scalar_tensor(N, dtype=a.dtype) | a.sum() * N
T.nn.functional.leaky_relu(a, N) | T.nn.functional.elu(a, N) | T.nn.functional.softplus(a, N)
T.addcdiv(a, a, a, value=N)
"""
# where PyTorch goes a way of its own: a sum of unsigned numbers with a negative end, a power of bools
OWN_WAYS = {
    ("T.linspace(0, N, 3, dtype=a.dtype)", "uint8", "-1"),
    ("T.pow(a, N)", "bool", "True"),
    ("a.pow_(N)", "bool", "True"),
}


def run(text: str, T: Any, dtype: str, number: str) -> Any:
    import alike

    names = alike.inputs(T)
    names["a"] = T.tensor([7, 3, 100, 5]).to(getattr(T, dtype))
    names["r"] = T.ones(4, 4, dtype=names["a"].dtype)
    try:
        return eval(re.sub(r"\bN\b", f"({number})", text), names)
    except Exception as error:
        return error


@pytest.mark.oracle
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("text", [t.strip() for t in re.split(r" \| |\n", CALLS) if t.strip()])
def test_like_torch(text: str) -> None:
    import alike
    import torch

    for dtype, number in itertools.product(DTYPES, NUMBERS if re.search(r"\bN\b", text) else NUMBERS[:1]):
        if (text, dtype, number) in OWN_WAYS:
            continue
        theirs, mine = run(text, torch, dtype, number), run(text, tp, dtype, number)
        told = f"{text} for {dtype}, N = {number}"
        if isinstance(theirs, OverflowError) and getattr(getattr(mine, "dtype", None), "eps", None):
            continue  # an int of any size is a number beside floats (docs/decisions/0015)
        if isinstance(theirs, Exception):
            assert isinstance(mine, Exception), f"{told}: PyTorch raises {theirs}, here: {mine!r}"
            assert isinstance(mine, (tp.TensorplugError, ArithmeticError, AttributeError, ValueError)), told
        else:
            alike.compare(mine, theirs, told, strides=False)


WITH_NUMBERS = [
    op
    for op in OPS.values()
    if any(p.kind in ("Scalar", "Scalar?") for p in op.parameters)
    and any(p.is_tensor for p in op.parameters)
    and op.family != "statistics"
    and tp.int8 in GROUPS[op.dtypes]
]


@pytest.mark.parametrize("device", ["cpu", "mirror:0"])
@pytest.mark.parametrize("op", WITH_NUMBERS, ids=[op.name for op in WITH_NUMBERS])
def test_ops_of_the_table(op: Any, device: str) -> None:
    """An attribute that is a number among int8 fits, is cut to a whole one, and True is 1: on any device."""

    def call(number: Any) -> Any:
        args = []
        for p in op.parameters:
            if p.is_tensor:
                args.append(tp.tensor([2, 3, 4, 5]).to(tp.bool if p.name == "mask" else tp.int8).to(device))
            elif p.kind in ("Scalar", "Scalar?"):
                args.append(number)
            else:
                args.append((1, 1) if p.kind == "int[]" else p.default)
        return getattr(F, op.name).call(tuple(args)).tolist()

    assert call(True) == call(1) and call(2.75) == call(2) and call(-128) is not None
    for bad in (128, -129, 1000, 1e3, 2**70, math.inf, math.nan):
        with pytest.raises(NumberRangeError, match="without overflow"):
            call(bad)


@pytest.mark.parametrize("info", [tp.finfo, tp.iinfo])
def test_limits_of_no_dtype(info: Any) -> None:
    for wrong in (None, 1, "float32", float):
        with pytest.raises(TypeError):
            info(wrong)
