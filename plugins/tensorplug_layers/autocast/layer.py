"""The layer itself: for each policy, what is put before an op."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from tensorplug_dispatcher.context import CONTEXT
from tensorplug_dispatcher.devices import registry as devices
from tensorplug_dispatcher.dtypes import DType, bfloat16, float16, float32
from tensorplug_dispatcher.keys import DEVICE_MASK, HISTORY, on_one_device
from tensorplug_dispatcher.steps import in_context
from tensorplug_dispatcher.tensor import TensorBase

from .policies import parts, policy_of
from .state import CASTABLE, Regions, regions_of

_HALVES: Final = float16.bits | bfloat16.bits
_FLOATS: Final = _HALVES | float32.bits


class AutocastLayer:
    """Casts an op's operands as its policy says, and runs the op below this layer: a decomposition computes
    in the dtypes that the op got. In-place variants and ``out=`` keep their dtypes, as in PyTorch.
    """

    name = "autocast"
    rank = 30

    def wrap(self, function: Any, key: int, inner: Any) -> Any:
        if not on_one_device(key):
            return None  # a move from one device to another casts nothing
        kind = devices.with_bits(key & DEVICE_MASK).type
        of_parts = {
            ndim: self._wrapped(function, key, inner, kind, policy)
            for ndim, policy in parts(function.op, kind).items()
        }
        of_others = self._wrapped(function, key, inner, kind, policy_of(function.op, kind))
        if not of_parts:
            return of_others
        return _by_dimensions(of_parts, of_others, inner) if of_others or any(of_parts.values()) else None

    def _wrapped(self, function: Any, key: int, inner: Any, kind: str, policy: str) -> Any:
        op = function.op
        floats = key & _FLOATS
        mixed = floats & (floats - 1)
        wanted = {
            "low": floats,
            "float32": floats & _HALVES,
            "round": mixed,
            "promote": mixed and not op.elementwise,  # elementwise ops promote by themselves
            "none": 0,
        }[policy]
        guarded = bool(key & HISTORY) and op.vjp is None and op.decompose is not None
        if not wanted:
            return _below(function, inner, guarded) if guarded else None
        steps: dict[str, Callable[[Regions, DType, tuple[Any, ...]], DType]] = {
            "low": lambda regions, dtype, args: dtype,
            "float32": lambda regions, dtype, args: float32,
            "round": lambda regions, dtype, args: float32,
            "promote": lambda regions, dtype, args: _widest(args),
        }
        explicit = next((i for i, p in enumerate(op.parameters) if p.name == "dtype"), None)
        return _casting(function, inner, kind, steps[policy], explicit, guarded, policy == "round")

    def explain(self, name: str, device: Any) -> list[str]:
        """The line of ``tensorplug.devices.explain``."""
        from tensorplug_dispatcher.ops import OPS

        op = OPS[name]
        found = [("", policy_of(op, device.type))]
        found += [(f" of {ndim} dimensions", policy) for ndim, policy in parts(op, device.type).items()]
        said = f" (the table says {op.autocast})"
        return [f"  autocast  {policy}{which}{said * (policy != op.autocast)}" for which, policy in found]


def _by_dimensions(of_parts: dict[int, Any], of_others: Any, inner: Any) -> Any:
    """One of several ways, by the dimensions of the first operand; None among them: the op as it is."""

    def run(args: tuple[Any, ...], outs: Any) -> Any:
        way = of_parts.get(args[0].ndim, of_others)
        if way is not None:
            return way(args, outs)
        return inner(args) if outs is None else inner(args, outs)

    return run


def _casting(
    function: Any,
    inner: Any,
    kind: str,
    step: Callable[[Regions, DType, tuple[Any, ...]], DType],
    explicit: int | None,
    guarded: bool,
    rounds: bool,
) -> Callable[[tuple[Any, ...], Any], Any]:
    plain = _below(function, inner, True) if guarded else inner

    def run(args: tuple[Any, ...], outs: Any) -> Any:
        state = CONTEXT.get()
        regions = regions_of(state)
        dtype = regions.dtypes.get(kind)
        if dtype is None or outs is not None or (explicit is not None and args[explicit] is not None):
            return plain(args, outs)
        with in_context(regions.below(state)):
            wanted = step(regions, dtype, args)
            results = function.call(tuple([regions.cast(arg, wanted) for arg in args]))
            return _rounded(regions, results, args) if rounds else results

    return run


def _below(function: Any, inner: Any, guarded: bool) -> Callable[[tuple[Any, ...], Any], Any]:
    """The op as it is, with its decomposition below this layer."""

    def run(args: tuple[Any, ...], outs: Any) -> Any:
        state = CONTEXT.get()
        with in_context(regions_of(state).below(state)):
            return inner(args) if outs is None else inner(args, outs)

    return run


def _widest(args: tuple[Any, ...]) -> DType:
    """float32 if it is among the operands, or if both dtypes of 16 bits are."""
    found = {
        one.dtype
        for arg in args
        for one in (arg if isinstance(arg, tuple) else (arg,))
        if isinstance(one, TensorBase) and one.dtype in CASTABLE
    }
    return found.pop() if len(found) == 1 else float32


def _rounded(regions: Regions, results: Any, args: tuple[Any, ...]) -> Any:
    """The first result in the first operand's dtype; what else there is (statistics) stays float32."""
    if isinstance(results, tuple):
        return (regions.cast(results[0], args[0].dtype), *results[1:])
    return regions.cast(results, args[0].dtype)
