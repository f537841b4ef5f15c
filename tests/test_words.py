"""What the documentation strings say is complete: shapes, dtypes, what is raised and the source."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

import tensorplug as tp

ROOT = Path(__file__).parents[1]
FRONTEND = ROOT / "frontend/tensorplug"
# beside what is @public: the namespaces whose functions stand in files of their own
NAMESPACES = {"nn.functional": tp.nn.functional, "linalg": tp.linalg}


@cache
def functions() -> dict[str, ast.FunctionDef]:
    """Every public function that is made of ops: those under @public, and those of the namespaces."""
    found = {}
    shown = {n for module in NAMESPACES.values() for n in getattr(module, "__all__", dir(module))}
    for path in sorted(FRONTEND.rglob("*.py")):
        name = path.relative_to(FRONTEND).with_suffix("").as_posix().replace("/", ".")
        inside = name == "linalg" or (name.startswith("nn.") and name.count(".") == 1 and name != "nn.init")
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.FunctionDef) and (
                any(ast.unparse(d).startswith("public(") for d in node.decorator_list)
                or (inside and node.name in shown and not node.name.startswith("_"))
            ):
                found[f"{name}.{node.name}"] = node
    return found


def text_of(name: str) -> str:
    return " ".join((ast.get_docstring(functions()[name]) or "").split())


def speaks_of_tensors(node: ast.FunctionDef) -> bool:
    arguments = [*node.args.args, *node.args.kwonlyargs]
    annotations = [a.annotation for a in arguments if a.annotation] + [node.returns] * bool(node.returns)
    return any("Tensor" in ast.unparse(a) for a in annotations if a is not None)


def raised(node: ast.FunctionDef) -> Iterator[str]:
    """The errors that a function raises by itself."""
    for inner in ast.walk(node):
        if isinstance(inner, ast.Raise) and isinstance(inner.exc, ast.Call):
            name = ast.unparse(inner.exc.func)
            if name[0].isupper():
                yield name


def test_every_function_is_looked_at() -> None:
    seen = {name.rpartition(".")[2] for name in functions()}
    assert len(functions()) > 300
    assert {"add", "einsum", "sort", "cross_entropy", "conv2d", "vector_norm", "save"} <= seen


def test_every_function_says_its_shapes_and_dtypes() -> None:
    silent = [
        name
        for name, node in functions().items()
        if speaks_of_tensors(node) and not ("Shapes: " in text_of(name) and "dtypes: " in text_of(name))
    ]
    assert silent == []


def test_every_function_says_where_it_is_from() -> None:
    assert [name for name in functions() if "Source: " not in text_of(name)] == []


def test_every_function_says_what_it_raises() -> None:
    silent = {
        name: missing
        for name, node in functions().items()
        if (missing := {error for error in raised(node) if error not in text_of(name)})
    }
    assert silent == {}


def test_help_shows_what_the_source_says() -> None:
    assert " ".join((tp.logit.__doc__ or "").split()) == text_of("_arithmetic.logit")


def test_sources_in_pytorch_are_there() -> None:
    torch = pytest.importorskip("torch")
    missing = []
    for name in functions():
        for source in re.findall(r"Source: (torch(?:\.\w+)+)", text_of(name)):
            found: Any = torch
            for part in source.split(".")[1:]:
                found = getattr(found, part, None)
            if found is None:
                missing.append((name, source))
    assert missing == []
