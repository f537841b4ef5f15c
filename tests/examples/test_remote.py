"""Devices over a socket: ops, errors that come later, connections that break, and peers that mean no good."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import tensorplug as tp
from tensorplug_dispatcher import errors

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


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, child_environment: dict[str, str]) -> Iterator[Process]:
    made = Process(tmp_path_factory.mktemp("server"), child_environment)
    yield made
    made.stop()
    assert made.process.returncode == 0


@pytest.fixture
def configured(examples: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """A function that names servers to the plugin, which is unloaded at the end."""
    for name in [name for name in os.environ if name.startswith("TENSORPLUG_REMOTE")]:
        monkeypatch.delenv(name)

    def configure(*addresses: str, token: str = TOKEN, **more: str) -> None:
        monkeypatch.setenv("TENSORPLUG_REMOTE", ", ".join(addresses))
        monkeypatch.setenv("TENSORPLUG_REMOTE_TOKEN", token)
        for name, value in more.items():
            monkeypatch.setenv(f"TENSORPLUG_REMOTE_{name.upper()}", value)

    yield configure
    tp.devices.unload("remote", move_to="cpu")


@pytest.fixture
def remote(configured: Callable[..., None], server: Process) -> str:
    configured(server.address)
    return "remote:0"


# -- what it does --------------------------------------------------------------------------------------------


def trained(device: str) -> list[float]:
    tp.manual_seed(0)
    model = tp.nn.Sequential(tp.nn.Linear(8, 16), tp.nn.LayerNorm(16), tp.nn.GELU(), tp.nn.Linear(16, 3))
    model.to(device)
    optimizer = tp.optim.AdamW(model.parameters(), lr=0.05)
    x, target = tp.randn(32, 8, device=device), tp.randint(0, 3, (32,), device=device)
    losses = []
    for _ in range(5):
        optimizer.zero_grad()
        loss = tp.nn.functional.cross_entropy(model(x), target)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def test_training_over_there_is_training_here(remote: str) -> None:
    tp.devices.reset_report()
    there = trained(remote)
    paths = {path for _, kind, path, _, _ in tp.devices.report() if kind == "remote"}
    assert there == pytest.approx(trained("cpu"), rel=1e-5)
    assert paths <= {"native", "view", "transfer"}


def test_every_op_of_the_table_is_native(remote: str) -> None:
    from tensorplug_dispatcher import OPS, kernels

    tp.device(remote)
    assert set(kernels.native_ops("remote")) == {
        op.name for op in OPS.values() if not op.is_view and op.name != "to_device"
    }


def test_the_table_of_devices_says_what_is_there(remote: str, server: Process) -> None:
    (record,) = tp.devices.load("remote")
    assert record.name == remote and record.title == "host processor (cpu)"
    assert record.details.startswith(f"at {server.address}; ") and record.memory > 0
    assert tp.devices.memory(remote)["total"] == record.memory
    assert tp.devices.health(remote)


def test_launches_are_sent_without_waiting(remote: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def chain() -> Any:
        y = tp.ones(5, device=remote)
        for _ in range(50):
            y = (y + y) * 0.5 + 1
        return y

    chain()  # plans and memory are there now
    asked: list[str] = []
    kind = type(tp.device(remote).runtime.runtime.connections[0])
    ask = kind.ask
    monkeypatch.setattr(kind, "ask", lambda self, op, *rest: asked.append(op) or ask(self, op, *rest))
    y = chain()
    assert asked == []
    assert y.tolist() == [51.0] * 5
    assert asked == ["synchronize", "download"]


def test_an_error_comes_at_the_next_call_that_waits(remote: str) -> None:
    x, zero = tp.tensor([5, 6]).to(remote), tp.tensor([1, 0]).to(remote)
    one = tp.tensor([1, 2]).to(remote)
    assert (x // one).tolist() == [5, 3]
    x // zero  # no error yet: it is on its way
    with pytest.raises(ZeroDivisionError) as raised:
        tp.devices.synchronize(remote)
    assert str(raised.value).startswith("ZeroDivisionError: floor_divide divided an integer by zero")
    assert str(raised.value).endswith("which was known after the call had returned)")
    assert (x + 1).tolist() == [6, 7]


def test_a_kernel_that_is_missing_there_is_known_at_the_call(
    configured: Callable[..., None], tmp_path: Path, child_environment: dict[str, str]
) -> None:
    """The device minimal has no floor, and its host is not to be used."""
    process = Process(tmp_path, child_environment, "--device", "minimal", "--port", "0")
    try:
        configured(process.address)
        assert process.device == "minimal:0"
        x = tp.tensor([3.0, 1.0, 2.0]).to("remote")
        assert (x * 2 + x).tolist() == [9.0, 3.0, 6.0]
        with pytest.raises(tp.MissingKernelError, match=r"^floor\(\) cannot run on remote:0"):
            x.floor()
        with pytest.raises(tp.MissingKernelError, match=r"cannot run on minimal:0 .* on remote:0"):
            tp.softmax(x, 0)
        assert (x + x).tolist() == [6.0, 2.0, 4.0]
        with tp.devices.host_fallback("allow"):
            assert (x / 2).floor().tolist() == [1.0, 0.0, 1.0]
    finally:
        process.stop()


def test_two_servers_are_two_devices(
    configured: Callable[..., None], server: Process, tmp_path: Path, child_environment: dict[str, str]
) -> None:
    process = Process(tmp_path, child_environment, "--unix", str(tmp_path / "socket"))
    try:
        assert process.address == f"unix://{tmp_path}/socket"
        assert (tmp_path / "socket").stat().st_mode & 0o777 == 0o600
        configured(server.address, process.address)
        x = tp.arange(5, dtype=tp.float32, device="remote:0")
        y = x.to("remote:1")
        assert (y * 2).to("remote:0").tolist() == [0.0, 2.0, 4.0, 6.0, 8.0]
        with pytest.raises(tp.DeviceMismatchError):
            x + y
        del x, y
    finally:
        process.stop()


def test_memory_goes_back(remote: str) -> None:
    connection = tp.device(remote).runtime.runtime.connections[0]
    x = tp.zeros(1 << 18, device=remote)
    number = x.storage.handle.number
    del x
    tp.devices.empty_cache(remote)
    tp.devices.synchronize(remote)  # which takes along what was freed
    with pytest.raises(tp.DeviceLostError, match=f"names the buffer {number}, which there is not"):
        connection.ask(
            "download", {"do": "download", "buffer": number, "nbytes": 4}, memoryview(bytearray(4))
        )


def test_long_contents_come_in_pieces(remote: str) -> None:
    x = tp.arange(5_000_000, dtype=tp.float32)  # 20 MB, a frame holds 16
    y = x.to(remote)
    assert bool((y.cpu() == x).all())


# -- what goes wrong -----------------------------------------------------------------------------------------


def test_a_server_that_dies_loses_the_device_and_reload_connects_anew(
    configured: Callable[..., None], tmp_path: Path, child_environment: dict[str, str]
) -> None:
    process = Process(tmp_path, child_environment)
    configured(process.address)
    x = tp.ones(3, device="remote")
    process.process.send_signal(signal.SIGKILL)
    process.process.wait()
    with pytest.raises(tp.DeviceLostError) as raised:
        for _ in range(5):
            (x + 1).tolist()
    assert raised.value.device == "remote:0"
    assert process.address in str(raised.value) and "tensorplug.devices.reload('remote')" in str(raised.value)
    assert tp.devices.health("remote:0").state == "lost"
    assert tp.ones(2).tolist() == [1.0, 1.0]
    with pytest.raises(tp.DeviceLostError):
        x + 1
    port = process.address.rpartition(":")[2]
    again = Process(tmp_path, child_environment, "--port", port)
    try:
        tp.devices.reload("remote")
        assert tp.ones(3, device="remote").tolist() == [1.0] * 3
        with pytest.raises(tp.DeviceLostError):
            x.tolist()
    finally:
        again.stop()


def absent(text: str) -> None:
    with pytest.raises(errors.DeviceAbsentError) as raised:
        tp.device("remote")
    assert str(raised.value) == (
        f"device type 'remote' of tensorplug-remote 0.1.0 (entry point tensorplug_remote) is absent: {text}. "
        f"Once it is there, call tensorplug.devices.rescan()"
    )


def test_a_wrong_token_is_refused(configured: Callable[..., None], server: Process) -> None:
    configured(server.address, token="another token, as long as it")
    absent(
        f"{server.address} refused the token, or does not have it itself: give the file that it was started "
        f"with as TENSORPLUG_REMOTE_TOKEN_FILE"
    )
    tp.devices.rescan()
    configured(server.address)
    assert tp.ones(2, device="remote").tolist() == [1.0, 1.0]


def test_without_configuration_there_is_no_device(
    configured: Callable[..., None], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    absent(
        f"no server is configured: set TENSORPLUG_REMOTE to its address (tcp://HOST:PORT or unix:///PATH) "
        f"and TENSORPLUG_REMOTE_TOKEN_FILE, or list it in {tmp_path}/tensorplug/remote.toml; "
        f"'python -m tensorplug_remote.server --help' says how to start one"
    )
    assert [record.state for record in tp.devices.list() if record.type == "remote"] == ["absent"]


def test_a_file_lists_servers(
    configured: Callable[..., None], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, server: Process
) -> None:
    file = tmp_path / "tensorplug/remote.toml"
    file.parent.mkdir()
    entry = f'[[server]]\naddress = "{server.address}"\ntoken_file = "{server.token}"\n'
    file.write_text(f'[[server]]\naddress = "tcp://127.0.0.1:1"\ntoken_file = "{server.token}"\n' + entry)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    with pytest.warns(RuntimeWarning, match=r"left out: tcp://127\.0\.0\.1:1 cannot be reached"):
        assert [record.name for record in tp.devices.load("remote")] == ["remote:1"]
    assert tp.ones(2, device="remote:1").tolist() == [1.0, 1.0]


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"addresses": ["http://x:1"]}, "'http://x:1' is no address of a server; write tcp://HOST:PORT or "
                                        "unix:///PATH"),
        ({"token": "short"}, "TENSORPLUG_REMOTE_TOKEN has 5 characters; a token has at least 16"),
        ({"timeout": "soon"}, "TENSORPLUG_REMOTE_TIMEOUT is 'soon'; it is a positive number of seconds"),
        ({"token": ""}, "TENSORPLUG_REMOTE names servers and no token is given; set "
                        "TENSORPLUG_REMOTE_TOKEN_FILE to the file that the servers were started with"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_the_configuration_is_said(
    configured: Callable[..., None], settings: dict[str, Any], text: str
) -> None:
    configured(*settings.pop("addresses", ["tcp://127.0.0.1:1"]), **settings)
    absent(text)


@pytest.mark.parametrize("says", [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n" + b" " * 64])
def test_what_is_no_server_is_given_up(
    configured: Callable[..., None], monkeypatch: pytest.MonkeyPatch, says: bytes
) -> None:
    import tensorplug_remote.runtime

    monkeypatch.setattr(tensorplug_remote.runtime, "CONNECT_SECONDS", 0.3)
    listener = socket.create_server(("127.0.0.1", 0))
    held: list[socket.socket] = []

    def accept() -> None:
        held.append(listener.accept()[0])
        held[0].sendall(says)

    threading.Thread(target=accept, daemon=True).start()
    address = f"tcp://127.0.0.1:{listener.getsockname()[1]}"
    configured(address)
    reason = (
        "the other side said nothing for 0.3 s"
        if not says
        else "a frame begins with b'HTTP', not with b'TPR1'"
    )
    absent(f"{address} is no server that answers as one: {reason}")
    listener.close()


# -- peers that mean no good ---------------------------------------------------------------------------------

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


# -- the server's command ------------------------------------------------------------------------------------


def test_the_server_makes_a_token_that_only_its_owner_reads(
    tmp_path: Path, child_environment: dict[str, str]
) -> None:
    command = [sys.executable, "-m", "tensorplug_remote.server", "--port", "0", "--token-file", "token"]
    process = subprocess.Popen(
        command, env=child_environment, cwd=tmp_path, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None and process.stdout.readline().startswith(
        "serving cpu at tcp://127.0.0.1:"
    )
    process.terminate()
    process.communicate(timeout=30)
    assert (tmp_path / "token").stat().st_mode & 0o777 == 0o600
    assert len((tmp_path / "token").read_text().strip()) == 43


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--device", "remote:0"], "a server cannot serve a remote device; start it where the device is"),
        (["--device", "nosuch"], "no installed plugin offers device type 'nosuch'"),
        (["--unix", "no/such/folder/socket"], "No such file or directory"),
    ],
)
def test_a_server_that_cannot_start_says_why(
    tmp_path: Path, child_environment: dict[str, str], arguments: list[str], text: str
) -> None:
    command = [
        sys.executable,
        "-m",
        "tensorplug_remote.server",
        "--token-file",
        str(tmp_path / "t"),
        *arguments,
    ]
    done = subprocess.run(command, check=False, env=child_environment, capture_output=True, text=True)
    assert (
        done.returncode == 1 and done.stderr.startswith("tensorplug_remote.server: ") and text in done.stderr
    )


@pytest.mark.needs("conformance")
def test_it_conforms(server: Process, child_environment: dict[str, str], tmp_path: Path) -> None:
    environment = {
        **child_environment,
        "TENSORPLUG_REMOTE": server.address,
        "TENSORPLUG_REMOTE_TOKEN_FILE": str(server.token),
    }
    command = [
        sys.executable,
        "-m",
        "tensorplug",
        "conformance",
        "run",
        "remote:0",
        "--report",
        str(tmp_path),
    ]
    done = subprocess.run(
        [*command, "--workers", "2"], check=False, env=environment, capture_output=True, text=True
    )
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["summary"]["level"] in ("L3", "L4", "L5"), done.stdout
    assert report["summary"]["ops"]["fallback"] == report["summary"]["ops"]["decomposed"] == 0
