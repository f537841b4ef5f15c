"""``tensorplug new-backend``: what it writes installs, passes its own tests and the kit's first suites."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from importlib.metadata import version
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

from tensorplug.cli import main
from tensorplug.new_backend import STYLES, create
from tensorplug_dispatcher.errors import PluginNameError, TargetExistsError

spec = spec_from_file_location("examples_conftest", Path(__file__).with_name("conftest.py"))
assert spec is not None and spec.loader is not None
examples_conftest = module_from_spec(spec)
spec.loader.exec_module(examples_conftest)


def run(environment: dict[str, str], *command: str) -> str:
    done = subprocess.run([sys.executable, *command], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


Written = tuple[Path, dict[str, str]]


@pytest.fixture(scope="module", params=STYLES)
def written(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Written:
    """A package of each style, and an environment in which it is installed."""
    return make(tmp_path_factory.mktemp("new"), request.param)


def make(folder: Path, style: str) -> Written:
    assert main(["new-backend", "acme-2", "--style", style, "--into", str(folder)]) == 0
    project = folder / "tensorplug-acme-2"
    site = folder / "site"
    site.mkdir()
    path = os.pathsep.join(examples_conftest.install(site, project))
    return project, {**os.environ, "PYTHONPATH": path, "XDG_CACHE_HOME": str(folder / "cache")}


def test_it_passes_its_own_tests_which_run_the_kit(written: Written) -> None:
    project, environment = written
    assert "3 passed" in run(environment, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(project))


def test_it_reaches_the_level_that_it_claims(written: Written) -> None:
    project, environment = written
    assert 'level = "L0"' in (project / "tensorplug_acme_2/conformance.toml").read_text()
    printed = run(
        environment, "-m", "tensorplug", "conformance", "run", "acme-2:0", "--suite", "S0", "--suite", "S1"
    )
    pattern = r"acme-2:0, S0, S1 alone: (\d+) pass(, \d+ unsupported-declared)?; no level follows from a part"
    found = re.fullmatch(pattern, printed.strip())
    assert found and int(found[1]) > 50, printed


def test_nothing_of_the_template_is_left_open(written: Written) -> None:
    project, _ = written
    texts = {
        path: path.read_text()
        for path in project.rglob("*")
        if path.suffix not in (".pyc", ".so") and path.is_file()
    }
    assert {str(path.relative_to(project)) for path in texts} >= {
        "pyproject.toml",
        "README.md",
        ".gitignore",
        ".github/workflows/ci.yml",
        "tests/test_device.py",
        "tensorplug_acme_2/__init__.py",
        "tensorplug_acme_2/runtime.py",
        "tensorplug_acme_2/kernels.py",
        "tensorplug_acme_2/conformance.toml",
    }
    for path, text in texts.items():
        for word in ("@NAME@", "@PACKAGE@", "@DISTRIBUTION@", "@GROWTH@"):
            assert word not in text, path


def test_what_it_writes_is_formatted(written: Written) -> None:
    pytest.importorskip("ruff")
    project, environment = written
    run(
        environment,
        "-m",
        "ruff",
        "check",
        "--isolated",
        "--select",
        "E,F,W,B,UP",
        "--line-length",
        "110",
        str(project),
    )
    run(environment, "-m", "ruff", "format", "--isolated", "--line-length", "110", "--check", str(project))


COMPILED = """
import tensorplug as tp
from tensorplug_dispatcher import kernels
from tensorplug_acme_2 import kernels as own

names = ("add", "sub", "mul", "where", "gelu", "clamp", "floor_divide", "adam_step")
tp.device("acme-2")
kernels.register("acme-2", [own.elementwise(name) for name in names], "acme-2")
tp.manual_seed(0)
x = tp.randn(33, 5)
y = x.to("acme-2")
for f in (
    lambda t: t * 2 + 1,
    lambda t: tp.nn.functional.gelu(t),
    lambda t: tp.nn.functional.gelu(t, approximate="tanh"),
    lambda t: t.t().clamp(-0.5, 0.25),
):
    worst = (f(x) - f(y).cpu()).abs().max().item()
    assert worst < 1e-6, worst
i = tp.arange(6).to("acme-2")
assert (i // i.new_full((6,), 4)).tolist() == [0, 0, 0, 0, 1, 1]
try:
    i // (i - i)
except ZeroDivisionError as error:
    print(error)
"""


WITHOUT_COMPILER = """
from tensorplug_acme_2 import compiler
try:
    compiler.compiler()
except Exception as error:
    print(f"{type(error).__name__}: {error}")
"""


def test_the_compiler_style_renders_the_tables_expressions(tmp_path: Path) -> None:
    _, environment = make(tmp_path, "compiler")
    assert run(environment, "-c", COMPILED) == "floor_divide() divided an integer by zero\n"
    assert run({**environment, "CC": "no-such-compiler"}, "-c", WITHOUT_COMPILER) == (
        "DeviceAbsentError: no C compiler was found; install gcc or clang, or set CC to one\n"
    )


@pytest.mark.parametrize(
    "name", ["", "Acme", "2npu", "a_b", "a--b", "a-", "-a", "a/b", "..", "a" * 41, "é", "a b"]
)
def test_bad_names_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(PluginNameError) as raised:
        create(name, parent=tmp_path)
    assert str(raised.value) == (
        f"{name!r} cannot be a device type: it is at most 40 small letters, digits and single hyphens, and "
        f"begins with a letter, for instance 'acme-npu'"
    )
    assert list(tmp_path.iterdir()) == []


def test_a_name_that_is_taken_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["new-backend", "cpu", "--into", str(tmp_path)]) == 1
    assert capsys.readouterr().err == (
        f"tensorplug new-backend: the device type 'cpu' is that of tensorplug {version('tensorplug')} "
        "(entry point tensorplug_cpu); choose another name\n"
    )


@pytest.mark.parametrize("kind", ["folder", "file", "link"])
def test_what_is_there_is_not_overwritten(tmp_path: Path, kind: str) -> None:
    there = tmp_path / "tensorplug-acme"
    if kind == "folder":
        there.mkdir()
    elif kind == "file":
        there.write_text("mine")
    else:
        there.symlink_to(tmp_path / "nowhere")
    with pytest.raises(TargetExistsError) as raised:
        create("acme", parent=tmp_path)
    assert str(raised.value) == (
        f"{there} is there already and would be overwritten; choose another name, or remove it first"
    )
    assert isinstance(raised.value, FileExistsError)
    assert [path.name for path in tmp_path.rglob("*")] == ["tensorplug-acme"]


def test_a_style_that_there_is_not_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="^style 'fpga' is unknown; choose one of library, compiler$"):
        create("acme", "fpga", tmp_path)
