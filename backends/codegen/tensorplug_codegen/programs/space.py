"""Index spaces as kernel parameters: an item's number becomes its place in each operand.

The number of dimensions shows in the source, so it is rounded up to one of ``FORMS`` with sizes of 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from tensorplug_dispatcher import dtypes

from ..program import Constant

FORMS: Final = (1, 3, 8)


@dataclass(frozen=True, slots=True)
class Index:
    """What shows in the source of a space called ``name``: dimensions, operands,
    and whether numbers of items need 64 bits.
    """

    name: str
    dims: int
    operands: int
    wide: bool

    @property
    def form(self) -> str:
        return f"{self.dims}{'w' if self.wide else ''}"

    @property
    def _number(self) -> str:
        return "i64" if self.wide else "u32"

    def parameters(self) -> list[str]:
        names = [f"const {self._number} {self.name}_n{d}" for d in range(1, self.dims)]
        return names + [
            f"const i64 {self.name}_s{k}_{d}" for k in range(self.operands) for d in range(self.dims)
        ]

    def offsets(self, item: str) -> list[str]:
        """Statements that declare ``<name>0``, ``<name>1``…: the place of item number ``item`` in each
        operand, and ``<name>_c<d>``, its place along each dimension.
        """
        name, number, last = self.name, self._number, self.dims - 1
        lines = [f"{number} {name}_rest = ({number})({item});"]
        lines += [
            f"const {number} {name}_c{d} = {name}_rest % {name}_n{d}; {name}_rest /= {name}_n{d};"
            for d in range(last, 0, -1)
        ]
        lines.append(f"const {number} {name}_c0 = {name}_rest;")
        for k in range(self.operands):
            terms = " + ".join(f"(i64){name}_c{d} * {name}_s{k}_{d}" for d in range(self.dims))
            lines.append(f"const i64 {name}{k} = {terms};")
        return lines


@dataclass(frozen=True, slots=True)
class Space:
    """Sizes, outermost first, and one sequence of strides an operand."""

    index: Index
    sizes: tuple[int, ...]
    strides: tuple[tuple[int, ...], ...]

    def arguments(self) -> list[Constant]:
        number = dtypes.int64 if self.index.wide else dtypes.int32
        found = [Constant(n, number) for n in self.sizes[1:]]
        return found + [Constant(s, dtypes.int64) for operand in self.strides for s in operand]


def space(name: str, sizes: Sequence[int], strides: Sequence[Sequence[int]]) -> Space | None:
    """The space of these sizes, None where there are too many dimensions."""
    dims = next((n for n in FORMS if n >= len(sizes)), 0)
    if not dims:
        return None
    missing = dims - len(sizes)
    total = 1
    for n in sizes:
        total *= n
    index = Index(name, dims, len(strides), total >= 1 << 31)
    return Space(index, (1,) * missing + tuple(sizes), tuple((0,) * missing + tuple(s) for s in strides))
