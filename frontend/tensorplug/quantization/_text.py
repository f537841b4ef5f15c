"""Quantized tensors taken apart: for printing, pickling and files."""

from __future__ import annotations

from dataclasses import replace

from tensorplug_dispatcher.dtypes import dtype_named, float32, int32
from tensorplug_dispatcher.ops import F
from tensorplug_layers.quantization import quantizer as q

from . import _tensors

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def suffixes_of(tensor: Any, suffixes: list[str]) -> list[str]:
    """What a quantized tensor's text says beside its numbers, in PyTorch's words."""
    dtype = f"dtype={tensor.dtype}"
    quantizer = q.quantizer_of(tensor)
    if quantizer.scale is None:  # floats of eight bits, which are plain numbers
        return suffixes
    found = [f"size={tuple(tensor.shape)}", *(s for s in suffixes if s != dtype), dtype]
    scheme = _tensors.qscheme(tensor)
    found.append(f"quantization_scheme={scheme}")
    if quantizer.per_tensor:
        return [*found, f"scale={_tensors.q_scale(tensor)}", f"zero_point={_tensors.q_zero_point(tensor)}"]
    if "channel" in scheme.name:
        return [*found, f"axis={_tensors.q_per_channel_axis(tensor)}"]
    return [*found, f"group_size={tensor.shape[-1] // quantizer.scale.shape[-1]}"]


def parts_of(tensor: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """(plain tensors by name, the rest as numbers and strings): what ``with_parts`` takes."""
    found = q.mapped(tensor.detach(), lambda part: part if part.layout.dense else F.copy(part))
    quantizer = q.quantizer_of(found)
    tensors = {"levels": q.stored(found), "scale": quantizer.scale, "zero_point": quantizer.zero_point}
    rest: dict[str, Any] = {"dtype": tensor.dtype.name}
    if quantizer.number is not float32:
        rest["number"] = quantizer.number.name
    if tensor.dtype in q.FOUR_BITS:
        rest["width"] = tensor.shape[-1]
    recipe = quantizer.recipe
    if recipe is not None:
        rest["activation"] = None if recipe.activation is None else recipe.activation.name
        rest.update({"symmetric": True} if recipe.symmetric else {})
        for name, part in (("input_scale", recipe.scale), ("input_zero_point", recipe.zero_point)):
            if part is not None:
                rest[name] = part.item()
    return {name: part for name, part in tensors.items() if part is not None}, rest


def with_parts(kind: type, tensors: dict[str, Any], rest: dict[str, Any]) -> Any:
    """The tensor that ``parts_of`` took apart, as an instance of ``kind``."""
    levels = tensors["levels"]
    recipe = None
    if "activation" in rest:
        activation = rest["activation"]
        recipe = q.Recipe(
            None if activation is None else dtype_named(activation),
            rest.get("symmetric", False),
            _number(rest.get("input_scale"), float32, levels),
            _number(rest.get("input_zero_point"), int32, levels),
        )
    dtype = dtype_named(rest["dtype"])
    quantizer = q.Quantizer(
        tensors.get("scale"), tensors.get("zero_point"), dtype_named(rest.get("number", "float32")), recipe
    )
    shape = (*levels.shape[:-1], rest["width"]) if "width" in rest else levels.shape
    made: Any = q.made(levels, tuple(shape), dtype, q.with_sums(levels, dtype, quantizer))
    if kind is not type(made):
        made.__class__ = kind
    return made


def _number(value: Any, dtype: Any, beside: Any) -> Any:
    return None if value is None else F.fill((), value, dtype, device=beside.device)


def with_recipe(tensor: Any, recipe: q.Recipe) -> Any:
    """The same levels with another recipe."""
    quantizer = replace(q.quantizer_of(tensor), recipe=recipe, weight_sum=None)
    levels = q.stored(tensor)
    return q.made(levels, tensor.shape, tensor.dtype, q.with_sums(levels, tensor.dtype, quantizer))
