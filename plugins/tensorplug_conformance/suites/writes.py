"""S2, writes: every output between other numbers that must stay, and as each operand in turn.

``canary`` gives an op outputs in the midst of larger memory, dense and strided, of lengths with and without a
vector's tail, and looks at all that lies around and between. ``aliases`` gives it each operand of the
result's shape and dtype as ``out=``, and ``out=`` that overlaps an operand in part, which must raise.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Any, Final

import numpy as np

import tensorplug as tp
from tensorplug_dispatcher import dtypes, errors
from tensorplug_dispatcher.dtypes import DType
from tensorplug_dispatcher.op import Input, Op, Sample
from tensorplug_dispatcher.ops import OPS, F

from ..case import FAIL, PASS, UNSUPPORTED, Case, Result
from ..placing import Plan, dense, drawn, placed, strides_of
from ..probes import array_of, differs, worst
from ..samples import call, dtypes_for, dtypes_named, operands, seed_of, tensors_in
from .layouts import arguments
from .ops import OWN_DTYPE_ONLY

LENGTHS: Final = ((1,), (3,), (8,), (31,), (33,), (64,), (257,), (5, 7), (1030,))
AROUND: Final = 67  # elements before and behind, more than the widest vector
# these are drawn anew in each call, or their result is a number of the host
UNFIT: Final = frozenset(("to_device",))


def cases(device: str, depth: str) -> Iterator[Case]:
    for op in OPS.values():
        if op.is_view or op.name in OWN_DTYPE_ONLY or op.name in UNFIT:
            continue
        items = [s for s in (op.samples() if op.samples is not None else ()) if s.note != "special values"]
        kinds = sorted({d for s in items for d in dtypes_for(op, s.args)}, key=lambda d: d.code)
        if depth == "smoke":
            kinds = [d for d in kinds if d is dtypes.float32] + [kinds[seed_of(op.name + "w") % len(kinds)]]
        for dtype in dict.fromkeys(kinds):
            fitting = [s for s in items if dtype in dtypes_for(op, s.args)]
            chosen = fitting[:3] if depth == "smoke" else fitting
            chosen = [*chosen, *_tails(op, fitting[0])]
            uses = tuple(sorted({name for s in chosen for name in dtypes_named(s.args)}))
            name = f"S2/{op.name}/{dtype.name}"
            yield Case(f"{name}/canary", partial(_canaries, op, dtype, chosen), op.tier, uses)
            if tensors_or_inputs(fitting[0].args):
                yield Case(f"{name}/aliases", partial(_aliases, op, dtype, chosen), op.tier, uses)
    for dtype in dtypes.ALL:
        yield Case(f"S2/assign/{dtype.name}/canary-copy", partial(_views, dtype), 0)


def tensors_or_inputs(args: Any) -> bool:
    return any(isinstance(a, (Input, list)) for a in args)


def _tails(op: Op, item: Sample) -> list[Sample]:
    """Samples of several lengths, for ops that take any shape."""
    if not op.elementwise or any(isinstance(a, Input) and a.values is not None for a in item.args):
        return []
    return [
        Sample(tuple(replace(a, shape=shape) if isinstance(a, Input) else a for a in item.args))
        for shape in LENGTHS
    ]


def marks(dtype: DType, size: int) -> Any:
    """What lies around an output: numbers that no store of a result leaves as they are."""
    if dtype is dtypes.bool_:
        return np.arange(size) % 3 == 0
    plain = np.float64 if dtype.is_floating_point else np.dtype(dtype.numpy_name)
    return (np.arange(size) % 5 + 90).astype(plain)


class Guarded:
    """An output in the midst of marks."""

    def __init__(
        self, shape: tuple[int, ...], dtype: DType, plan: Plan, device: Any, inside: Any = None
    ) -> None:
        strides, first, size = strides_of(shape, plan)
        self.marks = marks(dtype, size)
        self.within = np.zeros(size, bool)
        index = np.arange(size)
        places = (
            np.lib.stride_tricks.as_strided(
                index[first:] if size > first else index[:0],
                shape,
                [s * index.itemsize for s in strides],
            )
            if np.prod(shape)
            else np.zeros(0, np.int64)
        )
        self.within[np.asarray(places).reshape(-1)] = True
        memory = self.marks.copy()
        if inside is not None and np.prod(shape):
            memory[np.asarray(places)] = inside
        self.base = tp.from_numpy(memory).to(dtype).to(device)
        self.tensor = F.as_strided(self.base, shape, strides, first)

    def harm(self) -> str:
        """Which marks were written over."""
        seen = array_of(self.base)
        wrong = (seen != self.marks) & ~self.within
        if not wrong.any():
            return ""
        at = int(np.flatnonzero(wrong)[0])
        inside = np.flatnonzero(self.within)
        where = (
            "before the first"
            if at < inside.min(initial=len(seen))
            else ("behind the last" if at > inside.max(initial=-1) else "between the elements")
        )
        return (
            f"{int(wrong.sum())} numbers around the output were written over, the first {where}, place {at}"
        )


def _plans(shape: tuple[int, ...], key: str) -> Iterator[Plan]:
    yield dense(len(shape), AROUND, AROUND)
    some = drawn(random.Random(seed_of(key)), shape, False)
    yield replace(some, before=AROUND + some.before, behind=AROUND)


def _canaries(op: Op, dtype: DType, items: list[Sample], device: str) -> Result:
    return worst(
        (f"sample {i}, {arguments(s.args)}", _guarded(op, dtype, s, f"{op.name} canary {i}", device))
        for i, s in enumerate(items)
    )


def _guarded(op: Op, dtype: DType, item: Sample, key: str, device: str) -> Result:
    args = operands(item.args, dtype, key, device)
    try:
        plain = [(tuple(t.shape), t.dtype, array_of(t)) for t in call(op.name, args, device)]
    except errors.MissingKernelError as error:
        return Result(UNSUPPORTED, str(error))
    except (errors.TensorplugError, ArithmeticError):
        return Result(PASS, "it raises, which another case compares")
    for turn in range(2):
        guards = [
            Guarded(shape, kind, list(_plans(shape, f"{key} {place}"))[turn], device)
            for place, (shape, kind, _) in enumerate(plain)
        ]
        outs = tuple(g.tensor for g in guards)
        call(op.name, args, device, out=outs[0] if len(outs) == 1 else outs)
        tp.devices.synchronize(device)
        for name, guard, (_, _, due) in zip(op.outputs, guards, plain, strict=True):
            layout = "strided" if turn else "dense"
            if text := guard.harm():
                return Result(FAIL, f"{name} in a {layout} view: {text}")
            if op.tolerance != "step" and (text := _near(op, array_of(guard.tensor), due)):
                return Result(FAIL, f"{name} in a {layout} view: {text}")
    return Result(PASS)


# a strided result may make a device work in another order: what is rounded then need not be the same
ORDER_OF_WORK: Final = frozenset(n for n, op in OPS.items() if op.tolerance not in ("exact", "add", "mul"))


def _aliases(op: Op, dtype: DType, items: list[Sample], device: str) -> Result:
    return worst(
        (f"sample {i}, {arguments(s.args)}", aliased(op, dtype, s, f"{op.name} alias {i}", device))
        for i, s in enumerate(items)
    )


def aliased(op: Op, dtype: DType, item: Sample, key: str, device: str) -> Result:
    """Operands of the result's shape and dtype as ``out=``: as without, or refused and not changed."""
    args = operands(item.args, dtype, key, device)
    try:
        plain = call(op.name, args, device)
    except errors.MissingKernelError as error:
        return Result(UNSUPPORTED, str(error))
    except (errors.TensorplugError, ArithmeticError):
        return Result(PASS, "it raises, which another case compares")
    if len(plain) != 1:
        return Result(PASS)
    due = array_of(plain[0])
    for place, operand in enumerate(tensors_in(args)):
        if operand.dtype is not plain[0].dtype or tuple(operand.shape) != tuple(plain[0].shape):
            continue
        fresh = operands(item.args, dtype, key, device)
        out = tensors_in(fresh)[place]
        if 0 in out.strides and out.numel() > 1:
            continue
        before = array_of(out)
        try:
            call(op.name, fresh, device, out=out)
            tp.devices.synchronize(device)
        except errors.InplaceError as error:
            if text := differs(array_of(out), before):
                return Result(FAIL, f"out= as operand {place} was refused ({error}) and written: {text}")
            continue
        text = _near(op, array_of(out), due)
        if text:
            return Result(FAIL, f"out= as operand {place}: {text}")
        if op.elementwise and out.ndim == 1 and out.numel() > 4:
            text = _overlapping(op, fresh, place, device)
            if text:
                return Result(FAIL, f"out= that overlaps operand {place} in part: {text}")
    return Result(PASS)


def _near(op: Op, got: Any, due: Any) -> str:
    if op.name not in ORDER_OF_WORK or got.dtype.kind != "f":
        return differs(got, due)
    with np.errstate(all="ignore"):
        same = np.isclose(got, due, 1e-2, 1e-2, equal_nan=True).all()
    return "" if same else differs(got, due)


def _overlapping(op: Op, args: list[Any], place: int, device: str) -> str:
    """An output that begins two elements behind an operand must raise, and leave both as they were."""
    operand = tensors_in(args)[place]
    n = operand.numel()
    base = placed(marks(operand.dtype, n + 4), operand.dtype, dense(1), device)
    given = [base[:n] if a is operand else a for a in args]
    before = array_of(base)
    try:
        call(op.name, given, device, out=base[2 : n + 2])
        tp.devices.synchronize(device)
    except errors.InplaceError:
        return differs(array_of(base), before)
    return "it raised nothing; InplaceError is due"


def _views(dtype: DType, device: str) -> Result:
    """Copies and fills of views leave alone what lies around them."""

    def every() -> Iterator[tuple[str, Result]]:
        for shape in (*LENGTHS, (3, 33), (2, 3, 5), (17, 1)):
            for turn, plan in enumerate(_plans(shape, f"views {shape}")):
                for how in ("copy_", "fill_", "zero_"):
                    guard = Guarded(shape, dtype, plan, device)
                    source = marks(dtype, int(np.prod(shape))).reshape(shape)[..., ::-1]
                    if how == "copy_":
                        guard.tensor.copy_(placed(source, dtype, dense(len(shape)), device))
                    else:
                        source = np.full_like(source, how == "fill_")
                        guard.tensor.fill_(1) if how == "fill_" else guard.tensor.zero_()
                    tp.devices.synchronize(device)
                    text = guard.harm() or differs(array_of(guard.tensor), source)
                    yield f"{how} of {list(shape)}, layout {turn}", Result(FAIL if text else PASS, text)

    try:
        return worst(every())
    except errors.MissingKernelError as error:
        return Result(UNSUPPORTED, str(error))
