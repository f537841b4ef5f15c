"""A server of the example ``remote``, started for tests."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

TOKEN = "a token that nobody guesses"


class Process:
    """A server in a process of its own."""

    def __init__(self, folder: Path, environment: dict[str, str], *arguments: str) -> None:
        self.token = folder / "token"
        self.token.write_text(TOKEN + "\n")
        command = [sys.executable, "-m", "tensorplug_remote.server", "--token-file", str(self.token)]
        self.process = subprocess.Popen(
            [*command, *(arguments or ("--port", "0"))],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        found = re.fullmatch(r"serving (\S+) at (\S+)\n", line)
        assert found, (line, self.stop())
        self.device, self.address = found.groups()

    def stop(self) -> str:
        self.process.terminate()
        return self.process.communicate(timeout=30)[1]
