"""The kernels of a backend that has an array library: all primitive ops, and the elementwise ones above them.

Membership is capability: ``DEFINITIONS`` holds what is defined here, the op table's expressions give the
rest.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from tensorplug_dispatcher import OPS, STRIDED, Kernel, Refusal, dtypes
from tensorplug_dispatcher.dtypes import DType

from . import elementwise, indexing, reduction, storage
from .adapter import Adapter, Definition

DEFINITIONS: Final[Mapping[str, Definition]] = {
    **storage.DEFINITIONS,
    **reduction.DEFINITIONS,
    **indexing.DEFINITIONS,
}


def kernels(adapter: Adapter, own: Mapping[str, Definition] | None = None) -> list[Kernel]:
    """Kernels for every primitive op and for every op that is an expression, on the adapter's arrays.

    ``own`` holds definitions of further ops that the library does in one go (``softmax``, a convolution…), or
    better ones of these: op → ``definition(call, *arrays)``, which gives the outputs as arrays.
    """
    expressions = {
        name: elementwise.definition for name, op in OPS.items() if op.elementwise and op.expr is not None
    }
    found = {**expressions, **DEFINITIONS, **(own or {})}
    return [_kernel(adapter, name, definition) for name, definition in found.items()]


def _kernel(adapter: Adapter, name: str, definition: Definition) -> Kernel:
    op = OPS[name]

    def run(outs: Any, ins: Any, attrs: Any) -> None:
        adapter.run(op, definition, outs, ins, attrs)

    run.__name__ = run.__qualname__ = name
    when = elementwise.possible(op) if definition is elementwise.definition else None
    taken = None if set(adapter.dtypes) == set(dtypes.ALL) else frozenset(adapter.dtypes)
    return Kernel(name, run, taken, STRIDED, when=when if taken is None else _having(taken, when))


def _having(taken: frozenset[DType], when: Callable[..., bool] | None) -> Callable[..., bool | Refusal]:
    """``when``, and only for dtypes that the library has, results' included."""

    def having(outs: Any, ins: Any, attrs: Any) -> bool | Refusal:
        lacking = {g.dtype.name for g in (*outs, *ins) if g is not None and g.dtype not in taken}
        if lacking:
            return Refusal(f"the library has no {', '.join(sorted(lacking))}")
        return when is None or when(outs, ins, attrs)

    return having
