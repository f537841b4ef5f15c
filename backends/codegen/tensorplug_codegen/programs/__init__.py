"""Builders of device programs, one module an op family; ``BUILDERS`` maps an op to the one that serves it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import import_module

from tensorplug_dispatcher.thresholds import Threshold

from ..program import Builder

FAMILIES = (
    "elementwise",
    "storage",
    "random",
    "indexing",
    "nll",
    "matmul",
    "convolution",
    "pooling",
    "reduction",
    "scan",
    "sort",
    "softmax",
    "normalization",
    "attention",
    "quantized",
)


@cache
def builders() -> Mapping[str, Builder]:
    """Op name → its builder, for every op that has one."""
    found: dict[str, Builder] = {}
    for family in FAMILIES:
        for op, builder in import_module(f"{__name__}.{family}").BUILDERS.items():
            if op in found:
                raise ValueError(f"two families offer a builder for {op!r}, the second is {family!r}")
            found[op] = builder
    return found


@cache
def thresholds() -> Mapping[str, tuple[Threshold, ...]]:
    """Op name → the sizes at which its builder makes another variant, or a kernel begins another part."""
    found: dict[str, tuple[Threshold, ...]] = {}
    for family in FAMILIES:
        found |= import_module(f"{__name__}.{family}").THRESHOLDS
    return found
