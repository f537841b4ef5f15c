"""The links of a chain; the last one keeps plans, one per combination of layouts and attributes."""

from __future__ import annotations

from typing import Any

import cython

from .writing import copy_results, overlaps

if not cython.compiled:
    from .kinds import ATTRIBUTE, DEVICE, LIST, SCALAR, TENSOR, is_dynamic, told_apart
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
        self.tensors = len(self.kinds) if self.kinds in (b"T", b"TT") else 0
        self.first0 = self.first1 = self.second0 = self.second1 = None
        self.plan0 = self.plan1 = None
        self.remembered0 = self.remembered1 = None

    def plan_key(self, args: tuple[Any, ...]) -> Any:
        """What a call is planned by: a part for each argument, which ``matches`` compares."""
        kinds: bytes = self.kinds
        n: cython.Py_ssize_t = len(args)
        if n == 1:
            return (part_of(kinds[0], args[0]),)
        if n == 2:
            return (part_of(kinds[0], args[0]), part_of(kinds[1], args[1]))
        return tuple([part_of(kinds[i], args[i]) for i in range(n)])

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
        key: tuple[Any, ...] = self.plan_key(args)
        plan = plan_of(self, key, args, None)
        plan.calls += 1
        if quick:
            keep_quick(self, first, second, plan)
        elif self.tensors == 0:
            keep_matching(self, key, plan)
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


def part_of(kind: cython.int, arg: object) -> object:
    """What a plan is made for, of one argument: a tensor's layout, a number's type where it stands for a
    tensor, an attribute itself, nothing of what is dynamic.
    """
    if isinstance(arg, TensorBase):
        return cython.cast(TensorBase, arg).layout_
    if kind == ATTRIBUTE or kind == DEVICE:
        return told_apart(arg) if type(arg) is float else arg
    if kind == SCALAR:
        return told_apart(arg)
    if is_dynamic(kind):
        return None
    if kind == LIST:
        return tuple([t.layout for t in arg])  # type: ignore[attr-defined]
    return type(arg)


def matches(kinds: bytes, key: tuple[Any, ...], args: tuple[Any, ...]) -> cython.bint:
    """Whether ``plan_key`` would give ``key``, found without building and hashing it."""
    i: cython.Py_ssize_t
    kind: cython.int
    for i in range(len(args)):
        arg = args[i]
        part = key[i]
        if isinstance(arg, TensorBase):
            if cython.cast(TensorBase, arg).layout_ is not part:
                return False
            continue
        kind = kinds[i]
        if kind == ATTRIBUTE or kind == DEVICE:
            if type(arg) is float:
                if part != told_apart(arg):
                    return False
            elif arg is not part and (type(arg) is not type(part) or arg != part):
                return False
        elif kind == TENSOR:
            if type(arg) is not part:
                return False
        elif not is_dynamic(kind) and part != part_of(kind, arg):
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
