"""Counter-based random numbers: the same seed and offset give the same numbers on every device.

Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", 2011): the key is the seed (low
word, high word), the counter is the block's number plus offset in its first two words, and every block gives
four 32-bit words.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final

from .. import dtypes
from ..errors import DTypeError, ShapeError
from ..layout import Layout, dense
from ..op import ErrorCase, Input, Op, Sample
from . import F
from .common import Shape, Tensor, checked_shape, numel_of, sample, to_dtype

# how many random bits a uniform number in [0, 1) of each dtype has: as many as its significand holds
_BITS: Final = {dtypes.float16: 11, dtypes.bfloat16: 8, dtypes.float32: 24, dtypes.float64: 53}


def blocks(numel: int) -> int:
    """How far a generator's offset moves on for an op that draws ``numel`` numbers
    of any dtype and distribution.
    """
    return numel // 2 + 2


def _infer_bits(shape: Shape, seed: int, offset: int, dtype: dtypes.DType, device: object = None) -> Layout:
    if dtype is not dtypes.int32 and dtype is not dtypes.int64:
        raise DTypeError(
            f"random_bits gives int32 or int64, not {dtype.name}; use rand() for floating numbers"
        )
    return dense(checked_shape(shape), dtype)


def _infer_floating(name: str) -> Callable[..., Layout]:
    def infer(shape: Shape, seed: int, offset: int, dtype: dtypes.DType, device: object = None) -> Layout:
        if not dtype.is_floating_point:
            raise DTypeError(
                f'{name}: "check_uniform_bounds" not implemented for {dtype.name}; give a floating-point '
                f"dtype, or use randint()"
            )
        return dense(checked_shape(shape), dtype)

    return infer


def _decompose_rand(shape: Shape, seed: int, offset: int, dtype: dtypes.DType, device: Any = None) -> Tensor:
    """The low bits of each word, as many as the dtype holds, times 2 to minus their number."""
    bits = _BITS[dtype]
    words = F.random_bits(shape, seed, offset, dtypes.int64 if bits > 24 else dtypes.int32, device=device)
    uniform = F.cast(F.bitwise_and(words, (1 << bits) - 1), dtypes.float64 if bits > 24 else dtypes.float32)
    return to_dtype(F.mul(uniform, 2.0**-bits), dtype)


def _decompose_randn(shape: Shape, seed: int, offset: int, dtype: dtypes.DType, device: Any = None) -> Tensor:
    """Box and Muller (1958): a pair of uniform numbers gives a pair of normal ones;
    the first half are the cosines.
    """
    wide = dtypes.float64 if dtype is dtypes.float64 else dtypes.float32
    count = numel_of(shape)
    half = (count + 1) // 2
    uniform = F.rand((2 * half,), seed, offset, wide, device=device)
    radius = F.sqrt(F.mul(F.log(F.sub(1.0, F.slice(uniform, 0, 0, half, 1))), -2.0))
    angle = F.mul(F.slice(uniform, 0, half, half, 1), 6.283185307179586)
    both = F.cat([F.mul(radius, F.cos(angle)), F.mul(radius, F.sin(angle))], 0)
    if count != 2 * half:
        both = F.copy(F.slice(both, 0, 0, count, 1))
    return F.view(to_dtype(both, dtype), shape)


def _infer_randint(
    low: int, high: int, shape: Shape, seed: int, offset: int, dtype: dtypes.DType, device: object = None
) -> Layout:
    if low >= high:
        raise ShapeError(
            f"random_ expects 'from' to be less than 'to', but got from={low} >= to={high}; give low < high"
        )
    if low < dtype.min or high - 1 > dtype.max:
        raise ShapeError(
            f"randint: numbers in [{low}, {high}) are out of bounds for {dtype.name}, which holds "
            f"[{dtype.min}, {dtype.max}]"
        )
    return dense(checked_shape(shape), dtype)


def _decompose_randint(
    low: int, high: int, shape: Shape, seed: int, offset: int, dtype: dtypes.DType, device: Any = None
) -> Tensor:
    words, span = F.random_bits(shape, seed, offset, dtypes.int64, device=device), high - low
    if span < 1 << 63:
        return to_dtype(F.add(F.remainder(words, span), low), dtype)
    # no number of int64 is the span, but words without a sign hold it at most once: it is taken from those
    # of them that are at least the span, which as numbers with a sign are negative, like it
    least = span - (1 << 64)
    beyond = F.bitwise_and(F.ge(words, least), F.lt(words, 0))
    return to_dtype(F.add(F.where(beyond, F.sub(words, least), words), low), dtype)


def _infer_mask(shape: Shape, p: float, seed: int, offset: int, device: object = None) -> Layout:
    if not 0.0 <= p <= 1.0:
        raise ShapeError(f"dropout probability has to be between 0 and 1, but got {p}")
    return dense(checked_shape(shape), dtypes.bool_)


def _decompose_mask(shape: Shape, p: float, seed: int, offset: int, device: Any = None) -> Tensor:
    return F.ge(F.rand(shape, seed, offset, dtypes.float32, device=device), p)


def _infer_bernoulli(input: Layout, seed: int, offset: int) -> Layout:
    if not input.dtype.is_floating_point:
        raise DTypeError(f"bernoulli takes probabilities of a floating-point dtype, not {input.dtype.name}")
    return dense(input.shape, input.dtype)


def _decompose_bernoulli(input: Tensor, seed: int, offset: int) -> Tensor:
    uniform = F.rand(
        input.shape,
        seed,
        offset,
        dtypes.float64 if input.dtype is dtypes.float64 else dtypes.float32,
        device=input.device,
    )
    return to_dtype(F.lt(uniform, input), input.dtype)


def _infer_randperm(
    length: int, seed: int, offset: int, dtype: dtypes.DType, device: object = None
) -> Layout:
    return dense(checked_shape((length,)), dtype)


def _decompose_randperm(
    length: int, seed: int, offset: int, dtype: dtypes.DType, device: Any = None
) -> Tensor:
    """The order that sorts random 63-bit keys."""
    return to_dtype(
        F.argsort(F.random_bits((length,), seed, offset, dtypes.int64, device=device), 0, False), dtype
    )


def _draws(*dtype_list: dtypes.DType) -> Callable[[], Iterable[Sample]]:
    def samples() -> Iterable[Sample]:
        for dtype in dtype_list:
            for shape in ((), (7,), (3, 5), (0, 3), (1025,)):
                yield sample(shape, 1234, 5, dtype, note=f"{dtype.name} {shape}")
            yield sample((6,), 2**63 - 1, 2**40 + 3, dtype, note=f"{dtype.name} large seed and offset")

    return samples


def _floating_errors() -> Iterable[ErrorCase]:
    yield ErrorCase(((2,), 0, 0, dtypes.int64), "DTypeError", "int64")


def _op(schema: str, tier: int, **columns: Any) -> Op:
    return Op(schema, tier=tier, family="random", autocast="none", **columns)


OPS: tuple[Op, ...] = (
    _op(
        "random_bits(int[] shape, int! seed, int! offset, dtype dtype, device? device=None)",
        2,
        infer=_infer_bits,
        samples=_draws(dtypes.int32, dtypes.int64),
        errors=lambda: [ErrorCase(((2,), 0, 0, dtypes.float32), "DTypeError", "not float32")],
        doc="Random words. int32: element i is word i % 4 of block i / 4. int64: words 2 (i % 2) "
        "and the next (high) of block i / 2, without the top bit. Source: Philox4x32-10.",
        shapes="-> [*shape]",
    ),
    _op(
        "rand(int[] shape, int! seed, int! offset, dtype dtype, device? device=None)",
        4,
        infer=_infer_floating("rand"),
        decompose=_decompose_rand,
        samples=_draws(*dtypes.FLOATS),
        errors=_floating_errors,
        doc="Uniform numbers in [0, 1). Source: torch.rand.",
        shapes="-> [*shape]",
    ),
    _op(
        "randn(int[] shape, int! seed, int! offset, dtype dtype, device? device=None)",
        4,
        infer=_infer_floating("randn"),
        decompose=_decompose_randn,
        samples=_draws(*dtypes.FLOATS),
        tolerance="usable",
        errors=_floating_errors,
        doc="Normal numbers of mean 0 and variance 1. Source: torch.randn.",
        shapes="-> [*shape]",
    ),
    _op(
        "randint(int low, int high, int[] shape, int! seed, int! offset, dtype dtype, device? device=None)",
        4,
        infer=_infer_randint,
        decompose=_decompose_randint,
        samples=lambda: [
            sample(0, 10, (3, 5), 1234, 5, dtypes.int64),
            sample(-5, 6, (100,), 7, 0, dtypes.int32),
            sample(-(1 << 62), 1 << 62, (100,), 7, 0, dtypes.int64, note="a span beyond int64"),
            sample(-(1 << 63), (1 << 63) - 5, (100,), 7, 0, dtypes.int64, note="nearly all of int64"),
            sample(0, 2, (), 7, 0, dtypes.float32),
            sample(0, 256, (0,), 7, 0, dtypes.uint8),
        ],
        errors=lambda: [
            ErrorCase((3, 3, (2,), 0, 0, dtypes.int64), "ShapeError", "from=3 >= to=3"),
            ErrorCase((0, 300, (2,), 0, 0, dtypes.uint8), "ShapeError", "out of bounds for uint8"),
        ],
        doc="Whole numbers in [low, high). Source: torch.randint.",
        shapes="-> [*shape]",
    ),
    _op(
        "dropout_mask(int[] shape, float p, int! seed, int! offset, device? device=None)",
        4,
        infer=_infer_mask,
        decompose=_decompose_mask,
        samples=lambda: [
            sample((3, 5), 0.5, 1234, 5),
            sample((100,), 0.1, 7, 0),
            sample((4,), 0.0, 7, 0),
            sample((4,), 1.0, 7, 0),
            sample((0,), 0.5, 7, 0),
        ],
        errors=lambda: [ErrorCase(((2,), 1.5, 0, 0), "ShapeError", "between 0 and 1, but got 1.5")],
        doc="Bools that are true with probability 1 - p: what dropout keeps. Source: "
        "torch.nn.functional.dropout.",
        shapes="-> [*shape]",
    ),
    _op(
        "bernoulli(Tensor input, int! seed, int! offset)",
        4,
        infer=_infer_bernoulli,
        decompose=_decompose_bernoulli,
        dtypes="floating",
        samples=lambda: [
            sample(Input((3, 5), 0.0, 1.0), 1234, 5),
            sample(Input((4,), values=(0, 0, 1, 1)), 7, 0),
            sample(Input((4, 6), 0.0, 1.0, layout="transposed"), 7, 0),
        ],
        errors=lambda: [ErrorCase((Input((2,), dtype="int64"), 0, 0), "DTypeError", "int64")],
        doc="1 with the probability that each element says, else 0. Source: torch.bernoulli.",
    ),
    _op(
        "randperm(int length, int! seed, int! offset, dtype dtype, device? device=None)",
        4,
        infer=_infer_randperm,
        decompose=_decompose_randperm,
        samples=lambda: [
            sample(10, 1234, 5, dtypes.int64),
            sample(0, 7, 0, dtypes.int64),
            sample(1, 7, 0, dtypes.int32),
        ],
        errors=lambda: [ErrorCase((-1, 0, 0, dtypes.int64), "ShapeError", "negative dimension -1")],
        doc="The numbers below length in random order. Source: torch.randperm.",
        shapes="-> [length]",
    ),
)
