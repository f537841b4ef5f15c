"""The process in which cases run, so that a crash or a hang is a result and not the end.

It reads case ids from standard input, a line each, and answers with a line of JSON each. What a case prints
goes to standard error.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterable
from dataclasses import asdict

from .case import FAIL, Case, Result
from .suites import cases


def all_cases(suites: Iterable[str], device: str, depth: str) -> dict[str, Case]:
    """The cases of these suites by id, in order; raises ValueError where an id is there twice."""
    found: dict[str, Case] = {}
    for suite in suites:
        for case in cases(suite, device, depth):
            if case.id in found:
                raise ValueError(f"two cases are called {case.id}")
            found[case.id] = case
    return found


def attempt(case: Case, device: str) -> Result:
    """Run a case; whatever it raises is a failure with the error's text."""
    start = time.perf_counter()
    try:
        result = case.run(device)
    except AssertionError as error:
        result = Result(FAIL, str(error))
    except Exception as error:
        result = Result(FAIL, f"{type(error).__name__}: {error}")
    result.seconds = time.perf_counter() - start
    return result


def main() -> int:
    suites, device, depth = sys.argv[1].split(","), sys.argv[2], sys.argv[3]
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    import tensorplug as tp
    from tensorplug_dispatcher.observation import observe

    tp.set_num_threads(1)  # several workers share the machine
    tp.devices.set_host_policy("allow")  # borrowed work runs, is seen and named
    found = all_cases(suites, device, depth)
    answers.write(json.dumps({"ready": len(found)}) + "\n")
    with observe():  # from here on, so that cases that look at calls do not make all plans anew
        for line in sys.stdin:
            case = found[line.strip()]
            answers.write(json.dumps(asdict(attempt(case, device))) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
