"""Kernels for devices that have an array library: written once against the Python array API standard.

A backend hands over its library as an ``Adapter`` and gets kernels for every primitive op (tiers 0 to 3), and
for every fused op that is an expression (activations, comparisons, optimizer steps):

    def tensorplug_kernels():
        return tensorplug_arrays.kernels(Adapter(numpy))

Non-goals: memory, which stays the runtime's; speed beyond the library's own.
"""

from .adapter import Adapter, Array, Call, Definition, Refusal, Spec, compute_dtype
from .kernels import DEFINITIONS, kernels

__all__ = [
    "DEFINITIONS",
    "Adapter",
    "Array",
    "Call",
    "Definition",
    "Refusal",
    "Spec",
    "compute_dtype",
    "kernels",
]
