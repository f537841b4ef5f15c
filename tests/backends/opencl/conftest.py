"""What tests of device programs share."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest


@pytest.fixture(params=["cpu", "gpu"])
def variant(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Programs as they are made for processors, and for GPUs."""
    yield from made_for(request.param, monkeypatch)


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Programs as they are made for GPUs."""
    yield from made_for("gpu", monkeypatch)


def made_for(kind: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    import tensorplug as tp
    from tensorplug_dispatcher import epoch

    device: Any = tp.device("opencl:0").runtime.opened(0)
    monkeypatch.setattr(device, "target", replace(device.target, kind=kind))
    epoch.invalidate()
    yield kind
    epoch.invalidate()
