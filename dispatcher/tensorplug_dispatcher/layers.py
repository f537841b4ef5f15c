"""Dispatch layers: what may wrap an op. Outermost first: profile, trace, autocast, quantization, autograd.

A layer is asked once per op and key; what it returns is cached, so a layer that is absent, or that returns
None,
costs nothing per call. Layers come in through the entry-point group ``tensorplug.layers``.
"""

from __future__ import annotations

import threading
from typing import Any, Protocol

from . import plugins
from .errors import PluginError
from .tensor import LAYER_BITS, LAYER_MASK, LAYER_SHIFT

GROUP = "tensorplug.layers"
RANKS = {"profile": 10, "trace": 20, "autocast": 30, "quantization": 40, "autograd": 50}


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
_loaded = False


def bit(name: str) -> int:
    """The key bit of the layer called ``name``; a new name gets the next free one."""
    with _lock:
        if name not in LAYER_BITS:
            used = set(LAYER_BITS.values())
            free = [1 << s for s in range(LAYER_SHIFT, LAYER_SHIFT + 15) if 1 << s not in used]
            if not free:
                raise PluginError(
                    f"there is no room for layer {name!r}: {len(used)} layers are registered; "
                    f"remove one that is not used"
                )
            LAYER_BITS[name] = free[0]
        return LAYER_BITS[name]


def register(layer: Layer) -> None:
    """Add a layer; its bit in a call's key switches it on."""
    from . import call

    for attribute in ("name", "rank", "wrap"):
        if not hasattr(layer, attribute):
            raise PluginError(
                f"layer {layer!r} has no {attribute!r}; a layer has name, rank and wrap(function, key, inner)"
            )
    with _lock:
        bit(layer.name)
        call.renew(_layers, layer.name, layer)


def unregister(name: str) -> None:
    from . import call

    with _lock:
        call.renew(_layers, name, None)


def load_all() -> None:
    """Load the layers of all installed plugins, once; a broken one is left out and keeps its cause."""
    global _loaded
    with _lock:
        if _loaded:
            return
        _loaded = True
        for name in plugins.installed(GROUP):
            try:
                plugin = plugins.load(GROUP, name)
            except PluginError:
                continue
            for layer in plugin.tensorplug_layers():
                register(layer)


def registered() -> list[Layer]:
    """The layers that are there now, outermost first; none is loaded for it."""
    with _lock:
        return sorted(_layers.values(), key=lambda layer: layer.rank)


def active(key: int) -> list[tuple[int, Layer]]:
    """(bit, layer) of every layer that the key switches on, innermost first."""
    bits = key & LAYER_MASK
    if not bits:
        return []
    load_all()
    found = [(b, _layers[name]) for name, b in LAYER_BITS.items() if bits & b and name in _layers]
    for name, b in LAYER_BITS.items():
        if bits & b and name not in _layers:
            record = plugins.installed(GROUP).get(name)
            if record is not None:
                plugins.load(GROUP, name)  # raises with the stored cause
            raise PluginError(
                f"the dispatch layer {name!r} is asked for but not installed; install the "
                f"package that "
                f"provides entry point {name!r} of group {GROUP!r}"
            )
    return sorted(found, key=lambda item: -item[1].rank)
