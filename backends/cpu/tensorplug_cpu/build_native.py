"""Builds the CPU kernels: every C file of ``native/`` and ``generated/``,
into one shared object an instruction set.

Run it with ``python -m tensorplug_cpu.build_native [VARIANT...]``; without any it builds those that
``TENSORPLUG_BUILD_ISA`` names (``v3``, or several with commas between), or all of the architecture. Objects
are kept under ``.cache/`` and named after a hash of all that goes into them (source, the headers that it
includes, flags, compiler), so only what changed is compiled again.

A C file whose first lines hold ``tensorplug-flags: -ffp-contract=fast`` is compiled with these flags added.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import platform
import re
import runpy
import shlex
import subprocess
import sys
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent
SOURCE_FOLDERS = ("native", "generated")
COMMON_FLAGS = (
    "-std=gnu11",
    "-O3",
    "-g0",
    "-fPIC",
    "-fno-math-errno",
    "-fno-trapping-math",
    "-ffp-contract=off",
    "-fvisibility=default",
    "-fno-semantic-interposition",
    "-Wall",
    "-Wno-unknown-pragmas",
    "-Wno-unused-function",
)
LINK_FLAGS = ("-shared", "-lpthread", "-lm")
X86_VARIANTS = {
    "v2": ("-march=x86-64-v2", "-mtune=generic"),
    "v3": ("-march=x86-64-v3", "-mtune=generic", "-mprefer-vector-width=256"),
    "v4": ("-march=x86-64-v4", "-mtune=generic", "-mprefer-vector-width=512"),
}
BUILD_ISA = "TENSORPLUG_BUILD_ISA"  # which libraries are built; TENSORPLUG_ISA says which one is loaded
_INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"', re.MULTILINE)
_EXTRA_FLAGS = re.compile(r"tensorplug-flags:([^\n*]*)")


class NativeBuildError(RuntimeError):
    """The C compiler failed; the text holds its command line and what it printed."""


class UnknownInstructionSetError(NativeBuildError, ValueError):
    """Kernels were asked for an instruction set that this architecture has not."""


def variants() -> dict[str, tuple[str, ...]]:
    """The libraries that this machine's architecture has: name -> compiler flags."""
    return X86_VARIANTS if platform.machine().lower() in ("x86_64", "amd64") else {"generic": ()}


def wanted(names: Iterable[str] | None = None) -> dict[str, tuple[str, ...]]:
    """Those of ``variants`` that are asked for: by ``names``, else by ``TENSORPLUG_BUILD_ISA``, else all.

    Raises UnknownInstructionSetError.
    """
    known, asked = variants(), [name.strip() for name in os.environ.get(BUILD_ISA, "").split(",")]
    chosen = list(names) if names is not None else [name for name in asked if name]
    for name in chosen:
        if name not in known:
            raise UnknownInstructionSetError(
                f"there is no instruction set {name!r} on {platform.machine()}: {BUILD_ISA} may be "
                f"{' or '.join(known)}, several with commas between, or unset for all"
            )
    return {name: flags for name, flags in known.items() if name in chosen or not chosen}


def library_path(variant: str, folder: Path = PACKAGE) -> Path:
    return folder / f"_kernels_{variant}.so"


def sources() -> list[Path]:
    """Every C file that goes into the library, largest first (so that parallel jobs end together)."""
    found = [path for folder in SOURCE_FOLDERS for path in (PACKAGE / folder).glob("*.c")]
    return sorted(found, key=lambda path: (-path.stat().st_size, path.name))


def write_sizes() -> None:
    """Write ``generated/sizes.h``: every size of ``sizes.py`` with ``TP_`` before its name."""
    names = runpy.run_path(str(PACKAGE / "sizes.py"))
    lines = [f"#define TP_{name} {value}" for name, value in names.items() if name.isupper()]
    text = "\n".join(("/* Written by build_native.py from sizes.py. */", "#pragma once", *lines, ""))
    _write(PACKAGE / "generated" / "sizes.h", text)


def write_header() -> None:
    """Write ``generated/kernels.h``: the dispatcher's header, and the structs of ``parameters.py``."""
    from tensorplug_dispatcher import header

    structures = [
        header.structure(parameters.name, parameters.fields)
        for parameters in runpy.run_path(str(PACKAGE / "parameters.py"))["ALL"]
    ]
    _write(PACKAGE / "generated" / "kernels.h", "\n".join((header.render(), *structures, "")))


def _write(path: Path, text: str) -> None:
    if not path.exists() or path.read_text() != text:
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)


def generate() -> None:
    """Write ``generated/*.c`` from the op table,
    where the renderer is installed (a source tree always has it).
    """
    write_sizes()
    write_header()
    try:
        from tensorplug_codegen.elementwise import write_kernels
    except ModuleNotFoundError as error:
        if error.name is None or not error.name.startswith("tensorplug_codegen"):
            raise
        return
    write_kernels(PACKAGE / "generated")


def _with_includes(path: Path, seen: dict[Path, bytes]) -> dict[Path, bytes]:
    """The file and all that it includes by quotes, with their contents."""
    if path not in seen and path.exists():
        seen[path] = path.read_bytes()
        for name in _INCLUDE.findall(seen[path].decode()):
            for folder in (path.parent, *(PACKAGE / other for other in SOURCE_FOLDERS)):
                if (folder / name).exists():
                    _with_includes((folder / name).resolve(), seen)
                    break
    return seen


def _compiler() -> list[str]:
    return shlex.split(os.environ.get("CC", "gcc"))


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise NativeBuildError(
            f"the C compiler failed with status {done.returncode}:\n  {shlex.join(command)}\n"
            f"{done.stderr.strip()}"
        )
    if done.stderr.strip():
        print(done.stderr.strip(), file=sys.stderr)


def _object(source: Path, flags: tuple[str, ...], stamp: bytes, folder: Path) -> tuple[Path, list[str]]:
    """Where the object of a source belongs, and the command that makes it."""
    contents = _with_includes(source.resolve(), {})
    extra = _EXTRA_FLAGS.search(contents[source.resolve()].decode()[:2000])
    command = [
        *_compiler(),
        *COMMON_FLAGS,
        *flags,
        *(shlex.split(extra.group(1)) if extra else ()),
        *(f"-I{PACKAGE / name}" for name in SOURCE_FOLDERS),
        "-c",
        str(source),
    ]
    digest = hashlib.sha256(stamp + "\0".join(command).encode())
    for path in sorted(contents):
        digest.update(path.name.encode() + b"\0" + contents[path])
    return folder / f"{source.stem}-{digest.hexdigest()[:16]}.o", command


def _compile(target: Path, command: list[str]) -> None:
    if not target.exists():
        unfinished = target.with_suffix(f".{os.getpid()}.tmp")
        _run([*command, "-o", str(unfinished)])
        unfinished.replace(target)


@contextlib.contextmanager
def _alone(cache: Path) -> Iterator[None]:
    """Builds of the same folder take turns."""
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def build(out_dir: Path = PACKAGE, jobs: int = 2, only: Iterable[str] | None = None) -> list[Path]:
    """Build the shared objects into ``out_dir`` and return their paths.

    ``only`` names the variants to build; the default is that of ``wanted``. Raises NativeBuildError.
    """
    cache = Path(out_dir) / ".cache" / "native"
    chosen = wanted(only)
    stamp = subprocess.run([*_compiler(), "--version"], capture_output=True, check=True).stdout
    plans: dict[str, list[tuple[Path, list[str]]]] = {}
    with _alone(cache):
        generate()
        for variant, flags in chosen.items():
            (cache / variant).mkdir(exist_ok=True)
            plans[variant] = [_object(source, flags, stamp, cache / variant) for source in sources()]
        with ThreadPoolExecutor(jobs) as pool:
            for future in [pool.submit(_compile, *step) for plan in plans.values() for step in plan]:
                future.result()
        return [
            _link(variant, [target for target, _ in plan], Path(out_dir)) for variant, plan in plans.items()
        ]


def _link(variant: str, objects: list[Path], out_dir: Path) -> Path:
    library = library_path(variant, out_dir)
    linked = objects[0].parent / "linked"
    names = "\n".join(sorted(path.name for path in objects))
    if not (library.exists() and linked.exists() and linked.read_text() == names):
        unfinished = library.with_suffix(f".{os.getpid()}.tmp")
        _run([*_compiler(), "-o", str(unfinished), *map(str, objects), *LINK_FLAGS])
        unfinished.replace(library)  # a process that has the old file open keeps it
        linked.write_text(names)
        for stale in set(linked.parent.glob("*.o")) - set(objects):
            stale.unlink(missing_ok=True)
    return library


if __name__ == "__main__":
    for built in build(only=sys.argv[1:] or None):
        print(built)
