"""OpenBLAS, from the package ``scipy-openblas32``: loaded once, set to one thread, its functions handed to
the kernels.

The CPU backend has one thread pool, its own; it splits large products and calls OpenBLAS for the parts.
"""

from __future__ import annotations

import ctypes
import os
from functools import cache
from pathlib import Path

from . import native_library

FUNCTIONS = ("sgemm", "dgemm", "sgemv", "dgemv")
_THREADS = "OPENBLAS_NUM_THREADS"


def _load(path: Path) -> ctypes.CDLL:
    """Loaded with one thread from the start: otherwise it starts threads that nobody uses, with a buffer
    each.
    """
    before = os.environ.get(_THREADS)
    os.environ[_THREADS] = "1"
    try:
        return ctypes.CDLL(str(path))
    finally:
        if before is None:
            del os.environ[_THREADS]
        else:
            os.environ[_THREADS] = before


@cache
def connect() -> bool:
    """Whether the kernels use OpenBLAS. Where the package is not installed they use their own, slower
    loops.
    """
    try:
        import scipy_openblas32
    except ModuleNotFoundError:
        return False
    found = sorted(Path(scipy_openblas32.get_lib_dir()).glob("libscipy_openblas*"))
    if not found:
        return False
    library = _load(found[0])
    library.scipy_openblas_set_num_threads(1)
    addresses = [ctypes.cast(getattr(library, f"scipy_cblas_{name}"), ctypes.c_void_p) for name in FUNCTIONS]
    handler = getattr(library, "scipy_openblas_set_xerbla", None)  # not in every version
    addresses.append(ctypes.cast(handler, ctypes.c_void_p) if handler else ctypes.c_void_p())
    native_library.library().tp_set_blas(*addresses)
    return True
