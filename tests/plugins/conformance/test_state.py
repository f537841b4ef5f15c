"""What the suite of state does before the call that counts."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("ml_dtypes")

from tensorplug_conformance import reference
from tensorplug_conformance.case import PASS
from tensorplug_conformance.suites import state


@pytest.mark.parametrize("device", ["cpu", "mirror"])
def test_operands_are_changed_after_a_call_on_the_device(
    device: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All of them and one at a time, of the host's own device too."""
    called: list[str] = []
    call = state.call

    def noted(name: str, args: Any, where: str) -> Any:
        called.append(where)
        return call(name, args, where)

    monkeypatch.setattr(state, "call", noted)
    case = next(c for c in state.cases(device, "smoke") if c.id == "S2/add/any/state")
    assert case.run(device).status == PASS
    assert called == [reference.NAME, device] * 3
