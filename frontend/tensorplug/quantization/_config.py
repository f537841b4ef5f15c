"""What is quantized how: a ``Config`` for all layers, and others by name pattern."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase

from tensorplug_dispatcher.dtypes import DType, qint4, qint8, quint4, quint8
from tensorplug_dispatcher.errors import QuantizationError

from .observers import OBSERVERS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, TypeAlias

    Overrides: TypeAlias = Mapping[str, "Config | None"]

GRANULARITIES = ("tensor", "channel", "group")
WEIGHTS = ("minmax", "mse")


@dataclass(frozen=True, slots=True)
class Config:
    """How a layer is quantized.

    ``weight``: qint8, quint8, qint4 or quint4, by ``granularity`` "tensor", "channel" (the first dimension)
    or "group" (``group_size`` elements of the last one); symmetric or with zero points; scales by "minmax" or
    the least squared error ("mse"). ``activation``: the dtype of the layer's input, None to leave it as it
    is.
    ``observer``: how calibration finds the input's range: see ``observers``. Raises QuantizationError for
    what does not go together.
    """

    weight: DType = qint8
    granularity: str = "channel"
    group_size: int | None = None
    symmetric: bool = True
    weight_observer: str = "minmax"
    activation: DType | None = quint8
    activation_symmetric: bool = False
    observer: str = "histogram"

    def __post_init__(self) -> None:
        _one_of("weight", self.weight, (qint8, quint8, qint4, quint4))
        _one_of("granularity", self.granularity, GRANULARITIES)
        _one_of("weight_observer", self.weight_observer, WEIGHTS)
        _one_of("activation", self.activation, (None, qint8, quint8))
        _one_of("observer", self.observer, tuple(OBSERVERS))
        if (self.granularity == "group") != (self.group_size is not None):
            raise QuantizationError(
                f"Config: granularity {self.granularity!r} with group_size={self.group_size}; give a "
                f"group_size with granularity 'group', and none with another"
            )
        if self.symmetric and not self.weight.is_signed:
            raise QuantizationError(
                f"Config: a symmetric weight of {self.weight.name}, which has no negative levels; "
                "use qint8 or qint4, or symmetric=False"
            )


def _one_of(what: str, value: Any, allowed: tuple[Any, ...]) -> None:
    if value not in allowed:
        names = ", ".join(a.name if isinstance(a, DType) else repr(a) for a in allowed)
        got = value.name if isinstance(value, DType) else repr(value)
        raise QuantizationError(f"Config: {what} is {got}, but must be one of {names}")


@dataclass(slots=True)
class Layer:
    """A weight of a model that is to be quantized, where it stands, and how."""

    name: str
    weight: Any
    config: Config
    places: list[tuple[str, str]]  # (module's name, parameter's name), several where it is tied


def layers_of(model: Any, config: Config, overrides: Overrides | None) -> list[Layer]:
    """The weights of a model that are to be quantized: floating, of two or more dimensions.

    The first pattern of ``overrides`` that fits a layer's name decides; None leaves it as it is. Raises
    QuantizationError for a pattern that fits nothing, and for a group size that does not divide a weight.
    """
    overrides = overrides or {}
    found: dict[int, Layer] = {}
    names = []
    for module_name, key, weight in _weights(model):
        name = ".".join(part for part in (module_name, "" if key == "weight" else key) if part) or key
        names.append(name)
        if id(weight) in found:
            found[id(weight)].places.append((module_name, key))
            continue
        chosen = next((c for pattern, c in overrides.items() if fnmatchcase(name, pattern)), config)
        if chosen is not None:
            _check_groups(name, weight, chosen)
            found[id(weight)] = Layer(name, weight, chosen, [(module_name, key)])
    for pattern in overrides:
        if not any(fnmatchcase(name, pattern) for name in names):
            raise QuantizationError(
                f"the pattern {pattern!r} fits no layer of the model; the layers with weights are "
                f"{', '.join(map(repr, names)) or 'none'}"
            )
    return list(found.values())


def _weights(model: Any) -> Iterator[tuple[str, str, Any]]:
    for module_name, module in model.named_modules(remove_duplicate=False):
        for key, parameter in module._parameters.items():
            if key.endswith("_orig") and f"{key[:-5]}_mask" in module._buffers:
                raise QuantizationError(
                    f"parameter {key[:-5]!r} of layer {module_name!r} is pruned; make that permanent first, "
                    "with tensorplug.nn.utils.prune.remove_all(model)"
                )
            if parameter is None or "weight" not in key or parameter.ndim < 2:
                continue
            if parameter.dtype.is_floating_point:
                yield module_name, key, parameter


def _check_groups(name: str, weight: Any, config: Config) -> None:
    size, width = config.group_size, weight.shape[-1]
    if size is not None and weight.ndim == 2 and (size < 1 or width % size):
        raise QuantizationError(
            f"layer {name!r}: groups of {size} do not divide the last dimension of its weight "
            f"{list(weight.shape)}; choose a divisor of {width}, or give the layer another config with "
            f"overrides={{{name!r}: Config(...)}}"
        )
