"""The client: a runtime whose devices are servers."""

from __future__ import annotations

import contextlib
import secrets
import socket
import threading
import time
import warnings
from collections import deque
from collections.abc import Mapping, Sequence
from itertools import count
from typing import Any, Final

from tensorplug_dispatcher import OPS, DeviceInfo, Layout, errors
from tensorplug_dispatcher.errors import DeviceAbsentError, DeviceLostError, KernelError, TensorplugError

from .config import Server
from .encoding import encoded, encoded_layout
from .errors import FrameError, FullError, PeerLostError, TokenError, UnreachableError
from .wire import MAX_PAYLOAD, PROTOCOL, Channel, proof, proves

CONNECT_SECONDS: Final = 10.0


class Buffer:
    """Memory over there. What is dropped here is freed there with the next request."""

    __slots__ = ("connection", "nbytes", "number")

    def __init__(self, connection: Connection, number: int, nbytes: int) -> None:
        self.connection = connection
        self.number = number
        self.nbytes = nbytes

    def __del__(self) -> None:
        self.connection.freed.append(self.number)  # no more: it may run in the midst of a request


class Launcher:
    """A plan over there: ``launcher(operands, offsets, values)`` sends a launch of it."""

    def __init__(self, connection: Connection, number: int, op: str) -> None:
        self.connection = connection
        self.number = number
        self.op = op
        self.proven = False

    def __call__(self, operands: list[Any], offsets: list[int], values: list[Any]) -> None:
        request = {
            "do": "launch",
            "plan": self.number,
            "operands": [self._operand(operand) for operand in operands],
            "offsets": offsets,
            "values": [encoded(value) for value in values],
        }
        if self.proven:
            self.connection.tell(self.op, request)
        else:  # the first one is waited for, and says what is missing over there
            self.connection.ask(self.op, {**request, "wait": True})
            self.proven = True

    def _operand(self, operand: Any) -> Any:
        if operand is None:
            return None
        if not isinstance(operand, Buffer):
            return [encoded(operand)]
        if operand.connection is not self.connection:
            raise KernelError(f"{self.op}() on {self.connection.name} was given memory of another device")
        return operand.number

    def __del__(self) -> None:
        self.connection.dropped.append(self.number)


class Connection:
    """One server. A request that fails in transit loses the device; there is no way back but a new one."""

    def __init__(self, index: int, server: Server) -> None:
        self.name = f"remote:{index}"
        self.server = server
        self.lock = threading.Lock()
        self.numbers = count(1)
        self.freed: deque[int] = deque()
        self.dropped: deque[int] = deque()
        self.lost = ""
        self.channel = connected(server)
        try:
            self.greeting = self._greet()
        except (FrameError, PeerLostError) as error:
            self.channel.close()
            raise UnreachableError(f"{server.address} is no server that answers as one: {error}") from error
        except BaseException:
            self.channel.close()
            raise
        self.channel.seconds = server.timeout
        self.channel.end = None
        self.info = self.greeting["device"]

    def _greet(self) -> dict[str, Any]:
        self.channel.seconds = CONNECT_SECONDS
        self.channel.end = time.monotonic() + CONNECT_SECONDS
        hello, _ = self.channel.receive(CONNECT_SECONDS)
        if hello.get("protocol") != PROTOCOL:
            raise UnreachableError(
                f"{self.server.address} speaks the protocol {str(hello.get('protocol'))[:60]}, this is "
                f"{PROTOCOL}; install the same version of tensorplug-remote on both sides"
            )
        nonces = str(hello.get("nonce")), secrets.token_hex(32)
        self.channel.send({"nonce": nonces[1], "proof": proof(self.server.token, "client", nonces)})
        self.channel.trust()
        answer, _ = self.channel.receive(CONNECT_SECONDS)
        if answer.get("kind") == "FullError":
            raise FullError(f"{self.server.address} takes nobody now: {str(answer.get('refused'))[:200]}")
        if "refused" in answer or not proves(answer.get("proof"), self.server.token, "server", nonces):
            raise TokenError(
                f"{self.server.address} refused the token, or does not have it itself: give the file that it "
                f"was started with as TENSORPLUG_REMOTE_TOKEN_FILE"
            )
        return answer

    # -- requests

    def tell(self, op: str, request: dict[str, Any], content: memoryview | None = None) -> None:
        """Send a request and do not wait."""
        with self._work(op):
            self._send(request, content)

    def ask(self, op: str, request: dict[str, Any], into: memoryview | None = None) -> dict[str, Any]:
        """Send a request and wait for the answer; raises the error that it tells of."""
        with self._work(op):
            self._send(request)
            answer, _ = self.channel.receive(self.server.timeout)
            if "refused" in answer and "kind" in answer:
                raise FrameError(f"the server refused a request: {answer['refused']}")
            if into is not None and "error" not in answer:
                for at in range(0, len(into), MAX_PAYLOAD):
                    piece = into[at : at + MAX_PAYLOAD]
                    _, got = self.channel.receive(self.server.timeout, piece)
                    if len(got) != len(piece):
                        raise FrameError(f"a download of {len(into)} bytes is broken off at byte {at}")
        if "error" in answer:
            raise self._error(op, answer)
        return answer

    def _send(self, request: dict[str, Any], content: memoryview | None = None) -> None:
        for key, numbers in (("free", self.freed), ("drop", self.dropped)):
            if numbers:
                request[key] = [numbers.popleft() for _ in range(len(numbers))]
        self.channel.send(request)
        if content is not None:
            for at in range(0, len(content), MAX_PAYLOAD):
                self.channel.send({"do": "piece"}, content[at : at + MAX_PAYLOAD])

    @contextlib.contextmanager
    def _work(self, op: str) -> Any:
        """One request at a time; a connection that breaks in the midst of one is lost."""
        with self.lock:
            if not self.lost:
                try:
                    yield
                    return
                except (FrameError, PeerLostError) as error:
                    self._lose(str(error))
                    raise self.loss(op) from error
                except KernelError:  # nothing was sent
                    raise
                except BaseException:  # interrupted: what comes next on the line is unknown
                    self._lose("a request was interrupted")
                    raise
        raise self.loss(op)

    def _lose(self, reason: str) -> None:
        self.lost = reason
        self.channel.close()

    def loss(self, op: str) -> DeviceLostError:
        return DeviceLostError(
            f"device {self.name} (the server at {self.server.address}) was lost in {op}(): {self.lost}",
            device=self.name,
            op=op,
        )

    def _error(self, op: str, answer: Mapping[str, Any]) -> Exception:
        """What the server tells of, as the error that it would be here."""
        kind, where, message = (str(answer.get(key)) for key in ("error", "op", "message"))
        if kind == "MemoryError":
            return MemoryError(message)
        text = f"{message} (in {where}() on {self.name}, {self.info['name']} of {self.server.address}"
        text += ")" if where == op else ", which was known after the call had returned)"
        if kind == "DeviceLostError":
            self.lost = self.lost or message
            return self.loss(where)
        if kind == "ZeroDivisionError":
            return ZeroDivisionError(text)
        found = getattr(errors, kind, None)
        if isinstance(found, type) and issubclass(found, TensorplugError):
            with contextlib.suppress(TypeError):
                return found(text)
        return KernelError(text)

    def close(self) -> None:
        with self.lock:
            if not self.lost:
                self._lose("it was closed")


def connected(server: Server) -> Channel:
    """A connection to a server. Raises UnreachableError."""
    place = server.place
    try:
        if isinstance(place, str):
            found = socket.socket(socket.AF_UNIX)
            found.settimeout(CONNECT_SECONDS)
            found.connect(place)
        else:
            found = socket.create_connection(place, CONNECT_SECONDS)
    except OSError as error:
        raise UnreachableError(
            f"{server.address} cannot be reached: {error}; start 'python -m tensorplug_remote.server' there"
        ) from error
    return Channel(found, CONNECT_SECONDS)


class RemoteRuntime:
    """Every server of the configuration that can be reached, by its place in the list."""

    def __init__(self, servers: Sequence[Server]) -> None:
        self.connections: dict[int, Connection] = {}
        reasons: list[str] = []
        for index, server in enumerate(servers):
            try:
                self.connections[index] = Connection(index, server)
            except DeviceAbsentError as error:
                reasons.append(str(error))
        if not self.connections:
            raise DeviceAbsentError("; ".join(reasons))
        for reason in reasons:
            warnings.warn(f"a remote device is left out: {reason}", RuntimeWarning, stacklevel=2)

    def ops(self) -> list[str]:
        """The ops that a server offers with the schema that they have here."""
        offered = [connection.greeting.get("ops", {}) for connection in self.connections.values()]
        return [op.name for op in OPS.values() if any(ops.get(op.name) == op.schema for ops in offered)]

    def devices(self) -> Sequence[DeviceInfo]:
        return [
            DeviceInfo(
                index,
                f"{connection.info['title']} ({connection.info['name']})",
                int(connection.info["memory"]),
                f"at {connection.server.address}; {connection.info['details']}",
            )
            for index, connection in self.connections.items()
        ]

    def allocate(self, index: int, nbytes: int) -> Buffer:
        connection = self.connections[index]
        buffer = Buffer(connection, next(connection.numbers), nbytes)
        connection.ask("allocate", {"do": "allocate", "buffer": buffer.number, "nbytes": nbytes})
        return buffer

    def upload(self, dst: Buffer, src: memoryview) -> None:
        content = src.cast("B") if src.nbytes else memoryview(b"")
        request = {"do": "upload", "buffer": dst.number, "nbytes": len(content)}
        dst.connection.tell("upload", request, content)

    def download(self, src: Buffer, dst: memoryview) -> None:
        into = dst.cast("B") if dst.nbytes else memoryview(bytearray())
        request = {"do": "download", "buffer": src.number, "nbytes": len(into)}
        src.connection.ask("download", request, into)

    def transfer(self, src: Buffer, dst: Buffer) -> bool:
        if src.connection is not dst.connection:
            return False
        src.connection.tell("transfer", {"do": "copy", "source": src.number, "target": dst.number})
        return True

    def bind(self, array: Any) -> Any:
        """The tensor itself: ``array.storage.handle`` is the ``Buffer``."""
        return array

    def synchronize(self, index: int) -> None:
        self.connections[index].ask("synchronize", {"do": "synchronize"})

    def memory_info(self, index: int) -> tuple[int, int]:
        answer = self.connections[index].ask("memory_info", {"do": "memory"})
        return int(answer["free"]), int(answer["total"])

    def close(self) -> None:
        for connection in self.connections.values():
            connection.close()

    def prepare(
        self,
        index: int,
        op: str,
        outs: tuple[Layout, ...],
        ins: tuple[Layout | None, ...],
        attrs: Mapping[str, Any],
        numbers: frozenset[int],
    ) -> tuple[Launcher, tuple[int, ...]] | None:
        """A launcher of the op for these layouts, or None where the server refuses; see
        ``prepared_kernels``.
        """
        connection = self.connections[index]
        if connection.greeting.get("ops", {}).get(op) != OPS[op].schema:
            return None
        launcher = Launcher(connection, next(connection.numbers), op)
        request = {
            "do": "prepare",
            "plan": launcher.number,
            "op": op,
            "outs": [encoded_layout(layout) for layout in outs],
            "ins": [encoded_layout(layout) for layout in ins],
            "attrs": {name: encoded(value) for name, value in attrs.items()},
        }
        return None if "refused" in connection.ask(op, request) else (launcher, ())
