"""Devices over a socket: ops, errors that come later, connections that break, and the server's command."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from remote_server import Process

import tensorplug as tp
from tensorplug_dispatcher import errors

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
