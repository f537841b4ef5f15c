"""How much each layer loses by quantization: the signal-to-noise ratio of its output against float32."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import tensorplug as tp
from tensorplug_dispatcher.errors import QuantizationError
from tensorplug_dispatcher.ops import F
from tensorplug_layers.quantization import sessions

from ._config import Config
from ._flows import Calibration, _fake_weight

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from ._config import Overrides


@dataclass(slots=True)
class Row:
    """One layer: squared sums of signal and noise, of the weight and of the output."""

    name: str
    op: str
    shape: tuple[int, ...]
    weight: list[float] = field(default_factory=lambda: [0.0, 0.0])
    output: list[float] = field(default_factory=lambda: [0.0, 0.0])

    @property
    def weight_snr(self) -> float:
        """Decibels."""
        return decibels(*self.weight)

    @property
    def output_snr(self) -> float:
        """Decibels."""
        return decibels(*self.output)


def decibels(signal: float, noise: float) -> float:
    """The ratio of two powers; infinite without noise."""
    if noise <= 0.0:
        return math.inf
    return 10.0 * math.log10(signal / noise) if signal > 0.0 else -math.inf


@dataclass(frozen=True, slots=True)
class Sensitivity:
    """The rows of a report, the most sensitive layer first."""

    rows: tuple[Row, ...]

    def table(self) -> str:
        """The report as text."""
        width = max([5, *(len(row.name) for row in self.rows)])
        lines = [f"{'layer':{width}}  {'op':9}  {'weight shape':18}  weight SNR  output SNR"]
        for row in self.rows:
            shape = "x".join(map(str, row.shape))
            lines.append(
                f"{row.name:{width}}  {row.op:9}  {shape:18}  {row.weight_snr:7.1f} dB  "
                f"{row.output_snr:7.1f} dB"
            )
        return "\n".join(lines)

    def picture(self, path: Any = None) -> Any:
        """The report as bars (needs matplotlib), also written to ``path`` if given. Returns the figure."""
        from matplotlib.figure import Figure

        figure = Figure(figsize=(7, 1.2 + 0.3 * len(self.rows)), layout="constrained")
        axes = figure.subplots()
        places = range(len(self.rows))
        axes.barh([i - 0.2 for i in places], [_drawn(r.output_snr) for r in self.rows], 0.4, label="output")
        axes.barh([i + 0.2 for i in places], [_drawn(r.weight_snr) for r in self.rows], 0.4, label="weight")
        axes.set_yticks(list(places), [row.name for row in self.rows])
        axes.invert_yaxis()
        axes.set_xlabel("signal-to-noise ratio against float32 (dB)")
        axes.legend()
        if path is not None:
            figure.savefig(path)
        return figure


def _drawn(snr: float) -> float:
    return max(min(snr, 120.0), -20.0)


class _Watch(Calibration):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.rows: dict[str, Row] = {}

    def watch(self, name: str, args: tuple[Any, ...], inner: Any) -> Any:
        layer = self.layer_of(name, args)
        wanted = inner(args)
        if layer is None:
            return wanted
        place = sessions.WATCHED[name]
        weight = args[place].detach()
        row = self.rows.get(layer.name)
        if row is None:
            row = self.rows[layer.name] = Row(layer.name, name, tuple(layer.weight.shape))
        with tp.no_grad():
            rounded = list(args)
            rounded[place] = _fake_weight(weight, layer.config)
            if name != "embedding" and layer.config.activation is not None:
                rounded[0] = _fake_by_range(args[0].detach(), layer.config)
            got = getattr(F, name).call(tuple(rounded))
            _add(row.weight, weight, rounded[place])
            _add(row.output, wanted.detach(), got)
        return wanted


def _fake_by_range(x: Any, config: Any) -> Any:
    low, high = int(config.activation.min), int(config.activation.max)
    scale, point = F.choose_qparams(x, low, high, config.activation_symmetric)
    return F.fake_quantize(x, scale, point, low, high)


def _add(sums: list[float], wanted: Any, got: Any) -> None:
    sums[0] += float((wanted.double() ** 2).sum().item())
    sums[1] += float(((wanted - got).double() ** 2).sum().item())


def sensitivity(
    model: Any, data: Iterable[Any], config: Config | None = None, *, overrides: Overrides | None = None
) -> Sensitivity:
    """Run ``model`` on each item of ``data`` (a tuple: several arguments) and compare, for each layer alone,
    its output with quantized weight and input to that in float32.

    Raises QuantizationError where no layer was called.
    """
    watch = _Watch(model, config, overrides=overrides)
    with watch, tp.no_grad():
        for item in data:
            model(*item) if isinstance(item, tuple) else model(item)
    if not watch.rows:
        raise QuantizationError(
            f"sensitivity: none of the {len(watch.layers)} layers was called; give data that the model "
            f"runs on"
        )
    return Sensitivity(tuple(sorted(watch.rows.values(), key=lambda row: row.output_snr)))
