"""Backends that are wrong on purpose: what they keep is old, or they are late with what they owe the host."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np

from tensorplug_dispatcher import DeviceInfo

from . import reference
from .reference import FUNCTIONS, Buffer, ReferenceRuntime

Function = Callable[..., None]

# -- state


def _planned(op: str, attribute: str) -> Function:
    """Keeps an attribute under the operand's shape, from the first call on."""
    plans: dict[Any, Any] = {}

    def run(outs: Any, ins: Any, attrs: Any) -> None:
        key = (ins[0].shape, outs[0].shape) if ins else outs[0].shape
        kept = plans.setdefault(key, attrs[attribute])
        FUNCTIONS[op](outs, ins, {**attrs, attribute: kept})

    return run


def _packed() -> Function:
    """Keeps a packed second operand under its memory, whatever is written there later."""
    kept: dict[Any, Any] = {}

    def run(outs: Any, ins: Any, attrs: Any) -> None:
        b = ins[1]
        key = (b.__array_interface__["data"][0], b.shape, b.strides, b.dtype.str)
        FUNCTIONS["matmul"](outs, [ins[0], kept.setdefault(key, np.array(b))], attrs)

    return run


def _of_first_dtype() -> Function:
    """A result is rounded to the dtype in which its shape was seen first."""
    kept: dict[Any, Any] = {}

    def run(outs: Any, ins: Any, attrs: Any) -> None:
        if not reference.is_float(outs[0]):
            FUNCTIONS["mul"](outs, ins, attrs)
            return
        dtype = kept.setdefault(outs[0].shape, outs[0].dtype)
        found = np.empty(outs[0].shape, dtype)
        FUNCTIONS["mul"]([found], ins, attrs)
        with np.errstate(all="ignore"):
            outs[0][...] = found.astype(np.float64).astype(outs[0].dtype)

    return run


class _BoundOnce(ReferenceRuntime):
    """Keeps bound arrays under memory and layout, without the offset."""

    def __init__(self) -> None:
        self.bound: dict[Any, Any] = {}

    def bind(self, array: Any) -> Any:
        handle = array.storage.handle
        key = (id(handle), array.dtype.name, tuple(array.shape), tuple(array.strides))
        if key not in self.bound:
            self.bound[key] = (handle, super().bind(array))
        return self.bound[key][1]


# -- the host's side


class _KeepsSource(ReferenceRuntime):
    """Takes the bytes of an upload when they are first needed."""

    def __init__(self) -> None:
        self.waiting: dict[int, tuple[Buffer, memoryview]] = {}

    def upload(self, dst: Buffer, src: memoryview) -> None:
        self.settle(dst)
        self.waiting[id(dst)] = dst, src

    def settle(self, buffer: Buffer) -> None:
        _, src = self.waiting.pop(id(buffer), (None, None))
        if src is not None:
            super().upload(buffer, src)

    def download(self, src: Buffer, dst: memoryview) -> None:
        self.settle(src)
        super().download(src, dst)

    def bind(self, array: Any) -> Any:
        self.settle(array.storage.handle)
        return super().bind(array)


class _OldDownloads(ReferenceRuntime):
    """Downloads once, and again from what it kept."""

    def __init__(self) -> None:
        self.seen: dict[int, tuple[Buffer, bytes]] = {}

    def download(self, src: Buffer, dst: memoryview) -> None:
        _, kept = self.seen.get(id(src), (src, b""))
        if len(kept) < len(dst):
            kept = bytes(memoryview(src.data)[: len(dst)])
            self.seen[id(src)] = src, kept
        dst[:] = memoryview(kept)[: len(dst)]


class _TwoMixed(ReferenceRuntime):
    """Two devices, between which nothing moves."""

    def devices(self) -> Sequence[DeviceInfo]:
        return [DeviceInfo(i, "specification", details="two of them") for i in range(2)]

    def transfer(self, src: Buffer, dst: Buffer) -> bool:
        if src.index == dst.index:
            return False
        return True


class _Late(ReferenceRuntime):
    """Errors wait until something is downloaded; ``synchronize`` looks for none."""

    def __init__(self) -> None:
        self.error: list[Exception] = []

    def download(self, src: Buffer, dst: memoryview) -> None:
        if LATE:
            raise LATE.pop()
        super().download(src, dst)


LATE: list[Exception] = []


def _late_gather(outs: Any, ins: Any, attrs: Any) -> None:
    try:
        FUNCTIONS["gather"](outs, ins, attrs)
    except Exception as error:
        LATE[:] = [error.with_traceback(None)]  # whose frames hold tensors


def _hoards() -> Function:
    """Keeps a copy of each operand for itself."""
    kept: list[Any] = []

    def run(outs: Any, ins: Any, attrs: Any) -> None:
        FUNCTIONS["add"](outs, ins, attrs)
        kept.append(np.array(ins[0]))

    return run


# name: what is wrong, where it is caught, kernels, runtime
OF_STATE: Final[dict[str, tuple[Any, ...]]] = {
    "plan-dim": ("a plan without dim", ("S2/cumsum/any/state",), {"cumsum": _planned("cumsum", "dim")}),
    "plan-order": (
        "a plan without descending",
        ("S2/sort/any/state",),
        {"sort": _planned("sort", "descending")},
    ),
    "plan-right": (
        "a plan without right",
        ("S2/searchsorted/any/state",),
        {"searchsorted": _planned("searchsorted", "right")},
    ),
    "packed": ("keeps a packed operand", ("S2/matmul/any/state",), {"matmul": _packed()}),
    "plan-dtype": ("a plan without the dtype", ("S2/mul/any/state",), {"mul": _of_first_dtype()}),
    "bound-once": ("bound arrays without the offset", ("S1/offsets",), None, _BoundOnce),
    "keeps-source": (
        "takes uploads when they are needed",
        ("S1/upload-kept", "S1/source-overwritten"),
        None,
        _KeepsSource,
    ),
    "old-download": (
        "downloads what it downloaded before",
        ("S1/download", "S1/downloads-fresh"),
        None,
        _OldDownloads,
    ),
    "two-mixed": ("nothing moves between two devices", ("S7/second-device/",), None, _TwoMixed),
    "late-errors": ("synchronize looks for no errors", ("S1/deferred/",), {"gather": _late_gather}, _Late),
    "hoards": ("keeps a copy of each operand", ("S7/resident/",), {"add": _hoards()}),
}
