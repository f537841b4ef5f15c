"""S2, corners, from nightly on: attributes that are larger than sixteen bits hold, gaps between matrices that
meet one that all share, numbers beside tensors, all pairs of bytes, borders around a window of one place,
windows and planes beyond a byte's and a half word's count.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, Final

import numpy as np

from tensorplug_dispatcher import dtypes
from tensorplug_dispatcher.dtypes import DType
from tensorplug_dispatcher.op import Input, Op
from tensorplug_dispatcher.ops import OPS, F

from ..case import Case, Result
from ..placing import dense, placed
from ..probes import asked, worst
from ..samples import operands, seed_of
from .layouts import arguments, array_of
from .ops import judge
from .values import DIVIDING, WHOLE, whole

LONG: Final = Input((70_001,))
WIDE: Final = Input((3, 70_001))
# calls with an attribute beyond what sixteen bits hold, with a sign and without
FAR: Final[dict[str, tuple[tuple[Any, ...], ...]]] = {
    "roll": ((LONG, (40_000,), (0,)), (LONG, (-66_000,), (0,)), (WIDE, (1, 33_000), (0, 1))),
    "repeat": ((Input((3,)), (40_000,)), (Input((2, 1)), (1, 66_000))),
    "repeat_interleave": ((Input((3,)), 40_000, 0), (Input((2,)), 66_000, 0)),
    "constant_pad_nd": ((Input((3,)), (40_000, 1), 2.0), (Input((2, 3)), (0, 66_000), 0.0)),
    "tril": ((WIDE, 40_000), (WIDE, 66_000)),
    "triu": ((WIDE, 40_000), (WIDE, 66_000)),
    "topk": ((LONG, 40_000, 0, True, True), (LONG, 66_000, 0, False, True)),
    "kthvalue": ((LONG, 40_000, 0, False), (LONG, 66_000, 0, False)),
    "narrow": ((LONG, 0, 40_000, 9), (WIDE, 1, 66_000, 5)),
    "select": ((LONG, 0, 40_000), (WIDE, 1, 66_000)),
    "slice": ((LONG, 0, 40_000, 9, 3), (WIDE, 1, 66_000, 5, 700)),
    "diagonal": ((WIDE, 40_000, 0, 1), (WIDE, 66_000, 0, 1)),
    "unfold": ((LONG, 0, 40_000, 9_000), (LONG, 0, 3, 33_000)),
}
# kernel, stride, image: windows of 272 places and of 90,300, planes of 66,563
WINDOWS: Final = (
    ((17, 16), (5, 8), (70, 61)),
    ((2, 2), (2, 2), (257, 259)),
    ((300, 301), (1, 1), (300, 301)),
)
BESIDE: Final[dict[str, Callable[[Any, Any], Any]]] = {
    "add": np.add,
    "sub": np.subtract,
    "mul": np.multiply,
    "div": np.divide,
}
NUMBERS: Final = (0, 0.0, -0.0, 1, 1.0, -1, 2, 0.5, math.inf, math.nan)
TENSORS: Final = (-0.0, 0.0, 1.0, -1.0, 0.5, -3.0, math.inf, -math.inf, math.nan, 3e30, 1e-30, -1e-30)


def cases(device: str, depth: str) -> Iterator[Case]:
    if depth == "smoke":
        return
    for name, calls in FAR.items():
        yield Case(f"S2/{name}/float32/far", partial(_calls, OPS[name], calls, "far"), OPS[name].tier)
    points = tuple(args for ndim in (1, 2, 3) for args in _points(ndim))
    yield Case("S2/conv/float32/points", partial(_calls, OPS["conv"], points, "points"), OPS["conv"].tier)
    for name, wide in _windows():
        yield Case(f"S2/{name}/float32/windows", partial(_calls, OPS[name], wide, "windows"), OPS[name].tier)
    for dtype in (dtypes.float32, dtypes.float16):
        yield Case(f"S2/matmul/{dtype.name}/gaps", partial(_gaps, dtype), OPS["matmul"].tier)
    for name, function in BESIDE.items():
        for dtype in (dtypes.float32, dtypes.float64):
            run = partial(_beside, OPS[name], dtype, function)
            yield Case(f"S2/{name}/{dtype.name}/beside", run, OPS[name].tier)
    for name, exact in WHOLE.items():
        for dtype in (dtypes.uint8, dtypes.int8):
            run = partial(_bytes, OPS[name], dtype, exact)
            yield Case(f"S2/{name}/{dtype.name}/bytes", run, OPS[name].tier)


def _calls(op: Op, calls: Sequence[tuple[Any, ...]], variant: str, device: str) -> Result:
    def each() -> Iterator[tuple[str, Result]]:
        for args in calls:

            def make(where: str, widen: bool, args: tuple[Any, ...] = args) -> list[Any]:
                return operands(args, dtypes.float32, f"{op.name} {variant}", where, None, widen)

            yield arguments(args), judge(op, dtypes.float32, make, device)

    return worst(each())


def _windows() -> Iterator[tuple[str, Sequence[tuple[Any, ...]]]]:
    """Pools over windows and planes that are larger than a narrow count holds."""
    inner = [((1, 3, *image), kernel, stride) for kernel, stride, image in WINDOWS]
    yield "max_pool", [(Input(x), k, s, (0, 0), (1, 1), False) for x, k, s in inner]
    yield "avg_pool", [(Input(x, 1.0, 9.0), k, s, (0, 0), False, True, None) for x, k, s in inner]
    grads = [
        (x, k, s, tuple((n - a) // b + 1 for n, a, b in zip(x[2:], k, s, strict=True))) for x, k, s in inner
    ]
    rest = ((0, 0), False, True, None)
    yield "avg_pool_backward", [(Input((*x[:2], *out)), x, k, s, *rest) for x, k, s, out in grads]
    yield "adaptive_avg_pool", [(Input((1, 3, 300, 301), 1.0, 9.0), (1, 1))]
    yield "adaptive_max_pool", [(Input((1, 3, 257, 259)), (3, 2))]


def _points(ndim: int) -> Iterator[tuple[Any, ...]]:
    """Windows of one place with a border: the bias alone is there, of steps and groups too."""
    for border, stride, groups in ((1, 1, 1), (2, 1, 1), (1, 2, 1), (1, 1, 3), (2, 3, 3)):
        x, w = Input((2, 6, *(5, 7, 4)[:ndim])), Input((9, 6 // groups, *(1,) * ndim))
        yield x, w, Input((9,), 1.0, 4.0), (stride,) * ndim, (border,) * ndim, (1,) * ndim, groups


def _gaps(dtype: DType, device: str) -> Result:
    """Matrices of which some rows or columns are left out lie apart;
    what all of them are multiplied with has a batch step of 0.
    """

    def make(sizes: tuple[int, ...], ways: str, where: str, widen: bool) -> list[Any]:
        batch, rows, taken, inner, columns = sizes
        seed = seed_of(f"matmul gaps {sizes}")
        x = array_of(Input((batch, rows, inner + 3)), dtype, seed)
        y = array_of(Input((inner, columns + 2)), dtype, seed + 1)
        left = placed(x, dtype, dense(3), where, widen)
        right = placed(y, dtype, dense(2), where, widen)
        left = F.narrow(left, 1, 1, taken) if "rows" in ways else left
        left = F.narrow(left, 2, 2 if "columns" in ways else 0, inner)
        return [left, F.expand(F.unsqueeze(F.narrow(right, 1, 1, columns), 0), (batch, inner, columns))]

    def each() -> Iterator[tuple[str, Result]]:
        for sizes in ((5, 9, 5, 7, 6), (3, 70, 64, 33, 40), (17, 4, 1, 8, 8)):
            for ways in ("rows", "columns", "rows and columns"):
                words = f"{sizes[0]} of {sizes[2]} by {sizes[3]}, {ways} apart"
                yield words, judge(OPS["matmul"], dtype, partial(make, sizes, ways), device)

    return worst(each())


def _beside(op: Op, dtype: DType, function: Callable[[Any, Any], Any], device: str) -> Result:
    """A number on either side gives what a tensor of that number does, zeros with their signs too."""
    array = np.array(TENSORS, dtype.numpy_name)

    def each() -> Iterator[tuple[str, Result]]:
        for number in NUMBERS:
            for first in (False, True):
                sides = (array.dtype.type(number), array) if first else (array, array.dtype.type(number))
                with np.errstate(all="ignore"):
                    due = function(*sides)

                def make(where: str, number: Any = number, first: bool = first) -> list[Any]:
                    x = placed(array, dtype, dense(1), where)
                    return [number, x] if first else [x, number]

                def compare(got: list[Any], args: list[Any], due: Any = due) -> str:
                    found = got[0].astype(due.dtype)
                    near = np.isclose(found, due, rtol=1e-6, atol=0, equal_nan=True)
                    signs = (np.signbit(found) == np.signbit(due)) | np.isnan(due)
                    wrong = np.flatnonzero(~(near & signs))
                    return "" if not wrong.size else f"at {wrong[0]}: {found[wrong[0]]}, not {due[wrong[0]]}"

                yield f"{number!r} {'before' if first else 'behind'}", asked(op, make, device, compare)

    return worst(each())


def _bytes(op: Op, dtype: DType, exact: Callable[[int, int], int], device: str) -> Result:
    """All pairs of numbers of eight bits."""
    low, high = int(dtype.min), int(dtype.max)
    every = range(low, high + 1)
    pairs = [(a, b) for a in every for b in every if b or op.name not in DIVIDING]
    if op.name == "pow":
        pairs = [(a, b) for a, b in pairs if b >= 0]
    return whole(op, dtype, exact, [p for p in pairs if p != (low, -1) or op.name not in DIVIDING], device)
