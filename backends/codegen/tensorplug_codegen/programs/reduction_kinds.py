"""What a reduction is: how elements are folded and walked, and its result; see ``reduction``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from tensorplug_dispatcher import dtypes
from tensorplug_dispatcher.dtypes import DType

from ..dialect import TYPES, literal
from .elementwise import compute_dtype
from .space import Index

# What is accumulated.
SUM, PRODUCT, LARGEST, SMALLEST, COUNT, SQUARES, ABSOLUTE, VARIANCE = (
    *("sum", "product", "largest", "smallest", "count", "squares", "absolute", "variance"),
)
VALUES: Final = {COUNT: "((x) != 0)", SQUARES: "((x) * (x))", ABSOLUTE: "fabs(x)"}  # of an element
# The result of an accumulator ``a``; ``count`` is the elements' number as a floating one.
RESULTS: Final = {
    "mean": "a / count",
    "any": "a != 0",
    "all": "a == total",
    "norm": "sqrt(a)",
    "var": "a.squares / freedom",
    "std": "sqrt(a.squares / freedom)",
    "var_mean": "a.squares / freedom",
    "argmax": "a.place",
    "argmin": "a.place",
}
# How the elements are walked: by processors' vector units, along a result's own or across many results', each
# with or without a step of one; or by lanes that take turns, along dimension 0 or 1 of the work-group.
ROWS, ROWS_BY_STEPS, COLUMNS, COLUMNS_BY_STEPS, LANES_0, LANES_1 = (
    *("rows", "rows_by_steps", "columns", "columns_by_steps", "lanes0", "lanes1"),
)
LINES: Final = 64  # elements of a row that are taken at once, by four vectors
BLOCK: Final = 2048  # elements that these take before they are combined
BAND: Final = 512  # columns that a work-item folds together
DEEP: Final = 64  # rows that their accumulators take before they are combined
GROUP: Final = 256  # lanes of a work-group at most


@dataclass(frozen=True, slots=True)
class Reduction:
    """Everything that shows in a kernel's source. ``kept`` and ``reduced`` are the spaces' indices;
    ``partial``: the accumulators of parts are the result.
    """

    name: str
    fold: str
    source: DType
    out: DType
    outs: int
    mode: str
    kept: Index
    reduced: Index
    partial: bool

    @property
    def places(self) -> bool:
        return self.name in ("argmax", "argmin")

    @property
    def structured(self) -> bool:
        return self.places or self.fold == VARIANCE

    @property
    def arithmetic(self) -> DType:
        """The dtype that elements are converted to."""
        if self.places or self.fold in (LARGEST, SMALLEST, COUNT):
            return compute_dtype(self.source)
        return compute_dtype(self.out) if self.out.is_floating_point else dtypes.int64

    @property
    def element(self) -> str:
        small = self.source.itemsize <= 2 and not self.source.is_floating_point
        if small and self.fold == SUM and self.arithmetic is dtypes.int64:
            return "i32"  # for as long as a block lasts
        return TYPES[self.arithmetic.name]

    @property
    def accumulator(self) -> str:
        """Unsigned where sums wrap."""
        if self.fold == COUNT:
            return "i64"
        wraps = self.fold in (SUM, PRODUCT) and not self.out.is_floating_point
        return "u64" if wraps else self.element

    @property
    def inner(self) -> str:
        """The type of the many accumulators, for as long as a block lasts."""
        return "i32" if self.fold == COUNT or self.element == "i32" else self.accumulator

    @property
    def state_bytes(self) -> int:
        width = 8 if self.accumulator in ("double", "i64", "u64") else 4
        return 16 if self.places else 3 * width if self.fold == VARIANCE else width

    @property
    def start(self) -> str:
        """The accumulator of no elements."""
        if self.fold not in (LARGEST, SMALLEST):
            return "1" if self.fold == PRODUCT else "0"
        kind, largest = self.arithmetic, self.fold == LARGEST
        if kind.is_floating_point:
            return literal(float("-inf" if largest else "inf"), kind)
        unsigned = kind in (dtypes.bool_, dtypes.uint8)
        bits = 8 * kind.itemsize
        lowest, highest = (0, (1 << bits) - 1) if unsigned else (-(1 << (bits - 1)), (1 << (bits - 1)) - 1)
        return literal(lowest if largest else highest, dtypes.int64 if bits == 64 else dtypes.int32)

    @property
    def better(self) -> str:
        """Whether b replaces a: NaN is the extremum."""
        wins = "((b) > (a))" if self.fold == LARGEST else "((b) < (a))"
        return f"({wins} | (((b) != (b)) & ((a) == (a))))" if self.arithmetic.is_floating_point else wins

    @property
    def join(self) -> str:
        if self.fold in (LARGEST, SMALLEST):
            return "(BETTER(a, b) ? (b) : (a))"
        return "((a) * (b))" if self.fold == PRODUCT else "((a) + (b))"


def finish(what: Reduction, state: str, output: str, place: str) -> list[str]:
    """Statements that store the result number ``output``, which lies at ``place``."""
    if what.partial:
        return [f"states[states_first + part * outputs + {output}] = {state};"]
    result = "a" if what.fold == ABSOLUTE else RESULTS.get(what.name, "a")
    lines = ["{", f"const State a = {state};"]
    if what.name == "mean":
        lines.append(f"const {what.accumulator} count = ({what.accumulator})total;")
    lines.append(f"STORE_{what.out.name}(o0, o0_first + {place}, {result});")
    if what.outs > 1:
        lines.append(f"STORE_{what.out.name}(o1, o1_first + {place}, a.mean);")
    return [*lines, "}"]
