"""Dispatch layers: what may wrap an op, the one of the lowest rank outermost.

A layer is asked once per op and key; what it returns is cached, so a layer that is absent, or that returns
None, costs nothing per call. Layers come in through the entry-point group ``tensorplug.layers``. A layer that
is only installed is nothing to a call: it has a bit in dispatch keys from the moment when somebody switches
it on (``bit``), and its plugin is imported when a call's key has that bit.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from typing import Any, Protocol

from . import epoch
from .context import Context
from .contracts import layer_fault
from .devices import plugins
from .errors import DeviceError, PluginError, TensorplugError
from .keys import LAYER_MASK, layer_bits
from .steps import Scope
from .tensor import set_slot, slots_of

GROUP = "tensorplug.layers"


class Layer(Protocol):
    """Wraps ops. ``rank``: lower is further out; the backend is innermost."""

    name: str
    rank: int

    def wrap(self, function: Any, key: int, inner: Any) -> Any:
        """An Entry, or a callable ``f(args, outs)``, that stands before ``inner``; None to stay out.

        ``inner(args)`` computes and ``inner(args, outs)`` writes into ``outs``; ``args`` is bound in the
        schema's order. A layer may also have ``explain(name, device)``, which gives lines about an op.
        """


_lock = threading.RLock()
_layers: dict[str, Layer] = {}
_sources: dict[str, str] = {}  # layer → the plugin that it is from, where it is from one
_brought: dict[str, Callable[[Any], Iterable[Any]]] = {}  # layer → the tensors of a slot's value
_bits: dict[str, int] = {}  # of the layers that were switched on so far, or that answer for a meaning


def bit(name: str) -> int:
    """The key bit of the layer called ``name``, which switches it on in a context or on a tensor: a layer
    gets the next free one at its first use.

    Raises PluginError where all are given to layers that were switched on before: a bit stays its layer's,
    since tensors and contexts may hold it.
    """
    with _lock:
        if name not in _bits:
            given = next((free for free in layer_bits() if free not in _bits.values()), 0)
            if not given:
                raise PluginError(
                    f"layer {name!r} cannot be switched on: all {len(_bits)} places are taken by layers that "
                    f"were switched on in this process: {', '.join(sorted(_bits))}. Use fewer of them in one "
                    f"process, or start a new one"
                )
            _bits[name] = given
        return _bits[name]


def claim(name: str, meaning: int) -> int:
    """Let the layer called ``name`` answer for a bit that has a meaning of its own, ``keys.HISTORY`` or
    ``keys.LEVELS``; returns it. Nothing is loaded for it.

    Raises PluginError where another layer does, or where this one has another bit.
    """
    with _lock:
        holder = next((other for other, its in _bits.items() if its == meaning), name)
        if holder != name or _bits.get(name, meaning) != meaning:
            raise PluginError(
                f"layer {name!r} cannot claim bit {meaning:#x} of dispatch keys: "
                + (f"layer {holder!r} has it" if holder != name else f"it has {_bits[name]:#x} already")
            )
        _bits[name] = meaning
        return meaning


def named(bits: int) -> list[str]:
    """The layers that bits of a key switch on."""
    return [name for name, its in list(_bits.items()) if bits & its]


class Slot:
    """A place on every tensor for what a layer keeps there.

    What is kept belongs to the tensor's data: ``detach``, ``data`` and the like have it too, results of ops
    and views that users make do not. ``tensors`` gives the tensors that a value brings along, which move with
    the one that has it.
    """

    def __init__(self, layer: str, tensors: Callable[[Any], Iterable[Any]] | None = None) -> None:
        self.layer = layer
        if tensors is not None:
            _brought[layer] = tensors

    def get(self, tensor: Any, default: Any = None) -> Any:
        """What is kept on a tensor."""
        return slots_of(tensor).get(self.layer, default)

    def set(self, tensor: Any, value: Any) -> None:
        """Keep a value on a tensor; None for nothing."""
        set_slot(tensor, self.layer, value)


def brought(tensor: Any) -> list[Any]:
    """The tensors that layers keep with this one."""
    kept = slots_of(tensor)
    return [one for layer in kept if layer in _brought for one in _brought[layer](kept[layer])]


class switched(Scope):
    """Context manager: calls made inside pass through the layer called ``name``, which it gives.

    Raises PluginError, at the beginning of the block, where no layer of this name is there.
    """

    def __init__(self, name: str) -> None:
        super().__init__(named=True)
        self.name = name

    def _changed(self, state: Context) -> Context:
        _needed(self.name)
        return state.replace(included=state.included | bit(self.name))

    def _given(self) -> Layer:
        return _layers[self.name]


def register(layer: Layer) -> None:
    """Add a layer; its bit in a call's key switches it on. Raises PluginError for what is none."""
    if wrong := layer_fault(layer):
        raise PluginError(f"layer {layer!r} {wrong}")
    with _lock:
        _sources.pop(layer.name, None)
        epoch.renew(_layers, layer.name, layer)


def unregister(name: str) -> None:
    with _lock:
        _sources.pop(name, None)
        epoch.renew(_layers, name, None)


def _find(name: str) -> None:
    """Load the plugin that has the layer ``name``: that of the same name, else any.
    A broken one is left out and keeps its cause.
    """
    for plugin in sorted(plugins.installed(GROUP), key=lambda other: other != name):
        if name in _layers:
            return
        if plugin in list(_sources.values()):
            continue
        try:
            found = plugins.load(GROUP, plugin).tensorplug_layers()  # no lock is held: it may want one
        except (PluginError, DeviceError):
            continue
        for layer in found:
            with _lock:
                if layer.name not in _layers:  # nobody takes the place of one that is there
                    register(layer)
                    _sources[layer.name] = plugin


def registered() -> list[Layer]:
    """The layers that are there now, outermost first; none is loaded for it."""
    with _lock:
        return sorted(_layers.values(), key=lambda layer: layer.rank)


def active(key: int) -> list[tuple[int, Layer]]:
    """(bit, layer) of every layer that the key switches on, innermost first. Their plugins are loaded."""
    bits = key & LAYER_MASK
    if not bits:
        return []
    found = []
    for name, its in list(_bits.items()):
        if not bits & its:
            continue
        found.append((its, _needed(name)))
    return sorted(found, key=lambda item: -item[1].rank)


def _needed(name: str) -> Layer:
    """The layer called ``name``, its plugin loaded. Raises PluginError where there is none that works."""
    if name not in _layers:
        _find(name)
    layer = _layers.get(name)
    if layer is None:
        if name in plugins.installed(GROUP):
            plugins.load(GROUP, name)  # raises with the stored cause
        raise PluginError(
            f"the dispatch layer {name!r} is asked for but not installed; install the package that "
            f"provides entry point {name!r} of group {GROUP!r}"
        )
    return layer


def wrapped(layer: Layer, function: Any, key: int, inner: Any) -> Any:
    """What a layer puts before ``inner``, None where it stays out. Raises PluginError where it fails."""
    try:
        result = layer.wrap(function, key, inner)
    except TensorplugError:
        raise
    except Exception as error:
        raise PluginError(
            f"layer {layer.name!r}{_whose(layer)} failed in wrap() for {function.name}(): "
            f"{type(error).__name__}: {error}"
        ) from error
    if result is None or callable(result) or hasattr(result, "call"):
        return result
    raise PluginError(
        f"layer {layer.name!r}{_whose(layer)} returned {result!r} from wrap() for {function.name}(); it must "
        f"return None, an Entry, or a function f(args, outs)"
    )


def _whose(layer: Layer) -> str:
    record = plugins.installed(GROUP).get(_sources.get(layer.name, ""))
    return f" of {record.source}" if record is not None else ""
