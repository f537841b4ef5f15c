"""``migrate``: tensors and everything made of them move to another device and stay the same objects."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import fields, is_dataclass

from tensorplug_dispatcher import layers
from tensorplug_dispatcher.devices.migration import migrate_storages
from tensorplug_dispatcher.devices.registry import device as device_named
from tensorplug_dispatcher.devices.states import no_migration
from tensorplug_dispatcher.dtypes import DType
from tensorplug_dispatcher.errors import SignatureError
from tensorplug_dispatcher.storage import Device
from tensorplug_dispatcher.tensor import TensorBase

from ._owners import BESIDE, OPTIMIZERS, OWNERS, SCHEDULERS
from ._public import public
from .later import later
from .random import Generator

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any, TypeVar

    from tensorplug_dispatcher.storage import Storage

    from ._tensor import Tensor

    T = TypeVar("T")

__all__ = ["migrate", "no_migration"]

scales_of = later("tensorplug_layers.quantization.quantizer", "scales_of")
OURS = frozenset(("tensorplug", "tensorplug_layers"))


@public("function")
def migrate(what: T, device: Any, *, verify: bool = True, lean: bool = False) -> T:
    """Move ``what`` to ``device`` and return it; a device or its name stands for everything that lives there.

    ``what``: tensors, modules, optimizers, schedulers, gradient scalers, samplers, and whatever else of ours
    holds tensors; data loaders, datasets, and containers or dataclasses of all these. Parameters, views,
    gradients, tied weights, optimizer state, hooks and live graphs stay the same objects. What an optimizer
    keeps for a parameter moves with the parameter. A storage moves as a whole, and with it every tensor that
    shares it.

    It is a transaction: on any failure nothing has changed. ``verify`` compares what has arrived with what
    was sent, byte by byte. The old memory is kept until all has arrived; ``lean`` gives it back storage by
    storage instead, so that no more than the largest is there twice, and moves back on failure; only a new
    device that is lost in the midst of that takes with it what has arrived there.

    Raises SignatureError for what cannot be moved, CorruptTransferError, OutOfMemoryError, DeviceLostError.

    Source: docs/migration.md.

    >>> migrate([model, optimizer], "opencl:0")
    >>> migrate("opencl:0", "cpu")  # everything that lives on opencl:0
    """
    target = device_named(device)
    if isinstance(what, (str, Device)):
        storages: Iterable[Storage] = device_named(what).live_storages()
    else:
        storages = with_optimizer_state(tensors_of(what))
    migrate_storages(storages, target, verify=verify, lean=lean)
    return what


def tensors_of(what: Any) -> list[Tensor]:
    """All tensors in ``what``, with their gradients, each once. Raises SignatureError; see ``migrate``."""
    walk = Walk()
    walk.visit(what, "what", True)
    return walk.tensors


def with_optimizer_state(tensors: Iterable[Tensor]) -> list[Storage]:
    """The storages of tensors and of what optimizers keep beside them on the same device."""
    storages = dict.fromkeys(part.storage for tensor in tensors for part in (tensor, *layers.brought(tensor)))
    for state_beside in BESIDE:
        storages.update(dict.fromkeys(tensor.storage for tensor in state_beside(storages)))
    return list(storages)


class Walk:
    """A walk through objects that gathers their tensors. Numbers that an optimizer keeps as 0-d tensors in
    host memory (``step``, ``lr``) stay there.
    """

    def __init__(self) -> None:
        self.tensors: list[Tensor] = []
        self.seen: dict[int, Any] = {}  # the values keep what the ids stand for alive
        self.owners: Any = tuple(OWNERS)
        self.optimizer: Any = tuple(OPTIMIZERS)
        self.scheduler: Any = tuple(SCHEDULERS)
        self.nothing: Any = (type(None), int, float, complex, str, bytes, type, DType, Device, Generator)

    def visit(self, value: Any, place: str, strict: bool) -> None:
        """Gather the tensors of ``value``; ``strict``: refuse what is unknown, else pass it over."""
        if isinstance(value, self.nothing) or id(value) in self.seen:
            return
        self.seen[id(value)] = value
        if isinstance(value, TensorBase):
            tensor: Any = value
            self.tensors.append(tensor)
            self.visit(tensor.grad, place, strict)
        elif isinstance(value, self.optimizer):
            self.visit_optimizer(value, place)
        elif isinstance(value, self.scheduler):  # what else it keeps are numbers
            self.visit(value.optimizer, f"{place}.optimizer", False)
        elif isinstance(value, self.owners) or _is_ours(value):
            for name, item in _attributes(value):
                self.visit(item, f"{place}.{name}", False)
        elif isinstance(value, Mapping):
            for key, item in value.items():
                self.visit(item, f"{place}[{key!r}]", strict)
        elif isinstance(value, (list, tuple, set, frozenset, deque)):
            for i, item in enumerate(value):
                self.visit(item, f"{place}[{i}]", strict)
        elif is_dataclass(value):
            for field in fields(value):
                self.visit(getattr(value, field.name), f"{place}.{field.name}", strict)
        elif strict and not callable(value):
            kind = type(value)
            raise SignatureError(
                f"migrate() cannot move {place}, which is of type {kind.__module__}.{kind.__qualname__}: it "
                f"takes tensors, modules, optimizers, schedulers, scalers, data loaders, datasets, samplers, "
                f"generators, and containers or dataclasses of these, or a device for everything that lives "
                f"there"
            )

    def visit_optimizer(self, optimizer: Any, place: str) -> None:
        for group in optimizer.param_groups:
            for name, item in group.items():
                if name == "params" or not _is_number(item):
                    self.visit(item, f"{place}.{name}", False)
        for param, state in optimizer.state.items():
            number_too = isinstance(param, TensorBase) and not param.ndim
            for name, item in state.items() if isinstance(state, dict) else ():
                if number_too or not _is_number(item):
                    self.visit(item, f"{place}.{name}", False)


def _is_ours(value: Any) -> bool:
    """Whether an object is of a class of ours (a scheduler, a scaler, a sampler,
    an observer …) or of one made from it.
    """
    return any(cls.__module__.partition(".")[0] in OURS for cls in type(value).__mro__)


def _attributes(value: Any) -> Iterable[tuple[str, Any]]:
    """What an object keeps, in its dictionary and its slots."""
    for cls in type(value).__mro__:
        slots = cls.__dict__.get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            if name not in ("__dict__", "__weakref__") and hasattr(value, name):
                yield name, getattr(value, name)
    yield from list(getattr(value, "__dict__", {}).items())


def _is_number(value: Any) -> bool:
    return isinstance(value, TensorBase) and not value.ndim and value.device.host
