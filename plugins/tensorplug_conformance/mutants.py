"""Backends that are wrong on purpose, each in one way: the kit must fail every one of them.

A mutant is the executable specification with one thing changed. ``MUTANTS`` says what each does wrong and
where the kit catches it; ``install`` makes them devices of the running process.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from tensorplug_dispatcher import STRIDED, DeviceInfo, Kernel

from . import (
    mutants_of_corners,
    mutants_of_layout,
    mutants_of_meeting,
    mutants_of_memory,
    mutants_of_settings,
    mutants_of_size,
    mutants_of_streams,
    reference,
)
from .deviations import DEVIATIONS
from .reference import FUNCTIONS, Buffer, ReferenceRuntime, put, wide

Function = Callable[..., None]


@dataclass(frozen=True, slots=True)
class Mutant:
    """``caught_by``: the beginnings of case ids, of which at least one must fail."""

    wrong: str
    caught_by: tuple[str, ...]
    kernels: dict[str, Function] | None = None
    runtime: type[ReferenceRuntime] = ReferenceRuntime


# -- runtimes


class _IgnoresOffset(ReferenceRuntime):
    def bind(self, array: Any) -> Any:
        bound = super().bind(array)
        if not array.offset:
            return bound
        memory = array.storage.handle.data
        return np.ndarray(bound.shape, bound.dtype, memory, 0, bound.strides)


class _IgnoresStrides(ReferenceRuntime):
    def bind(self, array: Any) -> Any:
        bound = super().bind(array)
        if bound.flags.c_contiguous or not bound.size or any(s == 0 for s in bound.strides):
            return bound
        memory, size = array.storage.handle.data, bound.dtype.itemsize
        if array.offset * size + bound.nbytes > len(memory):
            return bound
        return np.ndarray(bound.shape, bound.dtype, memory, array.offset * size)


class _HalfTransfer(ReferenceRuntime):
    def transfer(self, src: Buffer, dst: Buffer) -> bool:
        half = len(src.data) // 2
        dst.data[:half] = src.data[:half]
        return True


class _WordUploads(ReferenceRuntime):
    """Uploads whole words, and forgets the rest."""

    def upload(self, dst: Buffer, src: memoryview) -> None:
        size = len(src) // 4 * 4
        dst.data[:size] = src[:size]


class _WholeAddresses(ReferenceRuntime):
    """Uploads begin at the address of a word: of other sources some bytes before them come too."""

    def upload(self, dst: Buffer, src: memoryview) -> None:
        def address(of: Any) -> int:
            return int(np.frombuffer(of, np.uint8).__array_interface__["data"][0]) if len(of) else 0

        beyond = address(src) % 4
        if beyond and isinstance(src.obj, bytearray):
            begin = address(src) - address(src.obj) - beyond
            src = memoryview(bytes(src.obj))[max(begin, 0) :][: len(src)]
        super().upload(dst, src)


class _SharedBlocks(ReferenceRuntime):
    """Hands out a block of 2,048 bytes or less a second time while it is in use."""

    def __init__(self) -> None:
        self.last: dict[int, Buffer] = {}

    def allocate(self, index: int, nbytes: int) -> Buffer:
        given = self.last.pop(nbytes, None)
        if given is not None and nbytes <= 2048:
            return given
        fresh = self.last[nbytes] = super().allocate(index, nbytes)
        return fresh


class _Leaks(ReferenceRuntime):
    def __init__(self) -> None:
        self.kept: list[Any] = []

    def bind(self, array: Any) -> Any:
        self.kept.append(array)
        return super().bind(array)


class _EndlessMemory(ReferenceRuntime):
    """Never refuses an allocation: it gives less than was asked for."""

    def allocate(self, index: int, nbytes: int) -> Buffer:
        return super().allocate(index, min(nbytes, 1 << 24))


class _NoDevices(ReferenceRuntime):
    def devices(self) -> Sequence[DeviceInfo]:
        return [DeviceInfo(0, "")]  # what cannot be at all, such as a negative memory, the core refuses


# -- kernels


def _computed(function: Callable[..., Any]) -> Function:
    def run(outs: Any, ins: Any, attrs: Any) -> None:
        with np.errstate(all="ignore"):
            put(outs[0], function(*(wide(x) for x in ins)))

    return run


def _stale() -> Function:
    """Gives the result of the call before, where it has the same shape."""
    held: dict[Any, Any] = {}

    def run(outs: Any, ins: Any, attrs: Any) -> None:
        FUNCTIONS["add"](outs, ins, attrs)
        key = (outs[0].shape, str(outs[0].dtype))
        fresh = outs[0].copy()
        if key in held:
            outs[0][...] = held[key]
        held[key] = fresh

    return run


def _short_sum(outs: Any, ins: Any, attrs: Any) -> None:
    """Leaves out the last of an odd number of elements."""
    x = ins[0]
    dims = reference._dims(attrs, x.ndim)
    if len(dims) == 1 and x.shape[dims[0]] % 2 and x.shape[dims[0]] > 1:
        cut = [slice(None)] * x.ndim
        cut[dims[0]] = slice(0, -1)
        x = x[tuple(cut)]
    FUNCTIONS["sum"](outs, [x], attrs)


def _nan_loses(outs: Any, ins: Any, attrs: Any) -> None:
    x = wide(ins[0])
    with np.errstate(all="ignore"):
        filled = np.where(np.isnan(x), -np.inf, x) if x.dtype.kind == "f" else x
        put(outs[0], np.max(filled, axis=reference._dims(attrs, x.ndim)).reshape(outs[0].shape))


def _nan_loses_among_many(outs: Any, ins: Any, attrs: Any) -> None:
    """Large reductions go by another kernel, whose comparisons pass over NaN (XLA's on the CPU did)."""
    (_nan_loses if ins[0].size >= 4096 else FUNCTIONS["amax"])(outs, ins, attrs)


def _rounding_cast(outs: Any, ins: Any, attrs: Any) -> None:
    source = ins[0]
    if reference.is_float(source) and outs[0].dtype.kind in "iu":
        source = np.rint(source.astype(np.float64))
    FUNCTIONS["cast"](outs, [source], attrs)


def _saturating_add(outs: Any, ins: Any, attrs: Any) -> None:
    out = outs[0]
    if out.dtype.kind in "iu" and out.dtype.itemsize < 8:
        info = np.iinfo(out.dtype)
        total = ins[0].astype(np.int64) + ins[1].astype(np.int64)
        out[...] = np.clip(total, info.min, info.max).astype(out.dtype)
    else:
        FUNCTIONS["add"](outs, ins, attrs)


def _quiet_division(outs: Any, ins: Any, attrs: Any) -> None:
    b = ins[1]
    if b.dtype.kind in "iu":
        FUNCTIONS["floor_divide"](outs, [ins[0], np.where(b == 0, 1, b).astype(b.dtype)], attrs)
    else:
        FUNCTIONS["floor_divide"](outs, ins, attrs)


def _same_counter(outs: Any, ins: Any, attrs: Any) -> None:
    FUNCTIONS["random_bits"](outs, ins, {**attrs, "offset": 0})


def _short_counter(outs: Any, ins: Any, attrs: Any) -> None:
    FUNCTIONS["random_bits"](outs, ins, {**attrs, "offset": attrs["offset"] & 0xFFFFFFFF})


def _last_tie(outs: Any, ins: Any, attrs: Any) -> None:
    x = ins[0]
    dim = attrs.get("dim")
    flat = x.reshape(-1) if dim is None or x.ndim == 0 else x
    axis = 0 if dim is None or x.ndim == 0 else dim % x.ndim
    found = flat.shape[axis] - 1 - np.argmax(np.flip(wide(flat), axis), axis=axis)
    put(outs[0], np.asarray(found).reshape(outs[0].shape))


def _exclusive_cumsum(outs: Any, ins: Any, attrs: Any) -> None:
    FUNCTIONS["cumsum"](outs, ins, attrs)
    if ins[0].ndim:
        with np.errstate(all="ignore"):
            put(outs[0], wide(np.array(outs[0])) - wide(ins[0]))


def _setting_scatter(outs: Any, ins: Any, attrs: Any) -> None:
    FUNCTIONS["scatter"](outs, ins, attrs)


def _coarse_exp(outs: Any, ins: Any, attrs: Any) -> None:
    with np.errstate(all="ignore"):
        put(outs[0], np.exp(wide(ins[0])) * (1 + 2e-6))


def _half_matmul(outs: Any, ins: Any, attrs: Any) -> None:
    with np.errstate(all="ignore"):
        a, b = (x.astype(np.float16) if reference.is_float(x) else x for x in ins)
        put(outs[0], np.matmul(a, b))


def _swapped_where(outs: Any, ins: Any, attrs: Any) -> None:
    condition, x, y = ins
    if not condition.flags.c_contiguous:
        x, y = y, x
    FUNCTIONS["where"](outs, [condition, x, y], attrs)


def _borrowed_matmul(outs: Any, ins: Any, attrs: Any) -> None:
    """Works on the host and calls it its own."""
    import tensorplug as tp

    a, b = (tp.from_numpy(np.ascontiguousarray(wide(x))) for x in ins)
    put(outs[0], (a @ b).numpy())


def _wrong_slope(outs: Any, ins: Any, attrs: Any) -> None:
    """grad * out, where it is grad * out * (1 - out)."""
    with np.errstate(all="ignore"):
        put(outs[0], wide(ins[0]) * wide(ins[1]))


def _aborts(outs: Any, ins: Any, attrs: Any) -> None:
    os.abort()


def _hangs(outs: Any, ins: Any, attrs: Any) -> None:
    time.sleep(3600)


def _half_written(outs: Any, ins: Any, attrs: Any) -> None:
    """Leaves the second half of a result as the memory was."""
    flat = np.empty_like(outs[0])
    FUNCTIONS["mul"]([flat], ins, attrs)
    rows = max(outs[0].shape[0] // 2, 1) if outs[0].ndim else 1
    if outs[0].ndim:
        outs[0][:rows] = flat[:rows]
    else:
        outs[0][...] = flat


class _PositiveStrides(ReferenceRuntime):
    """Takes every stride for a positive one."""

    def bind(self, array: Any) -> Any:
        bound = super().bind(array)
        if all(stride >= 0 for stride in bound.strides) or not bound.size:
            return bound
        memory, size = array.storage.handle.data, bound.dtype.itemsize
        strides = tuple(abs(stride) for stride in bound.strides)
        return np.ndarray(bound.shape, bound.dtype, memory, 0 * size, strides)


def _short_index(outs: Any, ins: Any, attrs: Any) -> None:
    FUNCTIONS["gather"](outs, [ins[0], ins[1] & 0xFFFFFFFF], attrs)


def _first_copy(outs: Any, ins: Any, attrs: Any) -> None:
    """Sums over leading dimensions, of which broadcasting makes copies, take the first alone."""
    x = ins[0]
    if x.ndim > 1 and reference._dims(attrs, x.ndim) == (0,) and reference.is_float(x):
        outs[0][...] = x[0].reshape(outs[0].shape)
    else:
        FUNCTIONS["sum"](outs, ins, attrs)


def _trapping_division(outs: Any, ins: Any, attrs: Any) -> None:
    a, b = ins
    if a.dtype.kind == "i" and ((a == np.iinfo(a.dtype).min) & (b == -1)).any():
        raise OverflowError("the quotient does not fit")
    FUNCTIONS["floor_divide"](outs, ins, attrs)


def _unsteady() -> Function:
    """Each time another order of adding."""
    calls: list[int] = []

    def run(outs: Any, ins: Any, attrs: Any) -> None:
        calls.append(1)
        FUNCTIONS["sum"](outs, ins, attrs)
        if len(calls) % 2 and outs[0].dtype == np.float32:
            outs[0][...] = np.nextafter(outs[0], np.float32(np.inf))

    return run


def _dense_results(outs: Any, ins: Any, attrs: Any) -> None:
    """Writes a strided result into a copy of its own."""
    FUNCTIONS["mul"]([np.ascontiguousarray(outs[0]) if outs[0].ndim else outs[0]], ins, attrs)


def _never_empty(outs: Any, ins: Any, attrs: Any) -> None:
    if not outs[0].size:
        raise ValueError("nothing to launch")
    FUNCTIONS["exp"](outs, ins, attrs)


def _flushing(outs: Any, ins: Any, attrs: Any) -> None:
    FUNCTIONS["mul"](outs, ins, attrs)
    if outs[0].dtype == np.float32:
        outs[0][...] = np.where(np.abs(outs[0]) < np.finfo(np.float32).tiny, np.float32(0), outs[0])


def _cast_through_half(outs: Any, ins: Any, attrs: Any) -> None:
    source = ins[0]
    if source.dtype.kind in "iu" and outs[0].dtype == np.float32:
        with np.errstate(all="ignore"):
            source = source.astype(np.float16)
    FUNCTIONS["cast"](outs, [source], attrs)


MUTANTS: Final[dict[str, Mutant]] = {
    "ignores-strides": Mutant("reads every tensor as if it were dense", ("S1/",), runtime=_IgnoresStrides),
    "ignores-offset": Mutant("reads from the start of the memory", ("S1/",), runtime=_IgnoresOffset),
    "half-transfer": Mutant("moves half of the bytes", ("S0/bytes",), runtime=_HalfTransfer),
    "word-uploads": Mutant("uploads whole words alone", ("S0/bytes",), runtime=_WordUploads),
    "whole-addresses": Mutant(
        "uploads begin at the address of a word", ("S1/upload-kept",), runtime=_WholeAddresses
    ),
    "shared-blocks": Mutant("gives a block out twice", ("S0/bytes", "S1/many-live"), runtime=_SharedBlocks),
    "leaks": Mutant("keeps every tensor that it sees", ("S7/leak",), runtime=_Leaks),
    "endless-memory": Mutant("never is out of memory", ("S1/out-of-memory",), runtime=_EndlessMemory),
    "nameless": Mutant("a device without a name", ("S0/plugin",), runtime=_NoDevices),
    "stale-results": Mutant("gives the result of the call before", ("S1/", "S2/add/"), {"add": _stale()}),
    "half-written": Mutant("leaves half of a result unwritten", ("S2/mul/",), {"mul": _half_written}),
    "reduction-tail": Mutant("leaves out the last element", ("S2/sum/",), {"sum": _short_sum}),
    "drops-nan": Mutant("amax overlooks NaN", ("S2/amax/",), {"amax": _nan_loses}),
    "drops-nan-of-many": Mutant(
        "amax of many elements overlooks NaN",
        ("S2/amax/float32/order-nan",),
        {"amax": _nan_loses_among_many},
    ),
    "nan-maximum": Mutant("maximum overlooks NaN", ("S2/maximum/",), {"maximum": _computed(np.fmax)}),
    "rounding-cast": Mutant("rounds to integers", ("S4/cast/",), {"cast": _rounding_cast}),
    "saturates": Mutant("integers saturate", ("S4/wrap/",), {"add": _saturating_add}),
    "truncates": Mutant(
        "floor_divide cuts towards zero",
        ("S2/floor_divide/",),
        {"floor_divide": _computed(lambda a, b: np.trunc(a / np.where(b == 0, 1, b)))},
    ),
    "remainder-sign": Mutant(
        "the remainder has the dividend's sign",
        ("S2/remainder/",),
        {"remainder": _computed(lambda a, b: np.fmod(a, b) if a.dtype.kind == "f" else np.fmod(a, b))},
    ),
    "quiet-division": Mutant(
        "integer division by zero gives something", ("S4/zero-division/",), {"floor_divide": _quiet_division}
    ),
    "rounds-half-up": Mutant(
        "halves are rounded away from zero",
        ("S2/round/",),
        {"round": _computed(lambda x: np.trunc(x + np.copysign(0.5, x)) if x.dtype.kind == "f" else x)},
    ),
    "same-counter": Mutant("draws the same numbers again", ("S5/",), {"random_bits": _same_counter}),
    "short-counter": Mutant("a random counter of 32 bits", ("S5/",), {"random_bits": _short_counter}),
    "last-tie": Mutant("argmax finds the last of equals", ("S2/argmax/",), {"argmax": _last_tie}),
    "exclusive-scan": Mutant("cumsum leaves out the element", ("S2/cumsum/",), {"cumsum": _exclusive_cumsum}),
    "setting-scatter": Mutant(
        "scatter_add sets where it should add", ("S2/scatter_add/",), {"scatter_add": _setting_scatter}
    ),
    "coarse-exp": Mutant("exp is off by 2e-6", ("S2/exp/float32",), {"exp": _coarse_exp}),
    "half-matmul": Mutant("matmul in half precision", ("S2/matmul/float32",), {"matmul": _half_matmul}),
    "swapped-where": Mutant(
        "where swaps its operands for a strided condition", ("S2/where/",), {"where": _swapped_where}
    ),
    "hidden-fallback": Mutant("matmul works on the host", ("S2/matmul/",), {"matmul": _borrowed_matmul}),
    "wrong-slope": Mutant(
        "a derivative lacks a factor", ("S3/sigmoid/",), {"sigmoid_backward": _wrong_slope}
    ),
    "positive-strides": Mutant("knows no negative strides", ("S1/view-read",), runtime=_PositiveStrides),
    "short-index": Mutant("reads indices as 32 bits", ("S2/gather/any/far",), {"gather": _short_index}),
    "broadcast-gradient": Mutant(
        "the gradient of what was broadcast is that of its first copy",
        ("S3/broadcast/",),
        {"sum": _first_copy},
    ),
    "traps": Mutant(
        "the least integer divided by -1 raises", ("S4/minimum/",), {"floor_divide": _trapping_division}
    ),
    "unsteady": Mutant("a sum differs from call to call", ("S2/sum/float32/again",), {"sum": _unsteady()}),
    "dense-results": Mutant("loses strided results", ("S2/mul/float32/out",), {"mul": _dense_results}),
    "never-empty": Mutant("refuses empty tensors", ("S2/exp/float32/empty",), {"exp": _never_empty}),
    "flushes": Mutant("flushes subnormals, undeclared", ("S2/mul/float32/special",), {"mul": _flushing}),
    "half-cast": Mutant("integers become floats by way of half", ("S4/",), {"cast": _cast_through_half}),
    "aborts": Mutant("a kernel kills the process", ("S2/cumprod/",), {"cumprod": _aborts}),
    "hangs": Mutant("a kernel never ends", ("S2/cumprod/",), {"cumprod": _hangs}),
    **{name: Mutant(*about) for name, about in DEVIATIONS.items()},
    **{name: Mutant(*about) for name, about in mutants_of_size.WRONG.items()},
    **{name: Mutant(*about) for name, about in mutants_of_corners.WRONG.items()},
    **{name: Mutant(*about) for name, about in mutants_of_layout.WRONG.items()},
    **{name: Mutant(*about) for name, about in mutants_of_memory.WRONG.items()},
    **{name: Mutant(*about) for name, about in mutants_of_meeting.WRONG.items()},
    **{name: Mutant(*about) for name, about in mutants_of_settings.WRONG.items()},
    **{name: Mutant(*about) for name, about in mutants_of_streams.WRONG.items()},
}
# devices that some mutants deviate from; the cases that catch those must pass on these
RIGHT: Final = {
    **{name: Mutant(*about) for name, about in mutants_of_size.RIGHT.items()},
    **{name: Mutant(*about) for name, about in mutants_of_streams.RIGHT.items()},
}


class Plugin:
    """A mutant as a device plugin."""

    tensorplug_api = (1, 0)

    def __init__(self, mutant: Mutant) -> None:
        self.mutant = mutant

    def tensorplug_runtime(self) -> ReferenceRuntime:
        return self.mutant.runtime()

    def tensorplug_kernels(self) -> list[Kernel]:
        functions = {**FUNCTIONS, **(self.mutant.kernels or {})}
        return [Kernel(op, function, None, STRIDED) for op, function in functions.items()]


def __getattr__(name: str) -> Any:
    """``mutants.mutant_drops_nan``: the plugin of a mutant, as its entry point names it."""
    chosen = name.removeprefix("mutant_").replace("_", "-")
    if name.startswith("mutant_") and chosen in MUTANTS | RIGHT:
        plugin = globals()[name] = Plugin((MUTANTS | RIGHT)[chosen])
        return plugin
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def install() -> Any:
    """All mutants, and what is right beside them, as devices ``mutant-NAME``, until ``remove`` of what is
    returned is called. Processes that are started with its ``folder`` in PYTHONPATH have them too.
    """
    from tensorplug_faults.distributions import install_distributions

    # a module of their own: unloading a plugin takes the modules of its package out of the process
    points = {f"mutant-{n}": f"tensorplug_mutants:mutant_{n.replace('-', '_')}" for n in MUTANTS | RIGHT}
    source = (
        f"from {__package__} import mutants\n\n\ndef __getattr__(name):\n    return getattr(mutants, name)\n"
    )
    return install_distributions({"tensorplug-mutants": points}, {"tensorplug_mutants": source})
