"""Sizes of convolution and pooling."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import cache, partial
from math import isqrt
from typing import Any

from ...op import Input, Op, Sample
from .calls import MANY, Measures, Shape, call, first_of, indices, number
from .products import LEVELS


def _images(op: Op, make: Callable[..., Sample]) -> Measures:
    """Convolution and pooling, over each number of dimensions that the op's samples have; ``make`` gets
    batch, channels in and out, sizes of the image, of the window, padding and groups.
    """

    @cache
    def of_ranks() -> list[Measures]:
        assert op.samples is not None
        ranks = dict.fromkeys(len(one.args[0].shape) - 2 for one in op.samples())
        return [_of_rank(rank, make) for rank in ranks]

    def together(measure: str, n: int) -> Iterable[Sample]:
        for measures in of_ranks():
            yield from measures[measure](n)

    return {name: partial(together, name) for name in ("channels", "pixels", "window", "batch")}


def _of_rank(rank: int, make: Callable[..., Sample]) -> Measures:
    def flat(n: int, rest: int = 1) -> Shape:
        return (*(rest,) * (rank - 1), n)

    def whole(n: int) -> Shape:
        """An image of about ``n`` positions, its last dimension the longest."""
        return (
            *(2,) * (rank - 2),
            *(() if rank == 1 else (max(isqrt(n // 2), 1),)),
            -(-n // max(isqrt(n // 2), 1)),
        )

    def channels(n: int) -> Iterable[Sample]:
        yield make(1, n, 3, flat(6, 4), flat(3, 2), 0, 1)
        yield make(1, 2, n, flat(6, 4), flat(3, 2), 0, 1)
        yield make(1, n, n, flat(6, 4), flat(3, 2), 0, n)

    def pixels(n: int) -> Iterable[Sample]:
        yield make(1, 2, 3, flat(n), flat(3), 1, 1)
        if rank > 1 and 16 <= n < MANY:
            yield make(1, 2, 3, whole(n), flat(2, 2), 0, 1)

    def window(n: int) -> Iterable[Sample]:
        yield make(1, 2, 3, flat(n + 3), flat(n), 0, 1)
        if rank > 1 and isqrt(n) ** 2 == n:
            side = isqrt(n)
            yield make(1, 2, 3, flat(side + 3, side + 1), flat(side, side), 0, 1)

    return {
        "channels": channels,
        "pixels": pixels,
        "window": window,
        "batch": lambda n: [make(n, 1, 2, flat(4, 2), flat(2, 2), 0, 1)],
    }


def _padding(window: Shape, padding: int) -> Shape:
    return tuple(padding if n > 1 else 0 for n in window)


def convolution(op: Op) -> Measures:
    def make(b: int, c: int, o: int, image: Shape, window: Shape, padding: int, groups: int) -> Sample:
        ones, pads = (1,) * len(image), _padding(window, padding)
        out = tuple(n + 2 * p - w + 1 for n, w, p in zip(image, window, pads, strict=True))
        x, w, y = (b, c, *image), (o, c // groups, *window), (b, o, *out)
        drawn = {"input": Input(x, -1, 1), "weight": Input(w, -1, 1), "grad_output": Input(y, -1, 1)}
        given: dict[str, Any] = {
            "input_shape": x,
            "weight_shape": w,
            "stride": ones,
            "padding": pads,
            "dilation": ones,
        }
        given = {**given, **drawn, "bias": Input((o,), -1, 1), "groups": groups}
        return call(op, **{p.name: given[p.name] for p in op.parameters})

    return _images(op, make)


def quantized_conv(op: Op) -> Measures:
    def make(b: int, c: int, o: int, image: Shape, window: Shape, padding: int, groups: int) -> Sample:
        ones, scale = (1,) * len(image), number("float32", 0.25)
        x = replace(LEVELS["x"], shape=(b, c, *image))
        w = replace(LEVELS["w"], shape=(o, c // groups, *window))
        each = Input((o, *(1,) * (1 + len(image))), 0.1, 1.0, "float32")
        given: dict[str, Any] = {"input": x, "weight": w, "bias": Input((o,), dtype="float32")}
        given |= {"input_scale": scale, "input_zero_point": number("int32", 3), "weight_scale": each}
        given["groups"] = groups
        return call(op, **given, stride=ones, dilation=ones, padding=_padding(window, padding))

    return _images(op, make)


def pooling(op: Op) -> Measures:
    def make(b: int, c: int, o: int, image: Shape, window: Shape, padding: int, groups: int) -> Sample:
        pads = tuple(min(p, n // 2) for p, n in zip(_padding(window, padding), window, strict=True))
        step = tuple(min(2, n) for n in window)
        out = tuple((n + 2 * p - w) // s + 1 for n, w, p, s in zip(image, window, pads, step, strict=True))
        places, x = 1, (b, c, *image)
        for n in image:
            places *= n
        given: dict[str, Any] = {
            "input": replace(first_of(op)[0], shape=x),
            "grad_output": Input((b, c, *out)),
            "indices": indices((b, c, *out), places),
            "input_shape": x,
            "kernel_size": window,
            "stride": step,
            "padding": pads,
            "dilation": (1,) * len(image),
            "ceil_mode": False,
            "output_size": tuple(min(max(n // w, 1), 50) for n, w in zip(image, window, strict=True)),
        }
        return call(op, **{p.name: given[p.name] for p in op.parameters if p.name in given})

    found = _images(op, make)
    if not {p.name for p in op.parameters} & {"kernel_size", "output_size"}:
        return {measure: size for measure, size in found.items() if measure != "window"}
    return found
