"""The suites, one module each; ``SUITES`` says what there is, ``LEVELS`` what a level needs."""

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


def cases(suite: str, device: str, depth: str) -> Iterable[Case]:
    """The cases of a suite on a device."""
    return import_module(f"{__name__}.{SUITES[suite][0]}").cases(device, depth)
