"""The way of a call: arguments → key → cached chain of layers → plan → kernel.

An op's ``OpFunction`` finds the entry of the call's key; the innermost entry of every chain,
``KernelEntry``, holds one ``Plan`` per combination of layouts and attributes. All that can be known from
those (promotion, broadcasting, the result's layout, which kernel, its packed parameters) is worked out
once, in ``resolve``; a repeated call is two look-ups, one allocation and one launch.
"""

from __future__ import annotations

from types import MethodType
from typing import Any

import cython

from .errors import SignatureError
from .op import REQUIRED, Op

if not cython.compiled:
    from .layout import Layout
    from .plans import DevicePlan, Plan
    from .tensor import _UNRECORDABLE, Context, Device, TensorBase, current, new_storage, tensor_bits, wrap

# Kinds of parameters, one byte each in ``OpFunction.kinds``.
TENSOR = 84  # "T"
OPTIONAL = 79  # "O", a tensor or None
LIST = 76  # "L", a tuple of tensors
ATTRIBUTE = 65  # "A", part of the plan's key
SCALAR = 83  # "S", a number whose type matters too
DYNAMIC_FLOAT = 70  # "F", not part of the plan's key
DYNAMIC_INT = 73  # "I"
DYNAMIC_SCALAR = 86  # "V"
DEVICE = 68  # "D"

MAX_PLANS = 4096

# The type that an argument of a kind may have with no conversion at all.
PLAIN = {"int": int, "dim": int, "dims": int, "float": float, "bool": bool, "str": str, "int[]": tuple}

NUMPY_NAMES = {"axis": "dim", "keepdims": "keepdim"}  # which PyTorch takes too

KIND_OF = {
    "Tensor": TENSOR,
    "Tensor?": OPTIONAL,
    "Tensor[]": LIST,
    "Scalar": SCALAR,
    "Scalar?": SCALAR,
    "float!": DYNAMIC_FLOAT,
    "int!": DYNAMIC_INT,
    "Scalar!": DYNAMIC_SCALAR,
    "device": DEVICE,
    "device?": DEVICE,
}

functions: list[Any] = []


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
    """The end of a chain: plans of one op on one device."""

    def __init__(self, function: OpFunction, device: Device, consumed: int) -> None:
        self.function = function
        self.device = device
        self.consumed = consumed
        self.plans = {}
        self.tensors = len(function.kinds) if function.kinds in (b"T", b"TT") else 0
        self.first0 = self.first1 = self.second0 = self.second1 = None
        self.plan0 = self.plan1 = None
        self.remembered0 = self.remembered1 = None

    def plan_key(self, args: tuple[Any, ...]) -> object:
        n: cython.Py_ssize_t = len(args)
        i: cython.Py_ssize_t
        kind: cython.int
        if self.function.single_tensor:
            tensor: TensorBase = cython.cast(TensorBase, args[0])
            return tensor.layout_
        if n == 2 and isinstance(args[0], TensorBase) and isinstance(args[1], TensorBase):
            tensor = cython.cast(TensorBase, args[0])
            second: TensorBase = cython.cast(TensorBase, args[1])
            return (tensor.layout_, second.layout_)
        kinds: bytes = self.function.kinds
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
            if matches(self.function.kinds, kept, args):
                plan.calls += 1
                return plan.run(args, None)
            if self.remembered1 is not None:
                kept, plan = self.remembered1, self.plan1
                if matches(self.function.kinds, kept, args):
                    plan.calls += 1
                    return plan.run(args, None)
        plan = plan_of(self, self.plan_key(args), args, None)
        plan.calls += 1
        if quick:
            keep_quick(self, first, second, plan)
        elif self.tensors == 0:
            keep_matching(self, remember(self.function.kinds, args), plan)
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
            from .writing import copy_results

            copy_results(self.function, self.call(args), outs)
            return outs[0] if len(outs) == 1 else outs
        key = (self.plan_key(args), tuple([t.layout for t in outs]))
        plan: Plan = plan_of(self, key, args, outs)
        if updating and isinstance(plan, DevicePlan):  # its kernel may write before it has read
            from .writing import copy_results

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
        from .resolve import make_plan

        made = make_plan(entry, args, outs)
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


class SizesMethod:
    """A method that takes sizes one by one, ``x.view(2, 3)``: straight to the op where they are plain
    ints.
    """

    def __init__(self, function: OpFunction, general: Any) -> None:
        self.function = function
        self.general = general
        self.__name__ = function.name
        self.__doc__ = general.__doc__

    def __get__(self, instance: Any, owner: Any) -> Any:
        return self if instance is None else MethodType(self, instance)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if not kwargs and len(args) > 1:
            sizes: tuple[Any, ...] = args[1:]
            if all_ints(sizes):
                return self.function.call((args[0], sizes))
        return self.general(*args, **kwargs)


def must_copy(entry: KernelEntry, out: TensorBase, arg: TensorBase) -> cython.bint:
    """Whether ``out`` shares memory with ``arg`` so that the result must be computed apart; may raise
    InplaceError.
    """
    if out.storage_ is not arg.storage_:
        return False
    if out.layout_ is arg.layout_ and out.offset_ == arg.offset_:
        return not entry.function.op.elementwise
    from .writing import overlaps

    return overlaps(entry.function, out, arg)


def updates(entry: KernelEntry, out: TensorBase, first: TensorBase) -> cython.bint:
    """Whether the op changes some places of its first tensor, and ``out`` is exactly that."""
    same: cython.bint = out.layout_ is first.layout_ and out.offset_ == first.offset_
    return same and entry.function.op.updates


def forget_plans(entry: KernelEntry) -> None:
    plans = entry.plans
    entry.plans = {}
    for plan in list(plans.values()):
        add_count(entry, plan)


def add_count(entry: KernelEntry, plan: Plan) -> None:
    function: OpFunction = entry.function
    key = (entry.device.type, plan.path, plan.provider)
    function.counts[key] = function.counts.get(key, 0) + plan.calls


class OpFunction:
    """An op as users and formulas call it: binds arguments, then dispatches on their key.

    It is also a descriptor, so that one object serves as function and as method.
    """

    def __init__(self, op: Op) -> None:
        self.op = op
        self.name = op.name
        self.names = tuple([p.name for p in op.parameters])
        self.kinds = bytes([KIND_OF.get(p.kind, ATTRIBUTE) for p in op.parameters])
        self.defaults = tuple([p.default for p in op.parameters])
        self.required = sum(1 for p in op.parameters if p.default is REQUIRED)
        self.positional = sum(1 for p in op.parameters if not p.keyword_only)
        self.plain = tuple([PLAIN.get(p.kind.rstrip("?!")) for p in op.parameters])
        self.tails = tuple([self.defaults[i:] for i in range(len(self.names) + 1)])
        self.single_tensor = self.kinds == b"T"
        self.counts = {}
        self.key0 = 0
        self.key1 = 0
        self.entry0 = None
        self.entry1 = None
        self.entries = {}
        self.bases = {}
        for name, value in (
            ("__name__", op.name),
            ("__qualname__", op.name),
            ("__doc__", op.schema + "\n\n" + op.doc),
        ):
            setattr(self, name, value)
        functions.append(self)

    # -- dispatch
    # -----------------------------------------------------------------------------------------------

    def find(self, key: cython.ulonglong) -> Entry:
        if key == self.key0 and self.entry0 is not None:
            return self.entry0
        if key == self.key1 and self.entry1 is not None:
            return self.entry1
        entries: dict[Any, Any] = self.entries
        found = entries.get(key)
        if found is None:
            from .resolve import make_chain

            # of two threads, the second takes the first one's; what was decided before ``forget`` ends there
            found = entries.setdefault(key, make_chain(self, key))
            if entries is not self.entries:
                return found  # type: ignore[no-any-return]
        old: Entry = self.entry1  # held to the end, see ``keep_quick``
        self.entry1 = self.entry0
        self.key1 = self.key0
        self.entry0 = found
        self.key0 = key
        del old
        return found

    def call1(self, a: TensorBase) -> Any:
        """Dispatch an op of one tensor and nothing else."""
        state: Context = current()
        key: cython.ulonglong = (tensor_bits(a) | state.included) & ~state.excluded
        return self.find(key).call((a,))

    def call2(self, a: object, b: object) -> Any:
        """Dispatch an op of two parameters, each a tensor or a number."""
        state: Context = current()
        key: cython.ulonglong = state.included
        if isinstance(a, TensorBase):
            key |= tensor_bits(cython.cast(TensorBase, a))
        if isinstance(b, TensorBase):
            key |= tensor_bits(cython.cast(TensorBase, b))
        return self.find(key & ~state.excluded).call((a, b))

    def call(self, args: tuple[Any, ...]) -> Any:
        """Dispatch fully bound arguments, in the schema's order."""
        return self.find(self.key_of(args, None)).call(args)

    def call_into(self, args: tuple[Any, ...], outs: tuple[Any, ...]) -> Any:
        """Dispatch with results written into ``outs``; raises the versions of their storages."""
        tensor: TensorBase
        for out in outs:
            tensor = out
            if tensor.flags & _UNRECORDABLE:
                refuse_unrecorded(self.name, tensor)
        result = self.write_into(args, outs)
        for out in outs:
            tensor = out
            tensor.storage_.version += 1
        return result

    def write_into(self, args: tuple[Any, ...], outs: tuple[Any, ...]) -> Any:
        """``call_into`` for the core's own writes: versions stay as they are."""
        return self.find(self.key_of(args, outs)).call_into(args, outs)

    def key_of(self, args: tuple[Any, ...], outs: Any) -> cython.ulonglong:
        state: Context = current()
        key: cython.ulonglong = state.included
        i: cython.Py_ssize_t
        for i in range(len(args)):
            arg = args[i]
            if isinstance(arg, TensorBase):
                key |= tensor_bits(cython.cast(TensorBase, arg))
            elif self.kinds[i] == LIST:
                for item in arg:
                    key |= tensor_bits(cython.cast(TensorBase, item))
            elif self.kinds[i] == DEVICE:
                if arg is None:
                    from .devices import default_device

                    arg = default_device()
                device: Device = arg
                key |= device.bits
        if outs is not None:
            for out in outs:
                key |= tensor_bits(cython.cast(TensorBase, out))
        return key & ~state.excluded

    # -- calling
    # ------------------------------------------------------------------------------------------------

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if not kwargs and self.single_tensor and len(args) == 1 and isinstance(args[0], TensorBase):
            return self.call1(args[0])
        if not kwargs and self.required <= len(args) <= self.positional and is_plain(self, args):
            return self.call(args + self.tails[len(args)])
        outs = kwargs.pop("out", None) if kwargs else None
        bound = self.bind(args, kwargs)
        if outs is None:
            return self.call(bound)
        from .writing import prepare_outputs

        args_and_outs: tuple[Any, ...] = prepare_outputs(self, bound, outs)
        return self.call_into(args_and_outs[0], args_and_outs[1])

    def inplace(self, *args: Any, **kwargs: Any) -> Any:
        """The same op, its result written over the first argument."""
        bound = self.bind(args, kwargs)
        return self.call_into(bound, (bound[0],))

    def bind(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, ...]:
        """Arguments in the schema's order, defaults filled in, lists made tuples; raises SignatureError."""
        given: cython.Py_ssize_t = len(args)
        if given > self.positional:
            raise SignatureError(
                f"{self.name}() takes {self.positional} positional arguments and {given} "
                f"were given; "
                f"its signature is {self.op.schema}"
            )
        if kwargs and ("axis" in kwargs or "keepdims" in kwargs):
            renamed = {NUMPY_NAMES.get(name, name): value for name, value in kwargs.items()}
            kwargs = renamed if len(renamed) == len(kwargs) else kwargs
        values: list[Any] = list(args)
        total: cython.Py_ssize_t = len(self.names)
        i: cython.Py_ssize_t
        used: cython.Py_ssize_t = 0
        for i in range(given, total):
            name = self.names[i]
            if kwargs and name in kwargs:
                values.append(kwargs[name])
                used += 1
            elif self.defaults[i] is REQUIRED:
                raise SignatureError(
                    f"{self.name}() misses its argument '{name}'; its signature is {self.op.schema}"
                )
            else:
                values.append(self.defaults[i])
        if kwargs and used != len(kwargs):
            unknown = [k for k in kwargs if k not in self.names[given:]]
            raise SignatureError(
                f"{self.name}() got {', '.join(map(repr, unknown))} unexpectedly or twice; "
                f"its "
                f"signature is {self.op.schema}"
            )
        for i in range(total):
            value = values[i]
            kind: cython.int = self.kinds[i]
            if isinstance(value, TensorBase):
                if kind == TENSOR or kind == OPTIONAL:
                    continue
            elif value is None:
                if kind != TENSOR and (self.defaults[i] is None or may_be_none(self, i)):
                    continue
            elif type(value) is self.plain[i]:
                if type(value) is not tuple or all_ints(value):
                    continue
            values[i] = normalize(self, i, value)
        return tuple(values)

    def __get__(self, instance: Any, owner: Any) -> Any:
        return self if instance is None else MethodType(self, instance)

    def forget(self) -> None:
        """Drop all cached chains and plans (kernels, layers, devices or policies have changed)."""
        old = (self.bases, self.entries, self.entry0, self.entry1)  # held until all is forgotten
        self.entries = {}
        self.bases = {}
        self.entry0 = None
        self.entry1 = None
        self.key0 = 0
        self.key1 = 0
        for base in list(old[0].values()):
            forget_plans(base)

    @property
    def __signature__(self) -> Any:
        from .signatures import signature_of

        return signature_of(self.op)

    def __repr__(self) -> str:
        return f"<op {self.op.schema}>"

    def __reduce__(self) -> Any:
        from .ops import function

        return function, (self.name,)


def is_plain(function: OpFunction, args: tuple[Any, ...]) -> cython.bint:
    """Whether positional arguments need no conversion: tensors where tensors go, exact Python types
    elsewhere.
    """
    i: cython.Py_ssize_t
    for i in range(len(args)):
        value = args[i]
        if isinstance(value, TensorBase):
            if function.kinds[i] != TENSOR:
                return False
        elif value is None:
            return False
        elif type(value) is not function.plain[i] or (type(value) is tuple and not all_ints(value)):
            return False
    return True


def all_ints(items: tuple[Any, ...]) -> cython.bint:
    for item in items:
        if type(item) is not int:
            return False
    return True


def may_be_none(function: OpFunction, position: int) -> bool:
    kind = function.op.parameters[position].kind
    return kind.endswith("?") or kind in ("dims", "any")


def normalize(function: OpFunction, position: int, value: Any) -> Any:
    """One argument as its kind wants it: numbers of the right type, sequences as tuples, names as dtypes."""
    from .signatures import convert

    return convert(function, position, value)


def refuse_unrecorded(name: str, tensor: TensorBase) -> None:
    """Raise InplaceError where gradients are on and this write could not be recorded."""
    from .writing import unrecorded

    state: Context = current()
    if state.grad_enabled and not state.inference:
        raise unrecorded(name, tensor)


class InplaceMethod:
    """``tensor.add_``: the op's in-place variant as a method."""

    def __init__(self, function: OpFunction) -> None:
        self.function = function
        self.__name__ = function.name + "_"
        self.__doc__ = f"In-place variant of {function.op.schema}"

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        return self if instance is None else MethodType(self, instance)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.function.inplace(*args, **kwargs)


epoch = 0


def invalidate() -> None:
    """Forget every cached decision; called when kernels, layers, devices, policies or the default dtype
    change.
    """
    global epoch
    epoch += 1
    for function in functions:
        function.forget()


def renew(table: dict[Any, Any], name: Any, value: Any) -> None:
    """Put a value into a table that decisions depend on and forget those, in one step; None takes it out."""
    if value is None:
        table.pop(name, None)
    else:
        table[name] = value
    invalidate()


def empty(shape: Any, dtype: Any, device: Any = None) -> Any:
    """A dense tensor with undefined contents on ``device`` (None: the context's default)."""
    from .devices import default_device
    from .layout import dense

    layout: Layout = dense(shape, dtype)
    chosen: Device = default_device() if device is None else device
    return wrap(new_storage(chosen, chosen.bucket(layout.nbytes), layout.nbytes), layout, 0)


def copy_into(target: TensorBase, source: TensorBase) -> TensorBase:
    """Write ``source``, broadcast and cast, over ``target`` (which may be a view); no gradient is
    recorded.
    """
    from .writing import copy_into as write

    write(target, source)
    return target
