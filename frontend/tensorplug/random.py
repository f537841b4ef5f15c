"""Random numbers: counter-based (Philox), so that one seed gives the same numbers on every device.

A ``Generator`` is a seed and an offset; every draw advances the offset by the blocks of four 32-bit words it
used.
"""

from __future__ import annotations

import math
import threading

from tensorplug_dispatcher import dtypes
from tensorplug_dispatcher.dtypes import FLOATING, DType
from tensorplug_dispatcher.errors import DTypeError, ShapeError, SignatureError
from tensorplug_dispatcher.layout import broadcast_shapes
from tensorplug_dispatcher.ops import F
from tensorplug_dispatcher.ops.random import blocks
from tensorplug_dispatcher.steps import Restoring
from tensorplug_dispatcher.tensor import TensorBase

from ._arguments import (
    check_fits,
    check_layout_options,
    check_out,
    device_argument,
    dtype_argument,
    dtype_of_out,
    finished,
    floating_dtype,
    integer,
    outside,
    shape_argument,
    shape_of,
)
from ._creation import tensor
from ._public import public

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from tensorplug_dispatcher.storage import Device

    from ._tensor import Tensor

DEFAULT_SEED = 67280421310721  # PyTorch's
MASK = (1 << 64) - 1


class Generator:
    """A stream of random numbers: ``seed`` names it, ``offset`` counts the blocks of four words drawn so far.

    ``device`` is accepted for PyTorch's sake; one generator serves all devices.
    """

    def __init__(self, device: Any = "cpu") -> None:
        self.device = device_argument(device) if device != "cpu" else device
        self._lock = threading.Lock()
        self._seed = DEFAULT_SEED
        self._offset = 0

    def manual_seed(self, seed: int) -> Generator:
        """Start the stream called ``seed`` from its beginning; negative seeds count from 2**64."""
        seed = integer(seed, "manual_seed", "seed")
        if not -(1 << 63) <= seed <= MASK:
            raise ShapeError(f"manual_seed(): expected a seed from -2**63 to 2**64 - 1, but got {seed}")
        with self._lock:
            self._seed, self._offset = seed & MASK, 0
        return self

    def initial_seed(self) -> int:
        """The seed of the stream."""
        return self._seed

    def seed(self) -> int:
        """Start a stream with a seed from the operating system; returns the seed."""
        import os

        seed = int.from_bytes(os.urandom(8), "little")
        self.manual_seed(seed)
        return seed

    def advance(self, blocks: int) -> tuple[int, int]:
        """The (seed, offset) of a draw of ``blocks`` blocks, which are used up."""
        with self._lock:
            start = self._offset
            self._offset = (start + blocks) & MASK
        return _signed(self._seed), _signed(start)

    def get_state(self) -> Tensor:
        """The state as a uint8 tensor of 16 bytes: seed and offset, little-endian."""
        with self._lock:
            data = self._seed.to_bytes(8, "little") + self._offset.to_bytes(8, "little")
        return tensor(list(data), dtype=dtypes.uint8, device="cpu")

    def set_state(self, state: Tensor) -> Generator:
        """Continue from a state that ``get_state`` gave."""
        if not isinstance(state, TensorBase) or state.dtype is not dtypes.uint8 or state.numel() != 16:
            raise SignatureError(
                "set_state(): a state is a uint8 tensor of 16 bytes from get_state(), not "
                f"{type(state).__name__}"
            )
        data = bytes(state.tolist())
        with self._lock:
            self._seed, self._offset = int.from_bytes(data[:8], "little"), int.from_bytes(data[8:], "little")
        return self

    def clone_state(self) -> Generator:
        """Another generator that goes on from the same place."""
        copy = Generator(self.device)
        copy._seed, copy._offset = self._seed, self._offset
        return copy

    def __reduce__(self) -> Any:
        return _rebuild, (self._seed, self._offset)

    def __repr__(self) -> str:
        return f"<tensorplug.Generator seed={self._seed} offset={self._offset}>"


def _rebuild(seed: int, offset: int) -> Generator:
    generator = Generator()
    generator._seed, generator._offset = seed, offset
    return generator


def _signed(word: int) -> int:
    return word - (1 << 64) if word >> 63 else word


default_generator = Generator()


@public("function")
def manual_seed(seed: int) -> Generator:
    """Seed the default generator of all devices.

    Source: torch.manual_seed.
    """
    return default_generator.manual_seed(seed)


@public("function")
def seed() -> int:
    """Seed the default generator from the operating system; returns the seed.

    Source: torch.seed.
    """
    return default_generator.seed()


@public("function")
def initial_seed() -> int:
    """The seed of the default generator.

    Source: torch.initial_seed.
    """
    return default_generator.initial_seed()


@public("function")
def get_rng_state() -> Tensor:
    """The default generator's state, a uint8 tensor.

    Shapes: -> [n]; dtypes: uint8. Source: torch.get_rng_state.
    """
    return default_generator.get_state()


@public("function")
def set_rng_state(new_state: Tensor) -> None:
    """Set the default generator's state.

    Shapes: [n]; dtypes: uint8. Source: torch.set_rng_state.
    """
    default_generator.set_state(new_state)


class fork_rng(Restoring):
    """Context manager: the default generator's state is put back at the end."""

    def __init__(self, devices: Any = None, enabled: bool = True) -> None:
        self.enabled = enabled

    def _before(self) -> tuple[int, int]:
        return default_generator._seed, default_generator._offset

    def _apply(self, before: Any) -> None:
        return None

    def _restore(self, before: tuple[int, int]) -> None:
        if self.enabled:
            default_generator._seed, default_generator._offset = before


# -- draws ---------------------------------------------------------------------------------------------------


def take(count: int, generator: Generator | None = None) -> tuple[int, int]:
    """The (seed, offset) for an op that draws ``count`` numbers; the generator moves on."""
    return (generator or default_generator).advance(blocks(count))


def uniform(shape: tuple[int, ...], dtype: DType, device: Device, generator: Generator | None = None) -> Any:
    """Uniform numbers in [0, 1)."""
    return F.rand.call((shape, *take(math.prod(shape), generator), dtype, device))


def standard_normal(
    shape: tuple[int, ...], dtype: DType, device: Device, generator: Generator | None = None
) -> Any:
    """Numbers of the normal distribution with mean 0 and variance 1."""
    return F.randn.call((shape, *take(math.prod(shape), generator), dtype, device))


def integers(
    low: int,
    high: int,
    shape: tuple[int, ...],
    dtype: DType,
    device: Device,
    generator: Generator | None = None,
) -> Any:
    """Uniform integers in [low, high)."""
    return F.randint(low, high, shape, *take(math.prod(shape), generator), dtype, device=device)


# -- functions -----------------------------------------------------------------------------------------------


@public("function")
def rand(
    *size: Any,
    dtype: Any = None,
    device: Any = None,
    out: Tensor | None = None,
    requires_grad: bool = False,
    generator: Generator | None = None,
    **options: Any,
) -> Tensor:
    """Uniform numbers in [0, 1) of shape ``size``.

    Shapes: -> [*size]; dtypes: floating. Source: torch.rand.
    """
    shape = shape_of("rand", size, options)
    made = uniform(shape, floating_dtype(dtype_of_out(dtype, out)), device_argument(device), generator)
    return finished(made, out, requires_grad, dtype)


@public("function")
def randn(
    *size: Any,
    dtype: Any = None,
    device: Any = None,
    out: Tensor | None = None,
    requires_grad: bool = False,
    generator: Generator | None = None,
    **options: Any,
) -> Tensor:
    """Numbers of the standard normal distribution of shape ``size``.

    Shapes: -> [*size]; dtypes: floating. Source: torch.randn.
    """
    shape = shape_of("randn", size, options)
    kind = floating_dtype(dtype_of_out(dtype, out))
    made = standard_normal(shape, kind, device_argument(device), generator)
    return finished(made, out, requires_grad, dtype)


@public("function")
def randint(
    *args: Any,
    low: int | None = None,
    high: int | None = None,
    size: Any = None,
    dtype: Any = None,
    device: Any = None,
    out: Tensor | None = None,
    requires_grad: bool = False,
    generator: Generator | None = None,
    **options: Any,
) -> Tensor:
    """``randint(low=0, high, size)``: uniform integers in [low, high), int64 unless ``dtype`` is given.

    Shapes: -> [*size]; dtypes: any but bool. Raises SignatureError for arguments that do not go together.
    Source: torch.randint.
    """
    check_layout_options("randint", options)
    rest = list(args)
    if size is None:
        if not rest:
            raise SignatureError("randint() misses its argument 'size'; call randint(low, high, size)")
        size = rest.pop()
    if high is None:
        if not rest:
            raise SignatureError("randint() misses its argument 'high'; call randint(low, high, size)")
        high = rest.pop()
    if rest and low is None:
        low = rest.pop()
    if rest:
        raise SignatureError(f"randint() got too many arguments: {args!r}; call randint(low, high, size)")
    wanted = dtype_of_out(dtype, out)
    kind = dtypes.int64 if wanted is None else dtype_argument(wanted)
    made = integers(
        integer(low or 0, "randint", "low"),
        integer(high, "randint", "high"),
        shape_argument((size,), "randint"),
        kind,
        device_argument(device),
        generator,
    )
    return finished(made, out, requires_grad, dtype)


def _of(input: Tensor, dtype: Any, device: Any) -> dict[str, Any]:
    return {
        "dtype": input.dtype if dtype is None else dtype,
        "device": input.device if device is None else device,
    }


@public("function")
def rand_like(
    input: Tensor,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    generator: Generator | None = None,
    **options: Any,
) -> Tensor:
    """Uniform numbers in [0, 1) of the shape, dtype and device of ``input``.

    Shapes: [*S] -> [*S]; dtypes: floating. Source: torch.rand_like.
    """
    check_layout_options("rand_like", options)
    return rand(
        tuple(input.shape),
        requires_grad=requires_grad,
        generator=generator,
        **_of(input, dtype, device),
        **options,
    )


@public("function")
def randn_like(
    input: Tensor,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    generator: Generator | None = None,
    **options: Any,
) -> Tensor:
    """Standard normal numbers of the shape, dtype and device of ``input``.

    Shapes: [*S] -> [*S]; dtypes: floating. Source: torch.randn_like.
    """
    check_layout_options("randn_like", options)
    return randn(
        tuple(input.shape),
        requires_grad=requires_grad,
        generator=generator,
        **_of(input, dtype, device),
        **options,
    )


@public("function")
def randint_like(
    input: Tensor,
    *args: Any,
    low: int | None = None,
    high: int | None = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    **options: Any,
) -> Tensor:
    """Uniform integers in [low, high) of the shape, dtype and device of ``input``.

    Shapes: [*S] -> [*S]; dtypes: any but bool. Source: torch.randint_like.
    """
    check_layout_options("randint_like", {k: v for k, v in options.items() if k != "generator"})
    return randint(
        *args,
        low=low,
        high=high,
        size=tuple(input.shape),
        requires_grad=requires_grad,
        **_of(input, dtype, device),
        **options,
    )


@public("function")
def randperm(
    n: int,
    *,
    dtype: Any = None,
    device: Any = None,
    out: Tensor | None = None,
    requires_grad: bool = False,
    generator: Generator | None = None,
    **options: Any,
) -> Tensor:
    """The numbers 0 to ``n`` - 1 in random order, int64 unless ``dtype`` is given.

    Shapes: -> [n]; dtypes: any but bool. Raises DTypeError for a dtype that is not taken. Raises ShapeError
    for sizes that do not fit. Source: torch.randperm.
    """
    check_layout_options("randperm", options)
    count = integer(n, "randperm", "n")
    if count < 0:
        raise ShapeError(f"randperm(): n must be non-negative, but got {count}")
    wanted = dtype_of_out(dtype, out)
    kind = dtypes.int64 if wanted is None else dtype_argument(wanted)
    if kind is dtypes.bool_:
        raise DTypeError('"randperm" not implemented for bool; make integers and compare them')
    if kind.kind != FLOATING:
        check_fits("randperm", count, kind)
    elif count * kind.eps > 2 + kind.eps:
        raise ShapeError(f"randperm(): n = {count} is too large for {kind.name}: not all integers fit it")
    made = F.randperm(count, *take(count, generator), kind, device=device_argument(device))
    return finished(made, out, requires_grad, dtype)


@public("function")
def normal(
    mean: Any,
    std: Any = 1.0,
    size: Sequence[int] | None = None,
    *,
    generator: Generator | None = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    out: Tensor | None = None,
) -> Tensor:
    """Normal numbers with this mean and standard deviation, each a number or a tensor;
    ``size`` with two numbers.

    Shapes: mean and std broadcast to the result, or -> [*size]; dtypes: floating. Raises SignatureError for
    arguments that do not go together. Source: torch.normal.
    """
    tensors = [t for t in (mean, std) if isinstance(t, TensorBase)]
    if not tensors:
        if size is None:
            raise SignatureError(
                "normal() misses its argument 'size', which it needs where mean and std are numbers"
            )
        shape, kind = shape_argument((size,), "normal"), floating_dtype(dtype_of_out(dtype, out))
        where = device_argument(device)
    else:
        shape = broadcast_shapes(*[t.shape for t in tensors])
        kind, where = tensors[0].dtype, tensors[0].device
    _check_std(std)
    parts = [x.detach() if isinstance(x, TensorBase) else x for x in (std, mean)]
    made = F.add(F.mul(standard_normal(shape, kind, where, generator), parts[0]), parts[1])
    return finished(unrelated(made, *tensors), out, requires_grad, dtype)


def unrelated(drawn: Any, *parameters: Any) -> Any:
    """``drawn`` as autograd has a draw: it depends on the distribution's parameters with gradient 0."""
    for x in parameters:
        if x.requires_grad:
            drawn = F.where(F.fill((), False, dtypes.bool_, device=drawn.device), x, drawn)
    return drawn


def _check_std(std: Any) -> None:
    if isinstance(std, TensorBase):
        if outside(std, 0, math.inf):
            raise ShapeError("normal expects all elements of std >= 0.0, but one is below, or NaN; clamp it")
    elif not std >= 0:
        raise ShapeError(f"normal expects std >= 0.0, but found std {std}")


@public("function", "method")
def bernoulli(
    input: Tensor, p: float | None = None, *, generator: Generator | None = None, out: Tensor | None = None
) -> Tensor:
    """1 with the probability that ``input`` (or ``p``) gives, else 0, in the dtype of ``input``.

    Shapes: [*S] -> [*S]; dtypes: floating. Raises ShapeError for sizes that do not fit. Source:
    torch.bernoulli.
    """
    chance = input if p is None else p
    if p is None:
        _check_probabilities(input)
    elif not 0 <= p <= 1:
        raise ShapeError(f"bernoulli_ expects p to be in [0, 1], but got p={p}")
    work = input.dtype if input.dtype.kind == FLOATING else dtypes.float32
    drawn = uniform(tuple(input.shape), work, input.device, generator)
    made = unrelated(F.cast(F.lt(drawn, chance), input.dtype), input)
    return made if out is None else out.copy_(made)


def _check_probabilities(input: Tensor) -> None:
    if input.dtype.kind != FLOATING:
        raise DTypeError(
            f"bernoulli expects floating-point probabilities, not {input.dtype.name}; convert with .float()"
        )
    if input.numel() and not bool(F.all(F.logical_and(F.ge(input, 0), F.le(input, 1))).item()):
        raise ShapeError("Expected p_in >= 0 && p_in <= 1: all probabilities must be in [0, 1]; clamp them")


@public("function", "method")
def multinomial(
    input: Tensor,
    num_samples: int,
    replacement: bool = False,
    *,
    generator: Generator | None = None,
    out: Tensor | None = None,
) -> Tensor:
    """Indices drawn by the weights in the rows of ``input`` ([n] or [m, n], floating): [num_samples] or [m,
    num_samples].

    Without replacement by the exponential race (Efraimidis and Spirakis 2006), with it by the inverse of the
    cumulated weights.

    Shapes: [n] -> [num_samples], [m, n] -> [m, num_samples]; dtypes: floating, the result is int64. Raises
    DTypeError for a dtype that is not taken. Raises ShapeError for sizes that do not fit. Source:
    torch.multinomial.
    """
    check_out("multinomial", out, dtypes.int64)
    if input.ndim not in (1, 2):
        raise ShapeError(f"multinomial: prob_dist must be 1 or 2 dim, but its shape is {list(input.shape)}")
    if input.dtype.kind != FLOATING:
        raise DTypeError(
            f"multinomial only supports floating-point dtypes for input, got: {input.dtype.name}"
        )
    categories = input.shape[-1]
    if num_samples <= 0:
        raise ShapeError(f"cannot sample n_sample <= 0 samples: {num_samples}")
    if not replacement and num_samples > categories:
        raise ShapeError(
            "cannot sample n_sample > prob_dist.size(-1) samples without replacement: "
            f"{num_samples} > {categories}"
        )
    weights = input.detach()
    if weights.dtype is not dtypes.float64:
        weights = F.cast(weights, dtypes.float32) if weights.dtype is not dtypes.float32 else weights
    if not bool(F.all(F.ge(weights, 0)).item()) or not bool(F.all(F.isfinite(weights)).item()):
        raise ShapeError("probability tensor contains either `inf`, `nan` or element < 0; clamp it")
    if not bool(F.all(F.gt(F.sum(weights, -1), 0)).item()):
        raise ShapeError(
            "invalid multinomial distribution (sum of probabilities <= 0); give each row a positive weight"
        )
    if replacement:
        cumulated = F.cumsum(weights, -1)
        total = F.slice(cumulated, cumulated.ndim - 1, categories - 1, 1, 1)
        shape = (*tuple(input.shape)[:-1], num_samples)
        points = F.mul(uniform(shape, weights.dtype, weights.device, generator), total)
        made = F.clamp(F.searchsorted(cumulated, points, True), None, categories - 1)
    else:
        race = F.div(
            F.neg(F.log1p(F.neg(uniform(tuple(weights.shape), weights.dtype, weights.device, generator)))),
            weights,
        )
        race = F.where(F.gt(weights, 0), race, float("inf"))
        _, order = F.sort(race, -1)
        made = F.copy(F.slice(order, order.ndim - 1, 0, num_samples, 1))
    return finished(made, out, False)


__all__ = [
    "Generator",
    "bernoulli",
    "default_generator",
    "fork_rng",
    "get_rng_state",
    "initial_seed",
    "manual_seed",
    "multinomial",
    "normal",
    "rand",
    "rand_like",
    "randint",
    "randint_like",
    "randn",
    "randn_like",
    "randperm",
    "seed",
    "set_rng_state",
]
