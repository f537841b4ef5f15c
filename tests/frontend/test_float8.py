"""Floats of eight bits are plain tensors: made, cast, copied, viewed, printed and compared like any other."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest

import tensorplug as tp

KINDS = [tp.float8_e4m3fn, tp.float8_e5m2]
EXPRESSIONS = """
T.tensor([1.5], dtype=D) | T.tensor(1.5, dtype=D) | T.tensor([], dtype=D)
T.tensor([[1, 2], [3, 4]], dtype=D) | T.tensor([True, False], dtype=D)
T.tensor([500.0, 1e5, nan, inf, -inf, 1e-5, -0.0], dtype=D) | T.zeros(2, dtype=D) | T.ones(2, 3, dtype=D)
T.full((2,), 1.5, dtype=D) | T.full((2,), nan, dtype=D) | T.full((2,), 1e6, dtype=D)
T.empty(2, 3, dtype=D).shape | T.empty(2, 3, dtype=D).dtype | T.zeros_like(g) | T.ones_like(g)
T.full_like(g, 2) | T.empty_like(g).shape | g.new_zeros(2) | g.new_full((2,), 3.0)
g.new_tensor([1.0, 2.0]) | g.new_empty(3).shape | T.as_tensor([1.0, 2.0], dtype=D)
T.as_tensor(T.ones(2), dtype=D) | T.asarray([1.0], dtype=D) | T.eye(2, dtype=D)
T.tensor(T.ones(2), dtype=D) | T.scalar_tensor(2, dtype=D) | T.zeros(0, dtype=D) | g[0].item() | g.tolist()
str(g) | g.clone() | g.view(2, 2) | g.reshape(2, 2).t() | g[1:3] | g[::2] | g.unsqueeze(0).expand(2, 4)
g.contiguous() | g.view(T.uint8) | T.tensor([56, 57], dtype=T.uint8).view(D) | g.float() | g.double()
g.half() | g.bfloat16() | g.int() | g.to(T.float8_e5m2) | g.to(T.float8_e4m3fn) | T.cat([g, g])
T.stack([g, g]) | g == g | g != g | g.isnan() | g.abs() | g.fill_(3) | g.zero_() | g.copy_(T.ones(4))
T.ones(4).copy_(g) | g[g.float() > 1] | T.where(g.float() > 1, g, g) | g.index_select(0, T.tensor([0]))
g.repeat(2) | g.element_size() | g.nbytes | g.to(D) is g | g.detach() | g.split(2) | g.unbind()
T.finfo(D).max | T.finfo(D).eps | T.finfo(D).tiny | T.arange(3, dtype=D) | T.rand(2, dtype=D) | bool(g[0])
float(g[1]) | [v.item() for v in g]
"""


@pytest.mark.oracle
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ["float8_e4m3fn", "float8_e5m2"])
@pytest.mark.parametrize("text", [t.strip() for t in EXPRESSIONS.replace("\n", "|").split("|") if t.strip()])
def test_like_torch(text: str, name: str) -> None:
    import alike
    import torch

    def evaluate(T: Any) -> Any:
        kind = getattr(T, name)
        names = {"T": T, "D": kind, "g": T.tensor([1.0, 1.5, 2.0, 4.0]).to(kind), "nan": float("nan")}
        try:
            return eval(text, {**names, "inf": float("inf")})
        except Exception as error:
            return error

    alike.compare(evaluate(tp), evaluate(torch), text)


@pytest.mark.parametrize("device", ["cpu", "mirror:0"])
@pytest.mark.parametrize("dtype", KINDS, ids=lambda d: d.name)
def test_on_every_device(dtype: Any, device: str) -> None:
    made = tp.tensor([1.5, -2.0, 0.25], dtype=dtype, device=device)
    assert made.tolist() == [1.5, -2, 0.25] and made.device == tp.device(device)
    assert tp.zeros(2, dtype=dtype, device=device).tolist() == [0, 0]
    assert tp.equal(made, made.clone()) and made[1:].tolist() == [-2, 0.25]


@pytest.mark.parametrize("dtype", KINDS, ids=lambda d: d.name)
def test_copies_and_pickles(dtype: Any) -> None:
    made = tp.tensor([[1.5, -2.0]], dtype=dtype)
    for other in (copy.copy(made), copy.deepcopy(made), pickle.loads(pickle.dumps(made))):
        assert other.dtype is dtype and other.tolist() == [[1.5, -2]]
    assert str(made) == f"tensor([[ 1.5000, -2.0000]], dtype=tensorplug.{dtype.name})"


def test_what_cannot_be_made_says_how() -> None:
    with pytest.raises(tp.TensorplugError, match="convert with .to.float8_e5m2."):
        tp.arange(3, dtype=tp.float8_e5m2)
    with pytest.raises(tp.TensorplugError, match="without a scale"):
        tp.zeros(2, dtype=tp.qint8)
    with pytest.raises(tp.TensorplugError, match="needs a scale|need a scale"):
        tp.ones(2, dtype=tp.uint8).view(tp.qint8)
