"""A training run's state at one moment: the bytes of its tensors, elsewhere, and all that is not bytes."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import is_dataclass

from tensorplug_dispatcher.devices.migration import Carrier, copied
from tensorplug_dispatcher.devices.states import closing
from tensorplug_dispatcher.errors import SignatureError
from tensorplug_dispatcher.steps import carry_through, swap
from tensorplug_dispatcher.storage import Device
from tensorplug_dispatcher.tensor import TensorBase, view_of

from . import nn, optim
from .random import Generator, default_generator
from .utils import data

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from tensorplug_dispatcher.storage import Storage

ATOMS = frozenset((type(None), bool, int, float, complex, str, bytes))


class State:
    """The live objects of a run, found by a walk: modules, optimizers, schedulers, datasets, generators,
    tensors, containers, dataclasses, and whatever else with attributes is given by itself or in a container.

    ``mutable`` are the containers and the attribute dicts in which things can change.
    """

    def __init__(self, what: Any) -> None:
        self.tensors: list[Any] = []
        self.mutable: list[Any] = []
        self.generators: list[Generator] = [default_generator]
        self.modules: list[Any] = []
        self.settings: list[dict[Any, Any]] = []  # of optimizers and schedulers; may change between steps
        self._seen: set[int] = {id(default_generator)}
        self._owners: Any = (
            nn.Module,
            optim.Optimizer,
            optim.lr_scheduler.LRScheduler,
            data.Dataset,
            data.DataLoader,
            data.Sampler,
        )
        self._module: Any = nn.Module
        self._optimizer: Any = optim.Optimizer
        self._scheduler: Any = optim.lr_scheduler.LRScheduler
        self._visit(what, "state", True)

    def _visit(self, value: Any, place: str, given: bool) -> None:
        kind = type(value)
        if kind in ATOMS or id(value) in self._seen or isinstance(value, (type, Device)):
            return
        self._seen.add(id(value))
        if isinstance(value, TensorBase):
            tensor: Any = value
            self.tensors.append(tensor)
            self._visit(tensor.grad, place, False)
        elif isinstance(value, Generator):
            self.generators.append(value)
        elif isinstance(value, (dict, list, set, deque)):
            self.mutable.append(value)
            self._visit_items(value, place, given)
        elif isinstance(value, (tuple, frozenset, Mapping)):
            self._visit_items(value, place, given)
        elif isinstance(value, self._owners) or is_dataclass(value) or (given and hasattr(value, "__dict__")):
            self._note(value)
            attributes = vars(value)
            self.mutable.append(attributes)
            for name, item in attributes.items():
                self._visit(item, f"{place}.{name}", False)
        elif given and not callable(value):
            raise SignatureError(
                f"resilient() cannot keep {place}, which is of type {kind.__module__}.{kind.__qualname__}: "
                f"it takes modules, optimizers, schedulers, generators, tensors, containers of these, and "
                f"objects with attributes"
            )

    def _visit_items(self, value: Any, place: str, given: bool) -> None:
        if not isinstance(value, Mapping):
            for i, item in enumerate(value):
                self._visit(item, f"{place}[{i}]", given)
            return
        for key, item in value.items():
            self._visit(key, place, False)  # the parameters in an optimizer's state
            self._visit(item, f"{place}[{key!r}]" if type(key) in ATOMS else place, given)

    def _note(self, value: Any) -> None:
        if isinstance(value, self._module):
            self.modules.append(value)
        elif isinstance(value, self._optimizer):
            self.settings.extend(value.param_groups)
        elif isinstance(value, self._scheduler):
            self.settings.append(vars(value))

    @property
    def storages(self) -> list[Storage]:
        return list(dict.fromkeys(tensor.storage for tensor in self.tensors))


class Snapshot:
    """A state as it is now, its tensors' bytes on the device ``shadow``.

    What has not been written since ``before``, an earlier snapshot, is taken over from there, except for host
    memory, which others may write.
    """

    def __init__(self, what: Any, shadow: Device, verify: bool, before: Snapshot | None) -> None:
        self.state = state = State(what)
        self.verify = verify
        self.contents = [_shallow(one) for one in state.mutable]
        self.generators = [(one._seed, one._offset) for one in state.generators]
        self.tensors = [
            (one, view_of(one, one.layout, one.offset), one.requires_grad and one.is_leaf, one.grad)
            for one in state.tensors
        ]
        self.versions: dict[Storage, int] = {}
        self.copies: dict[Storage, Storage] = {}
        carrier = Carrier()
        storages = state.storages
        for device in dict.fromkeys(storage.device for storage in storages):
            device.runtime.synchronize(device.index)
        for storage in storages:
            version = storage.version
            unchanged = before is not None and before.versions.get(storage) == version
            if before is not None and unchanged and not storage.device.host:
                self.copies[storage] = before.copies[storage]
            else:
                self.copies[storage] = copied(storage, shadow, verify, carrier)
            self.versions[storage] = version
        shadow.runtime.synchronize(shadow.index)

    def restore(self, device: Device) -> None:
        """Make everything as it was; what was on a device that is no longer ready goes to ``device``.

        On failure the tensors' bytes and places are as before.
        """
        put_back(self.copies, device, self.verify)
        carry_through(self._refill)

    def _refill(self) -> None:
        """Make all that is not bytes as it was; may be called again."""
        for one, content in zip(self.state.mutable, self.contents, strict=True):
            refill(one, content)
        set_generators(self.state.generators, self.generators)
        for tensor, alias, learns, grad in self.tensors:
            if tensor.storage is not alias.storage or tensor.layout is not alias.layout:
                tensor.data = alias
            if tensor.is_leaf and tensor.requires_grad != learns:
                tensor.requires_grad_(learns)
            if tensor.grad is not grad:
                tensor.grad = grad


def put_back(copies: dict[Storage, Storage], device: Device, verify: bool) -> None:
    """Give storages the bytes of their copies, where they are, or on ``device`` if theirs is not ready."""
    homes = {storage: storage.device if storage.device.ready else device for storage in copies}
    with closing(dict.fromkeys(homes.values())):
        carrier = Carrier()
        fresh = [copied(copies[storage], home, verify, carrier) for storage, home in homes.items()]
        for one in dict.fromkeys(homes.values()):
            one.runtime.synchronize(one.index)
        swap(homes, fresh, True)


def set_generators(generators: Iterable[Generator], states: Iterable[tuple[int, int]]) -> None:
    for generator, (seed, offset) in zip(generators, states, strict=True):
        generator._seed, generator._offset = seed, offset


def _shallow(value: Any) -> Any:
    return dict(value) if isinstance(value, dict) else list(value)


def refill(value: Any, content: Any) -> None:
    """Give a container the content that it had, if it has another."""
    if isinstance(value, dict):
        same = all(value.get(key, content) is item for key, item in content.items())
    else:
        same = all(a is b for a, b in zip(value, content))
    if same and len(value) == len(content):
        return
    value.clear()
    if isinstance(value, (dict, set)):
        value.update(content)
    else:
        value.extend(content)
