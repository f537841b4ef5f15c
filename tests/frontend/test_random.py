"""Random numbers: counter-based, repeatable, and of the right distribution."""

from __future__ import annotations

import math

import pytest

import tensorplug as tp
from tensorplug_dispatcher.ops import F


def test_a_seed_gives_the_same_numbers_again() -> None:
    draws = []
    for _ in range(2):
        tp.manual_seed(1234)
        draws.append(
            [
                tp.rand(5).tolist(),
                tp.randn(3).tolist(),
                tp.randint(0, 10, (4,)).tolist(),
                tp.randperm(6).tolist(),
                tp.bernoulli(tp.full((8,), 0.5)).tolist(),
                tp.empty(3).uniform_().tolist(),
                tp.multinomial(tp.ones(5), 3).tolist(),
            ]
        )
    assert draws[0] == draws[1]
    tp.manual_seed(1235)
    assert tp.rand(5).tolist() != draws[0][0]


def test_draws_follow_each_other_without_overlap() -> None:
    tp.manual_seed(0)
    first, second = tp.rand(1000), tp.rand(1000)
    assert (
        not set(first.tolist()) & set(second.tolist()) or len(set(first.tolist()) & set(second.tolist())) < 3
    )
    generator = tp.Generator().manual_seed(0)
    assert tp.rand(1000, generator=generator).tolist() == first.tolist()
    assert tp.rand(1000, generator=generator).tolist() == second.tolist()


def test_state_can_be_kept() -> None:
    generator = tp.Generator()
    assert generator.initial_seed() == tp.random.DEFAULT_SEED
    generator.manual_seed(-1)
    assert generator.initial_seed() == 2**64 - 1
    tp.rand(3, generator=generator)
    state = generator.get_state()
    assert state.dtype is tp.uint8 and state.shape == (16,)
    first = tp.rand(3, generator=generator).tolist()
    other = tp.Generator()
    other.set_state(state)
    assert tp.rand(3, generator=other).tolist() == first
    with pytest.raises(tp.SignatureError, match="uint8 tensor of 16 bytes"):
        other.set_state(tp.ones(3))
    with pytest.raises(tp.ShapeError, match=r"from -2\*\*63 to 2\*\*64 - 1, but got 18446744073709551616"):
        generator.manual_seed(2**64)
    tp.manual_seed(3)
    with tp.random.fork_rng():
        inside = tp.rand(2).tolist()
    assert tp.rand(2).tolist() == inside


@pytest.mark.parametrize("dtype", [tp.float16, tp.bfloat16, tp.float32, tp.float64])
def test_uniform(dtype: tp.dtype) -> None:
    tp.manual_seed(7)
    x = tp.rand(20000, dtype=dtype).double()
    assert 0 <= x.min() and x.max() < 1
    assert abs(x.mean().item() - 0.5) < 0.01 and abs(x.var().item() - 1 / 12) < 0.003
    y = tp.empty(20000, dtype=dtype).uniform_(-2, 3).double()
    assert -2 <= y.min() and y.max() <= 3 and abs(y.mean().item() - 0.5) < 0.05


@pytest.mark.parametrize("dtype", [tp.float32, tp.float64])
def test_normal(dtype: tp.dtype) -> None:
    tp.manual_seed(7)
    x = tp.randn(40000, dtype=dtype)
    assert abs(x.mean().item()) < 0.02 and abs(x.var().item() - 1) < 0.03
    assert abs((x < -1.96).float().mean().item() - 0.025) < 0.004
    assert abs((x**4).mean().item() - 3) < 0.2
    y = tp.normal(2.0, 3.0, (40000,), dtype=dtype)
    assert abs(y.mean().item() - 2) < 0.06 and abs(y.std().item() - 3) < 0.06
    z = tp.normal(tp.tensor([0.0, 100.0]), tp.tensor([1.0, 0.0]))
    assert z[1] == 100 and z.shape == (2,)


def test_integers() -> None:
    tp.manual_seed(7)
    x = tp.randint(-3, 4, (7000,))
    assert x.dtype is tp.int64 and sorted(set(x.tolist())) == list(range(-3, 4))
    assert all(800 < n < 1200 for n in tp.bincount(x + 3).tolist())
    assert tp.randint(5, (3,)).shape == (3,) and tp.randint(high=5, size=(2, 2)).shape == (2, 2)
    assert tp.randint(0, 2, (5,), dtype=tp.float32).dtype is tp.float32
    with pytest.raises(RuntimeError, match="from=5 >= to=3"):
        tp.randint(5, 3, (2,))
    assert 0 <= tp.empty(100, dtype=tp.int8).random_().min() and tp.empty(100).random_(5).max() < 5
    assert tp.empty(50, dtype=tp.int64).random_(3, 5).min() >= 3


def test_permutations() -> None:
    tp.manual_seed(7)
    assert sorted(tp.randperm(100).tolist()) == list(range(100)) and tp.randperm(0).shape == (0,)
    assert len({tuple(tp.randperm(3).tolist()) for _ in range(100)}) == 6
    with pytest.raises(RuntimeError, match="n must be non-negative, but got -1"):
        tp.randperm(-1)


def test_bernoulli() -> None:
    tp.manual_seed(7)
    assert abs(tp.bernoulli(tp.full((10000,), 0.3)).mean().item() - 0.3) < 0.02
    assert tp.bernoulli(tp.tensor([0.0, 1.0])).tolist() == [0, 1]
    assert abs(tp.empty(10000).bernoulli_(0.7).mean().item() - 0.7) < 0.02
    with pytest.raises(RuntimeError, match="Expected p_in >= 0 && p_in <= 1"):
        tp.bernoulli(tp.tensor([1.5]))


def test_multinomial() -> None:
    tp.manual_seed(7)
    weights = tp.tensor([0.0, 1.0, 3.0])
    drawn = tp.multinomial(weights, 8000, replacement=True)
    counts = tp.bincount(drawn, minlength=3).tolist()
    assert counts[0] == 0 and abs(counts[1] / 8000 - 0.25) < 0.02
    assert sorted(tp.multinomial(weights, 2).tolist()) == [1, 2]
    assert tp.multinomial(weights.expand(4, 3), 2).shape == (4, 2)
    with pytest.raises(RuntimeError, match="without replacement: 4 > 3"):
        tp.multinomial(weights, 4)
    with pytest.raises(RuntimeError, match="sum of probabilities <= 0"):
        tp.multinomial(tp.zeros(3), 1)


def test_others_in_place() -> None:
    tp.manual_seed(7)
    assert abs(tp.empty(20000).exponential_(2.0).mean().item() - 0.5) < 0.02
    assert abs(math.log(tp.empty(20000).log_normal_(0.0, 0.5).median().item())) < 0.05
    assert abs(tp.empty(20000).normal_(1, 2).std().item() - 2) < 0.05
    with pytest.raises(TypeError, match="fills floating-point tensors"):
        tp.ones(3, dtype=tp.int64).normal_()


def test_the_dtype_must_be_floating() -> None:
    with pytest.raises(TypeError, match="int64"):
        tp.rand(3, dtype=tp.int64)


def test_out_says_the_dtype_and_is_resized() -> None:
    for draw in (tp.rand, tp.randn):
        wide = tp.zeros(1000, dtype=tp.float64)
        draw(1000, out=wide)
        assert (wide != wide.float().double()).any()  # not drawn in float32
    chosen = tp.zeros(0, dtype=tp.int64)
    assert tp.multinomial(tp.ones(5), 3, out=chosen) is chosen and chosen.shape == (3,)
    assert tp.logspace(0, 1, 3, out=tp.zeros(3, dtype=tp.float64))[1].item() == pytest.approx(
        10**0.5, rel=1e-15
    )


@pytest.mark.parametrize(
    ("low", "high"),
    [(-(1 << 62), 1 << 62), (-(1 << 63), (1 << 63) - 7), (-(1 << 63), 1 << 62), (-5, 1 << 62)],
)
def test_randint_of_spans_that_int64_does_not_hold(low: int, high: int) -> None:
    """Each number is the word of its place without a sign, modulo the span, from ``low`` on."""
    found = F.randint(low, high, (2000,), 7, 3, tp.int64).tolist()
    words = F.random_bits((2000,), 7, 3, tp.int64).tolist()
    if high - low < 1 << 63:
        assert found == [low + w % (high - low) for w in words]
    else:
        assert found == [low + (w % (1 << 64)) % (high - low) for w in words]
    assert min(found) >= low and max(found) < high
