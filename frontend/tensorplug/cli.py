"""The command line: ``tensorplug devices``, ``explain``, ``conformance``, ``new-backend``, ``demo``."""

from __future__ import annotations

import argparse
import sys

from tensorplug_dispatcher.devices import probing
from tensorplug_dispatcher.dtypes import dtype_named
from tensorplug_dispatcher.errors import TensorplugError

from . import __version__
from . import devices as plugged
from .later import later
from .new_backend import create

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

conformance_arguments = later("tensorplug_conformance.cli", "add_arguments")
conformance_main = later("tensorplug_conformance.cli", "main")
run_demo = later(".demo", "run")


def parser(wanted: str = "") -> argparse.ArgumentParser:
    """The command line's grammar; that of a tool is there if it is the ``wanted`` one."""
    top = argparse.ArgumentParser(prog="tensorplug", description="Deep learning whose devices are plugins.")
    top.add_argument("--version", action="version", version=f"tensorplug {__version__}")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")

    devices = commands.add_parser(
        "devices", help="list the device plugins that are installed, and their devices"
    )
    devices.add_argument("--quick", action="store_true", help="read metadata only; load no plugin")
    devices.add_argument("--check", action="store_true", help="send data to every device and back")

    explain = commands.add_parser("explain", help="say which kernel runs an op, and why")
    explain.add_argument("op", metavar="OP", help="the op's name, for instance conv")
    explain.add_argument(
        "--device", metavar="D", help="the device, for instance mirror:0 (default: the default device)"
    )
    explain.add_argument("--dtype", metavar="T", help="the dtype, for instance float16 (default: any)")

    conformance = commands.add_parser("conformance", help="prove a device: run|verify|diff|list")
    if wanted == "conformance":
        conformance_arguments(conformance)

    new = commands.add_parser("new-backend", help="write a package that is a device of your own")
    new.add_argument("name", metavar="NAME", help="the device type, for instance acme-npu")
    new.add_argument(
        "--style",
        choices=("library", "compiler"),
        default="library",
        help="whether the device has a library of arrays or compiles kernels (default: %(default)s)",
    )
    new.add_argument("--into", metavar="FOLDER", default=".", help="where the package's folder goes")

    demo = commands.add_parser(
        "demo", help="train a network on handwritten digits and move it between devices, live"
    )
    demo.add_argument(
        "--epochs", type=int, default=8, help="passes over the training images (default: %(default)s)"
    )
    demo.add_argument(
        "--device", default="", help="where to move for one epoch (default: cuda, else opencl, else mirror)"
    )
    demo.add_argument("--seed", type=int, default=0, help="seed of all random numbers (default: %(default)s)")
    demo.add_argument(
        "--picture",
        metavar="FILE",
        default="out/demo.png",
        help="where the picture of the loss goes (default: %(default)s)",
    )
    return top


def show_devices(quick: bool, check: bool) -> int:
    """Print a table of all devices, loading their plugins unless ``quick``; ``check``: also how each one is.

    Each plugin is loaded in a process of its own, so that one that ends its process is a line of the table.
    Returns 1 where a device that was checked is not well.
    """
    if quick:
        print(plugged.table())
        return 0
    found = probing.probes(check)
    print(plugged.table_of([record for one in found for record in one.records]))
    health = [each for one in found for each in one.health]
    if health:
        print("\n" + "\n".join(map(str, health)))
    return 0 if all(health) else 1


def show_explanation(op: str, device: str | None, dtype: str | None) -> int:
    """Print which kernel runs ``op``."""
    try:
        kind = None if dtype is None else dtype_named(dtype.removeprefix("tensorplug."))
    except KeyError as error:
        print(f"tensorplug explain: {error.args[0]}", file=sys.stderr)
        return 2
    print(plugged.explain(op, device, kind))
    return 0


def write_backend(name: str, style: str, parent: str) -> int:
    """Write a package for a device type and say how to go on."""
    folder = next(path.parent for path in create(name, style, parent) if path.name == "pyproject.toml")
    print(f"written: {folder}")
    print(f"next: pip install -e '{folder}[test]', then tensorplug conformance run {name}:0")
    return 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns the process's exit status: 0, or 1 with the reason on stderr."""
    words = sys.argv[1:] if arguments is None else list(arguments)
    given = parser(words[0] if words else "").parse_args(words)
    try:
        if given.command == "devices":
            return show_devices(given.quick, given.check)
        if given.command == "conformance":
            return conformance_main(given)
        if given.command == "explain":
            return show_explanation(given.op, given.device, given.dtype)
        if given.command == "new-backend":
            return write_backend(given.name, given.style, given.into)
        return run_demo(given.epochs, given.device, given.seed, given.picture)
    except TensorplugError as error:
        print(f"tensorplug {given.command}: {error}", file=sys.stderr)
        return 1
