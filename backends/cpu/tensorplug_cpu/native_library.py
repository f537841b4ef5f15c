"""The compiled kernels: chooses the library for this processor and gives the addresses of its functions.

``TENSORPLUG_ISA=v2|v3|v4`` forces one; otherwise the best that the processor can run is taken.
"""

from __future__ import annotations

import os
from functools import cache

from tensorplug_dispatcher.boundary import Library
from tensorplug_dispatcher.errors import PluginError

from .build_native import library_path, variants

# What is called from Python; kernels are handed over by their addresses.
SIGNATURES = {
    "tp_isa_level": "int32_t(*)(void)",
    "tp_limit_bf16": "int(*)(int)",
    "tp_dot_level": "int32_t(*)(void)",
    "tp_get_num_threads": "int(*)(void)",
    "tp_set_num_threads": "void(*)(int)",
    "tp_set_blas": "void(*)(void *, void *, void *, void *, void *)",
    "tp_set_onednn": "void(*)(void *, void *const *)",
}


def _load(variant: str) -> Library:
    path = library_path(variant)
    if not path.exists():
        raise PluginError(
            f"the CPU backend's library {path.name} is not built (looked for {path}); build it with "
            f"`python -m tensorplug_cpu.build_native {variant}`"
        )
    return Library(path, SIGNATURES)


@cache
def variant() -> str:
    """The instruction set in use: ``v2``, ``v3``, ``v4``,
    or ``generic`` on other architectures than x86-64.
    """
    known = tuple(variants())
    forced = os.environ.get("TENSORPLUG_ISA")
    if forced:
        if forced not in known:
            raise PluginError(f"TENSORPLUG_ISA={forced!r} is not known here; it may be {' or '.join(known)}")
        return forced
    if known == ("generic",):
        return "generic"
    built = [name for name in known if library_path(name).exists()] or ["v2"]
    best = f"v{_load(built[0]).tp_isa_level()}"
    runs = [name for name in built if name <= best]
    if not runs:
        raise PluginError(
            f"the CPU backend's kernels are built for {' and '.join(built)} alone, and this processor runs "
            f"{best} at most; build it with TENSORPLUG_BUILD_ISA={best}, or without that variable for all"
        )
    return runs[-1]


@cache
def library() -> Library:
    """The loaded library. Raises PluginError where it is not built."""
    return _load(variant())


@cache
def address(name: str) -> int:
    """The address of the C function ``name``. Raises AttributeError where the library has none."""
    return library().address(name)


def has(name: str) -> bool:
    """Whether the library holds the C function ``name``."""
    return library().has(name)
