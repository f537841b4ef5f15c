"""What a case computed from and what came out of it, as digests that others can make again.

The digests begin with a salt that follows from everything that the report says of device, plugin, system and
run. Whoever changes that afterwards, or moves results to another report, changes what the digests must be.
What is digested are numbers, not bits: NaN is one number, and zero has no sign, so that devices which are
both right agree.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final

import numpy as np

LENGTH: Final = 16  # hexadecimal digits of a digest


class Evidence:
    """The digests of one case under way."""

    def __init__(self, salt: str) -> None:
        self.salt = salt
        self._operands: Any = None
        self._results: Any = None

    def operand(self, numbers: Any, *about: Any) -> None:
        self._operands = self._with(self._operands, numbers, about)

    def result(self, numbers: Any, *about: Any) -> None:
        self._results = self._with(self._results, numbers, about)

    def _with(self, found: Any, numbers: Any, about: tuple[Any, ...]) -> Any:
        found = hashlib.sha256(self.salt.encode()) if found is None else found
        array = canonical(numbers)
        found.update(f"{about} {array.shape} {array.dtype.kind}\n".encode())
        found.update(np.ascontiguousarray(array).data if array.size else b"")
        return found

    def as_data(self) -> dict[str, str]:
        """``operands``, of the salt alone where there are none, and ``results`` where there are any."""
        found = {"operands": blank(self.salt)} if self._operands is None else {}
        noted = {"operands": self._operands, "results": self._results}
        return found | {name: v.hexdigest()[:LENGTH] for name, v in noted.items() if v is not None}


def blank(salt: str) -> str:
    """The digest of the operands of a case that has none."""
    return hashlib.sha256(salt.encode()).hexdigest()[:LENGTH]


def canonical(numbers: Any) -> Any:
    """Numbers as an array of float64, int64 or bool in which equal numbers have equal bytes."""
    array = np.asarray(numbers)
    if array.dtype.kind == "b":
        return array
    if array.dtype.kind in "iu":
        return array.astype(np.int64)
    array = array.astype(np.float64) + 0.0  # which takes the sign of zeros
    return np.where(np.isnan(array), np.nan, array)


_current: Final[ContextVar[Evidence | None]] = ContextVar("tensorplug_evidence", default=None)


@contextmanager
def collected(salt: str) -> Iterator[Evidence]:
    """Collect what the cases inside note down."""
    found = Evidence(salt)
    token = _current.set(found)
    try:
        yield found
    finally:
        _current.reset(token)


def operand(numbers: Any, *about: Any) -> None:
    """Note an operand of the case under way: its numbers, and what else says which it is."""
    found = _current.get()
    if found is not None:
        found.operand(numbers, *about)


def result(numbers: Any, *about: Any) -> None:
    """Note a result of the device under test."""
    found = _current.get()
    if found is not None:
        found.result(numbers, *about)
