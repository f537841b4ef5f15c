"""What the list of cases depends on beside suite and depth: the device's own traits, as data.

A report holds them, so that its list of cases can be made again where neither plugin nor device is. Suites
ask ``of(device)`` and nothing else when they list cases.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import Any, Final

_given: Final[dict[str, Mapping[str, Any]]] = {}


def of(device: str) -> Mapping[str, Any]:
    """The traits of a device: those that a report gives inside ``given``, else the device is asked.

    ``type``; ``streams``: whether its runtime has them; ``kernels``: op → names of dtypes (empty: all) that
    it has kernels for; ``python_add``: whether ``add`` is a Python function; ``thresholds``: op →
    ``[measure, at, every, dtypes]`` that its kernels declare; ``layers``: installed layer → subjects that it
    is asked about.
    """
    return _given[device] if device in _given else _asked(device)


def flushes(device: str) -> bool:
    """Whether the device says that it takes subnormal numbers for zeros."""
    if device in _given:
        return bool(_given[device]["flushes_subnormals"])
    return bool(_claims(device).flushes_subnormals)


def accumulator(device: str) -> str:
    """The dtype in which the device says that sums of low precision are kept."""
    return str((_given[device]["accumulator"]) if device in _given else _claims(device).accumulator)


def absent(device: str) -> tuple[str, ...]:
    """The names of the dtypes that the device says it does not have."""
    given = _given.get(device)
    return tuple(_claims(device).unsupported_dtypes if given is None else given["unsupported_dtypes"])


@cache
def _claims(device: str) -> Any:
    from . import manifest

    return manifest.of_device(device)


@contextmanager
def given(device: str, traits: Mapping[str, Any]) -> Iterator[None]:
    """Let ``device`` have these traits, whether it is there or not."""
    before = _given.get(device)
    _given[device] = traits
    try:
        yield
    finally:
        if before is None:
            del _given[device]
        else:
            _given[device] = before


def _asked(device: str) -> dict[str, Any]:
    import tensorplug as tp
    from tensorplug_dispatcher import kernels

    from . import manifest
    from .suites.layers import installed

    found: Any = tp.device(device)
    claims = manifest.of_device(device)
    native = kernels.native_ops(found.type)
    return {
        "type": found.type,
        "streams": hasattr(found.runtime, "create_stream"),
        "python_add": bool(native.get("add")) and native["add"][0].form == kernels.PYTHON,
        "kernels": {op: _dtypes(of_op) for op, of_op in sorted(native.items())},
        "thresholds": {op: t for op, of_op in sorted(native.items()) if (t := _thresholds(of_op))},
        "layers": installed(),
        "flushes_subnormals": claims.flushes_subnormals,
        "accumulator": claims.accumulator,
        "unsupported_dtypes": list(claims.unsupported_dtypes),
    }


def _dtypes(of_op: list[Any]) -> list[str]:
    """The dtypes that an op's kernels take, an empty list where one takes all."""
    if any(k.dtypes is None for k in of_op):
        return []
    return sorted({d.name for k in of_op for d in k.dtypes})


def _thresholds(of_op: list[Any]) -> list[list[Any]]:
    found = [(t.measure, t.at, t.every, tuple(t.dtypes)) for k in of_op for t in k.thresholds]
    return [[measure, at, every, list(names)] for measure, at, every, names in dict.fromkeys(found)]
