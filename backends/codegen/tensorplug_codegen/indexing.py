"""Index spaces of strided operands, made as simple as their strides allow."""

from __future__ import annotations

from collections.abc import Sequence


def collapse(
    shape: Sequence[int], strides: Sequence[Sequence[int]], ordered: bool = False
) -> tuple[list[int], list[list[int]]]:
    """Fewer dimensions with the same elements: sorted by the first operand's strides, neighbours merged.

    ``strides`` holds one sequence an operand; ``ordered`` keeps the order. Returns at least one dimension.
    """
    order = [d for d, n in enumerate(shape) if n != 1]
    if not ordered:
        order.sort(key=lambda d: -abs(strides[0][d]))
    sizes: list[int] = []
    merged: list[list[int]] = [[] for _ in strides]
    for d in order:
        n = shape[d]
        if sizes and all(m[-1] == s[d] * n for m, s in zip(merged, strides, strict=True)):
            sizes[-1] *= n
            for m, s in zip(merged, strides, strict=True):
                m[-1] = s[d]
        else:
            sizes.append(n)
            for m, s in zip(merged, strides, strict=True):
                m.append(s[d])
    return (sizes, merged) if sizes else ([1], [[0] for _ in strides])


def is_linear(sizes: Sequence[int], strides: Sequence[int]) -> bool:
    expected = 1
    for n, stride in zip(reversed(sizes), reversed(strides), strict=True):
        if stride != expected and n != 1:
            return False
        expected *= n
    return True
