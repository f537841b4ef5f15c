"""The suites: ``SUITES`` says what there is, ``MODULES`` which modules each is made of."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module
from typing import Final

from ..case import Case

SUITES: Final = {
    "S0": ("contract", "load and contract"),
    "S1": ("memory", "memory, views, copies"),
    "S2": ("ops", "ops x dtype x layout x edge axis"),
    "S3": ("gradients", "gradients"),
    "S4": ("promotion", "promotion, casts, integer wrap"),
    "S5": ("randomness", "random streams, determinism"),
    "S6": ("layers", "layers"),
    "S7": ("threads", "threads, streams, leaks"),
    "S8": ("faults", "faults"),
    "S9": ("exchange", "checkpoint, DLPack, migration"),
    "S10": ("models", "whole models"),
}
# further modules of a suite, a subject each, in the order in which their cases follow
MODULES: Final[dict[str, tuple[str, ...]]] = {
    "S1": ("host",),
    "S2": (
        *("sizes", "layouts", "ranks", "values", "order", "writes", "state", "fused", "heavy", "mixed"),
        *("settings", "further", "corners", "after"),
    ),
    "S4": ("conversions",),
    "S5": ("draws",),
    "S7": ("resources",),
    "S10": ("functions",),
}


def cases(suite: str, device: str, depth: str) -> Iterable[Case]:
    """The cases of a suite on a device."""
    for name in (SUITES[suite][0], *MODULES.get(suite, ())):
        yield from import_module(f"{__name__}.{name}").cases(device, depth)
