"""Lists every statement of the generators of device programs that no test on a device runs.

Run it as ``.venv/bin/python tools/variant_coverage.py`` (some ten minutes on two cores) where OpenCL is, for
instance PoCL. ``tests/backends/cuda/test_variants.py`` says that every variant can be made; this, that each
of them was made for a device which then ran it, in a test that compares the result.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
TESTS = ("tests/backends/opencl", "-n", "2")
VARIABLE = "TENSORPLUG_BUILDER_LINES"
# lines whose programs no OpenCL device runs, by a part of their text
NOT_LAUNCHED: dict[str, str] = {
    "if stored is dtypes.float64:": "atomics of 64 bits, which only the CUDA dialect has",
    'load, bits, type_ = "': "the same",
    'value = f"(u64){value}"': "the same",
    'W="u64"': "the same",
}
sys.path.insert(0, str(ROOT / "tests/backends/cuda"))


# -- as a plugin of pytest, in each process that runs tests


def pytest_configure(config: Any) -> None:
    from builder_lines import Lines

    config.stash[_LINES] = lines = Lines()
    lines.__enter__()
    threading.settrace(lines._call)


def pytest_sessionfinish(session: Any) -> None:
    kept = Path(os.environ[VARIABLE]) / f"{os.getpid()}.json"
    kept.write_text(json.dumps(sorted(session.config.stash[_LINES].ran)))


# -- as a command


def main() -> int:
    from builder_lines import missing

    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("tests", nargs="*", default=TESTS, help="files of tests, and options of pytest")
    with tempfile.TemporaryDirectory() as folder:
        options = ["-q", "-p", Path(__file__).stem, *parser.parse_args().tests]
        command = [sys.executable, "-m", "pytest", *options]
        path = os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")])
        environment = {**os.environ, "PYTHONPATH": path, VARIABLE: folder}
        failed = subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode
        kept = [json.loads(file.read_text()) for file in Path(folder).glob("*.json")]
        ran = {(file, line) for lines in kept for file, line in lines}
    left = missing(ran, NOT_LAUNCHED)
    print(*left, f"{len(left)} statements of the generators ran in no test on a device", sep="\n")
    return 1 if left or failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
else:
    import pytest

    _LINES = pytest.StashKey[Any]()
