"""The boundary to C, by cffi: ``ffi`` and ``lib`` hold what ``native/boundary.h`` and ``native/tensorplug.h``
declare, compiled once (API mode); ``Library`` loads libraries that are there only when the program runs.
"""

from __future__ import annotations

import operator
import os
from collections.abc import Mapping
from typing import Any

try:
    from ._boundary import ffi, lib
except ModuleNotFoundError as error:
    raise ImportError(
        "tensorplug_dispatcher._boundary was not compiled for this Python; in a source tree run 'make build' "
        "(or 'pip install -e .')"
    ) from error

__all__ = ["Library", "address_of", "ffi", "is_address", "lib", "pointer_to"]


class Library:
    """A shared library. The functions that ``signatures`` names are attributes: name → its type as C writes
    it, ``(*)`` in the place of the name: ``{"add": "int32_t(*)(int32_t, int32_t)"}``.

    A call lets the GIL go. Raises OSError where there is no such library, AttributeError for a function that
    it lacks. ``path`` None is the process itself. It stays loaded as long as the process lives, since plans
    hold addresses of its functions.
    """

    def __init__(
        self, path: str | os.PathLike[str] | None, signatures: Mapping[str, str] | None = None
    ) -> None:
        self._name = "the process" if path is None else os.fspath(path)
        self._signatures = dict(signatures or {})
        self._library = lib.tp_open_library(ffi.NULL if path is None else os.fsencode(path))
        if not self._library:
            raise OSError(_complaint() or f"{self._name} cannot be loaded")

    def address(self, name: str) -> int:
        """Where the function ``name`` lies. Raises AttributeError."""
        found = int(ffi.cast("uintptr_t", lib.tp_find_function(self._library, name.encode())))
        if not found:
            raise AttributeError(f"{self._name} has no function {name}: {_complaint()}", name=name, obj=self)
        return found

    def has(self, name: str) -> bool:
        """Whether the library has a function ``name``."""
        return bool(lib.tp_find_function(self._library, name.encode()))

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or name not in self._signatures:
            raise AttributeError(f"no signature of {name} is known", name=name, obj=self)
        function = ffi.cast(self._signatures[name], self.address(name))
        setattr(self, name, function)
        return function


def _complaint() -> str:
    text = lib.dlerror()
    return ffi.string(text).decode(errors="replace") if text else ""


def address_of(pointer: Any) -> int:
    """The address that a pointer of any ``cffi.FFI`` holds: ``ffi.addressof(lib, "name")``, ``ffi.callback``,
    ``ffi.new``. A whole number is one already. Raises TypeError for anything else.
    """
    if isinstance(pointer, ffi.CData):
        return int(ffi.cast("uintptr_t", pointer))
    return operator.index(pointer)


def is_address(given: Any) -> bool:
    """Whether it is the address of something: a whole number, also one of NumPy's, or a pointer of cffi."""
    if isinstance(given, ffi.CData):
        return ffi.typeof(given).kind in ("pointer", "function", "array") and given != ffi.NULL
    return hasattr(type(given), "__index__") and not isinstance(given, bool) and bool(given >= 0)


def pointer_to(buffer: Any) -> int:
    """The address of the first byte of a contiguous buffer. Raises TypeError for what is none."""
    return int(ffi.cast("uintptr_t", ffi.from_buffer(buffer)))
