"""Operands of different dtypes give what they give cast to the common one first, and so do the gradients: no
step of a formula is done in the narrower dtype.
"""

from __future__ import annotations

from typing import Any

import pytest

import tensorplug as tp
from tensorplug_dispatcher.dtypes import GROUPS
from tensorplug_dispatcher.ops import OPS, F

PAIRS = [
    op.name
    for op in OPS.values()
    if op.elementwise
    and sum(p.is_tensor for p in op.parameters) == 2
    and all(p.is_tensor for p in op.parameters)
    and tp.float64 in GROUPS[op.dtypes]
    and not op.name.endswith("_backward")  # calls nobody mixes
]
COMPOSED = ["float_power", "logaddexp2", "rsub"]
NARROW = [tp.float16, tp.bfloat16, tp.float32, tp.int64, tp.uint8]


def operands(narrow: Any) -> tuple[Any, Any]:
    """One of ``narrow`` and one of float64, of values that both hold."""
    a = tp.tensor([0.3, 0.55, 0.7, 1.9]) if narrow.is_floating_point else tp.tensor([1, 2, 3, 1])
    return a.to(narrow), tp.tensor([0.7, 0.35, 0.9, 1.6], dtype=tp.float64)


def outcome(function: Any, a: Any, b: Any) -> Any:
    a, b = (x.detach().requires_grad_() if x.is_floating_point() else x for x in (a, b))
    try:
        result = function(a, b)
    except tp.TensorplugError as error:
        return type(error)
    if result.requires_grad:
        result.sum().backward()
    grads = [None if x.grad is None else x.grad.double().tolist() for x in (a, b)]
    return result.dtype, result.tolist(), grads


@pytest.mark.parametrize("narrow", NARROW, ids=str)
@pytest.mark.parametrize("name", [*PAIRS, *COMPOSED])
def test_as_if_cast_first(name: str, narrow: Any) -> None:
    function = getattr(tp, name, None) or getattr(F, name)
    a, b = operands(narrow)
    for first, second in ((a, b), (b, a)):
        mixed = outcome(function, first, second)
        alike = outcome(function, first.double(), second.double())
        if isinstance(mixed, type) or isinstance(alike, type):
            continue  # one dtype for all
        assert mixed[0] is alike[0], name
        assert mixed[1] == pytest.approx(alike[1], rel=1e-12, nan_ok=True), name
        for x, one, other in zip((first, second), mixed[2], alike[2], strict=True):
            if one is not None and other is not None:  # rounded to the operand's dtype
                precision = tp.finfo(x.dtype).eps
                assert one == pytest.approx(other, rel=max(precision, 1e-12), abs=1e-12, nan_ok=True), name


def test_there_are_such_ops() -> None:
    assert len(PAIRS) > 20
