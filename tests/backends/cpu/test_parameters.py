"""The structs of kernels' parameters: C, as cffi parses the header that it includes, and Python agree."""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import cffi
import pytest

from tensorplug_codegen.elementwise import loop
from tensorplug_codegen.names import compute_dtypes, numbers, variants
from tensorplug_cpu import build_native, parameters
from tensorplug_cpu.elementwise import OPS
from tensorplug_cpu.parameters import CONV, COPY, LOOP, Parameters
from tensorplug_dispatcher.op import Op

NATIVE = build_native.PACKAGE / "native"
FLEXIBLE = {field for each in parameters.ALL for field, count in each.counts.items() if count == 0}
ONE_NUMBER = r"\s*\[\s*(?:\d+|[A-Z][A-Z_0-9]*)\s*\]"


@pytest.fixture(scope="module")
def ffi() -> cffi.FFI:
    build_native.write_header()
    text = (build_native.PACKAGE / "generated" / "kernels.h").read_text()
    made = cffi.FFI()
    made.cdef("\n".join(line for line in text.splitlines() if not line.startswith("#")))
    return made


def distinct(kernel: Parameters) -> dict[str, Any]:
    """Other numbers for every field, three where there are any number of them."""
    found: dict[str, Any] = {}
    for field, count in kernel.counts.items():
        first = 10 * len(found)
        found[field] = first if count is None else [first + i for i in range(count or 3)]
    return found


@pytest.mark.parametrize("kernel", parameters.ALL, ids=lambda kernel: kernel.name)
def test_c_reads_what_python_packs(ffi: cffi.FFI, kernel: Parameters) -> None:
    given = distinct(kernel)
    packed = array("q", kernel(**given))
    struct = ffi.cast(f"{kernel.name} *", ffi.from_buffer(packed))
    for field, value in given.items():
        read = getattr(struct, field)
        assert (read if isinstance(value, int) else [read[i] for i in range(len(value))]) == value, field


def test_what_does_not_fit_is_refused() -> None:
    given = distinct(CONV)
    with pytest.raises(TypeError, match=r"tp_conv_params.stride has 3 numbers, but 2 were given"):
        CONV(**given | {"stride": (1, 2)})
    with pytest.raises(TypeError, match=r"has the fields .*; missing or unknown: dilation, step"):
        CONV(**{k: v for k, v in given.items() if k != "dilation"}, step=1)


def test_the_last_field_takes_any_number() -> None:
    assert LOOP(count=3, numbers=()) == [3]
    assert COPY(kind=0, itemsize=4, ndim=0, total=1, grain=1, streamed=0, sizes=[]) == [0, 4, 0, 1, 1, 0]


def by_place(text: str) -> Iterator[str]:
    """What reads a number of ``params`` by its place, in a file of C."""
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)
    for name in set(re.findall(r"\(void \*const \*\w*, const int64_t \*(\w+)\)\s*\\?\s*\{", text)):
        used = rf"(?<![\w>.])(?:\*\s*{name}\b(?!->)|{name}\s*(?:\[|\+|\+\+)|(?:\+\+|--){name}\b)"
        declared = rf"(?:const \w+|\bint64_t) \*(?:const )?{name}\b"
        yield from re.findall(used, re.sub(declared, "", text))
    pointers = set(re.findall(r"\bconst int64_t \*(?:const )?(\w+)", text))
    for name in pointers - set(re.findall(r"\bint64_t (?:[^;]*, )?(\w+)\[", text)):
        yield from re.findall(rf"\b{name}\s*\[\s*[A-Z][A-Z_0-9]*\s*\]", text)
    for name in set(re.findall(r"\bconst int64_t \*(?:const )?(\w+) = ", text)):
        yield from re.findall(rf"(?<!\.)\b{name}{ONE_NUMBER}", text)
    yield from re.findall(rf"->(?:{'|'.join(FLEXIBLE)}){ONE_NUMBER}", text)


C_FILES = sorted(path for kind in ("*.c", "*.h") for path in NATIVE.glob(kind))


@pytest.mark.parametrize("path", C_FILES, ids=lambda path: path.name)
def test_no_kernel_reads_a_number_by_its_place(path: Path) -> None:
    assert list(by_place(path.read_text())) == []


@pytest.mark.parametrize(
    "body",
    [
        "int64_t n = params[0];",
        "int64_t n = *params;",
        "int64_t n = *params++;",
        "f(params + 2);",
        "memcpy(&n, &params[1], 8);",
        "const int64_t *p = (const void *)params; return p[COUNT];",
        "const int64_t *p = job->p, n = 1; return p[0];",
        "const int64_t *task; return task[SCRATCH];",
        "const tp_copy_params *p = (const void *)params; return p->sizes[0];",
    ],
)
def test_a_number_that_is_read_by_its_place_is_seen(body: str) -> None:
    assert list(by_place(f"int32_t tp_f(void *const *data, const int64_t *params) {{ {body} }}"))


LOOPS = {f"{op.name} {sorted(numbers(op, a))}": (op, a) for op in OPS.values() for a in variants(op)}


@pytest.mark.parametrize(("op", "attributes"), LOOPS.values(), ids=LOOPS)
def test_loops_name_their_numbers_in_the_order_of_the_table(op: Op, attributes: Mapping[str, Any]) -> None:
    text, wanted = loop(op, attributes, compute_dtypes(op)[0]), numbers(op, attributes)
    assert list(by_place(text)) == []
    (fields,) = re.findall(r"const struct \{ int64_t (.*); \} \*const given = \(const void \*\)params;", text)
    assert LOOP.fields == ("count", "numbers[]") and fields.split(", ") == ["count", *wanted]
    assert all(f"given->{name}" in text for name in wanted)
