"""What a planned call does: one ``Plan`` per combination of layouts and attributes, run many times."""

from __future__ import annotations

from array import array
from typing import Any

import cython

from . import ops
from .conversion import checked_float, checked_int, half_bits
from .devices.states import admitted, raise_failed, rerouted, working
from .errors import ShapeError
from .failures import raise_code, raise_returned
from .layout import LARGEST, dense, expand, span
from .tensor import NO_GRAD_VIEW, empty, view_of

if not cython.compiled:
    from .boundary import ffi, lib
    from .context import Context, current
    from .kinds import (
        DYNAMIC_FLOAT,
        DYNAMIC_INT,
        LIST,
        NOTHING,
        NUMBER,
        TENSOR,
        is_dynamic,
    )
    from .layout import Layout
    from .storage import Bucket, Device, Storage, new_storage
    from .tensor import _UNRECORDABLE, TensorBase, wrap

    POINTERS, WORDS = 40, 24  # of one launch at most
    C_TYPES = (
        "uint8_t uint8_t int8_t int16_t int32_t int64_t uint16_t uint16_t float double".split()
    )  # by code

MOVED = -100  # what ``launch`` gives where an operand has left the plan's device since the call began
_MOVED = MOVED


class Plan:
    """What a call of one op does for given layouts and attributes. ``path`` is native, view, decomposed or
    host; ``function`` is the op's, for the plans that run on a device.
    """

    def run(self, args: tuple[Any, ...], outs: Any) -> Any:
        raise NotImplementedError


class CallablePlan(Plan):
    """Runs ``fn(args, outs)``: decompositions, host fallback, and whatever else is written in ops."""

    def __init__(self, fn: Any, path: str, provider: str, reason: str = "") -> None:
        self.fn = fn
        self.path = path
        self.provider = provider
        self.reason = reason
        self.calls = 0

    def run(self, args: tuple[Any, ...], outs: Any) -> Any:
        return self.fn(args, outs)


class ViewPlan(Plan):
    """Another layout over the first argument's storage; ``bounded``: which lies within ``source``, as every
    view does but those of as_strided.
    """

    def __init__(self, layout: Layout, delta: int, source: Layout) -> None:
        low, high = span(layout, delta)  # elements from the first of the source
        if max(-low, high) * layout.itemsize > LARGEST:
            raise ShapeError(
                f"Storage size calculation overflowed with sizes={list(layout.shape)} and "
                f"strides={list(layout.strides)}, {delta} elements behind the first: no storage is that "
                f"large; give smaller sizes or strides, or a smaller offset"
            )
        self.layout = layout
        self.delta = delta
        self.low, self.high = low, high
        first, last = span(source, 0)
        self.bounded = not layout.numel or (first <= low and high <= last)
        self.path = "view"
        self.provider = "core"
        self.reason = ""
        self.calls = 0

    def run(self, args: tuple[Any, ...], outs: Any) -> Any:
        if not self.bounded:
            source: TensorBase = args[0]
            room: cython.Py_ssize_t = source.storage_.extent // self.layout.itemsize - source.offset_
            if self.low < -source.offset_ or self.high > room:
                raise beyond(source, self.layout, self.delta, self.high)
        return make_view(args[0], self.layout, self.delta)


def beyond(source: TensorBase, layout: Layout, delta: int, high: int) -> ShapeError:
    """The error of a view, ``delta`` elements behind ``source`` and ending ``high`` behind it,
    that would leave its storage.
    """
    needed = (source.offset_ + high) * layout.itemsize
    return ShapeError(
        f"setStorage: sizes {list(layout.shape)}, strides {list(layout.strides)}, storage offset "
        f"{source.offset_ + delta}, and itemsize {layout.itemsize} requiring a storage size of {needed} are "
        f"out of bounds for storage of size {source.storage_.extent}; give smaller sizes or strides, or an "
        f"offset that leaves room for them"
    )


def make_view(source: TensorBase, layout: Layout, delta: cython.Py_ssize_t) -> TensorBase:
    """A view that remembers its base, unless gradients are off and the base has a history."""
    view: TensorBase = wrap(source.storage_, layout, source.offset_ + delta)
    base: TensorBase = source if source.base_ is None else source.base_
    state: Context = current()
    view.flags = source.flags & _UNRECORDABLE
    if state.grad_enabled or not base.bits:
        view.base_ = base
        view.base_version = source.storage_.version
    else:
        view.flags |= NO_GRAD_VIEW
    return view


class NativePlan(Plan):
    """Calls a C function of the kernel signature on host addresses."""

    def __init__(
        self,
        name: str,
        device: Device,
        out_layouts: tuple[Layout, ...],
        kinds: bytes,
        codes: bytes,
        fixes: Any,
        address: int,
        params: Any,
        function: Any,
        provider: str,
        release_gil: bool,
    ) -> None:
        self.name = name
        self.device = device
        self.out_layouts = out_layouts
        self.out_layout = out_layouts[0]
        self.bucket = device.bucket(self.out_layout.nbytes)
        self.kinds = kinds
        self.codes = codes
        self.fixes = fixes
        self.address = address
        owner = array("q", params if len(params) else (0,))
        self.owners = owner, function  # a function of cffi may go with its library
        self.params = owner.buffer_info()[0]
        self.provider = provider
        self.path = "native"
        self.reason = ""
        self.release_gil = release_gil
        self.calls = 0

    def allocate(self) -> TensorBase:
        return wrap(new_storage(self.device, self.bucket, self.out_layout.nbytes), self.out_layout, 0)

    def run(self, args: tuple[Any, ...], outs: Any) -> Any:
        if not self.device.ready and not admitted(self.device, self.function, args, outs):
            return rerouted(self.function, args, outs)
        single: TensorBase = None  # type: ignore[assignment]
        results: Any = outs
        if outs is None:
            if len(self.out_layouts) == 1:
                single = self.allocate()
            else:
                results = tuple([empty(layout, self.device) for layout in self.out_layouts])
        fixed: tuple[Any, ...] = args if self.fixes is None else fix_args(args, self.fixes)
        if cython.compiled:
            code = launch(self, fixed, single, results)
        else:
            code = _launch_pure(self, fixed, single, results)
        if code:
            if code == _MOVED:
                return rerouted(self.function, args, outs)
            raise_code(code, self.name, args)
        if single is not None:
            return single
        return results[0] if len(results) == 1 else results


def fix_args(args: tuple[Any, ...], fixes: tuple[Any, ...]) -> tuple[Any, ...]:
    """Casts and dense copies that the chosen kernel needs:
    ``fixes`` holds one callable or None an argument.
    """
    return tuple([arg if fix is None or arg is None else fix(arg) for arg, fix in zip(args, fixes)])


def launch(plan: NativePlan, args: tuple[Any, ...], single: TensorBase, outs: object) -> cython.int:
    """Put the kernel's pointers in a row, numbers in words of their own, and call it; gives its code."""
    data: cython.p_void[POINTERS]
    words: cython.ulonglong[WORDS]
    first_word: cython.size_t
    n: cython.Py_ssize_t = 0
    i: cython.Py_ssize_t
    kind: cython.int
    tensor: TensorBase
    item: object
    code: cython.int
    held: object = None  # without the GIL another thread may give an operand other memory (tensor.data = …)
    if cython.compiled:
        first_word = cython.cast(cython.size_t, cython.address(words[0]))
    else:
        data, words = array("Q", bytes(8 * POINTERS)), array("Q", bytes(8 * WORDS))
        first_word = words.buffer_info()[0]
    if plan.release_gil:
        held = storages_of(args, outs)  # noqa: F841 - until the end of the call
    if single is not None:
        data[0] = cython.cast(cython.p_void, single.storage_.ptr)
        n = 1
    else:
        for item in outs:
            tensor = cython.cast(TensorBase, item)
            if tensor.storage_.device is not plan.device:
                return _MOVED
            data[n] = cython.cast(
                cython.p_void, tensor.storage_.ptr + tensor.offset_ * tensor.layout_.itemsize
            )
            n += 1
    kinds: cython.p_const_char = plan.kinds
    codes: cython.p_const_char = plan.codes
    for i in range(len(args)):
        kind = kinds[i]
        if kind == TENSOR:
            tensor = cython.cast(TensorBase, args[i])
            if tensor.storage_.device is not plan.device:
                return _MOVED
            data[n] = cython.cast(
                cython.p_void, tensor.storage_.ptr + tensor.offset_ * tensor.layout_.itemsize
            )
            n += 1
        elif kind == NUMBER:
            store_scalar(args[i], codes[i], words, i)
            data[n] = cython.cast(cython.p_void, first_word + 8 * i)
            n += 1
        elif kind == NOTHING:
            data[n] = cython.cast(cython.p_void, 0)
            n += 1
        elif kind == LIST:
            for item in args[i]:
                if n >= POINTERS:
                    return 9
                tensor = cython.cast(TensorBase, item)
                if tensor.storage_.device is not plan.device:
                    return _MOVED
                data[n] = cython.cast(
                    cython.p_void, tensor.storage_.ptr + tensor.offset_ * tensor.layout_.itemsize
                )
                n += 1
    for i in range(len(args)):
        kind = kinds[i]
        if is_dynamic(kind):
            code = 9 if kind == DYNAMIC_FLOAT else 5 if kind == DYNAMIC_INT else codes[i]
            store_scalar(args[i], code, words, i)
            data[n] = cython.cast(cython.p_void, first_word + 8 * i)
            n += 1
    if cython.compiled:
        kernel: tp_kernel = cython.cast(tp_kernel, plan.address)
        params: params_t = cython.cast(params_t, plan.params)
        if plan.release_gil:
            run: Run
            begin_run(plan.device, cython.address(run))
            with cython.nogil:
                code = kernel(cython.address(data[0]), params)
            end_run(cython.address(run))
        else:
            code = kernel(cython.address(data[0]), params)
    else:
        code = lib.tp_launch(plan.address, data.buffer_info()[0], plan.params)
    return code


def storages_of(args: tuple[Any, ...], outs: Any) -> list[Any]:
    """The storages of a call's tensors, those in its lists too."""
    found: list[Any] = []
    tensor: TensorBase
    for arg in args if outs is None else (*args, *outs):
        if isinstance(arg, TensorBase):
            tensor = cython.cast(TensorBase, arg)
            found.append(tensor.storage_)
        elif isinstance(arg, tuple):
            for item in arg:
                if isinstance(item, TensorBase):
                    tensor = cython.cast(TensorBase, item)
                    found.append(tensor.storage_)
    return found


def operands_of(kinds: bytes, args: tuple[Any, ...]) -> list[Any]:
    """A call's operands as a kernel has them in a row: tensors, numbers and None."""
    found: list[Any] = []
    i: cython.Py_ssize_t
    for i in range(len(args)):
        kind: cython.int = kinds[i]
        if kind == TENSOR or kind == NUMBER or kind == NOTHING:
            found.append(None if kind == NOTHING else args[i])
        elif kind == LIST:
            found.extend(args[i])
    return found


def store_scalar(
    value: object, code: cython.int, words: cython.p_ulonglong, place: cython.Py_ssize_t
) -> cython.void:
    """Write a Python number into the word at ``place`` as a C value of the dtype with this code."""
    whole: cython.longlong = 0
    real: cython.double = 0.0
    if code >= 8:
        real = value if isinstance(value, float) else checked_float(value)  # type: ignore[assignment]
    elif code == 0:
        whole = 1 if value else 0
    elif code == 6 or code == 7:
        whole = half_bits(value, code)
    else:
        whole = wrapped_int(value)
    if not cython.compiled:
        name = C_TYPES[code]
        at = ffi.cast(f"{name} *", words.buffer_info()[0] + 8 * place)
        at[0] = ffi.cast(name, real if code >= 8 else whole)  # a cast: the upper bits go, as in C
    else:
        slot: cython.p_void = cython.cast(cython.p_void, cython.address(words[place]))
        if code == 9:
            cython.cast(cython.p_double, slot)[0] = real
        elif code == 8:
            cython.cast(cython.p_float, slot)[0] = cython.cast(cython.float, real)
        elif code == 5:
            cython.cast(cython.p_longlong, slot)[0] = whole
        elif code == 4:
            cython.cast(cython.p_int, slot)[0] = cython.cast(cython.int, whole)
        elif code < 3:
            cython.cast(cython.p_char, slot)[0] = cython.cast(cython.char, whole)
        else:
            cython.cast(cython.p_short, slot)[0] = cython.cast(cython.short, whole)


def wrapped_int(value: object) -> cython.longlong:
    """An int as two's complement of 64 bits; floats are truncated. Raises NumberRangeError beyond 64 bits."""
    if type(value) is int and -(1 << 63) <= value < (1 << 63):  # type: ignore[operator]
        return value  # type: ignore[return-value]
    number: object = checked_int(value)
    return number if number < (1 << 63) else number - (1 << 64)  # type: ignore[operator,return-value]


def _launch_pure(plan: Any, args: Any, single: Any, outs: Any) -> int:
    """``launch`` where other threads may come in between any two lines."""
    with working((plan.device,), plan.name) as open_:
        return launch(plan, args, single, outs) if open_ else MOVED


class DevicePlan(Plan):
    """A plan whose work the device's runtime sees: only while the device is ready, and counted meanwhile."""

    def run(self, args: tuple[Any, ...], outs: Any) -> Any:
        if not self.device.ready and not admitted(self.device, self.function, args, outs):
            return rerouted(self.function, args, outs)
        if left(self.device, args):
            return rerouted(self.function, args, outs)
        if cython.compiled:
            run: Run
            begin_run(self.device, cython.address(run))
            try:
                return self.compute(args, outs)
            except Exception as error:
                raise_failed(self.device, self.function.name, error)
            finally:
                end_run(cython.address(run))
        else:
            with working((self.device,), self.function.name) as open_:
                if open_ and not left(self.device, args):
                    try:
                        return self.compute(args, outs)
                    except Exception as error:
                        raise_failed(self.device, self.function.name, error)
            return rerouted(self.function, args, outs)

    def compute(self, args: tuple[Any, ...], outs: Any) -> Any:
        raise NotImplementedError


def left(device: Device, args: tuple[Any, ...]) -> cython.bint:
    """Whether an operand was moved elsewhere after the call's key was made: by another thread, meanwhile."""
    storage: Storage
    for storage in storages_of(args, None):
        if storage.device is not device:
            return True
    return False


class PythonPlan(DevicePlan):
    """Calls a Python kernel ``fn(outs, ins, attrs)`` on the runtime's native handles."""

    def __init__(
        self,
        device: Device,
        out_layouts: Any,
        in_layouts: Any,
        kinds: bytes,
        fixes: Any,
        fn: Any,
        attributes: Any,
        dynamic: Any,
        provider: str,
    ) -> None:
        self.device = device
        self.out_layouts = out_layouts
        self.in_layouts = in_layouts
        self.kinds = kinds
        self.fixes = fixes
        self.fn = fn
        self.attributes = attributes
        self.dynamic = dynamic
        self.provider = provider
        self.path = "native"
        self.reason = ""
        self.calls = 0

    def compute(self, args: tuple[Any, ...], outs: Any) -> Any:
        if outs is None:
            results = tuple([empty(layout, self.device) for layout in self.out_layouts])
        else:
            results = outs
        bind = self.device.runtime.bind
        if self.fixes is not None:
            args = fix_args(args, self.fixes)
        ins = materialize(operands_of(self.kinds, args), self.in_layouts, self.device)
        attributes = self.attributes
        if self.dynamic:
            attributes = dict(attributes)
            for position, name in self.dynamic:
                attributes[name] = args[position]
        given = [None if t is None else bind(t if t.numel() else at_start(t)) for t in ins]
        returned = self.fn([bind(t if t.numel() else at_start(t)) for t in results], given, attributes)
        if returned is not None:
            raise_returned(self.function.name, self.device, self.provider, returned)
        return results[0] if len(results) == 1 else results


def at_start(tensor: TensorBase) -> TensorBase:
    """A tensor without elements, dense from the first byte of its memory on: a view of none may lie where no
    array library lets one begin.
    """
    return view_of(tensor, dense(tensor.layout_.shape, tensor.layout_.dtype), 0)


def materialize(operands: list[Any], wanted: tuple[Any, ...], device: Device) -> list[Any]:
    """Tensors for a Python kernel: numbers become filled 0-d tensors,
    everything is expanded to its planned layout.
    """
    tensors: list[Any] = []
    for operand, layout in zip(operands, wanted, strict=True):
        if operand is not None and not isinstance(operand, TensorBase):
            operand = ops.F.fill((), operand, layout.dtype, device=device)
        if operand is not None and tuple(operand.shape) != tuple(layout.shape):
            if layout.dense and operand.layout.dense and operand.numel() == layout.numel:
                operand = view_of(operand, layout, operand.offset)
            else:
                operand = view_of(operand, expand(operand.layout, layout.shape), operand.offset)
                if layout.dense and not operand.layout.dense:
                    operand = ops.F.copy(operand)
        tensors.append(operand)
    return tensors


class PreparedPlan(DevicePlan):
    """Runs ``launch(operands, offsets, values)``, which a backend made ready for these layouts.

    ``operands``: the runtime's handles of outputs, inputs (None where there is none, the number where one
    stands for a tensor) and scratch; ``offsets``: their first elements; ``values``: the dynamic numbers.
    """

    def __init__(
        self,
        device: Device,
        out_layouts: tuple[Layout, ...],
        kinds: bytes,
        fixes: Any,
        launch: Any,
        scratch: tuple[int, ...],
        provider: str,
    ) -> None:
        self.device = device
        self.out_layouts = out_layouts
        self.kinds = kinds
        self.fixes = fixes
        self.launch = launch
        self.scratch = scratch
        self.provider = provider
        self.path = "native"
        self.reason = ""
        self.calls = 0

    def compute(self, args: tuple[Any, ...], outs: Any) -> Any:
        tensor: TensorBase
        if outs is None:
            results = [empty(layout, self.device) for layout in self.out_layouts]
        else:
            results = list(outs)
        if self.fixes is not None:
            args = fix_args(args, self.fixes)
        operands: list[Any] = []
        offsets: list[Any] = []
        for operand in results + operands_of(self.kinds, args):
            if isinstance(operand, TensorBase):
                tensor = cython.cast(TensorBase, operand)
                operands.append(tensor.storage_.handle)
                offsets.append(tensor.offset_)
            else:
                operands.append(operand)
                offsets.append(0)
        values = [args[i] for i in range(len(args)) if is_dynamic(self.kinds[i])]
        if self.scratch:  # given back when this call returns: a device works its queue off in order
            keep: list[Any] = []
            for nbytes in self.scratch:
                storage: Storage = new_storage(self.device, self.device.bucket(nbytes), nbytes)
                keep.append(storage)
                operands.append(storage.handle)
                offsets.append(0)
            self.launch(operands, offsets, values)
        else:
            self.launch(operands, offsets, values)
        return results[0] if len(results) == 1 else tuple(results)
