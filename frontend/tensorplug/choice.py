"""Which device suits a function, found by running it on each: see ``devices.choose``."""

from __future__ import annotations

import copy
import statistics
import time
from dataclasses import dataclass, field, replace

import tensorplug as tp
from tensorplug_dispatcher.devices import lifecycle
from tensorplug_dispatcher.devices.deadline import within
from tensorplug_dispatcher.devices.migration import migrate_storages
from tensorplug_dispatcher.devices.registry import device as device_named
from tensorplug_dispatcher.devices.registry import use_device
from tensorplug_dispatcher.errors import DeviceError, SignatureError
from tensorplug_dispatcher.explanation import report
from tensorplug_dispatcher.storage import Device

from .migration import Walk, with_optimizer_state
from .random import fork_rng

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    from tensorplug_dispatcher.dtypes import DType

    from ._tensor import Tensor

# How far results may differ, of the largest: about the square root of what the dtype resolves.
TOLERANCES = {"float64": 1e-7, "float32": 1e-3, "float16": 3e-2, "bfloat16": 1e-1}
LEVEL = 0.05  # times this close count as equal


@dataclass(frozen=True, slots=True)
class Measurement:
    """How a function ran on a device: ``seconds`` is the median of its calls, ``peak`` the bytes that it took
    beside what was there, with its arguments.

    ``native``, ``decomposed``, ``host`` and ``transfers`` count calls of ops, ``borrowed`` names those that
    the host served. ``difference`` is the largest deviation from the first device's results, relative to
    their largest; ``agrees`` says whether it is within rounding. ``error`` says why it did not run; then
    nothing else is known.
    """

    device: Device
    seconds: float = 0.0
    peak: int = 0
    native: int = 0
    decomposed: int = 0
    host: int = 0
    transfers: int = 0
    borrowed: tuple[str, ...] = ()
    difference: float = 0.0
    agrees: bool = True
    error: str = ""
    results: Any = field(default=None, repr=False, compare=False)


HEADINGS = ("device", "a call", "peak memory", "native", "decomposed", "host", "transfers", "results")


@dataclass(frozen=True, slots=True)
class Choice:
    """Which device suits a function best, and why; prints as a table."""

    device: Device
    reason: str
    measurements: tuple[Measurement, ...]

    def __str__(self) -> str:
        rows: list[tuple[str, ...]] = [HEADINGS]
        for one in self.measurements:
            if one.error:
                rows.append((one.device.name, "-", "-", "-", "-", "-", "-", one.error))
                continue
            verdict = "agree" if one.agrees else f"differ by {one.difference:.1g}"
            counts = (one.native, one.decomposed, one.host, one.transfers)
            rows.append((one.device.name, _time(one.seconds), _bytes(one.peak), *map(str, counts), verdict))
        widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
        lines = ["  ".join(cell.ljust(w) for cell, w in zip(row, widths)).rstrip() for row in rows]
        return "\n".join([*lines, self.reason])


def choose(
    fn: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    candidates: Iterable[Any] | None,
    repeat: int,
    timeout: float,
) -> Choice:
    """``devices.choose``."""
    if repeat < 1:
        raise SignatureError(f"choose(): repeat must be 1 or more, not {repeat}")
    if candidates is None:
        usable = [one.name for one in lifecycle.records(load=True) if one.state in ("loaded", "ready")]
        candidates = sorted(usable, key=lambda name: name != "cpu")
    found: list[Measurement] = []
    for one in dict.fromkeys(device_named(name) for name in candidates):
        first = next((m for m in found if not m.error), None)
        found.append(_measured(one, fn, args, kwargs, repeat, timeout, first))
    eligible = [m for m in found if not m.error and m.agrees]
    if not eligible:
        told = "; ".join(f"{m.device}: {m.error}" for m in found) or "there is no candidate"
        raise DeviceError(f"choose() found no device on which {_name(fn)} works: {told}")
    best = min(eligible, key=lambda m: m.seconds)
    level = [m for m in eligible if m.seconds <= best.seconds * (1 + LEVEL)]
    best = min(level, key=lambda m: (m.host, m.peak, m.seconds))
    return Choice(best.device, _reason(best, eligible, level), tuple(found))


def _measured(
    device: Device,
    fn: Any,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    repeat: int,
    timeout: float,
    first: Measurement | None,
) -> Measurement:
    before = device.peak
    try:
        with fork_rng(), use_device(device):
            made: Measurement = within(timeout, _run, device, fn, args, kwargs, repeat)
        if first is None:
            return made
        difference, agrees = _compared(first.results, made.results)
        return replace(made, difference=difference, agrees=agrees)
    except TimeoutError:
        return Measurement(device, error=f"had not finished after {timeout:g} s")
    except Exception as error:
        return Measurement(device, error=f"{type(error).__name__}: {error}".partition("\n")[0])
    finally:
        device.peak = max(before, device.peak)


def _run(device: Device, fn: Any, args: tuple[Any, ...], kwargs: dict[str, Any], repeat: int) -> Measurement:
    runtime: Any = device.runtime
    device.peak = base = device.allocated
    fn, args, kwargs = copy.deepcopy((fn, args, kwargs))
    walk = Walk()
    walk.visit((getattr(fn, "__self__", fn), args, kwargs), "arguments", False)
    migrate_storages(with_optimizer_state(walk.tensors), device)
    results = _numbers(fn(*args, **kwargs))  # the first call also makes plans and compiles
    counts = _counts(device)
    times = []
    for _ in range(repeat):
        runtime.synchronize(device.index)
        began = time.perf_counter()
        fn(*args, **kwargs)
        runtime.synchronize(device.index)
        times.append(time.perf_counter() - began)
    paths, borrowed = _difference(counts, _counts(device), repeat)
    return Measurement(
        device,
        statistics.median(times),
        device.peak - base,
        paths.get("native", 0),
        paths.get("decomposed", 0),
        paths.get("host", 0),
        paths.get("transfer", 0),
        borrowed,
        results=results,
    )


def _counts(device: Device) -> dict[tuple[str, str], int]:
    counts: dict[tuple[str, str], int] = {}
    for op, kind, path, provider, calls in report():
        if kind == device.type or (path, provider) == ("transfer", f"from {device.type}"):
            counts[op, path] = counts.get((op, path), 0) + calls
    return counts


def _difference(
    before: dict[tuple[str, str], int], after: dict[tuple[str, str], int], repeat: int
) -> tuple[dict[str, int], tuple[str, ...]]:
    """Calls by path of one run, and the ops that the host served."""
    paths: dict[str, int] = {}
    borrowed = []
    for (op, path), calls in after.items():
        made = calls - before.get((op, path), 0)
        if made:
            paths[path] = paths.get(path, 0) + made
            if path == "host":
                borrowed.append(op)
    return {path: round(calls / repeat) for path, calls in paths.items()}, tuple(sorted(borrowed))


def _numbers(result: Any) -> list[tuple[DType, Any, Tensor]]:
    """The tensors of a result as (dtype, shape, float64 values on the host), in the order of a walk.

    A number is one too, as good as float32.
    """
    walk = Walk()
    walk.visit(tp.tensor(float(result)) if isinstance(result, (int, float)) else result, "result", False)
    return [(t.dtype, tuple(t.shape), t.detach().cpu().double().flatten()) for t in walk.tensors]


def _compared(first: Any, second: Any) -> tuple[float, bool]:
    """(largest difference, relative to the largest value; whether all are within their dtype's tolerance)."""
    if [found[:2] for found in first] != [found[:2] for found in second]:
        return tp.inf, False
    worst, agrees = 0.0, True
    for (dtype, _, a), (_, _, b) in zip(first, second):
        if not a.numel():
            continue
        finite = a.isfinite()
        if not (finite == b.isfinite()).all() or str(a[~finite].tolist()) != str(b[~finite].tolist()):
            return tp.inf, False
        a, b = a[finite], b[finite]
        largest = a.abs().max().item() if a.numel() else 0.0
        difference = (a - b).abs().max().item() / (largest or 1.0) if a.numel() else 0.0
        worst = max(worst, difference)
        agrees &= difference <= TOLERANCES.get(dtype.name, 0.0)
    return worst, agrees


def _reason(best: Measurement, eligible: list[Measurement], level: list[Measurement]) -> str:
    others = sorted((m for m in eligible if m is not best), key=lambda m: m.seconds)
    said = f"{best.device} is chosen: {_time(best.seconds)} a call"
    if not others:
        said += ", and no other device gives the result"
    elif best in level and others[0] in level:
        why = "fewer ops on the host" if best.host < others[0].host else "less memory"
        said += f", level with {others[0].device} ({_time(others[0].seconds)})"
        said += f", with {why}" if (best.host, best.peak) < (others[0].host, others[0].peak) else ""
    else:
        ratio = others[0].seconds / best.seconds
        said += f", {ratio:.1f} times as fast as {others[0].device} ({_time(others[0].seconds)})"
    said += f"; it takes {_bytes(best.peak)}"
    if best.host:
        return f"{said}, and the host serves {best.host} calls of {', '.join(best.borrowed)}"
    return f"{said}, and nothing falls back to the host"


def _name(fn: Any) -> str:
    return getattr(fn, "__name__", type(fn).__name__)


def _time(seconds: float) -> str:
    for unit, scale in (("s", 1.0), ("ms", 1e3)):
        if seconds * scale >= 1:
            return f"{seconds * scale:.3g} {unit}"
    return f"{seconds * 1e6:.3g} us"


def _bytes(nbytes: int) -> str:
    for shift, unit in ((30, "GiB"), (20, "MiB"), (10, "KiB")):
        if nbytes >= 1 << shift:
            return f"{nbytes / (1 << shift):.1f} {unit}"
    return f"{nbytes} B"
