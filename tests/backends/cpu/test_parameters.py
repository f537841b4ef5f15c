"""The structs of kernels' parameters: C, as cffi parses the header that it includes, and Python agree."""

from __future__ import annotations

from array import array
from typing import Any

import cffi
import pytest

from tensorplug_cpu import build_native, parameters
from tensorplug_cpu.parameters import CONV, COPY, RANDOM, Parameters


@pytest.fixture(scope="module")
def ffi() -> cffi.FFI:
    build_native.write_header()
    text = (build_native.PACKAGE / "generated" / "kernels.h").read_text()
    made = cffi.FFI()
    made.cdef("\n".join(line for line in text.splitlines() if not line.startswith("#")))
    return made


def numbers(kernel: Parameters) -> dict[str, Any]:
    """Other numbers for every field, three where there are any number of them."""
    found: dict[str, Any] = {}
    for field, count in kernel.counts.items():
        first = 10 * len(found)
        found[field] = first if count is None else [first + i for i in range(count or 3)]
    return found


@pytest.mark.parametrize("kernel", parameters.ALL, ids=lambda kernel: kernel.name)
def test_c_reads_what_python_packs(ffi: cffi.FFI, kernel: Parameters) -> None:
    given = numbers(kernel)
    packed = array("q", kernel(**given))
    struct = ffi.cast(f"{kernel.name} *", ffi.from_buffer(packed))
    for field, value in given.items():
        read = getattr(struct, field)
        assert (read if isinstance(value, int) else [read[i] for i in range(len(value))]) == value, field


def test_what_does_not_fit_is_refused() -> None:
    given = numbers(CONV)
    with pytest.raises(TypeError, match=r"tp_conv_params.stride has 3 numbers, but 2 were given"):
        CONV(**given | {"stride": (1, 2)})
    with pytest.raises(TypeError, match=r"has the fields .*; missing or unknown: dilation, step"):
        CONV(**{k: v for k, v in given.items() if k != "dilation"}, step=1)


def test_the_last_field_takes_any_number() -> None:
    assert RANDOM(function=1, dtype=2, count=3, numbers=()) == [1, 2, 3]
    assert COPY(kind=0, itemsize=4, ndim=0, total=1, grain=1, streamed=0, sizes=[]) == [0, 4, 0, 1, 1, 0]
