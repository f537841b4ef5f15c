"""What tests of device programs share."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest


@pytest.fixture(params=["cpu", "gpu"])
def variant(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Programs as they are made for processors, and for GPUs."""
    import tensorplug as tp
    from tensorplug_dispatcher import call

    device: Any = tp.device("opencl:0").runtime.opened(0)
    monkeypatch.setattr(device, "target", replace(device.target, kind=request.param))
    call.invalidate()
    yield request.param
    call.invalidate()
