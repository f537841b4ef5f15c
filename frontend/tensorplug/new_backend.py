"""``tensorplug new-backend NAME``: a package that is a device, from the files under ``templates``."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from tensorplug_dispatcher.devices import plugins
from tensorplug_dispatcher.errors import PluginNameError, TargetExistsError

TEMPLATES: Final = Path(__file__).with_name("templates")
STYLES: Final = ("library", "compiler")
LONGEST: Final = 40

_NAME: Final = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_GROWTH: Final = {
    "library": "`tensorplug_arrays` has all primitive ops for a device that has an array library: a class of "
    "a few lines says how it differs from the array API standard.",
    "compiler": "`tensorplug_codegen` renders the op table's expressions, so that an elementwise kernel "
    'costs a word: `elementwise("add")`.',
}


def create(name: str, style: str = "library", parent: Path | str = ".") -> list[Path]:
    """Write the package ``tensorplug-NAME`` for the device type ``name`` into a new folder of that name in
    ``parent``; returns the files' paths.

    ``style`` is ``library`` (the device has a library of arrays) or ``compiler`` (it compiles kernels). The
    package installs with pip and reaches level L0 of the conformance kit as it is. Raises PluginNameError for
    a name that cannot be a device type or is another plugin's, TargetExistsError where the folder is there;
    then nothing is written.
    """
    checked(name)
    if style not in STYLES:
        raise ValueError(f"style {style!r} is unknown; choose one of {', '.join(STYLES)}")
    folder = Path(parent) / f"tensorplug-{name}"
    if folder.exists() or folder.is_symlink():
        raise TargetExistsError(
            f"{folder} is there already and would be overwritten; choose another name, or remove it first"
        )
    words = {
        "@NAME@": name,
        "@PACKAGE@": f"tensorplug_{name.replace('-', '_')}",
        "@DISTRIBUTION@": f"tensorplug-{name}",
        "@GROWTH@": _GROWTH[style],
    }
    written = []
    for root in (TEMPLATES / "common", TEMPLATES / style):
        for source in sorted(root.rglob("*.in")):
            target = folder / _target(source.relative_to(root), words["@PACKAGE@"])
            text = source.read_text(encoding="utf-8")
            for word, value in words.items():
                text = text.replace(word, value)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, encoding="utf-8")
            written.append(target)
    return written


def _target(path: Path, package: str) -> Path:
    """``dot-github/x.in`` → ``.github/x``, ``PACKAGE/runtime.py.in`` → ``tensorplug_acme/runtime.py``."""
    parts = [re.sub(r"^dot-", ".", part) for part in path.with_suffix("").parts]
    return Path(*[package if part == "PACKAGE" else part for part in parts])


def checked(name: str) -> None:
    """Raise PluginNameError unless ``name`` can be a device type that no installed plugin offers."""
    if not _NAME.fullmatch(name) or len(name) > LONGEST:
        raise PluginNameError(
            f"{name!r} cannot be a device type: it is at most {LONGEST} small letters, digits and single "
            f"hyphens, and begins with a letter, for instance 'acme-npu'",
            plugin=name,
        )
    known = plugins.installed("tensorplug.backends")
    if name in known:
        raise PluginNameError(
            f"the device type {name!r} is that of {known[name].source}; choose another name",
            plugin=name,
        )
