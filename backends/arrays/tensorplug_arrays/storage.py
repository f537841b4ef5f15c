"""Copies, conversions and creations: the ops that make arrays, random bits among them."""

from __future__ import annotations

import math
from typing import Final

from tensorplug_dispatcher import dtypes

from .adapter import Array, Call, Definition


def copy(call: Call, x: Array) -> Array:
    return x


def cast(call: Call, x: Array) -> Array:
    return x  # every result is converted to its output's dtype


def fill(call: Call) -> Array:
    value = call.lib.scalar(call.attrs["value"], call.out.dtype)
    return call.lib.xp.broadcast_to(value, call.out.shape)


def iota(call: Call) -> Array:
    """start + i * step: exact in int64 where both are integers."""
    lib, start, step = call.lib, call.attrs["start"], call.attrs["step"]
    exact = isinstance(start, int) and isinstance(step, int)
    dtype = dtypes.int64 if exact else lib.wide
    count = lib.astype(lib.xp.arange(call.attrs["length"], dtype=lib.dtype(dtypes.int64)), dtype)
    return lib.scalar(start, dtype) + count * lib.scalar(step, dtype)


# Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", 2011). Words of 32 bits are
# held in int64, whose products wrap: their upper word is still right once the sign is masked off.
_WORD: Final = 0xFFFFFFFF
_MULTIPLIERS: Final = (0xD2511F53, 0xCD9E8D57)
_WEYL: Final = (0x9E3779B9, 0xBB67AE85)


def random_bits(call: Call) -> Array:
    """Blocks of four words, the counter being the block's number plus the offset, the key the seed."""
    lib, xp = call.lib, call.lib.xp
    int64 = dtypes.int64
    count = math.prod(call.out.shape)
    narrow = call.out.dtype is dtypes.int32
    blocks = -(-count // (4 if narrow else 2))
    seed, offset = lib.scalar(call.attrs["seed"], int64), lib.scalar(call.attrs["offset"], int64)
    word, bits = lib.scalar(_WORD, int64), lib.scalar(32, int64)

    def high(x: Array) -> Array:
        return xp.bitwise_right_shift(x, bits) & word

    counter = xp.arange(blocks, dtype=lib.dtype(int64)) + offset
    words = [counter & word, high(counter), xp.zeros_like(counter), xp.zeros_like(counter)]
    key = [seed & word, high(seed)]
    factors = [lib.scalar(value, int64) for value in _MULTIPLIERS]
    steps = [lib.scalar(value, int64) for value in _WEYL]
    for _ in range(10):
        first, second = words[0] * factors[0], words[2] * factors[1]
        high0, low0, high1, low1 = high(first), first & word, high(second), second & word
        words = [high1 ^ words[1] ^ key[0], low1, high0 ^ words[3] ^ key[1], low0]
        key = [(k + step) & word for k, step in zip(key, steps, strict=True)]
    if not narrow:  # two words make a number, its sign bit cleared
        top = lib.scalar(0x7FFFFFFF, int64)
        words = [low | xp.bitwise_left_shift(up & top, bits) for low, up in (words[:2], words[2:])]
    return xp.reshape(xp.reshape(xp.stack(words, axis=1), (-1,))[:count], call.out.shape)


DEFINITIONS: Final[dict[str, Definition]] = {
    "copy": copy,
    "cast": cast,
    "fill": fill,
    "iota": iota,
    "random_bits": random_bits,
}
