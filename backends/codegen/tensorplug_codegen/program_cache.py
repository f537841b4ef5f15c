"""Compiled programs on disk, under the user's cache folder (``TENSORPLUG_CACHE`` or ``~/.cache/tensorplug``).

An entry is named by the hash of everything that it depends on (source, options, device, driver) and carries
the hash of its content: one that is cut short, altered or somebody else's is dropped and built again.
``TENSORPLUG_CACHE=off`` keeps nothing.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
from pathlib import Path
from typing import Final

_MAGIC: Final = b"tensorplug program 1\n"


def folder() -> Path | None:
    chosen = os.environ.get("TENSORPLUG_CACHE", "")
    if chosen == "off":
        return None
    if chosen:
        return Path(chosen) / "programs"
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser() / "tensorplug" / "programs"


def key(*parts: str) -> str:
    """The entry's name: a hash of everything that the compiled program depends on."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(f"{len(part)}:".encode() + part.encode())
    return digest.hexdigest()


def load(name: str) -> bytes | None:
    """The stored program, None where there is none or it is not what was stored."""
    where = folder()
    if where is None:
        return None
    try:
        content = (where / name).read_bytes()
    except OSError:
        return None
    start = len(_MAGIC) + 64
    head = _MAGIC + hashlib.sha256(name.encode() + content[start:]).hexdigest().encode()
    if content[:start] == head:
        return content[start:]
    forget(name)
    return None


def store(name: str, binary: bytes) -> None:
    """Keep a program; a folder that cannot be written to is no error."""
    where = folder()
    if where is None:
        return
    head = _MAGIC + hashlib.sha256(name.encode() + binary).hexdigest().encode()
    with contextlib.suppress(OSError):
        where.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=where, delete=False) as file:
            file.write(head + binary)
        os.replace(file.name, where / name)  # whole or not at all, whoever else writes it


def forget(name: str) -> None:
    where = folder()
    if where is not None:
        with contextlib.suppress(OSError):
            (where / name).unlink()
