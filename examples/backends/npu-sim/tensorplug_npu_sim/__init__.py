"""The device ``npu-sim``: an accelerator that is simulated, and says what a network costs on it.

It has memory of its own with addresses and an end, a command queue that a worker empties, units for matrices
of int8 and bfloat16 and one for vectors, and no float64. ``cost_report()`` counts cycles and bytes by a
documented description of the machine (``machine.py``); the numbers are the same every time.
"""

from __future__ import annotations

from typing import Any

from .costs import CostReport, cost_report
from .machine import Machine

tensorplug_api = (1, 0)


def tensorplug_runtime() -> Any:
    from .runtime import NpuRuntime

    return NpuRuntime(Machine.configured())


def tensorplug_kernels() -> Any:
    from .kernels import queued_kernels

    return queued_kernels()


__all__ = ["CostReport", "Machine", "cost_report", "tensorplug_kernels", "tensorplug_runtime"]
