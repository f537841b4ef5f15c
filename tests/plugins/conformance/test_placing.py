"""What lies in memory between and around an operand's numbers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("ml_dtypes")

from tensorplug_conformance.placing import Plan, dense, placed, strange
from tensorplug_conformance.probes import array_of
from tensorplug_dispatcher import dtypes
from tensorplug_dispatcher.dtypes import DType
from tensorplug_dispatcher.ops import F

PLANS = {
    "dense": dense(2),
    "offset": dense(2, 3, 2),
    "pitch": replace(dense(2), pitch=(1, 0)),
    "inner pitch": replace(dense(2), pitch=(0, 2)),
    "backwards": replace(dense(2, 1), order=(1, 0), backwards=(True, False)),
    "repeated": replace(dense(2), repeated=(True, False)),
}


@pytest.mark.parametrize("plan", PLANS.values(), ids=list(PLANS))
@pytest.mark.parametrize("dtype", [dtypes.float32, dtypes.float16, dtypes.int64], ids=str)
def test_nothing_is_left_to_chance(plan: Plan, dtype: DType) -> None:
    """All of the memory holds the operand's numbers or what is strange, whatever was there before."""
    numbers = np.arange(1, 13).reshape(3, 4)
    for _ in range(3):
        np.full(64, 7.5)  # memory that is likely to be given out again
        x = placed(numbers, dtype, plan, "cpu")
        kept = np.broadcast_to(numbers[:1], (3, 4)) if plan.repeated[0] else numbers
        assert (array_of(x) == kept).all()
        size = x.storage.extent // dtype.itemsize
        memory = array_of(F.as_strided(x, (size,), (1,), -x.offset))
        around = memory[~np.isin(memory, numbers)]
        assert memory.size - around.size == np.unique(kept).size
        assert np.isnan(around).all() if dtype.is_floating_point else (around == strange(dtype)).all()
