"""The steps of docs/bring-your-device.md, one after the other, as they stand there."""

from __future__ import annotations

import difflib
import os
import re
import shlex
import subprocess
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

from tensorplug.new_backend import create

pytestmark = pytest.mark.slow
PAGE = Path(__file__).resolve().parents[2] / "docs/bring-your-device.md"
MOST_LINES = 150  # of its author, until a device has reached L1
BLOCK = re.compile(r"^```(\w+)(.*)\n((?:.*\n)*?)```$", re.M)

spec = spec_from_file_location("examples_conftest", Path(__file__).with_name("conftest.py"))
assert spec is not None and spec.loader is not None
examples_conftest = module_from_spec(spec)
spec.loader.exec_module(examples_conftest)


class Desk:
    """A folder in which the steps are done. ``pip install -e`` writes the metadata that pip would write: that
    pip takes such a package is another test's business (test_stranger.py). With ``whole`` false, what runs or
    reads the suite of all ops is left out, with what it would print.
    """

    def __init__(self, folder: Path, whole: bool) -> None:
        self.folder, self.whole = folder, whole
        self.site = folder / "site"
        self.site.mkdir()
        self.project = folder / "tensorplug-acme"
        path = [str(self.site), str(self.project), *filter(None, [os.environ.get("PYTHONPATH")])]
        self.environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path)}
        self.printed: str | None = ""

    def python(self, *arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, *arguments],
            check=False,
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, f"{arguments}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def console(self, text: str) -> None:
        """Commands, and lines of which each is a part of what the command above it prints."""
        for line in text.splitlines():
            if line.startswith("$ "):
                program, *arguments = shlex.split(line[2:])
                if program == "pip":
                    assert arguments == ["install", "-e", "tensorplug-acme"]
                    examples_conftest.install(self.site, self.project)
                    self.printed = ""
                elif self.whole or not long(arguments):
                    assert program == "tensorplug"
                    self.printed = self.python("-m", "tensorplug", *arguments)
                else:
                    self.printed = None
            elif self.printed is not None:
                assert line in self.printed, f"{line!r} is not in:\n{self.printed}"

    def file(self, options: str, text: str) -> None:
        """``file=PATH`` writes the file, with ``replace=LINE`` the block takes that line's place in it."""
        path, _, line = options.strip().removeprefix("file=").partition(" replace=")
        target = self.folder / path
        if line:
            before = target.read_text()
            assert before.count(line + "\n") == 1, (path, line)
            text = before.replace(line + "\n", text)
        target.write_text(text)

    def lines_of_the_author(self, scratch: Path) -> int:
        """Lines of the package that are not as they were generated, blank ones left out."""
        count = 0
        fresh = {p.relative_to(scratch): p.read_text() for p in create("acme", parent=scratch)}
        for path in sorted((self.project / "tensorplug_acme").rglob("*")):
            if path.suffix in (".py", ".toml"):
                before = fresh.get(path.relative_to(self.folder), "").splitlines()
                changes = difflib.ndiff(before, path.read_text().splitlines())
                count += sum(change.startswith("+ ") and change[2:].strip() != "" for change in changes)
        return count


def long(arguments: list[str]) -> bool:
    """Whether a command runs the suite of all ops, or reads what such a run wrote."""
    if arguments[0] != "conformance" or "--case" in arguments:
        return False
    return "--suite" not in arguments or "S2" in arguments


@pytest.mark.parametrize(
    "whole", [False, pytest.param(True, marks=pytest.mark.needs("conformance"))], ids=["short", "whole"]
)
def test_every_step_does_what_it_says(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, whole: bool
) -> None:
    page = PAGE.read_text()
    desk = Desk(tmp_path, whole)
    counted = 0
    for kind, options, text in BLOCK.findall(page):
        if kind == "console":
            desk.console(text)
            if "--suite S4" in text:
                counted = desk.lines_of_the_author(tmp_path_factory.mktemp("fresh"))
        elif "file=" in options:
            desk.file(options, text)
        elif kind == "python":
            desk.printed = desk.python("-c", text)
        else:
            assert kind == "text"
            assert desk.printed is None or text.strip() in desk.printed, desk.printed
    said = re.search(r"That took (\d+) lines of your own", page)
    assert said is not None
    assert 0 < counted <= MOST_LINES
    assert counted == int(said.group(1))
    assert (desk.project / "tensorplug_acme/conformance.toml").read_text() == 'level = "L3"\n'
    desk.python("-m", "pytest", "-q", "-p", "no:cacheprovider", "tensorplug-acme")
