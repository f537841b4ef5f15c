"""Signatures say who ran a report: made with a key, checked with keys that the reader trusts."""

from __future__ import annotations

import copy
import gzip
import stat
import sys
from pathlib import Path
from typing import Any

import pytest

from tensorplug.__main__ import main
from tensorplug_conformance import report, signature
from tensorplug_conformance.cli import conformance
from tensorplug_dispatcher.errors import PluginError


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("signed")
    conformance("mirror:0", "smoke", ["S0"], workers=1, folder=folder)
    return folder


def test_without_the_library_it_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "cryptography.hazmat.primitives", None)
    with pytest.raises(PluginError) as caught:
        signature.keygen(tmp_path / "key", "somebody")
    assert str(caught.value) == (
        "the package cryptography, which signs reports, is not installed; pip install 'tensorplug[sign]'"
    )


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("cryptography")
    folder = tmp_path_factory.mktemp("keys")
    signature.keygen(folder / "mine", "Somebody of Acme")
    signature.keygen(folder / "other", "Somebody else")
    return folder


class TestSigned:
    def test_only_its_owner_reads_a_key(self, keys: Path) -> None:
        assert stat.S_IMODE((keys / "mine").stat().st_mode) == 0o600
        assert "PRIVATE" not in (keys / "mine.pub").read_text()
        with pytest.raises(PluginError, match="mine is there already"):
            signature.keygen(keys / "mine", "again")

    def test_the_command(self, keys: Path, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        path = str(folder / "report.json")
        assert main(["conformance", "sign", path, "--key", str(keys / "mine")]) == 0
        assert main(["conformance", "verify", path, "--trusted", str(keys / "mine.pub")]) == 0
        assert capsys.readouterr().out.endswith("run by Somebody of Acme, who signed it\n")
        assert main(["conformance", "verify", path, "--trusted", str(keys / "other.pub")]) == 1
        assert "none of those in" in capsys.readouterr().err

    def test_a_packed_report_keeps_its_signature(self, keys: Path, folder: Path, tmp_path: Path) -> None:
        content = report.load(folder / "report.json")
        signed = signature.sign(content, keys / "mine", tmp_path / "sig")
        packed = tmp_path / "report.json.gz"
        packed.write_bytes(gzip.compress(report.as_json(content).encode()))
        both = tmp_path / "keys"
        both.write_text(
            "# those whom we know\n" + (keys / "other.pub").read_text() + (keys / "mine.pub").read_text()
        )
        assert signature.signer(report.load(packed), signed, both) == "Somebody of Acme"

    def test_a_signature_is_of_one_report(self, keys: Path, folder: Path, tmp_path: Path) -> None:
        content = report.load(folder / "report.json")
        signed = signature.sign(content, keys / "mine", tmp_path / "sig")
        changed: Any = copy.deepcopy(content)
        changed["results"][0]["seconds"] += 1
        for digest in (content["digest"], report.digest(changed)):
            changed["digest"] = digest
            with pytest.raises(PluginError, match="is not of this report"):
                signature.signer(changed, signed, keys / "mine.pub")
        changed["digest"] = content["digest"]
        with pytest.raises(PluginError, match="digest does not fit"):
            signature.sign(changed, keys / "mine", tmp_path / "sig")

    @pytest.mark.parametrize(
        ("content", "said"),
        [
            ("mine AAAA Somebody", r"line 1: 'mine AAAA Somebody' is not 'ed25519 BASE64 NAME'"),
            ("ed25519 AAAA", "line 1: 'ed25519 AAAA' is not"),
        ],
    )
    def test_keys_that_are_none(
        self, content: str, said: str, keys: Path, folder: Path, tmp_path: Path
    ) -> None:
        signed = signature.sign(report.load(folder / "report.json"), keys / "mine", tmp_path / "sig")
        (tmp_path / "keys").write_text(content)
        with pytest.raises(PluginError, match=said):
            signature.signer(report.load(folder / "report.json"), signed, tmp_path / "keys")

    def test_files_that_are_none(self, keys: Path, folder: Path, tmp_path: Path) -> None:
        content = report.load(folder / "report.json")
        (tmp_path / "sig").write_text('{"key": "x"}')
        with pytest.raises(PluginError, match="cannot be read"):
            signature.signer(content, tmp_path / "sig", keys / "mine.pub")
        with pytest.raises(PluginError, match="make one with keygen"):
            signature.sign(content, keys / "mine.pub", tmp_path / "sig")
