"""Whole numbers divided and raised, in all pairs of small ones and the ends of the range, by Python's own."""

from __future__ import annotations

import pytest

import tensorplug as tp
from tensorplug_conformance import reference
from tensorplug_conformance.case import FAIL
from tensorplug_conformance.suites import values
from tensorplug_conformance.worker import attempt

OPS = ("floor_divide", "remainder", "fmod", "pow")
DTYPES = ("uint8", "int8", "int32", "int64")


def devices() -> list[str]:
    there = [
        n for n in ("cpu:0", "mirror:0", "opencl:0", "cuda:0") if tp.devices.available(n.partition(":")[0])
    ]
    return [*there, f"{reference.NAME}:0"]  # which has fmod by its decomposition


@pytest.mark.parametrize("device", devices())
def test_pairs_of_whole_numbers(device: str) -> None:
    wanted = {f"S2/{op}/{dtype}/pairs" for op in OPS for dtype in DTYPES}
    chosen = [case for case in values.cases(device, "smoke") if case.id in wanted]
    assert len(chosen) == len(wanted)
    found = {case.id: attempt(case, device) for case in chosen}
    assert not {id: result.message for id, result in found.items() if result.status == FAIL}
