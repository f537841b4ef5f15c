"""The layer: which way an op on quantized tensors goes.

A product with a quantized weight becomes a quantized op of the table, which the device has a kernel for or is
decomposed. Views look at levels and scales alike. Whatever else goes the way of reference: dequantize, op,
requantize; that is counted, with the reason.
"""

from __future__ import annotations

from typing import Any, Final

from tensorplug_dispatcher import ops
from tensorplug_dispatcher.errors import DTypeError
from tensorplug_dispatcher.ops import F

from . import products, sessions, views
from .quantizer import (
    FLOAT8,
    Tensor,
    chosen,
    copy_into,
    dequantized,
    is_quantized,
    like,
    mapped,
    quantizer_of,
)

# ops whose results are among the numbers that they take (or 0): the scale is theirs too
KEEP_SCALE: Final = frozenset(
    (
        *("relu", "flip", "roll", "repeat", "tile", "repeat_interleave", "amax", "amin", "index_select"),
        *("gather", "index", "take_along_dim", "tril", "triu", "max_pool"),
        *("adaptive_max_pool", "sort", "topk", "kthvalue", "cummax", "cummin", "narrow", "slice", "select"),
        *("view", "permute", "transpose", "movedim", "expand", "unsqueeze", "squeeze", "as_strided"),
        *("diagonal", "unfold"),
    )
)

_reasons: dict[tuple[str, str], str] = {}  # (op, device type) → why it went the way of reference


class QuantizationLayer:
    """Wraps every op, for keys with a quantized dtype, and those that a session watches."""

    name = "quantization"
    rank = 40

    def wrap(self, function: Any, key: int, inner: Any) -> Any:
        name = function.name

        def around(args: tuple[Any, ...], outs: Any) -> Any:
            if not any(map(_holds_quantized, args)) and not any(map(is_quantized, outs or ())):
                session = sessions.current()
                if session is None or outs is not None or not sessions.watched(name, args):
                    return inner(args) if outs is None else inner(args, outs)
                return session.watch(name, args, inner)
            if outs is not None:
                return _into(function, args, outs)
            handler = HANDLERS.get(name)
            if handler is not None and (name not in products.HANDLERS or products.stands(name, args)):
                try:
                    return handler(name, args)
                except products.Refused as refused:
                    return _reference(function, args, str(refused))
            return _reference(function, args, f"no quantized op stands for {_called(name, args)}")

        return around

    def explain(self, name: str, device: Any) -> list[str]:
        """What the layer does to an op's quantized operands, for ``explain``."""
        targets = products.TARGETS.get(name)
        if targets:
            lines = [f"  quantized  runs as {' or '.join(targets)} where the operands allow it"]
        elif name in views.VIEWS:
            lines = ["  quantized  a view of levels and scales alike"]
        elif name in HANDLERS:
            lines = ["  quantized  on the levels"]
        elif name in ops.OPS and ops.OPS[name].family == "quantized":
            return []
        else:
            lines = ["  quantized  by reference: dequantize, op, requantize"]
        reason = _reasons.get((name, device.type))
        if reason is not None:
            calls = getattr(F, name).counts.get((device.type, "reference", "quantization"), 0)
            lines.append(f"  quantized  {calls} calls went by reference, the last since {reason}")
        return lines


def _called(name: str, args: tuple[Any, ...]) -> str:
    return f"{name} of {args[1].ndim - 2} dimensions" if name == "conv" else name


def _holds_quantized(arg: Any) -> bool:
    return any(map(is_quantized, arg)) if isinstance(arg, tuple) else is_quantized(arg)


def _plain(arg: Any) -> Any:
    if isinstance(arg, tuple):
        return tuple([_plain(item) for item in arg])
    return dequantized(arg)


def count_reference(function: Any, device: Any, reason: str) -> None:
    key = (device.type, "reference", "quantization")
    function.counts[key] = function.counts.get(key, 0) + 1
    _reasons[function.name, device.type] = reason


def _tensors(args: tuple[Any, ...]) -> list[Tensor]:
    flat = [item for arg in args for item in (arg if isinstance(arg, tuple) else (arg,))]
    return [item for item in flat if hasattr(item, "layout")]


def _reference(function: Any, args: tuple[Any, ...], reason: str) -> Any:
    """Dequantize, op, requantize. The result is quantized where all floating operands were."""
    tensors = _tensors(args)
    first = next(t for t in tensors if is_quantized(t))
    count_reference(function, first.device, reason)
    result = function.call(tuple([_plain(arg) for arg in args]))
    product = products.stands(function.name, args) or function.op.family == "quantized"
    if product or any(t.dtype.is_floating_point for t in tensors):
        return result
    keeps = function.name in KEEP_SCALE and quantizer_of(first).per_tensor

    def requantized(one: Tensor) -> Tensor:
        if not one.dtype.is_floating_point:
            return one
        return like(first, one) if keeps or first.dtype in FLOAT8 else chosen(one, first.dtype)

    if first.dtype.name.endswith("int4") or not quantizer_of(first).per_tensor:
        return result  # a weight: what is worked out with it is no weight any more
    return tuple(map(requantized, result)) if isinstance(result, tuple) else requantized(result)


def _into(function: Any, args: tuple[Any, ...], outs: tuple[Any, ...]) -> Any:
    """In place and ``out=``: quantized outputs keep their scales."""
    plain = tuple([_plain(arg) for arg in args])
    if not any(map(is_quantized, outs)):
        return function.write_into(plain, outs)
    if function.name in ("copy", "assign"):
        copy_into(outs[0], args[0] if function.name == "copy" else args[1])
        return outs[0]
    if function.name == "fill":
        value = F.fill(plain[0], plain[1], quantizer_of(outs[0]).number, device=outs[0].device)
        return copy_into(outs[0], value)
    count_reference(function, outs[0].device, "it writes into a quantized tensor")
    results = function.call(plain)
    for out, result in zip(outs, results if isinstance(results, tuple) else (results,), strict=True):
        copy_into(out, result)
    return outs[0] if len(outs) == 1 else outs


def _cast(name: str, args: tuple[Any, ...]) -> Tensor:
    source, dtype = args
    if dtype is source.dtype:
        return mapped(source, F.copy)
    if dtype.is_floating_point:
        return dequantized(source, dtype)
    if dtype in FLOAT8:
        return chosen(dequantized(source), dtype)
    if dtype.stored is not None:
        raise DTypeError(
            f"a {source.dtype.name} tensor cannot be cast to {dtype.name}, which needs scales of its own; "
            f"quantize x.dequantize() with quantize_per_tensor() or its like, or take the levels with "
            f"x.int_repr()"
        )
    return F.cast(dequantized(source), dtype)


def _copy(name: str, args: tuple[Any, ...]) -> Tensor:
    return mapped(args[0], F.copy)


def _to_device(name: str, args: tuple[Any, ...]) -> Tensor:
    if args[0].device is args[1]:
        return args[0]
    return mapped(args[0], lambda part: F.to_device(part, args[1]))


HANDLERS: Final[dict[str, Any]] = {
    "cast": _cast,
    "copy": _copy,
    "to_device": _to_device,
    **dict.fromkeys(views.VIEWS, views.viewed),
    **products.HANDLERS,
}
