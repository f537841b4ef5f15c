"""Calls whose operands do not fit each other: refused, or the same on the CPU as by the specification.

A kernel counts on what the op's shapes promise. Where they promise too little it reads, or writes, what lies
behind an operand, and the numbers that come are no error of anybody's but the table's.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

pytest.importorskip("ml_dtypes")

import tensorplug as tp
from tensorplug_conformance.case import FAIL
from tensorplug_conformance.samples import dtypes_for, operands
from tensorplug_conformance.suites.ops import judge
from tensorplug_dispatcher import dtypes
from tensorplug_dispatcher.op import Input, Op, Sample
from tensorplug_dispatcher.ops import OPS

# as_strided and to_device say where results lie, nonzero is told a count; what is repeated is not sorted; the
# results of a step of an optimizer are broadcast here, and of their own operands' shapes by the specification
NOT: frozenset[str] = frozenset(
    ("as_strided", "to_device", "nonzero", "searchsorted", "adam_step", "adam_amsgrad_step")
)


def changed(shape: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
    """Shapes near this one: a dimension of one, one longer, three times as long, one more or less of them."""
    for d, n in enumerate(shape):
        for other in (1, n + 1, 3 * n):
            if other != n:
                yield (*shape[:d], other, *shape[d + 1 :])
    yield (2, *shape)
    if shape:
        yield shape[1:]


def of_shape(spec: Input, shape: tuple[int, ...]) -> Input:
    """The operand with another shape; given numbers are repeated."""
    if spec.values is None:
        return replace(spec, shape=shape)
    count = 1
    for n in shape:
        count *= n
    values = tuple(itertools.islice(itertools.cycle(spec.values or (0,)), count))
    return replace(spec, shape=shape, values=values)


def variants(item: Sample) -> Iterator[Sample]:
    for place, arg in enumerate(item.args):
        if isinstance(arg, Input):
            given = [of_shape(arg, shape) for shape in changed(tuple(arg.shape))]
        elif isinstance(arg, tuple) and arg and all(type(n) is int for n in arg):
            given = [*changed(arg)]
        else:
            continue
        for other in given:
            yield Sample((*item.args[:place], other, *item.args[place + 1 :]))


@pytest.mark.parametrize("name", [n for n, op in OPS.items() if op.samples is not None and n not in NOT])
def test_refused_or_right(name: str) -> None:
    op: Op = OPS[name]
    problems = []
    items = [item for item in op.samples() if item.note != "special values"]
    for item in sorted(items, key=lambda item: -len(item.args))[:2]:
        for other in variants(item):
            kinds = dtypes_for(op, other.args)
            if not kinds:
                continue
            dtype = dtypes.float32 if dtypes.float32 in kinds else next(iter(kinds))

            def make(where: str, widen: bool, args: Any = other.args, dtype: Any = dtype) -> list[Any]:
                return operands(args, dtype, name, where, None, widen, False)

            with tp.devices.host_fallback("allow"):
                result = judge(op, dtype, make, "cpu")
            if result.status == FAIL:
                problems.append(result.message[:300])
    assert not problems, "\n".join(problems)
