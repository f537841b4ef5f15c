"""How tensors are written as text: PyTorch's format
(https://pytorch.org/docs/stable/generated/torch.set_printoptions.html).

The formatting works on nested lists of Python numbers, so that only what is shown is read from the device.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from tensorplug_dispatcher import promotion
from tensorplug_dispatcher.dtypes import BOOL, FLOATING, INTEGER, QUANTIZED, int64
from tensorplug_dispatcher.dtypes import bool_ as bool_dtype

from ._public import public
from .autograd import no_grad
from .later import later

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from ._tensor import Tensor

suffixes_of = later(".quantization._text", "suffixes_of")


@dataclass(frozen=True, slots=True)
class PrintOptions:
    """The settings of ``set_printoptions``."""

    precision: int = 4
    threshold: float = 1000
    edgeitems: int = 3
    linewidth: int = 80
    sci_mode: bool | None = None


PROFILES = {
    "default": PrintOptions(),
    "short": PrintOptions(precision=2, edgeitems=2),
    "full": PrintOptions(threshold=math.inf),
}
_options = PROFILES["default"]


@public("function")
def set_printoptions(
    precision: int | None = None,
    threshold: float | None = None,
    edgeitems: int | None = None,
    linewidth: int | None = None,
    profile: str | None = None,
    sci_mode: bool | None = None,
) -> None:
    """Set how tensors print; what is None stays, except that ``sci_mode=None`` chooses by the values again.

    ``profile``: "default", "short" or "full", set before the other arguments.

    Raises ValueError for a value that is not allowed. Source: torch.set_printoptions.
    """
    global _options
    if profile is not None:
        if profile not in PROFILES:
            raise ValueError(f"print profile {profile!r} is unknown; choose one of {', '.join(PROFILES)}")
        _options = PROFILES[profile]
    given = {"precision": precision, "threshold": threshold, "edgeitems": edgeitems, "linewidth": linewidth}
    changes: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    _options = replace(_options, sci_mode=sci_mode, **changes)


@public("function")
def get_printoptions() -> dict[str, Any]:
    """The settings in force, by name.

    Source: numpy.get_printoptions.
    """
    return {name: getattr(_options, name) for name in PrintOptions.__slots__}


@public("method", names="__repr__ __str__")
def text_of(tensor: Tensor) -> str:
    """The text of ``repr(tensor)``.

    Shapes: any shape; dtypes: any. Source: torch.Tensor.__repr__.
    """
    start = "tensor("
    dtype = tensor.dtype
    suffixes = []
    plain = tensor.detach()
    device = tensor.device
    if device.type != "cpu":
        suffixes.append(
            f"device='{device.type}:{device.index}'" if device.type != "meta" else "device='meta'"
        )
    if device.type == "meta":
        suffixes.append(f"size={tuple(tensor.shape)}")
        body = "..."
    elif tensor.numel() == 0:
        if tensor.ndim != 1:
            suffixes.append(f"size={tuple(tensor.shape)}")
        if dtype is not promotion.default_dtype():
            suffixes.append(f"dtype={dtype}")
        body = "[]"
    else:
        if dtype not in (promotion.default_dtype(), int64, bool_dtype):
            suffixes.append(f"dtype={dtype}")
        kind = dtype.kind
        if kind == QUANTIZED:
            suffixes = suffixes_of(tensor, suffixes)
            plain, kind = plain.dequantize(), FLOATING
        with no_grad():
            values = shown_values(plain)
        body = format_values(values, tensor.ndim, kind, len(start))
    node = tensor.grad_fn
    if node is not None:
        name = node.name() if callable(getattr(node, "name", None)) else type(node).__name__
        suffixes.append(f"grad_fn=<{name}>")
    elif tensor.requires_grad:
        suffixes.append("requires_grad=True")
    return append_suffixes(start + body, suffixes, len(start))


def shown_values(tensor: Tensor) -> Any:
    """The values that are shown, as nested lists; ``...`` stands for what is left out."""
    if tensor.numel() <= _options.threshold:
        return tensor.tolist()
    return _edges(tensor, 0)


def _edges(tensor: Tensor, dim: int) -> Any:
    edge = _options.edgeitems
    while dim < tensor.ndim and tensor.shape[dim] <= 2 * edge:
        dim += 1
    if dim == tensor.ndim:
        return tensor.tolist()
    head = _edges(tensor.narrow(dim, 0, edge), dim + 1)
    tail = _edges(tensor.narrow(dim, tensor.shape[dim] - edge, edge), dim + 1)
    return _join(head, tail, dim)


def _join(head: Any, tail: Any, depth: int) -> Any:
    if head is ...:
        return ...
    if depth == 0:
        return [*head, ..., *tail]
    return [_join(a, b, depth - 1) for a, b in zip(head, tail, strict=True)]


def _flat(values: Any) -> Iterator[Any]:
    if isinstance(values, list):
        for value in values:
            yield from _flat(value)
    elif values is not ...:
        yield values


class NumberFormat:
    """One format for all numbers of a tensor: integers, fixed point or scientific, padded to one width."""

    def __init__(self, values: Any, kind: int) -> None:
        self.floating = kind not in (BOOL, INTEGER)
        self.whole = True
        self.scientific = False
        self.width = 1
        numbers = _flat(values)
        if not self.floating:
            self.width = max(len(str(v)) for v in numbers)
            return
        finite = [v for v in numbers if v != 0 and math.isfinite(v)]
        if not finite:
            return
        smallest = min(abs(v) for v in finite)
        largest = max(abs(v) for v in finite)
        self.whole = all(v == math.floor(v) for v in finite)
        if _options.sci_mode is None:
            self.scientific = largest / smallest > 1000.0 or largest > 1.0e8 or smallest < 1.0e-4
        else:
            self.scientific = _options.sci_mode
        self.width = max(1, max(len(self._plain(v)) for v in finite))

    def _plain(self, value: Any) -> str:
        if not self.floating:
            return str(value)
        if self.scientific:
            return f"{value:.{_options.precision}e}"
        if self.whole:
            return f"{value:.0f}" + ("." if math.isfinite(value) else "")
        return f"{value:.{_options.precision}f}"

    def __call__(self, value: Any) -> str:
        return self._plain(value).rjust(self.width)


def format_values(values: Any, ndim: int, kind: int, indent: int) -> str:
    """Nested lists as text whose lines after the first are indented by ``indent`` and the bracket's depth."""
    return _format(values, ndim, NumberFormat(values, kind), indent)


def _format(values: Any, ndim: int, number: NumberFormat, indent: int) -> str:
    if ndim == 0:
        return number(values)
    if ndim == 1:
        per_line = max(1, (_options.linewidth - indent) // (number.width + 2))
        words = [" ..." if v is ... else number(v) for v in values]
        lines = [", ".join(words[i : i + per_line]) for i in range(0, len(words), per_line)]
        return "[" + (",\n" + " " * (indent + 1)).join(lines) + "]"
    rows = ["..." if v is ... else _format(v, ndim - 1, number, indent + 1) for v in values]
    return "[" + ("," + "\n" * (ndim - 1) + " " * (indent + 1)).join(rows) + "]"


def append_suffixes(text: str, suffixes: list[str], indent: int) -> str:
    """``text`` with the suffixes behind it, on new lines where they would pass the line width."""
    parts = [text]
    last = len(text) - text.rfind("\n") + 1
    for suffix in suffixes:
        if last + len(suffix) + 2 > _options.linewidth:
            parts.append(",\n" + " " * indent + suffix)
            last = indent + len(suffix)
        else:
            parts.append(", " + suffix)
            last += len(suffix) + 2
    return "".join(parts) + ")"
