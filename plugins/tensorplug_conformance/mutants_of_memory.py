"""Wrong backends that are right but for memory: what they leave in it, and whose it is."""

from __future__ import annotations

import threading
from typing import Any, Final

import numpy as np

from .reference import FUNCTIONS, Buffer, ReferenceRuntime, wide
from .specified import only


class _Zeroed(ReferenceRuntime):
    """Memory is zeros when it comes from the system, and nothing else when it is given out again."""

    def allocate(self, index: int, nbytes: int) -> Buffer:
        found = super().allocate(index, nbytes)
        found.data[:] = bytes(nbytes)
        return found


def _reached_rows(outs: Any, ins: Any, attrs: Any) -> None:
    """conv_input_grad that takes rows for zeros that, without padding, lie behind the last window."""
    grad, w = ins
    stride, padding, dilation, groups = (attrs[n] for n in ("stride", "padding", "dilation", "groups"))
    out, outs_per, per = np.zeros(outs[0].shape), grad.shape[1] // groups, w.shape[1]
    reached = np.full(out.shape[2], padding[0] > 0)
    for i in np.ndindex(*grad.shape[2:]):
        for k in np.ndindex(*w.shape[2:]):
            row, column = (i[d] * stride[d] + k[d] * dilation[d] - padding[d] for d in (0, 1))
            if not (0 <= row < out.shape[2] and 0 <= column < out.shape[3]):
                continue
            reached[: row + 1] = True
            for g in range(groups):
                mine = slice(g * outs_per, (g + 1) * outs_per)
                part = wide(grad[(slice(None), mine, *i)]) @ wide(w[(mine, slice(None), *k)])
                out[:, g * per : (g + 1) * per, row, column] += part
    with np.errstate(all="ignore"):
        outs[0][:, :, reached] = out[:, :, reached].astype(outs[0].dtype)


def _sorted_in_place(outs: Any, ins: Any, attrs: Any) -> None:
    """Long dense lines are sorted where they are, and then copied."""
    FUNCTIONS["sort"](outs, ins, attrs)
    (x,) = ins
    if x.ndim and x.shape[-1] >= 64 and x.flags.c_contiguous and attrs["dim"] % x.ndim == x.ndim - 1:
        x[...] = outs[0]


class _Ending(Buffer):
    """Memory that is given back under the allocator's lock."""

    __slots__ = ("owner",)
    owner: _Locked

    def __del__(self) -> None:
        if self.owner.lock.acquire(timeout=0.05):
            self.owner.lock.release()
        else:
            self.owner.stuck = True


class _Locked(ReferenceRuntime):
    """Its lock is held while a buffer is made, in which the garbage collector may end another one. Where a
    real device would wait for ever, this one says so at the next allocation.
    """

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.stuck = False

    def allocate(self, index: int, nbytes: int) -> Buffer:
        self.lock.acquire()  # without objects of its own, in which the collector would come before
        try:
            found = _Ending(index, nbytes)
            found.owner = self
        finally:
            self.lock.release()
        if self.stuck:
            raise RuntimeError("a buffer ended while another one was made: the lock is never given back")
        return found


# name: what is wrong, the beginnings of cases that find it, kernels, runtime
WRONG: Final[dict[str, tuple[Any, ...]]] = {
    "reached-rows": (
        "rows that the stride did not reach are not written",
        ("S2/conv_input_grad/float32/fused",),
        {"conv_input_grad": only(2, "conv_input_grad", _reached_rows)},
        _Zeroed,
    ),
    "locked-allocator": (
        "the end of a buffer waits for its maker",
        ("S7/collector/",),
        None,
        _Locked,
    ),
    "sorted-in-place": (
        "long lines are sorted in the operand's memory",
        ("S2/sort/float32/line-",),
        {"sort": _sorted_in_place},
    ),
}
