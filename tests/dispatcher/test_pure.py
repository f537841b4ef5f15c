"""The compiled modules also run from their source, and a package that was not compiled says so."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tensorplug_dispatcher import _cython, _pure


def run(program: str, pure: str = "") -> str:
    environment = dict(os.environ, TENSORPLUG_PURE=pure)
    return subprocess.run(
        [sys.executable, "-c", program], env=environment, check=True, capture_output=True, text=True
    ).stdout.strip()


@pytest.mark.parametrize("pure, suffix", [("1", ".py"), ("", ".so"), ("0", ".so")])
def test_the_variable_chooses(pure, suffix):
    for module in ("tensorplug_dispatcher.call", "tensorplug_dispatcher.tensor"):
        assert run(f"import {module} as module; print(module.__file__)", pure).endswith(suffix)


def test_the_stand_in_for_cython_does_not_leak():
    program = "import sys, tensorplug_dispatcher.call; print('cython' in sys.modules)"
    assert run(program, "1") == "False"


def test_not_compiled(tmp_path, monkeypatch):
    monkeypatch.delenv("TENSORPLUG_PURE", raising=False)
    for name in ("tensor.py", "tensor.pxd", "call.py", "call.pxd", "op.py", "types.pxd"):
        (tmp_path / name).touch()
    with pytest.raises(ImportError) as caught:
        _pure.require_compiled("tensorplug_dispatcher", str(tmp_path))
    version = sys.version.split()[0]
    assert str(caught.value) == (
        f"tensorplug_dispatcher was not compiled for this Python ({version}): call, tensor missing "
        f"in {tmp_path}. In a source tree run 'make build' (or 'pip install -e .'); or set TENSORPLUG_PURE=1 "
        "to run the same source uncompiled, which is slow."
    )
    monkeypatch.setenv("TENSORPLUG_PURE", "1")
    _pure.require_compiled("tensorplug_dispatcher", str(tmp_path))


def test_stand_in():
    assert not _cython.compiled
    assert _cython.cast(_cython.Py_ssize_t, 3.7) == 3
    assert _cython.cast(_cython.p_void, "kept") == "kept"
    assert _cython.cast(dict, [1]) == [1]
    assert _cython.declare(_cython.double, 2.0) == 2.0
    assert repr(_cython.pointer(_cython.int)) == "cython.pointer(cython.int)"
    with _cython.nogil:
        pass
    for decorate in (
        _cython.cclass,
        _cython.inline,
        _cython.boundscheck(False),
        _cython.returns(_cython.int),
    ):
        assert decorate(run) is run
    with pytest.raises(
        AttributeError, match="the stand-in for the module 'cython' has no 'parallel'; add it to "
    ):
        _ = _cython.parallel
