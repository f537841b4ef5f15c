"""From a float model to a quantized one: its modules stay, their weights are replaced by quantized ones."""

from __future__ import annotations

import copy

import tensorplug as tp
from tensorplug_dispatcher import dtypes
from tensorplug_dispatcher.dtypes import DType
from tensorplug_dispatcher.errors import QuantizationError
from tensorplug_dispatcher.ops import F
from tensorplug_dispatcher.steps import Scope
from tensorplug_layers.quantization import Recipe, sessions
from tensorplug_layers.quantization.quantizer import quantized

from ._config import Config, Layer, layers_of
from .observers import OBSERVERS, SMALLEST_RANGE, Observer, weight_qparams

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ._config import Overrides


def quantize_weights(
    model: Any,
    bits: int = 8,
    group_size: int | None = None,
    *,
    config: Config | None = None,
    overrides: Overrides | None = None,
    inplace: bool = False,
) -> Any:
    """A copy of ``model`` whose weights have 8 or 4 bits; products are of numbers (weight only).

    ``group_size``: elements of a row that share a scale (None: one a row). ``config``: all of it at once.
    ``overrides``: name pattern → Config, or None to leave layers as they are.

    >>> small = quantize_weights(model, bits=4, group_size=64, overrides={"head": None})
    """
    if config is None:
        if bits not in (4, 8):
            raise QuantizationError(
                f"quantize_weights: bits is {bits}, but weights have 8 or 4; give one of them"
            )
        config = Config(
            weight=dtypes.qint8 if bits == 8 else dtypes.qint4,
            granularity="channel" if group_size is None else "group",
            group_size=group_size,
            weight_observer="minmax" if bits == 8 else "mse",
            activation=None,
        )
    return _converted(model, layers_of(model, config, overrides), _dynamic, inplace)


def quantize_dynamic(
    model: Any, config: Config | None = None, *, overrides: Overrides | None = None, inplace: bool = False
) -> Any:
    """A copy of ``model`` with quantized weights, whose layers quantize each input by its own range.

    Source: torch.ao.quantization.quantize_dynamic.
    """
    layers = layers_of(model, config or Config(), overrides)
    return _converted(model, layers, _dynamic, inplace)


def _dynamic(layer: Layer) -> Recipe:
    return Recipe(layer.config.activation, layer.config.activation_symmetric)


class Calibration(Scope):
    """Watches the inputs of a model's layers while it is entered; ``convert`` makes the quantized model.

    ``observers``: by layer's name, those that were called. ``unseen``: the names of layers that were not.
    """

    def __init__(
        self, model: Any, config: Config | None = None, *, overrides: Overrides | None = None
    ) -> None:
        super().__init__(named=True)
        self.model = model
        self.layers = {layer.name: layer for layer in layers_of(model, config or Config(), overrides)}
        self.by_weight = {id(layer.weight): layer for layer in self.layers.values()}
        self.observers: dict[str, Observer] = {}
        self.looked_up: set[str] = set()

    def _changed(self, state: Any) -> Any:
        return sessions.with_session(state, self)

    @property
    def unseen(self) -> list[str]:
        seen = {*self.observers, *self.looked_up}
        return [name for name in self.layers if name not in seen]

    def layer_of(self, name: str, args: tuple[Any, ...]) -> Layer | None:
        """The layer whose weight this call takes, perhaps a part of it."""
        weight = args[sessions.WATCHED[name]]
        found = self.by_weight.get(id(weight))
        base = getattr(weight, "base_", None)
        return found if found is not None or base is None else self.by_weight.get(id(base))

    def watch(self, name: str, args: tuple[Any, ...], inner: Any) -> Any:
        """What the layer of quantization asks for each product."""
        layer = self.layer_of(name, args)
        if layer is None:
            return inner(args)
        if name == "embedding":
            self.looked_up.add(layer.name)
        elif layer.config.activation is not None:
            with tp.no_grad():
                self.observer(layer).observe(args[0].detach())
        else:
            self.looked_up.add(layer.name)
        return inner(args)

    def observer(self, layer: Layer) -> Observer:
        found = self.observers.get(layer.name)
        if found is None:
            found = self.observers[layer.name] = OBSERVERS[layer.config.observer]()
            found.name = f"layer {layer.name!r}"
        return found

    def recipe(self, layer: Layer) -> Recipe:
        config, observer = layer.config, self.observers.get(layer.name)
        if config.activation is None or observer is None:
            return Recipe()
        scale, point = observer.calculate_qparams(config.activation, config.activation_symmetric)
        where = layer.weight.device
        known = point != 0
        return Recipe(
            config.activation,
            config.activation_symmetric,
            tp.tensor(scale, dtype=dtypes.float32, device=where),
            tp.tensor(point, dtype=dtypes.int32, device=where) if known else None,
        )

    def convert(self, inplace: bool = False) -> Any:
        """The model with quantized weights, whose layers quantize their inputs by the calibrated ranges.

        A layer that was not called keeps its weight (``unseen``). Raises QuantizationError where none was.
        """
        seen = [layer for layer in self.layers.values() if layer.name not in self.unseen]
        if not seen:
            raise QuantizationError(
                f"nothing was calibrated: none of the {len(self.layers)} layers was called within "
                "calibrate(); run the model on some data there, as in `with calibrate(model) as calibration: "
                "model(x)`, before convert()"
            )
        return _converted(self.model, seen, self.recipe, inplace)


def calibrate(model: Any, config: Config | None = None, *, overrides: Overrides | None = None) -> Calibration:
    """Context manager: observes the inputs of the layers of ``model`` while it runs on typical data.

    >>> with calibrate(model) as calibration:
    ...     for x in data:
    ...         model(x)
    >>> quantized = calibration.convert()
    """
    return Calibration(model, config, overrides=overrides)


class Training(Calibration):
    """Calibration for training: weights and inputs are rounded as they will be, gradients pass through."""

    def watch(self, name: str, args: tuple[Any, ...], inner: Any) -> Any:
        layer = self.layer_of(name, args)
        if layer is None:
            return inner(args)
        place = sessions.WATCHED[name]
        rounded = list(args)
        rounded[place] = _fake_weight(args[place], layer.config)
        if name == "embedding" or layer.config.activation is None:
            self.looked_up.add(layer.name)
        else:
            rounded[0] = self._fake_input(args[0], layer)
        return inner(tuple(rounded))

    def _fake_input(self, x: Any, layer: Layer) -> Any:
        observer: Any = self.observers.get(layer.name)
        if observer is None:
            observer = self.observers[layer.name] = _Moving(f"layer {layer.name!r}")
        if self.model.training or observer.empty:
            with tp.no_grad():
                observer.observe(x.detach())
        kind: Any = layer.config.activation
        scale, point = observer.tensors(kind, layer.config.activation_symmetric)
        return F.fake_quantize(x, scale, point, int(kind.min), int(kind.max))


class _Moving(Observer):
    """A moving average of extremes that stays on the device, so that a training step waits for nothing."""

    constant = 0.01

    def __init__(self, name: str) -> None:
        self.name = name
        self.low: Any = None
        self.high: Any = None

    @property
    def empty(self) -> bool:
        return self.low is None

    def observe(self, x: Any) -> None:
        low, high = x.amin().float(), x.amax().float()
        if self.empty:
            self.low, self.high = low, high
        else:
            self.low = self.low + self.constant * (low - self.low)
            self.high = self.high + self.constant * (high - self.high)

    def range(self, levels: int = 256) -> tuple[float, float]:
        found = float(self.low.item()), float(self.high.item())
        _check_finite(self.name, *found)
        return found

    def tensors(self, dtype: DType, symmetric: bool) -> tuple[Any, Any]:
        lowest, highest = int(dtype.min), int(dtype.max)
        low, high = self.low.clamp(max=0.0), self.high.clamp(min=0.0)
        if symmetric:
            scale = (F.maximum(-low, high) * (2 / (highest - lowest))).clamp(min=SMALLEST_RANGE)
            middle = (lowest + highest + 1) // 2
            return scale, tp.full((), middle, dtype=dtypes.int32, device=scale.device) if middle else None
        scale = ((high - low) / (highest - lowest)).clamp(min=SMALLEST_RANGE)
        return scale, (lowest - (low / scale).round()).clamp(lowest, highest).to(dtypes.int32)


def _check_finite(name: str, low: float, high: float) -> None:
    if not (low - low == 0.0 and high - high == 0.0):
        raise QuantizationError(
            f"{name}: training met numbers from {low} to {high}, and no scale reaches that far; lower the "
            f"learning rate, or leave the layer out with an override of None"
        )


def train(model: Any, config: Config | None = None, *, overrides: Overrides | None = None) -> Training:
    """Context manager for quantization-aware training: within it the model's layers compute as the quantized
    model will, and gradients pass straight through the rounding. ``convert`` makes that model.

    >>> with train(model) as training:
    ...     fit(model)
    >>> quantized = training.convert()
    """
    return Training(model, config, overrides=overrides)


def _fake_weight(weight: Any, config: Config) -> Any:
    with tp.no_grad():
        scale, point = weight_qparams(weight, config)
    return F.fake_quantize(weight, scale, point, int(config.weight.min), int(config.weight.max))


def quantized_weight(weight: Any, config: Config, recipe: Recipe) -> Any:
    """A weight quantized by a config, as a parameter that needs no gradient."""
    with tp.no_grad():
        scale, point = weight_qparams(weight, config)
        return tp.nn.Parameter(
            quantized(weight.detach(), config.weight, scale, point, recipe), requires_grad=False
        )


def _converted(model: Any, layers: list[Layer], recipe: Any, inplace: bool) -> Any:
    """``model`` or a copy of it, with these layers' weights quantized; tied ones stay tied."""
    if not layers:
        raise QuantizationError(
            "the model has no weights to quantize: no floating parameter of two or more dimensions is called "
            "'weight', or the overrides leave all as they are"
        )
    for layer in layers:
        if id(layer.weight) != id(_parameter(model, *layer.places[0])):
            raise QuantizationError(
                f"layer {layer.name!r} has another weight than when the calibration began; calibrate again"
            )
    made = model if inplace else copy.deepcopy(model)
    for layer in layers:
        fresh = quantized_weight(layer.weight, layer.config, recipe(layer))
        for module_name, key in layer.places:
            made.get_submodule(module_name)._parameters[key] = fresh
    return made


def _parameter(model: Any, module_name: str, key: str) -> Any:
    return model.get_submodule(module_name)._parameters[key]
