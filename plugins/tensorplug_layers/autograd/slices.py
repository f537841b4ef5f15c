"""History of a base whose view was written in place."""

from __future__ import annotations

from typing import Any

from tensorplug_dispatcher.context import CONTEXT
from tensorplug_dispatcher.layout import row_major_strides
from tensorplug_dispatcher.ops import F
from tensorplug_dispatcher.tensor import view_of

from ..node import Node
from ..tape import edge_past_views


class CopySlices(Node):
    """Everything of the base as it was, but for the region of one view, which ``node`` made.

    Its first edge leads to the base's earlier history; the others are the node's own, less the one in the
    place ``slot``, which is the view as it was. With ``overwrites`` the node does not read the view, so that
    all its edges count.
    """

    def __init__(self, base: Any, view: Any, node: Node, overwrites: bool = False, slot: int = 0) -> None:
        super().__init__()
        self.region = (tuple(view.shape), view.strides, view.offset)
        self.base_layout = base.layout
        self.base_offset = base.offset
        self.node = node
        own: tuple[Any, ...] = node.edges
        if not overwrites:
            own = own[: 3 * slot] + own[3 * slot + 3 :]
        self.edges = edge_past_views(base) + own
        self.slot = slot
        self.overwrites = overwrites

    def name(self) -> str:
        return "CopySlices"

    def bring(self, device: Any) -> Any:
        return self.node.bring(device)

    def put_back(self, before: Any) -> None:
        self.node.put_back(before)

    def release(self) -> None:
        self.node.release()

    def apply(self, grads: list[Any]) -> list[Any]:
        grad = grads[0]
        shape, strides, offset = self.region
        contiguous = F.copy(grad)
        region_offset = offset - self.base_offset
        if not self.base_layout.dense:
            shape, strides, region_offset = _relative(self.base_layout, shape, strides, region_offset)
        part = F.as_strided(contiguous, shape, strides, region_offset)
        results = self.node.apply([F.copy(part)])
        first = None if self.overwrites else results.pop(self.slot)
        others = results
        if not CONTEXT.get().grad_enabled:
            target = view_of(contiguous, part.layout, part.offset)
            F.copy_into(target, first if first is not None else F.fill((), 0, grad.dtype, device=grad.device))
            return [contiguous, *others]
        size = tuple(contiguous.shape)
        inside = F.empty(size, contiguous.dtype, contiguous.device)
        F.copy_into(inside, F.fill((), 0, grad.dtype, device=grad.device))
        spread = None
        mark = F.as_strided(inside, shape, strides, region_offset)
        F.copy_into(mark, F.fill((), 1, grad.dtype, device=grad.device))
        if first is not None:
            spread = F.as_strided_backward(
                first, size, row_major_strides(size), shape, strides, region_offset
            )
        kept = F.where(F.ne(inside, 0), 0.0, contiguous)
        return [kept if spread is None else F.add(kept, spread), *others]


def _relative(base: Any, shape: Any, strides: Any, offset: int) -> tuple[Any, Any, int]:
    """A view's strides and offset, given in the base's strided memory, in a dense copy of the base."""
    order = sorted(range(base.ndim), key=lambda d: -base.strides[d])
    dense_strides = [0] * base.ndim
    step = 1
    for d in range(base.ndim - 1, -1, -1):
        dense_strides[d] = step
        step *= max(base.shape[d], 1)

    def translate(distance: int) -> int:
        sign, left, moved = (1, distance, 0) if distance >= 0 else (-1, -distance, 0)
        for d in order:
            if base.strides[d] and base.shape[d] > 1:
                moved += left // base.strides[d] * dense_strides[d]
                left %= base.strides[d]
        return sign * moved

    return shape, tuple(translate(s) for s in strides), translate(offset)
