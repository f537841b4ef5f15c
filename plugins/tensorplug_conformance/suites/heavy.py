"""S2, long ways: scans that carry from block to block, sorts that merge, scatters that collide, tables whose
rows do not fit 16 bits. The numbers are whole, so that every order of adding gives the same; the expectation
is NumPy's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Final

import numpy as np

from tensorplug_dispatcher import dtypes, errors
from tensorplug_dispatcher.dtypes import DType
from tensorplug_dispatcher.ops import OPS, F

from ..case import FAIL, PASS, UNSUPPORTED, Case, Result
from ..placing import dense, placed
from ..probes import array_of, differs
from ..samples import seed_of

LINE: Final = 70_001
ROWS: Final = 70_003  # more than 16 bits
DTYPES: Final = (dtypes.float32, dtypes.int64, dtypes.int32)
Numbers = dict[str, Any]
Work = Callable[[Numbers, Callable[[Any, DType], Any], DType], list[tuple[str, Any, Any]]]


def cases(device: str, depth: str) -> Iterator[Case]:
    for name, work in LONG.items():
        subject = name.partition("-")[0]
        kinds = [d for d in DTYPES if OPS[subject].dtypes != "floating" or d.is_floating_point]
        for dtype in kinds if depth != "smoke" or subject in EVERY else kinds[:2]:
            yield Case(
                f"S2/{subject}/{dtype.name}/long-{name}", partial(_run, name, work, dtype), OPS[subject].tier
            )


EVERY: Final = ("cumsum", "sort", "scatter_add")


def _run(name: str, work: Work, dtype: DType, device: str) -> Result:
    """Each of several calls gives exactly what NumPy gives."""
    draw = np.random.default_rng(seed_of(f"long {name}"))

    def put(array: Any, kind: DType) -> Any:
        return placed(array, kind, dense(np.ndim(array)), device)

    try:
        for words, got, due in work({"draw": draw}, put, dtype):
            text = differs(array_of(got), np.asarray(due))
            if text:
                return Result(FAIL, f"{words}: {text}")
    except errors.MissingKernelError as error:
        return Result(UNSUPPORTED, str(error))
    return Result(PASS)


def _plain(dtype: DType) -> Any:
    return np.float64 if dtype.is_floating_point else np.dtype(dtype.numpy_name)


def _signs(n: Numbers, *shape: int) -> Any:
    return n["draw"].integers(-1, 2, shape)


def _cumsum(n: Numbers, put: Any, dtype: DType) -> list[Any]:
    found = []
    for shape, dim in (((LINE,), 0), ((3, 5000), 1), ((2050, 3), 0), ((300_001,), 0)):
        x = _signs(n, *shape)
        out = F.cumsum(put(x.astype(_plain(dtype)), dtype), dim, dtype=dtype)
        found.append((f"cumsum of {list(shape)}", out, np.cumsum(x, dim).astype(_plain(dtype))))
    return found


def _cumprod(n: Numbers, put: Any, dtype: DType) -> list[Any]:
    x = n["draw"].choice([1, -1], (3, 5001))
    x[:, 2000] = 3
    out = F.cumprod(put(x.astype(_plain(dtype)), dtype), 1, dtype=dtype)
    return [("cumprod of [3, 5001]", out, np.cumprod(x, 1).astype(_plain(dtype)))]


def _sort(n: Numbers, put: Any, dtype: DType) -> list[Any]:
    found = []
    for shape, dim, span in (
        ((LINE,), 0, 1 << 22),
        ((LINE,), 0, 50),
        ((3, 9001), 1, 1 << 22),
        ((5000, 3), 0, 9),
    ):
        x = n["draw"].integers(-span, span, shape).astype(_plain(dtype))
        for descending in (False, True):
            order = np.argsort(-x if descending else x, dim, kind="stable")
            values, places = F.sort(put(x, dtype), dim, descending)
            words = f"sort of {list(shape)} within {span}, descending {descending}"
            found.append((f"{words}, values", values, np.take_along_axis(x, order, dim)))
            found.append((f"{words}, places", places, order))
    return found


def _topk(n: Numbers, put: Any, dtype: DType) -> list[Any]:
    x = n["draw"].permutation(LINE).astype(_plain(dtype))
    values, places = F.topk(put(x, dtype), 300, 0)
    order = np.argsort(-x)[:300]
    return [("topk, values", values, x[order]), ("topk, places", places, order)]


def _collisions(n: Numbers, put: Any, dtype: DType) -> list[Any]:
    """Many sources for few places, and all for one."""
    found = []
    source = n["draw"].integers(-3, 4, LINE)
    for places in (1, 7, 1000):
        index = n["draw"].integers(0, places, LINE)
        due = np.zeros(places, np.int64)
        np.add.at(due, index, source)
        base, values = np.zeros(places, _plain(dtype)), source.astype(_plain(dtype))
        given = put(base, dtype), 0, put(index, dtypes.int64), put(values, dtype)
        due = due.astype(_plain(dtype))
        found.append((f"scatter_add into {places} places", F.scatter_add(*given), due))
        found.append((f"index_add into {places} places", F.index_add(*given), due))
        out = F.index_put(given[0], [given[2]], given[3], True)
        found.append((f"index_put into {places} places", out, due))
    return found


def _embedding(n: Numbers, put: Any, dtype: DType) -> list[Any]:
    index = n["draw"].integers(0, 5, 3001)
    grad = n["draw"].integers(-3, 4, (3001, 9))
    due = np.zeros((5, 9))
    np.add.at(due, index, grad)
    out = F.embedding_backward(put(grad.astype(np.float64), dtype), put(index, dtypes.int64), 5, -1)
    return [("embedding_backward of 3001 into 5 rows", out, due)]


def _tables(n: Numbers, put: Any, dtype: DType) -> list[Any]:
    """Rows beyond 65,536 are read and written where they are, by indices of 32 and of 64 bits."""
    table = np.stack([np.arange(ROWS), np.arange(ROWS) * 2 + 1], 1).astype(_plain(dtype))
    rows = np.concatenate(
        [np.array([0, 65535, 65536, 65537, ROWS - 1, 32768]), n["draw"].integers(0, ROWS, 300)]
    )
    x, found = put(table, dtype), []
    for kind in (dtypes.int64, dtypes.int32):
        at = put(rows.astype(kind.numpy_name), kind)
        found.append(("index_select", F.index_select(x, 0, at), table[rows]))
        found.append(("index", F.index(x, [at]), table[rows]))
        both = put(np.stack([rows, rows], 1).astype(kind.numpy_name), kind)
        found.append(("gather", F.gather(x, 0, both), table[rows]))
    unique = np.unique(rows)
    new = -np.stack([unique, unique], 1).astype(_plain(dtype)) - 1
    due = table.copy()
    due[unique] = new
    at = put(unique, dtypes.int64)
    found.append(("index_copy", F.index_copy(x, 0, at, put(new, dtype)), due))
    both = put(np.stack([unique, unique], 1), dtypes.int64)
    found.append(("scatter", F.scatter(x, 0, both, put(new, dtype)), due))
    added = table.copy()
    added[unique] += new
    found.append(("index_add", F.index_add(x, 0, at, put(new, dtype)), added))
    if dtype.is_floating_point:
        found.append(("embedding", F.embedding(x, put(rows, dtypes.int64), -1), table[rows]))
    return found


def _wide_lines(n: Numbers, put: Any, dtype: DType) -> list[Any]:
    """Places beyond 65,536 in a line: found, counted, moved."""
    x = n["draw"].integers(0, 1000, 300_001).astype(_plain(dtype))
    x[65_537], x[299_999], x[131_072] = 5000, 5000, -7
    found: list[tuple[str, Any, Any]] = []
    t = put(x, dtype)
    found.append(("argmax", F.argmax(t, 0), np.argmax(x)))
    found.append(("argmin", F.argmin(t, 0), np.argmin(x)))
    x[299_999] = 6000
    found.append(("argmax at the end", F.argmax(put(x, dtype), 0), np.argmax(x)))
    found.append(("amax", F.amax(put(x, dtype)), x.max()))
    found.append(("count_nonzero", F.count_nonzero(t), np.count_nonzero(array_of(t))))
    mask = (x > 990).astype(np.bool_)
    places = np.argwhere(mask)
    found.append(("nonzero", F.nonzero(put(mask, dtypes.bool_), len(places)), places))
    line = np.sort(x)
    values = x[::5000]
    found.append(
        ("searchsorted", F.searchsorted(put(line, dtype), put(values, dtype)), np.searchsorted(line, values))
    )
    found.append(("flip", F.flip(t, (0,)), array_of(t)[::-1]))
    found.append(("roll", F.roll(t, (70_000,), (0,)), np.roll(array_of(t), 70_000)))
    square = np.arange(300 * 1001).reshape(300, 1001).astype(_plain(dtype))
    found.append(("transpose", F.copy(F.transpose(put(square, dtype), 0, 1)), square.T))
    parts = [put(square[i], dtype) for i in range(300)]
    found.append(("cat of 300", F.cat(parts, 0), square.reshape(-1)))
    return found


LONG: Final[dict[str, Work]] = {
    "cumsum": _cumsum,
    "cumprod": _cumprod,
    "sort": _sort,
    "topk": _topk,
    "scatter_add-collisions": _collisions,
    "embedding_backward": _embedding,
    "gather-tables": _tables,
    "argmax-lines": _wide_lines,
}
