"""Observers: the range of the numbers that pass a place, and the scale that follows from it."""

from __future__ import annotations

import math

from tensorplug_dispatcher import dtypes
from tensorplug_dispatcher.dtypes import DType
from tensorplug_dispatcher.errors import QuantizationError
from tensorplug_dispatcher.ops import F

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from tensorplug import Tensor

BINS = 2048
SMALLEST_RANGE = 2.0**-100


class Observer:
    """Sees tensors one after another; ``range`` says what numbers are to have levels of their own."""

    name = "the tensor"

    def observe(self, x: Tensor) -> None:
        """Take the numbers of ``x`` into account. Raises QuantizationError where one is not finite."""
        if not x.numel():
            return
        low, high = float(x.amin().item()), float(x.amax().item())
        if not (math.isfinite(low) and math.isfinite(high)):
            raise QuantizationError(
                f"{self.name}: calibration met numbers from {low} to {high}, and no scale reaches that far; "
                f"calibrate with data that gives finite numbers, or leave the layer out with an override "
                f"of None"
            )
        self.take(x, low, high)

    def take(self, x: Tensor, low: float, high: float) -> None:
        raise NotImplementedError

    @property
    def empty(self) -> bool:
        """Whether nothing was observed."""
        raise NotImplementedError

    def range(self, levels: int = 256) -> tuple[float, float]:
        """(lowest, highest) number that gets a level."""
        raise NotImplementedError

    def calculate_qparams(self, dtype: DType = dtypes.quint8, symmetric: bool = False) -> tuple[float, int]:
        """(scale, zero point) for levels of ``dtype``. Raises QuantizationError before anything was seen."""
        if self.empty:
            raise QuantizationError(
                f"{self.name}: nothing was observed; run the model on some data within calibrate()"
            )
        lowest, highest = int(dtype.min), int(dtype.max)
        low, high = self.range(highest - lowest + 1)
        low, high = min(low, 0.0), max(high, 0.0)
        if symmetric:
            scale = max(-low, high) * 2 / (highest - lowest)
            return max(scale, SMALLEST_RANGE), (lowest + highest + 1) // 2
        scale = max((high - low) / (highest - lowest), SMALLEST_RANGE)
        return scale, max(min(lowest - round(low / scale), highest), lowest)


class MinMaxObserver(Observer):
    """All numbers that were seen. Source: torch.ao.quantization.MinMaxObserver."""

    def __init__(self) -> None:
        self.low, self.high = math.inf, -math.inf

    def take(self, x: Tensor, low: float, high: float) -> None:
        self.low, self.high = min(self.low, low), max(self.high, high)

    @property
    def empty(self) -> bool:
        return self.low > self.high

    def range(self, levels: int = 256) -> tuple[float, float]:
        return self.low, self.high


class MovingAverageMinMaxObserver(MinMaxObserver):
    """The average of the batches' extremes, later ones weighing more. Source:
    torch.ao.quantization.MovingAverageMinMaxObserver.
    """

    def __init__(self, averaging_constant: float = 0.01) -> None:
        super().__init__()
        self.averaging_constant = averaging_constant

    def take(self, x: Tensor, low: float, high: float) -> None:
        if self.empty:
            self.low, self.high = low, high
        else:
            self.low += self.averaging_constant * (low - self.low)
            self.high += self.averaging_constant * (high - self.high)


class _Counting(Observer):
    """Counts numbers in bins; where the range grows, the bins grow to whole multiples."""

    def __init__(self, bins: int = BINS) -> None:
        self.bins = bins
        self.counts: Any = None
        self.low = self.high = 0.0

    @property
    def empty(self) -> bool:
        return self.counts is None

    def take(self, x: Tensor, low: float, high: float) -> None:
        import numpy as np

        values = x.detach().to("cpu", dtypes.float32).contiguous().numpy().reshape(-1)
        if self.counts is None or low < self.low or high > self.high:
            self._widen(low, high)
        self.counts += np.histogram(values, self.bins, (self.low, self.high))[0]

    def _widen(self, low: float, high: float) -> None:
        import numpy as np

        before, start, end = self.counts, self.low, self.high
        if before is None:
            self.low, self.high = low, max(high, low + SMALLEST_RANGE, low + abs(low) * 1e-6)
            self.counts = np.zeros(self.bins)
            return
        margin = (max(high, end) - min(low, start)) / 8  # so that it need not grow again at once
        self.low, self.high = min(low - margin, start), max(high + margin, end)
        self.counts = np.histogram(
            start + (np.arange(self.bins) + 0.5) * ((end - start) / self.bins),
            self.bins,
            (self.low, self.high),
            weights=before,
        )[0]

    def _centers(self) -> Any:
        import numpy as np

        return self.low + (np.arange(self.bins) + 0.5) * ((self.high - self.low) / self.bins)

    def _error(self, low: float, high: float, levels: int) -> float:
        """The squared error of all numbers when [low, high] is spread over the levels."""
        import numpy as np

        centers = self._centers()
        step = max((high - low) / (levels - 1), SMALLEST_RANGE)
        there = np.clip(np.round((centers - low) / step), 0, levels - 1) * step + low
        return float((self.counts * (centers - there) ** 2).sum())


class HistogramObserver(_Counting):
    """The range that is left when bins are cut off at whichever end costs less, as long as the squared error
    shrinks. Source: the idea of torch.ao.quantization.HistogramObserver.
    """

    def range(self, levels: int = 256) -> tuple[float, float]:
        import numpy as np

        total = np.cumsum(self.counts) / self.counts.sum()
        edges = self.low + np.arange(self.bins + 1) * ((self.high - self.low) / self.bins)
        filled = np.flatnonzero(self.counts)
        first, last = int(filled[0]), int(filled[-1]) + 1
        best = self._error(edges[first], edges[last], levels)
        found, failures, cut = (edges[first], edges[last]), 0, 0.0
        while failures < 30 and first + 1 < last:
            cut += 1e-5 if cut < 1e-3 else 1e-3
            left = int(np.searchsorted(total, cut)) if edges[first] < 0 else first
            right = int(np.searchsorted(total, 1.0 - cut)) + 1 if edges[last] > 0 else last
            left, right = max(left, first), min(right, last)
            if left - first > last - right and left + 1 < last:
                first = left
            elif right < last and first + 1 < right:
                last = right
            elif left > first and left + 1 < last:
                first = left
            elif cut > 0.1:
                break
            else:
                continue
            error = self._error(edges[first], edges[last], levels)
            failures = 0 if error < best else failures + 1
            if error < best:
                best, found = error, (edges[first], edges[last])
        return float(found[0]), float(found[1])


class PercentileObserver(_Counting):
    """The range that holds ``percentile`` percent of the numbers, the rest shared between both ends."""

    def __init__(self, percentile: float = 99.99, bins: int = BINS) -> None:
        super().__init__(bins)
        if not 0 < percentile <= 100:
            raise QuantizationError(
                f"PercentileObserver: percentile is {percentile}, but must be above 0 and at most 100"
            )
        self.percentile = percentile

    def range(self, levels: int = 256) -> tuple[float, float]:
        import numpy as np

        total = np.cumsum(self.counts) / self.counts.sum()
        edges = self.low + np.arange(self.bins + 1) * ((self.high - self.low) / self.bins)
        outside = (100.0 - self.percentile) / 200
        first = int(np.searchsorted(total, outside, side="right"))
        last = int(np.searchsorted(total, 1.0 - outside - 1e-12)) + 1
        return float(edges[min(first, self.bins - 1)]), float(edges[min(last, self.bins)])


class MSEObserver(_Counting):
    """The part of the range, tried in steps of a hundredth, with the least squared error."""

    def range(self, levels: int = 256) -> tuple[float, float]:
        low, high = min(self.low, 0.0), max(self.high, 0.0)
        parts = [i / 100 for i in range(100, 9, -1)]
        best = min(parts, key=lambda part: self._error(low * part, high * part, levels))
        return low * best, high * best


OBSERVERS: dict[str, type[Observer]] = {
    "minmax": MinMaxObserver,
    "moving_average": MovingAverageMinMaxObserver,
    "histogram": HistogramObserver,
    "percentile": PercentileObserver,
    "mse": MSEObserver,
}


def weight_qparams(weight: Tensor, config: Any) -> tuple[Tensor, Tensor | None]:
    """The scales and zero points (None: symmetric) of a weight, by its config's granularity."""
    grouped, shape = _in_groups(weight.detach(), config)
    dims = tuple(range(1, grouped.ndim))
    low, high = F.amin(grouped, dims, True), F.amax(grouped, dims, True)
    lowest, highest = int(config.weight.min), int(config.weight.max)
    best_scale: Any = None
    best_point: Any = None
    best_error: Any = None
    parts = (1.0,) if config.weight_observer == "minmax" else tuple(1.0 - 0.02 * i for i in range(20))
    for part in parts:
        scale, point = _spread(low * part, high * part, lowest, highest, config.symmetric)
        if len(parts) == 1:
            best_scale, best_point = scale, point
            break
        there = F.fake_quantize(grouped, scale, point, lowest, highest)
        error = F.sum((there - grouped) ** 2, dims, True)
        if best_error is None:
            best_scale, best_point, best_error = scale, point, error
            continue
        better = error < best_error
        best_scale, best_error = F.where(better, scale, best_scale), F.where(better, error, best_error)
        best_point = None if point is None else F.where(better, point, best_point)
    return best_scale.reshape(shape), None if best_point is None else best_point.reshape(shape)


def _spread(low: Any, high: Any, lowest: int, highest: int, symmetric: bool) -> tuple[Any, Any]:
    low, high = low.clamp(max=0.0).float(), high.clamp(min=0.0).float()
    if symmetric:
        return (F.maximum(-low, high) / highest).clamp(min=SMALLEST_RANGE), None
    scale = ((high - low) / (highest - lowest)).clamp(min=SMALLEST_RANGE)
    return scale, (lowest - (low / scale).round()).clamp(lowest, highest).to(dtypes.int32)


def _in_groups(weight: Any, config: Any) -> tuple[Any, tuple[int, ...]]:
    """The weight as [what has a scale of its own, ...], and the scales' shape."""
    if config.granularity == "tensor":
        return weight.reshape(1, -1), ()
    if config.granularity == "channel" or weight.ndim != 2:
        return weight.reshape(weight.shape[0], -1), (weight.shape[0], *(1 for _ in weight.shape[1:]))
    size = config.group_size
    return weight.reshape(-1, size), (weight.shape[0], weight.shape[1] // size)
