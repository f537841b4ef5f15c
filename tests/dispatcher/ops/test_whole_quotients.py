"""Derivatives that count how often a divisor fits: a quotient just below a number is not rounded up to it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tensorplug as tp

RNG = np.random.default_rng(7)
WHOLE = {"fmod": np.trunc, "remainder": np.floor}


@pytest.mark.parametrize("name", WHOLE)
@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
def test_the_divisor_of_a_remainder(name: str, dtype: str) -> None:
    kind = getattr(tp, dtype)
    a, b = (tp.tensor(RNG.uniform(-4, 4, 20_000)).to(kind) for _ in range(2))
    b.requires_grad_(True)
    getattr(tp, name)(a, b).sum().backward()

    def exact(x: Any) -> Any:
        return x.detach().to(tp.float64).numpy()

    due = tp.tensor(-WHOLE[name](exact(a) / exact(b))).to(kind)
    assert (b.grad == due).all()
