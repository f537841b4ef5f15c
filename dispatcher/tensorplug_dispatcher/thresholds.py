"""Sizes at which a kernel changes its path, as data.

A kernel says where it turns from one way of working to another: where plain loops give way to a library,
where work is cut for threads, where a vector loop has a tail, where a second pass begins. An op says with
``Op.sizes`` how a call is made in which one of its measures has a given size. From both follow samples on
both sides of every threshold, for the project's tests and for the conformance kit alike; what nobody
declared, nobody crosses.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from .op import Op, Sample

MEASURES: Final = {
    "elements": "elements of the result, or of the operand where the result is smaller",
    "line": "elements along the dimension that is reduced, scanned, sorted, normalized or searched",
    "lines": "such lines beside each other along the fastest dimension",
    "outer": "such lines, or matrices, in the slower dimensions",
    "run": "elements that lie side by side in the innermost dimension of a call that is not dense",
    "side": "both sides of a matrix that is transposed in memory",
    "rows": "rows of a product (M)",
    "columns": "columns of a product (N)",
    "inner": "terms of each sum of a product (K)",
    "work": "multiplications of a product (M times N times K)",
    "batch": "products in one call",
    "channels": "channels of an image",
    "pixels": "positions of an image",
    "window": "places of a window over an image",
    "indices": "indices of a gather or scatter",
    "width": "elements that one index moves",
    "table": "rows of what is indexed",
    "parts": "tensors in one call",
}

# Asked of every kernel, whatever it declares: tails of vectors, second passes, borders of blocks, both sides
# of 256 terms of a sum in multiples of 8 and not, more pieces than a grid of 2^16 takes
STANDARD: Final[dict[str, tuple[int, ...]]] = {
    "elements": (4_097, 70_000, 300_000),
    "line": (257, 1_025, 4_097, 70_000),
    "lines": (257, 65_537),
    "outer": (257, 65_537),
    "run": (257, 1_025),
    "side": (33, 257, 1_025),
    "rows": (64, 129, 65_537),
    "columns": (64, 129, 1_025),
    "inner": (248, 256, 257, 264, 1_025, 4_097),
    "batch": (17, 65_537),
    "channels": (33, 129),
    "pixels": (1_025, 65_537),
    "window": (25,),
    "indices": (257, 70_000),
    "width": (257, 4_097),
    "table": (1_025, 65_537),
    "parts": (17, 130),
}


@dataclass(frozen=True, slots=True)
class Threshold:
    """One size at which a kernel changes its path.

    ``measure`` is one of MEASURES; the path for sizes up to ``at`` differs from the one above it, or, where
    ``every``, each multiple of ``at`` begins a new block (a vector, a tile, a chunk) and the rest is a tail.
    ``why`` says in a few words what changes. ``dtypes`` names those for which it holds (empty: all).
    """

    measure: str
    at: int
    why: str
    every: bool = False
    dtypes: tuple[str, ...] = ()

    def sizes(self) -> tuple[int, ...]:
        """Sizes on both sides, smallest first."""
        near = (self.at - 1, self.at, self.at + 1)
        return (
            tuple(n for n in (*near, 2 * self.at + 1) if n > 0)
            if self.every
            else tuple(n for n in near if n > 0)
        )


def problem(op: Op, thresholds: Iterable[Threshold]) -> str:
    """What is wrong with the thresholds of a kernel of ``op``; nothing where they can be asked."""
    known = op.sizes or {}
    for one in thresholds:
        if not isinstance(one, Threshold):
            return f"{one!r} is no Threshold"
        if one.measure not in known:
            has = ", ".join(sorted(known)) or "none"
            return f"{op.name} has no measure {one.measure!r}; it has {has} (Op.sizes)"
        if one.at < 1:
            return f"a threshold of {one.measure} at {one.at} is below the smallest size, 1"
    return ""


def samples(
    op: Op, thresholds: Iterable[Threshold], standard: Mapping[str, Iterable[int]] | None = None
) -> Iterator[tuple[str, Sample, tuple[str, ...]]]:
    """``("line-257", sample, dtypes)`` for every size beside a threshold, each size once.

    ``standard`` (STANDARD, say) adds sizes in all dtypes, by measure, where the op has them.
    """
    makers: Any = op.sizes or {}
    wanted: dict[tuple[str, int], set[str] | None] = {
        (measure, n): None for measure in makers for n in (standard or {}).get(measure, ())
    }
    for one in thresholds:
        for n in one.sizes():
            at = (one.measure, n)
            before = wanted.get(at, set())
            wanted[at] = None if before is None or not one.dtypes else before | set(one.dtypes)
    for (measure, n), names in sorted(wanted.items(), key=lambda item: item[0]):
        for turn, item in enumerate(makers[measure](n)):
            yield f"{measure}-{n}{f'-{turn}' if turn else ''}", item, tuple(sorted(names or ()))
