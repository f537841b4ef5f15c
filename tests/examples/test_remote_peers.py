"""Devices over a socket, whose peers mean no good."""

from __future__ import annotations

import json
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from remote_server import TOKEN, Process

import tensorplug as tp

HEAD = struct.Struct("!4sIQ")


class Peer:
    """A client that speaks the protocol by hand."""

    def __init__(self, server: Any, proven: bool = True) -> None:
        self.socket = socket.create_connection(server.socket.getsockname())
        self.socket.settimeout(20)
        self.nonce = self.receive()["nonce"]
        if proven:
            self.prove()
            assert "ops" in self.receive()

    def prove(self) -> None:
        from tensorplug_remote.wire import proof

        self.send({"nonce": "mine", "proof": proof(TOKEN, "client", (self.nonce, "mine"))})

    def send(self, header: Any, payload: bytes = b"") -> None:
        text = header if isinstance(header, bytes) else json.dumps(header).encode()
        self.socket.sendall(HEAD.pack(b"TPR1", len(text), len(payload)) + text + payload)

    def receive(self) -> dict[str, Any]:
        magic, header, payload = HEAD.unpack(self.exactly(HEAD.size))
        assert magic == b"TPR1"
        found: dict[str, Any] = json.loads(self.exactly(header))
        self.exactly(payload)
        return found

    def exactly(self, count: int) -> bytes:
        found = b""
        while len(found) < count:
            piece = self.socket.recv(count - len(found))
            assert piece, "closed"
            found += piece
        return found

    def closed(self) -> bool:
        """Whether the server has closed the connection; waits for that."""
        try:
            return self.socket.recv(1) == b""
        except ConnectionResetError:
            return True


@pytest.fixture
def quick(examples: None) -> Iterator[Any]:
    """A server in this process that has little patience; at the end it still serves a client as it should."""
    from tensorplug_remote.server import Server

    made = Server(("127.0.0.1", 0), tp.device("cpu"), TOKEN, greeting=1.5, frame=0.5, connections=4)
    made.log = lambda *_: None  # type: ignore[method-assign]
    thread = threading.Thread(target=made.serve, daemon=True)
    thread.start()
    other = Peer(made)  # is there all the while
    other.send({"do": "allocate", "buffer": 1, "nbytes": 8})
    assert other.receive() == {}
    yield made
    other.send({"do": "download", "buffer": 1, "nbytes": 8})
    assert other.receive() == {} and other.receive() == {"do": "piece"}
    other.socket.close()
    made.close()
    thread.join(5)
    assert not thread.is_alive()


def refusal(peer: Peer) -> tuple[str, str]:
    found = peer.receive()
    assert peer.closed()
    return found["kind"], found["refused"]


def test_without_the_token_nothing_is_told(quick: Any) -> None:
    peer = Peer(quick, proven=False)
    peer.send({"nonce": "mine", "proof": "0" * 64})
    assert refusal(peer) == ("TokenError", "the token is not the one that this server was started with")
    peer = Peer(quick, proven=False)
    peer.send({"do": "allocate", "buffer": 1, "nbytes": 8})
    assert refusal(peer)[0] == "TokenError"


def test_a_proof_cannot_be_used_twice(quick: Any) -> None:
    from tensorplug_remote.wire import proof

    first = Peer(quick, proven=False)
    heard = {"nonce": "mine", "proof": proof(TOKEN, "client", (first.nonce, "mine"))}
    second = Peer(quick, proven=False)
    second.send(heard)
    assert refusal(second)[0] == "TokenError"


@pytest.mark.parametrize(
    ("proven", "head", "text"),
    [
        (False, (b"TPR1", 4097, 0), "a header of 4097 bytes; the limit here is 4096"),
        (False, (b"TPR1", 10, 1), "a payload of 1 bytes; the limit here is 0"),
        (True, (b"TPR1", (1 << 20) + 1, 0), "a header of 1048577 bytes; the limit here is 1048576"),
        (True, (b"TPR1", 2, (1 << 24) + 1), "a payload of 16777217 bytes; the limit here is 16777216"),
        (True, (b"TPR1", 2, 1 << 63), f"a payload of {1 << 63} bytes; the limit here is 16777216"),
        (True, (b"GET ", 2, 0), "a frame begins with b'GET ', not with b'TPR1'"),
    ],
)
def test_frames_over_the_limits_are_refused_unread(
    quick: Any, proven: bool, head: tuple[Any, ...], text: str
) -> None:
    peer = Peer(quick, proven)
    peer.socket.sendall(HEAD.pack(*head))
    assert refusal(peer) == ("FrameError", text)


@pytest.mark.parametrize(
    ("header", "text"),
    [
        (b"{", "a header that is not JSON: JSONDecodeError"),
        (b"\xff\xff", "a header that is not JSON: UnicodeDecodeError"),
        (b"[" * 100_000, "a header that is not JSON: RecursionError"),
        (b"[1]", "a header that is a list, not an object"),
        (b'{"do": "exec"}', "'exec' is no request, or has a payload that it must not have"),
        ({"do": "allocate", "buffer": -1, "nbytes": 8},
         "a request has buffer -1, which is no whole number of the range"),
        ({"do": "allocate", "buffer": 1, "nbytes": "8"},
         "a request has nbytes 8, which is no whole number of the range"),
        ({"do": "download", "buffer": 1, "nbytes": 8}, "a request names the buffer 1, which there is not"),
        ({"do": "launch", "plan": 3}, "a launch names the plan 3, which there is not"),
        ({"do": "synchronize", "free": [[]]}, "[[]] is no list of numbers to free"),
        ({"do": "prepare", "plan": 1, "op": "to_device"}, "'to_device' is no op that a server runs"),
        ({"do": "prepare", "plan": 1, "op": "neg", "outs": [[[2], [1], "quad"]], "ins": [None], "attrs": {}},
         "[[2], [1], 'quad'] is no layout"),
        ({"do": "prepare", "plan": 1, "op": "neg", "outs": [[[-2], [1], "int8"]], "ins": [None], "attrs": {}},
         "[[-2], [1], 'int8'] is no layout"),
    ],
)  # fmt: skip
def test_requests_that_make_no_sense_are_refused(quick: Any, header: Any, text: str) -> None:
    peer = Peer(quick)
    peer.send(header)
    assert refusal(peer) == ("FrameError", text)


@pytest.mark.parametrize(
    ("layout", "offset"),
    [([[3], [1]], 0), ([[2], [1]], 1), ([[2], [-1]], 0), ([[2], [1 << 40]], 0), ([[1], [1]], -1)],
)
def test_no_launch_reaches_beyond_a_buffer(quick: Any, layout: list[Any], offset: int) -> None:
    peer = Peer(quick)
    peer.send({"do": "allocate", "buffer": 1, "nbytes": 8})
    assert peer.receive() == {}
    whole = [*layout, "float32"]
    peer.send({"do": "prepare", "plan": 2, "op": "neg", "outs": [whole], "ins": [whole], "attrs": {}})
    assert peer.receive() == {}
    peer.send({"do": "launch", "plan": 2, "operands": [1, 1], "offsets": [offset, offset], "values": []})
    kind, text = refusal(peer)
    assert kind == "FrameError" and text.endswith("of float32 in a buffer of 8 bytes")


def test_buffers_are_the_clients_own(quick: Any) -> None:
    """The other client has a buffer 1; this one has not."""
    peer = Peer(quick)
    peer.send({"do": "download", "buffer": 1, "nbytes": 8})
    assert refusal(peer)[1] == "a request names the buffer 1, which there is not"


@pytest.mark.parametrize(
    ("proven", "bytes_"),
    [
        (False, b""),
        (False, b"T"),
        (True, HEAD.pack(b"TPR1", 20, 0)),
        (True, HEAD.pack(b"TPR1", 20, 0) + b'{"do":'),
        (True, b"TP"),
    ],
)
def test_who_is_silent_in_the_midst_of_something_is_dropped(quick: Any, proven: bool, bytes_: bytes) -> None:
    peer = Peer(quick, proven)
    peer.socket.sendall(bytes_)
    assert peer.closed()


def test_who_drips_is_dropped_too(quick: Any) -> None:
    """A byte now and then does not stretch the time that a frame may take."""
    peer = Peer(quick)
    frame = HEAD.pack(b"TPR1", 200, 0) + b" " * 200
    began = time.monotonic()
    with pytest.raises(OSError):
        for byte in frame:
            peer.socket.sendall(bytes([byte]))
            time.sleep(0.05)
    assert time.monotonic() - began < 8  # of the 11 that it would have taken


def test_who_closes_in_the_midst_of_a_frame_harms_nobody(quick: Any) -> None:
    peer = Peer(quick)
    peer.socket.sendall(HEAD.pack(b"TPR1", 20, 0) + b"{")
    peer.socket.close()
    peer = Peer(quick)
    peer.send({"do": "allocate", "buffer": 1, "nbytes": 1 << 20})
    assert peer.receive() == {}
    peer.send({"do": "upload", "buffer": 1, "nbytes": 1 << 20})
    peer.socket.close()


def test_there_is_a_limit_to_connections(quick: Any) -> None:
    held = [Peer(quick) for _ in range(3)]
    peer = Peer(quick, proven=False)
    peer.prove()
    assert refusal(peer) == (
        "FullError",
        "the server is full (4 of 4 sessions); try again when one has ended, or start it with more "
        "--connections",
    )
    held.pop().socket.close()
    for _ in range(100):
        try:
            Peer(quick).socket.close()
            return
        except (AssertionError, ConnectionError):
            time.sleep(0.05)
    raise AssertionError("a place that became free is not given to anybody")


def test_a_full_server_says_so_to_the_client(
    configured: Callable[..., None], tmp_path: Path, child_environment: dict[str, str]
) -> None:
    process = Process(tmp_path, child_environment, "--port", "0", "--connections", "1")
    try:
        configured(process.address)
        x = tp.ones(3, device="remote")
        with pytest.raises(tp.DeviceError) as raised:
            tp.devices.reload("remote")
        text = f"{process.address} takes nobody now: the server is full (1 of 1 sessions)"
        assert text in str(raised.value)
        assert (x + 1).tolist() == [2.0, 2.0, 2.0], "the session that there is goes on"
        tp.devices.unload("remote", move_to="cpu")
    finally:
        process.stop()


def test_who_says_nothing_keeps_nobody_out(quick: Any) -> None:
    """Many more connections than there are sessions, before anybody's time is up."""
    quick.greeting = 60.0
    silent = [Peer(quick, proven=False) for _ in range(200)]
    for _ in range(3):
        peer = Peer(quick)
        peer.send({"do": "synchronize"})
        assert peer.receive() == {}
        peer.socket.close()
    assert len(quick.pending) <= quick.strangers
    assert silent[0].closed(), "the oldest is dropped first"
    silent[-1].prove()
    assert "ops" in silent[-1].receive(), "the newest are still there"
    for one in silent:
        one.socket.close()


def test_who_drips_through_the_greeting_is_dropped(quick: Any) -> None:
    """The time that a client may take to show the token is one for all that it sends."""
    peer = Peer(quick, proven=False)
    began = time.monotonic()
    with pytest.raises(OSError):
        for byte in HEAD.pack(b"TPR1", 200, 0) + b" " * 200:
            peer.socket.sendall(bytes([byte]))
            time.sleep(0.05)
    assert time.monotonic() - began < 8  # of the 11 that it would have taken


def test_who_does_not_read_is_dropped(quick: Any) -> None:
    peer = Peer(quick)
    peer.send({"do": "allocate", "buffer": 1, "nbytes": 1 << 26})
    assert peer.receive() == {}
    peer.send({"do": "download", "buffer": 1, "nbytes": 1 << 26})
    for _ in range(200):
        if len(quick.sessions) == 1:  # the other client's
            return
        time.sleep(0.05)
    raise AssertionError("a client that takes nothing keeps its session")


def test_a_server_without_file_descriptors_goes_on(quick: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    real, failed = quick.socket, threading.Event()

    class Socket:
        def accept(self) -> Any:
            if not failed.is_set():
                failed.set()
                raise OSError(24, "Too many open files")
            return real.accept()

        def __getattr__(self, name: str) -> Any:
            return getattr(real, name)

    quick.socket = Socket()
    Peer(quick).socket.close()  # the call of accept() that goes on
    assert failed.wait(10)
    Peer(quick).socket.close()


def test_the_client_takes_no_more_than_was_asked_for(
    configured: Callable[..., None], remote: str, server: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    x = tp.ones(4, device=remote)
    tp.devices.synchronize(remote)
    connection = tp.device(remote).runtime.runtime.connections[0]
    connection.channel.max_payload = 8  # less than the 16 bytes of x
    with pytest.raises(tp.DeviceLostError, match="a payload of 16 bytes; the limit here is 8"):
        x.tolist()
