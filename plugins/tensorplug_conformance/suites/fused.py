"""S2, fused ops: the corners at which an implementation of its own differs from its parts.

Attention with other lengths, masks and rows that see nothing; convolution with stride, padding, dilation and
groups that go badly together; normalization of numbers far from 0 and of tiny ones; softmax of large numbers;
pooling that must not take padding for numbers; quantization of exact halves; sums that float16 does not hold
of which a mean, a norm or a difference is due.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import partial
from typing import Any, Final

import numpy as np

from tensorplug_dispatcher import dtypes
from tensorplug_dispatcher.dtypes import DType
from tensorplug_dispatcher.op import Input, Op
from tensorplug_dispatcher.ops import OPS

from ..case import Case, Result
from ..probes import bits, worst
from ..samples import operands
from .layouts import arguments
from .ops import flushes, judge

INF: Final = math.inf


def cases(device: str, depth: str) -> Iterator[Case]:
    kinds = (dtypes.float32, dtypes.float64, dtypes.float16, dtypes.bfloat16)
    for name, calls in FUSED.items():
        for dtype in kinds if depth != "smoke" else kinds[:3]:  # float16, whose sums end at 65504, too
            run = partial(_fused, OPS[name], dtype, calls)
            yield Case(f"S2/{name}/{dtype.name}/fused", run, OPS[name].tier)
    for name, calls in EXACT.items():
        for dtype in kinds if depth != "smoke" else kinds[:1]:
            yield Case(
                f"S2/{name}/{dtype.name}/halves", partial(_halves, OPS[name], dtype, calls), OPS[name].tier
            )


def _fused(op: Op, dtype: DType, calls: Any, device: str) -> Result:
    def one(number: int, args: tuple[Any, ...]) -> Result:
        def make(where: str, widen: bool) -> list[Any]:
            key = f"{op.name} fused {number}"
            return operands(args, dtype, key, where, None, widen, flushes(device))

        return judge(op, dtype, make, device)

    return worst((arguments(args), one(i, args)) for i, args in enumerate(calls))


def _halves(op: Op, dtype: DType, calls: Any, device: str) -> Result:
    """What lies exactly between two levels goes to the even one, and what is beyond them to the last."""

    def one(number: int, args: tuple[Any, ...]) -> Result:
        return bits(op, lambda where: operands(args, dtype, f"{op.name} halves {number}", where), device)

    return worst((arguments(args), one(i, args)) for i, args in enumerate(calls))


def _given(*values: float, shape: tuple[int, ...] | None = None, dtype: str | None = None) -> Input:
    return Input(shape or (len(values),), values=values, dtype=dtype)


def _mask(rows: int, columns: int, empty: tuple[int, ...]) -> Input:
    """Every third place is hidden, and all of some rows."""
    seen = tuple(float(i not in empty and (i + j) % 3 > 0) for i in range(rows) for j in range(columns))
    return Input((rows, columns), values=seen, dtype="bool")


def _late(rows: int, columns: int) -> Input:
    """Each row sees some of its last places alone, more of them than one block of the first has."""
    seen = tuple(float(j >= columns - 2 * i - 1) for i in range(rows) for j in range(columns))
    return Input((rows, columns), values=seen, dtype="bool")


def _bias(rows: int, columns: int) -> Input:
    return _given(
        *(-INF if (i * j) % 4 == 1 else (i - j) / 4 for i in range(rows) for j in range(columns)),
        shape=(rows, columns),
    )


def _broadcast_masks() -> Iterator[Input]:
    """Masks of a query [2, 3, 5, 8] and a key of 7 rows that are repeated in any of the dimensions."""
    for shape in ((2, 1, 5, 7), (1, 3, 5, 7), (3, 5, 7), (2, 3, 1, 7), (2, 1, 1, 7), (2, 3, 5, 1), (7,)):
        count = math.prod(shape)
        seen = tuple(float(i * i % 11 % 3 > 0 or i % 7 == 6) for i in range(count))
        yield _given(*seen, shape=shape, dtype="bool")
        yield Input(shape, -3.0, 3.0)


def _attention() -> tuple[tuple[Any, ...], ...]:
    def qkv(*lead: int, q: int, k: int, size: int = 8, value: int = 6, by: float = 2.0) -> tuple[Input, ...]:
        return tuple(Input((*lead, n, d), -by, by) for n, d in ((q, size), (k, size), (k, value)))

    return (
        (*qkv(2, 3, q=5, k=7), None, False, None),
        (*qkv(2, 3, q=5, k=7), None, True, None),
        (*qkv(2, 3, q=7, k=5), None, True, None),
        (*qkv(1, 2, q=1, k=33), None, False, 0.3),
        (*qkv(1, 2, q=1, k=33), None, True, None),
        (*qkv(1, 1, q=65, k=130, size=16, value=16), None, True, None),
        (*qkv(1, 1, q=130, k=65, size=16, value=17), None, False, None),
        (*qkv(1, 2, q=64, k=64, size=64, value=64), None, True, None),
        (*qkv(2, 2, q=5, k=7), _mask(5, 7, ()), False, None),
        (*qkv(2, 2, q=5, k=7), _mask(5, 7, (0, 3)), False, None),
        (*qkv(1, 2, q=33, k=40), _mask(33, 40, (1, 32)), False, 0.5),
        (*qkv(2, 2, q=5, k=7), _bias(5, 7), False, None),
        (*qkv(1, 2, q=4, k=150), _late(4, 150), False, None),
        (*qkv(2, 2, q=6, k=6, by=30.0), None, True, 1.0),
        *((*qkv(2, 3, q=5, k=7), mask, False, None) for mask in _broadcast_masks()),
    )


def _conv(ndim: int) -> tuple[tuple[Any, ...], ...]:
    image, kernel = ((19,), (11, 8), (10, 7, 6))[ndim - 1], ((3,), (3, 2), (2, 3, 2))[ndim - 1]
    found = []
    for channels, outs, groups in ((4, 6, 2), (4, 4, 4), (3, 6, 3), (3, 5, 1), (1, 2, 1)):
        for stride, padding, dilation in ((2, 1, 1), (1, 2, 2), (3, 0, 1), (2, 2, 2), (1, 0, 1)):
            steps = tuple((stride + i) if i % 2 else stride for i in range(ndim))
            found.append(
                (
                    Input((2, channels, *image), -1.0, 1.0),
                    Input((outs, channels // groups, *kernel), -1.0, 1.0),
                    Input((outs,), -1.0, 1.0) if stride != 3 else None,
                    steps,
                    tuple(padding - (i % 2 and padding > 1) for i in range(ndim)),
                    (dilation,) * ndim,
                    groups,
                )
            )
    one = (1,) * ndim
    found += _favoured() if ndim == 2 else ()
    found.append((Input((2, 5, *image)), Input((7, 5, *one)), Input((7,)), one, (0,) * ndim, one, 1))
    found.append((Input((1, 5, *image)), Input((7, 5, *one)), None, (2,) * ndim, one, one, 1))
    return tuple(found)


def _favoured() -> Iterator[tuple[Any, ...]]:
    """Windows that have algorithms of their own, over images that their tiles do not cover."""
    for channels, outs, window, stride, sides in (
        (16, 16, 3, 1, (7, 8)),
        (32, 8, 3, 1, (10, 9)),
        (16, 24, 3, 2, (9, 10)),
        (4, 16, 5, 1, (9, 7)),
        (3, 16, 7, 2, (15, 16)),
    ):
        weight = Input((outs, channels, window, window), -1.0, 1.0)
        image, bias, half = Input((2, channels, *sides), -1.0, 1.0), Input((outs,), -1.0, 1.0), window // 2
        yield image, weight, bias, (stride, stride), (half, half), (1, 1), 1


def _places(size: int, kernel: int, stride: int, padding: int, dilation: int) -> int:
    return (size + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1


def _conv_gradients(ndim: int, weight: bool) -> tuple[tuple[Any, ...], ...]:
    found = []
    for x, w, _, stride, padding, dilation, groups in _conv(ndim):
        sizes = [
            _places(n, k, s, p, d)
            for n, k, s, p, d in zip(x.shape[2:], w.shape[2:], stride, padding, dilation, strict=True)
        ]
        grad = Input((x.shape[0], w.shape[0], *sizes), -1.0, 1.0)
        rest = (stride, padding, dilation, groups)
        found.append((grad, x, w.shape, *rest) if weight else (grad, w, x.shape, *rest))
    return tuple(found)


LARGE: Final = (2e4, 3e4)  # the sum of four such numbers is not a float16, their mean is
_PAST: Final = (6e4, 6e4, -6e4, 1.0)  # and the first two of these


def _average(ndim: int) -> tuple[tuple[Any, ...], ...]:
    """Numbers far from 0, so that a padding that counts shows."""
    shape = (2, 3, *((13,), (11, 8), (5, 6, 7))[ndim - 1])
    return tuple(
        (
            Input(shape, *(LARGE if ceil else (5.0, 9.0))),
            (kernel,) * ndim,
            (stride,) * ndim,
            (padding,) * ndim,
            ceil,
            counted,
            divisor,
        )
        for kernel, stride, padding in ((3, 2, 1), (2, 2, 0), (4, 3, 2), *(((3, 1, 1),) if ndim == 1 else ()))
        for ceil in (False, True)
        for counted, divisor in ((True, None), (False, None), (True, 3))
    )


FAR: Final = (3000.0, 3002.0)  # the squares of such numbers hide their variance in float32
TINY: Final = (-1e-4, 1e-4)  # where eps counts, and where it is added


def _row(shape: tuple[int, ...], low: float, high: float) -> Input:
    return Input(shape, low, high)


def _normalized() -> Iterator[tuple[Input, int]]:
    for size in (5, 65, 1030):
        for low, high in (FAR, TINY, (-4.0, 4.0)):
            yield Input((3, size), low, high), size


# a zero times these is NaN, and is not left out
_ZEROS: Final = _given(0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 2.0, shape=(3, 3))
_NEVER_SKIPPED: Final = (INF, 1.0, 2.0, math.nan, -INF, 3.0)


def _narrow(name: str) -> Iterator[tuple[Any, ...]]:
    """An index that is narrower than its operand, and than what is written, in every dimension."""
    for shape, index in (((5, 6), (3, 4)), ((4, 5, 6), (2, 3, 4))):
        for dim in range(len(shape)):
            # along the dimension all are different, so that no order of writing counts
            places = tuple(float(shape[dim] - 1 - at[dim]) for at in np.ndindex(*index))
            places_of = Input(index, values=places, dtype="int64")
            further = () if name == "gather" else (Input(tuple(n + 1 for n in index)),)
            yield (Input(shape), dim, places_of, *further)


FUSED: Final[dict[str, tuple[tuple[Any, ...], ...]]] = {
    "scaled_dot_product_attention": _attention(),
    "conv": tuple(args for n in (1, 2, 3) for args in _conv(n)),
    "conv_input_grad": tuple(args for n in (1, 2, 3) for args in _conv_gradients(n, False)),
    "conv_weight_grad": tuple(args for n in (1, 2, 3) for args in _conv_gradients(n, True)),
    "avg_pool": tuple(args for n in (1, 2, 3) for args in _average(n)),
    "adaptive_avg_pool": tuple(
        (Input((2, 3, 11, 7), *bounds), size)
        for size in ((4, 3), (1, 1), (11, 7), (5, 6))
        for bounds in ((5.0, 9.0), LARGE)
    ),
    "softmax": (
        (Input((3, 257), 500.0, 1000.0), -1),
        (Input((257, 3), -1000.0, -500.0), 0),
        (Input((2, 5, 3), -90, 90), 1),
        (_given(*([-INF] * 3 + [1.0, 2.0, -INF, 0.5, 88.0, -100.0]), shape=(3, 3)), 1),
        (Input((4, 1031)), 1),
    ),
    "log_softmax": (
        (Input((3, 257), 500.0, 1000.0), -1),
        (Input((257, 3), -1000.0, -500.0), 0),
        (Input((2, 5, 3), -90, 90), 1),
        (_given(1.0, 2.0, -INF, 0.5, 88.0, -100.0, shape=(2, 3)), 1),
        (Input((4, 1031)), 1),
    ),
    "logsumexp": (
        (Input((3, 257), 500.0, 1000.0), -1, False),
        (Input((257, 3), -1000.0, -500.0), 0, True),
        (_given(-INF, -INF, 1.0, -INF, INF, 2.0, shape=(3, 2)), 1, False),
        (Input((4, 5, 6)), (0, 2), False),
    ),
    "layer_norm": tuple(
        (x, (n,), Input((n,)) if turn % 2 else None, Input((n,)) if turn % 3 else None, eps)
        for turn, (x, n) in enumerate(_normalized())
        for eps in (1e-5, 0.1)
    ),
    "rms_norm": tuple(
        (x, (n,), Input((n,)) if turn % 2 else None, eps)
        for turn, (x, n) in enumerate(_normalized())
        for eps in (1e-5, 0.1, 0.0)
        if eps or x.low != TINY[0]
    ),
    "group_norm": tuple(
        (Input((2, 6, 5, 7), low, high), groups, Input((6,)) if groups > 1 else None, Input((6,)), eps)
        for low, high in (FAR, TINY)
        for groups in (1, 2, 3, 6)
        for eps in (1e-5, 0.1)
    ),
    "batch_norm_train": tuple(
        (Input(shape, low, high), Input((3,)), Input((3,)), eps)
        for shape in ((65, 3), (4, 3, 17), (2, 3, 9, 8))
        for low, high in (FAR, TINY)
        for eps in (1e-5, 0.1)
    ),
    "batch_norm_eval": tuple(
        (Input((4, 3, 5), -4.0, 4.0), Input((3,)), _given(v, 0.5, 1.0), weight, bias, eps)
        for v, weight, bias in ((0.25, Input((3,)), None), (4.0, None, Input((3,))))
        for eps in (1e-5, 0.1)
    ),
    **{
        name: tuple(
            (Input(shape, low, high), dim, correction, keepdim)
            for low, high in (FAR, (-4.0, 4.0))
            for shape, dim in (((3, 65), 1), ((65, 3), 0), ((5, 7, 9), (0, 2)))
            for correction, keepdim in ((1, False), (0, True), (3, False))
        )
        for name in ("var", "std", "var_mean")
    },
    "norm": tuple(
        (x, p, 1, False)
        for p in (2, 1, 0, 3, 0.5, INF, -INF)
        for x in (Input((3, 65)), _given(0.0, -3.0, 0.0, 0.0, 4.0, -0.0, shape=(2, 3)))
    )
    + ((Input((3, 300), 100.0, 200.0), 2, 1, False),),
    "iota": (
        (70_000, dtypes.float32, 16_777_216.0, 0.75),  # products are exact, so one rounding is due
        (70_000, dtypes.int64, 1 << 40, -3),
        (5_000, dtypes.int32, 2_000_000_000, -400_000),
    ),
    "mean": (
        (Input((3, 1000), 100.0, 200.0), 1),
        (Input((3, 5, 7)), (0, 2), True),
        (Input((300, 2), -1.0, 3.0), 0),
        (Input((3, 40), *LARGE), None),
    ),
    "nll_loss_forward": tuple(
        (Input((6, 5), -4.0, 0.0), _given(0, ignored, 4, 2, ignored, 1, dtype="int64"), weight, ignored)
        for ignored in (-100, 2, -1)
        for weight in (None, Input((5,), 0.5, 2.0))
    ),
    "embedding": tuple(
        (Input((7, n)), _given(6, 0, 3, 3, 6, 1, shape=(2, 3), dtype="int64"), padding)
        for n in (1, 4, 33)
        for padding in (-1, 3)
    ),
    "embedding_backward": tuple(
        (Input((2, 3, n)), _given(6, 0, 3, 3, 6, 1, shape=(2, 3), dtype="int64"), 7, padding)
        for n in (1, 4, 33)
        for padding in (-1, 3, 0)
    ),
    "linear": (
        (Input((5, 33)), Input((7, 33)), None),
        (Input((2, 3, 9)), Input((4, 9)), Input((4,))),
        (Input((9,)), Input((4, 9)), Input((4,))),
        (Input((1, 300)), Input((1, 300)), None),
        (_given(*_PAST, shape=(1, 4)), _given(1.0, 1.0, 1.0, 1.0, shape=(1, 4)), None),
        (_given(INF, 0.0, 1.0, 0.0, 0.0, 2.0, shape=(2, 3)), _given(0.0, 1.0, 2.0, shape=(1, 3)), None),
        (_ZEROS, _given(*_NEVER_SKIPPED, shape=(2, 3)), None),
    ),
    "addmm": tuple(
        (Input(bias), Input((5, 33)), Input((33, 7))) for bias in ((7,), (1,), (5, 7), (5, 1), (1, 7))
    ),
    "matmul": (
        (Input((2, 1, 3, 4)), Input((5, 4, 6))),
        (Input((4,)), Input((4, 6))),
        (Input((3, 4)), Input((4,))),
        (Input((2, 3, 4)), Input((4,))),
        (Input((4,)), Input((2, 4, 3))),
        (Input((3, 0)), Input((0, 4))),
        (Input((1, 300)), Input((300, 1))),
        (Input((17, 1)), Input((1, 19))),
        (Input((2, 8, 8)), Input((8, 8))),
        (_given(*_PAST, shape=(1, 4)), _given(1.0, 1.0, 1.0, 1.0, shape=(4, 1))),
        (
            _given(INF, 0.0, 1.0, 0.0, math.nan, 2.0, 3.0, 1.0, 0.0, shape=(3, 3)),
            _given(0.0, 1.0, 2.0, 0.0, 0.0, 1.0, shape=(3, 2)),
        ),
        (_ZEROS, _given(*_NEVER_SKIPPED, shape=(3, 2))),
    ),
    **{name: tuple(_narrow(name)) for name in ("gather", "scatter", "scatter_add")},
}

_HALVES: Final = tuple((i - 40) / 8 for i in range(81))
_BEYOND: Final = (1e4, -1e4, 3e38, -3e38, INF, -INF)


def _levels(low: int, high: int, dtype: Any = None) -> tuple[tuple[Any, ...], ...]:
    rest = (low, high) if dtype is None else (dtype, low, high)
    return tuple(
        (
            _given(*_HALVES, *(v for v in _BEYOND if abs(v) <= 1e4 or dtype is not None)),
            _given(0.25, shape=(), dtype="float32"),
            zero,
            *rest,
        )
        for zero in (None, _given(3, shape=(), dtype="int32"))
    )


EXACT: Final[dict[str, tuple[tuple[Any, ...], ...]]] = {
    "quantize": (
        *_levels(0, 255, dtypes.uint8),
        *_levels(-128, 127, dtypes.int8),
        *_levels(-8, 7, dtypes.int8),
    ),
    "fake_quantize": _levels(-8, 7),
}
