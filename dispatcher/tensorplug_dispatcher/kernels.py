"""Kernels: what a backend registers. The registrations are the capability record; there is no other.

A kernel has one of three forms. PYTHON: a callable ``f(outs, ins, attrs)`` on the runtime's native handles.
ADDRESS: ``prepare(op, outs, ins, attrs) -> (address, params)``, a C function of the type ``tp_kernel`` in
``native/tensorplug.h`` for given layouts: an integer, or cffi's ``ffi.addressof(lib, "name")``. PREPARED:
``prepare(index, op, outs, ins, attrs, numbers) -> (launch, scratch)``, for devices that compile a program for
given layouts and launch it many times. A ``prepare`` that gives None says "not these", as a predicate that
gives False does; one that gives ``Refusal("rows of at most 1024 elements")`` also says why.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from . import dtypes, epoch, ops
from .dtypes import DType
from .errors import PluginError
from .thresholds import Threshold, problem

DENSE: Final = "dense"  # inputs and outputs row-major, inputs as large as the op's result says
STRIDED: Final = "strided"  # any strides, zero and negative included

PYTHON: Final = "python"
ADDRESS: Final = "address"
PREPARED: Final = "prepared"
Thresholds = Mapping[str, Iterable[Threshold]] | None


class Refusal:
    """What a kernel's predicate or ``prepare`` returns for a call that it does not take, with the reason.

    It counts as False, so that whoever only asks whether the call is taken needs to know nothing of it. (A
    text does not: it is true, and predicates of plugin API 1.0 may return one.)
    """

    __slots__ = ("reason",)

    def __init__(self, reason: str) -> None:
        self.reason = reason

    def __bool__(self) -> bool:
        return False

    def __repr__(self) -> str:
        return f"Refusal({self.reason!r})"


@dataclass(frozen=True, slots=True, eq=False)
class Kernel:
    """One implementation of one op. ``dtypes`` None takes every dtype that the op takes."""

    op: str
    function: Callable[..., Any]
    dtypes: frozenset[DType] | None = None
    layout: str = DENSE
    provider: str = ""
    priority: int = 0
    form: str = PYTHON
    when: Callable[..., bool | Refusal] | None = None  # predicate on (outs, ins, attrs): layouts, attributes
    source: str = ""  # the plugin that registered it
    absent: Callable[[], str] | None = None  # why it cannot be used here, "" if it can; asked when wanted
    thresholds: tuple[Threshold, ...] = ()  # sizes at which its path changes: tests lie on both sides
    formerly: str = ""  # the former name of a part of the op that it was registered for, if it was

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.function(*args, **kwargs)


def kernel(
    op: str,
    *,
    dtypes: Iterable[DType] | None = None,
    layout: str = DENSE,
    provider: str = "",
    priority: int = 0,
    when: Callable[..., bool | Refusal] | None = None,
    thresholds: Iterable[Threshold] = (),
) -> Callable[[Callable[..., Any]], Kernel]:
    """Declare a Python kernel: ``@kernel("matmul", dtypes={float32}) def matmul(outs, ins, attrs)``.

    ``when(outs, ins, attrs)`` says for layouts and attributes whether it takes them: True, False, or
    ``Refusal(reason)``. ``thresholds`` are the sizes at which it changes its path (``Threshold``); the
    conformance kit asks on both sides of each.
    """
    if layout not in (DENSE, STRIDED):
        raise PluginError(f"kernel for {op!r}: layout must be DENSE or STRIDED, not {layout!r}")

    def declare(function: Callable[..., Any]) -> Kernel:
        return Kernel(
            op,
            function,
            None if dtypes is None else frozenset(dtypes),
            layout,
            provider,
            priority,
            PYTHON,
            when,
            thresholds=tuple(thresholds),
        )

    return declare


def native_kernels(
    prepares: Mapping[str, Callable[..., Any]],
    *,
    provider: str,
    priority: int = 0,
    layout: str = STRIDED,
    thresholds: Thresholds = None,
) -> list[Kernel]:
    """Kernels given as C functions: op → ``prepare(op, outs, ins, attrs) -> (address, params) | None``, the
    address an integer or a function pointer of cffi, which is kept as long as a plan calls it.

    ``thresholds`` gives for an op the sizes at which its kernel changes its path.
    """
    return _kernels(prepares, ADDRESS, provider, priority, layout, thresholds)


def prepared_kernels(
    prepares: Mapping[str, Callable[..., Any]],
    *,
    provider: str = "",
    priority: int = 0,
    layout: str = STRIDED,
    dtypes: Iterable[DType] | None = None,
    absent: Callable[[], str] | None = None,
    thresholds: Thresholds = None,
) -> list[Kernel]:
    """Kernels made ready once for given layouts and launched many times.

    ``prepare(index, op, outs, ins, attrs, numbers) -> (launch, scratch) | None``: ``index`` is the device's;
    ``outs`` and ``ins`` are layouts (None: no tensor given), ``ins`` of an elementwise op expanded to the
    result's shape; ``numbers`` holds the positions in ``ins`` for which a Python number will come;
    ``scratch`` is a tuple of byte counts that the core allocates for each call. Then
    ``launch(operands, offsets, values)`` is called with the handles of outputs, inputs and scratch (None or
    the number where there is no tensor), the first element of each, and the op's dynamic numbers.

    ``dtypes`` None takes every dtype. ``absent`` says why the kernels cannot be used on this machine (a
    library is not installed, say), "" where they can; it is asked when the first of them is wanted.
    ``thresholds`` gives for an op the sizes at which its kernel changes its path.
    """
    made = _kernels(prepares, PREPARED, provider, priority, layout, thresholds)
    taken = None if dtypes is None else frozenset(dtypes)
    return [replace(item, dtypes=taken, absent=absent) for item in made]


def _kernels(
    prepares: Mapping[str, Callable[..., Any]],
    form: str,
    provider: str,
    priority: int,
    layout: str,
    thresholds: Thresholds,
) -> list[Kernel]:
    at = thresholds or {}
    return [
        Kernel(op, prepare, None, layout, provider, priority, form, thresholds=tuple(at.get(op, ())))
        for op, prepare in prepares.items()
    ]


refused: dict[Kernel, str] = {}  # why a kernel did not take the last call that it refused with a reason
_registry: dict[tuple[str, str], list[Kernel]] = {}  # replaced, never changed: others may be reading it


def register(device_type: str, kernels: Iterable[Kernel], source: str) -> None:
    """Add kernels for a device type; higher priority first, later registrations first among equals.

    ``source`` is the plugin that they are from, and their provider where they name none. A kernel of a former
    name (``conv2d``) becomes one of the op that this is part of (``conv``), and takes such calls of it alone.
    Raises PluginError for what is no kernel or no op of the table; then none is added.
    """
    exchange(device_type, kernels, source, keep=True)


def unregister(device_type: str, source: str | None = None) -> None:
    """Forget the kernels of a device type, or only those that came from the plugin ``source``."""
    exchange(device_type, (), source)


def exchange(device_type: str, kernels: Iterable[Kernel], source: str | None, keep: bool = False) -> None:
    """Put kernels in the place of those that a device type has from ``source`` (None: of all), at once."""
    fresh = {}
    for key, found in _registry.items():
        left = [k for k in found if keep or key[0] != device_type or source not in (None, k.source)]
        if left:
            fresh[key] = left
    for item in _checked(device_type, kernels):
        item = replace(item, provider=item.provider or source or "", source=source or "")
        fresh[device_type, item.op] = sorted(
            [item, *fresh.get((device_type, item.op), [])], key=lambda k: -k.priority
        )
    refused.clear()
    epoch.renew(globals(), "_registry", fresh)


def _checked(device_type: str, kernels: Iterable[Kernel]) -> list[Kernel]:
    found = list(kernels)
    for item in found:
        if not isinstance(item, Kernel):
            raise PluginError(
                f"the plugin of device type {device_type!r} registered {item!r}, which is not a Kernel; "
                f"declare kernels with tensorplug_dispatcher.kernel or native_kernels"
            )
        if not ops.known(item.op):
            raise PluginError(
                f"the plugin of device type {device_type!r} registered a kernel for {item.op!r}, which is no "
                f"op of the table; see tensorplug_dispatcher.ops.OPS for the names"
            )
        wrong = problem(ops.OPS[item.op], item.thresholds) if item.thresholds else ""
        if wrong:
            raise PluginError(f"the plugin of device type {device_type!r}: kernel for {item.op!r}: {wrong}")
    return [_of_part(item) if item.op in ops.former else item for item in found]


def _of_part(item: Kernel) -> Kernel:
    """A kernel of a former name as one of the op of today. Its function still gets the name that it knows."""
    op, name, when = ops.former[item.op], item.op, item.when
    ndim = op.formerly[name]

    def part(outs: Any, ins: Any, attrs: Any) -> bool | Refusal:
        if outs[0].ndim != ndim:
            return Refusal(f"as {name} it takes {ndim} dimensions, here are {outs[0].ndim}")
        return True if when is None else when(outs, ins, attrs)

    purpose = (getattr(when, "__doc__", None) or "").strip().partition("\n")[0]
    part.__doc__ = f"{name}, of {ndim} dimensions{purpose and f'; {purpose}'}"
    return replace(item, op=op.name, when=part, formerly=name)


def registered(device_type: str, source: str) -> list[Kernel]:
    """What ``exchange`` takes to put the kernels of ``source`` back as they are now."""
    found = [k for (kind, _), of_op in _registry.items() if kind == device_type for k in reversed(of_op)]
    return [k for k in found if k.source == source]


def candidates(device_type: str, op: str) -> list[Kernel]:
    """The kernels of an op on a device type, best first."""
    return _registry.get((device_type, op), [])


def native_ops(device_type: str) -> dict[str, list[Kernel]]:
    """Everything that a device type does itself, by op."""
    return {op: list(found) for (kind, op), found in _registry.items() if kind == device_type}


def takes(found: Kernel, dtype: DType) -> bool:
    return found.dtypes is None or dtype in found.dtypes


ALL_DTYPES: Final = frozenset(dtypes.ALL)
