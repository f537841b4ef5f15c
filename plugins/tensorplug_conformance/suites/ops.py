"""S2: every op of the table, in every dtype and layout, against the executable specification.

A case is an op in a dtype with one of its samples, or with a sample under another layout, or at an edge of
the dtype. It is a pass only where the device ran a kernel of its own.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any, Final

import numpy as np

import tensorplug as tp
from tensorplug_dispatcher import dtypes, errors
from tensorplug_dispatcher.dtypes import DType
from tensorplug_dispatcher.observation import Call, observe
from tensorplug_dispatcher.op import Input, Op, Sample
from tensorplug_dispatcher.ops import OPS, F

from .. import evidence, facts, reference, tolerance
from ..case import DECOMPOSED, FAIL, FALLBACK, PASS, UNSUPPORTED, Case, Result
from ..placing import strange
from ..probes import used_before, written_over
from ..samples import (
    LAYOUTS,
    call,
    described,
    differing,
    dtypes_for,
    dtypes_used,
    laid_out,
    operands,
    seed_of,
    tensors_in,
)

# these read the dtype's own bits, or draw other numbers in float64
OWN_DTYPE_ONLY: Final = frozenset(("view_dtype", "rand", "randn", "dropout_mask", "bernoulli"))
FUZZ: Final = {"smoke": 0, "nightly": 4, "release": 40}  # times 100 programs, against each of two devices
# nonzero is told the count of other numbers; as_strided would look before the memory's start
UNFIT: Final = frozenset((("expanded", "nonzero"), ("reversed", "as_strided")))
SHAPES: Final[dict[str, tuple[tuple[int, ...], ...]]] = {
    "0-d": ((),),
    "empty": ((2, 0, 3),),
    "size-1": ((3, 1), (1, 4), (1, 1)),
}
SPECIAL: Final = (float("nan"), float("inf"), float("-inf"), -0.0, 0.0, 1.0, -1.0, 0.5, 1e-40)
SIGNED_NAN: Final = ("signbit", "copysign")  # what the sign of NaN is, is left open
# families and ops of which it is left open what infinities give: borders of zeros, means beside them
OPEN: Final = ("convolution", "normalization", "var_mean")
WRITE: Final = frozenset(("assign",))  # ops whose result is an operand
MOVES: Final = frozenset(("copy", "cast", "fill", "to_device"))  # what brings operands to a device and back
PATHS: Final = {"native": PASS, "decomposed": DECOMPOSED, "host": FALLBACK}


def cases(device: str, depth: str) -> Iterator[Case]:
    for op in OPS.values():
        yield from _of_op(op, depth)
    for subject, far in FAR.items():
        yield Case(f"S2/{subject}/any/far-index", partial(_far_index, far), OPS[subject].tier)
    others = [reference.NAME, "cpu" if facts.of(device)["type"] != "cpu" else "mirror"]
    for other in others:
        for turn in range(FUZZ[depth]):
            yield Case(f"S2/fuzz/any/{other}-{turn}", partial(_fuzz, other, turn))


FAR: Final[dict[str, Callable[[Any, Any], Any]]] = {
    "gather": lambda x, i: F.gather(x, 0, i),
    "scatter": lambda x, i: F.scatter(x, 0, i, x[: i.numel()]),
    "scatter_add": lambda x, i: F.scatter_add(x, 0, i, x[: i.numel()]),
}


def _far_index(work: Callable[[Any, Any], Any], device: str) -> Result:
    """Indices that are right but for their upper half raise, at the latest when the device is waited for."""
    x = tp.arange(8, dtype=tp.float32).to(device)
    for index in (1 << 31, (1 << 32) + 1, (1 << 40) + 3, -(1 << 32) + 2):
        try:
            work(x, tp.tensor([0, index]).to(device))
            tp.devices.synchronize(device)
        except errors.IndexRangeError:
            continue
        return Result(FAIL, f"index {index} of a dimension of 8 raised nothing")
    return Result(PASS)


def _fuzz(other: str, turn: int, device: str) -> Result:
    """Random programs give the same on a second device; what shows a failure is kept as a file."""
    from ..fuzz import folder, fuzz, save

    seed = seed_of(f"fuzz {turn}")
    failure = fuzz(device, other, seed, 100)
    if failure is None:
        return Result(PASS, f"100 programs, seed {seed}")
    return Result(FAIL, f"{failure.message}; shown by {save(failure, device, other, folder())}")


def _of_op(op: Op, depth: str) -> Iterator[Case]:
    items = list(op.samples()) if op.samples is not None else []
    taken = [dtypes_for(op, item.args) for item in items]
    for dtype in dtypes.ALL:
        fitting = [i for i, those in enumerate(taken) if dtype in those]
        if not fitting:
            continue
        if depth == "smoke":  # two samples and one other layout, another choice for each op and dtype
            turn = zlib.crc32(op.name.encode()) + 7 * dtype.code
            chosen = sorted({fitting[0], fitting[turn % len(fitting)]})
            layouts: tuple[str, ...] = (LAYOUTS[1 + turn % (len(LAYOUTS) - 1)],)
        else:
            chosen, layouts = fitting, LAYOUTS[1:]
        if op.name.endswith(("_backward", "_step")):  # at the ends of the range the order of work decides
            chosen = [i for i in chosen if items[i].note != "special values"]
        for i in chosen:
            yield _case(op, dtype, items[i], f"{i}")
        first = items[fitting[0]]
        for layout in layouts:
            if (layout, op.name) in UNFIT:
                continue
            yield _case(op, dtype, first, f"{fitting[0]}-{layout}", layout)
        if dtype is dtypes.float32 or depth != "smoke":
            for variant, shapes in SHAPES.items() if op.elementwise else ():
                shaped = _shaped(first, shapes)
                if shaped is not None:
                    yield _case(op, dtype, shaped, variant)
            if not op.is_view and op.name not in OWN_DTYPE_ONLY:
                name, uses = f"S2/{op.name}/{dtype.name}", dtypes_used(op, first.args, dtype)
                yield Case(f"{name}/out", partial(_into, op, dtype, first), op.tier, uses)
                yield Case(f"{name}/again", partial(_again, op, dtype, first), op.tier, uses)
        special = _special(op, first, dtype)
        if special is not None:
            yield _case(op, dtype, special, "special")
        for i in fitting if depth != "smoke" else ():
            extreme = _extreme(op, items[i], dtype)
            if extreme is not None:
                yield _case(op, dtype, extreme, f"special-{i}")
    for number, error in enumerate(op.errors() if op.errors is not None else ()):
        if depth != "smoke" or number == 0:
            yield Case(f"S2/{op.name}/any/error-{number}", partial(_refused, op, error, number), op.tier)


def _shaped(item: Sample, shapes: tuple[tuple[int, ...], ...]) -> Sample | None:
    """The sample with other shapes, in turn; None where its numbers are given."""
    if any(isinstance(a, list) or (isinstance(a, Input) and a.values is not None) for a in item.args):
        return None
    inputs = [a for a in item.args if isinstance(a, Input)]
    turn = {id(a): shapes[i % len(shapes)] for i, a in enumerate(inputs)}
    args = [replace(a, shape=turn[id(a)]) if isinstance(a, Input) else a for a in item.args]
    return Sample(tuple(args), item.note)


def _case(op: Op, dtype: DType, item: Sample, variant: str, layout: str | None = None) -> Case:
    work = partial(run, op, dtype, item, variant, layout)
    uses, exact = dtypes_used(op, item.args, dtype), op.tolerance == "exact"
    return Case(f"S2/{op.name}/{dtype.name}/{variant}", work, op.tier, uses, exact, _bound(op))


def _bound(op: Op) -> float:
    """The largest error (units in the last place) of the op that can pass, where sizes have no say in it."""
    if op.tolerance in tolerance.CANCELLING or op.name.endswith(("_backward", "_step")):
        return math.inf
    return max(tolerance.bound(op, dtype, 1) for dtype in ("float16", "float32")) + 0.5


def _special(op: Op, item: Sample, dtype: DType) -> Sample | None:
    """The sample with NaN, infinities and signed zeros, for elementwise ops and reductions of floats."""
    if not dtype.is_floating_point or not (op.elementwise or op.family == "reduction") or op.tier == 4:
        return None
    args = [
        Input(arg.shape, values=_cycle(arg, place)) if isinstance(arg, Input) and arg.dtype is None else arg
        for place, arg in enumerate(item.args)
    ]
    return Sample(tuple(args), "special values")


def _extreme(op: Op, item: Sample, dtype: DType) -> Sample | None:
    """A sample with NaN, infinities and signed zeros, or the ends of an integer dtype, in place of what is
    drawn; None where nothing is, where it is left open what infinities give, or the order of work decides.
    """
    if item.note == "special values" or op.name.endswith("_step") or dtype is dtypes.bool_:
        return None
    if dtype.is_floating_point:
        if op.family in OPEN or op.name in OPEN:
            return None
        values: tuple[float, ...] = SPECIAL if op.name in SIGNED_NAN else (*SPECIAL, -math.nan)
    elif any(isinstance(a, DType) and a.is_floating_point for a in item.args):  # sums of integers in floats
        return None
    else:
        low, high = int(dtype.min), int(dtype.max)
        values = (high, low, 0, 1, high - 1, low + 1, 3, high // 2, low // 2, 7, -1 if low else 5, 100)

    def turned(arg: Any, place: int) -> Any:
        if isinstance(arg, (list, tuple)) and any(isinstance(a, Input) for a in arg):
            return type(arg)([turned(a, place + k) for k, a in enumerate(arg)])
        if isinstance(arg, Input) and arg.dtype is None and arg.values is None:
            return replace(arg, values=_cycle(arg, place, values))
        return arg

    args = tuple(turned(arg, place) for place, arg in enumerate(item.args))
    return None if args == item.args else Sample(args, "special values")


def _cycle(arg: Input, place: int, values: tuple[float, ...] = SPECIAL) -> tuple[float, ...]:
    count = math.prod(arg.shape)
    return tuple(values[(i * (1 + 2 * place) + place) % len(values)] for i in range(count))


def run(op: Op, dtype: DType, item: Sample, variant: str, layout: str | None, device: str) -> Result:
    """The op on the device and by the specification, compared."""
    flush = flushes(device)

    def make(where: str, widen: bool) -> list[Any]:
        return operands(item.args, dtype, f"{op.name} {variant}", where, layout, widen, flush)

    return judge(op, dtype, make, device)


# the memory that a call's result shall go to, and whether that is the first operand; None where it is new
Into = Callable[[list[Any], list[Any], str], tuple[Any, bool]]


def judge(
    op: Op,
    dtype: DType,
    make: Callable[[str, bool], list[Any]],
    device: str,
    wanted: Any = None,
    into: Into | None = None,
    given: list[Any] | None = None,
) -> Result:
    """An op on the device and by the specification, compared. ``make`` gives the arguments on a device; where
    its second argument holds, floating tensors are rounded to their dtype and then float64. ``wanted`` are
    the specification's results, where they are known, and ``given`` what it was called with; ``into`` is
    given arguments and those results.
    """
    own_only = op.name in OWN_DTYPE_ONLY
    if wanted is None:
        given = make(reference.NAME, not own_only)
        wanted = attempt(op, given, reference.NAME)
    args = make(device, False)
    out, in_place = into(args, wanted, device) if into is not None else (None, False)
    if not isinstance(wanted, Exception) and not op.is_view:
        used_before([(t.shape, dtype if t.dtype.is_floating_point else t.dtype) for t in wanted], device)
    with observe() as calls:
        got = attempt(op, args, device, **({} if out is None else {"out": out}))
    path, hidden = way(calls, device)
    if hidden:
        return Result(FAIL, f"it says that it ran {op.name} itself, and ran {hidden} on the host")
    if isinstance(got, errors.MissingKernelError) and not isinstance(wanted, Exception):
        return Result(UNSUPPORTED, str(got))
    if isinstance(got, Exception) or isinstance(wanted, Exception):
        if type(got) is type(wanted):
            return Result(PATHS[path])
        return _unlike(op, got, wanted, args)
    wide = accumulator(device)
    if given is None or own_only or op.name in WRITE:  # what was called with may be rounded, or written to
        given = make("cpu", True)
    found = _compare(op, dtype, got, wanted, given, own_only, flushes(device), wide)
    kept = slice(1 if in_place else 0, None)
    written = "" if op.name in WRITE or found.message else written_over(args[kept], _arrays(given[kept]))
    if written:
        found = replace(found, message=written, place=-1)
    if not found.message:
        return Result(PATHS[path], "", found.maximum, found.p99, found.elements)
    where = "" if out is None else ", into the first operand" if in_place else ", into memory at an offset"
    text = f"{found.message}; {described(op, args, -1 if in_place else found.place)}{where}"
    return Result(FAIL, text, found.maximum, found.p99, found.elements, data={"excess": found.excess})


def _unlike(op: Op, got: Any, wanted: Any, args: list[Any]) -> Result:
    """One of device and specification raises, or they raise different errors."""
    due = f"{type(wanted).__name__} ({wanted})" if isinstance(wanted, Exception) else "a result"
    came = f"{type(got).__name__} ({got})" if isinstance(got, Exception) else "a result"
    raised = {"raised": type(got).__name__} if isinstance(got, errors.TensorplugError) else {}
    return Result(FAIL, f"{due} is due, {came} came; {described(op, args)}", data=raised)


def _bytes(results: list[Any]) -> list[bytes]:
    return [_array(t.cpu()).tobytes() for t in results]


def _plain(op: Op, dtype: DType, item: Sample, device: str) -> tuple[list[Any], list[Any], Result | None]:
    """The arguments, the op's results, and what there is to say where there are none."""
    args = operands(item.args, dtype, f"{op.name} plain", device)
    with observe() as calls:
        got = attempt(op, args, device)
    if isinstance(got, errors.MissingKernelError):
        return args, [], Result(UNSUPPORTED, str(got))
    if isinstance(got, Exception):  # another case compares what is raised
        there = attempt(op, operands(item.args, dtype, f"{op.name} plain", reference.NAME), reference.NAME)
        return args, [], Result(PASS if type(there) is type(got) else FAIL, _said(got))
    return args, got, Result(PATHS[way(calls, device)[0]])


def _into(op: Op, dtype: DType, item: Sample, device: str) -> Result:
    """``out=`` gives the same bits in memory that is resized, and the same numbers in a strided view."""
    args, wanted, result = _plain(op, dtype, item, device)
    if not wanted or result is None:
        return result or Result(PASS)
    strided = [laid_out(tp.full_like(t, strange(t.dtype)), "sliced") for t in wanted]
    for outs in ([tp.empty(0, dtype=t.dtype, device=t.device) for t in wanted], strided):
        given = {"out": outs[0] if len(outs) == 1 else tuple(outs)}
        call(op.name, args, device, **given)
        if [tuple(t.shape) for t in outs] != [tuple(t.shape) for t in wanted]:
            return Result(FAIL, f"out= has the shapes {[list(t.shape) for t in outs]}")
        if outs is not strided and _bytes(outs) != _bytes(wanted):
            return Result(FAIL, "out= that was resized holds other bits")
        found = _compare(op, dtype, outs, wanted, args, own_only=True)
        if found.message:
            return Result(FAIL, f"out= holds other numbers: {found.message}")
    return result


def _again(op: Op, dtype: DType, item: Sample, device: str) -> Result:
    """The same call gives the same bits, whatever ran in between."""
    args, first, result = _plain(op, dtype, item, device)
    for _ in range(3):
        noise = tp.full((97,), float("nan"), device=device)
        del noise
        if first and _bytes(call(op.name, args, device)) != _bytes(first):
            return Result(FAIL, "the same call gave other bits the next time")
    return result or Result(PASS)


def flushes(device: str) -> bool:
    """Whether the device's manifest says that subnormal numbers are zeros there."""
    return facts.flushes(device)


def accumulator(device: str) -> str:
    """The dtype in which the device's manifest says that sums of low precision are kept."""
    return facts.accumulator(device)


def attempt(op: Op, args: list[Any], device: str, **further: Any) -> Any:
    """The results, waited for, or the error that the call raised."""
    try:
        results = call(op.name, args, device, **further)
        tp.devices.synchronize(device)
        return results
    except (errors.TensorplugError, ArithmeticError) as error:
        return error


def _said(outcome: Any) -> str:
    return f"{type(outcome).__name__}: {outcome}" if isinstance(outcome, Exception) else "a result"


def _compare(
    op: Op,
    dtype: DType,
    got: list[Any],
    wanted: list[Any],
    args: list[Any],
    own_only: bool,
    flush: bool = False,
    wide: str = "float32",
) -> tolerance.Errors:
    if len(got) != len(wanted):
        return tolerance.Errors(f"{len(got)} results, the specification gives {len(wanted)}")
    # the sizes of numbers count, those of indices and bits do not
    numbers = (*dtypes.FLOATS, dtypes.int8, dtypes.uint8)
    inputs = [
        _array(t).astype(np.float64) if t.dtype in numbers else np.zeros(tuple(t.shape))
        for t in tensors_in(args)
    ]
    along = tolerance.line(op, args)
    worst, failed = tolerance.Errors(excess=0.0), None
    elements, excess = 0, 0.0
    for name, mine, theirs in zip(op.outputs, got, wanted, strict=True):
        if tuple(mine.shape) != tuple(theirs.shape):
            return tolerance.Errors(f"{name}: shape {list(mine.shape)}, reference {list(theirs.shape)}")
        seen, exact = _array(mine.cpu()), _array(theirs.cpu())
        evidence.result(_flushed(seen, mine.dtype) if flush else seen, name, mine.dtype.name)
        if not mine.dtype.is_floating_point:
            if mine.dtype is not theirs.dtype:
                return tolerance.Errors(f"{name}: dtype {mine.dtype}, reference {theirs.dtype}")
            if name == "indices" and op.name in ANY_OF_EQUALS:
                if text := _places_of(op, args, seen, _array(got[0].cpu())):
                    return tolerance.Errors(f"{name}: {text}")
            elif not _same_integers(op, seen, exact):
                wrong = (seen != exact).reshape(-1)
                place = int(wrong.argmax()) if wrong.any() else -1
                return tolerance.Errors(f"{name}: {differing(seen, exact)}", place=place)
            continue
        if own_only and mine.dtype is not theirs.dtype:
            return tolerance.Errors(f"{name}: dtype {mine.dtype}, reference {theirs.dtype}")
        if op.name == "cast" and mine.dtype.itemsize == 2 and args[0].dtype is dtypes.float64:
            # rounded once or, as PyTorch does it, to float32 first: both are taken
            twice = args[0].to(reference.NAME).to(dtypes.float32).to(mine.dtype)
            exact = np.where(seen == _array(twice), seen, exact)
        found = tolerance.compared(op, mine.dtype.name, seen, exact, inputs, flush, wide, along)
        elements, excess = elements + found.elements, max(excess, found.excess)
        if found.message:
            failed = failed or replace(found, message=f"{name}: {found.message}")
        if found.maximum >= worst.maximum:
            worst = found
    return replace(failed or worst, elements=elements, excess=excess)


# which of equal numbers their indices name is left open, as in PyTorch
ANY_OF_EQUALS: Final = ("topk", "kthvalue")


def _places_of(op: Op, args: list[Any], places: Any, values: Any) -> str:
    """What is wrong with indices that shall name the values that are given, each once; nothing if right."""
    place = [p.name for p in op.parameters].index("dim")
    x, dim = _array(args[0]), args[place] if place < len(args) else -1
    if not x.ndim:
        return "" if not places.any() else f"{places} of a single number"
    x = np.moveaxis(x, dim, -1)
    shaped = places.reshape(*x.shape[:-1], -1) if places.ndim < x.ndim else np.moveaxis(places, dim, -1)
    due = values.reshape(shaped.shape) if values.ndim < x.ndim else np.moveaxis(values, dim, -1)
    if shaped.size and (shaped.min() < 0 or shaped.max() >= x.shape[-1]):
        return f"{shaped.min()} to {shaped.max()} for lines of {x.shape[-1]}"
    named = np.take_along_axis(x, shaped, -1)
    wrong = ~((named == due) | ((named != named) & (due != due)))
    if wrong.any():
        return f"{int(wrong.sum())} of {wrong.size} name other numbers than the values"
    in_order = np.sort(shaped, -1)
    return "a place is named twice" if (in_order[..., 1:] == in_order[..., :-1]).any() else ""


def _flushed(numbers: Any, dtype: DType) -> Any:
    """The numbers with zeros for what is subnormal in the dtype."""
    if not dtype.is_floating_point:
        return numbers
    return np.where(np.abs(numbers) < dtype.smallest_normal, 0.0, numbers)


def _same_integers(op: Op, seen: Any, exact: Any) -> bool:
    """Whether integers agree: to one step where they are rounded from floating numbers."""
    if op.tolerance == "step" and seen.dtype.itemsize == 1:
        return bool((np.abs(seen.astype(np.int64) - exact.astype(np.int64)) <= 1).all())
    return bool(np.array_equal(seen, exact))


def _arrays(args: list[Any]) -> list[Any]:
    return [_array(t) for t in tensors_in(args)]


def _array(tensor: Any) -> Any:
    if tensor.device.type != "cpu":
        tensor = tensor.cpu()
    return (tensor.to(dtypes.float64) if tensor.dtype.is_floating_point else tensor.contiguous()).numpy()


def way(calls: Iterable[Call], device: str) -> tuple[str, str]:
    """How a device served calls: native, decomposed or host;
    and what ran elsewhere beneath a kernel that calls itself native.

    A conversion of arguments is no decomposition: where a rewrite does nothing but convert, move and look at
    the operands and then calls the same op, which runs natively, the op is native.
    """
    kind = device.partition(":")[0]
    found, hidden = "native", set()
    for one in calls:
        path = _way_of(one, kind)
        found = max(found, path, key=("native", "decomposed", "host").index)
        for node in one.every():
            if node.path == "native" and node.device == kind:
                below = (inner for child in node.inner for inner in child.every())
                hidden |= {n.op for n in below if n.device != kind and _works(n)}
    return found, ", ".join(sorted(hidden))


def _works(call: Call) -> bool:
    """Whether the call does more than move bytes or look at them another way."""
    return call.op not in MOVES and call.path != "view"


def _way_of(call: Call, kind: str) -> str:
    if call.path == "host" or call.device != kind:
        return "host" if _works(call) else "native"
    if call.path != "decomposed":
        return "native"
    parts = [inner for inner in call.inner if _works(inner)]
    ways = {_way_of(inner, kind) for inner in call.inner}
    if "host" in ways:
        return "host"
    same = bool(parts) and all(inner.op == call.op for inner in parts)
    return "native" if same and "decomposed" not in ways else "decomposed"


def _refused(op: Op, error: Any, number: int, device: str) -> Result:
    """A call that the table says must raise."""
    kinds = dtypes_for(op, error.args)
    dtype = dtypes.float32 if dtypes.float32 in kinds else dtypes.int64
    try:
        outcome = attempt(op, operands(error.args, dtype, f"{op.name} error {number}", device), device)
    except errors.TensorplugError as problem:
        outcome = problem
    if not isinstance(outcome, Exception):
        return Result(FAIL, f"{error.error} that says {error.match!r} is due, a result came; {error.args}")
    if not isinstance(outcome, getattr(errors, error.error)) or error.match not in str(outcome):
        text = f"{error.error} that says {error.match!r} is due, {_said(outcome)} came; {error.args}"
        return Result(FAIL, text)
    return Result(PASS)
