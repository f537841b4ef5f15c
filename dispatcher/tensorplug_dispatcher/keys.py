"""The key of a call: 64 bits that say which chain of entries serves it.

A key is the union of its operands' parts and of what the context includes; its fields are made to be united:

- bits 0 to 3, the dtypes that take part: one bit for each that layers decide by, one for all others, so
  that there may be any number of them;
- bits 4 to 27, the device: a word of which half the bits are set. The union of two such words has more, so
  that operands on several devices are seen at once, and there are 2,704,156 words;
- bits 28 to 63, the layers that are switched on. Two have a meaning of their own, for whichever layer
  claims it; the others are given out by name, at first use (``layers.bit``).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

DTYPE_BITS: Final = {"float16": 1 << 0, "bfloat16": 1 << 1, "float32": 1 << 2}
OTHER_DTYPES: Final = 1 << 3
DTYPE_MASK: Final = (1 << 4) - 1

DEVICE_SHIFT: Final = 4
DEVICE_BITS: Final = 24
DEVICE_WEIGHT: Final = DEVICE_BITS // 2
DEVICE_MASK: Final = ((1 << DEVICE_BITS) - 1) << DEVICE_SHIFT

LAYER_SHIFT: Final = DEVICE_SHIFT + DEVICE_BITS
LAYER_MASK: Final = ((1 << 64) - 1) ^ (DEVICE_MASK | DTYPE_MASK)
HISTORY: Final = 1 << LAYER_SHIFT  # of a tensor: how it was made is known, or is to be noted from here on
LEVELS: Final = 1 << LAYER_SHIFT + 1  # of a dtype: what is stored are levels of a scale


def device_words() -> Iterator[int]:
    """The words that devices have in keys, none twice."""
    word = (1 << DEVICE_WEIGHT) - 1
    while not word >> DEVICE_BITS:
        yield word << DEVICE_SHIFT
        lowest = word & -word  # the next larger number with as many bits set
        carried = word + lowest
        word = carried | ((word ^ carried) // lowest >> 2)


def on_one_device(key: int) -> bool:
    """Whether the device field of a key is one word, not the union of several."""
    return (key & DEVICE_MASK).bit_count() == DEVICE_WEIGHT


def layer_bits() -> Iterator[int]:
    """The bits that have no meaning of their own."""
    return (1 << shift for shift in range(LAYER_SHIFT + 2, 64))
