"""How a kernel finds its elements: the index space collapsed, then cut into pieces.

Dimensions are ordered by the first operand's strides and merged where that is possible for all operands. On a
GPU a lane has an element: its number is the index where all operands are contiguous in the same order
(``linear``), else it is taken apart with sizes and strides that come as arguments. Ops that do little but
read and write have several elements a lane there, a work-group apart, so that a lane waits for several at
once. On a processor a work-item has ``BLOCK`` elements and runs over them in loops whose innermost is along
one dimension, so that it vectorizes; operands that do not move along it, or move by one, are written so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from tensorplug_dispatcher import dtypes
from tensorplug_dispatcher.layout import Layout
from tensorplug_dispatcher.thresholds import Threshold

from ..dialect import Target
from ..indexing import collapse, is_linear
from ..program import Constant

MAX_DIMS: Final = 8
BLOCK: Final = 8192  # elements of a work-item on a processor: a few microseconds
LANES: Final = 256  # of a work-group on a GPU
STRIP: Final = 512  # elements that are looked at together before a fast form is chosen, or stored together
STREAM_BYTES: Final = 1 << 25  # results from this size on are written past a processor's caches
UNIT, STILL, ANY = "u", "z", "s"  # how an operand moves along the last dimension


@dataclass(frozen=True, slots=True)
class Strip:
    """Statements (loads), the condition under which the fast ``lines`` of a loop
    are right, and the general ones.
    """

    loads: tuple[str, ...]
    condition: str
    general: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Walk:
    """Sizes and strides by dimension, outermost first. ``parameters``, ``index`` and ``loop`` are parts of a
    kernel's source, the same for walks of one ``form``; ``arguments`` and ``range`` go to its launch.
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
    def moves(self) -> str:
        """How each operand moves along the last dimension."""
        if self.linear:
            return ""
        return "".join(UNIT if s[-1] == 1 else ANY if s[-1] else STILL for s in self.strides)

    @property
    def form(self) -> str:
        return ("l" if self.linear else f"{len(self.sizes)}{self.moves}") + ("w" if self.wide else "")

    def template(self) -> Walk:
        """What shows in the source: equal for walks of one form."""
        steps = {UNIT: 1, STILL: 0, ANY: 2}
        strides = tuple((0,) * (self.dims - 1) + (steps[m],) for m in self.moves)
        return Walk(self.operands, 1 << 31 if self.wide else 1, (1,) * len(self.sizes), strides, self.linear)

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

    def index(self, item: str = "GROUP(0) * LANES(0) + LANE(0)") -> list[str]:
        """Statements that give the index ``i0``, ``i1``… of every operand of element number ``item``;
        lanes past the end return.
        """
        lines = [f"const i64 item = {item};", "if (item >= total) return;"]
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

    def loop(
        self,
        target: Target,
        itemsize: int,
        lines: Sequence[str],
        strip: Strip | None = None,
        before: Sequence[str] = (),
        stored: int = 0,
        streamed: Sequence[str] = (),
    ) -> list[str]:
        """``lines``, which work on one element, run over all of a work-item's; arithmetic is on ``itemsize``
        bytes. On a processor ``before`` comes before each run of elements along the last dimension; there an
        operand that does not move along that is at ``b0``, ``b1``…, and ``run`` elements follow, which it
        may lower. ``stored``: see ``range``. ``streamed`` are the types of the first operands where ``lines``
        put those into ``t0``, ``t1``… at ``i - first``: they go from there to memory, past the caches.
        """
        if not target.wide:
            many = self.many(stored)
            return [*self.index(), *lines] if many == 1 else self._spread(target, many, lines)
        vectors = f"VECTORS({64 // itemsize})"
        head = [
            f"const i64 begin = GROUP(0) * {BLOCK};",
            f"const i64 end = begin + {BLOCK} < total ? begin + {BLOCK} : total;",
        ]
        if self.linear:
            places = [f"const i64 i{k} = i;" for k in range(self.operands)]
            return [*head, *_run(vectors, places, lines, strip, "begin", "end", streamed), *_end(streamed)]
        last = self.dims - 1
        places = []
        for k, move in enumerate(self.moves):
            step = {UNIT: " + i", STILL: "", ANY: f" + i * s{k}_{last}"}[move]
            places.append(f"const i64 i{k} = b{k}{step};")
        head.append("i64 c0 = begin;")
        head += [f"i64 c{d} = c0 % n{d}; c0 /= n{d};" for d in range(last, 0, -1)]
        inner = []
        if last:
            inner.append(f"const i64 left = n{last} - c{last};")
            inner.append("const i64 next = left < end - at ? left : end - at;")
        else:
            inner.append("const i64 next = end - at;")
        inner.append("i64 run = next;" if before else "const i64 run = next;")
        for k in range(self.operands):
            terms = " + ".join(f"c{d} * s{k}_{d}" for d in range(self.dims))
            inner.append(f"const i64 b{k} = {terms};")
        inner += before
        inner += _run(vectors, places, lines, strip, "0", "run", streamed, True)
        inner.append("at += next;")
        if last:
            inner.append(f"c{last} = 0;")
            for d in range(last - 1, 0, -1):
                inner += [f"if (++c{d} == n{d}) {{", f"c{d} = 0;"]
            inner.append("c0++;")
            inner += ["}"] * (last - 1)
        return [*head, "for (i64 at = begin; at < end;) {", *inner, "}", *_end(streamed)]

    def streams(self, target: Target, outputs: int, nbytes: int) -> bool:
        """Whether results of so many bytes go past the caches: they would not be there when they are read."""
        long = self.linear or (
            self.moves[:outputs] == UNIT * outputs and bool(self.sizes) and self.sizes[-1] >= STRIP // 2
        )
        return target.wide and long and nbytes >= STREAM_BYTES

    def _spread(self, target: Target, many: int, lines: Sequence[str]) -> list[str]:
        """``lines`` on several elements of a lane, all read before the first is written
        where none is past the end.
        """
        lanes = min(LANES, target.max_lanes)
        places = [f"const i64 i{k} = item;" for k in range(self.operands)]
        return [
            f"const i64 begin = GROUP(0) * {many * lanes} + LANE(0);",
            f"if (begin + {(many - 1) * lanes} < total) {{",
            "UNROLL",
            f"for (int part = 0; part < {many}; part++) {{",
            f"const i64 item = begin + part * {lanes};",
            *places,
            *lines,
            "}",
            "} else {",
            f"for (i64 item = begin; item < total; item += {lanes}) {{",
            *places,
            *lines,
            "}",
            "}",
        ]

    def many(self, stored: int) -> int:
        """How many elements of ``stored`` bytes a lane of a GPU has: 16 bytes of them, at most 8."""
        return min(max(16 // stored, 1), 8) if self.linear and stored else 1

    def range(self, target: Target, stored: int = 0) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Groups and lanes that cover every element. ``stored`` is the size in memory of an element of an op
        that does little but read and write, 0 of others.
        """
        if target.wide:
            return (-(-self.total // BLOCK),), (1,)
        lanes = min(LANES, target.max_lanes)
        return (-(-self.total // (lanes * self.many(stored))),), (lanes,)


def _run(
    vectors: str,
    places: Sequence[str],
    lines: Sequence[str],
    strip: Strip | None,
    begin: str,
    end: str,
    streamed: Sequence[str] = (),
    based: bool = False,
) -> list[str]:
    """The innermost loop; with a strip the general lines are taken for those that need them."""
    if strip is None and not streamed:
        return [vectors, f"for (i64 i = {begin}; i < {end}; i++) {{", *places, *lines, "}"]
    inner = _run(vectors, places, lines, None, "first", "last")
    if strip is not None:
        inner = [
            "int wild = 0;",
            vectors,
            "for (i64 i = first; i < last; i++) {",
            *places,
            *strip.loads,
            f"wild |= !({strip.condition});",
            "}",
            "if (wild) {",
            *_run("", places, strip.general, None, "first", "last"),
            "} else {",
            *inner,
            "}",
        ]
    for k, kind in enumerate(streamed):
        at = f"b{k} + first" if based else "first"
        inner.append(f"STREAM(o{k} + o{k}_first + {at}, t{k}, (last - first) * sizeof({kind}));")
    return [
        f"for (i64 first = {begin}; first < {end}; first += {STRIP}) {{",
        f"const i64 last = first + {STRIP} < {end} ? first + {STRIP} : {end};",
        *(f"{kind} t{k}[{STRIP}];" for k, kind in enumerate(streamed)),
        *inner,
        "}",
    ]


def _end(streamed: Sequence[str]) -> list[str]:
    return ["STREAM_END;"] if streamed else []


def walk(layouts: Sequence[Layout]) -> Walk | None:
    """The walk over operands of one shape (outputs first), None where there are too many dimensions."""
    first = layouts[0]
    sizes, strides = collapse(first.shape, [g.strides for g in layouts])
    if len(sizes) > MAX_DIMS:
        return None
    linear = all(is_linear(sizes, s) for s in strides)
    return Walk(len(layouts), first.numel, tuple(sizes), tuple(map(tuple, strides)), linear)


# sizes at which a walk over elements changes its way; runs are of its innermost dimension
ELEMENTS: Final = (
    Threshold("elements", BLOCK, "elements of a work-item", every=True),
    Threshold("elements", LANES, "lanes of a work-group", every=True),
)
RUNS: Final = (
    Threshold("run", STRIP // 2 - 1, "long enough to be stored past the caches"),
    Threshold("run", STRIP, "elements that are looked at together", every=True),
)
