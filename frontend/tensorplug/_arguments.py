"""Arguments as PyTorch's users give them: sizes as one sequence or several numbers,
dtypes and devices by name.
"""

from __future__ import annotations

import operator

from tensorplug_dispatcher import promotion
from tensorplug_dispatcher.conversion import check_fits as check_fits
from tensorplug_dispatcher.devices.registry import chosen_device, default_device
from tensorplug_dispatcher.devices.registry import device as device_named
from tensorplug_dispatcher.dtypes import FLOATING, DType, bool_, float64, int64
from tensorplug_dispatcher.errors import AutogradError, DTypeError, ShapeError, SignatureError
from tensorplug_dispatcher.ops import F
from tensorplug_dispatcher.tensor import TensorBase

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from tensorplug_dispatcher.storage import Device


def integer(value: Any, function: str, argument: str) -> int:
    """``value`` as an int; raises SignatureError that names the argument."""
    if type(value) is int:
        return value
    try:
        return operator.index(value)
    except TypeError:
        raise SignatureError(
            f"{function}(): argument '{argument}' must be an int, not {value!r} ({type(value).__name__})"
        ) from None


def is_integer(value: Any) -> bool:
    """Whether ``value`` is one integer, Python's or NumPy's."""
    return isinstance(value, int) or (
        hasattr(value, "__index__") and not isinstance(value, TensorBase) and not getattr(value, "ndim", 0)
    )


def several(value: Any, count: int = 1) -> tuple[int, ...]:
    """``(value,) * count`` for one integer, else what the sequence ``value`` holds."""
    return (operator.index(value),) * count if is_integer(value) else tuple(value)


def sizes(args: Sequence[Any], function: str, argument: str = "size") -> tuple[int, ...]:
    """``(2, 3)`` from ``f(2, 3)``, ``f((2, 3))`` or ``f([2, 3])``."""
    if len(args) == 1 and type(args[0]) is not int:
        first = args[0]
        if not isinstance(first, TensorBase) and hasattr(first, "__iter__"):
            args = tuple(first)
    for n in args:
        if type(n) is not int:
            return tuple([integer(m, function, argument) for m in args])
    return tuple(args)


def shape_argument(args: Sequence[Any], function: str) -> tuple[int, ...]:
    """``sizes`` for a new tensor; raises ShapeError where one is negative."""
    shape = sizes(args, function)
    for n in shape:
        if n < 0:
            raise ShapeError(
                f"{function}(): Trying to create tensor with negative dimension {n}: "
                f"{list(shape)}; give sizes of 0 or more"
            )
    return shape


def shape_of(function: str, size: tuple[Any, ...], options: dict[str, Any]) -> tuple[int, ...]:
    """The shape from ``f(2, 3)``, ``f((2, 3))`` or ``f(size=(2, 3))``; checks the other ``options``."""
    if options:
        if "size" in options and not size:
            size = (options.pop("size"),)
        check_layout_options(function, options)
    return shape_argument(size, function)


def named(args: tuple[Any, ...], given: dict[str, Any], function: str, argument: str) -> tuple[Any, ...]:
    """``args`` of ``f(*args)``, or what ``given`` holds in their place: ``x.permute(dims=(1, 0))``."""
    if not given:
        return args
    if args or set(given) != {argument}:
        unknown = next((name for name in given if name != argument), argument)
        raise SignatureError(f"{function}() got '{unknown}' unexpectedly or twice; it takes '{argument}'")
    return (given[argument],)


def dtype_argument(dtype: Any) -> DType:
    """A DType, or what the Python types float, int and bool mean; raises DTypeError for anything else."""
    if isinstance(dtype, DType):
        return dtype
    if dtype is float:
        return float64
    if dtype is int:
        return int64
    if dtype is bool:
        return bool_
    raise DTypeError(f"dtype must be a tensorplug dtype such as tensorplug.float32, not {dtype!r}")


def floating_dtype(dtype: Any) -> DType:
    """The dtype given, or the default floating dtype."""
    return promotion.default_dtype() if dtype is None else dtype_argument(dtype)


def device_argument(device: Any) -> Device:
    """A Device from a name, an index or a Device; None is the default device."""
    if device is None:
        return default_device()
    return device_named(device)


def device_of_data(device: Any, data: Any) -> Device:
    """Where data goes: to the ``device`` given, else to the default device that was chosen, else it stays."""
    where = chosen_device() if device is None else device_named(device)
    return data.device if where is None else where


def outside(tensor: Any, low: float, high: float) -> bool:
    """Whether a tensor has a value outside [low, high], or NaN; waits for its device."""
    if not tensor.numel():
        return False
    plain = tensor.detach()
    if not tensor.device.host:  # one number comes back
        return not F.all(F.bitwise_and(F.ge(plain, low), F.le(plain, high))).item()
    return not (F.amin(plain).item() >= low and F.amax(plain).item() <= high)


def check_out(function: str, out: Any, dtype: DType) -> None:
    """Raise DTypeError where ``out`` has not exactly the result's dtype, as indexing functions ask."""
    if out is not None and out.dtype is not dtype:
        raise DTypeError(
            f"{function}(): Expected out tensor to have dtype {dtype.name}, "
            f"but got {out.dtype.name} instead; give one of that dtype"
        )


def check_same_dtype(function: str, **operands: Any) -> None:
    """Raise DTypeError where tensors differ in dtype and the function promotes nothing."""
    kinds = {name: t.dtype.name for name, t in operands.items() if isinstance(t, TensorBase)}
    if len(set(kinds.values())) > 1:
        given = ", ".join(f"{name} {kind}" for name, kind in kinds.items())
        raise DTypeError(
            f"{function}(): expected tensors of one dtype, but got {given}; convert with .to(dtype)"
        )


def check_floating(function: str, tensor: Any) -> None:
    """Raise DTypeError for a tensor that is not floating."""
    if tensor.dtype.kind != FLOATING:
        raise DTypeError(f'"{function}" not implemented for {tensor.dtype.name!r}; convert with .float()')


def dtype_of_out(dtype: Any, out: Any) -> Any:
    """The dtype asked for, else that of ``out``: what a function fills, it computes in."""
    return out.dtype if dtype is None and out is not None else dtype


def finished(made: Any, out: Any, requires_grad: bool, dtype: Any = None, flat: bool = False) -> Any:
    """What a function that makes a tensor gives back: ``made``, or ``out``, which is resized to hold it.

    ``dtype`` is the one that was asked for, which must be that of ``out``. ``flat``: a shape of ``out`` with
    as many elements stays, filled row by row.
    """
    if out is None:
        return made.requires_grad_(True) if requires_grad else made
    if dtype is not None and dtype_argument(dtype) is not out.dtype:
        raise DTypeError(
            f"dtype {dtype_argument(dtype).name} does not match dtype of out parameter ({out.dtype.name}); "
            f"leave dtype out"
        )
    if out.requires_grad:
        raise AutogradError(
            "functions with out=... arguments don't support automatic differentiation, but out requires "
            "grad; give out.detach()"
        )
    if flat and out.numel() == made.numel():
        made = made.reshape(tuple(out.shape))
    elif tuple(out.shape) != tuple(made.shape):
        out.resize_(tuple(made.shape))
    return out.copy_(made)


def with_grad(tensor: Any, requires_grad: bool) -> Any:
    """``tensor``, marked to collect gradients where asked."""
    return tensor.requires_grad_(True) if requires_grad else tensor


def check_layout_options(function: str, options: dict[str, Any]) -> None:
    """Accept PyTorch's ``layout``, ``pin_memory`` and ``memory_format`` where they ask nothing special."""
    for name in options:
        if name not in ("layout", "pin_memory", "memory_format"):
            raise SignatureError(f"{function}() got an unexpected keyword argument '{name}'")
