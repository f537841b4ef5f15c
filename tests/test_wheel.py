"""A wheel, made from the source distribution as a release makes it: what is in it, which systems it runs on,
and that it trains where there is no compiler.

The kernels are compiled for this processor alone (``TENSORPLUG_BUILD_ISA``), in a third of the time; that a
wheel holds those of all instruction sets unless asked otherwise is a test of ``test_stranger.py``.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import sysconfig
import tarfile
import tomllib
import venv
import zipfile
from importlib.metadata import version
from pathlib import Path, PurePosixPath

import pytest

from tensorplug_cpu import build_native, native_library

pytestmark = pytest.mark.slow
ROOT = Path(__file__).resolve().parent.parent
PACKAGES = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
SUFFIX = sysconfig.get_config_var("EXT_SUFFIX")
SYSTEM = {"libc.so.6", "libm.so.6", "libpthread.so.0"}


def is_compiled(path: Path) -> bool:
    """Whether a file of a package goes into what is compiled, and so stays out of a wheel."""
    return path.suffix == ".c" or (path.suffix == ".h" and "tensorplug_cpu" in path.parts)


def run(*command: str | Path, cwd: Path, **variables: str) -> str:
    """What a command prints, in an environment without this checkout's settings."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PYTHON", "TENSORPLUG_", "COV_"))
    }
    done = subprocess.run(command, cwd=cwd, env=kept | variables, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    return done.stdout


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the source distribution, unpacked as ``source``, and the wheel that was made from it."""
    folder = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "hatchling", "build", "--target", "sdist", "--directory", folder, cwd=ROOT)
    with tarfile.open(next(folder.glob("*.tar.gz"))) as packed:
        packed.extractall(folder / "unpacked", filter="data")
    (unpacked,) = (folder / "unpacked").iterdir()
    source = unpacked.rename(folder / "source")
    run(
        *(sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", folder),
        cwd=source,
        TENSORPLUG_BUILD_ISA=native_library.variant(),
    )
    return folder


@pytest.fixture
def wheel(made: Path) -> Path:
    return next(made.glob("*.whl"))


def test_the_wheel_has_the_version_and_a_tag_of_this_interpreter(wheel: Path) -> None:
    tag = f"cp{sys.version_info.major}{sys.version_info.minor}"
    assert wheel.name.startswith(f"tensorplug-{version('tensorplug')}-{tag}-{tag}-")
    heading = f"## {version('tensorplug')} - "
    assert re.search(re.escape(heading) + r"20\d\d-\d\d-\d\d\n", (ROOT / "CHANGELOG.md").read_text())


def test_the_wheel_holds_the_packages_and_nothing_else(made: Path, wheel: Path) -> None:
    """Every file of every package but sources that are compiled; and each compiled file."""
    due = set()
    for package in PACKAGES["packages"]:
        for path in (made / "source" / package).rglob("*"):
            if path.is_file() and not is_compiled(path) and "__pycache__" not in path.parts:
                due.add(path.relative_to((made / "source" / package).parent).as_posix())
    compiled = {name.rpartition(".")[0] + SUFFIX for name in due if name.endswith((".pxd", ".pyx"))}
    compiled |= {f"tensorplug_dispatcher/_boundary{SUFFIX}"}
    compiled |= {f"tensorplug_cpu/{build_native.library_path(native_library.variant()).name}"}
    due = {name for name in due if not name.endswith(".so") and "/generated/" not in name}
    with zipfile.ZipFile(wheel) as packed:
        names = {name for name in packed.namelist() if ".dist-info/" not in name}
        assert sorted(due - names) == [], "missing from the wheel"
        assert sorted(compiled - names) == [], "not compiled into the wheel"
        assert sorted(names - due - compiled) == [], "nothing else belongs into the wheel"
        for name in packed.namelist():
            assert not PurePosixPath(name).is_absolute() and ".." not in PurePosixPath(name).parts
            for path in (made, ROOT):
                assert str(path).encode() not in packed.read(name), f"{name} names {path}"


@pytest.mark.skipif(sys.platform != "linux", reason="auditwheel knows wheels of Linux")
def test_the_wheel_needs_nothing_but_the_c_library(made: Path, wheel: Path) -> None:
    """auditwheel finds a policy that it satisfies, and no library to be carried along."""
    pytest.importorskip("auditwheel")
    said = " ".join(run(sys.executable, "-m", "auditwheel", "show", wheel, cwd=made).split())
    found = re.search(r'consistent with the following platform tag: "(manylinux_2_(\d+)_\w+)"', said)
    assert found, said
    glibc = os.confstr("CS_GNU_LIBC_VERSION") or ""
    assert int(found[2]) <= int(glibc.rpartition(".")[2]), said
    assert "shared libraries are required by the wheel" not in said, said
    assert set(re.findall(r"\blib[\w.+-]+\.so[.\d]*", said)) <= SYSTEM, said


def test_the_wheel_trains_where_there_is_no_compiler(made: Path, wheel: Path) -> None:
    venv.create(made / "env", with_pip=False)
    python = made / "env/bin/python"
    (site,) = (made / "env/lib").glob("python*/site-packages")
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    there = {"PATH": str(made / "env/bin"), "HOME": str(made)}
    pip = (sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet")
    run(*pip, "--no-index", "--no-deps", "--force-reinstall", str(wheel), cwd=made, **there)
    look = "import shutil; print([shutil.which(name) for name in ('cc', 'gcc', 'clang', 'ld')])"
    assert run(python, "-c", look, cwd=made, **there) == "[None, None, None, None]\n"
    printed = run(python, made / "source/tools/first_step.py", cwd=made, **there)
    assert printed.startswith(f"tensorplug {version('tensorplug')} on Python ")
    listed = run(made / "env/bin/tensorplug", "devices", cwd=made, **there)
    assert f"kernels for {native_library.variant()}" in listed and "mirror:0" in listed
    where = run(python, "-c", "import tensorplug, tensorplug_cpu as c; print(c.__file__)", cwd=made, **there)
    assert where.startswith(str(made / "env"))
