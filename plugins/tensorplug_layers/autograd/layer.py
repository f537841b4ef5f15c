"""The layer itself: which ops it wraps, and how."""

from __future__ import annotations

from typing import Any

from tensorplug_dispatcher import operators
from tensorplug_dispatcher.ops import F
from tensorplug_dispatcher.signatures import layout_of, normalize_attributes

from ..node import rule_of
from ..tape import TapeEntry, TruthEntry, check_inplace, rebase_alias, refuse_out, view_history

operators.set_view_history(view_history)


class AutogradLayer:
    """Wraps ops that have a derivative;
    ops without one run their decomposition above the layer, so that theirs apply.
    """

    name = "autograd"
    rank = 50

    def wrap(self, function: Any, key: int, inner: Any) -> Any:
        op = function.op
        if op.vjp is not None:
            return TapeEntry(rule_of(function), inner)
        if op.promotion == "bool":
            return TruthEntry(function, inner)
        if op.decompose is None:
            return lambda args, outs: _constant(function, inner, args, outs)
        return lambda args, outs: _composite(function, args, outs)


def _constant(function: Any, inner: Any, args: tuple[Any, ...], outs: Any) -> Any:
    """An op with no derivative: its results are constants; written over a tensor, they end its history."""
    if outs is None:
        return inner(args)
    if args and outs[0] is args[0]:
        check_inplace(function.name, args[0])
    elif any(o.requires_grad for o in outs):
        refuse_out(function.name)
    return inner(args, outs)


def _composite(function: Any, args: tuple[Any, ...], outs: Any) -> Any:
    """An op made of differentiable ones: record those."""
    op = function.op
    args = normalize_attributes(op, args)
    if op.infer is not None:
        op.infer(*[layout_of(a) for a in args])  # a decomposition relies on what this refuses
    if outs is None:
        return op.decompose(*args)
    if outs[0] is not args[0]:
        refuse_out(function.name)
    check_inplace(function.name, outs[0])
    result = op.decompose(F.copy(args[0]), *args[1:])  # what the steps save must outlive the write
    rebase_alias(outs[0], result)
    return outs[0]
