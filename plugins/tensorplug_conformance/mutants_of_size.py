"""Wrong backends that are right for small calls: op → function, by the mutant's name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np

from .reference import FUNCTIONS, is_float, put

Function = Callable[[Any, Any, Any], None]


def _above(op: str, size: int, wrong: Function) -> dict[str, Function]:
    """The op as specified, but for first operands of more than ``size`` elements."""

    def run(outs: Any, ins: Any, attrs: Any) -> None:
        (wrong if ins[0].size > size else FUNCTIONS[op])(outs, ins, attrs)

    return {op: run}


def _lost_tail(op: str) -> Function:
    """The last block of the last dimension takes no part."""

    def run(outs: Any, ins: Any, attrs: Any) -> None:
        x = ins[0]
        whole = x.shape[-1] // 1024 * 1024 or x.shape[-1]
        FUNCTIONS[op](outs, [x[..., :whole]], attrs)

    return run


def _reduced_product(outs: Any, ins: Any, attrs: Any) -> None:
    """10 bits of fraction, where every side is a multiple of 8."""
    sides = (*ins[0].shape[-2:], *ins[1].shape[-2:])
    if ins[0].dtype == np.float32 and all(n % 8 == 0 for n in sides):
        ins = [(np.ascontiguousarray(x).view(np.int32) & ~0x1FFF).view(np.float32) for x in ins]
    FUNCTIONS["matmul"](outs, ins, attrs)


def _narrow_grid(outs: Any, ins: Any, attrs: Any) -> None:
    FUNCTIONS["gather"](outs, ins, attrs)
    outs[0].reshape(-1)[65_535:] = 0


def _narrow_sum(outs: Any, ins: Any, attrs: Any) -> None:
    """Sums of halves are kept in halves."""
    x, out = ins[0], outs[0]
    if not is_float(x) or x.dtype.itemsize != 2 or attrs.get("dim") not in (1, (1,)) or x.ndim != 2:
        FUNCTIONS["sum"](outs, ins, attrs)
        return
    total = np.zeros(x.shape[0], x.dtype)
    for column in range(x.shape[1]):
        total = (total + x[:, column]).astype(x.dtype)
    put(out, total.reshape(out.shape))


# name: what is wrong, the beginnings of cases that find it, kernels
WRONG: Final[dict[str, tuple[str, tuple[str, ...], dict[str, Function]]]] = {
    "second-pass": (
        "sums of long lines leave out the last block",
        ("S2/sum/float32/line-",),
        _above("sum", 4096, _lost_tail("sum")),
    ),
    "waves": (
        "argmax does not look at the last block",
        ("S2/argmax/float32/line-",),
        _above("argmax", 1024, _lost_tail("argmax")),
    ),
    "reduced-mode": (
        "products whose sides are multiples of 8 are less exact",
        ("S2/matmul/float32/inner-",),
        {"matmul": _reduced_product},
    ),
    "narrow-grid": (
        "results after the 65,535th are not written",
        ("S2/gather/float32/indices-",),
        {"gather": _narrow_grid},
    ),
    "narrow-sums": ("sums of halves are kept in halves", ("S2/sum/float16/",), {"sum": _narrow_sum}),
}
