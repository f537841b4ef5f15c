"""Lists every branch of the CPU's C kernels that the tests do not take both ways.

Run it as ``.venv/bin/python tools/branch_coverage.py`` (some minutes on two cores). It needs gcc.
Exceptions, each with its reason, are in ``branch_exceptions.txt`` beside it; the run fails where a branch is
neither taken both ways nor among them, and where an exception is for nothing.

The sources are preprocessed first and every statement is put on a line of its own, so that code that macros
make, and that headers make once for each type, is counted statement by statement. Copies of one function for
several types count as one.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "backends/cpu/tensorplug_cpu"
EXCEPTIONS = Path(__file__).with_name("branch_exceptions.txt")
TESTS = ("tests/backends/cpu",)
VARIABLE = "TENSORPLUG_COVERED_KERNELS"
_MARKER = re.compile(r'# (\d+) "([^"]*)"')
_TYPE = re.compile(
    r"_(?:f16|bf16|f32|f64|[ui](?:8|16|32|64)|bool|real|whole|pairs|wide|narrow|uint(?:8|16|32|64)_t)\b"
)


# -- as a plugin of pytest, in the process that runs the tests


def pytest_configure(config: Any) -> None:
    """Load the kernels that count, in the place of the package's own."""
    from tensorplug_cpu import native_library

    covered = Path(os.environ[VARIABLE])
    native_library.library_path = lambda variant: covered


# -- sources with a statement a line


def statements(text: str) -> Iterator[tuple[str, bool]]:
    """Lines of a preprocessed source, those of this project cut at statements, and whether they are such."""
    own, depth, line = False, 0, ""
    for each in text.splitlines():
        found = _MARKER.match(each)
        if found:
            own = "/native/" in found[2] or "/generated/" in found[2]
            continue
        if not own or each.lstrip().startswith("#"):
            if line.strip():
                yield line, True
                line = ""
            yield each, False
            continue
        for character in each.strip() + " ":
            line += character
            depth += (character == "(") - (character == ")")
            if (
                character in ";{}"
                and depth == 0
                or character == ":"
                and re.match(r"\s*(case\b[^?]*|default\s*):$", line)
            ):
                yield line, True
                line = ""
    if line.strip():
        yield line, True


def compile_source(source: Path, flags: list[str], folder: Path) -> tuple[Path, set[int]]:
    """The object of a source, and which lines of the text that was compiled are this project's."""
    own_flags = re.search(r"tensorplug-flags:([^\n*]*)", source.read_text()[:2000])
    extra = own_flags[1].split() if own_flags else []
    common = [*flags, *extra, f"-I{PACKAGE}/native", f"-I{PACKAGE}/generated"]
    text = subprocess.run(
        ["gcc", *common, "-E", str(source)], check=True, capture_output=True, text=True
    ).stdout
    lines = list(statements(text))
    made = folder / f"{source.stem}.i"
    made.write_text("\n".join(line for line, _ in lines) + "\n")
    target = folder / f"{source.stem}.o"
    subprocess.run(
        ["gcc", *common, "-w", "--coverage", "-fprofile-update=atomic", "-c", made.name, "-o", target.name],
        check=True,
        cwd=folder,
    )
    return target, {number for number, (_, own) in enumerate(lines, 1) if own}


def build(folder: Path, variant: str, jobs: int) -> dict[str, set[int]]:
    """The library ``kernels.so`` with counters in native/; lines that are the project's, by file."""
    from tensorplug_cpu import build_native

    build_native.generate()
    flags = [
        "-std=gnu11",
        "-O1",
        "-fno-inline",
        "-fPIC",
        "-fno-math-errno",
        "-fno-trapping-math",
        *build_native.variants()[variant],
    ]
    sources = sorted((PACKAGE / "native").glob("*.c"))
    with ThreadPoolExecutor(jobs) as pool:
        found = list(pool.map(lambda source: compile_source(source, flags, folder), sources))
        plain = [folder / f"plain-{source.stem}.o" for source in (PACKAGE / "generated").glob("*.c")]

        def compile_plain(target: Path) -> None:
            source = PACKAGE / "generated" / f"{target.stem.removeprefix('plain-')}.c"
            command = [
                "gcc",
                *flags,
                "-w",
                f"-I{PACKAGE}/native",
                f"-I{PACKAGE}/generated",
                "-c",
                str(source),
            ]
            if not target.exists() or target.stat().st_mtime < source.stat().st_mtime:
                subprocess.run([*command, "-o", str(target)], check=True)

        list(pool.map(compile_plain, plain))
    objects = [target.name for target, _ in found]
    libraries = ["-shared", "-lpthread", "-lm", "--coverage"]
    subprocess.run(
        ["gcc", "-o", "kernels.so", *objects, *map(str, plain), *libraries], check=True, cwd=folder
    )
    return {target.stem: own for target, own in found}


# -- counts


@dataclass
class Place:
    """A statement of a function, its copies for several types taken together."""

    source: str
    function: str
    text: str
    count: int = 0
    branches: dict[int, list[int]] = field(default_factory=lambda: defaultdict(list))  # by how many there are

    def add(self, count: int, branches: list[int]) -> None:
        self.count += count
        kept = self.branches[len(branches)]
        kept[:] = [a + b for a, b in zip(kept or [0] * len(branches), branches, strict=True)]

    @property
    def missing(self) -> bool:
        """Whether a way out of it was never taken (by none of the copies that have as many ways)."""
        return any(not n for counts in self.branches.values() for n in counts)

    def __str__(self) -> str:
        taken = "; ".join(str(counts) for counts in self.branches.values() if counts)
        return f"{self.source}: {self.function}: {self.text}" + (f"    {taken}" if taken else "")


def places(folder: Path, own: dict[str, set[int]]) -> list[Place]:
    found: dict[tuple[str, str, str], Place] = {}
    for stem, lines in own.items():
        done = subprocess.run(
            ["gcov", "--json-format", "--stdout", "-b", f"{stem}.gcda"],
            cwd=folder,
            capture_output=True,
            check=False,
        )
        if not (folder / f"{stem}.gcda").exists() or not done.stdout:
            print(f"{stem}.c was not run at all", file=sys.stderr)
            continue
        text = (folder / f"{stem}.i").read_text().splitlines()
        for file in json.loads(done.stdout)["files"]:
            if Path(file["file"]).name != f"{stem}.i":
                continue
            for line in file["lines"]:
                statement = (
                    " ".join(text[line["line_number"] - 1].split()) if line["line_number"] in lines else ""
                )
                if not statement:
                    continue
                function = _TYPE.sub("_T", line.get("function_name", "?"))
                statement = _TYPE.sub("_T", statement)
                place = found.setdefault((stem, function, statement), Place(f"{stem}.c", function, statement))
                place.add(line["count"], [b["count"] for b in line["branches"] if not b.get("throw")])
    return list(found.values())


def exceptions() -> list[tuple[re.Pattern[str], str]]:
    """``regular expression   # reason`` a line: what is found in ``file: function: statement`` may pass."""
    kept = []
    for line in EXCEPTIONS.read_text().splitlines():
        if line.strip() and not line.startswith("#"):
            pattern, _, reason = line.partition("   # ")
            if not reason.strip():
                raise SystemExit(f"{EXCEPTIONS.name}: no reason is given: {line}")
            kept.append((re.compile(pattern.strip()), reason.strip()))
    return kept


def report(found: list[Place]) -> int:
    allowed = exceptions()
    used: set[str] = set()
    left = []
    conditional = [p for p in found if any(len(c) > 1 for c in p.branches.values())]
    called = {(p.source, p.function) for p in found if p.count}
    idle = {(p.source, p.function): Place(p.source, p.function, "never called") for p in found}
    idle = {function: place for function, place in idle.items() if function not in called}
    missing = [p for p in conditional if p.missing and (p.source, p.function) in called]
    for place in [*missing, *idle.values()]:
        passed = next((pattern for pattern, _ in allowed if pattern.search(str(place))), None)
        if passed:
            used.add(passed.pattern)
        else:
            left.append(place)
    for place in sorted(left, key=str):
        print(place)
    unused = [pattern.pattern for pattern, _ in allowed if pattern.pattern not in used]
    for pattern in unused:
        print(f"{EXCEPTIONS.name}: every branch is taken, or none is like it: {pattern}")
    print(
        f"{len(conditional)} branches and places; {len(left)} not taken both ways, "
        f"{len(used)} exceptions in use"
    )
    return 1 if left or unused else 0


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "--folder", default=str(ROOT / "build/branch_coverage"), help="where the library is built"
    )
    parser.add_argument(
        "--variant", default="", help="the instruction set (default: what this processor takes)"
    )
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--report", action="store_true", help="report on the last run, run nothing")
    parser.add_argument("tests", nargs="*", default=TESTS, help="files of tests, and options of pytest")
    chosen = parser.parse_args()
    folder = Path(chosen.folder).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    kept = folder / "lines.json"
    if not chosen.report:
        from tensorplug_cpu import native_library

        for old in folder.glob("*.gcda"):
            old.unlink()
        variant = chosen.variant or native_library.variant()
        own = build(folder, variant, chosen.jobs)
        kept.write_text(json.dumps({stem: sorted(lines) for stem, lines in own.items()}))
        command = [sys.executable, "-m", "pytest", "-q", "-p", "branch_coverage", "-p", "no:cacheprovider"]
        environment = {**os.environ, VARIABLE: str(folder / "kernels.so"), "TENSORPLUG_ISA": variant}
        environment["PYTHONPATH"] = str(Path(__file__).parent)
        done = subprocess.run(
            [*command, "-m", "not slow", *chosen.tests], cwd=ROOT, env=environment, check=False
        )
        if done.returncode:
            print("the tests fail, so what they take says nothing", file=sys.stderr)
            return done.returncode
    return report(places(folder, {stem: set(lines) for stem, lines in json.loads(kept.read_text()).items()}))


if __name__ == "__main__":
    sys.exit(main())
