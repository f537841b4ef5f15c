"""A case, what came of it, and what a suite is."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Final

PASS: Final = "pass"
FAIL: Final = "fail"
CRASH: Final = "crash"
TIMEOUT: Final = "timeout"
DECOMPOSED: Final = "decomposed"
FALLBACK: Final = "fallback"
UNSUPPORTED: Final = "unsupported-declared"
WAIVED: Final = "waived"
NOT_RUN: Final = "not-run"
STATUSES: Final = (PASS, FAIL, CRASH, TIMEOUT, DECOMPOSED, FALLBACK, UNSUPPORTED, WAIVED, NOT_RUN)

SEEDS: Final = {"fuzz": 2026, "models": 17}  # and of operands the CRC-32 of what they are for
DEPTHS: Final = ("smoke", "nightly", "release")


@dataclass(slots=True)
class Result:
    """What came of a case. Errors are in units in the last place; ``seconds`` is the time that it took."""

    status: str
    message: str = ""
    max_ulp: float = 0.0
    p99_ulp: float = 0.0
    elements: int = 0
    seconds: float = 0.0
    data: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Case:
    """One test: ``run(device)`` returns a Result, or raises, which is a failure.

    ``id`` is ``SUITE/SUBJECT/DTYPE/VARIANT``; ``tier`` is the op's, -1 where there is none; ``uses`` names
    the dtypes that take part beside the one of the id.
    """

    id: str
    run: Callable[[str], Result]
    tier: int = -1
    uses: tuple[str, ...] = ()

    @property
    def suite(self) -> str:
        return self.id.partition("/")[0]

    @property
    def subject(self) -> str:
        return self.id.split("/")[1]

    @property
    def dtype(self) -> str:
        return self.id.split("/")[2]


Cases = Callable[[str, str], Iterable[Case]]
"""A suite: ``cases(device, depth)`` in a fixed order."""


def check(condition: object, message: str) -> None:
    """Fail the running case with this message unless the condition holds."""
    if not condition:
        raise AssertionError(message)
