"""A model whose parts live on several devices, with transfers at their boundaries: see ``devices.place``."""

from __future__ import annotations

import copy
import difflib
from fnmatch import fnmatchcase
from weakref import WeakKeyDictionary

from tensorplug_dispatcher.devices.migration import migrate_storages
from tensorplug_dispatcher.devices.registry import device as device_named
from tensorplug_dispatcher.errors import DeviceError, SignatureError
from tensorplug_dispatcher.tensor import TensorBase

from .migration import with_optimizer_state

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

    from tensorplug_dispatcher.storage import Device

    from . import nn

_placements: WeakKeyDictionary[nn.Module, Placement] = WeakKeyDictionary()


class Placement:
    """Where the parts of a model live. ``devices``: module name → device, of the parts that were named.

    ``transfers`` counts the tensors that were moved at the parts' boundaries: (name, "into" or "out of") →
    how many. ``remove`` ends the moves; the parts stay where they are.
    """

    def __init__(self, devices: dict[str, Device]) -> None:
        self.devices = devices
        self.transfers: dict[tuple[str, str], int] = {}
        self.handles: list[Any] = []

    def remove(self) -> None:
        """End the moves at the boundaries. Calling it again does nothing."""
        while self.handles:
            self.handles.pop().remove()

    def __str__(self) -> str:
        width = max(len(name) for name in self.devices)
        return "\n".join(
            f"{name or 'the model':<{width}}  {device}  "
            f"{self.transfers.get((name, 'into'), 0)} tensors moved in, "
            f"{self.transfers.get((name, 'out of'), 0)} out"
            for name, device in self.devices.items()
        )


def place(model: nn.Module, devices: Mapping[str, Any]) -> Placement:
    """``devices.place``."""
    modules = dict(model.named_modules())
    chosen: dict[str, Device] = {}
    for pattern, spec in devices.items():
        device = device_named(spec)
        names = [name for name in modules if fnmatchcase(name, pattern)]
        if not names:
            raise SignatureError(_unknown(model, modules, pattern))
        for name in names:
            chosen.pop(name, None)
            chosen[name] = device
    chosen = {name: chosen[name] for name in modules if name in chosen}
    _move(_wanted(modules, chosen))
    if model in _placements:
        _placements.pop(model).remove()
    placement = _placements[model] = Placement(chosen)
    for name, device in chosen.items():
        module = modules[name]
        anchor = next((p for owner, p in _owned(modules, name, chosen) if owner), None)
        entering = Boundary(placement, name, "into", device, anchor)
        placement.handles.append(
            module.register_forward_pre_hook(entering.enter, prepend=True, with_kwargs=True)
        )
        around = _around(name, chosen)
        if name and around is not None and chosen[around] is not device:
            outer = next((p for owner, p in _owned(modules, around, chosen) if owner), None)
            leaving = Boundary(placement, name, "out of", chosen[around], outer)
            placement.handles.append(module.register_forward_hook(leaving.leave))
    return placement


def _unknown(model: nn.Module, modules: dict[str, nn.Module], pattern: str) -> str:
    names = [name for name in modules if name]
    close = difflib.get_close_matches(pattern, names, 1)
    meant = f"did you mean {close[0]!r}? " if close else ""
    shown = ", ".join(names[:20]) + (f" and {len(names) - 20} more" if len(names) > 20 else "")
    return f"place(): no submodule of {type(model).__name__} is called {pattern!r}; {meant}There are: {shown}"


def _around(name: str, chosen: dict[str, Device]) -> str | None:
    """The innermost part that ``name`` lies in."""
    while name:
        name = name.rpartition(".")[0]
        if name in chosen:
            return name
    return None


def _owned(modules: dict[str, nn.Module], part: str, chosen: dict[str, Device]) -> Iterator[tuple[str, Any]]:
    """(name, tensor) of the parameters and buffers of a part, without those of the parts inside it."""
    for name, module in modules.items():
        if (name if name in chosen else _around(name, chosen)) == part:
            for own in (module._parameters, module._buffers):
                for label, tensor in own.items():
                    if tensor is not None:
                        yield (f"{name}.{label}" if name else label), tensor


def _wanted(modules: dict[str, nn.Module], chosen: dict[str, Device]) -> dict[Device, list[Any]]:
    """The tensors that go to each device; raises DeviceError where two share memory and go apart."""
    places: dict[Any, tuple[str, Device]] = {}
    found: dict[Device, list[Any]] = {}
    for part, device in chosen.items():
        for name, tensor in _owned(modules, part, chosen):
            other, there = places.setdefault(tensor.storage, (name, device))
            if there is not device:
                raise DeviceError(
                    f"place(): {other!r} and {name!r} are one tensor, which cannot be both on {there} and on "
                    f"{device}; put both parts on one device, or untie them"
                )
            grad = tensor.grad
            found.setdefault(device, []).extend([tensor] if grad is None else [tensor, grad])
    return found


def _move(wanted: dict[Device, list[Any]]) -> None:
    """Move tensors to several devices, all or nothing."""
    done: list[tuple[Any, Device]] = []
    try:
        for device, tensors in wanted.items():
            storages = [s for s in with_optimizer_state(tensors) if s.device is not device]
            came_from = [(storage, storage.device) for storage in storages]
            migrate_storages(storages, device)
            done.extend(came_from)
    except BaseException:
        for storage, source in done:
            migrate_storages([storage], source)
        raise


class Boundary:
    """The hook at the edge of a part: moves tensors to where the part's ``anchor``, a tensor of its own, is
    now, or to ``device`` where it has none.
    """

    def __init__(self, placement: Placement, name: str, way: str, device: Device, anchor: Any) -> None:
        self.placement = placement
        self.key = (name, way)
        self.device = device
        self.anchor = anchor

    def enter(self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        return self.moved(args), self.moved(kwargs)

    def leave(self, module: nn.Module, args: tuple[Any, ...], output: Any) -> Any:
        return self.moved(output)

    def moved(self, value: Any) -> Any:
        """``value`` with its tensors on the device; containers are made anew only where something moved."""
        if isinstance(value, TensorBase):
            tensor: Any = value
            target = self.device if self.anchor is None else self.anchor.device
            if tensor.device is target:
                return tensor
            self.placement.transfers[self.key] = self.placement.transfers.get(self.key, 0) + 1
            return tensor.to(target)
        if isinstance(value, dict):
            items = {key: self.moved(item) for key, item in value.items()}
            return value if all(items[k] is value[k] for k in items) else _like(value, items)
        if isinstance(value, (list, tuple)):
            parts = [self.moved(item) for item in value]
            if all(a is b for a, b in zip(parts, value)):
                return value
            return type(value)(*parts) if hasattr(value, "_fields") else type(value)(parts)
        return value


def _like(value: dict[Any, Any], items: dict[Any, Any]) -> dict[Any, Any]:
    """A dictionary of the same type with other items."""
    made = copy.copy(value)
    made.update(items)
    return made
