"""The process in which cases run, so that a crash or a hang is a result and not the end.

It is given a JSON object: device, depth, suites, seed, the salt of digests, and whether cases run ``alone``,
each in a child of its own in which nothing ran before (then the device's ``facts`` too). It reads case ids
from standard input, a line each, and answers with a line of JSON each. What a case prints goes to standard
error.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import sys
import time
from collections.abc import Iterable
from dataclasses import asdict

from tensorplug_dispatcher.errors import TensorplugError

from . import evidence, facts
from .case import FAIL, Case, Result
from .samples import seeded, use_seed
from .suites import cases


def all_cases(suites: Iterable[str], device: str, depth: str) -> dict[str, Case]:
    """The cases of these suites by id, in order, the same at any seed;
    raises ValueError where an id is there twice.
    """
    found: dict[str, Case] = {}
    with seeded(0):
        for suite in suites:
            for case in cases(suite, device, depth):
                if case.id in found:
                    raise ValueError(f"two cases are called {case.id}")
                found[case.id] = case
    return found


def attempt(case: Case, device: str, salt: str = "") -> Result:
    """Run a case; whatever it raises is a failure with the error's text. The result's data hold the digests
    of what it computed from and of what came out (see ``evidence``).
    """
    start = time.perf_counter()
    with evidence.collected(salt) as found:
        try:
            result = case.run(device)
        except AssertionError as error:
            result = Result(FAIL, str(error))
        except Exception as error:
            result = Result(FAIL, f"{type(error).__name__}: {error}")
            if isinstance(error, TensorplugError):
                result.data["raised"] = type(error).__name__
    result.seconds = time.perf_counter() - start
    result.data |= found.as_data()
    return result


def main() -> int:
    asked = json.loads(sys.argv[1])
    device = asked["device"]
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    import tensorplug as tp
    from tensorplug_dispatcher.observation import observe

    tp.set_num_threads(1)  # several workers share the machine
    tp.devices.set_host_policy("allow")  # borrowed work runs, is seen and named
    use_seed(asked["seed"])
    with contextlib.ExitStack() as stack:
        if asked["alone"]:  # the list is made without the device, which each child then sees first
            stack.enter_context(facts.given(device, asked["facts"]))
        found = all_cases(asked["suites"], device, asked["depth"])
    gc.collect()
    gc.freeze()  # what stays to the end, some 20,000 cases, is not looked through at each collection
    answers.write(json.dumps({"ready": len(found)}) + "\n")
    with observe() as calls:  # from here on, so that cases that look at calls do not make all plans anew
        for line in sys.stdin:
            if not asked["alone"]:
                result = attempt(found[line.strip()], device, asked["salt"])
            elif (child := os.fork()) == 0:
                result = attempt(found[line.strip()], device, asked["salt"])
            else:
                ended = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
                if ended:
                    return signalled(ended)
                continue
            answers.write(json.dumps(asdict(result)) + "\n")
            answers.flush()
            calls.clear()
            if asked["alone"]:
                os._exit(0)
    return 0


def signalled(status: int) -> int:
    """End as a child did."""
    if status < 0:
        os.kill(os.getpid(), -status)
    return status


if __name__ == "__main__":
    sys.exit(main())
