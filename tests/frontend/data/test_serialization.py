"""Files: what goes in comes out, nothing half-written stays, and damaged files say so. Needs no PyTorch."""

from __future__ import annotations

import io
import json
import math
import os
import pickle
from collections import OrderedDict
from pathlib import Path
from typing import Any

import pytest

import tensorplug as tp
from tensorplug import nn
from tensorplug.serialization import FileFormatError, UnsupportedObjectError

DTYPES = ("bool", "uint8", "int8", "int16", "int32", "int64", "float16", "bfloat16", "float32", "float64")


def same(a: Any, b: Any) -> bool:
    if isinstance(a, tp.Tensor):
        return (
            isinstance(b, tp.Tensor)
            and a.dtype == b.dtype
            and tuple(a.shape) == tuple(b.shape)
            and a.tolist() == b.tolist()
        )
    if isinstance(a, dict):
        return type(a) is type(b) and list(a) == list(b) and all(same(a[key], b[key]) for key in a)
    if isinstance(a, (list, tuple)):
        return type(a) is type(b) and len(a) == len(b) and all(map(same, a, b))
    return type(a) is type(b) and (a == b or a != a)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(), (3,), (2, 3), (0,), (2, 0, 1)])
def test_every_dtype(tmp_path: Path, dtype: str, shape: tuple[int, ...]) -> None:
    tensor = tp.arange(math.prod(shape)).reshape(shape).to(getattr(tp, dtype))
    tp.save(tensor, tmp_path / "x")
    assert same(tp.load(tmp_path / "x"), tensor)


def test_structures(tmp_path: Path) -> None:
    value = {
        "a": [tp.ones(2), (1, 2.5, None, True, "text")],
        "b": OrderedDict([(3, "x"), (None, -0.0), (1.5, [])]),
        "nested": {"a.b": tp.zeros(1), "a": {"b": tp.ones(1)}},
        "big": 2**70,
        "float": [math.inf, -math.inf, math.nan],
        "unicode": "ä\n\0",
        "dtype": tp.float32,
        "empty": {},
        "kind": {"kind": "tensor"},
    }
    tp.save(value, tmp_path / "x")
    assert same(tp.load(tmp_path / "x"), value)


def test_views_are_saved_by_value(tmp_path: Path) -> None:
    base = tp.arange(6).reshape(2, 3)
    tp.save([base.t(), base[:, 1], base[1].expand(2, 3)], tmp_path / "x")
    assert [t.tolist() for t in tp.load(tmp_path / "x")] == [
        [[0, 3], [1, 4], [2, 5]],
        [1, 4],
        [[3, 4, 5]] * 2,
    ]


def test_tensors_that_occur_twice_are_written_once(tmp_path: Path) -> None:
    tied = nn.Sequential(nn.Linear(50, 50, bias=False), nn.Linear(50, 50, bias=False))
    tied[1].weight = tied[0].weight
    tp.save(tied.state_dict(), tmp_path / "x")
    assert os.path.getsize(tmp_path / "x") < 50 * 50 * 4 + 1000
    loaded = tp.load(tmp_path / "x")
    assert (
        list(loaded) == ["0.weight", "1.weight"]
        and loaded["0.weight"].tolist() == loaded["1.weight"].tolist()
    )


def test_models_and_optimizers_go_on(tmp_path: Path) -> None:
    def build() -> tuple[nn.Module, Any]:
        model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.ReLU(), nn.Linear(4, 1))
        return model, tp.optim.Adam(model.parameters(), lr=0.1)

    def train(model: nn.Module, optimizer: Any) -> None:
        optimizer.zero_grad()
        model(tp.arange(6.0).reshape(2, 3)).square().mean().backward()
        optimizer.step()

    model, optimizer = build()
    train(model, optimizer)
    tp.save(
        {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "epoch": 3},
        tmp_path / "checkpoint",
    )
    other_model, other_optimizer = build()
    checkpoint = tp.load(tmp_path / "checkpoint")
    other_model.load_state_dict(checkpoint["model"])
    other_optimizer.load_state_dict(checkpoint["optimizer"])
    assert checkpoint["epoch"] == 3 and checkpoint["model"]._metadata["1"]["version"] == 2
    train(model, optimizer)
    train(other_model, other_optimizer)
    assert same(dict(model.state_dict()), dict(other_model.state_dict()))


def test_parameters_come_back_as_parameters(tmp_path: Path) -> None:
    tp.save([nn.Parameter(tp.ones(1)), tp.ones(1, requires_grad=True)], tmp_path / "x")
    param, leaf = tp.load(tmp_path / "x")
    assert isinstance(param, nn.Parameter) and param.requires_grad
    assert not isinstance(leaf, nn.Parameter) and leaf.requires_grad and leaf.is_leaf


def test_binary_files_and_map_location() -> None:
    file = io.BytesIO()
    tp.save({"a": tp.ones(3)}, file)
    file.seek(0)
    assert tp.load(file, map_location="cpu")["a"].tolist() == [1, 1, 1]


def test_it_is_a_safetensors_file(tmp_path: Path) -> None:
    safetensors = pytest.importorskip("safetensors")
    value = {"w": tp.arange(4.0).reshape(2, 2), "b": tp.tensor([True]), "h": tp.ones(3).to(tp.bfloat16)}
    tp.save(value, tmp_path / "x")
    found = dict(safetensors.deserialize((tmp_path / "x").read_bytes()))
    assert {name: (entry["dtype"], list(entry["shape"])) for name, entry in found.items()} == {
        "w": ("F32", [2, 2]),
        "b": ("BOOL", [1]),
        "h": ("BF16", [3]),
    }
    assert bytes(found["h"]["data"]) == b"\x80\x3f" * 3


def test_other_safetensors_files_load(tmp_path: Path) -> None:
    numpy = pytest.importorskip("numpy")
    save_file = pytest.importorskip("safetensors.numpy").save_file
    save_file(
        {"b": numpy.arange(3), "a": numpy.ones((2, 1), "float32")}, tmp_path / "x", metadata={"format": "np"}
    )
    loaded = tp.load(tmp_path / "x")
    assert (
        set(loaded) == {"a", "b"} and loaded["b"].tolist() == [0, 1, 2] and loaded["a"].tolist() == [[1], [1]]
    )


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"a": [1, object()]}, "cannot save obj['a'][1] of type builtins.object"),
        (nn.ReLU(), "save state_dict() rather than the object itself"),
        (
            {"a": {(1, 2): 3}},
            "cannot save the key (1, 2) of obj['a']: keys are strings, numbers or None, not tuple",
        ),
        ({1, 2}, "cannot save obj of type builtins.set"),
    ],
)
def test_what_cannot_be_saved(tmp_path: Path, value: Any, text: str) -> None:
    with pytest.raises(UnsupportedObjectError) as caught:
        tp.save(value, tmp_path / "x")
    assert text in str(caught.value) and isinstance(caught.value, TypeError)
    assert not list(tmp_path.iterdir())


def test_a_failed_write_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tp.save({"a": 1}, tmp_path / "x")

    def full(*args: Any) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="no space left"):
        tp.save({"a": 2}, tmp_path / "x")
    monkeypatch.undo()
    assert tp.load(tmp_path / "x") == {"a": 1} and [p.name for p in tmp_path.iterdir()] == ["x"]


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    tp.save({"weight": tp.arange(10.0), "epoch": 1}, tmp_path / "x")
    return tmp_path / "x"


def test_every_truncation_is_seen(saved: Path) -> None:
    whole = saved.read_bytes()
    for size in range(len(whole)):
        saved.write_bytes(whole[:size])
        with pytest.raises(FileFormatError) as caught:
            tp.load(saved)
        assert str(saved) in str(caught.value) and caught.value.path == str(saved)


def test_every_flipped_byte_of_the_data_is_seen(saved: Path) -> None:
    whole = saved.read_bytes()
    for place in range(len(whole) - 40, len(whole)):
        saved.write_bytes(whole[:place] + bytes([whole[place] ^ 0x10]) + whole[place + 1 :])
        with pytest.raises(FileFormatError, match="it is damaged: the tensors' CRC-32 is"):
            tp.load(saved)


def test_a_damaged_header_never_crashes(saved: Path) -> None:
    whole = saved.read_bytes()
    length = int.from_bytes(whole[:8], "little")
    for place in range(8 + length):
        saved.write_bytes(whole[:place] + bytes([whole[place] ^ 0x01]) + whole[place + 1 :])
        try:
            tp.load(saved)
        except FileFormatError as error:
            assert str(saved) in str(error)


def with_header(path: Path, header: Any, data: bytes = b"") -> Path:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + data)
    return path


def entry(dtype: Any = "F32", shape: Any = (1,), offsets: Any = (0, 4)) -> dict[str, Any]:
    return {"dtype": dtype, "shape": list(shape), "data_offsets": list(offsets)}


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "it has only 0 bytes, too few for a safetensors header"),
        (b"\xff" * 20, "it is no safetensors file: the header's length would be 18446744073709551615 bytes"),
        (
            pickle.dumps({"a": list(range(100))}),
            "it is a pickle or a zip archive, as torch.save writes, which can run code",
        ),
        (
            b"PK\x03\x04" + b"\x14" * 40,
            "it is a pickle or a zip archive, as torch.save writes, which can run code",
        ),
        (b"\x20" + b"\0" * 7 + b"{", "it is truncated: the header has 32 bytes, the file 9"),
    ],
)
def test_foreign_files(tmp_path: Path, content: bytes, reason: str) -> None:
    (tmp_path / "x").write_bytes(content)
    with pytest.raises(FileFormatError) as caught:
        tp.load(tmp_path / "x")
    assert caught.value.reason == reason
    assert str(caught.value).startswith(f"cannot load '{tmp_path / 'x'}': {reason}; ")


@pytest.mark.parametrize(
    ("header", "data", "reason"),
    [
        (b"not json", b"", "its header is no JSON"),
        (b"[1]", b"", "its header is a list, not a dict"),
        ({"__metadata__": 3}, b"", "its metadata are damaged"),
        ({"a": 3}, b"", "the entry of tensor 'a' is damaged"),
        ({"a": {"dtype": "F32"}}, b"", "the entry of tensor 'a' is damaged (KeyError('shape'))"),
        ({"a": entry("F8_E4M3")}, b"1234", "needs 1 bytes, but its place has 4"),
        ({"a": entry("U32", shape=(2,))}, b"1234", "needs 8 bytes, but its place has 4"),
        ({"a": entry(["F32"])}, b"1234", "the entry of tensor 'a' is damaged: its dtype is ['F32']"),
        ({"a": entry(shape=(-1,))}, b"1234", "tensor 'a' has shape [-1] and place 0 to 4"),
        ({"a": entry(shape=(2,))}, b"1234", "needs 8 bytes, but its place has 4"),
        ({"a": entry(offsets=(4, 8))}, b"12345678", "tensor 'a' starts at byte 4, the one before ends at 0"),
        (
            {"a": entry(), "b": entry(offsets=(2, 6))},
            b"123456",
            "tensor 'b' starts at byte 2, the one before ends at 4",
        ),
        ({"a": entry()}, b"12345", "it is too long: the tensors have 4 bytes, the file has 5 for them"),
        ({"a": entry()}, b"123", "it is truncated: the tensors have 4 bytes, the file has 3 for them"),
        (
            {"__metadata__": {"format": "tensorplug", "version": "9", "structure": "1"}},
            b"",
            "its format version is '9'",
        ),
        (
            {"__metadata__": {"format": "tensorplug", "version": "1", "structure": "{"}},
            b"",
            "its structure is damaged",
        ),
        (
            {
                "__metadata__": {
                    "format": "tensorplug",
                    "version": "1",
                    "structure": '{"kind": "tensor", "name": "q"}',
                }
            },
            b"",
            "its structure is damaged (KeyError: 'q')",
        ),
    ],
)
def test_damaged_headers(tmp_path: Path, header: Any, data: bytes, reason: str) -> None:
    with pytest.raises(FileFormatError) as caught:
        tp.load(with_header(tmp_path / "x", header, data))
    assert reason in str(caught.value)


def test_a_missing_file_is_missing(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        tp.load(tmp_path / "none")


def test_a_link_stays_a_link_and_permissions_stay(tmp_path: Path) -> None:
    target, link = tmp_path / "real", tmp_path / "link"
    tp.save(tp.zeros(1), target)
    target.chmod(0o640)
    link.symlink_to(target.name)
    tp.save(tp.ones(1), link)
    assert link.is_symlink() and target.stat().st_mode & 0o777 == 0o640
    assert tp.load(target).tolist() == [1.0] and sorted(os.listdir(tmp_path)) == ["link", "real"]


def test_leftovers_of_the_dead_are_removed(tmp_path: Path) -> None:
    import subprocess
    import sys

    from tensorplug.serialization import _part

    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    path = str(tmp_path / "x[1]")
    dead, alive = _part(path, ended.pid, "00000000"), _part(path, os.getpid(), "00000001")
    other = f"{path}.00000000-{ended.pid}.00000002.part"
    for name in (dead, alive, other):
        Path(name).write_bytes(b"half")
    tp.save(tp.ones(1), path)
    assert sorted(os.listdir(tmp_path)) == sorted(os.path.basename(p) for p in (path, alive, other))


def test_a_save_that_is_killed(tmp_path: Path) -> None:
    import subprocess
    import sys

    path = tmp_path / "x"
    tp.save(tp.zeros(1), path)
    code = (
        "import os, signal, sys, tensorplug as tp, tensorplug.serialization as s\n"
        "s._header = lambda *a: os.kill(os.getpid(), signal.SIGKILL)\n"
        f"tp.save(tp.ones(1), {str(path)!r})"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == -9
    assert len(os.listdir(tmp_path)) == 2 and tp.load(path).tolist() == [0.0]
    tp.save(tp.ones(1), path)
    assert os.listdir(tmp_path) == ["x"] and tp.load(path).tolist() == [1.0]


def of_header(header: bytes) -> io.BytesIO:
    return io.BytesIO(len(header).to_bytes(8, "little") + header)


@pytest.mark.parametrize("where", ["header", "structure"])
def test_deep_nesting_in_a_file(where: str) -> None:
    deep = "[" * 100_000 + "]" * 100_000
    if where == "structure":
        deep = json.dumps({"__metadata__": {"format": "tensorplug", "version": "1", "structure": deep}})
    with pytest.raises(FileFormatError, match="recursion"):
        tp.load(of_header(deep.encode()))


def test_an_object_that_holds_itself() -> None:
    own: list[Any] = []
    own.append(own)
    with pytest.raises(UnsupportedObjectError, match="holds itself"):
        tp.save(own, io.BytesIO())


@pytest.mark.parametrize("name", ["load", "nn", "Tensor", "__name__", 3, None, ["float32"]])
def test_a_dtype_is_looked_up_among_dtypes(name: Any) -> None:
    structure = json.dumps({"kind": "dtype", "name": name})
    header = {"__metadata__": {"format": "tensorplug", "version": "1", "structure": structure}}
    with pytest.raises(FileFormatError, match="its structure is damaged"):
        tp.load(of_header(json.dumps(header).encode()))
