"""How exactly products of float32 matrices are computed: a choice of the process, which backends read."""

from __future__ import annotations

from typing import Final

from . import epoch

PRECISIONS: Final = ("highest", "high", "medium")
_precision = "highest"


def float32_matmul_precision() -> str:
    """``highest``: in float32. ``high`` and ``medium`` let a device multiply fewer bits (TF32, for instance)
    and add in float32. Source: torch.get_float32_matmul_precision.
    """
    return _precision


def set_float32_matmul_precision(precision: str) -> None:
    """Choose ``highest`` (the default), ``high`` or ``medium`` for all devices; ValueError for others.

    Source: torch.set_float32_matmul_precision.
    """
    global _precision
    if precision not in PRECISIONS:
        raise ValueError(
            f"float32 matmul precision {precision!r} is unknown; choose one of {', '.join(PRECISIONS)}"
        )
    _precision = precision
    epoch.invalidate()  # kernels that are ready were made for the other choice
