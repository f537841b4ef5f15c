"""Calls on an OpenCL device next to the CPU's in float64."""

from __future__ import annotations

from typing import Any

import numpy as np

import tensorplug as tp
from tensorplug_dispatcher.explanation import report
from tensorplug_dispatcher.ops import F
from tensorplug_dispatcher.tensor import TensorBase

DEVICE = "opencl:0"


def values(shape: tuple[int, ...], seed: int = 3, low: float = -8.0, high: float = 8.0) -> Any:
    return tp.from_numpy(np.random.default_rng(seed).uniform(low, high, shape).astype(np.float32))


def native(op: str) -> int:
    """How often a program of its own has run."""
    return sum(
        calls for name, kind, path, _, calls in report() if (name, kind, path) == (op, "opencl", "native")
    )


def check(op: str, *args: Any, tolerance: float = 2e-6) -> None:
    """``args`` in the schema's order. ``tolerance`` is relative to the largest result,
    that of one result 50 times as much.
    """

    def results(how: Any) -> tuple[Any, ...]:
        found = getattr(F, op)(*(how(a) if isinstance(a, TensorBase) else a for a in args))
        return found if isinstance(found, tuple) else (found,)

    def wide(tensor: Any) -> Any:
        return tensor.double() if tensor.dtype.is_floating_point else tensor

    before = native(op)
    got = results(lambda tensor: tensor.to(DEVICE))
    assert native(op) == before + 1
    for mine, exact in zip(got, results(wide), strict=True):
        seen, right = mine.cpu().double().numpy(), exact.numpy()
        assert seen.shape == right.shape
        scale = max(1.0, float(np.nanmax(np.abs(right), initial=0, where=np.isfinite(right))))
        np.testing.assert_allclose(seen, right, rtol=50 * tolerance, atol=tolerance * scale, equal_nan=True)
