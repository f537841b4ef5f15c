"""Statements of the builders of device programs, and which of them ran.

``test_variants.py`` asks it of programs that are made, ``tools/variant_coverage.py`` of those that a device
runs.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterable
from pathlib import Path
from types import FrameType
from typing import Any

import tensorplug_codegen.programs as programs

FOLDER = Path(programs.__file__).parent

# lines that no call of the table reaches, by a part of their text
NOT_REACHED: dict[str, str] = {
    "return [], ()": "a product without results",
    "cleared = fill_launch": "a pooling without windows",
    "return None if cleared": "the same",
    "(out.numel // outer, 0)": "a linear layer over nothing",
    "(out.strides[:-1],) * 2": "the same",
}


class Lines:
    """Which lines of the builders ran."""

    def __init__(self) -> None:
        self.ran: set[tuple[str, int]] = set()

    def __enter__(self) -> Lines:
        self.before = sys.gettrace()
        sys.settrace(self._call)
        return self

    def __exit__(self, *_: Any) -> None:
        sys.settrace(self.before)

    def _call(self, frame: FrameType, event: str, arg: Any) -> Any:
        return self._line if frame.f_code.co_filename.startswith(str(FOLDER)) else None

    def _line(self, frame: FrameType, event: str, arg: Any) -> Any:
        self.ran.add((frame.f_code.co_filename, frame.f_lineno))
        return self._line


def statements(file: Path) -> dict[int, str]:
    """First lines of the statements in functions, without those that only define."""
    tree, text = ast.parse(file.read_text()), file.read_text().splitlines()
    found = {}
    for function in ast.walk(tree):
        at_import = getattr(function, "name", "").startswith("thresholds")
        if isinstance(function, (ast.FunctionDef, ast.Lambda)) and not at_import:
            for node in ast.walk(function):
                if isinstance(node, ast.stmt) and not isinstance(node, (ast.FunctionDef, ast.ClassDef)):
                    documentation = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
                    if node is not function and not documentation and not refuses(node):
                        found[node.lineno] = text[node.lineno - 1].strip()
    return found


def refuses(node: ast.stmt) -> bool:
    """Whether a statement says that there is no program, or that there is nothing to do."""
    if isinstance(node, ast.Return) and node.value is not None:
        return ast.unparse(node.value) in ("None", "False", "Program(())")
    return isinstance(node, ast.Raise)


def missing(ran: Iterable[tuple[str, int]], further: Iterable[str] = ()) -> list[str]:
    """``file:line: text`` of each statement that did not run and is not known to be out of reach.

    ``further`` are parts of lines that are out of the caller's reach as well.
    """
    ran, known = set(ran), (*NOT_REACHED, *further)
    return [
        f"{file.name}:{number}: {text}"
        for file in sorted(FOLDER.glob("[a-z]*.py"))
        for number, text in sorted(statements(file).items())
        if (str(file), number) not in ran and not any(part in text for part in known)
    ]
