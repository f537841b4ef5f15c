"""Who imports whom in the frontend, from the syntax of its files: no circle, no import in a function."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROOM = ROOT / "frontend"
OURS = ("tensorplug", "tensorplug_dispatcher", "tensorplug_layers", "tensorplug_conformance")
ALLOWED = 10  # imports of our own modules in functions; today there is none


def name_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOM).with_suffix("").parts).removesuffix(".__init__")


FILES = {name_of(path): path for path in sorted(ROOM.rglob("*.py"))}


def running(node: ast.AST) -> Iterator[ast.AST]:
    """The nodes below ``node`` without what stands under ``if TYPE_CHECKING``, which never runs."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING":
            for other in child.orelse:
                yield from running(other)
        else:
            yield child
            yield from running(child)


def targets(node: ast.AST, package: str) -> Iterator[str]:
    """The modules that an import names, or ``later(".module", "name")``."""
    if isinstance(node, ast.Import):
        yield from [alias.name for alias in node.names]
    elif isinstance(node, ast.ImportFrom):
        parts = package.split(".")
        base = ".".join(parts[: len(parts) + 1 - node.level]) if node.level else ""
        full = ".".join(filter(None, [base, node.module]))
        for alias in node.names:
            one = f"{full}.{alias.name}"
            yield one if one in FILES else full
    elif isinstance(node, ast.Call) and ast.unparse(node.func) == "later" and node.args:
        if isinstance(node.args[0], ast.Constant):
            yield f"tensorplug{node.args[0].value}" if node.args[0].value[0] == "." else node.args[0].value


def package_of(name: str) -> str:
    return name if FILES[name].name == "__init__.py" else name.rpartition(".")[0]


def graph() -> dict[str, set[str]]:
    """The frontend's files and the files that each imports, in functions too, or has imported by ``later``.

    ``_generated`` is left alone in the latter: it binds names that are found at a call, and is nobody's part.
    """
    made: dict[str, set[str]] = {}
    for name, path in FILES.items():
        nodes = list(running(ast.parse(path.read_text())))
        if name == "tensorplug._generated":
            nodes = [n for n in nodes if not isinstance(n, ast.Call)]
        made[name] = {t for n in nodes for t in targets(n, package_of(name)) if t in FILES} - {name}
    return made


def circles(edges: dict[str, set[str]]) -> list[list[str]]:
    """The files that are tied in circles: those that reach themselves."""
    reached = {name: set(ends) for name, ends in edges.items()}
    changed = True
    while changed:
        changed = False
        for ends in reached.values():
            more = set().union(*[reached[end] for end in ends]) - ends if ends else set()
            changed = changed or bool(more)
            ends |= more
    tied = [name for name in edges if name in reached[name]]
    return [tied] if tied else []


def test_no_circle_among_the_files_of_the_frontend() -> None:
    assert circles(graph()) == []


def test_a_circle_is_found() -> None:
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}}) == [["a", "b", "c"]]
    assert circles({"a": {"b"}, "b": set()}) == []


def hidden() -> list[str]:
    """The imports of our own modules inside functions."""
    found: set[str] = set()
    for name, path in FILES.items():
        for function in ast.walk(ast.parse(path.read_text())):
            if isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
                nodes = [n for n in ast.walk(function) if isinstance(n, (ast.Import, ast.ImportFrom))]
                for node in nodes:
                    if any(t.split(".")[0] in OURS for t in targets(node, package_of(name))):
                        found.add(f"{path.relative_to(ROOT)}:{node.lineno}: {ast.unparse(node)}")
    return sorted(found)


def test_hardly_an_import_is_hidden_in_a_function() -> None:
    assert len(hidden()) <= ALLOWED, "\n".join(hidden())


LINES = ["from . import nn", "import tensorplug.nn", "from tensorplug_layers import x"]


@pytest.mark.parametrize("line", LINES)
def test_a_hidden_import_is_seen(line: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = ROOM / "tensorplug/imaginary.py"
    monkeypatch.setattr(Path, "read_text", lambda self: f"def f():\n    {line}\n")
    monkeypatch.setitem(FILES, "tensorplug.imaginary", path)
    assert any("imaginary.py:2" in one for one in hidden())
