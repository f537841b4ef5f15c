"""Pruning: masks over the parameters of modules, as a transform that runs before each call.

A pruned parameter NAME becomes the parameter NAME_orig and the buffer NAME_mask (1 keeps, 0 drops), and NAME
their product, so that training goes on with what is left. ``remove`` makes it permanent; quantize after that:
a symmetric scale keeps zeros zero. Names and behaviour are those of torch.nn.utils.prune; ``n_of_m`` is our
own.
"""

from __future__ import annotations

import tensorplug as tp
from tensorplug_dispatcher.errors import IndexRangeError, ShapeError, SignatureError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from tensorplug import Tensor


class L1Unstructured:
    """Importance of an element: its absolute value."""

    @staticmethod
    def scores(tensor: Any) -> Any:
        return tensor.abs()


class RandomUnstructured:
    """Importance of an element: a random number."""

    @staticmethod
    def scores(tensor: Any) -> Any:
        return tp.rand(tuple(tensor.shape), device=tensor.device)


class Mask:
    """The hook that gives a module its masked parameter before each call."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __call__(self, module: Any, inputs: Any) -> None:
        setattr(module, self.name, masked(module, self.name))


def masked(module: Any, name: str) -> Any:
    """The parameter with its mask applied."""
    return getattr(module, f"{name}_orig") * getattr(module, f"{name}_mask")


def _hook_of(module: Any, name: str) -> Any:
    for key, (hook, *_) in module._own_call_hooks().forward_pre.items():
        if isinstance(hook, Mask) and hook.name == name:
            return key
    return None


def _values(module: Any, name: str) -> tuple[Any, Any]:
    """The unpruned values and the mask so far, neither recorded."""
    if is_pruned_parameter(module, name):
        return getattr(module, f"{name}_orig").detach(), getattr(module, f"{name}_mask")
    tensor = module._parameters.get(name)
    if tensor is None:
        known = ", ".join(map(repr, module._parameters)) or "none"
        raise SignatureError(
            f"prune: {type(module).__name__} has no parameter {name!r}; its parameters are {known}"
        )
    return tensor.detach(), tp.ones_like(tensor.detach())


def _count(amount: Any, size: int, what: str) -> int:
    """How many of ``size`` to drop: ``amount`` of them, or that part of them."""
    if isinstance(amount, bool) or not isinstance(amount, (int, float)):
        raise SignatureError(
            f"prune: amount must be a number, not {type(amount).__name__}; give a part from 0.0 to 1.0, or "
            f"how many {what}"
        )
    if isinstance(amount, float):
        if not 0.0 <= amount <= 1.0:
            raise ShapeError(f"prune: amount={amount} is no part of a whole; give 0.0 to 1.0, or an int")
        return round(amount * size)
    if not 0 <= amount <= size:
        raise ShapeError(f"prune: amount={amount} {what} should be dropped of {size}; give 0 to {size}")
    return amount


def _dropped(scores: Any, mask: Any, count: int) -> Any:
    """``mask`` without the ``count`` least important of what it still keeps."""
    if not count:
        return mask.clone()
    kept = tp.where(mask != 0, scores.to(tp.float32), float("inf"))
    _, places = tp.topk(kept.reshape(-1), count, largest=False)
    flat = mask.reshape(-1).clone()
    flat[places] = 0.0
    return flat.reshape(mask.shape)


def _apply(module: Any, name: str, mask: Any) -> Any:
    if not is_pruned_parameter(module, name):
        original = module._parameters.pop(name)
        module.register_parameter(f"{name}_orig", original)
        module.register_buffer(f"{name}_mask", mask)
        module.register_forward_pre_hook(Mask(name))
    else:
        module._buffers[f"{name}_mask"] = mask
    setattr(module, name, masked(module, name))
    return module


def identity(module: Any, name: str) -> Any:
    """Prune nothing: the transform alone, with a mask of ones."""
    return custom_from_mask(module, name, tp.ones_like(_values(module, name)[0]))


def custom_from_mask(module: Any, name: str, mask: Tensor) -> Any:
    """Prune by a mask of the parameter's shape: what is 0 goes. Returns the module, as all here do."""
    values, before = _values(module, name)
    if tuple(mask.shape) != tuple(values.shape):
        raise ShapeError(
            f"prune: the mask has shape {list(mask.shape)}, parameter {name!r} {list(values.shape)}; "
            "they must be the same"
        )
    return _apply(module, name, (mask != 0).to(values.dtype) * before)


def l1_unstructured(module: Any, name: str, amount: float, importance_scores: Tensor | None = None) -> Any:
    """Drop the elements of least magnitude (or importance):
    ``amount`` of those left, or that part of them.
    """
    return _unstructured(module, name, amount, L1Unstructured, importance_scores)


def random_unstructured(module: Any, name: str, amount: float) -> Any:
    """Drop elements at random."""
    return _unstructured(module, name, amount, RandomUnstructured, None)


def _unstructured(module: Any, name: str, amount: Any, method: Any, importance: Any) -> Any:
    values, mask = _values(module, name)
    left = int(mask.sum().item())
    scores = method.scores(values) if importance is None else importance
    return _apply(module, name, _dropped(scores, mask, _count(amount, left, "elements")))


def ln_structured(
    module: Any, name: str, amount: float, n: Any, dim: int, importance_scores: Tensor | None = None
) -> Any:
    """Drop whole slices along ``dim``, those of the least ``n``-norm."""
    values, mask = _values(module, name)
    scores = values if importance_scores is None else importance_scores
    dim = _dim(values, dim)
    others = tuple(i for i in range(values.ndim) if i != dim)
    norms = tp.linalg.vector_norm(scores.float() * mask, n, others) if others else (scores * mask).abs()
    return _structured(module, name, amount, dim, norms, mask)


def random_structured(module: Any, name: str, amount: float, dim: int) -> Any:
    """Drop whole slices along ``dim`` at random."""
    values, mask = _values(module, name)
    dim = _dim(values, dim)
    return _structured(module, name, amount, dim, tp.rand(values.shape[dim], device=values.device), mask)


def _dim(values: Any, dim: int) -> int:
    if not -values.ndim <= dim < values.ndim:
        raise IndexRangeError(
            f"prune: dim {dim} is no dimension of a parameter of shape {list(values.shape)}; give one of "
            f"{-values.ndim} to {values.ndim - 1}"
        )
    return dim % values.ndim


def _structured(module: Any, name: str, amount: Any, dim: int, scores: Any, mask: Any) -> Any:
    shape = tuple(-1 if i == dim else 1 for i in range(mask.ndim))
    others = tuple(i for i in range(mask.ndim) if i != dim)
    left = mask.amax(others) if others else mask
    count = _count(amount, int(left.sum().item()), f"slices along dimension {dim}")
    return _apply(module, name, mask * _dropped(scores, left, count).reshape(shape))


def n_of_m(module: Any, name: str, n: int = 2, m: int = 4) -> Any:
    """Keep the ``n`` largest of every ``m`` neighbours along the last dimension (2:4 is what sparse tensor
    cores take). Source: arXiv:2104.08378.
    """
    values, mask = _values(module, name)
    width = values.shape[-1] if values.ndim else 0
    if not 0 < n <= m or not width or width % m:
        raise ShapeError(
            f"prune: {n} of every {m} cannot be kept in a parameter of shape {list(values.shape)}; "
            "n must be 1 to m, and m divide the last dimension"
        )
    groups = (values.abs() * mask).reshape(-1, m)
    places = groups.argsort(1, descending=True)
    kept = tp.zeros_like(groups)
    kept.scatter_(1, places[:, :n], 1.0)
    return _apply(module, name, kept.reshape(values.shape) * mask)


def global_unstructured(
    parameters: Iterable[tuple[Any, str]], pruning_method: Any = L1Unstructured, amount: float = 0.0
) -> None:
    """Drop the least important elements of all parameters together, given as (module, name).

    ``pruning_method``: L1Unstructured or RandomUnstructured.
    """
    places = list(parameters)
    found = [_values(module, name) for module, name in places]
    if not places:
        raise SignatureError(
            "prune: global_unstructured got no parameters; give pairs of a module and a name"
        )
    scores = tp.cat([pruning_method.scores(values).float().reshape(-1) for values, _ in found])
    mask = tp.cat([m.float().reshape(-1) for _, m in found])
    whole = _dropped(scores, mask, _count(amount, int(mask.sum().item()), "elements"))
    start = 0
    for (module, name), (values, _) in zip(places, found, strict=True):
        part = whole[start : start + values.numel()].reshape(values.shape)
        start += values.numel()
        _apply(module, name, part.to(values.dtype))


def is_pruned_parameter(module: Any, name: str) -> bool:
    """Whether this parameter has a mask."""
    return f"{name}_mask" in module._buffers and f"{name}_orig" in module._parameters


def is_pruned(module: Any) -> bool:
    """Whether the module, or one in it, has a masked parameter."""
    return any(
        key.endswith("_mask") and is_pruned_parameter(part, key[:-5])
        for part in module.modules()
        for key in part._buffers
    )


def remove(module: Any, name: str) -> Any:
    """Make the pruning of a parameter permanent: a parameter again, with zeros in it."""
    if not is_pruned_parameter(module, name):
        raise SignatureError(
            f"prune: parameter {name!r} of {type(module).__name__} is not pruned; is_pruned(module) tells"
        )
    key = _hook_of(module, name)
    if key is not None:
        del module._own_call_hooks().forward_pre[key]
    values = masked(module, name).detach()
    original = module._parameters.pop(f"{name}_orig")
    module._buffers.pop(f"{name}_mask")
    if name in module.__dict__:
        delattr(module, name)
    with tp.no_grad():
        original.copy_(values)
    module.register_parameter(name, original)
    return module


def remove_all(model: Any) -> Any:
    """``remove`` of every pruned parameter in ``model``."""
    for module in model.modules():
        for key in list(module._buffers):
            if key.endswith("_mask") and is_pruned_parameter(module, key[:-5]):
                remove(module, key[:-5])
    return model


def sparsity(model: Any) -> float:
    """The part of all elements of parameters of two or more dimensions that is zero."""
    zeros = total = 0
    for parameter in model.parameters():
        if parameter.ndim > 1:
            zeros += int((parameter.dequantize() == 0).sum().item())
            total += parameter.numel()
    return zeros / max(total, 1)


__all__ = [
    "L1Unstructured",
    "RandomUnstructured",
    "custom_from_mask",
    "global_unstructured",
    "identity",
    "is_pruned",
    "l1_unstructured",
    "ln_structured",
    "n_of_m",
    "random_structured",
    "random_unstructured",
    "remove",
    "remove_all",
    "sparsity",
]
