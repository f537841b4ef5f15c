"""Every size at which the generator of device programs chooses is declared. Needs no device."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import tensorplug_codegen.programs as programs

FOLDER = Path(programs.__file__).parent

# constants that are no sizes of a call at which the way changes, or are crossed otherwise
NOT_DECLARED = {
    "MAX_DIMS": "dimensions, not elements",
    "STREAM_BYTES": "32 MiB: tests/backends/opencl/test_streaming.py makes it small",
    "PANELS": "bytes of scratch: tests/backends/opencl/test_products.py cuts images",
    "LARGEST_EXACT": "bounds of numbers that are drawn",
}


def constants(tree: ast.Module) -> Iterator[str]:
    """Names of a module's integers: ``ROWS: Final = 8``, ``WORK: Final = 1 << 15``."""
    for node in tree.body:
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value is not None:
            parts = list(ast.walk(node.value))
            if all(isinstance(p, (ast.Constant, ast.BinOp, ast.operator)) for p in parts) and any(
                isinstance(p, ast.Constant) and type(p.value) is int for p in parts
            ):
                yield node.target.id


def declared_names(tree: ast.Module) -> set[str]:
    """Names that stand in a Threshold."""
    calls = [
        n for n in ast.walk(tree) if isinstance(n, ast.Call) and getattr(n.func, "id", "") == "Threshold"
    ]
    return {n.id for found in calls for arg in found.args for n in ast.walk(arg) if isinstance(n, ast.Name)}


def test_constants_that_decide_are_declared() -> None:
    trees = [ast.parse(file.read_text()) for file in sorted(FOLDER.glob("*.py"))]
    known = {name for tree in trees for name in constants(tree)}
    assert len(known) > 30
    declared = set().union(*map(declared_names, trees))
    assert known - declared == set(NOT_DECLARED)
