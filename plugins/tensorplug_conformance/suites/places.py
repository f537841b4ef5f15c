"""What ``settings`` draws for ops that move numbers, find them by their places, or add them up there; and for
derivatives whose operands belong together.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from functools import partial
from typing import Any, Final, TypeAlias

import numpy as np

from tensorplug_dispatcher import dtypes
from tensorplug_dispatcher.layout import dense
from tensorplug_dispatcher.op import Input
from tensorplug_dispatcher.ops import OPS

from .mixed import SIDES

Draw: TypeAlias = random.Random
Drawn: TypeAlias = Callable[[Draw], tuple[Any, ...]]


def maybe(draw: Draw, given: Any) -> Any:
    return given if draw.random() < 0.5 else None


def sides(draw: Draw, ndim: int, limit: int = 60_000) -> tuple[int, ...]:
    """A shape of which one or two sides are beyond a block; now and then all are equal."""
    if draw.random() < 0.15:
        return (draw.choice([n for n in (2, 3, 5, 33, 130, 200) if n**ndim <= limit]),) * ndim
    shape = [draw.choice((1, 2, 3, 5, 7)) for _ in range(ndim)]
    for place in draw.sample(range(ndim), min(draw.choice((1, 2, 2)), ndim)):
        rest = math.prod(shape) // shape[place]
        fitting = [n for n in SIDES if n * rest <= limit]
        if fitting:
            shape[place] = draw.choice(fitting[: draw.choice((8, len(SIDES)))])
    return tuple(shape)


def _few(draw: Draw) -> tuple[int, ...]:
    return sides(draw, draw.choice((1, 2, 3, 4)), 6_000)


def _long(shape: tuple[int, ...], most: int, draw: Draw, apart: bool) -> Input:
    """Places before ``most``: each at most once along the whole of them, or many named again and again."""
    count = math.prod(shape)
    if apart:
        return Input(shape, values=tuple(draw.sample(range(most), count)), dtype="int64")
    return Input(shape, values=tuple(draw.randrange(most) for _ in range(count)), dtype="int64")


def _added(shape: tuple[int, ...], draw: Draw) -> Input:
    """Numbers to be added up, now and then of one sign: their sum shows in which dtype it is kept."""
    return draw.choice((Input(shape), Input(shape, 0.5, 1.5)))


def _many_dimensions(draw: Draw) -> tuple[Any, ...]:
    """More dimensions than a kernel has loops, if its memory is in another order."""
    return (Input(tuple(draw.choice((2, 2, 3, 1)) for _ in range(draw.choice((7, 9, 9, 10, 11))))),)


def _reversed(draw: Draw) -> tuple[Any, ...]:
    shape = _few(draw)
    return Input(shape), tuple(sorted(draw.sample(range(len(shape)), draw.randrange(1, len(shape) + 1))))


def _rolled(draw: Draw) -> tuple[Any, ...]:
    shape = _few(draw)
    dims = draw.sample(range(len(shape)), draw.randrange(1, len(shape) + 1))
    return Input(shape), tuple(draw.randrange(-3 * shape[d], 3 * shape[d] + 1) for d in dims), tuple(dims)


def _repeated(draw: Draw) -> tuple[Any, ...]:
    shape = sides(draw, draw.choice((1, 2, 3)), 1_000)
    return Input(shape), tuple(draw.choice((1, 2, 3, 5)) for _ in (*shape, *draw.choice(((), (0,)))))


def _interleaved(draw: Draw) -> tuple[Any, ...]:
    shape = _few(draw)
    return Input(shape), draw.choice((1, 2, 3, 7)), draw.choice((None, *range(len(shape))))


def _triangle(draw: Draw) -> tuple[Any, ...]:
    rows, columns = (draw.choice((1, 5, 33, 70, 130, 200)) for _ in range(2))
    return Input((*draw.choice(((), (2,), (3, 2))), rows, columns)), draw.randrange(-rows - 1, columns + 2)


def _padded(draw: Draw) -> tuple[Any, ...]:
    shape = _few(draw)
    count = draw.randrange(1, len(shape) + 1)
    return Input(shape), tuple(draw.choice((0, 1, 2, 5)) for _ in range(2 * count)), draw.choice((0, 2, -1.5))


def _along(name: str, draw: Draw) -> tuple[Any, ...]:
    """Places along one dimension, a tensor of them or a list of rows."""
    shape = _few(draw)
    dim = draw.randrange(len(shape))
    rows = name.startswith("index")
    apart = name in ("scatter", "index_copy")  # or which of several writes stays is open
    length = draw.choice((1, 2, shape[dim], 3 * shape[dim] + 1))
    length = min(length, shape[dim]) if apart else length
    taken = tuple(
        length if d == dim else n if rows else draw.randrange(1, n + 1) for d, n in enumerate(shape)
    )
    if name == "take_along_dim":
        taken = tuple(n if d == dim else shape[d] for d, n in enumerate(taken))
    if rows:
        index = _long((length,), shape[dim] if apart else draw.choice((shape[dim], 1)), draw, apart)
    elif apart:
        lines = [draw.sample(range(shape[dim]), length) for _ in range(math.prod(taken) // length)]
        moved = (*(n for d, n in enumerate(taken) if d != dim), length)
        values = np.moveaxis(np.array(lines).reshape(moved), -1, dim).reshape(-1).tolist()
        index = Input(taken, values=tuple(values), dtype="int64")
    else:
        index = _long(taken, shape[dim], draw, False)
    if name == "take_along_dim":
        return Input(shape), index, dim
    given = (Input(shape), dim, index)
    return given if name in ("gather", "index_select") else (*given, _added(taken, draw))


def _embedded(gradient: bool, draw: Draw) -> tuple[Any, ...]:
    rows, width = draw.choice((5, 33, 300, 1025)), draw.choice((1, 3, 8, 33, 130))
    shape = draw.choice(((1,), (7,), (300,), (5, 33), (2, 3, 70)))
    places = _long(shape, draw.choice((2, rows)), draw, False)  # now and then a word that comes often
    if math.prod(shape) * width > 60_000:
        width = 8
    padding = draw.choice((-1, 0, rows - 1))
    return (
        (_added((*shape, width), draw), places, rows, padding)
        if gradient
        else (Input((rows, width)), places, padding)
    )


def _searched(draw: Draw) -> tuple[Any, ...]:
    count = draw.choice((1, 2, 5, 33, 257, 1030))
    steps = sorted(draw.uniform(10, 100) for _ in range(max(count - 3, 1)))
    line = sorted([*steps, *(draw.choice(steps) for _ in range(count - len(steps)))])
    values = tuple(draw.choice((draw.choice(line), draw.uniform(0, 110))) for _ in range(300))
    return Input((count,), values=tuple(line)), Input((300,), values=values), draw.random() < 0.5


def _linear(name: str, draw: Draw) -> tuple[Any, ...]:
    rows, inner, columns = (draw.choice((1, 3, 8, 33, 65, 130, 257, 300, 1030)) for _ in range(3))
    if rows * inner * columns > 4_000_000:
        rows = 3
    square, bias = draw.choice([(s, k) for s in (True, False) for k in range(5)])
    columns = rows if square else columns
    if name == "dot":
        return Input((rows * inner,)), Input((rows * inner,))
    if name == "addmm":
        shape = ((rows, columns), (columns,), (1, columns), (rows, 1), ())[bias]
        return Input(shape), Input((rows, inner)), Input((inner, columns))
    batch = draw.choice(((rows,), (2, rows), ()))
    return Input((*batch, inner)), Input((columns, inner)), maybe(draw, Input((columns,)))


def _softmax_gradient(log: bool, draw: Draw) -> tuple[Any, ...]:
    shape = sides(draw, draw.choice((1, 2, 3)), 20_000)
    dim = draw.randrange(len(shape))
    n = shape[dim]
    out = Input(shape, -math.log(n) - 1, -math.log(n) + 0.5) if log else Input(shape, 0.0, 2.0 / n)
    return Input(shape), out, dim


def _layer_norm_gradient(draw: Draw) -> tuple[Any, ...]:
    shape = sides(draw, draw.choice((1, 2, 3, 4)), 20_000)
    normalized = shape[-draw.randrange(1, min(len(shape), 2) + 1) :]
    lines = shape[: len(shape) - len(normalized)] + (1,) * len(normalized)
    moments = Input(lines, -0.2, 0.2), Input(lines, 0.5, 1.0)
    given = Input(shape, -1.0, 1.0), Input(shape, -1.0, 1.0)
    return *given, *moments, maybe(draw, Input(normalized, -1.0, 1.0)), normalized


def of_dimensions(make: Callable[[int, Draw], tuple[Any, ...]]) -> Drawn:
    """Calls over one, two and three spatial dimensions in turn."""
    return lambda draw: make(draw.choice((1, 2, 3)), draw)


def _max_pool_gradient(ndim: int, draw: Draw) -> tuple[Any, ...]:
    """Windows that overlap, so that places are named by several of them."""
    image = tuple(draw.randrange(4, {1: 300, 2: 20, 3: 8}[ndim]) for _ in range(ndim))
    lead = draw.choice((1, 2, 3)), draw.choice((1, 3, 8, 17))
    results = tuple(max(n // draw.choice((1, 2, 3)), 1) for n in image)
    places = _long((*lead, *results), math.prod(image), draw, False)
    return Input((*lead, *results)), places, (*lead, *image)


def _piece_gradient(draw: Draw) -> tuple[Any, ...]:
    shape = _few(draw)
    dim = draw.randrange(len(shape))
    start, step = draw.randrange(shape[dim]), draw.choice((1, 1, 2, 3, 7))
    length = draw.randrange(1, (shape[dim] - start - 1) // step + 2)
    piece = tuple(length if d == dim else n for d, n in enumerate(shape))
    return Input(piece), shape, dim, start, length, step


def _row_gradient(draw: Draw) -> tuple[Any, ...]:
    shape = sides(draw, draw.choice((2, 3, 4)), 6_000)
    dim = draw.randrange(len(shape))
    return Input(shape[:dim] + shape[dim + 1 :]), shape, dim, draw.randrange(shape[dim])


def _view_gradient(view: str, draw: Draw) -> tuple[Any, ...]:
    shape = sides(draw, draw.choice((2, 3)), 6_000)
    dims = draw.sample(range(len(shape)), 2)
    rest: tuple[int, ...] = (draw.randrange(1 - shape[dims[0]], shape[dims[1]]), *dims)
    if view == "unfold":
        rest = dims[0], draw.randrange(1, min(shape[dims[0]], 9) + 1), draw.choice((1, 2, 3))
    looked_at: Any = OPS[view].view
    seen, _ = looked_at(dense(shape, dtypes.float32), *rest)
    return Input(tuple(seen.shape)), shape, *rest


def _levels(draw: Draw) -> tuple[Any, ...]:
    kind = draw.choice(("uint8", "int8"))
    low, high = (0, 255) if kind == "uint8" else (-128, 127)
    shape = _few(draw)
    scales = draw.choice(((), (shape[0], *(1 for _ in shape[1:]))))
    point = Input(scales, low, high, "int32")
    return (
        Input(shape, low, high, kind),
        Input(scales, 0.01, 0.5, "float32"),
        maybe(draw, point),
        dtypes.float32,
    )


PLACED: Final[dict[str, Drawn]] = {
    "copy": _many_dimensions,
    "flip": _reversed,
    "roll": _rolled,
    "repeat": _repeated,
    "tile": _repeated,
    "repeat_interleave": _interleaved,
    "tril": _triangle,
    "triu": _triangle,
    "constant_pad_nd": _padded,
    **{
        name: partial(_along, name)
        for name in ("gather", "scatter", "scatter_add", "index_select", "index_add", "index_copy")
    },
    "take_along_dim": partial(_along, "take_along_dim"),
    "embedding": partial(_embedded, False),
    "embedding_backward": partial(_embedded, True),
    "searchsorted": _searched,
    **{name: partial(_linear, name) for name in ("addmm", "linear", "dot")},
    "softmax_backward": partial(_softmax_gradient, False),
    "log_softmax_backward": partial(_softmax_gradient, True),
    "layer_norm_backward": _layer_norm_gradient,
    "max_pool_backward": of_dimensions(_max_pool_gradient),
    "slice_backward": _piece_gradient,
    "select_backward": _row_gradient,
    "diagonal_backward": partial(_view_gradient, "diagonal"),
    "unfold_backward": partial(_view_gradient, "unfold"),
    "dequantize": _levels,
}
