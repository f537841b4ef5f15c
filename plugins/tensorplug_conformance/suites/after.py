"""S2, after other calls, from nightly on: a call gives what it gave before, whichever op came in between; and
what is right, where part of the numbers in an operand's memory are others now.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Final

import numpy as np

import tensorplug as tp
from tensorplug_dispatcher.op import REQUIRED, Op
from tensorplug_dispatcher.ops import OPS, F

from ..case import FAIL, PASS, Case, Result
from ..samples import seed_of

COUNT: Final = 65
UNARY: Final = tuple(
    op
    for op in OPS.values()
    if op.elementwise
    and op.dtypes in ("all", "numeric", "floating")
    and all(p.default is not REQUIRED for p in op.parameters[1:])
)
SIDE: Final = 72  # of weights: larger than what a device compares to know them again
PRODUCTS: Final[dict[str, tuple[Callable[..., Any], tuple[tuple[int, ...], ...]]]] = {
    "matmul": (lambda x, w: F.matmul(x, w), ((5, SIDE), (SIDE, SIDE))),
    "linear": (lambda x, w: F.linear(x, w, None), ((5, SIDE), (SIDE, SIDE))),
    "addmm": (lambda x, w, b: F.addmm(b, x, w), ((5, SIDE), (SIDE, SIDE), (SIDE,))),
    "conv": (
        lambda x, w, y, v: (
            F.conv(x, w, None, (1, 1), (1, 1), (1, 1), 1),
            F.conv(y, v, None, (1,), (1,), (1,), 1),
        ),
        ((2, 4, 9, 9), (16, 4, 3, 3), (2, 4, 33), (16, 4, 5)),
    ),
    "layer_norm": (
        lambda x, w, b: F.layer_norm(x, (SIDE,), w, b, 1e-5)[0],
        ((5, SIDE), (SIDE,), (SIDE,)),
    ),
    "embedding": (
        lambda w: F.embedding(w, (tp.arange(40) % 33).to(w.device)),
        ((33, SIDE),),
    ),
}


def cases(device: str, depth: str) -> Iterator[Case]:
    if depth == "smoke":
        return
    for op in UNARY:
        yield Case(f"S2/{op.name}/float32/after", partial(_after, op), op.tier)
    for name in PRODUCTS:
        yield Case(f"S2/{name}/float32/rewritten", partial(_rewritten, name), OPS[name].tier, ("int64",))


def _drawn(shape: tuple[int, ...], key: str, device: str) -> Any:
    numbers = np.random.default_rng(seed_of(key)).uniform(-3, 3, shape).astype(np.float32)
    return tp.tensor(numbers.tolist()).to(device)


def _numbers(results: Any) -> Any:
    each = results if isinstance(results, tuple) else (results,)
    return np.concatenate([np.array(x.cpu().tolist(), np.float64).reshape(-1) for x in each])


def _after(op: Op, device: str) -> Result:
    """Rounding modes, flags and scratch memory that another op leaves behind."""
    x = _drawn((COUNT,), f"{op.name} after", device)
    function = getattr(F, op.name)
    function(x)
    want = _numbers(function(x))
    for other in UNARY:
        getattr(F, other.name)(x)
        if not np.array_equal(_numbers(function(x)), want, equal_nan=True):
            return Result(FAIL, f"{op.name} of the same {COUNT} numbers is another one after {other.name}")
    return Result(PASS)


def _rewritten(name: str, device: str) -> Result:
    """Operands that were packed or cached, and are known again by their address, shape or first numbers."""
    function, shapes = PRODUCTS[name]
    given = [_drawn(shape, f"{name} rewritten {i}", device) for i, shape in enumerate(shapes)]
    function(*given)
    for place, shape in enumerate(shapes):
        flat = F.view(given[place], (int(np.prod(shape)),))
        for start in (0, flat.numel() // 2, flat.numel() - 1):
            count = min(flat.numel() - start, 7)
            part = F.slice(flat, 0, start, count, 1)
            F.add.call_into((part, 1.0), (part,))
            elsewhere = [F.copy(one) for one in given]
            if not np.allclose(_numbers(function(*given)), _numbers(function(*elsewhere)), 1e-4, 1e-4):
                text = f"operand {place} of shape {list(shape)} has others from element {start} on, and the "
                return Result(FAIL, f"{text}result is not that of a copy of it")
    return Result(PASS)
