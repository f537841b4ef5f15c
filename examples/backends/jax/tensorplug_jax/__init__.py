"""The device type ``jax``: all of ``jax.devices()``, one index each.

Memory is flat XLA arrays, which are replaced and never written (``memory.py``); kernels are
tensorplug_arrays' over jax.numpy, each compiled by XLA once for its op, layouts and attributes
(``library.py``).
"""

from __future__ import annotations

from tensorplug_dispatcher import Kernel

from .memory import JaxRuntime

tensorplug_api = (1, 0)


def tensorplug_runtime() -> JaxRuntime:
    return JaxRuntime()


def tensorplug_kernels() -> list[Kernel]:
    from .library import jax_kernels

    return jax_kernels()
