"""S2, state: each op again at the same shapes with something else changed, in one process.

What a device keeps from call to call (plans, compiled programs, packed operands, bound arguments) must be
kept under everything that it depends on: attributes, numbers among the operands, dtypes, offsets, strides,
and what the memory holds now.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Any, Final

from tensorplug_dispatcher import dtypes
from tensorplug_dispatcher.dtypes import DType
from tensorplug_dispatcher.errors import TensorplugError
from tensorplug_dispatcher.op import REQUIRED, Input, Op, Parameter, Sample
from tensorplug_dispatcher.ops import OPS
from tensorplug_dispatcher.tensor import TensorBase

from .. import facts
from ..case import PASS, UNSUPPORTED, Case, Result
from ..placing import Plan, dense, drawn, placed
from ..probes import worst
from ..samples import call, dtypes_for, seed_of, tensors_in
from .layouts import any_tensor, arguments, array_of, inputs_of
from .ops import OWN_DTYPE_ONLY, flushes, judge

KINDS: Final = (dtypes.float32, dtypes.float64, dtypes.int64, dtypes.float16, dtypes.int32, dtypes.uint8)
MOST: Final = {"smoke": 10, "nightly": 30, "release": 100}  # variants of a call
NUMBERS: Final = (2, 3, -1, 2.5)
STRINGS: Final = {"none": ("tanh",), "constant": ("replicate", "reflect")}


def cases(device: str, depth: str) -> Iterator[Case]:
    for op in OPS.values():
        items = [s for s in (op.samples() if op.samples is not None else ()) if s.note != "special values"]
        if op.name in ("to_device", "as_strided") or not items:
            continue
        yield Case(f"S2/{op.name}/any/state", partial(_state, op, items, MOST[depth]), op.tier)


def variants(op: Op, item: Sample) -> list[Sample]:
    """The sample with one attribute changed at a time, then with numbers in place of operands."""
    args = list(item.args)
    for parameter in op.parameters[len(args) :]:
        if parameter.default is REQUIRED or parameter.name == "device":
            break
        args.append(parameter.default)
    found = []
    for place, (parameter, arg) in enumerate(zip(op.parameters, args, strict=False)):
        if isinstance(arg, list) and len({a.shape for a in arg}) > 1:  # the same result of other parts
            found.append(Sample((*args[:place], arg[::-1], *args[place + 1 :])))
        if parameter.is_tensor or parameter.name in FIXED:
            continue
        found += [Sample((*args[:place], n, *args[place + 1 :])) for n in _others(parameter, arg)]
    if op.elementwise and len(args) > 1 and isinstance(args[0], Input):
        operands = [i for i, a in enumerate(args) if isinstance(a, Input)]
        if len(operands) == 2 and op.name not in ("bitwise_and", "bitwise_or", "bitwise_xor"):
            found += [
                Sample(tuple(n if i == operands[1] else a for i, a in enumerate(args))) for n in NUMBERS
            ]
    # turn by turn, so that the first few change every attribute once
    return found


def _others(parameter: Parameter, arg: Any) -> tuple[Any, ...]:
    kind = parameter.kind.rstrip("!?")
    if kind == "bool":
        return (not arg,)
    if kind in ("dim", "dims") or parameter.name in ("dim", "dim0", "dim1"):
        return tuple(d for d in (0, -1, 1) if d != arg)
    if kind in ("float", "Scalar"):
        return (
            (0.5,)
            if arg is None
            else (arg * 0.5 + 0.25, arg + 1)
            if isinstance(arg, float)
            else (arg + 1, arg - 2)
        )
    if kind == "int" and arg is not None:
        return (arg + 1, arg - 1) if arg > 1 else (arg + 1,)
    if kind == "int[]" and arg and parameter.name in CHANGING:
        return tuple(tuple(max(n + by, 0) for n in arg) for by in (1, -1))
    if kind == "str":
        return STRINGS.get(arg, ())
    return ()


def _turned_round(item: Sample) -> list[Sample]:
    """The sample with the sides of its operands in the reverse order: as many dimensions and elements, and
    another shape. What then does not fit raises, on a device as by the specification.
    """

    def turned(arg: Any) -> Any:
        if isinstance(arg, list):
            return [turned(a) for a in arg]
        free = isinstance(arg, Input) and arg.values is None
        return replace(arg, shape=arg.shape[::-1]) if free else arg

    other = tuple(turned(arg) for arg in item.args)
    return [] if other == item.args else [Sample(other)]


# what says where a result lies, or depends on what the operands hold
FIXED: Final = ("device", "count", "num_classes", "num_embeddings", "offset")
CHANGING: Final = (
    "kernel_size",
    "stride",
    "padding",
    "dilation",
    "shifts",
    "pad",
    "repeats",
    "output_size",
    "shape",
)


def _state(op: Op, items: list[Sample], most: int, device: str) -> Result:
    first = next((s for s in items if _plain(s)), items[0])
    absent = facts.absent(device)
    there = [d for d in dtypes_for(op, first.args) if d.name not in absent]
    kinds = [d for d in KINDS if d in there][:4] or there[:1]
    if not kinds:
        return Result(PASS)
    flush = flushes(device)
    key = f"{op.name} state"

    def one(item: Sample, dtype: DType, plan: int = 0, changed: range = range(0)) -> Result:
        """The call; the ``changed`` of its operands held other numbers in a call before."""

        def other(where: str, widen: bool) -> list[Any]:
            return _made(_otherwise(item), dtype, key + " changed", plan, where, widen, flush)

        def make(where: str, widen: bool) -> list[Any]:
            args = _made(item, dtype, key, plan, where, widen, flush)
            for_tolerance = where == "cpu" and widen  # what was called with, and no call
            if changed and not for_tolerance:
                fresh = other(where, widen)
                try:
                    call(op.name, args, where)
                except (TensorplugError, ArithmeticError):
                    return args
                for place, (t, new) in enumerate(zip(tensors_in(args), tensors_in(fresh), strict=True)):
                    if place in changed:
                        t.copy_(new)
            elif changed:
                both = enumerate(zip(tensors_in(args), tensors_in(other(where, widen)), strict=True))
                return _in_place_of(args, [new if place in changed else old for place, (old, new) in both])
            return args

        result = judge(op, dtype, make, device)
        if result.status == UNSUPPORTED and dtype is not kinds[0]:
            return Result(PASS)
        return result

    def every() -> Iterator[tuple[str, Result]]:
        sequence = variants(op, first)
        draw = random.Random(seed_of(key))
        draw.shuffle(sequence)
        sequence = [first, *sequence[:most], first, *_turned_round(first), first]
        for item in sequence:
            yield f"{arguments(item.args)}, {kinds[0].name}", one(item, kinds[0])
        for dtype in (*kinds[1:], kinds[0]):
            yield f"{arguments(first.args)} in {dtype.name} after others", one(first, dtype)
        if any_tensor(first.args):
            for plan in (1, 2, 0, 3):
                words = (
                    f"{arguments(first.args)} at another offset"
                    if plan == 1
                    else f"layout {plan} after others"
                )
                yield words, one(first, kinds[0], plan)
            if op.name not in OWN_DTYPE_ONLY and not op.is_view:
                count = len(inputs_of(first.args))
                yield "operands changed in place after a call", one(first, kinds[0], 0, range(count))
                together = op.name.endswith("_backward") and op.tolerance in ("softmax", "normalization")
                for place in range(0 if count < 2 or together else count):  # of one another's results
                    words = f"operand {place + 1} of {count} changed in place after a call"
                    yield words, one(first, kinds[0], 0, range(place, place + 1))

    return worst(every())


def _otherwise(item: Sample) -> Sample:
    """The sample with other values where it gives some: twice as large, or in the reverse order."""

    def changed(arg: Any) -> Any:
        if isinstance(arg, list):
            return [changed(a) for a in arg]
        if not isinstance(arg, Input) or arg.values is None:
            return arg
        return replace(arg, values=tuple(2 * v if isinstance(v, float) else v for v in arg.values[::-1]))

    return Sample(tuple(changed(arg) for arg in item.args))


def _in_place_of(args: list[Any], tensors: list[Any]) -> list[Any]:
    """The arguments with other tensors, in their order."""
    rest = iter(tensors)

    def changed(arg: Any) -> Any:
        if isinstance(arg, list):
            return [changed(a) for a in arg]
        return next(rest) if isinstance(arg, TensorBase) else arg

    return [changed(arg) for arg in args]


def _plain(item: Sample) -> bool:
    return all(not isinstance(a, Input) or a.values is None for a in item.args)


def _made(item: Sample, dtype: DType, key: str, turn: int, where: str, widen: bool, flush: bool) -> list[Any]:
    """Operands at plan ``turn``: 0 dense, 1 with an offset, others drawn."""
    draw = random.Random(seed_of(f"{key} {turn}"))

    def plan_of(spec: Input) -> Plan:
        if turn < 2:
            return dense(len(spec.shape), 3 * turn, 2 * turn)
        return replace(drawn(draw, spec.shape, False), before=turn)

    def convert(arg: Any, place: int) -> Any:
        if isinstance(arg, list):
            return [convert(a, place + 100 * (i + 1)) for i, a in enumerate(arg)]
        if not isinstance(arg, Input):
            return arg
        chosen = dtypes.dtype_named(arg.dtype) if arg.dtype else dtype
        return placed(array_of(arg, chosen, seed_of(key) + place, flush), chosen, plan_of(arg), where, widen)

    return [convert(arg, i) for i, arg in enumerate(item.args)]
