"""``TENSORPLUG_PURE=1``: run the compiled modules from their Python source, for debuggers and coverage.

A compiled module is a ``.py`` with a ``.pxd`` beside it, in Cython's pure-Python mode. Without the variable
the extension module built from it is imported as usual; if it was never built, that is said at once, because
Python would otherwise run the source, at a fraction of the speed, without a word.
"""

from __future__ import annotations

import os
import sys
from importlib.machinery import EXTENSION_SUFFIXES, ModuleSpec, SourceFileLoader
from importlib.util import spec_from_file_location
from types import ModuleType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

PACKAGES: Final = (
    "tensorplug_dispatcher",
    "tensorplug_dispatcher.devices",
    "tensorplug_layers",
    "tensorplug_cuda",
)


def requested() -> bool:
    """Whether the environment asks for pure mode."""
    return os.environ.get("TENSORPLUG_PURE", "") not in ("", "0")


def install_if_requested() -> None:
    """Set pure mode up if it is asked for, else check that this package was compiled.
    Raises ImportError if not.
    """
    if not requested():
        here = os.path.dirname(__file__)
        require_compiled("tensorplug_dispatcher", here)
        require_compiled("tensorplug_dispatcher.devices", os.path.join(here, "devices"))
    elif not any(isinstance(finder, PureFinder) for finder in sys.meta_path):
        sys.meta_path.insert(0, PureFinder())


def require_compiled(package: str, folder: str) -> None:
    """Raise ImportError with the command that builds if ``package`` in ``folder`` lacks a compiled module."""
    if requested():
        return
    files = set(os.listdir(folder))
    missing = [
        name[:-4]
        for name in sorted(files)
        if (name.endswith(".pyx") or (name.endswith(".pxd") and name[:-4] + ".py" in files))
        and not any(name[:-4] + suffix in files for suffix in EXTENSION_SUFFIXES)
    ]
    if missing:
        raise ImportError(
            f"{package} was not compiled for this Python ({sys.version.split()[0]}): {', '.join(missing)} "
            f"missing in {folder}. In a source tree run 'make build' (or 'pip install -e .'); "
            f"or set TENSORPLUG_PURE=1 to run the same source uncompiled, which is slow."
        )


class PureFinder:
    """Finds the Python source of modules that also exist as extension modules."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        package, _, name = fullname.rpartition(".")
        if package not in PACKAGES or path is None:
            return None
        for folder in path:
            source = os.path.join(folder, name + ".py")
            if os.path.exists(source) and os.path.exists(os.path.join(folder, name + ".pxd")):
                return spec_from_file_location(fullname, source, loader=PureLoader(fullname, source))
        return None


class PureLoader(SourceFileLoader):
    """Runs a module with our stand-in in the place of ``cython``, whether or not Cython is installed.

    The stand-in is in ``sys.modules`` only while the module runs, so that other users of Cython never see it.
    """

    def exec_module(self, module: ModuleType) -> None:
        from tensorplug_dispatcher import _cython

        before = sys.modules.get("cython")
        sys.modules["cython"] = _cython
        try:
            super().exec_module(module)
        finally:
            if before is None:
                del sys.modules["cython"]
            else:
                sys.modules["cython"] = before
