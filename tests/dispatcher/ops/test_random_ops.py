"""Random ops: Philox's published vectors, where each word goes, and the distributions made of them."""

from __future__ import annotations

import math

import pytest

torch = pytest.importorskip("torch")

from op_samples import to_tensorplug, to_torch  # noqa: E402

from tensorplug_dispatcher import dtypes  # noqa: E402
from tensorplug_dispatcher.ops import F  # noqa: E402
from tensorplug_dispatcher.ops.random import blocks  # noqa: E402

MASK = 0xFFFFFFFF


def philox(counter: tuple[int, ...], key: tuple[int, int]) -> list[int]:
    """Philox4x32-10 on Python integers."""
    c, k = list(counter), list(key)
    for _ in range(10):
        first, second = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
        c = [(second >> 32) ^ c[1] ^ k[0], second & MASK, (first >> 32) ^ c[3] ^ k[1], first & MASK]
        k = [(k[0] + 0x9E3779B9) & MASK, (k[1] + 0xBB67AE85) & MASK]
    return c


def words(count: int, seed: int, offset: int) -> list[int]:
    found: list[int] = []
    block = offset
    while len(found) < count:
        found += philox((block & MASK, block >> 32 & MASK, 0, 0), (seed & MASK, seed >> 32 & MASK))
        block += 1
    return found[:count]


def test_the_reference_gives_the_published_vectors() -> None:
    """Known answers of Random123 (kat_vectors, philox4x32 with 10 rounds)."""
    assert philox((0, 0, 0, 0), (0, 0)) == [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]
    assert philox((MASK,) * 4, (MASK, MASK)) == [0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD]
    pi = (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344)
    assert philox(pi, (0xA4093822, 0x299F31D0)) == [0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1]


@pytest.mark.parametrize("seed", [0, 1234, 2**40 + 5, 2**63 - 1])
@pytest.mark.parametrize("offset", [0, 3, 2**32 - 1, 2**40])
@pytest.mark.parametrize("count", [1, 4, 7, 1030])
def test_random_bits(seed: int, offset: int, count: int) -> None:
    narrow = to_torch(F.random_bits((count,), seed, offset, dtypes.int32)).tolist()
    assert [w & MASK for w in narrow] == words(count, seed, offset)
    wide = to_torch(F.random_bits((count,), seed, offset, dtypes.int64)).tolist()
    low_high = words(2 * count, seed, offset)
    assert wide == [
        (low | high << 32) & 0x7FFFFFFFFFFFFFFF
        for low, high in zip(low_high[::2], low_high[1::2], strict=True)
    ]


@pytest.mark.parametrize(
    ("dtype", "bits"), [(dtypes.float32, 24), (dtypes.float16, 11), (dtypes.bfloat16, 8)]
)
def test_rand_is_the_low_bits_of_each_word(dtype: dtypes.DType, bits: int) -> None:
    values = to_torch(F.rand((257,), 7, 11, dtype)).double().tolist()
    assert values == [(w & ((1 << bits) - 1)) * 2.0**-bits for w in words(257, 7, 11)]


def test_rand_float64_has_53_bits() -> None:
    values = to_torch(F.rand((100,), 7, 11, dtypes.float64)).tolist()
    wide = to_torch(F.random_bits((100,), 7, 11, dtypes.int64)).tolist()
    assert values == [(w & ((1 << 53) - 1)) * 2.0**-53 for w in wide]


@pytest.mark.parametrize("dtype", dtypes.FLOATS, ids=lambda d: d.name)
def test_rand_is_uniform(dtype: dtypes.DType) -> None:
    values = to_torch(F.rand((100, 1000), 1, 0, dtype)).double()
    assert values.min() >= 0 and values.max() < 1
    assert abs(values.mean() - 0.5) < 0.006
    assert abs(values.var() - 1 / 12) < 0.003


@pytest.mark.parametrize("dtype", dtypes.FLOATS, ids=lambda d: d.name)
@pytest.mark.parametrize("shape", [(100, 1000), (99, 1001)])
def test_randn_is_normal(dtype: dtypes.DType, shape: tuple[int, int]) -> None:
    values = to_torch(F.randn(shape, 1, 0, dtype)).double().flatten()
    assert values.isfinite().all()
    assert abs(values.mean()) < 0.02
    assert abs(values.var() - 1) < 0.02
    assert abs((values**4).mean() - 3) < 0.15
    below = float((values < 1.0).double().mean())
    assert abs(below - 0.5 * (1 + math.erf(1 / math.sqrt(2)))) < 0.006
    halves = values[: values.numel() // 2], values[-(values.numel() // 2) :]
    assert abs((halves[0] * halves[1]).mean()) < 0.02


def test_randint_takes_every_value_within_its_bounds() -> None:
    values = to_torch(F.randint(-3, 4, (7000,), 5, 0, dtypes.int64))
    counts = torch.bincount(values + 3, minlength=7)
    assert counts.numel() == 7 and counts.min() > 850


def test_randperm_is_a_permutation() -> None:
    order = to_torch(F.randperm(1000, 5, 0, dtypes.int64))
    assert order.sort().values.tolist() == list(range(1000))
    assert order.tolist() != list(range(1000))


@pytest.mark.parametrize("p", [0.0, 0.1, 0.5, 1.0])
def test_dropout_mask_keeps_its_share(p: float) -> None:
    kept = to_torch(F.dropout_mask((100, 1000), p, 5, 0))
    assert kept.dtype == torch.bool
    assert abs(float(kept.double().mean()) - (1 - p)) < 0.006
    if p in (0.0, 1.0):
        assert bool(kept.all()) is (p == 0.0) and bool(kept.any()) is (p == 0.0)


def test_bernoulli_follows_each_probability() -> None:
    probabilities = torch.tensor([0.0, 0.25, 0.75, 1.0]).repeat(20000, 1)
    drawn = to_torch(F.bernoulli(to_tensorplug(probabilities), 5, 0)).double().mean(0)
    assert torch.allclose(drawn, torch.tensor([0.0, 0.25, 0.75, 1.0]).double(), atol=0.015)


def test_streams_of_neighbouring_offsets_do_not_overlap() -> None:
    """An offset moved on by ``blocks`` starts behind all that a call has used, whatever the call was."""
    for count in (0, 1, 5, 8):
        step = blocks(count)
        used = max(
            -(-count // 4),  # 32-bit numbers, four a block
            -(-count // 2),  # 64-bit numbers, two a block
            -(-2 * (-(-count // 2)) // 2),  # normal numbers in float64: an even number of 64-bit ones
        )
        assert step >= used
    first = to_torch(F.randn((7,), 1, 0, dtypes.float64)).tolist()
    second = to_torch(F.randn((7,), 1, blocks(7), dtypes.float64)).tolist()
    assert not set(first) & set(second)
