"""What the kernels need to know of an array library: one class, to be subclassed where a library differs.

The library is a namespace ``xp`` of the Python array API standard (2023.12, https://data-apis.org/array-api),
either its own (NumPy 2, jax.numpy) or array-api-compat's. Everything below has a default for a library whose
arrays can be written in place and whose handles (what the runtime's ``bind`` gives) are its arrays.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, TypeAlias

from tensorplug_dispatcher import conversion, dtypes
from tensorplug_dispatcher.conversion import checked_float, checked_int
from tensorplug_dispatcher.dtypes import DType
from tensorplug_dispatcher.op import Op

Array: TypeAlias = Any


@dataclass(frozen=True, slots=True)
class Spec:
    """What an output is to be."""

    shape: tuple[int, ...]
    dtype: DType


@dataclass(frozen=True, slots=True)
class Refusal:
    """``refused`` (a boolean array of no dimensions) says that the call is an error, which ``error`` makes
    of the numbers in ``values``.
    """

    refused: Array
    error: Callable[..., Exception]
    values: tuple[Array, ...]

    def check(self) -> None:
        if bool(self.refused):
            raise self.error(*(int(value) for value in self.values))


class Call:
    """One call of an op, as its definition sees it: outputs, attributes by name, and the library.

    Numbers that change from call to call (``int!``, ``float!`` in the schema) are Python numbers or arrays of
    no dimensions.
    """

    __slots__ = ("attrs", "lib", "op", "outs", "refusals")

    def __init__(self, lib: Adapter, op: Op, outs: tuple[Spec, ...], attrs: Mapping[str, Any]) -> None:
        self.lib = lib
        self.op = op
        self.outs = outs
        self.attrs = attrs
        self.refusals: list[Refusal] | None = None

    @property
    def out(self) -> Spec:
        return self.outs[0]

    def refuse(self, refused: Array, error: Callable[..., Exception], *values: Array) -> None:
        """Raise ``error(*values)`` where ``refused`` is true: now, or, while a compiler traces the call,
        when it has run.
        """
        refusal = Refusal(refused, error, values)
        if self.refusals is None:
            refusal.check()
        else:
            self.refusals.append(refusal)


# An op's definition: arrays in, arrays out (one, or a tuple where the op has several outputs). Results may be
# of another dtype and shape than the output, as long as converting and reshaping give it.
Definition: TypeAlias = Callable[..., Any]


class Adapter:
    """A library of arrays, ``xp``, and the dtypes that it has.

    ``functions`` holds what expressions call on floating arrays and the standard lacks (``"erf"``), or the
    library computes better otherwise: name → function of arrays, which keeps their dtype. ``inexact`` names
    functions of the standard that the library computes less exactly than the op table's expression of them
    would (``"atanh"``, say): those are written out.
    """

    functions: Mapping[str, Callable[..., Array]] = {}
    inexact: frozenset[str] = frozenset()

    def __init__(self, xp: Any, dtypes: tuple[DType, ...] = dtypes.ALL) -> None:
        self.xp = xp
        self.dtypes = dtypes
        self._known: dict[Any, DType] = {}

    def whole_power(self, a: Array, b: Array) -> Array:
        """Integers to the power of integers that are not negative; what is beyond the range wraps."""
        return self.xp.pow(a, b)

    # -- handles

    def read(self, handle: Any) -> Array:
        """An input's handle as an array."""
        return handle

    def write(self, handle: Any, value: Array) -> None:
        """Put an array of the output's shape and dtype into the output, and nowhere else."""
        handle[...] = value

    def spec(self, handle: Any) -> Spec:
        """Shape and dtype of a handle."""
        return Spec(tuple(handle.shape), self.dtype_of(handle))

    def scope(self, handle: Any) -> AbstractContextManager[Any]:
        """The context of a call: inside it new arrays are made on the device of ``handle``, its first output.

        It is also the place to silence the library's warnings about what is no error here: division by zero,
        overflow, NaN.
        """
        return nullcontext()

    def run(self, op: Op, definition: Definition, outs: Any, ins: Any, attrs: Mapping[str, Any]) -> None:
        """Do one call: read, compute, write. A library with a compiler caches what it compiles here."""
        with self.scope(outs[0]):
            call = Call(self, op, tuple([self.spec(handle) for handle in outs]), attrs)
            arrays = [None if handle is None else self.read(handle) for handle in ins]
            for handle, value in zip(outs, self.results(call, definition, arrays), strict=True):
                self.write(handle, value)

    def results(self, call: Call, definition: Definition, arrays: list[Array]) -> list[Array]:
        """What the definition gives, in the outputs' dtypes and shapes."""
        found = definition(call, *arrays)
        found = found if isinstance(found, tuple) else (found,)
        return [self._as(value, spec) for value, spec in zip(found, call.outs, strict=True)]

    def _as(self, value: Array, spec: Spec) -> Array:
        value = self.astype(value, spec.dtype)
        return value if tuple(value.shape) == spec.shape else self.xp.reshape(value, spec.shape)

    # -- dtypes

    def dtype(self, dtype: DType) -> Any:
        """The library's dtype object."""
        return getattr(self.xp, dtype.name)

    def dtype_of(self, array: Array) -> DType:
        found = self._known.get(array.dtype)
        if found is None:
            for dtype in self.dtypes:
                if self.dtype(dtype) == array.dtype:
                    found = self._known[array.dtype] = dtype
                    break
            else:
                raise TypeError(f"{array.dtype} is none of the dtypes of this adapter: {self.dtypes}")
        return found

    @property
    def wide(self) -> DType:
        """The widest floating dtype that the library has."""
        return dtypes.float64 if dtypes.float64 in self.dtypes else dtypes.float32

    def astype(self, array: Array, dtype: DType) -> Array:
        """``array`` as another dtype: numbers to bool by whether they are not 0, integers wrap, floating to
        integer follows ``conversion.integer_of``.
        """
        source = self.dtype_of(array)
        if source is dtype:
            return array
        if dtype is dtypes.bool_:
            return array != self.scalar(0, source)
        if source.is_floating_point and not dtype.is_floating_point:
            array = self._whole(array, source, 2.0 ** (conversion.bits_between(dtype) - 1))
        return self.convert(array, self.dtype(dtype))

    def _whole(self, array: Array, source: DType, bound: float) -> Array:
        """Floating numbers cut towards zero, as int64: -bound for what reaches it, and for NaN. Libraries
        convert what does not fit each in its own way (``conversion.integer_of`` is the rule).
        """
        xp = self.xp
        if is_half(source):  # some hold no bound
            array, source = self.convert(array, self.dtype(dtypes.float32)), dtypes.float32
        inside = xp.abs(array) < self.scalar(bound, source)
        whole = self.convert(xp.where(inside, array, self.scalar(0.0, source)), self.dtype(dtypes.int64))
        return xp.where(inside, whole, self.scalar(-int(bound), dtypes.int64))

    def convert(self, array: Array, dtype: Any) -> Array:
        """``array`` as a dtype of the library's, as the library converts."""
        return self.xp.astype(array, dtype)

    def scalar(self, value: Any, dtype: DType) -> Array:
        """A number, or an array of no dimensions, as such an array of ``dtype``; integers wrap."""
        if not isinstance(value, (bool, int, float)):
            return self.astype(value, dtype)
        return self.xp.asarray(wrapped(value, dtype), dtype=self.dtype(dtype))

    # -- operations that the standard lacks, or that a library has better

    def matmul(self, a: Array, b: Array) -> Array:
        """Products of matrices, as exact as the dtype allows (some devices have a faster, coarser mode)."""
        return self.xp.matmul(a, b)

    def put(self, x: Array, places: Array, values: Array, add: bool) -> Array:
        """``x`` (one dimension) with ``values`` at ``places`` (int64, in range):
        the last one wins, or all are added.

        The default is made of what the standard has, in log2(n) passes.
        """
        from .indexing import put

        return put(self, x, places, values, add)


def wrapped(value: Any, dtype: DType) -> Any:
    """A Python number as one that ``dtype`` holds."""
    if dtype is dtypes.bool_:
        return bool(value)
    if dtype.is_floating_point:
        return checked_float(value)
    return conversion.wrapped(checked_int(value), dtype)


def is_half(dtype: DType) -> bool:
    return dtype.is_floating_point and dtype.itemsize == 2


def compute_dtype(dtype: DType) -> DType:
    """The dtype of arithmetic on elements of ``dtype``: float32 for halves."""
    return dtypes.float32 if is_half(dtype) else dtype
