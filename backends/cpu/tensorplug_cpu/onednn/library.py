"""oneDNN, from the package ``onednn-cpu-gomp``: loaded when the first of its kernels is wanted,
and only if it is installed.

Its primitives run on one thread each; ``native/onednn.c`` runs several of them over this backend's own
pool, since two pools at once cost more than either gains. Primitives are cached for as long as the
process lives, because plans hold their addresses. Source: https://oneapi-src.github.io/oneDNN/v3.2 (C
interface).
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

from tensorplug_dispatcher import dtypes
from tensorplug_dispatcher.boundary import Library, address_of, ffi
from tensorplug_dispatcher.dtypes import DType
from tensorplug_dispatcher.errors import KernelError

from .. import native_library
from ..parameters import ONEDNN, ONEDNN_ARGUMENT, ONEDNN_TASK

PACKAGE: Final = "onednn-cpu-gomp"
DATA_TYPES: Final[dict[DType, int]] = {
    dtypes.float16: 1,
    dtypes.bfloat16: 2,
    dtypes.float32: 3,
    dtypes.int32: 4,
    dtypes.int8: 5,
    dtypes.uint8: 6,
}

# Numbers of arguments (dnnl_types.h).
SRC: Final = 1
DST: Final = 17
WEIGHTS: Final = 33
BIAS: Final = 41
SCALES: Final = 4096  # of another argument: SCALES | SRC
ZERO_POINTS: Final = 8192

_CPU, _IN_ORDER, _USER_SCRATCHPAD = 1, 1, 1
_QUERY_NAME, _QUERY_SCRATCHPAD = 8, 136
_UNIMPLEMENTED = 3
_BFLOAT16 = 0x80  # the bit of AVX512-BF16 in dnnl_cpu_isa_t
_STATUS = (
    "success",
    "out of memory",
    "invalid arguments",
    "unimplemented",
    "last implementation reached",
    "runtime error",
    "not required",
)
_RUN_FUNCTIONS = (
    "dnnl_primitive_execute",
    "dnnl_memory_create",
    "dnnl_memory_destroy",
    "dnnl_stream_create",
    "omp_get_max_threads",
    "omp_set_num_threads",
)
# Of objects that oneDNN makes, only the addresses are passed on.
_SIGNATURES = {
    "dnnl_engine_create": "int(*)(void **, int, size_t)",
    "dnnl_get_effective_cpu_isa": "int(*)(void)",
    "dnnl_matmul_primitive_desc_create": "int(*)(void **, void *, void *, void *, void *, void *, void *)",
    "dnnl_memory_desc_create_with_strides": "int(*)(void **, int, int64_t *, int, int64_t *)",
    "dnnl_memory_desc_get_size": "size_t(*)(void *)",
    "dnnl_primitive_attr_create": "int(*)(void **)",
    "dnnl_primitive_attr_destroy": "int(*)(void *)",
    "dnnl_primitive_attr_set_scratchpad_mode": "int(*)(void *, int)",
    "dnnl_primitive_create": "int(*)(void **, void *)",
    "dnnl_primitive_desc_query": "int(*)(void *, int, int, void *)",
    "dnnl_primitive_desc_query_md": "void *(*)(void *, int, int)",
    "omp_get_max_threads": "int(*)(void)",
    "omp_set_num_threads": "void(*)(int)",
}
_lock = threading.RLock()


@cache
def absent() -> str:
    """Why oneDNN cannot be used here; "" where it can."""
    if os.environ.get("TENSORPLUG_ONEDNN") == "0":
        return "switched off by TENSORPLUG_ONEDNN=0"
    if _path() is None:
        return f"oneDNN is not installed: pip install {PACKAGE}"
    try:
        library()
    except (OSError, AttributeError, KernelError) as error:
        return f"oneDNN does not load: {error}"
    return ""


@cache
def without_bfloat16() -> str:
    """Why products of bfloat16 gain nothing here; "" where the processor multiplies it itself."""
    reason = absent()
    if not reason and not library().dnnl_get_effective_cpu_isa() & _BFLOAT16:
        return "this processor has no instructions for bfloat16 (AVX512-BF16 or AMX)"
    return reason


@cache
def _path() -> Path | None:
    from importlib.metadata import PackageNotFoundError, distribution

    try:
        found = distribution(PACKAGE)
    except PackageNotFoundError:
        return None
    paths = [Path(str(found.locate_file(f))) for f in found.files or () if f.name == "libdnnl.so.3"]
    return next((path.resolve() for path in paths if path.exists()), None)


@cache
def library() -> Library:
    """The loaded library; its functions are handed to the kernels. Raises KernelError, OSError."""
    with _lock:
        loaded = Library(_path(), _SIGNATURES)
        functions = [ffi.cast("void *", loaded.address(name)) for name in _RUN_FUNCTIONS]
        native_library.library().tp_set_onednn(_engine_of(loaded), functions)
        return loaded


def _engine_of(loaded: Library) -> Any:
    made = ffi.new("void **")
    check(loaded.dnnl_engine_create(made, _CPU, 0), "dnnl_engine_create")
    global _engine
    _engine = made[0]
    return _engine


_engine: Any = ffi.NULL


def check(status: int, what: str) -> None:
    """Raise KernelError for a status of oneDNN that is not success."""
    if status:
        text = _STATUS[status] if 0 <= status < len(_STATUS) else str(status)
        raise KernelError(f"oneDNN: {what} failed: {text}")


@cache
def descriptor(shape: tuple[int, ...], strides: tuple[int, ...], dtype: DType) -> int:
    """The memory descriptor (its address) of elements with these strides. It lives as long as the process."""
    made = ffi.new("void **")
    check(
        library().dnnl_memory_desc_create_with_strides(made, len(shape), shape, DATA_TYPES[dtype], strides),
        f"a descriptor of {dtype.name}{list(shape)} with strides {list(strides)}",
    )
    return address_of(made[0])


@dataclass(frozen=True, slots=True)
class Primitive:
    """A primitive of oneDNN: its address, its scratchpad,
    and the name of the implementation that was chosen.
    """

    address: int
    scratch: int
    scratch_descriptor: int
    implementation: str


def new_attributes() -> Any:
    """Attributes that leave the scratchpad to the caller,
    as ``tp_onednn_run`` wants it; destroy them after use.
    """
    made = ffi.new("void **")
    check(library().dnnl_primitive_attr_create(made), "dnnl_primitive_attr_create")
    mode = library().dnnl_primitive_attr_set_scratchpad_mode(made[0], _USER_SCRATCHPAD)
    check(mode, "the scratchpad's mode")
    return made[0]


def make_primitive(describe: Callable[[Any, Any, Any], int], attributes: Any) -> Primitive | None:
    """A primitive on one thread, or None where oneDNN has no implementation.

    ``describe(descriptor, engine, attributes)`` calls one of ``dnnl_…_primitive_desc_create``, whose
    first arguments these are, and gives its status. The attributes are destroyed.
    """
    loaded = library()
    threads = loaded.omp_get_max_threads()
    description, made, name = ffi.new("void **"), ffi.new("void **"), ffi.new("char **")
    loaded.omp_set_num_threads(1)
    try:
        status = describe(description, _engine, attributes)
        if status == _UNIMPLEMENTED:
            return None
        check(status, "a primitive's description")
        check(loaded.dnnl_primitive_create(made, description[0]), "dnnl_primitive_create")
        scratchpad = loaded.dnnl_primitive_desc_query_md(description[0], _QUERY_SCRATCHPAD, 0)
        scratch = loaded.dnnl_memory_desc_get_size(scratchpad) if scratchpad else 0
        loaded.dnnl_primitive_desc_query(description[0], _QUERY_NAME, 0, name)
        chosen = ffi.string(name[0]).decode() if name[0] else ""
        # the scratchpad's descriptor belongs to the primitive's own description, so that one is kept
        return Primitive(address_of(made[0]), scratch, address_of(scratchpad), chosen)
    finally:
        loaded.omp_set_num_threads(threads)
        loaded.dnnl_primitive_attr_destroy(attributes)


@dataclass(frozen=True, slots=True)
class Argument:
    """What one argument of a task is: its number, its descriptor, and where it lies: ``offset`` bytes
    after the kernel's pointer number ``place``; with ``place`` -1, at the address ``offset``.
    """

    number: int
    descriptor: int
    place: int
    offset: int = 0

    def packed(self) -> list[int]:
        return ONEDNN_ARGUMENT(
            number=self.number, descriptor=self.descriptor, place=self.place, offset=self.offset
        )


def run(tasks: Sequence[tuple[Primitive, Sequence[Argument]]], grain: int = 1) -> tuple[int, list[int]]:
    """A kernel (address and parameters) that runs all tasks, of equally many arguments, over the thread pool.

    ``grain``: how many tasks are worth a thread of their own.
    """
    packed: list[int] = []
    for primitive, arguments in tasks:
        packed += ONEDNN_TASK(
            primitive=primitive.address,
            scratch=primitive.scratch,
            scratch_descriptor=primitive.scratch_descriptor,
            arguments=[number for argument in arguments for number in argument.packed()],
        )
    return native_library.address("tp_onednn_run"), ONEDNN(
        tasks=len(tasks), arguments=len(tasks[0][1]), grain=grain, list=packed
    )
