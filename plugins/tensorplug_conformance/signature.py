"""Who ran it: detached ed25519 signatures of reports (RFC 8032), through the ``cryptography`` package.

What is signed is the report's digest, so that a report may be gzipped or laid out anew. A signature says who
ran it, not that it is true. No key is built in: ``verify`` takes those that are trusted from a file, a line
each, ``ed25519 BASE64 NAME``, which is what ``keygen`` writes as the public half.
"""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from tensorplug_dispatcher.errors import PluginError

from .report import digest

CONTEXT: Final = b"tensorplug conformance report\0"
KIND: Final = "ed25519"


def _library() -> Any:
    try:
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric import ed25519
    except ImportError as error:
        raise PluginError(
            "the package cryptography, which signs reports, is not installed; pip install 'tensorplug[sign]'"
        ) from error
    return ed25519, serialization


def keygen(path: Path, name: str) -> tuple[Path, Path]:
    """Write a new key to ``path``, which only its owner may read, and its public half beside it as ``.pub``.
    Raises PluginError where the file is there already.
    """
    ed25519, serialization = _library()
    key = ed25519.Ed25519PrivateKey.generate()
    text = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    try:
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as error:
        raise PluginError(f"{path} is there already; choose another name for the new key") from error
    with os.fdopen(file, "wb") as out:
        out.write(text)
    public = path.with_name(path.name + ".pub")
    public.write_text(f"{KIND} {_public(key.public_key())} {name}\n")
    return path, public


def sign(content: Mapping[str, Any], key_file: Path, path: Path) -> Path:
    """Sign a report with the key in a file; the signature goes to ``path``."""
    ed25519, serialization = _library()
    try:
        key = serialization.load_pem_private_key(key_file.read_bytes(), None)
    except (OSError, ValueError, TypeError) as error:
        raise PluginError(f"the key {key_file} cannot be read: {error}; make one with keygen") from error
    if not isinstance(key, ed25519.Ed25519PrivateKey):
        raise PluginError(f"the key {key_file} is no {KIND} key; make one with keygen")
    if content.get("digest") != digest(content):
        raise PluginError("the report's digest does not fit; a report that was changed is not signed")
    made = {
        "kind": KIND,
        "key": _public(key.public_key()),
        "digest": content["digest"],
        "signature": base64.b64encode(key.sign(_message(content))).decode(),
    }
    path.write_text(json.dumps(made, indent=1) + "\n")
    return path


def signer(content: Mapping[str, Any], path: Path, trusted: Path) -> str:
    """The name of who signed a report. Raises PluginError where the signature is not right, or its key is
    none of those in the file ``trusted``.
    """
    ed25519, _ = _library()
    from cryptography.exceptions import InvalidSignature

    try:
        given = json.loads(path.read_text())
        key, signature = str(given["key"]), base64.b64decode(given["signature"], validate=True)
        public = ed25519.Ed25519PublicKey.from_public_bytes(base64.b64decode(key, validate=True))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise PluginError(f"the signature {path} cannot be read: {error}; make one with sign") from error
    try:
        public.verify(signature, _message(content))
    except InvalidSignature:
        raise PluginError(f"the signature {path} is not of this report") from None
    names = _trusted(trusted)
    if key not in names:
        raise PluginError(f"it is signed with the key {key}, which is none of those in {trusted}")
    return names[key]


def _message(content: Mapping[str, Any]) -> bytes:
    return CONTEXT + digest(content).encode()


def _public(key: Any) -> str:
    return base64.b64encode(key.public_bytes_raw()).decode()


def _trusted(path: Path) -> dict[str, str]:
    """Keys → names."""
    found = {}
    try:
        lines = path.read_text().splitlines()
    except OSError as error:
        raise PluginError(f"the keys {path} cannot be read: {error}") from error
    for number, line in enumerate(lines, 1):
        parts = line.split(maxsplit=2)
        if not parts or parts[0].startswith("#"):
            continue
        if len(parts) != 3 or parts[0] != KIND:
            raise PluginError(f"{path}, line {number}: {line!r} is not '{KIND} BASE64 NAME'")
        found[parts[1]] = parts[2]
    return found
