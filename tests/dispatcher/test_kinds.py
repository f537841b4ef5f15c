"""The kinds of arguments have one number each, in Python and in C."""

from __future__ import annotations

import re
from pathlib import Path

from tensorplug_dispatcher import kinds
from tensorplug_dispatcher.kinds import KIND_OF, Kind
from tensorplug_dispatcher.ops import OPS


def test_c_has_the_same_numbers() -> None:
    declared = Path(kinds.__file__).with_name("kinds.pxd").read_text()
    assert {name: int(value) for name, value in re.findall(r"(\w+) = (\d+)", declared)} == Kind.__members__


def test_every_kind_of_a_schema_is_one() -> None:
    used = {p.kind for op in OPS.values() for p in op.parameters}
    assert used >= KIND_OF.keys() - {"Scalar?", "device", "device?"}
    assert all(kind in KIND_OF or not kind.startswith(("Tensor", "device")) for kind in used)
