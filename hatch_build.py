"""Builds what is compiled: Cython modules (a ``.py`` with a ``.pxd`` beside it, or a ``.pyx``), the boundary
to C by cffi, and the CPU backend's C kernels.

Run by hatchling for wheels and editable installs, and by hand (``python hatch_build.py``) to rebuild in
place. A part is rebuilt when the hash of its sources and options has changed. Products lie under ``build/``;
for an editable install they are copied beside the sources, for a wheel they go straight into it.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import platform
import runpy
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from pathlib import Path
from typing import Any

try:
    from hatchling.builders.hooks.plugin.interface import BuildHookInterface
except ModuleNotFoundError:  # run by hand in an environment that has Cython but not hatchling
    BuildHookInterface = object

ROOT = Path(__file__).resolve().parent
ROOMS = (
    "frontend",
    "dispatcher",
    "backends/cpu",
    "backends/codegen",
    "backends/opencl",
    "backends/cuda",
    "plugins",
)
COMPILED_PACKAGES = (
    "dispatcher/tensorplug_dispatcher",
    "dispatcher/tensorplug_dispatcher/devices",
    "plugins/tensorplug_layers",
    "backends/cuda/tensorplug_cuda",
)
DISPATCHER = COMPILED_PACKAGES[0]
CPU_PACKAGE = "backends/cpu/tensorplug_cpu"
NATIVE_SOURCES = (CPU_PACKAGE, "backends/codegen", "dispatcher/tensorplug_dispatcher/ops")
# What tools/public_table.py writes, and the folders whose files it reads.
WRITTEN = (
    "dispatcher/tensorplug_dispatcher/_functions.pyi",
    "dispatcher/tensorplug_dispatcher/_texts.py",
    "frontend/tensorplug/_generated.py",
    "frontend/tensorplug/_generated.pyi",
)
TABLE_SOURCES = ("dispatcher/tensorplug_dispatcher/ops", "frontend/tensorplug")
DIRECTIVES = (
    "language_level=3",
    "boundscheck=False",
    "initializedcheck=False",
    "cdivision=True",
    "embedsignature=True",
    "annotation_typing=True",
)
FLAGS = ("-O3", "-g0", "-fPIC", "-fwrapv", "-fvisibility=hidden", "-DNDEBUG", "-Wno-unused-function")
SUFFIX = sysconfig.get_config_var("EXT_SUFFIX") or ".so"


class BuildHook(BuildHookInterface):  # type: ignore[misc]
    """The hook that hatchling calls before it packs a wheel."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build everything; ``version`` is ``"standard"`` or ``"editable"``."""
        if self.target_name != "wheel":
            return
        products = build(in_place=version == "editable")
        build_data["pure_python"] = False
        build_data["infer_tag"] = True
        if version != "editable":
            build_data["force_include"].update(
                {str(product): f"{_name_of(ROOT / package)}/{product.name}" for product, package in products}
            )


def build(in_place: bool) -> list[tuple[Path, str]]:
    """Build what is stale. Returns (compiled file under ``build/``, folder of the package it belongs to)."""
    out = ROOT / "build" / f"{sys.implementation.cache_tag}-{platform.system()}-{platform.machine()}".lower()
    out.mkdir(parents=True, exist_ok=True)
    products: list[tuple[Path, str]] = []
    with _locked(out / "lock"):
        _write_table(out)
        for part in (_build_modules, _build_kernels):
            made = part(out)
            products += made
            if in_place:
                place(made)
    if in_place:  # of kernels that are no longer asked for
        for left_over in set((ROOT / CPU_PACKAGE).glob("_kernels_*.so")):
            if left_over.name not in {product.name for product, _ in products}:
                left_over.unlink()
    return products


def _write_table(out: Path) -> None:
    """The public names and their stubs, by tools/public_table.py, where what they follow from has changed.

    They are committed, since editors want them before anything is built.
    """
    script = ROOT / "tools/public_table.py"
    written = [ROOT / name for name in WRITTEN]
    sources = sorted(p for room in TABLE_SOURCES for p in (ROOT / room).rglob("*.py") if p not in written)
    own = [ROOT / f"dispatcher/tensorplug_dispatcher/{name}.py" for name in ("op", "documentation")]
    sources += [p for p in [script, *own, *written] if p.exists()]
    note = out / "public_table.hash"
    if note.exists() and note.read_text() == _digest(sources, ""):
        return
    _run([sys.executable, str(script)], "the public names could not be written")
    sources += [p for p in written if p not in sources]
    note.write_text(_digest(sources, ""))


def place(products: Iterable[tuple[Path, str]]) -> None:
    """Copy compiled files beside their sources, by atomic renames (a running process may have one mapped)."""
    for product, package in products:
        target = ROOT / package / product.name
        if target.exists() and target.read_bytes() == product.read_bytes():
            continue
        with tempfile.NamedTemporaryFile(dir=target.parent, suffix=".tmp", delete=False) as fresh:
            fresh.write(product.read_bytes())
        os.chmod(fresh.name, 0o755)
        os.replace(fresh.name, target)


def _build_modules(out: Path) -> list[tuple[Path, str]]:
    """Every ``X.py`` that has an ``X.pxd`` and every ``X.pyx``,
    through Cython and the C compiler; and the boundary.
    """
    _write_header()
    declarations = sorted(path for package in COMPILED_PACKAGES for path in (ROOT / package).glob("*.pxd"))
    sources = [path.with_suffix(".py") for path in declarations if path.with_suffix(".py").exists()]
    sources += sorted(path for package in COMPILED_PACKAGES for path in (ROOT / package).glob("*.pyx"))
    headers = sorted((ROOT / DISPATCHER / "native").glob("*.h"))
    compiler = _compiler()
    common = _digest([*declarations, *headers], repr((DIRECTIVES, FLAGS, compiler, _version_of("Cython"))))

    def make(source: Path) -> tuple[Path, str]:
        package = source.parent.relative_to(ROOT).as_posix()
        product = out / _name_of(source.parent) / (source.stem + SUFFIX)
        with _stamp(product, _digest([source], common)) as stale:
            if stale:
                _compile_module(source, product, compiler)
        return product, package

    with ThreadPoolExecutor(_jobs()) as pool:
        boundary = pool.submit(_build_boundary, out, compiler)
        products = [*pool.map(make, sources), boundary.result()]
    _remove_left_over(out, {product for product, _ in products})
    return products


def _name_of(folder: Path) -> Path:
    """A package's folder as seen from where its outermost package lies: ``tensorplug_dispatcher/devices``."""
    top = folder
    while (top.parent / "__init__.py").exists():
        top = top.parent
    return folder.relative_to(top.parent)


def _write_header() -> None:
    """``native/tensorplug.h`` of the dispatcher, from its tables."""
    program = "from tensorplug_dispatcher import header; header.write()"
    environment = dict(os.environ, TENSORPLUG_PURE="1", PYTHONPATH=str(ROOT / "dispatcher"))
    _run([sys.executable, "-c", program], "the header of C kernels could not be written", environment)


def _build_boundary(out: Path, compiler: list[str]) -> tuple[Path, str]:
    """``tensorplug_dispatcher._boundary``: what ``native/boundary.h`` declares, by cffi in its API mode."""
    folder = ROOT / DISPATCHER / "native"
    product = out / Path(DISPATCHER).name / ("_boundary" + SUFFIX)
    inputs = [folder / name for name in ("tensorplug.h", "boundary.h", "boundary.c")]
    with _stamp(product, _digest(inputs, repr((FLAGS, compiler, _version_of("cffi"))))) as stale:
        if stale:
            print("compiling tensorplug_dispatcher._boundary", flush=True)
            from cffi import FFI

            ffi = FFI()
            for header in inputs[:2]:  # cffi's parser knows no preprocessor
                lines = header.read_text().splitlines()
                ffi.cdef("\n".join(line for line in lines if not line.startswith("#")))
            ffi.set_source("tensorplug_dispatcher._boundary", '#include "boundary.c"')
            generated = product.with_name("_boundary.c")
            ffi.emit_c_code(str(generated))
            includes = ("-I", sysconfig.get_path("include"), "-I", str(folder))
            libraries = ("-ldl",) if sys.platform == "linux" else ()
            _run(
                [*compiler, *FLAGS, *includes, str(generated), "-o", str(product), *libraries],
                "the C compiler could not compile tensorplug_dispatcher._boundary",
            )
    return product, DISPATCHER


def _compile_module(source: Path, product: Path, compiler: list[str]) -> None:
    module = ".".join((*_name_of(source.parent).parts, source.stem))
    print(f"compiling {module}", flush=True)
    generated = product.with_name(source.stem + ".c")
    rooms = ("dispatcher", "plugins", "backends/cuda")
    includes = [option for room in rooms for option in ("-I", str(ROOT / room))]
    headers = ("-I", sysconfig.get_path("include"), "-I", str(ROOT / DISPATCHER / "native"))
    directives = [option for directive in DIRECTIVES for option in ("-X", directive)]
    _run(
        [
            sys.executable,
            "-m",
            "cython",
            "--module-name",
            module,
            *directives,
            *includes,
            "-o",
            str(generated),
            str(source),
        ],
        f"Cython could not translate {source.relative_to(ROOT)}",
    )
    _run(
        [*compiler, *FLAGS, *headers, str(generated), "-o", str(product), "-lm"],
        f"the C compiler could not compile {module}",
    )


def _build_kernels(out: Path) -> list[tuple[Path, str]]:
    """The CPU backend's kernels, one shared object per instruction set, by its own ``build_native.build``;
    ``TENSORPLUG_BUILD_ISA`` in the environment chooses among them.
    """
    script = ROOT / CPU_PACKAGE / "build_native.py"
    if not script.exists():
        print("no CPU kernels are built: there is no", script.relative_to(ROOT), flush=True)
        return []
    folder = out / "tensorplug_cpu"
    wanted = _wanted_kernels(script)
    sources = sorted(
        path
        for room in NATIVE_SOURCES
        for path in (ROOT / room).rglob("*")
        if path.suffix in {".py", ".c", ".h"} and "generated" not in path.parts
    )
    sources += sorted(path for room in ("", "devices") for path in (ROOT / DISPATCHER / room).glob("*.py"))
    with _stamp(
        folder / "_kernels", _digest(sources, repr((_compiler(), wanted))), folder.glob("_kernels_*.so")
    ) as stale:
        if stale:
            # In a process of its own and in pure mode: it reads the op table, whose package is not compiled
            # here yet.
            folder.mkdir(parents=True, exist_ok=True)
            for left_over in set(folder.glob("_kernels_*.so")) - {folder / name for name in wanted}:
                left_over.unlink()
            program = (
                f"import importlib.util, pathlib\n"
                f"spec = importlib.util.spec_from_file_location('build_native', {str(script)!r})\n"
                f"module = importlib.util.module_from_spec(spec); spec.loader.exec_module(module)\n"
                f"module.build(pathlib.Path({str(folder)!r}), {_jobs()})\n"
            )
            paths = [str(ROOT / room) for room in ROOMS]
            environment = dict(
                os.environ,
                TENSORPLUG_PURE="1",
                PYTHONPATH=os.pathsep.join([*paths, *filter(None, [os.environ.get("PYTHONPATH")])]),
            )
            print("compiling the CPU kernels", flush=True)
            _run([sys.executable, "-c", program], "the CPU kernels could not be built", environment)
    return [(product, CPU_PACKAGE) for product in sorted(folder.glob("_kernels_*.so"))]


def _wanted_kernels(script: Path) -> list[str]:
    """The names of the shared objects that are asked for."""
    native = runpy.run_path(str(script))
    try:
        return [native["library_path"](name).name for name in native["wanted"]()]
    except native["UnknownInstructionSetError"] as error:
        raise SystemExit(f"tensorplug: {error}") from error


@contextlib.contextmanager
def _stamp(product: Path, digest: str, products: Iterable[Path] | None = None) -> Iterator[bool]:
    """Yields whether ``product`` (or any of ``products``) must be made; notes ``digest`` on success."""
    note = product.with_name(product.name + ".hash")
    exists = product.exists() if products is None else any(products)
    stale = not (exists and note.exists() and note.read_text() == digest)
    note.parent.mkdir(parents=True, exist_ok=True)
    if stale:
        note.unlink(missing_ok=True)
    yield stale
    if stale:
        note.write_text(digest)


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Two builds at once in one tree take turns."""
    import fcntl

    with open(path, "w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _remove_left_over(out: Path, products: set[Path]) -> None:
    """Compiled modules whose ``.pxd`` is gone would shadow their ``.py``: remove them here and in place."""
    for package in COMPILED_PACKAGES:
        name = _name_of(ROOT / package)
        for folder in (out / name, ROOT / package):
            for path in folder.glob(f"*{SUFFIX}"):
                if out / name / path.name not in products:
                    path.unlink()


def _digest(paths: Iterable[Path], text: str) -> str:
    digest = hashlib.sha256(text.encode())
    for path in paths:
        digest.update(path.relative_to(ROOT).as_posix().encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _compiler() -> list[str]:
    """The command that links a shared object; ``CC`` in the environment replaces the interpreter's own."""
    if os.name == "nt":
        raise SystemExit("tensorplug: building on Windows is not supported yet; use Linux, macOS or WSL")
    linker = shlex.split(sysconfig.get_config_var("LDSHARED") or "cc -shared")
    command = shlex.split(os.environ.get("CC", "")) or linker[:1]
    if shutil.which(command[0]) is None:
        command = ["cc"]
    if shutil.which(command[0]) is None:
        raise SystemExit("tensorplug: no C compiler was found; install gcc or clang, or point CC at one")
    return command + linker[1:]


def _version_of(tool: str) -> str:
    try:
        return str(import_module(tool).__version__)
    except ModuleNotFoundError:
        raise SystemExit(
            f"tensorplug: {tool} is needed to build; run: {sys.executable} -m pip install {tool.lower()}"
        ) from None


def _jobs() -> int:
    return int(os.environ.get("TENSORPLUG_BUILD_JOBS") or min(2, os.cpu_count() or 1))


def _run(command: list[str], failure: str, environment: dict[str, str] | None = None) -> None:
    result = subprocess.run(command, cwd=ROOT, env=environment, check=False)
    if result.returncode:
        raise SystemExit(f"tensorplug: {failure} (exit status {result.returncode}); the lines above say why")


def write_reference() -> None:
    """The pages of docs/reference, by tools/reference.py, where the sources have changed."""
    script = ROOT / "tools/reference.py"
    sources = sorted(p for room in ("frontend", "dispatcher", "plugins") for p in (ROOT / room).rglob("*.py"))
    sources += [script, *sorted((ROOT / "docs/reference").glob("*.md"))]
    note = ROOT / "build/reference.hash"
    if note.exists() and note.read_text() == _digest(sources, ""):
        return
    _run([sys.executable, str(script)], "the reference pages could not be written")
    sources = [p for p in sources if p.suffix == ".py"] + sorted((ROOT / "docs/reference").glob("*.md"))
    note.write_text(_digest(sources, ""))


if __name__ == "__main__":
    build(in_place=True)
    write_reference()
