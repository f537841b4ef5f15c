"""Switches for CUDA devices. Source: torch.backends.cuda."""

from __future__ import annotations

from tensorplug_dispatcher.devices import plugins
from tensorplug_dispatcher.devices.registry import GROUP
from tensorplug_dispatcher.precision import float32_matmul_precision, set_float32_matmul_precision


class _Matmul:
    """``allow_tf32``: whether products of float32 matrices may use TF32, which has 10 bits of precision.

    The same switch as ``tensorplug.set_float32_matmul_precision``: ``"highest"`` where it is off.
    """

    @property
    def allow_tf32(self) -> bool:
        return float32_matmul_precision() != "highest"

    @allow_tf32.setter
    def allow_tf32(self, allowed: bool) -> None:
        set_float32_matmul_precision("high" if allowed else "highest")


matmul = _Matmul()


def is_built() -> bool:
    """Whether the CUDA plugin is installed; ``tensorplug.cuda.is_available()`` says whether it has a GPU."""
    return "cuda" in plugins.installed(GROUP)


__all__ = ["is_built", "matmul"]
