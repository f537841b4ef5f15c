"""What autocast does here and now: one immutable record in the context, under ``extra["autocast"]``."""

from __future__ import annotations

from typing import Any, Final

from tensorplug_dispatcher.context import CONTEXT, Context
from tensorplug_dispatcher.dtypes import DType, bfloat16, float16, float32
from tensorplug_dispatcher.ops import F
from tensorplug_dispatcher.tensor import TensorBase
from tensorplug_layers.autocast.policies import AUTOCAST

KEY: Final = "autocast"
CASTABLE: Final = frozenset((float16, bfloat16, float32))


def cast_to(tensor: Any, dtype: DType) -> Any:
    """The op itself, past the look at its arguments, which takes as long again."""
    return F.cast.call((tensor, dtype))


class Casts:
    """Weights that were cast already: a leaf that requires a gradient is cast once a region.

    One of them belongs to an outermost region and those inside it. What another cast has come of in the
    meantime is seen: an in-place change by the version, other memory by the storage.
    """

    __slots__ = ("kept", "open")

    def __init__(self) -> None:
        self.kept: dict[tuple[int, DType], tuple[Any, Any, int, Any]] = {}
        self.open = True

    def clear(self) -> None:
        self.kept.clear()

    def close(self) -> None:
        """At the end of the outermost region; contexts that were copied may still hold this."""
        self.open = False
        self.kept.clear()

    def cast(self, tensor: Any, dtype: DType, recorded: bool) -> Any:
        """``tensor`` as ``dtype``; ``recorded``: with a history, so that a gradient flows back."""
        key = (id(tensor), dtype)
        found = self.kept.get(key)
        if found is not None:
            owner, storage, version, result = found
            if (
                owner is tensor
                and storage is tensor.storage
                and version == tensor._version
                and result.device is tensor.device
                and result.requires_grad is recorded
            ):
                return result
        result = cast_to(tensor, dtype)
        if self.open:
            self.kept[key] = (tensor, tensor.storage, tensor._version, result)
        return result


class Regions:
    """The state of autocast in a context. ``dtypes``: device type → the low dtype, None where it is off."""

    __slots__ = ("_above", "_below", "cache_enabled", "casts", "chosen", "depth", "dtypes")

    def __init__(
        self,
        dtypes: dict[str, DType | None],
        chosen: dict[str, DType],
        casts: Casts | None = None,
        cache_enabled: bool = True,
        depth: int = 0,
    ) -> None:
        self.dtypes = dtypes
        self.chosen = chosen  # what set_autocast_dtype said
        self.casts = casts or Casts()
        self.cache_enabled = cache_enabled
        self.depth = depth  # how many regions are open
        self._above: Context | None = None
        self._below: Context | None = None

    def replace(self, **changes: Any) -> Regions:
        values: dict[str, Any] = {
            name: getattr(self, name) for name in ("dtypes", "chosen", "casts", "cache_enabled", "depth")
        }
        return Regions(**{**values, **changes})

    def below(self, state: Context) -> Context:
        """The context ``state`` without this layer, for what runs below it; the last one is remembered."""
        above, below = self._above, self._below
        if above is not state or below is None:
            below = state.replace(included=state.included & ~AUTOCAST)
            self._above, self._below = state, below
        return below

    def cast(self, value: Any, dtype: DType) -> Any:
        """A tensor, or a tuple of them, as ``dtype``; what is no float of at most 32 bits stays as it is."""
        if isinstance(value, TensorBase):
            given = value.dtype
            if given is dtype or given not in CASTABLE:
                return value
            if given is float32 and self.cache_enabled and value.requires_grad and value.is_leaf:
                return self.casts.cast(value, dtype, CONTEXT.get().grad_enabled)
            return cast_to(value, dtype)
        if isinstance(value, tuple):
            return tuple([self.cast(item, dtype) for item in value])
        return value


NOWHERE: Final = Regions({}, {})


def regions_of(state: Context) -> Regions:
    """The state of autocast in a context."""
    extra = state.extra
    return NOWHERE if extra is None else extra.get(KEY, NOWHERE)


def with_regions(state: Context, regions: Regions) -> Context:
    """The context with another state of autocast; the layer is in every key where it is on for any device."""
    on = any(dtype is not None for dtype in regions.dtypes.values())
    included = state.included | AUTOCAST if on else state.included & ~AUTOCAST
    return state.replace(included=included, extra={**(state.extra or {}), KEY: regions})
