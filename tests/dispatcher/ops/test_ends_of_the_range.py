"""Written out, a function is no infinity where its value is a number: nothing on the way overflows."""

from __future__ import annotations

import numpy as np
import pytest

import tensorplug as tp
from tensorplug_dispatcher.ops import OPS, F

POINTS = (
    *(0.0, 1e-40, 1e-30, 1e-5, 0.5, 1.0, 5.0, 20.0, 80.5, 88.0, 88.8, 89.3, 90.0, 104.0, 1e3, 1e10, 1e19),
    3e38,
)
WRITTEN = [
    name
    for name, op in OPS.items()
    if op.elementwise
    and op.decompose is not None
    and [p.is_tensor for p in op.parameters] == [True]
    and op.dtypes in ("all", "floating", "numeric")
    and name not in ("sin", "cos", "tan")  # whose argument is reduced in the dtype
]


@pytest.mark.parametrize("name", WRITTEN)
def test_large_and_small_numbers(name: str) -> None:
    x = tp.tensor([sign * p for p in POINTS for sign in (1.0, -1.0)], dtype=tp.float32)
    exact = getattr(F, name)(x.to(tp.float64))
    found = OPS[name].decompose(x)  # type: ignore[misc]
    if not found.dtype.is_floating_point:
        assert (found == exact).all()
        return
    got, due = found.to(tp.float64).numpy(), exact.to(tp.float32).to(tp.float64).numpy()
    wrong = ~np.isclose(got, due, 3e-5, 1e-37, equal_nan=True)
    assert not wrong.any(), (x.numpy()[wrong], got[wrong], due[wrong])
