"""Rooms are entered from above: no circle among the files of a package, those imports counted that a function
makes when it is called, and few of these.
"""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
# how many imports of the project's own modules stand inside functions, each with its reason beside it
WITHIN_FUNCTIONS = {"dispatcher/tensorplug_dispatcher": 5, "frontend/tensorplug": 10}
# every file of code that is written by hand
FOLDERS = (
    "backends",
    "benchmarks",
    "dispatcher",
    "docs",
    "examples",
    "frontend",
    "plugins",
    "tests",
    "tools",
)
SUFFIXES = {".py", ".pyx", ".pxd", ".c", ".h", ".in", ".sh"}
WRITTEN = ("_generated.py", "_texts.py")  # the first binds names that are found at a call


class Room:
    """The files of a package, and which import which."""

    def __init__(self, folder: Path) -> None:
        self.files = {self._name(folder, path): path for path in sorted(folder.rglob("*.py"))}
        self.imports: dict[str, set[str]] = {name: set() for name in self.files}
        self.within: list[str] = []  # "file:line" of those inside functions
        for name, path in self.files.items():
            self._read(name, path)

    @staticmethod
    def _name(folder: Path, path: Path) -> str:
        parts = (folder.name, *path.relative_to(folder).with_suffix("").parts)
        return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)

    def _read(self, name: str, path: Path) -> None:
        tree = ast.parse(path.read_text())
        for_types = {
            id(inner)
            for node in ast.walk(tree)
            if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
            for inner in ast.walk(node)
        }
        inside = {
            id(inner)
            for node in ast.walk(tree)
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
            for inner in ast.walk(node)
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "later":
                self._late(name, node)
            if not isinstance(node, (ast.Import, ast.ImportFrom)) or id(node) in for_types:
                continue
            wanted = self._wanted(name, path, node)
            self.imports[name] |= wanted & self.files.keys() - {name}
            if id(node) in inside and any(module.startswith("tensorplug") for module in wanted):
                self.within.append(f"{path.name}:{node.lineno}")

    def _late(self, name: str, node: ast.Call) -> None:
        """``later(".module", "name")``: an import at the first call."""
        if self.files[name].name in WRITTEN:
            return
        module = node.args[0].value if isinstance(node.args[0], ast.Constant) else ""
        full = f"{name.split('.')[0]}{module}" if module.startswith(".") else module
        self.imports[name] |= {full} & self.files.keys() - {name}

    def _wanted(self, name: str, path: Path, node: ast.Import | ast.ImportFrom) -> set[str]:
        if isinstance(node, ast.Import):
            return {alias.name for alias in node.names}
        base = node.module or ""
        if node.level:
            package = name.split(".") if path.name == "__init__.py" else name.split(".")[:-1]
            above = package[: len(package) - node.level + 1]
            base = ".".join([*above, base] if base else above)
        return {f"{base}.{a.name}" if f"{base}.{a.name}" in self.files else base for a in node.names}

    def circle(self) -> list[str]:
        """Files that import each other in turn, the first again at the end; empty where there are none."""
        done: set[str] = set()

        def walk(name: str, way: tuple[str, ...]) -> list[str]:
            if name in way:
                return [*way[way.index(name) :], name]
            if name in done:
                return []
            for other in sorted(self.imports[name]):
                if found := walk(other, (*way, name)):
                    return found
            done.add(name)
            return []

        for name in sorted(self.files):
            if found := walk(name, ()):
                return found
        return []


@cache
def room_of(folder: str) -> Room:
    return Room(ROOT / folder)


@pytest.mark.parametrize("folder", WITHIN_FUNCTIONS)
def test_no_file_imports_what_imports_it(folder: str) -> None:
    assert room_of(folder).circle() == []


@pytest.mark.parametrize("folder", WITHIN_FUNCTIONS)
def test_few_imports_stand_inside_functions(folder: str) -> None:
    within = room_of(folder).within
    assert len(within) <= WITHIN_FUNCTIONS[folder], within


def sources() -> list[Path]:
    """What is written by hand and is code, in whatever language."""
    found = [path for folder in FOLDERS for path in (ROOT / folder).rglob("*")]
    return [
        path
        for path in (*ROOT.glob("*.py"), *found)
        if path.suffix in SUFFIXES
        and path.name not in (*WRITTEN, "_boundary.c")
        and "generated" not in path.parts
    ]


def test_no_file_is_longer_than_600_lines() -> None:
    lines = {str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in sources()}
    assert len(lines) > 500 and {Path(name).suffix for name in lines} == SUFFIXES
    assert {name: count for name, count in lines.items() if count > 600} == {}


def test_no_kernel_file_calls_what_calls_it() -> None:
    """Files of C: one defines ``tp_name(...) {`` at the left margin, another calls it."""
    files = sorted((ROOT / "backends/cpu/tensorplug_cpu/native").glob("*.c"))
    texts = {path.name: path.read_text() for path in files}
    defined = {
        function: name
        for name, text in texts.items()
        for function in re.findall(r"^(?!static)\w[\w \*]*\b(tp_\w+)\([^;{]*\) \{", text, re.M)
    }
    room = object.__new__(Room)
    room.files = {path.name: path for path in files}
    room.imports = {
        name: {defined[f] for f in re.findall(r"\b(tp_\w+)\(", text) if f in defined} - {name}
        for name, text in texts.items()
    }
    assert len(defined) > 40 and any(room.imports.values())
    assert room.circle() == []


def test_a_circle_through_a_function_is_seen(tmp_path: Path) -> None:
    folder = tmp_path / "house"
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    (folder / "above.py").write_text("from . import below\n")
    (folder / "below.py").write_text("def late():\n    from .above import below\n    return below\n")
    assert Room(folder).circle() == ["house.above", "house.below", "house.above"]
