"""A wrapped mirror for every test, brought back after it."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from typing import Any

import pytest

import tensorplug as tp
import tensorplug_faults as faults


@pytest.fixture(autouse=True)
def host_may_help() -> Iterator[None]:
    before = tp.devices.host_policy()
    tp.devices.set_host_policy("allow")
    yield
    tp.devices.set_host_policy(before)


def revive() -> None:
    for name in ("faulty-mirror:0", "faulty-mirror:1"):
        health = tp.devices.health(name)
        assert health, str(health)


@pytest.fixture
def device() -> Iterator[Any]:
    faults.wrap("mirror")
    found = tp.device("faulty-mirror:0")
    tp.device("faulty-mirror:1")
    revive()
    yield found
    gc.collect()
    revive()
