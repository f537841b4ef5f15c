"""The CUDA backend: NVIDIA's GPUs through CuPy, programs from ``tensorplug_codegen``, products from cuBLAS.

``cuda:0``, ``cuda:1``… are the devices in CUDA's order. ``driver`` is everything that the backend asks of
CUDA; all else is written against it and against the public contract. Importing this package imports no CuPy.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

tensorplug_api = (1, 0)

_runtime: Any = None


def tensorplug_runtime() -> Any:
    """A runtime of this machine's GPUs, with state of its own.
    Raises DeviceAbsentError where there is no CuPy, driver or GPU.
    """
    global _runtime
    from .driver import Driver
    from .runtime import CUDARuntime

    _runtime = CUDARuntime(Driver())
    return _runtime


def tensorplug_kernels() -> Iterable[Any]:
    """The kernels of the runtime that was made last."""
    return kernels(_runtime or tensorplug_runtime())


def kernels(runtime: Any) -> Iterable[Any]:
    """The kernels of every provider, for the devices of a runtime."""
    from tensorplug_codegen.programs import builders, thresholds
    from tensorplug_dispatcher import prepared_kernels

    from .blas import kernels as products
    from .blaslt import kernels as products_with_bias
    from .cudnn import kernels as convolutions

    made = dict.fromkeys(builders(), runtime.prepare)
    generated = prepared_kernels(made, provider="generated", thresholds=thresholds())
    return [*generated, *products(runtime), *products_with_bias(runtime), *convolutions(runtime)]
