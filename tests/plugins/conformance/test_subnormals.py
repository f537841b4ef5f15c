"""A device may declare that it takes subnormal numbers as zeros; then these, and no others, may be zero."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tensorplug_conformance import samples, tolerance
from tensorplug_conformance.suites import ops
from tensorplug_dispatcher import dtypes
from tensorplug_dispatcher.op import Input
from tensorplug_dispatcher.ops import OPS


@pytest.mark.parametrize(
    ("got", "exact", "flush", "right"),
    [
        (0.0, 1e-40, True, True),
        (0.0, 1e-40, False, False),
        (1e-40, 1e-40, True, True),
        (5e-39, 1e-40, True, False),
        (0.0, 2e-38, True, False),
        (0.0, math.nan, True, False),
    ],
)
def test_what_may_be_zero(got: float, exact: float, flush: bool, right: bool) -> None:
    found = tolerance.compared(OPS["exp"], "float32", np.array([got]), np.array([exact]), [], flush)
    assert (not found.message) == right


def test_operands_are_zeros_of_their_sign() -> None:
    given = Input((4,), values=(1e-40, -1e-40, 1e-37, math.nan))
    (plain,) = samples.operands([given], dtypes.float32, "key", "cpu")
    (flushed,) = samples.operands([given], dtypes.float32, "key", "cpu", flush=True)
    assert plain[0].item() != 0 and flushed[2].item() == plain[2].item() and math.isnan(flushed[3].item())
    assert [math.copysign(1, v) for v in flushed.tolist()[:2]] == [1, -1] and flushed[:2].tolist() == [0, 0]


def test_devices_that_say_nothing_keep_them() -> None:
    assert not ops.flushes("cpu:0")
