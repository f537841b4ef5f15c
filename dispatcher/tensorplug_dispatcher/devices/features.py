"""Features: what a runtime may offer beside the eight methods, negotiated one by one.

A plugin may say of what it offers, and what it cannot do without, as which plugin API defines it::

    tensorplug_api = (1, 1)
    tensorplug_features = {"streams": (1, 0), "graph-capture": (1, 4)}
    tensorplug_requires = {"streams": (1, 0)}

A feature that this tensorplug knows as of that version is used. One that it does not know, or knows only as
of an earlier version, is left alone, with a note: the runtime is then seen without the attributes that make
it. What is required and not known refuses the plugin. A plugin that says nothing, as all did under plugin API
1.0, is taken for what its runtime has.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

API: Final = (1, 1)  # of this tensorplug
FEATURES_ATTRIBUTE: Final = "tensorplug_features"
REQUIRES_ATTRIBUTE: Final = "tensorplug_requires"

Version = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Feature:
    """``api`` is the plugin API that defines it as it is now, ``attributes`` are those of the runtime."""

    api: Version
    attributes: tuple[str, ...]


FEATURES: Final[Mapping[str, Feature]] = {
    "streams": Feature(
        (1, 0), ("create_stream", "default_stream", "current_stream", "use_stream", "create_event")
    ),
    "read-write": Feature((1, 0), ("read", "write")),
    "memory-info": Feature((1, 0), ("memory_info",)),
    "own-cache": Feature((1, 0), ("caches", "memory_reserved", "empty_cache")),
    "host-memory": Feature((1, 0), ("host",)),
    "properties": Feature((1, 0), ("properties",)),
    "fork": Feature((1, 0), ("survives_fork",)),
}


class NegotiationError(Exception):
    """A plugin and this tensorplug do not go together; ``status`` is too-old, too-new or broken."""

    def __init__(self, status: str, reason: str) -> None:
        super().__init__(reason)
        self.status = status


@dataclass(frozen=True, slots=True)
class Agreement:
    """What a plugin's features came to: those in use that it named, the runtime's attributes that are not to
    be seen, and what there is to say of it. ``newer``: the plugin was written for a later API.
    """

    used: tuple[str, ...] = ()
    hidden: frozenset[str] = frozenset()
    notes: tuple[str, ...] = ()
    newer: bool = False


def written(version: Version) -> str:
    return f"{version[0]}.{version[1]}"


def agreed(module: object, api: object) -> Agreement:
    """The agreement with a plugin that was written for plugin API ``api``. Raises NegotiationError."""
    if not _is_version(api):
        raise NegotiationError(
            "broken",
            f"says tensorplug_api = {api!r}; a plugin must name the plugin API that it was written for as "
            f"tensorplug_api = {API!r}",
        )
    theirs: Version = api  # type: ignore[assignment]
    if theirs[0] < API[0]:
        raise NegotiationError(
            "too-old",
            f"was written for plugin API {written(theirs)}, but this tensorplug has {written(API)}",
        )
    if theirs[0] > API[0]:
        raise NegotiationError(
            "too-new", f"needs plugin API {written(theirs)}, but this tensorplug has {written(API)}"
        )
    missing = [
        f"the feature {name!r} of plugin API {written(version)}"
        for name, version in _versions(module, REQUIRES_ATTRIBUTE).items()
        if not _known(name, version)
    ]
    if missing:
        raise NegotiationError(
            "too-new",
            f"needs {' and '.join(missing)}, which this tensorplug (plugin API {written(API)}) does not have",
        )
    return _chosen(_versions(module, FEATURES_ATTRIBUTE), theirs)


def _chosen(offered: Mapping[str, Version], theirs: Version) -> Agreement:
    notes = []
    if theirs > API:
        notes.append(f"it was written for plugin API {written(theirs)}; this tensorplug has {written(API)}")
    hidden: set[str] = set()
    for name, version in offered.items():
        if _known(name, version):
            continue
        have = "does not know it"
        if name in FEATURES:
            hidden.update(FEATURES[name].attributes)
            have = f"has that of {written(FEATURES[name].api)}"
        notes.append(
            f"its feature {name!r} of plugin API {written(version)} is not used: this tensorplug {have}"
        )
    used = tuple([name for name, version in offered.items() if _known(name, version)])
    return Agreement(used, frozenset(hidden), tuple(notes), theirs > API)


def _known(name: str, version: Version) -> bool:
    feature = FEATURES.get(name)
    return feature is not None and version[0] == feature.api[0] and version <= feature.api


def _versions(module: object, attribute: str) -> dict[str, Version]:
    given = getattr(module, attribute, {})
    if not isinstance(given, Mapping) or not all(
        isinstance(name, str) and _is_version(version) for name, version in given.items()
    ):
        raise NegotiationError(
            "broken",
            f"says {attribute} = {given!r}; it maps names of features to the plugin API that defines them, "
            f"for instance {{'streams': (1, 0)}}",
        )
    return dict(given)


def _is_version(value: object) -> bool:
    return (
        isinstance(value, tuple)
        and len(value) == 2
        and all(isinstance(part, int) and not isinstance(part, bool) for part in value)
    )


def missing_attributes(runtime: object, agreement: Agreement) -> str:
    """What a runtime lacks of the features that its plugin says it offers, as a text; "" if nothing."""
    lacking = [
        f"{name!r} without {', '.join(absent)}"
        for name in agreement.used
        if (absent := [a for a in FEATURES[name].attributes if not hasattr(runtime, a)])
    ]
    return " and ".join(lacking)


class Without:
    """A runtime as it is without some of its attributes."""

    __slots__ = ("_hidden", "_runtime")

    def __init__(self, runtime: Any, hidden: frozenset[str]) -> None:
        self._runtime = runtime
        self._hidden = hidden

    def __getattr__(self, name: str) -> Any:
        if name in self._hidden:
            raise AttributeError(f"{name} belongs to a feature that is not in use")
        return getattr(self._runtime, name)
