"""Where the servers are, and the token.

The environment comes first: ``TENSORPLUG_REMOTE`` holds addresses (``tcp://HOST:PORT``, ``unix:///PATH``),
separated by commas, and ``TENSORPLUG_REMOTE_TOKEN_FILE`` names the file with the token of all of them (or
``TENSORPLUG_REMOTE_TOKEN`` is the token). Else the file
``$XDG_CONFIG_HOME/tensorplug/remote.toml`` (or that of ``TENSORPLUG_REMOTE_CONFIG``) lists them::

    [[server]] address = "tcp://gpu-box:7070" token_file = "~/.config/tensorplug/gpu-box.token"

``TENSORPLUG_REMOTE_TIMEOUT`` (seconds, 300 if not given) is how long a server may take to answer: longer
than the longest kernel.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from tensorplug_dispatcher.errors import DeviceAbsentError

SHORTEST_TOKEN: Final = 16
DEFAULT_TIMEOUT: Final = 300.0


@dataclass(frozen=True, slots=True)
class Server:
    """One server of the configuration. ``address`` is as it was written."""

    address: str
    token: str = field(repr=False)
    timeout: float = DEFAULT_TIMEOUT

    @property
    def place(self) -> str | tuple[str, int]:
        """A path for a Unix socket, (host, port) for TCP."""
        return parsed(self.address)


def parsed(address: str) -> str | tuple[str, int]:
    """``tcp://HOST:PORT`` → (host, port); ``unix:///PATH`` → path. Raises DeviceAbsentError."""
    try:
        parts = urlsplit(address)
        if parts.scheme == "unix" and parts.path and not parts.netloc:
            return parts.path
        if parts.scheme == "tcp" and parts.hostname and parts.port and not parts.path:
            return parts.hostname, parts.port
    except ValueError:
        pass
    raise DeviceAbsentError(f"{address!r} is no address of a server; write tcp://HOST:PORT or unix:///PATH")


def read_token(path: Path) -> str:
    """The token in a file. Raises DeviceAbsentError where it cannot be read or is too short to be one."""
    try:
        token = path.expanduser().read_text().strip()
    except (OSError, ValueError) as error:
        raise DeviceAbsentError(f"the token file {path} cannot be read: {error}") from error
    return _checked(token, f"the token in {path}")


def _checked(token: str, what: str) -> str:
    if len(token) < SHORTEST_TOKEN:
        raise DeviceAbsentError(f"{what} has {len(token)} characters; a token has at least {SHORTEST_TOKEN}")
    return token


def servers(environment: Mapping[str, str] = os.environ) -> list[Server]:
    """The servers that are configured. Raises DeviceAbsentError where there are none, or what is wrong."""
    timeout = _timeout(environment)
    named = [part.strip() for part in environment.get("TENSORPLUG_REMOTE", "").split(",") if part.strip()]
    if named:
        token = _token(environment)
        found = [Server(address, token, timeout) for address in named]
    else:
        found = _listed(_path(environment), timeout)
    for server in found:
        parsed(server.address)
    return found


def _timeout(environment: Mapping[str, str]) -> float:
    text = environment.get("TENSORPLUG_REMOTE_TIMEOUT", "")
    try:
        seconds = float(text or DEFAULT_TIMEOUT)
    except ValueError:
        seconds = -1.0
    if not 0 < seconds < 1e6:
        raise DeviceAbsentError(f"TENSORPLUG_REMOTE_TIMEOUT is {text!r}; it is a positive number of seconds")
    return seconds


def _token(environment: Mapping[str, str]) -> str:
    path = environment.get("TENSORPLUG_REMOTE_TOKEN_FILE", "")
    if path:
        return read_token(Path(path))
    if token := environment.get("TENSORPLUG_REMOTE_TOKEN", "").strip():
        return _checked(token, "TENSORPLUG_REMOTE_TOKEN")
    raise DeviceAbsentError(
        "TENSORPLUG_REMOTE names servers and no token is given; set TENSORPLUG_REMOTE_TOKEN_FILE to the file "
        "that the servers were started with"
    )


def _path(environment: Mapping[str, str]) -> Path:
    if given := environment.get("TENSORPLUG_REMOTE_CONFIG", ""):
        return Path(given)
    home = environment.get("XDG_CONFIG_HOME", "") or "~/.config"
    return Path(home).expanduser() / "tensorplug" / "remote.toml"


def _listed(path: Path, timeout: float) -> list[Server]:
    if not path.exists():
        raise DeviceAbsentError(
            f"no server is configured: set TENSORPLUG_REMOTE to its address (tcp://HOST:PORT or "
            f"unix:///PATH) and TENSORPLUG_REMOTE_TOKEN_FILE, or list it in {path}; "
            f"'python -m tensorplug_remote.server --help' says how to start one"
        )
    try:
        entries = tomllib.loads(path.read_text()).get("server", [])
        found = [Server(str(e["address"]), read_token(Path(e["token_file"])), timeout) for e in entries]
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise DeviceAbsentError(
            f"{path} cannot be used: {type(error).__name__}: {error}; it lists servers as [[server]] with "
            f"address and token_file"
        ) from error
    if not found:
        raise DeviceAbsentError(f"{path} lists no [[server]]")
    return found
