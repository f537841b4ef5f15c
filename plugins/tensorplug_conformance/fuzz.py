"""Sequences of ops with views and in-place writes, drawn at random, on two devices that must agree.

A program is a list of choices; ``render`` makes lines of Python of it, whatever the numbers are, so that
Hypothesis can shrink any failure. What a program's tensors hold are whole numbers below ``SPAN``, exact in
every dtype that takes part: two devices agree to the bit. Functions that round are applied where a tensor is
read, and compared within a tolerance. A failure is written as a file that needs nothing but tensorplug.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import tensorplug as tp

Choice = tuple[int, int, int, int]

SPAN: Final = 61
DTYPES: Final = ("float32", "int64", "int32", "float16")
SHAPES: Final = ((3, 4), (4,), (2, 3, 4), (1, 4), (5, 3), (), (3, 4), (4,), (2, 3, 4), (5, 263), (1031,))
MAKE, VIEW, WRITE, COMPUTE, REDUCE, INDEX, READ, DROP = range(8)
BINARY: Final = ("add", "sub", "mul", "maximum", "minimum")
UNARY: Final = ("neg", "abs", "clone", "sign")
REDUCTIONS: Final = ("sum", "amax", "amin", "cumsum", "argmax", "sort")
ROUNDING: Final = ("tanh", "exp", "sqrt", "mean", "softmax", "log1p")
LONGEST: Final = 4200  # elements of a result

PRELUDE: Final = '''
import contextlib
import warnings

import tensorplug as tp


@contextlib.contextmanager
def step(seen):
    """A call that raises must raise the same elsewhere."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except (RuntimeError, IndexError, TypeError, ValueError) as error:
        seen.append(type(error).__name__)


def numbers(count, seed, dtype):
    """Whole numbers, the same for the same seed."""
    found = [(seed * 37 + i * (11 + seed % 7)) % 121 - 60 for i in range(count)]
    return tp.tensor(found, dtype=getattr(tp, dtype))


def same(a, b, near):
    if isinstance(a, str) or isinstance(b, str):
        return a == b
    if a.shape != b.shape or a.dtype is not b.dtype:
        return False
    a, b = a.cpu().to(tp.float64), b.cpu().to(tp.float64)
    far = (a - b).abs() > (near * (1 + b.abs()) if near else tp.zeros_like(b))
    return not bool((far & ~((a == b) | ((a != a) & (b != b)))).any())
'''

MAIN: Final = """

if __name__ == "__main__":
    here, there = program("{device}"), program("{other}")
    for (line, near, a), (_, _, b) in zip(here, there, strict=True):
        assert same(a, b, near), f"{{line}}\\n{device}: {{a}}\\n{other}: {{b}}"
"""


@dataclass(frozen=True, slots=True)
class Failure:
    """A program on which two devices differ: its lines, and what differs."""

    lines: tuple[str, ...]
    message: str

    def file(self, device: str, other: str) -> str:
        """The text of a file that shows it."""
        body = "\n".join(f"    {line}" for line in ("seen, out = [], []", *self.lines, *_END))
        head = f'"""{device} and {other} differ: run this file."""\n'
        return (
            head + PRELUDE + f"\n\ndef program(device):\n{body}\n" + MAIN.format(device=device, other=other)
        )


_END: Final = (
    "for name, value in list(locals().items()):",
    '    if name.startswith("t") and name[1:].isdigit():',
    "        out.append((name, 0, value.cpu()))",
    "return [*out, *(('raised', 0, name) for name in seen)]",
)


class _Program:
    """Lines as they are made; shapes and dtypes are those of tensors on the host."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.scope: dict[str, Any] = dict(_prelude(), device="cpu", seen=[], out=[])
        self.names: list[str] = []
        self.made = 0

    def run(self, line: str) -> None:
        self.lines.append(line)
        exec(line, self.scope)  # lines that this module wrote

    def new(self, expression: str) -> None:
        """Name a result, if the call gives one that is small enough."""
        name = f"t{self.made}"
        self.run(f"with step(seen): {name} = {expression}")
        self.made += 1
        if name in self.scope:
            if self.scope[name].numel() > LONGEST:
                self.run(f"del {name}")
            else:
                self.names.append(name)

    def pick(self, place: int) -> str:
        return self.names[place % len(self.names)]

    def tensor(self, name: str) -> Any:
        return self.scope[name]


def _prelude() -> dict[str, Any]:
    scope: dict[str, Any] = {}
    exec(PRELUDE, scope)
    return scope


def _make(p: _Program, a: int, b: int, c: int) -> None:
    shape, dtype = SHAPES[a % len(SHAPES)], DTYPES[b % len(DTYPES)]
    count = 1
    for n in shape:
        count *= n
    p.new(f"numbers({count}, {c}, {dtype!r}).reshape({shape}).to(device)")


def _view(p: _Program, a: int, b: int, c: int) -> None:
    name = p.pick(a)
    x = p.tensor(name)
    if x.ndim == 0:
        p.new(f"{name}.expand({2 + b % 3})")
        return
    d, n = c % x.ndim, x.shape[c % x.ndim]
    p.new(
        (
            f"{name}.transpose({d}, -1)",
            f"{name}.narrow({d}, {b % max(n, 1)}, {max(n - b % max(n, 1), 0)})",
            f"{name}.select({d}, {b % max(n, 1)})",
            f"{name}[..., ::{2 + b % 2}]",
            f"{name}.unsqueeze({d})",
            f"{name}.expand({(2 + b % 2, *x.shape)})",
            f"{name}.reshape(-1)",
            f"{name}[{b % 2}:, ...]",
            f"{name}.diagonal()" if x.ndim > 1 else f"{name}.unfold(0, {1 + b % 2}, 1)",
            f"{name}.flip({d})",
        )[(b + c) % 10]
    )


def _write(p: _Program, a: int, b: int, c: int) -> None:
    name, other = p.pick(a), p.pick(b)
    op = BINARY[c % len(BINARY)]
    line = (
        f"{name}.{op if op in ('add', 'sub', 'mul') else 'add'}_({other}).remainder_({SPAN})",
        f"{name}.copy_({other})",
        f"{name}.fill_({c % 50})",
        f"{name}.masked_fill_({name} > {c % 20}, {b % 9})",
        f"tp.{op}({name}, {other}, out={name}).remainder_({SPAN})",
        f"{name}[..., :1] = {c % 30}",
    )[(a + c) % 6]
    p.run(f"with step(seen): {line}")


def _compute(p: _Program, a: int, b: int, c: int) -> None:
    name, other = p.pick(a), p.pick(b)
    x, y = p.tensor(name), p.tensor(other)
    if c % 4 == 0:
        p.new(f"{name}.{UNARY[b % len(UNARY)]}()")
    elif c % 4 == 1 and x.ndim == y.ndim == 2 and x.dtype is y.dtype and x.dtype is not tp.float16:
        p.new(f"({name} @ {other}).remainder({SPAN})")
    elif c % 4 == 2:
        p.new(f"tp.where({name} > {other}, {name}, {other})")
    else:
        p.new(f"tp.{BINARY[c % len(BINARY)]}({name}, {other}).remainder({SPAN})")


def _reduce(p: _Program, a: int, b: int, c: int) -> None:
    name = p.pick(a)
    op, x = REDUCTIONS[b % len(REDUCTIONS)], p.tensor(name)
    dim = c % max(x.ndim, 1)
    if op == "sort":
        p.new(f"{name}.sort({dim}, stable=True).values")
    elif op in ("sum", "cumsum") and x.dtype is tp.float16:
        p.new(f"{name}.to(tp.int32).{op}({dim}).remainder({SPAN})")
    elif op in ("sum", "cumsum"):
        p.new(f"{name}.{op}({dim}).remainder({SPAN})")
    else:
        p.new(f"{name}.{op}({dim})")


def _index(p: _Program, a: int, b: int, c: int) -> None:
    name = p.pick(a)
    x = p.tensor(name)
    dim = b % max(x.ndim, 1)
    n = max(x.shape[dim], 1) if x.ndim else 1
    places = f"tp.tensor([{c % n}, {(c + b) % n}, {c % n}]).to(device)"
    line = (
        f"{name}.index_select({dim}, {places})",
        f"tp.cat([{name}, {name}], {dim})",
        f"{name}.index_add({dim}, {places}, {name}.index_select({dim}, {places})).remainder({SPAN})",
        f"{name}.roll({c % 5}, {dim})",
        f"{name}.nonzero()",
        f"tp.stack([{name}, {name}], {dim})",
    )[(b + c) % 6]
    p.new(line)


def _read(p: _Program, a: int, b: int, c: int) -> None:
    name = p.pick(a)
    op = ROUNDING[b % len(ROUNDING)]
    value = f"{name}.float()" + (".abs()" if op in ("sqrt", "log1p") else "")
    value = f"({value} / 16)" if op in ("exp", "tanh", "softmax") else value
    call = f"tp.softmax({value}, -1)" if op == "softmax" else f"{value}.{op}()"
    p.run(f"with step(seen): out.append(({call!r}, 1e-4, {call}.cpu()))")


def _drop(p: _Program, a: int, b: int, c: int) -> None:
    if len(p.names) > 2:
        name = p.names.pop(a % len(p.names))
        p.run(f"del {name}")


STEPS: Final[tuple[Callable[[_Program, int, int, int], None], ...]] = (
    _make,
    _view,
    _write,
    _compute,
    _reduce,
    _index,
    _read,
    _drop,
)


def render(program: list[Choice]) -> tuple[list[str], list[Any]]:
    """A program's lines, and what it gives on the host."""
    p = _Program()
    _make(p, 0, 0, 1)
    for kind, a, b, c in program:
        STEPS[kind](p, a, b, c)
    return p.lines, _outcome(p.scope)


def _outcome(scope: dict[str, Any]) -> list[Any]:
    """What a program has read, its tensors at the end, and what it raised: (what, how near, value)."""
    kept = [(n, 0, v.cpu()) for n, v in scope.items() if n.startswith("t") and n[1:].isdigit()]
    return [*scope["out"], *kept, *(("raised", 0, name) for name in scope["seen"])]


def execute(lines: list[str], device: str) -> list[Any]:
    """What a program's lines give on a device."""
    scope: dict[str, Any] = dict(_prelude(), device=device, seen=[], out=[])
    for line in lines:
        exec(line, scope)
    return _outcome(scope)


def compare(lines: list[str], device: str, other: str) -> Failure | None:
    """How two devices differ on a program, None where they agree."""
    here, there = execute(lines, device), execute(lines, other)
    near_enough = _prelude()["same"]
    for (what, near, a), (_, _, b) in zip(here, there, strict=False):
        if not near_enough(a, b, near):
            return Failure(tuple(lines), f"{what} is {_shown(a)} on {device} and {_shown(b)} on {other}")
    if len(here) != len(there):
        return Failure(tuple(lines), f"{device} gives {len(here)} results and {other} {len(there)}")
    return None


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else f"{value.dtype} {value.tolist()}"[:200]


def folder() -> Path:
    """Where failures are kept, to be tried again before anything new: ``TENSORPLUG_CACHE``, or the user's."""
    base = os.environ.get("TENSORPLUG_CACHE") or os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser() / "tensorplug" / "fuzz"


def fuzz(device: str, other: str, seed: int, count: int, keep: Path | None = None) -> Failure | None:
    """Run ``count`` programs on two devices; the smallest on which they differ, None where they always agree.

    Failures of earlier runs, kept under ``keep``, are tried first. Needs Hypothesis.
    """
    import hypothesis
    from hypothesis import strategies as st

    store = (folder() if keep is None else keep) / f"{device}-{other}".replace(":", "_")
    for path in sorted(store.glob("*.json")):
        failure = compare(render(json.loads(path.read_text()))[0], device, other)
        if failure is not None:
            return failure

    found: list[tuple[list[Choice], Failure]] = []
    small = st.integers(0, 59)
    choice = st.tuples(st.integers(0, len(STEPS) - 1), small, small, small)

    @hypothesis.seed(seed)
    @hypothesis.settings(
        max_examples=count,
        deadline=None,
        database=None,
        suppress_health_check=list(hypothesis.HealthCheck),
        print_blob=False,
        report_multiple_bugs=False,
    )
    @hypothesis.given(st.lists(choice, min_size=1, max_size=16))
    def agree(program: list[Choice]) -> None:
        lines, _ = render(program)
        failure = compare(lines, device, other)
        if failure is not None:
            found.append((program, failure))
            raise AssertionError(failure.message)

    try:
        agree()
    except AssertionError:
        program, failure = found[-1]  # Hypothesis ends with the smallest
        store.mkdir(parents=True, exist_ok=True)
        text = json.dumps(program)
        (store / f"{hashlib.sha256(text.encode()).hexdigest()[:16]}.json").write_text(text)
        return failure
    return None


def save(failure: Failure, device: str, other: str, where: Path) -> Path:
    """Write the file that shows a failure; its name follows from its content."""
    text = failure.file(device, other)
    where.mkdir(parents=True, exist_ok=True)
    name = f"fuzz_{device}_{other}_{hashlib.sha256(text.encode()).hexdigest()[:8]}.py".replace(":", "_")
    path = where / name
    path.write_text(text)
    return path
