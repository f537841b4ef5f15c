"""Borders of tensors."""

from __future__ import annotations

from tensorplug_dispatcher.conversion import check_fits
from tensorplug_dispatcher.ops import F

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tensorplug import Tensor


def pad(input: Tensor, pad: tuple[int, ...], mode: str = "constant", value: float | None = None) -> Tensor:
    """Add a border: ``pad`` is (before, after) for the last dimension, then for the one before it…

    ``mode``: "constant" (with ``value``; negative numbers crop), "reflect", "replicate" or "circular".

    Shapes: [*S] -> [*S] with ``pad`` added to the last sizes; dtypes: any. Raises ValueError for a value that
    is not allowed. Source: torch.nn.functional.pad.
    """
    if mode != "constant" and value is not None:
        raise ValueError(f'Padding mode "{mode}" doesn\'t take in value argument')
    if type(value) is int:  # PyTorch's is a float
        value = value if abs(value) < 1 << 53 else float(value)
        check_fits("pad", float(value), input.dtype)
    return F.pad(input, pad, mode, 0 if value is None else value)
