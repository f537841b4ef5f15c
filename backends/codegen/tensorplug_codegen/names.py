"""How generated kernels are called, and which of them there are.
Shared by the generator and by who launches them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from itertools import product
from typing import Any, Final

from tensorplug_dispatcher import dtypes
from tensorplug_dispatcher.dtypes import DType
from tensorplug_dispatcher.op import Op

NUMBER: Final = float  # in a choice: any number, given to the kernel at the call
_WIDTHS: Final = (dtypes.float32, dtypes.float64)
COMPUTE_DTYPES: Final[Mapping[str, tuple[DType, ...]]] = {
    "all": (dtypes.bool_, *dtypes.INTEGERS, *_WIDTHS),
    "numeric": (*dtypes.INTEGERS, *_WIDTHS),
    "floating": _WIDTHS,
    "integral": (dtypes.bool_, *dtypes.INTEGERS),
    "integer": dtypes.INTEGERS,
}


def compute_dtypes(op: Op) -> tuple[DType, ...]:
    """The dtypes that an elementwise op has a loop for. float16 and bfloat16 use float32's."""
    return COMPUTE_DTYPES["floating" if op.promotion == "float" else op.dtypes]


@cache
def _choices() -> dict[str, dict[str, tuple[Any, ...]]]:
    from tensorplug_dispatcher.ops import activation, elementwise, optimizer

    return {**elementwise.CHOICES, **activation.CHOICES, **optimizer.CHOICES}


def variants(op: Op) -> Iterator[dict[str, Any]]:
    """Each combination of static attributes that gets a kernel: name -> value, or NUMBER."""
    static = [p for p in op.parameters if not (p.is_tensor or p.is_dynamic)]
    options = [_choices().get(op.name, {}).get(p.name, (NUMBER,)) for p in static]
    for values in product(*options):
        yield {p.name: value for p, value in zip(static, values, strict=True)}


def variant_suffix(op: Op, attributes: Mapping[str, Any]) -> str:
    """``"_tanh"`` for gelu's approximate='tanh'; numbers and defaults leave no trace."""
    parts = []
    for p in op.parameters:
        if p.name not in attributes or p.name not in _choices().get(op.name, {}):
            continue
        value = attributes[p.name]
        if isinstance(value, str):
            parts.append("" if value == p.default else f"_{value}")
        elif isinstance(value, bool):
            parts.append(f"_{p.name}" if value else "")
        elif value is not None:
            parts.append(f"_{p.name}")
    return "".join(parts)


def numbers(op: Op, attributes: Mapping[str, Any]) -> list[str]:
    """The attributes that a kernel of this variant reads from ``params``, in that order behind ``count``."""
    chosen = _choices().get(op.name, {})
    return [
        p.name
        for p in op.parameters
        if p.name in attributes
        and not isinstance(attributes[p.name], (str, bool))
        and attributes[p.name] is not None
        and NUMBER in chosen.get(p.name, (NUMBER,))
    ]


def loop_name(op: Op, attributes: Mapping[str, Any], dtype: DType) -> str:
    """The C name of the contiguous loop of an op for a compute dtype: ``tp_gelu_tanh_float32``."""
    return f"tp_{op.name}{variant_suffix(op, attributes)}_{dtype.name}"
