"""What a call costs by its layouts: operations on numbers, and bytes read and written."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Any, Final

from tensorplug_dispatcher import expr
from tensorplug_dispatcher.op import Op
from tensorplug_dispatcher.signatures import layout_of
from tensorplug_dispatcher.tensor import TensorBase

ONE_AN_ELEMENT: Final = ("reduction", "statistics", "scan_sort", "softmax", "normalization", "pooling")
LEAVES: Final = ("arg", "param", "const")


def flops(op: Op, args: tuple[Any, ...], results: tuple[Any, ...]) -> int:
    """Operations of a call: by the op's column; else those of its expression an element of the result; one an
    element of the first operand where an op folds or scans; none where it moves or makes numbers.
    """
    if not results:
        return 0
    if op.flops is not None:
        return int(op.flops(results[0].layout, *(layout_of(arg) for arg in args)))
    if op.expr is not None:
        return _steps(op) * int(results[0].numel())
    first = next((arg for arg in args if isinstance(arg, TensorBase)), None)
    return first.numel() if first is not None and op.family in ONE_AN_ELEMENT else 0


@cache
def _steps(op: Op) -> int:
    """The operations of an elementwise op's expression."""
    names = [p.name for p in op.parameters if p.is_tensor]
    numbers = [expr.param(p.name) for p in op.parameters if p.is_dynamic]
    assert op.expr is not None
    traced = op.expr(*map(expr.arg, names), *numbers)
    roots = traced if isinstance(traced, tuple) else (traced,)
    return sum(node.op not in LEAVES for node in expr.nodes(map(expr.as_expr, roots)))


def nbytes(op: Op, args: tuple[Any, ...], results: tuple[Any, ...]) -> int:
    """The bytes of all tensors that a call reads or writes; a view touches none."""
    return 0 if op.is_view else sum(one.layout.nbytes for one in (*_tensors(args), *results))


def _tensors(args: Iterable[Any]) -> Iterable[Any]:
    for arg in args:
        if isinstance(arg, TensorBase):
            yield arg
        elif isinstance(arg, tuple):
            yield from _tensors(arg)
