"""The layer itself, the record of what ran, and the block that is profiled."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any, Final

from tensorplug_dispatcher import layers
from tensorplug_dispatcher.context import CONTEXT, Context
from tensorplug_dispatcher.devices import registry as devices
from tensorplug_dispatcher.keys import DEVICE_MASK, on_one_device
from tensorplug_dispatcher.steps import Scope, in_context

from .cost import flops, nbytes

NAME: Final = "profile"


@dataclass(slots=True)
class Row:
    """What the calls of one op on one device type came to. ``seconds``: from call to result, with what ran
    inside; ``own_seconds``: without it. ``flops`` and ``nbytes``: of calls that are not made of others, so
    that the sum over all rows counts nothing twice.
    """

    op: str
    device: str
    calls: int = 0
    seconds: float = 0.0
    own_seconds: float = 0.0
    flops: int = 0
    nbytes: int = 0


class profile(Scope):
    """Context manager: records time, operations and bytes of every op that is called inside,
    backward passes included.

    ``synchronize``: after each call the device is waited for, so that times are those of the work and not of
    its submission; without it a device that works asynchronously shows what the host spent.

    >>> with tp.profile() as seen: loss(model(x), y).backward()
    >>> print(seen)
    """

    def __init__(self, synchronize: bool = True) -> None:
        super().__init__(named=True)
        self.synchronize = synchronize
        self._rows: dict[tuple[str, str], Row] = {}

    def _changed(self, state: Context) -> Context:
        extra = {**(state.extra or {}), NAME: self, _INNER: [0.0, 0, 0]}
        return state.replace(included=state.included | layers.bit(NAME), extra=extra)

    @property
    def rows(self) -> list[Row]:
        """One row an op and device type, the one that took most time of its own first."""
        return sorted(self._rows.copy().values(), key=lambda row: -row.own_seconds)

    @property
    def seconds(self) -> float:
        """Seconds in all."""
        return sum(row.own_seconds for row in self._rows.values())

    @property
    def flops(self) -> int:
        """Operations on numbers in all."""
        return sum(row.flops for row in self._rows.values())

    @property
    def nbytes(self) -> int:
        """Bytes read and written in all."""
        return sum(row.nbytes for row in self._rows.values())

    def row(self, op: str, device: str) -> Row:
        """The row of an op on a device type; made where there is none."""
        return self._rows.setdefault((op, device), Row(op, device))

    def __str__(self) -> str:
        head = f"{'op':<28}{'device':<10}{'calls':>8}{'own ms':>11}{'ms':>11}{'MFLOP':>12}{'MB':>11}"
        lines = [
            f"{row.op:<28}{row.device:<10}{row.calls:>8}"
            f"{row.own_seconds * 1e3:>11.3f}{row.seconds * 1e3:>11.3f}"
            f"{row.flops / 1e6:>12.3f}{row.nbytes / 1e6:>11.3f}"
            for row in self.rows
        ]
        total = (
            f"{'':<28}{'':<10}{sum(row.calls for row in self.rows):>8}{self.seconds * 1e3:>11.3f}{'':>11}"
            f"{self.flops / 1e6:>12.3f}{self.nbytes / 1e6:>11.3f}"
        )
        return "\n".join([head, *lines, total])


_INNER: Final = "profile: seconds, operations and calls inside the one under way"


class ProfileLayer:
    """Notes each call in the record of the context that it is made in."""

    name = NAME
    rank = 10

    def wrap(self, function: Any, key: int, inner: Any) -> Any:
        op = function.op
        kind = devices.with_bits(key & DEVICE_MASK).type if on_one_device(key) else "several"

        def run(args: tuple[Any, ...], outs: Any) -> Any:
            state = CONTEXT.get()
            kept = state.extra or {}
            if NAME not in kept:  # switched on by its name: nobody wants to know
                return inner(args, outs)
            record: profile = kept[NAME]
            outer: list[Any] = kept[_INNER]
            inside = [0.0, 0, 0]
            began = time.perf_counter()
            with in_context(state.replace(extra={**kept, _INNER: inside})):
                result = inner(args, outs)
            results = result if isinstance(result, tuple) else (result,)
            if record.synchronize and not op.is_view:
                for device in {one.device for one in results}:
                    device.runtime.synchronize(device.index)
            seconds = time.perf_counter() - began
            done = flops(op, args, results)
            if inside[1] or (inside[2] and not done):  # it was made of the calls inside; else they served it
                done, touched = 0, 0
            else:
                touched = nbytes(op, args, results)
            outer[0] += seconds
            outer[1] += inside[1] + done
            outer[2] += 1
            row = record.row(function.name, kind)
            row.calls += 1
            row.seconds += seconds
            row.own_seconds += seconds - inside[0]
            row.flops += done
            row.nbytes += touched
            return result

        return run
