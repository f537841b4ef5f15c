"""The links of a chain; the last one keeps plans, one per combination of layouts and attributes."""

from __future__ import annotations

from typing import Any

import cython

from .writing import copy_results, overlaps

if not cython.compiled:
    from .kinds import ATTRIBUTE, DEVICE, DYNAMIC_FLOAT, DYNAMIC_INT, DYNAMIC_SCALAR, LIST, SCALAR, TENSOR
    from .layout import Layout
    from .plans import DevicePlan, Plan
    from .storage import Device
    from .tensor import TensorBase

MAX_PLANS = 4096


class Entry:
    """One link of a chain. ``call`` computes; ``call_into`` writes into given tensors (in-place and
    ``out=``).
    """

    def call(self, args: tuple[Any, ...]) -> Any:
        raise NotImplementedError

    def call_into(self, args: tuple[Any, ...], outs: tuple[Any, ...]) -> Any:
        raise NotImplementedError

    def __call__(self, args: tuple[Any, ...], outs: Any = None) -> Any:
        return self.call(args) if outs is None else self.call_into(args, outs)


class CallableEntry(Entry):
    """A layer's Python callable ``fn(args, outs=None)``."""

    def __init__(self, fn: Any) -> None:
        self.fn = fn

    def call(self, args: tuple[Any, ...]) -> Any:
        return self.fn(args, None)

    def call_into(self, args: tuple[Any, ...], outs: tuple[Any, ...]) -> Any:
        return self.fn(args, outs)


class KernelEntry(Entry):
    """The end of a chain: plans of one op on one device, which ``plan`` makes for layouts not seen before."""

    def __init__(self, function: Any, device: Device, consumed: int, plan: Any) -> None:
        self.function = function
        self.op = function.op
        self.kinds = function.kinds
        self.device = device
        self.consumed = consumed
        self.make_plan = plan
        self.plans = {}
        self.single = self.kinds == b"T"
        self.tensors = len(self.kinds) if self.kinds in (b"T", b"TT") else 0
        self.first0 = self.first1 = self.second0 = self.second1 = None
        self.plan0 = self.plan1 = None
        self.remembered0 = self.remembered1 = None

    def plan_key(self, args: tuple[Any, ...]) -> object:
        n: cython.Py_ssize_t = len(args)
        i: cython.Py_ssize_t
        kind: cython.int
        if self.single:
            tensor: TensorBase = cython.cast(TensorBase, args[0])
            return tensor.layout_
        if n == 2 and isinstance(args[0], TensorBase) and isinstance(args[1], TensorBase):
            tensor = cython.cast(TensorBase, args[0])
            second: TensorBase = cython.cast(TensorBase, args[1])
            return (tensor.layout_, second.layout_)
        kinds: bytes = self.kinds
        parts: list[Any] = []
        for i in range(n):
            arg = args[i]
            if isinstance(arg, TensorBase):
                tensor = cython.cast(TensorBase, arg)
                parts.append(tensor.layout_)
                continue
            kind = kinds[i]
            if kind == ATTRIBUTE or kind == DEVICE:
                parts.append(arg)
            elif kind == SCALAR:
                parts.append(type(arg))
                parts.append(arg)
            elif kind == DYNAMIC_FLOAT or kind == DYNAMIC_INT or kind == DYNAMIC_SCALAR:
                continue
            elif kind == LIST:
                parts.append(tuple([t.layout for t in arg]))
            else:
                parts.append(type(arg))
        return tuple(parts)

    def call(self, args: tuple[Any, ...]) -> Any:
        first: Layout = None  # type: ignore[assignment]
        second: Layout = None  # type: ignore[assignment]
        a: TensorBase
        plan: Plan  # holds what it runs: another thread may push it out of its place meanwhile
        quick: cython.bint = False
        if self.tensors == 1:
            a = args[0]
            first = a.layout_
            quick = True
        elif self.tensors == 2 and isinstance(args[0], TensorBase) and isinstance(args[1], TensorBase):
            a = cython.cast(TensorBase, args[0])
            first = a.layout_
            a = cython.cast(TensorBase, args[1])
            second = a.layout_
            quick = True
        if quick:  # the last two combinations of layouts, without a look-up
            if first is self.first0 and second is self.second0:
                plan = self.plan0
                plan.calls += 1
                return plan.run(args, None)
            if first is self.first1 and second is self.second1:
                plan = self.plan1
                plan.calls += 1
                return plan.run(args, None)
        elif self.remembered0 is not None:
            kept: tuple[Any, ...] = self.remembered0
            plan = self.plan0  # with what it belongs to: comparing attributes may let other threads in
            if matches(self.kinds, kept, args):
                plan.calls += 1
                return plan.run(args, None)
            if self.remembered1 is not None:
                kept, plan = self.remembered1, self.plan1
                if matches(self.kinds, kept, args):
                    plan.calls += 1
                    return plan.run(args, None)
        plan = plan_of(self, self.plan_key(args), args, None)
        plan.calls += 1
        if quick:
            keep_quick(self, first, second, plan)
        elif self.tensors == 0:
            keep_matching(self, remember(self.kinds, args), plan)
        return plan.run(args, None)

    def call_into(self, args: tuple[Any, ...], outs: tuple[Any, ...]) -> Any:
        temporary: cython.bint = False
        updating: cython.bint = False
        i: cython.Py_ssize_t
        for item in outs:
            out: TensorBase = item
            for i in range(len(args)):
                arg = args[i]
                if isinstance(arg, TensorBase):
                    if must_copy(self, out, arg):
                        if i == 0 and updates(self, out, arg):
                            updating = True
                        else:
                            temporary = True
                elif isinstance(arg, tuple):
                    for part in arg:
                        if isinstance(part, TensorBase):
                            temporary |= must_copy(self, out, part)
        if temporary:
            copy_results(self.function, self.call(args), outs)
            return outs[0] if len(outs) == 1 else outs
        key = (self.plan_key(args), tuple([t.layout for t in outs]))
        plan: Plan = plan_of(self, key, args, outs)
        if updating and isinstance(plan, DevicePlan):  # its kernel may write before it has read
            copy_results(self.function, self.call(args), outs)
            return outs[0] if len(outs) == 1 else outs
        plan.calls += 1
        plan.run(args, outs)
        return outs[0] if len(outs) == 1 else outs

    def plan_list(self) -> list[Any]:
        return list(self.plans.values())

    def planned(self, args: tuple[Any, ...], outs: Any) -> Any:
        """The plan that a call of these arguments took; None where there is none yet."""
        key = self.plan_key(args)
        found = None if outs is None else self.plans.get((key, tuple([t.layout for t in outs])))
        return self.plans.get(key) if found is None else found


def plan_of(entry: KernelEntry, key: object, args: tuple[Any, ...], outs: Any) -> Plan:
    """The plan of a key. Of two threads that make one at once, the second takes the first one's."""
    found = entry.plans.get(key)
    if found is None:
        made = entry.make_plan(entry, args, outs)
        if len(entry.plans) >= MAX_PLANS:
            forget_plans(entry)
        found = entry.plans.setdefault(key, made)
    return found  # type: ignore[no-any-return]


def keep_quick(entry: KernelEntry, first: Layout, second: Layout, plan: Plan) -> None:
    """Remember the plan of two layouts, beside the one before.

    What is pushed out is held to the end: freeing it may run Python, and another thread would find a plan
    beside the layouts of another.
    """
    old: tuple[Any, ...] = (entry.first1, entry.second1, entry.plan1)
    entry.first1, entry.second1, entry.plan1 = entry.first0, entry.second0, entry.plan0
    entry.first0, entry.second0, entry.plan0 = first, second, plan
    del old


def keep_matching(entry: KernelEntry, kept: tuple[Any, ...], plan: Plan) -> None:
    """``keep_quick`` for what ``matches`` compares."""
    old: tuple[Any, ...] = (entry.remembered1, entry.plan1)
    entry.remembered1, entry.plan1 = entry.remembered0, entry.plan0
    entry.remembered0, entry.plan0 = kept, plan
    del old


def remember(kinds: bytes, args: tuple[Any, ...]) -> tuple[Any, ...]:
    """What ``matches`` compares with: layouts for tensors, types for numbers in their place, attributes."""
    kept: list[Any] = []
    for i, arg in enumerate(args):
        if isinstance(arg, TensorBase):
            tensor: TensorBase = cython.cast(TensorBase, arg)
            kept.append(tensor.layout_)
        elif kinds[i] == LIST:
            kept.append(None)
        elif kinds[i] == TENSOR:
            kept.append(type(arg))
        else:
            kept.append(arg)
    return tuple(kept)


def matches(kinds: bytes, kept: tuple[Any, ...], args: tuple[Any, ...]) -> cython.bint:
    """Whether a call is planned like the remembered one, found without building and hashing its key."""
    i: cython.Py_ssize_t
    kind: cython.int
    for i in range(len(args)):
        arg = args[i]
        have = kept[i]
        if isinstance(arg, TensorBase):
            tensor: TensorBase = cython.cast(TensorBase, arg)
            if tensor.layout_ is not have:
                return False
            continue
        kind = kinds[i]
        if kind == DYNAMIC_FLOAT or kind == DYNAMIC_INT or kind == DYNAMIC_SCALAR:
            continue
        if kind == TENSOR:
            if type(arg) is not have:
                return False
        elif kind == LIST:
            return False
        elif arg is not have and (type(arg) is not type(have) or arg != have):
            return False
    return True


def must_copy(entry: KernelEntry, out: TensorBase, arg: TensorBase) -> cython.bint:
    """Whether ``out`` shares memory with ``arg`` so that the result must be computed apart;
    may raise InplaceError.
    """
    if out.storage_ is not arg.storage_:
        return False
    if out.layout_ is arg.layout_ and out.offset_ == arg.offset_:
        return not entry.op.elementwise
    return overlaps(entry.function, out, arg)


def updates(entry: KernelEntry, out: TensorBase, first: TensorBase) -> cython.bint:
    """Whether the op changes some places of its first tensor, and ``out`` is exactly that."""
    same: cython.bint = out.layout_ is first.layout_ and out.offset_ == first.offset_
    return same and entry.op.updates


def forget_plans(entry: KernelEntry) -> None:
    plans = entry.plans
    entry.plans = {}
    for plan in list(plans.values()):
        add_count(entry, plan)


def add_count(entry: KernelEntry, plan: Plan) -> None:
    key = (entry.device.type, plan.path, plan.provider)
    counts: dict[Any, Any] = entry.function.counts
    counts[key] = counts.get(key, 0) + plan.calls
