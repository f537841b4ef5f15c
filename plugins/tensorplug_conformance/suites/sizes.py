"""S2 at working sizes: every op at the standard sizes and on both sides of what the device's kernels declare.

A case is an op with one of its measures at a size, ``S2/sum/float32/line-1025``: tails of vectors, second
passes, borders of blocks, grids of more than 2^16 pieces. The executable specification computes the same in
float64 with NumPy's own loops.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from functools import partial
from typing import Final

import tensorplug as tp
from tensorplug_dispatcher import dtypes, kernels
from tensorplug_dispatcher.dtypes import DType
from tensorplug_dispatcher.op import Op, Sample
from tensorplug_dispatcher.ops import OPS
from tensorplug_dispatcher.thresholds import STANDARD, Threshold, samples

from ..case import Case
from ..samples import dtypes_for, dtypes_named
from .ops import run

DRAWN: Final = 2  # at smoke, this many dtypes beside the first one, each at one size


def cases(device: str, depth: str) -> Iterator[Case]:
    kind = tp.device(device).type
    for op in OPS.values():
        if op.sizes:
            yield from _of_op(op, declared(kind, op), depth)


def declared(device_type: str, op: Op) -> tuple[Threshold, ...]:
    """The sizes at which the kernels of a device type for this op say that their path changes."""
    return tuple(one for kernel in kernels.candidates(device_type, op.name) for one in kernel.thresholds)


def _of_op(op: Op, thresholds: tuple[Threshold, ...], depth: str) -> Iterator[Case]:
    """The op's first dtype at every size; the others at every size too, or at smoke two at one size each."""
    found = list(samples(op, thresholds, STANDARD))
    taken = [_kinds(op, item, names) for _, item, names in found]
    turn = zlib.crc32(op.name.encode())
    others = sorted({d for kinds in taken for d in kinds[1:]}, key=lambda d: d.code)
    drawn = {others[(turn + i * (len(others) // 2)) % len(others)] for i in range(DRAWN) if others}
    for place, ((name, item, _), kinds) in enumerate(zip(found, taken, strict=True)):
        for dtype in kinds:
            fitting = [i for i, those in enumerate(taken) if dtype in those]
            chosen = fitting[(turn // 16 + 7 * dtype.code) % len(fitting)]
            if depth != "smoke" or dtype is kinds[0] or (dtype in drawn and place == chosen):
                work = partial(run, op, dtype, item, name, None)
                yield Case(f"S2/{op.name}/{dtype.name}/{name}", work, op.tier, dtypes_named(item.args))


def _kinds(op: Op, item: Sample, names: tuple[str, ...]) -> tuple[DType, ...]:
    """The dtypes of a sample, that which is asked at every size first."""
    kinds = [d for d in dtypes_for(op, item.args) if not names or d.name in names]
    kinds = kinds or list(dtypes_for(op, item.args))[:1]
    first = next((d for d in (dtypes.float32, dtypes.int64) if d in kinds), kinds[0])
    return (first, *(d for d in kinds if d is not first))
