"""The server: ``python -m tensorplug_remote.server --device cpu --token-file FILE``.

It gives clients that know the token one device of this machine, any that tensorplug has here. Each client has
a thread, its own buffers, and nothing of the others'. The first line that it prints is its address.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import secrets
import signal
import socket
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import tensorplug as tp

from .config import read_token
from .errors import FrameError, FullError, PeerLostError, TokenError
from .session import Session, ops_of
from .wire import FRAME_SECONDS, GREETING_HEADER, MAX_HEADER, MAX_PAYLOAD, PROTOCOL, Channel, proof, proves

GREETING_SECONDS: Final = 10.0
CONNECTIONS: Final = 32
STRANGERS: Final = 32  # connections that have not shown the token yet


class Server:
    """Listens at ``place``, a path or (host, port), and serves ``device``.

    ``greeting`` is how many seconds a client may take until it has shown the token, ``frame`` how many for a
    frame that it has begun; ``connections`` is how many clients with the token may be there at a time, one
    more is told so. Beside them ``strangers`` connections may be there that have not shown it yet; of more
    the oldest is dropped, so that those who say nothing keep nobody out.
    """

    def __init__(
        self,
        place: str | tuple[str, int],
        device: Any,
        token: str,
        *,
        greeting: float = GREETING_SECONDS,
        frame: float = FRAME_SECONDS,
        connections: int = CONNECTIONS,
        strangers: int = STRANGERS,
    ) -> None:
        self.device = device
        self.token = token
        self.greeting = greeting
        self.frame = frame
        self.connections = connections
        self.strangers = strangers
        self.lock = threading.Lock()
        self.sessions: set[Channel] = set()
        self.pending: dict[Channel, Any] = {}  # strangers, the oldest first, and where they are
        self.closed = False
        self.path = place if isinstance(place, str) else ""
        if isinstance(place, str):
            self.socket = socket.socket(socket.AF_UNIX)
            before = os.umask(0o177)  # nobody else on this machine may even connect
            try:
                self.socket.bind(place)
            finally:
                os.umask(before)
            self.socket.listen()
        else:
            self.socket = socket.create_server(place)

    @property
    def address(self) -> str:
        if self.path:
            return f"unix://{os.path.abspath(self.path)}"
        host, port = self.socket.getsockname()[:2]
        return f"tcp://{host}:{port}"

    def serve(self) -> None:
        """Accept clients until ``close``."""
        while True:
            try:
                connection, peer = self.socket.accept()
            except OSError as error:
                if self.closed:
                    return
                self.log("", f"nobody can connect for now: {error}")  # no file descriptor is left, say
                self._drop_oldest(self.strangers // 2)
                time.sleep(0.05)
                continue
            try:
                channel = Channel(connection, self.greeting)
                channel.end = time.monotonic() + self.greeting
                with self.lock:
                    self.pending[channel] = peer
                self._drop_oldest(self.strangers)
                threading.Thread(target=self._client, args=(channel, peer), daemon=True).start()
            except (OSError, RuntimeError) as error:  # gone already, or there is no thread for it
                self.log(peer, f"dropped: {type(error).__name__}: {error}")
                connection.close()
                with self.lock:
                    self.pending = {
                        known: at for known, at in self.pending.items() if known.socket != connection
                    }

    def _drop_oldest(self, most: int) -> None:
        """Close the oldest of the connections that have not shown the token, until so many are left."""
        while True:
            with self.lock:
                if len(self.pending) <= most:
                    return
                oldest = next(iter(self.pending))
                peer = self.pending.pop(oldest)
            oldest.close()
            self.log(peer, "dropped: it had not shown the token when others came")

    def _client(self, channel: Channel, peer: Any) -> None:
        try:
            self._greet(channel)
            channel.end = None
            channel.seconds = self.frame
            self.log(peer, "connected")
            Session(self.device, channel).serve()
        except PeerLostError as error:
            self.log(peer, f"gone: {error}")
        except (FrameError, FullError, TokenError) as error:
            self.log(peer, f"refused: {error}")
            with contextlib.suppress(PeerLostError, FrameError):
                channel.send({"refused": str(error), "kind": type(error).__name__})
        except Exception as error:  # of one client: the others go on
            self.log(peer, f"dropped: {type(error).__name__}: {error}")
        finally:
            channel.close()
            with self.lock:
                self.sessions.discard(channel)
                self.pending.pop(channel, None)

    def _greet(self, channel: Channel) -> None:
        """Both sides show that they have the token; until then a client sends small frames only."""
        nonce = secrets.token_hex(32)
        channel.send({"protocol": PROTOCOL, "nonce": nonce})
        hello, payload = channel.receive(self.greeting)
        nonces = nonce, str(hello.get("nonce"))
        if len(payload) or not proves(hello.get("proof"), self.token, "client", nonces):
            time.sleep(0.1)
            raise TokenError("the token is not the one that this server was started with")
        channel.trust()
        with self.lock:
            self.pending.pop(channel, None)
            if len(self.sessions) >= self.connections:
                raise FullError(
                    f"the server is full ({len(self.sessions)} of {self.connections} sessions); try again "
                    f"when one has ended, or start it with more --connections"
                )
            self.sessions.add(channel)
        info = next(i for i in self.device.runtime.devices() if i.index == self.device.index)
        channel.send(
            {
                "proof": proof(self.token, "server", nonces),
                "limits": {"header": MAX_HEADER, "payload": MAX_PAYLOAD, "greeting": GREETING_HEADER},
                "device": {
                    "name": str(self.device),
                    "title": info.name,
                    "memory": info.memory,
                    "details": info.details,
                },
                "ops": ops_of(self.device),
            }
        )

    def log(self, peer: Any, text: str) -> None:
        print(f"{peer or 'a client'}: {text}", file=sys.stderr, flush=True)

    def close(self) -> None:
        self.closed = True
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)  # or a thread in accept() would stay there
        self.socket.close()
        with self.lock:
            channels = [*self.sessions, *self.pending]
        for channel in channels:
            channel.close()
        if self.path:
            with contextlib.suppress(OSError):
                os.unlink(self.path)


def parser() -> argparse.ArgumentParser:
    found = argparse.ArgumentParser(
        prog="python -m tensorplug_remote.server", description="Serve a device of this machine to clients."
    )
    found.add_argument("--device", default="cpu", help="the device, for instance opencl:0 (default: cpu)")
    found.add_argument("--host", default="127.0.0.1", help="the address to listen at (default: this host's)")
    found.add_argument("--port", type=int, default=7070, help="the port; 0 takes a free one (default: 7070)")
    found.add_argument("--unix", metavar="PATH", help="listen at a Unix socket instead")
    found.add_argument(
        "--token-file",
        type=Path,
        required=True,
        help="the file with the token; one that is not there is made, with a new token",
    )
    found.add_argument(
        "--host-fallback",
        choices=("error", "warn", "allow"),
        default="error",
        help="whether what the device lacks may run on this host (default: error)",
    )
    found.add_argument("--connections", type=int, default=CONNECTIONS, help="how many clients at a time")
    found.add_argument("--greeting", type=float, default=GREETING_SECONDS, help=argparse.SUPPRESS)
    found.add_argument("--frame", type=float, default=FRAME_SECONDS, help=argparse.SUPPRESS)
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until SIGINT or SIGTERM."""
    given = parser().parse_args(arguments)
    try:
        if given.device.partition(":")[0] == "remote":
            raise tp.TensorplugError("a server cannot serve a remote device; start it where the device is")
        if not given.token_file.exists():
            descriptor = os.open(given.token_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w") as file:
                file.write(secrets.token_urlsafe(32) + "\n")
        token = read_token(given.token_file)
        tp.devices.set_host_policy(given.host_fallback)
        server = Server(
            given.unix or (given.host, given.port),
            tp.device(given.device),
            token,
            greeting=given.greeting,
            frame=given.frame,
            connections=given.connections,
        )
    except (tp.TensorplugError, OSError) as error:
        print(f"tensorplug_remote.server: {error}", file=sys.stderr)
        return 1
    signal.signal(signal.SIGTERM, lambda *_: server.close())
    print(f"serving {server.device} at {server.address}", flush=True)
    try:
        server.serve()
    except KeyboardInterrupt:
        pass
    server.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
