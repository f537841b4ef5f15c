"""S2, settings: ops of which an implementation of its own depends on many attributes, with all of them drawn.

Convolutions of any channels, groups, windows, steps and padding; pools; attention of any two lengths under
any kind of mask; reductions over any set of dimensions; products with batches that are repeated; operands
that are repeated along any dimensions; lists of any length; what ``places`` draws. Numbers, layouts and where
the result goes are drawn as in ``mixed``.
"""

from __future__ import annotations

import math
import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Any, Final

import numpy as np

from tensorplug_dispatcher import dtypes
from tensorplug_dispatcher.dtypes import DType
from tensorplug_dispatcher.layout import dense
from tensorplug_dispatcher.op import Input, Op, Sample
from tensorplug_dispatcher.ops import OPS

from ..case import Case, Result
from ..probes import worst
from ..samples import DTYPES_OF, dtypes_for, dtypes_named, seed_of
from .layouts import ENDS, any_tensor, arguments, inputs_of
from .mixed import GIVEN, KINDS, NEW, TRIES, TURNED, UNMIXED, Mixed, stretched
from .ops import flushes
from .places import PLACED, Draw, Drawn, maybe, of_dimensions, sides
from .state import STRINGS
from .values import PRODUCTS

CALLS: Final = {"smoke": 16, "nightly": 60, "release": 300}
MORE: Final = ("scaled_dot_product_attention", "matmul")  # have more settings than calls
# over one, two and three dimensions
IMAGES: Final = (
    *("conv", "conv_input_grad", "conv_weight_grad"),
    *("max_pool", "max_pool_backward", "avg_pool", "avg_pool_backward"),
)
PIXELS: Final = {1: 300, 2: 24, 3: 9}  # sides of images, at most
TABLES: Final = ((300, 333), (260, 515), (150, 601), (97, 1021))
WHERE: Final = (0.0, GIVEN, TURNED, TURNED, NEW)  # results go
WINDOWS: Final = {1: (1, 2, 3, 3, 5, 7, 11, 33), 2: (1, 2, 3, 3, 5, 7, 9, 11), 3: (1, 2, 3, 3, 5)}


def cases(device: str, depth: str) -> Iterator[Case]:
    switched = _switched()
    for name, make in {**switched, **_broadcast(), **DRAWN}.items():
        op, turn = OPS[name], zlib.crc32(name.encode())
        kinds = [d for d in DTYPES_OF[op.dtypes] if d is not dtypes.bool_]
        first = next((d for d in (dtypes.float32, dtypes.int64) if d in kinds), kinds[0])
        others = [d for d in kinds if d is not first]
        if depth == "smoke":
            narrow = [d for d in others if d.is_floating_point and d.itemsize == 2]
            others = narrow if op.tolerance == "sum" and narrow else others  # in which they might be kept
            others = [] if op.elementwise else others[turn % len(others) :][:1]
        for dtype in (first, *others):
            whole = dtype is first and (not op.elementwise or name in switched)
            count = CALLS[depth] * (3 if name in MORE else 1) if whole else CALLS[depth] // 2
            count *= 3 if name in IMAGES else 1
            uses = dtypes_named(make(Draw(0)))
            run = partial(_settings, op, dtype, make, count)
            yield Case(f"S2/{name}/{dtype.name}/settings", run, op.tier, uses)


def _settings(op: Op, dtype: DType, make: Drawn, calls: int, device: str) -> Result:
    # where each number is for itself, what order they come in says little
    kinds = ("plain", "wide", "rising", "wide", "ties") if op.elementwise else KINDS
    if op.tolerance in ("matmul", "softmax", "normalization") and dtype.is_floating_point:
        kinds = (*kinds, "missing")

    common = seed_of(f"{op.name} {dtype.name} settings")

    def each() -> Iterator[tuple[str, Result]]:
        for number in range(calls):
            found = None
            for turn in range(TRIES):
                key = f"{op.name} {dtype.name} settings {number} {turn}"
                draw = Turned(key, common, number + turn * calls)
                item, kind = Sample(make(draw)), kinds[number % len(kinds)]
                if not op.elementwise or _of(dtype, item):
                    found = Mixed(op, dtype, item, key, kind, draw.choice(WHERE), flushes(device), number)
                    if found.taken():
                        break
            if found is not None:
                yield f"{arguments(found.item.args)}, {found.kind}", found.judged(device)  # or a refusal

    return worst(each())


def _of(dtype: DType, item: Sample) -> bool:
    """Whether any operand has the dtype: special values of a sample have one of their own."""
    return any(a.dtype in (None, dtype.name) for a in inputs_of(item.args))


class Turned(Draw):
    """Draws for one of several calls: what is chosen among a few comes in turn over the calls, in an order
    of its own, so that none is left out by chance.
    """

    def __init__(self, key: str, common: int, number: int):
        super().__init__(seed_of(key))
        self.common, self.number = common, number
        self.asked: Counter[int] = Counter()

    def choice(self, seq: Any) -> Any:
        count = len(seq)  # a call may ask for less than another; the second of four is the second of four
        self.asked[count] += 1
        turn, place = divmod(self.number, count)
        common = Draw(((self.common << 16 | count) << 16 | self.asked[count]) << 16 | turn)
        return seq[common.sample(range(count), count)[place]]


def _conv(ndim: int, draw: Draw) -> tuple[Any, ...]:
    group, groups = draw.choice((1, 2, 3, 4, 8, 16)), draw.choice((1, 1, 2, 3, 5))
    times = draw.choice((1, 2, 3, 8, 17))
    if draw.random() < 0.25:
        group = 1  # by channel
    window = tuple(draw.choice(WINDOWS[ndim]) for _ in range(ndim))
    kind = draw.choice(("any", "square", "square", "point", "any", "square"))
    window = window[:1] * ndim if kind == "square" else (1,) * ndim if kind == "point" else window
    dilation = tuple(draw.choice((1, 1, 1, 2, 3)) for _ in range(ndim))
    stride = tuple(draw.choice((1, 1, 2, 3)) for _ in range(ndim))
    padding = tuple(draw.randrange(k + (k > 1)) for k in window)
    spans = [d * (k - 1) + 1 for k, d in zip(window, dilation, strict=True)]
    least = [max(s - 2 * p, 1) for s, p in zip(spans, padding, strict=True)]
    image = tuple(draw.randrange(n, max(PIXELS[ndim], n) + 1) for n in least)
    x = Input((draw.choice((1, 2, 3, 5)), group * groups, *image), -1.0, 1.0)
    w = Input((groups * times, group, *window), -1.0, 1.0)
    return x, w, maybe(draw, Input((groups * times,), -1.0, 1.0)), stride, padding, dilation, groups


def _conv_gradient(ndim: int, draw: Draw, weight: bool) -> tuple[Any, ...]:
    x, w, _, *rest = _conv(ndim, draw)
    layouts = [dense(a.shape, dtypes.float32) for a in (x, w)]
    grad = Input(OPS["conv"].infer(*layouts, None, *rest).shape, -1.0, 1.0)  # type: ignore[misc]
    return (grad, x, w.shape, *rest) if weight else (grad, w, x.shape, *rest)


def _window(ndim: int, draw: Draw) -> tuple[tuple[int, ...], ...]:
    kernel = tuple(draw.choice((1, 2, 3, 4, 5)) for _ in range(ndim))
    stride = tuple(draw.choice((1, 2, 3)) for _ in range(ndim))
    return kernel, stride, tuple(draw.randrange(k // 2 + 1) for k in kernel)


def _image(ndim: int, draw: Draw) -> tuple[int, ...]:
    sides = (draw.randrange(7, PIXELS[ndim] + 1) for _ in range(ndim))
    return (draw.choice((1, 2, 3)), draw.choice((1, 3, 8, 17)), *sides)


def _max_pool(ndim: int, draw: Draw) -> tuple[Any, ...]:
    dilation = tuple(draw.choice((1, 1, 2)) for _ in range(ndim))
    return Input(_image(ndim, draw)), *_window(ndim, draw), dilation, draw.random() < 0.5


def _avg_pool(ndim: int, draw: Draw) -> tuple[Any, ...]:
    ways = draw.random() < 0.5, draw.random() < 0.5, draw.choice((None, None, 1, 5))
    return Input(_image(ndim, draw), 1.0, 9.0), *_window(ndim, draw), *ways


def _avg_pool_gradient(ndim: int, draw: Draw) -> tuple[Any, ...]:
    x, *rest = _avg_pool(ndim, draw)
    grad = OPS["avg_pool"].infer(dense(x.shape, dtypes.float32), *rest)  # type: ignore[misc]
    return Input(grad.shape), x.shape, *rest


def _adaptive(draw: Draw) -> tuple[Any, ...]:
    ndim = draw.choice((1, 2, 2, 3))
    shape = _image(ndim, draw)
    if draw.choice((True, False, False, False)):  # all of each image, beyond a block
        images: dict[int, tuple[int, ...]] = {1: (2100,), 2: (40, 53), 3: (9, 15, 16)}
        return Input((2, 3, *images[ndim])), (1,) * ndim
    return Input(shape), tuple(draw.randrange(1, n + 1) for n in shape[2:])


def _attention(draw: Draw) -> tuple[Any, ...]:
    lead = draw.choice(((1, 1), (2, 3), (5,)))
    queries, keys = (draw.choice((1, 5, 33, 64, 65, 100, 130, 200)) for _ in range(2))
    size, value = draw.choice((4, 8, 17, 40, 64)), draw.choice((4, 9, 32))
    q, k = Input((*lead, queries, size), -2.0, 2.0), Input((*lead, keys, size), -2.0, 2.0)
    kind = draw.choice((0, 1, 2, 0, 3, 4))
    rows = draw.choice((queries, queries, 1))
    mask: Any = None
    if kind < 3:  # hidden: at random, all before a place, all behind one
        first = draw.randrange(keys) if kind else 0
        seen = [
            float(draw.random() < 0.7) if kind == 0 else float((j >= first) == (kind == 1))
            for _ in range(rows)
            for j in range(keys)
        ]
        mask = Input((rows, keys), values=tuple(seen), dtype="bool")
        if draw.random() < 0.4:
            mask = replace(mask, dtype=None, values=tuple(0.5 if s else -math.inf for s in seen))
    causal = mask is None and draw.random() < 0.6
    return q, k, Input((*lead, keys, value)), mask, causal, draw.choice((None, None, 0.3))


def _reduced(name: str, draw: Draw) -> tuple[Any, ...]:
    """A reduction over any dimensions, or along one where the op takes one."""
    names = {p.name: p for p in OPS[name].parameters}
    shape = sides(draw, draw.choice((1, 2, 3, 4, 4, 5, 6)))
    places = draw.sample(range(len(shape)), draw.randrange(1, len(shape) + 1))
    if draw.random() < 0.3 and len(shape) == 4:
        places = [0, 2, 3]
    several = names["dim"].kind == "dims"
    dim: Any = draw.choice((tuple(places), tuple(p - len(shape) for p in places))) if several else places[0]
    near_one = Input(shape, 0.9, 1.1)  # or order decides what overflows
    args: dict[str, Any] = {"input": near_one if name in PRODUCTS else Input(shape), "dim": dim}
    args |= {"dtype": None, "sorted": True}
    args |= {name: draw.random() < 0.5 for name in ("keepdim", "descending", "largest")}
    args |= {"correction": draw.choice((0, 1)), "p": draw.choice((1, 2, 3, math.inf))}
    args["k"] = draw.randrange(1, shape[places[0]] + 1)
    return tuple(args[n] if n in args else p.default for n, p in names.items())


def _product(draw: Draw) -> tuple[Any, ...]:
    rows, inner, columns = (draw.choice((1, 3, 8, 33, 65, 130, 257, 300)) for _ in range(3))
    if rows * inner * columns > 1_000_000:
        inner = 8
    batch = draw.choice(((), (17,), (3, 2), (), (2, 3), (2, 1, 3)))
    return Input((*batch, rows, inner)), Input((*batch, inner, columns))


def _joined(name: str, draw: Draw) -> tuple[Any, ...]:
    shape = sides(draw, draw.choice((1, 2, 3)), 6_000)
    dim = draw.randrange(len(shape))
    found = []
    for _ in range(draw.choice((1, 2, 3, 9, 40, 70))):
        one = list(shape)
        if name == "cat":
            one[dim] = draw.choice((0, 1, 2, 5, shape[dim]))
        found.append(Input(tuple(one)))
        if sum(math.prod(a.shape) for a in found) > 60_000:
            break
    return found, dim


def _pixels(channels: int, draw: Draw) -> tuple[int, ...]:
    """The shape of vectors, lines, images or volumes of some channels."""
    sides = draw.choice(((), (1,), (7,), (260,), (3, 5), (9, 33), (2, 3, 5), (6, 7, 9)))
    return (draw.choice((2, 3, 5)), channels, *sides)


def _channels(name: str, draw: Draw) -> tuple[Any, ...]:
    """Normalizations over a batch, whose images have any rank."""
    channels = draw.choice((1, 3, 8, 17, 70))
    shape, row = _pixels(channels, draw), Input((channels,))
    moments = (row, Input((channels,), 0.5, 2.0))
    weights = tuple(maybe(draw, row) for _ in range(2))
    if name == "batch_norm_backward":
        return Input(shape), Input(shape), *moments, weights[0]
    return Input(shape), *(moments if name == "batch_norm_eval" else ()), *weights, draw.choice((1e-5, 0.1))


def _rows(name: str, draw: Draw) -> tuple[Any, ...]:
    """Normalizations of rows, channels or groups."""
    size = draw.choice((5, 33, 64, 257, 300, 1030))
    if name == "group_norm":
        groups = draw.choice((1, 2, 3, 8))
        channels = groups * draw.choice((1, 2, 5))
        weights = (maybe(draw, Input((channels,))) for _ in range(2))
        return Input(_pixels(channels, draw)), groups, *weights, draw.choice((1e-5, 0.1))
    shape = draw.choice(((size,), (3, size), (2, 5, size), (draw.choice((70, 300)), size)))
    if math.prod(shape) > 60_000:
        shape = (3, size)
    normalized = shape[-draw.randrange(1, min(len(shape), 2) + 1) :]
    weights = (maybe(draw, Input(normalized)) for _ in range(2 if name == "layer_norm" else 1))
    return Input(shape), normalized, *weights, draw.choice((1e-5, 0.1))


def _mesh(put: bool, draw: Draw) -> tuple[Any, ...]:
    """Places by several tensors, of shapes that broadcast."""
    shape = tuple(draw.choice((3, 5, 8, 33, 70)) for _ in range(draw.choice((1, 2, 2, 3))))
    count = draw.randrange(1, len(shape) + 1)
    whole = tuple(draw.choice((2, 3, 7, 33)) for _ in range(draw.choice((1, 2, 2, 3))))
    indices = []
    for n in shape[:count]:
        sides = tuple(1 if draw.random() < 0.3 else k for k in whole)[draw.choice((0, 0, 1)) :]
        values = tuple(draw.randrange(-n, n) for _ in range(math.prod(sides)))
        indices.append(Input(sides, values=values, dtype="int64"))
    if not put:
        return Input(shape), indices
    found = np.broadcast_shapes(*(i.shape for i in indices)) + shape[count:]
    once = draw.choice(((), (len(found) - 1,), (0,), (draw.randrange(len(found) or 1),)))
    sides = tuple(1 if d in once else k for d, k in enumerate(found))[draw.choice((0, 0, 1)) :]
    return Input(shape), indices, Input(sides), True  # or which of several writes stays is open


def _crossed(op: Op, draw: Draw) -> tuple[Any, ...]:
    """A call of the table with its switches, names and numbers drawn by themselves."""
    items = list(_plain(op))
    item = draw.choice(items)
    if draw.random() < 0.5:
        item = stretched(op, item, draw)

    def drawn(place: int, given: Any) -> Any:
        parameter = op.parameters[place]
        further = NAMED.get(parameter.name, CROSSED.get(parameter.kind))
        if further is None or draw.random() < 0.3:
            return given
        known = [s.args[place] if place < len(s.args) else parameter.default for s in items]
        if op.tolerance != "exact":  # what overflows on the way to a NaN is open
            known = [n for n in known if n == n]
        if parameter.kind == "bool":
            return draw.random() < 0.5
        if parameter.kind == "str":
            further = STRINGS.get(given, ())
        return draw.choice(list({repr(n): n for n in (*known, *further)}.values()))

    if op.updates and draw.choice((False, False, True)):  # the first step of all
        item = Sample(
            tuple(
                replace(a, low=0, high=0) if n > 1 and isinstance(a, Input) else a
                for n, a in enumerate(item.args)
            )
        )
    rest = [p.default for p in op.parameters[len(item.args) :]]
    return tuple(drawn(place, given) for place, given in enumerate((*item.args, *rest)))


def _plain(op: Op) -> list[Sample]:
    items = op.samples() if op.samples is not None else ()
    found = [s for s in items if s.note != ENDS and any_tensor(s.args)]
    return [s for s in found if all(math.prod(a.shape) for a in inputs_of(s.args))] or found


def _switched() -> dict[str, Drawn]:
    """The ops that have switches, names or numbers for attributes."""
    return {
        name: partial(_crossed, op)
        for name, op in OPS.items()
        if not op.is_view
        and name not in UNMIXED
        and any(p.kind in CROSSED or p.name in NAMED for p in op.parameters)
        and _plain(op)
    }


def _repeated(op: Op, item: Sample, draw: Draw) -> tuple[Any, ...]:
    """The operands of an elementwise call, each with fewer dimensions or repeated along some."""
    count = len(inputs_of(item.args))
    # a column of any operand, or a row, with a large table or with a square, where a length tells not which
    places = [(kind, at) for kind in ("table", "square") for at in (*range(count), None)]
    kind, at = draw.choice((*places, ("any", None), ("any", None)))
    if kind != "any":
        side = draw.choice((5, 64, 33, 130))
        table = (side, side) if kind == "square" else draw.choice(TABLES)
        other: tuple[int, ...] = (table[0], 1)
        if at is None:
            at, other = draw.choice(range(count)), draw.choice((table[1:], (1, table[1])))
        shapes: list[tuple[int, ...]] = [other if place == at else table for place in range(count)]
    else:
        whole = sides(draw, draw.choice((1, 2, 3, 4, 4, 5, 6)))
        shapes = [
            tuple(1 if draw.random() < 0.3 else n for n in whole)[draw.choice((0, 0, 0, 1, 2)) :]
            for _ in range(count)
        ]
    crossed = Sample(_crossed(op, draw))
    if [a.values for a in inputs_of(crossed.args)] == [None] * count:
        item = crossed
    rest = iter(shapes)
    return tuple(replace(arg, shape=next(rest)) if isinstance(arg, Input) else arg for arg in item.args)


def _broadcast() -> dict[str, Drawn]:
    """The ops of several tensors that are given one shape."""
    found: dict[str, Drawn] = {}
    for name, op in OPS.items():
        items = [s for s in (op.samples() if op.samples is not None else ()) if s.note != ENDS]
        stretches = op.elementwise or name == "masked_fill"
        if stretches and name not in UNMIXED and not name.endswith(("_backward", "_step")):
            plain = [s for s in items if all(a.values is None for a in inputs_of(s.args))]
            if plain and len(inputs_of(plain[0].args)) > 1 and dtypes_for(op, plain[0].args):
                found[name] = partial(_repeated, op, plain[0])
    return found


# what attributes of a kind may be besides what the table's calls have
CROSSED: Final[dict[str, tuple[Any, ...]]] = {
    "bool": (),
    "str": (),
    "float": (0.3,),
    "Scalar": (2, 0.3, -1),
    "Scalar?": (None, 2, 0.3, -1),
    "Scalar!": (2, 0.3, -1),
}
NAMED: Final[dict[str, tuple[Any, ...]]] = {
    "padding_idx": (),
    "ignore_index": (),
    "lr": (0.3,),
    "weight_decay": (0.0, 0.3),
    "momentum": (0.0, 0.5),
    "dampening": (0.0, 0.3),
}
REDUCED: Final = (
    *("sum", "mean", "amax", "amin", "prod", "argmax", "argmin", "any", "all", "var", "std", "var_mean"),
    *("norm", "logsumexp", "count_nonzero", "cumsum", "cumprod", "cummax", "cummin", "sort", "argsort"),
    *("topk", "kthvalue", "softmax", "log_softmax"),
)
DRAWN: Final[dict[str, Drawn]] = {
    "conv": of_dimensions(_conv),
    "conv_input_grad": of_dimensions(partial(_conv_gradient, weight=False)),
    "conv_weight_grad": of_dimensions(partial(_conv_gradient, weight=True)),
    "max_pool": of_dimensions(_max_pool),
    "avg_pool": of_dimensions(_avg_pool),
    "avg_pool_backward": of_dimensions(_avg_pool_gradient),
    "adaptive_avg_pool": _adaptive,
    "adaptive_max_pool": _adaptive,
    "scaled_dot_product_attention": _attention,
    **{name: partial(_reduced, name) for name in REDUCED},
    "matmul": _product,
    **{name: partial(_joined, name) for name in ("cat", "stack")},
    **{name: partial(_rows, name) for name in ("layer_norm", "rms_norm", "group_norm")},
    **{f"batch_norm_{of}": partial(_channels, f"batch_norm_{of}") for of in ("train", "eval", "backward")},
    **PLACED,
    "index": partial(_mesh, False),
    "index_put": partial(_mesh, True),
}
