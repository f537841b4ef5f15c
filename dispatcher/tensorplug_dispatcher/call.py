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

from . import epoch, ops
from ._texts import TEXTS
from .devices.registry import default_device
from .errors import SignatureError
from .kinds import KIND_OF
from .layout import dense
from .op import REQUIRED, Op
from .ops import F as F
from .outputs import prepare_outputs
from .resolve import make_chain
from .signatures import convert, signature_of
from .writing import copy_into, unrecorded

if not cython.compiled:
    from .context import Context, current
    from .entries import Entry, forget_plans
    from .kinds import (
        ATTRIBUTE,
        DEVICE,
        DYNAMIC_FLOAT,
        DYNAMIC_INT,
        DYNAMIC_SCALAR,
        LIST,
        OPTIONAL,
        SCALAR,
        TENSOR,
    )
    from .layout import Layout
    from .storage import Device, new_storage
    from .tensor import _UNRECORDABLE, TensorBase, tensor_bits, wrap

# The type that an argument of a kind may have with no conversion at all.
PLAIN = {"int": int, "dim": int, "dims": int, "float": float, "bool": bool, "str": str, "int[]": tuple}

NUMPY_NAMES = {"axis": "dim", "keepdims": "keepdim"}  # which PyTorch takes too


class SizesMethod:
    """A method that takes sizes one by one, ``x.view(2, 3)``:
    straight to the op where they are plain ints.
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
            ("__doc__", op.schema + "\n\n" + TEXTS.get(op.name, op.doc)),
        ):
            setattr(self, name, value)
        epoch.functions.append(self)

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
                f"{self.name}() takes {self.positional} positional arguments and {given} were given; "
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
                f"its signature is {self.op.schema}"
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
        return signature_of(self.op)

    def __repr__(self) -> str:
        return f"<op {self.op.schema}>"

    def __reduce__(self) -> Any:
        return ops.function, (self.name,)


def is_plain(function: OpFunction, args: tuple[Any, ...]) -> cython.bint:
    """Whether positional arguments need no conversion: tensors where tensors go,
    exact Python types elsewhere.
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
    return convert(function, position, value)


def refuse_unrecorded(name: str, tensor: TensorBase) -> None:
    """Raise InplaceError where gradients are on and this write could not be recorded."""
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


def empty(shape: Any, dtype: Any, device: Any = None) -> Any:
    """A dense tensor with undefined contents on ``device`` (None: the context's default)."""
    layout: Layout = dense(shape, dtype)
    chosen: Device = default_device() if device is None else device
    return wrap(new_storage(chosen, chosen.bucket(layout.nbytes), layout.nbytes), layout, 0)


def write(target: TensorBase, source: TensorBase) -> TensorBase:
    """Write ``source``, broadcast and cast, over ``target`` (which may be a view);
    no gradient is recorded.
    """
    copy_into(target, source)
    return target


ops.provide(OpFunction, {"empty": empty, "copy_into": write})
