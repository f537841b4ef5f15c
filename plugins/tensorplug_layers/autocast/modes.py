"""Regions of mixed precision: ``autocast`` and the functions beside it, under PyTorch's names."""

from __future__ import annotations

import functools
import warnings
from typing import Any

from tensorplug_dispatcher.context import CONTEXT, Context
from tensorplug_dispatcher.devices import registry as devices
from tensorplug_dispatcher.dtypes import DType, float32
from tensorplug_dispatcher.errors import DTypeError, SignatureError, UnknownDeviceError
from tensorplug_dispatcher.steps import Scope

from .policies import wanted_by
from .state import Casts, Regions, regions_of, with_regions


def _checked_type(device_type: Any) -> str:
    if not isinstance(device_type, str):
        raise SignatureError(
            f"Expected `device_type` of type `str`, got: `{type(device_type)}`; for instance autocast('cpu')"
        )
    if ":" in device_type:
        raise UnknownDeviceError(
            f"autocast takes a type of devices, not the one device {device_type!r}; "
            f"write {device_type.partition(':')[0]!r}"
        )
    devices.check_installed(device_type)
    return device_type


def _default_dtype(regions: Regions, kind: str) -> DType:
    if kind in regions.chosen:
        return regions.chosen[kind]
    devices.runtime_of(kind)  # its plugin says what it wants
    return wanted_by(kind).dtypes[0]


def _supported(kind: str, dtype: DType) -> bool:
    devices.runtime_of(kind)
    known = wanted_by(kind).dtypes
    if dtype in known:
        return True
    warnings.warn(
        f"In {kind} autocast, but the target dtype {dtype.name} is not supported. Disabling autocast. {kind} "
        f"autocast only supports {', '.join(d.name for d in known)}; give one of them as dtype",
        stacklevel=4,
    )
    return False


class autocast(Scope):
    """Ops on devices of a type run in low precision where their policy says so. Also a decorator.

    ``dtype``: bfloat16 or float16; None is what the device wants first. ``enabled`` False makes a region
    in which nothing is cast. ``cache_enabled``: weights are cast once a region. Regions nest, also those of
    several device types; each thread has its own. Raises UnknownDeviceError for a type that no plugin
    offers; a dtype that the device does not want is a warning, and switches the region off.
    Source: torch.autocast.
    """

    def __init__(
        self,
        device_type: str,
        dtype: DType | None = None,
        enabled: bool = True,
        cache_enabled: bool | None = None,
    ) -> None:
        super().__init__(named=True, tidies=True)
        self.device = _checked_type(device_type)
        if dtype is not None and not isinstance(dtype, DType):
            raise DTypeError(f"autocast expects a dtype, not {dtype!r}; for instance tensorplug.bfloat16")
        if dtype is None and enabled:
            dtype = _default_dtype(regions_of(CONTEXT.get()), device_type)
        self.fast_dtype = dtype
        self.enabled = bool(enabled) and dtype is not None and _supported(device_type, dtype)
        self.cache_enabled = cache_enabled

    def _changed(self, state: Context) -> Context:
        outer = regions_of(state)
        inner = outer.replace(
            dtypes={**outer.dtypes, self.device: self.fast_dtype if self.enabled else None},
            casts=outer.casts if outer.depth else Casts(),
            depth=outer.depth + 1,
        )
        if self.cache_enabled is not None:
            inner.cache_enabled = self.cache_enabled
        return with_regions(state, inner)

    def _left(self, after: Context) -> None:
        inner = regions_of(after)
        if inner.depth == 1:
            inner.casts.close()

    def __call__(self, function: Any) -> Any:
        @functools.wraps(function)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            with self._again():
                return function(*args, **kwargs)

        return wrapped

    def _again(self) -> autocast:
        """A region like this one,
        for a call of a decorated function (which may call itself, in any thread).
        """
        made = autocast.__new__(autocast)
        vars(made).update(vars(self))
        Scope.__init__(made, named=True, tidies=True)
        return made


def is_autocast_available(device_type: str) -> bool:
    """Whether a plugin offers devices of this type; any of them takes part in autocast."""
    try:
        devices.check_installed(device_type)
    except UnknownDeviceError:
        return False
    return True


def is_autocast_enabled(device_type: str | None = None) -> bool:
    """Whether calls made here are cast on devices of this type; None: of any type."""
    found = regions_of(CONTEXT.get()).dtypes
    if device_type is None:
        return any(dtype is not None for dtype in found.values())
    return found.get(_checked_type(device_type)) is not None


def set_autocast_enabled(device_type: str, enabled: bool) -> None:
    """Switch casting on devices of a type on or off, from now on in this context."""
    kind = _checked_type(device_type)
    state = CONTEXT.get()
    regions = regions_of(state)
    dtype = _default_dtype(regions, kind) if enabled else None
    CONTEXT.set(with_regions(state, regions.replace(dtypes={**regions.dtypes, kind: dtype})))


def get_autocast_dtype(device_type: str) -> DType:
    """The low dtype of the region that is open here, else the one that a region would take."""
    regions = regions_of(CONTEXT.get())
    return regions.dtypes.get(_checked_type(device_type)) or _default_dtype(regions, device_type)


def set_autocast_dtype(device_type: str, dtype: DType) -> None:
    """The low dtype of regions that name none, from now on in this context, and of the one that is open."""
    kind = _checked_type(device_type)
    devices.runtime_of(kind)
    if dtype not in wanted_by(kind).dtypes and dtype is not float32:
        known = ", ".join(d.name for d in wanted_by(kind).dtypes)
        raise DTypeError(f"autocast on {kind} takes {known}, not {getattr(dtype, 'name', dtype)}")
    state = CONTEXT.get()
    regions = regions_of(state)
    now = {**regions.dtypes}
    if now.get(kind) is not None:
        now[kind] = dtype
    CONTEXT.set(with_regions(state, regions.replace(dtypes=now, chosen={**regions.chosen, kind: dtype})))


def is_autocast_cache_enabled() -> bool:
    """Whether weights are cast once a region."""
    return regions_of(CONTEXT.get()).cache_enabled


def set_autocast_cache_enabled(enabled: bool) -> None:
    """Whether weights are cast once a region, from now on in this context."""
    state = CONTEXT.get()
    CONTEXT.set(with_regions(state, regions_of(state).replace(cache_enabled=bool(enabled))))


def clear_autocast_cache() -> None:
    """Drop the casts of weights that the open regions keep."""
    regions_of(CONTEXT.get()).casts.clear()
