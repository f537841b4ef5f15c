"""Frames on a socket: a fixed head with two lengths, a JSON header, raw bytes.

=======  =====================================================================
bytes    what
=======  =====================================================================
4        ``TPR1``
4        length of the header, big-endian
8        length of the payload, big-endian
…        the header: a JSON object in UTF-8, with finite numbers only
…        the payload
=======  =====================================================================

Both lengths are checked against limits before anything is allocated or read. Nothing is ever unpickled. A
frame whose first byte has come must be there as a whole within ``FRAME_SECONDS``.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import json
import socket
import struct
import time
from collections.abc import Mapping
from typing import Any, Final

from tensorplug_dispatcher.errors import KernelError

from .errors import FrameError, PeerLostError

PROTOCOL: Final = 1
MAGIC: Final = b"TPR1"
MAX_HEADER: Final = 1 << 20
MAX_PAYLOAD: Final = 1 << 24  # longer contents come in several frames
GREETING_HEADER: Final = 1 << 12  # before the token has been checked; no payload then
FRAME_SECONDS: Final = 30.0

_HEAD: Final = struct.Struct("!4sIQ")


class Channel:
    """Frames over a connected socket. ``seconds`` is how long a frame may take once it has begun; ``end``,
    where it is set, is the time (``time.monotonic``) by which all that goes on here has to be over.
    """

    def __init__(self, connection: socket.socket, seconds: float = FRAME_SECONDS) -> None:
        self.socket = connection
        self.seconds = seconds
        self.end: float | None = None
        self.max_header = GREETING_HEADER
        self.max_payload = 0
        if connection.family != socket.AF_UNIX:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            watch_over(connection)

    def trust(self) -> None:
        """Take frames of full size from now on: the other side has shown that it has the token."""
        self.max_header, self.max_payload = MAX_HEADER, MAX_PAYLOAD

    def send(self, header: Mapping[str, Any], payload: Any = b"") -> None:
        """Send a frame. Raises PeerLostError; or KernelError, before anything is sent,
        where the header is over the limit.
        """
        text = json.dumps(header, separators=(",", ":"), allow_nan=False).encode()
        if len(text) > MAX_HEADER:
            raise KernelError(
                f"a request of {len(text)} bytes cannot be sent, the limit is {MAX_HEADER}; use fewer "
                f"operands"
            )
        self.socket.settimeout(self._left(self.seconds))
        try:
            self.socket.sendall(_HEAD.pack(MAGIC, len(text), len(payload)) + text)
            if len(payload):
                self.socket.sendall(payload)
        except TimeoutError as error:
            raise PeerLostError(f"the other side took nothing for {self.seconds:g} s") from error
        except OSError as error:
            raise PeerLostError(f"the connection broke: {error}") from error

    def receive(self, patience: float | None, into: memoryview | None = None) -> tuple[dict[str, Any], Any]:
        """The next frame: header and payload. Waits ``patience`` seconds (None: for ever) for its first byte.

        ``into``, where given, takes the payload, which must not be longer. Raises PeerLostError or
        FrameError.
        """
        head = bytearray(_HEAD.size)
        self.socket.settimeout(self._left(patience))
        view = memoryview(head)
        self._some(view[:1], f"the other side said nothing for {patience or 0:g} s")
        end = time.monotonic() + (self._left(self.seconds) or 0)
        self._all(view[1:], end)
        magic, header_length, payload_length = _HEAD.unpack(head)
        if magic != MAGIC:
            raise FrameError(f"a frame begins with {bytes(magic)!r}, not with {MAGIC!r}")
        if header_length > self.max_header:
            raise FrameError(f"a header of {header_length} bytes; the limit here is {self.max_header}")
        limit = self.max_payload if into is None else min(self.max_payload, len(into))
        if payload_length > limit:
            raise FrameError(f"a payload of {payload_length} bytes; the limit here is {limit}")
        text = bytearray(header_length)
        self._all(memoryview(text), end)
        try:
            header = json.loads(text.decode())
        except (ValueError, RecursionError) as error:
            raise FrameError(f"a header that is not JSON: {type(error).__name__}") from error
        if not isinstance(header, dict):
            raise FrameError(f"a header that is a {type(header).__name__}, not an object")
        payload = memoryview(bytearray(payload_length)) if into is None else into[:payload_length]
        self._all(payload, end)
        return header, payload

    def _left(self, seconds: float | None) -> float | None:
        """How long something may take that may take ``seconds`` (None: for ever)."""
        if self.end is None:
            return seconds
        left = max(self.end - time.monotonic(), 0.001)
        return left if seconds is None else min(seconds, left)

    def _all(self, into: memoryview, end: float) -> None:
        while len(into):
            left = end - time.monotonic()
            if left <= 0:
                raise PeerLostError(f"a frame was not there as a whole after {self.seconds:g} s")
            self.socket.settimeout(left)
            into = into[self._some(into, f"a frame was not there as a whole after {self.seconds:g} s") :]

    def _some(self, into: memoryview, late: str) -> int:
        try:
            count = self.socket.recv_into(into)
        except TimeoutError as error:
            raise PeerLostError(late) from error
        except OSError as error:
            raise PeerLostError(f"the connection broke: {error}") from error
        if count == 0:
            raise PeerLostError("the other side closed the connection")
        return count

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()


def watch_over(connection: socket.socket) -> None:
    """Let the system notice a host that is gone, within about half a minute."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in (("TCP_KEEPIDLE", 10), ("TCP_KEEPINTVL", 5), ("TCP_KEEPCNT", 3)):
        if hasattr(socket, name):
            connection.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


def proof(token: str, side: str, nonces: tuple[str, str]) -> str:
    """What shows that ``side`` (client or server) has the token, for the nonces of server and client."""
    message = "\n".join(("tensorplug-remote", side, *nonces))
    return hmac.new(token.encode(), message.encode(), hashlib.sha256).hexdigest()


def proves(given: object, token: str, side: str, nonces: tuple[str, str]) -> bool:
    """Whether it is the right proof, in constant time."""
    return isinstance(given, str) and hmac.compare_digest(given.encode(), proof(token, side, nonces).encode())
