"""Kernels through oneDNN, where it is installed; the provider ``onednn`` of the CPU backend."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any


def kernels() -> Iterable[Any]:
    """What the backend registers, before anything is loaded:
    oneDNN is looked for when the first one is wanted.
    """
    from dataclasses import replace

    from tensorplug_dispatcher.kernels import native_kernels

    from . import library, products

    made = native_kernels(products.KERNELS, provider="onednn", priority=10)
    return [replace(item, dtypes=products.DTYPES, absent=library.without_bfloat16) for item in made]
