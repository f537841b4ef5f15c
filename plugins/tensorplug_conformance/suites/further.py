"""S2, further, from nightly on: what meets seldom. Results in memory of an operand whose numbers have both
signs, scales along either side of a square, quantized products midway between two levels, NaN in some rows
of whatever a reduction or a scan goes over.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any, Final

import numpy as np

from tensorplug_dispatcher import dtypes
from tensorplug_dispatcher.dtypes import DType
from tensorplug_dispatcher.op import Input, Op, Sample
from tensorplug_dispatcher.ops import OPS

from ..case import Case, Result
from ..placing import dense, placed
from ..probes import asked, differs, worst
from ..samples import dtypes_for, dtypes_named, operands, seed_of
from .layouts import arguments, array_of, inputs_of
from .mixed import NEW, Mixed
from .ops import OWN_DTYPE_ONLY, flushes, judge
from .places import Draw
from .settings import DRAWN
from .writes import aliased

SIGNED: Final = (dtypes.float32, dtypes.float64, dtypes.float16)  # an integer divided by zero raises
SCALED: Final = ("quantize", "dequantize", "fake_quantize")
LEVELS: Final = ("int32", "int8", "uint8")  # of zero points, and of quantized numbers
SIDE: Final = 33
ROWS: Final = 37
MISSING: Final = 12  # calls with NaN in some rows


def cases(device: str, depth: str) -> Iterator[Case]:
    if depth == "smoke":
        return
    for op in OPS.values():
        item = _of_both_signs(op)
        for dtype in SIGNED if item is not None else ():
            if item is not None and dtype in dtypes_for(op, item.args):
                run = partial(aliased, op, dtype, item, f"{op.name} signs")
                yield Case(f"S2/{op.name}/{dtype.name}/aliases-signs", run, op.tier)
    for name in SCALED:
        yield Case(f"S2/{name}/float32/axes", partial(_axes, OPS[name]), OPS[name].tier, LEVELS)
    for name in ("quantized_linear", "quantized_conv2d"):
        uses = ("float32", *LEVELS)
        yield Case(f"S2/{name}/int8/midway", partial(_midway, OPS[name]), OPS[name].tier, uses)
    for name, draw in DRAWN.items():
        op = OPS[name]
        padded = name.endswith("_weight_grad")  # whether NaN times the zeros of a border counts is left open
        if not (op.elementwise or op.is_view or padded) and op.dtypes in ("all", "numeric", "floating"):
            run = partial(_with_missing, op, draw)
            yield Case(f"S2/{name}/float32/missing", run, op.tier, dtypes_named(draw(Draw(0))))


def _with_missing(op: Op, draw: Any, device: str) -> Result:
    """NaN in some rows of the first operand, wherever those are reduced, sorted or summed up."""

    def each() -> Iterator[tuple[str, Result]]:
        for turn in range(MISSING):
            key = f"{op.name} missing {turn}"
            drawn = Draw(seed_of(key))
            found = Mixed(op, dtypes.float32, Sample(draw(drawn)), key, "missing", NEW, flushes(device), turn)
            if found.taken():
                yield arguments(found.item.args), found.judged(device)

    return worst(each())


def _of_both_signs(op: Op) -> Sample | None:
    """The op's first sample with operands of both signs, where it is elementwise and has several."""
    items = list(op.samples()) if op.elementwise and op.samples is not None and not op.updates else []
    if not items or len(inputs_of(items[0].args)) < 2 or op.name in OWN_DTYPE_ONLY:
        return None
    if any(a.dtype is not None for a in inputs_of(items[0].args)):
        return items[0]
    return Sample(tuple(Input((ROWS, ROWS)) if isinstance(a, Input) else a for a in items[0].args))


def _axes(op: Op, device: str) -> Result:
    """Scales and zero points of each row, and of each column, of a square."""

    def every() -> Iterator[tuple[str, Result]]:
        first = next(s for s in op.samples() if len(s.args[0].shape) == 2)  # type: ignore[misc]
        kinds = [x.name for x in (dtypes.uint8, dtypes.int8)] if op.name == "dequantize" else [None]
        for kind in kinds:
            for scales in ((SIDE, 1), (1, SIDE)):
                low, high = (-128, 127) if kind == "int8" else (0, 255) if kind else (-20.0, 20.0)
                x = Input((SIDE, SIDE), low, high, dtype=kind)
                point = Input(scales, 0, 7, dtype="int32")
                item = Sample((x, Input(scales, 0.05, 0.5, dtype="float32"), point, *first.args[3:]))
                make = partial(_made, op, item)
                yield arguments(item.args), judge(op, dtypes.float32, make, device)

    return worst(every())


def _made(op: Op, item: Sample, where: str, widen: bool) -> list[Any]:
    return operands(item.args, dtypes.float32, f"{op.name} axes", where, None, widen)


def _midway(op: Op, device: str) -> Result:
    """Products that are whole halves of the result's step: half to even, as PyTorch rounds them."""
    rows, inner, columns = 40, 9, 17
    seed = seed_of(f"{op.name} midway")
    x = array_of(Input((rows, inner), 0, 15), dtypes.uint8, seed)
    w = array_of(Input((columns, inner), -3, 4), dtypes.int8, seed + 1)
    real = (x.astype(np.int64) - 7) @ w.T.astype(np.int64) * 0.5
    due = np.clip(np.rint(real) + 3, -128, 127).astype(np.int8)
    conv = op.name == "quantized_conv2d"
    if conv:  # a window of one place is a product
        x, w, due = x.T[None, :, :, None], w[:, :, None, None], due.T[None, :, :, None]

    def make(where: str) -> list[Any]:
        def one(array: Any, dtype: DType) -> Any:
            array = np.ascontiguousarray(array)
            return placed(array, dtype, dense(array.ndim), where)

        scale, point = partial(one, dtype=dtypes.float32), partial(one, dtype=dtypes.int32)
        given = [one(x, dtypes.uint8), one(w, dtypes.int8), None, scale(np.array(0.5)), point(np.array(7))]
        given += [scale(np.array(1.0)), None, scale(np.array(1.0)), point(np.array(3))]
        given += [(1, 1), (0, 0), (1, 1), 1] if conv else []
        return [*given, dtypes.int8]

    return asked(op, make, device, lambda got, args: differs(got[0], due))
