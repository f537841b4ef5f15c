"""S10, functions: public functions that are made of several ops and stand in no table, against NumPy.

What they ask of a device is what models ask: the order of NaN and of equal numbers, choices by index, sums
over what is valid alone. Few shapes, for devices that compile each.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Final

import numpy as np

import tensorplug as tp
from tensorplug import nn
from tensorplug_dispatcher.errors import MissingKernelError

from ..case import FAIL, PASS, UNSUPPORTED, Case, Result
from ..samples import seed_of

CLOSE: Final = 2e-5  # of the largest number, in float32
SMOOTHING: Final = 0.1


def cases(device: str, depth: str) -> Iterator[Case]:
    for name, ask in ASKED.items():
        yield Case(f"S10/inference/float32/{name}", partial(_first_wrong, ask), uses=("int64",))
    yield Case("S10/training/float32/label-smoothing", partial(_first_wrong, _gradients), uses=("int64",))


def _first_wrong(ask: Callable[[str], Iterator[tuple[str, Any, Any]]], device: str) -> Result:
    """Each of what ``ask`` yields: words, the device's numbers and NumPy's."""
    try:
        for words, got, due in ask(device):
            seen = got.detach().cpu().numpy()
            if seen.shape != due.shape:
                return Result(FAIL, f"{words}: shape {list(seen.shape)}, not {list(due.shape)}")
            bound = CLOSE * (1 + np.abs(due).max(initial=0, where=np.isfinite(due)))
            with np.errstate(invalid="ignore"):  # of infinities
                right = (np.abs(seen - due) <= bound) | (np.isnan(seen) & np.isnan(due)) | (seen == due)
            if not right.all():
                at = int(np.flatnonzero(~right)[0])
                numbers = f"{seen.reshape(-1)[at]!r}, not {due.reshape(-1)[at]!r}"
                return Result(FAIL, f"{words}: element {at} is {numbers}; {int((~right).sum())} are wrong")
    except MissingKernelError as error:
        return Result(UNSUPPORTED, str(error))
    return Result(PASS)


def _numbers(key: str, *shape: int) -> Any:
    return np.random.default_rng(seed_of(key)).standard_normal(shape).astype(np.float32)


def _lines() -> Iterator[tuple[str, Any]]:
    """Odd and even lengths, equal numbers, NaN and infinities."""
    for columns in (4, 33):
        x = _numbers(f"median {columns}", 5, columns)
        x[1] = np.round(x[1])
        x[2, columns // 2] = math.nan
        x[3, 0], x[3, -1] = math.inf, -math.inf
        x[4, : (columns + 1) // 2] = math.nan
        yield f"of lines of {columns}", x


def _median_of(line: Any, skip: bool) -> float:
    """The lower of the two middle numbers."""
    if np.isnan(line).any() and not skip:
        return math.nan
    rest = np.sort(line[~np.isnan(line)])
    return float(rest[(len(rest) - 1) // 2]) if len(rest) else math.nan


def _medians(name: str, device: str) -> Iterator[tuple[str, Any, Any]]:
    function, skip = getattr(tp, name), name == "nanmedian"
    for words, x in _lines():
        due = np.array([_median_of(line, skip) for line in x], np.float32)
        for dim, given in ((1, x), (0, np.ascontiguousarray(x.T))):
            values, places = function(tp.from_numpy(given).to(device), dim)
            yield f"{name} {words} along {dim}", values, due
            found = np.take_along_axis(given, np.expand_dims(places.cpu().numpy(), dim), dim).squeeze(dim)
            yield f"what the places of {name} {words} along {dim} hold", tp.from_numpy(found), due
        turned = tp.from_numpy(np.ascontiguousarray(x.T)).to(device).t()
        yield f"{name} {words}, transposed", function(turned, 1)[0], due
        yield f"{name} {words}, over all", function(turned), np.float32(_median_of(x.reshape(-1), skip))


def _log_softmax(x: Any) -> Any:
    """Along dimension 1, in float64."""
    x = x.astype(np.float64)
    top = x.max(1, keepdims=True)
    return x - top - np.log(np.exp(x - top).sum(1, keepdims=True))


Smoothed = tuple[str, Any, Any, Any, int]


def _smoothed() -> Iterator[Smoothed]:
    """Scores, classes, weights of classes, and the class that is ignored."""
    for shape in ((6, 5), (3, 4, 7)):
        draw = np.random.default_rng(seed_of(f"smoothing {shape}"))
        scores = 3 * _numbers(f"smoothing {shape}", *shape)
        target = draw.integers(0, shape[1], (shape[0], *shape[2:]))
        weight = (draw.random(shape[1]) + 0.5).astype(np.float32)
        for ignored, given in ((-100, None), (0, weight)):
            words = f"{list(shape)}, {'no ' * (given is None)}weights, {ignored} is ignored"
            yield words, scores, target, given, ignored


def _shares(target: Any, classes: int, weight: Any, ignored: int) -> tuple[Any, Any]:
    """What each class counts at each place, along dimension 1, and each place's weight in the mean."""
    valid = target != ignored
    weights = np.ones(classes) if weight is None else weight.astype(np.float64)
    chosen = np.moveaxis(np.eye(classes)[np.where(valid, target, 0)], -1, 1)
    column = weights.reshape(-1, *(1,) * (target.ndim - 1))
    shares = column * (chosen * (1 - SMOOTHING) + SMOOTHING / classes) * valid[:, None]
    return shares, weights[np.where(valid, target, 0)] * valid


def _losses(device: str) -> Iterator[tuple[str, Any, Any]]:
    for words, scores, target, weight, ignored in _smoothed():
        shares, counted = _shares(target, scores.shape[1], weight, ignored)
        each = -(shares * _log_softmax(scores)).sum(1)
        due = {"none": each, "sum": each.sum(), "mean": each.sum() / counted.sum()}
        for reduction, wanted in due.items():
            loss = _loss(tp.from_numpy(scores).to(device), target, weight, ignored, reduction)
            yield f"{words}, {reduction}", loss, np.asarray(wanted)
        if scores.ndim == 2:
            likely = np.exp(_log_softmax(scores[::-1]))
            mixed = likely * (1 - SMOOTHING) + SMOOTHING / scores.shape[1]
            weights = np.ones(scores.shape[1]) if weight is None else weight
            column = weights.reshape(-1, *(1,) * (scores.ndim - 2))
            wanted = -(column * mixed * _log_softmax(scores)).sum() / (scores.size // scores.shape[1])
            loss = _loss(tp.from_numpy(scores).to(device), likely.astype(np.float32), weight, -100, "mean")
            yield f"{words}, of probabilities", loss, np.asarray(wanted)


def _loss(scores: Any, target: Any, weight: Any, ignored: int, reduction: str) -> Any:
    return nn.functional.cross_entropy(
        scores,
        tp.from_numpy(np.ascontiguousarray(target)).to(scores.device),
        None if weight is None else tp.from_numpy(weight).to(scores.device),
        ignore_index=ignored,
        reduction=reduction,
        label_smoothing=SMOOTHING,
    )


def _gradients(device: str) -> Iterator[tuple[str, Any, Any]]:
    for words, scores, target, weight, ignored in _smoothed():
        shares, counted = _shares(target, scores.shape[1], weight, ignored)
        due = np.exp(_log_softmax(scores)) * shares.sum(1, keepdims=True) - shares
        x = tp.from_numpy(scores).to(device).requires_grad_(True)
        _loss(x, target, weight, ignored, "mean").backward()
        yield f"the gradient of {words}", x.grad, due / counted.sum()


ASKED: Final[dict[str, Callable[[str], Iterator[tuple[str, Any, Any]]]]] = {
    "median": partial(_medians, "median"),
    "nanmedian": partial(_medians, "nanmedian"),
    "label-smoothing": _losses,
}
