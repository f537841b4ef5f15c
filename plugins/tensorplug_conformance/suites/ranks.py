"""S2, ranks: operands of six dimensions of which no two can be taken as one: turned round, apart, shuffled.

Kernels are often written for a few dimensions, to which a device joins what it is given; a loop over the rest
that is wrong does not show where all can be joined, or where there are no more than the few.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Any, Final

from tensorplug_dispatcher import dtypes
from tensorplug_dispatcher.dtypes import DType
from tensorplug_dispatcher.op import Input, Op, Sample
from tensorplug_dispatcher.ops import OPS

from ..case import Case, Result
from ..placing import Plan, dense
from ..probes import worst
from ..samples import dtypes_for, dtypes_named
from .layouts import ENDS, UNSQUARED, any_tensor, arguments, inputs_of, judged_at

DEEP: Final = (2, 3, 2, 4, 3, 2)
ALONG: Final = {"dim": 3, "dims": (0, 2, 3)}  # by the kind of the attribute; the others are in two groups
KINDS: Final = ("dim", "dim?", "dims")
# calls of ops that take many dimensions in ways of their own
GIVEN: Final[dict[str, tuple[Any, ...]]] = {
    "matmul": (Input((2, 3, 2, 2, 4, 3)), Input((2, 3, 2, 2, 3, 5))),
    "flip": (Input(DEEP), (1, 4)),
    "roll": (Input(DEEP), (1, 2), (0, 3)),
    "constant_pad_nd": (Input(DEEP), (1, 2, 0, 1)),
    "masked_fill": (Input(DEEP), Input(DEEP, dtype="bool"), 1),
}


def cases(device: str, depth: str) -> Iterator[Case]:
    for op in OPS.values():
        item = deep(op)
        if item is None:
            continue
        kinds = sorted(dtypes_for(op, item.args), key=lambda d: d is not dtypes.float32)
        for dtype in kinds[:1] if depth == "smoke" else kinds:
            run = partial(_deep, op, dtype, item)
            yield Case(f"S2/{op.name}/{dtype.name}/rank-{len(DEEP)}", run, op.tier, dtypes_named(item.args))


def deep(op: Op) -> Sample | None:
    """A sample with as many dimensions for every operand, where the op takes any shape, or works along a
    dimension that it is told; None where it does not.
    """
    if op.name in GIVEN:
        return Sample(GIVEN[op.name])
    names = [p.name for p in op.parameters]
    place = names.index("dim") if "dim" in names else -1
    for item in op.samples() if op.samples is not None and op.name not in UNSQUARED else ():
        given = inputs_of(item.args)
        sized = op.elementwise or op.family == "storage" or 0 <= place < len(item.args)
        if not given or not sized or item.note == ENDS or not any_tensor(item.args):
            continue
        if op.is_view or op.name == "to_device" or len({len(a.shape) for a in given}) > 1:
            continue
        if any(a.values is not None and a.dtype is not None for a in given):
            continue
        args = [_deepened(arg) for arg in item.args]
        if not op.elementwise and place >= 0:
            if op.parameters[place].kind.rstrip("!") not in KINDS:
                continue
            args[place] = ALONG[op.parameters[place].kind.rstrip("!?")]
        return Sample(tuple(args))
    return None


def _deepened(arg: Any) -> Any:
    if isinstance(arg, list):
        return [_deepened(a) for a in arg]
    return replace(arg, shape=DEEP, values=None) if isinstance(arg, Input) else arg


def _plans() -> Iterator[tuple[str, Plan]]:
    plain = dense(len(DEEP))
    yield "turned round", replace(plain, order=plain.order[::-1])
    yield "apart", replace(plain, pitch=(1,) * len(DEEP))
    yield "in another order", replace(plain, order=(4, 1, 5, 0, 3, 2))


def _placed(plan: Plan, draw: random.Random, arg: Input, again: bool, turn: int) -> Plan:
    """Every second operand is dense, so that their dimensions cannot be joined together."""
    return plan if turn % 2 == 0 else dense(len(DEEP))


def _deep(op: Op, dtype: DType, item: Sample, device: str) -> Result:
    def every() -> Iterator[tuple[str, Result]]:
        for words, plan in _plans():
            result = judged_at(op, dtype, item, f"{op.name} rank", device, partial(_placed, plan))
            yield f"{arguments(item.args)}, {words}", result

    return worst(every())
