"""Kernels for every op of the table, as the specification defines it: what wrong ones deviate from."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import Context
from typing import Any

import numpy as np

import tensorplug as tp
from tensorplug_dispatcher.ops import OPS

from . import reference
from .samples import call

Kernel = Callable[[Any, Any, Any], None]


def specified(name: str) -> Kernel:
    """A kernel of the op: the specification's own, or what its decomposition gives there, in float64."""
    if name in reference.FUNCTIONS:
        return reference.FUNCTIONS[name]

    def kernel(outs: Any, ins: Any, attrs: Any) -> None:
        found = Context().run(_called, name, ins, attrs)  # where nobody notes the calls
        for out, due in zip(outs, found, strict=True):
            reference.put(out, reference.wide(due) if due.dtype.kind == "f" else due)

    return kernel


def only(spatial: int, name: str, deviating: Kernel) -> Kernel:
    """A kernel of the op that deviates over ``spatial`` spatial dimensions, and there alone."""

    def kernel(outs: Any, ins: Any, attrs: Any) -> None:
        (deviating if outs[0].ndim == 2 + spatial else specified(name))(outs, ins, attrs)

    return kernel


def _called(name: str, ins: Any, attrs: Any) -> list[Any]:
    op = OPS[name]
    rest = [None if x is None else _tensor(x) for x in ins]
    tensors = sum(p.kind in ("Tensor", "Tensor?") for p in op.parameters)
    args: list[Any] = []
    for parameter in op.parameters:
        if parameter.kind == "Tensor[]":
            count = len(rest) - tensors
            args.append(rest[:count])
            del rest[:count]
        elif parameter.kind in ("Tensor", "Tensor?"):
            args.append(rest.pop(0) if rest else None)
            tensors -= 1
        else:
            args.append(attrs[parameter.name])
    return [t.cpu().numpy() for t in call(name, args, reference.NAME)]


def _tensor(array: Any) -> Any:
    is_float = reference.is_float(array)
    return tp.from_numpy(np.array(reference.wide(array) if is_float else array)).to(reference.NAME)
