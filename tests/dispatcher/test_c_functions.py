"""Kernels that a plugin hands over as functions of cffi, and the header that they are compiled with."""

from __future__ import annotations

import gc
import os
import platform
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cffi
import pytest

import tensorplug as tp
from tensorplug_dispatcher import dtypes, header, native_kernels
from tensorplug_dispatcher.boundary import Library, address_of, is_address, lib
from tensorplug_dispatcher.boundary import ffi as own
from tensorplug_dispatcher.errors import IndexRangeError, KernelError
from tensorplug_dispatcher.failures import ERROR_CODES
from tensorplug_dispatcher.ops import F

SOURCE = """
#include "tensorplug.h"
int32_t acme_negative(void *const *data, const int64_t *params) {
    float *out = data[0];
    for (int64_t i = 0; i < params[0]; i++) out[i] = -((const float *)data[1])[i];
    return TP_OK;
}
int32_t acme_refuse(void *const *data, const int64_t *params) { return TP_INDEX_OUT_OF_RANGE; }
"""
DECLARED = """
int32_t acme_negative(void *const *data, const int64_t *params);
int32_t acme_refuse(void *const *data, const int64_t *params);
"""


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A stranger's kernels, compiled with the header that is in the package."""
    folder = tmp_path_factory.mktemp("acme")
    (folder / "acme.c").write_text(SOURCE)
    compiler = os.environ.get("CC", "cc").split()
    if shutil.which(compiler[0]) is None:
        pytest.skip("there is no C compiler")
    flags = ("-shared", "-fPIC", "-Wall", "-Werror", f"-I{header.PATH.parent}")
    command = [*compiler, *flags, str(folder / "acme.c"), "-o", str(folder / "acme.so")]
    subprocess.run(command, check=True, capture_output=True)
    return folder / "acme.so"


@pytest.fixture
def ffi() -> cffi.FFI:
    made = cffi.FFI()
    made.cdef(DECLARED)
    return made


Register = Callable[[Callable[..., Any]], None]


@pytest.fixture
def register(registry: Any) -> Register:
    def register(prepare: Callable[..., Any]) -> None:
        registry.register("cpu", native_kernels({"neg": prepare}, provider="acme", priority=9), "acme")

    return register


def test_a_function_of_a_library_is_a_kernel(register: Register, library: Path, ffi: cffi.FFI) -> None:
    """Its library stays open as long as a plan has it: nothing but the plan holds it here."""

    def prepare(op: str, outs: Any, ins: Any, attrs: Any) -> Any:
        return ffi.addressof(ffi.dlopen(str(library)), "acme_negative"), (outs[0].numel,)

    register(prepare)
    x = tp.tensor([1.0, -2.0, 3.0])
    for _ in range(3):
        assert F.neg(x).tolist() == [-1, 2, -3]
        gc.collect()
    assert "provider 'acme'" in tp.devices.explain("neg", "cpu", "float32")


def test_the_codes_of_the_header_are_the_errors(register: Register, library: Path, ffi: cffi.FFI) -> None:
    opened = ffi.dlopen(str(library))
    register(lambda op, outs, ins, attrs: (ffi.addressof(opened, "acme_refuse"), ()))
    with pytest.raises(IndexRangeError, match="index out of range in neg"):
        F.neg(tp.ones(3))


def test_a_callback_is_a_kernel(register: Register) -> None:
    ffi = cffi.FFI()

    @ffi.callback("int32_t(void *const *, const int64_t *)")
    def fortytwo(data: Any, params: Any) -> int:
        out = ffi.cast("float *", data[0])
        for i in range(params[0]):
            out[i] = 42.0
        return 0

    register(lambda op, outs, ins, attrs: (fortytwo, (outs[0].numel,)))
    assert F.neg(tp.ones(3)).tolist() == [42, 42, 42]


@pytest.mark.parametrize("given", [own.NULL, -1, lib.tp_launch, "tp_launch", 1.5, None])
def test_what_is_no_address_is_refused(register: Register, given: Any) -> None:
    register(lambda op, outs, ins, attrs: (given, ()))
    with pytest.raises(KernelError, match=r"it must return \(address, params\) or None"):
        F.neg(tp.ones(3))


def test_addresses() -> None:
    numbers = cffi.FFI().new("int[2]")
    assert address_of(numbers) == address_of(address_of(numbers)) and is_address(numbers)
    with pytest.raises(TypeError):
        address_of("text")


def test_a_library_says_what_it_lacks(library: Path, tmp_path: Path) -> None:
    opened = Library(library, {"acme_gone": "int(*)(void)"})
    assert opened.has("acme_negative") and not opened.has("acme_gone")
    assert opened.address("acme_negative")
    with pytest.raises(AttributeError, match=r"acme.so has no function acme_gone"):
        opened.acme_gone()
    with pytest.raises(AttributeError, match="no signature of acme_negative is known"):
        opened.acme_negative()
    with pytest.raises(OSError, match="nothing.so"):
        Library(tmp_path / "nothing.so")


def test_the_header_is_that_of_the_tables() -> None:
    assert header.PATH.read_text() == header.render()
    parsed = cffi.FFI()
    parsed.cdef("\n".join(line for line in header.render().splitlines() if not line.startswith("#")))
    values = parsed.dlopen(None)
    assert all(getattr(values, f"TP_{name}") == code for name, code in header.CODES.items())
    for dtype in dtypes.ALL:
        if dtype.stored is None:
            assert getattr(values, f"TP_{dtype.name.upper()}") == dtype.code
    assert lib.TP_FLOAT32 == values.TP_FLOAT32
    assert set(ERROR_CODES) - {9} == set(header.CODES.values()) - {0}


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries do not say")
def test_memory_that_is_given_out_is_counted() -> None:
    before = lib.tp_bytes_given_out()
    memory = lib.tp_allocate(64, 1 << 24, 0)
    assert lib.tp_bytes_given_out() - before >= 1 << 24
    lib.free(memory)
    assert lib.tp_bytes_given_out() - before < 1 << 24
