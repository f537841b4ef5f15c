"""softmax and log_softmax along any dimension, their cotangents, and logsumexp."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from tensorplug_dispatcher.layout import Layout

from ..dialect import Target
from ..program import Program
from .rows import Operand, arithmetic, program, thresholds_of_rows
from .rows_text import Fold, Work

# op: the operands' names, outputs first; the walk over a row; what is stored of each element
_ROWS: Final[Mapping[str, tuple[tuple[str, ...], Fold, str]]] = {
    "softmax": (("o", "x"), Fold(exponentials="x", then=(("scale", "1 / @total"),)), "e * @scale"),
    "log_softmax": (
        ("o", "x"),
        Fold(exponentials="x", then=(("rest", "log(@total)"),)),
        "(x - @most) - @rest",
    ),
    "softmax_backward": (("o", "g", "y"), Fold((("inner", "g * y"),)), "y * (g - @inner)"),
    "log_softmax_backward": (("o", "g", "y"), Fold((("sum", "g"),)), "g - exp(y) * @sum"),
}


def build(
    target: Target,
    name: str,
    outs: tuple[Layout, ...],
    ins: tuple[Layout | None, ...],
    attrs: Mapping[str, Any],
    numbers: frozenset[int],
) -> Program | None:
    """``softmax(input, dim)``, ``softmax_backward(grad_output, out, dim)`` and those of ``log_softmax``."""
    names, fold, value = _ROWS[name]
    out = outs[0]
    if not target.takes(out.dtype) or numbers:
        return None
    if not out.numel:
        return Program(())
    operands = []
    dim = attrs["dim"]
    for place, (label, layout) in enumerate(zip(names, (out, *ins), strict=True)):
        if layout is None or layout.dtype is not out.dtype or layout.shape != out.shape:
            return None
        strides = layout.strides
        moved = (*strides[:dim], *strides[dim + 1 :], *strides[dim : dim + 1])
        operands.append(Operand(label, layout.dtype, moved or (0,), place))
    kept = (*out.shape[:dim], *out.shape[dim + 1 :])
    work = Work(arithmetic(out.dtype), (fold,), stores=(("o", value),))
    launch = program(target, work, operands, kept, out.shape[dim : dim + 1] or (1,), {})
    return None if launch is None else Program((launch,))


def build_logsumexp(
    target: Target,
    name: str,
    outs: tuple[Layout, ...],
    ins: tuple[Layout | None, ...],
    attrs: Mapping[str, Any],
    numbers: frozenset[int],
) -> Program | None:
    """``logsumexp(input, dim, keepdim)``; integers are cast before, and sums over nothing are decomposed."""
    (out,), (x,) = outs, ins
    if x is None or numbers or not target.takes(out.dtype) or x.dtype is not out.dtype or not x.numel:
        return Program(()) if not out.numel else None
    dim = attrs["dim"]
    dims = {dim} if isinstance(dim, int) else set(dim or range(x.ndim))
    kept = [d for d in range(x.ndim) if d not in dims]
    row = [d for d in range(x.ndim) if d in dims]
    place = [out.strides[d if len(out.shape) == x.ndim else i] for i, d in enumerate(kept)]
    operands = (
        Operand("x", x.dtype, (*(x.strides[d] for d in (*kept, *row)),), 1),
        Operand("o", out.dtype, (*place, *(0 for _ in row)), 0),
    )
    fold = Fold(exponentials="x", infinite=True)
    value = "log(@total) + (isinf(@most) ? 0 : @most)"
    work = Work(arithmetic(out.dtype), (fold,), results=(("o", value),))
    sizes = tuple(x.shape[d] for d in row)
    launch = program(target, work, operands, tuple(x.shape[d] for d in kept), sizes, {})
    return None if launch is None else Program((launch,))


BUILDERS: Final = {**dict.fromkeys(_ROWS, build), "logsumexp": build_logsumexp}
THRESHOLDS: Final = thresholds_of_rows(BUILDERS)
