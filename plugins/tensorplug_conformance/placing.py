"""Where an operand's numbers lie in memory: layouts drawn for each operand by itself.

The memory is made on the host, with numbers between and around the operand's own that no result may show
(NaN, or a number that occurs nowhere else), and is seen on the device through strides: no kernel of the
device takes part in making an operand.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

import tensorplug as tp
from tensorplug_dispatcher import dtypes
from tensorplug_dispatcher.dtypes import DType
from tensorplug_dispatcher.ops import F

STRANGE: Final = 113  # between and around integers, where floats have NaN
_NAMES: Final = {"float16": np.float16, "float32": np.float32, "float64": np.float64}


@dataclass(frozen=True, slots=True)
class Plan:
    """``order`` of the dimensions in memory, slowest first; by how much further apart than needed each lies
    (``pitch``); which go backwards; which are a single one that is repeated (stride 0); how many elements
    lie before the first and behind the last. With ``windows`` what is slowest goes on by a single element, so
    that each of its pieces shares all but one of the next one's: what the memory holds then counts.
    """

    order: tuple[int, ...]
    pitch: tuple[int, ...]
    backwards: tuple[bool, ...]
    repeated: tuple[bool, ...]
    before: int = 0
    behind: int = 0
    windows: bool = False

    def __str__(self) -> str:
        marks = ["-" if b else "=" if r else "" for b, r in zip(self.backwards, self.repeated, strict=True)]
        return (
            "memory order "
            + " ".join(f"{marks[d]}{d}{f'+{self.pitch[d]}' * bool(self.pitch[d])}" for d in self.order)
            + f", offset {self.before}{', windows that overlap' * self.windows}"
        )


def dense(ndim: int, before: int = 0, behind: int = 0) -> Plan:
    no = (False,) * ndim
    return Plan(tuple(range(ndim)), (0,) * ndim, no, no, before, behind)


def drawn(draw: random.Random, shape: Sequence[int], repeats: bool = True) -> Plan:
    """A layout at random; with ``repeats`` some dimensions may have stride 0."""
    ndim = len(shape)
    order = list(range(ndim))
    kind = draw.randrange(5)
    if kind == 1:
        draw.shuffle(order)
    elif (
        kind == 2 and ndim > 1
    ):  # two neighbours swapped: the two last for a product, the two first for batches
        at = draw.choice((0, ndim - 2))
        order[at], order[at + 1] = order[at + 1], order[at]
    elif kind == 3:
        order = order[::-1]
    pitch = [draw.choice((0, 0, 0, 1, 3)) for _ in shape]
    backwards = [draw.random() < 0.15 for _ in shape]
    repeated = [repeats and n > 1 and draw.random() < 0.2 for n in shape]
    return Plan(
        tuple(order),
        tuple(pitch),
        tuple(backwards),
        tuple(repeated),
        draw.choice((0, 0, 1, 5)),
        draw.choice((0, 2)),
    )


def strides_of(shape: Sequence[int], plan: Plan) -> tuple[tuple[int, ...], int, int]:
    """Strides, the place of the first element, and how many elements of memory it takes."""
    strides, step, first = [0] * len(shape), 1, plan.before
    for dim in reversed(plan.order):
        if plan.repeated[dim]:
            continue
        step_here = step * (1 + plan.pitch[dim]) if dim == plan.order[-1] else step + plan.pitch[dim]
        size = max(shape[dim], 1)
        if plan.windows and dim == plan.order[0]:
            strides[dim], step = 1, step + size - 1
            break
        strides[dim] = -step_here if plan.backwards[dim] else step_here
        first += step_here * (size - 1) if plan.backwards[dim] else 0
        step = step_here * size
    return tuple(strides), first, plan.before + step + plan.behind


def strange(dtype: DType) -> Any:
    """What lies between and around the numbers of an operand."""
    return float("nan") if dtype.is_floating_point else dtype is dtypes.bool_ or STRANGE


def placed(array: Any, dtype: DType, plan: Plan, device: Any, widen: bool = False, around: Any = None) -> Any:
    """A tensor of ``dtype`` on ``device`` with an array's numbers under ``plan``. With ``widen`` floating
    numbers are rounded to ``dtype`` and then float64. ``around`` lies between and around them, or what is
    ``strange``.
    """
    array = np.asarray(array)
    strides, first, size = strides_of(array.shape, plan)
    kept = tuple(slice(0, 1) if r else slice(None) for r in plan.repeated)
    plain = np.float64 if dtype.is_floating_point else np.dtype(dtype.numpy_name)
    memory = np.empty(size, plain)
    if plan.windows or around is not None or size > array[kept].size:  # else nothing lies around
        memory[...] = strange(dtype) if around is None else around
    if array.size:
        part = array[kept]
        bytes_of = tuple(s * memory.itemsize for s in strides)
        view = np.ndarray(part.shape, memory.dtype, memory, first * memory.itemsize, bytes_of)
        view[...] = part
    if dtype is dtypes.float32:  # two calls for each operand less
        with np.errstate(over="ignore"):
            memory = memory.astype(np.float32)
        memory = memory.astype(np.float64) if widen else memory
    whole = tp.from_numpy(memory)
    if dtype.is_floating_point and dtype is not dtypes.float32:
        whole = whole.to(dtype)
        whole = whole.to(dtypes.float64) if widen else whole
    return F.as_strided(whole.to(device), tuple(array.shape), strides, first)
