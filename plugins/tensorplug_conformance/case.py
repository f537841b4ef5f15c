"""A case, what came of it, and what a suite is."""

from __future__ import annotations

import math
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
BAD: Final = (FAIL, CRASH, TIMEOUT)

SEED: Final = 0  # of a run that is given none: the suite's own operands
DEPTHS: Final = ("smoke", "nightly", "release")


@dataclass(slots=True)
class Result:
    """What came of a case. Errors are in units in the last place; ``seconds`` is the time that it took.

    ``data`` may hold ``excess`` (the largest error as a multiple of what is allowed), ``raised`` (the type of
    a typed error that came instead of a result), ``operands`` and ``results`` (digests, see ``evidence``).
    """

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
    the dtypes that take part beside the one of the id, those of results included. ``exact`` says that a right
    device gives these very numbers, so that anybody can compute them again; ``bound`` is the largest error
    (units in the last place) of a case that passes, whatever its sizes are.
    """

    id: str
    run: Callable[[str], Result]
    tier: int = -1
    uses: tuple[str, ...] = ()
    exact: bool = False
    bound: float = math.inf

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
"""A suite: ``cases(device, depth)`` in a fixed order. What it asks of the device it asks ``facts.of``, so
that the list can be made again from a report, without the device."""


def check(condition: object, message: str) -> None:
    """Fail the running case with this message unless the condition holds."""
    if not condition:
        raise AssertionError(message)
