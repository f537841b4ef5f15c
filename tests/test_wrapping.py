"""Text is wrapped where a clause ends: in messages, documentation strings and comments of the whole tree."""

from __future__ import annotations

from pathlib import Path

import pytest
import wrapping

ROOT = Path(__file__).parents[1]


def test_nothing_is_wrapped_in_mid_clause() -> None:
    files = wrapping.files()
    assert len(files) > 300
    wrong = [f"{path.relative_to(ROOT)}:{what}" for path in files for what in wrapping.find(path)]
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
def test_each_kind_is_found(tmp_path: Path, kind: str) -> None:
    for text in CUT[kind]:
        path = tmp_path / "some.py"
        path.write_text(text + "\n")
        assert [what for what in wrapping.find(path) if kind in what], text


def test_text_that_ends_where_a_clause_does_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "some.py"
    long = "give something else, " * 4
    path.write_text(
        'def f():\n    """What it is:\n    which is more."""\n'
        f'    raise ValueError(\n        f"this is wrong; "\n        f"{long}"\n    )\n'
    )
    assert wrapping.find(path) == []
