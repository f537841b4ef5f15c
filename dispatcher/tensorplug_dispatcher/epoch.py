"""What was decided and is remembered, and how all of it is forgotten. Compiled, so that no interrupt comes
between a table and the decisions that depend on it (docs/decisions/0021).
"""

from __future__ import annotations

from typing import Any, Final

functions: Final[list[Any]] = []  # every callable of an op; each forgets what it has remembered
_number = 0


def number() -> int:
    """How often all was forgotten: what was decided in an earlier epoch does not hold any more."""
    return _number


def invalidate() -> None:
    """Forget every cached decision; called when kernels, layers, devices,
    policies or the default dtype change.
    """
    global _number
    _number += 1
    for function in functions:
        function.forget()


def renew(table: dict[Any, Any], name: Any, value: Any) -> None:
    """Put a value into a table that decisions depend on and forget those, in one step; None takes it out."""
    if value is None:
        table.pop(name, None)
    else:
        table[name] = value
    invalidate()
