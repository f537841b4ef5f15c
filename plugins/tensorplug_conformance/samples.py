"""Samples of the op table as tensors on a device: numbers first, then the layout."""

from __future__ import annotations

import contextlib
import math
import random
import zlib
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any, Final

import numpy as np

import tensorplug as tp
from tensorplug_dispatcher import dtypes
from tensorplug_dispatcher.dtypes import DType
from tensorplug_dispatcher.errors import TensorplugError
from tensorplug_dispatcher.layout import dense
from tensorplug_dispatcher.op import Input, Op
from tensorplug_dispatcher.ops import OPS, F
from tensorplug_dispatcher.promotion import compute_dtype
from tensorplug_dispatcher.request import results_of
from tensorplug_dispatcher.signatures import normalize_attributes
from tensorplug_dispatcher.tensor import TensorBase

from . import evidence

DTYPES_OF: Final = dtypes.GROUPS
_RANGES: Final = {"bool": (0, 2), "uint8": (0, 256), "int8": (-128, 128)}
LAYOUTS: Final = ("dense", "transposed", "sliced", "offset", "expanded", "reversed")


_SEED = [0]


def use_seed(seed: int) -> None:
    """Make all operands that are drawn from now on depend on this number; 0 is the suite's own."""
    _SEED[0] = seed


@contextlib.contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Inside, operands depend on this number."""
    before = _SEED[0]
    use_seed(seed)
    try:
        yield
    finally:
        use_seed(before)


def seed_of(key: str) -> int:
    """What the operands called ``key`` are drawn from."""
    return zlib.crc32((f"{_SEED[0]} {key}" if _SEED[0] else key).encode())


AT_ONCE: Final = 48


def numbers_of(spec: Input, dtype: DType, seed: int) -> Any:
    """The flat numbers of an input, drawn or given: a list, or an array where there are many."""
    count = math.prod(spec.shape)
    return _many_kept(spec, dtype, seed) if count >= AT_ONCE else _numbers(spec, dtype, seed, count)


@lru_cache(8)
def _many_kept(spec: Input, dtype: DType, seed: int) -> Any:
    """A case asks for its operands twice: for the reference and for the device."""
    return np.asarray(_numbers(spec, dtype, seed, math.prod(spec.shape)))


def _numbers(spec: Input, dtype: DType, seed: int, count: int) -> Any:
    if spec.values is not None:
        plain = dtype.is_floating_point or dtype is dtypes.bool_
        return list(spec.values) if plain else [int(v) for v in spec.values]
    if count >= AT_ONCE:
        return _many(spec, dtype, seed, count)
    draw = random.Random(seed)
    if dtype.is_floating_point:
        return [draw.uniform(spec.low, spec.high) for _ in range(count)]
    if dtype is dtypes.bool_:
        return [bool(draw.randrange(2)) for _ in range(count)]
    low, high = _range(spec, dtype)
    return [draw.randrange(low, high) for _ in range(count)]


def _range(spec: Input, dtype: DType) -> tuple[int, int]:
    """The least integer that is drawn, and the first that is not."""
    lowest, end = _RANGES.get(dtype.name, (-(1 << 15), 1 << 15))
    low = min(max(int(spec.low), lowest), end - 1)
    return low, max(min(int(spec.high), end), low + 1)


def _many(spec: Input, dtype: DType, seed: int, count: int) -> Any:
    """Numbers from the bits of Philox, which are the same with every NumPy."""
    bits = np.random.Philox(key=seed).random_raw(count) >> np.uint64(11)
    if dtype.is_floating_point:
        return spec.low + (spec.high - spec.low) * (bits * 2.0**-53)
    if dtype is dtypes.bool_:
        return bits % np.uint64(2) == 1
    low, high = _range(spec, dtype)
    return (bits % np.uint64(high - low)).astype(np.int64) + low


def laid_out(values: Any, layout: str) -> Any:
    """The same numbers under another layout (``expanded`` repeats the first along the first dimension)."""
    if layout == "offset":
        base = tp.zeros(values.numel() + 3, dtype=values.dtype, device=values.device)
        base[3:] = values.reshape(-1)
        return base[3:].view(values.shape)
    if values.ndim == 0 or layout == "dense":
        return values
    if layout == "transposed":
        return values.transpose(0, -1).contiguous().transpose(0, -1)
    if layout == "sliced":
        shape = (*values.shape[:-1], 2 * values.shape[-1])
        base = tp.zeros(shape, dtype=values.dtype, device=values.device)
        base[..., ::2] = values
        return base[..., ::2]
    if layout == "expanded":
        return values[:1].expand(values.shape) if values.shape[0] else values
    if layout == "reversed":  # the last dimension backwards: a negative stride
        base = values.flip(-1).contiguous()
        last = values.shape[-1] - 1
        return F.as_strided(base, values.shape, (*base.strides[:-1], -1), last) if values.numel() else values
    raise ValueError(f"layout {layout!r} is unknown; choose one of {', '.join(LAYOUTS)}")


def dtypes_for(op: Op, args: Iterable[Any]) -> tuple[DType, ...]:
    """The dtypes under which a sample is run: all that the op takes where an input leaves it open."""

    def is_open(arg: Any) -> bool:
        if isinstance(arg, list):
            return any(map(is_open, arg))
        return isinstance(arg, Input) and arg.dtype is None

    return DTYPES_OF[op.dtypes] if any(map(is_open, args)) else (dtypes.float32,)


def dtypes_named(args: Iterable[Any]) -> tuple[str, ...]:
    """The dtypes that a sample asks for itself, in inputs or attributes."""
    found: set[str] = set()
    for arg in args:
        if isinstance(arg, (list, tuple)):
            found.update(dtypes_named(arg))
        elif isinstance(arg, DType):
            found.add(arg.name)
        elif isinstance(arg, Input) and arg.dtype is not None:
            found.add(arg.dtype)
    return tuple(sorted(found))


def dtypes_used(op: Op, args: Iterable[Any], dtype: DType) -> tuple[str, ...]:
    """The dtypes, beside the one under test, that a sample needs: those that it names, and its results'."""
    return tuple(sorted({*dtypes_named(args), *_result_dtypes(op, args, dtype)} - {dtype.name}))


def _result_dtypes(op: Op, args: Iterable[Any], dtype: DType) -> set[str]:
    """What the table says that results are of; nothing where the call is one that raises."""

    def given(arg: Any) -> Any:
        if isinstance(arg, (list, tuple)):
            return tuple(map(given, arg))
        if isinstance(arg, Input):
            return dense(arg.shape, dtypes.dtype_named(arg.dtype) if arg.dtype else dtype)
        return arg

    layouts = [given(arg) for arg in args]
    layouts += [p.default for p in op.parameters[len(layouts) :]]
    try:
        if op.elementwise:
            named = zip(op.parameters, layouts, strict=True)
            taken = [g for p, g in named if p.is_tensor and p.name != "condition"]
            return {"bool" if op.promotion == "bool" else compute_dtype(op.promotion, taken).name}
        if op.is_view:
            return set()
        outs = results_of(op, normalize_attributes(op, tuple(layouts)))
    except (TensorplugError, TypeError, ValueError, IndexError):
        return set()
    return {out.dtype.name for out in outs}


def operands(
    args: Iterable[Any],
    dtype: DType,
    key: str,
    device: Any,
    layout: str | None = None,
    widen: bool = False,
    flush: bool = False,
) -> list[Any]:
    """A sample's arguments with tensors on ``device``; ``key`` seeds the numbers.

    ``layout`` replaces the layout that the sample asks for. With ``widen`` floating tensors are rounded to
    their dtype first and then made float64: what a reference computes from. With ``flush`` subnormal numbers
    are zeros of their sign, for devices that take them so.
    """
    seed = seed_of(key)

    def convert(arg: Any, place: int) -> Any:
        if isinstance(arg, list):
            return [convert(a, place + 100 * (i + 1)) for i, a in enumerate(arg)]
        if not isinstance(arg, Input):
            if not widen:
                evidence.operand((), arg, place)
            return arg
        chosen = dtypes.dtype_named(arg.dtype) if arg.dtype else dtype
        numbers = numbers_of(arg, chosen, seed + place)
        if flush and chosen.is_floating_point:
            drawn = np.asarray(numbers, np.float64)
            numbers = np.where(np.abs(drawn) < chosen.smallest_normal, np.copysign(0.0, drawn), drawn)
        if not widen:
            evidence.operand(numbers, chosen.name, arg.shape, layout or arg.layout, place)
        values = tp.tensor(numbers, dtype=chosen).reshape(arg.shape)
        if widen and chosen.is_floating_point:
            values = values.to(dtypes.float64)
        return laid_out(values.to(device), layout or arg.layout)

    return [convert(arg, i) for i, arg in enumerate(args)]


def tensors_in(args: Iterable[Any]) -> list[Any]:
    """The tensors among arguments, lists opened."""
    found: list[Any] = []
    for arg in args:
        if isinstance(arg, (list, tuple)):
            found += tensors_in(arg)
        elif isinstance(arg, TensorBase):
            found.append(arg)
    return found


def call(name: str, args: Iterable[Any], device: Any, **further: Any) -> list[Any]:
    """Call an op with arguments in the schema's order; ``device`` goes where the op asks for one.
    ``further`` may give ``out``.
    """
    positional: list[Any] = []
    named: dict[str, Any] = {}
    op = OPS[name]
    for parameter, arg in zip(op.parameters, args, strict=False):
        if parameter.keyword_only:
            named[parameter.name] = arg
        else:
            positional.append(arg)
    names = [p.name for p in op.parameters]
    if "device" in names:
        positional = positional[: names.index("device")]
        if name == "to_device":
            positional.append(tp.device(device))
        else:
            named["device"] = tp.device(device)
    result = getattr(F, name)(*positional, **named, **further)
    return list(result) if isinstance(result, (tuple, list)) else [result]


def differing(got: Any, wanted: Any) -> str:
    """Where arrays that must be equal are not: how many elements, the first of them, and what is there.
    Nothing where they are; NaN is equal to NaN.
    """
    if got.shape != wanted.shape:
        return f"shape {list(got.shape)}, reference {list(wanted.shape)}"
    wrong = ~((got == wanted) | ((got != got) & (wanted != wanted)))
    if not wrong.any():
        return ""
    place = tuple(int(i) for i in np.argwhere(wrong)[0])
    return (
        f"{int(wrong.sum())} of {wrong.size} elements differ, first at {list(place)}: "
        f"{got[place].item()!r}, reference {wanted[place].item()!r}"
    )


def described(op: Op, args: Iterable[Any], place: int = -1) -> str:
    """A call in words: shapes, dtypes and strides of its operands, its attributes, and, for an elementwise
    op, the operands' elements at ``place`` of the result.
    """
    given = list(args)
    shapes = [tuple(t.shape) for t in tensors_in(given)]
    at: tuple[int, ...] | None = None
    whole: tuple[int, ...] = ()
    if place >= 0 and op.elementwise and shapes:
        whole = np.broadcast_shapes(*shapes)
        at = tuple(int(i) for i in np.unravel_index(place, whole))

    def said(arg: Any) -> str:
        if isinstance(arg, (list, tuple)):
            return f"[{', '.join(map(said, arg[:8]))}{', …' if len(arg) > 8 else ''}]"
        if not isinstance(arg, TensorBase):
            return repr(arg)
        layout = "" if arg.is_contiguous() and not arg.offset else f" strides {list(arg.strides)}"
        layout += f" offset {arg.offset}" if arg.offset else ""
        text = f"{arg.dtype.name}{list(arg.shape)}{layout}"
        if at is not None:
            here = at[len(whole) - arg.ndim :]
            where = tuple(i if n > 1 else 0 for i, n in zip(here, arg.shape, strict=True))
            with contextlib.suppress(TensorplugError):  # of a device that is lost by now
                text += f" = {arg.cpu()[where].item()!r}"
        return text

    named = [f"{p.name}={said(arg)}" for p, arg in zip(op.parameters, given, strict=False)]
    return f"{op.name}({', '.join(named)})"
