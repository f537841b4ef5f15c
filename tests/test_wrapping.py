"""Text is wrapped where a clause ends: in messages, documentation strings and comments of the whole tree."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def tool() -> Any:
    sys.path.insert(0, str(ROOT / "tools"))
    try:
        import wrapping
    finally:
        sys.path.pop(0)
    return wrapping


def test_nothing_is_wrapped_in_mid_clause(tool: Any) -> None:
    files = tool.files()
    assert len(files) > 300
    wrong = [f"{path.relative_to(ROOT)}:{what}" for path in files for what in tool.find(path)]
    assert wrong == [], "see tools/wrapping.py"


CUT = {
    "a message is cut": [
        'text = (\n    f"{name}() takes {count} arguments; "\n    f"its "\n    f"signature is {given}"\n)',
        'text = (\n    "one piece that ends so early "\n    "nobody knows why"\n)',
    ],
    "a line is cut": [
        'def f():\n    """Something.\n\n    A paragraph that ends very\n    early and goes on.\n    """',
        "# a comment that ends very\n# early\nx = 1",
    ],
    "a first sentence breaks": [
        'def f():\n    """' + "Words " * 16 + 'whole\n    number.\n    """',
    ],
}


@pytest.mark.parametrize("kind", CUT)
def test_each_kind_is_found(tool: Any, tmp_path: Path, kind: str) -> None:
    for text in CUT[kind]:
        path = tmp_path / "some.py"
        path.write_text(text + "\n")
        assert [what for what in tool.find(path) if kind in what], text


def test_text_that_ends_where_a_clause_does_is_left_alone(tool: Any, tmp_path: Path) -> None:
    path = tmp_path / "some.py"
    long = "give something else, " * 4
    path.write_text(
        'def f():\n    """What it is:\n    which is more."""\n'
        f'    raise ValueError(\n        f"this is wrong; "\n        f"{long}"\n    )\n'
    )
    assert tool.find(path) == []
