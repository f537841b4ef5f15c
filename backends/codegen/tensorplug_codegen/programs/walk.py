"""How a kernel finds its element: the index space collapsed, then a lane an element.

Dimensions are ordered by the first operand's strides and merged where that is possible for all operands.
Where all operands are contiguous in the same order the lane's number is the index (``linear``); else it is
taken apart with sizes and strides that come as arguments.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tensorplug_dispatcher import dtypes
from tensorplug_dispatcher.layout import Layout

from ..dialect import Target
from ..indexing import collapse, is_linear
from ..program import Constant

MAX_DIMS = 8


@dataclass(frozen=True, slots=True)
class Walk:
    """Sizes and strides by dimension, outermost first. ``parameters`` and ``index`` are parts of a kernel's
    source, the same for walks of one ``form``; ``arguments`` and ``range`` go to its launch.
    """

    operands: int
    total: int
    sizes: tuple[int, ...]
    strides: tuple[tuple[int, ...], ...]
    linear: bool

    @property
    def dims(self) -> int:
        return 0 if self.linear else len(self.sizes)

    @property
    def wide(self) -> bool:
        """Whether element numbers need 64 bits."""
        return self.total >= 1 << 31

    @property
    def form(self) -> str:
        return ("l" if self.linear else f"s{len(self.sizes)}") + ("w" if self.wide else "")

    def template(self) -> Walk:
        """What shows in the source: equal for walks of one form."""
        return Walk(self.operands, 1 << 31 if self.wide else 1, (1,) * len(self.sizes), (), self.linear)

    def parameters(self) -> str:
        """The tail of the kernel's parameter list."""
        number = "u64" if self.wide else "u32"
        names = ["const i64 total", *(f"const {number} n{d}" for d in range(1, self.dims))]
        for k in range(self.operands if self.dims else 0):
            names += [f"const i64 s{k}_{d}" for d in range(self.dims)]
        return ", ".join(names)

    def arguments(self) -> tuple[Constant, ...]:
        number = dtypes.int64 if self.wide else dtypes.int32
        sizes = self.sizes[1 : self.dims] if self.dims else ()
        found = [Constant(self.total, dtypes.int64), *(Constant(n, number) for n in sizes)]
        for k in range(self.operands if self.dims else 0):
            found += [Constant(self.strides[k][d], dtypes.int64) for d in range(self.dims)]
        return tuple(found)

    def index(self) -> list[str]:
        """Statements that give every operand's index ``i0``, ``i1``…; lanes past the end return."""
        lines = ["const i64 item = GROUP(0) * LANES(0) + LANE(0);", "if (item >= total) return;"]
        if self.linear:
            return lines + [f"const i64 i{k} = item;" for k in range(self.operands)]
        number = "u64" if self.wide else "u32"
        lines.append(f"{number} rest = ({number})item;")
        lines += [f"const {number} c{d} = rest % n{d}; rest /= n{d};" for d in range(self.dims - 1, 0, -1)]
        lines.append(f"const {number} c0 = rest;")
        for k in range(self.operands):
            terms = " + ".join(f"(i64)c{d} * s{k}_{d}" for d in range(self.dims))
            lines.append(f"const i64 i{k} = {terms};")
        return lines

    def range(self, target: Target) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Groups and lanes that cover every element."""
        lanes = min(1024 if target.kind == "cpu" else 256, target.max_lanes)
        if self.total < lanes:
            lanes = max(1 << (self.total - 1).bit_length(), 1) if self.total else 1
        return (-(-self.total // lanes),), (lanes,)


def walk(layouts: Sequence[Layout]) -> Walk | None:
    """The walk over operands of one shape (outputs first), None where there are too many dimensions."""
    first = layouts[0]
    sizes, strides = collapse(first.shape, [g.strides for g in layouts])
    if len(sizes) > MAX_DIMS:
        return None
    linear = all(is_linear(sizes, s) for s in strides)
    return Walk(len(layouts), first.numel, tuple(sizes), tuple(map(tuple, strides)), linear)
