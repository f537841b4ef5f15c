"""What compiled code runs, it holds: another thread may replace it where Python runs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
GENERATED = sorted((ROOT / "build").glob("*/tensorplug_*/*.c"))

# A method of a compiled class that is called on what an attribute holds: Cython takes no reference for it.
BORROWED = re.compile(r"__pyx_v_(\w+)->(\w+)\)*->__pyx_vtab\)*->(\w+)\(")

CONSTANT = {  # set once, when their owner is made, and held by it; the owner is held by whoever calls it
    ("plans", "self", "device"),
    ("tape", "self", "inner"),
    ("tape", "self", "rule"),
}


@pytest.mark.skipif(not GENERATED, reason="nothing was compiled here")
def test_no_method_is_called_on_what_an_attribute_alone_holds() -> None:
    found = {
        (path.stem, owner, attribute)
        for path in GENERATED
        if path.with_suffix("").name in {p.stem for p in ROOT.glob("*/tensorplug_*/*.pxd")}
        for owner, attribute, _ in BORROWED.findall(path.read_text(errors="replace"))
    }
    assert found <= CONSTANT, (
        f"{sorted(found - CONSTANT)}: put the attribute's value into a variable first, which holds it"
    )
