"""The column ``shapes`` of the op table as something that can be held against a call.

``input [*A, n at dim, *B], index integer [m] -> values [*A, m, *B], indices int64 [*A, m, *B]``: operands
bind letters; results are Python's list displays over them, over the op's attributes and ``FUNCTIONS``. A
letter that no operand binds is bound by the first result that has it.
"""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

Shape = tuple[int, ...]
DTYPE_WORDS = {
    "integer": ("int32", "int64"),
    "floating": ("float16", "bfloat16", "float32", "float64"),
    **{n: (n,) for n in ("bool", "uint8", "int8", "int32", "int64", "float32")},
}


class Mismatch(Exception):
    """A shape that is not as the column says."""


def reduced(shape: Shape, dim: Any, keepdim: bool = False) -> Shape:
    dims = range(len(shape)) if dim is None or dim == () else (dim,) if isinstance(dim, int) else dim
    gone = {d % max(len(shape), 1) for d in dims}
    return tuple(1 if i in gone else n for i, n in enumerate(shape) if keepdim or i not in gone)


def without(shape: Shape, *dims: int) -> Shape:
    return reduced(shape, dims)


def swapped(shape: Shape, a: int, b: int) -> Shape:
    made = list(shape)
    if made:
        made[a], made[b] = made[b], made[a]
    return tuple(made)


def moved(shape: Shape, source: Sequence[int], destination: Sequence[int]) -> Shape:
    count = len(shape)
    if not count:
        return shape
    places = {d % count: s % count for s, d in zip(source, destination, strict=True)}
    rest = iter(i for i in range(count) if i not in places.values())
    return tuple(shape[places[i] if i in places else next(rest)] for i in range(count))


def inserted(shape: Shape, dim: int, size: int) -> Shape:
    place = dim % (len(shape) + 1)
    return (*shape[:place], size, *shape[place:])


def squeezed(shape: Shape, dim: Any) -> Shape:
    dims = range(len(shape)) if dim is None else (dim,) if isinstance(dim, int) else dim
    gone = {d % max(len(shape), 1) for d in dims}
    return tuple(n for i, n in enumerate(shape) if i not in gone or n != 1)


def broadcast(*shapes: Shape) -> Shape:
    columns = zip_longest(*[s[::-1] for s in shapes], fillvalue=1)
    return tuple(next((n for n in sizes if n != 1), 1) for sizes in columns)[::-1]


def along(shape: Shape, index: Shape, dim: int) -> Shape:
    made = list(broadcast(without(shape, dim), without(index, dim)))
    made.insert(dim % len(index), index[dim])
    return tuple(made)


def repeated(shape: Shape, repeats: Sequence[int]) -> Shape:
    count = max(len(shape), len(repeats))
    sizes, times = (1,) * (count - len(shape)) + shape, (1,) * (count - len(repeats)) + tuple(repeats)
    return tuple(n * r for n, r in zip(sizes, times, strict=True))


def interleaved(shape: Shape, repeats: int, dim: int | None) -> Shape:
    if dim is None:
        return (math.prod(shape) * repeats,)
    return tuple(n * repeats if i == dim % len(shape) else n for i, n in enumerate(shape))


def padded(shape: Shape, pad: Sequence[int]) -> Shape:
    made = list(shape)
    for i in range(len(pad) // 2):
        made[-1 - i] += pad[2 * i] + pad[2 * i + 1]
    return tuple(made)


FUNCTIONS: Mapping[str, Any] = {
    f.__name__: f
    for f in (
        *(reduced, without, swapped, moved, inserted, squeezed, broadcast, along, repeated, interleaved),
        *(padded, math.ceil, len, sum),
    )
}


@dataclass(frozen=True)
class Term:
    """One operand or result: ``indices int64 [*A, k]``; ``sizes`` None where anything may stand."""

    name: str
    dtype: str
    sizes: str | None


def pieces(text: str) -> list[str]:
    """What stands between commas that are in no brackets."""
    found, depth = [""], 0
    for letter in text:
        depth += (letter in "[(") - (letter in ")]")
        if letter == "," and not depth:
            found.append("")
        else:
            found[-1] += letter
    return [part.strip() for part in found if part.strip()]


def terms(text: str) -> list[Term]:
    found = []
    for part in pieces(text):
        match = re.fullmatch(r"((?:\w+ ?)*)(\[.*\])?", part)
        if match is None:
            raise Mismatch(f"{part!r} is no name with a list of sizes")
        words = match[1].split()
        dtype = words.pop() if words and words[-1] in DTYPE_WORDS else ""
        found.append(Term(words[0] if words else "", dtype, match[2]))
    return found


def parse(column: str) -> tuple[list[Term], list[Term]]:
    before, arrow, after = column.partition("->")
    if not arrow:
        raise Mismatch(f"{column!r} has no arrow")
    return terms(before) if before.strip() else [], terms(after)


class Binding:
    """The letters, as the operands of one call bind them."""

    def __init__(self, attributes: Mapping[str, Any]) -> None:
        self.letters: dict[str, Any] = {**FUNCTIONS, **attributes}
        self.gathered: set[str] = set()

    def operand(self, term: Term, shape: Shape, several: bool = False) -> None:
        """Bind what the term has; of a list's tensors, what stands ``at`` a place is gathered."""
        if term.sizes is None:
            return
        parts = pieces(term.sizes[1:-1])
        place = next((i for i, part in enumerate(parts) if " at " in part), None)
        if place is not None:
            letter, _, where = parts[place].partition(" at ")
            at = self.letters[where] % len(shape)
            first, last = parts[:place], parts[place + 1 :]
            self.sequence(first, shape[:at])
            self.sequence(last, shape[at + 1 :])
            if several:
                self.letters[letter] = (*self.letters.get(letter, ()), shape[at])
            else:
                self.sequence([letter], (shape[at],))
            return
        self.sequence(parts, shape)

    def sequence(self, parts: list[str], shape: Shape) -> None:
        """Bind parts of which one, not yet bound, may take several sizes."""
        free = [p for p in parts if p.startswith("*") and p[1:].isidentifier() and p[1:] not in self.letters]
        if len(free) > 1:
            raise Mismatch(f"{free} cannot be told apart")
        known = sum(len(self.sizes(p)) if p.startswith("*") else 1 for p in parts if p not in free)
        rest = len(shape) - known
        if rest < 0 or (rest and not free):
            raise Mismatch(f"[{', '.join(parts)}] is not {list(shape)}")
        place = 0
        for part in parts:
            count = rest if part in free else len(self.sizes(part)) if part.startswith("*") else 1
            piece, place = shape[place : place + count], place + count
            if part in free:
                self.letters[part[1:]] = piece
            elif part.isidentifier() and part not in self.letters:
                self.letters[part] = piece[0]
            elif any(n not in (-1, m) for n, m in zip(self.sizes(part), piece, strict=True)):
                raise Mismatch(f"{part} is {list(self.sizes(part))}, and in {list(shape)} {list(piece)}")

    def sizes(self, part: str) -> Shape:
        return tuple(eval(f"[{part}]", {"__builtins__": {}}, self.letters))

    def result(self, term: Term, shape: Shape) -> None:
        """Hold a result against its term."""
        if term.sizes is None:
            raise Mismatch("a result has no sizes")
        tree = ast.parse(term.sizes, mode="eval").body
        if isinstance(tree, ast.ListComp):
            made = tuple(eval(term.sizes, {"__builtins__": {}, **self.letters}))
            if made != shape:
                raise Mismatch(f"{term.sizes} is {list(made)}, and the result {list(shape)}")
            return
        assert isinstance(tree, ast.List)
        self.sequence([ast.unparse(part) for part in tree.elts], shape)
