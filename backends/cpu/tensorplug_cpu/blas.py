"""OpenBLAS, from the package ``scipy-openblas32``: loaded once, set to one thread,
its functions handed to the kernels.

The CPU backend has one thread pool, its own; it splits large products and calls OpenBLAS for the parts.
"""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

from tensorplug_dispatcher.boundary import Library, ffi

from . import native_library

FUNCTIONS = ("sgemm", "dgemm", "sgemv", "dgemv")
HANDLER = "scipy_openblas_set_xerbla"  # who hears complaints; not in every version
SIGNATURES = {"scipy_openblas_set_num_threads": "void(*)(int)"}
_THREADS = "OPENBLAS_NUM_THREADS"


def _load(path: Path) -> Library:
    """Loaded with one thread from the start: otherwise it starts threads
    that nobody uses, with a buffer each.
    """
    before = os.environ.get(_THREADS)
    os.environ[_THREADS] = "1"
    try:
        return Library(path, SIGNATURES)
    finally:
        if before is None:
            del os.environ[_THREADS]
        else:
            os.environ[_THREADS] = before


@cache
def library() -> Library | None:
    """OpenBLAS; None where the package is not installed."""
    try:
        import scipy_openblas32
    except ModuleNotFoundError:
        return None
    found = sorted(Path(scipy_openblas32.get_lib_dir()).glob("libscipy_openblas*"))
    return _load(found[0]) if found else None


@cache
def connect() -> bool:
    """Whether the kernels use OpenBLAS. Where the package
    is not installed they use their own, slower loops.
    """
    loaded = library()
    if loaded is None:
        return False
    loaded.scipy_openblas_set_num_threads(1)
    addresses = [loaded.address(f"scipy_cblas_{name}") for name in FUNCTIONS]
    addresses.append(loaded.address(HANDLER) if loaded.has(HANDLER) else 0)
    native_library.library().tp_set_blas(*(ffi.cast("void *", address) for address in addresses))
    return True
