"""Making tensors: from Python data and arrays, filled, ranges
(https://pytorch.org/docs/stable/torch.html#creation-ops).

Every function takes ``dtype`` (default: the default floating dtype, or what the data says), ``device``
(default: the default device) and ``requires_grad``.
"""

from __future__ import annotations

from tensorplug_dispatcher import dtypes, promotion
from tensorplug_dispatcher.dtypes import FLOATING, INTEGER, DType
from tensorplug_dispatcher.errors import DTypeError, ShapeError, SignatureError
from tensorplug_dispatcher.layout import dense, non_overlapping_dense, strided
from tensorplug_dispatcher.ops import F
from tensorplug_dispatcher.tensor import TensorBase, view_of
from tensorplug_dispatcher.tensor import empty as empty_of_layout

from ._arguments import (
    check_fits,
    check_layout_options,
    device_argument,
    device_of_data,
    dtype_argument,
    finished,
    floating_dtype,
    shape_argument,
    shape_of,
    with_grad,
)
from ._interop import from_array, frombuffer
from ._public import public
from ._values import filled, from_numbers, to_quantized, undefined
from .later import later

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from ._tensor import Tensor

from_dlpack = later("._dlpack", "from_dlpack")


# -- from data -----------------------------------------------------------------------------------------------


@public("function")
def tensor(
    data: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False, pin_memory: bool = False
) -> Tensor:
    """A tensor with a copy of ``data``: a number, nested sequences of numbers, an array or a tensor.

    It is made on ``device``, else on the default device where one was chosen; else tensors stay where they
    are. The dtype is that of the data: floats give the default dtype, ints int64, bools bool. Raises
    ValueError for ragged sequences, DTypeError for what is no number or does not fit ``dtype``.

    Shapes: the shape of the data; dtypes: any. Source: torch.tensor.
    """
    wanted = None if dtype is None else dtype_argument(dtype)
    kind = type(data)
    if kind is float or kind is int or kind is bool:
        made = _scalar(data, wanted or promotion.dtype_of_number(data), device)
    elif isinstance(data, TensorBase):
        made = _copied(data.detach(), wanted, device)
    elif hasattr(data, "__array_interface__"):
        made = _copied(from_array(data), wanted, device)
    else:
        made = _from_sequence(data, wanted, device)
    return with_grad(made, requires_grad)


def _scalar(value: Any, dtype: DType, device: Any) -> Tensor:
    if dtype.kind == INTEGER:
        check_fits("tensor", value, dtype)
    return filled((), value, dtype, device_argument(device))


def _copied(source: Any, dtype: DType | None, device: Any) -> Tensor:
    where = device_of_data(device, source)
    if dtype is not None and dtype is not source.dtype:
        source = F.cast(source, dtype) if dtype.stored is None else to_quantized(source, dtype)
        return source if where is source.device else F.to_device(source, where)
    if where is not source.device:
        return F.to_device(source, where)
    return F.copy(source)


def _from_sequence(data: Any, dtype: DType | None, device: Any) -> Tensor:
    shape: list[int] = []
    numbers: list[Any] = []
    found: set[Any] = set()
    _walk(_items(data), 0, shape, numbers, found)
    if dtype is None:
        dtype = _dtype_of(found)
    return from_numbers(numbers, tuple(shape), dtype, device_argument(device))


def _items(data: Any) -> Any:
    if isinstance(data, (list, tuple)):
        return data
    if isinstance(data, str):
        raise SignatureError(
            f"new(): invalid data type 'str': {data!r} is no number; give numbers, "
            "sequences of numbers or arrays"
        )
    if hasattr(data, "__len__") and hasattr(data, "__getitem__") and not isinstance(data, dict):
        return list(data)
    raise DTypeError(
        f"Could not infer dtype of {type(data).__name__}: {data!r} is no number; give numbers, "
        "sequences of numbers or arrays"
    )


def _walk(data: Any, depth: int, shape: list[int], numbers: list[Any], found: set[Any]) -> None:
    """Append the numbers of nested sequences to ``numbers`` and their types to ``found``;
    checks that none is ragged.
    """
    if depth == len(shape):
        shape.append(len(data))
    elif shape[depth] != len(data):
        raise ValueError(
            f"expected sequence of length {shape[depth]} at dim {depth} (got {len(data)}); make "
            "all sequences of one depth equally long"
        )
    if not len(data):
        return
    first = data[0]
    if type(first) in (float, int, bool):
        if len(shape) > depth + 1:
            raise ShapeError(
                f"expected a sequence of length {shape[depth + 1]} at dim {depth + 1}, but got "
                f"the number {first!r}; nest all numbers equally deep"
            )
        for value in data:
            kind = type(value)
            if kind not in (float, int, bool):
                value, kind = _number(value)
            numbers.append(value)
            found.add(kind)
        return
    if hasattr(first, "__array_interface__") or isinstance(first, TensorBase) or hasattr(first, "dtype"):
        _walk_arrays(data, depth, shape, numbers, found)
        return
    if first is None or isinstance(first, dict):
        _items(first)
    for item in data:
        _walk(_items(item) if not isinstance(item, (list, tuple)) else item, depth + 1, shape, numbers, found)


def _walk_arrays(data: Any, depth: int, shape: list[int], numbers: list[Any], found: set[Any]) -> None:
    for item in data:
        if isinstance(item, TensorBase) and item.numel() != 1:
            raise ValueError(
                "only one element tensors can be converted to Python scalars; use stack() to join tensors"
            )
        size = tuple(getattr(item, "shape", ()))
        if isinstance(item, TensorBase):
            found.add(item.dtype if item.dtype.kind != FLOATING else float)
            numbers.append(item.item())
        elif not size:
            value, kind = _number(item)
            numbers.append(value)
            found.add(kind)
        else:
            kind = _array_dtype(item)
            _walk(item.tolist(), depth + 1, shape, numbers, set())
            found.add(kind)


def _array_dtype(item: Any) -> DType:
    """The dtype of another library's array or number: ``float32``, which some of them write with their name
    before it. Raises DTypeError for one that there is not.
    """
    try:
        return dtypes.dtype_named(str(item.dtype).rpartition(".")[2])
    except KeyError:
        raise DTypeError(
            f"tensor(): numbers of the dtype {item.dtype} ({type(item).__name__}) have no dtype here; "
            f"convert them first, to int64 or float32 for instance"
        ) from None


def _number(value: Any) -> tuple[Any, Any]:
    """A number-like as a Python number, and its type or dtype."""
    if isinstance(value, TensorBase):
        if value.numel() != 1:
            raise ValueError(
                "only one element tensors can be converted to Python scalars; use stack() to join tensors"
            )
        return value.item(), value.dtype if value.dtype.kind != FLOATING else float
    if hasattr(value, "dtype") and getattr(value, "shape", None) == ():
        return value.item(), _array_dtype(value)
    if isinstance(value, (bool, int, float)):
        return value, type(value)
    if isinstance(value, complex):
        raise DTypeError(
            f"complex numbers such as {value!r} are not supported; keep real and imaginary parts apart"
        )
    if hasattr(value, "__index__"):
        return value.__index__(), int
    if hasattr(value, "__float__"):
        return float(value), float
    if isinstance(value, (list, tuple)):
        raise SignatureError(
            f"expected a number, but got the sequence {value!r}; nest all numbers equally deep"
        )
    _items(value)
    raise SignatureError(f"expected a number, but got {value!r} ({type(value).__name__})")


def _dtype_of(found: set[Any]) -> DType:
    if not found:
        return promotion.default_dtype()
    result: DType | None = None
    for kind in found:
        dtype = (
            kind
            if isinstance(kind, DType)
            else promotion.dtype_of_number(
                True if issubclass(kind, bool) else 1 if issubclass(kind, int) else 1.0
            )
        )
        result = dtype if result is None else dtypes.promote(result, dtype)
    assert result is not None
    return result


@public("function")
def as_tensor(data: Any, dtype: Any = None, device: Any = None) -> Tensor:
    """``data`` as a tensor without a copy where dtype and device permit: tensors, arrays or Python data.

    ``device`` None means the default device where one was chosen, for arrays and tensors too.

    Shapes: the shape of the data; dtypes: any. Source: torch.as_tensor.
    """
    if isinstance(data, TensorBase):
        source: Any = data
    elif hasattr(data, "__array_interface__") and getattr(data, "shape", ()) != ():
        source = from_array(data)
    else:
        return tensor(data, dtype=dtype, device=device)
    kind = source.dtype if dtype is None else dtype_argument(dtype)
    if source.dtype is not kind:
        source = F.cast(source, kind) if kind.stored is None else to_quantized(source, kind)
    where = device_of_data(device, source)
    return source if where is source.device else F.to_device(source, where)


@public("function")
def asarray(
    obj: Any, *, dtype: Any = None, device: Any = None, copy: bool | None = None, requires_grad: bool = False
) -> Tensor:
    """``obj`` as a tensor; shares memory unless ``copy`` is True or it must be converted.

    ``copy=False`` raises ValueError where sharing is impossible. Also takes DLPack and buffer-protocol
    objects.

    Shapes: the shape of the data; dtypes: any. Source: torch.asarray.
    """
    shared: Any = None
    if isinstance(obj, TensorBase) or (
        hasattr(obj, "__array_interface__") and getattr(obj, "shape", ()) != ()
    ):
        shared = obj if isinstance(obj, TensorBase) else from_array(obj)
    elif hasattr(obj, "__dlpack__"):
        shared = from_dlpack(obj)
    elif isinstance(obj, (bytes, bytearray, memoryview)):
        shared = frombuffer(obj, dtype=floating_dtype(dtype))
    if shared is None:
        if copy is False:
            raise ValueError(
                f"can't alias arbitrary sequence {type(obj).__name__} into a tensor; leave copy=None"
            )
        return tensor(obj, dtype=dtype, device=device, requires_grad=requires_grad)
    made = as_tensor(shared, dtype, device)
    if made.storage is not shared.storage and copy is False:
        raise ValueError(
            f"can't alias {type(obj).__name__} as dtype {made.dtype.name} on {made.device}; leave copy=None"
        )
    if made.storage is shared.storage and copy:
        made = F.copy(made)
    return with_grad(made.detach(), True) if requires_grad else made


@public("function")
def scalar_tensor(s: float, *, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """A 0-d tensor of the number ``s`` in ``dtype`` (default: the default floating dtype).

    Shapes: -> []; dtypes: any. Source: torch.scalar_tensor.
    """
    return full((), s, dtype=floating_dtype(dtype), device=device, requires_grad=requires_grad)


# -- filled --------------------------------------------------------------------------------------------------


@public("function")
def full(
    size: Sequence[int],
    fill_value: Any,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    out: Tensor | None = None,
    **options: Any,
) -> Tensor:
    """A tensor of shape ``size`` with every element ``fill_value``; the dtype is the value's unless given.

    Shapes: -> [*size]; dtypes: any. Source: torch.full.
    """
    check_layout_options("full", options)
    if isinstance(fill_value, TensorBase):
        dtype = dtype or fill_value.dtype
        fill_value = fill_value.item()
    kind = promotion.dtype_of_number(fill_value) if dtype is None else dtype_argument(dtype)
    shape = shape_argument((size,), "full")
    check_fits("full", fill_value, kind if out is None or dtype is not None else out.dtype)
    if out is not None:
        made = filled(shape, fill_value, out.dtype if dtype is None else kind, out.device)
        return finished(made, out, requires_grad, dtype)
    return with_grad(filled(shape, fill_value, kind, device_argument(device)), requires_grad)


def _filled(
    name: str,
    size: tuple[Any, ...],
    value: int,
    dtype: Any,
    device: Any,
    requires_grad: bool,
    out: Tensor | None,
    options: dict[str, Any],
) -> Tensor:
    shape = shape_of(name, size, options)
    if out is not None:
        return finished(filled(shape, value, out.dtype, out.device), out, requires_grad, dtype)
    made = filled(shape, value, floating_dtype(dtype), device_argument(device))
    return made.requires_grad_(True) if requires_grad else made


@public("function")
def zeros(
    *size: Any,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    out: Tensor | None = None,
    **options: Any,
) -> Tensor:
    """Zeros of shape ``size``, given as numbers or as one sequence.

    Shapes: -> [*size]; dtypes: any. Source: torch.zeros.
    """
    return _filled("zeros", size, 0, dtype, device, requires_grad, out, options)


@public("function")
def ones(
    *size: Any,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    out: Tensor | None = None,
    **options: Any,
) -> Tensor:
    """Ones of shape ``size``, given as numbers or as one sequence.

    Shapes: -> [*size]; dtypes: any. Source: torch.ones.
    """
    return _filled("ones", size, 1, dtype, device, requires_grad, out, options)


@public("function")
def empty(
    *size: Any,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    out: Tensor | None = None,
    **options: Any,
) -> Tensor:
    """A tensor of shape ``size`` whose values are whatever the memory holds.

    Shapes: -> [*size]; dtypes: any. Source: torch.empty.
    """
    if out is not None:
        return _filled("empty", size, 0, dtype, device, requires_grad, out, options)
    made = undefined(shape_of("empty", size, options), floating_dtype(dtype), device_argument(device))
    return with_grad(made, requires_grad)


@public("function")
def empty_strided(
    size: Sequence[int],
    stride: Sequence[int],
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """A tensor with these sizes and strides, undefined values.

    Shapes: -> [*size]; dtypes: any. Raises ShapeError for sizes that do not fit. Source: torch.empty_strided.
    """
    shape, steps = shape_argument((size,), "empty_strided"), tuple(stride)
    if min(steps, default=0) < 0:
        raise ShapeError(f"empty_strided(): strides must not be negative, but are {list(steps)}")
    kind, where = floating_dtype(dtype), device_argument(device)
    count = 1 + sum((n - 1) * s for n, s in zip(shape, steps)) if min(shape, default=1) else 0
    base = empty_of_layout(dense((count,), kind), where)
    base.become(empty_view(base, strided(shape, steps, kind)))
    return with_grad(base, requires_grad)


def empty_view(base: Any, layout: Any) -> Any:
    """``base``'s memory under another layout, without history."""
    return view_of(base, layout, base.offset)


def _like(
    name: str, input: Tensor, dtype: Any, device: Any, options: dict[str, Any]
) -> tuple[Any, DType, Any]:
    check_layout_options(name, options)
    if not isinstance(input, TensorBase):
        raise SignatureError(f"{name}(): argument 'input' must be a Tensor, not {type(input).__name__}")
    kind = input.dtype if dtype is None else dtype_argument(dtype)
    return tuple(input.shape), kind, input.device if device is None else device_argument(device)


def _keeping_strides(input: Tensor, made: Any) -> Any:
    """``made`` (dense, all values alike) under ``input``'s strides where that is dense in another order."""
    if input.layout.dense or made.dtype.stored is not None or not non_overlapping_dense(input.layout):
        return made
    made.become(empty_view(made, strided(tuple(input.shape), input.layout.strides, made.dtype)))
    return made


@public("function")
def full_like(
    input: Tensor,
    fill_value: Any,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    **options: Any,
) -> Tensor:
    """A tensor of the shape, dtype and device of ``input`` with every element ``fill_value``.

    Shapes: [*S] -> [*S]; dtypes: any. Source: torch.full_like.
    """
    shape, kind, where = _like("full_like", input, dtype, device, options)
    check_fits("full_like", fill_value, kind)
    return with_grad(_keeping_strides(input, filled(shape, fill_value, kind, where)), requires_grad)


@public("function")
def zeros_like(
    input: Tensor, *, dtype: Any = None, device: Any = None, requires_grad: bool = False, **options: Any
) -> Tensor:
    """Zeros of the shape, dtype and device of ``input``.

    Shapes: [*S] -> [*S]; dtypes: any. Source: torch.zeros_like.
    """
    return full_like(input, 0, dtype=dtype, device=device, requires_grad=requires_grad, **options)


@public("function")
def ones_like(
    input: Tensor, *, dtype: Any = None, device: Any = None, requires_grad: bool = False, **options: Any
) -> Tensor:
    """Ones of the shape, dtype and device of ``input``.

    Shapes: [*S] -> [*S]; dtypes: any. Source: torch.ones_like.
    """
    return full_like(input, 1, dtype=dtype, device=device, requires_grad=requires_grad, **options)


@public("function")
def empty_like(
    input: Tensor, *, dtype: Any = None, device: Any = None, requires_grad: bool = False, **options: Any
) -> Tensor:
    """A tensor of the shape, dtype and device of ``input`` with undefined values.

    Shapes: [*S] -> [*S]; dtypes: any. Source: torch.empty_like.
    """
    shape, kind, where = _like("empty_like", input, dtype, device, options)
    return with_grad(_keeping_strides(input, undefined(shape, kind, where)), requires_grad)


def legacy(args: tuple[Any, ...], device: Any = None) -> Tensor:
    """``Tensor(2, 3)`` (undefined values), ``Tensor([1, 2])``: in the default dtype, whatever the data, and
    on the CPU, whatever the default device.
    """
    device = "cpu" if device is None else device
    if len(args) == 1 and not isinstance(args[0], int):
        data = args[0]
        if isinstance(data, TensorBase):
            return data.detach()
        if isinstance(data, (float, bool)):
            raise SignatureError(f"new(): data must be a sequence (got {type(data).__name__}: {data!r})")
        if type(data).__name__ != "Size":
            return tensor(data, dtype=promotion.default_dtype(), device=device)
    return empty(*args, device=device) if args else empty(0, device=device)


__all__ = [
    "as_tensor",
    "asarray",
    "empty",
    "empty_like",
    "empty_strided",
    "full",
    "full_like",
    "ones",
    "ones_like",
    "scalar_tensor",
    "tensor",
    "zeros",
    "zeros_like",
]
