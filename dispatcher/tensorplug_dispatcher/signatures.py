"""Arguments of ops: conversion to what a schema's kinds ask for, and Python signatures from schemas."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

from . import dtypes
from .devices import registry as devices
from .errors import IndexRangeError, SignatureError
from .op import REQUIRED, Op
from .tensor import TensorBase


def convert(function: Any, position: int, value: Any) -> Any:
    """``value`` as parameter ``position`` of the op takes it;
    raises SignatureError that names op and parameter.
    """
    parameter = function.op.parameters[position]
    kind = parameter.kind.rstrip("?!")
    try:
        return _CONVERTERS.get(kind, _same)(value, function.op, parameter)
    except (TypeError, ValueError) as error:
        if isinstance(error, SignatureError):
            raise
        given = f"{value!r} ({type(value).__name__})"
        raise SignatureError(
            f"{function.name}(): argument '{parameter.name}' must be {_WORDS.get(kind, kind)}, not {given}; "
            f"its signature is {function.op.schema}"
        ) from None


_WORDS = {
    "int": "an int",
    "int[]": "a sequence of ints",
    "float": "a number",
    "bool": "a bool",
    "str": "a string",
    "Scalar": "a number",
    "dtype": "a dtype",
    "dim": "an int",
    "dims": "an int or a sequence of ints",
    "Tensor": "a Tensor",
    "Tensor[]": "a sequence of Tensors",
    "device": "a device",
}


def _same(value: Any, op: Op, parameter: Any) -> Any:
    return value


def _int(value: Any, op: Op, parameter: Any) -> int:
    if isinstance(value, bool):
        raise TypeError
    return operator.index(value)  # of a tensor too: one whole number


def _ints(value: Any, op: Op, parameter: Any) -> tuple[int, ...]:
    if isinstance(value, (tuple, list)):
        return tuple([v if type(v) is int else _int(v, op, parameter) for v in value])
    if hasattr(value, "__index__"):
        return (_int(value, op, parameter),)
    return tuple([_int(v, op, parameter) for v in value])


def _dims(value: Any, op: Op, parameter: Any) -> Any:
    return _ints(value, op, parameter) if isinstance(value, (tuple, list)) else _int(value, op, parameter)


def _number(value: Any, op: Op, parameter: Any) -> Any:
    if type(value) in (int, float, bool):
        return value
    if isinstance(value, TensorBase):
        return value.item()
    if hasattr(value, "item") and not hasattr(value, "layout"):
        return value.item()
    if isinstance(value, (int, float)):
        return value
    raise TypeError


def _float(value: Any, op: Op, parameter: Any) -> Any:
    if parameter.is_dynamic and type(value) in (int, float):
        return value
    return float(_number(value, op, parameter))


def _dynamic_int(value: Any, op: Op, parameter: Any) -> Any:
    return _number(value, op, parameter) if parameter.is_dynamic else _int(value, op, parameter)


def _bool(value: Any, op: Op, parameter: Any) -> bool:
    if isinstance(value, bool):
        return value
    if not isinstance(value, TensorBase) and getattr(value, "shape", None) == () and hasattr(value, "item"):
        value = value.item()  # NumPy's
        if isinstance(value, bool):
            return value
    raise TypeError


def _string(value: Any, op: Op, parameter: Any) -> str:
    if isinstance(value, str):
        return value
    raise TypeError


def _dtype(value: Any, op: Op, parameter: Any) -> Any:
    if isinstance(value, dtypes.DType):
        return value
    if value is float:
        return dtypes.float64
    if value is int:
        return dtypes.int64
    if value is bool:
        return dtypes.bool_
    raise TypeError


def _device(value: Any, op: Op, parameter: Any) -> Any:
    return devices.device(value)


def _tensor(value: Any, op: Op, parameter: Any) -> Any:
    if isinstance(value, TensorBase):
        return value
    if op.elementwise and parameter.name not in op.no_numbers:
        return _number(value, op, parameter)
    raise TypeError


def _tensors(value: Any, op: Op, parameter: Any) -> Any:
    if isinstance(value, TensorBase):  # which could be iterated over
        raise TypeError
    items = tuple(value)
    for item in items:
        if not isinstance(item, TensorBase):
            raise TypeError
    return items


_CONVERTERS = {
    "int": _dynamic_int,
    "int[]": _ints,
    "float": _float,
    "bool": _bool,
    "str": _string,
    "Scalar": _number,
    "dtype": _dtype,
    "dim": _int,
    "dims": _dims,
    "Tensor": _tensor,
    "Tensor[]": _tensors,
    "device": _device,
}


def wrap_dim(dim: int, ndim: int) -> int:
    """``dim`` counted from the front; 0-d tensors take 0 and -1. Raises IndexRangeError with the range."""
    limit = ndim if ndim else 1
    if not -limit <= dim < limit:
        raise IndexRangeError(
            f"Dimension out of range (expected to be in range of [{-limit}, {limit - 1}], but got {dim})"
        )
    return dim + limit if dim < 0 else dim


def wrap_dims(dims: Any, ndim: int) -> tuple[int, ...]:
    """``dims`` (None or empty: all) counted from the front and sorted;
    raises IndexRangeError, also for repeats.
    """
    if dims is None or (isinstance(dims, Sequence) and not len(dims)):
        return tuple(range(ndim))
    given = dims if isinstance(dims, tuple) else (dims,)
    wrapped = sorted(wrap_dim(d, ndim) for d in given)
    for a, b in zip(wrapped, wrapped[1:], strict=False):
        if a == b:
            raise IndexRangeError(
                f"dim {a} appears multiple times in the list of dims {list(given)}; give each once"
            )
    return tuple(d for d in wrapped if ndim)


def normalize_attributes(op: Op, args: tuple[Any, ...]) -> tuple[Any, ...]:
    """``args`` with ``dim`` and ``dims`` counted from the front of the first tensor."""
    ndim: int | None = None
    values = list(args)
    for i, parameter in enumerate(op.parameters):
        value = values[i]
        if ndim is None and parameter.is_tensor and value is not None:
            ndim = _list_ndim(value) if isinstance(value, tuple) else getattr(value, "ndim", None)
        kind = parameter.kind
        if ndim is None or not kind.startswith("dim"):
            continue
        if kind.startswith("dims"):
            values[i] = wrap_dims(value, ndim)
        elif value is not None:
            values[i] = wrap_dim(value, ndim)
    return tuple(values)


def _list_ndim(tensors: tuple[Any, ...]) -> int | None:
    """The dimensions that an op of several tensors counts in; vectors of size 0, which ``cat`` leaves out
    whatever the others' shapes, do not say.
    """
    for x in tensors:
        if tuple(x.shape) != (0,):
            return int(x.ndim)
    return 1 if tensors else None


def layout_of(arg: Any) -> Any:
    """What resolution sees of an argument: a tensor's layout, a tuple of them, anything else as it is."""
    if isinstance(arg, TensorBase):
        return arg.layout
    if isinstance(arg, tuple) and arg and isinstance(arg[0], TensorBase):
        return tuple([a.layout for a in arg])
    return arg


def signature_of(op: Op) -> Any:
    """The op's ``inspect.Signature``."""
    import inspect

    parameters = []
    for p in op.parameters:
        kind = inspect.Parameter.KEYWORD_ONLY if p.keyword_only else inspect.Parameter.POSITIONAL_OR_KEYWORD
        default = inspect.Parameter.empty if p.default is REQUIRED else p.default
        parameters.append(inspect.Parameter(p.name, kind, default=default))
    return inspect.Signature(parameters)
