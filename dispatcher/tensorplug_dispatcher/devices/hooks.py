"""The hooks that a plugin implements, and the check of a plugin at the door.

A plugin is a module (or any object) that an entry point of the group ``tensorplug.backends`` or
``tensorplug.layers`` names. It says ``tensorplug_api = (1, 0)`` and has functions of the names below;
``@hookimpl`` on them is optional. This module imports pluggy, so import it only when a plugin is loaded or
written.
"""

from __future__ import annotations

import difflib
import inspect
import itertools
from collections.abc import Callable, Iterable
from typing import Any, Final, TypeVar

import pluggy

from ..autocast import Autocast
from ..autocast import fault as autocast_fault
from ..contracts import DoorError, layer_fault
from ..errors import DeviceAbsentError

PROJECT: Final = "tensorplug"
PREFIX: Final = "tensorplug_"
# What each method of a runtime is called with.
ARGUMENTS: Final[dict[str, tuple[str, ...]]] = {
    "devices": (),
    "allocate": ("index", "nbytes"),
    "upload": ("dst", "src"),
    "download": ("src", "dst"),
    "transfer": ("src", "dst"),
    "bind": ("array",),
    "synchronize": ("index",),
    "close": (),
}
RUNTIME_METHODS: Final = tuple(ARGUMENTS)
MOST: Final = 100_000  # kernels or layers of one plugin: a generator that never ends is not waited for
REQUIRED: Final = {"tensorplug.backends": "tensorplug_runtime", "tensorplug.layers": "tensorplug_layers"}

ITEMS: Final = {"tensorplug_kernels": "Kernel", "tensorplug_layers": "Layer"}

_F = TypeVar("_F", bound=Callable[..., Any])
hookspec: Final = pluggy.HookspecMarker(PROJECT)
hookimpl: Final = pluggy.HookimplMarker(PROJECT)
_one: Callable[[_F], _F] = hookspec(firstresult=True)


class Hooks:
    """Every hook there is; none takes an argument. They are called in this order, each once a loading."""

    @_one
    def tensorplug_runtime(self) -> Any:
        """The backend's ``Runtime``, an object with the methods ``RUNTIME_METHODS``. Required of backends."""

    @_one
    def tensorplug_kernels(self) -> Iterable[Any]:
        """The backend's ``Kernel`` records: what it does natively."""
        return ()

    @_one
    def tensorplug_layers(self) -> Iterable[Any]:
        """The ``Layer`` objects that the plugin adds to dispatch. Required of layer plugins."""
        return ()

    @_one
    def tensorplug_autocast(self) -> Any:
        """What the backend's devices want of autocast, an ``Autocast`` record; without it,
        the op table's policies in bfloat16.
        """

    @_one
    def tensorplug_manifest(self) -> dict[str, Any]:
        """Free facts for people and reports, such as ``{"description": ..., "url": ...}``."""
        return {}


class HookError(Exception):
    """A hook raised what is its ``__cause__``."""

    def __init__(self, hook: str) -> None:
        super().__init__(hook)
        self.hook = hook


class _Manager(pluggy.PluginManager):
    """Takes a function for a hook by its name alone, as pytest does."""

    def parse_hookimpl_opts(self, plugin: Any, name: str) -> Any:
        options = super().parse_hookimpl_opts(plugin, name)
        if options is None and name.startswith(PREFIX) and inspect.isroutine(getattr(plugin, name, None)):
            return {
                "wrapper": False,
                "hookwrapper": False,
                "optionalhook": False,
                "tryfirst": False,
                "trylast": False,
                "specname": None,
            }
        return options


def call_hooks(group: str, plugin: object, newer: bool = False) -> tuple[dict[str, Any], list[str]]:
    """Check the plugin's hooks and call each once: hook name → result, as far as the plugin implements them.

    Raises:
        DoorError: an unknown hook, an argument that the hook does not have, a required hook that is missing,
            a result of the wrong kind.
        HookError: a hook raises, or what it returns does while it is gone through. DeviceAbsentError and
            KeyboardInterrupt pass as they are.
    """
    ignored: list[str] = []
    implemented = _verified(group, plugin, ignored if newer else None)
    manager = _Manager(PROJECT)
    manager.add_hookspecs(Hooks)
    manager.register(plugin)
    results = {}
    for name in vars(Hooks):
        if name in implemented:
            try:
                result = getattr(manager.hook, name)()
                items = _items(name, result) if name in ITEMS else None
            except (DoorError, DeviceAbsentError, KeyboardInterrupt):
                raise
            except BaseException as error:
                raise HookError(name) from error
            results[name] = _checked(name, result) if items is None else items
    return results, [f"its hook {name} is not called: this tensorplug does not have it" for name in ignored]


def _verified(group: str, plugin: object, ignored: list[str] | None) -> list[str]:
    """The known hooks that a plugin has; unknown ones go to ``ignored``, or raise where that is None."""
    known = [name for name in vars(Hooks) if name.startswith(PREFIX)]
    implemented = []
    for name in dir(plugin):
        function = getattr(plugin, name, None)
        marked = getattr(function, f"{PROJECT}_impl", None)
        if not inspect.isroutine(function) or not (marked or name.startswith(PREFIX)):
            continue
        if name not in known and ignored is not None:
            ignored.append(name)
            continue
        if name not in known:
            close = difflib.get_close_matches(
                name.removeprefix(PREFIX), [hook.removeprefix(PREFIX) for hook in known], 1
            )
            meant = f"did you mean {PREFIX}{close[0]}? " if close else ""
            raise DoorError(
                f"it implements the hook {name}, which does not exist; {meant}"
                f"The hooks are {', '.join(known)}"
            )
        for parameter in inspect.signature(function).parameters.values():
            if parameter.default is parameter.empty and parameter.kind not in (
                parameter.VAR_POSITIONAL,
                parameter.VAR_KEYWORD,
            ):
                raise DoorError(
                    f"its hook {name} takes the argument {parameter.name!r}, which the hook does not "
                    f"have; write 'def {name}():' without arguments"
                )
        implemented.append(name)
    if REQUIRED[group] not in implemented:
        raise DoorError(f"it lacks the hook {REQUIRED[group]}, which the group {group} requires")
    return implemented


def _checked(name: str, result: Any) -> Any:
    if name == "tensorplug_runtime":
        missing = [method for method in RUNTIME_METHODS if not callable(getattr(result, method, None))]
        if missing:
            raise DoorError(
                f"its hook {name} returned {_described(result)}, which lacks the runtime's "
                f"method{'s' if len(missing) > 1 else ''} {', '.join(missing)}"
            )
        for method, arguments in ARGUMENTS.items():
            if (found := _signature(getattr(result, method))) and not _takes(found, len(arguments)):
                hint = ""
                if isinstance(result, type):
                    hint = f"; it returned the class, not an object: write {result.__name__}()"
                raise DoorError(
                    f"its hook {name} returned {_described(result)}, whose method {method}{found} is called "
                    f"as {method}({', '.join(arguments)}){hint}"
                )
        return result
    if name == "tensorplug_autocast":
        if not isinstance(result, Autocast):
            raise DoorError(
                f"its hook {name} returned {_described(result)}; it must return an Autocast record "
                f"(tensorplug_dispatcher.autocast)"
            )
        if reason := autocast_fault(result):
            raise DoorError(f"its hook {name} returned a record that cannot be used: {reason}")
        return result
    if name == "tensorplug_manifest":
        if not isinstance(result, dict):
            raise DoorError(f"its hook {name} returned {_described(result)}; it must return a dict")
        return result
    raise AssertionError(name)


def _signature(function: Any) -> inspect.Signature | None:
    try:
        return inspect.signature(function)
    except (TypeError, ValueError):  # what is not written in Python does not always tell
        return None


def _takes(signature: inspect.Signature, count: int) -> bool:
    try:
        signature.bind(*(None,) * count)
    except TypeError:
        return False
    return True


def _items(name: str, result: Any) -> tuple[Any, ...]:
    """The kernels or layers that a hook returned. Raises what going through them does."""
    try:
        iterator = iter(result)
    except TypeError:
        raise DoorError(
            f"its hook {name} returned {_described(result)}; "
            f"it must return an iterable of {ITEMS[name]} objects"
        ) from None
    items = tuple(itertools.islice(iterator, MOST + 1))
    if len(items) > MOST:
        raise DoorError(f"its hook {name} returned more than {MOST} objects, and may never end")
    if name == "tensorplug_layers":
        for item in items:
            if wrong := layer_fault(item):
                raise DoorError(f"its hook {name} returned the layer {item!r}, which {wrong}")
    return items


def _described(result: Any) -> str:
    return "None" if result is None else f"an object of type {type(result).__qualname__}"
