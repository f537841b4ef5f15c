"""Pyright's language server as an editor drives it: what it completes, what it calls an error."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

SERVER = Path(sys.executable).parent / "pyright-langserver"


class Server:
    """One session over a folder; messages go by JSON-RPC (the Language Server Protocol, 3.17)."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.process = subprocess.Popen(
            [SERVER, "--stdio"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        self.number = 0
        self.diagnostics: dict[str, list[dict[str, Any]]] = {}
        self.ask(
            "initialize",
            processId=None,
            rootUri=folder.as_uri(),
            capabilities={"workspace": {"configuration": True}},
            workspaceFolders=[{"uri": folder.as_uri(), "name": folder.name}],
        )
        self.tell("initialized")

    def send(self, message: dict[str, Any]) -> None:
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        assert self.process.stdin is not None
        self.process.stdin.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
        self.process.stdin.flush()

    def receive(self) -> dict[str, Any]:
        """The next message; requests of the server are answered on the way."""
        assert self.process.stdout is not None
        length = 0
        while line := self.process.stdout.readline().strip():
            if line.lower().startswith(b"content-length:"):
                length = int(line.split(b":")[1])
        if not length:
            raise RuntimeError(f"{SERVER.name} ended with {self.process.wait()}")
        message: dict[str, Any] = json.loads(self.process.stdout.read(length))
        if message.get("method") == "textDocument/publishDiagnostics":
            self.diagnostics[message["params"]["uri"]] = message["params"]["diagnostics"]
        elif "method" in message and "id" in message:
            settings = {"python": {"pythonPath": sys.executable}}
            asked = message["params"].get("items") if "configuration" in message["method"] else None
            result = None if asked is None else [settings.get(one["section"], {}) for one in asked]
            self.send({"id": message["id"], "result": result})
        return message

    def tell(self, method: str, **params: Any) -> None:
        self.send({"method": method, "params": params})

    def ask(self, method: str, **params: Any) -> Any:
        self.number += 1
        self.send({"id": self.number, "method": method, "params": params})
        while True:
            message = self.receive()
            if message.get("id") == self.number and "method" not in message:
                assert "error" not in message, message["error"]
                return message["result"]

    def open(self, name: str, text: str) -> str:
        """Open a file of this text; returns its address."""
        path = self.folder / name
        path.write_text(text)
        document = {"uri": path.as_uri(), "languageId": "python", "version": 1, "text": text}
        self.tell("textDocument/didOpen", textDocument=document)
        return path.as_uri()

    def completions(self, text: str) -> set[str]:
        """What is offered at the end of ``text``."""
        self.number += 1
        uri = self.open(f"complete{self.number}.py", text)
        lines = text.split("\n")
        place = {"line": len(lines) - 1, "character": len(lines[-1])}
        found = self.ask("textDocument/completion", textDocument={"uri": uri}, position=place)
        return {item["label"] for item in (found["items"] if isinstance(found, dict) else found)}

    def errors(self, text: str) -> dict[int, str]:
        """The first error of each line, by its number from 0."""
        self.number += 1
        uri = self.open(f"check{self.number}.py", text)
        while uri not in self.diagnostics:
            self.receive()
        found: dict[int, str] = {}
        for one in self.diagnostics[uri]:
            if one.get("severity") == 1:
                found.setdefault(one["range"]["start"]["line"], one["message"])
        return found


@contextmanager
def language_server(folder: Path) -> Iterator[Server]:
    """A server over ``folder``, which is ended at the end."""
    (folder / "pyrightconfig.json").write_text('{"typeCheckingMode": "standard"}')
    server = Server(folder)
    try:
        yield server
    finally:
        server.process.kill()
        server.process.wait()
