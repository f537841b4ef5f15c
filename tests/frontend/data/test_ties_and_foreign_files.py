"""What files keep of memory that tensors share, and files with dtypes that do not exist here."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import tensorplug as tp
from tensorplug import nn
from tensorplug.serialization import FileFormatError, UnsupportedTensorError


def alike(a: Any, b: Any) -> bool:
    return a.dtype == b.dtype and a.shape == b.shape and repr(a.tolist()) == repr(b.tolist())


@pytest.mark.parametrize("device", ["cpu", "mirror:0"])
def test_ties_survive_on_every_device(tmp_path: Path, device: str) -> None:
    weight = tp.arange(1000.0, device=device)
    other = tp.arange(1000.0, device=device)
    tp.save({"a": weight, "same": weight, "alias": weight.view(1000), "other": other}, tmp_path / "x")
    assert 8000 < (tmp_path / "x").stat().st_size < 9000
    loaded = tp.load(tmp_path / "x", map_location=device)
    loaded["a"][0] = 7
    assert loaded["same"][0] == 7 and loaded["alias"][0] == 7 and loaded["other"][0] == 0


@pytest.mark.parametrize("device", ["cpu", "mirror:0"])
def test_a_view_stays_one_of_its_base(tmp_path: Path, device: str) -> None:
    memory = tp.arange(20.0, device=device)
    base = memory[4:16].view(3, 4)
    part = nn.Parameter(base[1:, ::2])
    saved = {"row": base[1], "turned": base.t(), "base": base, "part": part, "bits": memory}
    for kept in (saved, {name: tensor for name, tensor in saved.items() if name != "bits"}):
        tp.save(kept, tmp_path / "x")
        loaded = tp.load(tmp_path / "x", map_location=device)
        assert all(alike(loaded[name].detach(), kept[name].detach()) for name in kept)
        assert isinstance(loaded["part"], nn.Parameter) and loaded["turned"].stride() == (1, 4)
        loaded["base"][1, 2] = -1
        assert loaded["row"][2] == -1 and loaded["turned"][2, 1] == -1 and loaded["part"][0, 1] == -1
        assert "bits" not in kept or loaded["bits"][10] == -1


def test_files_without_views_can_be_read_by_older_readers(tmp_path: Path) -> None:
    base = tp.arange(8.0)
    for value, version in (({"a": base, "same": base}, "1"), ({"a": base, "view": base[2:4]}, "2")):
        tp.save(value, tmp_path / "x")
        assert f'"version":"{version}"'.encode() in (tmp_path / "x").read_bytes()


def test_views_of_damaged_files_stay_within_their_base(tmp_path: Path) -> None:
    base = tp.arange(8.0)
    tp.save({"base": base, "view": base[2:4]}, tmp_path / "x")
    data = (tmp_path / "x").read_bytes()
    changes = ((b'offset\\": 2', b'offset\\": 9'), (b'stride\\": [1]', b'stride\\": [7]'))
    for old, new in changes:
        assert data.count(old) == 1
        (tmp_path / "y").write_bytes(data.replace(old, new))
        with pytest.raises(FileFormatError, match="its structure is damaged"):
            tp.load(tmp_path / "y")


@pytest.mark.parametrize("dtype", [tp.float8_e4m3fn, tp.float8_e5m2])
def test_floats_of_eight_bits_are_plain_tensors_of_the_file(tmp_path: Path, dtype: Any) -> None:
    value = tp.tensor([[1.5, -2.0], [0.25, 448.0]], dtype=dtype)
    tp.save({"w": value, "row": value[1], "half": tp.ones(2).half().to(dtype)}, tmp_path / "x")
    loaded = tp.load(tmp_path / "x")
    assert alike(loaded["w"], value) and alike(loaded["row"], value[1]) and loaded["half"].dtype is dtype
    assert loaded["half"].dequantize().dtype is tp.float16
    code = "F8_E4M3" if dtype is tp.float8_e4m3fn else "F8_E5M2"
    assert f'"w":{{"dtype":"{code}"'.encode() in (tmp_path / "x").read_bytes()


def test_what_has_no_dtype_here_is_named_when_asked_for(tmp_path: Path) -> None:
    kinds = [
        ("U32", [2], 8),
        ("F32", [1], 4),
        ("C64", [1], 8),
        ("F4", [4], 2),
        ("F8_E4M3", [2], 2),
        ("NEW", [3], 7),
    ]
    places: dict[str, Any] = {}
    end = 0
    for name, (code, shape, size) in zip("abcdef", kinds, strict=True):
        places[name] = {"dtype": code, "shape": shape, "data_offsets": [end, end + size]}
        end += size
    text = json.dumps(places).encode()
    data = bytes(8) + b"\0\0\x80?" + bytes(10) + b"8<" + bytes(7)
    (tmp_path / "x").write_bytes(len(text).to_bytes(8, "little") + text + data)
    loaded = tp.load(tmp_path / "x")
    assert list(loaded) == ["b", "e"] and loaded["b"].tolist() == [1] and loaded["e"].tolist() == [1, 1.5]
    assert loaded.unsupported == {"a": ("U32", [2]), "c": ("C64", [1]), "d": ("F4", [4]), "f": ("NEW", [3])}
    with pytest.raises(UnsupportedTensorError, match="tensor 'a' of .* has dtype U32"):
        loaded["a"]
    with pytest.raises(KeyError):
        loaded["absent"]


def test_files_of_the_safetensors_package(tmp_path: Path) -> None:
    numpy = pytest.importorskip("safetensors.numpy")
    np = pytest.importorskip("numpy")
    kinds = ("uint16", "uint32", "uint64", "float32", "int8")
    numpy.save_file({kind: np.arange(4, dtype=kind) for kind in kinds}, tmp_path / "x")
    loaded = tp.load(tmp_path / "x")
    assert sorted(loaded) == ["float32", "int8"]
    assert sorted(loaded.unsupported) == ["uint16", "uint32", "uint64"]
    tp.save({"w": tp.arange(4.0), "b": tp.tensor([1, 2])}, tmp_path / "y")
    assert numpy.load_file(tmp_path / "y")["w"].tolist() == [0, 1, 2, 3]


@pytest.mark.oracle
@pytest.mark.parametrize("name", ["float8_e4m3fn", "float8_e5m2"])
def test_checkpoints_of_pytorch_in_eight_bits(tmp_path: Path, name: str) -> None:
    torch = pytest.importorskip("torch")
    files = pytest.importorskip("safetensors.torch")
    theirs = torch.tensor([1.5, -0.001, 400.0, 0.0, float("nan")]).to(getattr(torch, name))
    files.save_file({"w": theirs}, tmp_path / "x")
    mine = tp.load(tmp_path / "x")["w"]
    assert mine.dtype is getattr(tp, name) and repr(mine.tolist()) == repr(theirs.tolist())
    tp.save({"w": mine}, tmp_path / "y")
    back = files.load_file(tmp_path / "y")["w"]
    assert back.dtype is theirs.dtype
    assert back.view(torch.uint8).tolist() == theirs.view(torch.uint8).tolist()
