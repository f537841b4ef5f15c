"""Every C kernel on both sides of every size at which its path changes: into filled memory with margins, on
one thread and on two. What the values are is compared elsewhere, over the same samples; here nothing may be
left unwritten, nothing written beside, and the number of threads may not show.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import zlib
from collections.abc import Iterator
from math import prod
from pathlib import Path
from typing import Any

import guarded
import numpy as np
import pytest

import tensorplug as tp
from tensorplug_cpu import native_library, sizes, thresholds
from tensorplug_dispatcher import dtypes, kernels
from tensorplug_dispatcher.errors import DTypeError
from tensorplug_dispatcher.op import Input, Sample
from tensorplug_dispatcher.ops import OPS, F
from tensorplug_dispatcher.thresholds import samples

tp.ones(1)  # the CPU's kernels are registered
NATIVE = {name: found for name, found in kernels.native_ops("cpu").items() if OPS[name].sizes}
# One driver and generated loops for all of these, so some stand for them
LOOPS = {name for name in NATIVE if OPS[name].elementwise}
OF_LOOPS = {
    "add",
    "mul",
    "exp",
    "lt",
    "where",
    "gelu",
    "sigmoid_backward",
    "adam_step",
    "lerp",
    "bitwise_and",
}
TILED = ("matmul", "addmm", "linear", "conv", "weight_only_linear")  # what a tile sums depends on the threads
SMALL, LARGEST = 20_000, 800_000  # elements of an operand


@pytest.fixture(autouse=True)
def threads() -> Iterator[Any]:
    library = native_library.library()
    before = library.tp_get_num_threads()
    yield library.tp_set_num_threads
    library.tp_set_num_threads(before)


def tensor(spec: Input, dtype: dtypes.DType, seed: int) -> Any:
    """An input of a sample. Its numbers are drawn by NumPy: the samples are large."""
    kind = dtypes.dtype_named(spec.dtype) if spec.dtype else dtype
    draw = np.random.default_rng(seed)
    if spec.values is not None:
        values: Any = np.array(spec.values).reshape(spec.shape)
    elif kind.is_floating_point:
        values = draw.uniform(spec.low, spec.high, spec.shape)
    else:
        low = max(int(spec.low), 0 if kind in (dtypes.uint8, dtypes.bool_) else -128)
        values = draw.integers(
            low, max(min(int(spec.high), 2 if kind is dtypes.bool_ else 1 << 40), low + 1), spec.shape
        )
    wide = values.astype(np.float64 if kind.is_floating_point else np.int64)
    made = tp.from_numpy(np.ascontiguousarray(wide).reshape(spec.shape)).to(kind)
    if spec.layout == "transposed" and made.ndim:
        return made.transpose(0, -1).contiguous().transpose(0, -1)
    if spec.layout == "sliced" and made.ndim:
        room = tp.zeros(*made.shape[:-1], 2 * made.shape[-1], dtype=kind)
        room[..., ::2] = made
        return room[..., ::2]
    if spec.layout == "expanded" and made.ndim and made.shape[0]:
        return made[:1].expand(made.shape)
    return made


def arguments(item: Sample, dtype: dtypes.DType, seed: int) -> list[Any]:
    def one(arg: Any, place: int) -> Any:
        if isinstance(arg, Input):
            return tensor(arg, dtype, seed + place)
        return [one(a, place + 50 * (i + 1)) for i, a in enumerate(arg)] if isinstance(arg, list) else arg

    return [one(arg, i) for i, arg in enumerate(item.args)]


def elements(args: Any) -> int:
    """The most elements of an operand of a sample."""
    return max(
        (elements(a) if isinstance(a, list) else prod(a.shape) if isinstance(a, Input) else 0 for a in args),
        default=0,
    )


def chosen(name: str, label: str, item: Sample, names: tuple[str, ...]) -> list[dtypes.DType]:
    """The dtypes of a sample: all where it is small, else one, in turn over the samples of an op."""
    taken = [d for d in dtypes.GROUPS[OPS[name].dtypes] if not names or d.name in names]
    return (
        taken
        if elements(item.args) <= SMALL
        else taken[zlib.crc32(f"{name} {label}".encode()) % len(taken) :][:1]
    )


def differ(one: Any, two: Any, tiled: bool) -> bool:
    """Whether results of one thread and of several do, beyond what the order of a tile's sums explains."""
    if not tiled or not one.dtype.is_floating_point:
        return not np.array_equal(guarded.bits(one), guarded.bits(two))
    a, b = (t.to(tp.float64).numpy() for t in (one, two))
    bound = {8: 1e-12, 4: 1e-4, 2: 2e-2}[one.dtype.itemsize]
    return not np.allclose(a, b, rtol=bound, atol=bound * max(1.0, np.abs(b).max(initial=0)))


@pytest.mark.parametrize("name", sorted((NATIVE.keys() - LOOPS) | (NATIVE.keys() & OF_LOOPS)))
def test_both_sides_of_every_threshold(name: str, threads: Any) -> None:
    asked, tiled = 0, name.startswith(TILED)
    for label, item, names in samples(OPS[name], [t for k in NATIVE[name] for t in k.thresholds]):
        for dtype in chosen(name, label, item, names) if elements(item.args) <= LARGEST else ():
            args = arguments(item, dtype, zlib.crc32(label.encode()))
            results = []
            try:
                for count in (1, 2) if elements(item.args) <= SMALL else (1, 2, 5):
                    threads(count)
                    results.append(guarded.run(getattr(F, name), *args))
            except DTypeError:  # not every sample is for every dtype that the op takes
                continue
            asked += 1
            for one, *more in zip(*results, strict=True):
                for other in more:
                    assert not differ(one, other, tiled), f"{label} {dtype.name}: more threads give another"
    assert asked, f"no kernel of {name} says where its path changes"


# What is written in C though it is a number: no size of a call decides a path by it.
NO_SIZES = {"ROW_MAJOR", "NO_TRANSPOSE", "TRANSPOSE", "MAX_OPERANDS", "MAX_STATIC", "NLL_WIDTH", "ARGUMENTS"}
NO_SIZES |= {"SCRATCHPAD", "ALIGNMENT", "MAX_THREADS", "SPIN_MICROSECONDS", "PAUSES", "AMX_TILE", "AMX_INT8"}
NO_SIZES |= {"REQUEST", "TILE_DATA", "ROWS"}  # ROWS: registers of square_dot


def test_sizes_are_written_in_one_place() -> None:
    """Every size of the C kernels is in ``sizes.py``, and used in C or in Python."""
    package = Path(native_library.__file__).parent
    text = {path.name: path.read_text() for path in (package / "native").iterdir()}
    for name, source in text.items():
        numbers = re.findall(r"\b([A-Z][A-Z_0-9]+) = (?:\d{2,}|0x\w+|\d+ << \d+)\b", source)
        numbers += re.findall(r"#define ([A-Z_]+) (?:\d{2,}|\(\d+ << \d+\))$", source, re.MULTILINE)
        assert set(numbers) <= NO_SIZES, f"{name}: {set(numbers) - NO_SIZES}"
        bare = re.findall(r"(?<! = )\b(?:\(?1 << \d{2,}\)?|tp_parallel_for\([^;]*\b\d{2,}\b[^;]*)", source)
        assert not bare, f"{name}: {bare}"
    used = "".join(text.values()) + "".join(
        path.read_text() for path in package.rglob("*.py") if path.name not in ("sizes.py", "thresholds.py")
    )
    unused = [n for n in vars(sizes) if n.isupper() and not re.search(rf"\b(?:TP_)?{n}\b", used)]
    assert unused == ["GEMM_UNROLL"], unused  # the statement with four terms


def test_what_an_op_is_not_asked_for_is_what_it_has_not() -> None:
    for name, measures in thresholds.WITHOUT.items():
        assert not set(measures) & set(OPS[name].sizes), name


@pytest.mark.slow
@pytest.mark.parametrize("variant", ["v2", "v3", "v4"])
def test_with_the_kernels_of_other_processors(variant: str) -> None:
    if variant == native_library.variant() or not native_library.library_path(variant).exists():
        pytest.skip("these kernels are not built, or were tested already")
    if int(variant[1:]) > native_library._load("v2").tp_isa_level():
        pytest.skip("this processor does not run them")
    files = [str(Path(__file__).parent / name) for name in ("test_sizes.py", "test_blas.py")]
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "-m", "not slow", *files]
    done = subprocess.run(
        command, env={**os.environ, "TENSORPLUG_ISA": variant}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-3000:]
