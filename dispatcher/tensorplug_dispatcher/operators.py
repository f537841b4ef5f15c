"""The tensor's operators, compiled: Python's arithmetic,
comparison and conversion protocols on the op table.
"""

from __future__ import annotations

from typing import Any

import cython

from . import ops
from .errors import AutogradError, DTypeError, IndexRangeError, ShapeError
from .scalars import read_scalar
from .tensor import INFERENCE, REQUIRES_GRAD

if not cython.compiled:
    from .call import OpFunction
    from .context import _HISTORY, _LAYERS, Context, current
    from .layout import Layout
    from .plans import make_view
    from .tensor import TensorBase, tensor_bits, wrap


_abs: OpFunction = ops.F.abs
_add: OpFunction = ops.F.add
_bitwise_and: OpFunction = ops.F.bitwise_and
_bitwise_left_shift: OpFunction = ops.F.bitwise_left_shift
_bitwise_not: OpFunction = ops.F.bitwise_not
_bitwise_or: OpFunction = ops.F.bitwise_or
_bitwise_right_shift: OpFunction = ops.F.bitwise_right_shift
_bitwise_xor: OpFunction = ops.F.bitwise_xor
_div: OpFunction = ops.F.div
_eq: OpFunction = ops.F.eq
_floor_divide: OpFunction = ops.F.floor_divide
_ge: OpFunction = ops.F.ge
_gt: OpFunction = ops.F.gt
_le: OpFunction = ops.F.le
_lt: OpFunction = ops.F.lt
_matmul: OpFunction = ops.F.matmul
_mul: OpFunction = ops.F.mul
_ne: OpFunction = ops.F.ne
_neg: OpFunction = ops.F.neg
_pow: OpFunction = ops.F.pow
_remainder: OpFunction = ops.F.remainder
_sub: OpFunction = ops.F.sub
_select: OpFunction = ops.F.select

_getitem: Any = None
_setitem: Any = None
_matmul_any: Any = None
_view_history: Any = None
_as_tensor: Any = None


def set_indexing(getitem: Any, setitem: Any) -> None:
    """How ``x[index]`` and ``x[index] = value`` work for everything but ``x[int]``."""
    global _getitem, _setitem
    _getitem = getitem
    _setitem = setitem


def set_matmul(matmul: Any) -> None:
    """What ``a @ b`` calls unless both are matrices."""
    global _matmul_any
    _matmul_any = matmul


def set_array_operands(as_tensor: Any) -> None:
    """What makes a tensor of an array that stands beside an operator; gives None for anything else."""
    global _as_tensor
    _as_tensor = as_tensor


def set_view_history(history: Any) -> None:
    """The autograd layer's answer to "what is the grad_fn of this view, whose base has changed since?"."""
    global _view_history
    _view_history = history


def binary(function: OpFunction, a: object, b: object) -> object:
    if isinstance(a, TensorBase) and isinstance(b, TensorBase):
        return function.call2(a, b)
    other = b if isinstance(a, TensorBase) else a
    if type(other) is float or type(other) is int or type(other) is bool:
        return function.call2(a, b)
    operand = _as_number(other)
    if operand is None:
        operand = None if _as_tensor is None else _as_tensor(other)
        if operand is None:
            return NotImplemented
    return function.call2(a, operand) if other is b else function.call2(operand, b)


def inplace(function: OpFunction, a: object, b: object) -> object:
    if not isinstance(b, TensorBase) and type(b) is not float and type(b) is not int and type(b) is not bool:
        b = _as_number(b)
        if b is None:
            return NotImplemented
    return function.call_into((a, b), (a,))


def _as_number(value: Any) -> Any:
    """A number of NumPy's, or of a class derived from a number's, as a plain one; None for what is none."""
    if getattr(value, "shape", None) == () and hasattr(value, "item"):
        value = value.item()
    if isinstance(value, (bool, float)):
        return value if isinstance(value, bool) else float(value)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, complex):
        raise DTypeError(
            f"complex numbers such as {value!r} are not supported; keep real and imaginary parts apart"
        )
    return None


class TensorOps(TensorBase):
    """A tensor with operators; ``tensorplug.Tensor`` adds the methods."""

    def __add__(self, other: Any) -> Any:
        return binary(_add, self, other)

    def __radd__(self, other: Any) -> Any:
        return binary(_add, other, self)

    def __iadd__(self, other: Any) -> Any:
        return inplace(_add, self, other)

    def __sub__(self, other: Any) -> Any:
        return binary(_sub, self, other)

    def __rsub__(self, other: Any) -> Any:
        return binary(_sub, other, self)

    def __isub__(self, other: Any) -> Any:
        return inplace(_sub, self, other)

    def __mul__(self, other: Any) -> Any:
        return binary(_mul, self, other)

    def __rmul__(self, other: Any) -> Any:
        return binary(_mul, other, self)

    def __imul__(self, other: Any) -> Any:
        return inplace(_mul, self, other)

    def __truediv__(self, other: Any) -> Any:
        return binary(_div, self, other)

    def __rtruediv__(self, other: Any) -> Any:
        return binary(_div, other, self)

    def __itruediv__(self, other: Any) -> Any:
        return inplace(_div, self, other)

    def __floordiv__(self, other: Any) -> Any:
        return binary(_floor_divide, self, other)

    def __rfloordiv__(self, other: Any) -> Any:
        return binary(_floor_divide, other, self)

    def __ifloordiv__(self, other: Any) -> Any:
        return inplace(_floor_divide, self, other)

    def __mod__(self, other: Any) -> Any:
        return binary(_remainder, self, other)

    def __rmod__(self, other: Any) -> Any:
        return binary(_remainder, other, self)

    def __imod__(self, other: Any) -> Any:
        return inplace(_remainder, self, other)

    def __pow__(self, other: Any, modulo: Any = None) -> Any:
        if type(other) is int and other < 0 and not self.layout_.floating:
            raise DTypeError(
                f"Integers to negative integer powers are not allowed: "
                f"{self.layout_.dtype.name} ** {other}; "
                f"convert to a floating dtype first"
            )
        return binary(_pow, self, other)

    def __rpow__(self, other: Any, modulo: Any = None) -> Any:
        return binary(_pow, other, self)

    def __ipow__(self, other: Any) -> Any:
        return inplace(_pow, self, other)

    def __and__(self, other: Any) -> Any:
        return binary(_bitwise_and, self, other)

    def __rand__(self, other: Any) -> Any:
        return binary(_bitwise_and, other, self)

    def __iand__(self, other: Any) -> Any:
        return inplace(_bitwise_and, self, other)

    def __or__(self, other: Any) -> Any:
        return binary(_bitwise_or, self, other)

    def __ror__(self, other: Any) -> Any:
        return binary(_bitwise_or, other, self)

    def __ior__(self, other: Any) -> Any:
        return inplace(_bitwise_or, self, other)

    def __xor__(self, other: Any) -> Any:
        return binary(_bitwise_xor, self, other)

    def __rxor__(self, other: Any) -> Any:
        return binary(_bitwise_xor, other, self)

    def __ixor__(self, other: Any) -> Any:
        return inplace(_bitwise_xor, self, other)

    def __lshift__(self, other: Any) -> Any:
        return binary(_bitwise_left_shift, self, other)

    def __rlshift__(self, other: Any) -> Any:
        return binary(_bitwise_left_shift, other, self)

    def __ilshift__(self, other: Any) -> Any:
        return inplace(_bitwise_left_shift, self, other)

    def __rshift__(self, other: Any) -> Any:
        return binary(_bitwise_right_shift, self, other)

    def __rrshift__(self, other: Any) -> Any:
        return binary(_bitwise_right_shift, other, self)

    def __irshift__(self, other: Any) -> Any:
        return inplace(_bitwise_right_shift, self, other)

    def __eq__(self, other: Any) -> Any:
        return binary(_eq, self, other)

    def __ne__(self, other: Any) -> Any:
        return binary(_ne, self, other)

    def __lt__(self, other: Any) -> Any:
        return binary(_lt, self, other)

    def __le__(self, other: Any) -> Any:
        return binary(_le, self, other)

    def __gt__(self, other: Any) -> Any:
        return binary(_gt, self, other)

    def __ge__(self, other: Any) -> Any:
        return binary(_ge, self, other)

    def __neg__(self) -> Any:
        return _neg.call1(self)

    def __abs__(self) -> Any:
        return _abs.call1(self)

    def __invert__(self) -> Any:
        return _bitwise_not.call1(self)

    def __pos__(self) -> Any:
        return self

    def __matmul__(self, other: Any) -> Any:
        if isinstance(other, TensorBase):
            right: TensorBase = other
            if self.layout_.ndim == 2 and right.layout_.ndim == 2:
                return _matmul.call2(self, right)
            return _matmul_any(self, right)
        return NotImplemented

    def __rmatmul__(self, other: Any) -> Any:
        return NotImplemented

    def __hash__(self) -> int:
        return id(self) >> 4

    def __len__(self) -> int:
        if not self.layout_.ndim:
            raise TypeError("len() of a 0-d tensor")
        return self.layout_.shape[0]

    def __bool__(self) -> bool:
        if self.layout_.numel != 1:
            raise ShapeError(
                f"Boolean value of Tensor with {'more than one' if self.layout_.numel else 'no'} value"
                f"{'' if self.layout_.numel else 's'} is ambiguous (shape {list(self.layout_.shape)}); "
                "use any() or all()"
            )
        return bool(self.item())

    def __float__(self) -> float:
        return float(self.item())

    def __int__(self) -> int:
        return int(self.item())

    def __index__(self) -> int:
        if self.layout_.floating or self.layout_.numel != 1:
            raise TypeError(
                f"only integer tensors of a single element can be converted to an index, not "
                f"{self.layout_.dtype.name} of shape {list(self.layout_.shape)}"
            )
        return int(self.item())

    def __getitem__(self, index: Any) -> Any:
        if type(index) is int and self.layout_.ndim:
            i: cython.Py_ssize_t = index
            n: cython.Py_ssize_t = self.layout_.shape[0]
            if i < -n or i >= n:
                raise IndexRangeError(f"index {index} is out of bounds for dimension 0 with size {n}")
            if i < 0:
                i += n
            state: Context = current()
            if not ((tensor_bits(self) | state.included) & ~state.excluded) & _LAYERS:
                layout: Layout = self.layout_.without_leading()
                return make_view(self, layout, i * self.layout_.strides[0])
            return _select.call((self, 0, i))
        return _getitem(self, index)

    def __setitem__(self, index: Any, value: Any) -> None:
        _setitem(self, index, value)

    def item(self) -> Any:
        """The value of a tensor of one element as a Python number; raises ShapeError for any other."""
        if self.layout_.numel != 1:
            raise ShapeError(
                f"a Tensor with {self.layout_.numel} elements cannot be converted to Scalar (shape "
                f"{list(self.layout_.shape)}); use tolist() for all values"
            )
        return read_scalar(self)

    @property
    def requires_grad(self) -> bool:
        return (tensor_bits(self) & _HISTORY) != 0

    @requires_grad.setter
    def requires_grad(self, value: bool) -> None:
        if self.grad_fn_ is not None:
            if not value:
                raise AutogradError(
                    "you can only change requires_grad flags of leaf variables; use "
                    "tensor.detach() for a tensor that does not require a gradient"
                )
            return
        if value and not self.layout_.floating:
            raise DTypeError(
                f"only Tensors of floating point dtype can require gradients, not {self.layout_.dtype.name}; "
                "convert with .to(float32) first"
            )
        if value and self.flags & INFERENCE:
            raise AutogradError(
                "Setting requires_grad=True on inference tensor outside InferenceMode is not allowed; "
                "clone() it first"
            )
        if value:
            self.bits |= _HISTORY
            self.flags |= REQUIRES_GRAD
        else:
            self.bits &= ~_HISTORY
            self.flags &= ~REQUIRES_GRAD

    @property
    def grad_fn(self) -> Any:
        """The node that made this tensor; None for a leaf."""
        if self.base_ is not None and self.base_version != self.storage_.version:
            base: TensorBase = self.base_
            if base.bits & _HISTORY and _view_history is not None:
                return _view_history(self)
        return self.grad_fn_

    @property
    def is_leaf(self) -> bool:
        return self.grad_fn is None

    @property
    def grad(self) -> Any:
        """The accumulated gradient of a leaf, or None."""
        return self.grad_

    @grad.setter
    def grad(self, value: Any) -> None:
        if value is not None:
            if not isinstance(value, TensorBase):
                raise TypeError(
                    f"assigned grad expected to be a Tensor or None but got grad of type "
                    f"'{type(value).__name__}'"
                )
            given: TensorBase = value
            if given.layout_.shape != self.layout_.shape or given.layout_.dtype is not self.layout_.dtype:
                raise ShapeError(
                    f"assigned grad has shape {list(given.layout_.shape)} and dtype "
                    f"{given.layout_.dtype.name}, but the tensor has {list(self.layout_.shape)} and "
                    f"{self.layout_.dtype.name}; assign one that matches"
                )
            if given.storage_.device is not self.storage_.device:
                raise ShapeError(
                    f"assigned grad is on {given.storage_.device} but the tensor is on "
                    f"{self.storage_.device}; move it first"
                )
        self.grad_ = value

    @property
    def _base(self) -> Any:
        return self.base_

    def detach(self) -> Any:
        """The same memory, with no history: never requires a gradient."""
        made: TensorBase = wrap(self.storage_, self.layout_, self.offset_)
        made.slots = self.slots
        return made
