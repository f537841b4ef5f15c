"""Which instruction sets are compiled, and which of those a program loads."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tensorplug_cpu import build_native, native_library
from tensorplug_dispatcher.errors import PluginError

ROOT = Path(__file__).resolve().parents[3]
X86 = {"v2": (), "v3": (), "v4": ()}


@pytest.fixture
def x86(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(build_native, "variants", lambda: X86)
    monkeypatch.setattr(native_library, "variants", lambda: X86)
    monkeypatch.delenv("TENSORPLUG_ISA", raising=False)
    native_library.variant.cache_clear()
    yield
    native_library.variant.cache_clear()


@pytest.mark.usefixtures("x86")
@pytest.mark.parametrize(
    ("asked", "made"), [("", ["v2", "v3", "v4"]), ("v3", ["v3"]), ("v4, v2", ["v2", "v4"]), (",", list(X86))]
)
def test_a_build_makes_what_it_is_asked_for(
    monkeypatch: pytest.MonkeyPatch, asked: str, made: list[str]
) -> None:
    monkeypatch.setenv("TENSORPLUG_BUILD_ISA", asked)
    assert list(build_native.wanted()) == made
    assert list(build_native.wanted(["v2"])) == ["v2"]


@pytest.mark.usefixtures("x86")
def test_an_unknown_instruction_set_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TENSORPLUG_BUILD_ISA", "v3,avx9")
    with pytest.raises(build_native.UnknownInstructionSetError) as raised:
        build_native.wanted()
    assert str(raised.value) == (
        f"there is no instruction set 'avx9' on {platform.machine()}: TENSORPLUG_BUILD_ISA may be v2 or v3 "
        f"or v4, several with commas between, or unset for all"
    )


def test_a_build_that_is_asked_for_an_unknown_one_ends_before_it_compiles() -> None:
    program = "import hatch_build, pathlib; hatch_build._build_kernels(pathlib.Path('nowhere'))"
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "TENSORPLUG_BUILD_ISA": "avx9"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1 and done.stdout == ""
    assert done.stderr.startswith("tensorplug: there is no instruction set 'avx9' on ")


class Kernels:
    """A library that says of the processor that it runs v3."""

    def tp_isa_level(self) -> int:
        return 3


@pytest.mark.usefixtures("x86")
@pytest.mark.parametrize(
    ("built", "chosen"), [(["v2", "v3", "v4"], "v3"), (["v2"], "v2"), (["v2", "v4"], "v2"), (["v3"], "v3")]
)
def test_the_best_of_what_was_built_is_loaded(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, built: list[str], chosen: str
) -> None:
    monkeypatch.setattr(native_library, "_load", lambda name: Kernels())
    monkeypatch.setattr(native_library, "library_path", lambda name: tmp_path / name)
    for name in built:
        (tmp_path / name).touch()
    assert native_library.variant() == chosen


@pytest.mark.usefixtures("x86")
def test_kernels_that_this_processor_cannot_run_are_not_loaded(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(native_library, "_load", lambda name: Kernels())
    monkeypatch.setattr(native_library, "library_path", lambda name: tmp_path / name)
    (tmp_path / "v4").touch()
    with pytest.raises(PluginError) as raised:
        native_library.variant()
    assert str(raised.value) == (
        "the CPU backend's kernels are built for v4 alone, and this processor runs v3 at most; build it with "
        "TENSORPLUG_BUILD_ISA=v3, or without that variable for all"
    )
