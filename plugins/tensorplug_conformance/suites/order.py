"""S2, order: ties, NaN and neighbouring numbers in everything that orders, over lines longer than a vector.

The expectation is NumPy's over ranks: equal numbers have one rank, zeros of both signs too, and NaN has the
highest. Of equals argmax, argmin and a stable sort take the first, cummax and cummin the last; which of them
topk and kthvalue name is left open, as in PyTorch.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator
from functools import partial
from itertools import product
from typing import Any, Final

import numpy as np

from tensorplug_dispatcher import dtypes
from tensorplug_dispatcher.dtypes import DType
from tensorplug_dispatcher.op import Op
from tensorplug_dispatcher.ops import OPS

from .. import tolerance
from ..case import Case, Result
from ..placing import dense, drawn, placed
from ..probes import asked, worst
from ..samples import seed_of
from .ops import judge

MONOTONE: Final = 2501  # a line whose largest lie side by side, more of them than one block hands on
MONOTONE_DTYPES: Final = (dtypes.float32, dtypes.int32, dtypes.uint8)
LENGTHS: Final = {  # three lines of the longest are more than a small reduction's kernel takes
    "smoke": (37, 257, 4099),
    "nightly": (3, 64, 257, 1031, 4099),
    "release": (3, 64, 1031, 9001),
}
SHORT: Final = {"smoke": (2, 37), "nightly": LENGTHS["nightly"], "release": LENGTHS["release"]}
ROWS: Final = 3
POOLS: Final[dict[str, tuple[tuple[Any, ...], ...]]] = {
    "max_pool": (
        ((2, 3, 1041), (3,), (2,), (1,), (1,), False),
        ((2, 3, 31, 33), (3, 3), (2, 1), (1, 1), (1, 2), True),
        ((1, 2, 9, 16, 17), (2, 3, 2), (1, 2, 2), (0, 1, 1), (1, 1, 1), False),
    ),
    "adaptive_max_pool": (((2, 3, 31, 33), (4, 5)),),
}
BOUNDED: Final[dict[str, tuple[tuple[Any, ...], Callable[[Any], Any]]]] = {
    "clamp": ((-1, 2), lambda x: np.clip(x, -1, 2)),
    "hardtanh": ((-1, 1), lambda x: np.clip(x, -1, 1)),
    "relu6": ((), lambda x: np.clip(x, 0, 6)),
    "relu": ((), lambda x: np.where(x < 0, 0, x)),
}


def cases(device: str, depth: str) -> Iterator[Case]:
    for name in ASKED:
        op = OPS[name]
        kinds = dtypes.ALL if op.dtypes == "all" else dtypes.ALL[1:]
        for dtype in kinds:
            for kind in ("ties", "nan", "near"):
                if (kind == "nan") > dtype.is_floating_point or dtype is dtypes.bool_ and kind == "near":
                    continue
                run = partial(_ordered, op, dtype, kind, LENGTHS[depth])
                yield Case(f"S2/{name}/{dtype.name}/order-{kind}", run, op.tier)
            run = partial(_ordered, op, dtype, "equal", SHORT[depth])
            yield Case(f"S2/{name}/{dtype.name}/order-equal", run, op.tier)
            if depth != "smoke" or dtype in MONOTONE_DTYPES:
                run = partial(_ordered, op, dtype, "monotone", (MONOTONE,))
                yield Case(f"S2/{name}/{dtype.name}/order-monotone", run, op.tier)
    for name, calls in POOLS.items():
        for dtype in dtypes.FLOATS:
            run = partial(_pooled, OPS[name], dtype, calls)
            yield Case(f"S2/{name}/{dtype.name}/order-pooled", run, OPS[name].tier)
    for name, (further, function) in BOUNDED.items():
        for dtype in dtypes.FLOATS:
            run = partial(_bounded, OPS[name], dtype, further, function)
            yield Case(f"S2/{name}/{dtype.name}/order-nan", run, OPS[name].tier)


def numbers(dtype: DType, kind: str, shape: tuple[int, ...], key: str) -> Any:
    """Numbers of which many are equal, some are NaN, or neighbours differ by the least that can be."""
    draw = random.Random(seed_of(key))
    count = math.prod(shape)
    if kind == "equal":  # lines of one number each, which may be what a search begins with
        lines = np.array(extremes(dtype), np.float64 if dtype.is_floating_point else dtype.numpy_name)
        return np.ascontiguousarray(np.broadcast_to(lines[:, None], (len(lines), shape[-1])))
    if kind == "monotone":
        return _monotone(dtype, shape)
    if dtype is dtypes.bool_:
        return np.array([draw.random() < 0.5 for _ in range(count)]).reshape(shape)
    if kind == "near":
        if dtype.is_floating_point:
            eps = {"float16": 2.0**-10, "bfloat16": 2.0**-7, "float32": 2.0**-23, "float64": 2.0**-52}[
                dtype.name
            ]
            base = [1.0 + eps * draw.randrange(60) for _ in range(count)]
            return np.array(base).reshape(shape)
        high = int(dtype.max)
        ends = [
            n for n in (high, int(dtype.min) + 40, 1 << 31, 1 << 32, (1 << 53) + 20, 1 << 62, 40) if n <= high
        ]
        centre = draw.choice(ends)
        found = [max(min(centre - draw.randrange(40), high), int(dtype.min)) for _ in range(count)]
        return np.array(found, np.dtype(dtype.numpy_name)).reshape(shape)
    plain = np.float64 if dtype.is_floating_point else np.dtype(dtype.numpy_name)
    low = 0 if not dtype.is_floating_point and not dtype.is_signed else -3
    array = np.array([draw.randrange(low, 4) for _ in range(count)], plain).reshape(shape)
    if dtype.is_floating_point:  # zeros of both signs are equal
        signs = np.array([draw.choice((1.0, -1.0)) for _ in range(count)]).reshape(shape)
        array = np.where(array == 0, np.copysign(array, signs), array)
    if kind == "nan":
        flat = array.reshape(-1)
        n = shape[-1]
        flat[: count - n][:: max(n // 2 + 3, 5)] = math.nan  # the last line has infinities alone
        flat[count - n :: 7] = -math.inf
        flat[n // 3 :: 11] = np.where(np.isnan(flat[n // 3 :: 11]), math.nan, math.inf)
        flat[n - 1] = math.nan
        flat[n : 2 * n] = np.where(np.isnan(flat[n : 2 * n]), 2, flat[n : 2 * n])
        flat[2 * n - 2] = math.nan  # one line with NaN near its end alone
        missing = np.flatnonzero(np.isnan(flat))
        flat[missing[::2]] = -math.nan  # the sign bit of NaN says nothing
    return array


def _monotone(dtype: DType, shape: tuple[int, ...]) -> Any:
    """Lines that rise, fall, and rise and fall; below zero where there are such numbers."""
    n = shape[-1]
    up = np.arange(n, dtype=np.float64)
    lines = np.stack([up, up[::-1], np.minimum(up, up[::-1])])
    if dtype is dtypes.bool_:
        return lines > n // 3
    wide = dtype.itemsize > 2 or dtype is dtypes.float16
    steps = 1000 if wide else 200 if dtype.is_floating_point else 100  # as many as the dtype tells apart
    lines = np.floor(lines * (steps / n)) - (steps + 1 if dtype.is_floating_point or dtype.is_signed else 0)
    return lines.astype(np.float64 if dtype.is_floating_point else np.dtype(dtype.numpy_name))


def extremes(dtype: DType) -> tuple[Any, ...]:
    """The ends of a dtype's range, and what is beyond them."""
    if dtype is dtypes.bool_:
        return (False, True)
    if not dtype.is_floating_point:
        return (int(dtype.min), int(dtype.max), 0)
    top = tolerance.largest(dtype.name)
    return (-math.inf, math.inf, math.nan, -top, top, 0.0)


def ranks(x: Any) -> Any:
    """The rank of every number of all; equal numbers have one, NaN has the highest."""
    _, found = np.unique(x, return_inverse=True, equal_nan=True)
    return found.reshape(x.shape).astype(np.int64)


def _running(x: Any, largest: bool) -> list[Any]:
    best = (np.maximum if largest else np.minimum).accumulate(x, -1)  # NaN stays
    new, before = x[..., 1:], best[..., :-1]
    with np.errstate(invalid="ignore"):
        better = ((new >= before if largest else new <= before) & (before == before)) | (new != new)
    taken = np.concatenate([np.ones_like(x[..., :1], bool), better], -1)
    places = np.maximum.accumulate(np.where(taken, np.arange(x.shape[-1]), 0), -1)
    return [np.take_along_axis(x, places, -1), places]


def _exact(op: Op, x: Any, rest: tuple[Any, ...]) -> list[Any]:
    """What an op over the last dimension gives; None where it is left open."""
    r = ranks(x)
    if op.name in ("argmax", "argmin"):
        return [np.argmax(x, -1) if op.name == "argmax" else np.argmin(x, -1)]
    if op.name in ("amax", "amin"):
        return [np.max(x, -1) if op.name == "amax" else np.min(x, -1)]
    if op.name in ("any", "all"):
        return [np.any(x, -1) if op.name == "any" else np.all(x, -1)]
    if op.name == "count_nonzero":
        return [np.count_nonzero(x, -1)]
    if op.name in ("cummax", "cummin"):
        return _running(x, op.name == "cummax")
    if op.name in ("sort", "argsort"):
        order = np.argsort(-r if rest[1] else r, -1, kind="stable")
        return [np.take_along_axis(x, order, -1), order][op.name == "argsort" :]
    if op.name == "topk":
        order = np.argsort(-r if rest[2] else r, -1, kind="stable")[..., : rest[0]]
        return [np.take_along_axis(x, order, -1), None]
    order = np.argsort(r, -1, kind="stable")[..., rest[0] - 1 : rest[0]]
    return [np.take_along_axis(x, order, -1)[..., 0], None]


# the arguments behind the operand for a line of n along dimension d
ASKED: Final[dict[str, Callable[[int, int], list[tuple[Any, ...]]]]] = {
    "argmax": lambda n, d: [(d,)],
    "argmin": lambda n, d: [(d,)],
    "amax": lambda n, d: [(d,)],
    "amin": lambda n, d: [(d,)],
    "any": lambda n, d: [(d,)],
    "all": lambda n, d: [(d,)],
    "count_nonzero": lambda n, d: [(d,)],
    "cummax": lambda n, d: [(d,)],
    "cummin": lambda n, d: [(d,)],
    "sort": lambda n, d: [(d, False), (d, True)],
    "argsort": lambda n, d: [(d, False), (d, True)],
    "topk": lambda n, d: [
        (min(9, n), d, True),
        (n // 2, d, False),
        (1, d, True),
        *([(65, d, True), (n // 2, d, True), (1040, d, False)] if n == MONOTONE else []),
    ],
    "kthvalue": lambda n, d: [(1, d), (n // 2 + 1, d), (n, d)],
    "searchsorted": lambda n, d: [(False,), (True,)],
}


def _ordered(op: Op, dtype: DType, kind: str, lengths: tuple[int, ...], device: str) -> Result:
    def every() -> Iterator[tuple[str, Result]]:
        for n in lengths:
            x = numbers(dtype, kind, (ROWS, n), f"{op.name} {kind} {n}")
            for dim in (1, 0):
                for rest in ASKED[op.name](n, dim):
                    words = f"{list(x.shape if dim else x.shape[::-1])}, {', '.join(map(repr, rest))}"
                    yield words, one(x, dim, rest)

    def one(x: Any, dim: int, rest: tuple[Any, ...]) -> Result:
        if op.name == "searchsorted":
            return _searched(op, dtype, x, rest[0], dim, device)
        plan = drawn(random.Random(seed_of(f"{x.shape} {dim}")), x.shape if dim else x.shape[::-1], False)
        wanted = _exact(op, x, rest)

        def compare(got: list[Any], args: list[Any]) -> str:
            results = [g.T if g.ndim == 2 and not dim else g for g in got]
            for name, found, due in zip(op.outputs, results, wanted, strict=True):
                text = _named(x, found, results[0]) if due is None else _differs(found, due, x)
                if text:
                    return f"{name}: {text}"
            return ""

        operand = x if dim else np.ascontiguousarray(x.T)
        return asked(op, lambda where: [placed(operand, dtype, plan, where), *rest], device, compare)

    return worst(every())


def _searched(op: Op, dtype: DType, x: Any, right: bool, dim: int, device: str) -> Result:
    """A sorted line for each row of values, or one for all. NaN belongs behind everything; where a line
    itself ends with NaN, what is found depends on the steps of the search and is not asked.
    """
    known = np.where(x != x, 2, x).astype(x.dtype)
    line = np.take_along_axis(known, np.argsort(ranks(known), -1, kind="stable"), -1)
    values = np.ascontiguousarray(x[:, ::3])
    side: Any = "right" if right else "left"
    if not dim:
        line = line[0]
        wanted = np.searchsorted(line, values, side)
    else:
        wanted = np.stack([np.searchsorted(a, v, side) for a, v in zip(line, values, strict=True)])

    def make(where: str) -> list[Any]:
        return [placed(line, dtype, dense(line.ndim), where), placed(values, dtype, dense(2), where), right]

    return asked(op, make, device, lambda got, args: _differs(got[0], wanted, values))


def _differs(got: Any, due: Any, x: Any) -> str:
    if got.shape != due.shape:
        return f"shape {list(got.shape)}, not {list(due.shape)}"
    wrong = ~((got == due) | ((got != got) & (due != due)))
    if not wrong.any():
        return ""
    at = tuple(int(i) for i in np.argwhere(wrong)[0])
    seen, wanted = got[at].item(), due[at].item()
    return f"at {list(at)} {seen!r}, not {wanted!r}; {int(wrong.sum())} of {wrong.size} are wrong"


def _named(x: Any, places: Any, values: Any) -> str:
    """Whether places name the values that are given, each once."""
    shaped = places if places.ndim == x.ndim else places[..., None]
    given = values if values.ndim == x.ndim else values[..., None]
    if shaped.size and (shaped.min() < 0 or shaped.max() >= x.shape[-1]):
        return f"{shaped.min()} to {shaped.max()} for lines of {x.shape[-1]}"
    text = _differs(np.take_along_axis(x, shaped, -1), given, x)
    if text:
        return f"they name other numbers than the values: {text}"
    in_order = np.sort(shaped, -1)
    return "a place is named twice" if (in_order[..., 1:] == in_order[..., :-1]).any() else ""


def _pooled(op: Op, dtype: DType, calls: tuple[tuple[Any, ...], ...], device: str) -> Result:
    """NaN wins in a window, of equals the first; one of negative numbers, or of -inf, gives the largest."""

    def every() -> Iterator[tuple[str, Result]]:
        for (shape, *rest), kind in product(calls, ("ties", "nan", "negative", "infinite")):
            x = numbers(dtype, kind, shape, f"{op.name} pooled")
            x = -np.abs(x) - 1 if kind == "negative" else x
            x = np.full_like(x, -math.inf) if kind == "infinite" else x

            def make(where: str, widen: bool, x: Any = x, rest: Any = rest) -> list[Any]:
                return [placed(x, dtype, dense(x.ndim), where, widen), *rest]

            yield f"{list(shape)}, {kind}", judge(op, dtype, make, device)

    return worst(every())


def _bounded(op: Op, dtype: DType, rest: tuple[Any, ...], function: Any, device: str) -> Result:
    x = numbers(dtype, "nan", (ROWS, 1031), op.name)

    def compare(got: list[Any], args: list[Any]) -> str:
        return _differs(got[0], function(x), x)

    return asked(op, lambda where: [placed(x, dtype, dense(2), where), *rest], device, compare)
