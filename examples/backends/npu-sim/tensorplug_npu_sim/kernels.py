"""Kernels as commands: what tensorplug_arrays gives, run by the chip's worker instead of the caller."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import tensorplug_arrays
from tensorplug_dispatcher import STRIDED, Kernel

from . import costs
from .library import OWN, Units


def queued_kernels() -> list[Kernel]:
    """The units' kernels, and copies of what they have no arithmetic for: the DMA engine moves bytes."""
    units = Units()
    found = [k for k in tensorplug_arrays.kernels(units, OWN) if k.op != "copy"]
    return [replace(k, function=_queued(units, k)) for k in (*found, Kernel("copy", _copy, None, STRIDED))]


def _copy(outs: Any, ins: Any, attrs: Any) -> None:
    outs[0][...] = ins[0]


def _queued(units: Units, kernel: Kernel) -> Callable[..., None]:
    compute = kernel.function

    def launch(outs: Any, ins: Any, attrs: Any) -> None:
        chip = outs[0].chip
        cycles = costs.accounted(chip, kernel.op, outs, ins, attrs)

        def work() -> None:
            units.local.chip = chip
            given = [None if operand is None else operand.array() for operand in ins]
            compute([operand.array() for operand in outs], given, attrs)

        chip.queue.put(kernel.op, cycles, work)

    return launch
