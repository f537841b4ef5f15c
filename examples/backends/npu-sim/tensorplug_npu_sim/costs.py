"""What commands cost, from their layouts alone: cycles, bytes, and how well the units are used.

The rules are those of ``machine.py``. Costs are worked out when a command is queued, so they do not depend on
what the host does meanwhile, nor on the numbers.
"""

from __future__ import annotations

import contextlib
import math
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final

from tensorplug_dispatcher import OPS, expr
from tensorplug_dispatcher.op import Op

from .machine import Machine

_SLOW: Final = frozenset(("div", "sqrt", "remainder", "floor_divide"))
_SLOWER: Final = frozenset(
    ("exp", "log", "sin", "cos", "tan", "tanh", "erf", "log1p", "expm1", "pow", "atan2")
)
_LEAVES: Final = frozenset(("arg", "param", "const"))
_PRODUCTS: Final = {"matmul": 0, "quantized_matmul": 0, "quantized_linear": 1}  # 1: the right one transposed


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one command. ``work`` are the cycles that the unit is busy with,
    ``ideal`` those that it would be if it were used in full.
    """

    unit: str
    work: int
    ideal: float
    nbytes: int
    cycles: int


@dataclass(slots=True)
class Row:
    """What the calls of an op on a unit cost together."""

    op: str
    unit: str
    calls: int = 0
    cycles: int = 0
    nbytes: int = 0
    ideal: float = 0.0

    @property
    def utilisation(self) -> float:
        """The part of the cycles that the unit would need if it were used in full, from 0 to 1."""
        return self.ideal / self.cycles if self.cycles else 0.0


@dataclass(slots=True)
class CostReport:
    """What was queued while it was open; prints as a table."""

    machine: Machine
    entries: dict[tuple[str, str], Row] = field(default_factory=dict)

    @property
    def rows(self) -> list[Row]:
        """One an op and unit, the most cycles first."""
        return sorted(self.entries.values(), key=lambda row: (-row.cycles, row.op, row.unit))

    @property
    def calls(self) -> int:
        return sum(row.calls for row in self.entries.values())

    @property
    def cycles(self) -> int:
        return sum(row.cycles for row in self.entries.values())

    @property
    def nbytes(self) -> int:
        return sum(row.nbytes for row in self.entries.values())

    @property
    def utilisation(self) -> float:
        return sum(row.ideal for row in self.entries.values()) / self.cycles if self.cycles else 0.0

    @property
    def seconds(self) -> float:
        """Of the machine's time."""
        return self.cycles / self.machine.clock

    def add(self, op: str, cost: Cost) -> None:
        row = self.entries.setdefault((op, cost.unit), Row(op, cost.unit))
        row.calls += 1
        row.cycles += cost.cycles
        row.nbytes += cost.nbytes
        row.ideal += cost.ideal

    def __str__(self) -> str:
        lines = [("op", "unit", "calls", "cycles", "bytes", "utilisation")]
        lines += [
            (r.op, r.unit, str(r.calls), str(r.cycles), str(r.nbytes), f"{100 * r.utilisation:.1f} %")
            for r in self.rows
        ]
        share = f"{100 * self.utilisation:.1f} %"
        lines.append(("total", "", str(self.calls), str(self.cycles), str(self.nbytes), share))
        widths = [max(len(line[i]) for line in lines) for i in range(6)]
        text = [
            "  ".join(c.ljust(w) if i < 2 else c.rjust(w) for i, (c, w) in enumerate(zip(line, widths)))
            for line in lines
        ]
        return "\n".join([*text, f"{self.seconds * 1e6:.1f} us at {self.machine.clock / 1e9:g} GHz"])


_lock = threading.Lock()
_open: list[CostReport] = []


@contextlib.contextmanager
def cost_report(machine: Machine | None = None) -> Iterator[CostReport]:
    """Count what is queued on npu-sim devices inside, by any thread.

    >>> with tensorplug_npu_sim.cost_report() as report:
    ...     model(x)
    >>> print(report)
    """
    found = CostReport(machine or Machine.configured())
    with _lock:
        _open.append(found)
    try:
        yield found
    finally:
        with _lock:
            _open[:] = [one for one in _open if one is not found]


def accounted(chip: Any, op: str, outs: Sequence[Any], ins: Sequence[Any], attrs: Mapping[str, Any]) -> int:
    """Note a command in the reports that are open; returns its cycles."""
    return _noted(op, cost_of(chip.machine, op, outs, ins, attrs))


def moved(chip: Any, op: str, nbytes: int) -> int:
    """A move of bytes, between host and DRAM, or (``transfer``) within DRAM."""
    machine = chip.machine
    wide = machine.bandwidth if op == "transfer" else machine.link
    read = 2 * nbytes if op == "transfer" else nbytes
    cycles = machine.launch + machine.latency + -(-read // wide)
    return _noted(op, Cost("dma", 0, read / wide, read, cycles))


def _noted(op: str, cost: Cost) -> int:
    if _open:
        with _lock:
            for report in _open:
                report.add(op, cost)
    return cost.cycles


def cost_of(machine: Machine, op: str, outs: Sequence[Any], ins: Sequence[Any], attrs: Any) -> Cost:
    """The cost of an op on these operands, which have ``shape``, ``strides`` and ``dtype``."""
    operands = [operand for operand in ins if operand is not None]
    nbytes = sum(_dma_bytes(machine, operand) for operand in (*outs, *operands))
    if op in _PRODUCTS:
        unit, work, ideal, again = _product(machine, _PRODUCTS[op], outs[0], operands)
        nbytes += again
    elif op in ("copy", "fill"):
        unit, work, ideal = "dma", 0, nbytes / machine.bandwidth
    else:
        unit = "vector"
        count, weight = _vector_work(op, outs, operands, attrs)
        lanes = machine.lanes // (2 if any(o.dtype.name == "int64" for o in (*outs, *operands)) else 1)
        slots = -(-count // lanes)
        slow, slower, plain = weight
        each = plain + slow * machine.slow + slower * machine.slower
        work, ideal = slots * each, count * each / lanes
    transfer = machine.latency + -(-nbytes // machine.bandwidth) if nbytes else 0
    return Cost(unit, work, ideal, nbytes, machine.launch + max(work, transfer))


def _dma_bytes(machine: Machine, operand: Any) -> int:
    """The bytes that DRAM moves for an operand: each element once, a burst each where they lie apart."""
    count, apart = 1, 0
    for size, stride in zip(operand.shape, operand.strides, strict=True):
        if size == 0:
            return 0
        if stride and size > 1:
            count *= size
            apart = abs(stride) if not apart else min(apart, abs(stride))
    itemsize: int = operand.dtype.itemsize
    if apart <= 1:
        return count * itemsize
    return count * min(machine.burst, apart * itemsize)


def _product(
    machine: Machine, transposed: int, out: Any, operands: Sequence[Any]
) -> tuple[str, int, float, int]:
    """Unit, cycles, ideal cycles of a product, and the bytes that are read more than once."""
    a = operands[0]
    k = a.shape[-1]
    m, n = (out.shape[-2] if len(out.shape) > 1 else 1), out.shape[-1]
    if transposed:  # rows of all leading dimensions, one after the other
        m = math.prod(out.shape[:-1])
    batch = math.prod(out.shape) // max(m * n, 1)
    products = batch * m * n * k
    if a.dtype.name not in ("bfloat16", "int8", "uint8"):
        lanes = machine.lanes // (2 if a.dtype.name == "int64" else 1)
        return "vector", -(-products // lanes), products / lanes, 0
    deep = machine.tile_k * (1 if a.dtype.name == "bfloat16" else 2)
    wide, high, long = -(-n // machine.tile_n), -(-k // deep), -(-m // machine.tile_m)
    fill = deep + machine.tile_n  # to load a tile, and until the last sum has left
    work = batch * wide * high * (m + long * fill)
    again = batch * a.dtype.itemsize * ((wide - 1) * m * k + (long - 1) * k * n)
    return "matrix", work, products / (deep * machine.tile_n), max(again, 0)


def _vector_work(
    op: str, outs: Sequence[Any], ins: Sequence[Any], attrs: Mapping[str, Any]
) -> tuple[int, tuple[int, int, int]]:
    """Elements, and how many slow, slower and plain operations each takes."""
    record = OPS[op]
    count = max((math.prod(operand.shape) for operand in (*outs, *ins)), default=1)
    if record.elementwise and record.expr is not None:
        fixed = [p.name for p in record.parameters if not (p.is_tensor or p.is_dynamic)]
        return count, _weights(record, tuple([attrs[name] for name in fixed]))
    if op == "sort":
        return count, (0, 0, max(1, math.ceil(math.log2(max(count, 2)))) ** 2 // 2)
    if op == "random_bits":
        return count, (0, 0, 80)  # ten rounds of two products and six other operations on four words
    if op in ("cumsum", "cumprod"):
        return count, (0, 0, 2)
    return count, (0, 0, 1)


@cache
def _weights(op: Op, attributes: tuple[Any, ...]) -> tuple[int, int, int]:
    """The operations of an elementwise op's expression: slow, slower and plain ones."""
    assert op.expr is not None
    left = list(attributes)
    given = [
        expr.arg(p.name) if p.is_tensor else expr.param(p.name) if p.is_dynamic else left.pop(0)
        for p in op.parameters
    ]
    found = op.expr(*given)
    roots = [expr.as_expr(root) for root in (found if isinstance(found, tuple) else (found,))]
    used = [node.op for node in expr.nodes(roots) if node.op not in _LEAVES]
    slow, slower = sum(name in _SLOW for name in used), sum(name in _SLOWER for name in used)
    return slow, slower, max(len(used) - slow - slower, 0 if used else 1)
