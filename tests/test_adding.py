"""Adding an op, or a function made of ops, is one place and a few lines: done in a copy, and used there."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROOMS = ("frontend", "dispatcher", "plugins", "tools")

OP = """
    op("softclip(Tensor input, Tensor other)", 4, lambda x, y: x / (1.0 + e.abs_(x) / y),
       {"input": lambda grad, input, other: F.div(grad, F.square(F.add(F.div(F.abs(input), other), 1)))},
       promotion="float", tolerance="div", domain=(0.5, 4.0), no_numbers=_FIRST, also="soft_clip",
       doc="x / (1 + |x| / y): x bounded softly by y."),
"""
COMPOSITE = '''
@public("function", "method", "inplace", out="out", wide=True)
def rescaled(input: Tensor, dim: int = -1, eps: float = 1e-6) -> Tensor:
    """``input`` over its largest absolute value along ``dim``, or over ``eps`` where that is larger.

    Floating, of any shape; the result has that of ``input``. Raises DTypeError for integers.
    """
    check_floating("rescaled", input)
    return F.div(input, F.clamp(F.amax(F.abs(input), dim, True), eps, None))
'''
OP_USE = """
import inspect, tensorplug as tp
x, y = tp.tensor([0.0, 2.0, -2.0], requires_grad=True), tp.tensor([1.0, 1.0, 2.0])
wanted = [0.0, 2 / 3, -1.0]
def close(a): assert max(abs(p - q) for p, q in zip(a.tolist(), wanted)) < 1e-6, a
close(tp.softclip(x, y)); close(x.softclip(y)); close(tp.soft_clip(x, y)); close(x.softclip(other=y))
out = tp.empty(3); assert tp.softclip(x.detach(), y, out=out) is out; close(out)
z = x.detach().clone(); assert z.softclip_(y) is z; close(z)
tp.softclip(x, y).sum().backward()
assert abs(x.grad[1].item() - 1 / 9) < 1e-6
assert "softclip" in tp.__all__ and "softclip_" in dir(x)
"""
COMPOSITE_USE = """
import tensorplug as tp
x = tp.tensor([[1.0, -2.0], [4.0, 2.0]], requires_grad=True)
wanted = [[0.5, -1.0], [1.0, 0.5]]
assert tp.rescaled(x).tolist() == wanted == x.rescaled().tolist()
assert tp.rescaled(x, axis=0).tolist() == [[0.25, -1.0], [1.0, 1.0]]
out = tp.empty(2, 2); assert tp.rescaled(x.detach(), out=out) is out and out.tolist() == wanted
z = x.detach().clone(); assert z.rescaled_() is z and z.tolist() == wanted
assert tp.rescaled(x.detach().half()).dtype is tp.float16
x.rescaled().sum().backward(); assert x.grad is not None
assert "rescaled" in tp.__all__ and {"rescaled", "rescaled_"} <= {*dir(x)}
"""


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    """A copy of what an op and its public names need; what can run uncompiled is not compiled."""
    compiled = shutil.ignore_patterns("*.so", "*.c", "__pycache__")
    for room in ROOMS:
        shutil.copytree(ROOT / room, tmp_path / room, ignore=compiled)
    dispatcher = Path("dispatcher/tensorplug_dispatcher")
    for name in ("interpreter", "_boundary"):  # the boundary to C is compiled in pure mode too
        for path in (ROOT / dispatcher).glob(f"{name}*.so"):
            shutil.copy(path, tmp_path / dispatcher)
    return tmp_path


def insert(path: Path, text: str, before: str) -> None:
    source = path.read_text()
    place = source.rindex(before)
    path.write_text(source[:place] + text.lstrip("\n") + source[place:])


def run(scratch: Path, *command: str) -> None:
    paths = [str(scratch / room) for room in ROOMS if room != "tools"]
    environment = {**os.environ, "TENSORPLUG_PURE": "1", "PYTHONPATH": os.pathsep.join(paths)}
    line = [sys.executable, *command]
    done = subprocess.run(line, cwd=scratch, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_an_elementwise_op_is_one_place_and_ten_lines(scratch: Path) -> None:
    insert(scratch / "dispatcher/tensorplug_dispatcher/ops/elementwise.py", OP, ")\n\nTERNARY")
    assert len(OP.strip().split("\n")) <= 10
    run(scratch, "tools/public_table.py")
    run(scratch, "-c", OP_USE)
    stub = (scratch / "frontend/tensorplug/_generated.pyi").read_text()
    assert "def softclip(input: Tensor, other: Tensor | Number, *, out: Tensor | None = None) ->" in stub
    assert "def softclip_(self, other: Tensor | Number) -> Tensor:" in stub
    functions = (scratch / "dispatcher/tensorplug_dispatcher/_functions.pyi").read_text()
    assert "    softclip: _softclip\n" in functions


def test_a_composite_is_one_place_and_fifteen_lines(scratch: Path) -> None:
    path = scratch / "frontend/tensorplug/_arithmetic.py"
    path.write_text(f"{path.read_text()}\n{COMPOSITE}")
    assert len(COMPOSITE.strip().split("\n")) <= 15
    run(scratch, "tools/public_table.py")
    run(scratch, "-c", COMPOSITE_USE)
    stub = " ".join((scratch / "frontend/tensorplug/_generated.pyi").read_text().split())
    assert "def rescaled_( self, dim: builtins.int = -1, eps: builtins.float = 1e-06," in stub
