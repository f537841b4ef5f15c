"""What our sources use of the module ``cython``, for runs without the compiler (see ``_pure``).

Decorators return what they decorate, declarations return their value, and a cast to a C number converts.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any, Final

compiled: Final = False
NULL: Final = None
INTEGERS: Final = frozenset(
    ("char", "schar", "uchar", "short", "ushort", "int", "uint", "long", "ulong", "longlong", "ulonglong")
)
SIZES: Final = frozenset(("size_t", "ssize_t", "Py_ssize_t", "Py_hash_t", "sint", "slong", "slonglong"))
FLOATS: Final = frozenset(("float", "double", "longdouble"))


class CType:
    """The name of a C type: an annotation; calling it converts; its pointers and arrays are opaque."""

    def __init__(self, name: str, convert: Callable[[Any], Any] | None = None) -> None:
        self.name = name
        self.convert = convert

    def __call__(self, value: Any = 0) -> Any:
        return value if self.convert is None else self.convert(value)

    def __getitem__(self, size: Any) -> CType:
        return CType(f"{self.name}[{size}]")

    def __repr__(self) -> str:
        return f"cython.{self.name}"


def __getattr__(name: str) -> CType:
    if name in INTEGERS or name in SIZES:
        return CType(name, int)
    if name in FLOATS:
        return CType(name, float)
    if name == "bint":
        return CType(name, bool)
    if name in ("void", "const") or name.startswith("p_"):
        return CType(name)
    raise AttributeError(f"the stand-in for the module 'cython' has no {name!r}; add it to {__file__}")


def pointer(base: Any) -> CType:
    """The type of pointers to ``base``."""
    return CType(f"pointer({base!r})")


def cast(kind: Any, value: Any, typecheck: bool = False) -> Any:
    """``value`` as a C number where ``kind`` is one, else unchanged."""
    return kind(value) if isinstance(kind, CType) else value


def declare(kind: Any = None, value: Any = None, **names: Any) -> Any:
    """Stands for a typed declaration; the value, if there is one."""
    return value


def _unchanged(thing: Any) -> Any:
    return thing


def _option(*values: Any, **named: Any) -> Callable[[Any], Any]:
    return _unchanged


cclass = cfunc = ccall = inline = final = internal = no_gc = no_gc_clear = _unchanged
returns = locals = exceptval = freelist = trashcan = binding = boundscheck = wraparound = _option
initializedcheck = cdivision = nonecheck = overflowcheck = infer_types = annotation_typing = _option
embedsignature = c_api_binop_methods = type_version_tag = auto_pickle = always_allow_keywords = _option
optimize = profile = linetrace = _option


class _Nogil(contextlib.nullcontext[None]):
    """``with cython.nogil:`` and ``@cython.nogil``: nothing happens to the GIL."""

    def __call__(self, function: Any) -> Any:
        return function


nogil: Final = _Nogil()
gil: Final = _Nogil()
