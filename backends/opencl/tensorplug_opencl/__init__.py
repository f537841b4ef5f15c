"""The OpenCL backend: every device of every installed platform, programs from ``tensorplug_codegen``.

``opencl:0``, ``opencl:1``… are the devices of all platforms in the order that the platforms list them. It is
written against the public contract alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

tensorplug_api = (1, 0)

_runtime: Any = None


def tensorplug_runtime() -> Any:
    """A runtime of this machine's OpenCL devices, with contexts of its own.
    Raises DeviceAbsentError where there are none.
    """
    global _runtime
    try:
        import pyopencl  # noqa: F401
    except ImportError as error:
        from tensorplug_dispatcher.errors import DeviceAbsentError

        raise DeviceAbsentError(
            f"pyopencl cannot be imported ({error}); pip install 'tensorplug[opencl]'"
        ) from error
    from .runtime import OpenCLRuntime

    _runtime = OpenCLRuntime()
    return _runtime


def tensorplug_kernels() -> Iterable[Any]:
    """The kernels of the runtime that was made last."""
    from tensorplug_codegen.programs import builders, thresholds
    from tensorplug_dispatcher import prepared_kernels

    prepare = (_runtime or tensorplug_runtime()).prepare
    made = dict.fromkeys(builders(), prepare)
    return prepared_kernels(made, provider="generated", thresholds=thresholds())
