"""Random numbers against an independent Philox4x32-10, written with NumPy."""

from __future__ import annotations

import math

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from launch import launch  # noqa: E402

SEEDS = [(0, 0), (1234, 5), (2**63 - 1, 2**40 + 3), (-7, 2**32 - 2)]
COUNTS = [0, 1, 7, 64, 1025, 70001]


def philox_words(seed: int, offset: int, count: int) -> np.ndarray:
    """``count`` 32-bit words as uint64."""
    low = np.uint64(0xFFFFFFFF)
    counter = np.arange(-(-count // 4), dtype=np.uint64) + np.uint64(offset % 2**64)
    c = [counter & low, counter >> np.uint64(32), np.zeros_like(counter), np.zeros_like(counter)]
    k0, k1 = seed % 2**32, (seed >> 32) % 2**32
    for _ in range(10):
        p, q = c[0] * np.uint64(0xD2511F53), c[2] * np.uint64(0xCD9E8D57)
        c = [
            (q >> np.uint64(32)) ^ c[1] ^ np.uint64(k0),
            q & low,
            (p >> np.uint64(32)) ^ c[3] ^ np.uint64(k1),
            p & low,
        ]
        k0, k1 = (k0 + 0x9E3779B9) % 2**32, (k1 + 0xBB67AE85) % 2**32
    return np.stack(c, 1).reshape(-1)[:count]


def wide_words(seed: int, offset: int, count: int) -> np.ndarray:
    words = philox_words(seed, offset, 2 * count)
    return ((words[0::2] | words[1::2] << np.uint64(32)) & np.uint64(2**63 - 1)).astype(np.int64)


def uniform(seed: int, offset: int, count: int, bits: int) -> np.ndarray:
    words = (
        wide_words(seed, offset, count) if bits > 24 else philox_words(seed, offset, count).astype(np.int64)
    )
    return (words & (2**bits - 1)) * 2.0**-bits


def draw(
    name: str, count: int, dtype: torch.dtype, seed: int, offset: int, **attributes: object
) -> np.ndarray:
    out = torch.empty(count, dtype=dtype)
    assert launch("random", name, [out], [], attributes, (seed, offset)) == 0
    return out.double().numpy() if dtype.is_floating_point else out.numpy()


def test_known_answer():
    """The first vector of Random123's kat_vectors: all words of counter and key zero."""
    bits = draw("random_bits", 4, torch.int32, 0, 0).view(np.uint32)
    assert [hex(w) for w in bits] == ["0x6627e8d5", "0xe169c58d", "0xbc57ac4c", "0x9b00dbd8"]


@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize(("seed", "offset"), SEEDS)
def test_bits(seed, offset, count):
    words = philox_words(seed, offset, count)
    np.testing.assert_array_equal(
        draw("random_bits", count, torch.int32, seed, offset).view(np.uint32), words
    )
    np.testing.assert_array_equal(
        draw("random_bits", count, torch.int64, seed, offset), wide_words(seed, offset, count)
    )


@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize(
    "dtype, bits", [(torch.float16, 11), (torch.bfloat16, 8), (torch.float32, 24), (torch.float64, 53)]
)
def test_uniform_and_normal(dtype, bits, count):
    np.testing.assert_array_equal(draw("rand", count, dtype, 1234, 5), uniform(1234, 5, count, bits))
    half = (count + 1) // 2
    u = uniform(1234, 5, 2 * half, 53 if bits == 53 else 24)
    radius, angle = np.sqrt(-2 * np.log(1 - u[:half])), u[half:] * 2 * math.pi
    expected = np.concatenate([radius * np.cos(angle), radius * np.sin(angle)])[:count]
    bound = {11: 2e-3, 8: 1.6e-2, 24: 4e-6, 53: 1e-13}[bits]
    np.testing.assert_allclose(draw("randn", count, dtype, 1234, 5), expected, rtol=bound, atol=bound)


@pytest.mark.parametrize("p", [0.0, 0.1, 0.5, 1.0])
def test_dropout_mask(p):
    mask = draw("dropout_mask", 5000, torch.bool, 7, 3, p=p)
    np.testing.assert_array_equal(mask, uniform(7, 3, 5000, 24) >= np.float32(p))
    assert abs(mask.mean() - (1 - p)) < 0.03


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_bernoulli(dtype):
    p, out = torch.linspace(0, 1, 3001).to(dtype), torch.empty(3001, dtype=dtype)
    assert launch("random", "bernoulli", [out], [p], {}, (7, 3)) == 0
    expected = uniform(7, 3, 3001, 53 if dtype is torch.float64 else 24) < p.double().numpy()
    np.testing.assert_array_equal(out.double().numpy(), expected)


@pytest.mark.parametrize(
    "dtype",
    [
        torch.bool,
        torch.uint8,
        torch.int8,
        torch.int16,
        torch.int32,
        torch.int64,
        torch.float16,
        torch.bfloat16,
        torch.float32,
        torch.float64,
    ],
)
def test_integers(dtype):
    low, high = (0, 2) if dtype is torch.bool else (0, 200) if dtype is torch.uint8 else (-100, 27)
    expected = torch.tensor(wide_words(7, 3, 2000) % (high - low) + low).to(dtype)
    found = draw("randint", 2000, dtype, 7, 3, low=low, high=high)
    np.testing.assert_array_equal(
        found, expected.double().numpy() if dtype.is_floating_point else expected.numpy()
    )


def test_refuses_what_it_cannot_do():
    wide = torch.empty(4, dtype=torch.int64)
    assert launch("random", "randint", [wide], [], {"low": -(2**63), "high": 2**63 - 1}, (0, 0)) is None
    assert launch("random", "rand", [torch.empty(4, 2)[:, 0]], [], {}, (0, 0)) is None
