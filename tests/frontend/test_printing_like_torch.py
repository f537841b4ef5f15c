"""``repr`` of tensors, character by character as PyTorch writes it."""

from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch")

from alike import check  # noqa: E402

import tensorplug as tp  # noqa: E402

TEXTS = """
x | xt | c | d | e | s | v | i | i32 | u8 | m | bv | special | f64 | f16 | b16 | special.double() | x * 1000
x * 1e-3 | x * 1e5 | x * 1e9 | T.tensor([]) | T.tensor([], dtype=T.int64) | T.zeros(0, 3)
T.zeros(2, 0, dtype=T.float64) | T.tensor(True) | T.tensor(3) | T.tensor(-2.5) | T.tensor([1.0, 2.0, 3.0])
T.tensor([1e10, 1.0]) | T.tensor([1e-10, 1.0]) | T.tensor([1e8]) | T.tensor([1e9]) | T.tensor([0.0001])
T.tensor([0.00001]) | T.tensor([nan, inf, -inf]) | T.tensor([nan, 1.5]) | T.tensor([nan, 1.0, 100.0])
T.tensor([0.0, -0.0]) | T.tensor([1e-45]) | T.tensor([inf, 1e10]) | T.arange(1001) | T.arange(1000)
T.arange(2000.0) | T.arange(10000).reshape(100, 100) | T.arange(10000.0).reshape(10, 1000) / 7 | T.arange(100)
T.arange(1200.0).reshape(3, 400) | T.arange(4000).reshape(10, 20, 20) | T.arange(3000).reshape(2, 3, 500)
T.zeros(2, 2, 2, 200) | T.zeros(5, 5, 5, 5, 5) | T.arange(30.0) | T.arange(12, dtype=T.int8).reshape(2, 2, 3)
T.ones(2, 1, 1) | T.tensor([[True]]) | T.tensor([1000000, 1]) | T.tensor([-1, 10])
T.tensor([1.0], requires_grad=True) | (T.tensor([1.0], requires_grad=True) + 1)
T.tensor([1.0], requires_grad=True).detach() | T.tensor(0.1, dtype=T.float64) | T.tensor([123456.0, 0.5])
T.tensor([99999.0]) | T.tensor([0.1, 0.22, 0.333]) | T.tensor([1e3, 1.5]) | T.tensor([1e4, 1.5])
T.tensor(1e-7) | T.arange(20.0).reshape(2, 10).to(T.float16) | T.arange(300, dtype=T.int16).reshape(3, 100)
T.zeros(1, 1001, dtype=T.float64) | T.ones(1001).half() | x.max(1) | x.sort(1) | T.tensor([1.5]).topk(1)
x.size() | x.dtype | x.device | T.Size([1]) | T.Size([]) | T.ones(3, 3, requires_grad=True).double() is None
""".replace("\n", "|").split("|")


@pytest.mark.parametrize("text", [t.strip() for t in TEXTS if t.strip()])
def test_repr(text: str) -> None:
    check(f"repr({text})")
    check(f"str({text})")


OPTIONS: list[dict[str, Any]] = [
    {"precision": 2},
    {"precision": 8},
    {"sci_mode": True},
    {"sci_mode": False},
    {"linewidth": 40},
    {"threshold": 5},
    {"edgeitems": 1, "threshold": 2},
    {"profile": "short"},
    {"profile": "full"},
    {"threshold": 5, "linewidth": 200},
]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize(
    "text", ["x", "c * 1000", "i", "T.arange(1200.0)", "special", "T.ones(20, 20) / 3", "T.arange(50)"]
)
def test_options(options: dict[str, Any], text: str) -> None:
    try:
        for framework in (tp, torch):
            framework.set_printoptions(profile="default", sci_mode=None)
            framework.set_printoptions(**options)
        check(f"repr({text})")
    finally:
        for framework in (tp, torch):
            framework.set_printoptions(profile="default", sci_mode=None)


def test_a_leaf_of_another_dtype_wraps_its_suffixes() -> None:
    check("repr(T.arange(12.0, dtype=T.float64, requires_grad=True))")
    check("repr(T.arange(100.0, dtype=T.float64, requires_grad=True))")
    check("repr(T.arange(18.0, dtype=T.float16, requires_grad=True) * 1)".replace("* 1", ".clone().detach()"))
