"""Where tensors are made when a default device was chosen: all there, but for memory that lies elsewhere.

The table names every function that takes ``device``; a new one must be added to it.
"""

from __future__ import annotations

import inspect
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import pytest

import tensorplug as tp

# What is made on the default device. ``x`` is a tensor on the CPU, ``n`` are integers there, ``a`` an array.
FOLLOWS = """
T.tensor(1.0) | T.tensor([1.0]) | T.tensor([]) | T.tensor(x) | T.as_tensor([1.0]) | T.as_tensor(1.0)
T.as_tensor(x) | T.asarray([1.0]) | T.asarray(1.0) | T.asarray(x) | T.asarray(memoryview(b'1234'))
T.zeros(2) | T.ones((2,)) | T.full((2,), 1.0) | T.empty(2) | T.empty_strided((2,), (1,)) | T.scalar_tensor(1)
T.arange(3) | T.linspace(0, 1, 3) | T.logspace(0, 1, 3) | T.eye(2) | T.rand(2) | T.randn(2)
T.randint(0, 3, (2,)) | T.randperm(3) | T.tril_indices(2, 2) | T.triu_indices(2, 2)
T.nn.Linear(2, 2).weight | T.nn.BatchNorm1d(2).running_mean | T.nn.Embedding(2, 2).weight
T.tensor(a) | T.as_tensor(a) | T.asarray(a) | T.tensor(a[0])
"""
# What stays with its argument, or on the CPU.
STAYS = """
T.from_numpy(a) | T.from_dlpack(a) | T.frombuffer(bytearray(8), dtype=T.float32) | T.Tensor(2, 3)
T.Tensor([1, 2]) | T.zeros_like(x) | T.ones_like(x) | T.full_like(x, 2) | T.empty_like(x) | T.rand_like(x)
T.randn_like(x) | T.randint_like(x, 3) | x.new_tensor([1.0]) | x.new_zeros(2) | x.new_ones(2) | x.new_empty(2)
x.new_full((2,), 1.0) | T.normal(x, 1.0) | T.normal(1.0, x) | T.bernoulli(x) | T.multinomial(x, 2)
T.isin(x, 1.0) | T.isin(1.0, x) | T.where(x > 0, 1, 2) | T.quantile(x, 0.5) | T.bincount(n) | T.histc(x)
T.nn.functional.one_hot(n, 3) | T.nn.functional.dropout(x) | T.tensor([1.0], device='cpu')
T.as_tensor(x, device='cpu') | T.zeros(2, device='cpu') | T.cartesian_prod(x, x) | x.cpu() | x.clone()
"""
NO_MAKERS = {"migrate", "set_default_device"}  # they take a device and make nothing


def texts(table: str) -> list[str]:
    return [t.strip() for t in table.replace("\n", "|").split("|") if t.strip()]


def where(text: str, T: Any) -> str:
    names = {"T": T, "x": T.ones(3, device="cpu"), "n": T.ones(2, dtype=T.int64, device="cpu")}
    if "a)" in text or "a[" in text:
        names["a"] = pytest.importorskip("numpy").ones(3)
    return str(eval(text, names).device).partition(":")[0]


@contextmanager
def chosen(device: str) -> Any:
    tp.set_default_device(device)
    try:
        yield
    finally:
        tp.set_default_device(None)


@pytest.mark.parametrize("choose", [chosen, tp.device], ids=["set_default_device", "with device"])
@pytest.mark.parametrize("text", texts(FOLLOWS) + texts(STAYS))
def test_where_tensors_are_made(text: str, choose: Any) -> None:
    context: AbstractContextManager[Any] = choose("mirror:0")
    with context:
        found = where(text, tp)
    assert found == ("mirror" if text in texts(FOLLOWS) else "cpu")
    assert where(text, tp) == "cpu"


def test_without_a_default_device_data_stays_where_it_is() -> None:
    x = tp.ones(3, device="mirror:0")
    for made in (tp.tensor(x), tp.as_tensor(x), tp.asarray(x)):
        assert made.device.type == "mirror"


def test_the_table_names_every_function_that_takes_a_device() -> None:
    def takes_device(function: Any) -> bool:
        try:
            return callable(function) and "device" in inspect.signature(function).parameters
        except (TypeError, ValueError):
            return False

    named = FOLLOWS + STAYS
    for name in dir(tp):
        function = getattr(tp, name)
        if name.startswith("_") or inspect.isclass(function) or inspect.ismodule(function):
            continue
        if takes_device(function) and name not in NO_MAKERS:
            assert f"T.{name}(" in named, f"{name}() takes a device; say in the table where its result lies"


@pytest.mark.oracle
@pytest.mark.filterwarnings("ignore")
def test_as_pytorch_has_it() -> None:
    import torch

    torch.set_default_device("meta")
    try:
        found = {text: where(text, torch) for text in texts(FOLLOWS) + texts(STAYS)}
    finally:
        torch.set_default_device(None)
    wanted = dict.fromkeys(texts(FOLLOWS), "meta") | dict.fromkeys(texts(STAYS), "cpu")
    assert found == wanted
